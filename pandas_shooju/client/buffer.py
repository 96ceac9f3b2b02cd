"""What a job holds until the server has confirmed it: items, and how they are parted into calls. No I/O.

An item is one write or deletion, as it will stand in the body of ``POST /series/write``. Its points are columns. A
write that repeats the query (and report date) of the one before it extends that item; what results is what the
writes would have given one by one, whatever the size of the batches:

- of points with the same date the last holds, as of fields with the same name;
- ``remove_others`` also removes what the item had collected;
- a deletion, and a write after it, are items of their own.

Two items *conflict* if their order matters: both are of one series, and of one report date (or one deletes the
series). Such items are never in one call, where the first could fail and the second not; the later waits for the
earlier. Items of one series that do not conflict may share a call, but are never in two calls at once, as the server
locks a series while it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from pandas_shooju.formats import PointColumns
from pandas_shooju.query import id_key, unquote
from pandas_shooju.query import series as series_query
from pandas_shooju.values import field_values

KeepOnly = Literal["points", "fields", "all"] | None

#: ``sid=a\b`` or ``sid="a\b"``, and nothing else: a query that names a series by its id
_SID = re.compile(r'\s*sid\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"()@*]+))\s*', re.IGNORECASE)


class SeriesWrite(NamedTuple):
    """What to write to one series: points whose dates ascend, and fields as JSON has them."""

    series_id: str
    points: PointColumns | None
    fields: dict[str, Any]
    #: milliseconds; None writes the series' own points and fields
    reported_date: int | None = None


class Item:
    """A write or deletion that waits.

    Attributes
    ----------
    target : dict
        ``{"query": ...}`` or ``{"series_id": ...}``.
    series : str
        What is taken for the series' identity: its id where that is known.
    reported_date : int, "all" or None
        Milliseconds; None for the series' own points and fields.
    delete : bool
        Whether it is a deletion; `force` then deletes for good.
    fields : dict
        To be merged into the series' fields.
    keep_only : {"points", "fields", "all"} or None
        What of the series to remove before.
    size : int
        How many points it holds.
    error, description : str or None
        Why it was not stored in the last attempt.
    """

    __slots__ = (
        "_ascending", "_chunks", "delete", "description", "error", "fields", "force", "keep_only", "reported_date",
        "series", "size", "target",
    )  # fmt: skip

    def __init__(
        self,
        target: dict[str, str],
        reported_date: int | Literal["all"] | None = None,
        *,
        delete: bool = False,
        force: bool = False,
        series: str | None = None,
    ) -> None:
        self.target = target
        self.series = series_of(target) if series is None else series
        self.reported_date = reported_date
        self.delete = delete
        self.force = force
        self.fields: dict[str, Any] = {}
        self.keep_only: KeepOnly = None
        self.error: str | None = None
        self.description: str | None = None
        self.size = 0
        self._chunks: list[PointColumns] = []
        self._ascending = False  # whether the points are one chunk that is known to ascend

    @property
    def name(self) -> str:
        """The query or id by which the caller knows it."""
        return next(iter(self.target.values()))

    def merge(
        self, fields: Mapping[str, Any], points: PointColumns | None, keep_only: KeepOnly, ascending: bool = False
    ) -> None:
        """Take a further write into this item; `ascending`: the dates of its points are known to be so."""
        if keep_only in ("points", "all"):
            self._chunks.clear()
            self.size = 0
        if keep_only in ("fields", "all"):
            self.fields.clear()
        if keep_only is not None:
            self.keep_only = keep_only if self.keep_only in (None, keep_only) else "all"
        self.fields.update(fields)
        count = 0 if points is None else len(points)
        if points is not None and count:
            chunks = self._chunks
            self._ascending = ascending and not chunks
            self.size += count
            chunks.append(points)
            # point by point, chunks grow as a binary counter does: each is copied log(n) times
            while len(chunks) > 1 and len(chunks[-2]) <= len(chunks[-1]) and len(chunks[-1]) < 100_000:
                chunks[-2:] = [PointColumns.concat(chunks[-2:])]

    def points(self) -> PointColumns:
        """The points, dates ascending, each date once."""
        if len(self._chunks) > 1:
            self._chunks = [PointColumns.concat(self._chunks)]
        points = self._chunks[0] if self._chunks else PointColumns.empty()
        if not (self._ascending or np.all(points.dates[1:] > points.dates[:-1])):
            order = np.argsort(points.dates, kind="stable")
            dates = points.dates[order]
            points = points[order[np.append(dates[1:] != dates[:-1], True)]]
            self._chunks = [points]
            self.size = len(points)
        return points

    def document(self) -> dict[str, Any]:
        """The item as the API takes it."""
        document: dict[str, Any] = {"type": "DELETE" if self.delete else "POST", **self.target}
        if self.delete:
            document["force"] = self.force
        if self.size:
            document["points"] = self.points()
        if self.fields:
            document["fields"] = self.fields
        if self.keep_only is not None:
            document["keep_only"] = self.keep_only
        if self.reported_date is not None:
            document["reported_date"] = self.reported_date
        return document


class Buffer:
    """The items of a job that are not confirmed yet, in order of writing."""

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}
        # per series: the items that a further write may extend, by report date
        self._open: dict[str, dict[int | Literal["all"] | None, Item]] = {}

    @property
    def items(self) -> list[Item]:
        """All of them, in order of writing."""
        return list(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def write(
        self,
        target: dict[str, str],
        fields: Mapping[str, Any],
        points: PointColumns | None,
        keep_only: KeepOnly = None,
        reported_date: int | None = None,
        *,
        series: str | None = None,
        ascending: bool = False,
    ) -> None:
        """Add a write, to an item that is there or as a new one.

        `series` is what `series_of` the target is, and `ascending` that the points are so, where the caller knows.
        """
        series = series_of(target) if series is None else series
        opened = self._open.setdefault(series, {})
        item = opened.get(reported_date)
        if item is None or item.target != target:
            item = opened[reported_date] = Item(target, reported_date, series=series)
            self._items[id(item)] = item
        item.merge(fields, points, keep_only, ascending)

    def delete(
        self, target: dict[str, str], force: bool = False, reported_date: int | Literal["all"] | None = None
    ) -> None:
        """Add a deletion: of the series, or of what was filed under a report date."""
        item = Item(target, reported_date, delete=True, force=force)
        if isinstance(reported_date, int):
            self._open.get(item.series, {}).pop(reported_date, None)
        else:
            self._open.pop(item.series, None)
        self._items[id(item)] = item

    def close(self) -> None:
        """Let no further write extend the items that are there (they are about to be sent)."""
        self._open.clear()

    def remove(self, items: Iterable[Item]) -> None:
        """Take out items that are confirmed."""
        for item in items:
            self._items.pop(id(item), None)

    def clear(self) -> None:
        """Take out everything."""
        self._items.clear()
        self._open.clear()

    def fresh(self) -> list[Item]:
        """The items that were not tried yet, and those that must go before them."""
        wanted = {item.series for item in self._items.values() if item.error is None}
        return [item for item in self._items.values() if item.error is None or item.series in wanted]

    def frame(self) -> pd.DataFrame:
        """What waits and why: one row per item, with its query, points, fields, error and description."""
        rows = [(i.name, i.size, len(i.fields), i.error, i.description) for i in self._items.values()]
        return pd.DataFrame(rows, columns=["series", "points", "fields", "error", "description"])


def waves(items: Iterable[Item]) -> list[list[Item]]:
    """The items parted so that no two in a wave conflict; a wave may be sent when the one before it is done."""
    items = list(items)
    if items and _all_different(items):
        return [items]
    parted: list[list[Item]] = []
    # per series and report date: the first wave that is free; under "all" the first that is free for a deletion
    free: dict[str, dict[int | str | None, int]] = {}
    for item in items:
        lanes = free.setdefault(item.series, {})
        everything = item.delete and not isinstance(item.reported_date, int)
        if everything:
            number = max(lanes.values(), default=0)
            lanes.clear()
            lanes["all"] = number + 1
        else:
            number = max(lanes.get(item.reported_date, 0), lanes.get("all", 0))
            lanes[item.reported_date] = number + 1
        if number == len(parted):
            parted.append([])
        parted[number].append(item)
    return parted


def chains(items: Iterable[Item], batch_size: int, max_points: int) -> Iterator[list[list[Item]]]:
    """The items of a wave as calls; the calls of a chain hold the same series, and go one after the other."""
    call: list[Item] = []
    points = 0
    for group in _by_series(list(items)):
        size = group[0].size if len(group) == 1 else sum(item.size for item in group)
        if call and (len(call) + len(group) > batch_size or points + size > max_points):
            yield [call]
            call, points = [], 0
        if len(group) <= batch_size and (size <= max_points or len(group) == 1):
            call += group
            points += size
        else:
            yield _cut(group, batch_size, max_points)
    if call:
        yield [call]


def _all_different(items: list[Item]) -> bool:
    """Whether no two items are of one series, as nearly always."""
    return len({item.series for item in items}) == len(items)


def _by_series(items: list[Item]) -> Iterable[list[Item]]:
    if _all_different(items):
        return ([item] for item in items)
    by_series: dict[str, list[Item]] = {}
    for item in items:
        by_series.setdefault(item.series, []).append(item)
    return by_series.values()


def _cut(group: list[Item], batch_size: int, max_points: int) -> list[list[Item]]:
    calls: list[list[Item]] = [[]]
    points = 0
    for item in group:
        if calls[-1] and (len(calls[-1]) == batch_size or points + item.size > max_points):
            calls.append([])
            points = 0
        calls[-1].append(item)
        points += item.size
    return calls


def failed_frame(items: Iterable[Item]) -> pd.DataFrame:
    """The items that were not stored: ``series`` (the query), ``error`` and ``description``."""
    rows = [(item.name, item.error, item.description) for item in items if item.error is not None]
    return pd.DataFrame(rows, columns=["series", "error", "description"])


def series_of(target: Mapping[str, str]) -> str:
    r"""What identifies the series of an item: its id where the query names one, else the query.

    Examples
    --------
    >>> series_of({"query": r'sid="users\\Sam"'}) == series_of({"series_id": r"users\\sam"})
    True
    """
    if "series_id" in target:
        return "$" + id_key(target["series_id"])
    match = _SID.fullmatch(target["query"])
    if match is None:
        return target["query"]
    return "$" + id_key(match[2] if match[1] is None else unquote(match[1]))


def target_of(series_id: str) -> tuple[dict[str, str], str]:
    r"""The target that names a series by its id in a query, and what `series_of` it is, without parsing it.

    Examples
    --------
    >>> target_of(r"users\Sam")
    ({'query': 'sid="users\\Sam"'}, '$users\\sam')
    """
    nothing_to_quote = '"' not in series_id and not series_id.endswith("\\")
    query = f'sid="{series_id}"' if nothing_to_quote else series_query(series_id)
    return {"query": query}, "$" + id_key(series_id)


def plain_fields(fields: Mapping[str, Any] | None) -> dict[str, Any]:
    """Fields as JSON, by the rules of :mod:`pandas_shooju.values`; none for None.

    Raises
    ------
    TypeError, ValueError
        A name or a value that fields do not have.
    """
    return {} if fields is None else field_values(fields)

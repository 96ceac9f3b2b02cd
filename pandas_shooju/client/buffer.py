"""What a job holds until the server has confirmed it: items, and how they are split into calls. No I/O.

An item is one write or deletion, as it appears in the body of ``POST /series/write``. Its points are columns. A write
to the same series and report date as an earlier one extends the item of that write. The result is the same as if the
writes had been sent one by one, whatever the size of the batches:

- the last of several points with the same date counts, and the last of several fields with the same name;
- ``remove_others`` also removes what the item has collected so far;
- a deletion, and a write after it, are separate items.

Two items *conflict* if their order matters: both concern one series, and one report date (or one deletes the series).
Conflicting items are never sent in one call, where the first could fail and the second succeed; the later one waits for
the earlier one. Items of one series that do not conflict may share a call, but are never in two calls at once, because
the server locks a series while it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd

from pandas_shooju.formats import PointColumns
from pandas_shooju.formats.columns import Int64Array
from pandas_shooju.query import id_key, quote, unquote

RemoveOthers = Literal["points", "fields", "all"] | None
State = Literal["not sent", "unknown", "refused"]

#: ``sid=a\b`` or ``sid="a\b"``, and nothing else: a query that names a series by its id
_SID = re.compile(r'\s*sid\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"()@*]+))\s*', re.IGNORECASE)


#: about how many container objects a write and its item consist of
CONTAINERS = 6


class SeriesWrite(NamedTuple):
    """What to write to one series: points with ascending dates, and fields that JSON can represent."""

    series_id: str
    points: PointColumns | None
    fields: dict[str, Any]
    #: milliseconds; None writes the series' own points and fields
    reported_date: int | None = None


class Target(NamedTuple):
    r"""The series that an item is for.

    Examples
    --------
    >>> Target.of_query(r'sid="users\Sam"').name, Target.of_query("country=US").name
    ('users\\Sam', 'country=US')
    >>> Target.of_query(r"sid=users\sam").key == Target.of_id(r"users\Sam").key
    True
    """

    #: the series id; the query where that does not give the id
    name: str
    #: equal for targets that are known to be the same series
    key: str
    #: the query as the caller gave it; None if the caller gave the id
    query: str | None = None

    @classmethod
    def of_id(cls, series_id: str) -> Self:
        """The series with that id."""
        return cls(series_id, "$" + id_key(series_id))

    @classmethod
    def of_query(cls, query: str) -> Self:
        """The series that a query names."""
        match = _SID.fullmatch(query)
        if match is None:
            return cls(query, query, query)
        series_id = match[2] if match[1] is None else unquote(match[1])
        return cls.of_id(series_id)._replace(query=query)

    @property
    def on_the_wire(self) -> str:
        """The query that names the series; only one of the form ``sid=`` creates a series."""
        return f"sid={quote(self.name)}" if self.query is None else self.query


@dataclass(slots=True, eq=False)
class Item:
    """A write or deletion that waits."""

    target: Target
    #: milliseconds; None for the series' own points and fields
    reported_date: int | Literal["all"] | None = None
    _: KW_ONLY
    #: whether this is a deletion; `force` then deletes for good
    delete: bool = False
    force: bool = False
    #: fields to merge into those of the series
    fields: dict[str, Any] = field(default_factory=dict)
    #: what to remove from the series first
    remove_others: RemoveOthers = None
    #: what is known about the item; after a request without a response it is unknown whether it is stored
    state: State = "not sent"
    #: whether a request before the last response may have stored the item
    doubtful: bool = False
    #: whether the last response refused the item, and whether the caller has been told so
    refused: bool = False
    told: bool = False
    #: why the last attempt did not store the item
    error: str | None = None
    description: str | None = None
    #: the number of the item in a spool
    number: int | None = None
    #: the number of points
    size: int = 0
    _chunks: list[PointColumns] = field(default_factory=list)
    #: whether the points are one chunk that is known to ascend
    _ascending: bool = False

    def merge(
        self,
        fields: Mapping[str, Any],
        points: PointColumns | None,
        remove_others: RemoveOthers,
        ascending: bool = False,
    ) -> None:
        """Add a further write to this item; with `ascending`, the dates of its points are known to ascend."""
        if remove_others in ("points", "all"):
            self._chunks.clear()
            self.size = 0
        if remove_others in ("fields", "all"):
            self.fields.clear()
        if remove_others is not None:
            self.remove_others = remove_others if self.remove_others in (None, remove_others) else "all"
        self.fields.update(fields)
        if points is not None and len(points):
            chunks = self._chunks
            self._ascending = ascending and not chunks
            self.size += len(points)
            chunks.append(points)
            # for points that come one by one, chunks grow like a binary counter: each is copied log(n) times
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

    @property
    def empty(self) -> bool:
        """Whether nothing is left to send."""
        return not (self.delete or self.size or self.fields or self.remove_others)

    def without(self, dates: Int64Array) -> None:
        """Drop the points with these dates."""
        points = self.points()
        self._chunks = [points[~np.isin(points.dates, dates)]]
        self.size = len(self._chunks[0])

    def yield_to(self, later: Item) -> None:
        """Drop what `later`, an item that was stored although it was written after this one, has overwritten."""
        if later._wipes(self) or self._wipes(later):
            self.delete, self.remove_others = False, None
            self.fields, self._chunks, self.size = {}, [], 0
        elif later.reported_date == self.reported_date:
            self.without(later.points().dates)
            self.fields = {name: value for name, value in self.fields.items() if name not in later.fields}
            self.remove_others = None
            if later.remove_others in ("points", "all"):
                self._chunks, self.size = [], 0
            if later.remove_others in ("fields", "all"):
                self.fields = {}

    def _wipes(self, other: Item) -> bool:
        """Whether this is a deletion of what the other item is about."""
        everything = self.reported_date is None or (self.reported_date == "all" and other.reported_date is not None)
        return self.delete and (everything or self.reported_date == other.reported_date)

    def split(self, max_points: int) -> list[Item]:
        """The item in parts of at most `max_points` points; the first one has the fields and removes the others."""
        points, parts = self.points(), []
        for start in range(0, len(points), max_points):
            parts.append(replace(self, fields={}, remove_others=None, number=None, size=0, _chunks=[]))
            parts[-1].merge({}, points[start : start + max_points], None, ascending=True)
        parts[0].fields, parts[0].remove_others = self.fields, self.remove_others
        return parts

    def document(self) -> dict[str, Any]:
        """The item as the API takes it."""
        document: dict[str, Any] = {"type": "DELETE" if self.delete else "POST", "query": self.target.on_the_wire}
        if self.delete:
            document["force"] = self.force
        if self.size:
            document["points"] = self.points()
        if self.fields:
            document["fields"] = self.fields
        if self.remove_others is not None:
            document["keep_only"] = self.remove_others
        if self.reported_date is not None:
            document["reported_date"] = self.reported_date
        return document


class Buffer:
    """The items of a job that are not confirmed yet, in order of writing."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._items = {id(item): item for item in items}
        # for each series, the refused items that the caller has been told of
        self._refused: dict[str, list[Item]] = {}
        # for each series, the items that a further write may extend, by report date
        self._open: dict[str, dict[int | Literal["all"] | None, Item]] = {}

    @property
    def items(self) -> list[Item]:
        """All items, in order of writing."""
        return list(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def write(
        self,
        target: Target,
        fields: Mapping[str, Any],
        points: PointColumns | None,
        remove_others: RemoveOthers = None,
        reported_date: int | None = None,
        *,
        ascending: bool = False,
    ) -> None:
        """Add a write to an existing item, or as a new one; `ascending` is as for :meth:`Item.merge`."""
        opened = self._open.setdefault(target.key, {})
        item = opened.get(reported_date)
        if item is None:
            item = opened[reported_date] = Item(target, reported_date)
            self.add(item)
        item.merge(fields, points, remove_others, ascending)

    def delete(self, target: Target, force: bool = False, reported_date: int | Literal["all"] | None = None) -> None:
        """Add a deletion, of the series or of what was filed under a report date."""
        item = Item(target, reported_date, delete=True, force=force)
        if isinstance(reported_date, int):
            self._open.get(target.key, {}).pop(reported_date, None)
        else:
            self._open.pop(target.key, None)
        self.add(item)

    def close(self) -> None:
        """Let no further write extend the existing items (they are about to be sent)."""
        self._open.clear()

    def settle(self, items: Iterable[Item]) -> list[Item]:
        """Remove items that are stored, and what they have overwritten of refused items that were written before.

        Returns those earlier items.
        """
        changed = []
        for item in items:
            if self._items.pop(id(item), None) is None:
                continue
            for earlier in self._refused.get(item.target.key, ()):
                if earlier is not item and id(earlier) in self._items:
                    earlier.yield_to(item)
                    changed.append(earlier)
                    if earlier.empty:
                        self._items.pop(id(earlier))
        return changed

    def remove(self, items: Iterable[Item]) -> None:
        """Remove items, whatever became of them."""
        for item in items:
            self._items.pop(id(item), None)

    def clear(self) -> None:
        """Remove everything."""
        self._items.clear()
        self._open.clear()

    def add(self, item: Item) -> None:
        """Add an item as it is."""
        self._items[id(item)] = item

    def select(self, wanted: Callable[[Item], bool]) -> list[Item]:
        """The items to send: those that are wanted, and those of the same series that must be sent before them.

        What the caller knows to be refused does not hold up the items after it.
        """
        keys = {item.target.key for item in self._items.values() if wanted(item)}
        return [item for item in self._items.values() if wanted(item) or (item.target.key in keys and not item.told)]

    def split(self, items: list[Item], max_points: int) -> list[Item]:
        """The same items, with those of more than `max_points` points in parts."""
        if all(item.size <= max_points for item in items):
            return items
        parts = {id(item): item.split(max_points) for item in items if item.size > max_points}
        self._items = {id(part): part for key, item in self._items.items() for part in parts.get(key, [item])}
        return [part for item in items for part in parts.get(id(item), [item])]

    def note_told(self) -> None:
        """Note that the caller has been told which items are refused."""
        refused = [item for item in self._items.values() if item.refused]
        self._refused = {}
        for item in refused:
            item.told = True
            self._refused.setdefault(item.target.key, []).append(item)


def frame_of(items: Iterable[Item]) -> pd.DataFrame:
    """What is known about items; see :meth:`Job.pending_frame`."""
    items = list(items)
    return pd.DataFrame(
        {
            "points": np.array([item.size for item in items], np.int64),
            "fields": np.array([len(item.fields) for item in items], np.int64),
            **{name: [getattr(item, name) for item in items] for name in ("state", "error", "description")},
        },
        index=pd.Index([item.target.name for item in items], dtype=object, name="series_id"),
    )


def failed_frame(items: Iterable[Item]) -> pd.DataFrame:
    """The items that were not stored, with ``error`` and ``description``."""
    return frame_of(item for item in items if item.error is not None)[["error", "description"]]


def waves(items: Sequence[Item]) -> list[list[Item]]:
    """Split items so that no two in a wave conflict; a wave may be sent when the one before it is done."""
    if items and _are_distinct(items):
        return [list(items)]
    result: list[list[Item]] = []
    # for each series and report date, the first free wave; under "all", the first one that is free for a deletion
    free: dict[str, dict[int | str | None, int]] = {}
    for item in items:
        lanes = free.setdefault(item.target.key, {})
        everything = item.delete and not isinstance(item.reported_date, int)
        if everything:
            number = max(lanes.values(), default=0)
            lanes.clear()
            lanes["all"] = number + 1
        else:
            number = max(lanes.get(item.reported_date, 0), lanes.get("all", 0))
            lanes[item.reported_date] = number + 1
        if number == len(result):
            result.append([])
        result[number].append(item)
    return result


def _are_distinct(items: Sequence[Item]) -> bool:
    """Whether no two items concern the same series, as is usual: then there is nothing to group."""
    return len({item.target.key for item in items}) == len(items)


def chains(items: Sequence[Item], batch_size: int, max_points: int) -> Iterator[list[list[Item]]]:
    """Split a wave into calls; the calls of a chain concern the same series and are sent one after the other."""
    if _are_distinct(items):
        for call in _calls(([item] for item in items), batch_size, max_points):
            yield [call]
        return
    by_series: dict[str, list[Item]] = {}
    for item in items:
        by_series.setdefault(item.target.key, []).append(item)
    together = []
    for group in by_series.values():
        if len(group) == 1 or (len(group) <= batch_size and sum(item.size for item in group) <= max_points):
            together.append(group)
        else:
            yield list(_calls(([item] for item in group), batch_size, max_points))
    for call in _calls(together, batch_size, max_points):
        yield [call]


def _calls(groups: Iterable[list[Item]], batch_size: int, max_points: int) -> Iterator[list[Item]]:
    """Fill calls with groups, which stay together."""
    call: list[Item] = []
    points = 0
    for group in groups:
        size = sum(item.size for item in group)
        if call and (len(call) + len(group) > batch_size or points + size > max_points):
            yield call
            call, points = [], 0
        call += group
        points += size
    if call:
        yield call

"""What a query finds: deleted, trimmed, or given other fields. At most as many series as the caller expects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pandas_shooju import query as queries
from pandas_shooju.client import reader
from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.client.transport import Client
from pandas_shooju.clocks import Int64Array, TimeZone
from pandas_shooju.clocks.limits import Limit, interval
from pandas_shooju.formats import PointColumns
from pandas_shooju.manage.states import Listed, existing, find, in_batches, points_of, search
from pandas_shooju.manage.work import Work, raise_failed, resumable
from pandas_shooju.progress import Progress
from pandas_shooju.values import same_value

#: names of fields that can be asked for as they are
_PLAIN = re.compile(r"(?!(?:sid|series_id)$)\w+", re.IGNORECASE)
#: queries that are met by every series
_EVERYTHING = re.compile(r"[(\s]*(?:(?:sid|tree)\s*[:=]\s*)?[*\s()]*", re.IGNORECASE)

_T = TypeVar("_T")


# --- which series -----------------------------------------------------------------------------------------------


def check_query(query: str) -> str:
    """Check that a query finds series as they are, and not everything."""
    if not isinstance(query, str):
        raise TypeError(f"query must be a string, got {query!r}")
    text = str(query).strip()
    if _EVERYTHING.fullmatch(text):
        raise ValueError(
            f"query must say which series are meant, got {query!r}, which finds every series; use a query such as "
            r"r'sid:users\sam'"
        )
    if text.startswith("=") or "@" in queries.without_quoted(text):
        raise ValueError(f"query must find series, without operators or expressions, got {query!r}")
    return text


class Limited:
    """Counts the series that a query finds, and raises if there are too many."""

    def __init__(self, client: Client, query: str, max_series: int) -> None:
        if isinstance(max_series, bool) or not hasattr(max_series, "__index__") or max_series < 0:
            raise ValueError(f"max_series must be a non-negative number of series, got {max_series!r}")
        self._client = client
        self._query = query
        self._most = int(max_series)
        self._count = 0

    def add(self, number: int) -> None:
        """Note that further series were found.

        Raises
        ------
        ValueError
            There are too many.
        """
        self._count += number
        if self._count > self._most:
            total = self._client.get("/series", params={"query": self._query, "per_page": 0}).get("total")
            raise ValueError(
                f"the query {self._query!r} must find at most max_series={self._most} series, but it finds {total}, "
                f"and nothing was done; if all of them are meant, pass max_series={total}"
            )


def selected(client: Client, query: str, max_series: int) -> list[Listed]:
    """The series that a query finds.

    Raises
    ------
    ValueError
        There are more than `max_series`.
    """
    limited = Limited(client, query, max_series)
    found: list[Listed] = []
    for page in find(client, query):
        limited.add(len(page))
        found += page
    return found


def carry_out(name: str, work: Work, things: Iterable[_T], act: Callable[[_T], str], total: int, bar: Progress) -> None:
    """Let `act` add what is to be done with each thing to `work`, and return the series id; send it.

    Raises
    ------
    WriteError
        Some series were refused; the others are done.
    """
    ids: list[str] = []
    done = 0
    with resumable(name, lambda: f"{done:,} of {total:,} series were done"):
        for thing in things:
            ids.append(act(thing))
            bar.advance(1, total)
            if not work.waiting:
                done = len(ids)
        work.finish()
    raise_failed(name, {name: reason for name in ids if (reason := work.failure(name)) is not None}, total)


# --- points -----------------------------------------------------------------------------------------------------


class Range(NamedTuple):
    """A range of dates; both ends are included, but for the end `limit` if that is a relative date."""

    df: str | int
    dt: str | int
    limit: str | None


def ranges(before: Limit | None, after: Limit | None, tz: TimeZone) -> list[Range]:
    """The dates before the one and after the other limit.

    Raises
    ------
    ValueError
        There is no limit, the limits contradict each other, or one of two is relative.
    """
    if before is None and after is None:
        raise ValueError("trim() needs before, after, or both, got neither")
    found: list[Range] = []
    ends: list[int] = []
    for name, limit in (("before", before), ("after", after)):
        if limit is None:
            continue
        exact = interval(limit, name, tz)
        if isinstance(exact, str):
            if exact.upper() in ("MIN", "MAX"):
                raise ValueError(f"{name} must be a date, got {limit!r}")
            if before is not None and after is not None:
                raise ValueError(
                    f"relative dates cannot be combined with another limit, got {before=} and {after=}; call trim() "
                    "for each of them"
                )
            found.append(Range("MIN", exact, exact) if name == "before" else Range(exact, "MAX", exact))
        elif name == "before":
            ends.append(exact[0])
            found.append(Range("MIN", exact[0] - 1, None))
        else:
            ends.append(exact[1])
            found.append(Range(exact[1] + 1, "MAX", None))
    if len(ends) == 2 and ends[0] > ends[1]:
        raise ValueError(f"before must not be later than after, got {before=} and {after=}")
    return found


class Trimmed(NamedTuple):
    """The dates (milliseconds) of the points that a series is to lose."""

    series_id: str
    dates: Int64Array

    @property
    def write(self) -> SeriesWrite:
        """The write that removes them."""
        return SeriesWrite(self.series_id, PointColumns(self.dates, np.full(len(self.dates), np.nan)), {})


def trimmed(client: Client, series: Sequence[Listed], which: Sequence[Range]) -> Iterator[Trimmed]:
    """The points of each series in some ranges, as they are read."""
    for size, group in in_batches(series, lambda one: one.points):
        wanted = [queries.series(one.series_id) for one in group]
        columns = [_dates(client, wanted, size, one) for one in which]
        for one, *parts in zip(group, *columns, strict=True):
            yield Trimmed(one.series_id, np.concatenate(parts))


def _dates(client: Client, wanted: Sequence[str], size: int, which: Range) -> Iterator[Int64Array]:
    """The dates of the points of each series in a range."""
    inside = _read_dates(client, wanted, size, which.df, which.dt)
    if which.limit is None:
        yield from inside
        return
    # what lies exactly at a relative date, such as the beginning of a year, is kept
    kept = _read_dates(client, wanted, size, which.limit, which.limit)
    for dates, at_limit in zip(inside, kept, strict=True):
        yield np.setdiff1d(dates, at_limit, assume_unique=True)


def _read_dates(client: Client, wanted: Sequence[str], size: int, df: str | int, dt: str | int) -> Iterator[Int64Array]:
    asked = reader.parameters(df=df, dt=dt, max_points=-1)
    for document in reader.bulk(client, wanted, asked, batch_size=size, parse=reader.as_items):
        for item in existing(document):
            yield points_of(item or {}).dates


# --- fields -----------------------------------------------------------------------------------------------------


class FieldChange(NamedTuple):
    """A field that is to change."""

    series_id: str
    field: str
    old: Any
    new: Any


def field_changes(client: Client, query: str, fields: Mapping[str, Any], max_series: int) -> list[list[FieldChange]]:
    """The fields that are to change, of each series where any is."""
    limited = Limited(client, query, max_series)
    changes: list[list[FieldChange]] = []
    asked = list(fields) if all(map(_PLAIN.fullmatch, fields)) else ["*"]
    for items in search(client, query, asked):
        limited.add(len(items))
        for item in items:
            had = item.get("fields") or {}
            own = [
                FieldChange(item["series_id"], name, had.get(name), value)
                for name, value in fields.items()
                if not same_value(had.get(name), value)
            ]
            if own:
                changes.append(own)
    return changes


def updating(work: Work) -> Callable[[list[FieldChange]], str]:
    """What writes the changes of a series."""

    def act(changes: list[FieldChange]) -> str:
        series_id = changes[0].series_id
        work.write(SeriesWrite(series_id, None, {change.field: change.new for change in changes}))
        return series_id

    return act

"""Points in pieces: merging, splitting, and the rows in which they are stored. Pure, numpy only.

Appending to a long series, or reading a short range of it, touches only the pieces concerned.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pandas_shooju.local.store import packing
from pandas_shooju.local.store.packing import Float64 as Float64
from pandas_shooju.local.store.packing import Int64 as Int64

#: the most points that a piece holds
LIMIT = 8192
#: the fewest points that are packed: for fewer, their row takes more room than they do
PACKED_FROM = 64
#: dates outside of the years 1 to 9999 cannot be written as dates, and are refused
EARLIEST, LATEST = -62_135_596_800_000, 253_402_300_799_999


class Points(NamedTuple):
    """Points in date order, each date once, with the revision that wrote each.

    The column of revisions may be empty if it is not needed.
    """

    dates: Int64
    values: Float64
    revisions: Int64

    def pick(self, which: Any) -> Points:
        """The points at some positions, or under a mask."""
        revisions = self.revisions[which] if len(self.revisions) else self.revisions
        return Points(self.dates[which], self.values[which], revisions)


class Merge(NamedTuple):
    """The result of writing points over others."""

    after: Points
    #: the points that were changed or removed, as they were before
    replaced: Points
    #: the dates of those that were removed
    removed: Int64


NO_POINTS = Points(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))


def in_order(dates: Int64, values: Float64) -> tuple[Int64, Float64]:
    """The same points in date order; of several values for a date, the last."""
    if len(dates) < 2 or bool((dates[1:] > dates[:-1]).all()):
        return dates, values
    order = np.argsort(dates, kind="stable")
    dates, values = dates[order], values[order]
    last = np.append(dates[1:] != dates[:-1], True)
    return dates[last], values[last]


def merge(old: Points, dates: Int64, values: Float64, revision: int) -> Merge:
    """Write points over `old`: a NaN removes a point, an equal value leaves it (and its revision) unchanged.

    Parameters
    ----------
    old
        The current points.
    dates, values
        The points to write, as returned by `in_order`.
    revision
        The revision of new and changed points.
    """
    at = np.searchsorted(old.dates, dates)
    there = np.zeros(len(dates), bool)
    within = at < len(old.dates)
    there[within] = old.dates[at[within]] == dates[within]
    gone = np.isnan(values)
    changed = there.copy()
    changed[there] = old.values[at[there]].view(np.int64) != values[there].view(np.int64)
    fresh = ~there & ~gone

    replaced = old.pick(at[changed])
    overwritten, dropped = changed & ~gone, changed & gone
    after = old
    if overwritten.any():
        after = Points(old.dates, old.values.copy(), old.revisions.copy())
        after.values[at[overwritten]] = values[overwritten]
        after.revisions[at[overwritten]] = revision
    if fresh.any():
        places = at[fresh]
        marks = np.full(len(places), revision, np.int64)
        if places[0] == len(old.dates):
            after = Points(
                np.concatenate((after.dates, dates[fresh])),
                np.concatenate((after.values, values[fresh])),
                np.concatenate((after.revisions, marks)),
            )
        else:
            after = Points(
                np.insert(after.dates, places, dates[fresh]),
                np.insert(after.values, places, values[fresh]),
                np.insert(after.revisions, places, marks),
            )
    if dropped.any():
        kept = np.ones(len(after.dates), bool)
        kept[np.searchsorted(after.dates, dates[dropped])] = False
        after = after.pick(kept)
    return Merge(after, replaced, dates[dropped])


def split(count: int, appended: bool) -> list[slice]:
    """How `count` points are split into pieces.

    Appended points fill one piece after the other, so that the next ones touch only the last piece; points that were
    inserted result in pieces of equal size, with room in each.
    """
    if count <= LIMIT:
        return [slice(0, count)] if count else []
    pieces = -(-count // LIMIT)
    size = LIMIT if appended else -(-count // pieces)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


#: the columns of a row of the table `chunks` that hold a piece, in the order of `to_row`
COLUMNS = "first, last, count, low, high, step, revision, dates, revisions, vals, packed"


def to_row(points: Points) -> tuple[Any, ...]:
    """A piece as the columns of its row."""
    dates, values, revisions = points
    count = len(dates)
    first, last = int(dates[0]), int(dates[-1])
    step = 0
    if count > 1:
        step = int(dates[1]) - first
        if step * (count - 1) != last - first or bool((np.diff(dates) != step).any()):
            step = 0
    one = bool((revisions == revisions[0]).all())
    finite = values if np.isfinite(values.sum()) else values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    packed = count >= PACKED_FROM
    return (
        first,
        last,
        count,
        low,
        high,
        step,
        int(revisions[0]) if one else None,
        None if step or count == 1 else to_blob(dates, packed),
        None if one else to_blob(revisions, packed),
        to_blob(values, packed),
        packed,
    )


def to_blob(column: Any, packed: bool) -> bytes | memoryview:
    """A column of integers or floats as bytes, packed or as it is."""
    if not packed:
        return np.ascontiguousarray(column, column.dtype.newbyteorder("<")).data
    return packing.pack_floats(column) if column.dtype.kind == "f" else packing.pack_integers(column)


def integers(blob: bytes, count: int, packed: bool) -> Int64:
    """A column of `count` integers from its bytes; a ValueError if there are more or less."""
    return packing.unpack_integers(blob, count) if packed else packing.exactly(blob, "<i8", count)


def floats(blob: bytes, count: int, packed: bool) -> Float64:
    """A column of `count` floats from its bytes; a ValueError if there are more or less."""
    return packing.unpack_floats(blob, count) if packed else packing.exactly(blob, "<f8", count)


def concatenated(parts: list[Points]) -> Points:
    """Pieces one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return NO_POINTS
    return Points(
        np.concatenate([part.dates for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.revisions for part in parts]),
    )


def as_of(now: Points, past: list[Points], revision: int) -> Points:
    """The points as they were after `revision`.

    Parameters
    ----------
    now
        The current points.
    past
        The versions that were replaced since; a NaN means that the point was removed.
    revision
        The last revision to include.
    """
    known = concatenated([*past, now])
    known = known.pick(known.revisions <= revision)
    order = np.lexsort((known.revisions, known.dates))
    known = known.pick(order)
    newest = np.append(known.dates[1:] != known.dates[:-1], True) if len(known.dates) else np.empty(0, bool)
    return known.pick(newest & ~np.isnan(known.values))

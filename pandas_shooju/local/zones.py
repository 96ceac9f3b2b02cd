"""Clock time in a zone, for whole arrays of dates, by the exact rules of the zone database. Pure.

The changes of the clock are looked for year by year, in the years that the dates are in: day by day, then down to
the second within a day at whose ends the clock differs. So 1901 and 3000 are as right as today.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store.chunks import Int64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400

_latest: tuple[Int64 | None, str, Int64] = (None, "", np.empty(0, np.int64))


def to_clock(dates: Int64, zone: str) -> Int64:
    """The clock time in `zone` at some instants.

    Parameters
    ----------
    dates
        Milliseconds since 1970-01-01, UTC.
    zone
        A name of the zone database, such as ``"America/Chicago"``.

    Returns
    -------
    Int64
        Milliseconds since 1970-01-01 as the clock there shows them.

    Raises
    ------
    ApiError
        There is no such zone.
    """
    global _latest
    if not len(dates):
        return dates
    # series that are read together often have the same dates, as one array
    known_dates, known_zone, known = _latest
    if known_dates is dates and known_zone == zone:
        return known
    starts, offsets = _changes(zone, dates)
    clock: Int64 = dates + offsets[np.searchsorted(starts, dates, "right") - 1]
    _latest = dates, zone, clock
    return clock


def from_clock(clock: Int64, zone: str) -> Int64:
    """The first instants at which the clock in `zone` shows some times; for a time that it skips, the one after."""
    if not len(clock):
        return clock
    day = _DAY * 1000
    starts, offsets = _changes(zone, np.concatenate((clock - day, clock + day)))
    # the offset before and the one after any change near by: the larger gives the earlier instant
    before = offsets[np.maximum(np.searchsorted(starts, clock - day, "right") - 1, 0)]
    after = offsets[np.maximum(np.searchsorted(starts, clock + day, "right") - 1, 0)]
    early, late = clock - np.maximum(before, after), clock - np.minimum(before, after)
    return np.where(to_clock(early, zone) == clock, early, late)


@functools.lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except Exception:  # ZoneInfo raises a different one for each way in which a name can be wrong
        raise invalid(f"{name[:100]!r} is not a time zone; zones are named as in 'America/Chicago'") from None


def _changes(name: str, dates: Int64) -> tuple[Int64, Int64]:
    """From when on which offset holds (milliseconds), for the years that the dates are in."""
    _zone(name)
    years = np.unique(dates.astype("M8[ms]").astype("M8[Y]").astype(np.int64)) + 1970
    tables = [_changes_of_year(name, min(max(year, 1), 9999)) for year in years.tolist()]
    return np.concatenate([starts for starts, _ in tables]), np.concatenate([offsets for _, offsets in tables])


@functools.lru_cache(maxsize=20_000)
def _changes_of_year(name: str, year: int) -> tuple[Int64, Int64]:
    first = (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
    last = (datetime(year, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1) + _DAY - 1
    zone = _zone(name)
    starts, offsets = [first], [_offset(zone, first)]
    for day in [*range(first + _DAY, last, _DAY), last]:
        if _offset(zone, day) != offsets[-1]:
            same, other = max(first, day - _DAY), day
            while other - same > 1:
                middle = (same + other) // 2
                same, other = (middle, other) if _offset(zone, middle) == offsets[-1] else (same, middle)
            starts.append(other)
            offsets.append(_offset(zone, other))
    return np.array(starts, np.int64) * 1000, np.array(offsets, np.int64) * 1000


def _offset(zone: ZoneInfo, second: int) -> int:
    try:
        offset = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    except OverflowError:  # the clock shows a year that has no number
        return 0
    return 0 if offset is None else offset.days * _DAY + offset.seconds

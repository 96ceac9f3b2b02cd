"""Milliseconds to and from timezone-aware indexes, exactly, clock changes included.

Pure: numbers in, indexes out. What series or frames the numbers belong to is not known here.

Two kinds of milliseconds since 1970-01-01 occur on the wire: **UTC**, and the **wall-clock** time of a localized
series, where an hour stands twice when the clock goes back (first daylight time, then standard time) and an hour
does not occur when it goes forward. An index is built from wall-clock milliseconds by finding back the instants:

- a wall-clock time that occurs once is that instant;
- one that occurs twice is the earlier instant, until the wall-clock times stop rising: from there on they are in
  the second pass. That needs no assumption about the step, and is right for any series whose dates ascend and
  that has at least one point showing the step back;
- where a single point falls into such an hour, nothing shows a step back. It is the later instant if that, and only
  that, puts it midway between its neighbours (days or hours that are even in UTC), and else the earlier one;
- a time that does not exist (which no server sends, but people write) is read with the offset that held before
  the gap.

Offsets come from `zoneinfo`, by year, so the rules hold for any year that Python's `datetime` knows; for years
outside 1-9999 the nearest known year's offset stands in.
"""

from __future__ import annotations

import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

Int64Array = npt.NDArray[np.int64]

_DAY = 86_400_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def check_zone(zone: str) -> str:
    """`zone` itself, where it names a timezone.

    Raises
    ------
    ValueError
        There is no such timezone.
    """
    try:
        ZoneInfo(zone)
    except Exception:  # ZoneInfoNotFoundError, ValueError, IsADirectoryError, ...: all mean the same
        raise ValueError(f"there is no timezone {zone!r}; say an IANA name such as 'America/Chicago'") from None
    return zone


def to_index(dates: Int64Array, tz: str | None = None, *, localized: bool = True) -> pd.DatetimeIndex:
    """An aware index from milliseconds.

    Parameters
    ----------
    dates
        int64, milliseconds since 1970-01-01.
    tz
        The timezone of the index; None is UTC.
    localized
        Whether `dates` are wall-clock times of `tz` (as on a localized series), or UTC.

    Returns
    -------
    DatetimeIndex
        dtype ``datetime64[ms, tz]``.

    Examples
    --------
    The clock goes back in Chicago; the hour from one o'clock stands twice.

    >>> import numpy as np
    >>> wall = np.array(["2018-11-04T00", "2018-11-04T01", "2018-11-04T01", "2018-11-04T02"], "M8[ms]")
    >>> [str(instant) for instant in to_index(wall.view("i8"), "America/Chicago")]  # doctest: +NORMALIZE_WHITESPACE
    ['2018-11-04 00:00:00-05:00', '2018-11-04 01:00:00-05:00',
     '2018-11-04 01:00:00-06:00', '2018-11-04 02:00:00-06:00']
    """
    zone = tz or "UTC"
    if localized and zone != "UTC":
        dates = wall_to_utc(dates, zone)
    index = pd.DatetimeIndex(dates.view("M8[ms]"), dtype=pd.DatetimeTZDtype("ms", "UTC"))
    return index if zone == "UTC" else index.tz_convert(zone)


def to_milliseconds(index: pd.DatetimeIndex) -> Int64Array:
    """Milliseconds from an index: UTC for an aware one, as it stands for a naive one.

    Parameters
    ----------
    index
        Of any resolution, without missing dates.

    Returns
    -------
    ndarray
        int64, milliseconds since 1970-01-01.

    Raises
    ------
    ValueError
        A date is missing, or finer than a millisecond (the finest that Shooju stores).

    Examples
    --------
    >>> import pandas as pd
    >>> to_milliseconds(pd.DatetimeIndex(["2024-07-01"], tz="Europe/Berlin")).tolist()
    [1719784800000]
    """
    if index.hasnans:
        position = int(np.flatnonzero(index.isna())[0])
        raise ValueError(f"the date at position {position} is missing (NaT); drop or fill it before writing")
    raw: Int64Array = index.asi8
    per_ms = {"s": 1, "ms": 1, "us": 1000, "ns": 1_000_000}[index.unit]
    if index.unit == "s":
        if len(raw) and max(abs(int(raw.min())), abs(int(raw.max()))) > 2**62 // 1000:
            raise ValueError("a date is too far from 1970 for milliseconds in 64 bits")
        return raw * 1000
    if per_ms > 1:
        milliseconds, rest = np.divmod(raw, per_ms)
        if rest.any():
            finer = index[int(np.flatnonzero(rest)[0])]
            raise ValueError(
                f"the date {finer} is finer than a millisecond, the finest that Shooju stores; "
                "round it first: index.round('ms')"
            )
        return milliseconds
    return raw


def period_starts(periods: pd.PeriodIndex) -> pd.DatetimeIndex:
    """The first moment of each period, as a naive index of dtype ``datetime64[ms]``.

    Raises
    ------
    ValueError
        A period begins within a millisecond.

    Examples
    --------
    >>> period_starts(pd.PeriodIndex(["2024Q2", "3000Q1"], freq="Q"))
    DatetimeIndex(['2024-04-01', '3000-01-01'], dtype='datetime64[ms]', freq=None)
    """
    starts = periods.asfreq("ms", how="start")
    finer = np.flatnonzero((starts.asfreq(periods.freq, how="start") != periods) & periods.notna())
    if len(finer):
        raise ValueError(
            f"the period {periods[int(finer[0])]} begins within a millisecond, the finest that Shooju stores; "
            "convert the periods first: index.asfreq('ms')"
        )
    milliseconds: Int64Array = starts.astype(np.int64).to_numpy()
    return pd.DatetimeIndex(milliseconds.view("M8[ms]"))


def utc_to_wall(dates: Int64Array, tz: str) -> Int64Array:
    """The wall-clock milliseconds of `tz` at UTC milliseconds."""
    offsets = _offsets(tz, dates)
    return dates + offsets.values[np.searchsorted(offsets.since, dates, side="right")]


def wall_to_utc(dates: Int64Array, tz: str, starts: Int64Array | None = None) -> Int64Array:
    """The UTC milliseconds of wall-clock milliseconds of `tz`, by the rules on top of this module.

    Parameters
    ----------
    dates
        int64, wall-clock milliseconds since 1970-01-01, in the order of their instants.
    tz
        Name of the timezone.
    starts
        int64, positions at which another series begins, where `dates` are those of several.

    Returns
    -------
    ndarray
        int64, UTC milliseconds since 1970-01-01.
    """
    offsets = _offsets(tz, dates)
    before, after = offsets.values[:-1], offsets.values[1:]
    # wall-clock times from here on are read with the offset after the change
    turns = offsets.since + np.maximum(before, after)
    change = np.searchsorted(turns, dates, side="right")
    utc: Int64Array = dates - offsets.values[change]
    if not len(offsets.since):
        return utc
    # times that stand twice: not yet turned, but at or past where the clock was put back to
    known = np.minimum(change, len(turns) - 1)
    twice = (change < len(turns)) & (after[known] < before[known]) & (dates >= (offsets.since + after)[known])
    at = np.flatnonzero(twice)
    if len(at):
        other_change = np.diff(change[at], prepend=-1) != 0
        if starts is not None:
            of = np.searchsorted(starts, at, side="right")
            other_change |= np.diff(of, prepend=-1) != 0
        falls = ~other_change & (np.diff(dates[at], prepend=0) <= 0)
        # falls seen since the change began
        seen = np.cumsum(falls)
        begin = np.maximum.accumulate(np.where(other_change, np.arange(len(at)), 0))
        second = seen > (seen - falls)[begin]
        alone = other_change & np.append(other_change[1:], True)
        second[alone] = _midway(utc, at[alone], (before - after)[change[at[alone]]], starts)
        utc[at[second]] += (before - after)[change[at[second]]]
    return utc


def _midway(utc: Int64Array, at: Int64Array, shift: Int64Array, starts: Int64Array | None) -> npt.NDArray[np.bool_]:
    """Whether each instant at the positions `at`, put later by `shift`, lies midway between its neighbours."""
    inner = (at > 0) & (at < len(utc) - 1)
    if starts is not None:
        inner &= ~np.isin(at, starts) & ~np.isin(at + 1, starts)
    twice = utc[at - 1] + utc[np.minimum(at + 1, len(utc) - 1)]
    midway: npt.NDArray[np.bool_] = inner & (2 * (utc[at] + shift) == twice)
    return midway


class _Offsets(NamedTuple):
    since: Int64Array  # UTC milliseconds of the changes
    values: Int64Array  # the offset before the first change, and after each; milliseconds east of UTC


def _offsets(zone: str, dates: Int64Array) -> _Offsets:
    """The changes of offset in the years in which `dates` lie, a day more on both sides."""
    if not len(dates):
        return _Offsets(np.empty(0, np.int64), np.zeros(1, np.int64))
    low, high = int(dates.min()) - 2 * _DAY, int(dates.max()) + 2 * _DAY
    first, last = _year(low), _year(high)
    if last - first > 50:  # few points far apart, such as 1901 and 3000: only the years that occur
        days = np.unique(dates // _DAY)
        days = np.unique(np.concatenate([days - 2, days + 2])).astype("M8[D]")
        years = np.unique(days.astype("M8[Y]").view("i8") + 1970).clip(1, 9998).tolist()
        years = sorted(set(years))
    else:
        years = list(range(first, last + 1))
    since: list[int] = []
    values: list[int] = []
    for year in years:
        begin, offset, changes = _changes(zone, year)
        if not values:
            values.append(offset)
        elif values[-1] != offset:  # the years between were left out
            since.append(begin)
            values.append(offset)
        for at, offset in changes:
            since.append(at)
            values.append(offset)
    return _Offsets(np.array(since, np.int64), np.array(values, np.int64))


def _year(milliseconds: int) -> int:
    return int(np.clip(np.datetime64(milliseconds, "ms").astype("M8[Y]").astype(int) + 1970, 1, 9998))


@lru_cache(maxsize=8192)
def _changes(zone: str, year: int) -> tuple[int, int, list[tuple[int, int]]]:
    """When a year begins (UTC), the offset then, and each change in it with the offset that it brings.

    A change shows as a difference between two days, and is then found to the second by bisection.
    """
    tz = ZoneInfo(zone)

    def offset_at(seconds: int) -> int:
        moment = _EPOCH + datetime.timedelta(seconds=seconds)
        offset = moment.astimezone(tz).utcoffset()
        assert offset is not None
        return round(offset.total_seconds() * 1000)

    day = 86_400
    begin = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) - _EPOCH) // datetime.timedelta(seconds=1)
    end = (datetime.datetime(year + 1, 1, 1, tzinfo=datetime.UTC) - _EPOCH) // datetime.timedelta(seconds=1)
    if year == 1:  # a zone west of Greenwich is still in a year before
        begin += day
    initial = before = offset_at(begin)
    changes = []
    for left in range(begin, end, day):
        right = min(left + day, end)
        after = offset_at(right)
        if after != before:
            low, high = left, right
            while high - low > 1:
                middle = (low + high) // 2
                if offset_at(middle) == before:
                    low = middle
                else:
                    high = middle
            changes.append((high * 1000, after))
            before = after
    return begin * 1000, initial, changes

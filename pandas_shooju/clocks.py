"""Time zone arithmetic on milliseconds, for the client and the embedded store alike.

Pure: numbers in, numbers or indexes out. Which series or frames the numbers belong to is not known here.

Two kinds of milliseconds since 1970-01-01 occur. **UTC** milliseconds are instants. **Wall-clock** milliseconds are
what the clocks of a time zone show: those of a localized series on the wire, and naive local times in a frame. When the
clock goes back, an hour occurs twice (first in daylight saving time, then in standard time); when it goes forward, an
hour is skipped.

There are three ways from wall-clock times to instants, for three kinds of callers:

- :func:`wall_to_utc` reads the dates of a localized series, which the server made from instants. It never fails, and
  finds the second pass of a repeated hour by the step back in the dates.
- :func:`localize` reads the naive local times that a user writes. Where the dates do not prove which instant is meant,
  it raises :class:`LocalTimeError`.
- :func:`first_instants`, :func:`first_at` and :func:`last_at` treat each time on its own, for periods and limits.

Offsets come from `zoneinfo` (or any other `tzinfo`), year by year, and are exact for the years 1 to 9999. Dates outside
of these years take the offset of the nearest known year.
"""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Hashable
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

Int64Array = npt.NDArray[np.int64]
TimeZone = str | datetime.tzinfo

_DAY = 86_400_000
_ETERNITY = 2**64
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_SECOND = datetime.timedelta(seconds=1)
# a day from either end of what datetime can represent, where every zone still has a local time
_FIRST_SECOND = (datetime.datetime(1, 1, 2, tzinfo=datetime.UTC) - _EPOCH) // _SECOND
_LAST_SECOND = (datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC) - _EPOCH) // _SECOND - 1


class LocalTimeError(ValueError):
    """A naive local time does not determine an instant.

    Attributes
    ----------
    reason
        ``"ambiguous"`` if the time occurs twice and the dates do not show which one is meant, ``"nonexistent"`` if the
        clock skipped it.
    time
        The time (``datetime64[ms]``).
    zone
        The time zone, as a string.
    position
        The position of the time in the dates.
    series
        The position of its series, counted by `starts`; 0 if there is only one.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Literal["ambiguous", "nonexistent"],
        time: np.datetime64,
        zone: str,
        position: int,
        series: int,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.time = time
        self.zone = zone
        self.position = position
        self.series = series


def check_zone(zone: str) -> str:
    """Return `zone` if it is the name of a time zone in the IANA database.

    Raises
    ------
    ValueError
        There is no such time zone.
    """
    _iana(zone)
    return zone


def timezone(tz: TimeZone) -> datetime.tzinfo:
    """The `tzinfo` that a time zone given by a user stands for.

    Parameters
    ----------
    tz
        Any `tzinfo` (zoneinfo, `datetime.timezone`, dateutil, pytz), or a string as pandas takes it: an IANA name,
        ``"UTC"``, or an offset such as ``"+02:00"``.

    Raises
    ------
    ValueError
        There is no such time zone.
    TypeError
        `tz` is something else.

    Examples
    --------
    >>> timezone("Europe/London"), timezone("+02:00")
    (zoneinfo.ZoneInfo(key='Europe/London'), datetime.timezone(datetime.timedelta(seconds=7200)))
    """
    if isinstance(tz, datetime.tzinfo):
        return tz
    if not isinstance(tz, str):
        raise TypeError(f"tz must be the name of a time zone or a tzinfo, got {tz!r}")
    try:
        return _iana(tz)
    except ValueError:
        try:
            found: datetime.tzinfo = pd.DatetimeTZDtype("ms", tz).tz  # other forms are as in pandas
            return found
        except Exception:
            pass
        raise


@lru_cache(maxsize=1024)
def _iana(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except Exception:  # ZoneInfoNotFoundError, ValueError, IsADirectoryError, ...: all mean the same
        raise ValueError(f"{name[:100]!r} is not a time zone; use an IANA name such as 'America/Chicago'") from None


def to_index(dates: Int64Array, tz: TimeZone | None = None, *, localized: bool = True) -> pd.DatetimeIndex:
    """An aware index from milliseconds.

    Parameters
    ----------
    dates
        int64, milliseconds since 1970-01-01.
    tz
        The time zone of the index; None is UTC.
    localized
        Whether `dates` are wall-clock times of `tz` (as in a localized series), or UTC.

    Returns
    -------
    DatetimeIndex
        dtype ``datetime64[ms, tz]``.

    Examples
    --------
    The clock goes back in Chicago, and the hour from one o'clock occurs twice.

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
    """Milliseconds from an index: UTC if it is aware, wall-clock times if it is naive.

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
        A date is missing, or has a part finer than a millisecond (the finest unit that Shooju stores).

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
            raise ValueError("a date is too far from 1970 to be stored as milliseconds in 64 bits")
        return raw * 1000
    if per_ms > 1:
        milliseconds, rest = np.divmod(raw, per_ms)
        if rest.any():
            finer = index[int(np.flatnonzero(rest)[0])]
            raise ValueError(
                f"the date {finer} is finer than a millisecond, the finest unit that Shooju stores; "
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
            f"the period {periods[int(finer[0])]} begins within a millisecond, the finest unit that Shooju stores; "
            "convert the periods first: index.asfreq('ms')"
        )
    milliseconds: Int64Array = starts.astype(np.int64).to_numpy()
    return pd.DatetimeIndex(milliseconds.view("M8[ms]"))


def utc_to_wall(dates: Int64Array, tz: TimeZone) -> Int64Array:
    """What the clocks of `tz` show at these instants.

    Parameters
    ----------
    dates
        int64, UTC milliseconds since 1970-01-01, in any order.
    tz
        The time zone.

    Returns
    -------
    ndarray
        int64, wall-clock milliseconds since 1970-01-01.
    """
    offsets = _offsets(tz, dates)
    wall: Int64Array = dates + offsets.values[np.searchsorted(offsets.since, dates, side="right")]
    return wall


def wall_to_utc(
    dates: Int64Array, tz: TimeZone, starts: Int64Array | None = None, not_before: int | None = None
) -> Int64Array:
    """The instants of the wall-clock times of a localized series.

    - A time that occurs once is that instant.
    - A time that occurs twice is the earlier instant, until the dates stop rising: from there on they belong to the
      second pass. This makes no assumption about the step, and is right for all ascending series that have at least one
      point which shows the step back.
    - A single time in a repeated hour shows no step back. It is the later instant if only that lies midway between its
      neighbours (so that days or hours are evenly spaced), otherwise the earlier one.
    - A time that the clock skipped, which no server sends, is read with the offset before the change.

    Parameters
    ----------
    dates
        int64, wall-clock milliseconds since 1970-01-01, in the order of their instants.
    tz
        The time zone.
    starts
        int64, the positions at which each series begins, if `dates` are those of several series.
    not_before
        The first instant that any of them can be (UTC milliseconds), such as the first date that was asked for: of a
        repeated hour, it may leave only the second pass.

    Returns
    -------
    ndarray
        int64, UTC milliseconds since 1970-01-01.

    Examples
    --------
    >>> half_past_two = np.array([np.datetime64("2024-10-27T02:30", "ms").astype(int)])
    >>> one_o_clock = int(np.datetime64("2024-10-27T01:00", "ms").astype(int))
    >>> wall_to_utc(half_past_two, "Europe/Berlin", not_before=one_o_clock).view("M8[ms]").astype(str).tolist()
    ['2024-10-27T01:30:00.000']
    """
    reading = _read(dates, _offsets(tz, dates))
    utc, at = reading.utc, reading.twice
    if len(at):
        passes = _passes(dates, reading, starts)
        second = passes.second
        alone = passes.begins & np.append(passes.begins[1:], True)
        second[alone] = _midway(utc, at[alone], reading.shift[alone], starts)
        if not_before is not None:
            second |= utc[at] < not_before
        utc[at[second]] += reading.shift[second]
    return utc


def first_instants(dates: Int64Array, tz: TimeZone) -> Int64Array:
    """The first instant at which the clocks of `tz` show each time, whatever stands beside it.

    A time that the clock skipped is read with the offset before the change, so 02:30 becomes 03:30.

    Parameters
    ----------
    dates
        int64, wall-clock milliseconds since 1970-01-01, in any order.
    tz
        The time zone.

    Returns
    -------
    ndarray
        int64, UTC milliseconds since 1970-01-01.
    """
    return _read(dates, _offsets(tz, dates)).utc


def first_at(wall: int, tz: TimeZone) -> int:
    """The first instant at which the clocks of `tz` show this time or a later one.

    Parameters
    ----------
    wall
        Wall-clock milliseconds since 1970-01-01.
    tz
        The time zone.

    Returns
    -------
    int
        UTC milliseconds since 1970-01-01.

    Examples
    --------
    Where the clock skips midnight, the day begins at one o'clock.

    >>> midnight = np.datetime64("2018-11-04", "ms").astype(int)
    >>> str(np.datetime64(first_at(midnight, "America/Sao_Paulo"), "ms"))
    '2018-11-04T03:00:00.000'
    """
    at = [max(begin, wall - offset) for begin, end, offset in _spans(wall, tz) if end - 1 + offset >= wall]
    return at[0]


def last_at(wall: int, tz: TimeZone) -> int:
    """The last instant at which the clocks of `tz` show this time or an earlier one.

    Parameters
    ----------
    wall
        Wall-clock milliseconds since 1970-01-01.
    tz
        The time zone.

    Returns
    -------
    int
        UTC milliseconds since 1970-01-01.
    """
    at = [min(end - 1, wall - offset) for begin, end, offset in _spans(wall, tz) if begin + offset <= wall]
    return at[-1]


def _spans(wall: int, tz: TimeZone) -> list[tuple[int, int, int]]:
    """The spans of constant offset around a time: first instant, the instant after the last one, offset."""
    since, values = _offsets(tz, np.array([wall]))
    edges = [-_ETERNITY, *since.tolist(), _ETERNITY]
    return list(zip(edges[:-1], edges[1:], values.tolist(), strict=True))


def localize(dates: Int64Array, tz: TimeZone, starts: Int64Array | None = None) -> Int64Array:
    """The instants of naive local times, or an error where the dates do not prove which instants are meant.

    A repeated hour is resolved if the series has points in both passes, in order: then the dates step back exactly once
    within the hour, and the instants of the whole series ascend.

    Parameters
    ----------
    dates
        int64, wall-clock milliseconds since 1970-01-01.
    tz
        The time zone.
    starts
        int64, the positions at which each series begins, if `dates` are those of several series.

    Returns
    -------
    ndarray
        int64, UTC milliseconds since 1970-01-01.

    Raises
    ------
    LocalTimeError
        The clock skipped a time, or a time occurs twice and nothing shows which one is meant. The error is about the
        first such time, and has its position.

    Examples
    --------
    >>> wall = np.array(["2018-11-04T01:00", "2018-11-04T01:30", "2018-11-04T01:00"], "M8[ms]")
    >>> localize(wall.view("i8"), "America/Chicago").view("M8[ms]").astype("M8[m]").astype(str).tolist()
    ['2018-11-04T06:00', '2018-11-04T06:30', '2018-11-04T07:00']
    >>> localize(wall[:2].view("i8"), "America/Chicago")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pandas_shooju.clocks.LocalTimeError: 2018-11-04 01:00:00 is ambiguous in America/Chicago: ...
    """
    offsets = _offsets(tz, dates)
    reading = _read(dates, offsets)
    if not len(offsets.since):
        return reading.utc
    starts = np.zeros(1, np.int64) if starts is None else starts
    wrong = np.flatnonzero(_skipped(dates, reading.change, offsets))[:1].tolist()
    if len(reading.twice):
        passes = _passes(dates, reading, starts)
        reading.utc[reading.twice[passes.second]] += reading.shift[passes.second]
        unproven = ~_proven(dates, reading, passes, starts)
        wrong += reading.twice[unproven][:1].tolist()
    if wrong:
        raise _local_time_error(dates, min(wrong), tz, reading.change, offsets, starts)
    return reading.utc


def _skipped(dates: Int64Array, change: Int64Array, offsets: _Offsets) -> npt.NDArray[np.bool_]:
    """Whether the clock skipped each of these wall-clock times."""
    before, after = offsets.values[:-1], offsets.values[1:]
    known = np.minimum(change, len(before) - 1)
    within: npt.NDArray[np.bool_] = dates >= (offsets.since + before)[known]
    skipped: npt.NDArray[np.bool_] = (change < len(before)) & (after > before)[known] & within
    return skipped


def _proven(dates: Int64Array, reading: _Reading, passes: _Passes, starts: Int64Array) -> npt.NDArray[np.bool_]:
    """Whether each time that occurs twice is proven to be in the pass it was put into."""
    series = np.searchsorted(starts, reading.twice, side="right") - 1
    # one step back in each repeated hour
    hour = np.cumsum(passes.begins) - 1
    proven: npt.NDArray[np.bool_] = (np.bincount(hour, passes.falls) == 1)[hour]
    # ascending instants, without which a step back means nothing
    down = np.flatnonzero(reading.utc[1:] < reading.utc[:-1]) + 1
    down = down[~np.isin(down, starts)]
    proven &= ~np.isin(series, np.searchsorted(starts, down, side="right") - 1)
    # of two points alone, a step back might as well be a descending order
    ends = np.append(starts[1:], len(dates))
    two = ends[series] - starts[series] == 2
    proven &= ~(two & (dates[np.minimum(starts[series] + 1, len(dates) - 1)] < dates[starts[series]]))
    return proven


def _local_time_error(
    dates: Int64Array, position: int, tz: TimeZone, change: Int64Array, offsets: _Offsets, starts: Int64Array
) -> LocalTimeError:
    at = int(change[position])
    from_, to = (
        str(np.datetime64(int(offsets.since[at] + offset), "ms").astype("M8[s]"))[11:]
        for offset in offsets.values[at : at + 2]
    )
    time = np.datetime64(int(dates[position]), "ms")
    shown = pd.Timestamp(time)
    ambiguous = bool(offsets.values[at + 1] < offsets.values[at])
    if ambiguous:
        message = (
            f"{shown} is ambiguous in {tz}: the clock goes back from {from_} to {to}, and the dates do not show which "
            "of the two times is meant (they do if a series has both, in ascending order). Make the dates aware: "
            "index.tz_localize(tz, ambiguous=...)"
        )
    else:
        message = (
            f"{shown} does not exist in {tz}: the clock goes forward from {from_} to {to}. Make the dates aware: "
            "index.tz_localize(tz, nonexistent=...)"
        )
    return LocalTimeError(
        message,
        reason="ambiguous" if ambiguous else "nonexistent",
        time=time,
        zone=str(tz),
        position=position,
        series=int(np.searchsorted(starts, position, side="right")) - 1,
    )


class _Reading(NamedTuple):
    """Wall-clock times, read as the first of the instants that each can be."""

    utc: Int64Array  # UTC milliseconds
    change: Int64Array  # for each time the next change of the clock
    twice: Int64Array  # positions of the times that occur twice
    shift: Int64Array  # for each of those, how much later the second instant is


def _read(dates: Int64Array, offsets: _Offsets) -> _Reading:
    since, values = offsets
    none = np.empty(0, np.int64)
    if not len(since):
        return _Reading(dates - values[0], none, none, none)
    before, after = values[:-1], values[1:]
    # wall-clock times from here on are read with the offset after the change
    turns = since + np.maximum(before, after)
    change = np.searchsorted(turns, dates, side="right")
    known = np.minimum(change, len(turns) - 1)
    # those before it, but not before the time that the clock was put back to, occur twice
    twice = (change < len(turns)) & (after < before)[known] & (dates >= (since + after)[known])
    at = np.flatnonzero(twice)
    return _Reading(dates - values[change], change, at, (before - after)[change[at]])


class _Passes(NamedTuple):
    """The times that occur twice, by repeated hour and series."""

    begins: npt.NDArray[np.bool_]  # where another hour, or another series, begins
    falls: npt.NDArray[np.bool_]  # where a time is not later than the one before it in the same hour
    second: npt.NDArray[np.bool_]  # those after such a fall: they are in the second pass


def _passes(dates: Int64Array, reading: _Reading, starts: Int64Array | None) -> _Passes:
    at = reading.twice
    begins = np.diff(reading.change[at], prepend=-1) != 0
    if starts is not None:
        begins |= np.diff(np.searchsorted(starts, at, side="right"), prepend=-1) != 0
    falls = ~begins & (np.diff(dates[at], prepend=0) <= 0)
    seen = np.cumsum(falls)
    begin = np.maximum.accumulate(np.where(begins, np.arange(len(at)), 0))
    return _Passes(begins, falls, seen > seen[begin])


def _midway(utc: Int64Array, at: Int64Array, shift: Int64Array, starts: Int64Array | None) -> npt.NDArray[np.bool_]:
    """Whether each instant at the positions `at`, moved later by `shift`, lies midway between its neighbours."""
    inner = (at > 0) & (at < len(utc) - 1)
    if starts is not None:
        inner &= ~np.isin(at, starts) & ~np.isin(at + 1, starts)
    twice = utc[at - 1] + utc[np.minimum(at + 1, len(utc) - 1)]
    midway: npt.NDArray[np.bool_] = inner & (2 * (utc[at] + shift) == twice)
    return midway


# --- offsets -----------------------------------------------------------------------------------------------------


class _Offsets(NamedTuple):
    since: Int64Array  # UTC milliseconds of the changes
    values: Int64Array  # the offset before the first change, and after each; milliseconds east of UTC


def _offsets(tz: TimeZone, dates: Int64Array) -> _Offsets:
    """The offsets in the years in which `dates` lie, with a day more on both sides."""
    zone = timezone(tz)
    if isinstance(zone, datetime.timezone) or not len(dates):
        return _Offsets(np.empty(0, np.int64), np.array([_offset_at(zone, 0)]))
    first, last = _year(int(dates.min()) - 2 * _DAY), _year(int(dates.max()) + 2 * _DAY)
    years = tuple(range(first, last + 1))
    if last - first > 50:  # few dates far apart, such as 1901 and 3000: only the years that occur
        days = np.unique(dates // _DAY)
        days = np.unique(np.concatenate([days - 2, days + 2])).astype("M8[D]")
        years = tuple(np.unique((days.astype("M8[Y]").view("i8") + 1970).clip(1, 9999)).tolist())
    # (the time zones of dateutil cannot be hashed)
    build = _offsets_of if isinstance(zone, Hashable) else _offsets_of.__wrapped__
    return build(zone, years)


def _year(milliseconds: int) -> int:
    seconds = min(max(milliseconds // 1000, _FIRST_SECOND), _LAST_SECOND)
    return (_EPOCH + datetime.timedelta(seconds=seconds)).year


@lru_cache(maxsize=1024)
def _offsets_of(zone: datetime.tzinfo, years: tuple[int, ...]) -> _Offsets:
    since: list[int] = []
    values: list[int] = []
    for year in years:
        begin, offset, changes = (_changes if isinstance(zone, Hashable) else _changes.__wrapped__)(zone, year)
        if not values:
            values.append(offset)
        elif values[-1] != offset:  # the years between were left out
            since.append(begin)
            values.append(offset)
        for at, offset in changes:
            since.append(at)
            values.append(offset)
    return _Offsets(np.array(since, np.int64), np.array(values, np.int64))


@lru_cache(maxsize=8192)
def _changes(zone: datetime.tzinfo, year: int) -> tuple[int, int, list[tuple[int, int]]]:
    """When a year begins (UTC), the offset then, and each change in it with the offset from there on.

    A change shows as a difference between two days, and is then found to the second by bisection.
    """
    day = 86_400
    begin = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) - _EPOCH) // _SECOND
    end = begin + (366 if calendar.isleap(year) else 365) * day
    initial = before = _offset_at(zone, begin)
    changes = []
    for left in range(begin, end, day):
        right = left + day
        after = _offset_at(zone, right)
        if after != before:
            low, high = left, right
            while high - low > 1:
                middle = (low + high) // 2
                if _offset_at(zone, middle) == before:
                    low = middle
                else:
                    high = middle
            changes.append((high * 1000, after))
            before = after
    return begin * 1000, initial, changes


def _offset_at(zone: datetime.tzinfo, seconds: int) -> int:
    """Milliseconds east of UTC, at UTC seconds since 1970-01-01."""
    moment = _EPOCH + datetime.timedelta(seconds=min(max(seconds, _FIRST_SECOND), _LAST_SECOND))
    offset = moment.astimezone(zone).utcoffset()
    return 0 if offset is None else round(offset / _SECOND * 1000)

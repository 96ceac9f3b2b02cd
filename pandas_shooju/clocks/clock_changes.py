"""Conversions between instants and wall-clock times, across clock changes; see the package for an overview."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju.clocks.zones import Int64Array, Offsets, TimeZone, offsets_around

_ETERNITY = 2**64


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

    def with_remedy(self, remedy: str) -> LocalTimeError:
        """The same error with advice at the end of its message."""
        return LocalTimeError(
            f"{self}. {remedy}",
            reason=self.reason,
            time=self.time,
            zone=self.zone,
            position=self.position,
            series=self.series,
        )


def utc_to_wall(dates: Int64Array, tz: TimeZone) -> Int64Array:
    """The wall-clock times of `tz` at these instants.

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
    offsets = offsets_around(tz, dates)
    wall: Int64Array = dates + offsets.values[np.searchsorted(offsets.since, dates, side="right")]
    return wall


def wall_to_utc(
    dates: Int64Array, tz: TimeZone, starts: Int64Array | None = None, not_before: int | None = None
) -> Int64Array:
    """The instants of the wall-clock times of a localized series.

    - A time that occurs once is that instant.
    - A time that occurs twice is the earlier instant, until the dates stop rising: from there on they belong to the
      second pass. This assumes nothing about the step, and is right for every ascending series in which the dates step
      back at least once.
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
    reading = _read(dates, offsets_around(tz, dates))
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
    """The first instant at which the clocks of `tz` show each time, regardless of the other dates.

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
    return _read(dates, offsets_around(tz, dates)).utc


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
    since, values = offsets_around(tz, np.array([wall]))
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
    pandas_shooju.clocks.clock_changes.LocalTimeError: 2018-11-04 01:00:00 is ambiguous in America/Chicago: ...
    """
    offsets = offsets_around(tz, dates)
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


def _skipped(dates: Int64Array, change: Int64Array, offsets: Offsets) -> npt.NDArray[np.bool_]:
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
    dates: Int64Array, position: int, tz: TimeZone, change: Int64Array, offsets: Offsets, starts: Int64Array
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
            "of the two times is meant (they do if a series has both, in ascending order)"
        )
    else:
        message = f"{shown} does not exist in {tz}: the clock goes forward from {from_} to {to}"
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


def _read(dates: Int64Array, offsets: Offsets) -> _Reading:
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

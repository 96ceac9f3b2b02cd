"""Dates as milliseconds since 1970-01-01, and milliseconds as dates and indexes."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pandas as pd

from pandas_shooju.clocks.clock_changes import wall_to_utc
from pandas_shooju.clocks.zones import Int64Array, TimeZone

_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MILLISECOND = datetime.timedelta(milliseconds=1)


class DateError(TypeError, ValueError):
    """Not a date. Both kinds of error, as programs catch either."""


def to_milli(date: Any) -> int:
    """Milliseconds since 1970-01-01: of an aware datetime in UTC, of a naive one as if it were UTC.

    Fractions of a millisecond are cut off, as in the limits of a read; see :func:`exact_milli` for dates that are
    stored.

    Raises
    ------
    TypeError
        Not a date, a datetime, or milliseconds.

    Examples
    --------
    >>> from datetime import date, datetime, timedelta, timezone
    >>> to_milli(date(1970, 1, 2)), to_milli(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    (86400000, 0)
    """
    return _milli(date)[0]


def exact_milli(date: Any) -> int:
    """Milliseconds since 1970-01-01 of a date that is stored, as :func:`to_milli`.

    Raises
    ------
    TypeError
        Not a date, a datetime, or milliseconds.
    ValueError
        The date has a fraction of a millisecond, which Shooju does not store.

    Examples
    --------
    >>> exact_milli(datetime.datetime(1970, 1, 1, 0, 0, 1, 5000))
    1005
    >>> exact_milli(1005.5)
    Traceback (most recent call last):
      ...
    ValueError: a date must be a whole number of milliseconds, got 1005.5; round it first
    """
    milliseconds, finer = _milli(date)
    if finer:
        raise ValueError(f"a date must be a whole number of milliseconds, got {date}; round it first")
    return milliseconds


def _milli(date: Any) -> tuple[int, bool]:
    """Milliseconds, and whether a fraction of a millisecond was cut off."""
    if isinstance(date, datetime.datetime) and date is not pd.NaT:
        if isinstance(date, pd.Timestamp):
            finer = date.nanosecond != 0 or date.microsecond % 1000 != 0
            return int(date.asm8.astype("M8[ms]").astype(np.int64)), finer
        since = date - (_EPOCH if date.tzinfo is None else _EPOCH_UTC)
        return since // _MILLISECOND, date.microsecond % 1000 != 0
    if isinstance(date, datetime.date) and date is not pd.NaT:
        return (datetime.datetime(date.year, date.month, date.day) - _EPOCH) // _MILLISECOND, False
    if isinstance(date, np.datetime64) and not np.isnat(date):
        cut = date.astype("M8[ms]")
        return int(cut.astype(np.int64)), bool(cut.astype(date.dtype) != date)
    number = isinstance(date, (int, float, np.integer, np.floating)) and not isinstance(date, (bool, np.timedelta64))
    if number and math.isfinite(date):
        return int(date), int(date) != date
    raise DateError(f"a date must be a date, a datetime, or milliseconds since 1970-01-01, got {date!r}")


def to_datetime(milliseconds: float) -> datetime.datetime:
    """The naive datetime (UTC, or local time for a localized series) of milliseconds since 1970-01-01."""
    return _EPOCH + datetime.timedelta(milliseconds=milliseconds)


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
            raise ValueError(f"dates must be whole milliseconds, got {finer}; round it first: index.round('ms')")
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
            f"periods must begin at a whole millisecond, got {periods[int(finer[0])]}; "
            "convert the periods first: index.asfreq('ms')"
        )
    milliseconds: Int64Array = starts.astype(np.int64).to_numpy()
    return pd.DatetimeIndex(milliseconds.view("M8[ms]"))

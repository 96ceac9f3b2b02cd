"""Time zones: the zone that a name or an object stands for, and its offsets from UTC.

Offsets come from `zoneinfo` (or any other `tzinfo`), year by year, and are exact for the years 1 to 9999. Dates outside
of these years take the offset of the nearest known year.
"""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Hashable
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

Int64Array = npt.NDArray[np.int64]
TimeZone = str | datetime.tzinfo

_DAY = 86_400_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_SECOND = datetime.timedelta(seconds=1)
# a day from either end of the range of datetime, where every zone still has a local time
_FIRST_SECOND = (datetime.datetime(1, 1, 2, tzinfo=datetime.UTC) - _EPOCH) // _SECOND
_LAST_SECOND = (datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC) - _EPOCH) // _SECOND - 1


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
            found: datetime.tzinfo = pd.DatetimeTZDtype("ms", tz).tz  # pandas accepts more forms
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


# --- offsets -----------------------------------------------------------------------------------------------------


class Offsets(NamedTuple):
    """The offsets of a time zone and when they change."""

    since: Int64Array  # UTC milliseconds of the changes
    values: Int64Array  # the offset before the first change, and after each; milliseconds east of UTC


def offsets_around(tz: TimeZone, dates: Int64Array) -> Offsets:
    """The offsets in the years in which `dates` lie, with a day more on both sides."""
    zone = timezone(tz)
    if isinstance(zone, datetime.timezone) or not len(dates):
        return Offsets(np.empty(0, np.int64), np.array([_offset_at(zone, 0)]))
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
def _offsets_of(zone: datetime.tzinfo, years: tuple[int, ...]) -> Offsets:
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
    return Offsets(np.array(since, np.int64), np.array(values, np.int64))


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

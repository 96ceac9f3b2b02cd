"""The limits `df` and `dt` of `read_shooju`, and those of `trim`: from what users write to exact milliseconds.

Pure. Every value stands for a closed interval of instants: a day for a date, a month for ``"2024-01"``, a single
instant for a datetime. The limit `df` is the first millisecond of its interval, and `dt` the last millisecond of its
own, so both ends are included. (The client core keeps the meaning of the published client, where a date is its
midnight.)
"""

from __future__ import annotations

import calendar
import datetime
import re
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.typing import NaTType

from pandas_shooju import clocks
from pandas_shooju.clocks import TimeZone

#: NaT, which is refused, is what type checkers say that `pd.Timestamp(...)` may be
Limit: TypeAlias = str | int | float | datetime.date | datetime.datetime | np.datetime64 | pd.Period | NaTType

_DAY = 86_400_000
_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_PER_MILLISECOND = {"us": 10**3, "ns": 10**6, "ps": 10**9, "fs": 10**12, "as": 10**15}

# a term such as -2y or 0db; the units are left to the server
_TERM = r"\d{1,7}\s*[A-Za-z]b?"
_RELATIVE = re.compile(rf"[+-]?\s*{_TERM}(?:\s*[+-]\s*{_TERM}|\s+{_TERM})*")
_PERIOD = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_COMPACT_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)")
_COMPACT_TIME = re.compile(r"[12]\d{3}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d\d){1,3}")  # YYYYMMDDhh, …mm, …ss
_DATETIME = re.compile(r"\d{4}-?\d\d-?\d\d[Tt ]\d\d\S*")
_FINER_THAN_MICROSECONDS = re.compile(r"([.,]\d{6})(\d+)")

_ACCEPTED = (
    "a date or datetime (also as a string: '2024-01-03', '2024-01' or '2024' for the whole day, month or year, "
    "'2024-01-03T10:00'), a Timestamp or Period, milliseconds since 1970-01-01, 'MIN', 'MAX', or a date relative to "
    "now such as '-5y' or '-2y -1d'"
)


def wire_limits(df: Limit | None, dt: Limit | None, zone: TimeZone) -> tuple[int | str | None, int | str | None]:
    """The limits as they are sent to the server.

    Parameters
    ----------
    df, dt
        The arguments of the caller.
    zone
        The time zone of naive dates.

    Returns
    -------
    tuple
        UTC milliseconds since 1970-01-01; a string for limits relative to now, ``"MIN"`` and ``"MAX"``; None for no
        limit.

    Raises
    ------
    TypeError, ValueError
        A limit has a form that is not accepted; the message lists the accepted forms.

    Examples
    --------
    >>> wire_limits("2024-01", "2024-01", "UTC")
    (1704067200000, 1706745599999)
    >>> wire_limits("-5y", datetime.date(2024, 1, 3), "America/Chicago")
    ('-5y', 1704347999999)
    """
    first, last = (None if limit is None else interval(limit, name, zone) for name, limit in (("df", df), ("dt", dt)))
    return first[0] if isinstance(first, tuple) else first, last[1] if isinstance(last, tuple) else last


def interval(value: Any, name: str, zone: TimeZone) -> tuple[int, int] | str:
    """The first and the last millisecond (UTC) of the interval that a limit stands for; a string if the server decides.

    An instant that lies between two milliseconds has the later one as its first, and the earlier one as its last.
    """
    if value is None or value is pd.NaT or isinstance(value, bool | np.bool_):
        raise _wrong(TypeError, value, name)
    if isinstance(value, str):
        return _of_string(value.strip(), value, name, zone)
    if isinstance(value, int | float | np.integer | np.floating):
        return _of_number(value, name)
    if isinstance(value, pd.Timestamp):
        first, last = _of_datetime64(value.asm8, name)
        return (first, last) if value.tzinfo is not None else _of_wall(first, last, zone)
    if isinstance(value, datetime.datetime):
        return _of_datetime(value, zone)
    if isinstance(value, datetime.date):
        return _of_days(value, value, zone)
    if isinstance(value, np.datetime64) and not np.isnat(value):
        return _of_wall(*_of_datetime64(value, name), zone)
    if isinstance(value, pd.Period):
        return _of_period(value, zone)
    raise _wrong(TypeError, value, name)


def _of_string(text: str, given: str, name: str, zone: TimeZone) -> tuple[int, int] | str:
    if text.upper() in ("MIN", "MAX") or _RELATIVE.fullmatch(text):
        return text
    try:
        period = _PERIOD.fullmatch(text) or _COMPACT_DAY.fullmatch(text)
        if period is not None:
            year, month, day = (None if part is None else int(part) for part in period.groups())
            assert year is not None
            last_month = month or 12
            last_day = day or calendar.monthrange(year, last_month)[1]
            return _of_days(datetime.date(year, month or 1, day or 1), datetime.date(year, last_month, last_day), zone)
        if _COMPACT_TIME.fullmatch(text):
            raise ValueError("it may be a date and time or milliseconds; write 'YYYY-MM-DDThh:mm', or pass an integer")
        if re.fullmatch(r"[+-]?\d{1,19}", text):
            return _of_number(int(text), name)
        if _DATETIME.fullmatch(text):
            # digits beyond microseconds would be ignored
            finer = _FINER_THAN_MICROSECONDS.search(text)
            moment = datetime.datetime.fromisoformat(_FINER_THAN_MICROSECONDS.sub(r"\1", text))
            return _of_datetime(moment, zone, inexact=finer is not None and int(finer[2]) > 0)
    except ValueError as error:
        raise _wrong(ValueError, given, name, f": {error}") from None
    raise _wrong(ValueError, given, name)


def _of_number(value: Any, name: str) -> tuple[int, int]:
    if 0 < value < 100_000_000:
        raise ValueError(
            f"{name} must be milliseconds since 1970-01-01 if it is a number, got {value!r}, which looks like a year "
            f"or a date (YYYYMMDD); pass such a date as a string: {name}='{value:.0f}'"
        )
    if not abs(value) < 2**63:  # also NaN
        raise _wrong(ValueError, value, name)
    floor = int(value // 1)
    return floor + (floor != value), floor


def _of_days(first: datetime.date, last: datetime.date, zone: TimeZone) -> tuple[int, int]:
    """From the beginning of the first day to the end of the last one, by the clocks of a time zone."""
    begin, end = ((day.toordinal() - _EPOCH.toordinal()) * _DAY for day in (first, last))
    return _of_wall(begin, end + _DAY - 1, zone)


def _of_datetime(value: datetime.datetime, zone: TimeZone, *, inexact: bool = False) -> tuple[int, int]:
    microseconds = (value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)) // _MICROSECOND
    floor, rest = divmod(microseconds, 1000)
    first = floor + bool(rest or inexact)
    return (first, floor) if value.tzinfo is not None else _of_wall(first, floor, zone)


def _of_datetime64(value: np.datetime64, name: str) -> tuple[int, int]:
    unit, count = np.datetime_data(value.dtype)
    if unit in _PER_MILLISECOND:
        number, per_ms = int(value.astype(np.int64)) * count, _PER_MILLISECOND[unit]
        return -(-number // per_ms), number // per_ms
    if abs(int(value.astype("M8[Y]").astype(np.int64))) > 200_000_000:
        raise _wrong(ValueError, value, name, ", which does not fit in 64 bits as milliseconds")
    milliseconds = int(value.astype("M8[ms]").astype(np.int64))
    return milliseconds, milliseconds


def _of_period(value: pd.Period, zone: TimeZone) -> tuple[int, int]:
    first, last = value.asfreq("ms", how="start"), value.asfreq("ms", how="end")
    inexact = first.asfreq(value.freq, how="start") < value  # a period finer than a millisecond
    return _of_wall(int(first.ordinal) + inexact, int(last.ordinal), zone)


def _of_wall(first: int, last: int, zone: TimeZone) -> tuple[int, int]:
    """From the first instant at which the clocks show `first` or later, to the last one at which they show `last`."""
    return clocks.first_at(first, zone), clocks.last_at(last, zone)


def _wrong(kind: type[Exception], value: Any, name: str, why: str = "") -> Exception:
    return kind(f"{name} must be {_ACCEPTED}; got {value!r}{why}")

"""Dates in parameters, operators and comparisons: milliseconds, ISO, ``MIN``, ``MAX``, or relative to now. Pure.

A relative date consists of terms separated by spaces, such as ``-2y -1d``. Each term is a number, with or without a
sign, and a unit: ``y`` years, ``q`` quarters, ``M`` months, ``w`` weeks, ``d`` days, ``h`` hours, ``m`` minutes. Years,
quarters and months keep the day of the month if it exists, and otherwise use the last day of the month. A ``b`` after
the unit moves the date to the beginning of that period (UTC; weeks begin on Monday): ``0db`` is today at 00:00,
``-1yb`` the first of January of last year, ``-1db +2h`` yesterday at 02:00.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store.chunks import EARLIEST, LATEST

_term = re.compile(r"\s*([+-]?)\s*(\d{1,7})\s*([yqMwdhm])(b?)(?![A-Za-z0-9])")
_number = re.compile(r"[+-]?\d{1,20}(\.0*)?$")
_day = re.compile(r"\d{4}-\d{2}-\d{2}$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000
_MONTHS = {"y": 12, "q": 3, "M": 1}
_SPANS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
}
#: where a person writes the date, whole numbers up to this are a year, a YYYYMMDD or a job, and not milliseconds
_NOT_MILLISECONDS = 99_999_999


class Term(NamedTuple):
    """A term of a relative date or span: ``-1yb`` is ``Term(-1, "y", True)``."""

    number: int
    unit: str
    beginning: bool = False


def parse_date(given: object, name: str, now: int) -> int | None:
    """Milliseconds since 1970-01-01 UTC, or None if no date is given.

    Parameters
    ----------
    given
        The value of the parameter.
    name
        The parameter's name, for the error message.
    now
        The moment that relative dates are relative to (milliseconds, UTC).

    Raises
    ------
    ApiError
        The value is not a date.
    """
    if given is None or given == "":
        return None
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise _wrong(given, name)
    text = str(given).strip()
    if _number.match(text):
        return clipped(int(text.partition(".")[0]))
    if text.upper() == "MIN":
        return EARLIEST
    if text.upper() == "MAX":
        return LATEST
    try:
        return _milliseconds(text)
    except ValueError:
        terms = parse_span(text)
        if terms is None:
            raise _wrong(given, name) from None
        return shifted(now, terms)


def parse_written_date(given: str | None, name: str, now: int) -> int:
    """A date within a query, where `MIN`, `MAX` and small numbers (years, YYYYMMDD, job ids) make no sense.

    Raises
    ------
    ApiError
        The text is not a date.
    """
    text = (given or "").strip()
    date = parse_date(text, name, now)
    if date is None:
        raise invalid(f"{name} must be a date such as 2001-01-01, got nothing")
    if text.upper() in ("MIN", "MAX"):
        raise invalid(f"{name} must be a particular date, got {text}")
    if _number.match(text) and 0 < date <= _NOT_MILLISECONDS:
        raise invalid(
            f"{name} must be a date such as 2001-01-01 or milliseconds since 1970, got {text}, "
            "which looks like a year, a day or a job"
        )
    return date


def moment_of(text: str) -> int | None:
    """Milliseconds for a text that is an ISO date, with or without a time; None for any other text."""
    if len(text) > 40 or not _day.match(text[:10]):
        return None
    try:
        return _milliseconds(text)
    except ValueError:
        return None


def day_of(text: str) -> tuple[int, int] | None:
    """The first and last millisecond of a day written as ``2024-01-31``; None for any other text."""
    first = moment_of(text) if _day.match(text) else None
    return None if first is None else (first, first + _DAY - 1)


def parse_span(text: str) -> list[Term] | None:
    """The terms of a span such as ``-2y -1d`` or ``1y``; None if the text is not one."""
    terms = []
    at = 0
    text = text.strip()
    while at < len(text):
        found = _term.match(text, at)
        if found is None:
            return None
        terms.append(Term(int(found[1] + found[2]), found[3], bool(found[4])))
        at = found.end()
    return terms or None


def shifted(milliseconds: int, terms: list[Term]) -> int:
    """A date shifted by each term of a span in turn, within the years 1 to 9999."""
    milliseconds = clipped(milliseconds)
    for number, unit, beginning in terms:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
        try:
            if unit in _MONTHS:
                month = moment.year * 12 + moment.month - 1 + number * _MONTHS[unit]
                year, month = month // 12, month % 12 + 1
                day = min(moment.day, calendar.monthrange(year, month)[1])
                moment = moment.replace(year=year, month=month, day=day)
            else:
                moment += number * _SPANS[unit]
            if beginning:
                moment = _beginning(moment, unit)
        except (ValueError, OverflowError, calendar.IllegalMonthError):
            return EARLIEST if number < 0 else LATEST
        milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    return clipped(milliseconds)


def clipped(milliseconds: int) -> int:
    """A date, limited to the years 1 to 9999."""
    return min(max(milliseconds, EARLIEST), LATEST)


def iso(milliseconds: int) -> str:
    """A date as people read it: ``2024-01-31T10:00:00``."""
    return (datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)).isoformat()


def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _beginning(moment: datetime, unit: str) -> datetime:
    if unit == "m":
        return moment.replace(second=0, microsecond=0)
    if unit == "h":
        return moment.replace(minute=0, second=0, microsecond=0)
    moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "w":
            return moment - timedelta(days=moment.weekday())
        case "M":
            return moment.replace(day=1)
        case "q":
            return moment.replace(day=1, month=(moment.month - 1) // 3 * 3 + 1)
        case "y":
            return moment.replace(day=1, month=1)
    return moment


def _wrong(given: object, name: str) -> Exception:
    return invalid(
        f"{name} must be milliseconds, an ISO date, MIN, MAX, or a date relative to now such as '-2y -1d' or '0db'"
        f" (units y, q, M, w, d, h, m), got {given!r}, which is not a date"
    )

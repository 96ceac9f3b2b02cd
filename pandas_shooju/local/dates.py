"""Dates as parameters give them: milliseconds, ISO, ``MIN``, ``MAX``, or counted from now. Pure.

A relative date is made of signed terms separated by spaces, ``-2y -1d``, each a number and a unit: ``y`` years,
``q`` quarters, ``M`` months, ``w`` weeks, ``d`` days, ``h`` hours, ``m`` minutes. Years, quarters and months keep
the day of the month where it exists, and take the last day of the month where it does not.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store.points import EARLIEST, LATEST

_term = re.compile(r"\s*([+-]?)\s*(\d{1,7})\s*([yqMwdhm])")
_number = re.compile(r"[+-]?\d{1,20}(\.0*)?$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = {"y": 12, "q": 3, "M": 1}
_SPANS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
}


def parse_date(given: object, name: str, now: int) -> int | None:
    """A date as milliseconds since 1970-01-01, UTC; None where nothing is given.

    Parameters
    ----------
    given
        What stands in the parameter.
    name
        The parameter's name, for the error.
    now
        The moment from which a relative date is counted (milliseconds, UTC).

    Raises
    ------
    ApiError
        It is not a date.
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
        moment = datetime.fromisoformat(text)
    except ValueError:
        terms = parse_span(text)
        if terms is None or text[0] not in "+-":
            raise _wrong(given, name) from None
        return shifted(now, terms)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def parse_span(text: str) -> list[tuple[int, str]] | None:
    """The terms of a span such as ``-2y -1d`` or ``1y``; None if it is none."""
    terms = []
    at = 0
    text = text.strip()
    while at < len(text):
        found = _term.match(text, at)
        if found is None:
            return None
        terms.append((int(found[1] + found[2]), found[3]))
        at = found.end()
    return terms or None


def shifted(milliseconds: int, terms: list[tuple[int, str]]) -> int:
    """A date shifted by the terms of a span, one after the other; within the years 1 to 9999."""
    milliseconds = clipped(milliseconds)
    for number, unit in terms:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
        try:
            if unit in _MONTHS:
                month = moment.year * 12 + moment.month - 1 + number * _MONTHS[unit]
                year, month = month // 12, month % 12 + 1
                day = min(moment.day, calendar.monthrange(year, month)[1])
                moment = moment.replace(year=year, month=month, day=day)
            else:
                moment += number * _SPANS[unit]
        except (ValueError, OverflowError, calendar.IllegalMonthError):
            return EARLIEST if number < 0 else LATEST
        milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    return milliseconds


def clipped(milliseconds: int) -> int:
    """A date, brought into the years 1 to 9999."""
    return min(max(milliseconds, EARLIEST), LATEST)


def _wrong(given: object, name: str) -> Exception:
    return invalid(
        f"{name} is {given!r}, not a date: it takes milliseconds, an ISO date, MIN, MAX, or a date relative to now"
        " such as '-2y -1d' (units y, q, M, w, d, h, m)"
    )

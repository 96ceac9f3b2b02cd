"""The operators at the end of a query: ``@A:M``, ``@lag:1y``, ``@localize:Europe/London`` and so on.

There are two kinds. Those in `SOURCES` say which points or fields of a series are meant (as of a moment, under a
report date); their position among the others makes no difference. All others change the points, in the order in which
they are written. Names are matched regardless of case; a name that is in neither table is refused.

Dates are UTC throughout. An operator after ``@localize`` works by the clock of that zone (its days begin at local
midnight), and the dates become clock time only in the response.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from pandas_shooju import clocks
from pandas_shooju.local.certainty import Status
from pandas_shooju.local.dates import parse_span, parse_written_date
from pandas_shooju.local.errors import ApiError, invalid
from pandas_shooju.local.query.tree import Operator
from pandas_shooju.local.store.chunks import EARLIEST, LATEST, NO_POINTS, Float64, Int64, Points
from pandas_shooju.local.store.jobs import now
from pandas_shooju.local.store.points import EVERYTHING, Range

#: the function of an operator that a program adds: from dates (milliseconds, UTC), values and the argument to dates
#: and values
OwnOperator = Callable[[Int64, Float64, str | None], tuple[Int64, Float64]]


class Form(NamedTuple):
    """An operator in the documentation."""

    example: str
    meaning: str
    status: Status = "known"


#: operators that say what is read
SOURCES = {
    "asof": Form(
        "@asof:j17",
        "points and fields as they were after a job, or at a moment (@asof:2024-01-01T10:00); conditions are about now",
    ),
    "repdate": Form("@repdate:2001-01-01", "the points filed under a report date"),
    "repfdate": Form("@repfdate:2001-01-01", "the fields filed under a report date"),
    "repdatelist": Form("@repdatelist:all", "the report dates, as points (all, points or fields)"),
}

_PERIODS = ("h", "d", "w", "M", "q", "y")
_FIXED = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000}


@dataclass(frozen=True, slots=True)
class Line:
    """A series on its way through the operators."""

    points: Points
    fields: dict[str, Any] = field(default_factory=dict)
    #: the zone by whose clock the dates are shown
    zone: str | None = None


Transform = Callable[[Line, str | None], Line]


def average(line: Line, argument: str | None) -> Line:
    """The average of each period, dated at its start."""
    return _by_period(line, argument, "A", average=True)


def total(line: Line, argument: str | None) -> Line:
    """The sum of each period, dated at its start."""
    return _by_period(line, argument, "S", average=False)


def _by_period(line: Line, period: str | None, name: str, *, average: bool) -> Line:
    if period not in _PERIODS:
        raise invalid(f"operator {name} must have a period, one of {', '.join(_PERIODS)}, got {period!r}")
    dates, values, revisions = line.points
    if not len(dates):
        return line
    clock = dates if line.zone is None else clocks.utc_to_wall(dates, line.zone)
    periods = _period_starts(clock, period)
    if period == "h":
        # back to instants at once: an hour that the clock shows twice is two periods
        periods = periods - (clock - dates)
    starts = np.flatnonzero(np.concatenate(([True], periods[1:] != periods[:-1])))
    results = np.add.reduceat(values, starts)
    if average:
        results = results / np.diff(starts, append=len(dates))
    newest = np.maximum.reduceat(revisions, starts) if len(revisions) else revisions
    periods = periods[starts]
    if line.zone is not None and period != "h":
        periods = clocks.first_instants(periods, line.zone)
    return replace(line, points=Points(periods, results, newest))


def lag(line: Line, argument: str | None) -> Line:
    """Shifted to later dates (``-1y``: earlier)."""
    terms = parse_span(argument or "")
    if terms is None or any(term.beginning for term in terms):
        raise invalid(f"operator lag must have a span such as 1y or '1M 2d', got {argument!r}")
    dates = line.points.dates
    for number, unit, _ in terms:
        if line.zone is not None and unit not in ("h", "m"):
            dates = clocks.first_instants(_shifted(clocks.utc_to_wall(dates, line.zone), number, unit), line.zone)
        else:
            dates = _shifted(dates, number, unit)
    # an hour that the clock shows twice can come out in another order
    order = np.argsort(dates, kind="stable")
    dates, points = dates[order], line.points.pick(order)
    # two ends of months can meet; of those, the later point stays
    last = np.append(dates[1:] != dates[:-1], True) if len(dates) else np.empty(0, bool)
    return replace(line, points=points._replace(dates=dates).pick(last))


def localize(line: Line, argument: str | None) -> Line:
    """By the clock of a zone; by default that of the field ``timezone``."""
    zone = argument or line.fields.get("timezone")
    if not isinstance(zone, str) or not zone:
        raise invalid("operator localize must have a zone, unless the series has one in its field 'timezone'")
    try:
        clocks.check_zone(zone)
    except ValueError as error:
        raise invalid(str(error)) from None
    return replace(line, zone=zone)


def date_from(line: Line, argument: str | None) -> Line:
    """No points before a date."""
    return _within(line, Range(first=_limit("df", argument)))


def date_to(line: Line, argument: str | None) -> Line:
    """No points after a date."""
    return _within(line, Range(last=_limit("dt", argument)))


def reach(operators: list[Operator]) -> Range:
    """The points to read for operators, given the limits of dates that come first among them."""
    wanted = EVERYTHING
    for operator in operators:
        match operator.name.lower():
            case "df":
                wanted = wanted._replace(first=max(wanted.first, _limit("df", operator.argument)))
            case "dt":
                wanted = wanted._replace(last=min(wanted.last, _limit("dt", operator.argument)))
            case _:
                break
    return wanted


def _limit(name: str, argument: str | None) -> int:
    text = (argument or "").strip().upper()
    if text in ("MIN", "MAX"):
        return EARLIEST if text == "MIN" else LATEST
    return parse_written_date(argument, f"the date of operator {name}", now())


def _within(line: Line, wanted: Range) -> Line:
    return replace(line, points=wanted.of(line.points))


#: the operators that change points
TRANSFORMS: dict[str, Transform] = {
    "a": average,
    "s": total,
    "lag": lag,
    "localize": localize,
    "df": date_from,
    "dt": date_to,
}
#: how those are written, and what they mean
FORMS = {
    "a": Form("@A:M", "the average of each period, dated at its start (h, d, w from Monday, M, q, y)"),
    "s": Form("@S:y", "the sum of each period", "inferred"),
    "lag": Form("@lag:1y", "shifted to later dates (-1y: to earlier dates)"),
    "localize": Form("@localize:Europe/London", "by the clock of a zone; by default that of the field timezone"),
    "df": Form("@df:-1yb", "no points before a date"),
    "dt": Form("@dt:0d", "no points after a date"),
}
#: those that keep points and their dates: of the points, only the ones asked for are read
_KEEP_DATES = {"localize"}
#: the names of the operators that exist without any that a program adds
BUILT_IN = frozenset(TRANSFORMS)
#: those whose argument can be checked without the store, which knows what `asof` may name
_CHECKED = BUILT_IN | SOURCES.keys() - {"asof"}


def register_operator(name: str, function: OwnOperator | None = None) -> Any:
    """Add an operator to the embedded Shooju, to stand in for one that an account has.

    Parameters
    ----------
    name
        The operator's name, without the ``@``; matched regardless of case.
    function
        Takes the dates (int64, milliseconds UTC, ascending), the values (float64) and the text after the colon
        (None without one), and returns dates and values. If omitted, a decorator is returned.

    Raises
    ------
    ValueError
        The name is that of a built-in operator, or not a name.

    Examples
    --------
    >>> from pandas_shooju.local import register_operator
    >>> @register_operator("double")
    ... def double(dates, values, argument):
    ...     return dates, values * 2
    """
    if function is None:
        return lambda decorated: register_operator(name, decorated)
    known = name.lower()
    if known in BUILT_IN or known in SOURCES:
        raise ValueError(f"operator {name} is built in")
    if not known.isidentifier():
        raise ValueError(f"the name of an operator must consist of letters, digits and underscores, got {name!r}")

    def transform(line: Line, argument: str | None) -> Line:
        """Call the function of the program."""
        dates, values = function(line.points.dates.copy(), line.points.values.copy(), argument)
        dates, values = np.asarray(dates, np.int64), np.asarray(values, np.float64)
        if dates.shape != values.shape or dates.ndim != 1:
            raise invalid(f"operator {name} returned {dates.shape} dates and {values.shape} values")
        newest = line.points.revisions
        marks = np.full(len(dates), newest.max() if len(newest) else 0, np.int64)
        order = np.argsort(dates, kind="stable")
        points = Points(dates[order], values[order], marks[: len(newest) and len(marks)])
        return replace(line, points=points.pick(~np.isnan(points.values)))

    TRANSFORMS[known] = transform
    return function


def check(operators: tuple[Operator, ...]) -> None:
    """Refuse operators that are not known, wrong arguments, and combinations of which one would be ignored.

    A query that finds nothing is checked as any other.

    Raises
    ------
    ApiError
        ``invalid_parameters``, by name.
    """
    sources: set[str] = set()
    for operator in operators:
        name = operator.name.lower()
        if not is_known(name):
            raise unknown(name)
        if name in sources:
            raise invalid(f"operator {name} must not occur twice")
        if name in SOURCES:
            sources.add(name)
        if name in _CHECKED:
            _check_argument(name, operator.argument)
    if sources >= {"repdate", "repdatelist"}:
        raise invalid("operators repdate and repdatelist together are not supported")


@functools.lru_cache(maxsize=1024)
def _check_argument(name: str, argument: str | None) -> None:
    if name in BUILT_IN:
        TRANSFORMS[name](Line(NO_POINTS, {"timezone": "UTC"}), argument)
    elif name == "repdatelist":
        report_mode(argument)
    else:
        report_date(name, argument)


def report_date(name: str, argument: str | None) -> int:
    """The argument of an operator that is a report date."""
    if not (argument or "").strip():
        raise invalid(f"operator {name} must have a report date, as in @{name}:2001-01-01, got nothing")
    return parse_written_date(argument, f"the argument of operator {name}", now())


def report_mode(argument: str | None) -> str:
    """Which report dates are listed: ``all``, ``points`` or ``fields``."""
    mode = (argument or "all").lower()
    if mode not in ("all", "points", "fields"):
        raise invalid(f"report dates are listed for all, points or fields, got {argument!r}")
    return mode


def unknown(name: str) -> ApiError:
    """The error for an operator that does not exist."""
    return invalid(f"operator {name[:100].upper()} is not supported")


def is_known(name: str) -> bool:
    """Whether there is such an operator."""
    return name.lower() in TRANSFORMS or name.lower() in SOURCES


def transforms(operators: tuple[Operator, ...]) -> list[Operator]:
    """The operators that change points."""
    return [operator for operator in operators if operator.name.lower() in TRANSFORMS]


def keep_dates(operators: list[Operator]) -> bool:
    """Whether the points in a range result from the points in the same range."""
    return all(operator.name.lower() in _KEEP_DATES for operator in operators)


def apply(line: Line, operators: list[Operator]) -> Line:
    """Apply operators that change points, left to right."""
    for operator in operators:
        line = TRANSFORMS[operator.name.lower()](line, operator.argument)
    return line


def _period_starts(dates: Int64, period: str) -> Int64:
    if period in ("h", "d"):
        return dates // _FIXED[period] * _FIXED[period]
    if period == "w":  # 1970-01-01 was a Thursday
        monday = -3 * _FIXED["d"]
        return (dates - monday) // _FIXED["w"] * _FIXED["w"] + monday
    months = dates.astype("M8[ms]").astype("M8[M]").astype(np.int64)
    size = {"M": 1, "q": 3, "y": 12}[period]
    return _start_of_month(months // size * size)


def _start_of_month(months: Int64) -> Int64:
    """Milliseconds, for months counted from January 1970."""
    starts: Int64 = months.astype("M8[M]").astype("M8[ms]").astype(np.int64)
    return starts


def _shifted(dates: Int64, number: int, unit: str) -> Int64:
    if unit in _FIXED:
        return np.clip(dates + number * _FIXED[unit], EARLIEST, LATEST)
    months = dates.astype("M8[ms]").astype("M8[M]").astype(np.int64)
    within = dates - _start_of_month(months)
    target = months + min(max(number * {"M": 1, "q": 3, "y": 12}[unit], -200_000), 200_000)
    start = _start_of_month(target)
    length = _start_of_month(target + 1) - start
    # the last day of a month that is too short, at the same time of day
    day, time = within // _FIXED["d"], within % _FIXED["d"]
    shifted: Int64 = start + np.minimum(day, length // _FIXED["d"] - 1) * _FIXED["d"] + time
    return np.clip(shifted, EARLIEST, LATEST)

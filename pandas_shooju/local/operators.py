"""The operators behind a query: ``@A:M``, ``@lag:1y``, ``@localize:Europe/London`` and their like.

Two kinds. Those of `SOURCES` say which points or fields of a series are meant (as of a moment, under a report
date); where they stand among the others makes no difference. All the others change the points, in the order in
which they are written. Names are matched without regard to case, and a name that is in neither table is refused.

Dates are UTC all the way; an operator behind ``@localize`` works by the clock of that zone (its days begin at
local midnight), and the dates become clock time only in the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pandas_shooju import clocks
from pandas_shooju.local.dates import parse_span
from pandas_shooju.local.errors import invalid
from pandas_shooju.local.query.tree import Operator
from pandas_shooju.local.store.chunks import Float64, Int64, Points
from pandas_shooju.local.store.points import EARLIEST, LATEST

#: what a program may register: dates (milliseconds, UTC), values and the argument, to dates and values
OwnOperator = Callable[[Int64, Float64, str | None], tuple[Int64, Float64]]

#: operators that say what is read, with what they are for
SOURCES = {
    "asof": "points and fields as they stood after a job (j17) or at a moment",
    "repdate": "the points filed under a report date",
    "repfdate": "the fields filed under a report date",
    "repdatelist": "the report dates, as points (all, points or fields)",
}

_PERIODS = ("h", "d", "w", "M", "q", "y")
_FIXED = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000}


@dataclass(frozen=True, slots=True)
class Line:
    """A series on its way through the operators."""

    points: Points
    fields: dict[str, Any] = field(default_factory=dict)
    #: the zone whose clock the dates will be shown by
    zone: str | None = None


Transform = Callable[[Line, str | None], Line]


def average(line: Line, argument: str | None) -> Line:
    """``@A:M``: the average of each period, dated at its start; h, d, w (from Monday), M, q or y."""
    if argument not in _PERIODS:
        raise invalid(f"operator A takes a period, one of {', '.join(_PERIODS)}, not {argument!r}")
    dates, values, revisions = line.points
    if not len(dates):
        return line
    clock = dates if line.zone is None else clocks.utc_to_wall(dates, line.zone)
    periods = _period_starts(clock, argument)
    if argument == "h":
        # back to instants at once: an hour that the clock shows twice is two periods
        periods = periods - (clock - dates)
    starts = np.flatnonzero(np.concatenate(([True], periods[1:] != periods[:-1])))
    sums = np.add.reduceat(values, starts)
    newest = np.maximum.reduceat(revisions, starts) if len(revisions) else revisions
    periods = periods[starts]
    if line.zone is not None and argument != "h":
        periods = clocks.first_instants(periods, line.zone)
    return replace(line, points=Points(periods, sums / np.diff(starts, append=len(dates)), newest))


def lag(line: Line, argument: str | None) -> Line:
    """``@lag:1y``: shifted later by that much (``-1y``: earlier)."""
    terms = parse_span(argument or "")
    if terms is None:
        raise invalid(f"operator lag takes a span such as 1y or '1M 2d', not {argument!r}")
    dates = line.points.dates
    for number, unit in terms:
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
    """``@localize:Europe/London``: by the clock of that zone; without one, of the field ``timezone``."""
    zone = argument or line.fields.get("timezone")
    if not isinstance(zone, str) or not zone:
        raise invalid("operator localize takes a zone, or the series needs one in its field 'timezone'")
    try:
        clocks.check_zone(zone)
    except ValueError as error:
        raise invalid(str(error)) from None
    return replace(line, zone=zone)


#: the operators that change points
TRANSFORMS: dict[str, Transform] = {"a": average, "lag": lag, "localize": localize}
#: those that take one point to one point, on the same instant: of these, only the points asked for are read
_KEEP_DATES = {"localize"}
#: their names, whatever a program adds
BUILT_IN = frozenset(TRANSFORMS)


def register_operator(name: str, function: OwnOperator | None = None) -> Any:
    """Add an operator to the embedded Shooju, to stand in for one that an account has.

    Parameters
    ----------
    name
        The operator's name, without the ``@``; matched without regard to case.
    function
        Takes the dates (int64, milliseconds UTC, ascending), the values (float64) and the text behind the colon
        (None without one); gives dates and values. Left out: a decorator is returned.

    Raises
    ------
    ValueError
        The name is one that protocol and store know already.

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
        raise ValueError(f"{name!r} is not the name of an operator: letters, digits and underscores")

    def transform(line: Line, argument: str | None) -> Line:
        """: added by a program."""
        dates, values = function(line.points.dates.copy(), line.points.values.copy(), argument)
        dates, values = np.asarray(dates, np.int64), np.asarray(values, np.float64)
        if dates.shape != values.shape or dates.ndim != 1:
            raise invalid(f"operator {name} gave {dates.shape} dates and {values.shape} values")
        newest = line.points.revisions
        marks = np.full(len(dates), newest.max() if len(newest) else 0, np.int64)
        order = np.argsort(dates, kind="stable")
        points = Points(dates[order], values[order], marks[: len(newest) and len(marks)])
        return replace(line, points=points.pick(~np.isnan(points.values)))

    TRANSFORMS[known] = transform
    return function


def check(operators: tuple[Operator, ...]) -> None:
    """Refuse operators that nobody knows.

    Raises
    ------
    ApiError
        ``invalid_parameters``, by name.
    """
    for operator in operators:
        if not is_known(operator.name):
            raise invalid(f"operator {operator.name} is not supported")


def is_known(name: str) -> bool:
    """Whether there is such an operator."""
    return name.lower() in TRANSFORMS or name.lower() in SOURCES


def transforms(operators: tuple[Operator, ...]) -> list[Operator]:
    """Those that change points."""
    return [operator for operator in operators if operator.name.lower() in TRANSFORMS]


def keep_dates(operators: list[Operator]) -> bool:
    """Whether the points in a range come of the points in the same range."""
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

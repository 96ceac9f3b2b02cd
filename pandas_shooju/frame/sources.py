r"""What is read of a series: its state as of a moment, or its reports; and the operators that say so. Pure.

These operators (``@asof``, ``@repdate``) come before those that the query has already, and in an expression inside
each pair of braces and in the query of each function:

>>> print(with_source(r"sid=users\sam\gdp@A:y", "@asof:j17"))
sid=users\sam\gdp@asof:j17@A:y
>>> print(with_source(r"={{sid=a}} / {{sid=b@lag:1y}}@A:y", "@asof:j17"))
={{sid=a@asof:j17}} / {{sid=b@asof:j17@lag:1y}}@A:y
"""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.typing import NaTType

from pandas_shooju import clocks
from pandas_shooju.clocks import Int64Array, TimeZone
from pandas_shooju.clocks.limits import Limit, interval, wire_limits
from pandas_shooju.query import literal

#: a job (also its id, or a string such as "j17") or a moment
Moment: TypeAlias = "int | str | datetime.date | np.datetime64 | NaTType | HasJobId"
#: the report dates to read
ReportedDates: TypeAlias = "Limit | Iterable[Limit] | slice"


class HasJobId(Protocol):
    """A job, such as a RemoteJob."""

    @property
    def job_id(self) -> Any:
        """The id."""


_TEXT = r'"(?:[^"\\]|\\.)*"'
# the first operator of a query, outside of quotes
_OPERATORS = re.compile(rf"(?:{_TEXT}|[^\"@])*(?P<operators>@.*)", re.DOTALL)
_SOURCE = re.compile(r"@(asof|repdate|repfdate|repdatelist)\b", re.IGNORECASE)
_IN_EXPRESSION = re.compile(
    rf"""(?P<open>\{{\{{)(?P<query>(?:[^"}}]|\}}(?!\}})|{_TEXT})*)\}}\}}
    |(?P<call>\bF\.\w+\(\s*)(?P<argument>[rRuU]?(?:'(?:[^'\\]|\\.)*'|{_TEXT}))
    |'(?:[^'\\]|\\.)*'|{_TEXT}""",
    re.VERBOSE | re.DOTALL,
)
_JOB = re.compile(r"[jJ](\d{1,18})")


def is_expression(query: str) -> bool:
    """Whether a query is an expression."""
    return query.lstrip().startswith("=")


def split_operators(query: str) -> tuple[str, str]:
    r"""A query, and the operators at its end.

    >>> split_operators(r'sid="a@b"@A:M@lag:1y')
    ('sid="a@b"', '@A:M@lag:1y')
    """
    found = _OPERATORS.fullmatch(query)
    at = len(query) if found is None else found.start("operators")
    return query[:at].rstrip(), query[at:]


def with_source(query: str, source: str) -> str:
    """The query with an operator that says what is read.

    Raises
    ------
    ValueError
        The query has such an operator already.
    """
    if not is_expression(query):
        condition, operators = split_operators(query)
        if _SOURCE.search(operators):
            raise ValueError(
                f"a query that is read with asof= or with report dates must not contain the operator "
                f"{_SOURCE.search(operators)[0]}, got {query!r}"  # type: ignore[index]
            )
        return condition + source + operators

    def placed(found: re.Match[str]) -> str:
        if found["open"] is not None:
            return "{{" + with_source(found["query"], source) + "}}"
        if found["call"] is not None:
            return found["call"] + literal(with_source(ast.literal_eval(found["argument"]), source))
        return found[0]

    return _IN_EXPRESSION.sub(placed, query)


class AsOf(NamedTuple):
    """The argument `asof`, checked: the operators, and if it is a list, the labels of the level ``asof``."""

    operators: list[str]
    labels: pd.Index | None


def checked_asof(given: Moment | Iterable[Moment], zone: TimeZone) -> AsOf:
    """The operators of jobs and moments; naive moments are in the time zone `zone`.

    Returns
    -------
    AsOf
        The labels are int64 for jobs, ``datetime64[ms, UTC]`` for moments, and objects if there are both.

    Examples
    --------
    >>> checked_asof([17, "2024-01-03T10:00"], "UTC").operators
    ['@asof:j17', '@asof:2024-01-03T10:00:00.000']
    >>> checked_asof([17, 18], "UTC").labels
    Index([17, 18], dtype='int64', name='asof')
    """
    if isinstance(given, str | datetime.date) or not isinstance(given, Iterable):
        return AsOf([_operator(_checked(given, zone))], None)
    moments = list(dict.fromkeys(_checked(one, zone) for one in given))
    if not moments:
        raise ValueError("asof must be a job, a moment, or a non-empty list of them, got an empty list")
    return AsOf(list(map(_operator, moments)), _labels(moments))


class _Job(NamedTuple):
    job_id: int


class _Instant(NamedTuple):
    milliseconds: int


def _checked(given: Any, zone: TimeZone) -> _Job | _Instant:
    job = getattr(given, "job_id", given)
    if isinstance(job, str) and _JOB.fullmatch(job.strip()):
        job = int(job.strip()[1:])
    if isinstance(job, int | np.integer) and not isinstance(job, bool):
        if not 0 < job < 2**53:
            raise ValueError(f"the id of a job in asof must be a positive integer, got {job!r}")
        return _Job(int(job))
    return _Instant(instant(given, "asof", zone, "a job, its id, or "))


def instant(given: Any, name: str, zone: TimeZone, otherwise: str = "") -> int:
    """UTC milliseconds of a moment, rounded down; naive moments are in the time zone `zone`.

    Parameters
    ----------
    given
        A datetime, a Timestamp, a date or an ISO string; a date or a period is its beginning.
    name, otherwise
        The argument, and what else it may be, for messages.
    """
    problem: type[Exception] = ValueError
    try:
        found = interval(given, name, zone)
    except (TypeError, ValueError) as error:
        problem, found = type(error), ""
    if isinstance(found, str):
        raise problem(
            f"{name} must be {otherwise}a moment (a datetime, a Timestamp, a date, or a string such as "
            f"'2024-01-03T10:00'), got {given!r}"
        )
    return min(found)  # a moment between two milliseconds has the later one first


def _operator(one: _Job | _Instant) -> str:
    if isinstance(one, _Job):
        return f"@asof:j{one.job_id}"
    return f"@asof:{clocks.to_datetime(one.milliseconds).isoformat(timespec='milliseconds')}"


def _labels(moments: Sequence[_Job | _Instant]) -> pd.Index:
    instants = [one.milliseconds for one in moments if isinstance(one, _Instant)]
    if len(instants) == len(moments):
        return clocks.to_index(np.array(instants, np.int64)).rename("asof")
    if not instants:
        return pd.Index([one.job_id for one in moments if isinstance(one, _Job)], dtype=np.int64, name="asof")
    stamps = iter(clocks.to_index(np.array(instants, np.int64)))
    return pd.Index(
        [one.job_id if isinstance(one, _Job) else next(stamps) for one in moments], dtype=object, name="asof"
    )


class Reports(NamedTuple):
    """The arguments `reported_date` and `last_reports`, checked: which report dates of each series are read."""

    #: limits, for the server to evaluate: UTC milliseconds, or strings relative to now
    df: int | str | None
    dt: int | str | None
    #: intervals of UTC milliseconds, of which a report date must be in one
    within: list[tuple[int, int]] | None
    #: the maximum number of reports of each series, the latest ones
    last: int | None

    def chosen(self, dates: Int64Array) -> Int64Array:
        """Those of the report dates of a series, in ascending order, that are read."""
        if self.within is not None:
            wanted = np.zeros(len(dates), bool)
            for first, last in self.within:
                wanted |= (dates >= first) & (dates <= last)
            dates = dates[wanted]
        return dates if self.last is None else dates[-self.last :]


def checked_reports(reported_date: Any, last_reports: int | None) -> Reports | None:
    """The report dates that are read; None to read the points of the series itself. Dates without a zone are UTC.

    Examples
    --------
    >>> checked_reports(slice("2024-01", None), 3)
    Reports(df=1704067200000, dt=None, within=None, last=3)
    >>> checked_reports("latest", None)
    Reports(df=None, dt=None, within=None, last=1)
    """
    if last_reports is not None and (
        isinstance(last_reports, bool) or not isinstance(last_reports, int | np.integer) or last_reports < 1
    ):
        raise ValueError(f"last_reports must be a positive integer, got {last_reports!r}")
    if reported_date is None and last_reports is None:
        return None
    last = None if last_reports is None else int(last_reports)
    if isinstance(reported_date, str) and reported_date == "latest":
        if last is not None:
            raise ValueError("last_reports cannot be combined with reported_date='latest', which reads the last report")
        return Reports(None, None, None, 1)
    if reported_date is None or (isinstance(reported_date, str) and reported_date == "all"):
        return Reports(None, None, None, last)
    if isinstance(reported_date, slice):
        if reported_date.step is not None:
            raise ValueError(f"reported_date must be a slice without a step, got {reported_date!r}")
        try:
            return Reports(*wire_limits(reported_date.start, reported_date.stop, "UTC"), None, last)
        except (TypeError, ValueError) as error:
            raise _wrong_reports(error, reported_date) from None
    single = isinstance(reported_date, str | datetime.date) or not isinstance(reported_date, Iterable)
    dates = [reported_date] if single else list(reported_date)
    try:
        within = [interval(date, "reported_date", "UTC") for date in dates]
    except (TypeError, ValueError) as error:
        raise _wrong_reports(error, reported_date) from None
    exact = [limits for limits in within if not isinstance(limits, str)]
    if not exact or len(exact) < len(within):
        raise _wrong_reports(ValueError(), reported_date)
    return Reports(min(first for first, _ in exact), max(last for _, last in exact), exact, last)


def _wrong_reports(error: Exception, given: Any) -> Exception:
    return type(error)(
        "reported_date must be 'all', 'latest', a date (such as '2024-01-03', or '2024-01' for the whole month), a "
        f"list of dates, or a slice of dates, got {given!r}"
    )

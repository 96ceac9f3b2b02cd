"""`ReadRequest`: the arguments of `read_shooju`, checked. Pure.

What `df` and `dt` mean is decided in :mod:`pandas_shooju.clocks.limits`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, Literal, get_args

import numpy as np

from pandas_shooju import clocks
from pandas_shooju.clocks.limits import Limit, wire_limits
from pandas_shooju.frame.sources import AsOf, Reports, checked_asof, checked_reports, is_expression, with_source
from pandas_shooju.layouts import Layout

Query = str | Sequence[str] | Mapping[Any, str]
OnMissing = Literal["raise", "warn", "ignore"]
DtypeBackend = Literal["numpy_nullable", "pyarrow"]

_LOCALIZED = re.compile(r"@localize:([A-Za-z][\w/+-]*)", re.IGNORECASE)


@dataclass(frozen=True)
class ReadRequest:
    """A checked request, as plain data."""

    query: Query
    fields: list[str]
    columns: list[str]
    layout: Layout
    tz: str | datetime.tzinfo | EllipsisType | None
    df: int | str | None
    dt: int | str | None
    max_points: int
    include_job: bool
    include_timestamp: bool
    on_missing: OnMissing
    dtype_backend: DtypeBackend | None
    extra_params: dict[str, Any] | None
    reports: Reports | None
    asof: AsOf | None
    #: of a search: the order of the series, how many of them at most, and how many in each request
    sort: str | None
    max_series: int | None
    batch_size: int

    @property
    def vintages(self) -> Literal["reported_date", "asof"] | None:
        """The name of the column or column level that tells several states or reports of a series apart."""
        if self.reports is not None:
            return "reported_date"
        return "asof" if self.asof is not None and self.asof.labels is not None else None

    def parameters(self) -> dict[str, Any]:
        """The arguments that searches and bulk reads of the connection have in common."""
        fields = [name for name in dict.fromkeys([*self.fields, *self.columns]) if name != "series_id"]
        return {
            "fields": fields or None,
            "df": self.df,
            "dt": self.dt,
            "max_points": 0 if self.layout == "fields" else self.max_points,
            "include_job": self.include_job,
            "include_timestamp": self.include_timestamp,
            "extra_params": self.extra_params,
        }


def checked_request(
    query: Query,
    fields: str | Sequence[str] | None,
    df: Limit | None,
    dt: Limit | None,
    max_points: int,
    layout: Layout,
    columns: str | Sequence[str] | None,
    tz: str | datetime.tzinfo | EllipsisType | None,
    include_job: bool,
    include_timestamp: bool,
    dtype_backend: DtypeBackend | None,
    on_missing: OnMissing,
    extra_params: Mapping[str, Any] | None,
    reported_date: Any,
    last_reports: int | None,
    asof: Any,
    sort: str | None,
    max_series: int | None,
    batch_size: int,
) -> ReadRequest:
    """The request that the arguments make; an error names the first that is invalid."""
    from pandas_shooju.client.reader import check_max_points

    if not isinstance(query, str | Mapping):
        if isinstance(query, bytes) or not isinstance(query, Iterable):
            raise TypeError(f"query must be a string, a list of strings, or a dict from label to query, got {query!r}")
        query = list(query)
    for one in queries_of(query):
        if not isinstance(one, str):
            raise TypeError(f"each query of a list or dict must be a string, got {one!r}")
    _one_of(layout, "layout", get_args(Layout))
    _one_of(on_missing, "on_missing", get_args(OnMissing))
    _one_of(dtype_backend, "dtype_backend", (None, *get_args(DtypeBackend)))
    check_max_points(max_points)
    batch_size = positive(batch_size, "batch_size")
    if max_series is not None and (isinstance(max_series, bool) or max_series < 0):
        raise ValueError(f"max_series must be a non-negative integer, got {max_series!r}")
    if not isinstance(query, str) and (sort is not None or max_series is not None):
        raise ValueError("sort and max_series require a search (a single string), got a list or dict of queries")
    if layout != "wide" and columns is not None:
        raise ValueError(f"columns= requires layout='wide', got layout={layout!r}")
    if layout != "long" and (include_job or include_timestamp):
        raise ValueError(f"include_job and include_timestamp require layout='long', got layout={layout!r}")
    if isinstance(query, Mapping) and columns is not None:
        raise ValueError("columns= cannot be combined with a dict of queries, because its keys label the columns")
    names, labels = _names(fields, "fields"), _names(columns, "columns")
    if "*" in labels:
        raise ValueError(
            f"columns must be names of fields or 'series_id', got {columns!r}; '*' is only allowed in fields"
        )
    if layout == "fields" and not names:
        names = ["*"]
    if layout == "wide" and not labels and not isinstance(query, Mapping) and "*" not in names:
        labels = names
    if isinstance(tz, EllipsisType) or tz is None:
        zone: str | datetime.tzinfo = localized_zone(query)
    else:
        zone = clocks.timezone(tz)
    first, last = wire_limits(df, dt, zone)
    reports = checked_reports(reported_date, last_reports)
    if reports is not None and asof is not None:
        raise ValueError("asof cannot be combined with reported_date or last_reports")
    if reports is not None or asof is not None:
        for one in queries_of(query):
            with_source(one, "")  # must not say itself what is read
    if reports is not None and any(map(is_expression, queries_of(query))):
        raise ValueError("an expression has no report dates; read the reports of its series, and combine the frames")
    return ReadRequest(
        query, names, labels, layout, tz, first, last, int(max_points), include_job, include_timestamp, on_missing,
        dtype_backend, dict(extra_params) if extra_params else None, reports,
        None if asof is None else checked_asof(asof, zone), sort, max_series, batch_size,
    )  # fmt: skip


def queries_of(query: Query) -> list[str]:
    """The single queries of the argument."""
    if isinstance(query, str):
        return [query]
    return list(query.values() if isinstance(query, Mapping) else query)


def _one_of(value: Any, name: str, allowed: tuple[str | None, ...]) -> None:
    if value not in allowed:
        *others, last = (repr(one) for one in allowed if one is not None)
        raise ValueError(f"{name} must be {', '.join(others)} or {last}, got {value!r}")


def positive(value: Any, name: str) -> int:
    """The value of the argument `name`, a number of series, which must be positive."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")
    return int(value)


def _names(names: str | Sequence[str] | None, argument: str) -> list[str]:
    if names is None:
        return []
    listed = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    for name in listed:
        if not isinstance(name, str):
            raise TypeError(f"{argument} must be the name of a field or a list of names, got {name!r}")
    return listed


def localized_zone(query: Query) -> str:
    r"""The time zone that ``@localize:ZONE`` names, if all the queries name the same one; otherwise UTC.

    >>> localized_zone([r"sid=users\sam\a@A:d@localize:Europe/London", r"sid=users\sam\b@localize:Europe/London"])
    'Europe/London'
    >>> localized_zone([r"sid=users\sam\a@localize:Europe/London", r"sid=users\sam\b"])
    'UTC'
    """
    zones = {zone for one in queries_of(query) for zone in _LOCALIZED.findall(one) or ["UTC"]}
    try:
        return clocks.check_zone(zones.pop()) if len(zones) == 1 else "UTC"
    except ValueError:  # the server will say so
        return "UTC"

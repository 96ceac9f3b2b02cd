"""Reading series into a Dask dataframe."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
import pandas as pd

from pandas_shooju import clocks, layouts
from pandas_shooju.engines import required
from pandas_shooju.engines.dask.connections import shared
from pandas_shooju.frame.plan import Plan, ReadOptions, plan_of
from pandas_shooju.frame.request import Query, localized_zone, positive

if TYPE_CHECKING:
    import dask.dataframe as dd

    from pandas_shooju.client.connection import Connection

#: series in each partition, by default
SERIES = 1000


def read_shooju(
    query: Query,
    fields: str | Sequence[str] | None = None,
    *,
    partition_by: Literal["series", "dates"] | None = None,
    npartitions: int | None = None,
    freq: str | pd.DateOffset | None = None,
    layout: Literal["long", "wide"] = "long",
    columns: str | None = None,
    connection: Connection | str | None = None,
    **options: Unpack[ReadOptions],
) -> dd.DataFrame:
    r"""Read series into a Dask dataframe, whose partitions are read by the workers.

    The series, and the names and types of their fields, are found at once. The points are requested when they are
    computed, and only those fields and columns that are used.

    Parameters
    ----------
    query, fields, connection
        As for `read_shooju`. Workers in other processes need a server that they can reach: not ``local::memory:``.
    partition_by : {"series", "dates"}, optional
        Whether each partition consists of all points of some of the series, or of the points of all series between two
        dates. By default ``"dates"`` if `freq` is given, otherwise ``"series"``.
    npartitions : int, optional
        The number of partitions, at most. By default there are 1000 series in each.
    freq : str or DateOffset, optional
        Where the partitions begin, such as ``"YS"``, ``"MS"`` or ``"7D"``, in the time zone of the dates.
    layout : {"long", "wide"}, default "long"
        As for `read_shooju`; the wide layout requires partitions by dates.
    columns : str, optional
        The field whose values label the columns of the wide layout, as for `read_shooju`.
    **options
        ``df``, ``dt``, ``max_points``, ``tz``, ``sort``, ``max_series``, ``include_job``, ``include_timestamp``,
        ``reported_date``, ``last_reports``, ``asof``, ``on_missing``, ``batch_size`` and ``extra_params`` as for
        `read_shooju`. ``tz`` is by default the time zone that ``@localize:ZONE`` names in the query, otherwise UTC.
        Partitions by dates require that ``df`` and ``dt``, if they are given, are dates, and not relative to now;
        queries with operators, expressions, reports and states require both.

    Returns
    -------
    dask.dataframe.DataFrame
        If the partitions consist of series, the long layout, with unknown divisions. If they consist of dates, the
        index is ``dt``, in ascending order, with known divisions: no two partitions share a date. ``series_id`` and
        fields of strings are categoricals, and other fields int64, float64, bool, or the nullable Int64 and boolean if
        some are missing. Fields whose values have several types, or are lists or objects, contain their JSON text.

    Raises
    ------
    ImportError
        The extra ``dask`` is not installed.
    SeriesNotFoundError, ShoojuApiError, ConnectionError, ConfigurationError, ValueError, TypeError
        As for `read_shooju`.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> index = pd.date_range("2023-12-31", periods=3, tz="UTC")
    >>> gdp = pd.DataFrame({"US": [1.0, 2.0, 3.0], "CN": [4.0, 5.0, 6.0]}, index=index).rename_axis(columns="country")
    >>> result = gdp.shooju.write("GDP", sid=r"users\sam\gdp\{country}", fields="levels", connection=conn)
    >>> from pandas_shooju.engines.dask import read_shooju
    >>> frame = read_shooju(r"sid:users\sam\gdp", "country", npartitions=2, connection=conn)  # doctest: +SKIP
    >>> frame.groupby("country", observed=True)["val"].mean().compute().sort_values()  # doctest: +SKIP
    country
    US    2.0
    CN    5.0
    Name: val, dtype: float64

    A partition for each year:

    >>> frame = read_shooju(r"sid:users\sam\gdp", freq="YS", layout="wide", connection=conn)  # doctest: +SKIP
    >>> frame.npartitions  # doctest: +SKIP
    2
    >>> frame.loc["2024"].sum().compute()  # doctest: +SKIP
    users\sam\gdp\US     5.0
    users\sam\gdp\CN    11.0
    dtype: float64
    """
    dataframe = required("dask.dataframe", "dask")
    by_dates = freq is not None or partition_by == "dates"
    _check(partition_by, npartitions, freq, layout, by_dates)
    plan = plan_of(query, fields, connection, options, layout=layout, columns=columns)
    if by_dates:
        _check_dates(plan)
    plan, schema, dates = plan.survey(dates=by_dates)
    if schema.columns.nlevels > 1:
        raise ValueError("layout='wide' requires one label for each column, got several fields in columns=")
    divisions = None
    if by_dates:
        parts, divisions = _windows(plan, dates, npartitions, freq)
        schema = schema if layout == "wide" else schema.set_index("dt")
    else:
        count = len(plan.request.query)
        parts = plan.split(npartitions or -(-count // SERIES) or 1)
    schema = required("dask.dataframe.utils", "dask").clear_known_categories(schema)
    token = uuid.uuid4().hex  # each call reads anew what the server has
    frame: dd.DataFrame = dataframe.from_map(
        _read,
        [_Part(part, by_dates, (token, at)) for at, part in enumerate(parts)],
        schema=schema,
        meta=schema,
        divisions=divisions,
        label="read-shooju",
    )
    return frame


def _check(partition_by: Any, npartitions: Any, freq: Any, layout: Any, by_dates: bool) -> None:
    if partition_by not in (None, "series", "dates"):
        raise ValueError(f"partition_by must be 'series' or 'dates', got {partition_by!r}")
    if layout not in ("long", "wide"):
        raise ValueError(f"layout must be 'long' or 'wide', got {layout!r}")
    if npartitions is not None:
        positive(npartitions, "npartitions")
    if freq is not None and (npartitions is not None or partition_by == "series"):
        other = "partition_by='series'" if npartitions is None else "npartitions"
        raise ValueError(f"freq cannot be combined with {other}, because it makes a partition for each period")
    if partition_by == "dates" and freq is None and npartitions is None:
        raise ValueError("partition_by='dates' requires freq or npartitions")
    if layout == "wide" and not by_dates:
        raise ValueError("layout='wide' requires partitions by dates: pass freq, or partition_by='dates'")


def _check_dates(plan: Plan) -> None:
    """Check that a plan can be split by dates."""
    request = plan.request
    for name, limit in (("df", request.df), ("dt", request.dt)):
        if isinstance(limit, str) and limit.upper() not in ("MIN", "MAX"):
            raise ValueError(f"partitions by dates require a date as {name}, not one relative to now, got {limit!r}")
    if request.max_points >= 0:
        raise ValueError(f"partitions by dates require all points: max_points=-1, got {request.max_points}")
    if request.tz is None and localized_zone(request.query) != "UTC":
        raise ValueError("partitions by dates require a time zone if the query is localized, got tz=None")
    if request.layout == "wide" and request.vintages is not None:
        raise ValueError("reports and several states require layout='long', got layout='wide'")


def _windows(
    plan: Plan, dates: tuple[int, int] | None, npartitions: int | None, freq: str | pd.DateOffset | None
) -> tuple[list[Plan], tuple[Any, ...] | None]:
    """Parts that read the points between two dates, and the divisions; the last date of each part is its own."""
    df, dt = plan.request.df, plan.request.dt
    first = df if isinstance(df, int) else None if dates is None else dates[0]
    last = dt if isinstance(dt, int) else None if dates is None else dates[1]
    if first is None or last is None:
        if not plan.has_known_dates:
            raise ValueError(
                "partitions by dates require df and dt for queries with operators, expressions, reports and states, "
                "because the dates of their points are not known"
            )
        return [plan], None  # there are no points
    if first > last:
        return [plan], None
    zone = plan.request.tz
    assert not isinstance(zone, EllipsisType)
    if freq is None:
        step = -(-(last - first + 1) // (npartitions or 1))
        starts = np.arange(first, last + 1, step, dtype=np.int64)
    else:
        ends = clocks.to_index(np.array([first, last]), zone or "UTC")
        periods = pd.date_range(ends[0].normalize(), ends[1], freq=freq, unit="ms").asi8
        starts = np.append(first, periods[(periods > first) & (periods <= last)])
    edges = [*starts.tolist(), last + 1]
    index = layouts.index_of(np.array([*edges[:-1], last], np.int64), "UTC", zone)
    parts = [plan.between(begin, end - 1) for begin, end in pairwise(edges)]
    return parts, tuple(index)


@dataclass(frozen=True)
class _Part:
    """A partition: a plan whose connection is shared by all tasks of a process."""

    plan: Plan
    by_dates: bool
    token: tuple[str, int] = field(repr=False)

    def __dask_tokenize__(self) -> Any:
        return self.token

    def __reduce__(self) -> Any:
        return _part, (self.plan.request, pickle.dumps(self.plan.connection), self.by_dates, self.token)


def _part(request: Any, connection: bytes, by_dates: bool, token: tuple[str, int]) -> _Part:
    return _Part(Plan(request, shared(connection)), by_dates, token)


def _read(part: _Part, columns: list[Any] | None = None, *, schema: pd.DataFrame) -> pd.DataFrame:
    """The frame of a partition, or some columns of it."""
    if columns is not None:
        schema = schema[columns]
    plan = part.plan
    if plan.request.layout == "wide":
        query = plan.request.query
        assert isinstance(query, dict)
        frame = plan.with_(query={label: query[label] for label in schema.columns}).read(False)
        return frame.set_axis(list(frame.columns), axis=1).reindex(columns=schema.columns)
    frame = plan.project([str(name) for name in schema.columns]).read(False)
    if part.by_dates:
        frame = frame.set_index("dt").sort_index(kind="stable")
    return frame[list(schema.columns)]

r"""Dask: series as a dataframe of partitions, which workers read and write.

Requires the extra ``dask``.
"""

from __future__ import annotations

import datetime
import functools
import pickle
import uuid
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, Unpack

import numpy as np
import pandas as pd

from pandas_shooju import clocks, layouts
from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.client.connection import Connection, connection_of
from pandas_shooju.client.job import RemoteJob
from pandas_shooju.client.result import WriteResult
from pandas_shooju.engines import required
from pandas_shooju.errors import ConflictError, ShoojuError, WriteError, WriteInterrupted
from pandas_shooju.formats import PointColumns
from pandas_shooju.frame.fields import Fields
from pandas_shooju.frame.ids import Sid, check_sid
from pandas_shooju.frame.plan import Plan, ReadOptions, plan_of
from pandas_shooju.frame.request import Query, localized_zone, positive
from pandas_shooju.frame.shapes import ReportedDate, series_writes, shape_of
from pandas_shooju.query import id_key
from pandas_shooju.values import Missing

if TYPE_CHECKING:
    import dask.dataframe as dd

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
    >>> from pandas_shooju.engines.dask import read_shooju  # doctest: +SKIP
    >>> prices = read_shooju(r"sid:users\sam\prices", "country")  # doctest: +SKIP
    >>> prices.groupby("country")["val"].mean().compute()  # doctest: +SKIP

    A partition for each year:

    >>> prices = read_shooju(r"sid:users\sam\prices", freq="YS", layout="wide")  # doctest: +SKIP
    >>> prices.loc["2024"].compute()  # doctest: +SKIP
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
    token = uuid.uuid4().hex  # each call reads anew what the server has
    frame: dd.DataFrame = dataframe.from_map(
        _read,
        [_Part(part, by_dates, (token, at)) for at, part in enumerate(parts)],
        schema=schema,
        meta=required("dask.dataframe.utils", "dask").clear_known_categories(schema),
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
    return _Part(Plan(request, _connection(connection)), by_dates, token)


@functools.lru_cache(maxsize=8)
def _connection(pickled: bytes) -> Connection:
    """A connection in this process, for all tasks that were sent with it."""
    connection: Connection = pickle.loads(pickled)
    return connection


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


# --- writing ----------------------------------------------------------------------------------------------------------


def write(
    data: dd.DataFrame | dd.Series,
    job: str | RemoteJob,
    sid: Sid,
    *,
    fields: Fields | None = None,
    date: Hashable | None = None,
    value: Hashable | list[Hashable] | None = None,
    tz: str | datetime.tzinfo | None = None,
    reported_date: ReportedDate | None = None,
    remove_others: None = None,
    na: Missing = "skip",
    shuffle: bool = True,
    batch_size: int = 1000,
    workers: int = 1,
    connection: Connection | str | None = None,
) -> DaskWriteResult:
    r"""Write a Dask dataframe or series to Shooju: its partitions are written by the workers, under one job.

    The data is first brought together by series, so that each series is written by one task. A task that runs again,
    because its worker died, writes the same points again, which changes nothing.

    But it also computes them again. If the data is computed from the very series that it is written to, read them as of
    a moment, with ``asof=pd.Timestamp.now("UTC")``, so that they are always read as they were before the write.

    Parameters
    ----------
    data : dask.dataframe.DataFrame or Series
        A long or a wide dataframe, or a series with dates as its index, as for `DataFrame.shooju.write`.
    job : str or RemoteJob
        A description, with which a job is registered and finished at the end; or a job object, which is left open. The
        workers use its id, and not its hooks.
    sid : str, dict or callable
        Where to write, as for `DataFrame.shooju.write`; ``"{series_id}"`` for the ids in the data.
    fields, date, value, tz, reported_date, na
        As for `DataFrame.shooju.write`.
    remove_others
        Not supported: it requires all points of a series to be sent at once.
    shuffle : bool, default True
        Whether to bring the data together by series. False if no two partitions contain the same series, or none of
        them the same dates of a series; for instance if `read_shooju` has read them.
    batch_size : int, default 1000
        The number of series per request.
    workers : int, default 1
        The number of requests that each task sends at the same time.
    connection : Connection or str, optional
        As for `DataFrame.shooju.write`. Workers in other processes need a server that they can reach.

    Returns
    -------
    DaskWriteResult
        What was stored, series by series.

    Raises
    ------
    WriteError, ConflictError, ConnectionError, WriteInterrupted
        As for `DataFrame.shooju.write`. ``error.result.retry()`` computes the data again, and sends whatever is not
        stored.
    ImportError
        The extra ``dask`` is not installed.
    ValueError, TypeError
        The data cannot be written, or the call does not say where to write it.

    Examples
    --------
    >>> from pandas_shooju.engines.dask import read_shooju, write  # doctest: +SKIP
    >>> prices = read_shooju(r"sid:users\sam\prices", asof=pd.Timestamp.now("UTC"))  # doctest: +SKIP
    >>> prices["val"] *= 1.02  # doctest: +SKIP
    >>> result = write(prices, "prices, revised", sid="{series_id}")  # doctest: +SKIP
    """
    dataframe = required("dask.dataframe", "dask")
    if remove_others is not None:
        raise ValueError(
            f"remove_others is not supported for Dask dataframes, got {remove_others!r}; remove them before, under "
            "another job"
        )
    check_sid(sid)
    if not isinstance(job, str | RemoteJob):
        raise TypeError(f"job must be a description or a registered job, got {type(job).__name__}")
    if isinstance(job, str):
        if len(job) < 3:
            raise ValueError(f"job must be a description of at least 3 characters, got {job!r}")
        connection = connection_of(connection)
    elif connection is not None and connection_of(connection) is not job.connection:
        raise ValueError("connection must not be passed with a registered job, which has its own connection")
    else:
        connection = job.connection
    named = {
        "sid": sid, "fields": fields, "date": date, "value": value, "tz": tz, "reported_date": reported_date, "na": na,
    }  # fmt: skip
    if not isinstance(data, dataframe.DataFrame | dataframe.Series):
        raise TypeError(f"data must be a Dask dataframe or series, got {type(data).__name__}")
    shape_of(data._meta, date, value)
    packed = data.map_partitions(_packed, named, meta=_packed(data._meta, named))
    if shuffle and packed.npartitions > 1:
        packed = packed.shuffle("series")
    registered = connection.register_job(job) if isinstance(job, str) else job
    assert isinstance(registered, RemoteJob)
    result = DaskWriteResult(
        registered, packed.to_delayed(), finish=isinstance(job, str), batch_size=batch_size, workers=workers
    )
    return result.retry()


class DaskWriteResult(WriteResult):
    """What a write of a Dask dataframe stored, series by series; see `WriteResult`."""

    def __init__(
        self, job: RemoteJob, partitions: Sequence[Any], *, finish: bool, batch_size: int, workers: int
    ) -> None:
        super().__init__(job, [], finish=finish, batch_size=batch_size, workers=workers)
        self._partitions = partitions
        self._complete = False

    @property
    def ok(self) -> bool:
        """Whether everything is stored."""
        return self._complete and super().ok

    def retry(self, progress: bool | None = None) -> Self:
        """Compute the data again, and send everything that is not confirmed as stored; finish the job.

        Raises
        ------
        WriteError, ConnectionError
            Something failed again; ``error.result`` is this result.
        WriteInterrupted
            The write was interrupted (Ctrl-C); ``error.result`` is this result.
        """
        dask = required("dask", "dask")
        assert isinstance(self.job, RemoteJob)
        series = self.series[self.series["stored"].to_numpy()]
        job = _DriversJob(self.job.connection, int(self.job.job_id or 0))
        send = dask.delayed(_send, pure=False)
        stored = frozenset(map(id_key, series.index))
        try:
            sent = dask.compute(
                *(send(part, job, stored, self._batch_size, self._workers) for part in self._partitions)
            )
        except KeyboardInterrupt as error:
            interrupted = WriteInterrupted(f"interrupted: {self!r}; error.result.retry() sends the rest")
            interrupted.result = self
            raise interrupted.with_traceback(error.__traceback__) from None
        except BaseException as error:
            error.result = self  # type: ignore[attr-defined]
            raise
        self._complete = True
        self.series = _merged([series, *(one.series for one in sent)])
        errors = [one.error for one in sent if one.error is not None]
        if all(isinstance(error, ConflictError) and error.failed is None for error in errors):
            self._finish_job(self.job)  # nothing waits any more
        if errors:
            raise _first(errors, self)
        return self


def _merged(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row for each series; it is stored if all of its parts are."""
    frame = pd.concat([part for part in parts if len(part)] or parts[:1])
    keys = np.array([id_key(series_id) for series_id in frame.index], object)
    if len(set(keys)) == len(frame):
        return frame
    order = np.argsort(frame["stored"].to_numpy(), kind="stable")  # what is not stored comes first
    groups = frame.iloc[order].groupby(keys[order], sort=False)
    merged = groups.agg({"points": "sum", "fields": "max", "stored": "all", "state": "first", "error": "first"})
    first = ~pd.Series(keys[order]).duplicated().to_numpy()
    return merged.set_axis(frame.index[order][first])


def _first(errors: Sequence[ShoojuError], result: DaskWriteResult) -> ShoojuError:
    """The error to raise: one of the server, if there is one, with what failed in all tasks."""
    refused = [error for error in errors if isinstance(error, WriteError)]
    first = refused[0] if refused else errors[0]
    if isinstance(first, WriteError):
        failed = [error.failed for error in refused if error.failed is not None]
        first.failed = pd.concat(failed) if failed else None
        first.responses = [response for error in refused for response in error.responses]
    if isinstance(first, ConflictError):
        first.conflicts = pd.concat([error.conflicts for error in errors if isinstance(error, ConflictError)])
    first.result = result
    first.add_note(f"{len(errors)} tasks failed; error.result.retry() sends again what is not stored")
    return first


class _DriversJob:
    """A job that the driver has registered and is going to finish, for tasks that write under it."""

    def __init__(self, connection: Connection, job_id: int) -> None:
        self._connection = connection
        self._job_id = job_id

    def __reduce__(self) -> Any:
        return _drivers_job, (pickle.dumps(self._connection), self._job_id)

    def attached(self) -> RemoteJob:
        """A job object for one task, which does not finish the job."""
        return RemoteJob(self._connection, self._job_id)


def _drivers_job(connection: bytes, job_id: int) -> _DriversJob:
    return _DriversJob(_connection(connection), job_id)


def _bytes_dtype() -> pd.ArrowDtype:
    return pd.ArrowDtype(required("pyarrow", "dask").large_binary())


def _packed(frame: pd.DataFrame | pd.Series, named: dict[str, Any]) -> pd.DataFrame:
    """The writes of a partition, in a form that Dask can bring together by series: a row for each, with a number."""
    writes = series_writes(frame, **named) if len(frame) else []
    keys = np.array([id_key(write.series_id) for write in writes], object)
    return pd.DataFrame(
        {
            "series": pd.util.hash_array(keys, categorize=False),
            "write": pd.array([pickle.dumps(write) for write in writes], dtype=_bytes_dtype()),
        }
    )


class _Sent(NamedTuple):
    """What a task wrote."""

    series: pd.DataFrame
    error: ShoojuError | None


def _send(packed: pd.DataFrame, job: _DriversJob, stored: frozenset[str], batch_size: int, workers: int) -> _Sent:
    """Write a partition, but for the series that are stored."""
    parts: dict[Any, list[SeriesWrite]] = {}
    for write in map(pickle.loads, packed["write"]):
        key = id_key(write.series_id)
        if key not in stored:
            parts.setdefault((key, write.reported_date), []).append(write)
    writes = [_joined(own) if len(own) > 1 else own[0] for own in parts.values()]
    result = WriteResult(job.attached(), writes, batch_size=batch_size, workers=workers)
    try:
        result.retry(False)
    except ShoojuError as error:
        error.result = None  # it holds the data
        return _Sent(result.series, error)
    return _Sent(result.series, None)


def _joined(parts: Sequence[SeriesWrite]) -> SeriesWrite:
    """What several partitions have of one series; dates and fields must be as unique as in one frame."""
    points = PointColumns.concat([part.points for part in parts if part.points is not None])
    points = points[np.argsort(points.dates, kind="stable")]
    twice = points.dates[1:] == points.dates[:-1]
    name = parts[0].series_id
    if twice.any():
        raise ValueError(
            f"the dates of a series must be unique, but the series {name!r} contains "
            f"{clocks.to_datetime(int(points.dates[1:][twice][0])).isoformat()} more than once; drop or aggregate the "
            "duplicates"
        )
    fields: dict[str, Any] = {}
    for part in parts:
        for field_name, value in part.fields.items():
            if fields.setdefault(field_name, value) != value:
                raise ValueError(
                    f"a field must have one value for each series, but {field_name!r} of the series {name!r} is "
                    f"{fields[field_name]!r} and {value!r}"
                )
    return parts[0]._replace(points=points, fields=fields)

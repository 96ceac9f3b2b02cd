"""Writing a Dask dataframe: the driver registers a job, the tasks write under it, and the driver finishes it."""

from __future__ import annotations

import datetime
import pickle
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.client.connection import Connection, connection_of
from pandas_shooju.client.job import RemoteJob
from pandas_shooju.client.result import WriteResult
from pandas_shooju.engines import required
from pandas_shooju.engines.dask.connections import shared
from pandas_shooju.errors import ConflictError, ShoojuError, WriteError, WriteInterrupted
from pandas_shooju.formats import PointColumns
from pandas_shooju.frame.fields import Fields
from pandas_shooju.frame.ids import Sid, check_sid
from pandas_shooju.frame.shapes import ReportedDate, series_writes, shape_of
from pandas_shooju.query import id_key
from pandas_shooju.values import Missing

if TYPE_CHECKING:
    import dask.dataframe as dd


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
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> index = pd.date_range("2023-12-31", periods=3, tz="UTC")
    >>> gdp = pd.DataFrame({"US": [1.0, 2.0, 3.0], "CN": [4.0, 5.0, 6.0]}, index=index).rename_axis(columns="country")
    >>> result = gdp.shooju.write("GDP", sid=r"users\sam\gdp\{country}", fields="levels", connection=conn)
    >>> from pandas_shooju.engines.dask import read_shooju, write
    >>> now = pd.Timestamp.now("UTC")
    >>> frame = read_shooju(r"sid:users\sam\gdp", asof=now, connection=conn)  # doctest: +SKIP
    >>> doubled = frame.assign(val=frame["val"] * 2)  # doctest: +SKIP
    >>> write(doubled, "GDP, doubled", sid="{series_id}", connection=conn).points  # doctest: +SKIP
    6
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

        If nothing is left to send, only finishes the job, unless it is finished.

        Raises
        ------
        WriteError, ConnectionError
            Something failed again; ``error.result`` is this result.
        WriteInterrupted
            The write was interrupted (Ctrl-C); ``error.result`` is this result.
        """
        dask = required("dask", "dask")
        assert isinstance(self.job, RemoteJob)
        if self._complete and self.series["state"].isin(["stored", "superseded"]).all():
            self._finish_job(self.job)
            return self
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
            self._finish_job(self.job)
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
        return self._connection.jobs[self._job_id].attach()


def _drivers_job(connection: bytes, job_id: int) -> _DriversJob:
    return _DriversJob(shared(connection), job_id)


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

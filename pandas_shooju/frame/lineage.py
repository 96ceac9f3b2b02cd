"""`lineage`: for each value of a frame, the job that wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pandas_shooju import clocks, query
from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.errors import series_exists
from pandas_shooju.formats import PointColumns
from pandas_shooju.frame.ids import SAME
from pandas_shooju.frame.shapes import series_writes
from pandas_shooju.layouts import str_dtype

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

_TEXTS = {"job_description": "description", "job_user": "user", "job_page": "page"}


def lineage(data: pd.DataFrame | pd.Series, *, connection: Connection | str | None = None) -> pd.DataFrame:
    r"""For each value, the job that wrote it, with its description, its user and the time.

    A long frame that was read with ``include_job=True`` says which jobs these are. For any other frame that names its
    series, the jobs are read from the server. The jobs themselves are read in bulk.

    Parameters
    ----------
    connection : Connection or str, optional
        As for `read_shooju`.

    Returns
    -------
    DataFrame
        A row for each value: the columns of a long frame (``series_id``, ``dt``, ``val``, ``job``; with
        ``reported_date`` before ``job``, if the frame has reports), then
        ``job_description`` and ``job_user`` (strings), ``written_at`` (``datetime64[ms, UTC]``; when the value was
        written, or when the job last wrote, if the frame was read without ``include_timestamp=True``), and
        ``job_page``, the page of the job for people. A value that was not written by a job, or that is not the one
        that the server has now, has no job.

    Raises
    ------
    ValueError, TypeError
        The frame does not say which series its values belong to, or has several states of them (`asof`).
    ShoojuApiError
        The server refused the query.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> for description, value in ("forecast", 1.0), ("correction", 1.5):
    ...     with conn.register_job(description) as job:
    ...         job.write(r"sid=users\sam\price", points=[(0, value), (86_400_000, 2.0)])
    >>> prices = pd.read_shooju(r"sid:users\sam", layout="long", include_job=True, connection=conn)
    >>> prices.shooju.lineage(connection=conn)[["dt", "val", "job", "job_description", "job_user"]]
                             dt  val  job job_description job_user
    0 1970-01-01 00:00:00+00:00  1.5    2      correction    local
    1 1970-01-02 00:00:00+00:00  2.0    1        forecast    local
    """
    from pandas_shooju.client.connection import connection_of

    connection = connection_of(connection)
    if isinstance(data, pd.DataFrame) and {"series_id", "job"} <= set(data.columns):
        frame, written_at = data, data.get("timestamp")
        jobs = pd.array(data["job"], dtype="Int64").to_numpy(np.int64, na_value=0)
    else:
        frame, jobs, timestamps = _read(_values(data), connection)
        written_at = pd.Series(clocks.to_index(timestamps), index=frame.index)
    distinct, codes = np.unique(jobs, return_inverse=True)
    details = connection.jobs.describe(distinct[distinct > 0].tolist()).reindex(distinct)
    columns: dict[str, Any] = {"job": pd.array(jobs, dtype="Int64")}
    columns["job"][jobs < 1] = pd.NA
    for name, detail in _TEXTS.items():
        columns[name] = details[detail].astype(str_dtype()).array.take(codes)
    if written_at is None:
        written_at = details["updated_at"].array.take(codes)
    columns["written_at"] = written_at
    columns["job_page"] = columns.pop("job_page")
    return frame.assign(**columns)


def _values(data: pd.DataFrame | pd.Series) -> list[SeriesWrite]:
    """The values of each series, or of each of its reports."""
    names = {*data.index.names, *(data.columns.names if isinstance(data, pd.DataFrame) else ())}
    if isinstance(data, pd.DataFrame):
        names |= {*data.columns}
    if "asof" in names:
        raise ValueError(
            "lineage requires one state of each series, but the frame has several, in 'asof'; select one of them, or "
            "read with layout='long' and include_job=True"
        )
    return series_writes(data, SAME, reported_date="reported_date" if "reported_date" in names else None)


def _read(
    writes: Sequence[SeriesWrite], connection: Connection
) -> tuple[pd.DataFrame, clocks.Int64Array, clocks.Int64Array]:
    """The values as a long frame, with the job of each and when it was written; job 0 if that is not known."""
    from pandas_shooju.client import reader

    writes = [write for write in writes if write.points is not None and len(write.points)]
    values = [write.points for write in writes if write.points is not None]
    if not values:
        none = np.empty(0, np.int64)
        return _frame([], []), none, none
    first = min(int(points.dates[0]) for points in values)
    last = max(int(points.dates[-1]) for points in values)
    asked = reader.parameters(df=first, dt=last, max_points=-1, include_job=True, include_timestamp=True)
    names = [str(_query(write)) for write in writes]
    jobs: list[clocks.Int64Array] = []
    timestamps: list[clocks.Int64Array] = []
    remaining = iter(values)
    for page in reader.bulk(connection.raw, names, asked):
        for item, points in zip(page.items(), remaining, strict=False):
            exists = series_exists(item if "error" in item else None, names[len(jobs)])
            stored = item.get("points") if exists else None
            found, times = _matched(points, stored or PointColumns.empty(jobs=True, timestamps=True))
            jobs.append(found)
            timestamps.append(times)
    return _frame(writes, values), np.concatenate(jobs), np.concatenate(timestamps)


def _query(write: SeriesWrite) -> query.Query:
    named = query.series(write.series_id)
    return named if write.reported_date is None else named.repdate(np.datetime64(write.reported_date, "ms"))


def _matched(points: PointColumns, stored: PointColumns) -> tuple[clocks.Int64Array, clocks.Int64Array]:
    """The job and the time of each point that is stored with the same value."""
    jobs = np.zeros(len(points), np.int64)
    times = np.full(len(points), np.iinfo(np.int64).min)
    there = np.isin(points.dates, stored.dates)
    at = np.searchsorted(stored.dates, points.dates[there])
    same = stored.values[at] == points.values[there]
    places, at = np.flatnonzero(there)[same], at[same]
    if stored.jobs is None or stored.timestamps is None:
        raise ValueError("the response must contain the requested jobs and timestamps of points, but it does not")
    jobs[places], times[places] = stored.jobs[at], stored.timestamps[at]
    return jobs, times


def _frame(writes: Sequence[SeriesWrite], values: list[PointColumns]) -> pd.DataFrame:
    points = PointColumns.concat(values)
    counts = [len(one) for one in values]
    known = list(dict.fromkeys(write.series_id for write in writes))
    code = {series_id: at for at, series_id in enumerate(known)}
    codes = np.repeat([code[write.series_id] for write in writes], counts).astype(np.int64)
    ids = pd.Categorical.from_codes(codes, categories=pd.Index(known, dtype=str_dtype()))
    frame = pd.DataFrame({"series_id": ids, "dt": clocks.to_index(points.dates), "val": points.values})
    reports = [write.reported_date for write in writes if write.reported_date is not None]
    if reports:
        frame["reported_date"] = clocks.to_index(np.repeat(np.array(reports, np.int64), counts))
    return frame

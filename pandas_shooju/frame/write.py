"""`write`: a frame of any shape -> series writes -> a `WriteResult`.

Before anything is sent, :mod:`pandas_shooju.frame.shapes` decides what a frame says to write, and
:mod:`pandas_shooju.frame.diff` which part of that differs from an earlier frame. The job sends it.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pandas_shooju import query
from pandas_shooju.frame.dates_values import listed
from pandas_shooju.frame.diff import changes
from pandas_shooju.frame.fields import Fields
from pandas_shooju.frame.ids import Sid, check_sid
from pandas_shooju.frame.shapes import ReportedDate, Writable, series_writes
from pandas_shooju.values import Missing

if TYPE_CHECKING:
    from pandas_shooju.client.buffer import SeriesWrite
    from pandas_shooju.client.connection import Connection
    from pandas_shooju.client.job import DryRunJob, RemoteJob
    from pandas_shooju.client.result import WriteResult

RemoveOthers = Literal["points", "fields", "all"]


def write(
    data: Writable,
    job: str | RemoteJob | DryRunJob | None = None,
    sid: Sid | None = None,
    *,
    fields: Fields | None = None,
    date: Hashable | None = None,
    value: Hashable | list[Hashable] | None = None,
    tz: str | datetime.tzinfo | None = None,
    reported_date: ReportedDate | None = None,
    remove_others: RemoveOthers | None = None,
    na: Missing = "skip",
    changed_from: Writable | Literal["server"] | None = None,
    spool: str | os.PathLike[str] | None = None,
    batch_size: int = 1000,
    workers: int = 4,
    dry_run: bool = False,
    progress: bool | None = None,
    connection: Connection | str | None = None,
) -> WriteResult:
    r"""Write a frame, a Series or a groupby to Shooju.

    A wide frame, a Series or a groupby is only written to the series that `sid` or `changed_from` names, whatever its
    labels are and wherever it was read from. A long frame with a column ``series_id``, or a frame of fields with that
    index, names its series itself, unless it was read from Shooju.

    Parameters
    ----------
    job : str, RemoteJob or DryRunJob
        A description of at least 3 characters, with which a job is registered and finished at the end; or a job object,
        which is left open.
    sid : str, dict or callable, optional
        The series to write to:

        - a template over the names of the column levels (wide), the columns (long) or the keys (groupby), such as
          ``r"users\sam\{country}"``, with format specs as in `str.format`;
        - for wide frames and groupbys, also a dict from label to series id, or a function of the label;
        - ``"{series_id}"`` for the ids in the data: those in its labels or its column ``series_id``, or those of the
          series that it was read from.
    fields : dict, DataFrame, str or list of str, optional
        The fields to write: a dict for all series, in which None removes a field; a frame with a row for each series
        id; names of columns (long) or of column levels (wide); or ``"levels"`` for all named column levels.
    date : hashable, optional
        The column of a long frame that contains the dates; by default ``dt``, or the only column with dates.
    value : hashable or list, optional
        The column of a long frame that contains the values, by default ``val``. With a list of columns, each row has
        several values, and the template must contain ``{variable}``, which stands for the name of the column.
    tz : str or tzinfo, optional
        The time zone of naive dates; by default they are UTC. An hour that occurs twice because the clock went back is
        resolved if the series has dates in both passes, in order. Otherwise, and if the clock skipped a date, an error
        is raised. Dates with a time zone are converted to UTC exactly.
    reported_date : date, datetime or hashable, optional
        File the points and fields under this report date, beside the current ones of the series. A single date applies
        to all of them. Otherwise it is the name of the column (long) or column level (wide) with the report dates.
    remove_others : {"points", "fields", "all"}, optional
        Remove all other points, fields, or both from the series. With `changed_from`, only ``"points"`` is allowed: it
        removes points of the earlier frame that are missing from this one, between the first and last date of this one.
    na : {"skip", "null"}, default "skip"
        How to write missing values (None, NaN, NaT, NA) in the frame, of points and of fields: ``"skip"`` leaves what
        is stored unchanged, ``"null"`` removes it.
    changed_from : DataFrame, Series, groupby or "server", optional
        Write only what differs from an earlier frame of the same shape. Without `sid`, it is written to the series that
        the earlier frame was read from. With ``"server"``, which requires `sid`, write only what differs from what is
        stored between the first and the last date of the data.
    spool : path, optional
        A folder that keeps everything that is not yet confirmed as stored. After a crash, `pandas_shooju.resume` sends
        it. Requires a description as `job`, and the extra ``spool``.
    batch_size : int, default 1000
        The number of series per request.
    workers : int, default 4
        The number of requests that are sent at the same time. No two of them contain the same series.
    dry_run : bool, default False
        Send nothing, and print what would be written.
    progress : bool, optional
        Show a progress bar. By default it is shown in notebooks and terminals, for writes that take longer than a
        second.
    connection : Connection or str, optional
        A connection, or the name or URL of a server, whose credentials are taken from the environment or a profile. By
        default the server is taken from there as well; see `Connection`.

    Returns
    -------
    WriteResult
        What was stored, series by series. If there is nothing to write, no job is registered.

    Raises
    ------
    WriteError
        The server refused some of the series. ``error.failed`` is a frame with the reason for each, and
        ``error.result.retry()`` sends again whatever is not stored.
    ConflictError
        The server refused series because a newer job has written some of the dates, which ``error.conflicts`` lists.
    ConnectionError
        The server cannot be reached; ``error.result`` is as above.
    WriteInterrupted
        The write was interrupted (Ctrl-C); ``error.result`` is as above.
    ConfigurationError
        No connection is given, and none is configured.
    ValueError, TypeError
        The data cannot be written, or the call does not say where to write it. Nothing was sent.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> index = pd.date_range("2024-01-01", periods=2, tz="UTC")
    >>> gdp = pd.DataFrame({"US": [1.0, 2.0], "CN": [3.0, 4.0]}, index=index).rename_axis(columns="country")
    >>> gdp.shooju.write("GDP", sid=r"users\sam\gdp\{country}", fields="levels", connection=conn).points
    4

    Write what differs from an earlier frame, to the series that it was read from:

    >>> old = pd.read_shooju(r"sid:users\sam\gdp", "country", connection=conn)
    >>> new = old * [1, 10]
    >>> new.shooju.write("GDP, revised", changed_from=old, connection=conn).points
    2
    """
    # imported here, so that importing pandas_shooju stays fast
    from pandas_shooju.client.base_job import check_remove_others
    from pandas_shooju.client.buffer import CONTAINERS
    from pandas_shooju.client.connection import connection_of
    from pandas_shooju.client.job import DryRunJob, RemoteJob
    from pandas_shooju.client.result import WriteResult
    from pandas_shooju.formats.collector import PausedCollector

    if job is None:
        raise TypeError(
            'job must be a description, as in df.shooju.write("GDP, revised"), or a registered job, got None'
        )
    if not isinstance(job, str | RemoteJob | DryRunJob):
        raise TypeError(f"job must be a description or a registered job, got {type(job).__name__}")
    if isinstance(job, str) and len(job) < 3:
        raise ValueError(f"job must be a description of at least 3 characters, got {job!r}")
    if not isinstance(job, str):
        if dry_run:
            raise ValueError("dry_run=True requires a description as job, got a registered job")
        if connection is not None and connection_of(connection) is not job.connection:
            raise ValueError("connection must not be passed with a registered job, which has its own connection")
        if spool is not None:
            raise ValueError("spool must not be passed with a registered job; pass it to register_job")
        connection = job.connection
    check_remove_others(remove_others)
    if sid is not None:
        check_sid(sid)
    named: dict[str, Any] = {
        "fields": fields, "date": date, "value": value, "tz": tz, "reported_date": reported_date, "na": na,
    }  # fmt: skip
    grouped = getattr(data, "obj", data)
    most = sum(getattr(grouped, "shape", ()))  # there are at most as many series as rows or columns
    with PausedCollector(CONTAINERS * most):
        if changed_from is None:
            writes = series_writes(data, sid, **named)
            _check_not_emptied(writes, remove_others)
            if remove_others is None and not any(write.points or write.fields for write in writes):
                writes = []  # there is nothing to write
        else:
            connection = connection_of(connection)
            found = changes(data, changed_from, sid, remove_others=remove_others, connection=connection, **named)
            writes = [change.write() for change in found]
            remove_others = None
    register = None
    if isinstance(job, str):
        register = partial(_register, connection, job, batch_size=batch_size, dry_run=dry_run, spool=spool)
    with PausedCollector(CONTAINERS * len(writes)):
        result = WriteResult(
            None if isinstance(job, str) else job, writes, finish=isinstance(job, str), batch_size=batch_size,
            workers=workers, remove_others=remove_others, register=register,
        )  # fmt: skip
    del writes  # the result passes them on to the job, which lets go of each when it is stored
    return result.retry(progress)


def _check_not_emptied(writes: Sequence[SeriesWrite], remove_others: RemoveOthers | None) -> None:
    """Refuse to remove all points of a series because the data has none for it."""
    if remove_others not in ("points", "all"):
        return
    empty = [write.series_id for write in writes if write.points is not None and not len(write.points)]
    if empty:
        raise ValueError(
            f"remove_others={remove_others!r} would remove all points of {listed(empty)}, for which the data has none; "
            "leave these columns or rows out, or delete the series: "
            f"`job.delete_series({str(query.series(empty[0]))!r})`"
        )


def _register(connection: Connection | str | None, description: str, **settings: Any) -> RemoteJob | DryRunJob:
    from pandas_shooju.client.connection import connection_of

    return connection_of(connection).register_job(description, **settings)

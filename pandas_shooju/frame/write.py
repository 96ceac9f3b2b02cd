"""`write`: a frame of any shape -> series writes -> what was stored, as a `WriteResult`.

What a frame means is settled in :mod:`pandas_shooju.frame.shapes`, and what differs from an earlier one in
:mod:`pandas_shooju.frame.diff`, before anything is sent; sending is the job's business.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

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
    r"""Write the data to Shooju as series.

    A wide frame, a Series or a groupby is written only to the series that `sid` or `changed_from` names, whatever its
    labels are and wherever it was read from. A long frame with a column ``series_id``, or a frame of fields with that
    index, names its series itself, unless it was read from Shooju.

    Parameters
    ----------
    job
        The description of a job (at least 3 characters), which is registered and finished at the end; or a job
        object, which is left open.
    sid
        The series to write to:

        - a template over the names of the column levels (wide), the columns (long) or the keys (groupby), such as
          ``r"users\sam\{country}"``, with format specs as in `str.format`;
        - for wide frames and groupbys also a dict of labels and series ids, or a function of the label;
        - ``"{series_id}"``: the series that the data was read from, or that its labels or its column name.
    fields
        Fields to write: a dict for all series (None removes a field); a frame with a row for each series id; names of
        columns (long) or of column levels (wide); ``"levels"`` for all named column levels.
    date, value
        The columns of a long frame that hold dates and values, by default ``dt`` and ``val``. A list of columns of
        values writes each, with its name as ``{variable}`` in the template.
    tz
        The time zone of naive dates of points: a name or any `tzinfo`. By default naive dates are UTC. In an hour that
        occurs twice, dates are resolved if a series has both passes, in order; otherwise, and for a time that the
        clock skipped, it is an error. Dates with a time zone are converted to UTC exactly.
    reported_date
        File the points and fields under this report date, beside the series' own: one date for all, or the name of a
        column (long) or column level (wide) that holds the dates. Naive report dates are UTC, whatever `tz` is.
    remove_others
        ``"points"``, ``"fields"`` or ``"all"``: first remove what else the series has. With `changed_from` only
        ``"points"``: remove the points of the earlier frame that this frame lacks, between its own first and last date.
    na
        How to write missing values (None, NaN, NaT, NA) of points and fields in the frame: ``"skip"`` leaves what is
        stored alone, ``"null"`` removes it.
    changed_from
        Write only what differs from an earlier frame of the same shape; without `sid`, to the series that it was read
        from. ``"server"`` compares with what the server has of the series, between the first and last date.
    spool
        A folder in which everything is recorded before it is sent, and from which it is removed when it is stored;
        after a crash, `pandas_shooju.resume` sends the rest. Only with a description as `job`; needs the extra
        ``spool``.
    batch_size
        Series per request.
    workers
        Requests under way at once, never two for the same series.
    dry_run
        Send nothing; print what would be written.
    progress
        Show a progress bar; by default in a notebook, if it takes more than a second.
    connection
        A `Connection`, or the name or URL of a server; by default the one of the settings.

    Returns
    -------
    WriteResult
        What was stored, series by series. A write of nothing registers no job.

    Raises
    ------
    WriteError
        Series were refused: ``error.failed`` is a frame of them with the reasons, and ``error.result.retry()`` sends
        again what is not stored.
    ConflictError
        The same, because a newer job has written some of the dates: ``error.conflicts`` is a frame of those.
    WriteInterrupted
        Interrupted (Ctrl-C); ``error.result`` as above.
    ConnectionError
        The server could not be reached; ``error.result`` as above.
    ValueError, TypeError
        The data cannot be written as it is, or the call does not say where to; nothing was sent.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> index = pd.date_range("2024-01-01", periods=2, tz="UTC")
    >>> gdp = pd.DataFrame({"US": [1.0, 2.0], "CN": [3.0, 4.0]}, index=index).rename_axis(columns="country")
    >>> gdp.shooju.write("GDP", sid=r"users\sam\gdp\{country}", fields="levels", connection=conn).points
    4

    What differs from an earlier state goes back to the series that it was read from:

    >>> old = pd.read_shooju(r"sid:users\sam\gdp", "country", connection=conn)
    >>> new = old * [1, 10]
    >>> new.shooju.write("GDP, revised", changed_from=old, connection=conn).points
    2
    """
    # imported here, so that importing pandas_shooju stays fast
    from pandas_shooju.client.connection import connection_of
    from pandas_shooju.client.job import DryRunJob, RemoteJob
    from pandas_shooju.client.result import WriteResult, without_collecting

    if job is None:
        raise TypeError(
            'job is missing: pass a description, as in df.shooju.write("GDP, revised"), or a registered job'
        )
    if not isinstance(job, str | RemoteJob | DryRunJob):
        raise TypeError(f"job must be a description or a registered job, got {type(job).__name__}")
    if isinstance(job, str) and len(job) < 3:
        raise ValueError(f"the description of a job must have at least 3 characters, got {job!r}")
    if not isinstance(job, str):
        if dry_run:
            raise ValueError("dry_run=True needs a description as job, since a registered job writes")
        if connection is not None and connection_of(connection) is not job.connection:
            raise ValueError("a registered job writes by its own connection; leave out connection=")
        if spool is not None:
            raise ValueError("a registered job has its spool from register_job(..., spool=...); leave out spool=")
        connection = job.connection
    if remove_others not in (None, "points", "fields", "all"):
        raise ValueError(f"remove_others must be None, 'points', 'fields' or 'all', got {remove_others!r}")
    if sid is not None:
        check_sid(sid)
    named: dict[str, Any] = {
        "fields": fields, "date": date, "value": value, "tz": tz, "reported_date": reported_date, "na": na,
    }  # fmt: skip
    with without_collecting():
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
    with without_collecting():
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
            "leave these columns or rows out, or delete the series: job.delete_series(...)"
        )


def _register(connection: Connection | str | None, description: str, **settings: Any) -> RemoteJob | DryRunJob:
    from pandas_shooju.client.connection import connection_of

    return connection_of(connection).register_job(description, **settings)

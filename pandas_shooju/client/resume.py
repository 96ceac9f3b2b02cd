"""`resume`: what a process has left behind in a spool is sent, under the same jobs."""

from __future__ import annotations

import os

from pandas_shooju.client import spool
from pandas_shooju.client.connection import Connection, connection_of
from pandas_shooju.client.job import RemoteJob
from pandas_shooju.client.spool import Spool, Spooled
from pandas_shooju.errors import ConfigurationError, ConflictError, ShoojuApiError, ShoojuError


def resume(path: str | os.PathLike[str], connection: Connection | str | None = None) -> list[RemoteJob]:
    r"""Send what a process that has crashed left behind in a spool.

    Everything is sent under the job that it was written for. Whatever was confirmed before the crash is not sent again;
    for the rest it is unknown whether the server has stored it, so dates that a newer job has written since are left to
    that job. Jobs are finished if all of their data had been recorded.

    Parameters
    ----------
    path
        The folder that `register_job` or `write` was called with as `spool`.
    connection
        A connection to the server that the data is for, or its name or URL; by default the one of the settings.

    Returns
    -------
    list of RemoteJob
        The jobs that had unfinished work; ``job.confirmed`` tells what was stored now.

    Raises
    ------
    WriteError, ConnectionError
        Some of it was not stored; it remains in the spool.
    ConflictError
        Newer jobs have written some of the dates. If its `failed` is None, everything else is stored.
    ConfigurationError
        The spool is for another server.
    BlockingIOError
        Another process is using the spool.

    Examples
    --------
    >>> import tempfile
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     job = conn.register_job("GDP of China", spool=folder)
    ...     job.write("sid=gdp", points=[(0, 14.7)])
    ...     job.finish()
    ...     sj.resume(folder, conn)
    []
    """
    jobs = []
    errors: list[ShoojuError] = []
    for folder in spool.folders(path):
        left = Spool.take_up(folder)
        if left is None:
            continue
        try:
            jobs.append(_resume(*left, connection_of(connection)))
        except ShoojuError as error:
            left[0].close(done=False)
            if folder.exists():
                error.add_note(f"the rest of the job remains in {str(folder)!r}")
            errors.append(error)
        except BaseException:
            left[0].close(done=False)
            raise
    if errors:
        if len(errors) > 1:
            errors[0].add_note(f"{len(errors) - 1} more jobs failed as well")
        raise errors[0]
    return jobs


def _resume(spool: Spool, left: Spooled, conn: Connection) -> RemoteJob:
    if left.job["server"] != conn.server:
        raise ConfigurationError(
            f"the spool {str(spool.folder)!r} is for the server {left.job['server']}, got a connection to {conn.server}"
        )
    job = RemoteJob(conn, left.job["job_id"], 1000, **left.job["settings"])
    job.take_up(spool, left.items)
    superseded: ConflictError | None = None
    try:
        job.submit()
    except ConflictError as error:
        if error.failed is not None:
            raise
        superseded = error  # nothing waits any more
    if left.finish:
        try:
            job.finish()
        except ShoojuApiError:
            if left.items:
                raise
            # everything had been stored: the crash came after the job was finished
    job.leave_spool()
    if superseded is not None:
        raise superseded
    return job

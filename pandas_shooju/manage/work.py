"""Writes and deletions of many series under one job: registered when needed, sent in batches, failures noted.

What the server refuses is noted, and does not prevent the rest from being done; it is raised at the end. If the server
cannot be reached, that is raised at once. In both cases, what was done remains done, and doing the same again does the
rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from pandas_shooju import query as queries
from pandas_shooju.client.buffer import RemoveOthers, SeriesWrite
from pandas_shooju.client.job import RemoteJob
from pandas_shooju.errors import ConflictError, WriteError

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

#: the points and the items that wait before they are sent, the items of one call, and the calls in flight
_POINTS, _ITEMS, _CALL, _WORKERS = 1_000_000, 4_000, 1_000, 4


class Failure(NamedTuple):
    """Why a series was refused."""

    error: str
    description: str


class Work:
    """Writes and deletions under one job, which is registered with the first of them."""

    def __init__(self, connection: Connection, description: str) -> None:
        self._connection = connection
        self._description = description
        self.waiting = self._points = 0
        self.job: RemoteJob | None = None
        #: what was refused, by the key of the series
        self.failed: dict[str, Failure] = {}

    @property
    def job_id(self) -> int | None:
        """The id of the job; None if nothing was written."""
        return None if self.job is None else self.job.job_id

    def register(self) -> RemoteJob:
        """The job, which is registered at the first call."""
        if self.job is None:
            # nothing is submitted but by `flush`
            job = self._connection.register_job(self._description, batch_size=10 * _ITEMS)
            assert isinstance(job, RemoteJob)
            self.job = job
        return self.job

    def write(self, write: SeriesWrite, remove_others: RemoveOthers = None) -> None:
        """Write to a series."""
        self.register().enqueue([write], remove_others)
        self._added(0 if write.points is None else len(write.points))

    def delete(self, series_id: str, *, force: bool = False) -> None:
        """Delete a series."""
        self.register().delete_series(queries.series(series_id), force=force)
        self._added()

    def delete_reports(self, series_id: str) -> None:
        """Delete all reports of a series."""
        self.register().delete_reported(queries.series(series_id), delete_all=True)
        self._added()

    def _added(self, points: int = 0) -> None:
        self.waiting += 1
        self._points += points
        if self.waiting >= _ITEMS or self._points >= _POINTS:
            self.flush()

    def flush(self) -> None:
        """Send what waits, and note what the server refuses.

        Raises
        ------
        ConnectionError
            The server could not be reached.
        """
        if not self.waiting:
            return
        job = self.register()
        self.waiting = self._points = 0
        try:
            job.submit(batch_size=_CALL, workers=_WORKERS)
        except WriteError as error:
            for row in job.pending_frame().itertuples():
                reason = Failure(str(row.error or row.state), str(row.description or ""))
                self.failed.setdefault(queries.id_key(str(row.Index)), reason)
            if isinstance(error, ConflictError) and error.conflicts is not None:
                for row in error.conflicts.itertuples():
                    reason = Failure("already_exists", f"job {row.job} has written the date {row.date}")
                    self.failed.setdefault(queries.id_key(str(row.Index)), reason)
            job.discard()
        except BaseException as error:
            error.__notes__ = []  # they tell how to go on with the job, which only this object has
            raise

    def failure(self, series_id: str) -> Failure | None:
        """Why the server refused to write or delete a series; None if it did not."""
        return self.failed.get(queries.id_key(series_id))

    def fail(self, series_id: str, error: str, description: str) -> None:
        """Note that a series was left alone."""
        self.failed.setdefault(queries.id_key(series_id), Failure(error, description))

    def finish(self) -> None:
        """Send what waits, and finish the job."""
        self.flush()
        if self.job is not None:
            self.job.finish()


@contextmanager
def resumable(name: str, done: Callable[[], str]) -> Iterator[None]:
    """Note how much was done in whatever is raised, and that calling the method `name` again does the rest."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"{done()}; call {name}() again with the same arguments to do the rest")
        raise


def raise_failed(name: str, failed: dict[str, Failure], total: int) -> None:
    """Raise if some of the `total` series were refused; `failed` are their ids and the reasons.

    Raises
    ------
    WriteError
        Some were.
    """
    if not failed:
        return
    series_id, first = next(iter(failed.items()))
    frame = pd.DataFrame(
        {"error": [one.error for one in failed.values()], "description": [one.description for one in failed.values()]},
        index=pd.Index(list(failed), dtype=object, name="series_id"),
    )
    raise WriteError(
        f"{first.error} ({first.description}) for {series_id!r}; {len(failed):,} of {total:,} series failed, and the "
        f"others are done: call {name}() again with the same arguments to try the rest again",
        error=first.error,
        description=first.description,
        failed=frame,
    )

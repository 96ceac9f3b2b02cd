"""`JobRecord`: what a job is and did, undoing it, attaching to it; ``conn.jobs[17]``."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, overload

import pandas as pd

from pandas_shooju import display
from pandas_shooju.client import reader
from pandas_shooju.client.job import RemoteJob
from pandas_shooju.client.transport import Client
from pandas_shooju.errors import ShoojuFormatError, UndoError
from pandas_shooju.formats.table import values_of
from pandas_shooju.manage import comparing
from pandas_shooju.manage.changes import Page, counts_of, frame_of, pages
from pandas_shooju.manage.undo import Undo, Undoing
from pandas_shooju.progress import Progress

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

#: a job that is undone in large batches submits only when it is told to
_NEVER_BY_ITSELF = 1_000_000_000


class AttachedJob(RemoteJob):
    """A job that another program registered: it can be written to, and its owner finishes it.

    `finish`, and the end of a ``with`` block, submit what waits and leave the job open.
    """

    def _finish(self) -> None:
        self.leave_spool()


@dataclass(frozen=True)
class JobRecord:
    r"""A job, as the server describes it; made by ``conn.jobs[17]``.

    Attributes
    ----------
    id : int
        The id of the job.
    description, user, source, notes : str
        What the job is for, who registered it, with what kind of program, and further notes.
    created_at, updated_at, finished_at : datetime or None
        When the job was registered, last written to, and finished (UTC); None if the server does not say so.
    no_history : bool
        Whether the values that the job replaced were not kept.
    stats : dict
        How many points and series the job wrote, as far as the server counts them.
    page : str or None
        The URL of the page that shows the job to people; None on an embedded store.

    Examples
    --------
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> with conn.register_job("Nightly prices") as job:
    ...     job.write(r"sid=users\sam\price", points=[(0, 1.0), (86_400_000, 2.0)])
    >>> record = conn.jobs[job.job_id]
    >>> record.description, record.series, record.stats["new_points"]
    ('Nightly prices', ['users\\sam\\price'], 2)
    >>> print(record.undo())
    job 1 was undone by job 2: 1 series to the trash
    """

    id: int
    description: str
    user: str
    source: str = field(repr=False)
    notes: str = field(repr=False)
    created_at: datetime.datetime | None
    updated_at: datetime.datetime | None = field(repr=False)
    finished_at: datetime.datetime | None
    no_history: bool = field(repr=False)
    stats: dict[str, int] = field(repr=False, compare=False)
    page: str | None = field(repr=False)
    _connection: Connection = field(repr=False, compare=False)
    #: where the server tells what the job did; None if it does not
    _changes: str | None = field(repr=False, compare=False)

    def _repr_html_(self) -> str:
        server = self._connection.raw.shown[0]
        moments = [
            (name, None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC")
            for name, moment in (
                ("registered", self.created_at), ("last written", self.updated_at), ("finished", self.finished_at)
            )
        ]  # fmt: skip
        counts = [f"{count:,} {name.replace('_', ' ')}" for name, count in self.stats.items() if count]
        title = display.link(self.page or "", f"job {self.id}")
        facts: list[tuple[str, object]] = [
            ("description", self.description), ("notes", self.notes), ("user", self.user), ("source", self.source),
            *moments, ("wrote", ", ".join(counts)), ("history", "not kept" if self.no_history else None),
            ("server", server),
        ]  # fmt: skip
        return display.card(title, facts)

    @property
    def series(self) -> list[str]:
        """The ids of the series that the job wrote, without those that were deleted since; one search."""
        found: list[str] = []
        for page in reader.pages(self._client, f"job:{self.id}", reader.parameters(), batch_size=10_000):
            found += values_of(page.series.series_ids)
        return found

    def changes(self) -> pd.DataFrame:
        r"""What the job did, point by point and field by field.

        The embedded Shooju tells this exactly. Other servers are asked by ``diff_job_id``. Where they do not answer
        that, and for report dates, what was there before the job is compared with what was there after it; what
        another job deleted meanwhile cannot be told apart then.

        Returns
        -------
        DataFrame
            A row for each change: ``series_id`` (categorical); ``dt``, the date of a point (``datetime64[ms, UTC]``);
            ``old`` and ``new`` (NaN for a missing point, None for a missing field; float64 if there are only
            points); ``kind``: ``"added"``, ``"changed"``, ``"deleted"``, or ``"series created"`` and ``"series
            deleted"`` for a series as a whole; ``field``, the name of a field; ``reported_date`` of what was filed
            under a report date. A row with neither a field nor a date is about the series as a whole.

        Raises
        ------
        ShoojuApiError
            What the job did is not known, because it was registered with `no_history`.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("prices") as job:
        ...     job.write(r"sid=price", points=[(0, 1.0), (86_400_000, 2.0)])
        >>> with conn.register_job("corrections") as job:
        ...     job.write(r"sid=price", points=[(0, 1.5), (86_400_000, None)])
        >>> conn.jobs[2].changes()[["series_id", "dt", "old", "new", "kind"]]
          series_id                        dt  old  new     kind
        0     price 1970-01-01 00:00:00+00:00  1.0  1.5  changed
        1     price 1970-01-02 00:00:00+00:00  2.0  NaN  deleted
        """
        return frame_of(self._pages(now=False), self.id)

    def summary(self) -> dict[str, Any]:
        """What the job did, in numbers; JSON-able, for schedulers and alerts.

        Returns
        -------
        dict
            ``job``, ``description``, ``user``, ``created_at`` and ``updated_at`` (ISO 8601), ``page``; ``series`` with
            the numbers of those ``created``, ``changed`` and ``deleted``; ``points``, ``fields``, ``reported_points``
            and ``reported_fields`` with the numbers of those ``added``, ``changed`` and ``deleted``.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("prices") as job:
        ...     job.write(r"sid=price", points=[(0, 1.0), (86_400_000, 2.0)], fields={"unit": "EUR"})
        >>> summary = conn.jobs[1].summary()
        >>> summary["series"], summary["points"]
        ({'created': 1, 'changed': 0, 'deleted': 0}, {'added': 2, 'changed': 0, 'deleted': 0})
        """
        described: dict[str, Any] = {"job": self.id, "description": self.description, "user": self.user}
        for name in ("created_at", "updated_at"):
            moment = getattr(self, name)
            described[name] = None if moment is None else moment.isoformat()
        return {**described, "page": self.page, **counts_of(self._pages(now=False), self.id)}

    @overload
    def undo(self, dry_run: Literal[False] = False, *, progress: bool | None = None) -> Undo: ...
    @overload
    def undo(self, dry_run: Literal[True], *, progress: bool | None = None) -> pd.DataFrame: ...
    @overload
    def undo(self, dry_run: bool, *, progress: bool | None = None) -> Undo | pd.DataFrame: ...
    def undo(self, dry_run: bool = False, *, progress: bool | None = None) -> Undo | pd.DataFrame:
        r"""Undo the job: write back, under a new job, the points, fields and reports that it replaced.

        What another job has written since is left alone, and listed. A series that the job created goes to the trash,
        unless it has something of another job. A series that the job deleted is written again from the trash, unless
        there is a new series of that id. The undo can be undone: ``undo.job.undo()``.

        Parameters
        ----------
        dry_run
            Write nothing, and return what would be done.
        progress
            Show a progress bar; by default in notebooks.

        Returns
        -------
        Undo or DataFrame
            With `dry_run`, a row for each point, field and series: ``series_id``, ``dt``, ``now`` and ``restored``
            (the values), ``action``: ``"restore"``, ``"remove"``, ``"left alone"``, ``"to trash"`` or ``"from
            trash"``, ``field``, ``reported_date``, and ``job``, which wrote what is there now.

        Raises
        ------
        UndoError
            The job was registered with `no_history`, or it deleted series for good. Nothing was written.
        WriteError, ConnectionError
            Writing failed. What was restored until then stays restored, and another `undo` restores the rest.

        Notes
        -----
        A write that changed nothing, because the point had that value already, leaves no trace on the server, and does
        not protect the point. Points that another job writes while the undo runs are protected by the server; a field
        that it writes at that moment, and no point with it, may be overwritten.

        A server that does not describe changes in one place (any but the embedded Shooju) does not say who deleted a
        point, or who wrote a field: a point that the job deleted and that is still missing, and a field that still has
        the value that the job wrote, are taken to be the job's. Nor does it say whether a job deleted series for good.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> for description, values in {"prices": [1.0, 2.0], "wrong": [7.0, 8.0], "fix": [7.5]}.items():
        ...     with conn.register_job(description) as job:
        ...         job.write("sid=price", points=[(i * 86_400_000, value) for i, value in enumerate(values)])
        >>> conn.jobs[2].undo(dry_run=True)[["series_id", "dt", "now", "restored", "action", "job"]]
          series_id                        dt  now  restored      action   job
        0     price 1970-01-02 00:00:00+00:00  8.0       2.0     restore     2
        1     price 1970-01-01 00:00:00+00:00  7.5       1.0  left alone     3
        >>> undo = conn.jobs[2].undo()
        >>> print(undo)
        job 2 was undone by job 4: 1 point; 1 change left alone, because other jobs wrote there since
        """
        if self.no_history:
            raise UndoError(
                f"job {self.id} cannot be undone: it was registered with no_history, so what it replaced was not kept"
            )
        Undoing.check(self.id, self._pages(now=True))
        if dry_run:
            undoing = Undoing(self._client, self.id, None)
            self._carry_out(undoing, progress)
            return undoing.rows
        job = self._connection.register_job(
            f"Undo of job {self.id}: {self.description}", f"Undo of job {self.id}", _NEVER_BY_ITSELF
        )
        assert isinstance(job, RemoteJob)
        assert job.job_id is not None
        undoing = Undoing(self._client, self.id, job)
        try:
            # the changes are read again, so that jobs registered later cannot be overwritten
            self._carry_out(undoing, progress)
            job.finish()
        except BaseException as error:
            error.add_note(f"job {self.id} is undone in part, by job {job.job_id}; undo() again restores the rest")
            raise
        return Undo(
            self.id, self._connection.jobs[job.job_id], undoing.points, undoing.fields, undoing.to_trash,
            undoing.from_trash, undoing.rows,
        )  # fmt: skip

    def attach(self, batch_size: int = 1) -> AttachedJob:
        """A job object that writes under this job, for workers; the program that registered the job finishes it.

        Parameters
        ----------
        batch_size
            The number of series to buffer before they are submitted.

        Raises
        ------
        ValueError
            The job is finished.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> owner = conn.register_job("prices of all countries")
        >>> with conn.jobs[owner.job_id].attach() as job:
        ...     job.write("sid=price", points=[(0, 1.0)])
        >>> owner.finish()
        """
        if self.finished_at is not None:
            raise ValueError(f"the job must be open, and job {self.id} is finished; register another job")
        return AttachedJob(self._connection, self.id, batch_size, collision_retry_timeout=10.0)

    @property
    def _client(self) -> Client:
        return self._connection.raw

    def _pages(self, *, now: bool) -> Iterator[Page]:
        if self._changes is not None:
            return pages(self._client, self._changes)
        if self.created_at is None:
            raise ShoojuFormatError(f"the response must contain the time at which job {self.id} was registered")
        registered = int(self.created_at.timestamp() * 1000)
        return comparing.pages(self._client, self.id, registered, now=now)

    def _carry_out(self, undoing: Undoing, progress: bool | None) -> None:
        with Progress("undoing", "series", progress) as bar:
            for page in self._pages(now=True):
                undoing.page(page)
                bar.advance(len(page.series))
            undoing.finish()

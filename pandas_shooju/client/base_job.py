"""`Job`: what all jobs have in common. Writes and deletions are buffered, and submitted in batches.

Nothing is lost: an item leaves the buffer only when the response of the server to that very item says success, or when
reading back shows that a newer job has overwritten all of it. Whatever else happens (a refused item, a broken
connection, an exception, an interrupt), the item waits, and the next `submit` sends it.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import pandas as pd

from pandas_shooju import display
from pandas_shooju.client import deprecated
from pandas_shooju.client.buffer import Buffer, Item, RemoveOthers, SeriesWrite, Target, failed_frame, frame_of
from pandas_shooju.client.conflicts import Conflict, conflict_frame
from pandas_shooju.client.points import Date, Point, columns_of, exact_milli
from pandas_shooju.client.reader import check_name
from pandas_shooju.client.servers import job_page
from pandas_shooju.client.submission import How
from pandas_shooju.errors import ShoojuError
from pandas_shooju.formats import PointColumns
from pandas_shooju.values import field_values

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

#: items in one call unless the caller says otherwise; more if the batch size of the job is larger
_CALL_SIZE = 1000

Points: TypeAlias = "PointColumns | pd.Series[Any] | Iterable[Point | tuple[Any, float | None]]"
Hook = Callable[..., Any]


class Job(ABC):
    """What all jobs have in common; :meth:`Connection.register_job` makes them.

    ``str(job)`` is the name that operators take: ``f"@asof:{job}"`` is ``"@asof:j17"``.
    """

    put_points = deprecated.put_points
    put_point = deprecated.put_point
    put_reported_points = deprecated.put_reported_points
    put_field = deprecated.put_field
    put_fields = deprecated.put_fields
    remove_points = deprecated.remove_points
    remove_fields = deprecated.remove_fields
    delete = deprecated.delete
    delete_by_query = deprecated.delete_by_query

    def __init__(
        self,
        conn: Connection,
        job_id: int | None,
        batch_size: int = 1,
        pre_hooks: Iterable[Hook] | None = None,
        post_hooks: Iterable[Hook] | None = None,
        collision_retry_timeout: float = 60,
        async_mode: bool = False,
        skip_meta_if_no_fields: bool = False,
    ) -> None:
        check_batch_size(batch_size)
        self._conn = conn
        self._job_id = job_id
        self._batch_size = batch_size
        self._pre_hooks = list(pre_hooks or ())
        self._post_hooks = list(post_hooks or ())
        self._collision_retry_timeout = collision_retry_timeout
        self._async_mode = async_mode
        self._skip_meta_if_no_fields = skip_meta_if_no_fields
        self._buffer = Buffer()
        self._confirmed: dict[str, tuple[int, int]] = {}
        self._items_stored = 0
        #: dates that were left to newer jobs
        self._superseded: list[Conflict] = []
        self._make_locks()

    def _make_locks(self) -> None:
        # held while the buffer changes, and while it is submitted
        self._lock = threading.RLock()
        self._submitting = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        with self._submitting, self._lock:
            state = {**vars(self), "_buffer": self._buffer.items, "_confirmed": dict(self._confirmed)}
        return {name: value for name, value in state.items() if name not in ("_lock", "_submitting")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._buffer = Buffer(state["_buffer"])
        self._make_locks()

    # --- what a job is ---

    @property
    def connection(self) -> Connection:
        """The connection that the job uses."""
        return self._conn

    @property
    def job_id(self) -> int | None:
        """The id of the job; None for a dry run."""
        return self._job_id

    @property
    def page(self) -> str | None:
        """The URL of the page that shows the job to people; None for a dry run or an embedded store."""
        return job_page(self._conn.server, self._job_id)

    @property
    def pending(self) -> int:
        """The number of items that wait to be stored."""
        return len(self._buffer)

    @property
    def failed(self) -> pd.DataFrame:
        """The items that were tried and not stored: the index ``series_id``, ``error`` and ``description``."""
        with self._lock:
            return failed_frame(self._buffer.items)

    @property
    def confirmed(self) -> dict[str, tuple[int, int]]:
        """What the server has confirmed: for each series id, the numbers of points and of fields."""
        return self._confirmed

    @property
    def superseded(self) -> pd.DataFrame:
        """The dates that were left to newer jobs; a frame like `ConflictError.conflicts`."""
        return conflict_frame(self._conn.raw, self._superseded)

    def superseded_by(self) -> dict[str, str]:
        """Which newer jobs dates were left to, for each series."""
        jobs: dict[str, set[int]] = {}
        for conflict in self._superseded:
            jobs.setdefault(conflict.series_id, set()).update(conflict.jobs.tolist())
        return {name: f"superseded by job {', '.join(map(str, sorted(ids)))}" for name, ids in jobs.items()}

    def pending_frame(self) -> pd.DataFrame:
        """The items that wait, with what is known about each.

        The index is ``series_id`` (the query, if that does not give the series id). ``points`` and ``fields`` are
        numbers of points and of fields; ``state`` is ``"not sent"``, ``"refused"``, or ``"unknown"`` if the server may
        have stored the item; ``error`` and ``description`` are those of the last attempt.
        """
        with self._lock:
            return frame_of(self._buffer.items)

    def discard(self) -> None:
        """Empty the buffer: what waits is not going to be stored."""
        with self._lock:
            self._buffer.clear()

    def _progress_note(self) -> str:
        """How much is stored and how much waits, for the notes of exceptions."""
        with self._lock:
            states = [item.state for item in self._buffer.items]
        unknown = f", {states.count('unknown')} of them of unknown outcome" if "unknown" in states else ""
        return f"{self!s}: {self._items_stored} items were stored, and {len(states)} wait in the job{unknown}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(job_id={self.job_id}, pending={self.pending})"

    def _repr_html_(self) -> str:
        pending = display.counted(self.pending, "item") if self.pending else None
        facts = [("server", self._conn.raw.shown[0]), ("waiting to be stored", pending)]
        return display.card(self.link(), facts)

    def link(self) -> display.Markup:
        """The job with a link to its page."""
        label = "dry run" if self.job_id is None else f"job {self.job_id}"
        return display.link(self.page or "", label)

    def __str__(self) -> str:
        return repr(self) if self.job_id is None else f"j{self.job_id}"

    # --- writing ---

    def write(
        self,
        series_query: str,
        fields: Mapping[str, Any] | None = None,
        points: Points | None = None,
        remove_others: RemoveOthers = None,
    ) -> None:
        r"""Write points and fields of a series; they are merged into what the series has.

        Submits once `batch_size` series are buffered.

        Parameters
        ----------
        series_query
            A query that names one series; ``sid=...`` creates the series if it does not exist.
        fields
            Names and values; any JSON.
        points
            A list of `Point` or of tuples ``(date, value)``, or a pandas Series of numbers with a `DatetimeIndex`.
            Aware dates are converted to UTC; naive dates are taken as UTC. A missing value removes the point.
        remove_others
            ``"points"``, ``"fields"`` or ``"all"``: first remove everything of that kind that the series has.

        Raises
        ------
        WriteError
            The server did not store some of what was submitted; it waits in the job.
        ConnectionError
            The request failed; everything waits in the job.

        Examples
        --------
        >>> from pandas_shooju.client.connection import Connection
        >>> from pandas_shooju.client.points import Point
        >>> conn = Connection("local::memory:")
        >>> job = conn.register_job("GDP of China")
        >>> job.write(r"sid=users\sam\gdp", points=[Point(1577836800000, 14.7)], fields={"unit": "US$ tn"})
        >>> job.confirmed
        {'users\\sam\\gdp': (1, 1)}
        """
        self._write(series_query, None, fields, points, remove_others)

    def write_reported(
        self,
        series_query: str,
        reported_date: Date,
        fields: Mapping[str, Any] | None = None,
        points: Points | None = None,
    ) -> None:
        """Write points and fields under a report date: a date, a datetime, or milliseconds since 1970-01-01.

        The series' own points and fields remain as they are. The other arguments are as for :meth:`write`.
        """
        self._write(series_query, exact_milli(reported_date), fields, points)

    def _write(
        self,
        series_query: str,
        reported_date: int | None,
        fields: Mapping[str, Any] | None,
        points: Points | None,
        remove_others: RemoveOthers = None,
    ) -> None:
        target = Target.of_query(check_name(series_query))
        check_remove_others(remove_others)
        plain = field_values(fields)
        columns = None if points is None else columns_of(points)
        with self._lock:
            self._buffer.write(target, plain, columns, remove_others, reported_date)
        self._submit_if_full()

    def enqueue(self, writes: Iterable[SeriesWrite], remove_others: RemoveOthers = None) -> None:
        """Buffer many writes at once, without checking and without submitting them; see `SeriesWrite`."""
        check_remove_others(remove_others)
        with self._lock:
            for series_id, points, fields, reported_date in writes:
                target = Target.of_id(series_id)
                self._buffer.write(target, fields, points, remove_others, reported_date, ascending=True)

    def delete_series(self, query: str, one: bool = True, force: bool = False) -> int | None:
        """Delete the series that a query finds.

        Parameters
        ----------
        query
            A query that names one series; with ``one=False`` it may find any number.
        one
            Buffer the deletion of one series. With False, delete at once, after submitting everything that waits.
        force
            Delete permanently instead of moving to the trash.

        Returns
        -------
        int or None
            The number of series that were deleted if ``one=False``.
        """
        if one:
            self._delete(query, force=bool(force))
            return None
        if not query.strip():
            raise ValueError("query must not be empty, since an empty query finds every series")
        return self._delete_found(query, bool(force))

    def delete_reported(
        self, series_query: str, reported_dates: Date | Iterable[Date] | None = None, delete_all: bool = False
    ) -> None:
        """Delete what was written to a series under report dates; the series' own points remain.

        Parameters
        ----------
        series_query
            A query that names one series.
        reported_dates
            A date, several dates, or ``"all"``.
        delete_all
            Delete everything under any report date; for calls without `reported_dates`.
        """
        if isinstance(reported_dates, Iterable) and not isinstance(reported_dates, str):
            dates = list(reported_dates)
        else:
            dates = [] if reported_dates is None else [reported_dates]
        if bool(dates) == delete_all:
            raise ValueError(
                "delete_reported() needs either reported_dates or delete_all=True, "
                f"got reported_dates={reported_dates!r} and delete_all={delete_all}"
            )
        for date in ["all" if date == "all" else exact_milli(date) for date in dates] or ["all"]:
            self._delete(series_query, reported_date=date)

    def _delete(self, series_query: str, force: bool = False, reported_date: Any = None) -> None:
        target = Target.of_query(check_name(series_query))
        with self._lock:
            self._buffer.delete(target, force, reported_date)
        self._submit_if_full()

    @abstractmethod
    def _delete_found(self, query: str, force: bool) -> int | None:
        """Delete all series that a query finds; their number, where that is known."""

    # --- submitting ---

    def add_pre_submit_hook(self, fn: Hook) -> None:
        """Call ``fn(job_id=...)`` before every submit."""
        self._pre_hooks.append(_hook(fn))

    def add_post_submit_hook(self, fn: Hook) -> None:
        """Call ``fn(job_id=..., response={"success": True, "responses": [...]})`` after every successful submit."""
        self._post_hooks.append(_hook(fn))

    def submit(
        self,
        *,
        batch_size: int | None = None,
        max_points_per_call: int = 500_000,
        workers: int = 1,
        progress: Callable[[int], Any] | None = None,
    ) -> bool:
        """Send everything that waits, including items that were refused.

        An interrupt (Ctrl-C) takes effect at once: the outcome of the calls in flight is unknown, and everything that
        is not confirmed still waits in the job.

        Parameters
        ----------
        batch_size
            The maximum number of items in one call; by default 1,000, or the batch size of the job if that is larger.
        max_points_per_call
            The maximum number of points in one call. A series with more points is sent in several consecutive calls.
        workers
            The number of calls in flight at once; two calls at once never contain the same series.
        progress
            Called on this thread with the number of items that a call confirmed.

        Returns
        -------
        bool
            Always True; everything is stored.

        Raises
        ------
        WriteError
            Items were refused. They wait in the job, and `failed` shows why.
        ConflictError
            Items were refused because a newer job has written some of the dates.
        ConnectionError
            Calls failed, and nothing was refused. Their items wait in the job.
        """
        size = self._call_size() if batch_size is None else batch_size
        if size < 1 or workers < 1 or max_points_per_call < 1:
            raise ValueError(
                "batch_size, max_points_per_call and workers must be positive integers, "
                f"got {batch_size=}, {max_points_per_call=}, {workers=}"
            )
        self._submit(lambda item: True, How(size, max_points_per_call, workers, progress))
        return True

    def finish(self, submit: bool = True) -> None:
        """Submit what waits, and mark the job as finished; nothing more can be written under it.

        If the submit fails, the job is not finished. Items whose refusal has been raised before are not sent again.
        With ``submit=False``, nothing is sent.
        """
        if submit:
            self._submit(lambda item: not item.told, How(self._call_size()))
        self._finish()

    def _submit_if_full(self) -> None:
        with self._lock:
            full = len(self._buffer) >= self._batch_size
            full = full and sum(item.error is None for item in self._buffer.items) >= self._batch_size
        if full:
            # what failed before waits for an explicit submit, so that it does not fail every write after it
            self._submit(lambda item: item.error is None, How(self._call_size()))

    def _call_size(self) -> int:
        return max(self._batch_size, _CALL_SIZE)

    def _submit(self, wanted: Callable[[Item], bool], how: How) -> None:
        with self._submitting:
            for hook in self._pre_hooks:
                hook(job_id=self.job_id)
            with self._lock:
                items = self._buffer.select(wanted)
                self._buffer.close()
            try:
                responses = self._send(items, how)
            except ShoojuError:
                with self._lock:
                    self._buffer.note_told()
                raise
            except BaseException as error:
                error.add_note(f"{self._progress_note()}; submit() sends them again")
                raise
            for hook in self._post_hooks:
                hook(job_id=self.job_id, response={"responses": responses, "success": True})

    @abstractmethod
    def _send(self, items: list[Item], how: How) -> list[dict[str, Any]]:
        """Send items; the response to each."""

    @abstractmethod
    def _finish(self) -> None:
        """Mark the job as finished."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the job. After an exception nothing is sent, and the buffer remains as it is."""
        if error is None:
            self.finish()
        elif not any(self._progress_note() in note for note in getattr(error, "__notes__", ())):
            error.add_note(f"{self._progress_note()}; the job is not finished")


def check_batch_size(batch_size: int) -> None:
    """Check how many series a job buffers."""
    if batch_size < 1:
        raise ValueError(f"batch_size must be a positive number of series, got {batch_size}")


def check_remove_others(remove_others: RemoveOthers) -> None:
    """Check what to remove from a series before a write."""
    if remove_others not in (None, "points", "fields", "all"):
        raise ValueError(f"remove_others must be 'points', 'fields', 'all' or None, got {remove_others!r}")


def _hook(fn: Hook) -> Hook:
    if not callable(fn):
        raise TypeError(f"a hook of a job must be a function, got {fn!r}")
    return fn

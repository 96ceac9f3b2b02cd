"""Jobs: what is written under one description. They buffer, submit in batches, and know what is confirmed.

Nothing is lost: an item leaves the buffer only when the server's response to that very item says success. Whatever else
happens (a refused item, a broken connection, an exception, an interrupt) it waits, and the next `submit` sends it.
How items are merged and parted into calls is told in :mod:`pandas_shooju.client.buffer`, how calls are sent in
:mod:`pandas_shooju.client.submission`.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import pandas as pd

from pandas_shooju.client.buffer import Buffer, Item, KeepOnly, SeriesWrite, failed_frame, plain_fields, target_of
from pandas_shooju.client.deprecated import DeprecatedJobCalls
from pandas_shooju.client.points import Date, Point, columns_of, exact_milli
from pandas_shooju.client.settings import options
from pandas_shooju.client.submission import Answered, Submission
from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats import PointColumns

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

__all__ = ["DryRunJob", "Job", "RemoteJob"]

_LOCK_ATTEMPTS = 3
#: items of a call where nobody says otherwise
_CALL_SIZE = 1000
_CALL_POINTS = 500_000
_REMOVE_OTHERS = (None, "points", "fields", "all")

Points: TypeAlias = "PointColumns | pd.Series[Any] | Iterable[Point | tuple[Any, float | None]]"
Hook = Callable[..., Any]


class Job(DeprecatedJobCalls, ABC):
    """What all jobs have in common; :meth:`Connection.register_job` makes them."""

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
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: a job submits when at least one series is buffered")
        self._conn = conn
        self._job_id = job_id
        self._batch_size = batch_size
        self._pre_hooks = list(pre_hooks or ())
        self._post_hooks = list(post_hooks or ())
        self._collision_retry_timeout = collision_retry_timeout
        self._async_mode = async_mode
        self._skip_meta_if_no_fields = skip_meta_if_no_fields
        self._buffer = Buffer()
        self._removals = {}
        self._confirmed: dict[str, tuple[int, int]] = {}
        # held while the buffer changes, and while it is submitted
        self._lock = threading.RLock()
        self._submitting = threading.RLock()

    # --- what a job is ---

    @property
    def connection(self) -> Connection:
        """The connection that the job writes by."""
        return self._conn

    @property
    def job_id(self) -> int | None:
        """The job's id; None for a dry run."""
        return self._job_id

    @property
    def pending(self) -> int:
        """How many items wait to be stored."""
        return len(self._buffer)

    @property
    def failed(self) -> pd.DataFrame:
        """The items that were tried and not stored: ``series`` (the query), ``error``, ``description``."""
        return failed_frame(self._buffer.items)

    @property
    def confirmed(self) -> dict[str, tuple[int, int]]:
        """What the server has confirmed as stored: by query, how many points and how many fields."""
        return self._confirmed

    def pending_frame(self) -> pd.DataFrame:
        """What waits: one row per item; ``series``, ``points``, ``fields``, ``error``, ``description``."""
        with self._lock:
            return self._buffer.frame()

    def discard(self) -> None:
        """Empty the buffer: what waits is not going to be stored."""
        with self._lock:
            self._buffer.clear()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(job_id={self.job_id}, pending={self.pending})"

    # --- writing ---

    def write(
        self,
        series_query: str,
        fields: Mapping[str, Any] | None = None,
        points: Points | None = None,
        remove_others: KeepOnly = None,
    ) -> None:
        r"""Write points and fields of a series; they are merged into what the series has.

        Submits when as many series are buffered as the job's `batch_size` says.

        Parameters
        ----------
        series_query
            A query that names one series, or none yet; ``sid=...`` that names none creates the series.
        fields
            Names and values; any JSON.
        points
            A list of `Point` or of tuples ``(date, value)``, or a pandas Series of numbers with a `DatetimeIndex`.
            An aware date is converted to UTC, a naive one stands as it is. A missing value removes the point.
        remove_others
            ``"points"``, ``"fields"`` or ``"all"``: first remove all others of the series.

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
        {'sid=users\\sam\\gdp': (1, 1)}
        """
        self.enqueue(series_query, fields=fields, points=points, keep_only=remove_others)
        self._submit_if_full()

    def write_reported(
        self,
        series_query: str,
        reported_date: Date,
        fields: Mapping[str, Any] | None = None,
        points: Points | None = None,
    ) -> None:
        """Write points and fields of a series as reported at a date, beside the series' own.

        Parameters
        ----------
        series_query, fields, points
            As for :meth:`write`.
        reported_date
            A date, a datetime, or milliseconds since 1970-01-01.
        """
        self.enqueue(series_query, fields=fields, points=points, reported_date=reported_date)
        self._submit_if_full()

    def enqueue(
        self,
        series_query: str,
        *,
        fields: Mapping[str, Any] | None = None,
        points: Points | None = None,
        keep_only: KeepOnly = None,
        reported_date: Date | None = None,
    ) -> None:
        """Buffer a write as :meth:`write` does, whatever the batch size; `submit` sends it.

        Parameters
        ----------
        series_query, fields, points
            As for :meth:`write`.
        keep_only
            As `remove_others` of :meth:`write`.
        reported_date
            As for :meth:`write_reported`.
        """
        columns = None if points is None else columns_of(points)
        self._enqueue({"query": _query(series_query)}, fields, columns, keep_only, reported_date)

    def enqueue_writes(self, writes: Iterable[SeriesWrite], keep_only: KeepOnly = None) -> list[str]:
        """Buffer many writes as `enqueue` does, without checking them again.

        Parameters
        ----------
        writes
            Points whose dates ascend, and fields that JSON can represent.
        keep_only
            As for :meth:`enqueue`.

        Returns
        -------
        list of str
            The queries by which the job knows the series.
        """
        _check_keep_only(keep_only)
        queries = []
        with self._lock:
            for series_id, points, fields, reported_date in writes:
                target, series = target_of(series_id)
                self._buffer.write(target, fields, points, keep_only, reported_date, series=series, ascending=True)
                queries.append(target["query"])
        return queries

    def delete_series(self, query: str, one: bool = True, force: bool = False) -> int | None:
        """Delete the series that a query finds.

        Parameters
        ----------
        query
            A query; it names one series, or with ``one=False`` any number.
        one
            Buffer the deletion of one series; else submit at once, with everything that waits.
        force
            Delete for good, instead of moving to the trash.

        Returns
        -------
        int or None
            How many were deleted if ``one=False``.
        """
        if one:
            self._enqueue_delete({"query": _query(query)}, force)
            self._submit_if_full()
            return None
        if not query.strip():
            raise ValueError("an empty query finds every series there is; say which ones to delete")
        return self._delete_found(query, force)

    def delete_reported(
        self, series_query: str, reported_dates: Date | Iterable[Date] | None = None, delete_all: bool = False
    ) -> None:
        """Delete what was written to a series as reported at some dates; the series' own points stay.

        Parameters
        ----------
        series_query
            A query that names one series.
        reported_dates
            A date or several; or ``"all"``.
        delete_all
            Delete them all, where no dates are given.
        """
        _query(series_query)
        if isinstance(reported_dates, Iterable) and not isinstance(reported_dates, str):
            dates = list(reported_dates)
        else:
            dates = [] if reported_dates is None else [reported_dates]
        if bool(dates) == delete_all:
            raise ValueError(
                "delete_reported takes dates, or delete_all=True to delete them all; "
                f"got reported_dates={reported_dates!r}, delete_all={delete_all}"
            )
        targets = ["all" if date == "all" else exact_milli(date) for date in dates] or ["all"]
        for date in targets:
            with self._lock:
                self._buffer.delete({"query": series_query}, False, date)  # type: ignore[arg-type]
            self._submit_if_full()

    def _enqueue(
        self,
        target: dict[str, str],
        fields: Mapping[str, Any] | None = None,
        points: PointColumns | None = None,
        keep_only: KeepOnly = None,
        reported_date: Date | None = None,
    ) -> None:
        _check_keep_only(keep_only)
        plain = plain_fields(fields)
        moment = None if reported_date is None else exact_milli(reported_date)
        with self._lock:
            self._buffer.write(target, plain, points, keep_only, moment)

    def _enqueue_delete(self, target: dict[str, str], force: bool) -> None:
        with self._lock:
            self._buffer.delete(target, bool(force))

    @abstractmethod
    def _delete_found(self, query: str, force: bool) -> int | None:
        """Delete all series that a query finds; how many, where that is known."""

    # --- submitting ---

    def add_pre_submit_hook(self, fn: Hook) -> None:
        """Have ``fn(job_id=...)`` called before every submit."""
        self._pre_hooks.append(_hook(fn))

    def add_post_submit_hook(self, fn: Hook) -> None:
        """Have ``fn(job_id=..., response={"success": True, "responses": [...]})`` called after every submit."""
        self._post_hooks.append(_hook(fn))

    def submit(
        self,
        *,
        batch_size: int | None = None,
        max_points_per_call: int = _CALL_POINTS,
        workers: int = 1,
        progress: Callable[[int], Any] | None = None,
    ) -> bool:
        """Send what waits.

        Parameters
        ----------
        batch_size
            At most so many items in one call; by default the job's, and at least 1,000.
        max_points_per_call
            At most so many points in one call, unless a single item has more.
        workers
            Calls under way at once; never two with items of the same series.
        progress
            Called in this thread with the number of items that a call confirmed.

        Returns
        -------
        bool
            True: everything is stored.

        Raises
        ------
        WriteError
            Items were refused; they wait in the job, and `failed` shows why.
        ConnectionError
            Calls failed, and nothing was refused; what they held waits in the job.
        """
        size = max(self._batch_size, _CALL_SIZE) if batch_size is None else batch_size
        if size < 1 or workers < 1 or max_points_per_call < 1:
            raise ValueError(f"{batch_size=}, {max_points_per_call=}, {workers=}: each is at least 1")
        self._submit(lambda: self._buffer.items, size, max_points_per_call, workers, progress)
        return True

    def finish(self, submit: bool = True) -> None:
        """Submit what waits, and mark the job as finished; nothing more can be written under it.

        Parameters
        ----------
        submit
            Submit first; if that fails the job is not finished.
        """
        if submit:
            self.submit()
        self._finish()

    def _submit_if_full(self) -> None:
        with self._lock:
            full = len(self._buffer) >= self._batch_size
            full = full and sum(item.error is None for item in self._buffer.items) >= self._batch_size
        if full:
            # what failed before waits for a submit of its own, so that it does not fail every write after it
            self._submit(self._buffer.fresh, max(self._batch_size, _CALL_SIZE), _CALL_POINTS, 1, None)

    def _submit(self, select: Callable[[], list[Item]], *how: Any) -> None:
        with self._submitting:
            for hook in self._pre_hooks:
                hook(job_id=self.job_id)
            with self._lock:
                items = select()
                self._buffer.close()
            responses = self._send(items, *how)
            for hook in self._post_hooks:
                hook(job_id=self.job_id, response={"responses": responses, "success": True})

    @abstractmethod
    def _send(
        self,
        items: list[Item],
        batch_size: int,
        max_points: int,
        workers: int,
        progress: Callable[[int], Any] | None,
    ) -> list[dict[str, Any]]:
        """Send items; the response to each."""

    @abstractmethod
    def _finish(self) -> None:
        """Mark the job as finished."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish, unless an exception is on its way: then nothing is sent, and the buffer stays."""
        if kind is None:
            self.finish()


class RemoteJob(Job):
    """A job on the server.

    Parameters
    ----------
    conn
        The connection to write by.
    job_id
        Id of a job that was registered.
    batch_size
        How many series are buffered before a write submits.
    pre_hooks, post_hooks
        Functions called before and after every submit.
    collision_retry_timeout
        Seconds to wait before items are sent again whose series was locked.
    async_mode
        Let the server write fields later.
    skip_meta_if_no_fields
        Let the server leave the series' meta data as it is where only points are written.
    """

    _job_id: int

    def _delete_found(self, query: str, force: bool) -> int:
        found = [
            series["series_id"]
            for page in self._conn.read_pages(query)
            for series in page["series"]
            if "series_id" in series
        ]
        for series_id in found:
            self._enqueue_delete({"series_id": series_id}, force)
        self.submit()
        return len(found)

    def _finish(self) -> None:
        self._conn.raw.post(f"/jobs/{self.job_id}/finish")

    def _send(
        self,
        items: list[Item],
        batch_size: int,
        max_points: int,
        workers: int,
        progress: Callable[[int], Any] | None,
    ) -> list[dict[str, Any]]:
        return Submission(self._post, progress).send(items, batch_size, max_points, workers)

    def _post(self, items: list[Item]) -> Iterator[Answered]:
        """Send items in one call, and those whose series was locked again; yields what is answered as it comes."""
        params: dict[str, Any] = {"job_id": self.job_id, "date_format": "milli"}
        if self._async_mode:
            params["async_mode"] = True
        if self._skip_meta_if_no_fields:
            params["skip_meta_if_no_fields"] = True
        for attempt in range(1, _LOCK_ATTEMPTS + 1):
            answer = self._conn.raw.post(
                "/series/write",
                params=params,
                data_json={"series": [item.document() for item in items]},
                send_format=options.series_format,
            )
            responses = answer.get("responses")
            if not isinstance(responses, list) or len(responses) != len(items):
                raise ShoojuFormatError(f"{len(items)} items were written, and the answer does not say what of each")
            answered = [
                (item, response if isinstance(response, dict) else {"error": repr(response)})
                for item, response in zip(items, responses, strict=True)
            ]
            last = attempt == _LOCK_ATTEMPTS
            items = [] if last else [item for item, response in answered if _locked(response)]
            settled = [pair for pair in answered if not _locked(pair[1])] if items else answered
            self._confirm(settled)
            yield settled
            if not items:
                return
            time.sleep(self._collision_retry_timeout)

    def _confirm(self, answered: Answered) -> None:
        """Take out of the buffer what the server has stored, and note why the rest was not."""
        stored = []
        for item, response in answered:
            gone = item.delete and response.get("error") == "series_not_found"
            if gone or (response.get("success") and not response.get("error")):
                item.error = item.description = None
                stored.append(item)
            else:
                item.error = response.get("error") or "not_stored"
                item.description = response.get("description")
        with self._lock:
            self._buffer.remove(stored)
            for item in stored:
                if not item.delete:
                    points, fields = self._confirmed.get(item.name, (0, 0))
                    self._confirmed[item.name] = points + item.size, fields + len(item.fields)


class DryRunJob(Job):
    """A job that prints what it would do, and sends nothing.

    Examples
    --------
    >>> from pandas_shooju.client.connection import Connection
    >>> conn = Connection("local::memory:")
    >>> with conn.register_job("GDP of China", dry_run=True) as job:
    ...     job.write("sid=gdp", fields={"unit": "US$ tn"}, points=[(1577836800000, 14.7)])
    sid=gdp fields: {'unit': 'US$ tn'}
    sid=gdp points: [Point(2020-01-01 00:00:00, 14.7)]
    Job finished
    """

    POINTS_PRINT_LIMIT = 5

    def _delete_found(self, query: str, force: bool) -> None:
        print(f"delete every series that {query!r} finds, force={force}")

    def _finish(self) -> None:
        print("Job finished")

    def _send(self, items: list[Item], *_how: Any) -> list[dict[str, Any]]:
        for item in items:
            self._print(item)
        with self._lock:
            self._buffer.remove(items)
        return [{"success": True} for _item in items]

    def _print(self, item: Item) -> None:
        name = item.name
        if item.reported_date is not None:
            all_dates = item.reported_date == "all"
            name += f" @ {'all report dates' if all_dates else Point(item.reported_date, None).datetime}"  # type: ignore[arg-type]
        if item.delete:
            print(f"{name} delete, force={item.force}")
        if item.keep_only is not None:
            print(f"{name} remove others: {item.keep_only}")
        if item.fields:
            print(f"{name} fields: {item.fields}")
        points = item.points()
        if len(points):
            limit = self.POINTS_PRINT_LIMIT
            shown = ", ".join(str(Point(date, value)) for date, value in points[:limit].to_rows())
            rest = f" (only {limit}/{len(points)} shown)" if len(points) > limit else ""
            print(f"{name} points: [{shown}]{rest}")


def _query(query: str) -> str:
    if not isinstance(query, str) or not query.strip():
        raise TypeError(f'a query that names a series is text, such as sid="users\\me\\gdp"; got {query!r}')
    return query


def _check_keep_only(keep_only: KeepOnly) -> None:
    if keep_only not in _REMOVE_OTHERS:
        raise ValueError(f"remove_others={keep_only!r}: give 'points', 'fields', 'all' or None")


def _hook(fn: Hook) -> Hook:
    if not callable(fn):
        raise TypeError(f"a hook of a job is a function; got {fn!r}")
    return fn


def _locked(response: Mapping[str, Any]) -> bool:
    return bool(response.get("error")) and "series is locked for change" in str(response.get("description"))

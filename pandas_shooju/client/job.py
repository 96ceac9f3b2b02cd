"""`RemoteJob` and `DryRunJob`: where the items of a job go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pandas_shooju.client import conflicts, reader, retry, validation
from pandas_shooju.client.base_job import Job
from pandas_shooju.client.buffer import Item, Target
from pandas_shooju.client.conflicts import Conflict, conflict_error
from pandas_shooju.client.options import options
from pandas_shooju.client.points import Point
from pandas_shooju.client.spool import Spool
from pandas_shooju.client.submission import Answered, How, Submission
from pandas_shooju.errors import ConfigurationError, ShoojuError, WriteError
from pandas_shooju.formats.table import values_of

__all__ = ["DryRunJob", "RemoteJob"]

_LOCK_ATTEMPTS = 3


class RemoteJob(Job):
    """A job on the server; :meth:`Connection.register_job` makes them.

    The constructor continues a registered job by its `job_id`. `pre_hooks` and `post_hooks` are called before and after
    every submit; with `async_mode`, the server writes fields later. The other parameters are as for `register_job`.
    """

    _job_id: int
    _spool: Spool | None = None

    def __getstate__(self) -> dict[str, Any]:
        if self._spool is not None:
            raise ConfigurationError(f"{self!r} cannot be pickled, because only one process can write to its spool")
        return super().__getstate__()

    def spool_to(self, path: str | os.PathLike[str]) -> None:
        """Record every item in that folder before it is sent; see :meth:`Connection.register_job`."""
        names = ("collision_retry_timeout", "async_mode", "skip_meta_if_no_fields")
        settings = {name: getattr(self, f"_{name}") for name in names}
        self._spool = Spool.begin(path, {"job_id": self._job_id, "server": self._conn.server, "settings": settings})

    def take_up(self, spool: Spool, items: Iterable[Item]) -> None:
        """Continue with the items of a spool that a process has left behind."""
        self._spool = spool
        for item in items:
            self._buffer.add(item)

    def finish_later(self) -> None:
        """Let `resume` finish the job after a crash."""
        if self._spool is not None:
            self._spool.to_be_finished()

    def leave_spool(self) -> None:
        """Remove the folder of the job from its spool: no more is going to be recorded."""
        if self._spool is not None:
            self._spool.close(done=True)
            self._spool = None

    def _delete_found(self, query: str, force: bool) -> int:
        if self.pending:
            self.submit()  # so that the query finds what was written before
        found: list[str] = []
        for page in reader.pages(self._conn.raw, query, reader.parameters()):
            found += values_of(page.series.series_ids)
        with self._lock:
            for series_id in found:
                self._buffer.delete(Target.of_id(series_id), force)
        self.submit()
        return len(found)

    def _finish(self) -> None:
        self.finish_later()
        self._conn.raw.post(f"/jobs/{self.job_id}/finish")
        self.leave_spool()

    def discard(self) -> None:
        """Empty the buffer: what waits is not going to be stored."""
        with self._lock:
            if self._spool is not None:
                self._spool.settle(self._buffer.items)
            super().discard()

    def _send(self, items: list[Item], how: How) -> list[dict[str, Any]]:
        with self._lock:
            items = self._buffer.split(items, how.max_points)
        if self._spool is not None and items:
            self._spool.add(item for item in items if item.number is None)
        found: list[Conflict] = []
        superseded = len(self._superseded)
        submission = Submission(lambda call: self._post(call, found), self._settle, how)
        failed: WriteError | None = None
        try:
            responses = submission.send(items)
        except WriteError as error:
            if not found:
                raise
            failed = error
        found += self._superseded[superseded:]
        if not found:
            return responses
        raise conflict_error(self._conn.raw, found, failed) from None

    def _post(self, items: list[Item], found: list[Conflict]) -> Iterator[Answered]:
        """Send items in one call, and those whose series was locked again; yields responses as they arrive.

        What newer jobs have written of items that are refused for good is added to `found`.
        """
        params: dict[str, Any] = {"job_id": self.job_id, "date_format": "milli"}
        if self._async_mode:
            params["async_mode"] = True
        if self._skip_meta_if_no_fields:
            params["skip_meta_if_no_fields"] = True
        for item in items:
            item.doubtful = item.state == "unknown"
            item.refused = False
        for attempt in range(1, _LOCK_ATTEMPTS + 1):
            for item in items:
                item.state = "unknown"  # until there is a response, even if this call is interrupted
            answer = self._conn.raw.call(
                "post",
                "/series/write",
                params=params,
                data_json={"series": [item.document() for item in items]},
                send_format=options.series_format,
            )
            for item in items:
                item.doubtful = item.doubtful or answer.attempts > 1
            again, refused, settled, pause = [], [], [], 0.0
            responses = validation.responses(answer.document.plain(), len(items), self._conn.raw.without_key)
            for item, response in zip(items, responses, strict=True):
                if not response.get("error"):
                    settled.append((item, response))
                elif _locked(response) and attempt < _LOCK_ATTEMPTS:
                    again.append(item)
                    pause = self._collision_retry_timeout
                elif response.get("error") == "already_exists" and not item.delete:
                    refused.append((item, response))
                else:
                    settled.append((item, response))
            yield settled
            for item, response in refused:
                gave_way = self._give_way(item, found)
                if gave_way and not item.empty and attempt < _LOCK_ATTEMPTS:
                    again.append(item)
                else:
                    yield [(item, {"success": True} if gave_way and item.empty else response)]
            if not again:
                return
            items = again
            if pause:
                retry.sleep(pause)

    def _give_way(self, item: Item, found: list[Conflict]) -> bool:
        """Find out what newer jobs have written of a refused item; if it may have been stored, leave that to them.

        Returns whether what remains of the item can be sent again.
        """
        try:
            stored = conflicts.read_back(self._conn.raw, item)
        except ShoojuError as error:
            if item.doubtful:
                error.outcome_unknown = True
                raise
            found.append(Conflict(item.target.name))
            return False
        conflict = conflicts.conflict_of(item, stored, self._job_id)
        if not item.doubtful or not len(conflict.dates):
            found.append(conflict)
            return False
        conflicts.give_way(item, conflict, stored)
        with self._lock:
            self._superseded.append(conflict)
        return True

    def _settle(self, answered: Answered) -> int:
        """Remove from the buffer what the server has stored, and note why the rest was not; returns their number."""
        stored, told = [], []  # a deletion that was refused would be refused again
        for item, response in answered:
            gone = item.delete and response.get("error") == "series_not_found"
            if gone or (response["success"] and not response.get("error")):
                item.error = item.description = None
                stored.append(item)
            else:
                item.state = "unknown" if item.doubtful else "refused"
                item.refused, item.told = True, False
                item.error = str(response.get("error") or "not_stored")
                item.description = response.get("description")
                if item.delete and item.target.key == item.target.query:  # the query may find several series
                    item.description = f"{item.description}; one=False deletes every series that a query finds"
                    told.append(item)
        with self._lock:
            changed = self._buffer.settle(stored)
            self._buffer.remove(told)
            self._items_stored += len(stored)
            for item in stored:
                if not item.delete:
                    points, fields = self._confirmed.get(item.target.name, (0, 0))
                    self._confirmed[item.target.name] = points + item.size, fields + len(item.fields)
        if self._spool is not None and stored:
            self._spool.add(item for item in changed if not item.empty)
            self._spool.settle([*stored, *(item for item in changed if item.empty)])
        return len(stored)


class DryRunJob(Job):
    """A job that prints what it would do and sends nothing; made by ``register_job(..., dry_run=True)``.

    Examples
    --------
    >>> from pandas_shooju.client.connection import Connection
    >>> conn = Connection("local::memory:")
    >>> with conn.register_job("GDP of China", dry_run=True) as job:
    ...     job.write("sid=gdp", fields={"unit": "US$ tn"}, points=[(1577836800000, 14.7)])
    sid=gdp fields: {'unit': 'US$ tn'}
    sid=gdp points: [Point(2020-01-01 00:00:00,14.7)]
    Job finished
    """

    POINTS_PRINT_LIMIT = 5

    def _delete_found(self, query: str, force: bool) -> None:
        print(f"delete every series that {query!r} finds, force={force}")

    def _finish(self) -> None:
        print("Job finished")

    def _send(self, items: list[Item], how: How) -> list[dict[str, Any]]:
        for item in items:
            self._print(item)
        with self._lock:
            self._buffer.settle(items)
        return [{"success": True} for _item in items]

    def _print(self, item: Item) -> None:
        name = item.target.name if item.target.query is None else item.target.query
        if item.reported_date == "all":
            name += " @ all report dates"
        elif item.reported_date is not None:
            name += f" @ {Point(item.reported_date, None).datetime}"
        if item.delete:
            print(f"{name} delete, force={item.force}")
        if item.remove_others is not None:
            print(f"{name} remove others: {item.remove_others}")
        if item.fields:
            print(f"{name} fields: {item.fields}")
        points = item.points()
        if len(points):
            limit = self.POINTS_PRINT_LIMIT
            shown = ", ".join(str(Point(date, value)) for date, value in points[:limit].to_rows())
            rest = f" (only {limit}/{len(points)} shown)" if len(points) > limit else ""
            print(f"{name} points: [{shown}]{rest}")


def _locked(response: Mapping[str, Any]) -> bool:
    return bool(response.get("error")) and "series is locked for change" in str(response.get("description"))

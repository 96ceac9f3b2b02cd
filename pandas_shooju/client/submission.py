"""Sending the items of a job: in which calls, over how many connections, and what is raised when some fail.

A call that fails does not prevent the others from being sent, unless the server is unreachable or refuses the key. But
an item is not sent before one of the same series that failed.

An interrupt (Ctrl-C) takes effect at once. The calls in flight are abandoned: they run on daemon threads, are not tried
again, and whatever comes of them no longer changes an item, whose outcome therefore remains unknown.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from pandas_shooju.client import retry
from pandas_shooju.client.buffer import Item, chains, failed_frame, waves
from pandas_shooju.errors import AuthenticationError, ConnectionError, ShoojuError, WriteError

#: failed calls in a row after which the server is considered unreachable
_GONE_AFTER = 3
#: seconds between two looks for an interrupt, on systems where waiting for a queue cannot be interrupted
_LOOK = 0.2


class How(NamedTuple):
    """How items are sent; see :meth:`Job.submit`."""

    batch_size: int
    max_points: int = 500_000
    workers: int = 1
    progress: Callable[[int], Any] | None = None


Answered = list[tuple[Item, dict[str, Any]]]
Post = Callable[[list[Item]], Iterator[Answered]]
Settle = Callable[[Answered], int]


class Submission:
    """One submit: the responses, and what went wrong.

    Parameters
    ----------
    post
        Sends the items of a call; yields the items that got a response, with their responses, as they arrive.
    settle
        Notes what became of these items; returns how many are stored.
    how
        How to send.
    """

    def __init__(self, post: Post, settle: Settle, how: How) -> None:
        self._post = post
        self._settle = settle
        self._how = how
        self._unanswered = 0
        self._gone = False
        self._lock = threading.Lock()  # held while items change
        self._abandoned = threading.Event()
        self.errors: list[ShoojuError] = []
        self.responses: dict[int, dict[str, Any]] = {}
        #: series with an item that was not stored: the items after it must wait
        self.stuck: set[str] = set()

    def send(self, items: list[Item]) -> list[dict[str, Any]]:
        """Send items; the response to each, in order.

        Raises
        ------
        WriteError, ConnectionError
            Some items were not stored.
        """
        try:
            for wave in waves(items):
                self._send_wave([item for item in wave if item.target.key not in self.stuck])
        except BaseException:  # an interrupt, or a failing progress function
            self._abandoned.set()
            with self._lock:  # so that no item changes from now on
                raise
        self._raise_if_failed(items)
        return [self.responses[id(item)] for item in items]

    def _send_wave(self, items: list[Item]) -> None:
        split = chains(items, self._how.batch_size, self._how.max_points)
        if self._how.workers == 1:
            for chain in split:
                for confirmed in self._run(chain):
                    self._report(confirmed)
            return
        reports: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()
        taking = threading.Lock()
        threads = [
            threading.Thread(target=self._work, args=(split, taking, reports), name="shooju-write", daemon=True)
            for _ in range(min(self._how.workers, len(items)))
        ]
        for thread in threads:
            thread.start()
        working = len(threads)
        while working:
            try:
                report = reports.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if isinstance(report, BaseException):
                raise report
            if report is None:
                working -= 1
            else:
                self._report(report)

    def _work(
        self,
        split: Iterator[list[list[Item]]],
        taking: threading.Lock,
        reports: queue.SimpleQueue[int | BaseException | None],
    ) -> None:
        """Send chains until there are none left; the work of one thread."""
        retry.abandoned.set(self._abandoned)
        try:
            while not self._abandoned.is_set():
                with taking:
                    chain = next(split, None)
                if chain is None:
                    break
                for confirmed in self._run(chain):
                    reports.put(confirmed)
        except BaseException as error:
            reports.put(error)
        finally:
            reports.put(None)

    def _report(self, confirmed: int) -> None:
        if confirmed and self._how.progress is not None:
            self._how.progress(confirmed)

    def _run(self, chain: list[list[Item]]) -> Iterator[int]:
        """Send the calls of a chain; yields the number of items that each response confirms."""
        for call in chain:
            if self._gone:
                self.stuck.update(item.target.key for item in call)
                continue
            states = {id(item): item.state for item in call}
            try:
                for answered in self._post(call):
                    with self._lock:
                        if self._abandoned.is_set():
                            return
                        stored = self._settle(answered)
                        self.responses.update((id(item), response) for item, response in answered)
                        self.stuck.update(item.target.key for item, _ in answered if item.error is not None)
                        self._unanswered = 0
                    yield stored
            except ShoojuError as error:
                with self._lock:
                    if self._abandoned.is_set():
                        return
                    self._note([item for item in call if id(item) not in self.responses], error, states)

    def _note(self, items: list[Item], error: ShoojuError, states: dict[int, Any]) -> None:
        """Note why these items got no response."""
        self.errors.append(error)
        for item in items:
            self.stuck.add(item.target.key)
            item.state = "unknown" if error.outcome_unknown else states[id(item)]
            item.error = getattr(error, "error", None) or type(error).__name__
            item.description = getattr(error, "description", None) or str(error)
        if isinstance(error, ConnectionError):
            self._unanswered += 1
            self._gone = self._unanswered >= _GONE_AFTER or isinstance(error, AuthenticationError)

    def _raise_if_failed(self, items: list[Item]) -> None:
        """Raise if some of `items` are not stored: the error of the transport if there was no other."""
        left = [item for item in items if item.error is not None or id(item) not in self.responses]
        if not left:
            return
        refused = [item for item in left if id(item) in self.responses]
        if not refused and self.errors and all(isinstance(error, ConnectionError) for error in self.errors):
            self.errors[0].add_note(
                f"{len(left)} of {len(items)} items wait in the job{_states(left)}; submit() sends them again"
            )
            raise self.errors[0]
        failed = failed_frame(left)
        first = refused[0] if refused else left[0]
        message = f"{first.error} ({first.description}) for {first.target.name!r}"
        if len(failed) > 1:
            message += f", and {len(failed) - 1} more"
        raise WriteError(  # programs look for the code at the beginning
            f"{message}; {len(left)} of {len(items)} items were not stored and wait in the job{_states(left)}",
            error=first.error,
            description=first.description,
            failed=failed,
            responses=[self.responses[id(item)] for item in items if id(item) in self.responses],
        )


def _states(items: Iterable[Item]) -> str:
    """How many items are not simply unsent, for messages."""
    counts = Counter(item.state for item in items)
    return f" ({counts['unknown']} of unknown outcome)" if counts["unknown"] else ""

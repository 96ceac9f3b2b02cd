"""Sending the items of a job: in which calls, over how many connections, and what is raised when some fail.

A call that fails does not prevent the others from being sent, unless the server is unreachable or refuses the key. But
an item is not sent before one of the same series that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from pandas_shooju.client.buffer import Item, chains, failed_frame, waves
from pandas_shooju.errors import AuthenticationError, ConnectionError, ShoojuError, WriteError

#: failed calls in a row after which the server is considered unreachable
_GONE_AFTER = 3


class How(NamedTuple):
    """How items are sent; see :meth:`Job.submit`."""

    batch_size: int
    max_points: int
    workers: int = 1
    progress: Callable[[int], Any] | None = None


Answered = list[tuple[Item, dict[str, Any]]]
Post = Callable[[list[Item]], Iterator[Answered]]


class Submission:
    """One submit: the responses, and what went wrong.

    Parameters
    ----------
    post
        Sends the items of a call; yields the items that got a response, with their responses, as they arrive.
    """

    def __init__(self, post: Post, how: How) -> None:
        self._post = post
        self._how = how
        self._unanswered = 0
        self._gone = False
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
        for wave in waves(items):
            self._send_wave([item for item in wave if item.target.key not in self.stuck])
        self._raise_if_failed(items)
        return [self.responses[id(item)] for item in items]

    def _send_wave(self, items: list[Item]) -> None:
        workers = self._how.workers
        split = chains(items, self._how.batch_size, self._how.max_points)
        if workers == 1:
            for chain in split:
                for confirmed in self._run(chain):
                    self._report(confirmed)
            return
        with ThreadPoolExecutor(workers, "shooju-write") as executor:
            in_flight: set[Future[int]] = set()
            try:
                for chain in split:
                    if len(in_flight) >= 2 * workers:
                        in_flight = self._await(in_flight)
                    in_flight.add(executor.submit(self._run_all, chain))
                while in_flight:
                    in_flight = self._await(in_flight)
            except BaseException:  # an interrupt, or a failing progress function: start nothing more
                self._gone = True
                raise

    def _await(self, in_flight: set[Future[int]]) -> set[Future[int]]:
        done, rest = wait(in_flight, return_when=FIRST_COMPLETED)
        for future in done:
            self._report(future.result())
        return rest

    def _report(self, confirmed: int) -> None:
        if confirmed and self._how.progress is not None:
            self._how.progress(confirmed)

    def _run_all(self, chain: list[list[Item]]) -> int:
        return sum(self._run(chain))

    def _run(self, chain: list[list[Item]]) -> Iterator[int]:
        """Send the calls of a chain; yields the number of items that each response confirms."""
        for call in chain:
            if self._gone:
                self._note(call, None)
                continue
            try:
                for answered in self._post(call):
                    self.responses.update((id(item), response) for item, response in answered)
                    refused = [item.target.key for item, _ in answered if item.error is not None]
                    self.stuck.update(refused)
                    self._unanswered = 0
                    yield len(answered) - len(refused)
            except ShoojuError as error:
                self._note([item for item in call if id(item) not in self.responses], error)

    def _note(self, items: list[Item], error: ShoojuError | None) -> None:
        """Note why these items got no response."""
        self.stuck.update(item.target.key for item in items)
        if error is None:
            return
        self.errors.append(error)
        for item in items:
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
            self.errors[0].add_note(f"{len(left)} of {len(items)} items wait in the job; submit() sends them again")
            raise self.errors[0]
        failed = failed_frame(left)
        first = refused[0] if refused else left[0]
        message = f"{first.error} ({first.description}) for {first.target.name!r}"
        if len(failed) > 1:
            message += f", and {len(failed) - 1} more"
        raise WriteError(  # programs look for the code at the beginning
            f"{message}; {len(left)} of {len(items)} items were not stored",
            error=first.error,
            description=first.description,
            failed=failed,
            responses=[self.responses[id(item)] for item in items if id(item) in self.responses],
        )

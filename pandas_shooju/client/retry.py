"""Which requests are sent again after a failure, when, and for how long.

Retries are bounded by a number of attempts and by time: the `deadline` covers one request with all its attempts, the
pauses between them, and the body of the response. It never covers a whole search, which is many requests.

A failure is *transient* if another attempt may help: a refused or broken connection, a damaged or incomplete body, and
the statuses 429, 502, 503 and 504. A read that timed out is not: the server may still be working on it. After some
failures the *outcome is unknown*: the server may have done what it was asked. Requests that would then be carried out
twice are not sent again; the error says how to find out what happened.
"""

from __future__ import annotations

import logging
import random
import re
import ssl
import threading
import time
from collections import deque
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import KW_ONLY, dataclass
from email.utils import parsedate_to_datetime
from traceback import walk_tb
from typing import Any

import requests
import urllib3.exceptions

from pandas_shooju.errors import AuthenticationError, ConnectionError, ShoojuError, ShoojuFormatError

#: another attempt may help after these
TRANSIENT_STATUSES = frozenset({429, 502, 503, 504})
#: seconds between two attempts at most, unless the server asks for more
LONGEST_PAUSE = 60.0
#: seconds to wait for a connection at most
CONNECT_TIMEOUT = 10.0
#: the window of `max_requests_per_minute` in seconds: a minute, and a second for delays on the way
_MINUTE = 61.0

#: what must not be sent twice after an unknown outcome, and how to find out about it
_NOT_REPEATABLE = {
    "/jobs": "the job may have been registered: look for its description in GET /jobs before you register it again",
    "/files": "the file may have been stored: look for its name in GET /files before you upload it again",
    "/files/multipart/init": "the upload may have been started; it is safe to start another one",
}

#: a connection that was refused or broke off, and a body that cannot be decompressed
_BROKEN = (
    requests.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    urllib3.exceptions.HTTPError,
)

logger = logging.getLogger("pandas_shooju")

#: set on threads whose requests may be abandoned, so that they are not tried again
abandoned: ContextVar[threading.Event | None] = ContextVar("abandoned", default=None)


class Abandoned(BaseException):
    """Nobody waits for this request any more."""


def sleep(seconds: float) -> None:
    """Wait before another attempt.

    Raises
    ------
    Abandoned
        The request was abandoned in the meantime.
    """
    event = abandoned.get()
    if event is None:
        time.sleep(seconds)
    elif event.wait(seconds):
        raise Abandoned


class Pace:
    """Keeps the requests of all threads below a number per minute.

    Parameters
    ----------
    per_minute
        How many requests may begin within a minute; None for any number.

    Examples
    --------
    >>> pace = Pace(2)
    >>> [pace.wait_for_turn() for _ in range(2)]
    [0.0, 0.0]
    """

    def __init__(self, per_minute: int | None) -> None:
        if per_minute is not None and (
            not isinstance(per_minute, int) or isinstance(per_minute, bool) or per_minute < 1
        ):
            raise ValueError(f"max_requests_per_minute must be a positive integer or None, got {per_minute!r}")
        self.per_minute = per_minute
        self._begins: deque[float] = deque(maxlen=per_minute or 0)
        self._lock = threading.Lock()

    def wait_for_turn(self) -> float:
        """Wait until another request may begin; the seconds waited."""
        if self.per_minute is None:
            return 0.0
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._begins[0] + _MINUTE) if len(self._begins) == self.per_minute else now
            self._begins.append(begin)
        if begin > now:
            sleep(begin - now)
        return begin - now


def clear_locals(error: BaseException) -> None:
    """Remove the local variables of `requests` and `urllib3` from the tracebacks of an error and of what led to it.

    They hold the headers of the request, and the key is in those.
    """
    seen: set[int] = set()
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            for frame, _ in walk_tb(link.__traceback__):
                if str(frame.f_globals.get("__name__")).partition(".")[0] in ("requests", "urllib3", "http"):
                    with suppress(RuntimeError):  # it has not ended
                        frame.clear()
            links += [link.__cause__, link.__context__]


class _RequestsError:
    """What the exceptions of `requests` have; no request is kept, since its headers contain the key."""

    request: Any = None
    response: Any = None


class BrokenConnection(_RequestsError, ConnectionError, requests.exceptions.ConnectionError):
    """The connection was refused, or it broke off."""


class ConnectTimeout(_RequestsError, ConnectionError, requests.exceptions.ConnectTimeout):
    """No connection was made in time."""


class ReadTimeout(_RequestsError, ConnectionError, requests.exceptions.ReadTimeout):
    """There was no response in time, or it was not complete in time."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long a request is tried.

    Attributes
    ----------
    retries : int
        The number of attempts, the first one included.
    delay : float
        Seconds before the second attempt; the pause doubles from attempt to attempt, up to 60 s.
    deadline : float
        Seconds for all attempts together.
    """

    retries: int = 3
    delay: float = 3.0
    deadline: float = 900.0

    def __post_init__(self) -> None:
        if not self.deadline > 0:
            raise ValueError(f"deadline must be a positive number of seconds, got {self.deadline!r}")
        if not self.delay >= 0:
            raise ValueError(f"retry_delay must be a non-negative number of seconds, got {self.delay!r}")

    def pause(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds to wait after that attempt: what the server asks for, or a growing pause with some jitter.

        Examples
        --------
        >>> policy = RetryPolicy(delay=1.0)
        >>> [round(policy.pause(attempt)) in range(2**attempt // 3, 2**attempt) for attempt in (2, 3, 4)]
        [True, True, True]
        >>> policy.pause(1, retry_after=120.0)
        120.0
        """
        if retry_after is not None:
            return retry_after
        return min(self.delay * 2.0 ** min(attempt - 1, 60), LONGEST_PAUSE) * random.uniform(0.75, 1.25)


@dataclass(eq=False)
class Failure(Exception):
    """An attempt that failed."""

    reason: str
    _: KW_ONLY
    #: whether another attempt may help
    transient: bool = False
    #: whether the server may have carried out the request
    unknown: bool = True
    #: the exception to raise if the request is not attempted again
    kind: type[ConnectionError | ShoojuFormatError] = ConnectionError
    #: the HTTP status
    status: int | None = None
    #: the pause in seconds that the server asks for
    retry_after: float | None = None

    @classmethod
    def of_exception(cls, error: Exception, timeout: float) -> Failure:
        """The failure behind an exception of `requests` or `urllib3`."""
        chain = _chain(error)

        def caused_by(*kinds: type[BaseException]) -> bool:
            return any(isinstance(link, kinds) for link in chain)

        refused = caused_by(urllib3.exceptions.NewConnectionError)  # some versions derive it from ConnectTimeoutError
        too_late = caused_by(urllib3.exceptions.ConnectTimeoutError) and not refused
        not_connected = refused or too_late
        if not not_connected and caused_by(requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError):
            return cls(f"no response within {timeout:g} s", kind=ReadTimeout)
        # the innermost one has the reason of the system; the outer ones quote the URL with its parameters
        innermost = chain[-1]
        reason = str(getattr(innermost, "strerror", None) or innermost).split("?")[0] or type(innermost).__name__
        reason = re.sub(r"://[^/\s]*@", "://", reason)  # a URL may contain credentials
        broken = isinstance(error, _BROKEN)
        kind = ConnectTimeout if too_late else BrokenConnection if broken else ConnectionError
        transient = broken and not caused_by(ssl.SSLCertVerificationError)
        return cls(reason, transient=transient, unknown=not not_connected, kind=kind)

    @classmethod
    def of_status(cls, response: requests.Response, said: str) -> Failure:
        """The failure behind an HTTP status other than 200; `said` is what the body says."""
        status = response.status_code
        reason = f"HTTP status {status}{f' {response.reason}' if response.reason else ''}{said}"
        if status in (401, 403):
            return cls(
                f"{reason}; check the user and the API key", unknown=False, kind=AuthenticationError, status=status
            )
        return cls(
            reason,
            transient=status in TRANSIENT_STATUSES,
            unknown=status != requests.codes.too_many_requests,
            status=status,
            retry_after=_seconds(response.headers.get("Retry-After")),
        )


class Attempts:
    """The attempts of one request.

    Parameters
    ----------
    policy
        How often and how long to try.
    method, path
        The request; they decide whether it may be repeated after an unknown outcome.
    rewindable
        Whether its body can be sent again at all.
    """

    def __init__(self, policy: RetryPolicy, method: str, path: str, rewindable: bool) -> None:
        self._policy = policy
        self._advice = _NOT_REPEATABLE.get(path.rstrip("/")) if method.lower() == "post" else None
        self._rewindable = rewindable
        self._began = time.monotonic()
        #: whether the server may have carried out the request in one of the attempts that failed
        self.unknown = False
        self.number = 1

    @property
    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self._began + self._policy.deadline - time.monotonic()

    def timeouts(self, timeout: float) -> tuple[float, float]:
        """The timeouts to connect and to read, in seconds."""
        read = max(min(timeout, self.remaining), 0.001)
        return min(CONNECT_TIMEOUT, read), read

    def extend(self, seconds: float) -> None:
        """Put the deadline off, by a pause that is not due to the server."""
        self._began += seconds

    def check_deadline(self) -> None:
        """Raise `Failure` after the deadline, while a body is being read."""
        if self.remaining < 0:
            raise Failure(
                f"the response was incomplete after {self._policy.deadline:g} s (the deadline)", kind=ReadTimeout
            )

    def next(self, failure: Failure, url: str) -> None:
        """Wait for the next attempt, or raise the error that the failure means."""
        self.unknown = self.unknown or failure.unknown
        repeatable = self._rewindable and not (failure.unknown and self._advice)
        pause = self._policy.pause(self.number, failure.retry_after)
        again = failure.transient and repeatable and self.number < self._policy.retries and pause < self.remaining
        if not again:
            raise self._error(failure, url) from None
        logger.warning("the request to %s failed (%s); next attempt in %.1f s", url, failure.reason, pause)
        sleep(pause)
        self.number += 1

    def _error(self, failure: Failure, url: str) -> ShoojuError:
        spent = self._policy.deadline - self.remaining
        attempts = f" after {self.number} attempts in {spent:.0f} s" if self.number > 1 else ""
        message = f"the request to {url} failed{attempts}: {failure.reason}"
        if failure.unknown and self._advice and failure.kind is not AuthenticationError:
            message += f"; {self._advice}"
        error: ShoojuError
        if issubclass(failure.kind, ShoojuFormatError):
            error = failure.kind(message)
        else:
            error = failure.kind(message, status=failure.status, url=url)
        error.outcome_unknown = self.unknown
        return error


def _seconds(retry_after: str | None) -> float | None:
    """The header ``Retry-After``, a number of seconds or a date, as seconds from now."""
    if retry_after is None:
        return None
    try:
        if retry_after.strip().isdecimal():
            return float(retry_after)
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _chain(error: BaseException) -> list[BaseException]:
    """An exception and its causes, outermost first."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain and len(chain) < 10:
        chain.append(link)
        inner = getattr(link, "reason", None) or next((a for a in link.args if isinstance(a, BaseException)), None)
        link = inner if isinstance(inner, BaseException) else link.__cause__
    return chain

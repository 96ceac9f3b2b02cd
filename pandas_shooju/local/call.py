"""`Call`: a request as an endpoint sees it, and `Scrolls`, what the app remembers between two requests."""

from __future__ import annotations

import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import werkzeug

from pandas_shooju.local import reading, wire
from pandas_shooju.local.budget import Budget
from pandas_shooju.local.errors import HttpError, check_keys, invalid
from pandas_shooju.local.forks import Lock
from pandas_shooju.local.parameters import NO_DIFFERENCE, OF_POINTS
from pandas_shooju.local.store.chunks import Int64
from pandas_shooju.local.store.database import Database
from pandas_shooju.local.writing import User

_integer = re.compile(r"[+-]?\d{1,18}$")
_YES = {"y": True, "yes": True, "true": True, "1": True, "n": False, "no": False, "false": False, "0": False, "": False}

#: the most scrolls, and series in all of them together, that are kept, and how long after their last use (seconds)
_MOST_SCROLLS, _MOST_SERIES, _LIFETIME = 1_000, 20_000_000, 3_600.0


@dataclass(slots=True)
class Scroll:
    """A search whose results are fetched page by page.

    The last page goes from `begin` to `end`; if it is asked for again, it begins there again.
    """

    ids: Int64
    request: reading.Request
    page: int
    #: the parameters of the search
    parameters: Mapping[str, str] = field(default_factory=dict)
    begin: int = 0
    end: int = 0
    used: float = 0.0
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """A Google token, and the credentials that signing in with it results in."""

    token: str = field(repr=False)
    user: str
    api_key: str = field(repr=False)


class Scrolls:
    """The scrolls in progress; the least recently used ones are dropped for new ones."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._scrolls: OrderedDict[str, Scroll] = OrderedDict()

    def add(self, scroll: Scroll) -> str:
        """Remember a scroll and return its id."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            scroll.used = time.monotonic()
            self._scrolls[name] = scroll
            held = sum(len(one.ids) for one in self._scrolls.values())
            while len(self._scrolls) > 1:
                oldest = next(iter(self._scrolls.values()))
                late = time.monotonic() - oldest.used > _LIFETIME
                if len(self._scrolls) <= _MOST_SCROLLS and held <= _MOST_SERIES and not late:
                    break
                held -= len(oldest.ids)
                self._scrolls.popitem(last=False)
        return name

    def repeated(self, parameters: Mapping[str, str]) -> list[str]:
        """The names of those parameters that are the same as in the search that a scroll continues."""
        with self._lock:
            scroll = self._scrolls.get(parameters["scroll_id"])
        known = {} if scroll is None else scroll.parameters
        return [name for name, value in parameters.items() if known.get(name) == value]

    def get(self, name: str) -> Scroll:
        """The scroll with this id.

        Raises
        ------
        ApiError
            There is none, or it has expired.
        """
        with self._lock:
            scroll = self._scrolls.get(name)
            if scroll is None:
                raise invalid(f"scroll_id {name[:100]!r} is unknown or has expired: search again")
            scroll.used = time.monotonic()
            self._scrolls.move_to_end(name)
        return scroll


class Call:
    """A request on its way to an endpoint.

    Attributes
    ----------
    user
        The user who calls.
    database, scrolls
        The store, and the searches in progress.
    accounts
        Google accounts by email address.
    parameters
        The URL parameters.
    plain_answer
        Set by an endpoint whose response has no form in SJTS.
    """

    def __init__(
        self,
        request: werkzeug.Request,
        user: User,
        database: Database,
        scrolls: Scrolls,
        accounts: Mapping[str, GoogleAccount],
        body_limit: int,
        budget: Budget,
    ) -> None:
        self.plain_answer = False
        self.request = request
        self.user = user
        self.database = database
        self.scrolls = scrolls
        self.accounts = accounts
        self.body_limit = body_limit
        self.parameters: Mapping[str, str] = request.args.to_dict()
        self._document: dict[str, Any] | None = None
        self._budget = budget
        self._taken = 0

    def close(self) -> None:
        """Give back the memory that the body takes."""
        self._document = None
        self._budget.give_back(self._taken)
        self._taken = 0

    def _take(self, amount: int) -> None:
        self._taken = self._budget.take(amount)

    @property
    def document(self) -> dict[str, Any]:
        """The object in the body."""
        # not a cached_property: in Python 3.11 it has one lock for all calls, which a fork would copy
        if self._document is None:
            self._document = wire.read_document(self.request, self.body_limit, self._take)
        return self._document

    def check(self, parameters: Collection[str], body: Collection[str] | None) -> None:
        """Refuse parameters, and keys of the body, that the endpoint would not look at.

        Raises
        ------
        ApiError
            ``invalid_parameters``, by name.
        """
        for name, values in self.request.args.lists():
            if name not in parameters and name not in NO_DIFFERENCE and name not in OF_POINTS:
                known = f"; the known parameters are {', '.join(sorted(parameters))}" if parameters else ""
                raise invalid(f"parameter {name[:100]!r} is not supported by {self.request.path[:200]}{known}")
            if len(values) > 1:
                raise invalid(f"parameter {name!r} must not be given more than once")
        if self.parameters.get("date_format") not in (None, "", "milli"):
            raise invalid(f"date_format must be milli, got {self.parameters['date_format']!r}")
        if self.request.method == "GET" and self.request.content_length:
            raise invalid(f"GET {self.request.path[:200]} does not take a body: write the parameters into the URL")
        if body is not None:
            check_keys(self.document, body, f"the body for {self.request.path[:200]}")

    def check_alone(self, *names: str) -> None:
        """Refuse parameters beside some that exclude all others.

        Raises
        ------
        ApiError
            ``invalid_parameters``, by name.
        """
        for name in self.parameters:
            if name not in names and name not in NO_DIFFERENCE:
                raise invalid(f"{name} cannot be combined with {names[0]}")

    @property
    def included(self) -> tuple[bool, bool]:
        """Whether points come with their jobs, and with the times at which they were written."""
        return self.yes_or_no("include_job"), self.yes_or_no("include_timestamp")

    def yes_or_no(self, name: str) -> bool:
        """A parameter that is yes or no; by default no."""
        return self.is_yes(name, self.parameters.get(name))

    def is_yes(self, name: str, given: Any) -> bool:
        """Whether a value, of a parameter or in a body, is yes or no; None is no."""
        try:
            return given is not None and _YES[str(given).lower()]
        except KeyError:
            raise invalid(f"{name} must be y or n, got {given!r}") from None

    def number(self, name: str, default: int, least: int = 0, most: int = 2**53) -> int:
        """A parameter that is an integer within bounds."""
        given = self.parameters.get(name)
        if given is None or given == "":
            return default
        if not _integer.match(given) or not least <= int(given) <= most:
            raise invalid(f"{name} must be an integer from {least} to {most}, got {given[:100]!r}")
        return int(given)

    @property
    def is_retry(self) -> bool:
        """Whether the caller has sent the same call before, and got no response."""
        return self.number("retry", 1) >= 2

    def boolean(self, name: str) -> bool:
        """True or false in the body's object; by default false."""
        given = self.document.get(name)
        if given is None or isinstance(given, bool):
            return bool(given)
        raise invalid(f"{name} must be true or false, got {given!r}")

    def text(self, name: str, default: str = "") -> str:
        """A text in the body's object."""
        given = self.document.get(name)
        if given is None:
            return default
        if not isinstance(given, str):
            raise invalid(f"{name} must be a text, got {given!r}")
        return given


def bad_request(description: str) -> HttpError:
    """The error for a request that is malformed."""
    return HttpError(400, "bad_request", description)

"""`Call`: what an endpoint gets to see of a request, and `Scrolls`, what the app remembers between two of them."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import werkzeug

from pandas_shooju.local import reading, wire
from pandas_shooju.local.errors import HttpError, invalid
from pandas_shooju.local.store.chunks import Int64
from pandas_shooju.local.store.database import Database
from pandas_shooju.local.writing import User

_YES = {"y": True, "yes": True, "true": True, "1": True, "n": False, "no": False, "false": False, "0": False, "": False}

#: scrolls kept at most, series in all of them, and for how long (seconds) after they were last used
_MOST_SCROLLS, _MOST_SERIES, _LIFETIME = 1_000, 20_000_000, 3_600.0


@dataclass(slots=True)
class Scroll:
    """A search whose results are fetched page by page.

    The page given last goes from `begin` to `end`; a page that is asked for again begins where it began.
    """

    ids: Int64
    request: reading.Request
    page: int
    begin: int = 0
    end: int = 0
    used: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """Who signs in by a Google token, and the credentials that come of it."""

    token: str = field(repr=False)
    user: str
    api_key: str = field(repr=False)


class Scrolls:
    """The scrolls that are under way; the ones used longest ago give way to new ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scrolls: OrderedDict[str, Scroll] = OrderedDict()

    def add(self, scroll: Scroll) -> str:
        """Remember a scroll; its id."""
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

    def get(self, name: str) -> Scroll:
        """The scroll with this id.

        Raises
        ------
        ApiError
            There is none, or no longer.
        """
        with self._lock:
            scroll = self._scrolls.get(name)
            if scroll is None:
                raise invalid(f"scroll_id {name[:100]!r} is not known, or has expired: search again")
            scroll.used = time.monotonic()
            self._scrolls.move_to_end(name)
        return scroll


class Call:
    """A request on its way to an endpoint.

    Attributes
    ----------
    user
        Who calls.
    database, scrolls
        The store, and the searches under way.
    accounts
        Google accounts by email address.
    parameters
        The URL parameters.
    """

    def __init__(
        self,
        request: werkzeug.Request,
        user: User,
        database: Database,
        scrolls: Scrolls,
        accounts: Mapping[str, GoogleAccount],
        body_limit: int,
    ) -> None:
        self.request = request
        self.user = user
        self.database = database
        self.scrolls = scrolls
        self.accounts = accounts
        self.body_limit = body_limit
        self.parameters: Mapping[str, str] = request.args.to_dict()

    @cached_property
    def document(self) -> dict[str, Any]:
        """What the body holds."""
        return wire.read_document(self.request, self.body_limit)

    def flag(self, name: str) -> bool:
        """A parameter that is yes or no; absent is no."""
        given = self.parameters.get(name, "")
        try:
            return _YES[given.lower()]
        except KeyError:
            raise invalid(f"{name} is {given!r}; it takes y or n") from None

    def number(self, name: str, default: int, least: int = 0, most: int = 2**53) -> int:
        """A parameter that is a whole number within bounds."""
        given = self.parameters.get(name)
        if given is None or given == "":
            return default
        try:
            number = int(given)
        except ValueError:
            raise invalid(f"{name} is {given[:100]!r}; it takes a number") from None
        if not least <= number <= most:
            raise invalid(f"{name} is {number}; it takes {least} to {most}")
        return number

    @property
    def again(self) -> bool:
        """Whether the caller has sent the same call before, and got no answer."""
        return self.number("retry", 1) >= 2

    def text(self, name: str, default: str = "") -> str:
        """A text in the body's object."""
        given = self.document.get(name)
        if given is None:
            return default
        if not isinstance(given, str):
            raise invalid(f"{name} is {given!r}, not a text")
        return given


def bad_request(description: str) -> HttpError:
    """The refusal of a request that is malformed as such."""
    return HttpError(400, "bad_request", description)

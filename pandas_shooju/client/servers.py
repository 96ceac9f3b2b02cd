"""Server names: the URL and the session that reach a server. The embedded Shooju is known here and nowhere else."""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from pandas_shooju.errors import ConfigurationError

#: where the embedded Shooju is mounted on a session; never a host on the network
EMBEDDED_URL = "http://embedded.localhost"

#: connections to one server that a session keeps open
POOL_SIZE = 16


def local_path(server: str) -> str | None:
    """The path of the store in the name of an embedded server, empty for the default store; None for other servers."""
    if server == "local":
        return ""
    return server.removeprefix("local:") if server.startswith("local:") else None


def is_new_store(server: str) -> bool:
    """Whether a server, by its `server_name`, is an embedded store that the first write will create."""
    path = local_path(server)
    return path is not None and not path.startswith(":memory:") and not Path(path).exists()


class _Session(requests.Session):
    """A session that looks up the proxies and certificates in the environment once for each server.

    `requests` does so for each request, which takes a sixth of the time of a short one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[Any, Any] = {}

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        if proxies:
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        key = (*urlsplit(url)[:2], stream, verify, cert)
        if key not in self._found:
            self._found[key] = super().merge_environment_settings(url, {}, stream, verify, cert)
        return self._found[key]


def open_server(
    server: str, session: requests.Session | None = None
) -> tuple[str, requests.Session, Callable[[], None]]:
    """The base URL of a server, a session that reaches it, and a function that closes both.

    A session that was passed in is used as it is and not closed.
    """
    path = local_path(server)
    url = EMBEDDED_URL if path is not None else server_url(server)
    closing = ExitStack()
    if session is None:
        session = _Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE))
        closing.callback(session.close)
    if path is not None:
        if EMBEDDED_URL in session.adapters:
            raise ConfigurationError("requests_session is in use by another embedded server; use a session for each")
        try:
            from pandas_shooju.local import open_app
            from pandas_shooju.local.adapter import WSGIAdapter
        except ImportError as error:
            if (error.name or "").startswith("pandas_shooju"):
                raise
            raise ConfigurationError(
                f"the embedded Shooju requires packages that are not installed ({error}): "
                'pip install "pandas-shooju[local]"'
            ) from None
        # a path may be mistyped: its store is created by the first write only
        app = open_app(path or None, create=not path)
        session.mount(EMBEDDED_URL, WSGIAdapter(app))
        closing.callback(app.close)
        if path and app.mirror is not None:
            _warn_of_age(app.path, app.mirror.state.get("refreshed_at"))
    return url, session, closing.close


def _warn_of_age(path: Path, refreshed_at: int | None) -> None:
    """Warn that a mirror, whose contents are as of a moment (milliseconds), is old."""
    days = 0 if refreshed_at is None else (time.time_ns() // 1_000_000 - refreshed_at) // 86_400_000
    if days >= 1:
        warnings.warn(
            f"{path} is a mirror that was last refreshed {days:,} day{'s' * (days > 1)} ago; "
            f"to bring it up to date: pandas_shooju.Mirror({str(path)!r}).refresh()",
            stacklevel=6,
        )


def server_name(server: str) -> str:
    """The name that identifies a server in the origin of a frame: a URL, or ``local:`` and the path of the store."""
    path = local_path(server)
    if path is None:
        return public_url(server_url(server))
    if path == ":memory:":
        return f"local::memory:{secrets.token_hex(4)}"  # each connection has a store of its own
    from pandas_shooju.local import default_path

    return f"local:{Path(path or default_path()).expanduser().absolute()}"


def shown_server(server: str) -> str:
    """The name of a server for people: as `server_name`, but the same for every store in memory.

    Examples
    --------
    >>> shown_server("alpha"), shown_server("local::memory:")
    ('https://alpha.shooju.com', 'local::memory:')
    """
    return server if local_path(server) == ":memory:" else server_name(server)


def job_page(server: str, job_id: int | None) -> str | None:
    """The URL of the page that shows a job to people; None if the server, by its `server_name`, is an embedded store.

    Examples
    --------
    >>> job_page("https://alpha.shooju.com", 17)
    'https://alpha.shooju.com/#jobs/17'
    """
    return None if job_id is None or local_path(server) is not None else f"{server}/#jobs/{job_id}"


def server_url(server: str) -> str:
    """The base URL of a server on the network; ``https://alpha.shooju.com`` for the account name ``alpha``."""
    if "://" in server:
        if not _is_server(server):
            # in what is not a URL, secrets cannot be told apart: show only what follows the credentials
            shown = public_url(server).rpartition("@")[2]
            raise ConfigurationError(
                f"server must be an http(s) URL of a host, optionally with a port and a path, got {shown!r}"
            )
        return server.rstrip("/")
    if not re.fullmatch(r"[\w-]+", server):
        raise ConfigurationError(
            f"server must be an account name or a URL, got {public_url(server)!r}; did you mean 'https://...'?"
        )
    return f"https://{server}.shooju.com"


def is_on_this_machine(server: str) -> bool:
    """Whether a URL names a loopback address.

    >>> is_on_this_machine("http://127.0.0.1:8000"), is_on_this_machine("http://127.0.0.1.example")
    (True, False)
    """
    return "://" in server and _is_loopback(server)


def _is_loopback(url: str) -> bool:
    """Whether the host of a URL can only mean this machine."""
    try:
        host = (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = not (parts.query or parts.fragment)
        return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # not a port, or an unclosed bracket
        return False


def same_server(url: str, other: str) -> bool:
    """Whether credentials for one URL may be sent to the other: the same host, and never less encryption."""
    try:
        one, two = urlsplit(url), urlsplit(other)
        upgrade = (one.scheme, one.port or 80, two.scheme, two.port or 443) == ("http", 80, "https", 443)
        return one.hostname == two.hostname and (upgrade or (one.scheme, one.port) == (two.scheme, two.port))
    except ValueError:
        return False


def is_exposed(url: str) -> bool:
    """Whether what is sent to a URL crosses a network without encryption.

    Examples
    --------
    >>> [is_exposed(url) for url in ("http://prices.example", "http://127.0.0.1:8000", "https://prices.example")]
    [True, False, False]
    """
    return urlsplit(url).scheme == "http" and not _is_loopback(url)


def public_url(url: str) -> str:
    """A URL without user, password, parameters and fragment, for messages."""
    return re.sub(r"^(\w+://)?[^/]*@", r"\1", re.split("[?#]", url, maxsplit=1)[0])

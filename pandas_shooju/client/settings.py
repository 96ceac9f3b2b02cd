"""Where the server and the credentials come from, and the options that hold for all connections.

`resolve` finds the settings (arguments, environment, profile); `open_server` makes of a server's name the base URL and
the session that reach it. The embedded Shooju is known here, and nowhere else in the client.
"""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from pandas_shooju.client.points import Serializer, shooju_point
from pandas_shooju.errors import ConfigurationError

#: where the embedded Shooju is mounted on a session; never a host on the network
EMBEDDED_URL = "http://embedded.localhost"

#: connections to one server that a session keeps open
POOL_SIZE = 16

_HOW_TO_CONFIGURE = """{missing} Say it in one of these ways (the first that is found holds):
  - arguments: Connection("alpha", "sam", api_key) with an account name or a URL, or email= and google_oauth_token=;
  - the environment: SHOOJU_SERVER, SHOOJU_USER and SHOOJU_API_KEY (or SHOOJU_EMAIL and SHOOJU_GOOGLE_OAUTH_TOKEN);
  - a profile: a table [default] with server, user and api_key in {path} (SHOOJU_PROFILE names another table).
Without an account, the embedded Shooju keeps series on this machine: the servers "local" (a store for this user),
"local:PATH" (a store in that file) and "local::memory:" (a store that is gone at the end) need no credentials."""

_FIELDS = ("server", "user", "api_key", "email", "google_oauth_token")


@dataclass(frozen=True)
class Settings:
    """A server and the credentials for it; secrets stay out of its repr.

    Attributes
    ----------
    server : str
        A URL, an account name, or ``local``, ``local:PATH``, ``local::memory:``.
    user, api_key : str or None
        The credentials of Shooju.
    email, google_oauth_token : str or None
        Those of a Google sign-in, which gives a user and a key; None where there are user and key.
    """

    server: str
    user: str | None = None
    api_key: str | None = field(default=None, repr=False)
    email: str | None = None
    google_oauth_token: str | None = field(default=None, repr=False)


def resolve(
    server: str | None = None,
    user: str | None = None,
    api_key: str | None = None,
    email: str | None = None,
    google_oauth_token: str | None = None,
) -> Settings:
    """The settings that hold: arguments before the environment, that before the profile.

    A user and key go before a Google sign-in found in the same or a later place. Credentials that stand beside a
    server (in the environment or the profile) are used for that server alone, so that no key goes to another.

    Raises
    ------
    ConfigurationError
        No server, or no complete credentials; the message says how to configure them.

    Examples
    --------
    >>> resolve("alpha", "sam", "secret")
    Settings(server='alpha', user='sam', email=None)
    """
    arguments = dict(zip(_FIELDS, (server, user, api_key, email, google_oauth_token), strict=True))
    environment = {name: os.environ.get(f"SHOOJU_{name.upper()}") or None for name in _FIELDS}
    places: list[dict[str, str | None]] = [arguments, environment, {**_profile()}]
    server = next(filter(None, (place.get("server") for place in places)), None)
    if not server:
        raise _not_configured("No Shooju server is configured.")
    if local_path(server) is not None:
        return Settings(server, arguments["user"] or environment["user"] or "local")
    found: dict[str, str | None] = {}
    for place in places:
        if place.get("server") not in (None, server):
            continue
        found = {name: found.get(name) or place.get(name) for name in _FIELDS}
        if found["user"] and found["api_key"]:
            return Settings(server, found["user"], found["api_key"])
        if found["email"] and found["google_oauth_token"]:
            return Settings(server, email=found["email"], google_oauth_token=found["google_oauth_token"])
    missing = "API key" if found["user"] else "user and API key"
    raise _not_configured(f"There is no {missing} for the Shooju server {server!r}.")


def _not_configured(missing: str) -> ConfigurationError:
    return ConfigurationError(_HOW_TO_CONFIGURE.format(missing=missing, path=_profiles_path() or "config.toml"))


def _profiles_path() -> Path | None:
    try:
        import platformdirs
    except ImportError:
        return None
    return Path(platformdirs.user_config_dir("pandas-shooju")) / "config.toml"


def _profile() -> dict[str, str]:
    """The table of the profiles' file that holds, empty if nobody asked for one and there is none."""
    asked = os.environ.get("SHOOJU_PROFILE")
    path = _profiles_path()
    if path is None:
        if asked:
            raise ConfigurationError(
                f"SHOOJU_PROFILE is {asked!r}, and finding the profiles' file needs the package platformdirs: "
                'pip install "pandas-shooju[local]"'
            )
        return {}
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        tables = {}
    except (OSError, ValueError) as error:
        # a parser's message may quote the file, and with it a key
        reason = error.strerror if isinstance(error, OSError) else "it is not TOML"
        raise ConfigurationError(f"the profiles in {path} cannot be read: {reason}") from None
    table = tables.get(asked or "default", None if asked else {})
    if not isinstance(table, dict):
        names = ", ".join(name for name, value in tables.items() if isinstance(value, dict)) or "none"
        raise ConfigurationError(f"there is no profile {asked!r} in {path} (there: {names})")
    for name, value in table.items():
        if name not in _FIELDS or not isinstance(value, str):
            raise ConfigurationError(
                f"{name!r} in the profile [{asked or 'default'}] of {path}: a profile holds text under the names "
                + ", ".join(_FIELDS)
            )
    return table


def local_path(server: str) -> str | None:
    """The store's path in the name of an embedded server, empty for the default store; None for other servers.

    Examples
    --------
    >>> local_path("local:data/prices.db"), local_path("local"), local_path("alpha")
    ('data/prices.db', '', None)
    """
    if server == "local":
        return ""
    return server.removeprefix("local:") if server.startswith("local:") else None


def open_server(
    server: str, session: requests.Session | None = None
) -> tuple[str, requests.Session, Callable[[], None]]:
    """The base URL of a server, a session that reaches it, and what closes both.

    A session that was given is used as it is, and not closed.
    """
    path = local_path(server)
    url = EMBEDDED_URL if path is not None else server_url(server)
    own = session is None
    if session is None:
        session = requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE))
    closing: list[Callable[[], None]] = [session.close] if own else []
    if path is not None:
        if EMBEDDED_URL in session.adapters:
            raise ConfigurationError("this requests_session is in use with another embedded server; give each its own")
        try:
            from pandas_shooju.local import open_app
            from pandas_shooju.local.adapter import WSGIAdapter
        except ImportError as error:
            if (error.name or "").startswith("pandas_shooju"):
                raise
            raise ConfigurationError(
                f'the embedded Shooju needs packages that are missing ({error}): pip install "pandas-shooju[local]"'
            ) from None
        app = open_app(path or None)
        session.mount(EMBEDDED_URL, WSGIAdapter(app))
        closing.append(app.close)

    def close() -> None:
        for step in closing:
            step()

    return url, session, close


def server_name(server: str) -> str:
    """The one name of a server, by which what was read from it is known: a URL, or ``local:`` and the store's path.

    Examples
    --------
    >>> server_name("alpha"), server_name("local:/data/prices.db")
    ('https://alpha.shooju.com', 'local:/data/prices.db')
    """
    path = local_path(server)
    if path is None:
        return without_secrets(server_url(server))
    if path == ":memory:":
        return f"local::memory:{secrets.token_hex(4)}"  # each connection has a store of its own
    from pandas_shooju.local import default_path

    return f"local:{Path(path or default_path()).expanduser().absolute()}"


def server_url(server: str) -> str:
    """The base URL of a server on the network.

    Examples
    --------
    >>> server_url("alpha"), server_url("http://127.0.0.1:8000/")
    ('https://alpha.shooju.com', 'http://127.0.0.1:8000')
    """
    if "://" in server:
        if not _is_server(server):
            # what is no URL cannot be parted into what is secret and what is not: only what follows the credentials
            shown = without_secrets(server).rpartition("@")[2]
            raise ConfigurationError(
                f"the server {shown!r} is not an http(s) URL of a host, with a port and a path where needed"
            )
        return server.rstrip("/")
    if not re.fullmatch(r"[\w-]+", server):
        raise ConfigurationError(
            f"the server {without_secrets(server)!r} is neither an account name nor a URL; did you mean 'https://...'?"
        )
    return f"https://{server}.shooju.com"


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = not (parts.query or parts.fragment)
        return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, or a bracket that stays open
        return False


def without_secrets(url: str) -> str:
    """A URL without user, password, parameters and fragment, for messages."""
    return re.sub(r"^(\w+://)?[^/]*@", r"\1", re.split("[?#]", url, maxsplit=1)[0])


class Options:
    """What holds for all connections of this process.

    Attributes
    ----------
    point_serializer : callable
        What makes points of a series, unless a call says otherwise; one of `points_serializers`, or your own.
    return_series_errors : bool
        Give a series that failed as ``{"error": ..., "description": ...}`` in its place, instead of raising.
    disable_sjts, disable_msgpack : bool
        Do not use that format; without SJTS series travel as msgpack, without either everything as JSON.

    Examples
    --------
    >>> from pandas_shooju.client import points as points_serializers
    >>> Options().point_serializer is points_serializers.shooju_point
    True
    """

    def __init__(self) -> None:
        self.return_series_errors = False
        self.disable_sjts = False
        self.disable_msgpack = False
        self._point_serializer: Serializer = shooju_point

    @property
    def point_serializer(self) -> Serializer:  # noqa: D102
        return self._point_serializer

    @point_serializer.setter
    def point_serializer(self, serializer: Serializer) -> None:
        if not callable(serializer):
            raise TypeError(f"a points serializer is a function; got {serializer!r}")
        self._point_serializer = serializer

    @property
    def plain_format(self) -> str:
        """The format of everything but series."""
        return "json" if self.disable_msgpack else "msgpack"

    @property
    def series_format(self) -> str:
        """The format of series, read and written."""
        return self.plain_format if self.disable_sjts else "sjts"

    def __repr__(self) -> str:
        names = ("point_serializer", "return_series_errors", "disable_sjts", "disable_msgpack")
        values: dict[str, Any] = {name: getattr(self, name) for name in names}
        values["point_serializer"] = getattr(self.point_serializer, "__name__", self.point_serializer)
        return f"Options({', '.join(f'{name}={value}' for name, value in values.items())})"


options = Options()

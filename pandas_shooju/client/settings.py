"""Where the server and the credentials come from: arguments, the environment, a profile."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pandas_shooju.client.servers import is_on_this_machine, local_path
from pandas_shooju.errors import ConfigurationError

_HOW_TO_CONFIGURE = """{missing} Set one of the following (the first one found is used):
  - arguments: Connection("alpha", "sam", api_key) with an account name or a URL, or email= and google_oauth_token=;
  - the environment: SHOOJU_SERVER, SHOOJU_USER and SHOOJU_API_KEY (or SHOOJU_EMAIL and SHOOJU_GOOGLE_OAUTH_TOKEN);
  - a profile: a table [default] with server, user and api_key in {path} (SHOOJU_PROFILE selects another table).
Without an account, use the embedded Shooju, which keeps series on this machine and needs no credentials. Its servers
are "local" (the store of this user), "local:PATH" (a store in that file) and "local::memory:" (a temporary store), or
the URL that `pandas-shooju serve` prints."""

#: for servers that let everyone on this machine in; the user is sent nevertheless, and owns the jobs
_NO_KEY = ""


@dataclass(frozen=True)
class Settings:
    """A server and the credentials for it; secrets stay out of its repr."""

    #: a URL, an account name, or ``local``, ``local:PATH``, ``local::memory:``
    server: str
    user: str | None = None
    api_key: str | None = field(default=None, repr=False)
    #: a Google account, which is exchanged for credentials; None if there are any
    email: str | None = None
    google_oauth_token: str | None = field(default=None, repr=False)


_FIELDS = tuple(one.name for one in fields(Settings))


def resolve(
    server: str | None = None,
    user: str | None = None,
    api_key: str | None = None,
    email: str | None = None,
    google_oauth_token: str | None = None,
) -> Settings:
    """The settings to use: arguments take precedence over the environment, and that over the profile.

    A user and a key take precedence over a Google account in the same or a later place. Credentials that are configured
    together with a server are used for that server only, so that no key is sent to another one.

    A server on this machine may be an embedded one that requires no key, so for its URL none has to be configured: the
    calls are made without a key, and if the server requires one, it says so.
    """
    arguments = dict(zip(_FIELDS, (server, user, api_key, email, google_oauth_token), strict=True))
    environment = {name: os.environ.get(f"SHOOJU_{name.upper()}") or None for name in _FIELDS}
    places: list[dict[str, str | None]] = [arguments, environment, {**_profile()}]
    server = next(filter(None, (place.get("server") for place in places)), None)
    if not server:
        raise _not_configured("No Shooju server is configured.")
    if local_path(server) is not None:
        return Settings(server, arguments["user"] or environment["user"] or "local", _NO_KEY)
    found: dict[str, str | None] = {}
    for place in places:
        if place.get("server") not in (None, server):
            continue
        found = {name: found.get(name) or place.get(name) for name in _FIELDS}
        if found["user"] and found["api_key"]:
            return Settings(server, found["user"], found["api_key"])
        if found["email"] and found["google_oauth_token"]:
            return Settings(server, email=found["email"], google_oauth_token=found["google_oauth_token"])
    if is_on_this_machine(server):
        return Settings(server, found["user"] or "local", _NO_KEY)
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
    """The profile to use; empty if there is none and SHOOJU_PROFILE is not set."""
    asked = os.environ.get("SHOOJU_PROFILE")
    path = _profiles_path()
    if path is None:
        if asked:
            raise ConfigurationError(
                f"SHOOJU_PROFILE is {asked!r}, but reading profiles requires the package platformdirs: "
                'pip install "pandas-shooju[local]"'
            )
        return {}
    tables: dict[str, Any] = {}
    try:
        text = path.read_text("utf-8")
        import tomllib  # here, because few have profiles, and importing it takes longer than a call

        tables = tomllib.loads(text)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        # the message of the parser may quote the file, and a key in it
        reason = error.strerror if isinstance(error, OSError) else "not TOML"
        raise ConfigurationError(f"the profiles in {path} cannot be read: {reason}") from None
    table = tables.get(asked or "default", None if asked else {})
    if not isinstance(table, dict):
        names = ", ".join(name for name, value in tables.items() if isinstance(value, dict)) or "none"
        raise ConfigurationError(f"SHOOJU_PROFILE must be a profile in {path} (available: {names}), got {asked!r}")
    for name, value in table.items():
        if name not in _FIELDS or not isinstance(value, str):
            raise ConfigurationError(
                f"the profile [{asked or 'default'}] in {path} can contain the strings {', '.join(_FIELDS)}; "
                f"remove or correct {name!r}"
            )
    return table

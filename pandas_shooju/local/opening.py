"""Opening an embedded Shooju: which file it is in, and whether this process has it open already."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pandas_shooju.local.app import BODY_LIMIT, App, Options
from pandas_shooju.local.forks import Lock

_opened: dict[Path, App] = {}
_lock = Lock()


def open_app(
    path: str | os.PathLike[str] | None = None,
    *,
    credentials: Mapping[str, str] | None = None,
    administrators: Iterable[str] | None = None,
    google: Mapping[str, tuple[str, str]] | None = None,
    body_limit: int = BODY_LIMIT,
    create: bool = True,
) -> App:
    r"""Open an embedded Shooju.

    Parameters
    ----------
    path
        The store's file; None for the default store in the platform's data folder;
        ``":memory:"`` for a fresh store that is deleted when the app is closed.
    credentials
        API keys by user name, one of which every call must have. Without any, every caller is an administrator, under
        the user name of the call, or ``local``.
    administrators
        The users who can write everywhere; all others can only write under ``users\<name>``. None: all users.
    google
        By email address, the token that signs in and its user, in place of Google's sign-in.
    body_limit
        The largest body of a request that is accepted (bytes); 1 GiB by default.
    create
        Create the file if it does not exist; otherwise, it is created by the first write, and until then reading is an
        error.

    Returns
    -------
    App
        A WSGI application with `close` and `path`. For a file that this process has open already (without credentials)
        it is the same app, which closes when everyone who opened it has closed it.

    Raises
    ------
    StoreError
        The file is not a store.

    Examples
    --------
    >>> app = open_app(":memory:")
    >>> app.close()
    """
    options = Options(credentials, administrators, google, body_limit)
    if path is not None and os.fspath(path) == ":memory:":
        return App(None, options)
    where = (default_path() if path is None else Path(path).expanduser()).resolve()
    if options != Options():
        return App(where, options, create=create)
    with _lock:
        known = _opened.get(where)
        again = known.opened_again() if known is not None else None
        if again is not None:
            if create:
                again.create()
            return again
        app = App(where, Options(), on_close=lambda: _forget(where, app), create=create)
        _opened[where] = app
        return app


def default_path() -> Path:
    """The path of the default store, in the platform's data folder."""
    try:
        from platformdirs import user_data_path
    except ImportError as error:  # pragma: no cover
        raise ImportError('the default store needs platformdirs: pip install "pandas-shooju[local]"') from error
    return user_data_path("pandas-shooju", appauthor=False) / "local.shooju.sqlite"


def _forget(where: Path, app: App) -> None:
    if _opened.get(where) is app:
        del _opened[where]

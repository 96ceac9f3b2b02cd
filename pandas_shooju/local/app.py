"""`App`: the embedded Shooju as a WSGI application.

Who may call it, and how the result (or error) of an endpoint becomes a response. Every response, good or bad, has
``success``; nothing that a caller sends leads to a status of 500. The addresses are in `endpoints.routes`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

try:
    from werkzeug.exceptions import HTTPException
    from werkzeug.wrappers import Request, Response
except ImportError as error:  # pragma: no cover
    raise ImportError('the embedded Shooju needs werkzeug: pip install "pandas-shooju[local]"') from error

from pandas_shooju.formats import ShoojuFormatError
from pandas_shooju.local import wire
from pandas_shooju.local.budget import Budget
from pandas_shooju.local.call import Call, GoogleAccount, Scrolls
from pandas_shooju.local.endpoints import routes
from pandas_shooju.local.errors import (
    ApiError,
    HttpError,
    StoreCorrupt,
    StoreError,
    StoreLost,
    StoreMissing,
    unauthorized,
)
from pandas_shooju.local.forks import Lock
from pandas_shooju.local.store import mirrors
from pandas_shooju.local.store.database import Database
from pandas_shooju.local.store.mirrors import Mirror
from pandas_shooju.local.wire import ANONYMOUS
from pandas_shooju.local.writing import User

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger("pandas_shooju.local")

#: the largest body of a request by default: 1 GiB
BODY_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class Options:
    """Who may call an app, and how large a request may be."""

    #: API keys by user name, one of which every call must have; None lets everyone in, as an administrator
    credentials: Mapping[str, str] | None = field(default=None, repr=False)
    #: of the users with credentials, those who can write everywhere; None for all of them
    administrators: Iterable[str] | None = None
    #: by email address, the token that signs in and its user
    google: Mapping[str, tuple[str, str]] | None = field(default=None, repr=False)
    #: the largest body of a request (bytes)
    body_limit: int = BODY_LIMIT


class App:
    """The embedded Shooju, over one store.

    Parameters
    ----------
    path
        The store's SQLite file; None for one that lives as long as the app.
    options
        Who may call it.
    on_close
        Called once, when the app is closed for the last time.
    create
        Create a store that does not exist now; otherwise when it is first written to.
    """

    def __init__(
        self,
        path: Path | None,
        options: Options,
        on_close: Callable[[], None] | None = None,
        create: bool = True,
    ) -> None:
        self._database = Database(path, create)
        self._options = options
        keys = options.credentials or {}
        self._accounts = {
            email: GoogleAccount(token, user, keys.get(user, ANONYMOUS))
            for email, (token, user) in (options.google or {}).items()
        }
        self._administrators = None if options.administrators is None else frozenset(options.administrators)
        self._scrolls = Scrolls()
        self._budget = Budget()
        self._on_close = on_close
        self._users = 1
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<App of {os.fspath(self.path)}>"

    @property
    def path(self) -> Path:
        """Where the store is."""
        return self._database.path

    @property
    def mirror(self) -> Mirror | None:
        """What the store is a mirror of; None for other stores, and for one that does not exist."""
        if not self.path.exists():
            return None
        with self._database.reading(mirror=True) as db:
            return mirrors.get(db)

    def create(self) -> None:
        """Create the store if it does not exist."""
        self._database.create()

    def opened_again(self) -> App | None:
        """The same app for another user, who must close it as well; None if it is closed already."""
        with self._lock:
            if self._users <= 0:
                return None
            self._users += 1
            return self

    def close(self) -> None:
        """Close the store, once everyone who opened the app has closed it."""
        with self._lock:
            self._users -= 1
            if self._users != 0:
                return
            if self._on_close is not None:
                self._on_close()
        self._database.close()

    def __enter__(self) -> App:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        try:
            # infinite values are values like any others
            with np.errstate(all="ignore"):
                response = self._respond(request)
        except HttpError as error:
            response = wire.error_response(error)
        except (sqlite3.DatabaseError, StoreError, OSError) as error:
            if not isinstance(error, StoreMissing):  # a mistyped path, which the response names
                logger.error("%s %s: %s", request.method, request.path, error)
            response = wire.error_response(self._unavailable(error))
        except Exception:
            # a defect of ours, with the details in the log and not in the response
            logger.exception("%s %s failed", request.method, request.path)
            response = wire.error_response(
                HttpError(500, "internal_error", "a defect in the embedded Shooju; its log says more")
            )
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        route, values = routes.match(request)
        answer_format = wire.check_answer_format(request)
        try:
            user = self._user(request, public=route.public)
            limit = self._options.body_limit
            call = Call(request, user, self._database, self._scrolls, self._accounts, limit, self._budget)
            try:
                call.check(route.parameters, route.body)
                answer = route.endpoint(call, **values)
            finally:
                call.close()
            if isinstance(answer, Response):
                return answer
            if call.plain_answer and answer_format == "sjts":
                answer_format = "json"
            return wire.response({"success": True, **answer}, answer_format)
        except ApiError as error:
            return wire.response({"success": False, **error.as_item()}, answer_format)
        except ShoojuFormatError as error:
            description = f"the response cannot be written as {answer_format}: {error}"
            return wire.response(
                {"success": False, "error": "invalid_parameters", "description": description}, answer_format
            )
        except HTTPException as error:
            raise HttpError(error.code or 400, "bad_request", error.description or error.name) from None
        except RecursionError:
            raise HttpError(400, "bad_request", "the body is nested too deeply") from None
        except MemoryError:
            raise HttpError(413, "too_large", "the call takes more memory than there is") from None

    def _unavailable(self, error: Exception) -> HttpError:
        """The store cannot be used, and this is not the caller's fault."""
        if isinstance(error, StoreMissing):
            return HttpError(404, "store_not_found", str(error))
        if isinstance(error, StoreLost):
            return HttpError(409, "store_unavailable", str(error))
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            error = StoreCorrupt(str(error))
        if isinstance(error, StoreCorrupt):
            description = f"the store {self.path} is damaged: {error}; run 'pandas-shooju store check {self.path}'"
            return HttpError(503, "store_corrupt", description)
        # another process keeps writing, the disk is full, the store is closed
        return HttpError(503, "store_unavailable", f"the store {self.path} cannot be used: {error}")

    def _user(self, request: Request, public: bool) -> User:
        name = wire.user_of(request, self._options.credentials)
        if name is None:
            if not public:
                raise unauthorized("this server requires a user and an API key")
            return User("", administrator=False)
        return User(name, self._administrators is None or name in self._administrators)

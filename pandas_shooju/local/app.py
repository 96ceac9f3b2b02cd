"""`App`: the embedded Shooju as a WSGI application.

Which address is whose, who may call it, and how what an endpoint gives (or raises) becomes a response. Every
answer, good or bad, has ``success``; nothing that a caller sends leads to a status of 500.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
    from werkzeug.routing import Map, Rule
    from werkzeug.wrappers import Request, Response
except ImportError as error:  # pragma: no cover
    raise ImportError('the embedded Shooju needs werkzeug: pip install "pandas-shooju[local]"') from error

from pandas_shooju.formats import ShoojuFormatError
from pandas_shooju.local import wire
from pandas_shooju.local.call import Call, GoogleAccount, Scrolls
from pandas_shooju.local.endpoints import files, jobs, series, service, writes
from pandas_shooju.local.errors import ApiError, HttpError, StoreError
from pandas_shooju.local.store.database import Database
from pandas_shooju.local.wire import ANONYMOUS
from pandas_shooju.local.writing import User

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger("pandas_shooju.local")

Endpoint = Callable[..., dict[str, Any] | Response]

_BASE = "/api/1"
_ADDRESSES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/series", series.search),
    ("POST", "/series", series.many),
    ("GET", "/series/reported_dates", series.reported_dates),
    ("POST", "/series/write", writes.write),
    ("DELETE", "/series/delete", writes.delete),
    ("POST", "/series/refresh", writes.always_fresh),
    ("DELETE", "/series/cache", writes.always_fresh),
    ("GET", "/jobs", jobs.listed),
    ("POST", "/jobs", jobs.register),
    ("GET", "/jobs/<int:job>", jobs.show),
    ("POST", "/jobs/<int:job>/finish", jobs.finish),
    ("GET", "/files", files.listed),
    ("POST", "/files", files.upload),
    ("GET", "/files/<file>", files.show),
    ("GET", "/files/<file>/download", files.download),
    ("POST", "/files/multipart/init", files.begin),
    ("POST", "/files/multipart/upload", files.upload_part),
    ("POST", "/files/multipart/complete", files.complete),
    ("POST", "/auth/googleoauth", service.sign_in),
    ("GET", "/auth/google_refresh_token", service.sign_in_link),
    ("POST", "/auth/google_refresh_token", service.refresh_token),
    ("GET", "/status/ping", service.status),
    ("GET", "/status/green", service.status),
)
#: what may be called without credentials
_PUBLIC = {service.status, service.sign_in, service.sign_in_link, service.refresh_token}

_map = Map(
    [Rule(_BASE + path, methods=[method], endpoint=endpoint) for method, path, endpoint in _ADDRESSES],
    strict_slashes=False,
)

#: the largest body of a request, unless told otherwise: 1 GiB
BODY_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class Options:
    """Whom an app lets in, and how much it takes at once."""

    #: API keys by user name, which every call must have; None lets anyone in, as an administrator
    credentials: Mapping[str, str] | None = field(default=None, repr=False)
    #: the users who may write everywhere, of those with credentials; None is all of them
    administrators: Iterable[str] | None = None
    #: by email address, the token that signs in and the user that it is for
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
        Whom it lets in.
    on_close
        Called once, when the app is closed for the last time.
    """

    def __init__(self, path: Path | None, options: Options, on_close: Callable[[], None] | None = None) -> None:
        self._database = Database(path)
        self._options = options
        keys = options.credentials or {}
        self._accounts = {
            email: GoogleAccount(token, user, keys.get(user, ANONYMOUS))
            for email, (token, user) in (options.google or {}).items()
        }
        self._administrators = None if options.administrators is None else frozenset(options.administrators)
        self._scrolls = Scrolls()
        self._on_close = on_close
        self._users = 1
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<App of {os.fspath(self.path)}>"

    @property
    def path(self) -> Path:
        """Where the store is."""
        return self._database.path

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
            response = self._respond(request)
        except HttpError as error:
            response = wire.error_response(error)
        except (sqlite3.OperationalError, StoreError, OSError) as error:
            # another process writes for long, the disk is full, the store is closed: not the caller's doing
            logger.error("%s %s: %s", request.method, request.path, error)
            response = wire.error_response(HttpError(503, "store_unavailable", f"the store cannot be used: {error}"))
        except Exception:
            # a defect of ours, which the log tells in full and the answer does not
            logger.exception("%s %s failed", request.method, request.path)
            response = wire.error_response(
                HttpError(500, "internal_error", "a defect in the embedded Shooju; its log says more")
            )
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        endpoint, values = _route(request)
        user = self._user(request, public=endpoint in _PUBLIC)
        answer_format = wire.check_answer_format(request)
        call = Call(request, user, self._database, self._scrolls, self._accounts, self._options.body_limit)
        try:
            answer = endpoint(call, **values)
            if isinstance(answer, Response):
                return answer
            return wire.response({"success": True, **answer}, answer_format)
        except ApiError as error:
            return wire.response({"success": False, **error.as_item()}, answer_format)
        except ShoojuFormatError as error:
            description = f"the answer cannot be told in {answer_format}: {error}"
            return wire.response(
                {"success": False, "error": "invalid_parameters", "description": description}, answer_format
            )
        except HTTPException as error:
            raise HttpError(error.code or 400, "bad_request", error.description or error.name) from None
        except RecursionError:
            raise HttpError(400, "bad_request", "what the body holds is nested too deep") from None

    def _user(self, request: Request, public: bool) -> User:
        name = wire.user_of(request, self._options.credentials)
        if name is None:
            if not public:
                raise HttpError(401, "unauthorized", "this server asks for a user and an API key")
            return User("", administrator=False)
        return User(name, self._administrators is None or name in self._administrators)


def _route(request: Request) -> tuple[Endpoint, dict[str, Any]]:
    try:
        return _map.bind_to_environ(request.environ).match()  # type: ignore[return-value]
    except MethodNotAllowed as error:
        known = ", ".join(error.valid_methods or ())
        raise HttpError(405, "method_not_allowed", f"{request.path[:200]} takes {known}") from None
    except NotFound:
        raise HttpError(404, "not_found", f"there is no {request.method} {request.path[:200]}") from None
    except HTTPException as error:
        raise HttpError(error.code or 400, "bad_request", str(error)) from None

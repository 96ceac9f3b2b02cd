"""Serving the embedded Shooju on a port: `serve` for a separate process, `start` for tests and notebooks."""

from __future__ import annotations

import contextlib
import gzip
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas_shooju.local.app import App
    from pandas_shooju.local.http_server import Server

WSGI = Callable[..., Iterable[bytes]]

#: how many requests are processed at once, by default
_THREADS = 10
#: smaller responses than this (bytes) are not compressed
_WORTH_IT = 1000


@dataclass(frozen=True, slots=True)
class Served:
    """An embedded Shooju that is listening on a port."""

    #: such as ``http://127.0.0.1:40123``
    url: str
    user: str
    api_key: str = field(repr=False)
    app: App


@contextlib.contextmanager
def start(
    path: str | os.PathLike[str] | None = ":memory:",
    user: str | None = None,
    api_key: str | None = None,
    *,
    google: Mapping[str, tuple[str, str]] | None = None,
) -> Iterator[Served]:
    """Serve an embedded Shooju on a loopback port, in a thread, during a ``with`` block.

    Parameters
    ----------
    path
        The store, as for `pandas_shooju.local.open_app`; in memory by default.
    user, api_key
        The credentials that calls must have; without them, any credentials are accepted.
    google
        In place of the sign-in by Google, as for `open_app`.

    Yields
    ------
    Served
        Its URL, and the credentials to call it with.

    Examples
    --------
    >>> import requests
    >>> with start() as served:
    ...     requests.get(served.url + "/api/1/status/ping", auth=(served.user, served.api_key)).json()
    {'success': True}
    """
    with contextlib.closing(_app(path, user, api_key, google)) as app:
        server = _server(app, "127.0.0.1", 0)
        thread = threading.Thread(target=server.run, name="shooju", daemon=True)
        thread.start()
        try:
            yield Served(server.url, user or "local", api_key or "local", app)
        finally:
            server.stop()
            thread.join()
            server.close()


def serve(
    path: str | os.PathLike[str] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    user: str | None = None,
    api_key: str | None = None,
    *,
    threads: int = _THREADS,
    log_access: bool = False,
    compress: bool = False,
) -> None:
    """Serve an embedded Shooju until the process is asked to stop.

    Prints ``listening on http://HOST:PORT`` once it accepts connections, and then a line that says how to connect. On
    SIGTERM and SIGINT, calls in progress are finished first.

    Parameters
    ----------
    path
        The store, as for `pandas_shooju.local.open_app`.
    host
        The address to listen on. Any address but a loopback one requires `user` and `api_key`.
    port
        The port; 0 for any free one.
    user, api_key
        The credentials that calls must have. Without them, anyone on this machine is an administrator.
    threads
        How many calls are processed at once.
    log_access
        Write a line for each call to standard error.
    compress
        Use gzip responses for clients that accept it: for slow networks; on one machine it only costs time.

    Raises
    ------
    ValueError
        The store would be open to the network, or only one of `user` and `api_key` is given.
    OSError
        The address cannot be listened on.
    """
    from pandas_shooju.local.wire import is_loopback

    if not (user and api_key) and not is_loopback(host):
        raise ValueError(
            f"serving on {host} opens the store to the network: it requires a user and an API key (or use 127.0.0.1)"
        )
    with contextlib.closing(_app(path, user, api_key)) as app:
        wrapped: WSGI = compressing(app) if compress else app
        server = _server(_logged(wrapped) if log_access else wrapped, host, port, threads)
        main = threading.current_thread() is threading.main_thread()
        signals = (signal.SIGTERM, signal.SIGINT) if main else ()
        before = {number: signal.signal(number, lambda *_: server.stop()) for number in signals}
        try:
            print(f"listening on {server.url}\n{_how_to_connect(server.url, user)}", flush=True)
            server.run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            server.close()


def _how_to_connect(url: str, user: str | None) -> str:
    if user is None:
        return f'connect with sj.Connection("{url}"), or on the command line with --server {url}'
    return (
        f'connect with sj.Connection("{url}", "{user}", api_key), or on the command line with --server {url} '
        f"--user {user} and the key in SHOOJU_API_KEY"
    )


def _app(
    path: str | os.PathLike[str] | None,
    user: str | None,
    api_key: str | None,
    google: Mapping[str, tuple[str, str]] | None = None,
) -> App:
    from pandas_shooju.local.opening import open_app

    if bool(user) != bool(api_key):
        raise ValueError("user and api_key go together: both, or neither")
    return open_app(path, credentials={user: api_key} if user and api_key else None, google=google)


def _server(app: WSGI, host: str, port: int, threads: int = _THREADS) -> Server:
    from pandas_shooju.local.app import BODY_LIMIT
    from pandas_shooju.local.http_server import Server

    return Server(app, host, port, threads, BODY_LIMIT)


def _logged(app: WSGI) -> WSGI:
    """The app, with a line on standard error for each call."""

    def logged(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began = time.perf_counter()
        seen: list[str] = []

        def noting(status: str, headers: Any, exc_info: Any = None) -> Any:
            seen.append(status)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        answer = app(environ, noting)
        took = (time.perf_counter() - began) * 1000
        line = f"{environ.get('REMOTE_ADDR', '-')} {environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        print(f"{line} {seen[0][:3] if seen else '-'} {took:.1f} ms", file=sys.stderr, flush=True)
        return answer

    return logged


def compressing(app: WSGI) -> WSGI:
    """The app, with gzip responses for clients that accept it; files are sent as they are."""
    from werkzeug.datastructures import Accept
    from werkzeug.http import parse_accept_header

    def compressed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # "gzip;q=0" means no
        if not parse_accept_header(environ.get("HTTP_ACCEPT_ENCODING"), Accept).quality("gzip"):
            return app(environ, start_response)
        given: list[Any] = []

        def noting(*arguments: Any) -> None:
            given[:] = arguments

        answer = app(environ, noting)
        status, headers, *rest = given
        names = {name.lower(): value for name, value in headers}
        if "content-disposition" in names or int(names.get("content-length", 0)) < _WORTH_IT:
            start_response(status, headers, *rest)
            return answer
        body = gzip.compress(b"".join(answer), compresslevel=1)
        if hasattr(answer, "close"):
            answer.close()
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        headers += [("Content-Length", str(len(body))), ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        start_response(status, headers, *rest)
        return [body]

    return compressed

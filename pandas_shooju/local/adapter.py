"""`WSGIAdapter`: a transport for `requests` that calls a WSGI app in the same process.

A session cannot tell the difference: the response is a `requests.Response` that can be streamed, and the app receives
everything that `requests` prepared (multipart bodies, authentication, parameters) unchanged.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict, HTTPResponse


class WSGIAdapter(BaseAdapter):
    """Send requests to a WSGI app in this process.

    Parameters
    ----------
    app
        The app.

    Examples
    --------
    >>> import requests
    >>> from pandas_shooju.local import open_app
    >>> from pandas_shooju.local.adapter import WSGIAdapter
    >>> app = open_app(":memory:")
    >>> session = requests.Session()
    >>> session.mount("http://embedded.localhost", WSGIAdapter(app))
    >>> session.get("http://embedded.localhost/api/1/status/ping").json()
    {'success': True}
    >>> app.close()
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        super().__init__()
        self.app = app

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Call the app; timeouts, certificates and proxies have no effect."""
        began = time.perf_counter()
        status: list[tuple[str, list[tuple[str, str]]]] = []
        early: list[bytes] = []

        def start_response(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
            if exc_info is not None and not status:
                raise exc_info[1]
            status[:] = [(line, headers)]
            return early.append

        chunks = self.app(_environ(request), start_response)
        parts = iter(chunks)
        # an app may call start_response as late as with its first piece
        first = next(parts, b"")
        line, headers = status[0]
        code, _, reason = line.partition(" ")

        response = requests.Response()
        response.status_code = int(code)
        response.reason = reason
        response.headers = CaseInsensitiveDict(_joined(headers))
        response.encoding = get_encoding_from_headers(response.headers)
        response.url = request.url or ""
        response.request = request
        response.connection = self  # type: ignore[assignment]
        raw = HTTPResponse(
            body=_Body(b"".join([*early, first]), parts, getattr(chunks, "close", None)),
            headers=HTTPHeaderDict(headers),
            status=response.status_code,
            reason=reason,
            preload_content=False,
            request_method=request.method,
        )
        response.raw = raw
        extract_cookies_to_jar(response.cookies, request, raw)  # type: ignore[no-untyped-call]
        if not stream:
            # requests would do this next, in pieces of 10 kB, which takes half of the time of large responses
            response._content = raw.read(decode_content=True)
            response._content_consumed = True  # type: ignore[attr-defined]
        response.elapsed = timedelta(seconds=time.perf_counter() - began)
        return response

    def close(self) -> None:
        """Do nothing: the app is closed by its owner."""


class _Body(io.RawIOBase):
    """The body of a response, from the pieces that the app yields."""

    def __init__(self, first: bytes, rest: Iterator[bytes], on_close: Callable[[], None] | None) -> None:
        self._held, self._at = first, 0
        self._rest = rest
        self._on_close = on_close

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            pieces = [self._held[self._at :], *self._rest]
            self._held, self._at = b"", 0
            self.close()
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        while self._at >= len(self._held):
            piece = next(self._rest, None)
            if piece is None:
                self.close()
                return b""
            self._held, self._at = piece, 0
        taken = self._held[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def read1(self, size: int = -1) -> bytes:
        return self.read(size)

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self._on_close is not None:
                self._on_close()


def _environ(request: requests.PreparedRequest) -> dict[str, Any]:
    url = urlsplit(request.url or "")
    body = _bytes(request.body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method or "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname or "localhost",
        "SERVER_PORT": str(url.port or (443 if url.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        if key == "CONTENT_TYPE":
            environ["CONTENT_TYPE"] = text
        elif key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
            environ[f"HTTP_{key}"] = text
    environ.setdefault("HTTP_HOST", url.netloc)
    return environ


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if hasattr(body, "read"):
        data = body.read()
        return data.encode() if isinstance(data, str) else data
    return b"".join(piece.encode() if isinstance(piece, str) else piece for piece in body)


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    return dict(HTTPHeaderDict(headers).items())

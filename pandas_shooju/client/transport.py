"""HTTP: one call of the API, with its authentication, hosts, retries, hooks and formats.

What the calls mean is not known here; what becomes of an answer, or of none, is told in
:mod:`pandas_shooju.client.answers`. Documents that are sent and answered are in the form of
:mod:`pandas_shooju.formats`.

The loop over attempts is written out, as one attempt differs from the next in its URL: the next host, and ``retry=N``.
"""

from __future__ import annotations

import base64
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle
from typing import Any, BinaryIO, TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit

import requests

from pandas_shooju import formats
from pandas_shooju.client.answers import Failure, check, decode
from pandas_shooju.client.settings import open_server, options, without_secrets

__all__ = ["BaseHook", "Client", "Request", "Response"]

DEFAULT_TIMEOUT = 600.0
DEFAULT_RETRIES = 3
DEFAULT_RETRY_DELAY = 3.0

_READ_SIZE = 1 << 20

_T = TypeVar("_T")

logger = logging.getLogger("pandas_shooju")

try:
    VERSION = version("pandas-shooju")
except PackageNotFoundError:  # run from its source tree
    VERSION = "0"


@dataclass
class Request:
    """A request about to be sent, for hooks to change.

    Attributes
    ----------
    method : str
        ``get``, ``post`` or ``delete``.
    url : str
        With scheme, host and path, without parameters.
    params : dict
        The URL's parameters.
    headers : dict
        HTTP headers, apart from those of authentication and formats.
    data : dict, bytes, str or None
        A body to be URL-encoded, or the form values beside files.
    data_raw : bytes, str, file or None
        A body to be sent as it is.
    data_json : object or None
        A document to be sent in the format of the call.
    """

    method: str
    url: str
    params: dict[str, Any]
    headers: dict[str, str]
    data: Any = None
    data_raw: Any = None
    data_json: Any = None


@dataclass
class Response:
    """An answer of status 200, for hooks to change.

    Attributes
    ----------
    content : bytes
        The body; empty for one that is streamed to a file.
    headers : mapping
        HTTP headers.
    status_code : int
        The HTTP status.
    json : object or None
        The document that the body holds; None for a binary answer.
    """

    content: bytes
    headers: Mapping[str, str]
    status_code: int
    json: Any = None


class BaseHook:
    """What may change every request before it is sent, and every answer before it is used.

    Examples
    --------
    >>> class Tag(BaseHook):
    ...     def before_request(self, request):
    ...         request.params["tag"] = "nightly"
    ...         return request
    """

    def before_request(self, request: Request) -> Request:
        """The request to send; called before every attempt."""
        return request

    def after_request(self, response: Response) -> Response:
        """The answer to use."""
        return response


class CallOptions(TypedDict, total=False):
    """The arguments of a call, all optional; :meth:`Client.call` tells of each."""

    params: Mapping[str, Any] | None
    data_json: Any
    data: Any
    data_raw: Any
    files: Any
    binary_response: bool
    into: BinaryIO | None
    ignore_exceptions: bool
    timeout: float | None
    send_format: str | None
    receive_format: str | None


@dataclass(frozen=True)
class Answer:
    """What a call gave, and after how many attempts."""

    document: Any
    response: requests.Response
    attempts: int


class Client:
    r"""The raw client: any endpoint of the API, with GET, POST and DELETE.

    Parameters
    ----------
    server
        A URL, an account name, or an embedded server (``local``, ``local:PATH``, ``local::memory:``).
    user, password
        User and API key; calls are anonymous without both.
    base_path
        What every path begins with.
    retries
        Attempts in all, by default 3. A refused or broken connection and the statuses 502, 503 and 504 are tried
        again; a read that timed out is not.
    retry_delay
        Seconds between attempts, by default 3.
    location
        The name by which the caller makes itself known.
    hosts
        URLs that stand in for the server, used in turn; the ``Host`` header stays the server's.
    requests_session
        A `requests.Session` to send by; by default one of its own, with connections kept alive.
    timeout
        Seconds to wait for the server, by default 600.
    extra_params
        URL parameters of every call.
    hooks
        Objects that may change requests and answers.
    sign_in
        A function that gives user and API key, called before the first call.

    Examples
    --------
    >>> client = Client("local::memory:")
    >>> client.get("/status/ping")["success"]
    True
    """

    def __init__(
        self,
        server: str,
        user: str | None = None,
        password: str | None = None,
        base_path: str = "/api/1",
        retries: int | None = None,
        retry_delay: float | None = None,
        location: str | None = None,
        hosts: Sequence[str] | None = None,
        requests_session: requests.Session | None = None,
        timeout: float | None = None,
        extra_params: Mapping[str, Any] | None = None,
        hooks: Sequence[BaseHook] | None = None,
        *,
        sign_in: Callable[[], tuple[str, str]] | None = None,
    ) -> None:
        for hook in hooks or ():
            if not isinstance(hook, BaseHook):
                raise TypeError(f"a hook is an instance of a subclass of BaseHook; got {hook!r}")
        if isinstance(hosts, str):
            raise TypeError(f"hosts are a list; got the text {without_secrets(hosts)!r}")
        self._url, self._session, self._close = open_server(server, requests_session)
        parts = urlsplit(self._url)
        self._host = parts.netloc.rpartition("@")[2] if hosts else None
        urls = [host if "://" in host else f"{parts.scheme}://{host}" for host in hosts or [self._url]]
        self._endpoints = cycle([url.rstrip("/") + base_path for url in urls])
        self._user = user
        self._auth = _Auth(user, password)
        self._sign_in = sign_in
        self._signing_in = threading.Lock()
        self._retries = DEFAULT_RETRIES if retries is None else max(1, retries)
        self._retry_delay = DEFAULT_RETRY_DELAY if retry_delay is None else retry_delay
        self._location = location
        self._timeout = timeout or DEFAULT_TIMEOUT
        self._extra_params = dict(extra_params or {})
        self._hooks = list(hooks or ())

    @property
    def user(self) -> str | None:
        """The user that calls are made as; signs in where that was not done yet."""
        self._authentication()
        return self._user

    @property
    def url(self) -> str:
        """The server's URL, without credentials."""
        return without_secrets(self._url)

    def __repr__(self) -> str:
        return f"Client({self.url!r}, user={self._user!r})"

    def close(self) -> None:
        """Close the connections that are kept alive, and an embedded store."""
        self._close()

    def get(self, path: str, **call: Unpack[CallOptions]) -> Any:
        """GET `path`; see :meth:`call` for the arguments."""
        return self._result("get", path, call)

    def post(self, path: str, **call: Unpack[CallOptions]) -> Any:
        """POST to `path`; see :meth:`call` for the arguments."""
        return self._result("post", path, call)

    def delete(self, path: str, **call: Unpack[CallOptions]) -> Any:
        """DELETE `path`; see :meth:`call` for the arguments."""
        return self._result("delete", path, call)

    def _result(self, method: str, path: str, call: CallOptions) -> Any:
        answer = self.call(method, path, **call)
        return answer.response if call.get("binary_response") else answer.document

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        data_json: Any = None,
        data: Any = None,
        data_raw: Any = None,
        files: Any = None,
        binary_response: bool = False,
        into: BinaryIO | None = None,
        ignore_exceptions: bool = False,
        timeout: float | None = None,
        send_format: str | None = None,
        receive_format: str | None = None,
        received: Callable[[], None] | None = None,
        tables: bool = False,
    ) -> Answer:
        """One call of the API.

        Parameters
        ----------
        method
            ``get``, ``post`` or ``delete``.
        path
            The path below the base path, such as ``/teams``.
        params
            URL parameters.
        data_json
            A document to send as the body; `data_raw` is sent as it is, and `data` URL-encoded, or as the form
            values beside `files`.
        files
            Files to upload, as `requests` takes them.
        binary_response
            The answer is no document: `get`, `post` and `delete` give the `requests.Response`.
        into
            A binary file into which the answer is streamed (and a broken attempt taken back).
        ignore_exceptions
            Do not raise `ShoojuApiError` for an answer that is an error.
        timeout
            Seconds to wait for the server; by default as for the client.
        send_format, receive_format
            ``json``, ``msgpack`` or ``sjts``; by default as `options` have it.
        received
            Called when the whole answer has come, before it is decoded.
        tables
            Have series as a `SeriesTable` where that can be; not with hooks, which change documents.

        Raises
        ------
        ConnectionError
            The request failed, in every attempt.
        ShoojuApiError
            The server refused it.
        ShoojuFormatError
            The answer is not Shooju's, or `data_json` cannot be sent.
        """
        send_format = send_format or options.plain_format
        receive_format = receive_format or options.plain_format
        auth = self._authentication()
        streams = list(_streams(files, data, data_raw, into))
        repeatable = all(_rewindable(stream) for stream in streams)
        positions = [stream.tell() for stream in streams] if repeatable else []
        attempt = 1
        while True:
            for stream, position in zip(streams, positions, strict=False):
                stream.seek(position)
            request = Request(
                method=method,
                url=next(self._endpoints) + path,
                params={
                    "v": VERSION,
                    "location_type": "python",
                    "location": self._location,
                    **self._extra_params,
                    **(params or {}),
                    **({"retry": attempt} if attempt > 1 else {}),
                },
                headers={"Host": self._host} if self._host else {},
                data=data,
                data_raw=data_raw,
                data_json=data_json,
            )
            for hook in self._hooks:
                request = _returned(hook.before_request(request), Request, hook)
            headers = {**request.headers, "Sj-Receive-Format": receive_format}
            body = request.data_raw or request.data
            if request.data_json is not None:
                body = formats.encode(request.data_json, send_format)
                headers["Sj-Send-Format"] = send_format
                if send_format == "json":
                    headers["content-type"] = "application/json"
            try:
                response, content = self._send(request, headers, body, files, auth, timeout, into, binary_response)
            except Failure as failure:
                logger.debug("%s %s failed: %s", method.upper(), failure.error.url, failure.error)
                if attempt >= self._retries or not failure.transient or not repeatable:
                    raise failure.error from None
                logger.warning(
                    "%s %s failed (%s); trying again in %g s",
                    method.upper(), failure.error.url, failure.reason, self._retry_delay,
                )  # fmt: skip
                time.sleep(self._retry_delay)
                attempt += 1
                continue
            break
        if received is not None:
            received()
        binary = binary_response or into is not None
        what = f"{method.upper()} {without_secrets(request.url)}"
        document = None if binary else decode(content, response, what, tables and not self._hooks)
        given = Response(content, response.headers, response.status_code, document)
        for hook in self._hooks:
            given = _returned(hook.after_request(given), Response, hook)
        if not binary and not ignore_exceptions:
            check(given.json, what)
        return Answer(given.json, response, attempt)

    def _authentication(self) -> _Auth:
        """What signs requests; signs in first where that is how user and key are found."""
        with self._signing_in:
            if self._sign_in is not None:
                self._user, password = self._sign_in()
                self._auth, self._sign_in = _Auth(self._user, password), None
        return self._auth

    def _send(
        self,
        request: Request,
        headers: Mapping[str, str],
        body: Any,
        files: Any,
        auth: _Auth,
        timeout: float | None,
        into: BinaryIO | None,
        binary_response: bool,
    ) -> tuple[requests.Response, bytes]:
        """One attempt: the response and its body; `Failure` for everything but status 200."""
        url = without_secrets(request.url)
        wait = timeout or self._timeout
        try:
            response = self._session.request(
                request.method.upper(), request.url, params=request.params, data=body, headers=headers,
                files=files, auth=auth, timeout=wait, stream=True,
            )  # fmt: skip
            if response.status_code != requests.codes.ok:
                raise Failure.of_status(response, url)
            if into is not None:
                shutil.copyfileobj(_Body(response), into, _READ_SIZE)
                into.truncate()
                return response, b""
            if binary_response:
                return response, response.content
            return response, b"".join(response.iter_content(_READ_SIZE))
        except requests.RequestException as error:
            raise Failure.of(error, url, wait) from None


class _Auth(requests.auth.AuthBase):
    """HTTP Basic by user and key, or nothing; an object, so that no key stands in a traceback's variables.

    Without it `requests` would send what a .netrc holds for the host.
    """

    def __init__(self, user: str | None, password: str | None) -> None:
        self._header = (
            "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user and password else None
        )

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header:
            request.headers["Authorization"] = self._header
        return request


class _Body:
    """The body of a response as a file to read from; errors are those of `requests`."""

    def __init__(self, response: requests.Response) -> None:
        self._chunks = response.iter_content(_READ_SIZE)

    def read(self, _size: int = -1) -> bytes:
        return next(self._chunks, b"")


def _returned(given: Any, kind: type[_T], hook: BaseHook) -> _T:
    if not isinstance(given, kind):
        raise TypeError(f"the hook {hook!r} returned {given!r}, where a {kind.__name__} is to be returned")
    return given


def _rewindable(stream: Any) -> bool:
    """Whether what a stream gave can be had once more; of a generator it cannot."""
    if not hasattr(stream, "seek"):
        return False
    return bool(stream.seekable()) if hasattr(stream, "seekable") else True


def _streams(*bodies: Any) -> Iterator[Any]:
    """The files and iterators that stand in the bodies of a request: another attempt needs them from the beginning."""
    for body in bodies:
        if isinstance(body, Mapping):
            yield from _streams(*body.values())
        elif isinstance(body, (list, tuple)):
            yield from _streams(*body)
        elif hasattr(body, "read") or hasattr(body, "__next__"):
            yield body

"""HTTP: one call of the API, with its authentication, hosts, hooks, formats and redirects.

Which failures are tried again is decided in :mod:`pandas_shooju.client.retry`. What a call means is not known here.
"""

from __future__ import annotations

import base64
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle
from typing import Any, BinaryIO, TypedDict, TypeVar, Unpack
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions
from requests.auth import HTTPBasicAuth

from pandas_shooju import formats
from pandas_shooju.client import validation
from pandas_shooju.client.hooks import BaseHook, Request, Response
from pandas_shooju.client.options import options
from pandas_shooju.client.retry import Attempts, Failure, Pace, RetryPolicy, clear_locals
from pandas_shooju.client.servers import is_exposed, local_path, open_server, public_url, same_server, shown_server
from pandas_shooju.client.settings import Settings
from pandas_shooju.errors import ConfigurationError, ConnectionError, ShoojuApiError, ShoojuFormatError
from pandas_shooju.formats import Document

__all__ = ["BaseHook", "Client", "Request", "Response"]

#: seconds to wait for a response
DEFAULT_TIMEOUT = 600.0

_READ_SIZE = 1 << 20
_MOST_REDIRECTS = 5
#: a document of JSON or msgpack may be this many times larger than what came over the network, beyond a free size
_MOST_EXPANSION, _FREE_SIZE = 100, 32 << 20
#: servers for which there was a warning that they are called without encryption
_WARNED: set[str] = set()

_T = TypeVar("_T")

Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]

try:
    VERSION = version("pandas-shooju")
except PackageNotFoundError:  # run from its source tree
    VERSION = "0"


class CallOptions(TypedDict, total=False):
    """The optional arguments of a call."""

    #: URL parameters
    params: Mapping[str, Any] | None
    #: a document to encode as the body
    data_json: Any
    #: values to URL-encode as the body, or form values that accompany `files`
    data: Any
    #: bytes, a string or a file to send as the body as is
    data_raw: Any
    #: files to upload, as in `requests`
    files: Any
    #: the response is not a document; `get`, `post` and `delete` return the `requests.Response`
    binary_response: bool
    #: a binary file to write the response to
    into: BinaryIO | None
    #: return a response that describes an error, instead of raising `ShoojuApiError`
    ignore_exceptions: bool
    #: seconds to wait for the server; by default as for the client
    timeout: float | None
    #: ``json``, ``msgpack`` or ``sjts``; by default as set in `options`
    send_format: str | None
    receive_format: str | None
    #: called when the whole response has arrived, before it is decoded
    received: Callable[[], None] | None
    #: replaces the credentials of the client
    auth: Auth | None


@dataclass(frozen=True)
class Answer:
    """The outcome of a call: the decoded document, the response, and the number of attempts."""

    document: Document
    response: requests.Response
    attempts: int


class Client:
    r"""The raw client: any endpoint of the API, with GET, POST and DELETE. Nothing is sent before the first call.

    A client can be shared by threads, used after a fork, and pickled (the pickle contains the API key).

    Parameters
    ----------
    server
        As for `Connection`, but required.
    user, password
        The user and the API key. Without both, calls are anonymous.
    base_path
        The path that all other paths are relative to.
    retries
        The maximum number of attempts, 3 by default. A request is repeated after a refused or broken connection, a
        damaged response, and the HTTP statuses 429, 502, 503 and 504.
    retry_delay
        Seconds before the second attempt, 3 by default. The delay doubles with each attempt, up to 60 s. If the server
        sends ``Retry-After``, that is used instead.
    location
        A name that identifies the program.
    hosts
        URLs to use in turn instead of that of the server; the header ``Host`` remains that of the server.
    requests_session
        The `requests.Session` to use, for instance with proxies or certificates.
    timeout
        Seconds to wait for a response, 600 by default. (The time to connect is limited to 10 s.)
    extra_params
        URL parameters of every call.
    hooks
        Instances of `BaseHook`, which can change requests and responses.
    deadline
        The time limit for one call, in seconds, with all attempts and the whole response; 900 by default.
    max_requests_per_minute
        How many requests of this client may begin within a minute, all attempts included; the others wait, which does
        not count towards `deadline`. A forked or spawned process counts its own requests.
    google_account
        Settings with an email address and a token, which the first call exchanges for a user and an API key.

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
        deadline: float | None = None,
        max_requests_per_minute: int | None = None,
        google_account: Settings | None = None,
    ) -> None:
        auth, password = _auth(user, password), None  # so that no traceback shows the key
        for hook in hooks or ():
            if not isinstance(hook, BaseHook):
                raise TypeError(f"hooks must be instances of BaseHook, got {hook!r}")
        if isinstance(hosts, str):
            raise TypeError(f"hosts must be a list, got the string {public_url(hosts)!r}")
        self._server = server
        self._hosts = list(hosts or ())
        self._base_path = base_path
        self._own_session = requests_session
        self._user = user
        self._auth = auth
        self._google_account = google_account
        self._retries = RetryPolicy(
            retries=RetryPolicy.retries if retries is None else max(1, retries),
            delay=RetryPolicy.delay if retry_delay is None else retry_delay,
            deadline=RetryPolicy.deadline if deadline is None else deadline,
        )
        self._per_minute = max_requests_per_minute
        self._timeout = timeout or DEFAULT_TIMEOUT
        self._params = {"v": VERSION, "location_type": "python", "location": location, **(extra_params or {})}
        self._hooks = list(hooks or ())
        self._open()
        if self._auth is not _anonymous or google_account is not None:
            self._warn_of_plain_http()

    def _warn_of_plain_http(self) -> None:
        """Warn, once for each host in a process, that the key is sent where others can read it."""
        for url in map(public_url, self._urls):
            if is_exposed(url) and url not in _WARNED:
                _WARNED.add(url)
                warnings.warn(
                    f"the API key is sent to {url} without encryption, where others may read it; use https://",
                    UserWarning,
                    stacklevel=4,
                )

    def _open(self) -> None:
        """Open what a process cannot inherit: the session with its sockets, and locks."""
        self._pace = Pace(self._per_minute)
        self._url, self._session, self._close = open_server(self._server, self._own_session)
        parts = urlsplit(self._url)
        self._host = parts.netloc.rpartition("@")[2] if self._hosts else None
        hosts = self._hosts or [self._url]
        self._urls = [(host if "://" in host else f"{parts.scheme}://{host}").rstrip("/") for host in hosts]
        self._endpoints = cycle([url + self._base_path for url in self._urls])
        self._signing_in = threading.Lock()
        self._process = os.getpid()
        self._closed = False

    def _check_open(self) -> None:
        if self._closed:
            raise ConnectionError(f"the connection to {self.url} is closed", url=self.url)
        if self._process == os.getpid():
            return
        if local_path(self._server) is not None:  # the store opens its file anew by itself
            self._signing_in, self._process = threading.Lock(), os.getpid()
            self._pace = Pace(self._per_minute)
            return
        if self._own_session is not None:
            self._own_session = deepcopy(self._own_session)  # the copy has no connections
        self._open()

    def __getstate__(self) -> dict[str, Any]:
        if local_path(self._server) == ":memory:":
            raise ConfigurationError(
                "a store in memory exists in one process only, so a connection to it cannot be pickled; use local:PATH"
            )
        fresh = ("_session", "_close", "_endpoints", "_signing_in", "_pace")
        return {name: value for name, value in vars(self).items() if name not in fresh}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._open()
        self._closed = state["_closed"]

    @property
    def user(self) -> str | None:
        """The user who makes the calls. Signs in first if necessary."""
        self._authentication()
        return self._user

    @property
    def url(self) -> str:
        """The URL of the server, without credentials."""
        return public_url(self._url)

    @property
    def shown(self) -> tuple[str, str | None]:
        """The server and the user as they are shown: never the key, and without signing in."""
        return shown_server(self._server), self._user

    def __repr__(self) -> str:
        server, user = self.shown
        return f"Client({server!r}, user={user!r})"

    def close(self) -> None:
        """Close network connections and the embedded store; further calls raise ConnectionError."""
        self._closed = True
        self._close()

    def get(self, path: str, **call: Unpack[CallOptions]) -> Any:
        """GET `path`; `CallOptions` lists the arguments."""
        return self._result("get", path, call)

    def post(self, path: str, **call: Unpack[CallOptions]) -> Any:
        """POST to `path`; `CallOptions` lists the arguments."""
        return self._result("post", path, call)

    def delete(self, path: str, **call: Unpack[CallOptions]) -> Any:
        """DELETE `path`; `CallOptions` lists the arguments."""
        return self._result("delete", path, call)

    def _result(self, method: str, path: str, call: CallOptions) -> Any:
        answer = self.call(method, path, **call)
        return answer.response if call.get("binary_response") else answer.document.plain()

    def call(self, method: str, path: str, **call: Unpack[CallOptions]) -> Answer:
        """Call the API: GET, POST or DELETE a path below the base path; `CallOptions` lists the arguments.

        Raises
        ------
        ConnectionError
            The request failed in every attempt.
        ShoojuApiError
            The server refused the request.
        ShoojuFormatError
            The response is not a Shooju document, or `data_json` cannot be encoded.
        """
        self._check_open()
        into, files, timeout = call.get("into"), call.get("files"), call.get("timeout") or self._timeout
        binary = call.get("binary_response", False) or into is not None
        auth = call.get("auth") or self._authentication()
        body = _Streams(files, call.get("data"), call.get("data_raw"), into)
        attempts = Attempts(self._retries, method, path, body.rewindable)
        while True:
            body.rewind()
            attempts.extend(self._pace.wait_for_turn())
            request = self._request(method, path, call, attempts.number)
            for hook in self._hooks:
                request = _returned(hook.before_request(request), Request, hook)
            content = self._encode(request, call)
            what = f"{method.upper()} {public_url(request.url)}"
            try:
                response = self._send(request, content, files, auth, attempts.timeouts(timeout), body, binary)
                received = b""
                if into is not None:
                    into.writelines(_pieces(response, attempts, binary))
                    into.truncate()
                elif binary:
                    received = response.content
                else:
                    received = b"".join(_pieces(response, attempts, binary))
                if on_received := call.get("received"):
                    on_received()
                document = Document(None) if binary else _decode(received, response)
                break
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                failure = Failure.of_exception(error, timeout)
                clear_locals(error)
            except Failure as error:
                failure = error
            except BaseException as error:  # an interrupt
                clear_locals(error)
                raise
            failure.reason = self.without_key(failure.reason)
            attempts.next(failure, public_url(request.url))
        if self._hooks:
            given = Response(received, response.headers, response.status_code, document.plain())
            for hook in self._hooks:
                given = _returned(hook.after_request(given), Response, hook)
            document = Document.of(given.json)
        if not binary and not call.get("ignore_exceptions"):
            validation.check_success(document, what, attempts.unknown, self.without_key)
        return Answer(document, response, attempts.number)

    def without_key(self, text: str) -> str:
        """What a server says, without the credentials if it repeats them."""
        if isinstance(self._auth, HTTPBasicAuth):
            user, key = (
                part if isinstance(part, bytes) else part.encode()
                for part in (self._auth.username, self._auth.password)
            )
            text = text.replace(base64.b64encode(user + b":" + key).decode(), "***")
            if len(key) >= 8:  # a shorter one may be a word
                text = text.replace(key.decode(), "***")
        return text

    def _request(self, method: str, path: str, call: CallOptions, attempt: int) -> Request:
        params = {**self._params, **(call.get("params") or {}), **({"retry": attempt} if attempt > 1 else {})}
        headers = {"Host": self._host} if self._host else {}
        bodies = {name: call.get(name) for name in ("data", "data_raw", "data_json")}
        return Request(method, next(self._endpoints) + path, params, headers, **bodies)

    def _encode(self, request: Request, call: CallOptions) -> Any:
        """The body of a request; notes the formats in its headers."""
        request.headers["Sj-Receive-Format"] = call.get("receive_format") or options.plain_format
        if request.data_json is None:
            return request.data_raw or request.data
        name = call.get("send_format") or options.plain_format
        request.headers["Sj-Send-Format"] = name
        if name == "json":
            request.headers["content-type"] = "application/json"
        return formats.encode(request.data_json, name)

    def _authentication(self) -> Auth:
        """What signs requests; exchanges a Google account for credentials first."""
        with self._signing_in:
            if self._google_account is not None:
                account = {"email": self._google_account.email, "token": self._google_account.google_oauth_token}
                answer = self.call("post", "/auth/googleoauth", data_json=account, auth=_anonymous)
                self._user, password = validation.credentials(answer.document.plain())
                self._auth, self._google_account = _auth(self._user, password), None
        return self._auth

    def _send(
        self,
        request: Request,
        content: Any,
        files: Any,
        auth: Auth,
        timeouts: tuple[float, float],
        body: _Streams,
        download: bool,
    ) -> requests.Response:
        """One attempt, with its redirects: a response of status 200, whose body is yet to be read."""
        url, params, headers = request.url, request.params, request.headers
        for _ in range(_MOST_REDIRECTS):
            response = self._session.request(
                request.method.upper(), url, params=params, data=content, headers=headers, files=files, auth=auth,
                timeout=timeouts, stream=True, allow_redirects=False,
            )  # fmt: skip
            if not response.is_redirect:
                break
            response.close()
            target = urljoin(url, response.headers["Location"])
            # with the same method and body, and never with the key to another host
            own = same_server(url, target) or (self._host is not None and same_server(self._url, target))
            get = request.method.lower() == "get"
            same_request = get or response.status_code in (307, 308)
            elsewhere = get and download and target.startswith("https://")
            if not (same_request and body.rewindable and (own or elsewhere)):
                raise Failure(
                    f"HTTP status {response.status_code}, redirected to {public_url(target)}, where this request "
                    "cannot be sent; if that is the address of the server, connect to it instead",
                    status=response.status_code,
                )
            if not own:
                auth = _anonymous
                headers = {name: value for name, value in headers.items() if name != "Host"}
            body.rewind()
            url, params = target, {}
        if response.status_code != requests.codes.ok:
            raise Failure.of_status(response, _said(response))
        return response


def _auth(user: str | None, password: str | None) -> Auth:
    return HTTPBasicAuth(user.encode(), password.encode()) if user and password is not None else _anonymous


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no credentials. Without this, `requests` would send what a .netrc file contains for the host."""
    return request


class _Streams:
    """The files and iterators in the bodies of a request: another attempt needs them from the beginning."""

    def __init__(self, *bodies: Any) -> None:
        self._streams = list(_streams(*bodies))
        self.rewindable = all(map(_rewindable, self._streams))
        self._positions = [stream.tell() for stream in self._streams] if self.rewindable else []

    def rewind(self) -> None:
        for stream, position in zip(self._streams, self._positions, strict=False):
            stream.seek(position)


def _streams(*bodies: Any) -> Iterator[Any]:
    for body in bodies:
        if isinstance(body, Mapping):
            yield from _streams(*body.values())
        elif isinstance(body, (list, tuple)):
            yield from _streams(*body)
        elif hasattr(body, "read") or hasattr(body, "__next__"):
            yield body


def _rewindable(stream: Any) -> bool:
    """Whether a stream can be read again (generators and pipes cannot)."""
    return bool(stream.seekable()) if hasattr(stream, "seekable") else hasattr(stream, "seek")


def _pieces(response: requests.Response, attempts: Attempts, binary: bool) -> Iterator[bytes]:
    """The body of a response as it arrives, within the deadline; what is not a document fails at its first bytes."""
    read1 = getattr(response.raw, "read1", None)  # before urllib3 2.2, the deadline is checked after 1 MiB only
    if read1 is None:
        pieces: Iterator[bytes] = response.iter_content(_READ_SIZE)
    else:
        pieces = iter(lambda: read1(_READ_SIZE, decode_content=True), b"")
    at_start = not binary
    size, bounded = 0, False
    for piece in pieces:
        if at_start and len(piece) >= 64:
            bounded = _check_format(piece, response) != "sjts"  # constant series are compressed without limit
        at_start = False
        size += len(piece)
        if bounded and size > _FREE_SIZE + _MOST_EXPANSION * response.raw.tell():
            raise Failure(
                f"the response expands {response.raw.tell():,} bytes to more than {size:,}; no Shooju document does so",
                kind=ShoojuFormatError,
            )
        yield piece
        attempts.check_deadline()


def _check_format(content: bytes, response: requests.Response) -> str:
    name = formats.sniff(content)
    if name is None:
        kind = response.headers.get("content-type", "unknown type")
        raise Failure(
            f"the response ({kind}) is not a Shooju document: {content[:60]!r}; is that a Shooju server?",
            transient=True,
            kind=ShoojuFormatError,
        )
    return name


def _decode(content: bytes, response: requests.Response) -> Document:
    name = _check_format(content, response)
    try:
        return formats.decode(content, name)
    except ShoojuFormatError as error:
        raise Failure(f"the response is a damaged document: {error}", transient=True, kind=ShoojuFormatError) from None


def _said(response: requests.Response) -> str:
    """What the body of a response other than 200 says, as the end of a message."""
    try:
        content = response.raw.read(4096, decode_content=True) or b""
        root = formats.decode(content, formats.sniff(content) or "json").root
        return f": {ShoojuApiError.from_answer(root)}" if root.get("error") else ""
    except Exception:  # it is only for the message
        return ""
    finally:
        response.close()


def _returned(given: Any, kind: type[_T], hook: BaseHook) -> _T:
    if not isinstance(given, kind):
        raise TypeError(f"the hook {hook!r} must return a {kind.__name__}, got {given!r}")
    return given

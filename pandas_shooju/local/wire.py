"""HTTP: the formats, credentials and sizes of requests and responses.

This module knows the headers ``Sj-Send-Format`` and ``Sj-Receive-Format``, but not what a request is for.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from pandas_shooju import formats
from pandas_shooju.formats import ShoojuFormatError
from pandas_shooju.local.errors import HttpError, unauthorized

#: the user of calls without credentials, where none are required
ANONYMOUS = "local"


def read_body(request: Request, limit: int) -> bytes:
    """The body of a request.

    Raises
    ------
    HttpError
        413 if it is larger than `limit` bytes, 400 if it is shorter than announced.
    """
    with _arriving(request, limit):
        size = request.content_length
        if size is not None and not request.environ.get("wsgi.input_terminated"):
            data: bytes = request.environ["wsgi.input"].read(size)
            if len(data) < size:
                raise HttpError(400, "bad_request", f"the body ends after {len(data)} of {size} bytes")
            return data
        data = request.stream.read(limit + 1)
        if len(data) > limit:
            raise _too_large(limit)
        return data


def read_form(request: Request, limit: int) -> tuple[Mapping[str, str], list[FileStorage]]:
    """The texts of a form, and the files under the name ``file``.

    Raises
    ------
    HttpError
        As for `read_body`; 400 also if no file has that name, or one has another name.
    """
    request.max_content_length = limit
    with _arriving(request, limit):
        uploaded = request.files.getlist("file")
    others = [name for name in request.files if name != "file"]
    if not uploaded:
        raise HttpError(400, "bad_request", "the body is not multipart/form-data with a part 'file'")
    if others:
        raise HttpError(400, "bad_request", f"a file must be a part 'file', got {others[0][:100]!r}")
    return request.form.to_dict(), uploaded


@contextmanager
def _arriving(request: Request, limit: int) -> Iterator[None]:
    """Errors while a body arrives are the caller's, and not the store's."""
    try:
        size = int(request.environ.get("CONTENT_LENGTH") or 0)
        if size < 0:
            raise ValueError(f"Content-Length is {size}")
        if size > limit:
            raise _too_large(limit)
        yield
    except RequestEntityTooLarge:
        raise _too_large(limit) from None
    except (ValueError, TimeoutError, ConnectionError) as error:
        # what the HTTP server raises for broken chunks, and for a connection that fell silent
        raise HttpError(400, "bad_request", f"the body cannot be read: {error}") from None


def read_document(request: Request, limit: int, take: Callable[[int], None]) -> dict[str, Any]:
    """The object in the body of a request, in the format that its header names; empty without a body.

    `take` is called with an estimate of the memory (bytes) that it takes, before it is decoded.

    Raises
    ------
    HttpError
        400 for a body that is not such an object, 413 for one that is too large, 415 for an unknown format.
    """
    name = _format(request, "Sj-Send-Format")
    data = read_body(request, limit)
    if not data:
        return {}
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise HttpError(415, "unsupported_format", "the body must not be compressed")
    take(formats.memory_of(data, name))
    try:
        document = formats.decode(data, name).plain()
    except ShoojuFormatError as error:
        raise HttpError(400, "bad_request", f"the body cannot be read as {name}: {error}") from None
    if (b"\\ud" in data or b"\\uD" in data) and not _is_unicode(document):
        raise HttpError(400, "bad_request", "the body contains half of a surrogate pair, which is not a character")
    if not isinstance(document, dict):
        raise HttpError(400, "bad_request", f"the body must be an object, got {type(document).__name__}")
    return document


def check_answer_format(request: Request) -> str:
    """The format of the response.

    Raises
    ------
    HttpError
        415 for an unknown format.
    """
    return _format(request, "Sj-Receive-Format")


def response(document: Mapping[str, Any], name: str = "json", status: int = 200) -> Response:
    """A response in a format."""
    data = formats.encode(document, name)
    return Response([data], status, {"Content-Length": str(len(data))}, content_type=formats.content_type(name))


def error_response(error: HttpError) -> Response:
    """An error: JSON, whatever the format of the response should be."""
    data = json.dumps({"success": False, "error": error.code, "description": error.description}).encode()
    headers = {"Content-Length": str(len(data))}
    return Response([data], error.status, headers, content_type="application/json")


def user_of(request: Request, credentials: Mapping[str, str] | None) -> str | None:
    """The name of the user who calls; None for an anonymous call where credentials are required.

    Raises
    ------
    ApiError
        ``unauthorized`` for credentials that are wrong.
    HttpError
        403 for a web page where no credentials are asked for.
    """
    given = _basic(request.environ.get("HTTP_AUTHORIZATION", ""))
    if credentials is None:
        if "HTTP_ORIGIN" in request.environ:
            # any web page that is open on this machine can send such calls; programs do not send an origin
            raise HttpError(403, "forbidden", "calls from web pages are accepted only with a user and an API key")
        host = request.environ.get("HTTP_HOST", "")
        if host and not is_loopback(_hostname(host)):
            # a web page whose name suddenly means this machine sends no origin, but the name
            raise HttpError(
                403, "forbidden", f"calls to the host {host[:200]!r} are accepted only with a user and an API key"
            )
        return given[0] if given and given[0] else ANONYMOUS
    if given is None:
        return None
    name, key = given
    known = credentials.get(name, "")
    same = hmac.compare_digest(key.encode(), known.encode())
    if not same or name not in credentials or not known:
        raise unauthorized("the user and the API key do not match")
    return name


def is_loopback(host: str) -> bool:
    """Whether a host name or an address can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _hostname(host: str) -> str:
    """The name in a header ``Host``, empty if it is not one."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _basic(header: str) -> tuple[str, str] | None:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, key = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise unauthorized("the credentials must be Basic credentials in UTF-8") from None
    return (name, key) if colon else None


def _format(request: Request, header: str) -> str:
    name = request.headers.get(header, "json").strip().lower() or "json"
    if name not in formats.NAMES:
        known = ", ".join(formats.NAMES)
        raise HttpError(415, "unsupported_format", f"{header} must be one of {known}, got {name[:50]!r}")
    return name


def _is_unicode(value: Any) -> bool:
    """Whether all texts in a document can be encoded as UTF-8; the escapes of JSON allow others."""
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(_is_unicode(name) and _is_unicode(inner) for name, inner in value.items())
    return not isinstance(value, list) or all(map(_is_unicode, value))


def _too_large(limit: int) -> HttpError:
    return HttpError(413, "too_large", f"the body is larger than {limit} bytes, the limit of this server")

"""What an answer means, or the lack of one: a document, an error of the API, or a failure to try again after.

The format of a document is told by its first bytes, not by headers (a server may answer plain JSON to any request), and
bytes that are none of the formats are refused before anything tries to decode them.
"""

from __future__ import annotations

import re
import ssl
from typing import Any

import requests
import urllib3.exceptions

from pandas_shooju import formats
from pandas_shooju.errors import AuthenticationError, ConnectionError, ShoojuApiError, ShoojuFormatError

_TRANSIENT = (502, 503, 504)
#: error codes, in responses of status 200, for credentials that are missing or wrong
_BAD_CREDENTIALS = ("unauthorized", "forbidden", "authentication_failed")


class Failure(Exception):
    """An attempt that failed: the error to raise, and whether another attempt may help."""

    def __init__(self, reason: str, error: ConnectionError, *, transient: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.transient = transient

    @classmethod
    def of(cls, error: requests.RequestException, url: str, wait: float) -> Failure:
        """The failure that an exception of `requests` means."""
        chain = _chain(error)
        timed_out = not isinstance(error, requests.ConnectTimeout) and any(
            isinstance(link, (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)) for link in chain
        )
        broken = isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError))
        forged = any(isinstance(link, ssl.SSLCertVerificationError) for link in chain)
        if timed_out:
            reason = f"no answer within {wait:g} s"
        else:
            # the innermost has the system's reason; the outer ones quote the URL with its parameters
            innermost = chain[-1]
            reason = str(getattr(innermost, "strerror", None) or innermost).split("?")[0] or type(innermost).__name__
            reason = re.sub(r"://[^/\s]*@", "://", reason)  # it may quote a URL with credentials
        message = f"the request to {url} failed: {reason}"
        return cls(reason, ConnectionError(message, url=url), transient=broken and not timed_out and not forged)

    @classmethod
    def of_status(cls, response: requests.Response, url: str) -> Failure:
        """The failure that an HTTP status other than 200 means."""
        status = response.status_code
        reason = f"HTTP status {status}" + (f" {response.reason}" if response.reason else "")
        message = f"the request to {url} failed: {reason}{_said(response)}"
        kind = ConnectionError
        if status in (401, 403):
            kind = AuthenticationError
            message += "; check the user and the API key"
        return cls(reason, kind(message, status=status, url=url), transient=status in _TRANSIENT)


def _said(response: requests.Response) -> str:
    """What the body of an answer other than 200 says, in one short line."""
    try:
        content = response.raw.read(4096, decode_content=True) or b""
        document = formats.decode(content, _format_of(content) or "json")
        return f": {ShoojuApiError.from_answer(document)}" if document.get("error") else ""
    except Exception:  # it is only for the message
        return ""
    finally:
        response.close()


def _chain(error: BaseException) -> list[BaseException]:
    """An exception and what it was made from, outermost first."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain and len(chain) < 10:
        chain.append(link)
        inner = getattr(link, "reason", None) or next((a for a in link.args if isinstance(a, BaseException)), None)
        link = inner if isinstance(inner, BaseException) else link.__cause__
    return chain


def _format_of(content: bytes) -> str | None:
    """The format that the first bytes of a document tell; None if they begin none."""
    if content[:4] == b"SJTS":
        return "sjts"
    first = content[:64].lstrip()[:1]
    if first in (b"{", b"["):
        return "json"
    # a map of msgpack
    return "msgpack" if content[:1] and (0x80 <= content[0] <= 0x8F or content[0] in (0xDE, 0xDF)) else None


def decode(content: bytes, response: requests.Response, what: str, tables: bool = False) -> Any:
    """The document that a response holds; `what` names the request, and `tables` is as for `formats.decode`.

    Raises
    ------
    ShoojuFormatError
        It holds none, or a damaged one.
    """
    name = _format_of(content)
    if name is None:
        kind = response.headers.get("content-type", "unknown content")
        raise ShoojuFormatError(
            f"{what} answered {len(content)} bytes of {kind} that are no Shooju document: {content[:60]!r}; "
            "is that the address of a Shooju server?"
        )
    try:
        return formats.decode(content, name, tables=tables)
    except ShoojuFormatError as error:
        raise ShoojuFormatError(f"{what} answered a damaged document: {error}") from None


def check(document: Any, what: str) -> None:
    """Raise `ShoojuApiError` for a document that is an error; `what` names the request."""
    if not isinstance(document, dict) or "success" not in document:
        raise ShoojuFormatError(f"{what} answered a document without 'success'; is it an endpoint of Shooju?")
    if not document["success"]:
        error = ShoojuApiError.from_answer(document)
        if error.error in _BAD_CREDENTIALS:
            raise AuthenticationError(
                f"{error}; check the user and the API key", error=error.error, description=error.description
            )
        raise error

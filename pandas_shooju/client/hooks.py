"""Hooks, which can change every request before it is sent and every response before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Request:
    """A request that is about to be sent, which hooks can change."""

    method: str
    """``get``, ``post`` or ``delete``."""
    url: str
    """The URL without parameters."""
    params: dict[str, Any]
    """The URL's parameters."""
    headers: dict[str, str]
    """HTTP headers, without those for authentication and formats."""
    data: Any = None
    """A body to be URL-encoded, or the form values that accompany files."""
    data_raw: Any = None
    """A body to be sent as is: bytes, a string or a file."""
    data_json: Any = None
    """A document to be sent in the format of the call."""


@dataclass
class Response:
    """A response with status 200, which hooks can change."""

    content: bytes
    """The body; empty if it was streamed to a file."""
    headers: Mapping[str, str]
    """HTTP headers."""
    status_code: int
    """The HTTP status."""
    json: Any = None
    """The document in the body; None for a binary response."""


class BaseHook:
    """The base class of hooks: override a method to change every request or every response.

    Examples
    --------
    >>> class Tag(BaseHook):
    ...     def before_request(self, request):
    ...         request.params["tag"] = "nightly"
    ...         return request
    """

    def before_request(self, request: Request) -> Request:
        """Return the request to send; called before every attempt."""
        return request

    def after_request(self, response: Response) -> Response:
        """Return the response to use."""
        return response

"""Hooks: what may change every request before it is sent, and every response before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Request:
    """A request about to be sent, which hooks may change.

    Attributes
    ----------
    method : str
        ``get``, ``post`` or ``delete``.
    url : str
        The URL without parameters.
    params : dict
        The URL's parameters.
    headers : dict
        HTTP headers, without those for authentication and formats.
    data : dict, bytes, str or None
        A body to be URL-encoded, or the form values that accompany files.
    data_raw : bytes, str, file or None
        A body to be sent as is.
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
    """A response of status 200, which hooks may change.

    Attributes
    ----------
    content : bytes
        The body; empty if it was streamed to a file.
    headers : mapping
        HTTP headers.
    status_code : int
        The HTTP status.
    json : object or None
        The document in the body; None for a binary response.
    """

    content: bytes
    headers: Mapping[str, str]
    status_code: int
    json: Any = None


class BaseHook:
    """Changes every request before it is sent, and every response before it is used.

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

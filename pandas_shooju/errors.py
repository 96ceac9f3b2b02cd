"""The exceptions, as a tree: one class for each case that a caller would handle differently.

::

    ShoojuError                       the base class
    ├── ShoojuFormatError             a response is malformed, or data cannot be represented in the format
    ├── ConfigurationError            no server or no credentials: configure them, then try again
    ├── UndoError                     a job cannot be undone: the message says why
    ├── ConnectionError               the request failed: try again later
    │   └── AuthenticationError       the server does not accept the user or the key: correct them
    └── ShoojuApiError                the server refused the request: correct it
        ├── SeriesNotFoundError       there is no such series
        └── WriteError                items of a job were not stored: they wait in the job
            └── ConflictError         a newer job has written these dates: register a new job to overwrite it

`ShoojuFormatError` and `ConfigurationError` are also `ValueError`, `ConnectionError` is also the built-in exception of
that name, `AuthenticationError` is also a `ShoojuApiError`, and `SeriesNotFoundError` is also `LookupError`. Invalid
arguments raise `TypeError` and `ValueError`, as everywhere; a date that is not one raises both. If the connection was
refused or broke off, the error is also a `requests.exceptions.ConnectionError`, and if it took too long, also a
`requests.exceptions.Timeout`. `WriteInterrupted` is a `KeyboardInterrupt`, so that
``except Exception`` does not catch it.

No message contains an API key, a token, or the parameters of a URL.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pandas_shooju.client.result import WriteResult

__all__ = [
    "AuthenticationError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionError",
    "SeriesNotFoundError",
    "ShoojuApiError",
    "ShoojuError",
    "ShoojuFormatError",
    "UndoError",
    "WriteError",
    "WriteInterrupted",
]


class ShoojuError(Exception):
    """The base class of all errors of this package, except `TypeError` and `ValueError` for invalid arguments.

    Attributes
    ----------
    result : WriteResult or None
        If a frame was being written, the result so far; ``error.result.retry()`` sends the rest.
    outcome_unknown : bool
        Whether the server may have carried out the request nevertheless.
    """

    result: WriteResult | None = None
    outcome_unknown: bool = False


class ShoojuFormatError(ShoojuError, ValueError):
    """Malformed data.

    Raised for a truncated or damaged document, for a response of the wrong shape, and for data that a format cannot
    represent.
    """


class ConfigurationError(ShoojuError, ValueError):
    """The server or the credentials are missing, or settings contradict each other."""


class UndoError(ShoojuError):
    """A job cannot be undone: it kept no history, or it deleted series for good. Nothing was written."""


class ConnectionError(ShoojuError, builtins.ConnectionError):
    """A request failed: the connection was refused, broken or timed out, or the HTTP status was not 200.

    Attributes
    ----------
    status : int or None
        The HTTP status, if there was a response.
    url : str or None
        The URL of the request, without parameters and credentials.
    """

    def __init__(self, message: str = "", *, status: int | None = None, url: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.url = url


class ShoojuApiError(ShoojuError):
    """The server refused a request.

    Attributes
    ----------
    error : str or None
        The error code, such as ``"invalid_parameters"``.
    description : str or None
        The explanation of the server.
    message : str
        Both, as returned by ``str()``: ``code (description)``.
    """

    def __init__(self, message: str = "", *, error: str | None = None, description: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.error = error
        self.description = description

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> ShoojuApiError:
        """The error that a response, or an item of one, describes."""
        error, description = (None if answer.get(key) is None else str(answer[key]) for key in ("error", "description"))
        kind = SeriesNotFoundError if error == "series_not_found" and cls is ShoojuApiError else cls
        message = f"{error} ({description})" if description else str(error)
        return kind(message, error=error, description=description)


def series_exists(failed: Mapping[str, Any] | None, query: str) -> bool:
    """Whether a query found its series, by the error that the server returned in the place of the series, if any.

    Raises
    ------
    ShoojuApiError
        The query failed for another reason.
    """
    if failed is None:
        return True
    if failed["error"] == "series_not_found":
        return False
    raise ShoojuApiError.from_answer(
        {**failed, "description": f"{failed.get('description')}, in the query {str(query)!r}"}
    )


class AuthenticationError(ConnectionError, ShoojuApiError):
    """The server does not accept the user or the API key: an error of the API, or HTTP status 401 or 403.

    Attributes
    ----------
    status : int or None
        The HTTP status if it was 401 or 403; None if the server answered with an error of the API.
    error, description : str or None
        The error of the API, if there was one.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        url: str | None = None,
        error: str | None = None,
        description: str | None = None,
    ) -> None:
        ConnectionError.__init__(self, message, status=status, url=url)
        self.message = message
        self.error = error
        self.description = description


class SeriesNotFoundError(ShoojuApiError, LookupError):
    """A query that must name a series does not name one."""


class WriteError(ShoojuApiError):
    """Some items of a job were not stored. They stay in the job, and its `submit` sends them again.

    Attributes
    ----------
    failed : DataFrame
        A row per item that failed: the index ``series_id``, the columns ``error`` and ``description``.
    responses : list
        The responses of the server to the items that it received, in order of writing.
    """

    def __init__(
        self,
        message: str = "",
        *,
        error: str | None = None,
        description: str | None = None,
        failed: pd.DataFrame | None = None,
        responses: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(message, error=error, description=description)
        self.failed = failed
        self.responses = responses or []


class ConflictError(WriteError):
    """A newer job has written dates that this job was to write; the server does not let an older job overwrite them.

    An item that was refused for this reason waits in the job, and none of it is stored. If it was unknown whether an
    earlier request had stored it, the newer job's points remain and the rest of the item is sent again; then the item
    does not wait.

    Attributes
    ----------
    conflicts : DataFrame
        A row per date: the index ``series_id``; ``reported_date`` (NaT for the series' own points) and ``date``, both
        ``datetime64[ms]``; ``job``, the newer job, with its ``user`` and its ``page``.
    """

    def __init__(
        self,
        message: str = "",
        *,
        error: str | None = None,
        description: str | None = None,
        failed: pd.DataFrame | None = None,
        responses: list[dict[str, Any]] | None = None,
        conflicts: pd.DataFrame | None = None,
    ) -> None:
        super().__init__(message, error=error, description=description, failed=failed, responses=responses)
        self.conflicts = conflicts


class WriteInterrupted(KeyboardInterrupt):
    """A write of a frame was interrupted (Ctrl-C).

    Attributes
    ----------
    result : WriteResult or None
        The result so far; ``result.retry()`` sends the rest.
    """

    result: WriteResult | None = None

"""The errors of the embedded Shooju.

There are two kinds, as in the service. An `ApiError` is a response like any other (HTTP 200, ``success`` false, a code
and a description) and may also take the place of one item of a bulk call. An `HttpError` refuses a request before its
meaning is looked at. Any other exception that reaches the top of the app is a defect of this package.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pandas_shooju.errors import ShoojuError


class ApiError(Exception):
    """A request that was understood and refused.

    Parameters
    ----------
    code
        One of the service's codes, such as ``"invalid_parameters"`` or ``"series_not_found"``.
    description
        What must hold, what was given, and what to do.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description

    def as_item(self) -> dict[str, Any]:
        """The error in place of a series or of a response."""
        return {"error": self.code, "description": self.description}


class HttpError(Exception):
    """A request that is malformed, too large, or sent to the wrong address."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(f"{status} {code}: {description}")
        self.status = status
        self.code = code
        self.description = description


class StoreError(ShoojuError):
    """A file that cannot be used as a store."""


class StoreMissing(StoreError):
    """A store that is read from, but does not exist."""


class StoreLost(StoreError):
    """A store that a forked process cannot use."""


class StoreCorrupt(StoreError):
    """A store whose file is damaged."""


def invalid(description: str) -> ApiError:
    """The error for a parameter, query or item that is wrong or not supported."""
    return ApiError("invalid_parameters", description)


def unauthorized(description: str) -> ApiError:
    """The error for credentials that are missing or wrong."""
    return ApiError("unauthorized", description)


def forbidden(description: str) -> ApiError:
    """The error for something that belongs to another user."""
    return ApiError("forbidden", description)


def not_found(what: str) -> ApiError:
    """The error for a series that does not exist."""
    return ApiError("series_not_found", f"series not found: {what}")


def check_keys(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Refuse an object with keys that nobody would look at.

    Raises
    ------
    ApiError
        ``invalid_parameters``, by name.
    """
    for name in given:
        if name not in known:
            raise invalid(f"{name!r} in {where} is not supported; the known keys are {', '.join(sorted(known))}")

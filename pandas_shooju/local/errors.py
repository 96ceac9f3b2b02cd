"""How the embedded Shooju says no.

Two kinds, as the service has them: an `ApiError` is an answer like any other (HTTP 200, ``success`` false, a code
and a description) and may also stand for one item of a bulk call; an `HttpError` is a request that never came so
far. Anything else that reaches the top of the app is a defect of ours.
"""

from __future__ import annotations

from typing import Any

from pandas_shooju.errors import ShoojuError


class ApiError(Exception):
    """A request that was understood and is refused.

    Parameters
    ----------
    code
        One of the service's codes, such as ``"invalid_parameters"`` or ``"series_not_found"``.
    description
        What was wrong, with what value, and what would do.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description

    def as_item(self) -> dict[str, Any]:
        """The error as it stands in the place of a series or of a response."""
        return {"error": self.code, "description": self.description}


class HttpError(Exception):
    """A request that is refused before its meaning is looked at."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(f"{status} {code}: {description}")
        self.status = status
        self.code = code
        self.description = description


class StoreError(ShoojuError):
    """A file that cannot be opened as a store."""


def invalid(description: str) -> ApiError:
    """The error for a parameter, query or item that cannot be carried out as it stands."""
    return ApiError("invalid_parameters", description)


def not_found(what: str) -> ApiError:
    """The error for a series that is not there."""
    return ApiError("series_not_found", f"series not found: {what}")

"""The exceptions, by the two names that programs know."""

from __future__ import annotations

from pandas_shooju.errors import ConfigurationError, ConnectionError, ShoojuApiError

__all__ = ["ConnectionError", "MissingCredentialsError", "ShoojuApiError", "WrongArgumentsError"]


class MissingCredentialsError(ConfigurationError, ShoojuApiError):
    """There is no server, or there are no credentials for it."""


class WrongArgumentsError(ShoojuApiError, ValueError):
    """Arguments of ``delete_reported`` that contradict each other, or dates that are none."""

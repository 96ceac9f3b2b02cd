"""The service itself: whether it is there, and signing in."""

from __future__ import annotations

from typing import Any

from pandas_shooju.local.call import Call


def status(call: Call) -> dict[str, Any]:
    """``GET /status/ping``, ``GET /status/green``: it is there, and well."""
    return {}

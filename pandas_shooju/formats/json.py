"""JSON, as text in UTF-8. Points are rows; a missing value is null."""

from __future__ import annotations

import json
from typing import Any

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.rows import columns_in, rows_out


def encode(document: Any) -> bytes:
    """A document as JSON."""
    return dumps(rows_out(document))


def decode(data: bytes) -> Any:
    """The document in `data`."""
    return columns_in(loads(data))


def dumps(value: Any) -> bytes:
    """Plain data as JSON text, compact."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ShoojuFormatError(f"not to be written as JSON: {error}") from None


def loads(data: bytes | memoryview) -> Any:
    """Plain data from JSON text."""
    try:
        return json.loads(str(data, "utf-8"))
    except (ValueError, RecursionError) as error:
        raise ShoojuFormatError(f"not a JSON document: {error} (it begins {bytes(data[:40])!r})") from None

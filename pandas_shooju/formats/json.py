"""JSON, as text in UTF-8. Points are rows; a missing value is null. The number of values is limited."""

from __future__ import annotations

import json
from typing import Any

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.document import Document
from pandas_shooju.formats.rows import check_number, document_of, rows_out

CONTENT_TYPE = "application/json"


def begins(data: bytes) -> bool:
    """Whether the first bytes are those of a document in JSON."""
    return data[:64].lstrip().startswith((b"{", b"["))


def memory_of(data: bytes) -> int:
    """An estimate of the memory (bytes) that a document takes when it is decoded."""
    return 64 * (data.count(b"{") + data.count(b"[")) + 24 * data.count(b",") + 2 * len(data)


def encode(document: Any) -> bytes:
    """Encode a document as JSON."""
    return dumps(rows_out(document))


def decode(data: bytes) -> Document:
    """Decode a JSON document."""
    check_number(data.count(b",") + data.count(b"[") + data.count(b"{"))  # those in strings included
    return document_of(loads(data))


def dumps(value: Any) -> bytes:
    """Encode plain data as compact JSON."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ShoojuFormatError(f"the data cannot be represented in JSON: {error}") from None


def loads(data: bytes | memoryview) -> Any:
    """Decode JSON into plain data."""
    try:
        return json.loads(str(data, "utf-8"))
    except (ValueError, RecursionError) as error:
        raise ShoojuFormatError(f"not a JSON document: {error} (it begins {bytes(data[:40])!r})") from None

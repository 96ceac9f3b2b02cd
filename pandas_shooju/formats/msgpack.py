"""msgpack. Points are rows; a missing value is nil. The number of lists and objects is limited."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.document import Document
from pandas_shooju.formats.rows import MOST_VALUES, check_number, document_of, rows_out

CONTENT_TYPE = "application/msgpack"


def begins(data: bytes) -> bool:
    """Whether the first byte is that of a map in msgpack."""
    return bool(data) and (0x80 <= data[0] <= 0x8F or data[0] in (0xDE, 0xDF))


def memory_of(data: bytes) -> int:
    """An estimate of the memory (bytes) that a document takes when it is decoded."""
    containers = int(np.count_nonzero((np.frombuffer(data, np.uint8) & 0xE0) == 0x80))
    return 64 * containers + 4 * len(data)


def encode(document: Any) -> bytes:
    """Encode a document as msgpack."""
    try:
        packed: bytes = msgpack.packb(rows_out(document))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ShoojuFormatError(f"the data cannot be represented in msgpack: {error}") from None
    return packed


def decode(data: bytes) -> Document:
    """Decode a msgpack document."""
    if len(data) > MOST_VALUES:  # bytes that begin short lists and objects, those within numbers and strings included
        check_number(int(np.count_nonzero((np.frombuffer(data, np.uint8) & 0xE0) == 0x80)))
    try:
        document = msgpack.unpackb(data)
    except Exception as error:  # its errors have no common base class: ValueError, StackError, TypeError, ...
        raise ShoojuFormatError(
            f"not a msgpack document: {error or type(error).__name__} (it begins {data[:40]!r})"
        ) from None
    return document_of(document)

"""msgpack. Points are rows; a missing value is nil."""

from __future__ import annotations

from typing import Any

import msgpack

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.rows import columns_in, rows_out


def encode(document: Any) -> bytes:
    """A document as msgpack."""
    try:
        packed: bytes = msgpack.packb(rows_out(document))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ShoojuFormatError(f"not to be written as msgpack: {error}") from None
    return packed


def decode(data: bytes) -> Any:
    """The document in `data`."""
    try:
        document = msgpack.unpackb(data)
    except Exception as error:  # msgpack's errors have no common root: ValueError, StackError, TypeError, ...
        raise ShoojuFormatError(
            f"not a msgpack document: {error or type(error).__name__} (it begins {data[:40]!r})"
        ) from None
    return columns_in(document)

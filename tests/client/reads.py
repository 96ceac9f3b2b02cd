"""Reads of columns, as frames make them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pandas_shooju.client import reader
from pandas_shooju.client.connection import Connection
from pandas_shooju.formats import Document

_HOW = ("sort", "max_series", "batch_size", "workers")


def read_pages(conn: Connection, query: str, **given: Any) -> Iterator[Document]:
    """The pages of a search."""
    how = {name: given.pop(name) for name in _HOW if name in given}
    return reader.pages(conn.raw, query, reader.parameters(**given), **how)


def read_bulk(conn: Connection, queries: Sequence[str], **given: Any) -> Iterator[Document]:
    """The documents of bulk requests."""
    how = {name: given.pop(name) for name in _HOW if name in given}
    return reader.bulk(conn.raw, queries, reader.parameters(**given), **how)

"""The wire formats: `json`, `msgpack` and `sjts`, to and from numpy columns.

Pure: bytes in, data out. Nothing here may do I/O, or know what a document is for.

A document is a JSON-like object. Where it has a list ``"series"``, each item of it that is an object with
``"points"`` carries them as :class:`PointColumns`, whatever the format on the wire was::

    {"success": True, "total": 1, "series": [{"series_id": "a", "points": PointColumns(...)}]}

That holds in both directions, and ``decode(encode(document, name), name)`` gives the document back. Points with
jobs or timestamps are announced in the document by ``"included_job"`` / ``"included_timestamp"``; all the points
of one document have the same columns.

Whatever the bytes are, :func:`decode` returns a document or raises :class:`ShoojuFormatError`, and never takes
memory out of proportion to them (but a table has a place for each field of each series, there or not).
"""

from __future__ import annotations

from typing import Any

from pandas_shooju.errors import ShoojuError, ShoojuFormatError
from pandas_shooju.formats import json, msgpack, sjts
from pandas_shooju.formats.columns import PointColumns
from pandas_shooju.formats.table import SeriesTable

__all__ = ["NAMES", "PointColumns", "SeriesTable", "ShoojuError", "ShoojuFormatError", "decode", "encode"]

#: the names that the headers ``Sj-Send-Format`` and ``Sj-Receive-Format`` know
NAMES = ("json", "msgpack", "sjts")

_FORMATS = {"json": json, "msgpack": msgpack, "sjts": sjts}


def encode(document: Any, name: str) -> bytes:
    """A document in the format called `name`.

    Raises
    ------
    ShoojuFormatError
        The document holds something that the format has no form for.
    """
    data: bytes = _FORMATS[name].encode(document)
    return data


def decode(data: bytes, name: str, *, tables: bool = False) -> Any:
    """The document that `data` holds in the format called `name`.

    With `tables`, its ``"series"`` are a :class:`SeriesTable` instead of a list, where the format is SJTS and each item
    is a series that did not fail.

    Raises
    ------
    ShoojuFormatError
        The bytes are not such a document.
    """
    return sjts.decode(data, tables) if name == "sjts" else _FORMATS[name].decode(data)

"""The wire formats: `json`, `msgpack` and `sjts`, to and from numpy columns.

Pure: bytes in, data out. Nothing here performs I/O or depends on the purpose of a document.

:func:`encode` takes JSON-like data. In its list ``"series"``, each object carries its points as
:class:`PointColumns`, whatever the format on the wire::

    {"success": True, "total": 1, "series": [{"series_id": "a", "points": PointColumns(...)}]}

:func:`decode` returns a :class:`Document`, and ``decode(encode(data, name), name).plain()`` equals ``data``. The root
keys ``"included_job"`` and ``"included_timestamp"`` announce points with jobs or timestamps; all points of one document
have the same columns.

Decoding never needs memory out of proportion to the bytes, except that a table has a place for each field of each
series. Malformed bytes raise :class:`ShoojuFormatError`: in `decode`, or, for the JSON text of a single series, when
the series of the document are first used.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats import json, msgpack, sjts
from pandas_shooju.formats.columns import PointColumns
from pandas_shooju.formats.document import Document
from pandas_shooju.formats.table import SeriesTable

__all__ = [
    "NAMES",
    "Document",
    "PointColumns",
    "SeriesTable",
    "ShoojuFormatError",
    "content_type",
    "decode",
    "encode",
    "memory_of",
    "sniff",
]

#: each has `encode`, `decode`, `begins`, `memory_of` and `CONTENT_TYPE`
_FORMATS: dict[str, ModuleType] = {"json": json, "msgpack": msgpack, "sjts": sjts}

#: the names that the headers ``Sj-Send-Format`` and ``Sj-Receive-Format`` know
NAMES = tuple(_FORMATS)


def encode(document: Any, name: str) -> bytes:
    """Encode data in the format called `name`.

    Raises
    ------
    ShoojuFormatError
        The format cannot represent something in the data.
    """
    data: bytes = _FORMATS[name].encode(document)
    return data


def decode(data: bytes, name: str) -> Document:
    """Decode data in the format called `name`; plain JSON is accepted as ``"sjts"``, too.

    Raises
    ------
    ShoojuFormatError
        The bytes are not a document in that format.
    """
    if name == "sjts" and not sjts.begins(data):
        name = "json"
    document: Document = _FORMATS[name].decode(data)
    return document


def sniff(data: bytes) -> str | None:
    r"""The format of a document, by its first bytes; None if it has none of the formats.

    A server may respond in a different format than the requested one.

    Examples
    --------
    >>> sniff(b'{"success": true}'), sniff(b"\x81\xa7success\xc3"), sniff(b"<html>")
    ('json', 'msgpack', None)
    """
    return next((name for name, module in _FORMATS.items() if module.begins(data)), None)


def content_type(name: str) -> str:
    """The media type of the format called `name`.

    Examples
    --------
    >>> content_type("sjts")
    'application/octet-stream'
    """
    kind: str = _FORMATS[name].CONTENT_TYPE
    return kind


def memory_of(data: bytes, name: str) -> int:
    """An estimate of the memory (bytes) that a document takes when it is decoded: small objects are what is expensive.

    Examples
    --------
    >>> memory_of(b"[" + b"{}," * 1000, "json") > 64_000, memory_of(bytes(1000), "sjts")
    (True, 2000)
    """
    size: int = _FORMATS[name].memory_of(data)
    return size

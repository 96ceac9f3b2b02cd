"""Dates as milliseconds, and the wire formats as objects with ``dumps`` and ``loads``."""

from __future__ import annotations

import datetime
import json
from typing import Any

from pandas_shooju import formats
from pandas_shooju.client import points
from pandas_shooju.formats.rows import rows_out

MSGPACK_INSTALLED = NUMPY_INSTALLED = PANDAS_INSTALLED = SJTS_INSTALLED = SJTS_SUPPORTS_NUMPY = True
NUMERIC_TYPES = int, float
UNIX_ZERO_DATE = datetime.datetime(1970, 1, 1)
UNIX_ZERO_DATE_UTC = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def to_milli(dt: Any) -> Any:
    """Milliseconds since 1970-01-01 of a date or datetime; a number is returned as it is.

    Raises
    ------
    ValueError
        `dt` is something else.

    Examples
    --------
    >>> to_milli(datetime.date(1970, 1, 2)), to_milli(5.5)
    (86400000, 5.5)
    """
    return dt if isinstance(dt, NUMERIC_TYPES) else points.to_milli(dt)


def milli_to_datetime(milli: float) -> datetime.datetime:
    """The naive datetime of milliseconds since 1970-01-01.

    Examples
    --------
    >>> milli_to_datetime(86_400_000)
    datetime.datetime(1970, 1, 2, 0, 0)
    """
    return points.to_datetime(milli)


class JsonSerializer:
    """JSON, from bytes and to text."""

    __name__ = "json"

    @staticmethod
    def loads(s: bytes, *args: Any, **kwargs: Any) -> Any:
        """Decode JSON in UTF-8; further arguments are those of `json.loads`."""
        return json.loads(s.decode("utf-8"), *args, **kwargs)

    @staticmethod
    def dumps(*args: Any, **kwargs: Any) -> str:
        """Encode as JSON; the arguments are those of `json.dumps`."""
        return json.dumps(*args, **kwargs)


class _Format:
    """A binary format; points are rows (tuples in SJTS), or structured arrays with ``use_numpy=True``."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def dumps(self, data: Any) -> bytes:
        return formats.encode(data, self.__name__)

    def loads(self, content: bytes, use_numpy: bool = False) -> Any:
        return plain(formats.decode(content, self.__name__).plain(), use_numpy, self.__name__ == "sjts")

    def __repr__(self) -> str:
        return f"<serializer {self.__name__}>"


json_serializer = JsonSerializer()
sjts = _Format("sjts")
msgpack = _Format("msgpack")


def plain(data: Any, use_numpy: bool = False, tuples: bool = False) -> Any:
    """Decoded data with the points of its series as rows: lists, tuples, or structured arrays."""
    if not (use_numpy or tuples) or not isinstance(data, dict) or not isinstance(data.get("series"), list):
        return rows_out(data)
    make = points.np_array if use_numpy else points.milli_tuple
    series = [
        {**item, "points": make(item["points"])}
        if isinstance(item, dict) and isinstance(item.get("points"), formats.PointColumns)
        else item
        for item in data["series"]
    ]
    return {**data, "series": series}

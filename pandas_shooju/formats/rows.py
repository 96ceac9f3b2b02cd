"""The common part of JSON and msgpack: on the wire, the points of a series are rows."""

from __future__ import annotations

from typing import Any

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.columns import PointColumns
from pandas_shooju.formats.document import Document

#: the number of values that a document of JSON or msgpack may have (lists and objects in the case of msgpack); each
#: takes up to 64 bytes of memory, however few it has on the wire
MOST_VALUES = 50_000_000


def check_number(values: int) -> None:
    """Refuse a document that would take memory out of proportion.

    Raises
    ------
    ShoojuFormatError
        There are more than `MOST_VALUES` values.
    """
    if values > MOST_VALUES:
        raise ShoojuFormatError(
            f"a document must have at most {MOST_VALUES:,} values, got about {values:,}; read or write fewer at a time"
        )


def document_of(value: Any) -> Document:
    """A document from decoded data, with the rows of its series replaced by columns (in place)."""
    document = Document.of(value)
    jobs = document.has_series and document.root.get("included_job") is True
    timestamps = document.has_series and document.root.get("included_timestamp") is True
    for series in document.items():
        if isinstance(series, dict) and "points" in series:
            rows = series["points"]
            if not isinstance(rows, list):
                raise ShoojuFormatError(f"the points of a series must be a list, got {type(rows).__name__}")
            if not _is_difference(rows):
                series["points"] = PointColumns.from_rows(rows, jobs=jobs, timestamps=timestamps)
    return document


def _is_difference(rows: list[Any]) -> bool:
    """Whether rows are job differences, ``[milliseconds, value, previous value, status]``, which stay rows."""
    return bool(rows) and all(
        isinstance(row, list) and len(row) == 4 and (row[3] is None or isinstance(row[3], str)) for row in rows
    )


def rows_out(document: Any) -> Any:
    """A shallow copy of the data with rows in place of columns."""
    if not isinstance(document, dict) or not isinstance(document.get("series"), list):
        return document
    return {
        **document,
        "series": [
            {**series, "points": series["points"].to_rows()}
            if isinstance(series, dict) and isinstance(series.get("points"), PointColumns)
            else series
            for series in document["series"]
        ],
    }

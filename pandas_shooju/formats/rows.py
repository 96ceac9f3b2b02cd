"""Documents whose points are rows: what JSON and msgpack have in common.

`columns_in` and `rows_out` exchange the points of a document's series between the rows of those two formats and
:class:`PointColumns`.
"""

from __future__ import annotations

from typing import Any

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.columns import PointColumns


def columns_in(document: Any) -> Any:
    """Replace the rows under ``document["series"][i]["points"]`` by columns, in place."""
    if not isinstance(document, dict) or not isinstance(document.get("series"), list):
        return document
    jobs = document.get("included_job") is True
    timestamps = document.get("included_timestamp") is True
    for series in document["series"]:
        if isinstance(series, dict) and "points" in series:
            rows = series["points"]
            if not isinstance(rows, list):
                raise ShoojuFormatError(f"a series has points that are not a list: {type(rows).__name__}")
            if not _is_difference(rows):
                series["points"] = PointColumns.from_rows(rows, jobs=jobs, timestamps=timestamps)
    return document


def _is_difference(rows: list[Any]) -> bool:
    """Whether rows are what a job did, ``[milliseconds, value, previous value, status]``: those stay rows."""
    return bool(rows) and all(
        isinstance(row, list) and len(row) == 4 and (row[3] is None or isinstance(row[3], str)) for row in rows
    )


def rows_out(document: Any) -> Any:
    """A shallow copy of `document` with rows where it has columns."""
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

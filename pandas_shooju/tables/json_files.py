"""JSON files: an object that keeps the layout and all types, or a list of objects, as other programs write."""

from __future__ import annotations

import json
from typing import IO, Any

import pandas as pd

from pandas_shooju.tables.cells import TextFormat, dates


def save(frame: pd.DataFrame, file: IO[bytes], text: TextFormat) -> None:
    """Write a frame."""
    rows = zip(*(_plain(frame.iloc[:, i]) for i in range(frame.shape[1])), strict=True)
    document = {
        "index_name": frame.index.name,
        "index": None if frame.index.name is None else _plain(frame.index),
        "column_names": list(frame.columns.names),
        "columns": [list(label) if isinstance(label, tuple) else label for label in _plain(frame.columns)],
        "data": [list(row) for row in rows],
    }
    file.write(json.dumps(document, ensure_ascii=False).encode(text.encoding))


def _plain(values: pd.Index | pd.Series) -> list[Any]:
    """The values as JSON has them: ISO dates, and null for missing values."""
    if isinstance(values, pd.MultiIndex):
        return [[_plain_one(one) for one in label] for label in values]
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return [None if one is pd.NaT else one.isoformat() for one in values]
    return [_plain_one(one) for one in values.tolist()]


def _plain_one(value: Any) -> Any:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def load(file: IO[bytes], text: TextFormat, name: str) -> pd.DataFrame:
    """The frame in a file; its columns have the dtype object."""
    try:
        document = json.loads(file.read().decode(text.encoding))
    except UnicodeError as error:
        raise ValueError(f"{name} cannot be read as {text.encoding} ({error}); pass its --encoding") from None
    except ValueError as error:
        raise ValueError(f"{name} must contain JSON: {error}") from None
    if isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
        columns = list(dict.fromkeys(key for row in document for key in row))
        rows = {column: pd.Series([row.get(column) for row in document], dtype=object) for column in columns}
        return pd.DataFrame(rows).set_axis(pd.Index(columns, dtype=object), axis=1)
    try:
        return _frame(document, text, name)
    except (KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{name} must be a file written by `pandas-shooju read -o`, or a list of objects, one for each row"
        ) from None


def _frame(document: Any, text: TextFormat, name: str) -> pd.DataFrame:
    names, labels, data = document["column_names"], document["columns"], document["data"]
    columns: pd.Index = (
        pd.MultiIndex.from_tuples([tuple(label) for label in labels], names=names)
        if len(names) > 1
        else pd.Index(labels, name=names[0], dtype=object)
    )
    rows = list(zip(*data, strict=True)) or [()] * len(columns)
    frame = pd.DataFrame({i: pd.Series(list(row), dtype=object) for i, row in enumerate(rows)})
    frame = frame.set_axis(columns, axis=1)
    if document["index"] is None:
        return frame
    index = pd.Series(document["index"], dtype=object, name=document["index_name"])
    return frame.set_axis(pd.Index(index) if index.name == "series_id" else dates(index, text, name), axis=0)

"""Parquet files, with the index that pandas writes or without one, as other programs write."""

from __future__ import annotations

import io
from typing import IO, Any

import pandas as pd


def save(frame: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a frame.

    Raises
    ------
    ValueError
        A column has values of several types, which parquet cannot contain.
    """
    if not isinstance(frame.columns, pd.MultiIndex) and not all(isinstance(name, str) for name in frame.columns):
        frame = frame.set_axis(frame.columns.map(str), axis=1)  # the only names that parquet has
    for at in range(frame.shape[1]):
        _check_types(frame.iloc[:, at])
    frame.to_parquet(file)


def _check_types(column: pd.Series) -> None:
    """Refuse a column of objects that parquet would change: of several types, or of dicts with different keys."""
    if column.dtype != object:
        return
    import pyarrow

    values = column.where(column.notna(), None).tolist()
    if set(map(type, values)) <= {str, type(None)}:
        return
    try:
        unchanged = _exactly(pyarrow.array(values).to_pylist()) == _exactly(values)
    except (pyarrow.ArrowException, OverflowError):
        unchanged = False
    if not unchanged:
        raise ValueError(
            f"the field {column.name!r} has values of several types, which a parquet file cannot contain; "
            "save to a .json file"
        )


def _exactly(value: Any) -> Any:
    """A value that is equal only to one of the same type."""
    if isinstance(value, list | tuple):
        return list(map(_exactly, value))
    if isinstance(value, dict):
        return {key: _exactly(inner) for key, inner in value.items()}
    return type(value), value


def load(file: IO[bytes], name: str) -> pd.DataFrame:
    """The frame in a file; integers beside missing values stay integers, as objects.

    Raises
    ------
    ValueError
        It is not a parquet file.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ImportError("parquet files need pyarrow: pip install 'pandas-shooju[parquet]'") from None

    data = file.read()
    try:
        frame = pd.read_parquet(io.BytesIO(data))
        table = parquet.read_table(io.BytesIO(data))
        if any(pyarrow.types.is_integer(column.type) and column.null_count for column in table.columns):
            attrs, frame = frame.attrs, table.to_pandas(integer_object_nulls=True)
            frame.attrs = attrs
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{name} must be a parquet file: {error}") from None
    return frame

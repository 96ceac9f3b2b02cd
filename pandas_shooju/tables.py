r"""Frames in files, for the command line: `load` reads back what `save` wrote, in any layout.

Text stays text. Series ids, labels and fields are never parsed as numbers or missing values, so ``00060``, ``1e5`` and
``NA`` are kept as they are. Only the columns of dates and of values are parsed.

CSV
    Wide: a row for each level of the columns, starting with the level's name, as pandas writes it. One level makes a
    plain table with a single row of labels; if the labels are series ids, it starts with ``dt``.
    Long and fields: a row of column names. A CSV file has no types, so every field comes back as text.
Parquet
    As pandas writes it, or without an index, as other programs do.
JSON
    An object with ``index_name``, ``index``, ``column_names``, ``columns`` and ``data``; missing values are null.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

__all__ = ["kind_of", "load", "save"]

Kind = Literal["parquet", "csv", "json"]

#: the most levels of columns that are looked for in a CSV file
_MAX_LEVELS = 30


def kind_of(path: Path) -> Kind:
    """Return the format of a file, by its name.

    Raises
    ------
    ValueError
        If the name does not end in ``.parquet``, ``.csv`` (also compressed, such as ``.csv.gz``) or ``.json``.
    """
    if path.suffix in (".parquet", ".json"):
        return "parquet" if path.suffix == ".parquet" else "json"
    if ".csv" in path.suffixes[-2:]:
        return "csv"
    raise ValueError(f"the name of a file must end in .parquet, .csv or .json, got {path.name!r}")


def save(frame: pd.DataFrame, path: Path) -> None:
    """Save a frame that was read in any layout.

    Parameters
    ----------
    frame
        As `pandas_shooju.read_shooju` returns it.
    path
        The file to write.
    """
    writers: dict[Kind, Callable[[pd.DataFrame, Path], None]] = {
        "parquet": _save_parquet,
        "csv": _save_csv,
        "json": _save_json,
    }
    writers[kind_of(path)](frame, path)


def load(path: Path, date: str | None = None, value: str | None = None) -> pd.DataFrame:
    """Load a frame that can be written: wide, long or fields.

    A file with a column ``series_id`` or ``val``, or the one that `value` names, is long: it has a row per point, or
    without values a row per series. Any other file is wide.

    Parameters
    ----------
    path
        The file to read.
    date, value
        The columns of dates and values; by default ``dt`` and ``val``. The dates of a wide file may also be in its
        first column, or in its index.

    Raises
    ------
    ValueError
        If a column is missing, or does not contain dates or numbers.
    """
    readers: dict[Kind, Callable[[Path], pd.DataFrame]] = {
        "parquet": pd.read_parquet,
        "csv": _load_csv,
        "json": _load_json,
    }
    frame = readers[kind_of(path)](path)
    if "series_id" in [frame.index.name, *frame.columns]:
        frame.attrs.clear()  # the file names its series itself, wherever they were read from
    if frame.index.name == "series_id":
        return frame
    names = list(frame.columns)
    for name in (date, value):
        if name is not None and name not in [*names, frame.index.name]:
            raise ValueError(f"{name!r} must be a column of {path.name} ({', '.join(map(repr, names))})")
    is_wide = value is None and not {"series_id", "val"} & set(names)
    if isinstance(frame.index, pd.DatetimeIndex):
        if is_wide:
            return _with_numbers(frame, path)
        frame = frame.rename_axis(frame.index.name or "dt").reset_index()
        names = list(frame.columns)
    elif is_wide:
        return _with_numbers(_wide(frame, date, path), path)
    value = value or ("val" if "val" in names else None)
    if value is None and date is None and "dt" not in names:
        return frame.set_index("series_id")
    date = date or "dt"
    if date not in names:
        raise ValueError(
            f"{path.name} must have a column 'dt'; if the dates are in another column, name it with --date"
        )
    frame = frame.assign(**{str(date): _dates(frame[date], path)})
    return frame if value is None else frame.assign(**{str(value): _numbers(frame[value], path)})


def _wide(frame: pd.DataFrame, date: str | None, path: Path) -> pd.DataFrame:
    """Move the column of dates to the index."""
    names = list(frame.columns)
    at = names.index(date or ("dt" if "dt" in names else names[0]))  # by position: a label may have the same name
    dates = pd.DatetimeIndex(_dates(frame.iloc[:, at], path), name="dt")
    wide = frame.iloc[:, [i for i in range(len(names)) if i != at]].set_axis(dates, axis=0)
    if wide.columns.names == [None]:
        wide.columns.name = "series_id" if names[at] == "dt" else None if date or at else names[0]
    return wide


def _dates(column: pd.Series, path: Path) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return column
    text = column.astype(object)
    try:
        moments = [datetime.fromisoformat(one) for one in text]
    except (ValueError, TypeError):
        wrong = next(one for one in text if not _is_date(one))
        raise ValueError(
            f"the dates in {path.name} must be ISO dates, got {wrong!r} in the column {column.name!r}; if the dates "
            "are in another column, name it with --date"
        ) from None
    aware = [moment.tzinfo is not None for moment in moments]
    if any(aware) and not all(aware):
        raise ValueError(f"either all dates in {path.name} must have a UTC offset or none, got both kinds")
    if any(aware):  # the offsets differ across a clock change
        moments = [moment.astimezone(UTC).replace(tzinfo=None) for moment in moments]
    dates = pd.Series(np.array(moments, "datetime64[us]"), column.index, name=column.name)
    return dates.dt.tz_localize("UTC") if any(aware) else dates


def _is_date(text: Any) -> bool:
    try:
        datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return False
    return True


def _with_numbers(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    columns = [_numbers(frame.iloc[:, i], path) for i in range(frame.shape[1])]
    numbers = pd.DataFrame(dict(enumerate(columns)), index=frame.index).set_axis(frame.columns, axis=1)
    numbers.attrs = frame.attrs
    return numbers


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    if column.dtype.kind in "iuf":
        return column
    try:
        return column.astype(object).astype("float64")  # exact, unlike the faster parsers of pandas
    except (ValueError, TypeError) as error:
        raise ValueError(f"the column {column.name!r} of {path.name} must contain numbers; {error}") from None


# --- parquet ---


def _save_parquet(frame: pd.DataFrame, path: Path) -> None:
    if not isinstance(frame.columns, pd.MultiIndex) and not all(isinstance(name, str) for name in frame.columns):
        frame = frame.set_axis(frame.columns.map(str), axis=1)  # the only names that parquet has
    frame.to_parquet(path)


# --- CSV ---


def _save_csv(frame: pd.DataFrame, path: Path) -> None:
    if isinstance(frame.index, pd.DatetimeIndex):
        name = frame.columns.name
        label = None if isinstance(frame.columns, pd.MultiIndex) else name if name not in (None, "series_id") else "dt"
        frame.to_csv(path, index_label=label)
    else:
        frame.map(_as_text).to_csv(path, index=frame.index.name is not None)


def _as_text(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _load_csv(path: Path) -> pd.DataFrame:
    cells = pd.read_csv(path, header=None, dtype=object, keep_default_na=False, na_values=[""], skip_blank_lines=True)
    for levels in range(2, 0 if cells.iloc[0, 0] == "series_id" else min(len(cells), _MAX_LEVELS + 1)):
        row = cells.iloc[levels]  # after the levels: the name of the index, and nothing else
        if len(row) > 1 and row.iloc[1:].isna().all() and isinstance(row.iloc[0], str) and not _is_date(row.iloc[0]):
            head, data = cells.iloc[:levels], cells.iloc[levels + 1 :].reset_index(drop=True)
            labels = [head.iloc[i, 1:].to_numpy(object) for i in range(levels)]
            names = [None if pd.isna(name) else name for name in head[0]]
            index = pd.DatetimeIndex(_dates(data[0].rename(row.iloc[0]), path), name="dt")
            columns = pd.MultiIndex.from_arrays(labels, names=names)
            return data.iloc[:, 1:].set_axis(index, axis=0).set_axis(columns, axis=1)
    return cells.iloc[1:].reset_index(drop=True).set_axis(pd.Index(cells.iloc[0].to_numpy(object)), axis=1)


# --- JSON ---


def _save_json(frame: pd.DataFrame, path: Path) -> None:
    document = {
        "index_name": frame.index.name,
        "index": None if frame.index.name is None else _plain(frame.index),
        "column_names": list(frame.columns.names),
        "columns": [list(label) if isinstance(label, tuple) else label for label in _plain(frame.columns)],
        "data": [list(row) for row in zip(*(_plain(frame.iloc[:, i]) for i in range(frame.shape[1])), strict=True)],
    }
    path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=True), "utf-8")


def _plain(values: pd.Index | pd.Series) -> list[Any]:
    """The values as JSON has them: ISO dates, and null for missing values."""
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return [None if one is pd.NaT else one.isoformat() for one in values]
    return [None if pd.api.types.is_scalar(one) and pd.isna(one) else one for one in values.tolist()]


def _load_json(path: Path) -> pd.DataFrame:
    document = json.loads(path.read_text("utf-8"))
    try:
        names, labels, data = document["column_names"], document["columns"], document["data"]
        columns = (
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
        return frame.set_axis(pd.Index(index if index.name == "series_id" else _dates(index, path)), axis=0)
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{path.name} must be a file written by `pandas-shooju read -o`") from None

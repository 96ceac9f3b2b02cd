"""Which fields a frame gives its series: from a dict, a frame of them, column levels, or columns.

Pure.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju.frame import origin
from pandas_shooju.frame.dates_values import column_named, is_missing, listed

Fields: TypeAlias = Mapping[str, Any] | pd.DataFrame | Sequence[str] | str


def column_fields(frame: pd.DataFrame, fields: Fields | None, ids: list[str]) -> list[dict[str, Any]]:
    """Fields for each column of a wide frame, which is written to the series of these ids."""
    fields = _checked(fields)
    if fields is None:
        return [{} for _ in ids]
    if isinstance(fields, Mapping):
        clean = clean_fields(fields)
        return [clean for _ in ids]
    if isinstance(fields, pd.DataFrame):
        source_ids = origin.column_series_ids(frame)
        return _fields_by_id(fields, ids, source_ids)
    levels = [name for name in frame.columns.names if name is not None and name != "series_id"]
    wanted = levels if fields == "levels" else [fields] if isinstance(fields, str) else list(fields)
    unknown = [name for name in wanted if name not in levels]
    if unknown or not levels:
        raise ValueError(
            f"fields={fields!r} takes fields from the levels of the columns, and "
            + (f"there is no {unknown[0]!r} among {listed(levels)}" if levels else "these have no names")
        )
    values = [frame.columns.get_level_values(name).tolist() for name in wanted]
    return [clean_fields(dict(zip(wanted, row, strict=True))) for row in zip(*values, strict=True)]


def _checked(fields: Fields | None) -> Fields | None:
    if isinstance(fields, pd.Series):
        return fields.to_dict()
    if fields is not None and not isinstance(fields, str | Mapping | pd.DataFrame | Sequence):
        raise TypeError(f"fields is {fields!r}; it can be a dict, a frame by series id, or names of columns or levels")
    return None if isinstance(fields, Sequence) and not fields else fields


def row_fields(
    frame: pd.DataFrame,
    fields: Fields | None,
    ids: list[str],
    source_ids: list[str],
    starts: npt.NDArray[np.int64],
) -> list[dict[str, Any]]:
    """Fields for each series of a long frame, whose rows are together: `starts` are the first of each."""
    fields = _checked(fields)
    if fields is None:
        return [{} for _ in ids]
    if isinstance(fields, Mapping):
        clean = clean_fields(fields)
        return [clean for _ in ids]
    if isinstance(fields, pd.DataFrame):
        return _fields_by_id(fields, ids, source_ids)
    if fields == "levels":
        raise ValueError("fields='levels' is for wide frames; name the columns of a long one: fields=['country', ...]")
    names = [fields] if isinstance(fields, str) else list(fields)
    for name in names:
        column = column_named(frame, name, "fields")
        changes = np.diff(_codes(column)) != 0
        changes[starts[1:] - 1] = False
        if changes.any():
            row = int(np.flatnonzero(changes)[0])
            series_id = ids[int(np.searchsorted(starts, row, side="right")) - 1]
            raise ValueError(
                f"the column {name!r} has several values for the series {series_id!r}: "
                f"{listed(column.iloc[row : row + 2])}, ...; a field has one"
            )
    return fields_of_rows(frame.iloc[starts][names])


def _codes(column: pd.Series) -> Any:
    """An array of numbers that are the same where the values of a column are."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy()
    comparable = column.map(repr) if any(isinstance(one, list | dict) for one in column.iloc[:100]) else column
    return pd.factorize(comparable)[0]


def _fields_by_id(fields: pd.DataFrame, ids: Sequence[str], source_ids: Sequence[str | None]) -> list[dict[str, Any]]:
    """Fields from a frame with a row for each series, by the id written to or else the id read from."""
    if "series_id" in fields.columns:
        fields = fields.set_index("series_id")
    for what, index in (("series", fields.index), ("columns", fields.columns)):
        if not index.is_unique:
            raise ValueError(f"the fields frame has several {what} called {index[index.duplicated()][0]!r}")
    places = {str(series_id).casefold(): at for at, series_id in enumerate(fields.index.tolist())}
    found = [
        places.get(series_id.casefold(), places.get((source or "").casefold()))
        for series_id, source in zip(ids, source_ids, strict=True)
    ]
    there = [at for at in found if at is not None]
    if ids and not there and len(fields.columns):
        raise ValueError(
            f"the fields frame has a row for none of the series; its index is {listed(fields.index)}, and the "
            f"series are {listed(ids)}"
        )
    of_those = iter(fields_of_rows(fields.iloc[there]))
    return [{} if at is None else next(of_those) for at in found]


def fields_of_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The fields that each row of a frame of nothing else holds, as JSON has them; missing ones are left out."""
    if not len(table.columns):
        return [{} for _ in range(len(table))]
    names = [_field_name(name) for name in table.columns]
    columns = [_clean_column(name, column) for name, column in table.items()]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not _NONE}
        for row in zip(*columns, strict=True)
    ]


_NONE = object()  # in a column of fields, where a series has none


def _clean_column(name: Any, column: pd.Series) -> list[Any]:
    """The values of a field as JSON has them, and where one is missing `_NONE`; texts are looked at once each."""

    def clean(value: Any) -> Any:
        return _NONE if is_missing(value) else _field_value(name, value)

    if isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
        codes, distinct = pd.factorize(column)
        by_code = [*map(clean, distinct.tolist()), _NONE]
        return [by_code[code] for code in codes.tolist()]  # -1 is missing
    return [clean(value) for value in column.tolist()]


def clean_fields(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """Fields as JSON has them; missing ones are left out."""
    return {_field_name(name): _field_value(name, value) for name, value in fields.items() if not is_missing(value)}


def _field_name(name: Any) -> str:
    text = name if type(name) is str else str(name)
    if not text:
        raise TypeError(f"the name of a field is text; got {name!r}")
    return text


def _field_value(name: Any, value: Any) -> Any:
    if _is_plain(value):
        return value
    value = _plain(value)
    try:
        return json.loads(json.dumps(value, default=_plain, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        pass
    raise TypeError(
        f"the field {name!r} is {value!r}; a field holds text, finite numbers, booleans, dates, lists or objects"
    )


def _is_plain(value: Any) -> bool:
    """Whether JSON gives back this very value: most of them, told sooner than by writing and reading it."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is float:
        return math.isfinite(value)
    return kind is bool or (kind is int and abs(value) < 2**64)


def _plain(value: Any) -> Any:
    """A value as JSON has it, or as it is."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, datetime.date | datetime.datetime):  # Timestamps too
        return value.isoformat()
    if isinstance(value, np.ndarray | tuple | set):
        return list(value)
    return value

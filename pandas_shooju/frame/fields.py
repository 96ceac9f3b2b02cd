"""The fields that a write gives to each series: from a dict, from a frame, from column levels, or from columns. Pure.

:mod:`pandas_shooju.values` decides which values a field may have. A None in a dict removes the field; a missing value
in a pandas object follows the argument `na`: ``"skip"`` leaves the field unchanged, ``"null"`` removes it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju.frame import origin
from pandas_shooju.frame.dates_values import column_named, listed, typed_keys
from pandas_shooju.query import id_key
from pandas_shooju.values import Missing, check_field_name, column_values, field_values

Fields: TypeAlias = Mapping[str, Any] | pd.DataFrame | Sequence[str] | str


def column_fields(
    frame: pd.DataFrame, fields: Fields | None, ids: list[str], na: Missing = "skip"
) -> list[dict[str, Any]]:
    """The fields for each column of a wide frame.

    Parameters
    ----------
    frame
        The frame.
    fields
        A dict for all columns, a frame with a row for each series id, ``"levels"``, or names of levels.
    ids
        The series id that each column is written to.
    na
        Whether a missing value leaves the field alone (``"skip"``) or removes it (``"null"``).
    """
    if fields is None or isinstance(fields, Mapping):
        return [field_values(fields)] * len(ids)
    check_kind(fields)
    if isinstance(fields, pd.DataFrame):
        return _fields_by_id(fields, ids, origin.column_series_ids(frame), na)
    levels = [name for name in frame.columns.names if name is not None and name != "series_id"]
    wanted = levels if fields == "levels" else [fields] if isinstance(fields, str) else list(fields)
    if not levels and fields:
        raise ValueError(
            f"fields={fields!r} requires named column levels; name them: "
            f"`df.columns.names = {[f'level_{at}' for at in range(frame.columns.nlevels)]!r}`"
        )
    unknown = [name for name in wanted if name not in levels]
    if unknown:
        raise ValueError(f"fields must name column levels ({listed(levels)}), got {unknown[0]!r}")
    values = {at: _level_values(frame.columns, name) for at, name in enumerate(wanted)}
    return fields_of_rows(pd.DataFrame(values, index=range(len(ids))).set_axis(wanted, axis=1), na)


def row_fields(
    frame: pd.DataFrame,
    fields: Fields | None,
    ids: list[str],
    source_ids: list[str],
    starts: npt.NDArray[np.int64],
    na: Missing = "skip",
) -> list[dict[str, Any]]:
    """The fields for each series of a long frame.

    Parameters
    ----------
    frame
        The frame, with the rows of each series together.
    fields
        A dict for all series, a frame with a row for each series id, or names of columns.
    ids, source_ids
        The id that each series is written to, and the id that it has in the frame.
    starts
        The positions of the first rows of each series.
    na
        Whether a missing value leaves the field alone (``"skip"``) or removes it (``"null"``).
    """
    if fields is None or isinstance(fields, Mapping):
        return [field_values(fields)] * len(ids)
    check_kind(fields)
    if isinstance(fields, pd.DataFrame):
        return _fields_by_id(fields, ids, source_ids, na)
    if fields == "levels":
        raise ValueError(
            "fields='levels' requires a wide frame; for a long frame, pass the names of the columns that contain fields"
        )
    names = [fields] if isinstance(fields, str) else list(fields)
    for name in names:
        column = column_named(frame, name, "fields")
        changes = np.diff(_codes(name, column)) != 0
        changes[starts[1:] - 1] = False
        if changes.any():
            row = int(np.flatnonzero(changes)[0])
            series_id = ids[int(np.searchsorted(starts, row, side="right")) - 1]
            raise ValueError(
                f"the column {name!r} must have one value for each series to be written as a field, but has several "
                f"for {series_id!r}: {listed(column.iloc[row : row + 2])}, ..."
            )
    return fields_of_rows(frame.iloc[starts][names], na)


def _level_values(columns: pd.Index, name: Hashable) -> Any:
    """The values of one level for each column; they keep their type even if some are missing."""
    if columns.names.count(name) > 1:
        raise ValueError(f"fields must name one column level, but several are named {name!r}")
    if not isinstance(columns, pd.MultiIndex):
        return columns
    at = columns.names.index(name)
    level = columns.levels[at].astype(object).to_numpy()
    return np.append(level, [None])[columns.codes[at]]  # the code of a missing value is -1


def check_kind(fields: Any) -> None:
    """Check the type of `fields` that are not a dict for all series."""
    if isinstance(fields, pd.Series):
        to_frame = f"fields.to_frame({'' if isinstance(fields.name, str) else repr('name')})"
        raise TypeError(
            "fields must not be a Series: pass `fields.to_dict()` for the same fields in all series, or "
            f"`{to_frame}` for one field with a value for each series id"
        )
    if not isinstance(fields, str | pd.DataFrame | Sequence):
        raise TypeError(
            "fields must be a dict, a frame with a row for each series id, or names of columns or column levels, "
            f"got {fields!r}"
        )


def _codes(name: str, column: pd.Series) -> Any:
    """An array of integers that are equal where the values of a column are."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy()
    try:
        return pd.factorize(typed_keys(column))[0]
    except (TypeError, ValueError, OverflowError):  # of lists, dicts, huge integers, ...
        as_json = column_values(check_field_name(name), column, "null")
        return pd.factorize(np.array([repr(value) for value in as_json], dtype=object))[0]


def _fields_by_id(
    fields: pd.DataFrame, ids: Sequence[str], source_ids: Sequence[str | None], na: Missing
) -> list[dict[str, Any]]:
    """Fields from a frame with a row for each series, by the id written to or else by the id read from."""
    if "series_id" in fields.columns:
        fields = fields.set_index("series_id")
    rows = {id_key(str(series_id)): row for row, series_id in enumerate(fields.index.tolist())}
    if len(rows) < len(fields):
        keys = fields.index.map(lambda series_id: id_key(str(series_id)))
        raise ValueError(
            f"the frame of fields must have one row for each series, but has several for "
            f"{fields.index[keys.duplicated()][0]!r}"
        )
    if not fields.columns.is_unique:
        raise ValueError(
            f"the frame of fields must have unique columns, but several are named "
            f"{fields.columns[fields.columns.duplicated()][0]!r}"
        )
    found = [
        rows.get(id_key(series_id), None if source is None else rows.get(id_key(source)))
        for series_id, source in zip(ids, source_ids, strict=True)
    ]
    present = [row for row in found if row is not None]
    if ids and not present and len(fields.columns):
        raise ValueError(
            f"the frame of fields must have rows for the series that are written ({listed(ids)}); "
            f"its index is {listed(fields.index)}"
        )
    of_present = iter(fields_of_rows(fields.iloc[present], na))
    return [{} if row is None else next(of_present) for row in found]


def fields_of_rows(table: pd.DataFrame, na: Missing = "skip") -> list[dict[str, Any]]:
    """The fields in each row of a frame, as JSON.

    Parameters
    ----------
    table
        A row for each series, a column for each field.
    na
        ``"skip"`` leaves missing values out, ``"null"`` makes them None, which removes the field.
    """
    names = [check_field_name(name) for name in table.columns]
    if not names:
        return [{} for _ in range(len(table))]
    columns = [column_values(name, table.iloc[:, at], na) for at, name in enumerate(names)]
    if na == "null":
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    absent = pd.NA
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not absent}
        for row in zip(*columns, strict=True)
    ]

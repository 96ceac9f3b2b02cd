r"""Decoded series to frames: the wide, the long and the fields layout.

Pure: no connection, no requests. Series come as a :class:`SeriesTable`: columns, as frames have them.

Dates become ``datetime64[ms]``, and every index is built from instants: where series are localized, their
wall-clock dates are turned into UTC first (:mod:`pandas_shooju.clocks`), joined as UTC, and shown in the zone
that the caller asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.formats import PointColumns, SeriesTable, ShoojuFormatError
from pandas_shooju.formats.table import Column, values_of

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_EXACT = 2**53  # integers up to here are doubles too


def field_names(table: SeriesTable, wanted: Sequence[str]) -> list[str]:
    """The names of the fields to show: as wanted, and where ``"*"`` is, all that occur, in order of appearance."""
    if "*" not in wanted:
        return list(wanted)
    return list(dict.fromkeys([*(name for name in wanted if name != "*"), *table.fields]))


def labels(table: SeriesTable, names: Sequence[str]) -> pd.Index:
    """The column index that the fields called `names` give: plain for one, a MultiIndex for several.

    Lists and objects are their JSON text, and ``"series_id"`` is the series id.

    Raises
    ------
    ValueError
        Two series have the same label.
    """
    arrays = [typed(_label_values(table.column(name))) for name in names]
    index = (
        pd.Index(arrays[0], name=names[0]) if len(names) == 1 else pd.MultiIndex.from_arrays(arrays, names=list(names))
    )
    if index.has_duplicates:
        position = int(np.flatnonzero(index.duplicated())[0])
        label = index[position]
        if _missing_label(label):
            raise ValueError(
                f"{int(index.duplicated().sum()) + 1} series have no field {', '.join(map(repr, names))}; columns must "
                "tell series apart: name other fields in `columns=`, or columns='series_id'"
            )
        twins = [one for one, value in zip(values_of(table.series_ids), index, strict=True) if _equal(value, label)]
        raise ValueError(
            f"{len(twins)} series have the label {label!r} (by {', '.join(names)}): {', '.join(twins[:5])}"
            f"{', ...' if len(twins) > 5 else ''}. Columns must tell series apart: name more fields in `columns=`, "
            "or columns='series_id'; read with layout='long'; or ask by a dict of queries, whose keys are the labels"
        )
    return index


def _label_values(column: Column) -> Column:
    if not isinstance(column, list):
        return column
    return [json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value for value in column]


def _missing_label(label: Any) -> bool:
    return all(part != part for part in label) if isinstance(label, tuple) else bool(label != label)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return all(map(_equal, a, b))
    return bool(a == b or (a != a and b != b))


def typed(column: Column) -> Any:
    """One array of the values of a column, None for missing ones, that keeps their type.

    int64, float64, bool or text where all are that; objects where a common dtype would change a value (integers
    beside missing ones stay integers). Missing ones are NaN.
    """
    values = column if isinstance(column, list) else _of_arrow(column)
    if not isinstance(values, list):
        return values
    kinds = set(map(type, values))
    missing = type(None) in kinds
    kinds.discard(type(None))
    if kinds == {str}:
        return pd.Series(values, dtype=str_dtype()).array
    if kinds == {bool} and not missing:
        return np.array(values, bool)
    if kinds == {int} and not missing and all(-(2**63) <= value < 2**63 for value in values):
        return np.array(values, np.int64)
    if kinds == {float} or (
        kinds == {int, float} and all(-_EXACT <= value <= _EXACT for value in values if type(value) is int)
    ):
        return np.array(values, np.float64)
    array = np.empty(len(values), object)
    array[:] = values
    if missing:
        array[[value is None for value in values]] = np.nan
    return array


def _of_arrow(column: Any) -> Any:
    """The same of an array of pyarrow; a list of its values, if that is to be made of Python's."""
    kind = str(column.type)
    if kind == "double" or (kind == "int64" and not column.null_count):
        return np.array(column.to_numpy(zero_copy_only=False))  # a copy: pyarrow's own may not be written to
    if kind == "string" and str_dtype() != np.dtype(object):
        return pd.array(column, dtype=str_dtype())
    return column.to_pylist()


# --- dates -------------------------------------------------------------------------------------------------------


def common_zone(table: SeriesTable) -> str:
    """The zone that all these series are localized to; UTC where they differ, or none is.

    Raises
    ------
    ShoojuFormatError
        There is no such zone.
    """
    if table.zones is None:
        return "UTC"
    zones = {
        "UTC" if zone is None else zone
        for zone, count in zip(table.zones, table.counts.tolist(), strict=True)
        if count or zone is not None
    }
    for zone in zones:
        try:
            clocks.check_zone(zone)
        except ValueError as error:
            raise ShoojuFormatError(f"a series is localized by the server, and {error}") from None
    return zones.pop() if len(zones) == 1 else "UTC"


def index_of(utc: Int64Array, zone: str, shown: str | None) -> pd.DatetimeIndex:
    """An index of instants (UTC milliseconds).

    Parameters
    ----------
    utc
        int64, UTC milliseconds.
    zone
        The zone in which the series were served.
    shown
        The zone to show; None gives naive times, as the clocks of `zone` show them.
    """
    if shown is not None:
        return clocks.to_index(utc, shown, localized=False)
    wall = utc if zone == "UTC" else clocks.utc_to_wall(utc, zone)
    return pd.DatetimeIndex(wall.view("M8[ms]"))


def _instants(table: SeriesTable) -> Int64Array:
    """UTC for all the dates of a table."""
    dates, zones = table.points.dates, table.zones
    if zones is None:
        return dates
    ends = np.cumsum(table.counts)
    starts = ends - table.counts
    if len(set(zones)) == 1 and zones[0] is not None:
        return clocks.wall_to_utc(dates, zones[0], starts[table.counts > 0])
    return np.concatenate(
        [
            part if zone is None else clocks.wall_to_utc(part, zone)
            for part, zone in zip(np.split(dates, ends[:-1]), zones, strict=True)
        ]
    )


# --- layouts -----------------------------------------------------------------------------------------------------


def wide(table: SeriesTable, columns: pd.Index, tz: str | None, zone: str) -> pd.DataFrame:
    """A column for each series, a row for each date at which any has a point.

    Parameters
    ----------
    table
        Series, one for each label of `columns`.
    columns
        The labels.
    tz
        The zone of the index, None for naive times of `zone`.
    zone
        The zone in which the series were served.

    Returns
    -------
    DataFrame
        float64; index ``dt`` of dtype ``datetime64[ms, tz]``; NaN where a series has no point.
    """
    utc = _instants(table)
    shared = _shared_dates(table, utc)
    if shared is not None:
        dates, matrix = shared, table.points.values.reshape(len(table), len(shared))
    else:
        dates, matrix = _joined(table, utc)
    return pd.DataFrame(matrix.T, index=index_of(dates, zone, tz).rename("dt"), columns=columns, copy=False)


def _shared_dates(table: SeriesTable, utc: Int64Array) -> Int64Array | None:
    """The dates of each series, where all have the same, ascending: then their values are the frame's, as they are."""
    series = len(table)
    if not len(utc) or len(utc) % series or not (table.counts == len(utc) // series).all():
        return None
    rows = utc.reshape(series, -1)
    first: Int64Array = rows[0]
    return first if (first[1:] > first[:-1]).all() and (rows[1:] == first).all() else None


def _joined(table: SeriesTable, utc: Int64Array) -> tuple[Int64Array, Float64Array]:
    """All dates, ascending, and the values of each series at them."""
    known: dict[bytes, tuple[int, Int64Array | None]] = {}  # dates -> which they are, and the order that they need
    distinct: list[Int64Array] = []
    which: list[int] = []
    values: list[Float64Array] = []
    upto = 0
    for i, count in enumerate(table.counts.tolist()):
        own, column = utc[upto : upto + count], table.points.values[upto : upto + count]
        upto += count
        key = own.tobytes()
        if key not in known:
            order = None if (own[1:] > own[:-1]).all() else np.argsort(own, kind="stable")
            if order is not None:
                own = own[order]
                if (own[1:] == own[:-1]).any():
                    twice = own[1:][own[1:] == own[:-1]][0]
                    raise ValueError(
                        f"series {values_of(table.series_ids[i : i + 1])[0]!r} has two points at "
                        f"{np.datetime64(int(twice), 'ms')}Z; layout='long' shows them both"
                    )
            known[key] = len(distinct), order
            distinct.append(own)
        at, order = known[key]
        which.append(at)
        values.append(column if order is None else column[order])
    union, places = _union(distinct)
    matrix = np.empty((len(table), len(union)))
    for row, at, column in zip(matrix, which, values, strict=True):
        if len(column) == len(union):
            row[:] = column
        else:
            row.fill(np.nan)
            row[places[at]] = column
    return union, matrix


def _union(parts: Sequence[Int64Array]) -> tuple[Int64Array, list[Int64Array]]:
    """All the dates of some ascending ones, ascending, each once; and where those of each part stand in it."""
    dates = np.concatenate([np.empty(0, np.int64), *parts])
    order = np.argsort(dates, kind="stable")  # which is a merge of what ascends
    ordered = dates[order]
    first = np.ones(len(dates), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    places = np.empty(len(dates), np.int64)
    places[order] = np.cumsum(first) - 1
    return ordered[first], np.split(places, np.cumsum([len(part) for part in parts])[:-1])


def long(
    table: SeriesTable,
    fields: Sequence[str],
    tz: str | None,
    zone: str,
    *,
    jobs: bool = False,
    timestamps: bool = False,
) -> pd.DataFrame:
    """A row for each point that has a value.

    Returns
    -------
    DataFrame
        ``series_id`` (categorical), the fields (text as categoricals), ``dt`` (``datetime64[ms, tz]``), ``val``
        (float64), and ``job`` (int64) and ``timestamp`` (``datetime64[ms, UTC]``) where asked for. Series in the
        order given, dates ascending in each.
    """
    clash = [name for name in fields if name in ("dt", "val", "job", "timestamp")]
    if clash:
        raise ValueError(
            f"a field is called {clash[0]!r}, as a column of the long layout is; name the fields to read without it, "
            "or read with layout='wide' or 'fields'"
        )
    counts = table.counts
    points = table.points if len(table.points) else PointColumns.empty(jobs=jobs, timestamps=timestamps)
    if (jobs and points.jobs is None) or (timestamps and points.timestamps is None):
        raise ValueError("the server gave no jobs or timestamps with the points, though they were asked for")
    utc = _instants(table)
    missing = np.isnan(points.values)
    if missing.any():
        points, utc = points[~missing], utc[~missing]
        gone = np.bincount(np.repeat(np.arange(len(table)), counts)[missing], minlength=len(table))
        counts = counts - gone
    data: dict[str, Any] = {name: _spread(table.column(name), counts) for name in ["series_id", *fields]}
    data["dt"] = index_of(utc, zone, tz)
    data["val"] = points.values
    if jobs:
        data["job"] = points.jobs
    if timestamps and points.timestamps is not None:
        data["timestamp"] = clocks.to_index(points.timestamps)
    return pd.DataFrame(data, copy=False)


def _spread(column: Column, counts: Int64Array) -> Any:
    """A value for each series, to a value for each of its rows; text becomes a categorical."""
    if isinstance(column, list):
        if not set(map(type, column)) <= {str, type(None)}:
            return np.repeat(typed(column), counts)
        known = dict.fromkeys(column)
        known.pop(None, None)
        categories = pd.Index(list(known), dtype=str_dtype())
        codes: dict[str | None, int] = {value: code for code, value in enumerate(known)}
        codes[None] = -1
        each = np.fromiter(map(codes.__getitem__, column), np.int64, len(column))
    elif str(column.type) == "string":
        encoded = column.dictionary_encode()
        encoded = encoded.combine_chunks() if hasattr(encoded, "chunks") else encoded
        categories = pd.Index(typed(encoded.dictionary), dtype=str_dtype())
        each = encoded.indices.fill_null(-1).to_numpy()
    else:
        return _spread(column.to_pylist(), counts) if str(column.type) == "null" else np.repeat(typed(column), counts)
    n = len(categories)
    kind = np.int8 if n < 2**7 else np.int16 if n < 2**15 else np.int32
    return pd.Categorical.from_codes(np.repeat(each.astype(kind), counts), categories=categories, validate=False)


@cache
def str_dtype() -> Any:
    """The dtype that this pandas gives to text."""
    return pd.Series(["text"]).dtype


def fields_table(table: SeriesTable, fields: Sequence[str]) -> pd.DataFrame:
    """A row for each series, a column for each field; the index is ``series_id``."""
    index = pd.Index(typed(table.series_ids), name="series_id", dtype=str_dtype())
    data = {name: typed(table.column(name)) for name in fields}
    return pd.DataFrame(data, index=index, columns=pd.Index(list(fields)), copy=False)


_BACKENDS = {
    "numpy_nullable": {"f": "Float64", "i": "Int64", "b": "boolean", "text": "string"},
    "pyarrow": {"f": "double[pyarrow]", "i": "int64[pyarrow]", "b": "bool[pyarrow]", "text": "string[pyarrow]"},
}


def with_dtype_backend(frame: pd.DataFrame, dtype_backend: str) -> pd.DataFrame:
    """The frame with nullable or pyarrow dtypes, as pandas' own readers have them; dates and categoricals stay."""
    dtypes = _BACKENDS[dtype_backend]
    columns = {}
    for position in range(frame.shape[1]):  # (labels may be such that pandas does not find them)
        column = frame.iloc[:, position]
        kind = _kind(column)
        columns[position] = column.astype(dtypes[kind]) if kind in dtypes else column
    return pd.DataFrame(columns, index=frame.index).set_axis(frame.columns, axis=1)


def _kind(column: pd.Series) -> str:
    """What a column holds: ``f``, ``i``, ``b``, ``text``, or something else."""
    if column.dtype == object or column.dtype == str_dtype():
        inferred = pd.api.types.infer_dtype(column, skipna=True)
        if inferred == "integer" and not column.dropna().between(-(2**63), 2**63 - 1).all():
            return ""
        kind: str = {"string": "text", "integer": "i", "boolean": "b"}.get(inferred, inferred)
        return kind
    return str(column.dtype.kind) if isinstance(column.dtype, np.dtype) else ""

r"""Frames from decoded series: the wide, the long and the fields layout. Pure.

The series come as a :class:`SeriesTable`, which has columns as a frame has.

Dates become ``datetime64[ms]``, and every index is built from instants: the wall-clock dates of localized series are
converted to UTC first (:mod:`pandas_shooju.clocks`), joined as UTC, and converted to the requested time zone.

Field values keep their type, in columns as in labels: an integer beside a missing value or a fraction stays an integer,
and the string ``"1"``, the number 1 and True are three different values. Such columns and labels have the dtype object.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from functools import cache
from itertools import zip_longest
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.clocks import Int64Array, TimeZone
from pandas_shooju.formats import PointColumns, SeriesTable, ShoojuFormatError
from pandas_shooju.formats.table import Column, values_of

Float64Array = npt.NDArray[np.float64]
#: the layouts of `read_shooju`
Layout = Literal["wide", "long", "fields"]


def field_names(table: SeriesTable, wanted: Sequence[str]) -> list[str]:
    """The names of the requested fields; ``"*"`` is replaced by all fields that occur.

    These include meta fields and formulas that were requested as well; they stay where they are named.
    """
    if "*" not in wanted:
        return list(wanted)
    named = {name for name in wanted if name.startswith(("meta.", "="))}
    others = [name for name in table.fields if name not in named]
    return list(dict.fromkeys(name for one in wanted for name in (others if one == "*" else [one])))


def typed(column: Column) -> Any:
    """An array of the values of a column that keeps their type; missing values are NaN.

    The dtype is int64, float64, bool or the string dtype if all values have that type, and object if a common dtype
    would change a value: integers beside missing values or fractions stay integers.
    """
    values = column if isinstance(column, list) else _of_arrow(column)
    if not isinstance(values, list):
        return values
    kinds = set(map(type, values))
    missing = type(None) in kinds
    kinds.discard(type(None))
    if kinds == {str} and str_dtype() != np.dtype(object):
        return pd.array(values, dtype=str_dtype())
    if kinds == {bool} and not missing:
        return np.array(values, bool)
    if kinds == {int} and not missing and all(-(2**63) <= value < 2**63 for value in values):
        return np.array(values, np.int64)
    if kinds == {float}:
        return np.array(values, np.float64)
    array = np.fromiter(values, object, len(values))
    if missing:
        array[[value is None for value in values]] = np.nan
    return array


def _of_arrow(column: Any) -> Any:
    """The same for a pyarrow array; a list of Python values if the array has to be built from those."""
    kind = str(column.type)
    if kind == "double" or (kind == "int64" and not column.null_count):
        return np.array(column.to_numpy(zero_copy_only=False))  # a copy, because arrays of pyarrow are read-only
    if kind == "string" and str_dtype() != np.dtype(object):
        return pd.array(column, dtype=str_dtype())
    return column.to_pylist()


# --- labels ------------------------------------------------------------------------------------------------------


def labels(table: SeriesTable, names: Sequence[str], vintages: pd.Index | None = None) -> pd.Index:
    """The column labels that these fields make: a plain Index for one field, a MultiIndex for several.

    Parameters
    ----------
    table
        The series.
    names
        Names of fields, or ``"series_id"``. Values that are lists or objects become their JSON text.
    vintages
        The values of a further level, the last one.

    Raises
    ------
    ValueError
        Two series have the same label; or a level of a MultiIndex would have both True and 1 (or False and 0), which
        it cannot represent. (A plain Index can: there they are two labels, although ``frame[1]`` selects both.)
    """
    columns = [_label_values(table.column(name)) for name in names]
    if vintages is not None:
        index = _multi_index([*(typed(column) for column in columns), vintages], [*names, str(vintages.name)])
    elif len(names) == 1:
        index = _flat_index(typed(columns[0]), names[0])
    else:
        index = _multi_index([typed(column) for column in columns], names)
    if index.has_duplicates and len({_key(label) for label in index}) < len(index):
        raise _not_unique(index, table, names)
    return index


def given_labels(keys: Sequence[Hashable], vintages: pd.Index | None = None) -> pd.Index:
    """The column labels that a caller gave: a MultiIndex for tuples, otherwise a plain Index.

    `vintages` are the values of a further level, the last one.

    Examples
    --------
    >>> given_labels(["GDP", 1]).tolist()
    ['GDP', 1]
    >>> given_labels([("GDP", 1), ("GDP", None)]).tolist()
    [('GDP', 1), ('GDP', nan)]
    """
    tuples = [key for key in keys if isinstance(key, tuple)]
    if vintages is not None:
        of_tuples = bool(tuples) and len(tuples) == len(keys)
        levels = [_given(list(level)) for level in (zip_longest(*tuples) if of_tuples else [keys])]
        return _multi_index([*levels, vintages], [*(None for _ in levels), vintages.name])
    if tuples and len(tuples) == len(keys):
        return _multi_index([_given(list(level)) for level in zip_longest(*tuples)], None)
    one_type = len(set(map(type, keys))) < 2
    return pd.Index(list(keys)) if one_type else _flat_index(np.fromiter(keys, object, len(keys)), None)


def _given(values: list[Any]) -> Any:
    values = [None if _is_missing(value) else value for value in values]
    kinds = {type(value) for value in values if value is not None}
    return typed(values) if kinds <= {str, bool, int, float} or len(kinds) > 1 else pd.Index(values)


def _flat_index(array: Any, name: Hashable) -> pd.Index:
    # the dtype is given so that pandas does not infer another
    return pd.Index(array, dtype=array.dtype, name=name)


def _multi_index(arrays: Sequence[Any], names: Sequence[Any] | None) -> pd.MultiIndex:
    """Like `MultiIndex.from_arrays`, but integers beside missing values stay integers, and True does not become 1."""
    found = [_level(array, None if names is None else names[i]) for i, array in enumerate(arrays)]
    codes, levels = zip(*found, strict=True)
    return pd.MultiIndex(levels=levels, codes=codes, names=names)


def _level(array: Any, name: Hashable) -> tuple[Any, pd.Index]:
    """Codes and distinct values, in ascending order if they have one."""
    if array.dtype != object:
        codes, values = pd.factorize(array, sort=True)
        return codes, pd.Index(values)
    first: dict[Any, Any] = {}  # by value, the first of those that are equal to it
    for value in array:
        if not _is_missing(value) and isinstance(first.setdefault(value, value), bool) != isinstance(value, bool):
            raise ValueError(
                f"the column labels would contain {first[value]!r} and {value!r}"
                f"{'' if name is None else f' (values of the field {name!r})'}, which pandas cannot distinguish; label "
                "the columns by other fields, such as columns='series_id', or read with layout='long'"
            )
    try:
        values = sorted(first)
    except TypeError:  # of types that have no common order
        values = list(first)
    code = {value: at for at, value in enumerate(values)}
    return [-1 if _is_missing(value) else code[value] for value in array], pd.Index(values, dtype=object)


def _not_unique(index: pd.Index, table: SeriesTable, names: Sequence[str]) -> ValueError:
    positions: dict[Any, list[int]] = {}
    for position, label in enumerate(index):
        positions.setdefault(_key(label), []).append(position)
    same = next(found for found in positions.values() if len(found) > 1)
    label = index[same[0]]
    if all(map(_is_missing, label if isinstance(label, tuple) else [label])):
        return ValueError(
            f"column labels must be unique, but {len(same)} series lack the field {', '.join(map(repr, names))}; name "
            "other fields in columns=, or use columns='series_id'"
        )
    series_ids = values_of(table.series_ids)
    return ValueError(
        f"column labels must be unique, but {len(same)} series have the label {_shown(label)} (by {', '.join(names)}): "
        f"{', '.join(series_ids[position] for position in same[:5])}{', ...' if len(same) > 5 else ''}; name more "
        "fields in columns=, use columns='series_id' or layout='long', or pass a dict of queries with labels as keys"
    )


def _key(label: Any) -> Any:
    """A key by which labels are equal: their type and value; all missing values are equal."""
    if isinstance(label, tuple):
        return tuple(map(_key, label))
    return None if _is_missing(label) else (type(label), label)


def _shown(label: Any) -> str:
    if isinstance(label, tuple):
        return f"({', '.join(map(_shown, label))})"
    return repr(label.item() if isinstance(label, np.generic) else label)


def _label_values(column: Column) -> Column:
    if not isinstance(column, list):
        return column
    return [json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value for value in column]


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


# --- dates -------------------------------------------------------------------------------------------------------


def common_zone(table: SeriesTable) -> str:
    """The time zone in which all these series were served; UTC if there are several.

    Raises
    ------
    ShoojuFormatError
        The server named a time zone that does not exist.
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
            raise ShoojuFormatError(f"the server sent a localized series, but {error}") from None
    return zones.pop() if len(zones) == 1 else "UTC"


def index_of(utc: Int64Array, served: str, tz: TimeZone | None) -> pd.DatetimeIndex:
    """An index of instants.

    Parameters
    ----------
    utc
        int64, UTC milliseconds since 1970-01-01.
    served
        The time zone in which the series were served.
    tz
        The time zone of the index; None gives a naive index of local times of `served`.
    """
    if tz is not None:
        return clocks.to_index(utc, tz, localized=False)
    wall = utc if served == "UTC" else clocks.utc_to_wall(utc, served)
    return pd.DatetimeIndex(wall.view("M8[ms]"))


def _instants(table: SeriesTable, first: int | None) -> Int64Array:
    """The dates of all points of a table, as UTC milliseconds; none is before `first`."""
    dates, zones = table.points.dates, table.zones
    if zones is None:
        return dates
    ends = np.cumsum(table.counts)
    starts = ends - table.counts
    if len(set(zones)) == 1 and zones[0] is not None:
        return clocks.wall_to_utc(dates, zones[0], starts[table.counts > 0], first)
    return np.concatenate(
        [
            part if zone is None else clocks.wall_to_utc(part, zone, not_before=first)
            for part, zone in zip(np.split(dates, ends[:-1]), zones, strict=True)
        ]
    )


# --- layouts -----------------------------------------------------------------------------------------------------


def wide(
    table: SeriesTable, columns: pd.Index, tz: TimeZone | None, served: str, first: int | None = None
) -> pd.DataFrame:
    """A column for each series, a row for each date at which any has a point.

    Parameters
    ----------
    table
        The series, one for each label.
    columns
        The labels.
    tz
        The time zone of the index; None gives a naive index of local times of `served`.
    served
        The time zone in which the series were served.
    first
        The first date that was asked for (UTC milliseconds), if it is known.

    Returns
    -------
    DataFrame
        float64; index ``dt`` of dtype ``datetime64[ms, tz]``; NaN where a series has no point.
    """
    utc = _instants(table, first)
    shared = _shared_dates(table, utc)
    if shared is not None:
        dates, matrix = shared, table.points.values.reshape(len(table), len(shared))
    else:
        dates, matrix = _joined(table, utc)
    return pd.DataFrame(matrix.T, index=index_of(dates, served, tz).rename("dt"), columns=columns, copy=False)


def _shared_dates(table: SeriesTable, utc: Int64Array) -> Int64Array | None:
    """The dates that all series share, if they do, in ascending order: then their values need no alignment."""
    series = len(table)
    if not len(utc) or len(utc) % series or not (table.counts == len(utc) // series).all():
        return None
    rows = utc.reshape(series, -1)
    first: Int64Array = rows[0]
    return first if (first[1:] > first[:-1]).all() and (rows[1:] == first).all() else None


def _joined(table: SeriesTable, utc: Int64Array) -> tuple[Int64Array, Float64Array]:
    """All dates in ascending order, and for each series a row of its values at these dates."""
    known: dict[bytes, tuple[int, Int64Array | None]] = {}  # by their bytes: position in `distinct`, order
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
                        f"the series {values_of(table.series_ids[i : i + 1])[0]!r} has two points at "
                        f"{np.datetime64(int(twice), 'ms')}Z, which a column cannot contain; use layout='long'"
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
    """The sorted union of ascending dates, and the positions in it of the dates of each part."""
    dates = np.concatenate([np.empty(0, np.int64), *parts])
    order = np.argsort(dates, kind="stable")  # a merge, as the parts ascend
    ordered = dates[order]
    first = np.ones(len(dates), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    places = np.empty(len(dates), np.int64)
    places[order] = np.cumsum(first) - 1
    return ordered[first], np.split(places, np.cumsum([len(part) for part in parts])[:-1])


def long(
    table: SeriesTable,
    fields: Sequence[str],
    tz: TimeZone | None,
    served: str,
    *,
    jobs: bool = False,
    timestamps: bool = False,
    first: int | None = None,
    vintages: pd.Index | None = None,
) -> pd.DataFrame:
    """A row for each point that has a value; `tz`, `served` and `first` are as for :func:`wide`.

    `vintages` are the values of a further column, one for each series of the table.

    Returns
    -------
    DataFrame
        ``series_id`` (categorical), the fields (text as categoricals), ``dt`` (``datetime64[ms, tz]``), ``val``
        (float64), and if requested ``job`` (int64) and ``timestamp`` (``datetime64[ms, UTC]``). The series are in
        the given order, with the dates of each ascending.
    """
    _check_names(
        fields, ["dt", "val", "job", "timestamp", *_name_of(vintages)], "long", "layout='wide' or layout='fields'"
    )
    counts = table.counts
    points = table.points if len(table.points) else PointColumns.empty(jobs=jobs, timestamps=timestamps)
    if (jobs and points.jobs is None) or (timestamps and points.timestamps is None):
        raise ValueError("the response must contain the requested jobs and timestamps of points, but it does not")
    utc = _instants(table, first)
    missing = np.isnan(points.values)
    if missing.any():
        points, utc = points[~missing], utc[~missing]
        gone = np.bincount(np.repeat(np.arange(len(table)), counts)[missing], minlength=len(table))
        counts = counts - gone
    data: dict[str, Any] = {name: _spread(table.column(name), counts) for name in ["series_id", *fields]}
    data["dt"] = index_of(utc, served, tz)
    data["val"] = points.values
    if jobs:
        data["job"] = points.jobs
    if timestamps and points.timestamps is not None:
        data["timestamp"] = clocks.to_index(points.timestamps)
    if vintages is not None:
        data[str(vintages.name)] = vintages.repeat(counts)
    return pd.DataFrame(data, copy=False)


def _name_of(vintages: pd.Index | None) -> list[str]:
    """The name of the column of vintages, if there is one."""
    return [] if vintages is None else [str(vintages.name)]


def _check_names(fields: Sequence[str], names: Sequence[str], layout: str, others: str) -> None:
    """Refuse fields that have the name of another column of a layout."""
    clash = [name for name in fields if name in names]
    if clash:
        raise ValueError(
            f"the field {clash[0]!r} has the same name as a column of the {layout} layout; list the fields to read "
            f"without it, or use {others}"
        )


def _spread(column: Column, counts: Int64Array) -> Any:
    """Repeat the value of each series for each of its rows; strings become a categorical."""
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
    """The dtype that this version of pandas gives to strings."""
    return pd.Series(["text"]).dtype


def fields_table(table: SeriesTable, fields: Sequence[str], vintages: pd.Index | None = None) -> pd.DataFrame:
    """A row for each series, and a column for each field; the index is ``series_id``.

    `vintages` are the values of a further column, the first one.
    """
    index = pd.Index(typed(table.series_ids), name="series_id", dtype=str_dtype())
    names = _name_of(vintages)
    _check_names(fields, names, "fields", "layout='wide'")
    data = dict.fromkeys(names, vintages) | {name: typed(table.column(name)) for name in fields}
    return pd.DataFrame(data, index=index, columns=pd.Index([*names, *fields]), copy=False)


_BACKENDS = {
    "numpy_nullable": {"f": "Float64", "i": "Int64", "b": "boolean", "text": "string"},
    "pyarrow": {"f": "double[pyarrow]", "i": "int64[pyarrow]", "b": "bool[pyarrow]", "text": "string[pyarrow]"},
}


def with_dtype_backend(frame: pd.DataFrame, dtype_backend: str) -> pd.DataFrame:
    """Convert to nullable or pyarrow dtypes, as the readers of pandas do; dates and categoricals are kept."""
    dtypes = _BACKENDS[dtype_backend]
    columns = {}
    for position in range(frame.shape[1]):  # by position, as labels such as NaN cannot be looked up
        column = frame.iloc[:, position]
        kind = _kind(column)
        columns[position] = column.astype(dtypes[kind]) if kind in dtypes else column
    return pd.DataFrame(columns, index=frame.index).set_axis(frame.columns, axis=1)


def _kind(column: pd.Series) -> str:
    """The kind of a column: ``f``, ``i``, ``b``, ``text``, or something else."""
    if column.dtype == object or column.dtype == str_dtype():
        inferred = pd.api.types.infer_dtype(column, skipna=True)
        if inferred == "integer" and not column.dropna().between(-(2**63), 2**63 - 1).all():
            return ""
        kind: str = {"string": "text", "integer": "i", "boolean": "b"}.get(inferred, inferred)
        return kind
    return str(column.dtype.kind) if isinstance(column.dtype, np.dtype) else ""

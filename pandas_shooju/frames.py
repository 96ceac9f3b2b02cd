r"""Decoded series to frames: the wide, the long and the fields layout.

Pure: no connection, no requests. A *series* here is the dict of the wire with its points as columns::

    {"series_id": "users\\sam\\\\gdp", "fields": {"unit": "MW"}, "points": PointColumns, "tz": {"timezone": ...}}

Dates become ``datetime64[ms]``, and every index is built from instants: where series are localized, their
wall-clock dates are turned into UTC first (:mod:`pandas_shooju.timezones`), joined as UTC, and shown in the zone
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

from pandas_shooju import timezones
from pandas_shooju.formats import PointColumns

Series = dict[str, Any]
Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_EXACT = 2**53  # integers up to here are doubles too
_NO_FIELDS: dict[str, Any] = {}


def fields_of(series: Sequence[Series]) -> list[dict[str, Any]]:
    """The fields of each series."""
    return [item.get("fields") or _NO_FIELDS for item in series]


def field_names(fields: Sequence[dict[str, Any]], wanted: Sequence[str]) -> list[str]:
    """The names of the fields to show: as wanted, and where ``"*"`` is, all that occur, in order of appearance."""
    if "*" not in wanted:
        return list(wanted)
    names: dict[str, Any] = dict.fromkeys(name for name in wanted if name != "*")
    for of_one in fields:
        names.update(of_one)
    return list(names)


def field_values(fields: Sequence[dict[str, Any]], name: str) -> list[Any]:
    """The values of one field, one for each series; None where it is missing."""
    return [of_one.get(name) for of_one in fields]


def _label_values(series: Sequence[Series], name: str) -> list[Any]:
    """As `field_values`, fit for labels: lists and objects as their JSON text; ``"series_id"`` is the series id."""
    if name == "series_id":
        return [item["series_id"] for item in series]
    return [
        json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
        for value in field_values(fields_of(series), name)
    ]


def labels(series: Sequence[Series], names: Sequence[str]) -> pd.Index:
    """The column index that the fields called `names` give: plain for one, a MultiIndex for several.

    Raises
    ------
    ValueError
        Two series have the same label.
    """
    arrays = [typed(_label_values(series, name)) for name in names]
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
        twins = [item["series_id"] for item, value in zip(series, index, strict=True) if _equal(value, label)]
        raise ValueError(
            f"{len(twins)} series have the label {label!r} (by {', '.join(names)}): {', '.join(twins[:5])}"
            f"{', ...' if len(twins) > 5 else ''}. Columns must tell series apart: name more fields in `columns=`, "
            "or columns='series_id'; read with layout='long'; or ask by a dict of queries, whose keys are the labels"
        )
    return index


def _missing_label(label: Any) -> bool:
    return all(part != part for part in label) if isinstance(label, tuple) else bool(label != label)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return all(map(_equal, a, b))
    return bool(a == b or (a != a and b != b))


def typed(values: list[Any]) -> Any:
    """One array of values, None for missing ones, that keeps their type.

    int64, float64, bool or text where all are that; objects where a common dtype would change a value (integers
    beside missing ones stay integers). Missing ones are NaN.
    """
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


# --- dates -------------------------------------------------------------------------------------------------------


def zone_of(series: Series) -> str | None:
    """The timezone of a localized series; None where its dates are UTC."""
    tz = series.get("tz")
    return tz.get("timezone") if isinstance(tz, dict) else None


def common_zone(series: Sequence[Series]) -> str:
    """The zone that all these series are localized to; UTC where they differ, or none is."""
    if not any("tz" in item for item in series):
        return "UTC"
    zones = {zone_of(item) or "UTC" for item in series if "points" in item or "tz" in item}
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
        return timezones.to_index(utc, shown, localized=False)
    wall = utc if zone == "UTC" else timezones.utc_to_wall(utc, zone)
    return pd.DatetimeIndex(wall.view("M8[ms]"))


def _no_points(series: Series) -> PointColumns:
    points = series.get("points")
    return PointColumns.empty() if points is None else points


# --- layouts -----------------------------------------------------------------------------------------------------


def wide(series: Sequence[Series], columns: pd.Index, tz: str | None, zone: str) -> pd.DataFrame:
    """A column for each series, a row for each date at which any has a point.

    Parameters
    ----------
    series
        Decoded series, one for each label of `columns`.
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
    points = [_no_points(item) for item in series]
    instants: dict[tuple[str | None, bytes], Int64Array] = {}  # dates as served -> UTC, strictly ascending
    rows: list[Int64Array] = []
    values: list[Float64Array] = []
    for item, columns_of_one in zip(series, points, strict=True):
        dates, column = columns_of_one.dates, columns_of_one.values
        served_in = zone_of(item)
        key = (served_in, dates.tobytes())
        utc = instants.get(key)
        if utc is None:
            utc = dates if served_in is None else timezones.wall_to_utc(dates, served_in)
            if not (utc[1:] > utc[:-1]).all():
                order = np.argsort(utc, kind="stable")
                utc, column = utc[order], column[order]
                if (utc[1:] == utc[:-1]).any():
                    twice = utc[1:][utc[1:] == utc[:-1]][0]
                    raise ValueError(
                        f"series {item['series_id']!r} has two points at {np.datetime64(int(twice), 'ms')}Z; "
                        "layout='long' shows them both"
                    )
            else:
                instants[key] = utc
        rows.append(utc)
        values.append(column)
    distinct = list({id(utc): utc for utc in rows}.values())
    union = _union(distinct)
    matrix = np.empty((len(series), len(union)))
    places: dict[int, Any] = {}
    for i, (utc, column) in enumerate(zip(rows, values, strict=True)):
        if len(utc) == len(union):
            matrix[i] = column
            continue
        place = places.get(id(utc))
        if place is None:
            place = places[id(utc)] = np.searchsorted(union, utc)
        matrix[i] = np.nan
        matrix[i, place] = column
    index = index_of(union, zone, tz).rename("dt")
    return pd.DataFrame(matrix.T, index=index, columns=columns, copy=False)


def _union(dates: Sequence[Int64Array]) -> Int64Array:
    """All the dates of some ascending ones, ascending, each once."""
    if len(dates) == 1:
        return dates[0]
    union = np.concatenate([np.empty(0, np.int64), *dates])
    union.sort()
    first = np.ones(len(union), bool)
    np.not_equal(union[1:], union[:-1], out=first[1:])
    return union[first]


def long(
    series: Sequence[Series],
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
    counts = np.array([len(_no_points(item)) for item in series], np.int64)
    wanted = PointColumns.empty(jobs=jobs, timestamps=timestamps)
    parts = [item["points"] for item, count in zip(series, counts.tolist(), strict=True) if count]
    points = PointColumns.concat(parts) if parts else wanted
    if (jobs and points.jobs is None) or (timestamps and points.timestamps is None):
        raise ValueError("the server gave no jobs or timestamps with the points, though they were asked for")
    utc = _instants(series, counts, points.dates)
    missing = np.isnan(points.values)
    if missing.any():
        points, utc = points[~missing], utc[~missing]
        gone = np.bincount(np.repeat(np.arange(len(series)), counts)[missing], minlength=len(series))
        counts = counts - gone
    data: dict[str, Any] = {"series_id": _spread([item["series_id"] for item in series], counts)}
    of_each = fields_of(series)
    for name in fields:
        data[name] = _spread(field_values(of_each, name), counts)
    data["dt"] = index_of(utc, zone, tz)
    data["val"] = points.values
    if jobs:
        data["job"] = points.jobs
    if timestamps and points.timestamps is not None:
        data["timestamp"] = timezones.to_index(points.timestamps)
    return pd.DataFrame(data, copy=False)


def _instants(series: Sequence[Series], counts: Int64Array, dates: Int64Array) -> Int64Array:
    """UTC for the dates of several series, one after the other."""
    if not any("tz" in item for item in series):
        return dates
    zones = [zone_of(item) for item in series]
    ends = np.cumsum(counts)
    starts = ends - counts
    if len(set(zones)) == 1 and zones[0] is not None:
        return timezones.wall_to_utc(dates, zones[0], starts[counts > 0])
    return np.concatenate(
        [
            part if zone is None else timezones.wall_to_utc(part, zone)
            for part, zone in zip(np.split(dates, ends[:-1]), zones, strict=True)
        ]
    )


def _spread(values: list[Any], counts: Int64Array) -> Any:
    """A value for each series, to a value for each of its rows; text becomes a categorical."""
    if set(map(type, values)) <= {str, type(None)}:
        known = dict.fromkeys(values)
        known.pop(None, None)
        categories = pd.Index(list(known), dtype=str_dtype())
        codes: dict[str | None, int] = {value: code for code, value in enumerate(known)}
        codes[None] = -1
        kind = np.int8 if len(known) < 2**7 else np.int16 if len(known) < 2**15 else np.int32
        each = np.fromiter(map(codes.__getitem__, values), kind, len(values))
        return pd.Categorical.from_codes(np.repeat(each, counts), categories=categories, validate=False)
    return np.repeat(typed(values), counts)


@cache
def str_dtype() -> Any:
    """The dtype that this pandas gives to text."""
    return pd.Series(["text"]).dtype


def fields_table(series: Sequence[Series], fields: Sequence[str]) -> pd.DataFrame:
    """A row for each series, a column for each field; the index is ``series_id``."""
    index = pd.Index([item["series_id"] for item in series], name="series_id", dtype=str_dtype())
    of_each = fields_of(series)
    data = {name: typed(field_values(of_each, name)) for name in fields}
    return pd.DataFrame(data, index=index, columns=pd.Index(list(fields)), copy=False)


_BACKENDS = {
    "numpy_nullable": {"f": "Float64", "i": "Int64", "b": "boolean", "text": "string"},
    "pyarrow": {"f": "double[pyarrow]", "i": "int64[pyarrow]", "b": "bool[pyarrow]", "text": "string[pyarrow]"},
}


def with_dtype_backend(frame: pd.DataFrame, dtype_backend: str) -> pd.DataFrame:
    """The frame with nullable or pyarrow dtypes, as pandas' own readers have them; dates and categoricals stay."""
    dtypes = _BACKENDS[dtype_backend]
    changes = {}
    for position in range(frame.shape[1]):
        kind = _kind(frame.iloc[:, position])
        if kind in dtypes:
            changes[frame.columns[position]] = dtypes[kind]
    return frame.astype(changes)


def _kind(column: pd.Series) -> str:
    """What a column holds: ``f``, ``i``, ``b``, ``text``, or something else."""
    if column.dtype == object or column.dtype == str_dtype():
        inferred = pd.api.types.infer_dtype(column, skipna=True)
        kind: str = {"string": "text", "integer": "i", "boolean": "b"}.get(inferred, inferred)
        return kind
    return str(column.dtype.kind) if isinstance(column.dtype, np.dtype) else ""

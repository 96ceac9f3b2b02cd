"""The JSON texts of many series to columns, by pyarrow where it is installed: no Python object per series or value.

What pyarrow would not give exactly as Python's `json` does is left to that: lists and objects as values, values of
several types, numbers that are no doubles. Text is never taken for a date.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np

from pandas_shooju.formats.columns import PointColumns
from pandas_shooju.formats.table import SeriesTable

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json
except ImportError:  # it is an extra
    pa = None

#: with fewer series Python's `json` is faster
FEWEST = 300

_EXACT = 2.0**53  # an integer beyond may be another one as a double


def series_table(
    data: bytes, begins: Sequence[int], ends: Sequence[int], counts: Sequence[int | None], points: PointColumns
) -> SeriesTable | None:
    """The series whose texts stand between these positions, with so many of the points each.

    None where that is left to `json`.

    Each text gets a key that nobody who wrote it could know. So whatever a text holds, it makes one row, or is noticed.
    """
    if pa is None or len(begins) < FEWEST or begins[-1] == len(data):
        return None
    if (np.frombuffer(data, np.uint8)[np.array(begins)] != ord("{")).any():
        return None
    key = secrets.token_urlsafe(8)
    inside = [data[begin + 1 : end] for begin, end in zip(begins, ends, strict=True)]
    body = (b'\n{"%s":true,' % key.encode()).join([b"", *inside])
    try:
        first = json.loads(data[begins[0] : ends[0]])
        names = list(first.get("fields") or ())
        schema = _schema([name for name in names if isinstance(first["fields"][name], str)])
        table = _parsed(body, schema)
        dated = [field.name for field in _fields(table) if pa.types.is_temporal(field.type)]
        if dated:
            table = _parsed(body, _schema([field.name for field in schema.field("fields").type] + dated))
        table.validate(full=True)
        return _series(table, key, names, counts, points)
    except (ValueError, TypeError, AttributeError, RecursionError, _Left):  # pyarrow's own errors are ValueErrors
        return None


class _Left(Exception):
    """What is to be left to `json`."""


def _schema(texts: Sequence[str]) -> Any:
    """What is known before: these fields are text."""
    fields = pa.struct([(name, pa.string()) for name in texts])
    return pa.schema([("series_id", pa.string()), ("fields", fields)])


def _parsed(body: bytes, schema: Any) -> Any:
    return pyarrow.json.read_json(
        pa.py_buffer(body),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=schema),
    ).combine_chunks()


def _fields(table: Any) -> list[Any]:
    of_all = table.schema.field("fields").type
    return [of_all.field(i) for i in range(of_all.num_fields)]


def _series(
    table: Any, key: str, names: Sequence[str], counts: Sequence[int | None], points: PointColumns
) -> SeriesTable:
    known = set(table.column_names)
    if len(table) != len(counts) or table[key].null_count or table[key].type != pa.bool_() or "error" in known:
        raise _Left
    ids = table["series_id"].chunk(0)
    announced = np.array([-1 if n is None else n for n in counts])
    there = pc.fill_null(table["points"], -1).to_numpy() if "points" in known else np.full(len(counts), -1)
    if ids.null_count or not np.array_equal(there, announced):
        raise _Left
    zones = None
    if "tz" in known:
        tz = table["tz"].chunk(0)
        if tz.type != pa.struct([("timezone", pa.string())]):
            raise _Left
        zones = pc.struct_field(tz, "timezone").to_pylist()
    # (the values of a struct that is null are null here, those of its `field` might not be)
    fields = {field.name: pc.struct_field(table["fields"].chunk(0), [i]) for i, field in enumerate(_fields(table))}
    for name, column in fields.items():
        if name == key or not _is_plain(column):
            raise _Left
    order = dict.fromkeys([*(name for name in names if name in fields), *fields])
    return SeriesTable(ids, {name: fields[name] for name in order}, points, announced.clip(0), zones)


def _is_plain(column: Any) -> bool:
    """Whether pyarrow holds the values of a field exactly as `json` would."""
    kind = column.type
    if kind == pa.float64():
        largest = pc.max(pc.abs(column)).as_py()
        return largest is None or not largest >= _EXACT
    return kind in (pa.string(), pa.bool_(), pa.int64(), pa.null())

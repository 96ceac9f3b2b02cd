"""The JSON texts of many series to columns, by pyarrow where it is installed: no Python object per series or value.

What pyarrow would not give exactly as Python's `json` does is left to that: lists and objects as values, values of
several types, numbers that are no doubles. Text is never taken for a date. (An integer beside a fraction in the same
field is a float, as it would be in a frame of the two.)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pandas_shooju.formats.columns import Int64Array, PointColumns
from pandas_shooju.formats.table import SeriesTable

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json
except ImportError:  # it is an extra
    pa = None

#: with fewer series Python's `json` is faster
FEWEST = 300

#: braces and brackets in the text of a series, those within its values too
_MOST_OPENING = 16

_EXACT = 2.0**53  # an integer beyond may be another one as a double


def series_table(
    data: bytes, begins: Sequence[int], ends: Sequence[int], counts: Sequence[int | None], points: PointColumns
) -> SeriesTable | None:
    """The series whose texts stand between these positions, with so many of the points each.

    None where that is left to `json`.

    Each text gets a key that nobody who wrote it could know. So whatever a text holds, it makes one row, or is noticed.
    """
    if pa is None or len(begins) < FEWEST or not _is_flat(data, np.array(begins), ends[-1]):
        return None
    key = secrets.token_urlsafe(8)
    inside = [data[begin + 1 : end] for begin, end in zip(begins, ends, strict=True)]
    body = (b'\n{"%s":true,' % key.encode()).join([b"", *inside])
    try:
        first = json.loads(data[begins[0] : ends[0]]).get("fields") or {}
        texts = [name for name, value in first.items() if isinstance(value, str)]
        table = _parsed(body, _schema(texts))
        names = dict.fromkeys([*first, *(field.name for field in _fields(table))])
        dated = [field.name for field in _fields(table) if pa.types.is_temporal(field.type)]
        if dated:
            table = _parsed(body, _schema(texts + dated))
        table.validate(full=True)
        return _series(table, key, names, counts, points)
    except Exception:  # whatever pyarrow, or this, does not take
        return None


def _is_flat(data: bytes, begins: Int64Array, end: int) -> bool:
    """Whether each text begins an object, and none can be deep: pyarrow would follow it until the stack is full."""
    region = np.frombuffer(data, np.uint8)[:end]
    if begins[-1] == end or (region[begins] != ord("{")).any():
        return False
    opening = np.flatnonzero((region | 0x20) == ord("{"))  # or a bracket, which differs in that bit
    of_each = np.diff(np.searchsorted(opening, begins), append=len(opening))
    return bool(of_each.max() <= _MOST_OPENING)


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
    table: Any, key: str, names: Iterable[str], counts: Sequence[int | None], points: PointColumns
) -> SeriesTable:
    columns = {name: table[name].chunk(0) for name in table.column_names}
    rows, ids = columns[key], columns["series_id"]
    if len(table) != len(counts) or rows.null_count or rows.type != pa.bool_() or ids.null_count or "error" in columns:
        raise _Left
    none = pa.nulls(len(table), pa.int64())
    announced = columns.get("points", none)
    if not announced.equals(pa.array(counts, pa.int64())) and (announced.null_count < len(table) or any(counts)):
        raise _Left
    zones = None
    if "tz" in columns:
        if columns["tz"].type != pa.struct([("timezone", pa.string())]):
            raise _Left
        zones = columns["tz"].flatten()[0].to_pylist()
    # (`flatten` has nulls where the object itself is null; `field` might not)
    fields = dict(zip((field.name for field in _fields(table)), columns["fields"].flatten(), strict=True))
    if key in fields or not all(map(_is_plain, fields.values())):
        raise _Left
    lengths = np.array([n or 0 for n in counts])
    return SeriesTable(ids, {name: fields[name] for name in names if name in fields}, points, lengths, zones)


def _is_plain(column: Any) -> bool:
    """Whether pyarrow holds the values of a field exactly as `json` would."""
    kind = column.type
    if kind == pa.float64():
        largest = pc.max(pc.abs(column)).as_py()
        return largest is None or not largest >= _EXACT
    return kind in (pa.string(), pa.bool_(), pa.int64(), pa.null())

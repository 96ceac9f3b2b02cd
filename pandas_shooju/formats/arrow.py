"""The JSON texts of many series to columns, by pyarrow where it is installed: no Python object per series or value.

What pyarrow would not give exactly as Python's `json` does is left to that: lists and objects as values, values of
several types, numbers that are no doubles. Text is never taken for a date. (An integer beside a fraction in the same
field is a float, as it would be in a frame of the two.)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
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
    """
    if pa is None or len(begins) < FEWEST:
        return None
    try:
        return _table(_columns(data, np.array(begins), np.array(ends)), counts, points)
    except Exception:  # whatever pyarrow, or this, does not take
        return None


def _columns(data: bytes, begins: Int64Array, ends: Int64Array) -> dict[str, Any]:
    """For each name at the top of the texts an array; for an object, a dict of them.

    Each text gets a key that nobody who wrote it could know. So whatever a text holds, it makes one row, or is noticed.
    """
    if begins[-1] == len(data) or (np.frombuffer(data, np.uint8)[begins] != ord("{")).any():
        raise _Left
    key = secrets.token_urlsafe(8)
    before = b'\n{"%s":true,' % key.encode()
    inside = [data[begin:end] for begin, end in zip((begins + 1).tolist(), ends.tolist(), strict=True)]
    body = before.join([b"", *inside])
    if not _is_flat(body, np.cumsum(ends - begins - 1 + len(before))):
        raise _Left
    first = json.loads(data[begins[0] : ends[0]]).get("fields") or {}
    texts = [name for name, value in first.items() if isinstance(value, str)]
    table = _parsed(body, _schema(texts))
    names = dict.fromkeys([*first, *(field.name for field in _fields(table))])
    dated = [field.name for field in _fields(table) if pa.types.is_temporal(field.type)]
    if dated:
        table = _parsed(body, _schema(texts + dated))
    table.validate(full=True)
    found = {name: table[name].chunk(0) for name in table.column_names}
    rows = found.pop(key)
    if len(rows) != len(begins) or rows.null_count or rows.type != pa.bool_():
        raise _Left
    # (`flatten` has nulls where the object itself is null; `field` might not)
    fields = dict(zip((field.name for field in _fields(table)), found["fields"].flatten(), strict=True))
    if key in fields:
        raise _Left
    found["fields"] = {name: fields[name] for name in names if name in fields}
    return found


def _is_flat(body: bytes, ends: Int64Array) -> bool:
    """Whether no text that ends at one of these places can be deep: pyarrow would follow it until the stack is full."""
    opening = np.flatnonzero((np.frombuffer(body, np.uint8) | 0x20) == ord("{"))  # a bracket differs in that bit
    return bool(np.diff(np.searchsorted(opening, ends), prepend=0).max() <= _MOST_OPENING)


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


def _table(found: dict[str, Any], counts: Sequence[int | None], points: PointColumns) -> SeriesTable:
    ids, fields = found["series_id"], found.get("fields", {})
    if "error" in found or ids.type != pa.string() or ids.null_count or not all(map(_is_plain, fields.values())):
        raise _Left
    announced = found.get("points", pa.nulls(len(counts)))
    if announced.type not in (pa.int64(), pa.null()) or not announced.cast(pa.int64()).equals(
        pa.array(counts, pa.int64())
    ):
        raise _Left
    zones = None
    if "tz" in found:
        if found["tz"].type != pa.struct([("timezone", pa.string())]):
            raise _Left
        zones = found["tz"].flatten()[0].to_pylist()
    return SeriesTable(ids, fields, points, np.array([n or 0 for n in counts]), zones)


def _is_plain(column: Any) -> bool:
    """Whether pyarrow holds the values of a field exactly as `json` would."""
    kind = column.type
    if kind == pa.float64():
        largest = pc.max(pc.abs(column)).as_py()
        return largest is None or not largest >= _EXACT
    return kind in (pa.string(), pa.bool_(), pa.int64(), pa.null())

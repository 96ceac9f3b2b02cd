"""The JSON texts of many series to columns, using pyarrow if it is installed: no Python object per series or value.

Texts that pyarrow would not decode exactly as Python's `json` does are left to `json`: lists and objects as values,
values of several types (such as integers and fractions), integers that float64 cannot represent. So are texts with many
different names, because pyarrow allocates a place for each name in each text. Strings are never converted to dates.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pandas_shooju.formats.columns import Int64Array, PointColumns
from pandas_shooju.formats.table import SeriesTable

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json
except ImportError:  # pyarrow is an extra
    pa = None

#: with fewer series, Python's `json` is faster
FEWEST = 300

#: pyarrow recurses until the stack overflows; a text of at most this many bytes is at most half as deep
_SHORT = 200
#: the most braces and brackets in a longer text, including those within its values
_MOST_OPENING = 16

#: a text that is this many times longer than the average may have many names
_LONGER = 64
#: the number of texts that are searched for names that no other text has
_SOME = 16

_LINE_END = int.from_bytes(b"\n   ", "little")

_EXACT = 2.0**53  # float64 cannot represent every integer beyond


def series_table(
    data: bytes, begins: Int64Array, ends: Int64Array, counts: Int64Array, points: PointColumns
) -> SeriesTable | None:
    """The series whose texts are at these positions, with these numbers of points (-1 for none).

    None if the texts must be decoded by `json`.
    """
    if pa is None or len(begins) < FEWEST:
        return None
    try:
        return _table(_columns(data, begins, ends), counts, points)
    except Exception:  # anything that pyarrow, or this module, cannot handle
        return None


def _columns(data: bytes, begins: Int64Array, ends: Int64Array) -> dict[str, Any]:
    """An array for each name at the top of the texts; a dict of arrays for the fields."""
    body = _lines(data, begins, ends)
    some = [json.loads(data[begins[i] : ends[i]]) for i in range(0, len(begins), -(-len(begins) // _SOME))]
    fields_of_some = [one.get("fields") or {} for one in some]
    if _have_own_names(some) or any(isinstance(v, list | dict) for of_one in fields_of_some for v in of_one.values()):
        raise _NotSupported
    first = fields_of_some[0]
    texts = [name for name, value in first.items() if isinstance(value, str)]
    table = _parsed(body, _schema(texts))
    names = dict.fromkeys([*first, *(field.name for field in _fields(table))])
    dated = [field.name for field in _fields(table) if pa.types.is_temporal(field.type)]
    if dated:
        table = _parsed(body, _schema(texts + dated))
    if len(table) != len(begins):
        raise _NotSupported
    found = {name: table[name].chunk(0) for name in table.column_names}
    points = found.get("points")
    if points is not None and points.null_count and body.count(b'"points"') != len(points) - points.null_count:
        raise _NotSupported  # some may be null, which differs from being absent
    # (`flatten` returns nulls where the object itself is null; `field` might not)
    fields = dict(zip((field.name for field in _fields(table)), found["fields"].flatten(), strict=True))
    found["fields"] = {name: fields[name] for name in names if name in fields}
    if any(_may_have_integers(body, name, column) for name, column in found["fields"].items()):
        raise _NotSupported
    return found


def _may_have_integers(body: bytes | bytearray, name: str, column: Any) -> bool:
    """Whether a field that pyarrow decoded as floats may contain integers: 1 is not 1.0."""
    if column.type != pa.float64() or not pc.any(pc.equal(column, pc.floor(column))).as_py():
        return False
    if re.fullmatch(r"[\w .-]+", name, re.ASCII) is None:
        return True  # the name may be spelt differently in the text
    # escapes in values are frequent and do not matter; a name may be spelt with escapes of ASCII, six bytes each
    escaped = rb'\\u00[2-7][0-9A-Fa-f][\w .\\-]{0,%d}"\s*:' % (6 * len(name))
    integer = re.escape(f'"{name}"').encode() + rb"\s*:\s*-?\d++\s*[,}]"
    return re.search(escaped, body) is not None or re.search(integer, body) is not None


def _lines(data: bytes, begins: Int64Array, ends: Int64Array) -> bytes | bytearray:
    """The texts, one or more lines each.

    Each text begins and ends with a brace, and no string contains the end of a line, so no value extends beyond its
    text. A text that makes more than one row is noticed by the number of rows.
    """
    raw = np.frombuffer(data, np.uint8)
    if (ends <= begins).any() or (raw[begins] != ord("{")).any() or (raw[ends - 1] != ord("}")).any():
        raise _NotSupported
    lines: bytes | bytearray
    if (begins[1:] - ends[:-1] == 4).all():  # only sizes are between the texts
        lines = bytearray(memoryview(data)[begins[0] : ends[-1]])
        np.ndarray((len(lines) - 3,), "<u4", lines, 0, (1,))[ends[:-1] - begins[0]] = _LINE_END
        upto = ends - begins[0]
    else:
        lines = b"\n".join([data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)])
        upto = np.cumsum(ends - begins + 1) - 1
    longest = int((ends - begins).max())
    if (longest > _SHORT and not _is_flat(lines, upto)) or longest * len(begins) > _LONGER * len(lines):
        raise _NotSupported
    if not lines.isascii():
        lines.decode()  # pyarrow does not check all of it
    return lines


def _is_flat(lines: bytes | bytearray, ends: Int64Array) -> bool:
    """Whether no text that ends at one of these positions can be deep."""
    opening = np.flatnonzero((np.frombuffer(lines, np.uint8) | 0x20) == ord("{"))  # a bracket differs in that bit
    return bool(np.diff(np.searchsorted(opening, ends), prepend=0).max() <= _MOST_OPENING)


def _have_own_names(some: Sequence[dict[str, Any]]) -> bool:
    """Whether many of these texts have a name that occurs in no other text."""
    names: Counter[str] = Counter()
    for one in some:
        for of_one in (one, *one.values()):
            if isinstance(of_one, dict):
                names.update(of_one.keys())
    return sum(times == 1 for times in names.values()) > len(some) // 2


class _NotSupported(Exception):
    """The texts must be decoded by `json`."""


def _schema(texts: Sequence[str]) -> Any:
    """The part of the schema that is known in advance: these fields are strings."""
    fields = pa.struct([(name, pa.string()) for name in texts])
    return pa.schema([("series_id", pa.string()), ("fields", fields)])


def _parsed(body: bytes | bytearray, schema: Any) -> Any:
    return pyarrow.json.read_json(
        pa.py_buffer(body),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=schema),
    ).combine_chunks()


def _fields(table: Any) -> list[Any]:
    of_all = table.schema.field("fields").type
    return [of_all.field(i) for i in range(of_all.num_fields)]


def _table(found: dict[str, Any], counts: Int64Array, points: PointColumns) -> SeriesTable:
    ids, fields = found["series_id"], found.get("fields", {})
    if any("double" in str(column.type) for name, column in found.items() if name != "fields"):
        raise _NotSupported  # pyarrow accepts numbers that are not JSON: Inf, -NaN
    if "error" in found or ids.type != pa.string() or ids.null_count or not all(map(_is_plain, fields.values())):
        raise _NotSupported
    if not np.array_equal(_announced(found.get("points"), len(counts)), counts):
        raise _NotSupported
    zones = None
    if "tz" in found:
        if found["tz"].type != pa.struct([("timezone", pa.string())]):
            raise _NotSupported
        zones = found["tz"].flatten()[0].to_pylist()
    return SeriesTable(ids, fields, points, np.maximum(counts, 0), zones)


def _announced(points: Any, series: int) -> Int64Array:
    """The number of points that each series announces, -1 if it announces none."""
    if points is None:
        return np.full(series, -1)
    if points.type not in (pa.int64(), pa.null()) or (pc.min(points).as_py() or 0) < 0:
        raise _NotSupported
    announced: Int64Array = points.cast(pa.int64()).fill_null(-1).to_numpy()
    return announced


def _is_plain(column: Any) -> bool:
    """Whether pyarrow decoded the values of a field exactly as `json` would."""
    kind = column.type
    if kind == pa.float64():
        largest = pc.max(pc.abs(column)).as_py()
        return largest is None or (largest < _EXACT and not pc.any(pc.is_nan(column)).as_py())
    return kind in (pa.string(), pa.bool_(), pa.int64(), pa.null())

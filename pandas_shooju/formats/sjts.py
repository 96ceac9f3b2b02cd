"""SJTS, the binary format of series: sections of JSON text, and the points as runs of evenly spaced values.

    document   "SJTS", u32 size, root section, then one section per series        (little-endian throughout)
    root       JSON text of the object, with "series": N in place of the list; where it has
               "sjts": {"includes_job", "includes_timestamp"} a NUL byte follows, and then for every point of
               the document its u32 job and / or i64 timestamp
    series     u32 size, JSON text, with "points": C in place of the points; then blocks until C points are read
    block      i64 bytes that follow, i64 first date, i32 step (only for two points or more), f64 values

:mod:`pandas_shooju.formats.grid` turns points into blocks, and :mod:`pandas_shooju.formats.blocks` turns blocks into
points. Every size is checked against the number of bytes before it is used. The arrays for the points are
allocated once, for as many points as the bytes can contain, and every series has a slice of them.

Decoding finds the sections and reads the points at once. The JSON texts are parsed when the series are first used:
into columns, or into dicts.
"""

from __future__ import annotations

import json
import re
import secrets
import struct
from typing import Any, TypeAlias

import numpy as np

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.arrow import series_table
from pandas_shooju.formats.blocks import BATCH, BlockReader
from pandas_shooju.formats.collector import PausedCollector
from pandas_shooju.formats.columns import Int64Array, PointColumns
from pandas_shooju.formats.document import Document
from pandas_shooju.formats.grid import blocks_of
from pandas_shooju.formats.json import memory_of as memory_of  # most of the memory is for the texts, which are JSON
from pandas_shooju.formats.table import SeriesTable

CONTENT_TYPE = "application/octet-stream"

_MAGIC = b"SJTS"
_u32 = struct.Struct("<I")
_BRACE = ord("{")
_MARK = 12  # bytes
_MANY = 1 << 15  # points of a series
_LONG = 1 << 16  # bytes of a text
_JOB_COLUMNS = {
    (True, False): np.dtype([("job", "<u4")]),
    (False, True): np.dtype([("timestamp", "<i8")]),
    (True, True): np.dtype([("job", "<u4"), ("timestamp", "<i8")]),
}

_POINTS = re.compile(rb'"points":\s*(\d{1,18})')
_to_json = json.JSONEncoder(separators=(",", ":")).encode


def begins(data: bytes) -> bool:
    """Whether the first bytes are those of a document in SJTS."""
    return data.startswith(_MAGIC)


# --- decoding ---------------------------------------------------------------------------------------------------


def decode(data: bytes) -> Document:
    """Decode an SJTS document."""
    try:
        root, texts = _read(data, careful=False)
    except ShoojuFormatError:
        # either the bytes are bad, or a series has the text "points" elsewhere than at its points: parse each text
        root, texts = _read(data, careful=True)
    return Document(root, texts=texts)


def _read(data: bytes, careful: bool) -> tuple[Any, _Texts | None]:
    end = len(data)
    begin, pos = _section(data, 4, end, "the root section")
    text, nul, per_point = data[begin:pos].partition(b"\0")
    root = _parse(text)
    layout = root.pop("sjts", None) if isinstance(root, dict) else None
    if layout is None and nul:
        raise ShoojuFormatError("a root section without the key 'sjts' must not have bytes after its JSON text")
    if not isinstance(root, dict) or "series" not in root:
        if pos != end:
            raise ShoojuFormatError(
                f"a document without series must end with its root section, got {end - pos} more bytes"
            )
        return root, None
    count = root.pop("series")
    if type(count) is not int or not 0 <= count <= (end - pos) // 4:
        raise ShoojuFormatError(
            f"the document announces {count!r} series, but contains only {end - pos} bytes for them"
        )
    jobs, timestamps = _per_point_columns(layout, per_point)

    blocks = BlockReader(data, (end - pos) // 8)
    found = None if careful else _texts_alone(data, pos, count)
    begins, ends, counts = found or _Sections(data, blocks, careful).read(pos, count)
    filled = blocks.filled
    for column in (jobs, timestamps):
        if column is not None and len(column) < filled:
            raise ShoojuFormatError(
                f"a document must have as many jobs or timestamps as points, got {len(column)} and {filled}"
            )
    points = PointColumns(
        blocks.dates[:filled],
        blocks.values[:filled],
        None if jobs is None else jobs[:filled],
        None if timestamps is None else timestamps[:filled],
    )
    return root, _Texts(data, begins, ends, counts, points, careful)


class _Texts:
    """The JSON texts of the series, and the points that follow each of them."""

    def __init__(
        self, data: bytes, begins: Int64Array, ends: Int64Array, counts: Int64Array, points: PointColumns, careful: bool
    ) -> None:
        self._data = data
        self._begins = begins
        self._ends = ends
        self._counts = counts
        self.points = points
        self._careful = careful

    def __len__(self) -> int:
        return len(self._begins)

    def table(self) -> SeriesTable | None:
        if self._careful:
            return None
        return series_table(self._data, self._begins, self._ends, self._counts, self.points)

    def items(self) -> list[Any]:
        try:
            with PausedCollector(2 * len(self)):
                return self._parsed()
        except ShoojuFormatError:
            if self._careful:
                raise
        _, again = _read(self._data, careful=True)
        assert again is not None
        self.points = again.points
        return again.items()

    def _parsed(self) -> list[Any]:
        texts = [self._data[begin:end] for begin, end in zip(self._begins.tolist(), self._ends.tolist(), strict=True)]
        counts = self._counts.tolist()
        items = [_parse(text) for text in texts] if self._careful else _parse_all(texts)
        for item, n, own in zip(items, counts, self.points.split(counts), strict=True):
            announced = item.get("points") if isinstance(item, dict) else None
            if n >= 0 and type(announced) is int and announced == n:
                item["points"] = own
            elif n >= 0 or (isinstance(item, dict) and "points" in item):
                raise ShoojuFormatError("a series announces a different number of points than it contains")
        return items


#: the begin and end of each text, and the number of points it announces, -1 if it announces none
_Places: TypeAlias = tuple[Int64Array, Int64Array, Int64Array]


class _Sections:
    """Reads the sections of the series of a document, one after the other or many at a time."""

    def __init__(self, data: bytes, blocks: BlockReader, careful: bool) -> None:
        self._data = data
        self._blocks = blocks
        self._careful = careful
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._counts: list[int] = []
        self._in_vain = 0  # bytes examined for nothing: bounds the cost of hostile documents

    def read(self, pos: int, count: int) -> _Places:
        """Read `count` series from `pos` on; the document must end with them."""
        data, end = self._data, len(self._data)
        while len(self._begins) < count:
            begin, pos = _section(data, pos, end, f"series number {len(self._begins)}")
            n = _careful_count(data[begin:pos]) if self._careful else _quick_count(data, begin, pos)
            if n is not None and (type(n) is not int or not 0 <= n <= (end - pos) // 8):
                raise ShoojuFormatError(
                    f"series number {len(self._begins)} announces {n!r} points, but only {end - pos} bytes are left"
                )
            self._begins.append(begin)
            self._ends.append(pos)
            self._counts.append(-1 if n is None else n)
            if n:
                pos = self._blocks.read(pos, n)
                if (self._blocks.shape is not None or self._blocks.irregular) and not self._careful:
                    pos = self._read_alike(pos, count)
        if pos != end:
            raise ShoojuFormatError(f"the document must end with its last series, got {end - pos} more bytes")
        return np.array(self._begins, np.int64), np.array(self._ends, np.int64), np.array(self._counts, np.int64)

    def _read_alike(self, pos: int, count: int) -> int:
        """Read the series from `pos` on whose blocks are like those of the last one; where they end.

        The position of a series is certain only if all series before it are as assumed, and that is checked for many at
        once. Until then the bytes there may be anything, so they are examined first, a batch at a time, and no more
        bytes are examined for nothing than were read. With a shape to go by, a series ends where one of that shape
        does; without it, where the next text begins like the last one.
        """
        data, end, blocks = self._data, len(self._data), self._blocks
        unpack_from, search = _u32.unpack_from, _POINTS.search
        shape = blocks.shape
        first_size, size, points = (b"", 0, 0) if shape is None else (shape.begin, shape.size, shape.points)
        last = end - max(size, 24)  # where blocks begin at the latest
        text = data[self._begins[-1] : self._ends[-1]]
        mark, tail = text[:_MARK], text[text.rfind(b'"points"') :]
        while self._in_vain < pos + BATCH:
            begins: list[int] = []
            counts: list[int] = []
            at: list[int] = []
            ends: list[int] = []
            start, looked_at, more = pos, 0, False
            most = count - len(self._begins)
            while len(at) < most and looked_at < BATCH and end - pos >= 4:
                begin = pos + 4
                until: int = begin + unpack_from(data, pos)[0]
                if until > last or until - begin > _LONG or data[begin] != _BRACE:
                    break
                if not data.startswith(first_size, until):
                    break
                looked_at += until - begin + size
                n: int | None = points
                if not size or not data.endswith(tail, begin, until):
                    found = search(data, begin, until)
                    n = int(found[1]) if found else None
                if size:
                    upto = until + size
                    if n != points:
                        break
                elif not n:
                    upto = until
                    counts.append(-1 if n is None else n)
                    ends.append(upto)
                else:
                    if n > _MANY:
                        break
                    following = data.find(mark, until, until + 24 * n + 4 + _MARK)
                    upto = end if following < 0 else following - 4
                    looked_at += min(upto - until, 24 * n)
                    if (upto - until) % 4 or not 24 <= upto - until <= 24 * n:
                        break
                    counts.append(n)
                    ends.append(upto)
                begins.append(begin)
                at.append(until)
                pos = upto
            else:
                more = bool(at)
            good = 0
            if at:
                good = blocks.read_alike(shape, at) if shape is not None else blocks.read_irregular(at, ends, counts)
            self._begins += begins[:good]
            self._ends += at[:good]
            self._counts += counts[:good] if shape is None else [points] * good
            if good < len(at):  # the next one begins where the last good one ends
                pos, more = begins[good] - 4, False
            self._in_vain += max(looked_at - 2 * (pos - start), 0)
            if not more:
                break
        return pos


def _texts_alone(data: bytes, pos: int, count: int) -> _Places | None:
    """The texts, if there is clearly nothing else from `pos` on; None otherwise.

    The size of a text that is not too long ends with a zero byte, and no text contains one. So whatever follows a zero
    is assumed to be a text, and the check is that each text ends where the size of the next one begins.
    """
    if not count:
        return None
    begin, end = _section(data, pos, len(data), "series number 0")
    if _quick_count(data, begin, end) is not None:
        return None
    raw = np.frombuffer(data, np.uint8)
    zeros = raw[begin - 1 : -1] == 0
    if np.count_nonzero(zeros) > 4 * count:
        return None
    behind = np.flatnonzero(zeros) + begin
    begins = behind[raw[behind] == _BRACE]
    if len(begins) != count or begins[0] != begin:
        return None
    ends = begins + np.ndarray((len(data) - 3,), "<u4", data, 0, (1,))[begins - 4]
    if (ends[:-1] + 4 != begins[1:]).any() or ends[-1] != len(data):
        return None
    return begins, ends, np.full(count, -1)


def _section(data: bytes, pos: int, end: int, what: str) -> tuple[int, int]:
    """The begin and end of the section whose size is at `pos`."""
    if end - pos < 4:
        raise ShoojuFormatError(f"the document ends before {what}")
    begin = pos + 4
    until: int = begin + _u32.unpack_from(data, pos)[0]
    if until > end:
        raise ShoojuFormatError(f"{what} has a size of {until - begin} bytes, but only {end - begin} bytes are left")
    return begin, until


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ShoojuFormatError(f"a section is not JSON: {error} (it begins {text[:40]!r})") from None


def _parse_all(texts: list[bytes]) -> list[Any]:
    """Parse many texts at once.

    They are joined into one list, with a random number between them that no sender can know, so that a text cannot
    pretend to be several texts, or a part of one.
    """
    between = secrets.randbits(62)
    items = _parse(b"[" + (b",%d," % between).join(texts) + b"]") if texts else []
    if len(items) != max(2 * len(texts) - 1, 0) or items[1::2] != [between] * (len(texts) - 1):
        raise ShoojuFormatError("a section is not JSON")
    return items[::2]


def _careful_count(text: bytes) -> Any:
    """The number of points that a series announces, unchecked; None if it announces none."""
    item = _parse(text)
    return item.get("points") if isinstance(item, dict) else None


def _quick_count(data: bytes, begin: int, end: int) -> int | None:
    """The same from a search in the text; it is checked when the text is parsed."""
    found = _POINTS.search(data, begin, end)
    return None if found is None else int(found[1])


def _per_point_columns(layout: Any, data: bytes) -> tuple[Int64Array | None, Int64Array | None]:
    if layout is None:
        return None, None
    if not isinstance(layout, dict):
        raise ShoojuFormatError(f"the value of the key 'sjts' must be an object, got {layout!r}")
    dtype = _JOB_COLUMNS.get((layout.get("includes_job") is True, layout.get("includes_timestamp") is True))
    if dtype is None:
        return None, None
    columns = np.frombuffer(data, dtype, len(data) // dtype.itemsize)
    names = dtype.names or ()
    return (
        columns["job"].astype(np.int64) if "job" in names else None,
        columns["timestamp"].astype(np.int64) if "timestamp" in names else None,
    )


# --- encoding ---------------------------------------------------------------------------------------------------


def encode(document: Any) -> bytes:
    """Encode a document as SJTS."""
    if not isinstance(document, dict) or "series" not in document:
        return _MAGIC + _sized(_json_text(document))
    items = document["series"]
    if not isinstance(items, list):
        raise ShoojuFormatError(f"'series' must be a list, got {type(items).__name__}")
    if "sjts" in document:
        raise ShoojuFormatError("a document must not contain the key 'sjts', which is reserved for the format")
    announced: list[Any] = []  # the items with the number of points in place of the points
    kinds: set[tuple[bool, bool]] = set()
    with_points: list[tuple[int, PointColumns]] = []  # and the items to which they belong
    for item in items:
        if not isinstance(item, dict) or "points" not in item:
            announced.append(item)
            continue
        points = item["points"]
        if isinstance(points, list):
            points = PointColumns.from_rows(points)
        if not isinstance(points, PointColumns):
            raise ShoojuFormatError(f"points must be columns or rows, got {type(points).__name__}")
        if len(points.values) != len(points.dates):
            raise ShoojuFormatError(
                f"points must have as many values as dates, got {len(points.values)} and {len(points.dates)}"
            )
        count = len(points)
        if count:
            kinds.add((points.jobs is not None, points.timestamps is not None))
            with_points.append((len(announced), points))
        announced.append({**item, "points": count})
    root = {**document, "series": len(items)}
    tail = b""
    if len(kinds) > 1:
        raise ShoojuFormatError("all points of a document must have the same columns (jobs, timestamps)")
    all_points = [points for _, points in with_points]
    if kinds and kinds != {(False, False)}:
        jobs, timestamps = kinds.pop()
        root["sjts"] = {"includes_job": jobs, "includes_timestamp": timestamps}
        tail = b"\0" + _pack_per_point(all_points, jobs, timestamps)
    parts: list[bytes | memoryview] = [_MAGIC, _sized(_json_text(root) + tail)]
    texts = list(map(_sized, _json_texts(announced)))
    upto = 0
    for (at, _), blocks in zip(with_points, blocks_of(all_points), strict=True):
        parts += texts[upto : at + 1]
        parts += blocks
        upto = at + 1
    return b"".join([*parts, *texts[upto:]])


def _json_texts(items: list[Any]) -> list[bytes]:
    """Each item as JSON text; they are encoded at once, with a random number between them that none can contain."""
    between = secrets.randbits(62)
    texts = _json_text([one for item in items for one in (item, between)])[1:-1].split(b",%d," % between)
    texts[-1] = texts[-1].removesuffix(b",%d" % between)
    return texts if items else []


def _json_text(value: Any) -> bytes:
    try:
        return _to_json(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ShoojuFormatError(f"the data cannot be represented in JSON: {error}") from None


def _sized(text: bytes) -> bytes:
    if len(text) >= 2**32:
        raise ShoojuFormatError(f"a section must be smaller than 4 GiB, got {len(text)} bytes")
    return _u32.pack(len(text)) + text


def _pack_per_point(parts: list[PointColumns], jobs: bool, timestamps: bool) -> bytes:
    points = PointColumns.concat(parts)
    columns = np.empty(len(points), _JOB_COLUMNS[jobs, timestamps])
    if points.jobs is not None:
        if points.jobs.min() < 0 or points.jobs.max() >= 2**32:
            raise ShoojuFormatError("job ids must fit in 32 bits in SJTS")
        columns["job"] = points.jobs
    if points.timestamps is not None:
        columns["timestamp"] = points.timestamps
    return columns.tobytes()

"""SJTS, the binary format of series: sections of JSON text, and the points as runs of evenly spaced values.

    document   "SJTS", u32 size, root section, then one section per series        (little-endian throughout)
    root       JSON text of the object, with "series": N in place of the list; where it has
               "sjts": {"includes_job", "includes_timestamp"} a NUL byte follows, and then for every point of
               the document its u32 job and / or i64 timestamp
    series     u32 size, JSON text, with "points": C in place of the points; then blocks until C points are read
    block      i64 bytes that follow, i64 first date, i32 step (only when two points or more), f64 values

Theory. A document is walked once, series by series. A series on one even grid is one block: two numpy calls. A
series of many blocks is nearly always runs of blocks of the same size (ticks: pairs; months: single points;
business days: weeks), and a run is a strided view over the bytes: it is found, checked and copied as an array.
Writing mirrors this: where the blocks of an index begin depends on its dates alone, so it is computed once
(`_Grid`) and used for every series on that index, and the values go to their places by one scatter.

Every size is checked against the bytes that are there before anything is allocated or read by it. The arrays for
the points are allocated once, for at most as many points as the bytes could hold.

Without the magic a document is plain JSON: a server may answer so to an SJTS request.
"""

from __future__ import annotations

import gc
import json
import re
import secrets
import struct
from typing import Any

import numpy as np

from pandas_shooju.formats.columns import Float64Array, Int64Array, PointColumns
from pandas_shooju.formats.errors import ShoojuFormatError
from pandas_shooju.formats.json import decode as decode_json

MAGIC = b"SJTS"

_u32 = struct.Struct("<I")
_i32 = struct.Struct("<i")
_f64 = struct.Struct("<d")
_single_head = struct.Struct("<qq")
_block_head = struct.Struct("<qqi")
# a date outside is nobody's, and inside no sum of a date and its steps overflows
_MAX_DATE = 2**62
_JOB_COLUMNS = {
    (True, False): np.dtype([("job", "<u4")]),
    (False, True): np.dtype([("timestamp", "<i8")]),
    (True, True): np.dtype([("job", "<u4"), ("timestamp", "<i8")]),
}

_POINTS = re.compile(rb'"points":\s*(\d{1,18})')
_COUNTING = np.arange(20_000)
_ITEMS = [np.dtype((np.void, 8 * n)) for n in range(64)]

_to_json = json.JSONEncoder(separators=(",", ":")).encode


# --- decoding ---------------------------------------------------------------------------------------------------


def decode(data: bytes) -> Any:
    """The document in `data`."""
    if data[:4] != MAGIC:
        return decode_json(data)
    pause = gc.isenabled()
    gc.disable()  # else it looks at all the new objects again and again, and finds nothing
    try:
        return _decode(data, careful=False)
    except ShoojuFormatError:
        # bad bytes, or a series that has "points" in a place where they are not its points: now text by text
        return _decode(data, careful=True)
    finally:
        if pause:
            gc.enable()


def _decode(data: bytes, *, careful: bool) -> Any:
    end = len(data)
    text, pos = _section(data, 4, end, "the root section")
    text, nul, per_point = text.partition(b"\0")
    root = _parse(text)
    layout = root.pop("sjts", None) if isinstance(root, dict) else None
    if layout is None and nul:
        raise ShoojuFormatError("the root section has bytes behind its JSON text, and nothing says what they are")
    if not isinstance(root, dict) or "series" not in root:
        if pos != end:
            raise ShoojuFormatError(f"{end - pos} bytes follow a document without series")
        return root
    count = root["series"]
    if type(count) is not int or not 0 <= count <= (end - pos) // 4:
        raise ShoojuFormatError(f"{count!r} series are announced, in {end - pos} bytes")
    jobs, timestamps = _per_point_columns(layout, per_point)

    room = (end - pos) // 8
    dates, values = np.empty(room, np.int64), np.empty(room, np.float64)
    filled = 0
    texts: list[bytes] = []
    points: list[PointColumns | None] = []
    for number in range(count):
        text, pos = _section(data, pos, end, f"series number {number}")
        texts.append(text)
        n = _careful_count(text) if careful else _quick_count(text)
        if n is None:
            points.append(None)
            continue
        if type(n) is not int or not 0 <= n <= (end - pos) // 8:
            raise ShoojuFormatError(f"series number {number} announces {n!r} points, in {end - pos} bytes")
        upto = filled + n
        columns = PointColumns(
            dates[filled:upto],
            values[filled:upto],
            None if jobs is None else jobs[filled:upto],
            None if timestamps is None else timestamps[filled:upto],
        )
        columns.start = filled
        pos = _read_blocks(data, pos, end, columns.dates, columns.values)
        filled = upto
        points.append(columns)
    if pos != end:
        raise ShoojuFormatError(f"{end - pos} bytes follow the last series")
    for column in (jobs, timestamps):
        if column is not None and len(column) < filled:
            raise ShoojuFormatError(f"jobs or timestamps of {len(column)} points, for {filled} points")
    items = [_parse(text) for text in texts] if careful else _parse_all(texts)
    for item, own in zip(items, points, strict=True):
        announced = item.get("points") if isinstance(item, dict) else None
        if own is not None and type(announced) is int and announced == len(own):
            item["points"] = own
        elif own is not None or (isinstance(item, dict) and "points" in item):
            raise ShoojuFormatError("a series has points, and others are announced")
    root["series"] = items
    return root


def _section(data: bytes, pos: int, end: int, what: str) -> tuple[bytes, int]:
    """The bytes of the section whose size stands at `pos`, and where it ends."""
    if end - pos < 4:
        raise ShoojuFormatError(f"the document ends before {what}")
    begin = pos + 4
    until: int = begin + _u32.unpack_from(data, pos)[0]
    if until > end:
        raise ShoojuFormatError(f"{what} is {until - begin} bytes long, and {end - begin} are left")
    return data[begin:until], until


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ShoojuFormatError(f"a section is not JSON: {error} (it begins {text[:40]!r})") from None


def _parse_all(texts: list[bytes]) -> list[Any]:
    """What each of the texts holds, parsed in one go.

    They stand in one list with a number between each two that nobody who wrote them could know; so whatever they
    hold, they cannot pass for others than they are.
    """
    between = secrets.randbits(62)
    items = _parse(b"[" + (b",%d," % between).join(texts) + b"]") if texts else []
    if len(items) != max(2 * len(texts) - 1, 0) or any(separator != between for separator in items[1::2]):
        raise ShoojuFormatError("a section is not JSON")
    return items[::2]


def _careful_count(text: bytes) -> Any:
    """The number of points that a series announces, whatever it is; None for none."""
    item = _parse(text)
    return item.get("points") if isinstance(item, dict) else None


def _quick_count(text: bytes) -> int | None:
    """The same from a look at the text, to be checked when it is parsed."""
    found = _POINTS.search(text)
    return None if found is None else int(found[1])


def _per_point_columns(layout: Any, data: bytes) -> tuple[Int64Array | None, Int64Array | None]:
    if layout is None:
        return None, None
    if not isinstance(layout, dict):
        raise ShoojuFormatError(f"the key 'sjts' holds {layout!r}, not an object")
    dtype = _JOB_COLUMNS.get((layout.get("includes_job") is True, layout.get("includes_timestamp") is True))
    if dtype is None:
        return None, None
    columns = np.frombuffer(data, dtype, len(data) // dtype.itemsize)
    names = dtype.names or ()
    return (
        columns["job"].astype(np.int64) if "job" in names else None,
        columns["timestamp"].astype(np.int64) if "timestamp" in names else None,
    )


def _read_blocks(data: bytes, pos: int, end: int, dates: Int64Array, values: Float64Array) -> int:
    """Fill the dates and values of a series from the blocks at `pos`; where they end."""
    count = len(dates)
    done = 0
    while done < count:
        if end - pos < 24:
            raise ShoojuFormatError(f"the document ends in a series, {count - done} of {count} points before its end")
        size: int
        first: int
        size, first = _single_head.unpack_from(data, pos)
        n = (size - 8) // 8
        if not 1 <= n <= count - done or size != (16 if n == 1 else 12 + 8 * n) or size > end - pos - 8:
            raise ShoojuFormatError(
                f"a block of {size} bytes, where {end - pos - 8} bytes and {count - done} points are left"
            )
        stride = 8 + size
        blocks = 1
        if done + n < count:  # another block follows: how many of the same size?
            blocks = _run_length(data, pos, size, min((count - done) // n, (end - pos) // stride))
        upto = done + blocks * n
        if blocks == 1:
            if not -_MAX_DATE <= first <= _MAX_DATE:
                raise ShoojuFormatError("a block begins at a date out of all bounds")
            if n == 1:
                dates[done] = first
                values[done] = _f64.unpack_from(data, pos + 16)[0]
            else:
                own = dates[done:upto]
                np.multiply(
                    _COUNTING[:n] if n <= len(_COUNTING) else np.arange(n), _i32.unpack_from(data, pos + 16)[0], own
                )
                own += first
                values[done:upto] = np.frombuffer(data, "<f8", n, pos + 20)
        else:
            firsts: Int64Array = np.ndarray((blocks,), "<i8", data, pos + 8, (stride,)).copy()
            if firsts.min() < -_MAX_DATE or firsts.max() > _MAX_DATE:
                raise ShoojuFormatError("a block begins at a date out of all bounds")
            # whole blocks of values at a time, as opaque items: a copy of memory for each
            item = _ITEMS[n] if n < len(_ITEMS) else np.dtype((np.void, 8 * n))
            values[done:upto].view(item)[...] = np.ndarray(
                (blocks,), item, data, pos + (16 if n == 1 else 20), (stride,)
            )
            if n == 1:
                dates[done:upto] = firsts
            else:
                steps = np.ndarray((blocks, 1), "<i4", data, pos + 16, (stride, 4)).astype(np.int64)
                own = dates[done:upto].reshape(blocks, n)
                np.multiply(steps, _COUNTING[:n] if n <= len(_COUNTING) else np.arange(n), own)
                own += firsts[:, np.newaxis]
        done = upto
        pos += blocks * stride
    return pos


def _run_length(data: bytes, pos: int, size: int, most: int) -> int:
    """How many blocks of `size` bytes follow each other from `pos` on, up to `most`."""
    stride = 8 + size
    known, window = 1, 8
    while known < most:
        ahead = min(window, most - known)
        sizes = np.ndarray((ahead,), "<i8", data, pos + known * stride, (stride,))
        other = sizes != size
        at = int(other.argmax())
        if other[at]:
            return known + at
        known += ahead
        window *= 8
    return known


# --- encoding ---------------------------------------------------------------------------------------------------


def encode(document: Any) -> bytes:
    """A document as SJTS."""
    if not isinstance(document, dict) or "series" not in document:
        return MAGIC + _sized(_json_text(document))
    items = document["series"]
    if not isinstance(items, list):
        raise ShoojuFormatError(f"'series' is {type(items).__name__}, where SJTS has a list")
    if "sjts" in document:
        raise ShoojuFormatError("the key 'sjts' is the format's own")
    parts: list[bytes | memoryview] = []
    kinds: set[tuple[bool, bool]] = set()
    per_point: list[PointColumns] = []
    grid: _Grid | None = None
    for item in items:
        if not isinstance(item, dict) or "points" not in item:
            parts.append(_sized(_json_text(item)))
            continue
        points = item["points"]
        if isinstance(points, list):
            points = PointColumns.from_rows(points)
        if not isinstance(points, PointColumns):
            raise ShoojuFormatError(f"points are {type(points).__name__}, not columns or rows")
        if len(points.values) != len(points.dates):
            raise ShoojuFormatError(f"{len(points.dates)} dates and {len(points.values)} values")
        parts.append(_sized(_json_text({**item, "points": len(points)})))
        if len(points):
            kinds.add((points.jobs is not None, points.timestamps is not None))
            if kinds != {(False, False)}:
                per_point.append(points)
            if grid is None or not grid.fits(points.dates):
                grid = _Grid(points.dates)
            parts += grid.blocks(points.values)
    root = {**document, "series": len(items)}
    tail = b""
    if len(kinds) > 1:
        raise ShoojuFormatError("some points have jobs or timestamps and others do not")
    if per_point:
        jobs, timestamps = kinds.pop()
        root["sjts"] = {"includes_job": jobs, "includes_timestamp": timestamps}
        tail = b"\0" + _pack_per_point(per_point, jobs, timestamps)
    return b"".join([MAGIC, _sized(_json_text(root) + tail), *parts])


def _json_text(value: Any) -> bytes:
    try:
        return _to_json(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ShoojuFormatError(f"not to be written as JSON: {error}") from None


def _sized(text: bytes) -> bytes:
    if len(text) >= 2**32:
        raise ShoojuFormatError(f"a section of {len(text)} bytes, where 4 GiB is the limit")
    return _u32.pack(len(text)) + text


def _pack_per_point(parts: list[PointColumns], jobs: bool, timestamps: bool) -> bytes:
    points = PointColumns.concat(parts)
    columns = np.empty(len(points), _JOB_COLUMNS[jobs, timestamps])
    if points.jobs is not None:
        if points.jobs.min() < 0 or points.jobs.max() >= 2**32:
            raise ShoojuFormatError("a job id does not fit in 32 bits, as SJTS has them")
        columns["job"] = points.jobs
    if points.timestamps is not None:
        columns["timestamp"] = points.timestamps
    return columns.tobytes()


class _Grid:
    """Where the blocks of an index begin, for every series that has these dates."""

    def __init__(self, dates: Int64Array) -> None:
        self._dates = dates
        self._starts = starts = _block_starts(dates)
        lengths = np.diff(starts, append=len(dates))
        if len(starts) == 1:
            return
        # the bytes of all the blocks as 32-bit words, complete but for the values, and the places of the values
        heads = np.where(lengths == 1, 4, 5)
        at = np.cumsum(heads + 2 * lengths) - (heads + 2 * lengths)
        words = np.zeros(int(heads.sum()) + 2 * len(dates), "<u4")
        firsts = np.ascontiguousarray(dates[starts], "<i8").view("<u4")
        sizes = np.where(lengths == 1, 16, 12 + 8 * lengths).astype("<i8").view("<u4")
        for half in (0, 1):
            words[at + half] = sizes[half::2]
            words[at + 2 + half] = firsts[half::2]
        several = lengths > 1
        steps = dates[starts[several] + 1] - dates[starts[several]]
        words[at[several] + 4] = steps.astype("<i4").view("<u4")
        self._words = words
        self._places = np.repeat(at + heads - 2 * starts, lengths) + 2 * np.arange(len(dates))

    def fits(self, dates: Int64Array) -> bool:
        return dates is self._dates or np.array_equal(dates, self._dates)

    def blocks(self, values: Float64Array) -> list[bytes | memoryview]:
        """The blocks with these values, to be joined."""
        values = np.ascontiguousarray(values, "<f8")
        n = len(values)
        if len(self._starts) > 1:
            words = self._words.copy()
            halves = values.view("<u4")
            words[self._places] = halves[0::2]
            words[self._places + 1] = halves[1::2]
            return [words.data]
        first = int(self._dates[0])
        if n == 1:
            head = _single_head.pack(16, first)
        else:
            head = _block_head.pack(12 + 8 * n, first, int(self._dates[1]) - first)
        return [head, values.data]


def _block_starts(dates: Int64Array) -> Int64Array:
    """The positions at which the blocks of `dates` begin.

    As the reference encoder has it: a block takes the difference of its first two dates as its step and goes on
    while it holds; the difference between the last of a block and the first of the next belongs to neither.

    Told in runs of equal differences: a run begins either at a free date (state 0) or with its first date already
    taken by the block before (state 1). A run of two differences or more always makes a block and leaves the
    next run's first date taken; a single difference makes one only if its date is free, so that a stretch of them
    takes turns; differences beyond 32 bits make blocks of single points, and leave a free date.
    """
    n = len(dates)
    if n < 2:
        return np.zeros(1, np.int64)
    steps = np.diff(dates)
    if steps[0] == steps[-1] and (steps == steps[0]).all() and -(2**31) <= steps[0] < 2**31:
        return np.zeros(1, np.int64)
    begins = np.flatnonzero(np.diff(steps, prepend=steps[0] ^ 1))
    lengths = np.diff(begins, append=len(steps))
    step = steps[begins]
    wide = (step < -(2**31)) | (step >= 2**31)
    sets = wide | (lengths > 1)
    # the state left by the last run that sets it, toggled by every run since
    numbers = np.arange(len(begins))
    setter = np.maximum.accumulate(np.where(sets, numbers, -1))
    setter = np.concatenate(([-1], setter[:-1]))
    left = np.where(setter >= 0, ~wide[setter], False)
    taken = left ^ ((numbers - setter - 1) % 2 == 1)
    starts = np.zeros(n, bool)
    narrow = ~wide & (~taken | (lengths > 1))
    starts[(begins + taken)[narrow]] = True
    # every date of a wide run begins a block, but for its first where that is taken
    inside = np.repeat(wide, lengths)
    starts[:-1] |= inside
    starts[begins[wide & taken]] = False
    # the last date, where the last block before it ended earlier
    last_wide, last_taken, last_length = wide[-1], taken[-1], lengths[-1]
    if last_wide or (last_taken and last_length == 1):
        starts[-1] = True
    return np.flatnonzero(starts)

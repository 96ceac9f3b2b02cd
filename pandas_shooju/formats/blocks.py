r"""The points of SJTS: runs of evenly spaced values, read into columns.

    block      i64 bytes that follow, i64 first date, i32 step (only when two points or more), f64 values

Theory. What the blocks of a series are is its *shape*: runs of blocks of one size (hourly: one block; months: blocks of
single points; ticks: mostly pairs; business days: weeks, the first and the last one shorter). A run is a strided view
over the bytes, checked and copied as an array. The shape of a series must be found step by step, but the next series
nearly always has the same: so the series that follow one are taken to be like it, many at a time, and that is checked
by comparing the sizes of all their blocks at once before anything is believed. What all the series of a batch have in
common, such as their dates, is computed once.

Where runs are too short for that (ticks by the second), or each series has another shape (gaps here and there), blocks
are found by what they begin like, again in many series at a time, and that each begins where the one before it ends is
the check.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.columns import Float64Array, Int64Array

Bytes = npt.NDArray[np.uint8]

#: a date outside is nobody's, and within no sum of a date and its steps wraps around to it
MAX_DATE = 2**62

#: bytes that are read as one batch: they stay in the cache while they are checked and copied
BATCH = 1 << 20
#: a series of more bytes gains nothing from being read with others
_LARGE = 1 << 16
#: runs in a shape; with more of them a series is irregular
_RUNS = 8

_i64 = struct.Struct("<q")
_i32 = struct.Struct("<i")
_single_head = struct.Struct("<qq")
_COUNTING = np.arange(20_000)


class _Run(NamedTuple):
    """Blocks of one size, one after the other."""

    at: int  # bytes from the first block of the series
    blocks: int
    n: int  # points of each block

    @property
    def head(self) -> int:
        """Bytes of a block before its values."""
        return 16 if self.n == 1 else 20

    @property
    def stride(self) -> int:
        """Bytes of a block."""
        return self.head + 8 * self.n


class Shape(NamedTuple):
    """The blocks of a series, but for what they hold."""

    size: int  # bytes of all the blocks
    points: int
    runs: list[_Run]

    @property
    def begin(self) -> bytes:
        """The first bytes: the size of the first block."""
        return _i64.pack(self.runs[0].stride - 8)


class BlockReader:
    """Reads the blocks of the series of one document, one after the other.

    Attributes
    ----------
    dates, values
        What was read, `filled` points so far, in arrays with room for all that the document can hold.
    shape
        That of the last series, if others can be read with it.
    irregular
        Whether the last series had none, but blocks of changing sizes.
    """

    def __init__(self, data: bytes, room: int) -> None:
        self._data = data
        self._end = len(data)
        self.dates: Int64Array = np.empty(room, np.int64)
        self.values: Float64Array = np.empty(room, np.float64)
        self.filled = 0
        self.shape: Shape | None = None
        self.irregular = False

    def read(self, pos: int, count: int) -> int:
        """Read the next series, of at least one point, from the blocks at `pos`; where they end.

        Raises
        ------
        ShoojuFormatError
            The blocks are not such, or end too early, or have a date out of all bounds.
        """
        if self._end - pos < 24:
            raise self._ends_early(count)
        size: int
        first: int
        size, first = _single_head.unpack_from(self._data, pos)
        if size == 12 + 8 * count and count > 1:
            # by far the most frequent: all the points are one block
            if size > self._end - pos - 8:
                raise self._ends_early(count)
            step: int = _i32.unpack_from(self._data, pos + 16)[0]
            _check_dates(first, first + step * (count - 1))
            dates = self.dates[self.filled : self.filled + count]
            np.multiply(_counting(count), step, dates)
            dates += first
            self.values[self.filled : self.filled + count] = np.frombuffer(self._data, "<f8", count, pos + 20)
            runs, end = [_Run(0, 1, count)], pos + 8 + size
        else:
            runs, end = self._read_runs(pos, count)
        self.filled += count
        self.irregular = len(runs) > _RUNS
        self.shape = None if self.irregular or end - pos > _LARGE else Shape(end - pos, count, runs)
        return end

    def read_alike(self, shape: Shape, at: Sequence[int]) -> int:
        """Read series whose blocks begin at these positions, taken to be of a shape; how many are, from the first on.

        All their bytes must be there. They are the next ones of the document only if all before them are of that shape:
        what is found behind the first that is not counts for nothing.

        Raises
        ------
        ShoojuFormatError
            A date is out of all bounds.
        """
        windows: npt.NDArray[np.void] = np.ndarray(
            (self._end - shape.size + 1,), _item(shape.size), self._data, 0, (1,)
        )
        table = windows[np.array(at)].view(np.uint8).reshape(len(at), shape.size)
        right = np.ones(len(at), bool)
        for run in shape.runs:
            right &= (_heads(table, run, 0) == run.stride - 8).all(axis=1)
        good = len(at) if right.all() else int(right.argmin())
        self._copy(shape, table[:good])
        return good

    def _copy(self, shape: Shape, table: Bytes) -> None:
        """Fill the dates and values of the next series from their bytes, checked to be of the shape."""
        series = len(table)
        if not series:
            return
        count = shape.points
        upto = self.filled + series * count
        dates = self.dates[self.filled : upto].reshape(series, count)
        values = self.values[self.filled : upto].reshape(series, count)
        alike = series > 1 and all(_is_one(_heads(table, run, 8)) and _is_one(_steps(table, run)) for run in shape.runs)
        own = dates[:1] if alike else dates
        done = 0
        for run in shape.runs:
            firsts, steps = _heads(table, run, 8)[: len(own)], _steps(table, run)[: len(own)]
            _fill_dates(own[:, done : done + run.blocks * run.n], firsts, steps, run)
            item = _F64 if run.n == 1 else _item(8 * run.n)
            source = _strided(table, item, run, run.head)
            np.ndarray(source.shape, item, values, 8 * done, (8 * count, item.itemsize))[...] = source
            done += run.blocks * run.n
        _check_dates(own.min(), own.max())
        if alike:
            dates[1:] = own
        self.filled = upto

    def _read_runs(self, pos: int, count: int) -> tuple[list[_Run], int]:
        """Read the series at `pos`, whatever its shape; its runs (some, if they are many), and where it ends."""
        data, end, begin = self._data, self._end, pos
        runs: list[_Run] = []
        left = count
        while left and len(runs) <= _RUNS:
            n, stride = self._block_at(pos, left)
            # another block follows: how many of the same size?
            blocks = _run_length(data, pos, stride, min(left // n, (end - pos) // stride)) if left > n else 1
            runs.append(_Run(pos - begin, blocks, n))
            left -= blocks * n
            pos += blocks * stride
        filled = self.filled
        if left:
            pos = self._read_blocks(begin, count)
            self.filled = filled
            return runs, pos
        whole: Bytes = np.ndarray((1, pos - begin), np.uint8, data, begin)
        self._copy(Shape(pos - begin, count, runs), whole)
        self.filled = filled
        return runs, pos

    def read_irregular(self, at: Sequence[int], ends: Sequence[int], counts: Sequence[int]) -> int:
        """Read series, taken to have the blocks between these positions and these counts; how many have, as above.

        The size of a block begins with a small number, and four zeros follow: what else in the bytes looks like that is
        told by where it stands, as each block begins where the one before it ends.

        Raises
        ------
        ShoojuFormatError
            A date is out of all bounds.
        """
        expected = np.maximum(counts, 0)
        data = b"".join([self._data[begin:end] for begin, end in zip(at, ends, strict=True)])
        if not data:
            return len(at)
        words = np.frombuffer(data, "<u4", len(data) // 4)
        places = np.flatnonzero((words[:-1] <= min(12 + 8 * int(expected.max()), 2**31)) & (words[1:] == 0))
        sizes = words[places].astype(np.int64)
        block = (sizes == 16) | ((sizes > 20) & (sizes % 8 == 4))
        places, sizes = places[block], sizes[block]
        follow = places + 2 + sizes // 4
        if not len(places) or places[0] != 0:
            return 0
        if not np.array_equal(follow[:-1], places[1:]):
            path = _path(places, follow)
            places, sizes, follow = places[path], sizes[path], follow[path]
        # of each series: its first block, and that behind its last
        bounds = np.cumsum([0, *(end - begin for begin, end in zip(at, ends, strict=True))]) // 4
        blocks = np.searchsorted(np.append(places, follow[-1]), bounds)
        lengths = np.where(sizes == 16, 1, sizes // 8 - 1)
        points = np.append(0, np.cumsum(lengths))
        right = np.append(places, follow[-1])[np.minimum(blocks, len(places))] == bounds
        upto = points[np.minimum(blocks, len(places))]
        whole = right[:-1] & right[1:] & (np.diff(upto) == expected)
        good = len(counts) if whole.all() else int(whole.argmin())
        last = blocks[good]
        if last:
            self._fill(data, 4 * places[:last], lengths[:last])
        return good

    def _read_blocks(self, pos: int, count: int) -> int:
        """Read the series at `pos` block by block; where it ends."""
        places: list[int] = []
        lengths: list[int] = []
        left, begin = count, pos
        while left:
            n, stride = self._block_at(pos, left)
            places.append(pos - begin)
            lengths.append(n)
            left -= n
            pos += stride
        self._fill(self._data[begin:pos], np.array(places), np.array(lengths))
        return pos

    def _fill(self, data: bytes, places: Int64Array, lengths: Int64Array) -> None:
        """Fill dates and values from blocks of any lengths, which begin at these places of some bytes."""
        several = lengths > 1
        steps = np.zeros(len(places), np.int64)
        steps[several] = _anywhere(data, _I32)[places[several] + 16]
        ends = np.cumsum(lengths)
        count = int(ends[-1])
        dates = self.dates[self.filled : self.filled + count]
        block = np.repeat(np.arange(len(places)), lengths)
        inside = np.arange(count) - (ends - lengths)[block]
        np.multiply(steps[block], inside, dates)
        dates += _anywhere(data, _I64)[places + 8][block]
        _check_dates(dates.min(), dates.max())
        inside *= 8
        inside += (places + np.where(several, 20, 16))[block]
        self.values[self.filled : self.filled + count] = _anywhere(data, _F64)[inside]
        self.filled += count

    def _block_at(self, pos: int, left: int) -> tuple[int, int]:
        """How many points the block at `pos` has, and how many bytes."""
        there = self._end - pos
        if there < 24:
            raise self._ends_early(left)
        size: int = _i64.unpack_from(self._data, pos)[0]
        n = (size - 8) // 8
        if not 1 <= n <= left or size != (16 if n == 1 else 12 + 8 * n) or size > there - 8:
            raise ShoojuFormatError(f"a block of {size} bytes, where {there - 8} bytes and {left} points are left")
        return n, 8 + size

    def _ends_early(self, left: int) -> ShoojuFormatError:
        return ShoojuFormatError(f"the document ends in a series, with {left} points to come")


def _strided(table: Bytes, dtype: np.dtype[Any], run: _Run, at: int) -> npt.NDArray[Any]:
    """What stands `at` bytes into each block of a run: a row for each series, a column for each block."""
    return np.ndarray((len(table), run.blocks), dtype, table, run.at + at, (table.shape[1], run.stride))


def _heads(table: Bytes, run: _Run, at: int) -> Int64Array:
    return _strided(table, _I64, run, at)


def _steps(table: Bytes, run: _Run) -> npt.NDArray[np.int32]:
    return _NO_STEPS if run.n == 1 else _strided(table, _I32, run, 16)


_I64, _I32, _F64 = np.dtype("<i8"), np.dtype("<i4"), np.dtype("<f8")
_NO_STEPS = np.zeros((1, 1), np.int32)


def _fill_dates(dates: Int64Array, firsts: Int64Array, steps: npt.NDArray[np.int32], run: _Run) -> None:
    """The dates of a run, a row for each series, from the first dates and the steps of its blocks."""
    n = run.n
    if n <= 6:
        dates[:, ::n] = firsts
        for i in range(1, n):
            np.add(dates[:, i - 1 :: n], steps, dates[:, i::n])
    else:
        blocks = np.lib.stride_tricks.as_strided(
            dates, (len(dates), run.blocks, n), (dates.strides[0], 8 * n, 8)
        )  # a view, though the rows of `dates` may be parts of longer ones
        np.multiply(steps[:, :, np.newaxis].astype(np.int64), _counting(n), blocks)
        blocks += firsts[:, :, np.newaxis]


def _is_one(table: npt.NDArray[Any]) -> bool:
    """Whether all the rows are the same."""
    return bool((table[1:] == table[0]).all())


def _check_dates(lowest: int | np.int64, highest: int | np.int64) -> None:
    if not (-MAX_DATE <= lowest <= MAX_DATE and -MAX_DATE <= highest <= MAX_DATE):
        raise ShoojuFormatError("a block has a date out of all bounds")


def _anywhere(data: bytes, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The numbers that begin at each byte."""
    return np.ndarray((len(data) - dtype.itemsize + 1,), dtype, data, 0, (1,))


def _path(places: Int64Array, follow: Int64Array) -> list[int]:
    """The places that are reached from the first one, if from each one goes to the place that follows it."""
    after = np.searchsorted(places, follow)
    there = after < len(places)
    there[there] = places[after[there]] == follow[there]
    following = np.where(there, after, -1).tolist()
    path = []
    at = 0
    while at >= 0:
        path.append(at)
        at = following[at]
    return path


@lru_cache(maxsize=256)
def _item(size: int) -> np.dtype[np.void]:
    """An opaque item of so many bytes: numpy copies it as memory."""
    return np.dtype((np.void, size))


def _counting(n: int) -> Int64Array:
    return _COUNTING[:n] if n <= len(_COUNTING) else np.arange(n)


def _run_length(data: bytes, pos: int, stride: int, most: int) -> int:
    """How many blocks of `stride` bytes follow each other from `pos` on, up to `most`."""
    known, window = 1, 1024
    while known < most:
        ahead = min(window, most - known)
        sizes: Int64Array = np.ndarray((ahead,), "<i8", data, pos + known * stride, (stride,))
        other = sizes != stride - 8
        at = int(other.argmax())
        if other[at]:
            return known + at
        known += ahead
        window *= 8
    return known

r"""Decoding the points of SJTS, runs of evenly spaced values, into columns.

    block      i64 bytes that follow, i64 first date, i32 step (only when two points or more), f64 values

Theory. The *shape* of a series describes its blocks as runs of blocks of one size (hourly data: one block; months:
blocks of single points; ticks: mostly pairs; business days: a block per week, the first and the last one shorter). A
run is a strided view over the bytes, checked and copied as an array. The shape of a series has to be found step by
step, but the next series nearly always has the same one. So the following series are assumed to have that shape, many
at a time, and the assumption is checked by comparing the sizes of all their blocks at once, before anything is used.
What all series of a batch have in common, such as their dates, is computed once.

Where runs are too short for that (ticks by the second), blocks are found by how they begin, again in many series at a
time; the check is that each block begins where the previous one ends.
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

#: the largest date; within it, no sum of a date and its steps can overflow
MAX_DATE = 2**62

#: the bytes of one batch, which stay in the cache while they are checked and copied
BATCH = 1 << 20
#: a series with more bytes does not gain from being read together with others
_LARGE = 1 << 16
#: the maximum number of runs of a shape; a series with more of them is irregular
_RUNS = 8

_i64 = struct.Struct("<q")
_i32 = struct.Struct("<i")
_single_head = struct.Struct("<qq")
_COUNTING = np.arange(20_000)


class _Run(NamedTuple):
    """Consecutive blocks of one size."""

    at: int  # bytes from the first block of the series
    blocks: int
    n: int  # points per block

    @property
    def head(self) -> int:
        """Bytes before the values of a block."""
        return 16 if self.n == 1 else 20

    @property
    def stride(self) -> int:
        """Bytes of a block."""
        return self.head + 8 * self.n


class Shape(NamedTuple):
    """The sizes of the blocks of a series."""

    size: int  # bytes of all blocks
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
        The points read so far, of which there are `filled`, in arrays with room for all that the document can contain.
    shape
        The shape of the last series, if others can be read with it.
    irregular
        Whether the last series has no shape, but blocks of changing sizes.
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
        """Read the next series, of at least one point, from the blocks at `pos`; return where they end.

        Raises
        ------
        ShoojuFormatError
            The blocks are malformed or incomplete, or contain a date that is out of range.
        """
        if self._end - pos < 24:
            raise self._ends_early(count)
        size: int
        first: int
        size, first = _single_head.unpack_from(self._data, pos)
        if size == 12 + 8 * count and count > 1:
            # by far the most frequent case: all points are in one block
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
        """Read series whose blocks begin at these positions, assuming a shape; return how many have it.

        All their bytes must exist. The positions are valid only as long as all series before them have the shape, so
        everything after the first series that does not have it is ignored.

        Raises
        ------
        ShoojuFormatError
            A date is out of range.
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
        """Fill in the dates and values of the next series from their bytes, which have the shape."""
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
        """Read the series at `pos`, whatever its shape; return its runs (some, if there are many) and its end."""
        data, end, begin = self._data, self._end, pos
        runs: list[_Run] = []
        left = count
        while left and len(runs) <= _RUNS:
            n, stride = self._block_at(pos, left)
            # another block follows: how many have the same size?
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
        """Read series, assuming blocks between these positions and these counts; return how many have them, as above.

        The size of a block is a small number followed by four zero bytes. Other bytes that look like that are
        recognized by their position, because each block begins where the previous one ends.

        Raises
        ------
        ShoojuFormatError
            A date is out of range.
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
        # for each series, its first block, and the one after its last block
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
        """Read the series at `pos` block by block; return where it ends."""
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
        """Fill in dates and values from blocks of any lengths at these positions."""
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
        """The number of points and of bytes of the block at `pos`."""
        there = self._end - pos
        if there < 24:
            raise self._ends_early(left)
        size: int = _i64.unpack_from(self._data, pos)[0]
        n = (size - 8) // 8
        if not 1 <= n <= left or size != (16 if n == 1 else 12 + 8 * n) or size > there - 8:
            raise ShoojuFormatError(
                f"a block of {size} bytes does not fit: {there - 8} bytes and {left} points are left"
            )
        return n, 8 + size

    def _ends_early(self, left: int) -> ShoojuFormatError:
        return ShoojuFormatError(f"the document ends in a series, with {left} points to come")


def _strided(table: Bytes, dtype: np.dtype[Any], run: _Run, at: int) -> npt.NDArray[Any]:
    """The items `at` bytes into each block of a run: a row per series, a column per block."""
    return np.ndarray((len(table), run.blocks), dtype, table, run.at + at, (table.shape[1], run.stride))


def _heads(table: Bytes, run: _Run, at: int) -> Int64Array:
    return _strided(table, _I64, run, at)


def _steps(table: Bytes, run: _Run) -> npt.NDArray[np.int32]:
    return _NO_STEPS if run.n == 1 else _strided(table, _I32, run, 16)


_I64, _I32, _F64 = np.dtype("<i8"), np.dtype("<i4"), np.dtype("<f8")
_NO_STEPS = np.zeros((1, 1), np.int32)


def _fill_dates(dates: Int64Array, firsts: Int64Array, steps: npt.NDArray[np.int32], run: _Run) -> None:
    """The dates of a run, a row per series, from the first dates and the steps of its blocks."""
    n = run.n
    if n <= 6:
        dates[:, ::n] = firsts
        for i in range(1, n):
            np.add(dates[:, i - 1 :: n], steps, dates[:, i::n])
    else:
        blocks = np.lib.stride_tricks.as_strided(
            dates, (len(dates), run.blocks, n), (dates.strides[0], 8 * n, 8)
        )  # a view, although the rows of `dates` may be parts of longer ones
        np.multiply(steps[:, :, np.newaxis].astype(np.int64), _counting(n), blocks)
        blocks += firsts[:, :, np.newaxis]


def _is_one(table: npt.NDArray[Any]) -> bool:
    """Whether all rows are equal."""
    return bool((table[1:] == table[0]).all())


def _check_dates(lowest: int | np.int64, highest: int | np.int64) -> None:
    if not (-MAX_DATE <= lowest <= MAX_DATE and -MAX_DATE <= highest <= MAX_DATE):
        raise ShoojuFormatError("a block has a date that is out of range")


def _anywhere(data: bytes, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The number that begins at each byte."""
    return np.ndarray((len(data) - dtype.itemsize + 1,), dtype, data, 0, (1,))


def _path(places: Int64Array, follow: Int64Array) -> list[int]:
    """The positions reached by going from the first one to the one that follows it, and so on."""
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
    """An opaque item of this many bytes: numpy copies it as memory."""
    return np.dtype((np.void, size))


def _counting(n: int) -> Int64Array:
    return _COUNTING[:n] if n <= len(_COUNTING) else np.arange(n)


def _run_length(data: bytes, pos: int, stride: int, most: int) -> int:
    """The number of consecutive blocks of `stride` bytes from `pos` on, up to `most`."""
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

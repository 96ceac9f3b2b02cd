"""The points of SJTS: runs of evenly spaced values, to and from columns.

    block      i64 bytes that follow, i64 first date, i32 step (only when two points or more), f64 values

Theory. A series on one even grid is one block: a few numpy calls. A series of many blocks is nearly always runs of
blocks of the same size (ticks: pairs; months: single points; business days: weeks), and a run is a strided view over
the bytes: it is found, checked and copied as an array. Where series after series begins alike, the layout of one is
kept, and the next is compared with it: if all the heads are the same, so are the dates, and only values are copied.

Writing mirrors this: where the blocks of an index begin depends on its dates alone, so it is computed once (`Grid`) and
used for every series on that index, and the values go to their places by one scatter.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pandas_shooju.formats.columns import Float64Array, Int64Array
from pandas_shooju.formats.errors import ShoojuFormatError

#: a date outside is nobody's, and within no sum of a date and its steps wraps around to it
MAX_DATE = 2**62

_i32 = struct.Struct("<i")
_f64 = struct.Struct("<d")
_single_head = struct.Struct("<qq")
_block_head = struct.Struct("<qqi")
_COUNTING = np.arange(20_000)


class _Run(NamedTuple):
    """Blocks of one size, one after the other."""

    at: int  # bytes from the first block of the series
    blocks: int
    n: int  # points of each block


class _Layout(NamedTuple):
    """The blocks of a series, but for the values."""

    size: int
    runs: list[_Run]
    heads: list[bytes]  # of each run
    dates: Int64Array


class BlockReader:
    """Reads the blocks of the series of one document, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = len(data)
        self._begin = b""  # of the last series of several blocks
        self._layout: _Layout | None = None

    def read(self, pos: int, dates: Int64Array, values: Float64Array) -> int:
        """Fill the dates and values of a series, at least one, from the blocks at `pos`; where they end.

        Raises
        ------
        ShoojuFormatError
            The blocks are not such, or end too early. (Dates out of all bounds are for the caller to find.)
        """
        count = len(dates)
        if self._end - pos < 24:
            raise self._ends_early(count)
        size: int
        first: int
        size, first = _single_head.unpack_from(self._data, pos)
        if size != 12 + 8 * count or count == 1:
            return self._read_several(pos, dates, values)
        if size > self._end - pos - 8:
            raise self._ends_early(count)
        # by far the most frequent: all the points are one block
        np.multiply(_counting(count), _i32.unpack_from(self._data, pos + 16)[0], dates)
        dates += first
        values[:] = np.frombuffer(self._data, "<f8", count, pos + 20)
        return pos + 8 + size

    def _read_several(self, pos: int, dates: Int64Array, values: Float64Array) -> int:
        begin = self._data[pos : pos + 16]  # size and date of the first block
        if begin == self._begin:
            layout = self._layout
            if layout is not None and len(layout.dates) == len(dates) and self._is_at(layout, pos):
                dates[:] = layout.dates
                done = 0
                for run in layout.runs:
                    self._copy_values(pos + run.at, run, values[done : done + run.blocks * run.n])
                    done += run.blocks * run.n
                return pos + layout.size
        runs: list[_Run] = []
        end = self._read_runs(pos, dates, values, runs)
        if begin == self._begin:  # the second of its kind: more may follow
            self._layout = _Layout(end - pos, runs, [self._heads(pos, run) for run in runs], dates)
        self._begin = begin
        return end

    def _read_runs(self, pos: int, dates: Int64Array, values: Float64Array, runs: list[_Run]) -> int:
        data, end, begin = self._data, self._end, pos
        count = len(dates)
        done = 0
        while done < count:
            if end - pos < 24:
                raise self._ends_early(count - done)
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
            run = _Run(pos - begin, blocks, n)
            upto = done + blocks * n
            own = dates[done:upto]
            if n == 1 and blocks == 1:
                dates[done] = first
                values[done] = _f64.unpack_from(data, pos + 16)[0]
            else:
                self._copy_values(pos, run, values[done:upto])
                firsts: Int64Array = np.ndarray((blocks,), "<i8", data, pos + 8, (stride,))
                if n == 1:
                    own[:] = firsts
                else:
                    steps: npt.NDArray[np.int32] = np.ndarray((blocks,), "<i4", data, pos + 16, (stride,))
                    if n <= 6:
                        own[::n] = firsts
                        for i in range(1, n):
                            np.add(own[i - 1 :: n], steps, own[i::n])
                    else:
                        table = own.reshape(blocks, n)
                        np.multiply(steps[:, np.newaxis].astype(np.int64), _counting(n), table)
                        table += firsts[:, np.newaxis]
            runs.append(run)
            done = upto
            pos += blocks * stride
        return pos

    def _copy_values(self, pos: int, run: _Run, values: Float64Array) -> None:
        item = _item(8 * run.n)
        head = 16 if run.n == 1 else 20
        values.view(item)[...] = np.ndarray((run.blocks,), item, self._data, pos + head, (head + 8 * run.n,))

    def _heads(self, pos: int, run: _Run) -> bytes:
        head = 16 if run.n == 1 else 20
        heads: npt.NDArray[np.void] = np.ndarray(
            (run.blocks,), _item(head), self._data, pos + run.at, (head + 8 * run.n,)
        )
        return heads.tobytes()

    def _is_at(self, layout: _Layout, pos: int) -> bool:
        if layout.size > self._end - pos:
            return False
        return all(self._heads(pos, run) == heads for run, heads in zip(layout.runs, layout.heads, strict=True))

    def _ends_early(self, left: int) -> ShoojuFormatError:
        return ShoojuFormatError(f"the document ends in a series, with {left} points to come")


@lru_cache(maxsize=256)
def _item(size: int) -> np.dtype[np.void]:
    """An opaque item of so many bytes: numpy copies it as memory."""
    return np.dtype((np.void, size))


def _counting(n: int) -> Int64Array:
    return _COUNTING[:n] if n <= len(_COUNTING) else np.arange(n)


def _run_length(data: bytes, pos: int, size: int, most: int) -> int:
    """How many blocks of `size` bytes follow each other from `pos` on, up to `most`."""
    stride = 8 + size
    known, window = 1, 1024
    while known < most:
        ahead = min(window, most - known)
        sizes: Int64Array = np.ndarray((ahead,), "<i8", data, pos + known * stride, (stride,))
        other = sizes != size
        at = int(other.argmax())
        if other[at]:
            return known + at
        known += ahead
        window *= 8
    return known


class Grid:
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
        """Whether these are the dates of the grid."""
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

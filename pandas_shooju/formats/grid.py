"""Encoding the points of SJTS, as runs of evenly spaced values (see :mod:`pandas_shooju.formats.blocks`).

The positions of the blocks depend on the dates alone, so they are computed once per index (`Grid`) and used for every
series on that index; the values are put in place by one scatter. Series with different dates are encoded together, as
one index whose blocks end where a series ends.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pandas_shooju.formats.columns import Float64Array, Int64Array, PointColumns

Buffers: TypeAlias = list[bytes | memoryview]

#: the number of points of series with different dates that are encoded together
_TOGETHER = 200_000
#: series of at most this many points are worth a copy of their values, to put many in place at once
_FEW = 100
_FROM_THE_FIRST = np.zeros(1, np.int64)

_single_head = struct.Struct("<qq")
_block_head = struct.Struct("<qqi")


def blocks_of(series: Sequence[PointColumns]) -> Iterator[Buffers]:
    """The blocks of each series, to be joined; every series must have points."""
    apart: list[PointColumns] = []
    room = _TOGETHER
    for run in _of_same_dates(series):
        if len(run) == 1 and len(run[0]) < room:
            apart += run
            room -= len(run[0])
            continue
        yield from _together(apart)
        apart, room = [], _TOGETHER
        yield from Grid(run[0].dates).blocks_of_run([points.values for points in run])
    yield from _together(apart)


def _of_same_dates(series: Sequence[PointColumns]) -> Iterator[list[PointColumns]]:
    """Runs of consecutive series with the same dates."""
    run: list[PointColumns] = []
    for points in series:
        if run and not (points.dates is run[0].dates or np.array_equal(points.dates, run[0].dates)):
            yield run
            run = []
        run.append(points)
    if run:
        yield run


def _together(series: Sequence[PointColumns]) -> Iterator[Buffers]:
    """The blocks of each of several series with different dates."""
    if len(series) < 2:
        yield from (Grid(points.dates).blocks(points.values) for points in series)
        return
    begins = np.cumsum([0, *(len(points) for points in series[:-1])])
    grid = Grid(np.concatenate([points.dates for points in series]), begins)
    yield from grid.blocks_of_each(np.concatenate([points.values for points in series]))


class Grid:
    """The positions of the blocks of an index, for every series that has these dates.

    `dates` may be those of several series, one after the other; `begins` are the positions of their first dates.
    """

    def __init__(self, dates: Int64Array, begins: Int64Array = _FROM_THE_FIRST) -> None:
        self._dates = dates
        self._starts = starts = _block_starts(dates, begins)
        lengths = np.diff(starts, append=len(dates))
        if len(starts) == 1:
            return
        # all blocks as 32-bit words, complete except for the values, and the positions of the values
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
        self._cuts = [*at[np.searchsorted(starts, begins)].tolist(), len(words)]

    def blocks(self, values: Float64Array) -> Buffers:
        """The blocks with these values, to be joined."""
        if len(self._starts) > 1:
            return [self._filled(values).data]
        return [self._head(), np.ascontiguousarray(values, "<f8").data]

    def _head(self) -> bytes:
        """What is before the values, if there is one block."""
        first, n = int(self._dates[0]), len(self._dates)
        if n == 1:
            return _single_head.pack(16, first)
        return _block_head.pack(12 + 8 * n, first, int(self._dates[1]) - first)

    def blocks_of_run(self, run: Sequence[Float64Array]) -> Iterator[Buffers]:
        """The blocks with the values of each of several series that have these dates."""
        n = len(self._dates)
        if len(self._starts) > 1 or n > _FEW:
            yield from map(self.blocks, run)
            return
        head = self._head()
        size = len(head) + 8 * n
        blocks = np.empty((len(run), size), np.uint8)
        blocks[:, : len(head)] = np.frombuffer(head, np.uint8)
        blocks[:, len(head) :] = np.concatenate(run).astype("<f8", copy=False).view(np.uint8).reshape(-1, 8 * n)
        data = blocks.tobytes()
        for begin in range(0, len(data), size):
            yield [data[begin : begin + size]]

    def blocks_of_each(self, values: Float64Array) -> Iterator[Buffers]:
        """The blocks of each of several series, with the values of all."""
        words = self._filled(values)
        for begin, end in pairwise(self._cuts):
            yield [words[begin:end].data]

    def _filled(self, values: Float64Array) -> npt.NDArray[np.uint32]:
        """The words of all blocks, with the values."""
        words = self._words.copy()
        halves = np.ascontiguousarray(values, "<f8").view("<u4")
        words[self._places] = halves[0::2]
        words[self._places + 1] = halves[1::2]
        return words


def _block_starts(dates: Int64Array, begins: Int64Array) -> Int64Array:
    """The positions in `dates` at which blocks begin; `begins` are those at which a series begins.

    As in the reference encoder, the step of a block is the difference of its first two dates, and the block continues
    while it holds. The difference between the last date of a block and the first date of the next belongs to neither.

    In terms of runs of equal differences: a run begins either at a free date (state 0), or its first date already
    belongs to the previous block (state 1). A run of two differences or more always makes a block, which includes the
    first date of the next run. A single difference makes a block only if its date is free, so that consecutive ones
    alternate. Differences beyond 32 bits make blocks of single points and leave a free date; the difference between two
    series is treated as one of those.
    """
    n = len(dates)
    if n < 2:
        return np.zeros(1, np.int64)
    steps = np.diff(dates)
    steps[begins[1:] - 1] = 2**40
    if steps[0] == steps[-1] and (steps == steps[0]).all() and -(2**31) <= steps[0] < 2**31:
        return np.zeros(1, np.int64)
    begins = np.flatnonzero(np.diff(steps, prepend=steps[0] ^ 1))
    lengths = np.diff(begins, append=len(steps))
    step = steps[begins]
    wide = (step < -(2**31)) | (step >= 2**31)
    sets = wide | (lengths > 1)
    # the state after the last run that sets it, toggled by every run since
    numbers = np.arange(len(begins))
    setter = np.maximum.accumulate(np.where(sets, numbers, -1))
    setter = np.concatenate(([-1], setter[:-1]))
    left = np.where(setter >= 0, ~wide[setter], False)
    taken = left ^ ((numbers - setter - 1) % 2 == 1)
    starts = np.zeros(n, bool)
    narrow = ~wide & (~taken | (lengths > 1))
    starts[(begins + taken)[narrow]] = True
    # every date of a wide run begins a block, except its first one if it is taken
    inside = np.repeat(wide, lengths)
    starts[:-1] |= inside
    starts[begins[wide & taken]] = False
    # the last date, if the block before it ended earlier
    last_wide, last_taken, last_length = wide[-1], taken[-1], lengths[-1]
    if last_wide or (last_taken and last_length == 1):
        starts[-1] = True
    return np.flatnonzero(starts)

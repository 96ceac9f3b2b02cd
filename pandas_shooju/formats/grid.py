"""The points of SJTS: columns, written as runs of evenly spaced values (see :mod:`pandas_shooju.formats.blocks`).

Where the blocks of an index begin depends on its dates alone, so it is computed once (`Grid`) and used for every series
on that index, and the values go to their places by one scatter.
"""

from __future__ import annotations

import struct

import numpy as np

from pandas_shooju.formats.columns import Float64Array, Int64Array

_single_head = struct.Struct("<qq")
_block_head = struct.Struct("<qqi")


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

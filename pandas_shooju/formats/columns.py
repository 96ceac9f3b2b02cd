"""`PointColumns`: the points of a series as numpy columns, the one form in which points travel.

From the wire to the frame there is never a Python object per point. The conversions from and to rows serve the formats
whose own form is rows (JSON and msgpack).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from pandas_shooju.errors import ShoojuFormatError

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_INT64 = range(-(2**63), 2**63)


class PointColumns:
    """Points of one series, as columns of the same length.

    Parameters
    ----------
    dates
        int64, milliseconds since 1970-01-01; UTC, or local wall-clock time for a localized series.
    values
        float64; NaN is a missing value (a null on the wire).
    jobs
        int64, the id of the job that wrote each point; None if not requested.
    timestamps
        int64, milliseconds since 1970-01-01 UTC at which each point was written; None if not requested.

    Examples
    --------
    >>> import numpy as np
    >>> points = PointColumns(np.array([0, 1000]), np.array([1.5, np.nan]))
    >>> len(points), points.to_rows()
    (2, [[0, 1.5], [1000, None]])
    """

    __slots__ = ("dates", "jobs", "timestamps", "values")

    def __init__(
        self,
        dates: Int64Array,
        values: Float64Array,
        jobs: Int64Array | None = None,
        timestamps: Int64Array | None = None,
    ) -> None:
        self.dates = dates
        self.values = values
        self.jobs = jobs
        self.timestamps = timestamps

    def __len__(self) -> int:
        return len(self.dates)

    def __repr__(self) -> str:
        return f"PointColumns({self[:3].to_rows()}{'...' if len(self) > 3 else ''}, {len(self)} points)"

    def __eq__(self, other: object) -> bool:
        """Whether all columns are equal; a NaN equals a NaN."""
        if not isinstance(other, PointColumns):
            return NotImplemented
        return (
            np.array_equal(self.dates, other.dates)
            and np.array_equal(self.values, other.values, equal_nan=True)
            and _same(self.jobs, other.jobs)
            and _same(self.timestamps, other.timestamps)
        )

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, key: slice | Int64Array | npt.NDArray[np.bool_]) -> PointColumns:
        """The points that a slice, a mask or positions select."""
        return PointColumns(
            self.dates[key],
            self.values[key],
            None if self.jobs is None else self.jobs[key],
            None if self.timestamps is None else self.timestamps[key],
        )

    def split(self, counts: Sequence[int]) -> list[PointColumns | None]:
        """Consecutive parts of these lengths; None in place of a part for -1."""
        columns = (self.dates, self.values, self.jobs, self.timestamps)
        n = counts[0] if counts else 0
        if n > 0 and counts.count(n) == len(counts):
            rows = [repeat(None) if column is None else column.reshape(-1, n) for column in columns]
            return list(map(PointColumns, *rows))
        parts: list[PointColumns | None] = []
        upto = 0
        for n in counts:
            start, upto = upto, upto + max(n, 0)
            parts.append(self[start:upto] if n >= 0 else None)
        return parts

    @classmethod
    def empty(cls, *, jobs: bool = False, timestamps: bool = False) -> PointColumns:
        """No points, with the requested columns."""
        none = np.empty(0, np.int64)
        return cls(none, np.empty(0, np.float64), none if jobs else None, none if timestamps else None)

    @classmethod
    def concat(cls, parts: Sequence[PointColumns]) -> PointColumns:
        """The points of several, one after the other; all must have the same columns."""
        # an empty part may lack columns
        parts = [part for part in parts if len(part)] or list(parts[:1])
        if len(parts) < 2:
            return parts[0] if parts else cls.empty()
        jobs = [part.jobs for part in parts if part.jobs is not None]
        timestamps = [part.timestamps for part in parts if part.timestamps is not None]
        return cls(
            np.concatenate([part.dates for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate(jobs) if jobs else None,
            np.concatenate(timestamps) if timestamps else None,
        )

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[Any]], *, jobs: bool = False, timestamps: bool = False) -> PointColumns:
        """Columns from rows ``[milliseconds, value]``, followed by the job and the timestamp if requested.

        Raises
        ------
        ShoojuFormatError
            A row has another length, a date is not a 64-bit integer, or a value is neither a number nor null.
        """
        width = 2 + jobs + timestamps
        try:
            rows = list(rows)
            columns = list(zip(*rows, strict=True)) if rows else [()] * width
        except (TypeError, ValueError):
            raise ShoojuFormatError("the points must be rows of equal length") from None
        if len(columns) != width:
            raise ShoojuFormatError(
                f"the points must have {width} columns ({jobs=}, {timestamps=}), got {len(columns)}"
            )
        extra = [_integers(column, "job or timestamp") for column in columns[2:]]
        return cls(
            _integers(columns[0], "date"),
            _floats(columns[1]),
            extra[0] if jobs else None,
            extra[-1] if timestamps else None,
        )

    def to_rows(self) -> list[list[Any]]:
        """Rows ``[milliseconds, value, ...]`` of plain Python numbers; NaN becomes None."""
        values: list[float | None] = self.values.tolist()
        for i in np.flatnonzero(np.isnan(self.values)).tolist():
            values[i] = None
        columns = [self.dates.tolist(), values]
        columns += [extra.tolist() for extra in (self.jobs, self.timestamps) if extra is not None]
        return [list(row) for row in zip(*columns, strict=True)]


def _same(a: Int64Array | None, b: Int64Array | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def _integers(column: Sequence[Any], what: str) -> Int64Array:
    for number in column:
        # some encoders write a large integer as a float
        if not (type(number) is int or (type(number) is float and number.is_integer())):
            raise ShoojuFormatError(f"the {what} of a point must be an integer, got {number!r}")
        if int(number) not in _INT64:
            raise ShoojuFormatError(f"the {what} of a point must fit in 64 bits, got {number!r}")
    return np.fromiter(map(int, column), np.int64, len(column))


def _floats(column: Sequence[Any]) -> Float64Array:
    for value in column:
        if not (type(value) is float or type(value) is int or value is None):
            raise ShoojuFormatError(f"the value of a point must be a number or null, got {value!r}")
    try:
        return np.fromiter((math.nan if v is None else v for v in column), np.float64, len(column))
    except OverflowError:
        raise ShoojuFormatError("the value of a point cannot be represented in float64") from None

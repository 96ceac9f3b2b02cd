"""The frequency that the dates of a series have, although some may be missing. Pure.

`Catalog.describe` does not read dates, and judges by their mean distance.

Frequencies have the names of those of `pandas.Period`: ``h``, ``15min``, ``D``, ``B``, ``W``, ``M``, ``Q``, ``Y``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pandas_shooju import clocks
from pandas_shooju.clocks import Int64Array, TimeZone

__all__ = ["Frequency", "frequency_of"]

_HOUR, _DAY = 3_600_000, 86_400_000

#: for each frequency of several days, the days that it takes on average, and by how many one period may differ
_PERIODS = {"W": (7.0, 0.0), "M": (30.436875, 3.0), "Q": (91.310625, 4.0), "6M": (182.62125, 4.0), "Y": (365.2425, 3.0)}
_UNITS = (("h", _HOUR), ("min", 60_000), ("s", 1000), ("ms", 1))


class Frequency(NamedTuple):
    """The frequency of a series."""

    #: its name
    name: str
    #: int64, the number of periods from each date to the next, which is 1 unless dates are missing
    steps: Int64Array

    @property
    def missing(self) -> int:
        """How many dates between the first and the last one are missing."""
        return int(self.steps.sum()) - len(self.steps)

    @property
    def has_days(self) -> bool:
        """Whether its dates are days, or longer periods."""
        return self.name[-1] in "DBWMQY"

    @property
    def gaps(self) -> npt.NDArray[np.bool_]:
        """Whether dates are missing between each date and the next.

        Up to two weekdays in a row that business days lack are taken to be holidays.
        """
        gaps: npt.NDArray[np.bool_] = self.steps > (3 if self.name == "B" else 1)
        return gaps


def frequency_of(dates: Int64Array, tz: TimeZone | None = None) -> Frequency | None:
    """The frequency of dates, of which some may be missing.

    Parameters
    ----------
    dates
        int64, milliseconds since 1970-01-01, ascending: UTC, or wall-clock times if `tz` is None.
    tz
        The time zone in which the dates are days or months. Those of days that are an hour off, because they are those
        of another time zone, are days, too.

    Returns
    -------
    Frequency or None
        None if the dates are irregular, or fewer than two.

    Examples
    --------
    >>> days = np.array(["2024-01-01", "2024-01-02", "2024-01-05"], "M8[ms]").view("i8")
    >>> found = frequency_of(days)
    >>> found.name, found.missing, found.gaps.tolist()
    ('D', 2, [False, True])
    >>> months = np.array(["2023-12", "2024-01", "2024-03"], "M8[M]").astype("M8[ms]").view("i8")
    >>> frequency_of(months).name
    'M'
    """
    if len(dates) < 2:
        return None
    wall = dates if tz is None else clocks.utc_to_wall(dates, tz)
    if _most_frequent(np.diff(dates)) < 23 * _HOUR:
        return _within_days(np.diff(dates)) or _within_days(np.diff(wall))
    days = (wall - wall[0] + _DAY // 2) // _DAY
    if (np.abs(wall - wall[0] - days * _DAY) > _HOUR).any():  # not the same time of the day
        return None
    return _of_days(days, (wall + 2 * _HOUR) // _DAY)


def _most_frequent(differences: Int64Array) -> int:
    values, counts = np.unique(differences, return_counts=True)
    return int(values[counts.argmax()])


def _within_days(differences: Int64Array) -> Frequency | None:
    step = _most_frequent(differences)
    if step <= 0:
        return None
    steps, rest = np.divmod(differences, step)
    if rest.any() or (steps < 1).any():
        return None
    name, unit = next((name, unit) for name, unit in _UNITS if step % unit == 0)
    return Frequency(name if step == unit else f"{step // unit}{name}", steps)


def _of_days(days: Int64Array, dates: Int64Array) -> Frequency | None:
    """The frequency of days; `dates` are days since 1970-01-01, of which the weekday is known."""
    differences = np.diff(days)
    step = _most_frequent(differences)
    if step < 1 or (differences < 1).any():
        return None
    if step == 1:
        weekdays = (dates + 3) % 7  # 1970-01-01 was a Thursday
        if (weekdays < 5).all():
            calendar = dates.astype("M8[D]")
            business = np.busday_count(calendar[:-1], calendar[1:]).astype(np.int64)
            if business.sum() < differences.sum():  # there is a weekend
                return Frequency("B", business)
        return Frequency("D", differences)
    for name, (length, tolerance) in _PERIODS.items():
        if abs(step - length) <= tolerance:
            steps = np.rint(differences / length).astype(np.int64)
            if (steps >= 1).all() and (np.abs(differences - steps * length) <= tolerance).all():
                return Frequency(name, steps)
            return None
    if (differences % step).any():
        return None
    return Frequency(f"{step}D", differences // step)

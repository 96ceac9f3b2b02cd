"""Where the dates and the values of a frame are in the caller's code, and the code that mends them there. Pure.

Code in messages stands in backquotes. It is written for the names ``pd`` and ``df`` (the frame, also that of a groupby)
or ``series``, and can be executed as it is; what it refers to is taken from the frame.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.clocks.suggestions import Conversion, conversion_to_dates
from pandas_shooju.values import is_missing


class Place(NamedTuple):
    """Where dates are in the caller's data."""

    #: ``df`` or ``series``
    root: str
    #: the label of a column, or the number of a level of the index or of the columns
    column: Any = None
    level: int | None = None
    axis: str = "index"

    @property
    def each(self) -> str:
        """The expression for the dates, one for each row."""
        if self.column is not None:
            return f"{self.root}[{self.column!r}]"
        return f"{self.root}.{self.axis}" + ("" if self.level is None else f".get_level_values({self.level})")

    @property
    def distinct(self) -> str:
        """The expression for the dates that are converted: those of a level, or one for each row."""
        return self.each if self.level is None else f"{self.root}.{self.axis}.levels[{self.level}]"

    def assigned(self, code: str) -> str:
        """The statement that replaces the dates."""
        if self.level is None:
            return f"{self.each} = {code}"
        index = f"{self.root}.{self.axis}"
        return f"{index} = {index}.set_levels({code}, level={self.level})"


def place_of(source: pd.DataFrame | pd.Series, name: Hashable | None) -> Place:
    """Where a column or level of this name is; None is the index."""
    root = "series" if isinstance(source, pd.Series) else "df"
    names = list(source.index.names)
    if isinstance(source, pd.DataFrame) and name is not None and name in source.columns:
        return Place(root, column=name)
    if len(names) > 1 and name in names:
        return Place(root, level=names.index(name))
    return Place(root)


def level_place(frame: pd.DataFrame, name: Hashable) -> Place:
    """Where a level of the columns is."""
    several = isinstance(frame.columns, pd.MultiIndex)
    return Place("df", level=frame.columns.names.index(name) if several else None, axis="columns")


def converted(values: Any, place: Place) -> str | None:
    """Advice to convert the dates at a place: the code, and what it may need; None if no conversion works."""
    index = pd.Index(values) if place.column is None else values
    found = conversion_to_dates(index, place.distinct)
    return None if found is None else f"`{place.assigned(found.code)}`{day_first(found)}"


def day_first(found: Conversion) -> str:
    """What to add to advice where the day may come before the month."""
    return " (with dayfirst=True if the day comes before the month)" if found.day_first else ""


def value_code(source: pd.DataFrame | pd.Series, name: Hashable) -> str | None:
    """The expression for a column of values; None if it has no plain one."""
    if isinstance(source, pd.Series):
        return "series"
    plain = all(isinstance(part, str | int | float) for part in (name if isinstance(name, tuple) else (name,)))
    one = plain and not is_missing(name) and list(source.columns).count(name) == 1
    return f"df[{name!r}]" if one else None


# --- local times ------------------------------------------------------------------------------------------------------


def local_time_remedy(error: clocks.LocalTimeError, values: Any, place: Place) -> str:
    """How to say which instants naive local times mean, or to drop those that the clock skipped."""
    root, zone = place.root, error.zone
    if error.reason == "ambiguous":
        aware = f"{_datetimes(values, place, place.distinct)}.tz_localize({zone!r}, ambiguous=True)"
        return (
            f"Make the dates aware: `{place.assigned(aware)}` takes all such times as the first of the two, "
            "ambiguous=False as the second"
        )
    dates = _datetimes(values, place, place.each)
    exist = f"{dates}.tz_localize({zone!r}, ambiguous=True, nonexistent='NaT').notna()"
    return f"Drop the times that the clock skipped: `{root} = {root}[{exist}]`"


def _datetimes(values: Any, place: Place, expression: str) -> str:
    """The expression for the dates with the methods of datetimes."""
    accessor = "" if place.column is None else ".dt"
    if isinstance(values.dtype, pd.PeriodDtype):
        return f"{expression}{accessor}.to_timestamp(){accessor}"
    if getattr(values.dtype, "kind", "O") == "M":
        return f"{expression}{accessor}"
    return f"pd.to_datetime({expression}){accessor}"

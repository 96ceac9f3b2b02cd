"""What to do with a frame whose dates are not where they are looked for: in its columns, or in a column. Pure.

The code in these messages is that of :mod:`pandas_shooju.frame.places`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pandas_shooju.clocks.suggestions import conversion_to_dates
from pandas_shooju.frame.dates_values import is_dates, listed
from pandas_shooju.frame.places import Place, converted, day_first
from pandas_shooju.values import is_missing

#: names of columns whose numbers may be dates
_DATE_NAMES = ("dt", "date", "datetime", "timestamp", "time", "day", "month", "quarter", "year", "period")

#: strings that may be dates, as column labels: "Jan" or "5" alone is none
_LIKE_A_DATE = re.compile(r"\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2}")


def shape_remedy(frame: pd.DataFrame) -> str:
    """What to do with a frame that has dates nowhere that they are looked for."""
    return _index_to_dates(frame) or transposed(frame) or _column_to_index(frame) or _ANY_SHAPE


_ANY_SHAPE = (
    "If it is wide, its index must contain datetimes or periods. If it is long, name its columns with date= and "
    "value=. If it has only fields, name its index: `df.index.name = 'series_id'`"
)


def _index_to_dates(frame: pd.DataFrame) -> str | None:
    advice = converted(frame.index, Place("df"))
    return None if advice is None else f"Convert the index: {advice}"


def transposed(frame: pd.DataFrame) -> str | None:
    """Advice for a frame with dates in its columns, beside columns that label its rows; None for any other frame."""
    if isinstance(frame.columns, pd.MultiIndex):
        return None
    dated = [name for name in frame.columns if is_date_label(name)]
    labels = [name for name in frame.columns if not is_date_label(name)]
    if not dated or (labels and (len(dated) < 2 or not frame.columns.is_unique)):
        return None
    turned = "df.T"
    if labels:
        if any(pd.api.types.is_float_dtype(frame[name]) for name in labels):
            return None
        turned = f"df.set_index({labels!r}).T"
    index = pd.Index(dated, dtype=object)
    if all(hasattr(name, "year") for name in dated):  # dates of pandas or of Python
        return f"The dates must be in the rows, but they are in the columns: `df = {turned}`"
    found = conversion_to_dates(index, "df.index")
    if found is None:
        return None
    return (
        f"The dates must be in the rows, but they are in the columns: `df = {turned}; df.index = {found.code}`"
        f"{day_first(found)}"
    )


def is_date_label(label: Any) -> bool:
    """Whether the label of a column is a date, or a string or a number that looks like one."""
    if isinstance(label, bool) or is_missing(label):
        return False
    if hasattr(label, "year"):
        return True
    if isinstance(label, str):
        possible = len(label) <= 30 and "\\" not in label and _LIKE_A_DATE.search(label) is not None
        return possible and conversion_to_dates(pd.Index([label]), "") is not None
    return isinstance(label, int | np.integer) and 1000 <= int(label) < 3000


def _column_to_index(frame: pd.DataFrame) -> str | None:
    """Advice for a frame with dates in a column: it is wide if all others have numbers, and else long."""
    if isinstance(frame.columns, pd.MultiIndex) or not frame.columns.is_unique:
        return None
    found = next(((name, how) for name, how in _date_columns(frame) if how is not None), None)
    if found is None:
        return None
    date, conversion = found
    convert = "" if conversion == "" else f"{conversion}; "
    others = [name for name in frame.columns if name != date]
    numeric = [name for name in others if pd.api.types.is_numeric_dtype(frame[name])]
    labels = [name for name in others if name not in numeric]
    if not labels:
        return f"Move the dates to the index: `{convert}df = df.set_index({date!r})`"
    if not numeric or not all(isinstance(name, str) for name in labels):
        return None
    return (
        f"Convert the dates: `{conversion}`, and pass " if convert else "Pass "
    ) + f"the names of its columns: `{_long_arguments(labels, date, numeric)}`"


def _long_arguments(labels: Sequence[Hashable], date: Hashable, values: Sequence[Hashable]) -> str:
    """The arguments of `write` for a long frame."""
    placeholders = [f"{{{name}}}" for name in labels] + (["{variable}"] if len(values) > 1 else [])
    sid = "\\".join([r"users\sam", *placeholders])
    value = values[0] if len(values) == 1 else list(values)
    return f"sid=r'{sid}', date={date!r}, value={value!r}"


def _date_columns(frame: pd.DataFrame) -> list[tuple[Hashable, str | None]]:
    """The columns, those with dates first, and the statement that converts each: none is needed, or None is known."""
    ready = [(name, "") for name in frame.columns if is_dates(frame[name])]
    if ready:
        return list(ready)
    found = []
    for name in frame.columns:
        column = frame[name]
        may_be = not pd.api.types.is_numeric_dtype(column) or str(name).lower() in _DATE_NAMES
        conversion = conversion_to_dates(column, f"df[{name!r}]") if may_be else None
        found.append((name, None if conversion is None else f"df[{name!r}] = {conversion.code}"))
    return found


def no_values(frame: pd.DataFrame, date: Hashable | None, source: Any) -> str:
    """The message for a long frame without a column ``val``, of the caller's data."""
    numeric = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    message = (
        "value= must name the column with the values (by default 'val'), or a list of columns; the numeric columns are "
        f"{listed(numeric)}"
    )
    if date is None or not isinstance(source, pd.DataFrame) or date not in source.columns:
        return message
    return f"{message}. If each column is a series, leave out date=: `df = df.set_index({date!r})`"

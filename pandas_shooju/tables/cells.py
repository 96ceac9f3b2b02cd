"""The cells of a file -> dates and numbers: those that a column must contain, and nothing else is ever parsed.

An error says what a cell contains instead, and which option of the command line would read it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pandas_shooju.frame.dates_values import date_index, is_dates

#: formats of dates that an error proposes, if they fit; the first of two that fit is the likelier one
_FORMATS = [
    f"{day}{time}"
    for day in (
        *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%y", "%m/%d/%y"),
        *("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
    )
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H:%M %z", " %H:%M:%S %z")
] + [
    "%Y",
    "%Y-%m",
    "%Y/%m",
    "%Y%m",
    "%Y%m%d",
    "%m/%Y",
    "%m.%Y",
    "%b %Y",
    "%b-%Y",
    "%b-%y",
    "%B %Y",
    "%Y%m%d%H",
    "%Y%m%d%H%M",
]

#: the units of dates that are numbers, counted from 1970-01-01 UTC
_UNITS = {"s": 1_000_000, "ms": 1000, "us": 1}
#: the length of a date without separators, the only number that ISO 8601 knows as a date
_YYYYMMDD = 8

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TextFormat:
    """How a file writes text, numbers and dates; by default as `pandas_shooju.tables.save` does."""

    #: what separates the cells of a CSV file; by default a tab in a .tsv file, and else a comma
    sep: str | None = None
    #: the decimal point of a CSV file, and what separates the thousands in its numbers
    decimal: str = "."
    thousands: str = ""
    encoding: str = "utf-8"
    #: as in `datetime.datetime.strptime`, or the unit (``s``, ``ms``, ``us``) of numbers since 1970-01-01 UTC; by
    #: default dates are ISO 8601
    date_format: str | None = None
    #: texts that stand for a missing value in the columns of values, besides an empty cell and ``nan``
    na_values: tuple[str, ...] = ()

    def moment(self, text: str) -> datetime:
        """The date in a cell; `ValueError` if it is none."""
        if self.date_format is None:
            if len(text) != _YYYYMMDD and text.isdigit():  # Python would take 1704067200 (seconds) for a day of 1704
                raise ValueError(f"{text!r} is not an ISO date")
            return datetime.fromisoformat(text)
        if self.date_format in _UNITS:
            return _EPOCH + timedelta(microseconds=int(text) * _UNITS[self.date_format])
        return datetime.strptime(text, self.date_format)

    def number(self, cell: Any) -> Any:
        """A text as `float` takes it; anything else as it is."""
        if not isinstance(cell, str):
            return cell
        if self.thousands:
            cell = cell.replace(self.thousands, "")
        return cell if self.decimal == "." else cell.replace(".", "?").replace(self.decimal, ".")

    def is_date(self, cell: Any) -> bool:
        """Whether a cell contains a date."""
        try:
            self.moment(cell)
        except (ValueError, TypeError, OverflowError):
            return False
        return True


def dates(column: pd.Series, text: TextFormat, file: str) -> pd.DatetimeIndex:
    """The dates in a column: those of a format with types as they are, text as `text` says.

    Raises
    ------
    ValueError
        A cell contains no date, or some dates have a UTC offset and others have none.
    """
    if is_dates(column) or isinstance(column.dtype, pd.DatetimeTZDtype):
        return date_index(column)
    if column.isna().any():
        raise ValueError(
            f"every row of {file} must have a date, but row {int(column.isna().to_numpy().argmax()) + 1} has none in "
            f"the column {column.name!r}"
        )
    codes, distinct = pd.factorize(column.astype(object))
    cells = [str(cell) if isinstance(cell, int | np.integer) and text.date_format else cell for cell in distinct]
    try:
        moments = [text.moment(cell) for cell in cells]
    except (ValueError, TypeError, OverflowError):
        raise _not_a_date(cells, column.name, text, file) from None
    aware = {moment.tzinfo is not None for moment in moments}
    if len(aware) > 1:
        raise ValueError(f"either all dates in {file} must have a UTC offset or none, got both kinds")
    if aware == {True}:  # the offsets differ across a clock change
        moments = [moment.astimezone(UTC).replace(tzinfo=None) for moment in moments]
    found = pd.DatetimeIndex(np.array(moments, "datetime64[us]")[codes], name=column.name)
    return found.tz_localize("UTC") if aware == {True} else found


def _not_a_date(cells: Sequence[Any], name: Any, text: TextFormat, file: str) -> ValueError:
    wrong = next(cell for cell in cells if not text.is_date(cell))
    if text.date_format is not None:
        must = f"{file} must be of the format {text.date_format!r}"
    else:
        must = f"{file} must be ISO dates"
    message = f"the dates in {must}, got {_shown(wrong)} in the column {name!r}"
    fitting = [form for form in (*_FORMATS, *_UNITS) if all(_is_written_as(form, str(cell)) for cell in cells)]
    fitting = [form for form in fitting if form not in _UNITS or _is_recent(cells, form)]
    if not fitting:
        return ValueError(f"{message}; if the dates are in another column, name it with --date")
    shown = " or ".join(f"--date-format {shlex.quote(form)}" for form in fitting[:2])
    return ValueError(f"{message}; pass their format: {shown}")


def _is_written_as(form: str, cell: str) -> bool:
    """Whether a date has this format; digits alone must be as many as the format has."""
    text = TextFormat(date_format=form)
    if not text.is_date(cell):
        return False
    return form in _UNITS or not cell.isdigit() or text.moment(cell).strftime(form) == cell


def _is_recent(cells: Sequence[Any], unit: str) -> bool:
    """Whether numbers are likely to be dates of this unit."""
    return all(1980 <= TextFormat(date_format=unit).moment(str(cell)).year <= 2150 for cell in cells)


def numbers(column: pd.Series, text: TextFormat, file: str) -> pd.Series:
    """The numbers in a column, as float64 unless it has a type of numbers.

    Raises
    ------
    ValueError
        A cell contains something else.
    """
    if getattr(column.dtype, "kind", "O") in "iuf":
        return column
    cells = column.astype(object)
    if text.na_values:
        cells = cells.mask(cells.isin(text.na_values))
    plain = text.decimal == "." and not text.thousands
    try:
        return (cells if plain else cells.map(text.number)).astype("float64")  # exact, unlike the parsers of pandas
    except (ValueError, TypeError):
        raise _not_a_number(cells.tolist(), column.name, text, file) from None


#: decimal points and separators of thousands that an error proposes, if they fit
_NUMBERS = ((",", ""), (".", ","), (",", "."), (",", " "), (".", " "), (".", "'"), (",", "\xa0"), (".", ""))


def _not_a_number(cells: Sequence[Any], name: Any, text: TextFormat, file: str) -> ValueError:
    wrong = next(cell for cell in cells if not _is_number(text.number(cell)))
    message = f"the column {name!r} of {file} must contain numbers, got {_shown(wrong)}"
    if not isinstance(wrong, str):
        return ValueError(message)
    strings = [cell for cell in cells if isinstance(cell, str)]
    fitting = [signs for signs in _NUMBERS if all(_is_written_with(*signs, cell) for cell in strings)]
    if fitting:
        return ValueError(f"{message}; pass {' or '.join(_options(*signs) for signs in fitting[:2])}")
    advice = f"if that stands for a missing value, pass --na-values {shlex.quote(wrong)}"
    if not any(_is_number(text.number(cell)) for cell in strings):
        advice += "; if the values are in another column, name it with --value"
    return ValueError(f"{message}; {advice}")


def _is_written_with(decimal: str, thousands: str, cell: str) -> bool:
    """Whether a number has this decimal point, and thousands in groups of three digits."""
    whole = r"\d*" if not thousands else rf"(\d*|\d{{1,3}}({re.escape(thousands)}\d{{3}})+)"
    pattern = rf"\s*[+-]?{whole}({re.escape(decimal)}\d*)?([eE][+-]?\d+)?\s*"
    return any(map(str.isdigit, cell)) and re.fullmatch(pattern, cell) is not None


def _options(decimal: str, thousands: str) -> str:
    given = [] if decimal == "." and thousands else [f"--decimal {shlex.quote(decimal)}"]
    return " ".join(given + ([f"--thousands {shlex.quote(thousands)}"] if thousands else []))


def _is_number(cell: Any) -> bool:
    try:
        float(np.nan if cell is None else cell)
    except (ValueError, TypeError):
        return False
    return True


def from_json(column: pd.Series, file: str) -> pd.Series:
    """The values that the texts of a column stand for as JSON; missing cells stay."""
    return column.astype(object).map(_parser(column.name, file), na_action="ignore")


def _parser(name: Any, file: str) -> Callable[[Any], Any]:
    def parsed(cell: Any) -> Any:
        try:
            return json.loads(cell) if isinstance(cell, str) else cell
        except ValueError:
            raise ValueError(
                f"the column {name!r} of {file} must contain JSON because of --json-fields, got {_shown(cell)}"
            ) from None

    return parsed


def _shown(cell: Any) -> str:
    shown = repr(cell)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."

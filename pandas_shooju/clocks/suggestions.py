"""Numbers and strings that look like dates -> the code that converts them, for error messages. Pure.

The code is tried on the values first: it is only proposed if it converts every one of them, without a warning.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
from pandas.api.types import infer_dtype


class Conversion(NamedTuple):
    """How to convert values to dates."""

    #: the code, such as ``pd.to_datetime(df.index.astype('string'), format='%Y')``
    code: str
    #: whether the day might come before the month
    day_first: bool
    #: the values, converted
    dates: Any


class _Steps(NamedTuple):
    """Casts, and options of `pd.to_datetime`; dates of floats are rounded."""

    casts: tuple[str, ...] = ()
    options: dict[str, Any] = {}  # noqa: RUF012
    rounded: bool = False


def conversion_to_dates(values: Any, expression: str) -> Conversion | None:
    """The code that converts an index or a column to dates; None if there is none.

    Parameters
    ----------
    values
        The index or the column.
    expression
        The expression for it in the caller's code, such as ``df.index``.

    Examples
    --------
    >>> conversion_to_dates(pd.Index([2020, 2021]), "df.index").code
    "pd.to_datetime(df.index.astype('string'), format='%Y')"
    >>> conversion_to_dates(pd.Index([20240131]), "df.index").code
    "pd.to_datetime(df.index.astype('string'), format='%Y%m%d')"
    >>> conversion_to_dates(pd.Index([45292, 45293]), "df.index").code
    "pd.to_datetime(df.index, unit='D', origin='1899-12-30')"
    """
    if isinstance(values, pd.MultiIndex):
        return None
    quarters = _quarters(values, expression)
    if quarters is not None:
        return quarters
    for steps in _possible(values):
        converted = _converted(values, steps)
        if converted is None:
            continue
        given = expression + "".join(f".astype({cast!r})" for cast in steps.casts)
        arguments = "".join(f", {name}={value!r}" for name, value in steps.options.items())
        code = f"pd.to_datetime({given}{arguments})"
        if steps.rounded:
            code += f"{'.dt' if isinstance(values, pd.Series) else ''}.round('ms')"
        return Conversion(code, _may_be_day_first(values, steps, converted), converted)
    return None


def _quarters(values: Any, expression: str) -> Conversion | None:
    present = [value for value in values if pd.notna(value)]
    if not present or not all(isinstance(value, str) and _QUARTER.fullmatch(value) for value in present):
        return None
    dates = pd.PeriodIndex(values, freq="Q").to_timestamp()
    return Conversion(f"pd.PeriodIndex({expression}, freq='Q').to_timestamp()", False, dates)


_QUARTER = re.compile(r"\d{4}-?Q[1-4]")


def _may_be_day_first(values: Any, steps: _Steps, converted: Any) -> bool:
    first = next((value for value in values if pd.notna(value)), None)
    if not isinstance(first, str) or first[:4].isdigit():
        return False
    other = _converted(values, steps._replace(options={**steps.options, "dayfirst": True}))
    return other is not None and not other.equals(converted)


def _converted(values: Any, steps: _Steps) -> Any:
    """The values cast and converted by `pd.to_datetime`; None if that fails, warns, or does not convert all of them."""
    try:
        with warnings.catch_warnings(record=True) as raised:
            # those of pandas about the dates; not those of modules that are imported meanwhile, nor of resources
            warnings.simplefilter("ignore")
            for category in (UserWarning, FutureWarning):
                warnings.simplefilter("always", category)
            converted = values
            for cast in steps.casts:
                converted = converted.astype(cast)
            converted = pd.to_datetime(converted, **steps.options)
    except (ValueError, TypeError, OverflowError):
        return None
    is_dates = getattr(converted.dtype, "kind", "") == "M"
    if raised or not is_dates or converted.notna().sum() != values.notna().sum():
        return None
    # pandas takes the year of "Jan-20" for a year 1
    years = pd.DatetimeIndex(converted).year
    return converted if not len(years) or years.min() >= 1000 else None


def _possible(values: Any) -> Iterator[_Steps]:
    """The steps that may convert some values, the most likely ones first."""
    categories = values.dtype.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    kind = infer_dtype(categories, skipna=True)
    if kind in ("integer", "floating", "mixed-integer-float"):
        yield from _of_numbers([number for number in categories if pd.notna(number)], kind == "integer")
    elif kind == "string":
        for options in ({}, {"utc": True}, {"dayfirst": True}, {"format": "mixed"}, {"format": "mixed", "utc": True}):
            yield _Steps(options=options)
    elif kind in ("mixed", "date", "datetime", "datetime64"):
        yield _Steps()
        yield _Steps(options={"utc": True})


def _of_numbers(numbers: list[Any], integers: bool) -> Iterator[_Steps]:
    if not numbers:
        return
    whole = all(number == number // 1 for number in numbers)
    to_string = ("string",) if integers else ("Int64", "string")
    low, high = min(numbers), max(numbers)
    for least, most, options in _NUMBERS:
        if not (least <= low and high <= most):
            continue
        if "format" not in options:
            yield _Steps((), options, rounded=not whole)
        elif whole:
            yield _Steps(to_string, options)


#: numbers within these limits are likely to be such dates
_NUMBERS: list[tuple[int, int, dict[str, Any]]] = [
    (1000, 2999, {"format": "%Y"}),
    (20_000, 80_000, {"unit": "D", "origin": "1899-12-30"}),  # days as spreadsheets count them, 1954 to 2119
    (1000_01, 2999_12, {"format": "%Y%m"}),
    (1000_01_01, 2999_12_31, {"format": "%Y%m%d"}),
    (10**8, 10**10, {"unit": "s"}),
    (10**11, 10**13, {"unit": "ms"}),
    (10**14, 10**16, {"unit": "us"}),
    (10**17, 10**19, {"unit": "ns"}),
]

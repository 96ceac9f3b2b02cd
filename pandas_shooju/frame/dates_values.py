"""Columns of pandas objects -> dates and values of points, exactly.

Pure. What a column cannot say exactly as milliseconds or doubles is refused here, with its name.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import infer_dtype

from pandas_shooju.formats import PointColumns

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_EXACT = 2.0**53  # up to here integers are doubles
_NUMERIC_OBJECTS = {"floating", "integer", "mixed-integer-float", "integer-na", "decimal", "empty"}


def is_dates(values: Any) -> bool:
    """Whether an index or a column holds dates: of a datetime dtype, or Python's dates as objects."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return len(values) > 0 and infer_dtype(values, skipna=True) in ("date", "datetime")
    return bool(getattr(dtype, "kind", "O") == "M") or (isinstance(dtype, pd.ArrowDtype) and "date32" in str(dtype))


def date_index(values: Any) -> pd.DatetimeIndex:
    """A column or index of dates as a DatetimeIndex."""
    if isinstance(values, pd.DatetimeIndex):
        return values
    if not is_dates(values) and len(values):
        name = getattr(values, "name", None)
        raise TypeError(
            f"the column {name!r} holds {kind_of(values)}, not dates; convert it first: pd.to_datetime(...)"
        )
    if not is_dates(values):
        return pd.DatetimeIndex([], dtype="M8[ms]")
    if isinstance(values.dtype, pd.ArrowDtype):
        return pd.DatetimeIndex(pd.Index(values).astype(object).map(pd.Timestamp))
    if values.dtype == object and infer_dtype(values, skipna=True) == "date":
        return pd.DatetimeIndex(pd.Series(values).to_numpy("M8[ms]"))
    try:
        return pd.DatetimeIndex(values)
    except ValueError:  # of several timezones
        return pd.DatetimeIndex(pd.to_datetime(values, utc=True))


def doubles(values: Any, what: str) -> Float64Array:
    """Values as float64, exactly."""
    if isinstance(values, np.ndarray):
        return values
    kind = (
        "number" if values.dtype.kind in "fiu" else infer_dtype(values, skipna=True) if values.dtype == object else ""
    )
    if kind != "number" and kind not in _NUMERIC_OBJECTS and not values.isna().all():
        example = next(value for value in values if not is_missing(value))
        raise TypeError(f"{what} is not numeric: dtype {values.dtype}, with {example!r}; points are numbers")
    try:
        numbers: Float64Array = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except OverflowError:
        raise ValueError(f"{what} holds an integer that is no double; Shooju stores doubles") from None
    if (np.abs(numbers) >= _EXACT).any() and (values.dtype == object or values.dtype.kind in "iu"):
        large = pd.Series(values)[np.abs(numbers) >= _EXACT].tolist()
        wrong = [number for number in large if isinstance(number, int) and int(float(number)) != number]
        if wrong:
            raise ValueError(f"{what} holds {wrong[0]}, which is no double; Shooju stores doubles")
    return numbers


def ascending(dates: Int64Array, what: str) -> Int64Array | None:
    """The order that makes the dates ascend, None where they do; a repeated date is an error."""
    if (dates[1:] > dates[:-1]).all():
        return None
    order = np.argsort(dates, kind="stable")
    ordered = dates[order]
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        more = "" if len(twice) == 1 else f" (of {len(twice)} repeats)"
        raise ValueError(
            f"{what} has the date {np.datetime64(int(twice[0]), 'ms')} more than once{more}; a series "
            "has one value at a date. Drop or aggregate them; naive local times repeat an hour when the clock "
            "goes back: localize them first, index.tz_localize(zone, ambiguous='infer')"
        )
    return order


def without_missing(points: PointColumns, na: str) -> PointColumns:
    """The points as `na` wants them: without those that have no value, or with them, to be removed."""
    if na == "null":
        return points
    present = ~np.isnan(points.values)
    return points if present.all() else points[present]


# --- words for errors -------------------------------------------------------------------------------------------------


def column_named(frame: pd.DataFrame, name: Hashable, argument: str) -> pd.Series:
    """The column that an argument names, or an error that lists those there are."""
    if name not in frame.columns:
        raise ValueError(f"{argument}={name!r}: there is no such column; there are {listed(frame.columns)}")
    column = frame[name]
    if not isinstance(column, pd.Series):
        raise ValueError(f"{argument}={name!r}: there are several columns of that name")
    return column


def is_missing(value: Any) -> bool:
    """Whether a value is one of the ways to say that there is none."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def kind_of(values: Any) -> str:
    """What an index or column is, in words."""
    return f"a {type(values).__name__} of {values.dtype}"


def listed(names: Iterable[Any]) -> str:
    """The first few of some names, in words."""
    texts = [repr(name) for name in names]
    return ", ".join(texts[:8]) + (", ..." if len(texts) > 8 else "") if texts else "none"

"""Columns and indexes of pandas objects -> dates of points. Pure.

Dates are converted exactly, whatever their dtype. For anything else, the error contains the code that would convert it
to dates, where they are in the caller's data. :mod:`pandas_shooju.values` decides which values points may have.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import infer_dtype

from pandas_shooju import clocks
from pandas_shooju.formats import PointColumns
from pandas_shooju.frame.places import Place, converted, level_place, place_of
from pandas_shooju.values import Missing, is_missing

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_DATE_OBJECTS = ("date", "datetime", "datetime64", "period")  # what infer_dtype calls them


#: strings that are dates
ISO_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?([T ]|$)")


def is_dates(values: Any) -> bool:
    """Whether an index or a column holds dates or periods: as its dtype, as its categories, or as Python objects."""
    dtype = values.dtype
    if isinstance(dtype, pd.PeriodDtype):
        return True
    if isinstance(dtype, pd.CategoricalDtype):
        return len(values) > 0 and is_dates(dtype.categories)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return len(values) > 0 and infer_dtype(values, skipna=True) in _DATE_OBJECTS
    return bool(dtype.kind == "M")


def date_index(values: Any, place: Place | None = None) -> pd.DatetimeIndex:
    """An index or a column of dates as a DatetimeIndex, periods as their first moments; missing dates are NaT.

    The place, by default a column of a frame, is the one that an error advises to convert.

    Raises
    ------
    TypeError
        They are not dates; the message says how to convert them.
    ValueError
        Some dates are naive and others aware, or a date is finer than a millisecond.
    """
    if isinstance(values, pd.DatetimeIndex):
        return values
    if not is_dates(values):
        if not len(values):
            return pd.DatetimeIndex([], dtype="M8[ms]")
        name = getattr(values, "name", None)
        raise TypeError(
            f"the column {name!r} must contain dates, got {kind_of(values)}; "
            f"{to_dates(values, Place('df', column=name) if place is None else place)}"
        )
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return date_index(dtype.categories).take(pd.Categorical(values).codes, fill_value=pd.NaT)
    if isinstance(dtype, pd.PeriodDtype):
        return clocks.period_starts(pd.PeriodIndex(values))
    if isinstance(dtype, pd.ArrowDtype):
        arrow = dtype.pyarrow_dtype
        unit, tz = getattr(arrow, "unit", "ms"), getattr(arrow, "tz", None)  # dates without a time have no unit
        target = np.dtype(f"M8[{unit}]") if tz is None else pd.DatetimeTZDtype(unit, "UTC")
        return pd.DatetimeIndex(pd.Series(values).astype(target))
    if dtype.kind == "M":
        return pd.DatetimeIndex(values)
    if infer_dtype(values, skipna=True) == "period":
        return clocks.period_starts(pd.PeriodIndex(values))
    return _of_objects(values)


def _of_objects(values: Any) -> pd.DatetimeIndex:
    """An index from dates that are Python objects: of any years, and of any mix of zones and offsets."""
    present = values.notna()
    objects = values[present].tolist()
    aware = sum(isinstance(value, datetime.datetime) and value.tzinfo is not None for value in objects)
    if 0 < aware < len(objects):
        naive = next(value for value in objects if getattr(value, "tzinfo", None) is None)
        raise ValueError(
            f"dates must all have a time zone or all have none, got {aware} of {len(objects)} with one; "
            f"the first without is {naive}"
        )
    dates = np.full(len(values), np.datetime64("NaT", "ms"), "M8[ms]")
    dates[np.asarray(present)] = np.array([clocks.exact_milli(value) for value in objects], np.int64).view("M8[ms]")
    index = pd.DatetimeIndex(dates)
    return index.tz_localize("UTC") if aware else index


def ascending(dates: Int64Array, what: str, naive: bool = False) -> Int64Array | None:
    """The order in which the dates ascend, None if they do already; a repeated date is an error.

    `naive` says whether the dates had no time zone, and none was passed.
    """
    if (dates[1:] > dates[:-1]).all():
        return None
    order = np.argsort(dates, kind="stable")
    ordered = dates[order]
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        more = "" if len(repeated) == 1 else f" ({len(repeated)} dates are repeated)"
        local = (
            ". If these are local times that repeat an hour because the clock went back, pass their time zone, such as "
            "tz='Europe/Berlin'"
        )
        raise ValueError(
            f"the dates of a series must be unique, but {what} contains "
            f"{np.datetime64(int(repeated[0]), 'ms')} more than once{more}; drop or aggregate the duplicates"
            f"{local if naive else ''}"
        )
    return order


def without_missing(points: PointColumns, na: Missing) -> PointColumns:
    """The points to write: those that have a value, or with ``na="null"`` all of them."""
    if na == "null":
        return points
    present = ~np.isnan(points.values)
    return points if present.all() else points[present]


# --- report dates -----------------------------------------------------------------------------------------------------


def report_dates(values: Any, name: Any, source: Any = None) -> Int64Array:
    """Milliseconds of report dates, one for each point or column; naive dates are UTC.

    `source` is the frame that has them in a column or a level, for the advice in errors.
    """
    if not is_dates(values):
        columns = getattr(source, "columns", None)
        in_columns = columns is not None and name not in columns and name in columns.names
        place = level_place(source, name) if in_columns else place_of(source, name)
        raise TypeError(f"reported_date={name!r} must contain dates, got {kind_of(values)}; {to_dates(values, place)}")
    index = date_index(values)
    if index.hasnans:
        raise ValueError(
            f"reported_date={name!r} must not contain missing dates, got NaT at position "
            f"{int(np.flatnonzero(index.isna())[0])}; write points without a report date separately"
        )
    return clocks.to_milliseconds(index)


def check_reports_are_named(frame: Any, sid: Any, reported_date: Any) -> None:
    """Refuse to write the points of reports, in a frame that has their dates, as those of the series itself.

    A template may name the report date, and a dict or a function may know it from the label.
    """
    if reported_date is not None or (sid is not None and not (isinstance(sid, str) and "{reported_date" not in sid)):
        return
    for name, values in _possible_report_dates(frame):
        if name == "reported_date" and is_dates(values):
            raise ValueError(
                "the data has report dates under the name 'reported_date', but the argument reported_date is missing; "
                "pass reported_date='reported_date' to write the reports. To write the values of one report to the "
                "series itself, select it and drop 'reported_date'"
            )


def _possible_report_dates(frame: Any) -> Iterator[tuple[Hashable, Any]]:
    """The levels of the columns and of the index, and the column, that may contain report dates."""
    for index in (frame.index, getattr(frame, "columns", frame.index[:0])):
        for at, name in enumerate(index.names):
            yield name, index.get_level_values(at)
    if isinstance(frame, pd.DataFrame) and "reported_date" in frame.columns:
        column = frame["reported_date"]
        if isinstance(column, pd.Series):
            yield "reported_date", column


def one_report_date(given: Any) -> int | None:
    """Milliseconds of one report date for everything."""
    if given is None:
        return None
    if isinstance(given, str):
        if not ISO_DATE.match(given):
            raise ValueError(
                "reported_date must be a date, an ISO date as a string, or the name of a column or column level of the "
                f"frame, got {given!r}"
            )
        given = pd.Timestamp(given)
    if isinstance(given, pd.Period):
        given = given.start_time
    if isinstance(given, int | np.integer) and 0 < given < 100_000_000:
        raise ValueError(f"reported_date must be a date or milliseconds since 1970-01-01, got {given!r}")
    return clocks.exact_milli(given)


# --- keys ----------------------------------------------------------------------------------------------------------


def typed_keys(column: pd.Series) -> pd.Series:
    """A column in which values of different types differ, for grouping: pandas takes 1 and True for one key.

    Columns of one type are returned as they are.
    """
    if column.dtype != object or infer_dtype(column, skipna=True) in _ONE_TYPE:
        return column
    return column.map(_typed_key)


_ONE_TYPE = ("string", "integer", "boolean", "floating", "date", "empty")


def _typed_key(value: Any) -> str | None:
    if is_missing(value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    return f"{type(value).__name__} {value!r}"


# --- errors ----------------------------------------------------------------------------------------------------------


def column_named(frame: pd.DataFrame, name: Hashable, argument: str) -> pd.Series:
    """The column that an argument names, or an error that lists the columns."""
    if name not in frame.columns:
        raise ValueError(f"{argument} must be a column of the frame ({listed(frame.columns)}), got {name!r}")
    column = frame[name]
    if not isinstance(column, pd.Series):
        raise ValueError(f"{argument} must name one column, but several are named {name!r}")
    return column


def to_dates(values: Any, place: Place) -> str:
    """Advice on values that are not dates, at their place."""
    advice = converted(values, place)
    return NOT_CONVERTIBLE if advice is None else f"convert it first: {advice}"


NOT_CONVERTIBLE = "dates must be datetimes or periods (see pandas.to_datetime)"


def kind_of(values: Any) -> str:
    """The type and dtype of an index or column, for messages."""
    return f"{type(values).__name__} of dtype {values.dtype}"


def listed(names: Iterable[Any]) -> str:
    """The first few names, for messages."""
    texts = [repr(name) for name in names]
    return ", ".join(texts[:8]) + (", ..." if len(texts) > 8 else "") if texts else "none"

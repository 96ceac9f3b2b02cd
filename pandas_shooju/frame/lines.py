"""The series of a frame, each with its own points, for whatever shows them. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import infer_dtype, is_numeric_dtype

from pandas_shooju import clocks
from pandas_shooju.clocks import Int64Array
from pandas_shooju.frame.dates_values import Float64Array, date_index, is_dates
from pandas_shooju.frame.origin import column_fields, column_series_ids, field_columns, origin_of
from pandas_shooju.frame.shapes import as_frame

__all__ = ["VINTAGES", "Line", "Lines", "lines_of"]

#: the names of the levels and columns that tell vintages apart
VINTAGES = ("reported_date", "asof")
#: what infer_dtype calls objects that are numbers
_NUMBERS = ("integer", "floating", "mixed-integer-float", "boolean", "decimal", "empty")
#: columns of a long frame that belong to its points
_OF_POINTS = ("dt", "val", "job", "timestamp", *VINTAGES)


class Line(NamedTuple):
    """A series of a frame, or a vintage of one."""

    #: the label: for each column level, or for each column that tells the series of a long frame apart, the value
    label: dict[Hashable, Any]
    series_id: str | None
    #: the fields that were read with the series
    fields: Mapping[Any, Any]
    #: the report date or the as-of moment
    vintage: Any
    #: int64, ascending milliseconds: UTC if the frame has a time zone, otherwise wall-clock times
    dates: Int64Array
    #: float64, without missing values
    values: Float64Array


class Lines(NamedTuple):
    """The series of a frame."""

    items: list[Line]
    #: their labels in the frame: column labels, or the values of the columns that tell the series apart
    labels: pd.Index
    #: the time zone of the dates
    tz: datetime.tzinfo | None
    #: whether the frame has the dates as naive local times of that zone
    naive: bool

    def dates(self, dates: Int64Array) -> pd.DatetimeIndex:
        """Dates of lines as those of the frame."""
        if self.tz is None:
            return pd.DatetimeIndex(dates.view("M8[ms]"))
        index = clocks.to_index(dates, self.tz, localized=False)
        return index.tz_localize(None) if self.naive else index


def lines_of(data: pd.DataFrame | pd.Series) -> Lines:
    """The series of a wide frame, of a long frame with the columns (or levels) ``dt`` and ``val``, or of a Series.

    Columns that do not contain numbers are left out.

    Raises
    ------
    TypeError
        The frame has no dates and values.
    """
    if not isinstance(data, pd.Series):
        frame = data
    elif isinstance(data.index, pd.MultiIndex):
        frame = data.to_frame("val")
        frame.attrs = data.attrs
    else:
        frame = as_frame(data)
    names = {*frame.columns, *frame.index.names}
    if {"dt", "val"} <= names and not isinstance(frame.columns, pd.MultiIndex):
        return _of_long(frame)
    if is_dates(frame.index):
        return _of_wide(frame)
    raise TypeError(
        "the frame must have dates in its index and a column per series (wide), or the columns 'dt' and 'val' (long), "
        f"got an index of dtype {frame.index.dtype} and the columns {', '.join(map(repr, frame.columns[:8]))}"
    )


def _zone(frame: pd.DataFrame, index: pd.DatetimeIndex) -> tuple[datetime.tzinfo | None, bool]:
    """The time zone of the dates of a frame, and whether they are naive local times of it."""
    if index.tz is not None:
        return index.tz, False
    origin = origin_of(frame)
    if origin is not None and origin.get("naive"):
        try:
            return clocks.timezone(origin["tz"]), True
        except (ValueError, TypeError):  # edited by hand
            return None, True
    return None, True


def _of_wide(frame: pd.DataFrame) -> Lines:
    index = date_index(frame.index)
    known = index.notna()
    if not known.all():
        frame, index = frame[known], index[known]
    tz, naive = _zone(frame, index)
    milliseconds: Int64Array = index.as_unit("ms").asi8
    dates = milliseconds if tz is None or not naive else clocks.wall_to_utc(milliseconds, tz)
    order = None if (dates[1:] >= dates[:-1]).all() else np.argsort(dates, kind="stable")
    names = list(frame.columns.names)
    items, kept = [], []
    described = zip(frame.columns, column_series_ids(frame), column_fields(frame), strict=True)
    for at, (label, series_id, fields) in enumerate(described):
        values = _numbers(frame.iloc[:, at])
        if values is None:
            continue
        present = ~np.isnan(values) if order is None else order[~np.isnan(values[order])]
        parts = dict(zip(names, label if isinstance(frame.columns, pd.MultiIndex) else [label], strict=True))
        vintage = next((parts.pop(name) for name in VINTAGES if name in parts), None)
        items.append(Line(parts, series_id, fields, vintage, dates[present], values[present]))
        kept.append(at)
    return Lines(items, frame.columns[kept], tz, naive)


def _of_long(frame: pd.DataFrame) -> Lines:
    attrs = frame.attrs
    levels = [name for name in frame.index.names if name is not None]
    frame = (frame.reset_index() if levels else frame).reset_index(drop=True)
    frame.attrs = attrs
    values = _numbers(frame["val"])
    if values is None:
        raise TypeError(f"the column 'val' must contain numbers, got {frame['val'].dtype}")
    index = date_index(frame["dt"])
    tz, naive = _zone(frame, index)
    others = [name for name in frame.columns if name not in _OF_POINTS]
    keys = ["series_id"] if "series_id" in others else others
    vintages = [name for name in VINTAGES if name in frame.columns]
    by = [*keys, *vintages]
    grouped = frame.groupby(by, sort=False, observed=True, dropna=False).ngroup() if by else pd.Series(0, frame.index)
    codes = grouped.to_numpy(np.int64)
    _, first = np.unique(codes, return_index=True)
    # the points that are there, series after series
    rows = np.flatnonzero(~np.isnan(values) & index.notna())
    rows = rows[np.argsort(codes[rows], kind="stable")]
    starts = np.searchsorted(codes[rows], np.arange(len(first)))
    milliseconds: Int64Array = index[rows].as_unit("ms").asi8
    dates = milliseconds if tz is None or not naive else clocks.wall_to_utc(milliseconds, tz, starts)
    order = np.lexsort((dates, codes[rows]))
    all_dates, all_values = np.split(dates[order], starts[1:]), np.split(values[rows[order]], starts[1:])
    heads = frame.iloc[first]
    fields = [name for name in dict.fromkeys([*field_columns(frame), *others]) if name != "series_id"]
    items = [
        Line(
            {name: head[name] for name in keys},
            str(head["series_id"]) if "series_id" in others else None,
            {name: head[name] for name in fields if _is_there(head[name])},
            head[vintages[0]] if vintages else None,
            own_dates,
            own_values,
        )
        for head, own_dates, own_values in zip(heads.to_dict("records"), all_dates, all_values, strict=False)
    ]
    if not by:
        return Lines(items, pd.Index(["val"][: len(items)]), tz, naive)
    labels = pd.Index(heads[by[0]], name=by[0]) if len(by) == 1 else pd.MultiIndex.from_frame(heads[by])
    if isinstance(labels, pd.CategoricalIndex):
        labels = labels.astype(labels.categories.dtype)
    return Lines(items, labels, tz, naive)


def _is_there(value: Any) -> bool:
    return not (value is None or (pd.api.types.is_scalar(value) and pd.isna(value)))


def _numbers(column: pd.Series) -> Float64Array | None:
    """A column as float64; None if it does not contain numbers."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return pd.to_numeric(column).to_numpy(np.float64) if infer_dtype(column, skipna=True) in _NUMBERS else None
    if not is_numeric_dtype(dtype) or dtype.kind == "c":
        return None
    values: npt.NDArray[np.float64] = column.to_numpy(np.float64, na_value=np.nan)
    return values

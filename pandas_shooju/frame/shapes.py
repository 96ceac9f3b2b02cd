"""Frames of the shapes that people have -> what to write to which series.

Pure: nothing is sent from here. A frame is wide (dates in the index, a column per series), long (a row per point),
grouped (long, with the keys of the groupby telling series apart), or has fields only; one Series is a wide frame
of one column. Which it is, is told by what the frame is, never by trying; what fits none gets an error that says
what would.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from pandas.core.groupby import DataFrameGroupBy, SeriesGroupBy

from pandas_shooju import clocks
from pandas_shooju.formats import PointColumns
from pandas_shooju.frame.dates_values import (
    Float64Array,
    Int64Array,
    ascending,
    column_named,
    conversion_to_dates,
    date_index,
    is_dates,
    kind_of,
    listed,
    without_missing,
)
from pandas_shooju.frame.fields import Fields, column_fields, fields_of_rows, row_fields, shared_fields
from pandas_shooju.frame.ids import Sid, checked_id, column_ids, row_ids
from pandas_shooju.query import id_key
from pandas_shooju.values import Missing, point_values

Writable: TypeAlias = pd.DataFrame | pd.Series | DataFrameGroupBy | SeriesGroupBy


class SeriesWrite(NamedTuple):
    """What shall be written to one series."""

    series_id: str
    points: PointColumns | None
    fields: dict[str, Any]


class _Options(NamedTuple):
    sid: Sid | None
    fields: Fields | None
    na: Missing


def series_writes(
    data: Writable,
    sid: Sid | None = None,
    *,
    fields: Fields | None = None,
    date: Hashable | None = None,
    value: Hashable | None = None,
    na: Missing = "skip",
) -> list[SeriesWrite]:
    """What a frame says shall be written, one item for each series; the parameters are those of `write`.

    Raises
    ------
    ValueError, TypeError
        The frame has none of the shapes, or something in it cannot be written; the message names it.
    """
    if na not in ("skip", "null"):
        raise ValueError(f"na is {na!r}; it can be 'skip' (leave those points alone) or 'null' (remove them)")
    options = _Options(sid, fields, na)
    if isinstance(data, DataFrameGroupBy | SeriesGroupBy):
        frame, keys, value = _ungrouped(data, date, value)
        writes = _long(frame, options, date, value, keys)
    elif isinstance(data, pd.Series) and isinstance(data.index, pd.MultiIndex):
        name = "val" if data.name is None else data.name
        writes = _long(data.to_frame(name), options, date, name, {})
    elif isinstance(data, pd.Series):
        if not is_dates(data.index):
            raise TypeError(
                f"the series {data.name!r} has no dates: its index is {kind_of(data.index)}; "
                f"{conversion_to_dates(data.index, 'series.index')}"
            )
        writes = _wide(_one_column(data), options)
    elif not isinstance(data, pd.DataFrame):
        raise TypeError(f"what is written is a frame, a series or a groupby of pandas, not {type(data).__name__}")
    elif data.index.name == "series_id" and not is_dates(data.index) and date is None and value is None:
        writes = _fields_only(data, options)
    elif date is not None or value is not None or _is_long(data):
        writes = _long(data, options, date, value, {})
    elif is_dates(data.index):
        writes = _wide(data, options)
    elif "series_id" in data.columns:
        writes = _fields_only(data, options)
    else:
        raise TypeError(
            f"no dates in this frame: its index is {kind_of(data.index)}, and its columns are "
            f"{listed(data.columns)}. For a wide frame: {conversion_to_dates(data.index, 'frame.index')}. For a long "
            "frame: name the columns, date=... and value=... For fields only: name the index 'series_id'"
        )
    _refuse_twins(writes)
    return writes


def _is_long(frame: pd.DataFrame) -> bool:
    """Whether there are dates and values under the names that `read_shooju` gives them."""
    if "val" not in frame.columns:
        return False
    levels = frame.index.names if isinstance(frame.index, pd.MultiIndex) else []
    return "dt" in frame.columns or "dt" in levels or (frame.index.name == "dt" and "series_id" in frame.columns)


# --- shapes -----------------------------------------------------------------------------------------------------------


def _one_column(data: pd.Series) -> pd.DataFrame:
    frame = data.to_frame()
    frame.columns = pd.Index([data.name], dtype=object, name="name")
    frame.attrs = data.attrs
    return frame


def _wide(frame: pd.DataFrame, options: _Options) -> list[SeriesWrite]:
    dates = clocks.to_milliseconds(date_index(frame.index))
    order = ascending(dates, "the index")
    ids = column_ids(frame, options.sid)
    fields = column_fields(frame, options.fields, ids, options.na)
    sorted_dates = dates if order is None else dates[order]
    writes = []
    for label, values, series_id, of_one in zip(frame.columns.tolist(), _columns(frame), ids, fields, strict=True):
        column = point_values(values, f"the column {label!r}")
        points = PointColumns(sorted_dates, np.ascontiguousarray(column if order is None else column[order]))
        writes.append(SeriesWrite(series_id, without_missing(points, options.na), of_one))
    return writes


def _columns(frame: pd.DataFrame) -> Iterable[Any]:
    if len(frame.columns) and (frame.dtypes == np.float64).all():
        columns: Iterable[Any] = frame.to_numpy().T
        return columns
    return (frame.iloc[:, i] for i in range(len(frame.columns)))


def _long(
    frame: pd.DataFrame, options: _Options, date: Hashable | None, value: Hashable | None, keys: Mapping[str, str]
) -> list[SeriesWrite]:
    frame = _levels_as_columns(frame)
    if date is None and "dt" in frame.columns:
        date = "dt"
    if date is None and not is_dates(frame.index):
        dates_there = [name for name in frame.columns if is_dates(frame[name])]
        date = dates_there[0] if len(dates_there) == 1 else None
    if date is None and not is_dates(frame.index):
        raise TypeError(f"a long frame needs dates: name the column, date=...; there are {listed(frame.columns)}")
    value = "val" if value is None else value
    name_of, by = row_ids(frame, options.sid, keys, {date, value})
    column_named(frame, value, "value")
    if date is not None:
        column_named(frame, date, "date")

    if not len(frame):
        return []
    frame, starts, labels = _by_label(frame, by)
    index = date_index(frame.index if date is None else frame[date])
    numbers = point_values(frame[value], f"the column {value!r}")
    dates = clocks.to_milliseconds(index)
    ids = [checked_id(name_of(label), label, by) for label in labels]
    source_ids = [str(label[by.index("series_id")]) for label in labels] if "series_id" in by else ids
    fields = row_fields(frame, options.fields, ids, source_ids, starts, options.na)
    dates, numbers = _ascending_within(dates, numbers, starts, ids)
    present = ~np.isnan(numbers)
    if options.na == "skip" and not present.all():
        starts = np.append(0, np.cumsum(present))[starts]
        dates, numbers = dates[present], numbers[present]
    return [
        SeriesWrite(series_id, PointColumns(own, numbers[begin:end]), of_one)
        for series_id, own, begin, end, of_one in zip(
            ids,
            _parted_dates(dates, starts),
            starts.tolist(),
            [*starts[1:].tolist(), len(dates)],
            fields,
            strict=True,
        )
    ]


def _ascending_within(
    dates: Int64Array, numbers: Float64Array, starts: Int64Array, ids: Sequence[str]
) -> tuple[Int64Array, Float64Array]:
    """The dates and values of all the series, in the order in which those of each ascend; `starts` are their first."""
    sorted_already = dates[1:] > dates[:-1]
    sorted_already[starts[1:] - 1] = True
    if sorted_already.all():
        return dates, numbers
    series = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(dates)))
    order = np.lexsort((dates, series))
    ordered = dates[order]
    twice = np.flatnonzero((ordered[1:] == ordered[:-1]) & (series[1:] == series[:-1]))
    if len(twice):
        wrong = series[twice[0]]
        ascending(dates[series == wrong], f"the series {ids[wrong]!r}")  # raises
    return ordered, numbers[order]


def _parted_dates(dates: Int64Array, starts: Int64Array) -> list[Int64Array]:
    """The dates of each series; one and the same array where series after series has the same."""
    ends = np.append(starts[1:], len(dates))
    own = [dates[begin:end] for begin, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    count = int(ends[0])
    if len(own) > 1 and count and ((ends - starts) == count).all():
        table = dates.reshape(len(own), count)
        for at in np.flatnonzero((table[1:] == table[:-1]).all(axis=1)).tolist():
            own[at + 1] = own[at]
    return own


def _levels_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the named levels of its index as columns; a single index of dates stays, where it is no column."""
    index = frame.index
    if not isinstance(index, pd.MultiIndex) and (index.name is None or is_dates(index)):
        return frame
    attrs = frame.attrs
    names = [name for name in index.names if name is not None and name not in frame.columns]
    frame = (
        frame.reset_index([name for name in index.names if name not in names], drop=True)
        if (len(names) < index.nlevels)
        else frame
    )
    frame = frame.reset_index(names) if names else frame
    frame.attrs = attrs
    return frame


def _fields_only(frame: pd.DataFrame, options: _Options) -> list[SeriesWrite]:
    if not frame.columns.is_unique:
        raise ValueError(f"several columns are called {frame.columns[frame.columns.duplicated()][0]!r}")
    if frame.index.name != "series_id":
        frame = frame.set_index("series_id")
        points = [name for name in frame.columns if name in ("dt", "val") or is_dates(frame[name])]
        if points:
            raise TypeError(
                f"is this a long frame, or fields? It has the column {points[0]!r}. For points name both columns, "
                "date=... and value=...; for fields set the index: frame.set_index('series_id')"
            )
    if is_dates(frame.columns):
        raise TypeError("this frame has series in rows and dates in columns; write it transposed: frame.T")
    if options.sid is None:
        ids = [checked_id(label, (label,), ["series_id"]) for label in frame.index]
    else:
        flat = frame.reset_index()
        name_of, by = row_ids(flat, options.sid, {}, set())
        ids = [checked_id(name_of(label), label, by) for label in flat[by].itertuples(index=False, name=None)]
    names = list(frame.columns)
    extra = options.fields
    if isinstance(extra, pd.DataFrame):
        raise TypeError("this frame is itself the fields of series; fields= takes a dict for all, or names of columns")
    if isinstance(extra, str | Sequence):
        names = [extra] if isinstance(extra, str) else list(extra)
        for name in names:
            column_named(frame, name, "fields")
    shared = shared_fields(extra, options.na) if isinstance(extra, Mapping | pd.Series) else {}
    return [
        SeriesWrite(series_id, None, {**own, **shared})
        for series_id, own in zip(ids, fields_of_rows(frame[names], options.na), strict=True)
    ]


def _ungrouped(
    groupby: DataFrameGroupBy | SeriesGroupBy, date: Hashable | None, value: Hashable | None
) -> tuple[pd.DataFrame, dict[str, str], Hashable]:
    """The frame behind a groupby, with the labels of the groups in columns of their own, and the name of the values."""
    obj = groupby.obj
    if isinstance(obj, pd.Series):
        value = "val" if obj.name is None else obj.name
        obj = obj.to_frame(value)
    sizes = groupby.size()
    if isinstance(sizes, pd.DataFrame):  # as_index=False
        sizes = sizes.set_index(list(sizes.columns[:-1]))["size"]
    sizes = sizes[sizes > 0]
    codes = groupby.ngroup().to_numpy()
    obj, codes = obj[codes >= 0], codes[codes >= 0]
    if not np.array_equal(np.bincount(codes, minlength=len(sizes)), sizes):
        raise ValueError("the groups of this groupby cannot be told apart; group by observed=True")
    keys = {}
    names = ["key" if name is None else str(name) for name in sizes.index.names]
    for level, name in enumerate(names):
        keys[name] = f"\0group key {level}"
        obj = obj.assign(**{keys[name]: sizes.index.get_level_values(level).take(codes)})
    selected = groupby._selection if isinstance(groupby, SeriesGroupBy) else None
    if selected is not None and value is None:
        value = selected
    if value is None and "val" not in obj.columns:
        taken = {*names, *keys.values(), date}
        numeric = [name for name in obj.select_dtypes("number").columns if name not in taken and str(name) not in taken]
        if len(numeric) != 1:
            raise ValueError(f"which column holds the values? Name it: value=..., one of {listed(numeric)}")
        value = numeric[0]
    return obj, keys, value


def _by_label(frame: pd.DataFrame, by: list[Any]) -> tuple[pd.DataFrame, Int64Array, list[tuple[Any, ...]]]:
    """The frame with the rows of each label together, where each begins, and the labels."""
    if not by:
        return frame, np.zeros(1, np.int64), [()]
    if len(by) == 1 and isinstance(frame[by[0]].dtype, pd.CategoricalDtype):
        codes = frame[by[0]].cat.codes.to_numpy()
    else:
        codes = frame.groupby(by, sort=False, observed=True, dropna=False).ngroup().to_numpy()
    if (codes[1:] < codes[:-1]).any():
        order = np.argsort(codes, kind="stable")
        frame, codes = frame.iloc[order], codes[order]
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    return frame, starts, list(frame[by].iloc[starts].itertuples(index=False, name=None))


def _refuse_twins(writes: Sequence[SeriesWrite]) -> None:
    seen: set[str] = set()
    for write in writes:
        key = id_key(write.series_id)
        if key in seen:
            raise ValueError(
                f"two columns or groups of rows go to the series {write.series_id!r}; "
                "give each its own (ids are the same regardless of case)"
            )
        seen.add(key)

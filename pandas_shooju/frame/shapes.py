"""A frame of any supported shape -> the writes that it stands for, series by series. Pure.

A frame is wide (dates in the index, a column per series), long (a row per point), grouped (long, where the keys of the
groupby tell series apart), or has only fields. A Series is a wide frame of one column, and a stacked Series (with
several index levels) is long. The shape is determined by the index and the columns of the frame, never by trial and
error. If a frame has none of these shapes, an error says what would fit.
"""

from __future__ import annotations

import datetime
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.typing import DataFrameGroupBy, SeriesGroupBy

from pandas_shooju import clocks
from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.formats import PointColumns
from pandas_shooju.frame.advice import is_date_label, no_values, shape_remedy, transposed
from pandas_shooju.frame.dates_values import (
    ISO_DATE,
    Float64Array,
    Int64Array,
    ascending,
    check_reports_are_named,
    column_named,
    date_index,
    is_dates,
    kind_of,
    listed,
    one_report_date,
    report_dates,
    to_dates,
    typed_keys,
    without_missing,
)
from pandas_shooju.frame.fields import Fields, check_kind, column_fields, fields_of_rows, row_fields
from pandas_shooju.frame.groups import GroupKeys, ungrouped
from pandas_shooju.frame.ids import SAME, Sid, check_id, check_read_ids, column_ids, no_destination, own_id, row_ids
from pandas_shooju.frame.origin import KEY, column_series_ids, origin_of, without_columns
from pandas_shooju.frame.places import Place, local_time_remedy, place_of, value_code
from pandas_shooju.query import id_key
from pandas_shooju.values import Missing, field_values, point_values

Writable: TypeAlias = pd.DataFrame | pd.Series | DataFrameGroupBy | SeriesGroupBy
Shape: TypeAlias = Literal["wide", "long", "grouped", "stacked", "fields"]
ReportedDate: TypeAlias = Hashable | datetime.date | datetime.datetime | int


class _Call(NamedTuple):
    """The arguments of `write` that describe the data."""

    sid: Sid
    fields: Fields | None
    date: Hashable | None
    value: Any
    tz: Any
    reported_date: ReportedDate | None
    na: Missing  # of fields
    na_points: Missing
    source: pd.DataFrame | pd.Series  # the data, or what a groupby groups
    named: bool  # whether the caller passed `sid`


def series_writes(
    data: Writable,
    sid: Sid | None = None,
    *,
    fields: Fields | None = None,
    date: Hashable | None = None,
    value: Hashable | list[Hashable] | None = None,
    tz: Any = None,
    reported_date: ReportedDate | None = None,
    na: Missing = "skip",
    keep_missing: bool = False,
) -> list[SeriesWrite]:
    """The writes that a frame stands for, one for each series and report date; the parameters are those of `write`.

    With `keep_missing`, points without a value stay whatever `na` says about them, for a comparison.

    Raises
    ------
    ValueError, TypeError
        The call does not say where to write, the frame has none of the supported shapes, or contains something that
        cannot be written.
    """
    if na not in ("skip", "null"):
        raise ValueError(f"na must be 'skip' (leave stored values alone) or 'null' (remove them), got {na!r}")
    shape = shape_of(data, date, value)
    grouped = isinstance(data, DataFrameGroupBy | SeriesGroupBy)
    source = data.obj if grouped else data
    check_reports_are_named(source, sid, reported_date)
    na_points: Missing = "null" if keep_missing else na
    named = sid is not None
    sid = _named_in(data, shape) if sid is None else sid
    call = _Call(sid, fields, date, value, tz, reported_date, na, na_points, source, named)
    if isinstance(data, DataFrameGroupBy | SeriesGroupBy):
        columns = value if isinstance(value, list) else [value]
        frame, keys, date, only = ungrouped(data, date, columns[0] if columns else None)
        call = call._replace(date=date, value=value if isinstance(value, list) else only)
        writes = _long(_with_attrs(frame, data.obj), call, keys)
    elif isinstance(data, pd.Series) and shape == "stacked":
        name = "val" if data.name is None else data.name
        writes = _long(_with_attrs(data.to_frame(name), data), call._replace(value=name), {})
    elif isinstance(data, pd.Series):
        writes = _wide(as_frame(data), call)
    elif shape == "fields":
        writes = _fields_only(data, call)
    else:
        writes = _long(data, call, {}) if shape == "long" else _wide(data, call)
    _check_unique(writes)
    return writes


def shape_of(data: Any, date: Hashable | None = None, value: Any = None) -> Shape:
    """The shape of the data to be written.

    Raises
    ------
    TypeError
        It has none of the supported shapes; the message says what would fit.
    """
    if isinstance(data, DataFrameGroupBy | SeriesGroupBy):
        return "grouped"
    if isinstance(data, pd.Series):
        if isinstance(data.index, pd.MultiIndex):
            return "stacked"
        if is_dates(data.index):
            return "wide"
        raise TypeError(
            f"the index of the Series {data.name!r} must contain dates, got {kind_of(data.index)}; "
            f"{to_dates(data.index, Place('series'))}"
        )
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"data must be a DataFrame, a Series or a groupby of pandas, got {type(data).__name__}")
    if not is_dates(data.index) and len(data.columns) and is_dates(data.columns):
        raise TypeError(transposed(data))
    if data.index.name == "series_id" and not is_dates(data.index) and date is None and value is None:
        return "fields"
    for name, given in (("date", date), ("value", value)):
        if not isinstance(given, Hashable) and not (name == "value" and isinstance(given, list)):
            several = ", or a list of names" if name == "value" else ""
            raise TypeError(f"{name} must be the name of a column{several}, got {given!r}")
    if date is not None or value is not None or _is_long(data):
        return "long"
    if is_dates(data.index):
        return "wide"
    if "series_id" in data.columns:
        return "fields"
    raise TypeError(
        f"the frame must contain dates, got an index that is {kind_of(data.index)} and the columns "
        f"{listed(data.columns)}. {shape_remedy(data)}"
    )


def as_frame(data: pd.Series) -> pd.DataFrame:
    """A Series as a wide frame of one column, with its attrs."""
    frame = data.to_frame()
    label = data.name
    origin = origin_of(data)
    if label is None:  # it is not the column without a label that was read, nor any other
        frame.columns = pd.Index([None], dtype=object, name="name")
        if origin is not None:
            frame.attrs = {KEY: without_columns(origin)}
        return frame
    names = origin["names"] if origin is not None and origin["layout"] == "wide" else ["name"]
    if isinstance(label, tuple):
        names = names if len(names) == len(label) else [f"level_{at}" for at in range(len(label))]
        frame.columns = pd.MultiIndex.from_tuples([label], names=names)
    else:
        frame.columns = pd.Index([label], dtype=object, name=names[0] if len(names) == 1 else "name")
    return _with_attrs(frame, data)


def is_naive(data: Writable, date: Hashable | None = None, value: Any = None) -> bool | None:
    """Whether the dates of the points are naive; None if there are no dates."""
    shape = shape_of(data, date, value)
    if shape == "fields":
        return None
    if isinstance(data, DataFrameGroupBy | SeriesGroupBy):
        data = data.obj
    if shape != "wide":
        frame = _levels_as_columns(data.to_frame("val") if isinstance(data, pd.Series) else data, data)
        date = _date_column(frame, date, None)
        data = frame if date is None else frame.set_index(date)
    dates = date_index(data.index)
    return None if not len(dates) else dates.tz is None


def _named_in(data: Writable, shape: Shape) -> Sid:
    """The template of a write without `sid`: the column or index ``series_id`` where the data may name its series."""
    if isinstance(data, DataFrameGroupBy | SeriesGroupBy):
        raise no_destination("a groupby", (), (), r"users\sam\{key}")
    if isinstance(data, pd.Series):
        frame = as_frame(data) if shape == "wide" else None
        labels = [data.name] if frame is not None else []
        behind = [] if frame is None else column_series_ids(frame)
        raise no_destination("a Series", labels, behind, r"users\sam\name")
    if shape == "wide":
        levels = "".join(f"\\{{{'' if name is None else name}}}" for name in data.columns.names)
        raise no_destination("a wide frame", data.columns.tolist(), column_series_ids(data), rf"users\sam{levels}")
    column = column_named(data, "series_id", "the series id") if "series_id" in data.columns else None
    named = column is not None or (shape == "fields" and data.index.name == "series_id")
    if not named:
        others = listed(name for name in data.columns if name not in ("dt", "val"))
        raise ValueError(
            "a long frame must have the column 'series_id', or the call must pass a template over its columns as sid=; "
            f"the columns are {others}"
        )
    if origin_of(data) is not None:
        ids = (data.index if column is None else column).unique().tolist()
        raise no_destination("a frame that was read from Shooju", (), ids, r"users\sam\{series_id}")
    return SAME


def _is_long(frame: pd.DataFrame) -> bool:
    """Whether there are dates and values under the names that `read_shooju` gives them."""
    if "val" not in frame.columns:
        return False
    levels = frame.index.names if isinstance(frame.index, pd.MultiIndex) else []
    if is_dates(frame.index):
        # named levels make labels of them: a wide frame may have the series "dt" and "val"
        return "series_id" in frame.columns or ("dt" in frame.columns and frame.columns.names == [None])
    return "dt" in frame.columns or "dt" in levels


def _with_attrs(frame: pd.DataFrame, source: pd.DataFrame | pd.Series) -> pd.DataFrame:
    frame.attrs = source.attrs
    return frame


# --- shapes -----------------------------------------------------------------------------------------------------------


def _wide(frame: pd.DataFrame, call: _Call) -> list[SeriesWrite]:
    level = call.reported_date if _is_level(frame, call.reported_date) else None
    reported = report_dates(frame.columns.get_level_values(level), level, frame).tolist() if level is not None else None
    one_date = one_report_date(call.reported_date) if level is None else None
    dates, naive = _milliseconds(frame.index, None, call)
    order = ascending(dates, "the index", naive)
    ids = column_ids(frame, call.sid, level)
    fields = column_fields(frame, _fields_but(call.fields, frame, level), ids, call.na)
    sorted_dates = dates if order is None else dates[order]
    writes = []
    for at, (label, values, series_id, of_one) in enumerate(
        zip(frame.columns.tolist(), _columns(frame), ids, fields, strict=True)
    ):
        column = point_values(values, f"the column {label!r}", partial(value_code, call.source, label))
        points = PointColumns(sorted_dates, np.ascontiguousarray(column if order is None else column[order]))
        report = one_date if reported is None else reported[at]
        writes.append(SeriesWrite(series_id, without_missing(points, call.na_points), of_one, report))
    return writes


def _is_level(frame: pd.DataFrame, name: Any) -> bool:
    return isinstance(name, Hashable) and name is not None and name in frame.columns.names


def _fields_but(fields: Fields | None, frame: pd.DataFrame, level: Hashable | None) -> Fields | None:
    """``"levels"`` as the named levels without the one that holds report dates."""
    if level is None or not isinstance(fields, str) or fields != "levels":
        return fields
    return [str(name) for name in frame.columns.names if name not in (None, "series_id", level)]


def _columns(frame: pd.DataFrame) -> Iterable[Any]:
    if len(frame.columns) and (frame.dtypes == np.float64).all():
        columns: Iterable[Any] = frame.to_numpy().T
        return columns
    return (frame.iloc[:, i] for i in range(len(frame.columns)))


def _long(frame: pd.DataFrame, call: _Call, keys: GroupKeys) -> list[SeriesWrite]:
    frame = _levels_as_columns(frame, call.source)
    if isinstance(call.value, list):
        return _melted(frame, call, keys)
    reported = call.reported_date if _is_column(frame, call.reported_date) else None
    one_date = one_report_date(call.reported_date) if reported is None else None
    date = _date_column(frame, call.date, reported)
    value = "val" if call.value is None else call.value
    if call.value is None and value not in frame.columns:
        raise ValueError(no_values(frame, date, call.source))
    name_of, by = row_ids(frame, call.sid, keys, call.named)
    column_named(frame, value, "value")
    if date is not None:
        column_named(frame, date, "date")
    if not len(frame):
        return []
    check_read_ids(frame, call.sid)
    key_count = len(by)
    if reported is not None:
        ms = report_dates(column_named(frame, reported, "reported_date"), reported, call.source)
        frame = _with_attrs(frame.assign(**{_REPORTED: ms}), frame)
        by = [*by, _REPORTED]
    frame, starts, labels = _by_label(frame, by)
    numbers = point_values(frame[value], f"the column {value!r}", partial(value_code, call.source, value))
    dates, naive = _milliseconds(frame.index if date is None else frame[date], date, call, starts)
    ids = [name_of(label[:key_count]) for label in labels]
    source_ids = [str(label[by.index("series_id")]) for label in labels] if "series_id" in by else ids
    fields = row_fields(frame, call.fields, ids, source_ids, starts, call.na)
    dates, numbers = _ascending_within(dates, numbers, starts, ids, naive)
    present = ~np.isnan(numbers)
    if call.na_points == "skip" and not present.all():
        starts = np.append(0, np.cumsum(present))[starts]
        dates, numbers = dates[present], numbers[present]
    return [
        SeriesWrite(series_id, PointColumns(own, numbers[begin:end]), of_one, label[-1] if reported else one_date)
        for series_id, own, begin, end, of_one, label in zip(
            ids,
            _split_dates(dates, starts),
            starts.tolist(),
            [*starts[1:].tolist(), len(dates)],
            fields,
            labels,
            strict=True,
        )
    ]


_REPORTED = "\0reported date"


def _melted(frame: pd.DataFrame, call: _Call, keys: GroupKeys) -> list[SeriesWrite]:
    """The writes of several columns of values, the name of each being ``{variable}`` in the template."""
    if not call.value:
        raise ValueError("value must name at least one column, got []")
    if not isinstance(call.sid, str) or "{variable" not in call.sid:
        raise ValueError(
            f"with value={call.value!r}, sid must be a template that contains {{variable}}, such as "
            f"r'users\\sam\\{{symbol}}\\{{variable}}', got {call.sid!r}"
        )
    if "variable" in frame.columns:
        raise ValueError(
            "with a list as value, the frame must not have a column 'variable', which stands for their names in sid; "
            "rename it, such as `df = df.rename(columns={'variable': 'name'})`"
        )
    return [
        write
        for value in call.value
        for write in _long(_with_attrs(frame.assign(variable=str(value)), frame), call._replace(value=value), keys)
    ]


def _is_column(frame: pd.DataFrame, name: Any) -> bool:
    return isinstance(name, Hashable) and name is not None and name in frame.columns


def _date_column(frame: pd.DataFrame, date: Hashable | None, reported: Hashable | None) -> Hashable | None:
    """The column of dates in a long frame; None if its index holds them."""
    if date is not None and date not in frame.columns and date == frame.index.name and is_dates(frame.index):
        return None
    if date is not None or is_dates(frame.index):
        return date if date is not None or "dt" not in frame.columns else "dt"
    if "dt" in frame.columns:
        return "dt"
    columns = enumerate(frame.columns)
    candidates = [name for at, name in columns if name != reported and is_dates(frame.iloc[:, at])]
    if len(candidates) != 1:
        raise TypeError(f"date= must name the column with the dates, one of {listed(candidates or frame.columns)}")
    only: Hashable = candidates[0]
    return only


def _milliseconds(
    values: Any, name: Hashable | None, call: _Call, starts: Int64Array | None = None
) -> tuple[Int64Array, bool]:
    """UTC milliseconds of the dates in the index, or in the column `name`; and whether their zone is not known.

    Naive dates are local times of `tz`, or without it UTC.
    """
    place = place_of(call.source, name)
    index = date_index(values, place)
    milliseconds = clocks.to_milliseconds(index)
    if index.tz is not None:
        return milliseconds, False
    if call.tz is not None:
        try:
            return clocks.localize(milliseconds, call.tz, starts), False
        except clocks.LocalTimeError as error:
            raise error.with_remedy(local_time_remedy(error, values, place)) from None
    origin = origin_of(call.source)
    if origin is not None and origin.get("tz", "UTC") != "UTC":
        zone = origin["tz"]
        raise ValueError(
            f"the dates are naive, but the frame was read in the time zone {zone!r}; pass tz={zone!r} if they are "
            "local times of that zone, or tz='UTC' if they are UTC"
        )
    return milliseconds, True


def _ascending_within(
    dates: Int64Array, numbers: Float64Array, starts: Int64Array, ids: Sequence[str], naive: bool
) -> tuple[Int64Array, Float64Array]:
    """The dates and values of all series, sorted by date within each; `starts` are the first rows of the series."""
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
        ascending(dates[series == wrong], f"the series {ids[wrong]!r}", naive)  # raises
    return ordered, numbers[order]


def _split_dates(dates: Int64Array, starts: Int64Array) -> list[Int64Array]:
    """The dates of each series; consecutive series with equal dates share one array."""
    ends = np.append(starts[1:], len(dates))
    own = [dates[begin:end] for begin, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    count = int(ends[0])
    if len(own) > 1 and count and ((ends - starts) == count).all():
        table = dates.reshape(len(own), count)
        for at in np.flatnonzero((table[1:] == table[:-1]).all(axis=1)).tolist():
            own[at + 1] = own[at]
    return own


def _levels_as_columns(frame: pd.DataFrame, source: Any) -> pd.DataFrame:
    """The frame, made of the caller's data, with the named levels of its index as columns; an index of dates stays."""
    index = frame.index
    names = [name for name in index.names if name is not None]
    twice = [name for name in names if name in frame.columns]
    if twice:
        root = place_of(source, None).root
        raise ValueError(
            f"{twice[0]!r} is both an index level and a column; rename one of them or drop the level: "
            f"`{root} = {root}.reset_index({twice[0]!r}, drop=True)`"
        )
    if not isinstance(index, pd.MultiIndex) and (not names or is_dates(index)):
        return frame
    unnamed = [at for at, name in enumerate(index.names) if name is None]
    flat = frame.reset_index(unnamed, drop=True) if unnamed else frame
    return _with_attrs(flat.reset_index() if names else flat, frame)


#: columns that a frame of points is likely to have
_POINT_COLUMNS = ("dt", "val", "date", "datetime", "timestamp", "time", "value", "year")


def _looks_like_dates(column: pd.Series | pd.Index) -> bool:
    """Whether a column holds dates, or strings that are ISO dates."""
    if is_dates(column):
        return True
    values = column.dropna()
    return bool(len(values)) and all(isinstance(value, str) and ISO_DATE.match(value) for value in values[:100])


def _fields_only(frame: pd.DataFrame, call: _Call) -> list[SeriesWrite]:
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"a frame of fields must have unique columns, got several named {twice!r}")
    names = [name for name in frame.columns if name != "series_id"]
    if is_dates(frame.columns) or (len(names) > 1 and all(map(is_date_label, names))):
        raise TypeError(transposed(frame))
    if frame.index.name != "series_id":
        frame = _with_attrs(frame.set_index("series_id"), frame)
        columns = enumerate(frame.columns)
        points = [name for at, name in columns if name in _POINT_COLUMNS or _looks_like_dates(frame.iloc[:, at])]
        if points:
            raise TypeError(
                f"the frame could contain points or fields, because it has the column {points[0]!r}. To write points, "
                "name both columns with date= and value=; to write fields, move the ids to the index: "
                "`df = df.set_index('series_id')`"
            )
    if frame.columns.name == "series_id" or frame.index.isin(frame.columns).any():
        raise TypeError(
            "the columns of a frame of fields must be names of fields, got series ids; the frame has series in both "
            "its rows and its columns, like a correlation matrix"
        )
    reported = call.reported_date if _is_column(frame, call.reported_date) else None
    reports: Sequence[int | None] = [one_report_date(call.reported_date) if reported is None else None] * len(frame)
    if reported is not None:
        reports = report_dates(frame[reported], reported, call.source).tolist()
    check_read_ids(frame.reset_index(), call.sid)
    if call.sid == SAME:
        ids = [check_id(own_id(label, call.named), (label,), ["series_id"]) for label in frame.index]
    else:
        flat = frame.reset_index()
        name_of, by = row_ids(flat, call.sid, {})
        ids = [name_of(label) for label in flat[by].itertuples(index=False, name=None)]
    vintages = reported if reported is not None else (origin_of(frame) or {}).get("vintages")
    names = [name for name in frame.columns if vintages is None or name != vintages]
    extra = call.fields
    if isinstance(extra, pd.DataFrame):
        raise TypeError(
            "for a frame of fields, fields must be a dict for all series or names of columns, got a DataFrame"
        )
    if extra is not None and not isinstance(extra, Mapping):
        check_kind(extra)
    if isinstance(extra, str | Sequence):
        names = [extra] if isinstance(extra, str) else list(extra)
        for name in names:
            column_named(frame, name, "fields")
    shared = field_values(extra) if isinstance(extra, Mapping) else {}
    return [
        SeriesWrite(series_id, None, {**own, **shared}, report)
        for series_id, own, report in zip(ids, fields_of_rows(frame[names], call.na), reports, strict=True)
    ]


def _by_label(frame: pd.DataFrame, by: list[Any]) -> tuple[pd.DataFrame, Int64Array, list[tuple[Any, ...]]]:
    """The frame sorted by label, the position at which each label begins, and the labels."""
    if not by:
        return frame, np.zeros(1, np.int64), [()]
    if len(by) == 1 and isinstance(frame[by[0]].dtype, pd.CategoricalDtype):
        codes = frame[by[0]].cat.codes.to_numpy()
    else:
        keys = [typed_keys(frame[name]) for name in by]
        codes = frame.groupby(keys, sort=False, observed=True, dropna=False).ngroup().to_numpy()
    if (codes[1:] < codes[:-1]).any():
        order = np.argsort(codes, kind="stable")
        frame, codes = frame.iloc[order], codes[order]
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    return frame, starts, list(frame[by].iloc[starts].itertuples(index=False, name=None))


def _check_unique(writes: Sequence[SeriesWrite]) -> None:
    seen: set[tuple[str, int | None]] = set()
    for write in writes:
        key = (id_key(write.series_id), write.reported_date)
        if key in seen:
            raise ValueError(
                f"each column or group of rows must be written to a different series, but two are written to "
                f"{write.series_id!r} (ids that differ only in case are the same)"
            )
        seen.add(key)

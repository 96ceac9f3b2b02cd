"""Frames of the shapes that people have -> what to write to which series.

Pure: nothing is sent from here. A frame is wide (dates in the index, a column per series), long (a row per point),
grouped (long, with the keys of the groupby telling series apart), or has fields only; one Series is a wide frame
of one column. Which it is, is told by what the frame is, never by trying; what fits none gets an error that says
what would.
"""

from __future__ import annotations

import datetime
import json
import re
import string
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import infer_dtype
from pandas.core.groupby import DataFrameGroupBy, SeriesGroupBy

from pandas_shooju import origin, timezones
from pandas_shooju.formats import PointColumns

Sid: TypeAlias = str | Mapping[Any, str] | Callable[[Any], str]
Fields: TypeAlias = Mapping[str, Any] | pd.DataFrame | Sequence[str] | str
Missing: TypeAlias = Literal["skip", "null"]
Writable: TypeAlias = pd.DataFrame | pd.Series | DataFrameGroupBy | SeriesGroupBy

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_NUMERIC_OBJECTS = {"floating", "integer", "mixed-integer-float", "integer-na", "decimal", "empty"}
_OPERATORS = re.compile(r"@[A-Za-z_]\w*(:[^\s\\@]+)*$")


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
    elif isinstance(data, pd.Series):
        if not _is_dates(data.index):
            raise TypeError(f"the series {data.name!r} has no dates: its index is {_kind(data.index)}; {_SET_DATES}")
        writes = _wide(_one_column(data), options)
    elif date is not None or value is not None or {"dt", "val"} <= set(data.columns):
        writes = _long(data, options, date, value, None)
    elif _is_dates(data.index):
        writes = _wide(data, options)
    elif data.index.name == "series_id" or "series_id" in data.columns:
        writes = _fields_only(data, options)
    else:
        raise TypeError(
            f"no dates in this frame: its index is {_kind(data.index)}, and its columns are "
            f"{_listed(data.columns)}. Write a wide frame ({_SET_DATES}), a long one (name its columns: "
            "date=..., value=...), or fields only (an index or column called 'series_id')"
        )
    _refuse_twins(writes)
    return writes


_SET_DATES = "set a DatetimeIndex, as by frame.index = pd.to_datetime(frame.index)"


# --- shapes ------------------------------------------------------------------------------------------------------


def _one_column(data: pd.Series) -> pd.DataFrame:
    frame = data.to_frame()
    if data.name is None:
        frame.columns = pd.Index([None], dtype=object)
    frame.attrs = data.attrs
    return frame


def _wide(frame: pd.DataFrame, options: _Options) -> list[SeriesWrite]:
    dates = timezones.to_milliseconds(_dates(frame.index))
    order = _ascending(dates, lambda: "the index")
    ids = _column_ids(frame, options.sid)
    fields = _column_fields(frame, options.fields, ids)
    sorted_dates = dates if order is None else dates[order]
    writes = []
    for label, values, series_id, of_one in zip(frame.columns, _columns(frame), ids, fields, strict=True):
        column = _numbers(values, f"the column {label!r}")
        points = PointColumns(sorted_dates, np.ascontiguousarray(column if order is None else column[order]))
        writes.append(SeriesWrite(series_id, _without_missing(points, options.na), of_one))
    return writes


def _columns(frame: pd.DataFrame) -> Iterable[Any]:
    if len(frame.columns) and (frame.dtypes == np.float64).all():
        columns: Iterable[Any] = frame.to_numpy().T
        return columns
    return (frame.iloc[:, i] for i in range(len(frame.columns)))


def _long(
    frame: pd.DataFrame, options: _Options, date: Hashable | None, value: Hashable | None, keys: list[str] | None
) -> list[SeriesWrite]:
    attrs = frame.attrs
    if date is None and "dt" in frame.columns:
        date = "dt"
    if any(name is not None for name in frame.index.names) and not (date is None and _is_dates(frame.index)):
        frame = frame.reset_index()  # levels are as good as columns
    if date is None:
        if not _is_dates(frame.index):
            raise TypeError(f"a long frame needs dates: name the column, date=...; there are {_listed(frame.columns)}")
        index = _dates(frame.index)
    else:
        index = _dates(_column(frame, date, "date"))
    value = "val" if value is None else value
    numbers = _numbers(_column(frame, value, "value"), f"the column {value!r}")
    dates = timezones.to_milliseconds(index)
    name_of, by = _row_ids(frame, options.sid, keys, {date, value})

    rows, labels = _groups(frame, by)
    ids = [_checked_id(name_of(label), label, by) for label in labels]
    source_ids = [str(label[by.index("series_id")]) for label in labels] if "series_id" in by else ids
    fields = _row_fields(frame, options.fields, ids, source_ids, rows, attrs)
    writes = []
    for series_id, at, of_one in zip(ids, rows, fields, strict=True):
        own = PointColumns(dates[at], numbers[at])
        order = _ascending(own.dates, lambda series_id=series_id: f"the series {series_id!r}")  # type: ignore[misc]
        if order is not None:
            own = own[order]
        writes.append(SeriesWrite(series_id, _without_missing(own, options.na), of_one))
    return writes


def _fields_only(frame: pd.DataFrame, options: _Options) -> list[SeriesWrite]:
    if frame.index.name != "series_id":
        frame = frame.set_index("series_id")
    if options.sid is None:
        ids = [_checked_id(label, (label,), ["series_id"]) for label in frame.index]
    else:
        flat = frame.reset_index()
        name_of, by = _row_ids(flat, options.sid, None, set())
        ids = [_checked_id(name_of(label), label, by) for label in flat[by].itertuples(index=False, name=None)]
    names = list(frame.columns)
    extra = options.fields
    if isinstance(extra, pd.DataFrame):
        raise TypeError("this frame is itself the fields of series; fields= takes a dict for all, or names of columns")
    if isinstance(extra, str | Sequence):
        names = [extra] if isinstance(extra, str) else list(extra)
        for name in names:
            _column(frame, name, "fields")
    shared: dict[str, Any] = _clean_fields(extra) if isinstance(extra, Mapping) else {}
    columns = [frame[name].tolist() for name in names]
    return [
        SeriesWrite(series_id, None, {**_clean_fields(dict(zip(names, values, strict=True))), **shared})
        for series_id, values in zip(ids, zip(*columns, strict=True) if columns else [()] * len(ids), strict=True)
    ]


def _ungrouped(
    groupby: DataFrameGroupBy | SeriesGroupBy, date: Hashable | None, value: Hashable | None
) -> tuple[pd.DataFrame, list[str], Hashable]:
    """The frame behind a groupby with the group keys as columns, their names, and the name of the values."""
    obj = groupby.obj
    if isinstance(obj, pd.Series):
        value = "val" if obj.name is None else obj.name
        obj = obj.to_frame(value)
    sizes = groupby.size()
    labels = sizes.index if isinstance(sizes, pd.Series) else pd.MultiIndex.from_frame(sizes.iloc[:, :-1])
    keys = [f"key{i}" if name is None else str(name) for i, name in enumerate(labels.names)]
    if not set(keys) <= set(map(str, obj.columns)):
        codes = groupby.ngroup().to_numpy()
        obj = obj[codes >= 0]
        for level, key in enumerate(keys):
            obj = obj.assign(**{key: labels.get_level_values(level).take(codes[codes >= 0])})
    if value is None and "val" not in obj.columns:
        numeric = [name for name in obj.select_dtypes("number").columns if str(name) not in keys and name != date]
        if len(numeric) != 1:
            raise ValueError(f"which column holds the values? Name it: value=..., one of {_listed(numeric)}")
        value = numeric[0]
    return obj, keys, value


# --- which series ------------------------------------------------------------------------------------------------


def _template_names(template: str) -> list[str]:
    """The names in a sid template, in order; ``{}`` is the name ``""``."""
    try:
        return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ValueError(
            f"the sid template {template!r} is not well-formed: {error}; write literal braces twice: {{{{ and }}}}"
        ) from None


def _column_ids(frame: pd.DataFrame, sid: Sid | None) -> list[str]:
    columns = frame.columns
    if sid is None:
        return _known_ids(frame)
    if isinstance(sid, str):
        names = _template_names(sid)
        levels = ["" if name is None else str(name) for name in columns.names]
        unknown = [name for name in names if name not in levels]
        if unknown:
            named = [level for level in levels if level]
            raise ValueError(
                f"the sid template {sid!r} names {unknown[0]!r}, and the columns have "
                + (f"the levels {_listed(named)}" if named else "no level names; set them: frame.columns.name = ...")
            )
        if not names and len(columns) > 1:
            raise ValueError(
                f"the sid template {sid!r} names no level of the columns, so all {len(columns)} columns would be "
                f"written to one series; put a level into it, as {{{levels[0] or 'name'}}}"
            )
        plain = sid.replace("{}", "{0}") if names.count("") == 1 else sid
        ids = []
        for label in columns:
            parts = label if isinstance(columns, pd.MultiIndex) else (label,)
            values = dict(zip(levels, parts, strict=True))
            _refuse_missing({name: values[name] for name in names}, sid)
            ids.append(_checked_id(plain.format(*parts, **{k: v for k, v in values.items() if k}), label, levels))
        return ids
    return [_checked_id(_looked_up(sid, label, "column"), label, list(columns.names)) for label in columns]


def _looked_up(sid: Mapping[Any, str] | Callable[[Any], str], label: Any, what: str) -> str:
    if not isinstance(sid, Mapping):
        return sid(label)
    if label not in sid:
        raise ValueError(f"sid has no series id for the {what} {label!r}; it has {_listed(sid)}")
    return sid[label]


def _known_ids(frame: pd.DataFrame) -> list[str]:
    """Series ids from where the frame was read, or the labels themselves where they are series ids."""
    query = (frame.attrs.get(origin.KEY) or {}).get("query", "")
    derived = re.search(
        r"@\w|^=", re.sub(r'"(?:[^"\\]|\\.)*"', "", json.dumps(query) if not isinstance(query, str) else query)
    )
    ids = []
    for label, known in zip(frame.columns, origin.column_series_ids(frame.attrs, frame.columns), strict=True):
        if known is not None and derived and (known.startswith("=") or _OPERATORS.search(known)):
            raise ValueError(
                f"the column {label!r} was computed by operators ({known}); writing it back over the series is "
                "probably not meant: say where to, sid=..."
            )
        if known is None and not (isinstance(label, str) and "\\" in label):
            raise ValueError(
                f"which series is the column {label!r}? It was not read from Shooju, and is no series id. "
                r"Say so: sid=r'users\sam\{name}' (a template over the column levels), a dict or a function"
            )
        ids.append(label if known is None else known)
    return ids


def _row_ids(
    frame: pd.DataFrame, sid: Sid | None, keys: list[str] | None, taken: set[Hashable]
) -> tuple[Callable[[tuple[Any, ...]], str], list[Any]]:
    """How a label gives a series id, and the columns whose values make a label."""
    if sid is None:
        if "series_id" not in frame.columns:
            raise ValueError(
                "which series are the rows? There is no column 'series_id'; say sid=..., a template over the columns "
                f"{_listed(set(frame.columns) - taken)}"
            )
        return lambda label: label[0], ["series_id"]
    if isinstance(sid, str):
        names = _template_names(sid)
        for name in names:
            if name not in frame.columns:
                raise ValueError(
                    f"the sid template {sid!r} names {name!r}, and the columns are {_listed(frame.columns)}"
                )

        def fill(label: tuple[Any, ...]) -> str:
            values = dict(zip(names, label, strict=True))
            _refuse_missing(values, sid)
            return sid.format(**values)

        return fill, names
    if keys is None:
        raise TypeError(
            "for a long frame sid is a template over its columns, as r'users\\sam\\{symbol}'; a dict or a function "
            "goes with a groupby: df.groupby('symbol').shooju.write(job, sid={...})"
        )
    return lambda label: _looked_up(sid, label[0] if len(label) == 1 else label, "group"), keys


def _refuse_missing(values: Mapping[str, Any], template: str) -> None:
    for name, value in values.items():
        if _is_missing(value) or value == "":
            raise ValueError(f"{name!r} is missing in a row or column, and the sid template {template!r} needs it")


def _checked_id(series_id: Any, label: Any, names: Sequence[Any]) -> str:
    if not isinstance(series_id, str) or not series_id.strip():
        raise ValueError(
            f"the series id for {dict(zip(names, label, strict=False)) if isinstance(label, tuple) else label!r} "
            f"is {series_id!r}; a series id is a text such as 'users\\sam\\gdp'"
        )
    return series_id


def _refuse_twins(writes: Sequence[SeriesWrite]) -> None:
    seen: set[str] = set()
    for write in writes:
        key = write.series_id.casefold()
        if key in seen:
            raise ValueError(
                f"two columns or groups of rows go to the series {write.series_id!r}; "
                "give each its own (ids are the same regardless of case)"
            )
        seen.add(key)


def _groups(frame: pd.DataFrame, by: list[Any]) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """The row positions of each label, and the labels, in order of appearance."""
    if not len(frame):
        return [], []
    if not by:
        return [slice(0, len(frame))], [()]
    codes = frame.groupby(by, sort=False, observed=True, dropna=False).ngroup().to_numpy()
    if (np.diff(codes) >= 0).all():
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        ends = np.append(starts[1:], len(codes))
        rows: list[Any] = [slice(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    else:
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        rows = np.split(order, starts[1:])
        starts = order[starts]
    return rows, list(frame[by].iloc[starts].itertuples(index=False, name=None))


# --- fields ------------------------------------------------------------------------------------------------------


def _column_fields(frame: pd.DataFrame, fields: Fields | None, ids: list[str]) -> list[dict[str, Any]]:
    if fields is None:
        return [{} for _ in ids]
    if isinstance(fields, Mapping):
        clean = _clean_fields(fields)
        return [clean for _ in ids]
    if isinstance(fields, pd.DataFrame):
        source_ids = origin.column_series_ids(frame.attrs, frame.columns)
        return _fields_by_id(fields, ids, source_ids)
    levels = [name for name in frame.columns.names if name is not None]
    wanted = levels if fields == "levels" else [fields] if isinstance(fields, str) else list(fields)
    unknown = [name for name in wanted if name not in levels]
    if unknown or not levels:
        raise ValueError(
            f"fields={fields!r} takes fields from the levels of the columns, and "
            + (f"there is no {unknown[0]!r} among {_listed(levels)}" if levels else "these have no names")
        )
    values = [frame.columns.get_level_values(name).tolist() for name in wanted]
    return [_clean_fields(dict(zip(wanted, row, strict=True))) for row in zip(*values, strict=True)]


def _row_fields(
    frame: pd.DataFrame,
    fields: Fields | None,
    ids: list[str],
    source_ids: list[str],
    rows: list[Any],
    attrs: Mapping[Any, Any],
) -> list[dict[str, Any]]:
    if fields is None:
        return [{} for _ in ids]
    if isinstance(fields, Mapping):
        clean = _clean_fields(fields)
        return [clean for _ in ids]
    if isinstance(fields, pd.DataFrame):
        return _fields_by_id(fields, ids, source_ids)
    if fields == "levels":
        raise ValueError("fields='levels' is for wide frames; name the columns of a long one: fields=['country', ...]")
    names = [fields] if isinstance(fields, str) else list(fields)
    found: list[dict[str, Any]] = [{} for _ in ids]
    for name in names:
        column = _column(frame, name, "fields")
        hashable = not any(isinstance(one, list | dict) for one in column.iloc[:100])
        codes = pd.factorize(column)[0] if hashable else pd.factorize(column.map(repr))[0]
        for at, series_id, of_one in zip(rows, ids, found, strict=True):
            own = codes[at]
            if (own != own[0]).any():
                raise ValueError(
                    f"the column {name!r} has several values for the series {series_id!r}: "
                    f"{_listed(column.iloc[at].astype(object).drop_duplicates(keep='first') if hashable else column.iloc[at])}; a field has one"
                )
            of_one[name] = column.iloc[at.start if isinstance(at, slice) else at[0]]
    return [_clean_fields(of_one) for of_one in found]


def _fields_by_id(fields: pd.DataFrame, ids: Sequence[str], source_ids: Sequence[str | None]) -> list[dict[str, Any]]:
    """Fields from a frame with a row for each series, by the id written to or else the id read from."""
    if "series_id" in fields.columns:
        fields = fields.set_index("series_id")
    by_id = {
        str(series_id).casefold(): dict(zip(fields.columns, row, strict=True))
        for series_id, row in zip(fields.index, fields.astype(object).to_numpy().tolist(), strict=True)
    }
    found = [
        by_id.get(series_id.casefold(), by_id.get((source or "").casefold(), {}))
        for series_id, source in zip(ids, source_ids, strict=True)
    ]
    if ids and not any(found) and len(fields.columns):
        raise ValueError(
            f"the fields frame has a row for none of the series; its index is {_listed(fields.index)}, and the "
            f"series are {_listed(ids)}"
        )
    return [_clean_fields(of_one) for of_one in found]


def _clean_fields(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """Fields as JSON has them; missing ones are left out."""
    return {str(name): _field_value(name, value) for name, value in fields.items() if not _is_missing(value)}


def _field_value(name: Any, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime.date | datetime.datetime):  # Timestamps too
        return value.isoformat()
    if isinstance(value, np.ndarray | tuple | set):
        value = list(value)
    if isinstance(value, list | dict):
        try:
            return json.loads(json.dumps(value))
        except (TypeError, ValueError):
            pass
    raise TypeError(f"the field {name!r} is {value!r}; a field holds text, numbers, booleans, dates, lists or objects")


# --- points ------------------------------------------------------------------------------------------------------


def _is_dates(index: Any) -> bool:
    return isinstance(index, pd.DatetimeIndex) or (
        len(index) > 0 and index.dtype == object and infer_dtype(index) in ("date", "datetime")
    )


def _dates(values: Any) -> pd.DatetimeIndex:
    if isinstance(values, pd.DatetimeIndex):
        return values
    if isinstance(values.dtype, np.dtype | pd.DatetimeTZDtype) and values.dtype.kind == "M":
        return pd.DatetimeIndex(values)
    if isinstance(values.dtype, pd.ArrowDtype) and values.dtype.kind == "M":
        return pd.DatetimeIndex(
            values.astype(values.to_numpy().dtype) if values.dt.tz is None else values.dt.tz_convert("UTC")
        )
    if _is_dates(pd.Index(values)):
        try:
            return pd.DatetimeIndex(np.asarray(values, "M8[ms]") if infer_dtype(values) == "date" else values)
        except ValueError:  # of several timezones
            return pd.DatetimeIndex(pd.to_datetime(values, utc=True))
    if not len(values):
        return pd.DatetimeIndex([], dtype="M8[ms]")
    name = getattr(values, "name", None)
    raise TypeError(f"the column {name!r} holds {_kind(values)}, not dates; convert it first: pd.to_datetime(...)")


def _numbers(values: Any, what: str) -> Float64Array:
    """Values as float64, exactly."""
    if isinstance(values, np.ndarray):
        return values
    kind = (
        "number" if values.dtype.kind in "fiu" else infer_dtype(values, skipna=True) if values.dtype == object else ""
    )
    if kind != "number" and kind not in _NUMERIC_OBJECTS and not values.isna().all():
        example = next(value for value in values if not _is_missing(value))
        raise TypeError(f"{what} is not numeric: dtype {values.dtype}, with {example!r}; points are numbers")
    numbers: Float64Array = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if values.dtype.kind in "iu":
        large = np.abs(numbers) >= 2**53
        if large.any():
            back = values.to_numpy()[large]
            wrong = [int(exact) for exact in back.tolist() if exact is not pd.NA and int(float(exact)) != int(exact)]
            if wrong:
                raise ValueError(f"{what} holds {wrong[0]}, which is no double; Shooju stores doubles")
    return numbers


def _ascending(dates: Int64Array, what: Callable[[], str]) -> Int64Array | None:
    """The order that makes the dates ascend, None where they do; a repeated date is an error."""
    if (dates[1:] > dates[:-1]).all():
        return None
    order = np.argsort(dates, kind="stable")
    ordered = dates[order]
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        more = "" if len(twice) == 1 else f" (of {len(twice)} repeats)"
        raise ValueError(
            f"{what()} has the date {np.datetime64(int(twice[0]), 'ms')} more than once{more}; a series "
            "has one value at a date. Drop or aggregate them; naive local times repeat an hour when the clock "
            "goes back: localize them first, index.tz_localize(zone, ambiguous='infer')"
        )
    return order


def _without_missing(points: PointColumns, na: Missing) -> PointColumns:
    if na == "null":
        return points
    present = ~np.isnan(points.values)
    return points if present.all() else points[present]


# --- words for errors --------------------------------------------------------------------------------------------


def _column(frame: pd.DataFrame, name: Hashable, argument: str) -> pd.Series:
    if name not in frame.columns:
        raise ValueError(f"{argument}={name!r}: there is no such column; there are {_listed(frame.columns)}")
    column = frame[name]
    if not isinstance(column, pd.Series):
        raise ValueError(f"{argument}={name!r}: there are several columns of that name")
    return column


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _kind(values: Any) -> str:
    return f"a {type(values).__name__} of {values.dtype}"


def _listed(names: Iterable[Any]) -> str:
    texts = [repr(name) for name in names]
    return ", ".join(texts[:8]) + (", ..." if len(texts) > 8 else "") if texts else "none"

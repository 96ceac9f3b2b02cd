"""The frames of `get_df`, made of the layouts of `pandas.read_shooju`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pandas_shooju import layouts
from pandas_shooju.client.points import nanoseconds
from pandas_shooju.formats import SeriesTable
from pandas_shooju.formats.table import values_of


def rows(tables: Sequence[SeriesTable], fields: Sequence[str], with_points: bool) -> pd.DataFrame:
    """A row per point, ascending by date, or without points a row per series.

    The columns are ``series_id`` and each of `fields`, even if no series has it; with points each of `fields`, ``dt``,
    ``val`` and ``series_id``. A field that no series has is one of strings.
    """
    table = SeriesTable.concat(tables) if tables else SeriesTable.of([])
    names = [name for name in layouts.field_names(table, fields) if name != "series_id"]
    if not with_points:
        frame = layouts.fields_table(table, names).reset_index().infer_objects()
        unknown = [name for name in names if name not in table.fields] if len(frame) else frame.columns
        return frame.astype(dict.fromkeys(unknown, layouts.str_dtype()))
    zone = layouts.common_zone(table)
    frame = layouts.long(table, names, zone, zone)
    frame = frame.take(np.argsort(frame["dt"].array.asi8, kind="stable")).reset_index(drop=True)
    for name, dtype in frame.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            frame[name] = frame[name].astype(dtype.categories.dtype)
    frame["dt"] = nanoseconds(pd.DatetimeIndex(frame["dt"]))
    frame = frame[[*names, "dt", "val", "series_id"]]
    return frame.infer_objects()  # integers beside missing values become floats, as they always have here


def columns(tables: Sequence[SeriesTable], fields: Sequence[str]) -> pd.DataFrame:
    """A column per series, a row per date.

    The header of a column is the series id or, with fields, their values joined by ``/`` (with ``*``, the description
    where there is one). Series with the same header keep a column each.
    """
    table = (SeriesTable.concat(tables) if tables else SeriesTable.of([])).without_missing()
    values = {name: values_of(column) for name, column in table.fields.items()}
    headers = [
        _header(series_id, {name: column[at] for name, column in values.items() if column[at] is not None}, fields)
        for at, series_id in enumerate(values_of(table.series_ids))
    ]
    zone = layouts.common_zone(table)
    frame = layouts.wide(table, pd.Index(headers), zone, zone)
    return frame.set_axis(nanoseconds(pd.DatetimeIndex(frame.index)).rename(None), axis="index")


def _header(series_id: str, values: dict[str, Any], fields: Sequence[str]) -> str:
    if values and "*" in fields:
        return str(values.get("description") or series_id)
    if values:
        return "/".join(str(values.get(name)) for name in fields)
    return series_id

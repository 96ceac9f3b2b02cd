"""Registers `pd.read_shooju` and the accessor ``.shooju`` with pandas, using pandas-flavor.

Each method calls the module that does the work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
import pandas_flavor

from pandas_shooju import layouts
from pandas_shooju.formats import SeriesTable
from pandas_shooju.frame import display, origin, vintages
from pandas_shooju.frame.dates_values import column_named
from pandas_shooju.frame.describe import describe
from pandas_shooju.frame.diff import diff
from pandas_shooju.frame.lineage import lineage
from pandas_shooju.frame.plots import plot
from pandas_shooju.frame.read import read_shooju
from pandas_shooju.frame.shapes import as_frame
from pandas_shooju.frame.write import write

P = ParamSpec("P")
R = TypeVar("R")


def _method(function: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Make a method of an accessor from a function of data, with the signature and the docstring of that function."""

    @functools.wraps(function)
    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return function(self._data, *args, **kwargs)

    return method


class GroupByAccessor:
    """``df.groupby(...).shooju``: write each group as a series."""

    def __init__(self, data: Any) -> None:
        self._data = data

    write = _method(write)


class ShoojuAccessor(GroupByAccessor):
    """``df.shooju`` and ``series.shooju``: write data, compare it with earlier data, look up its origin.

    By itself, it shows what the data is: the series, their dates, frequency, time zone and unit, and the query and the
    server that they were read from.
    """

    diff = _method(diff)
    lineage = _method(lineage)
    known_at = _method(vintages.known_at)
    first_release = _method(vintages.first_release)
    latest = _method(vintages.latest)
    revisions = _method(vintages.revisions)
    describe = _method(describe)
    plot = _method(plot)

    def __repr__(self) -> str:
        return display.as_text(self._data)

    def _repr_html_(self) -> str:
        return display.as_html(self._data)

    @property
    def series_ids(self) -> pd.Series:
        """The ids of the series that the data was read from.

        Returns
        -------
        Series
            Strings. For a wide frame or a Series, there is one id per column, and the index consists of the column
            labels; the id is None for a column that was not read from Shooju. For a long frame or a frame of fields,
            these are the distinct ids in it.
        """
        frame = self._frame()
        if _has_ids(frame):
            named = "series_id" in frame.columns
            values = column_named(frame, "series_id", "the series id") if named else frame.index.to_series()
            return pd.Series(values.astype(object).unique(), name="series_id", dtype=object)
        return pd.Series(origin.column_series_ids(frame), index=frame.columns, name="series_id", dtype=object)

    @property
    def fields(self) -> pd.DataFrame:
        """The fields that were read with the series.

        Returns
        -------
        DataFrame
            A row for each series (index ``series_id``) and a column for each field.
        """
        frame = self._frame()
        if _has_ids(frame):
            if frame.index.name == "series_id":
                return frame
            names = origin.field_columns(frame)
            return frame.drop_duplicates("series_id").set_index("series_id")[names]
        series = [
            {"series_id": series_id, "fields": fields}
            for series_id, fields in zip(origin.column_series_ids(frame), origin.column_fields(frame), strict=True)
            if series_id is not None
        ]
        table = SeriesTable.of(series)
        fields = layouts.fields_table(table, list(table.fields))
        return fields.loc[~fields.index.duplicated()]

    def _frame(self) -> pd.DataFrame:
        data = self._data
        return as_frame(data) if isinstance(data, pd.Series) else data


def _has_ids(frame: pd.DataFrame) -> bool:
    return "series_id" in frame.columns or frame.index.name == "series_id"


def register() -> None:
    """Register everything with pandas."""
    pd.read_shooju = read_shooju
    pandas_flavor.register_dataframe_accessor("shooju")(ShoojuAccessor)
    pandas_flavor.register_series_accessor("shooju")(ShoojuAccessor)
    pandas_flavor.register_dataframe_groupby_accessor("shooju")(GroupByAccessor)
    pandas_flavor.register_series_groupby_accessor("shooju")(GroupByAccessor)


__all__ = ["GroupByAccessor", "ShoojuAccessor", "register"]

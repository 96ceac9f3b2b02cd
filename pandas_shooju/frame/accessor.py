"""The hooks into pandas, by pandas-flavor: `pd.read_shooju`, and the accessor ``.shooju``.

Thin: each method hands over to the room that does the work.
"""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd
import pandas_flavor

from pandas_shooju import layouts
from pandas_shooju.client.result import WriteResult
from pandas_shooju.formats import SeriesTable
from pandas_shooju.frame import origin
from pandas_shooju.frame import write as writing
from pandas_shooju.frame.read import read_shooju


class WriteAccessor:
    """What every accessor can: write."""

    def __init__(self, data: Any) -> None:
        self._data = data

    @functools.wraps(writing.write)
    def write(self, *args: Any, **kwargs: Any) -> WriteResult:  # noqa: D102
        return writing.write(self._data, *args, **kwargs)


class SeriesAccessor(WriteAccessor):
    """``series.shooju``: write a pandas Series as a Shooju series, and compare it with an earlier one."""

    @functools.wraps(writing.diff)
    def diff(self, *args: Any, **kwargs: Any) -> pd.DataFrame:  # noqa: D102
        return writing.diff(self._data, *args, **kwargs)


class FrameAccessor(SeriesAccessor):
    """``df.shooju``: write a frame, compare it with an earlier one, and see which series are behind it."""

    @property
    def series_ids(self) -> pd.Series:
        """The series id behind each column of a wide frame, or the distinct ids of a long or fields frame.

        Returns
        -------
        Series
            Text; the index is the columns of a wide frame. None for a column that was not read from Shooju.
        """
        frame = self._data
        if _is_by_row(frame):
            values = frame["series_id"] if "series_id" in frame.columns else frame.index.to_series()
            return pd.Series(values.astype(object).unique(), name="series_id", dtype=object)
        ids = origin.column_series_ids(frame)
        return pd.Series(ids, index=frame.columns, name="series_id", dtype=object)

    @property
    def fields(self) -> pd.DataFrame:
        """The fields of the series as read, a row for each series (index ``series_id``) and a column for each field."""
        frame = self._data
        if _is_by_row(frame):
            if frame.index.name == "series_id":
                return frame
            names = (frame.attrs.get(origin.KEY) or {}).get("fields", [])
            names = [name for name in names if name in frame.columns]
            return frame.drop_duplicates("series_id").set_index("series_id")[names]
        ids = origin.column_series_ids(frame)
        fields = origin.column_fields(frame)
        series = [
            {"series_id": one, "fields": of_one} for one, of_one in zip(ids, fields, strict=True) if one is not None
        ]
        table = SeriesTable.of(series)
        return layouts.fields_table(table, list(table.fields))


def _is_by_row(frame: pd.DataFrame) -> bool:
    return "series_id" in frame.columns or frame.index.name == "series_id"


def register() -> None:
    """Hook everything into pandas."""
    pd.read_shooju = read_shooju
    pandas_flavor.register_dataframe_accessor("shooju")(FrameAccessor)
    pandas_flavor.register_series_accessor("shooju")(SeriesAccessor)
    pandas_flavor.register_dataframe_groupby_accessor("shooju")(WriteAccessor)
    pandas_flavor.register_series_groupby_accessor("shooju")(WriteAccessor)


__all__ = ["FrameAccessor", "SeriesAccessor", "WriteAccessor", "register"]

"""`Point` and the points serializers. Pure.

A serializer converts the points of a series into what the caller wants. Those of this module take
:class:`PointColumns` (and rows, so that your own serializers can call them). Any other function gets rows: a list of
tuples ``(milliseconds, value)``, followed by the job and the timestamp if requested.
"""

from __future__ import annotations

import datetime
import datetime as datetimes
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.clocks import DateError as DateError
from pandas_shooju.clocks import exact_milli as exact_milli
from pandas_shooju.clocks import to_datetime as to_datetime
from pandas_shooju.clocks import to_milli as to_milli
from pandas_shooju.clocks.suggestions import conversion_to_dates
from pandas_shooju.formats import PointColumns
from pandas_shooju.values import point_value, point_values

__all__ = ["Point", "milli_tuple", "np_array", "pd_series", "pd_series_localized", "shooju_point"]

#: the types of dates: of points, and as the limits df and dt
Date = int | float | str | datetime.date | datetime.datetime | np.datetime64
Serializer = Callable[..., Any]


class Point:
    """A date and a value. Points are equal if all of their attributes are equal, and they are hashable.

    Parameters
    ----------
    dt
        A datetime (a naive one is taken as UTC), a date, or milliseconds since 1970-01-01.
    value
        A number, or a string that contains one; writing None removes the point.
    job
        The id of the job that wrote the point, if requested with ``include_job``.
    timestamp
        When the point was written (UTC), if requested with ``include_timestamp``.

    Examples
    --------
    >>> from datetime import date
    >>> point = Point(date(2012, 1, 1), 314.3)
    >>> point.date, point.value
    (datetime.date(2012, 1, 1), 314.3)
    """

    __slots__ = ("_datetime", "_job", "_timestamp", "_value")

    def __init__(
        self,
        dt: datetimes.date | datetimes.datetime | float,
        value: float | str | None,
        *extra: Any,
        job: int | None = None,
        timestamp: datetimes.date | datetimes.datetime | float | None = None,
        included_job: bool | None = False,
        included_timestamp: bool | None = False,
    ) -> None:
        # the flags say which of these a row of points contains
        if included_job:
            job, *extra = extra  # type: ignore[assignment]
        if included_timestamp:
            timestamp = extra[0]
        self.date = dt
        self.value = value
        self._job = job
        self._timestamp = None if timestamp is None else _as_datetime(timestamp)

    @property
    def date(self) -> datetimes.date:
        """The calendar date."""
        return self._datetime.date()

    @date.setter
    def date(self, dt: datetimes.date | datetimes.datetime | float) -> None:
        self._datetime = _as_datetime(dt)

    @property
    def datetime(self) -> datetimes.datetime:
        """The date and time, as given; naive for points that were read."""
        return self._datetime

    @property
    def value(self) -> float | None:
        """The value; None if it is missing. Strings that contain a number are converted when they are set."""
        return self._value

    @value.setter
    def value(self, value: float | str | None) -> None:
        self._value = None if value is None else point_value(float(value) if isinstance(value, str) else value)

    @property
    def job(self) -> int | None:
        """The id of the job that wrote the point; None if not requested."""
        return self._job

    @property
    def timestamp(self) -> datetimes.datetime | None:
        """When the point was written (UTC, naive); None if not requested."""
        return self._timestamp

    @timestamp.setter
    def timestamp(self, timestamp: datetimes.date | datetimes.datetime | float) -> None:
        self._timestamp = _as_datetime(timestamp)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Point):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in Point.__slots__)

    def __hash__(self) -> int:
        return hash((self._datetime, self._value, self._job, self._timestamp))

    def to_dict(self) -> dict[int, float | None]:
        """The point as the API takes it: ``{milliseconds: value}``.

        Examples
        --------
        >>> Point(datetimes.date(1970, 1, 2), 1.5).to_dict()
        {86400000: 1.5}
        """
        return {exact_milli(self._datetime): self._value}

    def __repr__(self) -> str:
        values = (self._datetime, self._value, self._job, self._timestamp)
        return f"Point({','.join(str(value) for value in values if value is not None)})"


def _as_datetime(dt: Any) -> datetime.datetime:
    if isinstance(dt, datetime.datetime) and dt is not pd.NaT:
        return dt
    if isinstance(dt, float) and math.isfinite(dt):
        return to_datetime(dt)  # with its fraction of a millisecond, about which a write decides
    return to_datetime(exact_milli(dt))


def columns_of(points: Any) -> PointColumns:
    """Columns of points in any of the forms of :meth:`Job.write`; missing values become NaN, which removes points."""
    if isinstance(points, PointColumns):
        return points
    if isinstance(points, pd.Series):
        return _columns_of_series(points)
    if isinstance(points, (str, bytes, dict, pd.DataFrame)) or not isinstance(points, Iterable):
        raise TypeError(
            "points must be a list of Point or (date, value), or a pandas Series with dates as its index, "
            f"got {type(points).__name__}"
        )
    dates, values = [], []
    for position, point in enumerate(points):
        try:
            date, value = (point._datetime, point._value) if isinstance(point, Point) else (point[0], point[1])
        except (TypeError, ValueError, IndexError, KeyError):
            raise TypeError(f"points must be Point or (date, value), got {point!r} at position {position}") from None
        try:
            dates.append(exact_milli(date))
            values.append(value if type(value) is float else point_value(value))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{point!r} at position {position} cannot be written: {error}") from None
    return PointColumns(np.array(dates, np.int64), np.array(values, np.float64))


def _columns_of_series(series: pd.Series[Any]) -> PointColumns:
    index = clocks.period_starts(series.index) if isinstance(series.index, pd.PeriodIndex) else series.index
    if not isinstance(index, pd.DatetimeIndex):
        if not len(series):
            return PointColumns.empty()
        raise TypeError(
            f"the index of a Series of points must be a DatetimeIndex or a PeriodIndex, got {type(index).__name__} of "
            f"dtype {index.dtype}; {_conversion(index)}"
        )
    return PointColumns(
        clocks.to_milliseconds(index), point_values(series, f"the series {series.name!r}", lambda: "series")
    )


def _conversion(index: pd.Index[Any]) -> str:
    found = conversion_to_dates(index, "series.index")
    return "convert it to dates" if found is None else f"convert it first: `series.index = {found.code}`"


# --- serializers ------------------------------------------------------------------------------------------------


def serialize_series(series: dict[str, Any], serializer: Serializer, document: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the points of a series of a decoded document, if it has any, in place."""
    if "points" in series:
        points = series["points"]
        series["points"] = serializer(
            points if hasattr(serializer, "takes_columns") else milli_tuple(points),
            tz=(series.get("tz") or {}).get("timezone"),
            included_job=document.get("included_job") is True,
            included_timestamp=document.get("included_timestamp") is True,
        )
    return series


def _from_columns(function: Callable[[PointColumns, str | None], Any]) -> Serializer:
    """A serializer of columns or rows, from one of columns."""

    @functools.wraps(function)
    def serializer(
        pts: PointColumns | Iterable[Sequence[Any]],
        tz: str | None = None,
        *_ignored: Any,
        included_job: bool | None = False,
        included_timestamp: bool | None = False,
        **_also_ignored: Any,
    ) -> Any:
        if not isinstance(pts, PointColumns):
            rows = [[int(date), *rest] for date, *rest in (pts.tolist() if isinstance(pts, np.ndarray) else pts)]
            pts = PointColumns.from_rows(rows, jobs=bool(included_job), timestamps=bool(included_timestamp))
        return function(pts, tz)

    serializer.takes_columns = True  # type: ignore[attr-defined]
    return serializer


@_from_columns
def shooju_point(pts: PointColumns, tz: str | None = None) -> list[Point]:
    """A list of :class:`Point`."""
    made = []
    jobs = [None] * len(pts) if pts.jobs is None else pts.jobs.tolist()
    timestamps = [None] * len(pts) if pts.timestamps is None else _datetimes(pts.timestamps)
    for date, value, job, timestamp in zip(_datetimes(pts.dates), _values(pts), jobs, timestamps, strict=True):
        point = Point.__new__(Point)  # without checking every point again
        point._datetime, point._value, point._job, point._timestamp = date, value, job, timestamp
        made.append(point)
    return made


@_from_columns
def milli_tuple(pts: PointColumns, tz: str | None = None) -> list[tuple[Any, ...]]:
    """A list of tuples ``(milliseconds, value)``, then job and timestamp if requested; a missing value is None."""
    extra = [column.tolist() for column in (pts.jobs, pts.timestamps) if column is not None]
    return list(zip(pts.dates.tolist(), _values(pts), *extra, strict=True))


@_from_columns
def pd_series(pts: PointColumns, tz: str | None = None) -> pd.Series[float]:
    """A pandas Series of float64; its index is naive, ``datetime64[ns]``: UTC, or local time if localized."""
    return pd.Series(pts.values, nanoseconds(pd.DatetimeIndex(pts.dates.view("M8[ms]"))))


@_from_columns
def pd_series_localized(pts: PointColumns, tz: str | None = None) -> pd.Series[float]:
    """A pandas Series of float64; its index is aware, ``datetime64[ns, tz]``: in UTC unless localized."""
    return pd.Series(pts.values, nanoseconds(clocks.to_index(pts.dates, tz)))


@_from_columns
def np_array(pts: PointColumns, tz: str | None = None) -> npt.NDArray[np.void]:
    """A structured array of ``dates`` (int64 milliseconds), ``values``, and if requested ``jobs``, ``timestamps``."""
    columns = {"dates": pts.dates, "values": pts.values, "jobs": pts.jobs, "timestamps": pts.timestamps}
    present = {name: column for name, column in columns.items() if column is not None}
    array = np.empty(len(pts), [(name, column.dtype) for name, column in present.items()])
    for name, column in present.items():
        array[name] = column
    return array


def nanoseconds(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The index with nanoseconds as its unit, as the documented frames and series have it."""
    try:
        return index.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime:
        raise ValueError(
            "a date is outside the years 1678 to 2261, which nanoseconds cannot represent; use pandas.read_shooju"
        ) from None


def _datetimes(milliseconds: npt.NDArray[np.int64]) -> list[datetime.datetime]:
    datetimes: list[Any] = milliseconds.view("M8[ms]").tolist()  # integers where datetime cannot represent the year
    for at in (i for i, made in enumerate(datetimes) if isinstance(made, int)):
        raise ValueError(
            f"datetime cannot represent the date {datetimes[at]} ms since 1970; "
            "use points_serializers.milli_tuple or np_array"
        )
    return datetimes


def _values(points: PointColumns) -> list[float | None]:
    values: list[float | None] = points.values.tolist()
    for at in np.flatnonzero(np.isnan(points.values)).tolist():
        values[at] = None
    return values

"""`diff`: the points and fields in which a frame differs from an earlier one; `changed_from` writes these.

Both use :func:`changes`, which compares what the two frames say to write, series by series.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju import clocks, query
from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.errors import ShoojuApiError
from pandas_shooju.formats import PointColumns
from pandas_shooju.frame.dates_values import check_reports_are_named, listed
from pandas_shooju.frame.fields import Fields
from pandas_shooju.frame.ids import SAME, Sid, check_sid, ids_as_read
from pandas_shooju.frame.origin import column_fields, field_columns, origin_of
from pandas_shooju.frame.shapes import (
    ReportedDate,
    Shape,
    Writable,
    as_frame,
    is_naive,
    series_writes,
    shape_of,
)
from pandas_shooju.layouts import str_dtype
from pandas_shooju.query import id_key
from pandas_shooju.values import Missing, same_value

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection


class Change(NamedTuple):
    """The points (ascending by date) and fields in which one series differs; a missing value is NaN or None."""

    series_id: str
    reported_date: int | None
    dates: npt.NDArray[np.int64]
    old: npt.NDArray[np.float64]
    new: npt.NDArray[np.float64]
    old_fields: dict[str, Any]
    new_fields: dict[str, Any]

    def write(self) -> SeriesWrite:
        """The write that stores the new state."""
        return SeriesWrite(self.series_id, PointColumns(self.dates, self.new), self.new_fields, self.reported_date)


def diff(
    data: Writable,
    old: Writable | Literal["server"],
    sid: Sid | None = None,
    *,
    fields: Fields | None = None,
    date: Hashable | None = None,
    value: Hashable | list[Hashable] | None = None,
    tz: Any = None,
    reported_date: ReportedDate | None = None,
    remove_others: Literal["points"] | None = None,
    na: Missing = "skip",
    connection: Connection | str | None = None,
) -> pd.DataFrame:
    r"""Compare the data with an earlier frame, or with what is stored.

    The result lists what `write` with ``changed_from=old`` would send. Nothing is written.

    Parameters
    ----------
    old : DataFrame, Series, groupby or "server"
        An earlier frame of the same shape; or ``"server"``, to compare with what is stored between the first and the
        last date of the data.
    sid, fields, date, value, tz, reported_date, remove_others, na, connection
        As for `write`.

    Returns
    -------
    DataFrame
        A row for each point that would be added, changed or removed, with the columns ``series_id``, ``dt``
        (``datetime64[ms, UTC]``), ``old`` and ``new`` (float64; NaN means that there is no point). If there are report
        dates, they are in the column ``reported_date`` (``datetime64[ms, UTC]``). With `fields` there is also a row for
        each field that would be written, which has the name of the field in the column ``field`` and no ``dt``; ``old``
        and ``new`` then have the dtype object.

    Raises
    ------
    ValueError, TypeError
        The two cannot be compared, or it is not known which series they belong to.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> index = pd.date_range("2024-01-01", periods=3, tz="UTC")
    >>> old = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=index).rename_axis(columns="name")
    >>> new = pd.DataFrame({"a": [1.0, 2.5, None]}, index=index).rename_axis(columns="name")
    >>> new.shooju.diff(old, sid=r"users\sam\{name}")
         series_id                        dt  old  new
    0  users\sam\a 2024-01-02 00:00:00+00:00  2.0  2.5
    >>> new.shooju.diff(old, sid=r"users\sam\{name}", na="null")
         series_id                        dt  old  new
    0  users\sam\a 2024-01-02 00:00:00+00:00  2.0  2.5
    1  users\sam\a 2024-01-03 00:00:00+00:00  3.0  NaN
    """
    found = changes(
        data, old, sid, fields=fields, date=date, value=value, tz=tz, reported_date=reported_date,
        remove_others=remove_others, na=na, connection=connection,
    )  # fmt: skip
    return _as_frame(found, with_fields=fields is not None)


def changes(
    data: Writable,
    old: Writable | Literal["server"],
    sid: Sid | None,
    *,
    fields: Fields | None,
    date: Hashable | None,
    value: Hashable | list[Hashable] | None,
    tz: Any,
    reported_date: ReportedDate | None,
    remove_others: str | None,
    na: Missing,
    connection: Connection | str | None,
) -> list[Change]:
    """The changes from `old` to `data`, one for each series and report date that differs.

    Raises
    ------
    ValueError, TypeError
        The two cannot be compared, or it is not known which series they belong to.
    """
    from pandas_shooju.client.connection import connection_of

    if remove_others not in (None, "points"):
        raise ValueError(f"with changed_from, remove_others must be None or 'points', got {remove_others!r}")
    if sid is not None:
        check_sid(sid)
    known: set[str] | None
    shared: dict[str, Any] = {
        "date": date, "value": value, "tz": tz, "reported_date": reported_date, "na": na, "keep_missing": True,
    }  # fmt: skip
    if isinstance(old, str):
        if old != "server":
            raise ValueError(f"changed_from must be an earlier frame or 'server', got {old!r}")
        now = series_writes(data, sid, fields=fields, **shared)
        before, known = _stored(now, connection_of(connection)), None
    else:
        sid = _same_series(data, old, sid, date, value, reported_date, connection) if sid is None else sid
        _check_zones(data, old, date, value, tz)
        now = series_writes(data, sid, fields=fields, **shared)
        # fields that the frame names are in the earlier frame, too; others are known as far as they were read
        shape = shape_of(old, date, value)
        named, known = (fields, None) if isinstance(fields, str | Sequence) else _read_fields(old, fields, shape)
        before = series_writes(old, sid, fields=named, **shared)
        if known is not None and shape == "wide":
            before = _with_fields_as_read(old, before)
    return _compared(now, before, known, remove_others is not None, na)


def _same_series(
    data: Writable,
    old: Writable,
    sid: Sid | None,
    date: Any,
    value: Any,
    reported_date: Any,
    connection: Connection | str | None,
) -> Sid:
    """The `sid` that writes `data` to the series that `old` was read from."""
    shape, old_shape = shape_of(data, date, value), shape_of(old, date, value)
    if shape != old_shape:
        raise TypeError(f"changed_from must have the same shape as the data, which is {shape}, got {old_shape}")
    if shape in ("grouped", "stacked"):
        raise ValueError(f"with changed_from, data that is {shape} also requires sid")
    _check_server(old, connection)
    if reported_date is None and (origin_of(old) or {}).get("vintages") == "reported_date":
        raise ValueError(
            "changed_from must have been read from the series itself, but it was read from its reports; pass "
            "reported_date='reported_date' to write reports, or sid=... to compare with it all the same"
        )
    if shape != "wide":
        return SAME
    frame, old_frame = (as_frame(each) if isinstance(each, pd.Series) else each for each in (data, old))
    for each in (frame, old_frame):
        check_reports_are_named(each, SAME, reported_date)
    level = reported_date if isinstance(reported_date, Hashable) and reported_date in old_frame.columns.names else None
    id_of = ids_as_read(old_frame, level)
    if isinstance(data, pd.Series) and data.name is None:
        if len(old_frame.columns) > 1:
            raise ValueError(
                f"the Series must be named like a column of changed_from, {listed(old_frame.columns)}, got name=None; "
                f"name it, such as `series.name = {old_frame.columns[0]!r}`"
            )
        only = id_of(old_frame.columns[0])
        return lambda label: only
    names, old_names = list(frame.columns.names), list(old_frame.columns.names)
    plain = len(names) == 1 and all(isinstance(label, str) for label in frame.columns)
    if names != old_names and not (plain and None in (names[0], old_names[0])) and not isinstance(data, pd.Series):
        raise ValueError(
            f"the column levels must be those of changed_from, {old_names}, got {names}; "
            + (f"set them: `df.columns.names = {old_names!r}`, or " if len(names) == len(old_names) else "")
            + "pass sid=..."
        )
    return id_of


def _check_server(old: Any, connection: Connection | str | None) -> None:
    """Refuse to write to one server the series that a frame was read from on another."""
    origin = origin_of(old)
    read_from = None if origin is None else origin.get("server")
    if read_from is None or connection is None:  # without a connection nothing is written
        return
    from pandas_shooju.client.connection import connection_of

    to = connection_of(connection).server
    if to != read_from:
        raise ValueError(
            f"changed_from must have been read from the server that is written to, {to!r}, got {read_from!r}; to write "
            f"to the series with the same ids on this server, pass sid={SAME!r}"
        )


def _check_zones(data: Writable, old: Writable, date: Any, value: Any, tz: Any) -> None:
    """Refuse to compare naive dates with aware ones, unless `tz` says what the naive ones are."""
    naive = [is_naive(each, date, value) for each in (data, old)]
    if tz is None and None not in naive and naive[0] != naive[1]:
        which = "the frame has naive dates and changed_from has aware ones"
        if naive[1]:
            which = "the frame has aware dates and changed_from has naive ones"
        raise ValueError(f"{which}, so they cannot be compared; pass the time zone of the naive dates as tz=")


def _read_fields(old: Any, fields: Any, shape: Shape) -> tuple[list[str] | None, set[str] | None]:
    """For fields that are not in the frame: those that the earlier frame knows, by columns and in all (None: every)."""
    if fields is None or shape == "fields":
        return None, None
    if shape == "long" and isinstance(old, pd.DataFrame):
        columns = [name for name in fields if name in field_columns(old)]
        return columns or None, set(columns)
    origin = origin_of(old) or {}
    return None, set(origin["fields"]) if shape == "wide" and origin.get("layout") == "wide" else set()


def _with_fields_as_read(old: Any, before: list[SeriesWrite]) -> list[SeriesWrite]:
    """The writes of an earlier wide frame with the fields that its series had when they were read."""
    fields = column_fields(as_frame(old) if isinstance(old, pd.Series) else old)
    return [write._replace(fields=of_one) for write, of_one in zip(before, fields, strict=True)]


def _stored(writes: Sequence[SeriesWrite], connection: Connection) -> list[SeriesWrite]:
    """The stored points and fields of the series, between the first and the last date of all the writes."""
    from pandas_shooju.client import reader
    from pandas_shooju.client.servers import is_new_store

    if is_new_store(connection.server):  # the first run of a pipeline
        return []
    names = list(dict.fromkeys(name for write in writes for name in write.fields))
    limits = _span(writes)
    points: dict[str, Any] = {"max_points": 0}
    if limits is not None:
        points = {"max_points": -1, "df": limits[0], "dt": limits[1]}
    found: list[SeriesWrite] = []
    queries = []
    for write in writes:
        one = query.series(write.series_id)
        if write.reported_date is not None:
            moment = np.datetime64(write.reported_date, "ms")
            one = one.repdate(moment)
            if names:
                one = one.repfdate(moment)
        queries.append(str(one))
    remaining = iter(writes)
    for page in reader.bulk(connection.raw, queries, reader.parameters(fields=names, **points)):
        for item, write in zip(page.items(), remaining, strict=False):
            if item.get("error") == "series_not_found":
                continue
            if "error" in item:
                raise ShoojuApiError.from_answer(item)
            stored = item.get("points", PointColumns.empty())
            found.append(SeriesWrite(write.series_id, stored, item.get("fields", {}), write.reported_date))
    return found


def _span(writes: Sequence[SeriesWrite]) -> tuple[int, int] | None:
    """The first and the last date of all the points."""
    dates = [write.points.dates for write in writes if write.points is not None and len(write.points)]
    return (min(int(own[0]) for own in dates), max(int(own[-1]) for own in dates)) if dates else None


def _compared(
    now: Sequence[SeriesWrite],
    before: Sequence[SeriesWrite],
    known_fields: set[str] | None,
    remove_others: bool,
    na: Missing,
) -> list[Change]:
    """The differences; a field that is not among the known ones (None: all are known) counts as changed."""
    earlier = {(id_key(write.series_id), write.reported_date): write for write in before}
    span = _span(now) if remove_others else None
    found = []
    for write in now:
        old = earlier.get((id_key(write.series_id), write.reported_date))
        given = PointColumns.empty() if write.points is None else write.points
        stored = PointColumns.empty() if old is None or old.points is None else old.points
        dates, was, is_now = _side_by_side(stored, given)
        in_frame = np.isin(dates, given.dates, assume_unique=True)
        differs = (was.view(np.int64) != is_now.view(np.int64)) & ~(np.isnan(was) & np.isnan(is_now))
        if na == "skip":
            differs &= ~(in_frame & np.isnan(is_now))
        differs &= in_frame | (False if span is None else (dates >= span[0]) & (dates <= span[1]))
        had = {} if old is None else old.fields
        fields = {
            name: value
            for name, value in write.fields.items()
            if not (name in had and same_value(had[name], value))
            and not (
                value is None and old is not None and name not in had and (known_fields is None or name in known_fields)
            )
        }
        if differs.any() or fields:
            change = Change(
                write.series_id, write.reported_date, dates[differs], was[differs], is_now[differs],
                {name: had.get(name) for name in fields}, fields,
            )  # fmt: skip
            found.append(change)
    return found


def _side_by_side(old: PointColumns, new: PointColumns) -> tuple[Any, Any, Any]:
    """The dates of both, and the values of each at them; NaN where there is none."""
    dates = np.union1d(old.dates, new.dates)
    columns = []
    for points in (old, new):
        column = np.full(len(dates), np.nan)
        column[np.searchsorted(dates, points.dates)] = points.values
        columns.append(column)
    return dates, columns[0], columns[1]


def _as_frame(found: Sequence[Change], with_fields: bool) -> pd.DataFrame:
    """A row for each point, and with fields for each field, that differs."""
    counts = [len(change.dates) + (len(change.new_fields) if with_fields else 0) for change in found]
    ids = pd.Series([change.series_id for change in found], dtype=str_dtype()).repeat(counts)
    data: dict[str, Any] = {"series_id": ids.reset_index(drop=True)}
    if any(change.reported_date is not None for change in found):
        reported = np.repeat([change.reported_date for change in found], counts).astype(np.int64)
        data["reported_date"] = clocks.to_index(reported)
    empty = np.empty(0)
    if not with_fields:
        data["dt"] = clocks.to_index(np.concatenate([np.empty(0, np.int64), *(change.dates for change in found)]))
        data["old"] = np.concatenate([empty, *(change.old for change in found)])
        data["new"] = np.concatenate([empty, *(change.new for change in found)])
        return pd.DataFrame(data)
    nat = np.datetime64("NaT", "ms").astype(np.int64)
    dates = [np.append(change.dates, np.full(len(change.new_fields), nat)) for change in found]
    names = [name for change in found for name in [*[None] * len(change.dates), *change.new_fields]]
    data["field"] = pd.Series(names, dtype=str_dtype())
    data["dt"] = pd.DatetimeIndex(np.concatenate([np.empty(0, np.int64), *dates]).view("M8[ms]")).tz_localize("UTC")
    for name in ("old", "new"):
        values = [
            value
            for change in found
            for value in [*getattr(change, name).tolist(), *getattr(change, f"{name}_fields").values()]
        ]
        data[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(data)

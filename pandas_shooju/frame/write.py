"""`write`: a frame of any shape -> series writes -> what was stored, as a `WriteResult`.

What a frame means is settled in :mod:`pandas_shooju.frame.shapes` before anything is sent; sending, and keeping
what was not confirmed, is the job's business.
"""

from __future__ import annotations

import datetime
import gc
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.client.connection import Connection, default_connection
from pandas_shooju.client.job import DryRunJob, RemoteJob
from pandas_shooju.client.points import to_milli
from pandas_shooju.client.result import WriteResult
from pandas_shooju.formats import PointColumns
from pandas_shooju.frame.fields import Fields
from pandas_shooju.frame.ids import Sid
from pandas_shooju.frame.shapes import Missing, Writable, series_writes

KeepOnly = Literal["points", "fields", "all"]


def write(
    data: Writable,
    job: str | RemoteJob | DryRunJob | None = None,
    sid: Sid | None = None,
    *,
    fields: Fields | None = None,
    date: Hashable | None = None,
    value: Hashable | None = None,
    reported_date: datetime.date | datetime.datetime | int | None = None,
    remove_others: KeepOnly | None = None,
    na: Missing = "skip",
    changed_from: Writable | None = None,
    batch_size: int = 1000,
    workers: int = 4,
    dry_run: bool = False,
    progress: bool | None = None,
    connection: Connection | None = None,
) -> WriteResult:
    r"""Write the frame to Shooju as series.

    Parameters
    ----------
    job
        A description (of three characters or more): a job is registered, and finished at the end. Or a job, which
        is left open.
    sid
        Which series. A template over the names of the column levels (wide) or the columns (long), as
        ``r"users\sam\{country}"``, with format specs as in `str.format`; for wide frames and groupbys also a dict
        from label to series id, or a function of the label. By default the series that the frame was read from (one
        that was computed from several needs `sid`), or the labels themselves where they are series ids, or the column
        ``series_id`` of a long frame.
    fields
        Fields to write: a dict for all series; a frame with a row for each series id; names of columns (long) or of
        column levels (wide); ``"levels"`` for all the named levels.
    date, value
        The columns of a long frame that hold dates and values; by default ``dt`` and ``val``.
    reported_date
        File the points and fields under this report date, beside the series' own.
    remove_others
        ``"points"``, ``"fields"`` or ``"all"``: remove what the series has beyond what is written.
    na
        ``"skip"`` leaves points alone where the frame has missing values, ``"null"`` removes them.
    changed_from
        An earlier frame of the same shape: write only what differs from it.
    batch_size
        Series per call.
    workers
        Calls under way at once, never two for the same series.
    dry_run
        Send nothing; print what would be written.
    progress
        Show a progress bar; by default in a notebook, if it takes more than a second.
    connection
        The connection to write by; by default the one of the settings (see `Connection`).

    Returns
    -------
    WriteResult

    Raises
    ------
    WriteError
        Series were refused: ``error.failed`` is a frame of them with the reasons, ``error.result.retry()`` sends
        again what is not stored.
    ConnectionError
        The server could not be reached; ``error.result`` as above.
    ValueError, TypeError
        The frame cannot be written as it is; nothing was sent.

    Notes
    -----
    Aware dates are converted to UTC exactly, naive ones stand as they are.
    """
    if job is None:
        raise TypeError(
            'a write needs a job: a description of it, as df.shooju.write("GDP, revised"), or a registered job'
        )
    if not isinstance(job, str | RemoteJob | DryRunJob):
        raise TypeError(f"job is {job!r}; it can be a description, or a job that was registered")
    if remove_others not in (None, "points", "fields", "all"):
        raise ValueError(f"remove_others is {remove_others!r}; it can be None, 'points', 'fields' or 'all'")
    with _no_collecting():
        writes = series_writes(data, sid, fields=fields, date=date, value=value, na=na)
        if changed_from is not None:
            if remove_others is not None:
                raise ValueError("changed_from writes only what differs, and remove_others removes what is not written")
            old = series_writes(changed_from, sid, fields=fields, date=date, value=value)
            writes = _changed(writes, old, na)
    reported = None if reported_date is None else to_milli(reported_date)
    if isinstance(job, str):
        to_job = (connection or default_connection()).register_job(job, batch_size=batch_size, dry_run=dry_run)
    elif dry_run:
        raise ValueError("dry_run=True needs a description as job; a registered job writes")
    else:
        to_job = job
    with _no_collecting():
        if reported is not None:
            writes = [write._replace(reported_date=reported) for write in writes]
        to_job.enqueue(writes, remove_others)
        result = WriteResult(to_job, writes, finish=isinstance(job, str), batch_size=batch_size, workers=workers)
    del writes  # the job has them now, and lets go of each when it is stored
    return result.retry(progress)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Pause the garbage collector: it would look at all the new objects again and again, and find nothing."""
    pause = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # else somebody's objects are frozen, and shall stay so
            gc.freeze()
            gc.unfreeze()  # to the oldest generation, without a pass over each of the younger ones
        if pause:
            gc.enable()


def diff(
    data: Writable,
    old: Writable,
    sid: Sid | None = None,
    *,
    date: Hashable | None = None,
    value: Hashable | None = None,
) -> pd.DataFrame:
    r"""The points in which the frame differs from an earlier one: what `write` with ``changed_from`` would write.

    Parameters
    ----------
    old
        The earlier frame, of the same shape.
    sid, date, value
        As for `write`.

    Returns
    -------
    DataFrame
        A row for each point that was added, changed or removed: ``series_id``, ``dt`` (UTC, ``datetime64[ms, UTC]``),
        ``old`` and ``new`` (float64; NaN where there is no such point).

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> index = pd.date_range("2024-01-01", periods=3, tz="UTC")
    >>> old = pd.DataFrame({r"users\sam\a": [1.0, 2.0, 3.0]}, index=index)
    >>> new = pd.DataFrame({r"users\sam\a": [1.0, 2.5, None]}, index=index)
    >>> new.shooju.diff(old)
         series_id                        dt  old  new
    0  users\sam\a 2024-01-02 00:00:00+00:00  2.0  2.5
    1  users\sam\a 2024-01-03 00:00:00+00:00  3.0  NaN
    """
    before = {item.series_id.casefold(): item for item in series_writes(old, sid, date=date, value=value)}
    now = series_writes(data, sid, date=date, value=value)
    names = {item.series_id.casefold(): item.series_id for item in [*before.values(), *now]}
    after = {item.series_id.casefold(): item for item in now}
    parts = []
    for key, name in names.items():
        dates, was, now_is = _side_by_side(_points_of(before.get(key)), _points_of(after.get(key)))
        changed = ~((was == now_is) | (np.isnan(was) & np.isnan(now_is)))
        if changed.any():
            parts.append(
                pd.DataFrame(
                    {
                        "series_id": name,
                        "dt": clocks.to_index(dates[changed]),
                        "old": was[changed],
                        "new": now_is[changed],
                    }
                )
            )
    if parts:
        return pd.concat(parts, ignore_index=True)
    none = np.empty(0)
    empty = pd.DataFrame({"series_id": [], "dt": clocks.to_index(np.empty(0, np.int64)), "old": none, "new": none})
    return empty.astype({"series_id": pd.Series(["text"]).dtype})


def _changed(writes: Sequence[SeriesWrite], old: Sequence[SeriesWrite], na: Missing) -> list[SeriesWrite]:
    """The writes without what an earlier frame had already."""
    before = {item.series_id.casefold(): item for item in old}
    changed = []
    for item in writes:
        earlier = before.get(item.series_id.casefold())
        if earlier is None:
            changed.append(item)
            continue
        dates, was, now = _side_by_side(_points_of(earlier), _points_of(item))
        differs = ~((was == now) | (np.isnan(was) & np.isnan(now)))
        if na == "skip":
            differs &= ~np.isnan(now)
        fields = {k: v for k, v in item.fields.items() if k not in earlier.fields or earlier.fields[k] != v}
        if differs.any() or fields:
            changed.append(SeriesWrite(item.series_id, PointColumns(dates[differs], now[differs]), fields))
    return changed


def _points_of(item: SeriesWrite | None) -> PointColumns:
    return PointColumns.empty() if item is None or item.points is None else item.points


def _side_by_side(old: PointColumns, new: PointColumns) -> tuple[Any, Any, Any]:
    """The dates of both, and the values of each at them; NaN where there is none."""
    dates = np.union1d(old.dates, new.dates)
    columns = []
    for points in (old, new):
        column = np.full(len(dates), np.nan)
        column[np.searchsorted(dates, points.dates)] = points.values
        columns.append(column)
    return dates, columns[0], columns[1]

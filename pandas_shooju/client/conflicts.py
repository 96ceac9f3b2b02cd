"""Conflicts between jobs: what a newer job has written may not be overwritten by an older one.

The server refuses such an item as a whole (``already_exists``) and names one date. If an earlier request with that item
had an unknown outcome, its points may be stored all the same, and be overwritten since. Reading the series back, with
the job of each point, shows which dates the newer job wrote.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from pandas_shooju.client import reader
from pandas_shooju.client.buffer import Item
from pandas_shooju.client.points import to_datetime
from pandas_shooju.client.servers import job_page
from pandas_shooju.client.transport import Client
from pandas_shooju.errors import ConflictError, ShoojuError, ShoojuFormatError, WriteError
from pandas_shooju.formats import PointColumns
from pandas_shooju.formats.columns import Int64Array

_NONE = np.empty(0, np.int64)


class Conflict(NamedTuple):
    """Dates of an item that newer jobs have written; none if it is not known which."""

    series_id: str
    reported_date: int | None = None
    dates: Int64Array = _NONE
    jobs: Int64Array = _NONE


def read_back(client: Client, item: Item) -> PointColumns:
    """What the server has of the points that an item is about, with the job of each."""
    query = item.target.on_the_wire
    if item.reported_date is not None:
        query += f"@repdate:{to_datetime(int(item.reported_date)).isoformat()}"
    points = item.points()
    whole = item.remove_others in ("points", "all")
    if not whole and not len(points):
        return PointColumns.empty(jobs=True)
    asked = reader.parameters(
        df=None if whole else int(points.dates[0]),
        dt=None if whole else int(points.dates[-1]),
        max_points=-1,
        include_job=True,
    )
    [found] = next(reader.bulk(client, [query], asked)).items()
    stored = found.get("points") or PointColumns.empty(jobs=True)
    if stored.jobs is None:
        raise ShoojuFormatError(f"the response must contain the jobs of the points of {query!r}, but it does not")
    return stored


def conflict_of(item: Item, stored: PointColumns, job_id: int) -> Conflict:
    """The dates that newer jobs have written."""
    assert stored.jobs is not None
    newer = stored.jobs > job_id
    if item.remove_others not in ("points", "all"):
        newer &= np.isin(stored.dates, item.points().dates)
    date = None if item.reported_date is None else int(item.reported_date)
    return Conflict(item.target.name, date, stored.dates[newer], stored.jobs[newer])


def give_way(item: Item, conflict: Conflict, stored: PointColumns) -> None:
    """Leave to the newer jobs what they have written; what remains of the item can be sent again.

    Removing the other points means from now on: removing those that older jobs have written.
    """
    if item.remove_others in ("points", "all"):
        item.remove_others = "fields" if item.remove_others == "all" else None
        others = np.setdiff1d(stored.dates, np.concatenate((item.points().dates, conflict.dates)))
        item.merge({}, PointColumns(others, np.full(len(others), np.nan)), None)
    item.without(conflict.dates)


def conflict_frame(client: Client, conflicts: list[Conflict]) -> pd.DataFrame:
    """A row per date: the index ``series_id``, and ``reported_date``, ``date``, ``job``, ``user`` and ``page``."""
    counts = [len(conflict.dates) for conflict in conflicts]
    index = pd.Index(np.repeat([conflict.series_id for conflict in conflicts], counts), dtype=object, name="series_id")
    jobs = np.concatenate([conflict.jobs for conflict in conflicts] or [_NONE])
    dates = np.concatenate([conflict.dates for conflict in conflicts] or [_NONE])
    reports = [pd.NaT if conflict.reported_date is None else conflict.reported_date for conflict in conflicts]
    users = {job: _user(client, job) for job in np.unique(jobs).tolist()}
    server, _ = client.shown
    return pd.DataFrame(
        {
            "reported_date": pd.Series(reports, dtype="datetime64[ms]").repeat(counts).to_numpy(),
            "date": dates.astype("datetime64[ms]"),
            "job": jobs,
            "user": [users[job] for job in jobs.tolist()],
            "page": [job_page(server, job) for job in jobs.tolist()],
        },
        index=index,
    )


def conflict_error(client: Client, found: list[Conflict], failed: WriteError | None) -> ConflictError:
    """The error that tells of newer jobs, in place of `failed` if items were refused."""
    frame = conflict_frame(client, found)
    text = ""
    if len(frame):
        first = frame.iloc[0]
        text = f": {frame.index[0]!r} on {first['date']} by job {first['job']}"
        text += f" (user {first['user']})" if first["user"] else ""
        text += f", and {len(frame) - 1} more dates" if len(frame) > 1 else ""
    if failed is None:
        message = f"everything was stored except for dates that newer jobs have written{text}"
        return ConflictError(message, error="already_exists", description=message, conflicts=frame)
    return ConflictError(
        f"{failed}; newer jobs have written the dates{text}; register a new job to overwrite them",
        error=failed.error,
        description=failed.description,
        failed=failed.failed,
        responses=failed.responses,
        conflicts=frame,
    )


def _user(client: Client, job_id: int) -> str | None:
    """Who registered a job; None if that cannot be found out."""
    try:
        job = client.get(f"/jobs/{job_id}").get("job")
    except ShoojuError:
        return None
    user = job.get("user") if isinstance(job, dict) else None
    return user if isinstance(user, str) else None

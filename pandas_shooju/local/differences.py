"""What a job did to a series: points and fields before and after, for ``diff_job_id``.

A point of a difference is a row ``[milliseconds, value, previous value, status]``. The status is ``c`` for a changed
point, ``d`` for a deleted one, ``a`` for an added one, and null for one that the job left as it was. Points and fields
that other jobs wrote in between count for the job only where it wrote them as well.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import numpy as np

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.fields import chosen_fields
from pandas_shooju.local.store import history, jobs, mirrors, points
from pandas_shooju.local.store.catalogue import Series
from pandas_shooju.local.store.chunks import Int64, Points
from pandas_shooju.local.store.points import Range


class Differences:
    """What one job did.

    Parameters
    ----------
    db
        A connection.
    job
        The job's id.
    points_only
        Leave out the points that the job did not change.

    Raises
    ------
    ApiError
        There is no such job, or it kept no history.
    """

    def __init__(self, db: sqlite3.Connection, job: int, points_only: bool) -> None:
        mirrors.refuse(db, "diff_job_id")
        if jobs.get(db, job)["no_history"]:
            raise invalid(f"diff_job_id={job} is not supported: the job was registered with no_history")
        self._db = db
        self._points_only = points_only
        rows = db.execute("SELECT id FROM revisions WHERE job = ? ORDER BY id", (job,)).fetchall()
        self._revisions: Int64 = np.array(rows, np.int64).reshape(-1)

    def item(self, row: Series, wanted: Range | None, names: tuple[str, ...]) -> dict[str, Any]:
        """The item of the response for one series, without ``series_id``."""
        after, before = self._fields(row)
        item: dict[str, Any] = {
            "fields": chosen_fields(self._db, row, after, names or ("*",)),
            "fields_previous": chosen_fields(self._db, row, before, names or ("*",)),
        }
        if wanted is not None and (rows := self._points(row, wanted)):
            item["points"] = rows
        return item

    def _fields(self, row: Series) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fields as the job last wrote them, and as they were before it first did."""
        ours = set(self._revisions.tolist())
        versions = history.versions_of_fields(self._db, row.id)
        written = [place for place, (revision, _) in enumerate(versions) if revision in ours]
        if not written:
            last = int(self._revisions[-1]) if len(self._revisions) else 0
            text = history.fields_as_of(self._db, row.id, last)
            return json.loads(text), json.loads(text)
        after = json.loads(versions[written[-1]][1])
        before = json.loads(versions[written[0] - 1][1]) if written[0] else {}
        return after, before

    def _points(self, row: Series, wanted: Range) -> list[list[Any]]:
        versions = history.versions_of_points(self._db, row.id, points.read(self._db, row.id, 0))
        ours = np.isin(versions.revisions, self._revisions)
        if self._points_only:
            concerned = np.isin(versions.dates, versions.dates[ours])
            versions, ours = versions.pick(concerned), ours[concerned]
        last = int(self._revisions[-1]) if len(self._revisions) else 0
        rows: list[list[Any]] = []
        if not len(ours):
            return rows
        starts = np.flatnonzero(np.append(True, versions.dates[1:] != versions.dates[:-1])).tolist()
        for start, stop in zip(starts, [*starts[1:], len(ours)], strict=True):
            date = int(versions.dates[start])
            if not wanted.first <= date <= wanted.last:
                continue
            row_of = _row(versions.pick(slice(start, stop)), ours[start:stop], last)
            if row_of is not None and (row_of[2] is not None or not self._points_only):
                rows.append([date, *row_of])
        return rows[: wanted.limit]


def _row(versions: Points, ours: Any, last: int) -> tuple[float | None, float | None, str | None] | None:
    """Value, previous value and status of one date, from its versions in order; None if it had no point."""
    places = np.flatnonzero(ours)
    if len(places):
        value = _plain(versions.values[places[-1]])
        previous = _plain(versions.values[places[0] - 1]) if places[0] else None
    else:
        known = versions.values[versions.revisions <= last]
        value = previous = _plain(known[-1]) if len(known) else None
    if value is None and previous is None:
        return None
    status = None if value == previous else "a" if previous is None else "d" if value is None else "c"
    return value, previous, status


def _plain(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)

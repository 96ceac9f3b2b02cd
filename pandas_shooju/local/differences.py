"""What a job did to a series: points and fields before and after, for ``diff_job_id``.

A point of a difference is a row ``[milliseconds, value, previous value, status]``. The status is ``c`` for a changed
point, ``d`` for a deleted one, ``a`` for an added one, and null for one that the job left as it was. Points and fields
that other jobs wrote in between count for the job only where it wrote them as well; the previous value is then theirs.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import numpy as np

from pandas_shooju.local.changes import effect, field_effects, field_versions, revisions_of
from pandas_shooju.local.fields import chosen_fields
from pandas_shooju.local.store import chunks, history, mirrors, points
from pandas_shooju.local.store.catalog import Series
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
        self._db = db
        self._points_only = points_only
        self._revisions = revisions_of(db, job)

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
        """The fields as they were after the job's last write, and the same without what the job wrote."""
        last = int(self._revisions[-1]) if len(self._revisions) else 0
        versions = [one for one in field_versions(self._db, row) if one[0] <= last]
        after = versions[-1][1] if versions else {}
        effects = field_effects(versions, set(self._revisions.tolist()))
        written = {name: one.new for name, one in effects.items()}
        before = {name: one.old for name, one in effects.items()}
        return _present(after | written), _present(after | before)

    def _points(self, row: Series, wanted: Range) -> list[list[Any]]:
        versions = history.versions_of_points(self._db, row.id, 0, points.read(self._db, row.id, 0))
        dates, values, previous = effect(versions, self._revisions)[:3]
        if not self._points_only:
            # the points that the job left alone, as they were after its last write
            last = int(self._revisions[-1]) if len(self._revisions) else 0
            others = chunks.as_of(versions, [], last)
            others = others.pick(np.isin(others.dates, dates, invert=True))
            order = np.argsort(dates := np.concatenate((dates, others.dates)), kind="stable")
            dates = dates[order]
            values = np.concatenate((values, others.values))[order]
            previous = np.concatenate((previous, others.values))[order]
        there = ~(np.isnan(values) & np.isnan(previous)) & (dates >= wanted.first) & (dates <= wanted.last)
        if self._points_only:
            there &= values != previous
        columns = (column[there][: wanted.limit].tolist() for column in (dates, values, previous))
        return [_row(*row) for row in zip(*columns, strict=True)]


def _row(date: int, value: float, previous: float) -> list[Any]:
    """A point of a difference."""
    status = None if value == previous else "a" if previous != previous else "d" if value != value else "c"
    return [date, None if value != value else value, None if previous != previous else previous, status]


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}

"""What a job did, from the versions that the store keeps: to the points and fields of series and of their reports.

A point (or a field) that a job wrote has three values: the *new* one, which is the last that the job wrote; the *old*
one, which is the last that any other job had written before; and the one it has *now*, with the job that wrote it.
A write that changed nothing is not a version, and leaves no trace.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store import catalog, history, jobs, points, reports
from pandas_shooju.local.store.catalog import Series
from pandas_shooju.local.store.chunks import Float64, Int64, Points
from pandas_shooju.values import same_value

#: the points on a page of changes, about; and the series on a page of those that are lost
_MOST_POINTS, _MOST_LOST = 500_000, 1_000


class Effect(NamedTuple):
    """What some revisions did to points, by date; a NaN is a missing point."""

    dates: Int64
    new: Float64
    old: Float64
    now: Float64
    #: the revision of the value that the point has now
    last: Int64


def effect(versions: Points, ours: Int64) -> Effect:
    """What the revisions `ours` did.

    Parameters
    ----------
    versions
        All versions of all points, by date and then by revision; a NaN is a removal.
    ours
        The revisions of one job.

    Examples
    --------
    >>> versions = Points(np.array([0, 0, 1]), np.array([1.0, 2.0, 5.0]), np.array([3, 4, 3]))
    >>> done = effect(versions, np.array([4]))
    >>> done.dates.tolist(), done.old.tolist(), done.new.tolist()
    ([0], [1.0], [2.0])
    """
    dates, values, revisions = versions
    mine = among(revisions, ours)
    if not mine.any():
        none, nothing = np.empty(0, np.int64), np.empty(0)
        return Effect(none, nothing, nothing, nothing, none)
    starts = np.flatnonzero(np.append(True, dates[1:] != dates[:-1]))
    ends = np.append(starts[1:], len(dates)) - 1
    places = np.arange(len(dates))
    written = np.maximum.reduceat(np.where(mine, places, -1), starts)
    starts, ends = starts[written >= 0], ends[written >= 0]
    written = written[written >= 0]
    before = np.maximum.accumulate(np.where(mine, -1, places))[written]
    old = np.where(before >= starts, values[before], np.nan)
    return Effect(dates[written], values[written], old, values[ends], revisions[ends])


def among(revisions: Int64, ours: Int64) -> npt.NDArray[np.bool_]:
    """Which of the revisions are among `ours`, which ascend: as `numpy.isin`, but faster for short arrays."""
    if not len(ours):
        return np.zeros(len(revisions), bool)
    found: npt.NDArray[np.bool_] = ours[np.searchsorted(ours[:-1], revisions)] == revisions
    return found


class FieldEffect(NamedTuple):
    """What a job did to a field; None is a missing field."""

    new: Any
    old: Any
    now: Any
    #: the revision of the value that the field has now
    last: int


def field_effects(versions: list[tuple[int, dict[str, Any]]], ours: set[int]) -> dict[str, FieldEffect]:
    """What the revisions `ours` did to fields, by name.

    Parameters
    ----------
    versions
        The revisions that changed fields, in order, with all fields after each.
    ours
        The revisions of one job.
    """
    logs: dict[str, list[tuple[int, Any]]] = {}
    before: dict[str, Any] = {}
    for revision, after in versions:
        for name in {**before, **after}:
            if not same_value(before.get(name), after.get(name)):
                logs.setdefault(name, []).append((revision, after.get(name)))
        before = after
    effects = {}
    for name, log in logs.items():
        written = max((at for at, (revision, _) in enumerate(log) if revision in ours), default=None)
        if written is not None:
            old = next((value for revision, value in reversed(log[:written]) if revision not in ours), None)
            effects[name] = FieldEffect(log[written][1], old, log[-1][1], log[-1][0])
    return effects


def field_versions(db: sqlite3.Connection, row: Series) -> list[tuple[int, dict[str, Any]]]:
    """The revisions that changed the fields of a series, in order, with all fields after each."""
    return [(revision, json.loads(text)) for revision, text in history.versions_of_fields(db, row.id)]


def revisions_of(db: sqlite3.Connection, job: int) -> Int64:
    """The revisions of a job, in order.

    Raises
    ------
    ApiError
        There is no such job, or it kept no history.
    """
    if jobs.get(db, job)["no_history"]:
        raise invalid(f"what job {job} did is not known: it was registered with no_history")
    rows = db.execute("SELECT id FROM revisions WHERE job = ? ORDER BY id", (job,)).fetchall()
    return np.array(rows, np.int64).reshape(-1)


class Changes:
    """What a job did, to all series that it wrote.

    Parameters
    ----------
    db
        A connection.
    job
        The job's id.

    Raises
    ------
    ApiError
        There is no such job, or it kept no history.
    """

    def __init__(self, db: sqlite3.Connection, job: int) -> None:
        self._db = db
        self._job = job
        self._revisions = revisions_of(db, job)
        self._ours = set(self._revisions.tolist())

    def page(self, after: int, most: int) -> dict[str, Any]:
        """The changes of at most `most` series, those with internal ids above `after`; the first page is 0.

        Pages of what is lost come first, and `after` is negative on all of these but the first.

        Returns
        -------
        dict
            ``changes``, a list of `_series`; ``lost``, the series that this job deleted and that are gone for good, as
            ``[series id, job]``, with the job by which each was lost; ``scroll_id``, the `after` of the next page, or
            None.
        """
        lost: list[tuple[int, str, int]] = []
        if after <= 0:
            sql = "SELECT id, name, lost_by FROM lost_series WHERE job = ? AND id > ? ORDER BY id LIMIT ?"
            lost = self._db.execute(sql, (self._job, -after, _MOST_LOST)).fetchall()
            if len(lost) == _MOST_LOST:
                return {"changes": [], "lost": [one[1:] for one in lost], "scroll_id": -lost[-1][0]}
            after = 0
        ids = [
            row[0]
            for row in self._db.execute(
                "SELECT series FROM job_series WHERE job = ? AND series > ? ORDER BY series LIMIT ?",
                (self._job, after, most),
            )
        ]
        found: list[dict[str, Any]] = []
        held, last = 0, None
        reported, had_fields = (self._having(table, ids) for table in ("reports", "past_fields"))
        for row in catalog.get_many(self._db, ids):
            if held > _MOST_POINTS:
                break
            found.append(self._series(row, row.id in had_fields, row.id in reported))
            held += row.stored + sum(len(part["dates"]) for part in found[-1]["parts"])
            last = row.id
        else:
            last = ids[-1] if len(ids) == most else None
        return {"changes": found, "lost": [one[1:] for one in lost], "scroll_id": last}

    def _having(self, table: str, ids: list[int]) -> set[int]:
        """The series that have rows in a table."""
        sql = f"SELECT DISTINCT series FROM {table} WHERE series IN (SELECT value FROM json_each(?))"
        return {row[0] for row in self._db.execute(sql, (json.dumps(ids),))}

    def _series(self, row: Series, had_fields: bool, reported: bool) -> dict[str, Any]:
        """The changes of one series, which may have had other fields, and reports.

        ``created``: whether the job created it; ``deleted_by``: the jobs that moved it to the trash; ``shared``:
        whether it has points or fields that another job wrote; ``parts``: what changed in the series itself, and in
        each of its reports, as columns.
        """
        own = points.read(self._db, row.id, 0)
        versions = history.versions_of_points(self._db, row.id, 0, own)
        of_fields = field_versions(self._db, row) if had_fields else [(row.fields_revision, json.loads(row.fields))]
        parts = [self._part(None, versions, of_fields)]
        shared = self._is_shared(own, of_fields)
        for report in reports.listed(self._db, row.id) if reported else ():
            if report.revision < self._revisions[0]:
                shared = shared or report.holds > 0
                continue
            filed = points.read(self._db, row.id, report.id)
            versions = history.versions_of_points(self._db, row.id, report.id, filed)
            of_fields = reports.versions_of_fields(self._db, report)
            parts.append(self._part(report.date, versions, of_fields))
            shared = shared or self._is_shared(filed, of_fields)
        return {
            "series_id": row.name,
            "created": row.created in self._ours,
            "deleted_by": json.loads(row.jobs_deleted or "[]"),
            "shared": shared,
            "parts": [part for part in parts if part["dates"] or part["fields"]],
        }

    def _part(
        self, reported_date: int | None, versions: Points, of_fields: list[tuple[int, dict[str, Any]]]
    ) -> dict[str, Any]:
        done = effect(versions, self._revisions)
        fields = field_effects(of_fields, self._ours)
        jobs_of_fields = self._jobs(np.array([one.last for one in fields.values()], np.int64))
        return {
            "reported_date": reported_date,
            "dates": done.dates.tolist(),
            "new": _nulls(done.new),
            "old": _nulls(done.old),
            "now": _nulls(done.now),
            "jobs": self._jobs(done.last),
            "fields": [
                [name, one.new, one.old, one.now, job]
                for (name, one), job in zip(fields.items(), jobs_of_fields, strict=True)
            ],
        }

    def _jobs(self, revisions: Int64) -> list[int]:
        found = np.full(len(revisions), self._job)
        others = ~among(revisions, self._revisions)
        if others.any():
            found[others], _ = history.jobs_and_times(self._db, revisions[others])
        return found.tolist()

    def _is_shared(self, now: Points, of_fields: list[tuple[int, dict[str, Any]]]) -> bool:
        """Whether other jobs wrote some of what there is now."""
        if not among(now.revisions, self._revisions).all():
            return True
        others = {revision for revision, _ in of_fields} - self._ours
        if not others:
            return False
        effects = field_effects(of_fields, others)
        return any(one.last in others and one.now is not None for one in effects.values())


def _nulls(values: npt.NDArray[np.float64]) -> list[float | None]:
    """As JSON has them: a null for NaN."""
    return [None if value != value else value for value in values.tolist()]

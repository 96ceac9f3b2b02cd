"""Reports: points and fields filed under a report date of a series, beside its own.

A report that was deleted remains in the table without points and fields, for the sake of its past.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

import numpy as np

from pandas_shooju.local.store import catalog, history, points
from pandas_shooju.local.store.chunks import Float64, Int64, Points
from pandas_shooju.local.store.pending import Pending, Statement, Turn
from pandas_shooju.values import same_value

_CREATE = Statement(
    Turn.REPORTS, "INSERT INTO reports (id, series, date, revision, has_points, fields) VALUES (?,?,?,?,?,?)"
)
_UPDATE = Statement(
    Turn.SUMMARY,
    "UPDATE reports SET revision = ?, fields = ?,"
    " has_points = EXISTS (SELECT 1 FROM chunks WHERE series = ? AND report = ?) WHERE id = ?",
)
_KEEP_FIELDS = Statement(Turn.CONTENT, "INSERT INTO past_report_fields (report, revision, fields) VALUES (?,?,?)")


class Report(NamedTuple):
    """A report of a series."""

    id: int
    date: int
    has_points: bool
    fields: dict[str, Any]
    #: the last revision that wrote to it
    revision: int

    @property
    def holds(self) -> int:
        """1 for points, 2 for fields, 3 for both."""
        return self.has_points | bool(self.fields) << 1


def listed(db: sqlite3.Connection, series: int) -> list[Report]:
    """The reports of a series, by date."""
    rows = db.execute(
        "SELECT id, date, has_points, fields, revision FROM reports WHERE series = ? ORDER BY date", (series,)
    ).fetchall()
    return [_report(row) for row in rows]


def get(db: sqlite3.Connection, series: int, date: int) -> Report | None:
    """The report of a series with this date (milliseconds)."""
    row = db.execute(
        "SELECT id, date, has_points, fields, revision FROM reports WHERE series = ? AND date = ?", (series, date)
    ).fetchone()
    return None if row is None else _report(row)


def as_of(db: sqlite3.Connection, series: int, revision: int) -> list[Report]:
    """The reports of a series as they were after a revision, by date."""
    found = []
    for report in listed(db, series):
        then = points_as_of(db, series, report, revision)
        found.append(report._replace(has_points=len(then.dates) > 0, fields=fields_as_of(db, report, revision)))
    return found


def points_as_of(db: sqlite3.Connection, series: int, report: Report, revision: int) -> Points:
    """The points of a report as they were after a revision."""
    return history.points_as_of(db, series, report.id, points.read(db, series, report.id), revision)


def fields_as_of(db: sqlite3.Connection, report: Report, revision: int) -> dict[str, Any]:
    """The fields of a report as they were after a revision."""
    row = db.execute(
        "SELECT fields FROM past_report_fields WHERE report = ? AND revision > ? ORDER BY id LIMIT 1",
        (report.id, revision),
    ).fetchone()
    return report.fields if row is None else json.loads(row[0])


def versions_of_fields(db: sqlite3.Connection, report: Report) -> list[tuple[int, dict[str, Any]]]:
    """The revisions that changed the fields of a report, with the fields after each; the first one is 0."""
    sql = "SELECT revision, fields FROM past_report_fields WHERE report = ? ORDER BY id"
    rows = db.execute(sql, (report.id,)).fetchall()
    revisions = [0, *(int(revision) for revision, _ in rows)]
    return list(zip(revisions, [*(json.loads(fields) for _, fields in rows), report.fields], strict=True))


def of_job(db: sqlite3.Connection, job: int) -> list[Report]:
    """The reports of all series that a job wrote last."""
    rows = db.execute(
        "SELECT id, date, has_points, fields, revision FROM reports"
        " WHERE revision IN (SELECT id FROM revisions WHERE job = ?)",
        (job,),
    ).fetchall()
    return [_report(row) for row in rows]


def write(
    pending: Pending,
    series: int,
    date: int,
    columns: tuple[Int64, Float64] | None,
    fields: dict[str, Any],
    keep_only: str | None,
    revision: int,
    job: int,
) -> points.Written:
    """Merge points and fields into a report, which is created if it does not exist."""
    if columns is None:
        columns = np.empty(0, np.int64), np.empty(0, np.float64)
    report = get(pending.db, series, date)
    if report is None:
        merged = catalog.merged_fields({}, fields)
        made = pending.new_id("reports")
        if merged:
            _keep_fields(pending, made, {}, revision)
        written = points.write(pending, series, made, *columns, revision, job=job, fresh=True)
        create(pending, made, series, date, revision, merged, has_points=written.added > 0)
        return written
    written = points.write(
        pending, series, report.id, *columns, revision, job=job, alone=keep_only in ("points", "all")
    )
    old = {} if keep_only in ("fields", "all") else report.fields
    merged = catalog.merged_fields(old, fields)
    if not same_value(merged, report.fields):
        _keep_fields(pending, report.id, report.fields, revision)
    pending.add(_UPDATE, revision, _as_text(merged), series, report.id, report.id)
    return written


def create(
    pending: Pending, number: int, series: int, date: int, revision: int, fields: dict[str, Any], *, has_points: bool
) -> None:
    """A new report, whose points are written beside it."""
    pending.add(_CREATE, number, series, date, revision, has_points, _as_text(fields))


def delete(pending: Pending, series: int, date: int | None, revision: int) -> None:
    """Empty one report of a series, or all of them."""
    for report in listed(pending.db, series):
        if report.holds and date in (None, report.date):
            write(pending, series, report.date, None, {}, "all", revision, 0)


def _keep_fields(pending: Pending, report: int, fields: dict[str, Any], revision: int) -> None:
    """Keep the fields that a report had before `revision` changed them."""
    pending.add(_KEEP_FIELDS, report, revision, json.dumps(fields, ensure_ascii=False))


def _as_text(fields: dict[str, Any]) -> str | None:
    return json.dumps(fields) if fields else None


def _report(row: tuple[Any, ...]) -> Report:
    return Report(row[0], row[1], bool(row[2]), json.loads(row[3]) if row[3] else {}, row[4])

"""Reports: points and fields filed under a report date of a series, beside its own.

A report that was deleted remains in the table without points and fields, for the sake of its past.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

import numpy as np

from pandas_shooju.local.store import catalogue, points, report_history
from pandas_shooju.local.store.chunks import Float64, Int64
from pandas_shooju.values import same_value


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
        then = report_history.points_as_of(db, report.id, points.read(db, series, report.id), revision)
        fields = report_history.fields_as_of(db, report.id, report.fields, revision)
        found.append(report._replace(has_points=len(then.dates) > 0, fields=fields))
    return found


def of_job(db: sqlite3.Connection, job: int) -> list[Report]:
    """The reports of all series that a job wrote last."""
    rows = db.execute(
        "SELECT id, date, has_points, fields, revision FROM reports"
        " WHERE revision IN (SELECT id FROM revisions WHERE job = ?)",
        (job,),
    ).fetchall()
    return [_report(row) for row in rows]


def write(
    db: sqlite3.Connection,
    series: int,
    date: int,
    columns: tuple[Int64, Float64] | None,
    fields: dict[str, Any],
    keep_only: str | None,
    revision: int,
    job: int,
) -> points.Written:
    """Merge points and fields into a report, which is created if it does not exist."""
    report = get(db, series, date)
    if report is None:
        db.execute("INSERT INTO reports (series, date, revision) VALUES (?,?,?)", (series, date, revision))
        report = get(db, series, date)
        assert report is not None
    if columns is None:
        columns = np.empty(0, np.int64), np.empty(0, np.float64)
    written = points.write(db, series, report.id, *columns, revision, job=job, alone=keep_only in ("points", "all"))
    old = {} if keep_only in ("fields", "all") else report.fields
    merged = catalogue.merged_fields(old, fields)
    if not same_value(merged, report.fields):
        report_history.keep_fields(db, report.id, report.fields, revision)
    db.execute(
        "UPDATE reports SET revision = ?, fields = ?, has_points ="
        " EXISTS (SELECT 1 FROM chunks WHERE series = ? AND report = ?) WHERE id = ?",
        (revision, json.dumps(merged) if merged else None, series, report.id, report.id),
    )
    return written


def delete(db: sqlite3.Connection, series: int, date: int | None, revision: int) -> None:
    """Empty one report of a series, or all of them."""
    for report in listed(db, series):
        if report.holds and date in (None, report.date):
            write(db, series, report.date, None, {}, "all", revision, 0)


def _report(row: tuple[Any, ...]) -> Report:
    return Report(row[0], row[1], bool(row[2]), json.loads(row[3]) if row[3] else {}, row[4])

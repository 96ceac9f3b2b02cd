"""Reports: points and fields filed under a report date of a series, beside its own."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

import numpy as np

from pandas_shooju.local.store import catalogue, points
from pandas_shooju.local.store.chunks import Float64, Int64


class Report(NamedTuple):
    """A report of a series."""

    id: int
    date: int
    has_points: bool
    fields: dict[str, Any]

    @property
    def holds(self) -> int:
        """1 for points, 2 for fields, 3 for both."""
        return self.has_points | bool(self.fields) << 1


def listed(db: sqlite3.Connection, series: int) -> list[Report]:
    """The reports of a series, by date."""
    rows = db.execute(
        "SELECT id, date, has_points, fields FROM reports WHERE series = ? ORDER BY date", (series,)
    ).fetchall()
    return [_report(row) for row in rows]


def get(db: sqlite3.Connection, series: int, date: int) -> Report | None:
    """The report of a series with this date (milliseconds)."""
    row = db.execute(
        "SELECT id, date, has_points, fields FROM reports WHERE series = ? AND date = ?", (series, date)
    ).fetchone()
    return None if row is None else _report(row)


def of_job(db: sqlite3.Connection, job: int) -> list[Report]:
    """The reports of all series that a job wrote last."""
    rows = db.execute(
        "SELECT id, date, has_points, fields FROM reports WHERE revision IN (SELECT id FROM revisions WHERE job = ?)",
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
    if columns is None:
        columns = np.empty(0, np.int64), np.empty(0, np.float64)
    report = get(db, series, date)
    if report is None:
        merged = catalogue.merged_fields({}, fields)
        made = db.execute(
            "INSERT INTO reports (series, date, revision, fields) VALUES (?,?,?,?)",
            (series, date, revision, json.dumps(merged) if merged else None),
        ).lastrowid
        assert made is not None
        written = points.write(db, series, made, *columns, revision, job=job, fresh=True)
        if written.added:
            db.execute("UPDATE reports SET has_points = 1 WHERE id = ?", (made,))
        return written
    written = points.write(db, series, report.id, *columns, revision, job=job, alone=keep_only in ("points", "all"))
    old = {} if keep_only in ("fields", "all") else report.fields
    merged = catalogue.merged_fields(old, fields)
    db.execute(
        "UPDATE reports SET revision = ?, fields = ?, has_points ="
        " EXISTS (SELECT 1 FROM chunks WHERE series = ? AND report = ?) WHERE id = ?",
        (revision, json.dumps(merged) if merged else None, series, report.id, report.id),
    )
    return written


def delete(db: sqlite3.Connection, series: int, date: int | None) -> int:
    """Remove one report of a series, or all of them; how many there were."""
    gone = [report.id for report in listed(db, series) if date is None or report.date == date]
    points.delete(db, series, gone)
    db.executemany("DELETE FROM reports WHERE id = ?", [(report,) for report in gone])
    return len(gone)


def _report(row: tuple[Any, ...]) -> Report:
    return Report(row[0], row[1], bool(row[2]), json.loads(row[3]) if row[3] else {})

"""The past of reports: the versions of points and fields that writes to reports replaced.

A report that is deleted remains as an empty one, so that its past remains as well.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import numpy as np

from pandas_shooju.local.store import chunks, history
from pandas_shooju.local.store.checksums import checksum, verify
from pandas_shooju.local.store.chunks import Int64, Points


def keep_points(db: sqlite3.Connection, report: int, replaced: Points, removed: Int64, revision: int) -> None:
    """Keep points of a report that `revision` replaced or removed."""
    kept = history.to_keep(db, replaced, removed, revision)
    if not len(kept.dates):
        return
    row = report, int(kept.revisions.min()), kept.dates.tobytes(), kept.values.tobytes(), kept.revisions.tobytes()
    db.execute(
        "INSERT INTO past_report_points (report, oldest, dates, vals, revisions, checksum) VALUES (?,?,?,?,?,?)",
        (*row, checksum(*row)),
    )


def points_as_of(db: sqlite3.Connection, report: int, now: Points, revision: int) -> Points:
    """The points of a report as they were after a revision; `now` are the current ones."""
    return chunks.as_of(now, _past(db, report, revision), revision)


def versions_of_points(db: sqlite3.Connection, report: int, now: Points) -> Points:
    """All versions of all points that are known, by date and then by revision; a NaN is a removal."""
    return history.in_order([*_past(db, report, 2**62), now])


def _past(db: sqlite3.Connection, report: int, revision: int) -> list[Points]:
    rows = db.execute(
        "SELECT report, oldest, dates, vals, revisions, checksum FROM past_report_points"
        " WHERE report = ? AND oldest <= ? ORDER BY id",
        (report, revision),
    )
    parts = []
    for *row, expected in rows:
        verify(expected, f"the former points of report number {report}", *row)
        parts.append(
            Points(*(np.frombuffer(blob, kind) for blob, kind in zip(row[2:], ("<i8", "<f8", "<i8"), strict=True)))
        )
    return parts


def keep_fields(db: sqlite3.Connection, report: int, fields: dict[str, Any], revision: int) -> None:
    """Keep the fields that a report had before `revision` changed them."""
    db.execute(
        "INSERT INTO past_report_fields (report, revision, fields) VALUES (?,?,?)",
        (report, revision, json.dumps(fields, ensure_ascii=False)),
    )


def fields_as_of(db: sqlite3.Connection, report: int, now: dict[str, Any], revision: int) -> dict[str, Any]:
    """The fields of a report as they were after a revision; `now` are the current ones."""
    row = db.execute(
        "SELECT fields FROM past_report_fields WHERE report = ? AND revision > ? ORDER BY id LIMIT 1",
        (report, revision),
    ).fetchone()
    fields: dict[str, Any] = now if row is None else json.loads(row[0])
    return fields


def versions_of_fields(db: sqlite3.Connection, report: int, now: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The revisions that changed the fields of a report, with the fields after each; the first one is 0."""
    rows = db.execute(
        "SELECT revision, fields FROM past_report_fields WHERE report = ? ORDER BY id", (report,)
    ).fetchall()
    revisions = [0, *(int(revision) for revision, _ in rows)]
    return list(zip(revisions, [*(json.loads(fields) for _, fields in rows), now], strict=True))


def check(db: sqlite3.Connection, report: int) -> None:
    """Read the former points of a report.

    Raises
    ------
    StoreCorrupt
        They are not as they were written.
    """
    _past(db, report, 2**62)

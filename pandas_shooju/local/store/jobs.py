"""Jobs, under which everything is written, and the revisions that their calls make."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store.pending import Pending, Statement, Turn
from pandas_shooju.local.store.points import Written

#: what a job is asked for by name, with its column of the table `jobs`
FIELDS = {
    "id": "id",
    "description": "description",
    "source": "source",
    "user": "user",
    "notes": "notes",
    "created_at": "created",
    "updated_at": "updated",
    "finished_at": "finished",
    "no_history": "no_history",
}
#: the counts of a job, in `stats`
STATS = ("new_series", "new_points", "changed_points", "deleted_points")

_NOTE_SERIES = Statement(
    Turn.SUMMARY,
    "INSERT INTO job_series (job, series, changed, added, deleted) VALUES (?,?,?,?,?)"
    " ON CONFLICT (job, series) DO UPDATE SET"
    " changed = max(changed, excluded.changed), added = max(added, excluded.added),"
    " deleted = max(deleted, excluded.deleted)",
)
_SELECT = f"SELECT {', '.join(FIELDS.values())}, {', '.join(STATS)} FROM jobs"


class Stats(NamedTuple):
    """What a job wrote, in numbers."""

    new_series: int = 0
    new_points: int = 0
    changed_points: int = 0
    deleted_points: int = 0


def now() -> int:
    """Milliseconds since 1970-01-01, UTC."""
    return time.time_ns() // 1_000_000


def register(db: sqlite3.Connection, user: str, source: str, description: str, notes: str, no_history: bool) -> int:
    """Register a job and return its id."""
    created = now()
    cursor = db.execute(
        "INSERT INTO jobs (user, source, description, notes, no_history, created, updated) VALUES (?,?,?,?,?,?,?)",
        (user, source, description, notes, no_history, created, created),
    )
    return cursor.lastrowid or 0


def get(db: sqlite3.Connection, job: int) -> dict[str, Any]:
    """A job.

    Raises
    ------
    ApiError
        There is no such job.
    """
    row = db.execute(_SELECT + " WHERE id = ?", (job,)).fetchone() if 0 < job < 2**63 else None
    if row is None:
        raise invalid(f"job {job} does not exist")
    return _as_dict(row)


def get_many(db: sqlite3.Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The jobs with these ids, in that order."""
    rows = db.execute(_SELECT + " WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)).fetchall()
    found = {row[0]: _as_dict(row) for row in rows}
    return [found[job] for job in ids if job in found]


def finish(db: sqlite3.Connection, job: int) -> None:
    """Close a job to further writes; finishing it twice is harmless."""
    get(db, job)
    db.execute(
        "UPDATE jobs SET finished = ?, updated = max(updated, ?) WHERE id = ? AND finished IS NULL", (now(), now(), job)
    )


def open_for_writing(db: sqlite3.Connection, job: int) -> int:
    """Start a revision of a job and return its id; job 0 stands for no job at all.

    Raises
    ------
    ApiError
        There is no such job, or it is finished.
    """
    history = True
    if job:
        found = get(db, job)
        if found["finished_at"] is not None:
            raise invalid(f"job {job} is finished and cannot be written to; register another job")
        history = not found["no_history"]
    # time must not run backwards from one revision to the next, whatever the clock does
    last = db.execute("SELECT at FROM revisions ORDER BY id DESC LIMIT 1").fetchone()
    at = max(now(), last[0] if last else 0)
    cursor = db.execute("INSERT INTO revisions (job, at, history) VALUES (?,?,?)", (job, at, history))
    return cursor.lastrowid or 0


def note_series(pending: Pending, job: int, series: int, written: Written) -> None:
    """Record that a job wrote a series, and whether it changed, added or deleted anything."""
    if job:
        pending.add(_NOTE_SERIES, job, series, written.changed > 0, written.added > 0, written.deleted > 0)


def note_call(db: sqlite3.Connection, job: int, revision: int, stats: Stats) -> None:
    """Add what a call wrote to the counts of its job."""
    if job:
        db.execute(
            "UPDATE jobs SET updated = (SELECT at FROM revisions WHERE id = ?), new_series = new_series + ?,"
            " new_points = new_points + ?, changed_points = changed_points + ?, deleted_points = deleted_points + ?"
            " WHERE id = ?",
            (revision, *stats, job),
        )


def _as_dict(row: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(FIELDS, row, strict=False))
    found["no_history"] = bool(found["no_history"])
    return found | {"stats": dict(zip(STATS, row[len(FIELDS) :], strict=True))}

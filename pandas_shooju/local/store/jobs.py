"""Jobs, under which everything is written, and the revisions that their calls make."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from pandas_shooju.local.errors import invalid

_COLUMNS = ("job_id", "user", "source", "description", "notes", "no_history", "created", "finished")
_SELECT = "SELECT id, user, source, description, notes, no_history, created, finished FROM jobs"


def now() -> int:
    """Milliseconds since 1970-01-01, UTC."""
    return time.time_ns() // 1_000_000


def register(db: sqlite3.Connection, user: str, source: str, description: str, notes: str, no_history: bool) -> int:
    """A new job; its id."""
    cursor = db.execute(
        "INSERT INTO jobs (user, source, description, notes, no_history, created) VALUES (?,?,?,?,?,?)",
        (user, source, description, notes, no_history, now()),
    )
    return cursor.lastrowid or 0


def get(db: sqlite3.Connection, job: int) -> dict[str, Any]:
    """A job and the number of series that it wrote.

    Raises
    ------
    ApiError
        There is no such job.
    """
    row = db.execute(_SELECT + " WHERE id = ?", (job,)).fetchone() if 0 < job < 2**63 else None
    if row is None:
        raise invalid(f"job {job} does not exist")
    count = db.execute("SELECT count(*) FROM job_series WHERE job = ?", (job,)).fetchone()[0]
    return _as_dict(row) | {"series_count": count}


def listed(db: sqlite3.Connection, count: int) -> list[dict[str, Any]]:
    """The newest jobs, the newest first."""
    return [_as_dict(row) for row in db.execute(_SELECT + " ORDER BY id DESC LIMIT ?", (count,)).fetchall()]


def finish(db: sqlite3.Connection, job: int) -> None:
    """Close a job to further writes; doing it twice is harmless."""
    get(db, job)
    db.execute("UPDATE jobs SET finished = coalesce(finished, ?) WHERE id = ?", (now(), job))


def open_for_writing(db: sqlite3.Connection, job: int) -> int:
    """A new revision of a job; 0 stands for no job at all.

    Raises
    ------
    ApiError
        There is no such job, or it is finished.
    """
    history = True
    if job:
        found = get(db, job)
        if found["finished"] is not None:
            raise invalid(f"job {job} is finished and takes no more writes; register another one")
        history = not found["no_history"]
    # time must not run backwards from one revision to the next, whatever the clock does
    last = db.execute("SELECT at FROM revisions ORDER BY id DESC LIMIT 1").fetchone()
    at = max(now(), last[0] if last else 0)
    cursor = db.execute("INSERT INTO revisions (job, at, history) VALUES (?,?,?)", (job, at, history))
    return cursor.lastrowid or 0


def note_series(db: sqlite3.Connection, job: int, series: int) -> None:
    """A job wrote a series."""
    if job:
        db.execute("INSERT OR IGNORE INTO job_series VALUES (?,?)", (job, series))


def _as_dict(row: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(_COLUMNS, row, strict=True))
    found["no_history"] = bool(found["no_history"])
    return found

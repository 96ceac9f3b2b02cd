"""The past: the versions of points and fields that writes replaced.

The past is counted in revisions: `revision_of_job` and `revision_at` turn a job or a moment into the last revision that
counts for it. What a job registered with ``no_history`` replaces of its own, or of another such job, is not kept;
everything else is.
"""

from __future__ import annotations

import json
import sqlite3

import numpy as np

from pandas_shooju.local.store import chunks
from pandas_shooju.local.store.checksums import checksum, verify
from pandas_shooju.local.store.chunks import Int64, Points


def keep_points(db: sqlite3.Connection, series: int, replaced: Points, removed: Int64, revision: int) -> None:
    """Keep points that `revision` replaced or removed."""
    dates, values, revisions = to_keep(db, replaced, removed, revision)
    if not len(dates):
        return
    row = series, int(revisions.min()), dates.tobytes(), values.tobytes(), revisions.tobytes()
    db.execute(
        "INSERT INTO past_points (series, oldest, dates, vals, revisions, checksum) VALUES (?,?,?,?,?,?)",
        (*row, checksum(*row)),
    )


def to_keep(db: sqlite3.Connection, replaced: Points, removed: Int64, revision: int) -> Points:
    """What to keep of points that `revision` replaced or removed, with a NaN for each that it removed."""
    if len(_without_history(db, np.array([revision]))):
        own = _without_history(db, np.unique(replaced.revisions))
        replaced = replaced.pick(np.isin(replaced.revisions, own, invert=True))
        removed = removed[np.isin(removed, replaced.dates)]
    if not len(removed):
        return replaced
    gone = Points(removed, np.full(len(removed), np.nan), np.full(len(removed), revision, np.int64))
    return chunks.concatenated([replaced, gone])


def points_as_of(db: sqlite3.Connection, series: int, now: Points, revision: int) -> Points:
    """The points of a series as they were after a revision; `now` are the current ones."""
    return chunks.as_of(now, _past(db, series, revision), revision)


def versions_of_points(db: sqlite3.Connection, series: int, now: Points) -> Points:
    """All versions of all points that are known, by date and then by revision; a NaN is a removal."""
    return in_order([*_past(db, series, 2**62), now])


def in_order(parts: list[Points]) -> Points:
    """Versions of points, by date and then by revision."""
    whole = chunks.concatenated(parts)
    whole = whole.pick(np.lexsort((whole.revisions, whole.dates)))
    if not len(whole.dates):
        return whole
    # a call may write the same point several times: its last version counts
    return whole.pick(np.append((np.diff(whole.dates) != 0) | (np.diff(whole.revisions) != 0), True))


def _past(db: sqlite3.Connection, series: int, revision: int) -> list[Points]:
    parts = []
    for *row, expected in db.execute(
        "SELECT series, oldest, dates, vals, revisions, checksum FROM past_points WHERE series = ? AND oldest <= ?",
        (series, revision),
    ):
        verify(expected, f"the former points of series number {series}", *row)
        parts.append(
            Points(*(np.frombuffer(blob, kind) for blob, kind in zip(row[2:], ("<i8", "<f8", "<i8"), strict=True)))
        )
    return parts


def check(db: sqlite3.Connection, series: int) -> None:
    """Read the former points of a series.

    Raises
    ------
    StoreCorrupt
        They are not as they were written.
    """
    _past(db, series, 2**62)


def add_checksums(db: sqlite3.Connection) -> int:
    """Give a checksum to the former points of older versions, and return how many rows there were."""
    ids = [row[0] for row in db.execute("SELECT id FROM past_points WHERE checksum IS NULL").fetchall()]
    columns = "series, oldest, dates, vals, revisions"
    for one in ids:
        row = db.execute(f"SELECT {columns} FROM past_points WHERE id = ?", (one,)).fetchone()
        db.execute("UPDATE past_points SET checksum = ? WHERE id = ?", (checksum(*row), one))
    return len(ids)


def keep_fields(db: sqlite3.Connection, series: int, fields: str, revision: int, replaced_by: int) -> None:
    """Keep the fields of a series as they were after `revision`, before `replaced_by` changes them."""
    both = np.unique([revision, replaced_by])
    if len(_without_history(db, both)) < len(both):
        db.execute("INSERT OR REPLACE INTO past_fields VALUES (?,?,?)", (series, revision, fields))


def fields_as_of(db: sqlite3.Connection, series: int, revision: int) -> str:
    """The fields of a series as they were after a revision, as JSON text."""
    row = (
        db.execute("SELECT fields FROM series WHERE id = ? AND fields_revision <= ?", (series, revision)).fetchone()
        or db.execute(
            "SELECT fields FROM past_fields WHERE series = ? AND revision <= ? ORDER BY revision DESC LIMIT 1",
            (series, revision),
        ).fetchone()
    )
    return str(row[0]) if row else "{}"


def versions_of_fields(db: sqlite3.Connection, series: int) -> list[tuple[int, str]]:
    """The revisions that wrote the fields of a series, with the fields as JSON text after each."""
    rows = db.execute(
        "SELECT revision, fields FROM past_fields WHERE series = ?"
        " UNION SELECT fields_revision, fields FROM series WHERE id = ? ORDER BY 1",
        (series, series),
    ).fetchall()
    return [(int(revision), str(fields)) for revision, fields in rows]


def revision_of_job(db: sqlite3.Connection, job: int) -> int | None:
    """The last revision of a job, or None if it has not written."""
    found = db.execute("SELECT max(id) FROM revisions WHERE job = ?", (job,)).fetchone()[0]
    return None if found is None else int(found)


def revision_at(db: sqlite3.Connection, moment: int) -> int:
    """The last revision up to a moment (milliseconds, UTC), or 0 if there was none."""
    found = db.execute("SELECT id FROM revisions WHERE at <= ? ORDER BY at DESC, id DESC LIMIT 1", (moment,)).fetchone()
    return int(found[0]) if found else 0


def jobs_and_times(db: sqlite3.Connection, revisions: Int64) -> tuple[Int64, Int64]:
    """The job, and the time of writing (milliseconds, UTC), for each of some revisions."""
    distinct, where = np.unique(revisions, return_inverse=True)
    rows = db.execute(
        "SELECT id, job, at FROM revisions WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(distinct.tolist()),),
    ).fetchall()
    known = {revision: (job, at) for revision, job, at in rows}
    table = np.array([known.get(revision, (0, 0)) for revision in distinct.tolist()], np.int64).reshape(-1, 2)[where]
    return table[:, 0], table[:, 1]


def _without_history(db: sqlite3.Connection, revisions: Int64) -> Int64:
    rows = db.execute(
        "SELECT id FROM revisions WHERE NOT history AND id IN (SELECT value FROM json_each(?))",
        (json.dumps(revisions.tolist()),),
    ).fetchall()
    return np.array(rows, np.int64).reshape(-1)

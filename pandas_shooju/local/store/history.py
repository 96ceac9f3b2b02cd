"""The past: the versions of points and fields that writes replaced.

The past is counted in revisions: `revision_of_job` and `revision_at` turn a job or a moment into the last revision that
counts for it. What a job registered with ``no_history`` replaces of its own, or of another such job, is not kept;
everything else is.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import numpy as np

from pandas_shooju.local.errors import StoreCorrupt
from pandas_shooju.local.store import chunks
from pandas_shooju.local.store.checksums import checksum, verify
from pandas_shooju.local.store.chunks import Int64, Points
from pandas_shooju.local.store.pending import Pending, Statement, Turn

_KEEP_FIELDS = Statement(Turn.CONTENT, "INSERT OR REPLACE INTO past_fields VALUES (?,?,?)")


def keep_points(pending: Pending, series: int, report: int, replaced: Points, removed: Int64, revision: int) -> None:
    """Keep points of a series, or of a report of it, that `revision` replaced or removed; report 0 is the series."""
    kept = _to_keep(pending, replaced, removed, revision)
    if len(kept.dates):
        pending.add(_INSERT, *_row(series, report, kept))


def _to_keep(pending: Pending, replaced: Points, removed: Int64, revision: int) -> Points:
    """What to keep of points that `revision` replaced or removed, with a NaN for each that it removed."""
    if not _keeps_past(pending, revision):
        own = [one for one in np.unique(replaced.revisions).tolist() if not _keeps_past(pending, one)]
        replaced = replaced.pick(np.isin(replaced.revisions, own, invert=True))
        removed = removed[np.isin(removed, replaced.dates)]
    if not len(removed):
        return replaced
    gone = Points(removed, np.full(len(removed), np.nan), np.full(len(removed), revision, np.int64))
    return chunks.concatenated([replaced, gone])


def _keeps_past(pending: Pending, revision: int) -> bool:
    """Whether the job of a revision keeps what it replaces."""
    _, history = pending.revisions([revision]).get(revision, (0, True))
    return history


def points_as_of(db: sqlite3.Connection, series: int, report: int, now: Points, revision: int) -> Points:
    """The points of a series or report as they were after a revision; `now` are the current ones."""
    return chunks.as_of(now, _past(db, series, report, revision), revision)


def versions_of_points(db: sqlite3.Connection, series: int, report: int, now: Points) -> Points:
    """All versions of all points that are known, by date and then by revision; a NaN is a removal."""
    whole = chunks.concatenated([*_past(db, series, report, 2**62), now])
    whole = whole.pick(np.lexsort((whole.revisions, whole.dates)))
    if not len(whole.dates):
        return whole
    # a call may write the same point several times: its last version counts
    return whole.pick(np.append((np.diff(whole.dates) != 0) | (np.diff(whole.revisions) != 0), True))


def _past(db: sqlite3.Connection, series: int, report: int, revision: int) -> list[Points]:
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM past_points WHERE series = ? AND report = ? AND oldest <= ? ORDER BY id",
        (series, report, revision),
    )
    return [_points(row) for row in rows]


#: `packed` is the number of points if they are packed, and otherwise 0
_COLUMNS = "series, oldest, dates, vals, revisions, packed, report, checksum"


_INSERT = Statement(Turn.CONTENT, f"INSERT INTO past_points ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)")


def _row(series: int, report: int, points: Points) -> tuple[Any, ...]:
    count = len(points.dates)
    packed = count >= chunks.PACKED_FROM
    blobs = [chunks.to_blob(column, packed) for column in points]
    row = series, int(points.revisions.min()), *blobs, count if packed else 0, report
    return *row, checksum(*_checked(row))


def _checked(row: tuple[Any, ...]) -> list[Any]:
    """What the checksum of a row covers: of the columns that stores had not from the start, those that are not 0."""
    packed, report = row[5:7]
    return [*row[:5], *([packed, report] if report else [packed] if packed else [])]


def _points(row: tuple[Any, ...]) -> Points:
    series, _, dates, values, revisions, packed, _, expected = row
    verify(expected, f"the former points of series number {series}", *_checked(row))
    count = packed or len(dates) // 8
    try:
        return Points(
            chunks.integers(dates, count, packed),
            chunks.floats(values, count, packed),
            chunks.integers(revisions, count, packed),
        )
    except ValueError as error:
        raise StoreCorrupt(f"the former points of series number {series} are incomplete: {error}") from error


def check(db: sqlite3.Connection, series: int) -> None:
    """Read the former points of a series and of its reports.

    Raises
    ------
    StoreCorrupt
        They are not as they were written.
    """
    for row in db.execute(f"SELECT {_COLUMNS} FROM past_points WHERE series = ?", (series,)):
        _points(row)


def repack(db: sqlite3.Connection) -> None:
    """Write the former points of older versions as they are written now."""
    older = "SELECT id FROM past_points WHERE checksum IS NULL OR (NOT packed AND length(dates) >= 8 * ?)"
    for (one,) in db.execute(older, (chunks.PACKED_FROM,)).fetchall():
        row = db.execute(f"SELECT {_COLUMNS} FROM past_points WHERE id = ?", (one,)).fetchone()
        db.execute("DELETE FROM past_points WHERE id = ?", (one,))
        db.execute(_INSERT.sql, _row(row[0], row[6], _points(row)))


def keep_fields(pending: Pending, series: int, fields: str, revision: int, replaced_by: int) -> None:
    """Keep the fields of a series as they were after `revision`, before `replaced_by` changes them."""
    if _keeps_past(pending, revision) or _keeps_past(pending, replaced_by):
        pending.add(_KEEP_FIELDS, series, revision, fields)


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

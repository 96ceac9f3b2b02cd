"""The points of series in the store: reading ranges of many series at once, and merging new points.

`report` is 0 for the points of a series itself, and otherwise the id of one of its reports.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pandas_shooju.local.dates import iso
from pandas_shooju.local.errors import ApiError, StoreCorrupt
from pandas_shooju.local.store import chunks, history
from pandas_shooju.local.store.checksums import checksum
from pandas_shooju.local.store.chunks import EARLIEST, LATEST, NO_POINTS, Float64, Int64, Points
from pandas_shooju.local.store.pending import Pending, Statement, Turn

_COLUMNS = f"series, report, {chunks.COLUMNS}, checksum"
_INSERT = Statement(
    Turn.CONTENT, f"INSERT INTO chunks ({_COLUMNS}) VALUES ({', '.join('?' for _ in _COLUMNS.split(', '))})"
)
_DELETE = Statement(Turn.GONE, "DELETE FROM chunks WHERE id = ?")
_SELECT = f"SELECT id, {_COLUMNS} FROM chunks"

#: the most points to hold in memory at once when reading many series
MOST_AT_ONCE = 4_000_000


class Range(NamedTuple):
    """Which points of a series to read; both ends are included."""

    first: int = EARLIEST
    last: int = LATEST
    #: the most points, from the first date on; None is no limit
    limit: int | None = None

    def of(self, points: Points) -> Points:
        """The points within the range."""
        if self == EVERYTHING:
            return points
        start = int(np.searchsorted(points.dates, self.first, "left"))
        stop = int(np.searchsorted(points.dates, self.last, "right"))
        if self.limit is not None:
            stop = min(stop, start + self.limit)
        return points if (start, stop) == (0, len(points.dates)) else points.pick(slice(start, max(start, stop)))


EVERYTHING = Range()


class Written(NamedTuple):
    """The number of points that a write added, changed and deleted."""

    added: int = 0
    changed: int = 0
    deleted: int = 0


def counts(db: sqlite3.Connection, series: Sequence[int]) -> list[int]:
    """The number of points of each of the series."""
    found = dict(
        db.execute(
            "SELECT series, sum(count) FROM chunks WHERE report = 0"
            " AND series IN (SELECT value FROM json_each(?)) GROUP BY series",
            (json.dumps(list(series)),),
        ).fetchall()
    )
    return [found.get(one, 0) for one in series]


def fitting(db: sqlite3.Connection, series: Sequence[int], limit: int | None = None) -> int:
    """The number of series, from the first on, whose points (up to `limit` each) fit in memory; at least one."""
    held = 0
    for number, count in enumerate(counts(db, series)):
        held += count if limit is None else min(count, limit)
        if held > MOST_AT_ONCE and number:
            return number
    return len(series)


def read_many(
    db: sqlite3.Connection, series: Sequence[int], wanted: Range, *, revisions: bool = False
) -> dict[int, Points]:
    """The points of several series; a series without any is absent.

    Without `revisions`, that column is empty.
    """
    heads = db.execute(
        "SELECT id, series, first, count FROM chunks INDEXED BY chunks_in_order"
        " WHERE series IN (SELECT value FROM json_each(?)) AND report = 0 AND first <= ? AND last >= ?"
        " ORDER BY series, first",
        (json.dumps(list(series)), wanted.last, wanted.first),
    ).fetchall()
    by_series: dict[int, list[int]] = {}
    sure: dict[int, int] = {}
    for chunk, one, first, count in heads:
        if wanted.limit is not None:
            if sure.get(one, 0) >= wanted.limit:
                continue
            # of a piece that begins before the range, an unknown number of points lies within it
            sure[one] = sure.get(one, 0) + (count if first >= wanted.first else 0)
        by_series.setdefault(one, []).append(chunk)
    read = db.cursor()
    known_dates: dict[tuple[int, int, int], Int64] = {}
    found = {}
    for one, pieces in by_series.items():
        parts = []
        for chunk in pieces:
            row = read.execute(_SELECT + " WHERE id = ? AND series = ? AND report = 0", (chunk, one)).fetchone()
            if row is None:
                raise StoreCorrupt("the index of points is not that of the points")
            parts.append(_points(row, revisions, known_dates))
        whole = chunks.concatenated(parts)
        if len(parts) > 1:
            whole = whole._replace(dates=_shared(whole.dates, known_dates))
        points = wanted.of(whole)
        if len(points.dates):
            found[one] = points
    return found


def read(db: sqlite3.Connection, series: int, report: int, wanted: Range = EVERYTHING) -> Points:
    """The points of one series or report, with their revisions."""
    rows = db.execute(
        _SELECT + " WHERE series = ? AND report = ? AND first <= ? AND last >= ? ORDER BY first",
        (series, report, wanted.last, wanted.first),
    ).fetchall()
    return wanted.of(chunks.concatenated([_points(row, True, {}) for row in rows]))


def write(
    pending: Pending,
    series: int,
    report: int,
    dates: Int64,
    values: Float64,
    revision: int,
    *,
    job: int = 0,
    alone: bool = False,
    fresh: bool = False,
) -> Written:
    """Merge points into those of a series or report.

    Parameters
    ----------
    pending
        Where the rows go that are to be written; none of them may be of the same series or report.
    series, report
        Whose points.
    dates, values
        In any order; of several values for a date the last counts; NaN removes the point.
    revision
        The revision of new and changed points.
    job
        The job that writes, which must not change points of newer jobs; 0 for none.
    alone
        Remove all the other points.
    fresh
        The caller knows that there are no points yet.

    Raises
    ------
    ApiError
        ``already_exists``: a point that would change was written by a newer job. Nothing is stored.
    """
    dates, values = chunks.in_order(dates, values)
    rows = [] if fresh else _neighbours(pending.db, series, report, dates, alone)
    old = chunks.concatenated([_points(row, True, {}) for row in rows])
    if alone and len(old.dates):
        others = np.setdiff1d(old.dates, dates, assume_unique=True)
        dates, values = chunks.in_order(
            np.concatenate((dates, others)), np.concatenate((values, np.full(len(others), np.nan)))
        )
    if not len(dates):
        return Written()
    if len(old.dates):
        after, replaced, removed = chunks.merge(old, dates, values, revision)
        changed, deleted = len(replaced.dates) - len(removed), len(removed)
        written = Written(len(after.dates) - len(old.dates) + deleted, changed, deleted)
        if written == Written():
            return written
        if job:
            _check_age(pending, replaced, job)
        if len(replaced.dates):
            history.keep_points(pending, series, report, replaced, removed, revision)
    else:
        there = ~np.isnan(values)
        after = Points(dates, values, np.full(len(dates), revision, np.int64))
        after = after if there.all() else after.pick(there)
        written = Written(len(after.dates))
    for row in rows:
        pending.add(_DELETE, row[0])
    insert(pending, series, report, after, appended=not len(old.dates) or bool(dates[0] > old.dates[-1]))
    return written


def insert(pending: Pending, series: int, report: int, new: Points, *, appended: bool = True) -> None:
    """Store points with their revisions, at dates where the series or report has none; `appended` at the end."""
    pieces = chunks.split(len(new.dates), appended)
    for piece in pieces:
        pending.add(_INSERT, *_row(series, report, new.pick(piece) if len(pieces) > 1 else new))


def _check_age(pending: Pending, replaced: Points, job: int) -> None:
    """Refuse to change points that a newer job wrote."""
    written_by = pending.revisions(np.unique(replaced.revisions).tolist())
    newer = {revision: other for revision, (other, _) in written_by.items() if other > job}
    if newer:
        at = int(np.isin(replaced.revisions, list(newer)).argmax())
        # programs take the job's number from between these parentheses
        raise ApiError(
            "already_exists",
            f"date {iso(int(replaced.dates[at]))} was already written by a newer job"
            f" (job {newer[int(replaced.revisions[at])]})",
        )


def _neighbours(
    db: sqlite3.Connection, series: int, report: int, dates: Int64, everything: bool
) -> list[tuple[object, ...]]:
    """The pieces that are affected by points at these dates.

    These are the pieces that overlap with them, and those just before and after if they have room: otherwise points
    that arrive one by one, or from the newest to the oldest, would each result in a piece.
    """
    if everything:
        first, last = EARLIEST, LATEST
    elif not len(dates):
        return []
    else:
        first, last = int(dates[0]), int(dates[-1])
        before = db.execute(
            "SELECT first, count FROM chunks WHERE series = ? AND report = ? AND first < ? ORDER BY first DESC LIMIT 1",
            (series, report, first),
        ).fetchone()
        after = db.execute(
            "SELECT first, count FROM chunks WHERE series = ? AND report = ? AND first > ? ORDER BY first LIMIT 1",
            (series, report, last),
        ).fetchone()
        if before is not None and before[1] < chunks.LIMIT:
            first = before[0]
        if after is not None and after[1] <= chunks.LIMIT // 2:
            last = after[0]
    return db.execute(
        _SELECT + " WHERE series = ? AND report = ? AND first <= ? AND last >= ? ORDER BY first",
        (series, report, last, first),
    ).fetchall()


def repack(db: sqlite3.Connection) -> None:
    """Write the points of older versions as they are written now."""
    older = "SELECT id FROM chunks WHERE checksum IS NULL OR (NOT packed AND count >= ?)"
    for (chunk,) in db.execute(older, (chunks.PACKED_FROM,)).fetchall():
        row = db.execute(_SELECT + " WHERE id = ?", (chunk,)).fetchone()
        piece = _points(row, True, {})
        db.execute(_DELETE.sql, (chunk,))
        db.execute(_INSERT.sql, _row(row[1], row[2], piece))


def _row(series: int, report: int, piece: Points) -> tuple[Any, ...]:
    columns = chunks.to_row(piece)
    return series, report, *columns, _checksum(series, report, columns)


def _checksum(series: int, report: int, columns: Sequence[Any]) -> int:
    # without the largest and the smallest value, which only serve the meta data
    packed = (1,) if columns[-1] else ()
    return checksum(series, report, *columns[:3], *columns[5:-1], *packed)


def _points(row: tuple, revisions: bool, known_dates: dict[tuple[int, int, int], Int64]) -> Points:  # type: ignore[type-arg]
    chunk, series, report, first, _, count, _, _, step, revision, dates_blob, revisions_blob, vals, packed, expected = (
        row
    )
    if expected is not None and _checksum(series, report, row[3:-1]) != expected:
        raise StoreCorrupt(f"the points of series number {series} are not as they were written")
    try:
        if dates_blob is not None:
            dates = chunks.integers(dates_blob, count, packed)
        else:
            key = first, count, step
            if (found := known_dates.get(key)) is None:
                found = known_dates[key] = np.arange(count, dtype=np.int64) * step + first
            dates = found
        values = chunks.floats(vals, count, packed)
        if not revisions:
            of_revisions = NO_POINTS.revisions
        elif revisions_blob is None:
            of_revisions = np.full(count, revision, np.int64)
        else:
            of_revisions = chunks.integers(revisions_blob, count, packed)
    except ValueError as error:
        raise StoreCorrupt(f"the points of series number {series} are incomplete (chunk {chunk}): {error}") from error
    return Points(dates, values, of_revisions)


def _shared(dates: Int64, known: dict[tuple[int, int, int], Int64]) -> Int64:
    """The same dates as one array for all series that have them, which makes what follows faster."""
    key = -1, len(dates), int(dates[0])
    other = known.get(key)
    if other is not None and np.array_equal(dates, other):
        return other
    known[key] = dates
    return dates

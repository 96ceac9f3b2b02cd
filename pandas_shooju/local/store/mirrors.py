"""Mirrors: stores that hold a copy of the series of another server, as they are now.

A store becomes a mirror when it is empty, and stays one: the table `mirror` marks it. Its series are replaced as a
whole, under the jobs and times of the server that they come from. A mirror keeps no earlier values and no record of the
series that a job wrote, and nothing else can be written to it. What a mirror is a copy of, and how far the program that
keeps it has come, is that program's `state`; of it only ``source`` and ``refreshed_at`` are used here, in messages.

`todo` holds the series that are yet to be read. Their numbers become the internal ids of new series, so that these
have the order in which they were listed, and not the one in which they were read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pandas_shooju.formats import PointColumns
from pandas_shooju.local.dates import iso
from pandas_shooju.local.errors import ApiError, invalid
from pandas_shooju.local.store import catalog, jobs, points, reports
from pandas_shooju.local.store.chunks import NO_POINTS, Int64, Points
from pandas_shooju.local.store.pending import Pending, Statement, Turn

_TABLES = (
    "CREATE TABLE mirror (version INTEGER NOT NULL, complete INTEGER NOT NULL, state TEXT NOT NULL)",
    "CREATE TABLE mirror_todo (number INTEGER PRIMARY KEY, series_id TEXT NOT NULL, points INTEGER NOT NULL)",
)

_EMPTY_REPORTS = Statement(Turn.GONE, "DELETE FROM reports WHERE series = ?")
_EMPTY_POINTS = Statement(Turn.GONE, "DELETE FROM chunks WHERE series = ?")
_CREATED = Statement(Turn.CONTENT, "UPDATE series SET created = ? WHERE id = ?")


class Mirror(NamedTuple):
    """What a store is a mirror of."""

    #: grows with every change of the state
    version: int
    #: whether the first copy is complete
    complete: bool
    state: dict[str, Any]

    @property
    def name(self) -> str:
        """The mirror, in messages."""
        moment = self.state.get("refreshed_at")
        when = f" as of {iso(moment)[:16].replace('T', ' ')} UTC" if isinstance(moment, int) and self.complete else ""
        return f"a mirror of {self.state.get('source')}{when}"


class Todo(NamedTuple):
    """A series that is yet to be read."""

    number: int
    series_id: str
    #: about how many points it has
    points: int


def get(db: sqlite3.Connection) -> Mirror | None:
    """What the store is a mirror of; None for other stores."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'mirror'").fetchone() is None:
        return None
    version, complete, state = db.execute("SELECT version, complete, state FROM mirror").fetchone()
    return Mirror(version, bool(complete), json.loads(state))


def refuse(db: sqlite3.Connection, what: str) -> None:
    """Refuse what a mirror cannot know.

    Raises
    ------
    ApiError
        ``invalid_parameters``: the store is a mirror.
    """
    found = get(db)
    if found is not None:
        raise invalid(
            f"{what} is not supported by {found.name}: a mirror holds the present, without the past; ask the server"
        )


def check_readable(db: sqlite3.Connection) -> None:
    """Refuse to read a mirror whose first copy is not complete."""
    found = get(db)
    if found is not None and not found.complete:
        raise ApiError(
            "mirror_incomplete",
            f"this store is {found.name} whose first copy is not complete: complete it with Mirror(path).refresh()",
        )


def check_writable(db: sqlite3.Connection) -> None:
    """Refuse to write to a mirror."""
    found = get(db)
    if found is not None:
        raise ApiError(
            "read_only",
            f"this store is {found.name} and cannot be written to: write to the server, then refresh the mirror",
        )


def check_version(db: sqlite3.Connection, version: int) -> None:
    """Refuse to go on with work that another program has gone on with.

    Raises
    ------
    ApiError
        The store is not a mirror, or its state is another one.
    """
    found = get(db)
    if found is None or found.version != version:
        raise ApiError("mirror_changed", "another program works on this mirror, or the store is not one: try again")


def change(db: sqlite3.Connection, version: int, complete: bool, state: Mapping[str, Any]) -> int:
    """Replace the state of a mirror, and return its new version; version 0 makes an empty store a mirror.

    Raises
    ------
    ApiError
        The store is not empty, or the state is another one than the caller knows.
    """
    if version:
        check_version(db, version)
    else:
        if get(db) is not None:
            raise ApiError("mirror_changed", "the store has become a mirror in the meantime: try again")
        for table in ("series", "jobs", "files"):
            if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None:
                raise invalid(f"only an empty store can become a mirror, and this one has {table}: choose another path")
        for statement in _TABLES:
            db.execute(statement)
        db.execute("INSERT INTO mirror VALUES (0, 0, '{}')")
    db.execute("UPDATE mirror SET version = ?, complete = ?, state = ?", (version + 1, complete, json.dumps(state)))
    return version + 1


# --- what is yet to be read ---------------------------------------------------------------------------------------


def todo(db: sqlite3.Connection, most: int) -> list[Todo]:
    """The first series that are yet to be read."""
    rows = db.execute("SELECT number, series_id, points FROM mirror_todo ORDER BY number LIMIT ?", (most,))
    return [Todo(*row) for row in rows]


def todo_count(db: sqlite3.Connection) -> int:
    """How many series are yet to be read."""
    return int(db.execute("SELECT count(*) FROM mirror_todo").fetchone()[0])


def add_todo(db: sqlite3.Connection, series: Iterable[tuple[str, int]]) -> None:
    """Note series that are to be read, by their ids and about how many points each has."""
    last = db.execute(
        "SELECT max(coalesce((SELECT max(id) FROM series), 0), coalesce((SELECT max(number) FROM mirror_todo), 0))"
    ).fetchone()[0]
    rows = ((number, *one) for number, one in enumerate(series, last + 1))
    db.executemany("INSERT INTO mirror_todo VALUES (?,?,?)", rows)


def clear_todo(db: sqlite3.Connection) -> None:
    """Forget what was to be read."""
    db.execute("DELETE FROM mirror_todo")


def done(db: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Note that series have been read."""
    db.execute("DELETE FROM mirror_todo WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),))


# --- what is held -------------------------------------------------------------------------------------------------


def series_ids(db: sqlite3.Connection) -> list[str]:
    """The ids of all series, those in the trash included."""
    return [row[0] for row in db.execute("SELECT name FROM series")]


def series_count(db: sqlite3.Connection) -> int:
    """The number of series, those in the trash included."""
    return int(db.execute("SELECT count(*) FROM series").fetchone()[0])


def put_series(db: sqlite3.Connection, items: Iterable[Mapping[str, Any]]) -> None:
    """Replace series with their current state.

    Parameters
    ----------
    db
        A connection in a writing transaction.
    items
        A series: ``series_id``, ``number`` (its number in `todo`), ``job`` and ``updated_at`` (of its last change),
        ``created_at``, ``fields``, ``points`` with jobs and timestamps. It is followed by its reports, with
        ``reported_date``, ``fields`` and ``points``.
    """
    revisions = _Revisions(db)
    pending = Pending(db)
    series, last = 0, (0, 0)
    put: set[str] = set()
    for item in items:
        if item.get("reported_date") is None:
            last = item.get("job") or 0, item.get("updated_at") or 0
            key = catalog.key_of(item["series_id"])
            if key in put:
                pending.flush()
            put.add(key)
            series = _put(pending, item, revisions, last)
        else:
            _put_report(pending, item, revisions, series, last)
    pending.flush()


def _put(pending: Pending, item: Mapping[str, Any], revisions: _Revisions, last: tuple[int, int]) -> int:
    name = item["series_id"]
    row = catalog.get(pending.db, name)
    if row is not None and row.name != name:
        catalog.delete(pending, row)  # deleted, and created again in another spelling
        row = None
    revision = revisions.of(last)
    moment = item.get("created_at")
    created = revision if moment is None else revisions.of((0, moment))
    fields = item.get("fields") or {}
    if row is None:
        row = catalog.create(
            pending, name, created, fields, fields_revision=revision if fields else None, number=item.get("number")
        )
    else:
        pending.add(_EMPTY_REPORTS, row.id)
        pending.add(_EMPTY_POINTS, row.id)
        if moment is not None:  # it may have been deleted, and created again
            pending.add(_CREATED, created, row.id)
        catalog.write_fields(pending, row, fields, revision, alone=True)
    points.insert(pending, row.id, 0, _points(item, revisions, last))
    catalog.update_meta(pending, row.id, revision)
    return row.id


def _put_report(
    pending: Pending, item: Mapping[str, Any], revisions: _Revisions, series: int, last: tuple[int, int]
) -> None:
    held = _points(item, revisions, last)
    fields = catalog.merged_fields({}, item.get("fields") or {})
    report = pending.new_id("reports")
    revision, has_points = revisions.of(last), len(held.dates) > 0
    reports.create(pending, report, series, item["reported_date"], revision, fields, has_points=has_points)
    points.insert(pending, series, report, held)


def delete(db: sqlite3.Connection, ids: Iterable[str]) -> int:
    """Remove series, and return how many there were."""
    names = list(ids)
    known, pending = catalog.Known(db, map(catalog.key_of, names)), Pending(db)
    gone = {row for row in map(known.get, names) if row is not None}
    for row in gone:
        catalog.delete(pending, row)
    pending.flush()
    return len(gone)


# --- jobs ---------------------------------------------------------------------------------------------------------


def unknown_jobs(db: sqlite3.Connection) -> list[int]:
    """The jobs that wrote what the mirror holds, and about which it knows nothing else."""
    rows = db.execute("SELECT DISTINCT job FROM revisions WHERE job NOT IN (SELECT id FROM jobs) AND job > 0")
    return [row[0] for row in rows]


def put_jobs(db: sqlite3.Connection, listed: Iterable[Mapping[str, Any]]) -> None:
    """Note what is known of jobs, of those that wrote what the mirror holds."""
    columns = {**jobs.FIELDS, **dict.fromkeys(jobs.STATS)}
    sql = (
        f"INSERT OR REPLACE INTO jobs ({', '.join([*jobs.FIELDS.values(), *jobs.STATS])})"
        f" SELECT {', '.join('?' * len(columns))} WHERE EXISTS (SELECT 1 FROM revisions WHERE job = ?)"
    )
    for job in listed:
        stats = job.get("stats") or {}
        given = [job.get(name) for name in jobs.FIELDS]
        given = [_default(name, value) for name, value in zip(jobs.FIELDS, given, strict=True)]
        db.execute(sql, [*given, *(stats.get(name) or 0 for name in jobs.STATS), job["id"]])


def _default(name: str, value: Any) -> Any:
    if value is not None or name in ("updated_at", "finished_at"):
        return value
    return 0 if name in ("created_at", "no_history") else ""


class _Revisions:
    """The revisions of a mirror, one for each job and moment, without history."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[tuple[int, int], int] = {}

    def of(self, written: tuple[int, int]) -> int:
        """The revision of a job and a moment (milliseconds)."""
        found = self._known.get(written)
        if found is None:
            row = self._db.execute("SELECT id FROM revisions WHERE job = ? AND at = ?", written).fetchone()
            found = row[0] if row else None
        if found is None:
            sql = "INSERT INTO revisions (job, at, history) VALUES (?,?,0)"
            found = self._db.execute(sql, written).lastrowid or 0
        self._known[written] = found
        return found

    def of_points(self, jobs: Int64, moments: Int64) -> Int64:
        """The revisions of points, from their jobs and the moments at which they were written."""
        if bool((jobs == jobs[0]).all() and (moments == moments[0]).all()):
            return np.full(len(jobs), self.of((int(jobs[0]), int(moments[0]))), np.int64)
        distinct_jobs, job_at = np.unique(jobs, return_inverse=True)
        distinct_moments, moment_at = np.unique(moments, return_inverse=True)
        pairs, at = np.unique(job_at * len(distinct_moments) + moment_at, return_inverse=True)
        of_pairs = zip(
            distinct_jobs[pairs // len(distinct_moments)].tolist(),
            distinct_moments[pairs % len(distinct_moments)].tolist(),
            strict=True,
        )
        found: Int64 = np.array([self.of(pair) for pair in of_pairs], np.int64)[at]
        return found


def _points(item: Mapping[str, Any], revisions: _Revisions, last: tuple[int, int]) -> Points:
    columns = item.get("points")
    if not isinstance(columns, PointColumns) or not len(columns):
        return NO_POINTS
    missing = np.isnan(columns.values)
    if missing.any():
        columns = columns[~missing]
    if not len(columns):
        return NO_POINTS
    if not bool((np.diff(columns.dates) > 0).all()):
        raise invalid(f"the dates of {str(item['series_id'])[:200]!r} must ascend")
    written_by, at = (
        np.full(len(columns), instead, np.int64) if given is None else given
        for given, instead in zip((columns.jobs, columns.timestamps), last, strict=True)
    )
    return Points(columns.dates, columns.values, revisions.of_points(written_by, at))

"""The series of a store: their ids, fields and meta data.

Ids are compared regardless of case; the first spelling is kept.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store import history, terms
from pandas_shooju.local.store.checksums import check_catalog, checksum, verify
from pandas_shooju.local.store.pending import Pending, Statement, Turn
from pandas_shooju.query import id_key
from pandas_shooju.values import check_field_name, field_value, same_value

#: the most fields of a series
MOST_FIELDS = 10_000

TRASH = "System\\Trash\\"

#: fields as they are stored
_as_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_COLUMNS = (
    "id, key, name, trashed, created, updated, fields_revision, points_count, points_min, points_max, points_first,"
    " points_last, jobs_deleted, fields, stored, checksum"
)

_CREATE = Statement(
    Turn.SERIES,
    "INSERT INTO series (id, key, name, created, updated, fields_revision, fields, trashed, checksum)"
    " VALUES (?,?,?,?,?,?,?,?,?)",
)
_WRITE_FIELDS = Statement(Turn.CONTENT, "UPDATE series SET fields = ?, fields_revision = ?, checksum = ? WHERE id = ?")
_UPDATE_META = Statement(
    Turn.SUMMARY,
    "UPDATE series SET updated = ?, (points_count, points_min, points_max, points_first, points_last, stored) ="
    " (SELECT coalesce(sum(count), 0), min(low), max(high), min(first), max(last), coalesce(sum(count), 0)"
    "  FROM chunks WHERE series = ? AND report = 0) WHERE id = ?",
)
_NOTE_UPDATE = Statement(Turn.SUMMARY, "UPDATE series SET updated = ? WHERE id = ?")
_UPDATE_STORED = Statement(Turn.SUMMARY, "UPDATE series SET stored = stored + ? WHERE id = ?")
_TO_TRASH = Statement(
    Turn.CONTENT,
    "UPDATE series SET key = ?, name = ?, trashed = 1, updated = ?, jobs_deleted = ?, checksum = ? WHERE id = ?",
)
_NOTE_LOST = Statement(Turn.CONTENT, "INSERT INTO lost_series (job, name, lost_by) VALUES (?,?,?)")
_NOTE_DELETED = Statement(Turn.CONTENT, "UPDATE series SET jobs_deleted = ? WHERE id = ?")
_DELETE = Statement(Turn.GONE, "DELETE FROM series WHERE id = ?")


class Series(NamedTuple):
    """A series as the catalog knows it."""

    id: int
    key: str
    name: str
    trashed: int
    created: int
    updated: int
    fields_revision: int
    points_count: int
    points_min: float | None
    points_max: float | None
    points_first: int | None
    points_last: int | None
    jobs_deleted: str | None
    fields: str
    #: the number of points of the series itself, without those of its reports
    stored: int


#: the form in which ids are compared
key_of = id_key


def get(db: sqlite3.Connection, series_id: str) -> Series | None:
    """The series with this id."""
    return _with_key(db, key_of(series_id))


def _with_key(db: sqlite3.Connection, key: str) -> Series | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM series WHERE key = ?", (key,)).fetchone()
    if row is None:
        check_catalog(db)
        return None
    return _series(row)


class Known:
    """Series by their ids, read together as far as the ids are known beforehand, and otherwise when asked for.

    Parameters
    ----------
    db
        A connection in a transaction.
    keys
        The keys of the series that will be asked for.
    """

    def __init__(self, db: sqlite3.Connection, keys: Iterable[str] = ()) -> None:
        self._db = db
        self._rows: dict[str, Series | None] = dict.fromkeys(keys)
        if not self._rows:
            return
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM series WHERE key IN (SELECT value FROM json_each(?))",
            (json.dumps(list(self._rows)),),
        )
        self._rows.update((series.key, series) for series in map(_series, rows))
        if None in self._rows.values():
            check_catalog(db)

    def get(self, series_id: str) -> Series | None:
        """The series with this id."""
        return self.with_key(key_of(series_id))

    def with_key(self, key: str) -> Series | None:
        """The series whose id has this key."""
        return self._rows[key] if key in self._rows else _with_key(self._db, key)

    def add(self, series: Series) -> None:
        """Know a series that is not written yet."""
        self._rows[series.key] = series

    def forget(self, key: str) -> None:
        """Read a series anew when it is asked for."""
        self._rows.pop(key, None)


def get_many(db: sqlite3.Connection, ids: Sequence[int]) -> list[Series]:
    """The series with these internal ids, in that order; those that are gone are left out."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM series WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    ).fetchall()
    found = {row[0]: _series(row) for row in rows}
    return [found[one] for one in ids if one in found]


def create(
    pending: Pending,
    series_id: str,
    revision: int,
    fields: dict[str, Any],
    *,
    fields_revision: int | None = None,
    number: int | None = None,
) -> Series:
    """A new series with fields, and without points.

    Parameters
    ----------
    pending
        Where the rows go that are to be written.
    series_id
        Its id.
    revision
        The revision that creates it.
    fields
        Its fields; those that are null are left out.
    fields_revision
        The revision that wrote the fields, if it is another one.
    number
        Its internal id, by default the next one.

    Raises
    ------
    ApiError
        The text is nothing to call a series, or the fields cannot be stored.
    """
    if not series_id or len(series_id) > 1000 or series_id != series_id.strip() or not series_id.isprintable():
        raise invalid(
            f"{series_id[:100]!r} is not a series id: 1 to 1000 printable characters, no space at the beginning or end"
        )
    key, trashed = key_of(series_id), int(_is_trash(series_id))
    fields = merged_fields({}, fields)
    text = _as_text(fields)
    number = pending.new_id("series", number)
    fields_revision = revision if fields_revision is None else fields_revision
    written = revision, revision, fields_revision
    pending.add(_CREATE, number, key, series_id, *written, text, trashed, checksum(key, series_id, text))
    terms.add(pending, number, terms.terms_of(fields), counted=not trashed)
    return Series(number, key, series_id, trashed, *written, 0, None, None, None, None, None, text, 0)


def write_fields(pending: Pending, series: Series, fields: dict[str, Any], revision: int, alone: bool) -> bool:
    """Merge fields into those of a series, and return whether that changed them.

    A null removes the field; with `alone` all others are removed.
    """
    old = json.loads(series.fields)
    new = merged_fields({} if alone else old, fields)
    if same_value(new, old):
        return False
    text = _as_text(new)
    if series.fields != "{}" or series.created != series.fields_revision:
        history.keep_fields(pending, series.id, series.fields, series.fields_revision, revision)
    pending.add(_WRITE_FIELDS, text, revision, checksum(series.key, series.name, text), series.id)
    before, now = terms.terms_of(old), terms.terms_of(new)
    terms.remove(pending, series.id, before - now, counted=not series.trashed)
    terms.add(pending, series.id, now - before, counted=not series.trashed)
    return True


def merged_fields(old: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The fields `old`, updated with others; a null removes the field.

    Raises
    ------
    ApiError
        A name or a value that :mod:`pandas_shooju.values` does not accept, or too many of them.
    """
    new = dict(old)
    for name, value in fields.items():
        try:
            name = check_field_name(name)
            if value is None:
                new.pop(name, None)
            else:
                new[name] = field_value(name, value)
        except (TypeError, ValueError) as error:
            raise invalid(str(error)) from None
    if len(new) > MOST_FIELDS:
        raise invalid(f"a series can have at most {MOST_FIELDS:,} fields, got {len(new):,}")
    return new


def update_meta(pending: Pending, series: int, revision: int) -> None:
    """Bring the meta data of a series up to date."""
    pending.add(_UPDATE_META, revision, series, series)


def note_update(pending: Pending, series: Series, revision: int) -> None:
    """Note the revision that last changed something in a series, other than its points."""
    if series.updated != revision:
        pending.add(_NOTE_UPDATE, revision, series.id)


def update_stored(pending: Pending, series: int, difference: int) -> None:
    """Note how many points of its own a series has, where its meta data stay as they are."""
    pending.add(_UPDATE_STORED, difference, series)


def to_trash(pending: Pending, series: Series, older: Series | None, job: int, revision: int) -> None:
    """Move a series to the trash, in place of an older one that is there under the same id."""
    name = TRASH + series.name
    jobs = json.loads(series.jobs_deleted or "[]")
    if older is not None:
        jobs = [*json.loads(older.jobs_deleted or "[]"), *jobs]
        note_lost(pending, older, job)
        delete(pending, older)
    terms.uncount(pending, terms.terms_of(json.loads(series.fields)))
    key = key_of(name)
    pending.add(_TO_TRASH, key, name, revision, json.dumps([*jobs, job]), checksum(key, name, series.fields), series.id)


def note_lost(pending: Pending, series: Series, job: int) -> None:
    """Note that a job removes a series for good: the job that moved it to the trash cannot be undone any more."""
    trashed_by = json.loads(series.jobs_deleted or "[]")[-1:] if series.trashed else []
    for one in trashed_by:
        pending.add(_NOTE_LOST, one, series.name[len(TRASH) :], job)


def note_forced(pending: Pending, series: Series, older: Series | None, job: int) -> None:
    """Note that a job was asked to remove a series for good, so that it cannot be undone itself.

    It counts as the last job that deleted the `older` series of that id in the trash, if there is one.
    """
    note_lost(pending, series, job)
    pending.add(_NOTE_LOST, job, series.name, job)
    if older is not None:
        jobs = [*json.loads(older.jobs_deleted or "[]"), job]
        pending.add(_NOTE_DELETED, json.dumps(jobs), older.id)


def delete(pending: Pending, series: Series) -> None:
    """Remove a series for good, with everything that belongs to it."""
    terms.remove(pending, series.id, terms.terms_of(json.loads(series.fields)), counted=not series.trashed)
    pending.add(_DELETE, series.id)


def _series(row: tuple[Any, ...]) -> Series:
    found = Series(*row[:-1])
    verify(row[-1], f"the fields of {found.name[:200]!r}", found.key, found.name, found.fields)
    return found


def add_checksums(db: sqlite3.Connection) -> int:
    """Give a checksum to the series of older versions, and return how many there were."""
    rows = db.execute("SELECT key, name, fields, id FROM series WHERE checksum IS NULL").fetchall()
    db.executemany(
        "UPDATE series SET checksum = ? WHERE id = ?", ((checksum(*columns), number) for *columns, number in rows)
    )
    return len(rows)


def _is_trash(series_id: str) -> bool:
    return key_of(series_id).startswith(key_of(TRASH))

"""The series of a store: their ids, fields and meta data.

Ids are compared regardless of case; the first spelling is kept.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store import history, terms
from pandas_shooju.query import id_key
from pandas_shooju.values import check_field_name, field_value

TRASH = "System\\Trash\\"

_COLUMNS = (
    "id, key, name, trashed, created, updated, fields_revision, points_count, points_min, points_max, points_first,"
    " points_last, jobs_deleted, fields"
)


class Series(NamedTuple):
    """A series as the catalogue knows it."""

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


#: the form in which ids are compared
key_of = id_key


def get(db: sqlite3.Connection, series_id: str) -> Series | None:
    """The series with this id."""
    row = db.execute(f"SELECT {_COLUMNS} FROM series WHERE key = ?", (key_of(series_id),)).fetchone()
    return None if row is None else Series(*row)


def get_many(db: sqlite3.Connection, ids: Sequence[int]) -> list[Series]:
    """The series with these internal ids, in that order; those that are gone are left out."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM series WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    ).fetchall()
    found = {row[0]: Series(*row) for row in rows}
    return [found[one] for one in ids if one in found]


def create(db: sqlite3.Connection, series_id: str, revision: int) -> Series:
    """A new series without points and fields.

    Raises
    ------
    ApiError
        The text is nothing to call a series.
    """
    if not series_id or len(series_id) > 1000 or series_id != series_id.strip() or not series_id.isprintable():
        raise invalid(
            f"{series_id[:100]!r} is not a series id: 1 to 1000 printable characters, no space at the beginning or end"
        )
    cursor = db.execute(
        "INSERT INTO series (key, name, created, updated, fields_revision, fields, trashed) VALUES (?,?,?,?,?,'{}',?)",
        (key_of(series_id), series_id, revision, revision, revision, _is_trash(series_id)),
    )
    return Series(
        cursor.lastrowid or 0,
        key_of(series_id),
        series_id,
        int(_is_trash(series_id)),
        revision,
        revision,
        revision,
        0,
        None,
        None,
        None,
        None,
        None,
        "{}",
    )


def write_fields(db: sqlite3.Connection, series: Series, fields: dict[str, Any], revision: int, alone: bool) -> bool:
    """Merge fields into those of a series, and return whether that changed them.

    A null removes the field; with `alone` all others are removed.
    """
    old = json.loads(series.fields)
    new = merged_fields({} if alone else old, fields)
    if new == old and list(map(type, new.values())) == list(map(type, old.values())):
        return False
    text = json.dumps(new, ensure_ascii=False, separators=(",", ":"))
    if series.fields != "{}" or series.created != series.fields_revision:
        history.keep_fields(db, series.id, series.fields, series.fields_revision)
    db.execute("UPDATE series SET fields = ?, fields_revision = ? WHERE id = ?", (text, revision, series.id))
    before, now = terms.terms_of(old), terms.terms_of(new)
    terms.remove(db, series.id, before - now, counted=not series.trashed)
    terms.add(db, series.id, now - before, counted=not series.trashed)
    return True


def merged_fields(old: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The fields `old`, updated with others; a null removes the field.

    Raises
    ------
    ApiError
        A name or a value that :mod:`pandas_shooju.values` does not accept.
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
    return new


def update_meta(db: sqlite3.Connection, series: int, revision: int) -> None:
    """Bring the meta data of a series up to date."""
    db.execute(
        "UPDATE series SET updated = ?, (points_count, points_min, points_max, points_first, points_last) ="
        " (SELECT coalesce(sum(count), 0), min(low), max(high), min(first), max(last) FROM chunks"
        "  WHERE series = ? AND report = 0) WHERE id = ?",
        (revision, series, series),
    )


def to_trash(db: sqlite3.Connection, series: Series, job: int, revision: int) -> None:
    """Move a series to the trash, in place of what is there under the same id."""
    name = TRASH + series.name
    jobs = json.loads(series.jobs_deleted or "[]")
    older = get(db, name)
    if older is not None:
        jobs = [*json.loads(older.jobs_deleted or "[]"), *jobs]
        delete(db, older)
    terms.uncount(db, terms.terms_of(json.loads(series.fields)))
    db.execute(
        "UPDATE series SET key = ?, name = ?, trashed = 1, updated = ?, jobs_deleted = ? WHERE id = ?",
        (key_of(name), name, revision, json.dumps([*jobs, job]), series.id),
    )


def delete(db: sqlite3.Connection, series: Series) -> None:
    """Remove a series for good, with everything that belongs to it."""
    terms.remove(db, series.id, terms.terms_of(json.loads(series.fields)), counted=not series.trashed)
    db.execute("DELETE FROM series WHERE id = ?", (series.id,))


def _is_trash(series_id: str) -> bool:
    return key_of(series_id).startswith(key_of(TRASH))

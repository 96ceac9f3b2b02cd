"""The series of a store: their ids, fields and meta data, and the index by which they are found.

Ids are compared without regard to case; the first spelling is kept. Field values are found by their text, without
regard to case: the number 5 and the text ``"5"`` are the same to a search, a list is found by each of its items, an
object by the dotted names of what is in it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store import history
from pandas_shooju.query import id_key
from pandas_shooju.values import check_field_name, field_value

TRASH = "System\\Trash\\"

_COLUMNS = (
    "id, key, name, trashed, created, updated, fields_revision, points_count, points_min, points_max, points_first,"
    " points_last, jobs_deleted, fields"
)
#: a value longer than this is found by its first characters
_TERM_LENGTH = 500


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


def write_fields(db: sqlite3.Connection, series: Series, fields: dict[str, Any], revision: int, alone: bool) -> None:
    """Merge fields into those of a series; a null removes the field; with `alone` the others are removed."""
    old = json.loads(series.fields)
    new = merged_fields({} if alone else old, fields)
    if new == old and list(map(type, new.values())) == list(map(type, old.values())):
        return
    text = json.dumps(new, ensure_ascii=False, separators=(",", ":"))
    if series.fields != "{}" or series.created != series.fields_revision:
        history.keep_fields(db, series.id, series.fields, series.fields_revision)
    db.execute("UPDATE series SET fields = ?, fields_revision = ? WHERE id = ?", (text, revision, series.id))
    before, now = set(terms_of(old)) if old else set(), set(terms_of(new))
    _forget(db, series.id, before - now)
    for name, value in now - before:
        db.execute("INSERT INTO postings VALUES (?,?)", (_term(db, name, value), series.id))


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
        "  WHERE series = ?2 AND report = 0) WHERE id = ?2",
        (revision, series),
    )


def to_trash(db: sqlite3.Connection, series: Series, job: int, revision: int) -> None:
    """Move a series to the trash; what lies there under the same id gives way."""
    name = TRASH + series.name
    jobs = json.loads(series.jobs_deleted or "[]")
    older = get(db, name)
    if older is not None:
        jobs = [*json.loads(older.jobs_deleted or "[]"), *jobs]
        delete(db, older)
    db.execute(
        "UPDATE series SET key = ?, name = ?, trashed = 1, updated = ?, jobs_deleted = ? WHERE id = ?",
        (key_of(name), name, revision, json.dumps([*jobs, job]), series.id),
    )


def delete(db: sqlite3.Connection, series: Series) -> None:
    """Remove a series for good, with all that belongs to it."""
    _forget(db, series.id, set(terms_of(json.loads(series.fields))))
    db.execute("DELETE FROM series WHERE id = ?", (series.id,))


def terms_of(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The names and values by which fields are found, in lower case."""
    for name, value in fields.items():
        yield from _terms(name.lower(), value, 0)


def text_of(value: Any) -> str:
    """The text by which a single value is found."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value).lower()[:_TERM_LENGTH]


def _terms(name: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and depth < 20:
        for inner, item in value.items():
            yield from _terms(f"{name}.{str(inner).lower()}", item, depth + 1)
    elif isinstance(value, list) and depth < 20:
        for item in value:
            yield from _terms(name, item, depth + 1)
    elif value is not None:
        yield name, text_of(value)


def _term(db: sqlite3.Connection, name: str, value: str) -> int:
    row = db.execute("SELECT id FROM terms WHERE name = ? AND value = ?", (name, value)).fetchone()
    if row is None:
        return db.execute("INSERT INTO terms (name, value) VALUES (?,?)", (name, value)).lastrowid or 0
    return int(row[0])


def _forget(db: sqlite3.Connection, series: int, terms: set[tuple[str, str]]) -> None:
    for name, value in terms:
        db.execute(
            "DELETE FROM postings WHERE series = ? AND term = (SELECT id FROM terms WHERE name = ? AND value = ?)",
            (series, name, value),
        )


def _is_trash(series_id: str) -> bool:
    return key_of(series_id).startswith(key_of(TRASH))

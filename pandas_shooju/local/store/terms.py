"""The index of field values: by which series are found, and from which their distinct values are counted.

A term is the name of a field with one of its values. Names and values are found regardless of case; how the value was
spelled is kept beside it, for facets. Numbers are found however they are written, and dates by their day. A list is
found by each of its items, an object by the dotted names of its contents.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

from pandas_shooju.local.dates import moment_of
from pandas_shooju.local.store.pending import Pending, Statement, Turn

#: of longer values, only the first characters are indexed
_LONGEST = 500
_DEEPEST = 20
_as_json = json.JSONEncoder(ensure_ascii=False).encode

_COUNT = Statement(
    Turn.CONTENT,
    "INSERT INTO terms (name, value, shown, number, moment, count) VALUES (?,?,?,?,?,?)"
    " ON CONFLICT (name, value, shown) DO UPDATE SET count = count + excluded.count",
    summed=True,
)
_TERM = "(SELECT id FROM terms WHERE name = ? AND value = ? AND shown = ?)"
_POST = Statement(Turn.SUMMARY, f"INSERT INTO postings (series, term) VALUES (?, {_TERM})")
_REMOVE = Statement(Turn.GONE, f"DELETE FROM postings WHERE series = ? AND term = {_TERM}")


class Term(NamedTuple):
    """A row of the table `terms`, without its id and count."""

    #: in lower case
    name: str
    #: as text, in lower case
    value: str
    #: as it was written, as JSON
    shown: str
    #: for a number
    number: float | None
    #: for a text that is a date (milliseconds, UTC)
    moment: int | None


def terms_of(fields: dict[str, Any]) -> set[Term]:
    """The terms by which a series with these fields is found."""
    return {term for name, value in fields.items() for term in _terms(name.lower(), value, 0)}


def text_of(value: Any) -> str:
    """The text by which a single value is found."""
    return str(_spelled(value)).lower()[:_LONGEST]


def add(pending: Pending, series: int, terms: set[Term], *, counted: bool) -> None:
    """Index a series under terms; `counted` unless it is in the trash."""
    for term in terms:
        pending.add(_COUNT, *term, int(counted))
        pending.add(_POST, series, *term[:3])


def remove(pending: Pending, series: int, terms: set[Term], *, counted: bool) -> None:
    """Take a series out of the index under terms."""
    for term in terms:
        pending.add(_REMOVE, series, *term[:3])
    if counted:
        uncount(pending, terms)


def uncount(pending: Pending, terms: set[Term]) -> None:
    """No longer count a series with these terms, which moved to the trash."""
    for term in terms:
        pending.add(_COUNT, *term, -1)


def is_field(db: sqlite3.Connection, name: str) -> bool:
    """Whether any series has a field of this name, or an object under it."""
    name = name.lower()
    return (
        db.execute(
            "SELECT 1 FROM terms t CROSS JOIN postings p"
            " WHERE (t.name = ? OR t.name >= ? AND t.name < ?) AND p.term = t.id LIMIT 1",
            (name, name + ".", name + "/"),
        ).fetchone()
        is not None
    )


def rebuild(db: sqlite3.Connection) -> None:
    """Index all series anew."""
    numbers: dict[Term, int] = {}
    counts: dict[int, int] = {}
    db.execute("DELETE FROM postings")
    db.execute("DELETE FROM terms")
    for series, trashed, fields in db.execute("SELECT id, trashed, fields FROM series WHERE fields != '{}'"):
        found = [numbers.setdefault(term, len(numbers) + 1) for term in terms_of(json.loads(fields))]
        db.executemany("INSERT INTO postings VALUES (?,?)", [(number, series) for number in set(found)])
        if not trashed:
            for number in found:
                counts[number] = counts.get(number, 0) + 1
    db.executemany(
        "INSERT INTO terms (id, name, value, shown, number, moment, count) VALUES (?,?,?,?,?,?,?)",
        ((number, *term, counts.get(number, 0)) for term, number in numbers.items()),
    )


def _terms(name: str, value: Any, depth: int) -> Iterator[Term]:
    if isinstance(value, dict) and depth < _DEEPEST:
        for inner, item in value.items():
            yield from _terms(f"{name}.{str(inner).lower()}", item, depth + 1)
    elif isinstance(value, list) and depth < _DEEPEST:
        for item in value:
            yield from _terms(name, item, depth + 1)
    elif value is not None:
        yield _term(name, value)


def _term(name: str, value: Any) -> Term:
    text = text_of(value)
    if isinstance(value, bool):
        return Term(name, text, text, None, None)
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf if value > 0 else -math.inf
        return Term(name, text, text if math.isfinite(number) else json.dumps(text), number, None)
    shown = _as_json(str(value)[:_LONGEST])
    return Term(name, text, shown, None, moment_of(value) if isinstance(value, str) else None)


def _spelled(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value

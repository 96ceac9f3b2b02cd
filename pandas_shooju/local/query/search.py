"""Finding the series that a condition names: tree to SQL, with bound parameters only.

Each part of a condition becomes a `_Plan`: a test of one series, and, where an index helps, a SELECT of the ids
that pass. An AND is driven by the part that finds the fewest (counted, up to a bound), and tests the rest.

Series in the trash are found only by conditions that speak of it.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.query import tree
from pandas_shooju.local.query.tree import BELOW, EXACT, TREE, Node, Text
from pandas_shooju.local.store.catalogue import key_of, text_of
from pandas_shooju.local.store.chunks import Int64

#: counting how much a part of a condition finds stops here
_COUNTED = 20_000
#: and a search that takes longer (seconds) is refused
PATIENCE = 60.0

#: a test that looks at more than the id of a row of `series`
_of_a_row = re.compile(r"\bs\.(?!id\b)")

_END = "\U0010ffff"

#: meta data that a search compares: SQL for its text, given a row ``s`` of `series`
_META = {
    "points_count": "CAST(s.points_count AS TEXT)",
    "points_min": "s.points_min",
    "points_max": "s.points_max",
    "points_first": "CAST(s.points_first AS TEXT)",
    "points_last": "CAST(s.points_last AS TEXT)",
    "created_at": "(SELECT CAST(r.at AS TEXT) FROM revisions r WHERE r.id = s.created)",
    "updated_at": "(SELECT CAST(r.at AS TEXT) FROM revisions r WHERE r.id = s.updated)",
    "job": "(SELECT CAST(r.job AS TEXT) FROM revisions r WHERE r.id = s.updated)",
}


@dataclass(slots=True)
class _Plan:
    test: str
    arguments: list[Any]
    select: str | None = None
    select_arguments: list[Any] | None = None
    cost: float = math.inf

    @property
    def driver(self) -> tuple[str, list[Any]]:
        assert self.select is not None
        return self.select, self.select_arguments if self.select_arguments is not None else self.arguments


def find(db: sqlite3.Connection, condition: Node) -> Int64:
    """The internal ids of the series that meet a condition, in the order in which they came into the store."""
    with _patience(db):
        sql, arguments = statement(db, condition)
        text = db.execute(f"SELECT group_concat(id) FROM ({sql})", arguments).fetchone()[0]
    if text is None:
        return np.empty(0, np.int64)
    # not np.unique, which is ten times slower with a million
    ids: Int64 = np.sort(np.fromstring(text, np.int64, sep=","))
    distinct: Int64 = ids[np.append(True, ids[1:] != ids[:-1])]
    return distinct


def statement(db: sqlite3.Connection, condition: Node) -> tuple[str, list[Any]]:
    """The SELECT that finds the series, with its arguments."""
    plan = _plan(db, condition)
    if plan.select is not None:
        select, arguments = plan.driver
        sql = f"SELECT id FROM ({select}) WHERE 1"
    else:
        sql, arguments = f"SELECT s.id AS id FROM series s WHERE ({plan.test})", plan.arguments
    if not _mentions_trash(condition) and db.execute("SELECT 1 FROM series WHERE trashed LIMIT 1").fetchone():
        sql += " AND id NOT IN (SELECT id FROM series WHERE trashed)"
    return sql, arguments


def _plan(db: sqlite3.Connection, node: Node) -> _Plan:
    match node:
        case tree.Everything():
            return _Plan("1", [], "SELECT id FROM series", [])
        case tree.Sid():
            return _any([_sid(db, node.form, value) for value in _exact_together(node)])
        case tree.Field():
            return _field(db, node)
        case tree.Meta():
            return _any([_meta(node.name, value) for value in node.values])
        case tree.Job():
            listed = json.dumps(node.jobs)
            wrote = "SELECT series AS id FROM job_series WHERE job IN (SELECT value FROM json_each(?))"
            # a job is known to have written series that have been deleted for good since
            select = f"SELECT w.id AS id FROM ({wrote}) w CROSS JOIN series still ON still.id = w.id"
            return _Plan(f"s.id IN ({wrote})", [listed], select, cost=_count(db, wrote, [listed]))
        case tree.Word():
            return _word(node.value)
        case tree.Not():
            inner = _plan(db, node.part)
            return _Plan(f"NOT coalesce(({inner.test}), 0)", inner.arguments)
        case tree.Or():
            return _any([_plan(db, part) for part in node.parts])
        case tree.And():
            return _all([_plan(db, part) for part in node.parts])


def _all(parts: list[_Plan]) -> _Plan:
    whole = _Plan(" AND ".join(f"({part.test})" for part in parts), [a for part in parts for a in part.arguments])
    drivers = [part for part in parts if part.select is not None]
    if not drivers:
        return whole
    first = min(drivers, key=lambda part: part.cost)
    select, arguments = first.driver
    rest = [part for part in parts if part is not first]
    tests = " AND ".join(f"({part.test})" for part in rest)
    if _of_a_row.search(tests):
        # CROSS JOIN: SQLite keeps the order, so that the part that finds the fewest comes first
        whole.select = f"SELECT s.id AS id FROM ({select}) d CROSS JOIN series s WHERE s.id = d.id AND {tests}"
    else:
        whole.select = f"SELECT s.id AS id FROM ({select}) s WHERE {tests}"
    whole.select_arguments = [*arguments, *(a for part in rest for a in part.arguments)]
    whole.cost = first.cost
    return whole


def _any(parts: list[_Plan]) -> _Plan:
    if len(parts) == 1:
        return parts[0]
    if len(parts) > 400:
        half = len(parts) // 2
        return _any([_any(parts[:half]), _any(parts[half:])])
    whole = _Plan(" OR ".join(f"({part.test})" for part in parts), [a for part in parts for a in part.arguments])
    if all(part.select is not None for part in parts):
        drivers = [part.driver for part in parts]
        whole.select = " UNION ALL ".join(f"SELECT id FROM ({select})" for select, _ in drivers)
        whole.select_arguments = [a for _, arguments in drivers for a in arguments]
        whole.cost = sum(part.cost for part in parts)
    return whole


def _exact_together(node: tree.Sid) -> list[Text | list[str]]:
    """The values of a condition on ids, those that name exactly one id in one list."""
    if node.form != EXACT:
        return list(node.values)
    exact = [key_of(value.text) for value in node.values if not value.has_wildcard]
    return [*([exact] if exact else []), *(value for value in node.values if value.has_wildcard)]


def _sid(db: sqlite3.Connection, form: str, value: Text | list[str]) -> _Plan:
    if isinstance(value, list):
        listed = json.dumps(value)
        test = "s.key IN (SELECT value FROM json_each(?))"
        return _Plan(test, [listed], f"SELECT s.id AS id FROM series s WHERE {test}", cost=len(value))
    text = key_of(value.text)
    if form != EXACT:
        text = text.removesuffix("*") if value.has_wildcard and text.endswith("\\*") else text
        text = text.rstrip("\\") or text[:1]
        if value.has_wildcard and not text.strip("*"):
            return _Plan("1", [], "SELECT id FROM series", [])
    wild = not value.quoted and "*" in text
    tests, arguments = [], []
    if form != TREE and not wild:
        tests.append("s.key = ?")
        arguments.append([text])
    if form != EXACT and not wild:
        # the character after the backslash: all ids that begin with the path and a backslash
        tests.append("s.key >= ? AND s.key < ?")
        arguments.append([text + "\\", text + "]"])
    if wild:
        start = text.partition("*")[0]
        for pattern in [text] if form == EXACT else [text, text + "\\*"] if form == BELOW else [text + "\\*"]:
            tests.append("s.key >= ? AND s.key < ? AND s.key GLOB ?")
            arguments.append([start, start + _END, _glob(pattern)])
    plans = []
    for test, given in zip(tests, arguments, strict=True):
        select = f"SELECT s.id AS id FROM series s WHERE {test}"
        # the plus keeps SQLite from choosing the index where this is only a test
        plans.append(_Plan(test.replace("s.key", "+s.key"), given, select, cost=_count(db, select, given)))
    return _any(plans)


def _field(db: sqlite3.Connection, node: tree.Field) -> _Plan:
    terms: list[int] = []
    exact = [text_of(value.text) for value in node.values if not value.has_wildcard]
    terms += _first_column(
        db.execute(
            "SELECT id FROM terms WHERE name = ? AND value IN (SELECT value FROM json_each(?))",
            (node.name, json.dumps(exact)),
        )
    )
    for value in node.values:
        if value.has_wildcard:
            text = value.text.lower()
            start = text.partition("*")[0]
            terms += _first_column(
                db.execute(
                    "SELECT id FROM terms WHERE name = ? AND value >= ? AND value < ? AND value GLOB ?",
                    (node.name, start, start + _END, _glob(text)),
                )
            )
    if not terms:
        return _Plan("0", [], "SELECT id FROM series WHERE 0", [], 0)
    if len(terms) == 1:
        which, argument = "= ?", terms[0]
    else:
        which, argument = "IN (SELECT value FROM json_each(?))", json.dumps(terms)  # type: ignore[assignment]
    select = f"SELECT series AS id FROM postings WHERE term {which}"
    test = f"EXISTS (SELECT 1 FROM postings p WHERE p.term {which} AND p.series = s.id)"
    return _Plan(test, [argument], select, cost=_count(db, select, [argument]))


def _meta(name: str, value: Text) -> _Plan:
    if value.has_wildcard:
        raise invalid(f"a wildcard in meta.{name} is not supported")
    if name == "job_deleted":
        test = "s.trashed AND EXISTS (SELECT 1 FROM json_each(s.jobs_deleted) j WHERE j.value = ?)"
        return _Plan(test, [_number(value)], "SELECT s.id AS id FROM series s WHERE " + test, cost=_COUNTED)
    if name not in _META:
        known = ", ".join(sorted([*_META, "job_deleted"]))
        raise invalid(f"meta.{name} is not supported; known are: {known}")
    if name in ("points_min", "points_max"):
        return _Plan(f"{_META[name]} = ?", [_number(value)])
    return _Plan(f"{_META[name]} = ?", [value.text])


def _number(value: Text) -> float:
    try:
        return float(value.text)
    except ValueError:
        raise invalid(f"{value.text[:100]!r} is not a number") from None


def _word(value: Text) -> _Plan:
    """Free text: part of the id, or of a field's value."""
    pattern = _glob(f"*{value.text.lower()}*") if value.has_wildcard else None
    how, argument = ("{} GLOB ?", pattern) if pattern else ("instr({}, ?)", value.text.lower())
    in_fields = (
        f"SELECT p.series AS id FROM terms t CROSS JOIN postings p WHERE p.term = t.id AND {how.format('t.value')}"
    )
    test = f"{how.format('s.key')} OR s.id IN ({in_fields})"
    return _Plan(test, [argument, argument])


def _glob(pattern: str) -> str:
    """A pattern in which only ``*`` is special, for GLOB."""
    if pattern.count("*") > 12:
        raise invalid(f"{pattern[:100]!r} has too many wildcards")
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _count(db: sqlite3.Connection, select: str, arguments: list[Any]) -> int:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM ({select}) LIMIT {_COUNTED})"
    return int(db.execute(sql, arguments).fetchone()[0])


def _first_column(rows: sqlite3.Cursor) -> list[int]:
    return [row[0] for row in rows.fetchall()]


def _mentions_trash(node: Node) -> bool:
    match node:
        case tree.Sid():
            return any(f"{key_of(value.text)}\\".startswith("system\\") for value in node.values)
        case tree.Meta():
            return node.name == "job_deleted"
        case tree.And() | tree.Or():
            return any(map(_mentions_trash, node.parts))
        case tree.Not():
            return _mentions_trash(node.part)
        case _:
            return False


@contextmanager
def _patience(db: sqlite3.Connection) -> Iterator[None]:
    """Stop a search that takes too long, or is more than SQLite can plan."""
    deadline = time.monotonic() + PATIENCE
    over: Callable[[], int] = lambda: time.monotonic() > deadline  # noqa: E731
    db.set_progress_handler(over, 1_000_000)
    try:
        yield
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise invalid(f"the search takes longer than {PATIENCE:.0f} s; make it narrower") from None
        if any(sign in str(error) for sign in ("too large", "too many", "stack overflow")):
            raise invalid("the query has too many conditions; a list of values, x=(a,b,c), counts as one") from None
        raise
    finally:
        db.set_progress_handler(None, 0)

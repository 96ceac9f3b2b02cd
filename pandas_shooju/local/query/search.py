"""Finding the series that a condition names: tree to SQL, with bound parameters only.

Each part of a condition becomes a `_Plan`: a test of one series, and, where an index helps, a SELECT of the ids that
pass. An AND is driven by the part that finds the fewest (counted, up to a bound), and tests the rest.

Series in the trash are found only by conditions that mention it.
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

from pandas_shooju.local.dates import day_of, parse_written_date
from pandas_shooju.local.errors import ApiError, invalid
from pandas_shooju.local.ids import check_id
from pandas_shooju.local.meta import meta_field
from pandas_shooju.local.query import tree
from pandas_shooju.local.query.tree import BELOW, EXACT, TREE, Node, Text
from pandas_shooju.local.store import mirrors, terms
from pandas_shooju.local.store.catalog import get, key_of
from pandas_shooju.local.store.chunks import Int64
from pandas_shooju.local.store.jobs import now

#: counting how much a part of a condition finds stops here
_COUNTED = 20_000
#: and a search that takes longer (seconds) is refused
PATIENCE = 60.0
#: the most wildcards in a pattern
_MOST_WILDCARDS = 12

#: a test that looks at more than the id of a row of `series`
_of_a_row = re.compile(r"\bs\.(?!id\b)")
#: a number as people write it; not the 007 that is a code
_number = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d{1,3})?$")
#: integers below this are exact as floats
_EXACT_INTEGER = 2**53

_END = "\U0010ffff"


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


def find(db: sqlite3.Connection, condition: Node, last_revision: int | None = None) -> Int64:
    """The internal ids of the series that meet a condition, in the order in which they were created.

    With `last_revision`, only those that existed after that revision.
    """
    with _patience(db):
        sql, arguments = statement(db, condition, last_revision)
        text = db.execute(f"SELECT group_concat(id) FROM ({sql})", arguments).fetchone()[0]
    if text is None:
        return np.empty(0, np.int64)
    # not np.unique, which is ten times slower with a million
    ids: Int64 = np.sort(np.fromstring(text, np.int64, sep=","))
    distinct: Int64 = ids[np.append(True, ids[1:] != ids[:-1])]
    return distinct


def count(db: sqlite3.Connection, condition: Node, last_revision: int | None = None) -> int:
    """The number of series that meet a condition."""
    with _patience(db):
        if isinstance(condition, tree.Everything) and last_revision is None:
            sql = "SELECT (SELECT count(*) FROM series) - (SELECT count(*) FROM series WHERE trashed)"
            return int(db.execute(sql).fetchone()[0])
        sql, arguments = statement(db, condition, last_revision)
        return int(db.execute(f"SELECT count(DISTINCT id) FROM ({sql})", arguments).fetchone()[0])


def statement(db: sqlite3.Connection, condition: Node, last_revision: int | None = None) -> tuple[str, list[Any]]:
    """The SELECT that finds the series, with its arguments."""
    plan = _plan(db, condition)
    if plan.select is not None:
        select, arguments = plan.driver
        sql = f"SELECT id FROM ({select}) WHERE 1"
    else:
        sql, arguments = f"SELECT s.id AS id FROM series s WHERE ({plan.test})", plan.arguments
    if not _mentions_trash(condition) and db.execute("SELECT 1 FROM series WHERE trashed LIMIT 1").fetchone():
        sql += " AND id NOT IN (SELECT id FROM series WHERE trashed)"
    if last_revision is not None:
        sql += " AND id IN (SELECT id FROM series WHERE created <= ?)"
        arguments = [*arguments, last_revision]
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
        case tree.Compare():
            return _compare(db, node)
        case tree.Has():
            return _any([_has(db, name) for name in node.names])
        case tree.Job():
            mirrors.refuse(db, "a search by job")
            listed = json.dumps(node.jobs)
            wrote = "SELECT series AS id FROM job_series WHERE job IN (SELECT value FROM json_each(?))"
            # including series that have been deleted for good since
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
    exact = [value.text for value in node.values if not value.has_wildcard]
    return [*([exact] if exact else []), *(value for value in node.values if value.has_wildcard)]


def _sid(db: sqlite3.Connection, form: str, value: Text | list[str]) -> _Plan:
    if isinstance(value, list):
        for series_id in value:
            if get(db, series_id) is None:
                check_id(series_id)
        listed = json.dumps([key_of(series_id) for series_id in value])
        test = "s.key IN (SELECT value FROM json_each(?))"
        return _Plan(test, [listed], f"SELECT s.id AS id FROM series s WHERE {test}", cost=len(value))
    if value.has_wildcard and not value.text.strip("*" if form == EXACT else "*\\"):
        return _Plan("1", [], "SELECT id FROM series", [])
    text = key_of(value.text)
    if form != EXACT:
        text = text.removesuffix("*") if value.has_wildcard and text.endswith("\\*") else text
        text = text.removesuffix("\\")
    wild = value.has_wildcard and (value.prefix or "*" in text)
    plan = _ids(db, form, Text(text, value.quoted, value.prefix and wild), wild)
    if not plan.cost:
        # an older store may hold such ids
        check_id(value.text, path=form != EXACT or value.has_wildcard)
    return plan


def _ids(db: sqlite3.Connection, form: str, value: Text, wild: bool) -> _Plan:
    text = value.text
    tests, arguments = [], []
    if form != TREE and not wild:
        tests.append("s.key = ?")
        arguments.append([text])
    if form != EXACT and not wild:
        # the character after the backslash: all ids that begin with the path and a backslash
        tests.append("s.key >= ? AND s.key < ?")
        arguments.append([text + "\\", text + "]"])
    if wild:
        start, glob = value.literal_start, _glob(value)
        for pattern in [glob] if form == EXACT else [glob, glob + "\\*"] if form == BELOW else [glob + "\\*"]:
            tests.append("s.key >= ? AND s.key < ? AND s.key GLOB ?")
            arguments.append([start, start + _END, pattern])
    plans = []
    for test, given in zip(tests, arguments, strict=True):
        select = f"SELECT s.id AS id FROM series s WHERE {test}"
        # the plus keeps SQLite from choosing the index where this is only a test
        plans.append(_Plan(test.replace("s.key", "+s.key"), given, select, cost=_count(db, select, given)))
    return _any(plans)


def _field(db: sqlite3.Connection, node: tree.Field) -> _Plan:
    found: list[int] = []
    exact = []
    given: list[Any]
    for value in node.values:
        text = value.text.lower()
        if value.has_wildcard:
            start = value.literal_start.lower()
            test, given = "value >= ? AND value < ? AND value GLOB ?", [start, start + _END, _glob(value, lower=True)]
        elif (number := _as_number(text)) is not None:
            # a number is found however it is written
            test, given = "value = ? OR number = ?", [text, number]
        elif day := day_of(text):
            test, given = "value = ? OR moment BETWEEN ? AND ?", [text, *day]
        else:
            exact.append(terms.text_of(text))
            continue
        found += _first_column(db.execute(f"SELECT id FROM terms WHERE name = ? AND ({test})", [node.name, *given]))
    if exact:
        sql = "SELECT id FROM terms WHERE name = ? AND value IN (SELECT value FROM json_each(?))"
        found += _first_column(db.execute(sql, (node.name, json.dumps(exact))))
    if not found and node.name == "series_id" and not terms.is_field(db, node.name):
        raise invalid("series_id is not a field: write sid=path for one series, or sid:path for all below a path")
    return _with_terms(db, found)


def _has(db: sqlite3.Connection, name: str) -> _Plan:
    """Series with any value in a field, or in an object under that name."""
    sql = "SELECT id FROM terms WHERE name = ? OR name >= ? AND name < ?"
    return _with_terms(db, _first_column(db.execute(sql, (name, name + ".", name + "/"))))


def _with_terms(db: sqlite3.Connection, found: list[int]) -> _Plan:
    found = sorted(set(found))
    if not found:
        return _Plan("0", [], "SELECT id FROM series WHERE 0", [], 0)
    argument: int | str
    if len(found) == 1:
        which, argument = "= ?", found[0]
    else:
        which, argument = "IN (SELECT value FROM json_each(?))", json.dumps(found)
    select = f"SELECT series AS id FROM postings WHERE term {which}"
    test = f"EXISTS (SELECT 1 FROM postings p WHERE p.term {which} AND p.series = s.id)"
    return _Plan(test, [argument], select, cost=_count(db, select, [argument]))


def _meta(name: str, value: Text) -> _Plan:
    field = meta_field(name)
    if value.has_wildcard and field.type != "text":
        raise invalid(f"a wildcard in meta.{name} is not supported: its values are numbers or dates")
    match field.type:
        case "jobs":
            test = f"s.trashed AND EXISTS (SELECT 1 FROM json_each({field.sql}) j WHERE j.value = ?)"
            given = [_number_in(name, value)]
            return _Plan(test, given, "SELECT s.id AS id FROM series s WHERE " + test, cost=_COUNTED)
        case "text":
            if value.has_wildcard:
                return _Plan(f"lowered({field.sql}) GLOB ?", [_glob(value, lower=True)])
            return _Plan(f"lowered({field.sql}) = ?", [value.text.lower()])
        case "date":
            if day := day_of(value.text):
                return _Plan(f"{field.sql} BETWEEN ? AND ?", list(day))
            return _Plan(f"{field.sql} = ?", [parse_written_date(value.text, f"meta.{name}", now())])
    return _Plan(f"{field.sql} = ?", [_number_in(name, value)])


def _compare(db: sqlite3.Connection, node: tree.Compare) -> _Plan:
    name, sign, value = node.name, node.sign, node.value
    if value.has_wildcard:
        raise invalid(f"{name}{sign} must be followed by a number or date, got {value.text[:100]!r}")
    if name.startswith("meta."):
        field = meta_field(name[5:])
        if field.type not in ("number", "date"):
            raise invalid(f"{name}{sign} is not supported: {name} has no order; comparisons are for numbers and dates")
        limit = (
            _number_in(name, value) if field.type == "number" else parse_written_date(value.text, name + sign, now())
        )
        return _Plan(f"coalesce({field.sql} {sign} ?, 0)", [limit])
    if _number.match(value.text):
        column, limit = "number", float(value.text)
    else:
        try:
            column, limit = "moment", parse_written_date(value.text, name + sign, now())
        except ApiError:
            raise invalid(
                f"{name}{sign} must be followed by a number or a date (2024-01-31, -1y), got {value.text[:100]!r}"
            ) from None
    sql = f"SELECT id FROM terms WHERE name = ? AND {column} {sign} ? AND {column} NOTNULL"
    found = _first_column(db.execute(sql, (name, limit)))
    if not found:
        _check_order(db, name, sign, column)
    return _with_terms(db, found)


def _check_order(db: sqlite3.Connection, name: str, sign: str, column: str) -> None:
    """Refuse to compare a field with a number where all of its values are dates or texts, and the other way round."""
    sql = f"SELECT 1 FROM terms WHERE name = ? AND {column} NOTNULL LIMIT 1"
    if db.execute(sql, (name,)).fetchone() is None and terms.is_field(db, name):
        compared, kind = ("a number", "numbers") if column == "number" else ("a date", "dates")
        raise invalid(f"{name}{sign} must not be followed by {compared}: none of the values of {name} are {kind}")


def _as_number(text: str) -> float | None:
    """The number that a text writes, unless it is an integer that floats cannot tell from its neighbours."""
    if not _number.match(text):
        return None
    number = float(text)
    if not math.isfinite(number) or (text.lstrip("+-").isdigit() and abs(number) >= _EXACT_INTEGER):
        return None
    return number


def _number_in(name: str, value: Text) -> float:
    try:
        number = float(value.text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise invalid(f"{name} must be compared with a number, got {value.text[:100]!r}")
    return number


def _word(value: Text) -> _Plan:
    """Free text: part of the id, or of a field's value."""
    how, argument = "instr({}, ?)", value.text.lower()
    if value.has_wildcard:
        how, argument = "{} GLOB ?", f"*{_glob(value, lower=True)}*"
    in_fields = (
        f"SELECT p.series AS id FROM terms t CROSS JOIN postings p WHERE p.term = t.id AND {how.format('t.value')}"
    )
    test = f"{how.format('s.key')} OR s.id IN ({in_fields})"
    return _Plan(test, [argument, argument])


def _glob(value: Text, *, lower: bool = False) -> str:
    """The pattern for GLOB of a value with wildcards."""
    if value.text.count("*") > _MOST_WILDCARDS:
        raise invalid(f"a value can have at most {_MOST_WILDCARDS} wildcards, got {value.text[:100]!r}")
    return value.glob.lower() if lower else value.glob


def _count(db: sqlite3.Connection, select: str, arguments: list[Any]) -> int:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM ({select}) LIMIT {_COUNTED})"
    return int(db.execute(sql, arguments).fetchone()[0])


def _first_column(rows: sqlite3.Cursor) -> list[int]:
    return [row[0] for row in rows.fetchall()]


def _mentions_trash(node: Node, negated: bool = False) -> bool:
    """Whether a condition looks for series in the trash; one that excludes some of them does not."""
    match node:
        case tree.Sid():
            return not negated and any(f"{key_of(value.text)}\\".startswith("system\\") for value in node.values)
        case tree.Meta():
            return not negated and node.name in ("job_deleted", "trash_sid")
        case tree.And() | tree.Or():
            return any(_mentions_trash(part, negated) for part in node.parts)
        case tree.Not():
            return _mentions_trash(node.part, not negated)
        case _:
            return False


@contextmanager
def _patience(db: sqlite3.Connection) -> Iterator[None]:
    """Stop a search that takes too long, or is more than SQLite can handle."""
    deadline = time.monotonic() + PATIENCE
    over: Callable[[], int] = lambda: time.monotonic() > deadline  # noqa: E731
    db.set_progress_handler(over, 1_000_000)
    try:
        yield
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise invalid(f"the search takes longer than {PATIENCE:.0f} s: make it narrower") from None
        if any(sign in str(error) for sign in ("too large", "too many", "stack overflow")):
            raise invalid(
                "the query has too many conditions: write several values as a list, x=(a,b,c), which counts as one"
            ) from None
        raise
    finally:
        db.set_progress_handler(None, 0)

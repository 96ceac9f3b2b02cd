"""Finding jobs: the query language, applied to the descriptions, dates and counts of jobs."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any, NamedTuple

import numpy as np

from pandas_shooju.local.certainty import Status
from pandas_shooju.local.dates import day_of, parse_written_date
from pandas_shooju.local.errors import invalid
from pandas_shooju.local.query import tree
from pandas_shooju.local.query.order import criteria
from pandas_shooju.local.query.parser import parse
from pandas_shooju.local.query.tree import Node, Text
from pandas_shooju.local.store.chunks import Int64
from pandas_shooju.local.store.jobs import FIELDS, STATS, now


class JobField(NamedTuple):
    """What a job holds, as a query for jobs, `sort` and `fields` name it."""

    meaning: str
    status: Status = "known"


JOB_FIELDS = {
    "id": JobField("the number of the job"),
    "description": JobField("its description"),
    "source": JobField("the program that registered it"),
    "user": JobField("the user who registered it"),
    "notes": JobField("its notes", "inferred"),
    "created_at": JobField("when it was registered (ms)"),
    "updated_at": JobField("when it last wrote (ms)"),
    "finished_at": JobField("when it was finished (ms)", "ours"),
    "no_history": JobField("whether it keeps no history", "inferred"),
    "stats.new_series": JobField("how many series it created"),
    "stats.new_points": JobField("how many points it added"),
    "stats.changed_points": JobField("how many points it changed"),
    "stats.deleted_points": JobField("how many points it removed"),
}

_TEXTS = ("description", "source", "user", "notes")
_DATES = ("created_at", "updated_at", "finished_at")
_NUMBERS = ("id", *(f"stats.{name}" for name in STATS))
#: the names that a query for jobs, its `sort` and its `fields` may use
NAMES = tuple(JOB_FIELDS)

_number = re.compile(r"[+-]?\d{1,18}(\.\d*)?$")


class Page(NamedTuple):
    """The ids of the jobs on a page, and how many there are on all pages."""

    ids: list[int]
    total: int


class Touched(NamedTuple):
    """Of some series, how many a job changed, added points to, and deleted points from."""

    changed: int
    added: int
    deleted: int


def find(db: sqlite3.Connection, query: str, sort: str, page: int, per_page: int, series: Int64 | None) -> Page:
    """A page of the jobs that a query finds.

    Parameters
    ----------
    query, sort
        As in the request; both may be empty. The newest jobs come first by default.
    page, per_page
        Which page, counted from 1, and how many jobs it has.
    series
        The internal ids of series, of which the jobs wrote at least one; None for all jobs.

    Raises
    ------
    ApiError
        The query or the order asks for something that jobs do not have.
    """
    parsed = parse(query)
    if parsed.operators:
        raise invalid(f"a query for jobs cannot have operators, got {query[:200]!r}")
    test, arguments = _test(parsed.condition)
    if series is not None:
        test = f"({test}) AND id IN (SELECT job FROM job_series WHERE series IN (SELECT value FROM json_each(?)))"
        arguments = [*arguments, json.dumps(series.tolist())]
    total = db.execute(f"SELECT count(*) FROM jobs WHERE {test}", arguments).fetchone()[0]
    rows = db.execute(
        f"SELECT id FROM jobs WHERE {test} ORDER BY {_order(sort)} LIMIT ? OFFSET ?",
        [*arguments, per_page, (page - 1) * per_page],
    )
    return Page([row[0] for row in rows], total)


def touched(db: sqlite3.Connection, jobs: list[int], series: Int64) -> dict[int, Touched]:
    """For each of some jobs, how many of the series it touched in which way."""
    found = dict.fromkeys(jobs, Touched(0, 0, 0))
    for job in jobs:
        rows = db.execute("SELECT series, changed, added, deleted FROM job_series WHERE job = ?", (job,)).fetchall()
        table = np.array(rows, np.int64).reshape(-1, 4)
        found[job] = Touched(*table[np.isin(table[:, 0], series), 1:].sum(axis=0).tolist())
    return found


def _order(sort: str) -> str:
    parts = []
    for name, descending in criteria(sort or "id desc"):
        column = _column(name)
        column = f"lowered({column})" if name in _TEXTS else column
        parts.append(f"{column} IS NULL, {column} {'DESC' if descending else 'ASC'}")
    return ", ".join([*parts, "id DESC"])


def _column(name: str) -> str:
    if name not in NAMES:
        raise invalid(f"jobs have no {name[:100]!r}; the known names are {', '.join(NAMES)}")
    return FIELDS.get(name) or name.removeprefix("stats.")


def _test(node: Node) -> tuple[str, list[Any]]:
    match node:
        case tree.Everything():
            return "1", []
        case tree.Field(name, values):
            return _joined(" OR ", [_is(name, value) for value in values])
        case tree.Compare(name, sign, value):
            column = _column(name)
            limit: float = _limit(name, sign, value)
            return f"coalesce({column} {sign} ?, 0)", [limit]
        case tree.Job(jobs):
            return "id IN (SELECT value FROM json_each(?))", [json.dumps(jobs)]
        case tree.Word(value):
            test, argument = "instr(lowered({}), ?)", value.text.lower()
            if value.has_wildcard:
                test, argument = "lowered({}) GLOB ?", f"*{value.glob.lower()}*"
            return _joined(" OR ", [(test.format(name), [argument]) for name in _TEXTS])
        case tree.Not(part):
            test, arguments = _test(part)
            return f"NOT coalesce(({test}), 0)", arguments
        case tree.And(parts):
            return _joined(" AND ", [_test(part) for part in parts])
        case tree.Or(parts):
            return _joined(" OR ", [_test(part) for part in parts])
        case tree.Has(names):
            return _joined(" OR ", [(f"{_column(name)} NOTNULL", []) for name in names])
        case tree.Meta(name):
            raise invalid(f"meta.{name[:100]} is not supported in a query for jobs")
        case tree.Sid(form):
            raise invalid(f"{form} is not supported in a query for jobs: the parameter filter is a query for series")


def _is(name: str, value: Text) -> tuple[str, list[Any]]:
    column = _column(name)
    if name in _TEXTS:
        if value.has_wildcard:
            return f"lowered({column}) GLOB ?", [value.glob.lower()]
        return f"lowered({column}) = ?", [value.text.lower()]
    if name == "no_history":
        if value.text.lower() not in ("true", "false"):
            raise invalid(f"no_history must be compared with true or false, got {value.text[:100]!r}")
        return "no_history = ?", [value.text.lower() == "true"]
    if name in _DATES and (day := day_of(value.text)):
        return f"{column} BETWEEN ? AND ?", list(day)
    return f"{column} = ?", [_limit(name, "=", value)]


def _limit(name: str, sign: str, value: Text) -> float:
    if value.has_wildcard:
        raise invalid(f"{name}{sign} must be followed by a number or date, got {value.text[:100]!r}")
    if name in _DATES:
        return parse_written_date(value.text, f"{name}{sign}", now())
    if name in _NUMBERS:
        if not _number.match(value.text):
            raise invalid(f"{name}{sign} must be followed by a number, got {value.text[:100]!r}")
        return float(value.text)
    raise invalid(f"{name}{sign} is not supported: {name} has no order; comparisons are for numbers and dates")


def _joined(word: str, parts: list[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    return word.join(f"({test})" for test, _ in parts), [argument for _, given in parts for argument in given]

"""Rows that are written together: each statement is carried out once, with all of its rows.

Writing a thousand series by one statement at a time takes several times as long. What reads the store while rows are
pending does not see them, so that only what does not depend on each other is collected.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from enum import IntEnum
from typing import Any


class Turn(IntEnum):
    """When a statement is carried out; those with the same turn can be carried out in any order."""

    #: what is removed
    GONE = 0
    #: series, which everything else refers to
    SERIES = 1
    #: their reports
    REPORTS = 2
    #: what belongs to either
    CONTENT = 3
    #: what is found or counted by that
    SUMMARY = 4


class Statement:
    """An SQL statement that writes a row.

    Parameters
    ----------
    turn
        When it is carried out.
    sql
        With a question mark for each column of a row.
    summed
        Rows that are equal but for their last column are written as one, with the sum of that column.
    """

    __slots__ = ("sql", "summed", "turn")

    def __init__(self, turn: Turn, sql: str, *, summed: bool = False) -> None:
        self.turn = turn
        self.sql = sql
        self.summed = summed


class Pending:
    """The rows that are yet to be written in a transaction.

    Parameters
    ----------
    db
        A connection in a writing transaction; what it reads is without the pending rows.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._rows: dict[Statement, list[tuple[Any, ...]]] = {}
        #: how many rows of each statement there were at the mark
        self._marked: dict[Statement, int] = {}
        self._last_ids: dict[str, int] = {}
        self._revisions: dict[int, tuple[int, bool]] = {}

    def add(self, statement: Statement, *row: Any) -> None:
        """Write a row by a statement, later."""
        rows = self._rows.get(statement)
        if rows is None:
            rows = self._rows[statement] = []
        rows.append(row)

    def flush(self) -> None:
        """Write the pending rows."""
        for statement, rows in sorted(self._rows.items(), key=lambda item: item[0].turn):
            self.db.executemany(statement.sql, _summed(rows) if statement.summed else rows)
        self._rows.clear()
        self._marked.clear()

    def mark(self) -> None:
        """From here on, `forget` forgets."""
        self._marked = {statement: len(rows) for statement, rows in self._rows.items()}

    def forget(self) -> None:
        """Forget the rows that were added since the mark and are not written yet."""
        for statement, rows in self._rows.items():
            del rows[self._marked.get(statement, 0) :]

    def new_id(self, table: str, given: int | None = None) -> int:
        """The id of a new row of a table whose ids are never used again: by default the next one."""
        last = self._last_ids.get(table)
        if last is None:
            found = self.db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
            last = int(found[0]) if found else 0
        number = last + 1 if given is None else given
        self._last_ids[table] = max(last, number)
        return number

    def revisions(self, ids: Iterable[int]) -> dict[int, tuple[int, bool]]:
        """For each of some revisions, its job and whether it keeps the past."""
        wanted = set(ids)
        unknown = wanted - self._revisions.keys()
        if unknown:
            sql = "SELECT id, job, history FROM revisions WHERE id IN (SELECT value FROM json_each(?))"
            for one, job, history in self.db.execute(sql, (json.dumps(list(unknown)),)):
                self._revisions[one] = job, bool(history)
        return {one: self._revisions[one] for one in wanted if one in self._revisions}


def _summed(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    totals: dict[tuple[Any, ...], int] = {}
    for *row, number in rows:
        key = tuple(row)
        totals[key] = totals.get(key, 0) + number
    return [(*key, total) for key, total in totals.items()]

r"""Folders of series ids, ``users\sam\gdp``, and how many series each has, from the index of ids.

Folders are not stored. In the index, which is in the order of ids, everything below a folder is one range: it is
counted there without being read, and the search for the next folder begins behind it.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from pandas_shooju.local.store.catalog import TRASH, key_of

_TRASH = key_of(TRASH)
#: the most rows that are read at once, where series of one folder follow each other
_MOST = 1_000


class Folder(NamedTuple):
    """A folder, a series, or both."""

    path: str
    #: the number of series below the path, and with that id
    size: int
    is_series: bool


def folders(db: sqlite3.Connection, path: str, depth: int) -> list[Folder]:
    """The path itself, and then what is up to `depth` levels below it, each folder before its contents.

    Without a path these are all series but those in the trash.
    """
    found: list[Folder] = []
    start = key_of(path) + "\\" if path else ""
    count = _add(db, found, start, depth, hidden="" if path else _TRASH)
    is_series = bool(path) and _count(db, key_of(path), key_of(path) + "\0") > 0
    return [Folder(path, count + is_series, is_series), *found]


def _add(db: sqlite3.Connection, found: list[Folder], start: str, depth: int, hidden: str) -> int:
    """Add what is in the folder whose ids begin with `start`; how many series there are, without the hidden ones."""
    total = 0
    for key, (path, is_series, is_folder) in _children(db, start).items():
        below = key + "\\"
        if below == hidden:
            continue
        at = len(found)
        count = int(is_series)
        if is_folder and depth > 1:
            count += _add(db, found, below, depth - 1, hidden)
        elif is_folder:
            count += _count(db, below, _behind(below))
            if hidden.startswith(below):
                count -= _count(db, hidden, _behind(hidden))
        if count:
            found.insert(at, Folder(path, count, is_series))
        total += count
    return total


def _children(db: sqlite3.Connection, start: str) -> dict[str, tuple[str, bool, bool]]:
    """What is in a folder, by key: its path, whether it is a series, and whether it is a folder."""
    found: dict[str, tuple[str, bool, bool]] = {}
    level = start.count("\\") + 1
    low: str | bytes = start
    behind, at_once = _behind(start), 1
    while True:
        rows = db.execute(
            "SELECT key, name FROM series WHERE key >= ? AND key < ? ORDER BY key LIMIT ?", (low, behind, at_once)
        ).fetchall()
        for key, name in rows:
            if key < low:  # in the folder that was found before
                continue
            first, is_folder, _ = key[len(start) :].partition("\\")
            child = start + first
            path, is_series, was_folder = found.get(child, ("\\".join(name.split("\\")[:level]), False, False))
            found[child] = path, is_series or not is_folder, was_folder or bool(is_folder)
            low = _behind(child + "\\") if is_folder else key + "\0"
        if len(rows) < at_once:
            return found
        at_once = min(2 * at_once, _MOST) if low == rows[-1][0] + "\0" else 1


def _count(db: sqlite3.Connection, low: str, behind: str | bytes) -> int:
    (count,) = db.execute("SELECT count(*) FROM series WHERE key >= ? AND key < ?", (low, behind)).fetchone()
    return int(count)


def _behind(start: str) -> str | bytes:
    """What comes after all keys that begin with this, which is empty or ends in a backslash."""
    # the next character is "]"; SQLite orders bytes behind all text
    return start[:-1] + "]" if start else b""

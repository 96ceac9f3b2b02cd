"""Whether a store is sound: everything in it is read and compared with its checksums and with the rest."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from pandas_shooju.local.errors import StoreCorrupt
from pandas_shooju.local.store import catalog, history, points, terms

#: the most problems that SQLite lists
_MOST = 100


def problems(db: sqlite3.Connection, files_folder: Path) -> Iterator[str]:
    """What is wrong with a store, in words."""
    for (found,) in db.execute(f"PRAGMA integrity_check({_MOST})").fetchall():
        if found != "ok":
            yield f"the file is damaged: {found}"
    indexed = _indexed(db)
    for (number,) in db.execute("SELECT id FROM series NOT INDEXED").fetchall():
        yield from _series(db, number, indexed.get(number, set()))
    orphans = "SELECT count(*) FROM chunks NOT INDEXED WHERE series NOT IN (SELECT id FROM series NOT INDEXED)"
    if count := db.execute(orphans).fetchone()[0]:
        yield f"{count} chunks of points belong to no series"
    yield from _files(db, files_folder)


def _series(db: sqlite3.Connection, number: int, indexed: set[terms.Term]) -> Iterator[str]:
    name = f"series number {number}"
    try:
        found = catalog.get_many(db, [number])
        if not found:
            yield f"{name} cannot be read"
            return
        (row,) = found
        name = repr(row.name)
        count = 0
        reports = [one for (one,) in db.execute("SELECT id FROM reports WHERE series = ?", (number,)).fetchall()]
        for report in (0, *reports):
            size = len(points.read(db, number, report).dates)
            count += size if report == 0 else 0
        if count != row.stored:
            yield f"{name} has {count} points, but {row.stored} were written"
        history.check(db, number)
        if indexed != terms.terms_of(json.loads(row.fields)):
            yield f"{name} is not found by all of its fields"
    except (StoreCorrupt, sqlite3.DatabaseError, ValueError) as error:
        yield f"{name}: {error}"


def _indexed(db: sqlite3.Connection) -> dict[int, set[terms.Term]]:
    """The terms of each series in the index of field values."""
    rows = db.execute("SELECT id, name, value, shown, number, moment FROM terms")
    known = {row[0]: terms.Term(*row[1:]) for row in rows}
    found: dict[int, set[terms.Term]] = {}
    for term, series in db.execute("SELECT term, series FROM postings"):
        if term in known:
            found.setdefault(series, set()).add(known[term])
    return found


def _files(db: sqlite3.Connection, folder: Path) -> Iterator[str]:
    for file, name, size in db.execute("SELECT id, name, size FROM files WHERE size IS NOT NULL").fetchall():
        path = folder / file
        if not path.exists():
            yield f"the bytes of file {file} ({name!r}) are missing in {folder}"
        elif path.stat().st_size != size:
            yield f"file {file} ({name!r}) has {path.stat().st_size} bytes in {folder}, but {size} were uploaded"

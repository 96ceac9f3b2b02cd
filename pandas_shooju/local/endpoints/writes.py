"""Writing and deleting series."""

from __future__ import annotations

import sqlite3
from typing import Any

from pandas_shooju.local.call import Call
from pandas_shooju.local.errors import invalid
from pandas_shooju.local.query.parser import parse
from pandas_shooju.local.query.search import find
from pandas_shooju.local.store import catalogue
from pandas_shooju.local.writing import Writer


def write(call: Call) -> dict[str, Any]:
    """``POST /series/write``."""
    items = call.document.get("series")
    if not isinstance(items, list):
        raise invalid("the body holds the items to write in a list 'series'")
    job = call.number("job_id", 0)
    skip_meta = call.flag("skip_meta_if_no_fields")
    try:
        with call.database.writing() as db:
            writer = Writer(db, call.user, job, skip_meta)
            return {"responses": [writer.apply(item) for item in items]}
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        locked = {
            "success": False,
            "error": "series_write_error",
            "description": "series is locked for change: another process has been writing to the store for long",
        }
        return {"responses": [locked for _ in items]}


def delete(call: Call) -> dict[str, Any]:
    """``DELETE /series/delete``."""
    text = call.text("query").strip()
    force = call.document.get("force") or False
    job = call.document.get("job_id") or 0
    if not text:
        raise invalid("a query says what to delete")
    if not isinstance(force, bool):
        raise invalid(f"force is {force!r}; it takes true or false")
    if isinstance(job, bool) or not isinstance(job, int):
        raise invalid(f"job_id is {job!r}; it takes a number")
    query = parse(text)
    if query.operators:
        raise invalid("a query for deletion takes no operators")
    with call.database.writing() as db:
        writer = Writer(db, call.user, job)
        rows = catalogue.get_many(db, find(db, query.condition).tolist())
        for row in rows:
            writer.delete(row, force)
    return {"deleted": len(rows)}


def always_fresh(call: Call) -> dict[str, Any]:
    """``POST /series/refresh`` and ``DELETE /series/cache``: searches see every write at once anyway."""
    return {}

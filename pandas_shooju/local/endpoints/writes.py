"""Writing and deleting series."""

from __future__ import annotations

import sqlite3
from typing import Any

from pandas_shooju.local.call import Call
from pandas_shooju.local.errors import invalid
from pandas_shooju.local.query.parser import parse
from pandas_shooju.local.query.search import find
from pandas_shooju.local.store import catalog
from pandas_shooju.local.writing import Writer

#: the most items in one call
MOST_ITEMS = 100_000


def write(call: Call) -> dict[str, Any]:
    """``POST /series/write``."""
    items = call.document.get("series")
    if not isinstance(items, list):
        raise invalid("the body must contain the items to write in a list 'series'")
    if len(items) > MOST_ITEMS:
        raise invalid(f"a call can write at most {MOST_ITEMS:,} items, got {len(items):,}: send them in several calls")
    job = call.number("job_id", 0)
    call.yes_or_no("async_mode")
    skip_meta = call.yes_or_no("skip_meta_if_no_fields")
    try:
        with call.database.writing() as db, Writer(db, call.user, job, skip_meta) as writer:
            return {"responses": writer.apply(items)}
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        locked = {
            "success": False,
            "error": "series_write_error",
            "description": "series is locked for change: another process keeps writing to the store",
        }
        return {"responses": [locked for _ in items]}


def delete(call: Call) -> dict[str, Any]:
    """``DELETE /series/delete``."""
    text = call.text("query").strip()
    force = call.boolean("force")
    job = call.document.get("job_id")
    if not text:
        raise invalid("query must name the series to delete, got nothing")
    job = 0 if job is None else job
    if isinstance(job, bool) or not isinstance(job, int):
        raise invalid(f"job_id must be a number, got {job!r}")
    query = parse(text)
    if query.operators:
        raise invalid(f"a query for deletion cannot have operators, got {text[:200]!r}")
    with call.database.writing() as db, Writer(db, call.user, job) as writer:
        rows = catalog.get_many(db, find(db, query.condition).tolist())
        writer.delete(rows, force)
    return {"deleted": len(rows)}


def always_fresh(call: Call) -> dict[str, Any]:
    """``POST /series/refresh`` and ``DELETE /series/cache``: searches always see every write."""
    return {}

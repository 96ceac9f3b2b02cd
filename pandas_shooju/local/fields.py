"""The fields of a series, as a request asks for them: by name, by dotted name, as meta data, as a formula."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store.catalogue import Series

_placeholder = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


#: meta data by name: what they tell, and whether the service is known to have them
META = {
    "points_max": ("the largest value", True),
    "job_deleted": ("the jobs that moved the series to the trash", True),
    "points_min": ("the smallest value", False),
    "points_count": ("how many points there are", False),
    "points_first": ("the first date (ms)", False),
    "points_last": ("the last date (ms)", False),
    "job": ("the job that wrote last", False),
    "created_at": ("when the series was made (ms)", False),
    "updated_at": ("when it was written last (ms)", False),
}


def field_names(given: Any) -> tuple[str, ...]:
    """The fields asked for: a list, or names separated by commas (those inside of ``{{ }}`` do not count)."""
    if not given:
        return ()
    if isinstance(given, str):
        names = [name.strip() for name in re.split(r",(?![^{}]*\}\})", given)]
        return tuple(name for name in names if name)
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return tuple(given)
    raise invalid(f"fields is {given!r}; it takes names, separated by commas")


def chosen_fields(
    db: sqlite3.Connection, row: Series | None, fields: dict[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    """The fields asked for, as far as they are there."""
    chosen: dict[str, Any] = {}
    for name in names:
        if name == "*":
            chosen.update(fields)
        elif name.startswith("="):
            chosen[name] = _placeholder.sub(lambda found: _as_text(field_value(db, row, fields, found[1])), name[1:])
        else:
            value = field_value(db, row, fields, name)
            if value is not None:
                chosen[name] = value
    return chosen


def field_value(db: sqlite3.Connection, row: Series | None, fields: dict[str, Any], name: str) -> Any:
    """The value of a field by its name, by a dotted name that reaches into objects, or of meta data."""
    if name in fields:
        return fields[name]
    if name.startswith("meta.") and row is not None:
        return _meta(db, row, name[5:])
    value: Any = fields
    parts = name.split(".")
    while parts and isinstance(value, dict):
        # a name may itself have dots in it: the longest that fits
        for length in range(len(parts), 0, -1):
            inner = value.get(".".join(parts[:length]))
            if inner is not None:
                value, parts = inner, parts[length:]
                break
        else:
            return None
    return None if parts else value


def _meta(db: sqlite3.Connection, row: Series, name: str) -> Any:
    match name:
        case "points_count" | "points_min" | "points_max" | "points_first" | "points_last":
            return getattr(row, name)
        case "job_deleted":
            return json.loads(row.jobs_deleted) if row.jobs_deleted else None
        case "created_at" | "updated_at" | "job":
            revision = row.created if name == "created_at" else row.updated
            job, at = db.execute("SELECT job, at FROM revisions WHERE id = ?", (revision,)).fetchone()
            return job if name == "job" else at
    return None


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

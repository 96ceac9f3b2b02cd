"""The order of the series that a search finds: ``country asc, city desc``.

Names of fields are matched regardless of case. Numbers come before texts, texts are compared regardless of case, and
series without the field come last in either direction. Series that are equal stay in the order in which they were
created.
"""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

import numpy as np

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.fields import ID_NAMES, field_value
from pandas_shooju.local.meta import meta_values
from pandas_shooju.local.store import catalog
from pandas_shooju.local.store.chunks import Int64
from pandas_shooju.local.store.terms import is_field, text_of

_part = re.compile(r'^\s*("[^"]+"|.+?)(?:\s+(asc|desc))?\s*$', re.IGNORECASE | re.DOTALL)


def criteria(sort: str) -> list[tuple[str, bool]]:
    """The names to sort by, and whether each is descending.

    Raises
    ------
    ApiError
        The text is not an order.
    """
    parts = []
    for text in sort.split(","):
        found = _part.match(text)
        if found is None or len(sort) > 1000:
            raise invalid(f"sort must be names with directions, as in 'country asc, city desc', got {sort[:100]!r}")
        parts.append((found[1].strip('"'), (found[2] or "asc").lower() == "desc"))
    return parts


def in_order(db: sqlite3.Connection, ids: Int64, sort: str) -> Int64:
    """The ids, sorted by the fields of their series.

    Raises
    ------
    ApiError
        The text is not an order, or names something that series do not have.
    """
    parts = criteria(sort)
    rows = catalog.get_many(db, ids.tolist())
    fields = {row.id: json.loads(row.fields) for row in rows}
    # from the last criterion to the first: the sort is stable
    for name, descending in reversed(parts):
        keys: dict[int, tuple[int, Any] | None]
        if name.lower().startswith("meta."):
            keys = {one: sort_key(value) for one, value in meta_values(db, name[5:], ids.tolist()).items()}
        elif name == "*" or name.startswith("="):
            raise invalid(f"sort by {name[:100]!r} is not supported: series are sorted by fields and meta fields")
        elif name in ID_NAMES:
            keys = {row.id: (1, row.key) for row in rows}
        else:
            keys = {row.id: sort_key(_value_of(db, fields[row.id], name)) for row in rows}
            # 'country up' is not the name of a field, and neither is 'country:asc'
            if (rows or " " in name) and not is_field(db, name):
                raise invalid(f"sort by {name!r} is not supported: no series has that field (directions: asc, desc)")
        there = [row for row in rows if keys[row.id] is not None]
        missing = [row for row in rows if keys[row.id] is None]
        there.sort(key=lambda row: keys[row.id], reverse=descending)  # type: ignore[arg-type, return-value]
        rows = there + missing
    return np.array([row.id for row in rows], np.int64)


def _value_of(db: sqlite3.Connection, fields: dict[str, Any], name: str) -> Any:
    """The value of a field, whose name is matched regardless of case, as in conditions."""
    value = field_value(db, None, fields, name)
    return field_value(db, None, _lowered(fields), name.lower()) if value is None else value


def _lowered(value: Any) -> Any:
    return {name.lower(): _lowered(inner) for name, inner in value.items()} if isinstance(value, dict) else value


def sort_key(value: Any) -> tuple[int, Any] | None:
    """What a value is sorted by; None for a missing value."""
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, value
    return 1, text_of(value)

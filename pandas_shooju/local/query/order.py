"""The order in which a search gives its series: ``country asc, city desc``.

Numbers come before texts, texts are compared without regard to case, and series without the field come last,
whatever the direction. Series that are equal stay in the order in which they came into the store.
"""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

import numpy as np

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.fields import field_value
from pandas_shooju.local.store import catalogue
from pandas_shooju.local.store.catalogue import text_of
from pandas_shooju.local.store.chunks import Int64

_part = re.compile(r"^\s*(.+?)(?:\s+(asc|desc))?\s*$", re.IGNORECASE | re.DOTALL)


def in_order(db: sqlite3.Connection, ids: Int64, sort: str) -> Int64:
    """The ids, sorted by the fields of their series.

    Raises
    ------
    ApiError
        The text does not say an order.
    """
    criteria = []
    for text in sort.split(","):
        found = _part.match(text)
        if found is None or len(sort) > 1000:
            raise invalid(f"sort is {sort[:100]!r}; it takes fields and directions, as in 'country asc, city desc'")
        criteria.append((found[1], (found[2] or "asc").lower() == "desc"))
    rows = catalogue.get_many(db, ids.tolist())
    fields = {row.id: json.loads(row.fields) for row in rows}
    # from the last criterion to the first: the sort is stable
    for name, descending in reversed(criteria):
        keys = {}
        for row in rows:
            value = row.key if name == "series_id" else field_value(db, row, fields[row.id], name)
            keys[row.id] = _key(value)
        there = [row for row in rows if keys[row.id] is not None]
        missing = [row for row in rows if keys[row.id] is None]
        rows = sorted(there, key=lambda row: keys[row.id], reverse=descending) + missing  # type: ignore[arg-type, return-value]
    return np.array([row.id for row in rows], np.int64)


def _key(value: Any) -> tuple[int, Any] | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, value
    return 1, text_of(value)

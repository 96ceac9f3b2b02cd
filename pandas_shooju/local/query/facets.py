"""Facets: the distinct values of a field among the series that a search finds, with how many series have each."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from typing import Any

import numpy as np

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.fields import check_names
from pandas_shooju.local.store import catalog
from pandas_shooju.local.store.chunks import Int64
from pandas_shooju.local.store.terms import terms_of

#: for up to this many series, their fields are read; for more, the index of the field
_FEW = 10_000


def facets(
    db: sqlite3.Connection, names: tuple[str, ...], ids: Int64 | None, most: int
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The most frequent values of each field, as the response holds them.

    Parameters
    ----------
    names
        The fields; dotted names reach into objects.
    ids
        The internal ids of the series, ascending; None for all series outside of the trash.
    most
        The most values per field.

    Raises
    ------
    ApiError
        A name that is not a field's own.
    """
    for name in names:
        if name in ("*", "sid", "series_id") or name.startswith("=") or name.lower().startswith("meta."):
            raise invalid(f"facets of {name[:100]!r} are not supported: facets are of fields")
    check_names(db, names)
    if ids is None:
        found = [_of_all(db, name.lower(), most) for name in names]
    elif len(ids) <= _FEW:
        found = _of_few(db, [name.lower() for name in names], ids, most)
    else:
        found = [_of_many(db, name.lower(), ids, most) for name in names]
    return {
        name: {"terms": [{"term": json.loads(shown), "count": count} for shown, count in counts]}
        for name, counts in zip(names, found, strict=True)
    }


_Counts = list[tuple[str, int]]


def _of_all(db: sqlite3.Connection, name: str, most: int) -> _Counts:
    return db.execute(
        "SELECT shown, count FROM terms WHERE name = ? AND count > 0 ORDER BY count DESC, value, shown LIMIT ?",
        (name, most),
    ).fetchall()


def _of_few(db: sqlite3.Connection, names: list[str], ids: Int64, most: int) -> list[_Counts]:
    counters: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in names}
    for row in catalog.get_many(db, ids.tolist()):
        for term in terms_of(json.loads(row.fields)):
            if term.name in counters:
                counters[term.name][term.value, term.shown] += 1
    return [_most_frequent(counters[name], most) for name in names]


def _of_many(db: sqlite3.Connection, name: str, ids: Int64, most: int) -> _Counts:
    counter: Counter[tuple[str, str]] = Counter()
    rows = db.execute(
        "SELECT t.value, t.shown, group_concat(p.series) FROM terms t CROSS JOIN postings p ON p.term = t.id"
        " WHERE t.name = ? GROUP BY t.id",
        (name,),
    )
    for value, shown, listed in rows:
        series = np.fromstring(listed, np.int64, sep=",")
        at = np.minimum(np.searchsorted(ids, series), len(ids) - 1)
        if count := int(np.count_nonzero(ids[at] == series)):
            counter[value, shown] = count
    return _most_frequent(counter, most)


def _most_frequent(counter: Counter[tuple[str, str]], most: int) -> _Counts:
    ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return [(shown, count) for (_, shown), count in ranked[:most]]

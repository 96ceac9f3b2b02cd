r"""The trash: a deleted series ``users\sam\gdp`` is ``System\Trash\users\sam\gdp`` until it is deleted again."""

from __future__ import annotations

import re

from pandas_shooju import query as queries
from pandas_shooju.client.transport import Client
from pandas_shooju.manage.states import search

TRASH = "System\\Trash\\"

_QUOTED = r'"(?:[^"\\]|\\.)*"'
#: a condition on the id, with one value or a list; what is in quotes anywhere else is skipped
_ID = re.compile(
    rf'(?P<text>{_QUOTED})|(?<![\w.])(?P<name>(?:sid|tree)\s*[:=]\s*)(?P<value>\((?:{_QUOTED}|[^)"])*\)|{_QUOTED}|[^\s()]+)',
    re.IGNORECASE | re.DOTALL,
)
_VALUE = re.compile(rf'{_QUOTED}|[^\s(),"]+', re.DOTALL)


def is_trashed(series_id: str) -> bool:
    """Whether a series is in the trash."""
    return queries.id_key(series_id).startswith(queries.id_key(TRASH))


def last_deleted(client: Client, query: str, job: int) -> set[str]:
    """The ids of the series that a query finds in the trash, and that a job was the last to delete."""
    return {
        item["series_id"]
        for items in search(client, query, ["meta.job_deleted"])
        for item in items
        if ((item.get("fields") or {}).get("meta.job_deleted") or [None])[-1] == job
    }


def in_trash(query: str) -> str:
    r"""The query that finds in the trash what a query found before it was deleted.

    Examples
    --------
    >>> print(in_trash(r'sid:users\sam AND unit="sid:x"'))
    (sid:System\Trash\users\sam AND unit="sid:x") AND sid:"System\Trash"
    """
    moved = _ID.sub(lambda found: found["text"] or found["name"] + _VALUE.sub(_moved, found["value"]), query.strip())
    below = queries.under(TRASH[:-1])
    return f"({moved}) AND {below}" if moved else str(below)


def _moved(found: re.Match[str]) -> str:
    value = found[0]
    quoted = value.startswith('"')
    series_id = queries.unquote(value[1:-1]) if quoted else value
    if is_trashed(series_id + "\\"):
        return value
    return queries.quote(TRASH + series_id) if quoted else TRASH + series_id

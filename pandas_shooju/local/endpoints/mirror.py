"""Mirrors: these endpoints are ours; the service has none of them.

With them, `pandas_shooju.manage.mirror` keeps a store as a copy of the series of another server. Writing to a mirror
needs more than the API of the service offers: points under jobs and times of the other server, several series with
their reports as one change, and the position at which an interrupted copy goes on.
"""

from __future__ import annotations

from typing import Any

from pandas_shooju.formats import PointColumns
from pandas_shooju.local.call import Call
from pandas_shooju.local.errors import check_keys, forbidden, invalid
from pandas_shooju.local.store import mirrors

#: how many of the series that are yet to be read are listed by default, and at most
_PER_PAGE, _LARGEST_PAGE = 10_000, 100_000

#: the keys of a body with series
WRITTEN = ("version", "series", "done", "gone", "included_job", "included_timestamp")

#: the types of what a series, or a report of one, consists of
_TYPES = {
    "series_id": str,
    "number": int,
    "job": int,
    "updated_at": int,
    "created_at": int,
    "reported_date": int,
    "fields": dict,
    "points": PointColumns,
}


def show(call: Call) -> dict[str, Any]:
    """``GET /mirror``: what the store is a mirror of; null for other stores."""
    with call.database.reading(mirror=True) as db:
        found = mirrors.get(db)
        if found is None:
            return {"mirror": None}
        counts = {"series": mirrors.series_count(db), "todo": mirrors.todo_count(db)}
        return {"mirror": {**found._asdict(), **counts}}


def todo(call: Call) -> dict[str, Any]:
    """``GET /mirror/todo``: the first of the series that are yet to be read."""
    with call.database.reading(mirror=True) as db:
        found = mirrors.get(db) and mirrors.todo(db, call.number("per_page", _PER_PAGE, most=_LARGEST_PAGE))
        return {"todo": [list(one) for one in found or []]}


def ids(call: Call) -> dict[str, Any]:
    """``GET /mirror/ids``: the ids of all series."""
    with call.database.reading(mirror=True) as db:
        return {"series_ids": mirrors.series_ids(db)}


def jobs(call: Call) -> dict[str, Any]:
    """``GET /mirror/jobs``: the jobs that wrote what the mirror holds, and are not known otherwise."""
    with call.database.reading(mirror=True) as db:
        return {"job_ids": mirrors.unknown_jobs(db)}


def change(call: Call) -> dict[str, Any]:
    """``POST /mirror``: replace the state, and optionally note what is to be read, remove series, describe jobs."""
    version, body = _version(call), call.document
    state, complete = body.get("state"), body.get("complete")
    if not isinstance(state, dict) or not isinstance(complete, bool):
        raise invalid("the body must contain an object 'state', and 'complete', which is true or false")
    planned = [_planned(one) for one in _list(body, "todo")]
    gone = [_text(one) for one in _list(body, "gone")]
    listed = [one for one in _list(body, "jobs") if isinstance(one, dict) and isinstance(one.get("id"), int)]
    with call.database.writing(mirror=True) as db:
        version = mirrors.change(db, version, complete, state)
        if body.get("todo") is not None:
            mirrors.add_todo(db, planned)
        deleted = mirrors.delete(db, gone)
        mirrors.put_jobs(db, listed)
    return {"version": version, "deleted": deleted}


def forget(call: Call) -> dict[str, Any]:
    """``DELETE /mirror/todo``: nothing is to be read any more."""
    version = _version(call)
    with call.database.writing(mirror=True) as db:
        mirrors.check_version(db, version)
        mirrors.clear_todo(db)
    return {}


def write(call: Call) -> dict[str, Any]:
    """``POST /mirror/series``: replace series by their current state, in one transaction."""
    version, body = _version(call), call.document
    items = _list(body, "series")
    done = _list(body, "done")
    gone = [_text(one) for one in _list(body, "gone")]
    for item in items:
        _check_item(item)
    if not all(isinstance(one, int) and abs(one) < 2**53 for one in done):
        raise invalid("'done' must be a list of numbers")
    with call.database.writing(mirror=True) as db:
        mirrors.check_version(db, version)
        mirrors.put_series(db, items)
        deleted = mirrors.delete(db, gone)
        mirrors.done(db, done)
    return {"deleted": deleted}


def _check_item(item: Any) -> None:
    if not isinstance(item, dict) or not isinstance(item.get("series_id"), str):
        raise invalid("the items of 'series' must be objects with a series_id")
    check_keys(item, _TYPES, "an item of a mirror")
    for name, value in item.items():
        plain = isinstance(value, _TYPES[name]) and not isinstance(value, bool)
        if value is not None and not (plain and (not isinstance(value, int) or 0 <= abs(value) < 2**53)):
            raise invalid(f"{name!r} of an item of a mirror must be {_TYPES[name].__name__}, got {str(value)[:100]!r}")


def _version(call: Call) -> int:
    if not call.user.administrator:
        raise forbidden("only administrators can write to a mirror")
    version = call.document.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version < 2**53:
        raise invalid(f"version must be a number, got {str(version)[:100]!r}")
    return version


def _list(body: dict[str, Any], name: str) -> list[Any]:
    given = body.get(name)
    if given is None:
        return []
    if not isinstance(given, list):
        raise invalid(f"{name!r} must be a list, got {type(given).__name__}")
    return given


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise invalid(f"a series id must be a text, got {str(given)[:100]!r}")
    return given


def _planned(given: Any) -> tuple[str, int]:
    match given:
        case [str(name), int(count)] if 0 <= count < 2**53:
            return name, count
    raise invalid(f"'todo' must be a list of [series id, number of points], got {str(given)[:100]!r}")

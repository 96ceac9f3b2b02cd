"""The items of a write, as they come with a call: their form, checked without the store. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pandas_shooju.formats import PointColumns
from pandas_shooju.local.dates import parse_date
from pandas_shooju.local.errors import check_keys, invalid
from pandas_shooju.local.query.parser import parse
from pandas_shooju.local.query.tree import Node
from pandas_shooju.local.store.chunks import EARLIEST, LATEST

_KEEP_ONLY = (None, "points", "fields", "all")

#: what an item of each type may contain
ITEM_KEYS = {
    "POST": ("type", "query", "series_id", "points", "fields", "keep_only", "reported_date"),
    "DELETE": ("type", "query", "series_id", "force", "reported_date"),
}


class Target(NamedTuple):
    """The series that an item names: by its id, or else by a condition that must find one."""

    series_id: str | None
    condition: Node | None
    #: as it was given
    text: str


class Post(NamedTuple):
    """Points and fields to write."""

    target: Target
    #: milliseconds and values; None for none
    points: tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | None
    fields: dict[str, Any]
    keep_only: str | None
    #: milliseconds; None for the points of the series itself
    reported_date: int | None


class Delete(NamedTuple):
    """A series to delete, or reports of it."""

    target: Target
    force: bool
    #: whether only reports are deleted
    reports: bool
    #: milliseconds; None for all reports
    reported_date: int | None


def check_item(item: Any, now: int) -> Post | Delete:
    """An item as it is to be carried out.

    Parameters
    ----------
    item
        As decoded from the call; points are `PointColumns`.
    now
        The moment that relative dates are relative to (milliseconds, UTC).

    Raises
    ------
    ApiError
        ``invalid_parameters``, which says what the item must be.
    """
    if not isinstance(item, dict):
        raise invalid(f"an item of a write must be an object, got {type(item).__name__}")
    given = item.get("type")
    kind = "POST" if given is None else given.upper() if isinstance(given, str) else ""
    if kind not in ITEM_KEYS:
        raise invalid(f"the type of an item must be POST or DELETE, got {given!r}")
    check_keys(item, ITEM_KEYS[kind], f"an item of type {kind}")
    target = _target(item)
    if kind == "POST":
        columns = _columns(item.get("points"))
        fields = item.get("fields")
        if fields is not None and not isinstance(fields, dict):
            raise invalid(f"the fields of an item must be an object, got {type(fields).__name__}")
        keep_only = item.get("keep_only")
        if keep_only not in _KEEP_ONLY:
            raise invalid(f"keep_only must be 'points', 'fields' or 'all', got {keep_only!r}")
        return Post(target, columns, fields or {}, keep_only, _reported_date(item, now, all_allowed=False))
    force, reports = _flag(item, "force"), item.get("reported_date") is not None
    if reports and force:
        raise invalid("force must not be true beside a reported_date: reports are not moved to the trash")
    return Delete(target, force, reports, _reported_date(item, now, all_allowed=True))


def query_target(text: str) -> Target:
    """The series that the text of a query names.

    Raises
    ------
    ApiError
        ``invalid_parameters``: it is nothing to write to.
    """
    if not text.strip():
        raise invalid("an item of a write must have either a query or a series_id")
    if text.lstrip().startswith("="):
        raise invalid(f"an expression cannot be written to: {text[:200]!r}")
    query = parse(text.strip())
    if query.operators:
        raise invalid(f"a query to write to cannot have operators: {text[:200]!r}")
    return Target(query.single_id, query.condition, text)


def _target(item: dict[str, Any]) -> Target:
    series_id, text = item.get("series_id"), item.get("query")
    if isinstance(series_id, str) and series_id and text is None:
        return Target(series_id, None, series_id)
    return query_target(text if series_id is None and isinstance(text, str) else "")


def _columns(given: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | None:
    if given is None:
        return None
    if isinstance(given, list) and not given:
        return None
    if not isinstance(given, PointColumns):
        raise invalid(f"the points of an item must be a list of [milliseconds, value], got {type(given).__name__}")
    dates = given.dates
    if len(dates) and (int(dates.min()) < EARLIEST or int(dates.max()) > LATEST):
        raise invalid("the dates of points must lie within the years 1 to 9999")
    return dates, given.values


def _reported_date(item: dict[str, Any], now: int, *, all_allowed: bool) -> int | None:
    given = item.get("reported_date")
    if given is None or (given == "all" and all_allowed):
        return None
    if given == "" or isinstance(given, bool) or not isinstance(given, int | float | str):
        raise invalid(f"reported_date must be milliseconds or a date, got {given!r}")
    return parse_date(given, "reported_date", now)


def _flag(item: dict[str, Any], name: str) -> bool:
    given = item.get(name)
    if given is None or isinstance(given, bool):
        return bool(given)
    raise invalid(f"{name} must be true or false, got {given!r}")

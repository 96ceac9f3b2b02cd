r"""Writing series: the items of a write, one after the other, all in one transaction.

An item is applied as a whole or not at all: whatever is refused, is refused before anything of the item is stored,
or undone with it. The other items of the call stand.

Who may write where: a user below ``users\<name>``, an administrator everywhere.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

import numpy as np

from pandas_shooju.formats import PointColumns
from pandas_shooju.local.dates import parse_date
from pandas_shooju.local.errors import ApiError, invalid, not_found
from pandas_shooju.local.query.parser import parse
from pandas_shooju.local.query.search import find
from pandas_shooju.local.store import catalogue, jobs, points, reports
from pandas_shooju.local.store.catalogue import Series
from pandas_shooju.local.store.points import EARLIEST, LATEST

_KEEP_ONLY = (None, "points", "fields", "all")


@dataclass(slots=True)
class User:
    """Who is calling."""

    name: str
    administrator: bool = True

    def may_write(self, series_id: str) -> bool:
        """Whether a series is this user's to write."""
        own = catalogue.key_of(f"users\\{self.name}\\")
        return self.administrator or catalogue.key_of(series_id).startswith(own)


class Writer:
    """Writes items, under one job, in a transaction that the caller holds.

    Parameters
    ----------
    db
        A connection in a writing transaction.
    user
        On whose behalf.
    job
        The job's id; 0 for none.
    skip_meta_if_no_fields
        Leave the meta data alone where an item has no fields.

    Raises
    ------
    ApiError
        The job does not exist, or is finished.
    """

    def __init__(self, db: sqlite3.Connection, user: User, job: int, skip_meta_if_no_fields: bool = False) -> None:
        self.db = db
        self.user = user
        self.job = job
        self.skip_meta = skip_meta_if_no_fields
        self.revision = jobs.open_for_writing(db, job)

    def apply(self, item: Any) -> dict[str, Any]:
        """Carry out one item; the response to it."""
        self.db.execute("SAVEPOINT item")
        try:
            self._apply(item)
        except ApiError as error:
            self.db.execute("ROLLBACK TO item")
            return {"success": False} | error.as_item()
        finally:
            self.db.execute("RELEASE item")
        return {"success": True}

    def delete(self, series: Series, force: bool) -> None:
        """Remove a series: to the trash, or for good with `force` or where it is in the trash already."""
        self._check_right(series.name)
        if force or series.trashed:
            catalogue.delete(self.db, series)
        else:
            catalogue.to_trash(self.db, series, self.job, self.revision)
        jobs.note_series(self.db, self.job, series.id)

    def _apply(self, item: Any) -> None:
        if not isinstance(item, dict):
            raise invalid(f"an item of a write is an object, not {type(item).__name__}")
        kind = str(item.get("type") or "POST").upper()
        series, new_id = self._target(item)
        if kind == "DELETE":
            if series is None:
                raise not_found(str(item.get("query") or item.get("series_id")))
            if item.get("reported_date") is None:
                self.delete(series, _flag(item, "force"))
            else:
                self._check_right(series.name)
                reports.delete(self.db, series.id, _reported_date(item, all_allowed=True))
                jobs.note_series(self.db, self.job, series.id)
        elif kind == "POST":
            self._post(item, series, new_id)
        else:
            raise invalid(f"the type of an item is POST or DELETE, not {item['type']!r}")

    def _post(self, item: dict[str, Any], series: Series | None, new_id: str) -> None:
        columns = _columns(item.get("points"))
        fields = item.get("fields")
        if fields is not None and not isinstance(fields, dict):
            raise invalid(f"the fields of an item are an object, not {type(fields).__name__}")
        keep_only = item.get("keep_only")
        if keep_only not in _KEEP_ONLY:
            raise invalid(f"keep_only is 'points', 'fields' or 'all', not {keep_only!r}")
        reported_date = _reported_date(item, all_allowed=False)
        self._check_right(series.name if series is not None else new_id)
        fresh = series is None
        if series is None:
            series = catalogue.create(self.db, new_id, self.revision)
        if reported_date is not None:
            reports.write(self.db, series.id, reported_date, columns, fields or {}, keep_only, self.revision)
        else:
            alone = keep_only in ("points", "all")
            if columns is not None or alone:
                dates, values = columns or (np.empty(0, np.int64), np.empty(0, np.float64))
                points.write(self.db, series.id, 0, dates, values, self.revision, alone=alone, fresh=fresh)
            if fields or keep_only in ("fields", "all"):
                catalogue.write_fields(
                    self.db, series, fields or {}, self.revision, alone=keep_only in ("fields", "all")
                )
        if fields or fresh or not self.skip_meta:
            catalogue.update_meta(self.db, series.id, self.revision)
        jobs.note_series(self.db, self.job, series.id)

    def _target(self, item: dict[str, Any]) -> tuple[Series | None, str]:
        """The series that an item names, or the id of one to be made."""
        plain = item.get("series_id")
        text = item.get("query")
        if isinstance(plain, str) and plain and text is None:
            return catalogue.get(self.db, plain), plain
        if not isinstance(text, str) or not text.strip():
            raise invalid("an item of a write has a query or a series_id")
        if text.lstrip().startswith("="):
            raise invalid(f"an expression cannot be written to: {text[:200]!r}")
        query = parse(text.strip())
        if query.operators:
            raise invalid(f"a write takes no operators: {text[:200]!r}")
        if query.single_id is not None:
            return catalogue.get(self.db, query.single_id), query.single_id
        found = find(self.db, query.condition)
        if len(found) > 1:
            raise invalid(f"a write names one series, and {text[:200]!r} finds {len(found)}")
        if not len(found):
            raise not_found(f"{text[:200]} (only sid= makes a new one)")
        return catalogue.get_many(self.db, found.tolist())[0], ""

    def _check_right(self, series_id: str) -> None:
        if not self.user.may_write(series_id):
            raise ApiError(
                "series_write_error",
                f"user {self.user.name} may not write {series_id[:200]!r}, only below users\\{self.user.name}\\",
            )


def _columns(given: Any) -> tuple[Any, Any] | None:
    if given is None:
        return None
    if isinstance(given, list) and not given:
        return None
    if not isinstance(given, PointColumns):
        raise invalid(f"the points of an item are a list of [milliseconds, value], not {type(given).__name__}")
    dates = given.dates
    if len(dates) and (int(dates.min()) < EARLIEST or int(dates.max()) > LATEST):
        raise invalid("a point has a date outside of the years 1 to 9999")
    return dates, given.values


def _reported_date(item: dict[str, Any], *, all_allowed: bool) -> int | None:
    given = item.get("reported_date")
    if given == "all" and all_allowed:
        return None
    if given is not None and (isinstance(given, bool) or not isinstance(given, int | float | str)):
        raise invalid(f"reported_date is {given!r}; it takes milliseconds")
    return parse_date(given, "reported_date", jobs.now())


def _flag(item: dict[str, Any], name: str) -> bool:
    given = item.get(name)
    if given is None or isinstance(given, bool):
        return bool(given)
    raise invalid(f"{name} is {given!r}; it takes true or false")

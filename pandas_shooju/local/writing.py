r"""Writing series: the items of a write, one after the other, all in one transaction.

An item is applied as a whole or not at all; the other items of the call are not affected by one that is refused.

Administrators can write everywhere, other users only under ``users\<name>``.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from pandas_shooju.formats import PointColumns
from pandas_shooju.local.dates import parse_date
from pandas_shooju.local.errors import ApiError, check_keys, invalid, not_found
from pandas_shooju.local.ids import check_id
from pandas_shooju.local.query.parser import parse
from pandas_shooju.local.query.search import find
from pandas_shooju.local.store import catalogue, jobs, points, reports
from pandas_shooju.local.store.catalogue import Series
from pandas_shooju.local.store.chunks import EARLIEST, LATEST
from pandas_shooju.local.store.jobs import Stats
from pandas_shooju.local.store.points import Written

_KEEP_ONLY = (None, "points", "fields", "all")

#: what an item of each type may contain
ITEM_KEYS = {
    "POST": ("type", "query", "series_id", "points", "fields", "keep_only", "reported_date"),
    "DELETE": ("type", "query", "series_id", "force", "reported_date"),
}


@dataclass(slots=True)
class User:
    """Who is calling."""

    name: str
    administrator: bool = True

    def owns(self, owner: str) -> bool:
        """Whether what belongs to `owner` is this user's to change."""
        return self.administrator or owner == self.name

    def may_write(self, series_id: str) -> bool:
        """Whether a series is this user's to write."""
        own = catalogue.key_of(f"users\\{self.name}\\")
        return self.administrator or catalogue.key_of(series_id).startswith(own)


class Writer:
    """Writes items for one call of a job, within a transaction that the caller holds; a context manager.

    Parameters
    ----------
    db
        A connection in a writing transaction.
    user
        The user who writes.
    job
        The job's id; 0 for none.
    skip_meta_if_no_fields
        Do not update the meta data of a series when an item has no fields.

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
        self._stats = Stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Add up what was written, for the job."""
        if error is None:
            jobs.note_call(self.db, self.job, self.revision, self._stats)

    def apply(self, item: Any) -> dict[str, Any]:
        """Carry out one item and return the response to it."""
        self.db.execute("SAVEPOINT item")
        try:
            counted = self._apply(item)
        except ApiError as error:
            self.db.execute("ROLLBACK TO item")
            return {"success": False} | error.as_item()
        finally:
            self.db.execute("RELEASE item")
        self._stats = Stats(*map(sum, zip(self._stats, counted, strict=True)))
        return {"success": True}

    def delete(self, series: Series, force: bool) -> None:
        """Remove a series: to the trash, or for good with `force` or if it is in the trash already."""
        self._check_right(series.name)
        if force or series.trashed:
            catalogue.note_lost(self.db, series, self.job, forced=True)
            catalogue.delete(self.db, series)
        else:
            catalogue.to_trash(self.db, series, self.job, self.revision)
        jobs.note_series(self.db, self.job, series.id, Written(deleted=1))

    def _apply(self, item: Any) -> Stats:
        if not isinstance(item, dict):
            raise invalid(f"an item of a write must be an object, got {type(item).__name__}")
        given = item.get("type")
        kind = "POST" if given is None else given.upper() if isinstance(given, str) else ""
        if kind not in ITEM_KEYS:
            raise invalid(f"the type of an item must be POST or DELETE, got {given!r}")
        check_keys(item, ITEM_KEYS[kind], f"an item of type {kind}")
        series, new_id = self._target(item)
        if kind == "POST":
            return self._post(item, series, new_id)
        if series is None:
            check_id(new_id)
            raise not_found(str(item.get("query") or item.get("series_id")))
        if item.get("reported_date") is None:
            self.delete(series, _flag(item, "force"))
        else:
            if _flag(item, "force"):
                raise invalid("force must not be true beside a reported_date: reports are not moved to the trash")
            self._check_right(series.name)
            reports.delete(self.db, series.id, _reported_date(item, all_allowed=True), self.revision)
            jobs.note_series(self.db, self.job, series.id, Written(deleted=1))
        return Stats()

    def _post(self, item: dict[str, Any], series: Series | None, new_id: str) -> Stats:
        columns = _columns(item.get("points"))
        fields = item.get("fields")
        if fields is not None and not isinstance(fields, dict):
            raise invalid(f"the fields of an item must be an object, got {type(fields).__name__}")
        keep_only = item.get("keep_only")
        if keep_only not in _KEEP_ONLY:
            raise invalid(f"keep_only must be 'points', 'fields' or 'all', got {keep_only!r}")
        reported_date = _reported_date(item, all_allowed=False)
        self._check_right(series.name if series is not None else new_id)
        fresh = series is None
        if series is None:
            check_id(new_id)
            series = catalogue.create(self.db, new_id, self.revision)
        written = Written()
        touched = False
        if reported_date is not None:
            written = reports.write(
                self.db, series.id, reported_date, columns, fields or {}, keep_only, self.revision, self.job
            )
            touched = bool(fields) or keep_only in ("fields", "all")
        else:
            alone = keep_only in ("points", "all")
            if columns is not None or alone:
                dates, values = columns or (np.empty(0, np.int64), np.empty(0, np.float64))
                written = points.write(
                    self.db, series.id, 0, dates, values, self.revision, job=self.job, alone=alone, fresh=fresh
                )
            if fields or keep_only in ("fields", "all"):
                alone = keep_only in ("fields", "all")
                touched = catalogue.write_fields(self.db, series, fields or {}, self.revision, alone=alone)
        if reported_date is not None and not fresh:
            if fields or not self.skip_meta:  # the points of the series itself are as they were
                catalogue.note_update(self.db, series, self.revision)
        elif fields or fresh or not self.skip_meta:
            catalogue.update_meta(self.db, series.id, self.revision)
        elif written.added != written.deleted:
            catalogue.update_stored(self.db, series.id, written.added - written.deleted)
        # a change of fields counts as one of the series
        jobs.note_series(self.db, self.job, series.id, written._replace(changed=written.changed + touched))
        return Stats(int(fresh), *written)

    def _target(self, item: dict[str, Any]) -> tuple[Series | None, str]:
        """The series that an item names, or the id of one to create."""
        plain = item.get("series_id")
        text = item.get("query")
        if isinstance(plain, str) and plain and text is None:
            series = catalogue.get(self.db, plain)
            if series is not None or not plain.startswith("$"):
                return series, plain
            # the id in the response to a query
            text = plain[1:]
        elif plain is not None:
            text = None
        if not isinstance(text, str) or not text.strip():
            raise invalid("an item of a write must have either a query or a series_id")
        if text.lstrip().startswith("="):
            raise invalid(f"an expression cannot be written to: {text[:200]!r}")
        query = parse(text.strip())
        if query.operators:
            raise invalid(f"a query to write to cannot have operators: {text[:200]!r}")
        if query.single_id is not None:
            return catalogue.get(self.db, query.single_id), query.single_id
        found = find(self.db, query.condition)
        if len(found) > 1:
            raise invalid(f"a write must name one series, but {text[:200]!r} finds {len(found)}")
        if not len(found):
            raise not_found(f"{text[:200]} (only sid= creates a series)")
        return catalogue.get_many(self.db, found.tolist())[0], ""

    def _check_right(self, series_id: str) -> None:
        if not self.user.may_write(series_id):
            raise ApiError(
                "series_write_error",
                f"non-administrators can only write under users\\{self.user.name}\\, and user {self.user.name}"
                f" is not an administrator: {series_id[:200]!r}",
            )


def _columns(given: Any) -> tuple[Any, Any] | None:
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


def _reported_date(item: dict[str, Any], *, all_allowed: bool) -> int | None:
    given = item.get("reported_date")
    if given == "all" and all_allowed:
        return None
    if given is not None and (given == "" or isinstance(given, bool) or not isinstance(given, int | float | str)):
        raise invalid(f"reported_date must be milliseconds or a date, got {given!r}")
    return parse_date(given, "reported_date", jobs.now())


def _flag(item: dict[str, Any], name: str) -> bool:
    given = item.get(name)
    if given is None or isinstance(given, bool):
        return bool(given)
    raise invalid(f"{name} must be true or false, got {given!r}")

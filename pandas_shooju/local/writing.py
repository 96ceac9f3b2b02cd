r"""Writing series: the items of a write, all in one transaction.

They have the effect that they have one after the other; the rows of those that concern different series are written
together. An item is applied as a whole or not at all; the other items of the call are not affected by one that is
refused.

Administrators can write everywhere, other users only under ``users\<name>``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from pandas_shooju.local.errors import ApiError, invalid, not_found
from pandas_shooju.local.ids import check_id
from pandas_shooju.local.items import Delete, Post, Target, check_item, query_target
from pandas_shooju.local.query.search import find
from pandas_shooju.local.store import catalog, jobs, points, reports
from pandas_shooju.local.store.catalog import Series
from pandas_shooju.local.store.jobs import Stats
from pandas_shooju.local.store.pending import Pending
from pandas_shooju.local.store.points import Written

#: how many items are carried out together, and of how many points the rows may be pending
_TOGETHER, _MOST_POINTS = 1_000, 1_000_000
_TRASH = catalog.key_of(catalog.TRASH)


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
        own = catalog.key_of(f"users\\{self.name}\\")
        return self.administrator or catalog.key_of(series_id).startswith(own)


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
        self._pending = Pending(db)
        self._pending_points = 0
        #: the series as they will be when the pending rows are written
        self._known = catalog.Known(db)
        #: the keys of the series that pending rows concern, each with the report date or None for the series itself
        self._claimed: dict[str, set[int | None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write what is pending, and add up what was written, for the job."""
        if error is None:
            self._flush()
            jobs.note_call(self.db, self.job, self.revision, self._stats)

    def apply(self, items: Sequence[Any]) -> list[dict[str, Any]]:
        """Carry out items, one after the other, and return the response to each."""
        responses: list[dict[str, Any]] = []
        now = jobs.now()
        for start in range(0, len(items), _TOGETHER):
            checked = [_checked(item, now) for item in items[start : start + _TOGETHER]]
            self._look_up(one.target.series_id for one in checked if not isinstance(one, ApiError))
            responses += map(self._apply, checked)
        return responses

    def delete(self, rows: Sequence[Series], force: bool) -> None:
        """Remove series: to the trash, or for good with `force` or if they are in the trash already."""
        for start in range(0, len(rows), _TOGETHER):
            together = rows[start : start + _TOGETHER]
            self._look_up(series.name for series in together)
            for series in together:
                self._claim(series.key)
                self._delete_one(series, force)

    def _delete_one(self, series: Series, force: bool) -> None:
        self._check_right(series.name)
        older = None if series.trashed else self._known.with_key(_TRASH + series.key)
        if force or series.trashed:
            catalog.note_forced(self._pending, series, older, self.job)
            catalog.delete(self._pending, series)
        else:
            catalog.to_trash(self._pending, series, older, self.job, self.revision)
        jobs.note_series(self._pending, self.job, series.id, Written(deleted=1))

    def _apply(self, item: Post | Delete | ApiError) -> dict[str, Any]:
        self._pending.mark()
        try:
            if isinstance(item, ApiError):
                raise item
            stats = self._post(item) if isinstance(item, Post) else self._delete(item)
        except ApiError as error:
            self._pending.forget()
            return {"success": False} | error.as_item()
        self._stats = Stats(*map(sum, zip(self._stats, stats, strict=True)))
        if isinstance(item, Post) and item.points is not None:
            self._pending_points += len(item.points[0])
        if self._pending_points > _MOST_POINTS:
            self._flush()
        return {"success": True}

    def _delete(self, item: Delete) -> Stats:
        series, new_id = self._series(item.target, None)
        if series is None:
            check_id(new_id)
            raise not_found(item.target.text)
        if not item.reports:
            self._delete_one(series, item.force)
        else:
            self._check_right(series.name)
            reports.delete(self._pending, series.id, item.reported_date, self.revision)
            jobs.note_series(self._pending, self.job, series.id, Written(deleted=1))
        return Stats()

    def _post(self, item: Post) -> Stats:
        pending, revision = self._pending, self.revision
        series, new_id = self._series(item.target, item.reported_date)
        self._check_right(series.name if series is not None else new_id)
        fresh = series is None
        of_report = item.reported_date is not None
        alone = item.keep_only in ("points", "all")
        fields_alone = item.keep_only in ("fields", "all")
        # a change of fields counts as one of the series
        changed = writes_fields = bool(item.fields) or fields_alone
        if series is None:
            check_id(new_id)
            series = catalog.create(pending, new_id, revision, {} if of_report else item.fields)
            changed = writes_fields if of_report else series.fields != "{}"
        elif writes_fields and not of_report:
            changed = catalog.write_fields(pending, series, item.fields, revision, alone=fields_alone)
        written = Written()
        if item.reported_date is not None:
            written = reports.write(
                pending, series.id, item.reported_date, item.points, item.fields, item.keep_only, revision, self.job
            )
        elif item.points is not None or alone:
            dates, values = item.points or (np.empty(0, np.int64), np.empty(0, np.float64))
            written = points.write(
                pending, series.id, 0, dates, values, revision, job=self.job, alone=alone, fresh=fresh
            )
        if of_report and not fresh:
            if item.fields or not self.skip_meta:  # the points of the series itself are as they were
                catalog.note_update(pending, series, revision)
        elif item.fields or fresh or not self.skip_meta:
            catalog.update_meta(pending, series.id, revision)
        elif written.added != written.deleted:
            catalog.update_stored(pending, series.id, written.added - written.deleted)
        jobs.note_series(pending, self.job, series.id, written._replace(changed=written.changed + changed))
        if fresh:
            self._known.add(series)
        return Stats(int(fresh), *written)

    def _series(self, target: Target, reported_date: int | None) -> tuple[Series | None, str]:
        """The series that an item names, or the id of one to create."""
        if target.series_id is None:
            self._flush()
            assert target.condition is not None
            found = find(self.db, target.condition)
            if len(found) > 1:
                raise invalid(f"a write must name one series, but {target.text[:200]!r} finds {len(found)}")
            if not len(found):
                raise not_found(f"{target.text[:200]} (only sid= creates a series)")
            (series,) = catalog.get_many(self.db, found.tolist())
            self._claim(series.key, reported_date)
            return series, ""
        key = catalog.key_of(target.series_id)
        self._claim(key, reported_date)
        known = self._known.with_key(key)
        if known is None and target.condition is None and target.series_id.startswith("$"):
            # the id in the response to a query
            return self._series(query_target(target.series_id[1:]), reported_date)
        return known, target.series_id

    def _look_up(self, ids: Iterable[str | None]) -> None:
        """Write what is pending, and read these series and those of their names in the trash."""
        self._flush()
        keys = [catalog.key_of(one) for one in ids if one is not None]
        self._known = catalog.Known(self.db, [*keys, *(_TRASH + key for key in keys)])

    def _claim(self, key: str, reported_date: int | None = None) -> None:
        """Write what is pending if it concerns the series with this key, or the one of its name in the trash."""
        key = key.removeprefix(_TRASH)
        claimed = self._claimed.get(key)
        if claimed is not None and (reported_date is None or None in claimed or reported_date in claimed):
            self._flush()
        self._claimed.setdefault(key, set()).add(reported_date)

    def _flush(self) -> None:
        self._pending.flush()
        self._pending_points = 0
        for key in self._claimed:
            self._known.forget(key)
            self._known.forget(_TRASH + key)
        self._claimed.clear()

    def _check_right(self, series_id: str) -> None:
        if not self.user.may_write(series_id):
            raise ApiError(
                "series_write_error",
                f"non-administrators can only write under users\\{self.user.name}\\, and user {self.user.name}"
                f" is not an administrator: {series_id[:200]!r}",
            )


def _checked(item: Any, now: int) -> Post | Delete | ApiError:
    """An item as it is to be carried out, or why it cannot be."""
    try:
        return check_item(item, now)
    except ApiError as error:
        return error

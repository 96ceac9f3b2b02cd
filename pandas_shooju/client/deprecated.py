"""Calls that the documentation marks as deprecated. They work, and warn with the name of their successor.

The classes are mixed into `Connection`, `MGet` and the jobs, and use what those have.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from pandas_shooju.client.buffer import KeepOnly
from pandas_shooju.client.points import Date, Point, Serializer, columns_of
from pandas_shooju.client.reads import parameters

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection
    from pandas_shooju.formats import PointColumns

#: how a query begins, as against a series id
_QUERY = re.compile(r"\s*(?:[\w.]+\s*[=:]|[=($]|not\b)", re.IGNORECASE)


def warn(old: str, successor: str, *, depth: int = 1) -> None:
    """Say that `old` is deprecated; the warning points to who called our caller (or the one `depth` calls above)."""
    warnings.warn(f"{old} is deprecated; use {successor}", DeprecationWarning, stacklevel=depth + 2)


def is_series_id(text: str) -> bool:
    r"""Whether what stands where a query is asked for is a plain series id, as older programs give it.

    Examples
    --------
    >>> is_series_id(r"users\sam\gdp"), is_series_id(r"sid=users\sam\gdp")
    (True, False)
    """
    return not _QUERY.match(text)


def query_or_id(series_query: str | None, series_id: str | None) -> tuple[str, bool]:
    """What ``get_fields`` is to read, and whether that is a series id; if so it warns, where the program calls."""
    if (series_query is None) == (series_id is None):
        raise TypeError("get_fields() takes a query that names a series")
    name = series_id if series_query is None else series_query
    if not isinstance(name, str):
        raise TypeError(f"a query that names a series is text, such as r'sid=users\\me\\gdp'; got {name!r}")
    by_id = series_query is None or is_series_id(name)
    if by_id:
        warn("get_fields() by a series id", f"a query, such as {f'sid={name}'!r}", depth=2)
    return name, by_id


class DeprecatedConnectionCalls:
    """The deprecated calls of a connection."""

    def _get(self, key: str, item: Any, asked: Mapping[str, Any], serializer: Serializer | None) -> Any:
        raise NotImplementedError

    def get_points(
        self,
        series_id: str,
        date_start: Date | None = None,
        date_finish: Date | None = None,
        max_points: int = 10,
        size: int | None = None,
        serializer: Serializer | None = None,
    ) -> Any:
        """Deprecated: points of a series by its id; use ``get_series(...)["points"]``."""
        warn("get_points()", "get_series()")
        asked = parameters(df=date_start, dt=date_finish, max_points=max_points if size is None else size)
        return _points_of(self._get("series_ids", series_id, asked, serializer))

    def create_uploader_session(self) -> UploaderSession:
        """Deprecated: use ``upload_file`` or ``init_multipart_upload``."""
        warn("create_uploader_session()", "upload_file() or init_multipart_upload()")
        return UploaderSession(self)  # type: ignore[arg-type]


def _points_of(series: Any) -> Any:
    return series if series is None or "error" in series else series.get("points", [])


class DeprecatedMGetCalls:
    """The deprecated calls of a multi-get."""

    def _queue(self, key: str, item: Any, take: Any, serializer: Serializer | None = None) -> int:
        raise NotImplementedError

    def get_points(
        self,
        series_id: str,
        date_start: Date | None = None,
        date_finish: Date | None = None,
        max_points: int = 10,
        size: int | None = None,
        serializer: Serializer | None = None,
    ) -> int:
        """Deprecated: queue the points of a series by its id; use ``get_series``."""
        warn("get_points()", "get_series()")
        asked = parameters(df=date_start, dt=date_finish, max_points=max_points if size is None else size)
        return self._queue("series", {"series_id": series_id, **asked}, _points_of, serializer)


class DeprecatedJobCalls:
    """The deprecated calls of a job. They name a series by its id."""

    _removals: dict[str, KeepOnly]

    def _enqueue(
        self,
        target: dict[str, str],
        fields: Mapping[str, Any] | None = None,
        points: PointColumns | None = None,
        keep_only: KeepOnly = None,
        reported_date: Date | None = None,
    ) -> None:
        raise NotImplementedError

    def _enqueue_delete(self, target: dict[str, str], force: bool) -> None:
        raise NotImplementedError

    def _delete_found(self, query: str, force: bool) -> int | None:
        raise NotImplementedError

    def _submit_if_full(self) -> None:
        raise NotImplementedError

    def _put(
        self,
        series_id: str,
        fields: Mapping[str, Any] | None = None,
        points: Iterable[Point] | None = None,
        reported_date: Date | None = None,
    ) -> None:
        keep_only = self._removals.pop(series_id, None)
        columns = None if points is None else columns_of(points)
        self._enqueue({"series_id": series_id}, fields, columns, keep_only, reported_date)
        self._submit_if_full()

    def put_points(self, series_id: str, points: Iterable[Point]) -> None:
        """Deprecated: use ``write``."""
        warn("put_points()", "write()")
        self._put(series_id, points=points)

    def put_point(self, series_id: str, pt: Point) -> None:
        """Deprecated: use ``write``."""
        warn("put_point()", "write()")
        self._put(series_id, points=[pt])

    def put_reported_points(self, series_id: str, reported_date: Date, points: Iterable[Point]) -> None:
        """Deprecated: use ``write_reported``."""
        warn("put_reported_points()", "write_reported()")
        self._put(series_id, points=points, reported_date=reported_date)

    def put_field(self, series_id: str, field_name: str, field_value: Any) -> None:
        """Deprecated: use ``write``."""
        warn("put_field()", "write()")
        self._put(series_id, {field_name: field_value})

    def put_fields(self, series_id: str, fields: Mapping[str, Any]) -> None:
        """Deprecated: use ``write``."""
        warn("put_fields()", "write()")
        self._put(series_id, fields)

    def remove_points(self, series_id: str) -> None:
        """Deprecated: use ``write(..., remove_others="points")``. Removes points with the next ``put_...``."""
        warn("remove_points()", 'write(..., remove_others="points")')
        self._remove_with_next_put(series_id, "points")

    def remove_fields(self, series_id: str) -> None:
        """Deprecated: use ``write(..., remove_others="fields")``. Removes fields with the next ``put_...``."""
        warn("remove_fields()", 'write(..., remove_others="fields")')
        self._remove_with_next_put(series_id, "fields")

    def _remove_with_next_put(self, series_id: str, kind: KeepOnly) -> None:
        self._removals[series_id] = kind if self._removals.get(series_id, kind) == kind else "all"

    def delete(self, series_id: str, force: bool = False) -> None:
        """Deprecated: use ``delete_series``."""
        warn("delete()", "delete_series()")
        self._enqueue_delete({"series_id": series_id}, force)
        self._submit_if_full()

    def delete_by_query(self, query: str, force: bool = False) -> int | None:
        """Deprecated: use ``delete_series(..., one=False)``."""
        warn("delete_by_query()", "delete_series(..., one=False)")
        return self._delete_found(query, force)


class UploaderSession:
    """Deprecated: uploads files, whole or in parts."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def upload_file(self, fp: BinaryIO | bytes, filename: str) -> str:
        """Upload a file; its id."""
        return self._conn.upload_file(fp, filename)

    def init_multipart(self, filename: str) -> str:
        """Begin to upload a file in parts; its id."""
        return self._conn.init_multipart_upload(filename).file_id

    def upload_part(self, file_id: str, part_num: int, data: BinaryIO | bytes) -> None:
        """Upload a part."""
        self._conn.multipart_upload(file_id).upload_part(part_num, data)

    def complete_multipart(self, file_id: str) -> str:
        """Put the parts together; the file's id."""
        return self._conn.multipart_upload(file_id).complete()

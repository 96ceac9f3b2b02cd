"""The calls that the documentation marks as deprecated. They work, with a warning that names the successor.

They are functions over the public API. `Connection`, `MGet` and the jobs bind them as methods.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO
from weakref import WeakKeyDictionary

from pandas_shooju.client import reader
from pandas_shooju.client.points import Date, Point, Serializer
from pandas_shooju.client.reader import parameters
from pandas_shooju.query import series

if TYPE_CHECKING:
    from pandas_shooju.client.base_job import Job
    from pandas_shooju.client.buffer import RemoveOthers
    from pandas_shooju.client.connection import Connection
    from pandas_shooju.client.mget import MGet

#: how a query begins, as opposed to a series id
_QUERY = re.compile(r"\s*(?:[\w.]+\s*[=:]|[=($]|not\b)", re.IGNORECASE)

#: what `remove_points` and `remove_fields` said about series of a job that were not written since
_removals: WeakKeyDictionary[Job, dict[str, RemoveOthers]] = WeakKeyDictionary()


def warn(old: str, successor: str, *, depth: int = 1) -> None:
    """Warn that `old` is deprecated, at the line that calls our caller (or the function `depth` calls above)."""
    warnings.warn(f"{old} is deprecated; use {successor}", DeprecationWarning, stacklevel=depth + 2)


def is_series_id(text: str) -> bool:
    r"""Whether an argument is a plain series id, which older programs pass instead of a query.

    Examples
    --------
    >>> is_series_id(r"users\sam\gdp"), is_series_id(r"sid=users\sam\gdp")
    (True, False)
    """
    return not _QUERY.match(text)


def query_or_id(series_query: str | None, series_id: str | None) -> tuple[str, bool]:
    """The series that ``get_fields`` reads, and whether it is given by id; then it warns, where the program calls."""
    if (series_query is None) == (series_id is None):
        raise TypeError("get_fields() needs a query that names a series")
    name = series_id if series_query is None else series_query
    if not isinstance(name, str):
        raise TypeError(f"a query that names a series must be a string such as r'sid=users\\me\\gdp', got {name!r}")
    by_id = series_query is None or is_series_id(name)
    if by_id:
        warn("get_fields() by a series id", f"a query, such as {f'sid={name}'!r}", depth=2)
    return name, by_id


# --- of a connection --------------------------------------------------------------------------------------------


def get_points(
    conn: Connection,
    series_id: str,
    date_start: Date | None = None,
    date_finish: Date | None = None,
    max_points: int = 10,
    size: int | None = None,
    serializer: Serializer | None = None,
) -> Any:
    """Deprecated: the points of a series by its id; use ``get_series(...)["points"]``."""
    warn("get_points()", "get_series()")
    asked = parameters(df=date_start, dt=date_finish, max_points=max_points if size is None else size)
    found = reader.read_one(conn.raw, series_id, asked, serializer, by_id=True)
    return found if found is None or "error" in found else found.get("points", [])


def create_uploader_session(conn: Connection) -> UploaderSession:
    """Deprecated: use ``upload_file`` or ``init_multipart_upload``."""
    warn("create_uploader_session()", "upload_file() or init_multipart_upload()")
    return UploaderSession(conn)


class UploaderSession:
    """Deprecated: uploads files, in one piece or in parts."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def upload_file(self, fp: BinaryIO | bytes, filename: str) -> str:
        """Upload a file; its id."""
        return self._conn.upload_file(fp, filename)

    def init_multipart(self, filename: str) -> str:
        """Start an upload in parts; the id of the file."""
        return self._conn.init_multipart_upload(filename).file_id

    def upload_part(self, file_id: str, part_num: int, data: BinaryIO | bytes) -> None:
        """Upload a part."""
        self._conn.multipart_upload(file_id).upload_part(part_num, data)

    def complete_multipart(self, file_id: str) -> str:
        """Finish the upload; the id of the file."""
        return self._conn.multipart_upload(file_id).complete()


# --- of a multi-get ---------------------------------------------------------------------------------------------


def queue_points(
    mget: MGet,
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
    return mget.queue({"series_id": series_id, **asked}, lambda found: found.get("points", []), serializer)


# --- of a job ---------------------------------------------------------------------------------------------------


def put_points(job: Job, series_id: str, points: Iterable[Point]) -> None:
    """Deprecated: use ``write``."""
    warn("put_points()", "write()")
    job.write(series(series_id), points=points, remove_others=_pop_removal(job, series_id))


def put_point(job: Job, series_id: str, pt: Point) -> None:
    """Deprecated: use ``write``."""
    warn("put_point()", "write()")
    job.write(series(series_id), points=[pt], remove_others=_pop_removal(job, series_id))


def put_reported_points(job: Job, series_id: str, reported_date: Date, points: Iterable[Point]) -> None:
    """Deprecated: use ``write_reported``."""
    warn("put_reported_points()", "write_reported()")
    job.write_reported(series(series_id), reported_date, points=points)


def put_field(job: Job, series_id: str, field_name: str, field_value: Any) -> None:
    """Deprecated: use ``write``."""
    warn("put_field()", "write()")
    job.write(series(series_id), {field_name: field_value}, remove_others=_pop_removal(job, series_id))


def put_fields(job: Job, series_id: str, fields: Mapping[str, Any]) -> None:
    """Deprecated: use ``write``."""
    warn("put_fields()", "write()")
    job.write(series(series_id), fields, remove_others=_pop_removal(job, series_id))


def remove_points(job: Job, series_id: str) -> None:
    """Deprecated: use ``write(..., remove_others="points")``. Removes points with the next ``put_...``."""
    warn("remove_points()", 'write(..., remove_others="points")')
    _remove_with_next_put(job, series_id, "points")


def remove_fields(job: Job, series_id: str) -> None:
    """Deprecated: use ``write(..., remove_others="fields")``. Removes fields with the next ``put_...``."""
    warn("remove_fields()", 'write(..., remove_others="fields")')
    _remove_with_next_put(job, series_id, "fields")


def _remove_with_next_put(job: Job, series_id: str, kind: RemoveOthers) -> None:
    removals = _removals.setdefault(job, {})
    removals[series_id] = kind if removals.get(series_id, kind) == kind else "all"


def _pop_removal(job: Job, series_id: str) -> RemoveOthers:
    return _removals.get(job, {}).pop(series_id, None)


def delete(job: Job, series_id: str, force: bool = False) -> None:
    """Deprecated: use ``delete_series``."""
    warn("delete()", "delete_series()")
    job.delete_series(series(series_id), force=force)


def delete_by_query(job: Job, query: str, force: bool = False) -> int | None:
    """Deprecated: use ``delete_series(..., one=False)``."""
    warn("delete_by_query()", "delete_series(..., one=False)")
    return job.delete_series(query, one=False, force=force)

"""The calls that the documentation marks as deprecated. They work, with a warning that names the successor.

They are functions over the public API. Connections, multi-gets and jobs bind them as methods.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Literal
from weakref import WeakKeyDictionary

from pandas_shooju.client import reader
from pandas_shooju.client.options import options
from pandas_shooju.client.points import Date, Point, Serializer, serialize_series
from pandas_shooju.client.reader import parameters
from pandas_shooju.formats import PointColumns
from pandas_shooju.query import series

if TYPE_CHECKING:
    from pandas_shooju.client.base_job import Job
    from pandas_shooju.client.buffer import RemoveOthers
    from pandas_shooju.client.connection import Connection
    from pandas_shooju.client.mget import SeriesReads

#: how a query begins, as opposed to a series id
_QUERY = re.compile(r"\s*(?:[\w.]+\s*[=:]|[=($]|not\b)", re.IGNORECASE)

#: what `remove_points` and `remove_fields` said about series of a job that were not written since
_removals: WeakKeyDictionary[Job, dict[str, RemoveOthers]] = WeakKeyDictionary()


def warn(old: str, successor: str, *, depth: int = 1) -> None:
    """Warn that `old` is deprecated, at the line that calls our caller (or the function `depth` calls above)."""
    warnings.warn(f"{old} is deprecated; use {successor}", DeprecationWarning, stacklevel=depth + 2)


def query_or_id(series_query: str | None, series_id: str | None) -> dict[str, Any]:
    """The item of the series that ``get_fields`` reads; warns, where the program calls, if it is given by id."""
    if (series_query is None) == (series_id is None):
        raise TypeError("get_fields() requires series_query")
    name = reader.check_name(series_id if series_query is None else series_query)
    if series_query is not None and _QUERY.match(name):
        # the id in a response to a query is the query after a $
        return {"query": name.strip().removeprefix("$")}
    warn("get_fields() by a series id", f"a query, such as {f'sid={name}'!r}", depth=2)
    return {"series_id": name}


def get_points(
    reads: SeriesReads[Any],
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
    item = {"series_id": reader.check_name(series_id), **asked}

    def points(series: dict[str, Any]) -> Any:
        if "points" not in series:
            without = {**series, "points": PointColumns.empty()}
            serialize_series(without, serializer or options.point_serializer, {})
            return without["points"]
        return series["points"]

    return reads._read(reader.SeriesRead(item, points, serializer))


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


def put_points(job: Job, series_id: str, points: Iterable[Point]) -> None:
    """Deprecated: use ``write``."""
    _put("put_points()", job, series_id, points=points)


def put_point(job: Job, series_id: str, pt: Point) -> None:
    """Deprecated: use ``write``."""
    _put("put_point()", job, series_id, points=[pt])


def put_field(job: Job, series_id: str, field_name: str, field_value: Any) -> None:
    """Deprecated: use ``write``."""
    _put("put_field()", job, series_id, fields={field_name: field_value})


def put_fields(job: Job, series_id: str, fields: Mapping[str, Any]) -> None:
    """Deprecated: use ``write``."""
    _put("put_fields()", job, series_id, fields=fields)


def _put(call: str, job: Job, series_id: str, **content: Any) -> None:
    warn(call, "write()", depth=2)
    job.write(series(series_id), remove_others=_removals.get(job, {}).pop(series_id, None), **content)


def put_reported_points(job: Job, series_id: str, reported_date: Date, points: Iterable[Point]) -> None:
    """Deprecated: use ``write_reported``."""
    warn("put_reported_points()", "write_reported()")
    job.write_reported(series(series_id), reported_date, points=points)


def remove_points(job: Job, series_id: str) -> None:
    """Deprecated: use ``write(..., remove_others="points")``. Removes points with the next ``put_...``."""
    _remove(job, series_id, "points")


def remove_fields(job: Job, series_id: str) -> None:
    """Deprecated: use ``write(..., remove_others="fields")``. Removes fields with the next ``put_...``."""
    _remove(job, series_id, "fields")


def _remove(job: Job, series_id: str, kind: Literal["points", "fields"]) -> None:
    warn(f"remove_{kind}()", f'write(..., remove_others="{kind}")', depth=2)
    removals = _removals.setdefault(job, {})
    removals[series_id] = kind if removals.get(series_id, kind) == kind else "all"


def delete(job: Job, series_id: str, force: bool = False) -> None:
    """Deprecated: use ``delete_series``."""
    warn("delete()", "delete_series()")
    job.delete_series(series(series_id), force=force)


def delete_by_query(job: Job, query: str, force: bool = False) -> int | None:
    """Deprecated: use ``delete_series(..., one=False)``."""
    warn("delete_by_query()", "delete_series(..., one=False)")
    return job.delete_series(query, one=False, force=force)

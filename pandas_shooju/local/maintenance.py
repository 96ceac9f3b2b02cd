"""Maintaining a store: its contents in numbers, looking for damage, reclaiming space, moving series to another store.

An archive (`export_store`, `import_store`) is a zip file of SJTS documents, `series-1.sjts` and so on, with items in
the form of ``/series/write``: the fields and points of a series, followed by its reports. It does not contain history,
jobs, the trash, or uploaded files. For a complete copy, copy the store's file, and the folder of files beside it, while
no process has them open.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

from pandas_shooju import formats
from pandas_shooju.formats import PointColumns, ShoojuFormatError
from pandas_shooju.local.errors import ApiError, StoreCorrupt, StoreError, invalid
from pandas_shooju.local.query.parser import parse
from pandas_shooju.local.query.search import find
from pandas_shooju.local.store import catalog, history, integrity, jobs, points, reports
from pandas_shooju.local.store.chunks import NO_POINTS
from pandas_shooju.local.store.database import Database
from pandas_shooju.local.store.points import EVERYTHING
from pandas_shooju.local.writing import User, Writer

#: series in a document of an archive
_AT_A_TIME = 500

_COUNTS = {
    "series": "SELECT count(*) FROM series WHERE NOT trashed",
    "series_in_trash": "SELECT count(*) FROM series WHERE trashed",
    "points": "SELECT coalesce(sum(count), 0) FROM chunks WHERE report = 0",
    "points_in_reports": "SELECT coalesce(sum(count), 0) FROM chunks WHERE report != 0",
    "reports": "SELECT count(*) FROM reports WHERE has_points OR fields NOTNULL",
    "jobs": "SELECT count(*) FROM jobs",
    "files": "SELECT count(*) FROM files WHERE size IS NOT NULL",
    "bytes_of_points": "SELECT coalesce(sum(length(vals) + ifnull(length(dates), 0) + ifnull(length(revisions), 0)), 0)"
    " FROM chunks",
    "bytes_of_files": "SELECT coalesce(sum(size), 0) FROM files",
    "bytes_of_the_past": "SELECT coalesce(sum(length(dates) + length(vals) + length(revisions)), 0) FROM past_points",
    "schema_version": "SELECT user_version FROM pragma_user_version",
}


def info(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The contents of a store, in numbers.

    Parameters
    ----------
    path
        The store's file, which must exist.

    Returns
    -------
    dict
        The path, the size of the file in bytes, and the number of series, points, jobs and so on. ``bytes_per_point``
        counts the dates and values of points, but not what each series takes beside them.

    Raises
    ------
    StoreError
        The store does not exist.
    """
    database = _opened(path)
    try:
        with database.reading(mirror=True) as db:
            counts = {name: db.execute(sql).fetchone()[0] for name, sql in _COUNTS.items()}
        size, count = counts["bytes_of_points"], counts["points"] + counts["points_in_reports"]
        counts["bytes_per_point"] = round(size / count, 3) if count else None
        return {"path": str(database.path), "bytes": database.path.stat().st_size, **counts}
    finally:
        database.close()


def vacuum(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Reclaim unused space, and return the size of the file before and after (bytes).

    What older versions of this package have written is written anew, in less space, and with checksums.
    """
    database = _opened(path)
    try:
        before = database.path.stat().st_size
        with database.writing(mirror=True) as db:
            points.repack(db)
            history.repack(db)
            catalog.add_checksums(db)
        database.vacuum()
        return before, database.path.stat().st_size
    finally:
        database.close()


def check(path: str | os.PathLike[str]) -> list[str]:
    """Look for damage in a store, reading all of it.

    Parameters
    ----------
    path
        The store's file, which must exist.

    Returns
    -------
    list of str
        What is wrong, with the ids of the series concerned; empty for a sound store.

    Raises
    ------
    StoreError
        The store does not exist, or is so damaged that it cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from pandas_shooju.local import open_app
    >>> from pandas_shooju.local.maintenance import check
    >>> path = Path(tempfile.mkdtemp()) / "store.sqlite"
    >>> open_app(path).close()
    >>> check(path)
    []
    """
    database = _opened(path)
    try:
        with database.reading(mirror=True) as db:
            return list(dict.fromkeys(integrity.problems(db, database.files_folder)))
    except sqlite3.DatabaseError as error:
        return [f"the file is damaged: {error}"]
    finally:
        database.close()


def damaged(path: str | os.PathLike[str], count: int) -> StoreCorrupt:
    """The error for a store with problems, which says what to do."""
    return StoreCorrupt(
        f"{os.fspath(path)} is damaged ({count} problems): replace it with a copy from before the damage, or export the"
        " series that are sound with 'store export --query' and import them into a new store"
    )


def export_store(path: str | os.PathLike[str], target: str | os.PathLike[str], query: str = "") -> int:
    """Write the current state of series into an archive, and return how many.

    Jobs, history (earlier versions of points and fields), the trash, and uploaded files are left out. For a complete
    copy, copy the store's file and the folder of files beside it while no process has them open.

    Parameters
    ----------
    path
        The store's file.
    target
        The archive to create; it must not exist.
    query
        Which series, without operators; by default all of them. The trash only if the query mentions it.

    Raises
    ------
    StoreError
        The store does not exist, or the query is invalid.
    FileExistsError
        The archive exists already.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from pandas_shooju.local import open_app
    >>> from pandas_shooju.local.maintenance import export_store
    >>> folder = Path(tempfile.mkdtemp())
    >>> open_app(folder / "store.sqlite").close()
    >>> export_store(folder / "store.sqlite", folder / "series.zip")
    0
    """
    database = _opened(path)
    try:
        asked = parse(query)
        if asked.operators:
            raise invalid("the query for an archive cannot have operators")
        with database.reading() as db:
            ids = find(db, asked.condition).tolist()
            with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for number, start in enumerate(range(0, len(ids), _AT_A_TIME), 1):
                    items = _items(db, ids[start : start + _AT_A_TIME])
                    archive.writestr(f"series-{number}.sjts", formats.encode({"series": items}, "sjts"))
        return len(ids)
    except ApiError as error:
        raise StoreError(f"nothing was exported by the query {query!r}: {error.description}") from error
    finally:
        database.close()


def import_store(path: str | os.PathLike[str], source: str | os.PathLike[str], user: str = "local") -> int:
    """Merge the series of an archive into a store, under one job, and return how many.

    Everything is written as of now; what an archive leaves out (see `export_store`) is not restored.

    Parameters
    ----------
    path
        The store's file, created if it does not exist.
    source
        The archive.
    user
        The user of the job.

    Raises
    ------
    StoreError
        The file is not an archive, or is damaged; series before the damage have been stored.
    """
    database = Database(Path(path).expanduser().resolve())
    done = set()
    try:
        with database.writing() as db:
            job = jobs.register(db, user, "import", f"import of {Path(source).name}", "", no_history=False)
        try:
            with zipfile.ZipFile(source) as archive:
                for name in archive.namelist():
                    items = formats.decode(archive.read(name), "sjts").plain()["series"]
                    with database.writing() as db, Writer(db, User(user), job) as writer:
                        for item, response in zip(items, writer.apply(items), strict=True):
                            if not response["success"]:
                                raise ApiError(response["error"], response["description"])
                            done.add(item["series_id"])
        except (zipfile.BadZipFile, ShoojuFormatError, ApiError, KeyError, TypeError) as error:
            raise StoreError(f"{source} is not an archive of a store: {error}") from error
        return len(done)
    finally:
        database.close()


def _items(db: sqlite3.Connection, ids: list[int]) -> list[dict[str, Any]]:
    rows = catalog.get_many(db, ids)
    many = points.read_many(db, ids, EVERYTHING)
    items = []
    for row in rows:
        own = many.get(row.id, NO_POINTS)
        items.append(_item(row.name, own.dates, own.values, json.loads(row.fields), None))
        for report in reports.listed(db, row.id):
            of_report = points.read(db, row.id, report.id)
            items.append(_item(row.name, of_report.dates, of_report.values, report.fields, report.date))
    return items


def _item(series_id: str, dates: Any, values: Any, fields: dict[str, Any], reported_date: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "POST", "series_id": series_id, "fields": fields}
    if len(dates):
        item["points"] = PointColumns(dates, values)
    if reported_date is not None:
        item["reported_date"] = reported_date
    return item


def _opened(path: str | os.PathLike[str]) -> Database:
    where = Path(path).expanduser().resolve()
    if not where.exists():
        raise StoreError(f"there is no store at {where}")
    return Database(where)

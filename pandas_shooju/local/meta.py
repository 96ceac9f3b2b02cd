"""The meta data of series, decided in one table: names, meanings, types, and the SQL that computes them.

`META` serves whoever asks for a meta field (`fields`), searches by it (`query.search`), sorts by it (`query.order`) or
documents it (`supported`). Names that the service has and whose contents nobody here knows are in `UNKNOWN`; they are
refused like any other unknown name, but with that reason.

A field that is computed from what is stored is a line here. One that is not stored yet also needs a column: in
`store.schema` (with a migration), and where it is filled, `store.catalog` for series or `store.chunks` for points.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pandas_shooju.local.certainty import Status
from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store.catalog import TRASH


class MetaField(NamedTuple):
    """A meta field of series."""

    meaning: str
    #: SQL for its value, given a row ``s`` of the table `series`
    sql: str
    #: what a query compares it with; ``jobs`` is a list of job ids, as JSON
    type: Literal["number", "date", "text", "job", "jobs"]
    status: Status = "known"


def _of_revision(column: str, revision: str) -> str:
    return f"(SELECT r.{column} FROM revisions r WHERE r.id = s.{revision})"


def _of_reports(function: str, which: str) -> str:
    return f"(SELECT {function}(p.date) FROM reports p WHERE p.series = s.id AND p.{which})"


_IN_TRASH = f"CASE WHEN s.trashed THEN substr(s.name, {len(TRASH) + 1}) END"
_LAST_USER = "(SELECT j.user FROM revisions r JOIN jobs j ON j.id = r.job WHERE r.id = s.updated)"

META = {
    "points_count": MetaField("the number of points", "s.points_count", "number"),
    "points_min": MetaField("the smallest value", "s.points_min", "number"),
    "points_max": MetaField("the largest value", "s.points_max", "number"),
    "dates_min": MetaField("the first date (ms)", "s.points_first", "date"),
    "dates_max": MetaField("the last date (ms)", "s.points_last", "date"),
    "updated_at": MetaField("when the series was last written (ms)", _of_revision("at", "updated"), "date"),
    "updated_by": MetaField("the user of the job that last wrote it", _LAST_USER, "text", "inferred"),
    "job": MetaField(
        "the job that last wrote it; in a query, any job that wrote it",
        _of_revision("job", "updated"),
        "job",
        "inferred",
    ),
    "job_deleted": MetaField("the jobs that moved it to the trash", "s.jobs_deleted", "jobs"),
    "trash_sid": MetaField("for a series in the trash, its id before that", _IN_TRASH, "text", "inferred"),
    "reppdates_min": MetaField("the first report date of points (ms)", _of_reports("min", "has_points"), "date"),
    "reppdates_max": MetaField("the last report date of points (ms)", _of_reports("max", "has_points"), "date"),
    "repfdates_min": MetaField("the first report date of fields (ms)", _of_reports("min", "fields NOTNULL"), "date"),
    "repfdates_max": MetaField("the last report date of fields (ms)", _of_reports("max", "fields NOTNULL"), "date"),
    "created_at": MetaField("when the series was created (ms)", _of_revision("at", "created"), "date", "ours"),
}

#: names that the service has, with contents that are not known
UNKNOWN = (
    *("freq", "levels", "processor", "upload_preset", "usage_obj"),
    *("asofbytes_num", "fieldsbytes_num", "repdatebytes_num"),
)


def meta_field(name: str) -> MetaField:
    """The meta field of that name, without the ``meta.`` before it.

    Raises
    ------
    ApiError
        There is none.
    """
    found = META.get(name.lower())
    if found is not None:
        return found
    if name.lower().partition(".")[0] in UNKNOWN:
        raise invalid(f"meta.{name} is not supported: what the service holds there is not known")
    raise invalid(f"meta.{name[:100]} is not supported; the known names are {', '.join(sorted(META))}")


def meta_values(db: sqlite3.Connection, name: str, series: Sequence[int]) -> dict[int, Any]:
    """A meta field of some series, by their internal ids; None for a series without it."""
    field = meta_field(name)
    rows = db.execute(
        f"SELECT s.id, {field.sql} FROM series s WHERE s.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(series)),),
    ).fetchall()
    if field.type == "jobs":
        return {one: json.loads(value) if value else None for one, value in rows}
    return dict(rows)

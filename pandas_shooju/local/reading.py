"""Reading series: from catalog rows and a request to the items of a response.

Points are read for all series of a page at once; operators are applied to each series.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pandas_shooju import clocks
from pandas_shooju.formats import PointColumns
from pandas_shooju.local import operators
from pandas_shooju.local.dates import parse_date, parse_written_date
from pandas_shooju.local.errors import ApiError, StoreCorrupt, invalid, not_found
from pandas_shooju.local.fields import chosen_fields, field_names, meta_of_many
from pandas_shooju.local.ids import check_id
from pandas_shooju.local.operators import Line
from pandas_shooju.local.query.search import find
from pandas_shooju.local.query.tree import Operator, Query
from pandas_shooju.local.store import catalog, history, jobs, mirrors, points, reports
from pandas_shooju.local.store.catalog import Series
from pandas_shooju.local.store.chunks import EARLIEST, LATEST, NO_POINTS, Points
from pandas_shooju.local.store.points import EVERYTHING, Range

_integer = re.compile(r"[+-]?\d{1,18}$")
#: the name of a meta field, or a formula with one
_meta = re.compile(r"meta\.|=.*\{\{\s*meta\.", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of each series."""

    wanted: Range | None = None
    fields: tuple[str, ...] = ()
    operators: tuple[Operator, ...] = ()
    include_job: bool = False
    include_timestamp: bool = False


def request_from(
    given: dict[str, Any], query_operators: tuple[Operator, ...], now: int, include: tuple[bool, bool] = (False, False)
) -> Request:
    """The request that parameters make.

    Raises
    ------
    ApiError
        A parameter has the wrong type or value, or an operator is not known.
    """
    operators.check(query_operators)
    names = field_names(given.get("fields"))
    if any(operator.name.lower() == "asof" for operator in query_operators) and any(map(_meta.match, names)):
        raise invalid("the meta fields are those of now, and cannot be combined with operator asof")
    return Request(wanted_range(given, now), names, query_operators, *include)


def wanted_range(given: dict[str, Any], now: int) -> Range | None:
    """The points that `max_points`, `df` and `dt` ask for; None for no points."""
    most = given.get("max_points")
    if most is None or most == "":
        most = 0
    if isinstance(most, bool) or not _integer.match(str(most)) or int(most) < -1:
        raise invalid(f"max_points must be -1 (all points) or a non-negative integer, got {most!r}")
    first = parse_date(given.get("df"), "df", now)
    last = parse_date(given.get("dt"), "dt", now)
    if not int(most):
        return None
    return Range(
        EARLIEST if first is None else first, LATEST if last is None else last, int(most) if int(most) > 0 else None
    )


def single_series(
    db: sqlite3.Connection,
    query: Query,
    text: str,
    further: tuple[Operator, ...] = (),
    known: catalog.Known | None = None,
) -> Series:
    """The series of a query that must find exactly one.

    Parameters
    ----------
    query, text
        The query, and how it was written.
    further
        Operators beside those of the query.
    known
        Series that have been read.

    Raises
    ------
    ApiError
        The query finds no series, or several.
    """
    revision = last_revision(db, query.operators + further)
    if query.single_id is not None:
        row = (known or catalog.Known(db)).get(query.single_id)
        if row is None:
            check_id(query.single_id)
        found = [] if row is None or (revision is not None and row.created > revision) else [row]
    else:
        ids = find(db, query.condition, revision)
        if len(ids) > 1:
            raise invalid(f"the query {text[:200]!r} must find one series, but it finds {len(ids)}")
        found = catalog.get_many(db, ids.tolist())
    if not found:
        raise not_found(text[:200])
    return found[0]


def last_revision(db: sqlite3.Connection, given: tuple[Operator, ...]) -> int | None:
    """The last revision that counts, where the operator ``@asof`` is among those given."""
    for operator in given:
        if operator.name.lower() == "asof":
            return _revision(db, operator.argument)
    return None


def read_series(db: sqlite3.Connection, rows: Sequence[Series], request: Request) -> list[dict[str, Any]]:
    """An item for each series, without ``series_id``; an error item for one that cannot be read as requested."""
    lines = read_lines(
        db,
        rows,
        request.operators,
        request.wanted,
        revisions=request.include_job or request.include_timestamp,
        fields=bool(request.fields),
    )
    meta = meta_of_many(db, request.fields, [row.id for row in rows])
    items = []
    for row, line in zip(rows, lines, strict=True):
        try:
            if isinstance(line, ApiError):
                raise line
            items.append(as_item(db, row, line, request, meta))
        except ApiError as error:
            items.append(error.as_item())
    return items


def read_lines(
    db: sqlite3.Connection,
    rows: Sequence[Series],
    given: tuple[Operator, ...],
    wanted: Range | None,
    *,
    revisions: bool = False,
    fields: bool = False,
) -> list[Line | ApiError]:
    """Series with operators applied to them, or the error for one that cannot be read.

    Parameters
    ----------
    rows
        The series.
    given
        The operators.
    wanted
        The points of interest; more may be returned. None: no points at all.
    revisions, fields
        Whether to read those.
    """
    changing = operators.transforms(given)
    try:
        source = _Source(db, given)
        reach = None if wanted is None else wanted if operators.keep_dates(changing) else operators.reach(changing)
    except ApiError as error:
        return [error for _ in rows]
    fields = fields or any(operator.name.lower() == "localize" for operator in changing)
    many: dict[int, Points] = {}
    if reach is not None and source.reads_own_points:
        many = points.read_many(
            db,
            [row.id for row in rows],
            EVERYTHING if source.revision is not None else reach,
            revisions=revisions or source.revision is not None,
        )
        if reach == EVERYTHING:
            for row in rows:
                if len(many.get(row.id, NO_POINTS).dates) != row.stored:
                    raise StoreCorrupt(f"points of {row.name[:200]!r} are missing")
    lines: list[Line | ApiError] = []
    for row in rows:
        try:
            line = Line(
                NO_POINTS if wanted is None else source.points(row, many.get(row.id, NO_POINTS)),
                source.fields(row) if fields else {},
            )
            lines.append(operators.apply(line, changing))
        except ApiError as error:
            lines.append(error)
    return lines


class _Source:
    """Which points and fields of a series are meant: the current ones, those of the past, or those of a report."""

    def __init__(self, db: sqlite3.Connection, given: tuple[Operator, ...]) -> None:
        self._db = db
        sources = {op.name.lower(): op.argument for op in given if op.name.lower() in operators.SOURCES}
        self.revision = _revision(db, sources["asof"]) if "asof" in sources else None
        self._points_of = operators.report_date("repdate", sources["repdate"]) if "repdate" in sources else None
        self._fields_of = operators.report_date("repfdate", sources["repfdate"]) if "repfdate" in sources else None
        self._mode = operators.report_mode(sources["repdatelist"]) if "repdatelist" in sources else None

    @property
    def reads_own_points(self) -> bool:
        return self._mode is None and self._points_of is None

    def points(self, row: Series, now: Points) -> Points:
        if self._mode is not None:
            return report_dates(self._db, row.id, self._mode, self.revision)
        if self._points_of is not None:
            report = reports.get(self._db, row.id, self._points_of)
            if report is None:
                return NO_POINTS
            if self.revision is None:
                return points.read(self._db, row.id, report.id)
            return reports.points_as_of(self._db, row.id, report, self.revision)
        return now if self.revision is None else history.points_as_of(self._db, row.id, 0, now, self.revision)

    def fields(self, row: Series) -> dict[str, Any]:
        if self._fields_of is not None:
            report = reports.get(self._db, row.id, self._fields_of)
            if report is None or self.revision is None:
                return {} if report is None else report.fields
            return reports.fields_as_of(self._db, report, self.revision)
        text = row.fields if self.revision is None else history.fields_as_of(self._db, row.id, self.revision)
        fields: dict[str, Any] = json.loads(text)
        return fields


def as_item(
    db: sqlite3.Connection,
    row: Series | None,
    line: Line,
    request: Request,
    meta: Mapping[str, Mapping[int, Any]] | None = None,
) -> dict[str, Any]:
    """A series, with all operators applied, as an item of the response; `meta` as for `chosen_fields`."""
    item: dict[str, Any] = {}
    if request.fields:
        chosen = chosen_fields(db, row, line.fields, request.fields, meta)
        if chosen:
            item["fields"] = chosen
    if line.zone is not None:
        item["tz"] = {"timezone": line.zone}
    if request.wanted is not None:
        found = request.wanted.of(line.points)
        if len(found.dates):
            dates = found.dates if line.zone is None else clocks.utc_to_wall(found.dates, line.zone)
            columns = PointColumns(dates, found.values)
            if request.include_job or request.include_timestamp:
                written_by, at = history.jobs_and_times(db, found.revisions)
                columns.jobs = written_by if request.include_job else None
                columns.timestamps = at if request.include_timestamp else None
            item["points"] = columns
    return item


def _revision(db: sqlite3.Connection, argument: str | None) -> int:
    mirrors.refuse(db, "the operator asof")
    text = (argument or "").strip()
    if text[:1].lower() == "j" and text[1:].isascii() and text[1:].isdigit() and len(text) < 19:
        job = int(text[1:])
        revision = history.revision_of_job(db, job)
        if revision is not None:
            return revision
        created: int = jobs.get(db, job)["created_at"]
        return history.revision_at(db, created)
    if not text:
        raise invalid("operator asof must have a job, as in @asof:j17, or a date, got nothing")
    if text.isascii() and text.isdigit() and len(text) <= 8:
        raise invalid(f"operator asof must have a job, as in @asof:j{text}, or a date, got {text}")
    return history.revision_at(db, parse_written_date(text, "the argument of operator asof", jobs.now()))


def report_dates(db: sqlite3.Connection, series: int, mode: str, revision: int | None = None) -> Points:
    """The report dates of a series, as points: 1 for points, 2 for fields, 3 for both; optionally after a revision."""
    wanted = _wanted(mode)
    listed = reports.listed(db, series) if revision is None else reports.as_of(db, series, revision)
    found = [(report.date, report.holds) for report in listed if report.holds & wanted]
    dates = np.array([date for date, _ in found], np.int64)
    return Points(dates, np.array([mask for _, mask in found], np.float64), np.zeros(len(dates), np.int64))


def report_dates_of_job(db: sqlite3.Connection, job: int, mode: str) -> list[int]:
    """The distinct dates of the reports that a job was the last to write.

    Raises
    ------
    ApiError
        The job does not exist.
    """
    mirrors.refuse(db, "job_id for report dates")
    jobs.get(db, job)
    wanted = _wanted(mode)
    return sorted({report.date for report in reports.of_job(db, job) if report.holds & wanted})


def _wanted(mode: str | None) -> int:
    return {"all": 3, "points": 1, "fields": 2}[operators.report_mode(mode)]

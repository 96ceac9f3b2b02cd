"""Reading series: from catalogue rows and a request to the items of an answer.

Points are read for all the series of a page at once; operators are applied to each.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pandas_shooju.formats import PointColumns
from pandas_shooju.local import operators, zones
from pandas_shooju.local.dates import parse_date
from pandas_shooju.local.errors import ApiError, invalid
from pandas_shooju.local.operators import Line
from pandas_shooju.local.query.tree import Operator
from pandas_shooju.local.store import history, jobs, points, reports
from pandas_shooju.local.store.catalogue import Series
from pandas_shooju.local.store.chunks import NO_POINTS, Points
from pandas_shooju.local.store.points import EARLIEST, EVERYTHING, LATEST, Range

_placeholder = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


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
        A parameter that is not what it should be, or an unknown operator.
    """
    operators.check(query_operators)
    try:
        most = int(given.get("max_points") or 0)
    except (TypeError, ValueError, OverflowError):
        raise invalid(f"max_points is {given['max_points']!r}; it takes a number, -1 for all points") from None
    first = parse_date(given.get("df"), "df", now)
    last = parse_date(given.get("dt"), "dt", now)
    wanted = None
    if most:
        wanted = Range(
            EARLIEST if first is None else first, LATEST if last is None else last, most if most > 0 else None
        )
    return Request(wanted, field_names(given.get("fields")), query_operators, *include)


def field_names(given: Any) -> tuple[str, ...]:
    """The fields asked for: a list, or names separated by commas (those inside of ``{{ }}`` do not count)."""
    if not given:
        return ()
    if isinstance(given, str):
        names = [name.strip() for name in re.split(r",(?![^{}]*\}\})", given)]
        return tuple(name for name in names if name)
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return tuple(given)
    raise invalid(f"fields is {given!r}; it takes names, separated by commas")


def read_series(db: sqlite3.Connection, rows: Sequence[Series], request: Request) -> list[dict[str, Any]]:
    """An item for each series, without ``series_id``; an error item where one cannot be read as asked."""
    changing = operators.transforms(request.operators)
    sources = {op.name.lower(): op.argument for op in request.operators if op.name.lower() in operators.SOURCES}
    try:
        revision = _revision(db, sources["asof"]) if "asof" in sources else None
        report = {name: _report_date(name, sources[name]) for name in ("repdate", "repfdate") if name in sources}
        mode = _mode(sources["repdatelist"]) if "repdatelist" in sources else None
    except ApiError as error:
        return [error.as_item() for _ in rows]
    lines: dict[int, Points] = {}
    wants_revisions = request.include_job or request.include_timestamp or revision is not None
    if request.wanted is not None and mode is None and "repdate" not in report:
        whole = revision is not None or not operators.keep_dates(changing)
        lines = points.read_many(
            db, [row.id for row in rows], EVERYTHING if whole else request.wanted, revisions=wants_revisions
        )

    def own_points(row: Series) -> Points:
        if request.wanted is None:
            return NO_POINTS
        if mode is not None:
            return _report_list(db, row.id, mode)
        if "repdate" in report:
            found = reports.get(db, row.id, report["repdate"])
            return NO_POINTS if found is None else points.read(db, row.id, found.id)
        now = lines.get(row.id, NO_POINTS)
        return now if revision is None else history.points_as_of(db, row.id, now, revision)

    def own_fields(row: Series) -> dict[str, Any]:
        if "repfdate" in report:
            found = reports.get(db, row.id, report["repfdate"])
            return {} if found is None else found.fields
        text = row.fields if revision is None else history.fields_as_of(db, row.id, revision)
        fields: dict[str, Any] = json.loads(text)
        return fields

    wants_fields = bool(request.fields) or any(op.name.lower() == "localize" for op in changing)
    items = []
    for row in rows:
        try:
            line = Line(own_points(row), own_fields(row) if wants_fields else {})
            line = operators.apply(line, changing)
            items.append(as_item(db, row, line, request))
        except ApiError as error:
            items.append(error.as_item())
    return items


def as_item(db: sqlite3.Connection, row: Series | None, line: Line, request: Request) -> dict[str, Any]:
    """A series at the end of its way, as an item of the answer."""
    item: dict[str, Any] = {}
    if request.fields:
        chosen = chosen_fields(db, row, line.fields, request.fields)
        if chosen:
            item["fields"] = chosen
    if line.zone is not None:
        item["tz"] = {"timezone": line.zone}
    if request.wanted is not None:
        found = request.wanted.of(line.points)
        if len(found.dates):
            dates = found.dates if line.zone is None else zones.to_clock(found.dates, line.zone)
            columns = PointColumns(dates, found.values)
            if request.include_job or request.include_timestamp:
                written_by, at = history.jobs_and_times(db, found.revisions)
                columns.jobs = written_by if request.include_job else None
                columns.timestamps = at if request.include_timestamp else None
            item["points"] = columns
    return item


def chosen_fields(
    db: sqlite3.Connection, row: Series | None, fields: dict[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    """The fields asked for, as far as they are there."""
    chosen: dict[str, Any] = {}
    for name in names:
        if name == "*":
            chosen.update(fields)
        elif name.startswith("="):
            chosen[name] = _placeholder.sub(lambda found: _as_text(field_value(db, row, fields, found[1])), name[1:])
        else:
            value = field_value(db, row, fields, name)
            if value is not None:
                chosen[name] = value
    return chosen


def field_value(db: sqlite3.Connection, row: Series | None, fields: dict[str, Any], name: str) -> Any:
    """The value of a field by its name, by a dotted name that reaches into objects, or of meta data."""
    if name in fields:
        return fields[name]
    if name.startswith("meta.") and row is not None:
        return _meta(db, row, name[5:])
    value: Any = fields
    parts = name.split(".")
    while parts and isinstance(value, dict):
        # a name may itself have dots in it: the longest that fits
        for length in range(len(parts), 0, -1):
            inner = value.get(".".join(parts[:length]))
            if inner is not None:
                value, parts = inner, parts[length:]
                break
        else:
            return None
    return None if parts else value


def _meta(db: sqlite3.Connection, row: Series, name: str) -> Any:
    match name:
        case "points_count" | "points_min" | "points_max" | "points_first" | "points_last":
            return getattr(row, name)
        case "job_deleted":
            return json.loads(row.jobs_deleted) if row.jobs_deleted else None
        case "created_at" | "updated_at" | "job":
            revision = row.created if name == "created_at" else row.updated
            job, at = db.execute("SELECT job, at FROM revisions WHERE id = ?", (revision,)).fetchone()
            return job if name == "job" else at
    return None


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _revision(db: sqlite3.Connection, argument: str | None) -> int:
    text = (argument or "").strip()
    if text[:1].lower() == "j" and text[1:].isascii() and text[1:].isdigit() and len(text) < 19:
        job = int(text[1:])
        revision = history.revision_of_job(db, job)
        if revision is not None:
            return revision
        created: int = jobs.get(db, job)["created"]
        return history.revision_at(db, created)
    moment = parse_date(text, "the argument of operator asof", jobs.now())
    if moment is None:
        raise invalid("operator asof takes a job, as in @asof:j17, or a date")
    return history.revision_at(db, moment)


def _report_date(name: str, argument: str | None) -> int:
    date = parse_date(argument, f"the argument of operator {name}", jobs.now())
    if date is None:
        raise invalid(f"operator {name} takes a report date, as in @{name}:2001-01-01")
    return date


def _mode(argument: str | None) -> str:
    mode = (argument or "all").lower()
    if mode not in ("all", "points", "fields"):
        raise invalid(f"report dates are listed for all, points or fields, not for {argument!r}")
    return mode


def report_dates(db: sqlite3.Connection, series: int, mode: str) -> Points:
    """The report dates of a series, as points: 1 for points, 2 for fields, 3 for both."""
    return _report_list(db, series, _mode(mode))


def _report_list(db: sqlite3.Connection, series: int, mode: str) -> Points:
    wanted = {"all": 3, "points": 1, "fields": 2}[mode]
    found = [(report.date, report.has_points | bool(report.fields) << 1) for report in reports.listed(db, series)]
    found = [(date, mask) for date, mask in found if mask & wanted]
    dates = np.array([date for date, _ in found], np.int64)
    return Points(dates, np.array([mask for _, mask in found], np.float64), np.zeros(len(dates), np.int64))

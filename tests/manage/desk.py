"""What desks build on top of the published client, and the same with ours: for tests, and for `tests.benchmarks.desk`.

Each row has a routine of either kind. They do the same work, each on a store of its own that was filled in the same
way, over a socket. ``theirs`` is written as such layers are written; ``ours`` has at most three statements.
"""

from __future__ import annotations

import ast
import datetime
import inspect
import json
import os
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

import pandas_shooju as sj

DATES = pd.date_range("2020-01-01", periods=20, tz="UTC", unit="ms", name="dt")
CUT = datetime.datetime(2020, 1, 11)

#: given a connection, and what `prepare` returned
Routine = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Row:
    """A routine of a desk."""

    name: str
    theirs: Routine
    ours: Routine
    #: what is done beforehand, on a store that has been filled
    prepare: Callable[[sj.Connection], Any] = lambda conn: None
    #: what the routine left behind; by default, what it returned must be the same
    left: Callable[[sj.Connection], Any] | None = None
    #: what the published client needs for each: a request for each series, or an object for each series or point
    for_each: Literal["request", "object"] | None = None


def fill(conn: sj.Connection, series: int) -> None:
    r"""Write series ``desk\a\N`` with fields and 20 daily points, and ``desk\b\N``, of which every tenth differs."""
    values = np.arange(series, dtype=float) + np.arange(len(DATES))[:, None] / 4
    frame = pd.DataFrame(values, DATES, pd.RangeIndex(series, name="number"))
    changed = frame.copy()
    changed.loc[DATES[3], ::10] += 1
    fields = {"unit": "MW", "zone": "DE-LU"}
    for name, data in (("a", frame), ("b", changed)):
        sid = rf"desk\{name}\{{number}}"
        assert data.shooju.write(f"Fill {name}", sid=sid, fields=fields, connection=conn).ok


def statements(routine: Routine) -> int:
    """The number of statements of a routine, without its imports."""
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(routine))).body
    found = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
    return sum(not isinstance(node, ast.Import | ast.ImportFrom) for node in found) - 1


def everything(conn: sj.Connection) -> dict[str, Any]:
    """The fields and points of all series."""
    found = conn.scroll("", fields="*", max_points=-1, serializer=sj.points_serializers.milli_tuple)
    return {one["series_id"]: (one["fields"], [tuple(point) for point in one.get("points") or []]) for one in found}


def reported(conn: sj.Connection) -> dict[str, Any]:
    """The report dates and points of the series under r."""
    found = conn.scroll("sid:desk\\r")
    ids = [series["series_id"] for series in found]
    return {one: [str(date) for date in conn.get_reported_dates(f'sid="{one}"')] for one in ids}


# --- settings -------------------------------------------------------------------------------------------------------


def theirs_settings(conn: Any, given: Any) -> Any:
    import shooju

    values = {}
    for name in ("SHOOJU_SERVER", "SHOOJU_USER", "SHOOJU_API_KEY"):
        value = os.environ.get(name)
        if not value:
            raise RuntimeError(f"set {name} in the environment or in .env")
        values[name] = value
    own = shooju.Connection(values["SHOOJU_SERVER"], values["SHOOJU_USER"], values["SHOOJU_API_KEY"])
    return own.get_series(r"sid=desk\a\1", fields=["unit"])["fields"]


def ours_settings(conn: sj.Connection, given: Any) -> Any:
    return sj.Connection().get_series(r"sid=desk\a\1", fields=["unit"])["fields"]


# --- jobs -----------------------------------------------------------------------------------------------------------


def theirs_today(conn: Any, given: int) -> Any:
    import shooju

    query = 'description:"Nightly prices" created_at>=0db'
    found = conn.raw.get("/jobs/", params={"query": query, "sort": "created_at desc", "per_page": 10})
    mine = [one for one in found["results"] if one["user"] == conn.user and one["description"] == "Nightly prices"]
    if mine:
        job = shooju.RemoteJob(conn, mine[0]["id"], batch_size=100)
    else:
        job = conn.register_job("Nightly prices", batch_size=100)
    return job.job_id


def ours_today(conn: sj.Connection, given: int) -> Any:
    return conn.register_job("Nightly prices", batch_size=100, reuse="today").job_id


def prepare_conflict(conn: sj.Connection) -> int:
    older = conn.register_job("Older")
    with conn.register_job("Newer") as newer:
        newer.write(r"sid=desk\a\1", points=[sj.Point(CUT, 1.0)])
    assert older.job_id is not None
    return older.job_id


def theirs_conflict(conn: Any, given: int) -> Any:
    import shooju

    try:
        shooju.RemoteJob(conn, given, batch_size=1).write(r"sid=desk\a\1", points=[shooju.Point(CUT, 2.0)])
    except shooju.ShoojuApiError as error:
        if not error.message.startswith("already_exists"):
            raise
        other = int(error.message.split("(job ")[1].split(")")[0])
        when = error.message.split("date ")[1].split(" ")[0]
        described = conn.raw.get(f"/jobs/{other}")["job"]
        return other, pd.Timestamp(when).tz_localize(None), described["user"]


def ours_conflict(conn: sj.Connection, given: int) -> Any:
    try:
        sj.RemoteJob(conn, given).write(r"sid=desk\a\1", points=[sj.Point(CUT, 2.0)])
    except sj.ConflictError as error:
        return tuple(error.conflicts[["job", "date", "user"]].iloc[0])


def theirs_jobs(conn: Any, given: Any) -> Any:
    found = conn.raw.get(
        "/jobs/", params={"filter": r"sid:desk\a", "query": "created_at>=-7d", "sort": "created_at desc"}
    )
    return [(one["id"], one["description"]) for one in found["results"]]


def ours_jobs(conn: sj.Connection, given: Any) -> Any:
    return list(conn.jobs.find(filter=r"sid:desk\a", since="-7d")["description"].items())


def prepare_versions(conn: sj.Connection) -> list[int]:
    jobs = []
    for step in range(3):
        with conn.register_job(f"Estimate {step}") as job:
            job.write(r"sid=desk\a\1", points=[sj.Point(date, 10 * step) for date in DATES[:5].to_pydatetime()])
        jobs.append(job.job_id)
    return [job for job in jobs if job is not None]


def theirs_versions(conn: Any, given: list[int]) -> Any:
    import shooju

    columns = {}
    for job in given:
        series = conn.get_series(
            rf"sid=desk\a\1@asof:j{job}", max_points=-1, serializer=shooju.points_serializers.pd_series
        )
        columns[job] = series["points"]
    return pd.DataFrame(columns).to_numpy().tolist()


def ours_versions(conn: sj.Connection, given: list[int]) -> Any:
    return sj.read_shooju(r"sid=desk\a\1", asof=given, connection=conn).to_numpy().tolist()


def prepare_correction(conn: sj.Connection) -> int:
    frame = sj.read_shooju(r"sid:desk\a", connection=conn)
    result = (frame.iloc[:3] + 1).shooju.write("Correction", sid="{series_id}", fields={"unit": "GW"}, connection=conn)
    return int(result.job.job_id)


def theirs_changes(conn: Any, given: int) -> Any:
    counts = {"changed": 0, "added": 0, "deleted": 0, "fields": 0}
    for series in conn.scroll(f"meta.job:{given}"):
        answer = conn.raw.get(
            "/series",
            params={
                "query": f'sid="{series["series_id"]}"',
                "fields": "*",
                "max_points": -1,
                "df": "MIN",
                "dt": "MAX",
                "diff_job_id": given,
            },
        )
        (item,) = answer["series"]
        for point in item.get("points") or []:
            if point[1] is None:
                counts["deleted"] += 1
            elif point[2] is None:
                counts["added"] += 1
            elif point[1] != point[2]:
                counts["changed"] += 1
        fields, before = item.get("fields") or {}, item.get("fields_previous") or {}
        counts["fields"] += sum(fields.get(name) != before.get(name) for name in {*fields, *before})
    return json.loads(json.dumps(counts))


def ours_changes(conn: sj.Connection, given: int) -> Any:
    summary = conn.jobs[given].summary()
    return {**summary["points"], "fields": summary["fields"]["changed"]}


# --- the catalog ----------------------------------------------------------------------------------------------------


def theirs_count(conn: Any, given: Any) -> Any:
    return sum(1 for _ in conn.scroll(r"sid:desk\a zone=DE-LU"))


def ours_count(conn: sj.Connection, given: Any) -> Any:
    return conn.catalog.count(r"sid:desk\a zone=DE-LU")


def theirs_facets(conn: Any, given: Any) -> Any:
    answer = conn.raw.get(
        "/series", params={"query": "sid:desk", "per_page": 0, "facets": "unit,zone", "max_facet_values": 1000}
    )
    rows = [
        (name, term["term"], term["count"]) for name in ("unit", "zone") for term in answer["facets"][name]["terms"]
    ]
    return pd.DataFrame(rows, columns=["field", "value", "count"]).values.tolist()


def ours_facets(conn: sj.Connection, given: Any) -> Any:
    return conn.catalog.facets("sid:desk", ["unit", "zone"]).values.tolist()


def theirs_fields(conn: Any, given: Any) -> Any:
    rows = []
    for series in conn.scroll(r"sid:desk\a", fields=["*"], batch_size=500):
        row = dict(series["fields"])
        row["series_id"] = series["series_id"]
        rows.append(row)
    return pd.DataFrame(rows).set_index("series_id").sort_index().to_dict("index")


def ours_fields(conn: sj.Connection, given: Any) -> Any:
    return sj.read_shooju(r"sid:desk\a", "*", layout="fields", connection=conn).sort_index().to_dict("index")


# --- uploading ------------------------------------------------------------------------------------------------------


def prepare_upload(conn: sj.Connection) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """A wide frame, and the metadata of each column."""
    count = conn.catalog.count(r"sid:desk\a")
    ids = [rf"desk\u\{number}" for number in range(count)]
    values = np.arange(count) + np.arange(len(DATES))[:, None] / 8
    return pd.DataFrame(values, DATES, ids), {one: {"unit": "MW", "name": f"Plant {one}"} for one in ids}


def theirs_wide(conn: Any, given: Any) -> Any:
    import shooju

    frame, metadata = given
    with conn.register_job("Upload wide", batch_size=500) as job:
        for column in frame.columns:
            points = [shooju.Point(when.to_pydatetime(), value) for when, value in frame[column].dropna().items()]
            job.write(f'sid="{column}"', points=points, fields=metadata[column])


def ours_wide(conn: sj.Connection, given: Any) -> Any:
    fields = pd.DataFrame.from_dict(given[1], orient="index")
    given[0].shooju.write("Upload wide", sid="{series_id}", fields=fields, connection=conn)


def prepare_long(conn: sj.Connection) -> pd.DataFrame:
    frame, _ = prepare_upload(conn)
    return frame.melt(ignore_index=False, var_name="series_id", value_name="val").reset_index().assign(unit="MW")


def theirs_long(conn: Any, given: pd.DataFrame) -> Any:
    import shooju

    with conn.register_job("Upload long", batch_size=500) as job:
        for series_id, group in given.groupby("series_id"):
            points = [
                shooju.Point(row["dt"].to_pydatetime(), row["val"])
                for _, row in group.iterrows()
                if pd.notna(row["val"])
            ]
            job.write(f'sid="{series_id}"', points=points, fields={"unit": group["unit"].iloc[0]})


def ours_long(conn: sj.Connection, given: pd.DataFrame) -> Any:
    given.shooju.write("Upload long", fields=["unit"], connection=conn)


def prepare_reported(conn: sj.Connection) -> pd.DataFrame:
    frame, _ = prepare_upload(conn)
    return frame.rename(columns=lambda one: one.replace("\\u\\", "\\r\\"))


def theirs_reported(conn: Any, given: pd.DataFrame) -> Any:
    import shooju

    with conn.register_job("Upload a forecast", batch_size=500) as job:
        for column in given.columns:
            points = [shooju.Point(when.to_pydatetime(), value) for when, value in given[column].dropna().items()]
            job.write_reported(f'sid="{column}"', CUT, points=points)


def ours_reported(conn: sj.Connection, given: pd.DataFrame) -> Any:
    given.shooju.write("Upload a forecast", sid="{series_id}", reported_date=CUT, connection=conn)


def prepare_revised(conn: sj.Connection) -> pd.DataFrame:
    """Folder a with other values, and with new series."""
    frame = sj.read_shooju(r"sid:desk\a", connection=conn)
    frame.iloc[5, ::10] = -1.0
    return frame.assign(**{rf"desk\a\new {number}": 1.0 for number in range(3)})


def theirs_differences(conn: Any, given: pd.DataFrame) -> Any:
    import shooju

    with conn.register_job("Upload differences", batch_size=500) as job:
        for column in given.columns:
            stored = conn.get_series(
                f'sid="{column}"', df=given.index[0].to_pydatetime(), dt=given.index[-1].to_pydatetime(), max_points=-1
            )
            old = {point.datetime: point.value for point in (stored or {}).get("points") or []}
            points = []
            for when, value in given[column].items():
                date = when.to_pydatetime().replace(tzinfo=None)
                if pd.notna(value) and old.get(date) != value:
                    points.append(shooju.Point(date, value))
            if points:
                job.write(f'sid="{column}"', points=points)


def ours_differences(conn: sj.Connection, given: pd.DataFrame) -> Any:
    given.shooju.write("Upload differences", sid="{series_id}", changed_from="server", connection=conn)


# --- managing series ------------------------------------------------------------------------------------------------


def theirs_update(conn: Any, given: Any) -> Any:
    with conn.register_job("Update fields", batch_size=500) as job:
        for series in conn.scroll(r"sid:desk\a", fields=["unit"]):
            job.write(f'sid="{series["series_id"]}"', fields={"unit": "GW", "zone": None})


def ours_update(conn: sj.Connection, given: Any) -> Any:
    conn.series.update_fields(r"sid:desk\a", {"unit": "GW", "zone": None}, max_series=10_000)


def theirs_move(conn: Any, given: Any) -> Any:
    with conn.register_job("Move a folder", batch_size=500) as job:
        for series in conn.scroll(r"sid:desk\a", fields=["*"], max_points=-1):
            target = "desk\\moved" + series["series_id"][len("desk\\a") :]
            query = f'sid="{series["series_id"]}"'
            for date in conn.get_reported_dates(query):
                report = conn.get_series(f"{query}@repdate:{date.isoformat()}", fields=["*"], max_points=-1)
                job.write_reported(f'sid="{target}"', date, fields=report["fields"], points=report.get("points") or [])
            job.write(f'sid="{target}"', fields=series["fields"], points=series.get("points") or [])
            job.delete_series(query)


def ours_move(conn: sj.Connection, given: Any) -> Any:
    conn.series.move(r"desk\a", r"desk\moved")


def theirs_compare(conn: Any, given: Any) -> Any:
    sides = []
    for folder in (r"desk\a", r"desk\b"):
        found = {}
        for series in conn.scroll(f"sid:{folder}", fields=["*"], max_points=-1):
            points = {point.date: point.value for point in series.get("points") or []}
            found[series["series_id"][len(folder) + 1 :]] = (series["fields"], points)
        sides.append(found)
    ours, others = sides
    return {
        name: sum(ours[name][1].get(date) != others[name][1].get(date) for date in {*ours[name][1], *others[name][1]})
        for name in ours.keys() & others.keys()
        if ours[name] != others[name]
    }


def ours_compare(conn: sj.Connection, given: Any) -> Any:
    found = conn.series.compare(r"desk\a", r"desk\b")
    return dict(zip(found["series_id"].str.removeprefix("desk\\a\\"), found["points"], strict=True))


def theirs_trim(conn: Any, given: Any) -> Any:
    with conn.register_job("Trim", batch_size=500) as job:
        for series in conn.scroll(r"sid:desk\a", df=CUT, dt="MAX", max_points=-1):
            job.write(
                f'sid="{series["series_id"]}"',
                points=[point for point in series.get("points") or [] if point.datetime >= CUT],
                remove_others="points",
            )


def ours_trim(conn: sj.Connection, given: Any) -> Any:
    conn.series.trim(r"sid:desk\a", before=CUT, max_series=10_000)


def theirs_delete(conn: Any, given: Any) -> Any:
    with conn.register_job("Delete", batch_size=500) as job:
        for series in conn.scroll(r"sid:desk\b"):
            job.delete_series(f'sid="{series["series_id"]}"')


def ours_delete(conn: sj.Connection, given: Any) -> Any:
    conn.series.delete(r"sid:desk\b", max_series=10_000)


def theirs_year_to_date(conn: Any, given: Any) -> Any:
    return sum(len(series.get("points") or []) for series in conn.scroll(r"sid:desk\a", df="-1yb", max_points=-1))


def ours_year_to_date(conn: sj.Connection, given: Any) -> Any:
    return sj.read_shooju(r"sid:desk\a", df="-1yb", connection=conn, layout="long").shape[0]


def prepare_year(conn: sj.Connection) -> None:
    """Monthly points of the last three years in folder a."""
    dates = pd.date_range(end=pd.Timestamp.now("UTC").floor("D"), periods=36, freq="30D", unit="ms")
    count = conn.catalog.count(r"sid:desk\a")
    frame = pd.DataFrame(1.0, dates, [rf"desk\a\{number}" for number in range(count)])
    frame.shooju.write("Recent", sid="{series_id}", connection=conn)


ROWS = [
    Row("environment variables checked by hand", theirs_settings, ours_settings),
    Row("reuse today's job", theirs_today, ours_today, lambda conn: conn.register_job("Nightly prices").job_id),
    Row("a newer job wrote the date", theirs_conflict, ours_conflict, prepare_conflict),
    Row("count the series of a query", theirs_count, ours_count),
    Row("distinct values of fields", theirs_facets, ours_facets),
    Row("fields of all series as a frame", theirs_fields, ours_fields),
    Row("wide upload with metadata", theirs_wide, ours_wide, prepare_upload, everything, for_each="object"),
    Row("long upload", theirs_long, ours_long, prepare_long, everything, for_each="object"),
    Row("upload under a report date", theirs_reported, ours_reported, prepare_reported, reported, for_each="object"),
    Row(
        "upload what differs from the server",
        theirs_differences,
        ours_differences,
        prepare_revised,
        everything,
        for_each="request",
    ),
    Row("update fields of a query", theirs_update, ours_update, left=everything, for_each="object"),
    Row("move a folder", theirs_move, ours_move, left=everything, for_each="request"),
    Row("compare two folders", theirs_compare, ours_compare),
    Row("remove the points before a date", theirs_trim, ours_trim, left=everything, for_each="object"),
    Row("delete by query", theirs_delete, ours_delete, left=everything, for_each="object"),
    Row("jobs that changed these series", theirs_jobs, ours_jobs),
    Row("the values as of each job", theirs_versions, ours_versions, prepare_versions),
    Row("what a job did", theirs_changes, ours_changes, prepare_correction, for_each="request"),
    Row("relative dates", theirs_year_to_date, ours_year_to_date, prepare_year),
]

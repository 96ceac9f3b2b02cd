"""The same program, run with the published client and with ours against one server, gives equal results.

Programs are generated: jobs of writes, reports and deletions, then every read that both clients have. Left out of them
is what the published client gets wrong, which tests of ours cover: orders of writes and deletions within one batch that
it loses, dates it moves (beyond 2262, or by a millisecond), headers that it merges, reads that it cannot mix.
"""

from __future__ import annotations

import datetime as dt
import io
import itertools
import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pandas_shooju.client import points as our_points
from pandas_shooju.client.connection import Connection as OurConnection
from pandas_shooju.client.points import Point as OurPoint
from pandas_shooju.errors import ShoojuApiError as OurApiError
from pandas_shooju.local import start

peer = pytest.importorskip("shooju")

NAMES = ("a", "b", r"c\d", "e f")
FIELDS = ("unit", "n", "tags")
#: what may stand beside other operations on its series in one batch, and what not
ORDERLY = ("write", "reported")
ALONE = ("delete", "delete_reported", "delete all reported")
KINDS = [
    *ORDERLY,
    *ALONE,
    "put",
    "put one",
    "put reported",
    "remove and put",
    "delete by id",
    "delete found",
    "by query",
]
DAY = 86_400
_programs = itertools.count(1)


@pytest.fixture(scope="module")
def clients():
    logging.getLogger("shooju_client").setLevel(logging.ERROR)
    with start(":memory:") as server:
        with OurConnection(server.url, "sam", "key") as conn, conn.register_job("fields of a formula") as job:
            # what a formula or a sort uses must be a field of some series, whatever a program writes
            job.write(r"sid=users\sam\formula", fields={"unit": "MW", "n": 1})
        yield peer.Connection(server.url, "sam", "key"), OurConnection(server.url, "sam", "key")


# --- programs ---

moments = st.integers(-5, 30).map(lambda days: dt.datetime(1999, 12, 30) + dt.timedelta(days=days, hours=days % 3))
numbers = st.floats(-1e9, 1e9).map(lambda value: round(value, 3)) | st.integers(-5, 5).map(float)
maybe_numbers = numbers | st.just(None)
point_lists = st.lists(st.tuples(moments, maybe_numbers), max_size=8)
field_dicts = st.dictionaries(
    st.sampled_from(FIELDS),
    st.sampled_from(["MW", "US$ bn", "ü", "a,b"]) | st.integers(0, 9) | st.lists(st.integers(0, 3), max_size=2),
    max_size=3,
)
report_dates = st.integers(1, 4).map(lambda day: dt.datetime(2001, 1, day))
writes = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["write"] * 6 + KINDS),
        "name": st.sampled_from(NAMES),
        "points": point_lists,
        "form": st.sampled_from(["points", "naive", "aware"]),
        "fields": field_dicts,
        "others": st.sampled_from([None, None, "points", "fields", "all"]),
        "reported": report_dates,
        "force": st.booleans(),
    }
)
jobs = st.tuples(st.sampled_from([1, 1, 3, 50]), st.lists(writes, min_size=1, max_size=8))
limits = st.sampled_from([None, "MIN", "MAX", "-1y", dt.date(2000, 1, 5), dt.datetime(2000, 1, 9, 12), 946_900_000_000])
reads = st.fixed_dictionaries(
    {
        "name": st.sampled_from([*NAMES, "missing"]),
        "fields": st.sampled_from([None, ["unit"], ["unit", "n"], ["*"], ["=unit {{unit}}"]]),
        "df": limits,
        "dt": limits,
        "max_points": st.sampled_from([0, 1, 3, -1]),
        "operator": st.sampled_from(["", "@A:M", "@lag:1y", "@localize:America/Chicago", "@repdate:2001-01-02"]),
        "serializer": st.sampled_from(["shooju_point", "milli_tuple", "pd_series", "pd_series_localized", "np_array"]),
        "include_job": st.booleans(),
        "sort": st.sampled_from([None, "n asc", "n desc", "unit asc, n desc"]),
        "max_series": st.sampled_from([None, None, 2, 3]),
        "batch_size": st.sampled_from([1, 2, 2500]),
    }
)


def settled(batch_size: int, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The operations whose outcome does not hang on the order within a batch that the published client gives up."""
    if batch_size == 1:
        return operations
    kept, touched, removed = [], set(), set()
    for operation in operations:
        name, kind = operation["name"], operation["kind"]
        if kind not in ORDERLY + ALONE or name in removed:
            continue
        if name in touched and (kind in ALONE or operation["others"]):
            continue
        if kind in ALONE:
            removed.add(name)
        touched.add(name)
        kept.append(operation)
    return kept


# --- running them ---


def made_points(point_class: type, operation: dict[str, Any]) -> Any:
    points = operation["points"]
    if operation["form"] == "points" or not points:
        return [point_class(moment, value) for moment, value in points]
    series = pd.Series(
        [value for _, value in points], pd.DatetimeIndex([moment for moment, _ in points]), dtype="float64"
    )
    return series if operation["form"] == "naive" else series.tz_localize("UTC").tz_convert("Europe/London")


def write_all(conn: Any, point_class: type, path: str, program: list[Any]) -> tuple[list[int], list[Any]]:
    """Write; gives the jobs' ids, and what the calls returned and the hooks were told."""
    ids, told = [], []
    for batch_size, operations in program:
        with conn.register_job("a generated program", batch_size=batch_size) as job:
            ids.append(job.job_id)
            job.add_post_submit_hook(lambda job_id, response: told.append(len(response["responses"])))
            for operation in settled(batch_size, operations):
                series_id = rf"{path}\{operation['name']}"
                query = f'sid="{series_id}"'
                points, fields, reported = (
                    made_points(point_class, operation),
                    operation["fields"],
                    operation["reported"],
                )
                as_list = [point_class(moment, value) for moment, value in operation["points"]]
                match operation["kind"]:
                    case "write":
                        job.write(query, fields=fields, points=points, remove_others=operation["others"])
                    case "reported":
                        job.write_reported(query, reported, fields=fields, points=points)
                    case "put":
                        job.put_points(series_id, as_list)
                        job.put_fields(series_id, fields)
                    case "put one":
                        job.put_point(series_id, point_class(operation["reported"], 1.5))
                        job.put_field(series_id, "n", 5)
                    case "put reported":
                        job.put_reported_points(series_id, reported, as_list)
                    case "remove and put":
                        job.remove_points(series_id)
                        if operation["force"]:
                            job.remove_fields(series_id)
                        job.put_points(series_id, as_list)
                    case "delete":
                        job.delete_series(query, force=operation["force"])
                    case "delete by id":
                        job.delete(series_id, force=operation["force"])
                    case "delete found":
                        told.append(job.delete_series(f"sid:{series_id}", one=False, force=operation["force"]))
                    case "by query":
                        told.append(job.delete_by_query(query, force=operation["force"]))
                    case "delete_reported":
                        job.delete_reported(query, [reported])
                    case "delete all reported":
                        job.delete_reported(query, delete_all=True)
    return ids, [count for count in told if count]


def read_all(conn: Any, serializers: Any, path: str, job_ids: list[int], program: list[Any]) -> list[Any]:
    def plain(value: Any, included_job: bool = False) -> Any:
        """A result as both clients must agree on it."""
        match value:
            case dict():
                return {key: plain(item, included_job) for key, item in sorted(value.items())}
            case str():
                return value.replace(path, "PATH")
            case np.ndarray():
                return [tuple(plain(cell) for cell in row) for row in np.asarray(value).tolist()]
            case pd.Series():
                index = value.index if value.index.tz is not None else value.index.tz_localize("UTC")
                zone = str(value.index.tz) if len(value) else None
                return [*zip(index.as_unit("ms").asi8.tolist(), value.tolist(), strict=True), zone]
            case list() | tuple():
                return [plain(item, included_job) for item in value]
            case float():
                return None if np.isnan(value) else value
        if type(value).__name__ == "Point":
            job = job_ids.index(value.job) if value.job in job_ids else value.job
            return (value.datetime, plain(value.value), job, value.date)
        return value

    def outcome(read: Callable[..., Any], *args: Any, **given: Any) -> Any:
        """What a read gives, or the code of its error."""
        try:
            return plain(read(*args, **given))
        except (peer.ShoojuApiError, OurApiError) as error:
            return f"error {str(error).split()[0]}"

    results: list[Any] = []
    mget, fields_by_id = conn.mget(), conn.mget()
    for read in program:
        query = rf'sid="{path}\{read["name"]}"{read["operator"]}'
        common = {key: read[key] for key in ("fields", "df", "dt", "max_points")}
        serializer = getattr(serializers, read["serializer"])
        jobs_asked = {"include_job": "y"} if read["include_job"] and read["serializer"] == "shooju_point" else None
        results.append(outcome(conn.get_series, query, serializer=serializer, extra_params=jobs_asked, **common))
        mget.get_series(query, serializer=serializer, **common)
        mget.get_reported_dates(rf'sid="{path}\{read["name"]}"')
        results.append(outcome(conn.get_reported_dates, rf'sid="{path}\{read["name"]}"'))
        fields_by_id.get_fields(rf"{path}\{read['name']}", fields=["unit", "n"])
        fields_by_id.get_points(rf"{path}\{read['name']}", max_points=2, serializer=serializers.milli_tuple)
        results.append(outcome(conn.get_fields, rf"{path}\{read['name']}", fields=["unit"]))
        results.append(outcome(conn.get_points, rf"{path}\{read['name']}", serializer=serializers.milli_tuple))
        found = conn.scroll(
            f'sid:"{path}"{read["operator"]}', serializer=serializer, sort=read["sort"], max_series=read["max_series"],
            batch_size=read["batch_size"], extra_params=jobs_asked, **common,
        )  # fmt: skip
        results.append(found.raw_response["total"])
        results.append([plain(series) for series in found])
        results.append(frame_in_rows(conn, path, read))
        results.append(frame_in_columns(conn, path, read))
    return [*results, outcome(mget.fetch), outcome(fields_by_id.fetch)]


def frame_in_rows(conn: Any, path: str, read: dict[str, Any]) -> Any:
    frame = conn.get_df(
        f'sid:"{path}"{read["operator"]}', ["unit", "n"], df=read["df"], dt=read["dt"], max_points=read["max_points"],
        sort=read["sort"], batch_size=read["batch_size"],
    )  # fmt: skip
    if not len(frame):
        return []
    rows = []
    for row in frame.to_dict("records"):
        # the published client leaves out a column that no series has
        unit, n = (
            value if isinstance(value, list) or pd.notna(value) else None for value in (row.get("unit"), row.get("n"))
        )
        instant = row["dt"].tz_convert("UTC") if "dt" in row else None
        rows.append((row["series_id"].replace(path, "PATH"), str(unit), n, instant, row.get("val")))
    return rows


def frame_in_columns(conn: Any, path: str, read: dict[str, Any]) -> Any:
    frame = conn.get_df(
        f'sid:"{path}"{read["operator"]}', [], series_axis="columns", df=read["df"], dt=read["dt"],
        max_points=read["max_points"], sort=read["sort"], batch_size=read["batch_size"],
    )  # fmt: skip
    headers = [header.replace(path, "PATH") for header in frame.columns]
    if not len(frame):
        return headers
    rows = [[None if pd.isna(value) else value for value in row] for row in frame.to_numpy().tolist()]
    return headers, frame.index.tz_convert("UTC").as_unit("ms").asi8.tolist(), rows


@given(st.lists(jobs, min_size=1, max_size=4), st.lists(reads, min_size=1, max_size=3))
@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_both_clients_give_equal_results(clients, write_program, read_program):
    theirs, ours = clients
    number = next(_programs)
    their_path, our_path = rf"users\sam\their{number}", rf"users\sam\our{number}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        their_jobs, their_returns = write_all(theirs, peer.Point, their_path, write_program)
        our_jobs, our_returns = write_all(ours, OurPoint, our_path, write_program)
        expected = read_all(theirs, peer.points_serializers, their_path, their_jobs, read_program)
        given_back = read_all(ours, our_points, our_path, our_jobs, read_program)
    assert given_back == expected
    assert sum(our_returns) == sum(their_returns)


def test_both_clients_move_files_alike(clients, tmp_path):
    contents = {}
    for name, conn in zip(("their", "our"), clients, strict=True):
        ids = [conn.upload_file(io.BytesIO(b"one"), "1.txt", custom_fields={"n": 1})]
        ids += conn.upload_files([{"fp": io.BytesIO(b"two"), "filename": "2.txt", "custom_fields": {"n": 2}}])
        upload = conn.init_multipart_upload("3.txt")
        upload.upload_part(1, io.BytesIO(b"th"))
        upload.upload_part(2, io.BytesIO(b"ree"))
        ids.append(upload.complete())
        abouts = [conn.raw.get(f"/files/{file_id}")["file"] for file_id in ids]
        told = [(about["name"], about["size"], about.get("custom")) for about in abouts]
        contents[name] = told, [conn.download_file(file_id, tmp_path / name).read() for file_id in ids]
    assert contents["our"] == contents["their"]
    assert contents["our"][1] == [b"one", b"two", b"three"]

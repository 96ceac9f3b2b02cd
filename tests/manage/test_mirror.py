"""A mirror equals its source after each refresh, whatever happened in between, and reads only what has changed."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import local
from pandas_shooju.local import maintenance
from pandas_shooju.manage import states
from tests.client import faults

DAY = 86_400_000
META = ("job", "updated_at", "created_at", "updated_by", "reppdates_min", "reppdates_max", "repfdates_max")


class Count(sj.BaseHook):
    """Counts requests, and at one of them does something else first."""

    def __init__(self) -> None:
        self.requests = 0
        self.at: int | None = None
        self.then: Any = None

    def before_request(self, request: sj.Request) -> sj.Request:
        self.requests += 1
        if self.requests == self.at:
            self.at = None
            self.then(request)
        return request


@pytest.fixture
def hook():
    return Count()


@pytest.fixture
def source(hook):
    with sj.Connection("local::memory:", hooks=[hook], retries=1) as connection:
        yield connection


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mirror.sqlite"


def fill(conn: sj.Connection, count: int = 20, description: str = "Fill the store") -> None:
    with conn.register_job(description, batch_size=100) as job:
        for number in range(count):
            job.write(rf"sid=desk\{number}", points=[(0, number), (DAY, number + 0.5)], fields={"n": number})


def content(conn: sj.Connection, query: str) -> dict[str, Any]:
    """Everything that a mirror copies: fields, meta data, points with jobs and times, reports."""
    fields = ",".join(["*", *(f"meta.{name}" for name in META)])
    params = {"fields": fields, "max_points": -1, "include_job": "y", "include_timestamp": "y"}
    found = {}
    for item in conn.raw.get("/series", params={**params, "query": query, "per_page": 1000})["series"]:
        reports = {}
        for date in conn.get_reported_dates(f'sid="{item["series_id"]}"'):
            text = date.isoformat(timespec="milliseconds")
            of_date = f'sid="{item["series_id"]}"@repdate:{text}@repfdate:{text}'
            answer = conn.raw.post("/series", params={**params, "fields": "*"}, data_json={"series_queries": [of_date]})
            reports[text] = {name: answer["series"][0].get(name) for name in ("fields", "points")}
        found[item["series_id"]] = {**item, "reports": reports}
    return found


def offline(mirror: sj.Mirror) -> sj.Connection:
    return sj.Connection(f"local:{mirror.path}")


def assert_equal(mirror: sj.Mirror, source: sj.Connection, query: str) -> None:
    with offline(mirror) as conn:
        assert content(conn, "") == content(source, query)
    assert mirror.series == len(content(source, query))
    assert maintenance.check(mirror.path) == []


def test_a_copy_has_fields_points_reports_jobs_and_times(source, path):
    with source.register_job("Prices") as job:
        job.write(r"sid=desk\a", fields={"unit": "MW", "tags": ["x", "y"], "size": {"n": 1}}, points=[(0, 1.0)])
        job.write(r"sid=other\b", points=[(0, 1.0)])
    with source.register_job("Forecasts") as job:
        job.write(r"sid=desk\a", points=[(DAY, 2.0)])
        for day in (1, 2):
            reported = datetime.datetime(2024, 1, day)
            job.write_reported(r"sid=desk\a", reported, points=[(0, day)], fields={"model": str(day)})
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror, offline(mirror) as conn:
        assert_equal(mirror, source, "sid:desk")
        (series,) = content(conn, "").values()
        assert series["points"].jobs.tolist() == [1, 2]
        assert len(series["reports"]) == 2
        frame = pd.read_shooju("*", connection=conn, include_job=True, layout="long")
        assert frame["job"].tolist() == [1, 2]
        assert [job["description"] for job in conn.raw.get("/jobs")["results"]] == ["Forecasts", "Prices"]
        assert conn.raw.get("/jobs/1") == source.raw.get("/jobs/1")


def test_series_are_in_the_order_of_the_source(source, path, monkeypatch):
    monkeypatch.setattr(states, "_BATCHES", ((1, 3), (10, 2)))
    with source.register_job("Sizes") as job:
        for number in (5, 3, 9, 1, 7):
            job.write(rf"sid=desk\{number}", points=[(day * DAY, 1.0) for day in range(number)])
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror, offline(mirror) as conn:
        assert [series["series_id"] for series in conn.scroll()] == [
            series["series_id"] for series in source.scroll("sid:desk")
        ]
        assert_equal(mirror, source, "sid:desk")


def test_a_refresh_reads_only_what_jobs_have_touched(source, path, hook):
    fill(source, 500)
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror:
        assert mirror.refresh()[:3] == (0, 0, 500)
        with source.register_job("Five of them") as job:
            for number in range(5):
                job.write(rf"sid=desk\{number}", points=[(0, -1.0)])
        with source.register_job("Elsewhere") as job:
            job.write(r"sid=elsewhere\1", points=[(0, -1.0)])
        before = hook.requests
        assert mirror.refresh()[:3] == (5, 0, 500)
        assert hook.requests - before <= 7
        assert_equal(mirror, source, "sid:desk")


def test_a_job_that_is_still_open_is_read_again(source, path):
    job = source.register_job("Open")
    job.write(r"sid=desk\a", points=[(0, 1.0)])
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror:
        job.write(r"sid=desk\a", points=[(0, 2.0)])
        assert mirror.refresh().read == 1
        job.finish()
        mirror.refresh()
        assert mirror.refresh().read == 0
        assert_equal(mirror, source, "sid:desk")


def test_as_many_new_series_as_deleted_ones(source, path):
    fill(source)
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror:
        with source.register_job("Moved") as job:
            job.write(r"sid=desk\moved", points=[(0, 1.0)])
            job.delete_series(r"sid=desk\3")
        assert mirror.refresh()[:3] == (1, 1, 20)
        assert_equal(mirror, source, "sid:desk")


def test_a_series_that_no_longer_matches_is_removed_and_one_that_does_is_added(source, path):
    with source.register_job("Countries") as job:
        job.write("sid=a", fields={"country": "CN"}, points=[(0, 1.0)])
        job.write("sid=b", fields={"country": "US"}, points=[(0, 2.0)])
    with closing(sj.mirror("country=CN", path, connection=source)) as mirror:
        with source.register_job("Swapped") as job:
            job.write("sid=a", fields={"country": "US"})
            job.write("sid=b", fields={"country": "CN"})
        assert mirror.refresh()[:3] == (1, 1, 1)
        assert_equal(mirror, source, "country=CN")


def test_a_query_with_a_comparison_follows_what_drops_out_of_it(source, path):
    fill(source)
    with closing(sj.mirror("n>=10", path, connection=source)) as mirror:
        with source.register_job("Smaller") as job:
            job.write(r"sid=desk\15", fields={"n": 1})
            job.write(r"sid=desk\5", fields={"n": 100})
        mirror.refresh()
        assert_equal(mirror, source, "n>=10")


def without_users(found: dict[str, Any]) -> dict[str, Any]:
    for series in found.values():
        series["fields"].pop("meta.updated_by", None)
    return found


class WithoutJobs(sj.BaseHook):
    """Asks for something that does not exist in place of jobs."""

    def before_request(self, request: sj.Request) -> sj.Request:
        request.url = request.url.replace("/api/1/jobs", "/api/1/nothing")
        return request


def test_without_a_list_of_jobs_the_time_of_the_last_change_tells(path, tmp_path):
    address = f"local:{tmp_path / 'source.sqlite'}"
    with sj.Connection(address) as writing, sj.Connection(address, hooks=[WithoutJobs()]) as source:
        fill(writing, 300)
        with closing(sj.mirror("sid:desk", path, connection=source)) as mirror:
            with writing.register_job("Two") as job:
                job.write(r"sid=desk\7", points=[(0, -1.0)])
                job.write(r"sid=desk\new", points=[(0, -1.0)])
                job.delete_series(r"sid=desk\8")
            # what the last call before had written has the time of the last change, and is read again
            assert mirror.refresh().read <= 102
            with offline(mirror) as conn:  # of jobs, only the numbers are known
                assert without_users(content(conn, "")) == without_users(content(source, "sid:desk"))


def test_writes_without_a_job_are_found(source, path):
    fill(source)
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror:
        item = {"series_id": r"desk\3", "points": [[0, -7.0]]}
        source.raw.post("/series/write", data_json={"series": [item]})
        assert mirror.refresh().read == 1
        assert_equal(mirror, source, "sid:desk")


def test_an_empty_query_and_an_empty_result(source, path, tmp_path):
    with closing(sj.mirror("", path, connection=source)) as mirror:
        assert mirror.series == 0
        fill(source, 3)
        assert mirror.refresh().read == 3
        assert_equal(mirror, source, "")


def test_over_a_socket(socket_conn, path):
    fill(socket_conn)
    with closing(sj.mirror("sid:desk", f"local:{path}", connection=socket_conn)) as mirror:
        fill(socket_conn, 3, "Once more")
        mirror.refresh()
        assert_equal(mirror, socket_conn, "sid:desk")


def test_a_series_that_cannot_be_read_stops_the_copy_whatever_the_options(path, monkeypatch):
    monkeypatch.setattr(sj.options, "return_series_errors", True)
    refused = {"success": True, "series": [{"error": "forbidden", "description": "not yours"}] * 3}
    with (
        local.start() as server,
        faults.proxy(server.url) as proxy,
        sj.Connection(proxy.url, "sam", "key") as source,
    ):
        fill(source, 3)
        proxy.fail(faults.answer(json.dumps(refused).encode()), when=lambda seen: b"series_queries" in seen.body)
        with pytest.raises(sj.ShoojuApiError, match=r"not yours, in the query 'sid=.*desk"):
            sj.mirror("sid:desk", path, connection=source)
        with closing(sj.mirror("sid:desk", path, connection=source)) as mirror:
            assert mirror.series == 3


# --- interruptions ----------------------------------------------------------------------------------------------------


def unplug(request: sj.Request) -> None:
    """Send the request to a port that nobody listens on."""
    request.url = "http://127.0.0.1:1/api/1/series"


def interrupt(request: sj.Request) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("fault", "error"), [(unplug, sj.ConnectionError), (interrupt, KeyboardInterrupt)])
def test_a_first_copy_goes_on_where_it_was_interrupted(source, path, hook, monkeypatch, fault, error):
    monkeypatch.setattr(states, "_BATCHES", ((1_000, 2),))
    fill(source, 60)
    hook.at, hook.then = hook.requests + 20, fault
    with pytest.raises(error):
        sj.mirror("sid:desk", path, connection=source)
    with sj.Mirror(path, connection=source) as mirror:
        assert not mirror.complete
        assert mirror.age is None
        held, todo = mirror.series, mirror.info.todo
        assert held > 0
        assert held + todo == 60
        assert f"incomplete, {held} series copied and {todo} to go" in repr(mirror)
        with offline(mirror) as conn:
            for read in (
                lambda: conn.get_series(r"sid=desk\0"),
                lambda: list(conn.scroll()),
                lambda: conn.raw.get("/jobs"),
            ):
                with pytest.raises(sj.ShoojuApiError, match="mirror_incomplete"):
                    read()
    again = sj.mirror("sid:desk", path, connection=source)
    with closing(again):
        assert again.complete
        assert_equal(again, source, "sid:desk")


@pytest.mark.parametrize("at", range(1, 12))
def test_a_refresh_goes_on_wherever_it_was_interrupted(source, path, hook, monkeypatch, at):
    monkeypatch.setattr(states, "_BATCHES", ((1_000, 2),))
    fill(source)
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror:
        before = mirror.refreshed_at
        fill(source, 8, "Eight once more")
        with source.register_job("Others") as job:
            for number in range(8):
                job.write(rf"sid=desk\{number}", points=[(0, -1.0)])
            job.delete_series(r"sid=desk\9")
            job.write_reported(r"sid=desk\10", datetime.datetime(2024, 1, 1), points=[(0, 1.0)])
        hook.at, hook.then = hook.requests + at, unplug
        with pytest.raises(sj.ConnectionError):
            mirror.refresh()
        assert mirror.refreshed_at == before
        with offline(mirror) as conn:
            read = content(conn, "")
        assert len(read) == 20
        for number in range(8):  # each of them as a whole
            points = read[rf"desk\{number}"]["points"].values.tolist()
            assert points in ([number, number + 0.5], [-1.0, number + 0.5])
        # what is written meanwhile is not forgotten either
        with source.register_job("Meanwhile") as job:
            job.write(r"sid=desk\0", points=[(0, -2.0)])
            job.write(r"sid=desk\19", points=[(0, -2.0)])
        mirror.refresh()
        assert mirror.refreshed_at > before
        assert_equal(mirror, source, "sid:desk")


def test_a_process_that_is_killed_loses_nothing(tmp_path, path):
    address = f"local:{tmp_path / 'source.sqlite'}"
    script = f"""
import os, signal
import pandas_shooju as sj
from pandas_shooju.manage import states
states._BATCHES = ((1_000, 2),)

class Kill(sj.BaseHook):
    requests = 0
    def before_request(self, request):
        self.requests += 1
        if self.requests == 15:
            os.kill(os.getpid(), signal.SIGKILL)
        return request

sj.mirror("sid:desk", {str(path)!r}, connection=sj.Connection({address!r}, hooks=[Kill()]))
"""
    with sj.Connection(address) as conn:
        fill(conn, 60)
        done = subprocess.run([sys.executable, "-c", script], env=os.environ, timeout=300, check=False)
        assert done.returncode == -signal.SIGKILL
        with sj.Mirror(path) as mirror:
            assert not mirror.complete
            mirror.refresh()  # the source is known by its name
            assert_equal(mirror, conn, "sid:desk")


def test_another_program_that_refreshes_at_the_same_time_is_noticed(source, path, hook):
    fill(source)
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror, sj.Mirror(path, connection=source) as other:
        fill(source, 5, "Five once more")
        hook.at, hook.then = hook.requests + 4, lambda request: other.refresh()
        with pytest.raises(sj.ShoojuApiError, match="another program"):
            mirror.refresh()
        mirror.refresh()
        assert_equal(mirror, source, "sid:desk")


def test_a_series_that_is_deleted_during_the_copy(source, path, hook):
    fill(source)
    hook.at = hook.requests + 5

    def delete(request: sj.Request) -> None:
        with source.register_job("Meanwhile") as job:
            job.delete_series(r"sid=desk\4")

    hook.then = delete
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror:
        mirror.refresh()
        assert_equal(mirror, source, "sid:desk")


# --- reading and writing offline --------------------------------------------------------------------------------------


def test_a_mirror_is_read_offline_and_says_how_old_it_is(source, path):
    fill(source)
    began = datetime.datetime.now(datetime.UTC)
    sj.mirror("sid:desk", path, connection=source).close()
    source.close()
    with sj.Connection(f"local:{path}") as conn:
        assert pd.read_shooju("sid:desk", connection=conn).shape == (2, 20)
        info = conn.mirror
        assert info.source.startswith("local::memory:")
        assert (info.query, info.series, info.todo) == ("sid:desk", 20, 0)
        assert datetime.timedelta(0) <= info.age <= datetime.datetime.now(datetime.UTC) - began + datetime.timedelta(1)
        assert f"mirror of 'sid:desk' on {info.source}, as of {info.refreshed_at:%Y-%m-%d %H:%M} UTC" in repr(conn)
    with sj.Mirror(path) as mirror:
        assert (mirror.query, mirror.series, mirror.complete) == ("sid:desk", 20, True)
        assert "as of" in repr(mirror)
    assert "closed" in repr(mirror)


def test_connecting_to_an_old_mirror_warns(source, path):
    fill(source, 1)
    sj.mirror("sid:desk", path, connection=source).close()
    with sj.Connection(f"local:{path}") as conn:
        held = conn.raw.get("/mirror")["mirror"]
        held["state"]["refreshed_at"] -= 50 * 3_600_000
        body = {"version": held["version"], "complete": True, "state": held["state"]}
        conn.raw.post("/mirror", data_json=body)
        assert "(2 days ago)" in repr(conn)
    with pytest.warns(UserWarning, match="last refreshed 2 days ago; to bring it up to date") as caught:
        sj.Connection(f"local:{path}").close()
    assert caught[0].filename == __file__


def test_other_connections_are_no_mirrors(source, socket_conn, tmp_path):
    for conn in (source, socket_conn, sj.Connection(f"local:{tmp_path / 'new.sqlite'}")):
        assert conn.mirror is None
        assert "mirror" not in repr(conn)
    assert not (tmp_path / "new.sqlite").exists()


WRITES = {
    "register": lambda conn: conn.register_job("A job"),
    "finish": lambda conn: conn.raw.post("/jobs/1/finish", data_json={}),
    "write": lambda conn: conn.raw.post("/series/write", params={"job_id": 1}, data_json={"series": []}),
    "write without a job": lambda conn: conn.raw.post("/series/write", data_json={"series": [{"series_id": "a"}]}),
    "delete": lambda conn: conn.raw.delete("/series/delete", data_json={"query": r"sid=desk\1", "job_id": 1}),
    "frame": lambda conn: (
        pd.DataFrame({"a": [1.0]}, index=pd.DatetimeIndex(["2024-01-01"], tz="UTC"))
        .rename_axis(columns="name")
        .shooju.write("A frame", sid=r"desk\{name}", connection=conn)
    ),
    "multipart": lambda conn: conn.raw.post("/files/multipart/init", data_json={"filename": "a.txt"}),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writing_to_a_mirror_is_refused(source, path, write):
    fill(source)
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror, offline(mirror) as conn:
        with pytest.raises(sj.ShoojuApiError, match=r"read_only .*mirror of local::memory:\w+ as of .* UTC and cannot"):
            write(conn)
        assert_equal(mirror, source, "sid:desk")


READS = {
    "asof": lambda conn: conn.get_series(r"sid=desk\1@asof:j1"),
    "asof in an expression": lambda conn: conn.get_series(r"={{sid=desk\1@asof:j1}}*2", max_points=-1),
    "asof of a frame": lambda conn: list(conn.scroll("sid:desk@asof:2024-01-01")),
    "job": lambda conn: list(conn.scroll("job:1")),
    "diff": lambda conn: conn.raw.get("/series", params={"query": r"sid=desk\1", "diff_job_id": 1}),
    "filter": lambda conn: conn.raw.get("/jobs", params={"filter": "sid:desk"}),
    "report dates of a job": lambda conn: conn.raw.get("/series/reported_dates", params={"job_id": 1}),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_a_mirror_cannot_know_is_refused(source, path, read):
    fill(source)
    read(source)
    sj.mirror("sid:desk", path, connection=source).close()
    refused = pytest.raises(sj.ShoojuApiError, match="a mirror holds the present, without the past")
    with sj.Connection(f"local:{path}") as conn, refused:
        read(conn)


# --- wrong use --------------------------------------------------------------------------------------------------------


def test_a_mirror_needs_an_empty_file(source, tmp_path):
    fill(source)
    with sj.Connection(f"local:{tmp_path / 'own.sqlite'}") as own:
        fill(own, 2)
        with pytest.raises(sj.ShoojuApiError, match="only an empty store can become a mirror"):
            sj.mirror("sid:desk", tmp_path / "own.sqlite", connection=source)
        with pytest.raises(ValueError, match="another file than the store that it copies"):
            sj.mirror("sid:desk", tmp_path / "own.sqlite", connection=own)
        assert own.mirror is None
        with own.register_job("Still a store of its own") as job:
            job.write("sid=a", points=[(0, 1.0)])
    with pytest.raises(sj.ConfigurationError, match="there is no mirror at"):
        sj.Mirror(tmp_path / "own.sqlite")
    with pytest.raises(sj.ConfigurationError, match="there is no mirror at"):
        sj.Mirror(tmp_path / "nothing.sqlite")
    assert not (tmp_path / "nothing.sqlite").exists()
    for to in ("local::memory:", "local", ":memory:", ""):
        with pytest.raises(ValueError, match="needs a file of its own"):
            sj.mirror("sid:desk", to, connection=source)


def test_a_mirror_is_of_one_query_and_one_server(source, path, conn, tmp_path):
    fill(source)
    with closing(sj.mirror("sid:desk", path, connection=source)) as mirror:
        with pytest.raises(ValueError, match=r"'sid:other' on .* and is one of 'sid:desk'"):
            sj.mirror("sid:other", path, connection=source)
        with pytest.raises(ValueError, match="must be a new file, or a mirror of 'sid:desk' on"):
            sj.mirror("sid:desk", path, connection=conn)
        with sj.Mirror(path, connection=conn) as wrong, pytest.raises(ValueError, match="connection must be to"):
            wrong.refresh()
        with offline(mirror) as copy, pytest.raises(ValueError, match="must be made of the server itself"):
            sj.mirror("sid:desk", tmp_path / "second.sqlite", connection=copy)
        sj.mirror("sid:desk ", f"local:{path}", connection=source).close()  # refreshes it


@pytest.mark.parametrize("query", ["sid:desk@A:M", r"={{sid=desk\1}}*2", r'"a@b" x@localize'])
def test_a_query_has_no_operators(source, path, query):
    with pytest.raises(ValueError, match="without operators or expressions"):
        sj.mirror(query, path, connection=source)
    assert not path.exists()


def test_a_query_that_the_server_refuses(source, path):
    with pytest.raises(sj.ShoojuApiError, match=r"meta\.colour"):
        sj.mirror("meta.colour=red", path, connection=source)


def test_ids_and_values_with_signs_of_the_query_language(source, path):
    with source.register_job("Signs") as job:
        for series_id in (r"desk\a@b", r"desk\5\" pipe", r"desk\(x) OR *", r"desk\ÄÖ"):
            job.write(sj.query.series(series_id), points=[(0, 1.0)], fields={"unit": "a@b"})
    with closing(sj.mirror('unit="a@b"', path, connection=source)) as mirror, offline(mirror) as conn:
        assert sorted(s["series_id"] for s in conn.scroll(fields="unit")) == sorted(
            s["series_id"] for s in source.scroll(fields="unit")
        )
        assert mirror.series == 4


# --- any changes ------------------------------------------------------------------------------------------------------

ids = st.sampled_from([rf"desk\{name}" for name in "abcde"] + [r"DESK\A", r"other\f"])
points = st.lists(
    st.tuples(st.integers(0, 3).map(lambda day: day * DAY), st.sampled_from([1.0, 2.0, 3.0, None])).map(list),
    max_size=3,
)
fields = st.dictionaries(st.sampled_from(["unit", "n"]), st.sampled_from(["MW", 1, None]), max_size=2)
dates = st.sampled_from([None, None, 10 * DAY, 20 * DAY])
items = st.fixed_dictionaries(
    {"type": st.just("POST"), "series_id": ids, "points": points, "fields": fields, "reported_date": dates},
    optional={"keep_only": st.sampled_from(["points", "fields", "all"])},
) | st.fixed_dictionaries(
    {"type": st.just("DELETE"), "series_id": ids, "force": st.booleans()},
    optional={"reported_date": st.sampled_from(["all", 10 * DAY])},
)
#: a job: its items, whether it writes meta data, and whether it is finished
works = st.tuples(st.lists(items, min_size=1, max_size=4), st.booleans(), st.booleans())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(works, max_size=3), min_size=2, max_size=4), st.sampled_from(["sid:desk", "unit=MW", ""]))
def test_a_mirror_equals_its_source_after_each_refresh(rounds, query):
    with tempfile.TemporaryDirectory() as folder, sj.Connection("local::memory:") as source:
        mirror = None
        for jobs in rounds:
            for written, meta, finished in jobs:
                job = source.raw.post("/jobs/", data_json={"description": "Random"})["job_id"]
                params = {"job_id": job, "skip_meta_if_no_fields": str(not meta).lower()}
                source.raw.post("/series/write", params=params, data_json={"series": written})
                if finished:
                    source.raw.post(f"/jobs/{job}/finish", data_json={})
            if mirror is None:
                mirror = sj.mirror(query, Path(folder) / "mirror.sqlite", connection=source)
            else:
                mirror.refresh()
            assert_equal(mirror, source, query)
        mirror.close()

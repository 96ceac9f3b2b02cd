"""`conn.jobs`: finding jobs, what they did, attaching to them, reusing today's; servers that tell less."""

from __future__ import annotations

import datetime
import json
import pickle
import time
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pandas as pd
import pytest
import requests

import pandas_shooju as sj
from pandas_shooju import formats, local
from pandas_shooju.local.adapter import WSGIAdapter
from tests.manage.histories import everything

DAY = 86_400_000
MINUTE = 60_000
URL = "http://127.0.0.1:1"


def write(conn, description, *writes, **given):
    """Register a job, write under it, and return its id."""
    with conn.register_job(description, **given) as job:
        for query, arguments in writes:
            job.write(query, **arguments)
    return job.job_id


@pytest.fixture
def one_day():
    """Wait for midnight (UTC) if it is near, so that it does not pass during a test of what happened today."""
    while DAY - time.time_ns() // 1_000_000 % DAY < MINUTE:
        time.sleep(0.1)


@pytest.fixture
def three(conn, one_day):
    """Three jobs: the first creates two series, the second corrects, the third adds."""
    write(
        conn, "Nightly prices DE",
        ("sid=a", {"points": [(0, 1.0), (DAY, 2.0), (2 * DAY, 3.0)], "fields": {"unit": "MW", "n": 1}}),
        (r"sid=users\sam\b", {"points": [(0, 1.0)]}),
    )  # fmt: skip
    write(
        conn, "Corrections",
        ("sid=a", {"points": [(0, 1.5), (DAY, None), (3 * DAY, 4.0)], "fields": {"unit": "GW", "n": None, "z": [1]}}),
    )  # fmt: skip
    write(conn, "Nightly prices FR", (r"sid=users\sam\b", {"points": [(DAY, 2.0)]}))
    return conn


# --- finding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ({}, [3, 2, 1]),
        ({"description": "Nightly prices"}, [3, 1]),
        ({"description": 'Nightly" prices*'}, []),
        ({"since": "0db"}, [3, 2, 1]),
        ({"since": "1d"}, []),
        ({"until": "-1db +2h"}, []),
        ({"since": datetime.date(2000, 1, 1), "until": datetime.datetime(2200, 1, 1)}, [3, 2, 1]),
        ({"since": pd.Timestamp("2200-01-01", tz="Europe/Berlin")}, []),
        ({"user": "local"}, [3, 2, 1]),
        ({"user": "ann"}, []),
        ({"filter": r"sid:users\sam"}, [3, 1]),
        ({"query": "stats.deleted_points>0 OR description=Nightly*FR"}, [3, 2]),
        ({"query": "stats.deleted_points>0 OR id=1", "description": "Nightly"}, [1]),
        ({"limit": 2}, [3, 2]),
        ({"limit": 0}, []),
    ],
)
def test_finding_jobs(three, arguments, ids):
    assert three.jobs.find(**arguments).index.tolist() == ids


def test_the_frame_of_jobs(three):
    frame = three.jobs.find(filter="sid=a")
    assert frame.index.name == "job"
    assert frame.columns.tolist() == [
        "description", "user", "source", "created_at", "updated_at", "finished_at", "new_series", "new_points",
        "changed_points", "deleted_points", "series_changed", "series_added_to", "series_deleted_from", "page",
    ]  # fmt: skip
    row = frame.loc[2]
    assert (row["description"], row["user"], row["source"]) == ("Corrections", "local", "python")
    assert row["finished_at"] >= row["updated_at"] >= row["created_at"]
    assert (row["new_points"], row["changed_points"], row["deleted_points"]) == (1, 1, 1)
    assert (row["series_changed"], row["series_added_to"], row["series_deleted_from"]) == (1, 1, 1)
    assert pd.isna(row["page"])  # an embedded store has no pages for people
    for name in ("created_at", "updated_at", "finished_at"):
        assert frame[name].dtype == "datetime64[ms, UTC]"
    empty = three.jobs.find("none")
    assert len(empty) == 0
    assert empty.dtypes.equals(three.jobs.find().dtypes)


def test_all_pages_of_jobs_are_read(conn, monkeypatch):
    from pandas_shooju.manage import jobs

    monkeypatch.setattr(jobs, "_PAGE", 2)
    for number in range(5):
        conn.register_job(f"job {number}")
    assert conn.jobs.find(limit=None).index.tolist() == [5, 4, 3, 2, 1]
    assert conn.jobs.find(limit=3).index.tolist() == [5, 4, 3]


def test_jobs_by_their_ids(three):
    assert three.jobs.describe([3, 1, 99, 1])["description"].to_dict() == {
        1: "Nightly prices DE", 3: "Nightly prices FR",
    }  # fmt: skip
    assert len(three.jobs.describe([])) == 0


def test_a_job(three):
    record = three.jobs[2]
    assert (record.id, record.description, record.user, record.no_history) == (2, "Corrections", "local", False)
    assert record.created_at <= record.updated_at <= record.finished_at
    assert record.created_at.tzinfo is datetime.UTC
    assert record.series == ["a"]
    assert record.page is None
    assert "Corrections" in repr(record)
    assert three.jobs[np.int64(2)] == record
    with pytest.raises(sj.ShoojuApiError, match="job 99 does not exist"):
        three.jobs[99]
    with pytest.raises(TypeError, match=r"must be an integer or a job, such as result\.job, got '2'"):
        three.jobs["2"]
    with pytest.raises(ValueError, match="must be a positive integer, got -1"):
        three.jobs[-1]
    with pytest.raises(ValueError, match="limit must be a non-negative"):
        three.jobs.find(limit=-1)
    with pytest.raises(ValueError, match="limit must be a non-negative number of jobs or None, got limit='1'"):
        three.jobs.find(limit="1")


def test_a_job_is_found_by_the_job_object_of_a_write(conn):
    result = pd.Series([1.0], [pd.Timestamp("2024-01-01")]).shooju.write("Prices", sid="a", connection=conn)
    assert conn.jobs[result.job] == conn.jobs[result.job.job_id]


# --- changes ----------------------------------------------------------------------------------------------------


def rows(frame):
    return [
        tuple(None if isinstance(cell, float | type(pd.NaT)) and cell != cell else cell for cell in row)
        for row in frame.astype(object).itertuples(index=False, name=None)
    ]


def day(number):
    return pd.Timestamp(number * DAY, unit="ms", tz="UTC")


def test_the_changes_of_a_job(three):
    frame = three.jobs[2].changes()
    assert frame.columns.tolist() == ["series_id", "dt", "old", "new", "kind", "field", "reported_date"]
    assert frame["dt"].dtype == frame["reported_date"].dtype == "datetime64[ms, UTC]"
    assert rows(frame) == [
        ("a", day(3), None, 4.0, "added", None, None),
        ("a", day(0), 1.0, 1.5, "changed", None, None),
        ("a", day(1), 2.0, None, "deleted", None, None),
        ("a", None, "MW", "GW", "changed", "unit", None),
        ("a", None, 1, None, "deleted", "n", None),
        ("a", None, None, [1], "added", "z", None),
    ]
    points = three.jobs[3].changes()
    assert points["old"].dtype == points["new"].dtype == np.float64
    assert rows(points) == [(r"users\sam\b", day(1), None, 2.0, "added", None, None)]


def test_changes_of_reports_and_of_whole_series(conn):
    write(conn, "first", ("sid=gone", {"points": [(0, 1.0)]}))
    job = conn.register_job("second")
    job.write_reported("sid=gone", datetime.date(1970, 1, 5), points=[(0, 2.0)], fields={"a": 1})
    job.write("sid=new", points=[(0, 3.0)])
    job.delete_series("sid=gone")
    assert rows(conn.jobs[job.job_id].changes()) == [
        ("gone", day(0), None, 2.0, "added", None, day(4)),
        ("gone", None, None, 1, "added", "a", day(4)),
        ("new", None, None, None, "series created", None, None),
        ("new", day(0), None, 3.0, "added", None, None),
        ("gone", None, None, None, "series deleted", None, None),
    ]
    summary = conn.jobs[job.job_id].summary()
    assert summary["series"] == {"created": 1, "changed": 1, "deleted": 1}
    assert summary["reported_points"] == summary["reported_fields"] == {"added": 1, "changed": 0, "deleted": 0}


def test_a_job_that_did_nothing(conn):
    job = write(conn, "idle")
    frame = conn.jobs[job].changes()
    assert len(frame) == 0
    assert frame["dt"].dtype == "datetime64[ms, UTC]"
    assert frame["old"].dtype == np.float64
    undo = conn.jobs[job].undo()
    assert str(undo) == "job 1 was undone by job 2: nothing to restore"
    assert len(conn.jobs[job].undo(dry_run=True)) == 0


def test_a_summary_is_json(three):
    summary = json.loads(json.dumps(three.jobs[2].summary()))
    assert summary["job"] == 2
    assert summary["description"] == "Corrections"
    assert summary["user"] == "local"
    assert summary["page"] is None
    assert datetime.datetime.fromisoformat(summary["created_at"]) == three.jobs[2].created_at
    assert summary["series"] == {"created": 0, "changed": 1, "deleted": 0}
    assert summary["points"] == {"added": 1, "changed": 1, "deleted": 1}
    assert summary["fields"] == {"added": 1, "changed": 1, "deleted": 1}
    assert three.jobs[1].summary()["series"] == {"created": 2, "changed": 0, "deleted": 0}


def test_what_a_job_without_history_did_is_not_known(conn):
    job = write(conn, "bulk", ("sid=a", {"points": [(0, 1.0)]}), no_history=True)
    with pytest.raises(sj.ShoojuApiError, match="no_history"):
        conn.jobs[job].changes()


def test_a_mirror_knows_jobs_but_not_what_they_did(three, tmp_path):
    path = f"local:{tmp_path / 'mirror.sqlite'}"
    sj.mirror("*", path, connection=three)
    with sj.Connection(path) as mirror:
        assert mirror.jobs.find("Corrections").index.tolist() == [2]
        for method in (mirror.jobs[2].changes, mirror.jobs[2].summary, mirror.jobs[2].undo):
            with pytest.raises(sj.ShoojuApiError, match="not supported by a mirror"):
                method()


# --- attaching, and today's job ---------------------------------------------------------------------------------


def test_workers_attach_to_a_job_that_its_owner_finishes(conn):
    owner = conn.register_job("all countries")
    with conn.jobs[owner.job_id].attach(batch_size=10) as worker:
        worker.write("sid=a", points=[(0, 1.0)])
        assert worker.pending == 1
    worker.finish()
    assert conn.jobs[owner.job_id].finished_at is None
    frame = pd.DataFrame({"b": [1.0]}, index=pd.date_range("2024-01-01", periods=1, tz="UTC", name="dt"))
    frame.shooju.write(conn.jobs[owner.job_id].attach(), sid={"b": "b"})
    assert conn.jobs[owner.job_id].series == ["a", "b"]
    owner.finish()
    assert conn.jobs[owner.job_id].finished_at is not None
    with pytest.raises(ValueError, match="the job must be open, and job 1 is finished"):
        conn.jobs[owner.job_id].attach()


def test_attached_jobs_are_sent_to_other_processes(tmp_path):
    with sj.Connection(f"local:{tmp_path / 'store.sqlite'}") as conn:
        owner = conn.register_job("all countries")
        attached = pickle.loads(pickle.dumps(conn.jobs[owner.job_id].attach()))
        with attached:
            attached.write("sid=a", points=[(0, 1.0)])
        assert conn.jobs[owner.job_id].series == ["a"]
        assert conn.jobs[owner.job_id].finished_at is None
        attached.connection.close()


def test_the_open_job_of_today_is_reused(conn, one_day):
    first = conn.register_job("Nightly", reuse="today")
    assert conn.register_job("Nightly", reuse="today").job_id == first.job_id
    others = [
        conn.register_job("nightly", reuse="today"),
        conn.register_job("Nightly", reuse="today", no_history=True),
        conn.register_job("Nightly"),
    ]
    assert len({job.job_id for job in [first, *others]}) == 4
    # the newest one that is open
    assert conn.register_job("Nightly", reuse="today").job_id == others[-1].job_id
    others[-1].finish()
    assert conn.register_job("Nightly", reuse="today").job_id == first.job_id
    first.finish()
    assert conn.register_job("Nightly", reuse="today").job_id > others[-1].job_id
    with pytest.raises(ValueError, match="reuse must be 'today' or None, got reuse='yesterday'"):
        conn.register_job("Nightly", reuse="yesterday")


@pytest.mark.parametrize(
    "description",
    ['100% "quoted"', r"back\slash", "star* and ?", "(a) = b", "a:b @x", "Übersicht ÄÖ", " blanks ", "a OR b"],
)
def test_any_description_is_found_and_reused(conn, one_day, description):
    first = conn.register_job(description, reuse="today")
    assert conn.register_job(description, reuse="today").job_id == first.job_id
    assert conn.jobs.find(description.strip()).index.tolist() == [first.job_id]
    assert conn.jobs.find(description.strip()[:4]).index.tolist() == [first.job_id]


def test_descriptions_are_found_whatever_the_case_of_their_letters(conn):
    conn.register_job("Übersicht ÄÖ")
    assert conn.jobs.find("übersicht äö").index.tolist() == [1]
    assert conn.jobs.find("ÜBERSICHT").index.tolist() == [1]
    assert conn.jobs.find(query="äö").index.tolist() == [1]


def test_the_job_of_another_user_is_not_reused(one_day):
    app = local.open_app(":memory:", credentials={"sam": "1", "ann": "2"})
    session = requests.Session()
    session.mount(URL, WSGIAdapter(app))
    sam, ann = (sj.Connection(URL, *one, requests_session=session) for one in (("sam", "1"), ("ann", "2")))
    first = sam.register_job("Nightly", reuse="today")
    assert ann.register_job("Nightly", reuse="today").job_id != first.job_id
    assert sam.register_job("Nightly", reuse="today").job_id == first.job_id
    assert sam.jobs.find(user="sam").index.tolist() == [first.job_id]
    app.close()


# --- many series ------------------------------------------------------------------------------------------------


class Counting(sj.BaseHook):
    """Counts requests."""

    def __init__(self):
        self.calls = 0

    def before_request(self, request):
        self.calls += 1
        return request


def test_a_job_of_many_series_takes_few_requests():
    counting = Counting()
    count = 1_200
    with sj.Connection("local::memory:", hooks=[counting]) as conn:
        index = pd.date_range("2024-01-01", periods=2, tz="UTC", name="dt")
        for description, value in ("first", 1.0), ("second", 2.0):
            frame = pd.DataFrame(value, index=index, columns=[f"s{i}" for i in range(count)]).rename_axis(columns="n")
            frame.shooju.write(description, sid="{n}", connection=conn)
        counting.calls = 0
        assert conn.jobs[2].summary()["points"]["changed"] == 2 * count
        assert counting.calls <= 10
        counting.calls = 0
        undo = conn.jobs[2].undo()
        assert counting.calls <= 25
        assert undo.points == 2 * count
        # an undo is a job like any other, and what it wrote is left alone
        left = conn.jobs[1].undo().left_alone
        assert len(left) == 2 * count
        assert set(left["job"]) == {undo.job.id}
        # the series themselves go to the trash, and come back
        undo.job.undo()
        write(conn, "more", *((f"sid=t{i}", {"points": [(0, 1.0)]}) for i in range(count)), batch_size=count)
        more = conn.jobs.find("more").index[0]
        counting.calls = 0
        gone = conn.jobs[more].undo()
        assert (gone.to_trash, len(gone.left_alone)) == (count, 0)
        assert counting.calls <= 25
        counting.calls = 0
        assert gone.job.undo().from_trash == count
        assert counting.calls <= 80


# --- servers that tell less -------------------------------------------------------------------------------------


class Plain:
    """The embedded Shooju without what only it has: where the changes of a job are, and, on request, differences."""

    def __init__(self, app, differences):
        self.app = app
        self.differences = differences
        self.asked = []

    def __call__(self, environ, start_response):
        query = dict(parse_qsl(environ["QUERY_STRING"]))
        path = environ["PATH_INFO"]
        assert not path.endswith("/changes")
        if "diff_job_id" in query:
            self.asked.append(query)
            if not self.differences:  # a server ignores parameters that it does not know
                query = {name: value for name, value in query.items() if not name.startswith("diff_")}
                environ = {**environ, "QUERY_STRING": urlencode(query)}
        head, tail = path.rsplit("/", 1)
        if environ["REQUEST_METHOD"] == "GET" and head.endswith("/jobs") and tail.isdigit():
            return self.without_changes(environ, start_response)
        return self.app(environ, start_response)

    def without_changes(self, environ, start_response):
        started = []
        body = b"".join(self.app(environ, lambda status, headers: started.append((status, headers))))
        answer = formats.decode(body, environ["HTTP_SJ_RECEIVE_FORMAT"]).plain()
        answer.pop("changes", None)
        body = formats.encode(answer, environ["HTTP_SJ_RECEIVE_FORMAT"])
        status, headers = started[0]
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture(params=[True, False], ids=["differences", "as-of"])
def plain(request):
    app = local.open_app(":memory:")
    wrapped = Plain(app, request.param)
    session = requests.Session()
    session.mount(URL, WSGIAdapter(wrapped))
    with sj.Connection(URL, "local", "key", requests_session=session) as conn:
        conn.wrapped = wrapped
        yield conn
    app.close()


def tick():
    """Wait for the next millisecond: such servers are asked by the moment at which a job was registered."""
    now = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 <= now:
        time.sleep(0.0005)


def three_on(conn):
    """A job, a second one that changes, deletes, adds, creates and reports, and a third one after it."""
    write(
        conn, "first",
        ("sid=a", {"points": [(0, 1.0), (DAY, 2.0), (2 * DAY, 3.0)], "fields": {"unit": "MW", "n": 1, "m": 1}}),
        ("sid=untouched", {"points": [(0, 1.0)]}),
    )  # fmt: skip
    with conn.register_job("reports") as job:
        job.write_reported("sid=a", 5 * DAY, points=[(0, 1.0), (DAY, 2.0)], fields={"v": 1})
    tick()
    job = conn.register_job("second")
    tick()
    job.write("sid=a", points=[(0, 1.5), (DAY, None), (3 * DAY, 4.0)], fields={"unit": "GW", "n": None, "m": 2})
    job.write(r"sid=users\sam\new", points=[(0, 3.0)], fields={"x": 1})
    job.write_reported("sid=a", 5 * DAY, points=[(0, 7.0), (DAY, None)], fields={"v": 2})
    job.write_reported("sid=a", 6 * DAY, points=[(0, 8.0)])
    job.finish()
    tick()
    write(conn, "third", ("sid=a", {"points": [(3 * DAY, 5.0), (9 * DAY, 9.0)], "fields": {"m": 3}}))
    return job.job_id


def sorted_rows(frame):
    return sorted(rows(frame), key=repr)


def test_servers_that_tell_less_give_the_same_changes(plain, conn):
    job = three_on(plain)
    assert three_on(conn) == job
    assert sorted_rows(plain.jobs[job].changes()) == sorted_rows(conn.jobs[job].changes())
    told, exact = plain.jobs[job].summary(), conn.jobs[job].summary()
    for name in ("series", "points", "fields", "reported_points", "reported_fields"):
        assert told[name] == exact[name]
    assert plain.wrapped.asked


def test_servers_that_tell_less_are_undone_the_same(plain, conn):
    job = three_on(plain)
    assert three_on(conn) == job
    dry, exact = plain.jobs[job].undo(dry_run=True), conn.jobs[job].undo(dry_run=True)
    assert sorted_rows(dry.drop(columns="job")) == sorted_rows(exact.drop(columns="job"))
    undo, expected = plain.jobs[job].undo(), conn.jobs[job].undo()
    assert (undo.points, undo.fields, undo.to_trash) == (expected.points, expected.fields, expected.to_trash)
    assert everything(plain) == everything(conn)
    tick()
    assert len(undo.job.undo().left_alone) == len(expected.job.undo().left_alone)
    assert everything(plain) == everything(conn)


def test_many_series_of_a_server_that_tells_less(plain):
    count = 700
    index = pd.date_range("2024-01-01", periods=1, tz="UTC", name="dt")
    for description, value in ("first", 1.0), ("second", 2.0):
        frame = pd.DataFrame(value, index=index, columns=[f"s{i}" for i in range(count)]).rename_axis(columns="n")
        frame.shooju.write(description, sid="{n}", connection=plain)
        tick()
    assert plain.jobs[2].summary()["points"]["changed"] == count
    assert plain.jobs[2].undo().points == count


def test_a_deletion_on_a_server_that_tells_less(plain):
    write(plain, "first", ("sid=a", {"points": [(0, 1.0)], "fields": {"x": 1}}))
    before = everything(plain)
    tick()
    job = plain.register_job("second")
    tick()
    job.write("sid=a", points=[(0, 2.0), (DAY, 3.0)])
    job.delete_series("sid=a")
    job.finish()
    assert plain.jobs[job.job_id].summary()["series"]["deleted"] == 1
    undo = plain.jobs[job.job_id].undo()
    assert undo.from_trash == 1
    assert everything(plain) == before

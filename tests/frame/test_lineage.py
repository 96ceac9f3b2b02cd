"""`lineage`: for each value, the job that wrote it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pandas_shooju as sj

DAY = 86_400_000


@pytest.fixture
def two_jobs(conn):
    with conn.register_job("forecast") as job:
        job.write(r"sid=users\sam\a", points=[(0, 1.0), (DAY, 2.0)], fields={"unit": "MW"})
        job.write(r"sid=users\sam\b", points=[(0, 1.0)], fields={"unit": "GW"})
    with conn.register_job("correction") as job:
        job.write(r"sid=users\sam\a", points=[(DAY, 3.0)])
    return conn


def described(frame):
    return list(zip(frame["series_id"].str[-1:], frame["val"], frame["job"], frame["job_description"], strict=True))


EXPECTED = [("a", 1.0, 1, "forecast"), ("a", 3.0, 2, "correction"), ("b", 1.0, 1, "forecast")]


def test_lineage_of_a_long_frame_with_jobs(two_jobs):
    frame = pd.read_shooju(
        r"sid:users\sam", ["unit"], layout="long", include_job=True, include_timestamp=True, connection=two_jobs
    )
    found = frame.shooju.lineage(connection=two_jobs)
    assert found.columns.tolist() == [
        "series_id", "unit", "dt", "val", "job", "timestamp", "job_description", "job_user", "written_at", "job_page",
    ]  # fmt: skip
    assert described(found) == EXPECTED
    assert set(found["job_user"]) == {"local"}
    assert found["written_at"].tolist() == frame["timestamp"].tolist()
    assert found["job_page"].isna().all()  # an embedded store has no pages for people
    assert frame.columns.tolist() == ["series_id", "unit", "dt", "val", "job", "timestamp"]


def test_without_timestamps_it_is_the_time_of_the_job(two_jobs):
    frame = pd.read_shooju(r"sid:users\sam", layout="long", include_job=True, connection=two_jobs)
    found = frame.shooju.lineage(connection=two_jobs)
    assert found["written_at"].tolist() == [two_jobs.jobs[job].updated_at for job in (1, 2, 1)]
    assert found["written_at"].dtype == "datetime64[ms, UTC]"


@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin"])
def test_lineage_of_a_frame_without_jobs_reads_them(two_jobs, layout, tz):
    frame = pd.read_shooju(r"sid:users\sam", layout=layout, tz=tz, connection=two_jobs)
    found = frame.shooju.lineage(connection=two_jobs)
    assert described(found) == EXPECTED
    assert found["written_at"].notna().all()


def test_lineage_of_a_series_and_of_fields_as_labels(two_jobs):
    frame = pd.read_shooju(r"sid:users\sam", "unit", connection=two_jobs)
    assert described(frame.shooju.lineage(connection=two_jobs)) == EXPECTED
    assert described(frame["GW"].shooju.lineage(connection=two_jobs)) == EXPECTED[2:]


def test_a_value_that_is_not_the_one_on_the_server_has_no_job(two_jobs):
    frame = pd.read_shooju(r"sid:users\sam", connection=two_jobs)
    frame.iloc[0, 0] = 99.0
    found = frame.shooju.lineage(connection=two_jobs)
    assert found["job"].isna().tolist() == [True, False, False]
    assert found["job_description"].isna().tolist() == [True, False, False]
    assert found["written_at"].isna().tolist() == [True, False, False]


def test_values_written_without_a_job(conn):
    body = {"series": [{"type": "POST", "query": "sid=a", "points": [[0, 1.0]]}]}
    conn.raw.post("/series/write", data_json=body)
    frame = pd.read_shooju("sid=a", layout="long", include_job=True, connection=conn)
    found = frame.shooju.lineage(connection=conn)
    assert found["job"].isna().all()
    assert found["job_user"].isna().all()


def test_an_empty_frame(conn):
    for include_job in (True, False):
        frame = pd.read_shooju("sid:none", layout="long", include_job=include_job, connection=conn)
        found = frame.shooju.lineage(connection=conn)
        assert len(found) == 0
        assert found["job"].dtype == "Int64"
        assert "job_description" in found


def test_a_frame_that_names_no_series(conn):
    frame = pd.DataFrame({"a": [1.0]}, index=pd.date_range("2024-01-01", periods=1, tz="UTC"))
    with pytest.raises(ValueError, match="series"):
        frame.shooju.lineage(connection=conn)


class Counting(sj.BaseHook):
    def __init__(self):
        self.paths = []

    def before_request(self, request):
        self.paths.append(request.url.rpartition("/api/1")[2])
        return request


def test_jobs_are_read_in_bulk():
    counting = Counting()
    with sj.Connection("local::memory:", hooks=[counting]) as conn:
        for number in range(30):
            with conn.register_job(f"job {number}") as job:
                job.write("sid=a", points=[(number * DAY, 1.0)])
        frame = pd.read_shooju("sid=a", layout="long", include_job=True, connection=conn)
        counting.paths.clear()
        found = frame.shooju.lineage(connection=conn)
        assert counting.paths == ["/jobs"]
        assert found["job_description"].tolist() == [f"job {number}" for number in range(30)]
        assert found["job"].to_numpy(np.int64).tolist() == list(range(1, 31))


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_lineage_of_reports(conn, layout):
    for description, value in ("first", 1.0), ("second", 2.0):
        with conn.register_job(description) as job:
            job.write("sid=a", points=[(0, -1.0)])
            job.write_reported("sid=a", 86_400_000, points=[(0, 5.0), (86_400_000, value)])
    with conn.register_job("another report") as job:
        job.write_reported("sid=a", 2 * 86_400_000, points=[(0, 5.0)])
    frame = pd.read_shooju("sid=a", reported_date="all", layout=layout, connection=conn)
    found = frame.shooju.lineage(connection=conn)
    assert list(found.columns[:5]) == ["series_id", "dt", "val", "reported_date", "job"]
    rows = found[["reported_date", "dt", "val", "job_description"]].itertuples(index=False)
    assert [(report.day, date.day, value, description) for report, date, value, description in rows] == [
        (2, 1, 5.0, "first"),
        (2, 2, 2.0, "second"),
        (3, 1, 5.0, "another report"),
    ]
    with_jobs = pd.read_shooju("sid=a", reported_date="all", layout="long", include_job=True, connection=conn)
    assert with_jobs.shooju.lineage(connection=conn)["job"].tolist() == found["job"].tolist()


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_lineage_of_several_states_is_refused(two_jobs, layout):
    frame = pd.read_shooju("*", asof=[1, 2], layout=layout, connection=two_jobs)
    with pytest.raises(
        ValueError, match="lineage requires one state of each series, but the frame has several, in 'asof'"
    ):
        frame.shooju.lineage(connection=two_jobs)

"""What is known about each item after a failure, and what happens when a newer job has written the same dates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pandas_shooju.client.points import milli_tuple
from pandas_shooju.errors import ConflictError, ConnectionError, WriteError
from tests.client.faults import answer, drop, lose, status


def is_write(seen):
    return "/series/write" in seen.path


def points_of(conn, query):
    series = conn.get_series(query, max_points=-1, serializer=milli_tuple)
    return None if series is None else series.get("points", [])


def states(job):
    return job.pending_frame()["state"].tolist()


@pytest.fixture
def older_and_newer(sj, path, through):
    """Jobs of two programs, the older one through the proxy, without retries."""
    older = through(retries=1).register_job("older", batch_size=100)
    newer = sj.register_job("newer")
    return older, newer


@pytest.mark.parametrize(
    ("fault", "state"),
    [(lose(), "unknown"), (drop(), "unknown"), (status(500), "unknown"), (answer(b"{}"), "unknown"),
     (status(401), "not sent"), (status(429), "not sent"),
     (answer(b'{"success": false, "error": "job_finished"}'), "not sent"),
     (answer(b'{"success": true, "responses": [{"success": false, "error": "no"}]}'), "refused")],
    ids=["lose", "drop", "500", "shape", "401", "429", "whole call", "refused"],
)  # fmt: skip
def test_the_outcome_of_an_item(proxy, through, path, fault, state):
    job = through(retries=1).register_job("outcomes", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1)])
    assert states(job) == ["not sent"]
    proxy.fail(fault, when=is_write)
    with pytest.raises((ConnectionError, WriteError)):
        job.submit()
    assert states(job) == [state]
    job.submit()
    assert states(job) == []


@pytest.mark.parametrize(
    "second",
    [b'{"success": false, "error": "busy"}', b'{"success": true, "responses": [{"success": false, "error": "no"}]}'],
    ids=["the request", "the item"],
)
def test_a_refusal_after_an_attempt_without_a_response_proves_nothing(proxy, through, sj, path, second):
    job = through(retries=2).register_job("attempts", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1)])
    proxy.fail(lose(), answer(second, "application/json"), when=is_write)
    with pytest.raises(WriteError):
        job.submit()
    assert states(job) == ["unknown"]
    assert points_of(sj, f"sid={path}") == [(0, 1.0)]
    job.submit()
    assert states(job) == []


def test_a_lost_response_before_a_server_is_gone_leaves_the_outcome_unknown(through, path, proxy):
    job = through(retries=2).register_job("gone", batch_size=10)
    proxy.fail(lose(), when=is_write)
    job.write(f"sid={path}", points=[(0, 1)])
    proxy.upstream, upstream = "http://127.0.0.1:1", proxy.upstream
    with pytest.raises(ConnectionError):
        job.submit()
    assert states(job) == ["unknown"]
    proxy.upstream = upstream


def test_an_older_job_is_refused_with_the_dates_that_a_newer_one_wrote(older_and_newer, path):
    older, newer = older_and_newer
    newer.write(f"sid={path}", points=[(0, 1), (2000, 1)])
    older.write(f"sid={path}", points=[(0, 5), (1000, 5), (2000, 5)])
    with pytest.raises(ConflictError, match=f"by job {newer.job_id} \\(user sam\\), and 1 more dates") as caught:
        older.submit()
    error = caught.value
    assert (error.error, error.failed.index.tolist()) == ("already_exists", [path])
    page = f"{older.connection.raw.url}/#jobs/{newer.job_id}"
    expected = {"date": pd.Timestamp(0, unit="ms"), "job": newer.job_id, "user": "sam", "page": page}
    rows = error.conflicts.drop(columns="reported_date").to_dict("records")
    assert rows == [expected, expected | {"date": pd.Timestamp(2000, unit="ms")}]
    assert error.conflicts.index.tolist() == [path, path]
    assert states(older) == ["refused"]
    assert points_of(newer.connection, f"sid={path}") == [(0, 1.0), (2000, 1.0)]


@pytest.mark.parametrize("arrived", [True, False])
def test_after_an_unknown_outcome_the_newer_dates_are_left_and_the_others_stored(
    older_and_newer, path, proxy, sj, arrived
):
    older, newer = older_and_newer
    older.write(f"sid={path}", points=[(0, 5), (1000, 5), (2000, 5)], fields={"a": 1})
    proxy.fail(lose() if arrived else drop(), when=is_write)
    with pytest.raises(ConnectionError):
        older.submit()
    newer.write(f"sid={path}", points=[(0, 1), (3000, 1)])
    with pytest.raises(ConflictError, match="everything was stored except for dates") as caught:
        older.submit()
    assert caught.value.conflicts["date"].tolist() == [pd.Timestamp(0, unit="ms")]
    assert caught.value.conflicts["job"].tolist() == [newer.job_id]
    assert caught.value.failed is None
    assert older.pending == 0
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (1000, 5.0), (2000, 5.0), (3000, 1.0)]
    assert sj.get_fields(f"sid={path}") == {"a": 1}
    assert older.superseded["job"].tolist() == [newer.job_id]
    assert older.confirmed == {path: (2, 1)}
    older.finish()


def test_within_the_attempts_of_one_request_the_outcome_is_unknown_too(proxy, through, sj, path):
    older = through(retries=2).register_job("older", batch_size=10)
    newer = sj.register_job("newer")
    forward = proxy.forward

    def between(seen):  # the newer job writes between the two attempts
        response = forward(seen)
        if is_write(seen) and seen.params.get("retry") is None:
            newer.write(f"sid={path}", points=[(0, 1)])
        return response

    proxy.forward = between
    older.write(f"sid={path}", points=[(0, 5), (1000, 5)])
    proxy.fail(lose(), when=is_write)
    with pytest.raises(ConflictError):
        older.submit()
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (1000, 5.0)]


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("others", ["points", "all"])
def test_removing_the_others_spares_what_a_newer_job_wrote(older_and_newer, path, proxy, sj, arrived, others):
    older, newer = older_and_newer
    before = sj.register_job("before")  # (has a larger number: write what the older job may overwrite by itself)
    older.write(f"sid={path}", points=[(-1000, 9), (0, 9)], fields={"old": 1})
    older.submit()
    older.write(f"sid={path}", points=[(0, 5), (1000, 5)], fields={"new": 1}, remove_others=others)
    proxy.fail(lose() if arrived else drop(), when=is_write)
    with pytest.raises(ConnectionError):
        older.submit()
    newer.write(f"sid={path}", points=[(0, 1), (3000, 1)])
    with pytest.raises(ConflictError):
        older.submit()
    assert before.pending == older.pending == 0
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (1000, 5.0), (3000, 1.0)]
    assert sj.get_fields(f"sid={path}") == ({"new": 1} if others == "all" else {"old": 1, "new": 1})


def test_reports_are_resolved_under_their_report_date(older_and_newer, path, proxy, sj):
    older, newer = older_and_newer
    older.write_reported(f"sid={path}", 978_307_200_123, points=[(0, 5), (1000, 5)])
    proxy.fail(lose(), when=is_write)
    with pytest.raises(ConnectionError):
        older.submit()
    newer.write_reported(f"sid={path}", 978_307_200_123, points=[(0, 1)])
    with pytest.raises(ConflictError) as caught:
        older.submit()
    assert caught.value.conflicts["reported_date"].tolist() == [pd.Timestamp(978_307_200_123, unit="ms")]
    assert points_of(sj, f"sid={path}@repdate:2001-01-01T00:00:00.123") == [(0, 1.0), (1000, 5.0)]


def test_everything_superseded_is_not_an_endless_loop(older_and_newer, path, proxy, sj):
    older, newer = older_and_newer
    older.write(f"sid={path}", points=[(0, 5)])
    proxy.fail(lose(), when=is_write)
    with pytest.raises(ConnectionError):
        older.submit()
    newer.write(f"sid={path}", points=[(0, 1)])
    with pytest.raises(ConflictError):
        older.submit()
    assert older.pending == 0
    assert points_of(sj, f"sid={path}") == [(0, 1.0)]


def test_a_failing_read_back_leaves_the_outcome_unknown(older_and_newer, path, proxy, sj):
    older, newer = older_and_newer
    older.write(f"sid={path}", points=[(0, 5), (1000, 5)])
    older.write(rf"sid={path}\other", points=[(0, 7)])
    proxy.fail(lose(), when=is_write)
    with pytest.raises(ConnectionError):
        older.submit()
    newer.write(f"sid={path}", points=[(0, 1)])
    proxy.fail(status(500), when=lambda seen: seen.path.split("?")[0].endswith("/series"))
    with pytest.raises(ConnectionError):
        older.submit()
    assert older.pending_frame()["state"].to_dict() == {path: "unknown"}
    with pytest.raises(ConflictError):
        older.submit()
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (1000, 5.0)]


def test_what_was_refused_does_not_hold_up_what_comes_after(sj, path):
    older, newer = sj.register_job("older"), sj.register_job("newer")
    newer.write(f"sid={path}", points=[(0, 1)])
    with pytest.raises(ConflictError):
        older.write(f"sid={path}", points=[(0, 5), (1000, 5), (2000, 5)])
    older.write(f"sid={path}", points=[(1000, 6)])  # stored, although the item before it waits
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (1000, 6.0)]
    assert older.pending == 1
    newer.write(f"sid={path}", points=[(0, None)])
    older.submit()  # now the server takes it, but not the point that was overwritten by the later write
    assert points_of(sj, f"sid={path}") == [(0, 5.0), (1000, 6.0), (2000, 5.0)]


def test_the_result_of_a_frame_says_what_is_superseded(proxy, through, sj, path):
    conn = through(retries=1)
    data = pd.Series([5.0, 5.0], pd.to_datetime(np.array([0, 1000]), unit="ms"))
    proxy.fail(lose(), when=is_write)
    with pytest.raises(ConnectionError) as caught:
        data.shooju.write("older", sid=path, connection=conn)
    result = caught.value.result
    assert result.series["state"].tolist() == ["unknown"]
    newer = sj.register_job("newer")
    newer.write(f"sid={path}", points=[(0, 1)])
    with pytest.raises(ConflictError) as again:
        result.retry()
    assert again.value.result is result
    assert result.series["state"].tolist() == ["superseded"]
    assert result.series["error"].tolist() == [f"superseded by job {newer.job_id}"]
    assert sum("/finish" in seen.path for seen in proxy.seen) == 1
    result.retry()
    assert sum("/finish" in seen.path for seen in proxy.seen) == 1

"""Jobs: what is stored, what waits, and that nothing is lost, whatever fails."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandas_shooju import formats
from pandas_shooju.client.buffer import Buffer, SeriesWrite, Target, chains, waves
from pandas_shooju.client.job import RemoteJob
from pandas_shooju.client.points import Point, milli_tuple
from pandas_shooju.errors import AuthenticationError, ConnectionError, WriteError
from pandas_shooju.formats import PointColumns
from pandas_shooju.query import series
from tests.client.faults import Fault, answer, cut, drop, lose, status


def columns(*rows):
    return PointColumns.from_rows(rows)


def stored(conn, query):
    series = conn.get_series(query, fields="*", max_points=-1, serializer=milli_tuple)
    return None if series is None else (series.get("points", []), series.get("fields", {}))


def is_write(seen):
    return "/series/write" in seen.path


def sent_items(seen):
    """The items of a write, as the server read them."""
    return formats.decode(seen.body, seen.headers["sj-send-format"]).items()


def names(items):
    return [item["query"] for item in items]


# --- writing ---


def test_a_write_merges_points_and_fields(sj, path):
    job = sj.register_job("merge")
    job.write(f"sid={path}", fields={"unit": "MW", "n": 1}, points=[(0, 1), (1000, 2)])
    job.write(f"sid={path}", fields={"n": 2}, points=[Point(1000, 3), Point(2000, 4)])
    assert stored(sj, f"sid={path}") == ([(0, 1.0), (1000, 3.0), (2000, 4.0)], {"unit": "MW", "n": 2})
    assert job.confirmed == {path: (4, 3)}


def test_a_missing_value_removes_the_point(sj, path):
    job = sj.register_job("nulls")
    job.write(f"sid={path}", points=[(0, 1), (1000, 2)])
    job.write(f"sid={path}", points=pd.Series([np.nan], pd.DatetimeIndex(["1970-01-01"])))
    assert stored(sj, f"sid={path}")[0] == [(1000, 2.0)]


@pytest.mark.parametrize(
    ("others", "points", "fields"),
    [
        (None, [(0, 1.0), (1000, 2.0)], {"a": 1, "b": 2}),
        ("points", [(1000, 2.0)], {"a": 1, "b": 2}),
        ("fields", [(0, 1.0), (1000, 2.0)], {"b": 2}),
        ("all", [(1000, 2.0)], {"b": 2}),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 10])
def test_remove_others_removes_what_was_there(sj, path, others, points, fields, batch_size):
    with sj.register_job("remove others", batch_size=batch_size) as job:
        job.write(f"sid={path}", fields={"a": 1}, points=[(0, 1)])
        job.write(f"sid={path}", fields={"b": 2}, points=[(1000, 2)], remove_others=others)
    assert stored(sj, f"sid={path}") == (points, fields)


def test_aware_dates_are_written_as_utc_and_naive_ones_as_they_stand(sj, path):
    zone = dt.timezone(dt.timedelta(hours=2))
    job = sj.register_job("zones")
    job.write(f"sid={path}", points=[(dt.datetime(1970, 1, 1, 2, tzinfo=zone), 1), (dt.datetime(1970, 1, 1, 1), 2)])
    assert stored(sj, f"sid={path}")[0] == [(0, 1.0), (3_600_000, 2.0)]


def test_the_last_value_of_a_repeated_date_holds(sj, path):
    job = sj.register_job("repeated", batch_size=10)
    job.write(f"sid={path}", points=[(1000, 1), (0, 0), (1000, 2)])
    job.write(f"sid={path}", points=[(1000, 3)])
    job.submit()
    assert stored(sj, f"sid={path}")[0] == [(0, 0.0), (1000, 3.0)]
    assert job.confirmed == {path: (2, 0)}


def test_fields_are_plain_json(sj, path):
    fields = {
        "i": np.int64(1), "f": np.float32(0.5), "b": np.bool_(True),
        "d": dt.date(2020, 1, 1), "ts": pd.Timestamp("2020-01-01"), "l": (1, [2]),
        "o": {"a": {"b": None}}, "a": np.array([1, 2]), "u": "ü",
    }  # fmt: skip
    sj.register_job("fields").write(f"sid={path}", fields=fields)
    plain = {
        "i": 1, "f": 0.5, "b": True, "d": "2020-01-01", "ts": "2020-01-01T00:00:00", "l": [1, [2]],
        "o": {"a": {"b": None}}, "a": [1, 2], "u": "ü",
    }  # fmt: skip
    found = stored(sj, f"sid={path}")[1]
    assert {name: value for name, value in found.items() if value is not None} == plain


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda job: job.write("", points=[]), TypeError, "a query that names a series"),
        (lambda job: job.write(5), TypeError, "a query that names a series"),
        (lambda job: job.write("sid=a", fields=[1]), TypeError, r"\[1\]"),
        (lambda job: job.write("sid=a", fields={1: 1}), TypeError, "field"),
        (lambda job: job.write("sid=a", fields={"x": object()}), TypeError, "'x'"),
        (lambda job: job.write("sid=a", remove_others="everything"), ValueError, "'everything'"),
        (lambda job: job.write_reported("sid=a", "yesterday"), TypeError, "'yesterday'"),
        (lambda job: job.delete_reported("sid=a"), ValueError, "delete_all=True"),
        (lambda job: job.delete_reported("sid=a", [0], delete_all=True), ValueError, "delete_all=True"),
        (lambda job: job.delete_series(" ", one=False), ValueError, "every series"),
        (lambda job: job.submit(workers=0), ValueError, "workers=0"),
        (lambda job: job.add_pre_submit_hook("x"), TypeError, "function"),
    ],
)
def test_wrong_arguments_are_refused_and_buffer_nothing(sj, wrong, error, says):
    job = sj.register_job("wrong", batch_size=10)
    with pytest.raises(error, match=says):
        wrong(job)
    assert job.pending == 0


@pytest.mark.parametrize("description", ["", "ab", None])
def test_a_short_description_is_refused_by_name(sj, description):
    with pytest.raises(ValueError, match="description must be a string of at least 3 characters, got "):
        sj.register_job(description)


# --- batches ---


def test_batch_size_counts_series(proxy, through, path):
    job = through().register_job("batches", batch_size=2)
    job.write(rf"sid={path}\a", points=[(0, 1)])
    job.write(rf"sid={path}\a", points=[(1000, 1)])
    assert job.pending == 1
    assert not any(map(is_write, proxy.seen))
    job.write(rf"sid={path}\b", points=[(0, 1)])
    assert job.pending == 0
    [write] = filter(is_write, proxy.seen)
    assert names(sent_items(write)) == [rf"sid={path}\a", rf"sid={path}\b"]


def test_deletions_and_writes_keep_their_order(sj, path):
    with sj.register_job("order", batch_size=100) as job:
        job.write(f"sid={path}", points=[(0, 1)], fields={"a": 1})
        job.delete_series(f'sid="{path}"')
        job.write(f"sid={path}", points=[(1000, 2)])
    assert stored(sj, f"sid={path}") == ([(1000, 2.0)], {})


def test_submit_parts_the_buffer_into_calls(proxy, through, path):
    job = through().register_job("parts", batch_size=1000)
    points = PointColumns(np.arange(100) * 1000, np.ones(100))
    job.enqueue([SeriesWrite(rf"{path}\{number}", points, {}) for number in range(10)])
    told = []
    assert job.submit(batch_size=4, progress=told.append) is True
    assert [len(sent_items(seen)) for seen in proxy.seen if is_write(seen)] == [4, 4, 2] == told
    job.enqueue([SeriesWrite(rf"{path}\{number}", points, {}) for number in range(3)])
    job.submit(max_points_per_call=200)
    assert [len(sent_items(seen)) for seen in proxy.seen if is_write(seen)][3:] == [2, 1]


def test_enqueue_never_submits(sj, path):
    job = sj.register_job("enqueue", batch_size=1)
    job.enqueue([SeriesWrite(path, columns([0, 1.0]), {"a": 1}, 0)], remove_others="all")
    assert job.pending == 1
    waiting = job.pending_frame()
    assert waiting.index.name == "series_id"
    assert waiting.to_dict("index") == {
        path: {"points": 1, "fields": 1, "state": "not sent", "error": None, "description": None}
    }
    job.discard()
    assert job.pending == 0
    job.submit()
    assert stored(sj, f"sid={path}") is None


def test_what_is_enqueued_is_merged_like_any_write(sj, path):
    job = sj.register_job("enqueued", batch_size=100)
    query = f'sid="{path}"'
    job.write(query, points=[(2000, 1), (1000, 1)], fields={"a": 1, "b": 1})
    fields = {"b": 2}
    job.enqueue([SeriesWrite(path, columns([0, 2.0], [1000, 2.0]), fields)])
    fields["b"] = 3
    job.enqueue([SeriesWrite(path.upper(), None, {"c": 3})])
    job.enqueue([SeriesWrite(path, columns([5000, 5.0]), {}, 978_307_200_000)])
    assert job.pending == 2
    job.submit()
    assert stored(sj, query) == ([(0, 2.0), (1000, 2.0), (2000, 1.0)], {"a": 1, "b": 2, "c": 3})
    assert stored(sj, f"{query}@repdate:2001-01-01")[0] == [(5000, 5.0)]
    with pytest.raises(ValueError, match=r"remove_others must be .*, got 'both'"):
        job.enqueue([SeriesWrite(path, None, {})], remove_others="both")
    job.enqueue([SeriesWrite(path, columns([9000, 9.0]), {})], remove_others="points")
    job.write(query, points=[(8000, 8)])
    job.submit()
    assert stored(sj, query)[0] == [(8000, 8.0), (9000, 9.0)]


def test_an_id_of_any_characters_creates_its_series(sj, path):
    ids = [path + tail for tail in ('\\5" pipe', "\\a@b", "\\(x) y", "\\über = ß", "\\end.")]
    job = sj.register_job("any id", batch_size=100)
    job.enqueue([SeriesWrite(series_id, columns([0, 1.0]), {}) for series_id in ids])
    job.submit()
    assert list(job.confirmed) == ids
    assert [item["series_id"] for item in sj.scroll(f"sid:{path}")] == ids


def test_a_job_names_itself_to_operators(sj, path):
    first, second = sj.register_job("first"), sj.register_job("second")
    first.write(f"sid={path}", points=[(0, 1)])
    second.write(f"sid={path}", points=[(0, 2)])
    assert stored(sj, f"sid={path}@asof:{first}")[0] == [(0, 1.0)]
    assert (str(first), f"{first}") == (f"j{first.job_id}", f"j{first.job_id}")
    assert str(sj.register_job("a dry run", dry_run=True)) == "DryRunJob(job_id=None, pending=0)"


def test_several_workers_never_write_one_series_at_once(proxy, through, path):
    job = through().register_job("workers", batch_size=1000)
    for number in range(60):
        job.enqueue([SeriesWrite(rf"{path}\{number % 6}", columns([0, float(number)]), {}, number // 6 * 1000)])
    running: dict[str, int] = {}
    clash = []
    lock = threading.Lock()
    forward = proxy.forward

    def watched(seen):
        mine = set(names(sent_items(seen))) if is_write(seen) else set()
        with lock:
            clash.extend(name for name in mine if running.get(name))
            running.update(dict.fromkeys(mine, 1))
        time.sleep(0.01)
        try:
            return forward(seen)
        finally:
            with lock:
                running.update(dict.fromkeys(mine, 0))

    proxy.forward = watched  # type: ignore[method-assign]
    told = []
    job.submit(batch_size=4, workers=4, progress=lambda n: told.append((n, threading.current_thread())))
    assert clash == []
    assert sum(n for n, _ in told) == 60
    assert {thread for _, thread in told} == {threading.current_thread()}
    assert len(through().get_reported_dates(rf"sid={path}\3")) == 10


# --- failures ---


def test_a_refused_item_waits_and_the_others_are_stored(sj, path):
    job = sj.register_job("refused", batch_size=10)
    job.write(rf"sid={path}\a", points=[(0, 1)])
    job.write(f"country={path}", points=[(0, 2)])
    job.write(rf"sid={path}\b", points=[(0, 3)], fields={"x": 1})
    with pytest.raises(WriteError, match="1 of 3 items were not stored") as caught:
        job.submit()
    error = caught.value
    assert error.failed.index.tolist() == job.failed.index.tolist() == [f"country={path}"]
    assert error.failed.index.name == "series_id"
    assert error.error == error.failed["error"].iloc[0]
    assert [response["success"] for response in error.responses] == [True, False, True]
    assert job.pending == 1
    assert job.confirmed == {rf"{path}\a": (1, 0), rf"{path}\b": (1, 1)}
    assert stored(sj, rf"sid={path}\b")[0] == [(0, 3.0)]


def test_what_failed_does_not_fail_the_writes_after_it(sj, path):
    job = sj.register_job("one by one")
    with pytest.raises(WriteError):
        job.write(f"country={path}", points=[(0, 1)])
    job.write(f"sid={path}", points=[(0, 2)])
    assert stored(sj, f"sid={path}")[0] == [(0, 2.0)]
    assert job.pending == 1
    with pytest.raises(WriteError, match="country="):
        job.submit()
    job.finish()
    assert job.failed.index.tolist() == [f"country={path}"]


def test_deleting_a_folder_as_one_series_fails_once(sj, path):
    job = sj.register_job("folder", batch_size=2)
    job.write(rf"sid={path}\a", points=[(0, 1)])
    job.write(rf"sid={path}\b", points=[(0, 2)])
    job.delete_series(f"sid:{path}")
    with pytest.raises(WriteError, match="one=False deletes every series that a query finds"):
        job.submit()
    assert job.pending == 0
    job.write(rf"sid={path}\c", points=[(0, 3)])
    assert job.delete_series(f"sid:{path}", one=False) == 3
    job.finish()


@pytest.mark.parametrize("fault", [drop(), cut(), lose(), status(503)], ids=["drop", "cut", "lose", "503"])
def test_a_transient_failure_is_overcome(proxy, through, sj, path, fault):
    job = through().register_job("transient", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1)])
    proxy.fail(fault, when=is_write)
    job.submit()
    assert stored(sj, f"sid={path}")[0] == [(0, 1.0)]
    assert job.pending == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (drop(), ConnectionError),
        (status(500), ConnectionError),
        (answer(b"<html>"), WriteError),
        (cut(), ConnectionError),
    ],
    ids=["drop", "500", "html", "cut"],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_call_that_fails_for_good_loses_nothing(proxy, through, sj, path, fault, error, workers):
    conn = through(retries=1)
    job = conn.register_job("fails", batch_size=1000)
    for number in range(10):
        job.write(rf"sid={path}\{number}", points=[(0, number)])
    proxy.fail(fault, when=lambda seen: is_write(seen) and rf"sid={path}\5" in names(sent_items(seen)))
    with pytest.raises(error) as caught:
        job.submit(batch_size=3, workers=workers)
    waiting = {rf"{path}\{number}" for number in (3, 4, 5)}
    assert set(job.pending_frame().index) == set(job.failed.index) == waiting
    assert set(job.confirmed) == {rf"{path}\{number}" for number in (0, 1, 2, 6, 7, 8, 9)}
    if isinstance(caught.value, WriteError):
        assert set(caught.value.failed.index) == waiting
    else:
        assert "3 of 10 items wait in the job" in caught.value.__notes__[0]
    job.submit()
    assert job.pending == 0
    assert len(list(sj.scroll(f"sid:{path}"))) == 10


def test_a_server_that_is_gone_is_not_asked_for_every_batch(proxy, through, path):
    job = through(retries=1).register_job("gone", batch_size=1000)
    for number in range(20):
        job.write(rf"sid={path}\{number}", points=[(0, number)])
    proxy.fail(*[drop()] * 20, when=is_write)
    with pytest.raises(ConnectionError):
        job.submit(batch_size=1)
    assert sum(map(is_write, proxy.seen)) == 3
    assert job.pending == 20
    proxy.faults.clear()
    job.submit()
    assert job.pending == 0


def test_a_key_that_is_refused_stops_at_once(proxy, through, path):
    job = through().register_job("no key", batch_size=1000)
    for number in range(3):
        job.write(rf"sid={path}\{number}", points=[(0, number)])
    proxy.fail(status(401), when=is_write)
    with pytest.raises(AuthenticationError):
        job.submit(batch_size=1)
    assert sum(map(is_write, proxy.seen)) == 1
    assert job.pending == 3


def test_an_answer_that_tells_of_too_few_items_confirms_none(proxy, through, path):
    job = through().register_job("too few", batch_size=1000)
    for number in range(3):
        job.write(rf"sid={path}\{number}", points=[(0, number)])
    proxy.fail(answer(b'{"success": true, "responses": [{"success": true}]}'), when=is_write)
    with pytest.raises(WriteError, match="the response must contain the outcome of each"):
        job.submit()
    assert job.pending == 3


def test_what_waits_for_an_item_that_failed_is_not_sent_before_it(proxy, through, sj, path):
    job = through().register_job("order", batch_size=1000)
    job.delete_series(f"sid={path}")
    job.write(f"sid={path}", points=[(0, 1)])
    locked = b'{"success": true, "responses": [{"success": false, "error": "series_write_error", "description": "no"}]}'
    proxy.fail(answer(locked), when=is_write)
    with pytest.raises(WriteError):
        job.submit()
    assert sum(map(is_write, proxy.seen)) == 1
    assert job.pending == 2
    job.submit()
    assert stored(sj, f"sid={path}")[0] == [(0, 1.0)]


def locked(*items):
    """An answer in which the series of some items are locked."""
    responses = [
        {"success": False, "error": "series_write_error", "description": "series is locked for change"}
        if i
        else {"success": True}
        for i in items
    ]
    return answer(formats.encode({"success": True, "responses": responses}, "json"))


def test_only_items_whose_series_was_locked_are_sent_again(proxy, through, sj, path):
    job = through().register_job("locked", batch_size=1000, collision_retry_timeout=0)
    for number in range(3):
        job.write(rf"sid={path}\{number}", points=[(0, number)])
    proxy.fail(locked(0, 1, 1), locked(1, 0), when=is_write)
    job.submit()
    writes = [names(sent_items(seen)) for seen in proxy.seen if is_write(seen)]
    ids = [rf"sid={path}\{number}" for number in range(3)]
    assert writes == [ids, ids[1:], ids[1:2]]
    assert set(job.confirmed) == {series_id.removeprefix("sid=") for series_id in ids}


def test_what_was_stored_stays_so_when_the_rest_of_its_call_fails(proxy, through, path):
    job = through(retries=1).register_job("locked", batch_size=1000, collision_retry_timeout=0)
    for number in range(3):
        job.write(rf"sid={path}\{number}", points=[(0, number)])
    proxy.fail(locked(0, 1, 1), drop(), when=is_write)
    with pytest.raises(ConnectionError) as caught:
        job.submit()
    assert "2 of 3 items wait in the job" in caught.value.__notes__[0]
    waiting = [rf"{path}\{number}" for number in (1, 2)]
    assert job.failed.index.tolist() == job.pending_frame().index.tolist() == waiting
    assert job.confirmed == {rf"{path}\0": (1, 0)}


def test_a_series_that_stays_locked_waits(proxy, through, path):
    job = through().register_job("locked", batch_size=1000, collision_retry_timeout=0)
    job.write(f"sid={path}", points=[(0, 1)])
    proxy.fail(*[locked(1)] * 3, when=is_write)
    with pytest.raises(WriteError, match="locked for change"):
        job.submit()
    assert job.pending == 1
    job.submit()


def test_an_exception_in_the_block_sends_nothing_and_keeps_the_buffer(proxy, through, path):
    job = through().register_job("block", batch_size=10)

    def block():
        with job:
            job.write(f"sid={path}", points=[(0, 1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert not any(is_write(seen) or "finish" in seen.path for seen in proxy.seen)
    assert job.pending == 1


def test_a_progress_that_fails_loses_nothing(sj, path):
    job = sj.register_job("progress", batch_size=100)
    for number in range(6):
        job.write(rf"sid={path}\{number}", points=[(0, number)])

    def interrupted(n):
        raise KeyboardInterrupt

    for workers in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            job.submit(batch_size=1, workers=workers, progress=interrupted)
    job.submit()
    assert len(job.confirmed) == 6


@contextlib.contextmanager
def interrupted_in_flight(proxy, when=is_write):
    """Interrupts this thread while a request is under way, which gets its response only after the block."""
    arrived, go_on = threading.Event(), threading.Event()
    waited = []

    def act(proxy, seen, sock):
        arrived.set()
        waited.append(not go_on.wait(30))
        sock.sendall(proxy.forward(seen))

    def interrupt():
        if arrived.wait(30):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    proxy.fail(Fault(act), when=when)
    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    try:
        yield
    finally:
        go_on.set()
        thread.join()
    assert waited in ([], [False])  # (empty if the response has not been sent yet)


@pytest.mark.parametrize("workers", [1, 3])
def test_an_interrupt_waits_for_nothing_and_leaves_the_job_ready_to_go_on(proxy, through, sj, path, workers):
    job = through().register_job("interrupted", batch_size=100)
    for number in range(6):
        job.write(rf"sid={path}\{number}", points=[(0, number)])

    def sends_2(seen):
        return is_write(seen) and rf"sid={path}\2" in names(sent_items(seen))

    with interrupted_in_flight(proxy, sends_2):
        with pytest.raises(KeyboardInterrupt) as caught:
            job.submit(batch_size=1, workers=workers)
        waiting = job.pending_frame()["state"].to_dict()
    assert waiting[rf"{path}\2"] == "unknown"
    [note] = caught.value.__notes__
    assert f"j{job.job_id}: {6 - len(waiting)} items were stored, and {len(waiting)} wait in the job" in note
    # what comes of the call that was abandoned changes nothing any more
    for thread in [thread for thread in threading.enumerate() if thread.name == "shooju-write"]:
        thread.join(10)
    assert job.pending_frame()["state"].to_dict() == waiting
    job.finish()
    assert len(list(sj.scroll(f"sid:{path}"))) == 6


def test_a_call_that_was_abandoned_is_not_tried_again(proxy, through, path):
    job = through(retries=5, retry_delay=30).register_job("abandoned", batch_size=100)
    for number in range(2):
        job.write(rf"sid={path}\{number}", points=[(0, number)])
    proxy.fail(drop(), when=is_write)

    def interrupt():
        while not any(map(is_write, proxy.seen)):
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        job.submit(batch_size=2, workers=2)
    deadline = time.monotonic() + 10
    while any(thread.name == "shooju-write" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert sum(map(is_write, proxy.seen)) == 1


def test_the_exception_of_a_block_says_what_is_stored(sj, path):
    def block():
        with sj.register_job("block", batch_size=2) as job:
            for number in range(3):
                job.write(rf"sid={path}\{number}", points=[(0, number)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        block()
    assert re.fullmatch(
        r"j\d+: 2 items were stored, and 1 wait in the job; the job is not finished", caught.value.__notes__[0]
    )


# --- series with more points than one call takes ---


@pytest.mark.parametrize("workers", [1, 3])
def test_a_long_series_is_sent_in_parts(proxy, through, sj, path, workers):
    job = through().register_job("parts", batch_size=100)
    sj.register_job("before").write(f"sid={path}", points=[(-1, 1), (5, 1)], fields={"old": 1})
    rows = [(date, float(date)) for date in range(25)]
    job = through().register_job("parts", batch_size=100)
    job.write(f"sid={path}", points=rows[::-1], fields={"new": 1}, remove_others="all")
    job.write(rf"sid={path}\short", points=rows[:3])
    job.submit(max_points_per_call=10, workers=workers)
    sent = [
        item for seen in proxy.seen if is_write(seen) for item in sent_items(seen) if item["query"] == f"sid={path}"
    ]
    assert [len(item["points"]) for item in sent] == [10, 10, 5]
    assert [item.get("keep_only") for item in sent] == ["all", None, None]
    assert [item.get("fields") for item in sent] == [{"new": 1}, None, None]
    assert stored(sj, f"sid={path}") == (rows, {"new": 1})
    assert job.confirmed[path] == (25, 1)


def test_the_parts_after_one_that_failed_wait(proxy, through, sj, path):
    job = through(retries=1).register_job("parts", batch_size=100)
    rows = [(date, float(date)) for date in range(25)]
    job.write(f"sid={path}", points=rows, remove_others="points")
    proxy.fail(answer(b'{"success": true, "responses": [{"success": true}]}'), drop(), when=is_write)
    with pytest.raises(ConnectionError):
        job.submit(max_points_per_call=10)
    assert job.pending_frame()[["points", "state"]].values.tolist() == [[10, "unknown"], [5, "not sent"]]
    job.submit()
    assert stored(sj, f"sid={path}")[0] == rows[10:]


def test_writes_from_several_threads_all_arrive(sj, path):
    job = sj.register_job("threads", batch_size=7)

    def work(start):
        for number in range(start, start + 25):
            job.write(rf"sid={path}\{number}", points=[(0, number)])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 100, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    job.submit()
    assert len(job.confirmed) == 100
    assert len(list(sj.scroll(f"sid:{path}"))) == 100


# --- life of a job ---


def test_finish_submits_and_closes_the_job(proxy, through, path):
    job = through().register_job("finish", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1)])
    job.finish()
    assert [seen.path.split("?")[0] for seen in proxy.seen[1:]] == [
        "/api/1/series/write",
        f"/api/1/jobs/{job.job_id}/finish",
    ]
    job.write(f"sid={path}", points=[(1000, 1)])
    with pytest.raises(WriteError, match="finished"):
        job.submit()


def test_finish_without_submit_sends_no_data(proxy, through, path):
    job = through().register_job("finish", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1)])
    job.finish(submit=False)
    assert not any(map(is_write, proxy.seen))


def test_a_submit_that_failed_does_not_finish(proxy, through, path):
    conn = through()
    with pytest.raises(WriteError), conn.register_job("unfinished", batch_size=10) as job:
        job.write(f"country={path}", points=[(0, 1)])
    assert not any("finish" in seen.path for seen in proxy.seen)
    assert job.pending == 1


def test_hooks_run_around_every_submit(sj, path):
    calls = []
    job = sj.register_job("hooks", batch_size=10)
    job.add_pre_submit_hook(lambda **given: calls.append(("pre", given, job.pending)))
    job.add_post_submit_hook(lambda **given: calls.append(("post", given, job.pending)))
    job.write(f"sid={path}", points=[(0, 1)])
    job.submit()
    assert calls == [
        ("pre", {"job_id": job.job_id}, 1),
        ("post", {"job_id": job.job_id, "response": {"success": True, "responses": [{"success": True}]}}, 0),
    ]
    job.write(f"country={path}", points=[(0, 1)])
    with pytest.raises(WriteError):
        job.submit()
    assert [call[0] for call in calls] == ["pre", "post", "pre"]


def test_a_job_may_be_made_of_an_id(proxy, through, path):
    conn = through()
    job_id = conn.register_job("made").job_id
    job = RemoteJob(conn, job_id, 1, async_mode=True, skip_meta_if_no_fields=True)
    job.write(f"sid={path}", points=[(0, 1)])
    params = proxy.seen[-1].params
    assert (params["job_id"], params["async_mode"], params["skip_meta_if_no_fields"]) == (str(job_id), "True", "True")
    assert repr(job) == f"RemoteJob(job_id={job_id}, pending=0)"


def test_deletions(sj, path):
    ids = [rf"{path}\{number}" for number in range(4)]
    job = sj.register_job("deletions", batch_size=10)
    for series_id in ids:
        job.write(f"sid={series_id}", points=[(0, 1)])
    job.submit()
    assert job.delete_series(f"sid={ids[0]}") is None
    assert stored(sj, f"sid={ids[0]}") is not None
    job.submit()
    assert stored(sj, f"sid={ids[0]}") is None
    assert stored(sj, rf"sid=System\Trash\{ids[0]}") is not None
    assert job.delete_series(f"sid:{path}", one=False, force=True) == 3
    assert list(sj.scroll(f"sid:{path}")) == []
    assert stored(sj, rf"sid=System\Trash\{ids[1]}") is None
    assert job.delete_series(f"sid:{path}", one=False) == 0


def test_deleting_what_is_not_there_succeeds(sj, path):
    job = sj.register_job("nothing there")
    job.delete_series(f"sid={path}")
    assert job.pending == 0


@pytest.mark.parametrize("several", [list, pd.DatetimeIndex, iter, lambda days: np.array(days, "M8[D]")])
def test_reported_dates_to_delete_may_be_any_iterable(sj, path, several):
    days = [dt.date(2001, 1, day) for day in (1, 2)]
    with sj.register_job("reports") as job:
        for day in days:
            job.write_reported(f"sid={path}", day, points=[(0, 1)])
        job.delete_reported(f"sid={path}", several(days))
    assert sj.get_reported_dates(f"sid={path}") == []


def test_reported_dates(sj, path):
    job = sj.register_job("reports", batch_size=100)
    days = [dt.date(2001, 1, day) for day in (1, 2, 3)]
    for number, day in enumerate(days):
        job.write_reported(f"sid={path}", day, points=[(0, number)], fields={"n": number})
    job.write(f"sid={path}", points=[(0, 10)])
    job.submit()
    assert sj.get_reported_dates(f"sid={path}") == [dt.datetime(2001, 1, day) for day in (1, 2, 3)]
    assert stored(sj, f"sid={path}@repdate:2001-01-02")[0] == [(0, 1.0)]
    assert stored(sj, f"sid={path}")[0] == [(0, 10.0)]
    job.delete_reported(f"sid={path}", days[:2])
    job.submit()
    assert sj.get_reported_dates(f"sid={path}") == [dt.datetime(2001, 1, 3)]
    job.delete_reported(f"sid={path}", delete_all=True)
    job.submit()
    assert sj.get_reported_dates(f"sid={path}") == []
    assert stored(sj, f"sid={path}")[0] == [(0, 10.0)]


def test_a_dry_run_prints_what_it_would_do_and_sends_nothing(proxy, through, capsys):
    with through().register_job("a dry run", batch_size=10, dry_run=True) as job:
        job.write(
            "sid=a", fields={"u": 1}, points=[(number * 1000, number) for number in range(7)], remove_others="all"
        )
        job.write_reported("sid=a", dt.date(2001, 1, 1), points=[(0, None)])
        job.delete_series("sid=b", force=True)
        job.delete_reported("sid=c", delete_all=True)
        assert job.delete_series("sid:c", one=False) is None
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "delete every series that 'sid:c' finds, force=False",
        "sid=a remove others: all",
        "sid=a fields: {'u': 1}",
        f"sid=a points: [{', '.join(f'Point(1970-01-01 00:00:0{n},{n}.0)' for n in range(5))}] (only 5/7 shown)",
        "sid=a @ 2001-01-01 00:00:00 points: [Point(1970-01-01 00:00:00)]",
        "sid=b delete, force=True",
        "sid=c @ all report dates delete, force=False",
        "Job finished",
    ]
    assert proxy.seen == []
    assert (job.job_id, job.pending) == (None, 0)


# --- the buffer, by properties ---

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "points", "fields", "all", "delete", "reported", "delete_reported", "delete_all_reported"]
        ),
        st.sampled_from(["sid=A", 'sid="a"', "sid=b"]),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=25,
)


def apply(state, operation):
    """What a server makes of an operation."""
    kind, query, number, at = operation
    series = state.setdefault(query.lower().replace('"', ""), {})
    if kind == "delete":
        series.clear()
    elif kind == "delete_reported":
        series.pop(at, None)
    elif kind == "delete_all_reported":
        for key in [key for key in series if key is not None]:
            series.pop(key)
    else:
        points, fields = series.setdefault(at if kind == "reported" else None, ({}, {}))
        if kind in ("points", "all"):
            points.clear()
        if kind in ("fields", "all"):
            fields.clear()
        points[number * 1000] = float(at)
        fields[f"f{number}"] = at


def buffered(operations):
    buffer = Buffer()
    for kind, query, number, at in operations:
        target = Target.of_query(query)
        if kind == "delete":
            buffer.delete(target)
        elif kind == "delete_reported":
            buffer.delete(target, False, at)
        elif kind == "delete_all_reported":
            buffer.delete(target, False, "all")
        else:
            keep = kind if kind in ("points", "fields", "all") else None
            reported = at if kind == "reported" else None
            buffer.write(target, {f"f{number}": at}, columns([number * 1000, float(at)]), keep, reported)
    return buffer


def apply_item(state, item):
    document = item.document()
    series = state.setdefault(document["query"].lower().replace('"', ""), {})
    reported = document.get("reported_date")
    if document["type"] == "DELETE":
        for key in [
            key for key in series if reported is None or key == reported or (reported == "all" and key is not None)
        ]:
            series.pop(key)
        return
    points, fields = series.setdefault(reported, ({}, {}))
    keep = document.get("keep_only")
    if keep in ("points", "all"):
        points.clear()
    if keep in ("fields", "all"):
        fields.clear()
    rows = document.get("points", PointColumns.empty()).to_rows()
    assert rows == sorted(rows)
    points.update(rows)
    fields.update(document.get("fields", {}))


@given(OPERATIONS, st.integers(1, 4))
@settings(max_examples=300)
def test_items_in_any_order_of_calls_mean_what_the_writes_meant(operations, batch_size):
    expected: dict = {}
    for operation in operations:
        apply(expected, operation)
    buffer = buffered(operations)
    state: dict = {}
    for wave in waves(buffer.items):
        # the chains of a wave may run in any order
        for chain in reversed(list(chains(wave, batch_size, 3))):
            for call in chain:
                assert len(call) <= batch_size
                for item in call:
                    apply_item(state, item)
    assert {name: series for name, series in state.items() if series} == {
        name: series for name, series in expected.items() if series
    }


@given(st.text(min_size=1).filter(str.strip))
def test_a_series_is_known_by_its_id_however_it_is_named(series_id):
    by_id = Target.of_id(series_id)
    by_query = Target.of_query(series(series_id))
    assert (by_query.key, by_query.name) == (by_id.key, series_id)
    assert by_id.on_the_wire == by_query.on_the_wire == series(series_id)
    assert Target.of_query(f"field={series_id}").key != by_id.key
    if re.fullmatch(r'[^\s"()@*]+', series_id):
        assert Target.of_query(f"sid={series_id}").key == by_id.key


def test_points_written_one_by_one_stay_columns():
    buffer = Buffer()
    target = Target.of_query("sid=a")
    for number in range(20_000):
        buffer.write(target, {}, columns([number, 1.0]))
    [item] = buffer.items
    assert item.size == 20_000
    assert len(item._chunks) < 20
    assert len(item.points()) == 20_000


def test_data_that_no_format_carries_waits_with_its_reason(sj, path):
    job = sj.register_job("unsendable", batch_size=10)
    job.enqueue([SeriesWrite(path, columns([0, 1.0]), {})])
    job._buffer.items[0].fields["x"] = object()
    with pytest.raises(WriteError, match="cannot be represented") as caught:
        job.submit()
    assert caught.value.failed["error"].iloc[0] == "ShoojuFormatError"

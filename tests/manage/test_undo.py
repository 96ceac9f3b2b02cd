"""Undoing a job, as a property of random histories; series that were created and deleted; what is refused.

The histories are the same in every run; ``UNDO=1000`` in the environment tries that many others.
"""

from __future__ import annotations

import contextlib
import os

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import local
from pandas_shooju.local import changes
from tests.client import faults
from tests.manage.histories import DAY, Executed, content, everything, histories, same

random_histories = settings(
    max_examples=int(os.environ.get("UNDO", "60")),
    derandomize="UNDO" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def left_alone(undo):
    """The cells, and the series as a whole, that an undo left alone."""
    cells, whole = set(), set()
    for row in undo.left_alone.itertuples():
        report = None if row.reported_date is pd.NaT else milliseconds(row.reported_date)
        if isinstance(row.field, str):
            cells.add((row.series_id, report, row.field))
        elif row.dt is pd.NaT:
            whole.add(row.series_id)
        else:
            cells.add((row.series_id, report, milliseconds(row.dt)))
    return cells, whole


def milliseconds(moment):
    return int(moment.timestamp() * 1000)


def differing(one, other):
    return {cell for cell in {**one, **other} if not same(one.get(cell), other.get(cell))}


def check_undo(history, number):
    with sj.Connection("local::memory:") as conn:
        executed = Executed(conn, history)
        job = executed.jobs[number]
        before = executed.state
        try:
            undo = conn.jobs[job].undo()
        except sj.UndoError:
            deleted = executed.deletions(job)
            assert executed.forced.get(job) or len(set(deleted)) < len(deleted)
            assert differing(everything(conn), before) == set()
            return
        assert not executed.forced.get(job)
        after = everything(conn)
        cells, whole = left_alone(undo)
        unexpected = {
            cell
            for cell in differing(content(after), content(executed.without(job)))
            if cell not in cells and cell[0] not in whole
        }
        assert unexpected == set()
        # what is left alone is as it was, and there is a reason
        assert {cell for cell in differing(after, before) if cell in cells or cell[0] in whole} == set()
        assert {executed.last_writer(cell) for cell in cells} <= {*executed.jobs} - {job}
        assert all(executed.touched_as_a_whole(job, series.removeprefix("System\\Trash\\")) for series in whole)
        # undoing the undo
        again = undo.job.undo()
        assert len(again.left_alone) == 0
        assert differing(content(everything(conn)), content(before)) == set()


@given(histories, st.integers(0, 3))
@random_histories
def test_undo_gives_what_the_other_jobs_alone_would_have_given(history, number):
    check_undo(history, number)


def check_last(history):
    with sj.Connection("local::memory:") as conn:
        # the last job is the newest one, and writes after all others
        earlier = Executed(conn, [write for write in history if write.job != 3])
        job = earlier.jobs[3]
        later = [write.item for write in history if write.job == 3]
        conn.raw.post("/series/write", params={"job_id": job}, data_json={"series": []})
        for item in later:
            conn.raw.post("/series/write", params={"job_id": job}, data_json={"series": [item]})
        try:
            undo = conn.jobs[job].undo()
        except sj.UndoError:
            assume(False)
        assert len(undo.left_alone) == 0
        assert differing(content(everything(conn)), content(earlier.state)) == set()


@given(histories)
@random_histories
def test_undoing_the_last_job_gives_exactly_what_was_there_before(history):
    check_last(history)


# --- single cases -----------------------------------------------------------------------------------------------


def write(conn, description, *writes, **given):
    with conn.register_job(description, **given) as job:
        for query, arguments in writes:
            job.write(query, **arguments)
    return job.job_id


def test_a_dry_run_tells_what_undo_does(conn):
    write(conn, "first", ("sid=a", {"points": [(0, 1.0), (DAY, 2.0), (2 * DAY, 3.0)], "fields": {"x": 1, "y": 1}}))
    job = write(
        conn, "second",
        ("sid=a", {"points": [(0, 10.0), (DAY, 20.0), (5 * DAY, 5.0)], "fields": {"x": 2, "y": 2, "z": 2}}),
        ("sid=mine", {"points": [(0, 1.0)]}),
    )  # fmt: skip
    newer = write(conn, "third", ("sid=a", {"points": [(DAY, 30.0)], "fields": {"y": 3}}))
    before = everything(conn)
    dry = conn.jobs[job].undo(dry_run=True)
    assert everything(conn) == before
    assert len(conn.jobs.find()) == 3
    assert dry.columns.tolist() == [
        "series_id", "dt", "now", "restored", "action", "field", "reported_date", "job",
    ]  # fmt: skip
    found = {}
    for row in dry.itertuples():
        day = None if row.dt is pd.NaT else milliseconds(row.dt) // DAY
        name = row.field if isinstance(row.field, str) else None
        found[row.series_id, day, name] = row.action, row.now, row.restored, row.job
    nothing = found.pop(("mine", None, None))
    assert nothing[0] == "to trash"
    removed = found.pop(("a", 5, None))
    assert removed[:2] == ("remove", 5.0)
    assert pd.isna(removed[2])
    assert found == {
        ("a", 0, None): ("restore", 10.0, 1.0, job),
        ("a", 1, None): ("left alone", 30.0, 2.0, newer),
        ("a", None, "x"): ("restore", 2, 1, job),
        ("a", None, "y"): ("left alone", 3, 1, newer),
        ("a", None, "z"): ("remove", 2, None, job),
    }
    undo = conn.jobs[job].undo()
    pd.testing.assert_frame_equal(
        undo.left_alone.astype(object),
        dry[dry["action"] == "left alone"].reset_index(drop=True).astype(object),
    )
    assert (undo.undone, undo.points, undo.fields, undo.to_trash, undo.from_trash) == (job, 2, 2, 1, 0)
    assert undo.job.description == f"Undo of job {job}: second"
    assert undo.job.finished_at is not None
    assert str(undo) == (
        f"job {job} was undone by job {undo.job.id}: 2 points, 2 fields, 1 series to the trash; "
        "2 changes left alone, because other jobs wrote there since"
    )
    assert repr(undo) == f"<Undo: {undo}>"
    assert set(conn.scroll("").raw_response["series"][0]) >= {"series_id"}
    assert sorted(series["series_id"] for series in conn.scroll("")) == ["a"]


def test_what_was_undone_already_is_not_undone_again(conn):
    write(conn, "first", ("sid=a", {"points": [(0, 1.0)], "fields": {"x": 1}}))
    job = write(conn, "second", ("sid=a", {"points": [(0, 2.0)], "fields": {"x": 2}}))
    conn.jobs[job].undo()
    again = conn.jobs[job].undo()
    assert (again.points, again.fields, len(again.left_alone)) == (0, 0, 0)


def wrong_job(conn):
    """A job that creates, changes, and deletes series with reports; and what there was before."""
    with conn.register_job("first") as job:
        for name in ("kept", "gone", r"folder\gone"):
            job.write(f"sid={name}", points=[(0, 1.0), (DAY, 2.0)], fields={"x": name})
            for report in range(1, 4):
                job.write_reported(f"sid={name}", report * DAY, points=[(0, float(report))], fields={"v": report})
        job.write("sid=empty")
    before = everything(conn)
    with conn.register_job("wrong") as job:
        job.write("sid=new", points=[(0, 1.0)])
        job.write("sid=kept", points=[(0, 5.0), (2 * DAY, 6.0)], fields={"x": None, "y": 1})
        job.write_reported("sid=kept", 9 * DAY, points=[(0, 9.0)])
        job.write("sid=gone", points=[(0, 5.0)])
        for name in ("gone", r"folder\gone", "empty"):
            job.delete_series(f"sid={name}")
    return job.job_id, before


def test_series_that_were_undone_already_are_not_listed(conn):
    job, before = wrong_job(conn)
    assert conn.jobs[job].undo().to_trash == 1
    assert everything(conn) == before
    assert conn.jobs[job].undo(dry_run=True).empty
    again = conn.jobs[job].undo()
    assert str(again) == f"job {job} was undone by job {again.job.id}: nothing to restore"
    assert again.left_alone.empty


def test_a_series_that_was_restored_in_part_is_completed(conn):
    job, before = wrong_job(conn)
    with conn.register_job("restores some of it") as other:
        other.write("sid=gone", points=[(0, 1.0)])
        other.write_reported("sid=gone", DAY, fields={"v": 1})
    dry = conn.jobs[job].undo(dry_run=True)
    assert "left alone" not in dry["action"].tolist()
    assert sorted(dry.loc[dry["action"] == "from trash", "series_id"]) == ["empty", r"folder\gone", "gone"]
    assert conn.jobs[job].undo().from_trash == 3
    assert everything(conn) == before


def test_whatever_request_fails_another_undo_restores_the_rest(monkeypatch):
    """For each request of an undo: it fails, and a second undo completes the first."""
    ways = [faults.drop, faults.lose, lambda: faults.status(500)]
    monkeypatch.setattr("pandas_shooju.manage.undo._CALL", 2)
    monkeypatch.setattr("pandas_shooju.manage.undo._SERIES", 2)
    reached, at = True, 0
    while reached:
        at += 1
        with (
            local.start() as server,
            faults.proxy(server.url) as proxy,
            sj.Connection(proxy.url, "sam", "key", retries=0) as conn,
        ):
            job, before = wrong_job(conn)
            wanted = len(proxy.seen) + at
            proxy.fail(ways[at % 3](), when=lambda seen, wanted=wanted: len(proxy.seen) == wanted)
            with contextlib.suppress(sj.ConnectionError):
                conn.jobs[job].undo()
            reached = not proxy.faults
            proxy.faults.clear()
            undone = conn.jobs[job].undo()
            assert undone.left_alone.empty
            assert everything(conn) == before
    assert at > 15


@pytest.mark.parametrize("dry_run", [True, False])
def test_jobs_that_cannot_be_undone_are_refused_before_anything_is_written(conn, dry_run):
    write(conn, "first", ("sid=a", {"points": [(0, 1.0)]}), ("sid=b", {"points": [(0, 1.0)]}))
    bulk = write(conn, "bulk", ("sid=a", {"points": [(0, 2.0)]}), no_history=True)
    with conn.register_job("forced") as job:
        job.write("sid=a", points=[(0, 3.0)])
        job.delete_series("sid=b", force=True)
    before, jobs = everything(conn), len(conn.jobs.find())
    with pytest.raises(sj.UndoError, match=f"job {bulk} cannot be undone: it was registered with no_history"):
        conn.jobs[bulk].undo(dry_run)
    with pytest.raises(sj.UndoError, match="cannot be undone: it deleted 1 series for good, such as 'b'"):
        conn.jobs[job.job_id].undo(dry_run)
    assert everything(conn) == before
    assert len(conn.jobs.find()) == jobs
    assert issubclass(sj.UndoError, sj.ShoojuError)


def test_a_forced_deletion_of_any_number_of_series_is_counted_and_refused(conn, monkeypatch):
    monkeypatch.setattr(changes, "_MOST_LOST", 2)
    names = [f"s{i}" for i in range(5)]
    write(conn, "first", *((f"sid={name}", {"points": [(0, 1.0)]}) for name in [*names, "other", "kept"]))
    with conn.register_job("both") as job:
        for name in names:
            job.delete_series(f"sid={name}")
        job.write("sid=kept", points=[(0, 2.0)])
    with conn.register_job("purge") as purge:
        for name in names:
            purge.delete_series(rf"sid=System\Trash\{name}", force=True)
    assert conn.jobs[job.job_id].summary()["series"] == {"created": 0, "changed": 1, "deleted": 5}
    assert conn.jobs[purge.job_id].summary()["series"]["deleted"] == 5
    dry = conn.jobs[job.job_id].undo(dry_run=True)
    assert dry.loc[dry["action"] == "left alone", "job"].tolist() == [purge.job_id] * 5
    undo = conn.jobs[job.job_id].undo()
    assert (undo.points, undo.left_alone["series_id"].tolist()) == (1, names)
    # the job's own forced deletion is noted after those that others made of its deletions
    again = conn.register_job("forced at last")
    for name in names:
        again.write(f"sid={name}", points=[(0, 3.0)])
        again.delete_series(f"sid={name}")
    with conn.register_job("purge again") as purge:
        for name in names:
            purge.delete_series(rf"sid=System\Trash\{name}", force=True)
    again.delete_series("sid=other", force=True)
    jobs = len(conn.jobs.find())
    for dry_run in (True, False):
        with pytest.raises(sj.UndoError, match="it deleted 1 series for good, such as 'other'"):
            conn.jobs[again.job_id].undo(dry_run)
    assert len(conn.jobs.find()) == jobs


def test_what_a_job_without_history_wrote_is_restored(conn):
    write(conn, "bulk", ("sid=a", {"points": [(0, 1.0)], "fields": {"x": 1}}), no_history=True)
    before = everything(conn)
    job = write(conn, "second", ("sid=a", {"points": [(0, 2.0)], "fields": {"x": 2}}))
    conn.jobs[job].undo()
    assert everything(conn) == before


def test_a_folder_that_was_deleted_comes_back(conn):
    with conn.register_job("first") as job:
        for name in "abc":
            job.write(rf"sid=folder\{name}", points=[(0, 1.0), (DAY, 2.0)], fields={"name": name})
            job.write_reported(rf"sid=folder\{name}", 5 * DAY, points=[(0, 9.0)], fields={"v": name})
        job.write(r"sid=folder\empty")
    before = everything(conn)
    with conn.register_job("deletion") as deletion:
        deletion.write(r"sid=folder\a", points=[(0, 7.0)], fields={"name": None, "new": 1})
        deletion.write_reported(r"sid=folder\a", 6 * DAY, points=[(0, 7.0)])
        deletion.delete_series(r"sid:folder", one=False)
    assert everything(conn) == {}
    dry = conn.jobs[deletion.job_id].undo(dry_run=True)
    assert dry["action"].tolist() == ["from trash"] * 4
    undo = conn.jobs[deletion.job_id].undo()
    assert (undo.from_trash, len(undo.left_alone)) == (4, 0)
    assert everything(conn) == before
    assert undo.job.undo().to_trash == 4
    assert everything(conn) == {}


def test_a_series_that_was_created_again_by_another_job_is_left_alone(conn):
    write(conn, "first", ("sid=a", {"points": [(0, 1.0)]}))
    with conn.register_job("deletion") as deletion:
        deletion.delete_series("sid=a")
    write(conn, "again", ("sid=a", {"points": [(0, 2.0)]}))
    before = everything(conn)
    undo = conn.jobs[deletion.job_id].undo()
    assert undo.left_alone["series_id"].tolist() == ["a"]
    assert everything(conn) == before


def test_what_others_wrote_to_a_series_that_the_job_created_comes_back(conn):
    older, job = conn.register_job("older"), conn.register_job("creates and deletes")
    job.write("sid=a")
    job.write("sid=b")
    older.write("sid=a", points=[(0, 1.0)])
    older.write_reported("sid=b", DAY, fields={"x": 1})
    before = content(everything(conn))
    job.write("sid=a", points=[(0, None)])
    job.delete_reported("sid=b", delete_all=True)
    undo = conn.jobs[job.job_id].undo()
    assert (undo.points, undo.fields, undo.to_trash) == (1, 1, 0)
    assert content(everything(conn)) == before


def test_a_series_that_another_job_deleted_for_good_since_stays_away(conn):
    write(conn, "first", ("sid=a", {"points": [(0, 1.0)]}))
    with conn.register_job("deletion") as deletion:
        deletion.delete_series("sid=a")
    write(conn, "again", ("sid=a", {"points": [(0, 2.0)]}))
    with conn.register_job("forced") as forced:
        forced.delete_series("sid=a", force=True)
    undo = conn.jobs[deletion.job_id].undo()
    assert undo.left_alone[["series_id", "job"]].values.tolist() == [[r"System\Trash\a", forced.job_id]]
    assert everything(conn) == {}


def test_a_series_that_others_deleted_in_between_is_left_alone(conn):
    job, other = conn.register_job("creates again and again"), conn.register_job("deletes")
    job.write("sid=a", points=[(0, 1.0)])
    job.delete_series("sid=a")
    job.write("sid=a", points=[(0, 2.0)])
    other.delete_series("sid=a")
    job.write("sid=a", points=[(0, 3.0)])
    before = everything(conn)
    undo = conn.jobs[job.job_id].undo()
    assert undo.left_alone[["series_id", "job"]].values.tolist() == [["a", other.job_id]]
    assert everything(conn) == before


class Rival(sj.BaseHook):
    """Another program, which registers a job and writes just before the first write of an undo."""

    def __init__(self, conn):
        self.conn = conn
        self.job = None

    def before_request(self, request):
        if self.job is None and request.url.endswith("/series/write"):
            self.job = write(self.conn, "rival", ("sid=a", {"points": [(DAY, 50.0)], "fields": {"x": 5}}))
        return request


def test_what_a_newer_job_writes_during_the_undo_is_left_alone(tmp_path):
    store = f"local:{tmp_path / 'store.sqlite'}"
    with sj.Connection(store) as other:
        write(
            other, "first", ("sid=a", {"points": [(0, 1.0), (DAY, 2.0)], "fields": {"x": 1, "y": 1}}),
            ("sid=b", {"points": [(0, 1.0)]}),
        )  # fmt: skip
        job = write(
            other, "second", ("sid=a", {"points": [(0, 10.0), (DAY, 20.0)], "fields": {"x": 2, "y": 2}}),
            ("sid=b", {"points": [(0, 10.0)]}),
        )  # fmt: skip
        rival = Rival(other)
        with sj.Connection(store, hooks=[rival]) as conn:
            undo = conn.jobs[job].undo()
        assert (undo.points, undo.fields) == (2, 1)
        point, field = undo.left_alone.itertuples()
        assert (point.series_id, milliseconds(point.dt), point.restored, point.job) == ("a", DAY, 2.0, rival.job)
        assert (field.series_id, field.field, field.now, field.restored) == ("a", "x", 5, 1)
        state = everything(other)
        assert (state["a", None, "x"], state["a", None, "y"]) == (5, 1)
        assert (state["a", None, 0], state["a", None, DAY], state["b", None, 0]) == (1.0, 50.0, 1.0)

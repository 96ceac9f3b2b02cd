"""Undoing a job, as a property of random histories; series that were created and deleted; what is refused."""

from __future__ import annotations

import pandas as pd
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import pandas_shooju as sj
from tests.manage.histories import Executed, content, everything, histories, same


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
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
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
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_undoing_the_last_job_gives_exactly_what_was_there_before(history):
    check_last(history)

"""Items that are carried out together leave the same store as items that are carried out one after the other."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandas_shooju.formats import PointColumns
from pandas_shooju.local import writing
from pandas_shooju.local.store import jobs
from pandas_shooju.local.store.database import Database
from pandas_shooju.local.writing import User, Writer

DAY = 86_400_000
#: what a store holds, without ids that depend on the order of rows
CONTENT = (
    "SELECT id, key, name, trashed, created, updated, fields_revision, points_count, points_min, points_max,"
    " points_first, points_last, jobs_deleted, fields, stored, checksum FROM series ORDER BY id",
    "SELECT series, report, first, last, count, low, high, step, revision, dates, revisions, vals, packed, checksum"
    " FROM chunks ORDER BY series, report, first",
    "SELECT series, report, oldest, dates, vals, revisions FROM past_points ORDER BY series, report, oldest, dates",
    "SELECT * FROM past_fields ORDER BY series, revision",
    "SELECT id, series, date, revision, has_points, fields FROM reports ORDER BY id",
    "SELECT report, revision, fields FROM past_report_fields ORDER BY report, id",
    "SELECT * FROM job_series ORDER BY job, series",
    "SELECT name, value, shown, number, moment, count FROM terms ORDER BY name, value, shown",
    "SELECT t.name, t.shown, p.series FROM postings p JOIN terms t ON t.id = p.term ORDER BY 1, 2, 3",
    "SELECT job, name, lost_by FROM lost_series ORDER BY job, name, lost_by",
    "SELECT id, new_series, new_points, changed_points, deleted_points FROM jobs ORDER BY id",
)

NAMES = ["a", "A", "b", r"c\d", r"System\Trash\a", r"system\trash\b", "$a", "a//b"]
queries = st.sampled_from(["sid=a", 'sid="b"', "unit=MW", "unit=GW kind=1", "$sid=a", "b@lag:1y", "(("])
targets = st.sampled_from(NAMES).map(lambda name: {"series_id": name}) | queries.map(lambda text: {"query": text})
columns = st.lists(st.tuples(st.integers(0, 6), st.sampled_from([1.0, 2.0, np.nan])), max_size=6).map(
    lambda rows: PointColumns(
        np.array([day * DAY for day, _ in rows], np.int64), np.array([value for _, value in rows], np.float64)
    )
)
fields = st.dictionaries(
    st.sampled_from(["unit", "kind", "bad name\n"]), st.sampled_from(["MW", "GW", 1, 1.0, None, ["MW", 2]]), max_size=2
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "points": columns,
        "fields": fields,
        "keep_only": st.sampled_from(["points", "fields", "all", "some"]),
        "reported_date": st.sampled_from([DAY, 2 * DAY, "1970-01-02"]),
    },
)
deletions = st.fixed_dictionaries(
    {"type": st.just("DELETE")},
    optional={"force": st.booleans(), "reported_date": st.sampled_from([DAY, "1970-01-03", "all"])},
)
items = st.tuples(targets, contents | contents | deletions).map(lambda parts: parts[0] | parts[1])
calls = st.lists(
    st.tuples(st.sampled_from(["old", "new", "without history"]), st.lists(items, max_size=12)), max_size=5
)


def carried_out(calls, together, monkeypatch):
    """What a store holds, and the responses, after calls of three jobs."""
    with monkeypatch.context() as patch:
        patch.setattr(writing, "_TOGETHER", together)
        patch.setattr(jobs, "now", lambda: 1_700_000_000_000)
        database = Database(None)
        try:
            with database.writing() as db:
                ids = {
                    name: jobs.register(db, "sam", "test", name, "", name == "without history")
                    for name in ("old", "without history", "new")
                }
            responses = []
            for job, content in calls:
                with database.writing() as db, Writer(db, User("sam"), ids[job]) as writer:
                    responses.append(writer.apply(content))
            with database.reading() as db:
                return responses, [db.execute(sql).fetchall() for sql in CONTENT]
        finally:
            database.close()


@settings(max_examples=150, deadline=None)
@given(calls=calls)
def test_items_together_leave_what_items_one_by_one_leave(calls):
    with pytest.MonkeyPatch.context() as monkeypatch:
        responses, content = carried_out(calls, 1, monkeypatch)
        for together, most_points in ((1_000, 1_000_000), (1_000, 4), (3, 1_000_000)):
            monkeypatch.setattr(writing, "_MOST_POINTS", most_points)
            other_responses, other_content = carried_out(calls, together, monkeypatch)
            assert other_responses == responses
            for sql, rows, others in zip(CONTENT, content, other_content, strict=True):
                assert others == rows, sql


def test_an_item_that_is_refused_leaves_nothing(monkeypatch):
    points = PointColumns(np.array([DAY]), np.array([1.0]))
    responses, content = carried_out(
        [
            ("new", [{"series_id": "a", "points": points}]),
            ("old", [{"series_id": "b", "points": points, "fields": {"x": 1}}, {"series_id": "a", "points": points}]),
            ("old", [{"series_id": "a", "points": PointColumns(np.array([DAY]), np.array([2.0])), "fields": {"y": 1}}]),
            ("old", [{"series_id": "c", "fields": {"z": 1, "": 2}}, {"series_id": "d"}]),
        ],
        1_000,
        monkeypatch,
    )
    assert [[one["success"] for one in call] for call in responses] == [[True], [True, True], [False], [False, True]]
    assert responses[2][0]["error"] == "already_exists"
    assert [(row[2], row[13]) for row in content[0]] == [("a", "{}"), ("b", '{"x":1}'), ("d", "{}")]
    assert [row[0] for row in content[7]] == ["x"]


def test_an_item_that_is_refused_after_what_was_pending_is_written_leaves_nothing(monkeypatch):
    point = PointColumns(np.array([DAY]), np.array([1.0]))
    deleted = ("new", [{"series_id": "b", "points": point}, {"series_id": "b", "type": "DELETE"}])
    trashed = {"series_id": r"System\Trash\b", "keep_only": "points", "fields": {"unit": "MW"}}
    responses, content = carried_out(
        [deleted, ("old", [{"series_id": "b", "fields": {"unit": "MW"}}, trashed])], 1_000, monkeypatch
    )
    assert [one["success"] for one in responses[1]] == [True, False]
    assert [(name, shown) for name, shown, _ in content[8]] == [("unit", '"MW"')]


def test_what_was_carried_out_together_is_lost_together_if_the_call_fails(monkeypatch):
    database = Database(None)
    try:
        with database.writing() as db:
            job = jobs.register(db, "sam", "test", "fails", "", no_history=False)
        with contextlib.suppress(KeyboardInterrupt), database.writing() as db, Writer(db, User("sam"), job) as writer:
            assert writer.apply([{"series_id": "a", "fields": {"x": 1}}]) == [{"success": True}]
            raise KeyboardInterrupt
        with database.reading() as db:
            assert all(not db.execute(sql).fetchall() for sql in CONTENT[:-1])
    finally:
        database.close()

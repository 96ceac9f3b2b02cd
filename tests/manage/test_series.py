"""`conn.series`: copies are equal to their sources, nothing is lost whatever fails, and running again does the rest."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import local, query
from pandas_shooju.clocks.limits import wire_limits
from pandas_shooju.errors import ConnectionError, WriteError
from pandas_shooju.local.adapter import WSGIAdapter
from pandas_shooju.manage import copying, pairs, states, work
from pandas_shooju.manage.trash import in_trash
from tests.client import faults

DAY = 86_400_000
#: ids that need quotes in a query
ODD = ["a@b", '5" pipe', "(x) y*", "Ünï", "<b>&'", "x\\y"]


class Requests(sj.BaseHook):
    """Keeps the requests that are made, and does something before one of them."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []
        #: how many series each bulk request asked for
        self.asked: list[int] = []
        self.before: dict[str, Any] = {}

    def before_request(self, request: sj.Request) -> sj.Request:
        path = request.url.partition("/api/1")[2]
        self.made.append((request.method, path))
        if isinstance(request.data_json, dict) and "series_queries" in request.data_json:
            self.asked.append(len(request.data_json["series_queries"]))
        if (then := self.before.pop(path, None)) is not None:
            then()
        return request


@pytest.fixture
def hook() -> Requests:
    return Requests()


@pytest.fixture
def conn(hook: Requests) -> Iterator[sj.Connection]:
    """A connection to a fresh embedded store, whose requests are kept."""
    with sj.Connection("local::memory:", hooks=[hook]) as connection:
        yield connection


@pytest.fixture
def other() -> Iterator[sj.Connection]:
    """A connection to another store."""
    with sj.Connection("local::memory:") as connection:
        yield connection


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work on few series at a time, in small requests."""
    monkeypatch.setattr(copying, "AT_ONCE", 3)
    monkeypatch.setattr(pairs, "AT_ONCE", 3)
    monkeypatch.setattr(states, "_PAGE", 4)
    monkeypatch.setattr(states, "_BATCHES", ((1, 3), (10, 2)))
    monkeypatch.setattr(work, "_ITEMS", 4)


def fill(conn: sj.Connection, path: str, names: list[str] | None = None, *, reports: bool = True) -> None:
    """Series with points, fields of every kind, and reports; one without anything."""
    names = ODD if names is None else names
    with conn.register_job("Fill the store", batch_size=1000) as job:
        for at, name in enumerate(names):
            points = [(day * DAY, at + day / 8) for day in range(-1, 3 * at)]
            fields = {"n": at, "tags": ["x", None, 1.0, 1], "of": {"name": name}, "unit": "US$ bn"}
            target = query.series(f"{path}\\{name}")
            job.write(target, points=points, fields=fields)
            for day in range(at % 3 if reports else 0):
                reported = datetime.datetime(2024, 1, 1 + day, 12)
                job.write_reported(target, reported, points=points[: day + 1], fields={"model": day} if day else {})
        job.write(query.series(path), fields={"folder": True})
        job.write(query.series(f"{path}\\empty"))


def content(conn: sj.Connection, path: str) -> dict[str, Any]:
    """What the series below a path hold, read one by one."""
    found = {}
    for series in conn.scroll(
        query.under(path), fields="*", max_points=-1, serializer=sj.points_serializers.milli_tuple
    ):
        name = query.series(series["series_id"])
        reports = {}
        for date in conn.get_reported_dates(name):
            report = conn.get_series(
                name.repdate(date).repfdate(date), "*", max_points=-1, serializer=sj.points_serializers.milli_tuple
            )
            reports[date] = report.get("points"), report.get("fields")
        found[series["series_id"][len(path) :]] = series.get("points"), series["fields"], reports
    return found


def count(conn: sj.Connection, text: str) -> int:
    return int(conn.raw.get("/series", params={"query": text, "per_page": 0})["total"])


def actions(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["target"], frame["action"], strict=True))


# --- copy and compare -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", [False, True])
def test_a_copy_has_points_fields_and_reports(conn, other, small, between):
    fill(conn, r"users\Sam\a")
    before = content(conn, r"users\sam\a")
    to, target = (other, r"users\sam\a") if between else (None, r"desk\b")
    planned = conn.series.copy(r"users\sam\a", target, to=to, dry_run=True)
    assert count(other if between else conn, query.under(target)) == 0
    done = conn.series.copy(r"users\sam\a", target, to=to)
    assert content(other if between else conn, target) == before == content(conn, r"users\sam\a")
    assert set(done["action"]) == {"copy"}
    assert planned["job"].isna().all()
    pd.testing.assert_frame_equal(planned.drop(columns="job"), done.drop(columns="job"))
    assert done["target"].tolist() == [target + name[len(r"users\sam\a") :] for name in done["series_id"]]
    assert len(conn.series.compare(r"users\sam\a", target, to=to)) == 0
    assert len(done) == len(before) == len(ODD) + 2
    points = dict(zip(done["series_id"], done["points"], strict=True))
    assert points["users\\Sam\\a\\x\\y"] == 16


def test_a_second_copy_finds_nothing_to_do(conn, hook):
    fill(conn, "a")
    conn.series.copy("a", "b")
    hook.made.clear()
    again = conn.series.copy("a", "b")
    assert set(again["action"]) == {"nothing"}
    assert again["job"].isna().all()
    assert not any("jobs" in path or "write" in path for _, path in hook.made)


def test_one_series_is_copied_to_another_id(conn):
    fill(conn, "a", ["x", "xy"])
    done = conn.series.copy(r"a\x", r"c\z")
    assert actions(done) == {r"c\z": "copy"}
    assert content(conn, r"c\z") == content(conn, r"a\x")


def test_the_series_at_the_path_belongs_to_the_folder(conn):
    fill(conn, "a", ["x"])
    assert set(actions(conn.series.copy("a", "b"))) == {"b", r"b\x", r"b\empty"}


def test_a_copy_that_was_begun_is_completed(conn):
    fill(conn, "a")
    conn.series.copy("a", "b")
    with conn.register_job("As if it had been interrupted", batch_size=100) as job:
        job.delete_series(query.series(r"b\Ünï"), force=True)
        job.delete_reported(query.series(r"b\x\y"), delete_all=True)
        job.write(query.series("b\\(x) y*"), points=[(0, None)])
        job.write(query.series("b\\<b>&'"), fields={"tags": None})
    planned = conn.series.copy("a", "b", dry_run=True)
    assert {name: action for name, action in actions(planned).items() if action != "nothing"} == {
        r"b\Ünï": "copy", r"b\x\y": "complete", "b\\(x) y*": "complete", "b\\<b>&'": "complete",
    }  # fmt: skip
    conn.series.copy("a", "b")
    assert content(conn, "b") == content(conn, "a")


CHANGES = {
    "a point": lambda job, name: job.write(name, points=[(DAY, 99.0)]),
    "another point": lambda job, name: job.write(name, points=[(-9 * DAY, 1.0)]),
    "a field": lambda job, name: job.write(name, fields={"n": 3.0}),
    "another field": lambda job, name: job.write(name, fields={"note": "mine"}),
    "a report": lambda job, name: job.write_reported(name, datetime.date(2025, 1, 1), points=[(0, 1.0)]),
    "a field of a report": lambda job, name: job.write_reported(
        name, datetime.datetime(2024, 1, 1, 12), fields={"model": "x"}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_target_has_of_its_own_is_replaced_on_request_only(conn, hook, change):
    fill(conn, "a", ["p", "q", "r", "s", "t"])
    conn.series.copy("a", "b")
    with conn.register_job("Change") as job:
        CHANGES[change](job, r"sid=b\t")
    changed = content(conn, "b")
    hook.made.clear()
    with pytest.raises(
        ValueError, match=r"1 of 7 series exist .* such as 'b\\\\t', and nothing was written.*overwrite"
    ):
        conn.series.copy("a", "b")
    assert content(conn, "b") == changed
    assert not any("jobs" in path or "write" in path for _, path in hook.made)
    assert actions(conn.series.copy("a", "b", dry_run=True))[r"b\t"] == "collision"
    assert actions(conn.series.copy("a", "b", dry_run=True, overwrite=True))[r"b\t"] == "replace"
    done = conn.series.copy("a", "b", overwrite=True)
    assert done.loc[done["action"] == "replace", ["target", "job"]].values.tolist() == [[r"b\t", 4]]
    assert content(conn, "b") == content(conn, "a")


def test_differences_are_shown(conn):
    fill(conn, "a", ["p", "q", "r", "s", "t"])
    conn.series.copy("a", "b")
    assert len(conn.series.compare("a", "B")) == 0
    with conn.register_job("Change", batch_size=100) as job:
        job.delete_series(r"sid=b\p")
        job.write(r"sid=b\u\v", points=[(0, 1.0)])
        job.write(r"sid=b\q", points=[(0, 99.0), (DAY, None), (-5 * DAY, 1.0)])
        job.write(r"sid=b\r", fields={"n": 2.0, "tags": None, "note": 1})
        job.write_reported(r"sid=b\s", datetime.date(1999, 1, 2), points=[(7 * DAY, 1.0)], fields={"f": 1})
    found = conn.series.compare("a", "b")
    day = pd.Timestamp("1970-01-01", tz="UTC")
    expected = pd.DataFrame(
        {
            "series_id": [r"a\p", r"a\q", r"a\r", r"a\s", None],
            "other_id": [None, r"b\q", r"b\r", r"b\s", r"b\u\v"],
            "status": pd.Categorical(
                ["missing", "differs", "differs", "differs", "new"], categories=["missing", "new", "differs"]
            ),
            "points": [0, 3, 0, 1, 0],
            "first": [pd.NaT, day - pd.Timedelta(days=5), pd.NaT, day + pd.Timedelta(days=7), pd.NaT],
            "last": [pd.NaT, day + pd.Timedelta(days=1), pd.NaT, day + pd.Timedelta(days=7), pd.NaT],
            "fields": [[], [], ["n", "tags", "note"], ["f"], []],
            "reported_dates": [[], [], [], [pd.Timestamp("1999-01-02", tz="UTC")], []],
        }
    )
    found = found.sort_values("series_id").reset_index(drop=True)
    for name in ("first", "last"):
        assert str(found[name].dtype) == "datetime64[ms, UTC]"
        expected[name] = expected[name].astype(found[name].dtype)
    for name in ("series_id", "other_id"):
        expected[name] = expected[name].astype(found[name].dtype)
    pd.testing.assert_frame_equal(found, expected)


def test_a_comparison_needs_no_points_to_see_that_a_series_is_missing(conn, other):
    fill(conn, "a", ["x"])
    assert conn.series.compare("a", to=other)["status"].tolist() == ["missing"] * 3
    assert other.series.compare("a", to=conn)["status"].tolist() == ["new"] * 3
    assert len(other.series.compare("a", "b")) == 0


VALUES = st.floats(allow_nan=False) | st.integers(-3, 3).map(float)
POINTS = st.dictionaries(st.integers(-3, 60_000), VALUES, max_size=5)
FIELDS = st.dictionaries(
    st.sampled_from(["f", "g"]),
    st.recursive(st.integers(-2, 2) | st.booleans() | st.floats(-1, 1) | st.text("ab"), st.lists, max_leaves=3),
)
SERIES = st.tuples(POINTS, FIELDS, st.dictionaries(st.integers(0, 3), st.tuples(POINTS, FIELDS), max_size=2))
FOLDER = st.dictionaries(st.sampled_from(["", "\\a", "\\a\\b", "\\c", "\\C@x"]), SERIES, max_size=4)


def write(conn: sj.Connection, path: str, folder: dict[str, Any]) -> None:
    with conn.register_job("Write", batch_size=1000) as job:
        for name, (points, fields, reports) in folder.items():
            target = query.series(path + name)
            job.write(target, points=list(points.items()), fields=fields)
            for date, (of_report, its_fields) in reports.items():
                if of_report or its_fields:
                    job.write_reported(target, date * DAY, points=list(of_report.items()), fields=its_fields)


@settings(max_examples=25)
@given(FOLDER, FOLDER, st.booleans())
def test_after_a_copy_a_comparison_finds_nothing(folder, there, between):
    with sj.Connection("local::memory:") as conn, sj.Connection("local::memory:") as elsewhere:
        to = elsewhere if between else conn
        write(conn, "one", folder)
        write(to, "two", there)
        before = content(conn, "one")
        conn.series.copy("one", "two", to=to, overwrite=True)
        found = conn.series.compare("one", "two", to=to)
        assert set(found["status"]) <= {"new"}
        assert len(found) == len({name.lower() for name in there} - {name.lower() for name in folder})
        after = content(to, "two")
        assert {name: after[name] for name in after if name in before} == before == content(conn, "one")


@settings(max_examples=25)
@given(FOLDER, FOLDER)
def test_a_comparison_finds_exactly_what_differs(folder, there):
    with sj.Connection("local::memory:") as conn:
        write(conn, "one", folder)
        write(conn, "two", there)
        one, two = content(conn, "one"), content(conn, "two")
        found = conn.series.compare("one", "two")
        statuses = {
            (ours if isinstance(ours, str) else theirs)[3:]: status
            for ours, theirs, status in zip(found["series_id"], found["other_id"], found["status"], strict=True)
        }
        expected = {name: "missing" for name in one if name not in two} | {
            name: "new" for name in two if name not in one
        }
        expected |= {
            name: "differs"
            for name in one
            if name in two and not pairs.same_value(_plain(one[name]), _plain(two[name]))
        }
        assert statuses == expected


def _plain(held: Any) -> Any:
    points, fields, reports = held
    reports = {str(date): [list(map(list, of or [])), its or {}] for date, (of, its) in reports.items()}
    return [list(map(list, points or [])), fields, reports]


def test_series_are_copied_to_a_new_store_and_back(tmp_path):
    server = f"local:{tmp_path / 'backup.sqlite'}"
    with local.start() as served, sj.Connection(served.url, "sam", "key") as account:
        fill(account, r"users\sam")
        before = content(account, r"users\sam")
        assert set(account.series.copy(r"users\sam", to=server, dry_run=True)["action"]) == {"copy"}
        assert list(tmp_path.iterdir()) == []
        account.series.copy(r"users\sam", to=server)
        account.series.delete(r"sid:users\sam")
        with sj.Connection(server) as backup:
            assert content(backup, r"users\sam") == before
            assert set(backup.series.copy(r"users\sam", to=account)["action"]) == {"copy"}
        assert content(account, r"users\sam") == before


def test_a_store_that_does_not_exist_is_moved_to(tmp_path):
    with sj.Connection("local::memory:") as conn, sj.Connection(f"local:{tmp_path / 'new.sqlite'}") as new:
        fill(conn, "a")
        before = content(conn, "a")
        conn.series.move("a", to=new)
        assert content(new, "a") == before
        assert content(conn, "a") == {}


# --- where to ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["copy", "move"])
@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("a", "A", "target must be another path than source on the same server, got 'A' and 'a'"),
        ("a\\", "a", "target must be another path"),
        ("a", r"a\b", "target must not lie below source"),
        ("sid:a", "b", "source must be the path of a folder or a series, such as .*, got 'sid:a'"),
        ("a", " sid = b", "target must be the path"),
        ("a", "={{sid=b}}", "target must be the path"),
        ("", "b", "source must be the path"),
        ("a", "\\", "target must be the path"),
    ],
)
def test_paths_that_make_no_sense_are_refused(conn, name, source, target, message):
    fill(conn, "a", ["x"])
    with pytest.raises(ValueError, match=message):
        getattr(conn.series, name)(source, target)
    assert count(conn, "*") == 3


def test_a_target_is_required_on_the_same_server(conn):
    with pytest.raises(TypeError, match="target is required, unless to= names another server"):
        conn.series.copy("a")
    with pytest.raises(TypeError, match="source must be a path"):
        conn.series.copy(None, "b")


def test_the_same_path_on_the_same_server_is_refused_whatever_names_the_server(tmp_path):
    path = tmp_path / "store.sqlite"
    with sj.Connection(f"local:{path}") as conn, sj.Connection(f"local:{path}") as again:
        fill(conn, "a", ["x"])
        with pytest.raises(ValueError, match="another path than source on the same server"):
            conn.series.move("a", to=again)


def test_series_are_not_moved_onto_themselves_by_way_of_another_name_of_the_server():
    with (
        local.start() as served,
        faults.proxy(served.url) as proxy,
        sj.Connection(served.url, "sam", "key") as conn,
        sj.Connection(proxy.url, "sam", "key") as alias,
    ):
        fill(conn, "a", ["x"])
        with pytest.raises(ValueError, match="to must be another server than that of the series"):
            conn.series.move("a", to=alias)
        assert count(conn, "sid:a") == 3
        assert set(conn.series.copy("a", to=alias)["action"]) == {"nothing"}


def test_a_folder_moves_up_unless_its_series_would_overwrite_each_other(conn):
    fill(conn, r"a\b", ["x"])
    before = content(conn, r"a\b")
    conn.series.move(r"a\b", "a")
    assert content(conn, "a") == before
    fill(conn, r"a\b", ["x"])
    fill(conn, r"a\b\b", ["x"])
    with pytest.raises(ValueError, match="no series may be the source of one copy and the target of another"):
        conn.series.move(r"a\b", "a", overwrite=True)


def test_a_folder_without_series_gives_an_empty_frame(conn):
    for name in ("copy", "move"):
        frame = getattr(conn.series, name)("nothing", "there")
        assert len(frame) == 0
        assert frame.columns.tolist() == ["series_id", "target", "action", "points", "job"]
    assert conn.raw.get("/jobs")["results"] == []


def test_neighbours_of_a_folder_are_left_alone(conn):
    fill(conn, "a", ["x"])
    fill(conn, "ab", ["x"])
    conn.series.move("a", "c")
    assert len(content(conn, "ab")) == 3


def test_jobs_are_described(conn, other):
    fill(conn, "a", ["x"])
    conn.series.copy("a", "b")
    conn.series.move("a", "c", job="Tidy up")
    conn.series.move("c", to=other)
    assert [job["description"] for job in conn.raw.get("/jobs", params={"sort": "created_at asc"})["results"]] == [
        "Fill the store", "Copy a to b", "Tidy up", f"Move c to c on {other.server}",
    ]  # fmt: skip
    assert all(job["finished_at"] for job in conn.raw.get("/jobs")["results"])
    assert [job["description"] for job in other.raw.get("/jobs")["results"]] == [f"Move c to c on {other.server}"]


# --- move -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", [False, True])
def test_a_move_leaves_the_series_in_the_trash(conn, other, small, between):
    fill(conn, "a")
    before = content(conn, "a")
    to, target = (other, "a") if between else (conn, "b")
    planned = conn.series.move("a", target, to=to, dry_run=True)
    assert content(conn, "a") == before
    done = conn.series.move("a", target, to=to)
    assert content(conn, "a") == {}
    assert content(to, target) == before
    assert content(conn, r"System\Trash\a") == before
    pd.testing.assert_frame_equal(planned.drop(columns="job"), done.drop(columns="job"))
    assert set(done["action"]) == {"move"}


@settings(max_examples=25)
@given(FOLDER, st.booleans())
def test_moving_back_and_forth_changes_nothing(folder, between):
    with sj.Connection("local::memory:") as conn, sj.Connection("local::memory:") as elsewhere:
        to = elsewhere if between else conn
        write(conn, "one", folder)
        before = content(conn, "one")
        conn.series.move("one", "two", to=to)
        assert content(to, "two") == before
        assert content(conn, "one") == {}
        to.series.move("two", "one", to=conn)
        assert content(conn, "one") == before
        assert content(to, "two") == {}


def test_a_series_that_is_written_to_meanwhile_remains(conn, hook):
    fill(conn, "a", ["x", "y", "z"])

    def meanwhile() -> None:
        with conn.register_job("Meanwhile") as job:
            job.write(r"sid=a\y", points=[(0, 1234.5)])

    hook.before["/series/refresh"] = meanwhile
    with pytest.raises(
        WriteError, match=r"not_copied .* for 'a\\\\y'; 1 of 5 series failed.*call move\(\) again"
    ) as caught:
        conn.series.move("a", "b")
    assert caught.value.failed.index.tolist() == [r"a\y"]
    assert "written to meanwhile" in caught.value.failed["description"].item()
    assert set(content(conn, "a")) == {r"\y"}
    assert content(conn, "a")[r"\y"] != content(conn, "b")[r"\y"]
    assert set(content(conn, "b")) == {"", r"\x", r"\y", r"\z", r"\empty"}
    done = conn.series.move("a", "b", overwrite=True)
    assert actions(done) == {r"b\y": "replace"}
    assert content(conn, "a") == {}


def test_a_series_whose_copy_is_deleted_meanwhile_remains(conn, hook):
    fill(conn, "a", ["x"])

    def meanwhile() -> None:
        with conn.register_job("Meanwhile") as job:
            job.delete_series(r"sid=b\x")
            job.delete_series(r"sid=b\empty")

    hook.before["/series/refresh"] = meanwhile
    with pytest.raises(WriteError) as caught:
        conn.series.move("a", "b")
    assert sorted(caught.value.failed.index) == [r"a\empty", r"a\x"]
    assert set(content(conn, "a")) == {r"\empty", r"\x"}


def test_a_series_that_is_refused_remains_and_the_others_are_moved(conn):
    fill(conn, "a", ["x", "y" * 30])
    target = "b" * 980  # ids have at most 1000 characters
    with pytest.raises(
        WriteError, match=r"invalid_parameters .* 1 of 4 series failed, and the others are done"
    ) as caught:
        conn.series.move("a", target)
    assert caught.value.failed.index.tolist() == ["a\\" + "y" * 30]
    assert set(content(conn, "a")) == {"\\" + "y" * 30}
    assert set(content(conn, target)) == {"", r"\x", r"\empty"}


def test_a_move_that_was_interrupted_after_copying_deletes_what_is_left(conn):
    fill(conn, "a")
    conn.series.copy("a", "b")
    done = conn.series.move("a", "b")
    assert set(done["action"]) == {"delete"}
    assert content(conn, "a") == {}
    assert (done["job"] == 3).all()


def test_nothing_is_deleted_before_the_copy_is_read_back():
    with local.start() as served, faults.proxy(served.url) as proxy, sj.Connection(proxy.url, "sam", "key") as conn:
        fill(conn, "a")
        proxy.seen.clear()
        conn.series.move("a", "b")
        writes = [at for at, seen in enumerate(proxy.seen) if seen.path.startswith("/api/1/series/write")]
        reads = [at for at, seen in enumerate(proxy.seen) if seen.method == "POST" and "/series?" in seen.path]
        assert len(writes) == 2
        assert any(writes[0] < at < writes[1] for at in reads)


# --- failures ---------------------------------------------------------------------------------------------------

FAULTS = {
    "the request is lost": faults.drop,
    "the response is lost": faults.lose,
    "it fails": lambda: faults.status(500),
}


def moved(conn: sj.Connection, source: str, target: str, to: sj.Connection) -> bool:
    """Move a folder, and return whether that did not fail."""
    try:
        conn.series.move(source, target, to=to)
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize("between", [False, True])
def test_whatever_request_fails_nothing_is_lost_and_running_again_moves_the_rest(small, between):
    """Every request of a move fails once, in one way or another, each in a move of its own."""
    ways = list(FAULTS.values())
    with (
        local.start() as one,
        local.start() as two,
        faults.proxy(one.url) as proxy,
        sj.Connection(proxy.url, "sam", "key", retries=0) as conn,
        sj.Connection(two.url, "sam", "key") as elsewhere,
    ):
        to = elsewhere if between else conn
        for number in range(1, 1000):
            source, target = f"a{number}", f"b{number}"
            fill(conn, source, ["p", "q@x", "r"])
            before = content(conn, source)
            at = len(proxy.seen) + number
            proxy.fail(ways[number % 3](), when=lambda seen, at=at: len(proxy.seen) == at)
            failed = not moved(conn, source, target, to)
            reached = not proxy.faults
            proxy.faults.clear()
            sources, targets = content(conn, source), content(to, target)
            for name, held in before.items():
                assert held in (sources.get(name), targets.get(name))
            if failed:
                conn.series.move(source, target, to=to)
            assert content(to, target) == before
            assert content(conn, source) == {}
            if not reached:
                break
    assert number > 15


@pytest.mark.parametrize("at", range(1, 5))
def test_an_interrupted_move_is_completed_by_the_next(conn, hook, small, at):
    fill(conn, "a")
    before = content(conn, "a")
    writes = 0

    def interrupt() -> None:
        nonlocal writes
        writes += 1
        if writes == at:
            raise KeyboardInterrupt
        hook.before["/series/write"] = interrupt

    hook.before["/series/write"] = interrupt
    with pytest.raises(KeyboardInterrupt) as caught:
        conn.series.move("a", "b")
    assert "call move() again with the same arguments" in caught.value.__notes__[-1]
    assert {**content(conn, "b"), **content(conn, "a")} == before
    conn.series.move("a", "b")
    assert content(conn, "b") == before
    assert content(conn, "a") == {}


def test_a_failure_says_how_to_go_on(small):
    with (
        local.start() as one,
        faults.proxy(one.url) as proxy,
        sj.Connection(proxy.url, "sam", "key", retries=0) as conn,
    ):
        fill(conn, "a")
        writes = iter(range(100))
        proxy.fail(faults.drop(), when=lambda seen: "/series/write" in seen.path and next(writes) == 2)
        with pytest.raises(ConnectionError) as caught:
            conn.series.copy("a", "b")
        assert "3 of 8 series were done; call copy() again with the same arguments to do the rest" in "\n".join(
            caught.value.__notes__
        )
        assert "submit()" not in "\n".join(caught.value.__notes__)
        left = actions(conn.series.copy("a", "b", dry_run=True))
        assert sum(action == "nothing" for action in left.values()) >= 3
        conn.series.copy("a", "b")
        assert content(conn, "b") == content(conn, "a")


@pytest.mark.parametrize("fault", FAULTS)
def test_deleting_trimming_and_updating_can_be_run_again(small, fault):
    with (
        local.start() as one,
        faults.proxy(one.url) as proxy,
        sj.Connection(proxy.url, "sam", "key", retries=0) as conn,
    ):
        fill(conn, "a")
        calls = {
            "trim": lambda: conn.series.trim("sid:a", before="1970-01-02"),
            "update_fields": lambda: conn.series.update_fields("sid:a", {"unit": "x", "n": None}),
            "delete": lambda: conn.series.delete("sid:a"),
            "restore": lambda: conn.series.restore("sid:a"),
        }
        for name, call in calls.items():
            proxy.fail(FAULTS[fault](), when=lambda seen: "/series/write" in seen.path)
            with pytest.raises(ConnectionError) as caught:
                call()
            assert f"call {name}() again" in "\n".join(caught.value.__notes__)
            call()
            assert len(call()) == (len(ODD) + 2 if name == "restore" else 0)
        held = content(conn, "a")
        assert len(held) == len(ODD) + 2
        for points, fields, _ in held.values():
            assert fields["unit"] == "x"
            assert "n" not in fields
            assert min((date for date, _ in points or []), default=DAY) == DAY


# --- delete and restore -----------------------------------------------------------------------------------------


def test_deleted_series_are_in_the_trash_and_come_back(conn):
    fill(conn, "a")
    before = content(conn, "a")
    planned = conn.series.delete("sid:a", dry_run=True)
    assert content(conn, "a") == before
    done = conn.series.delete("sid:a")
    pd.testing.assert_frame_equal(planned.drop(columns="job"), done.drop(columns="job"))
    assert set(done["action"]) == {"to trash"}
    assert set(done["job"]) == {2}
    assert content(conn, "a") == {}
    planned = conn.series.restore("sid:a", dry_run=True)
    assert content(conn, "a") == {}
    back = conn.series.restore("sid:a")
    pd.testing.assert_frame_equal(planned.drop(columns="job"), back.drop(columns="job"))
    assert set(back["action"]) == {"restore"}
    assert content(conn, "a") == before


def test_what_one_job_deleted_comes_back(conn):
    fill(conn, "a", ["x", "y", "z"])
    conn.series.delete(r"sid=a\x")
    second = conn.series.delete(r"sid=(a\y,a\z)")["job"].iloc[0]
    assert sorted(conn.series.restore(deleted_by=int(second))["target"]) == [r"a\y", r"a\z"]
    assert conn.series.restore(r"sid=a\y", deleted_by=2)["target"].tolist() == []
    assert set(content(conn, "a")) == {"", r"\empty", r"\y", r"\z"}


def test_what_another_job_deleted_since_does_not_come_back(conn):
    for value in (1.0, 2.0):
        with conn.register_job("Fill") as job:
            job.write(r"sid=a\x", points=[(0, value)])
        conn.series.delete("sid:a")
    assert len(conn.series.restore(deleted_by=2)) == 0
    assert len(conn.series.restore(deleted_by=4)) == 1


def test_a_series_that_was_written_again_is_not_replaced(conn):
    fill(conn, "a", ["x", "y"])
    before = content(conn, "a")
    conn.series.delete("sid:a")
    with conn.register_job("Again") as job:
        job.write(r"sid=a\x", fields={"note": "new"})
    with pytest.raises(ValueError, match="1 of 4 series exist at the target"):
        conn.series.restore("sid:a")
    assert set(content(conn, "a")) == {r"\x"}
    assert actions(conn.series.restore("sid:a", overwrite=True))[r"a\x"] == "replace"
    assert content(conn, "a") == before


def test_force_deletes_for_good(conn):
    fill(conn, "a", ["x"])
    assert set(conn.series.delete("sid:a", force=True)["action"]) == {"for good"}
    assert count(conn, r"sid:System\Trash") == 0


def test_series_in_the_trash_are_copied_and_not_moved(conn):
    fill(conn, "a", ["x"])
    before = content(conn, "a")
    conn.series.delete("sid:a")
    for source in (r"System\Trash\a", r"system\trash", "System"):
        with pytest.raises(ValueError, match=r"series in the trash cannot be moved.*restore\(\) or copy\(\) them"):
            conn.series.move(source, "b")
    conn.series.copy(r"System\Trash\a", "b")
    assert content(conn, "b") == before
    assert len(conn.series.restore("sid:a")) == 3


def test_series_in_the_trash_are_deleted_by_force_only(conn):
    fill(conn, "a", ["x"])
    conn.series.delete("sid:a")
    with pytest.raises(ValueError, match="must not find series in the trash, which are deleted for good"):
        conn.series.delete(r"sid:System\Trash\a")
    assert count(conn, r"sid:System\Trash") == 3
    conn.series.delete(r"sid:System\Trash\a", force=True)
    assert count(conn, r"sid:System\Trash") == 0


QUERIES = [
    "sid:a",
    r"sid=a\x",
    r'sid="a\5\" pipe"',
    'sid=("a\\x", "a\\(x) y*")',
    r"sid=(a\x,a\y)",
    r"sid:(a)",
    r"SID : a unit=MW",
    r"tree:a",
    r"sid=a\*",
    r"unit=MW AND NOT sid=a\x",
    r"(sid=a\x OR sid=a\y) AND unit=MW",
    r'note="sid:a" OR sid=a\x',
    "unit=MW",
    "MW",
]


@pytest.mark.parametrize("text", QUERIES)
def test_a_query_finds_in_the_trash_what_it_found_before(conn, text):
    with conn.register_job("Fill", batch_size=100) as job:
        for name in ("x", "y", '5" pipe', "(x) y*"):
            job.write(query.series(f"a\\{name}"), fields={"unit": "MW", "note": "sid:a"}, points=[(0, 1.0)])
        job.write(r"sid=b\x", fields={"unit": "GW"})
    found = sorted(series["series_id"] for series in conn.scroll(text))
    assert found
    assert sorted(conn.series.delete(text)["series_id"]) == found
    conn.series.delete(r"sid:a OR sid:b")
    assert sorted(conn.series.restore(text)["target"]) == found
    assert sorted(conn.series.restore(in_trash(text))["target"]) == found


@pytest.mark.parametrize("name", ["delete", "trim", "update_fields", "restore"])
def test_queries_that_find_everything_or_too_much_are_refused(conn, hook, name):
    fill(conn, "a", ["x", "y"])
    if name == "restore":
        conn.series.delete("sid:a")
    arguments = {"trim": {"before": "2020"}, "update_fields": {"fields": {"unit": "x"}}}.get(name, {})
    call = getattr(conn.series, name)
    before = conn.raw.get("/jobs")["total"]
    for text in ("", "  ", "*", "sid=*", "SID : *", "(*)", "sid:(*)", "(tree: (*))"):
        with pytest.raises(ValueError, match="query must say which series are meant"):
            call(text, **arguments)
    for text in ("sid:a@A:M", "={{sid=a}}"):
        with pytest.raises(ValueError, match="query must find series, without operators or expressions"):
            call(text, **arguments)
    with pytest.raises(TypeError, match="query must be a string"):
        call(None, **arguments)
    with pytest.raises(
        ValueError, match=r"at most max_series=3 series, but it finds 4, and nothing was done.*max_series=4"
    ):
        call("sid:a", **arguments, max_series=3)
    with pytest.raises(ValueError, match="max_series must be a non-negative number"):
        call("sid:a", **arguments, max_series=-1)
    assert conn.raw.get("/jobs")["total"] == before
    assert len(call("sid:a", **arguments, max_series=4)) > 0


def test_a_thousand_series_are_the_limit_unless_the_caller_raises_it(conn):
    with conn.register_job("Fill", batch_size=2000) as job:
        for number in range(1001):
            job.write(rf"sid=a\{number}")
    with pytest.raises(ValueError, match="at most max_series=1000 series, but it finds 1001"):
        conn.series.delete("sid:a")
    assert len(conn.series.delete("sid:a", max_series=2000)) == 1001
    assert count(conn, "sid:a") == 0


def test_restore_needs_a_query_or_a_job(conn):
    with pytest.raises(ValueError, match="query must say which series are meant"):
        conn.series.restore()
    with pytest.raises(TypeError, match="deleted_by must be the id of a job"):
        conn.series.restore(deleted_by="17")


def test_series_that_a_user_may_not_write_are_left_and_the_others_done():
    app = local.open_app(":memory:", credentials={"sam": "1", "root": "2"}, administrators=["root"])
    session = requests.Session()
    session.mount("https://store.test", WSGIAdapter(app))
    connect = {"server": "https://store.test", "requests_session": session}
    with sj.Connection(**connect, user="root", api_key="2") as root:
        fill(root, r"users\sam\a", ["x"])
        fill(root, r"users\ann\a", ["x"])
        sam = sj.Connection(**connect, user="sam", api_key="1")
        for call in (
            lambda: sam.series.update_fields("n=0", {"unit": "MW"}),
            lambda: sam.series.trim("n=0", after="1968"),
            lambda: sam.series.delete("n=0"),
        ):
            with pytest.raises(WriteError, match="series_write_error") as caught:
                call()
            assert caught.value.failed.index.tolist() == [r"users\ann\a\x"]
        assert set(content(root, r"users\ann\a")) == {"", r"\x", r"\empty"}
        assert set(content(root, r"users\sam\a")) == {"", r"\empty"}
        assert content(root, r"System\Trash\users\sam\a")[r"\x"][:2] == (None, {
            "n": 0, "tags": ["x", None, 1.0, 1], "of": {"name": "x"}, "unit": "MW",
        })  # fmt: skip
    app.close()


# --- trim -------------------------------------------------------------------------------------------------------

DAYS = st.dates(datetime.date(2023, 12, 20), datetime.date(2024, 3, 10))
#: whole milliseconds: pandas 2.2 cuts the rest off a limit when it slices dates of milliseconds
MOMENTS = st.datetimes(datetime.datetime(2023, 12, 20), datetime.datetime(2024, 3, 10)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
LIMITS = DAYS | DAYS.map(str) | DAYS.map(lambda day: f"{day:%Y-%m}") | MOMENTS


@settings(max_examples=40)
@given(
    st.lists(st.datetimes(datetime.datetime(2023, 12, 1), datetime.datetime(2024, 3, 31)), min_size=1, max_size=20),
    st.none() | LIMITS,
    st.none() | LIMITS,
    st.sampled_from(["UTC", "Asia/Tokyo"]),
)
def test_trimming_equals_a_slice_of_pandas(dates, before, after, tz):
    first, last = (None if limit is None else _label(limit) for limit in (before, after))
    assume(first is not None or last is not None)
    index = pd.DatetimeIndex(dates).as_unit("ms").unique().sort_values()
    whole = pd.Series(np.arange(len(index)) + 1.0, index)
    kept = whole.loc[first:last]
    with sj.Connection("local::memory:") as conn:
        whole.shooju.write("Fill", sid=r"a\x", tz=tz, connection=conn)
        limits = wire_limits(before, after, tz)
        if None not in limits and limits[0] > limits[1]:
            with pytest.raises(ValueError, match="before must not be later than after"):
                conn.series.trim("sid:a", before=before, after=after, tz=tz)
            return
        done = conn.series.trim("sid:a", before=before, after=after, tz=tz)
        assert int(done["points"].sum()) == len(whole) - len(kept)
        left = pd.read_shooju({"x": r"sid=a\x"}, tz=tz, connection=conn)["x"].tz_localize(None)
        assert left.tolist() == kept.tolist()
        assert left.index.tolist() == kept.index.tolist()


def _label(limit: Any) -> Any:
    """A limit as a label of pandas: a day as a string means the whole day there, too."""
    return str(limit) if isinstance(limit, datetime.date) and not isinstance(limit, datetime.datetime) else limit


@pytest.mark.parametrize(("limit", "removed"), [("before", [0, 1]), ("after", [2])])
def test_a_limit_between_two_milliseconds(conn, limit, removed):
    fill(conn, "a", [])
    with conn.register_job("Three milliseconds") as job:
        job.write(r"sid=a\x", points=[(at, 1.0) for at in range(3)])
    moment = datetime.datetime(1970, 1, 1, microsecond=1_500)
    found = conn.series.trim(r"sid=a\x", **{limit: moment})
    assert found["points"].tolist() == [len(removed)]
    assert found["first"].item().microsecond == 1_000 * removed[0]


def test_trimming_says_what_is_removed(conn):
    index = pd.date_range("2020-01-01", periods=5, tz="UTC").as_unit("ms")
    frame = pd.DataFrame({"x": [1.0, 2, 3, 4, 5], "y": [np.nan, np.nan, 3, np.nan, np.nan]}, index)
    frame.shooju.write("Fill", sid={"x": r"a\x", "y": r"a\y"}, connection=conn)
    planned = conn.series.trim("sid:a", before="2020-01-02", after="2020-01-03", dry_run=True)
    assert len(conn.get_series(r"sid=a\x", max_points=-1)["points"]) == 5
    done = conn.series.trim("sid:a", before="2020-01-02", after="2020-01-03")
    pd.testing.assert_frame_equal(planned.drop(columns="job"), done.drop(columns="job"))
    assert done.values.tolist() == [[r"a\x", 3, index[0], index[4], 2]]
    assert len(conn.series.trim("sid:a", before="2020-01-02", after="2020-01-03")) == 0


def test_reports_are_not_trimmed(conn):
    fill(conn, "a", ["p", "q", "r"])
    before = content(conn, "a")
    conn.series.trim("sid:a", after="1970-01-01")
    after = content(conn, "a")
    assert [held[1:] for held in after.values()] == [held[1:] for held in before.values()]
    assert [points[-1][0] for points, _, _ in after.values() if points] == [-DAY, 0, 0]


def test_a_relative_date_keeps_what_lies_exactly_there(conn):
    years = [pd.Timestamp.now("UTC").year]
    index = pd.DatetimeIndex([f"{years[0] + shift}-01-01" for shift in range(-4, 3)], tz="UTC").as_unit("ms")
    pd.Series(1.0, index).shooju.write("Fill", sid=r"a\x", connection=conn)
    done = conn.series.trim("sid:a", before="-1yb")
    years.append(pd.Timestamp.now("UTC").year)  # a year may have begun meanwhile
    assert done["last"].item().year + 2 in years
    done = conn.series.trim("sid:a", after="1yb")
    years.append(pd.Timestamp.now("UTC").year)
    assert done["first"].item().year - 2 in years


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "needs before, after, or both"),
        (
            {"before": "2021", "after": "2020"},
            "before must not be later than after, got before='2021' and after='2020'",
        ),
        ({"before": "-1y", "after": "2020"}, "relative dates cannot be combined"),
        ({"before": "MAX"}, "before must be a date, got 'MAX'"),
        ({"after": 2020}, "after must be milliseconds .* looks like a year"),
        ({"after": "2020", "tz": "Nowhere"}, "Nowhere"),
    ],
)
def test_limits_that_make_no_sense_are_refused(conn, limits, message):
    with pytest.raises(ValueError, match=message):
        conn.series.trim("sid:a", **limits)


# --- fields -----------------------------------------------------------------------------------------------------


def test_only_fields_that_differ_are_written(conn):
    with conn.register_job("Fill", batch_size=100) as job:
        job.write(r"sid=a\x", fields={"unit": "MW", "n": 1, "old": True, "of": {"a": [1]}})
        job.write(r"sid=a\y", fields={"unit": "GW", "n": 1.0, "of": {"a": [1.0]}})
        job.write(r"sid=a\z", fields={"unit": "MW", "n": 1, "of": {"a": [1]}})
    fields = {"unit": "MW", "n": 1, "old": None, "of": {"a": [1]}}
    planned = conn.series.update_fields("sid:a", fields, dry_run=True)
    done = conn.series.update_fields("sid:a", fields)
    pd.testing.assert_frame_equal(planned.drop(columns="job"), done.drop(columns="job"))
    assert done.values.tolist() == [
        [r"a\x", "old", True, None, 2], [r"a\y", "unit", "GW", "MW", 2], [r"a\y", "n", 1.0, 1, 2],
        [r"a\y", "of", {"a": [1.0]}, {"a": [1]}, 2],
    ]  # fmt: skip
    assert len(conn.series.update_fields("sid:a", fields)) == 0
    assert {repr(series["fields"]) for series in conn.scroll("sid:a", fields="*")} == {
        repr({"unit": "MW", "n": 1, "of": {"a": [1]}})
    }
    assert conn.raw.get("/series", params={"query": "job:2", "per_page": 0})["total"] == 2


@pytest.mark.parametrize("name", ["a,b", "a.b", "=x", "sid", "Bidding Zone", "*", "series_id"])
def test_fields_of_any_name_are_set_and_removed(conn, name):
    fill(conn, "a", ["x"])
    assert len(conn.series.update_fields(r"sid=a\x", {name: 1})) == 1
    assert conn.get_fields(r"sid=a\x")[name] == 1
    assert len(conn.series.update_fields(r"sid=a\x", {name: 1})) == 0
    assert conn.series.update_fields(r"sid=a\x", {name: None})["old"].tolist() == [1]
    assert name not in conn.get_fields(r"sid=a\x")


def test_values_that_no_field_may_have_are_refused(conn):
    with pytest.raises(ValueError, match="use None to remove the field"):
        conn.series.update_fields("sid:a", {"x": float("nan")})
    with pytest.raises(ValueError, match="fields must have at least one name and value"):
        conn.series.update_fields("sid:a", {})
    with pytest.raises(TypeError, match="fields must be a dict"):
        conn.series.update_fields("sid:a", "unit")


# --- cost -------------------------------------------------------------------------------------------------------


def test_a_thousand_series_take_few_requests(conn, hook):
    with conn.register_job("Fill", batch_size=2000) as job:
        for number in range(1000):
            job.write(rf"sid=a\{number}", points=[(0, 1.0), (DAY, 2.0)], fields={"n": number})
    calls = {
        "copy": lambda: conn.series.copy("a", "b"),
        "compare": lambda: conn.series.compare("a", "b"),
        "move": lambda: conn.series.move("b", "c"),
        "update_fields": lambda: conn.series.update_fields("sid:a", {"unit": "MW"}),
        "trim": lambda: conn.series.trim("sid:a", before="1970-01-02"),
        "delete": lambda: conn.series.delete("sid:a"),
        "restore": lambda: conn.series.restore("sid:a"),
    }
    for name, call in calls.items():
        hook.made.clear()
        call()
        assert len(hook.made) <= 14, name


def test_large_series_are_read_few_at_a_time(conn, hook, small):
    with conn.register_job("Fill", batch_size=2000) as job:
        for number in range(12):
            job.write(rf"sid=a\{number}", points=[(day, 1.0) for day in range(number)])
    conn.series.copy("a", "b")
    hook.asked.clear()
    assert len(conn.series.compare("a", "b")) == 0
    assert max(hook.asked) <= 3
    # two with at most a point, nine with at most ten, one with more: three at a time, two, and one
    assert len(conn.series.trim("sid:a", after="1960")) == 11
    assert hook.asked.count(1) >= 3
    assert len(hook.asked) >= 2 * 6 + 6


def test_progress_is_shown_on_request(conn, capsys):
    fill(conn, "a", ["x"])
    conn.series.copy("a", "b", progress=True)
    conn.series.compare("a", "b", progress=True)
    conn.series.trim("sid:b", before="2000", progress=True)
    conn.series.update_fields("sid:b", {"n": 1}, progress=True)
    conn.series.delete("sid:b", progress=True)
    shown = capsys.readouterr().err
    for word in ("Copying", "Comparing", "Trimming", "Updating", "Deleting"):
        assert word in shown

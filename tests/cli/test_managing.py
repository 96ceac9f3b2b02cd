"""The commands that manage series and jobs: tables for people, JSON for programs, exit statuses."""

import json
import re

import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import cli


@pytest.fixture
def store(tmp_path):
    """The name of a store with four series, and of the connection to it."""
    name = f"local:{tmp_path / 'store.sqlite'}"
    with sj.Connection(name) as conn:
        with conn.register_job("Prices of today") as job:
            for country, points in {"DE": [(0, 1.0), (86_400_000, 2.0)], "FR": [(0, 3.0)], "00060": []}.items():
                job.write(rf"sid=desk\prices\{country}", fields={"country": country, "unit": "EUR"}, points=points)
        with conn.register_job("Loads") as job:
            job.write(r"sid=desk\loads\DE", fields={"unit": "MW", "zones": [1, 2]}, points=[(0, 50.0)])
    return name


@pytest.fixture
def run(store, capsys):
    """Runs a command on the store, and returns its exit status and what it printed."""

    def run(*arguments, server=store):
        status = cli.main([*map(str, arguments), "--server", server])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_count(run):
    assert run("count") == (0, "4\n", "")
    assert run("count", "unit=EUR") == (0, "3\n", "")
    assert run("count", "unit=EUR", "--json") == (0, "3\n", "")
    assert run("count", "unit=USD") == (0, "0\n", "")


def test_a_query_that_the_server_refuses_fails(run):
    status, out, err = run("count", "a!=1")
    assert (status, out) == (3, "")
    assert err.startswith("pandas-shooju: invalid_parameters")


def test_facets(run):
    status, out, _ = run("facets", "sid:desk", "unit,country")
    assert status == 0
    assert [line.split() for line in out.splitlines()][:3] == [["field", "value", "count"], ["unit", "EUR", "3"],
                                                               ["unit", "MW", "1"]]  # fmt: skip
    status, out, _ = run("facets", "", "country", "--json")
    assert status == 0
    assert {row["value"]: row["count"] for row in json.loads(out)} == {"00060": 1, "DE": 1, "FR": 1}
    assert run("facets", "", "nothing") == (0, "no values\n", "")
    assert run("facets", "", "nothing", "--json") == (0, "[]\n", "")


def test_ls(run):
    assert run("ls") == (0, "(all series)  4\n└── desk  4\n", "")
    assert run("ls", r"desk\prices")[1].splitlines()[1:] == ["├── 00060", "├── DE", "└── FR"]
    status, out, _ = run("ls", "desk", "--depth", "all", "--json")
    assert status == 0
    document = json.loads(out)
    assert document["count"] == 4
    assert [child["path"] for child in document["children"]] == [r"desk\loads", r"desk\prices"]
    assert document["children"][0]["children"][0] == {
        "path": r"desk\loads\DE", "count": 1, "is_series": True, "children": []
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ("ls", "--depth", "0"),
        ("changes", "x"),
        ("undo",),
        ("facets", "sid:desk"),
        ("facets", "", "a,"),
        ("mirror", "sid:desk"),
    ],
)
def test_wrong_use(run, arguments):
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2


def test_jobs(run):
    status, out, _ = run("jobs", "Pri", "--since", "-1d")
    assert status == 0
    assert re.search(r"^\s*1\s+Prices of today\s", out, re.MULTILINE)
    assert "Loads" not in out
    status, out, _ = run("jobs", "--json")
    assert [(job["job"], job["description"]) for job in json.loads(out)] == [(2, "Loads"), (1, "Prices of today")]
    assert [job["job"] for job in json.loads(run("jobs", "--filter", "unit=MW", "--json")[1])] == [2]
    assert [job["job"] for job in json.loads(run("jobs", "--limit", "1", "--json")[1])] == [2]
    assert run("jobs", "--since", "+1d") == (0, "no jobs\n", "")
    assert run("jobs", "--by", "nobody", "--json") == (0, "[]\n", "")


def test_changes(run, store):
    with sj.Connection(store) as conn, conn.register_job("Correction") as job:
        job.write(r"sid=desk\prices\DE", points=[(0, 1.5), (86_400_000, None)], fields={"unit": "USD"})
    status, out, _ = run("changes", 3)
    assert status == 0
    assert "changed" in out
    assert "1970-01-02" in out
    found = {(row["dt"], row["field"]): (row["old"], row["new"], row["kind"]) for row in json.loads(
        run("changes", 3, "--json")[1])}  # fmt: skip
    assert found == {
        ("1970-01-01T00:00:00+00:00", None): (1.0, 1.5, "changed"),
        ("1970-01-02T00:00:00+00:00", None): (2.0, None, "deleted"),
        (None, "unit"): ("EUR", "USD", "changed"),
    }
    summary = json.loads(run("changes", 3, "--summary", "--json")[1])
    assert (summary["job"], summary["points"]) == (3, {"added": 0, "changed": 1, "deleted": 1})
    assert "points: 1 changed, 1 deleted" in run("changes", 3, "--summary")[1]
    status, out, err = run("changes", 99)
    assert (status, out) == (3, "")
    assert "99" in err


def test_json_has_no_infinite_numbers(run, store):
    with sj.Connection(store) as conn, conn.register_job("Infinite") as job:
        job.write(r"sid=desk\prices\DE", points=[(0, float("inf")), (86_400_000, float("-inf"))])
    rows = json.loads(run("changes", 3, "--json")[1], parse_constant=pytest.fail)
    assert [(row["old"], row["new"]) for row in rows] == [(1.0, "Infinity"), (2.0, "-Infinity")]


def test_undo(run, store):
    with sj.Connection(store) as conn:
        before = conn.get_series(r"sid=desk\prices\DE", fields="*", max_points=-1)
        with conn.register_job("Wrong") as job:
            job.write(r"sid=desk\prices\DE", points=[(0, 99.0), (86_400_000, 98.0)])
        status, out, _ = run("undo", 3, "--dry-run")
        assert status == 0
        assert out.count("restore") >= 2
        assert conn.get_series(r"sid=desk\prices\DE", max_points=1)["points"][0].value == 99.0
        status, out, _ = run("undo", 3)
        assert (status, out) == (0, "job 3 was undone by job 4: 2 points\n")
        assert conn.get_series(r"sid=desk\prices\DE", fields="*", max_points=-1) == before
        # another job wrote one of the points since
        with conn.register_job("Right") as job:
            job.write(r"sid=desk\prices\DE", points=[(0, 1.25)])
        status, out, _ = run("undo", 4, "--json")
        assert status == 1
        assert json.loads(out) == {
            "undone": 4, "points": 1, "fields": 0, "to_trash": 0, "from_trash": 0, "job": 6, "left_alone": 1
        }  # fmt: skip
        assert conn.get_series(r"sid=desk\prices\DE", max_points=1)["points"][0].value == 1.25


def test_copy_compare_and_move(run, store, tmp_path):
    status, out, _ = run("copy", r"desk\prices", r"team\prices", "--dry-run", "--json")
    assert status == 0
    assert {(row["target"], row["action"], row["job"]) for row in json.loads(out)} == {
        (rf"team\prices\{name}", "copy", None) for name in ("00060", "DE", "FR")
    }
    assert run("count", r"sid:team")[1] == "0\n"
    assert run("compare", r"desk\prices", r"team\prices")[0] == 1
    assert run("copy", r"desk\prices", r"team\prices")[0] == 0
    assert run("compare", r"desk\prices", r"team\prices") == (0, "equal\n", "")
    with sj.Connection(store) as conn, conn.register_job("Correction") as job:
        job.write(r"sid=team\prices\DE", points=[(0, -1.0)])
    status, out, _ = run("compare", r"desk\prices", r"team\prices", "--json")
    assert status == 1
    (row,) = json.loads(out)
    assert (row["series_id"], row["status"], row["points"], row["first"]) == (
        r"desk\prices\DE", "differs", 1, "1970-01-01T00:00:00+00:00"
    )  # fmt: skip
    status, _, err = run("copy", r"desk\prices", r"team\prices")
    assert status == 3
    assert "--overwrite" in err
    assert run("copy", r"desk\prices", r"team\prices", "--overwrite")[0] == 0
    other = f"local:{tmp_path / 'other.sqlite'}"
    assert run("move", r"team\prices", "--to", other, "--job", "Move to another store")[0] == 0
    assert run("count", r"sid:team")[1] == "0\n"
    assert run("compare", r"desk\prices", r"team\prices", "--to", other) == (0, "equal\n", "")
    assert run("move", "nothing", "something") == (0, "no series\n", "")


def test_mirror(run, store, tmp_path):
    path = tmp_path / "mirror.sqlite"
    status, out, _ = run("mirror", "unit=EUR", path)
    assert status == 0
    assert out == f"3 series of {store} are in {path}; to read them: --server local:{path}\n"
    assert run("count", server=f"local:{path}") == (0, "3\n", "")
    with sj.Connection(store) as conn, conn.register_job("More") as job:
        job.write(r"sid=desk\prices\IT", fields={"unit": "EUR"})
    document = json.loads(run("mirror", "unit=EUR", path, "--json")[1])
    assert (document["path"], document["series"], document["todo"]) == (str(path), 4, 0)
    assert pd.Timestamp(document["refreshed_at"]).tz is not None
    status, _, err = run("mirror", "unit=MW", path)
    assert status == 3
    assert "is one of 'unit=EUR'" in err


def test_long_tables_are_cut_for_people_only(run, store):
    with sj.Connection(store) as conn, conn.register_job("Many") as job:
        job.write("sid=many", points=[(day * 86_400_000, day) for day in range(150)])
    out = run("changes", 3)[1]
    assert len(out.splitlines()) == 102
    assert "... and 51 more rows; --json prints all of them" in out
    assert len(json.loads(run("changes", 3, "--json")[1])) == 151

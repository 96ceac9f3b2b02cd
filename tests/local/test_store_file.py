"""The store's file: what is accepted as one, and looking after it."""

from __future__ import annotations

import functools
import math
import sqlite3
import threading
import zipfile

import pytest

from pandas_shooju.local import StoreError, maintenance, open_app
from pandas_shooju.local.store.database import Database
from pandas_shooju.local.store.schema import MIGRATIONS
from tests.local.conftest import Api, version_4


@pytest.fixture
def path(tmp_path):
    """A store with some of everything."""
    path = tmp_path / "store.sqlite"
    app = open_app(path)
    api = Api(app)
    job = api.job()
    api.put(r"users\sam\a", [[0, 1.0], [1, 2.5]], job=job, fields={"unit": "MW", "n": 1})
    api.put(r"users\sam\a", [[0, 5.0]], fields={"year": 2001}, reported_date=10**9)
    api.put(r"users\sam\b é", fields={"unit": "m"})
    api.put(r"users\sam\gone", [[0, 1.0]])
    api.write({"type": "DELETE", "series_id": r"users\sam\gone"})
    api.put(r"users\sam\a", [[0, 1.5]])
    app.close()
    return path


def test_what_is_no_store_is_refused(tmp_path):
    text = tmp_path / "text.sqlite"
    text.write_text("not a database at all, but long enough to be looked at" * 50)
    with pytest.raises(StoreError, match="cannot be opened as a store"):
        open_app(text)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    with pytest.raises(StoreError, match="another program"):
        open_app(other)
    assert sqlite3.connect(other).execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]


def test_a_store_that_another_process_is_creating_is_not_mistaken_for_another_file(tmp_path, monkeypatch):
    path = tmp_path / "new.sqlite"
    creator = threading.Thread(target=lambda: Database(path).close())

    class Interrupted(sqlite3.Connection):
        """While it looks whether the file is a store, somebody else makes it one (or waits to do so)."""

        def execute(self, sql, *arguments):
            if "sqlite_master" in sql and not creator.ident:
                creator.start()
                creator.join(0.3)
            return super().execute(sql, *arguments)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Interrupted))
    Database(path).close()
    creator.join()
    Database(path).close()


def test_a_store_of_a_newer_version_is_refused(path):
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="upgrade"):
        open_app(path)


def test_an_older_store_becomes_a_newer_one(path, monkeypatch):
    from pandas_shooju.local.store import database

    monkeypatch.setattr(
        database, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE later (x);\nCREATE INDEX y ON later (x)",))
    )
    app = open_app(path)
    with app._database.reading() as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        assert db.execute("SELECT count(*) FROM later").fetchone() == (0,)
    assert len(Api(app).ids("sid:users")) == 2
    app.close()


def test_an_open_store_survives_without_its_app_being_closed(tmp_path):
    first = open_app(tmp_path / "s.sqlite")
    Api(first).put("a", [[0, 1.0]])
    second = open_app(tmp_path / "s.sqlite", credentials={"sam": "k"})
    assert second is not first
    assert Api(second, "sam", "k").points("sid=a") == [[0, 1.0]]
    Api(second, "sam", "k").put("a", [[1, 2.0]])
    assert Api(first).points("sid=a") == [[0, 1.0], [1, 2.0]]
    first.close()
    second.close()


def test_every_commit_is_on_the_disk(path):
    app = open_app(path)
    with app._database.writing() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    app.close()


def test_info(path):
    found = maintenance.info(path)
    assert found["path"] == str(path)
    assert found["bytes"] > 0
    counts = {name: found[name] for name in ("series", "series_in_trash", "points", "points_in_reports", "reports")}
    assert counts == {"series": 2, "series_in_trash": 1, "points": 3, "points_in_reports": 1, "reports": 1}
    assert found["jobs"] == 1
    assert found["bytes_of_the_past"] == 24
    with pytest.raises(StoreError, match="no store at"):
        maintenance.info(path.with_name("none"))


def test_vacuum(path):
    app = open_app(path)
    api = Api(app, format_name="sjts")
    api.put("big", [[n, math.sin(n)] for n in range(100_000)])
    api.write({"type": "DELETE", "series_id": "big", "force": True})
    app.close()
    before, after = maintenance.vacuum(path)
    assert after < before / 2
    assert maintenance.info(path)["series"] == 2


def test_an_archive_carries_series_to_another_store(path, tmp_path):
    archive, other = tmp_path / "series.zip", tmp_path / "other.sqlite"
    assert maintenance.export_store(path, archive) == 2
    for _ in range(2):
        assert maintenance.import_store(other, archive) == 2
    app = open_app(other)
    api = Api(app)
    assert api.ids("") == [r"users\sam\a", r"users\sam\b é"]
    assert api.points(r"sid=users\sam\a") == [[0, 1.5], [1, 2.5]]
    assert api.fields(r"sid=users\sam\a") == {"unit": "MW", "n": 1}
    assert api.points(r"sid=users\sam\a@repdate:1000000000") == [[0, 5.0]]
    assert api.fields(r"sid=users\sam\a@repfdate:1000000000") == {"year": 2001}
    app.close()
    assert maintenance.export_store(path, tmp_path / "part.zip", "unit=m") == 1
    with pytest.raises(FileExistsError):
        maintenance.export_store(path, archive)
    for query in ("sid:users@A:M", "unit=", "meta.nonsense=1"):
        with pytest.raises(StoreError, match="nothing was exported"):
            maintenance.export_store(path, tmp_path / "none.zip", query)
        assert not (tmp_path / "none.zip").exists()


def test_an_archive_says_what_it_leaves_out(path, tmp_path):
    archive, other = tmp_path / "series.zip", tmp_path / "other.sqlite"
    maintenance.export_store(path, archive)
    maintenance.import_store(other, archive)
    counts = maintenance.info(other)
    left_out = {"jobs": "jobs", "bytes_of_the_past": "history", "series_in_trash": "trash", "files": "files"}
    assert {name: counts[name] for name in left_out} == {**dict.fromkeys(left_out, 0), "jobs": 1}
    assert all(word in maintenance.export_store.__doc__.lower() for word in left_out.values())


def test_what_is_no_archive_is_refused(tmp_path):
    text = tmp_path / "text"
    text.write_text("no zip")
    with pytest.raises(StoreError, match="not an archive"):
        maintenance.import_store(tmp_path / "s.sqlite", text)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("series-1.sjts", "{}")
    with pytest.raises(StoreError, match="not an archive"):
        maintenance.import_store(tmp_path / "s.sqlite", tmp_path / "z.zip")


def test_an_index_of_the_first_version_is_rebuilt(path):
    with sqlite3.connect(path) as db:
        version_1(db)
    app = open_app(path)
    api = Api(app)
    assert api.ids("unit=mw") == [r"users\sam\a"]
    assert api.ids("n>0.5") == [r"users\sam\a"]
    assert api.ids(r"tree:system") == [r"System\Trash\users\sam\gone"]
    assert api.search("", facets="unit,note", per_page=0)["facets"] == {
        "unit": {"terms": [{"term": "m", "count": 1}, {"term": "MW", "count": 1}]},
        "note": {"terms": []},
    }
    (job,) = api.call("GET", "/jobs", filter="")["results"]
    assert job["updated_at"] >= job["created_at"] > 0
    assert job["stats"]["new_points"] == 0  # was not counted then
    assert api.call("GET", "/jobs", filter=r"sid=users\sam\a")["results"][0]["filtered_series"]["changed"] == 1
    app.close()


def version_1(db):
    """Make a store one of the first version: older tables, and an index without numbers, dates and spellings."""
    version_4(db)
    for table, columns in {
        "jobs": ("updated", "new_series", "new_points", "changed_points", "deleted_points"),
        "job_series": ("changed", "added", "deleted"),
        "chunks": ("checksum", "packed"),
        "past_points": ("checksum", "packed"),
        "series": ("checksum", "stored"),
    }.items():
        for column in columns:
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    db.execute("DROP INDEX jobs_of_series")
    db.execute("DROP TABLE terms")
    db.execute(
        "CREATE TABLE terms (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (name, value))"
    )
    db.execute("INSERT INTO terms VALUES (1, 'unit', 'mw')")
    db.execute("PRAGMA user_version = 1")

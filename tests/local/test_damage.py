"""Damaged stores: an error that says so, and never another value."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import requests

from pandas_shooju import formats
from pandas_shooju.formats import PointColumns
from pandas_shooju.local import StoreError, maintenance, open_app
from pandas_shooju.local.adapter import WSGIAdapter
from pandas_shooju.local.store import chunks
from tests.local.conftest import BASE, Api, version_4

SERIES = 120


def content(number: int) -> tuple[PointColumns, dict]:
    rng = np.random.default_rng(number)
    dates = np.arange(300) * 3_600_000 if number % 2 else np.sort(rng.choice(10**9, 300, replace=False))
    return PointColumns(dates.astype(np.int64), rng.normal(size=300)), {"number": number, "text": f"series {number} é"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return make(tmp_path_factory.mktemp("sound") / "store.sqlite")


def make(path):
    app = open_app(path)
    api = Api(app, format_name="sjts")
    job = api.job()
    for number in range(SERIES):
        points, fields = content(number)
        api.put(rf"users\sam\{number}", points, job=job, fields=fields)
    app.close()
    return path


def damaged_reads(path):
    """Read each series of a store, and return how many reads failed; no other value is accepted."""
    try:
        app = open_app(path)
    except StoreError:
        return SERIES
    session = requests.Session()
    session.mount(BASE, WSGIAdapter(app))
    failed = 0
    for number in range(SERIES):
        query = {"query": rf"sid=users\sam\{number}", "max_points": "-1", "fields": "number,text"}
        answer = session.get(f"{BASE}/api/1/series", params=query, headers={"Sj-Receive-Format": "sjts"})
        if answer.status_code == 503:
            assert answer.json()["error"] in ("store_corrupt", "store_unavailable")
            assert str(path) in answer.json()["description"]
            failed += 1
            continue
        assert answer.status_code == 200, answer.text
        document = formats.decode(answer.content, "sjts").plain()
        points, fields = content(number)
        (series,) = document["series"]
        assert series["fields"] == fields
        assert series["points"].dates.tolist() == points.dates.tolist()
        assert series["points"].values.tolist() == points.values.tolist()
    app.close()
    return failed


def found_by_check(path):
    try:
        return maintenance.check(path)
    except StoreError as error:
        return str(path) in str(error)


def flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(200, len(data))] ^= 1 << rng.randrange(8)


def flip_many(data: bytearray, rng: random.Random) -> None:
    for _ in range(200):
        flip(data, rng)


def lose_a_page(data: bytearray, rng: random.Random) -> None:
    page = rng.randrange(1, len(data) // 16384) * 16384
    data[page : page + 16384] = bytes(16384)


def swap_pages(data: bytearray, rng: random.Random) -> None:
    one, other = (page * 16384 for page in rng.sample(range(1, len(data) // 16384), 2))
    kept = data[one : one + 16384]
    data[one : one + 16384] = data[other : other + 16384]
    data[other : other + 16384] = kept


def cut_off(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(16384, len(data)) :]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spoil", [flip, flip_many, lose_a_page, swap_pages, cut_off])
def test_a_damaged_store_never_returns_other_values(sound, tmp_path, spoil, seed):
    data = bytearray(sound.read_bytes())
    spoil(data, random.Random(f"{spoil.__name__} {seed}"))
    path = tmp_path / "store.sqlite"
    path.write_bytes(data)
    if damaged_reads(path):
        assert found_by_check(path)


def test_a_sound_store_is_read_and_checked(sound):
    assert damaged_reads(sound) == 0
    assert maintenance.check(sound) == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE chunks SET vals = zeroblob(length(vals)) WHERE id = 7", "not as they were written"),
        ("UPDATE chunks SET first = first + 1 WHERE id = 7", "not as they were written"),
        ("UPDATE chunks SET series = 9 WHERE id = 7", "not as they were written"),
        ("DELETE FROM chunks WHERE id = 7", "0 points, but 300 were written"),
        ("UPDATE series SET fields = '{\"number\":8}' WHERE id = 7", "not as they were written"),
        ("DELETE FROM postings WHERE series = 7", "not found by all of its fields"),
        ("UPDATE past_points SET vals = zeroblob(length(vals))", "former points"),
    ],
)
def test_the_check_finds(sound, tmp_path, statement, problem):
    path = tmp_path / "store.sqlite"
    path.write_bytes(sound.read_bytes())
    app = open_app(path)
    Api(app).put(r"users\sam\20", [[0, 1.0], [3_600_000, 2.0], [7_200_000, 3.0]])
    Api(app).put(r"users\sam\20", [[0, 4.0]])
    app.close()
    assert maintenance.check(path) == []
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    assert any(problem in line for line in maintenance.check(path)), maintenance.check(path)


def test_the_check_on_the_command_line(sound, tmp_path):
    path = tmp_path / "store.sqlite"
    path.write_bytes(sound.read_bytes())
    command = [sys.executable, "-m", "pandas_shooju", "store", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("sound\n", "", 0)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE chunks SET vals = zeroblob(length(vals)) WHERE id = 7")
    db.close()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert r"users\\sam\\6" in done.stdout
    assert "export" in done.stderr


def test_a_store_without_checksums_is_read_and_gets_them_by_vacuum(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "PACKED_FROM", 10**9)
        path = make(tmp_path / "store.sqlite")
    with sqlite3.connect(path) as db:
        version_4(db)
        for table in ("chunks", "past_points", "series"):
            db.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
        for table in ("chunks", "past_points"):
            db.execute(f"ALTER TABLE {table} DROP COLUMN packed")
        db.execute("ALTER TABLE series DROP COLUMN stored")
        db.execute("PRAGMA user_version = 2")
    db.close()
    assert damaged_reads(path) == 0
    before, after = maintenance.vacuum(path)
    assert after < before
    with sqlite3.connect(path) as db:
        version_4(db)
        for table in ("chunks", "past_points", "series"):
            assert db.execute(f"SELECT count(*) FROM {table} WHERE checksum IS NULL").fetchone() == (0,)
    db.close()
    assert damaged_reads(path) == 0
    assert maintenance.check(path) == []


def test_a_file_that_lost_its_bytes_is_found(tmp_path):
    path = tmp_path / "store.sqlite"
    app = open_app(path)
    session = requests.Session()
    session.mount(BASE, WSGIAdapter(app))
    one, other = (
        session.post(f"{BASE}/api/1/files", files={"file": ("a.txt", b"text")}).json()["file_id"][0] for _ in range(2)
    )
    app.close()
    folder = path.with_name("store.sqlite.files")
    (folder / one).write_bytes(b"tex")
    (folder / other).unlink()
    problems = maintenance.check(path)
    assert any(one in line and "3 bytes" in line for line in problems)
    assert any(other in line and "missing" in line for line in problems)

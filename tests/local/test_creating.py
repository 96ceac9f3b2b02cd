"""When the file of a store comes into being: with the first write, and never because of a mistyped path."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import local
from tests.local.conftest import Api

INDEX = pd.DatetimeIndex(["2024-01-01"], tz="UTC")


READS = {
    "search": lambda conn: pd.read_shooju("sid:users", connection=conn),
    "one": lambda conn: pd.read_shooju(["sid=users"], connection=conn),
    "jobs": lambda conn: conn.raw.get("/jobs"),
    "file": lambda conn: conn.raw.get("/files/x"),
}


@pytest.mark.parametrize("what", READS)
def test_reading_a_store_that_does_not_exist_is_an_error(tmp_path, what):
    path = tmp_path / "folder" / "TYPO.sqlite"
    with sj.Connection(f"local:{path}") as conn, pytest.raises(sj.ShoojuError) as raised:
        READS[what](conn)
    assert f"there is no store at {path}" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_the_first_write_creates_the_store(tmp_path):
    path = tmp_path / "folder" / "new.sqlite"
    with sj.Connection(f"local:{path}") as reader, sj.Connection(f"local:{path}") as writer:
        with pytest.raises(sj.ShoojuError, match="there is no store at"):
            pd.read_shooju("sid:users", connection=reader)
        pd.DataFrame({"a": [1.0]}, INDEX).shooju.write("first", sid=r"users\sam\a", connection=writer)
        assert pd.read_shooju("sid:users", connection=reader).iloc[0, 0] == 1.0
    assert path.exists()


def test_the_first_run_of_a_pipeline_reads_nothing(tmp_path):
    path = tmp_path / "new.sqlite"
    frame = pd.DataFrame({"a": [1.0]}, INDEX)
    with sj.Connection(f"local:{path}") as conn:
        assert len(frame.shooju.diff("server", sid=r"users\sam\{}", connection=conn)) == 1
        assert not path.exists()
        for stored in (1, 0):
            job = conn.register_job("nightly", reuse="today")
            result = frame.shooju.write(job, sid=r"users\sam\{}", changed_from="server", connection=conn)
            assert result.points == stored
            assert job.job_id == 1


def test_a_store_that_another_process_creates_is_found(tmp_path):
    path = tmp_path / "new.sqlite"
    reader = local.open_app(path, create=False)
    assert Api(reader).raw("GET", "/series").status_code == 404
    code = f"from pandas_shooju.local import open_app; open_app({str(path)!r}).close()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert Api(reader).search("")["total"] == 0
    reader.close()


def test_opening_to_create_creates_what_is_open_already(tmp_path):
    path = tmp_path / "new.sqlite"
    lazy = local.open_app(path, create=False)
    assert not path.exists()
    eager = local.open_app(path)
    assert eager is lazy
    assert path.exists()
    lazy.close()
    eager.close()


def test_the_command_line_reads_no_store_into_being(tmp_path):
    path = tmp_path / "TYPO.sqlite"
    command = [sys.executable, "-m", "pandas_shooju", "read", "sid:users", "--server", f"local:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr.count(f"there is no store at {path}") == 1  # and not in the log as well
    assert list(tmp_path.iterdir()) == []


def test_serving_and_stores_in_memory_need_no_first_write(tmp_path):
    with local.start(tmp_path / "new.sqlite") as served, sj.Connection(served.url, "sam", "key") as conn:
        assert pd.read_shooju("sid:users", connection=conn).empty
    with sj.Connection("local::memory:") as conn:
        assert pd.read_shooju("sid:users", connection=conn).empty

"""Spools: what is recorded before it is sent, and what `resume` makes of it."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pandas as pd
import pytest

import pandas_shooju as shooju
from pandas_shooju import cli
from pandas_shooju.client.points import milli_tuple
from pandas_shooju.errors import ConfigurationError, ConflictError, ConnectionError, ShoojuFormatError, WriteError
from tests.client.faults import answer, drop, lose


def is_write(seen):
    return "/series/write" in seen.path


def points_of(conn, query):
    series = conn.get_series(query, max_points=-1, serializer=milli_tuple)
    return None if series is None else series.get("points", [])


def abandon(job):
    """Let go of a job as a process does that is killed: nothing is sent, and the lock is free."""
    job._spool.close(done=False)


@pytest.fixture
def crashed(sj, through, proxy, path, tmp_path):
    """A spool with three items of unknown outcome, none of which was stored, and a deletion."""
    job = through(retries=1).register_job("crashes", batch_size=10, spool=tmp_path)
    job.write(f"sid={path}", points=[(0, 1), (1000, None), (2000, 3)], fields={"a": {"b": [None, "ü"]}})
    job.write_reported(f"sid={path}", 978_307_200_000, points=[(0, 2)])
    job.delete_series(rf"sid={path}\gone", force=True)
    proxy.fail(drop(), when=is_write)
    with pytest.raises(ConnectionError):
        job.submit()
    abandon(job)
    return job


def test_what_is_left_is_sent_under_the_same_job(crashed, proxy, path, tmp_path, sj):
    sj.register_job("before").write(rf"sid={path}\gone", points=[(0, 1)])
    [resumed] = shooju.resume(tmp_path, crashed.connection)
    assert resumed.job_id == crashed.job_id
    assert resumed.confirmed == {path: (4, 1)}
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (2000, 3.0)]
    assert sj.get_fields(f"sid={path}")["a"]["b"][1] == "ü"
    assert points_of(sj, rf"sid={path}@repdate:2001-01-01") == [(0, 2.0)]
    assert points_of(sj, rf"sid={path}\gone") is None
    assert list(tmp_path.iterdir()) == []
    assert shooju.resume(tmp_path, crashed.connection) == []


def test_a_spool_with_unfinished_work_names_resume(crashed, tmp_path, sj, proxy):
    seen = len(proxy.seen)
    with pytest.raises(ConfigurationError, match=rf"3 items of job {crashed.job_id}; send them with") as raised:
        crashed.connection.register_job("the next", spool=tmp_path)
    assert len(proxy.seen) == seen
    [code] = re.findall(r"pandas_shooju\.resume\(.*, connection\)", str(raised.value))
    eval(code, {"pandas_shooju": shooju, "connection": crashed.connection})
    crashed.connection.register_job("the next", spool=tmp_path)


def test_a_spool_is_refused_by_another_server(crashed, tmp_path, sj):
    with pytest.raises(ConfigurationError, match="is for the server http"):
        shooju.resume(tmp_path, sj)
    assert len(shooju.resume(tmp_path, crashed.connection)) == 1


def test_a_spool_holds_no_key(crashed, tmp_path):
    [folder] = tmp_path.iterdir()
    content = b"".join(file.read_bytes() for file in folder.iterdir())
    assert b"secret-key" not in content


def test_two_jobs_cannot_use_a_folder_at_once(crashed, tmp_path):
    [folder] = tmp_path.iterdir()
    spool, _ = shooju.client.spool.Spool.take_up(folder)
    with pytest.raises(BlockingIOError, match="in use by another process"):
        shooju.resume(tmp_path, crashed.connection)
    crashed.connection.register_job("beside it", spool=tmp_path)
    spool.close(done=False)


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_torn_last_record_is_dropped(crashed, tmp_path, sj, path, cut):
    [folder] = tmp_path.iterdir()
    log = folder / "records"
    whole = log.read_bytes()
    with log.open("ab") as file:  # a record that a crash has torn, or of which only the length of the file arrived
        file.write(whole[:cut])
    assert len(shooju.resume(tmp_path, crashed.connection)) == 1
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (2000, 3.0)]


def test_zeros_at_the_end_are_a_torn_record(crashed, tmp_path, sj, path):
    [folder] = tmp_path.iterdir()
    with (folder / "records").open("ab") as file:
        file.write(bytes(4096))
    assert len(shooju.resume(tmp_path, crashed.connection)) == 1
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (2000, 3.0)]


def test_damage_in_the_middle_is_an_error_and_loses_nothing(crashed, tmp_path, sj, path):
    [folder] = tmp_path.iterdir()
    log = folder / "records"
    content = bytearray(log.read_bytes())
    content[40] ^= 1
    log.write_bytes(content)
    with pytest.raises(ShoojuFormatError, match="damaged"):
        shooju.resume(tmp_path, crashed.connection)
    assert log.read_bytes() == content


def test_what_is_stored_leaves_the_spool(sj, path, tmp_path):
    job = sj.register_job("keeps up", spool=tmp_path)
    [folder] = tmp_path.iterdir()
    empty = (folder / "records").stat().st_size
    for number in range(5):
        job.write(rf"sid={path}\{number}", points=[(0, number)])
        assert (folder / "records").stat().st_size == empty
    job.finish()
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_not_stored_is_sent_again(proxy, through, path, tmp_path):
    job = through(retries=1).register_job("half", batch_size=100, spool=tmp_path)
    for number in range(4):
        job.write(rf"sid={path}\{number}", points=[(0, number)])
    proxy.fail(drop(), when=lambda seen: is_write(seen) and b"\\\\3" in seen.body)
    with pytest.raises(ConnectionError):
        job.submit(batch_size=2)
    abandon(job)
    [resumed] = shooju.resume(tmp_path, job.connection)
    assert set(resumed.confirmed) == {rf"{path}\2", rf"{path}\3"}


def test_a_refused_item_remains_and_yields_to_what_was_stored_after_it(proxy, through, sj, path, tmp_path):
    conn = through(retries=1)
    job = conn.register_job("refused", spool=tmp_path)
    proxy.fail(answer(b'{"success": true, "responses": [{"success": false, "error": "no"}]}'), when=is_write)
    with pytest.raises(WriteError):
        job.write(f"sid={path}", points=[(0, 1), (1000, 1)])
    job.write(f"sid={path}", points=[(0, 2)])
    abandon(job)
    shooju.resume(tmp_path, conn)
    assert points_of(sj, f"sid={path}") == [(0, 2.0), (1000, 1.0)]


def test_what_a_newer_job_wrote_before_the_resume_stays(sj, through, proxy, path, tmp_path):
    conn = through(retries=1)
    job = conn.register_job("older", batch_size=10, spool=tmp_path)
    job.write(f"sid={path}", points=[(0, 5), (1000, 5)])
    proxy.fail(lose(), when=is_write)
    with pytest.raises(ConnectionError):
        job.submit()
    abandon(job)
    sj.register_job("newer").write(f"sid={path}", points=[(0, 1)])
    with pytest.raises(ConflictError, match="everything was stored except"):
        shooju.resume(tmp_path, conn)
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (1000, 5.0)]
    assert shooju.resume(tmp_path, conn) == []


def test_a_frame_is_resumed_and_its_job_finished(proxy, through, sj, path, tmp_path):
    conn = through(retries=1)
    data = pd.DataFrame(np.arange(8.0).reshape(2, 4), pd.date_range("2024", periods=2), columns=list("abcd"))
    proxy.fail(*[drop()] * 4, when=is_write)
    with pytest.raises(ConnectionError) as caught:
        data.rename_axis(columns="name").shooju.write(
            "spools", sid=path + r"\{name}", spool=tmp_path, batch_size=1, connection=conn
        )
    proxy.faults.clear()  # of batches that were not sent any more after the first error
    job = caught.value.result.job
    abandon(job)
    shooju.resume(tmp_path, conn)
    assert proxy.seen[-1].path.split("?")[0].endswith(f"/jobs/{job.job_id}/finish")
    assert [item["points"][1][1] for item in sj.scroll(f"sid:{path}", max_points=-1, serializer=milli_tuple)] == [
        4,
        5,
        6,
        7,
    ]
    assert list(tmp_path.iterdir()) == []


def test_discarded_items_leave_the_spool(crashed, tmp_path, path, sj):
    job = crashed.connection.register_job("discards", batch_size=10, spool=tmp_path / "other")
    job.write(f"sid={path}", points=[(0, 7)])
    job.discard()
    abandon(job)
    assert shooju.resume(tmp_path / "other", crashed.connection) == []


def test_a_job_with_a_spool_stays_in_its_process(sj, path, tmp_path):
    job = sj.register_job("stays", spool=tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be pickled"):
        pickle.dumps(job)


def test_resume_on_the_command_line(crashed, tmp_path, path, sj, capsys, monkeypatch):
    monkeypatch.setenv("SHOOJU_API_KEY", "secret-key")
    arguments = ["resume", str(tmp_path), "--server", crashed.connection.server, "--user", "sam"]
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == f"job {crashed.job_id}: 4 points of 1 series stored\n"
    assert points_of(sj, f"sid={path}") == [(0, 1.0), (2000, 3.0)]
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == "nothing was left to send\n"


def test_a_forked_process_cannot_write_to_the_spool_of_its_parent(sj, path, tmp_path, monkeypatch):
    job = sj.register_job("forks", spool=tmp_path)
    monkeypatch.setattr(job._spool, "_process", -1)  # as in a child
    with pytest.raises(ConfigurationError, match="only be used by the process that registered it"):
        job.write(f"sid={path}", points=[(0, 1)])


def test_an_item_that_is_sent_again_in_smaller_parts_leaves_the_spool(proxy, through, sj, path, tmp_path):
    job = through(retries=1).register_job("parts", batch_size=10, spool=tmp_path)
    job.write(f"sid={path}", points=[(date, float(date)) for date in range(25)])
    proxy.fail(drop(), when=is_write)
    with pytest.raises(ConnectionError):
        job.submit()
    job.submit(max_points_per_call=10)
    job.finish()
    assert len(points_of(sj, f"sid={path}")) == 25
    assert list(tmp_path.iterdir()) == []
    assert shooju.resume(tmp_path, sj) == []

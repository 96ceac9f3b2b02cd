"""`WriteResult`: what was stored, series by series, whatever happens during the write."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.client.result import WriteResult
from pandas_shooju.errors import ConnectionError, ShoojuApiError, WriteError, WriteInterrupted
from pandas_shooju.formats import PointColumns
from tests.client.faults import answer, drop, status


def is_write(seen):
    return "/series/write" in seen.path


def write(series_id, n=1, fields=None, reported_date=None):
    return SeriesWrite(series_id, PointColumns(np.arange(n) * 1000, np.ones(n)), fields or {}, reported_date)


def begin(conn, writes, **how):
    """A job with these writes, and the result that is going to send them."""
    job = conn.register_job("results", batch_size=1000)
    job.enqueue(writes)
    return job, WriteResult(job, writes, **how)


def test_several_writes_to_one_series_are_one_row(sj, path):
    writes = [write(path, 2), write(path + "b", 1, {"x": 1}), write(path.upper(), 3, {"a": 1}, reported_date=0)]
    job, result = begin(sj, writes)
    assert result.series.index.tolist() == [path, path + "b"]
    assert not result.ok
    assert result.retry() is result
    assert result.ok
    assert result.series.to_dict("list") == {
        "points": [5, 1], "fields": [1, 1], "stored": [True, True], "state": ["stored", "stored"],
        "error": ["", ""],
    }  # fmt: skip
    assert repr(result) == f"<WriteResult: 6 points and 2 fields of 2 series stored by job {job.job_id}: {path}, ...>"


def test_a_series_is_stored_when_all_its_writes_are(proxy, through, path):
    one_refused = b'{"success": true, "responses": [{"success": true}, {"success": false, "error": "no"}]}'
    job, result = begin(through(), [write(path, 2), write(path, 3, reported_date=0)])
    proxy.fail(answer(one_refused), when=is_write)
    with pytest.raises(WriteError) as caught:
        result.retry()
    assert caught.value.result is result
    assert caught.value.failed.index.tolist() == result.series.index.tolist() == [path]
    assert result.series.loc[path, "error"] == "no"
    assert (result.ok, result.points) == (False, 0)
    result.retry()
    assert (result.ok, result.points, job.pending) == (True, 5, 0)


def test_a_write_of_nothing_needs_no_job():
    result = WriteResult(None, [])
    assert result.retry().ok
    assert (result.points, len(result.series), repr(result)) == (0, 0, "<WriteResult: nothing to write>")


def test_a_retry_keeps_the_batch_size_and_the_workers(proxy, through, path):
    job, result = begin(through(retries=1), [write(rf"{path}\{n}") for n in range(6)], batch_size=2, finish=True)
    proxy.fail(*[status(500)] * 3, when=is_write)
    with pytest.raises(ConnectionError) as caught:
        result.retry()
    assert caught.value.result is result
    assert not result.series["stored"].any()
    assert (result.series["error"].str.contains("HTTP status 500")).all()
    result.retry()
    assert sum(map(is_write, proxy.seen)) == 6
    assert result.ok
    assert proxy.seen[-1].path.split("?")[0].endswith(f"/jobs/{job.job_id}/finish")


def test_an_error_at_the_end_has_the_result_too(proxy, through, path):
    _job, result = begin(through(), [write(path)], finish=True)
    proxy.fail(
        answer(b'{"success": false, "error": "job_error", "description": "no"}'),
        when=lambda seen: "finish" in seen.path,
    )
    with pytest.raises(ShoojuApiError, match="job_error") as caught:
        result.retry()
    assert caught.value.result is result
    assert result.ok


def test_an_interrupt_has_the_result(sj, path, monkeypatch):
    job, result = begin(sj, [write(rf"{path}\{n}") for n in range(4)], batch_size=1, workers=1)
    submit = job.submit

    def interrupted(**how):
        def stop(n):
            raise KeyboardInterrupt

        submit(**{**how, "progress": stop})

    monkeypatch.setattr(job, "submit", interrupted)
    with pytest.raises(WriteInterrupted, match="1 point of 1 series stored") as caught:
        result.retry()
    assert caught.value.result is result
    assert result.series["stored"].tolist() == [True, False, False, False]
    assert result.series["error"].tolist() == ["", "not sent", "not sent", "not sent"]
    monkeypatch.undo()
    assert result.retry().ok


def test_a_result_can_be_pickled(proxy, through, path):
    _job, result = begin(through(retries=1), [write(path)])
    proxy.fail(drop(), when=is_write)
    with pytest.raises(ConnectionError):
        result.retry()
    again = pickle.loads(pickle.dumps(result))
    assert again.series.equals(result.series)
    assert again.retry().ok

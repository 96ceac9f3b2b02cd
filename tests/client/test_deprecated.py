"""Deprecated calls: they work, and name their successors."""

from __future__ import annotations

import datetime as dt
import warnings

import pytest

from pandas_shooju.client import points as ps
from pandas_shooju.client.points import Point

TWO = [Point(0, 1), Point(1000, 2)]


def both(sj, series_id):
    series = sj.get_series(f"sid={series_id}", fields="*", max_points=-1, serializer=ps.milli_tuple)
    return series.get("points", []), series.get("fields", {})


def test_put_calls_write_by_series_id(sj, path):
    with sj.register_job("puts", batch_size=10) as job:
        with pytest.deprecated_call(match=r"put_points\(\) is deprecated; use write\(\)"):
            job.put_points(path, TWO)
        with pytest.deprecated_call(match="write"):
            job.put_point(path, Point(2000, 3))
        with pytest.deprecated_call(match="write"):
            job.put_field(path, "unit", "MW")
        with pytest.deprecated_call(match="write"):
            job.put_fields(path, {"n": 1})
        with pytest.deprecated_call(match="write_reported"):
            job.put_reported_points(path, dt.date(2001, 1, 1), [Point(0, 9)])
        assert job.pending == 2
    assert both(sj, path) == ([(0, 1.0), (1000, 2.0), (2000, 3.0)], {"unit": "MW", "n": 1})
    assert both(sj, f"{path}@repdate:2001-01-01")[0] == [(0, 9.0)]


def test_remove_calls_go_with_the_next_put(sj, path):
    sj.register_job("before").write(f"sid={path}", points=TWO, fields={"a": 1})
    with sj.register_job("removals", batch_size=10) as job:
        with pytest.deprecated_call(match="remove_others"):
            job.remove_points(path)
        with pytest.deprecated_call(match="remove_others"):
            job.remove_fields(path)
        assert job.pending == 0
        with pytest.deprecated_call():
            job.put_point(path, Point(5000, 5))
    assert both(sj, path) == ([(5000, 5.0)], {})


def test_deletions(sj, path):
    with sj.register_job("deletions", batch_size=10) as job:
        for number in range(3):
            job.write(rf"sid={path}\{number}", points=TWO)
        job.submit()
        with pytest.deprecated_call(match="delete_series"):
            job.delete(rf"{path}\0", force=True)
        job.submit()
        with pytest.deprecated_call(match="one=False"):
            assert job.delete_by_query(f"sid:{path}") == 2


def test_reads_by_series_id(sj, path):
    sj.register_job("reads").write(f"sid={path}", points=TWO, fields={"a": 1})
    with pytest.deprecated_call(match="get_series"):
        assert sj.get_points(path) == TWO
    with pytest.deprecated_call(match="get_series"):
        assert sj.get_points(path, dt.datetime(1970, 1, 1, 0, 0, 1), size=1, serializer=ps.milli_tuple) == [(1000, 2.0)]
    with pytest.deprecated_call(match="get_series"):
        assert sj.get_points(path + "x") is None
    with pytest.deprecated_call(match="sid="):
        assert sj.get_fields(path) == {"a": 1}
    with pytest.deprecated_call():
        nothing = sj.get_points(path, dt.date(2000, 1, 1), serializer=ps.pd_series)
    assert (len(nothing), nothing.dtype, nothing.index.dtype) == (0, "float64", "datetime64[ns]")
    mget = sj.mget()
    with pytest.deprecated_call():
        assert mget.get_points(path, max_points=1, serializer=ps.milli_tuple) == 0
    with pytest.deprecated_call():
        assert mget.get_fields(path) == 1
    mget.get_series(f"sid={path}", fields=["a"])
    points, fields, series = mget.fetch()
    assert (points, fields, series["fields"]) == ([(0, 1.0)], {"a": 1}, {"a": 1})


def test_get_fields_takes_a_series_id_by_name(sj, path):
    sj.register_job("reads").write(f"sid={path}", fields={"a": 1, "b": 2})
    mget = sj.mget()
    with pytest.deprecated_call(match="sid="):
        assert sj.get_fields(series_id=path, fields=["a"]) == {"a": 1}
    with pytest.deprecated_call(match="sid="):
        mget.get_fields(series_id=path, fields=["a"])
    assert mget.fetch() == [{"a": 1}]
    for call in sj.get_fields, sj.mget().get_fields:
        with pytest.raises(TypeError, match="requires series_query"):
            call()
        with pytest.raises(TypeError, match="must be a string"):
            call(5)


def test_reported_dates_of_a_job(sj, path):
    job = sj.register_job("reports")
    job.write_reported(f"sid={path}", dt.date(2001, 1, 1), points=TWO)
    with pytest.deprecated_call(match="series_query"):
        assert sj.get_reported_dates(job_id=job.job_id) == [dt.datetime(2001, 1, 1)]


def test_warnings_point_to_the_program(sj, path):
    job = sj.register_job("where", dry_run=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecationWarning)
        sj.get_points(path)
        sj.get_fields(path)
        sj.scroll(f"sid:{path}", scroll_batch_size=5)
        sj.mget().get_points(path)
        sj.mget().get_fields(path)
        job.put_points(path, TWO)
        job.remove_points(path)
    assert len(caught) == 7
    assert {warning.filename for warning in caught} == {__file__}


def test_uploader_session(sj):
    with pytest.deprecated_call(match="upload_file"):
        session = sj.create_uploader_session()
    assert sj.download_file(session.upload_file(b"abc", "a.txt")).read() == b"abc"
    file_id = session.init_multipart("b.txt")
    session.upload_part(file_id, 1, b"de")
    assert sj.download_file(session.complete_multipart(file_id)).read() == b"de"

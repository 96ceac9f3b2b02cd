"""Every snippet of the published client's documentation, with its typos mended, against a server over a socket.

Only the import differs: `pandas_shooju` where the documentation has `shooju`. The comments are its headings.
"""

from __future__ import annotations

import io
from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest
import requests

import pandas_shooju
from pandas_shooju import BaseHook, Client, Connection, Point, options, sid
from pandas_shooju import points_serializers as ps
from pandas_shooju.local import start
from tests.client.faults import answer

USERNAME = "sam"
API_KEY = "key"


@pytest.fixture(scope="module")
def API_SERVER():
    with start(":memory:") as server:
        yield server.url


@pytest.fixture
def conn(API_SERVER):
    with Connection(server=API_SERVER, user=USERNAME, api_key=API_KEY) as connection:
        yield connection


@pytest.fixture
def gdp(conn):
    """Series that later sections of the documentation take for granted."""
    series_id = sid("users", USERNAME, "gdp", "china")
    with conn.register_job("what was there") as job:
        job.delete_series(f'sid="{series_id}"', force=True)
        points = [Point(date(2010 + i, 1, 1), i) for i in range(1, 28)]
        job.write(f'sid="{series_id}"', fields={"unit": "US$bn", "source": "usa"}, points=points)
    return series_id


# Basic Usage


def test_basic_usage(API_SERVER):
    conn = Connection(server=API_SERVER, user=USERNAME, api_key=API_KEY)
    series_id = sid("users", USERNAME, "china", "population")
    series_query = f'sid="{series_id}"'
    with conn.register_job("China Pop.") as job:
        job.write(series_query, fields={"unit": "millions"}, points=[Point(date(2012, 1, 1), 314.3)])
    series = conn.get_series(
        f'sid="{series_id}"', fields=["unit"], max_points=1, df=date(2012, 1, 1), dt=date(2012, 1, 1)
    )
    assert series["points"][0].value == 314.3
    assert series["fields"]["unit"] == "millions"


# Connecting to Shooju


def test_connecting(API_SERVER):
    conn = Connection(server=API_SERVER, username=USERNAME, api_key=API_KEY)
    assert conn.user == USERNAME
    session = requests.Session()
    sj = Connection(API_SERVER, USERNAME, API_KEY, requests_session=session)
    assert sj.raw.get("/status/ping")["success"]


def test_google_refresh_token(proxy):
    API_SERVER, CODE = proxy.url, "code"
    proxy.fail(answer(b'{"success": true, "link": "https://accounts.example"}'))
    proxy.fail(answer(b'{"success": true, "refresh_token": "token"}'))
    client = Client(API_SERVER, base_path="/api/1")
    oauth_link = client.get("/auth/google_refresh_token")["link"]
    refresh_token = client.post("/auth/google_refresh_token", data_json={"code": CODE})["refresh_token"]
    assert (oauth_link, refresh_token) == ("https://accounts.example", "token")
    assert all("authorization" not in seen.headers for seen in proxy.seen)


# Shooju Series Representation


def test_series_representation():
    series_id = sid("users", "sam", "china", "gdp")
    assert series_id == r"users\sam\china\gdp"


# Writing Data


def test_writing_data(conn):
    job = conn.register_job("My description")
    series_id = sid("users", USERNAME, "gdp", "france")
    series_query = f'sid="{series_id}"'
    points = []
    for i in range(1, 28):
        points.append(Point(date(2010 + i, 1, 1), i))
    job.write(series_query, points=points)
    job.write(series_query, fields={"source": "Sam analysis", "unit": "US$bn"})
    series = conn.get_series(series_query, fields=["*"], max_points=-1)
    assert series["points"] == points
    assert series["fields"] == {"source": "Sam analysis", "unit": "US$bn"}


def test_writing_in_batches(conn):
    job = conn.register_job("another job", batch_size=500)
    series_id = sid("users", USERNAME, "gdp", "germany")
    series_query = f'sid="{series_id}"'
    points = []
    for i in range(1, 28):
        points.append(Point(date(2010 + i, 1, 1), i))
    job.write(series_query, fields={"source": "My analysis", "unit": "US$bn"}, points=points)
    assert conn.get_series(series_query) is None
    job.submit()  # NOTE: otherwise nothing would happen!
    assert conn.get_fields(series_query) == {"source": "My analysis", "unit": "US$bn"}


def test_job_as_a_context_manager(conn, gdp):
    series_query = f'sid="{gdp}"'
    job = conn.register_job("another job", batch_size=500)
    job.write(series_query, fields={"unit": "US$"})
    job.submit()
    assert conn.get_fields(series_query, ["unit"]) == {"unit": "US$"}
    with conn.register_job("another job", batch_size=500) as job:
        job.write(series_query, fields={"unit": "US$bn"})
    assert conn.get_fields(series_query, ["unit"]) == {"unit": "US$bn"}


def test_deleting_series(conn, gdp):
    with conn.register_job("another job", batch_size=500) as job:
        job.delete_series(f"sid={gdp}")
    assert conn.get_series(f"sid={gdp}") is None
    with conn.register_job("some data") as job:
        for name in "abc":
            job.write(rf"sid=data\{name}", points=[Point(date(2020, 1, 1), 1)])
    with conn.register_job("another job", batch_size=500) as job:
        assert job.delete_series("sid:data", one=False) == 3
    assert list(conn.scroll("sid:data")) == []


# Getting Data


def test_getting_data(conn, gdp):
    series_id = gdp
    series = conn.get_series(f'sid="{series_id}"', df=date(2011, 1, 1), dt=date(2020, 1, 1), max_points=-1)
    assert series["points"][0].datetime == datetime(2011, 1, 1)
    assert (series["points"][1].date, series["points"][1].value) == (date(2012, 1, 1), 2.0)
    assert len(series["points"]) == 10
    assert len(conn.get_series(f'sid="{series_id}"', df=date(2011, 1, 1), max_points=1)["points"]) == 1
    assert "points" not in conn.get_series(f'sid="{series_id}"', df=date(2011, 1, 1))
    assert conn.get_series(f'sid="{series_id}"', fields=["unit"])["fields"]["unit"] == "US$bn"
    assert conn.get_series(f'sid="{series_id}"', fields=["*"])["fields"] == {"unit": "US$bn", "source": "usa"}
    assert conn.get_fields(f'sid="{series_id}"', fields=["source"]) == {"source": "usa"}


# Getting multiple data at once (multi-get)


def test_multi_get(conn, gdp):
    mget = conn.mget()
    series_query = f'sid="{gdp}"'
    mget.get_series(series_query, df=date(2011, 1, 1), dt=date(2020, 1, 1), max_points=-1)
    mget.get_series(series_query, df=date(2011, 1, 1), max_points=1)
    mget.get_series(series_query, fields=["unit"])
    mget.get_series(series_query, fields=["*"])
    mget.get_fields(series_query, fields=["source"])
    result = mget.fetch()
    assert result[2]["fields"] == {"unit": "US$bn"}
    assert [len(result[0]["points"]), len(result[1]["points"])] == [10, 1]
    assert result[3]["fields"] == {"unit": "US$bn", "source": "usa"}
    assert result[4] == {"source": "usa"}


def test_scroll(conn, gdp):
    found = []
    for s in conn.scroll("sid:users\\sam\\gdp\\china", fields=["unit"], max_points=-1, df=date(2001, 1, 1)):
        found.append((s["series_id"], len(s.get("points")), s.get("fields")))
    assert found == [(gdp, 27, {"unit": "US$bn"})]


# Points serializers


def test_points_serializers(conn):
    series_id = sid("users", USERNAME, "one")
    with conn.register_job("one point") as job:
        job.write(f'sid="{series_id}"', points=[Point(date(1980, 1, 1), 12)])
    ser = conn.get_series(f'sid="{series_id}"', max_points=-1, serializer=ps.pd_series)
    assert str(ser["points"]) == "1980-01-01    12.0\ndtype: float64"
    query = f'sid="{series_id}"'
    assert conn.get_series(query, max_points=-1, serializer=ps.milli_tuple)["points"] == [(315532800000, 12.0)]
    array = conn.get_series(query, max_points=-1, serializer=ps.np_array)["points"]
    assert isinstance(array, np.ndarray)
    assert array["values"].tolist() == [12.0]
    localized = conn.get_series(f"{query}@localize:Asia/Tokyo", max_points=-1, serializer=ps.pd_series_localized)
    assert localized["points"].index[0] == pd.Timestamp("1980-01-01 09:00", tz="Asia/Tokyo")


# Generating a pandas.DataFrame from Shooju series data (get_df)


@pytest.fixture
def units(conn):
    with conn.register_job("units", batch_size=10) as job:
        for n, letter in enumerate("abc"):
            points = [Point(date(2000, 4, 3 + day), 20.5 + n + day) for day in range(3)]
            fields = {"unit": f"unit {letter.upper()}", "description": f"Unit {letter.upper()}"}
            job.write(rf"sid=users\me\unit-{letter}", points=points, fields=fields)


def test_get_df_in_rows(conn, units):
    df = conn.get_df("sid:users\\me", fields=["*"])
    assert df.columns.tolist()[0] == "series_id"
    assert df[["series_id", "unit", "description"]].values.tolist() == [
        [r"users\me\unit-a", "unit A", "Unit A"],
        [r"users\me\unit-b", "unit B", "Unit B"],
        [r"users\me\unit-c", "unit C", "Unit C"],
    ]


def test_get_df_in_columns(conn, units):
    df = conn.get_df("sid:users\\me", fields=["unit", "description"], series_axis="columns", max_points=-1)
    assert df.columns.tolist() == ["unit A/Unit A", "unit B/Unit B", "unit C/Unit C"]
    assert df.loc["2000-04-04", "unit B/Unit B"] == 22.5
    assert str(df.index.tz) == "UTC"
    assert df.tz_localize(None).index.tz is None
    localized = conn.get_df("sid:users\\me@localize:Asia/Tokyo", fields=["unit"], series_axis="columns", max_points=-1)
    assert str(localized.index.tz) == "Asia/Tokyo"


# REST Client


def test_rest_client(API_SERVER):
    conn = Connection(username=USERNAME, api_key=API_KEY, server=API_SERVER)
    assert conn.raw.get("/status/ping")["success"]
    job_id = conn.raw.post("/jobs/", data_json={"description": "my description"})["job_id"]
    conn.register_job("something").write(r"sid=user\series\s1", points=[Point(0, 1)])
    found = conn.raw.get("/series", params={"query": r"sid=user\series\s1"})
    assert [series["series_id"] for series in found["series"]] == [r"user\series\s1"]
    assert isinstance(job_id, int)


# Change log


def test_get_df_columns_are_named_val_and_dt_and_leave_out_nan(conn, units):
    df = conn.get_df("sid:users\\me", fields=["unit"], max_points=-1)
    assert df.columns.tolist() == ["unit", "dt", "val", "series_id"]
    assert df["dt"].is_monotonic_increasing
    assert df["val"].notna().all()


def test_custom_fields_of_uploaded_files(conn):
    fid = conn.upload_file(io.BytesIO(b"a"), "name.txt", custom_fields={"source": "desk"})
    assert conn.raw.get(f"/files/{fid}")["file"]["custom"] == {"source": "desk"}


def test_multipart_upload(conn):
    upload = conn.init_multipart_upload("name.txt")
    upload.upload_part(1, io.BytesIO(b"ab"))
    upload.upload_part(2, b"c")
    with conn.download_file(upload.complete()) as file:
        assert file.read() == b"abc"


def test_delete_reported(conn, gdp):
    with conn.register_job("reported") as job:
        for day in (1, 2):
            job.write_reported(f"sid={gdp}", datetime(2001, 1, day), points=[Point(date(2020, 1, 1), day)])
        job.delete_reported(f"sid={gdp}", [datetime(2001, 1, 1)])
    assert conn.get_reported_dates(f"sid={gdp}") == [datetime(2001, 1, 2)]
    mget = conn.mget()
    mget.get_reported_dates(f"sid={gdp}")
    assert mget.fetch() == [[datetime(2001, 1, 2)]]


def test_global_extra_params_reach_raw_calls(proxy):
    conn = Connection(proxy.url, USERNAME, API_KEY, extra_params={"q": "*"}, location="desk")
    conn.raw.delete("/series/cache")
    assert (proxy.seen[-1].params["q"], proxy.seen[-1].params["location"]) == ("*", "desk")


def test_get_df_of_series_without_points(conn):
    conn.register_job("no points").write(r"sid=users\none\a", fields={"a": 1})
    assert len(conn.get_df(r"sid:users\none", fields=["a"], max_points=-1)) == 0
    assert conn.get_df(r"sid:users\none", fields=["a"], series_axis="columns", max_points=-1).columns.tolist() == ["1"]


def test_return_series_errors(conn, gdp):
    with pytest.raises(pandas_shooju.ShoojuApiError, match="operator BADOPERATOR is not supported"):
        conn.get_series(f"sid={gdp}@BADOPERATOR")
    options.return_series_errors = True
    try:
        series = conn.get_series(f"sid={gdp}@BADOPERATOR")
    finally:
        options.return_series_errors = False
    assert series["error"] == "invalid_parameters"


def test_skip_meta_if_no_fields(conn, gdp):
    job_id = conn.register_job("by id").job_id
    job = pandas_shooju.RemoteJob(conn, job_id, batch_size=1, skip_meta_if_no_fields=True)
    job.write(f"sid={gdp}", points=[Point(date(2050, 1, 1), 1e9)])
    assert conn.get_series(f"sid={gdp}", df=date(2050, 1, 1), max_points=1)["points"][0].value == 1e9


def test_snapshots_of_the_past(conn, gdp):
    before = conn.register_job("before")
    before.write(f"sid={gdp}", points=[Point(date(2011, 1, 1), 100)])
    conn.register_job("after").write(f"sid={gdp}", points=[Point(date(2011, 1, 1), 200)])
    series = conn.get_series(f"sid={gdp}@asof:j{before.job_id}", max_points=1)
    assert series["points"][0].value == 100


def test_relative_dates(conn):
    now = datetime.now().replace(microsecond=0)
    conn.register_job("recent").write("sid=recent", points=[Point(datetime(2000, 1, 1), 1), Point(now, 2)])
    assert len(conn.get_series("sid=recent", df="-1y", max_points=-1)["points"]) == 1
    assert len(conn.get_series("sid=recent", df="MIN", dt="-2y -1d", max_points=-1)["points"]) == 1
    assert len(conn.get_series("sid=recent", df="MIN", dt="MAX", max_points=-1)["points"]) == 2


def test_the_default_serializer_is_an_option(conn, gdp):
    options.point_serializer = ps.pd_series
    try:
        series = conn.get_series(f"sid={gdp}", max_points=-1)
    finally:
        options.point_serializer = ps.shooju_point
    assert isinstance(series["points"], pd.Series)


def test_points_have_job_and_timestamp_where_asked_for(conn, gdp):
    series = conn.get_series(f"sid={gdp}", max_points=1, extra_params={"include_job": "y", "include_timestamp": "y"})
    [point] = series["points"]
    assert isinstance(point.job, int)
    assert isinstance(point.timestamp, datetime)


def test_scroll_options(conn, units):
    scroll = conn.scroll("sid:users\\me", fields=["unit"], sort="unit desc", max_series=2, batch_size=1)
    assert scroll.raw_response["total"] == 3
    assert [series["fields"]["unit"] for series in scroll] == ["unit C", "unit B"]
    with pytest.raises(ValueError, match="must find at most 2 series, but it finds 3"):
        conn.scroll("sid:users\\me", max_series=2, assert_under_max_series=True)


def test_hooks(API_SERVER):
    class Tag(BaseHook):
        def before_request(self, request):
            request.params["location"] = "a"
            return request

    assert Connection(API_SERVER, USERNAME, API_KEY, hooks=[Tag()]).raw.get("/status/ping")["success"]


def test_points_with_the_value_none(conn):
    job = conn.register_job("none")
    job.write("sid=none", points=[Point(date(2020, 1, 1), 1), Point(date(2021, 1, 1), 2)])
    job.write("sid=none", points=[Point(date(2020, 1, 1), None)])
    assert [point.value for point in conn.get_series("sid=none", max_points=-1)["points"]] == [2.0]


def test_series_that_do_not_exist_are_none(conn):
    assert conn.get_series("sid=nothing", max_points=-1) is None
    assert conn.get_fields("sid=nothing") is None

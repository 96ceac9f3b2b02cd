"""The client that everybody has, over a socket, in all three formats."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    shooju = pytest.importorskip("shooju")
pytest.importorskip("sjts")

import pandas as pd
import requests
from shooju import Point
from shooju import points_serializers as ps

from pandas_shooju.local import start
from tests.client.faults import lose, proxy

pytestmark = pytest.mark.filterwarnings("ignore")

GDP = r'sid="users\sam\gdp"'


@pytest.fixture(params=["sjts", "msgpack", "json"])
def conn(request, served, monkeypatch):
    options = shooju.Options(disable_sjts=request.param != "sjts", disable_msgpack=request.param == "json")
    monkeypatch.setattr(shooju, "options", options)
    return shooju.Connection(served.url, served.user, served.api_key)


@pytest.fixture
def gdp(conn):
    with conn.register_job("China GDP", batch_size=10) as job:
        job.write(
            GDP, fields={"unit": "US$bn", "source": "usa"}, points=[Point(date(2010 + n, 1, 1), n) for n in range(5)]
        )
    return conn


def test_a_series_with_its_fields_and_points(gdp):
    series = gdp.get_series(GDP, fields=["*"], max_points=-1)
    assert series["series_id"] == "$" + GDP
    assert series["fields"] == {"unit": "US$bn", "source": "usa"}
    assert [(point.date, point.value) for point in series["points"]] == [(date(2010 + n, 1, 1), n) for n in range(5)]
    limited = gdp.get_series(GDP, df=date(2011, 1, 1), dt=date(2012, 1, 1), max_points=-1, serializer=ps.milli_tuple)
    assert [value for _, value in limited["points"]] == [1, 2]
    assert "points" not in gdp.get_series(GDP)
    assert gdp.get_series("sid=none") is None


def test_the_older_calls(gdp):
    assert gdp.get_fields(r"users\sam\gdp", ["unit"]) == {"unit": "US$bn"}
    assert [point.value for point in gdp.get_points(r"users\sam\gdp", max_points=2)] == [0, 1]
    assert gdp.get_fields("none") is None


def test_bad_operators_alone_and_in_bulk(gdp):
    with pytest.raises(shooju.ShoojuApiError, match="operator BAD is not supported"):
        gdp.get_series(GDP + "@BAD")
    mget = gdp.mget()
    mget.get_series(GDP, max_points=1)
    mget.get_series(GDP + "@BAD")
    with pytest.raises(shooju.ShoojuApiError, match="operator BAD is not supported"):
        mget.fetch()
    shooju.options.return_series_errors = True
    mget = gdp.mget()
    mget.get_series(GDP, max_points=1)
    mget.get_series(GDP + "@BAD")
    mget.get_series("sid=none")
    good, bad, none = mget.fetch()
    assert good["points"][0].value == 0
    assert bad == {"error": "invalid_parameters", "description": "operator BAD is not supported"}
    assert none["error"] == "series_not_found"


def test_many_in_one_call(gdp):
    mget = gdp.mget()
    mget.get_series(GDP, fields=["unit"])
    mget.get_series("sid=none")
    mget.get_series(GDP, df="MAX", dt="MAX", max_points=-1)
    mget.get_series(GDP, df="2013-01-01", max_points=-1, serializer=ps.milli_tuple)
    first, none, last, late = mget.fetch()
    assert first["fields"] == {"unit": "US$bn"}
    assert none is None
    assert "points" not in last
    assert [value for _, value in late["points"]] == [3, 4]
    older = gdp.mget()
    older.get_points(r"users\sam\gdp", max_points=2)
    older.get_fields(r"users\sam\gdp", ["source"])
    points, fields = older.fetch()
    assert [point.value for point in points] == [0, 1]
    assert fields == {"source": "usa"}


def test_scrolling_and_frames(conn):
    with conn.register_job("many of them", batch_size=7) as job:
        for number in range(20):
            series_id = shooju.sid("users", "sam", f"unit {number:02}")
            job.write(
                f'sid="{series_id}"',
                fields={"unit": f"U{number:02}", "even": number % 2 == 0},
                points=pd.Series([1.0, number], pd.DatetimeIndex(["2020-01-01", "2020-01-02"])),
            )
    found = list(conn.scroll("sid:users\\sam even=true", fields=["unit"], batch_size=3, sort="unit desc"))
    assert [series["fields"]["unit"] for series in found] == [f"U{number:02}" for number in range(18, -1, -2)]
    assert len(list(conn.scroll("sid:users", max_series=5, batch_size=2))) == 5
    wide = conn.get_df("sid:users", ["unit"], series_axis="columns", max_points=-1, batch_size=6)
    assert wide.shape == (2, 20)
    assert wide.loc["2020-01-02", "U07"].item() == 7.0
    rows = conn.get_df("sid:users", ["unit"], max_points=-1)
    assert len(rows) == 40
    fields = conn.get_df("sid:users even=false", ["*"])
    assert sorted(fields.columns) == ["even", "series_id", "unit"]
    with pytest.raises(ValueError, match="Expected <= 5"):
        conn.scroll("sid:users", max_series=5, assert_under_max_series=True)


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_page_whose_answer_is_lost_is_given_again(served, broken):
    requests.post(
        f"{served.url}/api/1/series/write", json={"series": [{"series_id": f"s\\{number}"} for number in range(8)]}
    )
    pages = iter(range(1, 9))
    with proxy(served.url) as between:
        between.fail(lose(), when=lambda seen: "scroll_id" in seen.params and next(pages) == broken)
        conn = shooju.Connection(between.url, "sam", "key", retry_delay=0.01)
        found = [series["series_id"] for series in conn.scroll("sid:s", batch_size=2)]
        assert [seen.params["retry"] for seen in between.seen if "retry" in seen.params] == ["2"]
    assert found == [f"s\\{number}" for number in range(8)]


def test_clock_changes_through_localize(conn):
    with conn.register_job("hourly") as job:
        hours = pd.date_range("2018-11-04 00:00", periods=6, freq="h", tz="America/Chicago")
        job.write("sid=hours", points=pd.Series(range(6), hours, dtype=float), fields={"timezone": "America/Chicago"})
    for query in ("sid=hours@localize:America/Chicago", "sid=hours@localize"):
        points = conn.get_series(query, max_points=-1, serializer=ps.pd_series_localized)["points"]
        assert points.index.equals(hours.as_unit("ns"))
        frame = conn.get_df(query, ["*"], series_axis="columns", max_points=-1)
        assert frame.index.equals(hours.as_unit("ns"))


def test_the_past_by_job_and_by_date(gdp):
    first = gdp.register_job("first of all")
    first.write(GDP, points=[Point(date(2010, 1, 1), 100)])
    second = gdp.register_job("and then")
    second.write(GDP, points=[Point(date(2010, 1, 1), 200)], fields={"unit": "k"})
    assert gdp.get_series(f"{GDP}@asof:j{first.job_id}", max_points=1)["points"][0].value == 100
    assert gdp.get_series(f"{GDP}@asof:j{first.job_id}", fields=["unit"])["fields"] == {"unit": "US$bn"}
    assert gdp.get_series(GDP, fields=["unit"])["fields"] == {"unit": "k"}
    assert gdp.get_series(f"{GDP}@asof:2001-01-01", max_points=1) is None
    with_job = gdp.get_series(GDP, max_points=2, extra_params={"include_job": "y", "include_timestamp": "y"})
    newer, older = with_job["points"]
    assert newer.job == second.job_id
    assert older.job == first.job_id - 1
    assert abs((newer.timestamp - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 60


def test_report_dates_of_points_fields_and_both(gdp):
    job = gdp.register_job("reports", batch_size=100)
    for year, given in ((2001, {"points": True}), (2002, {"fields": True}), (2003, {"points": True, "fields": True})):
        job.write_reported(
            GDP,
            datetime(year, 1, 1),
            fields={"year": year} if given.get("fields") else None,
            points=[Point(date(2010, 1, 1), year)] if given.get("points") else None,
        )
    job.submit()
    assert gdp.get_series(f"{GDP}@repdate:2001-01-01", max_points=-1)["points"][0].value == 2001
    assert gdp.get_series(f"{GDP}@repfdate:2002-01-01", fields=["*"])["fields"] == {"year": 2002}
    for mode, years in (("all", [2001, 2002, 2003]), ("points", [2001, 2003]), ("fields", [2002, 2003])):
        dates = [datetime(year, 1, 1) for year in years]
        assert gdp.get_reported_dates(GDP, mode=mode) == dates
        mget = gdp.mget()
        mget.get_reported_dates(GDP, mode=mode, df=datetime(2002, 1, 1))
        assert mget.fetch() == [[when for when in dates if when.year >= 2002]]
    assert gdp.get_reported_dates(job_id=job.job_id) == [datetime(year, 1, 1) for year in (2001, 2002, 2003)]
    job.delete_reported(GDP, [datetime(2001, 1, 1)])
    job.submit()
    assert gdp.get_reported_dates(GDP) == [datetime(2002, 1, 1), datetime(2003, 1, 1)]
    job.delete_reported(GDP, delete_all=True)
    job.submit()
    assert gdp.get_reported_dates(GDP) == []


def test_deletion_to_the_trash_and_for_good(conn):
    with conn.register_job("to be deleted", batch_size=50) as job:
        for number in range(6):
            job.write(rf"sid=data\s{number}", points=[Point(date(2020, 1, 1), number)])
    with conn.register_job("deleting", batch_size=2) as job:
        job.delete_series(r"sid=data\s0")
        job.delete_series(r"sid=data\s1", force=True)
        job.submit()
        assert job.delete_series(r"sid:data", one=False) == 4
    assert list(conn.scroll("sid:data")) == []
    trashed = conn.get_series(r"sid=System\Trash\data\s0", fields=["meta.job_deleted"], max_points=-1)
    assert trashed["fields"] == {"meta.job_deleted": [job.job_id]}
    assert trashed["points"][0].value == 0
    assert conn.get_series(r"sid=System\Trash\data\s1") is None
    assert len(list(conn.scroll("tree:system"))) == 5


def test_removing_others_and_points(gdp):
    with gdp.register_job("removing") as job:
        job.write(GDP, points=[Point(date(2010, 1, 1), None)], fields={"unit": None})
        assert [point.value for point in gdp.get_series(GDP, max_points=-1)["points"]] == [1, 2, 3, 4]
        job.write(GDP, points=[Point(date(2020, 1, 1), 9)], fields={"only": "this"}, remove_others="all")
    series = gdp.get_series(GDP, max_points=-1, fields=["*"])
    assert series["fields"] == {"only": "this"}
    assert [point.value for point in series["points"]] == [9]


def test_a_finished_job_takes_no_more(gdp):
    job = gdp.register_job("short work")
    job.finish()
    with pytest.raises(shooju.ShoojuApiError, match="finished"):
        job.write(GDP, fields={"x": 1})


def test_formats_switched_in_mid_course(gdp):
    answers = []
    for sjts_off, msgpack_off in ((False, False), (True, False), (True, True), (False, False)):
        shooju.options.disable_sjts, shooju.options.disable_msgpack = sjts_off, msgpack_off
        answers.append(gdp.get_series(GDP, max_points=-1, fields=["*"], serializer=ps.milli_tuple))
        answers[-1]["points"] = [tuple(point) for point in answers[-1]["points"]]
    assert answers[1:] == answers[:-1]


def test_far_dates_and_special_values(conn):
    with conn.register_job("far away") as job:
        milliseconds = [-3_000_000_000_000, -1, 0, 32_503_680_000_000]
        job.write("sid=far", points=[Point(at, 0.1) for at in milliseconds])
    found = conn.get_series("sid=far", max_points=-1, serializer=ps.milli_tuple)
    assert [tuple(point) for point in found["points"]] == [(at, 0.1) for at in milliseconds]


def test_raw_calls(gdp):
    answer = gdp.raw.get("/series", params={"query": GDP, "fields": "unit", "per_page": 1})
    assert answer["series"] == [{"series_id": r"users\sam\gdp", "fields": {"unit": "US$bn"}}]
    assert gdp.raw.delete("/series/cache", params={"q": "*"})["success"]
    with pytest.raises(shooju.ConnectionError, match="404"):
        gdp.raw.get("/teams")


def test_wrong_credentials(served):
    with start(user="sam", api_key="secret") as guarded:
        conn = shooju.Connection(guarded.url, "sam", "wrong")
        with pytest.raises(shooju.ShoojuApiError, match="unauthorized"):
            conn.get_series("sid=a")
        with pytest.raises(shooju.ShoojuApiError, match="unauthorized"):
            shooju.Connection(guarded.url, email="sam@x.org", google_oauth_token="wrong")
        assert shooju.Connection(guarded.url, "sam", "secret").get_series("sid=a") is None

"""Reading: search, pages, many single series; dates, limits, fields, formats."""

from __future__ import annotations

import numpy as np
import pytest
import requests

from pandas_shooju import formats
from pandas_shooju.formats import PointColumns
from pandas_shooju.local.fields import field_names
from pandas_shooju.local.store import points
from tests.local.conftest import BASE, Api

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture(params=formats.NAMES)
def api(app, request):
    return Api(app, format_name=request.param)


@pytest.fixture
def week(api):
    api.put("week", [[day * DAY, day + 0.5] for day in range(7)], fields={"unit": "MW", "o": {"a": 1, "b.c": 2}})
    return api


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ({}, range(7)),
        ({"df": 2 * DAY, "dt": 4 * DAY}, [2, 3, 4]),
        ({"df": 2 * DAY + 1, "dt": 4 * DAY - 1}, [3]),
        ({"df": "1970-01-06"}, [5, 6]),
        ({"dt": "1970-01-02"}, [0, 1]),
        ({"df": "MIN", "dt": "MAX"}, range(7)),
        ({"max_points": 2}, [0, 1]),
        ({"df": DAY, "max_points": 2}, [1, 2]),
        ({"df": "-1y"}, []),
        ({"df": 5 * DAY, "dt": 2 * DAY}, []),
        ({"max_points": 0}, []),
    ],
)
def test_both_ends_are_included_and_the_first_points_counted(week, given, days):
    assert week.points("sid=week", **given) == [[day * DAY, day + 0.5] for day in days]


def test_a_series_without_points_or_fields_asked_for_has_neither(week):
    assert week.one("sid=week") == {"series_id": "$sid=week"}
    assert week.one("sid=week", fields="nothing", max_points=-1, df="2020-01-01") == {"series_id": "$sid=week"}


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        ("*", {"unit": "MW", "o": {"a": 1, "b.c": 2}}),
        ("unit", {"unit": "MW"}),
        ("unit,none", {"unit": "MW"}),
        ("o.a", {"o.a": 1}),
        ("o.b.c", {"o.b.c": 2}),
        ("meta.points_max,meta.points_count", {"meta.points_max": 6.5, "meta.points_count": 7}),
        ("=Unit: {{unit}}, {{ o.a }}!", {"=Unit: {{unit}}, {{ o.a }}!": "Unit: MW, 1!"}),
        ("sid,series_id,unit", {"sid": "week", "series_id": "week", "unit": "MW"}),
        (["unit", "=A, {{o}}"], {"unit": "MW", "=A, {{o}}": 'A, {"a": 1, "b.c": 2}'}),
    ],
)
def test_fields(week, names, fields):
    if isinstance(names, str) and names.startswith("="):
        names = [names]
    assert week.fields("sid=week", names) == fields


def test_fields_of_a_search_are_parted_at_commas_outside_of_braces(week):
    series = week.search("sid=week", fields="unit,={{o.a}}")["series"][0]
    assert series["fields"] == {"unit": "MW", "={{o.a}}": "1"}


def test_single_series_come_in_the_order_asked_with_errors_in_their_places(week):
    week.put("Other", [[0, 1.0]])
    answer = week.call(
        "POST",
        "/series",
        {
            "series_queries": [
                "sid=other",
                {"query": "sid=none", "df": None},
                {"query": "unit=MW", "df": 6 * DAY},
                "sid=week OR sid=other",
                "(",
                {"query": "sid=week", "df": "never"},
                {"query": "sid=week@BAD"},
                5,
                {"query": "sid=week", "operators": "@lag:1d", "max_points": 1},
            ]
        },
        max_points=-1,
    )
    assert answer["success"]
    first, none, third, two, broken, date, operator, number, lagged = answer["series"]
    assert first["series_id"] == "$sid=other"
    assert first["points"].to_rows() == [[0, 1.0]]
    assert none["error"] == "series_not_found"
    assert third["series_id"] == "$unit=MW"
    assert third["points"].to_rows() == [[6 * DAY, 6.5]]
    for error, complaint in (
        (two, "must find one series, but it finds 2"),
        (broken, "'(' without"),
        (date, "not a date"),
        (operator, "operator BAD is not supported"),
        (number, "a text"),
    ):
        assert error["error"] == "invalid_parameters"
        assert complaint in error["description"] or error is broken
    assert lagged["points"].to_rows() == [[DAY, 0.5]]


def test_plain_ids_may_end_in_operators_and_may_hold_an_at(week):
    week.put("me@home", [[0, 1.0]])
    answer = week.call(
        "POST",
        "/series",
        {"series_ids": ["WEEK@lag:1d", "me@home", "me@home@lag:1d", "week@bad", "none", "none@lag:1d"]},
        max_points=1,
    )
    series = answer["series"]
    assert [one.get("series_id") for one in series] == ["week@lag:1d", "me@home", "me@home@lag:1d", None, None, None]
    assert [one["points"].to_rows()[0] for one in series[:3]] == [[DAY, 0.5], [0, 1.0], [DAY, 1.0]]
    assert [one["error"] for one in series[3:]] == ["invalid_parameters", "series_not_found", "series_not_found"]
    older = week.call("POST", "/series", {"series": [{"series_id": "week", "fields": "unit"}]})
    assert older["series"] == [{"series_id": "week", "fields": {"unit": "MW"}}]


def test_the_oldest_form_of_reading_one_series(week):
    answer = week.call("GET", "/series", series_id="week", fields="unit")
    assert answer["series"] == [{"series_id": "week", "fields": {"unit": "MW"}}]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "one of the lists"),
        ({"series_ids": [], "series_queries": []}, "one of the lists"),
        ({"series_ids": "week"}, "one of the lists"),
        ({"series_ids": ["week"] * 1001}, "the limit is 1000"),
    ],
)
def test_bulk_calls_that_are_refused_as_a_whole(api, body, complaint):
    answer = api.call("POST", "/series", body)
    assert answer["success"] is False
    assert answer["error"] == "invalid_parameters"
    assert complaint in answer["description"]


def test_a_bulk_call_of_none_gives_none(api):
    assert api.call("POST", "/series", {"series_ids": []})["series"] == []


def test_scrolling_gives_every_series_once_in_order(api):
    ids = [f"s\\{number:03}" for number in range(25)]
    api.write(*({"series_id": one, "points": [[0, 1.0]]} for one in ids))
    page = api.search("sid:s", scroll="y", scroll_batch_size=10, max_points=-1)
    seen = []
    while page["series"]:
        assert page["total"] == 25
        assert len(page["series"]) <= 10
        seen += [series["series_id"] for series in page["series"]]
        page = api.call("GET", "/series", scroll_id=page["scroll_id"])
    assert seen == ids


def test_a_scroll_is_not_disturbed_by_what_is_deleted_or_added_meanwhile(api):
    api.write(*({"series_id": f"s\\{number}", "fields": {"n": number}} for number in range(6)))
    page = api.search("sid:s", scroll="y", scroll_batch_size=2, sort="n desc")
    seen = []
    while page["series"]:
        for series in page["series"]:
            seen.append(series["series_id"])
            api.write({"type": "DELETE", "series_id": series["series_id"]}, {"series_id": f"s\\new{len(seen)}"})
        page = api.call("GET", "/series", scroll_id=page["scroll_id"])
    assert seen == [f"s\\{number}" for number in (5, 4, 3, 2, 1, 0)]


def test_a_page_of_a_scroll_ends_early_rather_than_fill_the_memory(api, monkeypatch):
    monkeypatch.setattr(points, "MOST_AT_ONCE", 25)
    api.write(*({"series_id": f"s\\{number}", "points": [[d, 1.0] for d in range(10)]} for number in range(5)))
    page = api.search("sid:s", scroll="y", max_points=-1)
    sizes = []
    while page["series"]:
        sizes.append(len(page["series"]))
        page = api.call("GET", "/series", scroll_id=page["scroll_id"])
    assert sizes == [2, 2, 1]
    assert len(api.search("sid:s", scroll="y", max_points=2)["series"]) == 5


def test_a_page_of_a_scroll_is_given_again_to_who_asks_again(api, app, monkeypatch):
    api.write(*({"series_id": f"s\\{number}"} for number in range(7)))
    scroll = api.search("sid:s", scroll="y", scroll_batch_size=2)["scroll_id"]

    def ids(**parameters):
        return [
            series["series_id"][2:] for series in api.call("GET", "/series", scroll_id=scroll, **parameters)["series"]
        ]

    assert ids(retry=2) == ["0", "1"]
    assert ids() == ["2", "3"]
    assert [ids(retry=2), ids(retry=3)] == [["2", "3"]] * 2
    assert ids(retry=1) == ["4", "5"]
    with monkeypatch.context() as broken:
        broken.setattr(app._database, "reading", lambda: 1 / 0)
        assert api.raw("GET", "/series", scroll_id=scroll).status_code == 500
    assert ids(retry=2) == ["6"]
    assert ids() == []
    assert [ids(retry=2), ids()] == [[], []]


def test_an_unknown_scroll_is_refused(api):
    answer = api.call("GET", "/series", scroll_id="nonsense")
    assert answer["error"] == "invalid_parameters"
    assert "expired" in answer["description"]


def test_per_page(api):
    api.write(*({"series_id": f"s\\{number}"} for number in range(5)))
    answer = api.search("sid:s", per_page=2)
    assert (len(answer["series"]), answer["total"]) == (2, 5)
    assert api.search("sid:s", per_page=0)["series"] == []


def test_series_with_operators_in_a_search_carry_them_in_their_ids(week):
    (series,) = week.search("unit=MW@A:M", operators="@lag:1d", max_points=-1)["series"]
    assert series["series_id"] == "week@A:M@lag:1d"
    assert series["points"].to_rows() == [[DAY, 3.5]]


def test_job_and_timestamp_of_each_point(api):
    first, second = api.job("the first"), api.job("the second")
    api.put("s", [[0, 1.0], [1, 2.0]], job=first)
    api.put("s", [[1, 3.0], [2, 4.0]], job=second)
    answer = api.search("sid=s", max_points=-1, include_job="y", include_timestamp="y")
    assert answer["included_job"] is True
    assert answer["included_timestamp"] is True
    points = answer["series"][0]["points"]
    assert points.jobs.tolist() == [first, second, second]
    assert points.timestamps[0] <= points.timestamps[1] == points.timestamps[2]
    only_job = api.search("sid=s@A:d", max_points=-1, include_job="y")["series"][0]["points"]
    assert only_job.jobs.tolist() == [second]
    assert only_job.timestamps is None


def test_localized_series_show_the_clock_across_its_changes(api):
    # 2018-11-04 in Chicago: 01:00 stands twice; 2018-03-11: 02:00 does not exist
    back, ahead = 1541304000000, 1520748000000
    api.put("s", [[back + hour * HOUR, hour] for hour in range(4)], fields={"timezone": "America/Chicago"})
    api.put("t", [[ahead + hour * HOUR, hour] for hour in range(4)])
    series = api.one("sid=s@localize", max_points=-1)
    assert series["tz"] == {"timezone": "America/Chicago"}
    midnight = 1541289600000 - 24 * HOUR + 24 * HOUR
    clock = [(date - midnight) // HOUR for date, _ in series["points"].to_rows()]
    assert clock == [23 - 24, 0, 1, 1]
    there = api.points("sid=t@LOCALIZE:America/Chicago")
    assert [(date - 1520726400000) // HOUR for date, _ in there] == [0, 1, 3, 4]


def test_dates_of_a_localized_series_are_asked_for_as_instants(week):
    rows = week.points("sid=week@localize:Asia/Tokyo", df=DAY, dt=DAY)
    assert rows == [[DAY + 9 * HOUR, 1.5]]


def test_a_zone_that_is_none_or_missing_is_an_error_of_that_series(week):
    week.put("other", fields={"timezone": "Europe/Paris"})
    answer = week.search("@localize")
    assert [series.get("error") for series in answer["series"]] == ["invalid_parameters", None]
    assert "Mars/Phobos" in week.one("sid=week@localize:Mars/Phobos")["description"]


@pytest.mark.parametrize(
    ("path", "parameters", "complaint"),
    [
        ("/series", {"query": "("}, "nothing that a condition|'\\(' without"),
        ("/series", {"query": "x=1@foo"}, "operator FOO is not supported"),
        ("/series", {"query": "x=1", "operators": "foo"}, "begins with an @"),
        ("/series", {"query": "x=1", "max_points": "many"}, "max_points must be -1 .* got 'many'"),
        ("/series", {"query": "x=1", "max_points": "-2"}, "got '-2'"),
        ("/series", {"query": "x=1", "max_points": "1.5"}, "got '1.5'"),
        ("/series", {"query": "x=1", "per_page": "-1"}, "per_page"),
        ("/series", {"query": "x=1", "df": "someday", "max_points": 1}, "df must be .*'someday'"),
        ("/series", {"query": "x=1", "scroll": "perhaps"}, "scroll"),
        ("/series/reported_dates", {}, "series_query"),
        ("/series/reported_dates", {"processor": "p"}, "processor is not supported"),
        ("/jobs/99", {}, "job 99 does not exist"),
    ],
)
def test_what_is_refused_names_what_is_wrong(api, path, parameters, complaint):
    answer = api.call("GET", path, **parameters)
    assert answer["success"] is False
    assert answer["error"] == "invalid_parameters"
    import re

    assert re.search(complaint, answer["description"])


@pytest.mark.parametrize(
    ("method", "path", "headers", "data", "status"),
    [
        ("GET", "/nothing", {}, None, 404),
        ("PUT", "/series", {}, None, 405),
        ("POST", "/series", {}, b"{", 400),
        ("POST", "/series", {}, b"[1]", 400),
        ("POST", "/series", {"Sj-Send-Format": "msgpack"}, b"\xc1", 400),
        ("POST", "/series", {"Sj-Send-Format": "sjts"}, b"SJTS\xff\xff", 400),
        ("POST", "/series", {"Sj-Send-Format": "xml"}, b"<a/>", 415),
        ("GET", "/series", {"Sj-Receive-Format": "xml"}, None, 415),
        ("GET", "/jobs/x", {}, None, 404),
    ],
)
def test_requests_that_are_none_get_a_status_and_a_body_that_says_why(app, method, path, headers, data, status):
    answer = Api(app).session.request(method, f"{BASE}/api/1{path}", headers=headers, data=data)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert answer.json()["description"]


def test_a_body_that_is_too_large_is_refused():
    from pandas_shooju.local import open_app

    app = open_app(":memory:", body_limit=1000)
    answer = Api(app).session.post(f"{BASE}/api/1/series", data=b"x" * 1001)
    assert answer.status_code == 413
    assert answer.json()["error"] == "too_large"
    app.close()


def test_answers_are_in_the_format_asked_for_and_say_so(api):
    api.put("s", [[0, 1.0]])
    answer = api.raw("GET", "/series", query="sid=s", max_points=-1)
    content_type = {"json": "application/json", "msgpack": "application/msgpack", "sjts": "application/octet-stream"}
    assert answer.headers["content-type"] == content_type[api.format]
    (series,) = formats.decode(answer.content, api.format).items()
    assert series["points"] == PointColumns(np.array([0]), np.array([1.0]))


def test_without_headers_everything_is_json(app):
    answer = requests.Session()
    answer.mount(BASE, Api(app).session.get_adapter(BASE))
    assert answer.get(f"{BASE}/api/1/status/ping").json() == {"success": True}


def test_field_names_are_parted_at_commas_outside_of_braces():
    assert field_names("a, b,={{x,y}}-{{z}},c") == ("a", "b", "={{x,y}}-{{z}}", "c")


def test_other_date_formats_than_milliseconds_are_refused(api):
    answer = api.call("GET", "/series", query="", date_format="iso")
    assert answer["description"] == "date_format must be milli, got 'iso'"


def test_a_body_that_is_nested_too_deep_is_refused(app):
    for depth in (300, 900, 50_000):
        body = '{"series": [{"series_id": "s", "fields": {"a": ' + "[" * depth + "]" * depth + "}}]}"
        answer = Api(app).session.post(f"{BASE}/api/1/series/write", data=body)
        assert answer.status_code in (200, 400)
        assert "Traceback" not in answer.text

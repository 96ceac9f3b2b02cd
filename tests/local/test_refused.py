"""What the store does not understand it refuses by name; what makes no difference it accepts."""

from __future__ import annotations

import pytest

from pandas_shooju.local.endpoints.routes import ROUTES
from tests.local.conftest import BASE, Api


@pytest.fixture
def week(api):
    api.put("week", [[day, day + 0.5] for day in range(7)], fields={"unit": "MW"})
    return api


def path_of(route):
    return route.path.replace("<int:job>", "1").replace("<file>", "x")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_address_refuses_parameters_it_does_not_know(api, route):
    api.job()
    answer = api.call(route.method, path_of(route), format="csv")
    assert answer["error"] == "invalid_parameters"
    assert f"parameter 'format' is not supported by /api/1{path_of(route)}" in answer["description"]
    for name in route.parameters:
        assert name in answer["description"]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body is not None], ids=lambda route: route.path)
def test_every_address_refuses_keys_of_the_body_that_it_does_not_know(api, route):
    api.job()
    answer = api.call(route.method, path_of(route), {"colour": "red"})
    assert answer["error"] == "invalid_parameters"
    assert "'colour' in the body" in answer["description"]


def test_what_makes_no_difference_passes(week):
    harmless = {"v": "3.8.17", "location_type": "python", "location": "here", "retry": 2, "date_format": "milli"}
    expected = week.search("sid=week", max_points=-1)
    assert week.search("sid=week", max_points=-1, **harmless) == expected
    assert week.call("GET", "/jobs", **harmless)["success"]
    assert week.call("POST", "/series/write", {"series": []}, async_mode=True, **harmless)["success"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/series"), ("GET", "/series/reported_dates"), ("POST", "/series/write")]
)
def test_dates_in_another_format_are_refused(api, method, path):
    answer = api.call(method, path, date_format="iso")
    assert answer["description"] == "date_format must be milli, got 'iso'"


def test_a_parameter_given_twice_is_refused(api):
    answer = api.session.get(f"{BASE}/api/1/series?query=a&query=b").json()
    assert answer["description"] == "parameter 'query' must not be given more than once"


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"query": "sid=week", "series_id": "week"}, "must not both be given"),
        ({"series_id": "week", "sort": "unit"}, "sort cannot be combined with series_id"),
        ({"scroll_id": "x", "fields": "unit"}, "fields cannot be combined with scroll_id"),
        ({"query": "={{sid=week}}", "sort": "unit"}, "sort cannot be combined with an expression"),
        ({"query": "sid=week", "fields": "meta.nonsense"}, "meta.nonsense is not supported; the known names are"),
        ({"query": "sid=week", "fields": "meta.levels"}, "what the service holds there is not known"),
        ({"query": "sid=week", "fields": "unit,={{colour}}"}, "uses 'colour', a field that no series has"),
        ({"query": "sid=week", "fields": "={{meta.colour}}"}, "meta.colour is not supported"),
        ({"query": "={{sid=week}}", "fields": "meta.colour"}, "meta.colour is not supported"),
        ({"query": "sid=week", "include_job": "maybe"}, "include_job must be y or n"),
        ({"query": "={{sid=week}}*colour"}, "colour in an expression is not supported"),
    ],
)
def test_searches_of_which_a_part_would_be_ignored(week, parameters, complaint):
    answer = week.call("GET", "/series", **parameters)
    assert answer["error"] == "invalid_parameters"
    assert complaint in answer["description"]


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"colour": "red"}, "'colour' in an item of a bulk call"),
        ({"max_points": 1.5}, "max_points must be -1"),
        ({"max_points": True}, "max_points must be -1"),
        ({"max_points": -2}, "max_points must be -1"),
        ({"fields": ["meta.nonsense"]}, "meta.nonsense is not supported"),
        ({"fields": "={{colour}}"}, "a field that no series has"),
        ({"date_format": "iso"}, "date_format must be milli"),
        ({"operators": ["@A:M"]}, "operators must be a text"),
    ],
)
def test_items_of_bulk_calls(week, item, complaint):
    answer = week.call("POST", "/series", {"series_queries": [{"query": "sid=week", **item}, "sid=week"]})
    bad, good = answer["series"]
    assert bad["error"] == "invalid_parameters"
    assert complaint in bad["description"]
    assert good == {"series_id": "$sid=week"}


def test_jobs_of_points_are_included_for_all_items_where_one_asks(week):
    items = [{"query": "sid=week", "include_job": "y", "_get_type": "get_points"}, "sid=week"]
    answer = week.call("POST", "/series", {"series_queries": items}, max_points=1)
    assert answer["included_job"] is True
    assert [series["points"].jobs.tolist() for series in answer["series"]] == [[0], [0]]
    assert "included_timestamp" not in answer


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"series_id": "s", "colour": "red"}, "'colour' in an item of type POST is not supported"),
        ({"series_id": "s", "force": True}, "'force' in an item of type POST"),
        ({"series_id": "week", "type": "DELETE", "points": [[0, 1.0]]}, "'points' in an item of type DELETE"),
        ({"series_id": "s", "query": "sid=s"}, "either a query or a series_id"),
        ({"series_id": "s", "type": "PUT"}, "the type of an item must be POST or DELETE, got 'PUT'"),
        ({"series_id": "users/sam/gdp"}, r"separated by backslashes, got 'users/sam/gdp': write users\sam\gdp"),
        ({"query": "sid=users/sam/gdp"}, r"write users\sam\gdp"),
        ({"series_id": r"\users\sam"}, r"cannot begin with a backslash, got '\\users\\sam': write users\sam"),
        ({"series_id": "users\\\\sam"}, r"cannot have empty parts"),
        ({"series_id": "users\\"}, r"cannot have empty parts"),
        ({"series_id": "users\\ \\sam"}, r"cannot have empty parts"),
        ({"series_id": "a/b", "type": "DELETE"}, "separated by backslashes"),
        ({"series_id": r"sid=users\sam"}, "must not begin with sid="),
        ({"query": r'sid="sid:users\sam"'}, "must not begin with sid:"),
        ({"series_id": "Tree:users", "type": "DELETE"}, "must not begin with tree:"),
        ({"series_id": "week", "type": "DELETE", "reported_date": 0, "force": True}, "force must not be true"),
    ],
)
def test_items_of_writes(week, item, complaint):
    before = week.ids("")
    bad, good = week.write(item, {"series_id": "other"})
    assert bad["error"] == "invalid_parameters"
    assert complaint in bad["description"]
    assert good["success"]
    assert week.ids("") == [*before, "other"]


def test_a_query_after_a_dollar_sign_stands_for_an_id(week):
    assert week.write({"series_id": "$sid=week", "points": [[9, 9.5]]}, {"series_id": "$unit=MW", "fields": {"a": 1}})
    assert week.ids("") == ["week"]
    body = {"series_ids": ["$sid=week@localize:UTC"]}
    (found,) = week.call("POST", "/series", body, max_points=-1, df=7, fields="a")["series"]
    assert found["series_id"] == "$sid=week@localize:UTC"
    assert found["points"].to_rows() == [[9, 9.5]]
    assert found["fields"] == {"a": 1}
    (expression,) = week.call("POST", "/series", {"series_ids": ["$={{sid=week}}*2"]}, max_points=1)["series"]
    assert expression["points"].to_rows() == [[0, 1.0]]
    missing = week.call("POST", "/series", {"series_ids": ["$sid=none"]})["series"][0]
    assert missing["error"] == "series_not_found"
    (response,) = week.write({"series_id": "$sid=new", "points": [[0, 1.0]]})
    assert response["success"]
    assert week.ids("") == ["week", "new"]


def test_single_ids_that_cannot_exist_are_refused_with_the_remedy(week):
    answer = week.call("POST", "/series", {"series_ids": ["users/sam@A:M", r"\week", "none"]})
    slashes, leading, none = answer["series"]
    assert r"write users\sam" in slashes["description"]
    assert "cannot begin with a backslash" in leading["description"]
    assert none["error"] == "series_not_found"
    for query in ("sid=users/sam", "={{sid=users/sam}}"):
        assert week.one(query)["error"] == "invalid_parameters"


def test_an_older_store_with_such_ids_can_still_be_read(app):
    api = Api(app)
    api.put("old", [[0, 1.0]])
    with app._database.writing() as db:
        db.execute("UPDATE series SET key = 'a/b', name = 'a/b', checksum = NULL")
    assert api.points("sid=a/b") == api.points('sid="a/b"') == [[0, 1.0]]
    assert api.ids("sid:a/b") == api.ids("sid=a/*") == ["a/b"]
    api.write({"type": "DELETE", "series_id": "a/b", "force": True})
    assert api.ids("") == []


def test_the_address_of_a_url_that_ends_in_a_slash(week):
    for base in (f"{BASE}//api/1", f"{BASE}///api/1"):
        answer = week.session.get(f"{base}/series", params={"query": "sid=week"})
        assert answer.status_code == 200
        assert answer.json()["total"] == 1


@pytest.mark.parametrize("mode", ["df", "dt", "some"])
def test_modes_of_report_dates_that_are_not_known(week, mode):
    answer = week.call("GET", "/series/reported_dates", series_query="sid=week", mode=mode)
    assert answer["error"] == "invalid_parameters"
    assert f"got '{mode}'" in answer["description"]


def test_report_dates_are_of_one_thing(week):
    answer = week.call("GET", "/series/reported_dates", series_query="sid=week", job_id=1)
    assert "either a series_query or a job_id" in answer["description"]

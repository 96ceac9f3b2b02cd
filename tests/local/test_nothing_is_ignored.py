"""No part of a request is ignored: each parameter and each key makes a difference, and what is not known is refused.

The first tests go through the tables of the code, so that whoever adds a parameter, or a key of an item, must show here
what it does.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pandas_shooju.local import open_app
from pandas_shooju.local.endpoints.routes import ROUTES
from pandas_shooju.local.endpoints.series import ITEM_KEYS as READ_KEYS
from pandas_shooju.local.items import ITEM_KEYS as WRITE_KEYS
from pandas_shooju.local.parameters import NO_DIFFERENCE, PARAMETERS
from tests.local.conftest import Api

DAY = 86_400_000

fuzzing = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def fill(api: Api) -> Api:
    """Two jobs, four series, one of them with a report, and a file that is being uploaded."""
    api.job("first")
    api.job("second")
    for at, name in enumerate(["a", "b", "c"]):
        points = [[day * DAY, float(day + at)] for day in range(4)]
        api.put(name, points, job=1 + at // 2, fields={"unit": ["MW", "GW", "MW"][at], "n": -at})
    api.put("b\\deep\\down", fields={"n": 9})
    api.write({"series_id": "a", "points": [[0, 7.0]], "reported_date": 5 * DAY}, job=2)
    api.write({"series_id": "a", "fields": {"unit": "kW"}, "reported_date": 6 * DAY}, job=2)
    return api


@pytest.fixture
def api(app):
    return fill(Api(app))


# --- URL parameters ---------------------------------------------------------------------------------------------

SEARCH = {"query": "*"}
POINTS = {"query": "sid=a", "max_points": -1}
ONE = {"series_queries": ["sid=a"]}
ALL_POINTS = {"max_points": -1}
WRITE = {"series": [{"series_id": "a", "points": [[9 * DAY, 1.0]]}]}

#: for each parameter that reads: the method and path, the other parameters, the body, and a value
READS: dict[tuple[str, str, str], tuple[dict[str, Any], Any, Any]] = {
    ("GET", "/series", "query"): ({}, None, "sid=a"),
    ("GET", "/series", "series_id"): ({}, None, "a"),
    ("GET", "/series", "operators"): (POINTS, None, "@A:M"),
    ("GET", "/series", "sort"): (SEARCH, None, "n"),
    ("GET", "/series", "per_page"): (SEARCH, None, 1),
    ("GET", "/series", "scroll"): (SEARCH, None, "y"),
    ("GET", "/series", "scroll_batch_size"): ({"query": "*", "scroll": "y"}, None, 1),
    ("GET", "/series", "facets"): (SEARCH, None, "unit"),
    ("GET", "/series", "max_facet_values"): ({"query": "*", "facets": "unit"}, None, 1),
    ("GET", "/series", "diff_job_id"): (POINTS, None, 1),
    ("GET", "/series", "diff_points_only"): ({**POINTS, "diff_job_id": 2}, None, "y"),
    ("GET", "/series", "df"): (POINTS, None, DAY),
    ("GET", "/series", "dt"): (POINTS, None, DAY),
    ("GET", "/series", "max_points"): (SEARCH, None, 1),
    ("GET", "/series", "fields"): (SEARCH, None, "unit"),
    ("GET", "/series", "include_job"): (POINTS, None, "y"),
    ("GET", "/series", "include_timestamp"): (POINTS, None, "y"),
    ("POST", "/series", "df"): (ALL_POINTS, ONE, DAY),
    ("POST", "/series", "dt"): (ALL_POINTS, ONE, DAY),
    ("POST", "/series", "max_points"): ({}, ONE, 1),
    ("POST", "/series", "fields"): ({}, ONE, "unit"),
    ("POST", "/series", "include_job"): (ALL_POINTS, ONE, "y"),
    ("POST", "/series", "include_timestamp"): (ALL_POINTS, ONE, "y"),
    ("GET", "/series/reported_dates", "series_query"): ({}, None, "sid=a"),
    ("GET", "/series/reported_dates", "job_id"): ({}, None, 2),
    ("GET", "/series/reported_dates", "processor"): ({"series_query": "sid=a"}, None, "x"),
    ("GET", "/series/reported_dates", "mode"): ({"series_query": "sid=a"}, None, "fields"),
    ("GET", "/series/reported_dates", "df"): ({"series_query": "sid=a"}, None, 6 * DAY),
    ("GET", "/series/reported_dates", "dt"): ({"series_query": "sid=a"}, None, 5 * DAY),
    ("GET", "/series/tree", "folder"): ({}, None, "a"),
    ("GET", "/series/tree", "depth"): ({}, None, 1),
    ("GET", "/jobs", "query"): ({}, None, "id=1"),
    ("GET", "/jobs", "sort"): ({}, None, "id"),
    ("GET", "/jobs", "page"): ({"per_page": 1}, None, 2),
    ("GET", "/jobs", "per_page"): ({}, None, 1),
    ("GET", "/jobs", "fields"): ({}, None, "id"),
    ("GET", "/jobs", "filter"): ({}, None, "sid=b"),
    ("GET", "/files", "per_page"): ({}, None, 1),
}
#: parameters that say where to, shown by tests of writes, changes, mirrors and files; and those accepted without effect
ELSEWHERE = {
    ("GET", "/series", "scroll_id"),
    ("GET", "/jobs/<int:job>/changes", "scroll_id"),
    ("GET", "/jobs/<int:job>/changes", "per_page"),
    ("GET", "/mirror/todo", "per_page"),
    ("POST", "/series/write", "job_id"),
    ("POST", "/series/write", "skip_meta_if_no_fields"),
    ("POST", "/files/multipart/upload", "file_id"),
    ("POST", "/files/multipart/upload", "part_num"),
    ("POST", "/files/multipart/complete", "file_id"),
}
ACCEPTED = {("POST", "/series/write", "async_mode"), ("DELETE", "/series/cache", "q")}


def test_every_parameter_is_in_the_table():
    declared = {(route.method, route.path, name) for route in ROUTES for name in route.parameters}
    assert declared == READS.keys() | ELSEWHERE | ACCEPTED
    assert {name for _, _, name in declared} | NO_DIFFERENCE.keys() == PARAMETERS.keys()


def without_scroll_id(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: "some" if name == "scroll_id" else value for name, value in answer.items()}


@pytest.mark.parametrize("where", READS, ids=" ".join)
def test_every_parameter_makes_a_difference(api, where):
    method, path, name = where
    others, body, value = READS[where]
    for content in (b"one", b"two"):
        api.session.post("http://embedded.localhost/api/1/files", files={"file": content})
    before = without_scroll_id(api.call(method, path, body, **others))
    assert before == without_scroll_id(api.call(method, path, body, **others))
    assert without_scroll_id(api.call(method, path, body, **others, **{name: value})) != before


#: values that no parameter takes, but those that are text
ODD = ["maybe", "1.5", "[]", "{}", "null", "\x00", "é"]
ANYTHING = {"query", "folder", "series_id", "fields", "facets", "sort", "filter", "series_query", "q", "file_id"}


@pytest.mark.parametrize("where", [where for where in READS if where[2] not in ANYTHING], ids=" ".join)
@pytest.mark.parametrize("value", ODD)
def test_values_of_the_wrong_kind_are_refused(api, where, value):
    method, path, name = where
    others, body, _ = READS[where]
    answer = api.call(method, path, body, **others, **{name: value})
    if body is not None and answer["success"]:
        (answer,) = answer["series"]
    assert answer["error"] == "invalid_parameters"


@pytest.mark.parametrize(
    "parameters",
    [
        {"query": "*", "max_facet_values": 5},
        {"query": "={{sid=a}}", "max_facet_values": 5},
        {"query": "={{sid=a}}", "diff_points_only": "y"},
        {"query": "*", "diff_points_only": "y"},
        {"query": "*", "sort": "={{unit}}"},
        {"query": "*", "sort": "*"},
        {"query": "sid=a@asof:j1", "fields": "meta.points_max"},
        {"query": "sid=a", "operators": "@asof:j1", "fields": "unit,=Largest: {{ meta.points_max }}"},
        {"query": "*", "scroll_batch_size": 1},
        {"query": "*", "scroll_batch_size": 1, "per_page": 2},
        {"series_id": "a", "operators": "A:M"},
        {"query": "*", "sort": "nothing"},
        {"query": "*", "sort": "unit:asc"},
        {"query": "*", "sort": "-unit"},
        {"query": "*", "sort": "un*"},
        {"query": "*", "fields": "un*"},
        {"query": "*", "facets": "un*"},
        {"query": "*", "facets": "n,{{unit}}"},
        {"query": "n>2024-01-31"},
        {"query": "unit>5"},
        {"query": "unit<=2024-01-31"},
        {"query": "NOT day>2024"},
        {"query": "day>5", "per_page": 0},
        {"query": "meta.points_max=nan"},
        {"query": "meta.points_max>nan"},
        {"query": "*", "fields": "unit,o.*"},
        {"query": "*", "fields": "{{unit}}"},
        {"query": "*", "fields": "=a {{unit}}, {{n}}"},
        {"query": "*", "fields": "={{unit"},
        {"query": "*", "fields": "={unit}"},
        {"query": "*", "fields": "={{unit}}}}"},
        {"query": "unit,n"},
        {"query": "unit IN (MW,GW)"},
        {"query": "(MW,GW)"},
        {"query": "unit!:MW"},
        {"query": "series_id=a"},
        {"query": "series_id:b"},
        {"query": "unit=MW NOT series_id=a"},
        {"query": "={{}}"},
        {"query": "={{sid=a}} # /1000"},
        {"query": "={{sid=a}}.add({{sid=b}}, fill_value=0, fill_value=5)"},
        {"query": "={{sid=a}}.add({{sid=b}}, fill_value=None, fill_value=5)"},
        {"query": "={{sid=a}}.add({{sid=b}}, axis=0, axis=0)"},
        {"query": "=F.multi_sum('sid=a', operators='@A:M', operators='@S:M')"},
        {"query": "=F.multi_sum('sid=a', key_fields=[], key_fields=[])"},
    ],
)
def test_parameters_that_would_be_ignored_are_refused(api, parameters):
    api.put("a", fields={"day": "2024-01-31"})
    assert api.call("GET", "/series", **parameters)["error"] == "invalid_parameters"


def test_the_size_of_a_page_may_be_given_by_both_names(api):
    assert api.ids("*", per_page=2, scroll_batch_size=2) == ["a", "b"]


def test_the_name_of_a_field_in_a_sort_is_matched_regardless_of_case(api):
    assert api.ids("*", sort="N") == api.ids("*", sort="n") == ["c", "b", "a", "b\\deep\\down"]


def test_a_field_may_be_called_like_a_formula(api):
    api.put("d", fields={"=x": 1, "={y}": 2})
    assert api.fields("sid=d", "=x,={y},=z") == {"=x": 1, "={y}": 2, "=z": "z"}
    assert api.fields("sid=a", "=x") == {"=x": "x"}


def test_a_field_may_be_called_series_id_or_have_a_star(api):
    api.put("d", fields={"series_id": "x", "un*": 1})
    assert api.ids("series_id=x") == ["d"]
    assert api.ids("series_id=a") == []
    assert api.fields("sid=d", "un*") == {"un*": 1}


def test_a_field_that_no_series_has_is_compared_with_anything(api):
    for query in ("none>5", "none<2024-01-31", "n>1000", "n<-1000"):
        assert api.ids(query) == []


@pytest.mark.parametrize("path", ["/series", "/jobs", "/jobs/1", "/files", "/status/ping"])
def test_the_body_of_a_get_is_refused(api, path):
    answer = api.call("GET", path, {"query": "sid=a"})
    assert answer["error"] == "invalid_parameters"
    assert answer["description"] == f"GET /api/1{path} does not take a body: write the parameters into the URL"


WRONG = [{"df": "soon"}, {"dt": "soon"}, {"max_points": "x"}, {"fields": "meta.nonsense"}, {"fields": "={{colour}}"}]


@pytest.mark.parametrize("name", ["a", "nothing", "$sid=nothing", "nothing@A:M"])
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_parameters_of_single_reads_are_checked_where_nothing_is_found(api, name, wrong):
    query = name.removeprefix("$") if name.startswith("$") else f"sid={name}"
    bodies = [
        ({"series_queries": [query]}, wrong),
        ({"series_queries": [{"query": query, **wrong}]}, {}),
        ({"series_ids": [name]}, wrong),
        ({"series": [{"series_id": name, **wrong}]}, {}),
    ]
    answers = [api.call("POST", "/series", body, **parameters) for body, parameters in bodies]
    answers.append(api.call("GET", "/series", series_id=name, **wrong))
    for answer in answers:
        assert answer["series"][0]["error"] == "invalid_parameters"


@pytest.mark.parametrize("name", ["a", "nothing"])
@pytest.mark.parametrize("operator", ["@A:z", "@lag", "@lag:1d@A:z", "@repdate:soon", "@A:M@localize:Nowhere"])
def test_operators_of_ids_are_checked_where_nothing_is_found(api, name, operator):
    further = {"series": [{"series_id": name, "operators": operator}]}
    for body in ({"series_ids": [name + operator]}, {"series_ids": [f"$sid={name}{operator}"]}, further):
        assert api.call("POST", "/series", body)["series"][0]["error"] == "invalid_parameters"


def test_an_id_with_an_at_sign_that_does_not_exist_is_not_found(api):
    (series,) = api.call("POST", "/series", {"series_ids": ["sam@example"]})["series"]
    assert series["error"] == "series_not_found"


@pytest.mark.parametrize("query", ["sid=a", "sid=nothing"])
def test_the_mode_of_report_dates_is_checked_where_nothing_is_found(api, query):
    answer = api.call("GET", "/series/reported_dates", series_query=query, mode="some")
    assert answer["error"] == "invalid_parameters"


def test_report_dates_of_a_job_that_does_not_exist(api):
    assert api.call("GET", "/series/reported_dates", job_id=99)["description"] == "job 99 does not exist"
    assert api.call("GET", "/series/reported_dates", job_id=1)["reported_dates"] == []


def test_parameters_of_a_connection_may_come_with_every_call(api):
    """They are the published client's ``extra_params``."""
    extra = {"include_job": "y", "include_timestamp": "y"}
    for route in ROUTES:
        path = route.path.replace("<int:job>", "1").replace("<file>", "x")
        assert "include_" not in api.raw(route.method, path, **extra).json().get("description", "")
    first = api.search("*", scroll="y", scroll_batch_size=2, max_points=1, **extra)
    second = api.call("GET", "/series", scroll_id=first["scroll_id"], max_points=1, **extra)
    assert [series["series_id"] for series in second["series"]] == ["c", "b\\deep\\down"]
    assert second["included_job"] is second["included_timestamp"] is True
    other = api.call("GET", "/series", scroll_id=first["scroll_id"], max_points=2)
    assert other["description"] == "max_points cannot be combined with scroll_id"


@pytest.mark.parametrize("query", ["sid:nothing", "sid=nothing", "*"])
@pytest.mark.parametrize(
    "operator",
    [
        *("A", "A:x", "A:", "S:m", "lag", "lag:soon", "lag:1yb", "localize:Nowhere", "df", "df:soon", "dt:", "dt:5"),
        *("repdate", "repdate:soon", "repdate:MAX", "repfdate:1", "repdatelist:some", "asof", "asof:j", "asof:soon"),
    ],
)
def test_arguments_of_operators_are_checked_where_nothing_is_found(api, query, operator):
    for parameters in ({}, {"per_page": 0}, {"scroll": "y"}, {"max_points": -1}):
        for search in ({"query": f"{query}@{operator}"}, {"query": query, "operators": f"@{operator}"}):
            answer = api.call("GET", "/series", **search, **parameters)
            assert answer["error"] == "invalid_parameters", search | parameters
    assert api.one(f"sid=a@{operator}")["error"] == "invalid_parameters"


def test_an_expression_has_no_jobs(api):
    for query in ("={{sid=a}}", "={{sid=a}}+{{sid=b}}", "=F.multi_sum('sid=a', [])", "={{sid=a}}@A:M"):
        (series,) = api.search(query, include_job="y", max_points=1)["series"]
        assert series["points"].jobs.tolist() == [0]
        (series,) = api.call("POST", "/series", {"series_queries": [query]}, include_job="y", max_points=1)["series"]
        assert series["points"].jobs.tolist() == [0]


# --- keys in bodies ---------------------------------------------------------------------------------------------

#: for each key of a read of a single series, other keys and values that are not refused, the first of which changes
#: the response
READ_VALUES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "df": (ALL_POINTS, [DAY, str(DAY), "1970-01-02", "-1y", "MIN", "", None]),
    "dt": (ALL_POINTS, [DAY, str(DAY), "1970-01-02", "-1y", "MAX", "", None]),
    "max_points": ({}, [1, "1", -1, 0, "", None]),
    "fields": ({}, ["unit", ["unit"], "*", "", [], None]),
    "operators": (ALL_POINTS, ["@A:M", "@lag:1d@A:M", "", None]),
    "include_job": (ALL_POINTS, ["y", "n", True, False, 1, 0, "", None]),
    "include_timestamp": (ALL_POINTS, ["y", "n", True, False, 1, 0, "", None]),
    "date_format": ({}, ["milli", "", None]),
    "_get_type": ({}, ["get_points", None]),
}
#: for each key of an item of a write, likewise
WRITE_VALUES: dict[tuple[str, str], tuple[dict[str, Any], list[Any]]] = {
    ("POST", "type"): ({"series_id": "a", "fields": {"x": 1}}, ["POST", "post", None]),
    ("POST", "query"): ({"fields": {"x": 1}}, ["sid=a", "unit=GW"]),
    ("POST", "series_id"): ({"fields": {"x": 1}}, ["a", "new"]),
    ("POST", "points"): ({"series_id": "a"}, [[[0, 5.0]], []]),
    ("POST", "fields"): ({"series_id": "a"}, [{"x": 1}, {}, None]),
    ("POST", "keep_only"): ({"series_id": "a", "fields": {"x": 1}}, ["all", "points", "fields", None]),
    ("POST", "reported_date"): ({"series_id": "a", "fields": {"x": 1}}, [9 * DAY, "1970-01-08", "0db", None]),
    ("DELETE", "type"): ({"series_id": "a"}, ["DELETE", "delete"]),
    ("DELETE", "query"): ({}, ["sid=a", "unit=GW"]),
    ("DELETE", "series_id"): ({}, ["a"]),
    ("DELETE", "force"): ({"series_id": "a"}, [True, False, None]),
    ("DELETE", "reported_date"): ({"series_id": "a"}, [5 * DAY, "1970-01-06", "all", None]),
}
SAMPLES = ["", "y", "all", "soon", 0, 1, -5, 1.5, True, False, [], ["a"], {}, {"a": 1}, [[0]], None]


def state(api: Api) -> Any:
    """Everything that is stored."""
    series = [
        {**item, "points": item["points"].to_rows() if "points" in item else []}
        for query in ("*", r"sid:System\Trash")
        for item in api.search(query, max_points=-1, fields="*")["series"]
    ]
    reports = [api.points(f"sid={item['series_id']}@repdatelist:all") for item in api.search("*")["series"]]
    return series, reports


def same_type_as_one_of(value: Any, allowed: list[Any]) -> bool:
    return any(value == one and type(value) is type(one) for one in allowed)


def test_every_key_of_items_is_in_the_tables():
    assert set(READ_KEYS) == READ_VALUES.keys()
    assert {(kind, key) for kind, keys in WRITE_KEYS.items() for key in keys} == WRITE_VALUES.keys()


@pytest.mark.parametrize("key", READ_VALUES)
def test_a_key_of_a_read_makes_a_difference_and_takes_certain_values(api, key):
    others, values = READ_VALUES[key]
    plain = api.one("sid=a", **others)
    for value in values:
        assert "error" not in api.one("sid=a", **{**others, key: value})
    assert (api.one("sid=a", **{**others, key: values[0]}) != plain) is (key not in ("_get_type", "date_format"))
    for value in SAMPLES:
        if key != "_get_type" and not same_type_as_one_of(value, values):
            read = api.call("POST", "/series", {"series_queries": [{"query": "sid=a", **others, key: value}]})
            answer = read["series"][0] if read["success"] else read
            # a list of names, and whole numbers, may be any; fields may have any name
            if key == "fields" and isinstance(value, str | list) and all(isinstance(name, str) for name in value):
                continue
            if key in ("max_points", "df", "dt") and type(value) is int and value >= (0 if key == "max_points" else -9):
                continue
            assert answer["error"] == "invalid_parameters", value


@pytest.mark.parametrize(("kind", "key"), WRITE_VALUES)
def test_a_key_of_a_write_makes_a_difference_and_takes_certain_values(kind, key):
    others, values = WRITE_VALUES[kind, key]
    with open_app(":memory:") as app:
        api = fill(Api(app))
        before = state(api)
        for value in SAMPLES:
            item = {"type": kind, **others, key: value}
            if same_type_as_one_of(value, values) or (key == "type" and value is None):
                continue
            if (key == "series_id" and value in ("y", "all", "soon")) or (key == "query" and isinstance(value, str)):
                continue
            if key == "reported_date" and type(value) in (int, float):
                continue
            if key == "fields" and isinstance(value, dict):
                continue
            answer = api.raw("POST", "/series/write", {"series": [item]})
            if answer.status_code == 200:
                assert answer.json()["responses"][0]["error"] == "invalid_parameters", value
            else:
                assert key == "points", value
                assert answer.status_code == 400
        assert state(api) == before
    changed = []
    for value in values:
        with open_app(":memory:") as app:
            api = fill(Api(app))
            (response,) = api.write({"type": kind, **others, key: value})
            assert response["success"], value
            changed.append(state(api))
    if key not in ("type", "series_id") and len(values) > 1:
        assert changed[0] != changed[-1]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
items = st.sampled_from(
    [
        {"type": "POST", "series_id": "new", "fields": {"x": 1}, "points": [[0, 1.0]]},
        {"query": "sid=a", "points": [[0, 9.0]], "keep_only": "points"},
        {"type": "POST", "series_id": "a", "fields": {"x": 1}, "reported_date": 0},
        {"type": "DELETE", "series_id": "a", "force": True},
        {"type": "DELETE", "query": "sid=a", "reported_date": "all"},
    ]
)
#: keys that look like known ones, and any text
keys = st.sampled_from(
    ["Points", "point", "field", "sid", "series", "job_id", "keepOnly", "remove_others", "dates", "op"]
) | st.text(max_size=4)
every_key = {key for known in (*WRITE_KEYS.values(), READ_KEYS) for key in known} | {"query", "series_id"}


@pytest.fixture(scope="module")
def filled():
    with open_app(":memory:") as app:
        yield fill(Api(app))


@settings(fuzzing, max_examples=60)
@given(item=items, key=keys.filter(lambda key: key not in every_key), value=json_values)
def test_an_unknown_key_anywhere_is_refused_and_nothing_is_done(filled, item, key, value):
    before = state(filled)
    kind = item.get("type", "POST")
    other = {"series_id": "b", "fields": {"unit": "GW"}}  # as it is
    refused, good = filled.write({"type": kind, **item, key: value}, other)
    assert refused["error"] == "invalid_parameters"
    assert repr(key) in refused["description"]
    assert good["success"]
    if key not in NO_DIFFERENCE:
        for name, what in (("series_queries", {"query": "sid=a"}), ("series", {"series_id": "a"})):
            body = {name: [{**what, "fields": "unit", key: value}, what]}
            refused, good = filled.call("POST", "/series", body)["series"]
            assert refused["error"] == "invalid_parameters"
            assert "error" not in good
    for route in ROUTES:
        if route.body is not None and key not in route.body:
            path = route.path.replace("<int:job>", "1")
            answer = filled.call(route.method, path, {**dict.fromkeys(route.body, value), key: value})
            assert answer["error"] == "invalid_parameters"
            assert repr(key) in answer["description"]
    assert state(filled) == before


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"query": "sid=a", "force": ""}, "force must be true or false, got ''"),
        ({"query": "sid=a", "force": 0}, "force must be true or false, got 0"),
        ({"query": "sid=a", "force": "y"}, "force must be true or false"),
        ({"query": "sid=a", "job_id": ""}, "job_id must be a number, got ''"),
        ({"query": "sid=a", "job_id": False}, "job_id must be a number, got False"),
        ({"query": ["sid=a"]}, "query must be a text"),
    ],
)
def test_bodies_of_deletions(api, body, complaint):
    answer = api.call("DELETE", "/series/delete", body)
    assert answer["error"] == "invalid_parameters"
    assert complaint in answer["description"]
    assert api.ids("sid=a") == ["a"]


@pytest.mark.parametrize("value", ["", 0, [], "yes"])
def test_no_history_is_true_or_false(api, value):
    answer = api.call("POST", "/jobs/", {"description": "a job", "no_history": value})
    assert answer["description"] == f"no_history must be true or false, got {value!r}"


@pytest.mark.parametrize(("path", "form"), [("/files", {"custom": "{}"}), ("/files/multipart/upload", {"meta": "{}"})])
def test_unknown_texts_of_a_form_are_refused(api, path, form):
    file = api.call("POST", "/files/multipart/init", {"filename": "x"})["file_id"]
    parameters = {"file_id": file, "part_num": 1} if "multipart" in path else {}
    url = f"http://embedded.localhost/api/1{path}"
    answer = api.session.post(url, params=parameters, files={"file": b"x"}, data=form).json()
    assert answer["error"] == "invalid_parameters"
    assert "in the form is not supported" in answer["description"]


@pytest.mark.parametrize("path", ["/files", "/files/multipart/upload"])
def test_a_file_under_another_name_is_refused_and_nothing_is_stored(api, path):
    file = api.call("POST", "/files/multipart/init", {"filename": "x"})["file_id"]
    parameters = {"file_id": file, "part_num": 1} if "multipart" in path else {}
    files = [("file", ("a", b"x")), ("other", ("b", b"y"))]
    answer = api.session.post(f"http://embedded.localhost/api/1{path}", params=parameters, files=files)
    assert answer.status_code == 400
    assert answer.json()["description"] == "a file must be a part 'file', got 'other'"
    assert api.call("GET", "/files")["results"] == []

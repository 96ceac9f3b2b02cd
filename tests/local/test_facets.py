"""Facets and counts."""

from __future__ import annotations

import pytest

from pandas_shooju import formats
from pandas_shooju.local.query import facets as counting
from tests.local.conftest import Api


@pytest.fixture(params=formats.NAMES)
def api(app, request):
    api = Api(app, format_name=request.param)
    for number, fields in enumerate(
        [
            {"country": "US", "unit": "MW", "tags": ["a", "b"], "n": 5, "o": {"city": "Rome"}},
            {"country": "US", "unit": "mw", "tags": ["a"], "n": 5.0, "o": {"city": "rome"}},
            {"country": "CN", "unit": "MW", "n": "5", "ok": True},
            {"country": "FR", "n": 2.5},
            {},
        ]
    ):
        api.put(f"s\\{number}", fields=fields)
    return api


def counts(api, query, field, **parameters):
    answer = api.search(query, facets=field, per_page=0, **parameters)
    assert answer["series"] == []
    return [(term["term"], term["count"]) for term in answer["facets"][field]["terms"]]


@pytest.fixture(params=[10_000, 0], ids=["by fields", "by index"])
def few(request, monkeypatch):
    monkeypatch.setattr(counting, "_FEW", request.param)


@pytest.mark.parametrize("query", ["", "sid:s"])
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("country", [("US", 2), ("CN", 1), ("FR", 1)]),
        ("Country", [("US", 2), ("CN", 1), ("FR", 1)]),
        ("unit", [("MW", 2), ("mw", 1)]),
        ("tags", [("a", 2), ("b", 1)]),
        ("n", [(5, 2), (2.5, 1), ("5", 1)]),
        ("ok", [(True, 1)]),
        ("o.city", [("Rome", 1), ("rome", 1)]),
        ("nothing", []),
    ],
)
def test_the_distinct_values_of_a_field(api, few, query, field, expected):
    assert counts(api, query, field) == expected


def test_facets_are_of_what_the_query_finds(api, few):
    assert counts(api, "unit=mw", "country") == [("US", 2), ("CN", 1)]
    assert counts(api, "country=US", "unit", max_facet_values=1) == [("MW", 1)]
    assert counts(api, "country=XX", "unit") == []
    answer = api.search("sid:s", facets="country,unit", per_page=2, sort="country desc", fields="country")
    assert answer["total"] == 5
    assert [series["fields"]["country"] for series in answer["series"]] == ["US", "US"]
    assert list(answer["facets"]) == ["country", "unit"]
    page = api.search("sid:s", facets="country", scroll="y", scroll_batch_size=1)
    assert page["facets"]["country"]["terms"][0] == {"term": "US", "count": 2}


def test_facets_follow_every_change(api, few):
    api.put("s\\0", fields={"country": "FR", "tags": None})
    api.write({"type": "DELETE", "series_id": "s\\1"})
    for query in ("", "sid:s"):
        assert counts(api, query, "country") == [("FR", 2), ("CN", 1)]
        assert counts(api, query, "tags") == []
    assert counts(api, "tree:system", "country") == [("US", 1)]
    api.write({"type": "DELETE", "query": "sid:System"})
    api.write({"type": "DELETE", "query": "sid=s\\2", "force": True})
    api.put("s\\3", fields={"country": "DE"}, keep_only="fields")
    for query in ("", "sid:s"):
        assert counts(api, query, "country") == [("DE", 1), ("FR", 1)]
        assert counts(api, query, "n") == [(5, 1)]


@pytest.mark.parametrize(
    ("query", "parameters", "complaint"),
    [
        ("", {"facets": "meta.job"}, "facets of 'meta.job' are not supported"),
        ("", {"facets": "*"}, "facets are of fields"),
        ("", {"facets": "sid"}, "facets are of fields"),
        ("", {"facets": "={{unit}}"}, "facets are of fields"),
        ("", {"facets": "unit", "max_facet_values": "0"}, "max_facet_values must be an integer from 1"),
        ("sid=s\\0@asof:-1d", {"facets": "unit"}, "cannot be combined with asof"),
        ("={{sid=s\\0}}", {"facets": "unit"}, "cannot be combined with an expression"),
    ],
)
def test_facets_that_are_refused(api, query, parameters, complaint):
    answer = api.call("GET", "/series", query=query, **parameters)
    assert answer["error"] == "invalid_parameters"
    assert complaint in answer["description"]


@pytest.mark.parametrize(("query", "total"), [("", 5), ("country=US", 2), ("country=US OR tags=a", 2), ("NOT n=5", 2)])
def test_a_count_alone(api, query, total):
    assert api.search(query, per_page=0) == {"success": True, "series": [], "total": total}


def test_a_count_leaves_out_the_trash(api):
    api.write({"type": "DELETE", "series_id": "s\\1"})
    assert api.search("", per_page=0)["total"] == 4
    assert api.search("sid:System", per_page=0)["total"] == 1

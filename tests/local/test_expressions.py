"""Expressions over series."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandas_shooju.local import expressions, open_app
from pandas_shooju.local.errors import ApiError
from pandas_shooju.local.expressions import evaluate
from pandas_shooju.local.reading import read_lines
from pandas_shooju.local.store import points
from tests.local.conftest import Api

HOUR = 3_600_000


@pytest.fixture
def ab(api):
    api.put("a", [[0, 1000.0], [HOUR, 2000.0]], fields={"n": 1})
    api.put("b c", [[HOUR, 1.0], [2 * HOUR, 5.0]], fields={"n": 2})
    api.put("braces }} in it", [[0, 7.0]])
    return api


@pytest.mark.parametrize(
    ("expression", "points"),
    [
        ("={{sid=a}}/1000", [[0, 1.0], [HOUR, 2.0]]),
        ("= 1000 / {{ sid=a }}", [[0, 1.0], [HOUR, 0.5]]),
        ("=-{{sid=a}} * +2 - 1", [[0, -2001.0], [HOUR, -4001.0]]),
        ('={{sid=a}} + {{sid="b c"}}', [[HOUR, 2001.0]]),
        ('=({{sid=a}} - {{sid="b c"}}) * ({{n=1}} / {{n=1}})', [[HOUR, 1999.0]]),
        ('=({{sid=a}}).add({{sid="b c"}}, axis=0, fill_value=0)', [[0, 1000.0], [HOUR, 2001.0], [2 * HOUR, 5.0]]),
        ('={{sid=a}}.subtract({{sid="b c"}}, fill_value=1)', [[0, 999.0], [HOUR, 1999.0], [2 * HOUR, -4.0]]),
        ('={{sid=a}}.multiply({{sid="b c"}})', [[HOUR, 2000.0]]),
        ("={{sid=a}}.divide(4).add(1, fill_value=None)", [[0, 251.0], [HOUR, 501.0]]),
        ("=({{sid=a}}/1000)@A:d", [[0, 1.5]]),
        ("={{sid=a@lag:1h}}-{{sid=a}}", [[HOUR, -1000.0]]),
        ("={{sid=a@A:d}}@lag:1h", [[HOUR, 1500.0]]),
        ('={{sid="braces }} in it"}}', [[0, 7.0]]),
        ("=0*{{sid=a}}/0", []),
        ("=F.multi_sum(r'sid=*', operators=(\"@A:d\"), key_fields=[])", [[0, 1510.0]]),
        ("=F.multi_sum(r'n=*', [])/1000 + 1", [[0, 2.0], [HOUR, 3.001], [2 * HOUR, 1.005]]),
        ("=F.multi_sum('n=*', (), operators='@S:d')", [[0, 3006.0]]),
        ("=F.multi_sum('n=*')/2", [[0, 500.0], [HOUR, 1000.5], [2 * HOUR, 2.5]]),
        ("=F.multi_sum('n=*', operators=['@lag:1h', '@lag:1h'])@A:d", [[0, (1000 + 2001 + 5) / 3]]),
        ("=" + "+".join(["{{sid=a}}"] * 500), [[0, 500_000.0], [HOUR, 1_000_000.0]]),
    ],
)
def test_expressions(ab, expression, points):
    series = ab.one(expression, max_points=-1)
    assert series["series_id"] == "$" + expression
    assert (series["points"].to_rows() if "points" in series else []) == points
    (found,) = ab.search(expression, max_points=-1)["series"]
    assert found["series_id"] == expression
    assert (found["points"].to_rows() if "points" in found else []) == points


@pytest.mark.parametrize("expression", ["=series_0_+{{sid=a}}", "={{sid=a}}{{sid=a}}", "=1{{sid=a}}", "={{sid=a}}_"])
def test_a_series_is_a_word_of_its_own(ab, expression):
    assert ab.one(expression)["error"] == "invalid_parameters"


def test_sums_of_many_series_are_bounded_in_memory_and_time(ab, monkeypatch):
    read = []
    monkeypatch.setattr(
        expressions, "read_lines", lambda db, rows, *a: read.append(len(rows)) or read_lines(db, rows, *a)
    )
    monkeypatch.setattr(points, "MOST_AT_ONCE", 3)
    assert ab.points("=F.multi_sum('*')") == [[0, 1007.0], [HOUR, 2001.0], [2 * HOUR, 5.0]]
    assert read == [1, 2]
    monkeypatch.setattr(expressions, "PATIENCE", -1.0)
    assert "narrower" in ab.one("=F.multi_sum('*')")["description"]


def test_ranges_limits_and_zones_of_expressions(ab):
    assert ab.points("={{sid=a}}/1000", df=1) == [[HOUR, 2.0]]
    assert ab.points("={{sid=a}}/1000", max_points=1) == [[0, 1.0]]
    assert ab.one("={{sid=a}}/1000") == {"series_id": "$={{sid=a}}/1000"}
    local = ab.one("=({{sid=a}})@localize:Asia/Tokyo", max_points=1)
    assert (local["tz"], local["points"].to_rows()) == ({"timezone": "Asia/Tokyo"}, [[9 * HOUR, 1000.0]])
    inside = ab.one("={{sid=a@localize:Asia/Tokyo}} + {{n=1@localize:Asia/Tokyo}}", max_points=1)
    assert inside["tz"] == {"timezone": "Asia/Tokyo"}
    assert ab.one("={{sid=a}}", operators="@A:d", max_points=-1)["points"].to_rows() == [[0, 1500.0]]
    mixed = ab.one("={{sid=a@localize:Asia/Tokyo}} + {{sid=a}}", max_points=1)
    assert "different zones (Asia/Tokyo and UTC)" in mixed["description"]


def test_an_expression_scrolls_as_one_series(ab):
    page = ab.search("={{sid=a}}/1000", scroll="y", max_points=-1)
    assert (len(page["series"]), page["total"]) == (1, 1)
    assert ab.call("GET", "/series", scroll_id=page["scroll_id"])["series"] == []


def test_the_past_of_a_part(ab):
    job = ab.job()
    ab.put("a", [[0, 5.0]], job=job)
    ab.put("a", [[0, 6.0]])
    assert ab.points(f"={{{{sid=a@asof:j{job}}}}}*10", max_points=1) == [[0, 50.0]]


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("={{sid=a}}.__class__", ".__class__ in an expression"),
        ("=F.__init__", ".__init__ in an expression"),
        ("=F.__init__()", "function F.__init__"),
        ("=F", "F in an expression"),
        ("={{sid=a}}.__init__()", ".__init__() in an expression"),
        ("={{sid=a}}.mean()", ".mean() in an expression"),
        ("=__import__('os')", "function __import__"),
        ("=9**9**9**9*{{sid=a}}", "** in an expression"),
        ("={{sid=a}}%2", "% in an expression"),
        ("=1+1", "results in a number"),
        ("=1 if {{sid=a}} else 2", "IfExp"),
        ("=[{{sid=a}} for x in 'abc']", "ListComp"),
        ("={{sid=a}} > 1", "Compare"),
        ("='text'", "Constant"),
        ("=True*{{sid=a}}", "Constant"),
        ("=1j*{{sid=a}}", "Constant"),
        ("=name", "name in an expression is not supported; a series is written as a query in {{ }}"),
        ("={{sid=a", "without its '}}'"),
        ("={{sid=a}}@foo", "operator FOO is not supported"),
        ("={{sid=a}}@asof:j1", "inside of the {{ }}"),
        ("={{sid:*}}", "must find one series, but it finds 3"),
        ("={{sid=a@foo}}", "operator FOO is not supported"),
        ("={{sid=a}}.add({{sid=a}}, axis=1)", "axis of .add() must be 0"),
        ("={{sid=a}}.add({{sid=a}}, fill_value={{sid=a}})", "must be a number"),
        ("={{sid=a}}.add({{sid=a}}, level=1)", "are axis and fill_value, got level"),
        ("={{sid=a}}.add()", "must have one series or number"),
        ("=5 .add({{sid=a}})", "must be called on a series"),
        ("=F.multi_sum('n=*', key_fields=['n'])", "key_fields in F.multi_sum are not supported"),
        ("=F.multi_sum('n=*', ['n'])", "key_fields in F.multi_sum are not supported"),
        ("=F.multi_sum('n=*', [], key_fields=[])", "key_fields twice"),
        ("=F.multi_sum('n=*', [], [])", "must be a query in quotes"),
        ("=F.multi_sum({{sid=a}})", "must be a query in quotes"),
        ("=F.multi_sum('n=*', operators=5)", "must be texts"),
        ("=F.other('n=*')", "function F.other"),
        ("=(" + "(" * 300 + "{{sid=a}}" + ")" * 301, "cannot be read"),
        ("=" + "-(1+" * 60 + "1" + ")" * 60, "nested more than"),
        ("=" + "-" * 100_000 + "1", "cannot be read"),
        ("=1" + "0" * 5000, "cannot be read"),
        ("=0x" + "f" * 1000, "too large"),
        ("=" + "+".join(["{{sid=a}}"] * 1001), "more than 1000 series"),
        ("=" + " " * 300_000, "results in a number|cannot be read|the limit is"),
        ("=\0", "cannot be read"),
        ("=", "cannot be read"),
    ],
)
def test_what_is_refused_says_why(ab, expression, complaint):
    series = ab.one(expression, max_points=-1)
    assert series["error"] == "invalid_parameters"
    assert any(part in series["description"] for part in complaint.split("|")), series["description"]


def test_a_series_that_is_not_there(ab):
    assert ab.one("={{sid=none}}")["error"] == "series_not_found"
    assert ab.one("=F.multi_sum('sid:none')")["error"] == "series_not_found"


def test_an_expression_is_not_written_to(ab):
    (response,) = ab.write({"query": "={{sid=a}}", "fields": {"x": 1}})
    assert "cannot be written" in response["description"]


@pytest.fixture(scope="module")
def one_series():
    app = open_app(":memory:")
    Api(app).put("a", [[0, 1.0]], fields={"n": 2})
    yield app._database
    app.close()


fragments = st.sampled_from(
    [
        *("{{sid=a}}", "{{n=2}}", "{{", "}}", "(", ")", "+", "-", "*", "/", ".", ".add(", "fill_value=0", "F."),
        *("multi_sum(", "'n=*'", "r''", '"', "'", "@A:d", "@", "1", "1e999", ",", "**", "[", "]", ":", "\\"),
        *("lambda", "__class__", " if ", " else ", " for ", " in ", "\n", "#", "=", "{"),
    ]
)


@settings(deadline=None)
@given(st.lists(fragments, max_size=12).map("".join) | st.text(max_size=30))
def test_any_text_is_an_answer_or_a_refusal(one_series, text):
    with one_series.reading() as db, contextlib.suppress(ApiError):
        evaluate(db, "=" + text)

"""What the builders print, and that the embedded engine reads it back as what was meant."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju import query
from pandas_shooju.client.buffer import Target
from pandas_shooju.local.query import tree
from pandas_shooju.local.query.parser import parse
from pandas_shooju.query import Query, field, id_key, raw, series, sid, text, under, values

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
NASTY = st.text("\\\"@=:(){}, a*'", min_size=1, max_size=12).filter(str.strip)
TEXT = (NASTY | ANY_TEXT).filter(str.strip)
NAMES = st.text("abcxyz_.0", min_size=1, max_size=6).filter(
    lambda name: name not in ("sid", "job") and not name.startswith("meta.")
)


@given(TEXT)
def test_what_is_quoted_is_read_as_it_is(value):
    assert parse(str(series(value))).single_id == value
    assert parse(under(value)).condition == tree.Sid(tree.BELOW, (tree.Text(value, quoted=True),))
    assert parse(text(value)).condition == tree.Word(tree.Text(value, quoted=True))


@given(NAMES, st.lists(TEXT, min_size=1, max_size=4))
def test_fields_are_read_as_they_are(name, values):
    quoted = tuple(tree.Text(value, quoted=True) for value in values)
    assert parse(field(name).isin(values)).condition == tree.Field(name, quoted)
    assert parse(field(name) == values[0]).condition == tree.Field(name, quoted[:1])


Built = tuple[Query, object]


def leaves() -> st.SearchStrategy[Built]:
    return st.tuples(NAMES, TEXT).map(lambda nv: (field(nv[0]) == nv[1], ("is", *nv))) | TEXT.map(
        lambda value: (series(value), ("sid", value))
    )


def combined(inner: st.SearchStrategy[Built]) -> st.SearchStrategy[Built]:
    pairs = st.tuples(inner, inner)
    return (
        pairs.map(lambda p: (p[0][0] & p[1][0], ("and", p[0][1], p[1][1])))
        | pairs.map(lambda p: (p[0][0] | p[1][0], ("or", p[0][1], p[1][1])))
        | inner.map(lambda p: (~p[0], ("not", p[1])))
    )


def holds(meaning, facts) -> bool:
    kind, *parts = meaning
    if kind == "not":
        return not holds(parts[0], facts)
    if kind in ("and", "or"):
        return (all if kind == "and" else any)([holds(part, facts) for part in parts])
    return meaning in facts


def holds_parsed(node, facts) -> bool:
    match node:
        case tree.Not(part):
            return not holds_parsed(part, facts)
        case tree.And(parts):
            return all(holds_parsed(part, facts) for part in parts)
        case tree.Or(parts):
            return any(holds_parsed(part, facts) for part in parts)
        case tree.Field(name, texts):
            return any(("is", name, value.text) in facts for value in texts)
        case tree.Sid(_, texts):
            return any(("sid", value.text) in facts for value in texts)
    raise AssertionError(node)


def atoms(meaning):
    kind, *parts = meaning
    return {meaning} if kind in ("is", "sid") else set().union(*map(atoms, parts))


@given(st.recursive(leaves(), combined, max_leaves=8), st.data())
def test_combinations_are_read_with_the_same_meaning(built, data):
    made, meaning = built
    parsed = parse(made)
    known = sorted(atoms(meaning))
    for _ in range(4):
        facts = set(data.draw(st.lists(st.sampled_from(known))))
        assert holds_parsed(parsed.condition, facts) == holds(meaning, facts)


@given(st.recursive(leaves(), combined, max_leaves=4))
def test_operators_apply_to_the_whole(built):
    made, _ = built
    parsed = parse(made.aggregate("M").lag("1y").localize("America/Chicago").asof(17))
    assert parsed.condition == parse(made).condition
    assert [str(operator) for operator in parsed.operators] == [
        "@A:M",
        "@lag:1y",
        "@localize:America/Chicago",
        "@asof:j17",
    ]


def test_how_queries_print():
    both = field("country").isin(["US", "CN"]) & under(r"users\sam")
    assert both == r'country=("US","CN") AND sid:"users\sam"'
    assert both | raw("gas") == r'(country=("US","CN") AND sid:"users\sam") OR (gas)'
    assert ~both == r'NOT (country=("US","CN") AND sid:"users\sam")'
    assert str(field("ok") == True) == 'ok="true"'  # noqa: E712
    assert str(field("n") != 5) == 'NOT n="5"'
    assert field("unit").like("US*") == "unit=US*"
    assert series("a").localize() == 'sid="a"@localize'
    assert series("a").repdate(dt.date(2001, 1, 1)) == 'sid="a"@repdate:2001-01-01T00:00:00.000'
    assert series("a").asof("2024-01-01") == 'sid="a"@asof:2024-01-01'
    assert repr(series("a")) == "Query('sid=\"a\"')"
    assert sid("users", "sam", "gdp") == r"users\sam\gdp"


def test_names_with_special_characters_are_quoted():
    for name in ("Bidding Zone", "a-b", "a:b", "Set", "and", "5 %", "-x", "Größe", 'say "x"', "o.inner", "x[1]"):
        for built, expected in (
            (field(name) == "v", tree.Field(name.lower(), (tree.Text("v", quoted=True),))),
            (field(name) >= 5, tree.Compare(name.lower(), ">=", tree.Text("5", quoted=True))),
            (field(name).is_set(), tree.Has((name.lower(),))),
        ):
            assert parse(built).condition == expected
    assert (field("Bidding Zone") == "x", field("Größe") == 1) == ('"Bidding Zone"="x"', 'Größe="1"')
    for wrong in ("", " ", 5, None):
        with pytest.raises(ValueError, match="must be a non-empty string"):
            field(wrong)


def test_comparisons_are_with_numbers_and_dates():
    assert str(field("n") > np.float64(2.5)) == 'n>"2.5"'
    assert str(field("n") <= 5) == 'n<="5"'
    assert str(field("start") < dt.date(2024, 1, 31)) == 'start<"2024-01-31T00:00:00.000"'
    assert str(field("meta.dates_max") >= "-1y") == 'meta.dates_max>="-1y"'
    assert str(field("start") == dt.date(2024, 1, 31)) == 'start="2024-01-31"'
    with pytest.raises(TypeError, match="must be compared with a number or date, got True"):
        field("n") > True  # noqa: B015
    with pytest.raises(ValueError, match="a pattern must not contain"):
        field("a").like("[a]*")


def test_numbers_of_numpy_are_numbers():
    a = values("sid=a")
    assert a * np.float64(2) + np.int64(1) == "={{sid=a}} * 2.0 + 1"
    assert np.float64(2) * a / np.int64(4) == "=2.0 * {{sid=a}} / 4"
    assert a.add(1, fill_value=np.float64(0)).endswith("fill_value=0.0)")
    assert str(field("year") == np.int64(2020)) == 'year="2020"'
    assert str(field("ok") == np.True_) == 'ok="true"'
    assert field("year").isin(np.array([2020, 2021])) == 'year=("2020","2021")'
    assert series("a").asof(np.int64(17)) == 'sid="a"@asof:j17'
    assert series("a").repdate(np.datetime64("2001-01-01")) == 'sid="a"@repdate:2001-01-01T00:00:00.000'


def test_how_expressions_print():
    a, b = values(series("a")), values("sid=b@lag:1y")
    assert a + b == '={{sid="a"}} + {{sid=b@lag:1y}}'
    assert (a + b) / 1000 == '=({{sid="a"}} + {{sid=b@lag:1y}}) / 1000'
    assert (1 - a).aggregate("h").localize("UTC") == '=(1 - {{sid="a"}})@A:h@localize:UTC'
    assert a * -2 == '={{sid="a"}} * (-2)'
    assert 2 * a - 1.5 == '=2 * {{sid="a"}} - 1.5'
    assert a.add(b, fill_value=0) == '=({{sid="a"}}).add({{sid=b@lag:1y}}, axis=0, fill_value=0)'
    assert a - b - a == '={{sid="a"}} - {{sid=b@lag:1y}} - {{sid="a"}}'
    assert a - (b - a) == '={{sid="a"}} - ({{sid=b@lag:1y}} - {{sid="a"}})'
    assert a.subtract(1).multiply(2).divide(b).startswith("=((({{")
    assert a.asof(3) == '={{sid="a"}}@asof:j3'
    assert query.multi_sum(r"sid:a\b", key_fields=["x"]) == r"=F.multi_sum(r'sid:a\b', operators=(), key_fields=['x'])"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: series(""),
        lambda: field("sid"),
        lambda: field("Job"),
        lambda: field("a").isin([]),
        lambda: field("a").isin("US"),
        lambda: field("a") == None,  # noqa: E711
        lambda: field("a").like("a b"),
        lambda: series("a") & "b",
        lambda: series("a").lag("1y") & series("b"),
        lambda: series("a").operator("A", "M@lag"),
        lambda: values("a") + "b",
        lambda: values("a") * float("nan"),
        lambda: values("a").lag("1y").add(1),
        lambda: values("a").lag("1y") + 1,
        lambda: values("a}}b"),
        lambda: sid("a", 1),
    ],
)
def test_what_cannot_be_said_is_refused(wrong):
    with pytest.raises((TypeError, ValueError)):
        wrong()


# --- ids ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GDP", "gdp"),
        ("straße", "strasse"),
        ("STRASSE", "straße"),
        ("É", "é"),
        ("\u1e9e", "ß"),
        ("\u03a3", "\u03c3"),
        ("\u03c3", "\u03c2"),
        ("\ufb01", "fi"),
        ("\u0130", "i"),
        ("\u0131", "I"),
        ("\u212a", "k"),
    ],
)
def test_client_and_store_agree_on_which_ids_are_one_series(conn, one, other):
    same = id_key(one) == id_key(other)
    targets = [Target.of_id(one), Target.of_query(str(series(one))), Target.of_id(other)]
    assert targets[0].key == targets[1].key
    assert (targets[0].key == targets[2].key) is same
    conn.register_job("ids").write(series(one), fields={"x": 1})
    assert (conn.get_series(series(other)) is not None) is same
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]}, index=pd.DatetimeIndex(["2024-01-01"]))
    options = {"sid": {"a": one, "b": other}, "connection": conn}
    if same:
        with pytest.raises(ValueError, match="differ only in case are the same"):
            frame.shooju.write("twins", **options)
    else:
        assert frame.shooju.write("two series", **options).ok

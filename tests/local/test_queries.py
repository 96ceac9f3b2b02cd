"""The query language: reading it, and what it finds."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju.local.errors import ApiError
from pandas_shooju.local.query.parser import parse, parse_operators
from pandas_shooju.local.query.search import find, statement
from pandas_shooju.local.query.tree import (
    And,
    Compare,
    Everything,
    Field,
    Has,
    Job,
    Meta,
    Not,
    Operator,
    Or,
    Query,
    Sid,
    Text,
    Word,
)
from pandas_shooju.local.store import catalog, jobs
from pandas_shooju.local.store.database import Database
from pandas_shooju.local.store.pending import Pending
from pandas_shooju.query import quote


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("", Everything()),
        ("*", Everything()),
        (r"sid=users\sam\gdp", Sid("sid=", (Text(r"users\sam\gdp"),))),
        (r'sid="users\sam\gdp"', Sid("sid=", (Text(r"users\sam\gdp", True),))),
        (r"sid:users\sam", Sid("sid:", (Text(r"users\sam"),))),
        ("tree:system", Sid("tree:", (Text("system"),))),
        ('unit="US$ bn"', Field("unit", (Text("US$ bn", True),))),
        ("source_obj.country_name=France", Field("source_obj.country_name", (Text("France"),))),
        ("Country=(US, CN)", Field("country", (Text("US"), Text("CN")))),
        ('aspect=("X")', Field("aspect", (Text("X", True),))),
        ("job:17", Job((17,))),
        ("meta.points_max=5", Meta("points_max", (Text("5"),))),
        ("word", Word(Text("word"))),
        ('"two words"', Word(Text("two words", True))),
        ("a b", And((Word(Text("a")), Word(Text("b"))))),
        ("a AND b", And((Word(Text("a")), Word(Text("b"))))),
        ("a OR b c", Or((Word(Text("a")), And((Word(Text("b")), Word(Text("c"))))))),
        ("x=1 OR x=2", Field("x", (Text("1"), Text("2")))),
        ("not a b", And((Not(Word(Text("a"))), Word(Text("b"))))),
        ("NOT (a OR b)", Not(Or((Word(Text("a")), Word(Text("b")))))),
        ("nothing", Word(Text("nothing"))),
        ("and_so=1", Field("and_so", (Text("1"),))),
        (r"sid=C:\x=y", Sid("sid=", (Text(r"C:\x=y"),))),
        ("a || not b", Or((Word(Text("a")), Not(Word(Text("b")))))),
        ("x=1||x=2", Field("x", (Text("1"), Text("2")))),
        ("unit = MW", Field("unit", (Text("MW"),))),
        ('unit= ("MW", GW)', Field("unit", (Text("MW", True), Text("GW")))),
        ("sid: (a)", Sid("sid:", (Text("a"),))),
        ('"Bidding Zone"=DE-LU', Field("bidding zone", (Text("DE-LU"),))),
        ('"sid" = x', Field("sid", (Text("x"),))),
        ('"capacity" >= 5', Compare("capacity", ">=", Text("5"))),
        ("meta.dates_max>2025-01-01", Compare("meta.dates_max", ">", Text("2025-01-01"))),
        ('created<"-1db +2h"', Compare("created", "<", Text("-1db +2h", True))),
        ("x=-5", Field("x", (Text("-5"),))),
        ('description:"Nightly prices"*', Field("description", (Text("Nightly prices", True, True),))),
        ('set=(unit,"Bidding Zone")', Has(("unit", "bidding zone"))),
        ("meta.job:17", Job((17,))),
    ],
)
def test_forms_of_conditions(text, condition):
    assert parse(text) == Query(condition)


@pytest.mark.parametrize(
    ("text", "operators"),
    [
        ("x=1@A:M", (Operator("A", "M"),)),
        ("x=1 @A:M@localize", (Operator("A", "M"), Operator("localize", None))),
        ('x="me@home"@asof:2024-01-01T10:00', (Operator("asof", "2024-01-01T10:00"),)),
        ("(a OR b)@lag:1y", (Operator("lag", "1y"),)),
    ],
)
def test_operators_stand_at_the_end_outside_of_quotes(text, operators):
    assert parse(text).operators == operators


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("(a", "'(' without its ')'"),
        ("a)", "')' without its '('"),
        ('"open', "not closed"),
        ("x=", "no value after 'x='"),
        ("x= AND y=1", "no value after 'x='"),
        ("x=(1,", "no value in the list"),
        ("x=(1 2", "a space in '1 2'"),
        ("x=(1", "without its ')'"),
        ("x=(US OR CN)", "a space in 'US OR CN' within a list"),
        ("a AND", "AND with nothing"),
        ("AND a", "AND with nothing"),
        ("a OR", "OR with nothing"),
        ("NOT", "NOT with nothing"),
        ("unit!=MW", "write NOT before the condition"),
        ("unit<>MW", "write NOT before the condition"),
        ("sid==x", "'==' is not supported, at character 4 of the query 'sid==x': write a single ="),
        ("capacity=[1,500]", "write a range as two comparisons"),
        ("capacity={1 TO 500}", "write a range as two comparisons"),
        ('name~"x"', "the only wildcard is *"),
        ("name=~x", "the only wildcard is *"),
        ("word~2", "'~' is not supported"),
        ("unit=M?", "the only wildcard is *"),
        ("name=/a.c/", "regular expressions are not supported"),
        ("-a=1", "write NOT before a condition"),
        ("-word", "write NOT before a condition"),
        ("!a", "write NOT before a condition"),
        ("a && b", "write AND"),
        ("a | b", "written a || b"),
        ("a || ", "OR with nothing"),
        ("country='US'", "write double quotes"),
        ("country=US,CN", "a list in parentheses"),
        ('x="a""b"', "directly after a word or value"),
        ('x="a"b', "directly after a word or value"),
        ('ab"c"', "in 'ab"),
        ("x=1(y=2)", "directly after a word or value"),
        ("a:>5", "'>' in '>5'"),
        ("sid>a", "sid has no order"),
        ("job>5", "job has no order"),
        ("price>(1,2)", "one number or date, got 2 values"),
        ("tree=a", "tree= is not supported"),
        ("set=meta.job", "must be followed by the name of a field"),
        ("set=uni*", "must be followed by the name of a field"),
        ('""=1', "not the name of a field"),
        ("={{sid=a}}", "'=' without a field"),
        ("()", "nothing in them"),
        ("a ( )", "nothing in them"),
        ('""', "nothing in them"),
        ("job:x", "must be followed by the number of a job"),
        ("a@", "has no name"),
        ("(" * 50 + "a" + ")" * 50, "nested more than"),
        ("not " * 50 + "a", "nested more than"),
    ],
)
def test_what_is_no_query_is_refused_with_a_reason(text, complaint):
    with pytest.raises(ApiError, match=re.escape(complaint)) as caught:
        parse(text)
    assert caught.value.code == "invalid_parameters"


def test_backslashes_before_a_quote_are_doubled_and_others_are_themselves():
    assert parse(r'sid="a\b"').single_id == r"a\b"
    assert parse(r'sid="a\\"').single_id == "a\\"
    assert parse(r'sid="a\\b"').single_id == r"a\\b"
    assert parse(r'sid="say \"hi\" now"').single_id == 'say "hi" now'
    assert parse(r'sid="a\\\"b"').single_id == r"a\"b"
    with pytest.raises(ApiError):
        parse(r'sid="a\"')


@given(st.text(st.characters(codec="utf-8"), max_size=30) | st.text('\\"a *@( ', max_size=12))
def test_the_short_way_to_one_series_is_the_long_way(text):
    def outcome(query):
        try:
            return parse(query)
        except ApiError as error:
            return error.code

    for quoted in (quote(text), f'"{text}"'):
        assert outcome(f"sid={quoted}") == outcome(f"sid= {quoted}")


@given(st.text(st.characters(codec="utf-8"), max_size=30) | st.text('\\"a *@(', max_size=12))
def test_any_text_can_be_quoted(text):
    assert parse(f"sid={quote(text)}").single_id == text
    assert parse(f'x=({quote(text)}, "b")@A:M') == Query(
        Field("x", (Text(text, True), Text("b", True))), (Operator("A", "M"),)
    )


fragments = st.sampled_from(
    [
        "(",
        ")",
        '"',
        "\\",
        " ",
        "and",
        "OR",
        "not ",
        "sid=",
        "sid:",
        "x=",
        "x:",
        "@",
        "@A:M",
        ",",
        "*",
        "=",
        "a",
        "{{",
        "é",
    ]
)


def answer_or_refusal(function, *arguments):
    """What a function gives; None where it refuses as the service does."""
    with contextlib.suppress(ApiError):
        return function(*arguments)
    return None


@given(st.lists(fragments, max_size=30).map("".join) | st.text(max_size=40))
def test_any_text_is_a_query_or_is_refused(text):
    answer_or_refusal(parse, text)
    answer_or_refusal(parse_operators, text)


@pytest.fixture(scope="module")
def one_series():
    database = Database(None)
    with database.writing() as db:
        revision = jobs.open_for_writing(db, 0)
        pending = Pending(db)
        catalog.create(pending, "a", revision, {"x": "a"})
        pending.flush()
    yield database
    database.close()


@given(st.lists(fragments, max_size=12).map("".join))
def test_any_query_can_be_searched_for(one_series, text):
    query = answer_or_refusal(parse, text)
    if query is not None:
        with one_series.reading() as db:
            found = answer_or_refusal(find, db, query.condition)
            assert found is None or len(found) <= 1


# --- what is found ----------------------------------------------------------------------------------------------


@pytest.fixture
def some_series(api):
    """A handful of series, in this order."""
    for series_id, fields in {
        r"users\sam\gdp": {"country": "US", "unit": "US$ bn", "n": 5},
        r"users\sam\gdp\real": {"country": "CN", "unit": "US$ bn", "n": 5.0},
        r"users\sam\gdpx": {"country": "FR", "unit": "MW", "tags": ["Base", "high"]},
        r"users\ann\Load (hourly)": {
            "source_obj": {"country_name": "France", "ids": [1, 2]},
            "ok": True,
            "start": "2024-01-31",
        },
        r"gie\alsi\de\lng": {"unit": "mw", "Bidding Zone": "DE-LU", "start": "2024-01-31T10:00:00+02:00"},
        r"gie\alsi\es": {"note": "no 100% sure_thing [x]?"},
    }.items():
        api.put(series_id, fields=fields)
    return api


SAM = [r"users\sam\gdp", r"users\sam\gdp\real", r"users\sam\gdpx"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (r"sid=users\sam\gdp", SAM[:1]),
        (r"sid=USERS\Sam\gdp", SAM[:1]),
        (r'sid="users\ann\load (HOURLY)"', [r"users\ann\Load (hourly)"]),
        (r"sid=(users\sam\gdp, users\sam\gdpx)", [SAM[0], SAM[2]]),
        (r"sid:users\sam\gdp", SAM[:2]),
        (r"sid:users\sam", SAM),
        (r"sid:users\sam\*", SAM),
        (r"sid:users\s", []),
        (r"tree:users\sam\gdp", SAM[1:2]),
        (r"sid=gie\alsi\*", [r"gie\alsi\de\lng", r"gie\alsi\es"]),
        (r"sid=*\es", [r"gie\alsi\es"]),
        (r"sid:gie\*\de", [r"gie\alsi\de\lng"]),
        (r'sid="gie\alsi\*"', []),
        ("country=us", SAM[:1]),
        ("country:us", SAM[:1]),
        ("Country=(us, CN)", SAM[:2]),
        ("country=US OR country=cn OR country=zz", SAM[:2]),
        ('unit="us$ BN"', SAM[:2]),
        ("unit=mw", [SAM[2], r"gie\alsi\de\lng"]),
        ("unit=m*", [SAM[2], r"gie\alsi\de\lng"]),
        ("unit=*", [*SAM, r"gie\alsi\de\lng"]),
        ("n=5", SAM[:2]),
        ("ok=true", [r"users\ann\Load (hourly)"]),
        ("tags=high", SAM[2:]),
        ("source_obj.country_name=France", [r"users\ann\Load (hourly)"]),
        ("source_obj.ids=2", [r"users\ann\Load (hourly)"]),
        (r"sid:users country=US unit=MW", []),
        (r'sid:users unit="US$ bn" not country=US', SAM[1:2]),
        (r"(country=US OR unit=MW) AND NOT sid:gie", [SAM[0], SAM[2]]),
        ("NOT sid:users", [r"gie\alsi\de\lng", r"gie\alsi\es"]),
        ("not not country=US", SAM[:1]),
        ("ALSI", [r"gie\alsi\de\lng", r"gie\alsi\es"]),
        ("france", [r"users\ann\Load (hourly)"]),
        ('"100% sure_thing [x]?"', [r"gie\alsi\es"]),
        ('note="no 100%"*', [r"gie\alsi\es"]),
        ('note="100%"*', []),
        ('"[x]?"*', [r"gie\alsi\es"]),
        ("n=5.0", SAM[:2]),
        ("n=+5.00", SAM[:2]),
        ("n=(4.0, 5.0)", SAM[:2]),
        ("n=05", []),
        ("n>4", SAM[:2]),
        ("n>5", []),
        ("n >= 5.0", SAM[:2]),
        ("n<6 n>4.5", SAM[:2]),
        ("NOT n<6", [*SAM[2:], r"users\ann\Load (hourly)", r"gie\alsi\de\lng", r"gie\alsi\es"]),
        ("source_obj.ids>1", [r"users\ann\Load (hourly)"]),
        ("start=2024-01-31", [r"users\ann\Load (hourly)", r"gie\alsi\de\lng"]),
        ("start=2024-01-30", []),
        ("start>2024-01-31", [r"gie\alsi\de\lng"]),
        ("start>=2024-01-31", [r"users\ann\Load (hourly)", r"gie\alsi\de\lng"]),
        ('start<="2024-01-31 08:00"', [r"users\ann\Load (hourly)", r"gie\alsi\de\lng"]),
        ("start<-1d", [r"users\ann\Load (hourly)", r"gie\alsi\de\lng"]),
        ("start>0db", []),
        ("set=n", SAM[:2]),
        ("set=SOURCE_OBJ", [r"users\ann\Load (hourly)"]),
        ("set=source_obj.ids", [r"users\ann\Load (hourly)"]),
        ("set=source", []),
        ("country=US || NOT set=unit", [SAM[0], r"users\ann\Load (hourly)", r"gie\alsi\es"]),
        ('"Bidding Zone"=de-lu', [r"gie\alsi\de\lng"]),
        ('"bidding zone" = (FR, "DE-LU")', [r"gie\alsi\de\lng"]),
        (r'sid="users\sam\gdp"*', SAM),
        (r'sid:"users\sa"*', SAM),
        ("nowhere=1", []),
    ],
)
def test_search(some_series, query, found):
    answer = some_series.search(query)
    assert [series["series_id"] for series in answer["series"]] == found
    assert answer["total"] == len(found)


def test_quotes_and_comments_in_values_are_nothing_to_sqlite(some_series):
    for query in ('x="\';--"', "unit=\"' OR '1'='1\"", 'sid="\'"', "a'%'", "x=a';--"):
        assert some_series.ids(query) == []


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("country asc", ["CN", "FR", "US", None]),
        ("country desc", ["US", "FR", "CN", None]),
        ("country", ["CN", "FR", "US", None]),
        ("unit asc, country desc", ["FR", "US", "CN", None]),
        ("n desc, series_id desc", ["CN", "US", "FR", None]),
        ("meta.points_max desc", ["US", "CN", "FR", None]),
    ],
)
def test_sort(some_series, sort, found):
    answer = some_series.search("sid:users", sort=sort, fields="country")
    assert [series.get("fields", {}).get("country") for series in answer["series"]] == found


def test_a_search_by_fields_goes_by_an_index(some_series):
    with some_series.app._database.reading() as db:
        for query in ("unit=MW country=FR", r"sid:users\sam country=US", r"sid:users\sam", r"sid=gie\*", "job:3"):
            sql, arguments = statement(db, parse(query).condition)
            plan = " | ".join(row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, arguments))
            assert "SCAN s" not in plan, (query, plan)
            assert "SCAN series" not in plan, (query, plan)


def test_series_in_the_trash_are_found_only_where_it_is_spoken_of(some_series):
    some_series.write({"type": "DELETE", "series_id": r"users\sam\gdp"})
    trashed = r"System\Trash\users\sam\gdp"
    assert some_series.ids("country=US") == []
    assert some_series.ids("NOT country=CN unit=MW") == [SAM[2], r"gie\alsi\de\lng"]
    assert some_series.ids(r"sid:System\Trash") == [trashed]
    assert some_series.ids("tree:system country=US") == [trashed]
    assert len(some_series.ids("")) == 5


def test_long_queries_are_answered_or_refused(some_series):
    ids = [rf'sid="users\nobody\{number}"' for number in range(3000)]
    assert some_series.one(" OR ".join([*ids, r"sid=users\sam\gdp"]))["series_id"].startswith("$")
    assert some_series.ids("country=(" + ",".join(map(str, range(3000))) + ",US)") == SAM[:1]
    for query in (" ".join(["users"] * 3000), " OR ".join(f"f{n}=1" for n in range(3000)), " OR ".join(["x*y"] * 1200)):
        answer = some_series.call("GET", "/series", query=query)
        assert answer["success"] or answer["error"] == "invalid_parameters", answer


def test_excluding_what_is_in_the_trash_does_not_open_it(some_series):
    some_series.write({"series_id": r"users\sam\gdp", "type": "DELETE"})
    everything = some_series.ids("")
    for excluded in (r"sid:system\other", r"sid=system\trash\none", "meta.job_deleted=5", "meta.trash_sid=none"):
        assert some_series.ids(f"NOT {excluded}") == everything
        assert some_series.ids(f"country=US NOT {excluded}") == some_series.ids("country=US")
    assert some_series.ids(r"NOT NOT sid:System\Trash") == some_series.ids(r"sid:System\Trash")
    assert not set(some_series.ids(r"NOT sid:System\Trash")) & set(some_series.ids(r"sid:System\Trash"))


def test_a_meta_field_in_quotes_is_one(some_series):
    assert some_series.ids('"meta.job"=1') == some_series.ids("meta.job=1")
    assert some_series.ids('"meta.points_count"=1') == some_series.ids("meta.points_count=1")


def test_paths_that_only_begin_like_the_trash_do_not_open_it(some_series):
    some_series.put(r"systems\a", fields={"country": "US"})
    some_series.write({"type": "DELETE", "series_id": r"users\sam\gdp"})
    assert some_series.ids(r"sid:systems OR country=US") == [r"systems\a"]


def test_series_deleted_for_good_are_no_longer_a_jobs(api):
    job = api.job()
    api.write(*({"series_id": one, "fields": {"n": 1}} for one in "abc"), job=job)
    api.write({"type": "DELETE", "series_id": "a", "force": True}, {"type": "DELETE", "series_id": "b"}, job=job)
    for query in (f"job:{job}", f"job:{job} OR n=2", f"job:{job} n=1", f"n=1 job:(0,{job})"):
        assert api.search(query)["total"] == 1
    assert api.one(f"job:{job}")["series_id"] == f"$job:{job}"


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("sid:users/sam", r"the parts of a path must be separated by backslashes, got 'users/sam': write users\sam"),
        ("sid=users/sam/gdp", r"write users\sam\gdp"),
        (r"sid=(users\sam\gdp,users/sam/gdp)", r"write users\sam\gdp"),
        ("sid=users/*", r"write users\*"),
        (r"sid=\users\sam", "cannot begin with a backslash"),
        (r"sid:\users", "cannot begin with a backslash"),
        (r"sid=users\\sam", "cannot have empty parts"),
        ("sid=a\\", "cannot have empty parts"),
        ('sid=""', "cannot have empty parts"),
        ("meta.nonsense=1", "meta.nonsense is not supported; the known names are created_at"),
        ("meta.freq=d", "what the service holds there is not known"),
        ("meta.points_first=0", "meta.points_first is not supported"),
        ("meta.points_max=many", "must be compared with a number"),
        ("meta.points_max=1*", "wildcard in meta.points_max"),
        ("meta.dates_max>2024", "looks like a year"),
        ("meta.dates_max>MAX", "particular date"),
        ("meta.updated_by>sam", "meta.updated_by has no order"),
        ("meta.job_deleted>5", "meta.job_deleted has no order"),
        ("unit>MW", "must be followed by a number or a date"),
        ("n>5*", "must be followed by a number or date"),
        ("x=" + "*a" * 13, "at most 12 wildcards"),
    ],
)
def test_what_no_series_can_meet_is_refused_with_the_remedy(some_series, query, complaint):
    answer = some_series.call("GET", "/series", query=query)
    assert answer["error"] == "invalid_parameters"
    assert complaint in answer["description"]


@pytest.mark.parametrize(
    ("sort", "complaint"),
    [
        ("country up", "no series has that field (directions: asc, desc)"),
        ("meta.nonsense", "meta.nonsense is not supported"),
        ("country,,unit", "sort must be names with directions"),
        (",", "sort must be names with directions"),
    ],
)
def test_orders_that_are_refused(some_series, sort, complaint):
    assert complaint in some_series.call("GET", "/series", query="sid:users", sort=sort)["description"]


def test_sort_by_the_id_and_by_names_with_spaces(some_series):
    by_id = some_series.ids("sid:users", sort="sid desc")
    assert by_id == sorted(by_id, key=str.lower, reverse=True)
    assert some_series.ids("", sort='"Bidding Zone" asc')[0] == r"gie\alsi\de\lng"
    assert some_series.ids("", sort="Bidding Zone asc")[0] == r"gie\alsi\de\lng"


def test_only_short_queries_are_remembered():
    from pandas_shooju.local.query import parser

    before = parser._remembered.cache_info().currsize
    for number in range(5):
        parse(f"x=({','.join(map(str, range(500)))},{number})")
    assert parser._remembered.cache_info().currsize == before
    assert parser._REMEMBERED_LENGTH * parser._remembered.cache_info().maxsize <= 2_000_000


def test_large_integers_are_compared_as_they_are(api):
    api.put("a", fields={"n": 9007199254740993})
    api.put("b", fields={"n": 9007199254740992, "code": "007"})
    assert api.ids("n=9007199254740993") == ["a"]
    assert api.ids("n>9007199254740000") == ["a", "b"]
    assert api.ids("code=007") == ["b"]
    assert api.ids("code=7") == []

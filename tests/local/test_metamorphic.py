"""Queries and parameters against each other, and against a model in plain Python.

No part of what is asked may be ignored: a restriction never finds more, a condition and its negation make the whole, an
order is one, facets add up, pages join. Whatever is not answered is refused as `invalid_parameters`.
"""

from __future__ import annotations

import itertools
import operator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pandas_shooju.local import open_app
from pandas_shooju.local.dates import iso
from pandas_shooju.local.endpoints.routes import ROUTES
from pandas_shooju.local.parameters import OF_POINTS
from pandas_shooju.local.query.order import sort_key
from tests.local.conftest import Api

DAY = 86_400_000
SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

fuzzing = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

COUNTRIES = ["US", "us", "CN", "Fr", None]
NUMBERS = [0, 1, 2.5, -3, 200, 200.0, None]
DAYS = ["2024-01-30", "2024-01-31", "2024-01-31T10:00", "2024-02-01T00:00:00+02:00", None]
TAGS = [["a"], ["a", "b"], [], None]
ZONES = ["DE-LU", "FR", None]


def fields_of(number):
    """A different mixture of fields for each series."""
    choices = {
        "country": COUNTRIES[number % 5],
        "n": NUMBERS[number % 7],
        "start": DAYS[(number // 2) % 5],
        "tags": TAGS[(number // 3) % 4],
        "Bidding Zone": ZONES[(number // 4) % 3],
        "o": {"city": ["Rome", "rome", "Paris"][number % 3]},
    }
    return {name: value for name, value in choices.items() if value is not None}


SERIES = {rf"p{number % 3}\q{number % 2}\s{number}": fields_of(number) for number in range(40)}
POINTS = {name: [[d * DAY, float(d - number)] for d in range(number % 6)] for number, name in enumerate(SERIES)}


@pytest.fixture(scope="module")
def store():
    with open_app(":memory:") as app:
        api = Api(app)
        for job, names in itertools.groupby(SERIES, key=lambda name: int(name.rpartition("s")[2]) // 10 + 1):
            assert api.job(f"job {job}") == job
            for name in names:
                api.put(name, POINTS[name], fields=SERIES[name], job=job)
        yield api


# --- conditions, as text and as a model -------------------------------------------------------------------------


def moment(text):
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000


def on(name, test):
    """A predicate on one field."""

    def predicate(series_id):
        value = SERIES[series_id].get(name)
        values = value if isinstance(value, list) else [value]
        return any(test(one) for one in values if one is not None)

    return predicate


def written(number):
    return st.sampled_from([f"{number}", f"{float(number)}", f"{float(number)}0", f'"{number}"'])


@st.composite
def leaves(draw):
    match draw(st.integers(0, 13)):
        case 0:
            value = draw(st.sampled_from(["US", "us", "cn", "FR", "XX"]))
            sign = draw(st.sampled_from(["=", ":", " = ", "= "]))
            return f"country{sign}{value}", on("country", lambda one: one.lower() == value.lower())
        case 1:
            values = draw(st.lists(st.sampled_from(["US", "CN", "Fr"]), min_size=1, max_size=3))
            text = ",".join(f'"{value}"' if len(value) > 1 else value for value in values)
            return f"Country=({text})", on("country", lambda one: one.lower() in [value.lower() for value in values])
        case 2:
            number = draw(st.sampled_from([0, 1, 2.5, -3, 200, 7]))
            return f"n={draw(written(number))}", on("n", lambda one: one == number)
        case 3:
            number, sign = draw(st.sampled_from([-5, 0, 1, 2.5, 200, 201])), draw(st.sampled_from(list(SIGNS)))
            blank = draw(st.sampled_from(["", " "]))
            return f"n{blank}{sign}{blank}{draw(written(number))}", on("n", lambda one: SIGNS[sign](one, number))
        case 4:
            day = draw(st.sampled_from(["2024-01-30", "2024-01-31", "2024-02-01"]))
            whole = moment(day)
            return f"start={day}", on("start", lambda one: whole <= moment(one) < whole + DAY)
        case 5:
            day, sign = draw(st.sampled_from(DAYS[:-1])), draw(st.sampled_from(list(SIGNS)))
            return f'start{sign}"{day}"', on("start", lambda one: SIGNS[sign](moment(one), moment(day)))
        case 6:
            name = draw(st.sampled_from(["country", "n", "start", "o", "nothing"]))
            return f"set={name}", lambda one: SERIES[one].get(name) is not None
        case 7:
            zone = draw(st.sampled_from(["DE-LU", "fr", "x"]))
            return f'"bidding Zone"={zone}', on("Bidding Zone", lambda one: one.lower() == zone.lower())
        case 8:
            tag = draw(st.sampled_from("abc"))
            return f"tags={tag}", on("tags", lambda one: one == tag)
        case 9:
            path = draw(st.sampled_from(["p0", r"p1\q0", r"P2\Q1", "p"]))
            form = draw(st.sampled_from(["sid:{}", 'sid:"{}"', "tree:{}", r"sid={}\*", 'sid="{}\\\\"*']))
            return form.format(path), lambda one: one.lower().startswith(path.lower() + "\\")
        case 10:
            count, sign = draw(st.integers(0, 5)), draw(st.sampled_from(list(SIGNS)))
            return f"meta.points_count{sign}{count}", lambda one: SIGNS[sign](len(POINTS[one]), count)
        case 11:
            day, sign = draw(st.integers(0, 5)), draw(st.sampled_from(list(SIGNS)))
            text = f"1970-01-0{day + 1}"
            return (
                f"meta.dates_max{sign}{text}",
                lambda one: bool(POINTS[one]) and SIGNS[sign](POINTS[one][-1][0], day * DAY),
            )
        case 12:
            job = draw(st.integers(1, 5))
            form = draw(st.sampled_from(["job:{}", "meta.job:{}", "job=({},99)"]))
            return form.format(job), lambda one: int(one.rpartition("s")[2]) // 10 + 1 == job
        case _:
            city = draw(st.sampled_from(["rome", "R*", "*is"]))
            tests = {"rome": {"rome"}, "R*": {"rome"}, "*is": {"paris"}}
            return f"o.city={city}", lambda one: SERIES[one]["o"]["city"].lower() in tests[city]


def combined(inner):
    both = st.tuples(inner, inner)
    ands, ors = st.sampled_from([" ", " AND ", " and "]), st.sampled_from([" OR ", " or ", " || ", "||"])
    return st.one_of(
        st.tuples(both, ands).map(
            lambda given: (
                f"({given[0][0][0]}){given[1]}({given[0][1][0]})",
                lambda one: given[0][0][1](one) and given[0][1][1](one),
            )
        ),
        st.tuples(both, ors).map(
            lambda given: (
                f"({given[0][0][0]}){given[1]}({given[0][1][0]})",
                lambda one: given[0][0][1](one) or given[0][1][1](one),
            )
        ),
        inner.map(lambda given: (f"NOT ({given[0]})", lambda one: not given[1](one))),
    )


conditions = st.recursive(leaves(), combined, max_leaves=6)


def ids(store, query, **parameters):
    return store.ids(query, per_page=100, **parameters)


@fuzzing
@given(conditions)
def test_a_query_finds_what_the_model_finds(store, condition):
    text, predicate = condition
    expected = [one for one in SERIES if predicate(one)]
    assert ids(store, text) == expected
    assert store.search(text, per_page=0)["total"] == len(expected)


@fuzzing
@given(conditions, conditions)
def test_a_restriction_never_finds_more_and_an_alternative_never_less(store, one, other):
    first, second = set(ids(store, one[0])), set(ids(store, other[0]))
    assert set(ids(store, f"({one[0]}) ({other[0]})")) == first & second
    assert set(ids(store, f"({one[0]}) || ({other[0]})")) == first | second


# --- any text ---------------------------------------------------------------------------------------------------

fragments = st.sampled_from(
    [
        *(
            "(",
            ")",
            '"',
            "\\",
            " ",
            " and ",
            " OR ",
            "not ",
            "sid=",
            "sid:",
            "tree:",
            "country=",
            "n",
            "n:",
            "@",
            "@A:M",
        ),
        *(
            ",",
            "*",
            "=",
            "p1",
            "us",
            "{{",
            "é",
            "<",
            ">",
            ">=",
            "==",
            "~",
            "||",
            "|",
            "&&",
            "-",
            "+",
            "!",
            "!=",
            "[",
            "]",
        ),
        *(
            "'",
            "?",
            "/",
            "^",
            "set=",
            "job:",
            "1",
            "2024-01-31",
            "-1d",
            "0db",
            "meta.",
            "points_count",
            '"Bidding Zone"',
        ),
    ]
)
texts = st.lists(fragments, max_size=8).map("".join) | st.text(max_size=15)


def answered(store, path="/series", **parameters):
    """The answer; None if it is a refusal as `invalid_parameters`."""
    answer = store.call("GET", path, **parameters)
    assert answer["success"] or answer["error"] == "invalid_parameters", answer
    return answer if answer["success"] else None


@settings(fuzzing, max_examples=400)
@given(texts, leaves())
def test_any_text_is_a_condition_or_is_refused(store, text, restriction):
    assume("@" not in text and not text.lstrip().startswith("="))
    answer = answered(store, query=text, per_page=100)
    if answer is None:
        begins = text.lstrip().lower()
        assert begins.startswith((")", "and", "||", "or")) or answered(store, query=f"country=us {text}") is None
        return
    found = [series["series_id"] for series in answer["series"]]
    if text.strip():
        assert ids(store, f"({text})") == found
        assert sorted({*ids(store, f"NOT ({text})"), *found}) == sorted(SERIES)
        assert not {*ids(store, f"NOT ({text})")} & {*found}
        assert ids(store, f"({text}) {restriction[0]}") == [one for one in found if restriction[1](one)]
    jobs = answered(store, "/jobs", query=text)
    if jobs is not None and text.strip():
        others = answered(store, "/jobs", query=f"NOT ({text})")
        assert jobs["total"] + others["total"] == answered(store, "/jobs")["total"]


@settings(fuzzing, max_examples=300)
@given(
    st.sampled_from([route for route in ROUTES if route.method == "GET" and "<" not in route.path]),
    st.dictionaries(
        st.sampled_from([*sorted({name for route in ROUTES for name in route.parameters}), "v", "retry", "colour"]),
        texts | st.sampled_from(["y", "n", "0", "5", "-1", "country", "country desc", "meta.points_max", "all", "j1"]),
        max_size=4,
    ),
)
def test_any_parameters_are_answered_or_refused(store, route, parameters):
    answer = store.raw("GET", route.path, **parameters)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["success"] or document["error"] in ("invalid_parameters", "series_not_found"), document
    if any(name not in (*route.parameters, *OF_POINTS, "v", "retry") for name in parameters):
        assert document.get("error") == "invalid_parameters"


# --- orders, facets, pages, points ------------------------------------------------------------------------------


@fuzzing
@given(
    conditions,
    st.lists(
        st.tuples(st.sampled_from(["country", "n", "start", "o.city", "Bidding Zone", "COUNTRY"]), st.booleans()),
        min_size=1,
        max_size=3,
    ),
)
def test_an_order_is_one(store, condition, criteria):
    text = ", ".join(f"{name} {'desc' if descending else 'asc'}" for name, descending in criteria)
    plain, ordered = ids(store, condition[0]), ids(store, condition[0], sort=text)
    assert sorted(plain) == sorted(ordered)

    def rank(one):
        keys = []
        for name, _ in criteria:
            name = name.replace("COUNTRY", "country")
            value = SERIES[one].get(name) if name != "o.city" else SERIES[one]["o"]["city"]
            keys.append(sort_key(value))
        return keys

    for before, after in itertools.pairwise(ordered):
        for (_, descending), left, right in zip(criteria, rank(before), rank(after), strict=True):
            if left != right:
                assert right is None or (left is not None and (left > right if descending else left < right))
                break
        else:
            assert plain.index(before) < plain.index(after)


@fuzzing
@given(conditions, st.sampled_from(["country", "n", "Bidding Zone", "o.city"]))
def test_facets_add_up(store, condition, name):
    for query in (condition[0], ""):
        terms = store.search(query, facets=name, per_page=0)["facets"][name]["terms"]
        quoted = f'"{name}"'
        has = f"({query}) set={quoted}" if query else f"set={quoted}"
        assert sum(term["count"] for term in terms) == store.search(has, per_page=0)["total"]
        assert [term["count"] for term in terms] == sorted((term["count"] for term in terms), reverse=True)
        for value, alike in itertools.groupby(
            sorted(terms, key=lambda t: str(t["term"]).lower()), lambda t: str(t["term"]).lower()
        ):
            found = store.search(f'{has} {quoted}="{value}"', per_page=0)["total"]
            assert sum(term["count"] for term in alike) == found > 0


@fuzzing
@given(conditions, st.integers(1, 15), st.sampled_from(["", "n desc", "country"]))
def test_pages_join_to_the_whole(store, condition, size, sort):
    order = {"sort": sort} if sort else {}
    whole = ids(store, condition[0], **order)
    page = store.search(condition[0], scroll="y", scroll_batch_size=size, **order)
    joined = []
    while page["series"]:
        assert page["total"] == len(whole)
        assert len(page["series"]) <= size
        joined += [series["series_id"] for series in page["series"]]
        page = store.call("GET", "/series", scroll_id=page["scroll_id"])
    assert joined == whole
    assert store.ids(condition[0], per_page=size, **order) == whole[:size]
    jobs = [
        job["id"]
        for number in range(1, 8)
        for job in store.call("GET", "/jobs", query="id>1", sort="id", page=number, per_page=size)["results"]
    ]
    assert jobs == [2, 3, 4]


limits = st.sampled_from([None, "MIN", "MAX", "-1y", *(day * DAY for day in range(-1, 7)), "1970-01-03"])


@fuzzing
@given(limits, limits, st.integers(-1, 4))
def test_limits_of_points_never_find_more(store, df, dt, most):
    given_limits = {name: value for name, value in (("df", df), ("dt", dt)) if value is not None}
    lower = {"MIN": -DAY, None: -DAY, "MAX": 10**15, "-1y": 10**12, "1970-01-03": 2 * DAY}.get(df, df)
    upper = {"MIN": -DAY, None: 10**15, "MAX": 10**15, "-1y": 10**12, "1970-01-03": 2 * DAY}.get(dt, dt)
    # small numbers are refused in operators, where they are more likely years or jobs
    within = "".join(
        f"@{name}:{iso(value) if isinstance(value, int) else value}" for name, value in given_limits.items()
    )
    by_parameter = store.search("", max_points=most, per_page=100, **given_limits)["series"]
    by_operator = store.search(within, max_points=most, per_page=100)["series"]
    for series, other in zip(by_parameter, by_operator, strict=True):
        rows = [point for point in POINTS[series["series_id"]] if lower <= point[0] <= upper]
        expected = rows if most < 0 else rows[:most]
        assert "error" not in series
        assert "error" not in other
        assert (series["points"].to_rows() if "points" in series else []) == expected
        assert (other["points"].to_rows() if "points" in other else []) == expected


operator_lists = st.lists(
    st.sampled_from(
        [
            *("@A:h", "@A:w", "@S:M", "@S:y", "@lag:1y", "@lag:-1d 2h", "@localize:America/Chicago", "@localize:UTC"),
            *("@df:1970-01-02", "@dt:1970-01-04", "@df:-40y", "@asof:j1", "@asof:j3", "@repdatelist:all"),
            *("@BAD", "@A:x"),
        ]
    ),
    max_size=3,
    unique=True,
).map("".join)


def outcome(series):
    """The zone and points of a series, or its error."""
    if "error" in series:
        return series["error"]
    return series.get("tz"), series["points"].to_rows() if "points" in series else []


def searched(answer):
    """The same for a search, which leaves out a series that does not exist."""
    if not answer["success"]:
        return answer["error"]
    return outcome(answer["series"][0]) if answer["series"] else "series_not_found"


@fuzzing
@given(st.sampled_from([*SERIES, "none"]), operator_lists, limits, st.integers(-1, 3))
def test_all_ways_to_ask_for_a_series_give_the_same(store, name, given_operators, df, most):
    parameters = {"max_points": most} if df is None else {"max_points": most, "df": df}

    def single(key, asked, **others):
        answer = store.call("POST", "/series", {key: [asked]}, **others)
        assert answer["success"], answer
        return outcome(answer["series"][0])

    query = f"sid={name}{given_operators}"
    expected = single("series_queries", query, **parameters)
    apart = {"operators": given_operators, **parameters}
    assert single("series_queries", {"query": f"sid={name}", **apart}) == expected
    assert single("series_ids", f"${query}", **parameters) == expected
    assert single("series", {"series_id": name, **apart}) == expected
    assert searched(store.call("GET", "/series", query=query, **parameters)) == expected
    assert searched(store.call("GET", "/series", query=f"sid={name}", **apart)) == expected
    assert searched(store.call("GET", "/series", query=query, scroll="y", **parameters)) == expected
    assert single("series_queries", f"={{{{{query}}}}}", **parameters) == expected
    assert single("series_queries", f"=F.multi_sum(r'{query}', [])", **parameters) == expected
    if name != "none":
        # of a series that does not exist, an operator may be part of the id
        assert single("series_ids", f"{name}{given_operators}", **parameters) == expected
        assert searched(store.call("GET", "/series", series_id=name, **apart)) == expected

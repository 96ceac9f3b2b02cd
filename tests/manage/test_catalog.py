"""The catalog says what series there are, from facets and meta data, without reading points."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import query as q
from pandas_shooju.errors import ShoojuApiError
from pandas_shooju.manage.folders import Folder

DAY = 86_400_000
#: ids that need quotes in a query
ODD = ["odd\\a@b", 'odd\\5" pipe', "odd\\(x) y*", "odd\\Ünï", "odd\\<b>&'"]


class Requests(sj.BaseHook):
    """Keeps the requests that are made."""

    def __init__(self) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        #: whether the server counts no folders
        self.no_tree = False
        #: what happens before the next POST
        self.before_posting: Callable[[], None] | None = None

    def before_request(self, request: sj.Request) -> sj.Request:
        self.made.append((request.method, dict(request.params)))
        if self.no_tree:
            request.url = request.url.replace("/series/tree", "/series/none")
        then = self.before_posting
        if request.method == "post" and then is not None:
            self.before_posting = None
            then()
        return request


@pytest.fixture
def requests():
    return Requests()


@pytest.fixture
def conn(requests):
    """A connection to a fresh embedded store, whose requests are kept."""
    with sj.Connection("local::memory:", hooks=[requests]) as connection:
        yield connection


@pytest.fixture
def filled(conn, requests):
    """Three series of GDP, one of them in the trash, and a price without points."""
    with conn.register_job("GDP", batch_size=100) as job:
        for country, unit in [("CN", "tn"), ("US", "tn"), ("FR", "bn")]:
            points = [(day * DAY, float(day + 1)) for day in range(10)]
            job.write(rf"sid=users\sam\gdp\{country}", fields={"country": country, "unit": unit}, points=points)
        job.write(r"sid=users\sam\price", fields={"unit": "USD", "year": 2020})
    with conn.register_job("Remove France") as job:
        job.delete_series(r"sid=users\sam\gdp\FR")
    requests.made.clear()
    return conn


def write_odd(conn):
    with conn.register_job("Odd ids", batch_size=100) as job:
        for series_id in ODD:
            job.write(q.series(series_id), fields={"unit": series_id}, points=[(DAY, 2.0)])


def test_count(filled, requests):
    assert filled.catalog.count() == 3
    assert filled.catalog.count(q.under(r"users\sam\gdp")) == 2
    assert [params["per_page"] for _, params in requests.made] == [0, 0]


def test_count_of_nothing(conn):
    assert conn.catalog.count() == 0
    assert conn.catalog.count("sid:nothing") == 0


def test_the_trash_is_counted_where_the_query_mentions_it(filled):
    assert filled.catalog.count("country=FR") == 0
    assert filled.catalog.count(r"sid:System\Trash country=FR") == 1


def test_count_finds_odd_ids(conn):
    write_odd(conn)
    assert [conn.catalog.count(q.series(series_id)) for series_id in ODD] == [1] * len(ODD)


def test_count_requires_a_query_that_the_server_understands(conn):
    with pytest.raises(TypeError, match="query must be a string, got 17"):
        conn.catalog.count(17)
    with pytest.raises(ShoojuApiError, match="invalid_parameters"):
        conn.catalog.count("(unit=MW")


def test_facets(filled, requests):
    found = filled.catalog.facets("", ["unit", "country", "year", "nothing"])
    expected = pd.DataFrame(
        [("unit", "tn", 2), ("unit", "USD", 1), ("country", "CN", 1), ("country", "US", 1), ("year", 2020, 1)],
        columns=["field", "value", "count"],
    )
    pd.testing.assert_frame_equal(found, expected)
    assert [params["per_page"] for _, params in requests.made] == [0]


def test_facets_of_one_field_keep_their_type(filled):
    found = filled.catalog.facets("sid:users", "year")
    assert found["value"].dtype == "int64"
    assert found.to_dict("records") == [{"field": "year", "value": 2020, "count": 1}]


def test_facets_of_nothing_have_the_columns(conn):
    found = conn.catalog.facets("sid:nothing", ["unit"])
    assert list(found.columns) == ["field", "value", "count"]
    assert len(found) == 0
    assert found["count"].dtype == "int64"


def test_facets_of_the_trash(filled):
    found = filled.catalog.facets(r"sid:System\Trash", ["country"])
    assert found.to_dict("records") == [{"field": "country", "value": "FR", "count": 1}]


def test_facets_keep_odd_values(conn):
    write_odd(conn)
    assert set(conn.catalog.facets("sid:odd", "unit")["value"]) == set(ODD)


def test_facets_that_are_cut_off_cause_a_warning(filled):
    with pytest.warns(UserWarning, match="the field 'unit' has more than 1 values"):
        found = filled.catalog.facets("", "unit", max_values=1)
    assert found["value"].tolist() == ["tn"]


@pytest.mark.filterwarnings("error")
def test_facets_of_just_as_many_values_cause_none(filled):
    assert len(filled.catalog.facets("", "unit", max_values=2)) == 2


@pytest.mark.parametrize("fields", [[], "", ["unit", ""]])
def test_facets_require_names_of_fields(conn, fields):
    with pytest.raises(ValueError, match="fields must be one or more names of fields, got"):
        conn.catalog.facets("", fields)


@pytest.mark.parametrize("most", [0, -1, True, 1.5, None])
def test_facets_require_a_positive_number_of_values(conn, most):
    with pytest.raises(ValueError, match="max_values must be a positive number of values, got"):
        conn.catalog.facets("", "unit", max_values=most)


def test_facets_of_meta_fields_are_refused_by_name(conn):
    with pytest.raises(ShoojuApiError, match=r"meta\.job"):
        conn.catalog.facets("", "meta.job")


# --- describe ----------------------------------------------------------------------------------------------------


def test_describe(filled, requests):
    found = filled.catalog.describe(r"sid:users\sam")
    assert found.index.name == "series_id"
    assert found.index.tolist() == [r"users\sam\gdp\CN", r"users\sam\gdp\US", r"users\sam\price"]
    gdp = found.loc[r"users\sam\gdp\US"]
    assert gdp.tolist() == [
        pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("1970-01-10", tz="UTC"), 10, 1.0, 10.0, "D", "tn", 1,
    ]  # fmt: skip
    assert {params["max_points"] for _, params in requests.made} == {0}
    price = found.loc[r"users\sam\price"]
    assert price["points"] == 0
    assert price[["first", "last", "min", "max", "frequency"]].isna().all()
    assert price["unit"] == "USD"


DTYPES = {"first": "datetime64[ms, UTC]", "last": "datetime64[ms, UTC]", "points": "int64", "min": "float64"}


@pytest.mark.parametrize("query", ["sid:nothing", "sid:users", r"sid=users\sam\price"])
def test_describe_has_the_same_dtypes_whatever_is_found(filled, query):
    found = filled.catalog.describe(query)
    columns = ["first", "last", "points", "min", "max", "frequency", "unit", "job"]
    assert found.columns.tolist() == columns
    assert {name: str(found[name].dtype) for name in DTYPES} == DTYPES
    assert str(found["job"].dtype) == "Int64"
    assert found.index.dtype == pd.Series(["text"]).dtype


def test_describe_names_the_job_that_wrote_last(filled):
    with filled.register_job("Another") as job:
        job.write(r"sid=users\sam\gdp\CN", points=[(0, -1.0)])
    found = filled.catalog.describe("country=CN")
    assert found[["min", "job"]].values.tolist() == [[-1.0, job.job_id]]


def test_describe_series_in_the_trash(filled):
    found = filled.catalog.describe(r"sid:System\Trash")
    assert found.index.tolist() == [r"System\Trash\users\sam\gdp\FR"]
    assert found["points"].tolist() == [10]


def test_describe_odd_ids(conn):
    write_odd(conn)
    assert sorted(conn.catalog.describe("sid:odd").index) == sorted(ODD)


def test_describe_far_dates(conn):
    dates = [datetime.datetime(1000, 1, 1), datetime.datetime(3000, 1, 1)]
    with conn.register_job("Far dates") as job:
        job.write("sid=far", points=[(date, 1.0) for date in dates])
    found = conn.catalog.describe("sid=far")
    assert [found["first"].iloc[0].year, found["last"].iloc[0].year] == [1000, 3000]


@pytest.mark.parametrize(
    ("alias", "frequency"),
    [
        *[("min", "min"), ("15min", "15min"), ("30min", "30min"), ("h", "h"), ("D", "D"), ("B", "B"), ("W", "W")],
        *[("5min", "5min"), ("10min", "10min"), ("2QS", "6M"), ("2QE", "6M")],
        *[("MS", "M"), ("ME", "M"), ("QS", "Q"), ("QE", "Q"), ("YS", "Y"), ("YE", "Y"), ("5h", None), ("3D", None)],
    ],
)
@pytest.mark.parametrize("periods", [12, 40])
def test_frequency_is_seen(conn, alias, frequency, periods):
    dates = pd.date_range("2021-01-04", periods=periods, freq=alias)
    with conn.register_job("A frequency") as job:
        job.write("sid=one", points=[(date.to_pydatetime(), 1.0) for date in dates])
    seen = conn.catalog.describe("sid=one")["frequency"].iloc[0]
    assert seen == frequency if frequency else pd.isna(seen)


def test_a_frequency_needs_two_points(conn):
    with conn.register_job("One point") as job:
        job.write("sid=one", points=[(0, 1.0)])
    assert conn.catalog.describe("sid=one")["frequency"].isna().all()


@pytest.mark.parametrize("method", ["describe", "latest"])
@pytest.mark.parametrize("query", ["sid:users@A:M", "={{sid=a}}*2", " = {{sid=a}}"])
def test_meta_data_are_of_stored_series(conn, method, query):
    with pytest.raises(ValueError, match="query must find stored series, without operators or expressions, got"):
        getattr(conn.catalog, method)(query)


# --- latest ------------------------------------------------------------------------------------------------------


def test_latest(filled, requests):
    with filled.register_job("Another day") as job:
        job.write(r"sid=users\sam\gdp\CN", points=[(20 * DAY, 7.5)])
    requests.made.clear()
    found = filled.catalog.latest("")
    expected = pd.DataFrame(
        {"dt": pd.to_datetime(["1970-01-21", "1970-01-10", None], utc=True).as_unit("ms"), "val": [7.5, 10.0, None]},
        index=pd.Index([r"users\sam\gdp\CN", r"users\sam\gdp\US", r"users\sam\price"], name="series_id"),
    )
    pd.testing.assert_frame_equal(found, expected)
    assert [method for method, _ in requests.made] == ["get", "post"]


@pytest.mark.parametrize("query", ["sid:nothing", r"sid=users\sam\price"])
def test_latest_without_points_asks_for_none(filled, requests, query):
    found = filled.catalog.latest(query)
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == {"dt": "datetime64[ms, UTC]", "val": "float64"}
    assert found["val"].isna().all()
    assert [method for method, _ in requests.made] == ["get"]


def test_latest_of_odd_ids_and_the_trash(filled):
    write_odd(filled)
    found = filled.catalog.latest(r"sid:odd OR sid:System\Trash")
    assert dict(found["val"]) == {**dict.fromkeys(ODD, 2.0), r"System\Trash\users\sam\gdp\FR": 10.0}


def test_latest_of_more_series_than_a_request_takes(conn, requests):
    with conn.register_job("Many", batch_size=2000) as job:
        for number in range(1200):
            job.write(rf"sid=many\{number}", points=[(0, -1.0), (number * DAY + 1, float(number))])
    requests.made.clear()
    found = conn.catalog.latest("sid:many")
    assert found["val"].to_dict() == {rf"many\{number}": float(number) for number in range(1200)}
    assert [method for method, _ in requests.made] == ["get", "post", "post"]


def test_latest_sees_what_is_written_and_deleted_meanwhile(filled, requests):
    def meanwhile():
        with filled.register_job("Meanwhile", batch_size=3) as job:
            job.write(r"sid=users\sam\gdp\CN", points=[(30 * DAY, 30.0)])
            job.delete_series(r"sid=users\sam\gdp\US")

    requests.before_posting = meanwhile
    found = filled.catalog.latest("sid:users")
    assert found.index.tolist() == [r"users\sam\gdp\CN", r"users\sam\price"]
    assert found["val"].iloc[0] == 30.0


def test_latest_where_meta_data_are_out_of_date(filled):
    with filled.register_job("No meta", skip_meta_if_no_fields=True) as job:
        job.write(r"sid=users\sam\gdp\CN", points=[(30 * DAY, 30.0)])
    assert filled.catalog.describe("country=CN")["last"].iloc[0] == pd.Timestamp("1970-01-10", tz="UTC")
    assert filled.catalog.latest("country=CN")["val"].tolist() == [30.0]


# --- tree --------------------------------------------------------------------------------------------------------


def test_tree(filled, requests):
    assert (
        repr(filled.catalog.tree("users"))
        == r"""
users  3
└── sam  3
    ├── gdp  2
    └── price
""".strip()
    )
    assert len(requests.made) == 1


def test_tree_of_all_levels(filled):
    assert (
        repr(filled.catalog.tree(depth=None))
        == r"""
(all series)  3
└── users  3
    └── sam  3
        ├── gdp  2
        │   ├── CN
        │   └── US
        └── price
""".strip()
    )


def test_tree_can_be_walked(filled):
    sam = filled.catalog.tree("Users\\SAM\\", depth=1)
    assert (sam.name, sam.path, sam.count, sam.is_series) == ("SAM", r"Users\SAM", 3, False)
    gdp, price = sam.children
    assert (gdp.name, gdp.path, gdp.count, gdp.is_series, gdp.children) == ("gdp", r"Users\SAM\gdp", 2, False, ())
    assert (price.name, price.count, price.is_series) == ("price", 1, True)


def test_tree_of_nothing(conn):
    assert repr(conn.catalog.tree()) == "(all series)  0"
    assert repr(conn.catalog.tree("nothing")) == "nothing  0"
    assert conn.catalog.tree("nothing")._repr_html_() == "<div>nothing <small>0</small></div>"


def test_tree_shows_the_trash_where_it_is_asked_for(filled):
    assert [child.name for child in filled.catalog.tree().children] == ["users"]
    assert filled.catalog.tree(r"System\Trash").count == 1
    assert repr(filled.catalog.tree("System")).splitlines()[1:] == ["└── Trash  1", "    └── users  1"]


def test_tree_of_odd_ids(conn):
    write_odd(conn)
    tree = conn.catalog.tree("odd")
    assert {child.path for child in tree.children} == set(ODD)
    assert "<div>&lt;b&gt;&amp;&#x27; <small></small></div>" in tree._repr_html_()
    assert [conn.catalog.tree(series_id).count for series_id in ODD] == [1] * len(ODD)


def test_a_path_is_taken_literally(filled):
    assert filled.catalog.tree("user*").count == 0


def test_tree_tells_a_folder_from_a_series(conn):
    with conn.register_job("A folder that is a series") as job:
        for series_id in ["a", r"a\b", r"A\b\c", "ab"]:
            job.write(q.series(series_id), points=[(0, 1.0)])
    assert (
        repr(conn.catalog.tree())
        == "(all series)  4\n├── a  3 (itself a series)\n│   └── b  2 (itself a series)\n└── ab"
    )
    assert repr(conn.catalog.tree("a")) == "a  3 (itself a series)\n└── b  2 (itself a series)\n    └── c"
    assert repr(conn.catalog.tree("a", depth=1)) == "a  3 (itself a series)\n└── b  2 (itself a series)"


def test_a_large_folder_is_shown_in_part(conn):
    with conn.register_job("A large folder", batch_size=2000) as job:
        for number in range(1200):
            job.write(rf"sid=large\{number:04}", points=[(0, 1.0)])
    tree = conn.catalog.tree("large")
    assert len(tree.children) == 1200
    lines = repr(tree).splitlines()
    assert lines[0] == "large  1,200"
    assert lines[-2:] == ["├── 0049", "└── ... and 1,150 more"]
    assert len(lines) == 52
    assert "<div>... and 1,150 more</div>" in tree._repr_html_()


def test_tree_in_html_opens_and_closes_every_element(filled):
    events: list[str] = []

    class Check(HTMLParser):
        def handle_starttag(self, tag, attrs):
            events.append(tag)

        def handle_endtag(self, tag):
            assert events.pop() == tag

    shown = filled.catalog.tree(depth=None)._repr_html_()
    Check().feed(shown)
    assert events == []
    assert shown.startswith("<details open><summary>(all series) <small>3</small></summary>")
    assert "<div>price <small></small></div>" in shown


def test_where_the_server_counts_no_folders_ids_are_read_page_by_page(conn, requests):
    requests.no_tree = True
    with conn.register_job("Pages", batch_size=3000) as job:
        for number in range(2600):
            job.write(rf"sid=pages\{number % 2}\{number}", fields={"n": number})
    requests.made.clear()
    assert [(child.name, child.count) for child in conn.catalog.tree("pages", depth=1).children] == [
        ("0", 1300),
        ("1", 1300),
    ]
    assert [params.get("max_points") for _, params in requests.made] == [None, 0, None]  # the second page by its id


PARTS = st.sampled_from(["a", "A", "b", "a b", "ab", "a]", "\N{GREEK CAPITAL LETTER OMEGA}", "\N{GRINNING FACE}"])


@given(
    ids=st.lists(st.lists(PARTS, min_size=1, max_size=4).map("\\".join), min_size=1, max_size=12),
    path=st.sampled_from(["", "a", "A\\b", "a b", "System", "System\\Trash"]),
    depth=st.integers(1, 5),
    deleted=st.integers(0, 3),
)
@settings(max_examples=60)
def test_the_server_counts_what_listing_the_ids_counts(ids, path, depth, deleted):
    hook = Requests()
    with sj.Connection("local::memory:", hooks=[hook]) as conn:
        with conn.register_job("Some ids", batch_size=100) as job:
            for series_id in ids:
                job.write(q.series(series_id), fields={"n": 1})
        with conn.register_job("Deleted", batch_size=1) as job:
            for series_id in dict.fromkeys(map(q.id_key, ids[:deleted])):
                job.delete_series(q.series(series_id))
        trees = []
        for hook.no_tree in (False, True):
            hook.made.clear()
            trees.append(nodes(conn.catalog.tree(path, depth=depth)))
            assert (len(hook.made) == 1) == (not hook.no_tree)
        assert trees[0] == trees[1]


def nodes(folder):
    """All that a folder says, regardless of how its parts are spelled."""
    below = [nodes(child) for child in folder.children]
    return q.id_key(folder.path), folder.count, folder.is_series, below


@pytest.mark.parametrize("depth", [0, -1, True, 1.5])
def test_tree_requires_a_positive_depth(conn, depth):
    with pytest.raises(ValueError, match="depth must be a positive number of levels, or None for all, got"):
        conn.catalog.tree(depth=depth)


def test_tree_requires_a_path(conn):
    with pytest.raises(TypeError, match="path must be a string"):
        conn.catalog.tree(17)
    with pytest.raises(ShoojuApiError, match="must be separated by backslashes"):
        conn.catalog.tree("users/sam")


PARTS = st.text(st.characters(exclude_characters="\\", exclude_categories=["C"]), min_size=1, max_size=3)


@given(
    st.lists(st.lists(PARTS, min_size=1, max_size=4).map("\\".join), unique_by=q.id_key), st.integers(1, 4) | st.none()
)
@settings(deadline=None)
def test_counts_of_folders_add_up(ids, depth):
    def check(node, level):
        below = [i for i in ids if q.id_key(f"{i}\\").startswith(q.id_key(f"{node.path}\\")) or not node.path]
        assert node.count == len(below)
        assert node.is_series == (q.id_key(node.path) in map(q.id_key, ids))
        if level != depth:
            assert node.count == node.is_series + sum(child.count for child in node.children)
        for child in node.children:
            check(child, level + 1)

    tree = Folder.of(ids, "", depth)
    check(tree, 0)
    assert repr(tree).startswith(f"(all series)  {len(ids)}")


def test_a_catalog_names_its_server(socket_conn):
    assert socket_conn.server in repr(socket_conn.catalog)

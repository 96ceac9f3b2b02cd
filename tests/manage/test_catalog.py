"""The catalog says what series there are, from facets and meta data, without reading points."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import query as q
from pandas_shooju.errors import ShoojuApiError

DAY = 86_400_000
#: ids that need quotes in a query
ODD = ["odd\\a@b", 'odd\\5" pipe', "odd\\(x) y*", "odd\\Ünï", "odd\\<b>&'"]


class Requests(sj.BaseHook):
    """Keeps the requests that are made."""

    def __init__(self) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []

    def before_request(self, request: sj.Request) -> sj.Request:
        self.made.append((request.method, dict(request.params)))
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


def test_a_catalog_names_its_server(socket_conn):
    assert socket_conn.server in repr(socket_conn.catalog)

"""Remedies in the messages of the client and of the query builder: each is taken after the error that names it."""

import re

import pytest

import pandas_shooju as sj
from pandas_shooju import query

#: the year 3000
FAR = 32_503_680_000_000


@pytest.fixture
def filled(conn):
    with conn.register_job("two series") as job:
        job.write(r"sid=users\a", points=[(0, 1.0), (1, 2.0)], fields={"country": "US", "unit": "MW"})
        job.write(r"sid=users\far", points=[(FAR, 3.0)])
    return conn


def refused(call):
    with pytest.raises(Exception, match=r"[;:] ") as raised:
        call()
    return str(raised.value)


def test_several_fields_in_one_string(filled):
    message = refused(lambda: filled.get_fields(r"sid=users\a", fields="country,unit"))
    argument = re.search(r"fields=\[.*\]", message)[0]
    assert filled.get_fields(r"sid=users\a", **eval(f"dict({argument})")) == {"country": "US", "unit": "MW"}


def test_dates_that_nanoseconds_cannot_represent(filled):
    message = refused(lambda: filled.get_df(r"sid=users\far", max_points=-1))
    assert message.endswith("use pandas.read_shooju")
    assert sj.read_shooju([r"sid=users\far"], connection=filled).iloc[0, 0] == 3.0


def test_a_deletion_that_finds_several_series(filled):
    job = filled.register_job("delete", batch_size=10)
    job.delete_series(r"sid:users")
    message = refused(job.submit)
    assert "one=False deletes every series that a query finds" in message
    job.delete_series(r"sid:users", one=False)
    job.submit()
    assert filled.get_series(r"sid=users\far") is None


def test_queries_that_are_combined(filled):
    a = query.under("users")
    message = refused(lambda: a & "country=US")
    assert message.endswith("convert a string with raw()")
    (found,) = sj.read_shooju(a & query.raw("country=US"), connection=filled)
    assert found == r"users\a"
    message = refused(lambda: a.aggregate("y") & (query.field("country") == "US"))
    assert "combine first, then apply operators" in message
    assert list(sj.read_shooju((a & (query.field("country") == "US")).aggregate("y"), connection=filled))


def test_a_field_that_has_its_own_meaning(filled):
    message = refused(lambda: query.field("sid"))
    assert message.endswith("use series(), under() or raw()")
    for one in (query.series(r"users\a"), query.under(r"users\a"), query.raw(r"sid=users\a")):
        assert list(sj.read_shooju(one, connection=filled)) == [r"users\a"]


def test_expressions(filled):
    value = query.values(r"sid=users\a")
    assert refused(lambda: value + r"sid=users\a").endswith("for a query, use values(query)")
    doubled = value + query.values(r"sid=users\a")
    assert sj.read_shooju([doubled], connection=filled).iloc[:, 0].tolist() == [2.0, 4.0]


def test_a_server_without_a_scheme():
    message = refused(lambda: sj.Connection("shooju.example.org", "sam", "key"))
    assert message.endswith("did you mean 'https://...'?")
    assert sj.Connection("https://shooju.example.org", "sam", "key").server == "https://shooju.example.org"

"""Plans: surveys, parts, and what they read together."""

import pickle

import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju.frame.plan import plan_of

DAY = 86_400_000


@pytest.fixture
def prices(conn):
    """Five series of ten daily points."""
    with conn.register_job("prices", batch_size=100) as job:
        for k in range(5):
            fields = {"country": ["DE", "FR"][k % 2], "number": k or None}
            job.write(rf"sid=users\sam\{k}", fields=fields, points=[(at * DAY, float(k + at)) for at in range(10)])
    return conn


def plan(conn, query=r"sid:users\sam", fields=None, layout="long", columns=None, **options):
    return plan_of(query, fields, conn, options, layout=layout, columns=columns)


def read(parts):
    return pd.concat([part.read().astype({"series_id": object}) for part in parts], ignore_index=True)


@pytest.mark.parametrize("parts", [1, 2, 5, 9])
@pytest.mark.parametrize("query", [r"sid:users\sam", [rf"sid=users\sam\{k}" for k in range(5)], r"sid:users\sam@A:M"])
def test_the_parts_read_what_the_whole_reads(prices, query, parts):
    whole = sj.read_shooju(query, layout="long", connection=prices).astype({"series_id": object})
    split = plan(prices, query).survey().plan.split(parts)
    assert len(split) == {1: 1, 2: 2, 5: 5, 9: 5}[parts]
    pd.testing.assert_frame_equal(read(split), whole)


def test_a_dict_is_split_with_its_labels(prices):
    queries = {name: rf"sid=users\sam\{k}" for k, name in enumerate("abcde")}
    parts = plan(prices, queries, layout="wide").survey().plan.split(2)
    assert [list(part.read()) for part in parts] == [["a", "b", "c"], ["d", "e"]]


def test_windows_of_dates(prices):
    survey = plan(prices).survey(dates=True)
    assert survey.dates == (0, 9 * DAY)
    parts = [survey.plan.between(0, 4 * DAY - 1), survey.plan.between(4 * DAY, 9 * DAY)]
    assert [len(part.read()) for part in parts] == [20, 30]


def test_limits_narrow_those_of_the_plan(prices):
    limited = plan(prices, df="1970-01-03", dt="1970-01-05")
    assert limited.between(None, None).request == limited.request
    assert len(limited.between(0, 3 * DAY).read()) == 10
    assert len(limited.between(4 * DAY, 9 * DAY).read()) == 5


@pytest.mark.parametrize("options", [{"asof": 1}, {"reported_date": "all"}])
def test_the_dates_of_states_and_reports_are_not_known(prices, options):
    assert plan(prices, **options).survey(dates=True).dates is None
    assert plan(prices, r"sid:users\sam@lag:1d").survey(dates=True).dates is None
    assert plan(prices, r"={{sid=users\sam\1}} + 1").survey(dates=True).dates is None
    assert plan(prices, r"sid:users\sam@localize:Europe/Berlin").survey(dates=True).dates == (0, 9 * DAY)


def test_the_schema_is_that_of_what_is_read(prices):
    survey = plan(prices, fields="*", include_job=True, include_timestamp=True).survey()
    frame = survey.plan.read()
    assert list(survey.schema) == list(frame)
    assert survey.schema.dtypes.drop(["series_id", "country"]).equals(frame.dtypes.drop(["series_id", "country"]))
    assert str(frame["number"].dtype) == "Int64"
    assert len(survey.schema) == 0


def test_a_part_pickles(socket_conn):
    with socket_conn.register_job("prices") as job:
        job.write(r"sid=users\sam\1", points=[(0, 1.5)])
    [part] = plan(socket_conn, tz="Europe/Berlin", asof=[1]).survey().plan.split(1)
    copy = pickle.loads(pickle.dumps(part))
    pd.testing.assert_frame_equal(copy.read(), part.read())


def test_what_is_projected_is_not_requested(prices):
    wanted = plan(prices, fields=["country", "number"], include_job=True).project(["val", "number"])
    assert list(wanted.read()) == ["series_id", "number", "dt", "val"]


def test_missing_series_follow_on_missing(prices):
    queries = [r"sid=users\sam\1", r"sid=users\nowhere"]
    with pytest.raises(sj.SeriesNotFoundError):
        plan(prices, queries, ["country"]).survey()
    with pytest.warns(UserWarning, match="no series found for the query"):
        assert len(plan(prices, queries, ["country"], on_missing="warn").survey().plan.read()) == 10

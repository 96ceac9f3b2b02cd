"""LazyFrames of Polars: what they contain, and that they request no more than a query needs."""

import datetime
import json
import zoneinfo
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import formats, local

pl = pytest.importorskip("polars")
pytest.importorskip("pyarrow")

from pandas_shooju.engines.polars import scan_shooju  # noqa: E402

UTC = datetime.UTC
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
SERIES, POINTS = 12, 40


class Asked(sj.BaseHook):
    """The requests for series, and the number of points in the responses."""

    def __init__(self):
        self.params = []
        self.points = 0
        self.fields = Counter()

    def before_request(self, request):
        if request.url.endswith("/series"):
            self.params.append(dict(request.params))
        return request

    def after_request(self, response):
        if response.content[:4] == b"SJTS":
            series = formats.decode(response.content, "sjts").series
            self.points += len(series.points)
            self.fields.update(series.fields)
        return response

    def clear(self):
        self.params.clear()
        self.fields.clear()
        self.points = 0


def fields_of(k):
    return {"country": ["DE", "FR", "日本"][k % 3], "number": k, "mixed": k if k % 2 else str(k)}


@pytest.fixture(scope="module")
def server():
    """Twelve series of 40 daily points each, over a socket."""
    with local.start() as served:
        with sj.Connection(served.url, "sam", "key") as conn, conn.register_job("daily", batch_size=100) as job:
            days = [START + datetime.timedelta(days=at) for at in range(POINTS)]
            for k in range(SERIES):
                points = [sj.Point(day, 100.0 * k + at) for at, day in enumerate(days)]
                job.write(rf"sid=users\sam\{k:02}", fields=fields_of(k), points=points)
        yield served


@pytest.fixture(scope="module")
def asked():
    return Asked()


@pytest.fixture(scope="module")
def daily(server, asked):
    with sj.Connection(server.url, "sam", "key", hooks=[asked]) as conn:
        yield conn


@pytest.fixture(autouse=True)
def forget(asked):
    asked.clear()


def scan(conn, *args, **options):
    return scan_shooju(r"sid:users\sam", *args, connection=conn, **options)


def day(number):
    return START + datetime.timedelta(days=number)


def test_the_columns_are_those_of_the_long_layout(daily):
    lazy = scan(daily, ["country", "number", "mixed"], include_job=True, include_timestamp=True)
    assert lazy.collect_schema() == pl.Schema(
        {
            "series_id": pl.String(), "country": pl.String(), "number": pl.Int64(), "mixed": pl.String(),
            "dt": pl.Datetime("ms", "UTC"), "val": pl.Float64(), "job": pl.Int64(),
            "timestamp": pl.Datetime("ms", "UTC"),
        }
    )  # fmt: skip
    found = lazy.collect()
    frame = pd.read_shooju(r"sid:users\sam", ["country", "number"], layout="long", connection=daily)
    assert found["series_id"].to_list() == frame["series_id"].tolist()
    assert found["country"].to_list() == frame["country"].tolist()
    assert found["number"].to_list() == frame["number"].tolist()
    assert found["dt"].to_list() == frame["dt"].tolist()
    assert found["val"].to_list() == frame["val"].tolist()
    assert [json.loads(text) for text in found["mixed"][::POINTS]] == [fields_of(k)["mixed"] for k in range(SERIES)]


def test_nothing_is_requested_before_it_is_collected(daily, asked):
    lazy = scan(daily).filter(pl.col("val") > 3)
    assert lazy.collect_schema().names() == ["series_id", "dt", "val"]
    assert asked.params == []
    assert len(lazy.collect()) == SERIES * POINTS - 4
    assert asked.points == SERIES * POINTS


def test_only_fields_that_are_used_are_requested_with_points(daily, asked):
    lazy = scan(daily, "*", include_job=True)
    lazy.collect_schema()
    assert [params["max_points"] for params in asked.params] == [0]
    asked.clear()
    found = lazy.group_by("country").agg(pl.col("val").sum()).sort("country").collect()
    assert found["val"].to_list() == [
        sum(100.0 * k + at for k in range(SERIES) if k % 3 == r for at in range(POINTS)) for r in range(3)
    ]
    assert [params["fields"] for params in asked.params] == ["country"]
    assert not any("include_job" in params for params in asked.params)
    assert set(asked.fields) == {"country"}


def test_the_number_of_rows_alone(daily):
    assert scan(daily, "country").select(pl.len()).collect().item() == SERIES * POINTS


DATES = {
    "from": (pl.col("dt") >= day(30), 10),
    "after": (pl.col("dt") > day(30), 9),
    "up to": (pl.col("dt") <= day(4), 5),
    "before": (pl.col("dt") < day(4), 4),
    "swapped": (pl.lit(day(30)) <= pl.col("dt"), 10),
    "on": (pl.col("dt") == day(4), 1),
    "between": (pl.col("dt").is_between(day(4), day(6)), 3),
    "half-open": (pl.col("dt").is_between(day(4), day(6), closed="left"), 2),
    "both": ((pl.col("dt") >= day(4)) & (pl.col("dt") < day(6)), 2),
    "either": ((pl.col("dt") == day(4)) | (pl.col("dt") == day(6)), 3),
    "a constant expression": (pl.col("dt") >= pl.datetime(2024, 1, 31, time_zone="UTC"), 10),
    "and values": ((pl.col("dt") >= day(30)) & (pl.col("val") > 1000), 10),
    "not understood": (pl.col("dt").dt.month() == 2, POINTS),
    "values": (pl.col("val") > 1000, POINTS),
    "or values": ((pl.col("dt") >= day(30)) | (pl.col("val") > 1000), POINTS),
}


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@pytest.mark.parametrize("name", DATES)
def test_only_points_between_the_dates_are_requested(daily, asked, name, engine):
    predicate, points = DATES[name]
    everything = scan(daily, "country").collect()
    asked.clear()
    lazy = scan(daily, "country").filter(predicate)
    found = lazy.collect(engine=engine)
    assert found.sort("series_id", "dt").equals(everything.filter(predicate).sort("series_id", "dt"))
    assert asked.points == points * SERIES


def test_dates_that_exclude_each_other_request_no_points(daily, asked):
    found = scan(daily).filter((pl.col("dt") < day(3)) & (pl.col("dt") > day(5))).collect()
    assert found.is_empty()
    assert asked.params == []


def test_the_limits_of_the_scan_hold(daily, asked):
    lazy = scan(daily, df="2024-01-03", dt="2024-01-20").filter(pl.col("dt") < day(4))
    assert lazy.collect()["dt"].unique().sort().to_list() == [day(2), day(3)]
    assert asked.points == 2 * SERIES


def test_max_points_are_counted_from_the_limits_of_the_scan(daily):
    assert scan(daily, max_points=3).filter(pl.col("dt") >= day(2)).collect()["dt"].to_list() == [day(2)] * SERIES


def test_the_first_rows(daily, asked):
    found = scan(daily).head(5).collect()
    assert found["val"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [params["max_points"] for params in asked.params] == [5]
    assert asked.points == 5 * SERIES


def test_the_first_rows_of_many_pages(daily, asked):
    found = scan(daily, batch_size=2).head(50).collect()
    assert found["val"].to_list() == [*map(float, range(POINTS)), *(100.0 + at for at in range(10))]
    assert len(asked.params) <= 3  # of the six pages, this and the one that was requested ahead
    assert scan(daily, batch_size=2).head(0).collect().is_empty()


def test_a_filter_of_the_first_rows(daily):
    assert scan(daily).head(50).filter(pl.col("dt") >= day(38)).collect()["val"].to_list() == [38.0, 39.0]
    assert scan(daily).filter(pl.col("dt") >= day(38)).head(3).collect()["val"].to_list() == [38.0, 39.0, 138.0]


def test_missing_values_do_not_count_as_rows(daily):
    query = r"={{sid=users\sam\00@lag:2d}} + {{sid=users\sam\00}}"
    found = scan_shooju(query, connection=daily).head(3).collect()
    assert found.equals(scan_shooju(query, connection=daily).collect().head(3))
    assert len(found) == 3


def test_the_rows_of_a_join(daily):
    countries = pl.LazyFrame({"country": ["DE"], "name": ["Germany"]})
    found = scan(daily, "country").join(countries, on="country").collect()
    assert len(found) == 4 * POINTS


@pytest.mark.parametrize("zone", ["Europe/Berlin", None])
def test_dates_of_local_times(daily, asked, zone):
    """The zone of @localize, with local times that are aware or naive."""
    local_day = datetime.datetime(2024, 1, 3, 1, tzinfo=zone and zoneinfo.ZoneInfo(zone))
    query = r"sid:users\sam@localize:Europe/Berlin"
    lazy = scan_shooju(query, connection=daily, **({} if zone else {"tz": None}))
    assert lazy.collect_schema()["dt"] == pl.Datetime("ms", zone)
    found = lazy.filter(pl.col("dt") <= local_day).collect()
    assert len(found) == 3 * SERIES
    assert asked.points == 3 * SERIES


predicates = st.recursive(
    st.builds(
        lambda op, number, hours: {
            "ge": pl.col("dt") >= day(number) + hours,
            "gt": pl.col("dt") > day(number) + hours,
            "le": pl.col("dt") <= day(number) + hours,
            "lt": pl.col("dt") < day(number) + hours,
            "eq": pl.col("dt") == day(number) + hours,
            "ne": pl.col("dt") != day(number) + hours,
            "val": pl.col("val") > 25 * number,
        }[op],
        st.sampled_from(["ge", "gt", "le", "lt", "eq", "ne", "val"]),
        st.integers(-2, POINTS + 2),
        st.sampled_from([datetime.timedelta(0), datetime.timedelta(hours=5), datetime.timedelta(microseconds=1)]),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
        st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
        inner.map(lambda one: ~one),
    ),
    max_leaves=5,
)


@given(predicate=predicates)
def test_no_row_that_a_predicate_selects_is_left_out(daily, predicate):
    everything = scan(daily).collect()
    assert scan(daily).filter(predicate).collect().equals(everything.filter(predicate))


def test_report_dates(daily):
    with daily.register_job("reports") as job:
        job.write_reported(r"sid=users\sam\00", START, points=[(np.datetime64("2024-01-05"), 7.0)])
    found = scan(daily, reported_date="all").collect()
    assert found.select("val", "reported_date").rows() == [(7.0, START)]


def test_errors_name_the_reason(daily):
    with pytest.raises(ValueError, match="max_points must be -1"):
        scan(daily, max_points=-2)
    with pytest.raises(Exception, match="no series found for the query"):
        scan_shooju([r"sid=users\nowhere"], connection=daily).collect()

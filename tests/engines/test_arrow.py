"""Arrow streams, as pyarrow, DuckDB and Polars read them."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest

import pandas_shooju as sj

pa = pytest.importorskip("pyarrow")

from pandas_shooju.engines.arrow import read_arrow  # noqa: E402

DAY = 86_400_000
TEXT = pa.dictionary(pa.int32(), pa.string())


@pytest.fixture
def prices(conn):
    """Seven series of 5 to 11 daily points, with fields of every kind."""
    with conn.register_job("prices", batch_size=100) as job:
        for k in range(7):
            fields = {
                "country": ["DE", "FR"][k % 2],
                "number": k,
                "sometimes": k if k else None,
                "mixed": k if k % 2 else k + 0.5,
                "flag": bool(k % 2),
                "list": [k] if k % 2 else "x",
            }
            job.write(rf"sid=users\sam\{k}", fields=fields, points=[(i * DAY, float(i + k)) for i in range(5 + k)])
    return conn


class Requests(sj.BaseHook):
    """The requests for series."""

    def __init__(self):
        self.params = []

    def before_request(self, request):
        if request.url.endswith("/series"):
            self.params.append(dict(request.params))
        return request


@pytest.fixture
def requests():
    return Requests()


@pytest.fixture
def counted(requests):
    """A connection whose requests are counted, to 40 series of 10 points."""
    index = pd.date_range("2024-01-01", periods=10, tz="UTC")
    frame = pd.DataFrame(np.ones((10, 40)), index, [rf"users\sam\{k:02}" for k in range(40)])
    with sj.Connection("local::memory:", hooks=[requests]) as conn:
        frame.shooju.write("forty", sid="{series_id}", connection=conn)
        requests.params.clear()
        yield conn


def test_the_columns_are_those_of_the_long_layout(prices):
    table = read_arrow(r"sid:users\sam", ["country"], batch_size=3, connection=prices).read_all()
    frame = pd.read_shooju(r"sid:users\sam", ["country"], layout="long", connection=prices)
    found = table.to_pandas()
    assert table.schema == pa.schema(
        [("series_id", TEXT), ("country", TEXT), ("dt", pa.timestamp("ms", "UTC")), ("val", pa.float64())]
    )
    for name in frame:
        assert found[name].tolist() == frame[name].tolist()


def test_every_kind_of_field_has_its_type(prices):
    reader = read_arrow(r"sid:users\sam", "*", batch_size=3, connection=prices)
    types = {
        "country": TEXT, "number": pa.int64(), "sometimes": pa.int64(), "mixed": pa.float64(), "flag": pa.bool_(),
        "list": TEXT,
    }  # fmt: skip
    assert {name: reader.schema.field(name).type for name in types} == types
    rows = reader.read_all().to_pylist()
    first = {row["series_id"]: row for row in reversed(rows)}
    assert [first[rf"users\sam\{k}"]["sometimes"] for k in range(3)] == [None, 1, 2]
    assert [first[rf"users\sam\{k}"]["mixed"] for k in range(3)] == [0.5, 1.0, 2.5]
    assert [first[rf"users\sam\{k}"]["flag"] for k in range(3)] == [False, True, False]
    assert [json.loads(first[rf"users\sam\{k}"]["list"]) for k in range(3)] == ["x", [1], "x"]
    assert reader.schema.field("list").metadata == {b"encoding": b"JSON"}


def test_a_field_that_no_series_has_is_null(prices):
    column = read_arrow(r"sid:users\sam", "nothing", connection=prices).read_all()["nothing"]
    assert column.type == TEXT
    assert column.null_count == len(column) == 56


def test_jobs_and_timestamps(prices):
    table = read_arrow(r"sid=users\sam\1", include_job=True, include_timestamp=True, connection=prices).read_all()
    assert table.schema.field("job").type == pa.int64()
    assert table.schema.field("timestamp").type == pa.timestamp("ms", "UTC")
    assert table["job"].to_pylist() == [1] * 6


def test_report_dates_and_states(prices):
    with prices.register_job("reports") as job:
        job.write_reported(r"sid=users\sam\1", datetime.date(2024, 1, 1), points=[(0, 7.0)])
        job.write(r"sid=users\sam\1", points=[(0, 100.0)], fields={"list": "changed"})
    table = read_arrow(r"sid:users\sam", reported_date="all", connection=prices).read_all()
    assert table.select(["val", "reported_date"]).to_pylist() == [
        {"val": 7.0, "reported_date": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)}
    ]
    states = read_arrow([r"sid=users\sam\1"], ["list"], asof=[1, 2], max_points=1, connection=prices).read_all()
    assert states.select(["list", "val", "asof"]).to_pylist() == [
        {"list": "[1]", "val": 1.0, "asof": 1},
        {"list": '"changed"', "val": 100.0, "asof": 2},
    ]


@pytest.mark.parametrize("tz", ["Europe/Berlin", "+02:00", None])
def test_time_zones(prices, tz):
    table = read_arrow(r"sid=users\sam\1", tz=tz, connection=prices).read_all()
    frame = pd.read_shooju([r"sid=users\sam\1"], tz=tz, layout="long", connection=prices)
    assert table.schema.field("dt").type == pa.timestamp("ms", tz)
    assert list(map(pd.Timestamp, table["dt"].to_pylist())) == frame["dt"].tolist()


def test_local_times_of_several_zones_are_refused(prices):
    with pytest.raises(ValueError, match="tz=None requires that all queries have the same time zone"):
        read_arrow(r"sid:users\sam@localize", tz=None, connection=prices)
    reader = read_arrow(r"sid:users\sam@localize:Europe/Berlin", tz=None, connection=prices)
    assert reader.schema.field("dt").type == pa.timestamp("ms")
    assert reader.read_all()["dt"][0].as_py() == datetime.datetime(1970, 1, 1, 1)


def test_nothing_found(prices):
    table = read_arrow("sid:nothing", ["country"], connection=prices).read_all()
    assert table.num_rows == 0
    assert table.column_names == ["series_id", "country", "dt", "val"]


def test_series_are_requested_while_they_are_consumed(counted, requests):
    reader = read_arrow(r"sid:users\sam", batch_size=4, connection=counted)
    assert requests.params == []
    batches = iter(reader)
    assert next(batches).num_rows == 40
    assert len(requests.params) <= 2  # one page ahead
    batches.close()
    assert len(requests.params) <= 2
    assert [batch.num_rows for batch in reader] == [40] * 10


def test_values_are_not_copied(prices):
    [batch] = read_arrow([r"sid=users\sam\1"], connection=prices)
    values = batch.column("val").to_numpy(zero_copy_only=True)
    assert values.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert batch.column("val").null_count == 0


def test_errors_while_streaming(prices):
    reader = read_arrow([r"sid=users\sam\1", r"sid=users\sam\nowhere"], connection=prices)
    with pytest.raises(sj.SeriesNotFoundError, match="no series found"):
        reader.read_all()


def test_unknown_options_are_refused(prices):
    with pytest.raises(TypeError, match="got 'layout'"):
        read_arrow(r"sid:users\sam", layout="wide", connection=prices)
    with pytest.raises(TypeError, match="must be arguments of read_shooju such as df and dt, got 'from_'"):
        read_arrow(r"sid:users\sam", from_="2024", connection=prices)


def test_duckdb_reads_it_as_often_as_it_likes(prices):
    duckdb = pytest.importorskip("duckdb")
    reader = read_arrow(r"sid:users\sam", ["country"], batch_size=3, connection=prices)
    with duckdb.connect() as database:
        database.register("prices", reader)
        for _ in range(2):
            rows = database.execute("SELECT country, count(*), sum(val) FROM prices GROUP BY 1 ORDER BY 1").fetchall()
            assert rows == [("DE", 32, 238.0), ("FR", 24, 168.0)]


def test_duckdb_shows_errors(prices):
    duckdb = pytest.importorskip("duckdb")
    reader = read_arrow([r"sid=users\sam\nowhere"], connection=prices)
    with duckdb.connect() as database:
        database.register("prices", reader)
        with pytest.raises(Exception, match="no series found for the query"):
            database.execute("SELECT count(*) FROM prices").fetchall()


def test_polars_reads_it(prices):
    pl = pytest.importorskip("polars")
    reader = read_arrow(r"sid:users\sam", ["country"], batch_size=3, connection=prices)
    frame = pl.DataFrame(reader)
    assert frame.schema["dt"] == pl.Datetime("ms", "UTC")
    assert frame.group_by("country").agg(pl.col("val").sum()).sort("val").rows() == [("FR", 168.0), ("DE", 238.0)]

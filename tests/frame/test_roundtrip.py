"""What is written and read back is equal: index, zone, values to the bit, column labels."""

import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import read_shooju


def assert_same(read, written, **options):
    """Equal to the bit, dates in milliseconds."""
    written = written.copy()
    written.index = written.index.as_unit("ms").rename("dt")
    pd.testing.assert_frame_equal(read, written, check_exact=True, check_freq=False, **options)
    left, right = read.to_numpy(np.float64), written.to_numpy(np.float64)
    assert (left.view("i8")[~np.isnan(left)] == right.view("i8")[~np.isnan(right)]).all()


def frame_on(index, names=("a", "b"), name="name"):
    rng = np.random.default_rng(3)
    return pd.DataFrame(rng.normal(size=(len(index), len(names))), index, pd.Index(names, name=name))


INDEXES = {
    "naive": pd.date_range("2024-01-01", periods=50, freq="6h"),
    "UTC": pd.date_range("2024-01-01", periods=50, freq="6h", tz="UTC"),
    "zoned": pd.date_range("2024-01-01", periods=50, freq="6h", tz="Asia/Tokyo"),
    "spring, hourly": pd.date_range("2024-03-09", periods=72, freq="h", tz="America/Chicago"),
    "autumn, hourly": pd.date_range("2024-11-02", periods=72, freq="h", tz="America/Chicago"),
    "spring, 15 minutes": pd.date_range("2024-03-30", periods=200, freq="15min", tz="Europe/London"),
    "autumn, 15 minutes": pd.date_range("2024-10-26", periods=200, freq="15min", tz="Europe/London"),
    "a year, hourly": pd.date_range("2024-01-01", "2025-01-01", freq="h", tz="America/New_York"),
    "half an hour of daylight time": pd.date_range("2024-04-05", periods=96, freq="30min", tz="Australia/Lord_Howe"),
    "1901": pd.date_range("1901-01-01", periods=30, freq="D", tz="UTC"),
    "3000": pd.date_range("3000-01-01", periods=30, freq="D", tz="UTC", unit="s"),
    "1901 and 3000": pd.DatetimeIndex(["1901-05-01", "2024-01-01", "3000-12-31"], dtype="M8[ms]").tz_localize("UTC"),
    "milliseconds": pd.date_range("2024-01-01", periods=30, freq="7ms", tz="UTC"),
    "months": pd.date_range("1990-01-01", periods=400, freq="MS", tz="UTC"),
    "business days": pd.bdate_range("2020-01-01", periods=300, tz="UTC"),
    "one point": pd.DatetimeIndex(["2024-02-29"], tz="UTC"),
}


@pytest.mark.parametrize("kind", INDEXES)
@pytest.mark.parametrize("transport", ["in process", "socket"])
def test_any_index_comes_back(request, kind, transport):
    conn = request.getfixturevalue("conn" if transport == "in process" else "socket_conn")
    index = INDEXES[kind]
    written = frame_on(index)
    written.shooju.write("indexes", sid=r"users\sam\{name}", fields="levels", connection=conn)
    zone = None if index.tz is None else str(index.tz)
    assert_same(read_shooju(r"sid:users\sam", "name", tz=zone, connection=conn), written)
    if zone not in (None, "UTC"):  # the same by way of the server's wall clock
        assert_same(read_shooju(rf"sid:users\sam@localize:{zone}", "name", connection=conn), written)


@pytest.mark.parametrize("format_", ["sjts", "msgpack", "json"])
def test_every_format_carries_it(conn, format_):
    written = frame_on(INDEXES["autumn, hourly"])
    written.iloc[5, 0] = np.nan
    sj.options.disable_sjts = format_ != "sjts"
    sj.options.disable_msgpack = format_ == "json"
    try:
        written.shooju.write("formats", sid=r"users\sam\{name}", fields="levels", connection=conn)
        assert_same(read_shooju(r"sid:users\sam", "name", tz="America/Chicago", connection=conn), written)
    finally:
        sj.options.disable_sjts = sj.options.disable_msgpack = False


def test_values_to_the_bit(conn):
    values = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, float("inf"), float("-inf"), 2.0**53]
    written = pd.DataFrame({"x": values}, INDEXES["UTC"][: len(values)]).rename_axis(columns="name")
    written.shooju.write("bits", sid=r"users\sam\{name}", fields="levels", connection=conn)
    assert_same(read_shooju(r"sid:users\sam", "name", connection=conn), written)


def test_missing_values_stay_missing(conn):
    written = frame_on(INDEXES["UTC"], ["a", "b", "c", "none at all"])
    written.iloc[3:7, 0] = np.nan
    written.iloc[::2, 1] = np.nan
    written.iloc[0, :] = np.nan
    written["none at all"] = np.nan
    written.shooju.write("holes", sid=r"users\sam\{name}", fields="levels", connection=conn)
    read = read_shooju(r"sid:users\sam", "name", connection=conn)
    assert_same(read, written.iloc[1:])  # a date at which nothing has a value is no date of any series


def test_no_points(conn):
    written = frame_on(INDEXES["UTC"][:0])
    result = written.shooju.write("nothing", sid=r"users\sam\{name}", fields="levels", connection=conn)
    assert result.ok
    assert_same(read_shooju(r"sid:users\sam", "name", connection=conn), written)


def test_ten_thousand_columns(conn):
    written = frame_on(INDEXES["UTC"][:5], [f"column {i:05}" for i in range(10_000)])
    written.shooju.write("wide", sid=r"users\sam\{name}", fields="levels", connection=conn)
    assert_same(read_shooju(r"sid:users\sam", "name", sort="name asc", connection=conn), written)


NAMES = [
    "with space", 'with "quotes"', "it's", "(parentheses)", "a=b", "at@sign", "comma, semicolon;", "per cent % &",
    "#hash?query", "Größe", "日本語", "emoji 🚀", "dots.and:colons", "{braces}", "*star", "AND", "not this",
    'end "', "back\\slash", "a\\(b)\\c", "[1] + 2 / 3",
]  # fmt: skip


def test_any_ids_and_fields(conn):
    written = frame_on(INDEXES["UTC"], NAMES)
    ids = {name: "users\\sam\\" + name.translate(dict.fromkeys(map(ord, "{}/"))) for name in NAMES}
    written.shooju.write("names", sid=ids, fields="levels", connection=conn)
    read = read_shooju(r"sid:users\sam", "name", columns=["name"], connection=conn)
    assert_same(read[NAMES], written)
    assert read.shooju.series_ids.to_dict() == ids
    # each by its own id
    quoted = {name: sj.query.series(one) for name, one in ids.items()}
    one_by_one = read_shooju(quoted, connection=conn)
    assert_same(one_by_one.rename_axis(columns="name"), written)
    # and back where they came from
    (read + 1).shooju.write("names, changed", sid="{series_id}", connection=conn)
    assert_same(read_shooju(r"sid:users\sam", "name", connection=conn)[NAMES], written + 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=15))
def test_generated_ids(conn, name):
    assume("/" not in name and "\\\\" not in name)  # which no series id has
    series_id = f"users\\sam\\x{name}y"
    written = pd.Series([1.5], pd.DatetimeIndex(["2024-01-01"], tz="UTC"), name=series_id)
    written.shooju.write("generated", sid={series_id: series_id}, fields={"name": name}, connection=conn)
    read = read_shooju([sj.query.series(series_id)], "name", connection=conn)
    assert read.columns.tolist() == [name]
    assert read.iloc[0, 0] == 1.5
    assert read.shooju.series_ids.tolist() == [series_id]


def test_long_and_back(conn, gdp):
    read = read_shooju(r"sid:users\sam\gdp", ["country", "unit"], layout="long", connection=conn)
    assert read.columns.tolist() == ["series_id", "country", "unit", "dt", "val"]
    assert {name: str(read[name].dtype) for name in ("series_id", "country", "unit")} == dict.fromkeys(
        ("series_id", "country", "unit"), "category"
    )
    read.shooju.write("copy", sid=r"users\sam\copy\{country}\{unit}", fields=["country", "unit"], connection=conn)
    assert_same(read_shooju(r"sid:users\sam\copy", ["country", "unit"], connection=conn), gdp)


def test_a_groupby_and_back(conn):
    dates = pd.date_range("2024-01-01", periods=5, tz="UTC")
    long = pd.DataFrame(
        {"symbol": np.repeat(["A", "B", "C"], 5), "day": list(dates) * 3, "close": np.arange(15.0)}
    ).sample(frac=1, random_state=1)
    long.groupby("symbol").shooju.write(
        "prices", sid=r"users\sam\{symbol}", date="day", value="close", fields=["symbol"], connection=conn
    )
    expected = long.pivot(index="day", columns="symbol", values="close")
    assert_same(read_shooju(r"sid:users\sam", "symbol", connection=conn), expected)
    series = long.set_index("day").groupby("symbol")["close"]
    series.shooju.write("again", sid=lambda symbol: rf"users\sam\two\{symbol}", connection=conn)
    read = read_shooju(r"sid:users\sam\two", connection=conn)
    assert (read.to_numpy() == expected.to_numpy()).all()


def test_a_single_series(conn):
    written = pd.Series([1.0, 2.0], pd.date_range("2024-01-01", periods=2, tz="UTC"), name="price")
    written.shooju.write("one", sid=r"users\sam\price", connection=conn)
    read = read_shooju(r"sid=users\sam\price", connection=conn)
    assert_same(read.set_axis(["price"], axis=1), written.to_frame())


def test_fields_only_and_back(conn):
    table = pd.DataFrame(
        {
            "unit": ["MW", "EUR", None],
            "level": [1, 2, 3],
            "share": [0.5, np.nan, 0.25],
            "live": [True, False, True],
            "tags": [["a", "b"], [], None],
            "source": [{"name": "x", "n": 1}, None, None],
            "since": [datetime.date(2020, 1, 1)] * 3,
        },
        index=pd.Index([r"users\sam\a", r"users\sam\b", r"users\sam\c"], name="series_id"),
    )
    table.shooju.write("fields", connection=conn)
    read = read_shooju(r"sid:users\sam", "*", layout="fields", connection=conn)
    assert read.index.tolist() == table.index.tolist()
    assert read["unit"].tolist()[:2] == ["MW", "EUR"]
    assert pd.isna(read["unit"].iloc[2])
    assert read["level"].dtype == "int64"
    assert read["live"].dtype == "bool"
    assert read["share"].dtype == "float64"
    assert read["tags"].iloc[0] == ["a", "b"]
    assert read["source"].iloc[0] == {"name": "x", "n": 1}
    assert read["since"].iloc[0] == "2020-01-01"
    columns = read_shooju(r"sid:users\sam", ["tags", "level"], connection=conn).columns
    assert columns[0] == ('["a", "b"]', 1)


def test_zoneinfo_and_string_zones_are_one(conn):
    index = pd.date_range("2024-10-26", periods=100, freq="h", tz=ZoneInfo("Europe/Berlin"))
    written = frame_on(index)
    written.shooju.write("zones", sid=r"users\sam\{name}", fields="levels", connection=conn)
    read = read_shooju(r"sid:users\sam", "name", tz=ZoneInfo("Europe/Berlin"), connection=conn)
    assert (read.index == written.index).all()
    naive = read_shooju(r"sid:users\sam@localize:Europe/Berlin", "name", tz=None, connection=conn)
    assert (naive.index == written.index.tz_localize(None)).all()


def test_parquet_keeps_the_origin(conn, gdp, tmp_path):
    pytest.importorskip("pyarrow")
    read = read_shooju(r"sid:users\sam\gdp", connection=conn)
    read.to_parquet(tmp_path / "gdp.parquet")
    back = pd.read_parquet(tmp_path / "gdp.parquet")
    assert back.attrs == read.attrs
    (back * 2).shooju.write("doubled", sid="{series_id}", connection=conn)
    assert_same(read_shooju(r"sid:users\sam\gdp", ["country", "unit"], connection=conn), gdp * 2)

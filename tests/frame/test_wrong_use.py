"""Wrong use gets an answer that helps: what was wrong, with which value, and what to do."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import local, read_shooju

DATES = pd.date_range("2024-01-01", periods=3, tz="UTC")


def wide(**columns):
    return pd.DataFrame(columns, index=DATES)


# --- connecting --------------------------------------------------------------------------------------------------


def test_no_server_says_every_way_to_name_one(monkeypatch, tmp_path):
    for name in ("SHOOJU_SERVER", "SHOOJU_USER", "SHOOJU_API_KEY", "SHOOJU_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(sj.ConfigurationError) as raised:
        pd.read_shooju("sid:users")
    for way in ("Connection(", "SHOOJU_SERVER", "config.toml", "local"):
        assert way in str(raised.value)


def test_bad_credentials_are_told_and_the_key_is_not():
    with (
        local.start(user="sam", api_key="right") as server,
        sj.Connection(server.url, "sam", "s3cret-key") as conn,
    ):
        with pytest.raises(sj.AuthenticationError, match="check the user and the API key") as raised:
            read_shooju("sid:users", connection=conn)
        assert "s3cret-key" not in repr(raised.getrepr(showlocals=False, style="native")) + str(raised.value)
        assert "s3cret-key" not in repr(conn)


def test_no_server_listening():
    conn = sj.Connection("http://127.0.0.1:9", "sam", "key", retry_delay=0.01)
    with conn, pytest.raises(sj.ConnectionError, match=r"127\.0\.0\.1:9"):
        read_shooju("sid:users", connection=conn)


# --- reading -----------------------------------------------------------------------------------------------------


def test_a_search_that_finds_nothing_is_an_empty_frame(conn):
    frame = read_shooju(r"sid:users\nobody", connection=conn)
    assert frame.shape == (0, 0)
    assert frame.index.dtype == "datetime64[ms, UTC]"
    assert frame.index.name == "dt"
    long = read_shooju(r"sid:users\nobody", "unit", layout="long", connection=conn)
    assert long.columns.tolist() == ["series_id", "unit", "dt", "val"]
    assert long.dtypes.astype(str).tolist() == ["category", "category", "datetime64[ms, UTC]", "float64"]
    assert read_shooju(r"sid:users\nobody", layout="fields", connection=conn).index.name == "series_id"


def test_a_missing_series_of_a_list_is_named(conn, gdp):
    queries = [r"sid=users\sam\gdp\US\bn", r"sid=users\sam\no"]
    with pytest.raises(sj.SeriesNotFoundError, match=r"no series found for the query 'sid=users.*no'; .*on_missing"):
        read_shooju(queries, connection=conn)
    with pytest.warns(UserWarning, match="no series found for the query"):
        frame = read_shooju(queries, on_missing="warn", connection=conn)
    assert frame.columns.tolist() == [r"users\sam\gdp\US\bn"]
    assert read_shooju({"x": queries[1]}, on_missing="ignore", connection=conn).shape == (0, 0)


def test_two_series_with_one_label_are_named(conn, gdp):
    with pytest.raises(ValueError, match=r"2 series have the label 'US' \(by country\): users.*columns="):
        read_shooju(r"sid:users\sam", "country", connection=conn)


def test_a_query_that_names_several_series_of_a_list(conn, gdp):
    with pytest.raises(sj.ShoojuApiError, match=r"in the query 'sid:users"):
        read_shooju([r"sid:users\sam"], connection=conn)


def test_a_bad_operator(conn, gdp):
    with pytest.raises(sj.ShoojuApiError, match="operator BADOPERATOR is not supported"):
        read_shooju(r"sid:users\sam@BADOPERATOR", connection=conn)
    with pytest.raises(sj.ShoojuApiError, match="BADOPERATOR"):
        read_shooju([r"sid=users\sam\gdp\US\bn@BADOPERATOR"], connection=conn)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "UTC/x", "x" * 5000])
def test_localize_with_an_unknown_zone(conn, gdp, zone):
    with pytest.raises(sj.ShoojuApiError, match="is not a time zone") as raised:
        read_shooju(rf"sid:users\sam@localize:{zone}", df="2024-01-01", connection=conn)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layout": "tall"}, "layout must be 'wide', 'long' or 'fields', got 'tall'"),
        ({"tz": "Mars/Olympus"}, "'Mars/Olympus' is not a time zone"),
        ({"tz": 3}, "tz must be the name of a time zone or a tzinfo, got 3"),
        ({"on_missing": "skip"}, "on_missing must be 'raise', 'warn' or 'ignore', got 'skip'"),
        ({"max_points": -2}, r"max_points must be -1 \(all points\) or a non-negative integer, got -2"),
        ({"max_points": True}, "max_points must be .* got True"),
        ({"chunksize": 0}, "chunksize must be a positive integer, got 0"),
        ({"max_series": -1}, "max_series must be a non-negative integer, got -1"),
        ({"batch_size": 0}, "batch_size must be a positive integer, got 0"),
        ({"layout": "long", "columns": "unit"}, "columns= requires layout='wide', got layout='long'"),
        ({"include_job": True}, "require layout='long', got layout='wide'"),
        ({"columns": "*"}, r"columns must be names of fields or 'series_id', got '\*'"),
        ({"fields": ["unit", 1]}, "fields must be the name of a field or a list of names, got 1"),
        ({"dtype_backend": "polars"}, "dtype_backend must be 'numpy_nullable' or 'pyarrow', got 'polars'"),
        (
            {"df": 20240103},
            "df must be milliseconds since 1970-01-01 if it is a number, got 20240103, which looks like",
        ),
        ({"dt": ""}, "dt must be a date or datetime .*; got ''"),
        ({"connection": 3}, "connection must be a Connection, or the name or URL of a server, got 3"),
        ({"df": "yesterday"}, "df must be a date .*; got 'yesterday'"),
    ],
)
def test_a_wrong_argument_is_named(conn, gdp, options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        read_shooju(r"sid:users\sam", **{"connection": conn, **options})


# --- writing -----------------------------------------------------------------------------------------------------


def test_a_write_without_a_job():
    with pytest.raises(TypeError, match="job must be a description"):
        wide(a=1.0).shooju.write()


def test_a_description_that_is_too_short(conn):
    with pytest.raises(ValueError, match="'ab'"):
        wide(a=1.0).shooju.write("ab", sid=r"users\sam\a", connection=conn)


TWO_LEVELS = wide(a=1.0, b=2.0)
TWO_LEVELS.columns = pd.MultiIndex.from_tuples([("US", "bn"), ("CN", "bn")], names=["country", "unit"])
LONG = pd.DataFrame({"symbol": ["A", "A", "B"], "dt": DATES, "val": [1.0, 2.0, 3.0], "note": ["x", "y", "z"]})


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        (pd.DataFrame({"a": [1.0]}), {}, "must contain dates, got an index that is RangeIndex.*datetimes or periods"),
        (pd.Series([1.0], name="a"), {}, "the index of the Series 'a' must contain dates"),
        (wide(a=1.0), {}, "a wide frame is only written to series that the call names. Pass one of:"),
        (wide(a=1.0), {"sid": "{series_id}"}, "whose labels are series ids, got the column 'a'"),
        (TWO_LEVELS, {"sid": r"users\{region}"}, "contains {region}, but the column levels are"),
        (wide(a=1.0), {"sid": r"users\{region}"}, "the column level has no name"),
        (wide(a=1.0, b=1.0), {"sid": r"users\sam"}, "must contain a placeholder such as {name}, otherwise all"),
        (TWO_LEVELS, {"sid": r"users\{unit}"}, "different series, but two are written to 'users"),
        (wide(a=1.0), {"sid": r"users\{a"}, "must be a valid template"),
        (wide(a=1.0), {"sid": {"b": "x"}}, "for each column, but it has none for 'a'; it has 'b'"),
        (wide(a=1.0), {"sid": lambda label: 7}, "the series id for 'a' must be a string .* got 7"),
        (wide(a="text"), {"sid": r"users\sam"}, "column 'a' contains 'text' .*not a number"),
        (wide(a=[True, False, True]), {"sid": r"users\sam"}, "column 'a' contains True .*not a number"),
        (wide(a=[2**53 + 1, 1, 1]), {"sid": r"users\sam"}, "contains 9007199254740993 .*float64 cannot"),
        (wide(a=1.0).iloc[[0, 1, 1]], {"sid": r"users\sam"}, "the index contains 2024-01-02.*more than once"),
        (wide(a=1.0).set_axis([DATES[0], pd.NaT, DATES[2]]), {"sid": r"users\sam"}, "position 1 is missing"),
        (wide(a=1.0), {"sid": r"users\sam", "na": "drop"}, "na must be 'skip' .*got 'drop'"),
        (wide(a=1.0), {"sid": r"users\sam", "remove_others": "everything"}, "must be .*, got 'everything'"),
        (wide(a=1.0), {"sid": r"users\sam", "fields": "levels"}, "requires named column levels"),
        (TWO_LEVELS, {"sid": r"users\{country}", "fields": ["region"]}, "'country', 'unit'\\), got 'region'"),
        (wide(a=1.0), {"sid": r"users\sam", "fields": {"x": object()}}, "the field 'x' contains <object"),
        (wide(a=1.0), {"sid": r"users\sam", "fields": pd.DataFrame({"u": [1]}, ["z"])}, "must have rows for"),
        (LONG, {}, "must have the column 'series_id', or"),
        (LONG, {"sid": r"users\{ticker}"}, "contains {ticker}, but the columns are 'symbol'"),
        (LONG, {"sid": r"users\{symbol}", "value": "close"}, "value must be a column of the frame .*, got 'close'"),
        (LONG, {"sid": r"users\{symbol}", "date": "note"}, "the column 'note' must contain dates, got"),
        (LONG, {"sid": r"users\{symbol}", "fields": ["note"]}, "'note' must have one value .*A': 'x', 'y'"),
        (LONG.assign(symbol=["A", None, "B"]), {"sid": r"users\{symbol}"}, "'symbol' must not be missing"),
        (LONG.assign(dt=DATES[0]), {"sid": r"users\{symbol}"}, "the series 'users.+A' contains 2024-01-01"),
        (LONG, {"sid": {"A": "x"}}, "requires a groupby"),
        (LONG.assign(other=1.0).drop(columns="val").groupby("symbol"), {"sid": "x{symbol}", "date": "dt"},
         "value= must name the column .* the numeric columns are 'other'$"),
    ],
)  # fmt: skip
def test_a_frame_that_cannot_be_written_says_why(conn, frame, options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        frame.shooju.write("wrong", connection=conn, **options)
    # and nothing was registered or sent
    assert conn.register_job("the first job").job_id == 1


def test_a_result_of_operators_is_not_written_over_its_series(conn, gdp):
    for query in (r"sid:users\sam@lag:1y", [r'sid="users\sam\gdp\US\bn"@lag:1y'], r"sid:users\sam@lag:1y@asof:j1"):
        wide = read_shooju(query, connection=conn)
        long = read_shooju(query, layout="long", connection=conn)
        for data in (wide, wide.set_axis(wide.columns.rename("id"), axis=1), long, long.assign(val=1.0)):
            with pytest.raises(ValueError, match=r"lag:1y.* computed by the server, .*such as sid="):
                data.shooju.write("oops", sid="{series_id}", connection=conn)
        with pytest.raises(ValueError, match=r"lag:1y.* computed by the server, .*such as sid="):
            (wide * 2).shooju.write("oops", changed_from=wide, connection=conn)
        long.attrs = {}
        with pytest.raises(ValueError, match=r"lag:1y.* computed by the server, .*such as sid="):
            long.shooju.write("oops", connection=conn)


def test_naive_times_that_repeat_an_hour_say_what_to_do(conn):
    index = pd.date_range("2024-11-03", periods=5, freq="h", tz="America/Chicago").tz_localize(None)
    with pytest.raises(ValueError, match=r"pass their time zone, such as tz='Europe/Berlin'"):
        pd.DataFrame({"a": 1.0}, index).shooju.write("hours", sid=r"users\sam\a", connection=conn)


def test_the_origin_is_read_only(conn, gdp):
    frame = read_shooju(r"sid:users\sam", connection=conn)
    with pytest.raises(TypeError, match=r"df\.attrs"):
        frame.attrs["shooju"]["query"] = "x"


def test_a_missing_extra_is_named():
    code = (
        "import sys; sys.modules['tqdm.auto'] = None\n"
        "from pandas_shooju.progress import Progress; Progress('', '', True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pandas-shooju[progress]" in done.stderr


def test_missing_values_of_every_kind_are_skipped(conn):
    frame = pd.DataFrame(
        {
            "nullable": pd.array([1, None, 3], "Int64"),
            "float": pd.array([None, 2.5, 3], "Float64"),
            "object": pd.Series([1, None, 2.5], dtype=object).to_numpy(),
            "empty": [None, None, None],
        },
        index=DATES,
    )
    result = frame.rename_axis(columns="n").shooju.write("missing", sid=r"users\sam\{n}", connection=conn)
    assert result.series["points"].tolist() == [2, 2, 2, 0]
    assert result.points == 6
    assert np.isnan(read_shooju([r"sid=users\sam\object"], connection=conn).reindex(DATES).iloc[1, 0])


@pytest.mark.parametrize("sid", [None, "{series_id}", r"new\{series_id}"])
@pytest.mark.parametrize("query", ["sid:users", "sid:users@A:M"])
def test_two_columns_of_series_ids(conn, sid, query):
    """`pd.concat(axis=1)` makes them."""
    long = pd.DataFrame({"series_id": r"users\sam\a", "dt": pd.date_range("2024", periods=3), "val": 1.0})
    long.shooju.write("the series", connection=conn)
    read = pd.read_shooju(query, layout="long", connection=conn)
    beside = pd.concat([read[["series_id"]], read], axis=1)
    beside.attrs = read.attrs
    with pytest.raises(ValueError, match="must name one column, but several are named 'series_id'"):
        beside.shooju.write("beside", sid, connection=conn)
    with pytest.raises(ValueError, match="must name one column, but several are named 'series_id'"):
        beside.shooju.series_ids  # noqa: B018

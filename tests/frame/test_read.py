"""What `read_shooju` gives, in its layouts and with its options."""

import copy
import datetime
import json
import pickle
import warnings
import zoneinfo

import dateutil.tz
import numpy as np
import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import read_shooju

ROOT = r"sid:users\sam\gdp"
ONE = r"sid=users\sam\gdp\US\bn"


def test_read_is_hooked_into_pandas(conn, gdp):
    assert pd.read_shooju is read_shooju
    pd.testing.assert_frame_equal(pd.read_shooju(ONE, connection=conn), read_shooju(ONE, connection=conn))


def test_columns_are_series_ids_by_default(conn, gdp):
    frame = read_shooju(ROOT, connection=conn)
    assert frame.columns.name is None
    assert set(frame.columns) == {rf"users\sam\gdp\{c}\{u}" for c, u in gdp.columns}


def test_a_plain_string_is_one_field(conn, gdp):
    frame = read_shooju(f"{ROOT} unit=bn", "country", connection=conn)
    assert frame.columns.tolist() == ["CN", "US"]
    assert frame.columns.name == "country"


def test_columns_choose_the_labels_and_fields_go_along(conn, gdp):
    frame = read_shooju(ROOT, "unit", columns=["country", "unit", "series_id"], connection=conn)
    assert frame.columns.names == ["country", "unit", "series_id"]
    assert frame.shooju.fields.columns.tolist() == ["unit"]
    by_id = read_shooju(ROOT, "*", connection=conn)
    assert by_id.columns.name is None
    assert by_id.shooju.fields.loc[r"users\sam\gdp\US\pct"].to_dict() == {"country": "US", "unit": "pct"}


def test_lists_keep_their_order(conn, gdp):
    queries = [rf"sid=users\sam\gdp\{c}\{u}" for c, u in reversed(gdp.columns.tolist())]
    frame = read_shooju(queries, connection=conn)
    assert frame.columns.tolist() == [query.removeprefix("sid=") for query in queries]
    assert (frame.to_numpy() == gdp.to_numpy()[:, ::-1]).all()


def test_more_queries_than_one_call_takes(conn):
    wide = pd.DataFrame(np.arange(2500.0)[None, :], pd.DatetimeIndex(["2024-01-01"], tz="UTC"), range(2500))
    wide.columns.name = "i"
    wide.shooju.write("many", sid=r"users\sam\{i}", connection=conn)
    frame = read_shooju({i: rf"sid=users\sam\{i}" for i in reversed(range(2500))}, connection=conn)
    assert frame.iloc[0].tolist() == list(map(float, reversed(range(2500))))
    assert frame.columns.tolist() == list(reversed(range(2500)))


def test_dates_limit_the_points_both_ends_included(conn, gdp):
    dates = {"df": datetime.date(2021, 1, 1), "dt": "2022-01-01"}
    assert read_shooju(ONE, connection=conn, **dates).index.year.tolist() == [2021, 2022]
    assert len(read_shooju(ONE, max_points=1, connection=conn)) == 1
    assert len(read_shooju(ONE, max_points=0, connection=conn)) == 0
    milliseconds = int(gdp.index[1].timestamp() * 1000)
    assert read_shooju(ONE, df=milliseconds, connection=conn).index[0] == gdp.index[1]
    assert len(read_shooju(ONE, df="+1d", connection=conn)) == 0


@pytest.fixture
def hourly(conn):
    """A series of hourly points over the whole of 2024, and a bit more."""
    index = pd.date_range("2023-12-31", "2025-01-02", freq="h", tz="UTC", unit="ms", inclusive="left")
    series = pd.Series(np.arange(len(index), dtype=float), index.rename("dt"))
    series.to_frame("hourly").shooju.write("hourly", sid=r"users\sam\hourly", connection=conn)
    return series


HOURLY = r"sid=users\sam\hourly"


@pytest.mark.parametrize(
    ("limit", "first", "last"),
    [
        (datetime.date(2024, 1, 3), "2024-01-03 00:00", "2024-01-03 23:00"),
        ("2024-01-03", "2024-01-03 00:00", "2024-01-03 23:00"),
        ("20240103", "2024-01-03 00:00", "2024-01-03 23:00"),
        ("2024-02", "2024-02-01 00:00", "2024-02-29 23:00"),
        ("2024", "2024-01-01 00:00", "2024-12-31 23:00"),
        (pd.Period("2024Q2"), "2024-04-01 00:00", "2024-06-30 23:00"),
        ("2024-01-03T10:00", "2024-01-03 10:00", "2024-01-03 10:00"),
        (datetime.datetime(2024, 1, 3, 10), "2024-01-03 10:00", "2024-01-03 10:00"),
        (np.datetime64("2024-01-03"), "2024-01-03 00:00", "2024-01-03 00:00"),
    ],
)
@pytest.mark.parametrize(
    ("tz", "operators", "zone"),
    [
        (..., "", "UTC"),
        (None, "", "UTC"),
        ("America/Chicago", "", "America/Chicago"),
        (datetime.timezone(datetime.timedelta(hours=5)), "", datetime.timezone(datetime.timedelta(hours=5))),
        (..., "@localize:Europe/London", "Europe/London"),
        (None, "@localize:Europe/London", "Europe/London"),
        ("Asia/Tokyo", "@localize:Europe/London", "Asia/Tokyo"),
    ],
)
def test_both_limits_are_included_and_in_the_zone_of_the_frame(conn, hourly, limit, first, last, tz, operators, zone):
    for queries in (HOURLY + operators, [HOURLY + operators]):
        frame = read_shooju(queries, df=limit, dt=limit, tz=tz, connection=conn)
        shown = frame.index if tz is None else frame.index.tz_localize(None)
        assert [str(shown[0])[:16], str(shown[-1])[:16]] == [first, last]
        whole = hourly.tz_convert(zone).tz_localize(None)
        assert frame.iloc[:, 0].tolist() == whole[first:last].tolist()


def test_limits_between_points_and_limits_that_cross(conn, hourly):
    between = pd.Timestamp("2024-01-03 10:00:00.000000001")
    assert read_shooju(HOURLY, df=between, dt="2024-01-03", connection=conn).index[0].hour == 11
    assert read_shooju(HOURLY, df="2024-01-03", dt=between, connection=conn).index[-1].hour == 10
    for layout in ("wide", "long"):
        assert len(read_shooju(HOURLY, df=between, dt=between, layout=layout, connection=conn)) == 0
        assert len(read_shooju(HOURLY, df="2024-02", dt="2024-01", layout=layout, connection=conn)) == 0
    aware = pd.Timestamp("2024-01-03", tz="Asia/Tokyo")
    assert read_shooju(HOURLY, df=aware, tz="UTC", connection=conn).index[0] == aware
    assert len(read_shooju(HOURLY, df="MIN", dt="MAX", connection=conn)) == len(hourly)
    assert len(read_shooju(HOURLY, df="+1d", connection=conn)) == 0
    assert read_shooju(HOURLY, df="2024-03-10", dt="2024-03-10", tz="America/Chicago", connection=conn).shape == (23, 1)


@pytest.mark.parametrize(
    "tz",
    ["UTC", "utc", "+02:00", "Europe/London", datetime.UTC, datetime.timezone(datetime.timedelta(minutes=-210)),
     zoneinfo.ZoneInfo("America/Chicago"), dateutil.tz.tzoffset(None, 7200), dateutil.tz.UTC],
)  # fmt: skip
def test_tz_takes_every_time_zone(conn, hourly, tz):
    expected = hourly.index.tz_convert(tz)
    for layout in ("wide", "long"):
        frame = read_shooju(HOURLY, layout=layout, tz=tz, connection=conn)
        index = frame.index if layout == "wide" else pd.DatetimeIndex(frame["dt"])
        assert index.tz_localize(None).equals(expected.tz_localize(None))
        assert index.tz.utcoffset(datetime.datetime(2024, 7, 1)) == expected.tz.utcoffset(datetime.datetime(2024, 7, 1))
    assert str(read_shooju(r"sid:users\no", tz=tz, connection=conn).index.tz) == str(expected.tz)


def test_the_zone_of_a_frame(conn, gdp):
    local = read_shooju(f"{ROOT}@localize:America/Chicago", connection=conn)
    assert str(local.index.tz) == "America/Chicago"
    assert (local.index == gdp.index).all()
    two = {"a": f"{ONE}@localize:America/Chicago", "b": f"{ONE}@localize:Europe/London"}
    mixed = read_shooju(two, connection=conn)
    assert str(mixed.index.tz) == "UTC"
    assert (mixed["a"] == mixed["b"]).all()
    long = read_shooju(two, layout="long", connection=conn)
    assert long["dt"].dtype == "datetime64[ms, UTC]"
    assert set(long["dt"]) == set(gdp.index)
    assert read_shooju(ONE, tz="Asia/Tokyo", connection=conn).index.dtype == "datetime64[ms, Asia/Tokyo]"
    assert read_shooju(ONE, tz=None, connection=conn).index.dtype == "datetime64[ms]"


def test_max_series_sort_and_extra_params(conn, gdp):
    frame = read_shooju(ROOT, ["unit", "country"], sort="unit desc, country asc", max_series=2, connection=conn)
    assert frame.columns.tolist() == [("pct", "US"), ("bn", "CN")]
    assert read_shooju(ROOT, extra_params={"max_points": 1}, connection=conn).shape == (1, 3)


def test_pages_are_put_together(conn, gdp):
    whole = read_shooju(ROOT, connection=conn)
    pd.testing.assert_frame_equal(read_shooju(ROOT, batch_size=1, connection=conn), whole)


@pytest.mark.parametrize("layout", ["wide", "long", "fields"])
def test_chunks_are_the_whole_in_parts(conn, gdp, layout):
    whole = read_shooju(ROOT, "*", layout=layout, connection=conn)
    chunks = read_shooju(ROOT, "*", layout=layout, chunksize=2, connection=conn)
    assert iter(chunks) is chunks
    frames = list(chunks)
    assert len(frames) == 2
    if layout == "wide":
        pd.testing.assert_frame_equal(pd.concat(frames, axis=1), whole)
    else:
        joined = pd.concat(frames)
        assert len(joined) == len(whole)
        assert joined.attrs == whole.attrs
        assert joined.shooju.fields.columns.tolist() == ["country", "unit"]
    listed = list(read_shooju([ONE] * 5, layout="long", chunksize=2, connection=conn))
    assert [len(frame) for frame in listed] == [8, 8, 4]


def test_frames_of_chunks_can_be_concatenated(conn, gdp):
    whole = read_shooju(ROOT, ["unit"], layout="long", connection=conn)
    chunks = list(read_shooju(ROOT, ["unit"], layout="long", chunksize=2, connection=conn))
    joined = pd.concat(chunks, ignore_index=True)
    assert joined.attrs == whole.attrs
    # strings, as the series differ from chunk to chunk, until they are made categorical again
    again = joined.astype({"series_id": whole["series_id"].dtype, "unit": whole["unit"].dtype})
    pd.testing.assert_frame_equal(again, whole)
    # but where all chunks have the same categories, they stay
    same = list(read_shooju(f"{ROOT} unit=bn", ["unit"], layout="long", chunksize=1, connection=conn))
    assert len(same) == 2
    assert pd.concat(same)["unit"].dtype == same[0]["unit"].dtype == "category"


def test_chunks_are_a_context_manager(conn, gdp):
    with read_shooju(ROOT, chunksize=1, connection=conn) as chunks:
        assert next(chunks).shape == (4, 1)
    assert list(chunks) == []
    chunks.close()


def test_a_warning_of_missing_series_points_at_the_caller(conn, gdp):
    queries = [ONE, r"sid=users\sam\no", ONE, r"sid=users\sam\none"]

    def lines_of_warnings(call):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        return [(str(one.message), one.filename, one.lineno) for one in caught]

    [(message, file, at)] = lines_of_warnings(lambda: read_long(conn, queries))
    assert (file, at) == (__file__, read_long.__code__.co_firstlineno + 1)
    assert message == r"no series found for 2 queries: 'sid=users\\sam\\no', 'sid=users\\sam\\none'"
    [(again, file, at)] = lines_of_warnings(lambda: read_in_chunks(conn, queries))
    assert (again, file, at) == (message, __file__, read_in_chunks.__code__.co_firstlineno + 2)


def read_long(conn, queries):
    return pd.read_shooju(queries, layout="long", on_missing="warn", connection=conn)


def read_in_chunks(conn, queries):
    chunks = pd.read_shooju(queries, layout="long", chunksize=2, on_missing="warn", connection=conn)
    return [len(frame) for frame in chunks]


def test_jobs_and_timestamps_of_points(conn, gdp):
    before = pd.Timestamp.now("UTC")
    frame = read_shooju(ONE, layout="long", include_job=True, include_timestamp=True, connection=conn)
    assert frame.columns.tolist() == ["series_id", "dt", "val", "job", "timestamp"]
    assert frame["job"].tolist() == [1] * 4
    assert frame["job"].dtype == "int64"
    assert frame["timestamp"].dtype == "datetime64[ms, UTC]"
    assert (frame["timestamp"] <= before + pd.Timedelta(minutes=1)).all()
    assert read_shooju(ONE, layout="long", include_job=True, connection=conn).columns[-1] == "job"
    empty = read_shooju(r"sid:users\no", layout="long", include_job=True, include_timestamp=True, connection=conn)
    assert empty.dtypes.astype(str).tolist() == frame.dtypes.astype(str).tolist()


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
@pytest.mark.parametrize("layout", ["wide", "long", "fields"])
def test_dtype_backends(conn, gdp, backend, layout):
    if backend == "pyarrow":
        pytest.importorskip("pyarrow")
    plain = read_shooju(ROOT, "*", layout=layout, columns=None, connection=conn)
    frame = read_shooju(ROOT, "*", layout=layout, dtype_backend=backend, connection=conn)
    assert frame.shape == plain.shape
    assert frame.attrs == plain.attrs
    for name, dtype in frame.dtypes.items():
        if pd.api.types.is_float_dtype(plain[name].dtype):
            assert str(dtype) == ("Float64" if backend == "numpy_nullable" else "double[pyarrow]")


def test_long_is_small(conn):
    n = 200_000
    wide = pd.DataFrame(
        np.ones((n // 100, 100)),
        pd.date_range("2000-01-01", periods=n // 100, freq="h", tz="UTC"),
        pd.MultiIndex.from_product([[f"country {i}" for i in range(100)], ["MW"]], names=["country", "unit"]),
    )
    wide.shooju.write("size", sid=r"users\sam\{country}", fields="levels", connection=conn)
    long = read_shooju(r"sid:users\sam", ["country", "unit"], layout="long", connection=conn)
    assert len(long) == n
    assert long.memory_usage(deep=True).sum() < 25 * n


def test_the_origin_is_json_and_copied_for_nothing(conn):
    wide = pd.DataFrame(np.ones((2, 10_000)), pd.date_range("2024-01-01", periods=2, tz="UTC"))
    wide.columns = pd.Index([f"s{i}" for i in range(10_000)], name="name")
    wide.shooju.write("wide", sid=r"users\sam\{name}", fields="levels", connection=conn)
    frame = read_shooju(r"sid:users\sam", "name", connection=conn)
    origin = frame.attrs["shooju"]
    assert json.loads(json.dumps(origin)) == origin
    assert origin["query"] == r"sid:users\sam"
    assert copy.deepcopy(frame).attrs["shooju"] is origin
    assert pickle.loads(pickle.dumps(frame)).attrs["shooju"] == origin
    # pandas copies it deeply for each column that is selected, also in a frame that came back from a file
    assert sum(len(value) for value in origin.values() if isinstance(value, list | dict)) == 1


def test_a_selection_still_knows_its_series(conn, gdp):
    frame = read_shooju(ROOT, ["country", "unit"], connection=conn)
    part = frame[[("US", "pct"), ("CN", "bn")]]
    assert part.shooju.series_ids.tolist() == [r"users\sam\gdp\US\pct", r"users\sam\gdp\CN\bn"]
    assert part.shooju.fields["unit"].tolist() == ["pct", "bn"]
    (part * 10).shooju.write("part", sid="{series_id}", connection=conn)
    after = read_shooju(ROOT, ["country", "unit"], connection=conn)
    assert (after["US", "pct"] == gdp["US", "pct"] * 10).all()
    assert (after["US", "bn"] == gdp["US", "bn"]).all()


def test_missing_fields_are_nan_and_types_are_kept(conn):
    table = pd.DataFrame(
        {"n": [1, None], "text": ["x", None], "big": [2**60, 5], "flag": [True, None]},
        index=pd.Index([r"users\sam\a", r"users\sam\b"], name="series_id"),
        dtype=object,
    )
    table.shooju.write("fields", connection=conn)
    read = read_shooju(r"sid:users\sam", "*", layout="fields", connection=conn)
    assert read["n"].tolist()[0] == 1
    assert type(read["n"].tolist()[0]) is int
    assert np.isnan(read["n"].tolist()[1])
    assert read["big"].tolist() == [2**60, 5]
    assert read["flag"].tolist()[0] is True


@pytest.mark.parametrize(
    "values", [[1, 2.5], [1.0, 2.5], [1, None, 2.5], [1.0, 2.0], [2, None], [True, None], [1, True, 1.0], ["1", 1]]
)
@pytest.mark.parametrize("count", [12, 600])  # many series are decoded in another way
def test_many_series_have_the_same_types_as_few(conn, values, count):
    expected = [values[i % len(values)] for i in range(count)]
    with conn.register_job("types", batch_size=1000) as job:
        for i, value in enumerate(expected):
            fields = {"text": "x"} if value is None else {"text": "x", "f": value}
            job.write(rf"sid=users\sam\{i:04}", fields=fields, points=[(0, 1.0)])
    table = read_shooju(r"sid:users\sam", "*", layout="fields", connection=conn).sort_index()
    wide = read_shooju(r"sid:users\sam", ["f"], columns="series_id", connection=conn).shooju.fields.sort_index()
    long = read_shooju(r"sid:users\sam", ["f"], layout="long", connection=conn).sort_values("series_id")
    for column in (table["f"], wide["f"], long["f"]):
        assert [type(value) for value in column.tolist()] == [type(value or np.nan) for value in expected]
        assert [value for value in column.tolist() if value == value] == [v for v in expected if v is not None]
    if not any(a == b and type(a) is not type(b) for a in values for b in values):
        labels = read_shooju(r"sid:users\sam", ["f", "series_id"], connection=conn).columns.tolist()
        assert [type(label) for label, _ in sorted(labels, key=lambda label: label[1])] == [
            type(value or np.nan) for value in expected
        ]


def test_series_ids_and_fields_of_every_layout(conn, gdp):
    ids = sorted(rf"users\sam\gdp\{c}\{u}" for c, u in gdp.columns)
    for layout in ("wide", "long", "fields"):
        frame = read_shooju(ROOT, ["country", "unit"], layout=layout, connection=conn)
        assert sorted(frame.shooju.series_ids) == ids
        fields = frame.shooju.fields
        assert fields.index.name == "series_id"
        assert fields.sort_index()["country"].tolist() == ["CN", "US", "US"]


def test_the_default_connection_comes_from_the_environment(monkeypatch, tmp_path, gdp):
    monkeypatch.setenv("SHOOJU_SERVER", f"local:{tmp_path / 'store.sqlite'}")
    gdp.shooju.write("by default", sid=r"users\sam\gdp\{country}\{unit}", fields="levels")
    pd.testing.assert_frame_equal(
        pd.read_shooju(r"sid:users\sam\gdp", ["country", "unit"]), gdp, check_freq=False, check_exact=True
    )
    assert (tmp_path / "store.sqlite").exists()


def test_a_server_is_named_instead_of_a_connection(monkeypatch, tmp_path, gdp):
    monkeypatch.delenv("SHOOJU_SERVER", raising=False)
    store = f"local:{tmp_path / 'store.sqlite'}"
    with sj.Connection(store) as other:
        gdp.shooju.write("elsewhere", sid=r"users\sam\gdp\{country}\{unit}", fields="levels", connection=other)
    pd.testing.assert_frame_equal(pd.read_shooju(ROOT, ["country", "unit"], connection=store), gdp, check_freq=False)


def test_over_a_socket_it_is_the_same(socket_conn, conn, gdp):
    gdp.shooju.write("socket", sid=r"users\sam\gdp\{country}\{unit}", fields="levels", connection=socket_conn)
    for layout in ("wide", "long", "fields"):
        pd.testing.assert_frame_equal(
            read_shooju(ROOT, "*", layout=layout, connection=socket_conn),
            read_shooju(ROOT, "*", layout=layout, connection=conn),
        )


def test_expressions(conn, gdp):
    frame = read_shooju({"sum": rf"={{{{{ONE}}}}} + {{{{sid=users\sam\gdp\CN\bn}}}}"}, connection=conn)
    assert frame["sum"].tolist() == (gdp["US", "bn"] + gdp["CN", "bn"]).tolist()
    with pytest.raises(ValueError, match="sid="):
        frame.shooju.write("no series", connection=conn)


def test_progress_needs_no_notebook(conn, gdp, capsys):
    pytest.importorskip("tqdm")
    read_shooju(ROOT, progress=True, connection=conn)
    assert "reading" in capsys.readouterr().err
    read_shooju(ROOT, connection=conn)
    assert capsys.readouterr().err == ""


def test_what_is_public_is_exported():
    for name in sj.__all__:
        assert getattr(sj, name) is not None


def test_a_field_named_as_a_column_of_the_long_layout(conn, gdp):
    gdp.shooju.write("val", sid=r"users\sam\gdp\{country}\{unit}", fields={"val": 1}, connection=conn)
    with pytest.raises(ValueError, match="the field 'val' has the same name as a column"):
        read_shooju(ROOT, "*", layout="long", connection=conn)
    table = read_shooju(ROOT, "*", layout="fields", connection=conn)
    table.assign(val=2, dt="x").shooju.write("back", sid="{series_id}", connection=conn)
    assert read_shooju(ROOT, "val", layout="fields", connection=conn)["val"].tolist() == [2, 2, 2]


def test_queries_of_a_wrong_kind_are_named(conn, gdp):
    for query, words in [
        (None, "query must be .*, got None"),
        (3, "query must be .*, got 3"),
        (b"sid", "query must be .*, got b'sid'"),
        ([1], "each query of a list or dict must be a string, got 1"),
    ]:
        with pytest.raises(TypeError, match=words):
            read_shooju(query, connection=conn)
    assert read_shooju((one for one in [ONE]), connection=conn).shape == (4, 1)
    assert len(read_shooju(ONE, max_points=np.int64(2), connection=conn)) == 2
    with pytest.raises(ValueError, match="3 series lack the field 'nope'"):
        read_shooju(ROOT, "nope", connection=conn)
    with pytest.raises(ValueError, match="dict of queries"):
        read_shooju([ONE, ONE], connection=conn)


def test_what_is_empty_keeps_its_zone_and_its_frame(conn, gdp):
    for options in ({"df": "2100-01-01"}, {"max_points": 0}):
        empty = read_shooju(f"{ROOT}@localize:Europe/Berlin", connection=conn, **options)
        assert empty.shape == (0, 3)
        assert str(empty.index.tz) == "Europe/Berlin"
    assert str(read_shooju(r"sid:users\no@localize:Europe/Berlin", connection=conn).index.tz) == "Europe/Berlin"
    assert [len(part) for part in read_shooju(r"sid:users\no", chunksize=5, layout="long", connection=conn)] == [0]


def test_nullable_dtypes_of_fields_with_missing_values(conn):
    table = pd.DataFrame({"n": [1, None], "b": [True, None]}, [r"users\sam\a", r"users\sam\b"], dtype=object)
    table.rename_axis("series_id").shooju.write("fields", connection=conn)
    read = read_shooju(r"sid:users\sam", "*", layout="fields", dtype_backend="numpy_nullable", connection=conn)
    assert read.dtypes.astype(str).to_dict() == {"n": "Int64", "b": "boolean"}
    wide = read_shooju(r"sid:users\sam", "*", connection=conn)
    assert wide.shooju.fields["n"].tolist()[0] == 1
    assert type(wide.shooju.fields["n"].tolist()[0]) is int


def test_labels_that_json_lacks(conn, gdp, tmp_path):
    pytest.importorskip("pyarrow")
    frame = read_shooju({("a", 1): ONE}, connection=conn)
    assert isinstance(frame.columns, pd.MultiIndex)
    json.dumps(frame.attrs["shooju"])
    moments = read_shooju({pd.Timestamp("2024-01-01"): ONE}, connection=conn)
    assert moments.shooju.series_ids.tolist() == [r"users\sam\gdp\US\bn"]
    assert pickle.loads(pickle.dumps(frame)).shooju.series_ids.tolist() == [r"users\sam\gdp\US\bn"]


@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize(
    "start", ["2024-10-26 23:30", "2024-10-27 00:00", "2024-10-27 00:30", "2024-10-27 01:00", "2024-10-27 01:45"]
)
@pytest.mark.parametrize("step", ["15min", "30min", "1h"])
def test_a_read_that_begins_within_the_repeated_hour_keeps_its_instants(conn, layout, start, step):
    index = pd.date_range("2024-10-26 22:00", "2024-10-27 03:00", freq=step, tz="UTC")
    frame = pd.DataFrame({"a": np.arange(float(len(index)))}, index)
    frame.shooju.write("hours", sid=r"users\sam\a", connection=conn)
    first = pd.Timestamp(start, tz="UTC")
    read = read_shooju(r"sid=users\sam\a@localize:Europe/Berlin", df=first, layout=layout, connection=conn)
    assert list(read.index if layout == "wide" else read["dt"]) == list(index[index >= first])

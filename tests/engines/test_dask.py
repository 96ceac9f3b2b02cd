"""Dask dataframes: reading by series and by dates, writing, and all of it by the processes of a cluster."""

import datetime
import pickle
import threading
import traceback

import numpy as np
import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import local
from tests.engines.killing import KillOnce

dask = pytest.importorskip("dask")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")

from dask.dataframe.utils import assert_divisions  # noqa: E402

from pandas_shooju.engines.dask import read_shooju, write  # noqa: E402

SERIES, DAYS = 12, 1000
ALL = r"sid:users\sam\daily"


class Asked(sj.BaseHook):
    """The requests for series, of all threads."""

    def __init__(self):
        self.params = []
        self.queries = []
        self._lock = threading.Lock()

    def before_request(self, request):
        if request.url.endswith("/series"):
            with self._lock:
                self.params.append(dict(request.params))
                self.queries += (request.data_json or {}).get("series_queries", [])
        return request

    def clear(self):
        self.params.clear()
        self.queries.clear()


def fields_of(k):
    return {"country": ["DE", "FR", "日本"][k % 3], "number": k or None, "mixed": k if k % 2 else str(k)}


@pytest.fixture(scope="module")
def server():
    """Twelve series of 1000 daily points from 2020-01-01 on, over a socket."""
    with local.start() as served:
        with sj.Connection(served.url, "sam", "key") as conn, conn.register_job("daily", batch_size=100) as job:
            days = pd.date_range("2020-01-01", periods=DAYS, tz="UTC")
            for k in range(SERIES):
                points = pd.Series(1000.0 * k + np.arange(DAYS), days)
                job.write(rf"sid=users\sam\daily\{k:02}", fields=fields_of(k), points=points)
        yield served


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def daily(server, asked):
    with sj.Connection(server.url, "sam", "key", hooks=[asked]) as conn:
        yield conn


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two workers, each a process with one thread."""
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "120s", "distributed.comm.timeouts.tcp": "120s"}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as started,
    ):
        yield started


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=True) as connected:
        connected.wait_for_workers(2, timeout=300)
        yield connected


def long(conn, *args, **options):
    return sj.read_shooju(ALL, *args, layout="long", connection=conn, **options)


def sorted_rows(frame):
    """The rows of a frame in one order, with plain dtypes."""
    plain = frame.reset_index("dt") if frame.index.name == "dt" else frame
    plain = plain.astype({name: object for name in plain if isinstance(plain[name].dtype, pd.CategoricalDtype)})
    return plain.sort_values(["series_id", "dt"]).reset_index(drop=True)


def same(found, expected):
    expected = sorted_rows(expected)
    pd.testing.assert_frame_equal(sorted_rows(found)[list(expected)], expected, check_dtype=False)


# --- reading, by series -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("npartitions", [1, 5, 12, 100])
def test_partitions_of_series(daily, npartitions):
    frame = read_shooju(ALL, ["country"], npartitions=npartitions, connection=daily)
    assert frame.npartitions == {1: 1, 5: 4, 12: 12, 100: 12}[npartitions]
    assert not frame.known_divisions
    same(frame.compute(), long(daily, ["country"]))
    one = frame.partitions[0].compute()["series_id"].unique()
    assert len(one) == -(-SERIES // npartitions)


def test_a_partition_has_a_thousand_series_by_default(daily):
    queries = [rf"sid=users\sam\daily\{k % SERIES:02}" for k in range(2500)]
    assert read_shooju(queries, max_points=1, connection=daily).npartitions == 3
    assert read_shooju(ALL, partition_by="series", connection=daily).npartitions == 1


def test_all_partitions_have_the_dtypes_of_the_whole(daily):
    frame = read_shooju(ALL, "*", npartitions=12, include_job=True, connection=daily)
    dtypes = {"number": "Int64", "val": "float64", "dt": "datetime64[ms, UTC]", "job": "int64"}
    assert {name: str(frame.dtypes[name]) for name in dtypes} == dtypes
    for part in frame.partitions:
        computed = part.compute()
        assert {name: str(computed.dtypes[name]) for name in dtypes} == dtypes
        for name in ("series_id", "country", "mixed"):
            assert isinstance(computed.dtypes[name], pd.CategoricalDtype)
    found = frame.compute().groupby("series_id", observed=True).first()
    assert found["mixed"].tolist() == ['"0"', "1", '"2"', "3", '"4"', "5", '"6"', "7", '"8"', "9", '"10"', "11"]
    assert found["number"].isna().tolist() == [True] + [False] * 11


def test_nothing_is_requested_but_what_is_used(daily, asked):
    frame = read_shooju(ALL, ["country", "number"], npartitions=2, include_job=True, connection=daily)
    assert [params["max_points"] for params in asked.params] == [0]
    asked.clear()
    means = frame.groupby("country", observed=True)["val"].mean().compute()
    expected = long(daily, ["country"]).groupby("country", observed=True)["val"].mean()
    assert means.sort_index().tolist() == expected.sort_index().tolist()
    assert [params["fields"] for params in asked.params[:2]] == ["country", "country"]
    assert not any("include_job" in params for params in asked.params)


def test_series_in_the_order_of_the_search_and_no_more_than_asked_for(daily):
    frame = read_shooju(ALL, sort="series_id desc", max_series=3, npartitions=2, max_points=1, connection=daily)
    assert frame.compute()["series_id"].tolist() == [rf"users\sam\daily\{k:02}" for k in (11, 10, 9)]


def test_operators_and_expressions(daily):
    yearly = read_shooju(ALL + "@A:y", npartitions=3, connection=daily)
    same(yearly.compute(), sj.read_shooju(ALL + "@A:y", layout="long", connection=daily))
    query = r"={{sid=users\sam\daily\00}} + 1"
    assert read_shooju(query, connection=daily)["val"].max().compute() == DAYS


def test_lists_and_missing_series(daily):
    queries = [r"sid=users\sam\daily\01", r"sid=users\sam\nowhere"]
    with pytest.raises(sj.SeriesNotFoundError, match="no series found"):
        read_shooju(queries, connection=daily).compute()
    assert len(read_shooju(queries, on_missing="ignore", npartitions=2, connection=daily).compute()) == DAYS


def test_a_series_that_is_deleted_before_it_is_read_is_left_out(conn):
    with conn.register_job("two series") as job:
        for name in ("a", "b"):
            job.write(rf"sid=users\sam\{name}", points=[(0, 1.0)])
    frame = read_shooju(r"sid:users\sam", connection=conn)
    with conn.register_job("one series") as job:
        job.delete_series(r"sid=users\sam\a")
    assert frame.compute()["series_id"].tolist() == [r"users\sam\b"]


def test_nothing_found(conn):
    for frame in (
        read_shooju("sid:nothing", "country", connection=conn),
        read_shooju("sid:x", freq="YS", connection=conn),
    ):
        assert frame.compute().empty
    assert list(read_shooju("sid:nothing", "country", connection=conn).compute()) == [
        "series_id",
        "country",
        "dt",
        "val",
    ]


def test_each_call_reads_anew(conn):
    values = []
    for value in (1.0, 2.0):
        with conn.register_job("a value") as job:
            job.write(r"sid=users\sam\a", points=[(0, value)])
        values.append(read_shooju(r"sid:users\sam", connection=conn))
    assert len({frame._name for frame in values}) == 2


def test_report_dates_and_states(conn):
    with conn.register_job("first") as job:
        job.write(r"sid=users\sam\a", points=[(0, 1.0)], fields={"unit": 1})
        job.write_reported(r"sid=users\sam\a", datetime.date(2024, 1, 1), points=[(0, 7.0)])
    with conn.register_job("second") as job:
        job.write(r"sid=users\sam\a", points=[(0, 2.0)], fields={"unit": "MW"})
    reports = read_shooju(r"sid:users\sam", reported_date="all", connection=conn).compute()
    assert reports[["val", "reported_date"]].values.tolist() == [[7.0, pd.Timestamp("2024-01-01", tz="UTC")]]
    states = read_shooju(r"sid:users\sam", "unit", asof=[1, 2], connection=conn).compute()
    assert states[["unit", "val", "asof"]].values.tolist() == [["1", 1.0, 1], ['"MW"', 2.0, 2]]
    assert read_shooju(r"sid:users\sam", asof=1, connection=conn)["val"].compute().tolist() == [1.0]


# --- reading, by dates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("freq", "count"), [("YS", 3), ("MS", 33), ("100D", 10), (pd.offsets.QuarterBegin(startingMonth=1), 11)]
)
def test_partitions_of_dates(daily, freq, count):
    frame = read_shooju(ALL, ["country"], freq=freq, connection=daily)
    assert frame.npartitions == count
    assert frame.known_divisions
    assert_divisions(frame)
    assert frame.divisions[0] == pd.Timestamp("2020-01-01", tz="UTC")
    assert frame.divisions[-1] == pd.Timestamp("2022-09-26", tz="UTC")
    found = frame.compute()
    assert found.index.is_monotonic_increasing
    same(found, long(daily, ["country"]))


def test_windows_do_not_share_an_edge(daily):
    """Points at the very edges, which are included at both ends of a request, are read once."""
    frame = read_shooju(
        ALL, partition_by="dates", npartitions=7, df="2020-01-01T00:00", dt="2022-09-26T00:00", connection=daily
    )
    assert frame.npartitions == 7
    counts = frame.map_partitions(len, meta=(None, "int64")).compute()
    assert counts.sum() == SERIES * DAYS
    assert (counts > 0).all()


def test_a_slice_of_dates_reads_only_its_partitions(daily, asked):
    frame = read_shooju(ALL, freq="YS", layout="wide", connection=daily)
    asked.clear()
    found = frame.loc["2021-02":"2021-03"].compute()
    expected = sj.read_shooju(ALL, df="2021-02", dt="2021-03", connection=daily)
    pd.testing.assert_frame_equal(found, expected, check_freq=False)
    year = [int(pd.Timestamp(day, tz="UTC").timestamp() * 1000) for day in ("2021-01-01", "2022-01-01")]
    assert {(params["df"], params["dt"]) for params in asked.params[:-1]} == {(year[0], year[1] - 1)}


def test_the_columns_of_a_wide_frame_are_series_and_only_those_used_are_read(daily, asked):
    frame = read_shooju(ALL, freq="YS", layout="wide", columns="number", on_missing="ignore", connection=daily)
    expected = sj.read_shooju(ALL, layout="wide", columns="number", connection=daily)
    pd.testing.assert_frame_equal(frame.compute(), expected, check_freq=False)
    asked.clear()
    assert frame[[3, 5]].compute().shape == (DAYS, 2)
    assert set(asked.queries) == {r'sid="users\sam\daily\03"', r'sid="users\sam\daily\05"'}
    assert not any("fields" in params for params in asked.params)


def test_windows_in_a_time_zone(daily):
    frame = read_shooju(ALL, freq="MS", tz="Europe/Berlin", layout="wide", df="2020-03", dt="2020-05", connection=daily)
    assert [str(at) for at in frame.divisions] == [
        "2020-03-01 00:00:00+01:00", "2020-04-01 00:00:00+02:00", "2020-05-01 00:00:00+02:00",
        "2020-05-31 23:59:59.999000+02:00",
    ]  # fmt: skip
    expected = sj.read_shooju(ALL, tz="Europe/Berlin", df="2020-03", dt="2020-05", connection=daily)
    pd.testing.assert_frame_equal(frame.compute(), expected, check_freq=False)


def test_local_times_without_a_zone(daily):
    frame = read_shooju(ALL, freq="YS", tz=None, layout="wide", connection=daily)
    assert frame.divisions[1] == pd.Timestamp("2021-01-01")
    pd.testing.assert_frame_equal(frame.compute(), sj.read_shooju(ALL, tz=None, connection=daily), check_freq=False)


def test_one_series_in_each_column_even_where_it_has_no_points(conn):
    for name, start in (("a", "2020"), ("b", "2022")):
        points = pd.Series([1.0, 2.0], pd.DatetimeIndex([start, f"{start}-06"]))
        points.shooju.write("two years", sid=rf"users\sam\{name}", connection=conn)
    frame = read_shooju(r"sid:users\sam", freq="YS", layout="wide", connection=conn)
    assert [list(part.compute()) for part in frame.partitions] == [[r"users\sam\a", r"users\sam\b"]] * 3
    pd.testing.assert_frame_equal(frame.compute(), sj.read_shooju(r"sid:users\sam", connection=conn), check_freq=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freq": "YS", "npartitions": 3}, "freq cannot be combined with npartitions"),
        ({"freq": "YS", "partition_by": "series"}, "freq cannot be combined with partition_by='series'"),
        ({"partition_by": "dates"}, "partition_by='dates' requires freq or npartitions"),
        ({"partition_by": "weeks"}, "partition_by must be 'series' or 'dates', got 'weeks'"),
        ({"npartitions": 0}, "npartitions must be a positive integer, got 0"),
        ({"layout": "fields"}, "layout must be 'long' or 'wide', got 'fields'"),
        ({"layout": "wide"}, "layout='wide' requires partitions by dates"),
        ({"freq": "YS", "df": "-5y"}, "partitions by dates require a date as df, not one relative to now, got '-5y'"),
        ({"freq": "YS", "max_points": 3}, "partitions by dates require all points: max_points=-1, got 3"),
        ({"freq": "YS", "layout": "wide", "asof": [1, 2]}, "reports and several states require layout='long'"),
        ({"freq": "YS", "asof": 1}, "partitions by dates require df and dt for queries with operators"),
        ({"freq": "YS", "layout": "wide", "columns": ["country", "number"]}, "requires one label for each column"),
        ({"freq": "no such"}, "Invalid frequency"),
    ],
)
def test_what_cannot_be_read_is_refused(daily, options, message):
    with pytest.raises(ValueError, match=message):
        read_shooju(ALL, connection=daily, **options)


def test_operators_require_the_dates(daily):
    with pytest.raises(ValueError, match="partitions by dates require df and dt for queries with operators"):
        read_shooju(ALL + "@A:M", freq="YS", connection=daily)
    frame = read_shooju(ALL + "@A:M", freq="YS", df="2020", dt="2022", connection=daily)
    same(frame.compute(), sj.read_shooju(ALL + "@A:M", layout="long", connection=daily))


def test_local_times_of_clock_changes_are_refused(daily):
    with pytest.raises(ValueError, match="require a time zone if the query is localized, got tz=None"):
        read_shooju(ALL + "@localize:Europe/Berlin", tz=None, freq="D", connection=daily)


# --- writing ----------------------------------------------------------------------------------------------------------


def stored(conn, query=r"sid:users\sam\copy"):
    return sj.read_shooju(query, sort="series_id asc", connection=conn)


def prices(series=6, points=50):
    """A long frame, in which the rows of the series are mixed."""
    index = pd.date_range("2024-01-01", periods=points, tz="UTC")
    wide = pd.DataFrame(
        np.arange(float(series * points)).reshape(points, series), index, [f"p{k}" for k in range(series)]
    )
    frame = wide.rename_axis(index="dt", columns="symbol").reset_index().melt("dt", value_name="val")
    frame["unit"] = "EUR"
    return frame.sort_values(["dt", "symbol"], ignore_index=True), wide


def test_a_long_dataframe_is_written_by_series(conn):
    frame, wide = prices()
    data = dd.from_pandas(frame, npartitions=5)
    result = write(data, "prices", sid=r"users\sam\copy\{symbol}", fields=["unit"], connection=conn)
    assert result.ok
    assert result.points == wide.size
    assert sorted(result.series.index) == [rf"users\sam\copy\p{k}" for k in range(6)]
    assert result.series["fields"].tolist() == [1] * 6
    found = stored(conn)
    assert np.array_equal(found.to_numpy(), wide.to_numpy())
    assert conn.raw.get("/jobs/1")["job"]["finished_at"] is not None
    assert repr(result).startswith("<WriteResult: 300 points and 6 fields of 6 series stored by job 1: ")


def test_a_wide_dataframe_and_a_series(conn):
    _, wide = prices()
    data = dd.from_pandas(wide, npartitions=4)
    assert write(data, "prices", sid=r"users\sam\copy\{}", connection=conn).points == wide.size
    assert np.array_equal(stored(conn).to_numpy(), wide.to_numpy())
    result = write(data["p1"], "one price", sid=r"users\sam\one", connection=conn)
    assert result.points == len(wide)
    assert stored(conn, r"sid=users\sam\one").iloc[:, 0].tolist() == wide["p1"].tolist()


def test_what_was_read_is_written_back(conn):
    _, wide = prices()
    wide.shooju.write("prices", sid=r"users\sam\copy\{}", connection=conn)
    data = read_shooju(r"sid:users\sam\copy", freq="MS", asof=1, df="2024", dt="2024", connection=conn)
    write(data.assign(val=data["val"] * 2), "doubled", sid="{series_id}", connection=conn)
    assert np.array_equal(stored(conn).to_numpy(), 2 * wide.to_numpy())


def test_dates_and_fields_must_be_unique_whatever_the_partitions(conn):
    frame = pd.DataFrame({"symbol": ["a", "A"], "dt": pd.Timestamp("2024-01-01"), "val": 1.0, "unit": ["MW", "kW"]})

    def parts(frame):
        return dd.from_map(lambda part: part, [frame[:1], frame[1:]], meta=frame[:0])

    options = {"sid": r"users\sam\copy\{symbol}", "connection": conn}
    with pytest.raises(
        ValueError, match=r"the dates of a series must be unique, but the series .* contains 2024-01-01"
    ):
        write(parts(frame), "one price", **options)
    days = frame.assign(dt=pd.DatetimeIndex(["2024-01-02", "2024-01-01"]))
    with pytest.raises(ValueError, match="a field must have one value for each series, but 'unit' of the series"):
        write(parts(days), "one price", fields="unit", **options)
    result = write(parts(days.assign(val=[2.0, 1.0], unit="MW")), "two prices", fields="unit", **options)
    assert result.series[["points", "fields"]].values.tolist() == [[2, 1]]
    assert stored(conn).iloc[:, 0].tolist() == [1.0, 2.0]


def test_partitions_are_written_as_they_are_without_a_shuffle(conn):
    frame, wide = prices()
    data = dd.from_pandas(frame, npartitions=5)
    result = write(data, "prices", sid=r"users\sam\copy\{symbol}", shuffle=False, connection=conn)
    assert result.ok
    assert result.points == wide.size
    assert len(result.series) == 6
    assert np.array_equal(stored(conn).to_numpy(), wide.to_numpy())


def test_a_job_object_is_left_open(conn):
    frame, wide = prices()
    with conn.register_job("prices of both") as job:
        result = write(dd.from_pandas(frame, npartitions=2), job, sid=r"users\sam\copy\{symbol}")
        assert result.job is job
        assert conn.raw.get("/jobs/1")["job"].get("finished_at") is None
    assert stored(conn).size == wide.size


class Refuse(sj.BaseHook):
    """Makes the server refuse writes of two of the series, for as long as it is told to."""

    on = True

    def before_request(self, request):
        if self.on and request.url.endswith("/series/write"):
            for item in request.data_json["series"]:
                if item["query"].endswith(('p1"', 'p4"')):
                    item["query"] = "unit=nowhere"
        return request


def test_what_was_refused_is_sent_again_by_retry():
    frame, wide = prices()
    hook = Refuse()
    with sj.Connection("local::memory:", hooks=[hook]) as conn:
        data = dd.from_pandas(frame, npartitions=3)
        with pytest.raises(sj.WriteError, match="were not stored") as caught:
            write(data, "prices", sid=r"users\sam\copy\{symbol}", connection=conn)
        result = caught.value.result
        refused = [r"users\sam\copy\p1", r"users\sam\copy\p4"]
        assert sorted(caught.value.failed.index) == refused
        assert not result.ok
        assert sorted(result.series.index[~result.series["stored"]]) == refused
        assert result.series.loc[refused, "state"].tolist() == ["refused"] * 2
        assert conn.raw.get("/jobs/1")["job"].get("finished_at") is None
        hook.on = False
        assert result.retry() is result
        assert result.ok
        assert result.points == wide.size
        assert len(result.series) == 6
        assert np.array_equal(stored(conn).to_numpy(), wide.to_numpy())
        assert conn.raw.get("/jobs/1")["job"]["finished_at"] is not None
        assert result.retry() is result  # there is nothing left to send, and the job is finished


def test_an_error_in_the_data_stops_the_write(conn):
    frame, _ = prices()
    frame["val"] = frame["val"].astype(object)
    frame.loc[299, "val"] = "many"
    data = dd.from_map(lambda part: part, [frame[:100], frame[100:200], frame[200:]], meta=frame[:0])
    with pytest.raises((ValueError, TypeError), match="which is not a number") as caught:
        write(data, "prices", sid=r"users\sam\copy\{symbol}", connection=conn)
    assert not caught.value.result.ok
    assert conn.raw.get("/jobs/1")["job"].get("finished_at") is None


def test_what_cannot_be_written_is_refused(conn):
    frame, _ = prices()
    data = dd.from_pandas(frame, npartitions=2)
    options = {"sid": r"users\sam\copy\{symbol}", "connection": conn}
    with pytest.raises(ValueError, match="remove_others is not supported for Dask dataframes, got 'points'"):
        write(data, "prices", remove_others="points", **options)
    with pytest.raises(TypeError, match="data must be a Dask dataframe or series, got DataFrame"):
        write(frame, "prices", **options)
    with pytest.raises(TypeError, match="sid must be a template"):
        write(data, "prices", sid=None, connection=conn)
    with pytest.raises(ValueError, match="at least 3 characters, got 'p'"):
        write(data, "p", **options)
    with pytest.raises(TypeError, match="the frame must contain dates"):
        write(data[["symbol"]], "prices", **options)
    assert conn.raw.get("/jobs")["total"] == 0


# --- on a cluster -----------------------------------------------------------------------------------------------------


def test_the_processes_of_a_cluster_read(server, client):
    with sj.Connection(server.url, "sam", "key") as conn:
        same(read_shooju(ALL, ["country"], npartitions=4, connection=conn).compute(), long(conn, ["country"]))
        wide = read_shooju(ALL, freq="YS", layout="wide", connection=conn).compute()
        pd.testing.assert_frame_equal(wide, sj.read_shooju(ALL, connection=conn), check_freq=False)


def test_a_store_in_memory_cannot_be_read_by_other_processes(conn, client):
    with conn.register_job("a value") as job:
        job.write(r"sid=users\sam\a", points=[(0, 1.0)])
    with pytest.raises(Exception) as caught:  # noqa: PT011
        read_shooju(r"sid:users\sam", connection=conn).compute()
    assert "a store in memory exists in one process only" in "".join(traceback.format_exception(caught.value))


def test_a_worker_that_is_killed_while_it_writes(socket_conn, client, tmp_path):
    """Its task runs again on another worker, and writes the same points under the same job."""
    flag = tmp_path / "killed"
    frame, wide = prices(series=40)
    with sj.Connection(socket_conn.raw.url, "sam", "key", hooks=[KillOnce(str(flag))]) as conn:
        data = dd.from_pandas(frame, npartitions=4)
        result = write(data, "prices", sid=r"users\sam\copy\{symbol}", batch_size=2, connection=conn)
    assert flag.exists()
    assert result.ok
    assert result.points == wide.size
    assert len(result.series) == 40
    found = stored(socket_conn).reindex(columns=[rf"users\sam\copy\{name}" for name in wide])
    assert np.array_equal(found.to_numpy(), wide.to_numpy())
    jobs = socket_conn.raw.get("/jobs")["results"]
    assert [job["description"] for job in jobs] == ["prices"]
    assert socket_conn.raw.get("/jobs/1")["job"]["finished_at"] is not None


def test_a_key_is_not_shown(server):
    with sj.Connection(server.url, "sam", "very-secret") as conn:
        frame = read_shooju(ALL, npartitions=2, connection=conn)
        assert "very-secret" not in repr(frame) + str(frame.expr.tree_repr())
        assert pickle.loads(pickle.dumps(frame)).npartitions == 2

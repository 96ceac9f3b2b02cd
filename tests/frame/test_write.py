"""What writing stores, reports, and keeps when something fails."""

import contextlib
import gc
import re
import socket
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import local, read_shooju
from pandas_shooju.frame.shapes import series_writes
from tests.client import faults

DATES = pd.date_range("2024-01-01", periods=4, tz="UTC")


def frame(**columns):
    return pd.DataFrame(columns, index=DATES).rename_axis(columns="name")


SID = r"users\sam\{name}"


def test_the_result_says_what_was_stored(conn):
    result = frame(a=[1.0, 2, np.nan, 4], b=1.0).shooju.write("two", sid=SID, fields={"unit": "MW"}, connection=conn)
    assert result.ok
    assert result.points == 7
    assert repr(result) == r"<WriteResult: 7 points and 2 fields of 2 series stored by job 1: users\sam\a, ...>"
    assert result.series.to_dict("index") == {
        r"users\sam\a": {"points": 3, "fields": 1, "stored": True, "state": "stored", "error": ""},
        r"users\sam\b": {"points": 4, "fields": 1, "stored": True, "state": "stored", "error": ""},
    }


def test_a_described_job_is_finished_and_a_given_one_is_not(conn):
    done = frame(a=1.0).shooju.write("described", sid=SID, connection=conn)
    done.job.write(r"sid=users\sam\a", fields={"x": 1})
    with pytest.raises(sj.ShoojuApiError, match="finished"):
        done.job.submit()
    job = conn.register_job("mine", batch_size=100)
    frame(a=2.0).shooju.write(job, sid=SID, connection=conn)
    frame(a=3.0).shooju.write(job, sid=SID)
    assert read_shooju([r"sid=users\sam\a"], connection=conn).iloc[0, 0] == 3.0
    job.finish()


def test_null_removes_points_and_skip_leaves_them(conn):
    frame(a=[1.0, 2, 3, 4]).shooju.write("first", sid=SID, connection=conn)
    holes = frame(a=[1.5, np.nan, 3, 4])
    holes.shooju.write("skip", sid=SID, connection=conn)
    assert read_shooju([r"sid=users\sam\a"], connection=conn).iloc[:, 0].tolist() == [1.5, 2, 3, 4]
    holes.shooju.write("null", sid=SID, na="null", connection=conn)
    assert read_shooju([r"sid=users\sam\a"], connection=conn).iloc[:, 0].tolist() == [1.5, 3, 4]


def test_remove_others(conn):
    frame(a=[1.0, 2, 3, 4]).shooju.write("first", sid=SID, fields={"x": 1, "y": 2}, connection=conn)
    frame(a=[9.0, 9, 9, 9]).iloc[:2].shooju.write(
        "second", sid=SID, fields={"x": 3}, remove_others="all", connection=conn
    )
    assert read_shooju([r"sid=users\sam\a"], connection=conn).iloc[:, 0].tolist() == [9, 9]
    fields = read_shooju([r"sid=users\sam\a"], "*", layout="fields", connection=conn)
    assert fields.iloc[0].to_dict() == {"x": 3}


def test_reported_dates_stand_beside_the_series(conn):
    frame(a=1.0).shooju.write("own", sid=SID, connection=conn)
    reported = pd.Timestamp("2023-06-01").date()
    frame(a=2.0).shooju.write("report", sid=SID, reported_date=reported, connection=conn)
    assert read_shooju([r"sid=users\sam\a"], connection=conn).iloc[0, 0] == 1.0
    assert read_shooju([r"sid=users\sam\a@repdate:2023-06-01"], connection=conn).iloc[0, 0] == 2.0


def test_only_the_difference_is_sent(conn):
    old = frame(a=[1.0, 2, 3, 4], b=[1.0, 2, 3, 4])
    old.shooju.write("old", sid=SID, connection=conn)
    new = old.copy()
    new.loc[DATES[1], "a"] = 20
    new.loc[DATES[2], "b"] = np.nan
    diff = new.shooju.diff(old, sid=SID, na="null")
    assert diff["series_id"].tolist() == [r"users\sam\a", r"users\sam\b"]
    assert diff["old"].tolist() == [2.0, 3.0]
    assert diff["new"].iloc[0] == 20.0
    assert np.isnan(diff["new"].iloc[1])
    skipped = new.shooju.write("new", sid=SID, changed_from=old, connection=conn)
    assert skipped.series["points"].to_dict() == {r"users\sam\a": 1}
    removed = new.shooju.write("new", sid=SID, changed_from=old, na="null", connection=conn)
    assert removed.series["points"].to_dict() == {r"users\sam\a": 1, r"users\sam\b": 1}
    assert read_shooju([r"sid=users\sam\b"], connection=conn).iloc[:, 0].tolist() == [1, 2, 4]
    assert len(old.shooju.diff(old, sid=SID)) == 0
    assert old.shooju.diff(old, sid=SID).dtypes.astype(str).tolist()[1:] == [
        "datetime64[ms, UTC]",
        "float64",
        "float64",
    ]


def test_points_gone_from_the_frame_are_removed_on_request_within_its_dates(conn):
    old = frame(a=[1.0, 2, 3, 4])
    old.shooju.write("old", sid=SID, connection=conn)
    new = old.iloc[[0, 2]]
    for options in ({}, {"na": "null"}):  # a shorter frame says nothing about what it lacks
        result = new.shooju.write("new", sid=SID, changed_from=old, connection=conn, **options)
        assert (len(result.series), result.job) == (0, None)
    options = {"sid": SID, "remove_others": "points"}
    removed = new.shooju.diff(old, **options)
    assert (removed["dt"].tolist(), removed["old"].tolist()) == ([DATES[1]], [2.0])
    assert new.shooju.write("new", changed_from=old, connection=conn, **options).points == 1
    assert read_shooju([r"sid=users\sam\a"], connection=conn).iloc[:, 0].tolist() == [1, 3, 4]
    for wrong in ("fields", "all"):
        with pytest.raises(ValueError, match="remove_others must be None or 'points'"):
            new.shooju.write("new", sid=SID, changed_from=old, remove_others=wrong, connection=conn)


def test_fields_by_series_id_and_a_folder_copied(conn):
    table = pd.DataFrame({"unit": ["MW", "EUR"], "n": [1, 2]}, index=[r"users\sam\a", r"users\sam\b"])
    frame(a=1.0, b=2.0).shooju.write("first", sid=SID, fields=table, connection=conn)
    read = read_shooju(r"sid:users\sam", "*", connection=conn)
    copies = {name: name.replace("sam", "ann") for name in read}
    read.shooju.write("copy", sid=copies, fields=read.shooju.fields, connection=conn)
    copied = read_shooju(r"sid:users\ann", "*", layout="fields", connection=conn)
    assert copied.to_dict("index") == {
        r"users\ann\a": {"unit": "MW", "n": 1},
        r"users\ann\b": {"unit": "EUR", "n": 2},
    }


def test_a_dry_run_prints_and_stores_nothing(conn, capsys):
    result = frame(a=[1.0, 2, 3, 4]).shooju.write("dry", sid=SID, dry_run=True, connection=conn)
    assert r"users\sam\a" in capsys.readouterr().out
    assert not result.ok
    assert "dry run" in repr(result)
    assert read_shooju(r"sid:users\sam", connection=conn).empty
    assert conn.register_job("the first").job_id == 1


def test_an_item_the_server_refuses_waits_and_the_others_are_stored(conn):
    data = frame(a=1.0, b=2.0)
    bad = {"a": r"users\sam\a", "b": "users\\sam\\b\n"}
    with pytest.raises(sj.WriteError) as raised:
        data.shooju.write("half", sid=bad, connection=conn)
    error = raised.value
    assert len(error.failed) == 1
    result = error.result
    assert result.series["stored"].tolist() == [True, False]
    assert result.series["error"].iloc[1] != ""
    assert "1 series not stored" in repr(result)
    assert read_shooju([r"sid=users\sam\a"], connection=conn).iloc[0, 0] == 1.0
    with pytest.raises(sj.WriteError):
        result.retry()


def test_a_failed_registration_has_the_result_and_retry_registers(socket_conn):
    with faults.proxy(socket_conn.server) as proxy, sj.Connection(proxy.url, "sam", "key", retries=1) as conn:
        proxy.fail(faults.status(500))
        with pytest.raises(sj.ConnectionError) as raised:
            frame(a=1.0, b=2.0).shooju.write("late", sid=SID, fields={"unit": "MW"}, connection=conn)
        result = raised.value.result
        assert result.job is None
        assert result.series["state"].tolist() == ["not sent", "not sent"]
        assert "nothing stored of 2 series" in repr(result)
        assert result.retry().ok
        assert result.series["state"].tolist() == ["stored", "stored"]
        assert read_shooju(r"sid:users\sam", "unit", layout="fields", connection=conn)["unit"].tolist() == ["MW", "MW"]


@pytest.mark.parametrize("where", ["/jobs/", "/series/write", "/finish"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_any_exception_has_the_result(where, kind):
    class Hook(sj.BaseHook):
        armed = True

        def before_request(self, request):
            if self.armed and where in request.url:
                raise kind
            return request

    hook = Hook()
    with local.start() as server, sj.Connection(server.url, "sam", "key", hooks=[hook]) as conn:
        with pytest.raises(kind) as raised:
            frame(a=1.0).shooju.write("hooked", sid=SID, connection=conn)
        if kind is KeyboardInterrupt:
            assert isinstance(raised.value, sj.WriteInterrupted)
        result = raised.value.result
        assert result.ok is (where == "/finish")
        hook.armed = False
        assert result.retry().ok
        assert read_shooju([r"sid=users\sam\a"], connection=conn).iloc[0, 0] == 1.0


class Gate:
    """A TCP relay in front of a server that can be shut: a network that fails for a while."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.open = True
        self.calls = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.calls += 1
            if not self.open:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(65536)) and self.open:
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


def test_what_a_broken_network_held_back_is_sent_by_retry():
    with local.start() as server:
        gate = Gate(int(server.url.rsplit(":", 1)[1]))
        url = f"http://127.0.0.1:{gate.port}"
        with sj.Connection(url, "sam", "key", retry_delay=0.01) as conn:
            job = conn.register_job("broken", batch_size=10)
            data = frame(**{f"s{i}": float(i) for i in range(50)})
            gate.open = False
            with pytest.raises(sj.ConnectionError) as raised:
                data.shooju.write(job, sid=SID, batch_size=10, workers=2)
            result = raised.value.result
            assert not result.series["stored"].any()
            assert job.pending == 50
            gate.open = True
            assert result.retry().ok
            assert job.pending == 0
            assert result.points == 200
            assert read_shooju(r"sid:users\sam", connection=conn).shape == (4, 50)
        gate.close()


def test_batches_go_over_several_connections(socket_conn):
    data = frame(**{f"s{i}": float(i) for i in range(300)})
    result = data.shooju.write("batches", sid=SID, batch_size=7, workers=4, connection=socket_conn)
    assert result.ok
    read = read_shooju(r"sid:users\sam", connection=socket_conn)
    assert read.shape == (4, 300)
    assert read.loc[DATES[0]].to_dict() == {rf"users\sam\s{i}": float(i) for i in range(300)}


def test_dates_of_every_kind(conn):
    import datetime

    for number, index in enumerate(
        [
            DATES.tz_localize(None),
            DATES.as_unit("s"),
            pd.Index([stamp.date() for stamp in DATES]),
            pd.Index([stamp.to_pydatetime() for stamp in DATES], dtype=object),
            DATES.tz_convert("Asia/Tokyo"),
            pd.Index([datetime.datetime(2024, 1, day) for day in range(1, 5)], dtype=object),
        ]
    ):
        data = pd.DataFrame({rf"users\sam\{number}": [1.0, 2, 3, 4]}, index=index)
        data.shooju.write("kinds", sid="{series_id}", connection=conn)
        assert (read_shooju([rf"sid=users\sam\{number}"], connection=conn).index == DATES).all()


def test_row_levels_are_as_good_as_columns(conn):
    long = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [5.0, 6, 7, 8]}, DATES).rename_axis(index="dt", columns="symbol")
    stacked = long.stack().rename("val").to_frame()
    stacked.shooju.write("stacked", sid=r"users\sam\{symbol}", date="dt", value="val", connection=conn)
    read = read_shooju(r"sid:users\sam", connection=conn)
    assert (read.to_numpy() == long.to_numpy()).all()


# --- shapes -----------------------------------------------------------------------------------------------------------


def test_groups_are_what_the_groupby_made_of_them(conn):
    long = pd.DataFrame({"date": DATES, "symbol": list("abab"), "close": [1.0, 2, 3, 4]})
    options = {"date": "date", "value": "close", "connection": conn}
    long.groupby(long.symbol.str.upper()).shooju.write("upper", lambda key: rf"users\G\{key}", **options)
    assert read_shooju(r"sid:users\G", connection=conn).columns.tolist() == [r"users\G\A", r"users\G\B"]
    long.groupby(long.symbol.map({"a": "X", "b": "X"})).shooju.write("one", r"users\X\{symbol}", **options)
    assert read_shooju(r"sid:users\X", connection=conn).iloc[:, 0].tolist() == [1, 2, 3, 4]
    by_date = long.groupby(pd.Grouper(key="date", freq="2D"))
    by_date.shooju.write("grouper", lambda start: rf"users\D\{start:%d}", **options)
    assert read_shooju(r"sid:users\D", connection=conn).columns.tolist() == [r"users\D\01", r"users\D\03"]
    levels = long.set_index(["date", "symbol"]).groupby(level="symbol")
    levels.shooju.write("levels", r"users\L\{symbol}", date="date", connection=conn)
    assert read_shooju(r"sid:users\L", connection=conn).shape == (4, 2)
    categories = long.assign(symbol=pd.Categorical(long.symbol, categories=list("zab")))
    categories.groupby("symbol", observed=False).shooju.write("categories", r"users\C\{symbol}", **options)
    assert read_shooju(r"sid:users\C", connection=conn).columns.tolist() == [r"users\C\a", r"users\C\b"]


def test_points_are_not_taken_for_fields(conn):
    points = pd.DataFrame({"series_id": [r"users\z\1", r"users\z\2"], "date": DATES[:2], "value": [1.0, 2.0]})
    with pytest.raises(TypeError, match=r"could contain points or fields, because it has the column 'date'"):
        points.shooju.write("unclear", connection=conn)
    assert points.shooju.write("clear", date="date", value="value", connection=conn).points == 2
    read = read_shooju(r"sid:users\z", connection=conn)
    with pytest.raises(TypeError, match=r"in the columns: `df = df\.T`"):
        read.T.shooju.write("rows", connection=conn)
    long = read_shooju(r"sid:users\z", layout="long", connection=conn)
    with pytest.raises(TypeError, match="could contain points or fields"):
        long.rename(columns={"val": "v"}).shooju.write("unclear", sid="{series_id}", connection=conn)
    for indexed in (
        long.set_index("dt"),
        long.set_index(["dt", "series_id"]),
        long.set_index(["dt", "series_id"])["val"],
    ):
        assert indexed.shooju.write("indexed", sid="{series_id}", connection=conn).points == 2


def test_templates_name_levels_and_nothing_else(conn):
    columns = pd.MultiIndex.from_tuples([("DE", "wind")], names=["country", None])
    data = pd.DataFrame([[1.0]], DATES[:1], columns)
    assert data.shooju.write("x y", r"users\{country}\{}", connection=conn).series.index[0] == r"users\DE\wind"
    numbered = data.set_axis(columns.set_names([1, 0]), axis=1)
    assert numbered.shooju.write("x y", r"users\{1}\{0}", connection=conn).series.index[0] == r"users\DE\wind"
    for names, template, words in [
        (["c", "c"], r"users\{c}", "2 levels of the columns have that name"),
        (["n", "m"], r"users\{n:{m}}", "placeholders cannot be nested"),
        (["n", "m"], r"users\{n.__class__}", "contains {n.__class__}, but the column levels are"),
        (["n", "m"], r"users\{n:zz}", "cannot format n='DE'"),
        (["n", "m"], r"users\{}", "contains {}, but the column levels are"),
    ]:
        with pytest.raises(ValueError, match=words):
            data.set_axis(columns.set_names(names), axis=1).shooju.write("x y", template, connection=conn)
    padded = pd.DataFrame({7: [1.0]}, DATES[:1]).rename_axis(columns="n")
    assert padded.shooju.write("x y", r"users\{n:03}", connection=conn).series.index[0] == r"users\007"


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from([1.0, 2.0, np.nan])), min_size=1),
    st.sampled_from(["skip", "null"]),
)
def test_rows_in_any_order_are_the_points_of_their_series(rows, na):
    once = {(name, day): value for name, day, value in rows}  # in order of first appearance
    data = pd.DataFrame(
        [(rf"users\{name}", DATES[0] + pd.Timedelta(days=day), value) for (name, day), value in once.items()],
        columns=["series_id", "dt", "val"],
    )
    expected: dict = {}
    for (name, day), value in sorted(once.items()):
        own = expected.setdefault(rf"users\{name}", [])
        if na == "null" or value == value:
            own.append([DATES[0].value // 10**6 + day * 86_400_000, value if value == value else None])
    written = series_writes(data, na=na)
    assert [item.series_id for item in written] == list(data["series_id"].unique())
    assert {item.series_id: item.points.to_rows() for item in written} == expected
    again = pd.concat([data, data.iloc[[0]]])
    with pytest.raises(ValueError, match=re.escape(f"the series {data['series_id'][0]!r} contains 2024")):
        series_writes(again, na=na)


def test_dates_that_all_series_share_are_one_array():
    shared = series_writes(
        pd.concat([frame(a=1.0), frame(b=2.0)]).melt(ignore_index=False).dropna(), SID, value="value"
    )
    assert [item.series_id for item in shared] == [r"users\sam\a", r"users\sam\b"]
    assert shared[0].points.dates is shared[1].points.dates
    other = pd.DataFrame({"series_id": list("aabbcc"), "dt": DATES[[0, 1, 0, 2, 0, 2]], "val": 1.0})
    dates = [item.points.dates for item in series_writes(other)]
    assert dates[0] is not dates[1] is dates[2]


@pytest.mark.parametrize("on", [True, False])
def test_the_garbage_collector_is_left_as_it_was(conn, on):
    frozen = gc.get_freeze_count()
    try:
        if not on:
            gc.disable()
        frame(a=1.0).shooju.write("collect", SID, connection=conn)
        with pytest.raises(ValueError, match="float64 cannot represent"):
            frame(a=pd.Series([2**53 + 1] * 4, DATES)).shooju.write("collect", SID, connection=conn)
        assert gc.isenabled() is on
        assert gc.get_freeze_count() == frozen
    finally:
        gc.enable()


def test_nothing_is_written_of_nothing(conn):
    empty = read_shooju(r"sid:users\none", layout="long", connection=conn)
    result = empty.shooju.write("none", sid="{series_id}", connection=conn)
    assert (len(result.series), result.ok, result.job, repr(result)) == (
        0,
        True,
        None,
        "<WriteResult: nothing to write>",
    )
    long = pd.DataFrame({"date": DATES, "symbol": "a", "close": 1.0})[:0]
    options = {"sid": r"users\{symbol}", "date": "date", "value": "close", "connection": conn}
    assert len(long.shooju.write("none", **options).series) == 0
    assert len(long.groupby("symbol").shooju.write("none", **options).series) == 0
    assert conn.register_job("the first job").job_id == 1


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"job": 5}, TypeError, "job must be a description or a registered job, got int"),
        ({"sid": 5}, TypeError, "sid must be a template, .* got int"),
        ({"sid": ["a"]}, TypeError, "sid must be a template, .* got list"),
        ({"sid": ("a",)}, TypeError, "sid must be a template, .* got tuple"),
        ({"sid": pd.Series({"a": "x"})}, TypeError, r"sid must be a template, .* got Series; convert .*\.to_dict\(\)"),
        ({"fields": 5}, TypeError, "fields must be .*, got 5"),
        ({"changed_from": 5}, TypeError, "data must be a DataFrame, .* got int"),
        ({"changed_from": "sever"}, ValueError, "changed_from must be an earlier frame or 'server', got 'sever'"),
        ({"connection": 5}, TypeError, "connection must be a Connection, .* got 5"),
    ],
)
def test_arguments_of_a_wrong_kind_are_named(conn, options, kind, words):
    with pytest.raises(kind, match=words):
        frame(a=1.0).shooju.write(**{"job": "wrong", "sid": SID, "connection": conn, **options})
    assert conn.register_job("the first job").job_id == 1

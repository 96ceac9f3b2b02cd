"""The command line, run as a person would: in a process of its own."""

import os
import re
import signal
import subprocess
import sys

import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import cli, read_shooju


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "pandas_shooju", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_the_demo_runs_twice_and_saves_its_chart(tmp_path):
    pytest.importorskip("vega_datasets")
    for _ in range(2):
        done = run("demo", "--store", tmp_path / "store.sqlite", "--chart", tmp_path / "chart.png")
        assert done.returncode == 0, done.stderr
        assert "12,130 points were read back exactly" in done.stdout
        assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    conn = sj.Connection(f"local:{tmp_path / 'store.sqlite'}")
    assert read_shooju(r"sid:users\demo", connection=conn, max_points=0).shape[1] == 32


def test_write_and_read(tmp_path):
    store = f"local:{tmp_path / 'store.sqlite'}"
    pd.DataFrame(
        {"symbol": ["A", "A", "B"], "day": ["2024-01-01", "2024-01-02", "2024-01-01"], "close": [1.0, 2.0, 3.0]}
    ).to_csv(tmp_path / "prices.csv", index=False)
    arguments = ("write", tmp_path / "prices.csv", "--job", "prices", "--sid", r"users\sam\{symbol}", "--date", "day",
                 "--value", "close", "--fields", "symbol", "--server", store)  # fmt: skip
    dry = run(*arguments, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "nothing stored" in dry.stdout
    done = run(*arguments)
    assert r"3 points and 2 fields of 2 series stored by job 1: users\sam\A, ..." in done.stdout, done.stderr
    read = run("read", r"sid:users\sam", "--fields", "symbol", "--server", store)
    assert "2024-01-02" in read.stdout
    for name, load in (("out.parquet", pd.read_parquet), ("out.csv", lambda path: pd.read_csv(path, index_col=0))):
        saved = run("read", r"sid:users\sam", "--fields", "symbol", "-o", tmp_path / name, "--server", store)
        assert saved.returncode == 0, saved.stderr
        frame = load(tmp_path / name)
        assert frame["A"].tolist() == [1.0, 2.0]
        back = run("write", tmp_path / name, "--job", "again", "--sid", r"users\sam\{symbol}", "--server", store)
        assert "3 points of 2 series stored" in back.stdout, back.stderr


def test_files_keep_what_they_say(tmp_path):
    store = f"local:{tmp_path / 'store.sqlite'}"
    (tmp_path / "countries.csv").write_text("series_id,code,zip\nusers\\sam\\00060,NA,00060\nusers\\sam\\1e5,1e5,\n")
    written = run("write", tmp_path / "countries.csv", "--job", "countries", "--server", store)
    assert "2 series stored" in written.stdout, written.stderr
    conn = sj.Connection(store)
    assert conn.get_fields(r"sid=users\sam\00060") == {"code": "NA", "zip": "00060"}
    assert conn.get_fields(r"sid=users\sam\1e5") == {"code": "1e5"}


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".json", ".json.xz", ".parquet"])
@pytest.mark.parametrize(
    ("layout", "sid"), [("wide", r"users\sam\{code}"), ("wide", "{series_id}"), ("long", None), ("fields", None)]
)
def test_what_read_saves_write_reads_back(layout, sid, suffix, tmp_path, capsys):
    store = f"local:{tmp_path / 'store.sqlite'}"
    data = pd.DataFrame(
        {"00060": [0.1, 2.0], "NA": [3.0, None]}, pd.date_range("2024-01-01", periods=2, tz="UTC", unit="ms")
    )
    with sj.Connection(store) as conn:
        columns = data.rename_axis(columns="code")
        columns.shooju.write("first", sid=r"users\sam\{code}", fields="levels", connection=conn)
        labels = () if sid == "{series_id}" else ("--fields", "code")
        path = tmp_path / f"saved{suffix}"
        read = ["read", r"sid:users\sam", "--layout", layout, *labels, "-o", str(path), "--server", store]
        assert cli.main(read) == 0, capsys.readouterr().err
        conn.register_job("delete").delete_series(r"sid:users\sam", one=False)
        assert read_shooju(r"sid:users\sam", connection=conn).empty
        options = ("--sid", sid) if sid else ("--fields", "code")
        assert cli.main(["write", str(path), "--job", "back", *options, "--server", store]) == 0, (
            capsys.readouterr().err
        )
        assert "2 series stored" in capsys.readouterr().out
        if layout == "fields":
            assert conn.get_fields(r"sid=users\sam\00060") == {"code": "00060"}
        else:
            back = read_shooju([r"sid=users\sam\00060", r"sid=users\sam\NA"], connection=conn)
            pd.testing.assert_frame_equal(
                back, data.set_axis(back.columns, axis=1), check_freq=False, check_names=False
            )


def test_the_version():
    assert run("--version").stdout == f"pandas-shooju {sj.__version__}\n"


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pandas_shooju",
        "demo",
        "--store",
        str(tmp_path / "s.sqlite"),
        "--chart",
        os.devnull,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        demo.stdout.readline()
        demo.stdout.close()
        assert demo.stderr.read() == ""
        assert demo.wait() == 141


def test_wrong_use_is_told_in_a_line(tmp_path):
    store = f"local:{tmp_path / 'store.sqlite'}"
    (tmp_path / "bad.csv").write_text("name,x\nfoo,1\n")
    for arguments, words in [
        (
            ("read", "sid:users", "-o", "out.xlsx", "--server", store),
            "must end in .csv, .tsv, .parquet or .json (.csv.gz and so on), got 'out.xlsx'",
        ),
        (
            ("write", tmp_path / "bad.csv", "--job", "bad", "--server", store),
            "must be ISO dates, got 'foo' in the column 'name'",
        ),
        (("write", tmp_path / "none.csv", "--job", "bad", "--server", store), "No such file"),
        (("read", "sid=users@NOPE", "--server", store), "NOPE"),
        (("serve", "--host", "0.0.0.0"), "API key"),
    ]:
        done = run(*arguments)
        assert done.returncode == 3, arguments
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert run("read").returncode == 2


def test_serve_says_where_and_stops_when_told(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pandas_shooju",
        "serve",
        "--store",
        str(tmp_path / "s.sqlite"),
        "--user",
        "sam",
        "--api-key",
        "k",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline()
        url = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)[1]
        with sj.Connection(url, "sam", "k") as conn:
            data = pd.DataFrame({"a": [1.0]}, pd.DatetimeIndex(["2024-01-01"], tz="UTC"))
            assert data.shooju.write("served", sid=r"users\sam\a", connection=conn).ok
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
    again = read_shooju([r"sid=users\sam\a"], connection=sj.Connection(f"local:{tmp_path / 's.sqlite'}"))
    assert again.iloc[0, 0] == 1.0


def test_looking_after_a_store(tmp_path):
    store = tmp_path / "store.sqlite"
    with sj.Connection(f"local:{store}") as conn:
        data = pd.DataFrame({"a": [1.0, 2.0]}, pd.DatetimeIndex(["2024-01-01", "2024-01-02"], tz="UTC"))
        data.shooju.write("points", sid=r"users\sam\a", fields={"unit": "MW"}, connection=conn)
    info = run("store", "info", store)
    assert re.search(r"^points +2$", info.stdout, re.MULTILINE), info.stdout + info.stderr
    assert "bytes before" in run("store", "vacuum", store).stdout
    exported = run("store", "export", store, tmp_path / "all.zip")
    assert exported.stdout.startswith("1 series exported"), exported.stderr
    assert run("store", "export", store, tmp_path / "all.zip").returncode == 3
    imported = run("store", "import", tmp_path / "other.sqlite", tmp_path / "all.zip")
    assert imported.stdout.startswith("1 series imported"), imported.stderr
    with sj.Connection(f"local:{tmp_path / 'other.sqlite'}") as conn:
        pd.testing.assert_frame_equal(
            read_shooju([r"sid=users\sam\a"], "unit", connection=conn).set_axis(["a"], axis=1),
            data.set_axis(data.index.as_unit("ms").rename("dt")),
        )
    missing = run("store", "info", tmp_path / "none.sqlite")
    assert missing.returncode == 3
    assert "Traceback" not in missing.stderr


def test_a_csv_across_a_clock_change_goes_back(tmp_path):
    store = f"local:{tmp_path / 'store.sqlite'}"
    index = pd.date_range("2024-10-26 20:00", periods=10, freq="h", tz="UTC")
    with sj.Connection(store) as conn:
        pd.DataFrame({"a": range(10)}, index).shooju.write("hours", sid=r"users\sam\a", connection=conn)
        saved = run("read", r"sid:users\sam", "--tz", "Europe/Berlin", "--df", "-50y", "-o", tmp_path / "c.csv",
                    "--server", store)  # fmt: skip
        assert saved.returncode == 0, saved.stderr
        back = run("write", tmp_path / "c.csv", "--job", "back", "--sid", "{series_id}", "--server", store)
        assert "10 points of 1 series stored" in back.stdout, back.stderr
        assert (read_shooju([r"sid=users\sam\a"], connection=conn).index == index).all()
    assert "port" in run("serve", "--port", "99999").stderr.lower()

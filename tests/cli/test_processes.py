"""Commands as processes: exit statuses, signals, and a server that is reached without a key."""

import importlib.metadata
import os
import re
import signal
import subprocess
import sys

import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import cli

COMMAND = [sys.executable, "-m", "pandas_shooju"]
#: nothing but what the command line says
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("SHOOJU_")}


def run(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, env=PLAIN, **options
    )


def test_the_console_script():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="pandas-shooju")
    assert script.load() is cli.main


def test_a_store_is_served_and_reached_without_a_key(tmp_path):
    serve = [*COMMAND, "serve", "--store", str(tmp_path / "s.sqlite")]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=PLAIN) as server:
        try:
            assert server.stdout.readline().startswith("listening on http://127.0.0.1:")
            line = server.stdout.readline()
            python, options = re.fullmatch(r"connect with (.*), or on the command line with (.*)\n", line).groups()
            prices = "symbol,dt,val\nA,2024-01-01,1\nA,2024-01-02,2\n"
            written = run("write", "-", "--job", "prices", "--sid", r"users\{symbol}", *options.split(), input=prices)
            assert (written.returncode, written.stderr) == (0, "")
            read = run("read", r"sid=users\A", "-o", "-", *options.split())
            assert read.stdout == "dt,users\\A\n2024-01-01 00:00:00+00:00,1.0\n2024-01-02 00:00:00+00:00,2.0\n"
            with eval(python, {"sj": sj}) as conn:
                assert pd.read_shooju([r"sid=users\A"], connection=conn).iloc[:, 0].tolist() == [1.0, 2.0]
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def test_statuses(tmp_path, capsys):
    store = f"local:{tmp_path / 's.sqlite'}"
    path = tmp_path / "some.csv"
    path.write_text("symbol,dt,val\nA,2024-01-01,1\n A,2024-01-01,2\n")
    write = ["write", str(path), "--job", "in part", "--sid", "{symbol}", "--server", store]
    assert cli.main(write) == 1  # an id must not begin with a space
    told = capsys.readouterr()
    assert "1 point of 1 series stored by job 1, 1 series not stored" in told.out
    assert "is not a series id" in told.err
    path.write_text("symbol,dt,val\n A,2024-01-01,2\n")
    assert cli.main(write) == 3
    assert "is not a series id" in capsys.readouterr().err
    with pytest.raises(SystemExit) as raised:
        cli.main(["write", str(path), "--sid", "{symbol}", "--server", store])
    assert raised.value.code == 2
    assert "--job" in capsys.readouterr().err


class Interrupted:
    """Standard input at which the user presses Ctrl-C."""

    @property
    def buffer(self):
        return self

    def read(self, size=-1):
        raise KeyboardInterrupt


@pytest.mark.parametrize("format_", ["csv", "json", "parquet"])
def test_ctrl_c(format_, monkeypatch, capsys, tmp_path):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(sys, "stdin", Interrupted())
    arguments = ["write", "-", "--format", format_, "--job", "none", "--server", f"local:{tmp_path / 's.sqlite'}"]
    assert cli.main(arguments) == 130
    assert capsys.readouterr().err == "pandas-shooju: interrupted\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_enough(unbuffered, tmp_path):
    store = f"local:{tmp_path / 's.sqlite'}"
    with sj.Connection(store) as conn:
        wide = pd.DataFrame({r"users\a": range(100_000)}, pd.date_range("2000-01-01", periods=100_000, freq="h"))
        wide.shooju.write("many rows", sid="{series_id}", connection=conn)
    read = [*COMMAND, "read", "sid:users", "-o", "-", "--server", store]
    environment = PLAIN | {"PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "dt,users\\a\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 141

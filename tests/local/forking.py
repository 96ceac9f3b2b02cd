"""Programs for `test_forks`: processes that are forked while threads of their parent write.

Each is run by itself, with a limit of time: what is wrong here is a child that hangs.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from pathlib import Path

import pandas as pd

import pandas_shooju as sj
from pandas_shooju import local

INDEX = pd.date_range("2024-01-01", periods=50, tz="UTC")


def write(connection: sj.Connection, series: int, value: float) -> None:
    frame = pd.DataFrame({"a": value}, INDEX)
    assert frame.shooju.write("of a process", sid=rf"users\sam\{series}", connection=connection).ok


def read(connection: sj.Connection, series: int) -> float:
    (column,) = pd.read_shooju([rf"sid=users\sam\{series}"], connection=connection).to_numpy().T
    assert (column == column[0]).all(), "a mixture of two writes"
    return float(column[0])


class Writers:
    """Threads that write during a ``with`` block, each to its own series."""

    def __init__(self, connection: sj.Connection, count: int = 3) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(connection, 100 + one)) for one in range(count)]
        self.failed: list[Exception] = []

    def _run(self, connection: sj.Connection, series: int) -> None:
        try:
            number = 0.0
            while not self._stop.is_set():
                write(connection, series, number)
                assert read(connection, series) == number
                number += 1
        except Exception as error:
            self.failed.append(error)

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self.failed, self.failed


def forked(server: str) -> None:
    """Children by `os.fork`, with the connection of their parent."""
    with sj.Connection(server, "sam", "key") as connection:
        write(connection, 0, 5.0)
        with Writers(connection):
            for child in range(1, 13):
                process = os.fork()
                if process == 0:
                    status = 1
                    try:
                        assert read(connection, 0) == 5.0
                        write(connection, child, float(child))
                        assert read(connection, child) == child
                        connection.close()
                        status = 0
                    finally:
                        os._exit(status)
                assert os.waitpid(process, 0)[1] == 0, f"child {child} failed"
        for child in range(1, 13):
            assert read(connection, child) == child


_connection: sj.Connection


def start(connection: sj.Connection) -> None:
    global _connection
    _connection = connection


def work(series: int) -> float:
    write(_connection, series, float(series))
    return read(_connection, series)


def pool(server: str, method: str) -> None:
    """The workers of a pool, which are given the connection."""
    with sj.Connection(server, "sam", "key") as connection, Writers(connection, 1):
        write(connection, 0, 5.0)
        with multiprocessing.get_context(method).Pool(3, start, (connection,)) as workers:
            assert workers.map(work, range(1, 13)) == [float(one) for one in range(1, 13)]
        assert read(connection, 12) == 12.0


def in_a_call(path: str) -> None:
    """A child that is forked within a call of its parent says so."""

    def forking(dates: object, values: object, argument: str | None) -> tuple[object, object]:
        process = os.fork()
        if process == 0:
            status = 1
            try:
                with sj.Connection(f"local:{path}") as connection:
                    read(connection, 0)
            except sj.ShoojuError as error:
                status = 0 if "forked while it was using the store" in str(error) else 2
            finally:
                os._exit(status)
        assert os.waitpid(process, 0)[1] == 0
        return dates, values

    local.register_operator("forking", forking)
    with sj.Connection(f"local:{path}") as connection:
        write(connection, 0, 5.0)
        assert pd.read_shooju([r"sid=users\sam\0@forking"], connection=connection).iloc[0, 0] == 5.0
        assert read(connection, 0) == 5.0


def memory() -> None:
    """A store in memory belongs to its process."""
    with sj.Connection("local::memory:") as connection:
        write(connection, 0, 5.0)
        process = os.fork()
        if process == 0:
            status = 1
            try:
                read(connection, 0)
            except sj.ShoojuError as error:
                status = 0 if "lives in memory and belongs to the process that opened it" in str(error) else 2
            finally:
                os._exit(status)
        assert os.waitpid(process, 0)[1] == 0
        assert read(connection, 0) == 5.0


def main(what: str, folder: str, *arguments: str) -> None:
    path = Path(folder) / "store.sqlite"
    if what == "memory":
        memory()
    elif what == "in a call":
        in_a_call(str(path))
    elif arguments[0] == "embedded":
        globals()[what](f"local:{path}", *arguments[1:])
    else:
        with local.start(path) as served:
            globals()[what](served.url, *arguments[1:])
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])

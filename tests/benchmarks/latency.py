"""Calls of single series, one after the other: calls per second of the published client and of ours.

``python -m tests.benchmarks.latency [SECONDS]``: each side reads a series of 24 points with a field, or writes two
points at a time, on one connection over a socket; then ours on a store in this process, and on many threads. The sides
take turns, for that many seconds each in all (2 by default).
"""

from __future__ import annotations

import datetime
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import shooju

import pandas_shooju as sj
from tests.benchmarks.desk import served

SERIES, POINTS, TURNS, THREADS = 50, 24, 4, 100
START = datetime.datetime(2024, 1, 1)
Step = Callable[[int], Any]


def query(number: int) -> str:
    """The query of one of the series."""
    return rf"sid=users\sam\series{number % SERIES}"


def steps(client: Any, point: Any) -> tuple[Step, Step]:
    """A read and a write of a series by its number, with the names that both clients have."""
    job = client.register_job("latency", batch_size=1)

    def write(number: int) -> None:
        dates = (START + datetime.timedelta(minutes=2 * number + at) for at in range(2))
        job.write(query(number), points=[point(date, 1.0) for date in dates])

    return lambda number: client.get_series(query(number), fields=["unit"], max_points=POINTS), write


def per_second(sides: dict[str, Step], seconds: float) -> dict[str, float]:
    """Calls per second of each side, which take turns."""
    numbers, spent = dict.fromkeys(sides, 0), dict.fromkeys(sides, 0.0)
    for _ in range(TURNS):
        for side, step in sides.items():
            began = time.perf_counter()
            while time.perf_counter() - began < seconds / TURNS:
                step(numbers[side])
                numbers[side] += 1
            spent[side] += time.perf_counter() - began
    return {side: numbers[side] / spent[side] for side in sides}


def threaded(read: Step, seconds: float) -> float:
    """Reads per second of many threads on one connection."""
    done = [0] * THREADS
    end = time.perf_counter() + seconds

    def run(at: int) -> None:
        while time.perf_counter() < end:
            read(at)
            done[at] += 1

    threads = [threading.Thread(target=run, args=(at,)) for at in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / seconds


def filled(conn: sj.Connection) -> sj.Connection:
    """The connection, to a server that now has the series."""
    with conn.register_job("series") as job:
        for number in range(SERIES):
            points = [(START + datetime.timedelta(hours=at), float(at)) for at in range(POINTS)]
            job.write(query(number), points=points, fields={"unit": "MW"})
    return conn


def main(seconds: float = 2.0) -> None:
    """Measure, and print a table."""
    warnings.simplefilter("ignore")
    print(f"{'calls per second':34} {'theirs':>8} {'ours':>8} {'ratio':>6}")
    with served() as url, filled(sj.Connection(url, "sam", "key")) as conn:
        theirs, ours = steps(shooju.Connection(url, "sam", "key"), shooju.Point), steps(conn, sj.Point)
        for name, one, other in zip(("reads over a socket", "writes over a socket"), theirs, ours, strict=True):
            found = per_second({"theirs": one, "ours": other}, seconds)
            print(f"{name:34} {found['theirs']:8.0f} {found['ours']:8.0f} {found['ours'] / found['theirs']:6.1f}")
        print(f"{f'reads over a socket, {THREADS} threads':34} {'':8} {threaded(ours[0], seconds):8.0f}")
    with tempfile.TemporaryDirectory() as folder, filled(sj.Connection(f"local:{Path(folder, 'store.db')}")) as conn:
        for name, step in zip(("reads in process", "writes in process"), steps(conn, sj.Point), strict=True):
            print(f"{name:34} {'':8} {per_second({'ours': step}, seconds)['ours']:8.0f}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))

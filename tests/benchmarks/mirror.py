"""What refreshing a mirror costs, as a part of its first copy: requests, CPU time and seconds.

``python -m tests.benchmarks.mirror [SERIES]``: an embedded store with that many series (100,000 by default) of 100
daily points and two fields is mirrored; then 1 % of them change, and 100 are deleted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import pandas_shooju as sj


class Count(sj.BaseHook):
    """Counts requests."""

    requests = 0

    def before_request(self, request: sj.Request) -> sj.Request:
        self.requests += 1
        return request


def write(conn: sj.Connection, description: str, numbers: np.ndarray, points: int, value: float) -> None:
    """Write points to the series with these numbers."""
    index = pd.date_range("2024-01-01", periods=points, tz="UTC")
    for part in np.array_split(numbers, max(len(numbers) // 10_000, 1)):
        frame = pd.DataFrame(np.full((points, len(part)), value) + part, index, [rf"big\{n % 100}\{n}" for n in part])
        frame.shooju.write(description, sid="{series_id}", fields={"unit": "MW", "kind": "load"}, connection=conn)


def main(series: int = 100_000) -> None:
    """Measure, and print a table."""
    folder = Path(tempfile.mkdtemp(prefix="mirror-"))
    hook = Count()
    rows = []
    with sj.Connection(f"local:{folder / 'source.sqlite'}", hooks=[hook]) as conn:
        write(conn, "Everything", np.arange(series), 100, 0.5)

        def measure(name: str, work) -> None:
            requests, cpu, began = hook.requests, time.process_time(), time.perf_counter()
            result = work()
            rows.append(
                (name, hook.requests - requests, time.process_time() - cpu, time.perf_counter() - began, result)
            )

        made = []
        measure("first copy", lambda: made.append(sj.mirror("sid:big", folder / "mirror.sqlite", connection=conn)))
        mirror = made[0]
        measure("nothing changed", mirror.refresh)
        write(conn, "One percent", np.arange(0, series, 100), 3, 7.5)
        measure("1 % changed", mirror.refresh)
        with conn.register_job("Deleted") as job:
            for n in range(1, 10_000, 100):
                job.delete_series(rf"sid=big\{n % 100}\{n}")
        measure("100 deleted", mirror.refresh)
        mirror.close()
    table = pd.DataFrame(rows, columns=["", "requests", "cpu (s)", "seconds", "result"]).set_index("")
    for name in ("requests", "cpu (s)", "seconds"):
        table[f"{name.split()[0]} %"] = (100 * table[name] / table[name].iloc[0]).round(2)
    print(table.drop(columns="result").round(3).to_string())
    print(*table["result"].iloc[1:], sep="\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

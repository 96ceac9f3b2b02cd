"""What desks build on top of a client: statements and seconds, the published client's and ours.

``python -m tests.benchmarks.desk [SERIES]``: the routines of `tests.manage.desk` on that many series (1,000 by default)
of 20 points, each on a store of its own in another process, over a socket.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import shooju

import pandas_shooju as sj
from tests.manage import desk


@contextlib.contextmanager
def served() -> Iterator[str]:
    """An empty store in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "pandas_shooju",
        "serve",
        "--store",
        ":memory:",
        "--user",
        "sam",
        "--api-key",
        "key",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield re.search(r"http://\S+", process.stdout.readline())[0]
        finally:
            process.terminate()


def seconds(row: desk.Row, side: str, series: int) -> float:
    """How long a routine takes, without a connection to be made."""
    with served() as url, sj.Connection(url, "sam", "key") as conn:
        os.environ |= {"SHOOJU_SERVER": url, "SHOOJU_USER": "sam", "SHOOJU_API_KEY": "key"}
        desk.fill(conn, series)
        given = row.prepare(conn)
        client: Any = conn if side == "ours" else shooju.Connection(url, "sam", "key")
        client.raw.get("/status/ping") if side == "ours" else client.shooju_api.ping()
        began = time.perf_counter()
        getattr(row, side)(client, given)
        return time.perf_counter() - began


def main(series: int = 1_000) -> None:
    """Measure, and print a table."""
    warnings.simplefilter("ignore")
    for row in desk.ROWS:  # modules are imported when they are first used, which is not measured
        for side in ("theirs", "ours"):
            seconds(row, side, 12)
    print(f"{series:,} series; statements and seconds, theirs and ours; seconds of theirs / ours")
    print(f"{'':38} {'statements':>11} {'seconds':>15} {'ratio':>7}")
    for row in desk.ROWS:
        theirs, ours = (min(seconds(row, side, series) for _ in range(2)) for side in ("theirs", "ours"))
        counts = f"{desk.statements(row.theirs)}, {desk.statements(row.ours)}"
        mark = {"request": " *", "object": " +", None: ""}[row.for_each]
        print(f"{row.name:38} {counts:>11} {theirs:7.3f}, {ours:6.3f} {theirs / ours:7.1f}{mark}", flush=True)
    print("* the published client makes a request for each series, + an object for each series or point")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

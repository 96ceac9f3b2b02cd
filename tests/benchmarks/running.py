"""Starting the servers and the fresh processes, and taking turns; what their figures mean is said elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas_shooju as sj
from pandas_shooju.client.buffer import SeriesWrite
from tests.benchmarks.data import DATA, series_of
from tests.benchmarks.warm import Keeper
from tests.benchmarks.workloads import Workload

#: seconds after which a run is given up
LIMIT = 900
#: seconds of a run after which its side is not run again: what a minute shows does not hang on the second time
PATIENCE = 30

Runs = dict[str, list[dict]]

_IMPORT = """
import sys, time
print("ready", flush=True)
sys.stdin.readline()
began = time.perf_counter()
import {}
print(time.perf_counter() - began)
"""


@contextmanager
def served(workload: Workload) -> Iterator[str]:
    """The URL of a server: one that replays the workload's pages, or the embedded Shooju with the workload's series."""
    if workload.embedded:
        command = [sys.executable, "-m", "pandas_shooju", "serve", "--store", ":memory:"]
    else:
        command = [sys.executable, "-m", "tests.benchmarks.replay", workload.data, str(workload.latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip().removeprefix("listening on ")
            if not url:
                raise SystemExit(f"{workload.name}: its server did not start")
            if workload.embedded:
                fill(url, workload.data)
            yield url
        finally:
            server.kill()


def fill(url: str, data: str) -> None:
    """Write the series of some data to a server."""
    with sj.Connection(url, "sam", "key") as conn:
        job = conn.register_job("benchmark")
        for item in series_of(DATA[data]):
            job.enqueue([SeriesWrite(item["series_id"], item.get("points"), item["fields"])])
        job.submit(workers=2)


def measure(workload: Workload, runs: int, sides: list[str], keeper: Keeper) -> Runs:
    """Runs of each side, taking turns, each with memory at hand."""
    results: Runs = {side: [] for side in sides if workload.call(side) is not None}
    with served(workload) as url:
        for _ in range(runs):
            for side, found in results.items():
                if found and found[0]["seconds"] > PATIENCE:
                    continue
                found.append(once(workload, side, url, keeper))
    return results


def once(workload: Workload, side: str, url: str, keeper: Keeper) -> dict:
    """One run in a fresh process."""
    arguments = ("-m", "tests.benchmarks.once", workload.name, side, url, "--wait")
    found = fresh(f"{workload.name} by {side}", arguments, keeper)
    if not workload.embedded:
        with urllib.request.urlopen(f"{url}/counts", timeout=10) as answer:
            found |= json.load(answer)
    return found


def fresh(what: str, arguments: tuple[str, ...], keeper: Keeper) -> Any:
    """What a fresh Python prints as JSON; it is told to go on when it is ready and memory is at hand."""
    command = [sys.executable, *arguments]
    # as installed: a module that is imported late is not compiled at every run
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    keeper.take()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        limit = threading.Timer(LIMIT, process.kill)
        limit.start()
        try:
            assert process.stdout is not None
            process.stdout.readline()
            keeper.give()
            output, errors = process.communicate("go\n")
        finally:
            limit.cancel()
            process.kill()
    if process.returncode:
        raise SystemExit(f"{what} failed:\n{errors}")
    return json.loads(output)


def measure_imports(runs: int, keeper: Keeper) -> dict[str, list[float]]:
    """Seconds of ``import pandas``, and of ``import pandas_shooju`` with all that it brings along, taking turns."""
    seconds: dict[str, list[float]] = {"pandas": [], "pandas_shooju": []}
    for run in range(runs + 1):
        for name, found in seconds.items():
            took = fresh(f"import {name}", ("-c", _IMPORT.format(name)), keeper)
            if run:  # the first one compiles, and reads from the disk
                found.append(took)
    return seconds


def measure_decoding() -> dict[str, dict[str, float]]:
    """Seconds of decoding alone, in a fresh process: the best of several, so that memory is at hand by itself."""
    command = [sys.executable, "-m", "tests.benchmarks.decoding", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT)
    return json.loads(done.stdout)

"""Large frames in the embedded store: seconds, memory and disk per point, which stay about the same as points grow.

``python -m tests.benchmarks.large [POINTS ...]``: for each number of points (by default 10^6, 10^7, 5 x 10^7 and 10^8)
a store of series with 10,000 prices each is written and read. Every step runs in a fresh process. Its memory is the
peak above the imports and the frame to write; a frame that is written in parts, or read, counts. Stores of more than
5 x 10^7 points are only written in parts and read in chunks. Disk is the size of the file, with all that it holds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import pandas_shooju as sj
from tests.benchmarks.once import forget_peak, memory

PER_SERIES = 10_000
#: the most points of one frame
WHOLE = 50_000_000
#: the series of a chunk; the points of a part that is written
CHUNK, PART = 100, 10_000_000
SIZES = (1_000_000, 10_000_000, WHOLE, 2 * WHOLE)
STEPS = ("write wide", "write parts", "write long", "read wide", "read long", "read chunks")


def wide(first: int, series: int) -> pd.DataFrame:
    """Prices with two decimals, one column for each series."""
    values = np.random.default_rng(first).integers(2000, 12_000, (PER_SERIES, series)) / 100
    dates = pd.date_range("2000-01-01", periods=PER_SERIES, freq="h", tz="UTC", name="dt")
    names = [rf"users\sam\series{number:06}" for number in range(first, first + series)]
    return pd.DataFrame(values, dates, pd.Index(names, name="series_id"))


def long(series: int) -> pd.DataFrame:
    """The same, one row for each point."""
    frame = wide(0, series)
    names = pd.Categorical.from_codes(np.repeat(np.arange(series), PER_SERIES), frame.columns)
    values = frame.to_numpy().ravel(order="F")
    return pd.DataFrame({"series_id": names, "dt": np.tile(frame.index, series), "val": values})


def call(step: str, series: int, conn: sj.Connection) -> Callable[[], Any]:
    """What a step does; what it writes is made before."""
    if step == "write wide":
        frame = wide(0, series)
        return lambda: frame.shooju.write("large", sid="{series_id}", connection=conn)
    if step == "write long":
        frame = long(series)
        return lambda: frame.shooju.write("large", connection=conn)
    if step == "write parts":
        return lambda: write_parts(series, conn)
    if step == "read chunks":
        return lambda: sum(len(chunk) for chunk in read_chunks(conn))
    return lambda: sj.read_shooju("sid:users", layout=step.removeprefix("read "), connection=conn)


def write_parts(series: int, conn: sj.Connection) -> None:
    """Write the series part by part, each made when it is its turn."""
    part = PART // PER_SERIES
    for first in range(0, series, part):
        wide(first, min(part, series - first)).shooju.write("large", sid="{series_id}", connection=conn)


def read_chunks(conn: sj.Connection) -> Iterator[pd.DataFrame]:
    return sj.read_shooju("sid:users", layout="long", chunksize=CHUNK, connection=conn)


def run(step: str, points: int, path: str) -> dict[str, float]:
    """One step in this process."""
    with sj.Connection(f"local:{path}") as conn:
        act = call(step, points // PER_SERIES, conn)
        forget_peak()
        before, cpu, began = memory("VmRSS"), time.process_time(), time.perf_counter()
        result = act()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        if step == "read chunks" and result != points:
            raise SystemExit(f"{step}: expected {points:,} points, got {result:,}")
        if step in ("read wide", "read long") and len(result) != (PER_SERIES if step == "read wide" else points):
            raise SystemExit(f"{step}: expected {points:,} points, got a frame of {result.shape}")
        return {"seconds": seconds, "cpu": cpu, "peak": memory("VmHWM") - before}


def main(sizes: tuple[int, ...]) -> None:
    """Run all steps in fresh processes, and print a table."""
    head = f"{'CPU s':>8} {'wall s':>8} {'peak MiB':>9} {'CPU ns/point':>13} {'peak B/point':>13} {'disk B/point':>13}"
    print(f"{'points':>12} {'step':12} {head}")
    for points in sizes:
        with tempfile.TemporaryDirectory() as folder:
            for step in STEPS:
                if points > WHOLE and step not in ("write parts", "read chunks"):
                    continue
                path = Path(folder, f"{step if step.startswith('write') else 'write parts'}.db")
                command = [sys.executable, "-m", "tests.benchmarks.large", "--step", step, str(points), str(path)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                found = json.loads(done.stdout)
                disk = path.stat().st_size / points
                figures = f"{found['cpu']:8.2f} {found['seconds']:8.2f} {found['peak'] / 2**20:9.0f}"
                each = f"{found['cpu'] / points * 1e9:13.0f} {found['peak'] / points:13.1f} {disk:13.2f}"
                print(f"{points:12,} {step:12} {figures} {each}", flush=True)
                if step in ("write wide", "write long"):  # what is read is what was written in parts
                    path.unlink()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(run(sys.argv[2], int(sys.argv[3]), sys.argv[4])))
    else:
        main(tuple(map(int, sys.argv[1:])) or SIZES)

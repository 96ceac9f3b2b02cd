"""10,000 series x 1,000 points, and the mean of each, by one process and by engines beyond it: seconds and peak memory.

``python -m tests.benchmarks.engines [RUNS]`` (extras: dask, polars, arrow, and DuckDB) takes turns with them, each run
in fresh processes, and prints medians and their ratios to the first line. The peaks are the kernel's, above what the
processes have before the clock starts: of the process that collects the result, and of the largest of the workers. The
workers of Dask run before the clock starts.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pandas as pd

from tests.benchmarks.calls import read
from tests.benchmarks.once import forget_peak, memory
from tests.benchmarks.running import fresh, served
from tests.benchmarks.warm import Keeper
from tests.benchmarks.workloads import LONG, Workload

WORKERS = 2
PAGE = 1000
WORKLOAD = Workload("Q", "10,000 x 1,000, the mean of each series", "Q", read(PAGE, **LONG))


def one_process(conn: Any) -> Callable[[], Any]:
    """`read_shooju`, the frame being in memory as a whole."""
    import pandas_shooju as sj

    def run() -> Any:
        frame = sj.read_shooju("sid:bench", layout="long", connection=conn)
        return frame.groupby("series_id", observed=True)["val"].mean()

    return run


def chunks(conn: Any) -> Callable[[], Any]:
    """`read_shooju` in chunks of as many series as there are in a partition of Dask."""
    import pandas_shooju as sj

    def run() -> Any:
        frames = sj.read_shooju("sid:bench", layout="long", chunksize=PAGE, connection=conn)
        return pd.concat([frame.groupby("series_id", observed=True)["val"].mean() for frame in frames])

    return run


def dask_means(conn: Any) -> Callable[[], Any]:
    """Dask on two processes, which send the means."""
    from pandas_shooju.engines.dask import read_shooju

    def means(frame: pd.DataFrame) -> pd.Series:
        return frame.groupby("series_id", observed=True)["val"].mean()

    def run() -> Any:
        # each series is in one partition
        return read_shooju("sid:bench", connection=conn).map_partitions(means, meta=("val", "float64")).compute()

    return run


def dask_frame(conn: Any) -> Callable[[], Any]:
    """Dask on two processes, which send all points."""
    from pandas_shooju.engines.dask import read_shooju

    def run() -> Any:
        frame = read_shooju("sid:bench", connection=conn).compute()
        return frame.groupby("series_id", observed=True)["val"].mean()

    return run


def polars(conn: Any) -> Callable[[], Any]:
    """A LazyFrame, with the streaming engine."""
    import polars as pl

    from pandas_shooju.engines.polars import scan_shooju

    def run() -> Any:
        points = scan_shooju("sid:bench", batch_size=PAGE, connection=conn)
        return points.group_by("series_id").agg(pl.col("val").mean()).collect(engine="streaming")

    return run


def duckdb(conn: Any) -> Callable[[], Any]:
    """DuckDB on a stream of record batches."""
    import duckdb

    from pandas_shooju.engines.arrow import read_arrow

    def run() -> Any:
        with duckdb.connect() as database:
            database.register("points", read_arrow("sid:bench", batch_size=PAGE, connection=conn))
            return database.execute("SELECT series_id, avg(val) FROM points GROUP BY series_id").fetchall()

    return run


SIDES = {side.__name__: side for side in (one_process, chunks, dask_means, dask_frame, polars, duckdb)}


def once(side: str, url: str) -> dict[str, float]:
    """One run of one side; waits for a line on the standard input before the clock starts."""
    import pandas_shooju as sj

    with sj.Connection(url, "sam", "key") as conn:
        run = SIDES[side](conn)
        if not side.startswith("dask"):
            return timed(run)
        from dask import dataframe
        from distributed import Client, LocalCluster

        with (
            LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            # so that everything is imported
            dataframe.from_pandas(pd.DataFrame({"val": range(8)}), npartitions=8).map_partitions(abs).compute()
            client.run(importlib.import_module, "pandas_shooju.engines.dask")
            client.run(forget_peak)
            before = client.run(memory, "VmRSS")
            found = timed(run)
            peaks = client.run(memory, "VmHWM")
            return found | {"worker": max(peaks[worker] - before[worker] for worker in before)}


def timed(run: Callable[[], Any]) -> dict[str, float]:
    """Seconds, and bytes above what the process has now."""
    print("ready", flush=True)
    sys.stdin.readline()
    forget_peak()
    before = memory("VmRSS")
    began = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - began
    assert len(result) == 10_000
    return {"seconds": seconds, "peak": memory("VmHWM") - before, "worker": 0}


def main(runs: int = 3) -> None:
    """Take turns, and print a table."""
    results: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with served(WORKLOAD) as url, Keeper(768) as keeper:
        for _ in range(runs):
            for side, found in results.items():
                found.append(fresh(side, ("-m", "tests.benchmarks.engines", "once", side, url), keeper))
    table = pd.DataFrame(
        {side: {key: median(run[key] for run in found) for key in found[0]} for side, found in results.items()}
    ).T
    table[["peak", "worker"]] /= 2**20
    first = table.iloc[0]
    table["seconds / one"] = table["seconds"] / first["seconds"]
    table["peak / one"] = table[["peak", "worker"]].max(axis=1) / first["peak"]
    print(f"{WORKLOAD.title}: medians of {runs} runs, seconds and MiB")
    print(table.round(2).to_string())


if __name__ == "__main__":
    if sys.argv[1:2] == ["once"]:
        print(json.dumps(once(*sys.argv[2:4])))
    else:
        main(*map(int, sys.argv[1:]))

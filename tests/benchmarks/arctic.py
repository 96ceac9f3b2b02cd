"""The embedded store beside ArcticDB on LMDB, doing the same in one run: ``python -m tests.benchmarks.arctic``.

1,000 series x 10,000 hourly points with three fields each: written, read wide, read long. ArcticDB (which needs
pandas 2) writes them as 1,000 symbols with metadata by `write_batch`, reads them by `read_batch`, and makes the frame.
Ours goes through the full in-process stack, into a file.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import arcticdb
import numpy as np
import pandas as pd

import pandas_shooju as sj
from tests.benchmarks.warm import touched

SERIES, POINTS, RUNS = 1000, 10_000, 3
HAND = 1024  # MiB of memory at hand before each step


def the_frame() -> pd.DataFrame:
    """What is written."""
    index = pd.date_range("2010-01-01", periods=POINTS, freq="h", tz="UTC", name="dt")
    values = np.random.default_rng(1).normal(100, 10, (POINTS, SERIES))
    columns = pd.MultiIndex.from_arrays(
        [[f"name {i}" for i in range(SERIES)], [f"country {i % 50}" for i in range(SERIES)], ["MW"] * SERIES],
        names=["name", "country", "unit"],
    )
    return pd.DataFrame(values, index, columns)


def ours(frame: pd.DataFrame, folder: Path) -> dict[str, Callable[[], object]]:
    """Our three steps."""
    conn = sj.Connection(f"local:{folder / 'store.sqlite'}")
    return {
        "write": lambda: frame.shooju.write("bench", sid=r"users\sam\{name}", fields="levels", connection=conn),
        "wide": lambda: sj.read_shooju(r"sid:users\sam", ["name", "country", "unit"], connection=conn),
        "long": lambda: sj.read_shooju(r"sid:users\sam", ["name", "country", "unit"], layout="long", connection=conn),
    }


def theirs(frame: pd.DataFrame, folder: Path) -> dict[str, Callable[[], object]]:
    """The same three steps by ArcticDB."""
    library = arcticdb.Arctic(f"lmdb://{folder}").create_library("bench")
    names = [f"s{i}" for i in range(SERIES)]

    def write() -> object:
        return library.write_batch(
            [
                arcticdb.WritePayload(
                    name,
                    frame.iloc[:, [i]].set_axis(["val"], axis=1),
                    metadata=dict(zip(frame.columns.names, label, strict=True)),
                )
                for i, (name, label) in enumerate(zip(names, frame.columns, strict=True))
            ]
        )

    def wide() -> object:
        items = library.read_batch(names)
        columns = pd.MultiIndex.from_tuples([tuple(i.metadata.values()) for i in items], names=frame.columns.names)
        return pd.concat([item.data["val"] for item in items], axis=1).set_axis(columns, axis=1)

    def long() -> object:
        items = library.read_batch(names)
        whole = pd.concat([item.data for item in items], keys=names, names=["series_id", "dt"]).reset_index()
        for field in frame.columns.names:
            of_each = [item.metadata[field] for item in items]
            codes, categories = pd.factorize(np.array(of_each, object))
            whole[field] = pd.Categorical.from_codes(np.repeat(codes, POINTS), categories)
        return whole

    return {"write": write, "wide": wide, "long": long}


def main() -> None:
    """Run both in turns, and print medians and ratios."""
    frame = the_frame()
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(RUNS):
        for side, steps_of in (("ours", ours), ("arcticdb", theirs)):
            with tempfile.TemporaryDirectory() as folder:
                for step, call in steps_of(frame, Path(folder)).items():
                    touched(HAND << 20).close()
                    began = time.perf_counter()
                    result = call()
                    seconds.setdefault((step, side), []).append(time.perf_counter() - began)
                    del result
    print(f"pandas {pd.__version__}, numpy {np.__version__}, arcticdb {arcticdb.__version__}; medians of {RUNS} runs\n")
    print(f"{'':6} {'ours':>8} {'arcticdb':>8} {'ratio':>7}")
    for step in ("write", "wide", "long"):
        mine, other = (statistics.median(seconds[step, side]) for side in ("ours", "arcticdb"))
        print(f"{step:6} {mine:8.2f} {other:8.2f} {other / mine:6.1f}x")


if __name__ == "__main__":
    main()

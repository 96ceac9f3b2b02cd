"""SJTS alone, without network or frames, beside the reference codec in C: ``python -m tests.benchmarks.decoding``."""

from __future__ import annotations

import time
from collections.abc import Callable

import sjts

from pandas_shooju import formats
from tests.benchmarks.replay import series_of
from tests.benchmarks.workloads import DATA

RUNS = 7


def best(*calls: Callable[[], object]) -> list[float]:
    """The shortest of some runs of each, taking turns."""
    seconds = [float("inf")] * len(calls)
    for _ in range(RUNS):
        for i, call in enumerate(calls):
            began = time.process_time()
            result = call()
            seconds[i] = min(seconds[i], time.process_time() - began)
            del result
    return seconds


def main() -> None:
    """Print seconds and ratios."""
    print(f"{'':2} {'MiB':>6} {'decode':>8} {'in C':>8} {'ours / C':>8} {'encode':>8}")
    for name in ("A", "B", "C", "D", "E", "F", "H"):
        document = {"success": True, "series": series_of(DATA[name])}
        data = formats.encode(document, "sjts")
        ours, theirs, encoded = best(
            lambda data=data: formats.decode(data, "sjts"),
            lambda data=data: sjts.loads(data, use_numpy=True),
            lambda document=document: formats.encode(document, "sjts"),
        )
        print(f"{name:2} {len(data) / 2**20:6.1f} {ours:8.3f} {theirs:8.3f} {ours / theirs:7.2f}x {encoded:8.3f}")


if __name__ == "__main__":
    main()

"""SJTS alone, without network or frames, beside the reference codec in C: ``python -m tests.benchmarks.decoding``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from pandas_shooju import formats
from tests.benchmarks.data import DATA, series_of

RUNS = 7
NAMES = ("A", "B", "C", "C-seconds", "D", "E", "F", "H")


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


def measure(name: str) -> dict[str, float]:
    """Seconds for some data: decoding (into columns, and into dicts), decoding in C, encoding; and its size in MiB."""
    import sjts  # comes with the published client

    document = {"success": True, "series": series_of(DATA[name])}
    data = formats.encode(document, "sjts")
    table, ours, in_c, encode = best(
        lambda: formats.decode(data, "sjts").series,
        lambda: formats.decode(data, "sjts").items(),
        lambda: sjts.loads(data, use_numpy=True),
        lambda: formats.encode(document, "sjts"),
    )
    return {"mib": len(data) / 2**20, "table": table, "ours": ours, "in_c": in_c, "encode": encode}


def line(name: str, found: dict[str, float]) -> str:
    ours, in_c = found["ours"], found["in_c"]
    seconds = f"{ours:8.3f} {in_c:8.3f} {ours / in_c:7.2f}x {found['encode']:8.3f} {found['table']:8.3f}"
    return f"{name:12} {found['mib']:6.1f} {seconds}"


HEAD = f"{'':12} {'MiB':>6} {'decode':>8} {'in C':>8} {'ours / C':>8} {'encode':>8} {'columns':>8}"


def main() -> None:
    """Print a table, or with ``--json`` the figures."""
    if sys.argv[1:] == ["--json"]:
        print(json.dumps({name: measure(name) for name in NAMES}))
        return
    print(HEAD)
    for name in NAMES:
        print(line(name, measure(name)), flush=True)


if __name__ == "__main__":
    main()

"""One run of one workload by one side, in a fresh process: ``python -m tests.benchmarks.once NAME SIDE URL``."""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
import requests

from tests.benchmarks.workloads import BY_NAME, frame_to_write


def resident() -> int:
    """Bytes of this process in memory now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def fetch(url: str) -> int:
    """The floor: every page by requests, its bytes copied once."""
    session = requests.Session()
    total = 0
    for params in ({"query": "sid:bench", "fields": "*"}, *({"scroll_id": "s"} for _ in range(10_000))):
        body = session.get(f"{url}/api/1/series", params=params).content
        total += np.frombuffer(body, np.uint8).copy().size
        if len(body) < 200:
            return total
    return total


def main() -> None:
    """Run, and print seconds, bytes of memory above the imports, and the size of the frame as JSON."""
    name, side, url = sys.argv[1:4]
    workload = BY_NAME[name]
    if side == "ours":
        import pandas_shooju  # noqa: F401
    elif side == "peer":
        import shooju  # noqa: F401
    frame = frame_to_write(workload) if workload.writes else None
    before = resident()
    began = time.perf_counter()
    if side == "floor":
        fetch(url)
        result = None
    else:
        call = workload.ours if side == "ours" else workload.peer
        assert call is not None
        result = call(url, frame)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    size = int(result.memory_usage(deep=True).sum()) if hasattr(result, "memory_usage") else 0
    print(json.dumps({"seconds": seconds, "peak": max(peak, 0), "size": size, "shape": getattr(result, "shape", None)}))


if __name__ == "__main__":
    main()

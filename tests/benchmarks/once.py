"""One run of one workload by one side, in a fresh process: ``python -m tests.benchmarks.once NAME SIDE URL``.

With ``--wait`` after these it says when it is ready, and starts the clock when it is told: by then there is memory at
hand, the same for every side (:mod:`tests.benchmarks.warm` says why).

The peak is the kernel's, set back when the clock starts: what it took to make the input does not count.
"""

from __future__ import annotations

import json
import re
import sys
import time

from tests.benchmarks.data import DATA, frame_of
from tests.benchmarks.workloads import BY_NAME


def memory(what: str) -> int:
    """Bytes of this process in memory: now (``VmRSS``), or at most so far (``VmHWM``)."""
    with open("/proc/self/status") as file:
        found = re.search(rf"{what}:\s+(\d+) kB", file.read())
    assert found is not None
    return int(found[1]) * 1024


def forget_peak() -> None:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def main() -> None:
    """Run, and print seconds, bytes of memory above the imports, and the size of the frame as JSON."""
    name, side, url = sys.argv[1:4]
    workload = BY_NAME[name]
    if side == "ours":
        import pandas_shooju  # noqa: F401
    elif side == "peer":
        import shooju  # noqa: F401
    call = workload.call(side)
    assert call is not None
    frame = frame_of(DATA[workload.data], workload.writes) if workload.writes else None
    if "--wait" in sys.argv[4:]:
        print("ready", flush=True)
        sys.stdin.readline()
    forget_peak()
    before = memory("VmRSS")
    began = time.perf_counter()
    result = call(url, frame)
    seconds = time.perf_counter() - began
    peak = memory("VmHWM") - before
    size = int(result.memory_usage(deep=True).sum()) if hasattr(result, "memory_usage") else 0
    print(json.dumps({"seconds": seconds, "peak": max(peak, 0), "size": size, "shape": getattr(result, "shape", None)}))


if __name__ == "__main__":
    main()

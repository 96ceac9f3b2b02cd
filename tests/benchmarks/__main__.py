"""Run the workloads, alternating the sides, and print a table of medians and ratios."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

import pandas_shooju as sj
from tests.benchmarks.replay import series_of
from tests.benchmarks.workloads import BY_NAME, DATA, WORKLOADS, Workload, frame_to_write


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
            job.enqueue(sj.query.series(item["series_id"]), fields=item["fields"], points=item.get("points"))
        job.submit(workers=2)


def once(name: str, side: str, url: str) -> dict:
    """One run in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.once", name, side, url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} by {side} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def measure(workload: Workload, runs: int, sides: list[str]) -> dict[str, list[dict]]:
    """Runs of each side, taking turns."""
    sides = [
        side
        for side in sides
        if side == "ours" or (side == "peer" and workload.peer) or (side == "floor" and workload.floor)
    ]
    results: dict[str, list[dict]] = {side: [] for side in sides}
    with served(workload) as url:
        for _ in range(runs):
            for side in sides:
                results[side].append(once(workload.name, side, url))
    return results


def line(workload: Workload, results: dict[str, list[dict]]) -> str:
    """One line of the table."""

    def median(side: str, what: str) -> float | None:
        return statistics.median(run[what] for run in results[side]) if results.get(side) else None

    ours = median("ours", "seconds")
    assert ours is not None
    cells = [f"{workload.name:12} {workload.title:46} {ours:8.3f}"]
    for side in ("peer", "floor"):
        seconds = median(side, "seconds")
        cells.append(f"{seconds:8.3f}" if seconds is not None else " " * 8)
    peer, floor = median("peer", "seconds"), median("floor", "seconds")
    cells.append(f"{peer / ours:7.1f}x" if peer else " " * 8)
    cells.append(f"{ours / floor:7.2f}x" if floor else " " * 8)
    peak, peer_peak, size = median("ours", "peak"), median("peer", "peak"), median("ours", "size")
    assert peak is not None
    cells.append(f"{peak / 2**20:8.0f}")
    cells.append(f"{peer_peak / 2**20:8.0f}" if peer_peak else " " * 8)
    cells.append(f"{peak / size:6.2f}" if size else "")
    return " ".join(cells)


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"workloads to run (default: all): {', '.join(BY_NAME)}")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side (%(default)s)")
    parser.add_argument("--sides", default="ours,peer,floor", help="which sides (%(default)s)")
    parser.add_argument(
        "--profile", action="store_true", help="profile our side of the workloads, once, in this process"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BY_NAME]
    if unknown:
        parser.error(f"no workload {unknown[0]!r}; there are {', '.join(BY_NAME)}")
    chosen = [BY_NAME[name] for name in arguments.names] or WORKLOADS
    if arguments.profile:
        profile(chosen)
        return
    print(
        f"Python {platform.python_version()}, {', '.join(map(installed, ('pandas', 'numpy', 'shooju', 'shooju-ts')))}"
    )
    print(f"medians of {arguments.runs} runs, in seconds and MiB above the imports; peer / ours, ours / floor\n")
    print(
        f"{'':12} {'':46} {'ours':>8} {'peer':>8} {'floor':>8} {'vs peer':>8} {'vs floor':>8} "
        f"{'MiB':>8} {'peer MiB':>8} {'/frame':>6}"
    )
    for workload in chosen:
        print(line(workload, measure(workload, arguments.runs, arguments.sides.split(","))), flush=True)


def installed(name: str) -> str:
    """A package and its version."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


def profile(workloads: list[Workload]) -> None:
    """Print where our side spends its time."""
    import cProfile
    import pstats

    for workload in workloads:
        frame = frame_to_write(workload) if workload.writes else None
        with served(workload) as url:
            profiler = cProfile.Profile()
            profiler.runcall(workload.ours, url, frame)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()

"""Run the workloads, alternating the sides, and print a table of medians and ratios, and which targets they reach."""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from tests.benchmarks import table, targets
from tests.benchmarks.data import DATA, frame_of
from tests.benchmarks.figures import Figures
from tests.benchmarks.running import PATIENCE, measure, measure_decoding, measure_imports, served
from tests.benchmarks.warm import Keeper
from tests.benchmarks.workloads import BY_NAME, Workload

SIDES = ("ours", "peer", "floor")
ALONE = ("imports", "decoding")


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    names = [*BY_NAME, *ALONE]
    parser.add_argument("names", nargs="*", help=f"what to run (default: all): {', '.join(names)}")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side (%(default)s)")
    parser.add_argument("--sides", default=",".join(SIDES), help="which sides (%(default)s)")
    parser.add_argument(
        "--warm",
        type=int,
        default=768,
        metavar="MIB",
        help="memory at hand when a run begins, or 0 (%(default)s)",
    )
    parser.add_argument("--json", metavar="FILE", help="keep all that was measured in a file")
    parser.add_argument(
        "--profile", action="store_true", help="profile our side of the workloads, once, in this process"
    )
    arguments = parser.parse_args()
    sides = arguments.sides.split(",")
    for unknown in [name for name in arguments.names if name not in names]:
        parser.error(f"no workload {unknown!r}; there are {', '.join(names)}")
    for unknown in [side for side in sides if side not in SIDES]:
        parser.error(f"no side {unknown!r}; there are {', '.join(SIDES)}")
    if arguments.runs < 1 or arguments.warm < 0:
        parser.error("--runs is at least 1, --warm at least 0")
    chosen = arguments.names or names
    workloads = [BY_NAME[name] for name in chosen if name in BY_NAME]
    if arguments.profile:
        profile(workloads)
        return
    if "ours" not in sides:
        workloads = [workload for workload in workloads if any(workload.call(side) for side in sides)]
    packages = ", ".join(map(installed, ("pandas", "numpy", "shooju", "shooju-ts")))
    print(f"Python {platform.python_version()}, {packages}")
    figures = Figures()
    if workloads:
        print(f"medians of {arguments.runs} runs, in seconds and MiB above the imports; peer / ours, ours / floor")
        print(f"(a side that took more than {PATIENCE} s is not run again)\n")
        print(table.HEAD)
    with Keeper(arguments.warm) as keeper:
        for workload in workloads:
            figures.workloads[workload.name] = measure(workload, arguments.runs, sides, keeper)
            print(table.line(figures, workload), flush=True)
        if "imports" in chosen:
            figures.imports = measure_imports(2 * arguments.runs + 1, keeper)
    if "decoding" in chosen:
        figures.decoding = measure_decoding()
    reached = targets.results(figures)
    for text in (*table.sections(figures), *targets.lines(reached)):
        print(text)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"packages": packages, **asdict(figures), "targets": reached}, file, indent=1)


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
        frame = frame_of(DATA[workload.data], workload.writes) if workload.writes else None
        with served(workload) as url:
            profiler = cProfile.Profile()
            profiler.runcall(workload.ours, url, frame)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()

"""Run the parts named, or all of them: ``python -m tests.reliability [PART ...] [--schedules N] ...``.

schedules   operations through a proxy that injects faults, compared with what the store has
lies        responses that break their documented shape, or do not correspond to the request
mutations   documents with random damage
kills       SIGKILL of a process that writes with a spool
mixed       threads, forks and spawned processes beside faults; what they leave behind
zones       every change of the clock in every time zone, written and read back
"""

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.reliability import kills, lies, mixed, mutations, schedules, zones

#: runs a part: its summary, and how much was wrong
Part = Callable[[argparse.Namespace], tuple[str, int]]


def _schedules(given: argparse.Namespace) -> tuple[str, int]:
    kinds: Counter[str] = Counter()

    def report(seed: int, problems: list[schedules.Problem]) -> None:
        for problem in problems:
            print(f"{problem.kind}, schedule {problem.seed}: {problem.text}", flush=True)
            kinds[problem.kind] += 1

    counts = schedules.run(range(given.seed, given.seed + given.schedules), report)
    done = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    found = ", ".join(f"{kind}: {kinds[kind]}" for kind in schedules.KINDS)
    return f"{given.schedules} schedules ({done}); {found}", kinds.total()


def _lies(given: argparse.Namespace) -> tuple[str, int]:
    ends = lies.run()
    wrong = ends["believed"] + ends["foreign"] + ends["not told"]
    return (
        f"{ends.total() - ends['true']} lies: {ends['believed']} believed, {ends['foreign']} foreign exceptions",
        wrong,
    )


def _mutations(given: argparse.Namespace) -> tuple[str, int]:
    ends = mutations.run(given.mutations, given.seed)
    return (
        f"{given.mutations} mutated documents: {ends['decoded']} decoded, {ends['refused']} refused, {ends['foreign']} "
        f"foreign exceptions, {ends['too large']} beyond the limit of memory (the most: {ends['most memory']} bytes)"
    ), ends["foreign"] + ends["too large"]


def _kills(given: argparse.Namespace) -> tuple[str, int]:
    ends = kills.run(given.kills, given.seed)
    return (
        f"{given.kills} kills while {ends['rounds']} frames were written, {ends['resumed']} with something to resume: "
        f"{ends['wrong']} with data lost or twice"
    ), ends["wrong"]


def _mixed(given: argparse.Namespace) -> tuple[str, int]:
    ends = mixed.run(given.seconds, given.threads, given.seed)
    told = sum(number for name, number in ends.items() if name.startswith("told"))
    return (
        f"{given.threads} threads for {given.seconds:g} s: {ends['writes']} writes, {ends['reads']} reads, {told} "
        f"errors told, {ends['forks']} forks, {ends['spawns']} spawned; {ends['wrong']} wrong, {ends['threads left']} "
        f"threads and {ends['descriptors left']} descriptors left; memory in MiB, from tenth to tenth: "
        f"{', '.join(str(held >> 10) for name, held in ends.items() if name.startswith('KiB'))}"
    ), ends["wrong"]


def _zones(given: argparse.Namespace) -> tuple[str, int]:
    ends = zones.run(zones.names())
    return (
        f"{ends['zones']} zones, {ends['changes']} changes, {ends['points']} points: {ends['wrong']} series wrong; "
        f"naive times of {ends['naive']} written, of {ends['not proven']} refused as not proven"
    ), ends["wrong"]


PARTS: dict[str, Part] = {
    "schedules": _schedules, "lies": _lies, "mutations": _mutations, "kills": _kills, "mixed": _mixed, "zones": _zones,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.reliability", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seed", type=int, default=0, help="of the first schedule (%(default)s)")
    parser.add_argument("--schedules", type=int, default=2000, help="how many (%(default)s)")
    parser.add_argument("--mutations", type=int, default=1_000_000, help="how many documents (%(default)s)")
    parser.add_argument("--kills", type=int, default=500, help="how many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the mixed part (%(default)s)")
    parser.add_argument("--threads", type=int, default=32, help="of the mixed part (%(default)s)")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    logging.disable(logging.WARNING)
    failed = 0
    for name in given.parts or PARTS:
        began = time.monotonic()
        summary, wrong = PARTS[name](given)
        print(f"{name}: {summary} ({time.monotonic() - began:.0f} s)", flush=True)
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":  # spawned processes import this module
    sys.exit(main())

"""``python -m tests.reliability [--schedules N] [--kills N] [--seed S]``."""

import argparse
import logging
import sys
import time
from collections import Counter

from tests.reliability import kills, lies, schedules


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--schedules", type=int, default=2000, help="how many schedules (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first schedule (%(default)s)")
    parser.add_argument("--kills", type=int, default=500, help="how many kills of a writer (%(default)s)")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    began = time.monotonic()
    kinds: Counter[str] = Counter()

    def report(seed: int, problems: list[schedules.Problem]) -> None:
        for problem in problems:
            print(f"{problem.kind}, schedule {problem.seed}: {problem.text}", flush=True)
            kinds[problem.kind] += 1
        if (seed - arguments.seed) % 100 == 99:
            print(f"{seed - arguments.seed + 1} schedules, {time.monotonic() - began:.0f} s", flush=True)

    counts = schedules.run(range(arguments.seed, arguments.seed + arguments.schedules), report)
    print(
        f"{arguments.schedules} schedules: {', '.join(f'{number} {name}' for name, number in sorted(counts.items()))}"
    )
    for kind in schedules.KINDS:
        print(f"{kind}: {kinds[kind]}")
    outcomes = lies.run()
    print(f"{sum(outcomes.values())} lies: {outcomes['believed']} believed, {outcomes['foreign']} foreign exceptions")
    killed = kills.run(arguments.kills, arguments.seed)
    print(
        f"{arguments.kills} kills while {killed['rounds']} frames were written, "
        f"{killed['resumed']} with something to resume: {killed['wrong']} with data lost or twice"
    )
    return 1 if kinds or outcomes["believed"] or outcomes["foreign"] or killed["wrong"] else 0


sys.exit(main())

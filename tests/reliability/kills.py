"""SIGKILL of a process that writes with a spool, at random moments; what it had recorded is resumed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas_shooju as sj
from pandas_shooju import local
from pandas_shooju.client.points import milli_tuple

_PATH = r"users\sam\killed"

#: forks a writer for each line that it reads, and says when the writer has died
_NURSERY = r"""
    import os, sys
    import numpy as np, pandas as pd
    import pandas_shooju as sj

    def write(first):
        with sj.Connection(url, "sam", "key", retries=1) as conn:
            for number in range(first, first + 1000):
                data = pd.DataFrame(np.full((3, 6), float(number)), pd.date_range("2024", periods=3), list("abcdef"))
                sid = {name: rf"{path}\r{number}\{name}" for name in data}
                data.shooju.write(f"round {number}", sid=sid, spool=spool, batch_size=2, workers=2, connection=conn)
                print("stored", number, flush=True)

    url, path, spool = sys.argv[1:]
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            write(int(line))
            os._exit(0)
        print("began", pid, flush=True)
        os.waitpid(pid, 0)
        print("died", pid, flush=True)
"""


def run(kills: int, seed: int = 0, report: Callable[[str], None] = print) -> Counter[str]:
    """Kill writers; how many left something to resume, and how many rounds are not as they should be.

    A round is a frame of six series. Those that the writer knew to be stored must be there; of the last one, either all
    or nothing may be there after `resume`, and all of it under one job.
    """
    counts: Counter[str] = Counter()
    moments = random.Random(seed)
    with (
        local.start() as server,
        sj.Connection(server.url, "sam", "key") as conn,
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_NURSERY), server.url, _PATH, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        ) as nursery,
    ):
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        rounds = 0
        patience = 0.15  # seconds, more on a machine on which no round is stored before the writer is killed
        for number in range(kills):
            print(rounds, file=nursery.stdin, flush=True)
            words = nursery.stdout.readline().split()
            time.sleep(moments.uniform(0, patience))
            os.kill(int(words[1]), signal.SIGKILL)
            known = rounds
            while (words := nursery.stdout.readline().split())[0] != "died":
                known = int(words[1]) + 1
            counts["resumed"] += bool(sj.resume(folder, conn))
            left = [str(path) for path in Path(folder).iterdir()]
            found = _rounds(conn, rounds)
            wrong = [n for n, series in found.items() if not _is_whole(n, series)]
            rounds += len(found)
            patience = patience if found else min(2 * patience, 3.0)
            if wrong or left or rounds < known:
                counts["wrong"] += 1
                report(f"kill {number}: {known} rounds known to be stored, {rounds} found, wrong {wrong}, left {left}")
        nursery.stdin.close()
    counts["rounds"] = rounds
    return counts


def _rounds(conn: sj.Connection, first: int) -> dict[int, dict[str, list[tuple[float, int]]]]:
    """The rounds from the given one on: for each series, values and jobs."""
    found: dict[int, dict[str, list[tuple[float, int]]]] = {}
    number = first
    while True:
        page = conn.scroll(
            rf"sid:{_PATH}\r{number}", max_points=-1, extra_params={"include_job": "y"}, serializer=milli_tuple
        )
        series = {one["series_id"].rpartition("\\")[2]: [(v, j) for _, v, j in one.get("points", ())] for one in page}
        if not series:
            return found
        found[number] = series
        number += 1


def _is_whole(number: int, series: dict[str, list[tuple[float, int]]]) -> bool:
    jobs = {job for points in series.values() for _, job in points}
    return len(jobs) == 1 and series == {name: [(float(number), min(jobs))] * 3 for name in "abcdef"}

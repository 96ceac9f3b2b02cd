"""Several processes at one store: killed at random moments, or writing and reading at the same time.

Run by `test_processes`, briefly; by hand for as long as one likes::

    python -m tests.local.processes killed 200
    python -m tests.local.processes crowd 60
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from pandas_shooju.local import open_app
from tests.local.conftest import Api

#: points of an item, all of the same value: an item is whole, or not there
WIDTH = 50


def item(series: int, number: int) -> dict:
    return {
        "series_id": f"series\\{series}",
        "points": [[(number * WIDTH + place) * 1000, float(number)] for place in range(WIDTH)],
        "fields": {"number": number},
    }


def whole(api: Api, series_id: str) -> int:
    """The number of the last item of a series; everything up to it must be there, and nothing of the next."""
    (series,) = api.search(f'sid="{series_id}"', fields="number", max_points=-1)["series"]
    number = series["fields"]["number"]
    expected = [float(place // WIDTH) for place in range((number + 1) * WIDTH)]
    assert series["points"].values.tolist() == expected, f"{series_id}: half an item"
    return number


def writer(path: Path, ack: int) -> None:
    """Write until killed; tell of every call that was acknowledged."""
    app = open_app(path)
    api = Api(app, format_name="sjts")
    job = api.job()
    rng = random.Random()
    series = api.ids("sid:series", per_page=100)
    numbers = {int(one.rpartition("\\")[2]): whole(api, one) + 1 for one in series}
    while True:
        chosen = rng.sample(range(8), rng.randint(1, 8))
        assert all(one["success"] for one in api.write(*(item(s, numbers.get(s, 0)) for s in chosen), job=job))
        for one in chosen:
            os.write(ack, b"%d %d\n" % (one, numbers.get(one, 0)))
            numbers[one] = numbers.get(one, 0) + 1


def killed(rounds: int) -> None:
    """A writer killed at a random moment: the store is sound, has what was acknowledged, and no half item."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        known: dict[int, int] = {}
        for _ in range(rounds):
            ours, theirs = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(ours)
                try:
                    writer(path, theirs)
                finally:
                    os._exit(1)
            os.close(theirs)
            time.sleep(random.uniform(0.005, 0.12))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            with open(ours, "rb") as pipe:
                for line in pipe.read().splitlines():
                    series, number = map(int, line.split())
                    known[series] = number
            if not path.exists():
                assert not known
                continue
            # a process of its own, so that no connection is carried over a fork
            child = os.fork()
            if child == 0:
                try:
                    check(path, known)
                    os._exit(0)
                except BaseException as error:
                    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                    os._exit(1)
            assert os.waitpid(child, 0)[1] == 0, "the store is not as it should be"
        print(f"{rounds} times killed, {sum(known.values()) + len(known)} items acknowledged, nothing lost")


def check(path: Path, known: dict[int, int]) -> None:
    app = open_app(path)
    assert app._database._idle[0].execute("PRAGMA integrity_check").fetchone() == ("ok",)
    api = Api(app, format_name="sjts")
    found = {int(one.rpartition("\\")[2]): whole(api, one) for one in api.ids("sid:series", per_page=100)}
    for series, number in known.items():
        assert found[series] >= number, f"item {number} of series {series} is lost"
    app.close()


def crowd(seconds: float) -> None:
    """Four writers and four readers at one store."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        end = time.monotonic() + seconds
        children = [fork(crowd_writer, path, n, end) for n in range(4)]
        children += [fork(crowd_reader, path, end) for _ in range(4)]
        failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
        assert not failed, f"{len(failed)} of {len(children)} processes failed"
        database = sqlite3.connect(path)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        calls = database.execute("SELECT count(*) FROM revisions").fetchone()[0]
        print(f"{calls} calls written by four processes while four were reading, nothing lost")


def crowd_writer(path: Path, number: int, end: float) -> None:
    api = Api(open_app(path), format_name="sjts")
    job = api.job()
    count = 0
    while time.monotonic() < end:
        # one series of its own, and one that all of them write to, each at its own dates
        shared = {"series_id": "shared", "points": [[count * 4 + number, float(count)]]}
        responses = api.write(item(number, count), shared, job=job)
        assert all(one["success"] for one in responses), responses
        count += 1
    assert count, "never got a turn"
    assert whole(api, f"series\\{number}") == count - 1
    mine = [[date, value] for date, value in api.points("sid=shared") if date % 4 == number]
    assert mine == [[n * 4 + number, float(n)] for n in range(count)]


def crowd_reader(path: Path, end: float) -> None:
    api = Api(open_app(path), format_name="sjts")
    last: dict[str, int] = {}
    while time.monotonic() < end:
        for series_id in api.ids("sid:series"):
            number = whole(api, series_id)
            assert number >= last.get(series_id, 0), "time ran backwards"
            last[series_id] = number


def fork(work, *arguments) -> int:
    child = os.fork()
    if child == 0:
        try:
            work(*arguments)
            os._exit(0)
        except BaseException as error:
            print(f"{work.__name__}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    return child


if __name__ == "__main__":
    what, how_much = sys.argv[1:]
    killed(int(how_much)) if what == "killed" else crowd(float(how_much))

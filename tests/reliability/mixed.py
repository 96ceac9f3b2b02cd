"""Threads, forked and spawned processes share a connection, while requests fail; what they leave behind is counted."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

import pandas_shooju as sj
from tests.client import faults
from tests.client.faults import Fault, Proxy

_PATH = r"users\sam\mixed"
_INDEX = pd.date_range("2024", periods=24, freq="h", tz="UTC")
#: seconds after which a child hangs, and for which its end and that of threads is waited for
PATIENCE = 60


class Resources(Counter[str]):
    """What this process holds: open descriptors, threads, and memory in KiB (where the system tells)."""

    @classmethod
    def now(cls) -> Resources:
        gc.collect()
        held = cls(threads=threading.active_count())
        if os.path.isdir("/proc/self/fd"):
            held["descriptors"] = len(os.listdir("/proc/self/fd"))
            status = Path("/proc/self/status").read_text()
            held["memory"] = int(status.partition("VmRSS:")[2].split()[0])
        return held


class Mixed:
    """Threads that write and read, each series of its own, through faults, until told to stop."""

    def __init__(self, conn: sj.Connection, proxy: Proxy, seed: int) -> None:
        self.conn = conn
        self.proxy = proxy
        self.seed = seed
        self.stop = threading.Event()
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def note(self, what: str, problem: str | None = None) -> None:
        with self._lock:
            self.counts[what] += 1
            if problem is not None:
                self.wrong.append(problem)

    def work(self, number: int) -> None:
        """What a thread does: write three series, read them back, and compare."""
        chance = random.Random(f"{self.seed} {number}")
        known: tuple[float, ...] | None = None
        sids = [rf"{_PATH}\t{number}\{name}" for name in "abc"]
        while not self.stop.is_set():
            try:
                if chance.random() < 0.4 or known is None:
                    value = float(chance.randrange(10**6))
                    frame = pd.DataFrame(np.full((len(_INDEX), 3), value), _INDEX, sids)
                    known = None
                    frame.shooju.write(
                        f"thread {number}", sid="{series_id}", batch_size=2, workers=2, progress=False,
                        connection=self.conn,
                    )  # fmt: skip
                    known = (value,) * 3
                    self.note("writes")
                else:
                    read = pd.read_shooju([f"sid={sid}" for sid in sids], progress=False, connection=self.conn)
                    found = tuple(read.iloc[-1])
                    good = found == known and read.shape == (len(_INDEX), 3) and (read == found[0]).all(axis=None)
                    self.note("reads", None if good else f"thread {number} read {found} instead of {known}")
            except sj.ShoojuError as error:
                self.note(f"told: {type(error).__name__}")
            except Exception as error:
                self.note("foreign", f"thread {number}: {type(error).__name__}: {error}")

    def break_requests(self) -> None:
        """Queue a fault now and then."""
        chance = random.Random(self.seed)
        while not self.stop.wait(0.02):
            kinds: list[Fault] = [
                faults.drop(), faults.lose(), faults.cut(), faults.status(503, Retry_After="0"),
                faults.answer(b"<html>", "text/html"), faults.answer(b"{", "application/json"),
            ]  # fmt: skip
            with self.proxy.lock:
                self.proxy.seen.clear()
                if len(self.proxy.faults) < 3:
                    self.proxy.faults.append(chance.choice(kinds))

    def fork(self) -> None:
        """A forked child reads with the connection that it has inherited."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
            child = os.fork()
        if not child:
            signal.alarm(PATIENCE)
            try:
                os._exit(_read_fixed(self.conn))
            except BaseException:
                os._exit(3)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.note("forks", {0: None, 1: None}.get(code, f"a forked child ended with {code}"))

    def spawn(self) -> None:
        """A spawned child reads with a connection that was pickled."""
        process = multiprocessing.get_context("spawn").Process(target=_exit_with_fixed, args=(self.conn,))
        process.start()
        process.join(PATIENCE)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join()
        process.close()
        self.note("spawns", {0: None, 1: None}.get(code, f"a spawned child ended with {code}"))  # type: ignore[call-overload]


def _read_fixed(conn: sj.Connection) -> int:
    """Read series that nobody changes: 0 if they are right, 1 if an error says that they could not be read, else 2."""
    try:
        read = pd.read_shooju([rf"sid={_PATH}\fixed\{n}" for n in range(5)], progress=False, connection=conn)
    except sj.ShoojuError:
        return 1
    return 0 if (read.to_numpy() == np.arange(5.0)).all() else 2


def _exit_with_fixed(conn: sj.Connection) -> None:
    logging.disable(logging.WARNING)
    sys.exit(_read_fixed(conn))


def run(
    seconds: float, threads: int = 32, seed: int = 0, report: Callable[[str], None] = print, children: int | None = None
) -> Counter[str]:
    """Run for some seconds (or until there were so many `children`); what was done, and what was wrong.

    Descriptors and threads are compared with those before; memory is noted before, and after each tenth of the time.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        _server(folder) as url,
        faults.proxy(url) as proxy,
    ):
        with sj.Connection(url, "sam", "key") as truth:
            fixed = pd.DataFrame([np.arange(5.0)] * 3, _INDEX[:3], [rf"{_PATH}\fixed\{n}" for n in range(5)])
            fixed.shooju.write("Fixed", sid="{series_id}", progress=False, connection=truth)
            assert _read_fixed(truth) == 0
            child = multiprocessing.get_context("spawn").Process(target=_exit_with_fixed, args=(truth,))
            child.start()  # the first one starts a process of `multiprocessing` that stays
            child.join()
            child.close()
        before = Resources.now()
        memory = [before["memory"]]
        conn = sj.Connection(proxy.url, "sam", "key", retries=3, retry_delay=0.01, timeout=20.0, deadline=60.0)
        mixed = Mixed(conn, proxy, seed)
        workers = [threading.Thread(target=mixed.work, args=(n,)) for n in range(threads)]
        workers.append(threading.Thread(target=mixed.break_requests))
        for worker in workers:
            worker.start()
        began = time.monotonic()
        made = 0
        while made < children if children is not None else time.monotonic() < began + seconds:
            (mixed.spawn if made % 4 == 3 else mixed.fork)()
            made += 1
            if time.monotonic() > began + seconds * len(memory) / 10:
                memory.append(Resources.now()["memory"])
        mixed.stop.set()
        for worker in workers:
            worker.join(PATIENCE)
        conn.close()
        deadline = time.monotonic() + PATIENCE
        while (after := Resources.now()) and time.monotonic() < deadline:
            if all(after[name] <= before[name] for name in ("threads", "descriptors")):
                break
            time.sleep(0.1)
    counts = mixed.counts
    for name in ("threads", "descriptors"):
        counts[f"{name} left"] = max(after[name] - before[name], 0)
    counts["hanging"] = sum(worker.is_alive() for worker in workers)
    for number, held in enumerate(memory):
        counts[f"KiB {number}"] = held
    for one in mixed.wrong[:20]:
        report(one)
    counts["wrong"] = len(mixed.wrong) + counts["threads left"] + counts["descriptors left"] + counts["hanging"]
    return counts


@contextmanager
def _server(folder: str) -> Iterator[str]:
    """A server in a process of its own, so that what it holds is not counted."""
    command = [sys.executable, "-m", "pandas_shooju", "serve", "--store", str(Path(folder, "store.sqlite"))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().rpartition(" ")[2].strip()
        finally:
            process.terminate()

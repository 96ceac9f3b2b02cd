"""Schedules: random operations through random faults; what is reported is compared with what the store has.

An operation is tried while the network fails. Whatever it says then must be true. Then the network heals, what waits is
sent again, and the store must have exactly what was intended.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import pandas_shooju as sj
from pandas_shooju import local
from pandas_shooju.client.points import milli_tuple
from tests.client import faults
from tests.client.faults import Fault, Proxy, Seen
from tests.reliability.model import REPORTS, Lane, Lanes, Write, states, stored

#: what must not happen
KINDS = ("silent loss", "wrong report", "foreign exception", "made twice", "hang", "missing result", "not as intended")
#: seconds after which an operation hangs; its timeouts and deadlines are far below
PATIENCE = 60.0
#: seconds that a call waits for a response; a busy machine must not need as long
TIMEOUT = 3.0


class Problem(NamedTuple):
    """Something that must not happen."""

    kind: str
    seed: int
    text: str


class Hang(BaseException):
    """An operation took longer than all of its timeouts."""


def late(seconds: float) -> Fault:
    """Let the server do what is asked, and respond too late."""

    def act(proxy: Proxy, seen: Seen, sock: socket.socket) -> None:
        response = proxy.forward(seen)
        time.sleep(seconds)
        sock.sendall(response)

    return Fault(act)


def interrupt(before: bool) -> Fault:
    """Ctrl-C while the request is under way, before or after the server has done what is asked."""

    def act(proxy: Proxy, seen: Seen, sock: socket.socket) -> None:
        if not before:
            proxy.forward(seen)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(0.05)

    return Fault(act)


class Run:
    """One schedule.

    Parameters
    ----------
    truth
        A connection past the faults.
    proxy
        Where the faults are injected.
    seed
        Determines the schedule.
    """

    def __init__(self, truth: sj.Connection, proxy: Proxy, seed: int) -> None:
        self.truth = truth
        self.proxy = proxy
        self.seed = seed
        self.random = random.Random(seed)
        self.path = rf"users\sam\r{seed}"
        self.series = [rf"{self.path}\{name}" for name in "abcd"]
        self.model: dict[str, Lanes] = {name: {} for name in self.series}
        self.problems: list[Problem] = []
        self.counts: Counter[str] = Counter()
        self.log: list[str] = []
        self.registrations = 0
        self.conn = sj.Connection(
            proxy.url, "sam", "key", retries=self.random.randint(1, 3), retry_delay=0.0, timeout=TIMEOUT, deadline=20.0
        )

    def problem(self, kind: str, text: str) -> None:
        """Note that something happened which must not happen."""
        self.problems.append(Problem(kind, self.seed, f"{text}; {' | '.join(self.log[-6:])}"))

    def run(self) -> list[Problem]:
        """Carry out the schedule; what must not have happened."""
        operations: list[Callable[[], None]] = [
            self.write_frame, self.write_frame, self.write_job, self.write_job, self.delete_found, self.read_one,
            self.read_frame, self.read_bulk, self.read_dates, self.scroll, self.upload, self.upload_in_parts,
        ]  # fmt: skip
        with self.conn:
            for _ in range(self.random.randint(2, 5)):
                operation = self.random.choice(operations)
                self.log.append(operation.__name__)
                self.counts[operation.__name__] += 1
                try:
                    operation()
                except Hang:
                    self.problem("hang", "no end")
                    break
                finally:
                    self.proxy.faults.clear()
                if self.problems:
                    break
        return self.problems

    # --- faults ---

    def fault(self, interrupts: bool) -> Fault:
        one = self.random.choices(
            ["drop", "lose", "cut", "html", "garbage", "status", "other", "late", "refuse", "interrupt"],
            [4, 6, 4, 2, 2, 4, 2, 0.5, 2, 2 if interrupts else 0],
        )[0]
        self.log.append(one)
        self.counts[one] += 1
        match one:
            case "drop":
                return faults.drop()
            case "lose":
                return faults.lose()
            case "cut":
                return faults.cut()
            case "html":
                return faults.answer(b"<html>please sign in</html>", "text/html")
            case "garbage":
                return faults.answer(self.random.randbytes(self.random.randint(0, 200)))
            case "status":
                code = self.random.choice([429, 502, 503, 504])
                return faults.status(code, Retry_After="0")
            case "other":
                return faults.status(self.random.choice([400, 401, 403, 404, 413, 500, 302, 301]))
            case "late":
                return late(TIMEOUT + 0.5)
            case "refuse":
                return faults.answer(b'{"success": false, "error": "busy", "description": "later"}', "application/json")
        return interrupt(self.random.random() < 0.5)

    @contextmanager
    def failing(self, interrupts: bool = False) -> Iterator[None]:
        """Inject faults, for some of the requests in the block."""
        left = self.random.choice([0, 1, 1, 2, 3, 6])
        chance = self.random.choice([0.3, 0.6, 1.0])
        for _ in range(left):
            self.proxy.fail(self.fault(interrupts) if self.random.random() < chance else faults.delay(0))

        def hang(*_: object) -> None:
            raise Hang

        previous = signal.signal(signal.SIGALRM, hang)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
            self.proxy.faults.clear()

    def attempt(self, what: Callable[[], Any], interrupts: bool = False) -> tuple[Any, BaseException | None]:
        """What an operation returns, or the error that it raises."""
        try:
            with self.failing(interrupts):
                return what(), None
        except sj.ShoojuError as error:
            self.log.append(f"{type(error).__name__}: {str(error)[:200]}")
            return None, error
        except KeyboardInterrupt as error:
            self.log.append("KeyboardInterrupt")
            if not interrupts:
                self.problem("foreign exception", "KeyboardInterrupt")
            return None, error
        except Exception as error:
            self.problem("foreign exception", f"{type(error).__name__}: {error}")
            return None, error

    # --- writing ---

    def values(self) -> dict[int, float | None]:
        count = self.random.choice([0, 1, 2, 3, 7])
        return {self.random.randrange(12) * 1000: float(self.random.randrange(1000)) for _ in range(count)}

    def write_frame(self) -> None:
        names = self.random.sample(self.series, self.random.randint(1, 4))
        report = self.random.choice([None, None, *REPORTS])
        others = self.random.choice([None, None, "points", "fields", "all"])
        index = sorted({self.random.randrange(12) * 1000 for _ in range(self.random.randint(1, 5))})
        values = [[float(self.random.randrange(1000)) for _ in names] for _ in index]
        frame = pd.DataFrame(values, pd.to_datetime(np.array(index), unit="ms", utc=True), names)
        fields = {"unit": f"u{self.random.randrange(5)}"} if self.random.random() < 0.5 else {}
        description = f"{self.path} {self.random.random()}"
        writes = [
            Write(name, dict(zip(index, column, strict=True)), fields, report=report, remove_others=others)
            for name, column in zip(names, zip(*values, strict=True), strict=True)
        ]
        spool = tempfile.mkdtemp() if self.random.random() < 0.25 else None
        done, error = self.attempt(
            lambda: frame.shooju.write(
                description, sid={name: name for name in names}, fields=fields or None,
                reported_date=None if report is None else pd.Timestamp(report, unit="ms"), remove_others=others,
                batch_size=self.random.choice([1, 2, 1000]), workers=self.random.choice([1, 3]), progress=False,
                spool=spool, connection=self.conn,
            ),
            interrupts=True,
        )  # fmt: skip
        if error is not None and getattr(error, "result", None) is None:
            self.problem("missing result", repr(error))
            return
        result = done if error is None else error.result  # type: ignore[union-attr]
        tries = 0
        failures = 0 if error is None or result.job is not None else 1
        while True:
            self.check_states(writes, dict(zip(result.series.index, result.series["state"], strict=True)))
            if error is None and not result.ok:
                self.problem("silent loss", repr(result))
            if error is None or self.problems:
                break
            tries += 1
            if tries < 3 and self.random.random() < 0.5:  # once more through faults
                _, error = self.attempt(result.retry, interrupts=True)
                failures += error is not None and result.job is None
                continue
            if result.job is not None and self.random.random() < 0.3:
                self.retry_after_a_rival(result, writes, spool)
                return
            if spool is not None and result.job is not None:  # the process is killed, and another one goes on
                result.job._spool.close(done=False)
                sj.resume(spool, self.conn)
            else:
                result.retry()
                self.check_states(writes, dict.fromkeys(names, "stored"))
            break
        if spool is not None:
            os.rmdir(spool)  # it must be empty
        self.check_intended(writes)
        self.check_jobs(description, failures)

    def retry_after_a_rival(self, result: Any, writes: list[Write], spool: str | None) -> None:
        """Let a newer job write a date of one of the series, and retry: the newer job's points must remain."""
        ours = self.random.choice(writes)
        report = ours.report if isinstance(ours.report, int) else None
        newer = Write(ours.series, {self.random.randrange(12) * 1000: -1.0}, report=report)
        self.write(self.truth.register_job(f"{self.path} rival"), newer)
        _, error = self.attempt(result.retry, interrupts=True)
        if error is not None:
            try:
                result.retry()
            except sj.ConflictError as conflict:
                self.log.append(f"ConflictError: {conflict.conflicts.to_dict('records')}")  # type: ignore[union-attr]
        for write in writes:
            state = result.series.loc[write.series, "state"]
            if state not in ("stored", "superseded", "refused"):
                self.problem("not as intended", f"{write.series} is {state} after a retry")
            if state != "refused":
                self.model[write.series] = write.apply(self.model[write.series])
        self.check_intended([newer])
        if spool is not None:
            shutil.rmtree(spool)

    def write_job(self) -> None:
        writes: list[Write] = []
        description = f"{self.path} {self.random.random()}"
        job, error = self.attempt(
            lambda: self.conn.register_job(description, batch_size=self.random.choice([1, 3, 100]))
        )
        if error is not None:
            self.check_jobs(description, 0, at_least=0)
            return
        job._collision_retry_timeout = 0
        for _ in range(self.random.randint(1, 7)):
            write = self.random_write()
            writes.append(write)
            _, error = self.attempt(lambda write=write: self.write(job, write), interrupts=True)  # type: ignore[misc]
            self.check_job(job, writes)
            if self.problems:
                return
        how = {"batch_size": self.random.choice([1, 2, 1000]), "workers": self.random.choice([1, 3]),
               "max_points_per_call": self.random.choice([2, 500_000])}  # fmt: skip
        _, error = self.attempt(lambda: job.submit(**how), interrupts=True)
        self.check_job(job, writes, parts=True)
        if error is None and job.pending:
            self.problem("silent loss", f"{job!r} after a submit that succeeded")
        job.finish()
        self.check_intended(writes)
        self.check_jobs(description, 0)

    def random_write(self) -> Write:
        name = self.random.choice(self.series)
        kind = self.random.choice(["write"] * 6 + ["delete", "delete report", "delete reports"])
        report = self.random.choice([None, None, *REPORTS])
        if kind == "delete":
            return Write(name, delete=True)
        if kind != "write":
            return Write(name, delete=True, report=self.random.choice(REPORTS) if kind == "delete report" else "all")
        points = self.values()
        fields = (
            {self.random.choice("xyz"): self.random.randrange(9)} if self.random.random() < 0.5 or not points else {}
        )
        if points and report is None and self.random.random() < 0.2:
            points[self.random.choice(list(points))] = None
        others = self.random.choice([None, None, None, "points", "fields", "all"]) if report is None else None
        return Write(name, points, fields, report=report, remove_others=others)

    def write(self, job: Any, write: Write) -> None:
        query = f'sid="{write.series}"'
        if write.delete and write.report is None:
            job.delete_series(query, force=self.random.random() < 0.5)
        elif write.delete:
            job.delete_reported(
                query, **({"delete_all": True} if write.report == "all" else {"reported_dates": write.report})
            )
        elif write.report is None:
            job.write(query, write.fields, list(write.points.items()), write.remove_others)  # type: ignore[arg-type]
        else:
            job.write_reported(query, write.report, write.fields, list(write.points.items()))

    def delete_found(self) -> None:
        job, error = self.attempt(lambda: self.conn.register_job(f"{self.path} deletes", batch_size=100))
        if error is not None:
            return
        writes = [Write(name, delete=True) for name in self.series]
        _, error = self.attempt(lambda: job.delete_series(f"sid:{self.path}", one=False, force=True), interrupts=True)
        if error is None:
            self.check_job(job, writes)
        else:
            job.submit()
            job.delete_series(f"sid:{self.path}", one=False, force=True)
        self.check_intended(writes)

    # --- what is checked after writes ---

    def check_states(self, writes: list[Write], known: dict[str, str]) -> None:
        """Check what a result says of each series."""
        found = stored(self.truth, self.series)
        for name, state in known.items():
            before, after = (
                self.model[name],
                states(self.model[name], [one for one in writes if one.series == name])[-1],
            )
            allowed = {"stored": [after], "unknown": [before, after]}.get(state, [before])
            if found[name] not in allowed:
                kind = "silent loss" if state == "stored" else "wrong report"
                self.problem(kind, f"{name} is said to be {state}: {before} -> {after}, and is {found[name]}")

    def check_job(self, job: Any, writes: list[Write], parts: bool = False) -> None:
        """Check what a job says: series of which nothing waits are stored, the others as after some of the writes.

        With `parts`, a write may be stored in part.
        """
        waiting = set(job.pending_frame().index)
        found = stored(self.truth, self.series)
        for name in self.series:
            passed = states(self.model[name], [one for one in writes if one.series == name])
            if name not in waiting and found[name] != passed[-1]:
                self.problem(
                    "silent loss", f"nothing waits of {name}: {passed[-1]} is intended, and {found[name]} stored"
                )
            lanes = {report for lanes in [*passed, found[name]] for report in lanes}
            for report in lanes:
                possible = [lanes.get(report, ({}, {})) for lanes in passed]
                here = found[name].get(report, ({}, {}))
                if here not in possible and not (parts and _is_between(here, possible)):
                    self.problem("wrong report", f"{name} was never to be {found[name]}: {passed}")

    def check_intended(self, writes: list[Write]) -> None:
        """After healing, the store has exactly what was intended."""
        for write in writes:
            self.model[write.series] = write.apply(self.model[write.series])
        found = stored(self.truth, self.series)
        for name in self.series:
            if found[name] != self.model[name]:
                self.problem("not as intended", f"{name}: {self.model[name]} was intended, and {found[name]} is stored")

    def check_jobs(self, description: str, failures: int, at_least: int = 1) -> None:
        """Check that one job was registered, and at most one more for each time that an error told of a failure."""
        query = f'description="{description}"'
        count = len(self.truth.raw.get("/jobs", params={"query": query, "per_page": 50})["results"])
        if not at_least <= count <= 1 + failures:
            self.problem("made twice", f"{count} jobs {description!r} after {failures} failed registrations")

    # --- reading ---

    def check_read(self, what: str, found: dict[str, dict[int, float]], names: list[str]) -> None:
        """Check that exactly the points of these series were read."""
        wanted = {name: self.model[name].get(None, ({}, {}))[0] for name in names if self.model[name]}
        if {name: points for name, points in found.items() if points} != {n: p for n, p in wanted.items() if p}:
            self.problem("wrong report", f"{what} returned {found}, and the store has {wanted}")

    def read_one(self) -> None:
        name = self.random.choice(self.series)
        series, error = self.attempt(
            lambda: self.conn.get_series(f'sid="{name}"', "*", max_points=-1, serializer=milli_tuple)
        )
        if error is None:
            self.check_read("get_series", {name: dict((series or {}).get("points", ()))}, [name])

    def scroll(self) -> None:
        size = self.random.choice([1, 2, 100])
        series, error = self.attempt(
            lambda: list(self.conn.scroll(f"sid:{self.path}", max_points=-1, serializer=milli_tuple, batch_size=size))
        )
        if error is None:
            self.check_read("scroll", {one["series_id"]: dict(one.get("points", ())) for one in series}, self.series)
            if len({one["series_id"] for one in series}) != len(series):
                self.problem("wrong report", "scroll returned a series twice")

    def read_frame(self) -> None:
        size = self.random.choice([1, 2, 100])
        frame, error = self.attempt(
            lambda: pd.read_shooju(
                f"sid:{self.path}", layout="long", batch_size=size, progress=False, connection=self.conn
            )
        )
        if error is None:
            found: dict[str, dict[int, float]] = {}
            for name, date, value in zip(frame["series_id"], frame["dt"], frame["val"], strict=True):
                found.setdefault(name, {})[int(date.timestamp() * 1000)] = value
            self.check_read("read_shooju", found, self.series)

    def read_bulk(self) -> None:
        names = self.random.sample(self.series, self.random.randint(1, 4))

        def read() -> dict[str, dict[int, float]]:
            get = self.conn.mget()
            for name in names:
                get.get_series(f'sid="{name}"', max_points=-1, serializer=milli_tuple)
            return {
                name: dict((series or {}).get("points", ())) for name, series in zip(names, get.fetch(), strict=True)
            }

        found, error = self.attempt(read)
        if error is None:
            self.check_read("mget", found, names)

    def read_dates(self) -> None:
        name = self.random.choice(self.series)
        dates, error = self.attempt(lambda: self.conn.get_reported_dates(f'sid="{name}"'))
        wanted = sorted(report for report in self.model[name] if report is not None)
        if error is None and [int(pd.Timestamp(date).timestamp() * 1000) for date in dates] != wanted:
            self.problem("wrong report", f"get_reported_dates returned {dates} for {self.model[name]}")

    # --- files ---

    def check_file(self, name: str, error: BaseException | None, file_id: str | None, content: bytes) -> None:
        listed = [
            one for one in self.truth.raw.get("/files", params={"per_page": 1000})["results"] if one["name"] == name
        ]
        if len(listed) > 1:
            self.problem("made twice", f"{len(listed)} files {name!r}")
        if error is not None or file_id is None:
            return
        with self.truth.download_file(file_id) as file:
            if file.read() != content:
                self.problem("silent loss", f"file {name!r} is not as uploaded")
        got, error = self.attempt(lambda: self.conn.download_file(file_id))
        if error is None:
            with got:
                if got.read() != content:
                    self.problem("wrong report", f"file {name!r} is not as stored")

    def upload(self) -> None:
        name, content = f"{self.seed}-{self.random.random()}.bin", self.random.randbytes(self.random.randint(1, 3000))
        file_id, error = self.attempt(lambda: self.conn.upload_file(content, name))
        self.check_file(name, error, file_id, content)

    def upload_in_parts(self) -> None:
        name = f"{self.seed}-{self.random.random()}.bin"
        parts = [self.random.randbytes(self.random.randint(1, 2000)) for _ in range(3)]

        def upload() -> str:
            uploader = self.conn.init_multipart_upload(name)
            for number, part in enumerate(parts, start=1):
                uploader.upload_part(number, part)
            return uploader.complete()

        file_id, error = self.attempt(upload)
        self.check_file(name, error, file_id, b"".join(parts))


def _is_between(lane: Lane, possible: list[Lane]) -> bool:
    """Whether each point and field is as in one of these states."""
    return all(
        lane[kind].get(key) in {state[kind].get(key) for state in possible}  # type: ignore[call-overload]
        for kind in (0, 1)
        for key in {key for state in [lane, *possible] for key in state[kind]}
    )


def run(seeds: range, report: Callable[[int, list[Problem]], None] = lambda seed, problems: None) -> Counter[str]:
    """Run schedules, each against a fresh path of one server; how often each operation and fault occurred."""
    counts: Counter[str] = Counter()
    with (
        warnings.catch_warnings(),
        local.start() as server,
        faults.proxy(server.url) as proxy,
        sj.Connection(server.url, "sam", "key") as truth,
    ):
        for seed in seeds:
            proxy.seen.clear()
            schedule = Run(truth, proxy, seed)
            report(seed, schedule.run())
            counts += schedule.counts
    return counts

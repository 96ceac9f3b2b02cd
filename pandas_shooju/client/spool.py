"""Items on disk before they are sent, so that they survive the process.

A spool is a folder with a subfolder for each job that has unfinished work. In the subfolder, ``records`` is a log that
only grows: what the job is, items, and the numbers of items that are settled. It is emptied when everything is settled,
and the subfolder is removed when the job is finished. A record is an SJTS document after its length and checksum, so
that the torn record of a crash is recognized as such. It contains no API key.

What was sent shortly before a crash has an unknown outcome. It is sent again by `resume`, under the same job.
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pandas_shooju import formats
from pandas_shooju.client.buffer import Item, Target
from pandas_shooju.errors import ConfigurationError, ShoojuFormatError

if TYPE_CHECKING:
    from filelock import FileLock

_HEAD = struct.Struct("<QI")  # the length of a record, and its checksum
#: items and points of one record at most, unless a single item has more points
_RECORD_ITEMS, _RECORD_POINTS = 1000, 500_000


class Spooled(NamedTuple):
    """What a spool has of a job: the job, its items in order of writing, and whether it is to be finished."""

    job: dict[str, Any]
    items: list[Item]
    finish: bool


class Spool:
    """The subfolder of one job, locked by this process."""

    def __init__(self, folder: Path, lock: FileLock) -> None:
        self.folder = folder
        self._lock = lock
        self._file = (folder / "records").open("ab")
        self._process = os.getpid()
        self._unsettled: set[int] = set()
        self._next = 0
        self._start = 0

    @classmethod
    def begin(cls, path: str | os.PathLike[str], job: dict[str, Any]) -> Spool:
        """A spool for a job that has just been registered."""
        folder = Path(path) / f"job-{job['job_id']}-{zlib.crc32(job['server'].encode()):08x}"
        folder.mkdir(parents=True)
        spool = cls(folder, _locked(folder))
        spool._append({"job": job})
        spool._start = spool._file.tell()
        for directory in (folder, folder.parent):
            _sync_folder(directory)
        return spool

    @classmethod
    def take_up(cls, folder: Path) -> tuple[Spool, Spooled] | None:
        """The spool that a process has left behind; None, and no folder any more, if there is nothing to do."""
        lock = _locked(folder)
        job: dict[str, Any] | None = None
        items: dict[int, Item] = {}
        finish = False
        start = end = highest = 0
        for record, end in _records(folder / "records"):
            if job is None:
                job, start = record.get("job"), end
            for document in record.get("series", ()):
                items[document["number"]] = _item(document)
                highest = max(highest, document["number"] + 1)
            for number in record.get("settled", ()):
                items.pop(number, None)
            finish = finish or bool(record.get("finish"))
        if job is None or not (items or finish):
            lock.release()
            shutil.rmtree(folder)
            return None
        spool = cls(folder, lock)
        spool._file.truncate(end)
        spool._start, spool._next, spool._unsettled = start, highest, set(items)
        return spool, Spooled(job, [items[number] for number in sorted(items)], finish)

    def add(self, items: Iterable[Item]) -> None:
        """Record items, those that have a number in place of what was recorded under it; returns when they are safe."""
        record: list[dict[str, Any]] = []
        points = 0
        for item in items:
            if item.number is None:
                item.number, self._next = self._next, self._next + 1
            self._unsettled.add(item.number)
            if record and (points + item.size > _RECORD_POINTS or len(record) == _RECORD_ITEMS):
                self._append({"series": record}, sync=False)
                record, points = [], 0
            record.append(_document(item))
            points += item.size
        if record:
            self._append({"series": record})

    def settle(self, items: Iterable[Item]) -> None:
        """Record that nothing remains to be done for these items."""
        numbers = [item.number for item in items if item.number is not None]
        self._unsettled.difference_update(numbers)
        if not self._unsettled:
            self._check_process()
            self._file.truncate(self._start)
            os.fsync(self._file.fileno())
        elif numbers:
            self._append({"settled": numbers})

    def to_be_finished(self) -> None:
        """Record that the job is to be finished when everything is stored."""
        self._append({"finish": True})
        if not self._unsettled:
            self._start = self._file.seek(0, os.SEEK_END)

    def close(self, done: bool) -> None:
        """Let go of the folder; with `done`, remove it."""
        self._file.close()
        self._lock.release()
        if done:
            shutil.rmtree(self.folder)

    def _append(self, record: dict[str, Any], sync: bool = True) -> None:
        self._check_process()
        content = formats.encode({"success": True, **record}, "sjts")
        self._file.write(_HEAD.pack(len(content), zlib.crc32(content)) + content)
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise ConfigurationError("a job with a spool can only be used by the process that registered it")


def check_unused(path: str | os.PathLike[str]) -> None:
    """Check that a spool has no work that a process has left behind.

    Raises
    ------
    ConfigurationError
        It has, or the package that locks it is not installed.
    """
    for folder in folders(path):
        try:
            left = Spool.take_up(folder)
        except BlockingIOError:
            continue  # a job that is being written
        if left is not None:
            spool, (job, items, _) = left
            spool.close(done=False)
            raise ConfigurationError(
                f"the spool {str(path)!r} has unfinished work: {len(items)} items of job {job['job_id']}; "
                f"send them with pandas_shooju.resume({str(path)!r}, connection) first"
            )


def folders(path: str | os.PathLike[str]) -> list[Path]:
    """The subfolders of jobs with unfinished work, oldest first."""
    return sorted(Path(path).glob("job-*"), key=lambda folder: (len(folder.name), folder.name))


def _locked(folder: Path) -> FileLock:
    """The lock of a folder, taken.

    Raises
    ------
    BlockingIOError
        Another process (or job) has it.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError:
        raise ConfigurationError('a spool requires the package filelock: pip install "pandas-shooju[spool]"') from None
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(f"the spool {str(folder)!r} is in use by another process") from None
    return lock


def _records(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """The intact records of a log, each with the position after it."""
    try:
        log = path.open("rb")
    except FileNotFoundError:
        return
    with log:
        while len(head := log.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            content = log.read(length)
            if not content or zlib.crc32(content) != checksum:
                if log.read(1).strip(b"\0"):
                    raise ShoojuFormatError(
                        f"the spool {str(path)!r} is damaged: a record that is not the last one has a wrong checksum"
                    )
                return  # torn by a crash; nothing of it was sent
            yield formats.decode(content, "sjts").plain(), log.tell()


def _document(item: Item) -> dict[str, Any]:
    return {
        "number": item.number,
        "name": item.target.name,
        "query": item.target.query,
        "reported_date": item.reported_date,
        "delete": item.delete,
        "force": item.force,
        "fields": item.fields,
        "remove_others": item.remove_others,
        "points": item.points(),
    }


def _item(document: dict[str, Any]) -> Item:
    query = document["query"]
    target = Target.of_id(document["name"]) if query is None else Target.of_query(query)
    item = Item(target, document["reported_date"], delete=document["delete"], force=document["force"])
    item.merge(document["fields"], document["points"], document["remove_others"], ascending=True)
    item.number, item.state = document["number"], "unknown"
    return item


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere folders cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

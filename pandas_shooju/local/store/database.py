"""Opening a store and handing out its connections.

SQLite runs in WAL mode: readers see the state at the time when they began and never wait; writers wait for each other,
across processes as well. A commit is on the disk before it is acknowledged (``synchronous=FULL``).

A store without a path lives in a temporary folder while it is open.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

from pandas_shooju.local import forks
from pandas_shooju.local.errors import StoreCorrupt, StoreError, StoreLost, StoreMissing
from pandas_shooju.local.store import mirrors
from pandas_shooju.local.store.schema import APPLICATION_ID, MIGRATIONS

#: how long a writer waits for the writers of other processes (seconds)
PATIENCE = 30.0


class Database:
    """An open store.

    In a forked child, a store with a path is opened again when it is next used. A fork waits for calls in progress; if
    one takes too long, or itself forks, the child cannot use the store.

    Parameters
    ----------
    path
        The SQLite file; None for a store that is deleted on `close`.
    create
        Create a file that does not exist now; otherwise when it is first written to.

    Raises
    ------
    StoreError
        The file is not a store, or was written by a newer version of this package.
    """

    def __init__(self, path: Path | None, create: bool = True) -> None:
        self._lasting = path is not None
        folder = None
        if path is None:
            folder = tempfile.mkdtemp(prefix="shooju-")
            path = Path(folder) / "store.sqlite"
        self.path = path
        self._writer = forks.Lock()
        #: guards the three that follow
        self._state = threading.Condition()
        self._idle: list[sqlite3.Connection] = []
        #: the threads that use a connection
        self._users: list[int] = []
        #: the threads that are about to fork
        self._forking = 0
        #: why this process cannot use the store
        self._lost: str | None = None
        self._prepared = False
        # also without a call of close: at the end of the program, or when it is garbage collected
        self._end = weakref.finalize(self, _dispose, self._idle, folder, os.getpid())
        forks.register(self)
        if create or path.exists():
            self.create()

    @property
    def files_folder(self) -> Path:
        """The folder beside the store that holds the uploaded files."""
        return self.path.with_name(self.path.name + ".files")

    def create(self) -> None:
        """Create the file if it does not exist, and bring it to the newest version of the schema."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            try:
                _prepare(connection, self.path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                raise StoreCorrupt(f"{self.path} is damaged: {error}") from None
        self._prepared = True

    @contextlib.contextmanager
    def reading(self, *, mirror: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the store, regardless of concurrent writes.

        With `mirror`, also the state of a mirror whose first copy is not complete.

        Raises
        ------
        ApiError
            The store is such a mirror.
        StoreMissing
            The file does not exist.
        """
        if not self._prepared:
            if not self.path.exists():
                raise StoreMissing(
                    f"there is no store at {self.path}: check the path; a store is created when something is first"
                    " written to it"
                )
            self.create()
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                if not mirror:
                    mirrors.check_readable(connection)
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self, *, mirror: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection in a writing transaction, which is committed at the end unless an exception was raised.

        Only what keeps a mirror up to date can write to one; it passes `mirror`.

        Raises
        ------
        ApiError
            The store is a mirror.
        sqlite3.OperationalError
            Another process kept the store locked for longer than `PATIENCE`.
        """
        if not self._prepared:
            self.create()
        with self._writer, self._connection() as connection:
            _begin_writing(connection)
            try:
                if not mirror:
                    mirrors.check_writable(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def vacuum(self) -> None:
        """Rebuild the file, without unused space."""
        with self._writer, self._connection() as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connections; a temporary store is deleted."""
        self._end()

    def before_fork(self) -> None:
        """Wait for the calls in progress, and close all connections: SQLite's state must not reach the child."""
        with self._state:
            self._forking += 1
            alone = threading.get_ident() not in self._users
            quiet = alone and self._state.wait_for(lambda: not self._users, PATIENCE)
            if not quiet:
                self._lost = "the process forked while it was using the store"
            while self._idle:
                self._idle.pop().close()

    def after_fork(self) -> None:
        """Go on, in the parent."""
        with self._state:
            self._forking -= 1
            if not self._forking:
                self._lost = None
            self._state.notify_all()

    def in_child(self) -> None:
        """Begin anew, in the child."""
        self._state = threading.Condition()
        self._users, self._forking = [], 0
        if self._idle:
            # they must be neither used nor closed here
            _inherited.extend(self._idle)
            self._idle.clear()
        if not self._lasting:
            self._lost = "it lives in memory and belongs to the process that opened it"

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if not self._end.alive:
            raise StoreError(f"the store {self.path} is closed")
        me = threading.get_ident()
        with self._state:
            while self._forking and me not in self._users:
                self._state.wait()
            if self._lost is not None and not self._forking:
                raise StoreLost(
                    f"this forked process cannot use the store {self.path}, because {self._lost}: connect after the"
                    " fork, to a store with a path, or to one that is served"
                )
            self._users.append(me)
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is None:
                try:
                    connection = self._connect()
                except sqlite3.DatabaseError as error:
                    raise StoreError(f"{self.path} cannot be opened as a store: {error}") from None
            yield connection
        finally:
            with self._state:
                if connection is not None:
                    if self._end.alive:
                        self._idle.append(connection)
                    else:
                        connection.close()
                self._users.remove(me)
                self._state.notify_all()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            connection.execute("PRAGMA page_size = 16384")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._lasting else 'OFF'}")
            connection.create_function("lowered", 1, _lowered, deterministic=True)
        except BaseException:
            connection.close()
            raise
        return connection


def _lowered(text: str | None) -> str | None:
    """The SQL function ``lowered``: ``lower`` of SQLite leaves all letters but those of ASCII as they are."""
    return None if text is None else text.lower()


#: connections of parents, which are kept so that they are never closed
_inherited: list[sqlite3.Connection] = []


def _dispose(idle: list[sqlite3.Connection], folder: str | None, process: int) -> None:
    """Close connections, and delete a temporary store; but not in a child of the process that created it."""
    while idle:
        idle.pop().close()
    if folder is not None and os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _begin_writing(connection: sqlite3.Connection) -> None:
    """Begin a writing transaction, waiting for other writers.

    SQLite itself waits longer after each attempt, so that the one that has waited longest is the least likely to be
    next. Frequent attempts at random moments give everyone a turn.
    """
    deadline = time.monotonic() + PATIENCE
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.0005, 0.004))
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the newest version of the schema."""
    if _version(connection, path) == len(MIGRATIONS) and _mode(connection) == "wal":
        return
    _switch_to_wal(connection)
    _begin_writing(connection)
    try:
        # another process may have been faster
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for number, steps in enumerate(MIGRATIONS[version:], version + 1):
            for step in steps:
                if not isinstance(step, str):
                    step(connection)
                    continue
                for statement in step.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the store, 0 for a new file.

    Raises
    ------
    StoreError
        The file is not a store, or one of a newer version.
    """
    try:
        # as one transaction: another process may be creating the store at this moment
        connection.execute("BEGIN")
        try:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            mark = connection.execute("PRAGMA application_id").fetchone()[0]
            empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        finally:
            connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is not a store of the embedded Shooju: {error}") from None
    if mark != APPLICATION_ID and not empty:
        raise StoreError(f"{path} is a SQLite file of another program; choose another path for the store")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} has version {version} of the store, but this pandas-shooju supports versions up to"
            f" {len(MIGRATIONS)}: upgrade pandas-shooju"
        )
    return version


def _mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn WAL mode on; SQLite does not wait here by itself while another process does the same."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
            error = sqlite3.OperationalError("SQLite cannot use WAL mode for this file")
        except sqlite3.OperationalError as refusal:
            error = refusal
        if time.monotonic() > deadline:
            raise error
        time.sleep(random.uniform(0.005, 0.02))

"""Checksums of what is on the disk, so that damage is noticed instead of read."""

from __future__ import annotations

import os
import sqlite3
import zlib

from pandas_shooju.local.errors import StoreCorrupt


def checksum(*values: bytes | memoryview | str | int | None) -> int:
    """The CRC-32 of the columns of a row.

    Examples
    --------
    >>> checksum(1, None, b"abc") == checksum(1, None, b"abc"), checksum(1, b"abc") == checksum(1, b"abd")
    (True, False)
    """
    total = 0
    plain = []
    for value in values:
        if isinstance(value, bytes | memoryview):
            total = zlib.crc32(value, total)
            value = memoryview(value).nbytes
        plain.append(value)
    return zlib.crc32(repr(plain).encode(), total)


def verify(expected: int | None, what: str, *values: bytes | memoryview | str | int | None) -> None:
    """Compare the columns of a row with their checksum, if they have one: older stores have none.

    Raises
    ------
    StoreCorrupt
        The row is not as it was written.
    """
    if expected is not None and checksum(*values) != expected:
        raise StoreCorrupt(f"{what} are not as they were written")


#: the stores whose catalog was checked by this process
_checked: set[tuple[int, int]] = set()


def check_catalog(db: sqlite3.Connection) -> None:
    """Check once, before a series is taken as missing, that the catalog finds everything that is in it.

    Raises
    ------
    StoreCorrupt
        It does not.
    """
    found = os.stat(db.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()[0])
    if (found.st_dev, found.st_ino) in _checked:
        return
    problem = db.execute("PRAGMA integrity_check('series')").fetchone()[0]
    if problem != "ok":
        raise StoreCorrupt(f"the catalog of series is inconsistent: {problem}")
    _checked.add((found.st_dev, found.st_ino))

"""Uploaded files: their bytes in a folder beside the store, the rest in a table.

The bytes of a file are on the disk, under its id, before it is added to the table: a file that is listed is always
complete. Files in parts are joined at the end.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
from pathlib import Path
from typing import IO, Any

from pandas_shooju.local.errors import ApiError, invalid
from pandas_shooju.local.store.jobs import now

_COLUMNS = ("file_id", "name", "size", "custom", "user", "created")
_SELECT = "SELECT id, name, size, custom, user, created FROM files"
_PIECE = 1 << 20


def not_found(file: str) -> ApiError:
    """The error for a file that does not exist."""
    return ApiError("file_not_found", f"file not found: {file[:100]}")


def save(folder: Path, content: IO[bytes]) -> str:
    """Write the bytes of a new file to the disk and return its id."""
    file = secrets.token_hex(16)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / file, [content])
    return file


def remove(folder: Path, saved: list[str]) -> None:
    """Remove the bytes of files that were not added to the table."""
    for file in saved:
        (folder / file).unlink(missing_ok=True)


def add(db: sqlite3.Connection, file: str, name: str, size: int | None, custom: Any, user: str) -> None:
    """Add a file to the table; without a size, one whose parts will follow."""
    if custom is not None and not isinstance(custom, dict):
        raise invalid(f"the custom fields of a file must be an object, got {type(custom).__name__}")
    name = "".join(character if character.isprintable() else "_" for character in name) or "file"
    db.execute(
        "INSERT INTO files (id, name, size, custom, user, created) VALUES (?,?,?,?,?,?)",
        (file, name, size, json.dumps(custom or {}), user, now()),
    )


def get(db: sqlite3.Connection, file: str, *, complete: bool = True) -> dict[str, Any]:
    """The name, size and custom fields of a file.

    Raises
    ------
    ApiError
        The file does not exist, or is not complete although `complete` requires it.
    """
    row = db.execute(_SELECT + " WHERE id = ?", (file,)).fetchone()
    if row is None or (complete and row[2] is None):
        raise not_found(file)
    return _as_dict(row)


def listed(db: sqlite3.Connection, count: int) -> list[dict[str, Any]]:
    """The newest files, the newest first."""
    rows = db.execute(_SELECT + " WHERE size IS NOT NULL ORDER BY created DESC, id DESC LIMIT ?", (count,)).fetchall()
    return [_as_dict(row) for row in rows]


def save_part(folder: Path, file: str, number: int, content: IO[bytes]) -> None:
    """Write a part of a file to the disk, replacing an earlier one with that number."""
    parts = _parts_folder(folder, file)
    parts.mkdir(parents=True, exist_ok=True)
    _write(parts / f"{number:06}", [content])


def join_parts(folder: Path, file: str) -> int:
    """Join the parts of a file and return its size (bytes).

    Raises
    ------
    ApiError
        There are no parts, or one is missing between the others.
    """
    parts = sorted(path for path in _parts_folder(folder, file).glob("*") if path.name.isdigit())
    if not parts:
        raise invalid(f"no part of file {file} has been uploaded")
    first = int(parts[0].name)
    for number, part in enumerate(parts, first):
        if int(part.name) != number or first > 1:
            raise invalid(f"part {number if first <= 1 else 1} of file {file} is missing")
    return _write(folder / file, parts)


def forget_parts(folder: Path, file: str) -> None:
    """Remove the parts of a file that have been joined."""
    shutil.rmtree(_parts_folder(folder, file), ignore_errors=True)


def set_size(db: sqlite3.Connection, file: str, size: int) -> None:
    """Mark a file as complete."""
    db.execute("UPDATE files SET size = ? WHERE id = ?", (size, file))


def _parts_folder(folder: Path, file: str) -> Path:
    return folder / f"{file}.parts"


def _write(path: Path, sources: list[IO[bytes]] | list[Path]) -> int:
    """Write a file so that it exists completely or not at all, and return its size (bytes)."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.draft")
    try:
        with open(draft, "xb") as target:
            for source in sources:
                if isinstance(source, Path):
                    with open(source, "rb") as part:
                        shutil.copyfileobj(part, target, _PIECE)
                else:
                    shutil.copyfileobj(source, target, _PIECE)
            target.flush()
            os.fsync(target.fileno())
            size = target.tell()
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return size


def _as_dict(row: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(_COLUMNS, row, strict=True))
    found["custom"] = json.loads(found["custom"])
    return found

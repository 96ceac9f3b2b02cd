"""Uploaded files: their bytes in a folder beside the store, the rest in a table.

A file's bytes are on the disk under its id before the table says that it is there: whatever happens meanwhile, a
file that is listed is whole. Files in parts are put together at the end.
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
    """The error for a file that is not there."""
    return ApiError("file_not_found", f"file not found: {file[:100]}")


def save(folder: Path, content: IO[bytes]) -> str:
    """Put the bytes of a new file on the disk; its id."""
    file = secrets.token_hex(16)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / file, [content])
    return file


def remove(folder: Path, saved: list[str]) -> None:
    """Take the bytes of files away again that are not to be told of."""
    for file in saved:
        (folder / file).unlink(missing_ok=True)


def add(db: sqlite3.Connection, file: str, name: str, size: int | None, custom: Any, user: str) -> None:
    """Tell of a file; without a size, of one whose parts are to come."""
    if custom is not None and not isinstance(custom, dict):
        raise invalid(f"the custom fields of a file are an object, not {type(custom).__name__}")
    name = "".join(character if character.isprintable() else "_" for character in name) or "file"
    db.execute(
        "INSERT INTO files (id, name, size, custom, user, created) VALUES (?,?,?,?,?,?)",
        (file, name, size, json.dumps(custom or {}), user, now()),
    )


def get(db: sqlite3.Connection, file: str, *, complete: bool = True) -> dict[str, Any]:
    """What is known of a file.

    Raises
    ------
    ApiError
        There is no such file, or not all of its parts have come while `complete` asks for it.
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
    """Put a part of a file on the disk; one that is there already is replaced."""
    parts = _parts_folder(folder, file)
    parts.mkdir(parents=True, exist_ok=True)
    _write(parts / f"{number:06}", [content])


def join_parts(folder: Path, file: str) -> int:
    """Put a file together from its parts; its size.

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
    """Remove the parts of a file that has been put together."""
    shutil.rmtree(_parts_folder(folder, file), ignore_errors=True)


def set_size(db: sqlite3.Connection, file: str, size: int) -> None:
    """A file has been put together."""
    db.execute("UPDATE files SET size = ? WHERE id = ?", (size, file))


def _parts_folder(folder: Path, file: str) -> Path:
    return folder / f"{file}.parts"


def _write(path: Path, sources: list[IO[bytes]] | list[Path]) -> int:
    """Bytes to the disk, so that the file is there whole or not at all."""
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

"""Files: uploading (whole, or in parts), listing, downloading."""

from __future__ import annotations

import json
import secrets
from typing import Any

from werkzeug.utils import send_file
from werkzeug.wrappers import Response

from pandas_shooju.local.call import Call, bad_request
from pandas_shooju.local.errors import ApiError, HttpError, check_keys, forbidden, invalid
from pandas_shooju.local.store import files
from pandas_shooju.local.wire import read_form

#: the highest number of a part
_MOST_PARTS = 100_000


def upload(call: Call) -> dict[str, Any]:
    """``POST /files``."""
    form, uploaded = read_form(call.request, call.body_limit)
    check_keys(form, ("meta",), "the form")
    customs = _customs(form.get("meta"), len(uploaded))
    folder = call.database.files_folder
    saved: list[str] = []
    try:
        for one in uploaded:
            saved.append(files.save(folder, one.stream))
        with call.database.writing() as db:
            for one, custom, file in zip(uploaded, customs, saved, strict=True):
                size = (folder / file).stat().st_size
                files.add(db, file, one.filename or "file", size, custom, call.user.name)
    except BaseException:
        files.remove(folder, saved)
        raise
    return {"file_id": saved}


def listed(call: Call) -> dict[str, Any]:
    """``GET /files``."""
    with call.database.reading() as db:
        return {"results": files.listed(db, call.number("per_page", 100, most=10_000))}


def show(call: Call, file: str) -> dict[str, Any]:
    """``GET /files/{id}``."""
    with call.database.reading() as db:
        return {"file": files.get(db, file)}


def download(call: Call, file: str) -> Response:
    """``GET /files/{id}/download``: the bytes, streamed."""
    try:
        with call.database.reading() as db:
            found = files.get(db, file)
    except ApiError as error:
        # a caller that asks for bytes takes anything with a status of 200 for them
        raise HttpError(404, error.code, error.description) from None
    path = call.database.files_folder / found["file_id"]
    if not path.exists():
        raise HttpError(404, "file_not_found", f"the bytes of file {file} are missing beside the store")
    response = send_file(
        path,
        call.request.environ,
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=found["name"],
        etag=False,
        conditional=True,
    )
    return response


def begin(call: Call) -> dict[str, Any]:
    """``POST /files/multipart/init``."""
    name = call.text("filename")
    if not name:
        raise invalid("filename must name the file, got nothing")
    file = secrets.token_hex(16)
    with call.database.writing() as db:
        files.add(db, file, name, None, call.document.get("custom"), call.user.name)
    return {"file_id": file}


def upload_part(call: Call) -> dict[str, Any]:
    """``POST /files/multipart/upload``."""
    file = _begun(call)
    number = call.number("part_num", -1, most=_MOST_PARTS)
    form, uploaded = read_form(call.request, call.body_limit)
    check_keys(form, (), "the form")
    if number < 0 or len(uploaded) != 1:
        raise invalid("a part must be one file, with its number in part_num")
    files.save_part(call.database.files_folder, file, number, uploaded[0].stream)
    return {}


def complete(call: Call) -> dict[str, Any]:
    """``POST /files/multipart/complete``; repeating it is harmless."""
    found = _own(call)
    file = found["file_id"]
    if found["size"] is not None:
        return {"file_id": file}
    folder = call.database.files_folder
    size = files.join_parts(folder, file)
    with call.database.writing() as db:
        files.set_size(db, file, size)
    files.forget_parts(folder, file)
    return {"file_id": file}


def _begun(call: Call) -> str:
    """The file that a part belongs to, which must not be complete yet."""
    found = _own(call)
    if found["size"] is not None:
        raise invalid(f"file {found['file_id']} is complete and cannot have more parts")
    return str(found["file_id"])


def _own(call: Call) -> dict[str, Any]:
    """The file in the parameter ``file_id``, which must be one that the caller uploads."""
    with call.database.reading() as db:
        found = files.get(db, call.parameters.get("file_id", ""), complete=False)
    if not call.user.owns(found["user"]):
        raise forbidden(f"file {found['file_id']} is uploaded by another user: only that user can add to it")
    return found


def _customs(meta: str | None, count: int) -> list[Any]:
    """The custom fields of each of the files."""
    if not meta:
        return [None] * count
    try:
        given = json.loads(meta)
    except (ValueError, RecursionError):
        raise bad_request("the form value 'meta' must be JSON") from None
    if not isinstance(given, dict):
        raise invalid("the form value 'meta' must be an object")
    check_keys(given, ("custom", "multi_custom"), "the form value 'meta'")
    several = given.get("multi_custom")
    if several is None:
        if given.get("custom") is not None and count != 1:
            raise invalid(f"custom is for a single file, but there are {count}: use multi_custom, by position")
        return [given.get("custom")] * count
    if not isinstance(several, dict) or given.get("custom") is not None:
        raise invalid("multi_custom must be an object of custom fields by position, without custom beside it")
    check_keys(several, [str(number) for number in range(count)], "multi_custom")
    return [several.get(str(number)) for number in range(count)]

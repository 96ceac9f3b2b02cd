"""Files: upload, in one piece or in parts, and download. Functions over a `Client`, which `Connection` binds."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import quote

from pandas_shooju import formats
from pandas_shooju.client import validation
from pandas_shooju.client.transport import Client
from pandas_shooju.errors import ShoojuApiError, ShoojuFormatError

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

__all__ = ["MultiPartUploader"]


def upload_file(
    conn: Connection, fp: BinaryIO | bytes, filename: str, custom_fields: Mapping[str, Any] | None = None
) -> str:
    """Upload a file; returns its id.

    Parameters
    ----------
    fp
        A file opened in binary mode, or bytes.
    filename
        The name of the file. It need not be unique, since files are identified by their ids.
    custom_fields
        Fields to store with the file; any JSON.

    Raises
    ------
    ConnectionError
        The upload failed. It is not repeated if the server may have stored the file.

    Examples
    --------
    >>> from pandas_shooju.client.connection import Connection
    >>> conn = Connection("local::memory:")
    >>> file_id = conn.upload_file(b"a,b", "prices.csv", custom_fields={"source": "desk"})
    >>> with conn.download_file(file_id) as file:
    ...     file.read()
    b'a,b'
    """
    form = {"meta": json.dumps({"custom": dict(custom_fields)})} if custom_fields else None
    answer = conn.raw.post("/files", files={"file": (filename, fp)}, data=form)
    return validation.file_ids(answer, 1)[0]


def upload_files(conn: Connection, files: Sequence[Mapping[str, Any]]) -> list[str]:
    """Upload several files in one request; returns their ids, in order.

    `files` are dicts with ``fp``, ``filename`` and optionally ``custom_fields``, as for :meth:`upload_file`.
    """
    if not isinstance(files, Sequence) or not files:
        raise ValueError(f"files must be a list of dicts with fp, filename and optionally custom_fields, got {files!r}")
    for file in files:
        if not isinstance(file, Mapping) or not {"fp", "filename"} <= set(file):
            raise ValueError(f"a file must be a dict with fp, filename and optionally custom_fields, got {file!r}")
    custom = {str(i): file["custom_fields"] for i, file in enumerate(files) if file.get("custom_fields")}
    parts = [("file", (file["filename"], file["fp"])) for file in files]
    form = {"meta": json.dumps({"multi_custom": custom})} if custom else None
    return validation.file_ids(conn.raw.post("/files", files=parts, data=form), len(parts))


def init_multipart_upload(
    conn: Connection, filename: str, custom_fields: Mapping[str, Any] | None = None
) -> MultiPartUploader:
    """Start the upload of a large file in parts; the arguments are as for :meth:`upload_file`.

    Examples
    --------
    >>> from pandas_shooju.client.connection import Connection
    >>> conn = Connection("local::memory:")
    >>> upload = conn.init_multipart_upload("ticks.csv")
    >>> for number, part in enumerate([b"a,", b"b"], start=1):
    ...     upload.upload_part(number, part)
    >>> with conn.download_file(upload.complete()) as file:
    ...     file.read()
    b'a,b'
    """
    body: dict[str, Any] = {"filename": filename}
    if custom_fields:
        body["custom"] = dict(custom_fields)
    answer = conn.raw.post("/files/multipart/init", data_json=body)
    return MultiPartUploader(conn.raw, validation.file_id(answer))


def multipart_upload(conn: Connection, file_id: str) -> MultiPartUploader:
    """Continue an upload in parts that was started elsewhere."""
    return MultiPartUploader(conn.raw, file_id)


def download_file(conn: Connection, file_id: str, filename: str | os.PathLike[str] | None = None) -> BinaryIO:
    """Download a file of any size.

    Parameters
    ----------
    file_id
        The id of the file.
    filename
        The path to write to, by default that of a temporary file, which is deleted when it is closed. An existing file
        is replaced when the download is complete; a download that fails leaves it as it is.

    Returns
    -------
    file
        The file, opened in binary mode, at its beginning.

    Raises
    ------
    ShoojuApiError
        The file does not exist.
    """
    path = f"/files/{quote(str(file_id), safe='')}"
    if filename is None:
        file = cast(BinaryIO, tempfile.NamedTemporaryFile(prefix="download"))  # noqa: SIM115
        try:
            _download(conn.raw, path, file)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file
    target = Path(filename)
    # next to the target, under a unique name: others may download to the same place
    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x+b") as file:
            _download(conn.raw, path, file)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return open(filename, "r+b")


def _download(client: Client, path: str, file: BinaryIO) -> None:
    """Write the response to a file; if it describes an error, raise that instead."""
    headers = client.call("get", f"{path}/download", into=file).response.headers
    if "content-disposition" in headers:
        return
    kind = headers.get("content-type", "")
    size = file.tell()
    if ("json" in kind or "msgpack" in kind) and size <= 65_536:
        file.seek(0)
        content = file.read()
        with suppress(ShoojuFormatError):
            root = formats.decode(content, formats.sniff(content) or "json").root
            if isinstance(root, dict) and root.get("success") is False and "error" in root:
                raise ShoojuApiError.from_answer(root)
    # a response that does not say that it is a file may be a page of a proxy
    known = validation.file_size(client.get(path))
    if known is not None and known != size:
        raise ShoojuFormatError(f"the file has {known} bytes, but {size} bytes ({kind or 'unknown type'}) were sent")


class MultiPartUploader:
    """The upload of a file in parts; :meth:`Connection.init_multipart_upload` creates it."""

    def __init__(self, client: Client, file_id: str) -> None:
        self._client = client
        #: the id that the file has when it is complete
        self.file_id = file_id

    def upload_part(self, part_num: int, data: BinaryIO | bytes) -> None:
        """Upload a part (a file opened in binary mode, or bytes); `part_num` is its position, starting at 1."""
        params = {"file_id": self.file_id, "part_num": part_num}
        self._client.post("/files/multipart/upload", params=params, files={"file": data})

    def complete(self) -> str:
        """Assemble the parts; returns the id of the file."""
        self._client.post("/files/multipart/complete", params={"file_id": self.file_id})
        return self.file_id

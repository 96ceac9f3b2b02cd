"""Files: upload, whole or in parts, and download. Mixed into `Connection`."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from pandas_shooju import formats
from pandas_shooju.client.transport import Client
from pandas_shooju.errors import ShoojuApiError, ShoojuFormatError

__all__ = ["FileCalls", "MultiPartUploader"]


class FileCalls:
    """The calls of a connection that have to do with files."""

    @property
    def raw(self) -> Client:
        """The raw client."""
        raise NotImplementedError

    def upload_file(self, fp: BinaryIO | bytes, filename: str, custom_fields: Mapping[str, Any] | None = None) -> str:
        """Upload a file.

        Parameters
        ----------
        fp
            A file opened in binary mode, or bytes.
        filename
            The name to store it under; ids, not names, tell files apart.
        custom_fields
            Fields to store with it; any JSON.

        Returns
        -------
        str
            The file's id.

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
        answer = self.raw.post("/files", files={"file": (filename, fp)}, data=form)
        return str(answer["file_id"][0])

    def upload_files(self, files: Sequence[Mapping[str, Any]]) -> list[str]:
        """Upload several files in one call.

        Parameters
        ----------
        files
            Dicts with ``fp``, ``filename`` and, where wanted, ``custom_fields``, as for :meth:`upload_file`.

        Returns
        -------
        list of str
            Their ids, in the order of `files`.
        """
        if not isinstance(files, Sequence) or not files:
            raise ValueError(f"files={files!r}: give a list of dicts with fp, filename and custom_fields")
        for file in files:
            if not isinstance(file, Mapping) or not {"fp", "filename"} <= set(file):
                raise ValueError(f"{file!r} is not a dict with fp, filename and (where wanted) custom_fields")
        custom = {str(i): file["custom_fields"] for i, file in enumerate(files) if file.get("custom_fields")}
        parts = [("file", (file["filename"], file["fp"])) for file in files]
        form = {"meta": json.dumps({"multi_custom": custom})} if custom else None
        return [str(file_id) for file_id in self.raw.post("/files", files=parts, data=form)["file_id"]]

    def init_multipart_upload(self, filename: str, custom_fields: Mapping[str, Any] | None = None) -> MultiPartUploader:
        """Begin to upload a big file in parts.

        Parameters
        ----------
        filename, custom_fields
            As for :meth:`upload_file`.

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
        return self.multipart_upload(self.raw.post("/files/multipart/init", data_json=body)["file_id"])

    def multipart_upload(self, file_id: str) -> MultiPartUploader:
        """Go on with an upload in parts that was begun elsewhere."""
        return MultiPartUploader(self.raw, file_id)

    def download_file(self, file_id: str, filename: str | os.PathLike[str] | None = None) -> BinaryIO:
        """Download a file; it is streamed, so any size will do.

        Parameters
        ----------
        file_id
            The file's id.
        filename
            Where to store it; by default in a temporary file, gone when it is closed. It appears there when it is
            complete: a download that fails leaves nothing behind, and what was there before as it was.

        Returns
        -------
        file
            The file, open in binary mode, at its beginning.

        Raises
        ------
        ShoojuApiError
            There is no such file.
        ConnectionError
            The download failed, in every attempt.
        """
        path = f"/files/{quote(str(file_id), safe='')}/download"
        if filename is None:
            file = cast(BinaryIO, tempfile.NamedTemporaryFile(prefix="download"))  # noqa: SIM115
            try:
                _download(self.raw, path, file)
                file.seek(0)
            except BaseException:
                file.close()
                raise
            return file
        target = Path(filename)
        # beside it, under a name of its own: others may download to the same
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("x+b") as file:
                _download(self.raw, path, file)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return open(filename, "r+b")


def _download(client: Client, path: str, file: BinaryIO) -> None:
    """Stream a file; an error of the API, which also comes as an answer of status 200, is not taken for one."""
    headers = client.call("get", path, into=file).response.headers
    kind = headers.get("content-type", "")
    if "content-disposition" in headers or not ("json" in kind or "msgpack" in kind) or file.tell() > 65_536:
        return
    file.seek(0)
    name = "json" if "json" in kind else "msgpack"
    try:
        answer = formats.decode(file.read(), name)
    except ShoojuFormatError:
        return
    if isinstance(answer, dict) and answer.get("success") is False and "error" in answer:
        raise ShoojuApiError.from_answer(answer)


class MultiPartUploader:
    """The upload of a file in parts; made by :meth:`Connection.init_multipart_upload`.

    Attributes
    ----------
    file_id : str
        The id that the file has when it is complete.
    """

    def __init__(self, client: Client, file_id: str) -> None:
        self._client = client
        self.file_id = file_id

    def upload_part(self, part_num: int, data: BinaryIO | bytes) -> None:
        """Upload a part.

        Parameters
        ----------
        part_num
            Its place, from 1.
        data
            A file opened in binary mode, or bytes.
        """
        self._client.post(
            "/files/multipart/upload",
            params={"file_id": self.file_id, "part_num": part_num},
            files={"file": data},
        )

    def complete(self) -> str:
        """Put the parts together.

        Returns
        -------
        str
            The file's id.
        """
        self._client.post("/files/multipart/complete", params={"file_id": self.file_id})
        return self.file_id

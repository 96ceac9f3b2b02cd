"""Uploads in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pandas_shooju.client import files
from pandas_shooju.client.deprecated import UploaderSession

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

__all__ = ["MultiPartUploader", "UploaderSession"]


class MultiPartUploader(files.MultiPartUploader):
    """The upload of a file in parts, over a connection."""

    def __init__(self, con: Connection, file_id: str) -> None:
        super().__init__(con.raw, file_id)
        self.con = con

"""Connections of tasks: one in each process, for all tasks that were sent with it."""

from __future__ import annotations

import functools
import pickle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection


@functools.lru_cache(maxsize=8)
def shared(pickled: bytes) -> Connection:
    """The connection of this process for a connection of another one."""
    connection: Connection = pickle.loads(pickled)
    return connection

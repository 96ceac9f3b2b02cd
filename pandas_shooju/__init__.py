r"""Shooju time series in pandas.

Importing the package registers ``pd.read_shooju`` and the accessor ``.shooju`` on frames, series and groupbys::

    import pandas as pd
    import pandas_shooju as sj

    old = pd.read_shooju(r"sid:users\sam country=(US,CN)", fields=["country", "unit"], df="-5y")
    new = old * 1.02
    new.shooju.write("GDP, revised", changed_from=old)

The underlying client (`Connection`, `sid`, `Point`, jobs) keeps the names of the published client.

Most names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pandas_shooju.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    ConnectionError,
    SeriesNotFoundError,
    ShoojuApiError,
    ShoojuError,
    ShoojuFormatError,
    UndoError,
    WriteError,
    WriteInterrupted,
)
from pandas_shooju.frame.accessor import ShoojuAccessor, register

if TYPE_CHECKING:
    from pandas_shooju import query
    from pandas_shooju.client import points as points_serializers
    from pandas_shooju.client.connection import Connection, default_connection
    from pandas_shooju.client.job import DryRunJob, RemoteJob
    from pandas_shooju.client.options import options
    from pandas_shooju.client.points import Point
    from pandas_shooju.client.result import WriteResult
    from pandas_shooju.client.resume import resume
    from pandas_shooju.client.transport import BaseHook, Client, Request, Response
    from pandas_shooju.frame.read import read_shooju
    from pandas_shooju.frame.write import write
    from pandas_shooju.manage.mirror import Mirror, mirror
    from pandas_shooju.query import sid

__version__ = "0.1.0"

__all__ = [
    "AuthenticationError",
    "BaseHook",
    "Client",
    "ConfigurationError",
    "ConflictError",
    "Connection",
    "ConnectionError",
    "DryRunJob",
    "Mirror",
    "Point",
    "RemoteJob",
    "Request",
    "Response",
    "SeriesNotFoundError",
    "ShoojuAccessor",
    "ShoojuApiError",
    "ShoojuError",
    "ShoojuFormatError",
    "UndoError",
    "WriteError",
    "WriteInterrupted",
    "WriteResult",
    "default_connection",
    "mirror",
    "options",
    "points_serializers",
    "query",
    "read_shooju",
    "resume",
    "sid",
    "write",
]

# The module that each public name is imported from when it is first used.
_MODULES = {
    "BaseHook": "pandas_shooju.client.transport",
    "Client": "pandas_shooju.client.transport",
    "Connection": "pandas_shooju.client.connection",
    "DryRunJob": "pandas_shooju.client.job",
    "Mirror": "pandas_shooju.manage.mirror",
    "Point": "pandas_shooju.client.points",
    "RemoteJob": "pandas_shooju.client.job",
    "Request": "pandas_shooju.client.transport",
    "Response": "pandas_shooju.client.transport",
    "WriteResult": "pandas_shooju.client.result",
    "default_connection": "pandas_shooju.client.connection",
    "mirror": "pandas_shooju.manage.mirror",
    "options": "pandas_shooju.client.options",
    "read_shooju": "pandas_shooju.frame.read",
    "resume": "pandas_shooju.client.resume",
    "sid": "pandas_shooju.query",
    "write": "pandas_shooju.frame.write",
}


if not TYPE_CHECKING:  # otherwise type checkers would accept any name

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return getattr(importlib.import_module(_MODULES[name]), name)
        if name == "points_serializers":
            return importlib.import_module("pandas_shooju.client.points")
        if name == "query":
            return importlib.import_module("pandas_shooju.query")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


register()

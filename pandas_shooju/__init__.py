r"""Shooju time series in pandas.

Importing the package registers ``pd.read_shooju`` and the accessor ``.shooju`` on frames, series and groupbys::

    import pandas as pd
    import pandas_shooju as sj

    df = pd.read_shooju(r"sid:users\sam country=(US,CN)", fields=["country", "unit"], df="-5y")
    df.shooju.write(job="GDP, revised", sid=r"users\sam\gdp\{country}")

The client core below it (`Connection`, `sid`, `Point`, jobs, ...) keeps the names of the published client.
"""

from pandas_shooju import query
from pandas_shooju.client import points as points_serializers
from pandas_shooju.client.connection import Connection, default_connection
from pandas_shooju.client.job import DryRunJob, RemoteJob
from pandas_shooju.client.options import options
from pandas_shooju.client.points import Point
from pandas_shooju.client.result import WriteResult
from pandas_shooju.client.transport import BaseHook, Client, Request, Response
from pandas_shooju.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionError,
    SeriesNotFoundError,
    ShoojuApiError,
    ShoojuError,
    ShoojuFormatError,
    WriteError,
    WriteInterrupted,
)
from pandas_shooju.frame.accessor import register
from pandas_shooju.frame.read import read_shooju
from pandas_shooju.query import sid

__version__ = "0.1.0"

__all__ = [
    "AuthenticationError",
    "BaseHook",
    "Client",
    "ConfigurationError",
    "Connection",
    "ConnectionError",
    "DryRunJob",
    "Point",
    "RemoteJob",
    "Request",
    "Response",
    "SeriesNotFoundError",
    "ShoojuApiError",
    "ShoojuError",
    "ShoojuFormatError",
    "WriteError",
    "WriteInterrupted",
    "WriteResult",
    "default_connection",
    "options",
    "points_serializers",
    "query",
    "read_shooju",
    "sid",
]

register()

r"""The published client's names, over this package: for programs that were written for ``import shooju``.

Changing the import is the whole migration, submodules included::

    import pandas_shooju.compat as shooju
    from pandas_shooju.compat.points_serializers import pd_series

Everything here is a thin layer over :mod:`pandas_shooju`: what only the published client has, and where its arguments,
results and exceptions differ from those on our own face. New programs need nothing of it. The differences that remain
are listed in the documentation, under "Coming from shooju".
"""

from pandas_shooju.compat.api import SeriesRespone, ShoojuApi
from pandas_shooju.compat.client import DEFAULT_REQUEST_TIMEOUT, LOCATION_TYPE, Client, logger
from pandas_shooju.compat.common import (
    MSGPACK_INSTALLED,
    NUMERIC_TYPES,
    NUMPY_INSTALLED,
    PANDAS_INSTALLED,
    SJTS_INSTALLED,
    SJTS_SUPPORTS_NUMPY,
    UNIX_ZERO_DATE,
    UNIX_ZERO_DATE_UTC,
    JsonSerializer,
    json_serializer,
    milli_to_datetime,
    msgpack,
    sjts,
    to_milli,
)
from pandas_shooju.compat.connection import REPORTED_DATES_MODES, REPORTED_DATES_OPERATOR, Connection, GetBulk, sid
from pandas_shooju.compat.errors import ConnectionError, ShoojuApiError
from pandas_shooju.compat.hooks.base import BaseHook, Request, Response
from pandas_shooju.compat.jobs import BaseJob, DryRunJob, RemoteJob
from pandas_shooju.compat.options import Options, options
from pandas_shooju.compat.points_serializers import (
    NANOSECONDS,
    Point,
    milli_tuple,
    np_array,
    pd_series,
    pd_series_localized,
    shooju_point,
)
from pandas_shooju.compat.uploads import MultiPartUploader, UploaderSession

#: the version of the published client whose names these are
__version__ = "3.8.17"

__all__ = [
    "DEFAULT_REQUEST_TIMEOUT",
    "LOCATION_TYPE",
    "MSGPACK_INSTALLED",
    "NANOSECONDS",
    "NUMERIC_TYPES",
    "NUMPY_INSTALLED",
    "PANDAS_INSTALLED",
    "REPORTED_DATES_MODES",
    "REPORTED_DATES_OPERATOR",
    "SJTS_INSTALLED",
    "SJTS_SUPPORTS_NUMPY",
    "UNIX_ZERO_DATE",
    "UNIX_ZERO_DATE_UTC",
    "BaseHook",
    "BaseJob",
    "Client",
    "Connection",
    "ConnectionError",
    "DryRunJob",
    "GetBulk",
    "JsonSerializer",
    "MultiPartUploader",
    "Options",
    "Point",
    "RemoteJob",
    "Request",
    "Response",
    "SeriesRespone",
    "ShoojuApi",
    "ShoojuApiError",
    "UploaderSession",
    "json_serializer",
    "logger",
    "milli_to_datetime",
    "milli_tuple",
    "msgpack",
    "np_array",
    "options",
    "pd_series",
    "pd_series_localized",
    "shooju_point",
    "sid",
    "sjts",
    "to_milli",
]

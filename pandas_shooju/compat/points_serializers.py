"""`Point`, and the functions that make the points of a series."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pandas_shooju.client import options, points
from pandas_shooju.client.points import Point, milli_tuple, pd_series, pd_series_localized, shooju_point
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
    to_milli,
)
from pandas_shooju.formats import PointColumns

__all__ = [
    "MSGPACK_INSTALLED",
    "NUMERIC_TYPES",
    "NUMPY_INSTALLED",
    "PANDAS_INSTALLED",
    "SJTS_INSTALLED",
    "SJTS_SUPPORTS_NUMPY",
    "UNIX_ZERO_DATE",
    "UNIX_ZERO_DATE_UTC",
    "JsonSerializer",
    "Point",
    "json_serializer",
    "milli_to_datetime",
    "milli_tuple",
    "np_array",
    "pd_series",
    "pd_series_localized",
    "shooju_point",
    "to_milli",
]

#: nanoseconds in a millisecond
NANOSECONDS = 1_000_000


def np_array(pts: Any, *args: Any, **kwargs: Any) -> npt.NDArray[Any]:
    """An array of points.

    Returns
    -------
    numpy.ndarray
        Of points that arrived as SJTS, a structured array with ``dates`` and ``values``; otherwise an array of two
        columns, or more with jobs and timestamps.
    """
    if isinstance(pts, PointColumns):
        if not options.options.disable_sjts:
            array: npt.NDArray[Any] = points.np_array(pts)
            return array
        pts = pts.to_rows()
    return pts if isinstance(pts, np.ndarray) else np.array(pts)


np_array.takes_columns = True  # type: ignore[attr-defined]

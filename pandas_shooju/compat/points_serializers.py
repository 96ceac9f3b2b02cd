"""`Point`, and the functions that make the points of a series."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pandas_shooju.client import options, points
from pandas_shooju.client.points import Point, milli_tuple, pd_series, pd_series_localized, shooju_point
from pandas_shooju.compat.common import MSGPACK_INSTALLED as MSGPACK_INSTALLED
from pandas_shooju.compat.common import NUMERIC_TYPES as NUMERIC_TYPES
from pandas_shooju.compat.common import NUMPY_INSTALLED as NUMPY_INSTALLED
from pandas_shooju.compat.common import PANDAS_INSTALLED as PANDAS_INSTALLED
from pandas_shooju.compat.common import SJTS_INSTALLED as SJTS_INSTALLED
from pandas_shooju.compat.common import SJTS_SUPPORTS_NUMPY as SJTS_SUPPORTS_NUMPY
from pandas_shooju.compat.common import UNIX_ZERO_DATE as UNIX_ZERO_DATE
from pandas_shooju.compat.common import UNIX_ZERO_DATE_UTC as UNIX_ZERO_DATE_UTC
from pandas_shooju.compat.common import JsonSerializer as JsonSerializer
from pandas_shooju.compat.common import json_serializer as json_serializer
from pandas_shooju.compat.common import milli_to_datetime as milli_to_datetime
from pandas_shooju.compat.common import to_milli as to_milli
from pandas_shooju.formats import PointColumns

__all__ = ["Point", "milli_tuple", "np_array", "pd_series", "pd_series_localized", "shooju_point"]

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

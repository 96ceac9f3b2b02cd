"""Rows of points as a pandas Series in a time zone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from pandas_shooju.client.points import pd_series_localized
from pandas_shooju.compat.points_serializers import NANOSECONDS

__all__ = ["DEFAULT_TZ", "NANOSECONDS", "milli_tuple_naive_to_pandas_tz_aware"]

DEFAULT_TZ = "UTC"


def milli_tuple_naive_to_pandas_tz_aware(arr: Iterable[Sequence[Any]], tz: str | None = DEFAULT_TZ) -> pd.Series[float]:
    """A pandas Series from rows ``(milliseconds, value)`` whose dates are local wall-clock times of a time zone.

    In an hour that a clock change repeats, a date that occurs for the second time is in the second pass.

    Examples
    --------
    >>> milli_tuple_naive_to_pandas_tz_aware([(0, 1.0)], "Europe/Berlin")
    1970-01-01 00:00:00+01:00    1.0
    dtype: float64
    """
    series: pd.Series[float] = pd_series_localized(arr, tz=tz or DEFAULT_TZ)
    return series

"""Columns of the frames that say what was done with series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.layouts import str_dtype


def strings(values: Sequence[str | None]) -> Any:
    """A column of strings, NaN where there is none."""
    return pd.array([np.nan if value is None else value for value in values], dtype=str_dtype())


def job_ids(jobs: Sequence[int | None]) -> Any:
    """A column of the ids of jobs, NA where there is none."""
    return pd.array([pd.NA if job is None else job for job in jobs], dtype="Int64")


def dates(moments: Sequence[int | None]) -> pd.DatetimeIndex:
    """A column of dates, from milliseconds; NaT where there is none."""
    none = np.iinfo(np.int64).min
    return clocks.to_index(np.array([none if moment is None else moment for moment in moments], np.int64))


def objects(values: Sequence[object]) -> pd.Series[Any]:
    """A column of objects, which may be lists."""
    column = np.empty(len(values), object)
    for at, value in enumerate(values):
        column[at] = value
    return pd.Series(column, dtype=object)

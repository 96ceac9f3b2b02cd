"""`describe`: what each series of a frame is, at a glance. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pandas_shooju.frame.frequency import Frequency, frequency_of
from pandas_shooju.frame.lines import Lines, lines_of
from pandas_shooju.layouts import str_dtype, typed

__all__ = ["describe", "frequencies"]


def describe(data: pd.DataFrame | pd.Series) -> pd.DataFrame:
    r"""Describe each series of the data by its points: first and last date, gaps, frequency, range, and unit.

    Only the data is looked at; nothing is read from a server.

    Returns
    -------
    DataFrame
        A row for each series (of several vintages, for each), with the index of its label: the column labels of a wide
        frame, ``series_id`` of a long one.

        - ``series_id``: the series that a column of a wide frame was read from, if that is known;
        - ``first``, ``last``: the dates of the first and the last point (``datetime64[ms]``, with the time zone of the
          data);
        - ``points``: the number of points (int64);
        - ``missing``: how many dates between the first and the last point are missing, at the frequency of the series
          (Int64; missing if that is irregular);
        - ``frequency``: that of the points, although some may be missing: ``15min``, ``h``, ``D``, ``B``, ``W``, ``M``,
          ``Q``, ``Y`` and others, as in `pandas.Period`; missing if it is irregular;
        - ``tz``: the time zone of the dates; missing if they are naive;
        - ``min``, ``mean``, ``max``: of the values (float64);
        - ``unit``: the field of that name, if it was read.

    Raises
    ------
    TypeError
        The data has no dates and values: a frame must have a `DatetimeIndex`, or the columns ``dt`` and ``val``.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> load = pd.DataFrame(
    ...     {"DE": [52.0, 49.5, None, 48.0], "FR": [47.0, 46.0, 45.5, 45.0]},
    ...     index=pd.date_range("2024-03-31", periods=4, freq="h", tz="Europe/Berlin"),
    ... )
    >>> load.shooju.describe()[["first", "points", "missing", "frequency", "max"]]
                           first  points  missing frequency   max
    DE 2024-03-31 00:00:00+01:00       3        1         h  52.0
    FR 2024-03-31 00:00:00+01:00       4        0         h  47.0
    """
    lines = lines_of(data)
    found = frequencies(lines)
    items = lines.items
    ends = np.array([(line.dates[0], line.dates[-1]) if len(line.dates) else (_NAT, _NAT) for line in items], np.int64)
    ends = ends.reshape(-1, 2)
    described: dict[str, Any] = {}
    if lines.labels.name != "series_id" and any(line.series_id is not None for line in items):
        described["series_id"] = typed([line.series_id for line in items])
    unknown = ends[:, 0] == _NAT
    for name, dates in zip(("first", "last"), ends.T, strict=True):
        index = lines.dates(np.where(unknown, 0, dates))
        described[name] = index.where(~unknown) if unknown.any() else index
    described["points"] = np.array([len(line.dates) for line in items], np.int64)
    described["missing"] = pd.array([None if one is None else one.missing for one in found], dtype="Int64")
    described["frequency"] = pd.array([None if one is None else one.name for one in found], dtype=str_dtype())
    described["tz"] = pd.array([None if lines.tz is None else str(lines.tz)] * len(items), dtype=str_dtype())
    for name, of in (("min", np.min), ("mean", np.mean), ("max", np.max)):
        described[name] = np.array([of(line.values) if len(line.values) else np.nan for line in items], np.float64)
    units = [line.fields.get("unit", line.label.get("unit")) for line in items]
    if any(unit is not None for unit in units):
        described["unit"] = typed(units)
    return pd.DataFrame(described, index=lines.labels)


_NAT = np.iinfo(np.int64).min


def frequencies(lines: Lines) -> list[Frequency | None]:
    """The frequency of each line; lines with the same dates share theirs."""
    known: dict[bytes, Frequency | None] = {}
    found = []
    for line in lines.items:
        key = line.dates.tobytes()
        if key not in known:
            known[key] = frequency_of(line.dates, lines.tz)
        found.append(known[key])
    return found

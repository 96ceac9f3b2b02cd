"""Series to the frames of `get_df`. Pure; built from columns, without an object per point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.formats import PointColumns


def rows(series: Iterable[dict[str, Any]], fields: Sequence[str], with_points: bool) -> pd.DataFrame:
    """A row per point, ascending by date (or, without points, a row per series).

    Parameters
    ----------
    series
        Series as decoded.
    fields
        The fields asked for; each is a column, even if no series has it.
    with_points
        Whether points were asked for.

    Returns
    -------
    DataFrame
        Columns ``series_id``, the fields, and with points ``dt`` and ``val``.
    """
    # a series without points has no rows, and no say in the dtypes of the fields
    found = [item for item in series if not with_points or len(_present(item))]
    asked = [name for name in fields if name != "*"]
    names = dict.fromkeys(asked + [name for item in found for name in item.get("fields", ())])
    labels: dict[str, Any] = {"series_id": [item["series_id"] for item in found]}
    for name in names:
        labels.setdefault(name, [item.get("fields", {}).get(name) for item in found])
    frame = pd.DataFrame(labels)
    if not with_points:
        return frame
    points = [_present(item) for item in found]
    zones = [_zone(item) for item in found]
    zone, dates = _instants(points, zones)
    lengths = [len(p) for p in points]
    of = np.repeat(np.arange(len(found)), lengths)
    utc = np.concatenate([np.empty(0, np.int64), *dates])
    order = np.argsort(utc, kind="stable")
    frame = frame.take(of[order]).reset_index(drop=True)
    frame["dt"] = clocks.to_index(utc[order], zone, localized=False)
    frame["val"] = np.concatenate([np.empty(0), *(p.values for p in points)])[order]
    return frame


def columns(series: Iterable[dict[str, Any]], fields: Sequence[str]) -> pd.DataFrame:
    """A column per series, a row per date.

    A column's header is the series' id, or, with fields, their values joined by ``/`` (with ``*`` the
    description, where there is one). Series with the same header keep a column each.

    Parameters
    ----------
    series
        Series as decoded.
    fields
        The fields asked for.

    Returns
    -------
    DataFrame
        float64; its index is aware, in the zone of ``@localize`` (in UTC without, or if there are several).
    """
    found = list(series)
    points = [_present(item) for item in found]
    zone, dates = _instants(points, [_zone(item) for item in found])
    if dates and all(np.array_equal(dates[0], other) for other in dates[1:]) and _ascending(dates[0]):
        index = dates[0]
    else:
        index = np.unique(np.concatenate([np.empty(0, np.int64), *dates]))
    values = np.full((len(found), len(index)), np.nan)
    for row, (own, at) in enumerate(zip(points, dates, strict=True)):
        if len(at) == len(index) and _ascending(at):  # then they are the same
            values[row] = own.values
        else:
            values[row, np.searchsorted(index, at)] = own.values
    return pd.DataFrame(
        values.T,
        index=clocks.to_index(index, zone, localized=False),
        columns=[_header(item, fields) for item in found],
    )


def _header(series: dict[str, Any], fields: Sequence[str]) -> str:
    values = series.get("fields") or {}
    if values and "*" in fields:
        return str(values.get("description") or series["series_id"])
    if values:
        return "/".join(str(values.get(name)) for name in fields)
    return str(series["series_id"])


def _present(series: dict[str, Any]) -> PointColumns:
    """The points of a series that have a value."""
    points: PointColumns = series.get("points", PointColumns.empty())
    missing = np.isnan(points.values)
    return points[~missing] if missing.any() else points


def _zone(series: dict[str, Any]) -> str:
    return str((series.get("tz") or {}).get("timezone") or "UTC")


def _instants(points: Sequence[PointColumns], zones: Sequence[str]) -> tuple[str, list[npt.NDArray[np.int64]]]:
    """The one timezone for all dates (UTC if there are several), and UTC milliseconds."""
    known = {zone for own, zone in zip(points, zones, strict=True) if len(own)}
    zone = known.pop() if len(known) == 1 else "UTC"
    return zone, [
        own.dates if at == "UTC" else clocks.wall_to_utc(own.dates, at) for own, at in zip(points, zones, strict=True)
    ]


def _ascending(dates: npt.NDArray[np.int64]) -> bool:
    return bool(np.all(dates[1:] > dates[:-1]))

"""A date axis with local times, for matplotlib. Imported only where matplotlib is there."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from matplotlib import dates

_dates: Any = dates  # parts of it have no types

__all__ = ["LocalDateLocator", "numbers", "show_local_dates"]


class LocalDateLocator(_dates.AutoDateLocator):  # type: ignore[misc]
    """Ticks at whole local times; one that the clock skipped falls on the next, and is left out."""

    def __call__(self) -> Any:
        """The positions of the ticks."""
        return np.unique(super().__call__())


def show_local_dates(axes: Any, tz: datetime.tzinfo | None) -> None:
    """Make the ticks of the date axis those of a time zone; without one, dates are shown as they are."""
    zone = datetime.UTC if tz is None else tz
    locator = LocalDateLocator(tz=zone)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(_dates.ConciseDateFormatter(locator, tz=zone))
    axes.fmt_xdata = _dates.DateFormatter("%Y-%m-%d %H:%M" + " %Z" * (tz is not None), tz=zone)


def numbers(milliseconds: Any) -> Any:
    """The positions of dates (int64, UTC milliseconds) on the axis."""
    return _dates.date2num(milliseconds.view("M8[ms]"))

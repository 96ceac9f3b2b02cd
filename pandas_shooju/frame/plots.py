"""`plot`: pandas' plots, with titles, units, legends and local times that the frame knows about."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju import clocks, display
from pandas_shooju.frame.dates_values import Float64Array
from pandas_shooju.frame.describe import frequencies
from pandas_shooju.frame.display import date_text
from pandas_shooju.frame.frequency import Frequency
from pandas_shooju.frame.lines import Line, Lines, lines_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot"]

#: the kinds of plots that have a date axis, and the others
_DATED = ("line", "area")
_KINDS = (*_DATED, "bar", "barh", "hist", "box", "kde", "density")
#: legends of more entries are left out
_MOST_ENTRIES = 20
#: how many vintages of a fan the legend names
_NAMED_VINTAGES = 6
_MOST_BARS_WITH_DATES = 12


def plot(
    data: pd.DataFrame | pd.Series,
    *,
    kind: str = "line",
    labels: str | Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    ylabel: str | None = None,
    xlabel: str | None = None,
    legend: bool | None = None,
    **kwargs: Any,
) -> Axes:
    r"""Plot the series with `pandas.DataFrame.plot`, and label them by what is known about them.

    - The legend has what tells the series apart, and the title what they have in common: column levels, fields or parts
      of the series ids.
    - The axis has the unit, from the field or column level ``unit``. Of two units, the second is on an axis to the
      right; more are in the legend.
    - The time axis shows the local times of the data's time zone, also over clock changes: an hour that occurs twice is
      two hours wide. The same holds for data that was read with ``tz=None``.
    - Lines are interrupted where points are missing at the frequency of a series. Series of different frequencies in
      one frame are whole lines. Missing business days are taken to be holidays, if there are no more than two in a row.
    - Vintages of a series (the column level or column ``reported_date`` or ``asof``) are a fan: the older, the fainter.

    Parameters
    ----------
    kind : str, default "line"
        As for pandas: ``"line"``, ``"area"``, ``"bar"``, ``"barh"``, ``"hist"``, ``"box"``, ``"kde"``.
    labels : str or list of str, optional
        The column levels, columns or fields (``"series_id"`` for the id) whose values label the series in the legend.
    ax : matplotlib Axes, optional
        The axes to draw on; by default those of a new figure.
    title, ylabel, xlabel : str, optional
        These replace what is found in the data; an empty string leaves it out.
    legend : bool, optional
        By default, there is a legend for 2 to 20 series.
    **kwargs
        Further arguments of `pandas.DataFrame.plot`, such as ``figsize``, ``color``, ``style``, ``logy``, ``subplots``.
        ``color``, ``style`` and ``secondary_y`` may refer to the column labels.

    Returns
    -------
    matplotlib Axes
        With ``subplots=True``, an array of them.

    Raises
    ------
    ImportError
        matplotlib is not installed; it is part of the extra ``plots``.
    TypeError
        The data has no dates and values: a frame must have a `DatetimeIndex`, or the columns ``dt`` and ``val``.
    ValueError
        The data has no columns of numbers, or `kind` or `labels` is unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> with conn.register_job("Load") as job:
    ...     for country in ["DE", "FR"]:
    ...         job.write(rf"sid=load\{country}", fields={"country": country, "unit": "GW"}, points=[(0, 52.5)])
    >>> load = pd.read_shooju("sid:load", ["country", "unit"], connection=conn)
    >>> ax = load.shooju.plot()
    >>> ax.get_ylabel(), [text.get_text() for text in ax.get_legend().get_texts()]
    ('GW', ['DE', 'FR'])
    """
    if kind not in _KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, _KINDS))}, got {kind!r}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError("df.shooju.plot() requires matplotlib: pip install 'pandas-shooju[plots]'") from None
    lines = lines_of(data)
    if not lines.items:
        raise ValueError("the data must have at least one column of numbers to plot, got none")
    words = _words(lines.items, labels)
    found = frequencies(lines)
    frame = _frame(lines)
    options = _options(kwargs, lines.labels, words, kind)
    fan = _fan(lines.items) if kind == "line" and not {"color", "colormap", "style"} & set(kwargs) else None
    if kind in ("bar", "barh"):
        frame.index = pd.Index([date_text(date) for date in lines.index(_milli(frame.index))])
    before = {id(line) for line in ax.get_lines()} if ax is not None else set()
    drawn = frame.plot(kind=kind, ax=ax, legend=False, title=None, **options)
    every = list(np.ravel(drawn))
    if kind == "line" and not kwargs.get("stacked"):
        for at, artist in _artists(every, before):
            _set_points(artist, lines.items[at], found[at], has_style="marker" in kwargs or "style" in kwargs)
            if fan is not None:
                artist.set(**fan.styles[at])
    shown_zone = None if all(map(_is_daily, found)) else _zone_text(lines)
    for axes in every:
        _furnish(axes, kind, lines, words, shown_zone, xlabel=xlabel, ylabel=ylabel)
    _set_title(every, words.title if title is None else title)
    for axes in every:
        _set_legend(axes, words, fan, legend, lines.items)
    return drawn  # type: ignore[no-any-return]

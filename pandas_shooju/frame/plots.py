"""`plot`: pandas' plots, with titles, units, legends and local times that the frame knows about."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from pandas_shooju import clocks, display
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
_MOST_BARS_WITH_DATES = 24


def plot(
    data: pd.DataFrame | pd.Series,
    /,
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
    if "x" in kwargs:
        raise ValueError(f"x cannot be chosen, because the dates are on that axis; got x={kwargs['x']!r}")
    lines = lines_of(data)
    items = lines.items
    if not items:
        raise ValueError("the data must have at least one column of numbers to plot, got none")
    drawing = _Drawing(lines, frequencies(lines), _words(items, labels, kwargs.get("subplots") is None), kind)
    fan = _fan(items) if kind == "line" and not {"color", "colormap", "style"} & set(kwargs) else None
    drawn = drawing.frame().plot(kind=kind, ax=ax, legend=False, title=None, **drawing.options(kwargs))
    every = [axes for one in np.ravel(drawn) for axes in (one, getattr(one, "right_ax", None)) if axes is not None]
    handles = [drawing.handles(axes) for axes in every]
    if kind == "line" and not kwargs.get("stacked"):
        drawing.interrupt(itertools.chain(*handles), has_markers=bool({"marker", "style"} & set(kwargs)))
    if fan is not None:
        for at, line in itertools.chain(*handles):
            line.set(**fan.styles[at])
    zone = drawing.zone()
    for axes, own in zip(every, handles, strict=True):
        drawing.furnish(axes, [at for at, _ in own], zone, xlabel, ylabel)
    heading = drawing.words.title if title is None else title
    if heading:
        figure = every[0].figure
        if kwargs.get("subplots"):
            figure.suptitle(heading)
        else:
            every[0].set_title(heading)
    if legend or (legend is None and 2 <= len(items if fan is None else fan.entries) <= _MOST_ENTRIES):
        _set_legends(list(np.ravel(drawn)), handles, every, fan)
    return drawn  # type: ignore[no-any-return]


class _Words(NamedTuple):
    """What is written into a plot."""

    #: for each line, the label of the legend
    names: list[str]
    #: what the lines have in common
    title: str
    units: list[str | None]

    @property
    def distinct_units(self) -> list[str]:
        return list(dict.fromkeys(unit for unit in self.units if unit is not None))


def _words(items: Sequence[Line], labels: str | Sequence[str] | None, with_units: bool = True) -> _Words:
    units = [line.fields.get("unit", line.label.get("unit")) for line in items]
    units = [None if unit is None or unit != unit else display.abbreviated(unit) for unit in units]
    chosen = None if labels is None else [labels] if isinstance(labels, str) else list(labels)
    parts: list[dict[Hashable, Any]] = [
        _parts(line) if chosen is None else {name: _value(line, name) for name in chosen} for line in items
    ]
    if chosen is not None:
        names, title = [_joined(part.values()) for part in parts], ""
    elif all(list(line.label.values()) == [line.series_id] for line in items):
        names, title = _paths([str(line.series_id) for line in items])
    else:
        varying = [name for name in parts[0] if len({display.printable(part[name]) for part in parts}) > 1]
        names = [_joined(part[name] for name in varying) for part in parts]
        title = _joined(value for name, value in parts[0].items() if name not in varying)
    words = _Words([name or title for name in names], title, units)
    if len(words.distinct_units) < 2 or not with_units:
        return words
    shown = [_joined([name, unit]) for name, unit in zip(words.names, units, strict=True)]
    return words._replace(names=shown)


def _parts(line: Line) -> dict[Hashable, Any]:
    """What may tell a line apart from others. Its unit belongs to the axis."""
    return {name: value for name, value in line.label.items() if name != "unit" or len(line.label) == 1}


def _value(line: Line, name: str) -> Any:
    known = {"series_id": line.series_id, **line.fields, **line.label}
    if name not in known:
        listed = ", ".join(map(repr, known))
        raise ValueError(f"labels must be names of column levels, columns or fields, got {name!r}; there are {listed}")
    return known[name]


def _joined(values: Iterable[Any]) -> str:
    """Values in words, without those that are missing."""
    return ", ".join(display.abbreviated(value) for value in values if value is not None and value == value)


def _paths(series_ids: list[str]) -> tuple[list[str], str]:
    r"""The part of each series id that tells it apart, and what they have in common.

    Examples
    --------
    >>> _paths([r"gdp\us\real", r"gdp\us\nominal"])
    (['real', 'nominal'], 'gdp\\us')
    >>> _paths([r"gdp\us@A:M", r"gdp\cn@A:M"])
    (['us', 'cn'], 'gdp @A:M')
    """
    if len(set(series_ids)) == 1:
        return [""] * len(series_ids), display.printable(series_ids[0])
    operators = {"".join(series_id.partition("@")[1:]) for series_id in series_ids}
    shared = operators.pop() if len(operators) == 1 else ""
    split = [series_id.removesuffix(shared).split("\\") for series_id in series_ids]
    shortest = min(map(len, split)) - 1
    common = next((at for at in range(shortest) if len({parts[at] for parts in split}) > 1), shortest)
    rest = [display.printable("\\".join(parts[common:])) for parts in split]
    path = "\\".join(split[0][:common])
    return rest, display.printable(f"{path} {shared}".strip())


class _Drawing:
    """The lines of a frame on their way into pandas' plot and back."""

    def __init__(self, lines: Lines, found: list[Frequency | None], words: _Words, kind: str) -> None:
        self.lines = lines
        self.words = words
        self._found = found
        self._kind = kind
        self._is_rotated = False
        #: the columns of the frame that pandas plots: unique, whatever the labels are
        self._keys = [f"shooju:{at}" for at in range(len(lines.items))]

    def frame(self) -> pd.DataFrame:
        """The frame that pandas plots: UTC dates, or for bars what is written below them."""
        items = self.lines.items
        dates = np.unique(np.concatenate([line.dates for line in items]))
        values = np.full((len(items), len(dates)), np.nan)
        for row, line in zip(values, items, strict=True):
            row[np.searchsorted(dates, line.dates)] = line.values
        index: pd.Index = pd.DatetimeIndex(dates.view("M8[ms]"))
        if self._kind in ("bar", "barh"):
            index = pd.Index([self._bar_text(date) for date in self.lines.dates(dates)], dtype=object)
        return pd.DataFrame(values.T, index=index, columns=self._keys)

    def _bar_text(self, date: pd.Timestamp) -> str:
        names = {found.name for found in self._found if found is not None}
        if names == {"Y"}:
            return f"{date.year}"
        if names == {"Q"}:
            return f"{date.year}Q{date.quarter}"
        return date.strftime("%Y-%m") if names == {"M"} else date_text(date)

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments for pandas, which refer to its columns instead of those of the data."""
        keys = dict(zip(self.lines.labels, self._keys, strict=True))
        options = dict(given)
        for name in ("color", "style"):
            if isinstance(options.get(name), Mapping):
                options[name] = {keys.get(label, label): value for label, value in options[name].items()}
        for name in ("y", "secondary_y"):
            value = options.get(name)
            if value is None or isinstance(value, bool):
                continue
            several = isinstance(value, list) or (isinstance(value, tuple) and value not in keys)
            options[name] = [keys.get(label, label) for label in value] if several else keys.get(value, value)
        units = self.words.distinct_units
        if self._kind in _DATED:
            options["x_compat"] = True
            self._is_rotated = bool(options.setdefault("rot", 0))
            if len(units) == 2 and "secondary_y" not in options and not options.get("subplots"):
                right = [key for key, unit in zip(self._keys, self.words.units, strict=True) if unit == units[1]]
                options["secondary_y"] = right
        if options.get("secondary_y"):
            options.setdefault("mark_right", False)
        return options

    def handles(self, axes: Axes) -> list[tuple[int, Any]]:
        """The artists that pandas has drawn, with the positions of their lines."""
        known = {key: at for at, key in enumerate(self._keys)}
        found = []
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            at = known.get(label.removesuffix(" (right)"))
            if at is not None:
                name = self.words.names[at]
                handle.set_label(name + " (right)" * label.endswith(" (right)"))
                found.append((at, handle))
        return found

    def interrupt(self, handles: Iterable[tuple[int, Any]], *, has_markers: bool) -> None:
        """Give each line its own dates, interrupted at gaps. Points between two gaps become markers."""
        from pandas_shooju.frame.local_dates import numbers

        for at, artist in handles:
            line, found = self.lines.items[at], self._found[at]
            gaps = np.zeros(max(len(line.dates) - 1, 0), bool) if found is None else found.gaps
            after = np.flatnonzero(gaps) + 1
            dates = np.insert(line.dates, after, line.dates[after] - 1)
            values = np.insert(line.values, after, np.nan)
            artist.set_data(numbers(dates), values)
            alone = np.append(True, gaps) & np.append(gaps, True) if len(line.dates) else gaps
            if alone.any() and not has_markers:
                places = np.flatnonzero(alone)
                artist.set(
                    marker="o", markersize=3, markevery=(places + np.searchsorted(after, places, "right")).tolist()
                )

    def zone(self) -> str:
        """The time zone, if the plot shows times of the day."""
        tz = self.lines.tz
        if tz is None or self._kind not in _DATED:
            return ""
        for line, found in zip(self.lines.items, self._found, strict=True):
            days = clocks.utc_to_wall(line.dates, tz) % 86_400_000
            if len(days) and (days != days[0]).any() and (found is None or not found.has_days):
                return str(tz)
        return ""

    def furnish(self, axes: Axes, drawn: list[int], zone: str, xlabel: str | None, ylabel: str | None) -> None:
        """Write the unit on an axis, and the dates in local time."""
        units = {self.words.units[at] for at in drawn or range(len(self.words.units))}
        unit = units.pop() if len(units) == 1 else None
        across = self._kind in ("barh", "hist", "kde", "density")
        below, beside = (unit, None) if across else (zone, unit)
        for given, known, axis in ((xlabel, below, axes.xaxis), (ylabel, beside, axes.yaxis)):
            text = known if given is None else given
            if text is not None:
                axis.set_label_text(text)
        date_axis = axes.yaxis if self._kind == "barh" else axes.xaxis
        if self._kind in _DATED:
            from pandas_shooju.frame.local_dates import show_local_dates

            show_local_dates(axes, self.lines.tz)
            if not any(label.get_visible() for label in axes.get_xticklabels()):  # shared with another plot
                axes.xaxis.get_offset_text().set_visible(False)
            if not self._is_rotated:
                for label in axes.get_xticklabels():
                    label.set_horizontalalignment("center")  # pandas expects rotated labels
        elif self._kind in ("bar", "barh"):
            ticks, texts = date_axis.get_ticklocs(), [label.get_text() for label in date_axis.get_ticklabels()]
            every = -(-len(texts) // _MOST_BARS_WITH_DATES)
            date_axis.set_ticks(ticks[::every], labels=texts[::every])
        elif self._kind == "box":
            names = dict(zip(self._keys, self.words.names, strict=True))
            for axis in (axes.xaxis, axes.yaxis):
                texts = [label.get_text() for label in axis.get_ticklabels()]
                if set(texts) & set(names):
                    axis.set_ticks(axis.get_ticklocs(), labels=[names.get(text, text) for text in texts])


class _Fan(NamedTuple):
    """How the vintages of series are drawn."""

    #: for each line, its properties
    styles: list[dict[str, Any]]
    #: the lines that the legend names
    entries: dict[int, str]
    title: str


def _fan(items: Sequence[Line]) -> _Fan | None:
    """The fan of vintages; None if no series has several."""
    series: dict[str, list[int]] = {}
    for at, line in enumerate(items):
        series.setdefault(repr((line.series_id, line.label)), []).append(at)
    if all(len(vintages) == 1 for vintages in series.values()):
        return None
    styles: list[dict[str, Any]] = [{} for _ in items]
    entries: dict[int, str] = {}
    names = _words(items, None).names
    for number, vintages in enumerate(series.values()):
        with suppress(TypeError):  # jobs beside moments
            vintages.sort(key=lambda at: items[at].vintage)
        for age, at in enumerate(vintages):
            share = age / max(len(vintages) - 1, 1)
            styles[at] = {
                "color": f"C{number}", "alpha": 0.25 + 0.75 * share, "zorder": 2 + share,
                "linewidth": 2.2 if at == vintages[-1] else 1.2,
            }  # fmt: skip
        if len(series) == 1:
            named = np.unique(np.linspace(0, len(vintages) - 1, _NAMED_VINTAGES).round().astype(int))
            entries = {vintages[at]: _vintage_text(items[vintages[at]].vintage) for at in named}
        else:
            last = vintages[-1]
            count = display.counted(len(vintages), "vintage")
            entries[last] = f"{names[last]}, {count} to {_vintage_text(items[last].vintage)}"
    is_report = isinstance(items[0].vintage, pd.Timestamp)
    return _Fan(styles, entries, ("report date" if is_report else "as of") if len(series) == 1 else "")


def _vintage_text(vintage: Any) -> str:
    return f"job {vintage}" if isinstance(vintage, int | np.integer) else date_text(vintage)


def _set_legends(
    drawn: Sequence[Any], handles: Sequence[list[tuple[int, Any]]], every: Sequence[Any], fan: _Fan | None
) -> None:
    """A legend for each axes, with the lines of the axis on the right."""
    for axes in drawn:
        right = getattr(axes, "right_ax", None)
        own = [handle for one, some in zip(every, handles, strict=True) if one in (axes, right) for handle in some]
        if fan is not None:
            texts = [(handle, fan.entries[at]) for at, handle in own if at in fan.entries]
        else:
            texts = [(handle, handle.get_label()) for _, handle in own]
            here = {id(handle) for handle, _ in texts}
            there = zip(*axes.get_legend_handles_labels(), strict=True)  # what was drawn before
            texts = [pair for pair in there if id(pair[0]) not in here] + texts
        if texts:
            box = axes.legend(*zip(*texts, strict=True), title=fan.title or None if fan is not None else None)
            box.set_zorder(10)

"""How `df.shooju` shows itself: a card of the series, their dates, and where they were read from. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pandas_shooju import display
from pandas_shooju.frame.describe import describe
from pandas_shooju.frame.lines import VINTAGES
from pandas_shooju.frame.origin import origin_of
from pandas_shooju.frame.shapes import as_frame

__all__ = ["as_html", "as_text", "date_text"]


class _Card(NamedTuple):
    title: str
    facts: list[tuple[str, object]]
    #: the first series, as `describe` has them
    described: pd.DataFrame
    series: int


def as_text(data: pd.DataFrame | pd.Series) -> str:
    """The card as lines of text."""
    card = _card(data)
    shown = [_label_text(label) for label in card.described.index[:3]]
    more = card.series - len(shown)
    series = "; ".join([*shown, f"and {more:,} more"] if more > 0 and shown else shown)
    return display.text(card.title, [*card.facts, ("series", series)])


def as_html(data: pd.DataFrame | pd.Series) -> str:
    """The card as HTML, with a table of the first series."""
    card = _card(data)
    described = card.described
    if described.empty:
        return display.card(card.title, card.facts)
    labels = described.index.map(_label_text)
    if "series_id" in described and list(labels) == list(described["series_id"]):
        described = described.drop(columns="series_id")
    names = ["series_id", "first", "last", "points", "missing", "frequency", "unit"]
    names = [name for name in names if name in described]
    rows = [
        [label, *(_cell(value) for value in row)]
        for label, row in zip(labels, described[names].itertuples(index=False, name=None), strict=True)
    ]
    return display.card(card.title, card.facts, display.table(["series", *names], rows, card.series))


def _card(data: pd.DataFrame | pd.Series) -> _Card:
    origin = origin_of(data)
    layout = "fields" if data.index.name == "series_id" and isinstance(data, pd.DataFrame) else None
    none = pd.DataFrame()
    if layout == "fields" and not {"dt", "val"} <= {*data.columns}:
        facts: list[tuple[str, object]] = [("fields", display.listed(list(data.columns), 20))]
        return _Card(f"Fields of {_series(data.index.nunique())}", facts + _origin_facts(origin), none, 0)
    try:
        part, count, dates = _first(data)
        described = describe(part)
    except (TypeError, ValueError, LookupError):  # not a frame that could be written, or attrs that were edited
        shape = [display.counted(*pair) for pair in zip(data.shape, ("row", "column"), strict=False)]
        return _Card(f"{type(data).__name__} of {', '.join(shape)}", _origin_facts(origin), none, 0)
    vintages = next((name for name in VINTAGES if name in part.columns.names or name in part.columns), None)
    what = {"reported_date": "by report date", "asof": "by as-of moment"}
    title = _series(count) if vintages is None else f"{count:,} vintages of series, {what[vintages]}"
    facts = [
        ("dates", f"{date_text(dates.min())} to {date_text(dates.max())}" if len(dates) else "none"),
        ("frequency", ", ".join(described["frequency"].dropna().unique())),
        ("time zone", "none (naive)" if described["tz"].isna().any() else ", ".join(described["tz"].unique())),
        ("unit", display.listed([*described["unit"].dropna().unique()]) if "unit" in described else None),
    ]
    if origin is not None and origin.get("naive") and described["tz"].notna().all():
        facts[2] = ("time zone", f"local times of {origin['tz']} (naive)")
    return _Card(title, facts + _origin_facts(origin), described, count)


def _first(data: pd.DataFrame | pd.Series) -> tuple[pd.DataFrame, int, Any]:
    """The part of a frame that has its first series, how many series there are, and all dates."""
    frame = as_frame(data) if isinstance(data, pd.Series) else data
    if isinstance(frame.index, pd.MultiIndex) and "dt" in frame.index.names:
        frame = frame.set_axis(["val"], axis=1) if isinstance(data, pd.Series) else frame
        attrs, frame = frame.attrs, frame.reset_index()
        frame.attrs = attrs
    if not {"dt", "val"} <= {*frame.columns}:
        return frame.iloc[:, : display.ROWS], len(frame.columns), frame.index.dropna()
    by = [name for name in ("series_id", *VINTAGES) if name in frame.columns]
    if not by:
        return frame, 1, frame["dt"].dropna()
    numbers = frame.groupby(by, sort=False, observed=True, dropna=False).ngroup()
    return frame[numbers < display.ROWS], int(numbers.max() + 1) if len(numbers) else 0, frame["dt"].dropna()


def _series(count: int) -> str:
    return display.counted(count, "series", "series")


def _origin_facts(origin: Any) -> list[tuple[str, object]]:
    if origin is None:
        return [("origin", "not read from Shooju")]
    query, server = origin.get("query", ""), str(origin.get("server") or "")
    queries = list(query) if isinstance(query, list | tuple) else [query]
    return [
        ("query", queries[0] if len(queries) == 1 else display.listed(queries, 3)),
        ("server", display.link(server, "a store in memory" if server.startswith("local::memory:") else server)),
        ("as of", origin.get("asof")),
    ]


def _label_text(label: Any) -> str:
    """A label, of a vintage with its date."""
    if isinstance(label, tuple):
        return ", ".join(map(_label_text, label))
    return date_text(label) if isinstance(label, pd.Timestamp) else display.abbreviated(label)


def _cell(value: Any) -> object:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return date_text(value)
    return int(value) if isinstance(value, int | np.integer) else display.abbreviated(value)


def date_text(date: Any) -> str:
    """A date, without a time if that is midnight, in the zone that it has.

    Examples
    --------
    >>> date_text(pd.Timestamp("2024-01-01")), date_text(pd.Timestamp("2024-01-01 15:30", tz="Europe/Berlin"))
    ('2024-01-01', '2024-01-01 15:30')
    """
    if not isinstance(date, pd.Timestamp):
        return display.printable(date)
    return str(date.strftime("%Y-%m-%d" if date == date.normalize() else "%Y-%m-%d %H:%M"))

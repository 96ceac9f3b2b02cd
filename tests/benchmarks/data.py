"""The data of the workloads: series to serve, and frames to write, made anew from their numbers, always the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pandas_shooju.formats import PointColumns

HOUR = 3_600_000
START = 1_262_304_000_000  # 2010-01-01

Dates = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Data:
    """Series to serve: how many, with which dates each, and with how many fields."""

    series: int
    dates: Dates
    fields: int = 2
    shared: bool = True  # one index for all
    page: int = 2500
    repeat: int = 1  # the pages are served so many times, one after the other, with other ids each time
    bulk: bool = False  # served to bulk calls, not to searches
    both: bool = False  # served to bulk calls, too, and to searches for ids alone

    @property
    def pages(self) -> int:
        """How many pages a search takes."""
        return -(-self.series // self.page) * self.repeat


def hourly(n: int) -> Dates:
    return lambda rng: START + HOUR * np.arange(n)


def minutes(n: int) -> Dates:
    return lambda rng: START + 60_000 * np.arange(n)


def ticks(n: int) -> Dates:
    # a day of trading, in milliseconds
    return lambda rng: START + np.sort(rng.choice(86_400_000, n, replace=False))


def seconds(n: int) -> Dates:
    # gaps of a few seconds: equal ones follow each other for stretches of irregular length
    return lambda rng: START + 1000 * np.sort(rng.choice(3 * n, n, replace=False))


def pandas_dates(n: int, freq: str) -> Dates:
    return lambda rng: pd.date_range("1990-01-01", periods=n, freq=freq).as_unit("ms").asi8


def no_dates(rng: np.random.Generator) -> np.ndarray:
    return np.empty(0, np.int64)


DATA = {
    "A": Data(1000, hourly(1000)),
    "B": Data(1000, pandas_dates(1000, "B")),
    "C": Data(1000, ticks(1000), shared=False),
    "C-wide": Data(200, ticks(1000), shared=False),
    "C-seconds": Data(1000, seconds(1000), shared=False),
    "D": Data(5000, pandas_dates(300, "MS")),
    "E": Data(100_000, hourly(10), fields=5),
    "F": Data(1, minutes(5_000_000)),
    "G": Data(1000, hourly(10_000), page=100),
    "H": Data(200_000, no_dates, fields=5),
    "I": Data(2000, hourly(100), bulk=True),
    "I8": Data(8000, hourly(100), bulk=True),
    "L": Data(400, hourly(1000), page=50),
    "L8": Data(8000, hourly(1000), page=1000),
    "M250k": Data(2500, hourly(10), repeat=100),
    "M1m": Data(2500, hourly(10), repeat=400),
    "N1e5": Data(100, hourly(1000)),
    "N2e6": Data(2000, hourly(1000)),
    "N4e6": Data(4000, hourly(1000)),
    "N8e6": Data(8000, hourly(1000)),
    "N1e7": Data(10_000, hourly(1000)),
    "Q": Data(10_000, hourly(1000), both=True),
    "N25k": Data(25_000, no_dates, fields=5),
    "N50k": Data(50_000, no_dates, fields=5),
    "N100k": Data(100_000, no_dates, fields=5),
}

_REAL = ["Türkiye", "Côte d'Ivoire", "São Tomé", "Österreich", "España", "Česko", "日本", "Ελλάδα"]
COUNTRIES = [*_REAL, *(f"Country {n}" for n in range(200 - len(_REAL)))]
UNITS = ["MW", "MWh", "GWh", "US$ bn", "€/MWh", "kt", "Mt CO2", "%", "Index 2015=100", "mcm/d", "bbl", "persons"]
FREQUENCIES = ["hourly", "daily", "monthly", "quarterly"]


def fields_of(i: int, n: int) -> dict[str, str | float]:
    """The first `n` fields of a series: a country of 200, a name of its own, a unit of 12, a frequency of 4, a number.

    A hash of `i` chooses, so that the fields do not change in step with each other.
    """
    chosen = i * 2_654_435_761 & 0xFFFFFFFF
    values = (
        COUNTRIES[(chosen >> 3) % len(COUNTRIES)],
        f"Generation by plant {i:06d}, net",
        UNITS[(chosen >> 11) % len(UNITS)],
        FREQUENCIES[(chosen >> 17) % len(FREQUENCIES)],
        (chosen >> 7) % 100_000 / 4,
    )
    return {f"field{k}": value for k, value in zip(range(n), values, strict=False)}


def series_id(i: int) -> str:
    return rf"bench\s{i}"


def series_of(data: Data) -> list[dict]:
    """The series of some data, as on the wire."""
    rng = np.random.default_rng(7)
    dates = data.dates(rng)
    series = []
    for i in range(data.series):
        item = {"series_id": series_id(i), "fields": fields_of(i, data.fields)}
        if len(dates):
            own = dates if data.shared else data.dates(rng)
            item["points"] = PointColumns(own, rng.normal(100, 10, len(own)))
        series.append(item)
    return series


def frame_of(data: Data, shape: str) -> pd.DataFrame:
    """A frame of such data to write, `wide` or `long`; the long one has the fields if there are more than two."""
    rng = np.random.default_rng(7)
    dates = pd.DatetimeIndex(data.dates(rng).view("M8[ms]"), name="dt")
    ids = [series_id(i) for i in range(data.series)]
    values = rng.normal(100, 10, (len(dates), data.series))
    if shape == "wide":
        return pd.DataFrame(values, index=dates, columns=ids)
    which = np.repeat(np.arange(data.series), len(dates))
    frame = pd.DataFrame(
        {
            "series_id": pd.Categorical.from_codes(which, ids),
            "dt": np.tile(dates, data.series),
            "val": values.T.ravel(),
        }
    )
    if data.fields > 2:
        for name, column in pd.DataFrame([fields_of(i, data.fields) for i in range(data.series)]).items():
            # texts as categoricals: what read_shooju gives
            of_each = column if pd.api.types.is_numeric_dtype(column) else column.astype("category")
            frame[name] = of_each.array.take(which)
    return frame

"""What is measured: the data of each workload, and what each side does with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

HOUR = 3_600_000
START = 1_262_304_000_000  # 2010-01-01


@dataclass(frozen=True)
class Data:
    """Series to serve: how many, with which dates each, and with how many fields."""

    series: int
    dates: Callable[[np.random.Generator], np.ndarray]
    fields: int = 2
    shared: bool = True  # one index for all
    page: int = 2500
    repeat: int = 1  # the pages are served so many times, one after the other


def hourly(n: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: START + HOUR * np.arange(n)


def minutes(n: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: START + 60_000 * np.arange(n)


def ticks(n: int) -> Callable[[np.random.Generator], np.ndarray]:
    # a day of trading, in milliseconds
    return lambda rng: START + np.sort(rng.choice(86_400_000, n, replace=False))


def pandas_dates(n: int, freq: str) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: pd.date_range("1990-01-01", periods=n, freq=freq).as_unit("ms").asi8


DATA = {
    "A": Data(1000, hourly(1000)),
    "B": Data(1000, pandas_dates(1000, "B")),
    "C": Data(1000, ticks(1000), shared=False),
    "C-wide": Data(200, ticks(1000), shared=False),
    "D": Data(5000, pandas_dates(300, "MS")),
    "E": Data(100_000, hourly(10), fields=5),
    "F": Data(1, minutes(5_000_000)),
    "G": Data(1000, hourly(10_000), page=100),
    "H": Data(200_000, lambda rng: np.empty(0, np.int64), fields=5),
    "I": Data(2000, hourly(100)),
    "L": Data(400, hourly(1000), page=50),
    "M": Data(2500, hourly(10), repeat=400),
    "N5": Data(100, hourly(1000)),
    "N7": Data(10_000, hourly(1000)),
}


@dataclass(frozen=True)
class Workload:
    """One line of the table."""

    name: str
    title: str
    data: str
    ours: Callable[[Any, Any], Any]
    peer: Callable[[Any, Any], Any] | None
    latency: float = 0.0
    writes: bool = False
    floor: bool = False
    embedded: bool = False  # served by the embedded Shooju, which is filled first


def _read(**options: Any) -> Callable[[Any, Any], Any]:
    def ours(url: str, frame: Any) -> Any:
        import pandas_shooju as sj

        page = options.pop("page", 2500)
        conn = sj.Connection(url, "sam", "key")
        return sj.read_shooju("sid:bench", connection=conn, batch_size=page, **options)

    return ours


def _peer_read(**options: Any) -> Callable[[Any, Any], Any]:
    def peer(url: str, frame: Any) -> Any:
        import shooju

        batch_size = options.pop("page", 2500)
        conn = shooju.Connection(url, "sam", "key")
        return conn.get_df("sid:bench", batch_size=batch_size, **options)

    return peer


def _chunks(url: str, frame: Any) -> Any:
    import pandas_shooju as sj

    conn = sj.Connection(url, "sam", "key")
    series = 0
    for chunk in sj.read_shooju("sid:bench", "field0", layout="long", chunksize=2500, connection=conn):
        series += chunk["series_id"].nunique()
    assert series == 1_000_000, series
    return chunk


def _bulk(url: str, frame: Any) -> Any:
    import pandas_shooju as sj

    conn = sj.Connection(url, "sam", "key")
    return sj.read_shooju([rf"sid=bench\s{i}" for i in range(2000)], connection=conn)


def _peer_bulk(url: str, frame: Any) -> Any:
    import shooju

    conn = shooju.Connection(url, "sam", "key")
    series = {}
    for start in (0, 1000):
        mget = conn.mget()
        for i in range(start, start + 1000):
            mget.get_series(rf"sid=bench\s{i}", max_points=-1, serializer=shooju.pd_series_localized)
        series.update({item["series_id"]: item["points"] for item in mget.fetch()})
    return pd.DataFrame(series)


def _write_wide(url: str, frame: Any) -> Any:
    import pandas_shooju as sj

    return frame.shooju.write("bench", connection=sj.Connection(url, "sam", "key"))


def _write_long(url: str, frame: Any) -> Any:
    import pandas_shooju as sj

    fields = [name for name in frame.columns if name.startswith("field")] if frame.shape[1] > 5 else None
    return frame.shooju.write("bench", fields=fields, connection=sj.Connection(url, "sam", "key"))


def _peer_write_wide(url: str, frame: Any) -> Any:
    import shooju

    conn = shooju.Connection(url, "sam", "key")
    with conn.register_job("bench", batch_size=1000) as job:
        for name in frame:
            job.write(f'sid="{name}"', points=frame[name])


def _peer_write_long(url: str, frame: Any) -> Any:
    import shooju

    conn = shooju.Connection(url, "sam", "key")
    names = [name for name in frame.columns if name.startswith("field")] if frame.shape[1] > 5 else []
    with conn.register_job("bench", batch_size=1000) as job:
        for series_id, own in frame.groupby("series_id", observed=True):
            fields = {name: own[name].iloc[0] for name in names}
            job.write(f'sid="{series_id}"', points=own.set_index("dt")["val"], fields=fields)


LONG = {"max_points": -1, "layout": "long"}
WIDE = {"max_points": -1, "layout": "wide"}
ROWS = {"max_points": -1, "series_axis": "rows"}
COLUMNS = {"max_points": -1, "series_axis": "columns"}


def _pair(data: str, what: str, **options: Any) -> list[Workload]:
    """The long and the wide reading of some data."""
    wide_data = f"{data}-wide" if f"{data}-wide" in DATA else data
    return [
        Workload(
            f"{data}-long", f"{what}, long", data, _read(fields=["field0"], **LONG),
            _peer_read(fields=["field0"], **ROWS), floor=True, **options,
        ),
        Workload(
            f"{data}-wide", f"{what}, wide", wide_data, _read(**WIDE), _peer_read(fields=[], **COLUMNS),
            floor=True, **options,
        ),
    ]  # fmt: skip


WORKLOADS = [
    *_pair("A", "1,000 series x 1,000 points, hourly"),
    *_pair("B", "1,000 x 1,000, business days"),
    *_pair("C", "1,000 x 1,000 (wide: 200 x 1,000), ticks"),
    *_pair("D", "5,000 x 300, monthly"),
    Workload(
        "E-long", "100,000 x 10, five fields, long", "E",
        _read(fields="*", **LONG), _peer_read(fields=["*"], **ROWS), floor=True,
    ),
    Workload("F-wide", "1 x 5,000,000, wide", "F", _read(**WIDE), _peer_read(fields=[], **COLUMNS), floor=True),
    Workload("G-long", "1,000 x 10,000, long", "G", _read(page=100, **LONG), None, floor=True),
    Workload("G-wide", "1,000 x 10,000, wide", "G", _read(page=100, **WIDE), None, floor=True),
    Workload(
        "H-fields", "200,000 series, fields only", "H",
        _read(fields="*", layout="fields"), _peer_read(fields=["*"], max_points=0), floor=True,
    ),
    Workload("I-bulk", "2,000 single-series queries", "I", _bulk, _peer_bulk),
    Workload("J-wide", "writing A, wide", "A", _write_wide, _peer_write_wide, writes=True),
    Workload("J-long", "writing A, long", "A", _write_long, _peer_write_long, writes=True),
    Workload("K-long", "writing E", "E", _write_long, _peer_write_long, writes=True),
    Workload(
        "L-scroll", "8 pages of a scroll, 50 ms a request", "L",
        _read(page=50, **LONG), _peer_read(fields=["field0"], page=50, **ROWS), latency=0.05, floor=True,
    ),
    Workload("L-bulk", "2,000 single-series queries, 50 ms a request", "I", _bulk, _peer_bulk, latency=0.05),
    Workload(
        "L-write-wide", "writing A, 50 ms a request", "A", _write_wide, _peer_write_wide, latency=0.05, writes=True,
    ),
    Workload("M-chunks", "1,000,000 series in chunks of 2,500", "M", _chunks, None),
    Workload("N-1e5-long", "100 x 1,000, long", "N5", _read(**LONG), None, floor=True),
    Workload("N-1e6-long", "1,000 x 1,000, long", "A", _read(**LONG), None, floor=True),
    Workload("N-1e7-long", "10,000 x 1,000, long", "N7", _read(**LONG), None, floor=True),
    Workload(
        "O-long", "A from the embedded Shooju, long", "A",
        _read(fields=["field0"], **LONG), _peer_read(fields=["field0"], **ROWS), embedded=True,
    ),
    Workload(
        "O-wide", "A from the embedded Shooju, wide", "A",
        _read(**WIDE), _peer_read(fields=[], **COLUMNS), embedded=True,
    ),
    Workload(
        "O-write-wide", "A to the embedded Shooju", "A", _write_wide, _peer_write_wide, writes=True, embedded=True,
    ),
]  # fmt: skip

BY_NAME = {workload.name: workload for workload in WORKLOADS}


def frame_to_write(workload: Workload) -> pd.DataFrame:
    """The frame that a writing workload writes."""
    data = DATA[workload.data]
    rng = np.random.default_rng(7)
    dates = pd.DatetimeIndex(data.dates(rng).view("M8[ms]"), name="dt")
    ids = [rf"bench\s{i}" for i in range(data.series)]
    values = rng.normal(100, 10, (len(dates), data.series))
    if workload.name.endswith("wide"):
        return pd.DataFrame(values, index=dates, columns=ids)
    frame = pd.DataFrame(
        {
            "series_id": pd.Categorical.from_codes(np.repeat(np.arange(data.series), len(dates)), ids),
            "dt": np.tile(dates, data.series),
            "val": values.T.ravel(),
        }
    )
    if data.fields > 2:
        for k in range(data.fields):
            frame[f"field{k}"] = pd.Categorical.from_codes(
                np.repeat(np.arange(data.series) % 50, len(dates)), [f"value {k} {i}" for i in range(50)]
            )
    return frame

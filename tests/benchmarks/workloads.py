"""What is measured: the lines of the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.benchmarks.calls import (
    Call,
    bulk,
    chunks,
    fetch,
    peer_bulk,
    peer_read,
    peer_write_long,
    peer_write_wide,
    read,
    write_long,
    write_wide,
)
from tests.benchmarks.data import DATA


@dataclass(frozen=True)
class Workload:
    """One line of the table: on which data, and what each side does."""

    name: str
    title: str
    data: str
    ours: Call
    peer: Call | None = None
    floor: Call | None = None
    latency: float = 0.0  # seconds that the server waits before each answer
    writes: str = ""  # the shape of the frame that is written
    embedded: bool = False  # served by the embedded Shooju, which is filled first

    def call(self, side: str) -> Call | None:
        return {"ours": self.ours, "peer": self.peer, "floor": self.floor}[side]


LONG = {"max_points": -1, "layout": "long"}
WIDE = {"max_points": -1, "layout": "wide"}
ROWS = {"max_points": -1, "series_axis": "rows"}
COLUMNS = {"max_points": -1, "series_axis": "columns"}
SLOW = 0.05


def _long(name: str, title: str, data: str, peer: bool = True, embedded: bool = False, **options: Any) -> Workload:
    """Reading some data long, with one field."""
    page = DATA[data].page
    return Workload(
        name, title, data, read(page, fields=["field0"], **LONG),
        peer=peer_read(page, fields=["field0"], **ROWS) if peer else None,
        floor=None if embedded else fetch(DATA[data].pages, "field0"), embedded=embedded, **options,
    )  # fmt: skip


def _wide(name: str, title: str, data: str, peer: bool = True, embedded: bool = False, **options: Any) -> Workload:
    """Reading some data wide, named by the series ids."""
    page = DATA[data].page
    return Workload(
        name, title, data, read(page, **WIDE),
        peer=peer_read(page, fields=[], **COLUMNS) if peer else None,
        floor=None if embedded else fetch(DATA[data].pages, None), embedded=embedded, **options,
    )  # fmt: skip


def _fields(name: str, title: str, data: str, peer: bool = True) -> Workload:
    """Reading the fields alone."""
    return Workload(
        name, title, data, read(fields="*", layout="fields"),
        peer=peer_read(fields=["*"], max_points=0) if peer else None,
        floor=fetch(DATA[data].pages, "*"),
    )  # fmt: skip


def _write(name: str, title: str, data: str, **options: Any) -> Workload:
    """Writing a frame of the shape that the name ends in."""
    if name.endswith("wide"):
        return Workload(name, title, data, write_wide, peer=peer_write_wide, writes="wide", **options)
    return Workload(name, title, data, write_long, peer=peer_write_long, writes="long", **options)


#: what is run in growing sizes, and on which data
MORE_POINTS = {
    "N-1e5-long": "N1e5",
    "N-1e6-long": "A",
    "N-2e6-long": "N2e6",
    "N-4e6-long": "N4e6",
    "N-8e6-long": "N8e6",
    "N-1e7-long": "N1e7",
}
MORE_SERIES = {
    "N-25k-fields": "N25k",
    "N-50k-fields": "N50k",
    "N-100k-fields": "N100k",
    "N-200k-fields": "H",
}

WORKLOADS = [
    _long("A-long", "1,000 series x 1,000 points, hourly, long", "A"),
    _wide("A-wide", "1,000 series x 1,000 points, hourly, wide", "A"),
    _long("B-long", "1,000 x 1,000, business days, long", "B"),
    _wide("B-wide", "1,000 x 1,000, business days, wide", "B"),
    _long("C-long", "1,000 x 1,000, ticks, long", "C"),
    _wide("C-wide", "200 x 1,000, ticks, wide", "C-wide"),
    _long("C-seconds", "1,000 x 1,000, ticks of whole seconds, long", "C-seconds"),
    _long("D-long", "5,000 x 300, monthly, long", "D"),
    _wide("D-wide", "5,000 x 300, monthly, wide", "D"),
    Workload(
        "E-long", "100,000 x 10, five fields, long", "E", read(fields="*", **LONG),
        peer=peer_read(fields=["*"], **ROWS), floor=fetch(DATA["E"].pages, "*"),
    ),
    _wide("F-wide", "1 x 5,000,000, wide", "F"),
    _long("G-long", "1,000 x 10,000, long", "G", peer=False),
    _wide("G-wide", "1,000 x 10,000, wide", "G", peer=False),
    _fields("H-fields", "200,000 series, fields only", "H"),
    Workload("I-bulk", "2,000 single-series queries", "I", bulk(2000), peer=peer_bulk(2000)),
    _write("J-wide", "writing A, wide", "A"),
    _write("J-long", "writing A, long", "A"),
    _write("K-long", "writing E", "E"),
    _long("L-scroll", "8 pages of 50 x 1,000, 50 ms a request", "L", latency=SLOW),
    _long("L-pages", "8 pages of 1,000 x 1,000, 50 ms a request", "L8", peer=False, latency=SLOW),
    _long("L-pages-0", "the same without latency", "L8", peer=False),
    Workload("L-bulk", "2,000 single queries, 50 ms a request", "I", bulk(2000), peer=peer_bulk(2000), latency=SLOW),
    Workload("L-bulk-8", "8,000 single queries, 50 ms a request", "I8", bulk(8000), peer=peer_bulk(8000), latency=SLOW),
    _write("L-write-wide", "writing A, wide, 50 ms a request", "A", latency=SLOW),
    _write("L-write-long", "writing A, long, 50 ms a request", "A", latency=SLOW),
    Workload(
        "L-write-8", "writing 4,000 x 1,000, wide, 50 ms a request", "N4e6", write_wide, latency=SLOW, writes="wide"
    ),
    Workload("M-250k", "250,000 series in chunks of 2,500", "M250k", chunks(250_000)),
    Workload("M-chunks", "1,000,000 series in chunks of 2,500", "M1m", chunks(1_000_000)),
    *(_long(name, f"{DATA[data].series:,} x 1,000, long", data, peer=False) for name, data in MORE_POINTS.items()),
    *(_fields(name, f"{DATA[data].series:,} series", data, peer=False) for name, data in MORE_SERIES.items()),
    _long("O-long", "A from the embedded Shooju, long", "A", embedded=True),
    _wide("O-wide", "A from the embedded Shooju, wide", "A", embedded=True),
    _write("O-write-wide", "A to the embedded Shooju", "A", embedded=True),
]  # fmt: skip

BY_NAME = {workload.name: workload for workload in WORKLOADS}

#: workloads that differ in size alone, and their sizes
GROWTH = {
    "points": {name: 1000 * DATA[data].series for name, data in MORE_POINTS.items()},
    "series": {name: DATA[data].series for name, data in MORE_SERIES.items()},
}

"""What is printed: a line for each workload, and sections on what a line cannot show."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import decoding
from tests.benchmarks.data import DATA
from tests.benchmarks.figures import Figures
from tests.benchmarks.workloads import BY_NAME, GROWTH, Workload

HEAD = (
    f"{'':13} {'':44} {'ours':>8} {'peer':>8} {'floor':>8} {'vs peer':>8} {'vs floor':>8} "
    f"{'MiB':>8} {'peer MiB':>8} {'/frame':>6}"
)


def _cell(value: float | None, digits: int = 3, unit: str = "", width: int = 8) -> str:
    return " " * width if value is None else f"{value:{width - len(unit)}.{digits}f}{unit}"


def line(figures: Figures, workload: Workload) -> str:
    """One line of the table."""
    name = workload.name
    peaks = [figures.median(name, side, "peak") for side in ("ours", "peer")]
    cells = [
        f"{name:13} {workload.title:44}",
        *(_cell(figures.median(name, side)) for side in ("ours", "peer", "floor")),
        _cell(figures.faster(name), 1, "x"),
        _cell(figures.over_floor(name), 2, "x"),
        *(_cell(None if peak is None else peak / 2**20, 0) for peak in peaks),
        _cell(figures.of_frame(name), 2, width=6),
    ]
    return " ".join(cells).rstrip()


def sections(figures: Figures) -> Iterator[str]:
    """The lines after the table; a section of which nothing was run is left out."""
    for title, lines in (
        ("latency: requests, the most of them in flight at once, and what their latencies add up to", _latency),
        ("growth: by what one doubling multiplies time", _growth),
        ("memory of reading in chunks", _chunks),
        ("imports, in seconds", _imports),
        ("decoding alone, in seconds", _decoding),
    ):
        found = list(lines(figures))
        if found:
            yield from ("", title, *found)


def _latency(figures: Figures) -> Iterator[str]:
    names = [name for name in figures.workloads if BY_NAME[name].latency]
    if names:
        yield f"{'':13} {'':5} {'seconds':>8} {'requests':>8} {'in flight':>9} {'n x latency':>11} {'beyond it':>9}"
    for name in names:
        for side in figures.workloads[name]:
            seconds, requests = figures.median(name, side), figures.median(name, side, "requests")
            in_flight, waited = figures.most(name, side, "in_flight"), figures.waited(name, side)
            assert seconds is not None
            assert waited is not None
            yield (
                f"{name:13} {side:5} {seconds:8.3f} {requests:8.0f} {in_flight:9.0f} {waited:11.3f} "
                f"{seconds - waited:9.3f}"
            )
    share = figures.not_overlapped("L-pages", "L-pages-0")
    if share is not None:
        one = 1 / DATA[BY_NAME["L-pages"].data].pages
        yield f"L-pages beyond its floor takes {share:.2f} of what L-pages-0 does; one page of them is {one:.2f}"


def _growth(figures: Figures) -> Iterator[str]:
    for what, sizes in GROWTH.items():
        for small, large, step in figures.steps(what):
            yield f"{what:7} {sizes[small]:12,} to {sizes[large]:12,}: {step:5.2f}x"
        overall = figures.growth(what)
        if overall is not None:
            yield f"{what:7} {'from the smallest to the largest':>28}: {overall:5.2f}x"


def _chunks(figures: Figures) -> Iterator[str]:
    for name in ("M-250k", "M-chunks"):
        peak = figures.median(name, "ours", "peak")
        if peak is not None:
            yield f"{BY_NAME[name].title:36} {peak / 2**20:6.0f} MiB"


def _imports(figures: Figures) -> Iterator[str]:
    extra = figures.import_extra()
    if extra is not None:
        pandas, ours = (sorted(seconds)[len(seconds) // 2] for seconds in figures.imports.values())
        yield f"pandas {pandas:.3f}, pandas_shooju {ours:.3f}: {extra:.3f} more"


def _decoding(figures: Figures) -> Iterator[str]:
    if figures.decoding:
        yield decoding.HEAD
        yield from (decoding.line(name, found) for name, found in figures.decoding.items())

"""What is wanted of the figures, and whether a run reached it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.benchmarks.figures import Figures


@dataclass(frozen=True)
class Target:
    """A figure and its limit."""

    what: str
    measured: Callable[[Figures], float | None]
    wanted: float
    least: bool = False  # the limit is the least that is wanted, not the most
    unit: str = ""

    def reached(self, measured: float) -> bool:
        return measured >= self.wanted if self.least else measured <= self.wanted


def _faster(name: str, wanted: float) -> Target:
    return Target(f"{name}: as fast as the peer", lambda f: f.faster(name), wanted, least=True, unit="x")


def _floor(name: str, wanted: float = 2.0) -> Target:
    return Target(f"{name}: seconds to the floor's", lambda f: f.over_floor(name), wanted, unit="x")


def _to_c(name: str, wanted: float) -> Target:
    return Target(f"decoding {name}: seconds to the C decoder's", lambda f: f.to_c(name), wanted, unit="x")


def _in_flight(name: str, other: int = 0) -> Target:
    return Target(
        f"{name}: connections used of those it can",
        lambda f: f.connections_used(name, other),
        1.0,
        least=True,
    )


TARGETS = [
    _faster("A-long", 60),
    _faster("A-wide", 10),
    _faster("B-long", 40),
    _faster("B-wide", 8),
    _faster("C-long", 40),
    _faster("C-seconds", 40),
    _faster("C-wide", 8),
    _faster("D-long", 40),
    _faster("D-wide", 8),
    _faster("E-long", 10),
    _faster("H-fields", 5),
    _faster("J-wide", 40),
    _faster("J-long", 40),
    Target("A-long: peak memory to the peer's", lambda f: f.lighter("A-long"), 0.1),
    _floor("A-long"),
    _floor("A-wide"),
    _floor("F-wide"),
    Target("G-long: peak memory in sizes of the frame", lambda f: f.of_frame("G-long"), 3, unit="x"),
    # n latencies and one decode: what waits for pages anyhow takes hardly less
    _floor("L-scroll", 1.2),
    _floor("L-pages", 1.2),
    _in_flight("L-bulk-8"),
    # a job is registered before its writes, and finished after them
    *(_in_flight(name, other=2) for name in ("L-write-wide", "L-write-long", "L-write-8")),
    *(_to_c(name, 1.0) for name in ("A", "B", "D", "F")),
    *(_to_c(name, 2.0) for name in ("C", "C-seconds")),
    Target("time per doubling of points", lambda f: f.growth("points"), 2.0, unit="x"),
    Target("time per doubling of series", lambda f: f.growth("series"), 2.0, unit="x"),
    # flat: a fifth is what the allocator may do
    Target("peak memory of 4 times the series in chunks", lambda f: f.larger("M-chunks", "M-250k"), 1.2, unit="x"),
    Target("import pandas_shooju beyond pandas", lambda f: f.import_extra(), 0.3, unit=" s"),
]


def results(figures: Figures) -> list[dict]:
    """Each target of which all that it needs was run."""
    found = [(target, target.measured(figures)) for target in TARGETS]
    return [
        {
            "what": target.what,
            "wanted": f"{'>=' if target.least else '<='} {target.wanted:g}{target.unit}",
            "measured": measured,
            "reached": target.reached(measured),
            "unit": target.unit,
        }
        for target, measured in found
        if measured is not None
    ]


def lines(found: list[dict]) -> Iterator[str]:
    if not found:
        return
    yield from ("", f"{'targets':48} {'wanted':>10} {'measured':>10}  reached")
    for one in found:
        measured = f"{one['measured']:.2f}{one['unit']}"
        yield f"{one['what']:48} {one['wanted']:>10} {measured:>10}  {'yes' if one['reached'] else 'NO'}"

"""What a run found, and what can be asked of it. A figure whose workload was not run is None."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from tests.benchmarks.workloads import BY_NAME, GROWTH


def ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None


@dataclass
class Figures:
    """All that one run found, as it was measured."""

    workloads: dict[str, dict[str, list[dict]]] = field(default_factory=dict)
    imports: dict[str, list[float]] = field(default_factory=dict)
    decoding: dict[str, dict[str, float]] = field(default_factory=dict)

    def median(self, name: str, side: str, what: str = "seconds") -> float | None:
        runs = self.workloads.get(name, {}).get(side, [])
        return statistics.median(run[what] for run in runs) if runs and what in runs[0] else None

    def most(self, name: str, side: str, what: str) -> float | None:
        runs = self.workloads.get(name, {}).get(side, [])
        return max(run[what] for run in runs) if runs and what in runs[0] else None

    def faster(self, name: str) -> float | None:
        """How many times as fast as the peer."""
        return ratio(self.median(name, "peer"), self.median(name, "ours"))

    def over_floor(self, name: str) -> float | None:
        return ratio(self.median(name, "ours"), self.median(name, "floor"))

    def lighter(self, name: str) -> float | None:
        """Our peak of memory as a share of the peer's."""
        return ratio(self.median(name, "ours", "peak"), self.median(name, "peer", "peak"))

    def of_frame(self, name: str) -> float | None:
        """The peak of memory in sizes of the frame that came out."""
        return ratio(self.median(name, "ours", "peak"), self.median(name, "ours", "size"))

    def larger(self, large: str, small: str) -> float | None:
        """The peak of one workload in those of another."""
        return ratio(self.median(large, "ours", "peak"), self.median(small, "ours", "peak"))

    def to_c(self, name: str) -> float | None:
        found = self.decoding.get(name)
        return found["ours"] / found["in_c"] if found else None

    def import_extra(self) -> float | None:
        """Seconds that ``import pandas_shooju`` takes beyond ``import pandas``."""
        if not self.imports:
            return None
        return statistics.median(self.imports["pandas_shooju"]) - statistics.median(self.imports["pandas"])

    def doubling(self, small: str, large: str, times: float) -> float | None:
        """By what one doubling multiplies time, between two workloads of which one is so many times the other."""
        grown = ratio(self.median(large, "ours"), self.median(small, "ours"))
        return grown ** (1 / math.log2(times)) if grown is not None else None

    def steps(self, what: str) -> list[tuple[str, str, float]]:
        """To each size that was run, from the next that is at most half of it: two workloads, and time per doubling."""
        sizes = {name: size for name, size in GROWTH[what].items() if name in self.workloads}
        halves = {b: [a for a in sizes if 2 * sizes[a] <= sizes[b]] for b in sizes}
        pairs = [(smaller[-1], b) for b, smaller in halves.items() if smaller]
        found = [(a, b, self.doubling(a, b, sizes[b] / sizes[a])) for a, b in pairs]
        return [(a, b, step) for a, b, step in found if step is not None]

    def growth(self, what: str) -> float | None:
        """Time per doubling from the smallest size to the largest; only if both were run."""
        small, *_, large = GROWTH[what]
        return self.doubling(small, large, GROWTH[what][large] / GROWTH[what][small])

    def waited(self, name: str, side: str = "ours") -> float | None:
        """Seconds that the latency of all requests adds up to."""
        requests = self.median(name, side, "requests")
        return requests * BY_NAME[name].latency if requests is not None else None

    def not_overlapped(self, slow: str, quick: str) -> float | None:
        """What a workload took beyond waiting and fetching, as a share of what that adds up to without latency.

        With n pages of which each is decoded while the next is awaited, near 1 / n, and the frame that is made of them
        at the end; in turns, 1.
        """
        beyond = [
            ours - floor
            for ours, floor in ((self.median(name, "ours"), self.median(name, "floor")) for name in (slow, quick))
            if ours is not None and floor is not None
        ]
        return max(beyond[0], 0.0) / beyond[1] if len(beyond) == 2 and beyond[1] > 0 else None

    def connections_used(self, name: str, other: int = 0) -> float | None:
        """The most requests in flight, of the 4 that can be: or fewer, if there are no more calls, some set aside."""
        requests = self.median(name, "ours", "requests")
        return ratio(self.most(name, "ours", "in_flight"), min(4, requests - other) if requests else None)

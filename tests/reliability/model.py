"""What is intended, and what the store has: series as plain values, read past all faults."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from pandas_shooju.client.connection import Connection
from tests.client.reads import read_bulk

REPORTS = (978_307_200_000, 978_393_600_000)
_DAYS = {REPORTS[0]: "2001-01-01", REPORTS[1]: "2001-01-02"}

#: the points and the fields of a series (None), or of one of its reports
Lane = tuple[dict[int, float], dict[str, Any]]
Lanes = dict[int | None, Lane]


class Write:
    """One write or deletion, as the caller means it."""

    def __init__(
        self,
        series: str,
        points: dict[int, float | None] | None = None,
        fields: dict[str, Any] | None = None,
        *,
        report: int | str | None = None,
        remove_others: str | None = None,
        delete: bool = False,
    ) -> None:
        self.series = series
        self.points = points or {}
        self.fields = fields or {}
        self.report = report
        self.remove_others = remove_others
        self.delete = delete

    def apply(self, lanes: Lanes) -> Lanes:
        """The series after this write."""
        lanes = copy.deepcopy(lanes)
        if self.delete:
            if self.report is None:
                return {}
            return {
                report: lane for report, lane in lanes.items() if report is None or self.report not in ("all", report)
            }
        points, fields = lanes.setdefault(self.report, ({}, {}))
        if self.remove_others in ("points", "all"):
            points.clear()
        if self.remove_others in ("fields", "all"):
            fields.clear()
        for date, value in self.points.items():
            if value is None:
                points.pop(date, None)
            else:
                points[date] = value
        fields.update(self.fields)
        return {report: lane for report, lane in lanes.items() if lane[0] or lane[1]}

    def __repr__(self) -> str:
        kind = "delete" if self.delete else "write"
        return f"{kind}({self.series}, {self.points}, {self.fields}, {self.report}, {self.remove_others})"


def states(before: Lanes, writes: Iterable[Write]) -> list[Lanes]:
    """The series before the writes, and after each."""
    found = [before]
    for write in writes:
        found.append(write.apply(found[-1]))
    return found


def stored(truth: Connection, series: list[str]) -> dict[str, Lanes]:
    """What the store has of these series."""
    queries = []
    for name in series:
        queries.append(f'sid="{name}"')
        for day in _DAYS.values():
            queries += [f'sid="{name}"@repdate:{day}', f'sid="{name}"@repfdate:{day}']
    items: list[Any] = []
    for document in read_bulk(truth, queries, fields="*", max_points=-1):
        items += document.items()
    found: dict[str, Lanes] = {}
    for at, name in enumerate(series):
        own, *reports = items[at * 5 : at * 5 + 5]
        lanes: Lanes = {None: (_points(own), own.get("fields") or {})}
        for number, report in enumerate(REPORTS):
            with_points, with_fields = reports[number * 2 : number * 2 + 2]
            lanes[report] = (_points(with_points), with_fields.get("fields") or {})
        found[name] = {report: lane for report, lane in lanes.items() if lane[0] or lane[1]}
    return found


def _points(item: dict[str, Any]) -> dict[int, float]:
    points = item.get("points")
    if points is None:
        return {}
    assert not np.isnan(points.values).any()
    return dict(zip(points.dates.tolist(), points.values.tolist(), strict=True))

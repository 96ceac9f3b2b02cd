"""Random histories of jobs on a store, and what the store would have if one of the jobs had not run.

A history is executed write by write. After each one, everything is read and compared with before: what differs is what
that write did. Replaying these differences without those of one job gives what undoing the job must give. A write that
changed nothing is nothing to replay.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

import pandas_shooju as sj

DAY = 86_400_000
SERIES = ("a", r"folder\b", "C")
REPORTS = (10 * DAY, 20 * DAY)

#: a point, a field, or the existence of a series: (series, report date or None, date or name); None for existence
Cell = tuple[str, int | None, int | str | None]
State = dict[Cell, Any]


class Write(NamedTuple):
    """A write of one of the jobs of a history."""

    job: int
    item: dict[str, Any]


dates = st.integers(0, 4).map(lambda number: number * DAY)
points = st.lists(st.tuples(dates, st.sampled_from([1.0, 2.0, 3.0, 4.0, None])), max_size=4, unique_by=lambda p: p[0])
fields = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from([1, True, "1", [1], None]), max_size=2)
_post = st.fixed_dictionaries(
    {"type": st.just("POST"), "query": st.sampled_from(SERIES).map(lambda name: f'sid="{name}"')},
    optional={
        "points": points.map(lambda rows: [list(row) for row in rows]),
        "fields": fields,
        "keep_only": st.sampled_from(["points", "fields", "all"]),
        "reported_date": st.sampled_from(REPORTS),
    },
)
_delete = st.fixed_dictionaries(
    {"type": st.just("DELETE"), "query": st.sampled_from(SERIES).map(lambda name: f'sid="{name}"')},
    optional={"force": st.sampled_from([False, False, False, True])},
)
_delete_reported = st.fixed_dictionaries(
    {
        "type": st.just("DELETE"),
        "query": st.sampled_from(SERIES).map(lambda name: f'sid="{name}"'),
        "reported_date": st.sampled_from([*REPORTS, "all"]),
    }
)
items = st.one_of(_post, _post, _post, _post, _delete, _delete_reported)
histories = st.lists(st.builds(Write, st.integers(0, 3), items), min_size=1, max_size=14)


class Executed:
    """A history on a store: the ids of its jobs, and what each write did.

    Parameters
    ----------
    conn
        A connection to an empty store.
    history
        The writes; each job is registered before the first write, so that older and newer jobs interleave.
    """

    def __init__(self, conn: sj.Connection, history: list[Write]) -> None:
        self.conn = conn
        self.jobs = [conn.register_job(f"job {number}").job_id for number in range(4)]
        #: for each write that did something: the job, and the cells with their new values
        self.effects: list[tuple[int, State]] = []
        #: the series that each job deleted with force
        self.forced: dict[int, int] = {}
        state: State = {}
        for job, item in history:
            answer = conn.raw.post("/series/write", params={"job_id": self.jobs[job]}, data_json={"series": [item]})
            if not answer["responses"][0]["success"]:
                continue  # an older job, or nothing to delete
            after = everything(conn)
            effect = {
                cell: after.get(cell) for cell in {**state, **after} if not same(state.get(cell), after.get(cell))
            }
            self.effects.append((self.jobs[job], effect))
            if item.get("force"):
                self.forced[self.jobs[job]] = self.forced.get(self.jobs[job], 0) + 1
            state = after
        self.state = state

    def without(self, job: int) -> State:
        """What the other jobs alone would have given."""
        state: State = {}
        for by, effect in self.effects:
            if by == job:
                continue
            for cell, value in effect.items():
                series, _, name = cell
                if name is None and value is None:  # the series was deleted, with whatever it had
                    state = {other: old for other, old in state.items() if other[0] != series}
                elif value is None:
                    state.pop(cell, None)
                else:
                    state[cell] = value
                    state[series, None, None] = True
        return state

    def last_writer(self, cell: Cell) -> int | None:
        """The job that changed a cell last."""
        return next((job for job, effect in reversed(self.effects) if cell in effect), None)

    def deletions(self, job: int) -> list[str]:
        """The series that a job deleted, as often as it did so."""
        return [
            cell[0] for by, effect in self.effects if by == job for cell in effect
            if cell[2] is None and effect[cell] is None
        ]  # fmt: skip

    def touched_as_a_whole(self, job: int, series: str) -> bool:
        """Whether another job created or deleted a series, or wrote to it, after this job first did something to it."""
        seen = False
        for by, effect in self.effects:
            concerned = any(cell[0] == series for cell in effect)
            if seen and by != job and concerned:
                return True
            seen = seen or (by == job and concerned)
        return False


def everything(conn: sj.Connection) -> State:
    """All points, fields and reports of a store, without the trash."""
    state: State = {}
    found = list(conn.scroll("", fields="*", max_points=-1, serializer=sj.points_serializers.milli_tuple))
    for series in found:
        _add(state, series["series_id"], None, series)
        state[series["series_id"], None, None] = True
    names = [series["series_id"] for series in found]
    lists = _read(conn, [f"{name}@repdatelist:all" for name in names])
    pairs = [(name, date) for name, dates in zip(names, lists, strict=True) for date, _ in dates.get("points", [])]
    moments = [f"@repdate:1970-01-{1 + date // DAY:02}@repfdate:1970-01-{1 + date // DAY:02}" for _, date in pairs]
    reads = _read(conn, [name + moment for (name, _), moment in zip(pairs, moments, strict=True)])
    for (name, date), series in zip(pairs, reads, strict=True):
        _add(state, name, date, series)
    return state


def _read(conn: sj.Connection, series_ids: list[str]) -> list[dict[str, Any]]:
    if not series_ids:
        return []
    mget = conn.mget()
    for series_id in series_ids:
        name, _, operators = series_id.partition("@")
        mget.get_series(
            f'sid="{name}"@{operators}', fields="*", max_points=-1, serializer=sj.points_serializers.milli_tuple
        )
    return mget.fetch()


def _add(state: State, name: str, report: int | None, series: dict[str, Any]) -> None:
    state |= {(name, report, date): value for date, value in series.get("points", [])}
    state |= {(name, report, field): value for field, value in series.get("fields", {}).items()}


def content(state: State) -> State:
    """A state without the mere existence of series."""
    return {cell: value for cell, value in state.items() if cell[2] is not None}


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, also in their types."""
    return repr(one) == repr(other)

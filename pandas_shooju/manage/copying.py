r"""Copying and moving series, within a server or to another one.

**Planned first.** The series to copy are listed, and their targets are looked up. A target that exists is compared with
its source: it may be the same already, or a copy that was interrupted (it has nothing that the source does not have),
or it has something of its own. The last is a collision, which is an error before anything is written.

**Then carried out**, a few thousand series at a time: what they hold is read, and written as it arrives. A series is
deleted only after the server has confirmed its copy, and after both have been read again and found to be the same.

That is why a copy that failed is completed by running it again: what is there is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.client.servers import local_path
from pandas_shooju.errors import ShoojuError
from pandas_shooju.manage.columns import job_ids, strings
from pandas_shooju.manage.pairs import AT_ONCE, differences
from pandas_shooju.manage.states import Listed, in_batches, look_up, make_visible, parts_of, read
from pandas_shooju.manage.work import Failure, Work, raise_failed, resumable
from pandas_shooju.progress import Progress

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection


@dataclass(slots=True)
class Step:
    """What is done with a series."""

    source: Listed
    target: str
    #: whether the target exists, with reports of its own
    reported: bool = False
    #: ``"copy"``, ``"complete"`` (the target has some of it), ``"replace"``, ``"nothing"`` or ``"collision"``
    action: str = "copy"
    #: the number of points of the series
    points: int = 0


def plan(
    source: Connection,
    target: Connection,
    series: Sequence[tuple[Listed, str]],
    overwrite: bool,
    advance: Callable[[int], object],
) -> list[Step]:
    """What is to be done with each series, given the id of its target."""
    steps = [Step(one, name, points=one.points) for one, name in series]
    if _is_new(target):
        return steps
    for start in range(0, len(steps), AT_ONCE):
        some = steps[start : start + AT_ONCE]
        found = look_up(target.raw, [step.target for step in some])
        existing = [(step, there) for step, there in zip(some, found, strict=True) if there is not None]
        pairs = [(step.source, there) for step, there in existing]
        for (step, there), one in zip(existing, differences(source.raw, target.raw, pairs), strict=True):
            step.reported = there.reported
            if one.same:
                step.action = "nothing"
            elif one.contained:
                step.action = "complete"
            else:
                step.action = "replace" if overwrite else "collision"
        advance(len(some))
    return steps


def _is_new(connection: Connection) -> bool:
    """Whether a connection is to a store that does not exist yet: it is created when it is first written to."""
    path = local_path(connection.server)
    return path is not None and not path.startswith(":memory:") and not Path(path).exists()


def check_collisions(steps: Sequence[Step]) -> None:
    """Check that no target has something of its own.

    Raises
    ------
    ValueError
        One has.
    """
    names = [step.target for step in steps if step.action == "collision"]
    if names:
        raise ValueError(
            f"{len(names):,} of {len(steps):,} series exist at the target with other points or fields, such as "
            f"{names[0]!r}, and nothing was written; compare() shows how they differ, and overwrite=True replaces them"
        )


class Copying:
    """Copies of series.

    Parameters
    ----------
    source, target
        The servers; the same connection for copies within a server.
    name
        The name of the method that the caller called.
    description
        The description of the job, or of the job on each of the servers.
    delete
        Whether to delete each series once its copy is confirmed and compared.
    same_server
        Whether both connections are known to be to the same server.
    """

    def __init__(
        self,
        source: Connection,
        target: Connection,
        name: str,
        description: str,
        *,
        delete: bool = False,
        same_server: bool = False,
    ) -> None:
        self._source = source
        self._target = target
        self._name = name
        self._delete = delete
        self._same_server = same_server
        self.writing = Work(target, description)
        self.deleting = Work(source, description) if delete and source is not target else self.writing

    def carry_out(self, steps: Sequence[Step], bar: Progress) -> None:
        """Do what was planned.

        Raises
        ------
        WriteError
            Some series were refused; the others are done.
        ValueError
            The two servers are one and the same, so that the copies would be deleted.
        """
        to_do = [step for step in steps if self._delete or step.action != "nothing"]
        if not to_do:
            return
        if self._delete and not self._same_server:
            self._check_distinct()
        failed: dict[str, Failure] = {}
        done = 0
        with resumable(self._name, lambda: f"{done:,} of {len(to_do):,} series were done"):
            for start in range(0, len(to_do), AT_ONCE):
                some = to_do[start : start + AT_ONCE]
                self._copy([step for step in some if step.action != "nothing"])
                if self._delete:
                    self._delete_copied(some)
                for step in some:
                    reason = self.writing.failure(step.target)
                    if reason is None and self._delete:
                        reason = self.deleting.failure(step.source.series_id)
                    if reason is not None:
                        failed[step.source.series_id] = reason
                done += len(some)
                bar.advance(len(some), len(to_do))
            self.writing.finish()
            if self.deleting is not self.writing:
                self.deleting.finish()
        raise_failed(self._name, failed, len(to_do))

    def _copy(self, steps: Sequence[Step]) -> None:
        """Read some series, and write them to their targets."""
        for step in steps:
            if step.action == "replace" and step.reported:
                self.writing.delete_reports(step.target)
        parts = parts_of(self._source.raw, [step.source for step in steps])
        pairs = [(step, part) for step, of_one in zip(steps, parts, strict=True) for part in of_one]
        for size, group in in_batches(pairs, lambda pair: pair[1].points):
            states = read(self._source.raw, [part for _, part in group], size)
            for (step, part), state in zip(group, states, strict=True):
                if state is None:
                    self.writing.fail(step.target, "series_not_found", "the series was deleted meanwhile")
                    continue
                own = part.reported_date is None
                if own:
                    step.points = len(state.points)
                points = state.points if len(state.points) else None
                self.writing.write(
                    SeriesWrite(step.target, points, state.fields, part.reported_date),
                    "all" if own and step.action == "replace" else None,
                )
        self.writing.flush()

    def _delete_copied(self, steps: Sequence[Step]) -> None:
        """Read series and their copies again, and delete the series that are equal to their copies."""
        steps = [step for step in steps if self.writing.failure(step.target) is None]
        make_visible(self._target.raw)
        sources = look_up(self._source.raw, [step.source.series_id for step in steps])
        targets = look_up(self._target.raw, [step.target for step in steps])
        pairs = []
        for one, other, step in zip(sources, targets, steps, strict=True):
            if one is not None and other is None:
                self.writing.fail(step.target, "not_copied", "the copy was deleted meanwhile, and the series remains")
            elif one is not None and other is not None:
                pairs.append((one, other))
        for (one, other), found in zip(pairs, differences(self._source.raw, self._target.raw, pairs), strict=True):
            if found.same:
                self.deleting.delete(one.series_id)
            else:
                reason = "the series, or its copy, was written to meanwhile; they differ, and the series remains"
                self.writing.fail(other.series_id, "not_copied", reason)
        self.deleting.flush()

    def _check_distinct(self) -> None:
        """Check that the two connections are not to the same server, where the copies would be the series."""
        job = self.deleting.register()
        path = f"/jobs/{job.job_id}"
        ours, theirs = self._source.raw.get(path).get("job"), None
        with suppress(ShoojuError):
            theirs = self._target.raw.get(path).get("job")
        if isinstance(ours, dict) and ours == theirs:
            job.finish()
            raise ValueError(
                f"to must be another server than that of the series, got {self._target.server}, which has the same "
                "jobs; leave it out to move series within a server"
            )


def copied(
    work: Copying,
    source: Connection,
    target: Connection,
    series: Sequence[tuple[Listed, str]],
    overwrite: bool,
    dry_run: bool,
    words: Mapping[str, str],
    progress: bool | None,
) -> pd.DataFrame:
    """Plan and carry out copies; `words` are the names of actions that differ from those of a copy."""
    with Progress("Looking up", "series", progress) as bar:
        steps = plan(source, target, series, overwrite, lambda number: bar.advance(number, len(series)))
    if not dry_run:
        check_collisions(steps)
        with Progress("Copying", "series", progress) as bar:
            work.carry_out(steps, bar)
    jobs = [work.deleting.job_id if step.action == "nothing" else work.writing.job_id for step in steps]
    if work.deleting is work.writing and "nothing" not in words:
        jobs = [None if step.action == "nothing" else job for step, job in zip(steps, jobs, strict=True)]
    return pd.DataFrame(
        {
            "series_id": strings([step.source.series_id for step in steps]),
            "target": strings([step.target for step in steps]),
            "action": strings([words.get(step.action, step.action) for step in steps]),
            "points": np.array([step.points for step in steps], np.int64),
            "job": job_ids(jobs),
        }
    )

"""Undoing a job: what it replaced is written back under a new job.

Only what the job was the last to write is written back. A point or field that another job has written since is left
alone, and listed. So are points that a job writes which is registered while the undo runs: the server refuses to
overwrite them. It does not protect fields, which are looked at again where it has refused points.
A series that the job created goes to the trash if it has nothing of another job, and a series that the job deleted is
written again as it was, from the trash. The undo is a job like any other: undoing it restores what it removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pandas_shooju import display
from pandas_shooju import query as queries
from pandas_shooju.client import reader
from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.client.job import RemoteJob
from pandas_shooju.client.transport import Client
from pandas_shooju.clocks import to_milliseconds
from pandas_shooju.errors import ConflictError, UndoError
from pandas_shooju.formats import PointColumns
from pandas_shooju.manage.changes import Page, Part, SeriesChanges, differs
from pandas_shooju.manage.comparing import NOTHING, read, report, report_dates
from pandas_shooju.manage.pairs import Difference
from pandas_shooju.manage.rows import Rows
from pandas_shooju.manage.states import State
from pandas_shooju.manage.trash import TRASH
from pandas_shooju.values import same_value

if TYPE_CHECKING:
    from pandas_shooju.manage.record import JobRecord

#: the series of the trash that are read at once, the items of one call, and the calls in flight
_SERIES, _CALL, _WORKERS = 100, 1_000, 4

LEFT_ALONE = "left alone"


@dataclass(frozen=True)
class Undo:
    """What was undone of a job.

    Attributes
    ----------
    undone : int
        The job that was undone.
    job : JobRecord
        The job that wrote back what the other had replaced; ``undo.job.undo()`` undoes the undo.
    points, fields : int
        How many points and fields were written back or removed.
    to_trash, from_trash : int
        How many series were moved to the trash, and written again from there.
    left_alone : DataFrame
        What was not written back because another job wrote it since; the columns are those of a dry run.
    """

    undone: int
    job: JobRecord
    points: int
    fields: int
    to_trash: int
    from_trash: int
    left_alone: pd.DataFrame = field(repr=False, compare=False)

    def __str__(self) -> str:
        """What was done, in a sentence."""
        done = [
            *_counted(self.points, "point"),
            *_counted(self.fields, "field"),
            *([f"{self.to_trash:,} series to the trash"] if self.to_trash else []),
            *([f"{self.from_trash:,} series from the trash"] if self.from_trash else []),
        ]
        text = f"job {self.undone} was undone by job {self.job.id}: {', '.join(done) or 'nothing to restore'}"
        for left in _counted(len(self.left_alone), "change"):
            text += f"; {left} left alone, because other jobs wrote there since"
        return text

    def __repr__(self) -> str:
        return f"<Undo: {self}>"

    def _repr_html_(self) -> str:
        facts = [
            (
                "written back",
                ", ".join([*_counted(self.points, "point"), *_counted(self.fields, "field")]) or "nothing",
            ),
            ("to the trash", display.counted(self.to_trash, "series", "series") if self.to_trash else None),
            ("from the trash", display.counted(self.from_trash, "series", "series") if self.from_trash else None),
            ("by", f"job {self.job.id}, which undoes this: undo.job.undo()"),
            ("left alone", ", ".join(_counted(len(self.left_alone), "change")) or None),
        ]
        return display.card(f"Undo of job {self.undone}", facts)


class Undoing:
    """An undo under way.

    Parameters
    ----------
    client
        The client to read with.
    undone
        The id of the job to undo.
    job
        The job to write under; None for a dry run.
    """

    def __init__(self, client: Client, undone: int, job: RemoteJob | None) -> None:
        self._client = client
        self._undone = undone
        self._job = job
        self._rows = Rows(("now", "restored"), "action", jobs=True)
        self._deleted = _deleted_by(client, undone)
        #: of the series that the job deleted, those that there are again: whether all of it is the job's own
        self._again: dict[str, bool] = {}
        #: the series that the job deleted and others have replaced in the trash: they are listed, and left alone
        self._lost: set[str] = set()
        self._in_trash: list[SeriesChanges] = []
        #: the values of the fields that are being replaced, by series and report date
        self._seen: dict[tuple[str, int | None], dict[str, Any]] = {}
        self.points = self.fields = self.to_trash = self.from_trash = 0

    @staticmethod
    def check(undone: int, pages: Iterable[Page]) -> None:
        """Refuse to undo a job that deleted series for good; the first pages of its changes say so.

        Raises
        ------
        UndoError
            It did.
        """
        own: list[str] = []
        for page in pages:
            own += [one.series_id for one in page.lost if one.job == undone]
            if page.series:
                break
        if own:
            raise UndoError(
                f"job {undone} cannot be undone: it deleted {len(own):,} series for good, such as {own[0]!r}"
            )

    @property
    def rows(self) -> pd.DataFrame:
        """What was or would be done (after a dry run), or what was left alone."""
        return self._rows.frame()

    def page(self, page: Page) -> None:
        """Undo the changes of some series, other than those in the trash."""
        self.check(self._undone, [page])
        for one in page.lost:
            self._lost.add(queries.id_key(one.series_id))
            self._leave(one.series_id, one.job)
        writes: list[SeriesWrite] = []
        trash: list[str] = []
        self._seen.clear()
        for series in page.series:
            key = queries.id_key(series.original_id)
            if key in self._lost:
                continue
            if series.trashed:
                self._in_trash.append(series)
            elif key in self._deleted:
                self._again[key] = series.own
            elif series.own:
                trash.append(series.series_id)
            else:
                writes += self._restored(series)
        self._to_trash(trash)
        self._write(writes)

    def finish(self) -> None:
        """Undo what the job did to series that are in the trash now."""
        for start in range(0, len(self._in_trash), _SERIES):
            again: list[str] = []
            restore: list[SeriesChanges] = []
            for series in self._in_trash[start : start + _SERIES]:
                key = queries.id_key(series.original_id)
                if key not in self._deleted or series.deleted_by[-1:] != [self._undone]:
                    # there was no series before a job that created it, and there is none now
                    if (series.parts and not series.created) or self._undone in series.deleted_by:
                        self._leave(series.series_id, series.deleted_by[-1] if series.deleted_by else None)
                elif not series.own:
                    restore.append(series)
                elif self._again.get(key):  # created twice, and deleted once
                    again.append(series.original_id)
                elif key in self._again:
                    self._leave(series.original_id)
            self._to_trash(again)
            self._from_trash(restore)

    # --- what to write back ---

    def _leave(self, series_id: str, job: int | None = None) -> None:
        self._rows.whole(LEFT_ALONE, series_id, job)

    def _restored(self, series: SeriesChanges) -> Iterator[SeriesWrite]:
        """The writes that undo the changes of a series."""
        for part in series.parts:
            wanted = differs(part.new, part.old) & differs(part.now, part.old)
            mine = part.jobs == self._undone
            for word, which in (
                ("remove", wanted & mine & np.isnan(part.old)),
                ("restore", wanted & mine & ~np.isnan(part.old)),
                (LEFT_ALONE, wanted & ~mine),
            ):
                if word == LEFT_ALONE or self._job is None:
                    self._rows.points(
                        word, series.series_id, part.reported_date, part.dates[which], part.now[which],
                        part.old[which], jobs=part.jobs[which],
                    )  # fmt: skip
            fields = {}
            for one in part.fields:
                if same_value(one.new, one.old) or same_value(one.now, one.old):
                    continue
                word = LEFT_ALONE if one.job != self._undone else "remove" if one.old is None else "restore"
                if word != LEFT_ALONE:
                    fields[one.name] = one.old
                    self._seen.setdefault((queries.id_key(series.series_id), part.reported_date), {})[one.name] = (
                        one.now
                    )
                if word == LEFT_ALONE or self._job is None:
                    self._rows.field(
                        word, series.series_id, part.reported_date, one.name, one.now, one.old, job=one.job
                    )
            back = wanted & mine
            if back.any() or fields:
                points = PointColumns(part.dates[back], part.old[back]) if back.any() else None
                yield SeriesWrite(series.series_id, points, fields, part.reported_date)

    def _from_trash(self, found: list[SeriesChanges]) -> None:
        """Write series again as they were before the job changed and deleted them."""
        held = self._held(found)
        # a dry run does not read what nothing is compared with
        read_now = [one.series_id for one in found if self._job is not None or queries.id_key(one.original_id) in held]
        states = dict(zip(read_now, _whole(self._client, read_now), strict=True))
        fresh: list[SeriesWrite] = []
        for series in found:
            key = queries.id_key(series.original_id)
            wanted = self._wanted(series, states.get(series.series_id, {}))
            if key in held:
                difference = Difference()
                for date in {**wanted, **held[key]}:
                    difference.note(date, wanted.get(date), held[key].get(date))
                if not difference.contained:
                    self._leave(series.original_id)
                if difference.same or not difference.contained:
                    continue
            self.from_trash += 1
            writes = [SeriesWrite(series.original_id, *state, date) for date, state in wanted.items()]
            if self._job is None:
                self._rows.whole("from trash", series.original_id)
            elif self._again.get(key):
                self._replace(series.original_id, writes)
            else:
                fresh += writes
        self._write(fresh)

    def _held(self, found: list[SeriesChanges]) -> dict[str, Mapping[int | None, State]]:
        """What is held by those of the series that there are again, and that are not the job's own.

        An undo that was interrupted has written some of it, which is completed; anything else is left alone.
        """
        ids = [one.original_id for one in found if not self._again.get(queries.id_key(one.original_id))]
        there = read(self._client, ids, points=False)
        ids = [series_id for series_id, state in zip(ids, there, strict=True) if state is not None]
        return dict(zip(map(queries.id_key, ids), _whole(self._client, ids), strict=True))

    def _wanted(self, series: SeriesChanges, states: Mapping[int | None, State]) -> dict[int | None, State]:
        """What a series and its reports had before the job; reports that had nothing are left out."""
        parts = {part.reported_date: part for part in series.parts}
        before = {date: self._before(states.get(date, NOTHING), parts.get(date)) for date in {**states, **parts}}
        return {date: state for date, state in before.items() if date is None or len(state.points) or state.fields}

    def _before(self, state: State, part: Part | None) -> State:
        """A state without what the job wrote."""
        points, fields = state
        if part is None:
            return State(PointColumns(points.dates, points.values), fields)
        mine = part.jobs == self._undone
        kept = ~np.isin(points.dates, part.dates[mine])
        back = mine & ~np.isnan(part.old)
        dates = np.concatenate((points.dates[kept], part.dates[back]))
        values = np.concatenate((points.values[kept], part.old[back]))
        order = np.argsort(dates, kind="stable")
        fields = fields | {one.name: one.old for one in part.fields if one.job == self._undone}
        present = {name: value for name, value in fields.items() if value is not None}
        return State(PointColumns(dates[order], values[order]), present)

    # --- writing ---

    def _to_trash(self, series_ids: Sequence[str]) -> None:
        self.to_trash += len(series_ids)
        if self._job is None:
            for series_id in series_ids:
                self._rows.whole("to trash", series_id)
        elif series_ids:
            for series_id in series_ids:
                self._job.delete_series(queries.series(series_id))
            self._job.submit(batch_size=_CALL, workers=_WORKERS)

    def _replace(self, series_id: str, writes: list[SeriesWrite]) -> None:
        """Replace everything that a series has."""
        assert self._job is not None
        self._job.delete_reported(queries.series(series_id), delete_all=True)
        self._job.enqueue(writes[:1], remove_others="all")
        self._job.enqueue(writes[1:])
        self._job.submit(batch_size=_CALL, workers=_WORKERS)
        self._count(writes)

    def _write(self, writes: list[SeriesWrite]) -> None:
        job = self._job
        if job is None:
            return
        while writes:
            job.enqueue(writes)
            try:
                job.submit(batch_size=_CALL, workers=_WORKERS)
            except ConflictError as error:
                others = job.failed
                if error.failed is None or error.conflicts is None or (others["error"] != "already_exists").any():
                    raise
                waiting = {queries.id_key(series_id) for series_id in job.pending_frame().index}
                job.discard()
                again = [one for one in writes if queries.id_key(one.series_id) in waiting]
                self._count(one for one in writes if queries.id_key(one.series_id) not in waiting)
                writes = self._give_way(again, error.conflicts)
            else:
                self._count(writes)
                break

    def _give_way(self, writes: list[SeriesWrite], conflicts: pd.DataFrame) -> list[SeriesWrite]:
        """Leave to newer jobs what they have written since it was read."""
        found: dict[tuple[str, int | None], tuple[Any, Any]] = {}
        for (series_id, moment), group in conflicts.groupby(["series_id", "reported_date"], dropna=False):
            date = None if pd.isna(moment) else int(to_milliseconds(pd.DatetimeIndex([moment]))[0])
            dates = to_milliseconds(pd.DatetimeIndex(group["date"]))
            found[queries.id_key(series_id), date] = dates, group["job"].to_numpy(np.int64)
        remaining = []
        for write in writes:
            dates, jobs = found.get((queries.id_key(write.series_id), write.reported_date), ((), ()))
            points = write.points
            if points is not None and len(dates):
                theirs = np.isin(points.dates, dates)
                by = dict(zip(dates.tolist(), jobs.tolist(), strict=True))
                self._rows.points(
                    LEFT_ALONE, write.series_id, write.reported_date, points.dates[theirs],
                    np.full(int(theirs.sum()), np.nan), points.values[theirs],
                    jobs=np.array([by[date] for date in points.dates[theirs].tolist()], np.int64),
                )  # fmt: skip
                points = points[~theirs]
            remaining.append(write._replace(points=points))
        remaining = list(self._with_fields_as_seen(remaining))
        return [write for write in remaining if write.fields or (write.points is not None and len(write.points))]

    def _with_fields_as_seen(self, writes: list[SeriesWrite]) -> Iterator[SeriesWrite]:
        """The writes without fields that others have written since they were read."""
        names = [
            write.series_id if write.reported_date is None else report(write.series_id, write.reported_date)
            for write in writes
        ]
        for write, state in zip(writes, read(self._client, names, points=False), strict=True):
            there = {} if state is None else state.fields
            seen = self._seen.get((queries.id_key(write.series_id), write.reported_date), {})
            theirs = {name for name in write.fields if not same_value(there.get(name), seen.get(name))}
            for name in theirs:
                self._rows.field(
                    LEFT_ALONE, write.series_id, write.reported_date, name, there.get(name), write.fields[name]
                )
            yield write._replace(fields={name: value for name, value in write.fields.items() if name not in theirs})

    def _count(self, writes: Iterable[SeriesWrite]) -> None:
        for write in writes:
            self.points += 0 if write.points is None else len(write.points)
            self.fields += len(write.fields)


def _counted(number: int, word: str) -> list[str]:
    return [f"{number:,} {word}{'s' * (number != 1)}"] if number else []


def _deleted_by(client: Client, job: int) -> set[str]:
    """The keys of the series that a job moved to the trash, where they still are."""
    found = set()
    asked = reader.parameters(fields=["meta.job_deleted"])
    for page in reader.pages(client, f"meta.job_deleted={job}", asked, batch_size=10_000, parse=reader.as_items):
        for item in page.items():
            if (item.get("fields") or {}).get("meta.job_deleted", [job])[-1:] == [job]:
                found.add(queries.id_key(str(item["series_id"])[len(TRASH) :]))
    return found


def _whole(client: Client, series_ids: list[str]) -> list[Mapping[int | None, State]]:
    """Everything that series have, and their reports by report date."""
    found: list[dict[int | None, State]] = [{None: state or NOTHING} for state in read(client, series_ids)]
    dates = report_dates(client, series_ids)
    pairs = [(at, date) for at, of_one in enumerate(dates) for date in of_one]
    names = [report(series_ids[at], date) for at, date in pairs]
    for (at, date), state in zip(pairs, read(client, names) if names else [], strict=True):
        found[at][date] = state or NOTHING
    return list(found)

r"""What a job did, asked of a server that does not tell it in one place.

Points and fields are asked for by ``diff_job_id``. Where the server does not answer that, and for reports, what was
there when the job was registered (``@asof:`` and the moment) is compared with what was there after its last write
(``@asof:j17``). A comparison cannot tell apart what another job deleted meanwhile, or wrote and deleted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pandas_shooju import query as queries
from pandas_shooju.client import reader, validation
from pandas_shooju.client.transport import Client
from pandas_shooju.clocks import to_datetime
from pandas_shooju.errors import ShoojuApiError, ShoojuFormatError, series_exists
from pandas_shooju.formats import PointColumns
from pandas_shooju.formats.columns import Float64Array, Int64Array
from pandas_shooju.formats.table import values_of
from pandas_shooju.manage.changes import FieldChange, Page, Part, SeriesChanges, differs
from pandas_shooju.manage.states import State
from pandas_shooju.manage.trash import TRASH
from pandas_shooju.values import same_value

#: the series that are compared at once, and the length of their ids in a URL
_SERIES, _LETTERS = 250, 4_000


NOTHING = State(PointColumns.empty(jobs=True), {})


def pages(client: Client, job: int, registered: int, *, now: bool) -> Iterator[Page]:
    """The changes of a job.

    Parameters
    ----------
    client
        The client to ask with.
    job, registered
        The job's id, and when it was registered (milliseconds).
    now
        Whether to read what the points and fields are now, and who wrote them.
    """
    comparing = _Comparing(client, job, registered, now)
    for ids in _batches(_written(client, job)):
        yield Page(comparing.series(ids), [])


def read(client: Client, series_ids: Sequence[str], *, points: bool = True) -> list[State | None]:
    """Points with their jobs, and fields, of series by their ids, which may have operators; None if there is none."""
    asked = reader.parameters(fields="*", max_points=-1 if points else 0, include_job=True)
    found: list[State | None] = []
    for document in reader.bulk(client, series_ids, asked, key="series_ids", parse=reader.as_items):
        for item in validation.series_items(document):
            if not series_exists(item if item.get("error") else None, series_ids[len(found)]):
                found.append(None)
                continue
            state = State(item.get("points") or NOTHING.points, item.get("fields") or {})
            if state.points.jobs is None:
                raise ShoojuFormatError("the response must contain the requested jobs of points, but it does not")
            found.append(state)
    return found


def report_dates(client: Client, series_ids: Sequence[str]) -> list[list[int]]:
    """The report dates of series (milliseconds)."""
    lists = read(client, [f"{series_id}@repdatelist:all" for series_id in series_ids])
    return [[] if found is None else found.points.dates.tolist() for found in lists]


def report(series_id: str, date: int) -> str:
    """The series id by which the points and fields of a report are read."""
    moment = to_datetime(date).isoformat()
    return f"{series_id}@repdate:{moment}@repfdate:{moment}"


def _written(client: Client, job: int) -> dict[str, list[int]]:
    """The series that a job wrote and that still exist, with the jobs that deleted those in the trash."""
    found: dict[str, list[int]] = {}
    for page in reader.pages(client, f"job:{job}", reader.parameters(), batch_size=10_000):
        found |= {series_id: [] for series_id in values_of(page.series.series_ids)}
    in_trash = f"{queries.under(TRASH[:-1])} job:{job}"
    asked = reader.parameters(fields=["meta.job_deleted"])
    for page in reader.pages(client, in_trash, asked, batch_size=10_000, parse=reader.as_items):
        for item in page.items():
            deleted_by = (item.get("fields") or {}).get("meta.job_deleted")
            found[item["series_id"]] = deleted_by if isinstance(deleted_by, list) else []
    return found


def _batches(found: dict[str, list[int]]) -> Iterator[dict[str, list[int]]]:
    batch: dict[str, list[int]] = {}
    letters = 0
    for series_id, deleted_by in found.items():
        length = len(series_id.encode()) + 10
        if batch and (len(batch) == _SERIES or letters + length > _LETTERS):
            yield batch
            batch, letters = {}, 0
        batch[series_id] = deleted_by
        letters += length
    if batch:
        yield batch


class _Comparing:
    def __init__(self, client: Client, job: int, registered: int, now: bool) -> None:
        self._client = client
        self._job = job
        self._before = f"@asof:{to_datetime(registered).isoformat()}"
        self._after = f"@asof:j{job}"
        self._now = now
        self._has_differences = True

    def series(self, batch: dict[str, list[int]]) -> list[SeriesChanges]:
        ids = list(batch)
        own = self._differences(ids) if self._has_differences else None
        if own is None:
            self._has_differences = False
            before, after = self._both(ids)
            own = [self._part(None, *states) for states in zip(before, after, strict=True)]
        else:
            before = read(self._client, [series_id + self._before for series_id in ids], points=False)
        reports = self._reports(ids)
        now = read(self._client, ids) if self._now else [None] * len(ids)
        dates_now = report_dates(self._client, ids) if self._now else [[] for _ in ids]
        found = []
        for at, (series_id, deleted_by) in enumerate(batch.items()):
            parts = [own[at], *reports[at]]
            shared = False
            if (state := now[at]) is not None:
                parts[0] = self._with_now(parts[0], state)
                shared = self._is_shared(parts, state, dates_now[at])
            parts = [part for part in parts if len(part.dates) or part.fields]
            found.append(SeriesChanges(series_id, before[at] is None, deleted_by, shared, parts))
        return found

    def _differences(self, ids: list[str]) -> list[Part] | None:
        """What the job did to the series themselves; None if the server does not answer ``diff_job_id``."""
        params = {
            "query": f"sid=({','.join(map(queries.quote, ids))})",
            "diff_job_id": self._job,
            "diff_points_only": "y",
            "date_format": "milli",
            **{"df": "MIN", "dt": "MAX", "max_points": -1, "fields": "*", "per_page": len(ids)},
        }
        try:
            items = self._client.get("/series", params=params).get("series")
        except ShoojuApiError:
            return None
        if not isinstance(items, list) or not all(_is_difference(item) for item in items):
            return None
        parts = {}
        for item in items:
            rows = item.get("points") or []
            fields = _fields(item["fields_previous"], item.get("fields") or {})
            dates = np.array([row[0] for row in rows], np.int64)
            new, old = (np.array([row[at] for row in rows], np.float64) for at in (1, 2))
            parts[queries.id_key(item["series_id"])] = self._unread(None, dates, new, old, fields)
        if missing := [series_id for series_id in ids if queries.id_key(series_id) not in parts]:
            raise ShoojuFormatError(f"the difference of job {self._job} must contain {missing[0]!r}, but it does not")
        return [parts[queries.id_key(series_id)] for series_id in ids]

    def _both(self, names: list[str], operators: str = "") -> tuple[list[State | None], list[State | None]]:
        before = read(self._client, [name + self._before + operators for name in names])
        after = read(self._client, [name + self._after + operators for name in names])
        return before, after

    def _reports(self, ids: list[str]) -> list[list[Part]]:
        """What the job did to the reports of each series."""
        before, after = self._both(ids, "@repdatelist:all")
        pairs = []
        for at, states in enumerate(zip(before, after, strict=True)):
            dates = {date for state in states if state is not None for date in state.points.dates.tolist()}
            pairs += [(at, date) for date in sorted(dates)]
        found: list[list[Part]] = [[] for _ in ids]
        if not pairs:
            return found
        then = [report(ids[at] + self._before, date) for at, date in pairs]
        since = [report(ids[at] + self._after, date) for at, date in pairs]
        read_both = zip(pairs, read(self._client, then), read(self._client, since), strict=True)
        parts = [(at, self._part(date, old, new)) for (at, date), old, new in read_both]
        parts = [(at, part) for at, part in parts if len(part.dates) or part.fields]
        if self._now:
            names = [report(ids[at], part.reported_date or 0) for at, part in parts]
            now = read(self._client, names) if names else []
            parts = [(at, self._with_now(part, state or NOTHING)) for (at, part), state in zip(parts, now, strict=True)]
        for at, part in parts:
            found[at].append(part)
        return found

    def _part(self, reported_date: int | None, before: State | None, after: State | None) -> Part:
        """What changed between two states, as far as the job wrote it."""
        before, after = before or NOTHING, after or NOTHING
        dates = np.union1d(before.points.dates, after.points.dates)
        old, new = _at(dates, before.points), _at(dates, after.points)
        assert after.points.jobs is not None
        written = np.isin(dates, after.points.dates[after.points.jobs == self._job])
        concerned = differs(old, new) & (written | np.isnan(new))
        fields = _fields(before.fields, after.fields)
        return self._unread(reported_date, dates[concerned], new[concerned], old[concerned], fields)

    def _unread(
        self,
        reported_date: int | None,
        dates: Int64Array,
        new: Float64Array,
        old: Float64Array,
        fields: list[FieldChange],
    ) -> Part:
        """A part without what there is now."""
        nothing = np.full(len(dates), np.nan)
        return Part(reported_date, dates, new, old, nothing, np.zeros(len(dates), np.int64), fields)

    def _with_now(self, part: Part, state: State) -> Part:
        """A part with what there is now.

        If a point is missing now, the job is taken to have deleted it if that was its last write.
        """
        now = _at(part.dates, state.points)
        assert state.points.jobs is not None
        jobs = np.where(np.isnan(part.new), self._job, -1)
        there = ~np.isnan(now)
        jobs[there] = state.points.jobs[np.searchsorted(state.points.dates, part.dates[there])]
        fields = []
        for field in part.fields:
            value = state.fields.get(field.name)
            fields.append(field._replace(now=value, job=self._job if same_value(value, field.new) else None))
        return part._replace(now=now, jobs=jobs, fields=fields)

    def _is_shared(self, parts: list[Part], state: State, dates: list[int]) -> bool:
        """Whether a series has something that the job did not write."""
        assert state.points.jobs is not None
        if bool((state.points.jobs != self._job).any()):
            return True
        if set(state.fields) - {field.name for field in parts[0].fields if field.job == self._job}:
            return True
        own = {
            part.reported_date
            for part in parts[1:]
            if (part.jobs == self._job).all() and all(field.job == self._job for field in part.fields)
        }
        return not set(dates) <= own


def _is_difference(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("series_id"), str)
        and isinstance(item.get("fields_previous"), dict)
        and isinstance(item.get("points") or [], list)
        and all(isinstance(row, list) and len(row) == 4 for row in item.get("points") or [])
    )


def _at(dates: Int64Array, points: PointColumns) -> Float64Array:
    """The values at some dates, NaN where there is none."""
    values = np.full(len(dates), np.nan)
    there = np.isin(dates, points.dates)
    values[there] = points.values[np.searchsorted(points.dates, dates[there])]
    return values


def _fields(old: dict[str, Any], new: dict[str, Any]) -> list[FieldChange]:
    """The fields that differ."""
    return [
        FieldChange(name, new.get(name), old.get(name), None, None)
        for name in {**old, **new}
        if not same_value(old.get(name), new.get(name))
    ]

r"""Refreshing a mirror: what has changed on the account, and reading it.

**What has changed** since the last refresh is asked of the account in a few requests, whatever the size of the mirror:
the jobs that have written since (``GET /jobs``), the series that these jobs touched (``job:(17,18)``), and, for writes
without a job or where jobs cannot be listed, the series with a new ``meta.updated_at``. These are read again, as a
whole. After that the mirror has at least the series of the account, so that it has exactly those if the numbers are
equal; otherwise all ids are listed, and what is gone is removed. Numbers are not compared for a query with ``<`` or
``>``, which may find other series as time goes by: its ids are always listed.

**Moments.** Times are those of the account. A job counts as seen if it is finished, or if the account has jobs that
wrote `_SETTLED` later; otherwise its series are read again by the next refresh, because a write that was in progress
may have become visible since.

**Nothing half-written is believed.** The ids to be read are noted in the mirror. Each request of series that arrives
is stored, and taken off that list, in one transaction. What a refresh has seen of jobs counts when the list is empty,
and so does its age. A copy or a refresh that was interrupted goes on with the list; until its first copy is complete,
a mirror cannot be read.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pandas_shooju import query as queries
from pandas_shooju.client import reader, validation
from pandas_shooju.client.connection import Connection
from pandas_shooju.client.options import options
from pandas_shooju.clocks import to_datetime
from pandas_shooju.errors import ShoojuApiError, series_exists
from pandas_shooju.formats.table import values_of
from pandas_shooju.manage.states import MANY_POINTS, in_batches
from pandas_shooju.manage.supported import where_supported
from pandas_shooju.progress import Progress

#: milliseconds by which the newest job must be newer than the last write of an unfinished one, for it to count as seen
_SETTLED = 10_000
#: milliseconds before the newest job that was seen in which others may turn up: the clocks of a service differ
_OVERLAP = 600_000
#: seconds between asking what has changed and reading it: a later write has a later time (milliseconds)
_PAUSE = 0.005

#: jobs on a page of their list, and in one search
_JOBS, _JOBS_IN_QUERY = 1_000, 400
#: series on a page of ids, and of those that are yet to be read
_PAGE = 10_000
_META = ("meta.updated_at", "meta.job", "meta.created_at", "meta.reppdates_max", "meta.repfdates_max")


class _Todo(NamedTuple):
    """A series that is yet to be read."""

    number: int
    series_id: str
    #: about how many points it has
    points: int


class Refreshing:
    """A copy or a refresh: what to read is planned, and then carried out.

    `state` is kept in the mirror: its ``seen`` is what the last refresh has seen of the account, and its ``plan`` is
    what this one has, with ``listed`` once all series to read are noted.
    """

    def __init__(self, source: Connection, store: Connection, held: dict[str, Any], bar: Progress) -> None:
        self._source = source.raw
        self._store = store.raw
        self._bar = bar
        self._version: int = held["version"]
        self._complete: bool = held["complete"]
        self._state: dict[str, Any] = held["state"]
        self._query: str = self._state["query"]
        self._listed_jobs: list[dict[str, Any]] = []
        self.read = 0
        self.deleted = 0

    @property
    def planned(self) -> bool:
        """Whether there is a plan, of a refresh that was interrupted."""
        return bool((self._state["plan"] or {}).get("listed"))

    # --- what to read ---

    def plan(self) -> None:
        """Note what has changed since the last refresh: everything, for the first one."""
        self._store.delete("/mirror/todo", data_json={"version": self._version})
        began = time.time_ns() // 1_000_000
        seen = self._state["seen"]
        jobs_at, jobs = self._jobs((seen or {}).get("jobs_at"))
        # searches must find what these jobs wrote; where this is not allowed, they do after a moment
        with contextlib.suppress(ShoojuApiError):
            self._source.post("/series/refresh", data_json={})
        series_at = (seen or {}).get("series_at")
        newest = _newest(self._source, _both(self._query, _since(series_at)))
        plan = {
            "began": began,
            "listed": False,
            "jobs_at": jobs_at,
            "series_at": series_at if newest is None else newest,
        }
        plan["jobs"] = None if jobs is None or jobs_at is None else _settled(jobs, jobs_at)
        self._state["plan"] = plan
        for page in self._changed(seen, jobs):
            self._change(todo=page)
        time.sleep(_PAUSE)
        plan["listed"] = True
        self._change()

    def _jobs(self, since: int | None) -> tuple[int | None, list[dict[str, Any]] | None]:
        """When the newest job was written to, and the jobs of the time since the last refresh.

        The jobs are None if the server does not list them.
        """
        with where_supported():
            if since is None:
                newest = self._source.get("/jobs", params={"sort": "created_at desc", "per_page": 100, "page": 1})
                moments = [job["updated_at"] or 0 for job in validation.jobs(newest)]
                if not moments:
                    return None, []
                since = max(moments)
            params = {"query": f"updated_at>={since - _OVERLAP}", "sort": "created_at desc", "per_page": _JOBS}
            jobs: dict[int, dict[str, Any]] = {}
            page = 1
            while True:
                results = validation.jobs(self._source.get("/jobs", params={**params, "page": page}))
                jobs |= {job["id"]: job for job in results}
                if len(results) < _JOBS:
                    break
                page += 1
            self._listed_jobs = list(jobs.values())
            return max([since, *(job["updated_at"] or 0 for job in jobs.values())]), self._listed_jobs
        return None, None

    def _changed(
        self, seen: dict[str, Any] | None, jobs: list[dict[str, Any]] | None
    ) -> Iterator[list[tuple[str, int]]]:
        """The series to read, in pages: ids, and about how many points each has."""
        if seen is None:
            yield from self._search(self._query)
            return
        by_jobs = jobs is not None and seen["jobs"] is not None
        if not by_jobs and seen["series_at"] is None and self._count():
            # nothing tells what has changed
            yield from self._search(self._query)
            return
        known: set[str] = set()
        if by_jobs:
            new = [job["id"] for job in jobs or () if seen["jobs"].get(str(job["id"])) != (job["updated_at"] or 0)]
            for start in range(0, len(new), _JOBS_IN_QUERY):
                of_jobs = ",".join(map(str, sorted(new)[start : start + _JOBS_IN_QUERY]))
                yield from self._search(_both(self._query, f"job:({of_jobs})"), known)
        if seen["series_at"] is not None or not by_jobs:
            yield from self._search(_both(self._query, _since(seen["series_at"])), known, without_job=by_jobs)

    def _search(
        self, query: str, known: set[str] | None = None, *, without_job: bool = False
    ) -> Iterator[list[tuple[str, int]]]:
        """The series that a query finds and that are not `known`; on request only those last written without a job."""
        asked = reader.parameters(fields=["meta.points_count", *(["meta.job"] if without_job else [])])
        for page in reader.pages(self._source, query, asked, batch_size=_PAGE, parse=reader.as_items):
            found = []
            for item in validation.series_items(page):
                if not series_exists(item if item.get("error") else None, query):
                    continue
                fields, series_id = item.get("fields") or {}, item["series_id"]
                if without_job and fields.get("meta.job"):
                    continue
                key = queries.id_key(series_id)
                if known is None or key not in known:
                    found.append((series_id, int(fields.get("meta.points_count") or 0)))
                    if known is not None:
                        known.add(key)
            if found:
                yield found

    def _ids(self) -> Iterator[str]:
        """The ids of all series that the query finds."""
        for page in reader.pages(self._source, self._query, reader.parameters(), batch_size=_PAGE):
            for failed in page.failed.values():
                series_exists(failed, self._query)
            yield from values_of(page.series.series_ids)

    def _count(self) -> int:
        """How many series the query finds."""
        return validation.total(self._source.get("/series", params={"query": self._query, "per_page": 0}))

    # --- reading it ---

    def carry_out(self) -> None:
        """Read what is planned, remove what is gone, and note that the mirror is up to date."""
        self._read()
        held = self._store.get("/mirror")["mirror"]["series"]
        gone: list[str] = []
        if held != self._count() or any(sign in queries.without_quoted(self._query) for sign in "<>"):
            there = {queries.id_key(series_id): series_id for series_id in self._ids()}
            for series_id in self._store.get("/mirror/ids")["series_ids"]:
                if there.pop(queries.id_key(series_id), None) is None:
                    gone.append(series_id)
            if there:
                self._change(todo=[(series_id, MANY_POINTS) for series_id in there.values()])
                self._read()
        plan = self._state["plan"]
        self._state["seen"] = {name: plan[name] for name in ("jobs_at", "jobs", "series_at")}
        self._state["refreshed_at"], self._state["plan"], self._complete = plan["began"], None, True
        self._change(gone=gone, jobs=self._jobs_held())

    def _read(self) -> None:
        """Read the series that are noted in the mirror."""
        asked = reader.parameters(
            fields=["*", *_META], df="MIN", dt="MAX", max_points=-1, include_job=True, include_timestamp=True
        )
        total = self.read + int(self._store.get("/mirror")["mirror"]["todo"])
        while page := self._store.get("/mirror/todo", params={"per_page": _PAGE})["todo"]:
            for size, series in in_batches([_Todo(*one) for one in page], lambda todo: todo.points):
                wanted = [queries.series(one.series_id) for one in series]
                at = 0
                for document in reader.bulk(self._source, wanted, asked, batch_size=size, parse=reader.as_items):
                    self._store_batch(series[at : at + document.count], document.items(), size)
                    at += document.count
                    self._bar.advance(document.count, total)

    def _store_batch(self, series: Sequence[_Todo], found: Sequence[dict[str, Any]], size: int) -> None:
        plain: list[tuple[_Todo, list[dict[str, Any]]]] = []
        reported: list[tuple[_Todo, dict[str, Any]]] = []
        gone = []
        for one, item in zip(series, found, strict=True):
            if not _exists(item, one):
                gone.append(one)
                continue
            fields = item.get("fields") or {}
            meta = {name: fields.pop(name, None) for name in _META}
            entry = {
                "series_id": one.series_id, "number": one.number, "fields": fields, "job": meta["meta.job"],
                "updated_at": meta["meta.updated_at"], "created_at": meta["meta.created_at"],
                **_points_of(item),
            }  # fmt: skip
            if meta["meta.reppdates_max"] is None and meta["meta.repfdates_max"] is None:
                plain.append((one, [entry]))
            else:
                reported.append((one, entry))
        if plain or gone:
            self._write(plain, gone)
        for group in self._with_reports(reported, size):
            self._write(group, [])

    def _with_reports(
        self, series: Sequence[tuple[_Todo, dict[str, Any]]], size: int
    ) -> Iterator[list[tuple[_Todo, list[dict[str, Any]]]]]:
        """Series, each with all of its reports, in groups of about as many reports as one request reads."""
        lists = [queries.series(one.series_id).operator("repdatelist", "all") for one, _ in series]
        asked = reader.parameters(df="MIN", dt="MAX", max_points=-1)
        items = [
            item
            for document in reader.bulk(self._source, lists, asked, parse=reader.as_items)
            for item in document.items()
        ]
        dates = [_dates_of(item, one) for item, (one, _) in zip(items, series, strict=True)]
        start = 0
        while start < len(series):
            stop, reports = start + 1, len(dates[start])
            while stop < len(series) and reports + len(dates[stop]) <= reader.MAX_BULK:
                reports += len(dates[stop])
                stop += 1
            yield self._reports(series[start:stop], dates[start:stop], size)
            start = stop

    def _reports(
        self, series: Sequence[tuple[_Todo, dict[str, Any]]], dates: Sequence[list[int]], size: int
    ) -> list[tuple[_Todo, list[dict[str, Any]]]]:
        wanted = [
            queries.series(one.series_id).repdate(to_datetime(date)).repfdate(to_datetime(date))
            for (one, _), of_one in zip(series, dates, strict=True)
            for date in of_one
        ]
        asked = reader.parameters(
            fields="*", df="MIN", dt="MAX", max_points=-1, include_job=True, include_timestamp=True
        )
        documents = reader.bulk(self._source, wanted, asked, batch_size=size, parse=reader.as_items)
        found = (item for document in documents for item in document.items())
        group = []
        for (one, entry), of_one in zip(series, dates, strict=True):
            entries = [entry]
            for date, item in zip(of_one, found, strict=False):
                if not _exists(item, one):  # deleted at this moment, which the next refresh finds
                    continue
                fields = item.get("fields") or {}
                entries.append(
                    {"series_id": one.series_id, "reported_date": date, "fields": fields, **_points_of(item)}
                )
            group.append((one, entries))
        return group

    def _write(self, group: Sequence[tuple[_Todo, list[dict[str, Any]]]], gone: Sequence[_Todo]) -> None:
        """Store series that have arrived, as one change."""
        entries = [entry for _, entries in group for entry in entries]
        points = next((entry["points"] for entry in entries if "points" in entry), None)
        body = {
            "version": self._version,
            "included_job": points is not None and points.jobs is not None,
            "included_timestamp": points is not None and points.timestamps is not None,
            "series": entries,
            "done": [one.number for one in (*(one for one, _ in group), *gone)],
            "gone": [one.series_id for one in gone],
        }
        answer = self._store.post("/mirror/series", data_json=body, send_format=options.series_format)
        self.deleted += answer["deleted"]
        self.read += len(group)

    def _jobs_held(self) -> list[dict[str, Any]]:
        """What the account knows about the jobs that wrote what the mirror holds, where the mirror does not yet."""
        jobs = {job["id"]: job for job in self._listed_jobs}
        missing = [job for job in self._store.get("/mirror/jobs")["job_ids"] if job not in jobs]
        with where_supported():
            for start in range(0, len(missing), _JOBS_IN_QUERY):
                ids = missing[start : start + _JOBS_IN_QUERY]
                params = {"query": f"id=({','.join(map(str, ids))})", "per_page": len(ids)}
                jobs |= {job["id"]: job for job in validation.jobs(self._source.get("/jobs", params=params))}
        return list(jobs.values())

    def _change(self, **body: Any) -> None:
        """Replace the state in the mirror, and whatever else belongs to the same change."""
        body = {"version": self._version, "complete": self._complete, "state": self._state, **body}
        answer = self._store.post("/mirror", data_json=body)
        self._version = answer["version"]
        self.deleted += answer["deleted"]


def _both(query: str, condition: str) -> str:
    """A query that finds the series of another one that meet a condition."""
    return f"({query}) AND {condition}" if query not in ("", "*") and condition else condition or query


def _since(moment: int | None) -> str:
    return "" if moment is None else f"meta.updated_at>={moment}"


def _newest(source: Any, query: str) -> int | None:
    """When the series of a query were last written (milliseconds); None if the server does not tell."""
    params = {"query": query, "sort": "meta.updated_at desc", "per_page": 1, "fields": "meta.updated_at"}
    with where_supported():
        for item in source.get("/series", params=params).get("series") or ():
            moment = (item.get("fields") or {}).get("meta.updated_at")
            return int(moment) if isinstance(moment, int | float) else None
    return None


def _settled(jobs: Iterable[dict[str, Any]], newest: int) -> dict[str, int]:
    """The jobs of which everything was visible, with the times of their last writes."""
    return {
        str(job["id"]): job["updated_at"] or 0
        for job in jobs
        if job.get("finished_at") or (job["updated_at"] or 0) < newest - _SETTLED
    }


def _points_of(item: dict[str, Any]) -> dict[str, Any]:
    points = item.get("points")
    return {} if points is None or not len(points) else {"points": points}


def _dates_of(item: dict[str, Any], one: _Todo) -> list[int]:
    """The dates of the reports of a series, from what ``@repdatelist`` returned."""
    if not _exists(item, one):
        return []
    points = item.get("points")
    dates: list[int] = [] if points is None else points.dates.tolist()
    return dates


def _exists(item: dict[str, Any], one: _Todo) -> bool:
    return series_exists(item if item.get("error") else None, queries.series(one.series_id))

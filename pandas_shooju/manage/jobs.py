"""`Jobs`: finding jobs; ``conn.jobs``."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from pandas_shooju import query as queries
from pandas_shooju.client import reader, validation
from pandas_shooju.client.job import RemoteJob
from pandas_shooju.client.points import Date
from pandas_shooju.client.servers import job_page
from pandas_shooju.clocks import to_datetime
from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.layouts import str_dtype
from pandas_shooju.manage.record import JobRecord

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

#: the jobs of one request, and the ids of jobs in one query
_PAGE, _IN_QUERY = 1_000, 400

_TEXTS = ("description", "user", "source")
_MOMENTS = ("created_at", "updated_at", "finished_at")
_STATS = ("new_series", "new_points", "changed_points", "deleted_points")
#: the counts of the series of a filter, and the names of their columns
_FILTERED = {"changed": "series_changed", "addedto": "series_added_to", "delfrom": "series_deleted_from"}


class Jobs:
    r"""The jobs of a server; ``conn.jobs``.

    ``conn.jobs[17]`` is job 17, a `JobRecord`; so is ``conn.jobs[result.job]`` after a write.

    Examples
    --------
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> with conn.register_job("Nightly prices DE") as job:
    ...     job.write(r"sid=users\sam\de", points=[(0, 1.0)])
    >>> conn.jobs.find("Nightly prices", since="-1d")[["description", "new_points"]]
               description  new_points
    job
    1    Nightly prices DE           1
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        return f"<Jobs of {self._connection.raw.shown[0]}>"

    def __getitem__(self, job_id: int | RemoteJob) -> JobRecord:
        """A job, by its id or by the job object that a write used.

        Raises
        ------
        TypeError, ValueError
            The id is not a positive integer.
        ShoojuApiError
            There is no such job.
        """
        if isinstance(job_id, RemoteJob) and job_id.job_id is not None:
            job_id = job_id.job_id
        if isinstance(job_id, bool) or not hasattr(job_id, "__index__"):
            raise TypeError(f"the id of a job must be an integer or a job, such as result.job, got {job_id!r}")
        job_id = int(job_id)
        if job_id < 1:
            raise ValueError(f"the id of a job must be a positive integer, got {job_id}")
        answer = self._connection.raw.get(f"/jobs/{job_id}")
        job, path = answer.get("job"), answer.get("changes")
        if not isinstance(job, dict) or not (path is None or isinstance(path, str)):
            raise ShoojuFormatError(f"the response must contain an object 'job', got {str(job)[:100]!r}")
        stats = job.get("stats")
        texts: dict[str, Any] = {name: str(job.get(name) or "") for name in (*_TEXTS, "notes")}
        moments: dict[str, Any] = {name: _moment(job.get(name)) for name in _MOMENTS}
        return JobRecord(
            id=job_id,
            **texts,
            **moments,
            no_history=bool(job.get("no_history")),
            stats=stats if isinstance(stats, dict) else {},
            page=self._page(job_id),
            _connection=self._connection,
            _changes=path,
        )

    def find(
        self,
        description: str | None = None,
        *,
        since: Date | None = None,
        until: Date | None = None,
        user: str | None = None,
        filter: str | None = None,
        query: str | None = None,
        limit: int | None = 1000,
    ) -> pd.DataFrame:
        r"""Find jobs.

        Parameters
        ----------
        description
            The beginning of their descriptions.
        since, until
            When they were registered, at the earliest and at the latest: a date, a datetime, milliseconds since
            1970-01-01, an ISO date, or relative to now, such as ``"-7d"``, or ``"0db"`` for today (UTC).
        user
            Who registered them.
        filter
            A query for series, such as ``r"sid:users\sam"``: only jobs that wrote some of those.
        query
            Further conditions, in the query language: ``"stats.new_points>0"``.
        limit
            The most jobs, the newest first; None for all.

        Returns
        -------
        DataFrame
            A row for each job, the newest first: the index ``job``; ``description``, ``user``, ``source``;
            ``created_at``, ``updated_at`` and ``finished_at`` (``datetime64[ms, UTC]``); ``new_series``,
            ``new_points``, ``changed_points`` and ``deleted_points`` (Int64, missing if the server does not count
            them); ``page``, a URL. With `filter` also how many of those series the job changed, added points to, and
            deleted points from: ``series_changed``, ``series_added_to`` and ``series_deleted_from``.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> for country in "DE", "FR":
        ...     with conn.register_job(f"Nightly prices {country}") as job:
        ...         job.write(rf"sid=users\sam\{country}", points=[(0, 1.0)])
        >>> conn.jobs.find(since="-1d", filter=r"sid=users\sam\FR")[["description", "series_added_to"]]
               description  series_added_to
        job
        2    Nightly prices FR                1
        """
        if limit is not None and (isinstance(limit, bool) or not hasattr(limit, "__index__") or limit < 0):
            raise ValueError(f"limit must be a non-negative number of jobs or None, got limit={limit!r}")
        conditions = [
            None if description is None else f"description:{queries.quote(description)}*",
            None if user is None else f"user={queries.quote(user)}",
            _limit("created_at>=", since, "since"),
            _limit("created_at<=", until, "until"),
            f"({query})" if query else None,
        ]
        text = " ".join(condition for condition in conditions if condition)
        return self._frame(self._listed(text, filter, limit), filtered=bool(filter))

    def describe(self, job_ids: Iterable[int]) -> pd.DataFrame:
        """Jobs by their ids, a request for every 400 of them.

        Parameters
        ----------
        job_ids
            The ids; those that do not exist are left out.

        Returns
        -------
        DataFrame
            As for :meth:`find`, in ascending order of the ids.
        """
        ids = sorted({int(one) for one in job_ids})
        found: dict[int, dict[str, Any]] = {}
        for start in range(0, len(ids), _IN_QUERY):
            wanted = ids[start : start + _IN_QUERY]
            found |= {job["id"]: job for job in self._listed(f"id=({','.join(map(str, wanted))})", None, None)}
        return self._frame([found[one] for one in ids if one in found], filtered=False)

    def open_today(self, description: str, no_history: bool = False) -> int | None:
        """The newest job of today (UTC) with exactly that description that this user registered and that is open.

        A job that keeps no history is not the same as one that does. A server that does not say whether a job is
        finished is taken to have open jobs only.
        """
        user = self._connection.user
        description = description.strip()  # as the server keeps it
        conditions = [f"description={queries.quote(description)}", "created_at>=0db"]
        conditions += [] if user is None else [f"user={queries.quote(user)}"]
        for job in self._listed(" ".join(conditions), None, None):
            same = str(job.get("description")).strip() == description and user in (None, job.get("user"))
            if same and job.get("finished_at") is None and bool(job.get("no_history")) == no_history:
                return int(job["id"])
        return None

    def _listed(self, query: str, series: str | None, limit: int | None) -> list[dict[str, Any]]:
        """The jobs that a query finds, the newest first."""
        size = _PAGE if limit is None else min(_PAGE, limit)
        params = {"query": query, "sort": "created_at desc", "per_page": size, **({"filter": series} if series else {})}
        found: dict[int, dict[str, Any]] = {}
        page = 1
        while limit is None or len(found) < limit:
            results = validation.jobs(self._connection.raw.get("/jobs", params={**params, "page": page}))
            # a job that is registered meanwhile moves the others to later pages
            found |= {job["id"]: job for job in results}
            if len(results) < size:
                break
            page += 1
        return list(found.values())[:limit]

    def _frame(self, listed: list[dict[str, Any]], *, filtered: bool) -> pd.DataFrame:
        data: dict[str, Any] = {}
        for name in _TEXTS:
            data[name] = pd.array([str(job.get(name) or "") for job in listed], dtype=str_dtype())
        for name in _MOMENTS:
            data[name] = pd.to_datetime([_moment(job.get(name)) for job in listed], utc=True).as_unit("ms")
        for name in _STATS:
            data[name] = pd.array([_count(job.get("stats"), name) for job in listed], dtype="Int64")
        if filtered:
            for key, name in _FILTERED.items():
                data[name] = pd.array([_count(job.get("filtered_series"), key) for job in listed], dtype="Int64")
        data["page"] = pd.array([self._page(job["id"]) for job in listed], dtype=str_dtype())
        return pd.DataFrame(data, index=pd.Index([job["id"] for job in listed], dtype="int64", name="job"))

    def _page(self, job_id: int) -> str | None:
        return job_page(self._connection.server, job_id)


def _limit(condition: str, date: Date | None, name: str) -> str | None:
    if date is None:
        return None
    moment = reader.wire_date(date, name)
    return condition + (queries.quote(moment) if isinstance(moment, str) else str(moment))


def _moment(milliseconds: Any) -> datetime.datetime | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return to_datetime(milliseconds).replace(tzinfo=datetime.UTC)


def _count(counts: Any, name: str) -> int | None:
    number = counts.get(name) if isinstance(counts, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None

r"""`Connection`: everything that a program does with a Shooju server, and the connection of the settings.

A connection reads and writes series; the files' calls come from :mod:`pandas_shooju.client.files`, the deprecated
ones from :mod:`pandas_shooju.client.deprecated`. How requests are sent is the transport's business, and what is made
of points that of the serializers.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import pandas as pd
import requests

from pandas_shooju.client import dataframe
from pandas_shooju.client.deprecated import DeprecatedConnectionCalls, query_or_id, warn
from pandas_shooju.client.files import FileCalls
from pandas_shooju.client.job import DryRunJob, RemoteJob
from pandas_shooju.client.mget import REPORTED_DATES_MODES, MGet
from pandas_shooju.client.points import Date, Serializer, serialize_series, to_datetime
from pandas_shooju.client.reads import Fields, bulk, check_items, pages, parameters, wire_date, wire_fields
from pandas_shooju.client.scroll import ScrollIterable
from pandas_shooju.client.settings import Settings, options, resolve
from pandas_shooju.client.transport import BaseHook, Client
from pandas_shooju.errors import ConfigurationError

__all__ = ["Connection", "connection_of", "default_connection"]

#: seconds between attempts to write a series that is locked
_COLLISION_RETRY_TIMEOUT = 10.0


class Connection(FileCalls, DeprecatedConnectionCalls):
    r"""A connection to a Shooju server. Nothing is sent before the first call; threads may share it.

    Parameters
    ----------
    server
        An account name (``alpha``), a URL, or an embedded Shooju: ``local``, ``local:PATH``, ``local::memory:``. What
        is not given here is looked for in the environment and in a profile (see README, "Connecting").
    user, api_key
        The credentials; `username` is another name for `user`.
    email, google_oauth_token
        Those of a Google account, instead.
    retries
        Attempts in all, by default 3. A refused or broken connection and the statuses 502, 503 and 504 are tried
        again; a read that timed out is not.
    retry_delay
        Seconds between attempts, by default 3.
    location
        The name by which the program makes itself known to the server.
    hosts
        URLs that stand in for the server, used in turn.
    requests_session
        A `requests.Session` to send by, for proxies and certificates.
    timeout
        Seconds to wait for the server, by default 600.
    extra_params
        URL parameters of every call.
    hooks
        Instances of `BaseHook`, which may change requests and answers.

    Raises
    ------
    ConfigurationError
        No server or no credentials; the message says all the ways to give them.

    Examples
    --------
    >>> conn = Connection("local::memory:")
    >>> with conn.register_job("GDP of China") as job:
    ...     job.write(r"sid=users\sam\gdp", fields={"unit": "US$ tn"}, points=[(datetime.date(2020, 1, 1), 14.7)])
    >>> series = conn.get_series(r"sid=users\sam\gdp", fields=["unit"], max_points=-1)
    >>> series["points"], series["fields"]
    ([Point(2020-01-01 00:00:00, 14.7)], {'unit': 'US$ tn'})
    """

    def __init__(
        self,
        server: str | None = None,
        user: str | None = None,
        api_key: str | None = None,
        *,
        username: str | None = None,
        email: str | None = None,
        google_oauth_token: str | None = None,
        retries: int | None = None,
        retry_delay: float | None = None,
        location: str | None = None,
        hosts: Sequence[str] | None = None,
        requests_session: requests.Session | None = None,
        timeout: float | None = None,
        extra_params: Mapping[str, Any] | None = None,
        hooks: Sequence[BaseHook] | None = None,
    ) -> None:
        if user and username and user != username:
            raise ConfigurationError(f"user={user!r} and username={username!r} are two names for one thing; give one")
        settings = resolve(server, user or username, api_key, email, google_oauth_token)

        def sign_in() -> tuple[str, str]:
            anonymous = Client(
                settings.server, retries=retries, retry_delay=retry_delay, location=location, hosts=hosts,
                requests_session=requests_session, timeout=timeout,
            )  # fmt: skip
            token = {"token": settings.google_oauth_token, "email": settings.email}
            credentials = anonymous.post("/auth/googleoauth", data_json=token)
            return credentials["user"], credentials["api_secret"]

        #: whether `close` was called
        self.closed = False
        self._client = Client(
            settings.server, settings.user, settings.api_key, retries=retries, retry_delay=retry_delay,
            location=location, hosts=hosts, requests_session=requests_session, timeout=timeout,
            extra_params=extra_params, hooks=hooks, sign_in=sign_in if settings.google_oauth_token else None,
        )  # fmt: skip

    @property
    def user(self) -> str | None:
        """The user that calls are made as."""
        return self._client.user

    @property
    def raw(self) -> Client:
        """The raw client, for any endpoint of the API.

        Examples
        --------
        >>> Connection("local::memory:").raw.get("/status/ping")["success"]
        True
        """
        return self._client

    def close(self) -> None:
        """Close what is kept open: connections, and an embedded store."""
        self.closed = True
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._client).replace("Client", "Connection", 1)

    # --- single series ---

    def get_series(
        self,
        series_query: str,
        fields: Fields = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: int = 0,
        extra_params: Mapping[str, Any] | None = None,
        serializer: Serializer | None = None,
    ) -> dict[str, Any] | None:
        r"""Read one series.

        Parameters
        ----------
        series_query
            A query that names one series; operators may follow, as in ``sid=users\sam\gdp@A:M``.
        fields
            Names of fields: one, or a list; ``"*"`` for all but the meta ones.
        df, dt
            Date from and date to, both included: a date, a datetime, milliseconds since 1970-01-01, an ISO date,
            ``MIN``, ``MAX``, or relative to now, as ``-1y``.
        max_points
            At most so many points, the first by date; 0 for none, -1 for all.
        extra_params
            Further parameters of the call, such as ``{"include_job": "y"}``.
        serializer
            What makes the points; one of `points_serializers`, or your own. By default `options.point_serializer`.

        Returns
        -------
        dict or None
            ``series_id``, and where there are any ``fields``, ``points`` and ``tz``; None if there is no such series.

        Raises
        ------
        ShoojuApiError
            The server refused the query.

        Examples
        --------
        >>> Connection("local::memory:").get_series("sid=nothing") is None
        True
        """
        asked = parameters(fields=fields, df=df, dt=dt, max_points=max_points, extra_params=extra_params)
        series: dict[str, Any] | None = self._get("series_queries", series_query, asked, serializer)
        return series

    def get_fields(
        self, series_query: str | None = None, fields: Fields = "*", *, series_id: str | None = None
    ) -> dict[str, Any] | None:
        r"""Read fields of one series.

        Parameters
        ----------
        series_query
            A query that names one series.
        fields
            Names of fields: one, or a list; by default all but the meta ones.
        series_id
            Deprecated: the series' id. (One that stands in the place of the query works too.)

        Returns
        -------
        dict or None
            Names and values; None if there is no such series.
        """
        name, by_id = query_or_id(series_query, series_id)
        series = self._get("series_ids" if by_id else "series_queries", name, parameters(fields=fields), None)
        return series if series is None or "error" in series else series.get("fields", {})

    def _get(self, key: str, item: Any, asked: Mapping[str, Any], serializer: Serializer | None) -> Any:
        if not isinstance(item, str) or not item.strip():
            raise TypeError(f"a query that names a series is text, such as r'sid=users\\me\\gdp'; got {item!r}")
        document = next(bulk(self._client, [item], asked, key=key))
        [series] = check_items(document["series"])
        return series and serialize_series(series, serializer or options.point_serializer, document)

    def mget(self) -> MGet:
        """Several reads of single series, fetched together; see `MGet`."""
        return MGet(self._client)

    def get_reported_dates(
        self,
        series_query: str | None = None,
        job_id: int | None = None,
        processor: str | None = None,
        df: Date | None = None,
        dt: Date | None = None,
        mode: str = "all",
    ) -> list[datetime.datetime]:
        """Read under which dates a series has reports.

        Parameters
        ----------
        series_query
            A query that names one series.
        job_id, processor
            Deprecated: the dates that a job, or a processor, wrote.
        df, dt
            Limits of these dates, both included.
        mode
            ``"points"`` or ``"fields"`` for the dates under which those were reported; by default ``"all"``.

        Returns
        -------
        list of datetime
            Naive, ascending.
        """
        if not (series_query or job_id or processor):
            raise TypeError("get_reported_dates needs a series_query")
        if mode not in REPORTED_DATES_MODES:
            raise ValueError(f"mode={mode!r}: give one of {', '.join(REPORTED_DATES_MODES)}")
        if job_id is not None or processor is not None:
            warn("get_reported_dates() by job_id or processor", "series_query")
        asked = {
            "series_query": series_query,
            "job_id": job_id,
            "processor": processor,
            "df": wire_date(df, "df"),
            "dt": wire_date(dt, "dt"),
            "date_format": "milli",
            "mode": mode,
        }
        params = {name: value for name, value in asked.items() if value is not None}
        answer = self._client.get("/series/reported_dates", params=params)
        return [to_datetime(milliseconds) for milliseconds in answer.get("reported_dates") or ()]

    # --- many series ---

    def scroll(
        self,
        query: str = "",
        fields: Fields = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: int = 0,
        sort: str | None = None,
        serializer: Serializer | None = None,
        max_series: int | None = None,
        extra_params: Mapping[str, Any] | None = None,
        batch_size: int = 2500,
        scroll_batch_size: int | None = None,
        assert_under_max_series: bool = False,
    ) -> ScrollIterable:
        r"""Read every series that a query finds, page by page.

        Parameters
        ----------
        query
            The query; by default every series there is.
        fields, df, dt, max_points, extra_params, serializer
            As for :meth:`get_series`.
        sort
            Fields to sort by: ``"country asc, city desc"``.
        max_series
            At most so many series.
        batch_size
            Series per request.
        scroll_batch_size
            Deprecated: use `batch_size`.
        assert_under_max_series
            Raise if the query finds more than `max_series`.

        Returns
        -------
        iterable of dict
            The series, each with ``fields``; `raw_response` of the iterable is the page that it is at.

        Raises
        ------
        ValueError
            More than `max_series` were found, and `assert_under_max_series` is set.

        Examples
        --------
        >>> conn = Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=gdp\cn", points=[(0, 14.7)])
        >>> [(s["series_id"], s["points"]) for s in conn.scroll("sid:gdp", max_points=-1)]
        [('gdp\\cn', [Point(1970-01-01 00:00:00, 14.7)])]
        """
        batch_size = _batch_size(batch_size, scroll_batch_size)
        asked = parameters(fields=fields, df=df, dt=dt, max_points=max_points, extra_params=extra_params)
        found = pages(
            self._client, query, asked, sort=sort, max_series=max_series, batch_size=batch_size, prefetch=False
        )
        series = ScrollIterable(found, serializer or options.point_serializer)
        total = series.raw_response.get("total", 0)
        if assert_under_max_series and max_series is not None and total > max_series:
            raise ValueError(f"the query {query!r} finds {total} series, where at most {max_series} were expected")
        return series

    def get_df(
        self,
        query: str,
        fields: Fields = None,
        series_axis: Literal["rows", "columns"] = "rows",
        df: Date | None = None,
        dt: Date | None = None,
        max_points: int = 0,
        sort: str | None = None,
        max_series: int | None = None,
        extra_params: Mapping[str, Any] | None = None,
        batch_size: int = 2500,
        scroll_batch_size: int | None = None,
    ) -> pd.DataFrame:
        r"""Read every series that a query finds into a frame. (`pandas.read_shooju` does more.)

        Parameters
        ----------
        query, fields, df, dt, max_points, sort, max_series, extra_params, batch_size, scroll_batch_size
            As for :meth:`scroll`.
        series_axis
            ``"rows"``: a row per point (per series if none are asked for). ``"columns"``: a column per series.

        Returns
        -------
        DataFrame
            In rows: the columns ``series_id``, the fields, ``dt`` and ``val``, ascending by date. In columns: the index
            are the dates, and the headers the series' ids, or the values of the fields joined by ``/``. Dates are
            aware: in UTC, or the zone of ``@localize``. Missing values are left out.

        Examples
        --------
        >>> conn = Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=gdp\cn", fields={"country": "CN", "unit": "US$ tn"}, points=[(0, 14.7)])
        >>> conn.get_df("sid:gdp", ["country", "unit"], series_axis="columns", max_points=-1)
                                   CN/US$ tn
        1970-01-01 00:00:00+00:00       14.7
        """
        if series_axis not in ("rows", "columns"):
            raise ValueError(f"series_axis={series_axis!r}: give 'rows' or 'columns'")
        names = [fields] if isinstance(fields, str) else list(fields or ())
        found = self.read_pages(
            query, fields=names, df=df, dt=dt, max_points=max_points, sort=sort, max_series=max_series,
            extra_params=extra_params, batch_size=_batch_size(batch_size, scroll_batch_size),
        )  # fmt: skip
        series = (item for page in found for item in check_items(page["series"]) if item and "error" not in item)
        if series_axis == "columns":
            return dataframe.columns(series, names)
        return dataframe.rows(series, names, with_points=max_points != 0)

    def read_pages(
        self,
        query: str,
        *,
        fields: Fields = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: int = 0,
        sort: str | None = None,
        max_series: int | None = None,
        include_job: bool = False,
        include_timestamp: bool = False,
        extra_params: Mapping[str, Any] | None = None,
        batch_size: int = 2500,
        tables: bool = False,
    ) -> Iterator[dict[str, Any]]:
        r"""Read every series that a query finds, as documents: a page at a time, points as columns.

        The next page is asked for in the background while the caller works on one.

        Parameters
        ----------
        query, fields, df, dt, max_points, sort, max_series, extra_params, batch_size
            As for :meth:`scroll`.
        include_job, include_timestamp
            Have the columns of jobs and timestamps in the points.
        tables
            Have the series of a page as a `SeriesTable` instead of a list, where none failed and the format is SJTS.

        Returns
        -------
        iterator of dict
            The server's answers: ``total``, ``series`` and more. A series that failed has ``error`` and
            ``description``.
        """
        asked = parameters(
            fields=fields, df=df, dt=dt, max_points=max_points, include_job=include_job,
            include_timestamp=include_timestamp, extra_params=extra_params,
        )  # fmt: skip
        return pages(self._client, query, asked, sort=sort, max_series=max_series, batch_size=batch_size, tables=tables)

    def read_bulk(
        self,
        queries: Sequence[str | Mapping[str, Any]],
        *,
        fields: Fields = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: int = 0,
        include_job: bool = False,
        include_timestamp: bool = False,
        extra_params: Mapping[str, Any] | None = None,
        batch_size: int = 1000,
        workers: int = 4,
    ) -> Iterator[list[dict[str, Any]]]:
        r"""Read single series, as lists of decoded series in the order of the queries, points as columns.

        Parameters
        ----------
        queries
            Queries that name one series each, or dicts with ``query`` and what is to differ for it: ``fields``, ``df``,
            ``dt``, ``max_points``, ``operators``.
        fields, df, dt, max_points, include_job, include_timestamp, extra_params
            As for :meth:`read_pages`.
        batch_size
            Series per call, at most 1,000.
        workers
            Calls under way at once.

        Returns
        -------
        iterator of list of dict
            A list per call. A series that failed, or does not exist, has ``error`` and ``description``.
        """
        asked = parameters(
            fields=fields, df=df, dt=dt, max_points=max_points, include_job=include_job,
            include_timestamp=include_timestamp, extra_params=extra_params,
        )  # fmt: skip
        items = [_bulk_item(query) for query in queries]
        documents = bulk(self._client, items, asked, batch_size=batch_size, workers=workers)
        return (document["series"] for document in documents)

    # --- writing ---

    def register_job(
        self,
        description: str,
        notes: str = "",
        batch_size: int = 1,
        dry_run: bool = False,
        no_history: bool = False,
        source: str = "python",
        *,
        collision_retry_timeout: float = _COLLISION_RETRY_TIMEOUT,
        skip_meta_if_no_fields: bool = False,
    ) -> RemoteJob | DryRunJob:
        """Register a job, under which series are written.

        Parameters
        ----------
        description
            What the job is for, in 3 characters or more.
        notes
            More about it.
        batch_size
            How many series are buffered before a write submits; 1 submits every write.
        dry_run
            Register nothing; the job prints what it would do.
        no_history
            Do not keep what the job overwrites.
        source
            What kind of program writes.
        collision_retry_timeout
            Seconds to wait before items are sent again whose series was locked.
        skip_meta_if_no_fields
            Let the server leave the series' meta data as it is where only points are written.

        Returns
        -------
        RemoteJob or DryRunJob

        Raises
        ------
        ValueError
            The description is too short.
        """
        if not isinstance(description, str) or len(description) < 3:
            raise ValueError(f"description={description!r}: say what the job is for, in 3 characters or more")
        if dry_run:
            return DryRunJob(self, None, batch_size)
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: a job submits when at least one series is buffered")
        body = {"source": source, "description": description, "notes": notes, "no_history": no_history}
        job_id = self._client.post("/jobs/", data_json=body)["job_id"]
        return RemoteJob(
            self, job_id, batch_size, collision_retry_timeout=collision_retry_timeout,
            skip_meta_if_no_fields=skip_meta_if_no_fields,
        )  # fmt: skip


_kept: dict[Settings, Connection] = {}
_kept_lock = threading.Lock()


def default_connection() -> Connection:
    """The connection of the environment or the profile; made at first use, and kept.

    Raises
    ------
    ConfigurationError
        None is configured; the message says all the ways to do it.
    """
    return _keep(resolve())


def connection_of(connection: Connection | str | None) -> Connection:
    """The connection that an argument `connection` means.

    Parameters
    ----------
    connection
        A `Connection` is returned as it is. A string is the name or URL of a server: one connection is made for each
        server, with the credentials that the environment or the profile has for it, and is reused by later calls of
        this process until it is closed. That includes ``"local::memory:"``: all calls that name it share one
        in-memory store, which lasts until the process ends. None is the default connection of the settings.

    Raises
    ------
    ConfigurationError
        There is no server, or there are no credentials for it.
    TypeError, ValueError
        `connection` is something else, or an empty string.

    Examples
    --------
    >>> connection_of("local::memory:") is connection_of("local::memory:")
    True
    """
    if connection is None:
        return default_connection()
    if isinstance(connection, Connection):
        return connection
    if not isinstance(connection, str) or not connection.strip():
        error = ValueError if isinstance(connection, str) else TypeError
        raise error(f"connection must be a Connection, or the name or URL of a server, got {connection!r}")
    return _keep(resolve(connection.strip()))


def _keep(settings: Settings) -> Connection:
    """The one connection of these settings; made when there is none, or when it was closed."""
    with _kept_lock:
        if settings not in _kept or _kept[settings].closed:
            _kept[settings] = Connection(
                settings.server, settings.user, settings.api_key, email=settings.email,
                google_oauth_token=settings.google_oauth_token,
            )  # fmt: skip
        return _kept[settings]


def _batch_size(batch_size: int, scroll_batch_size: int | None) -> int:
    if scroll_batch_size is None:
        return batch_size
    warn("scroll_batch_size", "batch_size", depth=2)
    return scroll_batch_size or batch_size


def _bulk_item(query: str | Mapping[str, Any]) -> str | dict[str, Any]:
    if isinstance(query, str):
        return query
    if not isinstance(query, Mapping) or "query" not in query:
        raise TypeError(f"a query is text, or a dict with 'query' and its own parameters; got {query!r}")
    item = dict(query)
    for name in ("df", "dt"):
        if name in item:
            item[name] = wire_date(item[name], name)
    if "fields" in item:
        item["fields"] = wire_fields(item["fields"])
    return item

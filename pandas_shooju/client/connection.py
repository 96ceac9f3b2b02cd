r"""`Connection`: everything that a program does with a Shooju server, and the default connection."""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import pandas as pd
import requests

from pandas_shooju import display
from pandas_shooju.client import dataframe, deprecated, files, reader, validation
from pandas_shooju.client.base_job import check_batch_size
from pandas_shooju.client.job import DryRunJob, RemoteJob
from pandas_shooju.client.mget import MGet, SeriesReads, check_mode
from pandas_shooju.client.options import options
from pandas_shooju.client.points import Date, Serializer, to_datetime
from pandas_shooju.client.reader import Fields, ScrollIterable, SeriesRead, parameters, wire_date
from pandas_shooju.client.servers import is_new_store, local_path, server_name
from pandas_shooju.client.settings import Settings, resolve
from pandas_shooju.client.spool import check_unused
from pandas_shooju.client.transport import BaseHook, Client
from pandas_shooju.errors import ConfigurationError, ShoojuError

if TYPE_CHECKING:
    from pandas_shooju.manage.catalog import Catalog
    from pandas_shooju.manage.jobs import Jobs
    from pandas_shooju.manage.mirror_info import MirrorInfo
    from pandas_shooju.manage.series import StoredSeries

__all__ = ["Connection", "connection_of", "default_connection"]


class Connection(SeriesReads[dict[str, Any] | None]):
    r"""A connection to a Shooju server. Nothing is sent before the first call.

    A connection can be shared by threads, used after a fork, and pickled (the pickle contains the API key).

    Parameters
    ----------
    server
        An account name (``alpha``), a URL, or an embedded Shooju: ``local``, ``local:PATH``, ``local::memory:``.
        Settings that are not passed are taken from the environment or a profile (see README, "Connecting").
    user, api_key
        The credentials. `username` is another name for `user`. An embedded Shooju, and a server on this machine (a
        loopback address), may do without: then calls are made without a key, under the name of `user`, or ``local``.
    email, google_oauth_token
        A Google account, to use instead of `user` and `api_key`.
    retries, retry_delay, deadline, max_requests_per_minute, location, hosts, requests_session, timeout, extra_params
        See `Client`.
    hooks
        See `Client`.

    Raises
    ------
    ConfigurationError
        The server or the credentials are not configured; the message lists all ways to configure them.

    Examples
    --------
    >>> conn = Connection("local::memory:")
    >>> with conn.register_job("GDP of China") as job:
    ...     job.write(r"sid=users\sam\gdp", fields={"unit": "US$ tn"}, points=[(datetime.date(2020, 1, 1), 14.7)])
    >>> series = conn.get_series(r"sid=users\sam\gdp", fields=["unit"], max_points=-1)
    >>> series["points"], series["fields"]
    ([Point(2020-01-01 00:00:00,14.7)], {'unit': 'US$ tn'})
    """

    #: the class of `raw`
    _client_class = Client

    upload_file = files.upload_file
    upload_files = files.upload_files
    init_multipart_upload = files.init_multipart_upload
    multipart_upload = files.multipart_upload
    download_file = files.download_file
    create_uploader_session = deprecated.create_uploader_session

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
        deadline: float | None = None,
        max_requests_per_minute: int | None = None,
    ) -> None:
        if user and username and user != username:
            api_key = google_oauth_token = None  # so that no traceback shows them
            raise ConfigurationError(
                f"user and username must be the same, got {user!r} and {username!r}; pass only one"
            )
        try:
            settings = resolve(server, user or username, api_key, email, google_oauth_token)
        except ConfigurationError as error:
            error.__context__ = None
            raise error.with_traceback(None) from None  # the frames hold the keys
        finally:
            api_key = google_oauth_token = None
        self._server = settings.server
        google = settings if settings.email else None
        #: whether `close` was called
        self.closed = False
        self._client = self._client_class(
            settings.server, settings.user, settings.api_key, retries=retries, retry_delay=retry_delay,
            location=location, hosts=hosts, requests_session=requests_session, timeout=timeout,
            extra_params=extra_params, hooks=hooks, deadline=deadline, google_account=google,
            max_requests_per_minute=max_requests_per_minute,
        )  # fmt: skip

    @cached_property
    def server(self) -> str:
        """The URL of the server; ``local:`` and a path for an embedded store."""
        return server_name(self._server)

    @property
    def user(self) -> str | None:
        """The user who makes the calls."""
        return self._client.user

    @property
    def mirror(self) -> MirrorInfo | None:
        """What the connection reads, if that is a mirror in a file: its source, query and age; None for other servers.

        See `pandas_shooju.mirror`.
        """
        path = local_path(self.server)
        if path is None or not Path(path).exists():
            return None
        from pandas_shooju.manage.mirror_info import MirrorInfo, description

        found = description(self._client)
        return None if found is None else MirrorInfo.of(found)

    @property
    def raw(self) -> Client:
        """The raw client, which can call any endpoint of the API; see `Client`."""
        return self._client

    @property
    def catalog(self) -> Catalog:
        r"""What series the server has: counts, facets, folders, meta data and latest points; see `Catalog`.

        Examples
        --------
        >>> conn = Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=gdp\cn", points=[(0, 14.7)])
        >>> conn.catalog.count("sid:gdp")
        1
        """
        from pandas_shooju.manage.catalog import Catalog

        return Catalog(self._client)

    @property
    def jobs(self) -> Jobs:
        r"""The jobs of the server: find them, see what they did, undo them; see `Jobs`.

        Examples
        --------
        >>> conn = Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=gdp\cn", points=[(0, 14.7)])
        >>> conn.jobs[job.job_id].summary()["points"]
        {'added': 1, 'changed': 0, 'deleted': 0}
        """
        from pandas_shooju.manage.jobs import Jobs

        return Jobs(self)

    def close(self) -> None:
        """Close network connections and the embedded store; further calls raise ConnectionError."""
        self.closed = True
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        server, user = self._client.shown
        info = self._mirror_info()
        about = "" if info is None else f", {display.printable(info)}"
        return f"Connection({server!r}, user={user!r}{about}{', closed' if self.closed else ''})"

    def _repr_html_(self) -> str:
        server, user = self._client.shown
        path = local_path(server)
        info = self._mirror_info()
        if path == ":memory:":
            store = "in memory"
        elif path is not None:
            store = path if Path(path).exists() else f"{path} (not created yet)"
        facts: list[tuple[str, object]] = [
            ("server", display.link(server, server)) if path is None else ("embedded store", store),
            ("user", user),
            ("mirror of", None if info is None else f"{info.query or '*'} on {info.source}"),
            ("as of", None if info is None else info.freshness),
            ("state", "closed" if self.closed else None),
        ]
        return display.card("Connection", facts)

    def _mirror_info(self) -> MirrorInfo | None:
        """What `mirror` gives, without an error for a store that cannot be read."""
        with suppress(ShoojuError):
            return None if self.closed else self.mirror
        return None

    # --- single series ---

    def _read(self, read: SeriesRead) -> dict[str, Any] | None:
        return cast("dict[str, Any] | None", reader.single(self._client, [read])[0])

    def mget(self) -> MGet:
        """Read several single series together; see `MGet`."""
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
        """Read the report dates of a series, as naive datetimes in ascending order.

        Parameters
        ----------
        series_query
            A query that names one series.
        job_id, processor
            Deprecated: the report dates written by a job or a processor.
        df, dt
            The first and the last date to return.
        mode
            ``"points"`` or ``"fields"`` for the dates under which points or fields were reported; ``"all"`` for both.
        """
        if not (series_query or job_id or processor):
            raise TypeError("get_reported_dates() requires series_query")
        check_mode(mode)
        if job_id is not None or processor is not None:
            deprecated.warn("get_reported_dates() by job_id or processor", "series_query")
        which = {"series_query": series_query, "job_id": job_id, "processor": processor, "mode": mode}
        dates = {"df": wire_date(df, "df"), "dt": wire_date(dt, "dt"), "date_format": "milli"}
        answer = self._client.get("/series/reported_dates", params=which | dates)
        return [to_datetime(milliseconds) for milliseconds in validation.reported_dates(answer)]

    # --- many series ---

    @property
    def series(self) -> StoredSeries:
        r"""Many series at once: copying, moving, comparing, trimming, deleting and restoring; see `StoredSeries`.

        Examples
        --------
        >>> conn = Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=draft\gdp\cn", points=[(0, 14.7)])
        >>> conn.series.copy("draft", "desk").target.item()
        'desk\\gdp\\cn'
        """
        from pandas_shooju.manage.series import StoredSeries

        return StoredSeries(self, connection_of)

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
        r"""Read all series that a query finds, page by page.

        Parameters
        ----------
        query
            A query; by default, one that finds all series.
        fields, df, dt, max_points, extra_params, serializer
            As for :meth:`get_series`.
        sort
            Fields to sort by, such as ``"country asc, city desc"``.
        max_series
            The maximum number of series to read.
        batch_size
            The number of series in each request. `scroll_batch_size` is deprecated and means the same.
        assert_under_max_series
            Raise ValueError if the query finds more than `max_series` series.

        Returns
        -------
        iterable of dict
            The series, as from :meth:`get_series`. The iterable's `raw_response` is the current page.

        Examples
        --------
        >>> conn = Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=gdp\cn", points=[(0, 14.7)])
        >>> [(s["series_id"], s["points"]) for s in conn.scroll("sid:gdp", max_points=-1)]
        [('gdp\\cn', [Point(1970-01-01 00:00:00,14.7)])]
        """
        asked = parameters(fields=fields, df=df, dt=dt, max_points=max_points, extra_params=extra_params)
        found = reader.pages(
            self._client, query, asked, sort=sort, max_series=max_series, ahead=False, parse=reader.as_items,
            batch_size=batch_size_of(batch_size, scroll_batch_size),
        )  # fmt: skip
        series = ScrollIterable(found, serializer or options.point_serializer)
        total = series.raw_response.get("total") or 0
        if assert_under_max_series and max_series is not None and total > max_series:
            raise ValueError(f"the query {query!r} must find at most {max_series} series, but it finds {total}")
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
        r"""Read all series that a query finds into a frame; `pandas.read_shooju` offers more options.

        Parameters
        ----------
        query, fields, df, dt, max_points, sort, max_series, extra_params, batch_size, scroll_batch_size
            As for :meth:`scroll`.
        series_axis
            ``"rows"`` for one row per point (per series if no points are requested), ``"columns"`` for one column per
            series.

        Returns
        -------
        DataFrame
            With rows, the columns are the fields, ``dt``, ``val`` and ``series_id``, sorted by date; without points,
            they are ``series_id`` and the fields. With columns, the index contains the dates, and the name of a column
            is the series id, or the values of `fields` joined by ``/``. Dates are ``datetime64[ns, tz]``, in UTC or in
            the zone of ``@localize``. Missing points are left out.

        Raises
        ------
        ValueError
            A date is outside the years 1678 to 2261, which nanoseconds cannot represent; use `pandas.read_shooju`.

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
            raise ValueError(f"series_axis must be 'rows' or 'columns', got {series_axis!r}")
        names = [fields] if isinstance(fields, str) else list(fields or ())
        batch_size = batch_size_of(batch_size, scroll_batch_size)
        asked = parameters(fields=names, df=df, dt=dt, max_points=max_points, extra_params=extra_params)
        tables = []
        for page in reader.pages(self._client, query, asked, sort=sort, max_series=max_series, batch_size=batch_size):
            reader.check_failures(page.failed.values())
            tables.append(page.series)
        if series_axis == "columns":
            return dataframe.columns(tables, names)
        return dataframe.rows(tables, names, with_points=max_points != 0)

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
        collision_retry_timeout: float = 10.0,
        skip_meta_if_no_fields: bool = False,
        spool: str | os.PathLike[str] | None = None,
        reuse: Literal["today"] | None = None,
    ) -> RemoteJob | DryRunJob:
        r"""Register a job. Everything that is written to series is written under a job.

        Parameters
        ----------
        description : str
            The purpose of the job, in at least 3 characters.
        notes : str
            Further notes.
        batch_size : int
            The number of series to buffer before they are submitted. By default, every write is submitted at once.
        dry_run : bool
            Do not register anything; the job only prints what it would do.
        no_history : bool
            Do not keep the values that the job overwrites.
        source : str
            The kind of program that writes.
        collision_retry_timeout : float
            Seconds to wait before writing again to a series that was locked.
        skip_meta_if_no_fields : bool
            Do not update the meta fields of a series to which only points are written.
        spool : path, optional
            A folder that keeps everything that is not yet confirmed as stored. After a crash, `resume` sends it.
            Requires the extra ``spool``.
        reuse : str, optional
            ``"today"`` takes the newest open job of today (UTC) with the same description and `no_history` that this
            user registered, and registers a job only if there is none. A job to be reused must not be finished.

        Returns
        -------
        RemoteJob or DryRunJob
            The job. As a context manager, it submits and finishes at the end of the block.

        Raises
        ------
        ConnectionError
            The request failed. It is not repeated if the server may have registered the job.
        ConfigurationError
            The spool has unfinished work.

        Examples
        --------
        >>> conn = Connection("local::memory:")
        >>> with conn.register_job("GDP of China", batch_size=100) as job:
        ...     job.write(r"sid=users\sam\gdp", points=[(0, 14.7)])
        >>> job.confirmed
        {'users\\sam\\gdp': (1, 0)}
        """
        if not isinstance(description, str) or len(description) < 3:
            raise ValueError(f"description must be a string of at least 3 characters, got {description!r}")
        check_batch_size(batch_size)
        if reuse not in (None, "today"):
            raise ValueError(f"reuse must be 'today' or None, got reuse={reuse!r}")
        if dry_run:
            return DryRunJob(self, None, batch_size)
        if spool is not None:
            check_unused(spool)
        new = reuse is None or is_new_store(self.server)
        job_id = None if new else self.jobs.open_today(description, no_history)
        if job_id is None:
            body = {"source": source, "description": description, "notes": notes, "no_history": no_history}
            job_id = validation.job_id(self._client.post("/jobs/", data_json=body))
        job = RemoteJob(
            self, job_id, batch_size, collision_retry_timeout=collision_retry_timeout,
            skip_meta_if_no_fields=skip_meta_if_no_fields,
        )  # fmt: skip
        if spool is not None:
            job.spool_to(spool)
        return job


_kept: dict[Settings, Connection] = {}
_kept_lock = threading.Lock()


def _renew_lock() -> None:
    global _kept_lock
    _kept_lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # another thread may hold the lock during a fork
    os.register_at_fork(after_in_child=_renew_lock)


def default_connection() -> Connection:
    """The connection that the environment or the profile configures; made at first use, and kept."""
    return _keep(resolve())


def connection_of(connection: Connection | str | None) -> Connection:
    """The connection that an argument `connection` means.

    A string is the name or URL of a server. Its connection, with the credentials that the environment or the profile
    has for it, is kept and reused until it is closed: all calls that name ``"local::memory:"`` share one store until
    the process ends. None means `default_connection()`.
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
            _kept[settings] = Connection(**vars(settings))
        return _kept[settings]


def batch_size_of(batch_size: int, scroll_batch_size: int | None) -> int:
    """The batch size, from the argument that has that name or from the deprecated one."""
    if scroll_batch_size is None:
        return batch_size
    deprecated.warn("scroll_batch_size", "batch_size", depth=2)
    return scroll_batch_size or batch_size

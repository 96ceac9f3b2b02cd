"""`Connection`, and several reads at once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from pandas_shooju.client import connection, deprecated, reader
from pandas_shooju.client.mget import REPORTED_DATES_MODES as _MODES
from pandas_shooju.client.mget import MGet
from pandas_shooju.client.points import Date, Serializer
from pandas_shooju.client.reader import Fields
from pandas_shooju.compat.api import ShoojuApi
from pandas_shooju.compat.client import Client
from pandas_shooju.compat.errors import MissingCredentialsError, WrongArgumentsError
from pandas_shooju.compat.jobs import DryRunJob, RemoteJob
from pandas_shooju.compat.options import options
from pandas_shooju.compat.uploads import MultiPartUploader
from pandas_shooju.errors import ConfigurationError
from pandas_shooju.query import sid

__all__ = ["Connection", "GetBulk", "sid"]

REPORTED_DATES_OPERATOR = "repdatelist"
REPORTED_DATES_MODES = _MODES[:3]

#: keyword arguments of a connection
_ARGUMENTS = (
    "user", "api_key", "username", "email", "google_oauth_token", "retries", "retry_delay", "location", "hosts",
    "requests_session", "timeout", "extra_params", "hooks", "deadline",
)  # fmt: skip


class Connection(connection.Connection):
    r"""A connection to a Shooju server; see `pandas_shooju.Connection` for the arguments.

    A Google account is signed in at once. Unknown keyword arguments have no effect, and a warning says so.

    Raises
    ------
    ShoojuApiError
        There are no credentials, or the server refuses the Google account.

    Examples
    --------
    >>> conn = Connection("local::memory:")
    >>> with conn.register_job("GDP of China") as job:
    ...     job.write(r"sid=users\sam\gdp", points=[(0, 14.7)])
    >>> conn.get_series(r"sid=users\sam\gdp", max_points="-1")["points"]
    [Point(1970-01-01 00:00:00,14.7)]
    """

    _client_class = Client

    ScrollIterable = reader.ScrollIterable

    def __init__(self, server: str | None = None, *args: Any, **kwargs: Any) -> None:
        unknown = [name for name in kwargs if name not in _ARGUMENTS]
        if unknown or len(args) > 2:
            what = ", ".join(unknown) or "positional arguments after the API key"
            warnings.warn(
                f"Connection() ignores {what}; for proxies and certificates pass a requests_session", stacklevel=2
            )
        known = {name: value for name, value in kwargs.items() if name in _ARGUMENTS}
        try:
            super().__init__(server, *args[:2], **known)
        except ConfigurationError as error:
            raise MissingCredentialsError(str(error)) from None
        _ = self.user  # signs in

    @property
    def raw(self) -> Client:
        """The raw client, for any endpoint of the API."""
        assert isinstance(self._client, Client)
        return self._client

    @cached_property
    def shooju_api(self) -> ShoojuApi:
        """The calls of the API by name, with their responses as they are."""
        return ShoojuApi(self.raw)

    def get_series(  # noqa: D102
        self,
        series_query: str,
        fields: Fields = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: Any = 0,
        extra_params: Mapping[str, Any] | None = None,
        serializer: Serializer | None = None,
    ) -> dict[str, Any] | None:
        return super().get_series(series_query, fields, df, dt, number(max_points), extra_params, serializer)

    def scroll(  # noqa: D102
        self,
        query: str = "",
        fields: Fields = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: Any = 0,
        sort: str | None = None,
        serializer: Serializer | None = None,
        max_series: int | None = None,
        extra_params: Mapping[str, Any] | None = None,
        batch_size: Any = 2500,
        scroll_batch_size: Any = None,
        assert_under_max_series: bool = False,
    ) -> reader.ScrollIterable:
        return super().scroll(
            query, fields, df, dt, number(max_points), sort, serializer, max_series, extra_params,
            size(batch_size, scroll_batch_size), None, assert_under_max_series,
        )  # fmt: skip

    def get_df(  # noqa: D102
        self,
        query: str,
        fields: Fields = None,
        series_axis: Literal["rows", "columns"] = "rows",
        df: Date | None = None,
        dt: Date | None = None,
        max_points: Any = 0,
        sort: str | None = None,
        max_series: int | None = None,
        extra_params: Mapping[str, Any] | None = None,
        batch_size: Any = 2500,
        scroll_batch_size: Any = None,
    ) -> pd.DataFrame:
        if series_axis == "rows" and fields is not None and not isinstance(fields, str):
            fields = list(dict.fromkeys(fields))  # one column each
        return super().get_df(
            query, fields, series_axis, df, dt, number(max_points), sort, max_series, extra_params,
            size(batch_size, scroll_batch_size),
        )  # fmt: skip

    def mget(self) -> GetBulk:
        """Several reads of single series, fetched together."""
        return GetBulk(self)

    def register_job(
        self,
        description: str,
        notes: str = "",
        batch_size: int = 1,
        dry_run: bool = False,
        no_history: bool = False,
        source: str = "python",
        **options: Any,
    ) -> RemoteJob | DryRunJob:
        """Register a job; see :meth:`pandas_shooju.Connection.register_job`."""
        size = max(batch_size, 1)
        registered = super().register_job(description, notes, size, dry_run, no_history, source, **options)
        job_type = DryRunJob if dry_run else RemoteJob
        options.setdefault("collision_retry_timeout", 10.0)
        return job_type(self, registered.job_id, size, **options)

    def init_multipart_upload(self, filename: str, custom_fields: Mapping[str, Any] | None = None) -> MultiPartUploader:
        """Start the upload of a large file in parts."""
        return MultiPartUploader(self, super().init_multipart_upload(filename, custom_fields).file_id)


class GetBulk(MGet):
    """Several reads of single series, fetched together; made by :meth:`Connection.mget`."""

    def __init__(self, conn: connection.Connection) -> None:
        super().__init__(conn.raw)

    def get_series(  # noqa: D102
        self,
        series_query: str,
        fields: Fields = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: Any = 0,
        extra_params: Mapping[str, Any] | None = None,
        serializer: Serializer | None = None,
    ) -> int:
        of_rows = in_bulk(options.point_serializer if serializer is None else serializer)
        return super().get_series(series_query, fields, df, dt, number(max_points), extra_params, of_rows)


def in_bulk(serializer: Serializer) -> Serializer:
    """A serializer as `GetBulk` calls it: with the zone by position, and jobs and timestamps only if there are any."""
    if hasattr(serializer, "takes_columns"):
        return serializer

    def of_rows(pts: Any, tz: str | None = None, **included: bool) -> Any:
        return serializer(pts, tz, **included) if any(included.values()) else serializer(pts, tz)

    return of_rows


def number(max_points: Any) -> int:
    """A number of points that may be given as a string.

    Examples
    --------
    >>> number("-1"), number(10.0), number(None)
    (-1, 10, 0)
    """
    given = 0 if max_points is None else max_points
    return _whole(given, -1, f"max_points must be -1 (all points) or a non-negative integer, got {max_points!r}")


def size(batch_size: Any, scroll_batch_size: Any = None) -> int:
    """A number of series per page that may be given as a string; None for the default."""
    given = batch_size
    if scroll_batch_size is not None:
        deprecated.warn("scroll_batch_size", "batch_size", depth=2)
        given = scroll_batch_size or batch_size
    return 2500 if given is None else _whole(given, 1, f"batch_size must be a positive integer, got {given!r}")


def _whole(given: Any, least: int, complaint: str) -> int:
    try:
        whole = int(given)
    except (TypeError, ValueError):
        raise WrongArgumentsError(complaint) from None
    if whole < least or isinstance(given, bool) or (isinstance(given, float) and whole != given):
        raise WrongArgumentsError(complaint)
    return whole

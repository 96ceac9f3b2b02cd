"""Reads of single series: one at once, or several fetched together (`MGet`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pandas_shooju.client import deprecated, reader
from pandas_shooju.client.points import Date, Serializer, milli_tuple, to_datetime
from pandas_shooju.client.reader import Fields, SeriesRead, check_name, parameters
from pandas_shooju.client.transport import Client

__all__ = ["MGet"]

REPORTED_DATES_MODES = ("all", "points", "fields", "df", "dt")
#: extra parameters that belong to one series of several
_OF_A_SERIES = frozenset(("df", "dt", "max_points", "fields", "operators"))

_T = TypeVar("_T")


class SeriesReads(ABC, Generic[_T]):
    """The reads of single series, which :class:`Connection` performs at once and :class:`MGet` queues."""

    get_points = deprecated.get_points

    @abstractmethod
    def _read(self, read: SeriesRead) -> _T:
        """Perform or queue a read."""

    def get_series(
        self,
        series_query: str,
        fields: Fields = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: int = 0,
        extra_params: Mapping[str, Any] | None = None,
        serializer: Serializer | None = None,
    ) -> _T:
        r"""Read one series.

        Parameters
        ----------
        series_query
            A query that names one series. Operators may follow, as in ``sid=users\sam\gdp@A:M``.
        fields
            A field name or a list of names; ``"*"`` for all fields except the meta fields.
        df, dt
            The first and the last date: a date, a datetime, milliseconds since 1970-01-01, an ISO date, ``MIN``,
            ``MAX``, or a date relative to now, such as ``-1y``.
        max_points
            The maximum number of points, counted from the first date; 0 for none, -1 for all.
        extra_params
            Further parameters of the call, such as ``{"include_job": "y"}``. They take precedence over the arguments.
        serializer
            A function of `points_serializers`, or your own, that converts the points; by default
            `options.point_serializer`.

        Returns
        -------
        dict or None
            ``series_id`` and, where present, ``fields``, ``points`` and ``tz``; None if there is no such series.

        Raises
        ------
        ShoojuApiError
            The server refused the query.
        """
        asked = parameters(fields=fields, df=df, dt=dt, max_points=max_points)
        if not max_points:
            del asked["max_points"]  # the default, unless the extra parameters of the connection hold another
        extra = dict(extra_params or {})
        asked |= {name: extra.pop(name) for name in _OF_A_SERIES & extra.keys()}
        return self._read(
            SeriesRead({"query": check_name(series_query), **asked}, serializer=serializer, extra_params=extra)
        )

    def get_fields(self, series_query: str | None = None, fields: Fields = "*", *, series_id: str | None = None) -> _T:
        """Read fields of one series, as a dict; None if there is no such series.

        The arguments are as for :meth:`get_series`. Deprecated: `series_id`, or an id in place of the query.
        """
        item = {**deprecated.query_or_id(series_query, series_id), **parameters(fields=fields)}
        return self._read(SeriesRead(item, lambda series: series.get("fields", {})))


class MGet(SeriesReads[int]):
    """Queues reads of single series, which :meth:`fetch` performs in as few requests as possible.

    :meth:`Connection.mget` creates it. Every ``get_...`` returns the position of its result.

    Examples
    --------
    >>> from pandas_shooju.client.connection import Connection
    >>> conn = Connection("local::memory:")
    >>> with conn.register_job("GDP") as job:
    ...     job.write("sid=gdp", fields={"unit": "US$"}, points=[(0, 1.5)])
    >>> mget = conn.mget()
    >>> mget.get_series("sid=gdp", max_points=-1), mget.get_fields("sid=gdp", ["unit"])
    (0, 1)
    >>> mget.fetch()[1]
    {'unit': 'US$'}
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queued: list[SeriesRead] = []

    def _read(self, read: SeriesRead) -> int:
        self._queued.append(read)
        return len(self._queued) - 1

    def get_reported_dates(
        self, series_query: str, df: Date | None = None, dt: Date | None = None, mode: str = "all"
    ) -> int:
        """Queue a read of report dates; the arguments are as for :meth:`Connection.get_reported_dates`."""
        check_mode(mode)
        asked = parameters(df=df, dt=dt, max_points=-1)
        item = {"query": check_name(series_query), "operators": f"@repdatelist:{mode}", **asked}
        return self._read(
            SeriesRead(item, lambda series: [to_datetime(point[0]) for point in series.get("points", [])], milli_tuple)
        )

    def fetch(self) -> list[Any]:
        """Read everything that is queued: the results in the order of the calls, None for a series that does not exist.

        If a series fails for another reason, ShoojuApiError is raised, and the reads remain queued.
        """
        results = reader.single(self._client, self._queued)
        self._queued = []
        return results


def check_mode(mode: str) -> None:
    """Check the argument `mode` of reads of report dates."""
    if mode not in REPORTED_DATES_MODES:
        raise ValueError(f"mode must be one of {', '.join(REPORTED_DATES_MODES)}, got {mode!r}")

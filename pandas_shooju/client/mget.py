"""`MGet`: several reads of single series, fetched together."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pandas_shooju.client import deprecated, reader
from pandas_shooju.client.options import options
from pandas_shooju.client.points import Date, Serializer, serialize_series, to_datetime
from pandas_shooju.client.reader import Fields, parameters
from pandas_shooju.client.transport import Client

__all__ = ["MGet"]

REPORTED_DATES_MODES = ("all", "points", "fields", "df", "dt")


class _Queued(NamedTuple):
    """A read that waits: its item, the list of a bulk request that it belongs to, and what the caller gets of it."""

    key: str
    item: dict[str, Any]
    take: Callable[[dict[str, Any]], Any]
    serializer: Serializer
    extra_params: Mapping[str, Any]


class MGet:
    """Queues reads of single series; :meth:`fetch` performs them in as few requests as possible.

    Made by :meth:`Connection.mget`. Every ``get_...`` returns the position of its result.

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

    get_points = deprecated.queue_points

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queued: list[_Queued] = []

    def get_series(
        self,
        series_query: str,
        fields: Fields = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: int = 0,
        extra_params: Mapping[str, Any] | None = None,
        serializer: Serializer | None = None,
    ) -> int:
        """Queue what :meth:`Connection.get_series` reads; the arguments are the same."""
        asked = parameters(fields=fields, df=df, dt=dt, max_points=max_points)
        return self.queue({"query": series_query, **asked}, lambda series: series, serializer, extra_params)

    def get_fields(self, series_query: str | None = None, fields: Fields = "*", *, series_id: str | None = None) -> int:
        """Queue what :meth:`Connection.get_fields` reads; the arguments are the same."""
        name, by_id = deprecated.query_or_id(series_query, series_id)
        item = {"series_id" if by_id else "query": name, **parameters(fields=fields)}
        return self.queue(item, lambda series: series.get("fields", {}))

    def get_reported_dates(
        self, series_query: str, df: Date | None = None, dt: Date | None = None, mode: str = "all"
    ) -> int:
        """Queue what :meth:`Connection.get_reported_dates` reads for a series; the arguments are the same."""
        check_mode(mode)
        asked = parameters(df=df, dt=dt, max_points=-1)
        item = {"query": series_query, "operators": f"@repdatelist:{mode}", **asked}
        return self.queue(item, lambda series: series.get("points", []), _dates)

    def queue(
        self,
        item: dict[str, Any],
        take: Callable[[dict[str, Any]], Any],
        serializer: Serializer | None = None,
        extra_params: Mapping[str, Any] | None = None,
    ) -> int:
        """Queue an item of a bulk request, a dict with ``query`` or ``series_id``; `take` makes the result of it."""
        key = "series_queries" if "query" in item else "series"
        self._queued.append(_Queued(key, item, take, serializer or options.point_serializer, extra_params or {}))
        return len(self._queued) - 1

    def fetch(self) -> list[Any]:
        """Read everything that is queued.

        Returns
        -------
        list
            The results in the order of the ``get_...`` calls; None for a series that does not exist.

        Raises
        ------
        ShoojuApiError
            A series failed for another reason; the reads remain queued.
        """
        results: list[Any] = [None] * len(self._queued)
        requests: dict[str, list[int]] = {}  # the positions of reads that can share requests
        for at, read in enumerate(self._queued):
            shared = read.key + json.dumps(dict(read.extra_params), sort_keys=True, default=str)
            requests.setdefault(shared, []).append(at)
        for positions in requests.values():
            key, *_, extra_params = self._queued[positions[0]]
            asked = {"date_format": "milli", **extra_params}
            items = [self._queued[at].item for at in positions]
            remaining = iter(positions)
            for document in reader.bulk(self._client, items, asked, key=key, parse=reader.as_items):
                for series, at in zip(reader.existing_items(document), remaining, strict=False):
                    read = self._queued[at]
                    if series is not None and not series.get("error"):
                        series = read.take(serialize_series(series, read.serializer, document.root))
                    results[at] = series
        self._queued = []
        return results


def check_mode(mode: str) -> None:
    """Check the argument `mode` of reads of report dates."""
    if mode not in REPORTED_DATES_MODES:
        raise ValueError(f"mode must be one of {', '.join(REPORTED_DATES_MODES)}, got mode={mode!r}")


def _dates(points: Any, **_flags: Any) -> list[datetime.datetime]:
    return [to_datetime(row[0]) for row in points]

"""`MGet`: several reads of single series, fetched together."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pandas_shooju.client.deprecated import DeprecatedMGetCalls, query_or_id
from pandas_shooju.client.points import Date, Serializer, serialize_series, to_datetime
from pandas_shooju.client.reads import Fields, bulk, check_items, parameters
from pandas_shooju.client.settings import options
from pandas_shooju.client.transport import Client

__all__ = ["MGet"]

REPORTED_DATES_MODES = ("all", "points", "fields", "df", "dt")


@dataclass(frozen=True)
class _Queued:
    """A read that waits: its item, in which list of a bulk call, and what of the series the caller gets."""

    key: str
    item: dict[str, Any]
    take: Callable[[dict[str, Any]], Any]
    serializer: Serializer
    extra_params: Mapping[str, Any]

    @property
    def call(self) -> str:
        """What reads that may share a call have in common."""
        return self.key + json.dumps(dict(self.extra_params), sort_keys=True, default=str)


class MGet(DeprecatedMGetCalls):
    """Queues reads of single series; :meth:`fetch` does them in as few calls as possible.

    Made by :meth:`Connection.mget`. Every ``get_...`` gives the position of its result.

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
        """Queue what :meth:`Connection.get_series` reads, with the same arguments."""
        asked = parameters(fields=fields, df=df, dt=dt, max_points=max_points)
        item = {"query": series_query, **asked}
        return self._queue("series_queries", item, lambda series: series, serializer, extra_params)

    def get_fields(self, series_query: str | None = None, fields: Fields = "*", *, series_id: str | None = None) -> int:
        """Queue what :meth:`Connection.get_fields` reads, with the same arguments."""
        name, by_id = query_or_id(series_query, series_id)
        key, kind = ("series", "series_id") if by_id else ("series_queries", "query")
        return self._queue(key, {kind: name, **parameters(fields=fields)}, lambda series: series.get("fields", {}))

    def get_reported_dates(
        self, series_query: str, df: Date | None = None, dt: Date | None = None, mode: str = "all"
    ) -> int:
        """Queue what :meth:`Connection.get_reported_dates` reads of a series, with the same arguments."""
        if mode not in REPORTED_DATES_MODES:
            raise ValueError(f"mode={mode!r}: give one of {', '.join(REPORTED_DATES_MODES)}")
        asked = parameters(df=df, dt=dt, max_points=-1)
        item = {"query": series_query, "operators": f"@repdatelist:{mode}", **asked}
        return self._queue("series_queries", item, lambda series: series.get("points", []), _dates)

    def _queue(
        self,
        key: str,
        item: dict[str, Any],
        take: Callable[[dict[str, Any]], Any],
        serializer: Serializer | None = None,
        extra_params: Mapping[str, Any] | None = None,
    ) -> int:
        self._queued.append(_Queued(key, item, take, serializer or options.point_serializer, extra_params or {}))
        return len(self._queued) - 1

    def fetch(self) -> list[Any]:
        """Read all that is queued.

        Returns
        -------
        list
            The results in the order of the ``get_...`` calls; None where a series does not exist.

        Raises
        ------
        ShoojuApiError
            A series failed otherwise; the reads stay queued.
        """
        results: list[Any] = [None] * len(self._queued)
        calls: dict[str, list[int]] = {}
        for position, queued in enumerate(self._queued):
            calls.setdefault(queued.call, []).append(position)
        for positions in calls.values():
            first = self._queued[positions[0]]
            asked = {"date_format": "milli", **first.extra_params}
            remaining = iter(positions)
            for document in bulk(self._client, [self._queued[at].item for at in positions], asked, key=first.key):
                for series, at in zip(check_items(document["series"]), remaining, strict=False):
                    results[at] = self._result(self._queued[at], series, document)
        self._queued = []
        return results

    def _result(self, queued: _Queued, series: dict[str, Any] | None, document: Mapping[str, Any]) -> Any:
        if series is None or "error" in series:
            return series
        return queued.take(serialize_series(series, queued.serializer, document))


def _dates(points: Any, **_flags: Any) -> list[datetime.datetime]:
    return [to_datetime(row[0]) for row in points]

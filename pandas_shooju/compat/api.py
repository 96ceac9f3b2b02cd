"""`ShoojuApi`: the calls of the API by name, with their responses as the server returns them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, cast

from pandas_shooju.client import files
from pandas_shooju.client.points import Date
from pandas_shooju.client.reader import check_failures, wire_date, wire_fields
from pandas_shooju.compat.client import Client, logger
from pandas_shooju.compat.options import options
from pandas_shooju.errors import ShoojuApiError

_LOCK_ATTEMPTS = 3


class SeriesRespone:
    """The response to a read of series.

    Attributes
    ----------
    success, total, included_job, included_timestamp, request_id
        As in the response; None where it has none.
    series : list
        The series.
    """

    def __init__(self, response: Mapping[str, Any]) -> None:
        self.success = response.get("success")
        self.total = response.get("total")
        self.series: list[Any] = response.get("series", [])
        self.included_job = response.get("included_job")
        self.included_timestamp = response.get("included_timestamp")
        self.request_id = response.get("request_id")

    @property
    def first_series(self) -> dict[str, Any]:
        """The first series, under ``series``, with ``included_job`` and ``included_timestamp``."""
        return {
            "series": self.series[0],
            "included_job": self.included_job,
            "included_timestamp": self.included_timestamp,
        }


class ShoojuApi:
    r"""The calls of the API by name; ``conn.shooju_api`` of a connection.

    Parameters
    ----------
    client
        The raw client to use.

    Examples
    --------
    >>> api = ShoojuApi(Client("local::memory:"))
    >>> job_id = api.register_job("GDP of China")["job_id"]
    >>> api.series_write([{"type": "POST", "series_id": r"users\sam\gdp", "points": [[0, 14.7]]}], job_id)
    [{'success': True}]
    >>> api.get_single_series(r"users\sam\gdp", max_points=1)["series"]["points"]
    [(0, 14.7)]
    """

    API_SERIES = "/series"
    API_SERIES_WRITE = "/series/write"
    API_SERIES_DELETE = "/series/delete"
    API_REPORTED_DATES = "/series/reported_dates"
    API_REPORTED_DATES_DELETE = "/series/reported_dates/delete"
    API_JOBS = "/jobs/"
    API_FILES = "/files/{id}/download"
    API_STATUS = "/status/green"
    API_PING = "/status/ping"
    API_GOOGLE_OAUTH = "/auth/googleoauth"

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def raw(self) -> Client:
        """The raw client."""
        return self.client

    # --- series ---

    def get_single_series(
        self,
        series_id: str | None = None,
        series_query: str | None = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: int | None = None,
        fields: str | Iterable[str] | None = None,
        deserialize_response_to_numpy: bool | None = None,
        extra_params: Mapping[str, Any] | None = None,
        size: int | None = None,
        **_ignored: Any,
    ) -> dict[str, Any]:
        """Read one series, by its id or by a query; see `series_read`."""
        if not series_id and not series_query:
            raise TypeError("get_single_series() needs a series_id or a series_query")
        return self.series_read(
            None if series_id is None else [series_id],
            None if series_query is None else [series_query],
            None, df, dt, max_points or size, fields, deserialize_response_to_numpy, extra_params,
        ).first_series  # fmt: skip

    def series_read(
        self,
        series_ids: Sequence[str] | None = None,
        series_queries: Sequence[Any] | None = None,
        series_requests: Sequence[Mapping[str, Any]] | None = None,
        df: Date | None = None,
        dt: Date | None = None,
        max_points: int | None = None,
        fields: str | Iterable[str] | None = None,
        deserialize_response_to_numpy: bool | None = None,
        extra_params: Mapping[str, Any] | None = None,
    ) -> SeriesRespone:
        """Read single series: by their ids, by queries, or by requests, of which only the first kind given counts.

        Raises
        ------
        ShoojuApiError
            A series failed for another reason than not existing, unless `options.return_series_errors` is set.
        """
        asked = {"series_ids": series_ids, "series": series_requests, "series_queries": series_queries}
        body = next(({name: given} for name, given in asked.items() if given is not None), None)
        if body is None:
            raise TypeError("series_read() needs series_ids, series_queries or series_requests")
        params = _params(df, dt, max_points=max_points, fields=wire_fields(fields)) | dict(extra_params or {})
        response = self.client.post(
            self.API_SERIES, params=params, data_json=body, deserializer=options.series_serializer,
            deserializer_params={"use_numpy": bool(deserialize_response_to_numpy)},
        )  # fmt: skip
        if not options.return_series_errors:
            check_failures(item for item in response["series"] if item.get("error"))
            response["series"] = [None if item.get("error") else item for item in response["series"]]
        return SeriesRespone(response)

    def search_series(
        self,
        query: str = "",
        date_start: Date | None = None,
        date_finish: Date | None = None,
        max_points: int = 0,
        batch_size: int | None = None,
        scroll_batch_size: int | None = None,
        per_page: int | None = None,
        fields: str | Iterable[str] | None = None,
        scroll: bool = False,
        sort_on: str | None = None,
        sort_order: str = "asc",
        operators: Sequence[str] | None = None,
        size: int | None = None,
        query_size: int | None = None,
        sort: str | None = None,
        deserialize_response_to_numpy: bool | None = None,
        url_params: Mapping[str, Any] | None = None,
    ) -> Any:
        """Search series: one page, or with `scroll` the first one and a ``scroll_id``."""
        batch_size = query_size or scroll_batch_size or batch_size
        params = _params(
            "MIN" if date_start is None else date_start,
            "MAX" if date_finish is None else date_finish,
            query=query,
            max_points=max_points if size is None else size,
            fields=wire_fields(fields) or None,
            scroll_batch_size=batch_size,
            per_page=query_size or per_page or None,
            scroll="y" if scroll else None,
            sort=sort or (f"{sort_on} {sort_order}" if sort_on else None),
            operators="@" + "@".join(operators) if operators else None,
        )
        return self.client.get(
            self.API_SERIES, params=params | dict(url_params or {}), deserializer=options.series_serializer,
            deserializer_params={"use_numpy": bool(deserialize_response_to_numpy)},
        )  # fmt: skip

    def scroll_series(self, scroll_id: Any) -> Any:
        """The next page of a search; it has no series after the last one."""
        return self.client.get(self.API_SERIES, params={"scroll_id": scroll_id}, deserializer=options.series_serializer)

    def series_write(
        self,
        data: Sequence[Mapping[str, Any]],
        job_id: int | None = None,
        collision_retry_timeout: float = 60,
        async_mode: bool = False,
        skip_meta_if_no_fields: bool = False,
    ) -> list[dict[str, Any] | None]:
        """Write items as the API takes them; those whose series is locked are sent up to three times.

        Returns
        -------
        list of dict
            The response to each item, in order; None where a query found no series.

        Raises
        ------
        ShoojuApiError
            Items were refused; the message has a line for each.
        """
        asked = {"job_id": job_id, "async_mode": async_mode, "skip_meta_if_no_fields": skip_meta_if_no_fields}
        params = {"date_format": "milli", **{name: value for name, value in asked.items() if value}}
        responses: dict[int, dict[str, Any]] = {}
        remaining = list(range(len(data)))
        for attempt in range(1, _LOCK_ATTEMPTS + 1):
            if not remaining:
                break
            body = {"series": [data[at] for at in remaining]}
            answer = self.client.post(
                self.API_SERIES_WRITE, params=params, data_json=body, serializer=options.series_serializer
            )
            responses |= zip(remaining, answer["responses"], strict=True)
            remaining = [at for at in remaining if "series is locked for change" in _description(responses[at])]
            if remaining and attempt < _LOCK_ATTEMPTS:
                logger.debug("%d series are locked; writing them again", len(remaining))
                time.sleep(collision_retry_timeout)
        found = [responses[at] for at in range(len(data))]
        errors = [response for response in found if response.get("error")]
        refused = [error for error in errors if error["error"] != "series_not_found"]
        if refused:
            first = ShoojuApiError.from_answer(refused[0])
            lines = "\n".join(str(ShoojuApiError.from_answer(error)) for error in refused)
            raise ShoojuApiError(lines, error=first.error, description=first.description)
        return [None if response.get("error") else response for response in found]

    def delete_series_by_query(self, query: str, force: bool = False, job_id: int | None = None) -> int:
        """Delete every series that a query finds; their number."""
        body = {"query": query, "force": force, "job_id": job_id}
        deleted: int = self.client.delete(self.API_SERIES_DELETE, data_json=body)["deleted"]
        return deleted

    def get_reported_dates(
        self,
        series_query: str | None = None,
        job_id: int | None = None,
        processor: str | None = None,
        df: Date | None = None,
        dt: Date | None = None,
        mode: str = "all",
    ) -> Any:
        """The report dates of a series, in milliseconds, under ``reported_dates``."""
        if not (series_query or job_id or processor):
            raise TypeError("get_reported_dates() needs a series_query, a job_id or a processor")
        params = _params(df, dt, series_query=series_query, job_id=job_id, processor=processor, mode=mode)
        return self.client.get(self.API_REPORTED_DATES, params=params)

    # --- jobs, files and the server ---

    def register_job(self, description: str, notes: str = "", source: str = "python", no_history: bool = False) -> Any:
        """Register a job; its id is under ``job_id``."""
        body = {"source": source, "description": description, "notes": notes, "no_history": no_history}
        return self.client.post(self.API_JOBS, data_json=body)

    def download_file(self, file_id: str, filename: str | None = None) -> IO[bytes]:
        """Download a file, see :meth:`pandas_shooju.Connection.download_file`."""
        return files.download_file(cast(Any, self), file_id, filename)

    def api_status(self) -> Any:
        """Whether the service is well."""
        return self.client.get(self.API_STATUS)

    def ping(self) -> Any:
        """Whether the server answers."""
        return self.client.get(self.API_PING)


def _params(df: Date | None, dt: Date | None, **others: Any) -> dict[str, Any]:
    """URL parameters, without those that are None."""
    params = {"date_format": "milli", "df": wire_date(df, "df"), "dt": wire_date(dt, "dt"), **others}
    return {name: value for name, value in params.items() if value is not None}


def _description(response: Mapping[str, Any]) -> str:
    return str(response.get("description") or "") if response.get("error") else ""

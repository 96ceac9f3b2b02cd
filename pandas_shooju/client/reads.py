"""Reading series, documents at a time: searches page by page, and single series in bulk.

What comes back are the decoded documents, with :class:`PointColumns` in their series; what becomes of them
(serializers, frames) is decided above. Both readers keep requests under way while the caller works on what has arrived.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

from pandas_shooju.client.points import Date, to_milli
from pandas_shooju.client.settings import options
from pandas_shooju.client.transport import Answer, Client
from pandas_shooju.errors import ConnectionError, ShoojuApiError, ShoojuFormatError
from pandas_shooju.formats import SeriesTable
from pandas_shooju.formats.table import values_of

#: series that one bulk call may ask for
MAX_BULK = 1000

Fields = str | Iterable[str] | None


def wire_date(date: Date | None, name: str) -> str | int | None:
    """A limit of dates as the API takes it: milliseconds, or text (an ISO date, MIN, MAX, relative) as it is."""
    if date is None or isinstance(date, str):
        return date
    try:
        return to_milli(date)
    except TypeError:
        raise TypeError(
            f"{name}={date!r}: give a date, a datetime, milliseconds since 1970, an ISO date, 'MIN', 'MAX', or a "
            "relative date such as '-1y'"
        ) from None


def wire_fields(fields: Fields) -> str | None:
    """Names of fields as the API takes them; a plain string is one name.

    Raises
    ------
    ValueError
        A name holds a comma, which separates names on the wire.

    Examples
    --------
    >>> wire_fields("unit"), wire_fields(["country", "unit"])
    ('unit', 'country,unit')
    """
    if fields is None:
        return None
    names = [fields] if isinstance(fields, str) else list(fields)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"fields={fields!r}: {name!r} is not the name of a field")
        if "," in name:
            raise ValueError(
                f"fields={fields!r}: the API separates names by commas, so {name!r} cannot be asked for; "
                "several names are a list: fields=['country', 'unit']"
            )
    return ",".join(names)


def parameters(
    *,
    fields: Fields = None,
    df: Date | None = None,
    dt: Date | None = None,
    max_points: int | None = 0,
    include_job: bool = False,
    include_timestamp: bool = False,
    extra_params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The URL parameters that all reads of series have in common; those not asked for are left out."""
    if max_points is None:
        max_points = 0
    if isinstance(max_points, bool) or not hasattr(max_points, "__index__") or max_points < -1:
        raise ValueError(f"max_points={max_points!r}: give a number of points, 0 for none, or -1 for all")
    asked = {
        "date_format": "milli",
        "df": wire_date(df, "df"),
        "dt": wire_date(dt, "dt"),
        "max_points": int(max_points),
        "fields": wire_fields(fields) or None,
        "include_job": "y" if include_job else None,
        "include_timestamp": "y" if include_timestamp else None,
        **(extra_params or {}),
    }
    return {name: value for name, value in asked.items() if value is not None}


def pages(
    client: Client,
    query: str,
    asked: Mapping[str, Any],
    *,
    sort: str | None = None,
    max_series: int | None = None,
    batch_size: int = 2500,
    prefetch: bool = True,
    tables: bool = False,
) -> Iterator[dict[str, Any]]:
    """The pages of a search, the last one cut off at `max_series`.

    With `prefetch`, the next page is asked for on a thread while this one is decoded, and while the caller works on it.
    With `tables`, series are a `SeriesTable` where that can be.
    """
    if not isinstance(query, str):
        raise TypeError(f"a query is text; got {query!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: a request is for at least one series")
    if max_series is not None and max_series < 0:
        raise ValueError(f"max_series={max_series}: give a number of series, or None for all")
    params = {"query": query, "df": "MIN", "dt": "MAX", **asked, **({"sort": sort} if sort else {})}
    if max_series is None or max_series > batch_size:
        params |= {"scroll": "y", "scroll_batch_size": batch_size}
    else:
        params["per_page"] = max(max_series, 1)
    read = partial(_read, client, "get", tables=tables)
    return _pages(client, read(params).document, read, max_series, batch_size, prefetch)


def _pages(
    client: Client,
    page: dict[str, Any],
    read: Callable[..., Answer],
    max_series: int | None,
    batch_size: int,
    prefetch: bool,
) -> Iterator[dict[str, Any]]:
    announced = page.get("total")
    if not isinstance(announced, int):
        announced = len(page["series"])
    left = announced if max_series is None else min(announced, max_series)
    scroll = {"scroll_id": page.get("scroll_id")}
    tried_again = False
    # two, so that one page is fetched while the one before it is decoded
    executor = ThreadPoolExecutor(2, "shooju-pages") if prefetch else None
    ahead: _Ahead | None = None
    try:
        while True:
            if len(page["series"]) > left:
                page["series"] = page["series"][:left]
            left -= len(page["series"])
            more = left > 0 and len(page["series"]) > 0
            if more and scroll["scroll_id"] is None:
                raise ShoojuFormatError(f"{left} more series are announced, and no scroll_id to ask for them")
            if more and executor is not None and ahead is None:
                ahead = _Ahead(executor, read, scroll)
            yield page
            if not more:
                break
            while True:
                if executor is None or ahead is None:
                    answer = read(scroll)
                else:
                    this = ahead
                    this.received.wait()
                    # a page has no more series than asked for: is there one behind it?
                    ahead = _Ahead(executor, read, scroll) if left > batch_size else None
                    answer = this.answer.result()
                tried_again |= answer.attempts > 1
                if answer.attempts == 1 or not _begin_alike(answer.document, page):
                    break
                # the last page again: of the call that was sent again, nothing had arrived the first time
            page = answer.document
            if not len(page["series"]):
                break
        if left > 0 and tried_again:
            # the server keeps the position of a scroll, and has not given a page again whose answer broke off
            raise ConnectionError(
                f"{left} of {announced} series were lost while a page was asked for again; read once more",
                url=client.url,
            )
    finally:
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)


def _begin_alike(page: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two pages of a search are the same: no series is found twice."""
    first, second = (_first_id(one["series"]) for one in (page, other))
    return first is not None and first == second


def _first_id(series: list[dict[str, Any]] | SeriesTable) -> Any:
    if isinstance(series, SeriesTable):
        return next(iter(values_of(series.series_ids[:1])), None)
    return series[0].get("series_id") if series else None


class _Ahead:
    """A page that was asked for on a thread: when it has come, and when it is decoded."""

    def __init__(self, executor: ThreadPoolExecutor, read: Callable[..., Answer], scroll: Mapping[str, Any]) -> None:
        self.received = threading.Event()

        def run() -> Answer:
            try:
                return read(scroll, received=self.received.set)
            finally:
                self.received.set()

        self.answer: Future[Answer] = executor.submit(run)


def bulk(
    client: Client,
    requests: Iterable[Any],
    asked: Mapping[str, Any],
    *,
    key: str = "series_queries",
    batch_size: int = MAX_BULK,
    workers: int = 4,
) -> Iterator[dict[str, Any]]:
    """The documents of bulk calls, in order; in each as many series as were asked for.

    `requests` are the items of the body's list `key`. Up to `workers` calls are under way at once.
    """
    if not 1 <= batch_size <= MAX_BULK:
        raise ValueError(f"batch_size={batch_size}: a bulk call asks for 1 to {MAX_BULK} series")
    if workers < 1:
        raise ValueError(f"workers={workers}: at least one call is under way")
    remaining = iter(requests)
    batches = iter(lambda: list(islice(remaining, batch_size)), [])

    def fetch(items: list[Any]) -> dict[str, Any]:
        document: dict[str, Any] = _read(client, "post", asked, {key: items}).document
        if len(document["series"]) != len(items):
            raise ShoojuFormatError(f"{len(items)} series were asked for, and {len(document['series'])} answered")
        return document

    first, second = next(batches, None), next(batches, None)
    if first is None:
        return
    if second is None or workers == 1:
        for items in (first, second):
            if items is not None:
                yield fetch(items)
        yield from map(fetch, batches)
        return
    executor = ThreadPoolExecutor(workers, "shooju-bulk")
    try:
        under_way = deque([executor.submit(fetch, first), executor.submit(fetch, second)])
        under_way.extend(executor.submit(fetch, items) for items in islice(batches, workers - 2))
        while under_way:
            document = under_way.popleft().result()
            under_way.extend(executor.submit(fetch, items) for items in islice(batches, 1))
            yield document
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _read(
    client: Client,
    method: str,
    params: Mapping[str, Any],
    body: Any = None,
    received: Callable[[], None] | None = None,
    tables: bool = False,
) -> Answer:
    answer = client.call(
        method, "/series", params=params, data_json=body, receive_format=options.series_format, received=received,
        tables=tables,
    )  # fmt: skip
    document = answer.document
    series = document.get("series")
    if isinstance(series, SeriesTable):
        return answer
    if not isinstance(series, list) or not all(isinstance(item, dict) for item in series):
        raise ShoojuFormatError("the answer to a read of series has no list of objects under 'series'")
    return answer


def check_items(series: list[Any]) -> list[Any]:
    """Items of a read as the caller gets them: None for a series that does not exist; other failures raise.

    With `options.return_series_errors` the items stay as the server gave them.

    Raises
    ------
    ShoojuApiError
        A series failed otherwise; with several, all the messages.
    """
    if options.return_series_errors:
        return series
    failed = [item for item in series if item.get("error")]
    others = [item for item in failed if item["error"] != "series_not_found"]
    if others:
        error = ShoojuApiError.from_answer(others[0])
        if len(others) > 1:
            messages = "\n".join(str(ShoojuApiError.from_answer(item)) for item in others)
            error = ShoojuApiError(messages, error=error.error, description=error.description)
        raise error
    return [None if item.get("error") else item for item in series] if failed else series

"""Reading series, for every caller: searches page by page, and single series in bulk.

What comes back are documents (:class:`pandas_shooju.formats.Document`). Callers that return dicts use their `items`,
callers that make frames their `series`; `parse` makes that form on the thread that received the document. Both readers
keep requests in flight while the caller works on what has arrived.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from pandas_shooju.client import validation
from pandas_shooju.client.options import options
from pandas_shooju.client.points import Date, DateError, Serializer, serialize_series, to_milli
from pandas_shooju.client.transport import Answer, Client
from pandas_shooju.errors import ConnectionError, ShoojuApiError, ShoojuFormatError
from pandas_shooju.formats import Document, PointColumns

__all__ = ["ScrollIterable"]

#: points that a page of a search may be expected to have
MOST_POINTS = 10_000_000

#: series that one bulk request may ask for
MAX_BULK = 1000

Fields = str | Iterable[str] | None
#: makes the form of a document's series that the caller is going to use: dicts or columns
Parse = Callable[[Document], object]
as_items: Parse = validation.series_items
as_table: Parse = attrgetter("series")


# --- what to read -----------------------------------------------------------------------------------------------


def wire_date(date: Date | None, name: str) -> str | int | None:
    """A limit of dates as the API takes it: milliseconds, or a string (an ISO date, MIN, MAX, relative) as is."""
    if date is None or isinstance(date, str):
        return date
    try:
        return to_milli(date)
    except DateError:
        raise DateError(
            f"{name} must be a date, a datetime, milliseconds since 1970, an ISO date, 'MIN', 'MAX', or a relative "
            f"date such as '-1y', got {date!r}"
        ) from None


def wire_fields(fields: Fields) -> str | None:
    """Field names as the API takes them; a plain string is one name, and no name may contain a comma."""
    if fields is None:
        return None
    names = [fields] if isinstance(fields, str) else list(fields)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"fields must be field names (strings), got {name!r} in {fields!r}")
        if "," in name:
            raise ValueError(
                f"a field name cannot contain a comma, which separates names in the API, got {name!r}; "
                "pass several names as a list: fields=['country', 'unit']"
            )
    return ",".join(names)


def check_max_points(max_points: Any) -> int:
    """Check the number of points to read."""
    if isinstance(max_points, bool) or not hasattr(max_points, "__index__") or max_points < -1:
        raise ValueError(f"max_points must be -1 (all points) or a non-negative integer, got {max_points!r}")
    return int(max_points)


def parameters(
    *,
    fields: Fields = None,
    df: Date | None = None,
    dt: Date | None = None,
    max_points: int = 0,
    include_job: bool = False,
    include_timestamp: bool = False,
    extra_params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The URL parameters of a read, from arguments as in :meth:`Connection.get_series`."""
    params = {
        "date_format": "milli",
        "df": wire_date(df, "df"),
        "dt": wire_date(dt, "dt"),
        "max_points": check_max_points(max_points or 0),
        "fields": wire_fields(fields) or None,
        "include_job": "y" if include_job else None,
        "include_timestamp": "y" if include_timestamp else None,
        **(extra_params or {}),
    }
    return {name: value for name, value in params.items() if value is not None}


# --- searches ---------------------------------------------------------------------------------------------------


def pages(
    client: Client,
    query: str,
    asked: Mapping[str, Any],
    *,
    sort: str | None = None,
    max_series: int | None = None,
    batch_size: int = 2500,
    ahead: bool = True,
    parse: Parse = as_table,
) -> Iterator[Document]:
    """The pages of a search, at most `max_series` series in all; the first page is read at once.

    Where `max_points` limits the points of each series, a page has so few series that it has at most `MOST_POINTS`.
    With `ahead`, a thread requests the next page while this one is parsed and while the caller works on it.
    """
    if not isinstance(query, str):
        raise TypeError(f"query must be a string, got {query!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be a positive number of series, got {batch_size}")
    if max_series is not None and max_series < 0:
        raise ValueError(f"max_series must be a non-negative number of series or None, got {max_series}")
    points = asked.get("max_points")
    if isinstance(points, int) and points > 0:  # a string comes from extra_params
        batch_size = min(batch_size, max(MOST_POINTS // points, 1))
    params = {"query": query, "df": "MIN", "dt": "MAX", **asked, **({"sort": sort} if sort else {})}
    if max_series is None or max_series > batch_size:
        params |= {"scroll": "y", "scroll_batch_size": batch_size}
    else:
        params["per_page"] = max(max_series, 1)

    def read(params: Mapping[str, Any], received: Callable[[], None] | None = None) -> Answer:
        answer = client.call("get", "/series", params=params, receive_format=options.series_format, received=received)
        validation.check_page(answer.document)
        parse(answer.document)
        return answer

    return _pages(client, read(params).document, read, max_series, batch_size if ahead else None)


def _pages(
    client: Client, page: Document, read: Callable[..., Answer], max_series: int | None, ahead: int | None
) -> Iterator[Document]:
    """The pages from this one on; `ahead` is the batch size if they are to be requested ahead."""
    announced: int = page.count if page.root.get("total") is None else page.root["total"]
    left = announced if max_series is None else min(announced, max_series)
    scroll = {"scroll_id": page.root.get("scroll_id")}
    # two threads (started when used), so that one page is requested while the one before it is parsed
    executor = ThreadPoolExecutor(2, "shooju-pages")
    requested: tuple[threading.Event, Future[Answer]] | None = None
    try:
        while True:
            if page.count > left and max_series is None:
                raise ShoojuFormatError(f"the search announced {announced} series, but returned more")
            page = page.first(left)
            left -= page.count
            more = left > 0 and page.count > 0
            if more and scroll["scroll_id"] is None:
                raise ShoojuFormatError(f"the search announced {left} more series, but no scroll_id to request them")
            if more and ahead is not None and requested is None:
                requested = _request(executor, read, scroll)
            yield page
            if not more:
                break
            repeated = True
            while repeated:
                if ahead is None or requested is None:
                    answer = read(scroll)
                else:
                    received, future = requested
                    received.wait()
                    # a page has at most batch_size series: is there another one behind it?
                    requested = _request(executor, read, scroll) if left > ahead else None
                    answer = future.result()
                # a request that was sent again returns the last page if nothing of it had arrived the first time
                repeated = _is_same(answer.document, page)
                if repeated and answer.attempts == 1:
                    raise ShoojuFormatError("the search returned the same page twice")
            page = answer.document
        if left > 0:
            # the server keeps the position, and does not return a page again whose transfer broke off
            raise ConnectionError(
                f"the search ended after {announced - left} of {announced} series; read again", url=client.url
            )
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _is_same(page: Document, other: Document) -> bool:
    """Whether two pages of a search are the same: no series is found twice."""
    first = page.first_id()
    return first is not None and first == other.first_id()


def _request(
    executor: ThreadPoolExecutor, read: Callable[..., Answer], scroll: Mapping[str, Any]
) -> tuple[threading.Event, Future[Answer]]:
    """Request a page on a thread: when it has arrived (or the request has failed), and when it is parsed."""
    received = threading.Event()
    future = executor.submit(read, scroll, received.set)
    future.add_done_callback(lambda _: received.set())
    return received, future


class ScrollIterable:
    """The series of a search; made by :meth:`Connection.scroll`.

    The first page is read at once, the others when the iteration reaches them. A second loop, after a ``break``, starts
    at the first series of the current page.
    """

    def __init__(self, pages: Iterator[Document], serializer: Serializer) -> None:
        self._pages = pages
        self._serializer = serializer
        self._page: Document | None = next(pages)
        #: the current page as the server returned it, with the number of series found as ``total``; points that the
        #: iteration has not reached yet are `PointColumns`
        self.raw_response: dict[str, Any] = self._page.plain()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while self._page is not None:
            for series in existing_items(self._page):
                if series is not None:
                    series.setdefault("fields", {})
                    if isinstance(series.get("points"), PointColumns):  # not serialized by a loop that was left
                        serialize_series(series, self._serializer, self.raw_response)
                    yield series
            self._page = next(self._pages, None)
            if self._page is not None:
                self.raw_response = self._page.plain()


# --- single series ----------------------------------------------------------------------------------------------


def bulk(
    client: Client,
    requests: Sequence[Any],
    asked: Mapping[str, Any],
    *,
    key: str = "series_queries",
    batch_size: int = MAX_BULK,
    workers: int = 4,
    parse: Parse = as_table,
) -> Iterator[Document]:
    """The documents of bulk requests, in order, with an item for each of `requests`.

    `requests` are the elements of the list `key` in the body. Up to `workers` HTTP requests are in flight at once.
    Elements without a series are in `failed` of the documents, by their positions.
    """
    if not 1 <= batch_size <= MAX_BULK:
        raise ValueError(f"batch_size must be between 1 and {MAX_BULK} series, got {batch_size}")
    if workers < 1:
        raise ValueError(f"workers must be a positive number of requests, got {workers}")

    def fetch(start: int) -> Document:
        items = requests[start : start + batch_size]
        document = client.call(
            "post", "/series", params=asked, data_json={key: items}, receive_format=options.series_format
        ).document
        parse(document)
        validation.check_bulk(document, items)
        return document

    starts = iter(range(0, len(requests), batch_size))
    if workers == 1 or len(requests) <= batch_size:
        yield from map(fetch, starts)
        return
    executor = ThreadPoolExecutor(workers, "shooju-bulk")
    try:
        in_flight = deque(executor.submit(fetch, start) for start in islice(starts, workers))
        while in_flight:
            document = in_flight.popleft().result()
            in_flight.extend(executor.submit(fetch, start) for start in islice(starts, 1))
            yield document
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


class SeriesRead(NamedTuple):
    """A read of one series: its item in the body of a bulk request, and how the series becomes a result."""

    item: dict[str, Any]
    take: Callable[[dict[str, Any]], Any] = lambda series: series
    serializer: Serializer | None = None
    extra_params: Mapping[str, Any] | None = None


def single(client: Client, reads: Sequence[SeriesRead]) -> list[Any]:
    """The results of reads, in order, with as few requests as possible; None for a series that does not exist."""
    results: list[Any] = [None] * len(reads)
    requests: dict[tuple[str, str], list[int]] = {}  # the positions of reads that can share requests
    for at, read in enumerate(reads):
        key = "series_queries" if "query" in read.item else "series"
        extra_params = json.dumps(dict(read.extra_params or {}), sort_keys=True, default=str)
        requests.setdefault((key, extra_params), []).append(at)
    for (key, _), positions in requests.items():
        asked = {"date_format": "milli", **(reads[positions[0]].extra_params or {})}
        items = [reads[at].item for at in positions]
        remaining = iter(positions)
        for document in bulk(client, items, asked, key=key, parse=as_items):
            for series, at in zip(existing_items(document), remaining, strict=False):
                if series is not None and not series.get("error"):
                    serializer = reads[at].serializer or options.point_serializer
                    series = reads[at].take(serialize_series(series, serializer, document.root))
                results[at] = series
    return results


def check_name(query: str | None) -> str:
    """Check that a query (or an id) that names one series is a string, and not empty."""
    if not isinstance(query, str) or not query.strip():
        raise TypeError(f"a query that names a series must be a string such as r'sid=users\\me\\gdp', got {query!r}")
    return query


def check_failures(failed: Iterable[Mapping[str, Any]]) -> None:
    """Raise if series failed for another reason than not existing, unless `options.return_series_errors` is set."""
    errors = [ShoojuApiError.from_answer(dict(item)) for item in failed if item["error"] != "series_not_found"]
    if errors and not options.return_series_errors:
        messages = "\n".join(map(str, errors))
        raise ShoojuApiError(messages, error=errors[0].error, description=errors[0].description)


def existing_items(document: Document) -> list[Any]:
    """The items of a read as the caller gets them: None for a series that does not exist.

    With `options.return_series_errors` the items are as the server returned them.
    """
    items = validation.series_items(document)
    check_failures(item for item in items if item.get("error"))
    if options.return_series_errors:
        return items
    return [None if item.get("error") else item for item in items]

"""What series hold, read in bulk and in bounded memory: their own points and fields, and those of their reports.

A search finds the series, with about how many points each has. The points are read in requests of about a million
points each, a few of which are in flight at once, and are passed on as they arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pandas_shooju import query as queries
from pandas_shooju.client import reader, validation
from pandas_shooju.client.transport import Client
from pandas_shooju.clocks import to_datetime
from pandas_shooju.errors import ShoojuApiError
from pandas_shooju.formats import Document, PointColumns

#: series on a page of ids
_PAGE = 10_000
#: the series of one request, by the number of points of each: about a million points
_BATCHES = ((1_000, 1_000), (10_000, 100), (100_000, 10))
#: the number of points where it is not known: a cautious guess
MANY_POINTS = 10_000

_META = ("meta.points_count", "meta.reppdates_max", "meta.repfdates_max")

_T = TypeVar("_T")


class State(NamedTuple):
    """The points (dates ascending, none of them missing) and the fields of a series, or of one of its reports."""

    points: PointColumns
    fields: dict[str, Any]


NOTHING = State(PointColumns.empty(), {})


class Listed(NamedTuple):
    """A series as a search lists it."""

    series_id: str
    #: about how many points it has
    points: int
    #: whether it has reports
    reported: bool


class Part(NamedTuple):
    """What is read of a series at once: what it has itself, or one of its reports."""

    series_id: str
    #: milliseconds; None for the points and fields of the series itself
    reported_date: int | None
    #: about how many points it has
    points: int


def search(client: Client, query: str, fields: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """The series that a query finds, with some fields, page by page."""
    asked = reader.parameters(fields=fields)
    for document in reader.pages(client, query, asked, batch_size=_PAGE, parse=reader.as_items):
        yield [item for item in existing(document) if item is not None]


def find(client: Client, query: str) -> Iterator[list[Listed]]:
    """The series that a query finds, page by page."""
    for items in search(client, query, _META):
        yield list(map(_listed, items))


def look_up(client: Client, series_ids: Sequence[str]) -> list[Listed | None]:
    """The series with these ids; None for one that does not exist."""
    wanted = list(map(queries.series, series_ids))
    found: list[Listed | None] = []
    for document in reader.bulk(client, wanted, reader.parameters(fields=_META), parse=reader.as_items):
        found += [None if item is None else _listed(item) for item in existing(document)]
    return [one and one._replace(series_id=given) for one, given in zip(found, series_ids, strict=True)]


def report_dates(client: Client, series: Sequence[Listed]) -> list[list[int]]:
    """The report dates (milliseconds) of each series."""
    wanted = [queries.series(one.series_id).operator("repdatelist", "all") for one in series if one.reported]
    asked = reader.parameters(df="MIN", dt="MAX", max_points=-1)
    documents = reader.bulk(client, wanted, asked, parse=reader.as_items)
    listed = (points_of(item).dates.tolist() if item else [] for document in documents for item in existing(document))
    return [next(listed) if one.reported else [] for one in series]


def parts_of(client: Client, series: Sequence[Listed]) -> list[list[Part]]:
    """The parts of each series: the series itself, and its reports."""
    dates = report_dates(client, series)
    return [
        [Part(one.series_id, date, one.points) for date in (None, *of_one)]
        for one, of_one in zip(series, dates, strict=True)
    ]


def read(client: Client, parts: Sequence[Part], size: int) -> Iterator[State | None]:
    """What each part holds, `size` of them in a request; None for a series that does not exist."""
    wanted = []
    for part in parts:
        query = queries.series(part.series_id)
        if part.reported_date is not None:
            date = to_datetime(part.reported_date)
            query = query.repdate(date).repfdate(date)
        wanted.append(query)
    asked = reader.parameters(fields="*", df="MIN", dt="MAX", max_points=-1)
    for document in reader.bulk(client, wanted, asked, batch_size=size, parse=reader.as_items):
        for item in existing(document):
            yield None if item is None else State(points_of(item), item.get("fields") or {})


def in_batches(things: Iterable[_T], points: Callable[[_T], int]) -> Iterator[tuple[int, list[_T]]]:
    """Things of similar size together, with how many of them one request may ask for."""
    sizes: dict[int, list[_T]] = {}
    for thing in things:
        size = next((size for most, size in _BATCHES if points(thing) <= most), 1)
        sizes.setdefault(size, []).append(thing)
    yield from sizes.items()


def make_visible(client: Client) -> None:
    """Make what was written before visible to reads; where a server does not allow this, it is after a moment."""
    with suppress(ShoojuApiError):
        client.post("/series/refresh", data_json={})


def _listed(item: Mapping[str, Any]) -> Listed:
    points, *reports = map((item.get("fields") or {}).get, _META)
    many = int(points) if isinstance(points, int | float) else MANY_POINTS
    return Listed(item["series_id"], many, any(date is not None for date in reports))


def existing(document: Document) -> Iterator[dict[str, Any] | None]:
    """The series of a document; None in place of one that does not exist."""
    for item in validation.series_items(document):
        if item.get("error") not in (None, "", "series_not_found"):
            raise ShoojuApiError.from_answer(item)
        yield None if item.get("error") else item


def points_of(item: dict[str, Any]) -> PointColumns:
    """The points of an item of a response, without those whose value is missing."""
    points: PointColumns | None = item.get("points")
    if points is None:
        return NOTHING.points
    missing = np.isnan(points.values)
    return points[~missing] if missing.any() else points

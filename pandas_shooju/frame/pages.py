"""Pages of series for `read_shooju`: those that a search finds, or those of a list or dict of queries.

This module decides which series are read, under which ids, and what happens to series that are missing or failed.
Several states or reports of each series are read by :mod:`pandas_shooju.frame.reports`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from pandas_shooju.errors import SeriesNotFoundError, ShoojuApiError, series_exists
from pandas_shooju.formats import SeriesTable
from pandas_shooju.formats.table import values_of
from pandas_shooju.frame.origin import without_asof
from pandas_shooju.frame.request import ReadRequest, queries_of
from pandas_shooju.frame.sources import is_expression, split_operators, with_source
from pandas_shooju.progress import Progress
from pandas_shooju.query import quote, unquote

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

_SID_QUERY = re.compile(r'sid=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s"()@]+))(?P<operators>(?:@[^\s"]+)?)')


class Found(NamedTuple):
    """Series, or states or reports of series, as they were found."""

    table: SeriesTable
    derived: list[bool]  # whether the points of each were computed, by operators or an expression
    labels: list[Any] | None  # their labels, if the caller named them
    missing: list[str]  # queries that found no series
    queries: list[str] | None = None  # a query for each series, where they are to be read
    vintages: pd.Index | None = None  # the report date or the as-of moment of each

    def part(self, start: int, stop: int | None) -> Found:
        """Some of the series."""
        labels, queries = (every and every[start:stop] for every in (self.labels, self.queries))
        return Found(
            self.table[start:stop], self.derived[start:stop], labels, [] if start else self.missing, queries
        )  # fmt: skip


def search(connection: Connection, request: ReadRequest, progress: bool | None) -> Iterator[Found]:
    """The series that a search finds, page by page."""
    query = str(request.query)
    sent = _as_of(query, request)
    derived = is_expression(query) or bool(without_asof(split_operators(query)[1]))
    for page in _pages(connection, sent, request, request.parameters(), progress):
        table = page if sent == query else _with_plain_ids(page, query, request)
        yield Found(table, [derived] * len(page), None, [])


def _pages(
    connection: Connection,
    query: str,
    request: ReadRequest,
    parameters: Mapping[str, Any],
    progress: bool | None,
) -> Iterator[SeriesTable]:
    """The pages of a search in the order and number that the request asks for."""
    from pandas_shooju.client import reader

    most = request.max_series
    with Progress("reading", "series", progress) as bar:
        for page in reader.pages(
            connection.raw, query, reader.parameters(**parameters), sort=request.sort, max_series=most,
            batch_size=request.batch_size,
        ):  # fmt: skip
            for item in page.failed.values():
                raise ShoojuApiError.from_answer(item)
            total = page.root.get("total")
            bar.advance(len(page.series), total if most is None else min(total or 0, most))
            yield page.series


def _as_of(query: str, request: ReadRequest) -> str:
    """The query as of the moment that was asked for, if there is one."""
    return query if request.asof is None else with_source(query, request.asof.operators[0])


def _with_plain_ids(table: SeriesTable, query: str, request: ReadRequest) -> SeriesTable:
    """The series of a search under their ids without ``@asof``, which the caller gave as an argument."""
    if is_expression(query) or request.asof is None:
        return table.with_ids([query] * len(table))
    parts = [series_id.rpartition(request.asof.operators[0]) for series_id in values_of(table.series_ids)]
    return table.with_ids([before + after for before, _, after in parts])


def single(connection: Connection, request: ReadRequest, progress: bool | None, batch_size: int) -> Iterator[Found]:
    """The series of a list or dict of queries, with their labels."""
    from pandas_shooju.client import reader

    items = labelled(request)
    queries = [query for _, query in items]
    todo = iter(items)
    sent = [_as_of(query, request) for query in queries]
    with Progress("reading", "series", progress) as bar:
        for page in reader.bulk(
            connection.raw, sent, reader.parameters(**request.parameters()), batch_size=min(batch_size, 1000)
        ):
            labels: list[Any] = []
            missing, present = [], []
            for position, (label, query) in enumerate(islice(todo, page.count)):
                if series_exists(page.failed.get(position), query):
                    labels.append(label)
                    present.append(query)
                else:
                    missing.append(query)
            check_missing(missing, request)
            bar.advance(page.count, len(items))
            answered = values_of(page.series.series_ids) if request.asof is None else present
            ids = [series_id_of(one) for one in answered]
            table = page.series.with_ids([series_id for series_id, _ in ids])
            yield Found(table, [is_derived for _, is_derived in ids], labels, missing)


def searched(connection: Connection, request: ReadRequest, progress: bool | None) -> Iterator[Found]:
    """The series that a search finds, without points, and the queries that read each of them."""
    query = str(request.query)
    if is_expression(query):
        yield named(request)
        return
    condition, operators = split_operators(query)
    derived = bool(operators)
    # fields are read with each state of a series; its reports have none, so theirs are those of the series
    of_series = request.reports is not None and request.layout != "fields"
    fields = request.parameters()["fields"] if of_series else None
    parameters = {"fields": fields, "max_points": 0, "extra_params": request.extra_params}
    for page in _pages(connection, condition, request, parameters, progress):
        ids = values_of(page.series_ids)
        yield Found(
            page.with_ids([series_id + operators for series_id in ids]), [derived] * len(ids), None, [],
            [f"sid={quote(series_id)}{operators}" for series_id in ids],
        )  # fmt: skip


def named(request: ReadRequest) -> Found:
    """The series that the queries of a list or dict name, and these queries. Nothing is read."""
    items = labelled(request)
    ids = [series_id_of(query) for _, query in items]
    table = SeriesTable.of([{"series_id": series_id} for series_id, _ in ids])
    labels, queries = [label for label, _ in items], [query for _, query in items]
    return Found(table, [is_derived for _, is_derived in ids], labels, [], queries)


def labelled(request: ReadRequest) -> list[tuple[Any, str]]:
    """The queries of a list or dict, with their labels, which are None for a list."""
    query = request.query
    return list(query.items()) if isinstance(query, Mapping) else [(None, one) for one in queries_of(query)]


def check_missing(missing: list[str], request: ReadRequest) -> None:
    """Raise if queries found no series, unless the request says to skip them."""
    if missing and request.on_missing == "raise":
        message = _missing_message(missing)
        raise SeriesNotFoundError(
            f"{message}; to skip missing series, use on_missing='warn' or 'ignore'",
            error="series_not_found",
            description=message,
        )


def warn_of_missing(pages: Iterable[Found], request: ReadRequest, stacklevel: int = 3) -> None:
    """Warn of queries without a series; by default, the warning points at the caller of the caller."""
    missing = [query for page in pages for query in page.missing]
    if missing and request.on_missing == "warn":
        warnings.warn(_missing_message(missing), UserWarning, stacklevel=stacklevel)


def _missing_message(queries: list[str]) -> str:
    shown = ", ".join(map(repr, queries[:5])) + (", ..." if len(queries) > 5 else "")
    return f"no series found for the query {shown}" if len(queries) == 1 else (
        f"no series found for {len(queries)} queries: {shown}"
    )  # fmt: skip


def series_id_of(answered: str) -> tuple[str, bool]:
    r"""The series id in the response to a bulk read, which is ``$`` and the query, and whether its points are derived.

    Operators stay with the id, and derive points. A query that is not a plain ``sid=`` is returned as it is.

    >>> series_id_of(r'$sid="users\sam\gdp"')
    ('users\\sam\\gdp', False)
    >>> series_id_of(r'$sid="users\sam\gdp"@A:M')
    ('users\\sam\\gdp@A:M', True)
    >>> series_id_of(r'$sid:users\sam unit=MW')
    ('sid:users\\sam unit=MW', True)
    """
    query = answered.removeprefix("$")
    match = _SID_QUERY.fullmatch(query)
    if match is None:
        return query, True
    series_id = match["plain"] or unquote(match["quoted"])
    return series_id + match["operators"], bool(without_asof(match["operators"]))


def chunks(pages: Iterator[Found], size: int) -> Iterator[list[Found]]:
    """The pages, regrouped so that each chunk has `size` series; one empty chunk if there are no series at all."""
    waiting: list[Found] = []
    chunks = 0
    for page in pages:
        waiting.append(page)
        while sum(len(found.table) for found in waiting) >= size:
            # all pages but the last one are used in full
            left = size - sum(len(found.table) for found in waiting[:-1])
            last = waiting.pop()
            yield [*waiting, last.part(0, left)]
            waiting = [last.part(left, None)]
            chunks += 1
    if any(len(found.table) or found.missing for found in waiting) or not chunks:
        yield waiting

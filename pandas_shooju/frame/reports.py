"""Several vintages of each series for `read_shooju`: its reports, or its states as of several moments.

The series are found first (:mod:`pandas_shooju.frame.pages`). The report dates of all of them are read next, and then
the points of all vintages, a thousand series or vintages in each request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.clocks import Int64Array
from pandas_shooju.errors import series_exists
from pandas_shooju.formats import SeriesTable
from pandas_shooju.formats.table import Column, values_of
from pandas_shooju.frame.pages import Found, check_missing
from pandas_shooju.frame.request import ReadRequest
from pandas_shooju.frame.sources import AsOf, Reports, split_operators, with_source
from pandas_shooju.progress import Progress

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection


def vintages(connection: Connection, request: ReadRequest, pages: Sequence[Found], progress: bool | None) -> Found:
    """The vintages of the series that were found: all of the first series, then all of the second, and so on."""
    series = _concat(pages)
    if request.reports is not None:
        return _reports(connection, request, series, request.reports, progress)
    assert request.asof is not None
    return _states(connection, request, series, request.asof, progress)


def _concat(pages: Sequence[Found]) -> Found:
    return Found(
        SeriesTable.concat([page.table for page in pages]),
        [derived for page in pages for derived in page.derived],
        None if pages[0].labels is None else [label for page in pages for label in page.labels or ()],
        [],
        [query for page in pages for query in page.queries or ()],
    )


def _states(connection: Connection, request: ReadRequest, series: Found, asof: AsOf, progress: bool | None) -> Found:
    """The state of each series as of each moment at which it existed."""
    assert series.queries is not None
    count = len(asof.operators)
    which = np.repeat(np.arange(len(series.queries)), count)
    queries = [with_source(query, operator) for query in series.queries for operator in asof.operators]
    parameters = request.parameters()
    table, present = _read(connection, queries, parameters, progress, "states")
    found = which[present]
    missing = _missing(series, np.setdiff1d(which, found), request)
    ids = values_of(series.table.series_ids)
    table = table.with_ids([ids[at] for at in found.tolist()])
    assert asof.labels is not None
    return _rows(series, table, found, missing, asof.labels.take(present % count))


def _reports(
    connection: Connection, request: ReadRequest, series: Found, reports: Reports, progress: bool | None
) -> Found:
    """The reports of each series with the report dates that were asked for."""
    of_fields = request.layout == "fields"
    series, dates, missing = _report_dates(connection, request, series, reports, progress)
    assert series.queries is not None
    which = np.repeat(np.arange(len(dates)), [len(own) for own in dates])
    all_dates = np.concatenate([np.empty(0, np.int64), *dates])
    operator = "@repfdate:" if of_fields else "@repdate:"
    parts = list(map(split_operators, series.queries))
    texts = [text.removesuffix("T00:00:00.000") for text in np.datetime_as_string(all_dates.view("M8[ms]")).tolist()]
    named = zip(which.tolist(), texts, strict=True)
    queries = [f"{parts[at][0]}{operator}{text}{parts[at][1]}" for at, text in named]
    parameters = request.parameters()
    if not of_fields:
        parameters["fields"] = None  # those of the series are known
    table, present = _read(connection, queries, parameters, progress, "reports")
    found = which[present]
    fields = table.fields if of_fields else {name: _taken(of, found) for name, of in series.table.fields.items()}
    ids = values_of(series.table.series_ids)
    table = SeriesTable([ids[at] for at in found.tolist()], fields, table.points, table.counts, table.zones)
    return _rows(series, table, found, missing, clocks.to_index(all_dates[present]).rename("reported_date"))


def _report_dates(
    connection: Connection, request: ReadRequest, series: Found, reports: Reports, progress: bool | None
) -> tuple[Found, list[Int64Array], list[str]]:
    """The series that exist, with their fields, the report dates of each to be read, and the queries of the others."""
    assert series.queries is not None
    of_fields = request.layout == "fields"
    parameters = {
        "df": reports.df, "dt": reports.dt, "max_points": -1, "extra_params": request.extra_params,
        "fields": None if of_fields or series.labels is None else request.parameters()["fields"],
    }  # fmt: skip
    listing = f"@repdatelist:{'fields' if of_fields else 'points'}"
    # without the operators of the query, which would change the report dates
    queries = [split_operators(query)[0] + listing for query in series.queries]
    table, present = _read(connection, queries, parameters, progress, "series")
    positions = present.tolist()
    ids = values_of(series.table.series_ids)
    fields = table.fields
    if series.labels is None:  # the search has read them
        fields = {name: _taken(of, present) for name, of in series.table.fields.items()}
    existing = Found(
        SeriesTable([ids[at] for at in positions], fields, table.points, table.counts, table.zones),
        [series.derived[at] for at in positions],
        None if series.labels is None else [series.labels[at] for at in positions],
        [],
        [series.queries[at] for at in positions],
    )
    missing = _missing(series, np.setdiff1d(np.arange(len(queries)), present), request)
    dates = np.split(table.points.dates, np.cumsum(table.counts)[:-1])[: len(present)]
    return existing, [reports.chosen(np.sort(own)) for own in dates], missing


def _missing(series: Found, which: Int64Array, request: ReadRequest) -> list[str]:
    """The queries of the caller that found nothing; a series that was searched for has just been deleted."""
    if series.labels is None or series.queries is None:
        return []
    missing = [series.queries[at] for at in which.tolist()]
    check_missing(missing, request)
    return missing


def _rows(series: Found, table: SeriesTable, which: Int64Array, missing: list[str], vintages: pd.Index) -> Found:
    """The vintages that were found; `which` are the positions of their series."""
    positions = which.tolist()
    return Found(
        table,
        [series.derived[at] for at in positions],
        None if series.labels is None else [series.labels[at] for at in positions],
        missing,
        None,
        vintages,
    )


def _read(
    connection: Connection, queries: list[str], parameters: dict[str, Any], progress: bool | None, unit: str
) -> tuple[SeriesTable, Int64Array]:
    """What the queries find, and the positions of those that find a series."""
    tables = list(_tables(connection, queries, parameters, progress, unit))
    present = [part for _, part in tables]
    table = SeriesTable.concat([table for table, _ in tables]) if tables else SeriesTable.of([])
    return table, np.concatenate([np.empty(0, np.int64), *present])


def _tables(
    connection: Connection, queries: list[str], parameters: dict[str, Any], progress: bool | None, unit: str
) -> Iterator[tuple[SeriesTable, Int64Array]]:
    from pandas_shooju.client import reader

    start = 0
    with Progress("reading", unit, progress) as bar:
        for page in reader.bulk(connection.raw, queries, reader.parameters(**parameters)):
            present = [at for at in range(page.count) if series_exists(page.failed.get(at), queries[start + at])]
            yield page.series, np.array(present, np.int64) + start
            start += page.count
            bar.advance(page.count, len(queries))


def _taken(column: Column, positions: Int64Array) -> Column:
    """A column of the values at these positions."""
    if isinstance(column, list):
        return [column[at] for at in positions.tolist()]
    return column.take(positions)

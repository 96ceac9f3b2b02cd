"""`Plan`: a read as plain data. It can be narrowed, split into parts, pickled, and carried out anywhere.

`read_shooju` makes a plan and carries it out at once. The engines split plans and carry out the parts in other
processes, or read no more than their caller is going to use; they have no other way to read.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypedDict

import numpy as np
import pandas as pd

from pandas_shooju import clocks, layouts
from pandas_shooju.clocks.limits import Limit
from pandas_shooju.formats import SeriesTable
from pandas_shooju.formats.table import Column, values_of
from pandas_shooju.frame import pages, reports
from pandas_shooju.frame.origin import KEY, Origin, without_asof
from pandas_shooju.frame.pages import Found, warn_of_missing
from pandas_shooju.frame.request import (
    DtypeBackend,
    OnMissing,
    Query,
    ReadRequest,
    checked_request,
    localized_zone,
    queries_of,
)
from pandas_shooju.frame.sources import Moment, ReportedDates, is_expression, split_operators
from pandas_shooju.layouts import Layout
from pandas_shooju.query import quote

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

_FIRST, _LAST = "meta.dates_min", "meta.dates_max"


#: a dtype, or strings: those of the values, or the JSON texts of values that have no common type
FieldType = Literal["int64", "Int64", "float64", "bool", "boolean", "text", "json"]


class ReadOptions(TypedDict, total=False):
    """The arguments that engines pass on; see `read_shooju`."""

    df: Limit | None
    dt: Limit | None
    max_points: int
    tz: str | datetime.tzinfo | EllipsisType | None
    sort: str | None
    max_series: int | None
    include_job: bool
    include_timestamp: bool
    reported_date: ReportedDates | None
    last_reports: int | None
    asof: Moment | Iterable[Moment] | None
    on_missing: OnMissing
    batch_size: int
    extra_params: Mapping[str, Any] | None


class Survey(NamedTuple):
    """What a plan is going to read: found out without reading any points."""

    #: the same read, with a query for each series and the names of all fields
    plan: Plan
    #: what it returns, without rows
    schema: pd.DataFrame
    #: the dates (UTC milliseconds) of the first and the last point, if they were asked for and are known
    dates: tuple[int, int] | None


@dataclass(frozen=True)
class Plan:
    r"""A read: what is read, and from which server.

    Examples
    --------
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> with conn.register_job("prices") as job:
    ...     for name in ("a", "b", "c"):
    ...         job.write(rf"sid=users\sam\{name}", points=[(0, 1.0), (1000, 2.0)])
    >>> survey = plan_of(r"sid:users\sam", None, conn, {}).survey()
    >>> [part.read()["series_id"].unique().tolist() for part in survey.plan.split(2)]
    [['users\\sam\\a', 'users\\sam\\b'], ['users\\sam\\c']]
    """

    request: ReadRequest
    connection: Connection
    #: the type of each field, so that all parts have the same; None for the types that the values of each part have
    types: Mapping[str, FieldType] | None = None

    def read(self, progress: bool | None = None) -> pd.DataFrame:
        """The frame; warnings of missing series point at the caller of the caller."""
        (series,) = _found(self.connection, self.request, progress, None)
        warn_of_missing(series, self.request, stacklevel=4)
        return self._frame(series)

    def frames(self, chunksize: int, progress: bool | None = None) -> FrameIterator:
        """Frames of that many series each."""
        found = _found(self.connection, self.request, progress, chunksize)
        return FrameIterator(found, self)

    @property
    def as_stored(self) -> bool:
        """Whether the points are those that are stored, rather than computed by operators or an expression."""
        return all(map(_keeps_dates, queries_of(self.request.query)))

    @property
    def has_known_dates(self) -> bool:
        """Whether the server knows the dates of the first and the last point that are read, unless it is limited."""
        return self.as_stored and self.request.asof is None and self.request.reports is None

    def with_(self, **changes: Any) -> Plan:
        """The same read with another request."""
        return replace(self, request=replace(self.request, **changes))

    def project(self, columns: Sequence[str]) -> Plan:
        """Read no more than these columns of the long layout need."""
        wanted = set(columns)
        request = self.request
        return self.with_(
            fields=[name for name in request.fields if name in wanted or name == "*"],
            include_job=request.include_job and "job" in wanted,
            include_timestamp=request.include_timestamp and "timestamp" in wanted,
        )

    def between(self, first: int | None, last: int | None) -> Plan:
        """Read only points between these dates (UTC milliseconds, both included), if the plan has no other limits."""
        request = self.request
        if isinstance(request.df, int):
            first = request.df if first is None else max(first, request.df)
        if isinstance(request.dt, int):
            last = request.dt if last is None else min(last, request.dt)
        return self.with_(
            df=request.df if isinstance(request.df, str) or first is None else first,
            dt=request.dt if isinstance(request.dt, str) or last is None else last,
        )

    def split(self, parts: int) -> list[Plan]:
        """Parts with as many series each, which together read the same; for a plan that has a query for each series."""
        query = self.request.query
        if isinstance(query, str):
            return [self]
        size = max(-(-len(query) // parts), 1)
        starts = range(0, max(len(query), 1), size)
        if isinstance(query, Mapping):
            items = list(query.items())
            return [self.with_(query=dict(items[at : at + size])) for at in starts]
        return [self.with_(query=list(query[at : at + size])) for at in starts]

    def survey(self, *, dates: bool = False) -> Survey:
        """Find the series, the names and types of their fields and, if asked for, the dates of their points."""
        request = self.request
        found = list(self._bare(dates and self.has_known_dates))
        table = SeriesTable.concat([page.table for page in found]) if found else SeriesTable.of([])
        extent = _extent(table)
        queries: Query
        if isinstance(request.query, str):
            operators = "" if is_expression(request.query) else split_operators(request.query)[1]
            ids = values_of(table.series_ids)
            queries = [f"sid={quote(series_id)}{operators}" for series_id in ids]
            if is_expression(request.query):
                queries = [request.query]
            table = table.with_ids([series_id + operators for series_id in ids])
        else:
            missing = {query for page in found for query in page.missing} if request.layout == "wide" else set()
            items = [(label, query) for label, query in pages.labelled(request) if query not in missing]
            queries = dict(items) if isinstance(request.query, Mapping) else [query for _, query in items]
        extra = {_FIRST, _LAST}.difference(request.fields)
        own = {name: column for name, column in table.fields.items() if name not in extra}
        table = SeriesTable(table.series_ids, own, table.points, table.counts, None)
        if request.vintages == "asof" and request.fields:
            typed = self._states()
        else:
            typed = Found(table, [False] * len(table), [label for page in found for label in page.labels or ()], [])
        names = [name for name in layouts.field_names(typed.table, request.fields) if name != "series_id"]
        types = {name: _type_of(typed.table.column(name)) for name in names}
        schema = replace(self.with_(fields=names), types=types).schema([typed])
        if request.layout == "wide":
            changes: dict[str, Any] = {"query": dict(zip(schema.columns, queries_of(queries), strict=True))}
            changes |= {"fields": [], "columns": []}
        else:
            changes = {"query": queries, "fields": names}
        if isinstance(request.query, str):
            # a series that is deleted meanwhile is not found
            changes |= {"on_missing": "ignore", "sort": None, "max_series": None}
        return Survey(replace(self.with_(**changes), types=types), schema, extent)

    def schema(self, series: Sequence[Found] = ()) -> pd.DataFrame:
        """What the plan returns, without rows; the dtypes of fields are those of these series."""
        schema = self._frame([found._replace(vintages=None) for found in series])
        schema.attrs.clear()
        vintages = self.request.vintages
        return schema if vintages is None else schema.assign(**{vintages: _vintages(self.request)})

    def _frame(self, found: list[Found]) -> pd.DataFrame:
        types = self.types or {}
        texts = [name for name, kind in types.items() if kind == "json"]
        if texts:
            found = [page._replace(table=_with_json(page.table, texts)) for page in found]
        frame = _frame(found, self.request, self.connection.server)
        if self.request.layout == "wide":
            return frame
        dtypes = {name: kind for name, kind in types.items() if kind not in ("text", "json") and name in frame}
        return frame.astype(dtypes) if any(frame[name].dtype != kind for name, kind in dtypes.items()) else frame

    def _states(self) -> Found:
        """The fields of the series as of each of several moments."""
        request = replace(
            self.request, layout="fields", include_job=False, include_timestamp=False, on_missing="ignore"
        )
        [[found]] = _found(self.connection, request, False, None)
        return found

    def _bare(self, dates: bool) -> Iterator[Found]:
        """The series, with their fields but no points; nothing, if the queries say all that there is to know."""
        request = self.request
        fields = [name for name in dict.fromkeys([*request.fields, *request.columns]) if name != "series_id"]
        several = request.vintages is not None
        bare = replace(
            request, fields=[*fields, *([_FIRST, _LAST] if dates else [])], columns=[], layout="long", max_points=0,
            include_job=False, include_timestamp=False, reports=None, asof=None if several else request.asof,
            on_missing="ignore" if several else request.on_missing,
        )  # fmt: skip
        if isinstance(request.query, str):
            if not is_expression(request.query):
                bare = replace(bare, query=split_operators(request.query)[0])
            yield from pages.search(self.connection, bare, False)
        elif bare.fields or request.layout == "wide":
            yield from pages.single(self.connection, bare, False, 1000)


def plan_of(
    query: Query,
    fields: str | Sequence[str] | None,
    connection: Connection | str | None,
    options: ReadOptions,
    *,
    layout: Layout = "long",
    columns: str | Sequence[str] | None = None,
    dtype_backend: DtypeBackend | None = None,
) -> Plan:
    """The plan of a read whose parts all have the same time zone; the arguments are those of `read_shooju`."""
    from pandas_shooju.client.connection import connection_of

    given: dict[str, Any] = {
        "df": None, "dt": None, "max_points": -1, "tz": ..., "sort": None, "max_series": None, "include_job": False,
        "include_timestamp": False, "reported_date": None, "last_reports": None, "asof": None, "on_missing": "raise",
        "batch_size": 2500, "extra_params": None,
    }  # fmt: skip
    for name in options:
        if name not in given:
            raise TypeError(f"the options must be arguments of read_shooju such as df and dt, got {name!r}")
    request = checked_request(
        query, fields, layout=layout, columns=columns, dtype_backend=dtype_backend, **{**given, **options}
    )
    zone = localized_zone(request.query)
    if isinstance(request.tz, EllipsisType):
        request = replace(request, tz=zone)
    elif request.tz is None and zone == "UTC" and any("@localize" in one.lower() for one in queries_of(request.query)):
        raise ValueError("tz=None requires that all queries have the same time zone, as in @localize:Europe/London")
    return Plan(request, connection_of(connection))


def _type_of(column: Column) -> FieldType:
    """The type of a field that has these values, one for each series.

    >>> [_type_of(values) for values in ([1, 2], [1, None], [1, 2.5], [True, None], ["a", None], ["a", 1], [[1]])]
    ['int64', 'Int64', 'float64', 'boolean', 'text', 'json', 'json']
    """
    values = values_of(column)
    kinds = set(map(type, values))
    missing = type(None) in kinds
    kinds.discard(type(None))
    if kinds <= {str}:
        return "text"
    if kinds == {bool}:
        return "boolean" if missing else "bool"
    if kinds == {int}:
        fits = all(-(2**63) <= value < 2**63 for value in values if value is not None)
        return "json" if not fits else "Int64" if missing else "int64"
    return "float64" if kinds <= {int, float} else "json"


def _with_json(table: SeriesTable, names: Sequence[str]) -> SeriesTable:
    """The series with the JSON texts of some fields."""
    texts = {
        name: [
            None if value is None else json.dumps(value, ensure_ascii=False) for value in values_of(table.column(name))
        ]
        for name in names
        if name in table.fields
    }
    return SeriesTable(table.series_ids, {**table.fields, **texts}, table.points, table.counts, table.zones)


def _vintages(request: ReadRequest) -> pd.Index:
    """No vintages, in the dtype of their column."""
    if request.asof is not None and request.asof.labels is not None:
        return request.asof.labels[:0]
    return clocks.to_index(np.empty(0, np.int64))


def _keeps_dates(query: str) -> bool:
    """Whether a query reads the dates that are stored."""
    if is_expression(query):
        return False
    operators = split_operators(query)[1]
    return all(one.lower().partition(":")[0] == "localize" for one in operators.split("@")[1:])


def _extent(table: SeriesTable) -> tuple[int, int] | None:
    """The dates of the first and the last point of some series."""
    first = [int(value) for value in values_of(table.column(_FIRST)) if value is not None]
    last = [int(value) for value in values_of(table.column(_LAST)) if value is not None]
    return (min(first), max(last)) if first and last else None


class FrameIterator(Iterator[pd.DataFrame]):
    """The frames of ``read_shooju(..., chunksize=n)``, one after the other; also a context manager.

    Closing it, or leaving the ``with`` block, ends the requests that are under way.
    """

    def __init__(self, chunks: Iterator[list[Found]], plan: Plan) -> None:
        self._chunks = chunks
        self._plan = plan

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pd.DataFrame:
        chunk = next(self._chunks)
        warn_of_missing(chunk, self._plan.request)
        return self._plan._frame(chunk)

    def close(self) -> None:
        """End the requests that are under way; there are no further frames."""
        self._chunks.close()  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _found(
    connection: Connection, request: ReadRequest, progress: bool | None, chunksize: int | None
) -> Iterator[list[Found]]:
    """What is read for each frame: a single one, or one for each `chunksize` series."""
    several = request.vintages is not None
    if isinstance(request.query, str):
        searched = request if chunksize is None else replace(request, batch_size=chunksize)
        found = (pages.searched if several else pages.search)(connection, searched, progress)
    elif several:
        found = iter([pages.named(request)])
    else:
        found = pages.single(connection, request, progress, chunksize or 1000)
    for series in iter([list(found)]) if chunksize is None else pages.chunks(found, chunksize):
        yield [reports.vintages(connection, request, series, progress)] if several else series


def _derived_ids(table: SeriesTable, derived: list[bool]) -> bool | list[str]:
    """Whether the points of all series are derived, or the ids of the series whose points are."""
    if all(derived) or not any(derived):
        return bool(derived) and derived[0]
    return list(compress(values_of(table.series_ids), derived))


def _frame(found: list[Found], request: ReadRequest, server: str) -> pd.DataFrame:
    table = SeriesTable.concat([page.table for page in found]) if found else SeriesTable.of([])
    derived = [is_derived for page in found for is_derived in page.derived]
    vintages = found[0].vintages if found else None  # these are read in one go
    served = layouts.common_zone(table) if len(table) else localized_zone(request.query)
    tz = served if isinstance(request.tz, EllipsisType) else request.tz
    fields = [name for name in layouts.field_names(table, request.fields) if name != "series_id"]
    shared = {
        "query": request.query if isinstance(request.query, str) else queries_of(request.query),
        "server": server,
        "tz": str(served if tz is None else tz),
        "naive": tz is None,
    }
    if request.vintages is not None:
        shared["vintages"] = request.vintages
    elif request.asof is not None:
        shared["asof"] = request.asof.operators[0].removeprefix("@asof:")
    first = request.df if isinstance(request.df, int) else None
    if request.layout == "fields":
        frame = layouts.fields_table(table, fields, vintages)
        origin = Origin(shared, layout="fields", fields=request.fields, derived=_derived_ids(table, derived))
    elif request.layout == "long":
        frame = layouts.long(
            table,
            fields,
            tz,
            served,
            jobs=request.include_job,
            timestamps=request.include_timestamp,
            first=first,
            vintages=vintages,
        )
        origin = Origin(shared, layout="long", fields=request.fields, derived=_derived_ids(table, derived))
    else:
        if isinstance(request.query, Mapping):
            columns = layouts.given_labels([label for page in found for label in page.labels or ()], vintages)
        else:
            columns = layouts.labels(table, request.columns or ["series_id"], vintages)
            if not request.columns:
                # without a name, so that melt() and stack() make no column 'series_id', which names series to write to
                columns = columns.rename(None if vintages is None else [None, vintages.name])
        frame = layouts.wide(table, columns, tz, served, first)
        ids = [without_asof(series_id) for series_id in values_of(table.series_ids)]
        read = {name: values_of(table.column(name)) for name in fields}
        origin = Origin.of_columns(columns, ids, derived, read, **shared)
    if request.dtype_backend is not None:
        frame = layouts.with_dtype_backend(frame, request.dtype_backend)
    frame.attrs[KEY] = origin
    return frame

"""`read_shooju`: arguments -> a checked request -> pages of series -> frames.

This module decides which series a query, or a list or dict of queries, reads, and what happens to series that are
missing or failed. The arguments are checked in :mod:`pandas_shooju.frame.request`, requests are sent by the connection,
and :mod:`pandas_shooju.layouts` makes frames of series.
"""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress, islice
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, overload

import pandas as pd

from pandas_shooju import layouts
from pandas_shooju.errors import SeriesNotFoundError, ShoojuApiError
from pandas_shooju.formats import SeriesTable
from pandas_shooju.formats.table import values_of
from pandas_shooju.frame.limits import Limit
from pandas_shooju.frame.origin import KEY, Origin, without_asof
from pandas_shooju.frame.request import (
    DtypeBackend,
    Layout,
    OnMissing,
    Query,
    ReadRequest,
    checked_request,
    localized_zone,
    positive,
    queries_of,
)
from pandas_shooju.progress import Progress
from pandas_shooju.query import unquote

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

# operators, or an expression, outside of quotes
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_DERIVING = re.compile(r"@\w|^\s*=")
_SID_QUERY = re.compile(r'sid=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s"()@]+))(?P<operators>(?:@[^\s"]+)?)')


class _Found(NamedTuple):
    """Series of one response."""

    table: SeriesTable
    derived: list[bool]  # whether the points of each were computed, by operators or an expression
    labels: list[Any] | None  # their labels, if the caller named them
    missing: list[str]  # queries that found no series

    def part(self, start: int, stop: int | None) -> _Found:
        """Some of the series."""
        labels = self.labels and self.labels[start:stop]
        return _Found(self.table[start:stop], self.derived[start:stop], labels, [] if start else self.missing)


class FrameIterator(Iterator[pd.DataFrame]):
    """The frames of ``read_shooju(..., chunksize=n)``, one after the other; also a context manager.

    Closing it, or leaving the ``with`` block, ends the requests that are under way.
    """

    def __init__(self, chunks: Iterator[list[_Found]], request: ReadRequest, server: str) -> None:
        self._chunks = chunks
        self._request = request
        self._server = server

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pd.DataFrame:
        chunk = next(self._chunks)
        _warn_of_missing(chunk, self._request)
        return _frame(chunk, self._request, self._server)

    def close(self) -> None:
        """End the requests that are under way; there are no further frames."""
        self._chunks.close()  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@overload
def read_shooju(
    query: Query,
    fields: str | Sequence[str] | None = None,
    *,
    df: Limit | None = None,
    dt: Limit | None = None,
    max_points: int = -1,
    layout: Layout = "wide",
    columns: str | Sequence[str] | None = None,
    tz: str | datetime.tzinfo | EllipsisType | None = ...,
    sort: str | None = None,
    max_series: int | None = None,
    include_job: bool = False,
    include_timestamp: bool = False,
    chunksize: None = None,
    dtype_backend: DtypeBackend | None = None,
    on_missing: OnMissing = "raise",
    progress: bool | None = None,
    batch_size: int = 2500,
    extra_params: Mapping[str, Any] | None = None,
    connection: Connection | str | None = None,
) -> pd.DataFrame: ...


@overload
def read_shooju(
    query: Query,
    fields: str | Sequence[str] | None = None,
    *,
    df: Limit | None = None,
    dt: Limit | None = None,
    max_points: int = -1,
    layout: Layout = "wide",
    columns: str | Sequence[str] | None = None,
    tz: str | datetime.tzinfo | EllipsisType | None = ...,
    sort: str | None = None,
    max_series: int | None = None,
    include_job: bool = False,
    include_timestamp: bool = False,
    chunksize: int,
    dtype_backend: DtypeBackend | None = None,
    on_missing: OnMissing = "raise",
    progress: bool | None = None,
    batch_size: int = 2500,
    extra_params: Mapping[str, Any] | None = None,
    connection: Connection | str | None = None,
) -> FrameIterator: ...


def read_shooju(
    query: Query,
    fields: str | Sequence[str] | None = None,
    *,
    df: Limit | None = None,
    dt: Limit | None = None,
    max_points: int = -1,
    layout: Layout = "wide",
    columns: str | Sequence[str] | None = None,
    tz: str | datetime.tzinfo | EllipsisType | None = ...,
    sort: str | None = None,
    max_series: int | None = None,
    include_job: bool = False,
    include_timestamp: bool = False,
    chunksize: int | None = None,
    dtype_backend: DtypeBackend | None = None,
    on_missing: OnMissing = "raise",
    progress: bool | None = None,
    batch_size: int = 2500,
    extra_params: Mapping[str, Any] | None = None,
    connection: Connection | str | None = None,
) -> pd.DataFrame | FrameIterator:
    r"""Read series from Shooju into a DataFrame.

    Parameters
    ----------
    query : str, list of str, or dict of str
        A string is a search, and reads every series that it finds. A list reads one series for each of its queries, in
        that order. A dict ``{label: query}`` does the same, and its keys are the column labels.
    fields : str or list of str, optional
        The fields to read; ``"*"`` reads all of them. In the wide layout their values become the column labels (see
        `columns`), in the other layouts each field is a column. A string is the name of one field.
    df, dt : optional
        Date from and date to: only points between them are read, both ends included. Each can be

        - a `datetime.date`, or a string such as ``"2024-01-03"`` or ``"20240103"``, which mean the whole day:
          ``dt="2024-01-03"`` includes all points of that day. In the same way ``"2024-01"`` means the whole month,
          ``"2024"`` the whole year, and a `pandas.Period` its whole period;
        - a `datetime.datetime`, `pandas.Timestamp`, `numpy.datetime64`, or an ISO string with a time of day such as
          ``"2024-01-03T10:00"`` or ``"2024-01-03T10:00+02:00"``, which mean exactly that instant;
        - a number of milliseconds since 1970-01-01 UTC. Numbers from 1 to 99,999,999 are refused, because they are
          probably years or dates such as 20240103;
        - a string relative to now such as ``"-5y"``, ``"-2y -1d"`` or ``"0db"`` (the beginning of today), ``"MIN"`` or
          ``"MAX"``, which the server evaluates.

        Days, and times without an offset, are those of the time zone `tz`. If `tz` is not given, or is None, they are
        those of the zone that ``@localize:ZONE`` names in the query, and UTC otherwise. (The zones of a plain
        ``@localize`` are not known before reading, so UTC is used.) If `df` is later than `dt`, no points are read.
    max_points : int, default -1
        The maximum number of points to read from each series, the earliest first; -1 reads all points.
    layout : {"wide", "long", "fields"}, default "wide"
        ``"wide"`` has a row per date (index ``dt``) and a column per series. ``"long"`` has a row per point, and the
        columns ``series_id``, the fields, ``dt`` and ``val``. ``"fields"`` has a row per series (index ``series_id``)
        and a column per field, and no points.
    columns : str or list of str, optional
        The fields whose values label the columns of the wide layout; ``"series_id"`` stands for the series id. By
        default these are `fields`, or the series id if no fields are read. Several fields make a MultiIndex. Labels
        keep the type of the value; lists and objects become their JSON text.
    tz : str or tzinfo, optional
        The time zone of the dates: an IANA name, ``"UTC"``, an offset such as ``"+02:00"``, or any `tzinfo` object. By
        default it is the one in which the server sends the dates: the zone of ``@localize``, otherwise UTC (also if
        the series have different zones). With None the dates are naive: local times of that zone. (``@localize`` makes
        the server send local times. If a series has points only in the second pass of a repeated hour, they are read
        as points of the first one. `tz` converts instants, and is always exact.)
    sort : str, optional
        The order of the series of a search, such as ``"country asc, city desc"``.
    max_series : int, optional
        The maximum number of series to read from a search.
    include_job, include_timestamp : bool, default False
        Add the columns ``job`` (id of the job that wrote the point) and ``timestamp`` (when it was written, UTC).
        Requires ``layout="long"``.
    chunksize : int, optional
        Return an iterator of frames with that many series each, which only needs memory for a few chunks. Each frame
        has the categories and fields of its own series. As elsewhere in pandas, `pandas.concat` keeps a column
        categorical if all frames have the same categories in it, and otherwise returns a column of strings;
        ``.astype({"series_id": "category"})`` makes it categorical again.
    dtype_backend : {"numpy_nullable", "pyarrow"}, optional
        Return nullable or pyarrow-backed dtypes, as in the readers of pandas.
    on_missing : {"raise", "warn", "ignore"}, default "raise"
        What to do if a query of a list or dict finds no series. ``"warn"`` and ``"ignore"`` skip it.
    progress : bool, optional
        Show a progress bar. By default it is shown in notebooks, for reads that take longer than a second.
    batch_size : int, default 2500
        The number of series per request of a search.
    extra_params : dict, optional
        Additional URL parameters of the requests.
    connection : Connection or str, optional
        A connection, or the name or URL of a server, whose credentials are taken from the environment or a profile. By
        default the server is taken from there as well; see `Connection`.

    Returns
    -------
    DataFrame or FrameIterator
        In the wide layout, the values are float64, and NaN where a series has no point at a date. The index is a
        DatetimeIndex of dtype ``datetime64[ms, tz]``. In the long layout, points without a value are left out, and
        ``series_id`` and fields of strings are categoricals. Missing fields are NaN. ``frame.shooju.series_ids`` and
        ``frame.shooju.fields`` say which series the columns were read from. With `chunksize`, an iterator of such
        frames that is also a context manager.

    Raises
    ------
    SeriesNotFoundError
        A query of a list or dict finds no series, and `on_missing` is ``"raise"``.
    ShoojuApiError
        The server refused the query, or could not read a series.
    ConnectionError
        The server cannot be reached.
    ConfigurationError
        No connection is given, and none is configured.
    ValueError, TypeError
        Two series have the same column label, or an argument is invalid.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> index = pd.date_range("2023-01-01", periods=3, freq="YS", tz="UTC", name="dt")
    >>> gdp = pd.DataFrame({"US": [1.0, 2.0, 3.0], "CN": [4.0, 5.0, 6.0]}, index=index).rename_axis(columns="country")
    >>> result = gdp.shooju.write("GDP", sid=r"users\sam\gdp\{country}", fields="levels", connection=conn)

    The values of a field label the columns:

    >>> pd.read_shooju(r"sid:users\sam", "country", dt="2024", connection=conn)
    country                     US   CN
    dt
    2023-01-01 00:00:00+00:00  1.0  4.0
    2024-01-01 00:00:00+00:00  2.0  5.0

    Single series, with your own labels:

    >>> queries = {"China": r"sid=users\sam\gdp\CN", "India": r"sid=users\sam\gdp\IN"}
    >>> pd.read_shooju(queries, df="2025", tz=None, on_missing="ignore", connection=conn)
                China
    dt
    2025-01-01    6.0

    A row for each point:

    >>> pd.read_shooju(r"sid:users\sam", layout="long", max_points=1, connection=conn)
               series_id                        dt  val
    0  users\sam\gdp\US 2023-01-01 00:00:00+00:00  1.0
    1  users\sam\gdp\CN 2023-01-01 00:00:00+00:00  4.0
    """
    from pandas_shooju.client.connection import connection_of  # here, so that importing pandas_shooju stays fast

    request = checked_request(
        query, fields, df, dt, max_points, layout, columns, tz, include_job, include_timestamp, dtype_backend,
        on_missing, extra_params,
    )  # fmt: skip
    if chunksize is not None:
        chunksize = positive(chunksize, "chunksize")
    batch_size = positive(batch_size, "batch_size")
    if max_series is not None and (isinstance(max_series, bool) or max_series < 0):
        raise ValueError(f"max_series must be a non-negative integer, got {max_series!r}")
    connection = connection_of(connection)
    if isinstance(request.query, str):
        pages = _search(connection, request, progress, sort, max_series, chunksize or batch_size)
    elif sort is not None or max_series is not None:
        raise ValueError("sort and max_series require a search (a single string), got a list or dict of queries")
    else:
        pages = _single(connection, request, progress, chunksize or 1000)
    if chunksize is not None:
        return FrameIterator(_chunks(pages, chunksize), request, connection.server)
    found = list(pages)
    _warn_of_missing(found, request)
    return _frame(found, request, connection.server)


def _search(
    connection: Connection,
    request: ReadRequest,
    progress: bool | None,
    sort: str | None,
    max_series: int | None,
    batch_size: int,
) -> Iterator[_Found]:
    """The series that a search finds, page by page."""
    from pandas_shooju.client import reader

    query = str(request.query)
    derived = _DERIVING.search(without_asof(_QUOTED.sub("", query))) is not None
    with Progress("reading", "series", progress) as bar:
        for page in reader.pages(
            connection.raw,
            query,
            reader.parameters(**request.parameters()),
            sort=sort,
            max_series=max_series,
            batch_size=batch_size,
        ):
            for item in page.failed.values():
                raise ShoojuApiError.from_answer(item)
            total = page.root.get("total")
            bar.advance(len(page.series), total if max_series is None else min(total or 0, max_series))
            yield _Found(page.series, [derived] * len(page.series), None, [])


def _single(connection: Connection, request: ReadRequest, progress: bool | None, batch_size: int) -> Iterator[_Found]:
    """The series of a list or dict of queries, with their labels."""
    from pandas_shooju.client import reader

    query = request.query
    labelled = list(query.items()) if isinstance(query, Mapping) else [(None, one) for one in query]
    todo = iter(labelled)
    with Progress("reading", "series", progress) as bar:
        queries = [one for _, one in labelled]
        for page in reader.bulk(
            connection.raw, queries, reader.parameters(**request.parameters()), batch_size=min(batch_size, 1000)
        ):
            labels: list[Any] = []
            missing = []
            for position, (label, one) in enumerate(islice(todo, page.count)):
                item = page.failed.get(position)
                if item is None:
                    labels.append(label)
                elif item["error"] == "series_not_found":
                    missing.append(one)
                else:
                    raise ShoojuApiError.from_answer(
                        {**item, "description": f"{item.get('description')}, in the query {one!r}"}
                    )
            if missing and request.on_missing == "raise":
                message = _missing_message(missing)
                raise SeriesNotFoundError(
                    f"{message}; to skip missing series, use on_missing='warn' or 'ignore'",
                    error="series_not_found",
                    description=message,
                )
            bar.advance(page.count, len(labelled))
            ids = [series_id_of(one) for one in values_of(page.series.series_ids)]
            table = page.series.with_ids([series_id for series_id, _ in ids])
            yield _Found(table, [is_derived for _, is_derived in ids], labels, missing)


def _warn_of_missing(pages: list[_Found], request: ReadRequest) -> None:
    """Warn of queries without a series; the warning points at the caller of `read_shooju` or of the iterator."""
    missing = [query for page in pages for query in page.missing]
    if missing and request.on_missing == "warn":
        warnings.warn(_missing_message(missing), UserWarning, stacklevel=3)


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


def _chunks(pages: Iterator[_Found], size: int) -> Iterator[list[_Found]]:
    """The pages, regrouped so that each chunk has `size` series; one empty chunk if there are no series at all."""
    waiting: list[_Found] = []
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


def _derived_ids(table: SeriesTable, derived: list[bool]) -> bool | list[str]:
    """Whether the points of all series are derived, or the ids of the series whose points are."""
    if all(derived) or not any(derived):
        return bool(derived) and derived[0]
    return list(compress(values_of(table.series_ids), derived))


def _frame(pages: list[_Found], request: ReadRequest, server: str) -> pd.DataFrame:
    table = SeriesTable.concat([page.table for page in pages]) if pages else SeriesTable.of([])
    derived = [is_derived for page in pages for is_derived in page.derived]
    served = layouts.common_zone(table) if len(table) else localized_zone(request.query)
    tz = served if isinstance(request.tz, EllipsisType) else request.tz
    fields = [name for name in layouts.field_names(table, request.fields) if name != "series_id"]
    shared = {
        "query": request.query if isinstance(request.query, str) else queries_of(request.query),
        "server": server,
        "tz": str(served if tz is None else tz),
        "naive": tz is None,
    }
    first = request.df if isinstance(request.df, int) else None
    if request.layout == "fields":
        frame = layouts.fields_table(table, fields)
        origin = Origin(shared, layout="fields", fields=request.fields, derived=_derived_ids(table, derived))
    elif request.layout == "long":
        frame = layouts.long(
            table, fields, tz, served, jobs=request.include_job, timestamps=request.include_timestamp, first=first
        )
        origin = Origin(shared, layout="long", fields=request.fields, derived=_derived_ids(table, derived))
    else:
        if isinstance(request.query, Mapping):
            columns = layouts.given_labels([label for page in pages for label in page.labels or ()])
        else:
            columns = layouts.labels(table, request.columns or ["series_id"])
            if not request.columns:
                # without a name, so that melt() and stack() make no column 'series_id', which names series to write to
                columns = columns.rename(None)
        frame = layouts.wide(table, columns, tz, served, first)
        ids = [without_asof(series_id) for series_id in values_of(table.series_ids)]
        read = {name: values_of(table.column(name)) for name in fields}
        origin = Origin.of_columns(columns, ids, derived, read, **shared)
    if request.dtype_backend is not None:
        frame = layouts.with_dtype_backend(frame, request.dtype_backend)
    frame.attrs[KEY] = origin
    return frame

"""`read_shooju`: the caller's wish -> requests -> a frame.

What a query, a list or a dict of queries asks for is decided here, as is what becomes of series that are missing or
failed. How requests are sent is the connection's business, and how series become a frame that of
:mod:`pandas_shooju.layouts`.
"""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice
from types import EllipsisType
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from pandas_shooju import clocks, layouts
from pandas_shooju.client.connection import Connection, default_connection
from pandas_shooju.errors import SeriesNotFoundError, ShoojuApiError
from pandas_shooju.formats import SeriesTable
from pandas_shooju.formats.table import values_of
from pandas_shooju.frame.origin import KEY, Origin
from pandas_shooju.progress import Progress
from pandas_shooju.query import unquote

Query = str | Sequence[str] | Mapping[str, str]
Date = str | int | datetime.date | datetime.datetime
Layout = Literal["wide", "long", "fields"]
OnMissing = Literal["raise", "warn", "ignore"]

# operators, or an expression, outside of quotes
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_DERIVING = re.compile(r"@\w|^\s*=")
_LOCALIZED = re.compile(r"@localize:([A-Za-z][\w/+-]*)$")
_SID_QUERY = re.compile(r'sid=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s"()@]+))(?P<operators>(?:@[^\s"]+)?)')


class _Wish(NamedTuple):
    """What the caller asked for, checked."""

    query: Query
    fields: list[str]
    columns: list[str]
    layout: Layout
    tz: str | EllipsisType | None
    include_job: bool
    include_timestamp: bool
    on_missing: OnMissing
    dtype_backend: str | None


class _Found(NamedTuple):
    """Series as they came, whether the points of each are derived, and their labels where the caller gave some."""

    table: SeriesTable
    derived: list[bool]
    labels: list[Any] | None

    def part(self, start: int, stop: int | None) -> _Found:
        """A stretch of them."""
        labels = self.labels and self.labels[start:stop]
        return _Found(self.table[start:stop], self.derived[start:stop], labels)


def read_shooju(
    query: Query,
    fields: str | Sequence[str] | None = None,
    *,
    df: Date | None = None,
    dt: Date | None = None,
    max_points: int = -1,
    layout: Layout = "wide",
    columns: str | Sequence[str] | None = None,
    tz: str | datetime.tzinfo | EllipsisType | None = ...,
    sort: str | None = None,
    max_series: int | None = None,
    include_job: bool = False,
    include_timestamp: bool = False,
    chunksize: int | None = None,
    dtype_backend: Literal["numpy_nullable", "pyarrow"] | None = None,
    on_missing: OnMissing = "raise",
    progress: bool | None = None,
    batch_size: int = 2500,
    extra_params: Mapping[str, Any] | None = None,
    connection: Connection | None = None,
) -> Any:
    r"""Read series from Shooju into a frame.

    Parameters
    ----------
    query
        A string: every series that it finds. A list of strings: one series each, in that order. A dict
        ``{label: query}``: the same, and the labels name the columns.
    fields
        Fields to read: a name, a list of names, or ``"*"`` for all. In the wide layout they label the columns
        (unless `columns` says otherwise), in the others they are columns.
    df, dt
        Date from and date to, both included: a date, a datetime, milliseconds since 1970, an ISO date, ``"MIN"``,
        ``"MAX"``, or relative to now, such as ``"-5y"`` or ``"-2y -1d"``.
    max_points
        At most so many points of each series, the first by date; -1 for all.
    layout
        ``"wide"``: a column per series, the index ``dt``. ``"long"``: a row per point, with the columns ``series_id``,
        the fields, ``dt`` and ``val``. ``"fields"``: a row per series, a column per field, no points.
    columns
        Wide layout only: what labels the columns, one or several of the field names and ``"series_id"``.
    tz
        The timezone of the dates. By default as served: UTC, or the zone of ``@localize`` (UTC if there are
        several). A name converts; None gives naive times, as the clocks of that zone show them. (``@localize`` sends
        wall-clock times: where only the second pass of a repeated hour has points, nothing in them tells so. Converting
        by `tz` is exact always.)
    sort
        Order of the series of a search: ``"country asc, city desc"``.
    max_series
        At most so many series of a search.
    include_job, include_timestamp
        Long layout only: the job that wrote each point, and when.
    chunksize
        Return an iterator of frames of so many series each, instead of one frame.
    dtype_backend
        ``"numpy_nullable"`` or ``"pyarrow"`` dtypes, as in the readers of pandas.
    on_missing
        What to do when a query of a list or dict finds no series: ``"raise"``, ``"warn"`` or ``"ignore"``; the last
        two leave it out.
    progress
        Show a progress bar; by default in a notebook, if it takes more than a second.
    batch_size
        Series per request of a search.
    extra_params
        Further parameters of the API calls.
    connection
        The connection to read by; by default the one of the settings (see `Connection`).

    Returns
    -------
    DataFrame, or an iterator of them
        Wide: float64, index of dtype ``datetime64[ms, tz]``. ``frame.attrs["shooju"]`` says what the frame was read
        from; ``frame.shooju.series_ids`` and ``frame.shooju.fields`` show it.

    Raises
    ------
    SeriesNotFoundError
        A query of a list or dict found nothing, and `on_missing` is ``"raise"``.
    ShoojuApiError
        The server refused the query, or a series of it.
    ConnectionError
        The server could not be reached.
    ValueError
        Two series have the same label; or an argument is wrong.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> index = pd.date_range("2024-01-01", periods=2, freq="YS", tz="UTC", name="dt")
    >>> gdp = pd.DataFrame({"US": [1.0, 2.0], "CN": [3.0, 4.0]}, index=index).rename_axis(columns="country")
    >>> result = gdp.shooju.write("GDP", sid=r"users\sam\gdp\{country}", fields="levels", connection=conn)
    >>> pd.read_shooju(r"sid:users\sam", "country", connection=conn)
    country                     US   CN
    dt
    2024-01-01 00:00:00+00:00  1.0  3.0
    2025-01-01 00:00:00+00:00  2.0  4.0
    """
    if not isinstance(query, str | Mapping):
        if isinstance(query, bytes) or not isinstance(query, Iterable):
            raise TypeError(
                f"query is {query!r}; it can be a string, a list of strings, or a dict from label to string"
            )
        query = list(query)
    wish = _checked(query, fields, columns, layout, tz, include_job, include_timestamp, on_missing, dtype_backend)
    if isinstance(max_points, bool) or not isinstance(max_points, int | np.integer) or max_points < -1:
        raise ValueError(f"max_points is {max_points!r}; say a number of points, or -1 for all")
    for name, date in (("df", df), ("dt", dt)):
        if isinstance(date, str) and date.isdecimal() and len(date) <= 4:
            raise ValueError(
                f"{name} is {date!r}; a year is written as a date, '{date}-01-01' (milliseconds are an int)"
            )
    if chunksize is not None and (not isinstance(chunksize, int) or chunksize < 1):
        raise ValueError(f"chunksize is {chunksize!r}; say how many series each frame shall have")
    connection = connection or default_connection()
    asked = {
        "fields": [name for name in dict.fromkeys([*wish.fields, *wish.columns]) if name != "series_id"] or None,
        "df": df,
        "dt": dt,
        "max_points": 0 if layout == "fields" else max_points,
        "include_job": include_job,
        "include_timestamp": include_timestamp,
        "extra_params": dict(extra_params) if extra_params else None,
    }
    if isinstance(query, str):
        pages = _search(connection, query, asked, progress, sort, max_series, chunksize or batch_size)
    else:
        if sort is not None or max_series is not None:
            raise ValueError("sort and max_series are for a search; a list or dict of queries has its own order")
        pages = _single(connection, wish, asked, progress, chunksize or 1000)
    if chunksize is not None:
        return (_frame(chunk, wish) for chunk in _chunks(pages, chunksize))
    return _frame(list(pages), wish)


def _checked(
    query: Query,
    fields: str | Sequence[str] | None,
    columns: str | Sequence[str] | None,
    layout: Layout,
    tz: str | datetime.tzinfo | EllipsisType | None,
    include_job: bool,
    include_timestamp: bool,
    on_missing: OnMissing,
    dtype_backend: str | None,
) -> _Wish:
    if layout not in ("wide", "long", "fields"):
        raise ValueError(f"layout is {layout!r}; it can be 'wide', 'long' or 'fields'")
    if on_missing not in ("raise", "warn", "ignore"):
        raise ValueError(f"on_missing is {on_missing!r}; it can be 'raise', 'warn' or 'ignore'")
    if not isinstance(query, str):
        each = list(query.values()) if isinstance(query, Mapping) else list(query)
        wrong = [one for one in each if not isinstance(one, str)]
        if wrong:
            raise TypeError(f"a query is {wrong[0]!r}; queries are strings")
    if layout != "wide" and columns is not None:
        raise ValueError(f"columns= labels the columns of the wide layout, and layout is {layout!r}")
    if layout != "long" and (include_job or include_timestamp):
        raise ValueError("include_job and include_timestamp need layout='long', where each point has a row")
    if dtype_backend not in (None, "numpy_nullable", "pyarrow"):
        raise ValueError(f"dtype_backend is {dtype_backend!r}; it can be 'numpy_nullable' or 'pyarrow'")
    names = _names(fields)
    labels = _names(columns)
    if layout == "fields" and not names:
        names = ["*"]
    if layout == "wide" and not labels and not isinstance(query, Mapping):
        labels = ["series_id"] if not names or "*" in names else names
    if "*" in labels:
        raise ValueError("columns= takes field names and 'series_id', not '*'")
    if isinstance(query, Mapping) and columns is not None:
        raise ValueError("a dict of queries labels the columns by its keys; columns= would label them again")
    if not (tz is None or tz is ...):
        tz = clocks.check_zone(str(tz))
    return _Wish(query, names, labels, layout, tz, include_job, include_timestamp, on_missing, dtype_backend)


def _names(names: str | Sequence[str] | None) -> list[str]:
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(dict.fromkeys(names))


def _search(
    connection: Connection,
    query: str,
    asked: dict[str, Any],
    progress: bool | None,
    sort: str | None,
    max_series: int | None,
    batch_size: int,
) -> Iterator[_Found]:
    """The series that a query finds, page by page."""
    derived = _DERIVING.search(_QUOTED.sub("", query)) is not None
    with Progress("reading", "series", progress) as bar:
        for page in connection.read_pages(query, sort=sort, max_series=max_series, batch_size=batch_size, **asked):
            for item in page.failed.values():
                raise ShoojuApiError.from_answer(item)
            total = page.root.get("total")
            bar.advance(len(page.series), total if max_series is None else min(total or 0, max_series))
            yield _Found(page.series, [derived] * len(page.series), None)


def _single(
    connection: Connection, wish: _Wish, asked: dict[str, Any], progress: bool | None, batch_size: int
) -> Iterator[_Found]:
    """The series of a list or dict of queries, one for each that finds one, with their labels."""
    query = wish.query
    labelled = list(query.items()) if isinstance(query, Mapping) else [(None, one) for one in query]
    todo = iter(labelled)
    with Progress("reading", "series", progress) as bar:
        for page in connection.read_bulk([one for _, one in labelled], batch_size=min(batch_size, 1000), **asked):
            labels, missing = [], []
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
            if missing:
                _say_missing(missing, wish.on_missing)
            bar.advance(page.count, len(labelled))
            ids = [series_id_of(one) for one in values_of(page.series.series_ids)]
            table = page.series.with_ids([series_id for series_id, _ in ids])
            yield _Found(table, [is_derived for _, is_derived in ids], labels)


def _say_missing(queries: list[str], on_missing: OnMissing) -> None:
    if on_missing == "ignore":
        return
    message = (
        f"{len(queries)} of the queries found no series: {', '.join(map(repr, queries[:5]))}"
        f"{', ...' if len(queries) > 5 else ''}"
    )
    if on_missing == "raise":
        raise SeriesNotFoundError(
            f"{message}; on_missing='warn' or 'ignore' reads the others", error="series_not_found", description=message
        )
    warnings.warn(message, UserWarning, stacklevel=5)


def series_id_of(answered: str) -> tuple[str, bool]:
    r"""The series id behind a bulk answer's ``$`` and query, and whether its points are derived.

    With operators, the id carries them, and the points are not the series' own. A query that is no plain ``sid=``
    stands for itself.

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
    return series_id + match["operators"], bool(match["operators"])


def _chunks(pages: Iterator[_Found], size: int) -> Iterator[list[_Found]]:
    waiting: list[_Found] = []
    chunks = 0
    for page in pages:
        waiting.append(page)
        while sum(len(found.table) for found in waiting) >= size:
            # none of those before the last one reaches the size
            left = size - sum(len(found.table) for found in waiting[:-1])
            last = waiting.pop()
            yield [*waiting, last.part(0, left)]
            waiting = [last.part(left, None)]
            chunks += 1
    if any(len(found.table) for found in waiting) or not chunks:  # nothing found is a frame, too
        yield waiting


def _frame(pages: list[_Found], wish: _Wish) -> pd.DataFrame:
    table = SeriesTable.concat([page.table for page in pages]) if pages else SeriesTable.of([])
    derived = [is_derived for page in pages for is_derived in page.derived]
    zone = layouts.common_zone(table)
    if not len(table) and isinstance(wish.query, str):
        asked = _LOCALIZED.search(wish.query)
        zone = asked[1] if asked else zone
    tz = zone if wish.tz is ... else wish.tz
    assert tz is None or isinstance(tz, str)
    fields = [name for name in layouts.field_names(table, wish.fields) if name != "series_id"]
    if wish.layout == "fields":
        frame = layouts.fields_table(table, fields)
        origin = Origin(query=_plain(wish.query), layout="fields")
    elif wish.layout == "long":
        frame = layouts.long(table, fields, tz, zone, jobs=wish.include_job, timestamps=wish.include_timestamp)
        series_ids = values_of(table.series_ids) if any(derived) else []
        origin = Origin(
            query=_plain(wish.query), layout="long", fields=fields, derived=list(compress(series_ids, derived))
        )
    else:
        if isinstance(wish.query, Mapping):
            columns = pd.Index([label for page in pages for label in page.labels or ()])
        else:
            columns = layouts.labels(table, wish.columns)
        frame = layouts.wide(table, columns, tz, zone)
        origin = Origin.of_columns(
            _plain(wish.query),
            columns,
            values_of(table.series_ids),
            derived,
            {name: values_of(table.column(name)) for name in fields},
        )
    if wish.dtype_backend is not None:
        frame = layouts.with_dtype_backend(frame, wish.dtype_backend)
    frame.attrs[KEY] = origin
    return frame


def _plain(query: Query) -> Any:
    """The query as JSON has it."""
    if isinstance(query, str):
        return query
    return list(query.values() if isinstance(query, Mapping) else query)

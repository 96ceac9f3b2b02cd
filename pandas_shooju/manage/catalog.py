r"""The catalog: what series there are, from facets and meta data, without reading points.

`Catalog` is what :attr:`Connection.catalog` returns. How series are read is in :mod:`pandas_shooju.client.reader`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pandas_shooju import query as queries
from pandas_shooju.client import reader, validation
from pandas_shooju.client.transport import Client
from pandas_shooju.errors import ShoojuFormatError, series_exists
from pandas_shooju.formats import Document, SeriesTable
from pandas_shooju.formats.table import values_of
from pandas_shooju.layouts import str_dtype, typed
from pandas_shooju.manage.folders import Folder
from pandas_shooju.manage.supported import where_supported

__all__ = ["Catalog"]


class Catalog:
    r"""What series a server has; :attr:`Connection.catalog`.

    Series in the trash are counted and listed only for a query that mentions it, such as ``r"sid:System\Trash"``.

    Examples
    --------
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> with conn.register_job("GDP") as job:
    ...     for country in ["CN", "US"]:
    ...         job.write(rf"sid=gdp\{country}", fields={"country": country, "unit": "US$ tn"}, points=[(0, 1.0)])
    >>> conn.catalog.count(sj.query.field("unit") == "US$ tn")
    2
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<Catalog of {self._client.shown[0]}>"

    def count(self, query: str = "") -> int:
        r"""Count the series that a query finds, in one request.

        Parameters
        ----------
        query
            The query; by default every series there is.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=gdp\cn", points=[(0, 14.7)])
        >>> conn.catalog.count("sid:gdp"), conn.catalog.count("sid:prices")
        (1, 0)
        """
        return validation.total(self._client.get("/series", params={"query": _checked(query), "per_page": 0}))

    def facets(self, query: str, fields: str | Iterable[str], *, max_values: int = 1000) -> pd.DataFrame:
        r"""List the distinct values that fields have among the series of a query, in one request.

        Parameters
        ----------
        query
            The query; the empty string finds every series.
        fields
            The names of one or more fields. A dotted name refers to a value inside an object.
        max_values
            The most values per field, the most frequent first. A field that has more causes a warning.

        Returns
        -------
        DataFrame
            A row per field and value: ``field``, ``value`` (with its type), and ``count`` (int64), the number of series
            that have the value. The fields are in the given order, with the values of each by falling count.

        Raises
        ------
        ShoojuApiError
            The server has no facets of such a field, or of a query with the operator ``@asof`` or ``@repdate``.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     for country in ["CN", "US"]:
        ...         job.write(rf"sid=gdp\{country}", fields={"country": country, "unit": "US$ tn"})
        >>> conn.catalog.facets("sid:gdp", ["country", "unit"])
             field   value  count
        0  country      CN      1
        1  country      US      1
        2     unit  US$ tn      2
        """
        names = list(dict.fromkeys([fields] if isinstance(fields, str) else fields))
        listed = reader.wire_fields(names)
        if not listed or not all(names):
            raise ValueError(f"fields must be one or more names of fields, got fields={fields!r}")
        if isinstance(max_values, bool) or not hasattr(max_values, "__index__") or max_values < 1:
            raise ValueError(f"max_values must be a positive number of values, got max_values={max_values!r}")
        answer = self._client.get(
            "/series",
            # one value more, to see whether there are more
            params={
                "query": _checked(query), "per_page": 0, "facets": listed, "max_facet_values": int(max_values) + 1,
            },
        )  # fmt: skip
        rows: list[tuple[str, Any, int]] = []
        for name in names:
            terms = validation.facet_terms(answer, name)
            if len(terms) > max_values:
                warnings.warn(
                    f"the field {name!r} has more than {max_values} values, and only the most frequent are returned; "
                    "pass a larger max_values",
                    UserWarning,
                    stacklevel=2,
                )
            rows += ((name, value, count) for value, count in terms[:max_values])
        return pd.DataFrame(
            {
                "field": pd.array([name for name, _, _ in rows], dtype=str_dtype()),
                "value": typed([value for _, value, _ in rows]),
                "count": pd.array([count for _, _, count in rows], dtype="int64"),
            }
        )

    def tree(self, path: str = "", *, depth: int | None = 2) -> Folder:
        r"""List the folders below a path, with the number of series in each.

        The embedded Shooju counts them in one call; of other servers, all ids below the path are listed.

        Parameters
        ----------
        path
            The path, such as ``r"users\sam"``; by default everything outside of the trash.
        depth
            The number of levels below the path; None for all.

        Returns
        -------
        Folder
            The tree, which is shown as text or HTML; without entries if there are no series below the path.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     for name in [r"gdp\cn", r"gdp\us\real", r"gdp\us\nominal"]:
        ...         job.write(rf"sid=users\sam\{name}", points=[(0, 1.0)])
        >>> conn.catalog.tree(r"users\sam")
        users\sam  3
        └── gdp  3
            ├── cn
            └── us  2
        """
        if not isinstance(path, str):
            raise TypeError(rf"path must be a string such as r'users\sam', got {path!r}")
        if depth is not None and (isinstance(depth, bool) or not hasattr(depth, "__index__") or depth < 1):
            raise ValueError(f"depth must be a positive number of levels, or None for all, got depth={depth!r}")
        path = path.strip().removesuffix("\\")
        if depth is not None:
            with where_supported():
                asked = {"folder": path, "depth": int(depth)} if path else {"depth": int(depth)}
                return Folder.of_counts(validation.folders(self._client.get("/series/tree", params=asked)), path)
        return Folder.of(self._series_ids(str(queries.under(path)) if path else ""), path, depth)

    def _series_ids(self, query: str) -> Iterator[str]:
        for page in reader.pages(self._client, query, reader.parameters()):
            _check(page, query)
            yield from values_of(page.series.series_ids)

    def describe(self, query: str) -> pd.DataFrame:
        r"""Describe each series of a query by its meta data, without reading points.

        Parameters
        ----------
        query
            The query, without operators; the empty string finds every series.

        Returns
        -------
        DataFrame
            A row per series, index ``series_id``:

            - ``first``, ``last``: the dates of the first and the last point (``datetime64[ms, UTC]``);
            - ``points``: the number of points (int64);
            - ``min``, ``max``: the smallest and the largest value (float64);
            - ``frequency``: ``min``, ``5min``, ``10min``, ``15min``, ``30min``, ``h``, ``D``, ``B``, ``W``, ``M``,
              ``Q``, ``6M`` or ``Y`` (as in `pandas.Period`), by the mean distance between points, because meta data
              tell no more; missing if that fits none of them;
            - ``unit``: the field of that name;
            - ``job``: the id of the job that last wrote the series (Int64).

            Meta data are those of the last write that updated them: not of one by a job with
            ``skip_meta_if_no_fields``.

        Raises
        ------
        ValueError
            The query has operators or is an expression.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=gdp\cn", fields={"unit": "US$ tn"}, points=[(0, 0.09), (31_536_000_000, 0.1)])
        >>> conn.catalog.describe("sid:gdp")[["points", "min", "max", "frequency", "unit"]]
                   points   min  max frequency    unit
        series_id
        gdp\cn          2  0.09  0.1         Y  US$ tn
        """
        table = self._meta(query, ["dates_min", "dates_max", "points_count", "points_min", "points_max", "job"], "unit")
        first, last, count, low, high, job = (
            _numbers(table, name)
            for name in ("dates_min", "dates_max", "points_count", "points_min", "points_max", "job")
        )
        counts = [int(number or 0) for number in count]
        data = {
            "first": _dates(first),
            "last": _dates(last),
            "points": np.array(counts, np.int64),
            "min": np.array(low, np.float64),
            "max": np.array(high, np.float64),
            "frequency": typed([_mean_frequency(*series) for series in zip(first, last, counts, strict=True)]),
            "unit": typed(table.column("unit")),
            "job": pd.array(job, dtype="Int64"),
        }
        return pd.DataFrame(data, index=_ids(table))

    def latest(self, query: str) -> pd.DataFrame:
        r"""Read the last point of each series of a query, by its meta data and one bulk read from its last date on.

        Parameters
        ----------
        query
            The query, without operators; the empty string finds every series.

        Returns
        -------
        DataFrame
            A row per series, index ``series_id``: ``dt``, the date of its last point (``datetime64[ms, UTC]``), and
            ``val`` (float64); both are missing for a series without points. Series that are deleted during the call are
            left out.

        Raises
        ------
        ValueError
            The query has operators or is an expression.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=gdp\cn", points=[(0, 0.09), (31_536_000_000, 0.1)])
        >>> conn.catalog.latest("sid:gdp")
                                        dt  val
        series_id
        gdp\cn    1971-01-01 00:00:00+00:00  0.1
        """
        table = self._meta(query, ["dates_max"])
        ids = values_of(table.series_ids)
        last = _numbers(table, "dates_max")
        # up to the end of time: a point that was written after the meta data were read is the last one, too
        requests = [
            {"query": str(queries.series(series_id)), "df": int(date), "dt": "MAX"}
            for series_id, date in zip(ids, last, strict=True)
            if date is not None
        ]
        asked = reader.parameters(max_points=-1)
        places = iter([place for place, date in enumerate(last) if date is not None])
        dates = np.full(len(ids), np.datetime64("NaT", "ms"), "M8[ms]")
        values = np.full(len(ids), np.nan)
        exists = np.ones(len(ids), bool)
        for document in reader.bulk(self._client, requests, asked):
            here = [next(places) for _ in range(document.count)]
            for at, failed in document.failed.items():
                exists[here[at]] = series_exists(failed, str(queries.series(ids[here[at]])))
            read = document.series.without_missing()
            found = np.array([place for at, place in enumerate(here) if at not in document.failed], np.int64)
            ends, some = np.cumsum(read.counts) - 1, read.counts > 0
            dates[found[some]] = read.points.dates[ends[some]].view("M8[ms]")
            values[found[some]] = read.points.values[ends[some]]
        frame = pd.DataFrame({"dt": pd.DatetimeIndex(dates).tz_localize("UTC"), "val": values}, index=_ids(table))
        return frame if exists.all() else frame[exists]

    def _meta(self, query: str, names: Sequence[str], *fields: str) -> SeriesTable:
        """The series of a query with meta fields and fields, and without points."""
        query = _checked(query).strip()
        if query.startswith("=") or "@" in queries.without_quoted(query):
            raise ValueError(
                f"query must find stored series, without operators or expressions, got {query!r}; to see what those "
                "make of the series, use pandas.read_shooju"
            )
        asked = reader.parameters(fields=[*(f"meta.{name}" for name in names), *fields])
        tables = []
        for page in reader.pages(self._client, query, asked):
            _check(page, query)
            tables.append(page.series)
        return SeriesTable.concat(tables)


def _check(page: Document, query: str) -> None:
    """Raise if a series of a search failed."""
    for failed in page.failed.values():
        series_exists(failed, query)


def _checked(query: str) -> str:
    """A query as the API takes it."""
    if not isinstance(query, str):
        raise TypeError(f"query must be a string, got {query!r}")
    return str(query)


# --- meta data ---------------------------------------------------------------------------------------------------

_DAY = 86_400_000
#: the years 1 to 9999 (ms)
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999
#: the distances between points (ms, from and to) that each frequency has on average
_MEAN_DISTANCES = {
    "min": (57_000, 63_000),
    "5min": (285_000, 315_000),
    "10min": (570_000, 630_000),
    "15min": (855_000, 945_000),
    "30min": (1_710_000, 1_890_000),
    "h": (3_420_000, 3_780_000),
    "D": (0.95 * _DAY, 1.05 * _DAY),
    "B": (1.33 * _DAY, 1.47 * _DAY),  # a year has 261 of 365 days without weekends, and about 250 without holidays
    "W": (6.65 * _DAY, 7.35 * _DAY),
    "M": (28 * _DAY, 31 * _DAY),
    "Q": (90 * _DAY, 92 * _DAY),
    "6M": (181 * _DAY, 184 * _DAY),
    "Y": (365 * _DAY, 366 * _DAY),
}


def _mean_frequency(first: float | None, last: float | None, points: int) -> str | None:
    """The frequency that points between two dates (ms) have on average; None if it is none of the known ones.

    Meta data tell no more. The frequency of dates themselves is :func:`pandas_shooju.frame.frequency.frequency_of`.

    Examples
    --------
    >>> _mean_frequency(0, 9 * 86_400_000, 10), _mean_frequency(0, 9 * 86_400_000, 7)
    ('D', None)
    """
    if first is None or last is None or points < 2:
        return None
    distance = (last - first) / (points - 1)
    return next((name for name, (least, most) in _MEAN_DISTANCES.items() if least <= distance <= most), None)


def _ids(table: SeriesTable) -> pd.Index:
    """The index of a frame with a row per series."""
    return pd.Index(typed(table.series_ids), name="series_id", dtype=str_dtype())


def _dates(milliseconds: Sequence[float | None]) -> pd.DatetimeIndex:
    """Dates from meta data."""
    dates = np.array(
        [np.datetime64("NaT", "ms") if date is None else np.datetime64(int(date), "ms") for date in milliseconds],
        "M8[ms]",
    )
    return pd.DatetimeIndex(dates).tz_localize("UTC")


def _numbers(table: SeriesTable, name: str) -> list[float | None]:
    """A meta field of each series that is a number; None where it is missing."""
    numbers = values_of(table.column(f"meta.{name}"))
    for number in numbers:
        if number is not None and (not isinstance(number, int | float) or isinstance(number, bool)):
            raise ShoojuFormatError(f"the meta field {name} must be a number, got {type(number).__name__}")
        if number is not None and name.startswith("dates_") and not _FIRST <= number <= _LAST:
            raise ShoojuFormatError(f"the meta field {name} must be milliseconds of the years 1 to 9999, got {number}")
    return numbers

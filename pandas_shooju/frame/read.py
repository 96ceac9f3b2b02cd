"""`read_shooju`: arguments -> a checked request -> a plan, which is carried out at once.

The arguments are checked in :mod:`pandas_shooju.frame.request`; :mod:`pandas_shooju.frame.plan` carries out the plan.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, overload

import pandas as pd

from pandas_shooju.clocks.limits import Limit
from pandas_shooju.frame.plan import FrameIterator, Plan
from pandas_shooju.frame.request import DtypeBackend, OnMissing, Query, checked_request, positive
from pandas_shooju.frame.sources import Moment, ReportedDates
from pandas_shooju.layouts import Layout

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection


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
    reported_date: ReportedDates | None = None,
    last_reports: int | None = None,
    asof: Moment | Iterable[Moment] | None = None,
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
    reported_date: ReportedDates | None = None,
    last_reports: int | None = None,
    asof: Moment | Iterable[Moment] | None = None,
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
    reported_date: ReportedDates | None = None,
    last_reports: int | None = None,
    asof: Moment | Iterable[Moment] | None = None,
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
    reported_date : optional
        Read the points that are filed under report dates, instead of those of the series itself: ``"all"`` of them,
        the ``"latest"`` of each series, a date, a list of dates, or a slice of dates, which includes both ends. As for
        `df` and `dt`, a day stands for all reports of that day, and ``"2024-01"`` for those of the whole month. Report
        dates are in UTC, whatever `tz` is. They become the column ``reported_date`` (long), or the last column level
        (wide); a series without such a report has no rows or columns. With ``layout="fields"`` the fields that are
        filed under report dates are read, with a row for each series and report date.
    last_reports : int, optional
        Read the last reports of each series, at most that many, of those in `reported_date` if it is given.
    asof : optional
        Read the points and fields as they were after a job (a job, its id, or a string such as ``"j17"``) or at a
        moment (a datetime, Timestamp, date or ISO string; a date is its beginning, and a moment without an offset is in
        the zone of `tz`, by default UTC). Series that did not exist then are missing. With a list of jobs or moments,
        the states of each series are told apart by the column ``asof`` (long, fields), or the last column level (wide),
        and a series is missing if it existed at none of them.
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
        Two series have the same column label, or an argument is invalid. A query that is read with report dates or
        `asof` has such an operator already.

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

    The series before and after a revision:

    >>> revision = (gdp["US"] * 2).shooju.write("Revised", sid=r"users\sam\gdp\US", connection=conn)
    >>> pd.read_shooju({"US": r"sid=users\sam\gdp\US"}, asof=[result.job, revision.job], connection=conn)
                                US
    asof                         1    2
    dt
    2023-01-01 00:00:00+00:00  1.0  2.0
    2024-01-01 00:00:00+00:00  2.0  4.0
    2025-01-01 00:00:00+00:00  3.0  6.0
    """
    from pandas_shooju.client.connection import connection_of  # here, so that importing pandas_shooju stays fast

    if chunksize is not None:
        chunksize = positive(chunksize, "chunksize")
    request = checked_request(
        query, fields, df, dt, max_points, layout, columns, tz, include_job, include_timestamp, dtype_backend,
        on_missing, extra_params, reported_date, last_reports, asof, sort, max_series, batch_size,
    )  # fmt: skip
    connection = connection_of(connection)
    plan = Plan(request, connection)
    return plan.read(progress) if chunksize is None else plan.frames(chunksize, progress)

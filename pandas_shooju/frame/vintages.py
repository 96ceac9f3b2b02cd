"""What was known when: values by report date, on frames that `read_shooju` reads with several reports. Pure.

The report dates are in a column ``reported_date`` (long) or in a column level of that name (wide). A report that lacks
a date leaves the value that an earlier report has for it: only values that are there count, and a missing value (NaN)
is none. States as of a moment (a column or level ``asof``) are complete, so the latest one is simply the last state.
"""

from __future__ import annotations

import datetime
from collections.abc import Hashable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.typing import NaTType

from pandas_shooju import clocks
from pandas_shooju.clocks import Int64Array
from pandas_shooju.frame.dates_values import Float64Array, date_index, report_dates
from pandas_shooju.frame.origin import KEY, Origin, column_positions, origin_of
from pandas_shooju.frame.sources import instant
from pandas_shooju.values import point_values

_REPORTED, _ASOF = "reported_date", "asof"
#: columns of a long frame that do not tell series apart
_OF_POINTS = ("dt", "val", "job", "timestamp", _REPORTED, _ASOF)


def known_at(data: pd.DataFrame, when: str | datetime.date | np.datetime64 | NaTType) -> pd.DataFrame:
    r"""The values as they were known at a moment: for each date, that of the latest report at or before it.

    Parameters
    ----------
    when : datetime, Timestamp, date or str
        The moment. A date, also as a string, is its beginning. Without a time zone it is UTC, as report dates are.

    Returns
    -------
    DataFrame
        Of a wide frame, the values (float64) without the level ``reported_date``, at the dates that were known. Of a
        long frame, the row of each series and date that held then, in which ``reported_date`` is the date of the report
        that it comes from, sorted by date within each series.

    Raises
    ------
    ValueError
        The frame has no report dates, or two values for the same series, date and report date.
    TypeError
        `when` is not a moment.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> reports = pd.DataFrame({
    ...     "series_id": r"users\sam\gdp",
    ...     "reported_date": pd.to_datetime(["2024-02-01", "2024-03-01", "2024-03-01"], utc=True),
    ...     "dt": pd.to_datetime(["2023-10-01", "2023-10-01", "2024-01-01"], utc=True),
    ...     "val": [3.3, 3.2, 1.6],
    ... })
    >>> result = reports.shooju.write("GDP", reported_date="reported_date", connection=conn)
    >>> vintages = pd.read_shooju(r"sid:users\sam", reported_date="all", connection=conn)
    >>> vintages.shooju.known_at("2024-02-15")
                               users\sam\gdp
    dt
    2023-10-01 00:00:00+00:00            3.3
    >>> vintages.shooju.known_at("2024-03-01")
                               users\sam\gdp
    dt
    2023-10-01 00:00:00+00:00            3.2
    2024-01-01 00:00:00+00:00            1.6
    """
    limit = instant(when, "when", "UTC")
    return _chosen(_reports(data, "known_at"), "last", limit)


def first_release(data: pd.DataFrame) -> pd.DataFrame:
    r"""The first value that was reported for each date.

    Returns
    -------
    DataFrame
        As for `known_at`. Only the reports in the frame count: with ``last_reports=3`` the first of these.

    Raises
    ------
    ValueError
        The frame has no report dates, or two values for the same series, date and report date.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> vintages = pd.DataFrame(
    ...     [[3.3, 3.2], [None, 1.6]],
    ...     index=pd.DatetimeIndex(["2023-10-01", "2024-01-01"], name="dt"),
    ...     columns=pd.MultiIndex.from_product(
    ...         [["gdp"], pd.to_datetime(["2024-02-01", "2024-03-01"])], names=["name", "reported_date"]
    ...     ),
    ... )
    >>> vintages.shooju.first_release()
    name        gdp
    dt
    2023-10-01  3.3
    2024-01-01  1.6
    """
    return _chosen(_reports(data, "first_release"), "first", None)


def latest(data: pd.DataFrame) -> pd.DataFrame:
    r"""The last value that was reported for each date; of a frame read with `asof`, the latest state.

    Returns
    -------
    DataFrame
        As for `known_at`. Of states as of several moments or jobs, the one as of the last moment or the job with the
        highest id, without the column or level ``asof``.

    Raises
    ------
    ValueError
        The frame has no report dates and was not read with `asof`; or it has two values for the same series, date and
        report date.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> frame = pd.DataFrame({"gdp": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2, tz="UTC", name="dt"))
    >>> first = frame.shooju.write("GDP", sid=r"users\sam\gdp", connection=conn).job.job_id
    >>> second = (frame * 2).shooju.write("GDP, revised", sid=r"users\sam\gdp", connection=conn).job.job_id
    >>> states = pd.read_shooju({"gdp": r"sid=users\sam\gdp"}, asof=[first, second], connection=conn)
    >>> states
                               gdp
    asof                         1    2
    dt
    2024-01-01 00:00:00+00:00  1.0  2.0
    2024-01-02 00:00:00+00:00  2.0  4.0
    >>> states.shooju.latest()
                               gdp
    dt
    2024-01-01 00:00:00+00:00  2.0
    2024-01-02 00:00:00+00:00  4.0
    """
    if isinstance(data, pd.DataFrame) and _place(data, _REPORTED) is None and _is_asof(data):
        return _last_state(data)
    return _chosen(_reports(data, "latest"), "last", None)


def revisions(data: pd.DataFrame) -> pd.DataFrame:
    r"""The values of each date by release: the first value that was reported for it, the second, and so on.

    Every report that has a value for a date counts as a release of it, also if it repeats the value.

    Returns
    -------
    DataFrame
        A row for each date, and the last column level ``release`` (int64, from 1) in place of ``reported_date``. The
        other levels are those of a wide frame; of a long frame, the series id, or without a column ``series_id`` all
        columns that do not belong to a point. float64; NaN where a date has fewer releases.

    Raises
    ------
    ValueError
        The frame has no report dates, or two values for the same series, date and report date.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> vintages = pd.DataFrame(
    ...     [[3.3, 3.2], [None, 1.6]],
    ...     index=pd.DatetimeIndex(["2023-10-01", "2024-01-01"], name="dt"),
    ...     columns=pd.MultiIndex.from_product(
    ...         [["gdp"], pd.to_datetime(["2024-02-01", "2024-03-01"])], names=["name", "reported_date"]
    ...     ),
    ... )
    >>> vintages.shooju.revisions()
    name        gdp
    release       1    2
    dt
    2023-10-01  3.3  3.2
    2024-01-01  1.6  NaN
    """
    frame = _reports(data, "revisions")
    return _wide_revisions(frame) if _place(frame, _REPORTED) == "level" else _long_revisions(frame)


# --- frames with vintages ---------------------------------------------------------------------------------------------


def _place(frame: pd.DataFrame, name: str) -> Literal["level", "column"] | None:
    """Where a frame has its vintages: in a column level (wide), or in a column or level of the index (long)."""
    if name in frame.columns.names:
        return "level"
    return "column" if name in frame.columns or name in frame.index.names else None


def _is_asof(frame: pd.DataFrame) -> bool:
    return _place(frame, _ASOF) is not None or "asof" in (origin_of(frame) or {})


def _reports(data: Any, method: str) -> pd.DataFrame:
    """The frame, if it has report dates."""
    if not isinstance(data, pd.DataFrame):
        raise TypeError(
            f"{method} requires a DataFrame with report dates, got a {type(data).__name__}; call it on the "
            f"frame, and select afterwards: df.shooju.{method}(...)"
        )
    if _place(data, _REPORTED) is not None:
        return data
    if _is_asof(data):
        raise ValueError(
            f"{method} requires report dates, but this frame was read with asof=, which reads states of the series and "
            "not their reports; use .shooju.latest() for the last state, or read with reported_date='all'"
        )
    raise ValueError(
        f"{method} requires report dates in a column or column level 'reported_date', as in "
        f"pd.read_shooju(..., reported_date='all'); the columns are {', '.join(map(repr, frame_names(data)))}"
    )


def frame_names(frame: pd.DataFrame) -> list[Hashable]:
    """The names of the column levels of a wide frame, or the first columns of another one, for messages."""
    named = [name for name in frame.columns.names if name is not None]
    return named or list(frame.columns[:8])


def _chosen(frame: pd.DataFrame, which: Literal["first", "last"], limit: int | None) -> pd.DataFrame:
    """The first or the last value of each date, of those that were reported up to a limit (milliseconds)."""
    if _place(frame, _REPORTED) == "level":
        return _wide_chosen(frame, which, limit)
    return _long_chosen(frame, which, limit)


def _not_unique(position: str) -> ValueError:
    return ValueError(
        f"a frame must have at most one value for each series, date and report date, but {position} has several; drop "
        "the duplicates"
    )


# --- wide -------------------------------------------------------------------------------------------------------------


class _Columns(NamedTuple):
    """The columns of a wide frame, by series."""

    level: int
    #: the position of the first column of each series, in order of appearance
    first: Int64Array
    #: the positions of the columns of each series, by report date
    of_series: list[Int64Array]
    reported: Int64Array


def _columns(frame: pd.DataFrame) -> _Columns:
    columns = frame.columns
    level = columns.names.index(_REPORTED)
    reported = np.array(report_dates(columns.get_level_values(level), _REPORTED, frame), np.int64)
    if isinstance(columns, pd.MultiIndex):
        codes = np.array([code for at, code in enumerate(columns.codes) if at != level], np.int64)
    else:
        codes = np.zeros((1, len(columns)), np.int64)
    _, first, series = np.unique(codes, axis=1, return_index=True, return_inverse=True)
    order = np.lexsort((reported, series.reshape(-1)))
    series = series.reshape(-1)[order]
    same = (series[1:] == series[:-1]) & (reported[order][1:] == reported[order][:-1])
    if same.any():
        raise _not_unique(f"the column {columns[order[np.flatnonzero(same)[0] + 1]]!r}")
    of_series = np.split(order, np.flatnonzero(series[1:] != series[:-1]) + 1) if len(order) else []
    appearance = np.argsort(first)
    return _Columns(level, first[appearance], [of_series[at] for at in appearance], reported)


def _matrix(frame: pd.DataFrame) -> Float64Array:
    """The values, with a row for each column of the frame."""
    if (frame.dtypes == np.float64).all():
        values: Float64Array = frame.to_numpy(np.float64).T
        return values
    columns = [point_values(frame.iloc[:, at], "the frame") for at in range(frame.shape[1])]
    return np.array(columns, np.float64).reshape(frame.shape[1], len(frame))


def _wide_chosen(frame: pd.DataFrame, which: Literal["first", "last"], limit: int | None) -> pd.DataFrame:
    found, matrix = _columns(frame), _matrix(frame)
    values = np.full((len(found.first), len(frame)), np.nan)
    for row, own in zip(values, found.of_series, strict=True):
        if limit is not None:
            own = own[found.reported[own] <= limit]
        for at in own if which == "last" else own[::-1]:
            np.copyto(row, matrix[at], where=~np.isnan(matrix[at]))
    if isinstance(frame.columns, pd.MultiIndex):
        labels = frame.columns[found.first].droplevel(found.level)
    else:
        labels = pd.Index(["val"][: len(found.first)])
    return _of_matrix(values, frame, labels)


def _wide_revisions(frame: pd.DataFrame) -> pd.DataFrame:
    found, matrix = _columns(frame), _matrix(frame)
    parts = []
    for own in found.of_series:
        block = matrix[own]
        present = ~np.isnan(block)
        part = np.full((int(present.sum(axis=0).max(initial=0)), len(frame)), np.nan)
        release, date = np.nonzero(present)
        part[np.cumsum(present, axis=0)[release, date] - 1, date] = block[release, date]
        parts.append(part)
    counts = [len(part) for part in parts]
    columns = frame.columns
    at, releases = np.repeat(found.first, counts), _releases(counts)
    if isinstance(columns, pd.MultiIndex):
        labels: pd.Index = pd.MultiIndex(
            levels=[*(values for i, values in enumerate(columns.levels) if i != found.level), releases.unique()],
            codes=[*(codes[at] for i, codes in enumerate(columns.codes) if i != found.level), releases - 1],
            names=[*(name for i, name in enumerate(columns.names) if i != found.level), "release"],
        )
    else:
        labels = releases
    values = np.concatenate([np.empty((0, len(frame))), *parts])
    return _of_matrix(values, frame, labels)


def _releases(counts: list[int]) -> pd.Index:
    """The numbers of the releases of each series, from 1."""
    numbers = [np.arange(1, count + 1) for count in counts]
    return pd.Index(np.concatenate([np.empty(0, np.int64), *numbers]), dtype=np.int64, name="release")


def _of_matrix(values: Float64Array, frame: pd.DataFrame, labels: pd.Index) -> pd.DataFrame:
    """A wide frame of the dates that have a value; nullable and pyarrow dtypes are kept."""
    known = ~np.isnan(values).all(axis=0)
    index = frame.index
    if not known.all():
        values, index = values[:, known], index[known]
    result = pd.DataFrame(values.T, index=index, columns=labels, copy=False)
    dtypes = set(frame.dtypes)
    only = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float64)
    return result if isinstance(only, np.dtype) else result.astype(only)


# --- long -------------------------------------------------------------------------------------------------------------


class _Rows(NamedTuple):
    """Rows of a long frame that have a value, sorted by series, date and report date."""

    rows: Int64Array
    series: Int64Array
    dates: Int64Array
    #: the position of the first row of each series and date
    starts: Int64Array


def _rows(frame: pd.DataFrame, limit: int | None, *, points: bool) -> _Rows:
    """The rows that were reported up to a limit; with `points`, those that have a value."""
    reported = _milliseconds(frame[_REPORTED])
    wanted: npt.NDArray[np.bool_] = np.ones(len(frame), bool) if limit is None else reported <= limit
    if points:
        wanted &= ~np.isnan(point_values(frame["val"], "the column 'val'"))
    rows = np.flatnonzero(wanted)
    series, reported = _series_codes(frame)[rows], reported[rows]
    dates = date_index(frame["dt"]).asi8[rows] if points else np.zeros(len(rows), np.int64)
    order = np.lexsort((reported, dates, series))
    rows, series, dates, reported = rows[order], series[order], dates[order], reported[order]
    new = np.ones(len(rows), bool)
    new[1:] = (series[1:] != series[:-1]) | (dates[1:] != dates[:-1])
    same = ~new[1:] & (reported[1:] == reported[:-1])
    if same.any():
        raise _not_unique(f"the row {rows[np.flatnonzero(same)[0] + 1]}")
    return _Rows(rows, series, dates, np.flatnonzero(new))


def _milliseconds(column: pd.Series) -> Int64Array:
    index = date_index(column)
    if index.hasnans:
        raise ValueError("the column 'reported_date' must not contain missing dates; drop these rows")
    return clocks.to_milliseconds(index)


def _keys(frame: pd.DataFrame) -> list[Hashable]:
    """The columns that tell series apart."""
    return ["series_id"] if "series_id" in frame.columns else [name for name in frame.columns if name not in _OF_POINTS]


def _series_codes(frame: pd.DataFrame) -> Int64Array:
    """A number for the series of each row, in the order of the categories or of appearance."""
    codes: Int64Array = np.zeros(len(frame), np.int64)
    for name in _keys(frame):
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            own, count = column.cat.codes.to_numpy(), len(column.cat.categories)
        else:
            own, distinct = pd.factorize(column)
            count = len(distinct)
        # dense, so that the product of many columns does not overflow
        codes = np.unique(codes * (count + 1) + own + 1, return_inverse=True)[1].reshape(-1)
    return codes


def _flat(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Hashable]]:
    """A long frame with the named levels of its index as columns, and their names."""
    names = [name for name in frame.index.names if name is not None]
    return (frame.reset_index() if names else frame), names


def _long_chosen(frame: pd.DataFrame, which: Literal["first", "last"], limit: int | None) -> pd.DataFrame:
    flat, names = _flat(frame)
    found = _rows(flat, limit, points=_has_points(frame))
    ends = np.append(found.starts[1:], len(found.rows))[: len(found.starts)] - 1
    chosen = flat.iloc[found.rows[found.starts if which == "first" else ends]]
    chosen = chosen.set_index(names) if names else chosen.reset_index(drop=True)
    chosen.attrs = frame.attrs
    return chosen


def _has_points(frame: pd.DataFrame) -> bool:
    """Whether a frame has points, and not the fields of reports."""
    names = {*frame.columns, *frame.index.names}
    if {"dt", "val"} <= names:
        return True
    if frame.index.name == "series_id":
        return False
    raise ValueError(
        "a long frame must have the columns 'dt' and 'val'; rename its columns, such as "
        f"`df = df.rename(columns={{'date': 'dt', 'value': 'val'}})`; they are {', '.join(map(repr, frame.columns))}"
    )


def _begins(codes: Int64Array) -> Int64Array:
    """The positions at which a new code begins."""
    return np.flatnonzero(np.append(True, codes[1:] != codes[:-1])[: len(codes)])


def _long_revisions(frame: pd.DataFrame) -> pd.DataFrame:
    if not _has_points(frame):
        raise ValueError("revisions requires points, got the fields of reports; read with layout='wide' or 'long'")
    flat, _ = _flat(frame)
    found = _rows(flat, None, points=True)
    sizes = np.diff(found.starts, append=len(found.rows))
    release = np.arange(len(found.rows)) - np.repeat(found.starts, sizes)
    first = _begins(found.series)
    counts = np.maximum.reduceat(release, first) + 1 if len(first) else np.empty(0, np.int64)
    begin = np.cumsum(counts) - counts
    dates, at = np.unique(found.dates, return_inverse=True)
    values = np.full((int(counts.sum()), len(dates)), np.nan)
    rows_of_series = np.diff(first, append=len(found.rows))
    numbers = point_values(flat["val"], "the column 'val'")[found.rows]
    values[np.repeat(begin, rows_of_series) + release, at.reshape(-1)] = numbers
    keys, releases = _keys(flat), _releases(counts.tolist())
    labels: pd.Index = releases
    if keys:
        rows = np.repeat(found.rows[first], counts)
        names = [None if name == "series_id" else name for name in keys]
        labels = pd.MultiIndex.from_arrays(
            [*(flat[name].iloc[rows] for name in keys), releases], names=[*names, "release"]
        )
    every = date_index(flat["dt"])
    index = every.take(found.rows[np.unique(found.dates, return_index=True)[1]]).rename("dt")
    return pd.DataFrame(values.T, index=index, columns=labels, copy=False)


# --- states -----------------------------------------------------------------------------------------------------------


def _last_state(frame: pd.DataFrame) -> pd.DataFrame:
    """The state as of the last moment, or the job with the highest id."""
    place = _place(frame, _ASOF)
    if place is None:
        return frame.copy()
    flat, names = _flat(frame) if place == "column" else (frame, [])
    vintages = frame.columns.get_level_values(_ASOF) if place == "level" else pd.Index(flat[_ASOF])
    origin = origin_of(frame)
    if vintages.dtype == object and len(vintages):
        job = next(int(label) for label in vintages if isinstance(label, int | np.integer))
        one = f"df.xs({job}, axis=1, level='asof')" if place == "level" else f"df[df['asof'] == {job}]"
        raise ValueError(
            "the frame has states as of jobs and of moments, of which it is not known which is the latest; select one, "
            f"such as `{one}`"
        )
    chosen = np.flatnonzero(vintages == vintages.max()) if len(vintages) else np.empty(0, np.int64)
    if place == "column":
        state = flat.iloc[chosen].drop(columns=_ASOF)
        state = state.set_index(names) if names else state.reset_index(drop=True)
        state.attrs = frame.attrs
        return state
    state = frame.iloc[:, chosen]
    columns = state.columns
    labels = columns.droplevel(_ASOF) if isinstance(columns, pd.MultiIndex) else pd.Index(["val"][: len(columns)])
    result = state.set_axis(labels, axis=1)
    result = result.loc[result.notna().any(axis=1)] if len(result.columns) else result.iloc[:0]
    positions = column_positions(state)
    result.attrs = {}
    if origin is not None and None not in positions:
        shared = {name: origin[name] for name in ("query", "server", "tz", "naive") if name in origin}
        ids = [origin["series_ids"][at] for at in positions]
        derived = [origin["derived"][at] for at in positions]
        fields = {name: [values[at] for at in positions] for name, values in origin["fields"].items()}
        result.attrs = {KEY: Origin.of_columns(labels, ids, derived, fields, **shared)}
    return result

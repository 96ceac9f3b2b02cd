r"""Polars: series as a LazyFrame, which requests no more than a query needs.

Requires the extra ``polars``.
"""

from __future__ import annotations

import functools
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from pandas_shooju import clocks
from pandas_shooju.clocks import TimeZone
from pandas_shooju.engines import arrow, required
from pandas_shooju.frame.plan import Plan, ReadOptions, plan_of
from pandas_shooju.frame.request import Query, localized_zone

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from pandas_shooju.client.connection import Connection

#: the fewest series in a request for a few rows
_FEWEST = 100

Limits = tuple[float, float]
ALL: Limits = (-math.inf, math.inf)


def scan_shooju(
    query: Query,
    fields: str | Sequence[str] | None = None,
    *,
    connection: Connection | str | None = None,
    **options: Unpack[ReadOptions],
) -> pl.LazyFrame:
    r"""Series as a Polars LazyFrame, with a row for each point.

    Nothing is requested until the frame is collected; if there are `fields`, they are read as soon as its schema is
    needed, to find out their types. What a query does not need is not requested:

    - fields, jobs and timestamps that it does not use;
    - points outside of the dates that it selects: comparisons of ``dt``, and ``is_between``, joined by ``&`` or ``|``;
    - points and series beyond the first rows, for ``head`` and ``limit``.

    Parameters
    ----------
    query, fields, connection
        As for `read_shooju`.
    **options
        ``df``, ``dt``, ``max_points``, ``tz``, ``sort``, ``max_series``, ``include_job``, ``include_timestamp``,
        ``reported_date``, ``last_reports``, ``asof``, ``on_missing``, ``extra_params`` as for `read_shooju`, and
        ``batch_size``, the number of series per request, by default 500. ``tz`` is by default the time zone that
        ``@localize:ZONE`` names in the query, otherwise UTC.

    Returns
    -------
    polars.LazyFrame
        The columns of the long layout: ``series_id`` (String), the fields, ``dt`` (``Datetime("ms", tz)``) and ``val``
        (Float64), and on request ``job`` (Int64), ``timestamp`` (``Datetime("ms", "UTC")``), ``reported_date`` or
        ``asof``. A field is a String, Int64, Float64 or Boolean; if its values have several types, or are lists or
        objects, it contains their JSON text. Missing fields are null.

    Raises
    ------
    ImportError
        The extra ``polars`` is not installed.
    ConfigurationError, ValueError, TypeError
        As for `read_shooju`. Its other errors occur when the frame is collected; Polars raises them as a
        ``ComputeError``.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> index = pd.date_range("2023-12-31", periods=3, tz="UTC")
    >>> gdp = pd.DataFrame({"US": [1.0, 2.0, 3.0], "CN": [4.0, 5.0, 6.0]}, index=index).rename_axis(columns="country")
    >>> result = gdp.shooju.write("GDP", sid=r"users\sam\gdp\{country}", fields="levels", connection=conn)
    >>> from pandas_shooju.engines.polars import scan_shooju
    >>> import polars as pl  # doctest: +SKIP
    >>> points = scan_shooju(r"sid:users\sam\gdp", "country", connection=conn)  # doctest: +SKIP
    >>> in_2024 = points.filter(pl.col("dt") >= pl.datetime(2024, 1, 1, time_zone="UTC"))  # doctest: +SKIP
    >>> in_2024.group_by("country").agg(pl.col("val").sum()).sort("val").collect().rows()  # doctest: +SKIP
    [('US', 5.0), ('CN', 11.0)]
    """
    required("pyarrow", "polars")
    plugins = required("polars.io.plugins", "polars")
    options.setdefault("batch_size", arrow.BATCH_SIZE)
    plan = plan_of(query, fields, connection, options)
    typed = functools.cache(functools.partial(arrow.typed, plan))

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        return _frames(*typed(), columns, predicate, rows)

    frame: pl.LazyFrame = plugins.register_io_source(source, schema=lambda: _empty(typed()[1]).schema, is_pure=True)
    return frame


def _empty(schema: pa.Schema) -> pl.DataFrame:
    return _frame(schema.empty_table())


def _frame(data: pa.Table | pa.RecordBatch) -> pl.DataFrame:
    """Arrow data in Polars, with strings in place of categoricals, which cannot be joined or compared with strings."""
    polars = required("polars", "polars")
    frame: pl.DataFrame = polars.from_arrow(data)
    return frame.cast({name: polars.String() for name, kind in frame.schema.items() if kind == polars.Categorical})


def _frames(
    plan: Plan, schema: pa.Schema, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None
) -> Iterator[pl.DataFrame]:
    """The frames that Polars asks for: these columns of the first `rows` rows, of those what `predicate` selects."""
    if columns is not None:
        plan = plan.project(columns)
        schema = required("pyarrow", "polars").schema([schema.field(name) for name in columns])
    if rows is not None:
        plan = plan.with_(batch_size=min(plan.request.batch_size, max(rows, _FEWEST)))
        if plan.as_stored:
            most = plan.request.max_points
            plan = plan.with_(max_points=rows if most < 0 else min(rows, most))
    elif predicate is not None and plan.request.max_points < 0:
        kind = _empty(schema).schema.get("dt")
        first, last = ALL if kind is None else _limits(predicate, kind, localized_zone(plan.request.query))
        if first > last:
            rows = 0
        plan = plan.between(None if first == -math.inf else int(first), None if last == math.inf else int(last))
    if rows == 0:
        yield _empty(schema)
        return
    for batch in arrow.batches(plan, schema):
        frame = _frame(batch)
        if rows is not None:
            frame = frame.head(rows)
            rows -= len(frame)
        yield frame if predicate is None else frame.filter(predicate)
        if rows == 0:
            return


# --- the dates that a predicate selects -----------------------------------------------------------------------------


def _limits(predicate: pl.Expr, kind: pl.DataType, zone: TimeZone) -> Limits:
    """Dates (UTC milliseconds) outside of which a predicate is false.

    Parameters
    ----------
    predicate
        Any expression; one that is not understood has no limits.
    kind
        The dtype of the column ``dt``.
    zone
        The time zone of its dates, if they are naive.
    """
    try:
        tree = json.loads(predicate.meta.serialize(format="json"))
    except Exception:  # such as a predicate that calls a Python function
        return ALL
    first, last = _of_node(tree, lambda node: _value(node, kind))
    if getattr(kind, "time_zone", None) is None:
        first = first if first == -math.inf else clocks.first_at(int(first), zone)
        last = last if last == math.inf else clocks.last_at(int(last), zone)
    return first, last


def _value(node: Any, kind: pl.DataType) -> int | None:
    """The milliseconds of an expression, given as a tree, that is a constant of the dtype of ``dt``; otherwise None."""
    polars = required("polars", "polars")
    try:
        expression = polars.Expr.deserialize(io.StringIO(json.dumps(node)), format="json")
        if expression.meta.root_names():
            return None
        found = polars.select(expression.alias("value"))["value"]
    except Exception:
        return None
    number: int | None = found.to_physical().item() if found.dtype == kind else None
    return number


def _of_node(node: Any, value: Callable[[Any], int | None]) -> Limits:
    """The limits of an expression, given as a tree."""
    match node:
        case {"BinaryExpr": {"left": left, "op": "And" | "LogicalAnd", "right": right}}:
            one, two = _of_node(left, value), _of_node(right, value)
            return max(one[0], two[0]), min(one[1], two[1])
        case {"BinaryExpr": {"left": left, "op": "Or" | "LogicalOr", "right": right}}:
            one, two = _of_node(left, value), _of_node(right, value)
            return min(one[0], two[0]), max(one[1], two[1])
        case {"BinaryExpr": {"left": {"Column": "dt"}, "op": op, "right": right}}:
            return _compared(op, value(right))
        case {"BinaryExpr": {"left": left, "op": op, "right": {"Column": "dt"}}}:
            return _compared(_SWAPPED.get(op, ""), value(left))
        case {
            "Function": {
                "input": [{"Column": "dt"}, lower, upper],
                "function": {"Boolean": {"IsBetween": {"closed": closed}}},
            }
        }:
            first = _compared("GtEq" if closed in ("Both", "Left") else "Gt", value(lower))[0]
            last = _compared("LtEq" if closed in ("Both", "Right") else "Lt", value(upper))[1]
            return first, last
    return ALL


_SWAPPED = {"Eq": "Eq", "Gt": "Lt", "GtEq": "LtEq", "Lt": "Gt", "LtEq": "GtEq"}


def _compared(op: str, number: int | None) -> Limits:
    """The limits of the comparison of dates with a number of milliseconds."""
    if number is None:
        return ALL
    match op:
        case "Eq":
            return number, number
        case "Gt":
            return number + 1, math.inf
        case "GtEq":
            return number, math.inf
        case "Lt":
            return -math.inf, number - 1
        case "LtEq":
            return -math.inf, number
    return ALL

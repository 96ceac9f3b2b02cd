r"""Arrow: a stream of record batches, which DuckDB, Polars and others take as it is.

Requires the extra ``arrow``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from pandas_shooju import layouts
from pandas_shooju.engines import required
from pandas_shooju.frame.plan import Plan, ReadOptions, plan_of
from pandas_shooju.frame.request import Query

if TYPE_CHECKING:
    import pyarrow as pa

    from pandas_shooju.client.connection import Connection

#: series in each request and record batch, by default
BATCH_SIZE = 500


def read_arrow(
    query: Query,
    fields: str | Sequence[str] | None = None,
    *,
    connection: Connection | str | None = None,
    **options: Unpack[ReadOptions],
) -> pa.RecordBatchReader:
    r"""Read series as a stream of Arrow record batches, in bounded memory.

    The reader has the Arrow C stream interface (``__arrow_c_stream__``), so that DuckDB, Polars and other consumers
    read from it directly. Series are requested while they are consumed, and each batch consists of the points of
    `batch_size` series. The stream can be read once.

    Parameters
    ----------
    query, fields, connection
        As for `read_shooju`. If there are `fields`, all of them are read first, to find out their types.
    **options
        ``df``, ``dt``, ``max_points``, ``tz``, ``sort``, ``max_series``, ``include_job``, ``include_timestamp``,
        ``reported_date``, ``last_reports``, ``asof``, ``on_missing``, ``extra_params`` as for `read_shooju`, and
        ``batch_size``, the number of series per request and batch, by default 500. ``tz`` is by default the time zone
        that ``@localize:ZONE`` names in the query, otherwise UTC.

    Returns
    -------
    pyarrow.RecordBatchReader
        The columns of the long layout: ``series_id`` (dictionary-encoded), the fields, ``dt`` (``timestamp[ms, tz]``)
        and ``val`` (double), and on request ``job`` (int64), ``timestamp`` (``timestamp[ms, UTC]``),
        ``reported_date`` or ``asof``. A field is a dictionary-encoded string, int64, double or bool; if its values have
        several types, or are lists or objects, it contains their JSON text. Missing fields are null.

    Raises
    ------
    ImportError
        The extra ``arrow`` is not installed.
    SeriesNotFoundError, ShoojuApiError, ConnectionError, ConfigurationError, ValueError, TypeError
        As for `read_shooju`. An error in the middle of the stream is raised by its consumer, in an exception of its
        own.

    Examples
    --------
    >>> import duckdb  # doctest: +SKIP
    >>> prices = read_arrow(r"sid:users\sam\prices", "country", df="2024")  # doctest: +SKIP
    >>> duckdb.sql("SELECT country, avg(val) FROM prices GROUP BY country")  # doctest: +SKIP
    """
    pa = required("pyarrow", "arrow")
    options.setdefault("batch_size", BATCH_SIZE)
    plan = plan_of(query, fields, connection=connection, **options)
    plan, schema = typed(plan)
    return pa.RecordBatchReader.from_batches(schema, batches(plan, schema))


def typed(plan: Plan) -> tuple[Plan, pa.Schema]:
    """The same plan with the names of all fields, and the schema of its long layout."""
    pa = required("pyarrow", "arrow")
    columns: dict[str, Any] = {}
    if plan.request.fields:
        survey = plan.survey()
        plan = plan.with_(fields=survey.plan.request.fields)
        columns = {name: survey.schema[name] for name in plan.request.fields}

    return plan, pa.schema([])

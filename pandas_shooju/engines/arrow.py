r"""Arrow: a stream of record batches, which DuckDB, Polars and others take as it is.

Requires the extra ``arrow``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd

from pandas_shooju.engines import required
from pandas_shooju.frame.plan import Plan, ReadOptions, plan_of
from pandas_shooju.frame.request import Query

if TYPE_CHECKING:
    import pyarrow as pa

    from pandas_shooju.client.connection import Connection

#: series in each request and record batch, by default
BATCH_SIZE = 500


class ArrowReader:
    """Record batches that are read while they are consumed; made by `read_arrow`.

    It has the Arrow C stream interface, for DuckDB, Polars, pyarrow and others. Each stream, and each iteration, reads
    the series anew.
    """

    def __init__(self, plan: Plan, schema: pa.Schema) -> None:
        self._plan = plan
        #: the columns
        self.schema = schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return batches(self._plan, self.schema)

    def reader(self) -> pa.RecordBatchReader:
        """A pyarrow reader of a new stream."""
        return required("pyarrow", "arrow").RecordBatchReader.from_batches(self.schema, iter(self))

    def read_all(self) -> pa.Table:
        """Everything, as a table in memory."""
        return self.reader().read_all()

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.reader().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<ArrowReader of {self._plan.request.query!r}: {', '.join(self.schema.names)}>"


def read_arrow(
    query: Query,
    fields: str | Sequence[str] | None = None,
    *,
    connection: Connection | str | None = None,
    **options: Unpack[ReadOptions],
) -> ArrowReader:
    r"""Read series as a stream of Arrow record batches, in bounded memory.

    The reader has the Arrow C stream interface (``__arrow_c_stream__``), so that DuckDB, Polars and other consumers
    read from it directly. Series are requested while they are consumed, and each batch consists of the points of
    `batch_size` series.

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
    ArrowReader
        It can be read several times, each time anew. The columns are those of the long layout: ``series_id``
        (dictionary-encoded), the fields, ``dt`` (``timestamp[ms, tz]``) and ``val`` (double), and on request ``job``
        (int64), ``timestamp`` (``timestamp[ms, UTC]``), ``reported_date`` or ``asof``. A field is a dictionary-encoded
        string, int64, double or bool; if its values have several types, or are lists or objects, it contains their JSON
        text. Missing fields are null.

    Raises
    ------
    ImportError
        The extra ``arrow`` is not installed.
    SeriesNotFoundError, ShoojuApiError, ConnectionError, ConfigurationError, ValueError, TypeError
        As for `read_shooju`. An error in the middle of the stream is raised by its consumer, in an exception of its
        own.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> index = pd.date_range("2024-01-01", periods=3, tz="UTC")
    >>> gdp = pd.DataFrame({"US": [1.0, 2.0, 3.0], "CN": [4.0, 5.0, 6.0]}, index=index).rename_axis(columns="country")
    >>> result = gdp.shooju.write("GDP", sid=r"users\sam\gdp\{country}", fields="levels", connection=conn)
    >>> reader = read_arrow(r"sid:users\sam\gdp", "country", connection=conn)
    >>> reader
    <ArrowReader of 'sid:users\\sam\\gdp': series_id, country, dt, val>
    >>> reader.read_all().group_by("country").aggregate([("val", "sum")]).to_pandas()
      country  val_sum
    0      US      6.0
    1      CN     15.0

    So do ``duckdb.sql("SELECT country, avg(val) FROM reader GROUP BY country")`` and ``polars.DataFrame(reader)``.
    """
    required("pyarrow", "arrow")
    options.setdefault("batch_size", BATCH_SIZE)
    plan, schema = typed(plan_of(query, fields, connection, options))
    return ArrowReader(plan, schema)


def typed(plan: Plan) -> tuple[Plan, pa.Schema]:
    """The plan with the names and types of all fields, and the schema of its batches; reads the fields, if any."""
    pa = required("pyarrow", "arrow")
    schema = plan.schema()
    if plan.request.fields:
        found = plan.survey()
        plan = replace(plan.with_(fields=found.plan.request.fields), types=found.plan.types)
        schema = found.schema
    types = plan.types or {}
    return plan, pa.schema([_field(str(name), column, types.get(str(name))) for name, column in schema.items()])


def _field(name: str, column: pd.Series, kind: str | None) -> pa.Field:
    """The Arrow field of a column."""
    pa = required("pyarrow", "arrow")
    if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object:
        metadata = {"encoding": "JSON"} if kind == "json" else None
        return pa.field(name, pa.dictionary(pa.int32(), pa.string()), metadata=metadata)
    return pa.field(name, pa.Array.from_pandas(column[:0]).type)


def batches(plan: Plan, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches of a plan, with these columns of it."""
    pa = required("pyarrow", "arrow")
    with plan.frames(plan.request.batch_size, progress=False) as frames:
        for frame in frames:
            yield pa.RecordBatch.from_arrays([_array(frame[field.name], field.type) for field in schema], schema=schema)


def _array(column: pd.Series, kind: pa.DataType) -> pa.Array:
    """The values of a column; nothing is copied that Arrow can share."""
    pa = required("pyarrow", "arrow")
    if pa.types.is_dictionary(kind):
        if not isinstance(column.dtype, pd.CategoricalDtype):  # jobs and moments as states of one series
            column = column.astype(str).astype("category")
        codes = column.cat.codes.to_numpy().astype(np.int32)
        missing = codes < 0
        indices = pa.array(codes, mask=missing if missing.any() else None)
        return pa.DictionaryArray.from_arrays(indices, pa.array(column.cat.categories.tolist(), pa.string()))
    if column.dtype.kind == "M":
        instants = column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        return pa.array(instants.to_numpy()).cast(kind)
    if column.name == "val":  # no value is missing
        return pa.array(column.to_numpy())
    return pa.Array.from_pandas(column, type=kind)

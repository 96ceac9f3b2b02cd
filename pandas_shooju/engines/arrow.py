r"""Arrow: a stream of record batches, which DuckDB, Polars and others take as it is.

Requires the extra ``arrow``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju.engines import required
from pandas_shooju.frame.plan import Plan, ReadOptions, plan_of
from pandas_shooju.frame.request import Query

if TYPE_CHECKING:
    import pyarrow as pa

    from pandas_shooju.client.connection import Connection

#: series in each request and record batch, by default
BATCH_SIZE = 500

#: metadata of columns that contain the JSON texts of values
_JSON = {"encoding": "JSON"}


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
    """The plan with the names of all fields, and the schema of its batches; reads the fields, if there are any."""
    pa = required("pyarrow", "arrow")
    values: dict[str, pd.Series] = {}
    if plan.request.fields:
        survey = plan.survey()
        plan = plan.with_(fields=survey.plan.request.fields)
        values = {name: survey.fields[name] for name in plan.request.fields}
    columns = plan.schema()
    return plan, pa.schema([_field(name, values.get(name, columns[name])) for name in columns])


def _field(name: str, column: pd.Series) -> pa.Field:
    """The Arrow field for values of a column."""
    pa = required("pyarrow", "arrow")
    if column.dtype.kind == "M":
        return pa.field(name, pa.Array.from_pandas(column[:0]).type)
    plain = {"f": pa.float64(), "i": pa.int64(), "b": pa.bool_()}
    if column.dtype.kind in plain:
        return pa.field(name, plain[column.dtype.kind])
    kinds = set(map(type, column.dropna().tolist()))
    if kinds == {bool}:
        return pa.field(name, pa.bool_())
    if kinds == {int} and column.dropna().between(-(2**63), 2**63 - 1).all():
        return pa.field(name, pa.int64())
    if kinds == {int, float}:
        return pa.field(name, pa.float64())
    return pa.field(name, pa.dictionary(pa.int32(), pa.string()), metadata=None if kinds <= {str} else _JSON)


def batches(plan: Plan, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches of a plan, with these columns of it."""
    with plan.frames(plan.request.batch_size, progress=False) as frames:
        for frame in frames:
            yield batch(frame, schema)


def batch(frame: pd.DataFrame, schema: pa.Schema) -> pa.RecordBatch:
    """A frame of the long layout as a record batch; nothing is copied that Arrow can share."""
    pa = required("pyarrow", "arrow")
    codes = frame["series_id"].cat.codes.to_numpy()
    new = np.ones(len(frame), bool)
    np.not_equal(codes[1:], codes[:-1], out=new[1:])
    if "asof" in frame:  # the fields of a series may differ from one state to the next
        states = pd.factorize(frame["asof"])[0]
        new[1:] |= states[1:] != states[:-1]
    return pa.RecordBatch.from_arrays([_array(frame[field.name], field, new) for field in schema], schema=schema)


def _array(column: pd.Series, field: pa.Field, new: npt.NDArray[np.bool_]) -> pa.Array:
    """The values of a column; `new` is true where they may differ from those of the row before."""
    pa = required("pyarrow", "arrow")
    if isinstance(column.dtype, pd.CategoricalDtype) and field.metadata is None:
        codes = column.cat.codes.to_numpy().astype(np.int32)
        missing = codes < 0
        indices = pa.array(codes, mask=missing if missing.any() else None)
        return pa.DictionaryArray.from_arrays(indices, pa.array(column.cat.categories.tolist(), pa.string()))
    if column.dtype.kind == "M":
        instants = column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        return pa.array(instants.to_numpy()).cast(field.type)
    if column.dtype.kind in "fib" and pa.from_numpy_dtype(column.dtype) == field.type:
        return pa.array(column.to_numpy(), from_pandas=column.name != "val")
    values = column[new].astype(object).tolist()
    which = pa.array(np.cumsum(new) - 1)
    missing = pd.isna(pd.Series(values, dtype=object)).tolist()
    if pa.types.is_dictionary(field.type):
        text = json.dumps if field.metadata else str
        plain = [None if none else text(value) for value, none in zip(values, missing, strict=True)]
        return pa.array(plain, pa.string()).dictionary_encode().cast(field.type).take(which)
    plain = [None if none else value for value, none in zip(values, missing, strict=True)]
    return pa.array(plain, field.type).take(which)

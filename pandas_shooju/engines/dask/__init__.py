"""Dask: dataframes whose partitions are read and written by workers.

Requires the extra ``dask``.
"""

from pandas_shooju.engines.dask.reading import read_shooju
from pandas_shooju.engines.dask.writing import DaskWriteResult, write

__all__ = ["DaskWriteResult", "read_shooju", "write"]

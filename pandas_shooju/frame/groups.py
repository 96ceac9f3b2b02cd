"""The rows of a groupby, group by group, with the key of each group, the dates and the values.

Pure. Each row belongs to the group in which pandas' own iteration, ``for key, group in groupby``, yields it. Rows that
pandas leaves out of every group, because a key is missing and the groupby has ``dropna=True``, are not written, just as
they are not aggregated. With ``dropna=False`` they form a group like any other, and the missing key is NaN.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.types import is_list_like
from pandas.api.typing import DataFrameGroupBy, SeriesGroupBy

from pandas_shooju.frame.dates_values import Int64Array, column_named, is_dates, listed
from pandas_shooju.values import is_missing

GroupBy: TypeAlias = DataFrameGroupBy | SeriesGroupBy

GROUP = "\0group"
"""The column that `ungrouped` adds to the frame: the key of the group that each row belongs to."""

GroupKeys: TypeAlias = Mapping[str, Callable[[Any], Any]]
"""For the name of each grouping key ("" if it has none), a function that takes its value from the key of a group."""


def ungrouped(
    groupby: GroupBy, date: Hashable | None = None, value: Hashable | None = None
) -> tuple[pd.DataFrame, GroupKeys, Hashable | None, Hashable]:
    """Return the rows behind a groupby, group after group, and where their keys, dates and values are.

    Parameters
    ----------
    groupby
        The groupby; of several columns, or of one.
    date, value
        The columns (or levels of the index) with the dates and the values, as passed by the caller.

    Returns
    -------
    frame : DataFrame
        The rows that belong to a group, with the key of the group in the column `GROUP`, a categorical. The key is the
        one that iterating over the groupby yields: a scalar for one key, a tuple for a list of keys. A missing value in
        a key is ``np.nan``.
    keys : dict
        How to take the value of each named key from the key of a group.
    date : Hashable or None
        The column with the dates; None if they are in the index.
    value : Hashable
        The column with the values.

    Raises
    ------
    ValueError, TypeError
        `date` or `value` does not name a column, or was not passed although several columns could be meant.
    """
    if getattr(groupby, "axis", 0) == 1:  # pandas 2
        raise TypeError("a groupby must group rows, got one that groups columns (axis=1); transpose the frame first")
    frame, selected = _frame(groupby)
    value = _value_column(frame, selected, value)
    frame, date = _date_column(frame, value, date)
    names, keys, numbers = _keys_and_numbers(groupby)
    order = np.flatnonzero(numbers >= 0)
    if (np.diff(numbers[order]) < 0).any():
        order = order[np.argsort(numbers[order], kind="stable")]
    labels = pd.Index([plain_key(key) for key in keys], dtype=object, tupleize_cols=False)
    missing = labels.isna()
    codes = np.where(missing, -1, np.cumsum(~missing) - 1)
    frame = frame.take(order)
    frame[GROUP] = pd.Categorical.from_codes(codes[numbers[order]], labels[~missing])
    return frame, _group_keys(names, _is_list_of_one(groupby)), date, value


# --- rows and keys ----------------------------------------------------------------------------------------------------


def _keys_and_numbers(groupby: GroupBy) -> tuple[list[Hashable], list[Any], Int64Array]:
    """The names of the keys; the key of each group that has rows; and for each row the number of its group, or -1.

    Both are in the order of iteration: that is what `ngroup` documents, and the sizes have the same order as long as
    pandas does not add the combinations of categories without rows (observed=False), which it does in an order of their
    own.
    """
    plain = copy.copy(groupby)
    plain.observed = True
    plain.as_index = True  # with as_index=False, sizes cannot be had if two keys have the same name
    sizes = plain.size()
    sizes = sizes[sizes.to_numpy() > 0]
    numbers = groupby.ngroup().fillna(-1).to_numpy(np.int64)
    counts = np.bincount(numbers[numbers >= 0])
    if len(counts) > len(sizes):  # groups without rows are numbered, too
        numbers = np.where(numbers < 0, -1, (np.cumsum(counts > 0) - 1)[numbers])
        counts = counts[counts > 0]
    if not np.array_equal(counts, sizes):
        raise ValueError("the keys of the groups cannot be determined; group by columns of the frame instead")
    keys = list(sizes.index)
    if _is_list_of_one(groupby):
        keys = [(key,) for key in keys]
    return list(sizes.index.names), keys, numbers


def plain_key(key: Any) -> Any:
    """The key with NaN for every missing value, so that keys can be compared, and numbers of Python's own types."""
    if type(key) is str or type(key) is int:
        return key
    if isinstance(key, tuple):
        return tuple(map(plain_key, key))
    if isinstance(key, np.generic):
        key = key.item()
    return np.nan if is_missing(key) else key


def _is_list_of_one(groupby: GroupBy) -> bool:
    """Whether the groupby has a list of one key: then iterating over it yields tuples of one."""
    return (isinstance(groupby.keys, list) and len(groupby.keys) == 1) or (
        is_list_like(groupby.level) and len(groupby.level) == 1
    )


def _group_keys(names: list[Hashable], is_list_of_one: bool) -> GroupKeys:
    """How to take the value of each key from the key of a group."""
    if len(names) == 1 and not is_list_of_one:
        return {_text(names[0]): lambda key: key}
    texts = [_text(name) for name in names]
    return {text: _item(texts, text) for text in texts}


def _text(name: Hashable) -> str:
    return "" if name is None else str(name)


def _item(names: list[str], name: str) -> Callable[[Any], Any]:
    if names.count(name) == 1:
        at = names.index(name)
        return lambda key: key[at]

    def refuse(key: Any) -> Any:
        which = f"called {name!r}" if name else "without a name"
        raise ValueError(
            f"the keys that a template uses must have unique names, got {names.count(name)} keys {which}; rename "
            "them, such as df['dt'].dt.year.rename('year'), or pass a function as sid"
        )

    return refuse


# --- columns ----------------------------------------------------------------------------------------------------------


def _frame(groupby: GroupBy) -> tuple[pd.DataFrame, list[Hashable]]:
    """The frame behind a groupby, and the columns that are selected."""
    data = groupby.obj
    if isinstance(data, pd.Series):
        name = "val" if data.name is None else data.name
        frame = data.to_frame()
        frame.columns = pd.Index([name], dtype=object, tupleize_cols=False)
        return frame, [name]
    try:
        groupby[[]]
    except IndexError:  # columns can be selected once only
        return data, list(groupby.head(0).columns)
    return data, list(data.columns)


def _value_column(frame: pd.DataFrame, selected: list[Hashable], value: Hashable | None) -> Hashable:
    """The column with the values: the one that was passed, the only one selected, or `val`."""
    if value is not None:
        column_named(frame, value, "value")
        if value not in selected:
            raise ValueError(
                f"value={value!r} must be one of the columns selected from the groupby: {listed(selected)}"
            )
        return value
    if len(selected) == 1:
        return selected[0]
    if "val" in selected:
        return "val"
    numeric = frame.select_dtypes("number").columns
    raise ValueError(
        "value= must name the column with the values (by default 'val', or the only column selected from the groupby); "
        f"the numeric columns are {listed(name for name in selected if name in numeric)}"
    )


def _date_column(frame: pd.DataFrame, value: Hashable, date: Hashable | None) -> tuple[pd.DataFrame, Hashable | None]:
    """The frame with its dates in a column, and the name of that column; None if the index, without a name, has them.

    Without `date`, it is `dt`, or the only column or level of the index with dates.
    """
    index = frame.index
    if date is None and ("dt" in frame.columns or "dt" in index.names):
        date = "dt"
    elif date is None:
        levels = index.levels if isinstance(index, pd.MultiIndex) else [index]
        dated = [is_dates(level) for level in levels]
        found = [name for at, name in enumerate(frame.columns) if name != value and is_dates(frame.iloc[:, at])]
        found += [name for name, has_dates in zip(index.names, dated, strict=True) if has_dates]
        if not found:
            raise TypeError(
                "a groupby must have dates in a column or in the index, got neither; the columns are "
                f"{listed(frame.columns)}"
            )
        if len(found) > 1:
            shown = ", ".join("the index" if name is None else repr(name) for name in found)
            raise TypeError(f"date= must name the column with the dates, one of {shown}")
        date = found[0]
        if date is None and len(levels) > 1:
            date = "dt"
            frame = frame.rename_axis(
                index=["dt" if has_dates else name for name, has_dates in zip(index.names, dated, strict=True)]
            )
    frame = _levels_as_columns(frame)
    if date is not None:
        column_named(frame, date, "date")
    return frame, date


def _levels_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the levels of its index as columns, except those without a unique name."""
    names = list(frame.index.names)
    if names == [None]:
        return frame
    unnamed = [at for at, name in enumerate(names) if name is None or name in frame.columns or names.count(name) > 1]
    flat = frame.reset_index(level=unnamed, drop=True) if unnamed else frame
    if len(unnamed) < len(names):
        flat = flat.reset_index()
    flat.attrs = frame.attrs
    return flat

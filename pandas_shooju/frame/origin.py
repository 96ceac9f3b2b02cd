"""`Origin`: the contents of ``frame.attrs["shooju"]``, and how the columns of a frame are found in it.

Pure. This is the one place that knows the form of that data::

    {"query": ..., "server": ..., "layout": "wide", "tz": "UTC", "naive": False, "names": [...],
     "columns": '{"labels": [...], "series_ids": [...], "derived": [...], "fields": {name: [...]}}'}

``tz`` is the time zone of the dates, and ``naive`` whether the index was made naive in it. A wide frame also has the
names of its column levels and, for each column as it was read, the label, the series id, a value of each field, and
whether the server derived the points from those of the series (by operators or in an expression). These lists are one
string of JSON, because pandas copies `attrs` deeply whenever a column is selected: in a frame that came back from a
parquet file, thousands of labels and ids would be copied for each column. `origin_of` decodes it. In the other
layouts, where the series ids are in the data, ``fields`` are the names that were asked for, and ``derived`` says
whether all points are derived, or lists the ids of the series whose points are.

It is plain JSON data, so `to_parquet` keeps it. It is only informative: many operations of pandas drop `attrs`, and
others keep them where they no longer apply, so nothing here decides where data is written.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Self

import pandas as pd

KEY = "shooju"

_ASOF = re.compile(r"(@asof:[^@]*)+$", re.IGNORECASE)


class Origin(dict[str, Any]):
    """A read-only dict, which pandas can copy at no cost (it deep-copies `attrs` at nearly every operation)."""

    @classmethod
    def of_columns(
        cls,
        columns: pd.Index,
        series_ids: Sequence[str],
        derived: Sequence[bool],
        fields: Mapping[str, Sequence[Any]],
        **shared: Any,
    ) -> Self:
        """The origin of a wide frame with these columns; `shared` are the entries that every layout has."""
        lists = {
            "labels": [_json_label(label) for label in columns],
            "series_ids": list(series_ids),
            "derived": list(derived),
            "fields": {name: list(values) for name, values in fields.items()},
        }
        names = [_json_label(name) for name in columns.names]
        return cls(**shared, layout="wide", names=names, columns=json.dumps(lists))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        return Origin, (dict(self),)

    def _read_only(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            "attrs['shooju'] describes where the frame was read from and is shared by its copies, so it cannot "
            "be modified; replace it, such as `df.attrs['shooju'] = dict(df.attrs['shooju'], query='')`"
        )

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _read_only


def origin_of(data: Any) -> Mapping[str, Any] | None:
    """The origin of a frame or Series, as it was read or as it came back from a file; None if it has none."""
    found = data.attrs.get(KEY)
    if not isinstance(found, Mapping) or "layout" not in found:
        return None
    return {**_lists(found["columns"]), **found} if "columns" in found else found


def without_columns(found: Mapping[str, Any]) -> Origin:
    """The same origin of data whose columns are not those that were read."""
    kept = {name: value for name, value in found.items() if name not in (*_NO_COLUMNS, "columns")}
    return Origin(kept, columns=json.dumps(_NO_COLUMNS))


_NO_COLUMNS: dict[str, Any] = {"labels": [], "series_ids": [], "derived": [], "fields": {}}


@functools.lru_cache(maxsize=4)
def _lists(columns: str) -> Mapping[str, Any]:
    """The labels, series ids, fields and so on of the columns."""
    lists: Mapping[str, Any] = json.loads(columns)
    return lists


def column_positions(frame: pd.DataFrame) -> list[int | None]:
    """The position of each column in the origin of the frame, by its label; None for one that is not there.

    The names of the levels must be those of the origin, in any order: the labels 0, 1, 2 that pandas makes up are not
    field values, even if such values were read.
    """
    origin, columns = origin_of(frame), frame.columns
    if origin is None or origin["layout"] != "wide":
        return [None] * len(columns)
    return list(map(position_finder(origin, columns.names), columns))


def position_finder(origin: Mapping[str, Any], names: Sequence[Any]) -> Callable[[Any], int | None]:
    """A function from a label, on levels with these names, to its position in the origin of a wide frame."""
    known = {_key(label): at for at, label in enumerate(origin["labels"])}
    given, there = [_json_label(name) for name in names], list(origin["names"])
    if given == there:
        return lambda label: known.get(_key(_json_label(label)))
    if len(set(map(_key, given))) < len(given) or sorted(map(str, given)) != sorted(map(str, there)):
        return lambda label: None
    order = [given.index(name) for name in there]  # the levels have changed places
    return lambda label: known.get(tuple(_key(_json_label(label[at])) for at in order))


def column_series_ids(frame: pd.DataFrame) -> list[str | None]:
    """The series id behind each column, None where the origin has none."""
    origin = origin_of(frame)
    return [None if origin is None or at is None else origin["series_ids"][at] for at in column_positions(frame)]


def column_fields(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The fields of the series behind each column, without those that the series does not have."""
    origin = origin_of(frame)
    return [
        {}
        if origin is None or at is None
        else {name: values[at] for name, values in origin["fields"].items() if values[at] is not None}
        for at in column_positions(frame)
    ]


def field_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of a long frame that hold fields, as far as its origin tells which were read."""
    names = (origin_of(frame) or {}).get("fields", [])
    if "*" in names:
        return [name for name in frame.columns if name not in _LONG_COLUMNS]
    return [name for name in names if name in frame.columns]


_LONG_COLUMNS = ("series_id", "dt", "val", "job", "timestamp", "reported_date", "asof")


def without_asof(series_id: str) -> str:
    r"""A series id without ``@asof`` at its end: an earlier state of a series is a state of that series.

    Examples
    --------
    >>> without_asof(r"users\sam\gdp@asof:j17")
    'users\\sam\\gdp'
    """
    return series_id if "@" not in series_id or series_id.startswith("=") else _ASOF.sub("", series_id)


def _json_label(label: Any) -> Any:
    """A label as JSON: tuples become lists, missing parts null, and anything that JSON cannot represent a string."""
    if isinstance(label, tuple):
        return [_json_label(part) for part in label]
    if label is None or label is pd.NaT or label is pd.NA or label != label:
        return None
    if hasattr(label, "item"):
        label = label.item()
    # a kind of label that JSON lacks is not the string that looks like it
    return label if isinstance(label, str | int | float | bool) else {type(label).__name__: str(label)}


def _key(label: Any) -> Any:
    """A label as a key that keeps its type: 1, 1.0 and True are three labels."""
    if isinstance(label, dict):
        return tuple(label.items())
    return tuple(map(_key, label)) if isinstance(label, list | tuple) else (type(label), label)

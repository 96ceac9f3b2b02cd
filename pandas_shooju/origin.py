"""`Origin`: what ``frame.attrs["shooju"]`` holds, and how it is read back.

Pure. The one place that knows the form of that data::

    {"query": ..., "layout": "wide", "labels": [...], "series_ids": [...], "derived": [...], "fields": {name: [...]}}

with a label, a series id and a value of each field for each column as read, and whether its points were derived from
the series' own (by operators, or an expression). It is plain JSON data (`to_parquet`
keeps it), and columns are found in it by their labels, so that a selection of a frame still knows its series.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, Self

import pandas as pd

KEY = "shooju"


class Origin(dict[str, Any]):
    """A read-only dict that costs nothing to copy: pandas deep-copies `attrs` at nearly every operation."""

    @classmethod
    def of_columns(
        cls,
        query: Any,
        columns: pd.Index,
        series_ids: Sequence[str],
        derived: Sequence[bool],
        fields: Mapping[str, Sequence[Any]],
    ) -> Self:
        """The origin of a wide frame with these columns."""
        return cls(
            query=query,
            layout="wide",
            labels=[_json_label(label) for label in columns],
            series_ids=list(series_ids),
            derived=list(derived),
            fields={name: list(values) for name, values in fields.items()},
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def _read_only(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            "this says where the frame was read from, and is shared by its copies; "
            "to change it, set frame.attrs['shooju'] = dict(frame.attrs['shooju'], ...)"
        )

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _read_only


def column_series_ids(attrs: Mapping[Any, Any], columns: Iterable[Any]) -> list[str | None]:
    """The series id behind each column, None where `attrs` knows of none."""
    origin = attrs.get(KEY)
    if not isinstance(origin, Mapping) or "labels" not in origin:
        return [None for _ in columns]
    known = dict(zip(map(_key, origin["labels"]), origin["series_ids"], strict=True))
    return [known.get(_key(_json_label(label))) for label in columns]


def derived_columns(attrs: Mapping[Any, Any], columns: Iterable[Any]) -> list[bool]:
    """Whether the points of each column are known to be derived from those of its series."""
    origin = attrs.get(KEY)
    if not isinstance(origin, Mapping) or "derived" not in origin:
        return [False for _ in columns]
    if isinstance(origin["derived"], bool):
        return [origin["derived"] for _ in columns]
    known = dict(zip(map(_key, origin["labels"]), origin["derived"], strict=True))
    return [known.get(_key(_json_label(label)), False) for label in columns]


def column_fields(attrs: Mapping[Any, Any], columns: Iterable[Any]) -> list[dict[str, Any]]:
    """The fields of the series behind each column; those that the series does not have are left out."""
    origin = attrs.get(KEY)
    if not isinstance(origin, Mapping) or "labels" not in origin:
        return [{} for _ in columns]
    position = {_key(label): i for i, label in enumerate(origin["labels"])}
    found = []
    for label in columns:
        i = position.get(_key(_json_label(label)))
        found.append(
            {} if i is None else {name: values[i] for name, values in origin["fields"].items() if values[i] is not None}
        )
    return found


def _json_label(label: Any) -> Any:
    """A column label as JSON has it: tuples are lists, a missing part is null, what JSON lacks is text."""
    if isinstance(label, tuple):
        return [_json_label(part) for part in label]
    if label is None or label is pd.NaT or label is pd.NA or label != label:
        return None
    if hasattr(label, "item"):
        label = label.item()
    return label if isinstance(label, str | int | float | bool) else str(label)


def _key(label: Any) -> Any:
    return tuple(map(_key, label)) if isinstance(label, list | tuple) else label

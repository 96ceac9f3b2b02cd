"""`Origin`: what ``frame.attrs["shooju"]`` holds, and how it is read back.

Pure. The one place that knows the form of that data::

    {"query": ..., "layout": "wide", "names": [...], "labels": [...], "series_ids": [...], "derived": [...],
     "fields": {name: [...]}}

with the names of the column levels, and for each column as read a label, a series id, whether its points were derived
from the series' own (by operators, or an expression), and a value of each field. It is plain JSON data (`to_parquet`
keeps it), and columns are found in it by their labels, so that a selection of a frame still knows its series.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Self

import pandas as pd

KEY = "shooju"
MIXED = "mixed"  # the layout of what was computed from several frames


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
            names=[_json_label(name) for name in columns.names],
            labels=[_json_label(label) for label in columns],
            series_ids=list(series_ids),
            derived=list(derived),
            fields={name: list(values) for name, values in fields.items()},
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Origin:
        """Itself; but where pandas is about to make it the origin of a frame computed from two, neither's.

        pandas gives the result of `a / b` first the attributes of a, then those of b in their place: written back, it
        would overwrite the series of b. So at the second the first is looked up in the frame that is being made.
        """
        try:
            caller = sys._getframe(4)  # deepcopy, of a dict, by deepcopy, in there
        except ValueError:
            return self
        if caller.f_code.co_name == "__finalize__":
            first = getattr(caller.f_locals.get("self"), "attrs", {}).get(KEY)
            if isinstance(first, Origin) and first is not self and first != self:
                return Origin(query=[first["query"], self["query"]], layout=MIXED)
        return self

    def __reduce__(self) -> Any:
        return Origin, (dict(self),)

    def _read_only(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            "this says where the frame was read from, and is shared by its copies; "
            "to change it, set frame.attrs['shooju'] = dict(frame.attrs['shooju'], ...)"
        )

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _read_only


def column_series_ids(frame: pd.DataFrame) -> list[str | None]:
    """The series id behind each column of a frame, None where its origin knows of none."""
    origin = frame.attrs.get(KEY)
    return [None if at is None else origin["series_ids"][at] for at in _positions(frame)]


def derived_columns(frame: pd.DataFrame) -> list[bool]:
    """Whether the points of each column are known to be derived from those of its series."""
    origin = frame.attrs.get(KEY)
    return [at is not None and bool(origin["derived"][at]) for at in _positions(frame)]


def derived_series(frame: pd.DataFrame) -> set[str]:
    """The ids that stand for derived points in a long frame."""
    origin = frame.attrs.get(KEY)
    return set(origin.get("derived", ())) if is_origin(origin) else set()


def column_fields(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The fields of the series behind each column; those that the series does not have are left out."""
    origin = frame.attrs.get(KEY)
    return [
        {} if at is None else {name: values[at] for name, values in origin["fields"].items() if values[at] is not None}
        for at in _positions(frame)
    ]


def is_origin(data: Any) -> bool:
    """Whether this is the origin of a frame, as read or as it comes back from a file."""
    return isinstance(data, Mapping) and "layout" in data


def is_mixed(frame: pd.DataFrame) -> bool:
    """Whether a frame was computed from several that were read from different series."""
    origin = frame.attrs.get(KEY)
    return is_origin(origin) and origin["layout"] == MIXED


def _positions(frame: pd.DataFrame) -> list[int | None]:
    """Where the columns of a frame stand in its origin: found by their labels, and the names of their levels."""
    origin, columns = frame.attrs.get(KEY), frame.columns
    if not is_origin(origin) or origin["layout"] != "wide":
        return [None] * len(columns)
    known = {_key(label): at for at, label in enumerate(origin["labels"])}
    if columns.nlevels == 1:
        return [known.get(_key(_json_label(label))) for label in columns]
    names = [_json_label(name) for name in columns.names]
    order = list(range(len(names)))
    if names != list(origin["names"]):  # levels may have changed places
        if sorted(map(str, names)) != sorted(map(str, origin["names"])) or len(set(names)) < len(names):
            return [None] * len(columns)
        order = [names.index(name) for name in origin["names"]]
    return [known.get(tuple(_key(_json_label(label[i])) for i in order)) for label in columns]


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

r"""Which series a column, or a group of rows, is written to: templates, dicts, functions, and where it was read from.

Pure.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from pandas_shooju.frame import origin
from pandas_shooju.frame.dates_values import column_named, is_missing, listed
from pandas_shooju.frame.groups import GROUP, GroupKeys, plain_key

Sid: TypeAlias = str | Mapping[Any, str] | Callable[[Any], str]

_OPERATORS = re.compile(r"@[A-Za-z_]\w*(:[^\s\\@]+)*$")


class _Template:
    r"""A series id with places for values: ``users\sam\{country}``, with format specs as in `str.format`."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ValueError(
                f"the sid template {text!r} is not well-formed: {error}; write literal braces twice: {{{{ and }}}}"
            ) from None
        if any("{" in (spec or "") for _, _, spec, _ in self._parts):
            raise ValueError(f"the sid template {text!r} has a place within a place")
        self.names = [name for _, name, _, _ in self._parts if name is not None]

    def fill(self, values: Mapping[str, Any]) -> str:
        text = ""
        for literal, name, spec, conversion in self._parts:
            text += literal
            if name is None:
                continue
            value = values[name]
            if is_missing(value) or value == "":
                raise ValueError(
                    f"{name or 'the label'!r} is missing in a row or column; the sid template {self.text!r} needs it"
                )
            try:
                text += format(string.Formatter().convert_field(value, conversion), spec or "")
            except (ValueError, TypeError) as error:
                raise ValueError(f"the sid template {self.text!r} cannot take the {name} {value!r}: {error}") from None
        return text


def column_ids(frame: pd.DataFrame, sid: Sid | None) -> list[str]:
    """The series id for each column of a wide frame."""
    columns = frame.columns
    if sid is None:
        return _known_ids(frame)
    if not isinstance(sid, str):
        return [checked_id(_looked_up(sid, label, "column"), label, list(columns.names)) for label in columns]
    template = _Template(sid)
    levels = ["" if name is None else str(name) for name in columns.names]
    places = {name: [i for i, level in enumerate(levels) if level == name] for name in template.names}
    if "" in places and len(levels) == 1:
        places[""] = [0]
    for name, at in places.items():
        if len(at) == 1:
            continue
        named = [level for level in levels if level]
        raise ValueError(
            f"the sid template {sid!r} names {name!r}, and the columns have "
            + (f"{len(at)} levels of that name" if at else f"the levels {listed(named)}" if named else "no level names")
            + ("" if named else "; set them: frame.columns.name = ...")
        )
    if not template.names and len(columns) > 1:
        raise ValueError(
            f"the sid template {sid!r} names no level of the columns, so all {len(columns)} columns would be "
            f"written to one series; put a level into it, as {{{levels[0] or 'name'}}}"
        )
    ids = []
    for label in columns:
        parts = label if isinstance(columns, pd.MultiIndex) else (label,)
        ids.append(checked_id(template.fill({name: parts[at[0]] for name, at in places.items()}), label, levels))
    return ids


def _looked_up(sid: Mapping[Any, str] | Callable[[Any], str], label: Any, what: str) -> str:
    if isinstance(sid, pd.Series):
        sid = sid.to_dict()
    if isinstance(sid, Mapping):
        try:
            return sid[label]
        except (KeyError, TypeError):
            raise ValueError(f"sid has no series id for the {what} {label!r}; it has {listed(sid)}") from None
    if not callable(sid):
        raise TypeError(f"sid is {sid!r}; it can be a template, a dict from label to series id, or a function")
    return sid(label)


def _known_ids(frame: pd.DataFrame) -> list[str]:
    """Series ids from where the frame was read, or the labels themselves where they are series ids."""
    columns = frame.columns
    if origin.is_mixed(frame):
        raise ValueError(
            "this frame was computed from several that were read from different series; say where to write it: sid=..."
        )
    known = origin.column_series_ids(frame)
    derived = origin.derived_columns(frame)
    ids = []
    for label, read_from, is_derived in zip(columns.tolist(), known, derived, strict=True):
        if is_derived:
            raise ValueError(
                f"the column {label!r} was computed on the server ({read_from}), and is no longer the series itself; "
                "say where to write it: sid=..."
            )
        if read_from is None and not (isinstance(label, str) and "\\" in label):
            raise ValueError(
                f"which series is the column {label!r}? It was not read from Shooju, and is no series id. "
                r"Say so: sid=r'users\sam\{name}' (a template over the column levels), a dict or a function"
            )
        ids.append(_own_id(label) if read_from is None else read_from)
    return ids


def _own_id(label: str) -> str:
    """A label that is a series id, unless it looks like one with operators."""
    if isinstance(label, str) and (("@" in label and _OPERATORS.search(label)) or label.startswith("=")):
        raise ValueError(
            f"{label!r} looks like a series id with operators, or an expression; writing to it is probably not meant. "
            "Say where to, sid=..., or sid='{series_id}' if it is the id"
        )
    return label


def row_ids(
    frame: pd.DataFrame, sid: Sid | None, keys: GroupKeys, taken: set[Hashable]
) -> tuple[Callable[[tuple[Any, ...]], str], list[Any]]:
    """How a label gives a series id, and the columns whose values make a label.

    `keys` are those of a groupby, and empty for a plain frame. A label of a groupby begins with the key of the group,
    so that rows of different groups never have the same label; a template may name further columns.
    """
    if sid is None:
        if "series_id" not in frame.columns:
            raise ValueError(
                "which series are the rows? There is no column 'series_id'; say sid=..., a template over the columns "
                f"{listed(name for name in frame.columns if name not in taken)}"
            )
        read = origin.is_origin(frame.attrs.get(origin.KEY)) and not origin.is_mixed(frame)
        derived = origin.derived_series(frame)

        def own(label: tuple[Any, ...]) -> str:
            if label[0] in derived:
                raise ValueError(
                    f"the points of {label[0]!r} were computed on the server, and are no longer those of the series; "
                    "say where to write them: sid=..."
                )
            return label[0] if read else _own_id(label[0])

        return own, ["series_id"]
    if isinstance(sid, str):
        template = _Template(sid)
        columns = list(dict.fromkeys(name for name in template.names if name not in keys))
        for name in columns:
            if name not in frame.columns:
                shown = [*filter(None, keys), *(column for column in frame.columns if column not in (*keys, GROUP))]
                raise ValueError(f"the sid template {sid!r} names {name!r}, and the columns are {listed(shown)}")
            column_named(frame, name, "sid")
        if not keys:
            return lambda label: template.fill(dict(zip(columns, label, strict=True))), columns

        of_key = [(name, keys[name]) for name in template.names if name in keys]

        def filled(label: tuple[Any, ...]) -> str:
            values = {name: value_of(label[0]) for name, value_of in of_key}
            if columns:
                values.update(zip(columns, label[1:], strict=True))
            return template.fill(values)

        return filled, [GROUP, *columns]
    if not keys:
        raise TypeError(
            "for a long frame sid is a template over its columns, as r'users\\sam\\{symbol}'; a dict or a function "
            "goes with a groupby: df.groupby('symbol').shooju.write(job, sid={...})"
        )
    if type(sid) is dict:
        sid = {plain_key(key): series_id for key, series_id in sid.items()}
    return lambda label: _looked_up(sid, label[0], "group"), [GROUP]


def checked_id(series_id: Any, label: Any, names: Sequence[Any]) -> str:
    """The series id that was found for a label, where it can be one."""
    if not isinstance(series_id, str) or not series_id.strip():
        names = ["group" if name == GROUP else name for name in names]
        raise ValueError(
            f"the series id for {dict(zip(names, label, strict=False)) if isinstance(label, tuple) else label!r} "
            f"is {series_id!r}; a series id is a text such as 'users\\sam\\gdp'"
        )
    return series_id

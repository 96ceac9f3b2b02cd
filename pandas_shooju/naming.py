r"""Which series a column, or a group of rows, is written to: templates, dicts, functions, and where it was read from.

Pure.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from pandas_shooju import origin
from pandas_shooju.columns import is_missing, listed

Sid: TypeAlias = str | Mapping[Any, str] | Callable[[Any], str]

_OPERATORS = re.compile(r"@[A-Za-z_]\w*(:[^\s\\@]+)*$")


def _template_names(template: str) -> list[str]:
    """The names in a sid template, in order; ``{}`` is the name ``""``."""
    try:
        return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ValueError(
            f"the sid template {template!r} is not well-formed: {error}; write literal braces twice: {{{{ and }}}}"
        ) from None


def column_ids(frame: pd.DataFrame, sid: Sid | None) -> list[str]:
    """The series id for each column of a wide frame."""
    columns = frame.columns
    if sid is None:
        return _known_ids(frame)
    if isinstance(sid, str):
        names = _template_names(sid)
        levels = ["" if name is None else str(name) for name in columns.names]
        unknown = [name for name in names if name not in levels]
        if unknown:
            named = [level for level in levels if level]
            raise ValueError(
                f"the sid template {sid!r} names {unknown[0]!r}, and the columns have "
                + (f"the levels {listed(named)}" if named else "no level names; set them: frame.columns.name = ...")
            )
        if not names and len(columns) > 1:
            raise ValueError(
                f"the sid template {sid!r} names no level of the columns, so all {len(columns)} columns would be "
                f"written to one series; put a level into it, as {{{levels[0] or 'name'}}}"
            )
        plain = sid.replace("{}", "{0}") if names.count("") == 1 else sid
        ids = []
        for label in columns:
            parts = label if isinstance(columns, pd.MultiIndex) else (label,)
            values = dict(zip(levels, parts, strict=True))
            _refuse_missing({name: values[name] for name in names}, sid)
            ids.append(checked_id(plain.format(*parts, **{k: v for k, v in values.items() if k}), label, levels))
        return ids
    return [checked_id(_looked_up(sid, label, "column"), label, list(columns.names)) for label in columns]


def _looked_up(sid: Mapping[Any, str] | Callable[[Any], str], label: Any, what: str) -> str:
    if not isinstance(sid, Mapping):
        return sid(label)
    if label not in sid:
        raise ValueError(f"sid has no series id for the {what} {label!r}; it has {listed(sid)}")
    return sid[label]


def _known_ids(frame: pd.DataFrame) -> list[str]:
    """Series ids from where the frame was read, or the labels themselves where they are series ids."""
    columns = frame.columns
    known = origin.column_series_ids(frame.attrs, columns)
    derived = origin.derived_columns(frame.attrs, columns)
    ids = []
    for label, read_from, is_derived in zip(columns, known, derived, strict=True):
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
    if _OPERATORS.search(label):
        raise ValueError(
            f"{label!r} looks like a series id with operators; writing to it is probably not meant. "
            "Say where to, sid=..., or sid='{series_id}' if it is the id"
        )
    return label


def row_ids(
    frame: pd.DataFrame, sid: Sid | None, keys: list[str] | None, taken: set[Hashable]
) -> tuple[Callable[[tuple[Any, ...]], str], list[Any]]:
    """How a label gives a series id, and the columns whose values make a label."""
    if sid is None:
        if "series_id" not in frame.columns:
            raise ValueError(
                "which series are the rows? There is no column 'series_id'; say sid=..., a template over the columns "
                f"{listed(set(frame.columns) - taken)}"
            )
        if any(origin.derived_columns(frame.attrs, ["series_id"])):
            raise ValueError(
                "these points were computed on the server (by operators, or an expression), and are no longer those of "
                "the series; say where to write them: sid=..."
            )
        known = isinstance(frame.attrs.get(origin.KEY), Mapping)
        return (lambda label: label[0]) if known else (lambda label: _own_id(label[0])), ["series_id"]
    if isinstance(sid, str):
        names = _template_names(sid)
        for name in names:
            if name not in frame.columns:
                raise ValueError(
                    f"the sid template {sid!r} names {name!r}, and the columns are {listed(frame.columns)}"
                )

        def fill(label: tuple[Any, ...]) -> str:
            values = dict(zip(names, label, strict=True))
            _refuse_missing(values, sid)
            return sid.format(**values)

        return fill, names
    if keys is None:
        raise TypeError(
            "for a long frame sid is a template over its columns, as r'users\\sam\\{symbol}'; a dict or a function "
            "goes with a groupby: df.groupby('symbol').shooju.write(job, sid={...})"
        )
    return lambda label: _looked_up(sid, label[0] if len(label) == 1 else label, "group"), keys


def _refuse_missing(values: Mapping[str, Any], template: str) -> None:
    for name, value in values.items():
        if is_missing(value) or value == "":
            raise ValueError(f"{name!r} is missing in a row or column, and the sid template {template!r} needs it")


def checked_id(series_id: Any, label: Any, names: Sequence[Any]) -> str:
    """The series id that was found for a label, where it can be one."""
    if not isinstance(series_id, str) or not series_id.strip():
        raise ValueError(
            f"the series id for {dict(zip(names, label, strict=False)) if isinstance(label, tuple) else label!r} "
            f"is {series_id!r}; a series id is a text such as 'users\\sam\\gdp'"
        )
    return series_id

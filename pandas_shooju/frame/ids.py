r"""The series that a column, or a group of rows, is written to: always one that the caller names.

Pure. The caller names series by a template, a dict or a function (`sid`), by an earlier frame that was read from
them (`changed_from`), or by a column or index ``series_id`` in the data.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from pandas_shooju.frame import origin
from pandas_shooju.frame.dates_values import column_named, is_dates, listed
from pandas_shooju.frame.groups import GROUP, GroupKeys, plain_key
from pandas_shooju.query import id_key
from pandas_shooju.values import is_missing

Sid: TypeAlias = str | Mapping[Any, str] | Callable[[Any], str]

#: the template that means the series that the data has already
SAME = "{series_id}"

_OPERATORS = re.compile(r"@[A-Za-z_]\w*(:[^\s\\@]+)*$")
#: how a query begins, and not a series id: ``sid=``, ``country=``, an expression, the ``$`` of bulk responses
_QUERY = re.compile(r"[=$]|\(?(not\s+)?[\w.]+\s*[=:]", re.IGNORECASE)


class _Template:
    r"""A series id with placeholders: ``users\sam\{country}``, with format specs as in `str.format`."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ValueError(
                f"sid={text!r} must be a valid template: {error}; write literal braces as {{{{ and }}}}"
            ) from None
        if any("{" in (spec or "") for _, _, spec, _ in self._parts):
            raise ValueError(f"sid={text!r} must be a valid template: placeholders cannot be nested")
        self.names = [name for _, name, _, _ in self._parts if name is not None]

    def fill(self, values: Mapping[str, Any]) -> str:
        text = ""
        for literal, name, spec, conversion in self._parts:
            text += literal
            if name is None:
                continue
            value = values[name]
            if type(value) is str and value and not spec and conversion is None:
                text += value
                continue
            if is_missing(value) or value == "":
                raise ValueError(
                    f"{name or 'the label'!r} must not be missing, because the template sid={self.text!r} contains it"
                )
            try:
                converted = value if conversion is None else string.Formatter().convert_field(value, conversion)
                text += format(converted, spec or "")
            except (ValueError, TypeError) as error:
                raise ValueError(f"the template sid={self.text!r} cannot format {name}={value!r}: {error}") from None
        return text


def column_ids(frame: pd.DataFrame, sid: Sid, ignored: Hashable | None = None) -> list[str]:
    """The series id for each column of a wide frame; `ignored` is a level that is not part of the labels."""
    columns = frame.columns
    levels = ["" if name is None else str(name) for name in columns.names]
    if not isinstance(sid, str):
        sid = _typed(sid) if isinstance(sid, Mapping) else sid
        if ignored is not None:
            columns = columns.droplevel(ignored)
        return [check_id(_looked_up(sid, label, "column"), label, list(columns.names)) for label in columns]
    template = _Template(sid)
    others = columns.droplevel(ignored) if ignored is not None and columns.nlevels > 1 else columns
    if not template.names and others.nunique() > 1 and not (ignored is not None and columns.nlevels == 1):
        level = next((level for level in levels if level), "name")
        raise ValueError(
            f"sid={sid!r} must contain a placeholder such as {{{level}}}, otherwise all {len(columns)} columns would "
            "be written to one series"
        )
    places = {name: [at for at, level in enumerate(levels) if level == name] for name in template.names}
    if "" in places and len(levels) == 1:
        places[""] = [0]
    behind: list[str] | None = None
    if "series_id" in places and len(places["series_id"]) < 2:
        behind = _ids_behind(frame, *places.pop("series_id"))
    for name, at in places.items():
        if len(at) != 1:
            raise _unknown_level(sid, name, len(at), levels)
    ids = []
    for number, label in enumerate(columns):
        parts = label if isinstance(columns, pd.MultiIndex) else (label,)
        values = {name: parts[at[0]] for name, at in places.items()}
        if behind is not None:
            values["series_id"] = behind[number]
        ids.append(check_id(template.fill(values), label, levels))
    return ids


def _unknown_level(sid: str, name: str, count: int, levels: Sequence[str]) -> ValueError:
    named = [level for level in levels if level]
    if count:
        problem = f"but {count} levels of the columns have that name"
    elif named:
        problem = f"but the column levels are {listed(named)}"
    else:
        problem = f"but the column level has no name; name it: `df.columns.name = {name!r}`"
    return ValueError(f"sid={sid!r} contains {{{name}}}, {problem}")


def _looked_up(sid: Mapping[Any, str] | Callable[[Any], str], label: Any, what: str) -> str:
    if isinstance(sid, Mapping):
        try:
            return sid[_hashable(label)] if isinstance(sid, _TypedDict) else sid[label]
        except (KeyError, TypeError):
            known = [key[1] if isinstance(sid, _TypedDict) and isinstance(key, tuple) else key for key in sid]
            raise ValueError(
                f"sid must have a series id for each {what}, but it has none for {label!r}; it has {listed(known)}"
            ) from None
    return sid(label)


def _typed(sid: Mapping[Any, str]) -> Mapping[Any, str]:
    """A plain dict with keys in which 1 and True differ; other mappings, which may have rules of their own, as is."""
    return _TypedDict((_hashable(key), value) for key, value in sid.items()) if type(sid) is dict else sid


def check_sid(sid: Any) -> None:
    """Raise `TypeError` for an object that cannot name series."""
    if isinstance(sid, str | Mapping) or (callable(sid) and not isinstance(sid, pd.Series)):
        return
    advice = "; convert the Series with .to_dict()" if isinstance(sid, pd.Series) else ""
    raise TypeError(
        f"sid must be a template, a dict from label to series id, or a function of the label, got "
        f"{type(sid).__name__}{advice}"
    )


def _ids_behind(frame: pd.DataFrame, level: int | None = None) -> list[str]:
    """The series id of each column: the one that it was read from, or else the label if that is an id.

    `level` is the position of a column level ``series_id``, if there is one, whose values are ids.
    """
    found = origin.origin_of(frame)
    labels = frame.columns.tolist()
    ids = []
    for at, label in zip(origin.column_positions(frame), labels, strict=True):
        if found is None or at is None:
            if level is not None and isinstance(frame.columns, pd.MultiIndex):
                label = label[level]
            if not (looks_like_id(label) or (level is not None and found is None)):
                raise ValueError(
                    f"sid={SAME!r} requires columns that were read from Shooju or whose labels are series ids, got the "
                    rf"column {label!r}; use a template such as sid=r'users\sam\{{name}}', a dict or a function"
                )
            ids.append(own_id(label))
        elif found["derived"][at]:
            raise _derived(found["series_ids"][at])
        else:
            ids.append(found["series_ids"][at])
    return ids


def looks_like_id(label: Any) -> bool:
    r"""Whether a label is recognizably a series id, by the backslash that separates its parts."""
    return isinstance(label, str) and "\\" in label


def own_id(label: Any, named: bool = True) -> Any:
    """The series id in the data, without ``@asof``; the id of derived points is refused.

    An id with ``@asof`` is refused as well if the call has not `named` the series: an earlier state would overwrite the
    present one.
    """
    if not isinstance(label, str):
        return label
    series_id = origin.without_asof(label)
    if _QUERY.match(series_id) or ("@" in series_id and _OPERATORS.search(series_id)):
        raise _derived(label)
    if not named and series_id != label:
        raise no_destination("a frame that was read as of a job or a moment", (), [series_id], r"users\sam\{series_id}")
    return series_id


def check_read_ids(frame: pd.DataFrame, sid: Sid) -> None:
    """Refuse the ids in a long frame or one of fields that stand for derived points, as far as its origin tells."""
    found = origin.origin_of(frame)
    derived = found["derived"] if found is not None and found["layout"] != "wide" else None
    if isinstance(derived, list) and isinstance(sid, str) and "{series_id" in sid and "series_id" in frame.columns:
        wrong = sorted(set(derived) & set(column_named(frame, "series_id", "sid").astype(object).unique()))
        if wrong:
            raise _derived(wrong[0])


def _derived(series_id: str) -> ValueError:
    return ValueError(
        f"the points of {series_id!r} were computed by the server, so they cannot be written back; "
        r"name other series for them, such as sid=r'users\sam\{name}' or a dict"
        + ("; to write back local times, read with tz= instead of @localize" if "@localize" in series_id else "")
    )


def ids_as_read(old: pd.DataFrame, ignored: Hashable | None = None) -> Callable[[Any], str]:
    """A function from a column label to the series that `old`, a wide frame, was read from under that label.

    `ignored` is a level that is not part of the labels.
    """
    found = origin.origin_of(old)
    if found is None or found["layout"] != "wide":
        raise ValueError(
            "changed_from must be a frame that was read from Shooju, but it has no attrs (some operations drop them); "
            f"name the series with sid=..., for example sid={SAME!r} if its labels are series ids"
        )
    labels = old.columns if ignored is None else old.columns.droplevel(ignored)
    positions = {_state_key(label): at for label, at in zip(labels, origin.column_positions(old), strict=True)}

    def id_of(label: Any) -> str:
        at = positions.get(_state_key(label))
        if at is None:
            raise ValueError(
                f"changed_from must have been read with all columns of the frame, but {label!r} is new; write new "
                "columns separately, with sid=..."
            )
        series_id: str = found["series_ids"][at]
        if found["derived"][at]:
            raise _derived(series_id)
        return series_id

    return id_of


def _state_key(label: Any) -> Any:
    """A label as a dict key that is the same for a series and for an earlier state of it."""
    return id_key(origin.without_asof(label)) if looks_like_id(label) else _hashable(label)


def _hashable(label: Any) -> Any:
    """A label as a dict key: missing parts are equal, and 1 and True are not."""
    if isinstance(label, tuple):
        return tuple(map(_hashable, label))
    return None if is_missing(label) else (isinstance(label, bool | np.bool_), label)


class _TypedDict(dict[Any, str]):
    """A dict from labels, by `_hashable`, to series ids."""


def row_ids(
    frame: pd.DataFrame, sid: Sid, keys: GroupKeys, named: bool = True
) -> tuple[Callable[[tuple[Any, ...]], str], list[Any]]:
    """A function from a label to a series id, and the columns whose values make a label.

    `keys` are those of a groupby, and empty for a plain frame; `named` is as for `own_id`. A label of a groupby begins
    with the key of the group, so that rows of different groups never have the same label; a template may name further
    columns.
    """
    if isinstance(sid, str):
        template = _Template(sid)
        columns = list(dict.fromkeys(name for name in template.names if name not in keys))
        for name in columns:
            if name not in frame.columns:
                shown = [*filter(None, keys), *(column for column in frame.columns if column not in (*keys, GROUP))]
                raise ValueError(f"sid={sid!r} contains {{{name}}}, but the columns are {listed(shown)}")
            column_named(frame, name, "sid")

        of_key = [(name, keys[name]) for name in template.names if name in keys]
        names = list(keys) or columns

        def filled(label: tuple[Any, ...]) -> str:
            values = {name: value_of(label[0]) for name, value_of in of_key}
            if columns:
                values.update(zip(columns, label[1:] if keys else label, strict=True))
            if "series_id" in values:
                values["series_id"] = own_id(values["series_id"], named)
            return check_id(template.fill(values), label[0] if keys else label, names)

        return filled, [GROUP, *columns] if keys else columns
    if not keys:
        key = _key_column(frame, sid)
        raise TypeError(
            "for a long frame sid must be a template over its columns, such as r'users\\sam\\{symbol}'; a dict or a "
            f"function requires a groupby, whose keys it gets: `df.groupby({key!r})`"
        )
    if type(sid) is dict:
        sid = _typed({plain_key(key): series_id for key, series_id in sid.items()})
    names = list(keys)
    return lambda label: check_id(_looked_up(sid, label[0], "group"), label[0], names), [GROUP]


def _key_column(frame: pd.DataFrame, sid: Any) -> Hashable:
    """The column that a dict, or a function, is likely to be about."""
    known = set(sid) if isinstance(sid, Mapping) else set()
    columns = [(name, frame.iloc[:, at]) for at, name in enumerate(frame.columns)]  # several may have the same name
    by_dict = (name for name, column in columns if known and column.isin(known).all())
    labels = (name for name, column in columns if not is_dates(column) and not is_float_dtype(column))
    return next(by_dict, next(labels, "symbol"))


def check_id(series_id: Any, label: Any, names: Sequence[Any]) -> str:
    """Return the series id that was found for a label, if it is valid."""
    if not isinstance(series_id, str) or not series_id.strip():
        shown = dict(zip(names, label, strict=False)) if isinstance(label, tuple) else label
        raise ValueError(f"the series id for {shown!r} must be a string such as 'users\\sam\\gdp', got {series_id!r}")
    if series_id.startswith(("sid=", "sid:", "=", "$")):
        raise ValueError(f"sid must give a series id such as 'users\\sam\\gdp', not a query, got {series_id!r}")
    return series_id


def no_destination(kind: str, labels: Iterable[Any], behind: Iterable[str | None], template: str) -> ValueError:
    """The error for a write without a destination: how to name one, and which series could have been overwritten."""
    known = [series_id for series_id in behind if series_id is not None]
    named = [label for label in labels if looks_like_id(label)]
    message = f"{kind} is only written to series that the call names"
    for what, ids in (("it was read from", known), ("its labels are the ids of", named)):
        if ids:
            more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
            message += f" ({what} {', '.join(ids[:3])}{more}, which could be overwritten by accident)"
            break
    return ValueError(
        f"{message}. Pass one of:\n"
        f"  sid=r'{template}'  (or a dict or a function) to write to these series\n"
        f"  sid='{SAME}'  to write to the series that the data was read from, or that its labels name\n"
        "  changed_from=old  to write what differs from an earlier frame, to the series that it was read from"
    )

"""The fields of a series as a request asks for them: by name, by dotted name, as meta data, as a formula."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.meta import meta_field, meta_values
from pandas_shooju.local.store.catalog import Series
from pandas_shooju.local.store.terms import is_field

_placeholder = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")

#: the series' own id, which may be asked for like a field
ID_NAMES = ("sid", "series_id")


def field_names(given: Any, what: str = "fields") -> tuple[str, ...]:
    """The names in a list, or in a text separated by commas (not counting commas inside of ``{{ }}``)."""
    if given is None:
        return ()
    if isinstance(given, str):
        names = [name.strip() for name in re.split(r",(?![^{}]*\}\})", given)]
        return tuple(name for name in names if name)
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return tuple(given)
    raise invalid(f"{what} must be names separated by commas, got {given!r}")


def check_names(db: sqlite3.Connection, names: tuple[str, ...]) -> None:
    """Refuse meta fields that are not known, formulas over fields that no series has, and patterns of names.

    Raises
    ------
    ApiError
        ``invalid_parameters``, by name.
    """
    for name in names:
        if name.lower().startswith("meta."):
            meta_field(name[5:])
        elif name.startswith("="):
            if is_field(db, name):
                continue
            if "{" in (rest := _placeholder.sub("", name)) or "}" in rest:
                raise invalid(f"the formula {name[:200]!r} has a brace outside of {{{{ }}}}, which is not supported")
            for inner in _placeholder.findall(name):
                if inner.lower().startswith("meta."):
                    meta_field(inner[5:])
                elif inner not in ID_NAMES and not is_field(db, inner):
                    raise invalid(f"the formula {name[:200]!r} uses {inner!r}, a field that no series has")
        elif name != "*" and ("*" in name or "{{" in name) and not is_field(db, name):
            raise invalid(
                f"the field {name[:200]!r} is not supported: fields are named one by one, or * for all of them;"
                " a formula begins with ="
            )


def chosen_fields(
    db: sqlite3.Connection,
    row: Series | None,
    fields: dict[str, Any],
    names: tuple[str, ...],
    meta: Mapping[str, Mapping[int, Any]] | None = None,
) -> dict[str, Any]:
    """The fields asked for, except those that are missing; `meta` has meta fields that have been read together."""
    chosen: dict[str, Any] = {}
    for name in names:
        if name == "*":
            chosen.update(fields)
        elif name.startswith("=") and name not in fields:
            chosen[name] = _placeholder.sub(lambda found: _as_text(field_value(db, row, fields, found[1])), name[1:])
        else:
            together = (meta or {}).get(name)
            value = field_value(db, row, fields, name) if row is None or together is None else together.get(row.id)
            if value is not None:
                chosen[name] = value
    return chosen


def meta_of_many(db: sqlite3.Connection, names: tuple[str, ...], series: Sequence[int]) -> dict[str, dict[int, Any]]:
    """The meta fields among the names, of many series: by name, and by their internal ids."""
    return {name: meta_values(db, name[5:], series) for name in names if name.lower().startswith("meta.")}


def field_value(db: sqlite3.Connection, row: Series | None, fields: dict[str, Any], name: str) -> Any:
    """The value of a field by its name, a dotted name that reaches into objects, or of meta data; None if missing."""
    if name in fields:
        return fields[name]
    if row is not None:
        if name.lower().startswith("meta."):
            return meta_values(db, name[5:], [row.id]).get(row.id)
        if name in ID_NAMES:
            return row.name
    value: Any = fields
    parts = name.split(".")
    while parts and isinstance(value, dict):
        # a name may itself have dots in it: the longest that fits
        for length in range(len(parts), 0, -1):
            inner = value.get(".".join(parts[:length]))
            if inner is not None:
                value, parts = inner, parts[length:]
                break
        else:
            return None
    return None if parts else value


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

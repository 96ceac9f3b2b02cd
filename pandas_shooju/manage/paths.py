"""Paths of series: a folder or one series, and the ids that series have in another place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pandas_shooju import query as queries
from pandas_shooju.manage.states import Listed, find
from pandas_shooju.manage.trash import is_trashed

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

_QUERY = re.compile(r"\s*(?:=|(?:sid|tree)\s*[:=])", re.IGNORECASE)


def paths_of(source: str, target: str | None, to: object) -> tuple[str, str]:
    """The paths of the two sides."""
    if target is None:
        if to is None:
            raise TypeError("target is required, unless to= names another server")
        target = source
    return _path(source, "source"), _path(target, "target")


def _path(path: str, name: str) -> str:
    if not isinstance(path, str):
        raise TypeError(rf"{name} must be a path such as 'users\sam\gdp', got {path!r}")
    text = str(path).strip().rstrip("\\")
    if not text or _QUERY.match(text):
        raise ValueError(rf"{name} must be the path of a folder or a series, such as 'users\sam\gdp', got {path!r}")
    return text


def check_apart(source: str, target: str) -> None:
    """Check that the target is neither the source nor a place within it."""
    one, other = queries.id_key(source), queries.id_key(target)
    if one == other:
        raise ValueError(f"target must be another path than source on the same server, got {target!r} and {source!r}")
    if other.startswith(one + "\\"):
        raise ValueError(f"target must not lie below source, got {target=} and {source=}")


def check_not_trashed(series: Iterable[Listed]) -> None:
    """Check that no series is in the trash, where it would be deleted for good."""
    for one in series:
        if is_trashed(one.series_id):
            raise ValueError(
                f"series in the trash cannot be moved, because they would be deleted for good, got {one.series_id!r}; "
                "restore() or copy() them"
            )


def check_disjoint(series: Sequence[tuple[Listed, str]], source: str, target: str) -> None:
    """Check that no target is the id of one of the sources."""
    if not queries.id_key(source).startswith(queries.id_key(target) + "\\"):
        return
    keys = {queries.id_key(one.series_id) for one, _ in series}
    for one, name in series:
        if queries.id_key(name) in keys:
            raise ValueError(
                f"no series may be the source of one copy and the target of another, but {name!r} is the target of "
                f"{one.series_id!r} and a source itself: move the series in two steps, by way of another folder"
            )


def below(connection: Connection, path: str) -> dict[str, Listed]:
    """The series with a path as its id and those below it, by what follows the path in their ids."""
    found: dict[str, Listed] = {}
    start = queries.id_key(path)
    for page in find(connection.raw, queries.under(path)):
        for one in page:
            rest = one.series_id[len(path) :]
            if queries.id_key(one.series_id[: len(path)]) == start and rest[:1] in ("", "\\"):
                found[queries.id_key(rest)] = one
    return found

"""Every public name of the published client is in `pandas_shooju.compat` and takes the same arguments, or was decided.

A difference that nobody has decided fails here, also one that a new version of the published client brings.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    shooju = pytest.importorskip("shooju")

PAGE = (Path(__file__).parents[2] / "notebooks" / "coming-from-shooju.md").read_text("utf-8")

#: names that differ, each with what the documentation says about it
DECIDED = {
    "shooju.flatten": "`flatten`",
    "shooju.Connection.ScrollIterable.__init__": "`Connection.ScrollIterable` and `ShoojuApi`",
    "shooju.ShoojuApi.__init__": "`Connection.ScrollIterable` and `ShoojuApi`",
    "shooju.Point.__init__": "`Point` ignores unknown keywords",
    "shooju.points_serializers.Point.__init__": "`Point` ignores unknown keywords",
    "shooju.GetBulk.get_fields": "`mget().get_fields(id)`",
    "shooju.GetBulk.queries_mode": "one kind of call at a time",
}


def modules() -> Iterator[ModuleType]:
    yield shooju
    for module in pkgutil.walk_packages(shooju.__path__, "shooju."):
        yield importlib.import_module(module.name)


def ours(name: str) -> ModuleType:
    return importlib.import_module(name.replace("shooju", "pandas_shooju.compat", 1))


def members(owner: Any) -> dict[str, Any]:
    """The public names of a module or a class that are its own, with ``__init__``."""
    if inspect.isclass(owner):
        found = {name: value for name, value in inspect.getmembers(owner) if not name.startswith("_")}
        return found | {"__init__": owner.__init__}
    return {
        name: value
        for name, value in vars(owner).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "shooju").partition(".")[0] == "shooju"  # not what it imports
        and type(value).__module__ not in ("typing", "__future__")
    }


def walk(owner: Any, counterpart: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """All names below one, each with the published thing and ours (None if there is none)."""
    for name, published in members(owner).items():
        own = getattr(counterpart, name, None)
        yield f"{path}.{name}", published, own
        if inspect.isclass(published) and own is not None:
            yield from walk(published, own, f"{path}.{name}")


NAMES = {
    name: (published, own)
    for module in modules()
    for name, published, own in walk(module, ours(module.__name__), module.__name__)
}


def difference(published: Any, own: Any) -> str | None:
    """What a caller of the published thing could not do with ours."""
    if own is None and published is not None:
        return "missing"
    if not inspect.isfunction(published):
        return None if callable(published) == callable(own) else "of another kind"
    theirs = inspect.signature(published, follow_wrapped=False).parameters.values()
    mine = list(inspect.signature(own, follow_wrapped=False).parameters.values())
    positional = [one for one in mine if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    kinds = {one.kind for one in mine}
    by_name = {one.name: one for one in mine}
    for at, one in enumerate(theirs):
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            if one.kind not in kinds:
                return f"does not take {one}"
            continue
        if at >= len(positional) and inspect.Parameter.VAR_POSITIONAL not in kinds:
            return f"{one.name} is not positional"
        counterpart = by_name.get(one.name)
        if at == 0 and one.name == "self":
            continue
        if counterpart is None:
            if inspect.Parameter.VAR_KEYWORD not in kinds:
                return f"no argument {one.name}"
            continue
        if counterpart in positional and positional.index(counterpart) != at:
            return f"{one.name} is at another position"
        if one.default is not one.empty and not same(one.default, counterpart.default):
            return f"{one.name} is {counterpart.default!r} by default, and not {one.default!r}"
    required = [one.name for one in positional[len(list(theirs)) :] if one.default is one.empty]
    return f"needs {required}" if required else None


def same(theirs: Any, mine: Any) -> bool:
    return getattr(theirs, "__name__", theirs) == getattr(mine, "__name__", mine)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_published_name_takes_the_same_arguments(name):
    found = difference(*NAMES[name])
    if name in DECIDED:
        assert found is not None, f"{name} does not differ any more"
        assert DECIDED[name] in PAGE
    else:
        assert found is None, f"{name}: {found}"


def test_what_was_decided_exists():
    assert set(DECIDED) <= set(NAMES)
    assert len(NAMES) > 150


def test_constants_are_the_same():
    from pandas_shooju import compat

    for name, value in members(shooju).items():
        if isinstance(value, str | int | float | tuple) and name not in DECIDED and name != "NUMERIC_TYPES":
            assert getattr(compat, name) == value, name
    assert compat.__version__ == shooju.__version__

"""The house stands: imports point downwards, and no modules import each other in a circle. Read from the source."""

import ast
from pathlib import Path

import pytest

import pandas_shooju

PACKAGE = Path(pandas_shooju.__file__).parent

# The rooms that each room may import from, besides itself. A room is a folder or a file of the package.
PURE = {"errors", "clocks", "values", "query"}
MAY_IMPORT = {
    "errors": set(),
    "clocks": set(),
    "values": set(),
    "progress": set(),
    "display": set(),
    "query": {"clocks"},
    "formats": {"errors"},
    "layouts": {"errors", "clocks", "formats"},
    "local": {*PURE, "formats"},
    "client": {*PURE, "formats", "layouts", "display", "progress"},  # and `servers` imports `local`
    "manage": {*PURE, "formats", "layouts", "display", "progress", "client"},
    "frame": {*PURE, "formats", "layouts", "display", "progress", "client"},
    "engines": {*PURE, "formats", "layouts", "display", "progress", "client", "frame"},
    "compat": {*PURE, "formats", "layouts", "display", "progress", "client"},
    "testing": {"local"},
    "__init__": {*PURE, "client", "manage", "frame"},
    "tables": {"__init__", "query", "values", "layouts", "frame"},
    "demo": {"__init__", "client", "frame"},
    "cli": {"__init__", *PURE, "formats", "layouts", "client", "frame", "manage", "local", "tables", "demo"},
    "__main__": {"cli"},
}

# The other arrows: a module, and the room that it imports when it is needed, inside of a function.
EXCEPTIONS = {
    ("client.servers", "local"),  # opens the embedded Shooju
    ("client.connection", "manage"),  # the properties catalog, series and jobs
}

# And those for type checkers only.
TYPES = {
    ("errors", "client"),  # an error of a write declares its WriteResult
    ("client.connection", "manage"),
}


def modules():
    """The modules of the package by name, without the name of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


MODULES = dict(modules())


def is_type_checking(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imported(node, *, types):
    """The modules of the package that are imported in a tree, with or without those for type checkers only."""
    if isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute"
        if node.module.partition(".")[0] == "pandas_shooju":
            module = node.module.partition(".")[2]
            for alias in node.names:
                below = f"{module}.{alias.name}".lstrip(".")
                yield below if below in MODULES else module or "__init__"
    elif isinstance(node, ast.Import):
        for alias in node.names:
            package, _, module = alias.name.partition(".")
            if package == "pandas_shooju":
                yield module or "__init__"
    for child in node.orelse if is_type_checking(node) and not types else ast.iter_child_nodes(node):
        yield from imported(child, types=types)


def tree_of(module):
    return ast.parse(MODULES[module].read_text("utf-8"))


def imports(module, *, types):
    """The modules that a module imports, at its top or inside of functions."""
    return sorted(set(imported(tree_of(module), types=types)) - {module})


def room(module):
    return module.partition(".")[0]


def arrows(module, *, types):
    """The rooms that a module imports from, other than those that its own room may import from."""
    here = room(module)
    return {there for there in map(room, imports(module, types=types)) if there not in {here, *MAY_IMPORT[here]}}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module):
    assert {(module, there) for there in arrows(module, types=False)} <= EXCEPTIONS


@pytest.mark.parametrize("module", MODULES)
def test_so_do_imports_for_type_checkers(module):
    assert {(module, there) for there in arrows(module, types=True)} <= EXCEPTIONS | TYPES


def test_the_embedded_shooju_is_imported_only_when_it_is_opened():
    statements = [node for node in tree_of("client.servers").body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert "local" in arrows("client.servers", types=False)
    assert not any(room(target) == "local" for node in statements for target in imported(node, types=False))


def test_the_rooms_themselves_form_no_circle():
    below = {}

    def depth(name):
        if name not in below:
            below[name] = None  # under way
            below[name] = 1 + max((depth(other) for other in MAY_IMPORT[name]), default=0)
        assert below[name] is not None, f"{name} is part of a circle"
        return below[name]

    for name in MAY_IMPORT:
        depth(name)


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: imports(module, types=False) for module in MODULES}
    done, path = set(), []

    def visit(module):
        assert module not in path, "a circle of imports: " + " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for target in graph[module]:
            visit(target)
        done.add(path.pop())

    for module in graph:
        visit(module)


def test_the_embedded_shooju_is_known_to_few():
    outside = {
        module
        for module in MODULES
        if room(module) != "local" and any(room(target) == "local" for target in imports(module, types=True))
    }
    assert outside == {"client.servers", "cli.embedded", "testing"}

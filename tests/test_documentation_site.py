"""The documentation is complete: every public name, command and option has an entry, and every promise has its test.

That the site builds, without a warning, is checked by .ci/run, which has the extra ``docs``.
"""

import argparse
import ast
import functools
import pkgutil
import re
from pathlib import Path

import pytest

import pandas_shooju
from pandas_shooju import cli, local, query

ROOT = Path(__file__).parents[1]
PAGES = {path.relative_to(ROOT / "notebooks"): path.read_text("utf-8") for path in (ROOT / "notebooks").rglob("*.md")}
REFERENCE = "\n".join(text for path, text in PAGES.items() if path.parts[0] == "reference")
ENTRIES = re.findall(r"^::: (\S+)", REFERENCE, re.MULTILINE)
COMMAND_LINE = PAGES[Path("reference/command-line.md")]


def target(entry):
    """The object that an entry of the reference documents."""
    name, _, rest = entry.partition(".")
    in_package = rest and not rest.startswith(("engines", "local", "testing", "manage"))
    return pkgutil.resolve_name(f"{name}:{rest}" if in_package else entry)


@pytest.mark.parametrize("name", pandas_shooju.__all__)
def test_every_public_name_has_an_entry(name):
    documented = [target(entry) for entry in ENTRIES if not entry.startswith("pandas_shooju.frame.")]
    if name in pandas_shooju.errors.__all__:  # documented together, by their module
        assert pandas_shooju.errors in documented
        return
    one = getattr(pandas_shooju, name)
    assert any(entry is one for entry in documented) or any(entry is type(one) for entry in documented)


@pytest.mark.parametrize("name", local.__all__)
def test_every_public_name_of_the_embedded_shooju_has_an_entry(name):
    assert f"pandas_shooju.local.{name}" in ENTRIES


def test_every_part_of_the_query_builder_has_an_entry():
    members = re.search(r"::: pandas_shooju.query\n.*?members: \[(.*?)\]", REFERENCE, re.DOTALL)[1].split(", ")
    assert set(members) | {"sid"} == set(query.__all__)


def test_every_entry_exists_and_is_described():
    assert len(set(ENTRIES)) > 20
    for entry in ENTRIES:
        assert target(entry).__doc__, entry


def commands(parser, name=""):
    """The commands of the command line, with the options of each."""
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in nested:
        for word, below in action.choices.items():
            yield from commands(below, f"{name} {word}".strip())
    if not nested:
        options = {option for action in parser._actions for option in action.option_strings}
        yield name, options - {"-h", "--help"}


@pytest.mark.parametrize(("command", "options"), list(commands(cli.make_parser())))
def test_every_command_and_option_is_documented_and_no_other(command, options):
    section = re.search(rf"^## {command.split()[0]}\n(.*?)(?=^## |\Z)", COMMAND_LINE, re.MULTILINE | re.DOTALL)[1]
    assert f"pandas-shooju {command}" in section
    described = set(re.findall(r"`(--?[a-z-]+)`", section))
    if command.startswith("store "):
        assert options <= set(re.findall(r"--[a-z-]+", section))
    else:
        assert described == options


def test_no_command_is_documented_that_does_not_exist():
    sections = re.findall(r"^## (\w+)", COMMAND_LINE, re.MULTILINE)
    assert sorted(sections) == sorted({command.split()[0] for command, _ in commands(cli.make_parser())})


@functools.cache
def names_of_tests(path):
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


PROMISES = re.findall(r"`(tests/\S+\.py)::(\w+)`", PAGES[Path("promises.md")])


@pytest.mark.parametrize(("path", "name"), PROMISES)
def test_every_promise_has_its_test(path, name):
    assert name in names_of_tests(path)


def test_every_line_of_promises_names_a_test():
    rows = [line for line in PAGES[Path("promises.md")].splitlines() if line.startswith("|")]
    promises = [row for row in rows if not re.match(r"\|(---| promise )", row)]
    assert len(promises) == len(PROMISES) > 20


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    for path in [*PAGES, *(notebook.relative_to(ROOT / "notebooks") for notebook in ROOT.glob("notebooks/**/*.ipynb"))]:
        assert re.search(rf"[ :]{re.escape(path.as_posix())}$", navigation, re.MULTILINE), path

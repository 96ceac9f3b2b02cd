"""The README does what it says: its snippets run and print what it shows, its commands exist."""

import ast
import contextlib
import io
import os
import re
from pathlib import Path

import pytest

import pandas_shooju
from pandas_shooju import cli
from pandas_shooju.local.supported import markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(code, namespace):
    """Run a snippet as a notebook would; what its last expression shows."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "README", "exec"), namespace)
    if last is None:
        return None
    return repr(eval(compile(ast.Expression(last.value), "README", "eval"), namespace))


def words(text):
    return [line.split() for line in text.strip().splitlines()]


def test_every_snippet_runs_and_shows_its_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    checked = 0
    for (language, code), (following, expected) in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True):
        if language == "python":
            shown = run(code, namespace)
            if following == "text":
                assert shown is not None
                assert words(shown) == words(expected)
                checked += 1
    assert checked >= 6


def test_the_commands_are_there():
    commands = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
    for line in commands:
        if "pandas_shooju " in line:
            name = line.split("pandas_shooju ")[1].split()[0]
            with pytest.raises(SystemExit) as ended, contextlib.redirect_stdout(io.StringIO()) as printed:
                cli.main([name, "--help"])
            assert ended.value.code == 0
            for option in re.findall(r"--[a-z-]+", line.split("pandas_shooju ")[1]):
                assert option in printed.getvalue()


def test_what_the_embedded_shooju_supports_is_its_own_table():
    shown = README.split("<!-- supported -->")[1].split("<!-- /supported -->")[0]
    assert shown.strip() == markdown()


def test_ci_runs_the_readmes_test_command():
    assert "<!-- the tests -->" in (ROOT / ".ci" / "run").read_text()
    block = README.split("<!-- the tests -->")[1].split("```")[1]
    assert "-m venv" in block
    assert "pytest" in block


def test_the_version_is_the_projects():
    assert f'version = "{pandas_shooju.__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert f"## {pandas_shooju.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_notebooks_folder_holds_what_the_readme_links():
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert os.path.exists(ROOT / target), target

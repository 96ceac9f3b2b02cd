"""The README holds: its snippets run and print what it shows, its commands and links exist."""

import ast
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import pandas_shooju
from pandas_shooju import cli
from pandas_shooju.local.supported import markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(code, namespace):
    """Run a snippet as a notebook would, and return what it prints and what its last expression shows."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, "README", "exec"), namespace)
        value = None if last is None else eval(compile(ast.Expression(last.value), "README", "eval"), namespace)
    return printed.getvalue() + ("" if value is None else repr(value))


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
                assert words(shown) == words(expected)
                checked += 1
    assert checked == len([language for language, _ in BLOCKS if language == "text"])


def test_commands_and_their_options_exist():
    lines = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
    calls = [re.split(r"pandas-shooju |-m pandas_shooju ", line) for line in lines]
    commands = [shlex.split(call[1]) for call in calls if len(call) == 2]
    assert {"demo", "read", "write", "serve", "store"} <= {command[0] for command in commands}
    for name, *arguments in commands:
        options = [argument.partition("=")[0] for argument in arguments if argument.startswith("-")]
        path = [name, *arguments[: 1 if name == "store" else 0]]
        with pytest.raises(SystemExit) as ended, contextlib.redirect_stdout(io.StringIO()) as printed:
            cli.main([*path, "--help"])
        assert ended.value.code == 0
        assert set(options) <= set(re.findall(r"--?[a-z-]+", printed.getvalue()))


def test_the_fixture_works_as_described(tmp_path):
    _, _, section = README.partition("## Testing your pipelines")
    conftest, test = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[:2]
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_prices.py").write_text(test)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_what_the_embedded_shooju_supports_is_its_own_table():
    page = (ROOT / "notebooks" / "reference" / "embedded.md").read_text("utf-8")
    shown = page.split("<!-- supported -->")[1].split("<!-- /supported -->")[0]
    assert shown.strip() == markdown()


def test_ci_runs_the_test_command():
    assert "<!-- the tests -->" in (ROOT / ".ci" / "run").read_text()
    block = README.split("<!-- the tests -->")[1].split("```")[1]
    assert "python3 -m venv" in block
    assert "pytest" in block


def test_the_version_is_the_same_everywhere():
    version = pandas_shooju.__version__
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text()
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()


def test_links_lead_somewhere():
    titles = re.findall(r"^#+ (.*)", README, re.MULTILINE)
    headings = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in headings
        else:
            assert (ROOT / target).exists(), target

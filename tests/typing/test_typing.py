"""mypy --strict and pyright accept a correct program, and find every mistake in a wrong one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typing import sample

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECKERS = {"mypy": ["--strict", "--no-error-summary"], "pyright": ["--pythonpath", sys.executable]}


@pytest.fixture(params=CHECKERS)
def complaints(request):
    """A function from the name of a file to the lines in which a type checker finds an error, and its report."""
    checker = request.param
    pytest.importorskip(checker)

    def check(name):
        command = [sys.executable, "-m", checker, *CHECKERS[checker], str(HERE / name)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        found = re.findall(rf"{re.escape(name)}:(\d+)(?::\d+)?(?: -|:) error", done.stdout)
        assert (done.returncode != 0) == bool(found), done.stdout + done.stderr
        return {int(line) for line in found}, done.stdout

    return check


def test_a_correct_program_is_accepted(complaints):
    lines, report = complaints("sample.py")
    assert not lines, report


def test_every_mistake_is_found(complaints):
    wrong = {at for at, line in enumerate((HERE / "misspelt.py").read_text().splitlines(), 1) if "# wrong" in line}
    lines, report = complaints("misspelt.py")
    assert len(wrong) > 10
    assert lines == wrong, report


def test_the_correct_program_runs():
    assert sample.main("local::memory:") == "6 6 4 6 ['China'] 1.5 11"

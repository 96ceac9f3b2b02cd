"""The examples of the engines run, also those on their page, and their extras are named where they are missing.

The doctests of the package leave out the lines that need an engine.
"""

import doctest
import importlib
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

from pandas_shooju import local

PAGE = (Path(__file__).parents[2] / "notebooks" / "reference" / "engines.md").read_text("utf-8")

EXAMPLES = [
    ("pandas_shooju.engines.polars", "scan_shooju", "polars"),
    ("pandas_shooju.engines.dask.reading", "read_shooju", "dask.dataframe"),
    ("pandas_shooju.engines.dask.writing", "write", "dask.dataframe"),
]


@pytest.mark.parametrize(("module", "name", "engine"), EXAMPLES)
def test_examples_run(module, name, engine):
    pytest.importorskip(engine)
    found = importlib.import_module(module)
    [example] = doctest.DocTestFinder(recurse=False).find(getattr(found, name), name, found)
    for line in example.examples:
        line.options.pop(doctest.SKIP, None)
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    assert result.attempted > 8
    assert result.failed == 0


@pytest.mark.parametrize(
    ("title", "engine"), [("Dask", "dask.dataframe"), ("Polars", "polars"), ("Arrow and DuckDB", "duckdb")]
)
def test_examples_of_the_page_run(title, engine, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    pytest.importorskip(engine)
    section = PAGE.partition(f"\n## {title}\n")[2].partition(":::")[0]
    lines = [line for line in section.splitlines() if line.startswith("    ")]
    assert len(lines) > 5
    monkeypatch.chdir(tmp_path)
    with local.start() as server:
        for name, value in (("SERVER", server.url), ("USER", "sam"), ("API_KEY", "key")):
            monkeypatch.setenv(f"SHOOJU_{name}", value)
        days = pd.date_range("2023-01-01", periods=500, tz="UTC")
        prices = pd.DataFrame({"DE": 1.0, "FR": 2.0}, days).rename_axis(columns="country")
        prices.shooju.write("Prices", sid=r"users\sam\prices\{country}", fields="levels")
        exec(textwrap.dedent("\n".join(lines)), {})


@pytest.mark.parametrize(
    ("module", "call", "missing", "extra"),
    [
        ("pandas_shooju.engines.arrow", "read_arrow", "pyarrow", "arrow"),
        ("pandas_shooju.engines.polars", "scan_shooju", "polars.io.plugins", "polars"),
        ("pandas_shooju.engines.dask", "read_shooju", "dask.dataframe", "dask"),
    ],
)
def test_a_missing_extra_is_named(module, call, missing, extra, monkeypatch):
    if extra == "polars":
        pytest.importorskip("pyarrow")
    monkeypatch.setitem(sys.modules, missing, None)
    function = getattr(importlib.import_module(module), call)
    with pytest.raises(ImportError, match=rf'pip install "pandas-shooju\[{extra}\]"'):
        function(r"sid:users\sam", connection="local::memory:")

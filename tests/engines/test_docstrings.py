"""The examples of the engines run, and their extras are named where they are missing.

The doctests of the package leave out the lines that need an engine.
"""

import doctest
import importlib
import sys

import pytest

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

"""What ``import pandas_shooju`` brings: the public names, and nothing that a first read does not need."""

import importlib
import os
import subprocess
import sys

import pytest

import pandas_shooju as sj


def modules_after(code):
    """The modules that a fresh process has imported after some code."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    code += "\nimport sys; print(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", code], text=True, env=environment).split())


def test_the_client_the_extras_and_the_embedded_shooju_are_imported_when_they_are_used():
    unwanted = {"werkzeug", "waitress", "platformdirs", "tqdm", "matplotlib", "vega_datasets", "pytest", "IPython"}
    unwanted |= {"pandas_flavor", "xarray", "tomllib"}
    unwanted |= {"requests", "urllib3", "pandas_shooju.client.connection", "pandas_shooju.client.job"}
    unwanted |= {f"pandas_shooju.{name}" for name in ("local", "cli", "demo", "testing", "tables")}
    assert not unwanted & modules_after("import pandas_shooju")


def test_the_first_accessor_of_a_groupby_imports_pandas_flavor_once_and_warns_of_nothing():
    code = """
import sys, warnings
import pandas as pd, pandas_shooju
from pandas_shooju.frame.accessor import GroupByAccessor
frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
assert "pandas_flavor" not in sys.modules
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for groupby in (frame.groupby("a"), frame.groupby("a")["b"], frame.groupby("b")):
        assert type(groupby.shooju) is GroupByAccessor and groupby.shooju._data is groupby
assert not [one for one in caught if "preexisting" in str(one.message)]
assert pd.api.typing.DataFrameGroupBy.shooju is pd.api.typing.SeriesGroupBy.shooju is GroupByAccessor
"""
    assert {"pandas_flavor"} <= modules_after(code)


def test_completion_shows_the_public_names_only():
    assert dir(sj) == sj.__all__ == sorted(sj.__all__)


def test_public_names_are_those_of_their_modules():
    for name, module in sj._MODULES.items():
        assert getattr(sj, name) is getattr(importlib.import_module(module), name)
        assert name in sj.__all__
    for name in sj.__all__:
        assert getattr(sj, name) is not None


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'pandas_shooju' has no attribute 'read_shoju'"):
        sj.read_shoju  # noqa: B018

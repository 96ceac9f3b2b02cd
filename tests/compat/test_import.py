"""Importing `pandas_shooju.compat`: without warnings, and only by those who ask for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_import import modules_after

PACKAGE = Path(__file__).parents[2] / "pandas_shooju" / "compat"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parents[1]).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_imported_first_without_a_warning(module):
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {module}"], check=True, cwd=PACKAGE.parents[1])


def test_the_package_itself_does_not_import_it():
    assert not [name for name in modules_after("import pandas_shooju") if name.startswith("pandas_shooju.compat")]

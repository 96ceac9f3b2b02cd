"""Fixtures: a fresh embedded store over a socket, and the two clients."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest

from pandas_shooju.compat import options
from pandas_shooju.local import Served, start


@pytest.fixture
def served() -> Iterator[Served]:
    """An embedded server with an empty store."""
    with start(":memory:", user="sam", api_key="secret") as server:
        yield server


def module(name: str) -> ModuleType:
    """The published client, or `pandas_shooju.compat`; skips where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name) if name == "pandas_shooju.compat" else pytest.importorskip(name)


@pytest.fixture(autouse=True)
def _quiet_and_as_they_were() -> Iterator[None]:
    logging.getLogger("shooju_client").setLevel(logging.CRITICAL)
    yield
    options.disable_sjts = options.disable_msgpack = options.return_series_errors = False

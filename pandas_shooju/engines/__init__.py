"""Reading and writing with other engines than pandas: Dask, Polars, Arrow. Each is an extra.

Every module makes a :class:`~pandas_shooju.frame.plan.Plan`, and has its parts carried out. What is read, and how, is
decided there; a module only knows its engine.
"""

from __future__ import annotations

import importlib
from typing import Any


def required(module: str, extra: str) -> Any:
    """A module of an engine.

    Raises
    ------
    ImportError
        The engine is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"pandas_shooju.engines.{extra} requires packages that are not installed ({error}): "
            f'pip install "pandas-shooju[{extra}]"',
            name=error.name,
        ) from error

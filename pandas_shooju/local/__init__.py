"""The embedded Shooju: a real time-series store in one SQLite file, that speaks the service's HTTP API.

Three ways in: `open_app` gives the WSGI app, which `pandas_shooju.local.adapter.WSGIAdapter` puts under a
`requests` session in the same process; `start` serves it on a loopback port for as long as a ``with`` block lasts;
`pandas_shooju.local.serving.serve` does so for good.

What it has in common with the service is the wire (addresses, formats, queries, operators). It knows nothing of the
client, and of this package it uses the formats alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas_shooju.local.app import App
    from pandas_shooju.local.errors import StoreError
    from pandas_shooju.local.opening import default_path, open_app
    from pandas_shooju.local.operators import register_operator
    from pandas_shooju.local.serving import Served, start

__all__ = ["App", "Served", "StoreError", "default_path", "open_app", "register_operator", "start"]

_HOMES = {
    "App": "app",
    "Served": "serving",
    "StoreError": "errors",
    "default_path": "opening",
    "open_app": "opening",
    "register_operator": "operators",
    "start": "serving",
}


def __getattr__(name: str) -> Any:
    # imported on first use, so that this module can be imported without the libraries of the extra "local"
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

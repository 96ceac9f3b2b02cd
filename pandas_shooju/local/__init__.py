"""The embedded Shooju: a real time-series store in one SQLite file, with the HTTP API of the service.

There are three ways to use it. `open_app` returns the WSGI app, which `pandas_shooju.local.adapter.WSGIAdapter` mounts
in a `requests` session of the same process; `start` serves it on a loopback port during a ``with`` block;
`pandas_shooju.local.serving.serve` serves it until the process ends.

It shares the wire with the service (addresses, formats, queries, operators), does not know the client, and of this
package uses only the formats and the pure modules. What it does not support it refuses by name; `supported` lists
everything else.
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

"""The fixture `shooju_server`: an embedded Shooju on a port, empty, for each test that asks for it.

It is known to pytest through an entry point, so a test only names it::

    def test_pipeline(shooju_server):
        connection = Connection(shooju_server.url, shooju_server.user, shooju_server.api_key)
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def shooju_server() -> Iterator[object]:
    """An embedded Shooju in memory, served on a loopback port: url, user, api_key, app."""
    from pandas_shooju.local import start

    with start() as served:
        yield served

r"""A pytest fixture for the tests of programs that use Shooju.

Name this module in the ``conftest.py`` at the root of your tests::

    pytest_plugins = ["pandas_shooju.testing"]

Every test that requests ``shooju_server`` then gets its own empty embedded Shooju, served on a loopback port::

    def test_pipeline(shooju_server, monkeypatch):
        monkeypatch.setenv("SHOOJU_SERVER", shooju_server.url)
        monkeypatch.setenv("SHOOJU_USER", shooju_server.user)
        monkeypatch.setenv("SHOOJU_API_KEY", shooju_server.api_key)
        run_my_pipeline()
        assert pd.read_shooju(r"sid:users\sam", max_points=0).shape[1] == 3

This is a module that you name, rather than a plugin that pytest discovers, because pytest imports discovered plugins,
and pandas with them, at the start of every run in the environment, whether a test uses them or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pandas_shooju.local import Served

__all__ = ["shooju_server"]


@pytest.fixture
def shooju_server() -> Iterator[Served]:
    """Serve an empty embedded Shooju on a loopback port for the duration of a test.

    Needs the extra ``local``.

    Yields
    ------
    pandas_shooju.local.Served
        With the attributes ``url``, ``user`` and ``api_key``, the arguments of `pandas_shooju.Connection`, and ``app``,
        the embedded Shooju itself.
    """
    from pandas_shooju.local import start

    with start() as served:
        yield served

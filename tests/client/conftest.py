"""Fixtures: one embedded server over a socket for all tests (each writes below a path of its own), and faults."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import pytest

from pandas_shooju.client.connection import Connection
from pandas_shooju.local import Served, start
from tests.client import faults

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """An embedded server on a port."""
    with start(":memory:") as server:
        yield server


@pytest.fixture(scope="session")
def sj(served: Served) -> Iterator[Connection]:
    """A connection to it, over the socket."""
    with Connection(served.url, "sam", "key") as connection:
        yield connection


@pytest.fixture
def path() -> str:
    """A path below which nobody else writes."""
    return rf"users\sam\t{next(_numbers)}"


@pytest.fixture
def proxy(served: Served) -> Iterator[faults.Proxy]:
    """The same server behind a proxy that can be told to fail."""
    with faults.proxy(served.url) as made:
        yield made


@pytest.fixture
def through(proxy: faults.Proxy) -> Iterator[Callable[..., Connection]]:
    """Makes connections through the proxy, without pauses between attempts."""
    made: list[Connection] = []

    def connect(**given: object) -> Connection:
        made.append(Connection(proxy.url, "sam", "secret-key", **{"retry_delay": 0, **given}))  # type: ignore[arg-type]
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path) -> pytest.MonkeyPatch:
    """Neither environment nor profile configures anything; returns the monkeypatch."""
    for name in [name for name in os.environ if name.startswith("SHOOJU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return monkeypatch

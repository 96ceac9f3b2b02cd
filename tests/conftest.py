"""Fixtures: a fresh embedded store, in process and over a socket."""

from collections.abc import Iterator

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

import pandas_shooju as sj
from pandas_shooju import local

# a busy machine is no failure
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.fixture
def conn() -> Iterator[sj.Connection]:
    """A connection to a fresh embedded store in this process."""
    with sj.Connection("local::memory:") as connection:
        yield connection


@pytest.fixture
def socket_conn() -> Iterator[sj.Connection]:
    """A connection to a fresh embedded store over a socket."""
    with local.start() as server, sj.Connection(server.url, "sam", "key") as connection:
        yield connection


@pytest.fixture
def gdp(conn: sj.Connection) -> pd.DataFrame:
    """A wide frame of two levels, as written to the store of `conn`."""
    index = pd.date_range("2020-01-01", periods=4, freq="YS", tz="UTC", name="dt").as_unit("ms")
    columns = pd.MultiIndex.from_tuples([("CN", "bn"), ("US", "bn"), ("US", "pct")], names=["country", "unit"])
    frame = pd.DataFrame([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [10.0, 11.0, 12.5]], index, columns)
    frame.shooju.write("GDP", sid=r"users\sam\gdp\{country}\{unit}", fields="levels", connection=conn)
    return frame

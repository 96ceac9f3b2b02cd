"""Counts that do not depend on the machine: requests, bytes, and calls of our own functions, against recorded bounds.

A bound is what was counted when it was recorded, and a little slack. A change that lowers a count lowers its bound; one
that needs more says why.
"""

import os
import sys
import threading
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import requests

import pandas_shooju as sj
from pandas_shooju.local import maintenance

PACKAGE = os.path.dirname(sj.__file__) + os.sep
SERVER = os.path.join(PACKAGE, "local") + os.sep
SERIES, POINTS = 1000, 10


class CountingSession(requests.Session):
    """Counts requests, and the bytes of their bodies."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def send(self, request, **options):
        response = super().send(request, **options)
        self.counts["requests"] += 1
        self.counts["sent"] += len(request.body or b"")
        self.counts["received"] += int(response.headers["Content-Length"])
        return response


def frame(series=SERIES, points=POINTS):
    """A long frame of prices with two fields."""
    at = np.arange(series * points)
    name = at // points
    dates = pd.to_datetime(1_700_000_000_000 + 3_600_000 * (at % points), unit="ms", utc=True)
    data = {"series_id": [rf"users\local\s{i:05d}" for i in name], "unit": np.take(["MW", "GWh"], name % 2)}
    return pd.DataFrame({**data, "name": [f"plant {i}" for i in name], "dt": dates, "val": at * 37 % 10_007 / 100})


@pytest.fixture(scope="module")
def session():
    return CountingSession()


@pytest.fixture(scope="module")
def connection(session):
    with sj.Connection("local::memory:", requests_session=session) as conn:
        frame().shooju.write("counts", fields=["unit", "name"], connection=conn)
        yield conn


def counted(session, call):
    """Requests, bytes sent and received, and calls of our functions but those of the store, on all threads."""
    ours = Counter()

    def profile(frame, event, argument):
        if event == "call":
            path = frame.f_code.co_filename
            if path.startswith(PACKAGE) and not path.startswith(SERVER):
                ours["calls"] += 1

    outer = sys.getprofile()
    call()  # what is imported or computed once does not count
    session.counts.clear()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(outer)
        threading.setprofile(None)
    return {**session.counts, **ours}


WORKLOADS = {
    "read long": lambda conn: sj.read_shooju("sid:users", "*", layout="long", batch_size=500, connection=conn),
    "read wide": lambda conn: sj.read_shooju("sid:users", batch_size=500, connection=conn),
    "read fields": lambda conn: sj.read_shooju("sid:users", "*", layout="fields", batch_size=500, connection=conn),
    "write long": lambda conn: frame().shooju.write("counts", fields=["unit", "name"], workers=1, connection=conn),
    "get_series": lambda conn: conn.get_series(r"sid=users\local\s00007", fields=["unit"], max_points=-1),
}
#: for the 1,000 series of 10 points: requests, bytes sent and received, calls of our functions
BOUNDS = {
    "read long": {"requests": 2, "sent": 0, "received": 200_000, "calls": 6_100},
    "read wide": {"requests": 2, "sent": 0, "received": 156_000, "calls": 8_200},
    "read fields": {"requests": 2, "sent": 0, "received": 85_000, "calls": 1_600},
    "write long": {"requests": 3, "sent": 218_000, "received": 10_500, "calls": 52_000},
    "get_series": {"requests": 1, "sent": 95, "received": 230, "calls": 165},
}
BYTES_PER_POINT = 2.4  # of prices with two decimals


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_needs_no_more_than_recorded(name, session, connection):
    pytest.importorskip("pyarrow")  # without it, the texts of series are parsed one by one
    counts = counted(session, lambda: WORKLOADS[name](connection))
    assert {what: count for what, count in counts.items() if count > BOUNDS[name][what]} == {}


def test_hardly_any_calls_of_our_functions_are_for_points(session):
    with sj.Connection("local::memory:", requests_session=CountingSession()) as conn:
        frame(100, 20).shooju.write("few", connection=conn)
        few = counted(session, lambda: sj.read_shooju("sid:users", layout="long", connection=conn))["calls"]
        frame(100, 2000).shooju.write("many", connection=conn)
        many = counted(session, lambda: sj.read_shooju("sid:users", layout="long", connection=conn))["calls"]
    assert (many - few) / (100 * (2000 - 20)) < 0.002


def test_the_bytes_of_a_point_in_a_store(tmp_path):
    path = tmp_path / "store.db"
    prices = frame(100, 2000).assign(val=np.random.default_rng(1).integers(2000, 12_000, 200_000) / 100)
    with sj.Connection(f"local:{path}") as conn:
        prices.shooju.write("counts", connection=conn)
    assert maintenance.info(path)["bytes_per_point"] <= BYTES_PER_POINT

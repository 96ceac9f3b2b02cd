"""What desks build on top of the published client is a call of ours, with the same result."""

import pytest

import pandas_shooju as sj
from pandas_shooju import local
from tests.manage import desk

shooju = pytest.importorskip("shooju")


@pytest.mark.parametrize("row", desk.ROWS, ids=lambda row: row.name)
def test_the_results_are_the_same(row, monkeypatch):
    found = []
    for side in ("theirs", "ours"):
        with local.start() as server, sj.Connection(server.url, "sam", "key") as conn:
            for name, value in {"SERVER": server.url, "USER": "sam", "API_KEY": "key"}.items():
                monkeypatch.setenv(f"SHOOJU_{name}", value)
            desk.fill(conn, 12)
            given = row.prepare(conn)
            client = conn if side == "ours" else shooju.Connection(server.url, "sam", "key")
            returned = getattr(row, side)(client, given)
            found.append(returned if row.left is None else row.left(conn))
    theirs, ours = found
    assert ours == theirs
    assert theirs


@pytest.mark.parametrize("row", desk.ROWS, ids=lambda row: row.name)
def test_ours_takes_at_most_three_statements(row):
    assert desk.statements(row.ours) <= 3
    assert desk.statements(row.ours) <= desk.statements(row.theirs)

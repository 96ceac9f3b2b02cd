"""What jobs, undos and the tree of the catalog look like in notebooks."""

import pandas as pd
import pytest

import pandas_shooju as sj
from tests.pages import shown

HOSTILE = "<script>alert(1)<b>"


def all_text(html):
    return " ".join(shown(html)[0])


@pytest.fixture
def job(conn):
    with conn.register_job(f"Prices {HOSTILE}", notes="\x1b[31m", batch_size=10) as job:
        for name in ("a", HOSTILE):
            job.write(sj.query.series(rf"desk\{name}"), points=[(0, 1.0), (86_400_000, 2.0)], fields={"unit": "MW"})
    return job.job_id


def test_a_job_shows_what_it_is_and_what_it_wrote(conn, job):
    html = conn.jobs[job]._repr_html_()
    text = all_text(html)
    for part in (
        f"job {job}",
        f"Prices {HOSTILE}",
        "local",
        "4 new points",
        "2 new series",
        "finished",
        "UTC",
        "\ufffd[31m",
    ):
        assert part in text
    assert shown(html)[1] == []


def test_a_job_of_an_account_links_to_its_page(socket_conn):
    with socket_conn.register_job("A job") as job:
        pass
    record = socket_conn.jobs[job.job_id]
    assert shown(record._repr_html_())[1] == [record.page] == [f"{socket_conn.server}/#jobs/{job.job_id}"]
    assert "key" not in all_text(record._repr_html_()).split()


def test_an_undo_shows_what_it_did_and_what_it_left_alone(conn, job):
    frame = pd.DataFrame({"a": [5.0]}, pd.DatetimeIndex(["1970-01-01"], tz="UTC"))
    frame.shooju.write("Newer", sid={"a": r"desk\a"}, connection=conn)
    undo = conn.jobs[job].undo()
    text = all_text(undo._repr_html_())
    assert f"Undo of job {job}" in text
    assert "left alone" in text
    assert f"job {undo.job.id}" in text


def test_the_tree_is_escaped_and_balanced(conn, job):
    text = all_text(conn.catalog.tree()._repr_html_())
    assert HOSTILE in text
    assert "desk" in text


def test_an_embedded_store_is_named(conn, job):
    assert repr(conn.jobs) == "<Jobs of local::memory:>"
    assert repr(conn.catalog) == "<Catalog of local::memory:>"

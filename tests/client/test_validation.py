"""Whatever a server sends, only errors of this package result."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pandas_shooju import formats
from pandas_shooju.client import points as ps
from pandas_shooju.client import validation
from pandas_shooju.client.connection import Connection
from pandas_shooju.client.job import RemoteJob
from pandas_shooju.errors import ShoojuError
from tests.client import faults
from tests.client.faults import answer
from tests.client.reads import read_bulk, read_pages

scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
rows = st.lists(st.lists(values, max_size=4), max_size=3)
series = st.fixed_dictionaries(
    {},
    optional={
        "series_id": st.sampled_from(["$sid=a", "a"]) | values,
        "fields": st.dictionaries(st.text(max_size=3), values) | values,
        "points": st.lists(st.tuples(st.integers(-(2**63), 2**63), st.floats()), max_size=3) | rows | values,
        "tz": st.fixed_dictionaries({"timezone": st.sampled_from(["Europe/London", "Nowhere/None", ""]) | values})
        | values,
        "error": st.sampled_from(["series_not_found", "bad"]) | values,
        "description": values,
    },
)
documents = st.fixed_dictionaries(
    {"success": st.sampled_from([True, True, True, False])},
    optional={
        "series": st.lists(series | values, max_size=3) | values,
        "total": st.integers(0, 3) | values,
        "scroll_id": st.just("s") | values,
        "included_job": st.booleans() | values,
        "responses": st.lists(st.fixed_dictionaries({"success": st.booleans() | values}) | values, max_size=2) | values,
        "job_id": values,
        "file_id": st.lists(values, max_size=2) | values,
        "reported_dates": st.lists(values, max_size=3) | values,
        "deleted": values,
        "error": values,
        "description": values,
    },
)


def write(conn):
    job = RemoteJob(conn, 1, batch_size=10)
    job.write("sid=a", points=[(0, 1)])
    job.submit()


CALLS = {
    "get_series": lambda conn: conn.get_series("sid=a", fields="*", max_points=-1),
    "get_series as pandas": lambda conn: conn.get_series("sid=a", max_points=-1, serializer=ps.pd_series_localized),
    "get_fields": lambda conn: conn.get_fields("sid=a"),
    "scroll": lambda conn: list(conn.scroll("sid=a", max_points=-1)),
    "get_df rows": lambda conn: conn.get_df("sid=a", ["*"], max_points=-1),
    "get_df columns": lambda conn: conn.get_df("sid=a", ["*"], "columns", max_points=-1),
    "read_pages": lambda conn: [page.series for page in read_pages(conn, "sid=a", max_points=-1)],
    "read_bulk": lambda conn: [page.series for page in read_bulk(conn, ["sid=a"], max_points=-1)],
    "get_reported_dates": lambda conn: conn.get_reported_dates("sid=a"),
    "write": write,
    "upload_file": lambda conn: conn.upload_file(b"abc", "a.txt"),
    "init_multipart_upload": lambda conn: conn.init_multipart_upload("a.txt"),
}


@pytest.fixture(scope="module")
def lying(served):
    with faults.proxy(served.url) as proxy, Connection(proxy.url, "sam", "key", retries=1) as conn:
        yield proxy, conn


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents, name=st.sampled_from(["json", "msgpack"]))
def test_only_our_errors_result(lying, call, document, name):
    proxy, conn = lying
    try:
        body = json.dumps(document).encode() if name == "json" else formats.encode(document, "msgpack")
    except ShoojuError:  # msgpack has no integers beyond 64 bits
        return
    proxy.faults.clear()
    proxy.fail(*[answer(body)] * 3)
    with suppress(ShoojuError):
        CALLS[call](conn)


@pytest.mark.parametrize(
    "shape",
    [
        {"success": True, "series": [{"series_id": "Basic c2VjcmV0"}, "Basic c2VjcmV0"]},
        {"success": True, "series": ["Basic c2VjcmV0"]},
        {"success": True, "series": {"Authorization": "Basic c2VjcmV0"}},
        {"success": True, "responses": ["Basic c2VjcmV0"]},
        {"success": True, "job_id": "Basic c2VjcmV0"},
        {"success": True, "file_id": ["Basic c2VjcmV0"] * 2},
        {"success": True, "reported_dates": ["Basic c2VjcmV0"]},
        {"success": True, "results": [{"id": "Basic c2VjcmV0"}]},
        {"success": True, "total": "Basic c2VjcmV0"},
    ],
)
def test_a_response_of_the_wrong_shape_is_not_quoted(shape):
    """A server may repeat the headers of a request in it, with the key."""
    checks = [
        lambda: validation.series_items(formats.decode(json.dumps(shape).encode(), "json")),
        lambda: validation.responses(shape, 1, str),
        lambda: validation.job_id(shape),
        lambda: validation.file_ids(shape, 1),
        lambda: validation.reported_dates(shape),
        lambda: validation.jobs(shape),
        lambda: validation.total(shape),
    ]
    refused = []
    for check in checks:
        try:
            check()
        except ShoojuError as error:
            refused.append(str(error))
    assert refused
    assert not [message for message in refused if "c2VjcmV0" in message]

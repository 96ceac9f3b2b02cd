"""Whatever is sent, the answer says what is wrong; nothing is a defect of ours."""

from __future__ import annotations

import json
import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pandas_shooju import formats
from pandas_shooju.formats import ShoojuFormatError
from pandas_shooju.local import open_app
from tests.local.conftest import Api

names = st.sampled_from(
    [
        *("series", "series_queries", "series_ids", "query", "series_id", "points", "fields", "type", "keep_only"),
        *("reported_date", "force", "job_id", "description", "notes", "no_history", "df", "dt", "max_points"),
        *("operators", "email", "token", "code", "filename", "custom", "a"),
    ]
)
texts = st.sampled_from(
    [
        *("", "sid=s", 's"', "sid:*", "POST", "DELETE", "all", "points", "@A:M", "@lag:1y", "@asof:j1", "@repdate:0"),
        *("@repdatelist", "-1y", "MAX", "={{sid=s}}", "=1", "*", "\ud800", "\0", "s" * 2000, "meta.x", "=a,{{b}}"),
    ]
) | st.text(max_size=5)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([2**63, -(2**63), 10**30, 1e308, float("nan"), float("inf")])
    | texts
)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=4),
    max_leaves=12,
)
bodies = st.dictionaries(names, values, max_size=4)
series = st.fixed_dictionaries(
    {},
    optional={
        "type": values,
        "query": texts,
        "series_id": texts,
        "points": st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats() | st.none()).map(list), max_size=3),
        "fields": st.dictionaries(texts, values, max_size=3) | values,
        "keep_only": values,
        "reported_date": values,
        "force": values,
    },
)
writes = st.fixed_dictionaries({"series": st.lists(series, max_size=4)})
parameters = st.dictionaries(
    st.sampled_from(
        [
            *("query", "series_query", "df", "dt", "max_points", "fields", "sort", "per_page", "scroll", "scroll_id"),
            *("scroll_batch_size", "include_job", "include_timestamp", "operators", "job_id", "mode", "processor"),
            *("series_id", "file_id", "part_num", "skip_meta_if_no_fields"),
        ]
    ),
    texts.filter(lambda text: "\ud800" not in text) | st.integers().map(str) | st.sampled_from(["y", "n", "1"]),
    max_size=5,
)
calls = st.sampled_from(
    [
        *(("GET", "/series"), ("POST", "/series"), ("POST", "/series/write"), ("DELETE", "/series/delete")),
        *(("GET", "/series/reported_dates"), ("POST", "/jobs/"), ("GET", "/jobs"), ("POST", "/jobs/1/finish")),
        *(("GET", "/jobs/99999999999999999999"), ("POST", "/files"), ("GET", "/files"), ("GET", "/files/x")),
        *(("POST", "/files/multipart/init"), ("POST", "/files/multipart/upload"), ("POST", "/auth/googleoauth")),
        *(("POST", "/files/multipart/complete"), ("POST", "/auth/google_refresh_token"), ("GET", "/a/b")),
    ]
)


@pytest.fixture(scope="module", params=formats.NAMES)
def fuzzed(request):
    app = open_app(":memory:")
    yield Api(app, format_name=request.param)
    app.close()


def sent(api, method, path, body, given_parameters):
    try:
        if api.format == "json":
            # escaped, so that halves of surrogate pairs arrive
            url = f"http://embedded.localhost/api/1{path}"
            return api.session.request(method, url, params=given_parameters, data=json.dumps(body))
        return api.raw(method, path, body, **given_parameters)
    except (ShoojuFormatError, UnicodeEncodeError):
        return None  # the body cannot even be written down


def check(answer):
    assert answer is None or answer.status_code in (200, 400, 404, 405, 413, 415), answer.text


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(call=calls, body=bodies | values, given_parameters=parameters)
def test_any_call(fuzzed, call, body, given_parameters):
    check(sent(fuzzed, *call, body, given_parameters))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(body=writes, given_parameters=parameters)
def test_any_write_and_what_is_read_then(fuzzed, body, given_parameters):
    check(sent(fuzzed, "POST", "/series/write", body, given_parameters))
    check(sent(fuzzed, "GET", "/series", None, {"per_page": "50", "fields": "*", **given_parameters}))


@settings(deadline=None, max_examples=100)
@given(data=st.binary(max_size=60), name=st.sampled_from(formats.NAMES), magic=st.booleans())
def test_any_bytes(fuzzed, data, name, magic):
    headers = {"Sj-Send-Format": name}
    url = "http://embedded.localhost/api/1/series/write"
    check(fuzzed.session.post(url, data=b"SJTS" * magic + data, headers=headers))


@pytest.mark.parametrize("path", ["/jobs/", "/files"])
@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("Content-Length: -5", b"{}"),
        ("Content-Length: 100", b"{}"),
        ("Transfer-Encoding: chunked", b"ZZ\r\n{}\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"15\r\n{"),
        ("Transfer-Encoding: chunked", b""),
    ],
)
def test_bodies_that_are_not_as_long_as_they_say(served, path, header, body):
    kind = "multipart/form-data; boundary=x" if path == "/files" else "application/json"
    head = f"POST /api/1{path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{header}\r\n\r\n"
    address = urlsplit(served.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as sock:
        sock.sendall(head.encode() + body)
        sock.shutdown(socket.SHUT_WR)
        answer = HTTPResponse(sock)
        answer.begin()
        assert answer.status == 400
        assert json.loads(answer.read())["error"] == "bad_request"
        answer.close()

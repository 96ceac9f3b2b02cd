"""The raw client: what goes over the wire, and what becomes of failures."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import multiprocessing
import os
import pickle
import socket
import threading
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju import formats
from pandas_shooju.client import retry
from pandas_shooju.client.connection import Connection
from pandas_shooju.client.options import options
from pandas_shooju.client.retry import Attempts, RetryPolicy
from pandas_shooju.client.servers import open_server, same_server
from pandas_shooju.client.transport import BaseHook, Client, Request, Response
from pandas_shooju.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionError,
    ShoojuApiError,
    ShoojuError,
    ShoojuFormatError,
    WriteError,
)
from pandas_shooju.local import start
from tests.client import faults
from tests.client.faults import answer, cut, delay, drop, lose, status, trickle


@pytest.fixture
def raw(through):
    return through().raw


def ping(client):
    return client.get("/status/ping")


def test_every_call_carries_version_location_and_extra_parameters(proxy, through):
    conn = through(location="desk 7", extra_params={"date_format": "milli", "q": "of all"})
    conn.raw.delete("/series/cache", params={"q": "own"})
    params = proxy.seen[-1].params
    assert params["location_type"] == "python"
    assert params["location"] == "desk 7"
    assert params["date_format"] == "milli"
    assert params["q"] == "own"
    assert "v" in params
    assert "retry" not in params


def test_formats_are_named_in_headers(proxy, raw, monkeypatch):
    raw.post("/jobs/", data_json={"description": "headers"})
    sent = proxy.seen[-1]
    assert (sent.headers["sj-send-format"], sent.headers["sj-receive-format"]) == ("msgpack", "msgpack")
    assert formats.decode(sent.body, "msgpack").plain() == {"description": "headers"}
    monkeypatch.setattr(options, "disable_msgpack", True)
    raw.post("/jobs/", data_json={"description": "headers"})
    assert proxy.seen[-1].headers["content-type"] == "application/json"


@pytest.mark.parametrize("disable", ["disable_sjts", "disable_msgpack"])
def test_disabled_formats_are_not_used(proxy, through, monkeypatch, path, disable):
    monkeypatch.setattr(options, "disable_sjts", True)
    monkeypatch.setattr(options, disable, True)
    conn = through()
    with conn.register_job("formats") as job:
        job.write(f"sid={path}", points=[(0, 1.5)])
    assert conn.get_series(f"sid={path}", max_points=-1)["points"][0].value == 1.5
    used = {seen.headers.get("sj-send-format") for seen in proxy.seen} - {None}
    assert used == {"json" if disable == "disable_msgpack" else "msgpack"}


def test_plain_json_to_an_sjts_request_is_read(proxy, through):
    proxy.fail(answer(b' {"success": true, "total": 1, "series": [{"series_id": "a", "points": [[0, null]]}]}'))
    [series] = through().scroll(max_points=-1, max_series=1)
    assert series["points"][0].value is None


@pytest.mark.parametrize(
    "fault",
    [
        drop(), cut(), status(429), status(502), status(503), status(504), status(503, Retry_After="0"),
        answer(b"<html>"), answer(b""), answer(b'{"success": tru'),
    ],
    ids=["drop", "cut", "429", "502", "503", "504", "Retry-After", "html", "empty", "damaged"],
)  # fmt: skip
def test_transient_failures_are_tried_again(proxy, raw, fault, caplog):
    proxy.fail(fault, fault)
    with caplog.at_level(logging.WARNING, "pandas_shooju"):
        assert ping(raw)["success"]
    assert [seen.params.get("retry") for seen in proxy.seen] == [None, "2", "3"]
    assert len(caplog.records) == 2
    assert "status/ping" in caplog.text


def test_after_three_attempts_the_failure_is_raised(proxy, raw):
    proxy.fail(*[status(503)] * 4)
    with pytest.raises(ConnectionError, match="503") as caught:
        ping(raw)
    assert caught.value.status == 503
    assert caught.value.url == f"{proxy.url}/api/1/status/ping"
    assert len(proxy.seen) == 3


def test_the_number_of_attempts_is_configurable(proxy, through):
    proxy.fail(*[drop()] * 5)
    with pytest.raises(ConnectionError, match="failed after 5 attempts in 0 s: Remote end closed"):
        ping(through(retries=5).raw)
    assert len(proxy.seen) == 5


@pytest.mark.parametrize("given", [{"deadline": 0}, {"deadline": -1}, {"retry_delay": -1}])
def test_times_are_checked(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        Client("alpha", **given)


@pytest.mark.parametrize("code", [400, 404, 413, 500])
def test_other_statuses_are_not_tried_again(proxy, raw, code):
    proxy.fail(status(code))
    with pytest.raises(ConnectionError, match=str(code)):
        ping(raw)
    assert len(proxy.seen) == 1


def test_a_read_that_timed_out_is_not_tried_again(proxy, through):
    proxy.fail(delay(1))
    with pytest.raises(ConnectionError, match=r"no response within 0\.2 s"):
        ping(through(timeout=0.2).raw)
    assert len(proxy.seen) == 1


def test_a_call_may_have_its_own_timeout(proxy, raw):
    proxy.fail(delay(1))
    with pytest.raises(ConnectionError, match=r"0\.1 s"):
        raw.get("/status/ping", timeout=0.1)


def test_a_refused_connection_says_so():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}", "sam", "secret-key", retry_delay=0)
    with pytest.raises(ConnectionError, match="refused"):
        ping(client)


def test_our_connection_error_is_the_built_in_one_too(proxy, through):
    import builtins

    proxy.fail(status(500))
    with pytest.raises(builtins.ConnectionError):
        ping(through().raw)


def test_bad_credentials_are_a_class_of_their_own(proxy, raw):
    with start(":memory:", "sam", "right") as server:
        client = Client(server.url, "sam", "wrong", retry_delay=0)
        with pytest.raises(AuthenticationError, match="check the user and the API key") as caught:
            client.get("/series", params={"query": "a"})
        assert (caught.value.error, caught.value.status) == ("unauthorized", None)
        assert isinstance(caught.value, ShoojuApiError)


@pytest.mark.parametrize(
    "body", [b"<html><title>Log in</title>", b"", b"\x00\x01\x02", b"ok"], ids=["html", "empty", "binary", "text"]
)
def test_a_200_that_is_not_shooju_is_told_clearly(proxy, raw, body):
    proxy.fail(*[answer(body, "text/html")] * 3)
    with pytest.raises(ShoojuFormatError, match=r"failed after 3 attempts .* is that a Shooju server\?"):
        ping(raw)


@pytest.mark.parametrize(
    "body", [b'{"success": tru', b"SJTS\xff\xff\xff\xff{}", b"\x82\xa7success"], ids=["json", "sjts", "msgpack"]
)
def test_a_damaged_document_is_told_clearly(proxy, raw, body):
    proxy.fail(*[answer(body)] * 3)
    with pytest.raises(ShoojuFormatError, match="damaged document"):
        ping(raw)


def test_a_document_without_success_is_no_answer(proxy, raw):
    proxy.fail(answer(b'{"hello": 1}'))
    with pytest.raises(ShoojuFormatError, match="success"):
        ping(raw)
    proxy.fail(answer(b"[1, 2]"))
    assert raw.get("/status/ping", ignore_exceptions=True) == [1, 2]


def test_an_error_of_the_api_has_code_and_description(raw):
    with pytest.raises(ShoojuApiError) as caught:
        raw.get("/series", params={"query": "((("})
    error = caught.value
    assert error.error == "invalid_parameters"
    assert str(error) == error.message == f"{error.error} ({error.description})"
    assert raw.get("/series", params={"query": "((("}, ignore_exceptions=True)["success"] is False


def everything(error: BaseException) -> str:
    """An exception with all that led to it, also what is suppressed, and the local variables of each frame."""
    shown, links = [], [error]
    while links:
        link = links.pop()
        shown.append("".join(traceback.TracebackException.from_exception(link, capture_locals=True).format()))
        links += [one for one in (link.__cause__, link.__context__) if one is not None]
    return "".join(shown)


KEY = "secret-key"
TOKEN = base64.b64encode(b"sam:" + KEY.encode()).decode()


def test_keys_appear_nowhere(proxy, through, caplog):
    conn = through(extra_params={"token": "secret-token"})
    assert "secret" not in repr(conn) + repr(conn.raw)
    assert KEY not in repr(vars(conn.raw))
    proxy.fail(*[drop()] * 3)
    with caplog.at_level(logging.DEBUG), pytest.raises(ConnectionError) as caught:
        ping(conn.raw)
    proxy.seen.clear()  # a local variable of this test
    shown = everything(caught.value) + caplog.text
    assert KEY not in shown
    assert TOKEN not in shown
    assert "secret" not in str(caught.value) + repr(caught.value) + "".join(traceback.format_exception(caught.value))
    assert "secret" not in "".join(record.getMessage() for record in caplog.records if record.name == "pandas_shooju")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_shows_no_key(through, monkeypatch, error):
    def interrupted(*_arguments, **_named):
        raise error

    monkeypatch.setattr(socket.socket, "connect", interrupted)
    with pytest.raises(error) as caught:
        ping(through().raw)
    assert "urllib3" in everything(caught.value)
    assert KEY not in everything(caught.value)
    assert TOKEN not in everything(caught.value)


@pytest.mark.parametrize("body", [b"<html>%s</html>", b'{"error": "%s"}', b'{"success": false, "error": "x", '
                                  b'"description": "got %s"}', b"{%s", b'{"success": "%s"}'])  # fmt: skip
@pytest.mark.parametrize("code", [200, 400, 403, 500, 503])
def test_a_server_that_repeats_the_key_is_not_quoted(proxy, through, caplog, body, code):
    for said in (KEY, f"Authorization: Basic {TOKEN}"):
        proxy.fail(*[status(code, body % said.encode())] * 3)
        with caplog.at_level(logging.DEBUG), pytest.raises(ShoojuError) as caught:
            ping(through().raw)
        proxy.faults.clear()
        texts = [str(caught.value), repr(caught.value), caplog.text, str(getattr(caught.value, "description", ""))]
        assert not [text for text in texts if KEY in text or TOKEN in text]


def test_the_key_is_not_quoted_of_an_item_of_a_write(proxy, through, path):
    job = through().register_job("repeated", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1)])
    item = {"success": False, "error": "x", "description": f"got {KEY}"}
    proxy.fail(answer(json.dumps({"success": True, "responses": [item]}).encode()))
    with pytest.raises(WriteError, match=r"got \*\*\*") as caught:
        job.submit()
    assert KEY not in str(caught.value) + caught.value.failed.to_string()


@pytest.mark.parametrize(
    "given",
    [
        {"server": None},
        {"server": "no server"},
        {"user": None},
        {"username": "other"},
        {"server": "http://prices.example", "hosts": "a"},
        {"hooks": [5]},
        {"deadline": -1},
        {"max_requests_per_minute": 0},
    ],
)
def test_a_connection_that_is_refused_shows_no_key(no_settings, given):
    no_settings.setenv("SHOOJU_GOOGLE_OAUTH_TOKEN", KEY)

    def connect(key):
        key = {"api_key": key.pop()}
        return Connection(**{"server": "alpha", "user": "sam", **key, **given})

    with pytest.raises((ConfigurationError, TypeError, ValueError)) as caught:
        connect([KEY])
    link = caught.value
    while link is not None:
        frames = [frame for frame, _ in traceback.walk_tb(link.__traceback__)]
        ours = [frame for frame in frames if "pandas_shooju" in frame.f_code.co_filename]
        found = [value for frame in ours for name, value in frame.f_locals.items() if name != "self"]
        assert KEY not in repr(found)
        link = link.__context__


def test_plain_http_warns_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for server in (
            "http://a.example",
            "http://a.example",
            "https://b.example",
            "http://127.0.0.1:1",
            "local::memory:",
        ):
            Connection(server, "sam", KEY)
        Client("http://c.example")
        Client("http://d.example", "sam", KEY, hosts=["http://localhost:1"])
    assert [str(warning.message) for warning in caught] == [
        "the API key is sent to http://a.example without encryption, where others may read it; use https://"
    ]
    assert caught[0].filename == __file__


# --- a number of requests per minute ---


def test_requests_wait_for_their_minute(proxy, through, monkeypatch):
    waited = []
    monkeypatch.setattr(retry, "sleep", waited.append)
    raw = through(max_requests_per_minute=3, deadline=5.0).raw
    proxy.fail(drop())
    for _ in range(4):  # five requests
        ping(raw)
    # a pause of 0 s before the second attempt; the fourth request waits a minute, longer than the deadline
    assert waited[0] == 0
    assert [55 < one <= 61 for one in waited[1:]] == [True, True]
    assert pickle.loads(pickle.dumps(raw))._pace.per_minute == 3


@pytest.mark.parametrize("given", [0, -1, 1.5, True, "5"])
def test_a_number_of_requests_is_checked(given):
    with pytest.raises(ValueError, match="max_requests_per_minute must be a positive integer"):
        Client("alpha", max_requests_per_minute=given)


@pytest.mark.parametrize("password", ["secret", "p@secret"])
def test_a_url_with_credentials_does_not_show_them(password):
    client = Client(f"http://sam:{password}@127.0.0.1:1/", retry_delay=0, retries=1)
    with pytest.raises(ConnectionError) as caught:
        ping(client)
    assert "secret" not in str(caught.value) + repr(client)


def test_a_url_that_a_reason_quotes_does_not_show_credentials(proxy, caplog):
    caplog.set_level(logging.DEBUG, "pandas_shooju")
    client = Client(proxy.url, hosts=["http://sam:secret@127.0.0.1:99999"], retry_delay=0)
    with pytest.raises(ConnectionError, match="99999") as caught:
        ping(client)
    assert "secret" not in str(caught.value) + caplog.text


def test_hosts_stand_in_for_the_server_in_turn():
    # a server without a key refuses other names of hosts
    with start(":memory:", "sam", "k") as keyed, faults.proxy(keyed.url) as proxy, faults.proxy(keyed.url) as other:
        hosts = [proxy.url, other.url.removeprefix("http://")]
        client = Client("http://alpha.example", "sam", "k", hosts=hosts, retry_delay=0)
        for _ in range(4):
            ping(client)
        assert (len(proxy.seen), len(other.seen)) == (2, 2)
        assert {seen.headers["host"] for seen in proxy.seen + other.seen} == {"alpha.example"}
        proxy.fail(drop())  # the next attempt goes to the next host
        ping(client)
        assert other.seen[-1].params["retry"] == "2"


def test_hosts_are_a_list():
    with pytest.raises(TypeError, match="hosts must be a list"):
        Client("alpha", hosts="10.0.0.1")  # its letters would be asked, and be sent the key


def test_hosts_are_shared_out_among_threads(proxy, served):
    client = Client(served.url, hosts=[served.url, served.url])
    with ThreadPoolExecutor(8) as executor:
        assert all(answer["success"] for answer in executor.map(lambda _: ping(client), range(80)))


def test_without_credentials_calls_are_anonymous(proxy, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password pw\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client = Client(proxy.url)
    assert ping(client)["success"]
    assert "authorization" not in proxy.seen[-1].headers
    assert client.user is None


class Tag(BaseHook):
    """Changes everything a hook may change."""

    def before_request(self, request: Request) -> Request:
        request.params["location"] = "nightly"
        request.headers["X-Tag"] = "nightly"
        if request.data_json is not None and "description" in request.data_json:
            request.data_json["notes"] = "by the hook"
        return request

    def after_request(self, response: Response) -> Response:
        if isinstance(response.json, dict):
            response.json["seen"] = (response.status_code, len(response.content) > 0)
        return response


def test_hooks_change_requests_and_answers(proxy, through):
    conn = through(hooks=[Tag()])
    answered = conn.raw.post("/jobs/", data_json={"description": "hooked"})
    assert answered["seen"] == (200, True)
    sent = proxy.seen[-1]
    assert (sent.params["location"], sent.headers["x-tag"]) == ("nightly", "nightly")
    assert formats.decode(sent.body, "msgpack").root["notes"] == "by the hook"
    assert sent.headers["sj-send-format"] == "msgpack"


def test_a_hook_sees_every_attempt(proxy, through):
    seen = []

    class Count(BaseHook):
        def before_request(self, request: Request) -> Request:
            seen.append(request.params.get("retry"))
            return request

    proxy.fail(drop())
    ping(through(hooks=[Count()]).raw)
    assert seen == [None, 2]


def test_what_is_not_a_hook_is_refused(through):
    with pytest.raises(TypeError, match="BaseHook"):
        through(hooks=[print])

    class Forgets(BaseHook):
        def before_request(self, request: Request) -> Request:  # type: ignore[return]
            pass

    with pytest.raises(TypeError, match="must return a Request, got None"):
        ping(through(hooks=[Forgets()]).raw)


def test_raw_bodies_and_binary_answers(proxy, raw):
    proxy.fail(answer(b'{"success": true}'), answer(b'{"success": true}'))  # the embedded Shooju has no such call
    raw.get("/status/ping", data_raw=b"\x00\x01")
    assert proxy.seen[-1].body == b"\x00\x01"
    raw.get("/status/ping", data={"a": "1 2"})
    assert proxy.seen[-1].body == b"a=1+2"
    response = raw.get("/status/ping", binary_response=True)
    assert isinstance(response, requests.Response)
    assert response.status_code == 200
    assert response.content


def test_an_upload_that_is_tried_again_is_sent_whole(proxy, raw):
    proxy.fail(drop(), lose(), answer(b'{"success": true}'))
    raw.post("/files/multipart/upload", files={"file": ("a.bin", io.BytesIO(b"0123456789"))})
    assert [seen.body.count(b"0123456789") for seen in proxy.seen] == [1, 1, 1]


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda conn: conn.register_job("only once"), "the job may have been registered"),
        (lambda conn: conn.upload_file(b"abc", "a.txt"), "the file may have been stored"),
        (lambda conn: conn.init_multipart_upload("a.txt"), "the upload may have been started"),
    ],
)
@pytest.mark.parametrize("fault", [drop(), lose(), cut(), status(502), status(504)], ids=lambda fault: "")
def test_what_must_not_happen_twice_is_not_repeated_after_an_unknown_outcome(proxy, through, call, advice, fault):
    proxy.fail(fault)
    with pytest.raises((ConnectionError, ShoojuFormatError), match=advice):
        call(through())
    assert len(proxy.seen) == 1


def test_what_was_not_carried_out_is_repeated(proxy, through):
    proxy.fail(status(429), status(429))
    assert through().register_job("limited").job_id > 0
    assert [seen.path.split("?")[0] for seen in proxy.seen] == ["/api/1/jobs/"] * 3


def test_an_upload_that_cannot_be_rewound_is_not_tried_again(proxy, raw):
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    proxy.fail(drop())
    with pytest.raises(ConnectionError):
        raw.post("/files/multipart/upload", files={"file": ("a.bin", Pipe(b"0123456789"))})
    assert len(proxy.seen) == 1


def test_a_generator_that_was_sent_is_not_tried_again(proxy, raw):
    proxy.fail(drop(), drop())
    with pytest.raises(ConnectionError):
        raw.post("/any", data_raw=iter([b"0123", b"456789"]))
    assert len(proxy.seen) == 1


def test_one_session_keeps_connections_alive(served):
    with Connection(served.url, "sam", "k") as conn:
        for _ in range(5):
            ping(conn.raw)
        [pool] = conn.raw._session.get_adapter(served.url).poolmanager.pools._container.values()
        assert pool.num_connections == 1
        assert pool.num_requests == 5


def test_a_session_of_ones_own_is_used_and_left_open(proxy, through):
    with requests.Session() as session:
        session.headers["X-Own"] = "yes"
        with through(requests_session=session) as conn:
            ping(conn.raw)
        assert proxy.seen[-1].headers["x-own"] == "yes"
        assert session.get(f"{proxy.url}/api/1/status/ping").ok


def test_one_connection_serves_many_threads(sj, path):
    with sj.register_job("threads", batch_size=100) as job:
        for number in range(40):
            job.write(rf"sid={path}\{number}", points=[(0, number)])
    results: dict[int, float] = {}

    def work(numbers):
        for number in numbers:
            results[number] = sj.get_series(rf"sid={path}\{number}", max_points=1)["points"][0].value

    threads = [threading.Thread(target=work, args=(range(start, 40, 8),)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: number for number in range(40)}


def test_nothing_is_sent_before_the_first_call(proxy, through):
    conn = through()
    repr(conn), conn.user, conn.raw, conn.mget()
    assert proxy.seen == []


# --- time ---


def test_connecting_has_a_timeout_of_its_own():
    attempts = Attempts(RetryPolicy(), "get", "/series", True)
    assert attempts.timeouts(600.0) == (10.0, 600.0)
    assert attempts.timeouts(2.0) == (2.0, 2.0)
    read = Attempts(RetryPolicy(deadline=5.0), "get", "/series", True).timeouts(600.0)[1]
    assert 0 < read <= 5


@pytest.mark.parametrize("code", [429, 502, 503, 504])
@pytest.mark.parametrize("after", ["7", "date", "soon", None])
def test_the_server_is_given_the_time_it_asks_for(proxy, through, monkeypatch, code, after):
    waited = []
    monkeypatch.setattr(retry, "sleep", waited.append)
    header = formatdate(time.time() + 300, usegmt=True) if after == "date" else after
    proxy.fail(status(code, **({} if header is None else {"Retry_After": header})))
    ping(through(retry_delay=1).raw)
    low, high = {"7": (7, 7), "date": (200, 300)}.get(after, (0.75, 1.25))
    assert len(waited) == 1
    assert low <= waited[0] <= high


def test_a_server_may_ask_for_more_time_than_there_is(proxy, through):
    proxy.fail(status(503, Retry_After="1000"))
    with pytest.raises(ConnectionError, match="503") as caught:
        ping(through().raw)
    assert caught.value.status == 503
    assert len(proxy.seen) == 1


@given(attempt=st.integers(1, 10_000), delay=st.integers(0, 10**6), after=st.none() | st.floats(0, 1e6))
def test_pauses_double_up_to_a_minute(attempt, delay, after):
    pause = RetryPolicy(delay=delay).pause(attempt, after)
    expected = min(delay * 2.0 ** min(attempt - 1, 100), 60.0)
    if after is None:
        assert 0.74 * expected <= pause <= 1.26 * expected
    else:
        assert pause == after


@pytest.mark.skipif(not hasattr(urllib3.HTTPResponse, "read1"), reason="urllib3 reads whole pieces before 2.2")
@pytest.mark.parametrize("body", [b" ", b"SJTS\xff\xff\xff", b'{"success": [' + b" " * 100])
def test_the_deadline_covers_a_body_that_never_ends(proxy, through, body):
    proxy.fail(trickle(body, 0.01))
    with pytest.raises((ConnectionError, ShoojuFormatError)):
        ping(through(deadline=0.3, retries=1).raw)


def test_a_page_that_is_no_document_is_not_read_to_its_end(proxy, through):
    proxy.fail(trickle(b"<html>" * 100_000, 0))
    with pytest.raises(ShoojuFormatError, match="not a Shooju document"):
        ping(through(retries=1).raw)


def test_a_document_that_is_blown_up_is_not_read_to_its_end(proxy, through):
    body = gzip.compress(b'{"success": true, "a": [' + b" " * (64 << 20) + b"]}")
    proxy.fail(status(200, body, Content_Encoding="gzip"))
    with pytest.raises(ShoojuFormatError, match="the response expands"):
        ping(through(retries=1).raw)


# --- redirects ---


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_read_follows_a_redirect_of_its_server(proxy, raw, code):
    proxy.fail(status(code, Location="/api/1/status/green?location=moved"))
    assert ping(raw)["success"]
    assert proxy.seen[-1].path == "/api/1/status/green?location=moved"
    assert "authorization" in proxy.seen[-1].headers


@pytest.mark.parametrize("code", [301, 302, 303])
def test_a_write_never_becomes_a_read(proxy, through, path, code):
    job = through().register_job("redirected", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1)])
    proxy.fail(status(code, Location="/api/1/status/ping"))
    with pytest.raises(ConnectionError, match=f"{code}, redirected to"):
        job.submit()
    assert (job.pending, len(proxy.seen)) == (1, 2)


@pytest.mark.parametrize("code", [307, 308])
def test_a_write_follows_a_redirect_that_keeps_it(proxy, through, sj, path, code):
    job = through().register_job("redirected", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1)])
    proxy.fail(status(code, Location=f"/api/1/series/write?job_id={job.job_id}&date_format=milli"))
    job.submit()
    assert sj.get_series(f"sid={path}", max_points=-1)["points"][0].value == 1
    assert [seen.method for seen in proxy.seen] == ["POST"] * 3


def test_the_key_goes_to_no_other_host(proxy, through, served):
    with faults.proxy(served.url) as other:
        proxy.fail(*[status(307, Location=f"{other.url}/api/1/status/ping?token=t")] * 2)
        for call in (ping, lambda raw: raw.get("/files/1/download", binary_response=True)):
            with pytest.raises(ConnectionError, match=f"redirected to {other.url}/api/1/status/ping, where") as caught:
                call(through().raw)
            assert "token" not in str(caught.value)
        assert other.seen == []


def test_a_redirect_in_a_circle_ends(proxy, raw):
    proxy.fail(*[status(302, Location="/api/1/status/ping")] * 20)
    with pytest.raises(ConnectionError, match="302"):
        ping(raw)
    assert len(proxy.seen) == 5


def test_which_urls_are_one_server():
    assert same_server("https://a.example/x", "https://a.example/y")
    assert same_server("http://a.example/x", "https://a.example/x")
    for other in (
        "http://a.example/",
        "https://b.example/",
        "https://a.example:8443/",
        "ftp://a.example/",
        "https://[",
    ):
        assert not same_server("https://a.example/", other)


# --- processes ---


def test_a_closed_connection_says_so(through):
    for conn in (through(), Connection("local::memory:")):
        conn.close()
        with pytest.raises(ConnectionError, match="is closed"):
            conn.raw.get("/status/ping")


def test_connections_and_jobs_can_be_pickled(proxy, through, path):
    conn = through(location="desk", hooks=[Tag()], requests_session=requests.Session())
    job = conn.register_job("pickled", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1.5)])
    again, job_again = pickle.loads(pickle.dumps((conn, job)))
    assert repr(again) == repr(conn)
    assert job_again.pending == 1
    job_again.finish()
    assert again.get_series(f"sid={path}", max_points=-1)["points"][0].value == 1.5
    assert proxy.seen[-1].params["location"] == "nightly"
    assert "authorization" in proxy.seen[-1].headers


def test_a_connection_to_a_file_can_be_pickled_and_one_to_memory_says_why_not(tmp_path):
    with Connection(f"local:{tmp_path / 'store.db'}") as conn:
        conn.register_job("first").write("sid=a", points=[(0, 1.5)])
        with pickle.loads(pickle.dumps(conn)) as again:
            assert again.get_series("sid=a") is not None
    with Connection("local::memory:") as conn, pytest.raises(ConfigurationError, match="local:PATH"):
        pickle.dumps(conn)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_forked_children_do_not_share_connections(sj, path):
    with sj.register_job("forks", batch_size=100) as job:
        for number in range(8):
            job.write(rf"sid={path}\{number}", points=[(0, number)])
    context = multiprocessing.get_context("fork")
    queue = context.Queue()

    def work(number):
        values = [sj.get_series(rf"sid={path}\{number}", max_points=1)["points"][0].value for _ in range(20)]
        queue.put((number, set(values)))

    children = [context.Process(target=work, args=(number,)) for number in range(8)]
    for child in children:
        child.start()
    found = dict(queue.get(timeout=60) for _ in children)
    for child in children:
        child.join(60)
    assert found == {number: {float(number)} for number in range(8)}


# --- shapes ---


@pytest.mark.parametrize("success", ["no", 1, None, [], "true"])
def test_success_is_true_or_false(proxy, raw, success):
    proxy.fail(answer(json.dumps({"success": success}).encode()))
    with pytest.raises(ShoojuFormatError, match="success"):
        ping(raw)


def test_credentials_that_are_refused_with_status_200(proxy, raw):
    proxy.fail(answer(b'{"success": false, "error": "unauthorized", "description": "no"}'))
    with pytest.raises(AuthenticationError, match="check the user and the API key"):
        ping(raw)


@pytest.mark.parametrize("job_id", [None, "17", -1, 1.5, True, [1]])
def test_ids_of_jobs_are_numbers(proxy, through, job_id):
    proxy.fail(answer(json.dumps({"success": True, "job_id": job_id}).encode()))
    with pytest.raises(ShoojuFormatError, match="job_id"):
        through().register_job("a job")


@pytest.mark.parametrize("file_id", [None, [], "", {}, [None], [["a"]], ["a", "b"]])
def test_ids_of_files_are_checked(proxy, through, file_id):
    body = answer(json.dumps({"success": True, "file_id": file_id}).encode())
    proxy.fail(body)
    with pytest.raises(ShoojuFormatError, match="file_id"):
        through().upload_file(b"abc", "a.txt")
    proxy.fail(body)
    with pytest.raises(ShoojuFormatError, match="file_id"):
        through().init_multipart_upload("a.txt")


@pytest.mark.parametrize("responses", [None, {}, [None], [5], [{}], [{"success": "yes"}], [{"success": True}] * 2])
def test_responses_to_a_write_are_checked(proxy, through, path, responses):
    job = through().register_job("shapes", batch_size=10)
    job.write(f"sid={path}", points=[(0, 1)])
    proxy.fail(answer(json.dumps({"success": True, "responses": responses}).encode()))
    with pytest.raises(WriteError):
        job.submit()
    assert job.pending == 1


def test_proxies_and_certificates_of_the_environment_are_looked_up_for_each_server(monkeypatch):
    for name, value in {"http_proxy": "http://proxy.example", "no_proxy": "inside.example"}.items():
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")
    _, session, close = open_server("http://outside.example")
    for _ in range(2):
        for host, proxy in (("outside.example", "http://proxy.example"), ("inside.example", None)):
            found = session.merge_environment_settings(f"http://{host}/api/1/series", {}, True, None, None)
            assert (found["proxies"].get("http"), found["verify"]) == (proxy, "/ca.pem")
    own = {"http": "http://own.example"}
    assert session.merge_environment_settings("http://outside.example", own, True, None, None)["proxies"] == own
    close()

"""What clients can do to a server over a socket: it answers in JSON, and goes on serving the others."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import warnings
from http.client import HTTPResponse
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

from pandas_shooju import formats
from pandas_shooju.formats import PointColumns
from pandas_shooju.local import StoreError, budget, http_server, open_app, start
from pandas_shooju.local.budget import Budget
from pandas_shooju.local.endpoints.writes import MOST_ITEMS
from pandas_shooju.local.errors import HttpError
from pandas_shooju.local.store.catalog import MOST_FIELDS
from tests.local.conftest import Api

PATIENCE = 30


def connect(served) -> socket.socket:
    host, port = urlsplit(served.url).netloc.split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def answer_to(served, data: bytes) -> tuple[int, dict]:
    """The response to bytes on a connection that stays open."""
    with connect(served) as raw:
        raw.sendall(data)
        response = HTTPResponse(raw)
        response.begin()
        return response.status, json.loads(response.read())


def quick(served) -> None:
    """Another client writes and reads as if it were alone."""
    with requests.Session() as session:
        for number in range(20):
            body = {"series": [{"series_id": "quick", "points": [[number, 1.0]]}]}
            answer = session.post(f"{served.url}/api/1/series/write", json=body, timeout=PATIENCE)
            assert answer.json() == {"success": True, "responses": [{"success": True}]}
            read = session.get(f"{served.url}/api/1/series", params={"query": "sid=quick"}, timeout=PATIENCE)
            assert read.json()["total"] == 1


def test_idle_and_slow_clients_keep_nobody_waiting(served):
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(served)) for _ in range(200)]
        slow = [stack.enter_context(connect(served)) for _ in range(30)]
        body = json.dumps({"description": "slow"}).encode()
        request = b"POST /api/1/jobs/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        for number, one in enumerate(slow):
            # some stop in the head, others in the body
            one.sendall(request[: 20 + number * 3])
        quick(served)
        for number, one in enumerate(slow):
            one.sendall(request[20 + number * 3 :])
            response = HTTPResponse(one)
            response.begin()
            assert json.loads(response.read())["success"]
        idle[0].sendall(b"GET /api/1/status/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle[0].recv(12) == b"HTTP/1.1 200"


def test_clients_that_do_not_read_keep_nobody_waiting(served):
    points = PointColumns(np.arange(1_000_000), np.random.default_rng(0).normal(size=1_000_000))
    data = formats.encode({"series": [{"series_id": "large", "points": points}]}, "sjts")
    requests.post(f"{served.url}/api/1/series/write", data=data, headers={"Sj-Send-Format": "sjts"}, timeout=PATIENCE)
    head = b"GET /api/1/series?query=sid=large&max_points=-1 HTTP/1.1\r\nHost: localhost\r\n"
    request = head + b"Sj-Receive-Format: sjts\r\n\r\n"
    with contextlib.ExitStack() as stack:
        lazy = [stack.enter_context(connect(served)) for _ in range(12)]
        for one in lazy:
            one.sendall(request)
        for one in lazy:
            assert one.recv(12) == b"HTTP/1.1 200"
        quick(served)


HEAD = b"POST /api/1/jobs/ HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "error"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{", 413, "too_large"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{", 400, "bad_request"),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        (HEAD + b"Content-Length: 99999999999999\r\n\r\n{", 413, "too_large"),
        (HEAD + b"Content-Length: -1\r\n\r\n{", 400, "bad_request"),
        (HEAD + b"Content-Length: x\r\n\r\n{", 400, "bad_request"),
        (HEAD + b"X: " + b"x" * 300_000 + b"\r\n\r\n", 431, "too_large"),
        (b"GET http://[/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "bad_request"),
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415, "unsupported_format"),
        (HEAD + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000, 400, "bad_request"),
        (HEAD + b'Content-Length: 200010\r\n\r\n{"a":' + b"[" * 200_005, 400, "bad_request"),
    ],
)
def test_broken_requests_are_answered(served, request_, status, error):
    found, document = answer_to(served, request_)
    assert (found, document["success"], document["error"]) == (status, False, error)
    assert document["description"]
    quick(served)


@pytest.mark.parametrize("beginning", [HEAD + b"Content-Length: 100000\r\n\r\n", HEAD, b"GET /"])
def test_a_request_that_never_ends_is_cut_off(served, monkeypatch, beginning):
    monkeypatch.setattr(http_server, "ARRIVAL", 0.3)
    with connect(served) as raw:
        raw.sendall(beginning)
        raw.settimeout(0.05)
        for _ in range(PATIENCE * 20):
            with contextlib.suppress(TimeoutError):
                status = raw.recv(12)
                break
            raw.sendall(b"x")
        assert status == b"HTTP/1.1 408" or status == b"HTTP/1.0 408"


def test_a_call_has_a_limit_of_items(served):
    body = b'{"series": [' + b",".join([b"{}"] * 1_000_000) + b"]}"
    answer = requests.post(f"{served.url}/api/1/series/write", data=body, timeout=PATIENCE).json()
    assert answer["error"] == "invalid_parameters"
    assert f"at most {MOST_ITEMS:,} items, got 1,000,000" in answer["description"]


def test_memory_for_bodies_is_shared(monkeypatch):
    monkeypatch.setattr(budget, "PATIENCE", 0.05)
    shared = Budget(10 << 20)
    assert shared.take(1000) == 0
    taken = shared.take(6 << 20)
    with pytest.raises(HttpError, match="503 busy"):
        shared.take(6 << 20)
    shared.give_back(taken)
    everything = shared.take(1 << 30)
    assert everything == 10 << 20
    with pytest.raises(HttpError, match="413 too_large"):
        shared.take(budget.LARGEST_BODY + 1)
    monkeypatch.setattr(budget, "PATIENCE", PATIENCE)
    waiting = threading.Thread(target=shared.take, args=(6 << 20,))
    waiting.start()
    shared.give_back(everything)
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


def test_memory_is_given_back(api, monkeypatch):
    monkeypatch.setattr(budget, "PATIENCE", 0.05)
    api.app._budget = Budget(40 << 20)
    for _ in range(4):
        api.put("a", [[n, 1.0] for n in range(100_000)])
        assert api.raw("POST", "/series/write", {"series": {}, "x": [0] * 800_000}).json()["success"] is False
    assert api.app._budget.take(40 << 20) == 40 << 20


@pytest.mark.parametrize("name", formats.NAMES)
def test_small_objects_are_expensive(name):
    data = formats.encode({"a": [{}] * 1000}, name)
    assert 64_000 < formats.memory_of(data, name) < 200_000


def test_fields_and_ids_have_limits(api):
    fields = {f"field {number}": number for number in range(100_000)}
    (refused,) = api.write({"series_id": "a", "fields": fields})
    assert f"at most {MOST_FIELDS:,} fields" in refused["description"]
    (refused,) = api.write({"series_id": "x" * 65_536})
    assert refused["error"] == "invalid_parameters"
    assert len(refused["description"]) < 500
    assert api.search("")["total"] == 0


@pytest.mark.filterwarnings("error")
def test_infinite_values_are_values(api):
    values = [float("inf"), float("-inf"), 1.0, 1e308, 1e308]
    api.put("a", [[n, value] for n, value in enumerate(values)])
    api.put("b", [[n, -value] for n, value in enumerate(values)])
    assert [value for _, value in api.points("sid=a")] == values
    for query in ("sid=a@A:d", "sid=a@S:d", "={{sid=a}}+{{sid=b}}", "={{sid=a}}/{{sid=b}}", "={{sid=a}}*10"):
        api.points(query)
    assert warnings.filters[0][0] == "error"


# --- who may call -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(
            (host, 200)
            for host in ("localhost", "localhost:80", "127.0.0.1:1", "[::1]:80", "a.localhost", "LOCALHOST.")
        ),
        *(
            (host, 403)
            for host in ("evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0", "[", "x:y", "[::2]")
        ),
    ],
)
def test_a_name_that_leads_here_is_refused_where_no_key_is_asked_for(served, host, status):
    url = f"{served.url}/api/1/jobs"
    assert requests.get(url, headers={"Host": host}).status_code == status
    with start(user="sam", api_key="secret") as guarded:
        answer = requests.get(f"{guarded.url}/api/1/jobs", headers={"Host": host}, auth=("sam", "secret"))
        assert answer.json()["success"]


def test_what_belongs_to_another_user():
    app = open_app(":memory:", credentials={"ann": "a", "bob": "b", "root": "r"}, administrators=["root"])
    ann, bob, root = Api(app, "ann", "a"), Api(app, "bob", "b"), Api(app, "root", "r")
    job = ann.job()
    refused = bob.call("POST", f"/jobs/{job}/finish")
    assert (refused["error"], "belongs to 'ann'" in refused["description"]) == ("forbidden", True)
    ann.put(r"users\ann\a", [[0, 1.0]], job=job)
    assert ann.call("POST", f"/jobs/{job}/finish")["success"]
    assert root.call("POST", f"/jobs/{ann.job()}/finish")["success"]

    file = ann.call("POST", "/files/multipart/init", {"filename": "a.txt"})["file_id"]

    def upload(api, number):
        url = f"http://embedded.localhost/api/1/files/multipart/upload?file_id={file}&part_num={number}"
        return api.session.post(url, files={"file": ("a", f"by {api.session.auth[0]};")}).json()

    assert upload(ann, 1)["success"]
    assert upload(bob, 1)["error"] == "forbidden"
    assert bob.call("POST", "/files/multipart/complete", file_id=file)["error"] == "forbidden"
    assert upload(root, 2)["success"]
    assert ann.call("POST", "/files/multipart/complete", file_id=file)["success"]
    assert ann.raw("GET", f"/files/{file}/download").content == b"by ann;by root;"
    app.close()


# --- the disk ---------------------------------------------------------------------------------------------------

FULL = """
import resource, sys
from pandas_shooju.local.serving import serve
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
serve(sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX systems do")
def test_a_full_disk(tmp_path):
    path = tmp_path / "store.sqlite"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-c", FULL, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    url = process.stdout.readline().split()[-1] + "/api/1"
    stored = []
    for number in range(16):
        rows = np.random.default_rng(number).normal(size=20_000)
        body = {"series": [{"series_id": f"s{number}", "points": [[at, value] for at, value in enumerate(rows)]}]}
        answer = requests.post(f"{url}/series/write", json=body, timeout=PATIENCE)
        if answer.status_code == 200:
            assert answer.json()["responses"] == [{"success": True}]
            stored.append(f"s{number}")
        else:
            assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
            assert str(path) in answer.json()["description"]
        assert requests.get(f"{url}/series", timeout=PATIENCE).json()["total"] == len(stored)
    assert 0 < len(stored) < 16
    process.terminate()
    process.communicate(timeout=PATIENCE)
    app = open_app(path)
    api = Api(app)
    assert sorted(api.ids("", per_page=100)) == sorted(stored)
    for series_id in stored:
        expected = np.random.default_rng(int(series_id[1:])).normal(size=20_000)
        assert [value for _, value in api.points(f"sid={series_id}")] == expected.tolist()
    app.close()


@pytest.mark.parametrize("damage", ["garbage", "newer", "other"])
def test_a_file_that_becomes_unusable(tmp_path, damage):
    path = tmp_path / "store.sqlite"
    with start(path) as served:
        quick(served)
    if damage == "garbage":
        path.write_bytes(b"no store" * 10_000)
    else:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 1000" if damage == "newer" else "PRAGMA application_id = 1")
        db.close()
    words = {"garbage": "file is not a database", "newer": "upgrade pandas-shooju", "other": "another program"}[damage]
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(StoreError, match=words) as raised:
            open_app(path, create=create)
        assert str(path) in str(raised.value)
    assert path.read_bytes() == before


def test_a_damaged_store_does_not_stop_the_server(tmp_path):
    path = tmp_path / "store.sqlite"
    with start(path) as served:
        url = f"{served.url}/api/1"
        for name in ("a", "b"):
            body = {"series": [{"series_id": name, "points": [[0, 1.0], [1, 2.0]]}]}
            assert requests.post(f"{url}/series/write", json=body, timeout=PATIENCE).json()["success"]
        with sqlite3.connect(path) as db:
            db.execute("UPDATE chunks SET vals = zeroblob(16) WHERE id = 1")
        db.close()
        for _ in range(3):
            answer = requests.get(f"{url}/series", params={"query": "sid=a", "max_points": -1}, timeout=PATIENCE)
            assert (answer.status_code, answer.json()["error"]) == (503, "store_corrupt")
            assert f"store check {path}" in answer.json()["description"]
        assert requests.get(f"{url}/series", params={"query": "sid=b", "max_points": -1}, timeout=PATIENCE).json()[
            "success"
        ]
        quick(served)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything")
def test_a_store_that_cannot_be_written_is_read(tmp_path):
    path = tmp_path / "store.sqlite"
    with start(path) as served:
        quick(served)
    path.chmod(0o400)
    with start(path) as served:
        url = f"{served.url}/api/1"
        assert requests.get(f"{url}/series", params={"query": "sid=quick"}, timeout=PATIENCE).json()["total"] == 1
        answer = requests.post(f"{url}/jobs/", json={"description": "late"}, timeout=PATIENCE)
        assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
        assert "readonly" in answer.json()["description"]

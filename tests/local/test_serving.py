"""The ways in: the adapter, the server in a thread, the server as a process."""

from __future__ import annotations

import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
import requests

from pandas_shooju.local import App, open_app, start
from pandas_shooju.local.adapter import WSGIAdapter
from pandas_shooju.local.http_server import Server
from pandas_shooju.local.serving import compressing, serve
from tests.local.conftest import BASE

SERVE = (
    "import sys; from pandas_shooju.local.serving import serve; serve(*sys.argv[1:3], int(sys.argv[3]), *sys.argv[4:])"
)


@pytest.fixture
def session(app):
    session = requests.Session()
    session.mount(BASE, WSGIAdapter(app))
    return session


# --- the adapter ------------------------------------------------------------------------------------------------


def echo(environ, start_response):
    """An app that sends back what it got, in pieces, and begins late."""
    body = environ["wsgi.input"].read()

    def answer():
        start_response("201 Made Up", [("X-Path", environ["PATH_INFO"]), ("X-Query", environ["QUERY_STRING"])])
        yield b""
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    return answer()


@pytest.mark.parametrize("body", ["text é", b"bytes", io.BytesIO(b"a file"), iter([b"one ", b"two"]), None])
def test_the_adapter_carries_any_body(body):
    session = requests.Session()
    session.mount(BASE, WSGIAdapter(echo))
    expected = {str: "text é".encode(), bytes: b"bytes", io.BytesIO: b"a file", type(None): b""}.get(
        type(body), b"one two"
    )
    answer = session.post(f"{BASE}/a%20b/é", params={"q": "x y"}, data=body, timeout=(1, 2))
    assert (answer.status_code, answer.reason, answer.content) == (201, "Made Up", expected)
    assert answer.headers["x-path"].encode("latin-1").decode() == "/a b/é"
    assert answer.headers["x-query"] == "q=x+y"
    assert answer.elapsed.total_seconds() >= 0


def test_the_adapter_streams():
    session = requests.Session()
    session.mount(BASE, WSGIAdapter(echo))
    with session.post(BASE, data=b"0123456789" * 10, stream=True) as answer:
        assert answer.raw.read(4) == b"0123"
        assert b"".join(answer.iter_content(8)) == (b"0123456789" * 10)[4:]
    assert session.post(BASE, data=b"x" * 100, stream=True).raw.read() == b"x" * 100


def test_an_app_that_fails_inside_answers_with_500_and_no_secrets(app, session, monkeypatch, caplog):
    monkeypatch.setattr(app, "_user", lambda *a, **k: 1 / 0)
    answer = session.get(f"{BASE}/api/1/status/ping")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in caplog.text


# --- opening ----------------------------------------------------------------------------------------------------


def test_a_file_that_is_open_is_the_same_app_until_the_last_one_closes_it(tmp_path):
    one, other = open_app(tmp_path / "a.sqlite"), open_app(str(tmp_path / "x" / ".." / "a.sqlite"))
    assert one is other
    assert one.path == tmp_path / "a.sqlite"
    one.close()
    assert ping(other)
    other.close()
    assert not ping(other)
    again = open_app(tmp_path / "a.sqlite")
    assert again is not one
    assert ping(again)
    again.close()


def ping(app: App) -> bool:
    session = requests.Session()
    session.mount(BASE, WSGIAdapter(app))
    return session.get(f"{BASE}/api/1/jobs").status_code == 200


def test_stores_in_memory_are_never_shared_and_leave_nothing(tmp_path):
    one, other = open_app(":memory:"), open_app(":memory:")
    assert one is not other
    folder = one.path.parent
    one.close()
    other.close()
    assert not folder.exists()


def test_the_default_store_is_in_the_platform_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    app = open_app()
    assert tmp_path in app.path.parents
    assert app.path.exists()
    app.close()


# --- credentials ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", [None, ("sam", "wrong"), ("ann", "secret"), ("sam", ""), ("sam", "sécret"), ("", "")])
def test_wrong_or_missing_credentials_are_refused(auth):
    with start(user="sam", api_key="secret") as served:
        answer = requests.get(served.url + "/api/1/jobs", auth=auth)
        assert answer.status_code == 200
        assert answer.json()["success"] is False
        assert answer.json()["error"] == "unauthorized"
        assert requests.get(served.url + "/api/1/jobs", auth=("sam", "secret")).json()["success"]
        assert "secret" not in repr(served)


def test_headers_that_are_no_credentials_are_refused():
    with start(user="sam", api_key="secret") as served:
        for header in ("Basic", "Basic %%%", "Basic /w==", "Bearer x"):
            answer = requests.get(served.url + "/api/1/jobs", headers={"Authorization": header})
            assert (answer.status_code, answer.json()["error"]) == (200, "unauthorized")


def test_whether_the_service_is_there_is_public():
    with start(user="sam", api_key="secret") as served:
        for path in ("ping", "green"):
            assert requests.get(f"{served.url}/api/1/status/{path}").json() == {"success": True}


def test_without_credentials_the_caller_is_who_he_says(session):
    session.post(f"{BASE}/api/1/jobs/", json={"description": "mine"}, auth=("sam", "any"))
    session.post(f"{BASE}/api/1/jobs/", json={"description": "nobody's"})
    jobs = session.get(f"{BASE}/api/1/jobs").json()["results"]
    assert [job["user"] for job in jobs] == ["local", "sam"]


# --- serving ----------------------------------------------------------------------------------------------------


def test_connections_are_kept_alive_and_served_at_once(served):
    def work(results):
        with requests.Session() as session:
            for _ in range(20):
                results.append(session.get(served.url + "/api/1/status/ping").json()["success"])

    results: list[bool] = []
    threads = [threading.Thread(target=work, args=(results,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 160


def test_a_server_can_be_stopped_at_any_moment(app):
    """Also again, and after it has stopped by itself; its pipe is closed last, so that nothing else is written to."""
    descriptors = os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else None
    server = Server(app, "127.0.0.1", 0, 2, 1000)
    server.stop()
    server.run()
    server.stop()
    server.close()
    if descriptors is not None:
        assert os.listdir("/proc/self/fd") == descriptors


def test_a_server_open_to_the_network_needs_a_key():
    for host in ("0.0.0.0", "192.0.2.1", "::", "example.com"):
        with pytest.raises(ValueError, match="user and an API key"):
            serve(":memory:", host)
    with pytest.raises(ValueError, match="go together"):
        serve(":memory:", user="sam")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_process_says_where_it_is_and_stops_when_told(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path / "s.sqlite"), "127.0.0.1", "0", "sam", "secret"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line
        answer = requests.post(found[1] + "/api/1/jobs/", json={"description": "abc"}, auth=("sam", "secret"))
        assert answer.json() == {"success": True, "job_id": 1}
        process.send_signal(number)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stdout.close()


def test_signing_in_by_google():
    app = open_app(":memory:", credentials={"sam": "secret"}, google={"sam@example.com": ("token", "sam")})
    session = requests.Session()
    session.mount(BASE, WSGIAdapter(app))
    auth = f"{BASE}/api/1/auth"
    answer = session.post(f"{auth}/googleoauth", json={"email": "sam@example.com", "token": "token"}).json()
    assert answer == {"success": True, "user": "sam", "api_secret": "secret"}
    for wrong in ({"email": "sam@example.com", "token": "x"}, {"email": "x", "token": "token"}, {}):
        assert session.post(f"{auth}/googleoauth", json=wrong).json()["error"] == "unauthorized"
    assert session.get(f"{auth}/google_refresh_token").json()["link"].startswith("https://")
    assert session.post(f"{auth}/google_refresh_token", json={"code": "token"}).json()["refresh_token"] == "token"
    assert session.post(f"{auth}/google_refresh_token", json={"code": "x"}).json()["error"] == "unauthorized"
    app.close()


def test_answers_are_compressed_where_asked_for(app):
    session = requests.Session()
    session.mount(BASE, WSGIAdapter(compressing(app)))
    session.post(f"{BASE}/api/1/series/write", json={"series": [{"series_id": f"series {n}"} for n in range(100)]})
    large = session.get(f"{BASE}/api/1/series")
    assert large.headers["content-encoding"] == "gzip"
    assert int(large.headers["content-length"]) < len(large.content) / 3
    assert len(large.json()["series"]) == 100
    assert "content-encoding" not in session.get(f"{BASE}/api/1/status/ping").headers
    for refused in ("identity", "gzip;q=0", "br"):
        plain = session.get(f"{BASE}/api/1/series", headers={"Accept-Encoding": refused})
        assert plain.content == large.content
        assert "content-encoding" not in plain.headers
    file = session.post(f"{BASE}/api/1/files", files={"file": ("a", b"a" * 5000)}).json()["file_id"][0]
    download = session.get(f"{BASE}/api/1/files/{file}/download", stream=True)
    assert download.raw.read() == b"a" * 5000


def test_a_line_for_each_call(tmp_path):
    options = "log_access=True, compress=True"
    code = f"from pandas_shooju.local.serving import serve; serve({str(tmp_path / 's.sqlite')!r}, {options})"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    url = process.stdout.readline().split()[-1]
    requests.get(url + "/api/1/status/ping")
    process.terminate()
    _, log = process.communicate(timeout=20)
    assert re.search(r"127\.0\.0\.1 GET /api/1/status/ping 200 \d+\.\d ms", log)


def test_without_the_extra_the_fixture_can_be_imported_and_opening_says_what_to_install():
    code = """
import sys
sys.modules["werkzeug"] = sys.modules["werkzeug.exceptions"] = None
import pandas_shooju.testing
print("started")
from pandas_shooju.local import open_app
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert 'pip install "pandas-shooju[local]"' in done.stderr
    assert done.stdout == "started\n"


def test_a_store_that_cannot_be_used_is_a_503_that_clients_try_again(app, session, monkeypatch):
    from pandas_shooju.local.store import database

    monkeypatch.setattr(database, "PATIENCE", 0.05)
    other = sqlite3.connect(app.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = session.post(f"{BASE}/api/1/jobs/", json={"description": "late"})
    assert answer.status_code == 503
    assert "locked" in answer.json()["description"]
    body = {"series": [{"series_id": "a"}, {"series_id": "b"}]}
    responses = session.post(f"{BASE}/api/1/series/write", json=body).json()["responses"]
    assert ["series is locked for change" in response["description"] for response in responses] == [True, True]
    assert session.get(f"{BASE}/api/1/series").json()["total"] == 0
    other.execute("ROLLBACK")
    assert session.post(f"{BASE}/api/1/jobs/", json={"description": "in time"}).json()["success"]
    app.close()
    assert session.get(f"{BASE}/api/1/series").status_code == 503


def test_an_app_that_nobody_closes_warns_nobody_and_leaves_nothing(tmp_path):
    code = "from pandas_shooju.local import open_app\nprint(open_app(':memory:').path)\nx = open_app(':memory:')"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TMPDIR": str(tmp_path),
        "PYTHONWARNINGS": "always::ResourceWarning",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert str(tmp_path) in done.stdout
    assert "store.sqlite" not in done.stderr
    assert "unclosed database" not in done.stderr
    assert list(tmp_path.glob("shooju-*")) == []


def test_long_queries_go_over_a_socket(served):
    query = " OR ".join(rf'sid="users\nobody\{number}"' for number in range(2000))
    answer = requests.get(f"{served.url}/api/1/series", params={"query": query})
    assert answer.json()["total"] == 0


def test_web_pages_are_kept_out_where_no_key_is_asked_for(served):
    url = served.url + "/api/1/jobs/"
    from_page = {"Origin": "https://example.com"}
    answer = requests.post(url, json={"description": "forged"}, headers=from_page)
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert requests.get(url).json()["results"] == []
    with start(user="sam", api_key="secret") as guarded:
        assert requests.get(guarded.url + "/api/1/jobs", headers=from_page, auth=("sam", "secret")).status_code == 200

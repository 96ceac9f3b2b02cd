"""Files: whole, several at once, in parts; with the published client where it has a way."""

from __future__ import annotations

import io
import json

import pytest
import requests
from werkzeug.test import create_environ
from werkzeug.wrappers import Response

from pandas_shooju.local import open_app
from tests.local.conftest import BASE


@pytest.fixture
def url(served):
    return served.url + "/api/1"


def upload(url, *contents, meta=None):
    files = [("file", (name, io.BytesIO(content))) for name, content in contents]
    answer = requests.post(f"{url}/files", files=files, data={"meta": json.dumps(meta)} if meta else None)
    assert answer.json()["success"], answer.text
    return answer.json()["file_id"]


def test_a_file_comes_back_as_it_was(url):
    content = bytes(range(256)) * 5000
    (file,) = upload(url, ("a é.bin", content), meta={"custom": {"source": "test"}})
    found = requests.get(f"{url}/files/{file}").json()["file"]
    assert (found["file_id"], found["name"], found["size"]) == (file, "a é.bin", len(content))
    assert found["custom"] == {"source": "test"}
    with requests.get(f"{url}/files/{file}/download", stream=True) as answer:
        assert answer.raw.read() == content
    part = requests.get(f"{url}/files/{file}/download", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])


def test_several_files_at_once_with_their_custom_fields(url):
    files = upload(url, ("a", b"1"), ("b", b""), ("c", b"333"), meta={"multi_custom": {"2": {"n": 3}}})
    assert len(set(files)) == 3
    assert [requests.get(f"{url}/files/{file}/download").content for file in files] == [b"1", b"", b"333"]
    assert [requests.get(f"{url}/files/{file}").json()["file"]["custom"] for file in files] == [{}, {}, {"n": 3}]
    listed = requests.get(f"{url}/files", params={"per_page": 2}).json()["results"]
    assert len(listed) == 2
    assert {one["file_id"] for one in requests.get(f"{url}/files").json()["results"]} == set(files)


def test_a_file_in_parts(url):
    file = requests.post(f"{url}/files/multipart/init", json={"filename": "big", "custom": {"a": 1}}).json()["file_id"]
    assert requests.get(f"{url}/files").json()["results"] == []
    assert requests.get(f"{url}/files/{file}/download").status_code == 404
    for number, content in ((2, b"two"), (1, b"wrong"), (10, b"ten"), (1, b"one")):
        send_part(url, file, number, content)
    answer = requests.post(f"{url}/files/multipart/complete", params={"file_id": file}).json()
    assert answer["error"] == "invalid_parameters"
    assert "part 3" in answer["description"]
    for number in range(3, 10):
        send_part(url, file, number, b"-")
    for _ in range(2):
        assert requests.post(f"{url}/files/multipart/complete", params={"file_id": file}).json()["success"]
    assert requests.get(f"{url}/files/{file}/download").content == b"onetwo-------ten"
    found = requests.get(f"{url}/files/{file}").json()["file"]
    assert (found["name"], found["size"], found["custom"]) == ("big", 16, {"a": 1})
    assert "cannot have more parts" in send_part(url, file, 11, b"late", success=False)["description"]


def send_part(url, file, number, content, success=True):
    answer = requests.post(
        f"{url}/files/multipart/upload", params={"file_id": file, "part_num": number}, files={"file": content}
    ).json()
    assert answer["success"] is success
    return answer


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "error"),
    [
        ("GET", "/files/none", {}, 200, "file_not_found"),
        ("GET", "/files/none/download", {}, 404, "file_not_found"),
        ("GET", "/files/..%2f..%2fstore.sqlite/download", {}, 404, "not_found"),
        ("POST", "/files", {"data": b"x"}, 400, "bad_request"),
        ("POST", "/files", {"files": {"other": b"x"}}, 400, "bad_request"),
        ("POST", "/files", {"files": {"file": b"x"}, "data": {"meta": "{"}}, 400, "bad_request"),
        ("POST", "/files", {"files": {"file": b"x"}, "data": {"meta": "[]"}}, 200, "invalid_parameters"),
        ("POST", "/files", {"files": {"file": b"x"}, "data": {"meta": '{"custom": 5}'}}, 200, "invalid_parameters"),
        ("POST", "/files", {"files": {"file": b"x"}, "data": {"meta": '{"colour": 5}'}}, 200, "invalid_parameters"),
        (
            *("POST", "/files", {"files": {"file": b"x"}, "data": {"meta": '{"multi_custom": {"1": {}}}'}}),
            *(200, "invalid_parameters"),
        ),
        ("POST", "/files/multipart/init", {"json": {}}, 200, "invalid_parameters"),
        ("POST", "/files/multipart/complete", {"params": {"file_id": "none"}}, 200, "file_not_found"),
    ],
)
def test_what_is_refused(url, method, path, given, status, error):
    answer = requests.request(method, url + path, **given)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert answer.json()["error"] == error


def test_files_go_through_the_adapter_and_lie_beside_the_store(api, app):
    files = {"file": ("x.txt", io.BytesIO(b"hello" * 200_000))}
    (file,) = api.session.post(f"{BASE}/api/1/files", files=files).json()["file_id"]
    on_disk = app.path.with_name(app.path.name + ".files") / file
    assert on_disk.stat().st_size == 1_000_000
    with api.session.get(f"{BASE}/api/1/files/{file}/download", stream=True) as answer:
        assert sum(map(len, answer.iter_content(10_000))) == 1_000_000
    on_disk.unlink()
    assert api.session.get(f"{BASE}/api/1/files/{file}/download").status_code == 404


@pytest.mark.filterwarnings("ignore")
def test_the_published_client_and_files(served, tmp_path):
    shooju = pytest.importorskip("shooju")
    conn = shooju.Connection(served.url, served.user, served.api_key)
    file = conn.upload_file(io.BytesIO(b"one"), "one.txt", custom_fields={"a": 1})
    assert conn.download_file(file, str(tmp_path / "back")).read() == b"one"
    assert conn.raw.get(f"/files/{file}")["file"]["custom"] == {"a": 1}
    two, three = conn.upload_files(
        [
            {"fp": io.BytesIO(b"two"), "filename": "2"},
            {"fp": io.BytesIO(b"three"), "filename": "3", "custom_fields": {"b": 2}},
        ]
    )
    assert conn.download_file(two, str(tmp_path / "back")).read() == b"two"
    assert conn.raw.get(f"/files/{three}")["file"]["custom"] == {"b": 2}
    uploader = conn.init_multipart_upload("big.bin", {"c": 3})
    uploader.upload_part(1, b"a" * 100_000)
    uploader.upload_part(2, io.BytesIO(b"b" * 10))
    assert conn.download_file(uploader.complete(), str(tmp_path / "back")).read() == b"a" * 100_000 + b"b" * 10
    session = conn.create_uploader_session()
    assert session.upload_file(io.BytesIO(b"x"), "x")


def test_a_refused_upload_leaves_nothing_behind(served, url):
    files = [("file", ("a", b"1")), ("file", ("b", b"2"))]
    for meta in ('{"custom": 5}', '{"multi_custom": {"1": []}}'):
        answer = requests.post(f"{url}/files", files=files, data={"meta": meta}).json()
        assert answer["error"] == "invalid_parameters"
    assert requests.get(f"{url}/files").json()["results"] == []
    assert list(served.app._database.files_folder.glob("*")) == []


def test_uploads_in_chunks_have_the_same_limit():
    app = open_app(":memory:", body_limit=1000)
    for size, status in ((100, 200), (5000, 413)):
        body = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"a" * size + b"\r\n--x--\r\n"
        )
        environ = create_environ("/api/1/files", method="POST")
        environ["CONTENT_TYPE"] = "multipart/form-data; boundary=x"
        environ |= {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        environ.pop("CONTENT_LENGTH", None)
        answer = Response.from_app(app, environ)
        assert answer.status_code == status
        assert answer.json["success"] is (status == 200)
    app.close()

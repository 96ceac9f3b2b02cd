"""Files: up, in parts, and down again."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from pandas_shooju.errors import ConnectionError, ShoojuApiError, ShoojuError, ShoojuFormatError
from tests.client.faults import answer, cut, drop, status

BIG = bytes(range(256)) * 20_000


def test_a_file_comes_back_as_it_was(sj):
    file_id = sj.upload_file(io.BytesIO(BIG), "big.bin", custom_fields={"source": "desk", "n": 1})
    with sj.download_file(file_id) as file:
        assert file.read() == BIG
    about = sj.raw.get(f"/files/{file_id}")["file"]
    assert (about["name"], about["size"], about["custom"]) == ("big.bin", len(BIG), {"source": "desk", "n": 1})


def test_a_file_is_downloaded_to_where_it_is_wanted(sj, tmp_path):
    file_id = sj.upload_file(b"abc", "a.txt")
    with sj.download_file(file_id, tmp_path / "mine.txt") as file:
        assert file.read() == b"abc"
    assert [found.name for found in tmp_path.iterdir()] == ["mine.txt"]


def test_downloads_to_one_place_do_not_touch_each_other_or_what_stands_beside(sj, tmp_path):
    (tmp_path / "x.part").write_text("mine")
    ids = [sj.upload_file(io.BytesIO(bytes([n]) * 100_000), "x") for n in range(4)]
    with ThreadPoolExecutor(4) as executor:
        for file in executor.map(lambda one: sj.download_file(one, tmp_path / "x"), ids * 3):
            file.close()
    assert len(set((tmp_path / "x").read_bytes())) == 1
    assert (tmp_path / "x.part").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "x.part"]


def test_an_id_is_no_path(sj):
    with pytest.raises((ShoojuError, LookupError)):
        sj.download_file("../jobs")


def test_several_files_in_one_call(proxy, through):
    conn = through()
    ids = conn.upload_files(
        [{"fp": b"one", "filename": "1"}, {"fp": io.BytesIO(b"two"), "filename": "2", "custom_fields": {"n": 2}}]
    )
    assert len(proxy.seen) == 1
    assert [conn.download_file(file_id).read() for file_id in ids] == [b"one", b"two"]
    assert conn.raw.get(f"/files/{ids[1]}")["file"]["custom"] == {"n": 2}


@pytest.mark.parametrize("files", [[], {}, "abc", [5], [{"fp": b""}]])
def test_files_that_are_none_are_refused(sj, files):
    with pytest.raises(ValueError, match="filename"):
        sj.upload_files(files)


def test_an_upload_in_parts(sj):
    upload = sj.init_multipart_upload("parts.bin", custom_fields={"a": 1})
    upload.upload_part(2, io.BytesIO(b"cd"))
    upload.upload_part(1, b"ab")
    file_id = upload.complete()
    assert sj.download_file(file_id).read() == b"abcd"
    assert sj.raw.get(f"/files/{file_id}")["file"]["custom"] == {"a": 1}


@pytest.mark.parametrize("fault", [drop(), cut(), status(503)], ids=["drop", "cut", "503"])
def test_a_download_that_breaks_is_tried_again(proxy, through, tmp_path, fault):
    conn = through()
    file_id = conn.upload_file(BIG, "big.bin")
    proxy.fail(fault, fault)
    assert conn.download_file(file_id, tmp_path / "big.bin").read() == BIG
    proxy.fail(fault)
    assert conn.download_file(file_id).read() == BIG


def test_a_download_that_fails_leaves_nothing_behind(proxy, through, tmp_path):
    conn = through(retries=1)
    file_id = conn.upload_file(BIG, "big.bin")
    target = tmp_path / "big.bin"
    target.write_bytes(b"before")
    proxy.fail(cut())
    with pytest.raises(ConnectionError):
        conn.download_file(file_id, target)
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("big.bin", b"before")]


def test_a_file_that_is_not_there_is_an_error(sj, tmp_path):
    with pytest.raises(ShoojuError):
        sj.download_file("nothing", tmp_path / "a")
    with pytest.raises(ShoojuError):
        sj.download_file("nothing")
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_comes_as_an_answer_is_not_taken_for_the_file(proxy, through, tmp_path):
    proxy.fail(answer(b'{"success": false, "error": "file_not_found", "description": "no"}', "application/json"))
    with pytest.raises(ShoojuApiError, match="file_not_found"):
        through().download_file("nothing", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("body", [b'{"success": true}', b'{"suc', b"[1]"])
def test_a_file_of_json_is_a_file(proxy, through, body):
    conn = through()
    file_id = conn.upload_file(body, "a.json")
    proxy.fail(answer(body, "application/json"))
    assert conn.download_file(file_id).read() == body


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
def test_a_page_of_a_proxy_is_not_a_file(proxy, through, tmp_path, kind):
    conn = through()
    file_id = conn.upload_file(b"abc", "a.txt")
    proxy.fail(answer(b"<html>please sign in</html>", kind))
    with pytest.raises(ShoojuFormatError, match=r"the file has 3 bytes, but 27 bytes .* were sent"):
        conn.download_file(file_id, tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_downloads_go_by_the_session_and_its_credentials(proxy, through):
    conn = through()
    file_id = conn.upload_file(b"abc", "a.txt")
    conn.download_file(file_id)
    assert "authorization" in proxy.seen[-1].headers
    assert proxy.seen[-1].params["location_type"] == "python"

"""A server on loopback that replays ready-made pages, so that the server's own work does not count.

``python -m tests.benchmarks.replay DATA LATENCY`` prints its URL once the pages are made. It takes writes, too: it
reads the body and answers that every item was stored. ``GET /counts`` says how many requests there were since it was
asked last, and how many of them were in flight at once.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from pandas_shooju import formats
from tests.benchmarks.data import DATA, Data, series_of

BULK = 1000


class Pages:
    """The bytes of each page of a scroll, by the fields asked for, and those of bulk answers."""

    def __init__(self, data: Data) -> None:
        series = series_of(data)
        head = {"success": True, "total": len(series) * data.repeat, "scroll_id": "s"}
        self.end = formats.encode({**head, "series": []}, "sjts")
        self.count = data.pages
        self.position = itertools.count()
        self.bulk: list[bytes] = []
        self.by_fields: dict[str | None, list[bytes]] = {None: [self.end]}
        self.ids: list[bytes] = []
        if data.both:
            some = [{"series_id": item["series_id"]} for item in series]
            parts = (some[i : i + data.page] for i in range(0, len(some), data.page))
            self.ids = [formats.encode({**head, "series": part}, "sjts") for part in parts]
        if data.bulk or data.both:
            named = '$sid="{}"' if data.both else "$sid={}"  # the ids that a search has found are quoted
            bare = [{"series_id": named.format(item["series_id"]), "points": item["points"]} for item in series]
            some = (bare[i : i + BULK] for i in range(0, len(bare), BULK))
            self.bulk = [formats.encode({"success": True, "series": part}, "sjts") for part in some]
        if not data.bulk:
            for fields in (None, "field0", "*"):
                some = [_with(item, fields) for item in series]
                parts = (some[i : i + data.page] for i in range(0, len(some), data.page))
                self.by_fields[fields] = [formats.encode({**head, "series": part}, "sjts") for part in parts]
        self.scroll = self.by_fields[None]


def _with(item: dict, fields: str | None) -> dict:
    """A series as it is served to who asks for some fields."""
    if fields == "*":
        return item
    rest = {name: value for name, value in item.items() if name != "fields"}
    return rest if fields is None else {**rest, "fields": {fields: item["fields"][fields]}}


class Counts:
    """How many requests came, and the most that were in flight at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = self.now = self.most = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        with self._lock:
            self.requests += 1
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1

    def take(self) -> bytes:
        """What was counted, as JSON; it begins anew."""
        with self._lock:
            taken = {"requests": self.requests, "in_flight": self.most}
            self.requests = self.most = 0
        return json.dumps(taken).encode()


def handler(pages: Pages, latency: float) -> type[BaseHTTPRequestHandler]:
    counts = Counts()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/counts":
                self.answer(counts.take())
                return
            with counts.one():
                time.sleep(latency)
                self.answer(self.page(parse_qs(url.query)))

        def page(self, query: dict[str, list[str]]) -> bytes:
            if "scroll_id" not in query:
                pages.position = itertools.count()
                alone = query.get("max_points") == ["0"] and pages.ids
                pages.scroll = alone or pages.by_fields[query.get("fields", [None])[0]]
            at = next(pages.position)
            if at >= pages.count:
                return pages.end
            round_, which = divmod(at, len(pages.scroll))
            page = pages.scroll[which]
            # every series of a search has an id of its own; it is as long, so that the sizes in the page hold
            return page.replace(b"bench", b"b%04d" % round_) if round_ else page

        def do_POST(self) -> None:
            with counts.one():
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                time.sleep(latency)
                self.answer(self.posted(urlsplit(self.path).path, body))

        def posted(self, path: str, body: bytes) -> bytes:
            if path.endswith("/series"):
                # calls that are in flight together come in any order: the first query says which it is
                first = re.search(rb"bench\\+s(\d+)", body)
                assert first is not None, body[:200]
                return pages.bulk[int(first[1]) // BULK]
            document: dict = {"success": True, "job_id": 1}
            if path.endswith("/series/write"):
                (size,) = struct.unpack_from("<I", body, 4)
                items = json.loads(body[8 : 8 + size])["series"]
                document = {"success": True, "responses": [{"success": True}] * items}
            return formats.encode(document, self.headers["Sj-Receive-Format"])

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def main() -> None:
    """Make the pages, print the URL, serve until killed."""
    pages = Pages(DATA[sys.argv[1]])
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(pages, float(sys.argv[2])))
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

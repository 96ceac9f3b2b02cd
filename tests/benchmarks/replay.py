"""A server on loopback that replays ready-made pages, so that the server's own work does not count.

``python -m tests.benchmarks.replay DATA LATENCY`` prints its URL once the pages are made. It takes writes, too: it
reads the body and answers that every item was stored.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

from pandas_shooju import formats
from pandas_shooju.formats import PointColumns
from tests.benchmarks.workloads import DATA, Data


def series_of(data: Data) -> list[dict]:
    """The series of some data, as on the wire."""
    rng = np.random.default_rng(7)
    dates = data.dates(rng)
    series = []
    for i in range(data.series):
        item = {
            "series_id": rf"bench\s{i}",
            "fields": {f"field{k}": f"value {k} {i % 50}" for k in range(data.fields)},
        }
        if len(dates):
            own = dates if data.shared else data.dates(rng)
            item["points"] = PointColumns(own, rng.normal(100, 10, len(own)))
        series.append(item)
    return series


class Pages:
    """The bytes of each page of a scroll, and of bulk answers."""

    def __init__(self, data: Data) -> None:
        series = series_of(data)
        head = {"success": True, "total": len(series) * data.repeat, "scroll_id": "s"}
        size = data.page
        bare = [{name: value for name, value in item.items() if name != "fields"} for item in series]
        self.with_fields, self.without = (
            [formats.encode({**head, "series": some[i : i + size]}, "sjts") for i in range(0, len(some), size)]
            for some in (series, bare)
        )
        self.scroll = self.without
        self.count = len(self.scroll) * data.repeat
        self.end = formats.encode({**head, "series": []}, "sjts")
        self.bulk = [
            formats.encode({"success": True, "series": bare[i : i + 1000]}, "sjts") for i in range(0, len(bare), 1000)
        ]
        self.position = itertools.count()
        self.bulk_position = itertools.count()


def handler(pages: Pages, latency: float) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def answer(self, body: bytes) -> None:
            time.sleep(latency)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if "scroll_id" not in query:
                pages.position = itertools.count()
                pages.scroll = pages.with_fields if "fields" in query else pages.without
            at = next(pages.position)
            self.answer(pages.scroll[at % len(pages.scroll)] if at < pages.count else pages.end)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            path = urlsplit(self.path).path
            if path.endswith("/series"):
                self.answer(pages.bulk[next(pages.bulk_position) % len(pages.bulk)])
            elif path.endswith("/series/write"):
                (size,) = struct.unpack_from("<I", body, 4)
                items = json.loads(body[8 : 8 + size])["series"]
                self.reply({"success": True, "responses": [{"success": True}] * items})
            else:
                self.reply({"success": True, "job_id": 1})

        def reply(self, document: dict) -> None:
            self.answer(formats.encode(document, self.headers["Sj-Receive-Format"]))

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def main() -> None:
    """Make the pages, print the URL, serve until killed."""
    pages = Pages(DATA[sys.argv[1]])
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(pages, float(sys.argv[2])))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

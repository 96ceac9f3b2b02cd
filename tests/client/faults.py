"""Faults at the socket: a proxy in front of the real server that refuses, drops, cuts, delays and replaces answers."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Seen:
    """A request that came through."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Fault:
    """What to do with a request instead of passing it on: see the functions below."""

    act: Callable[[Proxy, Seen, socket.socket], None]
    when: Callable[[Seen], bool] = lambda seen: True


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    """Respond with this status, body and headers (``Retry_After="1"``)."""
    return Fault(lambda proxy, seen, sock: sock.sendall(_response(code, body, **headers)))


def answer(body: bytes, content_type: str = "application/octet-stream") -> Fault:
    """Answer 200 with a body of one's own."""
    return Fault(lambda proxy, seen, sock: sock.sendall(_response(200, body, content_type)))


def drop() -> Fault:
    """Close the connection without an answer; the server never hears of the request."""
    return Fault(lambda proxy, seen, sock: None)


def lose() -> Fault:
    """Let the server do what is asked, and close the connection without its answer."""
    return Fault(lambda proxy, seen, sock: proxy.forward(seen) and None)


def cut() -> Fault:
    """Send the first half of the server's answer."""

    def act(proxy: Proxy, seen: Seen, sock: socket.socket) -> None:
        response = proxy.forward(seen)
        head, _, body = response.partition(b"\r\n\r\n")
        sock.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])

    return Fault(act)


def trickle(piece: bytes, seconds: float) -> Fault:
    """Send a body of 1 GiB, a piece at a time with a pause after each, until the client has gone."""

    def act(proxy: Proxy, seen: Seen, sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n")
        while True:
            sock.sendall(piece)
            time.sleep(seconds)

    return Fault(act)


def delay(seconds: float) -> Fault:
    """Answer late."""

    def act(proxy: Proxy, seen: Seen, sock: socket.socket) -> None:
        time.sleep(seconds)
        sock.sendall(proxy.forward(seen))

    return Fault(act)


@dataclass
class Proxy:
    """Passes requests to a server, but for the faults that are queued; remembers what came through."""

    upstream: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, *faults: Fault, when: Callable[[Seen], bool] = lambda seen: True) -> None:
        """Queue faults for the next requests that `when` holds for."""
        self.faults += [Fault(fault.act, when) for fault in faults]

    def forward(self, seen: Seen) -> bytes:
        connection = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=30)
        connection.request(seen.method, seen.path, seen.body, {**seen.headers, "connection": "close"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        kept = [f"{k}: {v}" for k, v in response.getheaders() if k.lower() in ("content-type", "content-encoding")]
        head = [f"HTTP/1.1 {response.status} {response.reason}", *kept, f"Content-Length: {len(body)}"]
        return "\r\n".join([*head, "Connection: close", "", ""]).encode() + body

    def handle(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as stream:
            line = stream.readline().decode()
            if not line:
                return
            method, path, _ = line.split(" ", 2)
            headers = {}
            while header := stream.readline().decode().strip():
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", 0)))
            params = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
            seen = Seen(method, path, params, headers, body)
            with self.lock:
                self.seen.append(seen)
                fault = next((fault for fault in self.faults if fault.when(seen)), None)
                if fault is not None:
                    self.faults.remove(fault)
            with suppress(OSError):  # whoever asked may have gone
                if fault is None:
                    sock.sendall(self.forward(seen))
                else:
                    fault.act(self, seen, sock)


@contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy on a port of its own."""
    made = Proxy(upstream)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=made.handle, args=(sock,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield made


def _response(code: int, body: bytes, content_type: str = "text/html", **headers: str) -> bytes:
    all_headers = {
        "Content-Type": content_type, "Content-Length": str(len(body)), "Connection": "close",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }  # fmt: skip
    lines = [f"HTTP/1.1 {code} X", *(f"{name}: {value}" for name, value in all_headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body

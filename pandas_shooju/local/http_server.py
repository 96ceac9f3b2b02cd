"""The HTTP server: waitress, with limits on how requests arrive, and errors as JSON.

One thread looks after all connections: it collects requests, and sends responses, as fast as each client allows. A
request is handed to one of a few worker threads once it is complete, so that idle and slow clients keep nobody waiting.
Large bodies are on the disk, not in memory, until then.

This module knows HTTP, but not what a request is for.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

try:
    from waitress import wasyncore
    from waitress.channel import HTTPChannel
    from waitress.parser import HTTPRequestParser
    from waitress.server import TcpWSGIServer, create_server
    from waitress.task import ErrorTask
    from waitress.utilities import BadRequest, Error, RequestEntityTooLarge
except ImportError as error:  # pragma: no cover
    raise ImportError('serving the embedded Shooju needs waitress: pip install "pandas-shooju[local]"') from error

WSGI = Callable[..., Iterable[bytes]]

#: a request must arrive within this time (seconds), and with this speed (bytes per second) if it is large
ARRIVAL, SLOWEST = 60.0, 16_384
#: how long a connection may be idle (seconds)
IDLE = 120
#: the most connections at once
MOST_CONNECTIONS = 1_000
#: how long a stopping server waits for calls in progress (seconds)
GRACE = 30.0

_CODES = {408: "timeout", 413: "too_large", 431: "too_large", 501: "not_implemented", 503: "busy"}

# its warnings say how long its queue is
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class Server:
    """A WSGI app that listens on a port.

    Parameters
    ----------
    app
        The app.
    host, port
        The address to listen on; port 0 for any free one.
    threads
        How many requests are processed at once.
    body_limit
        The largest body of a request (bytes).

    Raises
    ------
    OSError
        The address cannot be listened on.
    """

    def __init__(self, app: WSGI, host: str, port: int, threads: int, body_limit: int) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
        except BaseException:
            self._socket.close()
            raise
        self._stopping = threading.Event()
        #: what the loop looks after: the listening socket, the connections, and a pipe that wakes it up
        self._sockets: dict[int, Any] = {}
        self._server: TcpWSGIServer = create_server(
            app,
            map=self._sockets,
            sockets=[self._socket],
            threads=threads,
            ident=None,
            recv_bytes=1 << 18,
            clear_untrusted_proxy_headers=False,
            channel_timeout=IDLE,
            cleanup_interval=5,
            connection_limit=MOST_CONNECTIONS,
            asyncore_use_poll=True,
            max_request_body_size=body_limit + 1,
            # a thread must not wait for the reader of a large response
            outbuf_high_watermark=1 << 62,
        )
        self._server.channel_class = _Channel

    @property
    def url(self) -> str:
        """Such as ``http://127.0.0.1:40123``."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        """Serve until `stop` is called, and then until the calls in progress are finished."""
        try:
            while not self._stopping.is_set():
                self._turn(1.0)
            # connections are refused from now on
            self._server.del_channel()
            self._socket.close()
            deadline = time.monotonic() + GRACE
            while self._busy() and time.monotonic() < deadline:
                self._turn(0.05)
        finally:
            self._server.task_dispatcher.shutdown()
            self._server.trigger.del_channel()
            wasyncore.close_all(self._sockets)
            self._socket.close()

    def stop(self) -> None:
        """Ask `run` to return; from any thread, or from a signal handler, before `close`."""
        self._stopping.set()
        self._server.pull_trigger()

    def close(self) -> None:
        """Release the pipe that wakes `run` up, once it has returned, and nobody calls `stop` any more.

        A call that did not finish in time would still write to the pipe, so then it stays open.
        """
        if not self._server.task_dispatcher.threads:
            self._server.trigger.close()

    def _turn(self, patience: float) -> None:
        wasyncore.loop(timeout=patience, use_poll=True, map=self._sockets, count=1)

    def _busy(self) -> bool:
        return any(one.requests or one.total_outbufs_len for one in self._server.active_channels.values())


class _Unavailable(Error):
    code = 503
    reason = "Service Unavailable"


class _RequestTimeout(Error):
    code = 408
    reason = "Request Timeout"


class _Parser(HTTPRequestParser):
    """A request that must arrive in time, and cannot announce more than the server accepts."""

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self._began = time.monotonic()

    def received(self, data: bytes) -> int:
        """Take what has arrived, and return how much of it belongs to this request."""
        try:
            consumed: int = super().received(data)
        except ValueError as error:
            # waitress lets this one of malformed URLs through
            self.parse_header(b"GET / HTTP/1.0\r\n")
            return self._refuse(BadRequest(str(error)), len(data))
        except OSError as error:
            # there is no room for a large body in the temporary folder
            return self._refuse(_Unavailable(str(error)), len(data))
        if self.completed:
            return consumed
        most = self.adj.max_request_body_size
        if self.body_bytes_received + getattr(self.body_rcv, "chunk_remainder", 0) > most:
            return self._refuse(RequestEntityTooLarge(f"exceeds max_body of {most}"), len(data))
        allowed = ARRIVAL + self.body_bytes_received / SLOWEST
        if time.monotonic() - self._began > allowed:
            return self._refuse(_RequestTimeout(f"the request did not arrive within {allowed:.0f} s"), len(data))
        return consumed

    def _refuse(self, error: Error, consumed: int) -> int:
        self.error = error
        self.completed = True
        return consumed


class _ErrorTask(ErrorTask):
    """The response to a request that never reaches the app."""

    def execute(self) -> None:
        """Send it, as JSON, and close the connection."""
        error = self.request.error
        description = f"{error.reason}: {error.body}"
        document = {"success": False, "error": _CODES.get(error.code, "bad_request"), "description": description}
        body = json.dumps(document).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    """A connection. A client that stops in the middle of a body, and waits for a response, gets one."""

    request: Any
    parser_class = _Parser
    error_task_class = _ErrorTask
    _receiving = _cut_short = False

    def handle_read(self) -> None:
        """Take what has arrived."""
        self._receiving = True
        super().handle_read()
        self._receiving = False
        if self._cut_short:
            self._cut_short = False
            self.connected = True
            request, self.request = self.request, None
            request.error = BadRequest(f"the body ends after {request.body_bytes_received} bytes, before its end")
            request.completed = True
            self.requests.append(request)
            self.server.add_task(self)

    def received(self, data: bytes) -> Any:
        """Take what has arrived, as parts of requests."""
        self._receiving = False
        return super().received(data)

    def handle_close(self) -> None:
        """Close the connection, unless there is something to say."""
        if self._receiving and self.request is not None and self.request.headers_finished and not self.requests:
            self._receiving, self._cut_short = False, True
        else:
            super().handle_close()

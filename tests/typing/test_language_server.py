"""In an editor: pyright as a language server completes the public names and shows the signatures."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pandas_shooju as sj

pytest.importorskip("pyright")

ROOT = Path(__file__).parents[2]
TIMEOUT = 300  # seconds for one answer; the server analyses pandas first


class LanguageServer:
    """A client of pyright, over its standard input and output."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pyright.langserver", "--stdio"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        self._messages = queue.Queue()
        self._last = 0
        threading.Thread(target=self._listen, daemon=True).start()
        uri = folder.as_uri()
        settings = {"python": {"pythonPath": sys.executable, "analysis": {"extraPaths": [str(ROOT)]}}}
        self._settings = settings
        self.call("initialize", processId=os.getpid(), rootUri=uri, capabilities={"workspace": {"configuration": True}},
                  workspaceFolders=[{"uri": uri, "name": "test"}])  # fmt: skip
        self.notify("initialized")

    def close(self):
        with contextlib.suppress(OSError):
            self.notify("exit")
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self):
        stream = self._process.stdout
        while line := stream.readline():
            size = 0
            while line.strip():
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
                line = stream.readline()
            if size:
                self._messages.put(json.loads(stream.read(size)))
        self._messages.put(None)

    def _send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def notify(self, method, **params):
        self._send(method=method, params=params)

    def call(self, method, **params):
        """The result of a request; requests of the server are answered meanwhile."""
        self._last += 1
        self._send(id=self._last, method=method, params=params)
        while True:
            message = self._messages.get(timeout=TIMEOUT)
            assert message is not None, "pyright has ended"
            if "method" in message:
                if message["method"] == "workspace/configuration":
                    wanted = [self._setting(item.get("section") or "") for item in message["params"]["items"]]
                    self._send(id=message["id"], result=wanted)
                elif "id" in message:
                    self._send(id=message["id"], result=None)
            elif message["id"] == self._last:
                assert "error" not in message, message["error"]
                return message["result"]

    def _setting(self, section):
        found = self._settings
        for part in filter(None, section.split(".")):
            found = found.get(part, {})
        return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = LanguageServer(tmp_path_factory.mktemp("project"))
    yield server
    server.close()


@pytest.fixture
def editor(server, tmp_path):
    """A function from code to the parameters of a request about the place of its end."""
    numbers = iter(range(100))

    def opened(code):
        uri = (tmp_path / f"program{next(numbers)}.py").as_uri()
        text = f"import pandas as pd\nimport pandas_shooju as sj\n{code}"
        server.notify(
            "textDocument/didOpen", textDocument={"uri": uri, "languageId": "python", "version": 1, "text": text}
        )
        lines = text.split("\n")
        return {"textDocument": {"uri": uri}, "position": {"line": len(lines) - 1, "character": len(lines[-1])}}

    return opened


def completions(server, place):
    result = server.call("textDocument/completion", **place, context={"triggerKind": 1})
    items = result["items"] if isinstance(result, dict) else result or []
    return {item["label"] for item in items if not item["label"].startswith("__")}


def signatures(server, place):
    result = server.call("textDocument/signatureHelp", **place, context={"triggerKind": 1, "isRetrigger": False})
    assert result is not None
    return [signature["label"] for signature in result["signatures"]]


def test_the_package_offers_its_public_names(server, editor):
    offered = completions(server, editor("sj."))
    assert set(sj.__all__) <= offered
    # pyright also offers what a module imports for itself
    assert offered - set(sj.__all__) <= {"annotations", "importlib", "register", "Any", "TYPE_CHECKING", "_MODULES"}


def test_the_accessor_offers_its_methods(server, editor):
    offered = completions(server, editor("sj.ShoojuAccessor(pd.DataFrame())."))
    assert {"describe", "diff", "plot", "write", "known_at", "series_ids", "fields"} <= offered


def test_the_signature_of_read_shooju_has_an_overload_for_frames_and_one_for_chunks(server, editor):
    found = signatures(server, editor("sj.read_shooju("))
    assert len(found) == 2
    for label in found:
        for argument in ("query:", "fields:", "reported_date:", "layout:", "connection:"):
            assert argument in label
    assert found[0].endswith("-> DataFrame")
    assert found[1].endswith("-> FrameIterator")


def test_the_signatures_of_write(server, editor):
    (function,) = signatures(server, editor("sj.write("))
    assert function.startswith("(data:")
    (method,) = signatures(server, editor("sj.ShoojuAccessor(pd.DataFrame()).write("))
    assert method.startswith("(job:")
    for label in (function, method):
        assert "changed_from:" in label
        assert label.endswith("-> WriteResult")


def test_the_signatures_of_plot_and_of_the_accessor(server, editor):
    (plot,) = signatures(server, editor("sj.ShoojuAccessor(pd.DataFrame()).plot("))
    assert plot.startswith("(*, kind:")
    assert plot.endswith("-> Axes")
    (accessor,) = signatures(server, editor("sj.ShoojuAccessor("))
    assert accessor.startswith("(data:")


def test_a_hover_shows_the_documentation(server, editor):
    place = editor("sj.read_shooju")
    place["position"]["character"] -= 1
    shown = json.dumps(server.call("textDocument/hover", **place))
    assert "read_shooju" in shown
    assert "Read series" in shown

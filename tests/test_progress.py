"""Progress bars are shown where somebody is watching: in a terminal, in a notebook, or on request."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("tqdm")

# longer than the second after which a bar is shown by default
WORK = """
import time
from pandas_shooju.progress import Progress
with Progress("reading", "series", {show}) as bar:
    bar.advance(1, 4)
    time.sleep(1.2)
    bar.advance(2, 4)
    print("working")
"""


def environment(**given):
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "TERM")}
    path = os.pathsep.join(path for path in sys.path if path)
    return {**inherited, "PYTHONPATH": path, "TERM": "xterm", **given}


def in_terminal(show=None, **given):
    """What a program writes to a terminal, if its errors go there."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(
        [sys.executable, "-c", WORK.format(show=show)],
        stdout=subprocess.PIPE, stderr=theirs, env=environment(**given),
    ) as process:  # fmt: skip
        os.close(theirs)
        written = b""
        while True:
            try:
                some = os.read(ours, 4096)
            except OSError:  # how Linux says that the other side is closed
                break
            if not some:
                break
            written += some
        printed = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0, written
    assert printed == b"working\n"
    return written.decode()


def in_pipe(show=None, **given):
    command = [sys.executable, "-c", WORK.format(show=show)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(**given), check=True)
    assert done.stdout == "working\n"
    return done.stderr


def test_a_bar_in_a_terminal_has_the_count_the_total_and_the_rate_and_disappears_at_the_end():
    written = in_terminal()
    assert "reading:  75%" in written
    assert "3/4" in written
    assert "series/s" in written
    assert written.rstrip("\r\n").endswith(" ")  # overwritten by blanks


def test_there_is_none_in_a_pipe():
    assert in_pipe() == ""


def test_there_is_none_on_a_ci_server_or_in_a_dumb_terminal():
    assert in_terminal(CI="true") == ""
    assert in_terminal(TERM="dumb") == ""


def test_it_is_shown_on_request_and_never_otherwise():
    assert "3/4" in in_pipe(show=True, CI="true")
    assert in_terminal(show=False) == ""

"""Forked processes and an embedded store; the programs are in `forking`."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("forked", "embedded"), marks=needs_fork),
        pytest.param(("forked", "served"), marks=needs_fork),
        *(("pool", "embedded", method) for method in multiprocessing.get_all_start_methods()),
        *(("pool", "served", method) for method in multiprocessing.get_all_start_methods()),
        pytest.param(("memory",), marks=needs_fork),
        pytest.param(("in a call",), marks=needs_fork),
    ],
    ids=" ".join,
)
def test_processes_share_a_store(tmp_path, arguments):
    what, *further = arguments
    command = [sys.executable, "-W", "ignore", "-m", "tests.local.forking", what, str(tmp_path), *further]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


def test_it_can_be_imported_where_there_are_no_forks():
    code = """
import os
for name in ("fork", "register_at_fork"):
    if hasattr(os, name):
        delattr(os, name)
from pandas_shooju.local import open_app
open_app(":memory:").close()
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr

"""In a live IPython kernel, completions and ``?`` show what there is to use; objects and progress are shown."""

import importlib.util
import os
import pydoc
import re
import sys
import textwrap

import pytest

import pandas_shooju as sj

manager = pytest.importorskip("jupyter_client.manager")
pytest.importorskip("ipykernel")

TIMEOUT = 300  # seconds; the first completion imports much

SETUP = """
import pandas as pd
import pandas_shooju as sj
df = pd.DataFrame({"a": [1.0]}, pd.DatetimeIndex(["2024-01-01"]))
groups = df.groupby("a")
conn = sj.Connection("local::memory:")
"""
METHODS = [
    "describe",
    "diff",
    "fields",
    "first_release",
    "known_at",
    "latest",
    "plot",
    "revisions",
    "series_ids",
    "write",
]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """The client of a kernel in which the package is imported."""
    folder = tmp_path_factory.mktemp("ipython")
    path = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": path, "IPYTHONDIR": str(folder), "MPLBACKEND": "agg"}
    running, client = manager.start_new_kernel(
        startup_timeout=TIMEOUT, kernel_name="python3", env=environment, cwd=folder
    )
    try:
        run(client, SETUP)
        yield client
    finally:
        client.stop_channels()
        running.shutdown_kernel(now=True)


def run(client, code):
    """Run some code, and return what it shows."""
    shown = []
    content = client.execute_interactive(code, timeout=TIMEOUT, output_hook=shown.append)["content"]
    assert content["status"] == "ok", content
    return [message["content"] for message in shown]


def completions(client, code):
    """What a kernel offers after some code."""
    content = client.complete(code, reply=True, timeout=TIMEOUT)["content"]
    assert content["status"] == "ok"
    start = content["cursor_start"]
    offered = {code[:start] + match for match in content["matches"]}
    return sorted(re.split(r"[.(]", match)[-1] for match in offered)


def described(client, name):
    """What a kernel shows for a name with a question mark."""
    content = client.inspect(name, reply=True, timeout=TIMEOUT)["content"]
    assert content["found"], name
    return re.sub(r"\x1b\[[0-9;]*m", "", content["data"]["text/plain"])


@pytest.fixture(params=[False, True], ids=["IPython", "jedi"])
def completer(kernel, request):
    run(kernel, f"get_ipython().Completer.use_jedi = {request.param}")
    return kernel


def test_the_package_offers_its_public_names_only(completer):
    assert completions(completer, "sj.") == sorted(sj.__all__)


def test_pandas_offers_read_shooju(completer):
    assert completions(completer, "pd.read_sho") == ["read_shooju"]


def test_the_accessor_offers_its_methods_only(completer):
    assert set(METHODS) <= set(completions(completer, "df.shooju."))
    assert all(not name.startswith("_") for name in completions(completer, "df.shooju."))
    assert completions(completer, "df.a.shooju.") == completions(completer, "df.shooju.")


def test_the_query_builder_offers_what_builds_queries(completer):
    assert completions(completer, "sj.query.") == sorted(sj.query.__all__)


def test_arguments_are_offered(completer):
    assert "max_points=" in completions(completer, "pd.read_shooju(max_")
    assert "remove_others=" in completions(completer, "df.shooju.write(remove_")


@pytest.mark.parametrize("name", ["pd.read_shooju", "sj.read_shooju"])
def test_the_signature_of_read_shooju(kernel, name):
    text = described(kernel, name)
    assert re.search(rf"{re.escape(name)}\(\s*query: .*,\s*fields: .* = None,\s*\*,\s*df: ", text)
    assert "Read series" in text


def test_the_signatures_of_methods_do_not_have_the_data(kernel):
    for name in ("df.shooju.write", "df.a.shooju.write", "groups.shooju.write"):
        assert re.search(rf"{re.escape(name)}\(\s*job: ", described(kernel, name))
    assert re.search(r"sj\.write\(\s*data: ", described(kernel, "sj.write"))
    assert re.search(r"df\.shooju\.plot\(\s*\*,\s*kind: ", described(kernel, "df.shooju.plot"))


def test_objects_are_shown_as_html(kernel):
    for name in ("conn", "df.shooju"):
        (shown,) = [content["data"] for content in run(kernel, name) if "data" in content]
        assert shown["text/html"].startswith("<div")
        assert shown["text/plain"].startswith(("Connection('local::memory:'", "1 series\n"))


@pytest.mark.skipif(importlib.util.find_spec("ipywidgets") is not None, reason="with ipywidgets, the bar is a widget")
@pytest.mark.skipif(importlib.util.find_spec("tqdm") is None, reason="requires tqdm")
def test_progress_is_shown_in_a_notebook(kernel):
    code = """
        import time
        from pandas_shooju.progress import Progress
        with Progress("reading", "series", None) as bar:
            time.sleep(1.2)
            bar.advance(3, 4)
    """
    written = "".join(
        content["text"] for content in run(kernel, textwrap.dedent(code)) if content.get("name") == "stderr"
    )
    assert "3/4" in written
    assert "series/s" in written


def test_help_about_queries_is_about_queries():
    text = pydoc.render_doc(sj.query, renderer=pydoc.plaintext)
    assert "pandas_shooju.query - Build queries and expressions" in text

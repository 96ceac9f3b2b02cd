"""The notebooks run from top to bottom, and show the outputs that are stored with them.

After a change of a notebook, or of what it shows, this stores its outputs anew::

    python -m tests.test_notebooks
"""

import os
import sys
import tempfile
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").rglob("*.ipynb"))

#: what notebooks need beyond the extra `notebooks`
REQUIRED = {"scale": ("dask.dataframe", "distributed", "duckdb", "polars", "pyarrow")}

ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    # a slow machine is no failure, and no output of a cell
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "300s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "300s",
    "DASK_LOGGING__DISTRIBUTED": "critical",
}


def executed(path, folder):
    """The notebook, executed in a folder of its own."""
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", record_timing=False, resources={"metadata": {"path": str(folder)}}
    )
    return client.execute(env={**os.environ, **ENVIRONMENT})


def shown(cell):
    """The text that a cell shows, line by line, whatever the spacing."""
    texts = []
    previous = None
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        stream = output.get("name")
        if stream is not None and stream == previous:  # the kernel sends what is printed in pieces
            texts[-1] += text
        else:
            texts.append(text)
        previous = stream
    return [line.split() for text in texts for line in text.splitlines()]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    for module in REQUIRED.get(path.stem, ()):
        pytest.importorskip(module)
    stored = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    cells = [cell for cell in executed(path, tmp_path).cells if cell.cell_type == "code"]
    problems = [
        output.get("text", output.output_type)
        for cell in cells
        for output in cell.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert not problems
    assert any(shown(cell) for cell in stored)
    for before, now in zip(stored, cells, strict=True):
        assert shown(now) == shown(before), now.source


def test_there_is_one_to_start_with():
    assert "start" in [path.stem for path in NOTEBOOKS]


if __name__ == "__main__":
    for notebook in map(Path, sys.argv[1:] or NOTEBOOKS):
        with tempfile.TemporaryDirectory() as scratch:
            result = executed(notebook, scratch)
        result.metadata = {"kernelspec": result.metadata["kernelspec"], "language_info": {"name": "python"}}
        nbformat.write(result, notebook)

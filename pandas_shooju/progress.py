"""Progress bars, using tqdm: on request, and in notebooks and terminals for what takes longer than a second."""

from __future__ import annotations

import os
import sys
import warnings
from types import TracebackType
from typing import Any, Self


class Progress:
    """A context manager whose `advance` moves a progress bar, if one is shown.

    The bar has the count, the rate and, if the total is known, the time that remains.

    Parameters
    ----------
    description
        The text in front of the bar.
    unit
        The unit of the count, such as ``"series"``.
    show
        Whether to show the bar. None shows it where somebody is watching, once the work takes longer than a second: in
        a notebook, and in a terminal, but not if the output goes into a pipe or a file, or on a CI server (which sets
        the environment variable ``CI``).

    Raises
    ------
    ImportError
        If `show` is True and tqdm is not installed.
    """

    def __init__(self, description: str, unit: str, show: bool | None) -> None:
        self._bar: Any = None
        if show is False or (show is None and not _is_watched()):
            return
        try:
            with warnings.catch_warnings():  # without ipywidgets, tqdm warns and falls back to a bar of text
                warnings.simplefilter("ignore")
                from tqdm.auto import tqdm
        except ImportError:
            if show:
                raise ImportError(
                    "progress=True requires tqdm: pip install 'pandas-shooju[progress]', or pass progress=False"
                ) from None
            return
        self._bar = tqdm(desc=description, unit=f" {unit}", delay=0 if show else 1, leave=bool(show))

    def advance(self, n: int, total: int | None = None) -> None:
        """Advance the bar by `n`, and set its total if one is given."""
        if self._bar is not None:
            if total is not None:
                self._bar.total = total
            self._bar.update(n)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _is_watched() -> bool:
    return _in_notebook() or _in_terminal()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def _in_terminal() -> bool:
    """Whether the output of errors, where bars are shown, is a terminal that somebody can watch."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none (pythonw), or it is closed
        return False

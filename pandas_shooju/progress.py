"""Progress bars, using tqdm: on request, and in notebooks for anything that takes longer than a second."""

from __future__ import annotations

import sys
import warnings
from types import TracebackType
from typing import Any, Self


class Progress:
    """A context manager whose `advance` moves a progress bar, if one is shown.

    Parameters
    ----------
    description
        The text in front of the bar.
    unit
        The unit of the count, such as ``"series"``.
    show
        Whether to show the bar. None shows it in a notebook, once the work takes longer than a second.

    Raises
    ------
    ImportError
        If `show` is True and tqdm is not installed.
    """

    def __init__(self, description: str, unit: str, show: bool | None) -> None:
        self._bar: Any = None
        if show is False or (show is None and not _in_notebook()):
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


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"

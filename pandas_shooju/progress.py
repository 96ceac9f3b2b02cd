"""A progress bar where a person waits: tqdm's, shown after a second in a notebook, or when asked for."""

from __future__ import annotations

import sys
import warnings
from types import TracebackType
from typing import Any, Self


class Progress:
    """A context in which `advance` moves a bar, if there is one.

    Parameters
    ----------
    description, unit
        What is going on, and what is counted.
    show
        True, False, or None: in a notebook, once it takes more than a second.

    Raises
    ------
    ImportError
        `show` is True and tqdm is not installed.
    """

    def __init__(self, description: str, unit: str, show: bool | None) -> None:
        self._bar: Any = None
        if show is False or (show is None and not _in_notebook()):
            return
        try:
            with warnings.catch_warnings():  # without ipywidgets tqdm warns, and draws its bar as text
                warnings.simplefilter("ignore")
                from tqdm.auto import tqdm
        except ImportError:
            if show:
                raise ImportError(
                    "progress=True needs tqdm: pip install 'pandas-shooju[progress]', or say progress=False"
                ) from None
            return
        self._bar = tqdm(desc=description, unit=f" {unit}", delay=0 if show else 1, leave=bool(show))

    def advance(self, n: int, total: int | None = None) -> None:
        """So many more are done, of `total`."""
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

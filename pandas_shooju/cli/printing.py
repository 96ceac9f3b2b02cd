"""What the commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

#: rows of a table that are shown to people
_SHOWN = 100


def show_table(frame: pd.DataFrame, as_json: bool, empty: str) -> None:
    """Print a frame: its first rows to people, or all of them as a JSON list of objects.

    Parameters
    ----------
    frame
        The frame; an index without a name is left out.
    as_json
        Whether to print JSON.
    empty
        What people read if the frame has no rows.
    """
    if frame.index.name is not None:
        frame = frame.reset_index()
    if as_json:
        show_json([dict(zip(frame.columns, map(_plain, row), strict=True)) for row in frame.itertuples(index=False)])
    elif frame.empty:
        print(empty)
    else:
        print(frame.head(_SHOWN).to_string(index=False, na_rep=""))
        if len(frame) > _SHOWN:
            print(f"... and {len(frame) - _SHOWN:,} more rows; --json prints all of them")


def show_json(document: Any) -> None:
    """Print a JSON document."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=_plain, allow_nan=False))


def show_counts(counts: Mapping[str, Any], as_json: bool) -> None:
    """Print a summary, with a line for each entry, or as JSON."""
    if as_json:
        show_json(counts)
        return
    for name, value in counts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{count:,} {what}" for what, count in value.items() if count) or "none"
        print(f"{name.replace('_', ' ')}: {'' if value is None else value}")


def _plain(value: Any) -> Any:
    """A cell as JSON has it: dates in ISO format, missing values null, and infinite ones strings.

    Examples
    --------
    >>> [_plain(value) for value in (np.int64(3), pd.NaT, pd.Timestamp("2024-01-01", tz="UTC"), ["a"], np.float64(0.1))]
    [3, None, '2024-01-01T00:00:00+00:00', ['a'], 0.1]
    >>> _plain(float("-inf"))
    '-Infinity'
    """
    if isinstance(value, list | dict | str | bool):
        return value
    if pd.isna(value):
        return None
    if isinstance(value, float) and math.isinf(value):  # for which JSON has no number
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if hasattr(value, "isoformat") else value

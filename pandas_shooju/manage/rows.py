"""`Rows`: frames about points, fields and whole series, collected as columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju import clocks
from pandas_shooju.formats.columns import Float64Array, Int64Array
from pandas_shooju.layouts import str_dtype

#: stands for a missing date, as in pandas
_NO_DATE = np.iinfo(np.int64).min


class Rows:
    """The rows of a frame, in the order in which they are added.

    Parameters
    ----------
    values
        The names of the columns of values.
    word
        The name of the column that says what a row is.
    jobs
        Whether there is a column ``job``.
    """

    def __init__(self, values: tuple[str, ...], word: str, jobs: bool = False) -> None:
        self._names = values
        self._word = word
        #: for each run of rows: series, field, report date, word, number of rows
        self._runs: list[tuple[str, str | None, int, str, int]] = []
        self._dates: list[Int64Array] = []
        self._values: list[list[npt.NDArray[Any]]] = [[] for _ in values]
        self._jobs: list[Int64Array] | None = [] if jobs else None

    def points(
        self,
        word: str,
        series_id: str,
        reported_date: int | None,
        dates: Int64Array,
        *values: Float64Array,
        jobs: Int64Array | None = None,
    ) -> None:
        """Add a row for each date (milliseconds); jobs below 1 are missing."""
        if len(dates):
            run = series_id, None, _milliseconds(reported_date), word, len(dates)
            self._add(run, dates, values, np.zeros(len(dates), np.int64) if jobs is None else jobs)

    def field(
        self, word: str, series_id: str, reported_date: int | None, name: str, *values: Any, job: int | None = None
    ) -> None:
        """Add a row about a field."""
        cells = []
        for value in values:
            cell = np.empty(1, object)
            cell[0] = value
            cells.append(cell)
        self._add((series_id, name, _milliseconds(reported_date), word, 1), np.array([_NO_DATE]), cells, _one(job))

    def whole(self, word: str, series_id: str, job: int | None = None) -> None:
        """Add a row about a series as a whole."""
        nothing = [np.full(1, np.nan)] * len(self._names)
        self._add((series_id, None, _NO_DATE, word, 1), np.array([_NO_DATE]), nothing, _one(job))

    def _add(
        self,
        run: tuple[str, str | None, int, str, int],
        dates: Int64Array,
        values: Iterable[npt.NDArray[Any]],
        jobs: Int64Array,
    ) -> None:
        self._runs.append(run)
        self._dates.append(dates)
        for parts, column in zip(self._values, values, strict=True):
            parts.append(column)
        if self._jobs is not None:
            self._jobs.append(jobs)

    def frame(self) -> pd.DataFrame:
        """The frame. The columns of values are float64, or objects if any value is that of a field."""
        ids, fields, reports, words, lengths = zip(*self._runs, strict=True) if self._runs else ((),) * 5
        counts = np.array(lengths, np.int64)
        data: dict[str, Any] = {
            "series_id": _repeated(ids, counts),
            "dt": clocks.to_index(_joined(self._dates, np.int64)),
            **{name: _joined(parts, np.float64) for name, parts in zip(self._names, self._values, strict=True)},
            self._word: _repeated(words, counts),
            "field": _repeated(fields, counts),
            "reported_date": clocks.to_index(np.repeat(np.array(reports, np.int64), counts)),
        }
        if self._jobs is not None:
            jobs = _joined(self._jobs, np.int64)
            data["job"] = pd.Series(jobs, dtype="Int64").mask(jobs < 1)
        return pd.DataFrame(data)


def _milliseconds(date: int | None) -> int:
    return _NO_DATE if date is None else date


def _one(job: int | None) -> Int64Array:
    return np.array([job or 0])


def _repeated(texts: Iterable[str | None], counts: Int64Array) -> pd.Categorical:
    texts = list(texts)
    known = {text: at for at, text in enumerate(dict.fromkeys(text for text in texts if text is not None))}
    codes = np.array([-1 if text is None else known[text] for text in texts], np.int64)
    categories = pd.Index(list(known), dtype=str_dtype())
    return pd.Categorical.from_codes(np.repeat(codes, counts), categories=categories)


def _joined(parts: list[npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)

"""`WriteResult`: what a write stored, series by series, and how to send the rest again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pandas_shooju.client.buffer import SeriesWrite
from pandas_shooju.client.job import DryRunJob, RemoteJob
from pandas_shooju.errors import ConnectionError, WriteError
from pandas_shooju.progress import Progress


class WriteResult:
    r"""What a write stored, series by series.

    Attributes
    ----------
    job
        The job that wrote.
    series
        DataFrame, a row for each series: the index ``series_id``; ``points`` and ``fields``, how many were to be
        written; ``stored``, whether the server confirmed them; ``error``, why not, as far as known.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> prices = pd.Series([1.0, 2.0], index=pd.date_range("2024-01-01", periods=2), name=r"users\sam\price")
    >>> result = prices.shooju.write("prices", sid="{series_id}", connection=conn)
    >>> result
    <WriteResult: 2 points of 1 series stored by job 1>
    >>> result.series
                     points  fields  stored error
    series_id
    users\sam\price       2       0    True
    """

    def __init__(
        self, job: RemoteJob | DryRunJob | None, writes: Sequence[SeriesWrite], queries: list[str], finish: bool
    ) -> None:
        self.job = job
        self._finish = finish
        self._queries = queries
        self.series = pd.DataFrame(
            {
                "points": np.array([0 if write.points is None else len(write.points) for write in writes], np.int64),
                "fields": np.array([len(write.fields) for write in writes], np.int64),
                "stored": np.zeros(len(writes), bool),
                "error": np.full(len(writes), "", object),
            },
            index=pd.Index([write.series_id for write in writes], name="series_id", dtype=object),
        )

    @property
    def ok(self) -> bool:
        """Whether everything was stored."""
        return bool(self.series["stored"].all())

    @property
    def points(self) -> int:
        """How many points were stored."""
        return int(self.series.loc[self.series["stored"].to_numpy(), "points"].sum())

    def retry(self, progress: bool | None = None) -> WriteResult:
        """Send again what is not confirmed as stored.

        Raises
        ------
        WriteError, ConnectionError
            As from `write`: something failed again.
        """
        self._submit(progress)
        return self

    def __repr__(self) -> str:
        stored = int(self.series["stored"].sum())
        if self.job is None:
            return "<WriteResult: nothing to write>"
        if isinstance(self.job, DryRunJob):
            return f"<WriteResult: a dry run, nothing stored of {len(self.series)} series>"
        text = f"{self.points} points of {stored} series stored by job {self.job.job_id}"
        return f"<WriteResult: {text}{'' if self.ok else f', {len(self.series) - stored} series not stored'}>"

    def _submit(self, progress: bool | None, batch_size: int = 1000, workers: int = 4) -> None:
        job, queries = self.job, self._queries
        if job is None:
            return
        try:
            with Progress("writing", "series", progress) as bar:
                job.submit(batch_size=batch_size, workers=workers, progress=lambda n: bar.advance(n, len(queries)))
            if self._finish:
                job.finish()
        except (WriteError, ConnectionError) as error:
            error.result = self  # type: ignore[union-attr]
            raise
        finally:
            if not isinstance(job, DryRunJob):
                waiting = {
                    query: f"{code} ({description})" if code else "not sent"
                    for query, code, description in job.pending_frame()[["series", "error", "description"]].itertuples(
                        index=False, name=None
                    )
                }
                self.series["stored"] = [query not in waiting for query in queries]
                self.series["error"] = [waiting.get(query, "") for query in queries]

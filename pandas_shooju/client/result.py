"""`WriteResult`: what a write stored, series by series, and how to send the rest again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from pandas_shooju import display
from pandas_shooju.client.buffer import CONTAINERS, RemoveOthers, SeriesWrite
from pandas_shooju.client.job import DryRunJob, RemoteJob
from pandas_shooju.errors import ConflictError, WriteInterrupted
from pandas_shooju.formats.collector import PausedCollector
from pandas_shooju.progress import Progress
from pandas_shooju.query import id_key

#: what may be known of an item that waits, the least first
_STATES = ("unknown", "refused", "not sent")


class WriteResult:
    r"""What a write stored, series by series.

    Attributes
    ----------
    job : RemoteJob, DryRunJob or None
        The job of the write; None if there was nothing to write, so that no job was registered.
    series : DataFrame
        A row for each series, with the index ``series_id``: the numbers of ``points`` and ``fields`` to write;
        ``stored``, whether the server has confirmed all of them; ``state``, which is ``"stored"``, ``"refused"``,
        ``"superseded"`` (a newer job has written some of the dates, and the rest is stored), ``"unknown"`` (the server
        may have stored some of it) or ``"not sent"``; ``error``, the reason why it is not stored.

    Examples
    --------
    >>> import pandas as pd
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> index = pd.date_range("2024-01-01", periods=2)
    >>> prices = pd.Series([1.0, 2.0], index=index)
    >>> result = prices.shooju.write("prices", sid=r"users\sam\price", connection=conn)
    >>> result
    <WriteResult: 2 points of 1 series stored by job 1: users\sam\price>
    >>> result.series
                     points  fields  stored   state error
    series_id
    users\sam\price       2       0    True  stored
    """

    def __init__(
        self,
        job: RemoteJob | DryRunJob | None,
        writes: Sequence[SeriesWrite],
        *,
        finish: bool = False,
        batch_size: int = 1000,
        workers: int = 4,
        remove_others: RemoveOthers = None,
        register: Callable[[], RemoteJob | DryRunJob] | None = None,
    ) -> None:
        self.job = job
        self._finish = finish
        self._batch_size = batch_size
        self._workers = workers
        self._remove_others = remove_others
        self._register = register
        #: what is to be written, until the job has it
        self._writes: Sequence[SeriesWrite] | None = writes
        self._items = len(writes)
        # a series may be written several times, under several report dates
        keys = np.array([id_key(write.series_id) for write in writes], object)
        given = pd.DataFrame(
            {
                "points": np.array([0 if write.points is None else len(write.points) for write in writes], np.int64),
                "fields": np.array([len(write.fields) for write in writes], np.int64),
            },
            index=pd.Index([write.series_id for write in writes], dtype=object, name="series_id"),
        )
        first = ~pd.Series(keys).duplicated().to_numpy()
        self._keys: list[str] = keys[first].tolist()
        self.series = given if first.all() else given.groupby(keys, sort=False).sum().set_axis(given.index[first])
        self.series["stored"] = False
        self.series["state"] = np.full(len(self.series), "not sent", object)
        self.series["error"] = np.full(len(self.series), "", object)

    @property
    def ok(self) -> bool:
        """Whether everything is stored."""
        return bool(self.series["stored"].all())

    @property
    def points(self) -> int:
        """The number of points in the series that were stored."""
        return int(self.series.loc[self.series["stored"].to_numpy(), "points"].sum())

    def retry(self, progress: bool | None = None) -> WriteResult:
        """Send everything that is not confirmed as stored, with the same settings; registers the job if necessary.

        Raises
        ------
        WriteError, ConnectionError
            Something failed again; ``error.result`` is this result.
        WriteInterrupted
            The write was interrupted (Ctrl-C); ``error.result`` is this result.
        """
        if not self._items:
            return self
        try:
            with Progress("writing", "series", progress) as bar:
                self._send(lambda n: bar.advance(n, self._items))
        except KeyboardInterrupt as error:
            self._update()
            interrupted = WriteInterrupted(f"interrupted: {self!r}; error.result.retry() sends the rest")
            interrupted.result = self
            raise interrupted.with_traceback(error.__traceback__) from None
        except BaseException as error:
            error.result = self  # type: ignore[attr-defined]
            raise
        finally:
            self._update()
        return self

    def _send(self, progress: Callable[[int], None]) -> None:
        if self.job is None and self._register is not None:
            self.job = self._register()
        job = self.job
        assert job is not None
        if self._writes is not None:
            with PausedCollector(CONTAINERS * self._items):
                job.enqueue(self._writes, self._remove_others)
            self._writes = None
            if self._finish and isinstance(job, RemoteJob):
                job.finish_later()
        try:
            job.submit(batch_size=self._batch_size, workers=self._workers, progress=progress)
        except ConflictError as error:
            if error.failed is None:  # nothing waits any more
                self._finish_job(job)
            raise
        self._finish_job(job)

    def _finish_job(self, job: RemoteJob | DryRunJob) -> None:
        if self._finish:
            job.finish()
            self._finish = False

    def _update(self) -> None:
        """Note which series wait in the job, and why."""
        job = self.job
        if isinstance(job, DryRunJob) or job is None or self._writes is not None:
            return
        waiting: dict[str, tuple[str, str]] = {}
        frame = job.pending_frame()[["state", "error", "description"]]
        for name, state, error, description in frame.itertuples(name=None):
            reason = f"{error} ({description})" if description else error or state
            key = id_key(name)
            # of several items, the one of which least is known
            if key not in waiting or _STATES.index(state) < _STATES.index(waiting[key][0]):
                waiting[key] = state, reason
        for name, reason in job.superseded_by().items():
            waiting.setdefault(id_key(name), ("superseded", reason))
        self.series["stored"] = [key not in waiting for key in self._keys]
        self.series["state"] = [waiting[key][0] if key in waiting else "stored" for key in self._keys]
        self.series["error"] = [waiting[key][1] if key in waiting else "" for key in self._keys]

    def __repr__(self) -> str:
        stored, series = int(self.series["stored"].sum()), len(self.series)
        if not series:
            return "<WriteResult: nothing to write>"
        if self.job is None:
            text = f"nothing stored of {series} series, no job was registered"
        elif isinstance(self.job, DryRunJob):
            text = f"a dry run, nothing stored of {series} series"
        else:
            text = f"{self._content()} of {stored:,} series stored by job {self.job.job_id}"
            text += "" if self.ok else f", {series - stored:,} series not stored"
        example = self.series.index[int(self.series["stored"].to_numpy().argmax())]
        failed = self._failed()
        if stored or not len(failed):
            text += f": {display.printable(example)}{', ...' if series > 1 else ''}"
        if len(failed):
            text += f"; not stored: {display.printable(failed.index[0])} ({_reason(failed.iloc[0])})"
            text += ", ..." if len(failed) > 1 else ""
        return f"<WriteResult: {text}>"

    def _content(self) -> str:
        """How many points and fields were stored, in words."""
        fields = int(self.series.loc[self.series["stored"].to_numpy(), "fields"].sum())
        counts = [display.counted(self.points, "point")] if self.points or not fields else []
        return " and ".join([*counts, display.counted(fields, "field")] if fields else counts)

    def _failed(self) -> pd.DataFrame:
        """The series that were sent and not stored."""
        return self.series[~self.series["stored"] & (self.series["error"] != "")]

    def _repr_html_(self) -> str:
        stored, series = int(self.series["stored"].sum()), len(self.series)
        if not series:
            return display.card("WriteResult", [("stored", "nothing to write")])
        if isinstance(self.job, DryRunJob):
            state = f"nothing: a dry run of {display.counted(series, 'series', 'series')}"
        elif self.job is None:
            state = f"nothing of {display.counted(series, 'series', 'series')}: no job was registered"
        else:
            state = f"{self._content()} of {display.counted(stored, 'series', 'series')}"
            state = state if stored else "nothing"
        missing = self.series[~self.series["stored"]] if isinstance(self.job, RemoteJob) else self.series.iloc[:0]
        facts = [
            ("stored", state),
            ("not stored", display.counted(len(missing), "series", "series") if len(missing) else None),
            ("job", self.job.link() if isinstance(self.job, RemoteJob) else None),
            ("server", None if self.job is None else self.job.connection.raw.shown[0]),
            ("series", display.listed(self.series.index[self.series["stored"].to_numpy()])),
        ]
        if not len(missing):
            return display.card("WriteResult", facts)
        rows = [
            [name, state, display.abbreviated(error, 300)]
            for name, state, error in missing[["state", "error"]].head(display.ROWS).itertuples(name=None)
        ]
        hint = display.note("retry() sends the rest again")
        table = display.table(["series not stored", "state", "error"], rows, len(missing))
        return display.card("WriteResult", facts, table, hint)


def _reason(failed: pd.Series) -> str:
    """Why a series was not stored, in brief."""
    return display.abbreviated(failed["error"] if failed["state"] != "unknown" else f"unknown: {failed['error']}")

"""Jobs. What the server refuses is raised once, and leaves the job; dates are cut off to milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from pandas_shooju.client import job
from pandas_shooju.client.base_job import Hook, Job, Points
from pandas_shooju.client.buffer import RemoveOthers
from pandas_shooju.client.points import Date, Point, to_milli
from pandas_shooju.client.submission import Answered
from pandas_shooju.compat.errors import WrongArgumentsError
from pandas_shooju.errors import ShoojuError
from pandas_shooju.formats import PointColumns

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

__all__ = ["BaseJob", "DryRunJob", "RemoteJob"]


class BaseJob(Job):
    """What all jobs have in common; a batch size of 0 means 1, and names of fields may be numbers."""

    def __init__(
        self,
        conn: Connection,
        job_id: int | None,
        batch_size: int = 1,
        pre_hooks: Iterable[Hook] | None = None,
        post_hooks: Iterable[Hook] | None = None,
        collision_retry_timeout: float = 60,
        async_mode: bool = False,
        skip_meta_if_no_fields: bool = False,
    ) -> None:
        super().__init__(
            conn, job_id, max(batch_size, 1), pre_hooks, post_hooks, collision_retry_timeout, async_mode,
            skip_meta_if_no_fields,
        )  # fmt: skip

    def write(  # noqa: D102
        self,
        series_query: str,
        fields: Mapping[Any, Any] | None = None,
        points: Points | None = None,
        remove_others: RemoveOthers = None,
    ) -> None:
        super().write(series_query, _named(fields), _whole(points), remove_others)

    def write_reported(  # noqa: D102
        self,
        series_query: str,
        reported_date: Date,
        fields: Mapping[Any, Any] | None = None,
        points: Points | None = None,
    ) -> None:
        super().write_reported(series_query, to_milli(reported_date), _named(fields), _whole(points))

    def delete_reported(
        self, series_query: str, reported_dates: Date | Iterable[Date] | None = None, delete_all: bool = False
    ) -> None:
        """Delete what was written as reported at some dates.

        Raises
        ------
        ShoojuApiError
            The arguments are wrong (then it is also a `ValueError`), or the server refused the deletion.
        """
        try:
            if isinstance(reported_dates, Iterable) and not isinstance(reported_dates, str):
                reported_dates = [to_milli(date) for date in reported_dates]
            elif reported_dates not in (None, "all"):
                reported_dates = to_milli(reported_dates)
            super().delete_reported(series_query, reported_dates, delete_all)
        except ShoojuError:
            raise
        except (TypeError, ValueError) as error:
            raise WrongArgumentsError(str(error)) from None


class RemoteJob(BaseJob, job.RemoteJob):
    """A job on the server."""

    def _settle(self, answered: Answered) -> int:
        stored = super()._settle(answered)
        with self._lock:
            self._buffer.remove(item for item, _ in answered if item.error is not None)
        return stored


class DryRunJob(BaseJob, job.DryRunJob):
    """A job that prints what it would do and sends nothing."""


def _whole(points: Points | None) -> Points | None:
    """Points whose dates are cut off to milliseconds."""
    if isinstance(points, pd.Series):
        if not isinstance(points.index, pd.DatetimeIndex) or points.index.unit not in ("us", "ns"):
            return points
        index = points.index if points.index.tz is None else points.index.tz_convert("UTC")
        return points.set_axis(index.floor("ms"))
    if points is None or isinstance(points, PointColumns | str | bytes | dict) or not isinstance(points, Iterable):
        return points
    return [row for point in points for row in _rows(point)]


def _rows(point: Any) -> Iterable[Any]:
    """A point as rows of dates and values; what is like a point, or made from one, says so by ``to_dict``."""
    if type(point) is Point:
        return ((to_milli(point.datetime), point.value),)
    return point.to_dict().items() if hasattr(point, "to_dict") else (point,)


def _named(fields: Mapping[Any, Any] | None) -> dict[str, Any] | None:
    return None if fields is None else {str(name): value for name, value in fields.items()}

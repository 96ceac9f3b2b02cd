"""What a job did to series, page by page, and the frames and counts that are made of it.

The embedded Shooju tells all of it in one place (the response to the job says where). Of other servers it is asked by
differences and by comparing what was before the job with what was after it, see :mod:`pandas_shooju.manage.comparing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pandas_shooju.client.transport import Client
from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.columns import Float64Array, Int64Array
from pandas_shooju.manage.rows import Rows
from pandas_shooju.manage.trash import TRASH, is_trashed
from pandas_shooju.values import same_value

#: the series of one request
_PAGE = 500


class FieldChange(NamedTuple):
    """What a job did to a field; None is a missing field."""

    name: str
    new: Any
    old: Any
    now: Any
    #: the job that wrote the field last; None if that is not known
    job: int | None


class Part(NamedTuple):
    """What a job did to a series itself, or to one of its reports.

    The columns have a row for each date; NaN is a missing point. A job of 0 is none, and -1 is one that is not known.
    """

    #: milliseconds; None for the series itself
    reported_date: int | None
    dates: Int64Array
    new: Float64Array
    old: Float64Array
    now: Float64Array
    jobs: Int64Array
    fields: list[FieldChange]

    @property
    def replaces(self) -> bool:
        """Whether the job replaced or removed anything."""
        return bool((~np.isnan(self.old)).any()) or any(field.old is not None for field in self.fields)


class SeriesChanges(NamedTuple):
    """What a job did to a series."""

    series_id: str
    #: whether the job created it
    created: bool
    #: the jobs that moved it to the trash, the last one last
    deleted_by: list[int]
    #: whether it has points or fields that other jobs wrote
    shared: bool
    parts: list[Part]

    @property
    def own(self) -> bool:
        """Whether the job created the series, and undoing it leaves nothing that other jobs wrote."""
        return self.created and not self.shared and not any(part.replaces for part in self.parts)

    @property
    def trashed(self) -> bool:
        """Whether the series is in the trash."""
        return is_trashed(self.series_id)

    @property
    def original_id(self) -> str:
        """The id that the series has outside of the trash."""
        return self.series_id[len(TRASH) :] if self.trashed else self.series_id


class Lost(NamedTuple):
    """A series that a job deleted, and that is gone for good."""

    series_id: str
    #: the job by which it is lost
    job: int


class Page(NamedTuple):
    """The changes of some series. After the first page with `series`, no others are `lost`."""

    series: list[SeriesChanges]
    lost: list[Lost]


def pages(client: Client, path: str) -> Iterator[Page]:
    """The changes of a job, as an embedded Shooju tells them under `path`."""
    after: int | None = 0
    while after is not None:
        answer = client.get(path, params={"scroll_id": after, "per_page": _PAGE})
        try:
            series = [_series(item) for item in answer["changes"]]
            lost = [Lost(str(name), int(job)) for name, job in answer["lost"]]
            following = answer["scroll_id"]
        except (KeyError, TypeError, ValueError) as error:
            raise ShoojuFormatError(f"the changes of a job have an unexpected form: {error!r}") from None
        # a page of lost series is negative, and all of these come first
        if following is not None and not (
            isinstance(following, int) and (following < min(after, 0) or following > after)
        ):
            raise ShoojuFormatError(f"the changes of a job are followed by {following!r}")
        yield Page(series, lost)
        after = following


def _series(item: dict[str, Any]) -> SeriesChanges:
    return SeriesChanges(
        item["series_id"], item["created"], item["deleted_by"], item["shared"], [_part(one) for one in item["parts"]]
    )


def _part(given: dict[str, Any]) -> Part:
    dates, jobs = (np.array(given[name], np.int64) for name in ("dates", "jobs"))
    new, old, now = (np.array(given[name], np.float64) for name in ("new", "old", "now"))
    return Part(given["reported_date"], dates, new, old, now, jobs, [FieldChange(*one) for one in given["fields"]])


def differs(one: Float64Array, other: Float64Array) -> npt.NDArray[np.bool_]:
    """Where two columns of values differ; two missing values do not."""
    equal: npt.NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return ~equal


# --- frames and counts -------------------------------------------------------------------------------------------


def frame_of(found: Iterable[Page], job: int) -> pd.DataFrame:
    """A row for each point and field that a job changed, and for each series that it created or deleted."""
    rows = Rows(("old", "new"), "kind")
    for page in found:
        for series in page.series:
            series_id = series.original_id
            if series.created:
                rows.whole("series created", series_id)
            for part in series.parts:
                for kind, which in _kinds(part).items():
                    dates, old, new = part.dates[which], part.old[which], part.new[which]
                    rows.points(kind, series_id, part.reported_date, dates, old, new)
                for field in part.fields:
                    if kind_of := _kind(field):
                        rows.field(kind_of, series_id, part.reported_date, field.name, field.old, field.new)
        for series_id in _deleted(page, job):
            rows.whole("series deleted", series_id)
    return rows.frame()


def counts_of(found: Iterable[Page], job: int) -> dict[str, dict[str, int]]:
    """The numbers of series, points and fields that a job changed, by kind."""
    kinds = ("added", "changed", "deleted")
    series = {"created": 0, "changed": 0, "deleted": 0}
    names = ("points", "fields", "reported_points", "reported_fields")
    counts = {name: dict.fromkeys(kinds, 0) for name in names}
    for page in found:
        series["deleted"] += len(_deleted(page, job))
        for one in page.series:
            touched = 0
            for part in one.parts:
                prefix = "" if part.reported_date is None else "reported_"
                for kind, which in _kinds(part).items():
                    touched += (number := int(which.sum()))
                    counts[f"{prefix}points"][kind] += number
                for field in part.fields:
                    if kind_of := _kind(field):
                        touched += 1
                        counts[f"{prefix}fields"][kind_of] += 1
            series["created"] += one.created
            series["changed"] += touched > 0 and not one.created
    return {"series": series, **counts}


def _kinds(part: Part) -> dict[str, npt.NDArray[np.bool_]]:
    """Which points were added, changed and deleted."""
    before, after = ~np.isnan(part.old), ~np.isnan(part.new)
    return {
        "added": after & ~before,
        "changed": after & before & (part.new != part.old),
        "deleted": before & ~after,
    }


def _kind(field: FieldChange) -> str | None:
    if same_value(field.old, field.new):
        return None
    return "added" if field.old is None else "deleted" if field.new is None else "changed"


def _deleted(page: Page, job: int) -> list[str]:
    """The series that a job deleted."""
    trashed = [one.original_id for one in page.series if one.trashed and one.deleted_by[-1:] == [job]]
    return trashed + [one.series_id for one in page.lost]

"""`SeriesTable`: many series as columns, the form in which they become frames.

A column is either a list of Python values with None for missing ones, or a pyarrow array
(:mod:`pandas_shooju.formats.arrow`), which needs no Python object per series. :func:`values_of` gives a list for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.columns import Int64Array, PointColumns

Column: TypeAlias = Any  # list[Any] | pyarrow.Array | pyarrow.ChunkedArray


class SeriesTable:
    r"""Series, their fields and their points, as columns.

    Parameters
    ----------
    series_ids
        A column of strings.
    fields
        A column for each field, in order of appearance.
    points
        The points of all series, one after the other.
    counts
        int64, the number of points of each series.
    zones
        The time zone of each series, None for UTC; None if no series is localized.

    Examples
    --------
    >>> table = SeriesTable.of([{"series_id": r"users\sam\a", "fields": {"unit": "MW"}}, {"series_id": r"users\sam\b"}])
    >>> len(table), table.fields["unit"], table.counts.tolist()
    (2, ['MW', None], [0, 0])
    """

    __slots__ = ("counts", "fields", "points", "series_ids", "zones")

    def __init__(
        self,
        series_ids: Column,
        fields: dict[str, Column],
        points: PointColumns,
        counts: Int64Array,
        zones: list[str | None] | None,
    ) -> None:
        self.series_ids = series_ids
        self.fields = fields
        self.points = points
        self.counts = counts
        self.zones = zones

    @classmethod
    def of(cls, series: Sequence[Mapping[str, Any]], points: PointColumns | None = None) -> SeriesTable:
        """A table of decoded series; `points` are all their points, where the caller has them in one piece.

        Raises
        ------
        ShoojuFormatError
            A series has no id, or its fields or its time zone are not objects.
        """
        for item in series:
            if not isinstance(item.get("series_id"), str) or not isinstance(item.get("fields"), dict | None):
                raise ShoojuFormatError(
                    "a series must have a string as series_id and an object as fields, "
                    f"got {str(item.get('series_id'))[:100]!r} and {str(item.get('fields'))[:100]!r}"
                )
        own = [item.get("points") for item in series]
        if points is None:
            points = PointColumns.concat([part for part in own if part is not None])
        fields = [item.get("fields") or {} for item in series]
        names = dict.fromkeys(name for of_one in fields for name in of_one)
        return cls(
            [item["series_id"] for item in series],
            {name: [of_one.get(name) for of_one in fields] for name in names},
            points,
            np.fromiter((0 if part is None else len(part) for part in own), np.int64, len(own)),
            [_zone(item) for item in series] if any("tz" in item for item in series) else None,
        )

    @classmethod
    def concat(cls, tables: Sequence[SeriesTable]) -> SeriesTable:
        """The series of several tables, one after the other."""
        if len(tables) == 1:
            return tables[0]
        lengths = [len(table) for table in tables]
        names = dict.fromkeys(name for table in tables for name in table.fields)
        zones = [zone for table in tables for zone in (table.zones or repeat(None, len(table)))]
        return cls(
            _joined([table.series_ids for table in tables], lengths),
            {name: _joined([table.fields.get(name) for table in tables], lengths) for name in names},
            PointColumns.concat([table.points for table in tables]),
            np.concatenate([np.empty(0, np.int64), *(table.counts for table in tables)]),
            zones if any(table.zones for table in tables) else None,
        )

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, key: slice) -> SeriesTable:
        """The series at these positions."""
        start, stop, _ = key.indices(len(self))
        ends = np.cumsum(self.counts)
        upto = int(ends[stop - 1]) if stop > start else 0
        first = int(ends[start - 1]) if stop > start > 0 else 0
        return SeriesTable(
            self.series_ids[start:stop],
            {name: column[start:stop] for name, column in self.fields.items()},
            self.points[first:upto],
            self.counts[start:stop],
            self.zones and self.zones[start:stop],
        )

    def with_ids(self, series_ids: Column) -> SeriesTable:
        """The same series under other ids."""
        return SeriesTable(series_ids, self.fields, self.points, self.counts, self.zones)

    def without_missing(self) -> SeriesTable:
        """The same series without the points whose value is missing."""
        missing = np.isnan(self.points.values)
        if not missing.any():
            return self
        lost = np.bincount(np.repeat(np.arange(len(self)), self.counts)[missing], minlength=len(self))
        return SeriesTable(self.series_ids, self.fields, self.points[~missing], self.counts - lost, self.zones)

    def column(self, name: str) -> Column:
        """A field of each series; ``"series_id"`` is the series id."""
        if name == "series_id":
            return self.series_ids
        return self.fields.get(name, list(repeat(None, len(self))))


def values_of(column: Column) -> list[Any]:
    """A column as a list of Python values; None for missing ones."""
    values: list[Any] = column if isinstance(column, list) else column.to_pylist()
    return values


def _zone(series: Mapping[str, Any]) -> str | None:
    tz = series.get("tz") or {}
    zone = tz.get("timezone") if isinstance(tz, dict) else tz
    if zone is not None and not (isinstance(tz, dict) and isinstance(zone, str)):
        raise ShoojuFormatError(f"the 'tz' of a series must be an object with a string 'timezone', got {tz!r}")
    return zone


def _joined(columns: Sequence[Column | None], lengths: Sequence[int]) -> Column:
    """One column of several; one that is missing gives None for each of its series."""
    kinds = {None if column is None or isinstance(column, list) else column.type for column in columns}
    if len(kinds) == 1 and None not in kinds:
        import pyarrow as pa

        chunks = [
            chunk
            for column in columns
            for chunk in (column.chunks if isinstance(column, pa.ChunkedArray) else [column])
        ]
        return pa.chunked_array(chunks)
    joined: list[Any] = []
    for column, length in zip(columns, lengths, strict=True):
        joined += repeat(None, length) if column is None else values_of(column)
    return joined

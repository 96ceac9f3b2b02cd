"""`SeriesTable`: many series as columns, the form in which they become frames.

What a column is depends on where it came from: a list of Python values, None where there is none, or an array of
pyarrow (:mod:`pandas_shooju.formats.arrow`), which has no Python object per series. :func:`values_of` gives the former.
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
        A column of text.
    fields
        Of each field a column, in order of appearance.
    points
        Of all the series, one after the other.
    counts
        int64, how many of the points each series has.
    zones
        The timezone of each localized series, None for one in UTC; None if none is localized.

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
        """A table of decoded series; `points` are theirs, one after the other, where they are at hand so.

        Raises
        ------
        ShoojuFormatError
            A series has no id, or its fields are no object.
        """
        for item in series:
            if not isinstance(item.get("series_id"), str) or not isinstance(item.get("fields"), dict | None):
                raise ShoojuFormatError(
                    f"a series has the id {item.get('series_id')!r} and the fields {item.get('fields')!r}; "
                    "a text and an object were expected"
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
        """The series of several, one after the other."""
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
        """The series in a stretch of it."""
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

    def column(self, name: str) -> Column:
        """A field of each series; ``"series_id"`` is the series id."""
        if name == "series_id":
            return self.series_ids
        return self.fields.get(name, list(repeat(None, len(self))))


def values_of(column: Column) -> list[Any]:
    """A column as a list of Python values, None where there is none."""
    values: list[Any] = column if isinstance(column, list) else column.to_pylist()
    return values


def _zone(series: Mapping[str, Any]) -> str | None:
    tz = series.get("tz")
    return tz.get("timezone") if isinstance(tz, dict) else None


def _joined(columns: Sequence[Column | None], lengths: Sequence[int]) -> Column:
    """One column of several, some of them missing: None for each of so many series."""
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

"""Pairs of series: in which points, fields and reports the two differ. Read in bulk, a few thousand pairs at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from pandas_shooju.client.transport import Client
from pandas_shooju.clocks import Int64Array
from pandas_shooju.manage.columns import dates, objects, strings
from pandas_shooju.manage.states import NOTHING, Listed, Part, State, in_batches, parts_of, read
from pandas_shooju.values import same_value

#: series that are worked on at once
AT_ONCE = 5_000


@dataclass(slots=True)
class Difference:
    """In what the second series of a pair differs from the first."""

    #: how many points differ, those of reports included, with the first and the last date (milliseconds)
    points: int = 0
    first: int | None = None
    last: int | None = None
    #: the names of fields that differ, those of reports included
    fields: dict[str, None] = field(default_factory=dict)
    #: the report dates (milliseconds) under which points or fields differ
    reported_dates: list[int] = field(default_factory=list)
    #: whether both series exist
    both: bool = True
    #: whether the second series has nothing that the first does not have in the same way
    contained: bool = True

    @property
    def same(self) -> bool:
        """Whether there is no difference."""
        return self.both and not (self.points or self.fields or self.reported_dates)

    def note(self, date: int | None, one: State | None, other: State | None) -> None:
        """Note the differences between the series themselves, or between their reports of a date."""
        if date is None and (one is None or other is None):
            self.both = False
        first, second = one or NOTHING, other or NOTHING
        moments, contained = different_dates(first, second)
        if len(moments):
            self.points += len(moments)
            ends = [int(moments[0]), int(moments[-1])]
            self.first = min([*ends, *([] if self.first is None else [self.first])])
            self.last = max([*ends, *([] if self.last is None else [self.last])])
        fields = different_fields(first, second)
        self.fields |= dict.fromkeys(fields)
        if date is not None and (len(moments) or fields):
            self.reported_dates.append(date)
        kept = all(same_value(value, first.fields.get(name)) for name, value in second.fields.items())
        self.contained = self.contained and contained and kept


class _PartPair(NamedTuple):
    """A part of a pair, by the position of the pair."""

    pair: int
    reported_date: int | None
    one: Part | None
    other: Part | None

    @property
    def points(self) -> int:
        """About how many points to read of each of the two."""
        return max(part.points for part in (self.one, self.other) if part is not None)


def different_dates(one: State, other: State) -> tuple[Int64Array, bool]:
    """The dates at which points differ, and whether the second state has only points that the first one has, too."""
    a, b = one.points, other.points
    if np.array_equal(a.dates, b.dates):
        changed = a.dates[a.values != b.values]
        return changed, not len(changed)
    common, at_a, at_b = np.intersect1d(a.dates, b.dates, assume_unique=True, return_indices=True)
    changed = common[a.values[at_a] != b.values[at_b]]
    lone = np.setxor1d(a.dates, b.dates, assume_unique=True)
    return np.sort(np.concatenate((changed, lone))), not len(changed) and len(common) == len(b)


def different_fields(one: State, other: State) -> list[str]:
    """The names of the fields that differ."""
    return [
        name for name in {**one.fields, **other.fields} if not same_value(one.fields.get(name), other.fields.get(name))
    ]


def differences(
    client: Client,
    other: Client,
    pairs: Sequence[tuple[Listed, Listed]],
    advance: Callable[[int], object] = lambda number: None,
) -> Iterator[Difference]:
    """In what the second series of each pair differs from the first; `advance` is called with numbers of pairs."""
    for start in range(0, len(pairs), AT_ONCE):
        together = pairs[start : start + AT_ONCE]
        found = [Difference() for _ in together]
        for size, parts in in_batches(_parts(client, other, together), lambda part: part.points):
            ones = read(client, [part.one for part in parts if part.one is not None], size)
            others = read(other, [part.other for part in parts if part.other is not None], size)
            for part in parts:
                one = None if part.one is None else next(ones)
                found[part.pair].note(part.reported_date, one, None if part.other is None else next(others))
        yield from found
        advance(len(together))


def _parts(client: Client, other: Client, pairs: Sequence[tuple[Listed, Listed]]) -> Iterator[_PartPair]:
    of_ones = parts_of(client, [one for one, _ in pairs])
    of_others = parts_of(other, [two for _, two in pairs])
    for at, ones, others in zip(range(len(pairs)), of_ones, of_others, strict=True):
        second = {part.reported_date: part for part in others}
        for part in ones:
            yield _PartPair(at, part.reported_date, part, second.pop(part.reported_date, None))
        for date, rest in second.items():
            yield _PartPair(at, date, None, rest)


def compare(
    client: Client,
    other: Client,
    ones: Mapping[str, Listed],
    others: Mapping[str, Listed],
    advance: Callable[[int], object],
) -> pd.DataFrame:
    """A row per pair that differs; the series of a pair have the same key. See :meth:`StoredSeries.compare`."""
    common = [key for key in ones if key in others]
    pairs = [(ones[key], others[key]) for key in common]
    found = differences(client, other, pairs, advance)
    differ = {key: one for key, one in zip(common, found, strict=True) if not one.same}
    rows: list[tuple[str | None, str | None, str, Difference]] = []
    for key, one in ones.items():
        if key not in others:
            rows.append((one.series_id, None, "missing", Difference()))
        elif key in differ:
            rows.append((one.series_id, others[key].series_id, "differs", differ[key]))
    rows += [(None, one.series_id, "new", Difference()) for key, one in others.items() if key not in ones]
    return pd.DataFrame(
        {
            "series_id": strings([row[0] for row in rows]),
            "other_id": strings([row[1] for row in rows]),
            "status": pd.Categorical([row[2] for row in rows], categories=["missing", "new", "differs"]),
            "points": np.array([row[3].points for row in rows], np.int64),
            "first": dates([row[3].first for row in rows]),
            "last": dates([row[3].last for row in rows]),
            "fields": objects([list(row[3].fields) for row in rows]),
            "reported_dates": objects([list(dates(row[3].reported_dates)) for row in rows]),
        }
    )

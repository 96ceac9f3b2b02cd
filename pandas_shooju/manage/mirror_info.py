"""What a store of the embedded Shooju says about itself if it is a mirror, see :mod:`pandas_shooju.manage.mirror`."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple, Self

from pandas_shooju.client.transport import Client
from pandas_shooju.clocks import to_datetime

__all__ = ["MirrorInfo"]


class MirrorInfo(NamedTuple):
    """What a mirror holds."""

    #: the server that the series come from: a URL, or ``local:PATH``
    source: str
    #: the query that finds them there
    query: str
    #: the moment (UTC) as of which they are; None until the first copy is complete
    refreshed_at: datetime.datetime | None
    #: how many there are
    series: int
    #: how many are yet to be read, after a copy or a refresh that was interrupted
    todo: int

    @property
    def age(self) -> datetime.timedelta | None:
        """The time since `refreshed_at`."""
        return None if self.refreshed_at is None else datetime.datetime.now(datetime.UTC) - self.refreshed_at

    @classmethod
    def of(cls, description: dict[str, Any]) -> Self:
        """What a mirror holds, from its description."""
        state = description["state"]
        moment = state["refreshed_at"]
        refreshed = None if moment is None else to_datetime(moment).replace(tzinfo=datetime.UTC)
        return cls(state["source"], state["query"], refreshed, description["series"], description["todo"])

    @property
    def freshness(self) -> str:
        """When it was refreshed, and how long ago that is, in words."""
        if self.refreshed_at is None:
            return "not complete yet"
        return f"{self.refreshed_at:%Y-%m-%d %H:%M} UTC ({_words(self.age)} ago)"

    def __str__(self) -> str:
        """What it is a mirror of, and how old it is."""
        if self.refreshed_at is None:
            when = f"incomplete, {self.series:,} series copied and {self.todo:,} to go"
        else:
            when = f"as of {self.freshness}"
            when += f", refresh interrupted with {self.todo:,} series to go" if self.todo else ""
        return f"mirror of {self.query or '*'!r} on {self.source}, {when}"


def description(client: Client) -> dict[str, Any] | None:
    """The description of the mirror that a client of an embedded store reads; None for other stores."""
    found: dict[str, Any] | None = client.get("/mirror")["mirror"]
    return found


def _words(age: datetime.timedelta | None) -> str:
    """An age in words."""
    seconds = 0.0 if age is None else max(age.total_seconds(), 0.0)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number:,} {unit}{'s' * (number > 1)}"
    return "less than a minute"

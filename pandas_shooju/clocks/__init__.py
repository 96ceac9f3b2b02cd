"""Dates and time zones, on milliseconds: for the client and the embedded store alike. Pure.

Numbers in, numbers or indexes out. Which series or frames the numbers belong to is not known here.

Two kinds of milliseconds since 1970-01-01 occur. **UTC** milliseconds are instants. **Wall-clock** milliseconds are
what the clocks of a time zone show: those of a localized series on the wire, and naive local times in a frame. When the
clock goes back, an hour occurs twice (first in daylight saving time, then in standard time); when it goes forward, an
hour is skipped.

There are three ways from wall-clock times to instants, for three kinds of callers:

- :func:`wall_to_utc` reads the dates of a localized series, which the server made from instants. It never fails, and
  finds the second pass of a repeated hour by the step back in the dates.
- :func:`localize` reads the naive local times that a user writes. Where the dates do not prove which instant is meant,
  it raises :class:`LocalTimeError`.
- :func:`first_instants`, :func:`first_at` and :func:`last_at` treat each time on its own, for periods and limits.

:mod:`~pandas_shooju.clocks.clock_changes` has these three, :mod:`~pandas_shooju.clocks.zones` the zones and their
offsets, :mod:`~pandas_shooju.clocks.dates` the conversion of single dates and of indexes,
:mod:`~pandas_shooju.clocks.limits` what a limit such as ``df="2024-01"`` means, and
:mod:`~pandas_shooju.clocks.suggestions` the code that error messages suggest for making dates.
"""

from pandas_shooju.clocks.clock_changes import (
    LocalTimeError,
    first_at,
    first_instants,
    last_at,
    localize,
    utc_to_wall,
    wall_to_utc,
)
from pandas_shooju.clocks.dates import (
    DateError,
    exact_milli,
    period_starts,
    to_datetime,
    to_index,
    to_milli,
    to_milliseconds,
)
from pandas_shooju.clocks.zones import Int64Array, TimeZone, check_zone, timezone

__all__ = [
    "DateError",
    "Int64Array",
    "LocalTimeError",
    "TimeZone",
    "check_zone",
    "exact_milli",
    "first_at",
    "first_instants",
    "last_at",
    "localize",
    "period_starts",
    "timezone",
    "to_datetime",
    "to_index",
    "to_milli",
    "to_milliseconds",
    "utc_to_wall",
    "wall_to_utc",
]

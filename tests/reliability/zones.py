"""Every change of the clock in every time zone, written to an embedded store and read back."""

from __future__ import annotations

import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

import pandas_shooju as sj
from tests.test_clocks import HOUR, around_changes

FIRST, LAST = 1970, 2037
STEPS = (15, 30, 60)


def names() -> list[str]:
    """Every zone of the IANA database."""
    return sorted(zoneinfo.available_timezones() - {"localtime"})


def run(
    zones: Iterable[str], report: Callable[[str], None] = print, progress: Callable[[int], None] = lambda n: None
) -> Counter[str]:
    """Write a series for each zone and step, and read it back in three ways; how many were not exact.

    The series has the instants of two days before and after each change. It is read as it is served, converted by the
    client (``tz=``), and localized by the server (``@localize``), each of which must give exactly these instants, and
    the wall-clock times that `pandas` knows for them. Then the naive wall-clock times are written (``tz=``), which must
    be stored as these instants, or be refused because a repeated hour is not proven.
    """
    counts: Counter[str] = Counter()
    with sj.Connection("local::memory:") as conn:
        for number, name in enumerate(zones, start=1):
            zone = zoneinfo.ZoneInfo(name)
            windows = around_changes.__wrapped__(zone, FIRST, LAST) or [(0, 96 * HOUR)]
            counts["zones"] += 1
            counts["changes"] += len(windows)
            for minutes in STEPS:
                step = minutes * HOUR // 60
                utc = np.unique(np.concatenate([np.arange(begin, end, step) for begin, end in windows]))
                index = pd.DatetimeIndex(utc.astype("M8[ms]"), name="dt").tz_localize("UTC").tz_convert(zone)
                wrong = _wrong(conn, name, index, counts)
                counts["points"] += len(utc)
                counts["wrong"] += bool(wrong)
                if wrong:
                    report(f"{name} every {minutes} minutes: {wrong}")
            with conn.register_job("cleared", batch_size=10) as job:  # so that the store in memory stays small
                job.delete_series(r"sid=users\sam\zone", force=True)
            progress(number)
    return counts


def _wrong(conn: sj.Connection, name: str, index: pd.DatetimeIndex, counts: Counter[str]) -> list[str]:
    """In which ways the instants did not come back."""
    series = pd.Series(np.arange(len(index), dtype=float), index)
    sid = r"users\sam\zone"
    series.shooju.write("Zone", sid=sid, remove_others="all", connection=conn)
    wrong = []
    for way, query, tz in (
        ("as served", "", "UTC"),
        ("converted", "", name),
        ("localized by the server", f"@localize:{name}", name),
    ):
        read = pd.read_shooju([f"sid={sid}{query}"], tz=tz, connection=conn).iloc[:, 0]
        if not (
            len(read) == len(index)
            and (read.index.asi8 == index.as_unit("ms").asi8).all()
            and (read.to_numpy() == series.to_numpy()).all()
        ):
            wrong.append(way)
        # pandas 2 takes zones by name from pytz, whose rules may be those of another year
        if tz != "UTC" and not (read.index.tz_localize(None) == index.tz_convert(name).tz_localize(None)).all():
            wrong.append(f"wall-clock times {way}")
    naive = pd.Series(-series.to_numpy(), index.tz_localize(None))
    try:
        naive.shooju.write("Naive", sid=sid, tz=name, connection=conn)
    except ValueError as error:
        if "repeated" not in str(error) and "ambiguous" not in str(error):
            wrong.append(f"naive times: {error}")
        counts["not proven"] += 1
        return wrong
    counts["naive"] += 1
    read = pd.read_shooju([f"sid={sid}"], tz="UTC", connection=conn).iloc[:, 0]
    if len(read) != len(index) or not (read.to_numpy() == naive.to_numpy()).all():
        wrong.append("naive times")
    return wrong

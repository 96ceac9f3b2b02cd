"""Clock time in a zone, against the standard library, instant by instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju.local.errors import ApiError
from pandas_shooju.local.zones import from_clock, to_clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["America/Chicago", "Europe/London", "Africa/Casablanca", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
instants = st.integers(-2_500_000_000, 40_000_000_000).map(lambda seconds: seconds * 1000)


def clock_of(instant, zone):
    there = (EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone))
    return (there.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


@given(st.lists(instants, max_size=8), st.sampled_from(ZONES))
def test_the_clock_is_the_one_of_the_standard_library(dates, zone):
    expected = [clock_of(date, zone) for date in dates]
    assert to_clock(np.array(dates, np.int64), zone).tolist() == expected


@pytest.mark.parametrize("year", [1918, 1974, 2018, 3000])
@pytest.mark.parametrize("zone", ZONES)
def test_every_quarter_of_an_hour_of_a_year(year, zone):
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000
    dates = start + np.arange(0, 366 * 96, 3) * 900_000
    assert to_clock(dates, zone).tolist() == [clock_of(date, zone) for date in dates.tolist()]


@given(st.lists(instants, max_size=8), st.sampled_from(ZONES))
def test_back_from_the_clock_is_the_first_instant_that_shows_it(dates, zone):
    clock = to_clock(np.array(dates, np.int64), zone)
    back = from_clock(clock, zone)
    assert to_clock(back, zone).tolist() == clock.tolist()
    assert (back <= dates).all()


def test_a_time_that_the_clock_skips_is_the_one_after():
    skipped = int(datetime(2018, 3, 11, 2, 30, tzinfo=UTC).timestamp()) * 1000
    after = int(datetime(2018, 3, 11, 8, 30, tzinfo=UTC).timestamp()) * 1000
    assert from_clock(np.array([skipped]), "America/Chicago").tolist() == [after]


@pytest.mark.parametrize("name", ["Nowhere/City", "", "../../etc/passwd", "a\0b", "x" * 5000])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(ApiError, match="not a time zone"):
        to_clock(np.array([0]), name)

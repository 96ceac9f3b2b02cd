"""Wall-clock milliseconds give back exactly the instants they came from."""

import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandas_shooju import clocks

# half-hour daylight time, changes at midnight, a second change a year (Ramadan), a day left out, a two-hour change
ZONES = [
    "America/Chicago", "Europe/London", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "America/Sao_Paulo", "Antarctica/Troll", "UTC",
]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("step", ["h", "15min", "7min", "D"])
@pytest.mark.parametrize("start", ["1901-01-01", "1944-06-01", "2010-01-01", "2036-06-01", "2999-01-01"])
def test_every_instant_of_a_regular_series_comes_back(zone, step, start):
    index = pd.date_range(start, periods=30_000, freq=step, tz="UTC", unit="ms")
    wall = clocks.utc_to_wall(index.asi8, zone)
    assert (wall == index.tz_convert(ZoneInfo(zone)).tz_localize(None).asi8).all()
    assert (clocks.wall_to_utc(wall, zone) == index.asi8).all()


@settings(max_examples=200, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    seconds=st.lists(st.integers(-(10**10), 10**11), min_size=1, max_size=20),
)
def test_wall_clock_is_what_python_says(zone, seconds):
    utc = np.array(sorted(seconds)) * 1000
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    said = [
        (epoch + datetime.timedelta(seconds=second)).astimezone(ZoneInfo(zone)).replace(tzinfo=datetime.UTC)
        for second in sorted(seconds)
    ]
    expected = [(moment - epoch) // datetime.timedelta(milliseconds=1) for moment in said]
    assert clocks.utc_to_wall(utc, zone).tolist() == expected


@settings(max_examples=200, deadline=None)
@given(zone=st.sampled_from(ZONES), walls=st.lists(st.integers(-(10**13), 10**14), max_size=30))
def test_any_wall_clock_times_are_read_without_an_error(zone, walls):
    utc = clocks.wall_to_utc(np.array(walls, np.int64), zone)
    assert len(clocks.to_index(utc, zone, localized=False)) == len(walls)


def chicago(*texts):
    return clocks.to_index(np.array(texts, "M8[ms]").view("i8"), "America/Chicago")


def test_repeated_hour_keeps_both_instants():
    index = chicago("2018-11-04T00", "2018-11-04T01", "2018-11-04T01", "2018-11-04T02")
    assert [stamp.utcoffset() / pd.Timedelta(hours=1) for stamp in index] == [-5, -5, -6, -6]
    assert index.is_unique
    assert (np.diff(index.asi8) == 3_600_000).all()
    assert index.dtype == "datetime64[ms, America/Chicago]"


def test_a_single_time_in_the_repeated_hour_is_daylight_time():
    assert chicago("2018-11-03T01:30", "2018-11-04T01:30", "2018-11-05T01:30")[1].utcoffset() == pd.Timedelta(hours=-5)


def test_a_time_that_does_not_exist_has_the_offset_from_before_the_gap():
    index = chicago("2018-03-11T01:30", "2018-03-11T02:30", "2018-03-11T03:30")
    assert [str(stamp) for stamp in index.tz_convert("UTC")] == [
        "2018-03-11 07:30:00+00:00",
        "2018-03-11 08:30:00+00:00",
        "2018-03-11 08:30:00+00:00",
    ]


def test_several_series_in_one_array_do_not_touch():
    one = np.array(["2018-11-04T01", "2018-11-04T02"], "M8[ms]").view("i8")
    utc = clocks.wall_to_utc(np.tile(one, 3), "America/Chicago", np.array([0, 2, 4]))
    assert (utc.reshape(3, 2) == clocks.wall_to_utc(one, "America/Chicago")).all()


def test_no_dates_at_all():
    assert clocks.to_index(np.empty(0, np.int64), "Europe/London").dtype == "datetime64[ms, Europe/London]"
    assert clocks.to_index(np.empty(0, np.int64)).dtype == "datetime64[ms, UTC]"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_milliseconds_of_any_resolution(unit):
    index = pd.date_range("2024-03-31", periods=5, freq="h", tz="Europe/Berlin").as_unit(unit)
    assert clocks.to_milliseconds(index).tolist() == [int(stamp.timestamp() * 1000) for stamp in index]
    naive = index.tz_localize(None)
    assert clocks.to_milliseconds(naive).tolist() == naive.as_unit("ms").asi8.tolist()


def test_what_cannot_be_milliseconds_is_refused():
    with pytest.raises(ValueError, match=r"000000001 is finer than a millisecond.*round\('ms'\)"):
        clocks.to_milliseconds(pd.DatetimeIndex([pd.Timestamp("2024-01-01") + pd.Timedelta(1, "ns")]))
    with pytest.raises(ValueError, match="position 1 is missing"):
        clocks.to_milliseconds(pd.DatetimeIndex(["2024-01-01", None]))


def test_an_unknown_zone_is_named():
    with pytest.raises(ValueError, match="no timezone 'Mars/Olympus'"):
        clocks.check_zone("Mars/Olympus")

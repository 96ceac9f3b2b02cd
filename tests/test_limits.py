"""What `df` and `dt` may be, and which milliseconds they mean: a case for each accepted form."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandas_shooju.clocks.limits import interval, wire_limits

DAY = 86_400_000
PLUS_TWO = datetime.timezone(datetime.timedelta(hours=2))


def ms(text):
    return int(np.datetime64(text, "ms").astype(int))


WHOLE = [
    (datetime.date(2024, 1, 3), "2024-01-03", "2024-01-03T23:59:59.999"),
    ("2024-01-03", "2024-01-03", "2024-01-03T23:59:59.999"),
    (" 2024-01-03 ", "2024-01-03", "2024-01-03T23:59:59.999"),
    ("20240103", "2024-01-03", "2024-01-03T23:59:59.999"),
    ("2024-02", "2024-02-01", "2024-02-29T23:59:59.999"),
    ("2024-12", "2024-12-01", "2024-12-31T23:59:59.999"),
    ("2024", "2024-01-01", "2024-12-31T23:59:59.999"),
    ("9999", "9999-01-01", "9999-12-31T23:59:59.999"),
    (pd.Period("2024-01-03"), "2024-01-03", "2024-01-03T23:59:59.999"),
    (pd.Period("2024Q1"), "2024-01-01", "2024-03-31T23:59:59.999"),
    (pd.Period("3000"), "3000-01-01", "3000-12-31T23:59:59.999"),
    (pd.Period("2024-01-03", freq="W"), "2024-01-01", "2024-01-07T23:59:59.999"),
    (pd.Period("2024-01-03 10:00", freq="h"), "2024-01-03T10:00", "2024-01-03T10:59:59.999"),
]
EXACT = [
    (datetime.datetime(2024, 1, 3), "2024-01-03"),
    (datetime.datetime(2024, 1, 3, 10, 0, 0, 1000), "2024-01-03T10:00:00.001"),
    (datetime.datetime(2024, 1, 3, 10, tzinfo=PLUS_TWO), "2024-01-03T08:00"),
    (pd.Timestamp("2024-01-03"), "2024-01-03"),
    (pd.Timestamp("2024-01-03 10:00", tz="Asia/Kolkata"), "2024-01-03T04:30"),
    (pd.Timestamp("3000-01-01").as_unit("s"), "3000-01-01"),
    (np.datetime64("2024-01-03"), "2024-01-03"),
    (np.datetime64("2024-01"), "2024-01-01"),
    (np.datetime64("2024-01-03T10:00", "s"), "2024-01-03T10:00"),
    ("2024-01-03T00:00", "2024-01-03"),
    ("2024-01-03 10:00:00.5", "2024-01-03T10:00:00.500"),
    ("20240103T1000", "2024-01-03T10:00"),
    ("2024-01-03T10:00Z", "2024-01-03T10:00"),
    ("2024-01-03T10:00:00+02:00", "2024-01-03T08:00"),
    ("2024-01-03T10:00:00.001000000", "2024-01-03T10:00:00.001"),
    (str(pd.Timestamp("2024-01-03 10:00", tz="Asia/Kolkata")), "2024-01-03T04:30"),
    (0, "1970-01-01"),
    (-86_400_000, "1969-12-31"),
    (1_704_240_000_000, "2024-01-03"),
    (np.int64(100_000_000), "1970-01-02T03:46:40"),
    (1.70424e12, "2024-01-03"),
    ("1704240000000", "2024-01-03"),
    ("-86400000", "1969-12-31"),
]
BETWEEN = [
    datetime.datetime(2024, 1, 3, 10, 0, 0, 1),
    datetime.datetime(2024, 1, 3, 12, 0, 0, 1, tzinfo=PLUS_TWO),
    pd.Timestamp("2024-01-03 10:00:00.000000001"),
    np.datetime64("2024-01-03T10:00:00.000000001"),
    "2024-01-03T10:00:00.0000000001",
    "2024-01-03T12:00:00.000001+02:00",
    float(ms("2024-01-03T10:00")) + 0.25,
]


@pytest.mark.parametrize(("value", "first", "last"), WHOLE)
def test_a_date_is_the_whole_of_it(value, first, last):
    assert interval(value, "df", "UTC") == (ms(first), ms(last))


@pytest.mark.parametrize(("value", "instant"), EXACT)
def test_a_datetime_is_exact(value, instant):
    assert interval(value, "df", "UTC") == (ms(instant), ms(instant))


@pytest.mark.parametrize("value", BETWEEN)
def test_an_instant_between_two_milliseconds_includes_neither(value):
    at = ms("2024-01-03T10:00")
    assert interval(value, "df", "UTC") == (at + 1, at)
    assert wire_limits(value, value, "UTC") == (at + 1, at)


def test_what_is_before_1970_is_rounded_to_the_same_sides():
    for value in (pd.Timestamp(-1), np.datetime64(-1, "us"), datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), -0.5):
        assert interval(value, "df", "UTC") == (0, -1)
    assert interval(pd.Timestamp.min, "df", "UTC") == (-9223372036854, -9223372036855)
    assert interval(pd.Timestamp.max, "dt", "UTC")[1] == 9223372036854
    finer = pd.Period("2024-01-03 00:00:00.0000005", freq="ns")
    assert interval(finer, "df", "UTC") == (ms("2024-01-03") + 1, ms("2024-01-03"))


@pytest.mark.parametrize(
    "value", ["-5y", "-2y -1d", "+1d", "0d", "0db", "-1yb", "-1db +2h", "-1M", "MIN", "max", "-2y-1d"]
)
def test_what_is_relative_to_now_is_left_to_the_server(value):
    assert interval(value, "df", "Europe/London") == value


def test_naive_dates_are_in_the_zone():
    at = ms("2024-07-01")
    for value in ("2024-07-01", datetime.date(2024, 7, 1), pd.Period("2024-07-01")):
        assert interval(value, "df", "Europe/London") == (at - 3_600_000, at - 3_600_000 + DAY - 1)
    for value in (
        "2024-07-01T00:00",
        datetime.datetime(2024, 7, 1),
        pd.Timestamp("2024-07-01"),
        np.datetime64("2024-07-01"),
    ):
        assert interval(value, "df", "Europe/London") == (at - 3_600_000, at - 3_600_000)
        assert interval(value, "df", PLUS_TWO)[0] == at - 2 * 3_600_000
    for value in (pd.Timestamp("2024-07-01", tz="UTC"), "2024-07-01T00:00Z", at):
        assert interval(value, "df", "Europe/London") == (at, at)


def test_days_of_clock_changes_are_whole():
    assert wire_limits("2024-11-03", "2024-11-03", "America/Chicago") == (ms("2024-11-03T05"), ms("2024-11-04T06") - 1)
    assert wire_limits("2024-03-10", "2024-03-10", "America/Chicago") == (ms("2024-03-10T06"), ms("2024-03-11T05") - 1)
    # midnight is skipped; and a day is left out
    assert interval("2018-11-04", "df", "America/Sao_Paulo") == (ms("2018-11-04T03"), ms("2018-11-05T02") - 1)
    # far beyond the years that have names
    far = np.datetime64(150_000_000, "Y")
    assert interval(far, "df", "America/Chicago")[0] - int(far.astype("M8[ms]").astype(int)) == 6 * 3_600_000
    first, last = wire_limits("2011-12-30", "2011-12-30", "Pacific/Apia")
    assert last == first - 1
    # a repeated hour counts in full, a skipped one not at all
    assert wire_limits("2024-11-03T01:30", "2024-11-03T01:30", "America/Chicago") == (
        ms("2024-11-03T06:30"),
        ms("2024-11-03T07:30"),
    )
    assert wire_limits("2024-03-10T02:30", "2024-03-10T02:30", "America/Chicago") == (
        ms("2024-03-10T08:00"),
        ms("2024-03-10T08:00") - 1,
    )


@settings(deadline=None)
@given(
    day=st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)),
    zone=st.sampled_from(["UTC", "America/Chicago", "Africa/Casablanca", "Australia/Lord_Howe", "America/Havana"]),
)
def test_days_follow_each_other_without_gap_or_overlap(day, zone):
    first, last = interval(day, "df", zone)
    after, _ = interval(day + datetime.timedelta(days=1), "df", zone)
    assert first <= last == after - 1
    assert interval(day.isoformat(), "df", zone) == interval(f"{day:%Y%m%d}", "df", zone) == (first, last)


def test_no_limit():
    assert wire_limits(None, None, "UTC") == (None, None)
    assert wire_limits("-5y", None, "UTC") == ("-5y", None)


@pytest.mark.parametrize(
    "value",
    ["", " ", "yesterday", "2024-13", "2024-02-30", "20241301", "2024-1-3", "03/01/2024", "2024-W01",
     "2024-01-03T25:00", "2024-01-03-05:00", "12345", "202401", "2024-01-03T10:00 Europe/London", "0000", "nan"],
)  # fmt: skip
def test_other_strings_are_refused(value):
    with pytest.raises(ValueError, match="df must be"):
        interval(value, "df", "UTC")


@pytest.mark.parametrize(
    "value", [True, np.True_, pd.NaT, np.datetime64("NaT", "ms"), pd.NA, [1], datetime.time(1), b"2024"]
)
def test_other_types_are_refused(value):
    with pytest.raises(TypeError, match=r"dt must be a date or datetime .*'-5y'.*; got "):
        interval(value, "dt", "UTC")


@pytest.mark.parametrize("value", [1, 2024, 20240103, 99_999_999, 2024.0, np.int32(2024)])
def test_a_number_that_looks_like_a_date_is_refused(value):
    with pytest.raises(ValueError, match=r"df must be milliseconds since 1970-01-01 .*looks like a year.*df='\d+'"):
        interval(value, "df", "UTC")


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, float("nan"), float("inf"), np.datetime64(10**9, "Y")])
def test_what_milliseconds_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match="df must be"):
        interval(value, "df", "UTC")


@pytest.mark.parametrize("text", ["2024010310", "202401031015", "20240103101500"])
def test_digits_that_may_be_a_time_or_milliseconds_are_refused(text):
    with pytest.raises(ValueError, match="may be a date and time or milliseconds"):
        wire_limits(text, None, "UTC")
    assert wire_limits("946684800000", "1704067200000", "UTC") == (946684800000, 1704067200000)

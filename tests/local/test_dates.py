"""Dates as parameters give them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju.local.dates import Term, day_of, moment_of, parse_date, parse_span, parse_written_date, shifted
from pandas_shooju.local.errors import ApiError
from pandas_shooju.local.store.chunks import EARLIEST, LATEST


def ms(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)


NOW = ms(2024, 2, 29, 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1577836800000", ms(2020, 1, 1)),
        (1577836800000, ms(2020, 1, 1)),
        (-5.0, -5),
        ("2020-01-01", ms(2020, 1, 1)),
        ("2020-01-01T10:00", ms(2020, 1, 1, 10)),
        ("2020-01-01 10:00:30", ms(2020, 1, 1, 10, 0, 30)),
        ("2020-01-01T10:00+02:00", ms(2020, 1, 1, 8)),
        ("2020-01-01T10:00:00Z", ms(2020, 1, 1, 10)),
        ("1901-05-01", ms(1901, 5, 1)),
        ("3000-01-01", ms(3000, 1, 1)),
        ("MIN", EARLIEST),
        ("max", LATEST),
        ("-1y", ms(2023, 2, 28, 12)),
        ("-2y -1d", ms(2022, 2, 27, 12)),
        ("+1d", ms(2024, 3, 1, 12)),
        ("-1M", ms(2024, 1, 29, 12)),
        ("-1q", ms(2023, 11, 29, 12)),
        ("-1w", ms(2024, 2, 22, 12)),
        ("-12h", ms(2024, 2, 29)),
        ("-30m", ms(2024, 2, 29, 11, 30)),
        ("-9999y", EARLIEST),
        ("0d", NOW),
        ("1y", ms(2025, 2, 28, 12)),
        ("1d -1d", NOW),
        (" 1d", ms(2024, 3, 1, 12)),  # an unencoded + in a URL is a space
        ("0db", ms(2024, 2, 29)),
        ("-1db", ms(2024, 2, 28)),
        ("-1db +2h", ms(2024, 2, 28, 2)),
        ("0yb", ms(2024, 1, 1)),
        ("-1yb", ms(2023, 1, 1)),
        ("+1Mb", ms(2024, 3, 1)),
        ("0Mb -1d", ms(2024, 1, 31)),
        ("-1qb", ms(2023, 10, 1)),
        ("0wb", ms(2024, 2, 26)),
        ("0hb", ms(2024, 2, 29, 12)),
        ("30mb", ms(2024, 2, 29, 12, 30)),
        ("", None),
        (None, None),
    ],
)
def test_dates(text, expected):
    assert parse_date(text, "df", NOW) == expected


@pytest.mark.parametrize("text", ["soon", "1y2", "-1x", "1dx", "0bd", "2020-13-01", True, [1], "-", "--1d", "1e5"])
def test_what_is_no_date_is_refused_by_name(text):
    with pytest.raises(ApiError, match=r"df must be .*not a date"):
        parse_date(text, "df", NOW)


@given(st.text(max_size=20) | st.text("+-0123456789 yMdhwmq:T", max_size=20))
def test_any_text_is_a_date_or_is_refused(text):
    try:
        date = parse_date(text, "df", NOW)
    except ApiError:
        return
    assert date is None or EARLIEST <= date <= LATEST


@given(st.integers(-(2**60), 2**60), st.integers(-9999999, 9999999), st.sampled_from("yqMwdhm"), st.booleans())
def test_a_shift_stays_within_the_years_1_to_9999(date, number, unit, beginning):
    assert EARLIEST <= shifted(date, [Term(number, unit, beginning)]) <= LATEST


@given(st.integers(-(2**44), 2**44), st.integers(-50, 50), st.sampled_from("yqMwdhm"))
def test_the_beginning_of_a_period_is_never_later_and_has_no_earlier_beginning(now, number, unit):
    plain = shifted(now, [Term(number, unit)])
    beginning = shifted(now, [Term(number, unit, True)])
    assert beginning <= plain
    assert shifted(beginning, [Term(0, unit, True)]) == beginning
    assert shifted(beginning, [Term(1, unit)]) > plain


def test_spans():
    assert parse_span("1y") == [Term(1, "y")]
    assert parse_span("-2y -1db") == [Term(-2, "y"), Term(-1, "d", True)]
    assert parse_span("y") is None


@pytest.mark.parametrize("text", ["MAX", "min", "2024", "20240131", "1", "", "  "])
def test_dates_in_queries_are_particular_dates(text):
    with pytest.raises(ApiError, match="the date must be"):
        parse_written_date(text, "the date", NOW)
    assert parse_written_date("-1y", "the date", NOW) == ms(2023, 2, 28, 12)
    assert parse_written_date("1577836800000", "the date", NOW) == ms(2020, 1, 1)


def test_days_and_moments_in_fields():
    assert day_of("2024-01-31") == (ms(2024, 1, 31), ms(2024, 2, 1) - 1)
    assert moment_of("2024-01-31T10:00:00+02:00") == ms(2024, 1, 31, 8)
    for text in ("2024-01", "20240131", "2024-13-01", "2024-01-31 and more", "word", "2024-01-31T10:00"):
        assert day_of(text) is None
    assert moment_of("2024-01-31 and more") is None

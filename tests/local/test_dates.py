"""Dates as parameters give them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju.local.dates import parse_date, parse_span, shifted
from pandas_shooju.local.errors import ApiError
from pandas_shooju.local.store.points import EARLIEST, LATEST


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
        ("", None),
        (None, None),
    ],
)
def test_dates(text, expected):
    assert parse_date(text, "df", NOW) == expected


@pytest.mark.parametrize("text", ["soon", "1y", "-1x", "2020-13-01", True, [1], "-", "--1d", "1e5"])
def test_what_is_no_date_is_refused_by_name(text):
    with pytest.raises(ApiError, match=r"df is .*not a date"):
        parse_date(text, "df", NOW)


@given(st.text(max_size=20) | st.text("+-0123456789 yMdhwmq:T", max_size=20))
def test_any_text_is_a_date_or_is_refused(text):
    try:
        date = parse_date(text, "df", NOW)
    except ApiError:
        return
    assert date is None or EARLIEST <= date <= LATEST


@given(st.integers(-(2**60), 2**60), st.integers(-9999999, 9999999), st.sampled_from("yqMwdhm"))
def test_a_shift_stays_within_the_years_that_have_a_name(date, number, unit):
    assert EARLIEST <= shifted(date, [(number, unit)]) <= LATEST


def test_a_span_may_do_without_signs():
    assert parse_span("1y") == [(1, "y")]
    assert parse_span("-2y -1d") == [(-2, "y"), (-1, "d")]
    assert parse_span("y") is None

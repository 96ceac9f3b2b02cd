"""Operators: what they do to points, in which order, and which there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju.local import operators, register_operator
from pandas_shooju.local.operators import Line
from pandas_shooju.local.store.chunks import Points

HOUR = 3_600_000
PERIODS = ["h", "d", "w", "M", "q", "y"]
dates = st.lists(st.integers(-(10**9), 4 * 10**9).map(lambda s: s * 1000), min_size=1, max_size=30, unique=True)


def line(when, zone=None):
    when = np.array(sorted(when), np.int64)
    return Line(Points(when, np.arange(len(when), dtype=float), np.ones(len(when), np.int64)), {}, zone)


def pairs(points):
    return list(zip(points.dates.tolist(), points.values.tolist(), strict=True))


def frame_of(when, zone):
    index = pd.DatetimeIndex(np.array(when).astype("M8[ms]")).tz_localize("UTC").tz_convert(zone)
    return pd.Series(np.arange(len(when), dtype=float), index)


@given(dates, st.sampled_from(PERIODS))
def test_the_average_by_period_is_the_one_of_pandas(when, period):
    series = frame_of(sorted(when), "UTC")
    names = {"h": "h", "d": "D", "w": "W-SUN", "M": "M", "q": "Q", "y": "Y"}
    expected = series.groupby(series.index.tz_localize(None).to_period(names[period]).start_time).mean()
    given_back = operators.average(line(when), period).points
    stamps = expected.index.as_unit("ms").asi8
    assert given_back.dates.tolist() == stamps.tolist()
    np.testing.assert_allclose(given_back.values, expected.to_numpy())


def test_the_example_of_the_documentation():
    january = [1420070400000, 1420156800000]
    averaged = operators.average(Line(Points(np.array(january), np.array([1.0, 2.0]), np.ones(2, np.int64))), "M")
    assert pairs(averaged.points) == [(1420070400000, 1.5)]


def test_days_of_a_localized_series_begin_at_local_midnight_and_repeated_hours_are_two():
    hours = pd.date_range("2018-11-04", "2018-11-05 23:00", freq="h", tz="America/Chicago")
    when = hours.as_unit("ms").asi8
    daily = operators.average(line(when, "America/Chicago"), "d").points
    assert daily.dates.tolist() == [when[0], when[25]]
    assert daily.values.tolist() == [12.0, 36.5]
    assert operators.average(line(when, "America/Chicago"), "h").points.dates.tolist() == when.tolist()


@pytest.mark.parametrize(
    ("span", "before", "after"),
    [
        ("1y", "2023-02-28T10:00", "2024-02-28T10:00"),
        ("1M", "2024-01-31T10:00", "2024-02-29T10:00"),
        ("-1M", "2024-03-31", "2024-02-29"),
        ("1q", "2023-11-30", "2024-02-29"),
        ("1w -1d", "2024-01-01", "2024-01-07"),
        ("90m", "1969-12-31T23:00", "1970-01-01T00:30"),
    ],
)
def test_lag(span, before, after):
    when = int(pd.Timestamp(before).as_unit("ms").value // 10**6)
    shifted = operators.lag(line([when]), span).points.dates.tolist()
    assert pd.Timestamp(shifted[0], unit="ms") == pd.Timestamp(after)


def test_points_that_meet_after_a_lag_are_one_the_later():
    when = [int(pd.Timestamp(day).value // 10**6) for day in ("2024-01-30", "2024-01-31")]
    assert pairs(operators.lag(line(when), "1M").points) == [(1709164800000, 1.0)]


@given(dates, st.integers(-3000, 3000), st.sampled_from("yqMwdhm"), st.sampled_from([None, "Europe/London"]))
def test_lag_keeps_dates_in_order(when, number, unit, zone):
    shifted = operators.lag(line(when, zone), f"{number}{unit}").points
    assert (np.diff(shifted.dates) > 0).all()
    assert len(shifted.dates) == len(shifted.values) == len(shifted.revisions)


def test_operators_are_applied_left_to_right(api):
    api.put("s", [[0, 1.0], [HOUR, 3.0]])
    assert api.points("sid=s@A:d@lag:1h") == [[HOUR, 2.0]]
    assert api.points("sid=s@lag:23h@A:d") == [[0, 1.0], [24 * HOUR, 3.0]]
    # averaged by the clock of Tokyo, where the day begins nine hours earlier
    assert api.points("sid=s@localize:Asia/Tokyo@A:d") == [[0, 2.0]]
    assert api.points("sid=s@A:d@localize:Asia/Tokyo") == [[9 * HOUR, 2.0]]


def test_sums_by_period(api):
    api.put("s", [[0, 1.0], [HOUR, 3.0], [24 * HOUR, 5.0]])
    assert api.points("sid=s@S:d") == [[0, 4.0], [24 * HOUR, 5.0]]
    assert api.points("sid=s@A:d@S:M") == [[0, 7.0]]


def test_limits_of_dates_within_a_query(api):
    api.put("s", [[day * 24 * HOUR, float(day)] for day in range(60)])
    days = [[day * 24 * HOUR, float(day)] for day in range(60)]
    assert api.points("sid=s@df:1970-02-01@dt:1970-02-03") == days[31:34]
    assert api.points("sid=s@DF:1970-02-01", max_points=2) == days[31:33]
    assert api.points("sid=s@dt:1970-01-03", df="1970-01-02") == days[1:3]
    assert api.points("sid=s@df:MIN@dt:MAX", max_points=1) == days[:1]
    assert api.points("sid=s@df:-1yb") == []
    # in the order in which they are written
    assert api.points("sid=s@df:1970-01-11@A:M")[0] == [0, 20.0]
    assert api.points("sid=s@A:M@df:1970-01-11")[0] == [31 * 24 * HOUR, 44.5]
    assert api.points("sid=s@lag:1d@df:1970-03-01@dt:1970-03-02") == [[59 * 24 * HOUR, 58.0], [60 * 24 * HOUR, 59.0]]
    job = api.job()
    api.put("s", [[0, 99.0]], job=job)
    api.put("s", [[0, 5.0]])
    assert api.points(f"sid=s@asof:j{job}@dt:1970-01-01") == [[0, 99.0]]
    assert api.search("sid=s@dt:0d", fields="*")["series"] == [{"series_id": "s@dt:0d"}]


def test_ranges_and_limits_are_of_what_the_operators_give(api):
    api.put("s", [[day * 24 * HOUR, float(day)] for day in range(60)])
    monthly = api.points("sid=s@A:M")
    assert monthly == [[0, 15.0], [31 * 24 * HOUR, 44.5], [59 * 24 * HOUR, 59.0]]
    assert api.points("sid=s@A:M", df="1970-01-15", dt="1970-02-15") == monthly[1:2]
    assert api.points("sid=s@A:M", max_points=1) == monthly[:1]
    assert api.points("sid=s@lag:1d", df=24 * HOUR, dt=24 * HOUR) == [[24 * HOUR, 0.0]]


@pytest.mark.parametrize(
    ("operator", "complaint"),
    [
        ("A", "must have a period, one of h, d, w, M, q, y, got None"),
        ("A:m", "must have a period"),
        ("S:m", "operator S must have a period"),
        ("lag", "must have a span"),
        ("lag:much", "must have a span"),
        ("lag:1yb", "must have a span"),
        ("asof", "must have a job"),
        ("asof:1", "must have a job, as in @asof:j1, or a date, got 1"),
        ("asof:MAX", "must be a particular date, got MAX"),
        ("repdate:MAX", "must be a particular date, got MAX"),
        ("repfdate:min", "must be a particular date, got min"),
        ("repdate:20240131", "looks like a year, a day or a job"),
        ("df:2024", "looks like a year, a day or a job"),
        ("dt", "must be a date"),
        ("dt:soon", "not a date"),
        ("asof:j1@asof:j2", "must not occur twice"),
        ("repdate:soon", "not a date"),
        ("repdate", "must have a report date"),
        ("repdatelist:some", "all, points or fields"),
        ("pct_change", "operator PCT_CHANGE is not supported"),
        ("repdate:2001-01-01@repdatelist", "together"),
    ],
)
def test_what_is_refused(api, operator, complaint):
    api.put("s", [[0, 1.0]])
    series = api.one(f"sid=s@{operator}", max_points=-1)
    assert series["error"] == "invalid_parameters"
    assert complaint in series["description"]


def test_a_program_can_add_its_own(api, monkeypatch):
    monkeypatch.setattr(operators, "TRANSFORMS", dict(operators.TRANSFORMS))
    api.put("s", [[0, 1.0], [1, 2.0], [2, 4.0]])

    @register_operator("Times")
    def times(dates, values, argument):
        return dates[1:], values[1:] * float(argument or 2)

    assert api.points("sid=s@TIMES:10@times") == [[2, 80.0]]
    included = api.search("sid=s@times", max_points=-1, include_job="y")["series"][0]["points"]
    assert included.jobs.tolist() == [0, 0]
    for name in ("a", "LAG", "asof"):
        with pytest.raises(ValueError, match="built in"):
            register_operator(name, times)
    with pytest.raises(ValueError, match="must consist of letters"):
        register_operator("a b", times)
    register_operator("Crooked", lambda dates, values, argument: (dates, values[1:]))
    assert "returned (3,) dates and (2,) values" in api.one("sid=s@crooked", max_points=-1)["description"]

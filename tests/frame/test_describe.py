"""`describe`: first and last point, gaps, frequency as seen, zone and unit of each series of a frame."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju.frame.frequency import frequency_of

#: frequencies, and how pandas calls the dates that have them
RANGES = {
    "min": "min", "5min": "5min", "15min": "15min", "30min": "30min", "h": "h", "3h": "3h", "D": "D", "B": "B",
    "W": "W-WED", "M": "MS", "Q": "QS", "6M": "6MS", "Y": "YS",
}  # fmt: skip
ZONES = ["UTC", "Europe/Berlin", "America/Chicago", "Asia/Kolkata", "Australia/Lord_Howe"]


def milliseconds(index):
    return index.as_unit("ms").asi8


@given(st.sampled_from(sorted(RANGES)), st.sampled_from(ZONES), st.integers(0, 3000), st.data())
def test_the_frequency_is_found_although_dates_are_missing(name, zone, start, data):
    first = pd.Timestamp("2019-01-01") + pd.Timedelta(start, "D")
    dates = pd.date_range(first, periods=40, freq=RANGES[name])
    if name in ("D", "B", "W", "M", "Q", "6M", "Y"):
        index = dates.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    else:
        index = dates.tz_localize("UTC").tz_convert(zone)
    missing = data.draw(st.sets(st.integers(1, 38), max_size=8))
    kept = np.delete(milliseconds(index), sorted(missing))
    found = frequency_of(kept, zone)
    assert (found.name, found.missing) == (name, len(missing))
    expected = [first + 1 in missing for first in range(39) if first not in missing]
    if name != "B":  # where holidays are no gaps
        assert found.gaps.tolist() == expected


@given(st.sampled_from(["MS", "ME", "QE", "YE", "D", "W-SUN"]), st.sampled_from(ZONES))
def test_local_dates_that_are_shown_in_utc_have_their_frequency(freq, zone):
    index = pd.date_range("2020-01-01", periods=30, freq=freq, tz=zone)
    assert frequency_of(milliseconds(index), "UTC").name == {"D": "D", "W-SUN": "W"}.get(freq, freq[0])


@given(st.lists(st.integers(0, 10**12), min_size=0, max_size=30, unique=True))
def test_any_dates_have_a_frequency_or_none(dates):
    dates = np.array(sorted(dates), np.int64)
    found = frequency_of(dates, "Europe/Berlin")
    if found is not None:
        assert len(found.steps) == len(dates) - 1
        assert (found.steps >= 1).all()
        assert found.missing >= 0


@pytest.mark.parametrize(
    "dates",
    [
        [], ["2024-01-01"], ["2024-01-01", "2024-01-01"], ["2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 02:13"],
        ["2024-01-01", "2024-01-02", "2024-01-03 12:00"], ["2024-01-01", "2024-02-01", "2024-02-15"],
    ],
)  # fmt: skip
def test_irregular_dates_have_none(dates):
    assert frequency_of(np.array(dates, "M8[ms]").view("i8")) is None


def test_holidays_of_business_days_are_no_gaps():
    days = pd.bdate_range("2024-12-16", "2025-01-17")
    without = days[~days.isin(pd.to_datetime(["2024-12-25", "2024-12-26", "2025-01-01"]))]
    found = frequency_of(milliseconds(without))
    assert (found.name, found.missing, found.gaps.any()) == ("B", 3, False)
    assert frequency_of(milliseconds(days.delete([3, 4, 5, 6]))).gaps.sum() == 1


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def mixed(conn):
    """Series of two frequencies in one store."""
    hours = pd.date_range("2024-10-26", "2024-10-28", freq="h", tz="Europe/Berlin", inclusive="left").as_unit("ms")
    load = pd.Series(np.arange(49.0), hours).drop(hours[[3, 4]])
    price = pd.Series([80.0, 90.0], hours[[0, 24]])
    with conn.register_job("A job", batch_size=10) as job:
        job.write(r"sid=users\sam\load", points=list(load.items()), fields={"unit": "GW", "kind": "load"})
        job.write(r"sid=users\sam\price", points=list(price.items()), fields={"unit": "EUR/MWh", "kind": "price"})
        job.write(r"sid=users\sam\empty", fields={"unit": "GW", "kind": "empty"})
    return hours


def test_a_wide_frame(conn, mixed):
    frame = sj.read_shooju(r"sid:users\sam", ["kind", "unit"], sort="kind asc", tz="Europe/Berlin", connection=conn)
    described = frame.shooju.describe()
    assert described.index.equals(frame.columns)
    assert described.index.get_level_values("kind").tolist() == ["empty", "load", "price"]
    assert described["series_id"].tolist() == [rf"users\sam\{kind}" for kind in ("empty", "load", "price")]
    assert described["first"].tolist() == [pd.NaT, mixed[0], mixed[0]]
    assert described["last"].tolist() == [pd.NaT, mixed[48], mixed[24]]
    assert str(described["first"].dtype) == "datetime64[ms, Europe/Berlin]"
    assert described["points"].tolist() == [0, 47, 2]
    assert described["missing"].tolist() == [pd.NA, 2, 0]
    assert described["frequency"].fillna("").tolist() == ["", "h", "D"]
    assert described["tz"].tolist() == ["Europe/Berlin"] * 3
    assert described[["min", "mean", "max"]].loc["price"].to_numpy().tolist() == [[80.0, 85.0, 90.0]]
    assert described["unit"].tolist() == ["GW", "GW", "EUR/MWh"]


def test_long_and_wide_frames_are_described_alike(conn, mixed):
    for tz in ("Europe/Berlin", None):
        query, columns = (
            r"sid:users\sam set=unit @localize:Europe/Berlin",
            ["first", "last", "points", "missing", "frequency"],
        )
        query = query.replace(" @", "@")
        wide = sj.read_shooju(query, tz=tz, connection=conn).shooju.describe()
        long = sj.read_shooju(query, "unit", layout="long", tz=tz, connection=conn)
        shuffled = long.sample(frac=1, random_state=1) if tz else long
        assert "unit" in long.shooju.describe()
        expected = wide.loc[wide["points"] > 0, columns].sort_index()
        found = shuffled.shooju.describe()[columns].sort_index()
        assert found.index.name == "series_id"
        pd.testing.assert_frame_equal(found, expected, check_names=False, check_index_type=False)
        assert (found["first"].dt.tz is None) == (tz is None)
        assert found["missing"].tolist() == [2, 0]


def test_vintages_are_described_one_by_one(conn, mixed):
    reports = pd.DataFrame({
        "series_id": "gdp", "reported_date": pd.to_datetime(["2024-02-01", "2024-03-01", "2024-03-01"], utc=True),
        "dt": pd.to_datetime(["2023-10-01", "2023-10-01", "2024-01-01"], utc=True), "val": [3.3, 3.2, 1.6],
    })  # fmt: skip
    reports.shooju.write("GDP", reported_date="reported_date", connection=conn)
    for layout in ("wide", "long"):
        frame = sj.read_shooju("sid:gdp", reported_date="all", layout=layout, connection=conn)
        described = frame.shooju.describe()
        assert described["points"].tolist() == [1, 2]
        assert described["frequency"].fillna("").tolist() == ["", "Q"]
        assert described.index.names[-1] == "reported_date"


def test_a_series_and_frames_that_were_not_read():
    series = pd.Series([1, 2, None], pd.period_range("2024Q1", periods=3, freq="Q"), dtype="Int64", name="gdp")
    described = series.shooju.describe()
    assert described.index.tolist() == ["gdp"]
    assert (described["points"].item(), described["frequency"].item(), described["max"].item()) == (2, "Q", 2.0)
    assert described["first"].item() == pd.Timestamp("2024-01-01")
    assert "unit" not in described
    assert "series_id" not in described
    numbers = {"a": [1.0, 2.0], "b": pd.Series([Decimal(1), Decimal("2.5")], dtype=object).to_numpy()}
    texts = {"note": ["x", "y"], "digits": pd.Series(["1", "2"], dtype=object).to_numpy()}
    frame = pd.DataFrame({**numbers, **texts}, pd.DatetimeIndex(["2024-01-02", "2024-01-01"]))
    assert frame.shooju.describe().index.tolist() == ["a", "b"]
    assert frame.shooju.describe()["first"].tolist() == [pd.Timestamp("2024-01-01")] * 2


def test_an_empty_frame():
    described = pd.DataFrame(index=pd.DatetimeIndex([])).shooju.describe()
    assert described.empty
    assert {"first", "last", "points", "missing", "frequency", "tz"} <= set(described)


def test_data_without_dates_is_refused():
    with pytest.raises(
        TypeError, match=r"dates in its index .* or the columns 'dt' and 'val' \(long\), got an index of"
    ):
        pd.DataFrame({"a": [1.0]}).shooju.describe()
    with pytest.raises(TypeError, match="the column 'val' must contain numbers"):
        pd.DataFrame({"dt": [pd.Timestamp("2024")], "val": ["x"]}).shooju.describe()

"""Points, dates and serializers."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju.client import points as ps
from pandas_shooju.client.points import DateError, Point, columns_of, serialize_series, to_datetime, to_milli
from pandas_shooju.formats import PointColumns

COLUMNS = PointColumns(np.array([0, 86_400_000]), np.array([1.5, np.nan]), np.array([7, 8]), np.array([5, 6]))
PLAIN = PointColumns(COLUMNS.dates, COLUMNS.values)


def serialize(points, serializer, tz=None, **flags):
    return serialize_series({"points": points, "tz": {"timezone": tz}}, serializer, flags)["points"]


def test_a_point_keeps_the_date_that_it_is_given():
    assert Point(dt.date(2012, 1, 1), 314.3).datetime == dt.datetime(2012, 1, 1)
    assert Point(dt.datetime(2012, 1, 1, 5), 1).datetime == dt.datetime(2012, 1, 1, 5)
    assert Point(0, 1).date == dt.date(1970, 1, 1)
    assert Point(-1.0, None).datetime == dt.datetime(1969, 12, 31, 23, 59, 59, 999000)
    assert Point(np.int64(0), np.float32(1)).value == 1.0


def test_rows_with_jobs_and_timestamps_unpack_into_points():
    assert Point(0, 1, 7, included_job=True).job == 7
    assert Point(0, 1, 5, included_timestamp=True).timestamp == dt.datetime(1970, 1, 1, 0, 0, 0, 5000)
    both = Point(0, 1, 7, 5, included_job=True, included_timestamp=True)
    assert (both.job, both.timestamp) == (7, to_datetime(5))
    assert repr(both) == "Point(1970-01-01 00:00:00,1.0,7,1970-01-01 00:00:00.005000)"


def test_points_can_be_changed_and_compared():
    point = Point(0, 1)
    point.value = None
    point.date = dt.date(2020, 1, 1)
    assert point == Point(dt.datetime(2020, 1, 1), None)
    assert point != Point(dt.datetime(2020, 1, 1), 1)
    assert point != 3


@pytest.mark.parametrize("date", ["2020-01-01", None, math.nan, True, pd.NaT, np.datetime64("NaT", "ms"), object()])
def test_what_is_no_date_is_refused(date):
    with pytest.raises(TypeError, match="a date must be a date"):
        Point(date, 1)


@given(st.datetimes())
def test_milliseconds_are_exact(moment):
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert to_datetime(to_milli(moment)) == moment
    assert to_milli(np.datetime64(moment)) == to_milli(moment)


@given(st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)), st.sampled_from(["s", "ms", "us", "ns"]))
def test_timestamps_of_every_unit_give_the_same_milliseconds(moment, unit):
    stamp = pd.Timestamp(moment).as_unit(unit)
    assert to_milli(stamp) == to_milli(stamp.to_pydatetime(warn=False))
    assert to_milli(stamp.tz_localize("Etc/GMT-9")) == to_milli(stamp) - 9 * 3_600_000


def test_serializers():
    assert serialize(PLAIN, ps.milli_tuple) == [(0, 1.5), (86_400_000, None)]
    assert serialize(PLAIN, ps.shooju_point) == [Point(0, 1.5), Point(86_400_000, None)]
    array = serialize(PLAIN, ps.np_array)
    assert array["dates"].tolist() == [0, 86_400_000]
    assert array.dtype.names == ("dates", "values")
    series = serialize(PLAIN, ps.pd_series)
    assert series.index.dtype == "datetime64[ns]"
    assert series.iloc[0] == 1.5
    localized = serialize(PLAIN, ps.pd_series_localized, "America/Chicago")
    assert str(localized.index.dtype) == "datetime64[ns, America/Chicago]"
    assert str(localized.index[0]) == "1970-01-01 00:00:00-06:00"


def test_serializers_with_jobs_and_timestamps():
    flags = {"included_job": True, "included_timestamp": True}
    assert serialize(COLUMNS, ps.milli_tuple, **flags) == [(0, 1.5, 7, 5), (86_400_000, None, 8, 6)]
    assert serialize(COLUMNS, ps.shooju_point, **flags)[0] == Point(0, 1.5, 7, 5, **flags)
    assert serialize(COLUMNS, ps.np_array, **flags).dtype.names == ("dates", "values", "jobs", "timestamps")


def test_the_year_3000_is_in_the_year_3000():
    points = PointColumns(np.array([to_milli(dt.datetime(3000, 1, 1))]), np.ones(1))
    for serializer in (ps.pd_series, ps.pd_series_localized):
        with pytest.raises(ValueError, match=r"1678 to 2261.*pandas\.read_shooju"):
            serialize(points, serializer)
    assert serialize(points, ps.shooju_point)[0].date == dt.date(3000, 1, 1)


def test_dates_beyond_the_years_of_datetime_name_the_way_out():
    points = PointColumns(np.array([10**15]), np.ones(1))
    with pytest.raises(ValueError, match="milli_tuple"):
        serialize(points, ps.shooju_point)
    assert serialize(points, ps.milli_tuple) == [(10**15, 1.0)]


def test_a_serializer_of_ones_own_gets_rows_and_may_use_ours():
    given_to = []

    def own(pts, *args, **kwargs):
        given_to.append((pts, args, kwargs))
        return ps.pd_series(pts, *args, **kwargs)

    series = serialize(COLUMNS, own, "UTC", included_job=True, included_timestamp=True)
    assert series.iloc[0] == 1.5
    [(rows, _, kwargs)] = given_to
    assert rows == [(0, 1.5, 7, 5), (86_400_000, None, 8, 6)]
    assert kwargs == {"tz": "UTC", "included_job": True, "included_timestamp": True}


def test_serializers_of_no_points():
    empty = PointColumns.empty()
    assert serialize(empty, ps.shooju_point) == serialize(empty, ps.milli_tuple) == []
    assert serialize(empty, ps.pd_series).dtype == float
    assert len(serialize(empty, ps.np_array)) == 0


def test_points_to_write_may_come_in_many_forms():
    expected = PointColumns(np.array([0, 3_600_000]), np.array([1.0, np.nan]))
    index = pd.DatetimeIndex(["1970-01-01 00:00", "1970-01-01 01:00"])
    forms = [
        [Point(0, 1), Point(3_600_000, None)],
        [(0, 1), (dt.datetime(1970, 1, 1, 1), None)],
        ((date, value) for date, value in [(dt.date(1970, 1, 1), 1.0), (np.datetime64("1970-01-01T01"), math.nan)]),
        pd.Series([1.0, None], index),
        pd.Series([1, pd.NA], index, dtype="Int64"),
        pd.Series([1, None], index, dtype=object),
        pd.Series([1.0, None], index.as_unit("s")),
        pd.Series([1.0, None], index.tz_localize("UTC").tz_convert("Asia/Tokyo")),
        serialize(expected, ps.np_array),
        expected,
    ]
    for form in forms:
        assert columns_of(form) == expected
    assert len(columns_of([])) == len(columns_of(pd.Series([], dtype=float))) == 0


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ("abc", "points must be a list .*, got str"),
        ({1: 2}, "points must be a list .*, got dict"),
        (5, "points must be a list .*, got int"),
        (pd.DataFrame(), "points must be a list .*, got DataFrame"),
        ([1, 2], "points must be Point or .*, got 1 at position 0"),
        ([(0, 1), (0, "x")], "position 1 cannot be written: 'x' is not a number"),
        ([("2020", 1)], "a date must be a date, .*, got '2020'"),
        (pd.Series([1.0]), "must be a DatetimeIndex or a PeriodIndex, got RangeIndex"),
        (pd.Series(["1.0"], pd.DatetimeIndex(["2020"]), dtype=object, name="gdp"), "'gdp' contains '1.0'"),
        (pd.Series([pd.Timestamp(0)], pd.DatetimeIndex(["2020"]), dtype=object), "not a number"),
    ],
)
def test_points_of_no_form_say_which_forms_there_are(points, says):
    with pytest.raises(TypeError, match=says):
        columns_of(points)


def test_a_missing_date_is_refused():
    with pytest.raises(ValueError, match="NaT"):
        columns_of(pd.Series([1.0], pd.DatetimeIndex([pd.NaT])))


def test_points_are_hashed_by_what_they_hold():
    one, same, other = Point(0, 1), Point(0, 1.0), Point(0, 2)
    assert {one, same, other} == {one, other}
    assert hash(one) == hash(same)


def test_a_point_as_the_api_takes_it():
    assert Point(dt.date(1970, 1, 2), "1.5").to_dict() == {86_400_000: 1.5}
    assert Point(0, None).to_dict() == {0: None}


@pytest.mark.parametrize("date", ["soon", None, [1], math.nan])
def test_what_is_no_date_is_both_kinds_of_error(date):
    with pytest.raises(DateError, match="a date must be a date") as caught:
        Point(date, 1)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


def test_a_fraction_of_a_millisecond_is_kept_until_it_is_written():
    point = Point(1005.25, 1)
    assert point.datetime == dt.datetime(1970, 1, 1, 0, 0, 1, 5250)
    with pytest.raises(ValueError, match="whole number of milliseconds"):
        point.to_dict()


def test_the_timestamp_of_a_point_may_be_set():
    point = Point(0, 1)
    point.timestamp = dt.date(2020, 1, 1)
    assert point.timestamp == dt.datetime(2020, 1, 1)


@pytest.mark.parametrize("serializer", ["shooju_point", "milli_tuple", "pd_series", "pd_series_localized", "np_array"])
def test_serializers_ignore_further_arguments(serializer):
    serialize = getattr(ps, serializer)
    rows = [(0, 1.5), (1000, 2.5)]
    plain, more = serialize(rows), serialize(rows, "UTC", "more", included_job=None, other=1)
    assert list(plain) == list(more)
    assert len(serialize(ps.np_array(rows))) == 2

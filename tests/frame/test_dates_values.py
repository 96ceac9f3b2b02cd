"""Dates of points: converted exactly from whatever they are stored as, or refused."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju import Point, clocks
from pandas_shooju.frame.dates_values import ascending, date_index, is_dates

SID = r"users\sam\a"
UTC = dt.UTC
DAY = dt.timedelta(days=1)


def milliseconds(*dates):
    epoch = dt.datetime(1970, 1, 1)
    return [(dt.datetime(*date) - epoch) // dt.timedelta(milliseconds=1) for date in dates]


def stored(conn):
    series = conn.get_series(f"sid={SID}", max_points=-1, serializer=lambda points, **_: [date for date, *_ in points])
    return series.get("points", []) if series else []


def as_wide(values):
    return pd.DataFrame({"a": np.arange(1.0, len(values) + 1)}, index=values)


def write_wide(conn, values):
    as_wide(values).shooju.write("wide", sid=SID, connection=conn)


def write_one_series(conn, values):
    as_wide(values)["a"].shooju.write("one series", sid=SID, connection=conn)


def write_long(conn, values):
    long = as_wide(range(len(values))).assign(series_id=SID, when=pd.Series(values, dtype=values.dtype))
    long.shooju.write("long", date="when", value="a", connection=conn)


DOORS = [write_wide, write_one_series, write_long]

KINDS = [
    (lambda: pd.DatetimeIndex(["2024-01-01", "2024-01-02"]), [(2024, 1, 1), (2024, 1, 2)]),
    (lambda: pd.DatetimeIndex(["2024-01-01 00:00:00.001"]).as_unit("ms"), [(2024, 1, 1, 0, 0, 0, 1000)]),
    (lambda: pd.DatetimeIndex(["3000-01-01"], dtype="M8[s]"), [(3000, 1, 1)]),
    (lambda: pd.DatetimeIndex(["2024-07-01"], tz="Europe/Berlin"), [(2024, 6, 30, 22)]),
    (lambda: pd.CategoricalIndex(pd.DatetimeIndex(["2024-01-02", "2024-01-01"])), [(2024, 1, 1), (2024, 1, 2)]),
    # Python dates, of any year that Python has
    (lambda: [dt.date(1, 1, 1), dt.date(1677, 1, 1), dt.date(2262, 12, 31), dt.date(9999, 12, 31)],
     [(1, 1, 1), (1677, 1, 1), (2262, 12, 31), (9999, 12, 31)]),
    (lambda: [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999000)],
     [(1, 1, 1), (9999, 12, 31, 23, 59, 59, 999000)]),
    (lambda: [dt.date(2024, 1, 1), dt.datetime(3000, 1, 1, 5)], [(2024, 1, 1), (3000, 1, 1, 5)]),
    (lambda: [pd.Timestamp("2024-01-01"), dt.date(3000, 1, 1)], [(2024, 1, 1), (3000, 1, 1)]),
    (lambda: [np.datetime64("2024-01-01"), np.datetime64("3000-01-01", "D")], [(2024, 1, 1), (3000, 1, 1)]),
    # of mixed zones and offsets
    (lambda: [dt.datetime(3000, 1, 1, tzinfo=UTC), dt.datetime(3000, 1, 1, tzinfo=dt.timezone(-DAY / 2))],
     [(3000, 1, 1), (3000, 1, 1, 12)]),
    (lambda: [pd.Timestamp("2024-01-01", tz="Europe/Berlin"), pd.Timestamp("2024-01-01", tz="America/Chicago")],
     [(2023, 12, 31, 23), (2024, 1, 1, 6)]),
    (lambda: [pd.Timestamp("2024-03-31 01:59:59.999+01:00"), dt.datetime(2024, 3, 31, 1, tzinfo=UTC)],
     [(2024, 3, 31, 0, 59, 59, 999000), (2024, 3, 31, 1)]),
    # periods, at their start
    (lambda: pd.PeriodIndex(["2024Q1", "2024Q2"], freq="Q"), [(2024, 1, 1), (2024, 4, 1)]),
    (lambda: pd.PeriodIndex(["1500", "3000"], freq="Y"), [(1500, 1, 1), (3000, 1, 1)]),
    (lambda: pd.PeriodIndex(["2024-01", "2024-03"], freq="2M"), [(2024, 1, 1), (2024, 3, 1)]),
    (lambda: pd.PeriodIndex(["2024-01-31"], freq="W"), [(2024, 1, 29)]),
    (lambda: pd.PeriodIndex(["2024-01-01 05:00"], freq="h"), [(2024, 1, 1, 5)]),
    (lambda: pd.PeriodIndex(["2024-01-01 05:00:00.007"], freq="ms"), [(2024, 1, 1, 5, 0, 0, 7000)]),
    (lambda: [pd.Period("2024-01", "M"), pd.Period("2024-02", "M")], [(2024, 1, 1), (2024, 2, 1)]),
]  # fmt: skip


def of(kind):
    values = kind()
    return pd.Index(values, dtype=object) if isinstance(values, list) else values


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("kind", "expected"), KINDS)
def test_dates_of_every_kind_are_exact(conn, door, kind, expected):
    door(conn, of(kind))
    assert stored(conn) == milliseconds(*expected)


def test_arrow_dates_are_exact(conn):
    pa = pytest.importorskip("pyarrow")
    year_3000 = dt.datetime(3000, 1, 1)
    for arrow, value, expected in [
        (pa.date32(), year_3000.date(), (3000, 1, 1)),
        (pa.date64(), year_3000.date(), (3000, 1, 1)),
        (pa.timestamp("s"), year_3000, (3000, 1, 1)),
        (pa.timestamp("us"), year_3000, (3000, 1, 1)),
        (pa.timestamp("s", "UTC"), year_3000.replace(tzinfo=UTC), (3000, 1, 1)),
        (pa.timestamp("ns", "Europe/Berlin"), dt.datetime(2024, 7, 1, tzinfo=UTC), (2024, 7, 1)),
    ]:
        column = pd.Series([value, None], dtype=pd.ArrowDtype(arrow))
        for values in (column, pd.Index(column)):
            assert is_dates(values)
            index = date_index(values)
            assert clocks.to_milliseconds(index[:1]).tolist() == milliseconds(expected)
            assert index.isna().tolist() == [False, True]
    finer = pd.Series([dt.datetime(2024, 1, 1, microsecond=1)], dtype=pd.ArrowDtype(pa.timestamp("us")))
    with pytest.raises(ValueError, match=r"whole (number of )?milliseconds"):
        write_long(None, finer)


@given(st.lists(st.datetimes(timezones=st.timezones() | st.just(UTC)), min_size=1))
def test_aware_objects_of_any_zones_are_their_instants(moments):
    moments = [moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in moments]
    epoch = dt.datetime(1970, 1, 1, tzinfo=UTC)
    expected = [(moment - epoch) // dt.timedelta(milliseconds=1) for moment in moments]
    index = date_index(pd.Index(moments, dtype=object))
    assert clocks.to_milliseconds(index).tolist() == expected


@pytest.mark.parametrize(
    "values", [[None, None], ["2024-01-01", dt.date(2024, 1, 1)], [1, 2], [dt.time(1)], [True], [dt.timedelta(1)], []]
)
def test_other_objects_are_not_dates(values):
    assert not is_dates(pd.Index(values, dtype=object))


def test_missing_dates_are_kept_as_missing():
    for values in (
        [dt.date(3000, 1, 1), None],
        [dt.datetime(2024, 1, 1, tzinfo=UTC), pd.NaT],
        pd.PeriodIndex(["2024", None], freq="Y"),
        pd.CategoricalIndex(pd.DatetimeIndex(["2024-01-01", None])),
    ):
        index = date_index(pd.Index(values, dtype=object) if isinstance(values, list) else values)
        assert index.isna().tolist() == [False, True]
    with pytest.raises(ValueError, match=r"position 1 is missing \(NaT\)"):
        write_wide(None, pd.Index([dt.date(3000, 1, 1), None], dtype=object))


def test_naive_dates_beside_aware_ones_are_refused(conn):
    mixed = pd.Index([dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime(2024, 1, 2)], dtype=object)
    for door in DOORS:
        with pytest.raises(ValueError, match=r"got 1 of 2 with one; the first without is 2024-01-02 00:00:00"):
            door(conn, mixed)


# --- finer than a millisecond ------------------------------------------------------------------------------------

FINER = [
    dt.datetime(2024, 1, 1, microsecond=500),
    dt.datetime(2024, 1, 1, microsecond=1500, tzinfo=UTC),
    pd.Timestamp("2024-01-01 00:00:00.0005"),
    pd.Timestamp("2024-01-01 00:00:00.001000001"),
    pd.Timestamp("2024-01-01 00:00:00.0005", tz="Europe/Berlin"),
    np.datetime64("2024-01-01T00:00:00.000500", "us"),
    np.datetime64("2024-01-01T00:00:00.000000001", "ns"),
    1704067200000.5,
    np.float64(0.25),
]


@pytest.mark.parametrize("date", FINER, ids=repr)
def test_dates_finer_than_a_millisecond_are_refused_by_every_door(conn, date):
    writes = {
        "tuples": lambda job: job.write(f"sid={SID}", points=[(0, 1.0), (date, 1.0)]),
        "points": lambda job: job.write(f"sid={SID}", points=[Point(date, 1.0)]),
        "report": lambda job: job.write_reported(f"sid={SID}", date, points=[(0, 1.0)]),
        "reported": lambda job: job.delete_reported(f"sid={SID}", [date]),
    }
    if not isinstance(date, float):
        writes["pandas"] = lambda job: job.write(f"sid={SID}", points=pd.Series([1.0], pd.DatetimeIndex([date])))
        writes["wide"] = lambda job: as_wide(pd.DatetimeIndex([date])).shooju.write(job, sid=SID)
        writes["objects"] = lambda job: as_wide(pd.Index([date], dtype=object)).shooju.write(job, sid=SID)
    writes["reported_date"] = lambda job: as_wide(pd.DatetimeIndex(["2024-01-01"])).shooju.write(
        job, sid=SID, reported_date=date
    )
    job = conn.register_job("finer", batch_size=100)
    for name, write in writes.items():
        with pytest.raises(ValueError, match=r"whole (number of )?milliseconds"):
            write(job)
        assert job.pending == 0, name


def test_two_points_within_a_millisecond_are_not_merged(conn):
    first = dt.datetime(2024, 1, 1)
    with conn.register_job("merged") as job, pytest.raises(ValueError, match="at position 1 cannot be written"):
        job.write(f"sid={SID}", points=[(first, 1.0), (first + dt.timedelta(microseconds=1), 2.0)])
    assert stored(conn) == []


def test_limits_may_be_finer(conn):
    write_wide(conn, pd.DatetimeIndex(["2024-01-01", "2024-01-02"]))
    limit = dt.datetime(2024, 1, 2, microsecond=1)
    assert len(conn.get_series(f"sid={SID}", df=limit, max_points=-1)["points"]) == 1
    assert len(conn.get_series(f"sid={SID}", dt=pd.Timestamp(limit), max_points=-1)["points"]) == 2


@pytest.mark.parametrize("freq", ["us", "ns"])
def test_periods_within_a_millisecond_are_refused(conn, freq):
    index = pd.PeriodIndex(["2024-01-01 00:00:00.000001"], freq=freq)
    for door in DOORS:
        with pytest.raises(ValueError, match="begin at a whole millisecond"):
            door(conn, index)
    whole = pd.PeriodIndex(["2024-01-01 00:00:00.001"], freq=freq)
    write_wide(conn, whole)
    assert stored(conn) == milliseconds((2024, 1, 1, 0, 0, 0, 1000))


def test_a_series_of_periods_is_written_by_a_job(conn):
    with conn.register_job("periods") as job:
        job.write(f"sid={SID}", points=pd.Series([1.0, 2.0], pd.PeriodIndex(["2024Q1", "3000Q2"], freq="Q")))
    assert stored(conn) == milliseconds((2024, 1, 1), (3000, 4, 1))


# --- order -------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-(2**40), 2**40), unique=True))
def test_the_order_makes_dates_ascend(dates):
    array = np.array(dates, np.int64)
    order = ascending(array, "the index")
    assert (array if order is None else array[order]).tolist() == sorted(dates)


def test_a_repeated_date_names_it_and_the_remedies():
    with pytest.raises(ValueError, match=r"the index contains 1970-01-01T00:00:00.005 more than once; drop"):
        ascending(np.array([5, 5]), "the index")
    with pytest.raises(ValueError, match=r"\(2 dates are repeated\).*drop or aggregate.*tz='Europe/Berlin'"):
        ascending(np.array([5, 5, 7, 7]), "the index", naive=True)

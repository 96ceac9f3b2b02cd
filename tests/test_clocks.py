"""Wall-clock milliseconds give back exactly the instants they came from, and naive local times only proven ones."""

import datetime
import functools
import warnings
import zoneinfo
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandas_shooju import clocks
from pandas_shooju.clocks.suggestions import conversion_to_dates

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
HOUR = 3_600_000

# half-hour daylight time, changes at midnight, a second change a year (Ramadan), a day left out, a two-hour change
ZONES = [
    "America/Chicago", "Europe/London", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "America/Sao_Paulo", "Antarctica/Troll", "UTC",
]  # fmt: skip
SAMPLED = sorted(zoneinfo.available_timezones() - {"localtime"})[3::40]


def python_wall(instant, zone):
    """What the standard library says that the clock shows at an instant, both in milliseconds."""
    there = (EPOCH + datetime.timedelta(milliseconds=int(instant))).astimezone(zone)
    return (there.replace(tzinfo=datetime.UTC) - EPOCH) // datetime.timedelta(milliseconds=1)


@functools.cache
def around_changes(zone, first, last):
    """Two days before and after each change of the clock in these years, by a search that is not the package's."""
    utcoffset = lambda day: (EPOCH + datetime.timedelta(hours=6 * day)).astimezone(zone).utcoffset()  # noqa: E731
    steps = range((first - 1970) * 1461, (last - 1969) * 1461)
    offsets = [utcoffset(step) for step in steps]
    changes = [step for step, one, other in zip(steps[1:], offsets[:-1], offsets[1:], strict=True) if one != other]
    return [(6 * HOUR * (step - 8), 6 * HOUR * (step + 8)) for step in changes]


def milliseconds(*texts):
    return np.array(texts, "M8[ms]").view("i8")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("step", ["h", "15min", "7min", "D"])
@pytest.mark.parametrize("start", ["1901-01-01", "1944-06-01", "2010-01-01", "2036-06-01", "2999-01-01"])
def test_every_instant_of_a_regular_series_comes_back(zone, step, start):
    index = pd.date_range(start, periods=30_000, freq=step, tz="UTC", unit="ms")
    wall = clocks.utc_to_wall(index.asi8, zone)
    assert (wall == index.tz_convert(ZoneInfo(zone)).tz_localize(None).asi8).all()
    assert (clocks.wall_to_utc(wall, zone) == index.asi8).all()


@pytest.mark.parametrize("name", SAMPLED)
def test_every_change_of_the_clock_there_and_back(name):
    zone = ZoneInfo(name)
    for begin, end in around_changes(zone, 1970, 2037):
        for step in (HOUR // 4, HOUR // 2, HOUR):
            utc = np.arange(begin, end, step)
            wall = clocks.utc_to_wall(utc, name)
            assert wall.tolist() == [python_wall(instant, zone) for instant in utc]
            assert (clocks.wall_to_utc(wall, name) == utc).all()


@settings(max_examples=200, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    seconds=st.lists(st.integers(-62_135_510_400, 253_402_214_400), min_size=1, max_size=20),
)
def test_wall_clock_is_what_python_says(zone, seconds):
    utc = np.array(seconds) * 1000
    assert clocks.utc_to_wall(utc, zone).tolist() == [python_wall(instant, ZoneInfo(zone)) for instant in utc]


def test_the_first_and_the_last_year():
    utc = milliseconds("0001-01-03", "9999-01-15", "9999-07-15", "9999-12-30")
    assert clocks.utc_to_wall(utc, "Europe/Berlin").tolist() == [
        python_wall(instant, ZoneInfo("Europe/Berlin")) for instant in utc
    ]
    beyond = np.array([-(2**60), 2**60])
    assert (clocks.wall_to_utc(clocks.utc_to_wall(beyond, "Europe/Berlin"), "Europe/Berlin") == beyond).all()


@settings(max_examples=200, deadline=None)
@given(zone=st.sampled_from(ZONES), walls=st.lists(st.integers(-(10**13), 10**14), max_size=30))
def test_any_wall_clock_times_are_read_without_an_error(zone, walls):
    utc = clocks.wall_to_utc(np.array(walls, np.int64), zone)
    assert len(clocks.to_index(utc, zone, localized=False)) == len(walls)


def chicago(*texts):
    return clocks.to_index(milliseconds(*texts), "America/Chicago")


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
    with pytest.raises(ValueError, match=r"whole milliseconds, got .*000000001; .*round\('ms'\)"):
        clocks.to_milliseconds(pd.DatetimeIndex([pd.Timestamp("2024-01-01") + pd.Timedelta(1, "ns")]))
    with pytest.raises(ValueError, match="position 1 is missing"):
        clocks.to_milliseconds(pd.DatetimeIndex(["2024-01-01", None]))


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "a\0b", "x" * 5000])
def test_an_unknown_zone_is_named(name):
    for check in (clocks.check_zone, clocks.timezone, lambda name: clocks.utc_to_wall(np.array([0]), name)):
        with pytest.raises(ValueError, match="is not a time zone") as raised:
            check(name)
        assert len(str(raised.value)) < 300


def pandas_takes(tz):
    """Whether pandas converts to a time zone: 2.2.0 does not know the zones of the newest dateutil."""
    try:
        return len(pd.DatetimeIndex(["2024-01-01"], tz="UTC").tz_convert(tz).tz_localize(None)) == 1
    except AttributeError:
        assert pd.__version__.startswith("2.2.")
        return False


def every_kind_of_tz():
    yield "America/Chicago", "America/Chicago"
    yield "+05:30", datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    yield "utc", datetime.UTC
    yield ZoneInfo("America/Chicago"), "America/Chicago"
    yield datetime.timezone(datetime.timedelta(hours=-6)), datetime.timezone(datetime.timedelta(hours=-6))
    dateutil = pytest.importorskip("dateutil.tz")
    yield dateutil.gettz("America/Chicago"), "America/Chicago"
    yield dateutil.tzoffset(None, 7200), datetime.timezone(datetime.timedelta(hours=2))
    try:
        import pytz
    except ImportError:
        return
    yield pytz.timezone("America/Chicago"), "America/Chicago"
    yield pytz.FixedOffset(90), datetime.timezone(datetime.timedelta(minutes=90))


def test_every_kind_of_time_zone():
    utc = np.arange(0, 2 * 365 * 24) * HOUR
    for tz, same in every_kind_of_tz():
        wall = clocks.utc_to_wall(utc, tz)
        assert wall.tolist() == clocks.utc_to_wall(utc, same).tolist(), tz
        assert (clocks.wall_to_utc(wall, tz) == utc).all()
        assert (clocks.localize(wall, tz) == utc).all()
        if pandas_takes(tz):
            index = clocks.to_index(utc, tz, localized=False)
            assert index.tz_localize(None).asi8.tolist() == wall.tolist()
    with pytest.raises(TypeError, match="tz must be the name of a time zone or a tzinfo, got 3"):
        clocks.timezone(3)


# --- each time on its own ---------------------------------------------------------------------------------------------

instants = st.integers(-2_500_000_000, 40_000_000_000).map(lambda seconds: seconds * 1000)


@given(st.lists(instants, max_size=8), st.sampled_from(ZONES))
def test_the_first_instant_that_shows_a_time(dates, zone):
    wall = clocks.utc_to_wall(np.array(dates, np.int64), zone)
    first = clocks.first_instants(wall, zone)
    assert clocks.utc_to_wall(first, zone).tolist() == wall.tolist()
    assert (first <= dates).all()


def test_a_skipped_time_on_its_own_is_the_one_after_the_gap():
    first = clocks.first_instants(milliseconds("2018-03-11T02:30"), "America/Chicago")
    assert first.tolist() == milliseconds("2018-03-11T08:30").tolist()


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    around=st.sampled_from(["1918-06-01", "1995-06-01", "2011-12-30", "2018-11-04", "2024-10-27", "2024-04-07"]),
    minutes=st.integers(-60 * 24 * 200, 60 * 24 * 200),
)
def test_limits_are_the_outermost_instants(zone, around, minutes):
    wall = int(milliseconds(around)[0]) + minutes * 60_000
    instants = np.arange(wall - 30 * HOUR, wall + 30 * HOUR, 60_000)
    shown = clocks.utc_to_wall(instants, zone)
    first, last = clocks.first_at(wall, zone), clocks.last_at(wall, zone)
    assert instants[shown >= wall][0] - 60_000 < first <= instants[shown >= wall][0]
    assert instants[shown <= wall][-1] <= last < instants[shown <= wall][-1] + 60_000
    edges = np.array([first - 1, first, last, last + 1])
    before, at_first, at_last, after = clocks.utc_to_wall(edges, zone).tolist()
    assert before < wall <= at_first
    assert at_last <= wall < after


def test_a_day_that_is_left_out_has_no_instants():
    day = int(milliseconds("2011-12-30")[0])
    first, last = clocks.first_at(day, "Pacific/Apia"), clocks.last_at(day + 24 * HOUR - 1, "Pacific/Apia")
    assert last == first - 1


# --- naive local times that are written -------------------------------------------------------------------------------


def localized(*texts, zone="America/Chicago", starts=None):
    utc = clocks.localize(milliseconds(*texts), zone, None if starts is None else np.array(starts))
    return [str(instant)[11:16] for instant in utc.view("M8[ms]")]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ("00:00 01:00 01:00 02:00", "05:00 06:00 07:00 08:00"),
        ("01:00 01:00", "06:00 07:00"),
        ("01:00 01:15 01:30 01:45 01:00 01:15 01:30 01:45", "06:00 06:15 06:30 06:45 07:00 07:15 07:30 07:45"),
        ("01:00 01:30 01:00", "06:00 06:30 07:00"),
        ("01:30 01:00 02:00", "06:30 07:00 08:00"),
        ("01:59 01:00 01:01", "06:59 07:00 07:01"),
        ("00:59 02:00", "05:59 08:00"),
    ],
)
def test_a_repeated_hour_is_resolved_by_its_two_passes(times, expected):
    assert localized(*[f"2018-11-04T{time}" for time in times.split()]) == expected.split()


@pytest.mark.parametrize(
    ("times", "position"),
    [
        ("01:30", 0),
        ("00:00 01:00 01:15 02:00", 1),
        ("01:00 01:15 01:30 01:45 02:00", 0),
        ("01:00 01:00 01:00", 0),  # three passes
        ("01:00 01:00 01:15 01:15", 0),  # both passes, but not in order
        ("02:00 01:30 01:00 00:30", 1),  # descending
        ("01:30 01:00", 0),  # descending, or two passes
        ("03:00 01:30 01:00", 1),
        ("00:00 01:30 05:00 01:00", 1),
    ],
)
def test_a_repeated_hour_that_is_not_proven_is_an_error(times, position):
    with pytest.raises(clocks.LocalTimeError, match="clock goes back from 02:00:00 to 01:00:00") as raised:
        localized(*[f"2018-11-04T{time}" for time in times.split()])
    error = raised.value
    assert (error.reason, error.position, error.series) == ("ambiguous", position, 0)
    assert str(error).startswith(f"2018-11-04 {times.split()[position]}:00 is ambiguous in America/Chicago")
    assert error.zone == "America/Chicago"
    assert error.time == np.datetime64(f"2018-11-04T{times.split()[position]}")


def test_a_time_that_the_clock_skipped_is_an_error():
    with pytest.raises(clocks.LocalTimeError, match=r"2018-03-11 02:30:00 does not exist in America/Chicago") as raised:
        localized("2018-03-11T03:00", "2018-03-11T01:59", "2018-03-11T02:30")
    assert (raised.value.reason, raised.value.position) == ("nonexistent", 2)


def test_each_series_is_resolved_on_its_own():
    both = ["2018-11-04T01:00", "2018-11-04T01:00"]
    assert localized(*both, *both, starts=[0, 2]) == ["06:00", "07:00"] * 2
    assert localized("2018-11-05T00:00", *both, "2018-01-01", starts=[0, 1, 3])[1:3] == ["06:00", "07:00"]
    with pytest.raises(clocks.LocalTimeError) as raised:
        localized(*both, *both, starts=[0, 1, 3])
    assert (raised.value.position, raised.value.series) == (0, 0)
    with pytest.raises(clocks.LocalTimeError) as raised:
        localized(*both, "2018-11-04T01:30", starts=[0, 2])
    assert (raised.value.position, raised.value.series) == (2, 1)
    with pytest.raises(clocks.LocalTimeError) as raised:
        localized(*both, "2018-11-04T01:30", starts=[0, 2, 2])
    assert raised.value.series == 2


def test_order_does_not_matter_where_no_hour_is_repeated():
    dates = milliseconds("2018-07-01", "2018-01-01", "2018-07-01")
    assert (
        clocks.localize(dates, "America/Chicago").tolist() == clocks.first_instants(dates, "America/Chicago").tolist()
    )
    assert clocks.localize(dates, datetime.timezone(datetime.timedelta(hours=1))).tolist() == (dates - HOUR).tolist()
    assert clocks.localize(np.empty(0, np.int64), "America/Chicago").tolist() == []


def is_proven(series, zone):
    """Whether the wall-clock times of ascending instants show which pass of a repeated hour each is in, by Python."""
    there = [(EPOCH + datetime.timedelta(milliseconds=instant)).astimezone(zone) for instant in series]
    passes = {0: [], 1: []}
    for time in there:
        if time.replace(fold=0).utcoffset() > time.replace(fold=1).utcoffset():
            passes[time.fold].append(time.replace(tzinfo=None, fold=0))
    if not passes[0] and not passes[1]:
        return True
    steps_back = all(passes.values()) and passes[1][0] <= passes[0][-1]
    return steps_back and (len(series) > 2 or passes[1][0] == passes[0][0])


@settings(max_examples=300, deadline=None)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    which=st.integers(0, 100),
    steps=st.lists(st.lists(st.integers(-80, 30), max_size=40, unique=True).map(sorted), max_size=4),
)
def test_naive_times_become_their_instants_or_an_error_that_is_true(zone, which, steps):
    windows = around_changes(zone, 2011, 2012)
    change = sum(windows[which % len(windows)]) // 2 if windows else 0
    series = [[change + 300_000 * step for step in of_one] for of_one in steps]
    starts = np.cumsum([0, *map(len, series)])[:-1]
    utc = np.array([instant for one in series for instant in one], np.int64)
    wall = clocks.utc_to_wall(utc, zone)
    unproven = [at for at, one in enumerate(series) if not is_proven(one, zone)]
    if not unproven:
        assert clocks.localize(wall, zone, starts).tolist() == utc.tolist()
        return
    with pytest.raises(clocks.LocalTimeError) as raised:
        clocks.localize(wall, zone, starts)
    assert (raised.value.reason, raised.value.series) == ("ambiguous", unproven[0])


def test_warnings_of_others_do_not_prevent_a_suggestion(monkeypatch):
    convert = pd.to_datetime

    def warning(*arguments, **options):
        for category in (DeprecationWarning, ResourceWarning, SyntaxWarning):
            warnings.warn("something else", category, stacklevel=1)
        return convert(*arguments, **options)

    monkeypatch.setattr(pd, "to_datetime", warning)
    assert conversion_to_dates(pd.Index([2020, 2021]), "x").code == "pd.to_datetime(x.astype('string'), format='%Y')"

"""The shapes that frames have, and what of a frame is written to which series."""

import datetime

import numpy as np
import pandas as pd
import pytest

from pandas_shooju import read_shooju
from pandas_shooju.frame.shapes import series_writes

DATES = pd.date_range("2024-01-01", periods=3, tz="UTC", name="dt").as_unit("ms")
DAY = 86_400_000
START = 1_704_067_200_000  # 2024-01-01


def written(data, sid=None, **options):
    return {
        (item.series_id, item.reported_date): item.points.to_rows() if item.points is not None else item.fields
        for item in series_writes(data, sid, **options)
    }


BARS = pd.DataFrame(
    {
        "symbol": ["A", "A", "B"],
        "dt": [DATES[0], DATES[1], DATES[0]],
        "open": [1.0, 2.0, 3.0],
        "close": [10.0, np.nan, 30.0],
        "volume": [5, 6, 7],
    }
)


def test_several_columns_of_values():
    assert written(BARS, r"bars\{symbol}\{variable}", value=["open", "close"]) == {
        (r"bars\A\open", None): [[START, 1.0], [START + DAY, 2.0]],
        (r"bars\B\open", None): [[START, 3.0]],
        (r"bars\A\close", None): [[START, 10.0]],
        (r"bars\B\close", None): [[START, 30.0]],
    }
    fields = series_writes(BARS, r"{variable}\{symbol}", value=["open", "volume"], fields=["symbol", "variable"])
    assert [item.fields for item in fields] == [
        {"symbol": symbol, "variable": variable} for variable in ("open", "volume") for symbol in "AB"
    ]
    groups = BARS.groupby("symbol")
    assert written(groups, r"bars\{symbol}\{variable}", value=["open", "close"]) == written(
        BARS, r"bars\{symbol}\{variable}", value=["open", "close"]
    )


@pytest.mark.parametrize(
    ("frame", "sid", "value", "words"),
    [
        (BARS, r"bars\{symbol}", ["open", "close"], r"template that contains \{variable\}"),
        (BARS.groupby("symbol"), lambda key: key, ["open", "close"], r"template that contains \{variable\}"),
        (BARS, r"bars\{symbol}\{variable}", [], r"value must name at least one column"),
        (BARS, r"bars\{symbol}\{variable}", ["open", "high"], "value must be a column .*, got 'high'"),
        (BARS.assign(variable=1), r"bars\{symbol}\{variable}", ["open"], "must not have a column 'variable'"),
    ],
)
def test_several_columns_of_values_that_cannot_be_told_apart(frame, sid, value, words):
    with pytest.raises(ValueError, match=words):
        series_writes(frame, sid, value=value)


VINTAGES = pd.DataFrame(
    {
        "dt": [DATES[0], DATES[1], DATES[0], DATES[1]],
        "reported": pd.to_datetime(["2024-02-01", "2024-02-01", "2024-03-01", "2024-03-01"]),
        "val": [1.0, 2.0, 1.5, np.nan],
    }
)
FEBRUARY, MARCH = 1_706_745_600_000, 1_709_251_200_000


def test_report_dates_in_a_column():
    expected = {
        ("gdp", FEBRUARY): [[START, 1.0], [START + DAY, 2.0]],
        ("gdp", MARCH): [[START, 1.5]],
    }
    for reported in (
        VINTAGES["reported"],
        VINTAGES["reported"].dt.tz_localize("UTC"),
        VINTAGES["reported"].dt.date.astype(object),
    ):
        frame = VINTAGES.assign(reported=reported)
        assert written(frame, "gdp", reported_date="reported") == expected
        shuffled = frame.sample(frac=1, random_state=2)
        assert written(shuffled, "gdp", reported_date="reported") == expected
    two = pd.concat([VINTAGES.assign(country=name) for name in ("US", "CN")])
    for data in (two, two.groupby("country")):
        options = {"date": "dt", "value": "val"}
        assert written(data, r"gdp\{country}", reported_date="reported", **options) == {
            (rf"gdp\{name}", reported): rows for name in ("US", "CN") for (_, reported), rows in expected.items()
        }


def test_report_dates_in_a_level():
    columns = pd.MultiIndex.from_tuples(
        [("US", pd.Timestamp("2024-02-01")), ("US", pd.Timestamp("2024-03-01"))], names=["country", "reported_date"]
    )
    frame = pd.DataFrame([[1.0, 1.5], [2.0, np.nan]], DATES[:2], columns)
    for sid in (r"gdp\{country}", lambda label: rf"gdp\{label}"):
        items = series_writes(frame, sid, reported_date="reported_date", fields="levels")
        assert [(item.series_id, item.reported_date) for item in items] == [(r"gdp\US", FEBRUARY), (r"gdp\US", MARCH)]
        assert [item.points.to_rows() for item in items] == [[[START, 1.0], [START + DAY, 2.0]], [[START, 1.5]]]
        assert [item.fields for item in items] == [{"country": "US"}] * 2
    with pytest.raises(ValueError, match="report dates under the name 'reported_date', but the argument"):
        series_writes(frame, r"gdp\{country}")
    with pytest.raises(ValueError, match="must be written to a different series, but two"):
        series_writes(frame.rename_axis(columns={"reported_date": "when"}), r"gdp\{country}")
    each = series_writes(frame, r"gdp\{country}\{reported_date:%Y%m}")
    assert [item.series_id for item in each] == [r"gdp\US\202402", r"gdp\US\202403"]


def test_one_report_date_for_all():
    for given in ("2024-02-01", datetime.date(2024, 2, 1), pd.Timestamp("2024-02-01"), FEBRUARY, pd.Period("2024-02")):
        items = series_writes(pd.Series([1.0], DATES[:1]), "gdp", reported_date=given)
        assert [item.reported_date for item in items] == [FEBRUARY]
    fields = pd.DataFrame({"unit": ["MW"], "when": [DATES[0]]}, pd.Index(["a"], name="series_id"))
    [item] = series_writes(fields, reported_date="when")
    assert (item.reported_date, item.fields) == (START, {"unit": "MW"})


@pytest.mark.parametrize(
    ("reported_date", "kind", "words"),
    [
        ("val", TypeError, "reported_date='val' must contain dates"),
        ("releases", ValueError, "reported_date must be a date, .* of the frame, got 'releases'"),
        ("missing", ValueError, "reported_date='missing' must not contain missing dates, got NaT at position 1"),
        *(
            (text, ValueError, "reported_date must be a date, an ISO date .*, got")
            for text in ("may", "10:00", "", "NaT")
        ),
        (2024, ValueError, "reported_date must be a date or milliseconds since 1970-01-01, got 2024"),
    ],
)
def test_report_dates_that_are_none(reported_date, kind, words):
    frame = VINTAGES.assign(missing=[DATES[0], pd.NaT, DATES[0], DATES[0]])
    with pytest.raises(kind, match=words):
        series_writes(frame, "gdp", date="dt", reported_date=reported_date)


def test_vintages_are_stored_and_read_by_report_date(conn):
    result = VINTAGES.shooju.write("vintages", sid=r"users\sam\gdp", reported_date="reported", connection=conn)
    assert result.series[["points", "stored"]].to_dict("index") == {r"users\sam\gdp": {"points": 3, "stored": True}}
    for month, values in (("2024-02-01", [1.0, 2.0]), ("2024-03-01", [1.5])):
        read = read_shooju([rf"sid=users\sam\gdp@repdate:{month}"], connection=conn)
        assert read.iloc[:, 0].tolist() == values
    assert conn.get_reported_dates(r"sid=users\sam\gdp") == [
        datetime.datetime(2024, 2, 1),
        datetime.datetime(2024, 3, 1),
    ]
    later = VINTAGES.assign(val=VINTAGES["val"] + (VINTAGES["reported"] > "2024-02-15"))
    options = {"sid": r"users\sam\gdp", "reported_date": "reported"}
    diff = later.shooju.diff(VINTAGES, **options)
    assert diff[["reported_date", "new"]].values.tolist() == [[pd.Timestamp("2024-03-01", tz="UTC"), 2.5]]
    assert later.shooju.write("revised", changed_from="server", connection=conn, **options).points == 1


def test_naive_local_times_of_a_zone(conn):
    aware = pd.date_range("2024-10-26 22:00", periods=6, freq="h", tz="UTC")
    local = aware.tz_convert("Europe/Berlin").tz_localize(None)
    wide = pd.DataFrame({"a": np.arange(6.0)}, local).rename_axis(columns="name")
    long = wide.melt(ignore_index=False, value_name="val").rename_axis("dt").reset_index()
    for data in (wide, long, long.groupby("name"), wide["a"]):
        sid = r"users\sam\a" if isinstance(data, pd.Series) else r"users\sam\{name}"
        with pytest.raises(ValueError, match="more than once"):
            data.shooju.write("naive", sid=sid, connection=conn)
        data.shooju.write("local", sid=sid, tz="Europe/Berlin", remove_others="points", connection=conn)
        assert (read_shooju([r"sid=users\sam\a"], connection=conn).index == aware).all()


def test_one_pass_of_a_repeated_hour_is_an_error():
    once = pd.DatetimeIndex(["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 03:00"])
    skipped = pd.DatetimeIndex(["2024-03-31 01:00", "2024-03-31 02:30", "2024-03-31 03:00"])
    for index, time in ((once, "2024-10-27 02:00"), (skipped, "2024-03-31 02:30")):
        with pytest.raises(ValueError, match=time):
            series_writes(pd.Series([1.0, 2, 3], index), "a", tz="Europe/Berlin")
        long = pd.DataFrame({"series_id": ["a"] * 3 + ["b"] * 3, "dt": [*DATES.tz_localize(None), *index], "val": 1.0})
        with pytest.raises(ValueError, match=time):
            series_writes(long, tz="Europe/Berlin")
        assert len(series_writes(long[:3], tz="Europe/Berlin")) == 1


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        (pd.DataFrame([[1.0]], [r"users\a"], DATES[:1]), {}, "they are in the columns: `df = df.T`"),
        (
            pd.DataFrame([[1.0]], pd.Index([r"users\a"], name="series_id"), DATES[:1]),
            {},
            "they are in the columns: `df = df.T`",
        ),
        (
            BARS.set_index(["dt", "symbol"]).assign(symbol="x", val=1.0),
            {"sid": "{symbol}"},
            "'symbol' is both an index level",
        ),
        (BARS.assign(val=1.0).set_index("symbol", drop=False), {"sid": "{symbol}"}, "'symbol' is both an index level"),
        (
            pd.DataFrame([[1.0]], [r"users\a"], ["2024-01-01"]),
            {},
            "they are in the columns: `df = df.T; df.index = pd.to_datetime",
        ),
        (BARS.assign(val=1.0).set_index("dt", drop=False), {"sid": "{symbol}"}, "'dt' is both an index level"),
        (
            BARS[["symbol", "close", "close"]],
            {"sid": "{symbol}", "value": "close"},
            "date= must name the column with the dates",
        ),
        (
            BARS[["dt", "symbol", "close", "symbol"]],
            {"sid": len, "value": "close"},
            "a dict or a function requires a groupby",
        ),
        (
            BARS,
            {"sid": "{symbol}", "value": {"close": 1}},
            "value must be the name of a column, or a list of names, got",
        ),
        (BARS, {"sid": "{symbol}", "date": ["dt"], "value": "close"}, "date must be the name of a column, got"),
        ([1.0], {"sid": "a"}, "data must be a DataFrame, a Series or a groupby of pandas, got list"),
    ],
)
def test_shapes_that_cannot_be_written(frame, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        series_writes(frame, **options)


def test_a_shape_follows_from_the_frame(conn):
    long = pd.DataFrame({"series_id": [r"users\a", r"users\b"], "val": [1.0, 2.0]}, DATES[:2])
    for name in ("dt", "date", None):
        assert len(series_writes(long.rename_axis(name))) == 2
    named = long.reset_index().rename(columns={"dt": "day", "val": "price"})
    assert len(series_writes(named, date="day", value="price")) == 2


def test_a_connection_can_be_named(tmp_path):
    name = f"local:{tmp_path / 'store.sqlite'}"
    frame = pd.DataFrame({r"users\a": [1.0]}, DATES[:1])
    assert frame.shooju.write("named", sid="{series_id}", connection=name).ok
    assert read_shooju(r"sid:users", connection=name).iloc[0, 0] == 1.0
    assert frame.mul(2).shooju.write("named", sid="{series_id}", changed_from="server", connection=name).points == 1

"""Every remedy that an error message gives works: it is taken on the very frame that caused the error.

Code in messages stands in backquotes; it is executed as a reader would paste it. The last test finds the code that no
other test executes. `test_advice_in_words.py` takes the other remedies: an argument to pass, rows to drop.
"""

import ast
import datetime as dt
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju.clocks.suggestions import conversion_to_dates

SID = r"users\sam\a"
PACKAGE = Path(sj.__file__).parent
UTC = "UTC"


def code_in(message):
    """The code that a message shows."""
    return re.findall(r"`([^`]+)`", message)


def executed(code, **names):
    """The names after the code was executed; a warning would be an error."""
    namespace = {"pd": pd, **names}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(code, namespace)
    return namespace


def refused(call):
    """The message of the error that a call raises."""
    with pytest.raises((ValueError, TypeError)) as raised:
        call()
    return str(raised.value)


def write(conn, data, **options):
    if isinstance(data, tuple):  # a frame, and the key to group it by
        data = data[0].groupby(data[1])
    return data.shooju.write("advice", connection=conn, **{"sid": SID, **options})


def take_all(conn, data, options):
    """Follow the code in messages until the data is written; the messages."""
    messages = []
    data = (data[0].copy(), data[1]) if isinstance(data, tuple) else data.copy()
    for _ in range(5):
        try:
            write(conn, data, **options)
        except (ValueError, TypeError) as error:
            messages.append(str(error))
        else:
            return messages
        if "leave out date=" in messages[-1]:
            options = {name: value for name, value in options.items() if name != "date"}
        code = code_in(messages[-1])
        assert code, messages[-1]
        if re.match(r"(sid|date|value)=", code[-1]):  # arguments; before them stands what prepares the frame
            options = {**options, **eval(f"dict({code.pop()})")}
        if code:
            df, *key = data if isinstance(data, tuple) else [data]
            root = "series" if isinstance(df, pd.Series) else "df"
            df = executed(code[0], **{root: df})[root]
            data = (df, *key) if key else df
    raise AssertionError(messages)


def stored(conn, series_id=SID):
    """The points of a series by date, as far as the date needs to be shown."""
    series = pd.read_shooju([f'sid="{series_id}"'], tz=None, connection=conn).iloc[:, 0]
    return {str(date).removesuffix(" 00:00:00"): value for date, value in series.items()}


def wide(index, **columns):
    return pd.DataFrame(columns or {"a": np.arange(1.0, len(index) + 1)}, index=index)


def long(dates, **columns):
    return pd.DataFrame({"symbol": "a", "when": dates, **(columns or {"val": np.arange(1.0, len(dates) + 1)})})


# --- code in messages -----------------------------------------------------------------------------------------------

#: what looks like dates, and the dates that are stored when the advice has been followed
LIKE_DATES = {
    "years": ([2020, 2021], ["2020-01-01", "2021-01-01"]),
    "years, nullable": (pd.array([2020, 2021], dtype="Int64"), ["2020-01-01", "2021-01-01"]),
    "years, objects": (np.array([2020, 2021], dtype=object), ["2020-01-01", "2021-01-01"]),
    "years, floats": ([2020.0, 2021.0], ["2020-01-01", "2021-01-01"]),
    "years, small integers": (np.array([1999, 2000], np.int16), ["1999-01-01", "2000-01-01"]),
    "years, categories": (pd.Categorical([2021, 2020]), ["2021-01-01", "2020-01-01"]),
    "YYYYMM": ([202001, 202012], ["2020-01-01", "2020-12-01"]),
    "YYYYMMDD": ([20240103, 20240203], ["2024-01-03", "2024-02-03"]),
    "YYYYMMDD, floats": ([20240103.0, 20240203.0], ["2024-01-03", "2024-02-03"]),
    "YYYYMMDD, categories": (pd.Categorical([20240103, 20240203]), ["2024-01-03", "2024-02-03"]),
    "days of a spreadsheet": ([45292, 45323], ["2024-01-01", "2024-02-01"]),
    "hours of a spreadsheet": ([45292 + 1 / 24, 45292 + 23 / 24], ["2024-01-01 01:00:00", "2024-01-01 23:00:00"]),
    "seconds": ([1704067200], ["2024-01-01"]),
    "seconds with a fraction": ([1704067200.5], ["2024-01-01 00:00:00.500000"]),
    "milliseconds": ([1704067200000], ["2024-01-01"]),
    "microseconds": ([1704067200000000], ["2024-01-01"]),
    "nanoseconds": ([1704067200000000000], ["2024-01-01"]),
    "ISO": (["2024-01-01", "2024-01-02"], ["2024-01-01", "2024-01-02"]),
    "ISO, categories": (pd.Categorical(["2024-01-02", "2024-01-01"]), ["2024-01-02", "2024-01-01"]),
    "years as text": (["2020", "2021"], ["2020-01-01", "2021-01-01"]),
    "YYYYMMDD as text": (["20240103"], ["2024-01-03"]),
    "quarters": (["2024Q1", "2024Q3"], ["2024-01-01", "2024-07-01"]),
    "mixed offsets": (
        ["2024-01-01T00:00+01:00", "2024-07-01T00:00+02:00"],
        ["2023-12-31 23:00:00", "2024-06-30 22:00:00"],
    ),
    "a repeated hour with offsets": (
        ["2024-10-27 02:30:00+02:00", "2024-10-27 02:30:00+01:00"],
        ["2024-10-27 00:30:00", "2024-10-27 01:30:00"],
    ),
    "Zulu": (["2024-01-01T00:00Z"], ["2024-01-01"]),
    "day before month": (["31/01/2024", "01/02/2024"], ["2024-01-31", "2024-02-01"]),
    "several formats": (["1 Jan 2024", "2024-02-01"], ["2024-01-01", "2024-02-01"]),
}
MULTI = "users\\sam\\{symbol}"
STACKED = {"sid": MULTI, "date": "when"}


def stacked(values):
    index = pd.MultiIndex.from_arrays([["a"] * len(values), values], names=["symbol", "when"])
    return pd.Series(np.arange(1.0, len(values) + 1), index, name="x")


#: the frames, Series and groupbys that such dates can be in, with the arguments of `write`
DOORS = {
    "the index": lambda values: (wide(pd.Index(values)), {}),
    "the index of a Series": lambda values: (wide(pd.Index(values))["a"], {}),
    "a column of a wide frame": lambda values: (
        pd.DataFrame({"when": values, "a": np.arange(1.0, len(values) + 1)}),
        {"date": "when", "value": "a"},
    ),
    "a column": lambda values: (long(values), {"sid": MULTI, "date": "when"}),
    "a column of a groupby": lambda values: ((long(values), "symbol"), {"sid": MULTI, "date": "when"}),
    "a level of the index": lambda values: (stacked(values).to_frame(), {**STACKED, "value": "x"}),
    "a level of the index of a Series": lambda values: (stacked(values), STACKED),
    "an index and a column": lambda values: (
        long(values).set_index("when"),
        {"sid": MULTI, "date": "when", "value": "val"},
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", LIKE_DATES)
def test_what_looks_like_dates(conn, door, kind):
    values, expected = LIKE_DATES[kind]
    if "level" in door and isinstance(values, pd.Categorical):
        values = values.astype(object)  # levels are what they are categories of
    data, options = DOORS[door](values)
    messages = take_all(conn, data, options)
    assert len(messages) == 1
    assert stored(conn) == dict(sorted(zip(expected, np.arange(1.0, len(expected) + 1), strict=True)))


@pytest.mark.parametrize("kind", LIKE_DATES)
def test_what_looks_like_dates_in_a_series_of_a_job(conn, kind):
    values, expected = LIKE_DATES[kind]
    series = pd.Series(np.arange(1.0, len(values) + 1), values)
    with conn.register_job("series") as job:
        message = refused(lambda: job.write(f"sid={SID}", points=series))
        (code,) = code_in(message)
        series = executed(code, series=series)["series"]
        if series.index.tz is None or "+" not in kind:
            job.write(f"sid={SID}", points=series)
    assert stored(conn) == dict(sorted(zip(expected, np.arange(1.0, len(expected) + 1), strict=True)))


def test_days_before_months_are_pointed_out(conn):
    data = wide(["01/02/2024", "03/04/2024"])
    message = refused(lambda: write(conn, data))
    (code,) = code_in(message)
    assert message.endswith("(with dayfirst=True if the day comes before the month)")
    write(conn, executed(code[:-1] + ", dayfirst=True)", df=data)["df"])
    assert stored(conn) == {"2024-02-01": 1.0, "2024-04-03": 2.0}
    assert "dayfirst" not in refused(lambda: write(conn, wide(["2024-02-01", "2024-02-02"])))


@pytest.mark.parametrize(
    "values", [[0, 1, 2], [2020.5], ["a", "b"], [True], [-5], [1704067200, 5], [dt.time(1)], ["2024-01-01", "n/a"]]
)
def test_where_no_conversion_works_none_is_advised(conn, values):
    assert conversion_to_dates(pd.Index(values), "x") is None
    assert "must be datetimes or periods" in refused(lambda: write(conn, wide(pd.Index(values))["a"]))


@pytest.mark.parametrize("values", [[], [None], [None, float("nan")], [pd.NA, pd.NaT]])
@pytest.mark.parametrize("dtype", [object, "string", "category", "float64"])
def test_where_all_dates_are_missing_the_advice_does_not_fail(values, dtype):
    given = pd.Series(values if dtype != "float64" else [None] * len(values), dtype=dtype)
    found = conversion_to_dates(given, "x")
    assert found is None or not found.day_first
    index = conversion_to_dates(pd.Index(given), "x")
    assert index is None or not index.day_first


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.floats(), min_size=1))
def test_no_number_makes_the_advice_fail(numbers):
    found = conversion_to_dates(pd.Series(numbers), "x")
    assert found is None or found.dates.notna().sum() == pd.Series(numbers).notna().sum()


DAYS = ["2024-01-01", "2024-01-02"]
BOTH_DAYS = {"2024-01-01": 1.0, "2024-01-02": 2.0}
A_LEVEL = {"sid": r"users\sam\{name}"}

#: data, arguments of `write`, and the points of `SID` once the code in all messages has been executed
FRAMES = {
    # dates in a column of a wide frame
    "dates in a column": (pd.DataFrame({"date": pd.to_datetime(DAYS), "a": [1.0, 2.0]}), {}, BOTH_DAYS),
    "text dates in a column": (pd.DataFrame({"x": DAYS, "a": [1.0, 2.0]}), {}, BOTH_DAYS),
    "days as integers in a column": (pd.DataFrame({"date": [20240101, 20240102], "a": [1.0, 2.0]}), {}, BOTH_DAYS),
    "dates in a column, and a template": (
        pd.DataFrame({"date": pd.to_datetime(DAYS), "a": [1.0, 2.0], "b": 1.0}),
        A_LEVEL,
        BOTH_DAYS,
    ),
    "a wide frame with date=": (
        pd.DataFrame({"date": pd.to_datetime(DAYS), "a": [1.0, 2.0], "b": 1.0}).rename_axis(columns="name"),
        {**A_LEVEL, "date": "date"},
        BOTH_DAYS,
    ),
    # a long frame whose columns are not named
    "a long frame": (pd.DataFrame({"day": pd.to_datetime(DAYS), "symbol": "a", "close": [1.0, 2.0]}), {}, BOTH_DAYS),
    "a long frame, text dates": (pd.DataFrame({"day": DAYS, "symbol": "a", "close": [1.0, 2.0]}), {}, BOTH_DAYS),
    "a long frame, two values": (
        pd.DataFrame({"day": DAYS, "symbol": "x", "a": [1.0, 2.0], "b": 0.0}),
        {},
        {},
    ),
    # dates in the columns
    "dates in the columns": (pd.DataFrame([[1.0, 2.0]], ["a"], pd.to_datetime(DAYS)), {}, BOTH_DAYS),
    "text dates in the columns": (pd.DataFrame([[1.0, 2.0]], ["a"], DAYS), {}, BOTH_DAYS),
    "years in the columns": (
        pd.DataFrame([[1.0, 2.0]], pd.Index(["a"], name="name"), [2020, 2021]),
        A_LEVEL,
        {"2020-01-01": 1.0, "2021-01-01": 2.0},
    ),
    "years in the columns, beside labels": (
        pd.DataFrame({"name": ["a", "b"], "unit": ["t", "t"], 2020: [1.0, 3.0], 2021: [2, 4]}),
        A_LEVEL,
        {"2020-01-01": 1.0, "2021-01-01": 2.0},
    ),
    "text years in the columns, beside labels": (
        pd.DataFrame({"name": ["a", "b"], "2020": [1, 3], "2021": [2, 4]}),
        A_LEVEL,
        {"2020-01-01": 1.0, "2021-01-01": 2.0},
    ),
    "quarters in the columns, beside ids": (
        pd.DataFrame({"series_id": [SID], "2020Q1": [1.0], "2020Q2": [2.0]}),
        {"sid": "{series_id}"},
        {"2020-01-01": 1.0, "2020-04-01": 2.0},
    ),
    "years in the columns, ids in the index": (
        pd.DataFrame([[1.0, 2.0]], pd.Index([SID], name="series_id"), [2020, 2021]),
        {"sid": "{series_id}"},
        {"2020-01-01": 1.0, "2021-01-01": 2.0},
    ),
    # an index level named as a column
    "a level named as a column": (
        long(pd.to_datetime(DAYS)).set_index("symbol", drop=False),
        {"sid": MULTI, "date": "when"},
        BOTH_DAYS,
    ),
    "a level of two named as a column": (
        long(pd.to_datetime(DAYS)).set_index(["symbol", "when"], drop=False).drop(columns="symbol"),
        {"sid": MULTI, "date": "when"},
        BOTH_DAYS,
    ),
    # values
    "one text among numbers": (wide(pd.to_datetime(DAYS), a=[1.0, "n/a"]), {}, {"2024-01-01": 1.0}),
    "numbers as text": (wide(pd.to_datetime(DAYS), a=["0.1", "2"]), {}, {"2024-01-01": 0.1, "2024-01-02": 2.0}),
    "numbers as text, one text among them": (
        wide(pd.to_datetime([*DAYS, "2024-01-03"]), a=["0.1", "-", None]),
        {},
        {"2024-01-01": 0.1},
    ),
    "one text in a Series": (pd.Series([1.0, "-"], pd.to_datetime(DAYS)), {}, {"2024-01-01": 1.0}),
    "one text in a column": (
        long(pd.to_datetime(DAYS), close=[1.0, "."]),
        {"sid": MULTI, "date": "when", "value": "close"},
        {"2024-01-01": 1.0},
    ),
    "one text in a column of a groupby": (
        (long(pd.to_datetime(DAYS), close=[1.0, "."]), "symbol"),
        {"sid": MULTI, "date": "when", "value": "close"},
        {"2024-01-01": 1.0},
    ),
    "one text in one of several columns of values": (
        pd.DataFrame({"when": pd.to_datetime(DAYS), "a": [1.0, "x"], "b": [1, 2]}),
        {"sid": r"users\sam\{variable}", "date": "when", "value": ["a", "b"]},
        {"2024-01-01": 1.0},
    ),
    "one text under a label of two levels": (
        pd.DataFrame(
            {("a", "t"): [1.0, "x"], ("b", "t"): [1.0, 2.0]}, pd.to_datetime(DAYS)
        ).rename_axis(columns=["name", "unit"]),
        A_LEVEL,
        {"2024-01-01": 1.0},
    ),
    "booleans": (wide(pd.to_datetime(DAYS), a=[True, False]), {}, {"2024-01-01": 1.0, "2024-01-02": 0.0}),
    "categories": (
        wide(pd.to_datetime(DAYS), a=pd.Categorical(["0.1", "2"])),
        {},
        {"2024-01-01": 0.1, "2024-01-02": 2.0},
    ),
    "categories of numbers": (wide(pd.to_datetime(DAYS), a=pd.Categorical([1, 2])), {}, BOTH_DAYS),
    # names
    "a column level without a name": (
        pd.DataFrame({"a": [1.0, 2.0], "b": 0.0}, pd.to_datetime(DAYS)),
        A_LEVEL,
        BOTH_DAYS,
    ),
    "fields of levels without names": (
        wide(pd.to_datetime(DAYS)),
        {"fields": "levels"},
        BOTH_DAYS,
    ),
    "a column called variable": (
        pd.DataFrame({"when": pd.to_datetime(DAYS), "variable": "x", "a": [1.0, 2.0], "b": 0.0}),
        {"sid": r"users\sam\{variable}", "date": "when", "value": ["a", "b"]},
        BOTH_DAYS,
    ),
    # local times
    "the first of a repeated hour": (
        wide(pd.to_datetime(["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 03:00"])),
        {"tz": "Europe/Berlin"},
        {"2024-10-26 23:00:00": 1.0, "2024-10-27": 2.0, "2024-10-27 02:00:00": 3.0},
    ),
    "the first of a repeated hour, in a column": (
        long(pd.to_datetime(["2024-10-27 02:00"])),
        {"sid": MULTI, "date": "when", "tz": "Europe/Berlin"},
        {"2024-10-27": 1.0},
    ),
    "the first of a repeated hour, as a period": (
        wide(pd.PeriodIndex(["2024-10-27 02:00"], freq="h")),
        {"tz": "Europe/Berlin"},
        {"2024-10-27": 1.0},
    ),
    "the first of a repeated hour, as periods in a column": (
        long(pd.PeriodIndex(["2024-10-27 02:00"], freq="h")),
        {"sid": MULTI, "date": "when", "tz": "Europe/Berlin"},
        {"2024-10-27": 1.0},
    ),
    "the first of a repeated hour, as objects": (
        wide(pd.Index([dt.datetime(2024, 10, 27, 2)], dtype=object)),
        {"tz": "Europe/Berlin"},
        {"2024-10-27": 1.0},
    ),
    "the first of a repeated hour, in a level": (
        stacked(pd.to_datetime(["2024-10-27 02:00"])),
        {**STACKED, "tz": "Europe/Berlin"},
        {"2024-10-27": 1.0},
    ),
    "a skipped hour": (
        wide(pd.to_datetime(["2024-03-31 01:00", "2024-03-31 02:00", "2024-03-31 03:00"])),
        {"tz": "Europe/Berlin"},
        {"2024-03-31": 1.0, "2024-03-31 01:00:00": 3.0},
    ),
    "a skipped hour, in a level": (
        stacked(pd.to_datetime(["2024-03-31 02:00", "2024-03-31 03:00"])),
        {**STACKED, "tz": "Europe/Berlin"},
        {"2024-03-31 01:00:00": 2.0},
    ),
    "a skipped hour, in a column": (
        long(pd.to_datetime(["2024-03-31 02:00", "2024-03-31 03:00"])),
        {"sid": MULTI, "date": "when", "tz": "Europe/Berlin"},
        {"2024-03-31 01:00:00": 2.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_code_in_messages(conn, name):
    data, options, expected = FRAMES[name]
    assert take_all(conn, data, dict(options))
    if name == "a long frame, two values":
        assert stored(conn, r"users\sam\x\a") == BOTH_DAYS
        assert stored(conn, r"users\sam\x\b") == {"2024-01-01": 0.0, "2024-01-02": 0.0}
    else:
        assert stored(conn) == expected


# --- code for what is not the data alone ----------------------------------------------------------------------------

OTHERS = []


def other(case):
    """A case that yields each message, after which it takes the remedy."""
    OTHERS.append(case)
    return case


def wide_gdp(conn):
    index = pd.date_range("2024-01-01", periods=2, tz=UTC, name="dt").as_unit("ms")
    frame = pd.DataFrame({"US": [1.0, 2.0], "CN": [3.0, 4.0]}, index).rename_axis(columns="country")
    frame.shooju.write("first", sid=r"users\sam\{country}", fields="levels", connection=conn)
    return pd.read_shooju(r"sid:users\sam", "country", connection=conn)


@other
def report_dates_as_integers(conn):
    df = long(pd.to_datetime(DAYS)).assign(reported_date=[20240201, 20240202])
    options = {"sid": MULTI, "date": "when", "reported_date": "reported_date"}
    yield (message := refused(lambda: write(conn, df, **options)))
    write(conn, executed(code_in(message)[0], df=df)["df"], **options)
    assert conn.get_reported_dates(f"sid={SID}") == [dt.datetime(2024, 2, 1), dt.datetime(2024, 2, 2)]


@other
def report_dates_as_text_in_a_level(conn):
    for names in (["reported_date", "name"], ["name", "reported_date"]):
        labels = [("2024-02-01", "a"), ("2024-02-02", "a")]
        columns = pd.MultiIndex.from_tuples([label if names[1] == "name" else label[::-1] for label in labels])
        df = pd.DataFrame([[1.0, 2.0]], pd.to_datetime(["2024-01-01"]), columns.rename(names))
        options = {"sid": r"users\sam\{name}", "reported_date": "reported_date"}
        yield (message := refused(lambda: write(conn, df, **options)))  # noqa: B023
        write(conn, executed(code_in(message)[0], df=df)["df"], **options)
    assert conn.get_reported_dates(f"sid={SID}") == [dt.datetime(2024, 2, 1), dt.datetime(2024, 2, 2)]


@other
def report_dates_as_years_in_the_only_level(conn):
    df = pd.DataFrame({2024: [1.0], 2025: [2.0]}, pd.to_datetime(["2024-01-01"])).rename_axis(columns="reported_date")
    yield (message := refused(lambda: write(conn, df, reported_date="reported_date")))
    write(conn, executed(code_in(message)[0], df=df)["df"], reported_date="reported_date")
    assert conn.get_reported_dates(f"sid={SID}") == [dt.datetime(2024, 1, 1), dt.datetime(2025, 1, 1)]


@other
def report_dates_that_are_not_named(conn):
    df = long(pd.to_datetime(DAYS)).assign(reported_date=pd.Timestamp("2024-02-01"))
    yield (message := refused(lambda: write(conn, df, sid=MULTI, date="when")))
    (argument,) = re.findall(r"pass (reported_date='reported_date') to write the reports", message)
    write(conn, df, sid=MULTI, date="when", **eval(f"dict({argument})"))
    assert conn.get_reported_dates(f"sid={SID}") == [dt.datetime(2024, 2, 1)]
    assert "select it and drop 'reported_date'" in message
    write(conn, df.drop(columns="reported_date"), sid=MULTI, date="when")
    assert stored(conn) == BOTH_DAYS


@other
def a_dict_for_a_long_frame(conn):
    df = pd.DataFrame({"n": ["x", "x"], "symbol": ["US", "CN"], "dt": pd.to_datetime(DAYS), "val": [1.0, 2.0]})
    sid = {"US": SID, "CN": r"users\sam\b"}
    yield (message := refused(lambda: write(conn, df, sid=sid)))
    (code,) = code_in(message)
    eval(code, {"df": df}).shooju.write("groups", sid=sid, connection=conn)
    assert stored(conn) == {"2024-01-01": 1.0}
    yield (message := refused(lambda: write(conn, df.drop(columns="n"), sid=lambda symbol: sid[symbol])))
    (code,) = code_in(message)
    eval(code, {"df": df.drop(columns="n")}).shooju.write("groups", sid=lambda symbol: sid[symbol], connection=conn)
    assert stored(conn, r"users\sam\b") == {"2024-01-02": 2.0}


@other
def fields_in_a_series(conn):
    df = wide(pd.to_datetime(DAYS))
    fields = pd.Series({"unit": "MW"})
    yield (message := refused(lambda: write(conn, df, fields=fields)))
    write(conn, df, fields=eval(code_in(message)[0], {"fields": fields}))
    assert conn.get_fields(f"sid={SID}") == {"unit": "MW"}
    for name, expected in ((None, {"name": "GW"}), ("unit", {"unit": "GW"})):
        fields = pd.Series({SID: "GW"}, name=name)
        yield (message := refused(lambda: write(conn, df, fields=fields)))  # noqa: B023
        write(conn, df, fields=eval(code_in(message)[1], {"fields": fields}))
        assert conn.get_fields(f"sid={SID}") == {"unit": "MW", "name": "GW"} | expected


@other
def names_of_fields_that_are_numbers(conn):
    df = pd.DataFrame({1: ["x"]}, pd.Index([SID], name="series_id"))
    yield (message := refused(lambda: write(conn, df, sid=None)))
    write(conn, executed(code_in(message)[0], df=df)["df"], sid=None)
    assert conn.get_fields(f"sid={SID}") == {"1": "x"}


@other
def a_frame_of_points_or_of_fields(conn):
    df = pd.DataFrame({"series_id": SID, "date": pd.to_datetime(["2024-01-01"]), "level": [1.0]})
    yield (message := refused(lambda: write(conn, df, sid=None)))
    write(conn, executed(code_in(message)[0], df=df)["df"], sid=None)
    assert conn.get_fields(f"sid={SID}") == {"date": "2024-01-01T00:00:00", "level": 1.0}
    assert "name both columns with date= and value=" in message
    write(conn, df, sid=None, date="date", value="level")
    assert stored(conn) == {"2024-01-01": 1.0}


@other
def a_frame_without_any_shape(conn):
    df = pd.DataFrame({"unit": ["MW"]}, [SID])
    yield (message := refused(lambda: write(conn, df, sid=None)))
    write(conn, executed(code_in(message)[0], df=df)["df"], sid=None)
    assert conn.get_fields(f"sid={SID}") == {"unit": "MW"}


@other
def the_origin_of_a_frame(conn):
    df = wide_gdp(conn)

    def change():
        df.attrs["shooju"]["query"] = "x"

    yield (message := refused(change))
    df = executed(code_in(message)[0], df=df)["df"]
    assert df.attrs["shooju"]["query"] == ""
    assert df.shooju.series_ids.tolist() == [r"users\sam\US", r"users\sam\CN"]


@other
def changed_from_a_frame_with_other_names(conn):
    old = wide_gdp(conn)
    df = (old * 10).rename_axis(columns="nation")
    yield (message := refused(lambda: write(conn, df, sid=None, changed_from=old)))
    write(conn, executed(code_in(message)[0], df=df)["df"], sid=None, changed_from=old)
    assert stored(conn, r"users\sam\CN") == {"2024-01-01": 30.0, "2024-01-02": 40.0}
    assert "or pass sid=..." in message
    write(conn, df * 2, changed_from=old, sid={"US": SID, "CN": r"users\sam\b"})
    assert stored(conn, r"users\sam\b") == {"2024-01-01": 60.0, "2024-01-02": 80.0}


@other
def changed_from_a_frame_and_a_series_without_a_name(conn):
    old = wide_gdp(conn)
    series = (old["US"] * 10).rename(None)
    yield (message := refused(lambda: write(conn, series, sid=None, changed_from=old)))
    write(conn, executed(code_in(message)[0], series=series)["series"], sid=None, changed_from=old)
    assert stored(conn, r"users\sam\US") == {"2024-01-01": 10.0, "2024-01-02": 20.0}


@other
def all_points_of_a_series_would_be_removed(conn):
    wide_gdp(conn)
    df = pd.DataFrame({"US": [5.0], "CN": [None]}, pd.to_datetime(["2024-01-01"])).rename_axis(columns="country")
    options = {"sid": r"users\sam\{country}", "remove_others": "points"}
    yield (message := refused(lambda: write(conn, df, **options)))
    assert "leave these columns or rows out" in message
    write(conn, df.dropna(axis=1), **options)
    assert stored(conn, r"users\sam\US") == {"2024-01-01": 5.0}
    with conn.register_job("delete") as job:
        executed(code_in(message)[0], job=job)
    assert pd.read_shooju("sid:users", layout="fields", connection=conn).index.tolist() == [r"users\sam\US"]


@other
def vintages_under_other_names(conn):
    df = pd.DataFrame(
        {"date": pd.to_datetime(DAYS[:1] * 2), "value": [1.0, 2.0], "reported_date": pd.to_datetime(DAYS)}
    )
    yield (message := refused(lambda: df.shooju.latest()))
    assert executed(code_in(message)[0], df=df)["df"].shooju.latest()["val"].tolist() == [2.0]


@other
def states_of_jobs_and_of_moments(conn):
    wide_gdp(conn)
    for layout in ("wide", "long"):
        df = pd.read_shooju("sid:users", asof=[1, "2100-01-01"], layout=layout, connection=conn)
        yield (message := refused(lambda: df.shooju.latest()))  # noqa: B023
        chosen = eval(code_in(message)[0], {"df": df})
        assert len(chosen) == (2 if layout == "wide" else 4)
        assert (chosen if layout == "wide" else chosen["val"]).to_numpy().ravel().sum() == 10.0


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: case.__name__)
def test_other_code(conn, case):
    assert [message for message in case(conn) if "`" in message or "pass " in message]


# --- every remedy is tested -------------------------------------------------------------------------------------------


def code_templates():
    """The strings of the package that show code, as patterns of the messages that they become."""
    for room in ("clocks", "client", "frame", "manage", "values.py", "layouts.py", "query.py"):
        for path in sorted((PACKAGE / room).rglob("*.py")) if not room.endswith(".py") else [PACKAGE / room]:
            tree = ast.parse(path.read_text("utf-8"))
            parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
            docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if id(node) in parts | docs or not isinstance(node, ast.Constant | ast.JoinedStr):
                    continue
                values = node.values if isinstance(node, ast.JoinedStr) else [node]
                texts = [part.value if isinstance(part, ast.Constant) else None for part in values]
                if any(isinstance(text, str) and "`" in text and "`pandas-shooju" not in text for text in texts):
                    pattern = "".join(".*" if text is None else re.escape(text) for text in texts)
                    yield pytest.param(pattern, id=f"{path.stem} {node.lineno}")


@pytest.fixture(scope="module")
def messages():
    """All messages whose remedies are taken above."""
    found = []
    for data, options, _ in FRAMES.values():
        with sj.Connection("local::memory:") as conn:
            found += take_all(conn, data, dict(options))
    for case in OTHERS:
        with sj.Connection("local::memory:") as conn:
            found += case(conn)
    with sj.Connection("local::memory:") as conn, conn.register_job("series") as job:
        found.append(refused(lambda: job.write(f"sid={SID}", points=pd.Series([1.0], [2020]))))
    return found


@pytest.mark.parametrize("pattern", list(code_templates()))
def test_code_in_a_message_is_tested(messages, pattern):
    assert any(re.search(pattern, message, re.DOTALL) for message in messages), pattern

"""Remedies that an error message gives in words, such as an argument to pass or rows to drop, are taken and work."""

import re

import numpy as np
import pandas as pd
import pytest

from tests.frame.test_advice import MULTI, SID, UTC, long, refused, stored, wide, wide_gdp, write


def test_repeated_dates(conn):
    df = wide(pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02"]))
    message = refused(lambda: write(conn, df))
    assert "drop or aggregate the duplicates" in message
    write(conn, df[~df.index.duplicated(keep="last")])
    assert stored(conn) == {"2024-01-01": 2.0, "2024-01-02": 3.0}
    write(conn, df.groupby(level=0).mean())
    assert stored(conn) == {"2024-01-01": 1.5, "2024-01-02": 3.0}
    assert "pass their time zone" not in refused(lambda: write(conn, df.tz_localize(UTC)))
    assert "pass their time zone" not in refused(lambda: write(conn, df, tz=UTC))


HOURS = pd.date_range("2024-10-27", periods=5, freq="h", tz="Europe/Berlin")
LOCAL = HOURS.tz_localize(None)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (wide(LOCAL), {}),
        (wide(LOCAL)["a"], {}),
        (long(LOCAL), {"sid": MULTI, "date": "when"}),
        ((long(LOCAL), "symbol"), {"sid": MULTI, "date": "when"}),
        (pd.concat([long(LOCAL, val=range(1, 6)), long(LOCAL, val=range(1, 6)).assign(symbol="b")]),
         {"sid": MULTI, "date": "when"}),
    ],
)  # fmt: skip
def test_a_repeated_hour_and_its_zone(conn, data, options):
    message = refused(lambda: write(conn, data, **options))
    (argument,) = re.findall(r"tz='Europe/Berlin'", message)
    result = write(conn, data, **options, **eval(f"dict({argument})"))
    for series_id in result.series.index:
        back = pd.read_shooju([f'sid="{series_id}"'], connection=conn).iloc[:, 0]
        assert (back.index == HOURS).all()
        assert back.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_naive_times_that_were_read_in_a_zone(conn):
    write(conn, wide(HOURS))
    local = pd.read_shooju([f"sid={SID}"], tz="Europe/Berlin", connection=conn).tz_localize(None) * 10
    message = refused(lambda: write(conn, local))
    for argument, expected in zip(re.findall(r"tz='\w+(?:/\w+)?'", message), (HOURS, LOCAL[:2]), strict=True):
        frame = local if expected is HOURS else local[:2]
        write(conn, frame, **eval(f"dict({argument})"), remove_others="points")
        back = pd.read_shooju([f"sid={SID}"], connection=conn)
        assert (
            back.index.tz_localize(None).tolist() == expected.tz_convert(UTC).tz_localize(None).tolist()
            if (expected.tz)
            else back.index.tz_localize(None).tolist() == expected.tolist()
        )


def test_missing_dates_are_dropped_and_finer_ones_rounded(conn):
    df = wide(pd.DatetimeIndex(["2024-01-01", None]))
    assert "drop or fill it" in refused(lambda: write(conn, df))
    write(conn, df[df.index.notna()])
    assert stored(conn) == {"2024-01-01": 1.0}
    df = wide(pd.DatetimeIndex(["2024-01-01 00:00:00.0002"]), a=[7.0])
    assert "round it first: index.round('ms')" in refused(lambda: write(conn, df))
    write(conn, df.set_axis(df.index.round("ms")))
    assert stored(conn) == {"2024-01-01": 7.0}
    df = wide(pd.PeriodIndex(["2024-01-01 00:00:00.000001"], freq="us"), a=[8.0])
    assert "index.asfreq('ms')" in refused(lambda: write(conn, df))
    write(conn, df.set_axis(df.index.asfreq("ms")))
    assert stored(conn) == {"2024-01-01": 8.0}


def test_naive_dates_compared_with_aware_ones(conn):
    old = wide_gdp(conn)
    new = (old * 10).tz_localize(None)
    message = refused(lambda: write(conn, new, sid=None, changed_from=old))
    assert message.endswith("pass the time zone of the naive dates as tz=")
    assert write(conn, new, sid=None, changed_from=old, tz=UTC).points == 4


def test_the_destinations_of_a_frame(conn):
    old = wide_gdp(conn)
    message = refused(lambda: write(conn, old * 10, sid=None))
    arguments = dict(re.findall(r"^  (\w+)=(\S+)", message, re.MULTILINE))
    assert arguments == {"sid": "'{series_id}'", "changed_from": "old"}
    (template,) = re.findall(r"sid=(r'users\S+')", message)
    write(conn, old * 2, sid=eval(template).replace("sam", "eve"))
    assert stored(conn, r"users\eve\US") == {"2024-01-01": 2.0, "2024-01-02": 4.0}
    write(conn, old * 3, sid=eval(arguments["sid"]))
    assert stored(conn, r"users\sam\US") == {"2024-01-01": 3.0, "2024-01-02": 6.0}
    write(conn, old * 4, sid=None, changed_from=old)
    assert stored(conn, r"users\sam\US") == {"2024-01-01": 4.0, "2024-01-02": 8.0}


def test_changed_from_without_an_origin(conn):
    old = wide_gdp(conn)
    new, bare = old * 10, old.copy()
    bare.attrs = {}
    message = refused(lambda: write(conn, new, sid=None, changed_from=bare))
    assert "name the series with sid=..." in message
    assert write(conn, new, sid=r"users\sam\{country}", changed_from=bare).points == 4
    new["DE"] = 1.0
    assert "write new columns separately" in refused(lambda: write(conn, new, sid=None, changed_from=old))
    write(conn, new[["DE"]], sid=r"users\sam\{country}")
    assert stored(conn, r"users\sam\DE") == {"2024-01-01": 1.0, "2024-01-02": 1.0}


def test_points_of_operators_go_elsewhere(conn):
    wide_gdp(conn)
    frame = pd.read_shooju(r"sid=users\sam\US@A:M", "country", connection=conn)
    (template,) = re.findall(r"sid=(r'[^']+')", refused(lambda: write(conn, frame, sid="{series_id}")))
    write(conn, frame.rename_axis(columns="name"), sid=eval(template).replace("sam", "eve"))
    assert stored(conn, r"users\eve\US") == {"2024-01-01": 1.5}
    local = pd.read_shooju(r"sid=users\sam\US@localize:Europe/Berlin", connection=conn)
    assert "read with tz= instead of @localize" in refused(lambda: write(conn, local, sid="{series_id}"))
    local = pd.read_shooju(r"sid=users\sam\US", tz="Europe/Berlin", connection=conn) * 3
    write(conn, local, sid="{series_id}")
    assert stored(conn, r"users\sam\US") == {"2024-01-01": 3.0, "2024-01-02": 6.0}


def test_labels_of_columns_that_are_not_unique(conn):
    frame = wide_gdp(conn)
    write(conn, frame, sid=r"users\sam\more\{country}", fields={"country": "US", "unit": "MW"})
    read = {"query": r"sid:users\sam", "fields": ["country", "unit"], "connection": conn}
    message = refused(lambda: pd.read_shooju(**{**read, "fields": "country"}))
    assert "name more fields in columns=" in message
    assert "pass a dict of queries" in message
    for argument in re.findall(r"(?:columns|layout)='\w+'", message):
        assert len(pd.read_shooju(**{**read, "fields": "country"}, **eval(f"dict({argument})")).columns) > 2
    queries = {"a": r"sid=users\sam\US", "b": r"sid=users\sam\more\US"}
    assert list(pd.read_shooju(queries, connection=conn).columns) == ["a", "b"]
    message = refused(lambda: pd.read_shooju(r"sid:users\sam not set=unit", "unit", connection=conn))
    assert "name other fields in columns=, or use columns='series_id'" in message
    assert pd.read_shooju(r"sid:users\sam not set=unit", "unit", columns="country", connection=conn).shape == (2, 2)


def test_a_year_or_a_day_as_a_limit(conn):
    wide_gdp(conn)
    for name, number, count in (("df", 20240102, 1), ("dt", 2023, 0), ("df", np.int64(2024), 2)):
        message = refused(lambda: pd.read_shooju("sid:users", **{name: number}, connection=conn))  # noqa: B023
        (argument,) = re.findall(r"(?:df|dt)='\d+'", message)
        assert len(pd.read_shooju("sid:users", **eval(f"dict({argument})"), connection=conn)) == count


def test_keys_of_a_groupby_with_one_name(conn):
    df = pd.DataFrame({"dt": pd.to_datetime(["2024-01-01", "2025-02-01"]), "val": [1.0, 2.0]})
    keys = [df["dt"].dt.year, df["dt"].dt.month]
    message = refused(lambda: df.groupby(keys).shooju.write("keys", sid=r"users\{dt}", connection=conn))
    (rename,) = re.findall(r"df\S+\.rename\('year'\)", message)
    keys = [eval(rename, {"df": df}), df["dt"].dt.month.rename("month")]
    df.groupby(keys).shooju.write("keys", sid=r"users\{year}\{month}", connection=conn)
    assert stored(conn, r"users\2025\2") == {"2025-02-01": 2.0}

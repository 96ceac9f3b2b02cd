"""Which fields a write gives to which series: from dicts, Series, frames, column levels and columns."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from pandas_shooju import read_shooju
from pandas_shooju.frame.fields import fields_of_rows
from pandas_shooju.frame.shapes import series_writes

DATES = pd.date_range("2024-01-01", periods=4, tz="UTC")
SID = r"users\sam\{name}"
IDS = [rf"users\sam\{name}" for name in "abc"]


def wide(*names):
    return pd.DataFrame(dict.fromkeys(names, 1.0), index=DATES).rename_axis(columns="name")


def fields_written(data, *args, **options):
    return {write.series_id: write.fields for write in series_writes(data, *args, **options)}


def test_a_dict_goes_to_all_series():
    expected = {r"users\sam\a": {"unit": "MW", "note": None}, r"users\sam\b": {"unit": "MW", "note": None}}
    assert fields_written(wide("a", "b"), SID, fields={"unit": "MW", "note": None}) == expected


def test_a_series_is_not_taken_for_a_dict():
    for fields in (pd.Series({"unit": "MW"}), pd.Series(["MW"], [IDS[0]], name="unit")):
        for data in (wide("a"), wide("a").melt(ignore_index=False, value_name="val").reset_index(names="dt")):
            with pytest.raises(TypeError, match=r"fields must not be a Series: pass `fields\.to_dict\(\)`"):
                series_writes(data, SID, fields=fields)


@pytest.mark.parametrize("na", ["skip", "null"])
def test_missing_values_of_a_frame_follow_na(na):
    table = pd.DataFrame({"unit": ["MW", None], "n": pd.array([1, None], "Int64")}, index=IDS[:2])
    none = {} if na == "skip" else {"unit": None, "n": None}
    data = wide("a", "b", "c")
    expected = {IDS[0]: {"unit": "MW", "n": 1}, IDS[1]: none, IDS[2]: {}}
    assert fields_written(data, SID, fields=table, na=na) == expected
    long = data.melt(ignore_index=False, value_name="val").reset_index(names="dt")
    assert fields_written(long, SID, fields=table, na=na) == expected
    assert fields_written(table.rename_axis("series_id"), na=na) == {IDS[0]: {"unit": "MW", "n": 1}, IDS[1]: none}
    columns = long.assign(unit=long["name"].map({"a": "MW"}))
    assert fields_written(columns, SID, fields="unit", na=na) == {
        IDS[0]: {"unit": "MW"},
        IDS[1]: {} if na == "skip" else {"unit": None},
        IDS[2]: {} if na == "skip" else {"unit": None},
    }


@pytest.mark.parametrize("na", ["skip", "null"])
def test_values_of_levels_keep_their_type_where_some_are_missing(na):
    columns = pd.MultiIndex.from_tuples([("a", 7), ("b", None)], names=["name", "code"])
    data = pd.DataFrame([[1.0, 2.0]], DATES[:1], columns)
    written = fields_written(data, SID, fields=["code"], na=na)
    assert written == {IDS[0]: {"code": 7}, IDS[1]: {} if na == "skip" else {"code": None}}
    assert type(written[IDS[0]]["code"]) is int


def test_levels_are_named():
    dates = pd.DatetimeIndex(["2024-01-01", "2024-02-01"])
    columns = pd.MultiIndex.from_arrays([["a", "b"], dates], names=["name", "since"])
    data = pd.DataFrame([[1.0, 2.0]], DATES[:1], columns)
    assert fields_written(data, SID, fields="since") == {
        IDS[0]: {"since": "2024-01-01T00:00:00"},
        IDS[1]: {"since": "2024-02-01T00:00:00"},
    }
    assert fields_written(data, SID, fields="levels")[IDS[0]] == {"name": "a", "since": "2024-01-01T00:00:00"}
    assert fields_written(wide("a"), SID, fields="levels") == {IDS[0]: {"name": "a"}}
    assert fields_written(wide("a"), SID, fields=[]) == {IDS[0]: {}}
    with pytest.raises(ValueError, match=r"must name column levels \('name', 'since'\), got 'unit'"):
        fields_written(data, SID, fields=["unit"])
    with pytest.raises(ValueError, match="requires named column levels"):
        fields_written(wide("a").rename_axis(columns=None), IDS[0], fields=["unit"])
    with pytest.raises(ValueError, match="several are named 'since'"):
        fields_written(
            data.rename_axis(columns=["since", "since"]), dict(zip(columns, IDS, strict=False)), fields="since"
        )


@pytest.mark.parametrize("fields", [5, 1.5, object()])
def test_fields_of_another_kind_are_refused(fields):
    with pytest.raises(TypeError, match=r"fields must be a dict, a frame .*, got"):
        fields_written(wide("a"), SID, fields=fields)


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_fields_of_columns_are_those_of_a_dict(dtype):
    values = ["a", "Grün", "", "a"]
    if dtype is object:
        values += ["😀", 1, True, 1.0, -0.0, 0.0, 2**63, np.int64(3), DATES[0], [1, {"x": 2}], dt.timedelta(1)]
    ids = [rf"users\sam\{i}" for i in range(len(values))]
    column = pd.Series(values, dtype=object).astype(dtype)
    long = pd.DataFrame({"series_id": ids, "dt": DATES[0], "val": 1.0, "x": column})
    each = [
        series_writes(long.iloc[[i]][["series_id", "dt", "val"]], fields={"x": values[i]})[0].fields
        for i in range(len(values))
    ]
    written = [write.fields for write in series_writes(long, fields=["x"])]
    assert list(map(repr, written)) == list(map(repr, each))  # 1, True and 1.0 are not the same here


def test_of_a_frame_of_fields_only_the_rows_of_these_series_count():
    table = pd.DataFrame({"unit": ["MW", None, "x"], "n": [1.5, 2.0, np.inf]}, index=[IDS[1].upper(), IDS[0], "other"])
    data = wide("a", "b", "c")
    long = data.melt(ignore_index=False, value_name="val").reset_index(names="dt")
    expected = {IDS[0]: {"n": 2.0}, IDS[1]: {"unit": "MW", "n": 1.5}, IDS[2]: {}}
    assert fields_written(data, SID, fields=table) == fields_written(long, SID, fields=table) == expected
    assert fields_written(data, SID, fields=table.rename_axis("series_id").reset_index()) == expected
    with pytest.raises(ValueError, match="the field 'n' contains inf"):
        fields_written(wide("a"), "other", fields=table)
    with pytest.raises(ValueError, match=r"must have rows for the series that are written \('users"):
        fields_written(wide("z"), SID, fields=table)


def test_a_frame_of_fields_names_each_series_and_field_once():
    twice = pd.DataFrame({"u": [1, 2]}, index=[IDS[0], IDS[0].upper()])
    with pytest.raises(ValueError, match=r"must have one row for each series, but has several for 'USERS.+A'"):
        fields_written(wide("a"), SID, fields=twice)
    columns = pd.DataFrame([[1, 2]], index=IDS[:1], columns=["u", "u"])
    with pytest.raises(ValueError, match="must have unique columns, but several are named 'u'"):
        fields_written(wide("a"), SID, fields=columns)
    numbered = pd.DataFrame({1: [1]}, index=IDS[:1])
    with pytest.raises(TypeError, match=r"must be a string, got 1 \(int\); rename it, .*df.rename\(columns=str\)"):
        fields_written(wide("a"), SID, fields=numbered)
    assert fields_written(wide("a"), SID, fields=numbered.rename(columns=str)) == {IDS[0]: {"1": 1}}


def test_a_column_has_one_value_for_each_series():
    long = pd.DataFrame({"series_id": list("aabb"), "dt": DATES[[0, 1, 0, 1]], "val": 1.0})
    for values, words in [
        (["x", "y", "z", "z"], "several for 'a': 'x', 'y'"),
        ([[1], [1], [2], [3]], r"several for 'b': \[2\], \[3\]"),
        ([2**70, 2**70, 1, 1], "does not fit in 64 bits"),
    ]:
        with pytest.raises(ValueError, match=words):
            series_writes(long.assign(x=pd.Series(values, dtype=object)), fields="x")
    same = long.assign(x=pd.Series([[1, {"a": 2}]] * 4))
    assert [write.fields for write in series_writes(same, fields="x")] == [{"x": [1, {"a": 2}]}] * 2
    with pytest.raises(ValueError, match="fields='levels' requires a wide frame"):
        series_writes(long, fields="levels")


def test_rows_of_no_columns_have_no_fields():
    assert fields_of_rows(pd.DataFrame(index=range(2))) == [{}, {}]


def test_a_field_without_a_name_is_refused_and_nothing_waits(conn):
    job = conn.register_job("no name", batch_size=100)
    long = pd.DataFrame({"series_id": r"users\sam\a", "dt": DATES, "val": 1.0, "": "x"})
    with pytest.raises(ValueError, match="the name of a field must not be empty"):
        wide("a").shooju.write(job, SID, fields={"": 1})
    with pytest.raises(ValueError, match="the name of a field must not be empty"):
        long.shooju.write(job, fields=[""])
    assert job.pending == 0


def test_null_removes_fields_and_skip_leaves_them_alone(conn):
    table = pd.DataFrame({"unit": ["MW", "GW"], "n": [1, 2]}, index=pd.Index(IDS[:2], name="series_id"))
    table.shooju.write("first", connection=conn)
    holes = pd.DataFrame({"unit": [None, "TW"], "n": [3, np.nan]}, index=table.index)
    holes.shooju.write("skip", connection=conn)
    read = read_shooju(r"sid:users\sam", "*", layout="fields", connection=conn)
    assert read.to_dict("index") == {IDS[0]: {"unit": "MW", "n": 3}, IDS[1]: {"unit": "TW", "n": 2}}
    holes.shooju.write("null", na="null", connection=conn)
    assert conn.get_fields(f"sid={IDS[0]}", fields=["*"]) == {"n": 3}
    assert conn.get_fields(f"sid={IDS[1]}", fields=["*"]) == {"unit": "TW"}

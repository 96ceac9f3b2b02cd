"""What fields and points may hold: the same through every door, into the store and back."""

import datetime as dt
import enum
import json
import math
from decimal import Decimal
from fractions import Fraction

import msgpack
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import Point
from pandas_shooju.local import open_app
from pandas_shooju.values import column_values, field_value, field_values, is_missing, point_value, point_values
from tests.local.conftest import Api

SID = r"users\sam\a"
DATES = pd.date_range("2024-01-01", periods=3, tz="UTC")
BERLIN = dt.timezone(dt.timedelta(hours=1))


class Unit(enum.StrEnum):
    MW = "MW"


class Level(enum.IntEnum):
    HIGH = 3


class Plain(enum.Enum):
    A = "a"


class Name(str):
    pass


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def itself():
    value = []
    value.append(value)
    return value


@pytest.fixture
def api():
    app = open_app(":memory:")
    yield Api(app)
    app.close()


# --- fields ------------------------------------------------------------------------------------------------------

STORED = [
    ("text", "text"),
    ("Grün 😀", "Grün 😀"),
    ("", ""),
    (Name("text"), "text"),
    (np.str_("text"), "text"),
    (Unit.MW, "MW"),
    (True, True),
    (np.bool_(False), False),
    (7, 7),
    (np.int8(-7), -7),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (2**64 - 1, 2**64 - 1),
    (-(2**63), -(2**63)),
    (Level.HIGH, 3),
    (1.5, 1.5),
    (-0.0, -0.0),
    (1e308, 1e308),
    (np.float32(0.5), 0.5),
    (np.float64(0.1), 0.1),
    (np.longdouble(0.5), 0.5),
    (Decimal("0.1"), 0.1),
    (Decimal("-12.50"), -12.5),
    (dt.datetime(2024, 1, 31, 9, 30), "2024-01-31T09:30:00"),
    (dt.datetime(2024, 1, 31, 9, 30, tzinfo=BERLIN), "2024-01-31T09:30:00+01:00"),
    (dt.datetime(3000, 1, 1, microsecond=5), "3000-01-01T00:00:00.000005"),
    (pd.Timestamp("2024-01-31", tz="Europe/Berlin"), "2024-01-31T00:00:00+01:00"),
    (pd.Timestamp(1), "1970-01-01T00:00:00.000000001"),
    (np.datetime64("2024"), "2024"),
    (np.datetime64("2024-01"), "2024-01"),
    (np.datetime64("2024-01-31"), "2024-01-31"),
    (np.datetime64("2024-01-31T09"), "2024-01-31T09:00:00"),
    (np.datetime64("2024-01-31T09:30"), "2024-01-31T09:30:00"),
    (np.datetime64("2024-01-31", "s"), "2024-01-31T00:00:00"),
    (np.datetime64("2024-01-31T00:00:00.5", "ms"), "2024-01-31T00:00:00.500000"),
    (np.datetime64("2024-01-31", "us"), "2024-01-31T00:00:00"),
    (np.datetime64("2024-01-31", "ns"), "2024-01-31T00:00:00"),
    (np.datetime64(1, "ns"), "1970-01-01T00:00:00.000000001"),
    (dt.date(2024, 1, 31), "2024-01-31"),
    (dt.time(9, 30), "09:30:00"),
    (pd.Period("2024", "Y"), "2024"),
    (pd.Period("2024Q1", "Q"), "2024Q1"),
    (pd.Period("2024-01", "M"), "2024-01"),
    (pd.Period("2024-01-31", "D"), "2024-01-31"),
    (pd.Period("2024-01-31 09:30", "min"), "2024-01-31T09:30"),
    (dt.timedelta(days=1, hours=2, milliseconds=500), "P1DT2H0M0.5S"),
    (dt.timedelta(hours=-1), "-P0DT1H0M0S"),
    (dt.timedelta.max, "P999999999DT23H59M59.999999S"),
    (pd.Timedelta(1), "P0DT0H0M0.000000001S"),
    (np.timedelta64(90, "m"), "P0DT1H30M0S"),
    (np.timedelta64(2, "W"), "P14DT0H0M0S"),
    (np.timedelta64(-3, "M"), "-P3M"),
    ([1, "a", [True, None]], [1, "a", [True, None]]),
    ((1, 2), [1, 2]),
    (range(3), [0, 1, 2]),
    ([], []),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array(["2024-01-31"], "M8[ns]"), ["2024-01-31T00:00:00"]),
    (np.array(1.5), 1.5),
    (pd.Index(["a", "b"]), ["a", "b"]),
    (pd.array([1, 2], dtype="Int64"), [1, 2]),
    (pd.Categorical(["a", "b"]), ["a", "b"]),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", "a"}), ["a", "b"]),
    ({1, "a", None}, [None, 1, "a"]),
    ({"a": {"b": pd.Timestamp("2024-01-31")}, "c": np.int64(1)}, {"a": {"b": "2024-01-31T00:00:00"}, "c": 1}),
    (nested(100), nested(100)),
]

REFUSED = [
    (math.inf, "contains inf, which is infinite"),
    (np.float32("-inf"), "contains -inf, which is infinite"),
    (Decimal("Infinity"), "which is infinite"),
    ([1.0, math.inf], "contains inf, which is infinite"),
    ({"a": [-math.inf]}, "contains -inf, which is infinite"),
    (2**64, "contains 18446744073709551616, which does not fit in 64 bits; write it as a string"),
    (-(2**63) - 1, "which does not fit in 64 bits"),
    (10**5000, "contains a value of type int, which does not fit in 64 bits"),
    ([2**64], "contains 18446744073709551616, which does not fit"),
    (Decimal("0.12345678901234567890"), "contains Decimal.*, which float64 cannot represent exactly"),
    (Decimal("1e400"), "which float64 cannot represent exactly"),
    (np.longdouble(1) / 3, "which float64 cannot represent exactly"),
    ("\ud800", "not valid Unicode"),
    (["\udc00"], "not valid Unicode"),
    ({"\ud800": 1}, "not valid Unicode"),
    (b"bytes", "contains b'bytes' of type bytes; fields hold"),
    (bytearray(b"x"), "of type bytearray"),
    (np.bytes_(b"x"), "of type bytes_"),
    (1j, "contains 1j of type complex"),
    (np.complex128(1j), "of type complex128"),
    (np.timedelta64(5), "of type timedelta64"),
    (Plain.A, "contains <Plain.A: 'a'> of type Plain"),
    (object(), "of type object"),
    (pd.Series([1]), "of type Series"),
    (pd.DataFrame(), "of type DataFrame"),
    (pd.Interval(0, 1), "of type Interval"),
    ({1: "a"}, "a dict with the key 1 of type int; keys must be strings"),
    ([1.0, math.nan], "contains nan, which is a missing value; use None for null"),
    ({"a": pd.NA}, "contains <NA>, which is a missing value; use None for null"),
    (np.array([1.0, math.nan]), "use None for null"),
    (nested(102), "nested more than 100 levels"),
    (itself(), "nested more than 100 levels"),
]

MISSING = [
    math.nan,
    np.float32("nan"),
    pd.NA,
    pd.NaT,
    np.datetime64("NaT", "ns"),
    np.timedelta64("NaT", "ns"),
    Decimal("NaN"),
]


def by_dict(conn, value, **options):
    frame = pd.DataFrame({"a": [1.0]}, DATES[:1])
    frame.shooju.write("a dict", sid=SID, fields={"x": value}, connection=conn, **options)


def by_column(conn, value, **options):
    fields = pd.DataFrame({"x": pd.Series([value], dtype=object)}).set_index(pd.Index([SID], name="series_id"))
    fields.shooju.write("a column", connection=conn, **options)


def by_long_column(conn, value, **options):
    column = pd.Series([value] * 2, dtype=object)
    frame = pd.DataFrame({"series_id": SID, "dt": DATES[:2], "val": 1.0, "x": column})
    frame.shooju.write("a long frame", fields="x", connection=conn, **options)


def by_job(conn, value):
    with conn.register_job("a job") as job:
        job.write(f"sid={SID}", fields={"x": value})


DOORS = [by_dict, by_column, by_long_column, by_job]


def stored(conn):
    return conn.get_fields(f"sid={SID}", fields=["*"])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("value", "expected"), STORED, ids=lambda value: type(value).__name__)
def test_a_field_is_stored_alike_through_every_door(conn, door, value, expected):
    door(conn, value)
    found = stored(conn)["x"]
    assert repr(found) == repr(expected)  # 1, 1.0 and True are different here


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("value", "words"), REFUSED, ids=lambda value: type(value).__name__)
def test_a_value_that_fields_do_not_hold_is_refused_at_every_door(conn, door, value, words):
    with pytest.raises((TypeError, ValueError), match=f"the field 'x' .*{words}"):
        door(conn, value)
    assert conn.get_series(f"sid={SID}") is None


@pytest.mark.parametrize("door", [by_dict, by_job])
@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_none_removes_a_field_and_other_missing_values_in_a_dict_are_refused(conn, door, value):
    door(conn, "old")
    with pytest.raises(ValueError, match=r"the field 'x' contains .*, which is a missing value; use None to remove"):
        door(conn, value)
    assert stored(conn) == {"x": "old"}
    door(conn, None)
    assert not stored(conn)


@pytest.mark.parametrize("door", [by_column, by_long_column])
@pytest.mark.parametrize("value", [None, *MISSING], ids=repr)
def test_missing_values_in_a_column_follow_na(conn, door, value):
    assert is_missing(value)
    door(conn, "old")
    door(conn, value)
    assert stored(conn) == {"x": "old"}
    door(conn, value, na="null")
    assert not stored(conn)


@pytest.mark.parametrize("door", ["dict", "column", "job"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        (1, "must be a string, got 1"),
        (("a", "b"), "must be a string, got"),
        (None, "must be a string, got None"),
        ("", "must not be empty"),
        ("meta.x", "must not begin with 'meta.'"),
        ("META.x", "must not begin with 'meta.'"),
    ],
)
def test_names_of_fields_are_strings(conn, door, name, words):
    def write():
        if door == "dict":
            pd.DataFrame({"a": [1.0]}, DATES[:1]).shooju.write("x y", sid=SID, fields={name: 1}, connection=conn)
        elif door == "column":
            fields = pd.DataFrame(
                [[1]], pd.Index([SID], name="series_id"), pd.Index([name], dtype=object, tupleize_cols=False)
            )
            fields.shooju.write("x y", connection=conn)
        else:
            conn.register_job("x y").write(f"sid={SID}", fields={name: 1})

    with pytest.raises((TypeError, ValueError), match=words):
        write()
    assert conn.get_series(f"sid={SID}") is None


@pytest.mark.parametrize("wire", ["json", "msgpack", "sjts"])
@pytest.mark.parametrize("expected", [expected for _, expected in STORED], ids=lambda value: type(value).__name__)
def test_the_store_takes_what_the_client_sends(api, wire, expected):
    api.format = wire
    api.put("a", fields={"x": expected})
    api.put("b", fields={"x": expected}, reported_date=0)
    assert repr(api.fields("sid=a")["x"]) == repr(expected)
    assert repr(api.fields("sid=b@repfdate:1970-01-01")["x"]) == repr(expected)


def responses(api, text):
    answer = api.session.post(
        "http://embedded.localhost/api/1/series/write", data=text, headers={"Sj-Send-Format": api.format}
    )
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("NaN", "is a missing value; use None"),
        ("[NaN]", "is a missing value; use None"),
        ("Infinity", "is infinite"),
        ("1e999", "is infinite"),
        ("18446744073709551616", "does not fit in 64 bits"),
        ("[" * 102 + "]" * 102, "nested more than 100 levels"),
    ],
)
def test_the_store_refuses_the_same_values_in_json(api, value, words):
    text = f'{{"series": [{{"series_id": "a", "fields": {{"x": {value}}}}}]}}'
    status, answer = responses(api, text.encode())
    assert status == 200
    (response,) = json.loads(answer)["responses"]
    assert response["error"] == "invalid_parameters"
    assert "the field 'x'" in response["description"]
    assert words in response["description"]
    assert "error" in api.one("sid=a")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "is a missing value; use None"),
        (math.inf, "is infinite"),
        (b"x", "of type bytes"),
        ({"a": [b"x"]}, "of type bytes"),
        ({b"a": 1}, "keys must be strings"),
        (msgpack.Timestamp(0), "of type Timestamp"),
        (msgpack.ExtType(5, b"x"), "of type bytes"),
    ],
)
def test_the_store_refuses_the_same_values_in_msgpack(api, value, words):
    api.format = "msgpack"
    status, answer = responses(api, msgpack.packb({"series": [{"series_id": "a", "fields": {"x": value}}]}))
    assert status == 200
    (response,) = json.loads(answer)["responses"]
    assert response["error"] == "invalid_parameters"
    assert words in response["description"]
    assert "error" in api.one("sid=a")


@pytest.mark.parametrize("fields", ['{"x": "\\ud800"}', '{"x": {"\\ud800": 1}}', '{"\\ud800": 1}'])
def test_the_store_refuses_a_call_with_unpaired_surrogates(api, fields):
    status, answer = responses(api, f'{{"series": [{{"series_id": "a", "fields": {fields}}}]}}'.encode())
    assert status == 400
    assert "surrogate" in answer
    assert "error" in api.one("sid=a")


def test_null_on_the_wire_removes_a_field(api):
    api.put("a", fields={"x": 1, "y": [None]})
    api.put("a", fields={"x": None})
    assert api.fields("sid=a") == {"y": [None]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)  # fmt: skip


@given(JSON.filter(lambda value: value is not None))
def test_json_is_taken_as_it_is(value):
    assert repr(field_value("x", value)) == repr(value)


@given(st.timedeltas(dt.timedelta(days=-100_000), dt.timedelta(days=100_000)))
def test_durations_read_back(duration):
    text = field_value("x", duration)
    assert pd.Timedelta(text) == pd.Timedelta(duration)
    assert field_value("x", pd.Timedelta(duration)) == field_value("x", np.timedelta64(duration)) == text
    if duration >= dt.timedelta(0):
        assert text == pd.Timedelta(duration).isoformat()


@given(st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)))
def test_moments_of_every_type_are_the_same_text(moment):
    text = moment.isoformat()
    stamp = pd.Timestamp(moment)
    for same in (moment, stamp, np.datetime64(moment, "us"), np.datetime64(moment, "ns")):
        assert field_value("x", same) == text
    assert pd.Timestamp(text) == stamp


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_decimal_that_prints_like_a_float_is_that_float(number):
    assert field_value("x", Decimal(repr(number))) == number
    assert point_value(Decimal(repr(number))) == number


@given(st.sets(st.text(max_size=3) | st.integers(-5, 5) | st.none()))
def test_sets_have_one_order(values):
    forwards, backwards = list(values), list(reversed(list(values)))
    assert field_value("x", set(forwards)) == field_value("x", set(backwards))
    assert set(field_value("x", values)) == values


def test_names_are_valid_unicode():
    with pytest.raises(ValueError, match=r"must be valid Unicode, got '\\ud800'"):
        field_values({"\ud800": 1})


def test_fields_must_be_a_dict():
    with pytest.raises(TypeError, match=r"fields must be a dict of names and values, got \['unit'\]"):
        field_values(["unit"])


COLUMNS = [
    pd.Series([True, False]),
    pd.Series([1, 2], dtype="uint8"),
    pd.Series([1.5, -0.0]),
    pd.Series([1.5, np.nan], dtype="float32"),
    pd.Series([1, None], dtype="Int64"),
    pd.Series([1.5, None], dtype="Float64"),
    pd.Series([True, None], dtype="boolean"),
    pd.Series(["Grün", None], dtype="string"),
    pd.Series(["a", None]),
    pd.Series(["a", None, "a"], dtype="category"),
    pd.Series([1, 2, None], dtype=pd.CategoricalDtype([1, 2, 3])),
    pd.Series(pd.arrays.SparseArray([0, 5])),
    pd.Series(pd.to_datetime(["2024-01-31", None])),
    pd.Series(pd.to_datetime(["2024-01-31", None])).dt.as_unit("s"),
    pd.Series(pd.date_range("2024-01-31", periods=2, tz="Europe/Berlin")),
    pd.Series(pd.period_range("2024-01", periods=2, freq="M")),
    pd.Series(pd.to_timedelta(["1h", None])),
    pd.Series(np.array([1, 2], np.longdouble)),
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.dtype))
def test_columns_of_every_dtype_are_converted_value_by_value(column):
    expected = [None if is_missing(value) else field_value("x", value) for value in column]
    assert repr(column_values("x", column, "null")) == repr(expected)
    assert column_values("x", column, "skip") == [pd.NA if value is None else value for value in expected]


def test_columns_of_arrow_dtypes():
    pa = pytest.importorskip("pyarrow")
    for arrow, values, expected in [
        (pa.int64(), [1, None], [1, None]),
        (pa.string(), ["a", None], ["a", None]),
        (pa.bool_(), [True, None], [True, None]),
        (pa.date32(), [dt.date(3000, 1, 1), None], ["3000-01-01", None]),
        (pa.timestamp("us", "UTC"), [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], ["2024-01-01T00:00:00+00:00"]),
        (pa.decimal128(5, 2), [Decimal("1.10"), None], [1.1, None]),
        (pa.list_(pa.int64()), [[1, 2], None], [[1, 2], None]),
    ]:
        assert column_values("x", pd.Series(values, dtype=pd.ArrowDtype(arrow)), "null") == expected


def test_categories_that_no_row_has_do_no_harm():
    column = pd.Series(pd.Categorical.from_codes([0, 1, -1], [1.5, 2.5, np.inf]))
    assert column_values("x", column, "null") == [1.5, 2.5, None]
    with pytest.raises(ValueError, match="the field 'x' contains inf"):
        column_values("x", pd.Series(pd.Categorical.from_codes([0, 1, 2], [1.5, 2.5, np.inf])), "null")


# --- points ------------------------------------------------------------------------------------------------------

TOO_PRECISE = 2**53 + 1

POINTS = [
    ([1, 2, None], {"dtype": "Int64"}),
    ([1.0, 2.0, None], {}),
    ([1, 2, 2**53], {"dtype": "int64"}),
    ([1, 2, 2**53 + 2], {"dtype": "int64"}),
    ([1, 2, 2**63], {"dtype": "uint64"}),
    ([1, 2.5, None], {"dtype": object}),
    ([np.int64(1), np.float32(0.5), np.uint8(3)], {"dtype": object}),
    ([Decimal("1"), Decimal("0.1"), None], {"dtype": object}),
    ([Fraction(1, 2), 2**60, pd.NA], {"dtype": object}),
    ([0.5, pd.NaT, np.nan], {"dtype": object}),
    ([0.5, 1.5, 2.5], {"dtype": "float32"}),
    ([0.5, 1.5, 2.5], {"dtype": np.longdouble}),
    ([None, None, None], {"dtype": object}),
    ([None, None, None], {"dtype": "string"}),
    (pd.arrays.SparseArray([1, 0, 2**53]), {}),
    (pd.arrays.SparseArray([1.0, np.nan, 2.0]), {}),
]


def write_frame(conn, column):
    column.to_frame("a").shooju.write("a frame", sid=SID, connection=conn)


def write_long(conn, column):
    long = pd.DataFrame({"series_id": SID, "dt": column.index, "a": column.array})
    long.shooju.write("a long frame", value="a", connection=conn)


def write_series(conn, column):
    with conn.register_job("a series") as job:
        job.write(f"sid={SID}", points=column.rename("a"))


def write_tuples(conn, column):
    with conn.register_job("tuples") as job:
        job.write(f"sid={SID}", points=list(zip(column.index, column.tolist(), strict=True)))


def write_points(conn, column):
    with conn.register_job("points") as job:
        job.write(f"sid={SID}", points=[Point(date, value) for date, value in column.items()])


POINT_DOORS = [write_frame, write_long, write_series, write_tuples, write_points]


@pytest.mark.parametrize("door", POINT_DOORS)
@pytest.mark.parametrize(("values", "options"), POINTS)
def test_numbers_of_every_type_are_points(conn, door, values, options):
    door(conn, pd.Series(values, DATES, **options))
    found = conn.get_series(f"sid={SID}", max_points=-1, serializer=sj.points_serializers.milli_tuple)
    expected = [float(value) for value in values if not is_missing(value)]
    # a frame without any points and fields has nothing to write
    assert [value for _, value in (found or {}).get("points", [])] == expected


REFUSED_POINTS = [
    ([1, TOO_PRECISE, 2], {"dtype": "int64"}, "9007199254740993"),
    ([1, TOO_PRECISE, None], {"dtype": "Int64"}, "9007199254740993"),
    ([1, 2**64 - 1, 2], {"dtype": "uint64"}, "18446744073709551615"),
    ([1, TOO_PRECISE, 2.5], {"dtype": object}, "9007199254740993"),
    ([1, np.int64(TOO_PRECISE), 2.5], {"dtype": object}, "9007199254740993"),
    ([1, 10**400, 2], {"dtype": object}, "1000000"),
    ([1, Decimal("0.12345678901234567890"), 2], {"dtype": object}, "Decimal"),
    ([1, Fraction(1, 3), 2], {"dtype": object}, "Fraction"),
    (pd.arrays.SparseArray([0, TOO_PRECISE, 0]), {}, "9007199254740993"),
    (np.array([1, 2 + np.finfo(np.longdouble).eps * 2, 2], np.longdouble), {}, "2.0000"),
    ([True, False, True], {}, "True"),
    ([1.0, True, 2.0], {"dtype": object}, "True"),
    ([1.0, np.True_, 2.0], {"dtype": object}, "True"),
    ([True, None, False], {"dtype": "boolean"}, "True"),
    (["1", "W", "2"], {"dtype": object}, "'W'"),
    (["1", "W", "2"], {"dtype": "string"}, "'W'"),
    ([1.0, "W", 2.0], {"dtype": object}, "'W'"),
    (["1", "2", "3"], {"dtype": object}, "'1'"),
    (["1", "2", "1"], {"dtype": "category"}, "'1'"),
    ([1j, 2j, 3j], {}, "1j"),
    ([1.0, 1j, 2.0], {"dtype": object}, "1j"),
    (pd.date_range("2024-01-01", periods=3), {}, "2024-01-01"),
    ([1.0, pd.Timestamp("2024-01-02"), 2.0], {"dtype": object}, "2024-01-02"),
    ([1.0, np.datetime64("2024-01-02"), 2.0], {"dtype": object}, "2024-01-02"),
    (pd.to_timedelta([1, 2, 3]), {}, "Timedelta"),
    ([1.0, np.timedelta64(1, "s"), 2.0], {"dtype": object}, "1"),
    ([1.0, [1], 2.0], {"dtype": object}, r"\[1\]"),
]


@pytest.mark.parametrize("door", POINT_DOORS)
@pytest.mark.parametrize(("values", "options", "shown"), REFUSED_POINTS)
def test_what_is_no_number_or_not_exact_is_refused_and_shown(conn, door, values, options, shown):
    column = pd.Series(values, DATES, **options)
    if door is write_points and shown == "'1'":
        pytest.skip("a Point takes a number in a string, as in the published client")
    if door in (write_frame, write_long, write_series):
        shown = f"'a' contains .*{shown}.*row .*(not a number|which float64 cannot represent exactly)"
    elif shown == "'W'":
        shown = "'[W1]'"  # the first string is the first that is wrong
    with pytest.raises((TypeError, ValueError), match=shown):
        door(conn, column)
    assert conn.get_series(f"sid={SID}") is None


def test_arrow_columns_are_points_if_float64_represents_them():
    pa = pytest.importorskip("pyarrow")

    def column(values, arrow):
        return pd.Series(values, DATES, dtype=pd.ArrowDtype(arrow))

    for values, arrow in [
        ([Decimal("1.10"), None, Decimal("2.25")], pa.decimal128(5, 2)),
        ([1, None, 2**53], pa.int64()),
        ([0.5, None, 2], pa.float64()),
        ([None, None, None], pa.null()),
    ]:
        expected = [math.nan if value is None else float(value) for value in values]
        np.testing.assert_array_equal(point_values(column(values, arrow), "x"), expected)
    for values, arrow, words in [
        ([Decimal("1.00000000000000000001")] * 3, pa.decimal128(30, 20), "Decimal.*cannot represent exactly"),
        ([1, None, TOO_PRECISE], pa.int64(), r"9007199254740993 \(row 2024-01-03"),
        ([1, None, 2**64 - 1], pa.uint64(), "18446744073709551615"),
        ([True, None, False], pa.bool_(), "True .*not a number"),
        (["1", None, "W"], pa.string(), "'W' .*not a number"),
        ([dt.date(2024, 1, 1)] * 3, pa.date32(), "not a number"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            point_values(column(values, arrow), "the column 'x'")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1", "W"], r"contains 'W' \(row 1\).*column.mask\(column.isin\(\['W'\]\)\).astype\(float\)"),
        (["1", "2"], r"contains '1' \(row 0\).*: `column = column.astype\(float\)`"),
        ([True, False], r"contains True \(row 0\).*column.astype\(float\)"),
        ([dt.date(2024, 1, 1), None], "the dtype of the column is object"),
    ],
)
def test_the_error_says_how_to_convert_the_column(values, words):
    with pytest.raises(TypeError, match=words):
        point_values(pd.Series(values), "the column 'a'")


@given(st.integers(-(2**63), 2**64 - 1))
def test_integers_are_points_exactly_where_float64_has_them(number):
    exact = int(float(number)) == number
    dtypes = [object, *(["int64"] if number < 2**63 else []), *(["uint64"] if number >= 0 else [])]
    for dtype in dtypes:
        column = pd.Series([number], dtype=dtype)
        if exact:
            assert point_values(column, "x").tolist() == [number]
        else:
            with pytest.raises(ValueError, match=str(number)):
                point_values(column, "x")

r"""Each row of a groupby is written to the group in which pandas' own iteration yields it.

`test_rows_go_to_the_group_that_iteration_puts_them_in` compares generated groupbys with a plain loop. A thorough run::

    GROUPBYS=10000 python -m pytest tests/frame/test_groups.py -k iteration_puts --hypothesis-show-statistics
"""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from pandas_shooju import read_shooju
from pandas_shooju.frame.shapes import series_writes

# --- generated groupbys, beside a plain loop --------------------------------------------------------------------------

LETTERS = [["p", "q", "r"], ["r", "p", "q", "u"], ["u", "q", "p", "v", "r"]]  # of categoricals: some are unused
MOMENTS = ["2024-01-03", "2024-01-20", "2024-03-02", "2024-06-30"]  # months are missing between them


def _columns(rng, count):
    def some(*values):
        return [values[at] for at in rng.integers(len(values), size=count)]

    def categorical():
        return pd.Categorical(some("p", "q", "r", None), LETTERS[rng.integers(3)], ordered=bool(rng.integers(2)))

    return {
        "dt": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(count), unit="D"),
        "volume": np.arange(count) * 100.0,
        "val": np.arange(count, dtype=float),  # the number of the row
        "text": pd.array(some("x", "y", "z", None), dtype="string"),
        "object": pd.Series(some("x", "y", None), dtype=object).to_numpy(),
        "size": np.array(some(1, 2, 3), dtype=int),
        "flag": np.array(some(True, False), dtype=bool),
        "float": np.array(some(0.5, 1.5, np.nan), dtype=float),
        "nullable": pd.array(some(1, 2, None), dtype="Int64"),
        "moment": pd.to_datetime(some(*MOMENTS, None)),
        "letter": categorical(),
        "other": categorical(),
        "number": pd.Categorical(some(10, 20, None), categories=[20, 10, 30]),
        "tuple": pd.Series(some(("a", 1), ("b", 2), ("a",)), dtype=object).to_numpy(),
        "mixed": pd.Series(some("x", 1, 2.5, None), dtype=object).to_numpy(),
    }


COLUMNS = [
    "text", "object", "size", "flag", "float", "nullable", "moment", "number", "tuple", "mixed",
    "letter", "other", "letter", "other",
]  # fmt: skip


@st.composite
def _index(draw, rng, columns, count, dated):
    """An index: of dates if they are in no column, otherwise with duplicates and missing labels as well."""
    text = [["k", "l", "m", None][at] for at in rng.integers(4, size=count)]
    number = rng.integers(3, size=count)
    second = pd.DatetimeIndex(columns["dt"]) if dated else pd.Index(number, dtype=int)
    kind = draw(st.sampled_from(["single", "levels", "categorical level"] if dated else INDEXES))
    if kind == "single":
        return pd.Index(second, name="dt" if dated else draw(st.sampled_from([None, "row", "size"])))
    if kind == "range":
        return pd.RangeIndex(count)
    if kind == "text":
        return pd.Index(text, dtype=object, name=draw(st.sampled_from([None, "row", "text"])))
    if kind == "moments":
        return pd.DatetimeIndex(columns["moment"].fillna(pd.Timestamp("2024-02-01")), name="row")
    first = pd.Categorical(text, categories=["m", "l", "k", "j"]) if kind == "categorical level" else text
    names = draw(st.sampled_from([["row", "dt"]] if dated else [["row", "inner"], ["row", "row"], ["text", None]]))
    return pd.MultiIndex.from_arrays([first, second], names=names)


INDEXES = ["single", "range", "text", "moments", "levels", "categorical level"]


def _parity(label):
    return len(str(label)) % 2


@st.composite
def _key(draw, frame, data):
    """One thing to group by: a name, values, a function, a dict, a level or a Grouper."""
    is_frame = isinstance(data, pd.DataFrame)
    kinds = ["series", "array", "list of categories", "function", "dict", "level", "index", "other index"]
    kind = draw(st.sampled_from(["name", "name", "name", "grouper", "bins", *kinds] if is_frame else kinds))
    name = draw(st.sampled_from(COLUMNS))
    if kind == "name":
        assume(name not in data.index.names)  # pandas refuses it as ambiguous
        return name
    if kind == "grouper":
        assume(name not in data.index.names)
        return pd.Grouper(key=name, sort=draw(st.booleans()))
    if kind == "bins":
        freq = draw(st.sampled_from(["MS", "7D"]))
        dated = isinstance(data.index, pd.DatetimeIndex)
        return pd.Grouper(freq=freq) if dated and draw(st.booleans()) else pd.Grouper(key="moment", freq=freq)
    if kind == "series":
        return frame[name].rename(draw(st.sampled_from([name, None, "text", "val", 5])))
    if kind == "array":
        values = frame[name].array
        return values.to_numpy() if isinstance(values, pd.arrays.NumpyExtensionArray) else values
    if kind == "list of categories":
        return pd.Categorical(frame["letter"].astype(object), categories=["r", "q", "z", "p"])
    if kind == "index":
        return data.index
    if kind == "function":
        return _parity
    if kind == "dict":
        labels = list(dict.fromkeys(data.index.tolist()))
        return {label: draw(st.sampled_from(["X", "Y"])) for label in labels if draw(st.booleans())}
    if kind == "other index":  # aligned on labels, in another order, and some of them missing
        assume(data.index.is_unique)
        return frame[name].iloc[::-1].iloc[: max(1, len(frame) - 1)]
    at = draw(st.integers(0, data.index.nlevels - 1))
    return pd.Grouper(level=at, sort=draw(st.booleans()))


@st.composite
def groupbys(draw):
    count = draw(st.integers(0, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = _columns(rng, count)
    of_series = draw(st.integers(0, 3)) == 0
    frame = pd.DataFrame(columns)
    frame.index = draw(_index(rng, columns, count, of_series))
    data = frame["val"] if of_series else frame
    options = {name: draw(st.booleans()) for name in ("sort", "dropna", "observed", "group_keys")}
    if not of_series:
        options["as_index"] = draw(st.booleans())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if draw(st.integers(0, 4)) == 0:
                some = st.lists(st.integers(0, data.index.nlevels - 1), min_size=1, max_size=2, unique=True)
                levels = draw(some)
                groupby = data.groupby(level=levels[0] if draw(st.booleans()) else levels, **options)
            else:
                keys = draw(st.lists(_key(frame, data), min_size=1, max_size=3))
                groupby = data.groupby(keys[0] if len(keys) == 1 and draw(st.booleans()) else keys, **options)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            assume(False)  # pandas makes no such groupby
        if not of_series and draw(st.booleans()):
            groupby = groupby[draw(st.sampled_from([["val"], ["val", "volume"], ["val", "text"]]))]
    return groupby


def _loop(groupby):
    """The rows of each group by its key, in a plain loop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # pandas 2: with a list of one level, keys become tuples
        groups = [*iter(groupby)]  # list() would call len(), which fails for some in pandas 2.2
    one_level = isinstance(groupby.level, list) and len(groupby.level) == 1
    return [
        ((key,) if one_level and pd.__version__ < "3" else key, (group if group.ndim == 1 else group["val"]).tolist())
        for key, group in groups
        if len(group)
    ]


def _canonical(key):
    """A key in which missing values are NaN and numbers are Python's."""
    if isinstance(key, tuple):
        return tuple(map(_canonical, key))
    return np.nan if pd.isna(key) else key.item() if isinstance(key, np.generic) else key


def _comparable(key):
    return tuple(map(_comparable, key)) if isinstance(key, tuple) else (type(key).__name__, str(key))


def _written(groupby, sid):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        writes = series_writes(groupby, sid)
    return {write.series_id: write.points.values.tolist() for write in writes}


@given(groupbys())
@settings(
    max_examples=int(os.environ.get("GROUPBYS", "300")),
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
def test_rows_go_to_the_group_that_iteration_puts_them_in(groupby):
    try:
        expected = _loop(groupby)
    except (IndexError, TypeError) as error:  # pandas cannot iterate over it, so there is nothing to compare
        with pytest.raises(type(error)):
            series_writes(groupby, str)
        reject()
    keys = []

    def sid(key):
        keys.append(key)
        return f"users\\{len(keys) - 1}"

    written = _written(groupby, sid)
    by_key = {_comparable(_canonical(key)): sorted(rows) for key, rows in expected}
    assert len(by_key) == len(expected)
    assert len(keys) == len(written) == len(expected)
    assert {_comparable(key): sorted(written[f"users\\{number}"]) for number, key in enumerate(keys)} == by_key
    ids = {_canonical(key): f"users\\{number}" for number, (key, _) in enumerate(expected)}
    rows = {f"users\\{number}": sorted(rows) for number, (_, rows) in enumerate(expected)}
    assert {series_id: sorted(values) for series_id, values in _written(groupby, ids).items()} == rows


# --- labels -----------------------------------------------------------------------------------------------------------

LONG = pd.DataFrame(
    {
        "dt": pd.date_range("2024-01-01", periods=6, tz="UTC"),
        "symbol": pd.Categorical(["b", "a", None, "b", "a", "c"], categories=["z", "a", "b", "c"]),
        "venue": ["X", "Y", "X", "X", None, "Y"],
        "val": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
    }
)


def _by_id(groupby, sid, **options):
    return {write.series_id: write.points.values.tolist() for write in series_writes(groupby, sid, **options)}


@pytest.mark.parametrize("observed", [True, False])
@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize("dropna", [True, False])
def test_categorical_groups_are_stored_as_their_own_series(conn, observed, sort, dropna):
    groupby = LONG.groupby("symbol", observed=observed, sort=sort, dropna=dropna)
    groupby.shooju.write("Prices", lambda key: rf"users\sam\{key}", connection=conn)
    stored = read_shooju(r"sid:users\sam", layout="long", connection=conn)
    expected = {r"users\sam\a": [1, 4], r"users\sam\b": [0, 3], r"users\sam\c": [5]}
    if not dropna:
        expected[r"users\sam\nan"] = [2]
    assert stored.groupby("series_id", observed=True)["val"].agg(list).to_dict() == expected


def test_rows_with_a_missing_key_are_left_out_as_pandas_does():
    assert _by_id(LONG.groupby("symbol", observed=True), "{symbol}") == {"a": [1, 4], "b": [0, 3], "c": [5]}
    by_both = LONG.groupby(["symbol", "venue"], observed=True)
    assert _by_id(by_both, "{symbol}{venue}") == {"aY": [1], "bX": [0, 3], "cY": [5]}
    assert _by_id(LONG.assign(symbol=None).groupby("symbol"), "{symbol}") == {}


def test_a_missing_key_is_a_label_with_dropna_false():
    groupby = LONG.groupby("symbol", observed=True, dropna=False)
    with pytest.raises(
        ValueError, match=r"'symbol' must not be missing, because the template sid='{symbol}' contains it"
    ):
        series_writes(groupby, "{symbol}")
    assert _by_id(groupby, {"a": "A", "b": "B", "c": "C", np.nan: "none"})["none"] == [2]
    assert _by_id(groupby, lambda key: "none" if pd.isna(key) else key)["none"] == [2]
    by_both = LONG.groupby(["symbol", "venue"], observed=True, dropna=False)
    ids = {("a", "Y"): "1", ("a", np.nan): "2", ("b", "X"): "3", ("c", "Y"): "4", (np.nan, "X"): "5"}
    assert _by_id(by_both, ids) == {"1": [1], "2": [4], "3": [0, 3], "4": [5], "5": [2]}


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_dict_may_spell_a_missing_key_as_it_likes(missing):
    groupby = LONG.groupby("venue", dropna=False)
    assert _by_id(groupby, {"X": "x", "Y": "y", missing: "none"}) == {"x": [0, 2, 3], "y": [1, 5], "none": [4]}
    groupby = LONG.groupby(["venue"], dropna=False)
    assert _by_id(groupby, {("X",): "x", ("Y",): "y", (missing,): "none"})["none"] == [4]


def test_the_label_is_the_key_that_iteration_yields():
    groupby = LONG.groupby("venue")
    assert _by_id(groupby, {"X": "x", "Y": "y"}) == {"x": [0, 2, 3], "y": [1, 5]}
    of_one = LONG.groupby(["venue"])
    assert _by_id(of_one, {("X",): "x", ("Y",): "y"}) == {"x": [0, 2, 3], "y": [1, 5]}
    assert _by_id(of_one, "{venue}") == {"X": [0, 2, 3], "Y": [1, 5]}
    with pytest.raises(ValueError, match=r"it has none for \('X',\); it has 'X', 'Y'"):
        series_writes(of_one, {"X": "x", "Y": "y"})
    by_level = LONG.set_index(["venue", "dt"]).groupby(level=["venue"])
    assert _by_id(by_level, lambda key: key[0], value="val") == {"X": [0, 2, 3], "Y": [1, 5]}
    numbers = LONG.groupby(LONG["dt"].dt.day % 2)
    assert _by_id(numbers, "{dt:03d}") == {"000": [1, 3, 5], "001": [0, 2, 4]}
    assert _by_id(numbers, {0: "even", 1: "odd"}) == {"odd": [0, 2, 4], "even": [1, 3, 5]}


def test_months_without_rows_are_no_series():
    dates = pd.to_datetime(["2024-01-05", "2024-04-01", "2024-01-07"])
    groupby = LONG[:3].assign(dt=dates).groupby(pd.Grouper(key="dt", freq="MS"))
    assert _by_id(groupby, "{dt:%Y-%m}") == {"2024-01": [0, 2], "2024-04": [1]}
    mixed = LONG[:3].assign(dt=dates).groupby(["symbol", pd.Grouper(key="dt", freq="MS")], observed=False)
    assert _by_id(mixed, "{symbol}{dt:%m}") == {"b01": [0], "a04": [1]}


@pytest.mark.parametrize("as_index", [True, False])
def test_a_template_names_the_keys(as_index):
    dates = LONG["dt"].dt
    unnamed = LONG.groupby(np.array([1, 2, 1, 2, 1, 2]), as_index=as_index)
    assert _by_id(unnamed, "{}") == {"1": [0, 2, 4], "2": [1, 3, 5]}
    derived = LONG.groupby(LONG["venue"].str.lower(), as_index=as_index)
    assert _by_id(derived, "{venue}") == {"x": [0, 2, 3], "y": [1, 5]}
    twice = LONG.groupby([dates.year, dates.day % 2, "venue"], as_index=as_index)
    with pytest.raises(ValueError, match="unique names, got 2 keys called 'dt'; rename"):
        series_writes(twice, "{venue}{dt}")
    renamed = LONG.groupby([dates.year.rename("year"), dates.day % 2, "venue"], as_index=as_index)
    assert _by_id(renamed, "{venue}{dt}{year}")["X12024"] == [0, 2]
    with pytest.raises(ValueError, match=r"contains {region}, but the columns are 'venue', 'dt', 'symbol', 'val'"):
        series_writes(LONG.groupby("venue", as_index=as_index), "{region}")


def test_groups_are_never_merged_and_a_further_column_parts_them():
    by_both = LONG.dropna().groupby(["symbol", "venue"], observed=True)
    assert _by_id(by_both, "{venue}{symbol}") == {"Ya": [1], "Xb": [0, 3], "Yc": [5]}
    for sid in ("{venue}", "one", lambda key: key[1]):
        with pytest.raises(ValueError, match="must be written to a different series, but two"):
            series_writes(by_both, sid)
    assert _by_id(LONG.groupby("venue"), "{venue}{val:.0f}") == {
        f"{v}{n}": [n] for v, n in zip("XXXYY", [0, 2, 3, 1, 5], strict=True)
    }
    with pytest.raises(ValueError, match=r"the series id for \{'venue': 'X', 'symbol': 'b'\} must be .* got 7"):
        series_writes(LONG.groupby(["venue", "symbol"], observed=True), lambda key: 7)


@pytest.mark.skipif(pd.__version__ >= "3", reason="pandas 3 groups rows only")
def test_groups_of_columns_are_refused():
    with pytest.warns(FutureWarning, match="axis=1"):
        groupby = LONG.groupby(np.array(["a", "a", "b", "b"]), axis=1)
    with pytest.raises(TypeError, match="transpose the frame"):
        series_writes(groupby, "{}")


def test_many_combinations_of_categories_take_no_memory():
    many = pd.Categorical(np.arange(5000))
    frame = pd.DataFrame({"dt": LONG["dt"][0], "val": 1.0, "a": many, "b": many, "c": many})
    assert len(series_writes(frame.groupby(["a", "b", "c"], observed=True), "{a}/{b}/{c}")) == 5000


# --- values and dates -------------------------------------------------------------------------------------------------

PRICES = LONG.rename(columns={"val": "close"}).assign(volume=9.0)


def test_values_are_only_taken_by_themselves_if_nothing_else_could_be_meant():
    day = PRICES.set_index("dt")
    expected = {"X": [0, 2, 3], "Y": [1, 5]}
    assert _by_id(PRICES.groupby("venue"), "{venue}", value="close") == expected
    assert _by_id(PRICES.groupby("venue")[["close"]], "{venue}") == expected
    assert _by_id(PRICES.groupby("venue")[["close", "volume"]], "{venue}", value="close") == expected
    assert _by_id(day.groupby("venue")["close"], "{venue}") == expected
    assert _by_id(day["close"].groupby(day["venue"]), "{venue}") == expected
    assert _by_id(day["close"].rename(None).groupby(day["venue"]), "{venue}") == expected
    assert _by_id(LONG.assign(volume=9.0).groupby("venue"), "{venue}") == expected
    volume = PRICES.drop(columns="close")
    for groupby, columns in [
        (PRICES.groupby("venue"), "'close', 'volume'"),
        (volume.groupby("venue"), "'volume'"),
        (LONG.assign(volume=9.0).groupby("venue")[["volume", "symbol"]], "'volume'"),
    ]:
        with pytest.raises(ValueError, match=rf"value= must name the column .* the numeric columns are {columns}$"):
            series_writes(groupby, "{venue}")
    for groupby, words in [
        (
            PRICES.groupby("venue")[["close"]],
            "value='volume' must be one of the columns selected from the groupby: 'close'",
        ),
        (day.groupby("venue")["close"], r"value must be a column of the frame \('close'\), got 'volume'"),
    ]:
        with pytest.raises(ValueError, match=words):
            series_writes(groupby, "{venue}", value="volume")


def test_dates_are_only_taken_by_themselves_if_nothing_else_could_be_meant():
    def dates(frame, **options):
        writes = series_writes(frame.groupby("venue"), "{venue}", value="close", **options)
        return {write.series_id: pd.to_datetime(write.points.dates, unit="ms").day.tolist() for write in writes}

    expected = {"X": [1, 3, 4], "Y": [2, 6]}
    days = PRICES.rename(columns={"dt": "day"})
    other = pd.Timestamp("2020-01-01")
    assert dates(PRICES) == expected
    assert dates(PRICES.assign(settled=other)) == expected
    assert dates(days) == expected
    assert dates(days.assign(settled=other), date="day") == expected
    assert dates(days.set_index("day")) == expected
    assert dates(days.set_index("day").rename_axis(None)) == expected
    assert dates(days.set_index("day"), date="day") == expected
    assert dates(days.set_index("day").assign(dt="text"), date="day") == expected
    assert dates(days.set_index(["symbol", "day"])) == expected
    assert dates(days.set_index(["symbol", "day"]).rename_axis([None, None])) == expected
    assert dates(days.assign(settled=other).set_index(["symbol", "day"]), date="day") == expected
    for frame, candidates in [
        (days.assign(settled=other), "'day', 'settled'"),
        (days.assign(settled=other).set_index("day"), "'settled', 'day'"),
        (days.assign(settled=other).set_index("day").rename_axis(None), "'settled', the index"),
        (days.assign(settled=other).set_index(["day", "settled"]), "'day', 'settled'"),
    ]:
        with pytest.raises(TypeError, match=f"date= must name the column with the dates, one of {candidates}$"):
            dates(frame)
    with pytest.raises(
        TypeError, match=r"must have dates in a column or in the index, got neither; the columns are 'symbol', 'venue'"
    ):
        dates(PRICES.drop(columns="dt"))
    with pytest.raises(ValueError, match=r"date must be a column .*, got 'when'"):
        dates(PRICES, date="when")


def test_an_empty_groupby_writes_nothing():
    assert series_writes(LONG[:0].groupby("symbol", observed=False), "{symbol}") == []
    assert series_writes(LONG[:0].groupby(["symbol", "venue"], observed=False), lambda key: 1 / 0) == []
    assert series_writes(LONG[:0].set_index("dt").groupby("venue")["val"], "{venue}") == []


def test_fields_and_rows_in_any_order_follow_their_group():
    shuffled = LONG.assign(unit=["t", "u", "t", "t", "u", "u"]).iloc[[5, 0, 3, 1, 4, 2]]
    writes = series_writes(shuffled.groupby("venue"), "{venue}", fields=["unit"])
    assert {write.series_id: (write.points.values.tolist(), write.fields) for write in writes} == {
        "X": ([0, 2, 3], {"unit": "t"}),
        "Y": ([1, 5], {"unit": "u"}),
    }
    assert shuffled.columns.tolist() == ["dt", "symbol", "venue", "val", "unit"]

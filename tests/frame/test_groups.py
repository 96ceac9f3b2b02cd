r"""Each row of a groupby is written to the group in which pandas' own iteration yields it.

`test_rows_go_to_the_group_that_iteration_puts_them_in` compares generated groupbys with a plain loop. A thorough run::

    GROUPBYS=10000 python -m pytest tests/frame/test_groups.py -k iteration --hypothesis-show-statistics
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
    kinds = ["series", "array", "list of categories", "function", "dict", "level", "other index"]
    kind = draw(st.sampled_from(["name", "name", "name", "grouper", "month", *kinds] if is_frame else kinds))
    name = draw(st.sampled_from(COLUMNS))
    if kind == "name":
        assume(name not in data.index.names)  # pandas refuses it as ambiguous
        return name
    if kind == "grouper":
        assume(name not in data.index.names)
        return pd.Grouper(key=name, sort=draw(st.booleans()))
    if kind == "month":
        return pd.Grouper(key="moment", freq=draw(st.sampled_from(["MS", "7D"])))
    if kind == "series":
        return frame[name].rename(draw(st.sampled_from([name, None, "text", "val", 5])))
    if kind == "array":
        values = frame[name].array
        return values.to_numpy() if isinstance(values, pd.arrays.NumpyExtensionArray) else values
    if kind == "list of categories":
        return pd.Categorical(frame["letter"].astype(object), categories=["r", "q", "z", "p"])
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
        groups = [(key, group) for key, group in groupby]  # noqa: C416 list() would call len()
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
    assert {
        _comparable(key): sorted(written[f"users\\{number}"]) for number, key in enumerate(keys)
    } == by_key
    ids = {_canonical(key): f"users\\{number}" for number, (key, _) in enumerate(expected)}
    rows = {f"users\\{number}": sorted(rows) for number, (_, rows) in enumerate(expected)}
    assert {series_id: sorted(values) for series_id, values in _written(groupby, ids).items()} == rows

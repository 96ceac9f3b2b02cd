"""Decoded series become labels and columns that keep the types of their values."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pandas_shooju import layouts
from pandas_shooju.formats import PointColumns, SeriesTable

VALUES = [None, 1, 2, -(2**60), 2**70, 1.5, 2.0, True, "1", "x", "", "Å", [1, 2], {"a": None}]


def table(*fields, points=0):
    columns = PointColumns(np.arange(points) * 1000, np.ones(points))
    return SeriesTable.of(
        [{"series_id": rf"users\sam\{i}", "fields": of_one, "points": columns} for i, of_one in enumerate(fields)]
    )


def same(read, value):
    """Whether a value read from a frame is the value of the field, of the same type."""
    if value is None:
        return read is np.nan or (isinstance(read, float) and read != read)
    read = read.item() if isinstance(read, np.generic) else read
    return type(read) is type(value) and read == value


def label_of(value):
    return json.dumps(value) if isinstance(value, list | dict) else value


@given(st.lists(st.sampled_from(VALUES), min_size=1, max_size=6))
def test_columns_keep_the_type_of_every_value(values):
    of = table(*[{} if value is None else {"f": value} for value in values], points=2)
    fields = layouts.fields_table(of, ["f"])
    assert all(map(same, fields["f"].tolist(), values))
    long = layouts.long(of, ["f"], "UTC", "UTC")
    assert all(map(same, long["f"].tolist(), [value for value in values for _ in range(2)]))


@given(st.lists(st.sampled_from(VALUES), min_size=1, max_size=6, unique_by=lambda v: (type(v), label_of(v))))
def test_labels_of_one_field_keep_their_type(values):
    of = table(*[{} if value is None else {"f": value} for value in values])
    labels = layouts.labels(of, ["f"])
    assert labels.name == "f"
    assert all(map(same, labels.tolist(), map(label_of, values)))
    frame = layouts.wide(of, labels, "UTC", "UTC")
    assert all(map(same, frame.columns.tolist(), map(label_of, values)))


@given(st.lists(st.tuples(st.sampled_from(VALUES), st.sampled_from(VALUES)), min_size=1, max_size=6))
def test_labels_of_several_fields_keep_their_type(pairs):
    assume(len({tuple(map(label_of, pair)) for pair in pairs}) == len(pairs))
    for level in zip(*pairs, strict=True):  # what pandas compares as equal is tested below
        assume(not any(a == b and type(a) is not type(b) for a, b in itertools.combinations(level, 2)))
    of = table(*[{name: value for name, value in zip("ab", pair, strict=True) if value is not None} for pair in pairs])
    labels = layouts.labels(of, ["a", "b"])
    assert labels.names == ["a", "b"]
    frame = layouts.wide(of, labels, "UTC", "UTC")
    for label, pair, position in zip(frame.columns, pairs, range(len(pairs)), strict=True):
        assert all(map(same, label, map(label_of, pair)))
        if None not in pair:
            assert frame.columns.get_loc(label) == position
    for i in range(2):  # a level alone, and what pandas does to it
        level = frame.columns.get_level_values(i).tolist()
        assert all(map(same, level, [label_of(pair[i]) for pair in pairs]))
    assert frame.iloc[:, :1].columns.remove_unused_levels().tolist()[0] == frame.columns[0] or None in pairs[0]


def test_labels_that_a_level_cannot_tell_apart_are_refused():
    one_and_true = table({"f": 1, "g": "a"}, {"f": True, "g": "b"})
    # a plain Index has both
    frame = layouts.wide(one_and_true, layouts.labels(one_and_true, ["f"]), "UTC", "UTC")
    assert [repr(label) for label in frame.columns] == ["1", "True"]
    assert frame[1].shape == (0, 2)
    twice = table({"f": True}, {"f": 1}, {"f": 1})
    with pytest.raises(
        ValueError, match=r"2 series have the label 1 \(by f\): users\\sam\\1, users\\sam\\2; name more fields"
    ):
        layouts.labels(twice, ["f"])
    with pytest.raises(
        ValueError, match=r"contain 1 and True \(values of the field 'f'\), which pandas cannot distinguish"
    ):
        layouts.labels(one_and_true, ["f", "g"])
    # equal numbers are one label, as the first of them is written
    numbers = table({"f": 1, "g": "a"}, {"f": 1.0, "g": "b"}, {"f": 2.5, "g": "b"})
    assert [repr(label) for label in layouts.labels(numbers, ["f", "g"])] == [
        "(1, 'a')",
        "(1, 'b')",
        "(2.5, 'b')",
    ]


def test_labels_that_are_not_unique_are_named():
    with pytest.raises(
        ValueError, match=r"2 series have the label \('a', 1\) \(by f, g\): users\\sam\\0, users\\sam\\2"
    ):
        layouts.labels(table({"f": "a", "g": 1}, {"f": "b"}, {"f": "a", "g": 1}), ["f", "g"])
    with pytest.raises(ValueError, match=r"2 series lack the field 'f', 'g'"):
        layouts.labels(table({}, {"f": "b"}, {}), ["f", "g"])


def test_levels_are_sorted_as_those_of_pandas():
    of = table({"f": "b", "g": 2}, {"f": "a", "g": 1}, {"f": "a"})
    labels = layouts.labels(of, ["f", "g"])
    assert [level.tolist() for level in labels.levels] == [["a", "b"], [1, 2]]
    plain = layouts.labels(of[:2], ["f", "g"])
    expected = pd.MultiIndex.from_arrays([["b", "a"], [2, 1]], names=["f", "g"])
    pd.testing.assert_index_equal(plain, expected, exact=True)


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b"], [1, 2], [1, 2.5], [1.5, 2.5], ["a", None], [1, None], [True, "x"], [("a", 1), ("a", None)], [],
        [("a", 1), ("b", 2.5)], [("a", 1), "b"], [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02")],
        [np.int64(3)], [(1, pd.Timestamp("2024-01-01")), (2, None)],
    ],
)  # fmt: skip
def test_given_labels_keep_their_type(labels):
    index = layouts.given_labels(labels)
    assert index.nlevels == (2 if labels and all(isinstance(label, tuple) for label in labels) else 1)
    for read, label in zip(index.tolist(), labels, strict=True):
        parts = zip(read, label, strict=True) if isinstance(label, tuple) else [(read, label)]
        for one, other in parts:
            assert one is other or pd.isna(one) is pd.isna(other) is True or (
                one == other and type(one) is (int if isinstance(other, np.generic) else type(other))
            )  # fmt: skip


def test_tuples_of_several_lengths_are_filled_up():
    assert layouts.given_labels([("a", 1), ("b",)]).tolist()[0] == ("a", 1)
    assert layouts.given_labels([("a", 1), ("b",)]).get_level_values(1).isna().tolist() == [False, True]

"""Series as columns, read without an object per series: the same frames as from a dict per series, or left to those."""

import json
import struct
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pandas_shooju import layouts
from pandas_shooju.formats import PointColumns, SeriesTable, ShoojuFormatError, arrow, decode, encode
from pandas_shooju.formats.table import values_of

pytest.importorskip("pyarrow")

texts = st.sampled_from(["MW", "Türkiye", "", "2024-01-01", "2024-01-01T10:00:00Z", "12", 'a"b\\', "\x00", "😀"])
numbers = st.sampled_from([0, -1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 10**30])
doubles = st.sampled_from([0.5, -0.0, 1e300, 2.0**53, 1e22, 3.0])
KINDS = [
    texts,
    numbers,
    doubles,
    st.booleans(),
    numbers | doubles,
    texts | numbers,
    st.lists(texts, max_size=2),
    st.none(),
]


@st.composite
def documents(draw):
    kinds = {name: draw(st.sampled_from(KINDS)) for name in ["unit", "country", "n", "points", "série", ""]}
    series = []
    for i in range(draw(st.integers(1, 12))):
        names = draw(st.lists(st.sampled_from(list(kinds)), unique=True, max_size=4))
        item = {"series_id": f"users\\sam\\{i}"}
        if draw(st.integers(0, 5)):
            item["fields"] = {name: draw(kinds[name] | st.none()) for name in names}
        if draw(st.booleans()):
            n = draw(st.integers(0, 3))
            item["points"] = PointColumns(1000 * np.arange(n), np.arange(n) + 0.5)
        if not draw(st.integers(0, 9)):
            item["tz"] = {"timezone": draw(st.sampled_from(["Europe/Berlin", "UTC"]))}
        series.append(item)
    return {"success": True, "series": series}


def tables(data, monkeypatch, fewest):
    with monkeypatch.context() as patch:
        patch.setattr(arrow, "FEWEST", fewest)
        return decode(data, "sjts").series


@settings(max_examples=150, deadline=None)
@given(document=documents())
@example(
    document={
        "success": True,
        "series": [{"series_id": "a", "fields": {"x": 2**53 + 1}}, {"series_id": "b", "fields": {"x": 0.5}}],
    }
)
def test_frames_are_those_of_a_dict_for_each_series(document):
    data = encode(document, "sjts")
    with pytest.MonkeyPatch.context() as patch:
        by_arrow, by_dicts = (tables(data, patch, fewest) for fewest in (1, 10**9))
    assert isinstance(by_arrow, SeriesTable)
    assert isinstance(by_dicts, SeriesTable)
    names = list(by_dicts.fields)
    assert by_arrow.zones == by_dicts.zones
    pd.testing.assert_frame_equal(layouts.fields_table(by_arrow, names), layouts.fields_table(by_dicts, names))
    if "points" not in names:
        long = [layouts.long(table, names, "UTC", "UTC") for table in (by_arrow, by_dicts)]
        pd.testing.assert_frame_equal(*long)
    if by_arrow.zones is None:
        labels = [layouts.labels(table, ["series_id"]) for table in (by_arrow, by_dicts)]
        pd.testing.assert_index_equal(*labels)
        pd.testing.assert_frame_equal(*(layouts.wide(table, labels[0], "UTC", "UTC") for table in (by_arrow, by_dicts)))


@settings(max_examples=50, deadline=None)
@given(
    documents=st.lists(documents(), min_size=1, max_size=4), cut=st.integers(0, 50), fewest=st.sampled_from([1, 5, 99])
)
def test_tables_join_and_part_as_lists_do(documents, cut, fewest):
    with pytest.MonkeyPatch.context() as patch:
        parts = [tables(encode(document, "sjts"), patch, fewest) for document in documents]
    whole = SeriesTable.of([item for document in documents for item in document["series"]])
    joined = SeriesTable.concat(parts)
    names = list(whole.fields)
    for ours, theirs in ((joined, whole), (joined[:cut], whole[:cut]), (joined[cut:], whole[cut:])):
        assert len(ours) == len(theirs)
        assert ours.points == theirs.points
        assert ours.counts.tolist() == theirs.counts.tolist()
        # (a stretch without values has the dtype of the page that it is of)
        ours_frame, theirs_frame = (layouts.fields_table(table, names) for table in (ours, theirs))
        pd.testing.assert_frame_equal(ours_frame, theirs_frame, check_dtype=False, check_index_type=len(ours) > 0)


def test_plain_series_are_read_by_arrow():
    series = [{"series_id": f"s{i}", "fields": {"unit": "MW", "n": i, "since": "2024-01-01"}} for i in range(1000)]
    table = decode(encode({"success": True, "series": series}, "sjts"), "sjts").series
    assert not isinstance(table.series_ids, list)
    assert table.fields["since"][3].as_py() == "2024-01-01"
    assert list(table.fields) == ["unit", "n", "since"]


def test_escapes_in_values_do_not_keep_arrow_from_reading_fractions():
    series = [{"series_id": f"s{i}", "fields": {"land": "Türkiye", "x": i / 4}} for i in range(1000)]
    data = encode({"success": True, "series": series}, "sjts")
    assert b"\\u00fc" in data
    table = decode(data, "sjts").series
    assert not isinstance(table.series_ids, list)
    assert values_of(table.fields["x"]) == [i / 4 for i in range(1000)]


@pytest.mark.parametrize("spelt", [b'"xyz"', rb'"\u0078yz"', rb'"x\u0079z"', rb'"xy\u007A" ', rb'"\u0078\u0079\u007a"'])
def test_integers_among_fractions_are_found_however_the_name_is_spelt(spelt):
    series = [{"series_id": f"s{i}", "fields": {"xyz": 0.5}} for i in range(1000)]
    data = encode({"success": True, "series": series}, "sjts")
    text = b'{"series_id": "s7", "fields": {%b: 3}}' % spelt
    at = data.index(b'{"series_id":"s7"')
    (size,) = struct.unpack_from("<I", data, at - 4)
    data = data[: at - 4] + struct.pack("<I", len(text)) + text + data[at + size :]
    values = values_of(decode(data, "sjts").series.fields["xyz"])
    assert [type(value) for value in values[6:9]] == [float, int, float]


def test_series_with_many_points_are_read_by_arrow():
    points = PointColumns(np.arange(2000), np.random.default_rng(1).normal(size=2000))
    series = [{"series_id": f"s{i}", "fields": {"unit": "MW"}, "points": points} for i in range(400)]
    table = decode(encode({"success": True, "series": series}, "sjts"), "sjts").series
    assert not isinstance(table.series_ids, list)
    assert table.counts.tolist() == [2000] * 400


def test_what_was_read_can_be_written_to():
    series = [{"series_id": f"s{i}", "fields": {"x": i / 2, "n": i, "on": True}} for i in range(1000)]
    table = decode(encode({"success": True, "series": series}, "sjts"), "sjts").series
    frame = layouts.fields_table(table, ["x", "n", "on"])
    frame.iloc[0, 0] = 7.0
    frame.loc["s1", "n"] = 9
    frame.loc["s2", "on"] = False
    assert frame.iloc[0, 0] == 7.0


@pytest.mark.parametrize("name", ["json", "msgpack", "sjts"])
@pytest.mark.parametrize("times", [2, 400])
def test_a_series_that_failed_is_apart_from_the_table(name, times):
    failed = {"error": "series_not_found", "description": "no"}
    points = PointColumns(np.arange(3), np.arange(3.0))
    series = [{"series_id": "a", "points": points}] * times
    series.insert(1, failed)
    document = decode(encode({"success": True, "series": series}, name), name)
    assert values_of(document.series.series_ids) == ["a"] * times
    assert document.series.counts.tolist() == [3] * times
    assert len(document.series.points) == 3 * times
    assert document.failed == {1: failed}
    assert document.items() == series


@pytest.mark.parametrize("name", ["json", "msgpack", "sjts"])
@pytest.mark.parametrize("times", [2, 400])
def test_items_keep_everything_that_a_table_has_no_column_for(name, times):
    points = PointColumns(np.arange(2), np.array([1.0, np.nan]), np.array([7, 8]), np.array([5, 6]))
    series = [
        {"series_id": f"s{i}", "fields": {"n": i}, "points": points, "tz": {"timezone": "Asia/Tokyo"}, "own": [i]}
        for i in range(times)
    ]
    data = {"success": True, "included_job": True, "included_timestamp": True, "series": series}
    for table_first in (True, False):
        document = decode(encode(data, name), name)
        if table_first:
            assert document.series.zones == ["Asia/Tokyo"] * times
            assert document.failed == {}
        assert document.plain() == data
        assert document.items() is document.items()
        assert document.root == {key: value for key, value in data.items() if key != "series"}


def test_items_that_are_no_objects_are_items_but_no_table():
    data = {"success": True, "series": [{"series_id": "a"}, 5, None, "x"]}
    document = decode(encode(data, "sjts"), "sjts")
    assert document.plain() == data
    with pytest.raises(ShoojuFormatError, match="must be an object"):
        _ = document.series


@pytest.mark.parametrize("tz", ["Asia/Tokyo", 5, {"timezone": 5}, ["Asia/Tokyo"]])
def test_time_zones_of_another_shape_are_refused(tz):
    document = decode(encode({"success": True, "series": [{"series_id": "a", "tz": tz}]}, "sjts"), "sjts")
    with pytest.raises(ShoojuFormatError, match="'tz'"):
        _ = document.series


@pytest.mark.parametrize("root", [[1, 2], None, "x", 5, {"success": True}, {"series": 5}])
def test_what_has_no_list_of_series_is_all_root(root):
    document = decode(encode(root, "json"), "json")
    assert (document.root, document.plain(), document.items(), document.has_series) == (root, root, [], False)
    assert len(document.series) == 0


def raw(*texts):
    root = json.dumps({"success": True, "series": len(texts)}).encode()
    return b"SJTS" + b"".join(struct.pack("<I", len(text)) + text for text in (root, *texts))


@pytest.mark.parametrize(
    "lies",
    [
        # two series in one text, and none in another
        [b'{"series_id":"b"}\n{"series_id":"c"}', b""],
        [b'{"series_id":"b"}{"series_id":"c"}', b" "],
        # a series over two texts, and two in one
        [b'{"series_id":"b","fields":', b'{"x":1}}', b'{"series_id":"c"}{"series_id":"d"}'],
        [b'{"series_id":"b","fields":{"x":', b'{"y":1}}}', b'{"series_id":"c"}\n{"series_id":"d"}'],
        [b'{"series_id":"b', b'","fields":{}}', b'{"series_id":"c"}{"series_id":"d"}'],
        [b'{"series_id":"b"} x'],
        [b'{"series_id":"\xff"}'],
    ],
)
def test_texts_that_pass_for_others_are_refused(lies):
    texts = [b'{"series_id":"a"}'] * 400
    with pytest.raises(ShoojuFormatError):
        _ = decode(raw(*texts, *lies), "sjts").series
    with pytest.raises(ShoojuFormatError):
        _ = decode(raw(*lies, *texts), "sjts").series


@pytest.mark.parametrize(
    "text", [b'{"series_id":"b","fields":{"x":1,"x":2}}', b'{"series_id":"b","fields":null}', b"{ }"]
)
def test_odd_texts_are_read_as_json_has_them(text):
    texts = [b'{"series_id":"a","fields":{"x":5}}'] * 400
    document = decode(raw(*texts, text), "sjts")
    series = [json.loads(one) for one in [*texts, text]]
    assert document.items() == series
    if text == b"{ }":
        with pytest.raises(ShoojuFormatError, match="series_id"):
            _ = document.series
    else:
        pd.testing.assert_frame_equal(
            layouts.fields_table(document.series, ["x"]), layouts.fields_table(SeriesTable.of(series), ["x"])
        )


@pytest.mark.parametrize("what", ["list", "object"])
def test_deep_texts_are_refused(what):
    deep = b"[" * 30_000 + b"]" * 30_000 if what == "list" else b'{"a":' * 30_000 + b"1" + b"}" * 30_000
    for name in (b"fields", b"x"):
        with pytest.raises(ShoojuFormatError):
            _ = decode(raw(*[b'{"series_id":"a"}'] * 400, b'{"series_id":"b","%s":%s}' % (name, deep)), "sjts").series


@pytest.mark.parametrize("fields", [b"5", b'"abc"', b"[1]", b"[[1]]", b"[50241120955076007969]", b"true"])
@pytest.mark.parametrize("times", [1, 400])
def test_fields_that_are_no_object_make_no_table(fields, times):
    document = decode(raw(*[b'{"series_id":"a","fields":%s}' % fields] * times), "sjts")
    assert document.items() == [{"series_id": "a", "fields": json.loads(fields)}] * times
    with pytest.raises(ShoojuFormatError, match="fields"):
        _ = document.series


@pytest.mark.parametrize("count", [b"-1", b"2.0", b"2e0", b"true", b"null"])
def test_counts_that_are_none_are_refused(count):
    text = b'{"series_id":"b","points":%s}' % count
    block = struct.pack("<qqidd", 28, 0, 1, 1.0, 2.0)
    for blocks in (b"", block):
        with pytest.raises(ShoojuFormatError):
            _ = decode(raw(*[b'{"series_id":"a"}'] * 400, text) + blocks, "sjts").series


def test_columns_are_in_order_of_appearance():
    rest = [{"series_id": "t", "fields": {"b": 5, "c": "2020-01-01"}}] * 400
    document = {"success": True, "series": [{"series_id": "s", "fields": {"a": "x"}}, *rest]}
    table = decode(encode(document, "sjts"), "sjts").series
    assert not isinstance(table.series_ids, list)
    assert list(table.fields) == ["a", "b", "c"]
    assert table.fields["c"][1].as_py() == "2020-01-01"


#: text sizes that hold the bytes by which texts are found: a zero, a brace, a quote, a line's end
SIZES = [34, 123, 10, 255, 256, 0x7B00, 0x7B7B, 0x10000, 0x17B00, 0x7B0000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("at", [0, 1, 399])
def test_texts_of_any_size_are_found(size, at):
    texts = [b'{"series_id":"%d"}' % i for i in range(400)]
    padding = size - len(b'{"series_id":"","fields":{"x":""}}')
    texts[at] = (
        b'{"series_id":"","fields":{"x":"%s"}}' % (b"{" * padding) if padding >= 0 else texts[at].ljust(size, b" ")
    )
    series = [json.loads(text) for text in texts]
    assert decode(raw(*texts), "sjts").items() == series
    table = decode(raw(*texts), "sjts").series
    assert SeriesTable.of(series).column("x") == values_of(table.column("x"))
    assert values_of(table.series_ids) == [one["series_id"] for one in series]


@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("times", [2, 400])
def test_points_that_the_first_texts_do_not_announce(count, times):
    blocks = struct.pack("<qqi3d", 36, 0, 1, 1.0, 2.0, 3.0) if count else b""
    document = raw(*[b'{"series_id":"a"}'] * times, b'{"series_id":"b","points":%d}' % count) + blocks
    points = PointColumns(np.arange(count), np.arange(count) + 1.0)
    expected = [{"series_id": "a"}] * times + [{"series_id": "b", "points": points}]
    assert decode(document, "sjts").items() == expected
    table = decode(document, "sjts").series
    assert table.points == points
    assert table.counts.tolist() == [0] * times + [count]


@pytest.mark.parametrize("space", [b" ", b"\n", b"\t"])
def test_space_around_objects_is_json(space):
    texts = [b'{"series_id":"a"}' + space, space + b'{"series_id":"b","fields":{"x":1}}'] * 200
    table = decode(raw(*texts), "sjts").series
    assert values_of(table.series_ids) == ["a", "b"] * 200
    assert values_of(table.column("x")) == [None, 1] * 200


@pytest.mark.parametrize(
    "text",
    [
        b'{"series_id":"b","fields":{"x":-NaN}}',
        b'{"series_id":"b","y":Inf}',
        b'{"series_id":"b","y":{"z":[-NaN]}}',
        b'{"series_id":"b","y":{"\xff":1}}',
        b'{"series_id":"b","y":[{"\xed\xb0\x80":1}]}',
    ],
)
def test_what_is_no_json_is_refused_wherever_it_stands(text):
    with pytest.raises(ShoojuFormatError):
        _ = decode(raw(*[b'{"series_id":"a","fields":{"x":0.5}}'] * 400, text), "sjts").series


@pytest.mark.parametrize(
    "texts",
    [
        [b'{"series_id":"s","k%d":1}' % i for i in range(1000)],
        [b'{"series_id":"s","x":{"k%d":1}}' % i for i in range(1000)],
        [b'{"series_id":"s","fields":{"k%d":1}}' % i for i in range(1000)],
        [b'{"series_id":"s"}'] * 999 + [b'{"series_id":"s",%s}' % b",".join(b'"%d":1' % i for i in range(10_000))],
    ],
)
def test_names_of_their_own_are_left_to_json(texts):
    # pyarrow would make a place for each name in each text
    table = decode(raw(*texts), "sjts").series
    assert isinstance(table.series_ids, list)
    assert list(table.fields) == list(SeriesTable.of([json.loads(text) for text in texts]).fields)


def test_a_first_series_without_points_before_many_zeros():
    points = PointColumns(np.arange(50_000), np.zeros(50_000))
    document = {"success": True, "series": [{"series_id": "a"}, {"series_id": "b", "points": points}]}
    tracemalloc.start()
    try:
        assert decode(encode(document, "sjts"), "sjts").plain() == document
        assert tracemalloc.get_traced_memory()[1] < 6 * 8 * len(points) * 2
    finally:
        tracemalloc.stop()

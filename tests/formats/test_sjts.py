"""SJTS against the vectors and the codec of others, and against bytes that lie."""

import base64
import contextlib
import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pandas_shooju import formats
from pandas_shooju.formats import PointColumns, ShoojuFormatError, decode, encode, rows

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "sjts.json").read_text())


def as_rows(document):
    """The document with rows where it has columns, as the vectors and the reference codec have it."""
    if not isinstance(document, dict) or not isinstance(document.get("series"), list):
        return document
    series = [
        {**item, "points": item["points"].to_rows()} if isinstance(item, dict) and "points" in item else item
        for item in document["series"]
    ]
    return {**document, "series": series}


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_decodes_every_vector(vector):
    document = decode(base64.b64decode(vector["payload_base64"]), "sjts").plain()
    assert as_rows(document) == vector["decoded"]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_encodes_every_vector_to_the_same_bytes(vector):
    payload = base64.b64decode(vector["payload_base64"])
    document = decode(payload, "sjts").plain()
    written = encode(dict(sorted(document.items())), "sjts")  # the order of the vectors
    assert decode(written, "sjts").plain() == document
    if not vector["includes_job"] and not vector["includes_timestamp"] and b"\\/" not in payload:
        # (the reference escapes slashes, and leaves unused room behind per-point columns)
        assert written == payload


# --- properties --------------------------------------------------------------------------------------------------

# steps that make every kind of block: runs, single differences, none, backwards, too wide for 32 bits, at its edges
STEPS = [3_600_000, 3_600_000, 3_600_000, 86_400_000, 1, 0, -60_000, 2**31 - 1, 2**31, 2**35]
values = st.one_of(st.floats(width=64, allow_nan=True), st.just(float("nan")))


@st.composite
def point_columns(draw, jobs=False, timestamps=False, steps=(*STEPS, -(2**31))):
    start = draw(st.integers(-(2**42), 2**45))
    dates = np.cumsum([start, *draw(st.lists(st.sampled_from(steps), max_size=40))]).astype(np.int64)
    if draw(st.booleans()):
        dates = dates[:0]
    n = len(dates)
    column = np.array(draw(st.lists(values, min_size=n, max_size=n)), np.float64)
    integers = st.lists(st.integers(0, 2**32 - 1), min_size=n, max_size=n)
    return PointColumns(
        dates,
        column,
        np.array(draw(integers), np.int64) if jobs else None,
        np.array(draw(integers), np.int64) * 1000 if timestamps else None,
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


# what the reference codec's JSON carries exactly: it rounds doubles, and breaks off at some characters
plain_fields = st.dictionaries(
    st.text("abcdeäß€ ", max_size=5), st.integers(-(2**31), 2**31) | st.text('abcdeäß€ "\\', max_size=5), max_size=3
)


any_fields = st.dictionaries(st.text(max_size=5), json_values, max_size=3)


@st.composite
def documents(
    draw,
    per_point=True,
    points=point_columns,
    plain_items=(None, 3),
    fields=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
):
    jobs, timestamps = (draw(st.booleans()), draw(st.booleans())) if per_point else (False, False)
    series = []
    for _ in range(draw(st.integers(0, 5))):
        item = {"series_id": draw(st.text("abcäß\\ ", max_size=8))}
        if draw(st.booleans()):
            item["fields"] = draw(fields)
        if draw(st.integers(0, 4)):
            item["points"] = draw(points(jobs, timestamps))
        series.append(draw(st.sampled_from([item, item, item, *plain_items])))
    # what has no points says nothing of columns
    if not any(isinstance(item, dict) and len(item.get("points", ())) for item in series):
        series = [
            {**item, "points": PointColumns.empty()} if isinstance(item, dict) and "points" in item else item
            for item in series
        ]
        jobs = timestamps = False
    head = {"success": True, "total": len(series)}
    if jobs:
        head["included_job"] = True
    if timestamps:
        head["included_timestamp"] = True
    return {**head, "series": series}


@pytest.mark.parametrize("name", ["json", "msgpack", "sjts"])
@settings(max_examples=150, deadline=None)
@given(document=documents())
def test_every_format_gives_back_what_was_written(name, document):
    assert decode(encode(document, name), name).plain() == document


@settings(max_examples=200, deadline=None)
@given(
    # (the reference encoder takes a second step for the first where one is -2**31, and its decoder crashes the
    # interpreter at items that are not objects)
    document=documents(False, lambda jobs, timestamps: point_columns(steps=STEPS), (), plain_fields)
)
def test_agrees_with_the_reference_codec(document):
    sjts = pytest.importorskip("sjts")
    ours = encode(document, "sjts")
    plain = {
        **document,
        "series": [
            {**item, "points": list(zip(item["points"].dates.tolist(), item["points"].values.tolist(), strict=True))}
            if isinstance(item, dict) and "points" in item
            else item
            for item in document["series"]
        ],
    }
    theirs = sjts.dumps(plain)
    assert decode(theirs, "sjts").plain() == document
    read = sjts.loads(ours)
    assert json.dumps(read, sort_keys=True) == json.dumps(sjts.loads(theirs), sort_keys=True)
    # block for block the same bytes: compare what follows the text, series by series
    if b"\\/" not in theirs and theirs.isascii() and ours.isascii():
        assert len(ours) == len(theirs)


def test_regular_dates_are_one_block_and_a_shared_index_is_planned_once():
    dates = np.arange(10_000) * 3_600_000
    one = encode({"series": [{"series_id": "a", "points": PointColumns(dates, np.ones(10_000))}]}, "sjts")
    assert len(one) < 8 * 10_000 + 150


# --- bytes that lie ----------------------------------------------------------------------------------------------


def payload(**options):
    rng = np.random.default_rng(5)
    dates = [np.arange(30) * 3_600_000, np.cumsum(rng.integers(1, 5000, 31)), np.arange(12) * 2**32, np.array([7])]
    extra = {"jobs": np.arange, "timestamps": np.arange} if options.get("per_point") else {}
    series = [
        {
            "series_id": f"s{i}",
            "fields": {"unit": "MW"},
            "points": PointColumns(d, rng.random(len(d)), **{name: make(len(d)) for name, make in extra.items()}),
        }
        for i, d in enumerate(dates)
    ]
    return encode({"success": True, "series": [*series, {"error": "series_not_found"}]}, "sjts")


@pytest.mark.parametrize("per_point", [False, True])
def test_every_truncation_is_refused(per_point):
    whole = payload(per_point=per_point)
    for length in range(len(whole)):
        with pytest.raises(ShoojuFormatError):
            decode(whole[:length], "sjts").plain()
    with pytest.raises(ShoojuFormatError, match="must end with its last series, got"):
        decode(whole + b"\0", "sjts").plain()


@settings(max_examples=1500, deadline=None)
@given(data=st.data(), per_point=st.booleans())
def test_a_mutated_document_decodes_or_is_refused(data, per_point):
    mutated = bytearray(payload(per_point=per_point))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(mutated) - 1))
        kind = data.draw(st.integers(0, 2))
        if kind == 0:
            mutated[at] = data.draw(st.integers(0, 255))
        elif kind == 1:
            mutated[at : at + 8] = data.draw(st.sampled_from([b"\xff" * 8, b"\0" * 8, struct.pack("<q", 2**62)]))
        else:
            del mutated[at : at + data.draw(st.integers(1, 16))]
    tracemalloc.start()
    try:
        decode(bytes(mutated), "sjts").plain()
    except ShoojuFormatError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20 * len(mutated) + 100_000


@pytest.mark.parametrize("name", ["json", "msgpack", "sjts"])
@settings(max_examples=300, deadline=None)
@given(junk=st.binary(max_size=60))
@example(junk=b"[" * 100_000)
@example(junk=b"\x91" * 100_000)
@example(junk=b'{"series":[{"points":[[1]]}]}')
@example(junk=b'{"series":[{"points":[[1,2,3]]}]}')
@example(junk=b'{"series":[{"points":[[1e400,2]]}]}')
@example(junk=b'{"series":[{"points":[[99999999999999999999,2]]}]}')
@example(junk=b'{"series":[{"points":[[1,"x"]]}]}')
@example(junk=b'{"series":[{"points":7}]}')
def test_junk_decodes_or_is_refused(name, junk):
    for data in (junk, b"SJTS" + junk):
        with contextlib.suppress(ShoojuFormatError):
            decode(data, name).plain()


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_the_number_of_values_is_limited(name, monkeypatch):
    content = encode({"a": [{}] * 1000}, name)
    assert decode(content, name).plain() == {"a": [{}] * 1000}
    for module in (rows, formats.msgpack):
        monkeypatch.setattr(module, "MOST_VALUES", 900)
    with pytest.raises(ShoojuFormatError, match="at most 900 values, got about"):
        decode(content, name)


def section(text):
    return struct.pack("<I", len(text)) + text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (section(b'{"series":1000000000}'), "announces 1000000000 series"),
        (section(b'{"series":-1}'), "announces -1 series"),
        (section(b'{"series":true}') + section(b"{}"), "True series"),
        (section(b'{"series":1}') + section(b'{"points":4000000000}'), "announces 4000000000 points"),
        (section(b'{"series":1}') + section(b'{"points":1.5}') + b"\0" * 24, "announces 1.5 points"),
        (struct.pack("<I", 2**32 - 1), "root section has a size of 4294967295 bytes"),
        (section(b'{"series":1}') + section(b'{"points":1}') + struct.pack("<qqd", -16, 0, 1.0), "a block of -16"),
        (section(b'{"series":1}') + section(b'{"points":1}') + struct.pack("<qqd", 2**62, 0, 1.0), "a block of"),
        (section(b'{"series":1}') + section(b'{"points":1}') + struct.pack("<qqd", 16, 2**63 - 1, 1.0), "out of range"),
        (section(b'{"series":1}') + section(b'{"points":1}') + struct.pack("<qqidd", 28, 0, 5, 1.0, 2.0), "a block of"),
        (section(b'{"a":1}\0xxxx'), "must not have bytes after its JSON text"),
        (section(b'{"sjts":{"includes_job":true},"series":1}\0')
         + section(b'{"points":1}') + struct.pack("<qqd", 16, 0, 1.0), "as many jobs or timestamps as points, got 0"),
        (section(b"\xff\xfe"), "not JSON"),
    ],
)  # fmt: skip
def test_a_lie_is_named(body, words):
    with pytest.raises(ShoojuFormatError, match=words):
        decode(b"SJTS" + body, "sjts").plain()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"series": "abc"}, "'series' must be a list, got str"),
        ({"series": [{"points": "abc"}]}, "points must be columns or rows, got str"),
        ({"series": [], "sjts": 1}, "must not contain the key 'sjts'"),
        ({"series": [{"x": object()}]}, "cannot be represented"),
        ({"series": [{"points": PointColumns(np.arange(2), np.ones(3))}]}, "as many values as dates, got 3 and 2"),
        ({"series": [{"points": PointColumns(np.arange(1), np.ones(1), np.array([2**32]))}]}, "32 bits"),
        (
            {"series": [
                {"points": PointColumns(np.arange(1), np.ones(1), np.arange(1))},
                {"points": PointColumns(np.arange(1), np.ones(1))},
            ]},
            "must have the same columns",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(document, words):
    with pytest.raises(ShoojuFormatError, match=words):
        encode(document, "sjts")


def test_plain_json_in_answer_to_sjts():
    assert decode(b'{"success":false,"error":"x"}', "sjts").plain() == {"success": False, "error": "x"}
    document = decode(b'{"series":[{"series_id":"a","points":[[0,null],[1,2]]}]}', "sjts").plain()
    assert document["series"][0]["points"] == PointColumns(np.array([0, 1]), np.array([np.nan, 2.0]))

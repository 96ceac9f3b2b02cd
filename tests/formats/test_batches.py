"""Many series are decoded in batches, taken to be alike until checked: that gives what one by one gives."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandas_shooju.formats import Document, PointColumns, ShoojuFormatError, decode, encode, sjts

START = 1_262_304_000_000


def hourly(rng, n):
    return START + 3_600_000 * np.arange(n)


def monthly(rng, n):
    return START + 2**32 * np.arange(n)  # further apart than a block can tell


def business_days(rng, n):
    days = np.arange(2 * n + 4)
    return START + 86_400_000 * days[days % 7 < 5][:n]


def gaps(rng, n):
    return START + 3_600_000 * np.sort(rng.choice(n + 3, n, replace=False))


def ticks(rng, n):
    return START + np.sort(rng.choice(86_400_000, n, replace=False))


def seconds(rng, n):
    return START + 1000 * np.sort(rng.choice(3 * n, n, replace=False))


def repeated(rng, n):
    # the high word of the date, 300, and a step of 0: that looks like the size of a block
    return np.repeat(300 * 2**32 + 1000 * np.sort(rng.choice(3 * n, n, replace=False)), 2)[:n]


KINDS = [hourly, monthly, business_days, gaps, ticks, seconds, repeated]
VALUES = [
    lambda rng, n: rng.normal(size=n),
    lambda rng, n: rng.integers(0, 3, n) / 2,  # the low words are zero
    lambda rng, n: rng.choice(np.array([16, 28, 36, 300, 2**32 + 28]), n).view(np.float64),  # as sizes of blocks
    lambda rng, n: np.full(n, np.nan),
]


@st.composite
def payloads(draw):
    """Stretches of series that are alike, with others between."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    series = []
    for _ in range(draw(st.integers(1, 5))):
        dates_of, values_of = draw(st.sampled_from(KINDS)), draw(st.sampled_from(VALUES))
        most, shared, ragged = draw(st.integers(1, 60)), draw(st.booleans()), draw(st.booleans())
        dates = dates_of(rng, most)
        for i in range(draw(st.integers(1, 40))):
            n = rng.integers(0, most + 1) if ragged else most
            own = dates[:n] if shared else dates_of(rng, n)
            item = {"series_id": f"s{10 ** (i % 4)}", "points": PointColumns(own, values_of(rng, n))}
            if ragged and i % 3 == 0:
                del item["points"]
            series.append(item if draw(st.integers(0, 30)) else draw(st.sampled_from([None, {"error": "x"}])))
    return encode({"success": True, "series": series}, "sjts")


def outcome(read, data):
    try:
        return read(data)
    except ShoojuFormatError:
        return "refused"


def one_by_one(data):
    root, texts = sjts._read(data, careful=True)
    return Document(root, texts=texts).plain()


@settings(max_examples=150, deadline=None)
@given(data=payloads())
def test_batches_give_what_one_by_one_gives(data):
    assert decode(data, "sjts").plain() == one_by_one(data)


@settings(max_examples=300, deadline=None)
@given(data=payloads(), where=st.data())
def test_of_mutated_bytes_too(data, where):
    mutated = bytearray(data)
    for _ in range(where.draw(st.integers(1, 3))):
        at = where.draw(st.integers(8, max(len(mutated) - 9, 8)))
        kind = where.draw(st.integers(0, 2))
        if kind == 0:
            mutated[at] = where.draw(st.integers(0, 255))
        elif kind == 1:
            lies = [b"\xff" * 8, b"\0" * 8, *(struct.pack("<q", size) for size in (16, 28, 36, 2**62))]
            mutated[at : at + 8] = where.draw(st.sampled_from(lies))
        else:
            del mutated[at : at + where.draw(st.sampled_from([1, 4, 8, 24]))]
    mutated = bytes(mutated)
    assert outcome(lambda data: decode(data, "sjts").plain(), mutated) == outcome(one_by_one, mutated)


@pytest.mark.parametrize("dates_of", KINDS)
def test_a_hundred_series_of_a_kind(dates_of):
    rng = np.random.default_rng(3)
    series = [
        {"series_id": f"s{i}", "points": PointColumns(dates_of(rng, 200), rng.normal(size=200))} for i in range(100)
    ]
    document = {"success": True, "series": series}
    assert decode(encode(document, "sjts"), "sjts").plain() == document


@pytest.mark.parametrize("dates_of", KINDS)
@pytest.mark.parametrize("without", [2, 3, 10**6])
def test_series_of_any_lengths(dates_of, without):
    rng = np.random.default_rng(4)
    series = []
    for i in range(300):
        n = int(rng.integers(0, 40)) if i % 70 else 2000
        series.append({"series_id": f"s{i}"})
        if i % without:
            series[-1]["points"] = PointColumns(dates_of(rng, n), rng.normal(size=n))
    document = {"success": True, "series": series}
    assert decode(encode(document, "sjts"), "sjts").plain() == document


def test_texts_within_points_are_not_taken_for_the_next_series():
    # the points of the first series hold what looks like the beginning of a series
    lie = struct.pack("<I", 30) + b'{"series_id":"a","points":2}'
    lie += b" " * (-len(lie) % 8)
    values = np.concatenate([np.frombuffer(lie, "<f8"), np.ones(40)])
    rng = np.random.default_rng(1)
    series = [{"series_id": f"s{i}", "points": PointColumns(seconds(rng, len(values)), values)} for i in range(30)]
    document = {"success": True, "series": series}
    assert decode(encode(document, "sjts"), "sjts").plain() == document


def test_series_of_two_shapes_in_turns():
    rng = np.random.default_rng(2)
    shapes = [np.array([0, 1, 10, 12]), np.array([0, 1, 10, 2**40])]  # of one count, and of one first block
    series = [{"series_id": f"s{i}", "points": PointColumns(shapes[i % 2], rng.normal(size=4))} for i in range(3000)]
    document = {"success": True, "series": series}
    assert decode(encode(document, "sjts"), "sjts").plain() == document

"""Packed columns come back bit by bit, and take the room that they should."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pandas_shooju.local.store.packing import _slots, pack_floats, pack_integers, unpack_floats, unpack_integers

N = 8192


def rng():
    return np.random.default_rng(42)


def prices():
    return (100 + rng().normal(0, 1, N).cumsum()).round(2)


any_integer = st.integers(-(2**63), 2**63 - 1)
integers = st.one_of(
    st.lists(any_integer, max_size=100),
    st.lists(st.integers(-1000, 1000), max_size=300),
    st.builds(lambda low, steps: [low, *(low + np.cumsum(steps)).tolist()], st.integers(-(2**40), 2**40),
              st.lists(st.integers(0, 10).map(lambda n: n * 86_400_000), min_size=1, max_size=300)),
)  # fmt: skip


@given(integers)
@example([-(2**63), 2**63 - 1])
@example([0, 2**62, 0])
@example([2**62 - 1, -(2**62), 5])
def test_integers_come_back(numbers):
    column = np.array(numbers, np.int64)
    assert unpack_integers(pack_integers(column), len(column)).tolist() == numbers


@pytest.mark.parametrize("bits", range(63))
def test_integers_of_any_number_of_bits_come_back(bits):
    for count in (2, 63, 64, 65, 1000):
        column = rng().integers(0, 2**bits, count, dtype=np.int64) - 12345
        column[:2] = -12345, 2**bits - 1 - 12345
        packed = pack_integers(column)
        assert unpack_integers(packed, count).tolist() == column.tolist()
        assert len(packed) <= 8 * count + 30


decimal = st.builds(lambda number, decimals: number / 10.0**decimals, st.integers(-(10**6), 10**6), st.integers(0, 6))
odd = st.sampled_from([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1.7976931348623157e308, 2.0**53, 1e22])
floats = st.one_of(
    st.lists(st.floats(), max_size=100),
    st.lists(st.floats(width=32), max_size=100),
    st.lists(decimal, max_size=200),
    st.lists(st.one_of(decimal, odd), max_size=200),
    st.lists(st.tuples(st.floats(), st.integers(1, 40)), max_size=20).map(
        lambda runs: [value for value, count in runs for _ in range(count)]
    ),
    st.lists(decimal, min_size=40, max_size=200).map(lambda values: [*values, np.nan, -0.0, np.pi]),
    st.lists(decimal.map(lambda value: value * 1.1 + 0.1), max_size=200),
)


@given(floats)
@example([-0.0] * 100)
@example([np.nan] * 100)
@example([0.0, -0.0] * 50)
def test_floats_come_back_bit_by_bit(numbers):
    column = np.array(numbers, np.float64)
    assert unpack_floats(pack_floats(column), len(column)).tobytes() == column.tobytes()


@given(arrays(np.uint64, st.integers(0, 200)))
def test_any_bits_come_back(bits):
    column = bits.view(np.float64)
    assert unpack_floats(pack_floats(column), len(column)).tobytes() == column.tobytes()


@pytest.mark.parametrize(
    ("column", "most"),
    [
        (np.full(N, 3.14), 0.02),
        (np.repeat(rng().normal(size=N // 64), 64), 0.2),
        (rng().integers(0, 2, N).astype(float), 0.2),
        (rng().integers(0, 100, N).astype(float), 1.0),
        (prices(), 1.3),
        (rng().uniform(10, 90, N).round(2), 1.7),
        (prices() * 1.1, 1.6),
        (np.where(rng().random(N) < 0.01, rng().normal(size=N), prices()), 2.0),
        (rng().normal(100, 5, N).astype(np.float32).astype(float), 3.0),
        (rng().normal(size=N).cumsum() + 1000, 6.1),
        (rng().normal(size=N), 8.001),
    ],
    ids=[
        "constant",
        "runs",
        "flags",
        "integers",
        "prices",
        "jumps",
        "computed",
        "exceptions",
        "single",
        "walk",
        "noise",
    ],
)
def test_a_column_takes_the_room_that_its_information_needs(column, most):
    packed = pack_floats(column)
    assert unpack_floats(packed, N).tobytes() == column.tobytes()
    assert len(packed) / N <= most


def test_dates_take_little_room():
    day = 86_400_000
    business_days = np.cumsum(np.tile([1, 1, 1, 1, 3], 1000)) * day
    months = np.arange(2000).astype("datetime64[M]").astype("datetime64[ms]").view(np.int64)
    assert len(pack_integers(business_days)) < 0.14 * 5000
    assert len(pack_integers(months)) < 0.28 * 2000


@pytest.mark.parametrize(
    "column", [np.full(100, 2.5), prices()[:100], np.repeat([1.5, np.pi], 50), rng().normal(size=100), prices() * 1.1]
)
def test_a_blob_that_was_cut_or_is_too_long_is_refused(column):
    packed = pack_floats(column)
    for blob in (packed[:-1], packed + b"\0"):
        with pytest.raises(ValueError):  # noqa: PT011 - of numpy or ours
            unpack_floats(blob, len(column))
    with pytest.raises(ValueError, match="kind 9"):
        unpack_floats(b"\x09", 1)


WRITTEN = {
    "00182d4454fb210940": [math.pi],
    "0301130000000000000001000000010000000000000000010000000000000001c8000200000000000000000100000000000000010000000000"
    "000000": [0.1 * n for n in range(8)],
    "05020000001a000000020700000000000000020000000000000001000000000000000000000000000000f83f0000000000000440": [
        *[1.5] * 7,
        *[2.5] * 9,
    ],
}


@pytest.mark.parametrize(("blob", "numbers"), WRITTEN.items())
def test_what_older_versions_wrote_is_read(blob, numbers):
    assert unpack_floats(bytes.fromhex(blob), len(numbers)).tolist() == numbers


def test_where_bits_go_stays_the_same():
    assert zlib.crc32(repr([_slots(bits) for bits in range(1, 63)]).encode()) == 1371554177

"""Columns of numbers in few bytes, and back to the same bits. Pure, numpy only.

The first byte says how a column is packed:

raw
    the numbers as they are, 8 bytes each.
offsets
    integers as the smallest one, and how far the others are from it, in as many bits as the farthest needs; without a
    factor that all have in common.
steps
    integers as the first one, and the steps from each to the next as offsets.
decimals
    floats that are numbers with few decimals, such as prices, as integers; and how many floats lie between each and the
    quotient, which is 0 unless it was calculated. A few others among them are kept apart.
bits
    floats as the integers of the same bits, without the zeros at the end that single precision leaves.
runs
    floats that are repeated: each once, and how often.

The bits of many numbers share integers, in slices: of 6000 offsets of 10 bits, the first 1000 are the lowest bits of
1000 integers of 64 bits, the next 1000 are the 10 bits above, and so on. numpy shifts a slice at a time.
"""

from __future__ import annotations

import math
import struct
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

_RAW, _OFFSETS, _STEPS, _DECIMALS, _BITS, _RUNS = range(6)
_MOST_DECIMALS = 12
#: up to this size, floats represent every integer exactly
_EXACT = 2.0**53
#: how many numbers are tried before all of them
_SAMPLE = 24
#: by how many representable floats a calculated number may differ from the decimal next to it
_NEAR = 8
#: one in so many floats may be something other than a decimal
_EXCEPTION = 32
#: the average length from which runs of equal numbers are stored as runs
_LONG = 6


def pack_integers(numbers: Int64) -> bytes:
    """Pack integers.

    Examples
    --------
    >>> business_days = np.cumsum([1, 1, 1, 1, 3] * 100) * 86_400_000
    >>> len(pack_integers(business_days))
    89
    """
    if len(numbers) < 2:
        return bytes([_RAW]) + numbers.tobytes()
    offsets = _spread(numbers)
    if offsets.bits > 62:
        return bytes([_RAW]) + numbers.tobytes()
    steps = np.diff(numbers)
    of_steps = _spread(steps)
    if of_steps.bits < offsets.bits:
        return struct.pack("<Bq", _STEPS, int(numbers[0])) + _pack_offsets(steps, of_steps)
    return bytes([_OFFSETS]) + _pack_offsets(numbers, offsets)


def unpack_integers(blob: bytes | memoryview, count: int) -> Int64:
    """The `count` integers that `pack_integers` has packed.

    Raises
    ------
    ValueError
        It has not.
    """
    kind, rest = blob[0], memoryview(blob)[1:]
    if kind == _RAW:
        return exactly(rest, "<i8", count)
    if kind == _OFFSETS:
        return _unpack_offsets(rest, count)
    if kind != _STEPS:
        raise ValueError(f"packed integers cannot be of kind {kind}")
    numbers = np.empty(count, np.int64)
    numbers[:1] = struct.unpack_from("<q", rest)
    numbers[1:] = _unpack_offsets(rest[8:], count - 1)
    return np.cumsum(numbers, out=numbers)


def pack_floats(numbers: Float64) -> bytes:
    """Pack floats.

    Examples
    --------
    >>> prices = (100 + np.random.default_rng(1).normal(0, 1, 1000).cumsum()).round(2)
    >>> len(pack_floats(prices)), len(pack_floats(np.full(1000, 3.14)))
    (1290, 33)
    """
    numbers = np.ascontiguousarray(numbers, np.float64)
    bits = numbers.view(np.int64)
    ends = np.flatnonzero(bits[1:] != bits[:-1])
    if 0 < len(ends) <= len(numbers) // _LONG:
        ends = np.append(ends, len(numbers) - 1)
        lengths = pack_integers(np.diff(ends, prepend=-1))
        return struct.pack("<BII", _RUNS, len(ends), len(lengths)) + lengths + pack_floats(numbers[ends])
    found = _decimals(numbers)
    packed = None if found is None else _pack_decimals(numbers, found)
    if packed is not None and len(packed) <= 5 * len(numbers):
        return packed
    used = int(np.bitwise_or.reduce(bits)) if len(bits) else 0
    zeros = max((used & -used).bit_length() - 1, 0)
    ways = [bytes([_RAW]) + numbers.tobytes(), struct.pack("<BB", _BITS, zeros) + pack_integers(bits >> zeros)]
    return min(ways if packed is None else [packed, *ways], key=len)


def unpack_floats(blob: bytes | memoryview, count: int) -> Float64:
    """The `count` floats that `pack_floats` has packed.

    Raises
    ------
    ValueError
        It has not.
    """
    kind, rest = blob[0], memoryview(blob)[1:]
    try:
        if kind == _RAW:
            return exactly(rest, "<f8", count)
        if kind == _RUNS:
            runs, size = struct.unpack_from("<II", rest)
            lengths = unpack_integers(rest[8 : 8 + size], runs)
            return np.repeat(unpack_floats(rest[8 + size :], runs), lengths)
        if kind == _BITS:
            return (unpack_integers(rest[1:], count) << rest[0]).view(np.float64)
        if kind == _DECIMALS:
            return _unpack_decimals(rest, count)
    except (IndexError, struct.error) as error:
        raise ValueError(f"packed floats are damaged: {error}") from error
    raise ValueError(f"packed floats cannot be of kind {kind}")


def exactly(blob: bytes | memoryview, kind: str, count: int) -> npt.NDArray:  # type: ignore[type-arg]
    """The numbers as they are.

    Raises
    ------
    ValueError
        There are more or less than `count`.
    """
    if len(blob) != 8 * count:
        raise ValueError(f"{count} numbers take {8 * count} bytes, got {len(blob)}")
    return np.frombuffer(blob, kind)


# --- decimals -------------------------------------------------------------------------------------------------------


class _Decimals(NamedTuple):
    decimals: int
    integers: Int64
    #: how many floats there are between each quotient and the number
    corrections: Int64
    #: the positions of the numbers that are no decimals
    exceptions: Int64


def _decimals(numbers: Float64) -> _Decimals | None:
    """The numbers as integers, divided by a power of ten; None if too many are no decimals, or too long."""
    sample = numbers[:: max(1, len(numbers) // _SAMPLE)]
    with np.errstate(over="ignore", invalid="ignore"):
        for decimals in range(_MOST_DECIMALS + 1):
            if np.count_nonzero(_scaled(sample, decimals)[2]) < 0.9 * len(sample):
                continue
            scaled, corrections, right = _scaled(numbers, decimals)
            exceptions = np.flatnonzero(~right)
            if len(exceptions) <= len(numbers) // _EXCEPTION:
                if len(exceptions):
                    # so that they take no more bits than the others
                    scaled[exceptions] = scaled[int(np.argmax(right))]
                    corrections[exceptions] = 0
                return _Decimals(decimals, scaled.astype(np.int64), corrections, exceptions)
    return None


def _scaled(numbers: Float64, decimals: int) -> tuple[Float64, Int64, npt.NDArray[np.bool_]]:
    """The numbers as integers, the corrections of the quotients, and which are close enough."""
    power = 10.0**decimals
    scaled = np.rint(numbers * power) + 0.0  # no -0.0, which integers do not have
    corrections = numbers.view(np.int64) - (scaled / power).view(np.int64)
    return scaled, corrections, (np.abs(scaled) < _EXACT) & (corrections <= _NEAR) & (corrections >= -_NEAR)


def _pack_decimals(numbers: Float64, found: _Decimals) -> bytes:
    corrections = pack_integers(found.corrections) if found.corrections.any() else b""
    positions = pack_integers(found.exceptions)
    head = struct.pack("<BBIII", _DECIMALS, found.decimals, len(corrections), len(found.exceptions), len(positions))
    exceptions = numbers[found.exceptions].tobytes()
    return b"".join((head, corrections, positions, exceptions, pack_integers(found.integers)))


def _unpack_decimals(blob: memoryview, count: int) -> Float64:
    decimals, corrections, exceptions, positions = struct.unpack_from("<BIII", blob)
    positions_at = 13 + corrections
    values_at = positions_at + positions
    integers_at = values_at + 8 * exceptions
    numbers = unpack_integers(blob[integers_at:], count).astype(np.float64)
    if decimals:
        numbers /= 10.0**decimals
    if corrections:
        numbers.view(np.int64)[:] += unpack_integers(blob[13:positions_at], count)
    if exceptions:
        where = unpack_integers(blob[positions_at:values_at], exceptions)
        numbers[where] = np.frombuffer(blob[values_at:integers_at], "<f8")
    return numbers


# --- integers -------------------------------------------------------------------------------------------------------


class _Spread(NamedTuple):
    """Numbers are ``low + factor * offset``, where offsets have some bits."""

    low: int
    factor: int
    bits: int


def _spread(numbers: Int64) -> _Spread:
    low, high = int(numbers.min()), int(numbers.max())
    bits = (high - low).bit_length()
    if not 0 < bits < 63:
        return _Spread(low, 1, bits)
    factor = math.gcd(*(one - low for one in numbers[:_SAMPLE].tolist()), high - low)
    if factor > 1 and ((numbers - low) % factor).any():
        factor = 1
    return _Spread(low, factor, ((high - low) // factor).bit_length())


def _pack_offsets(numbers: Int64, spread: _Spread) -> bytes:
    offsets = numbers - spread.low
    if spread.factor > 1:
        offsets //= spread.factor
    parts = [struct.pack("<qqB", *spread)]
    for size, bits in _slots(spread.bits):
        slices = 8 * size // bits
        each = -(-len(offsets) // slices)
        part = np.zeros((slices, each), f"<u{size}")
        part.reshape(-1)[: len(offsets)] = offsets & ((1 << bits) - 1)
        packed = part[0]
        for at in range(1, slices):
            packed |= part[at] << np.array(at * bits, part.dtype)
        parts.append(packed.tobytes())
        offsets >>= bits
    return b"".join(parts)


def _unpack_offsets(blob: memoryview, count: int) -> Int64:
    low, factor, all_bits = struct.unpack_from("<qqB", blob)
    numbers = np.zeros(count, np.int64)
    start, shift = 17, 0
    for size, bits in _slots(all_bits):
        slices = 8 * size // bits
        each = -(-count // slices)
        packed = np.frombuffer(blob, f"<u{size}", each, start)
        part = np.empty((slices, each), packed.dtype)
        for at in range(slices):
            np.right_shift(packed, np.array(at * bits, part.dtype), out=part[at])
        if bits < 8 * size:
            part &= np.array((1 << bits) - 1, part.dtype)
        flat = part.reshape(-1)[:count]
        if shift:
            numbers |= flat.astype(np.int64) << shift
        else:
            numbers[:] = flat
        start += packed.nbytes
        shift += bits
    if start != len(blob):
        raise ValueError(f"packed integers take {start} bytes, got {len(blob)}")
    if factor > 1:
        numbers *= factor
    numbers += low
    return numbers


@cache
def _slots(bits: int) -> tuple[tuple[int, int], ...]:
    """Where the bits of a number go, lowest first: the size of the integers that hold them (bytes), and how many.

    The format depends on it: what it returns must never change.

    Examples
    --------
    >>> _slots(8), _slots(10), _slots(11)
    (((1, 8),), ((1, 8), (1, 2)), ((1, 8), (2, 3)))
    """
    if not bits:
        return ()
    if bits > 62:
        raise ValueError(f"packed integers cannot have {bits} bits")
    found: list[tuple[float, tuple[tuple[int, int], ...]]] = []
    for low in (0, 8, 16, 32):
        rest = bits - low
        if low and rest == 0:
            found.append((float(low), ((low // 8, low),)))
        for size in (1, 2, 4, 8):
            slices = 8 * size // rest if rest > 0 else 0
            if slices:
                # many slices take longer
                cost = low + 8 * size / slices + 0.02 * slices
                found.append((cost, (*([(low // 8, low)] if low else []), (size, rest))))
    return min(found)[1]

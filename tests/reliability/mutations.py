"""Documents with random damage: each decodes or raises `ShoojuFormatError`, in memory in proportion to its size."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from pandas_shooju import formats
from pandas_shooju.formats import PointColumns

#: memory that decoding may take: so many times the size of the document, and so many bytes more
TIMES, BYTES = {"sjts": 10, "json": 100, "msgpack": 100}, 16 << 20
#: documents that one process mutates before another process may take over
BLOCK = 2000

_WORDS = [b"\xff" * 8, b"\0" * 8, struct.pack("<q", 2**62), struct.pack("<i", -1), b"[" * 40, b"\x91" * 40, b"1e999",
          b"NaN", b"null", b"{}", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b'"series"', b"\xc1"]  # fmt: skip


def documents(chance: random.Random) -> list[tuple[str, bytes]]:
    """The same small document in each format, with or without jobs, fields and reports of failure."""
    with_jobs = chance.random() < 0.3

    def points(count: int) -> PointColumns:
        dates = np.arange(count) * chance.choice([1000, 3_600_000, 86_400_000]) + chance.randrange(10**12)
        jobs = np.full(count, chance.randrange(2**31)) if with_jobs else None
        return PointColumns(dates, np.array([chance.choice([0.0, 1.5, 1e300]) for _ in range(count)]), jobs)

    series = [
        {
            "series_id": rf"users\sam\{number}",
            "fields": {"unit": "t", "n": number},
            "points": points(chance.choice([0, 1, 3, 9])),
        }
        for number in range(chance.randint(1, 4))
    ]
    root = {"success": True, "total": len(series), **({"included_job": True} if with_jobs else {}), "series": series}
    return [(name, formats.encode(root, name)) for name in formats.NAMES]


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Change, insert, remove or repeat one to four pieces of a document."""
    mutated = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        at = chance.randrange(len(mutated) + 1)
        kind = chance.randrange(6)
        if kind == 0:
            mutated[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            word = chance.choice(_WORDS)
            mutated[at : at + len(word)] = word
        elif kind == 2:
            mutated[at:at] = chance.choice(_WORDS)
        elif kind == 3:
            del mutated[at : at + chance.randint(1, 16)]
        elif kind == 4:
            mutated[at:at] = mutated[chance.randrange(at + 1) : at]
        elif mutated:
            mutated[at % len(mutated)] ^= 1 << chance.randrange(8)
    return bytes(mutated)


def check(count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Decode this many mutated documents; how they ended, and what must not have happened."""
    chance = random.Random(seed)
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    given: list[tuple[str, bytes]] = []
    tracemalloc.start()
    try:
        for number in range(count):
            if number % 60 == 0:
                given = documents(chance)
            name, content = given[number % len(given)]
            content = mutate(content, chance)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                document = formats.decode(content, name)
                document.plain()
                _ = document.series
                end = "decoded"
            except formats.ShoojuFormatError:
                end = "refused"
            except Exception as error:
                end = "foreign"
                wrong.append(f"{name}, seed {seed}: {type(error).__name__}: {error}; {content!r}")
            taken = tracemalloc.get_traced_memory()[1] - before
            if taken > TIMES[name] * len(content) + BYTES:
                ends["too large"] += 1
                wrong.append(f"{name}, seed {seed}: {taken} bytes of memory for {len(content)}; {content!r}")
            ends[end] += 1
            ends["most memory"] = max(ends["most memory"], taken)
    finally:
        tracemalloc.stop()
    return ends, wrong


def run(count: int, seed: int = 0, report: Callable[[str], None] = print, processes: int | None = None) -> Counter[str]:
    """Decode this many mutated documents in several processes."""
    ends: Counter[str] = Counter()
    blocks = [min(BLOCK, count - start) for start in range(0, count, BLOCK)]
    seeds = range(seed * 1_000_000, seed * 1_000_000 + len(blocks))
    with ProcessPoolExecutor(processes or os.cpu_count()) as executor:
        for part, wrong in executor.map(check, blocks, seeds):
            most = max(ends.pop("most memory", 0), part.pop("most memory", 0))
            ends += part
            ends["most memory"] = most
            for one in wrong:
                report(one)
    return ends

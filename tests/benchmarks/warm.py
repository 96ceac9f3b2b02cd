"""Memory kept at hand between runs, and given free when a run's clock starts.

A virtual machine may give memory that has lain free for a while back to its host (free page reporting: after some 2 s
here), and who touches it next waits for the host to find it again: filling 320 MB took 0.65 s instead of 0.04 s. That
depends on what ran before and how long ago, and not on the program measured. So a process of its own holds memory
while the next run gets ready, and lets go of it right before that run's clock starts, for every side alike: the memory
is the machine's, free, and the measured process still has to ask the kernel for each page of it; its own size and peak
stay what they are. A run of several seconds may still lose some of it underway.

The memory is held in huge pages, because the blocks that go to the host are such: small ones come from elsewhere.
Less than 1 GiB of them, since a kernel may begin to give memory back at once when more than that lies free, while the
clock runs.
"""

from __future__ import annotations

import mmap
import subprocess
import sys
import time
from contextlib import suppress
from types import TracebackType

#: seconds for a MiB: memory at hand takes a third of it, memory that the host has to find five times as much
QUICK = 0.0004
ROUNDS = 3


def touched(size: int) -> mmap.mmap:
    """So many bytes, each page touched, after as many rounds as it takes until that goes quickly."""
    for _ in range(ROUNDS):
        memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):  # a kernel without: then by small ones
            memory.madvise(mmap.MADV_HUGEPAGE)
        began = time.perf_counter()
        memory[:: mmap.PAGESIZE] = bytes(size // mmap.PAGESIZE)
        if time.perf_counter() - began < QUICK * (size >> 20):
            break
    return memory


class Keeper:
    """The process that holds so many MiB between :meth:`take` and :meth:`give`; with 0 it does nothing."""

    def __init__(self, mib: int) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.warm", str(mib)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()

    def take(self) -> None:
        """Begin to hold; does not wait for it."""
        self._say("take")

    def give(self) -> None:
        """Once all is held, let go of it."""
        self._say("give")
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "given\n":
            raise SystemExit("the process that keeps memory at hand has ended; try a smaller --warm")

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")


def main() -> None:
    """Do as the lines of the standard input say, until it ends."""
    size = int(sys.argv[1]) << 20
    memory: mmap.mmap | None = None
    for word in map(str.strip, sys.stdin):
        if word == "take" and size and memory is None:
            memory = touched(size)
        elif word == "give":
            if memory is not None:
                memory.close()
                memory = None
            print("given", flush=True)


if __name__ == "__main__":
    main()

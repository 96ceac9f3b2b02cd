"""Forks: what a forked child finds in place of its parent's locks and open files.

A fork copies only the thread that forks. A lock held by another thread would stay locked in the child for ever, and
SQLite's notes about its open files, which it keeps in the memory of the process, would describe the parent. Therefore
neither passes a fork: locks are replaced in the child, and `Forkable` objects put their handles away before the fork.

Processes that are started in other ways (`subprocess`, and `multiprocessing` with ``spawn``) inherit nothing. Windows
has no forks at all.
"""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Protocol


class Forkable(Protocol):
    """Something that has to prepare for a fork."""

    def before_fork(self) -> None:
        """Put away what must not be copied."""

    def after_fork(self) -> None:
        """Go on, in the parent."""

    def in_child(self) -> None:
        """Begin anew, in the child."""


class Lock:
    """A lock that is unlocked in a forked child; a context manager.

    Examples
    --------
    >>> with Lock():
    ...     print("alone")
    alone
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Replace the lock, in a child."""
        self._lock = threading.Lock()


def register(one: Forkable) -> None:
    """Let an object know of forks, for as long as it exists."""
    _forkable.add(one)


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()
_forkable: weakref.WeakSet[Forkable] = weakref.WeakSet()
#: the objects that have been told of the fork in progress, for the thread that forks
_told = threading.local()


def _before() -> None:
    _told.those = list(_forkable)
    for one in _told.those:
        one.before_fork()


def _in_parent() -> None:
    for one in _told.those:
        one.after_fork()
    _told.those = []


def _in_child() -> None:
    for lock in list(_locks):
        lock.renew()
    # without `before`, where a program written in C has forked: everything is new to the child all the same
    for one in list(_forkable):
        one.in_child()
    _told.those = []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)

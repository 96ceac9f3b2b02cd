"""How much memory the bodies of all calls together may take."""

from __future__ import annotations

import threading

from pandas_shooju.local import forks
from pandas_shooju.local.errors import HttpError

#: the most memory for the body of a call, and for those of all calls together (bytes)
LARGEST_BODY, ALL_BODIES = 4 << 30, 2 << 30
#: smaller bodies are not counted (bytes)
_SMALL = 1 << 20
#: how long a call waits for others (seconds)
PATIENCE = 60.0


class Budget:
    """Memory that calls take and give back."""

    def __init__(self, whole: int = ALL_BODIES) -> None:
        self._whole = self._free = whole
        self._state = threading.Condition()
        forks.register(self)

    def take(self, amount: int) -> int:
        """Take memory, waiting for other calls, and return what must be given back.

        Raises
        ------
        HttpError
            413 if no call may take as much, 503 if other calls do not give back enough in time.
        """
        if amount > LARGEST_BODY:
            raise HttpError(413, "too_large", f"the body would take about {amount >> 20} MiB: send it in several calls")
        if amount < _SMALL:
            return 0
        amount = min(amount, self._whole)
        with self._state:
            if not self._state.wait_for(lambda: self._free >= amount, PATIENCE):
                raise HttpError(503, "busy", "other calls with large bodies are in progress: try again")
            self._free -= amount
        return amount

    def give_back(self, amount: int) -> None:
        """Give back what `take` has returned."""
        if amount:
            with self._state:
                self._free += amount
                self._state.notify_all()

    def before_fork(self) -> None:
        """Nothing: the calls of the parent go on."""

    def after_fork(self) -> None:
        """Nothing, either."""

    def in_child(self) -> None:
        """None of the calls goes on in the child."""
        self._state = threading.Condition()
        self._free = self._whole

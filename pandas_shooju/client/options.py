"""The options that apply to all connections of a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pandas_shooju.client.points import Serializer, shooju_point


@dataclass(eq=False)
class Options:
    """Options that apply to all connections of this process.

    Attributes
    ----------
    point_serializer : callable
        The default of the argument `serializer`: a function of `points_serializers`, or your own.
    return_series_errors : bool
        Return ``{"error": ..., "description": ...}`` in place of a series that failed, instead of raising.
    disable_sjts, disable_msgpack : bool
        Do not use that format. Without SJTS, series are sent as msgpack; without both, everything is sent as JSON.

    Examples
    --------
    >>> from pandas_shooju.client import points as points_serializers
    >>> Options().point_serializer is points_serializers.shooju_point
    True
    """

    disable_sjts: bool = False
    disable_msgpack: bool = False
    point_serializer: Serializer = shooju_point
    return_series_errors: bool = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "point_serializer" and not callable(value):
            raise TypeError(f"point_serializer must be a function, got {value!r}")
        super().__setattr__(name, value)

    @property
    def plain_format(self) -> str:
        """The format of everything but series."""
        return "json" if self.disable_msgpack else "msgpack"

    @property
    def series_format(self) -> str:
        """The format of series, in both directions."""
        return self.plain_format if self.disable_sjts else "sjts"


options = Options()

"""The options that apply to all connections of a process."""

from __future__ import annotations

from pandas_shooju.client.points import Serializer, shooju_point


class Options:
    """Options that apply to all connections of this process.

    Attributes
    ----------
    point_serializer : callable
        What makes the points of a series, unless a call says otherwise; one of `points_serializers`, or your own.
    return_series_errors : bool
        Return a series that failed as ``{"error": ..., "description": ...}`` in its place, instead of raising.
    disable_sjts, disable_msgpack : bool
        Do not use that format. Without SJTS, series travel as msgpack; without both, everything travels as JSON.

    Examples
    --------
    >>> from pandas_shooju.client import points as points_serializers
    >>> Options().point_serializer is points_serializers.shooju_point
    True
    """

    def __init__(self) -> None:
        self.return_series_errors = False
        self.disable_sjts = False
        self.disable_msgpack = False
        self._point_serializer: Serializer = shooju_point

    @property
    def point_serializer(self) -> Serializer:  # noqa: D102
        return self._point_serializer

    @point_serializer.setter
    def point_serializer(self, serializer: Serializer) -> None:
        if not callable(serializer):
            raise TypeError(f"point_serializer must be a function, got {serializer!r}")
        self._point_serializer = serializer

    @property
    def plain_format(self) -> str:
        """The format of everything but series."""
        return "json" if self.disable_msgpack else "msgpack"

    @property
    def series_format(self) -> str:
        """The format of series, in both directions."""
        return self.plain_format if self.disable_sjts else "sjts"

    def __repr__(self) -> str:
        names = ("return_series_errors", "disable_sjts", "disable_msgpack")
        serializer = getattr(self.point_serializer, "__name__", self.point_serializer)
        return f"Options({serializer}, {', '.join(f'{name}={getattr(self, name)}' for name in names)})"


options = Options()

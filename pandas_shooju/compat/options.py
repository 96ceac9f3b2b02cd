"""The options of a process, with the formats as objects."""

from __future__ import annotations

from typing import Any

from pandas_shooju.client import options as core
from pandas_shooju.client.points import Serializer, shooju_point
from pandas_shooju.compat.common import json_serializer, msgpack, sjts

_SERIALIZERS: dict[str, Any] = {"json": json_serializer, "msgpack": msgpack, "sjts": sjts}


def _option(name: str) -> Any:
    """A property that is an attribute of the options behind it."""

    def get(self: Options) -> Any:
        return getattr(self._options, name)

    def change(self: Options, value: Any) -> None:
        setattr(self._options, name, value)

    return property(get, change)


class Options:
    """Options of a process; the ones that count are `options`, the same as ``pandas_shooju.options``.

    Attributes
    ----------
    point_serializer, return_series_errors, disable_sjts, disable_msgpack
        As in ``pandas_shooju.options``.
    default_serializer, series_serializer
        The formats that those choose, for everything but series and for series.

    Examples
    --------
    >>> Options(disable_sjts=True).series_serializer
    <serializer msgpack>
    """

    point_serializer = _option("point_serializer")
    return_series_errors = _option("return_series_errors")
    disable_sjts = _option("disable_sjts")
    disable_msgpack = _option("disable_msgpack")

    def __init__(
        self,
        disable_sjts: bool = False,
        disable_msgpack: bool = False,
        points_serializer: Serializer = shooju_point,
        return_series_errors: bool = False,
    ) -> None:
        self._options = core.Options()
        self.disable_sjts = disable_sjts
        self.disable_msgpack = disable_msgpack
        self.point_serializer = points_serializer
        self.return_series_errors = return_series_errors

    @property
    def default_serializer(self) -> Any:  # noqa: D102
        return _SERIALIZERS[self._options.plain_format]

    @property
    def series_serializer(self) -> Any:  # noqa: D102
        return _SERIALIZERS[self._options.series_format]


options = Options()
options._options = core.options

"""`ScrollIterable`: the series that a search finds, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pandas_shooju.client.points import Serializer, serialize_series
from pandas_shooju.client.reads import check_items

__all__ = ["ScrollIterable"]


class ScrollIterable:
    """The series of a search; made by :meth:`Connection.scroll`.

    The first page is read at once, the others as the iteration reaches them.

    Attributes
    ----------
    raw_response : dict
        The page that the iteration is at, as the server answered it; its ``total`` says how many series there are.
        Points not yet reached by the iteration are `PointColumns`.
    """

    def __init__(self, pages: Iterator[dict[str, Any]], serializer: Serializer) -> None:
        self.raw_response = next(pages)
        self._series = self._iterate(pages, serializer)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._series

    def _iterate(self, pages: Iterator[dict[str, Any]], serializer: Serializer) -> Iterator[dict[str, Any]]:
        while True:
            for series in check_items(self.raw_response["series"]):
                if series is not None:
                    series.setdefault("fields", {})
                    yield serialize_series(series, serializer, self.raw_response)
            page = next(pages, None)
            if page is None:
                return
            self.raw_response = page

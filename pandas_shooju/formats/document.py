"""`Document`: the result of `decode`, for every format.

A document is the object in a request or a response. Its series come in two forms, each of which is made when it is
first used: `series`, a table of columns, from which frames are made; and `items`, a dict per series. If the format can
give both, neither is derived from the other.
"""

from __future__ import annotations

from typing import Any, Protocol

from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.formats.columns import PointColumns
from pandas_shooju.formats.table import SeriesTable, values_of


class Texts(Protocol):
    """The series of a document whose JSON has not been parsed yet."""

    @property
    def points(self) -> PointColumns:
        """The points of all series, one after the other."""

    def __len__(self) -> int: ...

    def items(self) -> list[Any]:
        """Parse each series into a dict."""

    def table(self) -> SeriesTable | None:
        """Parse all series into columns at once; None if that requires the dicts."""


class Document:
    """A decoded document.

    Parameters
    ----------
    root
        The object without its list ``"series"``; any JSON value if the document is not an object.
    items
        The elements of ``"series"``; None for a document without that list.
    texts
        The elements of ``"series"`` if they are not parsed yet.

    Examples
    --------
    >>> document = Document({"total": 2}, [{"series_id": "a"}, {"error": "series_not_found"}])
    >>> document.root["total"], len(document.series), document.failed
    (2, 1, {1: {'error': 'series_not_found'}})
    >>> document.plain()["series"][0]
    {'series_id': 'a'}
    """

    __slots__ = ("_failed", "_items", "_table", "_texts", "root")

    def __init__(self, root: Any, items: list[Any] | None = None, texts: Texts | None = None) -> None:
        self.root = root
        self._items = items
        self._texts = texts
        self._table: SeriesTable | None = None
        self._failed: dict[int, dict[str, Any]] = {}

    @classmethod
    def of(cls, data: Any) -> Document:
        """The document that JSON-like data represents, with points as `PointColumns`."""
        if not isinstance(data, dict) or not isinstance(data.get("series"), list):
            return cls(data)
        return cls({name: value for name, value in data.items() if name != "series"}, data["series"])

    @property
    def has_series(self) -> bool:
        """Whether the document has a list of series."""
        return self._items is not None or self._texts is not None

    @property
    def count(self) -> int:
        """The length of the list of series, those that failed included."""
        if self._items is not None:
            return len(self._items)
        return 0 if self._texts is None else len(self._texts)

    @property
    def series(self) -> SeriesTable:
        """The series that did not fail, in order, as columns.

        Raises
        ------
        ShoojuFormatError
            An item is neither a series nor the error of one.
        """
        if self._table is None and self._texts is not None and self._items is None:
            self._table = self._texts.table()
        if self._table is None:
            items = self.items()
            for item in items:
                if not isinstance(item, dict):
                    raise ShoojuFormatError(f"an item of 'series' must be an object, got {str(item)[:100]!r}")
            self._failed = {at: item for at, item in enumerate(items) if item.get("error")}
            whole = None if self._failed or self._texts is None else self._texts.points
            self._table = SeriesTable.of([item for item in items if not item.get("error")], whole)
        return self._table

    @property
    def failed(self) -> dict[int, dict[str, Any]]:
        """The items that are errors instead of series, by their position in the list."""
        _ = self.series
        return self._failed

    def items(self) -> list[Any]:
        """The elements of the list ``"series"``, with points as `PointColumns`; the same list every time.

        Raises
        ------
        ShoojuFormatError
            The text of a series is not JSON.
        """
        if self._items is None and self._texts is not None:
            self._items = self._texts.items()
        return self._items or []

    def ids(self) -> list[Any]:
        """The ``series_id`` of each item, None for one that failed; from the form that already exists."""
        if self._table is None:
            return [None if item.get("error") else item.get("series_id") for item in self.items()]
        ids = iter(values_of(self._table.series_ids))
        return [None if at in self._failed else next(ids) for at in range(self.count)]

    def first_id(self) -> Any:
        """The ``series_id`` of the first item that did not fail; None if there is none."""
        if self._table is None:
            return next((one for one in self.ids() if one is not None), None)
        return next(iter(values_of(self._table.series_ids[:1])), None)

    def first(self, count: int) -> Document:
        """The document with only the first `count` of its series."""
        return self if count >= self.count else Document(self.root, texts=_First(self, count))

    def plain(self) -> Any:
        """The whole document as JSON-like data, with `items` under ``"series"``."""
        return {**self.root, "series": self.items()} if self.has_series else self.root

    def __repr__(self) -> str:
        return f"Document({self.root!r}, {self.count} series)"


class _First:
    """The first series of another document."""

    def __init__(self, whole: Document, count: int) -> None:
        self._whole = whole
        self._count = count

    def __len__(self) -> int:
        return self._count

    @property
    def points(self) -> PointColumns:
        return self._whole.series[: self._count].points

    def items(self) -> list[Any]:
        return self._whole.items()[: self._count]

    def table(self) -> SeriesTable | None:
        return None if self._whole.failed else self._whole.series[: self._count]

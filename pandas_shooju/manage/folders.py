r"""Folders of series ids, ``users\sam\gdp``, and how they are shown in text and HTML. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable

from pandas_shooju.query import id_key

__all__ = ["Folder"]

#: the most entries of a folder that are shown
_SHOWN = 50


class Folder:
    r"""A part of the tree of series ids: a folder, a series, or both; made by :meth:`Catalog.tree`.

    It is shown as a tree, in HTML where there is a notebook, with the first 50 entries of each folder.

    Attributes
    ----------
    name : str
        The last part of the path.
    path : str
        The whole path; empty for the root.
    count : int
        The number of series below the path, and with that id.
    is_series : bool
        Whether there is a series with that id.
    children : tuple of Folder
        What is directly below, in alphabetical order; empty at the greatest depth.

    Examples
    --------
    >>> Folder.of([r"gdp\cn", r"gdp\us\real", r"gdp\us\nominal", "oil"], "", depth=2)
    (all series)  4
    ├── gdp  3
    │   ├── cn
    │   └── us  2
    └── oil
    """

    __slots__ = ("_below", "count", "is_series", "name", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = path.rpartition("\\")[2]
        self.count = 0
        self.is_series = False
        self._below: dict[str, Folder] = {}

    @classmethod
    def of(cls, series_ids: Iterable[str], path: str, depth: int | None) -> Folder:
        """The tree of these series, which are below a path or have that id.

        Names are compared without regard to case, and shown in the spelling that comes first.
        """
        root = cls(path)
        start = len(path.split("\\")) if path else 0
        for series_id in series_ids:
            parts = series_id.split("\\", -1 if depth is None else start + depth)[start:]
            beyond = depth is not None and len(parts) > depth
            root.count += 1
            node = root
            for part in parts[:-1] if beyond else parts:
                key = id_key(part)
                child = node._below.get(key)
                if child is None:
                    child = node._below[key] = cls(f"{node.path}\\{part}" if node.path else part)
                child.count += 1
                node = child
            if not beyond:
                node.is_series = True
        return root

    @classmethod
    def of_counts(cls, counts: Iterable[tuple[str, int, bool]], path: str) -> Folder:
        """The tree of folders that are counted already: path, number, and whether it is a series; the root first."""
        (_, count, is_series), *below = counts
        root = cls(path)
        root.count, root.is_series = count, is_series
        start = len(path.split("\\")) if path else 0
        for full, count, is_series in below:
            *parents, last = full.split("\\")[start:]
            node = root
            for part in parents:
                node = node._below[id_key(part)]
            child = node._below[id_key(last)] = cls(f"{node.path}\\{last}" if node.path else last)
            child.count, child.is_series = count, is_series
        return root

    @property
    def children(self) -> tuple[Folder, ...]:
        """What is directly below, in alphabetical order."""
        return tuple(self._below[key] for key in sorted(self._below))

    def __repr__(self) -> str:
        lines = [f"{_printable(self.path) or '(all series)'}  {self._counted(always=True)}"]
        self._add_lines(lines, "")
        return "\n".join(lines)

    def _add_lines(self, lines: list[str], indent: str) -> None:
        children = self.children
        more = len(children) - _SHOWN
        for at, child in enumerate(children[:_SHOWN], 1):
            is_last = at == len(children)
            lines.append(f"{indent}{'└──' if is_last else '├──'} {_printable(child.name)}  {child._counted()}".rstrip())
            child._add_lines(lines, f"{indent}{'    ' if is_last else '│   '}")
        if more > 0:
            lines.append(f"{indent}└── ... and {more:,} more")

    def _repr_html_(self) -> str:
        parts: list[str] = []
        self._add_html(parts, is_root=True)
        return "".join(parts)

    def _add_html(self, parts: list[str], *, is_root: bool = False) -> None:
        name = html.escape((_printable(self.path) or "(all series)") if is_root else _printable(self.name))
        label = f"{name} <small>{self._counted(always=is_root)}</small>"
        children = self.children
        if not children:
            parts.append(f"<div>{label}</div>")
            return
        parts.append(f"<details{' open' if is_root else ''}><summary>{label}</summary>")
        parts.append('<div style="margin-left: 1.5em">')
        for child in children[:_SHOWN]:
            child._add_html(parts)
        if len(children) > _SHOWN:
            parts.append(f"<div>... and {len(children) - _SHOWN:,} more</div>")
        parts.append("</div></details>")

    def _counted(self, *, always: bool = False) -> str:
        """The number of series in a folder; nothing for a series that is none."""
        if self.is_series and self.count == 1 and not always:
            return ""
        return f"{self.count:,}{' (itself a series)' if self.is_series else ''}"


def _printable(text: str) -> str:
    """Text for a line of the tree."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)

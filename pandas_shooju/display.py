r"""How objects are shown, as HTML in notebooks and as text elsewhere. Pure.

Ids, fields and messages come from a server, so everything is escaped, and characters that could control a terminal are
replaced. The HTML has no colors of its own: it inherits those of the page, so that it suits light and dark themes.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

__all__ = [
    "Markup",
    "abbreviated",
    "card",
    "counted",
    "escaped",
    "link",
    "listed",
    "note",
    "printable",
    "table",
    "text",
]

#: the most rows of a table that are shown
ROWS = 10

_CARD = "border-left: 3px solid currentColor; padding: 0.1em 0 0.1em 0.8em; margin: 0.3em 0; line-height: 1.5"
# spans in lines, and not a list or table: themes of notebooks have rules for those, and GitHub drops the styles
_FACT = "display: flex; column-gap: 1em"
_NAME = "opacity: 0.7; flex: none"
_VALUE = "overflow-wrap: anywhere; min-width: 0"
_TABLE = "margin: 0.5em 0 0 0; border-collapse: collapse"
_CELL = "vertical-align: top; padding: 0.1em 0.8em 0.1em 0; overflow-wrap: anywhere"

#: (name, value) pairs; those whose value is None or empty are left out
Facts = Iterable[tuple[str, object]]


class Markup(str):
    """HTML that is safe to show as it is."""

    __slots__ = ()


def printable(value: object) -> str:
    r"""The value as a string on one line, in which characters that cannot be shown are replaced.

    Examples
    --------
    >>> printable("Oil\n\x1b[31m")
    'Oil��[31m'
    """
    string = str(value)
    if string.isprintable():
        return string
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in string)


def abbreviated(value: object, length: int = 100) -> str:
    """The value as a printable string of at most `length` characters.

    Examples
    --------
    >>> abbreviated("the quick brown fox", 10)
    'the qui...'
    """
    string = printable(value)
    return string if len(string) <= length else string[: length - 3] + "..."


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "point"), counted(51_000, "point"), counted(2, "series", "series")
    ('1 point', '51,000 points', '2 series')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(values: Sequence[object], shown: int = 5) -> str:
    """The first values, separated by commas, and how many more there are.

    Examples
    --------
    >>> listed(["CN", "US"]), listed(range(1000), 3)
    ('CN, US', '0, 1, 2, and 997 more')
    """
    first = ", ".join(abbreviated(value) for value in values[:shown])
    return first if len(values) <= shown else f"{first}, and {len(values) - shown:,} more"


def text(title: str, facts: Facts) -> str:
    """A title and facts in lines of text.

    Examples
    --------
    >>> print(text("2 series", [("unit", "MW"), ("time zone", "UTC"), ("error", "")]))
    2 series
      unit       MW
      time zone  UTC
    """
    rows = [(name, printable(value)) for name, value in _present(facts)]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join([printable(title), *(f"  {name:{width}}  {value}" for name, value in rows)])


def escaped(value: object) -> Markup:
    """The value as HTML; `Markup` is returned as it is.

    Examples
    --------
    >>> escaped("<script>")
    '&lt;script&gt;'
    """
    return value if isinstance(value, Markup) else Markup(html.escape(printable(value)))


def link(url: str, label: object) -> Markup:
    """A link; only the label if the URL is not one of the web.

    Examples
    --------
    >>> link("https://acme.shooju.com/#jobs/17", "job 17")
    '<a href="https://acme.shooju.com/#jobs/17" target="_blank" rel="noopener">job 17</a>'
    >>> link("javascript:alert(1)", "job 17")
    'job 17'
    """
    if not url.startswith(("https://", "http://")):
        return escaped(label)
    return Markup(f'<a href="{escaped(url)}" target="_blank" rel="noopener">{escaped(label)}</a>')


def note(value: object) -> Markup:
    """A remark, less prominent than the rest."""
    return Markup(f'<div style="opacity: 0.7; margin: 0.3em 0 0 0">{escaped(value)}</div>')


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], total: int | None = None) -> Markup:
    """A table of the first rows, out of `total`; None is an empty cell, and numbers are aligned to the right.

    Examples
    --------
    >>> table(["series"], [["<a>"]]).count("&lt;a&gt;")
    1
    """
    right = [any(isinstance(row[at], int) for row in rows[:ROWS]) for at in range(len(columns))]
    styles = [f"{_CELL}; text-align: {'right' if number else 'left'}" for number in right]
    names = "".join(
        f'<th style="{style}; font-weight: bold">{escaped(name)}</th>'
        for name, style in zip(columns, styles, strict=True)
    )
    lines = "".join(
        f"<tr>{''.join(_cell(value, style) for value, style in zip(row, styles, strict=True))}</tr>"
        for row in rows[:ROWS]
    )
    more = (len(rows) if total is None else total) - len(rows[:ROWS])
    return Markup(
        f'<table style="{_TABLE}"><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>'
        f"{note(f'and {more:,} more') if more > 0 else ''}"
    )


def card(title: object, facts: Facts, *below: Markup) -> str:
    """A title, facts, and what is shown below them, such as a table.

    Examples
    --------
    >>> shown = card("Connection", [("server", "local:<path>"), ("mirror", None)])
    >>> "local:&lt;path&gt;" in shown, "mirror" in shown
    (True, False)
    """
    present = _present(facts)
    width = 0.55 * max((len(name) for name, _ in present), default=0)
    rows = "".join(
        f'<div style="{_FACT}"><span style="{_NAME}; width: {width:.1f}em">{escaped(name)}</span> '
        f'<span style="{_VALUE}">{escaped(value)}</span></div>'
        for name, value in present
    )
    return f'<div style="{_CARD}"><div style="font-weight: bold">{escaped(title)}</div>{rows}{"".join(below)}</div>'


def _cell(value: object, style: str) -> str:
    shown = "" if value is None else f"{value:,}" if isinstance(value, int) else escaped(value)
    return f'<td style="{style}">{shown}</td>'


def _present(facts: Facts) -> list[tuple[str, object]]:
    return [(name, value) for name, value in facts if value is not None and value != ""]

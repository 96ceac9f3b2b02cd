"""A query as a tree of plain data. Texts are as written; what they match is decided in `search` and `jobs`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_special = re.compile(r"[\[?]")

#: the sid forms
EXACT, BELOW, TREE = "sid=", "sid:", "tree:"


@dataclass(frozen=True, slots=True)
class Text:
    """A value as it was written; literal if it was quoted."""

    text: str
    quoted: bool = False
    #: ``"quoted"*``: any text that begins like this
    prefix: bool = False

    @property
    def has_wildcard(self) -> bool:
        """Whether it matches more than one text."""
        return self.prefix or (not self.quoted and "*" in self.text)

    @property
    def literal_start(self) -> str:
        """The text before the first wildcard."""
        return self.text if self.quoted else self.text.partition("*")[0]

    @property
    def glob(self) -> str:
        """The pattern for SQLite's GLOB, where ``*`` alone is special."""
        escaped = _special.sub(r"[\g<0>]", self.text)
        return escaped.replace("*", "[*]") + "*" * self.prefix if self.quoted else escaped


@dataclass(frozen=True, slots=True)
class Everything:
    """No condition at all."""


@dataclass(frozen=True, slots=True)
class Sid:
    """Series by their ids; `form` is one of `EXACT`, `BELOW`, `TREE`."""

    form: str
    values: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """Series with one of these values in a field."""

    name: str
    values: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Meta:
    """Series with one of these meta data; the name is without ``meta.``."""

    name: str
    values: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """Series (or jobs) with a number or date on one side of a limit; `sign` is one of ``< <= > >=``."""

    #: of a field, or of meta data with the ``meta.`` before it
    name: str
    sign: str
    value: Text


@dataclass(frozen=True, slots=True)
class Has:
    """Series that have one of these fields."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """Series that one of these jobs wrote."""

    jobs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """Free text, over ids and field values."""

    value: Text


@dataclass(frozen=True, slots=True)
class And:
    """All of these."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not this."""

    part: Node


Node = Everything | Sid | Field | Meta | Compare | Has | Job | Word | And | Or | Not


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator after a query, as written: ``@lag:1y``."""

    name: str
    argument: str | None

    def __str__(self) -> str:
        return f"@{self.name}" if self.argument is None else f"@{self.name}:{self.argument}"


@dataclass(frozen=True, slots=True)
class Query:
    """A condition, and the operators applied to what it finds."""

    condition: Node
    operators: tuple[Operator, ...] = ()

    @property
    def single_id(self) -> str | None:
        r"""The series id, for a query that names exactly one: ``sid=users\sam\gdp``."""
        condition = self.condition
        if isinstance(condition, Sid) and condition.form == EXACT and len(condition.values) == 1:
            value = condition.values[0]
            return None if value.has_wildcard else value.text
        return None


def operators_text(operators: tuple[Operator, ...]) -> str:
    """Operators as they are appended to a series id."""
    return "".join(map(str, operators))

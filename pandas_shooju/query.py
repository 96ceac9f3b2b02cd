r"""Queries, built so that they mean what they say: ids, quoting, predicates, operators, expressions. Pure.

What is built prints as the query language, and is text: it goes wherever a query is asked for.

>>> found = field("country").isin(["US", "CN"]) & under(r"users\sam") & ~(field("unit") == "US$ bn")
>>> print(found.aggregate("M").localize("America/Chicago"))
country=("US","CN") AND sid:"users\sam" AND NOT unit="US$ bn"@A:M@localize:America/Chicago

Every value stands in double quotes, where ``*``, ``@``, parentheses and backslashes are plain characters; how quotes
and the backslashes before them are written is told at `quote`. Operators end a query: what has them is read, lagged,
averaged, or stands in an expression, and cannot be combined by ``&`` and ``|`` any more.

>>> a, b = series(r"users\sam\a"), series(r"users\sam\b")
>>> print(((values(a) + values(b)) / 1000).aggregate("y"))
=(({{sid="users\sam\a"}} + {{sid="users\sam\b"}}) / 1000)@A:y
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable
from typing import Any, Literal, Self

import numpy as np

from pandas_shooju.clocks import to_datetime, to_milli

__all__ = [
    "Expression",
    "Field",
    "Query",
    "field",
    "id_key",
    "multi_sum",
    "quote",
    "raw",
    "series",
    "sid",
    "text",
    "under",
    "values",
]

_Kind = Literal["atom", "and", "or", "any", "sum", "product", "operated"]
_BEFORE_QUOTE = re.compile(r'(\\+)(?="|$)')
_ESCAPED = re.compile(r'(\\+)("|$)')
#: names that stand without quotes; in quotes, a name is always that of a field
_FIELD_NAME = re.compile(r"\w[\w.-]*")
#: names that mean something else without quotes
_RESERVED = ("set", "not", "and", "or")
_PLAIN = re.compile(r"""[^\s()@"=:,|<>~^?!&{}\[\]'/+-][^\s()@"=:,|<>~^?&{}\[\]]*""")


def sid(*parts: str) -> str:
    r"""A series id from its parts.

    Examples
    --------
    >>> print(sid("users", "sam", "china", "gdp"))
    users\sam\china\gdp
    """
    for part in parts:
        if not isinstance(part, str):
            raise TypeError(f"the parts of a series id are text; got {part!r}")
    return "\\".join(parts)


def id_key(series_id: str) -> str:
    r"""The form in which series ids are compared: two ids name the same series if this is the same.

    Ids are compared without regard to case, as the embedded store does it: by `str.lower`, so that ``straße`` and
    ``strasse`` are different series.

    Examples
    --------
    >>> id_key(r"users\Sam\GDP") == id_key(r"users\sam\gdp")
    True
    """
    return series_id.lower()


def quote(text: str) -> str:
    r"""Text in double quotes, to stand in a query as it is.

    A quote is written ``\"``, and of the backslashes directly before a quote, or at the end, each is written twice; all
    other backslashes are themselves.

    Examples
    --------
    >>> print(quote(r'users\sam\5" pipe'))
    "users\sam\5\" pipe"
    """
    if not isinstance(text, str):
        raise TypeError(f"only text can be quoted; got {text!r}")
    return '"' + _BEFORE_QUOTE.sub(r"\1\1", text).replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    r"""What `quote` made text of, given what stands between the quotes.

    Examples
    --------
    >>> print(unquote(r'users\sam\5\" pipe'))
    users\sam\5" pipe
    """
    return _ESCAPED.sub(lambda found: "\\" * (len(found[1]) // 2) + found[2], text)


class _Operators(str):
    """What operators may follow. Text; `kind` says what it is made of."""

    __slots__ = ("kind",)
    kind: _Kind

    def __new__(cls, text: str, kind: _Kind = "atom") -> Self:
        made = super().__new__(cls, text)
        made.kind = kind
        return made

    def _operated(self, operator: str) -> Self:
        return type(self)(f"{self}{operator}", "operated")

    def operator(self, name: str, argument: str | None = None) -> Self:
        """Apply the operator ``@name``, or ``@name:argument``; operators apply from left to right."""
        for part in (name, argument or ""):
            if not isinstance(part, str) or re.search(r'[@()"{}]', part):
                raise ValueError(f"{part!r} cannot stand in an operator: it ends where an @, quote or bracket begins")
        return self._operated(f"@{name}" if argument is None else f"@{name}:{argument}")

    def aggregate(self, period: str) -> Self:
        """Average by period: ``h``, ``d``, ``w``, ``M``, ``q`` or ``y``."""
        return self.operator("A", period)

    def lag(self, span: str) -> Self:
        """Shift to later dates, by a span such as ``1y`` or ``12M``."""
        return self.operator("lag", span)

    def localize(self, zone: str | None = None) -> Self:
        """Show dates by the clocks of a timezone; by default that of each series' field ``timezone``."""
        return self.operator("localize", zone)

    def asof(self, job_or_moment: Any) -> Self:
        """Points and fields as they stood after a job (the job, or its number) or at a moment (a datetime; naive: UTC).

        Examples
        --------
        >>> print(series("gdp").asof(17), series("gdp").asof(datetime.datetime(2024, 1, 1, 10)))
        sid="gdp"@asof:j17 sid="gdp"@asof:2024-01-01T10:00:00.000
        """
        job = _python(getattr(job_or_moment, "job_id", job_or_moment))
        if isinstance(job, int) and not isinstance(job, bool):
            return self.operator("asof", f"j{job}")
        return self.operator("asof", _moment(job_or_moment))

    def repdate(self, date: Any) -> Self:
        """The points filed under a report date."""
        return self.operator("repdate", _moment(date))

    def repfdate(self, date: Any) -> Self:
        """The fields filed under a report date."""
        return self.operator("repfdate", _moment(date))


class Query(_Operators):
    """A query. Combine with ``&``, ``|`` and ``~``; `field`, `series`, `under`, `text` and `raw` make them."""

    __slots__ = ()

    def __and__(self, other: Query) -> Query:
        return _joined("and", self, other)

    def __or__(self, other: Query) -> Query:
        return _joined("or", self, other)

    def __invert__(self) -> Query:
        return Query(f"NOT {_part(self, 'atom')}")

    def __repr__(self) -> str:
        return f"Query({str(self)!r})"


def _joined(kind: Literal["and", "or"], left: Query, right: Query) -> Query:
    if not isinstance(right, Query):
        raise TypeError(f"{right!r} is not a Query; raw({right!r}) makes one of text")
    return Query(f" {kind.upper()} ".join((_part(left, kind), _part(right, kind))), kind)


def _part(query: Query, within: _Kind) -> str:
    """A query as it stands within another."""
    if query.kind == "operated":
        raise TypeError(f"the query {str(query)!r} ends in operators; combine first, and apply them to the whole")
    return str(query) if query.kind in ("atom", within) else f"({query})"


def series(series_id: str) -> Query:
    r"""The one series with that id.

    Examples
    --------
    >>> print(series(r"users\sam\gdp"))
    sid="users\sam\gdp"
    """
    return Query(f"sid={quote(_not_empty(series_id))}")


def under(path: str) -> Query:
    """Every series below a path, and the one with just that id."""
    return Query(f"sid:{quote(_not_empty(path))}")


def text(term: str) -> Query:
    """Free text, over ids and field values."""
    return Query(quote(_not_empty(term)))


def raw(query: str) -> Query:
    """A query that is text already, without operators, to be combined with others."""
    return Query(query, "any")


def field(name: str) -> Field:
    """A field, to be compared with values; a dotted name reaches into objects."""
    return Field(name)


class Field:
    """A field of series. Compared with a value, it becomes a query.

    Names that contain spaces or other special characters are quoted.

    Examples
    --------
    >>> print(field("unit") == "MW", field("year") != 2020, field("source.country").isin(["US", "CN"]), sep="; ")
    unit="MW"; NOT year="2020"; source.country=("US","CN")
    >>> print((field("Bidding Zone") == "DE-LU") & (field("capacity") >= 200) & (field("meta.dates_max") > "-1y"))
    "Bidding Zone"="DE-LU" AND capacity>="200" AND meta.dates_max>"-1y"
    >>> print(~field("unit").is_set())
    NOT set=unit
    """

    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"the name of a field must be a non-empty string, got {name!r}")
        if name.lower() in ("sid", "tree", "job"):
            raise ValueError(f"{name!r} is not a field: use series(), under() or raw()")
        plain = _FIELD_NAME.fullmatch(name) and name.lower() not in _RESERVED
        self._name = name if plain else quote(name)

    def __eq__(self, value: object) -> Query:  # type: ignore[override]
        """The field has that value."""
        return Query(f"{self._name}={quote(_value(value))}")

    def __ne__(self, value: object) -> Query:  # type: ignore[override]
        """The field does not have that value."""
        return ~(self == value)

    def __gt__(self, limit: object) -> Query:
        """The field is a number or date after a limit, which may be a relative date such as ``"-1y"``."""
        return self._compared(">", limit)

    def __ge__(self, limit: object) -> Query:
        """The field is a number or date at or after a limit; see :meth:`__gt__`."""
        return self._compared(">=", limit)

    def __lt__(self, limit: object) -> Query:
        """The field is a number or date before a limit; see :meth:`__gt__`."""
        return self._compared("<", limit)

    def __le__(self, limit: object) -> Query:
        """The field is a number or date at or before a limit; see :meth:`__gt__`."""
        return self._compared("<=", limit)

    def _compared(self, sign: str, limit: object) -> Query:
        limit = _python(limit)
        if isinstance(limit, bool):
            raise TypeError(f"{self._name}{sign} must be compared with a number or date, got {limit!r}")
        text = str(limit) if isinstance(limit, (int, float)) else _moment(limit)
        return Query(f"{self._name}{sign}{quote(text)}")

    def is_set(self) -> Query:
        """The series has the field."""
        return Query(f"set={self._name}")

    def isin(self, values: Iterable[object]) -> Query:
        """The field has one of these values."""
        quoted = [quote(_value(value)) for value in values]
        if isinstance(values, str) or not quoted:
            raise ValueError(f"isin takes a list of one or more values; got {values!r}")
        return Query(f"{self._name}=({','.join(quoted)})")

    def like(self, pattern: str) -> Query:
        """The field has a value that matches; ``*`` stands for any text."""
        if not _PLAIN.fullmatch(pattern):
            raise ValueError(
                f"a pattern must consist of plain characters and *, without spaces, quotes, brackets and signs, got "
                f"{pattern!r}"
            )
        return Query(f"{self._name}={pattern}")


class Expression(_Operators):
    """A calculation over series: numbers and other expressions, joined by ``+ - * /`` or the methods."""

    __slots__ = ()
    __array_ufunc__ = None  # numpy's numbers leave the calculation to the expression

    def __new__(cls, text: str, kind: _Kind = "atom") -> Self:
        """An expression; its text begins with a ``=``."""
        return super().__new__(cls, text if text.startswith("=") else f"={text}", kind)

    def _operated(self, operator: str) -> Self:
        whole = self if self.kind == "operated" else f"={self._part()}"
        return type(self)(f"{whole}{operator}", "operated")

    def _part(self, *bare: _Kind) -> str:
        """The expression as it stands within another; in brackets unless it is of a kind that is `bare` there."""
        if self.kind == "operated":
            raise TypeError(
                f"the expression {str(self)!r} ends in operators; apply them to its series, or to the whole"
            )
        return self[1:] if self.kind in ("atom", *bare) else f"({self[1:]})"

    def _with(self, sign: str, other: Expression | float, *, swapped: bool = False) -> Expression:
        kind: _Kind = "sum" if sign in "+-" else "product"
        on_left: tuple[_Kind, ...] = ("sum", "product") if kind == "sum" else ("product",)
        on_right: tuple[_Kind, ...] = ("product",) if kind == "sum" else ()
        left, right = (other, self) if swapped else (self, other)
        return Expression(f"{_operand(left, *on_left)} {sign} {_operand(right, *on_right)}", kind)

    def __add__(self, other: Expression | float) -> Expression:  # type: ignore[override]
        return self._with("+", other)

    def __radd__(self, other: float) -> Expression:
        return self._with("+", other, swapped=True)

    def __sub__(self, other: Expression | float) -> Expression:
        return self._with("-", other)

    def __rsub__(self, other: float) -> Expression:
        return self._with("-", other, swapped=True)

    def __mul__(self, other: Expression | float) -> Expression:  # type: ignore[override]
        return self._with("*", other)

    def __rmul__(self, other: float) -> Expression:  # type: ignore[override]
        return self._with("*", other, swapped=True)

    def __truediv__(self, other: Expression | float) -> Expression:
        return self._with("/", other)

    def __rtruediv__(self, other: float) -> Expression:
        return self._with("/", other, swapped=True)

    def __neg__(self) -> Expression:
        return self._with("*", -1)

    def add(self, other: Expression | float, *, fill_value: float | None = None) -> Expression:
        """The sum; where only one of both has a point, `fill_value` stands for the other."""
        return self._call("add", other, fill_value)

    def subtract(self, other: Expression | float, *, fill_value: float | None = None) -> Expression:
        """The difference; see :meth:`add`."""
        return self._call("subtract", other, fill_value)

    def multiply(self, other: Expression | float, *, fill_value: float | None = None) -> Expression:
        """The product; see :meth:`add`."""
        return self._call("multiply", other, fill_value)

    def divide(self, other: Expression | float, *, fill_value: float | None = None) -> Expression:
        """The quotient; see :meth:`add`."""
        return self._call("divide", other, fill_value)

    def _call(self, method: str, other: Expression | float, fill_value: float | None) -> Expression:
        self._part()
        fill = "" if fill_value is None else f", axis=0, fill_value={_operand(fill_value)}"
        return Expression(f"({self[1:]}).{method}({_operand(other, 'sum', 'product')}{fill})")

    def __repr__(self) -> str:
        return f"Expression({str(self)!r})"


def values(query: str) -> Expression:
    """The points of the one series that a query names (operators may follow it), to calculate with."""
    if "{{" in query or "}}" in query:
        raise ValueError(f"the query {str(query)!r} holds double braces, which end it within an expression")
    return Expression(f"{{{{{query}}}}}")


def multi_sum(query: str, *, operators: Iterable[str] = (), key_fields: Iterable[str] = ()) -> Expression:
    r"""The sum of every series that a query finds.

    Examples
    --------
    >>> print(multi_sum(under("ercot"), operators=["@localize:America/Chicago"]))
    =F.multi_sum(r'sid:"ercot"', operators=("@localize:America/Chicago",), key_fields=[])
    """
    literal = f"r'{query}'" if "'" not in query and not query.endswith("\\") else repr(str(query))
    given = "".join(f'"{operator}",' for operator in operators)
    return Expression(f"F.multi_sum({literal}, operators=({given}), key_fields={list(key_fields)!r})")


def _operand(value: Expression | float, *bare: _Kind) -> str:
    if isinstance(value, Expression):
        return value._part(*bare)
    value = _python(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number and no Expression; values(query) makes one of a query")
    return repr(value) if value >= 0 else f"({value!r})"


def _python(value: Any) -> Any:
    """A number or text of numpy as that of Python."""
    return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value


def _value(value: object) -> str:
    """The text by which a field's value is found."""
    value = _python(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(f"a field is compared with text, a number or a truth value; got {value!r}")


def _moment(date: Any) -> str:
    """A date or moment as operators take it."""
    if isinstance(date, str):
        return date
    return to_datetime(to_milli(date)).isoformat(timespec="milliseconds")


def _not_empty(text: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{text!r} names no series; give an id, a path or a word")
    return text

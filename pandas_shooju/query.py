r"""Build queries and expressions, with correct quoting. Pure.

The result is a string in the query language, and can be used wherever a query is expected.

>>> found = field("country").isin(["US", "CN"]) & under(r"users\sam") & ~(field("unit") == "US$ bn")
>>> print(found.aggregate("M").localize("America/Chicago"))
country=("US","CN") AND sid:"users\sam" AND NOT unit="US$ bn"@A:M@localize:America/Chicago

Every value is put in double quotes, in which ``*``, ``@``, parentheses and backslashes are ordinary characters; see
`quote` for quotes and the backslashes before them. Operators come last: a query with operators can be read, take more
operators, or be part of an expression, but cannot be combined with ``&`` and ``|``.

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


def __dir__() -> list[str]:
    return __all__


_Kind = Literal["atom", "and", "or", "any", "sum", "product", "operated"]
_BEFORE_QUOTE = re.compile(r'(\\+)(?="|$)')
_IN_QUOTES = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED = re.compile(r'(\\+)("|$)')
#: names that need no quotes; a name in quotes is always that of a field
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
            raise TypeError(f"the parts of a series id must be strings, got {part!r}")
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
    r"""Put text in double quotes, so that a query takes it literally.

    A quote is written as ``\"``, and each backslash directly before a quote, or at the end, is written twice. All other
    backslashes are unchanged.

    Examples
    --------
    >>> print(quote(r'users\sam\5" pipe'))
    "users\sam\5\" pipe"
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {text!r}")
    if '"' not in text and not text.endswith("\\"):
        return f'"{text}"'  # nothing to escape, as in nearly all series ids
    return '"' + _BEFORE_QUOTE.sub(r"\1\1", text).replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    r"""Undo `quote`, given the text between the quotes.

    Examples
    --------
    >>> print(unquote(r'users\sam\5\" pipe'))
    users\sam\5" pipe
    """
    return _ESCAPED.sub(lambda found: "\\" * (len(found[1]) // 2) + found[2], text)


def without_quoted(query: str) -> str:
    r"""A query without what is in quotes, in which a sign such as ``@`` is an operator and not part of a value.

    Examples
    --------
    >>> without_quoted(r'unit="a@b" capacity>=200')
    'unit= capacity>=200'
    """
    return _IN_QUOTES.sub("", query)


class _Operators(str):
    """A string that operators can be appended to; `kind` says how it is composed."""

    __slots__ = ("kind",)
    kind: _Kind

    def __new__(cls, text: str, kind: _Kind = "atom") -> Self:
        made = super().__new__(cls, text)
        made.kind = kind
        return made

    def _operated(self, operator: str) -> Self:
        return type(self)(f"{self}{operator}", "operated")

    def operator(self, name: str, argument: str | None = None) -> Self:
        """Apply the operator ``@name`` or ``@name:argument``. Operators are applied from left to right."""
        for part in (name, argument or ""):
            if not isinstance(part, str) or re.search(r'[@()"{}]', part):
                raise ValueError(f"an operator must not contain '@', quotes, parentheses or braces, got {part!r}")
        return self._operated(f"@{name}" if argument is None else f"@{name}:{argument}")

    def aggregate(self, period: str) -> Self:
        """Average by period: ``h``, ``d``, ``w``, ``M``, ``q`` or ``y``."""
        return self.operator("A", period)

    def lag(self, span: str) -> Self:
        """Shift to later dates, by a span such as ``1y`` or ``12M``."""
        return self.operator("lag", span)

    def localize(self, zone: str | None = None) -> Self:
        """Convert dates to a time zone, by default the one in the field ``timezone`` of each series."""
        return self.operator("localize", zone)

    def asof(self, job_or_moment: Any) -> Self:
        """Points and fields as they were after a job (a job or its id) or at a moment (a datetime; a naive one is UTC).

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
    """A query, as made by `field`, `series`, `under`, `text` and `raw`. Combine queries with ``&``, ``|`` and ``~``."""

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
        raise TypeError(f"a Query can only be combined with a Query, got {right!r}; convert a string with raw()")
    return Query(f" {kind.upper()} ".join((_part(left, kind), _part(right, kind))), kind)


def _part(query: Query, within: _Kind) -> str:
    """A query as a part of another one."""
    if query.kind == "operated":
        raise TypeError(
            f"queries with operators cannot be combined, got {str(query)!r}; combine first, then apply operators"
        )
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
    """Every series below a path, and the series with that path as its id."""
    return Query(f"sid:{quote(_not_empty(path))}")


def text(term: str) -> Query:
    """Free text search in ids and field values."""
    return Query(quote(_not_empty(term)))


def raw(query: str) -> Query:
    """A query from a string without operators, to be combined with other queries."""
    return Query(query, "any")


def field(name: str) -> Field:
    """A field, to be compared with values. A dotted name refers to a value inside an object."""
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
            raise ValueError(
                f"the name of a field must not be {name!r}, which has its own meaning; use series(), under() or raw()"
            )
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
            raise ValueError(f"isin requires a list of one or more values, got {values!r}")
        return Query(f"{self._name}=({','.join(quoted)})")

    def like(self, pattern: str) -> Query:
        """The field has a value that matches the pattern, in which ``*`` stands for any text."""
        if not _PLAIN.fullmatch(pattern):
            raise ValueError(
                f"a pattern must not contain spaces, quotes, parentheses or other special characters than '*', got "
                f"{pattern!r}"
            )
        return Query(f"{self._name}={pattern}")


class Expression(_Operators):
    """A calculation with series, numbers and other expressions, joined by ``+ - * /`` or by the methods."""

    __slots__ = ()
    __array_ufunc__ = None  # so that numpy numbers leave the calculation to the expression

    def __new__(cls, text: str, kind: _Kind = "atom") -> Self:
        """Create an expression; its text begins with ``=``."""
        return super().__new__(cls, text if text.startswith("=") else f"={text}", kind)

    def _operated(self, operator: str) -> Self:
        whole = self if self.kind == "operated" else f"={self._part()}"
        return type(self)(f"{whole}{operator}", "operated")

    def _part(self, *bare: _Kind) -> str:
        """The expression as a part of another one; in parentheses unless its kind is one of `bare`."""
        if self.kind == "operated":
            raise TypeError(
                f"expressions with operators cannot be combined, got {str(self)!r}; apply the operators to the series, "
                "or to the combined expression"
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
        """The sum; at dates where only one of the two has a point, `fill_value` replaces the other."""
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
    """The points of the single series that a query names, for use in expressions. The query may have operators."""
    if "{{" in query or "}}" in query:
        raise ValueError(f"a query in an expression must not contain double braces, got {str(query)!r}")
    return Expression(f"{{{{{query}}}}}")


def multi_sum(query: str, *, operators: Iterable[str] = (), key_fields: Iterable[str] = ()) -> Expression:
    r"""The sum of all series that a query finds.

    Examples
    --------
    >>> print(multi_sum(under("ercot"), operators=["@localize:America/Chicago"]))
    =F.multi_sum(r'sid:"ercot"', operators=("@localize:America/Chicago",), key_fields=[])
    """
    given = "".join(f'"{operator}",' for operator in operators)
    return Expression(f"F.multi_sum({literal(query)}, operators=({given}), key_fields={list(key_fields)!r})")


def literal(query: str) -> str:
    """A query as a string literal of Python, the form in which functions take it."""
    return f"r'{query}'" if "'" not in query and not query.endswith("\\") else repr(str(query))


def _operand(value: Expression | float, *bare: _Kind) -> str:
    if isinstance(value, Expression):
        return value._part(*bare)
    value = _python(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(
            f"an operand must be a finite number or an Expression, got {value!r}; for a query, use values(query)"
        )
    return repr(value) if value >= 0 else f"({value!r})"


def _python(value: Any) -> Any:
    """A numpy number or string as the Python type."""
    return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value


def _value(value: object) -> str:
    """The text that finds the value of a field."""
    value = _python(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(f"a field can be compared with a string, a number, a boolean or a date, got {value!r}")


def _moment(date: Any) -> str:
    """A date or moment in the form that operators expect."""
    if isinstance(date, str):
        return date
    return to_datetime(to_milli(date)).isoformat(timespec="milliseconds")


def _not_empty(text: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"expected a series id, a path or a word, got {text!r}")
    return text

"""Expressions over series: ``={{sid=a}}/1000@A:h``, ``=({{sid=a}}).add({{sid=b}}, fill_value=0)``.

An expression is parsed by Python's own parser, and the resulting tree is walked. Anything not in the list below is
refused by name, and nothing is ever evaluated as Python.

- numbers, ``{{query}}`` for a series (the query may have operators), parentheses
- ``+ - * /`` and signs; of two series, on the dates that both have
- ``.add .subtract .multiply .divide`` with ``fill_value`` for dates that only one of the two has (``axis=0`` is
  accepted and has no effect)
- ``F.multi_sum(query, key_fields, operators=...)``: the sum over all series that a query finds, date by date;
  `key_fields` must be empty
- operators after the whole, ``@A:h@localize:America/Chicago``

Series are combined by instants, so either all of them are localized, to one zone, or none.
"""

from __future__ import annotations

import ast
import math
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pandas_shooju.local import operators
from pandas_shooju.local.errors import ApiError, invalid, not_found
from pandas_shooju.local.operators import Line
from pandas_shooju.local.query.parser import parse, parse_operators
from pandas_shooju.local.query.search import PATIENCE, find
from pandas_shooju.local.query.tree import Operator, Query
from pandas_shooju.local.reading import last_revision, read_lines, single_series
from pandas_shooju.local.store import catalog, points
from pandas_shooju.local.store.chunks import Float64, Points
from pandas_shooju.local.store.points import EVERYTHING

#: limits on the length of an expression, the depth of its nesting, and the number of its series
LONGEST, DEEPEST, MOST_SERIES = 200_000, 50, 1_000
#: series that `F.multi_sum` reads at a time, where their points are few enough
_AT_A_TIME = 200

Value = Line | float
_Arithmetic = Callable[[Any, Any], Any]

_SIGNS: dict[type[ast.operator], tuple[str, _Arithmetic]] = {
    ast.Add: ("+", np.add),
    ast.Sub: ("-", np.subtract),
    ast.Mult: ("*", np.multiply),
    ast.Div: ("/", np.divide),
}
_METHODS: dict[str, _Arithmetic] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
}
_OTHER_SIGNS = {ast.Pow: "**", ast.Mod: "%", ast.FloorDiv: "//", ast.MatMult: "@"}

# quoted text in a query may hold braces
_series = re.compile(r'\{\{((?:[^"}]|\}(?!\})|"(?:[^"\\]|\\.)*")*)\}\}', re.DOTALL)
# surrounded by spaces, so that it is a word of its own; with a secret, so that no caller can write it
_NAME = f"series_{secrets.token_hex(8)}_{{}}"


def is_expression(text: str) -> bool:
    """Whether a query is an expression."""
    return text.lstrip().startswith("=")


def evaluate(db: sqlite3.Connection, text: str, further: tuple[Operator, ...] = ()) -> Line:
    """The result of an expression, with its operators (and `further` ones) applied.

    Raises
    ------
    ApiError
        The text is not an expression, uses something that is not supported, or names a series that does not exist.
    """
    text = text.strip()[1:]
    if len(text) > LONGEST:
        raise invalid(f"the expression is {len(text)} characters long; the limit is {LONGEST}")
    body, queries, behind = _parts(text)
    given = parse_operators(behind) + further
    operators.check(given)
    if any(operator.name.lower() in operators.SOURCES for operator in given):
        raise invalid(
            "asof, repdate, repfdate and repdatelist must be inside of the {{ }} of an expression, not after it"
        )
    value = _Walk(db, queries).value(_tree(body))
    if not isinstance(value, Line):
        raise invalid("the expression must result in a series, but it results in a number")
    line = operators.apply(value, operators.transforms(given))
    # no job has written a result
    return replace(line, points=line.points._replace(revisions=_no_revisions(len(line.points.dates))))


def _parts(text: str) -> tuple[str, list[str], str]:
    """The expression with names in place of its series, their queries, and the operators after it."""
    queries: list[str] = []
    body = []
    at = 0
    quote = ""
    while at < len(text):
        character = text[at]
        if quote:
            if character == "\\":
                body.append(text[at : at + 2])
                at += 2
                continue
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif text.startswith("{{", at):
            found = _series.match(text, at)
            if found is None:
                raise invalid("a '{{' without its '}}' in the expression")
            body.append(f" {_NAME.format(len(queries))} ")
            queries.append(found[1].strip())
            if len(queries) > MOST_SERIES:
                raise invalid(f"the expression has more than {MOST_SERIES} series in it")
            at = found.end()
            continue
        elif character == "@":
            break
        elif character == "#":
            raise invalid("a comment (#) in an expression is not supported")
        body.append(character)
        at += 1
    return "".join(body), queries, text[at:]


def _tree(body: str) -> ast.expr:
    try:
        return ast.parse(body.strip(), mode="eval").body
    except SyntaxError as error:
        raise invalid(f"the expression cannot be read: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise invalid(
            "the expression cannot be read: it is nested too deeply, or contains control characters"
        ) from None


class _Walk:
    """The walk over an expression's tree."""

    def __init__(self, db: sqlite3.Connection, queries: list[str]) -> None:
        self._db = db
        self._queries = {_NAME.format(number): query for number, query in enumerate(queries)}
        self._depth = 0

    def value(self, node: ast.expr) -> Value:
        """The value of a part of the tree."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise invalid(f"the expression is nested more than {DEEPEST} deep")
        # long sums, and long chains of .add(), nest to the left: those are unrolled
        steps: list[Callable[[Value], Value]] = []
        while (step := self._step(node)) is not None:
            node, then = step
            steps.append(then)
        value = self._leaf(node)
        while steps:
            value = steps.pop()(value)
        self._depth -= 1
        return value

    def _step(self, node: ast.expr) -> tuple[ast.expr, Callable[[Value], Value]] | None:
        """The part that a node begins with, and the function that the node applies to its value; None for a leaf."""
        match node:
            case ast.BinOp(left=left, op=sign, right=right):
                if type(sign) not in _SIGNS:
                    name = _OTHER_SIGNS.get(type(sign), type(sign).__name__)
                    raise invalid(f"{name} in an expression is not supported")
                function = _SIGNS[type(sign)][1]
                return left, lambda value: _combined(function, value, self.value(right), None)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return operand, lambda value: _combined(np.multiply, value, -1.0, None)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return operand, lambda value: value
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if not _is_namespace(owner):
                if name not in _METHODS:
                    raise invalid(f".{name[:100]}() in an expression is not supported")
                method, call = _METHODS[name], node
                return owner, lambda value: self._method(name, method, value, call)
        return None

    def _leaf(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                try:
                    return float(number)
                except OverflowError:
                    raise invalid("a number in the expression is too large") from None
            case ast.Name(id=name) if name in self._queries:
                return self._one(self._queries[name])
            case ast.Name(id=name):
                raise invalid(
                    f"{name[:100]} in an expression is not supported; a series is written as a query in {{{{ }}}}"
                )
            case ast.Call(func=ast.Attribute(value=owner, attr="multi_sum")) if _is_namespace(owner):
                return self._multi_sum(node)
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if _is_namespace(owner):
                raise invalid(f"function F.{name[:100]} is not supported")
            case ast.Call(func=ast.Name(id=name)):
                raise invalid(f"function {name[:100]} is not supported")
            case ast.Attribute(attr=name):
                raise invalid(f".{name[:100]} in an expression is not supported")
        raise invalid(f"{type(node).__name__} in an expression is not supported")

    def _one(self, text: str) -> Line:
        if not text:
            raise invalid("a series in an expression must be a query in {{ }}, got nothing between them")
        query = parse(text)
        operators.check(query.operators)
        row = single_series(self._db, query, text)
        (line,) = read_lines(self._db, [row], query.operators, EVERYTHING)
        if isinstance(line, ApiError):
            raise line
        return line

    def _method(self, name: str, method: _Arithmetic, value: Value, call: ast.Call) -> Value:
        if not isinstance(value, Line):
            raise invalid(f".{name}() must be called on a series, not on a number")
        given: dict[str, float] = {}
        seen: set[str] = set()
        for keyword in call.keywords:
            if keyword.arg not in ("axis", "fill_value"):
                raise invalid(f"the arguments of .{name}() are axis and fill_value, got {keyword.arg}")
            if keyword.arg in seen:
                raise invalid(f".{name}() must not have {keyword.arg} twice")
            seen.add(keyword.arg)
            if isinstance(keyword.value, ast.Constant) and keyword.value.value is None:
                continue
            number = self.value(keyword.value)
            if isinstance(number, Line):
                raise invalid(f"{keyword.arg} of .{name}() must be a number")
            given[keyword.arg] = number
        if len(call.args) != 1:
            raise invalid(f".{name}() must have one series or number as its argument")
        if given.get("axis", 0.0) != 0.0:
            raise invalid(f"axis of .{name}() must be 0")
        return _combined(method, value, self.value(call.args[0]), given.get("fill_value"))

    def _multi_sum(self, call: ast.Call) -> Line:
        given: dict[str, Any] = {}
        for keyword in call.keywords:
            if keyword.arg not in ("operators", "key_fields"):
                raise invalid(f"the arguments of F.multi_sum are a query, key_fields and operators, got {keyword.arg}")
            if keyword.arg in given:
                raise invalid(f"F.multi_sum must not have {keyword.arg} twice")
            given[keyword.arg] = _texts(keyword.value, keyword.arg)
        if len(call.args) == 2:
            if "key_fields" in given:
                raise invalid("F.multi_sum must not have key_fields twice")
            given["key_fields"] = _texts(call.args[1], "key_fields")
        first = call.args[0] if len(call.args) in (1, 2) else None
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            raise invalid("the first argument of F.multi_sum must be a query in quotes, and the second key_fields")
        if given.get("key_fields"):
            raise invalid("key_fields in F.multi_sum are not supported, except for an empty list")
        query: Query = parse(first.value)
        applied = query.operators + parse_operators("".join(given.get("operators", ())))
        operators.check(applied)
        ids = find(self._db, query.condition, last_revision(self._db, applied)).tolist()
        whole: Line | None = None
        deadline = time.monotonic() + PATIENCE
        start = 0
        while start < len(ids):
            if time.monotonic() > deadline:
                raise invalid(f"F.multi_sum of {len(ids)} series takes longer than {PATIENCE:.0f} s: make it narrower")
            some = ids[start : start + _AT_A_TIME]
            some = some[: points.fitting(self._db, some)]
            start += len(some)
            rows = catalog.get_many(self._db, some)
            for line in read_lines(self._db, rows, applied, EVERYTHING):
                if isinstance(line, ApiError):
                    raise line
                whole = line if whole is None else _both(np.add, whole, line, 0.0)
        if whole is None:
            raise not_found(f"{first.value[:200]} (in F.multi_sum)")
        return whole


def _is_namespace(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "F"


def _texts(node: ast.expr, name: str) -> list[str]:
    """The texts in a text, or in a list or tuple of texts."""
    items = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    texts = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    if len(texts) != len(items):
        raise invalid(f"{name} in F.multi_sum must be texts in quotes")
    return texts


def _combined(function: _Arithmetic, left: Value, right: Value, fill: float | None) -> Value:
    with np.errstate(all="ignore"):
        if isinstance(left, Line) and isinstance(right, Line):
            return _both(function, left, right, fill)
        if isinstance(left, Line):
            return _line(left, left.points._replace(values=function(left.points.values, right)))
        if isinstance(right, Line):
            return _line(right, right.points._replace(values=function(left, right.points.values)))
        return float(function(np.float64(left), np.float64(right)))


def _both(function: _Arithmetic, left: Line, right: Line, fill: float | None) -> Line:
    """Two series combined date by date; a date that only one of them has is left out, or filled."""
    if left.zone != right.zone:
        zones = " and ".join(zone or "UTC" for zone in (left.zone, right.zone))
        raise invalid(f"series in different zones ({zones}) cannot be combined: localize all of them, or the whole")
    a, b = left.points, right.points
    if fill is None or math.isnan(fill):
        dates, at_a, at_b = np.intersect1d(a.dates, b.dates, assume_unique=True, return_indices=True)
        return _line(left, Points(dates, function(a.values[at_a], b.values[at_b]), _no_revisions(len(dates))))
    dates = np.union1d(a.dates, b.dates)

    def spread(points: Points) -> Float64:
        values = np.full(len(dates), fill)
        values[np.searchsorted(dates, points.dates)] = points.values
        return values

    return _line(left, Points(dates, function(spread(a), spread(b)), _no_revisions(len(dates))))


def _line(like: Line, points: Points) -> Line:
    there = ~np.isnan(points.values)
    points = points._replace(revisions=_no_revisions(len(points.dates)))
    return Line(points if there.all() else points.pick(there), {}, like.zone)


def _no_revisions(count: int) -> Any:
    return np.zeros(count, np.int64)

"""From the text of a query to its tree.

Whatever the text is, `parse` gives a tree or raises `invalid_parameters`, in time proportional to its length.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from pandas_shooju.local.errors import invalid
from pandas_shooju.local.query.tree import (
    BELOW,
    EXACT,
    TREE,
    And,
    Everything,
    Field,
    Job,
    Meta,
    Node,
    Not,
    Operator,
    Or,
    Query,
    Sid,
    Text,
    Word,
)

#: longer texts, deeper nesting and more conditions than these are nobody's query
LONGEST, DEEPEST, MOST = 200_000, 40, 5_000

_space = re.compile(r"\s+")
_name = re.compile(r'([^\s()"@=:<>]+)([=:])')
_plain = re.compile(r'[^\s()"@][^\s()@]*')
_plain_value = re.compile(r"[^\s()@]+")
_plain_in_list = re.compile(r"[^,()@\"]+")
_before_quote = re.compile(r'(\\+)(?="|$)')
_comparison = re.compile(r"[\w.]+(<=?|>=?|!=)")


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Query:
    """The tree of a query.

    Raises
    ------
    ApiError
        ``invalid_parameters``: the text is not a query; the description says what is wrong with it, and where.
    """
    if len(text) > LONGEST:
        raise invalid(f"the query is {len(text)} characters long; {LONGEST} is the limit")
    if not _is_unicode(text):
        raise invalid("the query holds half of a surrogate pair, which is no character")
    return _Parser(text).query()


def parse_operators(text: str) -> tuple[Operator, ...]:
    """The operators in a text such as ``@A:M@lag:1y``."""
    text = text.strip()
    if not text:
        return ()
    if not text.startswith("@"):
        raise invalid(f"{text[:100]!r} are not operators: each begins with an @")
    if len(text) > LONGEST:
        raise invalid(f"the operators are {len(text)} characters long; {LONGEST} is the limit")
    operators = []
    for part in text[1:].split("@"):
        name, colon, argument = part.strip().partition(":")
        if not name:
            raise invalid(f"an operator without a name in {text[:100]!r}")
        operators.append(Operator(name, argument if colon else None))
    if len(operators) > DEEPEST:
        raise invalid(f"{len(operators)} operators; {DEEPEST} is the limit")
    return tuple(operators)


def quote(text: str) -> str:
    """A value in double quotes, so that it is read as it is."""
    return '"' + _before_quote.sub(r"\1\1", text).replace('"', '\\"') + '"'


def unquote(body: str) -> str:
    """The value that stood between double quotes."""
    return re.sub(r'(\\+)("|$)', lambda found: "\\" * (len(found[1]) // 2) + found[2], body)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.count = 0
        self.depth = 0

    def query(self) -> Query:
        condition = self.any_of()
        rest = self.text[self.at :]
        if rest.startswith(")"):
            raise self.wrong("a ')' without its '('")
        return Query(condition, parse_operators(rest))

    def any_of(self) -> Node:
        parts = [self.all_of()]
        while self.keyword("or"):
            parts.append(self.all_of())
        # an empty side is Everything, and so is a lone *, which makes no sense here either
        if len(parts) > 1 and any(isinstance(part, Everything) for part in parts):
            raise self.wrong("an OR with nothing on one side")
        return parts[0] if len(parts) == 1 else _either(parts)

    def all_of(self) -> Node:
        parts: list[Node] = []
        expected = False
        while True:
            self.skip_space()
            if self.ahead("", ")", "@") or self.keyword("or", consume=False):
                break
            if self.keyword("and"):
                if not parts or expected:
                    raise self.wrong("an AND with nothing on one side")
                expected = True
                continue
            parts.append(self.one())
            expected = False
        if expected:
            raise self.wrong("an AND with nothing on one side")
        if len(parts) > 1:
            parts = [part for part in parts if not isinstance(part, Everything)] or [Everything()]
        return And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else Everything()

    def one(self) -> Node:
        self.count += 1
        if self.count > MOST:
            raise invalid(f"the query has more than {MOST} conditions")
        if self.keyword("not"):
            self.skip_space()
            if self.ahead("", ")", "@"):
                raise self.wrong("a NOT with nothing behind it")
            return Not(self.nested(self.one))
        if self.ahead("("):
            self.at += 1
            self.skip_space()
            if self.ahead(")"):
                raise self.wrong("parentheses with nothing in them (all series are *)")
            inner = self.nested(self.any_of)
            self.skip_space()
            if not self.ahead(")"):
                raise self.wrong("a '(' without its ')'")
            self.at += 1
            return inner
        if self.ahead('"'):
            word = self.quoted()
            if not word.text:
                raise self.wrong("quotes with nothing in them (all series are *)")
            return Word(word)
        if self.ahead("="):
            raise self.wrong("a '=' without a field right before it")
        if compared := _comparison.match(self.text, self.at):
            raise invalid(
                f"comparing by {compared[1]} is not supported (in {compared[0][:100]!r}); quote it to search the text"
            )
        if named := _name.match(self.text, self.at):
            self.at = named.end()
            return self.clause(named[1].lower(), named[2])
        plain = _plain.match(self.text, self.at)
        if plain is None:
            raise self.wrong("nothing that a condition begins with")
        self.at = plain.end()
        return Everything() if plain[0] == "*" else Word(Text(plain[0]))

    def clause(self, name: str, sign: str) -> Node:
        values = self.values(name + sign)
        if name == "sid":
            return Sid(EXACT if sign == "=" else BELOW, values)
        if name == "tree":
            return Sid(TREE, values)
        if name == "job":
            if not all(value.text.isascii() and value.text.isdigit() and len(value.text) < 19 for value in values):
                raise invalid(f"job: takes the number of a job, not {values[0].text[:100]!r}")
            return Job(tuple(int(value.text) for value in values))
        if name.startswith("meta."):
            return Meta(name[5:], values)
        return Field(name, values)

    def values(self, what: str) -> tuple[Text, ...]:
        if self.ahead('"'):
            return (self.quoted(),)
        if not self.ahead("("):
            plain = _plain_value.match(self.text, self.at)
            if plain is None:
                raise self.wrong(f"no value behind {what!r}")
            self.at = plain.end()
            return (Text(plain[0]),)
        self.at += 1
        values = []
        while True:
            self.skip_space()
            if self.ahead('"'):
                values.append(self.quoted())
            elif (plain := _plain_in_list.match(self.text, self.at)) and plain[0].strip():
                values.append(Text(plain[0].strip()))
                self.at = plain.end()
            else:
                raise self.wrong(f"no value in the list behind {what!r}")
            self.skip_space()
            if self.ahead(")"):
                self.at += 1
                return tuple(values)
            if not self.ahead(","):
                raise self.wrong(f"a list behind {what!r} without its ')'")
            self.at += 1

    def quoted(self) -> Text:
        found = _quoted_end(self.text, self.at)
        if found is None:
            raise self.wrong("a quote that is not closed")
        body, self.at = self.text[self.at + 1 : found - 1], found
        return Text(unquote(body), quoted=True)

    def nested(self, parse_inner: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise invalid(f"the query is nested more than {DEEPEST} deep")
        inner = parse_inner()
        self.depth -= 1
        return inner

    def keyword(self, word: str, consume: bool = True) -> bool:
        """Whether AND, OR or NOT stands here, as a word of its own."""
        self.skip_space()
        end = self.at + len(word)
        if self.text[self.at : end].lower() != word or not (end == len(self.text) or self.text[end] in ' \t\r\n()@"'):
            return False
        if consume:
            self.at = end
        return True

    def ahead(self, *what: str) -> bool:
        return self.text[self.at : self.at + 1] in what

    def skip_space(self) -> None:
        if space := _space.match(self.text, self.at):
            self.at = space.end()

    def wrong(self, what: str) -> Exception:
        return invalid(f"{what}, at character {self.at + 1} of the query {self.text[:200]!r}")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _quoted_end(text: str, start: int) -> int | None:
    """Where a quoted value that begins at `start` ends (behind its closing quote)."""
    at = start + 1
    while True:
        at = text.find('"', at)
        if at < 0:
            return None
        backslashes = 0
        while text[at - 1 - backslashes] == "\\" and at - 1 - backslashes > start:
            backslashes += 1
        at += 1
        if backslashes % 2 == 0:
            return at


def _either(parts: list[Node]) -> Node:
    """An OR, in which conditions that differ in a value only are one."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,))]
    values: dict[tuple[type[Sid | Field | Meta], str], list[Text]] = {}
    rest: list[Node] = []
    for part in flat:
        match part:
            case Sid():
                values.setdefault((Sid, part.form), []).extend(part.values)
            case Field() | Meta():
                values.setdefault((type(part), part.name), []).extend(part.values)
            case _:
                rest.append(part)
    joined: list[Node] = [kind(name, tuple(texts)) for (kind, name), texts in values.items()]
    return Or((*joined, *rest)) if len(joined) + len(rest) > 1 else joined[0]

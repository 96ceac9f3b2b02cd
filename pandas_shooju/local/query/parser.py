"""From the text of a query to its tree.

For any text, `parse` returns a tree or raises `invalid_parameters`, in time proportional to the length of the text.
What has no known meaning is refused rather than searched for as text: someone who writes ``sid==x``, ``name~x`` or
``capacity=[1,500]`` means more than the letters.
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
    Compare,
    Everything,
    Field,
    Has,
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
from pandas_shooju.query import unquote

#: limits on the length of a query, the depth of its nesting, and its number of conditions
LONGEST, DEEPEST, MOST_CONDITIONS = 200_000, 40, 5_000
#: queries up to this length are remembered with their trees: together no more than a few megabytes
_REMEMBERED_LENGTH = 1_000

_space = re.compile(r"\s+")
_name = re.compile(r'([^\s()"@=:<>!~|]+)(?=:|\s*(?:[=<>]|![=~]|~))')
_sign = re.compile(r"\s*(==|=~|!=|!~|<>|<=|>=|=|<|>|~)|(:)")
_plain = re.compile(r"[^\s()@|]+")
_plain_in_list = re.compile(r'[^,()@"]+')

#: what must be quoted to be searched for, as it means something in other query languages
_reserved = re.compile(r"[\[\]{}<>~^?\"]|&&|^[!'/=]|!:")
_remedies = {
    "[": "write a range as two comparisons: x>=1 x<=500",
    "{": "write a range as two comparisons: x>=1 x<=500",
    "!": "write NOT before a condition to negate it",
    "!:": "write NOT before a condition to negate it",
    "-": "write NOT before a condition to negate it",
    "&&": "write AND, or just a space",
    "'": "write double quotes",
    "?": "the only wildcard is *",
    "/": "regular expressions are not supported; the only wildcard is *",
}
#: a series id in quotes, without a quote or anything else that is escaped
_one_series = re.compile(r'sid="([^"]*[^"\\\s])"')
_other_signs = {
    "==": "write a single =",
    "!=": "write NOT before the condition: NOT x=1",
    "<>": "write NOT before the condition: NOT x=1",
    "~": "the only wildcard is *, as in x=*text*",
    "=~": "the only wildcard is *, as in x=*text*",
    "!~": "the only wildcard is *, as in NOT x=*text*",
}


def parse(text: str) -> Query:
    """The tree of a query.

    Raises
    ------
    ApiError
        ``invalid_parameters``: the text is not a query; the description says what is wrong with it, and where.
    """
    if len(text) > LONGEST:
        raise invalid(f"the query is {len(text)} characters long; the limit is {LONGEST}")
    return _parsed(text) if len(text) > _REMEMBERED_LENGTH else _remembered(text)


def _parsed(text: str) -> Query:
    if not _is_unicode(text):
        raise invalid("the query contains half of a surrogate pair, which is not a character")
    if one := _one_series.fullmatch(text):  # what bulk reads and writes are made of, ten times as fast
        return Query(Sid(EXACT, (Text(one[1], quoted=True),)), ())
    return _Parser(text).query()


_remembered = functools.lru_cache(maxsize=1024)(_parsed)


def parse_operators(text: str) -> tuple[Operator, ...]:
    """The operators in a text such as ``@A:M@lag:1y``."""
    text = text.strip()
    if not text:
        return ()
    if not text.startswith("@"):
        raise invalid(f"each operator begins with an @, got {text[:100]!r}")
    if len(text) > LONGEST:
        raise invalid(f"the operators are {len(text)} characters long; the limit is {LONGEST}")
    operators = []
    for part in text[1:].split("@"):
        name, colon, argument = part.strip().partition(":")
        if not name:
            raise invalid(f"an operator has no name in {text[:100]!r}")
        operators.append(Operator(name, argument if colon else None))
    if len(operators) > DEEPEST:
        raise invalid(f"there are {len(operators)} operators; the limit is {DEEPEST}")
    return tuple(operators)


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
        while self.keyword("or") or self.bars():
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
            if self.ahead("", ")", "@") or self.keyword("or", consume=False) or self.bars(consume=False):
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
        if self.count > MOST_CONDITIONS:
            raise invalid(f"the query has more than {MOST_CONDITIONS} conditions")
        if self.keyword("not"):
            self.skip_space()
            if self.ahead("", ")", "@") or self.bars(consume=False):
                raise self.wrong("a NOT with nothing after it")
            return Not(self.nested(self.one))
        if self.ahead("("):
            return self.group()
        if self.ahead('"'):
            start = self.at
            word = self.quoted()
            if sign := self.sign():
                if word.prefix or not word.text.strip():
                    raise self.wrong(f"{self.text[start : self.at][:100]!r} is not the name of a field")
                return self.clause(word.text.lower(), sign, quoted=True)
            if not word.text:
                raise self.wrong("quotes with nothing in them (* finds all series)")
            self.end_of_value()
            return Word(word)
        if self.ahead("="):
            raise self.wrong("a '=' without a field before it")
        if named := _name.match(self.text, self.at):
            self.at = named.end()
            if named[1][0] in "-+!" or _reserved.search(named[1]):
                raise self.reserved(named[1])
            return self.clause(named[1].lower(), self.sign())
        plain = _plain.match(self.text, self.at)
        if plain is None:
            raise self.wrong("a '|' (either side of an OR is written a || b)")
        text = plain[0]
        if text[0] in "-+" or _reserved.search(text):
            raise self.reserved(text)
        if "," in text:
            raise self.comma(text)
        self.at = plain.end()
        self.end_of_value()
        return Everything() if text == "*" else Word(Text(text))

    def group(self) -> Node:
        self.at += 1
        self.skip_space()
        if self.ahead(")"):
            raise self.wrong("parentheses with nothing in them (* finds all series)")
        inner = self.nested(self.any_of)
        self.skip_space()
        if not self.ahead(")"):
            raise self.wrong("a '(' without its ')'")
        self.at += 1
        return inner

    def sign(self) -> str:
        """The sign between a name and its value, if one comes next."""
        found = _sign.match(self.text, self.at)
        if found is None:
            return ""
        sign: str = found[1] or found[2]
        if sign in _other_signs:
            raise self.wrong(f"{sign!r} is not supported", _other_signs[sign])
        self.at = found.end()
        return sign

    def clause(self, name: str, sign: str, quoted: bool = False) -> Node:
        values = self.values(name + sign)
        if name.startswith("meta.") and sign in ("=", ":") and name != "meta.job":
            return Meta(name[5:], values)
        # in quotes it is the name of a field, but no field begins with meta.
        special = name if name == "meta.job" or (name in ("sid", "tree", "set", "job") and not quoted) else ""
        if sign not in ("=", ":"):
            if special:
                raise invalid(
                    f"{name}{sign} is not supported: {name} has no order; comparisons are for numbers and dates"
                )
            if len(values) != 1:
                raise invalid(f"{name}{sign} must be followed by one number or date, got {len(values)} values")
            return Compare(name, sign, values[0])
        match special:
            case "sid":
                return Sid(EXACT if sign == "=" else BELOW, values)
            case "tree":
                if sign == "=":
                    raise invalid("tree= is not supported: write tree:path, or sid=path for a single series")
                return Sid(TREE, values)
            case "set":
                for value in values:
                    if value.has_wildcard or not value.text or value.text.lower().startswith("meta."):
                        raise invalid(f"set{sign} must be followed by the name of a field, got {value.text[:100]!r}")
                return Has(tuple(value.text.lower() for value in values))
            case "job" | "meta.job":
                if not all(value.text.isascii() and value.text.isdigit() and len(value.text) < 19 for value in values):
                    raise invalid(f"{name}{sign} must be followed by the number of a job, got {values[0].text[:100]!r}")
                return Job(tuple(int(value.text) for value in values))
        return Field(name, values)

    def values(self, what: str) -> tuple[Text, ...]:
        before = self.at
        self.skip_space()
        if self.ahead('"'):
            value = self.quoted()
            self.end_of_value()
            return (value,)
        if not self.ahead("("):
            plain = _plain.match(self.text, self.at)
            if plain is None or (self.at > before and plain[0].lower() in ("and", "or", "not")):
                raise self.wrong(f"no value after {what!r}")
            if _reserved.search(plain[0]):
                raise self.reserved(plain[0])
            if "," in plain[0]:
                raise self.comma(plain[0])
            self.at = plain.end()
            self.end_of_value()
            return (Text(plain[0]),)
        self.at += 1
        values = []
        while True:
            self.skip_space()
            if self.ahead('"'):
                values.append(self.quoted())
            elif (plain := _plain_in_list.match(self.text, self.at)) and plain[0].strip():
                values.append(self.in_list(plain[0].strip()))
                self.at = plain.end()
            else:
                raise self.wrong(f"no value in the list after {what!r}")
            self.skip_space()
            if self.ahead(")"):
                self.at += 1
                self.end_of_value()
                return tuple(values)
            if not self.ahead(","):
                raise self.wrong(f"a list after {what!r} without its ')'")
            self.at += 1

    def in_list(self, text: str) -> Text:
        if "|" in text or _reserved.search(text):
            raise self.reserved(text)
        if _space.search(text):
            raise self.wrong(
                f"a space in {text[:100]!r} within a list",
                "separate values by commas, and quote those that contain spaces",
            )
        return Text(text)

    def quoted(self) -> Text:
        found = _quoted_end(self.text, self.at)
        if found is None:
            raise self.wrong("a quote that is not closed")
        body, self.at = self.text[self.at + 1 : found - 1], found
        prefix = self.ahead("*")
        self.at += prefix
        return Text(unquote(body), quoted=True, prefix=prefix)

    def end_of_value(self) -> None:
        """Refuse what follows a word or value without a space."""
        if not self.ahead("", ")", "@", "|") and not _space.match(self.text, self.at):
            raise self.wrong(f"{self.text[self.at]!r} directly after a word or value", "separate them by a space")

    def nested(self, parse_inner: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise invalid(f"the query is nested more than {DEEPEST} deep")
        inner = parse_inner()
        self.depth -= 1
        return inner

    def keyword(self, word: str, consume: bool = True) -> bool:
        """Whether AND, OR or NOT comes next, as a word of its own."""
        self.skip_space()
        end = self.at + len(word)
        if self.text[self.at : end].lower() != word or not (end == len(self.text) or self.text[end] in ' \t\r\n()@"'):
            return False
        if consume:
            self.at = end
        return True

    def bars(self, consume: bool = True) -> bool:
        """Whether ``||`` comes next, which is another OR."""
        self.skip_space()
        if not self.text.startswith("||", self.at):
            return False
        self.at += 2 if consume else 0
        return True

    def ahead(self, *what: str) -> bool:
        return self.text[self.at : self.at + 1] in what

    def skip_space(self) -> None:
        if space := _space.match(self.text, self.at):
            self.at = space.end()

    def comma(self, text: str) -> Exception:
        return self.wrong(
            f"a comma in {text[:100]!r}",
            "write several values as a list in parentheses, x=(a,b), and a comma within a value in quotes",
        )

    def reserved(self, text: str) -> Exception:
        found = _reserved.search(text)
        sign = found[0] if found else text[0]
        remedy = f"{_remedies[sign]}; or " if sign in _remedies else ""
        return self.wrong(
            f"{sign!r} in {text[:100]!r} is not supported outside of quotes", f"{remedy}quote the text to search for it"
        )

    def wrong(self, what: str, remedy: str = "") -> Exception:
        where = f"{what}, at character {self.at + 1} of the query {self.text[:200]!r}"
        return invalid(f"{where}: {remedy}" if remedy else where)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _quoted_end(text: str, start: int) -> int | None:
    """The position after the closing quote of a quoted value that begins at `start`."""
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
    """An OR, where conditions that differ only in a value are merged into one."""
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

"""What the embedded Shooju knows, as one table: the documentation is made from it, and the tests hold it to it."""

from __future__ import annotations

from typing import NamedTuple

from pandas_shooju.local import operators
from pandas_shooju.local.fields import META


class Supported(NamedTuple):
    """One thing that a query, an expression or a request may use."""

    #: ``"query"``, ``"operator"``, ``"expression"`` or ``"meta field"``
    kind: str
    form: str
    meaning: str
    #: whether the service is known to have it; the others are ours
    known: bool = True


_QUERIES = (
    (r"sid=users\sam\gdp", "that series; with a * those that match; a list in parentheses, any of them"),
    (r"sid:users\sam", "that series, and every series below that path"),
    (r"tree:users\sam", "every series below that path"),
    ('unit="US$ bn"', "a field's value, regardless of case; with a * those that match"),
    ("unit:MW", "the same"),
    ("source_obj.country_name=France", "a value inside of an object"),
    ("scenario=(base,high)", "any of the values"),
    ("meta.points_max=5", "by meta data"),
    ("job:17", "written by that job"),
    ("word", "free text: part of an id, or of a field's value"),
    ("a b", "both; a AND b is the same"),
    ("a OR b", "one of the two"),
    ("not a", "all the others"),
    ("(a OR b) c", "grouping"),
)

_EXPRESSIONS = (
    ("={{sid=a}}/1000", "a series and numbers, with + - * /"),
    ("={{sid=a}}+{{sid=b}}", "two series, on the dates that both have"),
    ("={{sid=a}}.add({{sid=b}}, fill_value=0)", "with a value for a date that one lacks; subtract, multiply, divide"),
    ("={{sid=a@lag:1y}}@A:M", "operators inside and outside"),
    ("=F.multi_sum(r'sid:a', operators='@A:M', key_fields=[])", "the sum of all the series that a query finds"),
)


def supported() -> list[Supported]:
    """Everything that there is, in the order of the documentation; operators that a program added come last."""
    table = [Supported("query", form, meaning) for form, meaning in _QUERIES]
    table += [Supported("operator", f"@{name}", meaning) for name, meaning in operators.SOURCES.items()]
    for name, transform in operators.TRANSFORMS.items():
        form, _, meaning = (transform.__doc__ or "").partition(": ")
        built_in = name in operators.BUILT_IN
        table.append(Supported("operator", form.strip("`") if built_in else f"@{name}", meaning.rstrip("."), built_in))
    table += [Supported("expression", form, meaning) for form, meaning in _EXPRESSIONS]
    table += [Supported("meta field", f"meta.{name}", meaning, known) for name, (meaning, known) in META.items()]
    return table

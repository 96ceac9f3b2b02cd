"""Everything that the embedded Shooju supports, as one table, from which the documentation is made.

The rows come from the tables by which the code works (`operators`, `meta`, `parameters`, the routes of `app`); only
query forms, dates and expressions, which are code in the parsers, are listed here. The tests run every row, and check
that nothing is missing.
"""

from __future__ import annotations

from typing import NamedTuple

from pandas_shooju.local import operators
from pandas_shooju.local.certainty import Status
from pandas_shooju.local.meta import META
from pandas_shooju.local.parameters import PARAMETERS
from pandas_shooju.local.query.jobs import JOB_FIELDS


class Supported(NamedTuple):
    """One thing that a query, an expression or a request may use."""

    #: ``"query"``, ``"date"``, ``"operator"``, ``"expression"``, ``"meta field"``, ``"job field"`` or ``"parameter"``
    kind: str
    form: str
    meaning: str
    status: Status = "known"


_QUERIES: tuple[tuple[str, str, Status], ...] = (
    (r"sid=users\sam\gdp", "that series; with a *, those that match", "known"),
    (r'sid=("users\sam\gdp",a)', "any of these series", "known"),
    (r"sid:users\sam", "that series, and every series below that path", "known"),
    (r"tree:users\sam", "every series below that path", "known"),
    ("*", "every series; so does an empty query", "inferred"),
    ('unit="US$ bn"', "a field has that value, regardless of case; with a *, one that matches", "known"),
    ("unit:MW", "the same", "known"),
    ("unit = MW", "the same, with spaces around the sign", "inferred"),
    ('description:"US GDP"*', "the value begins like this", "known"),
    ('"Bidding Zone"=DE-LU', "a field whose name contains spaces", "inferred"),
    ("capacity=200.0", "a number, however it is written", "inferred"),
    ("start=2024-01-31", "a date, by its day (UTC)", "inferred"),
    ("source_obj.country_name=France", "a value inside of an object", "known"),
    ("scenario=(base,high)", "any of the values", "known"),
    ("capacity>=200", "a number is larger; also > < <=", "inferred"),
    ("start>2024-01-31", "a date is later, also than a relative one (-1yb)", "inferred"),
    ("set=unit", "the series has that field", "inferred"),
    ("meta.points_max=5", "by a meta field", "known"),
    ("meta.dates_max>=0db", "a meta field compared with a number, a date or a relative date", "known"),
    ("job:17", "written by that job; also meta.job:17", "known"),
    ("word", "free text: part of an id, or of the value of a field", "known"),
    ("a b", "both; a AND b is the same", "known"),
    ("a OR b", "at least one of the two", "known"),
    ("a || b", "the same", "inferred"),
    ("not a", "all others", "known"),
    ("(a OR b) c", "grouping", "known"),
)

_DATES: tuple[tuple[str, str, Status], ...] = (
    ("1577836800000", "milliseconds since 1970-01-01", "known"),
    ("2024-01-31", "an ISO date, also with a time (2024-01-31T10:00) and an offset (+01:00); UTC by default", "known"),
    ("MIN", "the first date there is", "known"),
    ("MAX", "the last", "known"),
    ("-1y", "relative to now: years; also -1d (days) and +2h (hours)", "known"),
    ("-1M", "months; also -1w (weeks) and -5m (minutes)", "inferred"),
    ("-1q", "quarters", "ours"),
    ("0d", "a term without a sign: now", "known"),
    ("-2y -1d", "several terms, one after the other", "known"),
    ("0db", "the beginning of a period, in UTC: today at 00:00; -1yb is the first of January of last year", "known"),
)

_EXPRESSIONS: tuple[tuple[str, str, Status], ...] = (
    ("={{sid=a}}/1000", "a series and numbers, with + - * /", "known"),
    ("={{sid=a}}+{{sid=b}}", "two series, on the dates that both have", "known"),
    (
        "={{sid=a}}.add({{sid=b}}, axis=0, fill_value=0)",
        "with a value for a date that one lacks; also subtract, multiply, divide",
        "known",
    ),
    ("={{sid=a@lag:1y}}@A:M", "operators inside and outside", "known"),
    (
        "=F.multi_sum(r'sid:a', operators=('@A:M'), key_fields=[])",
        "the sum of all series that a query finds; key_fields must be empty",
        "known",
    ),
    ("=F.multi_sum(r'sid:a', [])/1000", "the same in arithmetic, with key_fields by position", "known"),
)


def supported() -> list[Supported]:
    """Everything that is supported, in the order of the documentation; operators that a program added come last."""
    table = [Supported("query", *row) for row in _QUERIES]
    table += [Supported("date", *row) for row in _DATES]
    forms = operators.SOURCES | operators.FORMS
    table += [Supported("operator", *form) for form in forms.values()]
    table += [
        Supported("operator", f"@{name}", "added by a program", "ours")
        for name in operators.TRANSFORMS
        if name not in forms
    ]
    table += [Supported("expression", *row) for row in _EXPRESSIONS]
    table += [Supported("meta field", f"meta.{name}", field.meaning, field.status) for name, field in META.items()]
    table += [Supported("job field", name, *field) for name, field in JOB_FIELDS.items()]
    table += [Supported("parameter", name, *parameter) for name, parameter in PARAMETERS.items()]
    return table


def markdown() -> str:
    """The table of what is built in, in Markdown."""
    lines = ["| | form | meaning | |", "|---|---|---|---|"]
    for row in supported():
        if row.meaning != "added by a program":
            form = row.form.replace("|", r"\|")
            lines.append(f"| {row.kind} | `{form}` | {row.meaning} | {row.status} |")
    return "\n".join(lines)

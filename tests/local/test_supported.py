"""The table of what the embedded Shooju supports: every row works, and nothing of the code is missing in it."""

from __future__ import annotations

import re
import string
import typing

import pytest

from pandas_shooju.local import expressions, operators
from pandas_shooju.local.dates import parse_span
from pandas_shooju.local.endpoints.routes import ROUTES
from pandas_shooju.local.meta import META
from pandas_shooju.local.parameters import NO_DIFFERENCE, PARAMETERS
from pandas_shooju.local.query import tree
from pandas_shooju.local.query.parser import parse
from pandas_shooju.local.supported import supported


@pytest.mark.parametrize("row", supported(), ids=lambda row: row.form)
def test_everything_in_the_table_of_what_is_supported_works(api, row):
    job = api.job()
    for _ in range(17):
        api.job()
    for series_id in ("a", "b"):
        api.put(series_id, [[0, 5.0]], job=job, fields={"timezone": "Europe/London"})
    query, parameters = row.form, {}
    match row.kind:
        case "date":
            query, parameters = "*", {"df": row.form}
        case "job field":
            found = api.call("GET", "/jobs", query=f"set={row.form}", sort=row.form, fields=row.form)
            assert found["success"], found
            return
        case "operator":
            query = "sid=a" + row.form
        case "meta field":
            types = {"date": "{}>1970-01-01", "text": '{}="sam"', "job": "{}=1", "jobs": "{}=1", "number": "{}<=5"}
            query = types[META[row.form.removeprefix("meta.")].type].format(row.form)
            parameters = {"sort": row.form}
        case "parameter":
            return  # see test_every_parameter_is_described
    answer = api.call("GET", "/series", query=query, max_points=-1, fields="*", **parameters)
    assert answer["success"], answer
    assert not any("error" in series for series in answer["series"]), answer
    if row.kind == "meta field":
        api.fields("sid=a", row.form)


def test_every_parameter_is_described():
    used = {name for route in ROUTES for name in route.parameters} | set(NO_DIFFERENCE)
    assert used == set(PARAMETERS)


def test_every_operator_is_described():
    assert set(operators.FORMS) == operators.BUILT_IN
    for name, form in (operators.FORMS | operators.SOURCES).items():
        assert form.example.partition(":")[0].lower() == f"@{name}"


def test_every_part_of_the_query_language_is_described():
    def nodes(node):
        yield node
        for inner in (*getattr(node, "parts", ()), *([node.part] if isinstance(node, tree.Not) else ())):
            yield from nodes(inner)

    found = [node for row in supported() if row.kind == "query" for node in nodes(parse(row.form).condition)]
    assert {type(node) for node in found} == set(typing.get_args(tree.Node))
    assert {node.form for node in found if isinstance(node, tree.Sid)} == {tree.EXACT, tree.BELOW, tree.TREE}
    texts = [text for node in found for text in getattr(node, "values", ())]
    assert {text.quoted for text in texts} == {text.prefix for text in texts} == {True, False}
    described = " ".join(f"{row.form} {row.meaning}" for row in supported() if row.kind == "query")
    assert all(sign in described for sign in ("=", ":", ">", "<", ">=", "<=", "||", " OR ", "AND", "not ", "(", "*"))


def test_every_part_of_expressions_is_described():
    described = " ".join(f"{row.form} {row.meaning}" for row in supported() if row.kind == "expression")
    for name in (*(sign for sign, _ in expressions._SIGNS.values()), *expressions._METHODS, "F.multi_sum"):
        assert name in described


def test_every_unit_of_dates_is_described():
    described = " ".join(f"{row.form} {row.meaning}" for row in supported() if row.kind == "date")
    units = {letter for letter in string.ascii_letters if parse_span(f"1{letter}") is not None}
    assert units == set(re.findall(r"[-+]\d([A-Za-z])", described))


def test_every_field_of_jobs_is_described(api):
    job = api.call("GET", f"/jobs/{api.job()}")["job"]
    held = {*(job.keys() - {"stats"}), *(f"stats.{name}" for name in job["stats"])}
    assert held == {row.form for row in supported() if row.kind == "job field"}

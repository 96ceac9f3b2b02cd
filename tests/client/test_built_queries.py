"""Queries and expressions that the builders make, answered by the embedded server."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandas_shooju import query
from pandas_shooju.query import field, series, under, values


def test_what_is_built_finds_what_is_meant(sj, path):
    ids = [rf"{path}\plain", rf"{path}\with space", rf'{path}\"quoted" (x)', rf"{path}\a@b=c", rf"{path}\100%\ü,é"]
    with sj.register_job("nasty ids", batch_size=10) as job:
        for number, series_id in enumerate(ids):
            job.write(series(series_id), fields={"name": series_id, "n": number}, points=[(0, number)])
    for number, series_id in enumerate(ids):
        assert sj.get_series(series(series_id), max_points=-1)["points"][0].value == number
        [found] = sj.scroll((field("name") == series_id) & under(path), fields=["n"])
        assert (found["series_id"], found["fields"]["n"]) == (series_id, number)
    assert len(list(sj.scroll(under(path) & ~field("n").isin([0, 1])))) == 3
    job_id = job.job_id
    assert sj.get_series(series(ids[0]).asof(job_id), max_points=-1)["points"][0].value == 0


NUMBERS = st.integers(1, 9) | st.sampled_from([0.5, -2.0])


@st.composite
def calculations(draw, depth=4):
    """An expression over the series a, b and c, and what it is when these are 2, 3 and 5."""
    if depth == 0 or draw(st.booleans()):
        name, value = draw(st.sampled_from([("a", 2.0), ("b", 3.0), ("c", 5.0)]))
        return values(series(rf"calculated\{name}")), value
    left, x = draw(calculations(depth=depth - 1))
    number = draw(NUMBERS | st.none())
    right, y = draw(calculations(depth=depth - 1)) if number is None else (number, float(number))
    if number is not None and draw(st.booleans()):
        left, right, x, y = right, left, y, x
    sign = draw(st.sampled_from("+-*/"))
    result = {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else None}[sign]
    if result is None:
        return values(series(r"calculated\a")), 2.0
    if isinstance(left, query.Expression) and draw(st.booleans()):
        method = {"+": left.add, "-": left.subtract, "*": left.multiply, "/": left.divide}[sign]
        return method(right, fill_value=draw(st.sampled_from([None, 0]))), result
    return {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right, "/": lambda: left / right}[
        sign
    ](), result


@pytest.fixture(scope="module")
def calculated(sj):
    with sj.register_job("to calculate with", batch_size=9) as job:
        for name, value in [("a", 2), ("b", 3), ("c", 5)]:
            job.write(series(rf"calculated\{name}"), points=[(0, value)])
    return sj


@given(st.lists(calculations(), min_size=20, max_size=20))
@settings(max_examples=10, deadline=None)
def test_expressions_are_calculated_as_python_would(calculated, built):
    mget = calculated.mget()
    for expression, _ in built:
        mget.get_series(expression, max_points=-1)
    for series_, (expression, expected) in zip(mget.fetch(), built, strict=True):
        assert series_["points"][0].value == pytest.approx(expected), expression


def test_a_sum_of_many_series_is_not_nested(sj, path):
    with sj.register_job("many to add", batch_size=100) as job:
        for number in range(100):
            job.write(series(rf"{path}\{number}"), points=[(0, number)])
    total = sum(values(series(rf"{path}\{number}")) for number in range(100))
    assert sj.get_series(total, max_points=-1)["points"][0].value == sum(range(100))
    assert sj.get_series(query.multi_sum(under(path)), max_points=-1)["points"][0].value == sum(range(100))

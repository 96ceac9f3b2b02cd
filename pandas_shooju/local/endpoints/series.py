"""Reading series: search, page by page, and many single series in one call; report dates."""

from __future__ import annotations

import sqlite3
from typing import Any

import numpy as np

from pandas_shooju.local import reading
from pandas_shooju.local.call import Call, Scroll
from pandas_shooju.local.dates import clipped, parse_date
from pandas_shooju.local.errors import ApiError, invalid, not_found
from pandas_shooju.local.expressions import evaluate, is_expression
from pandas_shooju.local.operators import is_known
from pandas_shooju.local.query import tree
from pandas_shooju.local.query.order import in_order
from pandas_shooju.local.query.parser import parse, parse_operators
from pandas_shooju.local.query.search import find
from pandas_shooju.local.reading import Request, as_item, read_series, request_from
from pandas_shooju.local.store import catalogue, points
from pandas_shooju.local.store.catalogue import Series
from pandas_shooju.local.store.jobs import now
from pandas_shooju.local.store.points import EARLIEST, LATEST

#: how many series a search gives without being told, and at most on a page
_PER_PAGE, _SCROLL_PAGE, _LARGEST_PAGE = 100, 2_500, 10_000
#: the most single series in one call
_MOST_SINGLE = 1_000


def search(call: Call) -> dict[str, Any]:
    """``GET /series``."""
    parameters = call.parameters
    if parameters.get("scroll_id"):
        return _next_page(call, parameters["scroll_id"])
    text = parameters.get("query", "").strip()
    if not text and parameters.get("series_id"):
        return single(call, {"series_ids": [parameters["series_id"]]}) | {"total": 1}
    if is_expression(text):
        return _expression_as_search(call, text)
    query = parse(text)
    operators = query.operators + parse_operators(parameters.get("operators", ""))
    request = request_from(dict(parameters), operators, now(), _included(call))
    scrolls = call.flag("scroll")
    page = call.number("scroll_batch_size", _SCROLL_PAGE, least=1) if scrolls else call.number("per_page", _PER_PAGE)
    with call.database.reading() as db:
        ids = find(db, query.condition)
        total = len(ids)
        if parameters.get("sort"):
            ids = in_order(db, ids, parameters["sort"])
        if not scrolls:
            return _answer(_page(db, ids[:page].tolist(), request), request) | {"total": total}
    scroll = Scroll(ids, request, min(page, _LARGEST_PAGE))
    return _next_page(call, call.scrolls.add(scroll))


def _expression_as_search(call: Call, text: str) -> dict[str, Any]:
    """A search by an expression finds one series: what the expression gives."""
    request = request_from(dict(call.parameters), (), now(), _included(call))
    with call.database.reading() as db:
        line = evaluate(db, text, parse_operators(call.parameters.get("operators", "")))
        item = {"series_id": text} | as_item(db, None, line, request)
    answer = _answer([item], request) | {"total": 1}
    if call.flag("scroll"):
        answer["scroll_id"] = call.scrolls.add(Scroll(np.empty(0, np.int64), request, 1))
    return answer


def _next_page(call: Call, scroll_id: str) -> dict[str, Any]:
    """The next page of a scroll; to a call that is sent again, the page that it asked for before.

    A call of which nothing arrived the first time looks just like one whose answer was lost: it gets the last page
    twice, which its sender can see, as the ids are the same.
    """
    scroll = call.scrolls.get(scroll_id)
    request, again = scroll.request, call.again
    with scroll.lock:
        if not again:
            # before anything can fail: who is turned away now, and asks again, means this page
            scroll.begin = scroll.end
        with call.database.reading() as db:
            items: list[dict[str, Any]] = []
            position = scroll.begin
            while not items and position < len(scroll.ids):
                ids = scroll.ids[position : position + scroll.page].tolist()
                if request.wanted is not None:
                    # rather a shorter page than one that fills the memory
                    ids = ids[: points.fitting(db, ids, request.wanted.limit)]
                items = _page(db, ids, request)
                position += len(ids)
            scroll.end = position
    return _answer(items, request) | {"total": len(scroll.ids), "scroll_id": scroll_id}


def _page(db: sqlite3.Connection, ids: list[int], request: Request) -> list[dict[str, Any]]:
    rows = catalogue.get_many(db, ids)
    suffix = tree.operators_text(request.operators)
    return [
        {"series_id": row.name + suffix} | item for row, item in zip(rows, read_series(db, rows, request), strict=True)
    ]


def many(call: Call) -> dict[str, Any]:
    """``POST /series``."""
    return single(call, call.document)


def single(call: Call, document: dict[str, Any]) -> dict[str, Any]:
    """Single series, each by a query or an id, in the order asked."""
    found = [name for name in ("series_queries", "series_ids", "series") if document.get(name) is not None]
    if len(found) != 1 or not isinstance(document[found[0]], list):
        raise invalid("the body holds one of the lists series_queries, series_ids and series")
    asked = document[found[0]]
    if len(asked) > _MOST_SINGLE:
        raise invalid(f"{len(asked)} series in one call; {_MOST_SINGLE} is the limit")
    defaults = dict(call.parameters)
    included, moment = _included(call), now()
    items: list[dict[str, Any]] = [{}] * len(asked)
    # those that are read alike are read together
    together: dict[Request, list[tuple[int, str, Series]]] = {}
    with call.database.reading() as db:
        for place, one in enumerate(asked):
            try:
                expression = _expression_of(one)
                if expression is not None:
                    items[place] = _expression_item(db, expression, defaults, moment, included)
                    continue
                label, row, operators, given = _one(db, one, by_query=found[0] == "series_queries")
                request = request_from(defaults | given, operators, moment, included)
                together.setdefault(request, []).append((place, label, row))
            except ApiError as error:
                items[place] = error.as_item()
        for request, members in together.items():
            read = read_series(db, [row for _, _, row in members], request)
            for (place, label, _), item in zip(members, read, strict=True):
                items[place] = item if "error" in item else {"series_id": label} | item
    return _answer(items, Request(include_job=included[0], include_timestamp=included[1]))


def _expression_of(asked: Any) -> dict[str, Any] | None:
    """An item of a bulk call, where it asks for an expression."""
    given = {"query": asked} if isinstance(asked, str) else asked
    if isinstance(given, dict) and isinstance(given.get("query"), str) and is_expression(given["query"]):
        return given
    return None


def _expression_item(
    db: sqlite3.Connection, given: dict[str, Any], defaults: dict[str, Any], moment: int, included: tuple[bool, bool]
) -> dict[str, Any]:
    parameters = {name: value for name, value in given.items() if value is not None}
    request = request_from(defaults | parameters, (), moment, included)
    line = evaluate(db, given["query"], parse_operators(_operators_of(given)))
    return {"series_id": "$" + given["query"].strip()} | as_item(db, None, line, request)


def _operators_of(given: dict[str, Any]) -> str:
    extra = given.get("operators") or ""
    if not isinstance(extra, str):
        raise invalid(f"operators are a text such as '@A:M', not {type(extra).__name__}")
    return extra


def _one(
    db: sqlite3.Connection, asked: Any, by_query: bool
) -> tuple[str, Series, tuple[tree.Operator, ...], dict[str, Any]]:
    """What one item of a bulk call asks for: its label in the answer, the series, operators, parameters."""
    key = "query" if by_query else "series_id"
    given = {key: asked} if isinstance(asked, str) else asked
    if not isinstance(given, dict) or not isinstance(given.get(key), str) or not given[key].strip():
        raise invalid(f"an item of the list is a text, or an object with a {key}; it is {str(asked)[:200]!r}")
    text = given[key].strip()
    extra = _operators_of(given)
    parameters = {name: value for name, value in given.items() if value is not None and name != key}
    if not by_query:
        row, operators = _by_id(db, text)
        return row.name + tree.operators_text(operators), row, operators + parse_operators(extra), parameters
    query = parse(text)
    if query.single_id is not None:
        one = catalogue.get(db, query.single_id)
        if one is None:
            raise not_found(text[:200])
    else:
        ids = find(db, query.condition)
        if len(ids) > 1:
            raise invalid(f"the query {text[:200]!r} finds {len(ids)} series, where one is asked for")
        if not len(ids):
            raise not_found(text[:200])
        one = catalogue.get_many(db, ids.tolist())[0]
    return "$" + text, one, query.operators + parse_operators(extra), parameters


def _by_id(db: sqlite3.Connection, text: str) -> tuple[Series, tuple[tree.Operator, ...]]:
    """The series with a plain id, which may end in operators; an ``@`` may also be part of the id."""
    at = len(text)
    while at >= 0:
        row = catalogue.get(db, text[:at])
        if row is not None:
            return row, parse_operators(text[at:])
        at = text.rfind("@", 0, at)
    start = text.find("@")
    if start > 0:
        # nobody knows which of the two is meant; an operator that does not exist is the better guess
        unknown = [op.name for op in parse_operators(text[start:]) if not is_known(op.name)]
        if unknown and catalogue.get(db, text[:start]) is not None:
            raise invalid(f"operator {unknown[0]} is not supported")
    raise not_found(text[:200])


def reported_dates(call: Call) -> dict[str, Any]:
    """``GET /series/reported_dates``."""
    parameters = call.parameters
    first = parse_date(parameters.get("df"), "df", now())
    last = parse_date(parameters.get("dt"), "dt", now())
    first, last = EARLIEST if first is None else first, LATEST if last is None else last
    with call.database.reading() as db:
        if parameters.get("series_query"):
            _, row, operators, _ = _one(db, parameters["series_query"], by_query=True)
            if operators:
                raise invalid("the query for report dates takes no operators")
            dates = reading.report_dates(db, row.id, parameters.get("mode") or "all").dates.tolist()
        elif parameters.get("job_id"):
            dates = reading.report_dates_of_job(db, call.number("job_id", 0), parameters.get("mode"))
        elif parameters.get("processor"):
            raise invalid("report dates by processor are not supported")
        else:
            raise invalid("report dates are asked for with a series_query or a job_id")
    return {"reported_dates": [date for date in dates if clipped(first) <= date <= clipped(last)]}


def _included(call: Call) -> tuple[bool, bool]:
    return call.flag("include_job"), call.flag("include_timestamp")


def _answer(items: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    answer: dict[str, Any] = {"series": items}
    if request.include_job:
        answer["included_job"] = True
    if request.include_timestamp:
        answer["included_timestamp"] = True
    return answer

"""Reading series: search, page by page, and many single series in one call; report dates."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pandas_shooju.local import operators, reading
from pandas_shooju.local.call import Call, Scroll
from pandas_shooju.local.dates import clipped, parse_date
from pandas_shooju.local.differences import Differences
from pandas_shooju.local.errors import ApiError, check_keys, invalid, not_found
from pandas_shooju.local.expressions import evaluate, is_expression
from pandas_shooju.local.fields import check_names, field_names
from pandas_shooju.local.ids import check_id
from pandas_shooju.local.parameters import NO_DIFFERENCE
from pandas_shooju.local.query import tree
from pandas_shooju.local.query.facets import facets
from pandas_shooju.local.query.order import in_order
from pandas_shooju.local.query.parser import parse, parse_operators
from pandas_shooju.local.query.search import count, find
from pandas_shooju.local.query.tree import Everything, Operator, Query
from pandas_shooju.local.reading import Request, as_item, last_revision, read_series, request_from, single_series
from pandas_shooju.local.store import catalog, points
from pandas_shooju.local.store.catalog import Series
from pandas_shooju.local.store.chunks import EARLIEST, LATEST
from pandas_shooju.local.store.folders import folders
from pandas_shooju.local.store.jobs import now

#: how many series a search returns by default, and at most on a page
_PER_PAGE, _SCROLL_PAGE, _LARGEST_PAGE = 100, 2_500, 10_000
#: how many values per field a facet has by default, and at most
_FACET_VALUES, _MOST_FACET_VALUES = 100, 1_000_000
#: how many levels of folders are listed by default, and at most
_DEPTH, _DEEPEST = 2, 100
#: the most single series in one call
_MOST_SINGLE = 1_000

#: what an item of a bulk call may contain, beside the query or series id
ITEM_KEYS = (
    *("df", "dt", "max_points", "fields", "operators", "date_format", "include_job", "include_timestamp"),
    "_get_type",  # the published client sends it along, and never looks at it again
)


def search(call: Call) -> dict[str, Any]:
    """``GET /series``."""
    parameters = call.parameters
    if parameters.get("scroll_id"):
        # a client may send the parameters of its connection along with every call
        call.check_alone("scroll_id", *call.scrolls.repeated(parameters))
        return _next_page(call, parameters["scroll_id"])
    text = parameters.get("query", "").strip()
    if parameters.get("series_id"):
        if text:
            raise invalid("query and series_id must not both be given")
        call.check_alone("series_id", *ITEM_KEYS)
        suffix = tree.operators_text(parse_operators(parameters.get("operators", "")))
        return single(call, {"series_ids": [parameters["series_id"] + suffix]}) | {"total": 1}
    if is_expression(text):
        return _expression_as_search(call, text)
    query = parse(text)
    given = query.operators + parse_operators(parameters.get("operators", ""))
    request = request_from(dict(parameters), given, now(), call.included)
    scrolls = call.yes_or_no("scroll")
    page = call.number("per_page", _PER_PAGE)
    if scrolls:
        page = call.number("scroll_batch_size", page or _SCROLL_PAGE if "per_page" in parameters else _SCROLL_PAGE, 1)
    elif call.number("scroll_batch_size", page, 1) != page:
        raise invalid("scroll_batch_size must be combined with scroll; without it, the number of series is per_page")
    names = field_names(parameters.get("facets"), "facets")
    most = call.number("max_facet_values", _FACET_VALUES, 1, _MOST_FACET_VALUES)
    if not names and parameters.get("max_facet_values"):
        raise invalid("max_facet_values must be combined with facets")
    if names and any(operator.name.lower() in operators.SOURCES for operator in given):
        raise invalid(
            "facets are of the current fields, and cannot be combined with asof, repdate, repfdate or repdatelist"
        )
    answer: dict[str, Any] = {}
    with call.database.reading() as db:
        check_names(db, request.fields)
        revision = last_revision(db, given)
        differences = _differences(call, db, request)
        everything = isinstance(query.condition, Everything) and revision is None
        if page == 0 and not scrolls and (everything or not names) and not parameters.get("sort"):
            ids, total = np.empty(0, np.int64), count(db, query.condition, revision)
        else:
            ids = find(db, query.condition, revision)
            total = len(ids)
        if names:
            answer["facets"] = facets(db, names, None if everything else ids, most)
        if parameters.get("sort"):
            ids = in_order(db, ids, parameters["sort"])
        if differences is not None:
            rows = catalog.get_many(db, ids[:page].tolist())
            items = [{"series_id": row.name} | differences.item(row, request.wanted, request.fields) for row in rows]
            # rows of four columns have no form in SJTS
            call.plain_answer = True
            return answer | {"series": items, "total": total}
        if not scrolls:
            return answer | _answer(_page(db, ids[:page].tolist(), request), request) | {"total": total}
    scroll = Scroll(ids, request, min(page, _LARGEST_PAGE), dict(parameters))
    return answer | _next_page(call, call.scrolls.add(scroll))


def _differences(call: Call, db: sqlite3.Connection, request: Request) -> Differences | None:
    points_only = call.yes_or_no("diff_points_only")
    if not call.parameters.get("diff_job_id"):
        if points_only:
            raise invalid("diff_points_only must be combined with diff_job_id")
        return None
    if request.operators or request.include_job or request.include_timestamp or call.yes_or_no("scroll"):
        raise invalid("diff_job_id cannot be combined with operators, include_job, include_timestamp or scroll")
    return Differences(db, call.number("diff_job_id", 0, 1), points_only)


def _expression_as_search(call: Call, text: str) -> dict[str, Any]:
    """A search by an expression finds one series: the result of the expression."""
    for name in ("facets", "max_facet_values", "diff_job_id", "diff_points_only", "sort"):
        if call.parameters.get(name):
            raise invalid(f"{name} cannot be combined with an expression")
    request = request_from(dict(call.parameters), (), now(), call.included)
    with call.database.reading() as db:
        check_names(db, request.fields)
        line = evaluate(db, text, parse_operators(call.parameters.get("operators", "")))
        item = {"series_id": text} | as_item(db, None, line, request)
    answer = _answer([item][: call.number("per_page", 1)], request) | {"total": 1}
    if call.yes_or_no("scroll"):
        answer["scroll_id"] = call.scrolls.add(Scroll(np.empty(0, np.int64), request, 1, dict(call.parameters)))
    return answer


def _next_page(call: Call, scroll_id: str) -> dict[str, Any]:
    """The next page of a scroll; for a call that is sent again, the page that it asked for before.

    A call that never arrived the first time looks just like one whose response was lost: its sender gets the last page
    twice, which it can see, as the ids are the same.
    """
    scroll = call.scrolls.get(scroll_id)
    request, again = scroll.request, call.is_retry
    with scroll.lock:
        if not again:
            # before anything can fail: a caller that fails now, and asks again, means this page
            scroll.begin = scroll.end
        with call.database.reading() as db:
            items: list[dict[str, Any]] = []
            position = scroll.begin
            while not items and position < len(scroll.ids):
                ids = scroll.ids[position : position + scroll.page].tolist()
                if request.wanted is not None:
                    # a shorter page is better than one that fills the memory
                    ids = ids[: points.fitting(db, ids, request.wanted.limit)]
                items = _page(db, ids, request)
                position += len(ids)
            scroll.end = position
    return _answer(items, request) | {"total": len(scroll.ids), "scroll_id": scroll_id}


def _page(db: sqlite3.Connection, ids: list[int], request: Request) -> list[dict[str, Any]]:
    rows = catalog.get_many(db, ids)
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
        raise invalid("the body must contain one of the lists series_queries, series_ids and series")
    asked = document[found[0]]
    if len(asked) > _MOST_SINGLE:
        raise invalid(f"there are {len(asked)} series in one call; the limit is {_MOST_SINGLE}")
    defaults = {name: value for name, value in call.parameters.items() if name in ITEM_KEYS and name != "operators"}
    moment = now()
    # all points of a response have the same columns
    included = _included(call, asked)
    items: list[dict[str, Any]] = [{}] * len(asked)
    #: the request of items without parameters of their own
    usual: Request | None = None
    # those that are read alike are read together
    together: dict[Request, list[tuple[int, str, Series]]] = {}
    with call.database.reading() as db:
        known = catalog.Known(db, map(catalog.key_of, _ids(asked, found[0])))
        for place, one in enumerate(asked):
            try:
                by_query = found[0] == "series_queries"
                text, given = _checked(one, "query" if by_query else "series_id")
                if not by_query and text.startswith("$") and known.get(text) is None:
                    by_query, text = True, text[1:].strip()
                extra = parse_operators(_operators_of(given))
                # also of a series that does not exist
                if given or usual is None:
                    request = request_from(defaults | given, extra, moment, included)
                    check_names(db, request.fields)
                    usual = usual if given else request
                else:
                    request = usual
                if by_query and is_expression(text):
                    line = evaluate(db, text, extra)
                    items[place] = {"series_id": "$" + text} | as_item(db, None, line, replace(request, operators=()))
                    continue
                if by_query:
                    query, label = parse(text), "$" + text
                    operators.check(query.operators + extra)
                    row = single_series(db, query, text, extra, known)
                    of_series = query.operators
                else:
                    row, of_series = _by_id(db, text, extra, known)
                    label = row.name + tree.operators_text(of_series)
                if of_series:
                    request = request_from(defaults | given, of_series + extra, moment, included)
                together.setdefault(request, []).append((place, label, row))
            except ApiError as error:
                items[place] = error.as_item()
        for request, members in together.items():
            read = read_series(db, [row for _, _, row in members], request)
            for (place, label, _), item in zip(members, read, strict=True):
                items[place] = item if "error" in item else {"series_id": label} | item
    return _answer(items, Request(include_job=included[0], include_timestamp=included[1]))


def _included(call: Call, asked: list[Any]) -> tuple[bool, bool]:
    job, timestamp = call.included
    for item in asked:
        if isinstance(item, dict):
            job = job or call.is_yes("include_job", item.get("include_job"))
            timestamp = timestamp or call.is_yes("include_timestamp", item.get("include_timestamp"))
    return job, timestamp


def _checked(asked: Any, key: str) -> tuple[str, dict[str, Any]]:
    """The query or id in an item of a bulk call, and the item's parameters."""
    given = {key: asked} if isinstance(asked, str) else asked
    if not isinstance(given, dict) or not isinstance(given.get(key), str) or not given[key].strip():
        raise invalid(f"an item of the list must be a text, or an object with a {key}, got {str(asked)[:200]!r}")
    check_keys(given, {key, *ITEM_KEYS, *NO_DIFFERENCE}, "an item of a bulk call")
    if given.get("date_format") not in (None, "", "milli"):
        raise invalid(f"date_format must be milli, got {given['date_format']!r}")
    return given[key].strip(), {name: value for name, value in given.items() if value is not None and name != key}


def _ids(asked: list[Any], kind: str) -> Iterator[str]:
    """The ids in the items of a bulk call, as far as they have one."""
    key = "query" if kind == "series_queries" else "series_id"
    for one in asked:
        text = one.get(key) if isinstance(one, dict) else one
        if not isinstance(text, str):
            continue
        text = text.strip()
        if key == "series_id":
            yield text
        elif not is_expression(text):
            with contextlib.suppress(ApiError):  # the item is answered with this error later
                series_id = parse(text).single_id
                if series_id is not None:
                    yield series_id


def _operators_of(given: dict[str, Any]) -> str:
    extra = given.get("operators", "")
    if not isinstance(extra, str):
        raise invalid(f"operators must be a text such as '@A:M', got {type(extra).__name__}")
    return extra


def _by_id(
    db: sqlite3.Connection, text: str, further: tuple[Operator, ...], known: catalog.Known
) -> tuple[Series, tuple[Operator, ...]]:
    """The series with a plain id, which may end in operators; an ``@`` may also be part of the id."""
    at = len(text)
    while at >= 0:
        row = known.get(text[:at])
        if row is not None:
            given = parse_operators(text[at:])
            operators.check(given + further)
            revision = last_revision(db, given + further)
            if revision is not None and row.created > revision:
                raise not_found(text[:200])
            return row, given
        at = text.rfind("@", 0, at)
    start = text.find("@")
    if start > 0:
        # either the series or the operator does not exist; if the series does without it, it is the operator
        given = parse_operators(text[start:])
        missing = [op.name for op in given if not operators.is_known(op.name)]
        if not missing:
            operators.check(given + further)
        elif known.get(text[:start]) is not None:
            raise operators.unknown(missing[0])
    check_id(text[:start] if start > 0 else text)
    raise not_found(text[:200])


def reported_dates(call: Call) -> dict[str, Any]:
    """``GET /series/reported_dates``."""
    parameters = call.parameters
    first = parse_date(parameters.get("df"), "df", now())
    last = parse_date(parameters.get("dt"), "dt", now())
    first, last = EARLIEST if first is None else first, LATEST if last is None else last
    given = [name for name in ("series_query", "job_id", "processor") if parameters.get(name)]
    if "processor" in given:
        raise invalid("processor is not supported: report dates are found by series_query or by job_id")
    if len(given) != 1:
        raise invalid("report dates must be asked for by either a series_query or a job_id")
    mode = operators.report_mode(parameters.get("mode") or None)
    with call.database.reading() as db:
        if given == ["series_query"]:
            text = parameters["series_query"].strip()
            query: Query = parse(text)
            if query.operators:
                raise invalid(f"a series_query for report dates cannot have operators, got {text[:200]!r}")
            row = single_series(db, query, text)
            dates = reading.report_dates(db, row.id, mode).dates.tolist()
        else:
            dates = reading.report_dates_of_job(db, call.number("job_id", 0), mode)
    return {"reported_dates": [date for date in dates if clipped(first) <= date <= clipped(last)]}


def _answer(items: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    answer: dict[str, Any] = {"series": items}
    if request.include_job:
        answer["included_job"] = True
    if request.include_timestamp:
        answer["included_timestamp"] = True
    return answer


def tree_of(call: Call) -> dict[str, Any]:
    """``GET /series/tree``: folders and series below a path, each with the number of series in it."""
    path = call.parameters.get("folder", "")
    if path:
        check_id(path, path=True)
    depth = call.number("depth", _DEPTH, 1, _DEEPEST)
    with call.database.reading() as db:
        return {"folders": [list(one) for one in folders(db, path.removesuffix("\\"), depth)]}

"""Jobs: registering, finishing, listing."""

from __future__ import annotations

from typing import Any

from pandas_shooju.local.call import Call
from pandas_shooju.local.changes import Changes
from pandas_shooju.local.errors import forbidden, invalid
from pandas_shooju.local.fields import field_names
from pandas_shooju.local.query import jobs as finding
from pandas_shooju.local.query.parser import parse
from pandas_shooju.local.query.search import find
from pandas_shooju.local.store import jobs, mirrors

#: how many jobs are listed by default, and at most on a page
_PER_PAGE, _LARGEST_PAGE = 100, 10_000


def register(call: Call) -> dict[str, Any]:
    """``POST /jobs/``."""
    description = call.text("description").strip()
    if len(description) < 3:
        raise invalid(f"the description of a job must have at least 3 characters, got {description!r}")
    no_history = call.boolean("no_history")
    with call.database.writing() as db:
        job = jobs.register(db, call.user.name, call.text("source"), description, call.text("notes"), no_history)
    return {"job_id": job}


def finish(call: Call, job: int) -> dict[str, Any]:
    """``POST /jobs/{id}/finish``."""
    with call.database.writing() as db:
        owner = jobs.get(db, job)["user"]
        if not call.user.owns(owner):
            raise forbidden(f"job {job} belongs to {owner!r}: only that user and administrators can finish it")
        jobs.finish(db, job)
    return {}


def show(call: Call, job: int) -> dict[str, Any]:
    """``GET /jobs/{id}``."""
    with call.database.reading() as db:
        return {"job": jobs.get(db, job), "changes": f"/jobs/{job}/changes"}


def changes(call: Call, job: int) -> dict[str, Any]:
    """``GET /jobs/{id}/changes``: what a job did, and who has written the same since; the service has no such endpoint.

    Where it exists, the response of ``GET /jobs/{id}`` says so.
    """
    after, most = call.number("scroll_id", 0, -(2**53)), call.number("per_page", _PER_PAGE, 1, _LARGEST_PAGE)
    with call.database.reading() as db:
        mirrors.refuse(db, "a list of the changes of a job")
        return Changes(db, job).page(after, most)


def listed(call: Call) -> dict[str, Any]:
    """``GET /jobs``."""
    parameters = call.parameters
    names = field_names(parameters.get("fields"))
    for name in names:
        if name not in ("*", "stats", *finding.NAMES):
            raise invalid(f"jobs have no field {name[:100]!r}; the known names are stats, {', '.join(finding.NAMES)}")
    with call.database.reading() as db:
        series = None
        if parameters.get("filter"):
            mirrors.refuse(db, "filter")
            query = parse(parameters["filter"])
            if query.operators:
                raise invalid(f"filter cannot have operators, got {parameters['filter'][:200]!r}")
            series = find(db, query.condition)
        page = finding.find(
            db,
            parameters.get("query", ""),
            parameters.get("sort", ""),
            call.number("page", 1, 1, 10**9),
            call.number("per_page", _PER_PAGE, most=_LARGEST_PAGE),
            series,
        )
        results = jobs.get_many(db, page.ids)
        if names and "*" not in names:
            results = [_chosen(job, names) for job in results]
        if series is not None:
            touched = finding.touched(db, page.ids, series)
            for job_id, job in zip(page.ids, results, strict=True):
                changed, added, deleted = touched[job_id]
                job["filtered_series"] = {"changed": changed, "addedto": added, "delfrom": deleted}
    return {"results": results, "total": page.total}


def _chosen(job: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a job that were asked for; of dotted names, the part of `stats`."""
    chosen: dict[str, Any] = {}
    for name in names:
        outer, _, inner = name.partition(".")
        if inner:
            chosen.setdefault(outer, {})[inner] = job[outer][inner]
        else:
            chosen[name] = job[name]
    return chosen

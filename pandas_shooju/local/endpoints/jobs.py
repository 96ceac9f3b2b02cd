"""Jobs: registering, finishing, listing."""

from __future__ import annotations

from typing import Any

from pandas_shooju.local.call import Call
from pandas_shooju.local.errors import invalid
from pandas_shooju.local.store import jobs


def register(call: Call) -> dict[str, Any]:
    """``POST /jobs/``."""
    description = call.text("description").strip()
    if len(description) < 3:
        raise invalid(f"the description of a job needs 3 characters or more; it is {description!r}")
    no_history = call.document.get("no_history") or False
    if not isinstance(no_history, bool):
        raise invalid(f"no_history is {no_history!r}; it takes true or false")
    with call.database.writing() as db:
        job = jobs.register(db, call.user.name, call.text("source"), description, call.text("notes"), no_history)
    return {"job_id": job}


def finish(call: Call, job: int) -> dict[str, Any]:
    """``POST /jobs/{id}/finish``."""
    with call.database.writing() as db:
        jobs.finish(db, job)
    return {}


def show(call: Call, job: int) -> dict[str, Any]:
    """``GET /jobs/{id}``."""
    with call.database.reading() as db:
        return {"job": jobs.get(db, job)}


def listed(call: Call) -> dict[str, Any]:
    """``GET /jobs``."""
    count = call.number("per_page", 100, most=10_000)
    with call.database.reading() as db:
        return {"results": jobs.listed(db, count)}

"""The addresses of the API: which endpoint each calls, and the parameters and keys that it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from pandas_shooju.local.endpoints import files, jobs, mirror, series, service, writes
from pandas_shooju.local.errors import HttpError

Endpoint = Callable[..., dict[str, Any] | Response]


class Route(NamedTuple):
    """An address of the API."""

    method: str
    path: str
    endpoint: Endpoint
    #: the URL parameters that it takes, beside those that make no difference
    parameters: tuple[str, ...] = ()
    #: the keys of the object in its body; None if the body is something else
    body: tuple[str, ...] | None = None
    #: whether it may be called without credentials
    public: bool = False


_READ = ("df", "dt", "max_points", "fields", "include_job", "include_timestamp")
_SEARCH = (
    *("query", "series_id", "operators", "sort", "per_page", "scroll", "scroll_batch_size", "scroll_id"),
    *("facets", "max_facet_values", "diff_job_id", "diff_points_only", *_READ),
)
ROUTES: tuple[Route, ...] = (
    Route("GET", "/series", series.search, _SEARCH),
    Route("POST", "/series", series.many, _READ, ("series_queries", "series_ids", "series")),
    Route(
        "GET",
        "/series/reported_dates",
        series.reported_dates,
        ("series_query", "job_id", "processor", "mode", "df", "dt"),
    ),
    Route("GET", "/series/tree", series.tree_of, ("folder", "depth")),
    Route("POST", "/series/write", writes.write, ("job_id", "async_mode", "skip_meta_if_no_fields"), ("series",)),
    Route("DELETE", "/series/delete", writes.delete, (), ("query", "force", "job_id")),
    Route("POST", "/series/refresh", writes.always_fresh, (), ()),
    Route("DELETE", "/series/cache", writes.always_fresh, ("q",), ()),
    Route("GET", "/jobs", jobs.listed, ("query", "sort", "page", "per_page", "fields", "filter")),
    Route("POST", "/jobs", jobs.register, (), ("source", "description", "notes", "no_history")),
    Route("GET", "/jobs/<int:job>", jobs.show),
    Route("GET", "/jobs/<int:job>/changes", jobs.changes, ("scroll_id", "per_page")),
    Route("POST", "/jobs/<int:job>/finish", jobs.finish, (), ()),
    Route("GET", "/files", files.listed, ("per_page",)),
    Route("POST", "/files", files.upload),
    Route("GET", "/files/<file>", files.show),
    Route("GET", "/files/<file>/download", files.download),
    Route("POST", "/files/multipart/init", files.begin, (), ("filename", "custom")),
    Route("POST", "/files/multipart/upload", files.upload_part, ("file_id", "part_num")),
    Route("POST", "/files/multipart/complete", files.complete, ("file_id",), ()),
    Route("GET", "/mirror", mirror.show),
    Route("POST", "/mirror", mirror.change, (), ("version", "state", "complete", "todo", "gone", "jobs")),
    Route("GET", "/mirror/todo", mirror.todo, ("per_page",)),
    Route("DELETE", "/mirror/todo", mirror.forget, (), ("version",)),
    Route("GET", "/mirror/ids", mirror.ids),
    Route("GET", "/mirror/jobs", mirror.jobs),
    Route("POST", "/mirror/series", mirror.write, (), mirror.WRITTEN),
    Route("POST", "/auth/googleoauth", service.sign_in, (), ("token", "email"), public=True),
    Route("GET", "/auth/google_refresh_token", service.sign_in_link, public=True),
    Route("POST", "/auth/google_refresh_token", service.refresh_token, (), ("code",), public=True),
    Route("GET", "/status/ping", service.status, public=True),
    Route("GET", "/status/green", service.status, public=True),
)
_BASE = "/api/1"
_map = Map(
    [Rule(_BASE + route.path, methods=[route.method], endpoint=route) for route in ROUTES],
    strict_slashes=False,
    merge_slashes=False,
)


def match(request: Request) -> tuple[Route, dict[str, Any]]:
    """The route of a request, and the values in its path.

    Raises
    ------
    HttpError
        404 if there is none, 405 if it has other methods.
    """
    environ = request.environ
    path = environ.get("PATH_INFO", "")
    if path.startswith("//"):
        # the published client sends //api/1 for a URL that ends in a slash
        environ = {**environ, "PATH_INFO": "/" + path.lstrip("/")}
    try:
        return _map.bind_to_environ(environ).match()  # type: ignore[return-value]
    except MethodNotAllowed as error:
        known = ", ".join(error.valid_methods or ())
        raise HttpError(405, "method_not_allowed", f"{request.path[:200]} supports {known}") from None
    except NotFound:
        raise HttpError(404, "not_found", f"there is no {request.method} {request.path[:200]}") from None
    except HTTPException as error:
        raise HttpError(error.code or 400, "bad_request", str(error)) from None

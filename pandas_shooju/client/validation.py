"""The shape of every response, checked once: whatever a server sends, only `ShoojuError` results.

Each function takes a decoded response and returns the part of it that the caller needs, or raises `ShoojuFormatError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from pandas_shooju.errors import AuthenticationError, ShoojuApiError, ShoojuFormatError
from pandas_shooju.formats import Document


def check_success(
    document: Document, what: str, outcome_unknown: bool = False, without_key: Callable[[str], str] = str
) -> None:
    """Raise the error that a response describes.

    Parameters
    ----------
    document
        The response.
    what
        The name of the request.
    outcome_unknown
        Whether the server may have carried out the request in an earlier attempt.
    without_key
        Removes the credentials from what the server says.

    Raises
    ------
    AuthenticationError, ShoojuApiError
        The server refused the request.
    ShoojuFormatError
        The document is not a response of Shooju.
    """
    root = document.root
    if not isinstance(root, dict) or not isinstance(root.get("success"), bool):
        raise _misshapen(f"the response to {what} must contain 'success': true or false; is that a Shooju server?")
    if not root["success"]:
        said = {name: without_key(str(root[name])) for name in ("error", "description") if root.get(name) is not None}
        error = ShoojuApiError.from_answer(said)
        if error.error == "unauthorized":
            error = AuthenticationError(
                f"{error}; check the user and the API key ({what})",
                error=error.error,
                description=error.description,
            )
        error.outcome_unknown = outcome_unknown
        raise error


def check_page(document: Document) -> None:
    """Check a page of a search: that it has series, how many there are in all, and the way to the next page."""
    root = document.root
    if not document.has_series:
        raise _wrong("a list of objects under 'series'", root)
    if not (root.get("total") is None or _is_id(root["total"])) or not isinstance(
        root.get("scroll_id"), str | int | None
    ):
        raise _wrong("a number 'total' and a string 'scroll_id'", root)


def series_items(document: Document) -> list[dict[str, Any]]:
    """The series and errors that a read returned, as dicts."""
    items = document.items()
    for item in items:
        if not isinstance(item, dict) or not (item.get("error") or _is_series(item)):
            raise _wrong("a list of series under 'series', with a string 'series_id' and objects 'fields', 'tz'", item)
    return items


def _is_series(item: dict[str, Any]) -> bool:
    tz = item.get("tz")
    return (
        isinstance(item.get("series_id"), str)
        and isinstance(item.get("fields"), dict | None)
        and (tz is None or (isinstance(tz, dict) and isinstance(tz.get("timezone"), str | None)))
    )


def check_bulk(document: Document, asked: Sequence[Any]) -> None:
    """Check that a bulk response holds exactly the series that were asked for, in that order."""
    if document.count != len(asked):
        returned = f"{document.count} {'was' if document.count == 1 else 'were'}"
        raise _misshapen(f"{len(asked)} series were requested, but {returned} returned")
    for one, series_id in zip(asked, document.ids(), strict=True):
        name = one if isinstance(one, str) else one.get("query") or one.get("series_id")
        if series_id is not None and not _answers(str(name), series_id):
            raise _misshapen(f"the series {str(name)[:100]!r} was requested, but {str(series_id)[:100]!r} was returned")


def _answers(name: str, series_id: Any) -> bool:
    """Whether a returned id is the one for a query or id; operators may have been normalized."""
    wanted = name.strip().removeprefix("$").partition("@")[0].rstrip().lower()
    returned = series_id.removeprefix("$").lower() if isinstance(series_id, str) else None
    return returned is not None and (returned == wanted or returned.startswith((wanted + "@", wanted + " ")))


def responses(answer: Any, count: int, without_key: Callable[[str], str] = str) -> list[dict[str, Any]]:
    """What became of each item of a write; `without_key` is as for `check_success`."""
    given = _member(answer, "responses")
    if not isinstance(given, list) or len(given) != count:
        raise _misshapen(f"{count} items were sent, and the response must contain the outcome of each, but it does not")
    for response in given:
        if not isinstance(response, dict) or not isinstance(response.get("success"), bool):
            raise _wrong("an object with 'success': true or false for each item", response)
        if isinstance(response.get("description"), str):
            response["description"] = without_key(response["description"])
    return given


def job_id(answer: Any) -> int:
    """The id of a job that was registered."""
    return _number(answer, "job_id")


def jobs(answer: Any) -> list[dict[str, Any]]:
    """A page of the list of jobs, each with its ``id`` and with ``updated_at`` (milliseconds, or None)."""
    given = _member(answer, "results")
    if not isinstance(given, list) or not all(
        isinstance(job, dict) and _is_id(job.get("id")) and isinstance(job.get("updated_at"), int | None)
        for job in given
    ):
        raise _wrong("a list of jobs under 'results', with numbers 'id' and 'updated_at'", given)
    return [{**job, "updated_at": job.get("updated_at")} for job in given]


def total(answer: Any) -> int:
    """How many series a search finds."""
    return _number(answer, "total")


def facet_terms(answer: Any, name: str) -> list[tuple[Any, int]]:
    """The values of a field and the number of series that have each, the most frequent first."""
    found = _member(answer, "facets")
    of_field = found.get(name, {"terms": []}) if isinstance(found, Mapping) else None
    terms = of_field.get("terms") if isinstance(of_field, Mapping) else None
    if not isinstance(terms, list) or not all(
        isinstance(term, Mapping) and "term" in term and _is_id(term.get("count")) for term in terms
    ):
        raise _wrong(f"the values of {name!r} under 'facets', as a list of 'term' and 'count'", terms)
    return sorted(((term["term"], term["count"]) for term in terms), key=lambda term: -term[1])


def folders(answer: Any) -> list[tuple[str, int, bool]]:
    """The path, the number of series, and whether it is a series, of each folder."""
    given = _member(answer, "folders")
    if not isinstance(given, list) or not given:
        raise _wrong("a list under 'folders'", given)
    for one in given:
        match one:
            case [str(), int() as count, bool()] if _is_id(count):
                continue
        raise _wrong("a path, a number of series, and true or false for each of 'folders'", one)
    return [(path, count, is_series) for path, count, is_series in given]


def file_ids(answer: Any, count: int) -> list[str]:
    """The ids of the files that were uploaded."""
    given = _member(answer, "file_id")
    if not isinstance(given, list) or len(given) != count:
        raise _wrong(f"a list 'file_id' of length {count}", given)
    return [_file_id(one) for one in given]


def file_id(answer: Any) -> str:
    """The id of an upload in parts."""
    return _file_id(_member(answer, "file_id"))


def _file_id(given: Any) -> str:
    if not (isinstance(given, str) and given) and not _is_id(given):
        raise _wrong("the id of a file under 'file_id'", given)
    return str(given)


def file_size(answer: Any) -> int | None:
    """The size of a file in bytes; None if the server does not tell."""
    given = _member(answer, "file")
    if not isinstance(given, dict):
        raise _wrong("an object under 'file'", given)
    return given["size"] if _is_id(given.get("size")) else None


def reported_dates(answer: Any) -> list[int]:
    """Dates of reports, in milliseconds since 1970-01-01."""
    given = (answer.get("reported_dates") or []) if isinstance(answer, dict) else None
    if not isinstance(given, list) or not all(_is_date(date) for date in given):
        raise _wrong("a list 'reported_dates' of milliseconds in the years 1 to 9999", given)
    return [int(date) for date in given]


def credentials(answer: Any) -> tuple[str, str]:
    """The user and the API key that a sign-in returned."""
    user, key = _member(answer, "user"), _member(answer, "api_secret")
    if not (isinstance(user, str) and user and isinstance(key, str) and key):
        raise _misshapen("the response to the sign-in must contain the strings 'user' and 'api_secret'")
    return user, key


def _member(answer: Any, name: str) -> Any:
    """A member of a response; None if there is none."""
    return answer.get(name) if isinstance(answer, dict) else None


def _number(answer: Any, name: str) -> int:
    given = _member(answer, name)
    if not _is_id(given):
        raise _wrong(f"a number {name!r}", given)
    return given


def _is_id(number: Any) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _is_date(number: Any) -> bool:
    whole = isinstance(number, int | float) and not isinstance(number, bool) and number == number
    return whole and -62_135_596_800_000 <= number <= 253_402_300_799_999


def _wrong(expected: str, given: Any) -> ShoojuFormatError:
    return _misshapen(f"the response must contain {expected}, got {_shape(given)}")


def _shape(value: Any) -> str:
    """What a value is, without what it says: a server may repeat the headers of the request, with the key."""
    match value:
        case str():
            return f"a string of {len(value)} characters"
        case Mapping():
            return f"an object of {len(value)} members"
        case list() | tuple():
            return f"a list of {len(value)}"
    return "nothing" if value is None else type(value).__name__


def _misshapen(message: str) -> ShoojuFormatError:
    """The error of a response from which nothing can be concluded, not even that the request failed."""
    error = ShoojuFormatError(message)
    error.outcome_unknown = True
    return error

r"""Which texts can be series ids: parts separated by backslashes, ``users\sam\gdp``."""

from __future__ import annotations

from pandas_shooju.local.errors import invalid


def check_id(series_id: str, *, path: bool = False) -> None:
    """Refuse an id (or a `path`, which may end in a backslash) under which no series can exist.

    Raises
    ------
    ApiError
        ``invalid_parameters``, with the id that was probably meant.
    """
    form = next((form for form in ("sid=", "sid:", "tree:") if series_id.lower().startswith(form)), None)
    if form is not None:
        raise invalid(f"a series id must not begin with {form}, got {series_id[:200]!r}: write the id alone")
    parts = series_id.replace("/", "\\").split("\\")
    if path and len(parts) > 1 and not parts[-1]:
        parts.pop()
    meant = "\\".join(part for part in parts if part.strip())
    what = "path" if path else "series id"
    if "/" in series_id:
        raise invalid(f"the parts of a {what} must be separated by backslashes, got {series_id[:200]!r}: write {meant}")
    if not all(part.strip() for part in parts):
        where = "begin with a backslash" if series_id.startswith("\\") else "have empty parts"
        raise invalid(f"a {what} cannot {where}, got {series_id[:200]!r}: write {meant or 'an id'}")

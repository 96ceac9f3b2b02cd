r"""A mirror: a local copy of the series of a query, which brings itself up to date.

A mirror is a store of the embedded Shooju. Its series are copied with fields, points and reports, under the account's
jobs and times; it is read like any server, and refuses to be written to.

The store is written to by endpoints of the embedded Shooju that the service does not have,
:mod:`pandas_shooju.local.endpoints.mirror`. How a mirror finds what has changed is in
:mod:`pandas_shooju.manage.refreshing`.
"""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from pandas_shooju import display
from pandas_shooju import query as queries
from pandas_shooju.client.connection import Connection, connection_of
from pandas_shooju.client.servers import local_path
from pandas_shooju.errors import ConfigurationError
from pandas_shooju.manage.mirror_info import MirrorInfo, description
from pandas_shooju.manage.refreshing import Refreshing
from pandas_shooju.progress import Progress

__all__ = ["Mirror", "MirrorInfo", "Refresh", "mirror"]


class Refresh(NamedTuple):
    """What a refresh did."""

    #: the number of series that were read
    read: int
    #: the number of series that were removed
    deleted: int
    #: the number of series that the mirror now has
    series: int
    #: the moment (UTC) as of which they are
    refreshed_at: datetime.datetime


def mirror(
    query: str,
    to: str | os.PathLike[str],
    *,
    connection: Connection | str | None = None,
    progress: bool | None = None,
) -> Mirror:
    r"""Make a local copy of the series that a query finds, which can bring itself up to date.

    Fields, points and reports are copied, under the jobs and times of the account. ``Connection("local:PATH")`` reads
    the mirror, without a network.

    Parameters
    ----------
    query
        The series to copy, without operators.
    to
        The file: ``"local:PATH"`` or a path. A copy that was interrupted is completed, and a mirror of the same query
        and server is refreshed.
    connection
        The server to copy from: a `Connection`, or the name or URL of a server; by default that of the settings.
    progress
        Whether to show a progress bar; by default in notebooks and terminals, when it takes longer than a second.

    Returns
    -------
    Mirror

    Raises
    ------
    ValueError
        The query has operators or is an expression, or the file is a mirror of another query or server.
    ShoojuApiError
        The server refused the query, or the file is a store with series of its own.

    Examples
    --------
    >>> import datetime, pathlib, tempfile
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> with conn.register_job("GDP of China") as job:
    ...     job.write(r"sid=gdp\cn", fields={"unit": "US$ tn"}, points=[(datetime.date(2020, 1, 1), 14.7)])
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mirror.sqlite"
    >>> mirror = sj.mirror("sid:gdp", path, connection=conn)
    >>> with conn.register_job("GDP of the US") as job:
    ...     job.write(r"sid=gdp\us", points=[(datetime.date(2020, 1, 1), 21.3)])
    >>> mirror.refresh().read
    1
    >>> offline = sj.Connection(f"local:{path}")
    >>> [series["series_id"] for series in offline.scroll("sid:gdp")]
    ['gdp\\cn', 'gdp\\us']
    """
    query = _checked(query)
    path = _path(to)
    source = connection_of(connection)
    if source.mirror is not None:
        raise ValueError(f"a mirror must be made of the server itself, got {source.server}")
    if source.server == f"local:{path}":
        raise ValueError(f"a mirror must be in another file than the store that it copies, got {str(to)!r} for both")
    with Connection(f"local:{path}") as store:
        found = description(store.raw) if path.exists() else None
        if found is None:
            state = {"source": source.server, "query": query, "refreshed_at": None, "seen": None, "plan": None}
            store.raw.post("/mirror", data_json={"version": 0, "complete": False, "state": state})
        elif (found["state"]["source"], found["state"]["query"]) != (source.server, query):
            held = MirrorInfo.of(found)
            raise ValueError(
                f"{path} must be a new file, or a mirror of {query!r} on {source.server}, and is one of {held.query!r} "
                f"on {held.source}: choose another path"
            )
    made = Mirror(path, connection=source)
    try:
        made.refresh(progress=progress)
    except BaseException:
        made.close()
        raise
    return made


class Mirror:
    r"""A local copy of series, made by `mirror`.

    Parameters
    ----------
    path
        The file: ``"local:PATH"`` or a path.
    connection
        The server that it is a copy of, as for `mirror`; by default that server, with the credentials that the
        environment or the profile has for it. It is used by `refresh` only.

    Raises
    ------
    ConfigurationError
        There is no mirror.

    Examples
    --------
    See `mirror`.
    """

    def __init__(self, path: str | os.PathLike[str], *, connection: Connection | str | None = None) -> None:
        #: the file
        self.path = _path(path)
        self._connection = connection
        self._store = Connection(f"local:{self.path}")
        try:
            found = description(self._store.raw) if self.path.exists() else None
            if found is None:
                raise ConfigurationError(
                    f"there is no mirror at {self.path}: check the path, or make one with "
                    "pandas_shooju.mirror(query, path)"
                )
        except BaseException:
            self._store.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._store.closed:
            return f"<Mirror {str(self.path)!r}, closed>"
        return f"<Mirror {str(self.path)!r}: {display.printable(self.info)}>"

    def _repr_html_(self) -> str:
        if self._store.closed:
            return display.card("Mirror", [("file", self.path), ("state", "closed")])
        info = self.info
        facts = [
            ("file", self.path),
            ("of", info.query or "*"),
            ("on", display.link(info.source, info.source)),
            ("series", f"{info.series:,}"),
            ("as of", info.freshness),
            ("to be read", display.counted(info.todo, "series", "series") if info.todo else None),
        ]
        return display.card("Mirror", facts)

    @property
    def info(self) -> MirrorInfo:
        """What the mirror holds at this moment."""
        return MirrorInfo.of(self._held())

    @property
    def source(self) -> str:
        """The server that the series come from: a URL, or ``local:PATH``."""
        return self.info.source

    @property
    def query(self) -> str:
        """The query that finds them there."""
        return self.info.query

    @property
    def refreshed_at(self) -> datetime.datetime | None:
        """The moment (UTC) as of which they are; None until the first copy is complete."""
        return self.info.refreshed_at

    @property
    def age(self) -> datetime.timedelta | None:
        """The time since `refreshed_at`."""
        return self.info.age

    @property
    def complete(self) -> bool:
        """Whether the first copy is complete; until then, the mirror cannot be read."""
        return self.info.refreshed_at is not None

    @property
    def series(self) -> int:
        """How many series the mirror has."""
        return self.info.series

    def connect(self) -> Connection:
        """A connection that reads the mirror; the same as ``Connection("local:PATH")``."""
        return Connection(f"local:{self.path}")

    def refresh(self, *, progress: bool | None = None) -> Refresh:
        """Bring the mirror up to date, by reading what has changed since the last time.

        What was interrupted is completed first.

        Parameters
        ----------
        progress
            Whether to show a progress bar; by default in notebooks and terminals, when it takes longer than a second.

        Raises
        ------
        ConnectionError
            The server could not be reached; what has been read is kept, and the next refresh goes on from there.
        ShoojuApiError
            The server refused a request, or another program refreshed the mirror at the same time.
        """
        held = self._held()
        source = connection_of(self._connection or held["state"]["source"])
        if source.server != held["state"]["source"]:
            raise ValueError(
                f"connection must be to {held['state']['source']}, of which {self.path} is a mirror, got "
                f"{source.server}"
            )
        with Progress("Refreshing" if held["complete"] else "Copying", "series", progress) as bar:
            work = Refreshing(source, self._store, held, bar)
            if work.planned:
                work.carry_out()
            work.plan()
            work.carry_out()
        info = self.info
        assert info.refreshed_at is not None
        return Refresh(work.read, work.deleted, info.series, info.refreshed_at)

    def _held(self) -> dict[str, Any]:
        found = description(self._store.raw)
        if found is None:
            raise ConfigurationError(f"there is no mirror at {self.path} any more")
        return found


def _path(to: str | os.PathLike[str]) -> Path:
    """The file of a mirror, from a path or ``local:PATH``."""
    text = os.fspath(to)
    path = local_path(text)
    path = text if path is None else path
    if not path or path == ":memory:":
        raise ValueError(f"a mirror needs a file of its own, 'local:PATH' or a path, got {text!r}")
    return Path(path).expanduser().absolute()


def _checked(query: str) -> str:
    if not isinstance(query, str):
        raise TypeError(f"query must be a string, got {query!r}")
    query = str(query).strip()
    if query.startswith("=") or "@" in queries.without_quoted(query):
        raise ValueError(f"the query of a mirror must find series, without operators or expressions, got {query!r}")
    return query

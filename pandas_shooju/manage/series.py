r"""`StoredSeries`, which is :attr:`Connection.series`: copying, moving, comparing, trimming and deleting many series.

How series are read is in :mod:`pandas_shooju.manage.states`, how they are copied in
:mod:`pandas_shooju.manage.copying`, compared in :mod:`pandas_shooju.manage.pairs`, and changed in
:mod:`pandas_shooju.manage.changing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pandas_shooju.clocks import TimeZone, timezone
from pandas_shooju.clocks.limits import Limit
from pandas_shooju.manage import changing, copying, pairs
from pandas_shooju.manage.columns import dates, job_ids, objects, strings
from pandas_shooju.manage.paths import below, check_apart, check_disjoint, check_not_trashed, paths_of
from pandas_shooju.manage.states import Listed
from pandas_shooju.manage.trash import TRASH, in_trash, is_trashed, last_deleted
from pandas_shooju.manage.work import Work
from pandas_shooju.progress import Progress
from pandas_shooju.values import field_values

if TYPE_CHECKING:
    from pandas_shooju.client.connection import Connection

__all__ = ["StoredSeries"]


class StoredSeries:
    r"""Many series of a server at once; :attr:`Connection.series`.

    The series to copy, move and compare are given by a path, which is a folder (everything below it) or a series, and
    the others by a query. Every method that writes

    - with ``dry_run=True`` writes nothing, and returns the frame of what it would do;
    - writes under a job of its own, whose description `job` replaces;
    - can be called again with the same arguments after a failure: it then does what is left to do;
    - raises `WriteError` at the end if the server refused some of the series (``error.failed`` shows which, and why),
      and `ConnectionError` as soon as the server cannot be reached.

    Points are read and written about a million at a time; only the ids are kept for all series.

    Examples
    --------
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> with conn.register_job("GDP") as job:
    ...     for country, value in [("cn", 14.7), ("us", 21.3)]:
    ...         job.write(rf"sid=draft\gdp\{country}", fields={"unit": "US$ tn"}, points=[(0, value)])
    >>> conn.series.copy(r"draft\gdp", r"desk\gdp")
          series_id       target action  points  job
    0  draft\gdp\cn  desk\gdp\cn   copy       1    2
    1  draft\gdp\us  desk\gdp\us   copy       1    2
    >>> len(conn.series.compare(r"draft\gdp", r"desk\gdp"))
    0
    """

    def __init__(self, connection: Connection, connection_of: Callable[[Connection | str], Connection]) -> None:
        self._connection = connection
        #: the connection that an argument `to` means
        self._connection_of = connection_of

    def __repr__(self) -> str:
        return f"<StoredSeries of {self._connection.server}>"

    # --- two places ---

    def copy(
        self,
        source: str,
        target: str | None = None,
        *,
        to: Connection | str | None = None,
        overwrite: bool = False,
        dry_run: bool = False,
        job: str | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        r"""Copy a folder or a series, within this server or to another one.

        Points, fields and reports are copied. What is there before is only added to: a target that has all of it is
        skipped, and one that has some of it and nothing else, as after an interrupted copy, is completed.

        Parameters
        ----------
        source
            The path of the series, such as ``r"users\sam\gdp"``: the series with that id, and all series below it.
        target
            The path of the copies: ``source\x`` is copied to ``target\x``. By default it is `source`, on the other
            server.
        to
            The server to copy to: a `Connection`, or the name or URL of a server; by default this one.
        overwrite
            Replace targets that have something else, with everything they have.
        dry_run
            Write nothing.
        job
            The description of the job.
        progress
            Whether to show a progress bar; by default in notebooks, when it takes longer than a second.

        Returns
        -------
        DataFrame
            A row per series: ``series_id``; ``target``, its id at the target; ``action``, which is ``"copy"``,
            ``"complete"``, ``"replace"`` (with `overwrite`), ``"nothing"``, or in a dry run ``"collision"``; ``points``
            (int64), how many points of its own it has; ``job`` (Int64), the id of the job that wrote it.

        Raises
        ------
        ValueError
            Targets have other points or fields than their sources; nothing was written. Or the target is the source,
            or lies below it.
        WriteError
            Series were refused; the others are copied.
        ConnectionError
            A server could not be reached. Call it again to copy the rest.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn, backup = sj.Connection("local::memory:"), sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=desk\gdp\cn", fields={"unit": "US$ tn"}, points=[(0, 14.7)])
        >>> conn.series.copy(r"desk\gdp", to=backup)
             series_id      target action  points  job
        0  desk\gdp\cn  desk\gdp\cn   copy       1    1
        >>> backup.get_series(r"sid=desk\gdp\cn", fields="unit", max_points=-1)["points"]
        [Point(1970-01-01 00:00:00,14.7)]
        """
        return self._transfer("copy", source, target, to, overwrite, dry_run, job, progress)

    def move(
        self,
        source: str,
        target: str | None = None,
        *,
        to: Connection | str | None = None,
        overwrite: bool = False,
        dry_run: bool = False,
        job: str | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        r"""Move a folder or a series, within this server or to another one.

        Each series is copied as by `copy`. It is deleted (to the trash) once the server has confirmed its copy, and
        both have been read again and are the same. Copies are new series: what the series held earlier remains with
        the one in the trash.

        Parameters
        ----------
        source, target, to, overwrite, dry_run, job, progress
            As for `copy`.

        Returns
        -------
        DataFrame
            As for `copy`, with the actions ``"move"``, ``"complete"``, ``"replace"``, ``"delete"`` (the target is the
            same already) and in a dry run ``"collision"``.

        Raises
        ------
        ValueError, WriteError, ConnectionError
            As for `copy`; or series are in the trash, from where `restore` and `copy` bring them back. A series whose
            copy could not be confirmed, or that was written to meanwhile, remains.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=desk\gdp", points=[(0, 14.7)])
        >>> conn.series.move(r"desk\gdp", r"desk\gdp\cn", dry_run=True)
        Traceback (most recent call last):
        ValueError: target must not lie below source, got target='desk\\gdp\\cn' and source='desk\\gdp'
        >>> conn.series.move(r"desk\gdp", r"desk\china\gdp")
          series_id          target action  points  job
        0  desk\gdp  desk\china\gdp   move       1    2
        """
        return self._transfer("move", source, target, to, overwrite, dry_run, job, progress)

    def compare(
        self,
        source: str,
        target: str | None = None,
        *,
        to: Connection | str | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        r"""Compare two folders or two series: which series are missing or new, and which points and fields differ.

        Parameters
        ----------
        source, target
            The paths, as for `copy`: ``source\x`` is compared with ``target\x``.
        to
            The server of `target`; by default this one.
        progress
            Whether to show a progress bar; by default in notebooks, when it takes longer than a second.

        Returns
        -------
        DataFrame
            A row per series that is not the same in both, none if all are:

            - ``series_id`` and ``other_id``, its ids on the two sides, missing where it does not exist;
            - ``status`` (categorical): ``"missing"`` (at the target), ``"new"`` (there), or ``"differs"``;
            - ``points`` (int64), the number of points that differ or that only one side has, with those of reports,
              and ``first`` and ``last`` (datetime64[ms, UTC]), the first and the last of their dates;
            - ``fields``, a list of the names of fields that differ;
            - ``reported_dates``, a list of the report dates (Timestamp) under which points or fields differ.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=draft\cn", fields={"unit": "US$ tn"}, points=[(0, 14.7)])
        ...     job.write(r"sid=draft\us", points=[(0, 21.3)])
        ...     job.write(r"sid=desk\cn", fields={"unit": "US$ bn"}, points=[(0, 14.8)])
        >>> conn.series.compare("draft", "desk")[["series_id", "other_id", "status", "points", "fields"]]
          series_id other_id   status  points  fields
        0  draft\cn  desk\cn  differs       1  [unit]
        1  draft\us      NaN  missing       0      []
        """
        other = self._other(to)
        source, target = paths_of(source, target, to)
        ones = below(self._connection, source)
        others = below(other, target)
        with Progress("Comparing", "series", progress) as bar:
            return pairs.compare(
                self._connection.raw, other.raw, ones, others, lambda number: bar.advance(number, len(ones))
            )

    def _other(self, to: Connection | str | None) -> Connection:
        return self._connection if to is None else self._connection_of(to)

    def _transfer(
        self,
        name: str,
        source: str,
        target: str | None,
        to: Connection | str | None,
        overwrite: bool,
        dry_run: bool,
        job: str | None,
        progress: bool | None,
    ) -> pd.DataFrame:
        """Copy or move."""
        other = self._other(to)
        source, target = paths_of(source, target, to)
        same_server = other.server == self._connection.server
        if same_server:
            if other.user == self._connection.user:
                other = self._connection
            check_apart(source, target)
        found = below(self._connection, source)
        if name == "move":
            check_not_trashed(found.values())
        series = [(one, target + one.series_id[len(source) :]) for one in found.values()]
        if same_server:
            check_disjoint(series, source, target)
        delete = name == "move"
        words = {"copy": "move", "nothing": "delete"} if delete else {}
        work = copying.Copying(
            self._connection, other, name, job or _description(name, source, target, other, same_server),
            delete=delete, same_server=same_server,
        )  # fmt: skip
        return copying.copied(work, self._connection, other, series, overwrite, dry_run, words, progress)

    # --- what a query finds ---

    def delete(
        self,
        query: str,
        *,
        force: bool = False,
        max_series: int = 1000,
        dry_run: bool = False,
        job: str | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        r"""Delete the series that a query finds: to the trash, from where `restore` brings them back.

        Parameters
        ----------
        query
            The query, without operators. An empty one, which finds every series, is refused.
        force
            Delete for good, with everything that the series held earlier. Series in the trash can only be deleted so.
        max_series
            The most series that the query may find.
        dry_run, job, progress
            As for `copy`.

        Returns
        -------
        DataFrame
            A row per series: ``series_id``; ``action``, which is ``"to trash"`` or ``"for good"``; ``points`` (int64),
            how many points it has; ``job`` (Int64), the id of the job that deleted it.

        Raises
        ------
        ValueError
            The query is empty or finds more than `max_series` series, or finds series in the trash without `force`;
            nothing was deleted.
        WriteError, ConnectionError
            As for `copy`.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=draft\cn", points=[(0, 14.7)])
        >>> conn.series.delete("sid:draft", dry_run=True)
          series_id    action  points   job
        0  draft\cn  to trash       1  <NA>
        >>> conn.series.delete("sid:draft")
          series_id    action  points  job
        0  draft\cn  to trash       1    2
        """
        query = changing.check_query(query)
        found = changing.selected(self._connection.raw, query, max_series)
        trashed = [one.series_id for one in found if is_trashed(one.series_id)]
        if trashed and not force:
            raise ValueError(
                f"the query {query!r} must not find series in the trash, which are deleted for good, such as "
                f"{trashed[0]!r}; nothing was deleted: pass force=True to delete them for good"
            )
        work = Work(self._connection, job or f"Delete {query}")

        def act(one: Listed) -> str:
            work.delete(one.series_id, force=force)
            return one.series_id

        if found and not dry_run:
            with Progress("Deleting", "series", progress) as bar:
                changing.carry_out("delete", work, found, act, len(found), bar)
        return pd.DataFrame(
            {
                "series_id": strings([one.series_id for one in found]),
                "action": strings(["for good" if force else "to trash"] * len(found)),
                "points": np.array([one.points for one in found], np.int64),
                "job": job_ids([work.job_id] * len(found)),
            }
        )

    def restore(
        self,
        query: str = "",
        *,
        deleted_by: int | None = None,
        overwrite: bool = False,
        max_series: int = 1000,
        dry_run: bool = False,
        job: str | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        r"""Restore series from the trash.

        The series are written again, with points, fields and reports, under the ids that they had. Those in the trash
        remain there, with what they held earlier, until a series with the same id is deleted.

        Parameters
        ----------
        query
            The query that found the series before they were deleted, as it was given to `delete`.
        deleted_by
            The id of a job: only the series that it was the last to delete.
        overwrite, dry_run, job, progress
            As for `copy`. A series that was written again since it was deleted is the target.
        max_series
            The most series that may be found.

        Returns
        -------
        DataFrame
            As for `copy`, with the action ``"restore"`` in place of ``"copy"``; ``series_id`` is the id in the trash,
            and ``target`` the id that it had.

        Raises
        ------
        ValueError
            Neither a query nor a job is given, or too many series are found, or series with the same ids have been
            written since and hold something else; nothing was written.
        WriteError, ConnectionError
            As for `copy`.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=draft\cn", points=[(0, 14.7)])
        >>> deleted = conn.series.delete("sid:draft")
        >>> conn.series.restore("sid:draft")
                          series_id    target   action  points  job
        0  System\Trash\draft\cn  draft\cn  restore       1    3
        """
        if deleted_by is None:
            query = changing.check_query(query)
        elif isinstance(deleted_by, bool) or not hasattr(deleted_by, "__index__"):
            raise TypeError(f"deleted_by must be the id of a job, got {deleted_by!r}")
        elif query.strip():
            query = changing.check_query(query)
        of_trash = in_trash(query)
        if deleted_by is not None:
            of_trash = f"{of_trash} AND meta.job_deleted={int(deleted_by)}"
        found = changing.selected(self._connection.raw, of_trash, max_series)
        if deleted_by is not None:
            theirs = last_deleted(self._connection.raw, of_trash, int(deleted_by))
            found = [one for one in found if one.series_id in theirs]
        series = [(one, one.series_id[len(TRASH) :]) for one in found]
        description = job or f"Restore {query or f'what job {deleted_by} deleted'}"
        work = copying.Copying(self._connection, self._connection, "restore", description)
        words = {"copy": "restore"}
        return copying.copied(work, self._connection, self._connection, series, overwrite, dry_run, words, progress)

    def trim(
        self,
        query: str,
        *,
        before: Limit | None = None,
        after: Limit | None = None,
        tz: TimeZone = "UTC",
        max_series: int = 1000,
        dry_run: bool = False,
        job: str | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        r"""Remove the points before or after a date, as `DataFrame.truncate` does, of the series that a query finds.

        Only the points to remove are read. Reports remain as they were reported.

        Parameters
        ----------
        query, max_series
            As for `delete`.
        before, after
            The first and the last date to keep. As for the limits of `read_shooju`, a date or a day as a string means
            the whole day, ``"2024-01"`` the month, and a datetime is exact; ``"-5y"`` is relative to now.
        tz
            The time zone of dates without one.
        dry_run, job, progress
            As for `copy`.

        Returns
        -------
        DataFrame
            A row per series that has such points: ``series_id``; ``points`` (int64), how many are removed; ``first``
            and ``last`` (datetime64[ms, UTC]), the first and the last date of these; ``job`` (Int64), the id of the job
            that removed them.

        Raises
        ------
        ValueError
            As for `delete`; or neither limit is given, or they contradict each other.
        WriteError, ConnectionError
            As for `copy`.

        Examples
        --------
        >>> import pandas as pd
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> index = pd.date_range("2020-01-01", "2023-12-01", freq="MS")
        >>> pd.Series(1.0, index).shooju.write("Prices", sid=r"desk\price", connection=conn).ok
        True
        >>> trimmed = conn.series.trim("sid:desk", before="2021", after="2022")
        >>> trimmed[["series_id", "points", "job"]]
            series_id  points  job
        0  desk\price      24    2
        """
        query = changing.check_query(query)
        which = changing.ranges(before, after, timezone(tz))
        found = changing.selected(self._connection.raw, query, max_series)
        work = Work(self._connection, job or f"Trim {query}")
        done: list[tuple[str, int, int, int]] = []

        def act(trimmed: changing.Trimmed) -> str:
            series_id, dates = trimmed
            if len(dates):
                done.append((series_id, len(dates), int(dates.min()), int(dates.max())))
                if not dry_run:
                    work.write(trimmed.write)
            return series_id

        with Progress("Trimming", "series", progress) as bar:
            trimmed = changing.trimmed(self._connection.raw, found, which)
            changing.carry_out("trim", work, trimmed, act, len(found), bar)
        return pd.DataFrame(
            {
                "series_id": strings([row[0] for row in done]),
                "points": np.array([row[1] for row in done], np.int64),
                "first": dates([row[2] for row in done]),
                "last": dates([row[3] for row in done]),
                "job": job_ids([work.job_id] * len(done)),
            }
        )

    def update_fields(
        self,
        query: str,
        fields: Mapping[str, Any],
        *,
        max_series: int = 1000,
        dry_run: bool = False,
        job: str | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        r"""Set or remove fields of the series that a query finds. Only what differs is written.

        Parameters
        ----------
        query, max_series
            As for `delete`.
        fields
            Names and values; None removes the field.
        dry_run, job, progress
            As for `copy`.

        Returns
        -------
        DataFrame
            A row per series and field that changes: ``series_id``, ``field``, ``old`` and ``new`` (None for no value),
            and ``job`` (Int64), the id of the job that changed it.

        Raises
        ------
        TypeError, ValueError
            As for `delete`; or a value cannot be that of a field.
        WriteError, ConnectionError
            As for `copy`.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=desk\cn", fields={"unit": "US$ bn", "draft": True})
        >>> conn.series.update_fields("sid:desk", {"unit": "US$ tn", "draft": None, "country": None})
          series_id  field     old     new  job
        0   desk\cn   unit  US$ bn  US$ tn    2
        1   desk\cn  draft    True    None    2
        """
        query = changing.check_query(query)
        values = field_values(fields)
        if not values:
            raise ValueError("fields must have at least one name and value, got none")
        with Progress("Updating", "series", progress) as bar:
            changes = changing.field_changes(self._connection.raw, query, values, max_series)
            work = Work(self._connection, job or f"Update {', '.join(values)} of {query}")
            if not dry_run:
                act = changing.updating(work)
                changing.carry_out("update_fields", work, changes, act, len(changes), bar)
        rows = [change for own in changes for change in own]
        return pd.DataFrame(
            {
                "series_id": strings([row.series_id for row in rows]),
                "field": strings([row.field for row in rows]),
                "old": objects([row.old for row in rows]),
                "new": objects([row.new for row in rows]),
                "job": job_ids([work.job_id] * len(rows)),
            }
        )


def _description(name: str, source: str, target: str, other: Connection, same_server: bool) -> str:
    """The description of a job that copies or moves."""
    place = "" if same_server else f" on {other.server}"
    return f"{name.capitalize()} {source} to {target}{place}"

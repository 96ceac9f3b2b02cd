"""A program that a user could have written. It runs, and mypy --strict and pyright accept it."""

from __future__ import annotations

import pandas as pd

import pandas_shooju as sj


def revise(frame: pd.DataFrame, old: pd.DataFrame, conn: sj.Connection) -> tuple[int, pd.DataFrame]:
    """Write what differs, by the typed forms of ``frame.shooju.write`` and ``frame.shooju.diff``."""
    accessor = sj.ShoojuAccessor(frame)
    difference: pd.DataFrame = accessor.diff(old, connection=conn)
    result: sj.WriteResult = accessor.write("A revision", changed_from=old, batch_size=500, connection=conn)
    ids: pd.Series = accessor.series_ids
    described: pd.DataFrame = accessor.describe()
    accessor.plot(kind="line", labels=["country"], legend=False).set_title(f"{len(described)} series")
    return len(ids) + result.points, difference


def write_with_patience(frame: pd.DataFrame, conn: sj.Connection) -> sj.WriteResult:
    """Recover from a write that was refused, broken or interrupted, as documented."""
    sid = r"users\sam\typed\{country}"
    try:
        return sj.write(frame, "A first estimate", sid, fields="levels", na="null", tz="UTC", connection=conn)
    except sj.WriteError as error:
        refused: pd.DataFrame | None = error.failed
        if error.result is None or refused is None:
            raise
        return error.result.retry()
    except sj.ConnectionError as error:
        if error.result is None:
            raise
        return error.result.retry(progress=False)
    except sj.WriteInterrupted as interruption:
        if interruption.result is None:
            raise
        return interruption.result.retry()


def count(conn: sj.Connection) -> int:
    """Read page by page: with `chunksize` the result is an iterator of frames."""
    points = 0
    with sj.read_shooju(r"sid:users\sam\typed", ["country"], layout="long", chunksize=1, connection=conn) as frames:
        for frame in frames:
            points += len(frame)
    return points


def vintages(conn: sj.Connection) -> int:
    """What was known when: report dates and past states."""
    query = r"sid:users\sam\typed"
    reports: pd.DataFrame = sj.read_shooju(query, reported_date="all", connection=conn)
    accessor = sj.ShoojuAccessor(reports)
    known: pd.DataFrame = accessor.known_at(pd.Timestamp("2024-02-01"))
    triangle: pd.DataFrame = accessor.revisions()
    first, last = accessor.first_release(), accessor.latest()
    with sj.read_shooju(query, last_reports=2, df=pd.Timestamp("2020"), chunksize=10, connection=conn) as frames:
        columns = sum(len(frame.columns) for frame in frames)
    some = sj.read_shooju(query, reported_date=slice("2024", None), connection=conn)
    with conn.register_job("A job to look back to") as job:
        pass
    states = [sj.read_shooju(query, asof=asof, connection=conn) for asof in (job, 1, "2024-01-01", [1, job])]
    return sum(len(frame) for frame in (known, triangle, first, last, some, *states)) + columns


def classic(conn: sj.Connection) -> list[sj.Point]:
    """The client core has types, too."""
    with conn.register_job("A job with points", batch_size=10) as job:
        job.write(sj.query.series(r"users\sam\typed\point"), points=[sj.Point(0, 1.5)], fields={"unit": "MW"})
    series = conn.get_series(r"sid=users\sam\typed\point", max_points=1)
    points: list[sj.Point] = series["points"] if series is not None else []
    return points


def main(server: str) -> str:
    """Run all of it; `server` is an empty store."""
    with sj.Connection(server) as conn:
        index = pd.date_range("2024-01-01", periods=3, tz="UTC")
        frame = pd.DataFrame({"CN": [1.0, 2.0, 3.0], "US": [4.0, 5.0, 6.0]}, index=index)
        written = write_with_patience(frame.rename_axis(columns="country"), conn)
        old: pd.DataFrame = sj.read_shooju(r"sid:users\sam\typed", "country", df="2024-01-02", connection=conn)
        revised, difference = revise(old * 2, old, conn)
        found = sj.query.under(r"users\sam\typed") & (sj.query.field("country") == "CN")
        labels = list(sj.read_shooju({"China": found.aggregate("d")}, connection=conn).columns)
        found_points = f"{count(conn)} {labels} {classic(conn)[0].value} {vintages(conn)}"
        return f"{written.points} {revised} {len(difference)} {found_points}"

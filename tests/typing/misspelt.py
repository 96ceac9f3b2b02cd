"""Mistakes that a type checker must find: one in each line that says so. Not meant to run."""

from __future__ import annotations

import pandas as pd

import pandas_shooju as sj


def mistakes(frame: pd.DataFrame, conn: sj.Connection, error: sj.WriteError) -> None:
    sj.read_shooju("sid:users", max_point=1, connection=conn)  # wrong
    sj.read_shooju("sid:users", layout="width")  # wrong
    sj.read_shooju("sid:users", on_missing="skip")  # wrong
    sj.read_shooju("sid:users", chunksize="10")  # wrong
    sj.read_shooju("sid:users", chunksize=10).sum()  # wrong
    sj.read_shooju("sid:users", last_reports="2")  # wrong
    sj.ShoojuAccessor(frame).known_at()  # wrong
    sj.write(frame, "A job", sids=r"users\sam\{country}")  # wrong
    sj.write(frame, "A job", "users", na="drop")  # wrong
    sj.ShoojuAccessor(frame).write("A job", r"users\sam", field={"unit": "MW"})  # wrong
    sj.ShoojuAccessor(frame).write("A job", batch_size="many")  # wrong
    sj.ShoojuAccessor(frame).diff(frame, sids="users")  # wrong
    print(sj.ShoojuAccessor(frame).series_id)  # wrong
    sj.ShoojuAccessor(frame).describe("unit")  # wrong
    sj.ShoojuAccessor(frame).plot(kind=1)  # wrong
    sj.ShoojuAccessor(frame).write("A job").retri()  # wrong
    error.result.retry()  # wrong: there may be none
    print(error.reslt)  # wrong
    sj.Connection("acme", usr="sam")  # wrong
    conn.register_job("A job", batchsize=10)  # wrong
    sj.read_shoju("sid:users")  # wrong

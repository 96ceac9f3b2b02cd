"""A test of a user's program, run against the installed wheel by .ci/run, and type-checked there."""

import datetime
from pathlib import Path

import pandas_shooju as sj
from pandas_shooju.local import Served


def test_the_wheel_is_what_is_tested() -> None:
    package = Path(sj.__file__).parent
    assert "site-packages" in package.parts
    assert (package / "py.typed").exists()


def test_the_fixture(shooju_server: Served) -> None:
    connection = sj.Connection(shooju_server.url, shooju_server.user, shooju_server.api_key)
    with connection.register_job("Prices") as job:
        job.write(r"sid=users\sam\price", points=[sj.Point(datetime.date(2024, 1, 2), 10.5)])
    frame = sj.read_shooju([r"sid=users\sam\price"], connection=connection)
    assert frame.iloc[:, 0].tolist() == [10.5]

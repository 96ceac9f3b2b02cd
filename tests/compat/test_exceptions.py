"""What ``except`` catches: each wrong use raises with ours what a program written for the published client catches."""

from __future__ import annotations

import datetime
import io
import socket
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import requests

from pandas_shooju.compat.errors import WrongArgumentsError
from tests.compat.conftest import module

pytestmark = pytest.mark.filterwarnings("ignore")

DAY = datetime.datetime(2020, 1, 1)
NEWER = r"sid=users\sam\newer"


def overwrite_newer(shooju: Any, conn: Any) -> None:
    older, newer = conn.register_job("older"), conn.register_job("newer")
    newer.write(NEWER, points=[shooju.Point(DAY, 1)])
    older.write(NEWER, points=[shooju.Point(DAY, 2)])


def finished(shooju: Any, conn: Any) -> None:
    job = conn.register_job("finished")
    job.finish()
    job.write("sid=a", fields={"unit": "MW"})


def too_slow(shooju: Any, conn: Any) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        shooju.Connection(url, "sam", "key", timeout=0.2, retries=1).raw.get("/status/ping")


def refused(shooju: Any, conn: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    shooju.Connection(url, "sam", "key", retries=1).raw.get("/status/ping")


def url(conn: Any) -> str:
    return next(conn.raw._endpoints).removesuffix("/api/1")


#: wrong uses, and the exception of the published client: by its name, or a class that is not its own
SAME: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "no credentials": (lambda shooju, conn: shooju.Connection("https://shooju.example"), "ShoojuApiError"),
    "a wrong key": (
        lambda shooju, conn: shooju.Connection(url(conn), "sam", "no").get_series("sid=a"),
        "ShoojuApiError",
    ),
    "a wrong Google account, at once": (
        lambda shooju, conn: shooju.Connection(url(conn), email="a@b.c", google_oauth_token="no"),
        "ShoojuApiError",
    ),
    "a refused connection": (refused, requests.exceptions.ConnectionError),
    "a call that is too slow": (too_slow, requests.exceptions.Timeout),
    "an unknown endpoint": (lambda shooju, conn: conn.raw.get("/teams"), "ConnectionError"),
    "a raw call that is refused": (
        lambda shooju, conn: conn.raw.get("/series", params={"query": "a@BAD"}),
        "ShoojuApiError",
    ),
    "a method that is not HTTP's": (lambda shooju, conn: conn.raw.put("/series"), AttributeError),
    "an unknown operator": (lambda shooju, conn: conn.get_series("sid=a@BAD"), "ShoojuApiError"),
    "an unknown operator in a search": (lambda shooju, conn: list(conn.scroll("sid:a@BAD")), "ShoojuApiError"),
    "df is no date": (lambda shooju, conn: conn.get_series("sid=a", df=[1], max_points=1), ValueError),
    "dt is no date": (lambda shooju, conn: conn.scroll("sid=a", dt={}), ValueError),
    "df of a frame is no date": (lambda shooju, conn: conn.get_df("sid=a", ["a"], df=[1]), ValueError),
    "df of report dates is no date": (lambda shooju, conn: conn.get_reported_dates("sid=a", df=[1]), ValueError),
    "a text of df is no date": (
        lambda shooju, conn: conn.get_series(r"sid=users\a", df="soon", max_points=1),
        "ShoojuApiError",
    ),
    "to_milli of a string": (lambda shooju, conn: shooju.to_milli("2020"), ValueError),
    "a point without a date": (lambda shooju, conn: shooju.Point("2020", 1), ValueError),
    "a point whose value is text": (lambda shooju, conn: shooju.Point(DAY, "MW"), ValueError),
    "a short description": (lambda shooju, conn: conn.register_job("ab"), ValueError),
    "remove_others that does not exist": (
        lambda shooju, conn: conn.register_job("wrong").write("sid=a", remove_others="some"),
        ValueError,
    ),
    "a report date that is none": (
        lambda shooju, conn: conn.register_job("wrong").write_reported("sid=a", "soon", fields={"a": 1}),
        ValueError,
    ),
    "delete_reported without dates": (
        lambda shooju, conn: conn.register_job("wrong").delete_reported("sid=a"),
        "ShoojuApiError",
    ),
    "delete_reported with dates and delete_all": (
        lambda shooju, conn: conn.register_job("wrong").delete_reported("sid=a", DAY, delete_all=True),
        "ShoojuApiError",
    ),
    "delete_reported of what is no date": (
        lambda shooju, conn: conn.register_job("wrong").delete_reported("sid=a", ["soon"]),
        "ShoojuApiError",
    ),
    "writing under a finished job": (finished, "ShoojuApiError"),
    "writing over a newer job": (overwrite_newer, "ShoojuApiError"),
    "deleting a folder as one series": (
        lambda shooju, conn: conn.register_job("folder").delete_series("sid:users"),
        "ShoojuApiError",
    ),
    "more series than the most": (
        lambda shooju, conn: conn.scroll("sid:users", max_series=1, assert_under_max_series=True),
        ValueError,
    ),
    "a negative number of points": (
        lambda shooju, conn: conn.get_series(r"sid=users\a", max_points=-2),
        "ShoojuApiError",
    ),
    "a number of points that is none": (
        lambda shooju, conn: list(conn.scroll(r"sid=users\a", max_points="all")),
        "ShoojuApiError",
    ),
    "a batch size of nothing": (lambda shooju, conn: conn.scroll(batch_size=0), "ShoojuApiError"),
    "a batch size that is none": (lambda shooju, conn: conn.get_df("", ["a"], batch_size="many"), "ShoojuApiError"),
    "an unknown mode": (lambda shooju, conn: conn.mget().get_reported_dates("sid=a", mode="some"), ValueError),
    "a file that does not exist": (lambda shooju, conn: conn.raw.get("/files/none"), "ShoojuApiError"),
}

#: wrong uses whose exception differs, and the line of the documentation that says so: the published one, and ours
DIFFERENT: dict[str, tuple[Callable[[Any, Any], Any], Any, Any]] = {
    "no files": (lambda shooju, conn: conn.upload_files([]), AttributeError, ValueError),
    "files that are none": (lambda shooju, conn: conn.upload_files([io.BytesIO()]), AttributeError, ValueError),
    "report dates of nothing": (lambda shooju, conn: conn.get_reported_dates(), AssertionError, TypeError),
    "a pandas Series without dates": (
        lambda shooju, conn: conn.register_job("wrong").write("sid=a", points=pd.Series([1.0])),
        AttributeError,
        TypeError,
    ),
    "points that are none": (
        lambda shooju, conn: conn.register_job("wrong").write("sid=a", points=[5]),
        AttributeError,
        TypeError,
    ),
    "a serializer that is none": (
        lambda shooju, conn: setattr(shooju.options, "point_serializer", 5),
        AssertionError,
        TypeError,
    ),
    "a hook of a job that is none": (
        lambda shooju, conn: conn.register_job("wrong").add_pre_submit_hook(5),
        ValueError,
        TypeError,
    ),
    "a series without a query": (lambda shooju, conn: conn.get_series(""), AssertionError, TypeError),
    "an unknown mode of a connection": (
        lambda shooju, conn: conn.get_reported_dates(r"sid=users\a", mode="some"),
        "ShoojuApiError",
        ValueError,
    ),
    "a single series without a name": (
        lambda shooju, conn: conn.shooju_api.get_single_series(),
        AssertionError,
        TypeError,
    ),
}


def raised(name: str, served: Any, use: Callable[[Any, Any], Any]) -> tuple[Any, BaseException]:
    shooju = module(name)
    conn = shooju.Connection(served.url, "sam", "secret", retries=1)
    with conn.register_job("two series", batch_size=5) as job:
        for letter in "ab":
            job.write(rf"sid=users\{letter}", fields={"unit": "MW"})
    with pytest.raises(Exception) as caught:  # noqa: PT011
        use(shooju, conn)
    return shooju, caught.value


@pytest.mark.parametrize("client", ["shooju", "pandas_shooju.compat"])
@pytest.mark.parametrize("name", SAME)
def test_the_same_exception(name, client, served, monkeypatch):
    for setting in ("USER", "API_KEY", "EMAIL", "GOOGLE_OAUTH_TOKEN"):
        monkeypatch.delenv(f"SHOOJU_{setting}", raising=False)
    use, expected = SAME[name]
    shooju, error = raised(client, served, use)
    assert isinstance(error, getattr(shooju, expected) if isinstance(expected, str) else expected), repr(error)


@pytest.mark.parametrize("client", ["shooju", "pandas_shooju.compat"])
@pytest.mark.parametrize("name", DIFFERENT)
def test_another_exception_that_the_documentation_names(name, client, served):
    use, published, ours = DIFFERENT[name]
    shooju, error = raised(client, served, use)
    expected = published if client == "shooju" else ours
    assert type(error) is (getattr(shooju, expected) if isinstance(expected, str) else expected)


@pytest.mark.parametrize("client", ["shooju", "pandas_shooju.compat"])
def test_the_message_of_a_refused_write_begins_with_its_code(client, served):
    _, error = raised(client, served, overwrite_newer)
    code, _, description = error.message.partition(" ")
    assert code == "already_exists"
    assert description.split("(job ")[1].split(")")[0].isdigit()
    assert str(error) == error.message


@pytest.mark.parametrize("client", ["shooju", "pandas_shooju.compat"])
def test_a_refused_item_fails_the_job_once(client, served):
    shooju = module(client)
    conn = shooju.Connection(served.url, "sam", "secret")
    with conn.register_job("several", batch_size=3) as job:
        job.write("sid=a", points=[shooju.Point(DAY, 1)])
        job.delete_series("unit=none country=none", force=True)
        job.delete_series("sid:users")
        job.submit()
        conn.register_job("newer").write("sid=a", points=[shooju.Point(DAY, 2)])
        job.write("sid=a", points=[shooju.Point(DAY, 3)])
        with pytest.raises(shooju.ShoojuApiError):
            job.submit()
        job.write("sid=b", points=[shooju.Point(DAY, 4)])
    assert [conn.get_series(f"sid={name}", max_points=1)["points"][0].value for name in "ab"] == [2, 4]


def test_an_unknown_keyword_of_a_connection_is_named(served):
    compat = module("pandas_shooju.compat")
    with pytest.warns(UserWarning, match=r"ignores proxies; for proxies and certificates pass a requests_session"):
        conn = compat.Connection(served.url, "sam", "secret", proxies={"https": "http://proxy"})
    assert conn.get_series("sid=a") is None


def test_wrong_arguments_are_a_value_error_as_well(served):
    compat = module("pandas_shooju.compat")
    conn = compat.Connection(served.url, "sam", "secret")
    with pytest.raises(WrongArgumentsError, match="either reported_dates or delete_all=True") as caught:
        conn.register_job("wrong").delete_reported("sid=a")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, compat.ShoojuApiError)

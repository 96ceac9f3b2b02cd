"""Small things that programs do with the published client give the same results with `pandas_shooju.compat`.

The whole of a result is compared: values and their types, frames with their dtypes, the keys of dicts. Where results
differ on purpose, `test_exceptions` and the documentation ("Coming from shooju") say so.
"""

from __future__ import annotations

import datetime
import importlib
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pandas_shooju import compat
from pandas_shooju.local import start
from tests.compat.conftest import module
from tests.compat.test_programs import check_equal

pytestmark = pytest.mark.filterwarnings("ignore")

GDP = r'sid="users\sam\gdp"'
ID = r"users\sam\gdp"
SAM = r"sid:users\sam"
CHINA = r"sid:users\sam country=China"
LOCAL = r"sid=users\sam\local@localize"
DAY = datetime.datetime(2020, 1, 1)
LATER = datetime.datetime(2021, 1, 1)

Use = Callable[[Any, Any], Any]


def fill(url: str) -> None:
    conn = compat.Connection(url, "sam", "secret")
    with conn.register_job("what is there", batch_size=10) as job:
        for at, (name, unit) in enumerate([("gdp", "US$"), ("population", "M"), ("unemployment", "%")]):
            job.write(
                rf"sid=users\sam\{name}",
                {"country": "China", "description": name.title(), "n": at, "unit": unit},
                [compat.Point(DAY + datetime.timedelta(days=day), 10 * at + day) for day in range(5)],
            )
        job.write(r"sid=users\sam\empty", {"unit": "none"})
        hours = [datetime.datetime(2018, 11, 4, 5 + hour) for hour in range(5)]
        job.write(
            r"sid=users\sam\local",
            {"timezone": "America/Chicago"},
            [compat.Point(hour, at) for at, hour in enumerate(hours)],
        )
        job.write_reported(GDP, LATER, {"unit": "reported"}, [compat.Point(DAY, 7)])


def mget(*reads: tuple[str, tuple[Any, ...], dict[str, Any]]) -> Use:
    def use(shooju: Any, conn: Any) -> Any:
        bulk = conn.mget()
        for name, given, named in reads:
            getattr(bulk, name)(*given, **named)
        return bulk.fetch(), bulk.fetch()

    return use


def serialized(name: str, query: str = GDP, **given: Any) -> Use:
    def use(shooju: Any, conn: Any) -> Any:
        serializer = getattr(shooju.points_serializers, name)
        read = conn.get_series(query, max_points=-1, serializer=serializer, **given)
        return read, list(conn.scroll(query, max_points=-1, serializer=serializer, **given))

    return use


def begun_again(shooju: Any, conn: Any) -> Any:
    scroll = conn.scroll(SAM, batch_size=2, sort="description")
    for _ in scroll:
        break
    return [series["series_id"] for series in scroll]


def hooked(shooju: Any, conn: Any) -> Any:
    seen = []

    class Hook(shooju.BaseHook):
        def before_request(self, request: Any) -> Any:
            seen.append((request.method, request.url.rpartition("/api/1")[2], request.data_json))
            request.params["query"] = GDP
            return request

        def after_request(self, response: Any) -> Any:
            seen.append((response.status_code, type(response.content), response.json["success"]))
            return response

    url = next(conn.raw._endpoints).removesuffix("/api/1")
    other = shooju.Connection(url + "/", "sam", "secret", hooks=[Hook()], location="here")
    return other.raw.get("/series")["total"], seen


def connected(**given: Any) -> Use:
    def use(shooju: Any, conn: Any) -> Any:
        url = next(conn.raw._endpoints).removesuffix("/api/1")
        other = shooju.Connection(server=url, user="sam", api_key="secret", **given)
        return other.user, other.get_series(GDP), list(other.scroll(GDP, batch_size=1))

    return use


def written_with_extra_parameters(shooju: Any, conn: Any) -> Any:
    url = next(conn.raw._endpoints).removesuffix("/api/1")
    other = shooju.Connection(url, "sam", "secret", extra_params={"include_job": "y"})
    with other.register_job("with extra parameters") as job:
        job.write(GDP, {"unit": "bn"}, [shooju.Point(LATER, 1)])
    file = other.upload_file(io.BytesIO(b"one"), "one.txt")
    return list(other.scroll(CHINA, max_points=-1, batch_size=1)), other.raw.get(f"/files/{file}")["file"]["name"]


def serialized_by_the_options(shooju: Any, conn: Any) -> Any:
    bulk = conn.mget()
    shooju.options.point_serializer = lambda pts, zone=None: (zone, len(pts))
    try:
        bulk.get_series(LOCAL, max_points=2)
    finally:
        shooju.options.point_serializer = shooju.points_serializers.shooju_point
    bulk.get_series(GDP, max_points=2)
    return bulk.fetch()


def point(*given: Any, **named: Any) -> Use:
    def use(shooju: Any, conn: Any) -> Any:
        made = shooju.Point(*given, **named)
        return made, made.to_dict(), made.timestamp, pickle.loads(pickle.dumps(made)), len({made, made})

    return use


#: each reads, but for one
READS: dict[str, Use] = {
    "a frame of all fields": lambda shooju, conn: conn.get_df(CHINA, ["*"]),
    "a frame of fields": lambda shooju, conn: conn.get_df(SAM, ["unit", "n"]),
    "a frame of all fields and a meta field": lambda shooju, conn: conn.get_df(CHINA, ["*", "meta.points_count"]),
    "a frame of a meta field and all fields": lambda shooju, conn: conn.get_df(CHINA, ["meta.points_count", "*"]),
    "a frame of rows with all fields and a meta field": lambda shooju, conn: conn.get_df(
        CHINA, ["*", "meta.points_count"], max_points=2
    ),
    "a frame of a field named twice": lambda shooju, conn: (
        conn.get_df(CHINA, ["unit", "n", "unit"]),
        conn.get_df(CHINA, ["unit", "unit"], max_points=1),
        conn.get_df(CHINA, ["unit", "unit"], "columns", max_points=1),
    ),
    "a frame of fields as a tuple": lambda shooju, conn: conn.get_df(CHINA, ("unit", "meta.points_count")),
    "a frame of no fields": lambda shooju, conn: conn.get_df(SAM, None),
    "a frame of rows": lambda shooju, conn: conn.get_df(CHINA, ["unit", "n"], max_points=-1),
    "a frame of rows without fields": lambda shooju, conn: conn.get_df(SAM, [], max_points=-1),
    "a frame of rows with all fields": lambda shooju, conn: conn.get_df(CHINA, ["*"], max_points=2),
    "a frame of columns": lambda shooju, conn: conn.get_df(CHINA, ["unit"], series_axis="columns", max_points=-1),
    "a frame of columns by two fields": lambda shooju, conn: conn.get_df(
        CHINA, ["unit", "description"], "columns", max_points=-1
    ),
    "a frame of columns by all fields": lambda shooju, conn: conn.get_df(CHINA, ["*"], "columns", max_points=-1),
    "a frame of columns by ids": lambda shooju, conn: conn.get_df(CHINA, None, "columns", max_points=-1),
    "a frame of columns, one without points": lambda shooju, conn: conn.get_df(
        r'sid:users\sam unit=(none,"US$")', ["unit"], "columns", max_points=-1
    ),
    "a frame of local columns": lambda shooju, conn: conn.get_df(LOCAL, ["timezone"], "columns", max_points=-1),
    "a frame of local rows": lambda shooju, conn: conn.get_df(LOCAL, ["timezone"], max_points=-1),
    "a frame with an operator": lambda shooju, conn: conn.get_df(CHINA + "@A:M", ["unit"], "columns", max_points=-1),
    "a frame between dates": lambda shooju, conn: conn.get_df(
        CHINA, ["unit"], "columns", "2020-01-02", datetime.date(2020, 1, 3), 2, "unit desc", 2
    ),
    "a frame of an expression": lambda shooju, conn: conn.get_df(rf"={{{{{GDP}}}}}*2", [], "columns", max_points=-1),
    "a frame of a formula": lambda shooju, conn: conn.get_df(CHINA, ["=Unit: {{unit}}"]),
    "a frame in pages of one": lambda shooju, conn: conn.get_df(
        SAM, ["unit"], "columns", max_points="-1", batch_size=1
    ),
    "a frame with the deprecated batch size": lambda shooju, conn: conn.get_df(SAM, ["unit"], scroll_batch_size="2"),
    "seconds of a frame": lambda shooju, conn: (
        conn.get_df(CHINA, ["unit"], "columns", max_points=-1).index.astype("int64") // 10**9
    ).tolist(),
    "a series": lambda shooju, conn: conn.get_series(GDP),
    "a series with all": lambda shooju, conn: conn.get_series(GDP, ["*"], None, None, -1),
    "a series between dates": lambda shooju, conn: conn.get_series(
        GDP, df=pd.Timestamp("2020-01-02"), dt=datetime.datetime(2020, 1, 4, tzinfo=datetime.UTC), max_points=-1
    ),
    "a series from MIN to MAX": lambda shooju, conn: conn.get_series(GDP, df="MIN", dt="MAX", max_points="3"),
    "the last point of a series": lambda shooju, conn: conn.get_series(GDP, df="MAX", dt="MAX", max_points=-1),
    "a series since relative dates": lambda shooju, conn: conn.get_series(GDP, df="-90y", dt="0d", max_points=-1),
    "a series since milliseconds": lambda shooju, conn: conn.get_series(GDP, df=1577923200000, max_points=None),
    "a series that does not exist": lambda shooju, conn: conn.get_series("sid=none", ["*"], max_points=-1),
    "a field that does not exist": lambda shooju, conn: conn.get_series(GDP, ["colour"]),
    "a series without points": lambda shooju, conn: conn.get_series(r"sid=users\sam\empty", ["unit"], max_points=-1),
    "a series as of a job": lambda shooju, conn: conn.get_series(GDP + "@asof:j1", max_points=1),
    "a series with its jobs": lambda shooju, conn: conn.get_series(
        GDP, max_points=2, extra_params={"include_job": "y"}
    ),
    "extra parameters of a series win": lambda shooju, conn: conn.get_series(
        GDP, df=DAY, max_points=-1, extra_params={"max_points": 1, "df": "2020-01-02", "fields": "unit"}
    ),
    "extra parameters of a scroll win": lambda shooju, conn: list(
        conn.scroll(GDP, df=DAY, max_points=-1, extra_params={"max_points": 1, "df": "2020-01-02", "fields": "unit"})
    ),
    "milli_tuple": serialized("milli_tuple"),
    "milli_tuple with jobs": serialized("milli_tuple", extra_params={"include_job": "y"}),
    "shooju_point with jobs": serialized("shooju_point", extra_params={"include_job": "y"}),
    "pd_series": serialized("pd_series"),
    "pd_series of local dates": serialized("pd_series", LOCAL),
    "pd_series_localized": serialized("pd_series_localized"),
    "pd_series_localized of local dates": serialized("pd_series_localized", LOCAL),
    "np_array": serialized("np_array"),
    "a serializer of one's own": lambda shooju, conn: conn.get_series(
        GDP, max_points=2, serializer=lambda pts, *given, **named: (type(pts), pts, given, named["tz"])
    ),
    "get_points": lambda shooju, conn: conn.get_points(ID),
    "get_points with limits": lambda shooju, conn: conn.get_points(ID, datetime.date(2020, 1, 2), LATER, 2),
    "get_points with a size": lambda shooju, conn: conn.get_points(ID, size=2),
    "get_points of none": lambda shooju, conn: (conn.get_points("none"), conn.get_points(ID, max_points=0)),
    "get_points without points": lambda shooju, conn: [
        len(conn.get_points(r"users\sam\empty", serializer=getattr(shooju.points_serializers, name)).tolist())
        for name in ("pd_series", "np_array")
    ],
    "get_fields": lambda shooju, conn: (
        conn.get_fields(ID),
        conn.get_fields(ID, ["unit"]),
        conn.get_fields("none"),
        conn.get_fields(ID, ["colour"]),
    ),
    "scroll": lambda shooju, conn: list(conn.scroll(SAM)),
    "scroll over everything": lambda shooju, conn: [series["series_id"] for series in conn.scroll()],
    "scroll with all arguments": lambda shooju, conn: list(
        conn.scroll(
            SAM,
            ["unit"],
            "2020-01-02",
            LATER,
            "-1",
            "unit desc",
            shooju.points_serializers.milli_tuple,
            3,
            {"include_job": "y"},
            2,
        )
    ),
    "scroll with odd batch sizes": lambda shooju, conn: [
        len(list(conn.scroll(SAM, batch_size=size))) for size in (None, "2", 1)
    ],
    "scroll with max_series": lambda shooju, conn: [
        len(list(conn.scroll(SAM, max_series=most))) for most in (0, 2, 100)
    ],
    "a scroll begun again after a break": begun_again,
    "the response of a scroll": lambda shooju, conn: conn.scroll(SAM, batch_size=2).raw_response["total"],
    "mget": mget(
        ("get_series", (GDP,), {"max_points": 1}),
        ("get_series", ("sid=none",), {}),
        ("get_series", (GDP, ["*"]), {"df": "2020-01-04", "max_points": "-1"}),
        ("get_series", (GDP,), {"extra_params": {"max_points": 1, "df": "2020-01-02"}}),
        ("get_series", (r"sid=users\sam\empty",), {"max_points": -1}),
        ("get_reported_dates", (GDP,), {}),
        ("get_reported_dates", (GDP, LATER, LATER, "fields"), {}),
        ("get_reported_dates", ("sid=none",), {}),
    ),
    "mget by ids": mget(
        ("get_points", (ID,), {}),
        ("get_points", ("none",), {}),
        ("get_points", (r"users\sam\empty",), {}),
        ("get_points", (ID, DAY, LATER), {"size": 2}),
        ("get_fields", (ID, ["unit"]), {}),
    ),
    "mget of nothing": mget(),
    "mget with serializers that take the zone by position": mget(
        ("get_series", (LOCAL,), {"max_points": 2, "serializer": lambda pts, zone: (zone, pts)}),
        ("get_series", (GDP,), {"max_points": 1, "serializer": lambda pts, tz=None: len(pts)}),
    ),
    "mget with the serializer of the options": serialized_by_the_options,
    "the id of a response used as an id": lambda shooju, conn: [
        (conn.get_points(found), conn.get_fields(found), conn.get_fields(found, ["unit"]))
        for found in [conn.get_series(GDP)["series_id"]]
    ],
    "report dates": lambda shooju, conn: (
        conn.get_reported_dates(GDP),
        conn.get_reported_dates(job_id=1),
        conn.get_reported_dates(r"sid=users\sam\empty"),
        conn.get_reported_dates(GDP, df=LATER + datetime.timedelta(days=1)),
        conn.get_series(GDP + "@repdate:2021-01-01", max_points=-1),
        conn.get_series(GDP + "@repfdate:2021-01-01", ["*"]),
    ),
    "errors in place of series": lambda shooju, conn: (
        setattr(shooju.options, "return_series_errors", True),
        conn.get_series(GDP + "@BAD"),
        conn.get_series("sid=none"),
    ),
    "raw calls": lambda shooju, conn: (
        conn.raw.get("/series", params={"query": GDP, "fields": "*", "max_points": 1, "sort": None}),
        conn.raw.post("/series", data_json={"series_queries": [GDP]}, serializer=shooju.json_serializer),
        conn.raw.get("/series", True, {"query": "a@BAD"}),
        conn.raw.get("/series", params={"query": SAM, "facets": "unit", "per_page": 0}),
        conn.raw.get("/status/ping", binary_response=True).status_code,
        shooju.json_serializer.loads(
            conn.raw.get("/status/ping", json_response=False, deserializer=shooju.json_serializer).encode()
        ),
    ),
    **{
        f"raw calls in {name}": lambda shooju, conn, name=name: [
            conn.raw.get(
                "/series",
                params={"query": GDP, "max_points": 2},
                deserializer=getattr(shooju, name),
                deserializer_params=params,
            )
            for params in ([None, {"use_numpy": True}] if name == "sjts" else [None])
        ]
        for name in ("sjts", "msgpack", "json_serializer")
    },
    "the calls of the API": lambda shooju, conn: (
        conn.shooju_api.get_single_series(series_query=GDP, max_points=1, fields=["unit"]),
        conn.shooju_api.get_single_series(ID, size=1),
        vars(conn.shooju_api.series_read(series_queries=[GDP, "sid=none"], max_points=1)),
        conn.shooju_api.series_read(series_ids=[ID + "@A:M"], max_points=-1).series,
        conn.shooju_api.search_series(SAM, fields=["unit"], per_page=2, sort_on="unit", sort_order="desc"),
        conn.shooju_api.search_series(GDP, max_points=-1, operators=["A:M"]),
        conn.shooju_api.get_reported_dates(GDP),
        conn.shooju_api.api_status(),
        conn.shooju_api.ping(),
    ),
    "hooks": hooked,
    "a connection": connected(retries=1, retry_delay=0.1, timeout=60, location="here"),
    "extra parameters of a connection that writes": written_with_extra_parameters,
    "extra parameters of a connection": connected(extra_params={"max_points": 1, "include_job": "y"}),
    "a point": point(DAY, 5),
    "a point of a date": point(datetime.date(2020, 1, 1), "1.5"),
    "a point of milliseconds": point(1577836800123, None),
    "a point of numpy": point(np.int64(0), np.float64(2)),
    "a point with its job and timestamp": point(0, 1, 17, 5, included_job=True, included_timestamp=True),
    "a point with its timestamp": point(0, 1, 5, included_timestamp=True),
    "ids": lambda shooju, conn: (shooju.sid("users", "sam"), shooju.sid("a"), shooju.sid()),
    "milliseconds": lambda shooju, conn: (
        [shooju.to_milli(date) for date in (DAY, DAY.date(), 5, 5.5, datetime.datetime(1900, 1, 1))],
        [shooju.milli_to_datetime(milli) for milli in (0, -5.5e12, 1.5)],
    ),
    "serializers of rows": lambda shooju, conn: [
        getattr(shooju.points_serializers, name)([[0, 1.0], [1, None]], None, 3, colour="red")
        for name in ("shooju_point", "milli_tuple", "pd_series", "pd_series_localized", "np_array")
    ],
    "what a star imports": lambda shooju, conn: sorted(shooju.points_serializers.__all__),
    "formats": lambda shooju, conn: [
        one.loads(text.encode() if isinstance(text := one.dumps(DOCUMENT), str) else text)
        for one in (shooju.sjts, shooju.json_serializer)
    ],
    "options": lambda shooju, conn: [
        (made.disable_sjts, made.disable_msgpack, made.series_serializer.__name__, made.default_serializer.__name__)
        for made in (shooju.Options(), shooju.Options(True), shooju.Options(False, True), shooju.Options(True, True))
    ],
    "exceptions": lambda shooju, conn: [
        (str(error), error.args, isinstance(error, Exception))
        for error in (shooju.ShoojuApiError("wrong"), shooju.ConnectionError("wrong"))
    ],
}
DOCUMENT = {"series": [{"series_id": "a", "points": [[0, 1.0], [1, 2.0]]}]}


def wrote(job_use: Callable[[Any, Any], Any], batch_size: int = 1) -> Use:
    """What a job returns, and what is stored afterwards."""

    def use(shooju: Any, conn: Any) -> Any:
        job = conn.register_job("a test", batch_size=batch_size)
        returned = job_use(shooju, job)
        job.submit()
        stored = list(conn.scroll(fields=["*"], max_points=-1))
        return returned, stored, conn.get_reported_dates(GDP) if conn.get_series(GDP) else None

    return use


def refused_among_others(shooju: Any, job: Any) -> Any:
    job.write(SAM, fields={"a": 1})
    job.write(GDP, fields={"b": 1})
    with pytest.raises(shooju.ShoojuApiError) as caught:
        job.submit()
    return caught.value.message.partition(" ")[0], job.submit()


def hooks_of_a_job(shooju: Any, job: Any) -> Any:
    seen: list[Any] = []
    job.add_pre_submit_hook(lambda **given: seen.append(given))
    job.add_post_submit_hook(lambda **given: seen.append(given))
    job.write(GDP, fields={"a": 1})
    return seen, job.submit()


def in_a_with(shooju: Any, conn: Any) -> Any:
    with conn.register_job("finishes", "notes", 5) as job:
        job.write(GDP, {"a": 1})

    def fail() -> None:
        with conn.register_job("fails", batch_size=5) as job:
            job.write(GDP, {"b": 1})
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    return conn.get_fields(ID), [item["id"] for item in conn.raw.get("/jobs", params={"sort": "id"})["results"]]


def files(shooju: Any, conn: Any) -> Any:
    ids = [
        conn.upload_file(io.BytesIO(b"one"), "one.txt"),
        conn.upload_file(io.BytesIO(b"two"), "two.txt", {"x": 1}),
        *conn.upload_files(
            [
                {"fp": io.BytesIO(b"three"), "filename": "three.txt"},
                {"fp": io.BytesIO(b"four"), "filename": "four.txt", "custom_fields": {"k": 2}},
            ]
        ),
    ]
    upload = conn.init_multipart_upload("five.bin", {"z": 1})
    parts = [upload.upload_part(1, io.BytesIO(b"fi")), upload.upload_part(2, b"ve")]
    assert upload.complete() == upload.file_id
    session = conn.create_uploader_session()
    six = session.init_multipart("six.bin")
    parts.append(session.upload_part(six, 1, io.BytesIO(b"six")))
    ids += [upload.file_id, session.complete_multipart(six), session.upload_file(io.BytesIO(b"seven"), "seven.txt")]
    facts = [conn.raw.get(f"/files/{file}")["file"] for file in ids]
    read = [conn.download_file(file).read() for file in ids]
    return parts, read, [(fact["name"], fact["size"], fact.get("custom")) for fact in facts]


WRITES: dict[str, Use] = {
    "fields and points": wrote(
        lambda shooju, job: job.write(
            r"sid=users\new", {"a": 1, "b": [1, "x"], "c": {"d": True}}, [shooju.Point(DAY, 1)]
        )
    ),
    "an aware pandas Series": wrote(
        lambda shooju, job: job.write(
            GDP, points=pd.Series([1.0, 2.0], pd.date_range("2021-01-01", periods=2, tz="Europe/Berlin"))
        )
    ),
    "integers and missing values": wrote(
        lambda shooju, job: (
            job.write(GDP, points=pd.Series([1, 2], pd.date_range("2021-01-01", periods=2))),
            job.write(GDP, points=pd.Series([np.nan, 2], pd.date_range("2020-01-01", periods=2))),
            job.write(GDP, points=[shooju.Point(datetime.date(2020, 1, 3), None)]),
        )
    ),
    "dates finer than milliseconds": wrote(
        lambda shooju, job: (
            job.write(GDP, points=[shooju.Point(LATER.replace(microsecond=123456), 1)]),
            job.write(GDP, points=pd.Series([1.0], pd.DatetimeIndex(["2022-01-01 00:00:00.123456"]))),
        )
    ),
    "points of a generator": wrote(
        lambda shooju, job: job.write(GDP, points=(shooju.Point(DAY.replace(year=year), 1) for year in (1900, 2100)))
    ),
    "what is like a point": wrote(
        lambda shooju, job: job.write(GDP, points=[type("Own", (), {"to_dict": lambda self: {5: 2.0, 6: None}})()])
    ),
    "a kind of point": wrote(
        lambda shooju, job: job.write(
            GDP, points=[type("Double", (shooju.Point,), {"to_dict": lambda self: {5: 2 * self.value}})(LATER, 3)]
        )
    ),
    "other points removed": wrote(lambda shooju, job: job.write(GDP, None, [shooju.Point(LATER, 1)], "points")),
    "other fields removed": wrote(lambda shooju, job: job.write(GDP, {"a": 1}, remove_others="fields")),
    "everything removed": wrote(lambda shooju, job: job.write(GDP, remove_others="all")),
    "a field removed": wrote(lambda shooju, job: job.write(GDP, {"unit": None})),
    "nothing": wrote(lambda shooju, job: job.write(r"sid=users\new")),
    "a batch of nothing": wrote(lambda shooju, job: job.write(GDP, {"a": 1}), batch_size=0),
    "the deprecated calls": wrote(
        lambda shooju, job: (
            job.put_points(r"users\p", [shooju.Point(DAY, 1)]),
            job.put_point(r"users\p", shooju.Point(LATER, 2)),
            job.put_field(r"users\p", "a", 1),
            job.put_fields(r"users\p", {"b": 2}),
            job.put_reported_points(ID, DAY, [shooju.Point(DAY, 9)]),
            job.submit(),
        ),
        batch_size=100,
    ),
    "the deprecated removals": wrote(
        lambda shooju, job: (
            job.remove_points(ID),
            job.put_point(ID, shooju.Point(LATER, 77)),
            job.remove_fields(r"users\sam\empty"),
            job.put_field(r"users\sam\empty", "z", 1),
        ),
        batch_size=9,
    ),
    "reported": wrote(
        lambda shooju, job: (
            job.write_reported(GDP, DAY, {"a": 1}, [shooju.Point(DAY, 9)]),
            job.write_reported(GDP, datetime.date(2022, 1, 1), points=[shooju.Point(DAY, 10)]),
            job.write_reported(GDP, 1609459200000, points=[shooju.Point(DAY, 11)]),
        )
    ),
    "reports deleted": wrote(
        lambda shooju, job: (
            [job.write_reported(GDP, DAY.replace(month=month), {"a": month}) for month in range(1, 5)],
            job.delete_reported(GDP, DAY),
            job.delete_reported(GDP, [DAY.replace(month=2), DAY.replace(month=4)]),
        )
    ),
    "all reports deleted": wrote(lambda shooju, job: job.delete_reported(GDP, delete_all=True)),
    "reports deleted by the word all": wrote(lambda shooju, job: job.delete_reported(GDP, "all")),
    "a series deleted": wrote(lambda shooju, job: job.delete_series(GDP)),
    "a series deleted for good": wrote(lambda shooju, job: job.delete_series(GDP, True, True)),
    "a folder deleted": wrote(lambda shooju, job: job.delete_series(SAM, one=False), batch_size=2),
    "nothing deleted": wrote(lambda shooju, job: (job.delete_series("sid=none"), job.delete_series("sid:none", False))),
    "deletions by the deprecated calls": wrote(
        lambda shooju, job: (job.delete(ID), job.delete(r"users\sam\empty", True), job.delete_by_query(CHINA))
    ),
    "deleted, submitted and written again": wrote(
        lambda shooju, job: (job.delete_series(GDP), job.submit(), job.write(GDP, {"a": 1})), batch_size=10
    ),
    "one refused among others": wrote(refused_among_others, batch_size=10),
    "hooks of a job": wrote(hooks_of_a_job, batch_size=5),
    "jobs in a with": in_a_with,
    "a finished job": lambda shooju, conn: [
        (job.write(GDP, {"a": 1}), job.finish(), job.job_id, conn.raw.get(f"/jobs/{job.job_id}")["job"]["notes"])
        for job in [conn.register_job("finished", "notes", 5, False, True)]
    ],
    "a job made by hand": lambda shooju, conn: [
        (job.write(GDP, {"a": 1}), job.submit(), isinstance(job, shooju.BaseJob), conn.get_fields(ID))
        for job in [shooju.RemoteJob(conn, conn.register_job("made").job_id, 2, [], [], 1.0, False, True)]
    ],
    "items of writes": lambda shooju, conn: conn.shooju_api.series_write(
        [{"type": "POST", "query": GDP, "fields": {"a": 1}}, {"type": "DELETE", "query": "sid=none"}],
        conn.register_job("items").job_id,
    ),
    "deleted by the API": lambda shooju, conn: conn.shooju_api.delete_series_by_query(SAM),
    "files": files,
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with start(":memory:", user="sam", api_key="secret") as server:
        fill(server.url)
        yield server.url


def result(name: str, url: str, use: Use) -> Any:
    shooju = module(name)
    for part in ("points_serializers", "hooks.base", "utils.convert"):
        importlib.import_module(f"{name}.{part}")
    shooju.options.return_series_errors = False
    return use(shooju, shooju.Connection(url, "sam", "secret", retries=1))


@pytest.mark.parametrize("name", READS)
def test_a_read(name, url):
    check_equal(result("shooju", url, READS[name]), result("pandas_shooju.compat", url, READS[name]), name)


@pytest.mark.parametrize("name", WRITES)
def test_a_write(name):
    results = []
    for client in ("shooju", "pandas_shooju.compat"):
        with start(":memory:", user="sam", api_key="secret") as server:
            fill(server.url)
            results.append(result(client, server.url, WRITES[name]))
    check_equal(*results, name)

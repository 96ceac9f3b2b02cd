"""Lies: responses that break their documented shape, or do not correspond to the request. None may be believed."""

from __future__ import annotations

import copy
import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pandas_shooju as sj
from pandas_shooju import formats, local
from tests.client import faults
from tests.client.faults import Fault, Proxy, Seen

ID = r"users\sam\lies"
_QUERY = f'sid="{ID}\\a"'


class Call(NamedTuple):
    """A call, and what must not be believed of its response."""

    run: Callable[[sj.Connection], Any]
    #: the end of the path of the request that is lied to
    path: str
    #: changes to a true response, each of which makes it wrong
    lies: list[Callable[[dict[str, Any]], Any]]


def _set(name: str, *values: Any) -> list[Callable[[dict[str, Any]], Any]]:
    """Lies about a key of the response."""
    return [lambda root, value=value: {**root, name: value} for value in values]


def _item(name: str, *values: Any) -> list[Callable[[dict[str, Any]], Any]]:
    """Lies about a key of the first series."""

    def lie(root: dict[str, Any], value: Any) -> dict[str, Any]:
        root["series"][0][name] = value
        return root

    return [lambda root, value=value: lie(root, value) for value in values]


def _without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda root: {key: value for key, value in root.items() if key != name}


def _of_series(change: Callable[[list[Any]], list[Any]]) -> Callable[[dict[str, Any]], Any]:
    return lambda root: {**root, "series": change(root["series"])}


_SHAPES = [
    *_set("series", None, "a", 5, {}, {"a": 1}, [5], ["a"], [None], [[]]),
    _without("series"),
    *_item("series_id", None, 5, "", [], {}, True, r"users\sam\other"),
    *_item("fields", [], "x", 5, [1]),
    *_item("tz", "Europe/London", 5, ["a"], {"timezone": 5}),
    *_item(
        "points", "x", 5, {}, ["a"], [[0]], [["a", 1]], [[0, "a"]], [[None, 1]], [[0.5, 1]], [[2**63, 1]], [[0, [1]]]
    ),
]
_ORDER = [
    _of_series(lambda series: series[::-1]),
    _of_series(lambda series: series[:-1]),
    _of_series(lambda series: []),
    _of_series(lambda series: [*series, series[0]]),
    _of_series(lambda series: [series[0]] * len(series)),
    _of_series(lambda series: [{**series[0], "series_id": series[1]["series_id"]}, *series[1:]]),
]
_RESPONSES = [
    *_set("responses", None, "a", 5, {}, [], [{"success": True}], [{"success": True}] * 3, [True, True], [None, None]),
    *_set(
        "responses", *([{"success": True}, {"success": wrong}] for wrong in ("no", "true", 1, None, [], {})), [{}, {}]
    ),
    _without("responses"),
]
_FILES = [
    *_set("file_id", None, "", "abc", 5, [], [None], [""], [{}], [[]], [-1], [True], [1.5], ["a", "b"], {}),
    _without("file_id"),
]
_SUCCESS = [*_set("success", "no", "yes", 1, 0, None, [], {}, "true", 1.0), _without("success")]


def _two(conn: sj.Connection) -> list[Any]:
    get = conn.mget()
    for name in "ab":
        get.get_series(f'sid="{ID}\\{name}"', max_points=-1)
    return get.fetch()


def _write(conn: sj.Connection) -> None:
    job = sj.RemoteJob(conn, 2, batch_size=100)
    for name in "cd":
        job.write(f"sid={ID}\\{name}", points=[(0, 1)])
    job.submit()


CALLS = [
    Call(lambda conn: conn.get_series(_QUERY, "*", max_points=-1), "/series", _SUCCESS + _SHAPES),
    Call(_two, "/series", _SHAPES + _ORDER),
    Call(lambda conn: conn.get_df(f"sid:{ID}", max_points=-1), "/series", [
        *_SUCCESS, *[lie for lie in _SHAPES if lie not in _SHAPES[16:17]][:10],
        *_set("total", "3", -1, 1.5, [], True, 1, 5), *_set("scroll_id", [], {}, 1.5),
    ]),
    Call(lambda conn: list(conn.scroll(f"sid:{ID}", batch_size=1, max_points=-1)), "/series", [
        *_set("total", "3", -1, 1.5, [], {}, True, 0, 9), *_set("scroll_id", None, [], {}, 1.5, "unknown"),
        _of_series(lambda series: []),
    ]),
    Call(lambda conn: sj.read_shooju([_QUERY], connection=conn), "/series", _SUCCESS + _SHAPES),
    Call(lambda conn: conn.get_reported_dates(_QUERY), "/reported_dates", [
        *_SUCCESS, *_set("reported_dates", "abc", 5, {"a": 1}, ["a"], [None], [True], [1e300], [[0]], [10**17], [{}]),
    ]),
    Call(lambda conn: conn.register_job("a job"), "/jobs/", [
        *_SUCCESS, *_set("job_id", None, "5", -1, 1.5, True, [], {}, [5]), _without("job_id"),
    ]),
    Call(_write, "/series/write", _SUCCESS + _RESPONSES),
    Call(lambda conn: sj.RemoteJob(conn, 3).finish(), "/finish", _SUCCESS),
    Call(lambda conn: conn.upload_file(b"abc", "a.txt"), "/files", _SUCCESS + _FILES),
    Call(lambda conn: conn.init_multipart_upload("a.txt"), "/init", [
        *_SUCCESS, *_set("file_id", None, "", [], {}, -1, True, 1.5, ["a"]), _without("file_id"),
    ]),
]  # fmt: skip


def _the_truth(root: dict[str, Any]) -> Any:
    return root


def told(call: Call, lie: Callable[[dict[str, Any]], Any], name: str, said: list[Any]) -> Fault:
    """Carry out the request, and change what the server says; `said` is what was."""

    def act(proxy: Proxy, seen: Seen, sock: socket.socket) -> None:
        body = proxy.forward(seen).partition(b"\r\n\r\n")[2]
        root = formats.decode(body, formats.sniff(body) or "json").plain()
        for series in root.get("series", ()):  # JSON has rows
            if "points" in series:
                series["points"] = series["points"].to_rows()
        root = lie(copy.deepcopy(root))
        content = json.dumps(root).encode() if name == "json" else formats.encode(root, name)
        said.append(root)
        sock.sendall(faults._response(200, content, "application/octet-stream"))

    return Fault(act, lambda seen: seen.path.split("?")[0].endswith(call.path))


def lies() -> Iterator[tuple[Call, Callable[[dict[str, Any]], Any], str]]:
    """Every lie, as JSON, and every third as msgpack; and the truth, which must be believed."""
    for call in CALLS:
        yield call, _the_truth, "json"
        for lie in call.lies:
            yield call, lie, "json"
        for lie in call.lies[::3]:
            yield call, lie, "msgpack"


def run(report: Callable[[str], None] = print) -> Counter[str]:
    """Tell every lie; how many were noticed, believed, or led to an exception of another package."""
    outcomes: Counter[str] = Counter()
    with local.start() as server, faults.proxy(server.url) as proxy, sj.Connection(server.url, "sam", "key") as truth:
        with truth.register_job("lies") as job:
            for name in "abc":
                job.write(f"sid={ID}\\{name}", points=[(0, 1)], fields={"x": 1})
            job.write_reported(f"sid={ID}\\a", 0, points=[(0, 1)])
        for description in ("to be written", "to be finished"):
            truth.register_job(description)
        for number, (call, lie, name) in enumerate(lies()):
            said: list[Any] = []
            with sj.Connection(proxy.url, "sam", "key", retries=1, retry_delay=0.0, timeout=5.0) as conn:
                proxy.faults[:] = [told(call, lie, name, said) for _ in range(3)]
                try:
                    call.run(conn)
                    outcome = "true" if lie is _the_truth else "believed"
                except sj.ShoojuError as error:
                    outcome = "noticed"
                    if lie is _the_truth or not said:
                        outcome = "not told"
                        report(f"lie {number} to {call.path} was not told: {error}")
                except Exception as error:
                    outcome = "foreign"
                    report(f"lie {number} to {call.path}: {type(error).__name__}: {error}; {said}")
            if outcome == "believed":
                report(f"lie {number} to {call.path} was believed: {said}")
            outcomes[outcome] += 1
    return outcomes

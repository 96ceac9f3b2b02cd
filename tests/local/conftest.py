"""An embedded Shooju in this process, and the plain words to talk to it."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import requests

from pandas_shooju import formats
from pandas_shooju.formats import PointColumns
from pandas_shooju.local import App, open_app, start
from pandas_shooju.local.adapter import WSGIAdapter

BASE = "http://embedded.localhost"


class Api:
    """The HTTP API as plain calls; every answer is decoded, and a success unless told otherwise."""

    def __init__(self, app: App, user: str | None = None, key: str | None = None, format_name: str = "json") -> None:
        self.session = requests.Session()
        self.session.mount(BASE, WSGIAdapter(app))
        if user:
            self.session.auth = (user, key or "")
        self.app = app
        self.format = format_name

    def call(self, method: str, path: str, body: Any = None, **parameters: Any) -> dict[str, Any]:
        answer = self.raw(method, path, body, **parameters)
        assert answer.status_code == 200, answer.text
        return formats.decode(answer.content, self.format).plain()

    def raw(self, method: str, path: str, body: Any = None, **parameters: Any) -> requests.Response:
        headers = {"Sj-Send-Format": self.format, "Sj-Receive-Format": self.format}
        data = None if body is None else formats.encode(body, self.format)
        return self.session.request(method, f"{BASE}/api/1{path}", params=parameters, data=data, headers=headers)

    def job(self, description: str = "a test", **given: Any) -> int:
        return self.call("POST", "/jobs/", {"description": description, **given})["job_id"]

    def write(self, *items: dict[str, Any], job: int | None = None, **parameters: Any) -> list[dict[str, Any]]:
        """Write items; a ``query`` is a series id, and POST is understood."""
        answer = self.call(
            "POST", "/series/write", {"series": [{"type": "POST", **item} for item in items]}, job_id=job, **parameters
        )
        assert answer["success"], answer
        return answer["responses"]

    def put(self, series_id: str, points: Any = None, job: int | None = None, **item: Any) -> None:
        """Write one series by its id."""
        if points is not None:
            item["points"] = points if isinstance(points, PointColumns) else [[d, v] for d, v in points]
        (response,) = self.write({"series_id": series_id, **item}, job=job)
        assert response == {"success": True}, response

    def search(self, query: str, **parameters: Any) -> dict[str, Any]:
        answer = self.call("GET", "/series", query=query, **parameters)
        assert answer["success"], answer
        return answer

    def ids(self, query: str, **parameters: Any) -> list[str]:
        return [series["series_id"] for series in self.search(query, **parameters)["series"]]

    def one(self, query: str, **given: Any) -> dict[str, Any]:
        """A single series, by a bulk call."""
        answer = self.call("POST", "/series", {"series_queries": [{"query": query, **given}]})
        assert answer["success"], answer
        return answer["series"][0]

    def points(self, query: str, **given: Any) -> list[list[Any]]:
        series = self.one(query, **{"max_points": -1, **given})
        assert "error" not in series, series
        return series["points"].to_rows() if "points" in series else []

    def fields(self, query: str, names: str = "*") -> dict[str, Any]:
        series = self.one(query, fields=names)
        assert "error" not in series, series
        return series.get("fields", {})


def version_4(db: sqlite3.Connection) -> None:
    """Make a store one of version 4: it knows nothing of the past of reports."""
    db.execute("DROP INDEX past_points_of_series")
    db.execute("CREATE INDEX past_points_of_series ON past_points (series, oldest)")
    db.execute("ALTER TABLE past_points DROP COLUMN report")
    db.execute("DROP TABLE past_report_fields")
    db.execute("DROP TABLE lost_series")
    db.execute("PRAGMA user_version = 4")


@pytest.fixture
def app():
    app = open_app(":memory:")
    yield app
    app.close()


@pytest.fixture(params=["json"])
def api(app, request):
    return Api(app, format_name=request.param)


@pytest.fixture
def served():
    with start() as served:
        yield served

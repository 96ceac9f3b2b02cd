"""Meta fields: what they hold, and searching and sorting by them."""

from __future__ import annotations

import pytest

from pandas_shooju.local.meta import META
from tests.local.conftest import Api

DAY = 86_400_000


@pytest.fixture
def jobs(app):
    """Two series by two users, one of them with reports."""
    sam, ann = Api(app, "sam"), Api(app, "ann")
    first, second = sam.job(), ann.job()
    sam.put("a", [[DAY, 5.0], [3 * DAY, -1.0]], job=first)
    ann.put("b", [[2 * DAY, 7.5]], job=second)
    ann.put("b", [[0, 1.0]], reported_date=1_000 * DAY, job=second)
    ann.put("b", fields={"x": 1}, reported_date=2_000 * DAY, job=second)
    ann.put("b", [[0, 1.0]], fields={"x": 1}, reported_date=3_000 * DAY, job=second)
    return first, second


def meta(api, series_id, *names):
    fields = api.fields(f"sid={series_id}", ",".join(f"meta.{name}" for name in names))
    return {name.removeprefix("meta."): value for name, value in fields.items()}


def test_what_they_hold(api, jobs):
    first, second = jobs
    a = meta(api, "a", *META)
    assert 1.7e12 < a.pop("created_at") <= a.pop("updated_at")
    assert a == {
        "points_count": 2,
        "points_min": -1.0,
        "points_max": 5.0,
        "dates_min": DAY,
        "dates_max": 3 * DAY,
        "updated_by": "sam",
        "job": first,
    }
    reports = meta(api, "b", "reppdates_min", "reppdates_max", "repfdates_min", "repfdates_max", "updated_by", "job")
    assert reports == {
        "reppdates_min": 1_000 * DAY,
        "reppdates_max": 3_000 * DAY,
        "repfdates_min": 2_000 * DAY,
        "repfdates_max": 3_000 * DAY,
        "updated_by": "ann",
        "job": second,
    }


def test_in_the_trash(api, jobs):
    job = api.job()
    api.write({"type": "DELETE", "series_id": "a"}, job=job)
    assert meta(api, r"System\Trash\a", "trash_sid", "job_deleted") == {"trash_sid": "a", "job_deleted": [job]}
    assert api.ids("meta.trash_sid=A") == [r"System\Trash\a"]
    assert api.ids(f"meta.job_deleted={job}") == [r"System\Trash\a"]
    assert meta(api, "b", "trash_sid") == {}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("meta.points_count=2", ["a"]),
        ("meta.points_count>=1", ["a", "b"]),
        ("meta.points_min<0", ["a"]),
        ("meta.points_max=7.50", ["b"]),
        ("meta.points_max=(5, 7.5)", ["a", "b"]),
        ("meta.dates_max>1970-01-03", ["a"]),
        ("meta.dates_max>=1970-01-03", ["a", "b"]),
        ("meta.dates_max=1970-01-03", ["b"]),
        (f"meta.dates_max={3 * DAY}", ["a"]),
        ("meta.dates_min<=0db", ["a", "b"]),
        ("meta.updated_at>-1h", ["a", "b"]),
        ("meta.updated_at>1h", []),
        ("meta.updated_by=SAM", ["a"]),
        ("meta.updated_by=*n", ["b"]),
        ("NOT meta.updated_by=sam", ["b"]),
        ("meta.reppdates_max>1971-01-01", ["b"]),
        ("NOT meta.reppdates_max>1971-01-01", ["a"]),
        ("meta.repfdates_min>1980-01-01", []),
        ("meta.job:1", ["a"]),
        ("Meta.Points_Count=2", ["a"]),
    ],
)
def test_searches(api, jobs, query, found):
    assert api.ids(query) == found


def test_sorting(api, jobs):
    assert api.ids("", sort="meta.points_max desc") == ["b", "a"]
    assert api.ids("", sort="meta.dates_max desc") == ["a", "b"]
    assert api.ids("", sort="meta.reppdates_min desc") == ["b", "a"]
    assert api.ids("", sort="meta.updated_by") == ["b", "a"]


def test_as_of_a_moment_before_a_series_existed(api):
    first = api.job()
    api.put("a", [[0, 1.0]], job=first, fields={"x": 1})
    second = api.job()
    api.put("b", [[0, 1.0]], job=second, fields={"x": 1})
    answer = api.search(f"x=1@asof:j{first}", max_points=-1)
    assert answer["total"] == 1
    assert [series["series_id"] for series in answer["series"]] == [f"a@asof:j{first}"]
    assert api.search(f"x=1@asof:j{first}", per_page=0)["total"] == 1
    assert api.search(f"x=1@asof:j{second}")["total"] == 2
    assert api.search(f"x=1@asof:j{first}", scroll="y")["total"] == 1
    bulk = api.call("POST", "/series", {"series_ids": [f"a@asof:j{first}", f"b@asof:j{first}"]})["series"]
    assert [series.get("error") for series in bulk] == [None, "series_not_found"]
    assert api.one("sid=b", operators=f"@asof:j{first}")["error"] == "series_not_found"
    assert api.one(f"={{{{sid=b@asof:j{first}}}}}")["error"] == "series_not_found"
    assert api.points(f"=F.multi_sum('x=1@asof:j{first}')") == [[0, 1.0]]
    # a single series, although two are found today
    assert api.points(f"x=1@asof:j{first}") == [[0, 1.0]]

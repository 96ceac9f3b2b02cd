"""Jobs: finding them, what they did to series, and which of two may write over the other."""

from __future__ import annotations

import pytest

from pandas_shooju import formats
from tests.local.conftest import Api

DAY = 86_400_000


@pytest.fixture(params=formats.NAMES)
def api(app, request):
    return Api(app, format_name=request.param)


@pytest.fixture
def three_jobs(app):
    """Jobs 1 to 3, of which the third wrote nothing."""
    api = Api(app, "sam")
    first, second = api.job("Nightly prices DE", source="cron"), api.job("Nightly prices FR", notes="by hand")
    Api(app, "ann").job("cleaning up", source="cron")
    api.put("a", [[0, 1.0], [1, 2.0]], job=first, fields={"unit": "MW"})
    api.put("b", [[0, 1.0]], job=first)
    api.put("a", [[0, 5.0], [1, None], [2, 3.0]], job=second)
    api.put("c", fields={"unit": "EUR"}, job=second)
    return api


def found(api, **parameters):
    answer = api.call("GET", "/jobs", **parameters)
    assert answer["success"], answer
    return [job["id"] for job in answer["results"]]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [3, 2, 1]),
        ("*", [3, 2, 1]),
        ('description:"Nightly prices"*', [2, 1]),
        ('description="nightly prices de"', [1]),
        ('description:"Nightly prices"* created_at>=0db', [2, 1]),
        ("created_at>1d", []),
        ("description=*FR or description=cleaning*", [3, 2]),
        ("source=cron user=sam", [1]),
        ("user=(ann,bob)", [3]),
        ("stats.new_points>0 or stats.changed_points>0 and updated_at>0", [2, 1]),
        ("stats.deleted_points>=1", [2]),
        ("stats.new_series=2", [1]),
        ("NOT stats.new_points>0", [3]),
        ("set=finished_at", []),
        ("nightly", [2, 1]),
        ("hand || clean*", [3, 2]),
        ("id>1 id<3", [2]),
        ("job:2", [2]),
        ("no_history=false", [3, 2, 1]),
    ],
)
def test_queries_for_jobs(three_jobs, query, ids):
    assert found(three_jobs, query=query) == ids
    assert three_jobs.call("GET", "/jobs", query=query, per_page=0) == {
        "success": True,
        "results": [],
        "total": len(ids),
    }


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"query": "sid:users"}, "the parameter filter is a query for series"),
        ({"query": "meta.job:a"}, "must be followed by the number of a job"),
        ({"query": "meta.points_max=5"}, "not supported in a query for jobs"),
        ({"query": "unit=MW"}, "jobs have no 'unit'; the known names are id, description"),
        ({"query": "stats.nonsense>5"}, "jobs have no 'stats.nonsense'"),
        ({"query": "created_at>soon"}, "not a date"),
        ({"query": "created_at>2024"}, "looks like a year"),
        ({"query": "description>5"}, "description has no order"),
        ({"query": "id>five"}, "must be followed by a number"),
        ({"query": "id=1*"}, "must be followed by a number"),
        ({"query": "no_history=maybe"}, "true or false"),
        ({"query": "a@A:M"}, "cannot have operators"),
        ({"query": "("}, "'(' without"),
        ({"filter": "sid:a@A:M"}, "filter cannot have operators"),
        ({"filter": "("}, "'(' without"),
        ({"sort": "colour"}, "jobs have no 'colour'"),
        ({"sort": "id up"}, "jobs have no 'id up'"),
        ({"fields": "id,colour"}, "jobs have no field 'colour'"),
        ({"page": 0}, "page must be an integer from 1"),
        ({"per_page": "all"}, "per_page must be an integer"),
        ({"scroll": "y"}, "parameter 'scroll' is not supported"),
    ],
)
def test_what_is_refused(three_jobs, parameters, complaint):
    answer = three_jobs.call("GET", "/jobs", **parameters)
    assert answer["error"] == "invalid_parameters"
    assert complaint in answer["description"]


def test_orders_and_pages(three_jobs):
    assert found(three_jobs, sort="created_at desc") == [3, 2, 1]
    assert found(three_jobs, sort="description asc") == [3, 1, 2]
    assert found(three_jobs, sort="source, id") == [2, 1, 3]
    assert found(three_jobs, sort="stats.new_series desc") == [1, 2, 3]
    pages = [three_jobs.call("GET", "/jobs", page=page, per_page=2) for page in (1, 2, 3)]
    assert [[job["id"] for job in page["results"]] for page in pages] == [[3, 2], [1], []]
    assert [page["total"] for page in pages] == [3, 3, 3]


def test_fields_of_jobs(three_jobs):
    (job,) = three_jobs.call("GET", "/jobs", query="job:1", fields="id,stats.new_points,user")["results"]
    assert job == {"id": 1, "stats": {"new_points": 3}, "user": "sam"}
    (job,) = three_jobs.call("GET", "/jobs", query="job:2", fields="*")["results"]
    assert job == three_jobs.call("GET", "/jobs/2")["job"]
    assert job["stats"] == {"new_series": 1, "new_points": 1, "changed_points": 1, "deleted_points": 1}


def test_jobs_that_touched_some_series(three_jobs):
    results = three_jobs.call("GET", "/jobs", filter="sid=(a,c)")["results"]
    touched = {job["id"]: job["filtered_series"] for job in results}
    assert touched == {
        1: {"changed": 1, "addedto": 1, "delfrom": 0},  # fields count as a change
        2: {"changed": 2, "addedto": 1, "delfrom": 1},
    }
    (job,) = three_jobs.call("GET", "/jobs", filter="sid=b", fields="id")["results"]
    assert job == {"id": 1, "filtered_series": {"changed": 0, "addedto": 1, "delfrom": 0}}
    assert three_jobs.call("GET", "/jobs", filter="sid:none")["total"] == 0


def test_items_that_are_refused_do_not_count(three_jobs):
    job = three_jobs.job("with a mistake")
    good, bad = three_jobs.write(
        {"series_id": "new", "points": [[0, 1.0]]},
        {"series_id": "newer", "points": [[0, 1.0]], "fields": {"meta.x": 1}},
        job=job,
    )
    assert good["success"]
    assert not bad["success"]
    stats = three_jobs.call("GET", f"/jobs/{job}")["job"]["stats"]
    assert stats == {"new_series": 1, "new_points": 1, "changed_points": 0, "deleted_points": 0}


# --- differences ------------------------------------------------------------------------------------------------


def difference(api, query, job, **parameters):
    answer = api.call("GET", "/series", query=query, diff_job_id=job, max_points=-1, **parameters)
    assert answer["success"], answer
    return answer["series"]


def test_what_a_job_did_to_a_series(api):
    first, second, third = api.job("first"), api.job("second"), api.job("third")
    api.put("s", [[d, float(d)] for d in range(4)], job=first, fields={"unit": "MW", "n": 1})
    api.put("s", [[1, 10.0], [4, 4.0]], job=second, fields={"unit": "GW", "n": None})
    api.put("s", [[2, None], [1, 11.0]], job=second)
    api.put("s", [[4, 5.0], [0, None]], job=third, fields={"unit": "TW"})
    (item,) = difference(api, "sid=s", second, diff_points_only="y")
    assert item == {
        "series_id": "s",
        "fields": {"unit": "GW"},
        "fields_previous": {"unit": "MW", "n": 1},
        "points": [[1, 11.0, 1.0, "c"], [2, None, 2.0, "d"], [4, 4.0, None, "a"]],
    }
    (item,) = difference(api, "sid=s", second, fields="n")
    assert item["fields"] == {}
    assert item["fields_previous"] == {"n": 1}
    assert item["points"] == [
        [0, 0.0, 0.0, None],
        [1, 11.0, 1.0, "c"],
        [2, None, 2.0, "d"],
        [3, 3.0, 3.0, None],
        [4, 4.0, None, "a"],
    ]
    (item,) = difference(api, "sid=s", first, diff_points_only="y")
    assert item["fields_previous"] == {}
    assert [point[2:] for point in item["points"]] == [[None, "a"]] * 4
    (item,) = difference(api, "sid=s", second, diff_points_only="y", df=1, dt=2)
    assert [point[0] for point in item["points"]] == [1, 2]
    (limited,) = api.call("GET", "/series", query="sid=s", diff_job_id=second, max_points=1)["series"]
    assert [point[0] for point in limited["points"]] == [0]


def test_a_job_that_left_a_series_alone(api):
    api.put("s", [[0, 1.0]], job=api.job(), fields={"unit": "MW"})
    idle = api.job("idle")
    (item,) = difference(api, "sid=s", idle, diff_points_only="y")
    assert item == {"series_id": "s", "fields": {}, "fields_previous": {}}
    other = api.job("elsewhere")
    api.put("t", [[0, 1.0]], job=other)
    (item,) = difference(api, "sid=s", other, diff_points_only="y")
    assert item == {"series_id": "s", "fields": {"unit": "MW"}, "fields_previous": {"unit": "MW"}}


def test_points_that_a_job_wrote_and_took_back_are_no_difference(api):
    first, second = api.job("first"), api.job("second")
    api.put("s", [[0, 1.0]], job=first)
    api.put("s", [[0, 2.0], [1, 1.0]], job=second)
    api.write({"series_id": "s", "points": [[0, 1.0]]}, {"series_id": "s", "points": [[1, None]]}, job=second)
    (item,) = difference(api, "sid=s", second, diff_points_only="y")
    assert "points" not in item
    assert difference(api, "sid=s", second)[0]["points"] == [[0, 1.0, 1.0, None]]


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"query": "sid=s", "diff_job_id": 99}, "job 99 does not exist"),
        ({"query": "sid=s", "diff_job_id": "x"}, "diff_job_id must be an integer"),
        ({"query": "sid=s", "diff_job_id": 1}, "was registered with no_history"),
        ({"query": "sid=s", "diff_points_only": "y"}, "combined with diff_job_id"),
        ({"query": "sid=s@A:M", "diff_job_id": 1}, "cannot be combined with operators"),
        ({"query": "sid=s", "diff_job_id": 1, "include_job": "y"}, "cannot be combined with"),
        ({"query": "sid=s", "diff_job_id": 1, "scroll": "y"}, "cannot be combined with"),
        ({"query": "={{sid=s}}", "diff_job_id": 1}, "combined with an expression"),
    ],
)
def test_differences_that_are_refused(api, parameters, complaint):
    api.put("s", [[0, 1.0]], job=api.job("bulk", no_history=True))
    answer = api.call("GET", "/series", **parameters)
    assert answer["error"] == "invalid_parameters"
    assert complaint in answer["description"]


# --- which job may write over which -----------------------------------------------------------------------------


@pytest.fixture
def old_and_new(api):
    old, new = api.job("the old one"), api.job("the new one")
    api.put("s", [[0, 1.0], [DAY, 2.0], [2 * DAY, 3.0]], job=old)
    api.put("s", [[DAY, 20.0]], job=new)
    return old, new


@pytest.mark.parametrize(
    "item",
    [
        {"points": [[0, 5.0], [DAY, 5.0]]},
        {"points": [[DAY, None]]},
        {"points": [[0, 5.0]], "keep_only": "points"},
        {"keep_only": "all"},
        {"points": [[DAY, 5.0]], "fields": {"unit": "MW"}},
    ],
)
def test_an_older_job_does_not_write_over_the_points_of_a_newer_one(api, old_and_new, item):
    old, new = old_and_new
    refused, other = api.write({"series_id": "s", **item}, {"series_id": "t", "points": [[0, 1.0]]}, job=old)
    assert refused == {
        "success": False,
        "error": "already_exists",
        "description": f"date 1970-01-02T00:00:00 was already written by a newer job (job {new})",
    }
    assert other["success"]
    # refused as a whole
    assert api.points("sid=s") == [[0, 1.0], [DAY, 20.0], [2 * DAY, 3.0]]
    assert api.fields("sid=s") == {}


def test_what_an_older_job_may_write(api, old_and_new):
    old, new = old_and_new
    api.put("s", [[0, 5.0], [DAY, 20.0], [3 * DAY, 4.0]], job=old, fields={"unit": "MW"})  # the same value
    api.put("s", [[DAY, 21.0]])  # without a job
    api.put("s", [[DAY, 22.0]], job=old)
    api.put("s", [[DAY, 23.0]], job=new)
    assert api.points("sid=s") == [[0, 5.0], [DAY, 23.0], [2 * DAY, 3.0], [3 * DAY, 4.0]]


def test_reports_are_protected_as_well(api):
    old, new = api.job("the old one"), api.job("the new one")
    api.put("s", [[0, 1.0]], job=new, reported_date=DAY)
    (refused,) = api.write({"series_id": "s", "points": [[0, 2.0]], "reported_date": DAY}, job=old)
    assert refused["error"] == "already_exists"
    api.put("s", [[0, 2.0]], job=old, reported_date=2 * DAY)
    assert api.points(f"sid=s@repdate:{4 * DAY}") == []

"""Writing: points and fields merged, replaced, removed; deletion and the trash; jobs; report dates; the past."""

from __future__ import annotations

import pytest

from pandas_shooju import formats
from pandas_shooju.local import open_app
from tests.local.conftest import Api

DAY = 86_400_000


@pytest.fixture(params=formats.NAMES)
def api(app, request):
    return Api(app, format_name=request.param)


def test_points_and_fields_are_merged_into_what_is_there(api):
    api.put("s", [[0, 1.0], [2, 2.0]], fields={"a": 1, "b": 2})
    api.put("S", [[2, 5.0], [1, 3.0]], fields={"b": "two", "c": [1]})
    assert api.points("sid=s") == [[0, 1.0], [1, 3.0], [2, 5.0]]
    assert api.fields("sid=s") == {"a": 1, "b": "two", "c": [1]}
    assert api.ids("") == ["s"]


def test_a_null_removes_the_point_or_the_field(api):
    api.put("s", [[0, 1.0], [1, 2.0]], fields={"a": 1, "b": 2})
    api.put("s", [[0, None], [7, None]], fields={"a": None})
    assert api.points("sid=s") == [[1, 2.0]]
    assert api.fields("sid=s") == {"b": 2}
    assert api.ids("a=1") == []


@pytest.mark.parametrize(
    ("keep_only", "points", "fields"),
    [
        ("points", [[5, 5.0]], {"a": 1, "b": 2}),
        ("fields", [[0, 1.0], [5, 5.0]], {"b": 2}),
        ("all", [[5, 5.0]], {"b": 2}),
        (None, [[0, 1.0], [5, 5.0]], {"a": 1, "b": 2}),
    ],
)
def test_keep_only_removes_the_others_of_that_kind(api, keep_only, points, fields):
    api.put("s", [[0, 1.0]], fields={"a": 1})
    api.put("s", [[5, 5.0]], fields={"b": 2}, keep_only=keep_only)
    assert api.points("sid=s") == points
    assert api.fields("sid=s") == fields


def test_keep_only_without_anything_leaves_nothing(api):
    api.put("s", [[0, 1.0]], fields={"a": 1})
    api.put("s", keep_only="all")
    assert api.points("sid=s") == []
    assert api.fields("sid=s") == {}


def test_items_are_carried_out_in_order_and_a_bad_one_leaves_no_trace(api):
    responses = api.write(
        {"query": r'sid="users\sam\a"', "points": [[0, 1.0]]},
        {"query": r"sid=users\sam\a", "points": [[0, 2.0]], "fields": {"meta.x": 1}},
        {"query": "country=US", "points": [[0, 1.0]]},
        {"query": "sid:users", "points": [[1, 1.0]]},
        {"query": "sid=x*", "points": [[1, 1.0]]},
        {"query": "sid=new@A:M", "points": [[1, 1.0]]},
        {"query": "sid=other", "type": "PATCH"},
        {"query": "sid=other", "keep_only": "some"},
        {"query": "sid=other", "fields": [1]},
        {"query": "sid=other", "reported_date": "soon"},
        {"query": "sid= "},
        {},
        {"type": "DELETE", "query": "sid=none"},
        {"series_id": "tab\there"},
    )
    assert [response["success"] for response in responses] == [True, False, False, True, *[False] * 10]
    assert responses[2]["error"] == "series_not_found"
    assert responses[12]["error"] == "series_not_found"
    assert api.points(r"sid=users\sam\a") == [[0, 1.0], [1, 1.0]]
    assert api.fields(r"sid=users\sam\a") == {}
    assert api.ids("") == [r"users\sam\a"]


def test_a_write_to_more_than_one_series_is_refused(api):
    api.write({"series_id": "a"}, {"series_id": "b"})
    (response,) = api.write({"query": "sid=a OR sid=b", "fields": {"x": 1}})
    assert response["error"] == "invalid_parameters"
    assert "finds 2" in response["description"]


def test_dates_without_a_name_and_points_that_are_none_are_refused(app):
    api = Api(app)
    too_late, no_list = api.write(
        {"series_id": "s", "points": [[2**60, 1.0]]}, {"series_id": "s", "reported_date": 5, "points": []}
    )
    assert "years 1 to 9999" in too_late["description"]
    assert no_list["success"]
    assert api.raw("POST", "/series/write", {"series": [{"series_id": "s", "points": [1, 2]}]}).status_code == 400
    assert api.call("POST", "/series/write", {"series": {}})["success"] is False


def test_deleted_series_go_to_the_trash_and_say_by_which_job(api):
    job = api.job("cleaning up")
    api.put(r"users\sam\gdp", [[0, 1.0]], fields={"a": 1})
    api.write({"type": "DELETE", "query": r"sid=users\sam\gdp", "force": False}, job=job)
    assert api.one(r"sid=users\sam\gdp")["error"] == "series_not_found"
    trashed = r'sid="System\Trash\users\sam\gdp"'
    assert api.points(trashed) == [[0, 1.0]]
    assert api.fields(trashed, "*,meta.job_deleted") == {"a": 1, "meta.job_deleted": [job]}
    assert api.ids(f"meta.job_deleted={job}") == [r"System\Trash\users\sam\gdp"]

    # a new series of that id, deleted again: the trash holds the newer one, and both jobs
    again = api.job("cleaning up again")
    api.put(r"users\sam\gdp", [[5, 5.0]])
    assert api.points(r"sid=users\sam\gdp") == [[5, 5.0]]
    api.write({"type": "DELETE", "series_id": r"users\sam\gdp"}, job=again)
    assert api.points(trashed) == [[5, 5.0]]
    assert api.fields(trashed, "meta.job_deleted") == {"meta.job_deleted": [job, again]}

    # what is in the trash is deleted for good
    api.write({"type": "DELETE", "query": trashed})
    assert api.one(trashed)["error"] == "series_not_found"


def test_deletion_with_force_is_for_good(api):
    api.put("s", [[0, 1.0]], fields={"a": "x"})
    api.write({"type": "DELETE", "query": "sid=s", "force": True})
    assert api.ids("sid:System") == api.ids("a=x") == api.ids("x") == []
    api.put("s")
    assert api.points("sid=s") == []
    with api.app._database.reading() as db:
        assert db.execute("SELECT count(*) FROM chunks").fetchone() == (0,)


def test_deletion_by_query(api):
    api.write(*({"series_id": f"s\\{n}", "fields": {"n": n}} for n in range(5)))
    job = api.job("by query")
    assert (
        api.call("DELETE", "/series/delete", {"query": "sid:s n=(1,2)", "force": False, "job_id": job})["deleted"] == 2
    )
    assert api.ids("sid:s") == ["s\\0", "s\\3", "s\\4"]
    assert len(api.ids("tree:system\\trash")) == 2
    assert api.call("DELETE", "/series/delete", {"query": "sid:s", "force": True})["deleted"] == 3
    assert api.call("DELETE", "/series/delete", {"query": " "})["error"] == "invalid_parameters"
    assert api.call("POST", "/series/refresh")["success"]
    assert api.call("DELETE", "/series/cache", q="*")["success"]


def test_jobs(api):
    short = api.call("POST", "/jobs/", {"description": "ab"})
    assert short["error"] == "invalid_parameters"
    job = api.job("import of GDP", notes="by hand", source="python")
    api.put("a", [[0, 1.0]], job=job)
    api.put("a", [[1, 1.0]], job=job)
    api.put("b", fields={"x": 1}, job=job)
    api.put("c", [[0, 1.0]])
    found = api.call("GET", f"/jobs/{job}")["job"]
    assert (found["id"], found["description"], found["notes"]) == (job, "import of GDP", "by hand")
    assert (found["source"], found["user"], found["no_history"]) == ("python", "local", False)
    assert found["stats"] == {"new_series": 2, "new_points": 2, "changed_points": 0, "deleted_points": 0}
    assert found["updated_at"] >= found["created_at"] > 1.7e12
    assert found["finished_at"] is None
    assert api.ids(f"job:{job}") == ["a", "b"]
    api.call("POST", f"/jobs/{job}/finish")
    api.call("POST", f"/jobs/{job}/finish")
    answer = api.call("POST", "/series/write", {"series": [{"series_id": "a"}]}, job_id=job)
    assert answer["success"] is False
    assert "finished" in answer["description"]
    assert api.call("POST", "/series/write", {"series": []}, job_id=99)["description"] == "job 99 does not exist"
    assert [one["id"] for one in api.call("GET", "/jobs")["results"]] == [job]


def test_meta_data_follow_the_writes(api):
    job = api.job()
    api.put("s", [[0, 5.0], [1, 7.0], [2, -1.0]], job=job)
    names = "meta.points_count,meta.points_min,meta.points_max,meta.dates_min,meta.dates_max,meta.job"
    assert list(api.fields("sid=s", names).values()) == [3, -1.0, 7.0, 0, 2, job]
    api.put("s", [[1, None], [9, 6.0]])
    assert list(api.fields("sid=s", names).values()) == [3, -1.0, 6.0, 0, 9, 0]
    assert api.ids("meta.points_max=6") == ["s"]
    api.write({"series_id": "s", "points": [[10, 100.0]]}, skip_meta_if_no_fields="true")
    assert api.fields("sid=s", "meta.points_max") == {"meta.points_max": 6.0}
    assert api.points("sid=s")[-1] == [10, 100.0]


def test_reports_stand_beside_the_series_own_points(api):
    api.put("s", [[0, 1.0]], fields={"a": 1})
    api.put("s", [[0, 2.0], [DAY, 3.0]], reported_date=10 * DAY)
    api.put("s", fields={"a": "reported"}, reported_date=20 * DAY)
    api.put("s", [[0, 4.0]], fields={"b": 1}, reported_date=30 * DAY)
    assert api.points("sid=s") == [[0, 1.0]]
    assert api.fields("sid=s") == {"a": 1}
    assert api.points("sid=s@repdate:1970-01-11") == [[0, 2.0], [DAY, 3.0]]
    assert api.points(f"sid=s@repdate:{10 * DAY}", df=1) == [[DAY, 3.0]]
    assert api.points("sid=s@repdate:1970-01-12") == []
    assert api.fields("sid=s@repfdate:1970-01-21") == {"a": "reported"}
    # written again: merged
    api.put("s", [[0, None], [5, 5.0]], reported_date=10 * DAY)
    assert api.points("sid=s@repdate:1970-01-11") == [[5, 5.0], [DAY, 3.0]]

    for mode, days in (("all", [10, 20, 30]), ("points", [10, 30]), ("fields", [20, 30])):
        dates = [day * DAY for day in days]
        answer = api.call("GET", "/series/reported_dates", series_query="sid=s", mode=mode)
        assert answer["reported_dates"] == dates
        assert [date for date, _ in api.points(f"sid=s@repdatelist:{mode}")] == dates
    assert [value for _, value in api.points("sid=s@repdatelist:all")] == [1.0, 2.0, 3.0]
    limited = api.call("GET", "/series/reported_dates", series_query="sid=s", df=15 * DAY, dt=20 * DAY)
    assert limited["reported_dates"] == [20 * DAY]
    assert [date for date, _ in api.points("sid=s", operators="@repdatelist:all", df=15 * DAY)] == [20 * DAY, 30 * DAY]

    api.write({"type": "DELETE", "query": "sid=s", "force": False, "reported_date": 10 * DAY})
    assert api.points("sid=s@repdate:1970-01-11") == []
    api.write({"type": "DELETE", "query": "sid=s", "reported_date": "all"})
    assert api.call("GET", "/series/reported_dates", series_query="sid=s")["reported_dates"] == []
    assert api.points("sid=s") == [[0, 1.0]]


def test_report_dates_by_job(api):
    job = api.job()
    api.put("s", [[0, 1.0]], reported_date=DAY, job=job)
    api.put("t", [[0, 1.0]], reported_date=2 * DAY)
    api.put("u", fields={"a": 1}, reported_date=3 * DAY, job=job)
    api.put("v", [[0, 1.0]], reported_date=DAY, job=job)
    for mode, days in (("all", [1, 3]), ("points", [1]), ("fields", [3])):
        answer = api.call("GET", "/series/reported_dates", job_id=job, mode=mode)
        assert answer["reported_dates"] == [day * DAY for day in days]


def test_the_past_by_job_and_by_moment(api):
    jobs = []
    for number in range(3):
        jobs.append(api.job(f"number {number}"))
        api.put("s", [[0, number], [number + 1, 10.0 + number]], fields={"version": number}, job=jobs[-1])
    api.put("s", [[1, None]], fields={"version": None}, job=api.job("the last"))

    assert api.points("sid=s") == [[0, 2.0], [2, 11.0], [3, 12.0]]
    assert api.points(f"sid=s@asof:j{jobs[0]}") == [[0, 0.0], [1, 10.0]]
    assert api.points(f"sid=s@asof:j{jobs[1]}") == [[0, 1.0], [1, 10.0], [2, 11.0]]
    assert api.points(f"sid=s@asof:j{jobs[2]}", df=1) == [[1, 10.0], [2, 11.0], [3, 12.0]]
    assert [api.fields(f"sid=s@asof:j{job}") for job in jobs] == [{"version": n} for n in range(3)]
    assert api.fields("sid=s") == {}
    assert api.one("sid=s@asof:2001-01-01T10:00")["error"] == "series_not_found"
    assert api.points("sid=s@asof:+1d") == api.points("sid=s")
    assert api.points(f"sid=s@A:y@asof:j{jobs[0]}") == [[0, 5.0]]
    # as of a moment: when the second job wrote, by the store's own clock
    at = api.search(f"sid=s@asof:j{jobs[1]}", max_points=1, include_timestamp="y")["series"][0]["points"].timestamps[0]
    assert api.points(f"sid=s@asof:{at}")[0] in ([0, 1.0], [0, 2.0])
    assert api.one("sid=s@asof:j99")["description"] == "job 99 does not exist"
    assert api.one("sid=s@asof:whenever")["error"] == "invalid_parameters"


def test_jobs_without_history_keep_nothing_of_their_own(api):
    first, bulk, last = api.job("first"), api.job("bulk", no_history=True), api.job("last")
    api.put("s", [[0, 1.0]], fields={"v": 1}, job=first)
    for value in range(5):
        api.put("s", [[0, 10.0 + value]], fields={"v": 10 + value}, job=bulk)
    api.put("s", [[0, 3.0]], fields={"v": 3}, job=last)
    assert api.points(f"sid=s@asof:j{first}") == [[0, 1.0]]
    assert api.fields(f"sid=s@asof:j{first}") == {"v": 1}
    assert api.points(f"sid=s@asof:j{last}") == [[0, 3.0]]
    # a job with history keeps what it replaces, whoever wrote that: otherwise it could not be undone
    assert api.points(f"sid=s@asof:j{bulk}") == [[0, 14.0]]
    assert api.fields(f"sid=s@asof:j{bulk}") == {"v": 14}
    with api.app._database.reading() as db:
        assert db.execute("SELECT count(*) FROM past_points").fetchone() == (2,)
        assert db.execute("SELECT count(*) FROM past_fields").fetchone() == (2,)


def test_a_job_that_has_not_written_stands_for_the_moment_it_was_made(api):
    api.put("s", [[0, 1.0]])
    idle = api.job("idle")
    assert api.points(f"sid=s@asof:j{idle}") == [[0, 1.0]]


def test_users_write_below_their_own_path_and_administrators_everywhere():
    app = open_app(":memory:", credentials={"sam": "1", "root": "2"}, administrators=["root"])
    sam, root = Api(app, "sam", "1"), Api(app, "root", "2")
    own, alien, prefix = sam.write(
        {"series_id": r"Users\Sam\a"}, {"series_id": r"users\ann\a"}, {"series_id": r"users\samantha\a"}
    )
    assert own["success"]
    for response in (alien, prefix):
        assert response["error"] == "series_write_error"
        assert r"can only write under users\sam" in response["description"]
    root.put(r"users\ann\a")
    (response,) = sam.write({"type": "DELETE", "series_id": r"users\ann\a"})
    assert response["error"] == "series_write_error"
    refused = sam.call("DELETE", "/series/delete", {"query": "sid:users"})
    assert refused["error"] == "series_write_error"
    assert root.ids("sid:users") == [r"Users\Sam\a", r"users\ann\a"]
    app.close()


def test_fields_that_differ_in_type_only_are_written(api):
    for value in (1, True, [1], [True], {"a": [1.0]}, {"a": [1]}):
        api.put("s", fields={"x": value})
        api.put("s", fields={"x": value}, reported_date=DAY)
        assert repr(api.fields("sid=s")) == repr({"x": value})
        assert repr(api.fields("sid=s@repfdate:1970-01-02")) == repr({"x": value})

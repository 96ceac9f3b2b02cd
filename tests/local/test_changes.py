"""What a job did, with who has written the same since; the past of reports; series that are lost."""

from __future__ import annotations

import pytest

from pandas_shooju import formats
from pandas_shooju.local import changes as store_changes
from tests.local.conftest import Api

DAY = 86_400_000


@pytest.fixture(params=formats.NAMES)
def api(app, request):
    return Api(app, format_name=request.param)


def changes(api, job, **parameters):
    answer = api.call("GET", f"/jobs/{job}/changes", **parameters)
    assert answer["success"], answer
    return answer


def test_the_response_to_a_job_says_where_its_changes_are(api):
    job = api.job()
    assert api.call("GET", f"/jobs/{job}")["changes"] == f"/jobs/{job}/changes"
    assert changes(api, job) == {"success": True, "changes": [], "scroll_id": None, "lost": []}


def test_points_with_who_wrote_them_since(api):
    first, second, third = api.job("first"), api.job("second"), api.job("third")
    api.put("s", [[d, float(d)] for d in range(5)], job=first)
    api.put("s", [[0, 10.0], [1, None], [2, 12.0], [3, 13.0], [9, 9.0]], job=second)
    api.put("s", [[2, 22.0], [3, None], [4, 24.0]], job=third)
    (item,) = changes(api, second)["changes"]
    assert item == {
        "series_id": "s",
        "created": False,
        "deleted_by": [],
        "shared": True,
        "parts": [
            {
                "reported_date": None,
                "dates": [0, 1, 2, 3, 9],
                "new": [10.0, None, 12.0, 13.0, 9.0],
                "old": [0.0, 1.0, 2.0, 3.0, None],
                "now": [10.0, None, 22.0, None, 9.0],
                "jobs": [second, second, third, third, second],
                "fields": [],
            }
        ],
    }


def test_what_another_job_wrote_in_between_is_the_old_value(api):
    first, second = api.job("first"), api.job("second")
    api.put("s", [[0, 1.0]], fields={"unit": "MW"}, job=first)
    api.put("s", [[0, None]], fields={"unit": None}, job=second)
    api.put("s", [[0, 2.0]], fields={"unit": "GW"}, job=first)
    api.put("s", [[0, 3.0]], fields={"unit": "TW"}, job=second)
    (item,) = changes(api, second)["changes"]
    (part,) = item["parts"]
    assert (part["old"], part["new"]) == ([2.0], [3.0])
    assert part["fields"] == [["unit", "TW", "GW", "TW", second]]
    (item,) = api.call("GET", "/series", query="sid=s", diff_job_id=second, max_points=-1)["series"]
    assert item["points"] == [[0, 3.0, 2.0, "c"]]
    assert (item["fields"], item["fields_previous"]) == ({"unit": "TW"}, {"unit": "GW"})


def test_fields_with_who_wrote_them_since(api):
    first, second, third = api.job("first"), api.job("second"), api.job("third")
    api.put("s", fields={"a": 1, "b": True, "c": [1, 2], "d": "x"}, job=first)
    api.put("s", fields={"a": 2, "b": 1, "c": None, "e": {"f": 1}}, job=second)
    api.put("s", fields={"a": 3}, job=third)
    (item,) = changes(api, second)["changes"]
    assert item["parts"][0]["fields"] == [
        ["a", 2, 1, 3, third],
        ["b", 1, True, 1, second],
        ["c", None, [1, 2], None, second],
        ["e", {"f": 1}, None, {"f": 1}, second],
    ]


def test_reports(api):
    first, second, third = api.job("first"), api.job("second"), api.job("third")
    api.put("s", [[0, 1.0], [1, 2.0]], fields={"a": 1}, reported_date=DAY, job=first)
    api.put("s", [[0, 1.0]], reported_date=2 * DAY, job=first)
    api.put("s", [[0, 5.0]], fields={"a": 2}, reported_date=DAY, job=second)
    api.write({"type": "DELETE", "query": "sid=s", "reported_date": 2 * DAY}, job=second)
    api.put("s", [[0, 7.0]], reported_date=3 * DAY, job=second)
    api.put("s", [[0, 6.0]], reported_date=DAY, job=third)
    (item,) = changes(api, second)["changes"]
    assert [part["reported_date"] for part in item["parts"]] == [DAY, 2 * DAY, 3 * DAY]
    one, two, three = item["parts"]
    assert (one["dates"], one["new"], one["old"], one["now"], one["jobs"]) == ([0], [5.0], [1.0], [6.0], [third])
    assert one["fields"] == [["a", 2, 1, 2, second]]
    assert (two["new"], two["old"], two["now"], two["jobs"]) == ([None], [1.0], [None], [second])
    assert (three["new"], three["old"]) == ([7.0], [None])


def test_reports_as_of_a_job(api):
    first, second = api.job("first"), api.job("second")
    api.put("s", [[0, 1.0], [1, 2.0]], fields={"a": 1}, reported_date=DAY, job=first)
    api.put("s", fields={"a": 1}, reported_date=2 * DAY, job=first)
    api.put("s", [[0, 5.0], [1, None]], fields={"a": 2}, reported_date=DAY, job=second)
    api.write({"type": "DELETE", "query": "sid=s", "reported_date": 2 * DAY}, job=second)
    api.put("s", [[0, 5.0]], fields={"b": 2}, reported_date=3 * DAY, job=second)
    day = "1970-01-0"
    for job, points, fields, dates in (
        (first, [[0, 1.0], [1, 2.0]], {"a": 1}, [[DAY, 3.0], [2 * DAY, 2.0]]),
        (second, [[0, 5.0]], {"a": 2}, [[DAY, 3.0], [3 * DAY, 3.0]]),
    ):
        assert api.points(f"sid=s@asof:j{job}@repdate:{day}2") == points
        assert api.fields(f"sid=s@repfdate:{day}2@asof:j{job}") == fields
        assert api.points(f"sid=s@asof:j{job}@repdatelist:all") == dates
    assert api.fields(f"sid=s@repfdate:{day}4@asof:j{first}") == {}
    assert api.points(f"sid=s@repdate:{day}4@asof:j{first}") == []


def test_a_report_that_was_deleted_is_gone_and_can_be_written_again(api):
    api.put("s", [[0, 1.0]], fields={"a": 1}, reported_date=DAY)
    api.write({"type": "DELETE", "query": "sid=s", "reported_date": "all"})
    assert api.points("sid=s@repdatelist:all") == []
    assert api.points("sid=s@repdate:1970-01-02") == []
    api.put("s", [[1, 2.0]], reported_date=DAY)
    assert api.points("sid=s@repdate:1970-01-02") == [[1, 2.0]]
    assert api.fields("sid=s@repfdate:1970-01-02") == {}


def test_series_that_were_created_deleted_and_shared(api):
    first, second = api.job("first"), api.job("second")
    for name in ("mine", "shared", "fields", "gone"):
        api.put(name, [[0, 1.0]], job=first)
    api.put("shared", [[1, 1.0]], job=second)
    api.put("fields", fields={"a": 1}, job=second)
    api.write({"type": "DELETE", "query": "sid=gone"}, job=second)
    found = {item["series_id"]: item for item in changes(api, first)["changes"]}
    assert {name: item["shared"] for name, item in found.items()} == {
        "mine": False, "shared": True, "fields": True, r"System\Trash\gone": False,
    }  # fmt: skip
    assert all(item["created"] for item in found.values())
    assert found[r"System\Trash\gone"]["deleted_by"] == [second]
    found = {item["series_id"]: item for item in changes(api, second)["changes"]}
    assert not any(item["created"] for item in found.values())
    assert found[r"System\Trash\gone"]["parts"] == []


def test_series_that_are_lost(api):
    first, second, third = api.job("first"), api.job("second"), api.job("third")
    for name in ("a", "b", "c"):
        api.put(name, [[0, 1.0]], job=first)
    api.write({"type": "DELETE", "query": "sid=a"}, {"type": "DELETE", "query": "sid=b"}, job=second)
    api.write({"type": "DELETE", "query": "sid=c", "force": True}, job=second)
    assert changes(api, second)["lost"] == [["c", second]]
    # another series of that id takes its place in the trash
    api.put("a", [[0, 2.0]], job=third)
    api.write({"type": "DELETE", "query": "sid=a"}, job=third)
    assert changes(api, second)["lost"] == [["c", second], ["a", third]]
    assert changes(api, third)["lost"] == []
    api.write({"type": "DELETE", "query": r"sid=System\Trash\b"}, job=third)
    assert changes(api, second)["lost"][-1] == ["b", third]
    assert changes(api, third)["lost"] == [[r"System\Trash\b", third]]


def test_pages(api):
    job = api.job()
    api.write(*({"series_id": f"s{i}", "points": [[0, 1.0]]} for i in range(5)), job=job)
    found, after = [], 0
    while after is not None:
        page = changes(api, job, scroll_id=after, per_page=2)
        assert len(page["changes"]) <= 2
        assert page["lost"] == []
        found += [item["series_id"] for item in page["changes"]]
        after = page["scroll_id"]
    assert found == [f"s{i}" for i in range(5)]


def test_pages_of_lost_series_come_first(api, monkeypatch):
    monkeypatch.setattr(store_changes, "_MOST_LOST", 2)
    job = api.job()
    api.write({"series_id": "kept", "points": [[0, 1.0]]}, job=job)
    for i in range(4):
        api.put(f"s{i}", [[0, 1.0]])
        api.write({"type": "DELETE", "query": f"sid=s{i}", "force": True}, job=job)
    pages, after = [], 0
    while after is not None:
        page = changes(api, job, scroll_id=after)
        pages.append(([item["series_id"] for item in page["changes"]], [name for name, _ in page["lost"]]))
        after = page["scroll_id"]
    assert pages == [([], ["s0", "s1"]), ([], ["s2", "s3"]), (["kept"], [])]


@pytest.mark.parametrize(("job", "complaint"), [(99, "job 99 does not exist"), (1, "was registered with no_history")])
def test_what_is_refused(api, job, complaint):
    api.put("s", [[0, 1.0]], job=api.job("bulk", no_history=True))
    answer = api.call("GET", f"/jobs/{job}/changes")
    assert answer["error"] == "invalid_parameters"
    assert complaint in answer["description"]

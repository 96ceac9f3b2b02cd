"""Reading series: single ones, pages, bulk, multi-get, frames; and what becomes of series that fail."""

from __future__ import annotations

import datetime as dt
import gc
import json
import threading
import time

import numpy as np
import pandas as pd
import pytest

from pandas_shooju import formats
from pandas_shooju.client import points as ps
from pandas_shooju.client import reader
from pandas_shooju.client.options import options
from pandas_shooju.client.points import Point
from pandas_shooju.errors import ConnectionError, SeriesNotFoundError, ShoojuApiError, ShoojuFormatError
from pandas_shooju.formats import PointColumns
from tests.client.faults import answer, cut, drop, lose
from tests.client.reads import read_bulk, read_pages


@pytest.fixture
def many(sj, path):
    """25 series with two points and two fields each."""
    with sj.register_job("many", batch_size=100) as job:
        for number in range(25):
            fields = {"n": number, "parity": "even" if number % 2 == 0 else "odd"}
            job.write(rf"sid={path}\{number:02}", fields=fields, points=[(0, number), (1000, number + 0.5)])
    return path


@pytest.fixture
def series_errors():
    options.return_series_errors = True
    yield
    options.return_series_errors = False


def is_page(seen):
    return "scroll_id" in seen.params


# --- single series ---


def test_a_string_is_one_field(sj, many):
    series = sj.get_series(rf"sid={many}\03", fields="parity")
    assert series == {"series_id": rf"$sid={many}\03", "fields": {"parity": "odd"}}


@pytest.mark.parametrize(
    ("fields", "error"), [("a,b", ValueError), (["a,b"], ValueError), ([1], TypeError), (5, TypeError)]
)
def test_fields_that_cannot_be_asked_for_are_refused(sj, fields, error):
    with pytest.raises(error):
        sj.get_series("sid=a", fields=fields)


def test_fields_that_are_formulas(sj, many):
    formula = "=number {{n}}"
    assert sj.get_series(rf"sid={many}\07", fields=[formula])["fields"] == {formula: "number 7"}


@pytest.mark.parametrize(
    ("df", "dt_", "values"),
    [
        (None, None, [3.0, 3.5]),
        (dt.datetime(1970, 1, 1, 0, 0, 1), None, [3.5]),
        (None, 0, [3.0]),
        ("MIN", "1970-01-01", [3.0]),
        (pd.Timestamp("1970-01-01T00:00:01Z"), "MAX", [3.5]),
        (np.datetime64("1970-01-01"), np.int64(5), [3.0]),
        ("-1y", None, []),
    ],
)
def test_limits_of_dates_may_come_in_many_forms(sj, many, df, dt_, values):
    series = sj.get_series(rf"sid={many}\03", df=df, dt=dt_, max_points=-1)
    assert [point.value for point in series.get("points", [])] == values


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"df": object()}, TypeError, "df must be a date"),
        ({"dt": float("nan")}, TypeError, "dt must be a date"),
        ({"max_points": -2}, ValueError, "non-negative integer, got -2"),
        ({"max_points": "all"}, ValueError, "max_points must be .*, got 'all'"),
        ({"max_points": True}, ValueError, "got True"),
        ({"series_query": ""}, TypeError, "names a series"),
        ({"series_query": None}, TypeError, "names a series"),
    ],
)
def test_wrong_arguments_are_named(sj, given, error, says):
    with pytest.raises(error, match=says):
        sj.get_series(**{"series_query": "sid=a", **given})


def test_points_carry_job_and_timestamp_where_asked_for(sj, path):
    job = sj.register_job("who wrote it")
    job.write(f"sid={path}", points=[(0, 1.5)])
    asked = {"max_points": -1, "serializer": ps.milli_tuple}
    query = f"sid={path}"
    [both] = sj.get_series(query, extra_params={"include_job": "y", "include_timestamp": "y"}, **asked)["points"]
    assert both[:3] == (0, 1.5, job.job_id)
    assert abs(both[3] / 1000 - time.time()) < 60
    assert sj.get_series(query, extra_params={"include_timestamp": "y"}, **asked)["points"] == [(0, 1.5, both[3])]
    [point] = sj.get_series(query, max_points=-1, extra_params={"include_job": "y"})["points"]
    assert (point.job, point.timestamp) == (job.job_id, None)


def test_localized_points_keep_both_hours_of_a_clock_change(sj, path):
    utc = pd.date_range("2018-11-04T04:00Z", periods=5, freq="h")
    sj.register_job("hours").write(f"sid={path}", points=pd.Series(range(5), utc))
    query = f"sid={path}@localize:America/Chicago"
    series = sj.get_series(query, max_points=-1, serializer=ps.pd_series_localized)
    assert series["tz"] == {"timezone": "America/Chicago"}
    assert list(series["points"].index) == list(utc)
    assert [point.datetime.hour for point in sj.get_series(query, max_points=-1)["points"]] == [23, 0, 1, 1, 2]


def test_series_that_fail_raise_unless_told_otherwise(sj, many):
    with pytest.raises(ShoojuApiError, match="BADOPERATOR"):
        sj.get_series(rf"sid={many}\03@BADOPERATOR")
    with pytest.raises(ShoojuApiError, match="BADOPERATOR"):
        list(sj.scroll(f"sid:{many}@BADOPERATOR"))


def test_series_errors_may_be_returned(sj, many, series_errors):
    assert sj.get_series(rf"sid={many}\03@BADOPERATOR")["error"] == "invalid_parameters"
    assert sj.get_series("sid=nothing")["error"] == "series_not_found"
    assert sj.get_fields("sid=nothing")["error"] == "series_not_found"
    mget = sj.mget()
    mget.get_series("sid=nothing", max_points=-1)
    mget.get_fields("sid=nothing")
    mget.get_reported_dates("sid=nothing")
    mget.get_series(rf"sid={many}\03", fields="n")
    *missing, found = mget.fetch()
    assert [item["error"] for item in missing] == ["series_not_found"] * 3
    assert found["fields"] == {"n": 3}


def test_errors_have_classes():
    error = ShoojuApiError.from_answer({"error": "series_not_found", "description": "none"})
    assert isinstance(error, SeriesNotFoundError)
    assert isinstance(error, LookupError)
    assert str(error) == "series_not_found (none)"


# --- pages ---


def test_pages_are_documents_of_columns(sj, many):
    pages = list(read_pages(sj, f"sid:{many}", fields=["n"], max_points=-1, batch_size=10, sort="n asc"))
    assert [len(page.series) for page in pages] == [10, 10, 5]
    assert pages[0].root["total"] == 25
    series = pages[2].items()[-1]
    assert series["series_id"] == rf"{many}\24"
    assert series["points"] == PointColumns(np.array([0, 1000]), np.array([24, 24.5]))


@pytest.mark.parametrize(
    ("max_series", "sizes"), [(0, [0]), (3, [3]), (10, [10]), (12, [10, 2]), (20, [10, 10]), (99, [10, 10, 5])]
)
def test_the_last_page_is_cut_off(sj, many, max_series, sizes):
    pages = list(read_pages(sj, f"sid:{many}", max_series=max_series, batch_size=10))
    assert [len(page.series) for page in pages] == sizes
    assert [len(page.items()) for page in pages] == sizes


@pytest.mark.parametrize(
    ("max_points", "size"), [(0, "2500"), (-1, "2500"), (10, "2500"), (20_000, "500"), (10**9, "1")]
)
def test_a_page_is_bounded_by_the_points_expected(proxy, through, many, max_points, size):
    list(through().scroll(f"sid:{many}", max_points=max_points))
    assert proxy.seen[0].params["scroll_batch_size"] == size


def test_chunks_are_whole_where_pages_are_bounded(sj, many, monkeypatch):
    monkeypatch.setattr(reader, "MOST_POINTS", 20)  # two series of at most ten points
    sizes = [chunk.shape[1] for chunk in pd.read_shooju(f"sid:{many}", max_points=10, chunksize=3, connection=sj)]
    assert sizes[:-1] == [3] * (len(sizes) - 1)
    assert len(sizes) > 1


def test_a_search_that_finds_nothing_is_one_empty_page(sj, path):
    [page] = read_pages(sj, f"sid:{path}")
    assert (page.root["total"], page.items(), len(page.series)) == (0, [], 0)


def test_pages_with_jobs_and_timestamps(sj, many):
    [page] = read_pages(sj, f"sid:{many}", max_points=-1, include_job=True, include_timestamp=True)
    assert page.root["included_job"] is True
    points = page.series.points
    assert points.jobs is not None
    assert points.timestamps is not None


def test_the_next_page_comes_while_the_caller_works(proxy, through, many):
    pages = read_pages(through(), f"sid:{many}", batch_size=10)
    next(pages)
    deadline = time.monotonic() + 5
    while len(proxy.seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(proxy.seen) == 2
    time.sleep(0.1)
    assert len(proxy.seen) == 2  # one page ahead, not more
    assert len(list(pages)) == 2


def test_pages_that_are_not_wanted_leave_no_thread_behind(sj, many):
    pages = read_pages(sj, f"sid:{many}", batch_size=5)
    next(pages)
    del pages
    gc.collect()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any("shooju-pages" in thread.name for thread in threading.enumerate()):
        time.sleep(0.01)
    assert not any("shooju-pages" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize("fault", [drop(), cut(), lose()], ids=["drop", "cut", "lose"])
@pytest.mark.parametrize("broken", [1, 2])
def test_a_page_that_breaks_is_read_once(proxy, through, many, fault, broken):
    conn = through()
    number = iter(range(1, 9))
    proxy.fail(fault, when=lambda seen: is_page(seen) and next(number) == broken)
    whole = [series_id for page in read_pages(conn, f"sid:{many}") for series_id in page.ids()]
    found = [series_id for page in read_pages(conn, f"sid:{many}", batch_size=10) for series_id in page.ids()]
    assert found == whole
    assert len(found) == 25


def test_a_search_that_ends_early_says_so(proxy, through, many):
    proxy.fail(answer(b'{"success": true, "series": []}'), when=is_page)
    with pytest.raises(ConnectionError, match="ended after 10 of 25 series"):
        list(read_pages(through(), f"sid:{many}", batch_size=10))


def test_a_page_that_is_returned_twice_is_refused(proxy, through):
    page = b'{"success": true, "total": 9, "scroll_id": "s", "series": [{"series_id": "a"}]}'
    proxy.fail(answer(page), answer(page))
    with pytest.raises(ShoojuFormatError, match="same page twice"):
        list(read_pages(through(), "sid:a"))


def test_more_series_than_announced_are_refused(proxy, through):
    proxy.fail(answer(b'{"success": true, "total": 1, "series": [{"series_id": "a"}, {"series_id": "b"}]}'))
    with pytest.raises(ShoojuFormatError, match="announced 1 series, but returned more"):
        list(read_pages(through(), "sid:a"))


def test_pages_announced_without_a_way_to_them(proxy, through):
    proxy.fail(answer(b'{"success": true, "total": 9, "series": [{"series_id": "a"}]}'))
    with pytest.raises(ShoojuFormatError, match="announced 8 more series, but no scroll_id"):
        list(read_pages(through(), "sid:a"))


@pytest.mark.parametrize("body", [b'{"success": true}', b'{"success": true, "series": [1]}'])
def test_an_answer_without_series_is_told_clearly(proxy, through, body):
    proxy.fail(answer(body))
    with pytest.raises(ShoojuFormatError, match="object"):
        read_pages(through(), "sid:a")


@pytest.mark.parametrize("given", [{"batch_size": 0}, {"max_series": -1}])
def test_sizes_are_checked(sj, given):
    with pytest.raises(ValueError, match=next(iter(given))):
        read_pages(sj, "sid:a", **given)


# --- bulk ---


def test_bulk_gives_lists_in_order(proxy, through, many):
    queries = [rf"sid={many}\{number:02}" for number in range(25)]
    queries[7] = "sid=nothing"
    lists = list(read_bulk(through(), queries, fields="n", batch_size=4, workers=3))
    assert [one.count for one in lists] == [4] * 6 + [1]
    assert [list(one.failed) for one in lists] == [[], [3], [], [], [], [], []]
    flat = [series for one in lists for series in one.items()]
    assert flat[7]["error"] == "series_not_found"
    assert [series["fields"]["n"] for i, series in enumerate(flat) if i != 7] == [n for n in range(25) if n != 7]
    assert len(proxy.seen) == 7


def test_bulk_of_nothing_is_nothing(sj):
    assert list(read_bulk(sj, [])) == []


@pytest.mark.parametrize("given", [{"batch_size": 1001}, {"batch_size": 0}, {"workers": 0}])
def test_bulk_sizes_are_checked(sj, given):
    with pytest.raises(ValueError, match=next(iter(given))):
        list(read_bulk(sj, ["sid=a"], **given))


def test_bulk_checks_that_every_query_is_answered(proxy, through):
    proxy.fail(answer(b'{"success": true, "series": [{"series_id": "a"}]}'))
    with pytest.raises(ShoojuFormatError, match="2 series were requested, but 1 was returned"):
        list(read_bulk(through(), ["sid=a", "sid=b"]))


# --- multi-get ---


def test_mget_gives_positions_and_results_in_their_order(sj, many):
    mget = sj.mget()
    one, two = rf"sid={many}\01", rf"sid={many}\02"
    positions = [
        mget.get_series(one, max_points=-1, serializer=ps.milli_tuple),
        mget.get_fields(two, "n"),
        mget.get_series("sid=nothing"),
        mget.get_series(two, fields=["n"], max_points=1, extra_params={"include_job": "y"}),
        mget.get_reported_dates(one),
        mget.get_fields(two),
    ]
    assert positions == list(range(6))
    result = mget.fetch()
    assert result[0]["points"] == [(0, 1.0), (1000, 1.5)]
    assert result[1] == {"n": 2}
    assert result[2] is None
    assert result[3]["points"][0].job is not None
    assert result[4] == []
    assert result[5] == {"n": 2, "parity": "even"}
    assert mget.fetch() == []


def test_mget_of_more_than_a_call_holds(proxy, through, many):
    mget = through().mget()
    for _ in range(1001):
        mget.get_series(rf"sid={many}\01", fields="n")
    assert [series["fields"]["n"] for series in mget.fetch()] == [1] * 1001
    assert len(proxy.seen) == 2


def test_mget_keeps_its_reads_when_they_fail(proxy, through, many):
    mget = through(retries=1).mget()
    mget.get_fields(rf"sid={many}\01", "n")
    proxy.fail(drop())
    with pytest.raises(ConnectionError):
        mget.fetch()
    assert mget.fetch() == [{"n": 1}]


def test_mget_takes_the_default_serializer(sj, many):
    mget = sj.mget()
    mget.get_series(rf"sid={many}\01", max_points=-1)
    assert mget.fetch()[0]["points"][0] == Point(0, 1)


@pytest.mark.parametrize("call", ["connection", "mget"])
def test_modes_of_reported_dates_are_checked(sj, call):
    with pytest.raises(ValueError, match=r"mode must be .*, got 'none'"):
        (sj if call == "connection" else sj.mget()).get_reported_dates("sid=a", mode="none")


def test_reported_dates_by_mode_and_range(sj, path):
    query = f"sid={path}"
    with sj.register_job("reports", batch_size=10) as job:
        job.write_reported(query, dt.date(2001, 1, 1), points=[(0, 1)])
        job.write_reported(query, dt.date(2001, 1, 2), fields={"a": 1})
    first, second = dt.datetime(2001, 1, 1), dt.datetime(2001, 1, 2)
    mget = sj.mget()
    for mode in ("all", "points", "fields"):
        mget.get_reported_dates(query, mode=mode)
    mget.get_reported_dates(query, df=dt.date(2001, 1, 2))
    single = [sj.get_reported_dates(query, mode=mode) for mode in ("all", "points", "fields")]
    single.append(sj.get_reported_dates(query, df=dt.date(2001, 1, 2)))
    assert mget.fetch() == single == [[first, second], [first], [second], [second]]
    with pytest.raises(TypeError, match="series_query"):
        sj.get_reported_dates()


# --- scroll ---


def test_scroll_is_an_iterable_with_the_raw_answer(sj, many):
    scroll = sj.scroll(f"sid:{many}", fields=["n"], batch_size=10, sort="n desc", serializer=ps.milli_tuple)
    assert scroll.raw_response["total"] == 25
    numbers = [series["fields"]["n"] for series in scroll]
    assert numbers == list(range(24, -1, -1))
    assert list(scroll) == []


def test_scroll_gives_fields_even_where_there_are_none(sj, many):
    assert all(series["fields"] == {} for series in sj.scroll(f"sid:{many}"))


def test_scroll_leaves_out_what_is_not_found(proxy, through):
    body = {
        "success": True,
        "total": 2,
        "series": [{"error": "series_not_found", "description": "x"}, {"series_id": "a"}],
    }
    proxy.fail(answer(formats.encode(body, "json")))
    assert [series["series_id"] for series in through().scroll("a")] == ["a"]


def test_several_series_that_fail_are_all_named(proxy, through):
    items = [{"error": "bad", "description": str(number)} for number in range(2)]
    proxy.fail(answer(formats.encode({"success": True, "total": 2, "series": items}, "json")))
    with pytest.raises(ShoojuApiError, match=r"bad \(0\)\nbad \(1\)"):
        list(through().scroll("a"))


def test_old_parameter_names_warn(sj, many):
    with pytest.deprecated_call(match="batch_size"):
        scroll = sj.scroll(f"sid:{many}", scroll_batch_size=10)
    assert len(scroll.raw_response["series"]) == 10
    with pytest.deprecated_call(match="batch_size"):
        sj.get_df(f"sid:{many}", scroll_batch_size=10)


# --- get_df ---


def test_a_scroll_that_is_begun_again_starts_at_its_page(sj, many):
    found = sj.scroll(f"sid:{many}", ["n"], max_points=-1, batch_size=10, sort="n asc")
    for series in found:
        assert series["fields"]["n"] == 0
        break
    again = list(found)
    assert [series["fields"]["n"] for series in again] == list(range(25))
    assert all(isinstance(series["points"][0], Point) for series in again)
    assert list(found) == []
    found = sj.scroll(f"sid:{many}", ["n"], batch_size=10, sort="n asc")
    for series in found:
        if series["fields"]["n"] == 12:
            break
    assert [series["fields"]["n"] for series in found] == list(range(10, 25))


def test_headers_are_strings(sj, many):
    frame = sj.get_df(f"sid:{many}", ["n"], "columns", max_points=-1, max_series=2)
    assert frame.columns.dtype == pd.Index(["text"]).dtype


def test_rows_of_points_are_sorted_by_date(sj, many):
    frame = sj.get_df(f"sid:{many}", ["n", "none"], max_points=-1, max_series=2, sort="n asc")
    assert frame.columns.tolist() == ["n", "none", "dt", "val", "series_id"]
    assert frame["val"].tolist() == [0.0, 1.0, 0.5, 1.5]
    assert frame["dt"].dtype == "datetime64[ns, UTC]"
    assert frame["none"].isna().all()


def test_rows_of_no_points_have_their_columns_and_dtypes(sj, path):
    frame = sj.get_df(f"sid:{path}", ["n"], max_points=-1)
    text = str(pd.Series(["text"]).dtype)
    assert frame.columns.tolist() == ["n", "dt", "val", "series_id"]
    assert frame.dtypes.astype(str).tolist() == [text, "datetime64[ns, UTC]", "float64", text]
    fields = sj.get_df(f"sid:{path}", ["n", "unit"])
    assert fields.columns.tolist() == ["series_id", "n", "unit"]
    assert fields.dtypes.astype(str).tolist() == [text] * 3
    columns = sj.get_df(f"sid:{path}", series_axis="columns", max_points=-1)
    assert columns.shape == (0, 0)
    assert str(columns.index.tz) == "UTC"


def test_columns_with_the_same_header_stay_apart(sj, many):
    frame = sj.get_df(f"sid:{many}", "parity", series_axis="columns", max_points=-1, max_series=3, sort="n asc")
    assert frame.columns.tolist() == ["even", "odd", "even"]
    assert frame.to_numpy().tolist() == [[0, 1, 2], [0.5, 1.5, 2.5]]


def test_all_fields_head_columns_by_description_or_id(sj, path):
    with sj.register_job("described", batch_size=9) as job:
        job.write(rf"sid={path}\a", fields={"description": "Gas", "x": 1}, points=[(0, 1)])
        job.write(rf"sid={path}\b", fields={"x": 1}, points=[(1000, 2)])
    frame = sj.get_df(f"sid:{path}", "*", series_axis="columns", max_points=-1)
    assert frame.columns.tolist() == ["Gas", rf"{path}\b"]
    assert frame.iloc[:, 0].tolist()[0] == 1
    assert np.isnan(frame.iloc[1, 0])


def test_a_field_that_is_missing_heads_as_none(sj, path):
    sj.register_job("fields").write(f"sid={path}", fields={"a": 1}, points=[(0, 1)])
    assert sj.get_df(f"sid:{path}", ["a", "b"], "columns", max_points=-1).columns.tolist() == ["1/None"]


def test_localized_frames(sj, path):
    utc = pd.date_range("2018-11-04T04:00Z", periods=5, freq="h")
    sj.register_job("hours").write(rf"sid={path}\a", points=pd.Series(range(5), utc), fields={"timezone": "Asia/Tokyo"})
    sj.register_job("hours").write(
        rf"sid={path}\b", points=pd.Series(range(5), utc), fields={"timezone": "America/Chicago"}
    )
    rows = sj.get_df(f"sid:{path}@localize:America/Chicago", max_points=-1)
    assert rows["dt"].dtype == "datetime64[ns, America/Chicago]"
    assert list(rows["dt"].unique()) == list(utc)
    columns = sj.get_df(f"sid:{path}@localize", series_axis="columns", max_points=-1)
    assert columns.index.dtype == "datetime64[ns, UTC]"  # two zones
    assert list(columns.index) == list(utc)


def test_frames_leave_out_missing_values(proxy, through):
    points = PointColumns(np.array([0, 1000]), np.array([np.nan, 1.0]))
    series = [{"series_id": name, "points": points} for name in "ab"]
    body = formats.encode({"success": True, "total": 2, "series": series}, "sjts")
    proxy.fail(answer(body), answer(body))
    conn = through()
    assert conn.get_df("a", max_points=-1)["val"].tolist() == [1.0, 1.0]
    assert conn.get_df("a", series_axis="columns", max_points=-1).to_numpy().tolist() == [[1.0, 1.0]]


def test_dates_beyond_nanoseconds_name_the_way_out(sj, path):
    sj.register_job("far").write(f"sid={path}", points=[(dt.datetime(3000, 1, 1), 1)])
    for axis in ("rows", "columns"):
        with pytest.raises(ValueError, match=r"pandas\.read_shooju"):
            sj.get_df(f"sid:{path}", series_axis=axis, max_points=-1)


def test_bulk_checks_that_the_right_series_are_returned(proxy, through):
    swapped = b'{"success": true, "series": [{"series_id": "$sid=b"}, {"series_id": "$sid=a"}]}'
    for read in (lambda conn: list(read_bulk(conn, ["sid=a", "sid=b"])), lambda conn: fetch_two(conn)):
        proxy.fail(answer(swapped))
        with pytest.raises(ShoojuFormatError, match=r"'sid=a' was requested, but '\$sid=b' was returned"):
            read(through())


def fetch_two(conn):
    mget = conn.mget()
    mget.get_series("sid=a")
    mget.get_series("sid=b")
    return mget.fetch()


@pytest.mark.parametrize(
    "item",
    [
        {"series_id": 5},
        {},
        5,
        None,
        {"series_id": "$sid=a", "fields": [1]},
        {"series_id": "$sid=a", "tz": "Asia/Tokyo"},
        {"series_id": "$sid=a", "tz": {"timezone": 5}},
        {"series_id": "$sid=a", "points": {"0": 1}},
        {"series_id": "$sid=a", "points": [[0, "x"]]},
    ],
)
def test_series_of_another_shape_are_refused_by_every_read(proxy, through, item):
    conn = through(retries=1)
    reads = [
        lambda: conn.get_series("sid=a", max_points=-1),
        lambda: list(read_bulk(conn, ["sid=a"])),
        lambda: list(conn.scroll("sid=a")),
        lambda: list(read_pages(conn, "sid=a")),
        lambda: conn.get_df("sid=a", max_points=-1),
    ]
    for read in reads:
        proxy.fail(answer(json.dumps({"success": True, "total": 1, "series": [item]}).encode()))
        with pytest.raises(ShoojuFormatError):
            read()


@pytest.mark.parametrize("dates", ["x", [None], ["2001-01-01"], [1e300], {"a": 1}, [True]])
def test_report_dates_of_another_shape_are_refused(proxy, through, dates):
    proxy.fail(answer(json.dumps({"success": True, "reported_dates": dates}).encode()))
    with pytest.raises(ShoojuFormatError, match="reported_dates"):
        through().get_reported_dates("sid=a")


def test_the_axis_is_checked(sj):
    with pytest.raises(ValueError, match=r"series_axis must be .*, got 'series'"):
        sj.get_df("sid:a", series_axis="series")


def test_extra_parameters_take_precedence_over_arguments(sj, path):
    query = f"sid={path}"
    points = [(n * 86_400_000, float(n)) for n in range(4)]
    sj.register_job("writes").write(query, points=points, fields={"unit": "MW"})
    asked = {"df": 0, "max_points": 4, "serializer": ps.milli_tuple}
    extra = {"df": "1970-01-02", "dt": "1970-01-03", "max_points": -1, "fields": "unit"}
    [searched] = sj.scroll(query, extra_params=extra, **asked)
    mget = sj.mget()
    mget.get_series(query, extra_params=extra, **asked)
    for series in (searched, sj.get_series(query, extra_params=extra, **asked), *mget.fetch()):
        assert series["points"] == points[1:3]
        assert series["fields"] == {"unit": "MW"}
    lagged = sj.get_series(query, max_points=1, extra_params={"operators": "@lag:1d"}, serializer=ps.milli_tuple)
    assert lagged["points"] == [(86_400_000, 0.0)]
    assert "points" not in sj.get_series(query)

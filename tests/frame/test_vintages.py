"""Vintages: reading reports and past states in bulk, what was known when, and writing reports back."""

import datetime
import math
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import local
from tests.client import faults

GDP = r"users\sam\gdp"

# Real gross domestic product of the United States, billions of chained 2009 dollars, as published
PUBLISHED = pd.DataFrame(
    {
        "2016-07-29": [16525.0, 16575.1, np.nan],
        "2016-08-26": [16525.0, 16570.2, np.nan],
        "2016-09-29": [16525.0, 16583.1, np.nan],
        "2016-10-28": [16525.0, 16583.1, 16702.1],
        "2016-11-29": [16525.0, 16583.1, 16712.5],
        "2016-12-22": [16525.0, 16583.1, 16727.0],
    },
    index=pd.DatetimeIndex(["2016-01-01", "2016-04-01", "2016-07-01"], name="dt"),
)


def utc(*dates):
    return pd.DatetimeIndex(dates, tz="UTC").as_unit("ms")


@pytest.fixture
def reports(conn):
    """Reports of the gross domestic product: a long frame, as written to the store of `conn`."""
    long = PUBLISHED.rename_axis(columns="reported_date").stack().dropna().rename("val").reset_index()
    long["reported_date"] = pd.to_datetime(long["reported_date"])
    long = long.assign(series_id=rf"{GDP}\US", country="US")
    long.shooju.write("Releases", reported_date="reported_date", connection=conn)
    with conn.register_job("Fields") as job:
        job.write(rf"sid={GDP}\US", fields={"country": "US", "unit": "bn"})
        job.write(rf"sid={GDP}\none", fields={"country": "FR"}, points=[sj.Point(0, 1.0)])
    return long


# --- reading reports --------------------------------------------------------------------------------------------------


def test_all_reports_in_the_wide_layout(conn, reports):
    frame = sj.read_shooju(rf"sid:{GDP}", reported_date="all", connection=conn)
    assert frame.columns.names == [None, "reported_date"]
    assert set(frame.columns.get_level_values(0)) == {rf"{GDP}\US"}
    expected = PUBLISHED.tz_localize("UTC").set_axis(utc(*PUBLISHED.columns).rename("reported_date"), axis=1)
    expected.index = expected.index.as_unit("ms")
    pd.testing.assert_frame_equal(frame[rf"{GDP}\US"], expected, check_freq=False)
    assert frame.columns.levels[1].dtype == "datetime64[ms, UTC]"


def test_all_reports_in_the_long_layout(conn, reports):
    frame = sj.read_shooju(rf"sid:{GDP}", "country", layout="long", reported_date="all", connection=conn)
    assert list(frame.columns) == ["series_id", "country", "dt", "val", "reported_date"]
    assert frame["reported_date"].dtype == "datetime64[ms, UTC]"
    expected = reports.sort_values(["reported_date", "dt"])
    assert frame["val"].tolist() == expected["val"].tolist()
    assert frame["reported_date"].tolist() == utc(*expected["reported_date"]).tolist()
    assert frame["country"].unique().tolist() == ["US"]


def test_fields_label_the_columns_of_reports(conn, reports):
    frame = sj.read_shooju(rf"sid:{GDP}", ["country", "unit"], last_reports=1, connection=conn)
    assert frame.columns.names == ["country", "unit", "reported_date"]
    assert frame.columns.tolist() == [("US", "bn", pd.Timestamp("2016-12-22", tz="UTC"))]
    pairs = sj.read_shooju({("a", 1): rf"sid={GDP}\US"}, reported_date="latest", connection=conn)
    assert pairs.columns.tolist() == [("a", 1, pd.Timestamp("2016-12-22", tz="UTC"))]


@pytest.mark.parametrize(
    ("options", "dates"),
    [
        ({"reported_date": "latest"}, ["2016-12-22"]),
        ({"last_reports": 2}, ["2016-11-29", "2016-12-22"]),
        ({"reported_date": "2016-08"}, ["2016-08-26"]),
        ({"reported_date": ["2016-09-29", datetime.date(2016, 7, 29)]}, ["2016-07-29", "2016-09-29"]),
        ({"reported_date": slice(None, "2016-08")}, ["2016-07-29", "2016-08-26"]),
        ({"reported_date": slice("2016-08-26", "2016-11"), "last_reports": 2}, ["2016-10-28", "2016-11-29"]),
        ({"reported_date": pd.Timestamp("2016-12-22 01:00", tz="Europe/Berlin")}, ["2016-12-22"]),
        ({"reported_date": "2015"}, []),
    ],
)
def test_chosen_reports(conn, reports, options, dates):
    for query in (rf"sid:{GDP}", {"US": rf"sid={GDP}\US"}):
        frame = sj.read_shooju(query, connection=conn, **options)
        assert frame.columns.get_level_values("reported_date").tolist() == utc(*dates).tolist()


def test_limits_operators_and_jobs_apply_to_each_report(conn, reports):
    query = rf"sid={GDP}\US"
    frame = sj.read_shooju([query], df="2016-04", layout="long", reported_date="all", max_points=1, connection=conn)
    assert set(frame["dt"]) == set(utc("2016-04-01"))
    total = sj.read_shooju([f"{query}@S:y"], layout="long", reported_date="latest", include_job=True, connection=conn)
    assert total["val"].tolist() == [16525.0 + 16583.1 + 16727.0]
    assert total["job"].tolist() == [1]
    assert total["series_id"].tolist() == [rf"{GDP}\US@S:y"]
    with pytest.raises(ValueError, match="computed by the server"):
        total.shooju.write("A mistake", sid="{series_id}", reported_date="reported_date", connection=conn)
    found = sj.read_shooju(f"sid:{GDP}@S:y", layout="long", reported_date="latest", connection=conn)
    assert found["val"].tolist() == total["val"].tolist()


def test_report_dates_stay_in_utc_and_dates_follow_tz(conn, reports):
    frame = sj.read_shooju(rf"sid:{GDP}", reported_date="2016-12-22", tz="America/Chicago", connection=conn)
    assert str(frame.index.tz) == "America/Chicago"
    assert frame.columns.get_level_values(1).tolist() == utc("2016-12-22").tolist()
    naive = sj.read_shooju(rf"sid:{GDP}", reported_date="2016-12-22", tz=None, connection=conn)
    assert naive.index.tz is None


def test_fields_of_reports(conn, reports):
    with conn.register_job("Notes") as job:
        for month, note in ((1, "first"), (2, "second")):
            job.write_reported(rf"sid={GDP}\US", datetime.datetime(2017, month, 1), fields={"note": note})
    frame = sj.read_shooju(rf"sid:{GDP}", layout="fields", reported_date="all", connection=conn)
    assert list(frame.columns) == ["reported_date", "note"]
    assert frame.index.name == "series_id"
    assert frame["note"].tolist() == ["first", "second"]
    assert frame.shooju.known_at("2017-01-15")["note"].tolist() == ["first"]
    assert frame.shooju.latest()["note"].tolist() == ["second"]
    with pytest.raises(ValueError, match="revisions requires points"):
        frame.shooju.revisions()
    with pytest.raises(ValueError, match="argument reported_date is missing"):
        frame.shooju.write("A mistake", sid="{series_id}", connection=conn)
    changed = frame.assign(note=["one", "two"])
    changed.shooju.write("Notes", sid="{series_id}", reported_date="reported_date", connection=conn)
    again = sj.read_shooju(rf"sid:{GDP}", layout="fields", reported_date="all", connection=conn)
    pd.testing.assert_frame_equal(again, changed)


@pytest.mark.parametrize("layout", ["wide", "long", "fields"])
@pytest.mark.parametrize("options", [{"reported_date": "all"}, {"asof": [1]}])
def test_nothing_found_keeps_the_form(conn, layout, options):
    frame = sj.read_shooju("sid:nothing", layout=layout, connection=conn, **options)
    name = next(iter(options))
    assert len(frame) == 0
    assert name in (frame.columns.names if layout == "wide" else frame.columns)


def test_missing_series_follow_on_missing(conn, reports):
    queries = {"US": rf"sid={GDP}\US", "gone": rf"sid={GDP}\XX"}
    for options in ({"reported_date": "latest"}, {"asof": [2]}):
        with pytest.raises(sj.SeriesNotFoundError, match=r"no series found .*XX'"):
            sj.read_shooju(queries, connection=conn, **options)
        with pytest.warns(UserWarning, match="no series found"):
            frame = sj.read_shooju(queries, on_missing="warn", connection=conn, **options)
        assert set(frame.columns.get_level_values(0)) == {"US"}


def test_combinations_that_have_no_meaning_are_refused(conn):
    with pytest.raises(ValueError, match="cannot be combined"):
        sj.read_shooju("sid:a", reported_date="all", asof=1, connection=conn)
    with pytest.raises(ValueError, match="an expression has no report dates"):
        sj.read_shooju("={{sid=a}}*2", reported_date="all", connection=conn)
    for options in ({"reported_date": "all"}, {"asof": 1}, {"asof": [1]}):
        for query in ("sid:a@asof:j1", ["sid=a@repdate:2024-01-01"]):
            with pytest.raises(ValueError, match="must not contain the operator"):
                sj.read_shooju(query, connection=conn, **options)


@pytest.mark.parametrize("name", ["reported_date", "asof"])
def test_a_field_with_the_name_of_the_vintages_is_refused(conn, reports, name):
    with conn.register_job("Fields") as job:
        job.write(rf"sid={GDP}\US", fields={name: "x"})
    options = {"reported_date": "all"} if name == "reported_date" else {"asof": [job.job_id]}
    with pytest.raises(ValueError, match=f"the field '{name}' has the same name"):
        sj.read_shooju(rf"sid:{GDP}", name, layout="long", connection=conn, **options)


def test_a_search_for_reports_is_sorted_and_limited(conn, reports):
    with conn.register_job("Another") as job:
        job.write(rf"sid={GDP}\AA", fields={"country": "AA"})
        job.write_reported(rf"sid={GDP}\AA", datetime.datetime(2020, 1, 1), points=[sj.Point(0, 1.0)])
    options = {"reported_date": "latest", "sort": "country asc", "connection": conn}
    assert [label for label, _ in sj.read_shooju(f"sid:{GDP}", "country", **options)] == ["AA", "US"]
    assert [label for label, _ in sj.read_shooju(f"sid:{GDP}", "country", max_series=1, **options)] == ["AA"]
    with conn.register_job("The same") as job:
        job.write_reported(rf"sid={GDP}\BB", datetime.datetime(2016, 12, 22), points=[sj.Point(0, 1.0)])
        job.write(rf"sid={GDP}\BB", fields={"country": "US"})
    with pytest.raises(ValueError, match="column labels must be unique, but 2 series have the label"):
        sj.read_shooju(f"sid:{GDP}", "country", **options)


def test_labels_of_a_dict_keep_their_type(conn, reports):
    for label in ("x", 1, True, None, ("a", None)):
        frame = sj.read_shooju({label: rf"sid={GDP}\US"}, last_reports=1, connection=conn)
        first = frame.columns[0]
        assert first[-1] == pd.Timestamp("2016-12-22", tz="UTC")
        expected = label if isinstance(label, tuple) else (label,)
        assert all(a is b or a == b or (b is None and a != a) for a, b in zip(first[:-1], expected, strict=True))
    both = sj.read_shooju({("a", 1): rf"sid={GDP}\US", "b": rf"sid={GDP}\US"}, last_reports=1, connection=conn)
    assert [label for label, _ in both] == [("a", 1), "b"]


def test_what_a_frame_of_vintages_says_of_its_series(conn, reports):
    frame = sj.read_shooju(rf"sid:{GDP}", "country", reported_date="all", connection=conn)
    assert set(frame.shooju.series_ids) == {rf"{GDP}\US"}
    assert frame.shooju.fields.to_dict("index") == {rf"{GDP}\US": {"country": "US"}}


# --- reading states ---------------------------------------------------------------------------------------------------


@pytest.fixture
def states(conn):
    """The ids of three jobs: one makes ``a``, one changes it and makes ``b``, one removes a point and a field."""
    jobs = []
    for items in (
        [("a", [(0, 1.0), (1, 2.0)], {"unit": "MW", "name": "A"})],
        [("a", [(0, 5.0)], {"unit": "GW"}), ("b", [(0, 7.0)], {"name": "B"})],
        [("a", [(1, None)], {"unit": None})],
    ):
        with conn.register_job("A state") as job:
            for name, points, fields in items:
                job.write(rf"sid=users\sam\{name}", points=points, fields=fields)
        jobs.append(job.job_id)
    return jobs


def test_a_single_moment_needs_no_level(conn, states):
    for asof in (states[0], Job(states[0]), f"j{states[0]}"):
        frame = sj.read_shooju(r"sid:users\sam", asof=asof, connection=conn)
        assert frame.columns.tolist() == [r"users\sam\a"]  # b did not exist
        assert frame[r"users\sam\a"].tolist() == [1.0, 2.0]
    long = sj.read_shooju(r"sid:users\sam@lag:1d", ["unit"], layout="long", asof=states[1], connection=conn)
    assert long["series_id"].unique().tolist() == [r"users\sam\a@lag:1d", r"users\sam\b@lag:1d"]
    assert long["val"].tolist() == [5.0, 2.0, 7.0]
    assert long["unit"].tolist()[:2] == ["GW", "GW"]
    fields = sj.read_shooju(r"sid:users\sam", layout="fields", asof=states[0], connection=conn)
    assert fields.to_dict("index") == {r"users\sam\a": {"unit": "MW", "name": "A"}}


class Job:
    def __init__(self, job_id):
        self.job_id = job_id


def test_several_moments_are_a_level(conn, states):
    frame = sj.read_shooju(r"sid:users\sam", "name", asof=states, connection=conn)
    assert frame.columns.names == ["name", "asof"]
    assert frame.columns.tolist() == [
        ("A", states[0]),
        ("A", states[1]),
        ("A", states[2]),
        ("B", states[1]),
        ("B", states[2]),
    ]
    assert frame["A"].T.to_numpy().tolist()[:2] == [[1.0, 2.0], [5.0, 2.0]]
    assert frame["A"][states[2]].dropna().tolist() == [5.0]
    long = sj.read_shooju([r"sid=users\sam\b", r"sid=users\sam\a"], layout="long", asof=states[:2], connection=conn)
    assert long[["val", "asof"]].to_numpy().tolist() == [[7.0, 2], [1.0, 1], [2.0, 1], [5.0, 2], [2.0, 2]]
    fields = sj.read_shooju(r"sid=users\sam\a", ["unit"], layout="fields", asof=states, connection=conn)
    assert fields["asof"].tolist() == states
    assert fields["unit"].tolist()[:2] == ["MW", "GW"]
    assert fields["unit"].isna().tolist() == [False, False, True]


def test_moments_beside_jobs(conn, states):
    frame = sj.read_shooju([r"sid=users\sam\a"], asof=[states[0], "2100-01-01"], connection=conn)
    assert frame.columns.get_level_values("asof").tolist() == [states[0], pd.Timestamp("2100-01-01", tz="UTC")]
    with pytest.raises(ValueError, match="states as of jobs and of moments"):
        frame.shooju.latest()
    moments = sj.read_shooju([r"sid=users\sam\a"], asof=["2100-01-01", "2000-01-01"], connection=conn)
    assert moments.columns.get_level_values("asof").tolist() == utc("2100-01-01").tolist()  # not yet there in 2000


def test_expressions_as_of_a_moment(conn, states):
    ratio = r"={{sid=users\sam\b}} / {{sid=users\sam\a}}"
    assert sj.read_shooju(ratio, asof=states[1], connection=conn)[ratio].tolist() == [7.0 / 5.0]
    frame = sj.read_shooju({"ratio": ratio}, asof=states, connection=conn)
    assert frame.columns.tolist() == [("ratio", states[1]), ("ratio", states[2])]
    total = r"=F.multi_sum(r'sid:users\sam', [])@A:y"
    sums = sj.read_shooju(total, asof=states, connection=conn)
    assert sums[total].iloc[0].tolist() == [1.5, 7.0, 12.0]


def test_a_state_is_compared_and_written_as_the_series(conn, states):
    old = sj.read_shooju(r"sid:users\sam", asof=states[0], connection=conn)
    now = sj.read_shooju(r"sid=users\sam\a", connection=conn)
    changes = now.shooju.diff(old, na="null")
    assert changes[["series_id", "old", "new"]].to_numpy().tolist() == [[r"users\sam\a", 1.0, 5.0]]
    result = (old * 10).shooju.write("Ten times", changed_from=old, connection=conn)
    assert result.points == 2
    latest = sj.read_shooju(r"sid:users\sam", asof=states, connection=conn).shooju.latest()
    assert latest.shooju.series_ids.tolist() == [r"users\sam\a", r"users\sam\b"]
    assert (latest + 1).shooju.write("More", changed_from=latest, connection=conn).points == 2
    long = sj.read_shooju(r"sid:users\sam", layout="long", asof=[states[0]], connection=conn)
    assert long.shooju.write("Back", sid="{series_id}", connection=conn).points == 2
    twice = sj.read_shooju(r"sid:users\sam", layout="long", asof=states, connection=conn)
    with pytest.raises(ValueError, match="must be unique"):
        twice.shooju.write("Back", sid="{series_id}", connection=conn)
    with pytest.raises(ValueError, match="only written"):
        twice.shooju.write("Back", connection=conn)
    fields = sj.read_shooju(r"sid:users\sam", layout="fields", asof=[states[0]], connection=conn)
    assert fields.shooju.write("Back", sid="{series_id}", connection=conn).job.job_id
    assert "asof" not in conn.get_fields(r"sid=users\sam\a")


def test_the_latest_state(conn, states):
    query, order = r"sid:users\sam", [states[2], states[0]]
    wide = sj.read_shooju(query, asof=order, connection=conn)
    plain = sj.read_shooju(query, asof=states[2], connection=conn)
    pd.testing.assert_frame_equal(wide.shooju.latest(), plain)  # the removed point is not there
    long = sj.read_shooju(query, layout="long", asof=order, connection=conn).shooju.latest()
    pd.testing.assert_frame_equal(long, sj.read_shooju(query, layout="long", asof=states[2], connection=conn))
    pd.testing.assert_frame_equal(plain.shooju.latest(), plain)
    fields = sj.read_shooju(query, ["name"], layout="fields", asof=order, connection=conn).shooju.latest()
    assert fields["name"].tolist() == ["A", "B"]
    one = wide[r"users\sam\a"].shooju.latest()
    assert one["val"].tolist() == [5.0]


@pytest.mark.parametrize("method", ["known_at", "revisions", "first_release", "latest"])
def test_frames_without_report_dates_are_refused(conn, states, method):
    arguments = ["2024-01-01"] if method == "known_at" else []
    plain = sj.read_shooju(r"sid:users\sam", connection=conn)
    with pytest.raises(ValueError, match="requires report dates in a column or column level 'reported_date'"):
        getattr(plain.shooju, method)(*arguments)
    with pytest.raises(TypeError, match="requires a DataFrame"):
        getattr(plain[r"users\sam\a"].shooju, method)(*arguments)
    if method != "latest":
        for asof in (states[0], states):
            for layout in ("wide", "long"):
                frame = sj.read_shooju(r"sid:users\sam", layout=layout, asof=asof, connection=conn)
                with pytest.raises(ValueError, match="read with asof=, which reads states"):
                    getattr(frame.shooju, method)(*arguments)


# --- how many requests ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many():
    """A store over a socket with 1,200 series of two or three reports each, behind a proxy that counts requests."""
    dates = pd.date_range("2024-01-01", periods=2, tz="UTC")
    with local.start() as server, faults.proxy(server.url) as proxy, sj.Connection(proxy.url, "sam", "key") as conn:
        ids = [rf"users\sam\n{number:04}" for number in range(1200)]
        frames = []
        for month, chosen in ((1, ids), (2, ids), (3, ids[:400])):
            frame = pd.DataFrame({"series_id": np.repeat(chosen, 2), "dt": list(dates) * len(chosen)})
            frames.append(frame.assign(val=float(month), reported_date=pd.Timestamp(2024, month, 1)))
        pd.concat(frames).shooju.write("Reports", reported_date="reported_date", connection=conn)
        current = frames[0].drop(columns="reported_date").assign(val=9.0)
        jobs = [current.shooju.write("Current", connection=conn).job.job_id for _ in range(1)]
        jobs += [current.assign(val=8.0).shooju.write("Current", connection=conn).job.job_id]
        yield conn, proxy, ids, jobs


def requests(proxy, read):
    """What `read` returns, and how many requests it needs."""
    before = len(proxy.seen)
    result = read()
    return result, len(proxy.seen) - before


@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize("by_search", [True, False])
def test_reports_are_read_in_bulk(many, layout, by_search):
    conn, proxy, ids, _ = many
    query = r"sid:users\sam" if by_search else [rf"sid={one}" for one in ids]

    def read(**options):
        return sj.read_shooju(query, layout=layout, connection=conn, **options)

    def count(vintages):
        # the search's page, the report dates of 1,200 series, the points of the vintages
        return by_search + 2 + math.ceil(vintages / 1000)

    for options, vintages in (
        ({"reported_date": "all"}, 2800),
        ({"reported_date": "latest"}, 1200),
        ({"reported_date": "2024-03"}, 400),
    ):
        frame, seen = requests(proxy, lambda options=options: read(**options))
        assert seen == count(vintages)
        assert frame.size == vintages * 2 if layout == "wide" else len(frame) == vintages * 2


@pytest.mark.parametrize("by_search", [True, False])
def test_states_are_read_in_bulk(many, by_search):
    conn, proxy, ids, jobs = many
    query = r"sid:users\sam" if by_search else [rf"sid={one}" for one in ids]
    frame, seen = requests(proxy, lambda: sj.read_shooju(query, asof=jobs, connection=conn))
    assert frame.shape == (2, 2400)
    assert frame.iloc[0].tolist() == [9.0, 8.0] * 1200
    assert seen == by_search + 3
    one, seen = requests(proxy, lambda: sj.read_shooju(query, asof=jobs[0], connection=conn))
    assert one.shape == (2, 1200)
    assert seen == (1 if by_search else 2)


def test_chunks_of_reports(many):
    conn, _, ids, jobs = many
    options = {"layout": "long", "reported_date": "all", "connection": conn}
    whole = sj.read_shooju(r"sid:users\sam", **options)
    for query in (r"sid:users\sam", [rf"sid={one}" for one in ids]):
        with sj.read_shooju(query, chunksize=500, **options) as frames:
            parts = list(frames)
        assert [part["series_id"].nunique() for part in parts] == [500, 500, 200]
        together = pd.concat(parts, ignore_index=True)
        order = ["series_id", "reported_date", "dt"]
        pd.testing.assert_frame_equal(
            together.astype({"series_id": str}).sort_values(order, ignore_index=True),
            whole.astype({"series_id": str}).sort_values(order, ignore_index=True),
        )
    states = sj.read_shooju(r"sid:users\sam", asof=jobs, chunksize=700, connection=conn)
    assert [part.shape[1] for part in states] == [1400, 1000]


# --- what was known when ----------------------------------------------------------------------------------------------

DAYS = [pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=day) for day in range(4)]
REPORTED = [pd.Timestamp("2024-02-01", tz="UTC") + pd.Timedelta(hours=hour) for hour in (0, 1, 24, 48)]


@st.composite
def reported_values(draw):
    """Values by series, report date and date, in the order of the rows of a frame."""
    keys = st.tuples(st.sampled_from("ab"), st.sampled_from(REPORTED), st.sampled_from(DAYS))
    values = st.one_of(st.just(math.nan), st.integers(0, 3).map(float))
    return draw(st.dictionaries(keys, values, max_size=24))


def by_date(values):
    """For each series and date, its values by report date, in ascending order."""
    found = defaultdict(list)
    for (series, reported, date), value in sorted(values.items()):
        if value == value:
            found[series, date].append((reported, value))
    return found


def as_long(values):
    rows = [(series, date, value, reported) for (series, reported, date), value in values.items()]
    frame = pd.DataFrame(rows, columns=["series_id", "dt", "val", "reported_date"])
    return frame.astype({"dt": "datetime64[ms, UTC]", "reported_date": "datetime64[ms, UTC]", "val": float})


def as_wide(values):
    """The same in the wide layout, with its columns in another order."""
    columns = list(dict.fromkeys((series, reported) for series, reported, _ in values))[::-1]
    index = pd.DatetimeIndex(sorted({date for _, _, date in values}), tz="UTC", name="dt").as_unit("ms")
    data = [[values.get((*column, date), math.nan) for column in columns] for date in index]
    names = [
        pd.Index([column[0] for column in columns], dtype=object),
        pd.DatetimeIndex([c[1] for c in columns], tz="UTC"),
    ]
    labels = pd.MultiIndex.from_arrays(names, names=["name", "reported_date"])
    return pd.DataFrame(data, index, labels, dtype=float)


def cells(frame):
    """The values of a frame in either layout, by series (or label) and date."""
    if "val" in frame.columns:
        return {(row.series_id, row.dt): row.val for row in frame.itertuples()}
    return {
        (label, date): value
        for label, column in frame.items()
        for date, value in column.items()
        if value == value
    }  # fmt: skip


MOMENTS = [
    *REPORTED,
    *(moment - pd.Timedelta(milliseconds=1) for moment in REPORTED),
    pd.Timestamp("2024-02-01 06:30", tz="Asia/Kolkata"),  # 01:00 UTC
    pd.Timestamp("2024-01-31 18:59:59.999", tz="America/Chicago"),
    datetime.datetime(2024, 2, 1, 1),
    datetime.date(2024, 2, 2),
    "2024-02-02T23:59",
]


@settings(deadline=None)
@given(reported_values(), st.sampled_from(MOMENTS))
def test_known_at_is_the_latest_report_at_or_before_the_moment(values, when):
    moment = pd.Timestamp(when)
    moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment
    expected = {}
    for key, releases in by_date(values).items():
        known = [value for reported, value in releases if reported <= moment]
        if known:
            expected[key] = known[-1]
    long = as_long(values)
    elsewhere = long.assign(reported_date=long["reported_date"].dt.tz_convert("Asia/Kolkata"))
    naive = long.assign(reported_date=long["reported_date"].dt.tz_localize(None))
    for frame in (long, elsewhere, naive, as_wide(values)):
        known = frame.shooju.known_at(when)
        assert cells(known) == expected
    assert known.columns.names == ["name"]
    assert not known.isna().all(axis=1).any()


@settings(deadline=None)
@given(reported_values())
def test_first_and_latest_releases(values):
    releases = by_date(values)
    for frame in (as_long(values), as_wide(values)):
        assert cells(frame.shooju.first_release()) == {key: found[0][1] for key, found in releases.items()}
        assert cells(frame.shooju.latest()) == {key: found[-1][1] for key, found in releases.items()}


@settings(deadline=None)
@given(reported_values())
def test_revisions_are_numbered_by_date(values):
    expected = {
        ((series, number), date): value
        for (series, date), releases in by_date(values).items()
        for number, (_, value) in enumerate(releases, 1)
    }
    for frame in (as_long(values), as_wide(values)):
        revisions = frame.shooju.revisions()
        assert cells(revisions) == expected
        assert revisions.columns.names[-1] == "release"
        assert revisions.index.is_monotonic_increasing
        assert all(revisions.notna().any())


def test_published_revisions():
    columns = pd.DatetimeIndex(PUBLISHED.columns, name="reported_date")
    frame = PUBLISHED.set_axis(columns, axis=1)
    assert frame.shooju.first_release()["val"].tolist() == [16525.0, 16575.1, 16702.1]
    assert frame.shooju.latest()["val"].tolist() == [16525.0, 16583.1, 16727.0]
    revisions = frame.shooju.revisions()
    assert revisions.columns.tolist() == [1, 2, 3, 4, 5, 6]
    assert revisions.loc["2016-04-01"].tolist() == [16575.1, 16570.2, 16583.1, 16583.1, 16583.1, 16583.1]
    assert revisions.loc["2016-07-01"].dropna().tolist() == [16702.1, 16712.5, 16727.0]
    assert frame.shooju.known_at("2016-08-26").iloc[-1].tolist() == [16570.2]
    assert len(frame.shooju.known_at("2016-10-27")) == 2
    assert frame.shooju.known_at("2016-10-28").index.tolist() == PUBLISHED.index.tolist()


def test_long_results_say_which_report_they_come_from(conn, reports):
    frame = sj.read_shooju(rf"sid:{GDP}", "country", layout="long", reported_date="all", connection=conn)
    known = frame.shooju.known_at("2016-09-01")
    assert list(known.columns) == list(frame.columns)
    assert known["reported_date"].tolist() == utc("2016-08-26", "2016-08-26").tolist()
    indexed = frame.set_index(["series_id", "dt", "reported_date"])
    assert indexed.shooju.known_at("2016-09-01")["val"].tolist() == known["val"].tolist()
    other = frame.drop(columns="series_id").shooju.revisions()
    assert other.columns.names == ["country", "release"]


@pytest.mark.parametrize("dtype_backend", ["numpy_nullable", "pyarrow"])
def test_nullable_dtypes_are_kept(conn, reports, dtype_backend):
    pytest.importorskip("pyarrow")
    plain, nullable = (
        sj.read_shooju(rf"sid:{GDP}", reported_date="all", dtype_backend=backend, connection=conn)
        for backend in (None, dtype_backend)
    )
    for method in ("latest", "revisions"):
        result = getattr(nullable.shooju, method)()
        assert set(result.dtypes) == set(nullable.dtypes)
        pd.testing.assert_frame_equal(result.astype("float64"), getattr(plain.shooju, method)())


def test_labels_of_any_kind_stay_apart():
    labels = [("x", None, DAYS[0]), ("x", None, DAYS[1]), ("x", "y", DAYS[0])]
    columns = pd.MultiIndex.from_tuples(labels, names=["a", "b", "reported_date"])
    frame = pd.DataFrame([[1.0, 2.0, 3.0]], pd.DatetimeIndex(["2024-01-01"], name="dt"), columns)
    latest = frame.shooju.latest()
    assert latest.iloc[0].tolist() == [2.0, 3.0]
    assert latest.columns.names == ["a", "b"]
    assert frame.shooju.revisions().iloc[0].tolist() == [1.0, 2.0, 3.0]


def test_two_values_for_one_report_are_refused(conn, reports):
    frame = sj.read_shooju(rf"sid:{GDP}", layout="long", reported_date="all", connection=conn)
    twice = pd.concat([frame, frame.iloc[[3]]])
    wide = sj.read_shooju(rf"sid:{GDP}", reported_date="all", connection=conn)
    for data in (twice, pd.concat([wide, wide.iloc[:, :1]], axis=1)):
        for method in ("latest", "revisions", "first_release"):
            with pytest.raises(ValueError, match="at most one value for each series, date and report date"):
                getattr(data.shooju, method)()
    missing = frame.assign(reported_date=frame["reported_date"].where(frame.index > 0))
    with pytest.raises(ValueError, match="must not contain missing dates"):
        missing.shooju.latest()
    with pytest.raises(ValueError, match="must have the columns 'dt' and 'val'"):
        frame.rename(columns={"dt": "date"}).shooju.latest()
    with pytest.raises((TypeError, ValueError), match="when must be a moment"):
        frame.shooju.known_at("next week")


# --- writing reports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_reports_are_written_back_only_as_reports(conn, reports, layout):
    query = rf"sid:{GDP}"
    with conn.register_job("The series itself") as job:
        job.write(rf"sid={GDP}\US", points=[sj.Point(0, 123.0)])
    frame = sj.read_shooju(query, layout=layout, reported_date="all", connection=conn)
    latest = sj.read_shooju(query, layout=layout, reported_date="latest", connection=conn)
    for data in (frame, latest):
        for where in ({}, {"sid": "{series_id}"}, {"changed_from": data}):
            with pytest.raises(ValueError, match=r"reported_date is missing|from its reports|only written to series"):
                data.shooju.write("A mistake", connection=conn, **where)
    if layout == "long":
        for result in (frame.shooju.known_at("2016-09-01"), frame.shooju.latest()):
            for where in ({}, {"sid": "{series_id}"}, {"changed_from": result}):
                with pytest.raises(ValueError, match=r"reported_date is missing|from its reports"):
                    result.shooju.write("A mistake", connection=conn, **where)
            with pytest.raises(ValueError, match="from its reports"):
                result.drop(columns="reported_date").shooju.write("A mistake", changed_from=result.drop(
                    columns="reported_date"), connection=conn)  # fmt: skip
    else:
        with pytest.raises(ValueError, match="only written to series"):
            frame.shooju.known_at("2016-09-01").shooju.write("A mistake", connection=conn)
        known = frame.shooju.known_at("2016-09-01")
        with pytest.raises(ValueError, match="must be a frame that was read from Shooju"):
            known.shooju.write("A mistake", changed_from=known, connection=conn)
    doubled = frame * 2 if layout == "wide" else frame.assign(val=frame["val"] * 2)
    written = doubled.shooju.write("Twice", sid="{series_id}", reported_date="reported_date", connection=conn)
    assert written.points == len(reports)
    again = sj.read_shooju(query, layout=layout, reported_date="all", connection=conn)
    pd.testing.assert_frame_equal(again, doubled)
    assert conn.get_series(rf"sid={GDP}\US", max_points=-1)["points"][0].value == 123.0


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_changed_reports_are_compared_by_report_date(conn, reports, layout):
    old = sj.read_shooju(rf"sid:{GDP}", layout=layout, reported_date="all", connection=conn)
    new = old.copy()
    new.iloc[-1, new.columns.get_loc("val") if layout == "long" else -1] += 1
    options = {"reported_date": "reported_date", "connection": conn}
    for earlier, sid in ((old, None), (old, "{series_id}"), ("server", "{series_id}")):
        changes = new.shooju.diff(earlier, sid, **options)
        assert changes["reported_date"].tolist() == utc("2016-12-22").tolist()
        assert (changes["new"] - changes["old"]).round(6).tolist() == [1.0]
    assert new.shooju.write("Revised", changed_from=old, **options).points == 1
    again = sj.read_shooju(rf"sid:{GDP}", layout=layout, reported_date="all", connection=conn)
    pd.testing.assert_frame_equal(again, new)


@settings(deadline=None, max_examples=15)
@given(reported_values())
def test_reports_survive_the_round_trip(values):
    present = {key: value for key, value in values.items() if value == value}
    with sj.Connection("local::memory:") as conn:
        frame = as_long(present).assign(series_id=lambda frame: "users\\sam\\" + frame["series_id"].astype(object))
        frame.shooju.write("Reports", reported_date="reported_date", connection=conn)
        for layout in ("long", "wide"):
            back = sj.read_shooju(r"sid:users\sam", layout=layout, reported_date="all", connection=conn)
            if layout == "wide":
                back = back.shooju.revisions()
                found = {(label[0][-1], label[1], date): value for (label, date), value in cells(back).items()}
                expected = {
                    (series, number, date): value
                    for (series, date), releases in by_date(present).items()
                    for number, (_, value) in enumerate(releases, 1)
                }
            else:
                found = {(r.series_id[-1], r.reported_date, r.dt): r.val for r in back.itertuples()}
                expected = present
            assert found == expected

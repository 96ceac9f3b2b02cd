"""What is read of a series: moments, report dates, and where their operators go in a query."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju import query
from pandas_shooju.frame.sources import checked_asof, checked_reports, instant, split_operators, with_source
from pandas_shooju.local.query.parser import parse


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"sid=users\sam\a", r"sid=users\sam\a@asof:j1"),
        (r"sid=users\sam\a ", r"sid=users\sam\a@asof:j1"),
        (r"sid=users\sam\a@A:M@lag:1y", r"sid=users\sam\a@asof:j1@A:M@lag:1y"),
        (r'sid="users\sam\a@b"@A:M', r'sid="users\sam\a@b"@asof:j1@A:M'),
        (r'unit="5\" @A:M" x', r'unit="5\" @A:M" x@asof:j1'),
        ("={{sid=a}}/{{sid=b@A:M}}@A:y", "={{sid=a@asof:j1}}/{{sid=b@asof:j1@A:M}}@A:y"),
        (
            '={{sid="a}}b"}}.add({{sid=c}}, fill_value=0)',
            '={{sid="a}}b"@asof:j1}}.add({{sid=c@asof:j1}}, fill_value=0)',
        ),
        (
            r"=F.multi_sum(r'sid:ercot\* a=(" + '"X")' + '\', operators=("@A:d"), key_fields=[])/1000@A:h',
            r"=F.multi_sum(r'sid:ercot\* a=(" + '"X")' + '@asof:j1\', operators=("@A:d"), key_fields=[])/1000@A:h',
        ),
    ],
)
def test_sources_come_before_other_operators(before, after):
    assert with_source(before, "@asof:j1") == after


@given(st.text(st.sampled_from('ab\\@":{} '), min_size=1, max_size=12).filter(str.strip))
def test_any_quoted_id_keeps_its_meaning(series_id):
    text = f"{query.series(series_id)}@A:M"
    condition, operators = split_operators(text)
    assert (condition, operators) == (str(query.series(series_id)), "@A:M")
    parsed = parse(with_source(text, "@asof:j1"))
    assert parsed.single_id == parse(text).single_id
    assert [str(operator) for operator in parsed.operators] == ["@asof:j1", "@A:M"]


@pytest.mark.parametrize("text", ["sid=a@asof:j1", "sid=a@A:M@RepDate:2024-01-01", "={{sid=a@asof:j2}}"])
def test_a_query_that_says_itself_what_is_read_is_refused(text):
    with pytest.raises(ValueError, match="must not contain the operator @"):
        with_source(text, "@asof:j3")


class Job:
    job_id = 17


@pytest.mark.parametrize("job", [17, np.int64(17), "j17", "J17", Job()])
def test_jobs(job):
    assert checked_asof(job, "UTC") == (["@asof:j17"], None)


@pytest.mark.parametrize(
    ("moment", "zone", "text"),
    [
        ("2024-01-03T10:00", "UTC", "2024-01-03T10:00:00.000"),
        ("2024-01-03T10:00", "America/Chicago", "2024-01-03T16:00:00.000"),
        ("2024-01-03T10:00+02:00", "America/Chicago", "2024-01-03T08:00:00.000"),
        (pd.Timestamp("2024-07-03", tz="Europe/London"), "UTC", "2024-07-02T23:00:00.000"),
        (datetime.date(2024, 1, 3), "UTC", "2024-01-03T00:00:00.000"),
        (np.datetime64("2024-01-03T10:00:00.123456789"), "UTC", "2024-01-03T10:00:00.123"),
        (datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999), "UTC", "1969-12-31T23:59:59.999"),
    ],
)
def test_moments_are_exact(moment, zone, text):
    assert checked_asof(moment, zone).operators == [f"@asof:{text}"]


def test_lists_of_moments_label_a_level():
    jobs = checked_asof(iter([18, 17, "j18"]), "UTC")
    assert jobs.operators == ["@asof:j18", "@asof:j17"]
    assert jobs.labels.tolist() == [18, 17]
    moments = checked_asof(pd.date_range("2024-01-01", periods=2, tz="Europe/Berlin"), "UTC").labels
    assert str(moments.dtype) == "datetime64[ms, UTC]"
    assert moments[0] == pd.Timestamp("2023-12-31T23:00Z")
    both = checked_asof([17, "2024-01-01"], "UTC").labels
    assert both.tolist() == [17, pd.Timestamp("2024-01-01", tz="UTC")]


@pytest.mark.parametrize("wrong", [True, 0, -1, "yesterday", "-1d", None, [], [None], pd.NaT, object()])
def test_what_is_no_moment_is_refused(wrong):
    with pytest.raises((TypeError, ValueError), match="asof"):
        checked_asof(wrong, "UTC")


def test_a_moment_is_at_the_beginning_of_a_day():
    assert instant("2024-01-03", "when", "UTC") == instant(pd.Timestamp("2024-01-03", tz="UTC"), "when", "UTC")


DATES = np.array([np.datetime64(day, "ms") for day in ("2024-01-01", "2024-01-15", "2024-02-01")]).astype(np.int64)


@pytest.mark.parametrize(
    ("reported_date", "last_reports", "chosen"),
    [
        ("all", None, [0, 1, 2]),
        ("latest", None, [2]),
        (None, 2, [1, 2]),
        ("all", 2, [1, 2]),
        ("2024-01", 1, [1]),
        ("2024-01", None, [0, 1]),
        ("2024-01-15", None, [1]),
        ("2024-01-15T01:00", None, []),
        (datetime.date(2024, 2, 1), None, [2]),
        (pd.Timestamp("2024-02-01", tz="UTC"), None, [2]),
        (pd.Timestamp("2024-02-01", tz="Europe/Berlin"), None, []),
        (pd.DatetimeIndex(["2024-02-01", "2024-01-01"]), None, [0, 2]),
        (["2024-01", "2024-01-15"], None, [0, 1]),
        (int(DATES[1]), None, [1]),
    ],
)
def test_report_dates_are_chosen(reported_date, last_reports, chosen):
    reports = checked_reports(reported_date, last_reports)
    assert reports.chosen(DATES).tolist() == DATES[chosen].tolist()
    first, last = (reports.df, reports.dt)
    assert all((first is None or first <= date) and (last is None or date <= last) for date in reports.chosen(DATES))


def test_slices_are_limits_for_the_server():
    assert checked_reports(slice("2024-01-15", "2024-01"), None)[:2] == (DATES[1], DATES[2] - 1)
    assert checked_reports(slice(None, None), 3) == (None, None, None, 3)
    assert checked_reports(slice("-1y", None), None).df == "-1y"


@pytest.mark.parametrize(
    ("reported_date", "last_reports"),
    [("latest", 2), ("newest", None), ([], None), (["-1y"], None), (slice("2024", None, 2), None), (None, 0),
     (None, True), (2024, None), (slice("soon", None), None), (1.5, None), ([None], None)],
)  # fmt: skip
def test_other_report_dates_are_refused(reported_date, last_reports):
    with pytest.raises((TypeError, ValueError), match=r"reported_date|last_reports"):
        checked_reports(reported_date, last_reports)

"""`plot`: pandas' plots with titles, units and legends from fields, local time axes, gaps, and fans of vintages."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

import pandas_shooju as sj

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
pyplot = pytest.importorskip("matplotlib.pyplot")
mdates = pytest.importorskip("matplotlib.dates")

BERLIN = "Europe/Berlin"


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    pyplot.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def drawn(line):
    """The dates (UTC) and the values of a line, None where it is interrupted."""
    x, y = line.get_data()
    values = [None if np.isnan(value) else value for value in np.asarray(y, float)]
    dates = pd.DatetimeIndex(mdates.num2date(x)).round("s")
    return [(date, value) for date, value in zip(dates, values, strict=True)]


def ticks(ax):
    """The instants and the labels of the ticks of the date axis."""
    ax.figure.canvas.draw()
    positions, labels = ax.get_xticks(), [label.get_text() for label in ax.get_xticklabels()]
    return dict(zip(pd.DatetimeIndex(mdates.num2date(positions)).round("s"), labels, strict=True))


@pytest.fixture
def load(conn):
    """Loads of two countries over the end of daylight saving time, and a price of days."""
    hours = pd.date_range("2024-10-27", "2024-10-28", freq="h", tz=BERLIN, inclusive="left").as_unit("ms")
    days = pd.date_range("2024-10-25", periods=4, tz=BERLIN)
    with conn.register_job("A job", batch_size=10) as job:
        for at, country in enumerate(["DE", "FR"]):
            points = [(hour, 50.0 + at + n) for n, hour in enumerate(hours)]
            fields = {"country": country, "unit": "GW", "kind": "load"}
            job.write(rf"sid=users\sam\load\{country}", fields=fields, points=points)
        points = [(day, 80.0 + n) for n, day in enumerate(days)]
        fields = {"country": "DE", "unit": "EUR/MWh", "kind": "price"}
        job.write(r"sid=users\sam\price\DE", fields=fields, points=points)
    return hours


# --- words ------------------------------------------------------------------------------------------------------------


def test_titles_units_and_legends_come_from_fields(conn, load):
    ax = sj.read_shooju(r"sid:users\sam\load", ["kind", "country", "unit"], connection=conn).shooju.plot()
    assert (ax.get_title(), ax.get_ylabel(), legend(ax)) == ("load", "GW", ["DE", "FR"])


def test_fields_that_are_no_labels_give_the_unit_and_on_request_the_legend(conn, load):
    frame = sj.read_shooju(r"sid:users\sam\load", "*", connection=conn)
    ax = frame.shooju.plot()
    assert (ax.get_title(), ax.get_ylabel(), legend(ax)) == (r"users\sam\load", "GW", ["DE", "FR"])
    assert legend(frame.shooju.plot(labels="country")) == ["DE", "FR"]
    assert legend(frame.shooju.plot(labels=["kind", "series_id"])) == [
        rf"load, users\sam\load\{c}" for c in ("DE", "FR")
    ]
    with pytest.raises(
        ValueError, match="labels must be names of column levels, columns or fields, got 'county'; there"
    ):
        frame.shooju.plot(labels="county")


def test_two_units_have_an_axis_each(conn, load):
    frame = sj.read_shooju("country=DE", ["kind", "unit"], sort="kind asc", connection=conn)
    ax = frame.shooju.plot()
    assert (ax.get_ylabel(), ax.right_ax.get_ylabel()) == ("GW", "EUR/MWh")
    assert (len(ax.get_lines()), len(ax.right_ax.get_lines())) == (1, 1)
    assert legend(ax) == ["load, GW", "price, EUR/MWh"]


def test_more_units_are_in_the_legend():
    columns = pd.MultiIndex.from_tuples(
        [("a", "GW"), ("b", "t"), ("c", "t"), ("d", None), ("e", "m")], names=["name", "unit"]
    )
    frame = pd.DataFrame([[1.0, 2.0, 3.0, 4.0, 5.0]] * 2, pd.date_range("2024", periods=2), columns)
    ax = frame.shooju.plot()
    assert ax.get_ylabel() == ""
    assert legend(ax) == ["a, GW", "b, t", "c, t", "d", "e, m"]


def test_a_single_series_is_named_in_the_title(conn, load):
    frame = sj.read_shooju({"Load": r"sid=users\sam\load\DE"}, connection=conn)
    for data in (frame, frame["Load"]):
        ax = data.shooju.plot()
        assert (ax.get_title(), ax.get_legend()) == ("Load", None)
    assert legend(frame.shooju.plot(legend=True)) == ["Load"]


def test_what_the_caller_writes_wins(conn, load):
    frame = sj.read_shooju(r"sid:users\sam\load", ["country", "unit"], connection=conn)
    ax = frame.shooju.plot(title="Load", ylabel="", xlabel="CET", legend=False, figsize=(3, 2))
    assert (ax.get_title(), ax.get_ylabel(), ax.get_xlabel(), ax.get_legend()) == ("Load", "", "CET", None)
    assert ax.figure.get_size_inches().tolist() == [3, 2]


def test_an_ax_that_has_lines_keeps_them(conn, load):
    _, ax = pyplot.subplots()
    (mine,) = ax.plot([], [], label="mine")
    frame = sj.read_shooju(r"sid:users\sam\load", ["country", "unit"], connection=conn)
    assert frame.shooju.plot(ax=ax) is ax
    assert legend(ax) == ["mine", "DE", "FR"]
    assert len(mine.get_xdata()) == 0


def test_colors_styles_and_axes_refer_to_the_columns_of_the_data(conn, load):
    frame = sj.read_shooju(r"sid:users\sam\load", "country", connection=conn)
    ax = frame.shooju.plot(color={"FR": "red", "DE": "black"})
    assert [line.get_color() for line in ax.get_lines()] == ["black", "red"]
    ax = frame.shooju.plot(style={"FR": "--"})
    assert [line.get_linestyle() for line in ax.get_lines()] == ["-", "--"]
    ax = frame.shooju.plot(secondary_y="FR")
    assert [line.get_label() for line in ax.right_ax.get_lines()] == ["FR"]
    ax = frame.shooju.plot(y=["FR"])
    assert [line.get_label() for line in ax.get_lines()] == ["FR"]


def test_subplots(conn, load):
    frame = sj.read_shooju("country=DE", ["kind", "unit"], sort="kind asc", connection=conn)
    axes = frame.shooju.plot(subplots=True)
    assert [ax.get_ylabel() for ax in axes] == ["GW", "EUR/MWh"]
    assert [legend(ax) for ax in axes] == [["load"], ["price"]]


def test_twenty_one_series_have_no_legend_by_default():
    frame = pd.DataFrame(1.0, pd.date_range("2024", periods=2), range(21))
    assert frame.shooju.plot().get_legend() is None
    assert len(legend(frame.shooju.plot(legend=True))) == 21


def test_labels_are_not_markup():
    frame = pd.DataFrame({"a\x1b\nb": [1.0], "c": [1.0]}, pd.DatetimeIndex(["2024"]))
    assert legend(frame.shooju.plot()) == ["a\ufffd\ufffdb", "c"]


# --- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tz", [BERLIN, None])
def test_an_hour_that_occurs_twice_is_two_hours_wide(conn, load, tz):
    query = r"sid:users\sam\load@localize:Europe/Berlin"
    frame = sj.read_shooju(query, tz=tz, connection=conn) if tz is None else sj.read_shooju(query, connection=conn)
    assert (frame.index.tz is None) == (tz is None)
    ax = frame.shooju.plot()
    assert [date for date, _ in drawn(ax.get_lines()[0])] == list(load.tz_convert("UTC"))
    assert ax.get_xlabel() == BERLIN
    for instant, label in ticks(ax).items():
        if ":" in label:
            assert label == f"{instant.tz_convert(BERLIN):%H:%M}"


def test_an_hour_that_is_skipped_has_no_tick():
    index = pd.date_range("2024-03-31", periods=6, freq="h", tz=BERLIN)
    ax = pd.Series(np.arange(6.0), index, name="a").shooju.plot()
    shown = ticks(ax)
    labels = [label for label in shown.values() if label]
    assert "02:00" not in labels
    assert labels.count("03:00") == 1
    assert len(ax.get_xticks()) == len(set(ax.get_xticks()))


def test_dates_without_a_time_zone_are_shown_as_they_are():
    index = pd.DatetimeIndex(["2024-03-31 01:00", "2024-03-31 02:00", "2024-03-31 03:00"])
    ax = pd.Series([1.0, 2.0, 3.0], index, name="a").shooju.plot()
    assert [date.tz_localize(None) for date, _ in drawn(ax.get_lines()[0])] == list(index)
    assert ax.get_xlabel() == ""


def test_days_name_no_zone():
    frame = pd.DataFrame({"a": [1.0, 2.0]}, pd.date_range("2024-03-31", periods=2, tz=BERLIN))
    assert frame.shooju.plot().get_xlabel() == ""


@pytest.mark.parametrize("days", [0, 0.001, 0.1, 1, 5, 20, 100, 300, 1000, 2000, 20_000, 300_000])
def test_any_range_has_ticks_without_a_warning(days):
    first = np.datetime64("2024-10-20", "ms")
    index = pd.DatetimeIndex(np.array([first, first + int(days * 86_400_000)])).tz_localize(BERLIN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = pd.Series([1.0, 2.0], index, name="a").iloc[: 2 if days else 1].shooju.plot()
        ax.figure.canvas.draw()
        assert 1 <= len(ax.get_xticks()) <= 16


# --- gaps -------------------------------------------------------------------------------------------------------------


def test_gaps_interrupt_lines_and_points_between_two_gaps_are_markers():
    index = pd.date_range("2024-01-04", periods=9, tz="UTC")
    series = pd.Series([1.0, 2.0, 3.0, None, 5.0, None, None, 8.0, 9.0], index, name="a")
    (line,) = series.shooju.plot().get_lines()
    assert [value for _, value in drawn(line)] == [1, 2, 3, None, 5, None, 8, 9]
    assert line.get_markevery() == [4]
    assert line.get_marker() == "o"
    (line,) = series.dropna().shooju.plot().get_lines()
    assert [value for _, value in drawn(line)] == [1, 2, 3, None, 5, None, 8, 9]


def test_series_of_another_frequency_are_whole_lines(conn, load):
    frame = sj.read_shooju("country=DE", ["kind", "unit"], sort="kind asc", tz=BERLIN, connection=conn)
    ax = frame.shooju.plot()
    (price,) = ax.right_ax.get_lines()
    assert [value for _, value in drawn(price)] == [80, 81, 82, 83]
    assert price.get_marker() == "None"
    (hours,) = ax.get_lines()
    assert [value for _, value in drawn(hours)] == [50.0 + n for n in range(25)]


def test_irregular_points_are_connected():
    index = pd.DatetimeIndex(["2024-01-01", "2024-01-02 07:13", "2024-02-11"])
    (line,) = pd.Series([1.0, 2.0, 3.0], index, name="a").shooju.plot().get_lines()
    assert [value for _, value in drawn(line)] == [1, 2, 3]


def test_a_single_point_is_visible():
    (line,) = pd.Series([1.0], pd.DatetimeIndex(["2024"]), name="a").shooju.plot().get_lines()
    assert (line.get_marker(), line.get_markevery()) == ("o", [0])
    (line,) = pd.Series([1.0], pd.DatetimeIndex(["2024"]), name="a").shooju.plot(marker="x").get_lines()
    assert (line.get_marker(), line.get_markevery()) == ("x", None)


# --- vintages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def reports(conn):
    """Twelve forecasts of two series."""
    rows = [
        (rf"gdp\{country}", reported, reported + pd.DateOffset(months=ahead), 100.0 + ahead)
        for country in ("CN", "US")
        for reported in pd.date_range("2023-01-01", periods=12, freq="MS", tz="UTC")
        for ahead in range(3)
    ]
    long = pd.DataFrame(rows, columns=["series_id", "reported_date", "dt", "val"])
    long.shooju.write("Forecasts", reported_date="reported_date", connection=conn)
    with conn.register_job("Units", batch_size=10) as job:
        for country in ("CN", "US"):
            job.write(rf"sid=gdp\{country}", fields={"unit": "tn", "country": country})


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_vintages_are_a_fan_the_older_the_fainter(conn, reports, layout):
    frame = sj.read_shooju(r"sid=gdp\US", ["country", "unit"], reported_date="all", layout=layout, connection=conn)
    ax = frame.shooju.plot()
    lines = ax.get_lines()
    assert len(lines) == 12
    starts = {drawn(line)[0][0]: line.get_alpha() for line in lines}
    alphas = [starts[date] for date in sorted(starts)]
    assert alphas == sorted(alphas)
    assert (alphas[-1], len(set(alphas))) == (1, 12)
    assert len({line.get_color() for line in lines}) == 1
    assert ax.get_ylabel() == "tn"
    assert ax.get_legend().get_title().get_text() == "report date"
    assert len(legend(ax)) == 6
    assert (legend(ax)[0], legend(ax)[-1]) == ("2023-01-01", "2023-12-01")
    assert ("US" if layout == "wide" else r"gdp\US") in ax.get_title()


def test_fans_of_several_series_have_a_color_each(conn, reports):
    frame = sj.read_shooju("sid:gdp", "country", last_reports=4, sort="country asc", connection=conn)
    ax = frame.shooju.plot()
    assert legend(ax) == [f"{country}, 4 vintages to 2023-12-01" for country in ("CN", "US")]
    assert len({line.get_color() for line in ax.get_lines()}) == 2


def test_states_as_of_jobs(conn, reports):
    jobs = []
    for value in (1.0, 2.0):
        with conn.register_job("A job") as job:
            job.write("sid=a", points=[(0, value), (86_400_000, value)])
        jobs.append(job.job_id)
    ax = sj.read_shooju("sid=a", asof=jobs, connection=conn).shooju.plot()
    assert legend(ax) == [f"job {number}" for number in jobs]
    assert ax.get_legend().get_title().get_text() == "as of"


def test_one_vintage_is_a_plain_line(conn, reports):
    frame = sj.read_shooju("sid:gdp", "country", reported_date="latest", sort="country asc", connection=conn)
    ax = frame.shooju.plot()
    assert legend(ax) == ["CN", "US"]
    assert [line.get_alpha() for line in ax.get_lines()] == [None, None]


# --- other kinds, and what cannot be plotted --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["area", "bar", "barh", "hist", "box"])
def test_other_kinds_have_units_and_labels_too(conn, load, kind):
    frame = sj.read_shooju(r"sid:users\sam\load", ["country", "unit"], connection=conn, tz=BERLIN)
    ax = frame.shooju.plot(kind=kind)
    ax.figure.canvas.draw()
    unit = ax.get_xlabel() if kind in ("barh", "hist") else ax.get_ylabel()
    assert unit == "GW"
    if kind == "box":
        assert [label.get_text() for label in ax.get_xticklabels()] == ["DE", "FR"]
    else:
        assert legend(ax) == ["DE", "FR"]


def test_bars_have_local_dates_at_most_every_few():
    years = pd.Series([1.0, 2.0], pd.DatetimeIndex(["2023", "2024"], tz="UTC"), name="a").shooju.plot(kind="bar")
    assert [label.get_text() for label in years.get_xticklabels()] == ["2023", "2024"]
    hours = pd.date_range("2024-10-27", periods=49, freq="h", tz=BERLIN)
    ax = pd.Series(1.0, hours, name="a").shooju.plot(kind="bar")
    texts = [label.get_text() for label in ax.get_xticklabels()]
    assert len(texts) <= 24
    assert texts[:2] == ["2024-10-27", "2024-10-27 02:00"]
    assert len(ax.patches) == 49


def test_what_cannot_be_plotted():
    frame = pd.DataFrame({"a": [1.0]}, pd.DatetimeIndex(["2024"]))
    with pytest.raises(ValueError, match=r"kind must be one of 'line', 'area', .* got 'pie'"):
        frame.shooju.plot(kind="pie")
    with pytest.raises(ValueError, match="x cannot be chosen, because the dates are on that axis; got x='a'"):
        frame.shooju.plot(x="a")
    with pytest.raises(ValueError, match="at least one column of numbers to plot, got none"):
        frame.astype(str).shooju.plot()
    with pytest.raises(TypeError, match="the frame must have dates in its index"):
        frame.reset_index(drop=True).shooju.plot()


def test_series_without_points_are_plotted_empty():
    ax = pd.DataFrame(
        {"a": [None, None], "b": [None, None]}, pd.date_range("2024", periods=2), dtype=float
    ).shooju.plot()
    assert legend(ax) == ["a", "b"]


def test_a_frame_is_not_changed():
    frame = pd.DataFrame({"a": [1.0, None, 3.0]}, pd.date_range("2024", periods=3, tz=BERLIN))
    before = frame.copy()
    frame.shooju.plot()
    pd.testing.assert_frame_equal(frame, before)


def test_without_matplotlib_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import pandas as pd, pandas_shooju\n"
        "pd.Series([1.0], pd.DatetimeIndex(['2024'])).shooju.plot()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError: df.shooju.plot() requires matplotlib: pip install 'pandas-shooju[plots]'" in done.stderr

"""What objects look like in a notebook and in text: escaped, complete, and never with a key."""

import datetime
import os

import pandas as pd
import pytest

import pandas_shooju as sj
from tests.pages import shown

HOSTILE = "<script>alert(1)<b>"
KEY = "s3cret-key"


def all_text(html):
    return " ".join(shown(html)[0])


@pytest.fixture
def stored(tmp_path):
    """A connection to a store in a file."""
    with sj.Connection(f"local:{tmp_path / 'store.sqlite'}") as connection:
        yield connection


@pytest.fixture
def hostile(conn):
    """A frame as read whose ids, labels and fields are HTML."""
    index = pd.date_range("2024-03-30", periods=71, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"DE": range(71), HOSTILE: range(71)}, index, dtype=float).rename_axis(columns="country")
    frame.iloc[5:8, 0] = None
    result = frame.shooju.write("Load", sid=r"users\sam\{country}", fields="levels", connection=conn)
    with conn.register_job("Units", batch_size=10) as job:
        for country in frame:
            job.write(sj.query.series(rf"users\sam\{country}"), fields={"unit": f"GW{HOSTILE}"})
    return result


# --- connections ------------------------------------------------------------------------------------------------------


def test_a_connection_shows_its_server_and_user_and_never_the_key():
    conn = sj.Connection("acme", HOSTILE, KEY, extra_params={"token": KEY}, hosts=[f"https://u:{KEY}@host.example"])
    html = conn._repr_html_()
    assert shown(html)[1] == ["https://acme.shooju.com"]
    assert HOSTILE in all_text(html)
    assert repr(conn) == f"Connection('https://acme.shooju.com', user={HOSTILE!r})"
    assert repr(conn.raw) == f"Client('https://acme.shooju.com', user={HOSTILE!r})"
    assert KEY not in html + repr(conn) + repr(conn.raw)


def test_an_embedded_store_is_named_by_its_path(tmp_path):
    path = tmp_path / "<store>.sqlite"
    with sj.Connection(f"local:{path}") as conn:
        assert repr(conn) == f"Connection('local:{path}', user='local')"
        assert f"{path} (not created yet)" in all_text(conn._repr_html_())
        with conn.register_job("A job"):
            pass
        assert str(path) in shown(conn._repr_html_())[0]
    assert repr(conn) == f"Connection('local:{path}', user='local', closed)"
    assert "closed" in all_text(conn._repr_html_())


def test_a_relative_path_is_shown_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with sj.Connection("local:store.sqlite") as conn:
        assert repr(conn) == f"Connection('local:{os.getcwd()}{os.sep}store.sqlite', user='local')"


def test_a_store_in_memory_says_so(conn):
    assert repr(conn) == "Connection('local::memory:', user='local')"
    assert "in memory" in all_text(conn._repr_html_())


# --- jobs and results -------------------------------------------------------------------------------------------------


def test_a_result_shows_what_was_stored(hostile):
    text = all_text(hostile._repr_html_())
    for part in ("139 points and 2 fields of 2 series", "job 1", rf"users\sam\{HOSTILE}", "local::memory:"):
        assert part in text
    assert "not stored" not in text


def test_a_result_on_an_account_links_to_the_page_of_the_job(socket_conn):
    result = pd.Series([1.0], [pd.Timestamp("2024")]).shooju.write("A job", sid=r"users\sam\a", connection=socket_conn)
    page = f"{socket_conn.server}/#jobs/{result.job.job_id}"
    assert result.job.page == page
    assert shown(result._repr_html_())[1] == [page]
    assert shown(result.job._repr_html_())[1] == [page]
    assert "key" not in all_text(result._repr_html_())


def test_a_job_of_an_embedded_store_has_no_page(conn):
    with conn.register_job("A job", batch_size=10) as job:
        job.write(r"sid=users\sam\a", points=[(0, 1.0)])
        assert "1 item" in all_text(job._repr_html_())
        assert job.page is None
    assert conn.register_job("A dry run", dry_run=True).page is None


def test_a_result_shows_what_failed_and_why(conn):
    frame = pd.DataFrame(1.0, [pd.Timestamp("2024")], [rf"users\sam\{HOSTILE}{n}" for n in range(12)])
    older = conn.register_job("Older")
    frame.shooju.write("Newer", sid="{series_id}", connection=conn)
    with pytest.raises(sj.ShoojuApiError) as caught:
        (frame * 2).shooju.write(older, sid="{series_id}", connection=conn)
    result = caught.value.result
    texts = shown(result._repr_html_())[0]
    assert [text for text in texts if text in ("nothing", "12 series", "refused")][:3] == [
        "nothing",
        "12 series",
        "refused",
    ]
    assert rf"users\sam\{HOSTILE}0" in texts
    assert "and 2 more" in texts
    assert any("already_exists" in text for text in texts)
    assert repr(result).startswith(
        "<WriteResult: 0 points of 0 series stored by job 1, 12 series not stored; not stored: "
    )
    assert "already_exists" in repr(result)


def test_results_of_dry_runs_and_of_nothing(conn, capsys):
    frame = pd.DataFrame({"a": [1.0]}, [pd.Timestamp("2024")])
    dry = frame.shooju.write("A job", sid="a", dry_run=True, connection=conn)
    assert "a dry run of 1 series" in all_text(dry._repr_html_())
    assert "nothing to write" in all_text(frame.iloc[:0].shooju.write("A job", sid="a", connection=conn)._repr_html_())


# --- mirrors ----------------------------------------------------------------------------------------------------------


def test_a_mirror_shows_what_it_copies_and_how_old_it_is(conn, hostile, tmp_path):
    with sj.mirror(r"sid:users\sam", tmp_path / "<mirror>.sqlite", connection=conn) as mirror:
        text = all_text(mirror._repr_html_())
        for part in (str(mirror.path), r"sid:users\sam", f"{mirror.refreshed_at:%Y-%m-%d %H:%M} UTC", "ago"):
            assert part in text
        with mirror.connect() as copy:
            assert r"sid:users\sam on local::memory:" in all_text(copy._repr_html_())
    assert "closed" in all_text(mirror._repr_html_())


# --- frames -----------------------------------------------------------------------------------------------------------


def test_a_wide_frame_shows_its_series_range_frequency_zone_unit_and_origin(conn, hostile):
    frame = pd.read_shooju(r"sid:users\sam", ["country", "unit"], tz="Europe/Berlin", connection=conn)
    text = all_text(frame.shooju._repr_html_())
    for part in (
        "2 series", "2024-03-30 to 2024-04-01 23:00", "h", "Europe/Berlin", f"GW{HOSTILE}", r"sid:users\sam",
        rf"users\sam\{HOSTILE}", "a store in memory",
    ):  # fmt: skip
        assert part in text
    assert repr(frame.shooju).splitlines() == [
        "2 series",
        "  dates      2024-03-30 to 2024-04-01 23:00",
        "  frequency  h",
        "  time zone  Europe/Berlin",
        f"  unit       GW{HOSTILE}",
        r"  query      sid:users\sam",
        "  server     a store in memory",
        f"  series     DE, GW{HOSTILE}; {HOSTILE}, GW{HOSTILE}",
    ]


def test_naive_local_times_name_their_zone(conn, hostile):
    frame = pd.read_shooju(r"sid:users\sam@localize:Europe/Berlin", tz=None, connection=conn)
    assert "local times of Europe/Berlin (naive)" in repr(frame.shooju)
    assert "none (naive)" in repr(
        frame.shooju.series_ids.to_frame().set_axis(frame.index[:2]).assign(a=1.0)[["a"]].shooju
    )


@pytest.mark.parametrize("layout", ["long", "fields"])
def test_the_other_layouts(conn, hostile, layout):
    frame = pd.read_shooju(r"sid:users\sam", ["country", "unit"], layout=layout, connection=conn)
    html, text = frame.shooju._repr_html_(), repr(frame.shooju)
    assert "2 series" in all_text(html)
    assert text.splitlines()[0] == ("2 series" if layout == "long" else "Fields of 2 series")
    assert r"sid:users\sam" in text


def test_series_and_vintages(conn, hostile):
    frame = pd.read_shooju(r"sid:users\sam", asof=[1, 2], connection=conn)
    assert repr(frame.shooju).startswith("4 vintages of series, by as-of moment")
    column = pd.read_shooju({"DE": r"sid=users\sam\DE"}, connection=conn)["DE"]
    assert repr(column.shooju).startswith("1 series\n")
    assert r"users\sam\DE" in all_text(column.shooju._repr_html_())


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": [1, 2]}),
        pd.Series(["x"], name="a"),
        pd.DataFrame({"dt": pd.DatetimeIndex([]), "val": pd.Series([], dtype=float), "series_id": []}),
        pd.DataFrame({"a": ["text"]}, pd.DatetimeIndex(["2024"])),
        pd.DataFrame({"a": [1.0]}, pd.DatetimeIndex([pd.NaT])),
        pd.DataFrame({"dt": ["2024"], "val": ["x"]}),
        pd.DataFrame([[1.0, 2.0]], pd.DatetimeIndex(["2024"]), ["a", "a"]),
        pd.DataFrame({"a": [1.0]}, pd.PeriodIndex(["2024Q1"], freq="Q")),
        pd.DataFrame({HOSTILE: [1.0]}, pd.DatetimeIndex(["2024"])),
        pd.DataFrame({"a": [[1], [2]]}, pd.DatetimeIndex(["2024", "2025"])),
    ],
)
def test_any_frame_can_be_shown(data):
    assert "not read from Shooju" in all_text(data.shooju._repr_html_())
    assert "not read from Shooju" in repr(data.shooju)


def test_attrs_that_were_edited_are_no_reason_to_fail():
    frame = pd.DataFrame({"a": [1.0]}, pd.DatetimeIndex(["2024"]))
    frame.attrs["shooju"] = {"layout": "wide", "query": 7}
    assert "DataFrame of 1 row, 1 column" in all_text(frame.shooju._repr_html_())
    assert repr(frame.shooju).startswith("DataFrame of 1 row, 1 column")


def test_a_stacked_series_and_an_indexed_long_frame_are_long_frames(conn, hostile):
    frame = pd.read_shooju(r"sid:users\sam", layout="long", connection=conn).set_index(["series_id", "dt"])
    for data in (frame, frame["val"], frame["val"].rename("other")):
        assert repr(data.shooju).startswith("2 series\n")
        assert data.shooju.describe()["points"].sum() == 139


def test_only_the_first_series_of_a_large_frame_are_described():
    frame = pd.DataFrame(1.0, pd.date_range("2024", periods=3), range(500))
    texts = shown(frame.shooju._repr_html_())[0]
    assert "500 series" in texts
    assert "and 490 more" in texts
    assert repr(frame.shooju).endswith("0; 1; 2; and 497 more")


def test_a_list_of_queries_is_listed(conn, hostile):
    queries = {"DE": r"sid=users\sam\DE", "again": r"sid=users\sam\DE@A:d"}
    frame = pd.read_shooju(queries, connection=conn, df=datetime.date(2024, 3, 31))
    assert r"sid=users\sam\DE, sid=users\sam\DE@A:d" in repr(frame.shooju)

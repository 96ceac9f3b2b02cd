"""A write goes to the series that the call names, and to no other, whatever the frame and its history are."""

import numpy as np
import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import read_shooju

DATES = pd.date_range("2024-01-01", periods=4, tz="UTC", name="dt").as_unit("ms")
UNNAMED = r"is only written to series that the call names"


@pytest.fixture
def store(conn):
    """Two folders of series with the same labels, and a series without a label."""
    for folder, factor in (("gdp", 1.0), ("deflator", 2.0)):
        frame = (
            pd.DataFrame({"US": [1.0, 2, 3, 4], "CN": [5.0, 6, 7, 8]}, DATES).rename_axis(columns="country") * factor
        )
        frame.shooju.write(folder, sid=rf"users\sam\{folder}\{{country}}", fields="levels", connection=conn)
    no_country = pd.Series([9.0, 9, 9, 9], DATES)
    no_country.shooju.write("without the field", sid=r"users\sam\gdp\none", connection=conn)
    return conn


def stored(conn):
    """Every point and field of every series, by series id."""
    points = read_shooju("", layout="long", include_job=True, connection=conn)
    fields = read_shooju("", layout="fields", connection=conn)
    rows = zip(points["series_id"].astype(object), points["dt"], points["val"], points["job"], strict=True)
    found: dict = {series_id: ({}, row.dropna().to_dict()) for series_id, row in fields.iterrows()}
    for series_id, date, value, job in rows:
        found[series_id][0][date] = (value, job)
    return found


def by_id(conn):
    return read_shooju(r"sid:users\sam\gdp country=*", connection=conn)


def by_field(conn, folder="gdp"):
    return read_shooju(rf"sid:users\sam\{folder} country=*", "country", connection=conn)


def with_missing_label(conn):
    return read_shooju(r"sid:users\sam\gdp", "country", connection=conn)


def parquet(frame, folder):
    frame.to_parquet(folder / "frame.parquet")
    return pd.read_parquet(folder / "frame.parquet")


def local_frame():
    return pd.DataFrame({"US": 1.0, "CN": 1.0}, DATES).rename_axis(columns="country")


#: what became of frames that were read; each of these once overwrote the series it was computed from
DERIVED = {
    "as it was read": by_id,
    "by a field": by_field,
    "pct_change": lambda conn: by_id(conn).pct_change(),
    "resample": lambda conn: by_id(conn).resample("MS").mean(),
    "cumsum": lambda conn: by_id(conn).cumsum(),
    "shift": lambda conn: by_id(conn).shift(),
    "rolling": lambda conn: by_id(conn).rolling(7).mean(),
    "stack and unstack": lambda conn: by_id(conn).stack().unstack(),
    "transform": lambda conn: by_id(conn).transform(np.log),
    "rebuilt from numpy": lambda conn: pd.DataFrame(by_id(conn).to_numpy(), DATES, by_id(conn).columns),
    "an earlier state subtracted": lambda conn: by_field(conn) - read_shooju(
        r"sid:users\sam\gdp country=*@asof:j1", "country", connection=conn
    ),
    "a quotient of two folders": lambda conn: by_field(conn) / by_field(conn, "deflator"),
    "a local frame subtracted": lambda conn: by_field(conn) - local_frame(),
    "a local frame first": lambda conn: local_frame() - by_field(conn),
    "a Series by id": lambda conn: by_id(conn)[r"users\sam\gdp\US"],
    "a Series by field": lambda conn: by_field(conn)["US"] * 2,
    "a Series without a name": lambda conn: with_missing_label(conn)["US"] / with_missing_label(conn)["CN"],
    "positions for labels": lambda conn: pd.concat([by_field(conn), by_field(conn)], axis=1, ignore_index=True),
    "a suffix": lambda conn: by_id(conn).add_suffix("_pct"),
    "a long frame": lambda conn: read_shooju(r"sid:users\sam\gdp", layout="long", connection=conn),
    "a long frame, changed": lambda conn: read_shooju(r"sid:users\sam\gdp", layout="long", connection=conn).assign(
        val=lambda long: long["val"] * 100
    ),
    "a long frame, indexed": lambda conn: read_shooju(r"sid:users\sam", layout="long", connection=conn).set_index("dt"),
    "a frame of fields": lambda conn: read_shooju(r"sid:users\sam", "*", layout="fields", connection=conn),
    "a stacked Series": lambda conn: by_id(conn).stack(),
    "a groupby": lambda conn: read_shooju(r"sid:users\sam", layout="long", connection=conn).groupby("series_id"),
    "a groupby of a column": lambda conn: read_shooju(r"sid:users\sam", layout="long", connection=conn).groupby(
        "series_id", observed=True
    )["val"],
}  # fmt: skip


@pytest.mark.parametrize("how", DERIVED)
def test_nothing_is_written_where_nobody_said(store, how):
    data = DERIVED[how](store)
    before = stored(store)
    with pytest.raises(ValueError, match=UNNAMED) as raised:
        data.shooju.write("oops", connection=store)
    for way in ("sid=r'users", "sid='{series_id}'", "changed_from=old"):
        assert way in str(raised.value)
    assert stored(store) == before
    assert store.register_job("the next job").job_id == 4  # none was registered


def test_a_frame_from_a_file_is_no_exception(store, tmp_path):
    before = stored(store)
    for data in (parquet(by_field(store), tmp_path), parquet(by_field(store), tmp_path) * 2):
        with pytest.raises(ValueError, match=UNNAMED):
            data.shooju.write("oops", connection=store)
    assert stored(store) == before


@pytest.mark.parametrize("how", [how for how in DERIVED if "groupby" not in how and "Series" not in how])
def test_a_template_writes_there_and_nowhere_else(store, how):
    data = DERIVED[how](store)
    before = stored(store)
    long = "series_id" in data.columns or data.index.name == "series_id"
    placeholder = "{series_id}" if long else "{" + (data.columns.name or "") + "}"
    result = data.shooju.write("named", sid=rf"users\new\{placeholder}", connection=store)
    after = stored(store)
    assert {series_id: state for series_id, state in after.items() if series_id in before} == before
    assert set(after) - set(before) == set(result.series.index)
    assert all(series_id.startswith("users\\new\\") for series_id in result.series.index)


def test_series_id_means_the_same_series_on_purpose(store):
    frames = (by_id(store), by_field(store), by_field(store)[["US"]], by_field(store) - local_frame())
    for number, data in enumerate(frames):
        before = stored(store)
        expected = {rf"users\sam\gdp\{name.rpartition(chr(92))[2]}" for name in data.columns}
        result = (data + 1000 * (number + 1)).shooju.write("again", sid="{series_id}", connection=store)
        assert set(result.series.index) == expected
        changed = {series_id for series_id, state in stored(store).items() if state != before[series_id]}
        assert changed == expected


def test_series_id_of_what_has_none_is_an_error(store):
    unnamed = with_missing_label(store)["US"] / with_missing_label(store)["CN"]
    assert unnamed.name is None  # and one series has no country, which is a label None, too
    positions = pd.concat([by_field(store), by_field(store)], axis=1, ignore_index=True)
    before = stored(store)
    for data in (unnamed, positions, by_field(store).rename(columns={"US": "U.S."}), local_frame()):
        with pytest.raises(ValueError, match="requires columns that were read"):
            data.shooju.write("oops", sid="{series_id}", connection=store)
    suffixed = by_id(store).add_suffix("_pct").shooju.write("suffix", sid="{series_id}", connection=store)
    assert suffixed.series.index.tolist() == [r"users\sam\gdp\US_pct", r"users\sam\gdp\CN_pct"]
    assert {series_id: state for series_id, state in stored(store).items() if series_id in before} == before


def test_positions_are_not_taken_for_values_of_a_field(conn):
    frame = pd.DataFrame({0: 1.0, 1: 2.0}, DATES).rename_axis(columns="code")
    frame.shooju.write("codes", sid=r"users\sam\{code}", fields="levels", connection=conn)
    read = read_shooju(r"sid:users\sam", "code", connection=conn)
    assert read.columns.tolist() == [0, 1]
    swapped = pd.concat([read[[1]], read[[0]]], axis=1, ignore_index=True)
    with pytest.raises(ValueError, match=r"requires columns that were read .* got the column 0"):
        swapped.shooju.write("oops", sid="{series_id}", connection=conn)


def test_the_label_of_a_column_says_its_type(conn):
    frame = pd.DataFrame([[1.0, 2.0, 3.0]], DATES[:1], pd.Index([1, "1", True], dtype=object, name="x"))
    ids = {1: r"users\sam\int", "1": r"users\sam\str"}
    frame.iloc[:, :2].shooju.write("types", sid=lambda label: ids[label], fields="levels", connection=conn)
    frame.iloc[:, [2]].shooju.write("types", sid=r"users\sam\bool", fields="levels", connection=conn)
    read = read_shooju(r"sid:users\sam", "x", connection=conn)
    assert read.shooju.series_ids.tolist() == [r"users\sam\int", r"users\sam\str", r"users\sam\bool"]
    assert read.iloc[:, [1]].shooju.series_ids.tolist() == [r"users\sam\str"]


def test_levels_that_change_places_are_followed(conn):
    flows = pd.DataFrame(
        [[1.0, 2.0]], DATES[:1], pd.MultiIndex.from_tuples([("DE", "FR"), ("FR", "DE")], names=["from", "to"])
    )
    flows.shooju.write("flows", sid=r"users\flow\{from}-{to}", fields="levels", connection=conn)
    read = read_shooju(r"sid:users\flow", ["from", "to"], connection=conn)
    swapped = read.swaplevel(axis=1)
    assert swapped.shooju.series_ids.tolist() == [r"users\flow\DE-FR", r"users\flow\FR-DE"]
    assert read[("DE", "FR")].shooju.series_ids.tolist() == [r"users\flow\DE-FR"]
    with pytest.raises(ValueError, match="requires columns that were read"):
        read.rename_axis(columns=["a", "b"]).shooju.write("renamed", sid="{series_id}", connection=conn)


def test_a_long_frame_that_names_its_series_needs_no_sid(conn):
    long = pd.DataFrame({"series_id": [r"users\sam\a", r"users\sam\b"], "dt": DATES[:2], "val": [1.0, 2.0]})
    assert long.shooju.write("long", connection=conn).points == 2
    fields = pd.DataFrame({"unit": ["MW", "EUR"]}, pd.Index([r"users\sam\a", r"users\sam\b"], name="series_id"))
    assert fields.shooju.write("fields", connection=conn).ok
    for indexed in (long.set_index(["dt", "series_id"]), long.set_index(["dt", "series_id"])["val"]):
        with pytest.raises(
            ValueError, match=r"must have the column 'series_id'|only written to series that the call names"
        ):
            indexed.shooju.write("indexed", connection=conn)
        assert indexed.shooju.write("indexed", sid="{series_id}", connection=conn).points == 2


def test_a_correlation_matrix_is_no_frame_of_fields(store):
    before = stored(store)
    for matrix in (by_id(store).corr(), by_id(store).cov(), pd.DataFrame(by_id(store).corr().to_dict())):
        matrix.index.name = "series_id"
        for options in ({}, {"sid": "{series_id}"}):
            with pytest.raises((TypeError, ValueError), match=rf"correlation matrix|{UNNAMED}"):
                matrix.shooju.write("oops", connection=store, **options)
    assert stored(store) == before


def test_naive_dates_of_a_frame_that_was_read_in_a_zone_are_not_taken_for_utc(store):
    berlin = read_shooju(r"sid:users\sam\gdp\US", tz="Europe/Berlin", connection=store)
    naive = berlin.tz_localize(None)
    before = stored(store)
    for options in ({"sid": "{series_id}"}, {"sid": r"users\new"}):
        with pytest.raises(ValueError, match="pass tz='Europe/Berlin' if they are local times"):
            naive.shooju.write("oops", connection=store, **options)
    assert stored(store) == before
    naive.shooju.write("local times", sid=r"users\new", tz="Europe/Berlin", connection=store)
    assert read_shooju([r"sid=users\new"], connection=store).iloc[:, 0].to_dict() == berlin.iloc[:, 0].to_dict()
    local = read_shooju(r"sid:users\sam\gdp\US@localize:Europe/Berlin", tz=None, connection=store)
    with pytest.raises(ValueError, match="pass tz='Europe/Berlin' if they are local times"):
        local.shooju.write("oops", sid=r"users\new", connection=store)
    utc = read_shooju(r"sid:users\sam\gdp\US", tz=None, connection=store)
    utc.shooju.write("naive UTC", sid="{series_id}", connection=store)
    assert read_shooju(r"sid:users\sam\gdp\US", connection=store).index.equals(DATES)


def test_a_frame_read_as_of_a_job_is_the_series_as_it_was(store):
    by_id(store).mul(10).shooju.write("a mistake", sid="{series_id}", connection=store)
    then = read_shooju(r"sid:users\sam\gdp country=*@asof:j1", connection=store)
    result = then.shooju.write("restored", sid="{series_id}", connection=store)
    assert result.series.index.tolist() == [r"users\sam\gdp\US", r"users\sam\gdp\CN"]
    assert by_id(store).equals(then.set_axis(by_id(store).columns, axis=1))
    long = read_shooju(r"sid:users\sam\gdp@asof:j1", layout="long", connection=store)
    assert long.shooju.write("restored", sid="{series_id}", connection=store).points == 8


# --- changed_from -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["long", "fields"])
def test_the_id_of_an_earlier_state_does_not_name_the_series(store, tmp_path, layout):
    earlier = read_shooju(r"sid:users\sam\gdp@asof:j1", layout=layout, connection=store)
    path = tmp_path / "earlier.csv"
    earlier.to_csv(path, index=layout == "fields")
    again = pd.read_csv(path, parse_dates=["dt"] if layout == "long" else None)
    again = again if layout == "long" else again.set_index("series_id")
    before = stored(store)
    with pytest.raises(ValueError, match=UNNAMED + r" \(it was read from users\\sam\\gdp\\\w+, which could be"):
        again.shooju.write("by accident", connection=store)
    assert stored(store) == before
    again.shooju.write("on purpose", sid="{series_id}", connection=store)
    assert set(stored(store)) == set(before)


def test_changed_from_names_the_series_and_limits_what_is_written(store):
    old = by_field(store)
    new = old.copy()
    new.loc[DATES[1], "US"] = 20.0
    before = stored(store)
    result = new.shooju.write("revised", changed_from=old, connection=store)
    assert (result.series.index.tolist(), result.points) == ([r"users\sam\gdp\US"], 1)
    after = stored(store)
    assert after[r"users\sam\gdp\US"][0][DATES[1]] == (20.0, result.job.job_id)
    del after[r"users\sam\gdp\US"], before[r"users\sam\gdp\US"]
    assert after == before


def test_changed_from_of_a_series(store):
    frame = by_field(store)
    old = frame["US"]
    for new in (old * 2, (old * 3).rename(None), frame["US"] + frame["CN"] * 0 + 1):
        result = new.shooju.write("one", changed_from=old, connection=store)
        assert result.series.index.tolist() == [r"users\sam\gdp\US"]
        assert (by_field(store)["US"] == new).all()
    with pytest.raises(ValueError, match="read with all columns of the frame, but 'CN' is new"):
        frame["CN"].shooju.write("another", changed_from=old, connection=store)


def test_changed_from_that_names_no_series_is_an_error(store):
    old = by_field(store)
    new = old * 2
    before = stored(store)
    nameless = old.copy()
    nameless.attrs = {}
    for earlier, words in [
        (nameless, "must be a frame that was read from Shooju"),
        (local_frame(), "must be a frame that was read from Shooju"),
        (old[["US"]], "read with all columns of the frame, but 'CN' is new"),
        (
            read_shooju(r"sid:users\sam\gdp country=*@A:M", "country", connection=store),
            "was not read with a column|computed by the server",
        ),
        (read_shooju(r"sid:users\sam\gdp", layout="long", connection=store), "must have the same shape as the data"),
    ]:
        kind = TypeError if "shape" in words else ValueError
        with pytest.raises(kind, match=words):
            new.shooju.write("oops", changed_from=earlier, connection=store)
    for other, words in [
        (new.assign(UK=1.0), "read with all columns of the frame, but 'UK' is new"),
        (new.set_axis([0, 1], axis=1), "column levels must be those of changed_from"),
        (new.rename_axis(columns="region"), "column levels must be those of changed_from"),
    ]:
        with pytest.raises(ValueError, match=words):
            other.shooju.write("oops", changed_from=old, connection=store)
    assert stored(store) == before


def test_changed_from_of_another_server_is_an_error(store):
    old = by_field(store)
    with sj.Connection("local::memory:") as other:
        local_frame().shooju.write("same ids", sid=r"users\sam\gdp\{country}", fields="levels", connection=other)
        before = stored(other)
        for data in ((old - read_shooju(r"sid:users\sam\gdp", "country", connection=other)), old * 2):
            with pytest.raises(ValueError, match=r"must have been read from the server that is written to"):
                data.shooju.write("oops", changed_from=old, connection=other)
        assert stored(other) == before
        assert (old * 2).shooju.write("on purpose", sid="{series_id}", changed_from=old, connection=other).points == 8


def test_changed_from_takes_columns_and_dates_that_are_missing_for_untouched(store):
    old = by_field(store)
    for new in (old[["US"]], old.iloc[1:3], old.iloc[:0]):
        for na in ("skip", "null"):
            assert new.shooju.diff(old, na=na).empty
            assert new.shooju.write("nothing", changed_from=old, na=na, connection=store).job is None
    part = old.iloc[[0, 3]]
    assert part.shooju.diff(old, remove_others="points")["dt"].unique().tolist() == [DATES[1], DATES[2]]
    inner = old.iloc[1:3]
    assert inner.shooju.diff(old, remove_others="points").empty
    holes = old.copy()
    holes.iloc[1, 0] = np.nan
    assert holes.shooju.diff(old).empty
    assert holes.shooju.diff(old, remove_others="points").empty  # the row is there; na says what a hole means
    assert holes.shooju.diff(old, na="null")["old"].tolist() == [2.0]


def test_a_state_as_of_a_job_can_be_compared_with(store):
    now = by_field(store)
    (now * 10).shooju.write("a mistake", sid="{series_id}", connection=store)
    then = read_shooju(r"sid:users\sam\gdp country=*@asof:j1", "country", connection=store)
    now = by_field(store)
    assert now.shooju.diff(then)["series_id"].unique().tolist() == [r"users\sam\gdp\US", r"users\sam\gdp\CN"]
    assert then.shooju.write("back", changed_from=now, connection=store).points == 8
    assert by_field(store).equals(then)
    long_then = read_shooju(r"sid:users\sam\gdp country=*@asof:j1", layout="long", connection=store)
    long_now = read_shooju(r"sid:users\sam\gdp country=*", layout="long", connection=store)
    assert long_then.shooju.diff(long_now).empty


def test_zones_are_instants_and_naive_is_not_aware(store):
    old = by_field(store)
    berlin = read_shooju(r"sid:users\sam\gdp country=*", "country", tz="Europe/Berlin", connection=store)
    assert berlin.shooju.diff(old).empty
    naive = old.tz_localize(None)
    for new, earlier in ((naive, old), (old, naive)):
        with pytest.raises(ValueError, match="cannot be compared; pass the time zone"):
            new.shooju.diff(earlier)
        assert new.shooju.diff(earlier, tz="UTC").empty
    local = read_shooju(r"sid:users\sam\gdp country=*", "country", tz="Europe/Berlin", connection=store).tz_localize(
        None
    )
    for data in (local, local * 2):
        with pytest.raises(ValueError, match="pass tz='Europe/Berlin'"):
            data.shooju.write("oops", changed_from=local, connection=store)
    assert (local * 2).shooju.diff(local, tz="Europe/Berlin")["dt"].tolist() == [*DATES, *DATES]


def test_fields_are_compared_too(store):
    old = read_shooju(r"sid:users\sam\gdp country=*", ["country", "unit"], columns="country", connection=store)
    for fields, expected in [
        ({"unit": "US$"}, 2),
        ({"country": "US"}, 1),
        ({"unit": None}, 0),  # it is known that they have none
        ({"country": None}, 2),
        ({"other": None}, 2),  # it is not known
        ("levels", 0),
    ]:
        diff = old.shooju.diff(old, fields=fields)
        assert len(diff) == expected, fields
        assert diff["dt"].isna().all()
        assert diff.columns.tolist() == ["series_id", "field", "dt", "old", "new"]
    changed = old.shooju.write("units", changed_from=old, fields={"country": "US"}, connection=store)
    assert changed.series["fields"].to_dict() == {r"users\sam\gdp\CN": 1}
    assert (
        read_shooju(r"sid:users\sam\gdp", "*", layout="fields", connection=store)["country"].tolist()[:2] == ["US"] * 2
    )
    table = read_shooju(r"sid:users\sam", "country", layout="fields", connection=store)
    edited = table.assign(country=["US", "CN", *table["country"].iloc[2:]])
    assert edited.shooju.write("fields", changed_from=table, connection=store).series.index.tolist() == [
        r"users\sam\gdp\CN"
    ]


def test_what_the_server_has_can_be_compared_with(store):
    frame = by_field(store)
    frame.loc[DATES[1], "US"] = 20.0
    frame["UK"] = [1.0, np.nan, 3.0, 4.0]
    sid = r"users\sam\gdp\{country}"
    with pytest.raises(ValueError, match=UNNAMED):
        frame.shooju.write("oops", changed_from="server", connection=store)
    diff = frame.shooju.diff("server", sid=sid, connection=store)
    assert diff.groupby("series_id").size().to_dict() == {r"users\sam\gdp\UK": 3, r"users\sam\gdp\US": 1}
    result = frame.shooju.write("only the news", sid=sid, changed_from="server", fields="levels", connection=store)
    assert result.series[["points", "fields"]].T.to_dict("list") == {
        r"users\sam\gdp\US": [1, 0], r"users\sam\gdp\UK": [3, 1],
    }  # fmt: skip
    again = frame.shooju.write("no news", sid=sid, changed_from="server", fields="levels", connection=store)
    assert again.job is None
    short = frame.iloc[[0, 2]]
    kept = {"sid": sid, "changed_from": "server", "connection": store}
    assert short.shooju.write("a part", **kept).job is None
    removed = short.shooju.write("without the second", remove_others="points", **kept)
    assert removed.series["points"].to_dict() == {r"users\sam\gdp\US": 1, r"users\sam\gdp\CN": 1}
    reported = pd.Timestamp("2024-06-01")
    for expected in (3, None):
        result = frame[["UK"]].shooju.write("report", reported_date=reported, **kept)
        assert (None if result.job is None else result.points) == expected


def test_diff_shows_what_write_sends(store):
    rng = np.random.default_rng(5)
    old = by_field(store)
    new = old.where(rng.random(old.shape) < 0.7) + (rng.random(old.shape) < 0.5)
    for na in ("skip", "null"):
        for remove in (None, "points"):
            now = by_field(store)
            part = new.iloc[[0, 2, 3]]
            options = {"na": na, "remove_others": remove}
            shown = part.shooju.diff(now, **options)
            before = stored(store)
            result = part.shooju.write("as shown", changed_from=now, connection=store, **options)
            after = stored(store)
            touched = {
                (series_id, date)
                for series_id in after
                for date in {**after[series_id][0], **before[series_id][0]}
                if after[series_id][0].get(date) != before[series_id][0].get(date)
            }
            assert touched == set(zip(shown["series_id"], shown["dt"], strict=True))
            assert result.points == len(shown)


# --- what a frame knows -----------------------------------------------------------------------------------------------


def test_a_series_knows_its_series(store):
    series = read_shooju(r"sid:users\sam\gdp country=*", ["country", "unit"], columns="country", connection=store)["US"]
    assert series.shooju.series_ids.to_dict() == {"US": r"users\sam\gdp\US"}
    assert series.shooju.fields["country"].to_dict() == {r"users\sam\gdp\US": "US"}
    assert series.rename(None).shooju.series_ids.tolist() == [None]
    assert pd.Series([1.0], name="x").shooju.series_ids.to_dict() == {"x": None}


def test_the_origin_says_where_a_frame_was_read(store, tmp_path):
    frame = read_shooju(r"sid:users\sam\gdp country=*", "country", tz="Europe/Berlin", connection=store)
    origin = frame.attrs["shooju"]
    assert (origin["query"], origin["layout"], origin["tz"]) == (
        r"sid:users\sam\gdp country=*",
        "wide",
        "Europe/Berlin",
    )
    assert origin["server"] == store.server
    assert parquet(frame, tmp_path).attrs == frame.attrs
    with sj.Connection(f"local:{tmp_path / 'a.sqlite'}") as conn:
        assert conn.server == f"local:{tmp_path / 'a.sqlite'}"
    assert sj.Connection("acme", "sam", "key").server == "https://acme.shooju.com"


# --- found by trying to break it --------------------------------------------------------------------------------------


def test_missing_fields_of_a_frame_follow_na_in_comparisons_too(store):
    table = read_shooju(r"sid:users\sam\gdp country=*", "country", layout="fields", connection=store)
    holes = table.copy()
    holes.iloc[0, 0] = np.nan
    wide, long = (
        by_field(store),
        read_shooju(r"sid:users\sam\gdp country=*", "country", layout="long", connection=store),
    )
    holed = long.assign(country=long["country"].where(long["country"] != "US"))
    for data, options in [
        (holes, {"changed_from": table}),
        (holes, {"sid": "{series_id}", "changed_from": "server"}),
        (wide, {"changed_from": wide, "fields": holes}),
        (holed, {"changed_from": long, "fields": ["country"]}),
    ]:
        assert data.shooju.write("nothing", connection=store, **options).job is None
    removed = holes.shooju.write("removed", changed_from=table, na="null", connection=store)
    assert removed.series["fields"].to_dict() == {r"users\sam\gdp\US": 1}
    assert store.get_fields(r"sid=users\sam\gdp\US") == {}


def test_a_series_without_a_name_is_not_the_series_without_a_label(store):
    frame = with_missing_label(store)
    before = stored(store)
    ratio = frame["US"] / frame["CN"]
    with pytest.raises(
        ValueError, match=r"must be named like a column of changed_from, .*, got name=None; name it, such as"
    ):
        ratio.shooju.write("ratio", changed_from=frame, connection=store)
    named = read_shooju(r"sid:users\sam\gdp", "country", connection=store).rename_axis(columns="name")
    named.attrs["shooju"] = dict(named.attrs["shooju"], names=["name"])
    for data in (ratio, named["US"] / named["CN"]):
        with pytest.raises(ValueError, match="whose labels are series ids, got the column None"):
            data.shooju.write("ratio", sid="{series_id}", connection=store)
    assert stored(store) == before


def test_reshaping_a_wide_frame_does_not_make_a_column_of_ids(store):
    smooth = by_id(store).rolling(2).mean()
    before = stored(store)
    for data in (
        smooth.reset_index().melt("dt", value_name="val"),
        smooth.stack().rename("val").reset_index(),
        pd.DataFrame({"alpha": by_id(store).mean(), "vol": by_id(store).std()}),
        by_id(store).describe().T,
    ):
        with pytest.raises((ValueError, TypeError), match=r"must have the column 'series_id'|must contain dates"):
            data.shooju.write("smooth", connection=store)
    assert stored(store) == before


def test_the_id_of_a_query_that_names_none_is_not_written_to(store):
    for query in (r"sid:users\sam\gdp\US country=US", "country=US folder=x", "US gdp"):
        plain = [r"sid=users\sam\gdp\US"]
        wide = read_shooju(plain, connection=store).set_axis([query], axis=1)
        wide.attrs["shooju"] = dict(wide.attrs["shooju"], labels=[query], series_ids=[query], derived=[True])
        long = read_shooju(plain, layout="long", connection=store).assign(series_id=query)
        long.attrs["shooju"] = dict(long.attrs["shooju"], derived=[query])
        for data in (wide, long):
            for options in ({"sid": "{series_id}"}, {"changed_from": data}):
                with pytest.raises(ValueError, match="computed by the server"):
                    (data * 2 if data is wide else data.assign(val=0.0)).shooju.write(
                        "oops", connection=store, **options
                    )
    long = read_shooju([r"sid:users\sam\gdp\US country=US"], layout="long", connection=store)
    with pytest.raises(ValueError, match="computed by the server"):
        long.assign(val=0.0).shooju.write("oops", changed_from=long, connection=store)


def test_a_query_is_not_taken_for_an_id(store):
    for wrong in (r"sid=users\sam\gdp", "sid:users", "=1+1", "$x"):
        for sid in (wrong, {"US": wrong}, lambda label, wrong=wrong: wrong):
            with pytest.raises(ValueError, match=r"must give a series id .*, not a query"):
                local_frame()[["US"]].shooju.write("oops", sid=sid, connection=store)


def test_keys_of_different_types_are_different_keys(conn):
    mixed = pd.DataFrame({"k": pd.Series([1, True, 1.5], dtype=object), "dt": DATES[:3], "val": [1.0, 2.0, 3.0]})
    result = mixed.shooju.write("keys", sid=r"users\k\{k}", connection=conn)
    assert result.series.index.tolist() == [r"users\k\1", r"users\k\True", r"users\k\1.5"]
    with pytest.raises(ValueError, match="'k' must have one value"):
        mixed.assign(series_id=r"users\one").shooju.write("keys", fields=["k"], connection=conn)
    flag = pd.DataFrame([[2.0]], DATES[:1], pd.Index([True], dtype=object))
    with pytest.raises(ValueError, match="has none for True; it has 1"):
        flag.shooju.write("keys", sid={1: r"users\one"}, connection=conn)
    assert flag.shooju.write("keys", sid={True: r"users\yes"}, connection=conn).points == 1


def test_labels_that_json_lacks_are_not_the_strings_that_look_like_them(store):
    from decimal import Decimal

    for label in (Decimal("1.5"), pd.Timestamp("2024-01-01")):
        queries = {label: r"sid=users\sam\gdp\US", str(label): r"sid=users\sam\gdp\CN"}
        read = read_shooju(queries, connection=store)
        assert read.shooju.series_ids.tolist() == [r"users\sam\gdp\US", r"users\sam\gdp\CN"]
        one = read.iloc[:, :1]
        result = (one * 2).shooju.write("doubled", changed_from=one, connection=store)
        assert result.series.index.tolist() == [r"users\sam\gdp\US"]


def test_renamed_labels_are_not_taken_for_ids(store):
    before = stored(store)
    renamed = by_id(store).rename(columns=lambda label: label.split("\\")[-1])
    for data in (renamed, (by_id(store)[r"users\sam\gdp\US"] * 2).rename("doubled")):
        with pytest.raises(ValueError, match="whose labels are series ids, got the column"):
            data.shooju.write("oops", sid="{series_id}", connection=store)
    assert stored(store) == before


def test_integer_labels_are_found_in_an_earlier_frame(conn):
    frame = pd.DataFrame({2020: 1.0, 2021: 2.0}, DATES).rename_axis(columns="year")
    frame.shooju.write("years", sid=r"users\{year}", fields="levels", connection=conn)
    old = read_shooju(r"sid:users", "year", connection=conn)
    result = (old.iloc[:, 0] * 2).shooju.write("doubled", changed_from=old, connection=conn)
    assert result.series.index.tolist() == [r"users\2020"]


def test_a_wide_frame_by_id_is_compared_with_an_earlier_state(store):
    now = by_id(store)
    (now * 10).shooju.write("a mistake", sid="{series_id}", connection=store)
    then = read_shooju(r"sid:users\sam\gdp country=*@asof:j1", connection=store)
    now = by_id(store)
    assert len(now.shooju.diff(then)) == 8
    assert then.shooju.write("back", changed_from=now, connection=store).points == 8
    assert by_id(store).to_numpy().tolist() == then.to_numpy().tolist()


def test_fields_of_a_dict_are_compared_with_those_of_a_long_frame(store):
    long = read_shooju(r"sid:users\sam\gdp country=*", "country", layout="long", connection=store)
    result = long.shooju.write("unit", changed_from=long, fields={"country": "US"}, connection=store)
    assert result.series.index.tolist() == [r"users\sam\gdp\CN"]


def test_a_column_without_points_does_not_empty_its_series(store):
    before = stored(store)
    empty = by_field(store) * np.nan
    for data in (empty, by_field(store).iloc[:0], empty.assign(CN=1.0)):
        for remove in ("points", "all"):
            with pytest.raises(ValueError, match=r"would remove all points of .*US"):
                data.shooju.write("failed download", sid="{series_id}", remove_others=remove, connection=store)
    for data in (empty, by_field(store).iloc[:0]):
        assert data.shooju.write("nothing", sid="{series_id}", connection=store).job is None
    assert stored(store) == before


def test_a_table_with_unparsed_dates_is_not_taken_for_fields(conn):
    for column in ({"date": ["2024-01-31"]}, {"when": ["2024-01-31 10:00"]}, {"year": [2024]}):
        table = pd.DataFrame({"series_id": [r"users\sam\a"], **column, "price": [1.0]})
        with pytest.raises(TypeError, match="could contain points or fields"):
            table.shooju.write("daily prices", connection=conn)
        assert table.set_index("series_id").shooju.write("as fields", connection=conn).ok

"""Files of the command line: frames of every layout come back as they were, and text stays text."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandas_shooju import tables

pytest.importorskip("pyarrow")

TEXTS = ["00060", "1e5", "NA", "NULL", "true", "2020-01-01", 'a "quoted", one', "two\nlines", "Zürich", " space "]
VALUES = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, np.inf, -np.inf, np.nan, 2.0**53, 1e5]
DATES = pd.date_range("2024-10-26 22:00", periods=10, freq="h", tz="Europe/Berlin", name="dt").as_unit("ms")
FORMATS = [".csv", ".csv.gz", ".json", ".parquet"]


def wide(columns):
    data = np.array([np.roll(VALUES, i) for i in range(len(columns))]).T
    return pd.DataFrame(data, DATES, columns)


WIDE = {
    "ids": wide(pd.Index([rf"users\sam\{text}" for text in TEXTS], name="series_id", dtype=object)),
    "one field": wide(pd.Index(TEXTS, name="country", dtype=object)),
    "two fields": wide(pd.MultiIndex.from_arrays([TEXTS, TEXTS[::-1]], names=["country", "code"])),
    "one series": wide(pd.Index([r"users\sam\a"], name="series_id", dtype=object)),
    "one series of two fields": wide(pd.MultiIndex.from_tuples([("NA", "00060")], names=["country", "code"])),
}
LONG = pd.DataFrame(
    {
        "series_id": [rf"users\sam\{text}" for text in TEXTS],
        "code": TEXTS,
        "dt": DATES,
        "val": VALUES,
    }
)
FIELDS = pd.DataFrame({"code": TEXTS, "name": ["x", None] * 5}, LONG["series_id"])


def assert_same(loaded, saved, path):
    """The same data; instants may be in UTC, and the types of text are those of the format."""

    def plain(frame):
        frame = frame.copy()
        frame.attrs = {}
        if isinstance(frame.index, pd.DatetimeIndex):
            frame.index = frame.index.tz_convert("UTC").as_unit("ms")
        else:
            frame.index = pd.Index(frame.index.astype(object), name=frame.index.name)
            for name in frame.columns:
                is_date = isinstance(frame[name].dtype, pd.DatetimeTZDtype)
                frame[name] = (
                    frame[name].dt.tz_convert("UTC").dt.as_unit("ms") if is_date else frame[name].astype(object)
                )
            frame = frame.where(frame.notna(), None)
        return frame

    pd.testing.assert_frame_equal(
        plain(loaded), plain(saved), check_exact=True, check_freq=False, check_column_type=False, check_dtype=True
    )


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("frame", WIDE.values(), ids=WIDE.keys())
def test_wide_frames_come_back(frame, suffix, tmp_path):
    path = tmp_path / f"wide{suffix}"
    tables.save(frame, path)
    loaded = tables.load(path)
    assert_same(loaded, frame, path)
    assert list(loaded.columns.names) == list(frame.columns.names)
    assert np.signbit(loaded.to_numpy()).tolist() == np.signbit(frame.to_numpy()).tolist()


@pytest.mark.parametrize("suffix", FORMATS)
def test_long_frames_come_back(suffix, tmp_path):
    tables.save(LONG, tmp_path / f"long{suffix}")
    assert_same(tables.load(tmp_path / f"long{suffix}"), LONG, tmp_path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_frames_of_fields_come_back(suffix, tmp_path):
    for name, saved in (("fields", FIELDS), ("name", FIELDS[["name"]])):  # rows that are empty but for the id
        tables.save(saved, tmp_path / f"{name}{suffix}")
        assert_same(tables.load(tmp_path / f"{name}{suffix}"), saved, tmp_path)


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_numbers_and_objects_among_fields_keep_their_type(suffix, tmp_path):
    saved = pd.DataFrame(
        {"year": [2020, 2021], "share": [0.1, np.nan], "tags": [["a", "b"], ["c"]]},
        pd.Index(["a", "b"], name="series_id", dtype=object),
    )
    tables.save(saved, tmp_path / f"fields{suffix}")
    loaded = tables.load(tmp_path / f"fields{suffix}")
    assert loaded["year"].tolist() == [2020, 2021]
    assert isinstance(loaded["year"].iloc[0], int | np.integer)
    assert loaded["share"].iloc[0] == 0.1
    assert pd.isna(loaded["share"].iloc[1])
    assert list(map(list, loaded["tags"])) == [["a", "b"], ["c"]]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("columns", [pd.Index([], name="series_id", dtype=object)])
def test_empty_frames_come_back(columns, suffix, tmp_path):
    saved = pd.DataFrame(index=DATES[:0], columns=columns, dtype="float64")
    tables.save(saved, tmp_path / f"empty{suffix}")
    assert tables.load(tmp_path / f"empty{suffix}").shape == (0, 0)


NAMES = st.sampled_from(["val", "dt", "series_id", "reported_date", "country", "nan", "00060", "1e5", "NA", "2020"])
LABELS = st.lists(
    NAMES | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=4, unique=True
)


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
@given(labels=LABELS, name=st.sampled_from(["country", "series_id"]))
def test_any_labels_come_back(suffix, labels, name, tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / f"wide{suffix}"
    saved = wide(pd.Index(labels, name=name, dtype=object))
    tables.save(saved, path)
    loaded = tables.load(path)
    assert loaded.columns.tolist() == labels
    assert loaded.columns.name == name
    assert (loaded.index == saved.index).all()


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
@given(texts=st.lists(NAMES | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1))
def test_any_ids_and_texts_come_back(suffix, texts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    dates = pd.date_range("2024-01-01", periods=len(texts), tz="UTC", unit="ms")
    long = pd.DataFrame({"series_id": texts, "code": texts, "dt": dates, "val": 1.0})
    for saved in (long, long.drop(columns=["dt", "val"]).set_index("series_id")):
        tables.save(saved, folder / f"any{suffix}")
        assert_same(tables.load(folder / f"any{suffix}"), saved, folder)


@pytest.mark.parametrize(
    ("text", "options", "columns", "first"),
    [
        ("country,CN,US\n2024-01-01,1,2\n", {}, ["CN", "US"], 1.0),
        ("day,a,b\n2024-01-01,1,2\n", {}, ["a", "b"], 1.0),
        ("country,country,US\n2024-01-01,1,2\n", {}, ["country", "US"], 1.0),
        ("a,day,b\n1,2024-01-01,2\n", {"date": "day"}, ["a", "b"], 1.0),
        ("a,dt,b\n1,2024-01-01T00:00:00Z,2\n", {}, ["a", "b"], 1.0),
        ("dt,a\n2024-01-01,\n2024-01-02,3\n", {}, ["a"], np.nan),
    ],
)
def test_wide_files_of_other_programs(text, options, columns, first, tmp_path):
    (tmp_path / "wide.csv").write_text(text)
    frame = tables.load(tmp_path / "wide.csv", **options)
    assert frame.columns.tolist() == columns
    assert frame.index[0].tz_localize(None) == pd.Timestamp("2024-01-01")
    assert frame.iloc[0, 0] == first or np.isnan(first)


def test_parquet_without_an_index(tmp_path):
    data = pd.DataFrame({"dt": pd.to_datetime(["2024-01-01", "2024-01-02"]), "a": [1.0, 2.0]})
    data.to_parquet(tmp_path / "polars.parquet", index=False)
    frame = tables.load(tmp_path / "polars.parquet")
    assert frame.columns.tolist() == ["a"]
    assert frame.index.tolist() == data["dt"].tolist()


def test_parquet_of_points_by_date(tmp_path):
    index = pd.DatetimeIndex(["2024-01-01", "2024-01-01"], tz="UTC", name="day")
    pd.DataFrame({"symbol": ["A", "B"], "close": [1.0, 2.0]}, index).to_parquet(tmp_path / "points.parquet")
    frame = tables.load(tmp_path / "points.parquet", "day", "close")
    assert frame.columns.tolist() == ["day", "symbol", "close"]


def test_dates_beyond_nanoseconds(tmp_path):
    (tmp_path / "far.csv").write_text("dt,a\n1500-01-01,1\n3000-01-01,2\n")
    assert tables.load(tmp_path / "far.csv").index.year.tolist() == [1500, 3000]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (
            "dt,a\n2024-01-01,x\n",
            {},
            "the column 'a' of wrong.csv must contain numbers, got 'x'; if .* --na-values x; if .* --value",
        ),
        (
            "name,a\nfoo,1\n",
            {},
            "must be ISO dates, got 'foo' in the column 'name'; if the dates are in another column",
        ),
        ("day,a\n2024-01-01,1\n", {"date": "date"}, "'date' must be a column of wrong.csv"),
        ("series_id,day,val\na,2024-01-01,1\n", {}, "in another column, name it with --date"),
        ("dt,a\n2024-01-01,1\n2024-01-01T00:00Z,1\n", {}, "must have a UTC offset or none"),
    ],
)
def test_wrong_files_say_why(text, options, words, tmp_path):
    (tmp_path / "wrong.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        tables.load(tmp_path / "wrong.csv", **options)


def test_json_of_another_program_says_what_it_must_be(tmp_path):
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match="must be a file written by"):
        tables.load(tmp_path / "other.json")

"""Files there and back through a store: what `read -o` saves, `write` stores again, to the last bit."""

import datetime as dt
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pandas_shooju as sj
from pandas_shooju import cli, tables

pytest.importorskip("pyarrow")

TEXTS = ["00060", "1e5", "NA", "NULL", "true", "2020-01-01", 'a "quoted", one', "Zürich", " space ", "val", "dt"]
VALUES = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, 2.0**53, 1e5]
DATES = pd.date_range("2024-10-26 22:00", periods=len(VALUES), freq="h", tz="UTC", unit="ms")
TEXT = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def run(*arguments):
    """Run a command in this process."""
    assert cli.main([str(argument) for argument in arguments]) == 0


def fill(store, texts=TEXTS, vintages=False):
    """A store with a series for each text, which is in its id and its fields."""
    with sj.Connection(store) as conn:
        for at, text in enumerate(texts):
            series = pd.Series(np.roll(VALUES, at), DATES)
            fields = {"code": text, "other": texts[-1 - at]}
            if vintages:
                fields["number"] = at
                for report in ("2024-11-01", "2024-11-02"):
                    series.shooju.write("reports", sid=rf"users\{at}", reported_date=report, connection=conn)
            series.shooju.write("first", sid=rf"users\{at}", fields=fields, connection=conn)


def contents(store, **options):
    """Everything in a store, by series."""
    with sj.Connection(store) as conn:
        read = {"query": "sid:users", "layout": "long", "sort": "sid asc", "connection": conn, **options}
        points = pd.read_shooju(**read)
        fields = pd.read_shooju("sid:users", "*", layout="fields", connection=conn)
    points = points.assign(series_id=points["series_id"].astype(str), bits=points["val"].to_numpy().view(np.int64))
    keys = [name for name in ("series_id", "reported_date", "dt") if name in points]
    fields = fields.astype(object).where(fields.notna(), None)
    return points.sort_values(keys)[[*keys, "bits"]].to_numpy().tolist(), fields.sort_index().to_dict("index")


SUFFIXES = [".csv", ".tsv", ".csv.gz", ".json", ".parquet"]
#: a layout by the arguments of `read` and of `write`
LAYOUTS = {
    "wide, by id": ([], ["--sid", "{series_id}"]),
    "wide, by one field": (["--fields", "code"], None),
    "wide, by two fields": (["--fields", "code,other"], None),
    "wide, by a field and the id": (["--columns", "code,series_id"], ["--sid", "{series_id}"]),
    "wide, in a zone": (["--tz", "Europe/Berlin"], ["--sid", "{series_id}"]),
    "long": (["--layout", "long", "--fields", "code,other"], ["--fields", "code,other"]),
    "long, in a zone": (["--layout", "long", "--fields", "*", "--tz", "Europe/Berlin"], ["--fields", "code,other"]),
    "fields": (["--layout", "fields", "--fields", "*"], []),
}


def there_and_back(layout, suffix, texts, folder):
    read, write = LAYOUTS[layout]
    first, second, path = f"local:{folder / 'first.sqlite'}", f"local:{folder / 'second.sqlite'}", folder / f"x{suffix}"
    fill(first, texts)
    run("read", "sid:users", *read, "-o", path, "--server", first)
    if write is None:  # the labels are the fields, and the series of the other store have other ids
        template = "users\\x{code}x" + ("-{other}x" if "other" in read[-1] else "")
        run("write", path, "--job", "back", "--sid", template, "--fields", "levels", "--server", second)
    else:
        run("write", path, "--job", "back", *write, "--server", second)
    return contents(first), contents(second)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_goes_back(layout, suffix, tmp_path):
    (points, fields), (points_back, fields_back) = there_and_back(layout, suffix, TEXTS, tmp_path)
    if layout == "fields":
        assert fields_back == fields
        assert not points_back
        return
    if LAYOUTS[layout][1] is not None:
        assert points_back == points
    else:
        assert sorted((date, bits) for _, date, bits in points_back) == sorted((date, bits) for _, date, bits in points)
        codes = {row["code"] for row in fields.values()}
        assert {row["code"] for row in fields_back.values()} == codes
    if layout.startswith("long"):
        assert fields_back == fields


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
@settings(max_examples=10)
@given(texts=st.lists(TEXT, min_size=1, max_size=5, unique_by=str.casefold))
def test_any_texts_go_back(suffix, texts, tmp_path_factory):
    (points, fields), back = there_and_back("long", suffix, texts, tmp_path_factory.mktemp("texts"))
    assert back == (points, fields)


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
@settings(max_examples=10)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\\/"), min_size=1),
                      min_size=1, max_size=5, unique_by=str.casefold))  # fmt: skip
def test_any_ids_go_back(suffix, texts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids")
    first, second = f"local:{folder / 'first.sqlite'}", f"local:{folder / 'second.sqlite'}"
    ids = [rf"users\{text}" for text in texts]
    frame = pd.DataFrame(np.arange(2.0 * len(ids)).reshape(2, -1), DATES[:2], ids)
    with sj.Connection(first) as conn:
        try:
            frame.shooju.write("ids", sid="{series_id}", connection=conn)
        except (
            ValueError,
            sj.WriteError,
        ):  # two ids that are one without regard to case, or an id that looks like a query
            return
    for layout in ("wide", "long"):
        path = folder / f"{layout}{suffix}"
        run("read", "sid:users", "--layout", layout, "-o", path, "--server", first)
        run("write", path, "--job", "back", "--sid", "{series_id}", "--server", second)
        assert contents(second)[0] == contents(first)[0]
        with sj.Connection(second) as conn:
            conn.register_job("empty").delete_series("sid:users", one=False)


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_reports_go_back(suffix, tmp_path):
    stores = [f"local:{tmp_path / name}.sqlite" for name in "ab"]
    fill(stores[0], TEXTS[:3], vintages=True)
    with sj.Connection(stores[0]) as conn:
        frame = pd.read_shooju("sid:users", layout="long", reported_date="all", connection=conn)
    tables.save(frame, tmp_path / f"reports{suffix}")
    run("write", tmp_path / f"reports{suffix}", "--job", "back", "--sid", "{series_id}", "--server", stores[1])
    assert contents(stores[1], reported_date="all")[0] == contents(stores[0], reported_date="all")[0]


def test_types_of_fields_go_back_where_a_file_has_types(tmp_path, capsys):
    first = f"local:{tmp_path / 'first.sqlite'}"
    fields = {"text": "00060", "number": 60, "share": 0.1, "yes": True, "tags": ["a", "b"], "more": {"a": 1}}
    with sj.Connection(first) as conn, conn.register_job("fields") as job:
        job.write(r"sid=users\a", fields=fields, points=[(0, 1.0)])
    for layout, options in (("long", ["--fields", ",".join(fields)]), ("fields", [])):
        for suffix in (".json", ".parquet", ".csv"):
            second = f"local:{tmp_path / layout}{suffix}.sqlite"
            path = tmp_path / f"{layout}{suffix}"
            run("read", "sid:users", "--layout", layout, "--fields", "*", "-o", path, "--server", first)
            noted = capsys.readouterr().err
            more = []
            if suffix == ".csv":
                more = re.search(r"pass (--json-fields \S+)", noted)[1].split()
            run("write", path, "--job", "back", *options, *more, "--server", second)
            assert contents(second)[1] == {r"users\a": fields}


# --- standard input and output ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["csv", "json", "parquet"])
def test_pipes(format_, tmp_path):
    first, second = f"local:{tmp_path / 'first.sqlite'}", f"local:{tmp_path / 'second.sqlite'}"
    fill(first)
    command = [sys.executable, "-m", "pandas_shooju"]
    read = subprocess.run(
        [*command, "read", "sid:users", "-o", "-", "--format", format_, "--server", first],
        capture_output=True, check=True,
    )  # fmt: skip
    write = subprocess.run(
        [*command, "write", "-", "--format", format_, "--job", "piped", "--sid", "{series_id}", "--server", second],
        input=read.stdout, capture_output=True, check=True,
    )  # fmt: skip
    assert f"{len(VALUES) * len(TEXTS)} points of {len(TEXTS)} series stored" in write.stdout.decode()
    assert contents(second)[0] == contents(first)[0]


# --- files of other programs ------------------------------------------------------------------------------------------

STORED = [1.0, 2.0, 3.0]
DAYS = [dt.date(2024, 1, day) for day in (1, 2, 3)]


def points(store, series_id=r"users\a"):
    with sj.Connection(store) as conn:
        series = pd.read_shooju([f'sid="{series_id}"'], tz=None, connection=conn).iloc[:, 0]
    return {str(date).removesuffix(" 00:00:00"): value for date, value in series.items()}


def written(path, *options):
    store = f"local:{path.parent / 'other.sqlite'}"
    run("write", path, "--job", "other", *options, "--server", store)
    return points(store)


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_any_column_of_a_wide_file_has_the_dates(at, suffix, tmp_path):
    columns = ["a", "b"]
    columns.insert(at, "day")
    frame = pd.DataFrame({"day": list(map(str, DAYS)), "a": STORED, "b": 0.0})[columns]
    path = tmp_path / f"wide{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    elif suffix == ".json":
        frame.to_json(path, orient="records")
    else:
        frame.to_parquet(path, index=False)
    expected = dict(zip(map(str, DAYS), STORED, strict=True))
    assert written(path, "--date", "day", "--sid", r"users\{}") == expected


def test_local_times_across_both_clock_changes(tmp_path):
    hours = pd.date_range("2024-03-30 12:00", "2024-10-28", freq="h", tz="Europe/Berlin")
    values = np.arange(float(len(hours)))
    path = tmp_path / "local.csv"
    pd.DataFrame({"dt": hours.tz_localize(None), "a": values}).to_csv(path, index=False)
    back = written(path, "--tz", "Europe/Berlin", "--sid", r"users\{series_id}")
    assert list(back) == [str(hour).removesuffix(" 00:00:00") for hour in hours.tz_convert("UTC").tz_localize(None)]
    assert list(back.values()) == values.tolist()
    long = pd.concat(
        pd.DataFrame({"symbol": name, "dt": hours.tz_localize(None), "val": values}) for name in ("a", "b")
    )
    long.to_csv(path, index=False)
    assert written(path, "--tz", "Europe/Berlin", "--sid", r"users\{symbol}") == back


@pytest.mark.parametrize(
    ("text", "encoding", "options"),
    [
        ("Tag;a\n01.01.2024;1,0\n02.01.2024;2\n03.01.2024;3,00\n", "cp1252",
         ["--sep", ";", "--decimal", ",", "--date-format", "%d.%m.%Y"]),
        ("Tag|a\n2024-01-01|1.000,0\n2024-01-02|2\n2024-01-03|3\n".replace("1.000,0", "1,0"), "utf-16",
         ["--sep", "|", "--decimal", ",", "--thousands", "."]),
        ("Tag\ta\n1704067200\t1\n1704153600\t2\n1704240000\t3\n", "utf-8", ["--sep", r"\t", "--date-format", "s"]),
        ("Tag,a\n1/1/24,1\n1/2/24,2\n1/3/24,3\n", "utf-8-sig", ["--date-format", "%m/%d/%y"]),
        ("Tag,a\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n", "utf-8-sig", []),
        ("Tag,a\n20240101,1\n20240102,2\n20240103,3\n", "utf-8", []),
        ("Tag,a\n2024-01-01,\"1\"\n2024-01-02,2\n2024-01-03,3\n2024-01-04,-\n", "utf-8", ["--na-values", "-"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip"])
def test_text_of_other_programs(text, encoding, options, suffix, tmp_path):
    path = tmp_path / f"other{suffix}"
    with tables._opened(path, "wb") as file:
        file.write(text.encode(encoding))
    encodings = [] if encoding.startswith("utf-8") else ["--encoding", encoding]
    expected = dict(zip(map(str, DAYS), STORED, strict=True))
    assert written(path, "--sid", r"users\{Tag}", *options, *encodings) == expected


def test_several_values_of_a_row(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text("symbol,day,open,a,note\nX,2024-01-01,9,1,x\nX,2024-01-02,9,2,y\nX,2024-01-03,9,3,z\n")
    options = ["--date", "day", "--value", "open", "--value", "a", "--fields", "symbol"]
    assert written(path, *options, "--sid", r"users\{variable}") == dict(zip(map(str, DAYS), STORED, strict=True))
    store = f"local:{tmp_path / 'other.sqlite'}"
    assert set(points(store, r"users\open").values()) == {9.0}
    with sj.Connection(store) as conn:
        assert conn.get_fields(r"sid=users\open") == {"symbol": "X"}


# --- parquet without an index -----------------------------------------------------------------------------------------


def by_pyarrow(kind, path):
    """The file that Polars or DuckDB write, by pyarrow: the same types, and no index."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {
        "polars": pa.timestamp("us"),
        "polars dates": pa.date32(),
        "polars zone": pa.timestamp("us", "UTC"),
        "duckdb": pa.timestamp("ns"),
        "duckdb zone": pa.timestamp("us", "UTC"),
    }
    dates = pa.array(DAYS, pa.date32()).cast(pa.timestamp("us")).cast(types[kind])
    text = pa.large_string() if "polars" in kind else pa.string()
    values = pa.array(STORED, pa.float64()) if "polars" in kind else pa.array([1, 2, 3], pa.decimal128(10, 2))
    contents = {
        "wide": {"dt": dates, "a": values, "n": pa.array([1, None, 3])},
        "long": {"code": pa.array(["a", "a", "a"], text).dictionary_encode(), "dt": dates, "val": values},
        "fields": {"series_id": pa.array([r"users\a", r"users\00060"], text), "zip": pa.array(["00060", None], text),
                   "n": pa.array([7, None]), "tags": pa.array([["x"], ["y", "z"]])},
    }  # fmt: skip
    parquet.write_table(pa.table(contents[path.stem]), path)


def by_polars(kind, path):
    """The file that Polars writes."""
    pl = pytest.importorskip("polars")
    dates = pl.Series(DAYS) if "dates" in kind else pl.Series(DAYS).cast(pl.Datetime("us"))
    if "zone" in kind:
        dates = dates.dt.replace_time_zone("UTC")
    frames = {
        "wide": {"dt": dates, "a": STORED, "n": [1, None, 3]},
        "long": {"code": pl.Series(["a"] * 3, dtype=pl.Categorical), "dt": dates, "val": STORED},
        "fields": {"series_id": [r"users\a", r"users\00060"], "zip": ["00060", None], "n": [7, None],
                   "tags": [["x"], ["y", "z"]]},
    }  # fmt: skip
    pl.DataFrame(frames[path.stem]).write_parquet(path)


def by_duckdb(kind, path):
    """The file that DuckDB writes."""
    duckdb = pytest.importorskip("duckdb")
    type_ = "timestamptz" if "zone" in kind else "timestamp"
    rows = "(values (1), (2), (3)) t(i)"
    date = f"('2024-01-0' || i || ' 00:00:00+00')::{type_}" if "zone" in kind else f"('2024-01-0' || i)::{type_}"
    query = {
        "wide": f"select {date} as dt, i::decimal(10, 2) as a, nullif(i, 2)::bigint as n from {rows}",
        "long": f"select 'a'::enum('a') as code, {date} as dt, i::decimal(10, 2) as val from {rows}",
        "fields": r"select * from (values ('users\a', '00060', 7, ['x']), ('users\00060', null, null, ['y', 'z'])) "
        "t(series_id, zip, n, tags)",
    }[path.stem]
    duckdb.connect().execute(f"copy ({query}) to '{path}' (format parquet)")


@pytest.mark.parametrize("layout", ["wide", "long", "fields"])
@pytest.mark.parametrize(
    ("program", "kind"),
    [
        *((by_pyarrow, kind) for kind in ("polars", "polars dates", "polars zone", "duckdb", "duckdb zone")),
        *((by_polars, kind) for kind in ("polars", "polars dates", "polars zone")),
        *((by_duckdb, kind) for kind in ("duckdb", "duckdb zone")),
    ],
)
def test_parquet_without_an_index(program, kind, layout, tmp_path):
    path = tmp_path / f"{layout}.parquet"
    program(kind, path)
    store = f"local:{tmp_path / 'other.sqlite'}"
    options = {"wide": ["--sid", r"users\{series_id}"], "long": ["--sid", r"users\{code}"], "fields": []}[layout]
    run("write", path, "--job", "other", *options, "--server", store)
    if layout == "fields":
        assert contents(store)[1] == {
            r"users\a": {"zip": "00060", "n": 7, "tags": ["x"]},
            r"users\00060": {"zip": None, "n": None, "tags": ["y", "z"]},
        }
    else:
        assert points(store) == dict(zip(map(str, DAYS), STORED, strict=True))

"""What the commands advise works when it is followed, and is about their options, not about Python."""

import re
import shlex

import pandas as pd
import pytest

import pandas_shooju as sj
from pandas_shooju import cli

DAYS = {"2024-02-01": 1.5, "2024-02-02": 1000.5}
SEMICOLONS = "date;US\n01.02.2024;1,5\n02.02.2024;1.000,5\n"

#: the text of a file, the arguments, and the points of users\US after all advice was followed
FILES = {
    "a German file": (SEMICOLONS, ["--sid", r"users\{date}"], DAYS),
    "a German file of one column": ("date;US\n2024-02-01;1,5\n", ["--sid", r"users\{date}"], {"2024-02-01": 1.5}),
    "another encoding": ("Länge,US\n2024-02-01,1.5\n".encode("cp1252"), ["--sid", r"users\{}"], None),
    "thousands": ("dt,US\n2024-02-01,1.5\n2024-02-02,\"1,000.5\"\n", ["--sid", r"users\{series_id}"], DAYS),
    "apostrophes": ("dt,US\n2024-02-01,1.5\n2024-02-02,1'000.5\n", ["--sid", r"users\{series_id}"], DAYS),
    "American days": ("dt,US\n02/01/2024,1\n02/28/2024,2\n", ["--sid", r"users\{series_id}"],
                      {"2024-02-01": 1.0, "2024-02-28": 2.0}),
    "years": ("dt,US\n2020,1\n2021,2\n", ["--sid", r"users\{series_id}"], {"2020-01-01": 1.0, "2021-01-01": 2.0}),
    "seconds": ("dt,US\n1704067200,1\n", ["--sid", r"users\{series_id}"], {"2024-01-01": 1.0}),
    "a missing value": ("dt,US\n2024-02-01,1.5\n2024-02-02,n/a\n", ["--sid", r"users\{series_id}"],
                        {"2024-02-01": 1.5}),
    "a repeated hour": (
        "dt,US\n2024-10-27 02:00,1\n2024-10-27 02:30,2\n2024-10-27 02:00,3\n",
        ["--sid", r"users\{series_id}"],
        {"2024-10-27": 1.0, "2024-10-27 00:30:00": 2.0, "2024-10-27 01:00:00": 3.0},
    ),
    "ids only": (r"dt,users\US" + "\n2024-02-01,1.5\n", [], {"2024-02-01": 1.5}),
}  # fmt: skip


def points(store, series_id=r"users\US"):
    with sj.Connection(store) as conn:
        series = pd.read_shooju([f'sid="{series_id}"'], tz=None, connection=conn).iloc[:, 0]
    return {str(date).removesuffix(" 00:00:00"): value for date, value in series.items()}


#: an option and its value, as a shell takes them
OPTION = r"""--[\w-]+ (?:'[^']*'|"[^"]*"|[^\s;'"])+"""


def advised(message):
    """The options that a message advises: of several possibilities the first."""
    found = re.search(rf"pass (?:their format: |their time zone, such as )?({OPTION}(?: {OPTION})*)", message)
    return [] if found is None else shlex.split(found[1])


@pytest.mark.parametrize("name", FILES)
def test_the_advice_is_followed(name, tmp_path, capsys):
    content, given, expected = FILES[name]
    path, store = tmp_path / "file.csv", f"local:{tmp_path / 's.sqlite'}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    arguments = ["write", str(path), "--job", "advice", *given, "--server", store]
    advice = []
    for _ in range(5):
        status = cli.main(arguments)
        message = capsys.readouterr().err
        if status == 0:
            break
        assert status == 3
        assert "`" not in message
        if name == "another encoding":
            assert message.rstrip().endswith("pass its --encoding")
            more = ["--encoding", "cp1252"]
        elif name == "ids only":
            assert "--sid '{series_id}'" in message
            more = ["--sid", "{series_id}"]
        else:
            more = advised(message)
        assert more, message
        advice += more
        arguments += more
    assert status == 0, message
    assert advice
    if expected is not None:
        assert points(store) == expected


def told(arguments, capsys):
    assert cli.main(arguments) == 3
    message = capsys.readouterr().err
    assert "`" not in message
    assert not re.search(r"\b(df|frame|pd)\.|\br'", message), message
    return message


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("2024-01-01,1\n2024-01-02,2\n", ["--sid", "a"], "must have the names of the columns, but it starts with"),
        (",US,DE\n2024-01-01,1,2\n", ["--sid", r"users\{name}"], "name it in the first cell of each row of labels"),
        ("dt,US\n2024-01-01,1\n", ["--sid", r"users\{name}"], "but the column levels are 'series_id'"),
        ("country,2020,2021\nUS,1,2\n", ["--sid", r"users\{country}"], "dates in its rows, .* its columns; transpose"),
        ("dt,US\n2024-01-01,1,5\n2024-01-02,2\n", [], "--sep"),
        ("dt,US\n2024-01-01,\n", ["--sid", "{series_id}", "--remove-others", "all"],
         r"--remove-others all would remove .*; leave these columns or rows out$"),
        ("series_id,dt\na,2024-01-01\n", [], "--date and --value$"),
        ("dt,US\n2024-10-27 02:00,1\n", ["--sid", "x", "--tz", "Europe/Berlin"], "with their UTC offset, such as"),
        ("dt,US\n2024-03-31 02:00,1\n", ["--sid", "x", "--tz", "Europe/Berlin"], "; leave out the row, or write"),
        ("dt,US\n2024-01-01,1\n", ["--job", "ab", "--sid", "x"], "--job must be a description of at least 3"),
        ("dt,US\n2024-01-01,1\n", ["--sid", "sid=x"], "--sid must give a series id"),
        ("symbol,day,open,close\nA,2024-01-01,1,2\n",
         ["--sid", r"users\{symbol}", "--date", "day", "--value", "open", "--value", "close"],
         r"with --value open --value close, sid must be a template that contains \{variable\}, such as 'users"),
    ],
)  # fmt: skip
def test_advice_is_about_options(content, options, words, tmp_path, capsys):
    path = tmp_path / "file.csv"
    path.write_text(content)
    arguments = ["write", str(path), "--job", "advice", *options, "--server", f"local:{tmp_path / 's.sqlite'}"]
    assert re.search(words, told(arguments, capsys).strip(), re.DOTALL)


def test_reading_is_told_its_options(tmp_path, capsys):
    store = f"local:{tmp_path / 's.sqlite'}"
    with sj.Connection(store) as conn, conn.register_job("two series of one country") as job:
        for name in "ab":
            job.write(rf"sid=users\{name}", fields={"country": "US", "dt": "x"}, points=[(0, 1.0)])
    read = ["read", "sid:users", "--server", store]
    message = told([*read, "--fields", "country"], capsys)
    assert "name more fields in --columns, use --columns series_id or --layout long\n" in message
    for options in (["--columns", "series_id"], ["--layout", "long"]):
        assert cli.main([*read, "--fields", "country", *options]) == 0
    assert "--df must be a date or datetime" in told([*read, "--df", "tomorrow"], capsys)
    message = told([*read, "--fields", "dt", "--layout", "long"], capsys)
    assert message.endswith("or use --layout wide or --layout fields\n")
    assert cli.main([*read, "--fields", "dt", "--columns", "series_id", "--layout", "wide"]) == 0
    assert cli.main([*read, "--fields", "dt", "--layout", "fields"]) == 0


def test_the_hours_of_an_error_go_in_once_they_have_an_offset(tmp_path, capsys):
    path, store = tmp_path / "file.csv", f"local:{tmp_path / 's.sqlite'}"
    arguments = ["write", str(path), "--job", "hours", "--sid", r"users\US", "--server", store]
    path.write_text("dt,US\n2024-10-27T02:00+02:00,1\n2024-10-27T03:00+01:00,2\n2024-03-31T03:00+02:00,3\n")
    assert cli.main(arguments) == 0, capsys.readouterr().err
    assert points(store) == {"2024-03-31 01:00:00": 3.0, "2024-10-27": 1.0, "2024-10-27 02:00:00": 2.0}

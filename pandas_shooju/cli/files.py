"""`read`, `write` and `resume`: series between files and a server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, get_args

from pandas_shooju.cli.arguments import DIFFERS, DONE, add_connection, connect, names
from pandas_shooju.clocks import LocalTimeError
from pandas_shooju.errors import WriteError
from pandas_shooju.layouts import Layout

if TYPE_CHECKING:
    import pandas as pd

    from pandas_shooju.cli.arguments import Commands
    from pandas_shooju.tables import Kind, TextFormat

_FORMATS = ("csv", "parquet", "json")


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    read = commands.add_parser("read", help="read series and print them, or save them to a file")
    read.add_argument("query", metavar="QUERY", help=r"query, such as 'sid:users\sam country=(US,CN)'")
    read.add_argument("--fields", type=names, help="names of fields, separated by commas, or * for all")
    read.add_argument("--df", help="first date: an ISO date, MIN, or relative to now such as -5y")
    read.add_argument("--dt", help="last date: an ISO date, MAX, or relative to now")
    read.add_argument("--max-points", type=int, default=-1, help="maximum number of points per series (default: all)")
    read.add_argument("--max-series", type=int, help="maximum number of series (default: all)")
    read.add_argument("--sort", help="order of the series, such as 'country asc, city desc'")
    read.add_argument(
        "--layout",
        choices=get_args(Layout),
        default="wide",
        help="layout of the result (default: %(default)s)",
    )
    read.add_argument("--columns", type=names, help="fields that label the columns of the wide layout, or series_id")
    read.add_argument("--tz", help="time zone of the dates")
    read.add_argument("-o", "--output", metavar="FILE", help="file to save to: .csv, .tsv, .parquet or .json, or -")
    _add_text(read)
    add_connection(read)
    read.set_defaults(run=_read)

    write = commands.add_parser("write", help="write the series in a file to Shooju")
    write.add_argument("file", metavar="FILE", help="file to read: .csv, .tsv, .parquet or .json, or -")
    write.add_argument("--job", required=True, help="description of the job")
    write.add_argument("--sid", help=r"template of the series ids, such as 'users\sam\{country}'")
    write.add_argument("--date", help="column of dates (default: dt, or the first column)")
    write.add_argument(
        "--value",
        action="append",
        help="column of values, if the file has a row per point (default: val); repeat it for several columns",
    )
    write.add_argument("--tz", help="time zone of dates without a UTC offset (default: UTC)")
    write.add_argument("--fields", type=names, help="columns to write as fields, separated by commas")
    write.add_argument("--json-fields", type=names, default=[], help="fields that contain JSON, separated by commas")
    write.add_argument("--reported-date", help="report date, or the column or column level of report dates")
    write.add_argument("--na", choices=("skip", "null"), default="skip", help="what missing values do (%(default)s)")
    write.add_argument(
        "--remove-others", choices=("points", "fields", "all"), help="first remove whatever else the series have"
    )
    write.add_argument(
        "--changed-from", choices=("server",), help="write only what differs from what is stored on the server"
    )
    write.add_argument(
        "--date-format", metavar="FORMAT", help="format of dates that are not ISO, such as %%d.%%m.%%Y, or s, ms, us"
    )
    write.add_argument("--thousands", default="", metavar="CHARACTER", help="separator of thousands in a CSV file")
    write.add_argument(
        "--na-values", metavar="TEXT", action="append", default=[], help="text that stands for a missing value"
    )
    write.add_argument("--dry-run", action="store_true", help="print what would be written, and send nothing")
    _add_text(write)
    add_connection(write)
    write.set_defaults(run=_write)

    resume = commands.add_parser("resume", help="send what a crashed process left behind in a spool")
    resume.add_argument("spool", metavar="PATH", help="the folder given as spool= when it was written")
    add_connection(resume)
    resume.set_defaults(run=_resume)


def _add_text(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=_FORMATS, help="format of the file (default: by its name; csv for -)")
    parser.add_argument("--sep", type=_separator, help=r"separator of a CSV file (default: a comma; \t for .tsv)")
    parser.add_argument("--decimal", choices=(".", ","), default=".", help="decimal point of a CSV file (%(default)s)")
    parser.add_argument("--encoding", type=_encoding, default="utf-8", help="encoding of a text file (%(default)s)")


def _separator(text: str) -> str:
    sep = {r"\t": "\t", "tab": "\t"}.get(text, text)
    if len(sep) != 1:
        raise argparse.ArgumentTypeError(rf"must be one character, or \t, got {text!r}")
    return sep


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError:
        raise argparse.ArgumentTypeError(f"must be an encoding such as utf-8 or cp1252, got {name!r}") from None
    return name


def _text(arguments: argparse.Namespace, **more: Any) -> TextFormat:
    from pandas_shooju.tables import TextFormat

    return TextFormat(sep=arguments.sep, decimal=arguments.decimal, encoding=arguments.encoding, **more)


def _file(name: str, format_: Kind | None, stream: IO[bytes]) -> tuple[Path | IO[bytes], Kind]:
    """A file, or the stream that ``-`` means, and its format."""
    from pandas_shooju import tables

    if name == "-":
        return stream, format_ or "csv"
    return Path(name), format_ or tables.kind_of(Path(name))


def _read(arguments: argparse.Namespace) -> int:
    from pandas_shooju import read_shooju, tables

    if arguments.output is not None:  # before anything is read
        to, kind = _file(arguments.output, arguments.format, sys.stdout.buffer)
        if kind == "parquet" and arguments.output == "-" and sys.stdout.isatty():
            raise ValueError("parquet is not text: pass -o FILE, or redirect the output")
    with connect(arguments) as connection:
        frame = read_shooju(
            arguments.query,
            arguments.fields,
            df=arguments.df,
            dt=arguments.dt,
            max_points=arguments.max_points,
            max_series=arguments.max_series,
            sort=arguments.sort,
            layout=arguments.layout,
            columns=arguments.columns,
            tz=arguments.tz or ...,
            connection=connection,
        )
    if arguments.output is None:
        print(frame)
        return DONE
    tables.save(frame, to, kind, _text(arguments))
    if arguments.output != "-":
        print(f"{frame.shape[0]} rows, {frame.shape[1]} columns: {arguments.output}")
    _note_types(frame, kind)
    return DONE


def _note_types(frame: pd.DataFrame, kind: Kind) -> None:
    """Say which fields a CSV file keeps as text only."""
    from pandas_shooju import tables

    typed = tables.typed_fields(frame) if kind == "csv" else []
    if typed:
        shown = ",".join(typed)
        print(
            f"note: a CSV file does not tell numbers from text; to write the fields back as they are, pass "
            f"--json-fields {shown} (or use parquet or JSON)",
            file=sys.stderr,
        )


def _write(arguments: argparse.Namespace) -> int:
    from pandas_shooju import tables
    from pandas_shooju.frame.write import write

    values = arguments.value or []
    source, kind = _file(arguments.file, arguments.format, sys.stdin.buffer)
    text = _text(
        arguments, thousands=arguments.thousands, date_format=arguments.date_format,
        na_values=tuple(arguments.na_values),
    )  # fmt: skip
    frame = tables.load(
        source, arguments.date, values, reported_date=arguments.reported_date, json_fields=arguments.json_fields,
        kind=kind, text=text,
    )  # fmt: skip
    reported_date = arguments.reported_date
    columns = frame.columns.names if frame.columns.names != [None] else [*frame.columns]
    if reported_date is None and "reported_date" in columns:
        reported_date = "reported_date"
    with connect(arguments) as connection:
        try:
            result = write(
                frame,
                arguments.job,
                arguments.sid,
                fields="levels" if arguments.fields == ["levels"] else arguments.fields,
                date=arguments.date if arguments.date in frame.columns else None,
                value=values if len(values) > 1 else values[0] if values else None,
                tz=arguments.tz,
                reported_date=reported_date,
                na=arguments.na,
                remove_others=arguments.remove_others,
                changed_from=arguments.changed_from,
                dry_run=arguments.dry_run,
                connection=connection,
            )
        except LocalTimeError as error:
            raise ValueError(f"{error}; {_LOCAL_TIMES[error.reason]}") from None
        except WriteError as error:
            if error.result is None or error.result.points == 0:
                raise
            print(error.result)
            print(error.failed.to_string() if error.failed is not None else error, file=sys.stderr)
            return DIFFERS
    print(result)
    return DONE


#: what to do about local times, in a file
_LOCAL_TIMES = {
    "ambiguous": "write all dates with their UTC offset, such as 2024-10-27T02:00+02:00",
    "nonexistent": "leave out the row, or write all dates with their UTC offset, such as 2024-10-27T02:00+02:00",
}


def _resume(arguments: argparse.Namespace) -> int:
    from pandas_shooju import resume

    with connect(arguments) as connection:
        jobs = resume(arguments.spool, connection)
        for job in jobs:
            points = sum(points for points, _ in job.confirmed.values())
            print(f"job {job.job_id}: {points:,} points of {len(job.confirmed):,} series stored")
    if not jobs:
        print("nothing was left to send")
    return DONE

"""The command line: ``python -m pandas_shooju demo | serve | read | write | store``.

Arguments in, exit status out: 0 for done, 1 for an error of the data or the server, 2 for wrong usage. Every command
is a thin cover over what Python has under the same name.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit status.

    Parameters
    ----------
    argv
        The arguments; by default those of the process.
    """
    from pandas_shooju.errors import ShoojuError

    arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    try:
        arguments.run(arguments)
    except (ShoojuError, ValueError, TypeError, OSError, ImportError) as error:
        print(f"pandas_shooju: {error}", file=sys.stderr)
        return 1
    return 0


def _joined(argv: Sequence[str]) -> list[str]:
    """The arguments with the values of --df and --dt joined to them: argparse takes ``-5y`` for an option."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] in ("--df", "--dt"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pandas_shooju", description="Shooju time series in pandas.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="write real data to an embedded store, read it back, draw it")
    demo.add_argument("--store", help="file of the embedded store (default: the user's own store)")
    demo.add_argument("--chart", default="pandas-shooju-demo.png", help="where to save the chart (%(default)s)")
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="serve an embedded store over HTTP")
    serve.add_argument("--store", help="file of the store, or :memory: (default: the user's own store)")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument(
        "--port",
        type=int,
        choices=range(65536),
        metavar="PORT",
        default=0,
        help="port to listen on (0: any that is free)",
    )
    serve.add_argument("--user", help="user that clients must give; needed beyond loopback")
    serve.add_argument("--api-key", default=os.environ.get("SHOOJU_API_KEY"), help="key (or SHOOJU_API_KEY)")
    serve.add_argument("--access-log", action="store_true", help="write a line for each call to standard error")
    serve.add_argument("--compress", action="store_true", help="answer in gzip to who accepts it")
    serve.set_defaults(run=_serve)

    store = commands.add_parser("store", help="look after an embedded store")
    actions = store.add_subparsers(required=True, metavar="ACTION")
    for name, help_, argument in (
        ("info", "what is in it", None),
        ("vacuum", "make the file as small as what is in it", None),
        ("export", "write its series (fields, points, reports) into an archive", "archive to make"),
        ("import", "merge the series of an archive into it", "archive to read"),
    ):
        action = actions.add_parser(name, help=help_)
        action.add_argument("store", metavar="STORE", help="file of the store")
        if argument:
            action.add_argument("archive", type=Path, metavar="ARCHIVE", help=argument)
        if name == "export":
            action.add_argument("--query", default="", help="which series (default: all but the trash)")
        action.set_defaults(run=_store, action=name)

    read = commands.add_parser("read", help="read series, and print or save them")
    read.add_argument("query", help=r"such as 'sid:users\sam country=(US,CN)'")
    read.add_argument("--fields", help="names of fields, separated by commas; * for all")
    read.add_argument("--df", help="date from: an ISO date, MIN, or relative such as -5y")
    read.add_argument("--dt", help="date to: an ISO date, MAX, or relative")
    read.add_argument("--max-points", type=int, default=-1, help="points per series (%(default)s: all)")
    read.add_argument("--layout", choices=["wide", "long", "fields"], default="wide", help="(%(default)s)")
    read.add_argument("--tz", help="timezone of the dates")
    read.add_argument("-o", "--output", type=Path, help="a .parquet, .csv or .json file")
    _connection_arguments(read)
    read.set_defaults(run=_read)

    write = commands.add_parser("write", help="write a file's series")
    write.add_argument("file", type=Path, help="a .parquet or .csv file")
    write.add_argument("--job", required=True, help="description of the job")
    write.add_argument("--sid", help=r"template, such as 'users\sam\{country}'")
    write.add_argument("--date", help="column of dates (default: dt, or the first column of dates)")
    write.add_argument("--value", help="column of values, where the file has a row per point (default: val)")
    write.add_argument("--fields", help="columns that become fields, separated by commas")
    write.add_argument("--dry-run", action="store_true", help="print what would be written, and send nothing")
    _connection_arguments(write)
    write.set_defaults(run=_write)
    return parser


def _connection_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", help="account, URL, or 'local' or 'local:PATH' for an embedded store")
    parser.add_argument("--user", help="user (default: SHOOJU_USER); the key is taken from SHOOJU_API_KEY")


def _demo(arguments: argparse.Namespace) -> None:
    from pandas_shooju import demo

    demo.run(arguments.store, Path(arguments.chart))


def _serve(arguments: argparse.Namespace) -> None:
    from pandas_shooju.local.serving import serve

    serve(
        arguments.store,
        arguments.host,
        arguments.port,
        user=arguments.user,
        api_key=arguments.api_key,
        log_access=arguments.access_log,
        compress=arguments.compress,
    )


def _store(arguments: argparse.Namespace) -> None:
    from pandas_shooju.local import maintenance

    if arguments.action == "info":
        for name, value in maintenance.info(arguments.store).items():
            print(f"{name.replace('_', ' '):18} {value:,}" if isinstance(value, int) else f"{name:18} {value}")
    elif arguments.action == "vacuum":
        before, after = maintenance.vacuum(arguments.store)
        print(f"{before:,} bytes before, {after:,} after")
    elif arguments.action == "export":
        count = maintenance.export_store(arguments.store, arguments.archive, arguments.query)
        print(f"{count:,} series exported to {arguments.archive}; without jobs, history, trash and files")
    else:
        count = maintenance.import_store(arguments.store, arguments.archive)
        print(f"{count:,} series imported into {arguments.store}")


def _read(arguments: argparse.Namespace) -> None:
    from pandas_shooju import Connection, read_shooju

    save = None if arguments.output is None else _saver(arguments.output)
    with Connection(arguments.server, arguments.user) as connection:
        frame = read_shooju(
            arguments.query,
            arguments.fields.split(",") if arguments.fields else None,
            df=arguments.df,
            dt=arguments.dt,
            max_points=arguments.max_points,
            layout=arguments.layout,
            tz=arguments.tz or ...,
            connection=connection,
        )
    if save is not None:
        save(frame)
        print(f"{frame.shape[0]} rows, {frame.shape[1]} columns: {arguments.output}")
    else:
        print(frame)


def _saver(path: Path):  # type: ignore[no-untyped-def]
    savers = {
        ".parquet": lambda frame: _text_columns(frame).to_parquet(path),
        ".csv": lambda frame: frame.to_csv(path, index=frame.index.name is not None),
        ".json": lambda frame: frame.to_json(path, orient="split", date_format="iso"),
    }
    if path.suffix not in savers:
        raise ValueError(f"cannot tell a format from {path.name!r}; end it in {', '.join(savers)}")
    return savers[path.suffix]


def _text_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Parquet names its columns by text."""
    if isinstance(frame.columns, pd.MultiIndex) or all(isinstance(name, str) for name in frame.columns):
        return frame
    return frame.set_axis(frame.columns.map(str), axis=1)


def _write(arguments: argparse.Namespace) -> None:
    from pandas_shooju import Connection
    from pandas_shooju.frame.write import write

    frame = _load(arguments.file, arguments.date)
    with Connection(arguments.server, arguments.user) as connection:
        result = write(
            frame,
            arguments.job,
            arguments.sid,
            fields=arguments.fields.split(",") if arguments.fields else None,
            date=arguments.date if arguments.date in frame.columns else None,
            value=arguments.value,
            dry_run=arguments.dry_run,
            connection=connection,
        )
    print(result)


def _load(path: Path, date: str | None) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix != ".csv":
        raise ValueError(f"cannot read {path.name!r}; a file to write ends in .parquet or .csv")
    frame = pd.read_csv(path)
    name = date or ("dt" if "dt" in frame.columns else str(frame.columns[0]))
    if name not in frame.columns:
        raise ValueError(f"there is no column {name!r} in {path.name}; there are {', '.join(map(repr, frame.columns))}")
    if name == "series_id":  # fields only
        return frame
    try:
        text = frame[name].astype(str)
        zoned = text.str.contains(r"(?:[+-]\d\d:?\d\d|Z)$").all()  # offsets differ across a clock change
        frame[name] = pd.to_datetime(text, format="ISO8601", utc=True if zoned else None)
    except (ValueError, TypeError):
        raise ValueError(f"the column {name!r} of {path.name} is no column of ISO dates; name it: --date") from None
    return frame if {"series_id", "val"} & set(frame.columns) or date else frame.set_index(name)

r"""The command line: ``pandas-shooju COMMAND``, or ``python -m pandas_shooju COMMAND``.

Each command parses its arguments and calls the function that does the work. The exit status is 0 for success, 1 for an
error of the data or the server, and 2 for invalid arguments. `notebooks/reference/command-line.md` describes every
option.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pandas_shooju import __version__
from pandas_shooju.errors import ShoojuError
from pandas_shooju.frame.request import Layout


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    argv
        The arguments; by default those of the process.
    """
    arguments = make_parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    try:
        arguments.run(arguments)
    except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ShoojuError, ValueError, TypeError, OSError, ImportError) as error:
        print(f"pandas-shooju: {error}", file=sys.stderr)
        return 1
    return 0


def _joined(argv: Sequence[str]) -> list[str]:
    """Join the values of --df and --dt to the options, because argparse would read ``-5y`` as an option."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] in ("--df", "--dt"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="pandas-shooju", description="Shooju time series in pandas.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="write real data to an embedded store, read it back, and plot it")
    demo.add_argument("--store", help="file of the embedded store (default: the store of your user)")
    demo.add_argument("--chart", default="pandas-shooju-demo.png", help="where to save the chart (%(default)s)")
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="serve an embedded store over HTTP")
    serve.add_argument("--store", help="file of the store, or :memory: (default: the store of your user)")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument(
        "--port",
        type=int,
        choices=range(65536),
        metavar="PORT",
        default=0,
        help="port to listen on (default: any free port)",
    )
    serve.add_argument("--user", help="user that clients must send; required unless HOST is a loopback address")
    serve.add_argument(
        "--api-key",
        default=os.environ.get("SHOOJU_API_KEY"),
        help="API key that clients must send (default: the environment variable SHOOJU_API_KEY)",
    )
    serve.add_argument("--access-log", action="store_true", help="log each request to standard error")
    serve.add_argument("--compress", action="store_true", help="compress responses for clients that accept gzip")
    serve.set_defaults(run=_serve)

    store = commands.add_parser("store", help="maintain an embedded store")
    actions = store.add_subparsers(required=True, metavar="ACTION")
    for name, help_, argument in (
        ("info", "show the contents of the store", None),
        ("check", "look for damage", None),
        ("vacuum", "shrink the file to the size of its contents", None),
        ("export", "export the series (fields, points, points by report date) to an archive", "archive to write"),
        ("import", "import the series of an archive into the store", "archive to read"),
    ):
        action = actions.add_parser(name, help=help_)
        action.add_argument("store", metavar="STORE", help="file of the store")
        if argument:
            action.add_argument("archive", type=Path, metavar="ARCHIVE", help=argument)
        if name == "export":
            action.add_argument(
                "--query", default="", help="the series to export (default: all that are not in the trash)"
            )
        action.set_defaults(run=_store, action=name)

    read = commands.add_parser("read", help="read series and print them, or save them to a file")
    read.add_argument("query", metavar="QUERY", help=r"query, such as 'sid:users\sam country=(US,CN)'")
    read.add_argument("--fields", help="names of fields, separated by commas, or * for all")
    read.add_argument("--df", help="first date: an ISO date, MIN, or relative to now such as -5y")
    read.add_argument("--dt", help="last date: an ISO date, MAX, or relative to now")
    read.add_argument("--max-points", type=int, default=-1, help="maximum number of points per series (default: all)")
    read.add_argument(
        "--layout",
        choices=get_args(Layout),
        default="wide",
        help="layout of the result (default: %(default)s)",
    )
    read.add_argument("--tz", help="time zone of the dates")
    read.add_argument("-o", "--output", type=Path, help="file to save to: .parquet, .csv or .json")
    _connection_arguments(read)
    read.set_defaults(run=_read)

    write = commands.add_parser("write", help="write the series in a file to Shooju")
    write.add_argument("file", metavar="FILE", type=Path, help="file to read: .parquet, .csv or .json")
    write.add_argument("--job", required=True, help="description of the job")
    write.add_argument("--sid", help=r"template of the series ids, such as 'users\sam\{country}'")
    write.add_argument("--date", help="column of dates (default: dt, or the first column)")
    write.add_argument("--value", help="column of values, if the file has a row per point (default: val)")
    write.add_argument("--fields", help="columns to write as fields, separated by commas")
    write.add_argument("--dry-run", action="store_true", help="print what would be written, and send nothing")
    _connection_arguments(write)
    write.set_defaults(run=_write)

    resume = commands.add_parser("resume", help="send what a crashed process left behind in a spool")
    resume.add_argument("spool", metavar="PATH", help="the folder given as spool= when it was written")
    _connection_arguments(resume)
    resume.set_defaults(run=_resume)
    return parser


def _connection_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", help="name of an account, URL, or 'local' or 'local:PATH' for an embedded store")
    parser.add_argument(
        "--user", help="user (default: the environment variable SHOOJU_USER); the API key is read from SHOOJU_API_KEY"
    )


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
    elif arguments.action == "check":
        problems = maintenance.check(arguments.store)
        for problem in problems:
            print(problem)
        if problems:
            raise maintenance.damaged(arguments.store, len(problems))
        print("sound")
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
    from pandas_shooju import Connection, read_shooju, tables

    if arguments.output is not None:
        tables.kind_of(arguments.output)  # before anything is read
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
    if arguments.output is None:
        print(frame)
    else:
        tables.save(frame, arguments.output)
        print(f"{frame.shape[0]} rows, {frame.shape[1]} columns: {arguments.output}")


def _write(arguments: argparse.Namespace) -> None:
    from pandas_shooju import Connection, tables
    from pandas_shooju.frame.write import write

    frame = tables.load(arguments.file, arguments.date, arguments.value)
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


def _resume(arguments: argparse.Namespace) -> None:
    from pandas_shooju import Connection, resume

    with Connection(arguments.server, arguments.user) as connection:
        jobs = resume(arguments.spool, connection)
        for job in jobs:
            points = sum(points for points, _ in job.confirmed.values())
            print(f"job {job.job_id}: {points:,} points of {len(job.confirmed):,} series stored")
    if not jobs:
        print("nothing was left to send")

"""`copy`, `move` and `compare`: folders and series, within a server or between two."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pandas_shooju.cli.arguments import DIFFERS, DONE, add_connection, add_json, connect

if TYPE_CHECKING:
    from pandas_shooju.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    for name, run, help_ in (
        ("copy", _transfer, "copy a folder or a series"),
        ("move", _transfer, "move a folder or a series; each is deleted once its copy is confirmed and compared"),
        ("compare", _compare, "compare two folders or two series"),
    ):
        parser = commands.add_parser(name, help=help_)
        parser.add_argument("source", metavar="SOURCE", help=r"path of the series, such as 'users\sam\gdp'")
        parser.add_argument("target", metavar="TARGET", nargs="?", help="the other path (default: the same, with --to)")
        parser.add_argument("--to", metavar="SERVER", help="server of TARGET (default: the same server)")
        if name != "compare":
            parser.add_argument("--overwrite", action="store_true", help="replace targets that have something else")
            parser.add_argument("--dry-run", action="store_true", help="list what would be done, and write nothing")
            parser.add_argument("--job", metavar="TEXT", help="description of the job")
        add_json(parser)
        add_connection(parser)
        parser.set_defaults(run=run, command=name)


def _transfer(arguments: argparse.Namespace) -> int:
    from pandas_shooju.cli.printing import show_table

    with connect(arguments) as connection:
        transfer = connection.series.move if arguments.command == "move" else connection.series.copy
        frame = transfer(
            arguments.source,
            arguments.target,
            to=arguments.to,
            overwrite=arguments.overwrite,
            dry_run=arguments.dry_run,
            job=arguments.job,
        )
    show_table(frame, arguments.json, "no series")
    return DONE


def _compare(arguments: argparse.Namespace) -> int:
    from pandas_shooju.cli.printing import show_table

    with connect(arguments) as connection:
        frame = connection.series.compare(arguments.source, arguments.target, to=arguments.to)
    show_table(frame, arguments.json, "equal")
    return DONE if frame.empty else DIFFERS

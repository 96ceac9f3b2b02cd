"""`mirror`: a local copy of series."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pandas_shooju.cli.arguments import DONE, add_connection, add_json, connect

if TYPE_CHECKING:
    from pandas_shooju.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    mirror = commands.add_parser("mirror", help="copy series to a local store, or bring the copy up to date")
    mirror.add_argument("query", metavar="QUERY", help=r"series to copy, such as 'sid:users\sam'; '' for all")
    mirror.add_argument("file", metavar="FILE", help="file of the store, which is made or brought up to date")
    add_json(mirror)
    add_connection(mirror)
    mirror.set_defaults(run=_mirror)


def _mirror(arguments: argparse.Namespace) -> int:
    from pandas_shooju.cli.printing import show_json
    from pandas_shooju.manage.mirror import mirror

    with connect(arguments) as connection, mirror(arguments.query, arguments.file, connection=connection) as made:
        info = made.info
    if arguments.json:
        show_json({"path": str(made.path), **info._asdict()})
    else:
        print(f"{info.series:,} series of {info.source} are in {made.path}; to read them: --server local:{made.path}")
    return DONE

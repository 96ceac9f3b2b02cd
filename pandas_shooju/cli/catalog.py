"""`count`, `facets` and `ls`: what series there are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pandas_shooju.cli.arguments import DONE, add_connection, add_json, connect, names

if TYPE_CHECKING:
    from pandas_shooju.cli.arguments import Commands
    from pandas_shooju.manage.folders import Folder


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    count = commands.add_parser("count", help="count the series that a query finds")
    count.add_argument("query", metavar="QUERY", nargs="?", default="", help="query (default: every series)")
    count.set_defaults(run=_count)

    facets = commands.add_parser("facets", help="list the distinct values of fields, and how many series have each")
    facets.add_argument("query", metavar="QUERY", help="query; '' for every series")
    facets.add_argument("fields", metavar="FIELDS", type=names, help="names of fields, separated by commas")
    facets.add_argument(
        "--max-values", type=int, default=1000, help="values per field, the most frequent first (%(default)s)"
    )
    facets.set_defaults(run=_facets)

    ls = commands.add_parser("ls", help="list folders, with the number of series in each")
    ls.add_argument("path", metavar="PATH", nargs="?", default="", help=r"path such as 'users\sam' (default: all)")
    ls.add_argument("--depth", type=_depth, default=1, help="levels below the path, or 'all' (%(default)s)")
    ls.set_defaults(run=_ls)

    for parser in (count, facets, ls):
        add_json(parser)
        add_connection(parser)


def _depth(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive number of levels, or all, got {text!r}")
    return int(text)


def _count(arguments: argparse.Namespace) -> int:
    with connect(arguments) as connection:
        print(connection.catalog.count(arguments.query))
    return DONE


def _facets(arguments: argparse.Namespace) -> int:
    from pandas_shooju.cli.printing import show_table

    with connect(arguments) as connection:
        frame = connection.catalog.facets(arguments.query, arguments.fields, max_values=arguments.max_values)
    show_table(frame, arguments.json, "no values")
    return DONE


def _ls(arguments: argparse.Namespace) -> int:
    with connect(arguments) as connection:
        folder = connection.catalog.tree(arguments.path, depth=arguments.depth)
    if arguments.json:
        from pandas_shooju.cli.printing import show_json

        show_json(_document(folder))
    else:
        print(folder)
    return DONE


def _document(folder: Folder) -> dict[str, Any]:
    return {
        "path": folder.path,
        "count": folder.count,
        "is_series": folder.is_series,
        "children": [_document(child) for child in folder.children],
    }

"""`demo`, `serve` and `store`: the embedded store."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pandas_shooju.cli.arguments import DIFFERS, DONE

if TYPE_CHECKING:
    from pandas_shooju.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
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
        help="API key that clients must send (default with --user: the environment variable SHOOJU_API_KEY)",
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


def _demo(arguments: argparse.Namespace) -> int:
    from pandas_shooju import demo

    demo.run(arguments.store, Path(arguments.chart))
    return DONE


def _serve(arguments: argparse.Namespace) -> int:
    from pandas_shooju.local.serving import serve

    # without a user, the key in the environment is for a server that is called
    key = arguments.api_key or (os.environ.get("SHOOJU_API_KEY") if arguments.user else None)
    if bool(arguments.user) != bool(key):
        raise ValueError(
            "--user and an API key go together: pass both, or neither; the key is read from SHOOJU_API_KEY"
        )
    serve(
        arguments.store,
        arguments.host,
        arguments.port,
        user=arguments.user,
        api_key=key,
        log_access=arguments.access_log,
        compress=arguments.compress,
    )
    return DONE


def _store(arguments: argparse.Namespace) -> int:
    from pandas_shooju.local import maintenance

    if arguments.action == "info":
        for name, value in maintenance.info(arguments.store).items():
            print(f"{name.replace('_', ' '):18} {value:,}" if isinstance(value, int) else f"{name:18} {value}")
    elif arguments.action == "check":
        problems = maintenance.check(arguments.store)
        for problem in problems:
            print(problem)
        if problems:
            print(maintenance.damaged(arguments.store, len(problems)), file=sys.stderr)
            return DIFFERS
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
    return DONE

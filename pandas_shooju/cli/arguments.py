"""What the commands share: exit statuses, and the arguments that connect and choose the output."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pandas_shooju import Connection

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

#: done
DONE = 0
#: done in part, or the answer is no: the series differ, the store is damaged
DIFFERS = 1
#: invalid arguments, as argparse reports them
WRONG_USE = 2
#: the data, the server or the network prevented it
FAILED = 3
#: Ctrl-C, as shells report it
INTERRUPTED = 130
#: nobody reads the output any more, as shells report it
PIPE_CLOSED = 141


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a server."""
    parser.add_argument("--server", help="name of an account, URL, or 'local' or 'local:PATH' for an embedded store")
    parser.add_argument(
        "--user", help="user (default: the environment variable SHOOJU_USER); the API key is read from SHOOJU_API_KEY"
    )


def connect(arguments: argparse.Namespace) -> Connection:
    """The connection that the options name."""
    from pandas_shooju import Connection

    return Connection(arguments.server, arguments.user)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses between a table and JSON."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs, instead of a table")


def names(text: str) -> list[str]:
    """The names in a list that is separated by commas."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"must be names separated by commas, got {text!r}")
    return found

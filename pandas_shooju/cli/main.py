"""The parser of all commands, and what becomes of their errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pandas_shooju import __version__
from pandas_shooju.cli import catalog, embedded, files, jobs, mirror, series
from pandas_shooju.cli.arguments import FAILED, INTERRUPTED, PIPE_CLOSED
from pandas_shooju.cli.wording import in_words_of
from pandas_shooju.errors import ShoojuError, WriteInterrupted

_STATUS = """exit status:
  0  done; for compare: equal
  1  done in part, or the answer is no: the series differ, the store is damaged
  2  invalid arguments
  3  failed: the reason is on standard error
"""

#: options whose value may begin with a minus sign, which argparse would take for another option
_RELATIVE_DATES = ("--df", "--dt", "--since", "--until")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    argv
        The arguments; by default those of the process.
    """
    parser = make_parser()
    arguments = parser.parse_args(_joined(sys.argv[1:] if argv is None else argv))
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt as error:
        print("pandas-shooju: interrupted", file=sys.stderr)
        if isinstance(error, WriteInterrupted) and error.result is not None:
            print(error.result, file=sys.stderr)
        return INTERRUPTED
    except (ShoojuError, ValueError, TypeError, OSError, ImportError) as error:
        print(f"pandas-shooju: {in_words_of(arguments, str(error))}", file=sys.stderr)
        return FAILED
    return status


def _joined(argv: Sequence[str]) -> list[str]:
    """Join relative dates such as ``-5y`` to their options, because argparse would take them for options."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] in _RELATIVE_DATES:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="pandas-shooju",
        description="Shooju time series in pandas.",
        epilog=_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (files, catalog, jobs, series, mirror, embedded):
        group.add(commands)
    return parser

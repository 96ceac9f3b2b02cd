"""The command line: ``pandas-shooju COMMAND``, or ``python -m pandas_shooju COMMAND``.

Each command parses its arguments, calls the function of the package that does the work, and prints the result: a table
for people, or with ``--json`` a document for programs. Nothing but that belongs here. The words are those of the
Python API, and `notebooks/reference/command-line.md` describes every option.
"""

from pandas_shooju.cli.main import main, make_parser

__all__ = ["main", "make_parser"]

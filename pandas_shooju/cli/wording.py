"""Messages of the package in the words of a command: its options in place of arguments and of Python code."""

from __future__ import annotations

import argparse
import ast
import re
import shlex

#: an argument of a function, and its value where one follows
_ARGUMENT = re.compile(
    r"(?<![\w.\[{])(?P<name>[a-z_]+)=(?P<value>r?'(?:[^'\\]|\\.)*'|r?\"(?:[^\"\\]|\\.)*\"|\[[^\]]*\]|True|[\w/+-]+)?"
)

#: what the package says of things that a command does not have, and what to do instead
_ONLY_IN_PYTHON = (
    (re.compile(r",? or pass a dict of queries with labels as keys"), ""),
    (re.compile(r"name (it|them): `df\.columns\.names? = [^`]*`"), r"name \1 in the first cell of each row of labels"),
    (re.compile(r",? or [^,;.`]*`[^`]*`"), ""),  # code stands in backquotes: its clause is left out
    (re.compile(r"[;.:] [^;.:`]*(: )?`[^`]*`[^;.]*"), ""),
    (re.compile(r"\s*\(or a dict or (a )?function\)"), ""),
    (re.compile(r",? (or )?a dict( or a function|,)?(?= |$|;|\.)"), ""),
    (re.compile(r"\n\s*changed_from=old[^\n]*"), ""),
)


#: arguments of commands that are no options
_POSITIONAL = ("query", "file", "spool", "store", "archive")


def in_words_of(arguments: argparse.Namespace, message: str) -> str:
    """The message with the options of the command that ran.

    Examples
    --------
    >>> ran = argparse.Namespace(tz=None, fields=None, remove_others=None)
    >>> in_words_of(ran, "pass tz='Europe/Berlin' and fields=['a', 'b']; remove_others='all' is not allowed, x='y' is")
    "pass --tz Europe/Berlin and --fields a,b; --remove-others all is not allowed, x='y' is"
    >>> in_words_of(ran, "remove_others must be None or 'points', got 'all'")
    "--remove-others must be None or 'points', got 'all'"
    """
    for pattern, words in _ONLY_IN_PYTHON:
        message = pattern.sub(words, message)
    message = _ARGUMENT.sub(lambda match: _option(match, arguments), message)
    subject = message.partition(" must ")[0]
    if subject in arguments and subject not in _POSITIONAL:
        message = f"--{subject.replace('_', '-')}{message.removeprefix(subject)}"
    return re.sub(r"\br(?=')", "", message)  # a raw string of Python


def _option(match: re.Match[str], arguments: argparse.Namespace) -> str:
    name, value = match["name"], match["value"]
    if name not in arguments:
        return match[0]
    option = f"--{name.replace('_', '-')}"
    if value is None or value == "True":
        return option
    try:
        given = ast.literal_eval(value)
    except (ValueError, SyntaxError):  # the name of a variable, as in fields=names
        return f"{option} {value}"
    words = given if isinstance(given, list) else [given]
    if name == "value":
        return " ".join(f"{option} {shlex.quote(str(word))}" for word in words)
    return f"{option} {shlex.quote(','.join(map(str, words)))}"

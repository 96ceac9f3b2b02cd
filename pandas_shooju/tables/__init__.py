r"""Frames in files, for the command line: `load` reads back what `save` wrote, in any layout.

Text stays text. Series ids, labels and fields are never parsed as numbers or missing values, so ``00060``, ``1e5`` and
``NA`` are kept as they are. Only the columns of dates and of values are parsed.

CSV
    Wide: a row for each level of the columns, starting with the level's name, as pandas writes it. One level makes a
    plain table with a single row of labels; if the labels are series ids, it starts with ``dt``. Where a label could be
    taken for a name, such as ``val``, a row with the name of the index follows, as for several levels.
    Long and fields: a row of column names. A CSV file has no types, so every field comes back as text, except those
    that are named as JSON; an empty text comes back as a missing value.
Parquet
    As pandas writes it, or without an index, as other programs do.
JSON
    An object with ``index_name``, ``index``, ``column_names``, ``columns`` and ``data``; missing values are null. A
    list of objects, one for each row, is loaded as well.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Literal

import pandas as pd

from pandas_shooju.frame.advice import is_date_label
from pandas_shooju.frame.dates_values import is_dates
from pandas_shooju.tables import csv_files, json_files, parquet_files
from pandas_shooju.tables.cells import TextFormat, dates, from_json, numbers

__all__ = ["Kind", "TextFormat", "kind_of", "load", "save", "typed_fields"]

Kind = Literal["csv", "parquet", "json"]

_KINDS: dict[str, Kind] = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".json": "json"}
_COMPRESSED = (".gz", ".bz2", ".xz", ".zip")


def kind_of(path: Path) -> Kind:
    """Return the format of a file, by its name.

    Raises
    ------
    ValueError
        If the name does not end in ``.csv``, ``.tsv``, ``.parquet`` or ``.json``; CSV and JSON files may also be
        compressed (``.csv.gz``, ``.bz2``, ``.xz``, ``.zip``).
    """
    suffixes = path.suffixes
    compressed = bool(suffixes) and suffixes[-1] in _COMPRESSED
    kind = _KINDS.get(suffixes[-2 if compressed and len(suffixes) > 1 else -1]) if suffixes else None
    if kind is None or (compressed and kind == "parquet"):
        raise ValueError(
            f"the name of a file must end in .csv, .tsv, .parquet or .json (.csv.gz and so on), got {path.name!r}"
        )
    return kind


@contextmanager
def _opened(path: Path, mode: Literal["rb", "wb"]) -> Iterator[IO[bytes]]:
    """The contents of a file, without its compression."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "r" if mode == "rb" else "w", zipfile.ZIP_DEFLATED) as archive:
            names = [path.stem] if mode == "wb" else archive.namelist()
            if len(names) != 1:
                raise ValueError(f"{path.name} must contain one file, got {len(names)}")
            with archive.open(names[0], "r" if mode == "rb" else "w") as member:
                yield member
        return
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    with openers.get(path.suffix, open)(path, mode) as file:
        yield file


def save(frame: pd.DataFrame, to: Path | IO[bytes], kind: Kind | None = None, text: TextFormat | None = None) -> None:
    """Save a frame that was read in any layout.

    Parameters
    ----------
    frame
        As `pandas_shooju.read_shooju` returns it.
    to
        The file to write: a path, or a binary stream.
    kind
        The format; by default that of the name.
    text
        The separator, the decimal point and the encoding.
    """
    text = _with_separator(text, to)
    kind = kind or _kind(to)
    contents = io.BytesIO()  # an error leaves the file as it was
    if kind == "csv":
        csv_files.save(frame, contents, text)
    elif kind == "json":
        json_files.save(frame, contents, text)
    else:
        parquet_files.save(frame, contents)
    if isinstance(to, Path):
        with _opened(to, "wb") as file:
            file.write(contents.getbuffer())
    else:
        rest = contents.getbuffer()
        while len(rest):  # with PYTHONUNBUFFERED, standard output takes a part at a time
            rest = rest[to.write(rest) :]


def typed_fields(frame: pd.DataFrame) -> list[str]:
    """The fields in a long frame, or one of fields, whose values are not all text: a CSV file lacks their types."""
    if isinstance(frame.index, pd.DatetimeIndex):
        return []
    known = ("series_id", "dt", "val", "job", "timestamp", "reported_date", "asof")
    columns = [name for name in frame.columns if name not in known]
    return [name for name in columns if not _is_text(frame[name])]


def _is_text(column: pd.Series) -> bool:
    values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna()
    return all(isinstance(value, str) for value in values)


def load(
    source: Path | IO[bytes],
    date: str | None = None,
    value: str | Sequence[str] | None = None,
    *,
    reported_date: str | None = None,
    json_fields: Sequence[str] = (),
    kind: Kind | None = None,
    text: TextFormat | None = None,
) -> pd.DataFrame:
    """Load a frame that can be written: wide, long or fields.

    A file with a column ``series_id`` or ``val``, or one that `value` names, is long: it has a row per point, or
    without values a row per series. Any other file is wide.

    Parameters
    ----------
    source
        The file to read: a path, or a binary stream.
    date, value
        The columns of dates and values; by default ``dt`` and ``val``. Several columns may contain values. The dates of
        a wide file may also be in its first column, or in its index.
    reported_date
        The column (long) or the level of the columns (wide) that contains report dates; by default
        ``reported_date``, if there is one. Anything else is ignored here: it may be a date.
    json_fields
        The columns or levels whose texts are parsed as JSON.
    kind
        The format; by default that of the name.
    text
        How the file writes text, numbers and dates.

    Raises
    ------
    ValueError
        If a column is missing, or does not contain dates or numbers.
    """
    text = _with_separator(text, source)
    kind = kind or _kind(source)
    name = source.name if isinstance(source, Path) else "standard input"
    try:
        with _opened(source, "rb") if isinstance(source, Path) else _as_it_is(source) as file:
            if kind == "csv":
                frame = csv_files.load(file, text, name, date)
            else:
                frame = json_files.load(file, text, name) if kind == "json" else parquet_files.load(file, name)
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise ValueError(f"{name} cannot be decompressed: {error}") from None
    values = [value] if isinstance(value, str) else list(value or ())
    return _typed(frame, date, values, reported_date, json_fields, text, name)


def _typed(
    frame: pd.DataFrame,
    date: str | None,
    values: list[str],
    reported_date: str | None,
    json_fields: Sequence[str],
    text: TextFormat,
    file: str,
) -> pd.DataFrame:
    """The frame with dates and numbers where it must have them."""
    if "series_id" in [frame.index.name, *frame.columns]:
        frame.attrs.clear()  # the file names its series itself, wherever they were read from
    names = list(frame.columns)
    for name in (date, *values):
        if name is not None and name not in [*names, frame.index.name]:
            raise ValueError(f"{name!r} must be a column of {file} ({', '.join(map(repr, names))})")
    is_wide = not values and (_has_levels(frame) or not {"series_id", "val"} & {frame.index.name, *names})
    if is_wide:
        if not isinstance(frame.index, pd.DatetimeIndex):
            frame = _wide(frame, date, text, file)
        return _with_levels(_with_numbers(frame, text, file), reported_date, json_fields, text, file)
    if isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis(frame.index.name or "dt").reset_index()
    for name in json_fields:
        if name not in names:
            raise ValueError(f"--json-fields must name columns of {file} ({', '.join(map(repr, names))}), got {name!r}")
        frame = frame.assign(**{name: from_json(frame[name], file)})
    reported_date = reported_date or "reported_date"
    if reported_date in frame.columns:
        frame = frame.assign(**{reported_date: dates(frame[reported_date], text, file)})
    if frame.index.name == "series_id":
        return frame
    names = list(frame.columns)
    values = values or (["val"] if "val" in names else [])
    if not values and date is None and "dt" not in names:
        return frame.set_index("series_id")
    date = date or "dt"
    if date not in names:
        raise ValueError(f"{file} must have a column 'dt'; if the dates are in another column, name it with --date")
    return frame.assign(
        **{date: dates(frame[date], text, file)}, **{name: numbers(frame[name], text, file) for name in values}
    )


def _has_levels(frame: pd.DataFrame) -> bool:
    """Whether the columns have named levels, as only those of a wide frame that was saved have."""
    return isinstance(frame.index, pd.DatetimeIndex) and frame.columns.names != [None]


def _wide(frame: pd.DataFrame, date: str | None, text: TextFormat, file: str) -> pd.DataFrame:
    """Move the column of dates to the index."""
    names = list(frame.columns)
    at = 0
    if date is not None or "dt" in names:
        at = names.index(date or "dt")  # by position: a label may have the same name
    elif not text.is_date(frame.iloc[0, 0] if len(frame) and len(names) else None):
        typed = [place for place in range(len(names)) if is_dates(frame.iloc[:, place])]
        if not typed and sum(map(is_date_label, names)) > 1:
            raise ValueError(f"{file} must have the dates in its rows, but they are in its columns; transpose it")
        at = typed[0] if len(typed) == 1 else 0
    index = dates(frame.iloc[:, at], text, file).rename("dt")
    wide = frame.iloc[:, [i for i in range(len(names)) if i != at]].set_axis(index, axis=0)
    if wide.columns.names == [None]:
        level = names[at] if isinstance(names[at], str) and not (date or at) else None
        wide.columns.name = "series_id" if names[at] == "dt" else level
    wide.attrs = frame.attrs
    return wide


def _with_numbers(frame: pd.DataFrame, text: TextFormat, file: str) -> pd.DataFrame:
    columns = [numbers(frame.iloc[:, i], text, file) for i in range(frame.shape[1])]
    converted = pd.DataFrame(dict(enumerate(columns)), index=frame.index).set_axis(frame.columns, axis=1)
    converted.attrs = frame.attrs
    return converted


def _with_levels(
    frame: pd.DataFrame, reported_date: str | None, json_fields: Sequence[str], text: TextFormat, file: str
) -> pd.DataFrame:
    """The frame with report dates, and values of JSON, in the levels of its columns."""
    reported_date = reported_date or "reported_date"
    names = list(frame.columns.names)
    for name in json_fields:
        if name not in names:
            shown = ", ".join(map(repr, names))
            raise ValueError(f"--json-fields must name levels of the columns of {file} ({shown}), got {name!r}")
    for at, name in enumerate(names):
        if name != reported_date and name not in json_fields:
            continue
        labels = pd.Series(frame.columns.get_level_values(at), name=name)
        level: Any = dates(labels, text, file) if name == reported_date else from_json(labels, file)
        arrays = [frame.columns.get_level_values(other) for other in range(frame.columns.nlevels)]
        arrays[at] = pd.Index(level, name=name)
        columns = pd.MultiIndex.from_arrays(arrays) if len(arrays) > 1 else arrays[0]
        frame = frame.set_axis(columns, axis=1)
    return frame


def _kind(file: Path | IO[bytes]) -> Kind:
    return kind_of(file) if isinstance(file, Path) else "csv"


def _with_separator(text: TextFormat | None, file: Path | IO[bytes]) -> TextFormat:
    text = text or TextFormat()
    if text.sep is not None:
        return text
    return replace(text, sep="\t" if isinstance(file, Path) and ".tsv" in file.suffixes[-2:] else ",")


@contextmanager
def _as_it_is(file: IO[bytes]) -> Iterator[IO[bytes]]:
    yield file

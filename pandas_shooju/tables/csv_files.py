"""CSV files: every cell is text until its column is known to contain dates or values."""

from __future__ import annotations

import csv
import io
import json
import shlex
from typing import IO, Any

import pandas as pd

from pandas_shooju.tables.cells import TextFormat, dates

#: the most rows that are searched for the first date, below the levels of the columns
_MAX_LEVELS = 30

#: labels that would be taken for the names of columns, if a row of names did not follow
_NAMES = ("dt", "val", "series_id", "reported_date")

#: separators that an error proposes
_SEPARATORS = ";\t|,"


def save(frame: pd.DataFrame, file: IO[bytes], text: TextFormat) -> None:
    """Write a frame."""
    label: Any = None
    index = True
    if isinstance(frame.index, pd.DatetimeIndex):
        name = frame.columns.name
        label = None if isinstance(frame.columns, pd.MultiIndex) else name if name not in (None, "series_id") else "dt"
    else:
        index = frame.index.name is not None
        frame = pd.DataFrame(
            {at: _texts(frame.iloc[:, at]) for at in range(frame.shape[1])}, index=frame.index
        ).set_axis(frame.columns, axis=1)
    writer = io.TextIOWrapper(file, text.encoding, newline="")
    sep = text.sep or ","
    header = True
    if isinstance(frame.index, pd.DatetimeIndex) and frame.columns.nlevels == 1 and frame.columns.isin(_NAMES).any():
        rows = csv.writer(writer, delimiter=sep, lineterminator="\n")
        rows.writerows([[frame.columns.name, *frame.columns], ["dt", *[""] * frame.shape[1]]])
        header = False
    frame.to_csv(
        writer, sep=sep, decimal=text.decimal, index_label=label, index=index, header=header, lineterminator="\n"
    )
    writer.detach()  # the file stays open


def _texts(column: pd.Series) -> pd.Series:
    """Objects, and values that are true or false, as JSON; numbers, dates and texts as they are."""
    if column.dtype == bool or (column.dtype == object and not column.map(lambda one: isinstance(one, str)).all()):
        return column.astype(object).map(_as_text)
    return column


def _as_text(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | bool) else value


def load(file: IO[bytes], text: TextFormat, name: str, date: str | None) -> pd.DataFrame:
    """A frame of text; the index is that of the dates if the columns have several levels.

    Raises
    ------
    ValueError
        The file has another encoding or separator.
    """
    data = file.read()
    try:
        cells = pd.read_csv(
            io.BytesIO(data), header=None, dtype=object, keep_default_na=False, na_values=[""], skip_blank_lines=True,
            sep=text.sep or ",", encoding=text.encoding, low_memory=False,
        )  # fmt: skip
    except UnicodeError as error:
        raise ValueError(f"{name} cannot be read as {text.encoding} ({error}); pass its --encoding") from None
    except pd.errors.EmptyDataError:
        raise ValueError(f"{name} must have a row of column names, but it is empty") from None
    except pd.errors.ParserError as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        other = _other_separator(data.split(b"\n", 1)[0].decode(text.encoding, "replace"), text)
        raise ValueError(f"{name} cannot be read with the separator {text.sep!r} ({reason}); {other}") from None
    first = cells.iloc[0].tolist()
    if isinstance(first[0], str):
        first[0] = first[0].removeprefix("\ufeff")
    if len(first) == 1 and isinstance(first[0], str) and any(sep in first[0] for sep in _SEPARATORS):
        other = _other_separator(first[0], text)
        raise ValueError(f"{name} has one column only with the separator {text.sep!r}; {other}")
    if text.is_date(first[0]):
        raise ValueError(f"the first row of {name} must have the names of the columns, but it starts with {first[0]!r}")
    named = _has_row_of_names(cells, text)
    levels = 1 if named or first[0] == "series_id" else _levels(cells, text)
    if (levels == 1 and not named) or date not in (None, cells.iloc[levels, 0]):
        return cells.iloc[1:].reset_index(drop=True).set_axis(pd.Index(first, dtype=object), axis=1)
    head, data = cells.iloc[:levels], cells.iloc[levels + 1 :].reset_index(drop=True)
    labels = [head.iloc[at, 1:].to_numpy(object) for at in range(levels)]
    names = [None if pd.isna(level) else level for level in [first[0], *head[0].iloc[1:]]]
    index = dates(data[0].rename(cells.iloc[levels, 0]), text, name).rename("dt")
    columns: pd.Index = pd.Index(labels[0], dtype=object, name=names[0])
    if levels > 1:
        columns = pd.MultiIndex.from_arrays(labels, names=names)
    return data.iloc[:, 1:].set_axis(index, axis=0).set_axis(columns, axis=1)


def _other_separator(line: str, text: TextFormat) -> str:
    """Advice to pass the separator that the first line seems to have."""
    other = max(_SEPARATORS.replace(text.sep or ",", ""), key=line.count)
    if other not in line:
        return "pass --sep"
    return "pass --sep " + (r"'\t'" if other == "\t" else shlex.quote(other))


def _has_row_of_names(cells: pd.DataFrame, text: TextFormat) -> bool:
    """Whether one level of columns is followed by a row with only the name of the index."""
    if len(cells) < 2 or cells.shape[1] < 2 or cells.iloc[1, 0] != "dt" or cells.iloc[1, 1:].notna().any():
        return False
    return len(cells) == 2 or text.is_date(cells.iloc[2, 0])


def _levels(cells: pd.DataFrame, text: TextFormat) -> int:
    """The number of levels of the columns: several are followed by a row with only the name of the index."""
    rows = min(len(cells), _MAX_LEVELS + 2)
    first = next((row for row in range(1, rows) if text.is_date(cells.iloc[row, 0])), len(cells))
    above = cells.iloc[first - 1]
    named = isinstance(above.iloc[0], str) and len(above) > 1 and above.iloc[1:].isna().all()
    return first - 1 if first > 2 and named else 1

r"""The values that fields and points may have. Pure.

``df.shooju.write``, ``job.write`` and the embedded store all use this module, so that they agree on every value.

**Fields.** A field holds JSON. Values are converted to JSON as follows, also inside lists and dicts:

======================================================  ===============================================================
value                                                   is stored as
======================================================  ===============================================================
str, its subclasses, ``np.str_``, str enums             the string
bool, ``np.bool_``                                      true or false
int, numpy integers, int enums                          the integer, from ``-2**63`` to ``2**64 - 1``
float, numpy floats                                     the number, which must be finite
Decimal                                                 the number, if ``Decimal(repr(float(d))) == d``
datetime, Timestamp, ``np.datetime64`` with a time      ISO 8601: ``"2024-01-31T09:30:00+01:00"``
date, ``np.datetime64`` of days, weeks, months, years   ISO 8601, as precise as it is: ``"2024-01-31"``, ``"2024-01"``
time                                                    ISO 8601: ``"09:30:00"``
Period                                                  as pandas prints it, with a ``T`` before the time: ``"2024"``,
                                                        ``"2024Q1"``, ``"2024-01"``, ``"2024-01-31T09:30"``
timedelta, Timedelta, ``np.timedelta64``                ISO 8601 duration: ``"P1DT2H0M0.5S"``, ``"-P0DT1H0M0S"``
list, tuple, range, numpy and pandas arrays, Index      a list
set, frozenset                                          a sorted list
dict and other mappings with string keys                an object
None                                                    removes the field (in a list or dict: null)
======================================================  ===============================================================

Everything else is an error: infinities; bytes; complex numbers; integers beyond 64 bits and Decimals that float64
cannot represent; strings with unpaired surrogates; members of other enums; Series and DataFrames; lists and dicts
nested more than 100 levels deep. NaN, NaT and NA are errors, too; use None to remove a field. In a
column of a frame, however, every kind of missing value means that there is no value, and the argument ``na`` of
``write`` decides what happens.

**Points.** The value of a point is a float64. Integers and Decimals are accepted if float64 represents them exactly,
missing values become NaN. Booleans, strings, dates and complex numbers are refused.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import ExtensionArray

__all__ = [
    "Missing",
    "check_field_name",
    "column_values",
    "field_value",
    "field_values",
    "is_missing",
    "point_value",
    "point_values",
]

Missing: TypeAlias = Literal["skip", "null"]

_MAX_DEPTH = 100
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**64 - 1  # what msgpack carries
_EXACT = 2.0**53  # up to here float64 represents every integer

_ACCEPTED = "fields hold strings, finite numbers, booleans, dates, durations, lists and dicts"


def is_missing(value: Any) -> bool:
    """Whether a single value is missing: None, NA, NaT or NaN of any type.

    Examples
    --------
    >>> [is_missing(value) for value in (None, float("nan"), np.datetime64("NaT", "ms"), 0, "")]
    [True, True, True, False, False]
    """
    if value is None or value is pd.NA or value is pd.NaT or value is np.ma.masked:
        return True
    if isinstance(value, float | np.floating):
        return bool(value != value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return isinstance(value, Decimal) and value.is_nan()


# --- fields -----------------------------------------------------------------------------------------------------------


def field_values(fields: Mapping[Any, Any] | None) -> dict[str, Any]:
    """The fields in a dict as JSON. A value of None is kept, since writing it removes the field.

    Raises
    ------
    TypeError
        A name is not a string, or the type of a value is not accepted.
    ValueError
        A value cannot be stored although its type is accepted (infinite, too large, missing, ...).

    Examples
    --------
    >>> field_values({"unit": "MW", "since": pd.Timestamp("2024-01-31"), "tags": {"b", "a"}, "note": None})
    {'unit': 'MW', 'since': '2024-01-31T00:00:00', 'tags': ['a', 'b'], 'note': None}
    """
    if fields is None:
        return {}
    if not isinstance(fields, Mapping):
        raise TypeError(f"fields must be a dict of names and values, got {_shown(fields)}")
    return {
        check_field_name(name): None if value is None else field_value(name, value) for name, value in fields.items()
    }


def same_value(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, and of the same type all the way down.

    Examples
    --------
    >>> same_value([1, {"a": None}], [1, {"a": None}]), same_value([1], [True]), same_value(1, 1.0)
    (True, False, False)
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_value(value, other[name]) for name, value in one.items())
    return bool(one == other)


def check_field_name(name: Any) -> str:
    """The name of a field as a plain string.

    Raises
    ------
    TypeError
        It is not a string.
    ValueError
        It is empty, is not valid Unicode, or begins with ``meta.``, which is reserved for meta data.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"the name of a field must be a string, got {_shown(name)} ({type(name).__name__}); rename it, "
            "for columns of a frame: `df = df.rename(columns=str)`"
        )
    plain = str.__str__(name)
    if not plain:
        raise ValueError("the name of a field must not be empty")
    if plain[:5].lower() == "meta.":
        raise ValueError(f"the name of a field must not begin with 'meta.', which is reserved, got {_shown(name)}")
    if not _is_unicode(plain):
        raise ValueError(f"the name of a field must be valid Unicode, got {_shown(name)} (an unpaired surrogate)")
    return plain


def field_value(name: str, value: Any) -> Any:
    """The value of the field `name` as JSON.

    Raises
    ------
    TypeError, ValueError
        As for :func:`field_values`; a missing value is a ValueError.

    Examples
    --------
    >>> field_value("lag", pd.Timedelta(hours=36)), field_value("month", pd.Period("2024-01", "M"))
    ('P1DT12H0M0S', '2024-01')
    """
    kind = type(value)
    if kind is str:
        if value.isascii() or _is_unicode(value):
            return value
    elif kind is bool or (kind is float and math.isfinite(value)) or (kind is int and abs(value) < 2**63):
        return value
    return _json(name, value, 0)


def column_values(name: str, column: pd.Series[Any], na: Missing) -> list[Any]:
    """The values of the field `name` for each row of a column, as JSON.

    Parameters
    ----------
    name
        The name of the field.
    column
        Of any dtype. Each distinct value of a categorical or string column is looked at once.
    na
        Missing values become None with ``"null"``, which removes the field, and NA with ``"skip"``, which the caller
        leaves out.

    Raises
    ------
    TypeError, ValueError
        As for :func:`field_values`.
    """
    missing = None if na == "null" else pd.NA

    def converted(value: Any) -> Any:
        if type(value) is str and value.isascii():
            return value
        return missing if is_missing(value) else field_value(name, value)

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype | pd.StringDtype):
        codes, distinct = pd.factorize(column)
        by_code = [*map(converted, distinct.tolist()), missing]
        return [by_code[code] for code in codes.tolist()]  # -1 is missing
    values: list[Any] = column.tolist()
    if isinstance(dtype, np.dtype) and (
        dtype.kind in "biu" or (dtype == np.float64 and np.isfinite(column.to_numpy()).all())
    ):
        return values
    return [converted(value) for value in values]


def _json(name: str, value: Any, depth: int) -> Any:
    """A value as JSON; `depth` is the number of lists and dicts around it."""
    if isinstance(value, str):
        plain = str.__str__(value)
        if _is_unicode(plain):
            return plain
        raise _wrong(name, value, "which is not valid Unicode (an unpaired surrogate)")
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if is_missing(value):
        if value is None and depth:
            return None
        use = "use None for null" if depth else "use None to remove the field"
        raise _wrong(name, value, f"which is a missing value; {use}")
    if isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64):
        integer = int(value)
        if _MIN_INTEGER <= integer <= _MAX_INTEGER:
            return integer
        raise _wrong(name, value, "which does not fit in 64 bits; write it as a string")
    if isinstance(value, float | np.floating | Decimal):
        number = _exact_float(value)
        if number is None:
            raise _wrong(name, value, "which float64 cannot represent exactly; write it as a string, or round it")
        if math.isinf(number):
            raise _wrong(name, value, "which is infinite; numbers in fields must be finite")
        return number
    text = _iso(value)
    if text is not None:
        return text
    if depth > _MAX_DEPTH:
        raise ValueError(f"the field {name!r} must not be nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {_key(name, key): _json(name, inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return _json(name, value[()], depth)
    if isinstance(value, list | tuple | range | np.ndarray | ExtensionArray | pd.Index):
        return [_json(name, inner, depth + 1) for inner in value]
    if isinstance(value, set | frozenset):
        return _sorted([_json(name, inner, depth + 1) for inner in value])
    raise TypeError(f"the field {name!r} contains {_shown(value)} of type {type(value).__name__}; {_ACCEPTED}")


def _key(name: str, key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(
            f"the field {name!r} contains a dict with the key {_shown(key)} of type {type(key).__name__}; "
            "keys must be strings"
        )
    plain = str.__str__(key)
    if not _is_unicode(plain):
        raise _wrong(name, key, "which is not valid Unicode (an unpaired surrogate)")
    return plain


def _sorted(values: list[Any]) -> list[Any]:
    """The items of a set in an order that does not depend on hashes."""
    try:
        return sorted(values)
    except TypeError:  # of several types
        return sorted(values, key=lambda value: (type(value).__name__, repr(value)))


def _wrong(name: str, value: Any, reason: str) -> ValueError:
    return ValueError(f"the field {name!r} contains {_shown(value)}, {reason}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- dates and durations as text --------------------------------------------------------------------------------------


def _iso(value: Any) -> str | None:
    """A date, time, period or duration as ISO 8601; None for anything else."""
    if isinstance(value, datetime.date | datetime.time):  # and datetime, and Timestamp
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return _iso_moment(value)
    if isinstance(value, pd.Period):
        return str(value).replace(" ", "T")
    if isinstance(value, pd.Timedelta):
        value = value.to_timedelta64()
    if isinstance(value, datetime.timedelta):
        return _iso_duration(value // datetime.timedelta(microseconds=1), "us")
    if isinstance(value, np.timedelta64):
        unit, step = np.datetime_data(value.dtype)
        return _iso_duration(int(value.astype(np.int64)) * step, unit)
    return None


def _iso_moment(value: np.datetime64) -> str:
    """As numpy prints it, but with the time as in `isoformat`: with seconds, and 6 or more digits of a fraction."""
    unit, _ = np.datetime_data(value.dtype)
    if unit in ("Y", "M", "W", "D"):
        return str(value)
    whole, _, fraction = str(value.astype("M8[s]") if unit in ("h", "m") else value).partition(".")
    fraction = fraction.rstrip("0")
    if not fraction:
        return whole
    return f"{whole}.{fraction.ljust(-(-max(len(fraction), 6) // 3) * 3, '0')}"


_SECONDS = {"W": 604_800, "D": 86_400, "h": 3600, "m": 60, "s": 1}
_PARTS = {"ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15, "as": 18}


def _iso_duration(count: int, unit: str) -> str | None:
    """As `Timedelta.isoformat`, but with a single leading sign if it is negative; None without a unit."""
    sign = "-" if count < 0 else ""
    if unit in ("Y", "M"):
        return f"{sign}P{abs(count)}{unit}"
    if unit not in _SECONDS and unit not in _PARTS:
        return None
    digits = _PARTS.get(unit, 0)
    seconds, rest = divmod(abs(count) * _SECONDS.get(unit, 1), 10**digits)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    fraction = f".{rest:0{digits}d}".rstrip("0") if rest else ""
    return f"{sign}P{days}DT{hours}H{minutes}M{seconds}{fraction}S"


# --- points -----------------------------------------------------------------------------------------------------------


def point_value(value: Any) -> float:
    """The value of a point as a float; a missing value is NaN.

    Raises
    ------
    TypeError
        It is not a number: a string, a boolean, a date, a complex number, ...
    ValueError
        float64 cannot represent it exactly.

    Examples
    --------
    >>> from decimal import Decimal
    >>> point_value(Decimal("14.7")), point_value(None)
    (14.7, nan)
    """
    if type(value) is float:
        return value
    if is_missing(value):
        return math.nan
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return point_value(value[()])
    of_numpy = isinstance(value, np.generic)
    if (
        (of_numpy and (isinstance(value, np.timedelta64) or not isinstance(value, np.integer | np.floating)))
        or (not of_numpy and not hasattr(value, "__float__"))
        or isinstance(value, bool | str)
    ):
        raise TypeError(f"{_shown(value)} is not a number")
    number = _exact_float(value)
    if number is None:
        raise ValueError(f"{_shown(value)} cannot be represented exactly by float64")
    return number


#: returns code, or None if there is none; called for an error only
Code: TypeAlias = Callable[[], "str | None"]


def point_values(
    column: pd.Series[Any] | npt.NDArray[np.float64], what: str, code: Code | None = None
) -> npt.NDArray[np.float64]:
    """A column of values of points as float64; missing values are NaN.

    Parameters
    ----------
    column
        Of any numeric dtype, or objects; float64 arrays are returned as they are.
    what
        A description of the column for error messages: ``"the column 'a'"``.
    code
        A function that returns the expression for it in the caller's code, such as ``df['a']``, or None; for advice in
        error messages.

    Raises
    ------
    TypeError
        A value is not a number.
    ValueError
        float64 cannot represent a value exactly.

    Examples
    --------
    >>> point_values(pd.Series([1, None, 3], dtype="Int64"), "the column 'a'")
    array([ 1., nan,  3.])
    >>> point_values(pd.Series([1, 2**53 + 1]), "the column 'a'")
    Traceback (most recent call last):
      ...
    ValueError: the column 'a' contains 9007199254740993 (row 1), which float64 cannot represent exactly
    """
    if isinstance(column, np.ndarray):
        return column
    dtype = column.dtype
    if isinstance(dtype, pd.SparseDtype):
        column = column.sparse.to_dense()
        dtype = column.dtype
    if dtype.kind == "O" and dtype.type in (np.object_, Decimal):  # decimals of pyarrow
        return _of_objects(column, what, code)
    if isinstance(dtype, pd.CategoricalDtype) or dtype.kind not in "fiu":
        if column.isna().all():
            return np.full(len(column), np.nan)
        raise _not_a_number(column, int(np.argmin(column.isna().to_numpy())), what, code)
    numbers: npt.NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    longer = dtype.kind == "f" and dtype.itemsize > 8  # np.longdouble
    if dtype.kind in "iu" or longer:
        check = np.flatnonzero(~np.isnan(numbers) if longer else np.abs(numbers) >= _EXACT)
        for at, value in zip(check.tolist(), column.iloc[check].tolist(), strict=True):
            if _exact_float(value) is None:
                raise _not_exact(column, at, what)
    return numbers


def _of_objects(column: pd.Series[Any], what: str, code: Code | None) -> npt.NDArray[np.float64]:
    numbers = np.empty(len(column))
    for at, value in enumerate(column.tolist()):
        try:
            numbers[at] = value if type(value) is float else point_value(value)
        except TypeError:
            raise _not_a_number(column, at, what, code) from None
        except ValueError:
            raise _not_exact(column, at, what) from None
    return numbers


def _not_a_number(column: pd.Series[Any], at: int, what: str, place: Code | None) -> TypeError:
    values = column.tolist()
    code = (place and place()) or "column"
    dtype = f"the dtype of the column is {column.dtype}"
    if isinstance(values[at], str):
        strings = pd.Series([value if isinstance(value, str) else None for value in values], dtype=object)
        wrong = strings.notna() & pd.to_numeric(strings, errors="coerce").isna()
        if wrong.any():  # rather than a string that looks like a number
            at = int(np.argmax(wrong.to_numpy()))
        missing = list(dict.fromkeys(strings[wrong]))
        cast = f"{code}.mask({code}.isin({missing!r})).astype(float)" if missing else f"{code}.astype(float)"
        words = "to make such values missing" if missing else "to convert the column"
        remaining = column.mask(column.isin(missing))
        possible = len(missing) <= _FEW and bool(remaining.notna().any()) and _converts(remaining)
    else:
        words, cast, possible = "to convert the column", f"{code}.astype(float)", _converts(column)
        if isinstance(values[at], bool | np.bool_):
            words = "to write 1 and 0"
    advice = f"{words}: `{code} = {cast}`" if possible else dtype
    return TypeError(
        f"{what} contains {_shown(values[at])} ({_row(column, at)}), which is not a number; "
        f"the values of points must be numbers; {advice}"
    )


#: how many different strings a message proposes to make missing
_FEW = 5


def _converts(column: pd.Series[Any]) -> bool:
    """Whether a column of booleans, of categories or of objects can be converted to numbers."""
    try:
        return column.dtype.kind in "bO" and column.astype(float).dtype == np.float64
    except (TypeError, ValueError):
        return False


def _not_exact(column: pd.Series[Any], at: int, what: str) -> ValueError:
    return ValueError(
        f"{what} contains {_shown(column.tolist()[at])} ({_row(column, at)}), which float64 cannot represent exactly"
    )


def _row(column: pd.Series[Any], at: int) -> str:
    return f"row {column.index[at]}"


def _exact_float(value: Any) -> float | None:
    """A number as a float; None if float64 cannot represent it exactly."""
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    if isinstance(value, Decimal):
        # the shortest text that gives the float must be the Decimal: 0.1 is, though no float is a tenth
        return number if Decimal(repr(number)) == value else None
    return number if number == (int(value) if isinstance(value, np.integer) else value) else None


def _shown(value: Any) -> str:
    """A value for a message: numpy scalars as Python scalars, and long values truncated."""
    if isinstance(value, np.integer | np.floating | np.bool_) and not isinstance(value, np.timedelta64):
        value = value.item()
    try:
        text = " ".join(repr(value).splitlines())
    except Exception:  # an integer of too many digits, a list that is nested too deep, ...
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 100 else f"{text[:97]}..."

r"""The catalog: what series there are, from facets and meta data, without reading points.

`Catalog` is what :attr:`Connection.catalog` returns. How series are read is in :mod:`pandas_shooju.client.reader`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import pandas as pd

from pandas_shooju.client.reader import wire_fields
from pandas_shooju.client.transport import Client
from pandas_shooju.errors import ShoojuFormatError
from pandas_shooju.layouts import str_dtype, typed

__all__ = ["Catalog"]


class Catalog:
    r"""What series a server has; :attr:`Connection.catalog`.

    Series in the trash are counted and listed only for a query that mentions it, such as ``r"sid:System\Trash"``.

    Examples
    --------
    >>> import pandas_shooju as sj
    >>> conn = sj.Connection("local::memory:")
    >>> with conn.register_job("GDP") as job:
    ...     for country in ["CN", "US"]:
    ...         job.write(rf"sid=gdp\{country}", fields={"country": country, "unit": "US$ tn"}, points=[(0, 1.0)])
    >>> conn.catalog.count(sj.query.field("unit") == "US$ tn")
    2
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<Catalog of {self._client.url}>"

    def count(self, query: str = "") -> int:
        r"""Count the series that a query finds, in one request.

        Parameters
        ----------
        query
            The query; by default every series there is.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     job.write(r"sid=gdp\cn", points=[(0, 14.7)])
        >>> conn.catalog.count("sid:gdp"), conn.catalog.count("sid:prices")
        (1, 0)
        """
        return _total(self._client.get("/series", params={"query": _checked(query), "per_page": 0}))

    def facets(self, query: str, fields: str | Iterable[str], *, max_values: int = 1000) -> pd.DataFrame:
        r"""List the distinct values that fields have among the series of a query, in one request.

        Parameters
        ----------
        query
            The query; the empty string finds every series.
        fields
            The names of one or more fields. A dotted name refers to a value inside an object.
        max_values
            The most values per field, the most frequent first. A field that has more causes a warning.

        Returns
        -------
        DataFrame
            A row per field and value: ``field``, ``value`` (with its type), and ``count`` (int64), the number of series
            that have the value. The fields are in the given order, with the values of each by falling count.

        Raises
        ------
        ShoojuApiError
            The server has no facets of such a field, or of a query with the operator ``@asof`` or ``@repdate``.

        Examples
        --------
        >>> import pandas_shooju as sj
        >>> conn = sj.Connection("local::memory:")
        >>> with conn.register_job("GDP") as job:
        ...     for country in ["CN", "US"]:
        ...         job.write(rf"sid=gdp\{country}", fields={"country": country, "unit": "US$ tn"})
        >>> conn.catalog.facets("sid:gdp", ["country", "unit"])
             field   value  count
        0  country      CN      1
        1  country      US      1
        2     unit  US$ tn      2
        """
        names = list(dict.fromkeys([fields] if isinstance(fields, str) else fields))
        listed = wire_fields(names)
        if not listed or not all(names):
            raise ValueError(f"fields must be one or more names of fields, got fields={fields!r}")
        if isinstance(max_values, bool) or not hasattr(max_values, "__index__") or max_values < 1:
            raise ValueError(f"max_values must be a positive number of values, got max_values={max_values!r}")
        answer = self._client.get(
            "/series",
            # one value more, to see whether there are more
            params={
                "query": _checked(query), "per_page": 0, "facets": listed, "max_facet_values": int(max_values) + 1,
            },
        )  # fmt: skip
        rows: list[tuple[str, Any, int]] = []
        for name in names:
            terms = _terms(answer, name)
            if len(terms) > max_values:
                warnings.warn(
                    f"the field {name!r} has more than {max_values} values, and only the most frequent are returned; "
                    "pass a larger max_values",
                    UserWarning,
                    stacklevel=2,
                )
            rows += ((name, value, count) for value, count in terms[:max_values])
        return pd.DataFrame(
            {
                "field": pd.array([name for name, _, _ in rows], dtype=str_dtype()),
                "value": typed([value for _, value, _ in rows]),
                "count": pd.array([count for _, _, count in rows], dtype="int64"),
            }
        )


def _checked(query: str) -> str:
    """A query as the API takes it."""
    if not isinstance(query, str):
        raise TypeError(f"query must be a string, got {query!r}")
    return str(query)


# --- the shape of responses --------------------------------------------------------------------------------------


def _total(answer: Any) -> int:
    """How many series a search has found."""
    total = answer.get("total") if isinstance(answer, Mapping) else None
    if not _is_count(total):
        raise ShoojuFormatError("the response must contain the number of series found under 'total', but it does not")
    return total


def _terms(answer: Any, name: str) -> list[tuple[Any, int]]:
    """The values of a field and their counts, the most frequent first."""
    found = answer.get("facets") if isinstance(answer, Mapping) else None
    of_field = found.get(name, {"terms": []}) if isinstance(found, Mapping) else None
    terms = of_field.get("terms") if isinstance(of_field, Mapping) else None
    if not isinstance(terms, list) or not all(
        isinstance(term, Mapping) and "term" in term and _is_count(term.get("count")) for term in terms
    ):
        raise ShoojuFormatError(
            f"the response must contain the values of {name!r} under 'facets', as a list of 'term' and 'count', but it "
            "does not"
        )
    return sorted(((term["term"], term["count"]) for term in terms), key=lambda term: -term[1])


def _is_count(number: Any) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0

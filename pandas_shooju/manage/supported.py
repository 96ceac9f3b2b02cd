"""What not every server has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pandas_shooju.errors import ConnectionError, ShoojuApiError


@contextmanager
def where_supported() -> Iterator[None]:
    """End the block where a server does not have what is asked of it."""
    try:
        yield
    except ShoojuApiError:
        pass
    except ConnectionError as error:
        if error.status not in (403, 404, 405):
            raise

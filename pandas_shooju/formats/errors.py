"""The root of the exceptions, and the one that the formats raise.

The whole tree is drawn in :mod:`pandas_shooju.client.errors`; these two stand here because the formats know
nothing of the client.
"""


class ShoojuError(Exception):
    """Everything that this package raises by itself, apart from `TypeError` and `ValueError` for arguments."""


class ShoojuFormatError(ShoojuError, ValueError):
    """Bytes or data that are not what they claim to be.

    Raised for a truncated, damaged or lying document, and for data that a format cannot carry.
    """

"""The base class of hooks, and what they are given."""

from pandas_shooju.client.hooks import BaseHook, Request, Response

__all__ = ["BaseHook", "Request", "Response"]

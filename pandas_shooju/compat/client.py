"""The raw client, whose calls take serializers, and whose responses hold points as rows."""

from __future__ import annotations

import logging
from typing import Any, cast

from pandas_shooju.client import transport
from pandas_shooju.client.transport import CallOptions
from pandas_shooju.compat.common import plain

DEFAULT_REQUEST_TIMEOUT = transport.DEFAULT_TIMEOUT
LOCATION_TYPE = "python"

#: failed requests are logged here
logger = logging.getLogger("pandas_shooju")


class Client(transport.Client):
    """The raw client; see `pandas_shooju.Client` for its arguments.

    Examples
    --------
    >>> from pandas_shooju.compat.common import json_serializer
    >>> Client("local::memory:").get("/status/ping", deserializer=json_serializer, json_response=False)
    '{"success":true}'
    """

    ALLOWED_METHODS = ("get", "post", "delete")

    def get(self, path: str = "", ignore_exceptions: bool = False, params: Any = None, **call: Any) -> Any:
        """GET a path; see `call_plainly` for the arguments."""
        return self.call_plainly("get", path, ignore_exceptions, params, **call)

    def post(self, path: str = "", ignore_exceptions: bool = False, params: Any = None, **call: Any) -> Any:
        """POST to a path; see `call_plainly` for the arguments."""
        return self.call_plainly("post", path, ignore_exceptions, params, **call)

    def delete(self, path: str = "", ignore_exceptions: bool = False, params: Any = None, **call: Any) -> Any:
        """DELETE a path; see `call_plainly` for the arguments."""
        return self.call_plainly("delete", path, ignore_exceptions, params, **call)

    def call_plainly(
        self,
        method: str,
        path: str,
        ignore_exceptions: bool,
        params: Any,
        serializer: Any = None,
        deserializer: Any = None,
        deserializer_params: Any = None,
        json_response: bool = True,
        **call: Any,
    ) -> Any:
        """Call the API.

        Parameters
        ----------
        method, path, params, ignore_exceptions
            The call; with `ignore_exceptions`, a response that describes an error is returned.
        serializer, deserializer
            The formats of the request and of the response: anything whose ``__name__`` is ``json``, ``msgpack`` or
            ``sjts``.
        deserializer_params
            ``{"use_numpy": True}`` for points as structured arrays.
        json_response
            False returns the text of the response.
        **call
            ``data_json``, ``data_raw``, ``data``, ``files``, ``binary_response``, ``timeout``.
        """
        options = cast(CallOptions, {**call, "params": params, "ignore_exceptions": ignore_exceptions})
        if serializer is not None:
            options["send_format"] = serializer.__name__
        if deserializer is not None:
            options["receive_format"] = deserializer.__name__
        binary = bool(call.get("binary_response"))
        if not json_response:
            options["binary_response"] = True
        answer = self.call(method, path, **options)
        if binary:
            return answer.response
        if not json_response:
            return answer.response.text
        use_numpy = bool((deserializer_params or {}).get("use_numpy"))
        return plain(answer.document.plain(), use_numpy, options.get("receive_format") == "sjts")

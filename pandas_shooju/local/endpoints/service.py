"""The service itself: whether it is running, and signing in by Google.

There is no Google here: the valid tokens are those that the app was opened with, so that a client's sign-in can be
tested.
"""

from __future__ import annotations

import hmac
from typing import Any

from pandas_shooju.local.call import Call
from pandas_shooju.local.errors import unauthorized

_LINK = "https://accounts.google.com/o/oauth2/auth?client_id=embedded-shooju&response_type=code"


def status(call: Call) -> dict[str, Any]:
    """``GET /status/ping``, ``GET /status/green``: it is running."""
    return {}


def sign_in(call: Call) -> dict[str, Any]:
    """``POST /auth/googleoauth``: user and API key, for an email address and its token."""
    account = call.accounts.get(call.text("email"))
    token = call.text("token")
    if account is None or not hmac.compare_digest(account.token.encode(), token.encode()):
        raise unauthorized("email and token do not match")
    return {"user": account.user, "api_secret": account.api_key}


def sign_in_link(call: Call) -> dict[str, Any]:
    """``GET /auth/google_refresh_token``: where a person would obtain the code."""
    return {"link": _LINK}


def refresh_token(call: Call) -> dict[str, Any]:
    """``POST /auth/google_refresh_token``: the token for a code; here, the code is the token."""
    code = call.text("code")
    for account in call.accounts.values():
        if hmac.compare_digest(account.token.encode(), code.encode()):
            return {"refresh_token": account.token}
    raise unauthorized("the code is not valid")

"""The two cookies (S-14): the refresh token, and what remembers an enrolled browser.

Each is sent to one path only. `Secure` and the prefix that depends on it are left off on plain-http
localhost, where Safari would drop the cookie.
"""

from typing import Any

from tornado.web import RequestHandler

from protocol import limits
from services.logins import TRUST_TTL_MS

REFRESH_PATH = "/api/auth/refresh"
TRUST_PATH = "/api/auth/login"
_REFRESH = "sealroom-refresh"
_TRUST = "sealroom-trust"
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")


def set_refresh(handler: RequestHandler, token: str) -> None:
    """Hand the browser its refresh token."""
    _set(handler, _REFRESH, token, REFRESH_PATH, limits.REFRESH_TOKEN_TTL_MS)


def clear_refresh(handler: RequestHandler) -> None:
    """Take the refresh token away."""
    name = _name(handler, _REFRESH)
    handler.clear_cookie(name, path=REFRESH_PATH, **_attributes(handler))


def refresh_token(handler: RequestHandler) -> str:
    """Return the refresh token the browser sent, or nothing."""
    return handler.get_cookie(_name(handler, _REFRESH)) or ""


def set_trust(handler: RequestHandler, token: str) -> None:
    """Let the browser be known again when it logs in to its device."""
    _set(handler, _TRUST, token, TRUST_PATH, TRUST_TTL_MS)


def trust_token(handler: RequestHandler) -> str:
    """Return what an enrolled browser sent to be known by, or nothing."""
    return handler.get_cookie(_name(handler, _TRUST)) or ""


def _is_secure(handler: RequestHandler) -> bool:
    return handler.request.protocol == "https" or handler.request.host_name not in _LOOPBACK


def _name(handler: RequestHandler, name: str) -> str:
    return f"__Secure-{name}" if _is_secure(handler) else name


def _set(handler: RequestHandler, name: str, value: str, path: str, life_ms: int) -> None:
    handler.set_cookie(
        _name(handler, name),
        value,
        path=path,
        max_age=life_ms // limits.SECOND_MS,
        **_attributes(handler),
    )


def _attributes(handler: RequestHandler) -> dict[str, Any]:
    return {"secure": _is_secure(handler), "httponly": True, "samesite": "Strict"}

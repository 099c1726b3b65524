"""What a server or this machine refused, as a caller can act on it."""

from pathlib import Path
from typing import ClassVar


class RefusedError(Exception):
    """An answer with the error body of docs/protocol.md.

    `users` names whose device lists have to be fetched after `stale_devices`.
    """

    _LIMITS: ClassVar = {
        "stored": "this account keeps as many bytes as it may; wait until older files have ended",
        "daily": "this account has begun as many uploads as it may in 24 hours; go on tomorrow",
        "pending": "too many uploads are under way; let some of them finish",
        "transfers": "this account has as many transfers as it may; withdraw one",
    }

    def __init__(self, body: dict[str, object]) -> None:
        message = self._LIMITS.get(str(body.get("limit")), body.get("message"))
        super().__init__(f"{body.get('code')}: {message}")
        retry_after_ms, users = body.get("retry_after_ms"), body.get("users")
        self.code = str(body.get("code"))
        self.request_id = str(body.get("request_id"))
        self.retry_after_ms = retry_after_ms if isinstance(retry_after_ms, int) else None
        self.users = [str(user) for user in users] if isinstance(users, list) else []


class ConnectionLostError(Exception):
    """The WebSocket closed before it answered; `close_code` is one of docs/protocol.md or None."""

    def __init__(self, close_code: int | None) -> None:
        super().__init__(f"closed with {close_code}")
        self.close_code = close_code


class StateInUseError(Exception):
    """Another process, or another part of this one, works with that state file."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"Another terminal uses this account ({path}): end it, or wait for it.")

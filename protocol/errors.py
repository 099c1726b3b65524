"""What can go wrong, as the caller sees it.

    AppError(code, detail)          every refusal; `detail` is for our own log and never sent
    ├── RateLimited(retry_after_ms) the caller may repeat the same request later
    ├── QuotaFull(limit)            which of the limits on files and transfers is reached
    └── StaleDevices(users)         the caller must refetch and verify the device lists of `users`

On the wire: `{"error": {"code", "message", "request_id", "retry_after_ms"?, "limit"?, "users"?}}`.
`message` is the fixed sentence of the code, for a developer; it never holds user data.
What is not yours and what is not there are the same `not_found`.
"""

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import Literal


class ErrorCode(StrEnum):
    """One code for one decision of the caller; docs/protocol.md is checked against it."""

    BAD_REQUEST = "bad_request"
    UNSUPPORTED = "unsupported"
    WEAK_KDF = "weak_kdf"
    BAD_KEY = "bad_key"
    BAD_SIGNATURE = "bad_signature"
    BAD_CODE = "bad_code"
    CODE_EXPIRED = "code_expired"
    UNAUTHENTICATED = "unauthenticated"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code, not a secret
    TOKEN_REUSED = "token_reused"  # noqa: S105
    SESSION_REVOKED = "session_revoked"
    BAD_CREDENTIALS = "bad_credentials"
    FORBIDDEN = "forbidden"
    BAD_ORIGIN = "bad_origin"
    NOT_CONTACT = "not_contact"
    NOT_ENROLLED = "not_enrolled"
    REAUTHENTICATE = "reauthenticate"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    STALE_DEVICES = "stale_devices"
    LIST_ROLLBACK = "list_rollback"
    PREKEY_REUSED = "prekey_reused"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    MISDIRECTED = "misdirected"
    BAD_PART = "bad_part"
    BAD_RANGE = "bad_range"
    BAD_GRANT = "bad_grant"
    BAD_LINK = "bad_link"
    USED_UP = "used_up"
    INCOMPLETE = "incomplete"
    QUOTA_FULL = "quota_full"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    STORAGE_FULL = "storage_full"


_STATUS_AND_MESSAGE: dict[ErrorCode, tuple[int, str]] = {
    ErrorCode.BAD_REQUEST: (400, "The request does not have the documented form."),
    ErrorCode.UNSUPPORTED: (400, "Unknown type, version, suite or kind."),
    ErrorCode.WEAK_KDF: (400, "The key derivation parameters are below the floor."),
    ErrorCode.BAD_KEY: (400, "A public key is not an uncompressed point on P-256."),
    ErrorCode.BAD_SIGNATURE: (400, "A signature does not verify."),
    ErrorCode.BAD_CODE: (400, "The code is wrong."),
    ErrorCode.CODE_EXPIRED: (400, "The code has expired or was used; ask for a new one."),
    ErrorCode.UNAUTHENTICATED: (401, "Log in first."),
    ErrorCode.TOKEN_EXPIRED: (401, "The access token has expired; refresh it."),
    ErrorCode.TOKEN_REUSED: (401, "The refresh token was used before; the log-in has been ended."),
    ErrorCode.SESSION_REVOKED: (401, "This log-in has been ended."),
    ErrorCode.BAD_CREDENTIALS: (401, "The e-mail address or the password is wrong."),
    ErrorCode.FORBIDDEN: (403, "This is not allowed."),
    ErrorCode.BAD_ORIGIN: (403, "The request comes from a foreign origin."),
    ErrorCode.NOT_CONTACT: (403, "Only accepted contacts may do this."),
    ErrorCode.NOT_ENROLLED: (403, "This log-in has no device yet."),
    ErrorCode.REAUTHENTICATE: (403, "This needs a log-in of the last five minutes."),
    ErrorCode.NOT_FOUND: (404, "There is no such thing here."),
    ErrorCode.METHOD_NOT_ALLOWED: (405, "This path does not take that method."),
    ErrorCode.CONFLICT: (409, "Someone else changed it first; fetch it again."),
    ErrorCode.STALE_DEVICES: (409, "The set of devices has changed; fetch and verify the lists."),
    ErrorCode.LIST_ROLLBACK: (409, "The device list does not follow the one the server holds."),
    ErrorCode.PREKEY_REUSED: (409, "A prekey id was used before."),
    ErrorCode.TOO_LARGE: (413, "The request is larger than allowed."),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: (415, "Send application/json."),
    ErrorCode.MISDIRECTED: (421, "This server does not answer under that host name."),
    ErrorCode.BAD_PART: (422, "The part is not what its sender says: size, number or hash differ."),
    ErrorCode.BAD_RANGE: (416, "The file has no such range."),
    ErrorCode.BAD_GRANT: (403, "The grant is missing, expired or for something else; sign anew."),
    ErrorCode.BAD_LINK: (403, "The secret of the link, or its passphrase, is another one."),
    ErrorCode.USED_UP: (410, "This was downloaded as often as its sender allowed."),
    ErrorCode.INCOMPLETE: (409, "Parts are missing; upload them and repeat."),
    ErrorCode.QUOTA_FULL: (403, "This account may not keep any more files for now."),
    ErrorCode.RATE_LIMITED: (429, "Too many requests; wait and repeat."),
    ErrorCode.INTERNAL: (500, "The server failed; the request id names the log entry."),
    ErrorCode.UNAVAILABLE: (503, "A part of the server is away; wait and repeat."),
    ErrorCode.STORAGE_FULL: (507, "The server's storage is full; nothing was changed."),
}


class CloseCode(IntEnum):
    """Close codes that Sealroom gives a meaning (RFC 6455 §7.4.2); TCP tells them too."""

    COME_BACK = 1012  # the server restarts: reconnect after 0-5 s, chosen at random
    BAD_FRAMES = 4400  # repeated frames that are not of the documented form
    SESSION_ENDED = 4401  # logged out, revoked or expired: do not reconnect with this token
    AUTHENTICATION_TIMEOUT = 4408  # no valid `authenticate` within 10 s
    SILENT = 4409  # said nothing for SILENCE_MS over TCP: reconnect, and `ping` in time
    TOO_SLOW = 4008  # did not read as fast as frames came: reconnect and `sync`
    TOO_MANY = 4429  # more frames or connections than allowed: reconnect after a minute


class AppError(Exception):
    """A refusal with a code; everything else that is raised is a bug and becomes `internal`."""

    def __init__(self, code: ErrorCode, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail

    @property
    def http_status(self) -> int:
        return _STATUS_AND_MESSAGE[self.code][0]

    def body(self, request_id: str) -> dict[str, object]:
        """Return the value of the wire's `error` key."""
        return {
            "code": str(self.code),
            "message": _STATUS_AND_MESSAGE[self.code][1],
            "request_id": request_id,
        }


class RateLimited(AppError):
    """Refused for now; `retry_after_ms` is when the same request would pass, in milliseconds."""

    def __init__(self, retry_after_ms: int, detail: str = "") -> None:
        super().__init__(ErrorCode.RATE_LIMITED, detail)
        self.retry_after_ms = retry_after_ms

    def body(self, request_id: str) -> dict[str, object]:
        return {**super().body(request_id), "retry_after_ms": self.retry_after_ms}


class QuotaFull(AppError):
    """A limit of the account: bytes stored, bytes begun in a day, uploads under way, transfers."""

    def __init__(self, limit: Literal["stored", "daily", "pending", "transfers"]) -> None:
        super().__init__(ErrorCode.QUOTA_FULL, limit)
        self.limit = limit

    def body(self, request_id: str) -> dict[str, object]:
        return {**super().body(request_id), "limit": self.limit}


class StaleDevices(AppError):
    """The capsule set of a send is not the current set of devices of `users` (SEAL1 §4.3)."""

    def __init__(self, users: Sequence[str]) -> None:
        super().__init__(ErrorCode.STALE_DEVICES)
        self.users = list(users)

    def body(self, request_id: str) -> dict[str, object]:
        return {**super().body(request_id), "users": self.users}

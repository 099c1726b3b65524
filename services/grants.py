"""Grants: a device shows that it holds its key, and gets a file's bytes for a while (S2-6).

    device                              server
    SIGN(DSK, "file-grant", …)  ──▶     certificate of an active device, fresh, a member of the room
                                ◀──     token, good for FILE_GRANT_TTL_MS
    token with every part       ──▶

The token is `expires_ms.tag`, with a tag that binds file, purpose and log-in, so nothing is stored
and a token that leaks opens nothing for anybody else.
"""

import hashlib
import hmac
from typing import Literal

from models.keys import Target
from models.ports import Clock
from protocol.encoding import b64url, parse_b64url, sealed_tuple
from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId, LoginId
from protocol.limits import FILE_GRANT_SKEW_MS, FILE_GRANT_TTL_MS
from services import signatures

Purpose = Literal["put", "get"]
TOKEN_CHARS = 64


class Grants:
    """Checks signatures and makes and reads tokens."""

    def __init__(self, clock: Clock, *, grant_key: bytes) -> None:
        self._clock = clock
        self._key = grant_key

    def require_signed(
        self,
        signing_key: bytes,
        signature: str,
        file_id: FileId,
        purpose: Purpose,
        device: Target,
        *,
        issued_ms: int,
    ) -> None:
        """Let pass what a device has just signed for this file and purpose.

        Raises: AppError(bad_signature); AppError(bad_grant) when it was signed at another time
        """
        if abs(self._clock.now_ms() - issued_ms) > FILE_GRANT_SKEW_MS:
            raise AppError(ErrorCode.BAD_GRANT, "signed at another time")
        body = sealed_tuple(
            "",
            parse_b64url(file_id),
            purpose.encode("ascii"),
            parse_b64url(device.user_id),
            parse_b64url(device.device_id),
            issued_ms.to_bytes(8, "big"),
        )
        signatures.require_signed(signing_key, "file-grant", body, signature)

    def issue(self, file_id: FileId, purpose: Purpose, login_id: LoginId) -> tuple[str, int]:
        """Return a token and when it expires (ms UTC)."""
        expires_ms = self._clock.now_ms() + FILE_GRANT_TTL_MS
        return f"{expires_ms}.{self._tag(file_id, purpose, login_id, expires_ms)}", expires_ms

    def require(self, token: str, file_id: FileId, purpose: Purpose, login_id: LoginId) -> None:
        """Let the holder of a token pass who got it for this, in this log-in.

        Raises: AppError(bad_grant)
        """
        digits, _, tag = token[:TOKEN_CHARS].partition(".")
        expires_ms = int(digits) if digits.isascii() and digits.isdigit() else 0
        right = self._tag(file_id, purpose, login_id, expires_ms)
        is_right = tag.isascii() and hmac.compare_digest(tag, right)
        if not is_right or expires_ms <= self._clock.now_ms():
            raise AppError(ErrorCode.BAD_GRANT)

    def _tag(self, file_id: FileId, purpose: Purpose, login_id: LoginId, expires_ms: int) -> str:
        text = f"{file_id} {purpose} {login_id} {expires_ms}".encode("ascii")
        return b64url(hmac.digest(self._key, text, hashlib.sha256))

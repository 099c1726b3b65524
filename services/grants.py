"""Grants: who has shown a key or a secret gets a file's bytes for a while (S2-6).

    device                              server
    SIGN(DSK, "file-grant", …)  ──▶     certificate of an active device, fresh, a member of the room
                                ◀──     token, good for FILE_GRANT_TTL_MS
    token with every part       ──▶

    page of a link              server
    auth of the link            ──▶     the one whose hash the transfer holds
                                ◀──     token, good for LINK_GRANT_TTL_MS
    token with every read       ──▶

A device's token is `expires_ms.tag`, with a tag that binds file, purpose and log-in, so one that
leaks opens nothing for anybody else. A link's is `expires_ms.holder.tag` and binds the transfer:
whoever has it goes on with that one download. Nothing is stored of either.
"""

import hashlib
import hmac
from typing import Literal

from models.keys import Target
from models.ports import Clock
from protocol.encoding import b64url, parse_b64url, sealed_tuple
from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId, LoginId, TransferId
from protocol.limits import FILE_GRANT_SKEW_MS, FILE_GRANT_TTL_MS, LINK_GRANT_TTL_MS
from services import signatures

Purpose = Literal["put", "get"]
TOKEN_CHARS = 96


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
        self._require(digits, tag, file_id, purpose, login_id)

    def issue_link(self, transfer_id: TransferId, holder: str) -> tuple[str, int]:
        """Return a token for one download by link, and when it expires (ms UTC).

        Args:
            holder: as which the download was counted, without a dot or a space.
        """
        expires_ms = self._clock.now_ms() + LINK_GRANT_TTL_MS
        tag = self._tag("link", transfer_id, holder, expires_ms)
        return f"{expires_ms}.{holder}.{tag}", expires_ms

    def require_link(self, token: str, transfer_id: TransferId) -> None:
        """Let the holder of a token pass who got it for this transfer.

        Raises: AppError(bad_grant)
        """
        digits, _, rest = token[:TOKEN_CHARS].partition(".")
        holder, _, tag = rest.partition(".")
        self._require(digits, tag, "link", transfer_id, holder)

    def _require(self, digits: str, tag: str, *bound: str) -> None:
        expires_ms = int(digits) if digits.isascii() and digits.isdigit() else 0
        right = self._tag(*bound, expires_ms)
        is_right = tag.isascii() and hmac.compare_digest(tag, right)
        if not is_right or expires_ms <= self._clock.now_ms():
            raise AppError(ErrorCode.BAD_GRANT)

    def _tag(self, *bound: str | int) -> str:
        # Nothing we issue holds a space, and no file is called "link": a text has one reading.
        text = " ".join(map(str, bound)).encode("utf-8")
        return b64url(hmac.digest(self._key, text, hashlib.sha256))

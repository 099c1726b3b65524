"""Access tokens: JWTs that name a log-in for fifteen minutes (S-11, RFC 9068).

header  alg HS256, typ at+jwt, kid            nothing else is accepted there
claims  iss aud sub sid iat nbf exp jti       sub is the user, sid the log-in
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
import msgspec

from models.ports import Clock, Entropy
from protocol.encoding import b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import LoginId, UserId, WireLoginId, WireUserId
from protocol.limits import ACCESS_TOKEN_TTL_MS, SECOND_MS

ALGORITHM = "HS256"
TYPE = "at+jwt"
ISSUER = "sealroom"
AUDIENCE = "sealroom-api"
TOKEN_CHARS = 2_048
CLOCK_SKEW_S = 5  # processes of one server may disagree about the time by this much
REMEMBERED = 4_096  # tokens that verified, 8 MB at most: whoever moves a file shows one every time
KEY_BYTES = 32  # RFC 7518 §3.2: no shorter than the hash


class _Claims(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    iss: str
    aud: str
    sub: WireUserId
    sid: WireLoginId
    iat: int
    nbf: int
    exp: int
    jti: str


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Who a valid token speaks for; whether that log-in still lives is asked elsewhere."""

    user_id: UserId
    login_id: LoginId


def _unauthenticated(reason: str) -> AppError:
    return AppError(ErrorCode.UNAUTHENTICATED, reason)


class AccessTokens:
    """Issues and reads access tokens with one algorithm and a fixed map of keys."""

    def __init__(self, clock: Clock, entropy: Entropy, *, jwt_key: bytes) -> None:
        if len(jwt_key) < KEY_BYTES:
            raise ValueError(f"The key of access tokens needs {KEY_BYTES} bytes.")
        self._clock = clock
        self._entropy = entropy
        self._kid = hashlib.sha256(b"kid:" + jwt_key).hexdigest()[:8]
        self._keys: Mapping[str, bytes] = {self._kid: jwt_key}
        # The same text with the same keys always says the same; what does not verify is forgotten.
        self._verified = lru_cache(REMEMBERED)(self._verify)

    def issue(self, user_id: UserId, login_id: LoginId) -> str:
        """Return a token that is good for ACCESS_TOKEN_TTL_MS from now."""
        now_s = self._clock.now_ms() // SECOND_MS
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": login_id,
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + ACCESS_TOKEN_TTL_MS // SECOND_MS,
            "jti": b64url(self._entropy.token(16)),
        }
        headers = {"typ": TYPE, "kid": self._kid}
        return jwt.encode(claims, self._keys[self._kid], algorithm=ALGORITHM, headers=headers)

    def read(self, token: str) -> AccessClaims:
        """Check everything about a token that can be known without a store.

        Raises: AppError(token_expired) for a genuine one whose time is over,
        AppError(unauthenticated) for everything else.
        """
        claims = self._verified(token)
        now_s = self._clock.now_ms() // SECOND_MS
        if max(claims.nbf, claims.iat) > now_s + CLOCK_SKEW_S:
            raise _unauthenticated("not valid yet")
        if claims.exp <= now_s:
            raise AppError(ErrorCode.TOKEN_EXPIRED)
        return AccessClaims(claims.sub, claims.sid)

    def _verify(self, token: str) -> _Claims:
        if len(token) > TOKEN_CHARS:
            raise _unauthenticated("token too long")
        try:
            # The library's own checks of time read the machine's clock and not ours.
            claims = jwt.decode(
                token,
                self._key(jwt.get_unverified_header(token)),
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={
                    "require": ["iss", "aud", "sub", "sid", "iat", "nbf", "exp", "jti"],
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            return msgspec.convert(claims, _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, UnicodeError) as error:
            raise _unauthenticated("token does not verify") from error

    def _key(self, header: dict[str, Any]) -> bytes:
        """Return the key that `kid` names; a header with anything unforeseen names none."""
        if set(header) != {"alg", "typ", "kid"} or header["typ"] != TYPE:
            raise _unauthenticated("foreign kind of token")
        key = self._keys.get(header["kid"]) if isinstance(header["kid"], str) else None
        if key is None:
            raise _unauthenticated("unknown key id")
        return key

"""Everything that `client.seal` raises.

    SealError
    ├── MalformedError      bytes that are not what the protocol says they are
    ├── DecryptError        a message that cannot be opened; `reason` is a `DecryptReason`
    └── TrustError          an identity, list or prekey that must not be used; `TrustReason`

A user sees one text for every `DecryptError`; the reason decides only what the client does next.
"""

from enum import StrEnum


class DecryptReason(StrEnum):
    """Why a message could not be opened."""

    NO_SESSION = "no-session"
    DUPLICATE = "duplicate"
    TOO_FAR = "too-far"
    BAD_SIGNATURE = "bad-signature"
    AUTH_FAILED = "auth-failed"
    UNSUPPORTED = "unsupported"


class TrustReason(StrEnum):
    """Why a public record was refused."""

    BAD_SIGNATURE = "bad-signature"
    IDENTITY_CHANGED = "identity-changed"
    ROLLBACK = "rollback"
    EQUIVOCATION = "equivocation"
    GAP = "gap"
    BROKEN_CHAIN = "broken-chain"
    REVIVED = "revived"
    UNKNOWN_DEVICE = "unknown-device"
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNSUPPORTED = "unsupported"
    WEAK_PARAMETERS = "weak-parameters"


class SealError(Exception):
    """Root of the tree."""


class MalformedError(SealError):
    """Bytes with the wrong length, label, alphabet or curve point."""


class DecryptError(SealError):
    """A message that cannot be opened; the state it was tried on is unchanged.

    `derivations` counts the chain steps that the attempt cost, so that a caller can charge a
    device that sends expensive rubbish (SEAL1 §4.5).
    """

    def __init__(self, reason: DecryptReason, derivations: int = 0) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.derivations = derivations


class TrustError(SealError):
    """A public record that must not be used."""

    def __init__(self, reason: TrustReason) -> None:
        super().__init__(reason.value)
        self.reason = reason

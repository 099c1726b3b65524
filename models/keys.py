"""Prekeys: what lets someone start a session with a device that is not there (SEAL1 §4.3)."""

from dataclasses import dataclass
from typing import Protocol

from protocol.ids import ClaimId, DeviceId, UserId


@dataclass(frozen=True, slots=True)
class SignedPrekey:
    key_id: int
    pub: str
    created_ms: int
    expires_ms: int
    sig: str


@dataclass(frozen=True, slots=True)
class OneTimePrekey:
    key_id: int
    pub: str
    sig: str


@dataclass(frozen=True, slots=True)
class Target:
    user_id: UserId
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class Bundle:
    """`opk` is None when the device has run out or the claimer has had its share."""

    target: Target
    cert_hash: str
    spk: SignedPrekey
    opk: OneTimePrekey | None


@dataclass(frozen=True, slots=True)
class PrekeyCount:
    opk: int
    spk: SignedPrekey


@dataclass(frozen=True, slots=True)
class ClaimShare:
    """How many one-time prekeys claims may take within `window_ms` (SEAL1 §6 row 14).

    A claimer is a person here: more devices give no larger share. The window is a day at most.
    """

    window_ms: int
    of_one_device: int
    by_one_claimer: int


class KeyStore(Protocol):
    async def upload(
        self,
        user_id: UserId,
        device_id: DeviceId,
        spk: SignedPrekey | None,
        opks: list[OneTimePrekey],
    ) -> None:
        """Replace the signed prekey (when given) and add one-time prekeys.

        Atomicity: all or nothing.
        Raises: AppError(prekey_reused) when an id is not higher than every id this device ever
        uploaded of that kind, used up or not; AppError(conflict) when more than PREKEYS_STORED
        one-time prekeys would be held; AppError(not_found) for a device that is not enrolled.
        """
        ...

    async def claim(
        self,
        claimer: Target,
        claim_id: ClaimId,
        targets: list[Target],
        share: ClaimShare,
        now_ms: int,
    ) -> list[Bundle]:
        """Take at most one one-time prekey of each target, lowest id first.

        Two concurrent calls never return the same one-time prekey.
        The same (claimer, claim_id) again returns the same bundles and takes nothing.
        A claimer beyond its share gets bundles without one-time prekeys.
        Targets that are not active devices are left out.
        Claims are remembered for a day.
        """
        ...

    async def count(self, user_id: UserId, device_id: DeviceId) -> PrekeyCount | None:
        """Return None for a device that is not enrolled."""
        ...

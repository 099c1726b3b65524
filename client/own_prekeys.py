"""The prekeys of this device: private halves into the state, public ones for the server.

Spec: SEAL1 §4.3.
"""

from client import wire
from client.seal.identity import LocalDevice
from client.seal.keys import AgreementKey
from client.seal.prekeys import (
    SIGNED_PREKEY_ROTATE_MS,
    first_prekey_id,
    sign_one_time_prekey,
    sign_signed_prekey,
)
from client.state import State, StoredSignedPrekey
from protocol import bodies

_SKIPPED_IDS = 1 << 16
"""More than a device uses in years, and room for thousands of rollbacks below 2^31."""


class OwnPrekeys:
    """Makes prekeys; the caller saves the state before it publishes them."""

    def __init__(self, device: LocalDevice, state: State) -> None:
        self._device = device
        self._state = state

    def start_anew(self) -> None:
        """Forget all prekeys, as a new device has none, and draw the first id."""
        self._state.signed_prekeys = []
        self._state.one_time_prekeys = {}
        self._state.next_prekey_id = first_prekey_id()

    def skip_ids(self) -> None:
        """Go far beyond ids that a rolled-back state does not remember having used."""
        self._state.next_prekey_id += _SKIPPED_IDS

    def is_rotation_due(self, now_ms: int) -> bool:
        """Whether the newest signed prekey is 7 days old."""
        created_ms = [prekey.created_at_ms for prekey in self._state.signed_prekeys]
        return now_ms - max(created_ms, default=0) >= SIGNED_PREKEY_ROTATE_MS

    def make_signed(self, now_ms: int) -> bodies.SignedPrekey:
        """A new signed prekey."""
        prekey_id, key = self._next_id(), AgreementKey.generate()
        self._state.signed_prekeys.append(StoredSignedPrekey(prekey_id, key, now_ms))
        return wire.dump_signed_prekey(sign_signed_prekey(self._device, prekey_id, key, now_ms))

    def make_one_time(self, count: int) -> list[bodies.OneTimePrekey]:
        """That many new one-time prekeys."""
        made = []
        for _ in range(count):
            prekey_id, key = self._next_id(), AgreementKey.generate()
            self._state.one_time_prekeys[prekey_id] = key
            prekey = sign_one_time_prekey(self._device, prekey_id, key)
            made.append(wire.dump_one_time_prekey(prekey))
        return made

    def _next_id(self) -> int:
        prekey_id = self._state.next_prekey_id
        self._state.next_prekey_id += 1
        return prekey_id

"""Whose devices to seal to: fetched from the server, believed only as far as the account signed.

Pins live in the state and outlast the process; verified devices are kept in memory until the server
says that they changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from client import wire
from client.api import Api
from client.seal.device_list import Pin, active_devices, verify_device_lists
from client.seal.encoding import b64url_decode
from client.seal.identity import DeviceIdentity
from client.state import StateFile
from protocol import bodies


@dataclass(frozen=True, slots=True)
class Devices:
    """The verified active devices of one account, and the pin they were verified under."""

    pin: Pin
    active: tuple[DeviceIdentity, ...]

    def find(self, device_id: bytes) -> DeviceIdentity | None:
        """The active device with this id, or None."""
        return next((each for each in self.active if each.device_id == device_id), None)


class Directory:
    """Answers which devices a person has."""

    def __init__(self, api: Api, file: StateFile) -> None:
        self._api = api
        self._file = file
        self._known: dict[bytes, Devices] = {}

    async def devices_of(self, user_id: bytes) -> Devices:
        """The verified devices of a person, from memory when nothing has changed.

        Raises: TrustError, above all `identity-changed`; RefusedError `not_found`
        """
        known = self._known.get(user_id)
        return known if known is not None else await self._fetch(user_id)

    def forget(self, user_ids: Iterable[bytes]) -> None:
        """Fetch and verify again the next time."""
        for user_id in user_ids:
            self._known.pop(user_id, None)

    def accept_identity(self, user_id: bytes) -> None:
        """Begin anew with a person whose identity changed, after somebody has decided to.

        The old pin and all sessions go; what was queued for the old identity is not sent.
        """
        self._file.state.pins.pop(user_id, None)
        self._drop_sessions(user_id, keep=())
        self._file.save()
        self.forget([user_id])

    async def _fetch(self, user_id: bytes) -> Devices:
        pin = self._file.state.pins.get(user_id)
        since = 0 if pin is None else pin.devices.version - 1
        path = f"/api/e2ee/users/{wire.user_id(user_id)}/devices?since={since}"
        found = await self._api.call("GET", path, bodies.DeviceDirectory)
        account_key = b64url_decode(found.aik)
        lists = [wire.parse_list(each) for each in found.lists]
        pin = verify_device_lists(user_id, account_key, lists, pin)
        certificates = [wire.parse_certificate(each) for each in found.certificates]
        devices = Devices(pin, active_devices(pin.devices, certificates, account_key))
        self._file.state.pins[user_id] = pin
        self._drop_sessions(user_id, keep=[each.device_id for each in devices.active])
        self._file.save()
        self._known[user_id] = devices
        return devices

    def _drop_sessions(self, user_id: bytes, keep: Iterable[bytes]) -> None:
        kept = {user_id + device_id for device_id in keep}
        sessions = self._file.state.sessions
        for peer in [peer for peer in sessions if peer.startswith(user_id) and peer not in kept]:
            del sessions[peer]

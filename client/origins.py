"""Whom a sealed file comes from, as far as this device knows (docs/crypto.md §11.3)."""

from enum import Enum

from client.seal.device_list import DeviceStatus
from client.seal.errors import TrustError, TrustReason
from client.seal.sealed_files import OpenedFile
from client.state import State


class Origin(Enum):
    """Whom a verified file comes from, as far as this device knows."""

    OWN = "from a device of this account"
    KNOWN = "from {name}; compare the safety number to be sure that it is really them"
    REMOVED = "from a device that {name} has removed since; ask whether it was really them"
    STRANGER = "from an identity that is not known here"
    ANYBODY = "from somebody who knows the passphrase"


def origin_of(opened: OpenedFile, state: State) -> Origin:
    """Compare the account that vouches for the sender with the ones this device has met.

    Raises: TrustError `identity-changed` when it claims to be somebody it is not
    """
    sender = opened.sender
    if sender is None:
        return Origin.ANYBODY
    own, pin = state.device, state.pins.get(sender.user_id)
    is_own = sender.user_id == own.user_id
    expected = own.account_key if is_own else None if pin is None else pin.account_key
    if expected is None:
        return Origin.STRANGER
    if sender.account_key != expected:
        raise TrustError(TrustReason.IDENTITY_CHANGED)
    entry = None if pin is None else pin.devices.entry(sender.device_id)
    if entry is not None and entry.certificate_hash != sender.certificate_hash:
        raise TrustError(TrustReason.IDENTITY_CHANGED)
    if entry is not None and entry.status is DeviceStatus.REVOKED:
        return Origin.REMOVED
    return Origin.OWN if is_own else Origin.KNOWN

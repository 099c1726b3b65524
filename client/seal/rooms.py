"""Room ids that prove what they name.

    roomId = H(T("SEAL1/dm", min(userA, userB), max(userA, userB), nonce16))

A direct room has epoch 0 and its own id as roster hash.
Spec: SEAL1 §4.8.
"""

from client.seal.encoding import ID_BYTES, require_bytes, t
from client.seal.labels import Label
from client.seal.primitives import sha256

DIRECT_ROOM_EPOCH = 0


def direct_room_id(one_user: bytes, other_user: bytes, nonce: bytes) -> bytes:
    """The 32-byte id of a room for two; every client recomputes it before it uses a room.

    Raises: MalformedError for an id or nonce that is not 16 bytes
    """
    first, second = sorted(require_bytes(user, ID_BYTES) for user in (one_user, other_user))
    return sha256(t(Label.DIRECT_ROOM, first, second, require_bytes(nonce, ID_BYTES)))

"""What this device must remember: keys, sessions, pins and how far it has read.

One MessagePack file, readable by its owner only, replaced as a whole by an atomic rename after an
fsync; without a path it lives in memory.
One process at a time: two would send with the same ratchet keys, and undo each other's state.
The file is not encrypted: protect it as you would an SSH key.
"""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from client.errors import StateInUseError
from client.seal.device_list import Pin
from client.seal.files import FileManifest
from client.seal.identity import LocalDevice
from client.seal.keys import AgreementKey, SigningKey
from client.seal.prekeys import DAY_MS, SIGNED_PREKEY_KEEP_MS
from client.seal.sessions import Sessions
from client.state_lock import StateLock

MESSAGE_TTL_MS = 7 * DAY_MS
"""How long a server keeps a message."""
DEDUPE_TTL_MS = 8 * DAY_MS
"""One day longer, for clocks."""
WAIT_S = 5.0
"""For whoever else uses a state: enough for short commands to queue, too short to seem stuck."""
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Me:
    """The account and device that this state belongs to."""

    email: str
    device: LocalDevice


@dataclass(frozen=True, slots=True)
class StoredSignedPrekey:
    """The private half of a signed prekey."""

    id: int
    key: AgreementKey
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Trail:
    """The last counted message of a sending device, and how many after it could not be opened."""

    number: int
    payload_hash: bytes
    unopened: int = 0


@dataclass(slots=True)
class RoomState:
    """Where one room stands for this device; `trails` is keyed by sending device."""

    peer: bytes
    expires_ms: int = 0
    last_seq: int = 0
    sent_count: int = 0
    previous_hash: bytes | None = None
    trails: dict[bytes, Trail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What is needed to seal a message to one of its recipients once more.

    `recipients` maps user ‖ device to the account key they had then.
    """

    payload_hash: bytes
    sent_at_ms: int
    recipients: dict[bytes, bytes]
    content_key: bytes = field(repr=False)
    reissued: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Unopened:
    """A message that could not be opened, kept until its sender seals it again."""

    room_id: bytes
    seq: int
    sender_user: bytes
    server_ms: int
    commitment: bytes
    payload: bytes


@dataclass(slots=True)
class State:
    """Everything.

    `sessions` and `resets` are keyed by user ‖ device, `seen_messages` and `unopened` by sending
    device ‖ message, the others by the id that their name says.
    `drafts` are transfers that this device began and does not know to be sent; `unsealed` keeps the
    keys of those to an address, by transfer, until whoever has it can open them.
    """

    refresh_cookie: str = ""
    me: Me | None = None
    next_prekey_id: int = 0
    signed_prekeys: list[StoredSignedPrekey] = field(default_factory=list)
    one_time_prekeys: dict[int, AgreementKey] = field(default_factory=dict)
    pins: dict[bytes, Pin] = field(default_factory=dict)
    sessions: dict[bytes, Sessions] = field(default_factory=dict)
    seen_sessions: dict[bytes, int] = field(default_factory=dict)
    rooms: dict[bytes, RoomState] = field(default_factory=dict)
    seen_messages: dict[bytes, int] = field(default_factory=dict)
    sent: dict[bytes, SentMessage] = field(default_factory=dict)
    unopened: dict[bytes, Unopened] = field(default_factory=dict)
    resets: dict[bytes, list[int]] = field(default_factory=dict)
    drafts: set[bytes] = field(default_factory=set)
    unsealed: dict[bytes, tuple[FileManifest, ...]] = field(default_factory=dict)

    @property
    def device(self) -> LocalDevice:
        """This device.

        Raises: ValueError before it is enrolled
        """
        if self.me is None:
            raise ValueError("no device is enrolled")
        return self.me.device

    def forget_expired(self, now_ms: int) -> None:
        """Drop private prekeys after 21 days, and what is older than a server keeps messages.

        The newest message sent stays, because a rolled-back state is known by not knowing it.
        """
        kept = [
            prekey
            for prekey in self.signed_prekeys
            if now_ms - prekey.created_at_ms < SIGNED_PREKEY_KEEP_MS
        ]
        ids = {prekey.id for prekey in kept}
        self.signed_prekeys = kept
        self.seen_sessions = {
            session: prekey for session, prekey in self.seen_sessions.items() if prekey in ids
        }
        self.seen_messages = {
            message: seen_ms
            for message, seen_ms in self.seen_messages.items()
            if now_ms - seen_ms < DEDUPE_TTL_MS
        }
        newest_ms = max((sent.sent_at_ms for sent in self.sent.values()), default=0)
        self.sent = {
            message: sent
            for message, sent in self.sent.items()
            if now_ms - sent.sent_at_ms < MESSAGE_TTL_MS or sent.sent_at_ms == newest_ms
        }
        self.unopened = {
            message: unopened
            for message, unopened in self.unopened.items()
            if now_ms - unopened.server_ms < MESSAGE_TTL_MS
        }


class StateFile:
    """Keeps one state until it is closed; `path` None keeps it in memory only.

    Raises: StateInUseError, and then nothing has been read; OSError; msgspec.DecodeError
    """

    def __init__(self, path: Path | None = None) -> None:
        self.state = State()
        self._path = path
        if path is None:
            return
        self._path = path.resolve()  # whatever links lead to it: one file, one lock
        self._lock = StateLock(self._path)
        try:
            if self._path.exists():
                self.state = parse_state(self._path.read_bytes())
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Let others use it; what has not been saved is lost, and can no longer be saved."""
        if self._path is not None:
            self._lock.release()

    def save(self) -> None:
        """Make what is in memory durable before anything is sent that depends on it.

        Atomicity: after a crash the file is the old state or the new one, never a mixture.
        Raises: ValueError after `close`; OSError
        """
        if self._path is None:
            return
        if not self._lock.is_held:
            raise ValueError("the state is closed")
        temporary = self._path.with_name(f"{self._path.name}.new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(dump_state(self.state))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


async def open_state(path: Path | None, wait_s: float = WAIT_S) -> StateFile:
    """A state as soon as nobody else uses it.

    Raises: as `StateFile`; StateInUseError after `wait_s`
    """
    now_s = asyncio.get_running_loop().time
    until_s = now_s() + wait_s
    while True:
        try:
            return StateFile(path)
        except StateInUseError:
            if now_s() >= until_s:
                raise
        await asyncio.sleep(POLL_S)


def dump_state(state: State) -> bytes:
    """The whole state, private keys included."""
    return msgspec.msgpack.encode(state, enc_hook=_encode)


def parse_state(data: bytes) -> State:
    """Undo `dump_state`.

    Raises: msgspec.DecodeError
    """
    return msgspec.msgpack.decode(data, type=State, dec_hook=_decode)


def _encode(value: Any) -> Any:
    if isinstance(value, SigningKey | AgreementKey):
        return value.scalar()
    raise NotImplementedError(type(value))


def _decode(kind: type, value: Any) -> Any:
    if issubclass(kind, SigningKey | AgreementKey):
        return kind.from_scalar(value)
    raise NotImplementedError(kind)

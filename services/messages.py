"""Sending and reading messages.

    send ─▶ checks against the roster ─▶ MessageStore.append ─▶ done: answer, then MessageStored

With the roster at hand `send` runs without a wait down to the store's queue, and nothing is made
for a message but the message itself (architecture §7).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from models.events import EventSink, MessageStored
from models.messages import Appended, NewMessage
from models.ports import Clock
from models.stores import Stores
from protocol.encoding import b64url, checked_bytes, lp
from protocol.errors import AppError, ErrorCode, StaleDevices
from protocol.frames import AddressedCapsule, Capsule, Message, SendBody, dump
from protocol.ids import DeviceId, RoomId, UserId
from protocol.limits import OUTGOING_BYTES
from services.access import Access
from services.logins import Principal
from services.quotas import Quotas
from services.rosters import Addressee, Roster, Rosters, Use

# A page travels as one frame, which must leave room in a connection's queue.
PAGE_BYTES = OUTGOING_BYTES // 2

_BLOCK_BYTES = 64  # of SHA-256; the key is shorter
_FRANK_LABEL = lp(b"SEAL1/frank/srv")

# Refusals for which the roster at hand may only not have heard yet of what another process changed:
# the sender may know more, and would be refused again and again until the event arrives.
_PERHAPS_OLD = frozenset(
    (ErrorCode.STALE_DEVICES, ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND, ErrorCode.NOT_CONTACT)
)

SendDone = Callable[[Appended | AppError], None]


@dataclass(frozen=True, slots=True)
class Page:
    """Oldest first; `last_seq` is the room's at the time."""

    messages: list[Message]
    has_more: bool
    last_seq: int


class MessageService:
    """Checks, appends, reads."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        events: EventSink,
        *,
        access: Access,
        rosters: Rosters,
        quotas: Quotas,
        frank_key: bytes,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._events = events
        self._access = access
        self._rosters = rosters
        self._quotas = quotas
        self._frank = _Hmac(frank_key)

    def send(self, sender: Principal, room_id: RoomId, body: SendBody, done: SendDone) -> None:
        """Check a message and append it to the room's log; returns at once, never raises.

        `done` is called once: with the message's place once it is durable, or with AppError:
        rate_limited, not_enrolled, not_found, forbidden, not_contact, bad_request, stale_devices,
        unavailable, storage_full.
        Order: messages of one room are checked, numbered and answered in the order of the calls,
        but for those that made the roster be read anew.
        """

        def attempt(roster: Roster | AppError, again: Use | None) -> None:
            if isinstance(roster, AppError):
                done(roster)
                return
            try:
                self._append(roster, sender, body, done)
            except AppError as error:
                if again is not None and error.code in _PERHAPS_OLD:
                    self._rosters.renew(room_id, again)
                else:
                    done(error)

        last = partial(attempt, again=None)
        first = partial(attempt, again=last) if self._rosters.has(room_id) else last
        try:
            self._quotas.take("send", sender.user_id)
        except AppError as error:
            done(error)
            return
        self._rosters.use(room_id, first)

    async def page(
        self,
        reader: Principal,
        room_id: RoomId,
        *,
        after: int | None = None,
        before: int | None = None,
        limit: int,
    ) -> Page:
        """Return a part of the room's log with the reader's own capsules.

        It ends early rather than hold more than PAGE_BYTES; one message it always holds.
        Raises: AppError(not_found), AppError(not_enrolled)
        """
        device_id = reader.require_device()
        room = await self._access.room(reader.user_id, room_id)
        messages, has_more = await self._stores.messages.page(
            room_id,
            (reader.user_id, device_id),
            now_ms=self._clock.now_ms(),
            after=after,
            before=before,
            limit=limit,
            max_chars=PAGE_BYTES,
        )
        last_seq = max(room.last_seq, messages[-1].seq if messages else 0)
        return Page(messages, has_more, last_seq)

    def _append(self, roster: Roster, sender: Principal, body: SendBody, done: SendDone) -> None:
        message = self._checked(roster, sender, body)

        def stored(result: Appended | AppError) -> None:
            done(result)
            if isinstance(result, Appended) and result.fresh:
                self._events.publish(_stored(message, result, roster.members))

        self._stores.messages.append(message, message.server_ms, stored)

    def _checked(self, roster: Roster, sender: Principal, body: SendBody) -> NewMessage:
        device_id = sender.require_device()
        roster.require_member(sender.user_id)
        if (sender.user_id, device_id) not in roster.addressees:
            raise AppError(ErrorCode.FORBIDDEN, "the sending device is not active")
        if roster.is_blocked:
            raise AppError(ErrorCode.NOT_CONTACT, "blocked")
        now_ms = self._clock.now_ms()
        capsules = {(c.user, c.device): dump(_bare(c)) for c in body.capsules}
        if len(capsules) != len(body.capsules):
            raise AppError(ErrorCode.BAD_REQUEST, "two capsules for one device")
        _require_current(roster, (sender.user_id, device_id), capsules, body, now_ms)
        return NewMessage(
            room_id=roster.room_id,
            msg_id=body.msg_id,
            sender=sender.user_id,
            sender_device=device_id,
            epoch=body.epoch,
            roster_hash=body.roster_hash,
            payload=body.payload,
            c2=body.c2,
            frank=self._tag(roster.room_id, sender.user_id, device_id, body, now_ms),
            server_ms=now_ms,
            capsules=capsules,
        )

    def _tag(
        self, room_id: RoomId, user_id: UserId, device_id: DeviceId, body: SendBody, now_ms: int
    ) -> str:
        """Return the tag that makes a report of this message checkable (SEAL1 §4.7)."""
        c2, msg_id, time = checked_bytes(body.c2), checked_bytes(body.msg_id), now_ms.to_bytes(8)
        where = _where(room_id, user_id, device_id)
        text = b"".join((_FRANK_LABEL, lp(c2), where, lp(msg_id), lp(time)))
        return b64url(self._frank.digest(text))


class _Hmac:
    """HMAC-SHA256 with one key (RFC 2104).

    `hmac.digest` lets go of the interpreter for every call, and winning it back from the thread
    that writes takes longer than the hash.
    """

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def digest(self, text: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()


@lru_cache(maxsize=4_096)
def _where(room_id: RoomId, user_id: UserId, device_id: DeviceId) -> bytes:
    return b"".join(lp(checked_bytes(part)) for part in (room_id, user_id, device_id))


def _bare(capsule: AddressedCapsule) -> Capsule:
    return Capsule(
        sid=capsule.sid, pre=capsule.pre, header=capsule.header, ciphertext=capsule.ciphertext
    )


def _require_current(
    roster: Roster,
    sending: Addressee,
    capsules: dict[Addressee, bytes],
    body: SendBody,
    now_ms: int,
) -> None:
    """Compare what was sealed to with the devices there are now.

    Raises: StaleDevices, naming whose devices differ (SEAL1 §4.3).
    """
    required = roster.addressees_from(sending)
    if capsules.keys() == required and body.device_lists == roster.versions:
        return
    stale = {
        user for user, version in roster.versions.items() if body.device_lists.get(user) != version
    }
    differing = capsules.keys() ^ required
    stale |= {
        addressee[0]
        for addressee in differing
        if addressee in capsules or roster.lapses_ms[addressee] > now_ms
    }
    if stale:
        raise StaleDevices(sorted(stale))


def _stored(message: NewMessage, place: Appended, members: tuple[UserId, ...]) -> MessageStored:
    entry = Message(
        seq=place.seq,
        msg_id=message.msg_id,
        sender=message.sender,
        sender_device=message.sender_device,
        epoch=message.epoch,
        roster_hash=message.roster_hash,
        payload=message.payload,  # type: ignore[arg-type]
        c2=message.c2,
        capsule=None,
        frank=place.frank,
        server_ms=place.server_ms,
    )
    return MessageStored(message.room_id, entry, message.capsules, members)

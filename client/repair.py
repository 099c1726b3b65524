"""Messages that could not be opened: asking their sender again, and answering who asks us.

    cannot open ─▶ reset {retry: [msg_id …]} on a new session ─▶ sender
    retry {reissue: [{msg_id, content_key, payload_hash} …]}  ◀─ sender ─▶ open the kept envelope

A key is handed out again once for each message and device, for seven days, only to a device that
was a recipient then and whose account key has not changed since.
Spec: SEAL1 §4.6, §6 rows 3 and 26.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from client.incoming import Incoming, Received
from client.outgoing import Content
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import DecryptError, MalformedError
from client.seal.payload import CapsuleKind
from client.seal.prekeys import DAY_MS
from client.state import MESSAGE_TTL_MS, StateFile

RESETS_PER_DAY = 5
RESET_INTERVAL_MS = 3_600_000
"""A device that cannot be understood must not be made to answer in a loop."""
MAX_RETRY = 100
"""Messages in one request; the next one asks for the rest."""


class _Reissue(msgspec.Struct):
    msg_id: str
    content_key: str
    payload_hash: str


class _Control(msgspec.Struct):
    retry: list[str] = []
    reissue: list[_Reissue] = []


class Repair:
    """Decides; whoever calls it holds the engine's lock and saves the state."""

    def __init__(self, file: StateFile, incoming: Incoming, now_ms: Callable[[], int]) -> None:
        self._file = file
        self._incoming = incoming
        self._now_ms = now_ms

    def request(self, room_id: bytes) -> dict[bytes, Content]:
        """What to ask for now, by sending device (user ‖ device); counted as asked."""
        wanted: dict[bytes, list[str]] = {}
        for place, unopened in self._file.state.unopened.items():
            if unopened.room_id == room_id:
                sender = unopened.sender_user + place[:16]
                wanted.setdefault(sender, []).append(b64url_encode(place[16:]))
        return {
            sender: {"retry": ids[:MAX_RETRY]}
            for sender, ids in wanted.items()
            if self._may_reset(sender)
        }

    def answer(self, received: Received, account_key: bytes) -> Content | None:
        """The keys that a device asks for again, or None when there are none for it."""
        if received.kind not in (CapsuleKind.RESET, CapsuleKind.RETRY):
            return None
        keys = []
        for text in _control(received).retry[:MAX_RETRY]:
            reissue = self._reissue(text, received.sender, account_key)
            if reissue is not None:
                keys.append(msgspec.to_builtins(reissue))
        return {"reissue": keys} if keys else None

    async def reopen(self, received: Received) -> list[Received]:
        """Open what a sender has sent again; what still does not open stays as it is."""
        if received.kind is not CapsuleKind.RETRY:
            return []
        opened = []
        for reissue in _control(received).reissue[:MAX_RETRY]:
            try:
                place = received.sender_device + b64url_decode(reissue.msg_id)
                unopened = self._file.state.unopened.get(place)
                if unopened is None or unopened.sender_user != received.sender_user:
                    continue
                keys = b64url_decode(reissue.payload_hash), b64url_decode(reissue.content_key)
                opened.append(await self._incoming.open_again(place, unopened, *keys))
                del self._file.state.unopened[place]
            except (DecryptError, MalformedError):
                continue
        return opened

    def _reissue(self, text: str, asker: bytes, account_key: bytes) -> _Reissue | None:
        try:
            message_id = b64url_decode(text)
        except MalformedError:
            return None
        sent = self._file.state.sent.get(message_id)
        if (
            sent is None
            or self._now_ms() - sent.sent_at_ms >= MESSAGE_TTL_MS
            or sent.recipients.get(asker) != account_key
            or asker in sent.reissued
        ):
            return None
        self._file.state.sent[message_id] = replace(sent, reissued=sent.reissued | {asker})
        return _Reissue(text, b64url_encode(sent.content_key), b64url_encode(sent.payload_hash))

    def _may_reset(self, sender: bytes) -> bool:
        now_ms, resets = self._now_ms(), self._file.state.resets
        recent = [at_ms for at_ms in resets.get(sender, []) if now_ms - at_ms < DAY_MS]
        is_allowed = len(recent) < RESETS_PER_DAY and all(
            now_ms - at_ms >= RESET_INTERVAL_MS for at_ms in recent
        )
        resets[sender] = [*recent, now_ms] if is_allowed else recent
        return is_allowed


def _control(received: Received) -> _Control:
    """The content of a control message; empty for any other and for one of another form."""
    if not received.is_control:
        return _Control()
    try:
        return msgspec.convert(received.content, _Control)
    except msgspec.ValidationError:
        return _Control()

"""One connection of one device: its frames become service calls, their outcome frames.

    open ──▶ authenticate within 10 s ──▶ frames … ──▶ closed
               └─ refused: error, and another try until the 10 s are over

A frame that is refused gets an error frame and disturbs nothing else. What carries the frames is
the transport's business: a WebSocket (`handlers/socket.py`) or lines over TCP
(`handlers/messenger.py`).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from handlers.conversations import Conversations
from handlers.framing import NORMAL, TOO_BIG
from handlers.lanes import Lanes
from handlers.transport import Transport
from models.messages import Appended
from models.ports import Clock
from protocol import frames
from protocol.errors import AppError, CloseCode, ErrorCode, RateLimited
from protocol.frames import dump, parse
from protocol.ids import RoomId
from protocol.limits import (
    ACCESS_TOKEN_TTL_MS,
    AUTHENTICATE_MS,
    BAD_FRAMES,
    FRAME_BYTES,
    SOCKETS_PER_USER,
)
from realtime.hub import Connection, Hub
from services.logins import LoginService, Principal
from services.messages import MessageService
from services.presence import PresenceService
from services.quotas import Quotas
from services.rooms import RoomService
from services.tasks import spawn
from services.typing import TypingService
from services.watermarks import WatermarkService

_log = logging.getLogger("sealroom.conversation")
LOOK_AGAIN_MS = ACCESS_TOKEN_TTL_MS  # whether the log-in has run out, which nobody announces
_AUTHENTICATION = RoomId("")  # the lane in which authentications follow one another


@dataclass(frozen=True, slots=True)
class Live:
    """What a connection talks to."""

    logins: LoginService
    rooms: RoomService
    messages: MessageService
    watermarks: WatermarkService
    typing: TypingService
    presence: PresenceService
    quotas: Quotas
    hub: Hub
    clock: Clock
    conversations: Conversations


class _Numbered(msgspec.Struct):
    """What can be read of a frame that is otherwise not of the documented form."""

    id: frames.RequestId | msgspec.UnsetType = msgspec.UNSET


class Conversation:
    """One connection. `_principal` is whom it speaks for once that has been shown."""

    def __init__(self, live: Live, wire: Transport, connection_id: str, accepted_s: float) -> None:
        """Begin to converse.

        Args:
            connection_id: what its log lines and error bodies are known by.
            accepted_s: when the connection was accepted, in the event loop's time.
        """
        self._live = live
        self._wire = wire
        self._id = connection_id
        self._accepted_s = accepted_s
        self._connection: Connection = live.hub.open(wire)
        self._principal: Principal | None = None
        self._is_added = False
        self._lanes = Lanes()
        self._bad_frames = 0
        self._refused_frames = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._last_code = live.conversations.last_code  # to close with, when all is answered
        live.conversations.add(self)

    def finish(self, code: int) -> None:
        """Take no more frames, and close with this code once everything has been answered."""
        self._last_code = code
        if self._lanes.is_idle:
            self._connection.close(code)

    def renew(self) -> None:
        """Tell how everything stands: something may have been missed."""
        if self._principal is not None:
            spawn(self._tell_standing(self._principal))

    # ── what arrives ─────────────────────────────────────────────────────────────────────────────

    def on_open(self) -> None:
        self._deadline = asyncio.get_running_loop().call_at(
            self._accepted_s + AUTHENTICATE_MS / 1_000,
            self._connection.close,
            CloseCode.AUTHENTICATION_TIMEOUT,
        )
        if self._last_code is not None:  # nothing has been asked, and nobody finishes it again
            self._wire.close(self._last_code)

    def on_text(self, payload: bytes) -> None:
        if self._last_code is not None or not self._is_within_rate(payload):
            return
        try:
            frame = parse(payload)
        except AppError as error:
            self._reply_error(error, _id_of(payload))
            self._count_bad(error)
            return
        try:
            _HANDLERS[type(frame)](self, frame)
        except AppError as error:
            self._reply_error(error, getattr(frame, "id", msgspec.UNSET))
        except Exception:  # noqa: BLE001 - a bug costs one answer, not the connection
            _log.exception("A frame failed", extra={"request_id": self._id})
            self._reply_error(AppError(ErrorCode.INTERNAL), getattr(frame, "id", msgspec.UNSET))

    def on_other(self, *, is_ping: bool) -> None:
        if self._is_within_rate(b"") and not is_ping:
            error = AppError(ErrorCode.BAD_REQUEST, "binary")
            self._reply_error(error)
            self._count_bad(error)

    def on_broken(self, code: int) -> None:
        if code == TOO_BIG:
            self._reply_error(AppError(ErrorCode.TOO_LARGE))
        self._connection.close(code)

    def on_end(self) -> None:
        self.finish(NORMAL)

    def on_pause(self, *, is_paused: bool) -> None:
        if is_paused:
            self._connection.pause()
        else:
            self._connection.resume()

    def on_lost(self) -> None:
        self._live.conversations.discard(self)
        self._connection.lost()
        self._live.quotas.restore("frames", self._id)
        if self._deadline is not None:
            self._deadline.cancel()
        if self._is_added:
            self._is_added = False
            user_id = self._connection.user_id
            self._live.hub.remove(self._connection)
            self._live.presence.disconnected(user_id, self._connection)
            if not self._live.hub.count(user_id):
                self._live.typing.gone(user_id)

    def _is_within_rate(self, payload: bytes) -> bool:
        try:
            self._live.quotas.take("frames", self._id)
        except RateLimited as error:
            self._refused_frames += 1
            self._reply_error(error, _id_of(payload))
            if self._refused_frames >= BAD_FRAMES:
                self._connection.close(CloseCode.TOO_MANY)
            return False
        return True

    def _count_bad(self, error: AppError) -> None:
        if error.code is ErrorCode.BAD_REQUEST:
            self._bad_frames += 1
            if self._bad_frames >= BAD_FRAMES:
                self._connection.close(CloseCode.BAD_FRAMES)

    # ── what it means ────────────────────────────────────────────────────────────────────────────

    def _authenticated(self) -> Principal:
        if self._principal is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "authenticate first")
        return self._principal

    def _on_authenticate(self, frame: frames.Authenticate) -> None:
        self._lanes.begin(_AUTHENTICATION, lambda: spawn(self._authenticate(frame)), alone=True)

    def _on_send(self, frame: frames.MessageSend) -> None:
        principal = self._authenticated()

        def sent(result: Appended | AppError) -> None:
            if isinstance(result, AppError):
                self._reply_error(result, frame.id)
            else:
                self._reply(
                    frames.MessageAccepted(
                        id=frame.id,
                        room=frame.room,
                        msg_id=frame.msg_id,
                        seq=result.seq,
                        server_ms=result.server_ms,
                        frank=result.frank,
                    )
                )
            self._done(frame.room)

        self._lanes.begin(
            frame.room, lambda: self._live.messages.send(principal, frame.room, frame, sent)
        )

    def _on_sync(self, frame: frames.Sync) -> None:
        principal = self._authenticated()
        self._lanes.begin(frame.room, lambda: spawn(self._sync(principal, frame)), alone=True)

    def _on_delivered(self, frame: frames.MessageDelivered) -> None:
        self._live.watermarks.delivered(self._authenticated().user_id, frame.room, frame.seq)

    def _on_read(self, frame: frames.MessageRead) -> None:
        self._live.watermarks.read(self._authenticated().user_id, frame.room, frame.seq)

    def _on_typing(self, frame: frames.Typing) -> None:
        self._live.typing.set(self._authenticated().user_id, frame.room, on=frame.on)

    def _on_presence(self, frame: frames.SetPresence) -> None:
        user_id = self._authenticated().user_id
        self._live.presence.set_status(user_id, self._connection, frame.status)

    def _on_ping(self, frame: frames.Ping) -> None:
        self._authenticated()
        self._reply(frames.Pong(server_ms=self._live.clock.now_ms(), id=frame.id))

    async def _sync(self, principal: Principal, frame: frames.Sync) -> None:
        try:
            page = await self._live.messages.page(
                principal, frame.room, after=frame.after, limit=frame.limit
            )
            self._reply(
                frames.Synced(
                    id=frame.id,
                    room=frame.room,
                    messages=page.messages,
                    has_more=page.has_more,
                    last_seq=page.last_seq,
                )
            )
        except AppError as error:
            self._reply_error(error, frame.id)
        finally:
            self._done(frame.room)

    async def _authenticate(self, frame: frames.Authenticate) -> None:
        try:
            principal = await self._live.logins.principal(frame.token)
            if principal.require_device() != frame.device_id:
                raise AppError(ErrorCode.FORBIDDEN, "another device")
            if self._principal is None:
                await self._join(principal, frame)
            else:
                await self._renew(principal, frame)
        except AppError as error:
            self._reply_error(error, frame.id)
            if error.code is ErrorCode.SESSION_REVOKED:
                self._connection.close(CloseCode.SESSION_ENDED)
        finally:
            self._done(_AUTHENTICATION)

    async def _join(self, principal: Principal, frame: frames.Authenticate) -> None:
        """Let the device be found, then answer how its rooms stand.

        In this order, and with a second look at the log-in, so that neither a message nor the end
        of the log-in can fall between the two.
        """
        live, connection = self._live, self._connection
        if live.hub.count(principal.user_id) >= SOCKETS_PER_USER:
            self._reply_error(AppError(ErrorCode.RATE_LIMITED, "sockets"), frame.id)
            connection.close(CloseCode.TOO_MANY)
            return
        if self._wire.is_closing:
            return
        connection.hold()
        live.hub.add(connection, principal.user_id, frame.device_id, principal.login_id)
        live.presence.connected(principal.user_id, connection)
        self._is_added = True
        try:
            await live.logins.principal(frame.token)
            answer = await self._standing(principal, frame.id)
        except AppError as error:
            connection.release(self._error(error, frame.id))
            is_away = error.code is ErrorCode.UNAVAILABLE
            connection.close(CloseCode.COME_BACK if is_away else CloseCode.SESSION_ENDED)
            return
        self._look_again_later()
        self._wire.allow(FRAME_BYTES)
        self._principal = principal
        connection.release(answer)

    async def _renew(self, principal: Principal, frame: frames.Authenticate) -> None:
        """Go on with a fresh token of the same device; the order is that of `_join`."""
        known = self._authenticated()
        if (principal.user_id, principal.device_id) != (known.user_id, known.device_id):
            raise AppError(ErrorCode.FORBIDDEN, "another device")
        self._principal = principal
        self._connection.login_id = principal.login_id
        await self._live.logins.principal(frame.token)
        self._connection.send(await self._standing(principal, frame.id))

    def _look_again_later(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if not self._wire.is_closing:
            self._deadline = asyncio.get_running_loop().call_later(
                LOOK_AGAIN_MS / 1_000, lambda: spawn(self._look_again())
            )

    async def _look_again(self) -> None:
        """Close when the log-in has run out while the connection stayed."""
        self._look_again_later()
        try:
            is_live = await self._live.logins.is_live(self._connection.login_id)
        except AppError:
            is_live = True  # the store is away: the next look will tell
        if not is_live:
            self._reply(frames.SessionRevoked(reason="revoked"))
            self._connection.close(CloseCode.SESSION_ENDED)

    async def _tell_standing(self, principal: Principal) -> None:
        try:
            self._connection.send(await self._standing(principal))
        except AppError:  # the store is away: a new connection looks at everything too
            self._connection.close(CloseCode.COME_BACK)

    async def _standing(
        self, principal: Principal, frame_id: int | msgspec.UnsetType = msgspec.UNSET
    ) -> bytes:
        rooms = await self._live.rooms.heads(principal.user_id)
        presence = await self._live.presence.of_contacts(principal.user_id)
        return dump(
            frames.Authenticated(
                user_id=principal.user_id,
                device_id=principal.require_device(),
                server_ms=self._live.clock.now_ms(),
                rooms=rooms,
                presence=presence,
                id=frame_id,
            )
        )

    # ── what leaves ──────────────────────────────────────────────────────────────────────────────

    def _done(self, room: RoomId) -> None:
        """Let what waits for this room go on; nothing at all may be what a farewell waits for."""
        self._lanes.end(room)
        if self._last_code is not None and self._lanes.is_idle:
            self._connection.close(self._last_code)

    def _reply(self, frame: frames.Frame) -> None:
        self._connection.send(dump(frame))

    def _reply_error(
        self, error: AppError, frame_id: int | msgspec.UnsetType = msgspec.UNSET
    ) -> None:
        self._connection.send(self._error(error, frame_id))

    def _error(self, error: AppError, frame_id: int | msgspec.UnsetType) -> bytes:
        return dump(frames.ErrorFrame(error=error.body(self._id), id=frame_id))


_HANDLERS: dict[type[frames.Frame], Callable[[Conversation, Any], None]] = {
    frames.Authenticate: Conversation._on_authenticate,
    frames.MessageSend: Conversation._on_send,
    frames.MessageDelivered: Conversation._on_delivered,
    frames.MessageRead: Conversation._on_read,
    frames.Typing: Conversation._on_typing,
    frames.SetPresence: Conversation._on_presence,
    frames.Sync: Conversation._on_sync,
    frames.Ping: Conversation._on_ping,
}


def _id_of(payload: bytes) -> int | msgspec.UnsetType:
    try:
        return msgspec.json.decode(payload, type=_Numbered).id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return msgspec.UNSET

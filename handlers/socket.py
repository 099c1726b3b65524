"""GET /ws: a conversation over a WebSocket."""

import asyncio
from typing import Any

from tornado.routing import URLSpec
from tornado.websocket import WebSocketHandler

from handlers.base import BaseHandler
from handlers.conversation import Conversation, Live
from handlers.security import public
from handlers.websocket import Upgrade, WebSocket, check_handshake
from protocol.errors import AppError, ErrorCode
from protocol.limits import PRE_AUTH_FRAME_BYTES
from services.quotas import address_key


class SocketHandler(WebSocketHandler, BaseHandler):
    """The handshake; what comes after it no longer knows this handler."""

    def initialize(self, *, live: Live, origins: frozenset[str]) -> None:
        self._live = live
        self._origins = origins

    @public
    async def get(self, *args: Any, **kwargs: Any) -> None:
        check_handshake(self.request)
        origin = self.request.headers.get("Origin", "")
        if not self.is_own(origin) and origin not in self._origins:
            raise AppError(ErrorCode.BAD_ORIGIN)
        self._live.quotas.take("socket-open", address_key(self.address))
        await super().get(*args, **kwargs)

    def check_origin(self, origin: str) -> bool:
        return True  # `get` has looked, and refuses a missing one too

    def get_websocket_protocol(self) -> Upgrade:
        live, request_id, now_s = self._live, self.request_id, asyncio.get_running_loop().time()
        socket = WebSocket(
            lambda wire: Conversation(live, wire, request_id, now_s), PRE_AUTH_FRAME_BYTES
        )
        return Upgrade(self, socket)

    def open(self, *_args: str, **_kwargs: str) -> None:
        self.set_nodelay(True)


def routes(*, live: Live, origins: frozenset[str]) -> list[URLSpec]:
    """Return the route of the WebSocket."""
    return [URLSpec(r"/ws", SocketHandler, {"live": live, "origins": origins})]

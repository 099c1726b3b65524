"""/api/rooms/{room_id}/messages: history, and sending what is too large for a frame."""

import asyncio

from tornado.routing import URLSpec

from handlers.base import BaseHandler
from handlers.rooms import ROOM
from models.messages import Appended
from protocol.bodies import MessagePage, SendAnswer, SendRequest
from protocol.errors import AppError, ErrorCode
from protocol.ids import RoomId
from protocol.limits import BODY_BYTES, HISTORY_PAGE
from services.logins import LoginService
from services.messages import MessageService

_MAX_SEQ_DIGITS = 16


class MessagesHandler(BaseHandler):
    """The log of one room."""

    body_limit_bytes = BODY_BYTES

    def initialize(self, *, logins: LoginService, messages: MessageService) -> None:
        self.logins = logins
        self.messages = messages

    async def get(self, room_id: str) -> None:
        after, before, limit = (self._number(name) for name in ("after", "before", "limit"))
        limit = HISTORY_PAGE if limit is None else limit
        if (after is not None and before is not None) or not 1 <= limit <= HISTORY_PAGE:
            raise AppError(ErrorCode.BAD_REQUEST, "after, before or limit")
        page = await self.messages.page(
            self.principal,
            RoomId(room_id),
            after=after,
            before=before,
            limit=limit,
        )
        self.answer(MessagePage(messages=page.messages, has_more=page.has_more))

    async def post(self, room_id: str) -> None:
        body = self.read(SendRequest)
        sent: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()

        def done(result: Appended | AppError) -> None:
            if sent.done():
                return
            if isinstance(result, AppError):
                sent.set_exception(result)
            else:
                sent.set_result(result)

        self.messages.send(self.principal, RoomId(room_id), body, done)
        place = await sent
        self.answer(SendAnswer(seq=place.seq, server_ms=place.server_ms, frank=place.frank), 201)

    def _number(self, name: str) -> int | None:
        """Return a whole number of the query, or None when it is not there.

        Raises: AppError(bad_request)
        """
        text = self.get_query_argument(name, None)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_SEQ_DIGITS):
            raise AppError(ErrorCode.BAD_REQUEST, name)
        return int(text)


def routes(*, logins: LoginService, messages: MessageService) -> list[URLSpec]:
    """Return the route of a room's messages."""
    return [URLSpec(ROOM + r"/messages", MessagesHandler, {"logins": logins, "messages": messages})]

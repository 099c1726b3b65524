"""A real SMTP server with a certificate of its own making."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.certificates import Certificate, make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@dataclass
class Mailbox:
    """What a server does with a mail: `replies` are given in turn, then it is accepted."""

    port: int = 0
    replies: list[str] = field(default_factory=list)
    refused_recipients: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    tries: list[bytes] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    users: list[str | None] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.tries.append(content)
        self.encrypted.append(session.ssl is not None)
        self.users.append(session.auth_data)
        if self.replies:
            return self.replies.pop(0)
        self.mails.append(content)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refused_recipients:
            return self.refused_recipients.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def arrived(self, count: int = 1) -> bytes:
        """Wait until so many mails have been accepted; returns the newest."""
        await until(lambda: len(self.mails) >= count)
        return self.mails[-1]


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that happens soon."""
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


Serve = Callable[..., Any]


def known(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> Any:
    is_right = isinstance(data, LoginPassword) and data.password == b"secret"
    return AuthResult(
        success=is_right, handled=is_right, auth_data=data.login.decode() if is_right else None
    )


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server on this event loop: `await serve(starttls=context)` or `tls=context`."""
    servers: list[asyncio.Server] = []

    async def start(
        *,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        **options: Any,
    ) -> Mailbox:
        box = Mailbox()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(
                box,
                hostname="localhost",
                tls_context=starttls,
                require_starttls=starttls is not None,
                loop=loop,
                **options,
            ),
            "localhost",
            port,
            ssl=tls,
        )
        servers.append(server)
        box.port = server.sockets[0].getsockname()[1]
        return box

    yield start
    for server in servers:
        server.close()
    await asyncio.sleep(0.05)

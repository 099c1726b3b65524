"""People who send each other transfers over HTTP."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.encoding import b64url
from services import tasks
from tests.handlers.conftest import Browser
from tests.handlers.test_files import Courier
from tests.handlers.test_keys import plain
from tests.harness import Answer, Connect, MovableClock, RunningServer
from tests.house import Seal
from tests.people import Wire, random_text


async def enrolled(browser: Browser, clock: MovableClock, server: RunningServer) -> Courier:
    """Give somebody who has signed up a device."""
    seal = Seal(browser.user_id, clock.now_ms())
    answer = await browser.call("POST", "/api/e2ee/devices", plain(seal.enrolment()))
    assert answer.status == 201, answer.text
    return Courier(browser, seal, server.origin)


def head() -> str:
    return random_text(300)


def offer(**changes: Any) -> dict[str, Any]:
    """What the server keeps of a link."""
    return {
        "auth_hash": random_text(32),
        "manifest": random_text(1_024),
        "has_passphrase": False,
    } | changes


async def begin(courier: Courier, **fields: Any) -> Answer:
    body = {"id": random_text(16)} | fields
    return await courier.browser.call("POST", "/api/transfers", body)


async def begun(courier: Courier, **fields: Any) -> str:
    answer = await begin(courier, **fields)
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


async def call(courier: Courier, method: str, path: str, body: Any = None) -> Answer:
    return await courier.browser.call(method, f"/api/transfers/{path}", body)


async def sent(courier: Courier) -> list[dict[str, Any]]:
    answer = await call(courier, "GET", "sent")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json["transfers"]
    return found


async def inbox(courier: Courier) -> list[dict[str, Any]]:
    answer = await call(courier, "GET", "inbox")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json["transfers"]
    return found


async def mails(outbox: Path, to: str) -> list[str]:
    """Return the mails about transfers to an address, when all work is done."""
    await tasks.finish()
    await the_end_of("Outbox._deliver")  # which waits for a thread
    texts = [file.read_text() for file in sorted(outbox.glob(f"*-{to}.eml"))]
    return [text for text in texts if text.startswith("Subject: Sealroom: files for you")]


async def the_end_of(coroutine: str) -> None:
    """Wait until no task runs what has this qualified name any more."""
    running = {
        task
        for task in asyncio.all_tasks()
        if getattr(task.get_coro(), "__qualname__", "") == coroutine
    }
    if running:
        await asyncio.wait(running)


@dataclass
class Sending:
    """A transfer that was sent: its id, its files, what they hold."""

    id: str
    files: list[str]
    contents: list[bytes]
    answer: Answer


async def send(
    courier: Courier, contents: list[bytes], link: dict[str, Any] | None = None, **fields: Any
) -> Sending:
    """Announce, upload and send."""
    transfer_id = await begun(courier, **fields)
    files = [await courier.send(None, content, transfer=transfer_id) for content in contents]
    is_person = fields["kind"] == "person"
    way = {"heads": [head() for _ in files]} if is_person else {"link": link or offer()}
    answer = await call(courier, "POST", f"{transfer_id}/send", {"files": files} | way)
    assert answer.status == 200, answer.text
    return Sending(transfer_id, files, contents, answer)


async def to_person(courier: Courier, peer: Courier, *contents: bytes, **fields: Any) -> Sending:
    return await send(
        courier, list(contents or (b"x" * 100,)), kind="person", user=peer.browser.user_id, **fields
    )


async def to_address(courier: Courier, email: str, **fields: Any) -> Sending:
    return await send(courier, [b"x" * 100], kind="address", email=email, **fields)


async def accept(courier: Courier, sending: Sending) -> Answer:
    return await call(courier, "POST", f"{sending.id}/accept", {})


async def log_in_again(courier: Courier) -> None:
    """Get a new access token after time has jumped."""
    refreshed = await courier.browser.call("POST", "/api/auth/refresh", {})
    assert refreshed.status == 200, refreshed.text
    courier.browser.session = refreshed.json


async def sweep(server: RunningServer, clock: MovableClock) -> None:
    await server.lifecycle.database.sweep(clock.now_ms())
    await server.lifecycle.files.sweep()


async def connected(ws: Connect, courier: Courier) -> Wire:
    """Open a connection of somebody's device."""
    wire = await ws()
    token = courier.browser.session["access_token"]
    device_id = b64url(courier.seal.devices[-1].device_id)
    await wire.send("authenticate", token=token, device_id=device_id)
    await wire.expect("authenticated")
    return wire

"""What people hear at once, on an open connection, of what happens over HTTP."""

from typing import Any

import msgspec
import pytest

from protocol.encoding import b64url
from protocol.ids import DeviceId, LoginId, UserId
from tests.handlers.conftest import Browser
from tests.handlers.test_people import befriend
from tests.harness import Connect, MovableClock
from tests.house import Seal
from tests.people import Peer, Wire, random_text

pytestmark = pytest.mark.every_database


async def enrolled(browser: Browser, seal: Seal) -> Peer:
    """Enrol a device for a browser; returns it as somebody who can open a connection."""
    request: dict[str, Any] = msgspec.to_builtins(seal.enrolment())
    answer = await browser.call("POST", "/api/e2ee/devices", request)
    assert answer.status == 201, answer.text
    return Peer(
        UserId(browser.user_id),
        DeviceId(request["certificate"]["device_id"]),
        LoginId(browser.session["login_id"]),
        browser.session["access_token"],
    )


@pytest.fixture
async def wire(an: Browser, seal: Seal, ws: Connect) -> Wire:
    """An's open connection."""
    return await ws(await enrolled(an, seal))


@pytest.mark.parametrize("path", ["/api/auth/logout", "/api/auth/logout-all"])
async def test_logging_out_closes_the_connection(an: Browser, wire: Wire, path: str) -> None:
    await an.call("POST", path)
    assert (await wire.expect("session.revoked"))["reason"] == "logged_out"
    assert await wire.closed() == 4401


async def test_a_revoked_log_in_loses_its_connection(an: Browser, wire: Wire, browser: Any) -> None:
    other = browser("an@example.org")
    await other.log_in()
    await other.call("DELETE", f"/api/auth/logins/{an.session['login_id']}")
    assert (await wire.expect("session.revoked"))["reason"] == "revoked"
    assert await wire.closed() == 4401


async def test_a_replayed_refresh_token_closes_the_connection(
    an: Browser, wire: Wire, clock: MovableClock
) -> None:
    old = dict(an.cookies)
    await an.call("POST", "/api/auth/refresh")
    clock.advance(11_000)
    an.cookies = old
    assert (await an.call("POST", "/api/auth/refresh")).code == "token_reused"
    assert await wire.closed() == 4401


async def test_a_removed_device_loses_its_connection_and_the_others_hear_of_it(
    an: Browser,
    binh: Browser,
    wire: Wire,
    seal: Seal,
    browser: Any,
    ws: Connect,
    clock: MovableClock,
) -> None:
    await befriend(an, binh)
    friend = await ws(await enrolled(binh, Seal(binh.user_id, clock.now_ms())))
    other = browser("an@example.org")
    await other.log_in()
    second = await ws(await enrolled(other, seal))
    seal.revoke(seal.devices[0])
    signed = msgspec.to_builtins(seal.sign_list())
    assert (await other.call("PUT", "/api/e2ee/devlist", signed)).status == 200
    assert (await wire.expect("session.revoked"))["reason"] == "device_removed"
    assert await wire.closed() == 4401
    for each in (friend, second):
        await each.expect("devices.changed", user=an.user_id, version=3)


async def test_requests_and_their_end_are_heard_at_once(
    an: Browser, binh: Browser, wire: Wire
) -> None:
    code = an.session["user"]["friend_code"]
    await binh.call("POST", "/api/contacts", {"friend_code": code})
    await wire.expect("contact.changed", user=binh.user_id, state="incoming")
    await an.call("POST", f"/api/contacts/{binh.user_id}/accept")
    await wire.expect("contact.changed", user=binh.user_id, state="accepted")
    await binh.call("PATCH", "/api/users/me", {"display_name": "Bình"})
    await wire.expect("profile.changed", user=binh.user_id)
    await binh.call("DELETE", f"/api/contacts/{an.user_id}")
    await wire.expect("contact.changed", user=binh.user_id, state="none")


async def test_a_device_whose_prekeys_run_low_is_told(
    an: Browser, binh: Browser, wire: Wire, seal: Seal, clock: MovableClock
) -> None:
    await befriend(an, binh)
    await enrolled(binh, Seal(binh.user_id, clock.now_ms()))
    target = {"user": an.user_id, "device": b64url(seal.devices[0].device_id)}
    claim = {"claim_id": random_text(16), "targets": [target]}
    await binh.call("POST", "/api/e2ee/prekeys/claim", claim)
    await wire.expect("prekeys.low", opk=4)

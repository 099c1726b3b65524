"""Devices, prekeys and backups over HTTP."""

from typing import Any

import msgspec
import pytest

from protocol.encoding import b64url
from tests.handlers.conftest import KDF, SALT, Browser
from tests.handlers.test_people import befriend
from tests.harness import MovableClock
from tests.house import Seal, opk, spk
from tests.people import random_text

pytestmark = pytest.mark.every_database


def plain(body: Any) -> Any:
    return msgspec.to_builtins(body)


@pytest.fixture
async def enrolled(an: Browser, seal: Seal) -> dict[str, Any]:
    """An's first device; returns the request by which it joined."""
    request: dict[str, Any] = plain(seal.enrolment())
    answer = await an.call("POST", "/api/e2ee/devices", request)
    assert (answer.status, answer.json) == (201, request["list"])
    return request


@pytest.fixture
async def friend(
    an: Browser, binh: Browser, enrolled: dict[str, Any], clock: MovableClock
) -> Browser:
    """A contact of An with a device."""
    theirs = Seal(binh.user_id, clock.now_ms())
    await binh.call("POST", "/api/e2ee/devices", plain(theirs.enrolment()))
    await befriend(an, binh)
    return binh


async def test_a_contact_reads_the_directory_and_learns_when_nothing_is_new(
    an: Browser, friend: Browser, enrolled: dict[str, Any], seal: Seal
) -> None:
    path = f"/api/e2ee/users/{an.user_id}/devices"
    first = await friend.call("GET", path)
    assert first.json == {
        "user": an.user_id,
        "aik": enrolled["aik"],
        "lists": [enrolled["list"]],
        "certificates": [enrolled["certificate"]],
    }
    assert seal.newest is not None
    etag = first.headers["etag"]
    assert etag == f'"{b64url(seal.newest.hash)}"'
    again = await friend.call("GET", path, **{"If-None-Match": etag})
    assert (again.status, again.text) == (304, "")
    assert again.headers["x-request-id"]
    newer = await an.call("PUT", "/api/e2ee/devlist", plain(seal.sign_list()))
    assert newer.json["version"] == 2
    changed = await friend.call("GET", path, **{"If-None-Match": etag})
    assert (changed.status, len(changed.json["lists"])) == (200, 2)
    since = await friend.call("GET", f"{path}?since=1")
    assert [signed["version"] for signed in since.json["lists"]] == [2]


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "", "9" * 400, "%D9%A1"])
async def test_a_version_that_is_no_number_is_refused(
    an: Browser, enrolled: dict[str, Any], since: str
) -> None:
    answer = await an.call("GET", f"/api/e2ee/users/{an.user_id}/devices?since={since}")
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_a_stranger_reads_no_directory(
    an: Browser, binh: Browser, enrolled: dict[str, Any]
) -> None:
    answer = await binh.call("GET", f"/api/e2ee/users/{an.user_id}/devices")
    assert (answer.status, answer.code) == (404, "not_found")


async def test_a_rolled_back_list_is_refused(
    an: Browser, enrolled: dict[str, Any], seal: Seal
) -> None:
    newer = plain(seal.sign_list())
    assert (await an.call("PUT", "/api/e2ee/devlist", newer)).status == 200
    for signed in (enrolled["list"], plain(Seal.sign_list(fresh(seal)))):
        answer = await an.call("PUT", "/api/e2ee/devlist", signed)
        assert (answer.status, answer.code) == (409, "list_rollback")


def fresh(seal: Seal) -> Seal:
    """Return the same keys with the history forgotten."""
    seal.newest = None
    return seal


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("aik", b64url(b"\x04" + bytes(64)), "bad_key"),
        ("aik", b64url(b"\x02" + bytes(32)), "bad_request"),
        ("aik", b64url(b"\x04" + bytes(60)), "bad_request"),
    ],
)
async def test_a_key_that_is_no_point_is_refused(
    an: Browser, seal: Seal, field: str, value: str, code: str
) -> None:
    request = plain(seal.enrolment()) | {field: value}
    answer = await an.call("POST", "/api/e2ee/devices", request)
    assert (answer.status, answer.code) == (400, code)


async def test_a_forged_signature_is_refused(an: Browser, seal: Seal) -> None:
    request = plain(seal.enrolment())
    request["spk"]["sig"] = request["opks"][0]["sig"]
    answer = await an.call("POST", "/api/e2ee/devices", request)
    assert (answer.status, answer.code) == (400, "bad_signature")
    assert "set-cookie" not in answer.headers


async def test_a_reset_needs_a_fresh_log_in(
    an: Browser, enrolled: dict[str, Any], clock: MovableClock, browser: Any, seal: Seal
) -> None:
    second = browser("an@example.org")
    await second.log_in()
    after = Seal(an.user_id, clock.now_ms())
    after.newest = seal.newest
    request = plain(after.enrolment(reset=True))
    clock.advance(5 * 60_000 + 1_000)
    answer = await second.call("POST", "/api/e2ee/devices", request)
    assert (answer.status, answer.code) == (403, "reauthenticate")
    await second.log_in()
    answer = await second.call("POST", "/api/e2ee/devices", request)
    assert (answer.status, answer.json["version"]) == (201, 2)
    assert (await an.call("GET", "/api/users/me")).code == "session_revoked"


async def test_prekeys_are_uploaded_counted_and_never_reused(
    an: Browser, enrolled: dict[str, Any], seal: Seal, clock: MovableClock
) -> None:
    device = seal.devices[0]
    body = {"spk": plain(spk(device, 2, clock.now_ms())), "opks": [plain(opk(device, 6))]}
    answer = await an.call("POST", "/api/e2ee/prekeys", body)
    assert answer.status == 200
    assert (answer.json["opk"], answer.json["spk_id"]) == (6, 2)
    clock.advance(60_000)
    count = await an.call("GET", "/api/e2ee/prekeys/count")
    assert count.json["spk_age_ms"] >= 60_000
    again = await an.call("POST", "/api/e2ee/prekeys", body)
    assert (again.status, again.code) == (409, "prekey_reused")


async def test_a_hundred_prekeys_fit_and_one_more_does_not(
    an: Browser, enrolled: dict[str, Any], seal: Seal
) -> None:
    opks = [plain(opk(seal.devices[0], number)) for number in range(6, 107)]
    answer = await an.call("POST", "/api/e2ee/prekeys", {"opks": opks})
    assert (answer.status, answer.code) == (400, "bad_request")
    answer = await an.call("POST", "/api/e2ee/prekeys", {"opks": opks[:100]})
    assert (answer.status, answer.json["opk"]) == (200, 105)


async def test_a_contact_claims_and_a_stranger_is_left_out(
    an: Browser, friend: Browser, enrolled: dict[str, Any], browser: Any, clock: MovableClock
) -> None:
    target = {"user": an.user_id, "device": enrolled["certificate"]["device_id"]}
    body = {"claim_id": random_text(16), "targets": [target, target]}
    claimed = await friend.call("POST", "/api/e2ee/prekeys/claim", body)
    (bundle,) = claimed.json["bundles"]
    assert bundle["spk"] == enrolled["spk"]
    assert bundle["opk"] == enrolled["opks"][0]
    again = await friend.call("POST", "/api/e2ee/prekeys/claim", body)
    assert again.json == claimed.json
    stranger = await browser("chi@example.org").sign_up()
    refused = await stranger.call("POST", "/api/e2ee/prekeys/claim", body)
    assert (refused.status, refused.code) == (403, "not_enrolled")
    theirs = Seal(stranger.user_id, clock.now_ms())
    await stranger.call("POST", "/api/e2ee/devices", plain(theirs.enrolment()))
    nothing = await stranger.call("POST", "/api/e2ee/prekeys/claim", body)
    assert (nothing.status, nothing.json) == (200, {"bundles": []})


async def test_a_device_that_never_sent_has_an_empty_cursor(
    an: Browser, enrolled: dict[str, Any]
) -> None:
    answer = await an.call("GET", "/api/e2ee/self/cursor")
    assert answer.json == {"room": None, "msg_id": None}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/e2ee/prekeys/count"),
        ("POST", "/api/e2ee/prekeys"),
        ("GET", "/api/e2ee/self/cursor"),
    ],
)
async def test_without_a_device_there_are_no_keys(an: Browser, method: str, path: str) -> None:
    answer = await an.call(method, path)
    assert (answer.status, answer.code) == (403, "not_enrolled")


async def test_a_backup_is_kept_as_it_came_and_follows_the_one_before(an: Browser) -> None:
    path = "/api/e2ee/backup"
    assert (await an.call("GET", path)).code == "not_found"
    password = {"method": "password", "kdf": KDF, "salt": SALT, "wrap": "AAAA"}
    recovery = {"method": "recovery", "kdf": None, "salt": None, "wrap": "BBBB"}
    first = {"version": 1, "brk_id": SALT, "wraps": [password, recovery], "identity": "CCCC"}
    assert (await an.call("PUT", path, first)).json == first
    assert (await an.call("GET", path)).json == first
    conflict = await an.call("PUT", path, first | {"identity": "DDDD"})
    assert (conflict.status, conflict.code) == (409, "conflict")
    second = first | {"version": 2, "identity": "D" * 300_000}
    assert (await an.call("PUT", path, second)).status == 200
    weak = first | {"version": 3, "wraps": [password | {"kdf": KDF | {"t": 1}}]}
    assert (await an.call("PUT", path, weak)).code == "weak_kdf"
    too_large = first | {"version": 3, "identity": "D" * 600_000}
    assert (await an.call("PUT", path, too_large)).code == "too_large"


async def test_a_backup_is_nobody_elses(an: Browser, binh: Browser) -> None:
    recovery = {"method": "recovery", "wrap": "BBBB"}
    body = {"version": 1, "brk_id": SALT, "wraps": [recovery], "identity": "CCCC"}
    await an.call("PUT", "/api/e2ee/backup", body)
    assert (await binh.call("GET", "/api/e2ee/backup")).code == "not_found"

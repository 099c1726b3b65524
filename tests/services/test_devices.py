"""Devices: joining, leaving, and who hears of it (SEAL1 §4.1, §4.9)."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from models.events import DevicesAltered, LoginsEnded, Told
from protocol import bodies
from protocol.encoding import b64url
from protocol.errors import AppError, ErrorCode
from protocol.frames import DevicesChanged
from protocol.ids import DeviceId
from services.logins import Opened
from tests.harness import MovableClock
from tests.house import BROWSER, House, Seal, backup, certificate, refused, spk

AN = "an@example.org"


@pytest.fixture
async def an(house: House) -> Opened:
    return await house.sign_up(AN)


@pytest.fixture
def seal(house: House, an: Opened) -> Seal:
    return Seal(an.account.user_id, house.clock.now_ms())


async def enrol(house: House, opened: Opened, request: bodies.EnrolRequest) -> Any:
    return await house.devices.enrol(await house.principal(opened), request, None)


async def test_the_first_device_joins_with_its_backup(house: House, an: Opened, seal: Seal) -> None:
    user_id = an.account.user_id
    first_backup = backup(user_id)
    request = seal.enrolment()
    principal = await house.principal(an)
    enrolled = await house.devices.enrol(principal, request, first_backup)
    assert enrolled.device_list.version == 1
    assert enrolled.device_list.active == (request.certificate.device_id,)
    assert (await house.principal(an)).device_id == request.certificate.device_id
    assert await house.backups.of_user(user_id) == first_backup
    assert (await house.keys.count(await house.principal(an))).opk == 5
    assert house.sink.take() == [
        DevicesAltered(user_id, 1),
        Told((user_id,), DevicesChanged(user=user_id, version=1)),
    ]


async def test_contacts_and_roommates_hear_of_a_new_device(
    house: House, an: Opened, seal: Seal
) -> None:
    binh = (await house.sign_up("binh@example.org")).account
    await house.sign_up("stranger@example.org")
    await house.befriend(an.account.user_id, binh.user_id)
    await house.enrol(an, seal)
    told = [event.users for event in house.sink.take() if isinstance(event, Told)]
    assert told == [(an.account.user_id, binh.user_id)]


async def test_a_second_device_joins_and_the_first_stays(
    house: House, an: Opened, seal: Seal
) -> None:
    first = await house.enrol(an, seal)
    second = await house.enrol(await house.logins.open(an.account, BROWSER), seal)
    newest = await house.stores.devices.newest_list(an.account.user_id)
    assert newest is not None
    assert newest.active == (first.device_id, second.device_id)
    assert (await house.principal(an)).device_id == first.device_id


async def test_the_same_enrolment_again_stores_nothing_and_succeeds(
    house: House, an: Opened, seal: Seal
) -> None:
    request = seal.enrolment()
    first = await enrol(house, an, request)
    again = await enrol(house, an, request)
    assert again.device_list == first.device_list
    assert (await house.keys.count(await house.principal(an))).opk == 5


async def test_of_two_first_devices_at_once_one_joins(house: House, an: Opened) -> None:
    now_ms = house.clock.now_ms()
    logins = [an, await house.logins.open(an.account, BROWSER)]
    results = await asyncio.gather(
        *(enrol(house, login, Seal(an.account.user_id, now_ms).enrolment()) for login in logins),
        return_exceptions=True,
    )
    assert sum(isinstance(result, AppError) for result in results) == 1
    assert [r.code for r in results if isinstance(r, AppError)] == [ErrorCode.CONFLICT]


async def test_a_device_that_logs_in_anew_goes_on_and_brings_new_prekeys(
    house: House, an: Opened, seal: Seal
) -> None:
    request = seal.enrolment()
    await enrol(house, an, request)
    await house.logins.end_all(an.account.user_id, "logged_out")
    again = await house.logins.open(an.account, BROWSER)
    newer = spk(seal.devices[0], 2, seal.now_ms)
    await enrol(house, again, msgspec.structs.replace(request, spk=newer, opks=[]))
    principal = await house.principal(again)
    assert principal.device_id == request.certificate.device_id
    assert (await house.keys.count(principal)).spk.key_id == 2


async def test_a_removed_device_does_not_come_back(house: House, an: Opened, seal: Seal) -> None:
    request = seal.enrolment()
    await enrol(house, an, request)
    other = await house.enrol(await house.logins.open(an.account, BROWSER), seal)
    seal.revoke(seal.devices[0])
    newest = seal.sign_list()
    await house.devices.put_list(other, newest)
    again = await house.logins.open(an.account, BROWSER)
    back = msgspec.structs.replace(request, list=newest)
    await refused(ErrorCode.LIST_ROLLBACK, enrol(house, again, back))
    await refused(ErrorCode.LIST_ROLLBACK, enrol(house, again, request))


async def test_a_log_in_belongs_to_one_device(house: House, an: Opened, seal: Seal) -> None:
    await house.enrol(an, seal)
    await refused(ErrorCode.CONFLICT, enrol(house, an, seal.enrolment()))


async def test_another_identity_is_refused_unless_it_is_a_reset(
    house: House, an: Opened, seal: Seal
) -> None:
    await house.enrol(an, seal)
    other = await house.logins.open(an.account, BROWSER)
    stranger = Seal(an.account.user_id, seal.now_ms)
    await refused(ErrorCode.CONFLICT, enrol(house, other, stranger.enrolment()))


async def fresh_identity(house: House, opened: Opened, seal: Seal) -> tuple[Seal, Any]:
    """Return keys that replace those of `seal`, counting on, and the request that does it."""
    after = Seal(opened.account.user_id, seal.now_ms)
    after.newest = seal.newest
    after.entries = list(seal.entries)
    for device in seal.devices:
        after.revoke(device)
    return after, after.enrolment(reset=True)


async def test_a_reset_replaces_the_identity_and_throws_the_old_devices_out(
    house: House, an: Opened, seal: Seal
) -> None:
    old = await house.enrol(an, seal)
    other = await house.logins.open(an.account, BROWSER)
    after, request = await fresh_identity(house, an, seal)
    house.sink.take()
    enrolled = await enrol(house, other, request)
    assert enrolled.device_list.version == 2
    assert enrolled.device_list.active == (request.certificate.device_id,)
    assert enrolled.device_list.aik == b64url(after.account_key.public)
    assert LoginsEnded(old.user_id, (old.login_id,), "device_removed") in house.sink.events
    await refused(ErrorCode.SESSION_REVOKED, house.principal(an))
    assert await house.stores.keys.count(old.user_id, old.require_device()) is None


async def test_a_reset_may_leave_the_tombstones_behind(
    house: House, an: Opened, seal: Seal
) -> None:
    await house.enrol(an, seal)
    after = Seal(an.account.user_id, seal.now_ms)
    after.newest = seal.newest
    other = await house.logins.open(an.account, BROWSER)
    await enrol(house, other, after.enrolment(reset=True))


async def test_a_reset_needs_a_fresh_log_in(
    house: House, an: Opened, seal: Seal, clock: MovableClock
) -> None:
    await house.enrol(an, seal)
    other = await house.logins.open(an.account, BROWSER)
    _, request = await fresh_identity(house, an, seal)
    clock.advance(5 * 60_000 + 1)
    await refused(ErrorCode.REAUTHENTICATE, enrol(house, other, request))


async def test_a_reset_that_keeps_an_old_device_or_the_old_key_is_refused(
    house: House, an: Opened, seal: Seal
) -> None:
    await house.enrol(an, seal)
    other = await house.logins.open(an.account, BROWSER)
    after = Seal(an.account.user_id, seal.now_ms)
    after.newest, after.entries = seal.newest, list(seal.entries)
    await refused(ErrorCode.LIST_ROLLBACK, enrol(house, other, after.enrolment(reset=True)))
    await refused(ErrorCode.CONFLICT, enrol(house, other, seal.enrolment(reset=True)))


def _forgeries() -> dict[str, Callable[[Seal, bodies.EnrolRequest], bodies.EnrolRequest]]:
    def replaced(**make: Callable[[Seal, bodies.EnrolRequest], Any]) -> Any:
        def change(seal: Seal, request: bodies.EnrolRequest) -> bodies.EnrolRequest:
            fields = {name: value(seal, request) for name, value in make.items()}
            return msgspec.structs.replace(request, **fields)

        return change

    def stranger(seal: Seal) -> Seal:
        return Seal(seal.user_id, seal.now_ms)

    return {
        "another account key": replaced(
            aik=lambda seal, _: b64url(stranger(seal).account_key.public)
        ),
        "a certificate of another account": replaced(
            certificate=lambda seal, _: certificate(stranger(seal).new_device())
        ),
        "prekeys of another device": replaced(
            spk=lambda seal, _: spk(stranger(seal).new_device(), 1, seal.now_ms)
        ),
        "one-time prekeys of another device": replaced(
            opks=lambda seal, _: stranger(seal).enrolment().opks
        ),
    }


@pytest.mark.parametrize("name", _forgeries())
async def test_no_forged_enrolment_is_stored(
    house: House, an: Opened, seal: Seal, name: str
) -> None:
    forged = _forgeries()[name](seal, seal.enrolment())
    await refused(ErrorCode.BAD_SIGNATURE, enrol(house, an, forged))
    assert await house.stores.devices.newest_list(an.account.user_id) is None
    assert await house.stores.devices.devices(an.account.user_id) == []
    assert (await house.principal(an)).device_id is None
    assert house.sink.events == []


async def test_a_device_of_somebody_else_is_refused(house: House, an: Opened) -> None:
    binh = await house.sign_up("binh@example.org")
    theirs = Seal(binh.account.user_id, house.clock.now_ms()).enrolment()
    await refused(ErrorCode.BAD_SIGNATURE, enrol(house, an, theirs))


async def test_a_list_that_does_not_add_exactly_this_device_is_refused(
    house: House, an: Opened, seal: Seal
) -> None:
    seal.new_device()
    await refused(ErrorCode.LIST_ROLLBACK, enrol(house, an, seal.enrolment()))
    empty = Seal(an.account.user_id, seal.now_ms)
    request = empty.enrolment()
    empty.entries, empty.newest = [], None
    without = msgspec.structs.replace(request, list=empty.sign_list())
    await refused(ErrorCode.LIST_ROLLBACK, enrol(house, an, without))


async def test_a_list_skipping_a_version_or_pointing_elsewhere_is_refused(
    house: House, an: Opened, seal: Seal
) -> None:
    await house.enrol(an, seal)
    other = await house.logins.open(an.account, BROWSER)
    kept, entries = seal.newest, list(seal.entries)
    seal.sign_list()
    await refused(ErrorCode.LIST_ROLLBACK, enrol(house, other, seal.enrolment()))
    seal.newest, seal.entries = None, entries
    await refused(ErrorCode.LIST_ROLLBACK, enrol(house, other, seal.enrolment()))
    seal.newest, seal.entries = kept, []
    await refused(ErrorCode.LIST_ROLLBACK, enrol(house, other, seal.enrolment()))


async def test_a_device_joins_once(house: House, an: Opened, seal: Seal) -> None:
    request = seal.enrolment()
    await enrol(house, an, request)
    other = await house.logins.open(an.account, BROWSER)
    next_list = msgspec.structs.replace(request, list=seal.sign_list())
    await refused(ErrorCode.CONFLICT, enrol(house, other, next_list))


async def test_a_seventeenth_device_is_refused(house: House, an: Opened, seal: Seal) -> None:
    for _ in range(16):
        await house.enrol(await house.logins.open(an.account, BROWSER), seal)
    last = await house.logins.open(an.account, BROWSER)
    await refused(ErrorCode.TOO_LARGE, enrol(house, last, seal.enrolment()))


async def test_a_device_id_is_taken_for_ever(
    house: House, an: Opened, seal: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.enrol(an, seal)
    binh = await house.sign_up("binh@example.org")
    theirs = Seal(binh.account.user_id, seal.now_ms)
    taken = seal.devices[0].device_id
    monkeypatch.setattr("tests.house.secrets.token_bytes", lambda _: taken)
    request = theirs.enrolment()
    monkeypatch.undo()
    assert request.certificate.device_id == DeviceId(b64url(taken))
    await refused(ErrorCode.CONFLICT, enrol(house, binh, request))

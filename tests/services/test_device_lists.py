"""Device lists: how one follows another, and who may read them (SEAL1 §4.1, §4.9)."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from models.events import DevicesAltered, LoginsEnded, Told
from protocol import bodies
from protocol.encoding import b64url
from protocol.errors import AppError, ErrorCode
from protocol.frames import DevicesChanged
from protocol.limits import SECOND_MS
from services.logins import Opened
from tests.harness import MovableClock
from tests.house import BROWSER, House, Seal, refused, until_refused


@pytest.fixture
async def an(house: House) -> Opened:
    return await house.sign_up("an@example.org")


@pytest.fixture
def seal(house: House, an: Opened) -> Seal:
    return Seal(an.account.user_id, house.clock.now_ms())


@pytest.fixture
async def two(house: House, an: Opened, seal: Seal) -> tuple[Opened, Opened]:
    """An on two devices."""
    second = await house.logins.open(an.account, BROWSER)
    await house.enrol(an, seal)
    await house.enrol(second, seal)
    house.sink.take()
    return an, second


async def put(house: House, opened: Opened, signed: bodies.SignedList) -> Any:
    return await house.devices.put_list(await house.principal(opened), signed)


async def test_a_device_that_leaves_loses_prekeys_log_ins_and_connections(
    house: House, two: tuple[Opened, Opened], seal: Seal
) -> None:
    first, second = two
    gone = await house.principal(second)
    seal.revoke(seal.devices[1])
    after = await put(house, first, seal.sign_list())
    assert after.version == 3
    user_id = gone.user_id
    assert house.sink.take() == [
        DevicesAltered(user_id, 3),
        LoginsEnded(user_id, (gone.login_id,), "device_removed"),
        Told((user_id,), DevicesChanged(user=user_id, version=3)),
    ]
    await refused(ErrorCode.SESSION_REVOKED, house.principal(second))
    await refused(ErrorCode.UNAUTHENTICATED, house.logins.refresh(second.refresh_token, ""))
    assert await house.stores.keys.count(user_id, gone.require_device()) is None
    await house.principal(first)


async def test_the_newest_list_again_changes_nothing(
    house: House, two: tuple[Opened, Opened], seal: Seal
) -> None:
    newest = seal.sign_list()
    first = await put(house, two[0], newest)
    house.sink.take()
    assert await put(house, two[0], newest) == first
    assert house.sink.events == []


async def test_a_removal_that_failed_half_way_is_finished_by_the_next_try(
    house: House,
    two: tuple[Opened, Opened],
    seal: Seal,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The list is stored, the log-ins of the removed device are not yet ended (S-13)."""

    async def away(*_: Any) -> None:
        raise AppError(ErrorCode.STORAGE_FULL)

    seal.revoke(seal.devices[1])
    signed = seal.sign_list()
    with monkeypatch.context() as broken:
        broken.setattr(house.stores.logins, "end_of_device", away)
        await refused(ErrorCode.STORAGE_FULL, put(house, two[0], signed))
    user_id = two[0].account.user_id
    assert house.sink.take() == [DevicesAltered(user_id, 3)]
    clock.advance(5 * SECOND_MS)
    await refused(ErrorCode.SESSION_REVOKED, house.principal(two[1]))
    await put(house, two[0], signed)
    assert [type(event) for event in house.sink.take()] == [LoginsEnded]
    await refused(ErrorCode.SESSION_REVOKED, house.principal(two[1]))
    await refused(ErrorCode.UNAUTHENTICATED, house.logins.refresh(two[1].refresh_token, ""))


async def test_of_two_next_lists_at_once_one_counts(
    house: House, two: tuple[Opened, Opened], seal: Seal
) -> None:
    kept, entries = seal.newest, list(seal.entries)
    lists = []
    for _ in range(2):
        seal.newest, seal.entries = kept, list(entries)
        seal.now_ms += 1
        lists.append(seal.sign_list())
    results = await asyncio.gather(
        *(put(house, two[0], signed) for signed in lists), return_exceptions=True
    )
    lost = [result.code for result in results if isinstance(result, AppError)]
    assert lost == [ErrorCode.LIST_ROLLBACK]


async def test_a_list_that_cannot_be_stored_changes_nothing(
    house: House,
    two: tuple[Opened, Opened],
    seal: Seal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(_: Any) -> None:
        raise AppError(ErrorCode.UNAVAILABLE)

    monkeypatch.setattr(house.stores.devices, "put_list", away)
    seal.revoke(seal.devices[1])
    await refused(ErrorCode.UNAVAILABLE, put(house, two[0], seal.sign_list()))
    assert house.sink.events == []
    await house.principal(two[1])


def _rollbacks() -> dict[str, Callable[[Seal], bodies.SignedList]]:
    def older(seal: Seal) -> bodies.SignedList:
        seal.newest = None
        return seal.sign_list()

    def skipping(seal: Seal) -> bodies.SignedList:
        seal.sign_list()
        return seal.sign_list()

    def forgetting(seal: Seal) -> bodies.SignedList:
        seal.entries.pop()
        return seal.sign_list()

    def adding(seal: Seal) -> bodies.SignedList:
        seal.new_device()
        return seal.sign_list()

    def exchanging(seal: Seal) -> bodies.SignedList:
        last = seal.entries[-1]
        seal.entries[-1] = type(last)(last.device_id, bytes(32), last.status, last.since_ms)
        return seal.sign_list()

    return {
        "older": older,
        "skipping a version": skipping,
        "forgetting a device": forgetting,
        "adding a device": adding,
        "exchanging a certificate": exchanging,
    }


@pytest.mark.parametrize("name", _rollbacks())
async def test_a_list_that_does_not_follow_is_refused(
    house: House, two: tuple[Opened, Opened], seal: Seal, name: str
) -> None:
    await refused(ErrorCode.LIST_ROLLBACK, put(house, two[0], _rollbacks()[name](seal)))
    assert house.sink.events == []


async def test_a_revoked_device_is_never_revived(
    house: House, two: tuple[Opened, Opened], seal: Seal
) -> None:
    entries = list(seal.entries)
    seal.revoke(seal.devices[1])
    await put(house, two[0], seal.sign_list())
    seal.entries = entries
    await refused(ErrorCode.LIST_ROLLBACK, put(house, two[0], seal.sign_list()))


async def test_a_list_signed_by_somebody_else_is_refused(
    house: House, two: tuple[Opened, Opened], seal: Seal
) -> None:
    stranger = Seal(two[0].account.user_id, seal.now_ms)
    stranger.newest, stranger.entries = seal.newest, seal.entries
    await refused(ErrorCode.BAD_SIGNATURE, put(house, two[0], stranger.sign_list()))


async def test_who_has_no_device_puts_no_list(house: House, an: Opened, seal: Seal) -> None:
    seal.new_device()
    await refused(ErrorCode.NOT_ENROLLED, put(house, an, seal.sign_list()))


# ── the directory ───────────────────────────────────────────────────────────────────────────────


async def test_contacts_see_the_lists_and_strangers_nothing(
    house: House, two: tuple[Opened, Opened], seal: Seal
) -> None:
    user_id = two[0].account.user_id
    friend = (await house.sign_up("binh@example.org")).account.user_id
    await refused(ErrorCode.NOT_FOUND, house.devices.directory(friend, user_id, 0))
    await house.stores.contacts.request(friend, user_id, house.clock.now_ms())
    await refused(ErrorCode.NOT_FOUND, house.devices.directory(friend, user_id, 0))
    await house.stores.contacts.accept(user_id, friend)
    for asker in (friend, user_id):
        directory = await house.devices.directory(asker, user_id, 0)
        assert [device_list.version for device_list in directory.lists] == [1, 2]
        assert directory.newest == directory.lists[-1]
        assert {device.device_id for device in directory.devices} == {
            b64url(device.device_id) for device in seal.devices
        }
    since = await house.devices.directory(friend, user_id, 1)
    assert [device_list.version for device_list in since.lists] == [2]
    assert len(since.devices) == 2
    assert (await house.devices.directory(friend, user_id, 99)).lists == []


async def test_revoked_devices_stay_in_the_directory(
    house: House, two: tuple[Opened, Opened], seal: Seal
) -> None:
    seal.revoke(seal.devices[1])
    await put(house, two[0], seal.sign_list())
    user_id = two[0].account.user_id
    assert len((await house.devices.directory(user_id, user_id, 0)).devices) == 2


async def test_who_has_no_device_has_no_directory(house: House, an: Opened) -> None:
    user_id = an.account.user_id
    await refused(ErrorCode.NOT_FOUND, house.devices.directory(user_id, user_id, 0))


async def test_nobody_fills_the_directory_with_lists(
    house: House, two: tuple[Opened, Opened], seal: Seal
) -> None:
    """All lists are kept, and whoever asks for them gets them in one answer."""
    principal = await house.principal(two[0])

    async def next_list() -> None:
        house.quotas.restore("upload", principal.user_id)
        await house.devices.put_list(principal, seal.sign_list())

    assert await until_refused(ErrorCode.RATE_LIMITED, next_list) == 58

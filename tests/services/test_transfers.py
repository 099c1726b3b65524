"""What happens between people when one sends files to another; the calls are tried over HTTP."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models.events import Told
from protocol.errors import AppError, ErrorCode
from protocol.frames import ContactChanged, TransferChanged
from protocol.limits import FILE_PENDING_TTL_MS, TRANSFER_MIN_TTL_MS
from services import tasks
from services.access import READS_IN_A_ROW
from services.logins import Principal
from services.quotas import TABLE, Rate
from tests.harness import MovableClock
from tests.house import House, refused
from tests.services.sending import (
    HEAD,
    contents,
    draft,
    person,
    sent,
    to_address,
    to_person,
    whole_file,
)

BINH = "binh@example.org"


@pytest.fixture
async def binh(house: House) -> Principal:
    return await person(house, BINH)


def heard(house: House, user_id: str, kind: type[Any]) -> int:
    """Return how often somebody has been told a thing of this kind, and forget it."""
    count = sum(isinstance(frame, kind) for frame in house.sink.told(user_id))
    house.sink.take()
    return count


async def states(house: House, one: Principal, other: Principal) -> tuple[Any, Any]:
    contacts = house.stores.contacts
    return (
        await contacts.state(one.user_id, other.user_id),
        await contacts.state(other.user_id, one.user_id),
    )


@pytest.mark.parametrize(
    "before",
    [
        "strangers",
        "the sender asked by address",
        "the sender asked by friend code",
        "the recipient asked",
        "the recipient asked by address",
        "a request that a block kept back",
    ],
)
async def test_whoever_accepts_becomes_a_contact_whatever_was_between_the_two(
    house: House, an: Principal, binh: Principal, before: str
) -> None:
    contacts, now_ms = house.stores.contacts, house.clock.now_ms()
    match before:
        case "the sender asked by address":
            await contacts.request(an.user_id, binh.user_id, now_ms, BINH)
        case "the sender asked by friend code":
            await contacts.request(an.user_id, binh.user_id, now_ms)
        case "the recipient asked":
            await contacts.request(binh.user_id, an.user_id, now_ms)
        case "the recipient asked by address":
            await contacts.request(binh.user_id, an.user_id, now_ms, "an@example.org")
        case "a request that a block kept back":
            await contacts.block(an.user_id, binh.user_id, now_ms)
            await contacts.request(binh.user_id, an.user_id, now_ms)
            await contacts.unblock(an.user_id, binh.user_id)
    transfer = await to_address(house, an, BINH)
    await tasks.finish()
    house.sink.take()
    _, account = await house.transfers.accept(binh, transfer.transfer_id)
    assert account.user_id == an.user_id
    assert await states(house, an, binh) == ("accepted", "accepted")
    for one, other in ((an, binh), (binh, an)):
        frames = [f for f in house.sink.told(one.user_id) if isinstance(f, ContactChanged)]
        assert [(f.user, f.state) for f in frames] == [(other.user_id, "accepted")]
    found = await house.contacts.of_user(an.user_id)
    assert [account.user_id for _, account in found.contacts] == [binh.user_id]


async def test_accepting_goes_on_where_a_call_ended_half_way(
    house: House, an: Principal, binh: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer = await to_address(house, an, BINH)

    async def away(*_: object) -> bool:
        raise AppError(ErrorCode.UNAVAILABLE)

    with monkeypatch.context() as patch:
        patch.setattr(house.stores.transfers, "accept", away)
        await refused(ErrorCode.UNAVAILABLE, house.transfers.accept(binh, transfer.transfer_id))
    [before] = await house.transfers.sent(an)
    assert before.recipient is None
    await house.transfers.accept(binh, transfer.transfer_id)
    [after] = await house.transfers.sent(an)
    assert after.recipient == binh.user_id
    assert await states(house, an, binh) == ("accepted", "accepted")


@pytest.mark.parametrize("remover", ["the sender", "the recipient"])
async def test_accepting_again_brings_no_contact_back_that_has_ended(
    house: House, an: Principal, binh: Principal, remover: str
) -> None:
    transfer = await to_address(house, an, BINH)
    await house.transfers.accept(binh, transfer.transfer_id)
    one, other = (an, binh) if remover == "the sender" else (binh, an)
    await house.contacts.remove(one.user_id, other.user_id)
    await house.transfers.accept(binh, transfer.transfer_id)
    assert await states(house, an, binh) == (None, None)


async def test_nothing_is_sealed_for_who_is_no_contact_any_more(
    house: House, an: Principal, binh: Principal
) -> None:
    transfer = await to_address(house, an, BINH)
    await house.transfers.accept(binh, transfer.transfer_id)
    await house.contacts.remove(an.user_id, binh.user_id)
    seal = house.transfers.seal(an, transfer.transfer_id, [HEAD])
    await refused(ErrorCode.NOT_CONTACT, seal)
    await refused(ErrorCode.NOT_FOUND, house.transfers.heads(binh, transfer.transfer_id))


async def test_contacts_who_accept_stay_contacts_and_hear_nothing_of_it(
    house: House, an: Principal, binh: Principal
) -> None:
    await house.befriend(an.user_id, binh.user_id)
    transfer = await to_address(house, an, BINH)
    await tasks.finish()
    house.sink.take()
    for _ in range(2):
        await house.transfers.accept(binh, transfer.transfer_id)
    frames = house.sink.told(an.user_id)
    assert [type(frame) for frame in frames] == [TransferChanged], "once"


async def test_what_many_send_stands_in_the_inbox_with_each_sender(
    house: House, binh: Principal
) -> None:
    house.quotas._table = {**TABLE, "code-send-address": Rate("address", 1e6, 1)}
    senders = [await person(house, f"sender{n}@example.org") for n in range(READS_IN_A_ROW + 1)]
    for sender in senders:
        await to_address(house, sender, BINH)
    await house.contacts.block(binh.user_id, senders[5].user_id)
    found = await house.transfers.inbox(binh)
    assert {account.user_id for _, account in found} == {
        sender.user_id for sender in senders if sender != senders[5]
    }
    assert all(transfer.sender == account.user_id for transfer, account in found)


async def test_nobody_is_contacted_across_a_block(
    house: House, an: Principal, binh: Principal
) -> None:
    transfer = await to_address(house, an, BINH)
    await house.contacts.block(binh.user_id, an.user_id)
    await refused(ErrorCode.NOT_FOUND, house.transfers.accept(binh, transfer.transfer_id))
    assert await states(house, an, binh) == (None, None)
    await house.contacts.unblock(binh.user_id, an.user_id)
    await house.contacts.block(an.user_id, binh.user_id)
    await refused(ErrorCode.NOT_FOUND, house.transfers.accept(binh, transfer.transfer_id))


@pytest.fixture
def later(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Let a time pass between the first look at the clock and the next ones."""

    def jump(looks: int, step_ms: int) -> None:
        start_ms = house.clock.now_ms()

        def times() -> Iterator[int]:
            yield from [start_ms] * looks
            while True:
                yield start_ms + step_ms

        monkeypatch.setattr(house.clock, "now_ms", times().__next__)

    return jump


@pytest.mark.parametrize("what", ["send", "accept", "seal"])
async def test_what_ends_in_the_middle_of_a_call_is_not_there(
    house: House,
    an: Principal,
    binh: Principal,
    later: Callable[[int, int], None],
    what: str,
) -> None:
    transfer = await draft(house, an, kind="address", email=BINH, lives_ms=TRANSFER_MIN_TTL_MS)
    asked = contents(transfer, [await whole_file(house, transfer)])
    transfer_id = transfer.transfer_id
    if what != "send":
        await house.transfers.send(an, transfer_id, asked)
    if what == "seal":
        await house.transfers.accept(binh, transfer_id)
    calls = {
        "send": lambda: house.transfers.send(an, transfer_id, asked),
        "accept": lambda: house.transfers.accept(binh, transfer_id),
        "seal": lambda: house.transfers.seal(an, transfer_id, [HEAD]),
    }
    later(1, FILE_PENDING_TTL_MS if what == "send" else TRANSFER_MIN_TTL_MS)
    await refused(ErrorCode.NOT_FOUND, calls[what]())


async def test_offers_to_addresses_have_a_day_of_their_own(house: House, an: Principal) -> None:
    """Whoever has an address finds them unasked; the same for every address (S-04)."""
    for _ in range(int(TABLE["transfer-offer"].capacity)):
        await draft(house, an, kind="address", email=BINH)
    await refused(
        ErrorCode.RATE_LIMITED, draft(house, an, kind="address", email="nobody@example.org")
    )
    await draft(house, an)


async def test_what_two_withdraw_at_once_one_withdraws(house: House, an: Principal) -> None:
    transfer = await sent(house, an)
    done = await asyncio.gather(
        *(house.transfers.remove(an, transfer.transfer_id) for _ in range(5)),
        return_exceptions=True,
    )
    assert [getattr(each, "code", None) for each in done].count(None) == 1


async def test_a_draft_that_is_withdrawn_was_never_there_for_anybody(
    house: House, an: Principal, binh: Principal, clock: MovableClock
) -> None:
    await house.befriend(an.user_id, binh.user_id)
    transfer = await draft(house, an, kind="person", user=binh.user_id)
    await house.transfers.remove(an, transfer.transfer_id)
    await tasks.finish()
    assert heard(house, binh.user_id, TransferChanged) == 0
    clock.advance(FILE_PENDING_TTL_MS)
    assert await house.transfers.sent(an) == []


async def test_other_devices_of_whoever_acts_are_told_too(
    house: House, an: Principal, binh: Principal
) -> None:
    """Both have more than one device, and each of them lists the transfer."""
    await house.befriend(an.user_id, binh.user_id)
    fetched, declined, withdrawn = [await to_person(house, an, binh.user_id) for _ in range(3)]
    offered = await to_address(house, an, BINH)
    await tasks.finish()
    house.sink.take()
    await house.transfers.note_downloaded(binh, fetched.transfer_id)
    assert heard(house, binh.user_id, TransferChanged) == 1
    await house.transfers.remove(binh, declined.transfer_id)
    assert heard(house, binh.user_id, TransferChanged) == 1
    await house.transfers.remove(an, withdrawn.transfer_id)
    await tasks.finish()
    assert heard(house, an.user_id, TransferChanged) == 1
    await house.transfers.remove(binh, offered.transfer_id)
    assert heard(house, binh.user_id, TransferChanged) == 1
    assert heard(house, an.user_id, TransferChanged) == 0, "it goes on as a link"


async def test_whoever_is_concerned_is_told_once(
    house: House, an: Principal, binh: Principal
) -> None:
    await house.befriend(an.user_id, binh.user_id)
    transfer = await to_person(house, an, binh.user_id)
    for _ in range(2):
        await house.transfers.note_downloaded(binh, transfer.transfer_id)
    assert heard(house, an.user_id, TransferChanged) == 1
    await house.transfers.remove(binh, transfer.transfer_id)
    assert heard(house, an.user_id, TransferChanged) == 1
    assert all(not isinstance(event, Told) for event in house.sink.take())

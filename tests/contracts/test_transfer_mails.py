"""TransferStore: mails that are due, each for one process at a time (S3-6, S3-25)."""

import pytest

from protocol.limits import FILE_PENDING_TTL_MS
from tests.contracts.transfers import EMAIL, END_MS, NOW_MS, add_whole_file, at_once, listed

LATER_MS = NOW_MS + 300_000


@pytest.fixture
def mailed(stores, make, draft):
    """Open a transfer to an address, its mail due at `due_ms`."""

    async def open_one(due_ms=NOW_MS):
        begun = await draft(kind="address", email=EMAIL)
        ids = ((await add_whole_file(stores, make, begun)).file_id,)
        contents = (begun.transfer_id, ids, (), make.link(), NOW_MS)
        return await stores.transfers.open(*contents, mail_due_ms=due_ms)

    return open_one


async def test_a_mail_is_due_from_when_its_transfer_opens(stores, mailed, opened, draft):
    silent, begun, transfer = await opened(), await draft(), await mailed(LATER_MS)
    assert (silent.mail_due_ms, begun.mail_due_ms) == (None, None)
    assert transfer.mail_due_ms == LATER_MS
    assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) == transfer
    assert await stores.transfers.mails_due(LATER_MS - 1, 10) == []
    assert await stores.transfers.mails_due(LATER_MS, 10) == [listed(transfer)]


async def test_opening_again_makes_no_mail_due(stores, mailed):
    transfer = await mailed()
    await stores.transfers.settle_mail(transfer.transfer_id)
    ids = tuple(file_id for file_id, _ in transfer.files)
    again = (transfer.transfer_id, ids, (), transfer.link, LATER_MS)
    there = await stores.transfers.open(*again, mail_due_ms=LATER_MS)
    assert there.mail_due_ms is None
    assert await stores.transfers.mails_due(LATER_MS, 10) == []


async def test_the_mails_that_wait_longest_come_first(stores, mailed):
    ids = [(await mailed(NOW_MS + late_ms)).transfer_id for late_ms in (2, 0, 1)]
    found = await stores.transfers.mails_due(LATER_MS, 2)
    assert [transfer.transfer_id for transfer in found] == [ids[1], ids[2]]


async def test_of_many_that_claim_a_mail_one_succeeds(stores, both, mailed):
    transfer_id = (await mailed()).transfer_id
    outcomes = await at_once(
        both, 10, lambda transfers, n: transfers.claim_mail(transfer_id, NOW_MS, LATER_MS + n)
    )
    assert sorted(outcomes) == [False] * 9 + [True]
    assert await stores.transfers.mails_due(LATER_MS - 1, 10) == []
    due_ms = LATER_MS + outcomes.index(True)
    (there,) = await stores.transfers.mails_due(due_ms, 10)
    assert there.mail_due_ms == due_ms
    assert await stores.transfers.claim_mail(transfer_id, due_ms, due_ms + 1) is True


async def test_a_mail_that_is_settled_is_never_due_again(stores, mailed, make):
    transfer_id = (await mailed()).transfer_id
    for _ in range(2):
        await stores.transfers.settle_mail(transfer_id)
        assert await stores.transfers.mails_due(END_MS - 1, 10) == []
        assert await stores.transfers.claim_mail(transfer_id, NOW_MS, LATER_MS) is False
    await stores.transfers.settle_mail(make.text())


@pytest.mark.parametrize("how", ["ended", "expired"])
async def test_what_has_ended_has_no_mail(stores, mailed, how):
    transfer_id = (await mailed()).transfer_id
    if how == "ended":
        await stores.transfers.end(transfer_id)
    assert await stores.transfers.mails_due(END_MS, 10) == []
    await stores.transfers.settle_mail(transfer_id)
    await stores.database.sweep(END_MS)
    assert await stores.transfers.claim_mail(transfer_id, NOW_MS, LATER_MS) is False
    await stores.database.sweep(NOW_MS + FILE_PENDING_TTL_MS)
    assert await stores.transfers.by_id(transfer_id, NOW_MS) is None

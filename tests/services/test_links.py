"""Links between two looks at them: what ends, runs out or is tried meanwhile."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import pytest

from models.transfers import Transfer
from protocol import bodies
from protocol.encoding import b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import DownloadId, FileId
from protocol.limits import LINK_GRANT_TTL_MS, REPORTS_PER_TRANSFER, TRANSFER_MIN_TTL_MS
from services.links import LinkService
from services.logins import Principal
from services.quotas import TABLE
from tests.harness import MovableClock
from tests.house import HOME, House, refused, until_refused
from tests.people import random_text
from tests.services.sending import draft, sent

AUTH = secrets.token_bytes(32)
SHOWN = b64url(AUTH)
REPORT = bodies.ReportRequest(reason="other")


def new_id() -> DownloadId:
    return DownloadId(random_text(16))


@pytest.fixture
async def link(house: House, an: Principal) -> Transfer:
    return await sent(house, an, AUTH)


async def bytes_of(house: House, transfer: Transfer, token: str) -> bytes:
    """Read the first file of a link."""
    [(file_id, size_bytes)] = transfer.files
    file = await house.links.readable(transfer.transfer_id, file_id, token, HOME)
    pieces = house.links.read(transfer.transfer_id, file, 0, size_bytes)
    return b"".join([piece async for piece in pieces])


async def test_whoever_shows_the_secret_reads(house: House, link: Transfer) -> None:
    token, expires_ms = await house.links.begin_download(link.transfer_id, new_id(), SHOWN, HOME)
    assert expires_ms == house.clock.now_ms() + LINK_GRANT_TTL_MS
    assert await bytes_of(house, link, token) == b"x"


Ask = Callable[[LinkService, Transfer, str], Awaitable[object]]
WAYS: dict[str, Ask] = {
    "contents": lambda links, link, auth: links.contents(link.transfer_id, auth, HOME),
    "download": lambda links, link, auth: links.begin_download(
        link.transfer_id, new_id(), auth, HOME
    ),
    "report": lambda links, link, auth: links.report(link.transfer_id, auth, REPORT, HOME),
}


@pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
async def test_only_the_secret_itself_opens(house: House, link: Transfer, ask: Ask) -> None:
    for auth in ("", "AA", SHOWN + "A", SHOWN[:-1], random_text(32), "ä", "A" * 43):
        await refused(ErrorCode.BAD_LINK, ask(house.links, link, auth))
    await ask(house.links, link, SHOWN)


@pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
async def test_wrong_secrets_and_right_ones_are_counted_alike(
    house: House, link: Transfer, ask: Ask
) -> None:
    """S-09: no order of tries gets more of them."""
    wrong = 0
    while True:
        try:
            await house.links.contents(link.transfer_id, random_text(32), HOME)
        except AppError as error:
            if error.code is ErrorCode.RATE_LIMITED:
                break
            wrong += 1
    assert wrong == TABLE["link-try"].capacity
    await refused(ErrorCode.RATE_LIMITED, ask(house.links, link, SHOWN))
    await house.links.contents(link.transfer_id, SHOWN, "198.51.100.7")


async def test_a_whole_network_of_the_sixth_kind_is_one_place(house: House, link: Transfer) -> None:
    hosts = (f"2001:db8:0:1::{n:x}" for n in range(1, 1_000))
    looks = await until_refused(
        ErrorCode.RATE_LIMITED, lambda: house.links.look(link.transfer_id, next(hosts))
    )
    assert looks == TABLE["link-look"].capacity
    await house.links.look(link.transfer_id, "2001:db8:0:2::1")


async def test_a_limit_holds_in_a_race(house: House, an: Principal) -> None:
    link = await sent(house, an, AUTH, max_downloads=2)
    calls = (house.links.begin_download(link.transfer_id, new_id(), SHOWN, HOME) for _ in range(10))
    done = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [each.code for each in done if isinstance(each, AppError)]
    assert refusals == [ErrorCode.USED_UP] * 8
    for each in done:
        if not isinstance(each, BaseException):
            assert await bytes_of(house, link, each[0]) == b"x"


async def test_a_download_that_is_asked_for_again_is_the_same_one(
    house: House, an: Principal
) -> None:
    """Whoever lost the answer asks again, and finds nothing used up."""
    link = await sent(house, an, AUTH, max_downloads=1)
    mine, other = new_id(), new_id()
    for _ in range(2):
        token, _ = await house.links.begin_download(link.transfer_id, mine, SHOWN, HOME)
        assert await bytes_of(house, link, token) == b"x"
    await refused(
        ErrorCode.USED_UP, house.links.begin_download(link.transfer_id, other, SHOWN, HOME)
    )


async def test_a_download_that_the_end_overtakes_is_not_begun(
    house: House, an: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await sent(house, an, AUTH, lives_ms=TRANSFER_MIN_TTL_MS)
    now_ms = house.clock.now_ms()
    times = iter([now_ms, now_ms + TRANSFER_MIN_TTL_MS])
    monkeypatch.setattr(house.clock, "now_ms", times.__next__)
    await refused(
        ErrorCode.NOT_FOUND, house.links.begin_download(link.transfer_id, new_id(), SHOWN, HOME)
    )


async def test_what_has_ended_is_not_there_for_a_token_either(
    house: House, an: Principal, link: Transfer
) -> None:
    """S-43"""
    token, _ = await house.links.begin_download(link.transfer_id, new_id(), SHOWN, HOME)
    await house.transfers.remove(an, link.transfer_id)
    await refused(ErrorCode.NOT_FOUND, bytes_of(house, link, token))
    await refused(ErrorCode.NOT_FOUND, house.links.look(link.transfer_id, HOME))


async def test_a_token_lives_for_a_day_however_long_its_link_does(
    house: House, link: Transfer, clock: MovableClock
) -> None:
    token, _ = await house.links.begin_download(link.transfer_id, new_id(), SHOWN, HOME)
    clock.advance(LINK_GRANT_TTL_MS - 1)
    assert await bytes_of(house, link, token) == b"x"
    clock.advance(1)
    await refused(ErrorCode.BAD_GRANT, bytes_of(house, link, token))


async def test_a_file_that_its_owner_ended_is_gone_from_its_link(
    house: House, link: Transfer
) -> None:
    token, _ = await house.links.begin_download(link.transfer_id, new_id(), SHOWN, HOME)
    await house.stores.files.expire(link.files[0][0])
    await refused(ErrorCode.NOT_FOUND, bytes_of(house, link, token))


async def test_only_its_own_files_come_by_a_link(
    house: House, an: Principal, link: Transfer
) -> None:
    token, _ = await house.links.begin_download(link.transfer_id, new_id(), SHOWN, HOME)
    other = await sent(house, an, AUTH)
    for file_id in (other.files[0][0], FileId(random_text(16))):
        await refused(
            ErrorCode.NOT_FOUND,
            house.links.readable(link.transfer_id, file_id, token, HOME),
        )


async def test_a_draft_is_no_link(house: House, an: Principal) -> None:
    begun = await draft(house, an)
    await refused(ErrorCode.NOT_FOUND, house.links.look(begun.transfer_id, HOME))


async def test_one_network_reports_a_few_times_and_a_link_keeps_so_many(
    house: House, link: Transfer
) -> None:
    calls = await until_refused(
        ErrorCode.RATE_LIMITED,
        lambda: house.links.report(link.transfer_id, SHOWN, REPORT, HOME),
    )
    assert calls == TABLE["link-report"].capacity
    for n in range(REPORTS_PER_TRANSFER):
        await house.links.report(link.transfer_id, SHOWN, REPORT, f"198.51.100.{n}")
    assert len(await house.stores.reports.all()) == REPORTS_PER_TRANSFER

"""Many conversations are ended in peace: all of them, in no order, not at once (R-20)."""

import asyncio

from handlers.conversations import Conversations
from models.events import EventsLost
from services import tasks


class Talk:
    """A conversation that notes how it was ended."""

    def __init__(self, ended: list["Talk"]) -> None:
        self._ended = ended
        self.codes: list[int] = []
        self.renewals = 0

    def finish(self, code: int) -> None:
        self.codes.append(code)
        self._ended.append(self)

    def renew(self) -> None:
        self.renewals += 1


def gather(count: int) -> tuple[Conversations, list[Talk], list[Talk]]:
    conversations, ended = Conversations(), list[Talk]()
    talks = [Talk(ended) for _ in range(count)]
    for talk in talks:
        conversations.add(talk)
    return conversations, talks, ended


async def test_every_one_is_ended_once_and_in_another_order_than_they_came() -> None:
    conversations, talks, ended = gather(1_000)
    await conversations.finish_all(1012)
    assert [talk.codes for talk in talks] == [[1012]] * 1_000
    assert ended != talks


async def test_many_are_not_ended_at_once() -> None:
    conversations, _, ended = gather(1_000)
    ending = asyncio.ensure_future(conversations.finish_all(1012))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < len(ended) < 500
    await ending


async def test_few_are() -> None:
    conversations, talks, ended = gather(10)
    ending = asyncio.ensure_future(conversations.finish_all(1012))
    await asyncio.sleep(0)
    assert len(ended) == len(talks)
    await ending


async def test_nobody_is_no_work() -> None:
    conversations, _, _ = gather(0)
    await conversations.finish_all(1012)
    await conversations.empty()


async def test_it_is_empty_when_the_last_one_has_gone() -> None:
    conversations, talks, _ = gather(2)
    waiting = asyncio.ensure_future(conversations.empty())
    for talk in talks:
        await asyncio.sleep(0)
        assert not waiting.done()
        conversations.discard(talk)
        conversations.discard(talk)
    await asyncio.wait_for(waiting, 10)


async def test_everybody_is_renewed_when_events_arrive_again_but_not_before() -> None:
    conversations, talks, _ = gather(20)
    conversations.renew_all(EventsLost(is_over=False))
    await tasks.finish()
    assert [talk.renewals for talk in talks] == [0] * 20
    conversations.renew_all(EventsLost(is_over=True))
    await asyncio.sleep(0)
    assert sum(talk.renewals for talk in talks) < 20, "not all at once"
    await tasks.finish()
    assert [talk.renewals for talk in talks] == [1] * 20


async def test_what_is_lost_while_everybody_is_renewed_renews_them_once_more() -> None:
    conversations, talks, _ = gather(5)
    for _ in range(10):
        conversations.renew_all(EventsLost(is_over=True))
        await asyncio.sleep(0)
    await tasks.finish()
    assert [talk.renewals for talk in talks] == [2] * 5

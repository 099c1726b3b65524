"""Events reach who asked for their kind, in the order they were published."""

import logging

import pytest

from models.events import AccountAltered, RoomAltered
from protocol.ids import RoomId, UserId
from realtime.local_bus import LocalBus


def test_subscribers_hear_their_kind_only_in_the_order_they_subscribed() -> None:
    bus, heard = LocalBus(), []
    bus.subscribe(RoomAltered, lambda event: heard.append(("first", event.room_id)))
    bus.subscribe(RoomAltered, lambda event: heard.append(("second", event.room_id)))
    bus.subscribe(AccountAltered, lambda event: heard.append(("account", event.user_id)))
    bus.publish(RoomAltered(RoomId("r")))
    assert heard == [("first", "r"), ("second", "r")]


def test_an_event_published_meanwhile_waits_until_everybody_had_the_first() -> None:
    bus, heard = LocalBus(), []

    def answer(event: RoomAltered) -> None:
        heard.append(("first", event.room_id))
        if event.room_id == "one":
            bus.publish(RoomAltered(RoomId("two")))

    bus.subscribe(RoomAltered, answer)
    bus.subscribe(RoomAltered, lambda event: heard.append(("second", event.room_id)))
    bus.publish(RoomAltered(RoomId("one")))
    assert heard == [("first", "one"), ("second", "one"), ("first", "two"), ("second", "two")]


def test_publishing_never_raises_and_the_others_still_hear(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus, heard = LocalBus(), []

    def fail(event: AccountAltered) -> None:
        raise ZeroDivisionError

    bus.subscribe(AccountAltered, fail)
    bus.subscribe(AccountAltered, heard.append)
    bus.publish(AccountAltered(UserId("u")))
    assert heard == [AccountAltered(UserId("u"))]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]

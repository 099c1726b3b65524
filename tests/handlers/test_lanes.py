"""Work of one room keeps its order; rooms do not wait for each other."""

import pytest

from handlers.lanes import Lanes
from protocol.errors import AppError
from protocol.ids import RoomId
from protocol.limits import OUTGOING_FRAMES

ROOM, OTHER = RoomId("room"), RoomId("other")


class Log:
    """What has begun, in order."""

    def __init__(self) -> None:
        self.lanes = Lanes()
        self.begun: list[str] = []

    def begin(self, name: str, room: RoomId = ROOM, *, alone: bool = False) -> None:
        self.lanes.begin(room, lambda: self.begun.append(name), alone=alone)


def test_sends_run_side_by_side() -> None:
    log = Log()
    log.begin("a")
    log.begin("b")
    assert log.begun == ["a", "b"]


def test_a_sync_waits_for_the_sends_before_it_and_holds_up_those_after() -> None:
    log = Log()
    log.begin("a")
    log.begin("b")
    log.begin("sync", alone=True)
    log.begin("c")
    log.begin("d")
    log.lanes.end(ROOM)
    assert log.begun == ["a", "b"]
    log.lanes.end(ROOM)
    assert log.begun == ["a", "b", "sync"]
    log.lanes.end(ROOM)
    assert log.begun == ["a", "b", "sync", "c", "d"]


def test_rooms_do_not_wait_for_each_other() -> None:
    log = Log()
    log.begin("sync", alone=True)
    log.begin("a")
    log.begin("b", OTHER)
    assert log.begun == ["sync", "b"]


def test_work_that_ends_at_once_lets_a_long_line_pass_without_recursion() -> None:
    lanes = Lanes()
    done: list[int] = []
    lanes.begin(ROOM, lambda: None, alone=True)
    for number in range(OUTGOING_FRAMES):

        def run(number: int = number) -> None:
            done.append(number)
            lanes.end(ROOM)

        lanes.begin(ROOM, run, alone=number % 2 == 0)
    lanes.end(ROOM)
    assert done == list(range(OUTGOING_FRAMES))


def test_the_line_is_bounded() -> None:
    log = Log()
    log.begin("sync", alone=True)
    for _ in range(OUTGOING_FRAMES):
        log.begin("a")
    with pytest.raises(AppError, match="unavailable"):
        log.begin("one too many")
    assert log.begun == ["sync"]


def test_a_room_at_rest_is_forgotten() -> None:
    log = Log()
    log.begin("a")
    log.lanes.end(ROOM)
    assert log.lanes._lanes == {}

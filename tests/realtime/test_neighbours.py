"""What went missing of another process's events is noticed, and silence in the end too."""

from hypothesis import given
from hypothesis import strategies as st

from models.events import ProcessId
from realtime.neighbours import SILENT_MS, Heard, Neighbours

A, B = ProcessId("a"), ProcessId("b")


@given(
    last=st.integers(0, 30),
    arriving=st.lists(st.integers(1, 30), unique=True).map(sorted),
    beats=st.sets(st.integers(0, 30)),
)
def test_whatever_is_lost_is_noticed_by_the_next_heartbeat_and_nothing_else_is(
    last: int, arriving: list[int], beats: set[int]
) -> None:
    """Of the events 1 … last some arrive, with heartbeats in between, and one at the end."""
    neighbours, is_noticed = Neighbours(), False
    arriving = [number for number in arriving if number <= last]
    known = 0
    for number in range(last + 1):
        if number in arriving:
            heard = neighbours.told(A, number, 0)
            assert heard is (Heard.NEXT if number == known + 1 else Heard.MISSED)
            known = number
            is_noticed |= heard is Heard.MISSED
        if number in beats or number == last:
            heard = neighbours.beat(A, number, 0)
            assert heard is (Heard.NEXT if number == known else Heard.MISSED)
            known = number
            is_noticed |= heard is Heard.MISSED
    assert is_noticed == (arriving != list(range(1, last + 1)))


def test_an_event_that_comes_again_is_a_repeat() -> None:
    neighbours = Neighbours()
    for number in (1, 2):
        assert neighbours.told(A, number, 0) is Heard.NEXT
    assert neighbours.told(A, 1, 0) is Heard.REPEATED
    assert neighbours.beat(A, 1, 0) is Heard.REPEATED
    assert neighbours.told(A, 3, 0) is Heard.NEXT


def test_a_process_that_is_met_later_has_told_things_before() -> None:
    assert Neighbours().beat(A, 0, 0) is Heard.NEXT
    assert Neighbours().beat(A, 7, 0) is Heard.MISSED
    assert Neighbours().told(A, 7, 0) is Heard.MISSED


def test_whoever_is_silent_for_too_long_is_gone_once() -> None:
    neighbours = Neighbours()
    neighbours.beat(A, 0, 0)
    neighbours.beat(B, 0, 1)
    assert neighbours.take_silent(SILENT_MS - 1) == []
    assert neighbours.take_silent(SILENT_MS) == [A]
    assert neighbours.take_silent(SILENT_MS) == []
    neighbours.beat(B, 0, SILENT_MS)
    assert neighbours.take_silent(2 * SILENT_MS - 1) == []


def test_silence_does_not_count_while_nobody_could_be_heard() -> None:
    neighbours = Neighbours()
    neighbours.beat(A, 3, 0)
    neighbours.pardon(SILENT_MS)
    assert neighbours.take_silent(2 * SILENT_MS - 1) == []
    assert neighbours.beat(A, 3, 2 * SILENT_MS) is Heard.NEXT


def test_whoever_left_is_known_no_more() -> None:
    neighbours = Neighbours()
    neighbours.beat(A, 3, 0)
    assert neighbours.left(A) is True
    assert neighbours.left(A) is False
    assert neighbours.take_silent(SILENT_MS) == []

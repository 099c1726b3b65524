"""Memory for parts on their way in."""

import pytest

from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from protocol.limits import FILE_PART_BYTES
from services.receiving import Receiving

ALICE, BOB = UserId("alice"), UserId("bob")


def test_memory_is_used_again_and_shows_nothing_of_what_was_in_it() -> None:
    receiving = Receiving()
    first = receiving.begin(ALICE)
    first.add(b"x" * 100)
    receiving.end(first)
    second = receiving.begin(BOB)
    assert second.memory is first.memory
    assert bytes(second.data()) == b""
    second.add(b"ab")
    second.add(b"c")
    assert bytes(second.data()) == b"abc"


def test_two_parts_at_once_have_memories_of_their_own() -> None:
    receiving = Receiving()
    one, other = receiving.begin(ALICE), receiving.begin(ALICE)
    one.add(b"one")
    other.add(b"other")
    assert (bytes(one.data()), bytes(other.data())) == (b"one", b"other")


def test_what_was_put_where_there_was_room_is_part_of_it() -> None:
    part = Receiving().begin(ALICE)
    part.add(b"by hand, ")
    room = part.room()
    room[:9] = b"in place,"
    part.add(room[:9])
    part.add(memoryview(b" by hand"))
    assert bytes(part.data()) == b"by hand, in place, by hand"


def test_a_part_that_is_full_has_no_room() -> None:
    part = Receiving().begin(ALICE)
    part.add(bytes(FILE_PART_BYTES - 1))
    assert len(part.room()) == 1
    part.add(b"x")
    part.add(b"too much")
    assert len(part.room()) == 0


def test_more_than_a_part_is_refused_and_takes_no_more_memory() -> None:
    part = Receiving().begin(ALICE)
    part.add(bytes(FILE_PART_BYTES))
    assert len(part.data()) == FILE_PART_BYTES
    part.add(b"x")
    with pytest.raises(AppError) as refused:
        part.data()
    assert refused.value.code is ErrorCode.BAD_PART
    assert len(part.memory) == FILE_PART_BYTES

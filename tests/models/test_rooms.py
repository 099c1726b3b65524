"""A two-person room certifies its own id (SEAL1 §4.8)."""

import json
from pathlib import Path

import pytest

from models.rooms import Member, Room, dm_room_id
from protocol.encoding import b64url, parse_b64url
from protocol.errors import AppError
from protocol.ids import RoomId, UserId
from tests.people import random_text

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "vectors/seal1.json").read_text())
ALICE, BOB, NONCE = b64url(b"\xaa" * 16), b64url(b"\xbb" * 16), b64url(b"\x77" * 16)


def test_the_id_is_the_golden_one() -> None:
    golden = json.dumps(VECTORS)
    room_id = dm_room_id(UserId(ALICE), UserId(BOB), NONCE)
    assert room_id in golden or bytes_of(room_id).hex() in golden


def bytes_of(text: str) -> bytes:
    return parse_b64url(text, 32)


def test_who_comes_first_does_not_matter() -> None:
    one, other, nonce = UserId(random_text(16)), UserId(random_text(16)), random_text(16)
    assert dm_room_id(one, other, nonce) == dm_room_id(other, one, nonce)


def test_another_person_or_nonce_is_another_room() -> None:
    ids = {
        dm_room_id(UserId(ALICE), UserId(BOB), NONCE),
        dm_room_id(UserId(ALICE), UserId(random_text(16)), NONCE),
        dm_room_id(UserId(ALICE), UserId(BOB), random_text(16)),
    }
    assert len(ids) == 3


def test_a_nonce_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(AppError, match="bad_request"):
        dm_room_id(UserId(ALICE), UserId(BOB), random_text(15))


def test_a_room_knows_its_members() -> None:
    room = Room(RoomId("r"), "dm", NONCE, (Member(UserId(ALICE), "member"),), 0, 0, 1)
    assert room.has_member(UserId(ALICE))
    assert not room.has_member(UserId(BOB))

"""Keys go again to those who had them, once, and nobody is made to loop (§6 rows 3, 26)."""

from dataclasses import replace

import pytest

from client.directory import Directory
from client.incoming import Incoming, Received
from client.outgoing import Content
from client.repair import Repair
from client.seal.encoding import b64url_encode
from client.seal.payload import CapsuleKind
from client.seal.prekeys import DAY_MS
from client.state import Me, SentMessage, StateFile, Unopened
from tests.client.people import DEVICE_B, NOW_MS, USER_A, USER_B, golden_device

ROOM = b"\x70" * 32
MESSAGE = b"\x66" * 16
THEIR_KEY = b"\x04" * 65
ASKER = USER_B + DEVICE_B
HOUR_MS = 3_600_000


class Clock:
    now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file() -> StateFile:
    file = StateFile()
    file.state.me = Me("alice@example.org", golden_device("A"))
    sent = SentMessage(b"h" * 32, NOW_MS, {ASKER: THEIR_KEY}, b"c" * 32)
    file.state.sent[MESSAGE] = sent
    return file


@pytest.fixture
def repair(file: StateFile, clock: Clock) -> Repair:
    nobody: Directory = None  # type: ignore[assignment]  # nothing here asks for devices
    return Repair(file, Incoming(file, nobody, clock), clock)


def asking(ids: list[str], kind: CapsuleKind = CapsuleKind.RESET, user: bytes = USER_B) -> Received:
    content: Content = {"t": "control", "retry": ids}
    return Received(ROOM, 9, b"\x01" * 16, user, DEVICE_B, NOW_MS, kind, content)


REQUEST = asking([b64url_encode(MESSAGE)])
ANSWER = {
    "reissue": [
        {
            "msg_id": b64url_encode(MESSAGE),
            "content_key": b64url_encode(b"c" * 32),
            "payload_hash": b64url_encode(b"h" * 32),
        }
    ]
}


@pytest.mark.parametrize("kind", [CapsuleKind.RESET, CapsuleKind.RETRY])
def test_a_recipient_gets_a_key_again_once(repair: Repair, kind: CapsuleKind) -> None:
    request = replace(REQUEST, kind=kind)
    assert repair.answer(request, THEIR_KEY) == ANSWER
    assert repair.answer(request, THEIR_KEY) is None


def test_who_was_no_recipient_gets_no_key(repair: Repair) -> None:
    for stranger in (
        replace(REQUEST, sender_user=USER_A),
        replace(REQUEST, sender_device=b"\xb2" * 16),
    ):
        assert repair.answer(stranger, THEIR_KEY) is None
    assert repair.answer(REQUEST, THEIR_KEY) == ANSWER


def test_a_changed_identity_gets_no_key(repair: Repair) -> None:
    assert repair.answer(REQUEST, b"\x05" * 65) is None


def test_a_key_is_handed_out_for_seven_days(repair: Repair, clock: Clock) -> None:
    clock.now_ms = NOW_MS + 7 * DAY_MS
    assert repair.answer(REQUEST, THEIR_KEY) is None
    clock.now_ms -= 1
    assert repair.answer(REQUEST, THEIR_KEY) == ANSWER


@pytest.mark.parametrize("kind", [CapsuleKind.MESSAGE, CapsuleKind.HEARTBEAT])
def test_a_request_in_a_capsule_of_another_kind_is_none(repair: Repair, kind: CapsuleKind) -> None:
    assert repair.answer(replace(REQUEST, kind=kind), THEIR_KEY) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"t": "text", "retry": [b64url_encode(MESSAGE)]},
        {"t": "control"},
        {"t": "control", "retry": "everything"},
        {"t": "control", "retry": [1]},
        {"t": "control", "retry": ["not base64url!", b64url_encode(b"\x01" * 16)]},
    ],
)
def test_a_malformed_request_gets_nothing(repair: Repair, content: Content | None) -> None:
    assert repair.answer(replace(REQUEST, content=content), THEIR_KEY) is None


def lose(file: StateFile, count: int, device: bytes = DEVICE_B) -> None:
    for number in range(count):
        place = device + number.to_bytes(16, "big")
        file.state.unopened[place] = Unopened(ROOM, number, USER_B, NOW_MS, b"c" * 32, b"p")


def test_each_device_is_asked_for_what_it_sent(repair: Repair, file: StateFile) -> None:
    lose(file, 2)
    lose(file, 1, b"\xb2" * 16)
    asked = repair.request(ROOM)
    assert {sender: len(content["retry"]) for sender, content in asked.items()} == {  # type: ignore[arg-type]
        ASKER: 2,
        USER_B + b"\xb2" * 16: 1,
    }
    assert repair.request(b"\x01" * 32) == {}


def test_one_request_names_a_hundred_messages_at_most(repair: Repair, file: StateFile) -> None:
    lose(file, 150)
    assert len(repair.request(ROOM)[ASKER]["retry"]) == 100  # type: ignore[arg-type]


def test_a_device_is_asked_once_an_hour_and_five_times_a_day(
    repair: Repair, file: StateFile, clock: Clock
) -> None:
    lose(file, 1)
    asked = 0
    for _ in range(24 * 4):
        asked += len(repair.request(ROOM))
        clock.now_ms += HOUR_MS // 4
    assert asked == 5
    clock.now_ms = NOW_MS + DAY_MS
    assert len(repair.request(ROOM)) == 1


async def test_keys_that_nobody_asked_for_open_nothing(repair: Repair, file: StateFile) -> None:
    lose(file, 1)
    place = DEVICE_B + bytes(16)
    reissue = {**ANSWER["reissue"][0], "msg_id": b64url_encode(bytes(16))}
    content: Content = {"t": "control", "reissue": [reissue]}
    for received in (
        replace(REQUEST, kind=CapsuleKind.RETRY, content=content, sender_user=USER_A),
        replace(REQUEST, kind=CapsuleKind.MESSAGE, content=content),
        replace(REQUEST, kind=CapsuleKind.RETRY, content=ANSWER),
    ):
        assert await repair.reopen(received) == []
    assert place in file.state.unopened


async def test_wrong_keys_leave_the_envelope_for_the_right_ones(
    repair: Repair, file: StateFile
) -> None:
    lose(file, 1)
    reissue = {**ANSWER["reissue"][0], "msg_id": b64url_encode(bytes(16))}
    content: Content = {"t": "control", "reissue": [reissue]}
    received = replace(REQUEST, kind=CapsuleKind.RETRY, content=content)
    assert await repair.reopen(received) == []
    assert len(file.state.unopened) == 1

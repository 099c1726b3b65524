"""Whatever the network does, each message opens exactly once."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

from client.seal.errors import DecryptError
from client.seal.ratchet import Message
from tests.client.people import new_talkers


@given(st.permutations(range(40)), st.data())
@settings(max_examples=40, deadline=None)
def test_any_order_with_any_repetition_opens_each_message_once(
    order: list[int], data: st.DataObject
) -> None:
    talkers = new_talkers()
    sent = [talkers.send(0, bytes([number])) for number in range(40)]
    lost = data.draw(st.sets(st.sampled_from(order), max_size=10))
    again = data.draw(st.lists(st.sampled_from(order), max_size=15))
    opened = []
    for number in order + again:
        if number not in lost:
            try:
                opened.append(talkers.receive(1, sent[number])[0])
            except DecryptError:
                assert number in opened
    assert sorted(opened) == sorted(set(order) - lost)


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_messages_in_any_order_open_once_each(seed: int) -> None:
    shuffle = random.Random(seed)
    talkers = new_talkers()
    talkers.receive(1, talkers.send(0, b"begin"))
    pending: list[tuple[int, int, Message]] = []
    opened: list[int] = []
    for number in range(1_000):
        sender = shuffle.randrange(2)
        pending.append((1 - sender, number, talkers.send(sender, number.to_bytes(2, "big"))))
        while pending and shuffle.random() < 0.45:
            receiver, _, message = pending.pop(shuffle.randrange(len(pending)))
            opened.append(int.from_bytes(talkers.receive(receiver, message), "big"))
    shuffle.shuffle(pending)
    for receiver, _, message in pending:
        opened.append(int.from_bytes(talkers.receive(receiver, message), "big"))
    assert sorted(opened) == list(range(1_000))


class Network(RuleBasedStateMachine):
    """Two talkers and a network that delays, repeats, loses, spoils and reflects."""

    messages: Bundle[tuple[int, bytes, Message]] = Bundle("messages")
    seen: Bundle[tuple[int, Message]] = Bundle("seen")

    def __init__(self) -> None:
        super().__init__()
        self.talkers = new_talkers()
        self.count = 0

    @initialize()
    def begin(self) -> None:
        self.talkers.receive(1, self.talkers.send(0, b"begin"))

    @rule(target=messages, sender=st.integers(0, 1))
    def send(self, sender: int) -> tuple[int, bytes, Message]:
        self.count += 1
        plaintext = self.count.to_bytes(4, "big")
        return 1 - sender, plaintext, self.talkers.send(sender, plaintext)

    @rule(target=seen, posted=consumes(messages))
    def deliver(self, posted: tuple[int, bytes, Message]) -> tuple[int, Message]:
        receiver, plaintext, message = posted
        assert self.talkers.receive(receiver, message) == plaintext
        return receiver, message

    @rule(posted=consumes(messages))
    def lose(self, posted: tuple[int, bytes, Message]) -> None:
        pass

    @rule(replayed=seen)
    def replay(self, replayed: tuple[int, Message]) -> None:
        self._refuse(*replayed)

    @rule(posted=messages)
    def reflect(self, posted: tuple[int, bytes, Message]) -> None:
        self._refuse(1 - posted[0], posted[2])

    @rule(posted=messages, place=st.integers(0, 75 + 12 + 4 + 16 - 1), bit=st.integers(0, 7))
    def spoil(self, posted: tuple[int, bytes, Message], place: int, bit: int) -> None:
        receiver, _, message = posted
        wire = bytearray(message.header + message.ciphertext)
        wire[place] ^= 1 << bit
        self._refuse(receiver, Message(bytes(wire[:75]), bytes(wire[75:])))

    def _refuse(self, receiver: int, message: Message) -> None:
        before = self.talkers.states[receiver]
        with pytest.raises(DecryptError):
            self.talkers.receive(receiver, message)
        assert self.talkers.states[receiver] == before


TestNetwork = Network.TestCase
TestNetwork.settings = settings(
    max_examples=40, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)

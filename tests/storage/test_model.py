"""MessageStore and RoomStore against a model of a few lines of plain Python."""

import asyncio
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.messages import Appended
from models.rooms import Room, Watermark
from protocol.errors import ErrorCode
from storage import open_stores
from tests import mongo
from tests.contracts.make import Make

LIFE_MS, EXTEND_MS = 1_000, 500
USERS = ["an", "binh", "cuc"]
PAIRS = st.sampled_from(list(combinations(USERS, 2)))


@dataclass
class ModelRoom:
    room: Room
    log: list[str] = field(default_factory=list)
    far: dict[str, tuple[int, int]] = field(default_factory=dict)
    keep: set[str] = field(default_factory=set)


@contextmanager
def sqlite_database():
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder)}/sealroom.db"


class StoresAgainstModel(RuleBasedStateMachine):
    database = staticmethod(sqlite_database)

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.opened = ExitStack()
        self.url = self.opened.enter_context(self.database())
        self.stores = self.wait(open_stores(self.url))
        self.make = Make()
        self.now_ms = 1_000
        self.rooms: dict[tuple[str, str], ModelRoom] = {}
        self.sent = []

    def wait(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    def teardown(self):
        self.wait(self.stores.database.close())
        self.wait(self.loop.shutdown_default_executor())
        self.loop.close()
        self.opened.close()

    def live(self, pair):
        there = self.rooms.get(pair)
        return there if there and there.room.expires_ms > self.now_ms else None

    @rule(by_ms=st.sampled_from([1, 300, LIFE_MS]))
    def time_passes(self, by_ms):
        self.now_ms += by_ms

    @rule(pair=PAIRS)
    def open(self, pair):
        asked = replace(
            self.make.room(*pair), created_ms=self.now_ms, expires_ms=self.now_ms + LIFE_MS
        )
        found, new = self.wait(self.stores.rooms.open_dm(asked, self.now_ms))
        there = self.live(pair)
        assert new is (there is None)
        if there is None:
            there = self.rooms[pair] = ModelRoom(asked, far=dict.fromkeys(pair, (0, 0)))
        assert found.room_id == there.room.room_id

    @precondition(lambda self: self.rooms)
    @rule(
        picks=st.lists(st.tuples(PAIRS, st.integers(0, 2), st.booleans()), min_size=1, max_size=12)
    )
    def append(self, picks):
        """Append some new and some repeated messages in one go, by members and strangers."""
        messages = []
        for pair, sender, again in picks:
            if pair in self.rooms:
                new = self.make.message(self.rooms[pair].room, sender=USERS[sender])
                messages.append(self.sent[-1] if again and self.sent else new)
                self.sent.append(messages[-1])
        outcomes = [self.loop.create_future() for _ in messages]
        for message, outcome in zip(messages, outcomes, strict=True):
            self.loop.call_soon(
                self.stores.messages.append, message, self.now_ms, outcome.set_result
            )
        for message, outcome in zip(messages, outcomes, strict=True):
            self.check_outcome(message, self.wait(outcome))

    def check_outcome(self, message, outcome):
        pair = next((p for p, r in self.rooms.items() if r.room.room_id == message.room_id), None)
        there = self.live(pair) if pair else None
        if there is None or message.sender not in pair:
            assert outcome.code == ErrorCode.NOT_FOUND
            return
        fresh = message.msg_id not in there.log
        if fresh:
            there.log.append(message.msg_id)
        seq = there.log.index(message.msg_id) + 1
        assert outcome == Appended(seq, message.server_ms, message.frank, fresh)

    @precondition(lambda self: self.rooms)
    @rule(pair=PAIRS, who=st.integers(0, 1), delivered=st.integers(0, 20), read=st.integers(0, 20))
    def advance(self, pair, who, delivered, read):
        if (there := self.live(pair)) is None:
            return
        user, last = pair[who], len(there.log)
        old = there.far[user]
        far_read = max(old[1], min(read, last))
        new = (max(old[0], min(delivered, last), far_read), far_read)
        room_id = there.room.room_id
        changed = self.wait(self.stores.rooms.advance([Watermark(room_id, user, delivered, read)]))
        assert changed == ([Watermark(room_id, user, *new)] if new != old else [])
        there.far[user] = new

    @rule(pair=PAIRS, who=st.integers(0, 1), on=st.booleans())
    def keep(self, pair, who, on):
        if (there := self.live(pair)) is None:
            return
        kept = self.wait(
            self.stores.rooms.keep(there.room.room_id, pair[who], on, EXTEND_MS, self.now_ms)
        )
        (there.keep.add if on else there.keep.discard)(pair[who])
        if there.keep == set(pair):
            there.keep.clear()
            there.room = replace(there.room, expires_ms=there.room.expires_ms + EXTEND_MS)
        assert kept.expires_ms == there.room.expires_ms

    @rule(pair=PAIRS)
    def remove(self, pair):
        if there := self.live(pair):
            assert self.wait(self.stores.rooms.remove(there.room.room_id)) is True
            del self.rooms[pair]

    @rule()
    def sweep(self):
        self.wait(self.stores.database.sweep(self.now_ms))

    @rule()
    def restart(self):
        self.wait(self.stores.database.close())
        self.stores = self.wait(open_stores(self.url))

    @rule(pair=PAIRS, limit=st.integers(1, 5), bound=st.integers(0, 20), upwards=st.booleans())
    def page(self, pair, limit, bound, upwards):
        if (there := self.rooms.get(pair)) is None:
            return
        log = list(enumerate(there.log, start=1)) if self.live(pair) else []
        matching = [m for m in log if (m[0] > bound if upwards else m[0] < bound)]
        wanted = matching[:limit] if upwards else matching[-limit:]
        found, has_more = self.wait(
            self.stores.messages.page(
                there.room.room_id,
                (pair[0], "none"),
                now_ms=self.now_ms,
                limit=limit,
                **{"after" if upwards else "before": bound},
            )
        )
        assert [(m.seq, m.msg_id) for m in found] == wanted
        assert has_more is (len(matching) > limit)

    @invariant()
    def rooms_are_those_of_the_model(self):
        for user in USERS:
            found = self.wait(self.stores.rooms.of_user(user, self.now_ms))
            expected = {p: r for p in self.rooms if user in p and (r := self.live(p))}
            assert {room.room_id for room in found} == {
                there.room.room_id for there in expected.values()
            }
            for room in found:
                there = next(r for r in expected.values() if r.room.room_id == room.room_id)
                assert (room.last_seq, room.expires_ms) == (len(there.log), there.room.expires_ms)
                assert {m.user_id: (m.delivered_seq, m.read_seq) for m in room.members} == there.far
                assert {m.user_id for m in room.members if m.keep} == there.keep


class MongoAgainstModel(StoresAgainstModel):
    database = staticmethod(mongo.fresh_database)


StoresAgainstModel.TestCase.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None
)
# Every step of it is a row of round trips.
MongoAgainstModel.TestCase.settings = settings(
    max_examples=10, stateful_step_count=40, deadline=None
)
TestStoresAgainstModel = pytest.mark.slow(StoresAgainstModel.TestCase)
TestMongoAgainstModel = pytest.mark.mongo(pytest.mark.slow(MongoAgainstModel.TestCase))

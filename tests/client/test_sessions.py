"""Whoever begins, however late the mail: both sides end up sending on one session (§4.6)."""

from dataclasses import replace

import pytest

from client.seal.prekeys import DAY_MS
from client.seal.sessions import (
    Session,
    Sessions,
    SessionStatus,
    accept,
    begin,
    find_session,
    prune,
    received,
    sending_session,
)
from client.seal.x3dh import InitialHeader
from tests.client.people import NOW_MS, new_talkers

RATCHET = new_talkers().states[0]
ACTIVE, PENDING, STALE = SessionStatus.ACTIVE, SessionStatus.PENDING, SessionStatus.STALE


def session(name: str, status: SessionStatus = PENDING, ephemeral: bytes = b"m") -> Session:
    initial = InitialHeader(1, ephemeral, 7, None, b"") if status is PENDING else None
    return Session(name.encode() * 16, status, ephemeral, RATCHET, initial)


def named(sessions: Sessions, name: str) -> Session:
    found = find_session(sessions, name.encode() * 16)
    assert found is not None
    return found


def statuses(sessions: Sessions) -> dict[str, SessionStatus]:
    return {chr(each.id[0]): each.status for each in sessions}


def test_without_a_session_there_is_nothing_to_send_on() -> None:
    assert sending_session(()) is None
    assert sending_session((session("a", STALE),)) is None


def test_a_begun_session_sends_with_its_header_until_the_peer_answers() -> None:
    sessions = begin((), session("a"), NOW_MS)
    sending = sending_session(sessions)
    assert sending is not None
    assert sending.initial is not None
    sessions = received(sessions, sending, NOW_MS, NOW_MS)
    assert statuses(sessions) == {"a": ACTIVE}
    assert named(sessions, "a").initial is None


def test_a_session_begun_by_the_peer_takes_over() -> None:
    sessions = accept((), session("a", ACTIVE), NOW_MS)
    sessions = accept(sessions, session("b", ACTIVE), NOW_MS)
    assert statuses(sessions) == {"a": STALE, "b": ACTIVE}
    assert not named(sessions, "a").is_final


@pytest.mark.parametrize(("ours", "theirs"), [(b"a", b"b"), (b"b", b"a")])
def test_when_both_begin_at_once_the_smaller_key_wins_on_both_sides(
    ours: bytes, theirs: bytes
) -> None:
    here = begin((), session("x", ephemeral=ours), NOW_MS)
    there = begin((), session("y", ephemeral=theirs), NOW_MS)
    here = accept(here, session("y", ACTIVE, theirs), NOW_MS)
    there = accept(there, session("x", ACTIVE, ours), NOW_MS)
    winner, loser = ("x", "y") if ours < theirs else ("y", "x")
    for side in (here, there):
        sending = sending_session(side)
        assert sending is not None
        assert sending.id == winner.encode() * 16
        assert statuses(side)[loser] is STALE
        assert named(side, loser).is_final


def test_the_loser_of_a_race_is_never_promoted() -> None:
    sessions = accept(
        begin((), session("x", ephemeral=b"b"), NOW_MS), session("y", ACTIVE, b"a"), NOW_MS
    )
    sessions = received(sessions, named(sessions, "x"), NOW_MS + 1_000, NOW_MS)
    assert statuses(sessions) == {"x": STALE, "y": ACTIVE}


def test_a_stale_session_that_the_peer_used_later_is_promoted() -> None:
    sessions = accept((), session("a", ACTIVE), NOW_MS)
    sessions = accept(sessions, session("b", ACTIVE), NOW_MS)
    sessions = received(sessions, named(sessions, "b"), NOW_MS + 10, NOW_MS)
    unchanged = received(sessions, named(sessions, "a"), NOW_MS + 10, NOW_MS)
    assert statuses(unchanged) == {"a": STALE, "b": ACTIVE}
    promoted = received(sessions, named(sessions, "a"), NOW_MS + 11, NOW_MS)
    assert statuses(promoted) == {"a": ACTIVE, "b": STALE}


def test_a_stale_session_does_not_take_over_from_one_that_was_begun_after_it() -> None:
    """A late message on the old session must not cancel the new beginning of a reset."""
    sessions = begin((replace(session("a", ACTIVE), status=ACTIVE),), session("b"), NOW_MS)
    sessions = received(sessions, named(sessions, "a"), NOW_MS + 5, NOW_MS)
    assert statuses(sessions) == {"a": STALE, "b": PENDING}


def test_a_late_message_does_not_turn_the_clock_of_a_session_back() -> None:
    sessions = accept((), session("a", ACTIVE), NOW_MS)
    for sent_at_ms in (NOW_MS + 10, NOW_MS + 5):
        sessions = received(sessions, named(sessions, "a"), sent_at_ms, NOW_MS)
    assert named(sessions, "a").last_peer_sent_at_ms == NOW_MS + 10


def test_at_most_four_stale_sessions_are_kept_and_the_oldest_go() -> None:
    sessions: Sessions = ()
    for position, name in enumerate("abcdefg"):
        sessions = accept(sessions, session(name, ACTIVE), NOW_MS + position)
    assert statuses(sessions) == dict.fromkeys("cdef", STALE) | {"g": ACTIVE}


def test_a_stale_session_is_dropped_after_eight_days() -> None:
    sessions = accept((), session("a", ACTIVE), NOW_MS)
    sessions = accept(sessions, session("b", ACTIVE), NOW_MS)
    assert set(statuses(prune(sessions, NOW_MS + 8 * DAY_MS - 1))) == {"a", "b"}
    assert set(statuses(prune(sessions, NOW_MS + 8 * DAY_MS))) == {"b"}

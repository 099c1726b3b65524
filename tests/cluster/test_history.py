"""The checker of histories is checked: what can have happened passes, what cannot is found."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cluster.history import Attempt, History, Shown

ROOM = "room"
MEMBERS = ("an", "binh")


def faultless(chance: random.Random, count: int = 12) -> History:
    """A run against a correct server: answers get lost, tries are repeated, sends overlap."""
    history = History({ROOM: MEMBERS})
    now_s = 0.0
    for seq in range(1, count + 1):
        msg_id = f"message {seq}"
        began_s = now_s + chance.random()
        if chance.random() < 0.3:
            history.attempts.append(Attempt(ROOM, msg_id, began_s, began_s + 0.5, "info"))
        if chance.random() < 0.3:
            history.attempts.append(Attempt(ROOM, msg_id, began_s + 1, began_s + 1.5, "fail"))
        ended_s = began_s + 2 + chance.random()
        history.attempts.append(Attempt(ROOM, msg_id, began_s + 1.8, ended_s, "ok", seq))
        history.shown += [Shown(device, ROOM, seq, msg_id) for device in MEMBERS]
        now_s = began_s if chance.random() < 0.5 else ended_s
    refused = Attempt(ROOM, "refused", now_s, now_s + 1, "fail")
    unknown = Attempt(ROOM, "unknown", now_s, now_s + 1, "info")
    history.attempts += [refused, unknown]
    return history


def of(history: History, device: str) -> list[Shown]:
    return [shown for shown in history.shown if shown.device == device]


def drop_for_one(history: History, chance: random.Random) -> None:
    history.shown.remove(chance.choice(of(history, "binh")))


def drop_the_newest_for_all(history: History, chance: random.Random) -> None:
    newest = max(shown.seq for shown in history.shown)
    history.shown = [shown for shown in history.shown if shown.seq != newest]


def show_twice(history: History, chance: random.Random) -> None:
    shown = chance.choice(of(history, "an"))
    history.shown.insert(history.shown.index(shown), shown)


def store_twice(history: History, chance: random.Random) -> None:
    msg_id = chance.choice(history.shown).msg_id
    seq = max(shown.seq for shown in history.shown) + 1
    history.shown += [Shown(device, ROOM, seq, msg_id) for device in MEMBERS]


def swap_for_one(history: History, chance: random.Random) -> None:
    first = chance.choice(of(history, "an")[:-1])
    second = next(s for s in of(history, "an") if s.seq == first.seq + 1)
    at, then = history.shown.index(first), history.shown.index(second)
    history.shown[at], history.shown[then] = second, first


def renumber_for_all(history: History, chance: random.Random) -> None:
    """Two messages, the second sent when the first was known, change places in the log."""
    history.attempts += [
        Attempt(ROOM, "late", 1_000, 1_001, "ok", 14),
        Attempt(ROOM, "later", 1_002, 1_003, "ok", 13),
    ]
    for device in MEMBERS:
        history.shown += [Shown(device, ROOM, 13, "later"), Shown(device, ROOM, 14, "late")]


def differ(history: History, chance: random.Random) -> None:
    shown = chance.choice(of(history, "an"))
    history.shown[history.shown.index(shown)] = replace(shown, msg_id="unknown")


def leave_a_gap(history: History, chance: random.Random) -> None:
    seq = max(shown.seq for shown in history.shown) + 2
    history.shown += [Shown(device, ROOM, seq, "unknown") for device in MEMBERS]


def show_what_was_refused(history: History, chance: random.Random) -> None:
    seq = max(shown.seq for shown in history.shown) + 1
    history.shown += [Shown(device, ROOM, seq, "refused") for device in MEMBERS]


def acknowledge_without_storing(history: History, chance: random.Random) -> None:
    history.attempts.append(Attempt(ROOM, "nowhere", 1_000, 1_001, "ok", 13))


def acknowledge_under_another_number(history: History, chance: random.Random) -> None:
    attempt = chance.choice([a for a in history.attempts if a.outcome == "ok"])
    history.attempts.append(replace(attempt, seq=attempt.seq % 12 + 1))


MUTANTS: dict[Callable[[History, random.Random], None], str] = {
    drop_for_one: "lost",
    drop_the_newest_for_all: "lost",
    show_twice: "doubled",
    store_twice: "doubled",
    swap_for_one: "order",
    renumber_for_all: "overtaken",
    differ: "torn",
    leave_a_gap: "order",
    show_what_was_refused: "phantom",
    acknowledge_without_storing: "lost",
    acknowledge_under_another_number: "lost",
}


@given(st.randoms(use_true_random=False))
def test_what_a_correct_server_can_do_is_no_violation(chance: random.Random) -> None:
    assert faultless(chance).violations() == []


@given(st.randoms(use_true_random=False))
def test_an_unanswered_message_may_be_stored_or_not(chance: random.Random) -> None:
    history = faultless(chance)
    history.shown += [Shown(device, ROOM, 13, "unknown") for device in MEMBERS]
    assert history.violations() == []


@pytest.mark.parametrize(
    ("mutant", "word"), MUTANTS.items(), ids=lambda m: getattr(m, "__name__", m)
)
@settings(max_examples=25)
@given(chance=st.randoms(use_true_random=False))
def test_every_mutant_is_found(
    mutant: Callable[[History, random.Random], None], word: str, chance: random.Random
) -> None:
    history = faultless(chance)
    mutant(history, chance)
    assert any(fault.startswith(word) for fault in history.violations()), history.violations()


def test_rooms_do_not_mix() -> None:
    history = History({"one": ("an",), "two": ("binh",)})
    history.attempts = [Attempt("one", "m", 0, 1, "ok", 1)]
    history.shown = [Shown("binh", "two", 1, "m")]
    kinds = {fault.split(":")[0] for fault in history.violations()}
    assert kinds == {"lost", "phantom"}

"""When a child that ended is started again (R-25)."""

from hypothesis import given
from hypothesis import strategies as st

from lb.cluster.supervision import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    STEADY_S,
    State,
    Supervision,
)


def life(child: Supervision, began_s: float, healthy_s: float | None) -> float | None:
    """One life that served for so long, or never; returns the pause after it."""
    child.started()
    if healthy_s is None:
        return child.ended(began_s)
    child.answered(began_s)
    return child.ended(began_s + healthy_s)


def test_an_accident_of_a_steady_child_is_mended_within_a_second() -> None:
    pause_s = life(Supervision(), 0.0, 3_600.0)
    assert pause_s is not None
    assert pause_s <= 0.5


def test_a_crash_loop_comes_back_ever_more_rarely_and_never_gives_up() -> None:
    child = Supervision()
    pauses = [life(child, 0.0, None) for _ in range(12)]
    assert pauses[:4] == [FIRST_PAUSE_S * factor for factor in (1, 2, 4, 8)]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_serving_for_a_moment_does_not_excuse_a_crash_loop() -> None:
    child = Supervision()
    pauses = [life(child, 0.0, STEADY_S / 2) for _ in range(3)]
    assert pauses == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]


def test_a_steady_life_makes_up_for_early_ends() -> None:
    child = Supervision()
    for _ in range(6):
        life(child, 0.0, None)
    assert life(child, 0.0, STEADY_S) == FIRST_PAUSE_S
    assert life(child, 0.0, None) == FIRST_PAUSE_S


def test_a_restart_follows_at_once_and_counts_as_no_failure() -> None:
    child = Supervision()
    child.started()
    child.restart()
    assert child.ended(0.0) == 0.0
    assert life(child, 0.0, None) == FIRST_PAUSE_S


def test_a_stop_is_the_last_word() -> None:
    child = Supervision()
    child.started()
    child.stop()
    child.restart()
    assert child.ended(0.0) is None
    assert child.state is State.STOPPED


@given(st.lists(st.one_of(st.none(), st.floats(0, 100))))
def test_every_pause_lies_between_the_first_and_the_longest(lives: list[float | None]) -> None:
    child = Supervision()
    for healthy_s in lives:
        pause_s = life(child, 10.0, healthy_s)
        assert pause_s is not None
        assert FIRST_PAUSE_S <= pause_s <= LONGEST_PAUSE_S

"""Checks and failures move a worker between its states, and only usable ones are offered."""

from hypothesis import given
from hypothesis import strategies as st

from lb.pool import KEPT_CHECKS, Pool, State, Worker
from lb.settings import WorkerSettings
from tests.lb.make import service


def checked(**settings: object) -> Worker:
    """A healthy worker whose health is asked."""
    worker = next(iter(Pool(service(1, **{"check": "http"} | settings))))
    assert worker.check_passed(0.0, 0.001)
    return worker


def test_a_worker_gets_nothing_before_its_first_check() -> None:
    worker = next(iter(Pool(service(1, check="http"))))
    assert (worker.state(0.0), worker.is_usable, worker.was_checked) == (
        State.UNHEALTHY,
        False,
        False,
    )


def test_the_first_check_alone_makes_a_worker_healthy_and_at_once() -> None:
    worker = next(iter(Pool(service(1, check="http", successes_up=3, slow_start_s=10))))
    assert worker.check_passed(5.0, 0.001)
    assert (worker.state(5.0), worker.share(5.0)) == (State.HEALTHY, 1.0)


def test_three_failures_in_a_row_make_a_worker_unhealthy() -> None:
    """S0-54."""
    worker = checked()
    assert [worker.check_failed("away") for _ in range(4)] == [False, False, True, False]
    assert (worker.state(0.0), worker.last_error) == (State.UNHEALTHY, "away")


def test_a_check_that_passes_forgives_failures() -> None:
    worker = checked()
    for _ in range(5):
        worker.check_failed("away")
        worker.check_failed("away")
        assert not worker.check_passed(0.0, 0.001), "it was healthy all along"
    assert (worker.is_usable, worker.failures, worker.last_error) == (True, 0, "")


def test_a_worker_comes_back_after_as_many_successes_as_are_set() -> None:
    worker = checked(failures_down=1, successes_up=2)
    assert worker.check_failed("away")
    assert not worker.check_passed(1.0, 0.001)
    assert not worker.check_failed("away")
    assert [worker.check_passed(2.0, 0.001) for _ in range(3)] == [False, True, False]


def test_a_worker_that_says_it_drains_is_believed_at_once() -> None:
    worker = checked()
    assert worker.check_failed("status 503", is_final=True)
    assert not worker.is_healthy


def test_connections_that_are_not_accepted_count_like_failed_checks() -> None:
    worker = checked()
    assert [worker.connect_failed("refused") for _ in range(3)] == [False, False, True]
    assert worker.connect_failures == 3


def test_nothing_takes_a_worker_out_whose_health_is_not_asked() -> None:
    worker = next(iter(Pool(service(1))))
    assert not any(worker.connect_failed("refused") for _ in range(10))
    assert worker.is_usable


def test_the_share_grows_from_a_tenth_to_the_whole_weight() -> None:
    worker = checked(failures_down=1, slow_start_s=10)
    settings = service(check="http", slow_start_s=10, failures_down=1)
    worker.configure(WorkerSettings("w1:1", weight=4), settings)
    worker.check_failed("away")
    worker.check_passed(100.0, 0.001)
    shares = {now_s: worker.share(now_s) for now_s in (100.0, 100.5, 105.0, 110.0, 500.0)}
    assert shares == {100.0: 0.4, 100.5: 0.4, 105.0: 2.0, 110.0: 4.0, 500.0: 4.0}
    assert (worker.state(109.9), worker.state(110.0)) == (State.SLOW_START, State.HEALTHY)


def test_without_slow_start_the_share_is_whole_at_once() -> None:
    worker = checked(failures_down=1, slow_start_s=0)
    worker.check_failed("away")
    worker.check_passed(100.0, 0.001)
    assert worker.state(100.0) is State.HEALTHY


def test_draining_outlives_every_check() -> None:
    worker = checked()
    worker.is_draining = True
    worker.check_passed(1.0, 0.001)
    assert (worker.state(1.0), worker.is_usable) == (State.DRAINING, False)


def test_a_full_worker_is_healthy_but_not_usable() -> None:
    pool = Pool(service(1, 1, room=2))
    full, other = pool
    full.connections = 2
    assert full.is_healthy
    assert pool.usable() == [other]
    assert pool.usable([other]) == []


def test_only_the_last_checks_are_kept() -> None:
    worker = checked()
    for number in range(KEPT_CHECKS):
        worker.check_passed(0.0, float(number))
    worker.check_failed("away")
    assert list(worker.checks_s) == [*map(float, range(1, KEPT_CHECKS)), None]


def test_a_worker_that_stays_in_the_settings_keeps_what_is_known_of_it() -> None:
    pool = Pool(service(1, 1, check="http"))
    first, second = pool
    first.check_passed(0.0, 0.001)
    first.connections = 3
    second.connections = 1
    pool.configure(service(7, check="http"))
    assert list(pool) == [first]
    assert (first.settings.weight, first.is_healthy, first.connections) == (7, True, 3)
    assert pool.find("w1:1") is first
    assert pool.find("w2:1") is None
    assert list(pool.leaving) == [second]
    assert second.state(0.0) is State.DRAINING
    second.connections = 0
    assert list(pool.leaving) == []


def test_nobody_asks_any_more_makes_everybody_healthy() -> None:
    pool = Pool(service(1, check="http"))
    assert not pool.is_any_healthy
    pool.configure(service(1, check="none"))
    assert pool.is_any_healthy


DEEDS = st.sampled_from(["pass", "fail", "final", "refuse", "drain", "resume", "open", "close"])


@given(st.lists(st.tuples(st.integers(0, 2), DEEDS), max_size=80))
def test_whatever_happens_only_healthy_workers_with_room_are_offered(
    deeds: list[tuple[int, str]],
) -> None:
    pool = Pool(service(1, 1, 1, check="http", room=3))
    among = list(pool)
    for now_s, (number, deed) in enumerate(deeds):
        worker = among[number]
        match deed:
            case "pass":
                worker.check_passed(float(now_s), 0.001)
            case "fail" | "final":
                worker.check_failed("away", is_final=deed == "final")
            case "refuse":
                worker.connect_failed("refused")
            case "drain" | "resume":
                worker.is_draining = deed == "drain"
            case "open":
                worker.connections += worker.is_usable
            case "close":
                worker.connections -= worker.connections > 0
        assert all(w.connections <= 3 and 0.1 <= w.share(float(now_s)) <= 1 for w in among)
        for offered in pool.usable():
            assert offered.is_up
            assert not offered.is_draining
            assert offered.failures < 3
            assert offered.connections < 3

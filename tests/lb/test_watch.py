"""Which silent, trickling or greedy connection is cut, and when."""

import pytest

from lb.settings import ServiceSettings
from lb.watch import Counts, Watch, period_s
from tests.lb.make import service

OFF = {
    "first_byte_timeout_s": 0.0,
    "answer_timeout_s": 0.0,
    "idle_timeout_s": 0.0,
    "slow_reader_timeout_s": 0.0,
}


def only(**settings: float) -> ServiceSettings:
    return service(**OFF | settings)


def test_a_client_that_sends_nothing_is_cut_after_its_time() -> None:
    watch = Watch(only(first_byte_timeout_s=10), 100.0)
    assert watch.verdict(109.9, Counts(), Counts()) == ""
    assert watch.verdict(110.0, Counts(), Counts()) == "first byte"


def test_a_client_that_has_sent_a_byte_may_be_silent() -> None:
    watch = Watch(only(first_byte_timeout_s=10), 0.0)
    assert watch.verdict(1_000.0, Counts(1), Counts()) == ""


def test_a_request_that_trickles_without_an_answer_is_cut() -> None:
    """S-56: a header is written in time, not a byte now and then."""
    watch = Watch(only(answer_timeout_s=15), 0.0)
    assert [watch.verdict(float(now_s), Counts(now_s), Counts()) for now_s in (5, 10, 15)] == [
        "",
        "",
        "answer",
    ]


def test_an_upload_may_take_as_long_as_it_flows() -> None:
    watch = Watch(only(answer_timeout_s=15), 0.0)
    for now_s in range(0, 600, 5):
        assert watch.verdict(float(now_s), Counts(now_s * 1_024), Counts()) == ""


def test_after_the_first_answer_silence_is_nobody_s_fault() -> None:
    watch = Watch(only(answer_timeout_s=15), 0.0)
    assert watch.verdict(1_000.0, Counts(1), Counts(1)) == ""


def test_a_connection_without_a_byte_in_either_direction_is_cut() -> None:
    watch = Watch(only(idle_timeout_s=90), 0.0)
    assert watch.verdict(80.0, Counts(1), Counts()) == ""
    assert watch.verdict(160.0, Counts(1), Counts(1)) == ""
    assert watch.verdict(249.9, Counts(1), Counts(1)) == ""
    assert watch.verdict(250.0, Counts(1), Counts(1)) == "idle"


@pytest.mark.parametrize("side", ["client", "worker"])
def test_one_that_does_not_read_what_waits_for_it_is_cut(side: str) -> None:
    watch = Watch(only(slow_reader_timeout_s=30), 0.0)

    def verdict(now_s: float, received: int, waiting: int) -> str:
        stuck, free = Counts(received, waiting), Counts(received)
        return watch.verdict(now_s, *((free, stuck) if side == "client" else (stuck, free)))

    assert verdict(10.0, 100_000, 0) == ""
    assert verdict(20.0, 200_000, 90_000) == ""
    assert verdict(39.0, 220_000, 100_000) == ""
    assert verdict(40.0, 220_000, 100_000) == "slow reader"


def test_one_that_reads_slowly_but_fast_enough_is_served() -> None:
    watch = Watch(only(slow_reader_timeout_s=30), 0.0)
    for now_s in range(0, 600, 5):
        taken = now_s * 1_024
        assert watch.verdict(float(now_s), Counts(), Counts(taken + 100_000, 100_000)) == ""


def test_nothing_is_cut_when_every_time_is_off() -> None:
    watch = Watch(only(), 0.0)
    assert watch.verdict(1e9, Counts(), Counts(10, 10)) == ""
    assert period_s(only()) == 5.0


def test_each_time_is_noticed_a_quarter_late_at_most() -> None:
    assert period_s(service()) == 10.0 / 4
    assert period_s(only(idle_timeout_s=2)) == 0.5

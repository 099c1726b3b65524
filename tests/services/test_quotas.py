"""Token buckets (S-05, S-09)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import RateLimited
from services import quotas
from services.quotas import TABLE, Quotas, Rate, address_key
from tests.harness import MovableClock


class StoppedClock(MovableClock):
    """Moves only when told to."""

    def monotonic_ms(self) -> int:
        return self.offset_ms


def made(capacity: float = 3, refill_per_s: float = 0.5) -> tuple[Quotas, StoppedClock]:
    clock = StoppedClock()
    return Quotas(clock, {"act": Rate("user", capacity, refill_per_s)}), clock


def test_a_bucket_gives_what_it_holds_and_says_when_there_is_more() -> None:
    limits, clock = made()
    for _ in range(3):
        limits.take("act", "an")
    with pytest.raises(RateLimited) as caught:
        limits.take("act", "an")
    assert caught.value.retry_after_ms == 2_000
    clock.advance(1_999)
    with pytest.raises(RateLimited):
        limits.take("act", "an")
    clock.advance(1)
    limits.take("act", "an")


def test_a_refused_call_costs_nothing() -> None:
    limits, clock = made()
    for _ in range(3):
        limits.take("act", "an")
    for _ in range(100):
        with pytest.raises(RateLimited):
            limits.take("act", "an")
    clock.advance(2_000)
    limits.take("act", "an")


def test_everybody_has_a_bucket_of_their_own() -> None:
    limits, _ = made(capacity=1)
    limits.take("act", "an")
    limits.take("act", "binh")


def test_a_bucket_never_holds_more_than_its_capacity() -> None:
    limits, clock = made()
    limits.take("act", "an")
    clock.advance(10**9)
    for _ in range(3):
        limits.take("act", "an")
    with pytest.raises(RateLimited):
        limits.take("act", "an")


def test_restoring_fills_a_bucket() -> None:
    limits, _ = made(capacity=1)
    limits.take("act", "an")
    limits.restore("act", "an")
    limits.restore("act", "nobody")
    limits.take("act", "an")


def test_memory_is_bounded_and_the_busiest_bucket_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "BUCKETS", 10)
    limits, _ = made(capacity=2)
    for number in range(100):
        with_an_busy = number < 2
        if with_an_busy:
            limits.take("act", "an")
        else:
            with pytest.raises(RateLimited):
                limits.take("act", "an")
        limits.take("act", f"other {number}")
    assert len(limits._buckets) == 10


@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_over_any_time_no_more_passes_than_capacity_and_refill(steps_ms: list[int]) -> None:
    limits, clock = made(capacity=5, refill_per_s=1)
    passed = 0
    for step_ms in steps_ms:
        clock.advance(step_ms)
        try:
            limits.take("act", "an")
            passed += 1
        except RateLimited:
            pass
    assert passed <= 5 + clock.offset_ms / 1_000


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
    ],
)
def test_one_customer_has_one_key(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same


def test_every_rate_refills() -> None:
    assert all(rate.capacity >= 1 and rate.refill_per_s > 0 for rate in TABLE.values())


def test_codes_of_one_person_give_a_guesser_fifty_in_a_million_a_day() -> None:
    """S-05: ten codes a day of five tries each, once the first burst is spent."""
    rate = TABLE["code-send"]
    a_day = 86_400
    assert rate.capacity <= 5
    assert (rate.capacity + rate.refill_per_s * a_day) * 5 <= 50

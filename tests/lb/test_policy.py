"""A policy chooses one of the workers it is given, in the proportion it promises."""

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lb.policy import LeastConnections, Policy, Sticky, make_policy, same_policy
from lb.pool import Worker
from tests.lb.make import service, workers

POLICIES = ("round_robin", "weighted_round_robin", "least_connections", "ip_hash", "sticky")
CLIENTS = [f"198.51.{number // 250}.{number % 250}" for number in range(3_000)]
WEIGHTS = st.lists(st.integers(1, 12), min_size=1, max_size=6)


def turns(policy: Policy, among: Sequence[Worker], count: int) -> list[str]:
    return [policy.choose(among, "client", 0.0).name for _ in range(count)]


def homes(among: Sequence[Worker], clients: Sequence[str] = CLIENTS) -> dict[str, Worker]:
    """Where each client goes by its address."""
    policy = make_policy(service(policy="ip_hash"))
    return {client: policy.choose(among, client, 0.0) for client in clients}


@given(WEIGHTS, st.integers(0, 50))
def test_every_window_of_weighted_turns_has_exactly_the_weights(
    weights: list[int], start: int
) -> None:
    policy = make_policy(service(policy="weighted_round_robin"))
    window = sum(weights)
    chosen = turns(policy, workers(*weights), start + window)[start:]
    assert Counter(chosen) == {f"w{n}:1": weight for n, weight in enumerate(weights, 1)}


def test_three_two_one_is_spread_and_not_in_blocks() -> None:
    """S0-52."""
    policy = make_policy(service(policy="weighted_round_robin"))
    assert turns(policy, workers(3, 2, 1), 6) == ["w1:1", "w2:1", "w1:1", "w3:1", "w2:1", "w1:1"]


def test_five_one_one_of_seven_hundred_is_five_hundred_and_twice_a_hundred() -> None:
    """R-23."""
    policy = make_policy(service(policy="weighted_round_robin"))
    counts = Counter(turns(policy, workers(5, 1, 1), 700))
    assert counts == {"w1:1": 500, "w2:1": 100, "w3:1": 100}


@given(WEIGHTS, st.lists(st.sets(st.integers(0, 5), min_size=1), min_size=1, max_size=200))
def test_weighted_turns_stay_near_the_weights_while_workers_come_and_go(
    weights: list[int], present: list[set[int]]
) -> None:
    policy, among = make_policy(service(policy="weighted_round_robin")), workers(*weights)
    due, given_to = dict.fromkeys(among, 0.0), Counter[Worker]()
    for indices in present:
        usable = [worker for n, worker in enumerate(among) if n in indices] or among
        total = sum(worker.settings.weight for worker in usable)
        for worker in usable:
            due[worker] += worker.settings.weight / total
        given_to[policy.choose(usable, "client", 0.0)] += 1
    assert all(abs(due[worker] - given_to[worker]) < len(among) for worker in among)


def test_round_robin_knows_no_weights() -> None:
    """S0-59."""
    policy = make_policy(service(policy="round_robin"))
    assert turns(policy, workers(9, 1, 1), 6) == ["w1:1", "w2:1", "w3:1"] * 2


@given(st.integers(1, 6), st.integers(0, 60))
def test_least_connections_differ_by_one_at_most(count: int, arrivals: int) -> None:
    among = workers(*[1] * count)
    for _ in range(arrivals):
        LeastConnections().choose(among, "client", 0.0).connections += 1
    counts = [worker.connections for worker in among]
    assert max(counts) - min(counts) <= 1


@given(WEIGHTS, st.integers(1, 20))
def test_least_connections_follow_the_weights(weights: list[int], rounds: int) -> None:
    among = workers(*weights)
    for _ in range(sum(weights) * rounds):
        LeastConnections().choose(among, "client", 0.0).connections += 1
    assert [worker.connections for worker in among] == [weight * rounds for weight in weights]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=6), st.data())
def test_a_lost_worker_moves_only_its_own_clients(weights: list[int], data: st.DataObject) -> None:
    """R-23; and when it comes back they return."""
    among = workers(*weights)
    some = CLIENTS[::20]
    before = homes(among, some)
    lost = data.draw(st.sampled_from(among))
    after = homes([worker for worker in among if worker is not lost], some)
    moved = {client for client in some if before[client] is not after[client]}
    assert moved == {client for client in some if before[client] is lost}


def test_addresses_are_spread_by_weight() -> None:
    among = workers(3, 2, 1)
    counts = Counter(worker.name for worker in homes(among).values())
    for number, weight in enumerate((3, 2, 1), 1):
        share = weight / 6
        allowed = 5 * math.sqrt(len(CLIENTS) * share * (1 - share))
        assert abs(counts[f"w{number}:1"] - len(CLIENTS) * share) < allowed


def test_a_client_sticks_until_it_has_stayed_away_too_long() -> None:
    """S0-57."""
    policy, among = Sticky(ttl_s=10, entries=100), workers(1, 1)
    first, second = policy.choose(among, "a", 0.0), policy.choose(among, "b", 0.0)
    assert first is not second
    assert [policy.choose(among, "a", now_s) for now_s in (9.0, 18.0, 27.0)] == [first] * 3
    policy.choose(among, "c", 27.0)
    assert policy.choose(among, "a", 37.0) is second, "it was its turn"


def test_a_client_moves_for_good_when_its_worker_cannot_be_chosen() -> None:
    policy, among = Sticky(ttl_s=10, entries=100), workers(1, 1)
    first = policy.choose(among, "a", 0.0)
    others = [worker for worker in among if worker is not first]
    assert policy.choose(others, "a", 1.0) is others[0]
    assert policy.choose(among, "a", 2.0) is others[0]


def test_the_table_forgets_whom_it_has_not_seen_for_longest() -> None:
    policy, among = Sticky(ttl_s=1_000, entries=2), workers(1, 1, 1)
    a = policy.choose(among, "a", 0.0)
    policy.choose(among, "b", 1.0)
    policy.choose(among, "a", 2.0)
    policy.choose(among, "c", 3.0)
    assert len(policy) == 2
    assert policy.choose(among, "a", 4.0) is a
    assert policy.choose(among, "b", 5.0) is a, "it was its turn again"


@given(st.sampled_from(POLICIES), WEIGHTS, st.lists(st.sets(st.integers(0, 5)), max_size=30))
def test_nobody_is_chosen_who_was_not_offered(
    name: str, weights: list[int], present: list[set[int]]
) -> None:
    policy, among = make_policy(service(policy=name)), workers(*weights)
    for now, indices in enumerate(present):
        usable = [worker for n, worker in enumerate(among) if n in indices]
        if usable:
            assert policy.choose(usable, f"client {now % 3}", float(now)) in usable


@pytest.mark.parametrize("name", ["round_robin", "weighted_round_robin", "least_connections"])
def test_a_worker_that_came_back_gets_less_at_first(name: str) -> None:
    settings = service(1, 1, policy=name, check="tcp", slow_start_s=10)
    among = workers(1, 1, check="tcp", slow_start_s=10)
    for worker in among:
        worker.check_passed(0.0, 0.001)
    for _ in range(3):
        among[1].check_failed("away")
    among[1].check_passed(100.0, 0.001)
    policy = make_policy(settings)
    for _ in range(110):
        policy.choose(among, "client", 100.5).connections += 1
    assert among[1].connections == 10


def test_a_policy_goes_on_while_the_settings_name_the_same() -> None:
    assert same_policy(service(1), service(2, 3))
    assert not same_policy(service(policy="sticky"), service(policy="sticky", sticky_ttl_s=2))
    assert not same_policy(service(policy="sticky"), service(policy="ip_hash"))

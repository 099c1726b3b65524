"""Limits for all and for one address, and what is remembered of those who have gone."""

from hypothesis import given
from hypothesis import strategies as st

from lb.admission import Admission
from tests.lb.make import service


def admission(**settings: object) -> Admission:
    none = {
        "max_connections": 0,
        "max_connections_per_address": 0,
        "connection_rate_per_address": 0,
        "exempt_networks": (),
    }
    return Admission(service(**none | settings))


def test_no_more_than_the_limit_at_a_time() -> None:
    entrance = admission(max_connections=2)
    assert [entrance.enter(client, 0.0) for client in "abc"] == ["", "", "connections"]
    entrance.leave("a")
    assert entrance.enter("c", 0.0) == ""
    assert entrance.connections == 2


def test_no_more_than_the_limit_of_one_address() -> None:
    entrance = admission(max_connections_per_address=2)
    assert [entrance.enter("a", 0.0) for _ in range(3)] == ["", "", "connections of one address"]
    assert entrance.enter("b", 0.0) == ""
    entrance.leave("a")
    assert entrance.enter("a", 0.0) == ""


def test_twice_the_rate_at_once_and_the_rate_from_then_on() -> None:
    """S-56."""
    entrance = admission(connection_rate_per_address=20)
    assert [entrance.enter("a", 0.0) for _ in range(41)].count("") == 40
    assert entrance.enter("a", 0.04) == "rate of one address"
    assert entrance.enter("a", 0.051) == ""
    assert [entrance.enter("a", 1.051) for _ in range(30)].count("") == 20


def test_loopback_is_exempt_by_default_and_others_are_not() -> None:
    entrance = Admission(service(max_connections_per_address=1))
    assert [entrance.limited(host) for host in ("127.0.0.1", "::1", "::ffff:127.0.0.1")] == [""] * 3
    assert [entrance.enter("", 0.0) for _ in range(3)] == [""] * 3
    entrance.leave("")
    assert entrance.connections == 2


def test_ipv6_counts_by_its_network() -> None:
    entrance = admission()
    assert entrance.limited("2001:db8::1") == entrance.limited("2001:db8::ffff") == "2001:db8::"
    assert entrance.limited("2001:db8:0:1::1") != entrance.limited("2001:db8::1")
    assert entrance.limited("fe80::1%eth0") == "fe80::"


def test_addresses_that_are_gone_are_forgotten() -> None:
    entrance = admission(connection_rate_per_address=20)
    assert entrance.enter("stays", 0.0) == ""
    for number in range(10_000):
        assert entrance.enter(f"client {number}", number / 1_000) == ""
        entrance.leave(f"client {number}")
    assert len(entrance) < 4_000
    entrance.leave("stays")
    assert entrance.connections == 0


def test_who_is_connected_outlives_other_limits() -> None:
    entrance = admission()
    for _ in range(3):
        entrance.enter("a", 0.0)
    entrance.configure(service(max_connections=2, exempt_networks=()))
    assert entrance.enter("b", 0.0) == "connections"
    for _ in range(3):
        entrance.leave("a")
    assert entrance.connections == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=100))
def test_no_limit_is_ever_passed(steps: list[tuple[str, bool]]) -> None:
    entrance = admission(max_connections=5, max_connections_per_address=3)
    inside: list[str] = []
    for client, enters in steps:
        if enters and not entrance.enter(client, 0.0):
            inside.append(client)
        elif not enters and client in inside:
            inside.remove(client)
            entrance.leave(client)
        assert entrance.connections == len(inside) <= 5
        assert all(inside.count(one) <= 3 for one in "abc")

"""Every setting of the balancer: its default, what it means, and what it may be.

    Settings ──▶ one or more ServiceSettings ──▶ one or more WorkerSettings
    (process)    ([[service]] in the file)       ([[service.worker]])

The example file is generated from this one (`python -m lb --example`) and a test keeps the two
identical. How a file is read is in `lb/load.py`. A limit of 0 is none.
"""

import dataclasses
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lb.addresses import Address, parse_address


class SettingsError(Exception):
    """One sentence that names the file, the key, the value and the rule."""


class Secret(str):
    """Text that neither `repr`, a log line nor `--check` shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "•••" if self else "''"


Rule = tuple[str, Callable[[Any], bool]]


def _setting(
    default: object,
    meaning: str,
    rule: str = "",
    holds: Callable[[Any], bool] | None = None,
) -> Any:
    metadata = {"meaning": meaning, "rule": (rule, holds) if holds else None}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


_REQUIRED = dataclasses.MISSING


def _between(low: float, high: float) -> Rule:
    return f"must be from {low} to {high}", lambda value: low <= value <= high


def _one_of(*words: str) -> Rule:
    return f"must be one of {', '.join(words)}", lambda value: value in words


def _is_address(value: str) -> bool:
    try:
        parse_address(value)
    except ValueError:
        return False
    return True


def _is_worker_address(value: str) -> bool:
    return ":" in value and _is_address(value) and parse_address(value).port > 0


def _are_networks(values: tuple[str, ...]) -> bool:
    try:
        return bool([ipaddress.ip_network(value) for value in values] or True)
    except ValueError:
        return False


def _is_header_value(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


_ADDRESS: Rule = ("must be host:port or [IPv6]:port", _is_worker_address)
_SECONDS = _between(0, 86_400)
_MANY = _between(0, 1_000_000)


@dataclass(frozen=True)
class WorkerSettings:
    """One server that connections are relayed to."""

    address: str = _setting(_REQUIRED, "Where the worker listens.", *_ADDRESS)
    weight: int = _setting(1, "Its share of the connections.", *_between(1, 1_000))
    max_connections: int = _setting(0, "Connections it carries at most.", *_MANY)
    check_address: str = _setting(
        "",
        "Where its health is asked, when that is not its own address.",
        "must be empty, host:port or [IPv6]:port",
        lambda value: not value or _is_worker_address(value),
    )

    @cached_property
    def target(self) -> Address:
        return parse_address(self.address)

    @property
    def check_target(self) -> Address:
        return parse_address(self.check_address or self.address)


@dataclass(frozen=True)
class ServiceSettings:
    """One address that clients connect to, and the workers behind it."""

    name: str = _setting(
        _REQUIRED,
        "What logs and metrics call it.",
        "must be of letters, digits, - and _",
        lambda value: value.replace("-", "").replace("_", "").isalnum() and value.isascii(),
    )
    listen: str = _setting(
        _REQUIRED,
        "Where clients connect: host:port, [IPv6]:port, or a port of every address.",
        "must be host:port, [IPv6]:port or a port",
        _is_address,
    )
    protocol: str = _setting(
        "http",
        "http refuses with an answer 503 that a browser understands, tcp by closing.",
        *_one_of("http", "tcp"),
    )
    policy: str = _setting(
        "weighted_round_robin",
        "How a worker is chosen.",
        *_one_of("round_robin", "weighted_round_robin", "least_connections", "ip_hash", "sticky"),
    )
    proxy_protocol: str = _setting(
        "none",
        "Version of the PROXY header that tells a worker the client's address.",
        *_one_of("none", "v1", "v2"),
    )
    sticky_ttl_s: float = _setting(
        1_800.0, "How long policy sticky remembers a client that stays away.", *_between(1, 604_800)
    )
    sticky_entries: int = _setting(
        100_000, "How many clients it remembers.", *_between(1, 10_000_000)
    )
    check: str = _setting(
        "http",
        "How health is asked: http wants status 200, tcp an accepted connection, none nothing.",
        *_one_of("http", "tcp", "none"),
    )
    check_path: str = _setting(
        "/health",
        "What check http asks for.",
        "must begin with / and hold neither spaces nor other than ASCII",
        lambda value: value.startswith("/") and _is_header_value(value),
    )
    check_host: str = _setting(
        "",
        "Host name that check http sends; empty for the worker's address.",
        "must hold neither spaces nor other than ASCII",
        lambda value: not value or _is_header_value(value),
    )
    check_interval_s: float = _setting(5.0, "Time between two checks.", *_between(0.05, 3_600))
    check_timeout_s: float = _setting(
        2.0, "Time within which a check must be answered.", *_between(0.05, 60)
    )
    failures_down: int = _setting(
        3, "Failures in a row after which a worker gets no more connections.", *_between(1, 100)
    )
    successes_up: int = _setting(
        1, "Successes in a row after which it gets them again.", *_between(1, 100)
    )
    slow_start_s: float = _setting(
        10.0, "Time in which the share of a worker that came back grows to its weight.", *_SECONDS
    )
    connect_timeout_s: float = _setting(
        1.0,
        "Time for a worker to accept a connection before the next is tried.",
        *_between(0.01, 60),
    )
    max_connections: int = _setting(10_000, "Connections at a time.", *_MANY)
    max_connections_per_address: int = _setting(
        100, "Connections at a time of one client address; in IPv6 of one /64.", *_MANY
    )
    connection_rate_per_address: float = _setting(
        20.0, "New connections a second of one client address.", *_MANY
    )
    exempt_networks: tuple[str, ...] = _setting(
        ("127.0.0.0/8", "::1/128"),
        "Networks to which the two limits for one address do not apply.",
        "must be addresses or networks like 10.0.0.0/8",
        _are_networks,
    )
    queue_size: int = _setting(
        1_000, "Connections that wait while every worker is at its limit.", *_MANY
    )
    queue_timeout_s: float = _setting(5.0, "Time after which one that waits is refused.", *_SECONDS)
    first_byte_timeout_s: float = _setting(10.0, "Time for a client to send something.", *_SECONDS)
    answer_timeout_s: float = _setting(
        15.0,
        "Time for a worker to answer a client that sends less than min_bytes_per_s.",
        *_SECONDS,
    )
    idle_timeout_s: float = _setting(
        90.0, "Time without a byte in either direction after which a connection ends.", *_SECONDS
    )
    slow_reader_timeout_s: float = _setting(
        30.0,
        "Time in which one that reads less than min_bytes_per_s of what waits for it is cut off.",
        *_SECONDS,
    )
    min_bytes_per_s: int = _setting(1_024, "What counts as slow.", *_MANY)
    certificate_file: str = _setting(
        "", "Certificate chain (PEM) with which TLS ends here; empty for no TLS."
    )
    key_file: str = _setting("", "Its private key.")
    handshake_timeout_s: float = _setting(10.0, "Time for the TLS handshake.", *_between(0.1, 60))
    workers: tuple[WorkerSettings, ...] = _setting((), "", "must be at least one", bool)

    @property
    def address(self) -> Address:
        return parse_address(self.listen)


@dataclass(frozen=True)
class Settings:
    """What can be set for the whole process."""

    admin: str = _setting(
        "",
        "Where status, metrics and drain calls are answered, like 127.0.0.1:8010; empty: nowhere.",
        "must be empty, host:port, [IPv6]:port or a port",
        lambda value: not value or _is_address(value),
    )
    admin_token: str = _setting(
        Secret(""), "What a drain call must carry as Authorization: Bearer; empty allows none."
    )
    drain_timeout_s: float = _setting(
        600.0, "Time for connections to end after SIGUSR1.", *_between(0, 86_400)
    )
    stop_timeout_s: float = _setting(
        10.0, "Time for connections to end after SIGTERM.", *_between(0, 86_400)
    )
    log_level: str = _setting(
        "info", "Least level that is logged.", *_one_of("debug", "info", "warning", "error")
    )
    log_format: str = _setting(
        "json", "Lines of JSON, or text for people.", *_one_of("json", "text")
    )
    services: tuple[ServiceSettings, ...] = _setting((), "", "must be at least one", bool)

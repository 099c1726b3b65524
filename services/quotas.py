"""How often anything may be done: token buckets, one table (S-05, S-09).

A bucket holds `capacity` tokens and gains `refill_per_s`; an action takes one and is refused when
there is none. Capacities are what people at one address do at once on a busy day (a household, a
class, an office behind one address), refills are what holds in the long run.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models.ports import Clock
from protocol import limits
from protocol.errors import RateLimited

_HOUR_S = 3_600
_DAY_S = 24 * _HOUR_S

KeyKind = Literal["address", "email", "email+address", "user", "connection", "server"]


@dataclass(frozen=True, slots=True)
class Rate:
    """What a bucket is kept for, how much it holds, how fast it refills."""

    per: KeyKind
    capacity: float
    refill_per_s: float


TABLE: Mapping[str, Rate] = {
    # Passwords: guesses are slowed per person and place; the cap per person stops many places at
    # once, and a browser that is known passes it, so that nobody is locked out by strangers.
    "login": Rate("email+address", 20, 1 / 30),
    "login-address": Rate("address", 120, 1 / 2),
    "login-account": Rate("email", 100, 100 / _DAY_S),
    "password-change": Rate("user", 20, 20 / _DAY_S),  # guesses of who has stolen a log-in
    "prelogin": Rate("address", 120, 2),
    "refresh": Rate("address", 300, 5),
    # Codes: five tries each, so ten of them a day are fifty guesses in a million (S-05).
    "register": Rate("address", 100, 20 / _HOUR_S),
    "code-send": Rate("email+address", 5, 5 / _DAY_S),
    "code-send-login": Rate("email+address", 20, 20 / _DAY_S),  # the password was right
    "code-send-account": Rate("email", 30, 30 / _DAY_S),
    "code-send-address": Rate("address", 100, 20 / _HOUR_S),
    "mail": Rate("server", 1_000, 1_000 / _HOUR_S),  # those that anybody can cause
    "code-try": Rate("address", 100, 1 / 6),
    "code-try-account": Rate("email", 20, 20 / _DAY_S),  # tries that name no attempt
    # People and keys
    "find": Rate("user", 60, 1 / 10),
    "contact-request": Rate("user", 60, 1 / 60),
    "claim": Rate("user", 120, 1),
    "upload": Rate("user", 60, 1 / 10),
    # Every list is kept, and read by contacts as a whole: 30 a day stay below 60 MB in a year.
    "device-list": Rate("user", 60, 30 / _DAY_S),
    # Rooms and connections
    "room-open": Rate("user", 60, 1 / 30),
    "send": Rate("user", 300, 50),
    "file": Rate("user", 120, 1),
    "file-call": Rate("user", 600, 10),  # each may look at the records of 32,768 parts
    "file-grant": Rate("user", 300, 5),
    "file-part": Rate("user", 600, 64),  # 256 MiB/s: a part may come again, which no allowance sees
    "file-read": Rate("user", 600, 64),
    # Transfers and links: mails are what others can be bothered with, so those have a day's limit,
    # which is what a full bucket holds and what it gains in the day together.
    "transfer": Rate("user", 60, 200 / _DAY_S),
    "transfer-offer": Rate("user", 20, 20 / _DAY_S),  # to addresses: each stands in an inbox
    "transfer-call": Rate("user", 600, 10),  # lists of a hundred, heads of 400 KB
    "transfer-mail": Rate("user", 25, 25 / _DAY_S),
    "transfer-mail-address": Rate("email", 3, 2 / _DAY_S),  # of strangers
    "transfer-mail-contact": Rate("user", 10, 10 / _DAY_S),
    "transfer-mail-all": Rate("server", 500, 500 / _HOUR_S),  # half of what waits for the server
    "transfer-mail-again": Rate("server", 100, 500 / _HOUR_S),  # paid for, and not taken yet
    "link-look": Rate("address", 300, 2),
    "link-try": Rate("address", 120, 1 / 20),  # guesses of a passphrase: 4,320 a day and place
    "link-download": Rate("address", 60, 1 / 10),
    "link-read": Rate("address", 600, 64),
    "link-report": Rate("address", 10, 10 / _DAY_S),
    "socket-open": Rate("address", 200, 10),
    "frames": Rate("connection", limits.FRAME_BURST, limits.FRAMES_PER_SECOND),
}

BUCKETS = 100_000  # about 20 MB; beyond that the bucket that was used longest ago is forgotten


def address_key(address: str) -> str:
    """Return the part of an address that its user cannot change at will: in IPv6 the /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(parsed), 64), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_ms: int


class Quotas:
    """Token buckets of this process."""

    def __init__(self, clock: Clock, table: Mapping[str, Rate] = TABLE) -> None:
        self._clock = clock
        self._table = table
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def take(self, action: str, key: str) -> None:
        """Take one token.

        Raises: RateLimited, saying when there will be one; a refused call costs nothing.
        """
        rate = self._table[action]
        bucket = self._bucket(action, key, rate)
        if bucket.tokens < 1:
            raise RateLimited(math.ceil((1 - bucket.tokens) / rate.refill_per_s * 1_000), action)
        bucket.tokens -= 1

    def restore(self, action: str, key: str) -> None:
        """Fill a bucket: what it counted in a row has come to a good end."""
        self._buckets.pop((action, key), None)

    def _bucket(self, action: str, key: str, rate: Rate) -> _Bucket:
        now_ms = self._clock.monotonic_ms()
        bucket = self._buckets.get((action, key))
        if bucket is None:
            bucket = self._buckets[action, key] = _Bucket(rate.capacity, now_ms)
            if len(self._buckets) > BUCKETS:
                self._buckets.popitem(last=False)
        else:
            gained = (now_ms - bucket.filled_ms) / 1_000 * rate.refill_per_s
            bucket.tokens = min(rate.capacity, bucket.tokens + gained)
            bucket.filled_ms = now_ms
            self._buckets.move_to_end((action, key))
        return bucket

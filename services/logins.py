"""Log-ins: who a token speaks for, and the life of a chain of refresh tokens (S-12, S-13).

open ──▶ refresh ──▶ refresh ──▶ … ──▶ end            a successor is HMAC(key, token), so an
             └─ the predecessor again within 10 s      answer that was lost is simply given again
             └─ anything older ──▶ ended, told
"""

import hashlib
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from models.accounts import Account
from models.events import EventSink, EventsLost, LoginsEnded
from models.logins import Login
from models.ports import Clock, Entropy
from models.stores import Stores
from protocol import limits
from protocol.encoding import b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId, LoginId, UserId
from services.tokens import AccessTokens

LIVE_MS = 5_000  # S-12: how long another process may not have heard that a log-in ended
LIVE_LOGINS = 10_000  # kept in memory; more only costs a read of the store
ADDRESSES = 1_024  # of which the prefix is kept at hand: each request's log line has one
LOGIN_LIFE_MS = 30 * limits.DAY_MS  # S-13: even a browser in daily use shows its password monthly
TRUST_TTL_MS = 90 * limits.DAY_MS  # then an enrolled browser is asked for a code once
TOKEN_BYTES = 32
_TOKEN_CHARS = 43


@dataclass(frozen=True, slots=True)
class Principal:
    """On whose behalf a request is made; `proven_ms` is when password and code were last shown."""

    user_id: UserId
    login_id: LoginId
    device_id: DeviceId | None
    proven_ms: int

    def require_device(self) -> DeviceId:
        """Return the device this log-in belongs to.

        Raises: AppError(not_enrolled)
        """
        if self.device_id is None:
            raise AppError(ErrorCode.NOT_ENROLLED)
        return self.device_id


@dataclass(frozen=True, slots=True)
class Opened:
    """What a browser is handed when it has logged in or refreshed."""

    account: Account
    login_id: LoginId
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a log-in comes from: what its owner calls it, and its address."""

    name: str
    platform: str
    address: str


@lru_cache(ADDRESSES)
def address_prefix(address: str) -> str:
    """Return the /24 or /48 of an address: a place can be recognised by it, a person not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    bits = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((str(parsed), bits), strict=False))


def token_hash(token: str) -> str:
    """Return under what a token is stored; being random, it needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class LoginService:
    """Opens, refreshes, recognises and ends log-ins."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        entropy: Entropy,
        sink: EventSink,
        *,
        jwt_key: bytes,
        refresh_key: bytes,
    ) -> None:
        self._stores = stores
        self._logins = stores.logins
        self._clock = clock
        self._entropy = entropy
        self._sink = sink
        self._refresh_key = refresh_key
        self._tokens = AccessTokens(clock, entropy, jwt_key=jwt_key)
        self._live: OrderedDict[LoginId, tuple[Login, int]] = OrderedDict()
        self._forgets = 0

    async def principal(self, token: str) -> Principal:
        """Return whom an access token speaks for.

        A log-in that another process has ended may pass for LIVE_MS more.
        Raises: AppError(unauthenticated), AppError(token_expired), AppError(session_revoked)
        """
        claims = self._tokens.read(token)
        login = await self._live_login(claims.login_id)
        if login is None or login.user_id != claims.user_id:
            raise AppError(ErrorCode.SESSION_REVOKED)
        return Principal(login.user_id, login.login_id, login.device_id, login.proven_ms)

    async def is_live(self, login_id: LoginId) -> bool:
        """Whether a log-in has neither ended nor run out."""
        return await self._live_login(login_id) is not None

    def forget(self, login_ids: Iterable[LoginId]) -> None:
        """Drop what is remembered of log-ins that ended or changed, here or in another process."""
        self._forgets += 1
        for login_id in login_ids:
            self._live.pop(login_id, None)

    def forget_all(self, _event: EventsLost) -> None:
        """Drop everything remembered: the end of any log-in may have been missed."""
        self._forgets += 1
        self._live.clear()

    async def ended_of(self, login_ids: Collection[LoginId]) -> set[LoginId]:
        """Return those of these log-ins that are over, by one look at the store."""
        return set(login_ids) - await self._logins.live_of(login_ids, self._clock.now_ms())

    async def open(
        self, account: Account, browser: Browser, device_id: DeviceId | None = None
    ) -> Opened:
        """Begin a log-in for someone who has just proven who they are."""
        now_ms = self._clock.now_ms()
        refresh_token = self._new_token()
        login = Login(
            login_id=LoginId(b64url(self._entropy.token(16))),
            user_id=account.user_id,
            device_id=device_id,
            device_name=browser.name,
            platform=browser.platform,
            address_prefix=address_prefix(browser.address),
            created_ms=now_ms,
            proven_ms=now_ms,
            last_used_ms=now_ms,
            expires_ms=now_ms + limits.REFRESH_TOKEN_TTL_MS,
        )
        await self._logins.create(login, token_hash(refresh_token))
        return self._opened(account, login.login_id, refresh_token)

    async def refresh(self, refresh_token: str, address: str) -> Opened:
        """Exchange a refresh token.

        Raises: AppError(unauthenticated) for one that belongs to no live log-in,
        AppError(token_reused) for one used before (that log-in has now ended),
        AppError(session_revoked) when the log-in is too old to go on.
        """
        if len(refresh_token) != _TOKEN_CHARS:
            raise AppError(ErrorCode.UNAUTHENTICATED, "no refresh token")
        now_ms = self._clock.now_ms()
        successor = self._successor(refresh_token)
        rotation = await self._logins.rotate(
            token_hash(refresh_token),
            token_hash(successor),
            now_ms=now_ms,
            grace_ms=limits.REFRESH_GRACE_MS,
            expires_ms=now_ms + limits.REFRESH_TOKEN_TTL_MS,
            address_prefix=address_prefix(address),
        )
        if rotation is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "unknown refresh token")
        login = rotation.login
        if rotation.outcome == "reused":
            self.announce_end(login.user_id, [login.login_id], "revoked")
            raise AppError(ErrorCode.TOKEN_REUSED)
        account = await self._stores.accounts.by_id(login.user_id)
        if account is None or now_ms >= login.created_ms + LOGIN_LIFE_MS:
            await self._logins.end(login.login_id)
            self.announce_end(login.user_id, [login.login_id], "revoked")
            raise AppError(ErrorCode.SESSION_REVOKED, "too old")
        return self._opened(account, login.login_id, successor)

    async def of_user(self, user_id: UserId) -> list[Login]:
        """Return the live log-ins, most recently used first."""
        return await self._logins.of_user(user_id, self._clock.now_ms())

    async def end(self, user_id: UserId, login_id: LoginId, reason: str) -> None:
        """End one log-in of a user.

        Raises: AppError(not_found)
        """
        login = await self._logins.by_id(login_id, self._clock.now_ms())
        if login is None or login.user_id != user_id or not await self._logins.end(login_id):
            raise AppError(ErrorCode.NOT_FOUND, "log-in")
        self.announce_end(user_id, [login_id], reason)

    async def end_all(self, user_id: UserId, reason: str, *, keep: LoginId | None = None) -> None:
        """End every log-in of a user, or all but one."""
        self.announce_end(user_id, await self._logins.end_all(user_id, keep=keep), reason)

    async def end_of_devices(self, user_id: UserId, device_ids: Iterable[DeviceId]) -> None:
        """End the log-ins of devices that left the list, and trust their browsers no more."""
        for device_id in device_ids:
            await self._logins.distrust(user_id, device_id)
            ended = await self._logins.end_of_device(user_id, device_id)
            self.announce_end(user_id, ended, "device_removed")

    async def bind(self, principal: Principal, device_id: DeviceId) -> str:
        """Make a log-in that of a device; returns a token by which its browser is known again."""
        await self._logins.bind_device(principal.login_id, device_id)
        self.forget([principal.login_id])
        token = self._new_token()
        expires_ms = self._clock.now_ms() + TRUST_TTL_MS
        await self._logins.trust(token_hash(token), principal.user_id, device_id, expires_ms)
        return token

    async def is_trusted(self, token: str, user_id: UserId, device_id: DeviceId) -> bool:
        """Whether a browser has shown a code for this device before."""
        now_ms = self._clock.now_ms()
        return await self._logins.is_trusted(token_hash(token), user_id, device_id, now_ms)

    async def distrust(self, user_id: UserId) -> None:
        """Ask every browser of a user for a code again."""
        await self._logins.distrust(user_id)

    def announce_end(self, user_id: UserId, login_ids: list[LoginId], reason: str) -> None:
        """Tell every process that log-ins are over; they are gone from the store already."""
        if login_ids:
            self.forget(login_ids)
            self._sink.publish(LoginsEnded(user_id, tuple(login_ids), reason))

    async def _live_login(self, login_id: LoginId) -> Login | None:
        now_ms, ticks_ms = self._clock.now_ms(), self._clock.monotonic_ms()
        login, checked_ms = self._live.get(login_id, (None, 0))
        if login is not None and ticks_ms - checked_ms < LIVE_MS and now_ms < login.expires_ms:
            return login
        forgets = self._forgets
        login = await self._logins.by_id(login_id, now_ms)
        if login is not None and not await self._is_its_device_listed(login):
            login = None
        self._live.pop(login_id, None)
        # Without a device it is about to get one, and perhaps from another process. What was
        # forgotten while the store was being read may be what has just been read.
        if login is not None and login.device_id is not None and forgets == self._forgets:
            self._live[login_id] = (login, ticks_ms)
            if len(self._live) > LIVE_LOGINS:
                self._live.popitem(last=False)
        return login

    async def _is_its_device_listed(self, login: Login) -> bool:
        """Whether the device of a log-in, if it has one, is active in the newest list.

        A removed device is out from the moment its list is stored, whatever dies before the last of
        its log-ins is deleted.
        """
        if login.device_id is None:
            return True
        active = await self._stores.devices.active(frozenset({login.user_id}))
        return login.user_id in active and login.device_id in active[login.user_id].devices

    def _opened(self, account: Account, login_id: LoginId, refresh_token: str) -> Opened:
        access_token = self._tokens.issue(account.user_id, login_id)
        return Opened(account, login_id, access_token, refresh_token)

    def _new_token(self) -> str:
        return b64url(self._entropy.token(TOKEN_BYTES))

    def _successor(self, token: str) -> str:
        return b64url(hmac.digest(self._refresh_key, token.encode(), hashlib.sha256))

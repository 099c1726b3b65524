"""Logging in: a password, and from a browser that is not known yet an e-mailed code.

Every step costs the same whether or not the address is known (S-04): one lookup, one bcrypt.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from models.accounts import Account, KdfParams
from models.ports import PasswordHasher
from models.stores import Stores
from protocol import limits
from protocol.encoding import b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId, UserId
from services.codes import Attempt, CodeService
from services.logins import Browser, LoginService, Opened
from services.names import parse_email
from services.quotas import Quotas, address_key

DEFAULT_KDF = KdfParams(limits.KDF_MIN_M_KIB, limits.KDF_MIN_T, 1)
_SALT_BYTES = 16
_NOBODY = UserId("A" * 22)


@dataclass(frozen=True, slots=True)
class Challenge:
    """The password was right; the code that was mailed goes with this ticket."""

    ticket: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """What an enrolled browser shows instead of a code; it is believed only if it holds."""

    device_id: DeviceId
    trust_token: str = field(repr=False)


class SignInService:
    """Checks passwords and codes, and opens log-ins."""

    def __init__(
        self,
        stores: Stores,
        codes: CodeService,
        logins: LoginService,
        hasher: PasswordHasher,
        quotas: Quotas,
        *,
        salt_key: bytes,
    ) -> None:
        self._stores = stores
        self._codes = codes
        self._logins = logins
        self._hasher = hasher
        self._quotas = quotas
        self._salt_key = salt_key

    async def prelogin(self, email: str, address: str) -> tuple[str, KdfParams]:
        """Return salt and parameters with which the browser derives its auth key.

        An unknown address always gets the same made-up salt and the usual parameters.
        """
        email = parse_email(email)
        self._quotas.take("prelogin", address_key(address))
        account = await self._stores.accounts.by_email(email)
        made_up = b64url(hmac.digest(self._salt_key, email.encode(), hashlib.sha256)[:_SALT_BYTES])
        if account is None:
            return made_up, DEFAULT_KDF
        return account.verifier.salt, account.verifier.kdf

    async def log_in(
        self, email: str, auth_key: bytes, browser: Browser, known: KnownBrowser | None
    ) -> Opened | Challenge:
        """Check a password.

        Returns: the log-in for a browser that is known, which belongs to its device at once;
        otherwise the challenge whose code is in the mail.
        Raises: AppError(bad_credentials), RateLimited, AppError(unavailable)
        """
        email = parse_email(email)
        place = address_key(browser.address)
        self._quotas.take("login-address", place)
        self._quotas.take("login", f"{email} {place}")
        account = await self._stores.accounts.by_email(email)
        is_known = known is not None and await self._is_known(account, known)
        if not is_known:
            self._quotas.take("login-account", email)
        stored = account.verifier.password_hash if account else None
        if not await self._hasher.verify(auth_key, stored) or account is None:
            raise AppError(ErrorCode.BAD_CREDENTIALS)
        # The password may have been replaced, or the device removed, while bcrypt was at work.
        now = await self._stores.accounts.by_id(account.user_id)
        if now is None or now.verifier != account.verifier:
            raise AppError(ErrorCode.BAD_CREDENTIALS, "changed meanwhile")
        self._quotas.restore("login", f"{email} {place}")
        self._quotas.restore("login-account", email)
        if known is not None and is_known and await self._is_known(account, known):
            return await self._logins.open(account, browser, known.device_id)
        self._codes.require_quota("login", email, browser.address)
        attempt = Attempt("login", email, browser.address, account.user_id)
        return Challenge(await self._codes.begin(attempt))

    async def log_in_with_code(
        self, email: str, ticket: str | None, code: str, browser: Browser
    ) -> Opened:
        """Finish what `log_in` began.

        Raises: AppError(bad_code), AppError(code_expired), RateLimited
        """
        email = parse_email(email)
        proof = await self._codes.redeem("login", email, ticket, code, browser.address)
        account = await self._stores.accounts.by_id(proof.user_id) if proof.user_id else None
        if account is None:
            raise AppError(ErrorCode.BAD_CODE)
        return await self._logins.open(account, browser)

    async def refresh(self, refresh_token: str, address: str) -> Opened:
        """Exchange a refresh token.

        Raises: RateLimited, and what `LoginService.refresh` raises
        """
        self._quotas.take("refresh", address_key(address))
        return await self._logins.refresh(refresh_token, address)

    async def _is_known(self, account: Account | None, known: KnownBrowser) -> bool:
        user_id = account.user_id if account else _NOBODY
        is_trusted = await self._logins.is_trusted(known.trust_token, user_id, known.device_id)
        active = await self._stores.devices.active(frozenset({user_id}))
        return is_trusted and user_id in active and known.device_id in active[user_id].devices

"""A new password: forgotten and reset by mail, or changed by someone who knows the old one.

A reset proves the mailbox and nothing else: the account, its devices and its identity backup stay
as they are. The backup's password wrap no longer opens; its recovery code does (SEAL1 §4.11).
"""

from models.accounts import KdfParams, Verifier
from models.backups import Backup
from models.ports import PasswordHasher
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from services.access import Access
from services.backups import require_sound
from services.codes import Attempt, CodeService
from services.hashing import require_strong
from services.letters import password_changed
from services.logins import Browser, LoginService, Opened, Principal
from services.names import parse_email
from services.quotas import Quotas, address_key

ENDED = "password_changed"


class PasswordService:
    """Replaces verifiers, and with them every log-in that the old password opened."""

    def __init__(
        self,
        stores: Stores,
        access: Access,
        codes: CodeService,
        logins: LoginService,
        hasher: PasswordHasher,
        quotas: Quotas,
    ) -> None:
        self._stores = stores
        self._access = access
        self._codes = codes
        self._logins = logins
        self._hasher = hasher
        self._quotas = quotas

    async def forget(self, email: str, address: str) -> str:
        """Mail a code for a new password; returns the ticket of the attempt, known address or not.

        Raises: RateLimited
        """
        email = parse_email(email)
        self._codes.require_quota("reset", email, address)
        account = await self._stores.accounts.by_email(email)
        user_id = account.user_id if account else None
        return await self._codes.begin(Attempt("reset", email, address, user_id))

    async def reset(
        self,
        email: str,
        ticket: str,
        code: str,
        salt: str,
        kdf: KdfParams,
        auth_key: bytes,
        browser: Browser,
    ) -> Opened:
        """Set a new password for who has the mailed code, and log in.

        Every other log-in ends, and every browser is asked for a code again.
        Raises: AppError(bad_code), AppError(code_expired), AppError(weak_kdf), RateLimited,
        AppError(unavailable) (the code is still good then)
        """
        email = parse_email(email)
        require_strong(kdf)
        self._quotas.take("login-address", address_key(browser.address))
        verifier = Verifier(salt, kdf, await self._hasher.hash(auth_key))
        proof = await self._codes.redeem("reset", email, ticket, code, browser.address)
        if proof.user_id is None:
            raise AppError(ErrorCode.BAD_CODE)
        await self._stores.accounts.set_verifier(proof.user_id, verifier)
        await self._logins.distrust(proof.user_id)
        await self._logins.end_all(proof.user_id, ENDED)
        account = await self._access.account(proof.user_id)
        self._codes.post(password_changed(), account.email)
        return await self._logins.open(account, browser)

    async def change(
        self,
        principal: Principal,
        auth_key: bytes,
        verifier: tuple[str, KdfParams, bytes],
        backup: Backup,
        address: str,
    ) -> None:
        """Replace password and backup in one step; every other log-in ends.

        Args:
            verifier: salt, parameters and auth key of the new password

        Raises: AppError(bad_credentials) when the old one is wrong, AppError(conflict) when the
        backup does not follow the stored one, AppError(weak_kdf), RateLimited
        """
        salt, kdf, new_auth_key = verifier
        require_strong(kdf)
        require_sound(backup)
        account = await self._access.account(principal.user_id)
        key = f"{account.email} {address_key(address)}"
        self._quotas.take("login", key)
        self._quotas.take("password-change", account.user_id)
        if not await self._hasher.verify(auth_key, account.verifier.password_hash):
            raise AppError(ErrorCode.BAD_CREDENTIALS)
        self._quotas.restore("login", key)
        self._quotas.restore("password-change", account.user_id)
        changed = Verifier(salt, kdf, await self._hasher.hash(new_auth_key))
        # A reset may have come first, by the owner of a log-in that was stolen.
        now = await self._access.account(principal.user_id)
        if now.verifier != account.verifier:
            raise AppError(ErrorCode.BAD_CREDENTIALS, "changed meanwhile")
        await self._stores.backups.put_with_verifier(backup, changed)
        await self._logins.end_all(principal.user_id, ENDED, keep=principal.login_id)
        self._codes.post(password_changed(), account.email)

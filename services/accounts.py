"""Accounts: how one comes to be, what its owner may change, how others find it.

register ──▶ pending registration + code ──▶ verify ──▶ account, first log-in
"""

from models.accounts import Account, KdfParams, Preferences, Verifier
from models.codes import PendingCode, Registration
from models.events import AccountAltered, EventSink, Told
from models.ports import Clock, Entropy, PasswordHasher
from models.stores import Stores
from protocol.encoding import b64url
from protocol.errors import AppError, ErrorCode
from protocol.frames import ProfileChanged
from protocol.ids import UserId
from services.access import Access
from services.codes import Attempt, CodeService
from services.hashing import require_strong
from services.logins import Browser, LoginService, Opened
from services.names import parse_display_name, parse_email
from services.quotas import Quotas, address_key

FRIEND_CODE_BYTES = 6


class AccountService:
    """Makes accounts of people who have proven an address, and changes their profile."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        entropy: Entropy,
        sink: EventSink,
        access: Access,
        codes: CodeService,
        logins: LoginService,
        hasher: PasswordHasher,
        quotas: Quotas,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._entropy = entropy
        self._sink = sink
        self._access = access
        self._codes = codes
        self._logins = logins
        self._hasher = hasher
        self._quotas = quotas

    async def register(
        self,
        email: str,
        display_name: str,
        salt: str,
        kdf: KdfParams,
        auth_key: bytes,
        address: str,
    ) -> str:
        """Keep a registration until its address is proven; returns the ticket of the attempt.

        What happens for an address that has an account differs only in the mail (S-04).
        Raises: AppError(bad_request), AppError(weak_kdf), RateLimited, AppError(unavailable)
        """
        email, name = parse_email(email), parse_display_name(display_name)
        require_strong(kdf)
        self._quotas.take("register", address_key(address))
        self._codes.require_quota("verify", email, address)
        password_hash = await self._hasher.hash(auth_key)
        known = await self._stores.accounts.by_email(email)
        registration = Registration(name, salt, kdf.m_kib, kdf.t, kdf.p, password_hash)
        attempt = Attempt("verify", email, address, None, None if known else registration)
        return await self._codes.begin(attempt)

    async def verify(self, email: str, ticket: str | None, code: str, browser: Browser) -> Opened:
        """Make the account whose code this is, and log it in.

        Raises: AppError(bad_code), AppError(code_expired), RateLimited; AppError(conflict) when
        another registration of the same address was proven first
        """
        email = parse_email(email)
        proof = await self._codes.redeem("verify", email, ticket, code, browser.address)
        account = await self._create(proof)
        askers = await self._stores.contacts.fulfil_invites(
            email, account.user_id, self._clock.now_ms()
        )
        for user_id in (*askers, account.user_id):
            self._sink.publish(AccountAltered(user_id))
        return await self._logins.open(account, browser)

    async def change_profile(
        self, user_id: UserId, *, display_name: str | None, preferences: Preferences | None
    ) -> Account:
        """Change what is not None, and tell the person's devices, and of a new name the contacts.

        Contacts hear nothing of preferences: that somebody begins to hide is theirs to hide.
        """
        name = None if display_name is None else parse_display_name(display_name)
        await self._stores.accounts.set_profile(user_id, display_name=name, preferences=preferences)
        contacts = await self._stores.contacts.accepted(user_id) if name else frozenset()
        self._sink.publish(AccountAltered(user_id))
        self._sink.publish(Told((user_id, *sorted(contacts)), ProfileChanged(user=user_id)))
        return await self._access.account(user_id)

    async def find(
        self, user_id: UserId, *, friend_code: str | None, email: str | None
    ) -> Account | None:
        """Find someone by friend code; an address finds nobody, or it would tell who is here.

        Raises: RateLimited; AppError(bad_request) unless exactly one is given
        """
        self._quotas.take("find", user_id)
        require_one(friend_code, email)
        if friend_code is None:
            return None
        return await self._stores.accounts.by_friend_code(friend_code)

    async def _create(self, proof: PendingCode) -> Account:
        if proof.registration is None:
            raise AppError(ErrorCode.BAD_CODE, "nothing to create")
        while True:
            account = self._account(proof.email, proof.registration)
            try:
                await self._stores.accounts.create(account)
            except AppError as error:
                # 48 random bits collide once in a while; a taken address stays taken.
                if error.code is ErrorCode.CONFLICT and error.detail == "friend_code":
                    continue
                raise
            return account

    def _account(self, email: str, registration: Registration) -> Account:
        kdf = KdfParams(registration.m_kib, registration.t, registration.p)
        return Account(
            user_id=UserId(b64url(self._entropy.token(16))),
            email=email,
            display_name=registration.display_name,
            friend_code=self._entropy.token(FRIEND_CODE_BYTES).hex(),
            verifier=Verifier(registration.salt, kdf, registration.password_hash),
            role="user",
            preferences=Preferences(),
            created_ms=self._clock.now_ms(),
        )


def require_one(friend_code: str | None, email: str | None) -> None:
    """Let pass when exactly one way to name a person is used.

    Raises: AppError(bad_request)
    """
    if (friend_code is None) == (email is None):
        raise AppError(ErrorCode.BAD_REQUEST, "friend code or address")

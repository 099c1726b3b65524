"""People: one's own account, others, and finding them."""

from msgspec import structs
from tornado.routing import URLSpec

from handlers.base import BaseHandler
from models.accounts import Account, KdfParams, Preferences
from protocol import bodies
from protocol.ids import UserId
from services.access import Access
from services.accounts import AccountService
from services.logins import LoginService
from services.terms import Terms

USER_ID = r"(?P<user_id>[A-Za-z0-9_-]{21}[AQgw])"


def me(account: Account) -> bodies.Me:
    """Return an account as its owner sees it."""
    return bodies.Me(
        id=account.user_id,
        email=account.email,
        display_name=account.display_name,
        friend_code=account.friend_code,
        role=account.role,
        settings=bodies.Settings(
            read_receipts=account.preferences.read_receipts, presence=account.preferences.presence
        ),
    )


def person(account: Account) -> bodies.Person:
    """Return an account as others see it."""
    return bodies.Person(
        id=account.user_id, display_name=account.display_name, friend_code=account.friend_code
    )


def kdf_params(kdf: bodies.Kdf) -> KdfParams:
    """Return the parameters of a body."""
    return KdfParams(kdf.m_kib, kdf.t, kdf.p)


def kdf_body(kdf: KdfParams) -> bodies.Kdf:
    """Return parameters as a body."""
    return bodies.Kdf(alg="argon2id", m_kib=kdf.m_kib, t=kdf.t, p=kdf.p)


class MeHandler(BaseHandler):
    """One's own account."""

    def initialize(
        self, *, logins: LoginService, accounts: AccountService, access: Access, terms: Terms
    ) -> None:
        self.logins = logins
        self._accounts = accounts
        self._access = access
        self._terms = terms

    async def get(self) -> None:
        self.answer(self._own(await self._access.account(self.principal.user_id)))

    async def patch(self) -> None:
        body = self.read(bodies.PatchMeRequest)
        preferences = None
        if body.settings:
            preferences = Preferences(body.settings.read_receipts, body.settings.presence)
        account = await self._accounts.change_profile(
            self.principal.user_id,
            display_name=body.display_name or None,
            preferences=preferences,
        )
        self.answer(self._own(account))

    def _own(self, account: Account) -> bodies.OwnAccount:
        terms = bodies.ServerTerms(file_bytes=self._terms.file_bytes, links=self._terms.has_links)
        return bodies.OwnAccount(**structs.asdict(me(account)), server=terms)


class UserHandler(BaseHandler):
    """Somebody else."""

    def initialize(self, *, logins: LoginService, access: Access) -> None:
        self.logins = logins
        self._access = access

    async def get(self, user_id: str) -> None:
        self.answer(person(await self._access.person(self.principal.user_id, UserId(user_id))))


class FindHandler(BaseHandler):
    """Finding people."""

    def initialize(self, *, logins: LoginService, accounts: AccountService) -> None:
        self.logins = logins
        self._accounts = accounts

    async def post(self) -> None:
        body = self.read(bodies.FindRequest)
        account = await self._accounts.find(
            self.principal.user_id, friend_code=body.friend_code or None, email=body.email or None
        )
        self.answer(bodies.FindAnswer(user=person(account) if account else None))


def routes(
    *, logins: LoginService, accounts: AccountService, access: Access, terms: Terms
) -> list[URLSpec]:
    """Return the routes of `/api/users`."""
    return [
        URLSpec(
            r"/api/users/me",
            MeHandler,
            {"logins": logins, "accounts": accounts, "access": access, "terms": terms},
        ),
        URLSpec(r"/api/users/find", FindHandler, {"logins": logins, "accounts": accounts}),
        URLSpec(rf"/api/users/{USER_ID}", UserHandler, {"logins": logins, "access": access}),
    ]

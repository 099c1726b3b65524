"""Signing up, logging in and out, passwords, and the list of log-ins."""

import msgspec
from tornado.routing import URLSpec

from handlers import cookies
from handlers.accounts import kdf_body, kdf_params, me
from handlers.backups import to_backup
from handlers.base import BaseHandler
from handlers.security import public
from models.logins import Login
from protocol import bodies, limits
from protocol.encoding import parse_b64url
from protocol.ids import LoginId
from services.accounts import AccountService
from services.codes import CodeService
from services.logins import Browser, LoginService, Opened
from services.passwords import PasswordService
from services.sign_in import Challenge, KnownBrowser, SignInService

KEY_BYTES = 32
LOGIN_ID = r"(?P<login_id>[A-Za-z0-9_-]{21}[AQgw])"
ACCEPTED = 202
BACKUP_BODY_BYTES = 512 * 1024


class AuthHandler(BaseHandler):
    """What the calls of `/api/auth` have in common."""

    def browser(self, label: bodies.DeviceLabel) -> Browser:
        """Return where this call comes from."""
        return Browser(label.name, label.platform, self.address)

    def answer_opened(self, opened: Opened) -> None:
        """Answer with a session and hand over its refresh token."""
        cookies.set_refresh(self, opened.refresh_token)
        self.answer(
            bodies.Session(
                access_token=opened.access_token,
                expires_in_s=limits.ACCESS_TOKEN_TTL_MS // limits.SECOND_MS,
                user=me(opened.account),
                login_id=opened.login_id,
            )
        )


class RegisterHandler(AuthHandler):
    """Asking for an account."""

    def initialize(self, *, accounts: AccountService) -> None:
        self._accounts = accounts

    @public
    async def post(self) -> None:
        body = self.read(bodies.RegisterRequest)
        ticket = await self._accounts.register(
            body.email,
            body.display_name,
            body.salt,
            kdf_params(body.kdf),
            parse_b64url(body.auth_key, KEY_BYTES),
            self.address,
        )
        self.answer(bodies.TicketAnswer(ticket=ticket), ACCEPTED)


class SendOtpHandler(AuthHandler):
    """Asking for a code again."""

    def initialize(self, *, codes: CodeService) -> None:
        self._codes = codes

    @public
    async def post(self) -> None:
        body = self.read(bodies.SendOtpRequest)
        await self._codes.send_again(body.purpose, body.email, body.ticket or None, self.address)
        self.answer(bodies.Empty(), ACCEPTED)


class VerifyOtpHandler(AuthHandler):
    """Handing in a code: of a registration, or of a log-in."""

    def initialize(self, *, accounts: AccountService, sign_in: SignInService) -> None:
        self._finish = {"verify": accounts.verify, "login": sign_in.log_in_with_code}

    @public
    async def post(self) -> None:
        body = self.read(bodies.VerifyOtpRequest)
        self.answer_opened(
            await self._finish[body.purpose](
                body.email, body.ticket or None, body.code, self.browser(body.device)
            )
        )


class PreloginHandler(AuthHandler):
    """Salt and parameters for a password."""

    def initialize(self, *, sign_in: SignInService) -> None:
        self._sign_in = sign_in

    @public
    async def post(self) -> None:
        email = self.read(bodies.PreloginRequest).email
        salt, kdf = await self._sign_in.prelogin(email, self.address)
        self.answer(bodies.PreloginAnswer(salt=salt, kdf=kdf_body(kdf)))


class LoginHandler(AuthHandler):
    """Logging in with a password."""

    def initialize(self, *, sign_in: SignInService) -> None:
        self._sign_in = sign_in

    @public
    async def post(self) -> None:
        body = self.read(bodies.LoginRequest)
        known = None
        if body.device_id and (token := cookies.trust_token(self)):
            known = KnownBrowser(body.device_id, token)
        auth_key = parse_b64url(body.auth_key, KEY_BYTES)
        result = await self._sign_in.log_in(body.email, auth_key, self.browser(body.device), known)
        if isinstance(result, Challenge):
            self.answer(bodies.NextStep(next="otp", ticket=result.ticket))
        else:
            self.answer_opened(result)


class RefreshHandler(AuthHandler):
    """Exchanging the refresh token."""

    def initialize(self, *, sign_in: SignInService) -> None:
        self._sign_in = sign_in

    @public
    async def post(self) -> None:
        self.read(bodies.Empty)
        self.answer_opened(await self._sign_in.refresh(cookies.refresh_token(self), self.address))


class ForgotPasswordHandler(AuthHandler):
    """Asking for a code for a new password."""

    def initialize(self, *, passwords: PasswordService) -> None:
        self._passwords = passwords

    @public
    async def post(self) -> None:
        email = self.read(bodies.ForgotPasswordRequest).email
        ticket = await self._passwords.forget(email, self.address)
        self.answer(bodies.TicketAnswer(ticket=ticket), ACCEPTED)


class ResetPasswordHandler(AuthHandler):
    """Setting a new password with that code."""

    def initialize(self, *, passwords: PasswordService) -> None:
        self._passwords = passwords

    @public
    async def post(self) -> None:
        body = self.read(bodies.ResetPasswordRequest)
        opened = await self._passwords.reset(
            body.email,
            body.ticket,
            body.code,
            body.salt,
            kdf_params(body.kdf),
            parse_b64url(body.auth_key, KEY_BYTES),
            self.browser(body.device),
        )
        self.answer_opened(opened)


class ChangePasswordHandler(AuthHandler):
    """Replacing the password one knows."""

    body_limit_bytes = BACKUP_BODY_BYTES

    def initialize(self, *, logins: LoginService, passwords: PasswordService) -> None:
        self.logins = logins
        self._passwords = passwords

    async def post(self) -> None:
        body = self.read(bodies.ChangePasswordRequest)
        new_auth_key = parse_b64url(body.new_auth_key, KEY_BYTES)
        await self._passwords.change(
            self.principal,
            parse_b64url(body.auth_key, KEY_BYTES),
            (body.new_salt, kdf_params(body.new_kdf), new_auth_key),
            to_backup(self.principal.user_id, body.backup),
            self.address,
        )
        self.answer(bodies.Empty())


class LogoutHandler(AuthHandler):
    """Ending this log-in, or all of them."""

    def initialize(self, *, logins: LoginService, everywhere: bool) -> None:
        self.logins = logins
        self._everywhere = everywhere

    async def post(self) -> None:
        self.read(bodies.Empty)
        if self._everywhere:
            await self.logins.end_all(self.principal.user_id, "logged_out")
        else:
            await self.logins.end(self.principal.user_id, self.principal.login_id, "logged_out")
        cookies.clear_refresh(self)
        self.answer(bodies.Empty())


class LoginsHandler(BaseHandler):
    """The browsers that are logged in."""

    def initialize(self, *, logins: LoginService) -> None:
        self.logins = logins

    async def get(self) -> None:
        found = await self.logins.of_user(self.principal.user_id)
        self.answer(bodies.LoginList(logins=[self._body(login) for login in found]))

    def _body(self, login: Login) -> bodies.Login:
        return bodies.Login(
            login_id=login.login_id,
            device_id=login.device_id,
            device=msgspec.convert(
                {"name": login.device_name, "platform": login.platform}, bodies.DeviceLabel
            ),
            created_ms=login.created_ms,
            last_used_ms=login.last_used_ms,
            address_prefix=login.address_prefix,
            current=login.login_id == self.principal.login_id,
        )


class OneLoginHandler(BaseHandler):
    """One of them."""

    def initialize(self, *, logins: LoginService) -> None:
        self.logins = logins

    async def delete(self, login_id: str) -> None:
        await self.logins.end(self.principal.user_id, LoginId(login_id), "revoked")
        self.answer(bodies.Empty())


def routes(
    *,
    logins: LoginService,
    accounts: AccountService,
    codes: CodeService,
    sign_in: SignInService,
    passwords: PasswordService,
) -> list[URLSpec]:
    """Return the routes of `/api/auth`."""
    both = {"logins": logins}
    return [
        URLSpec(r"/api/auth/register", RegisterHandler, {"accounts": accounts}),
        URLSpec(r"/api/auth/send-otp", SendOtpHandler, {"codes": codes}),
        URLSpec(
            r"/api/auth/verify-otp", VerifyOtpHandler, {"accounts": accounts, "sign_in": sign_in}
        ),
        URLSpec(r"/api/auth/prelogin", PreloginHandler, {"sign_in": sign_in}),
        URLSpec(cookies.TRUST_PATH, LoginHandler, {"sign_in": sign_in}),
        URLSpec(cookies.REFRESH_PATH, RefreshHandler, {"sign_in": sign_in}),
        URLSpec(r"/api/auth/forgot-password", ForgotPasswordHandler, {"passwords": passwords}),
        URLSpec(r"/api/auth/reset-password", ResetPasswordHandler, {"passwords": passwords}),
        URLSpec(
            r"/api/auth/change-password",
            ChangePasswordHandler,
            {"logins": logins, "passwords": passwords},
        ),
        URLSpec(r"/api/auth/logout", LogoutHandler, {"logins": logins, "everywhere": False}),
        URLSpec(r"/api/auth/logout-all", LogoutHandler, {"logins": logins, "everywhere": True}),
        URLSpec(r"/api/auth/logins", LoginsHandler, both),
        URLSpec(rf"/api/auth/logins/{LOGIN_ID}", OneLoginHandler, both),
    ]

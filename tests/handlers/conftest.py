"""People who sign up through the server, as a browser would."""

import asyncio
import http.cookies
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from protocol.encoding import b64url
from tests.harness import Answer, Fetch, MovableClock
from tests.house import Seal, auth_key

LABEL = {"name": "Firefox on Linux", "platform": "web"}
KDF = {"alg": "argon2id", "m_kib": 65_536, "t": 3, "p": 1}
SALT = "A" * 22


@dataclass
class Browser:
    """One browser of one person: its token, its cookies, and what it knows."""

    fetch: Fetch
    outbox: Path
    email: str
    password: str = "a long password"
    cookies: dict[str, http.cookies.Morsel[str]] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session['access_token']}"}

    @property
    def user_id(self) -> str:
        return str(self.session["user"]["id"])

    @property
    def auth_key(self) -> str:
        return b64url(auth_key(self.password))

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Call with the token and with the cookies that belong to the path."""
        sent = self.headers if self.session else {}
        fitting = [m for m in self.cookies.values() if path == m["path"]]
        if fitting:
            sent["Cookie"] = "; ".join(f"{morsel.key}={morsel.value}" for morsel in fitting)
        answer = await self.fetch(method, path, body=body, headers=sent | headers)
        self._keep(answer)
        return answer

    async def code(self) -> str:
        """Return the code in the newest mail."""
        return await newest_code(self.outbox, self.email)

    async def register(self) -> str:
        """Ask for an account; returns the ticket."""
        answer = await self.call("POST", "/api/auth/register", self.registration())
        assert answer.status == 202, answer.text
        return str(answer.json["ticket"])

    def registration(self) -> dict[str, Any]:
        name = self.email.partition("@")[0]
        return {
            "email": self.email,
            "display_name": name,
            "salt": SALT,
            "kdf": KDF,
            "auth_key": self.auth_key,
        }

    async def sign_up(self) -> "Browser":
        ticket = await self.register()
        self.session = await self._prove("verify", ticket)
        return self

    async def log_in(self, **extra: Any) -> Answer:
        body = {"email": self.email, "auth_key": self.auth_key, "device": LABEL} | extra
        answer = await self.call("POST", "/api/auth/login", body)
        if answer.status == 200 and "next" in answer.json:
            self.session = await self._prove("login", answer.json["ticket"])
        elif answer.status == 200:
            self.session = answer.json
        return answer

    async def _prove(self, purpose: str, ticket: str) -> dict[str, Any]:
        body = {
            "email": self.email,
            "purpose": purpose,
            "code": await self.code(),
            "ticket": ticket,
            "device": LABEL,
        }
        answer = await self.call("POST", "/api/auth/verify-otp", body)
        assert answer.status == 200, answer.text
        session: dict[str, Any] = answer.json
        return session

    def _keep(self, answer: Answer) -> None:
        if "set-cookie" in answer.headers:
            for morsel in http.cookies.SimpleCookie(answer.headers["set-cookie"]).values():
                self.cookies[morsel.key] = morsel


async def newest_code(outbox: Path, email: str) -> str:
    """Return the code in the newest mail to an address, once each; waits for it."""
    async with asyncio.timeout(5):
        while True:
            files = sorted(outbox.glob(f"*-{email}.eml"))
            codes = [re.search(r"^Subject: Sealroom: (\d{6})", f.read_text(), re.M) for f in files]
            if files and (found := codes[-1]):
                files[-1].rename(files[-1].with_suffix(".read"))
                return found[1]
            await asyncio.sleep(0.01)


@pytest.fixture
def browser(fetch: Fetch, settings: Settings) -> Any:
    """Make a browser: `browser("an@example.org")`."""
    return lambda email, **more: Browser(fetch, Path(settings.data_dir) / "outbox", email, **more)


@pytest.fixture
async def an(browser: Any) -> Browser:
    """Somebody who has just signed up."""
    signed_up: Browser = await browser("an@example.org").sign_up()
    return signed_up


@pytest.fixture
async def binh(browser: Any) -> Browser:
    """Somebody else who has just signed up."""
    signed_up: Browser = await browser("binh@example.org").sign_up()
    return signed_up


@pytest.fixture
async def seal(an: Browser, clock: MovableClock) -> Seal:
    """The keys of An's account."""
    return Seal(an.user_id, clock.now_ms())

"""The people half of the server on real SQLite: cheap bcrypt, mails in files, events kept."""

import asyncio
import email
import email.policy
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from client.seal.device_list import (
    DeviceEntry,
    DeviceStatus,
    SignedDeviceList,
    first_device_list,
    next_device_list,
)
from client.seal.identity import LocalDevice, enrol_device
from client.seal.keys import AgreementKey, SigningKey
from client.seal.prekeys import sign_one_time_prekey, sign_signed_prekey
from config.secrets import Secrets
from mail.outbox import Outbox
from models.accounts import KdfParams
from models.backups import Backup, Wrap
from models.events import Event, Told
from models.ports import Clock
from models.stores import Stores
from protocol import bodies
from protocol.encoding import b64url, parse_b64url
from protocol.errors import AppError, ErrorCode
from protocol.frames import Frame
from services.access import Access
from services.accounts import AccountService
from services.backups import BackupService
from services.codes import CodeService
from services.contacts import ContactService
from services.devices import DeviceService
from services.downloads import Downloads
from services.grants import Grants
from services.hashing import BcryptHasher
from services.keys import KeyService
from services.links import LinkService
from services.logins import Browser, LoginService, Opened, Principal
from services.notices import Notices
from services.passwords import PasswordService
from services.quotas import TABLE, Quotas, Rate
from services.sign_in import SignInService
from services.system import SystemEntropy
from services.transfers import TransferOptions, TransferService
from storage.blobs.local import LocalBlobStore

CHEAP = 4  # the least cost bcrypt takes
KDF = KdfParams(65_536, 3, 1)
HOME = "192.0.2.1"
BROWSER = Browser("Test", "web", HOME)


class CountingHasher(BcryptHasher):
    """Remembers how often it was used."""

    def __init__(self, *, pepper: bytes, cost: int) -> None:
        super().__init__(pepper=pepper, cost=cost)
        self.calls: list[str] = []

    async def hash(self, auth_key: bytes) -> str:
        self.calls.append("hash")
        return await super().hash(auth_key)

    async def verify(self, auth_key: bytes, stored: str | None) -> bool:
        self.calls.append("verify")
        return await super().verify(auth_key, stored)


class KeptEvents:
    """An EventSink that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def take(self) -> list[Event]:
        taken, self.events = self.events, []
        return taken

    def told(self, user_id: str) -> list[Frame]:
        """Return the frames a user was told, oldest first."""
        return [e.frame for e in self.events if isinstance(e, Told) and user_id in e.users]


@dataclass
class House:
    """Every service of the people half."""

    stores: Stores
    clock: Clock
    secrets: Secrets
    outbox: Path
    rates: Mapping[str, Rate] = field(default_factory=lambda: TABLE)
    options: TransferOptions = field(default_factory=TransferOptions)

    def __post_init__(self) -> None:
        stores, clock, keys = self.stores, self.clock, self.secrets
        entropy = SystemEntropy()
        self.sink = KeptEvents()
        self.quotas = Quotas(clock, self.rates)
        self.mailer = Outbox(self.outbox, clock, sender="Sealroom <sealroom@localhost>")
        self.hasher = CountingHasher(pepper=keys.pepper, cost=CHEAP)
        self.access = Access(stores, clock)
        self.logins = LoginService(
            stores,
            clock,
            entropy,
            self.sink,
            jwt_key=keys.jwt_key,
            refresh_key=keys.refresh_key,
        )
        self.codes = CodeService(
            stores, clock, entropy, self.mailer, self.quotas, code_key=keys.code_key
        )
        self.accounts = AccountService(
            stores,
            clock,
            entropy,
            self.sink,
            self.access,
            self.codes,
            self.logins,
            self.hasher,
            self.quotas,
        )
        self.sign_in = SignInService(
            stores, self.codes, self.logins, self.hasher, self.quotas, salt_key=keys.salt_key
        )
        self.passwords = PasswordService(
            stores, self.access, self.codes, self.logins, self.hasher, self.quotas
        )
        self.devices = DeviceService(
            stores, clock, self.sink, self.access, self.logins, self.quotas
        )
        self.keys = KeyService(stores, clock, self.sink, self.access, self.quotas)
        self.contacts = ContactService(stores, clock, self.sink, self.access, self.quotas)
        self.backups = BackupService(stores)
        self.notices = Notices(
            stores, clock, self.sink, self.mailer, self.quotas, public_url=self.options.public_url
        )
        self.transfers = TransferService(
            stores,
            clock,
            access=self.access,
            contacts=self.contacts,
            notices=self.notices,
            quotas=self.quotas,
            options=self.options,
        )
        self.blobs = LocalBlobStore(self.outbox.parent / "files")
        self.grants = Grants(clock, grant_key=keys.grant_key)
        self.links = LinkService(
            stores,
            clock,
            downloads=Downloads(self.blobs),
            notices=self.notices,
            quotas=self.quotas,
            grants=self.grants,
            is_on=self.options.has_links,
        )

    async def close(self) -> None:
        await self.mailer.close()
        await self.blobs.close()
        self.hasher.close()

    async def mails(self, to: str) -> list[str]:
        """Return the mails of an address as "subject\\nbody", oldest first, none under way."""
        await asyncio.sleep(0)
        if under_way := self.mailer._tasks:
            await asyncio.wait(under_way)
        files = sorted(self.outbox.glob(f"*-{to}.eml"))
        return [_text(file.read_bytes()) for file in files]

    async def code(self, to: str) -> str:
        """Return the code in the newest mail of an address."""
        found = re.search(r"\d{6}", (await self.mails(to))[-1])
        assert found, "no code in the newest mail"
        return found[0]

    async def register(self, email_: str, **changes: Any) -> str:
        """Ask for an account; the auth key is that of `auth_key(email)`. Returns the ticket."""
        wanted: dict[str, Any] = {
            "display_name": email_.partition("@")[0],
            "salt": b64url(secrets.token_bytes(16)),
            "kdf": KDF,
            "auth_key": auth_key(email_),
            "address": HOME,
        }
        return await self.accounts.register(email_, **(wanted | changes))

    async def sign_up(self, email_: str) -> Opened:
        """Make an account and log it in."""
        ticket = await self.register(email_)
        opened = await self.accounts.verify(email_, ticket, await self.code(email_), BROWSER)
        self.sink.take()
        return opened

    async def principal(self, opened: Opened) -> Principal:
        return await self.logins.principal(opened.access_token)

    async def enrol(self, opened: Opened, seal: "Seal") -> Principal:
        """Enrol a device of `seal` for a log-in."""
        await self.devices.enrol(await self.principal(opened), seal.enrolment(), None)
        return await self.principal(opened)

    async def befriend(self, one: str, other: str) -> None:
        now_ms = self.clock.now_ms()
        await self.stores.contacts.request(one, other, now_ms)  # type: ignore[arg-type]
        await self.stores.contacts.accept(other, one)  # type: ignore[arg-type]


async def refused(code: ErrorCode, call: Awaitable[Any]) -> None:
    """Await what has to be refused with this code."""
    with pytest.raises(AppError) as caught:
        await call
    assert caught.value.code is code


async def until_refused(code: ErrorCode, call: Callable[[], Awaitable[Any]]) -> int:
    """Repeat a call until it is refused with this code; returns how often it was not."""
    for done in range(1_000):
        try:
            await call()
        except AppError as error:
            if error.code is code:
                return done
    raise AssertionError(f"never refused with {code}")


def auth_key(word: str) -> bytes:
    """Return what a browser derives from a password, without the work."""
    return word.encode().ljust(32, b"\0")[:32]


def backup(user_id: str, version: int = 1, **changes: Any) -> Backup:
    """Return a backup of the right form, opened by password and by recovery code."""
    wraps = (Wrap("password", "AAAA", KDF, "A" * 22), Wrap("recovery", "BBBB"))
    values = {"brk_id": "C" * 21 + "A", "wraps": wraps, "identity": "DDDD"} | changes
    return Backup(user_id=user_id, version=version, **values)  # type: ignore[arg-type]


class Seal:
    """An account's keys, by the reference client: what it signs, the server has to accept."""

    def __init__(self, user_id: str, now_ms: int) -> None:
        self.user_id = user_id
        self.now_ms = now_ms
        self.account_key = SigningKey.generate()
        self.newest: SignedDeviceList | None = None
        self.entries: list[DeviceEntry] = []
        self.devices: list[LocalDevice] = []

    @property
    def user(self) -> bytes:
        return parse_b64url(self.user_id, 16)

    def new_device(self) -> LocalDevice:
        device = enrol_device(self.account_key, self.user, secrets.token_bytes(16), self.now_ms)
        self.devices.append(device)
        self.entries.append(self.entry(device))
        return device

    def entry(self, device: LocalDevice, status: DeviceStatus = DeviceStatus.ACTIVE) -> DeviceEntry:
        return DeviceEntry(device.device_id, device.certificate.hash, status, self.now_ms)

    def revoke(self, device: LocalDevice) -> None:
        self.entries = [
            self.entry(device, DeviceStatus.REVOKED) if e.device_id == device.device_id else e
            for e in self.entries
        ]

    def sign_list(self) -> bodies.SignedList:
        """Sign the entries as the next version, which becomes the newest."""
        if self.newest is None:
            self.newest = first_device_list(self.account_key, self.user, self.entries, self.now_ms)
        else:
            self.newest = next_device_list(self.account_key, self.newest, self.entries, self.now_ms)
        return self.wire_list(self.newest)

    def wire_list(self, signed: SignedDeviceList) -> bodies.SignedList:
        version = signed.verify(self.account_key.public, self.user).version
        return body(
            bodies.SignedList,
            version=version,
            devlist=b64url(signed.body),
            sig=b64url(signed.signature),
        )

    def enrolment(self, **changes: Any) -> bodies.EnrolRequest:
        """Return the request by which a new device joins."""
        device = self.new_device()
        wanted: dict[str, Any] = {
            "aik": b64url(self.account_key.public),
            "certificate": certificate(device),
            "list": self.sign_list(),
            "spk": spk(device, 1, self.now_ms),
            "opks": [opk(device, number) for number in range(1, 6)],
        }
        return body(bodies.EnrolRequest, **(wanted | changes))


def certificate(device: LocalDevice) -> bodies.Certificate:
    signed = device.certificate
    return body(
        bodies.Certificate,
        device_id=b64url(device.device_id),
        cert=b64url(signed.body),
        sig_a=b64url(signed.account_signature),
        sig_p=b64url(signed.possession_signature),
    )


def spk(device: LocalDevice, number: int, now_ms: int) -> bodies.SignedPrekey:
    signed = sign_signed_prekey(device, number, AgreementKey.generate(), now_ms)
    return body(
        bodies.SignedPrekey,
        id=signed.id,
        pub=b64url(signed.public),
        created_ms=signed.created_at_ms,
        expires_ms=signed.expires_at_ms,
        sig=b64url(signed.signature),
    )


def opk(device: LocalDevice, number: int) -> bodies.OneTimePrekey:
    signed = sign_one_time_prekey(device, number, AgreementKey.generate())
    return body(
        bodies.OneTimePrekey,
        id=signed.id,
        pub=b64url(signed.public),
        sig=b64url(signed.signature),
    )


def body(kind: type[Any], /, **fields: Any) -> Any:
    """Return a wire struct, checked as if it had come over the network."""
    return msgspec.json.decode(msgspec.json.encode(kind(**fields)), type=kind)


def _text(mail: bytes) -> str:
    message = email.message_from_bytes(mail, policy=email.policy.default)
    return f"{message['Subject']}\n{message.get_content()}"

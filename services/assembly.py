"""All services of one process, made in the order in which they need each other.

Adapters come in as ports and keys as bytes, so that the composition root has only those to name.
"""

from dataclasses import dataclass
from typing import Protocol

from models.blobs import BlobStore
from models.events import (
    AccountAltered,
    Bus,
    DevicesAltered,
    EventsLost,
    LoginsEnded,
    PeopleAsked,
    PeopleHere,
    ProcessGone,
    RoomAltered,
)
from models.ports import Clock, Entropy, Mailer, PasswordHasher
from models.stores import Stores
from services.access import Access
from services.accounts import AccountService
from services.backups import BackupService
from services.codes import CodeService
from services.contacts import ContactService
from services.devices import DeviceService
from services.files import FileLimits, FileService
from services.grants import Grants
from services.keys import KeyService
from services.logins import LoginService
from services.messages import MessageService
from services.passwords import PasswordService
from services.presence import PresenceService
from services.quotas import Quotas
from services.rooms import RoomService
from services.rosters import Rosters
from services.sign_in import SignInService
from services.typing import TypingService
from services.watermarks import WatermarkService


class Keys(Protocol):
    """The server's keys, 32 bytes each."""

    @property
    def jwt_key(self) -> bytes: ...
    @property
    def code_key(self) -> bytes: ...
    @property
    def salt_key(self) -> bytes: ...
    @property
    def refresh_key(self) -> bytes: ...
    @property
    def frank_key(self) -> bytes: ...
    @property
    def grant_key(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that decides."""

    access: Access
    accounts: AccountService
    backups: BackupService
    codes: CodeService
    contacts: ContactService
    devices: DeviceService
    files: FileService
    keys: KeyService
    logins: LoginService
    messages: MessageService
    passwords: PasswordService
    presence: PresenceService
    quotas: Quotas
    rooms: RoomService
    sign_in: SignInService
    typing: TypingService
    watermarks: WatermarkService


def assemble(
    stores: Stores,
    clock: Clock,
    entropy: Entropy,
    bus: Bus,
    mailer: Mailer,
    hasher: PasswordHasher,
    blobs: BlobStore,
    *,
    quotas: Quotas,
    secrets: Keys,
    file_limits: FileLimits,
) -> Services:
    """Make every service and subscribe those that remember something."""
    access = Access(stores, clock)
    rosters = Rosters(stores, clock)
    codes = CodeService(stores, clock, entropy, mailer, quotas, code_key=secrets.code_key)
    logins = LoginService(
        stores, clock, entropy, bus, jwt_key=secrets.jwt_key, refresh_key=secrets.refresh_key
    )
    presence = PresenceService(stores, clock, bus)
    bus.subscribe(LoginsEnded, lambda event: logins.forget(event.login_ids))
    bus.subscribe(RoomAltered, rosters.forget_room)
    bus.subscribe(DevicesAltered, rosters.forget_person)
    bus.subscribe(AccountAltered, rosters.forget_person)
    bus.subscribe(AccountAltered, presence.forget_person)
    bus.subscribe(EventsLost, rosters.forget_all)
    bus.subscribe(EventsLost, logins.forget_all)
    bus.subscribe(EventsLost, presence.ask)
    bus.subscribe(PeopleAsked, presence.answer)
    bus.subscribe(PeopleHere, presence.heard)
    bus.subscribe(ProcessGone, presence.process_gone)
    return Services(
        access=access,
        accounts=AccountService(stores, clock, entropy, bus, access, codes, logins, hasher, quotas),
        backups=BackupService(stores),
        codes=codes,
        contacts=ContactService(stores, clock, bus, access, quotas),
        devices=DeviceService(stores, clock, bus, access, logins, quotas),
        files=FileService(
            stores,
            blobs,
            clock,
            access=access,
            quotas=quotas,
            grants=Grants(clock, grant_key=secrets.grant_key),
            limits=file_limits,
        ),
        keys=KeyService(stores, clock, bus, access, quotas),
        logins=logins,
        messages=MessageService(
            stores,
            clock,
            bus,
            access=access,
            rosters=rosters,
            quotas=quotas,
            frank_key=secrets.frank_key,
        ),
        passwords=PasswordService(stores, access, codes, logins, hasher, quotas),
        presence=presence,
        quotas=quotas,
        rooms=RoomService(stores, clock, bus, access=access, quotas=quotas),
        sign_in=SignInService(stores, codes, logins, hasher, quotas, salt_key=secrets.salt_key),
        typing=TypingService(bus, rosters),
        watermarks=WatermarkService(stores, bus, rosters),
    )

"""All services of one process, made in the order in which they need each other.

Adapters come in as ports and keys as bytes, so that the composition root has only those to name.
"""

from dataclasses import dataclass
from typing import Protocol

from models.blobs import BlobStore, PartAddresses
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
from services.downloads import Downloads
from services.file_addresses import FileAddressService
from services.files import FileLimits, FileService
from services.grants import Grants
from services.keys import KeyService
from services.links import LinkService
from services.logins import LoginService
from services.messages import MessageService
from services.notices import Notices
from services.passwords import PasswordService
from services.presence import PresenceService
from services.quotas import Quotas
from services.rooms import RoomService
from services.rosters import Rosters
from services.sign_in import SignInService
from services.terms import Terms
from services.transfers import TransferOptions, TransferService
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
    file_addresses: FileAddressService
    files: FileService
    keys: KeyService
    links: LinkService
    logins: LoginService
    messages: MessageService
    notices: Notices
    passwords: PasswordService
    presence: PresenceService
    quotas: Quotas
    rooms: RoomService
    sign_in: SignInService
    terms: Terms
    transfers: TransferService
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
    addresses: PartAddresses | None = None,
    *,
    quotas: Quotas,
    secrets: Keys,
    file_limits: FileLimits,
    transfer_options: TransferOptions,
) -> Services:
    """Make every service and subscribe those that remember something.

    Args:
        addresses: of the blobs, when clients may reach them themselves.
    """
    access = Access(stores, clock)
    rosters = Rosters(stores, clock)
    codes = CodeService(stores, clock, entropy, mailer, quotas, code_key=secrets.code_key)
    logins = LoginService(
        stores, clock, entropy, bus, jwt_key=secrets.jwt_key, refresh_key=secrets.refresh_key
    )
    contacts = ContactService(stores, clock, bus, access, quotas)
    downloads, grants = Downloads(blobs), Grants(clock, grant_key=secrets.grant_key)
    notices = Notices(stores, clock, bus, mailer, quotas, public_url=transfer_options.public_url)
    presence = PresenceService(stores, clock, bus)
    files = FileService(
        stores,
        blobs,
        clock,
        access=access,
        quotas=quotas,
        grants=grants,
        downloads=downloads,
        limits=file_limits,
        is_direct=addresses is not None,
    )
    links = LinkService(
        stores,
        clock,
        downloads=downloads,
        notices=notices,
        quotas=quotas,
        grants=grants,
        is_on=transfer_options.has_links,
        is_direct=addresses is not None,
    )
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
        contacts=contacts,
        devices=DeviceService(stores, clock, bus, access, logins, quotas),
        file_addresses=FileAddressService(stores, clock, addresses, files=files, links=links),
        files=files,
        keys=KeyService(stores, clock, bus, access, quotas),
        links=links,
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
        notices=notices,
        passwords=PasswordService(stores, access, codes, logins, hasher, quotas),
        presence=presence,
        quotas=quotas,
        rooms=RoomService(stores, clock, bus, access=access, quotas=quotas),
        sign_in=SignInService(stores, codes, logins, hasher, quotas, salt_key=secrets.salt_key),
        terms=Terms(file_limits.file_bytes, transfer_options.has_links),
        transfers=TransferService(
            stores,
            clock,
            access=access,
            contacts=contacts,
            notices=notices,
            quotas=quotas,
            options=transfer_options,
        ),
        typing=TypingService(bus, rosters),
        watermarks=WatermarkService(stores, bus, rosters),
    )

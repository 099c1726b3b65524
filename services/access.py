"""The only door from an id to a thing on behalf of a person.

What is not theirs and what is not there raise the same `not_found`.
"""

import asyncio
from collections.abc import Iterable

from models.accounts import Account
from models.contacts import Contact
from models.files import File
from models.keys import Target
from models.ports import Clock
from models.rooms import Room
from models.stores import Stores
from models.transfers import Transfer
from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId, RoomId, TransferId, UserId
from services import signatures
from services.grants import Purpose
from services.logins import Principal

READS_IN_A_ROW = 32  # point reads run on the event loop; a thousand at once would hold it up


class Access:
    """Guards: each returns the thing, or raises."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock

    async def room(self, user_id: UserId, room_id: RoomId) -> Room:
        """Return a live room the user is in.

        Raises: AppError(not_found)
        """
        room = await self._stores.rooms.by_id(room_id, self._clock.now_ms())
        if room is None or not room.has_member(user_id):
            raise AppError(ErrorCode.NOT_FOUND, "room")
        return room

    async def require_contact(self, user_id: UserId, other: UserId) -> None:
        """Let accepted contacts pass of whom neither blocked the other.

        Raises: AppError(not_contact)
        """
        if await self._stores.contacts.state(user_id, other) != "accepted":
            raise AppError(ErrorCode.NOT_CONTACT)
        if await self._stores.contacts.is_blocked(user_id, other):
            raise AppError(ErrorCode.NOT_CONTACT, "blocked")

    async def contact(self, user_id: UserId, other: UserId) -> Contact:
        """Return a relation the user may see.

        A request made by address hides the account behind it until it is accepted.
        Raises: AppError(not_found)
        """
        for contact in await self._stores.contacts.of_user(user_id):
            if contact.other == other and contact.by_email is None:
                return contact
        raise AppError(ErrorCode.NOT_FOUND, "contact")

    async def person(self, user_id: UserId, other: UserId) -> Account:
        """Return the account of oneself, of a visible contact, or of someone in a shared live room.

        Raises: AppError(not_found)
        """
        if other != user_id and not await self._are_acquainted(user_id, other):
            raise AppError(ErrorCode.NOT_FOUND, "person")
        return await self.account(other)

    async def account(self, user_id: UserId) -> Account:
        """Return the account of an id that the server itself gave to the caller.

        Raises: AppError(not_found)
        """
        account = await self._stores.accounts.by_id(user_id)
        if account is None:
            raise AppError(ErrorCode.NOT_FOUND, "account")
        return account

    async def accounts(self, user_ids: Iterable[UserId]) -> list[Account]:
        """Return the accounts of ids that the server itself gave to the caller, in their order.

        Raises: AppError(not_found)
        """
        found = []
        for number, user_id in enumerate(user_ids, 1):
            found.append(await self.account(user_id))
            if number % READS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        return found

    async def sent_transfer(self, user_id: UserId, transfer_id: TransferId) -> Transfer:
        """Return a live transfer of one's own, a draft too.

        Raises: AppError(not_found)
        """
        transfer = await self._stores.transfers.by_id(transfer_id, self._clock.now_ms())
        if transfer is None or transfer.sender != user_id:
            raise AppError(ErrorCode.NOT_FOUND, "transfer")
        return transfer

    async def received_transfer(self, user_id: UserId, transfer_id: TransferId) -> Transfer:
        """Return an open transfer for the user or their address; of a block nothing comes through.

        Raises: AppError(not_found)
        """
        transfer = await self._stores.transfers.by_id(transfer_id, self._clock.now_ms())
        if transfer is None or not await self._is_shown(user_id, transfer):
            raise AppError(ErrorCode.NOT_FOUND, "transfer")
        return transfer

    async def sealed_transfer(self, user_id: UserId, transfer_id: TransferId) -> Transfer:
        """Return an open transfer whose heads are there for the user.

        Raises: AppError(not_found)
        """
        transfer = await self.received_transfer(user_id, transfer_id)
        if transfer.recipient != user_id or not transfer.is_sealed:
            raise AppError(ErrorCode.NOT_FOUND, "heads")
        return transfer

    async def file(self, user_id: UserId, file_id: FileId, purpose: Purpose) -> File:
        """Return a file to put to, which is one's own, or one to get, which is whole.

        Getting is for who is in its room, or for whom its transfer is sealed.
        Raises: AppError(not_found)
        """
        file = await self._stores.files.by_id(file_id, self._clock.now_ms())
        if file is None or not await self._is_theirs(user_id, file, purpose):
            raise AppError(ErrorCode.NOT_FOUND, "file")
        return file

    async def may_have_keys(self, user_id: UserId, other: UserId) -> bool:
        """Whether the user may see the devices of `other`: oneself, contacts, shared live rooms."""
        return (
            other == user_id
            or await self._stores.contacts.state(user_id, other) == "accepted"
            or other in await self._roommates(user_id)
        )

    async def may_claim_keys(self, user_id: UserId, other: UserId) -> bool:
        """As `may_have_keys`, but not across a block: prekeys are there to be talked to."""
        return await self.may_have_keys(
            user_id, other
        ) and not await self._stores.contacts.is_blocked(user_id, other)

    async def device(self, principal: Principal) -> Target:
        """Return the device that asks, as long as its account's newest list has it as active.

        Raises: AppError(not_enrolled)
        """
        user_id, device_id = principal.user_id, principal.require_device()
        active = await self._stores.devices.active(frozenset({user_id}))
        if user_id not in active or device_id not in active[user_id].devices:
            raise AppError(ErrorCode.NOT_ENROLLED)
        return Target(user_id, device_id)

    async def signing_key(self, device: Target) -> bytes:
        """Return the key with which a device that is active signs."""
        devices = await self._stores.devices.devices(device.user_id)
        cert = next(known.cert for known in devices if known.device_id == device.device_id)
        return signatures.signing_key_of(cert)

    async def audience(self, user_id: UserId) -> tuple[UserId, ...]:
        """Return who has to hear about a user's devices: themselves, contacts, roommates."""
        contacts = await self._stores.contacts.accepted(user_id)
        return (user_id, *sorted((contacts | await self._roommates(user_id)) - {user_id}))

    async def _is_shown(self, user_id: UserId, transfer: Transfer) -> bool:
        if transfer.state != "open" or transfer.is_hidden:
            return False
        is_for = transfer.recipient == user_id
        if transfer.recipient is None and transfer.email is not None:
            is_for = (await self.account(user_id)).email == transfer.email
        return is_for and not await self._stores.contacts.is_blocked(user_id, transfer.sender)

    async def _is_theirs(self, user_id: UserId, file: File, purpose: Purpose) -> bool:
        """Raises: AppError(not_found) when not even the room or transfer is theirs to see."""
        if file.room_id is not None:
            await self.room(user_id, file.room_id)
        if purpose == "put":
            return file.owner == user_id
        if file.transfer_id is not None:
            transfer = await self.sealed_transfer(user_id, file.transfer_id)
            return transfer.has_file(file.file_id)
        return file.state == "committed"

    async def _are_acquainted(self, user_id: UserId, other: UserId) -> bool:
        try:
            await self.contact(user_id, other)
        except AppError:
            return other in await self._roommates(user_id)
        return True

    async def _roommates(self, user_id: UserId) -> frozenset[UserId]:
        rooms = await self._stores.rooms.of_user(user_id, self._clock.now_ms())
        return frozenset(member.user_id for room in rooms for member in room.members)

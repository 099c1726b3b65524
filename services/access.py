"""The only door from an id to a thing on behalf of a person.

What is not theirs and what is not there raise the same `not_found`.
"""

from models.accounts import Account
from models.contacts import Contact
from models.keys import Target
from models.ports import Clock
from models.rooms import Room
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.ids import RoomId, UserId
from services import signatures
from services.logins import Principal


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

    async def _are_acquainted(self, user_id: UserId, other: UserId) -> bool:
        try:
            await self.contact(user_id, other)
        except AppError:
            return other in await self._roommates(user_id)
        return True

    async def _roommates(self, user_id: UserId) -> frozenset[UserId]:
        rooms = await self._stores.rooms.of_user(user_id, self._clock.now_ms())
        return frozenset(member.user_id for room in rooms for member in room.members)

"""Parts that clients send to the store themselves, and fetch there (S-44).

    put grant ─▶ to_put ─▶ the client puts ─▶ arrived        get grant, or a link's ─▶ to_get

The hash of a part is noted before its address is given, so a part has one key only and nobody can
store more than was announced; it counts as here when the store says that it has come. An address
cannot be taken back: what is put after its file has ended is an orphan, which a sweep finds.
"""

from models.blobs import PartAddress, PartAddresses
from models.files import File
from models.ports import Clock
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId, TransferId
from services.files import FileService
from services.links import LinkService
from services.logins import Principal


class FileAddressService:
    """Use cases of addresses; `addresses` is None where every part goes through the server."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        addresses: PartAddresses | None,
        *,
        files: FileService,
        links: LinkService,
    ) -> None:
        self._store = stores.files
        self._clock = clock
        self._addresses = addresses
        self._files = files
        self._links = links

    async def to_put(
        self, principal: Principal, file_id: FileId, number: int, token: str, digest: bytes
    ) -> PartAddress:
        """Return where a part with this SHA-256 can be put, and expect it.

        Raises: what `FileService.for_part` raises; AppError(conflict) when the part is here or
        expected with another hash; AppError(not_found) also where this is off
        """
        addresses = self._require_on()
        file = await self._files.for_part(principal, file_id, number, token)
        if not await self._store.expect_part(file_id, number, digest, self._clock.now_ms()):
            raise AppError(ErrorCode.NOT_FOUND, "file")
        return await addresses.to_put(file_id, number, digest, file.part_bytes(number))

    async def arrived(
        self, principal: Principal, file_id: FileId, number: int, token: str, digest: bytes
    ) -> None:
        """Note that a part is here, once the store says so; twice is once.

        Raises: what `to_put` raises; AppError(bad_part) when it has not come;
        AppError(unavailable)
        """
        addresses = self._require_on()
        file = await self._files.for_part(principal, file_id, number, token)
        if not await addresses.has_come(file_id, number, digest, file.part_bytes(number)):
            raise AppError(ErrorCode.BAD_PART, "not there")
        if not await self._store.add_part(file_id, number, digest, self._clock.now_ms()):
            raise AppError(ErrorCode.NOT_FOUND, "file")

    async def to_get(
        self, principal: Principal, file_id: FileId, number: int, token: str
    ) -> PartAddress:
        """Return where a part of a whole file can be read.

        Raises: what `FileService.readable` raises; AppError(bad_range) when it has no such part;
        AppError(not_found) also where this is off
        """
        self._require_on()
        return await self._of(await self._files.readable(principal, file_id, token), number)

    async def to_get_by_link(
        self, transfer_id: TransferId, file_id: FileId, number: int, token: str, address: str
    ) -> PartAddress:
        """Return where a part of a file of a link can be read.

        Raises: what `LinkService.readable` raises; the rest as `to_get`
        """
        self._require_on()
        file = await self._links.readable(transfer_id, file_id, token, address)
        return await self._of(file, number)

    async def _of(self, file: File, number: int) -> PartAddress:
        if number >= file.parts:
            raise AppError(ErrorCode.BAD_RANGE, "number")
        return await self._require_on().to_get(file.file_id, number, file.part_digest(number))

    def _require_on(self) -> PartAddresses:
        if self._addresses is None:
            raise AppError(ErrorCode.NOT_FOUND, "parts go through the server")
        return self._addresses

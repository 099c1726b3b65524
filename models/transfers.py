"""Transfers: files for a person, for an address, or for whoever has a link (S3-15, SEAL1 §4.13).

    begin ──▶ draft ── every file whole ──▶ open ──▶ open to other people ──▶ ended ──▶ forgotten
                └─ a day after its uploads ────────────────────────────────────▲

    person    the account is known from the start; its devices get heads (docs/crypto.md §11)
    address   a link for the time being; whoever has the address accepts, then heads are added
    link      whoever has the secret

Its files belong to it as those of a room belong to the room: they live as long as it does, and go
with the next sweep. The server knows neither names nor keys: heads and manifest are ciphertext.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from protocol.frames import Sealed
from protocol.ids import FileId, TransferId, UserId
from protocol.limits import FILE_PENDING_TTL_MS

Kind = Literal["person", "address", "link"]


@dataclass(frozen=True, slots=True)
class Link:
    """`auth_hash` is H(auth), 32 bytes; `manifest` the ciphertext that the secret opens."""

    auth_hash: bytes = field(repr=False)
    manifest: Sealed
    has_passphrase: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    """`recipient` is the person it is for; with an address, whoever accepted it.

    `files` stand with their sizes of ciphertext, in bytes, in the order of the heads.
    `is_hidden` says that whoever has the address does not want it.
    `expires_ms` of a draft is what it would be if it were opened when it began: its life counts
    from `opened_ms`, and a slow upload takes nothing of it.
    `mail_due_ms` is when the mail about an open one may be sent; None when there is none to send.
    """

    transfer_id: TransferId
    sender: UserId
    kind: Kind
    created_ms: int
    expires_ms: int
    recipient: UserId | None = None
    email: str | None = None
    max_downloads: int | None = None
    state: Literal["draft", "open"] = "draft"
    files: tuple[tuple[FileId, int], ...] = ()
    link: Link | None = None
    is_sealed: bool = False
    is_hidden: bool = False
    downloads: int = 0
    downloaded_ms: int | None = None
    opened_ms: int | None = None
    mail_due_ms: int | None = None

    @property
    def lives_ms(self) -> int:
        """How long it lives once it is open."""
        return self.expires_ms - (self.created_ms if self.opened_ms is None else self.opened_ms)

    @property
    def ends_ms(self) -> int:
        """When nobody finds it any more, unless it is ended sooner, or parts of its files come."""
        if self.state == "open":
            return self.expires_ms
        return self.created_ms + FILE_PENDING_TTL_MS

    @property
    def downloads_left(self) -> int | None:
        """None without a limit."""
        return None if self.max_downloads is None else max(self.max_downloads - self.downloads, 0)

    @property
    def is_unheard_of(self) -> bool:
        """Whether whoever it is for may not know of it yet: nobody took or declined any of it."""
        return not (self.is_accepted or self.is_hidden or self.downloads)

    @property
    def state_for_recipient(self) -> Literal["offered", "accepted", "sealed"]:
        """What whoever an open one is for can do: accept it, wait for its sender, or open it."""
        if self.is_sealed:
            return "sealed"
        return "offered" if self.recipient is None else "accepted"

    def has_file(self, file_id: FileId) -> bool:
        """Whether a file was sent with it; a draft has none yet."""
        return any(file_id == known for known, _ in self.files)

    def is_alike(self, other: "Transfer") -> bool:
        """Whether the two were announced alike, at whatever time."""
        return self._announced == other._announced

    @property
    def is_accepted(self) -> bool:
        """Whether it went to an address, and somebody who has that address took it."""
        return self.kind == "address" and self.recipient is not None

    def is_opened_with(
        self,
        files: tuple[FileId, ...],
        heads: tuple[Sealed, ...],
        link: Link | None,
        kept_heads: list[Sealed],
    ) -> bool:
        """Whether an open transfer was opened with this; `kept_heads` are those it has now.

        Those of whoever accepted came later.
        """
        opened_heads = kept_heads if self.kind == "person" else []
        there = tuple(file_id for file_id, _ in self.files), opened_heads, self.link
        return there == (files, list(heads), link)

    @property
    def _announced(self) -> tuple[object, ...]:
        whom = self.recipient if self.kind == "person" else self.email
        return self.transfer_id, self.sender, self.kind, whom, self.lives_ms, self.max_downloads


def newest_first(transfers: Iterable[Transfer]) -> list[Transfer]:
    """Return them as lists have them."""
    return sorted(transfers, key=lambda each: (-each.created_ms, each.transfer_id))


class TransferStore(Protocol):
    """A draft lives for FILE_PENDING_TTL_MS, and as long as a file of it is uploaded (`files`).

    An open transfer lives until `expires_ms`.

    Lists leave the manifests of links out: "" stands in their place.
    """

    async def begin(self, transfer: Transfer, most: int, now_ms: int) -> Transfer:
        """Add a draft, or return the live transfer that its sender began alike.

        Atomicity: nobody has more than `most` live ones, however many calls run at once.
        Raises: AppError(quota_full); AppError(conflict) when there is a record of another transfer
        with this id, or of one that has ended, or of its files.
        """
        ...

    async def by_id(self, transfer_id: TransferId, now_ms: int) -> Transfer | None:
        """Return a live transfer."""
        ...

    async def open(
        self,
        transfer_id: TransferId,
        files: tuple[FileId, ...],
        heads: tuple[Sealed, ...],
        link: Link | None,
        now_ms: int,
        *,
        mail_due_ms: int | None = None,
    ) -> Transfer | None:
        """Make a draft visible, for `lives_ms` from now; the same again changes nothing.

        `files` are distinct. Others that were begun for it live as long, and are none of it.

        Returns: the transfer; None when it is not live.
        Atomicity: all or nothing, when its mail is due too.
        Raises: AppError(incomplete) unless every file is whole and belongs to it;
        AppError(conflict) when it is open with other contents
        """
        ...

    async def accept(self, transfer_id: TransferId, user_id: UserId, now_ms: int) -> bool:
        """Say who gets a transfer to an address; True also when it was the same person before.

        Returns: False when it is not live, not open, not to an address, hidden, or somebody else's
        already.
        """
        ...

    async def seal(self, transfer_id: TransferId, heads: tuple[Sealed, ...], now_ms: int) -> bool:
        """Add the heads for whoever accepted; one for each file. A second call changes nothing.

        Returns: False when it is not live or nobody accepted it.
        Raises: AppError(bad_request) when there are more or fewer than files
        """
        ...

    async def heads(self, transfer_id: TransferId) -> list[Sealed]:
        """Return the heads in the order of the files; [] before they are there."""
        ...

    async def sent(self, user_id: UserId, now_ms: int) -> list[Transfer]:
        """Return one's own live ones, drafts too, newest first."""
        ...

    async def received(
        self, user_id: UserId, email: str, blocked: Collection[UserId], now_ms: int
    ) -> list[Transfer]:
        """Return the open ones for a person or for their address, newest first.

        Those that somebody else accepted, that are hidden, or whose sender is blocked are not here;
        and of those for the person only the newest TRANSFERS_SHOWN, of the offers as many: what
        strangers send to an address takes the place of nothing that contacts have sent.
        """
        ...

    async def take_download(self, transfer_id: TransferId, holder: str, now_ms: int) -> bool:
        """Count a download; once for each holder (a device, or one download by link).

        Without a limit the first TRANSFER_DOWNLOADS holders are told apart, and further ones are
        counted at each call.

        Returns: False when it is not live or not open.
        Atomicity: the limit holds however many calls run at once.
        Raises: AppError(used_up)
        """
        ...

    async def note_downloaded(self, transfer_id: TransferId, now_ms: int) -> bool:
        """Note when all of it was first said to be there.

        Returns: False when it was noted before, is not live or not open.
        """
        ...

    async def mails_due(self, now_ms: int, most: int) -> list[Transfer]:
        """Return live ones whose mail is due, at most so many, the longest due first."""
        ...

    async def claim_mail(self, transfer_id: TransferId, due_ms: int, until_ms: int) -> bool:
        """Let a mail that is due at `due_ms` be due at `until_ms`, another time.

        Returns: False when it is not due at that time any more.
        Atomicity: of many that claim it for one time, one succeeds.
        """
        ...

    async def settle_mail(self, transfer_id: TransferId) -> None:
        """Note that there is no mail to send any more."""
        ...

    async def hide(self, transfer_id: TransferId) -> None:
        """Take a transfer to an address out of sight of whoever has the address; for good."""
        ...

    async def end(self, transfer_id: TransferId) -> bool:
        """End a transfer now, so that nobody finds it or its files; False when there is none.

        Atomicity: nobody finds one of them without the other.
        """
        ...

    async def of_sender(self, user_id: UserId) -> list[TransferId]:
        """Return all that have not ended, for an operator who ends them."""
        ...

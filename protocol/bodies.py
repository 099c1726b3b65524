"""HTTP bodies of `/api`: requests are checked by these structs, answers are made of them.

The OpenAPI document is generated from this file and the route table, so a field that is not here
does not exist. Unknown keys are ignored; times are integer milliseconds UTC; bytes are base64url.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from protocol import limits
from protocol.frames import (
    Hash,
    KeyId,
    Message,
    Millis,
    Point,
    Sealed,
    SendBody,
    Seq,
    base64_chars,
)
from protocol.ids import (
    ID16_PATTERN,
    WireClaimId,
    WireDeviceId,
    WireDownloadId,
    WireFileId,
    WireLoginId,
    WireMsgId,
    WireRoomId,
    WireTransferId,
    WireUserId,
)

Email = Annotated[
    str, Meta(min_length=3, max_length=limits.EMAIL_CHARS, pattern=r"^[^\s@]+@[^\s@]+$")
]
DisplayName = Annotated[str, Meta(min_length=1, max_length=limits.DISPLAY_NAME_CHARS)]
Salt = Annotated[str, Meta(pattern=ID16_PATTERN)]  # 16 random bytes, chosen by the browser
AuthKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]  # 32 bytes
Code = Annotated[str, Meta(pattern=r"^[0-9]{6}$")]
Ticket = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22,64}$")]
FriendCode = Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$")]
Signature = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{85}[AQgw]$")]  # 64 bytes, P1363
SignedBytes = Annotated[Sealed, Meta(pattern=r"^[A-Za-z0-9_-]+$", max_length=16_384)]
BackupText = Annotated[
    Sealed, Meta(pattern=r"^[A-Za-z0-9_-]+$", max_length=base64_chars(limits.BACKUP_BYTES))
]

SealedHead = Annotated[  # what stands before the content of a sealed file (SEAL1 §11)
    Sealed, Meta(pattern=r"^[A-Za-z0-9_-]+$", max_length=base64_chars(limits.SEALED_HEAD_BYTES))
]
LinkManifest = Annotated[
    Sealed, Meta(pattern=r"^[A-Za-z0-9_-]+$", max_length=base64_chars(limits.LINK_MANIFEST_BYTES))
]


class Body(Struct, frozen=True):
    """Common ground of requests and answers."""


class Empty(Body, frozen=True, kw_only=True):
    """`{}`."""


# ── auth ─────────────────────────────────────────────────────────────────────────────────────────


class Kdf(Body, frozen=True, kw_only=True):
    """Argon2id parameters, as stored for the account and answered by prelogin."""

    alg: Literal["argon2id"]
    m_kib: Annotated[int, Meta(ge=1, le=limits.KDF_MAX_M_KIB)]
    t: Annotated[int, Meta(ge=1, le=limits.KDF_MAX_T)]
    p: Annotated[int, Meta(ge=1, le=16)]


class DeviceLabel(Body, frozen=True, kw_only=True):
    """What a person recognises a device by in the list of their devices."""

    name: Annotated[str, Meta(min_length=1, max_length=limits.DEVICE_NAME_CHARS)]
    platform: Literal["web", "cli", "ios", "android"]


class RegisterRequest(Body, frozen=True, kw_only=True):
    email: Email
    display_name: DisplayName
    salt: Salt
    kdf: Kdf
    auth_key: AuthKey


class TicketAnswer(Body, frozen=True, kw_only=True):
    """`ticket` binds the e-mailed code to this attempt (S-05); there for unknown addresses too."""

    ticket: Ticket


class SendOtpRequest(Body, frozen=True, kw_only=True):
    """Ask for the code again; `ticket` is the one of the attempt."""

    email: Email
    purpose: Literal["verify", "login", "reset"]
    ticket: Ticket | UnsetType = UNSET


class VerifyOtpRequest(Body, frozen=True, kw_only=True):
    """`ticket` is required for `login`; for `verify` the code alone names the registration."""

    email: Email
    purpose: Literal["verify", "login"]
    code: Code
    ticket: Ticket | UnsetType = UNSET
    device: DeviceLabel


class PreloginRequest(Body, frozen=True, kw_only=True):
    email: Email


class PreloginAnswer(Body, frozen=True, kw_only=True):
    salt: Salt
    kdf: Kdf


class LoginRequest(Body, frozen=True, kw_only=True):
    """`device_id` of an enrolled device spares the code where the trust cookie is still there."""

    email: Email
    auth_key: AuthKey
    device: DeviceLabel
    device_id: WireDeviceId | UnsetType = UNSET


class NextStep(Body, frozen=True, kw_only=True):
    """The password was right; one more proof is needed."""

    next: Literal["otp", "totp"]
    ticket: Ticket


class Settings(Body, frozen=True, kw_only=True):
    """Privacy switches the server itself has to honour."""

    read_receipts: bool = True
    presence: bool = True


class Me(Body, frozen=True, kw_only=True):
    id: WireUserId
    email: str
    display_name: str
    friend_code: FriendCode
    role: Literal["user", "admin"]
    settings: Settings


class ServerTerms(Body, frozen=True, kw_only=True):
    """`file_bytes` is the largest file before it is sealed; `links` allows addresses, too."""

    file_bytes: int
    links: bool


class OwnAccount(Me, frozen=True, kw_only=True):
    """What is asked for anew with every connection, so what the server takes stands there too."""

    server: ServerTerms


class Session(Body, frozen=True, kw_only=True):
    """Answer of everything that logs in; the refresh token comes beside it as a cookie."""

    access_token: str
    expires_in_s: int
    user: Me
    login_id: WireLoginId


class ForgotPasswordRequest(Body, frozen=True, kw_only=True):
    email: Email


class ResetPasswordRequest(Body, frozen=True, kw_only=True):
    """The e-mailed code proves the mailbox; devices and their keys stay, every log-in ends."""

    email: Email
    ticket: Ticket
    code: Code
    salt: Salt
    kdf: Kdf
    auth_key: AuthKey
    device: DeviceLabel


class Wrap(Body, frozen=True, kw_only=True):
    """The backup root key under one secret (SEAL1 §4.11); `kdf` only for the password method."""

    method: Literal["password", "recovery"]
    kdf: Kdf | None = None
    salt: Salt | None = None
    wrap: BackupText


class Backup(Body, frozen=True, kw_only=True):
    """Identity backup; `version` counts its writes, and a write names the version it replaces."""

    version: Seq
    brk_id: Salt
    wraps: Annotated[list[Wrap], Meta(max_length=4)]
    identity: BackupText


class ChangePasswordRequest(Body, frozen=True, kw_only=True):
    """New verifier and re-wrapped backup in one step, so that neither is had without the other."""

    auth_key: AuthKey
    new_salt: Salt
    new_kdf: Kdf
    new_auth_key: AuthKey
    backup: Backup


class Login(Body, frozen=True, kw_only=True):
    """One browser that is logged in."""

    login_id: WireLoginId
    device_id: WireDeviceId | None
    device: DeviceLabel
    created_ms: Millis
    last_used_ms: Millis
    address_prefix: str
    current: bool


class LoginList(Body, frozen=True, kw_only=True):
    logins: list[Login]


# ── people ───────────────────────────────────────────────────────────────────────────────────────


class PatchMeRequest(Body, frozen=True, kw_only=True):
    display_name: DisplayName | UnsetType = UNSET
    settings: Settings | UnsetType = UNSET


class Person(Body, frozen=True, kw_only=True):
    id: WireUserId
    display_name: str
    friend_code: FriendCode


class FindRequest(Body, frozen=True, kw_only=True):
    """Exactly one of the two."""

    friend_code: FriendCode | UnsetType = UNSET
    email: Email | UnsetType = UNSET


class FindAnswer(Body, frozen=True, kw_only=True):
    """`user` is always null for an e-mail address: whether it is known stays secret."""

    user: Person | None


class WithdrawRequest(Body, frozen=True, kw_only=True):
    email: Email


class Contact(Body, frozen=True, kw_only=True):
    user: Person
    state: Literal["incoming", "outgoing", "accepted"]
    created_ms: Millis


class Invite(Body, frozen=True, kw_only=True):
    """A request made by e-mail address; the same whether or not the address is known."""

    email: str
    created_ms: Millis


class ContactList(Body, frozen=True, kw_only=True):
    contacts: list[Contact]
    invites: list[Invite]
    blocked: list[Person]


# ── keys (SEAL1 §4.3) ────────────────────────────────────────────────────────────────────────────


class SignedPrekey(Body, frozen=True, kw_only=True):
    id: KeyId
    pub: Point
    created_ms: Millis
    expires_ms: Millis
    sig: Signature


class OneTimePrekey(Body, frozen=True, kw_only=True):
    id: KeyId
    pub: Point
    sig: Signature


Opks = Annotated[list[OneTimePrekey], Meta(max_length=limits.PREKEYS_PER_UPLOAD)]


class SignedList(Body, frozen=True, kw_only=True):
    """`devlist` is the exact DevListBody bytes of SEAL1 §4.1."""

    version: Seq
    devlist: SignedBytes
    sig: Signature


class Certificate(Body, frozen=True, kw_only=True):
    device_id: WireDeviceId
    cert: SignedBytes
    sig_a: Signature
    sig_p: Signature


class EnrolRequest(Body, frozen=True, kw_only=True):
    """A device joins: its certificate, the list that names it, its prekeys.

    `reset` replaces the account identity (everything was lost); it needs a log-in of the last five
    minutes, and contacts see a key change. The list's version goes on counting.
    """

    aik: Point
    certificate: Certificate
    list: SignedList
    spk: SignedPrekey
    opks: Opks
    backup: Backup | UnsetType = UNSET
    reset: bool = False


class DeviceDirectory(Body, frozen=True, kw_only=True):
    """All lists after `since` (oldest first) and the certificates of every device in the newest."""

    user: WireUserId
    aik: Point
    lists: list[SignedList]
    certificates: list[Certificate]


class PrekeyUpload(Body, frozen=True, kw_only=True):
    spk: SignedPrekey | UnsetType = UNSET
    opks: Opks = []


class PrekeyCount(Body, frozen=True, kw_only=True):
    opk: int
    spk_id: KeyId
    spk_age_ms: Millis


class ClaimTarget(Body, frozen=True, kw_only=True):
    user: WireUserId
    device: WireDeviceId


class ClaimRequest(Body, frozen=True, kw_only=True):
    """The same `claim_id` again gives the same bundles."""

    claim_id: WireClaimId
    targets: Annotated[list[ClaimTarget], Meta(min_length=1, max_length=limits.CLAIM_TARGETS)]


class Bundle(Body, frozen=True, kw_only=True):
    user: WireUserId
    device: WireDeviceId
    cert_hash: Hash
    spk: SignedPrekey
    opk: OneTimePrekey | None


class ClaimAnswer(Body, frozen=True, kw_only=True):
    bundles: list[Bundle]


class Cursor(Body, frozen=True, kw_only=True):
    """The last message the server accepted from this device, to detect rollback (SEAL1 §4.6)."""

    room: WireRoomId | None
    msg_id: WireMsgId | None


# ── rooms ────────────────────────────────────────────────────────────────────────────────────────


class OpenRoomRequest(Body, frozen=True, kw_only=True):
    kind: Literal["dm"]
    peer: WireUserId
    nonce: Salt


class Member(Body, frozen=True, kw_only=True):
    user_id: WireUserId
    role: Literal["admin", "member"]
    delivered_seq: Seq
    read_seq: Seq
    keep: bool  # agrees to keep the room for seven more days


class Room(Body, frozen=True, kw_only=True):
    """`nonce` lets every client recompute the id of a two-person room before it uses it (§4.8)."""

    id: WireRoomId
    kind: Literal["dm"]
    nonce: Salt
    members: list[Member]
    last_seq: Seq
    created_ms: Millis
    expires_ms: Millis


class RoomList(Body, frozen=True, kw_only=True):
    rooms: list[Room]


class MessagePage(Body, frozen=True, kw_only=True):
    """Oldest first, whichever way it was asked for."""

    messages: list[Message]
    has_more: bool


class SendRequest(SendBody, frozen=True, kw_only=True):
    """The body of `message.send` without `type`, `id` and `room`."""


class SendAnswer(Body, frozen=True, kw_only=True):
    seq: Seq
    server_ms: Millis
    frank: Hash


# ── files ────────────────────────────────────────────────────────────────────────────────────────


class StartFileRequest(Body, frozen=True, kw_only=True):
    """Announces the ciphertext of a file (SEAL1 §4.12), which comes in parts of FILE_PART_BYTES.

    It belongs to a room or to a transfer of one's own: exactly one of the two.
    """

    id: WireFileId
    room: WireRoomId | None = None
    transfer: WireTransferId | None = None
    size_bytes: Annotated[int, Meta(ge=1, le=limits.FILE_BYTES)]


class FileState(Body, frozen=True, kw_only=True):
    """One's own file; `received` are the numbers of the parts that are here, from 0."""

    id: WireFileId
    room: WireRoomId | None
    transfer: WireTransferId | None = None
    size_bytes: int
    part_bytes: int
    parts: int
    received: list[int]
    state: Literal["pending", "committed"]


class GrantRequest(Body, frozen=True, kw_only=True):
    """`sig` is by the key of the device that asks, for `purpose` and at `issued_ms`."""

    purpose: Literal["put", "get"]
    issued_ms: Millis
    sig: Signature


class Grant(Body, frozen=True, kw_only=True):
    """`token` goes into X-File-Grant with each part and each download until `expires_ms`.

    `direct` says that parts also go to the store itself and come from there, at addresses.
    """

    token: str
    expires_ms: Millis
    size_bytes: int
    direct: bool = False


class PartHash(Body, frozen=True, kw_only=True):
    """The SHA-256 of a part."""

    hash: Hash


class PutAddress(Body, frozen=True, kw_only=True):
    """Where to PUT one part, with exactly these headers; a secret until `expires_ms`."""

    url: str
    headers: dict[str, str]
    expires_ms: Millis


class GetAddress(Body, frozen=True, kw_only=True):
    """Where to GET one part, without a header; a secret until `expires_ms`."""

    url: str
    expires_ms: Millis


# ── transfers and links ──────────────────────────────────────────────────────────────────────────


Heads = Annotated[list[SealedHead], Meta(min_length=1, max_length=limits.FILES_PER_TRANSFER)]


class StartTransferRequest(Body, frozen=True, kw_only=True):
    """Announces a transfer, to whose id its files are then uploaded.

    `user` stands with `person`, `email` with `address`, neither with `link`. `max_downloads` counts
    devices of a recipient and downloads by link together; null for no limit.
    """

    id: WireTransferId
    kind: Literal["person", "address", "link"]
    user: WireUserId | None = None
    email: Email | None = None
    lives_ms: Annotated[int, Meta(ge=limits.TRANSFER_MIN_TTL_MS, le=limits.TRANSFER_TTL_MS)] = (
        limits.TRANSFER_TTL_MS
    )
    max_downloads: Annotated[int, Meta(ge=1, le=limits.TRANSFER_DOWNLOADS)] | None = None


class LinkOffer(Body, frozen=True, kw_only=True):
    """What the server keeps of a link (SEAL1 §4.13): `auth_hash` is H(auth)."""

    auth_hash: Hash
    manifest: LinkManifest
    has_passphrase: bool


class SendTransferRequest(Body, frozen=True, kw_only=True):
    """Makes a transfer visible: `heads` for a person, one for each file; `link` for all others."""

    files: Annotated[list[WireFileId], Meta(min_length=1, max_length=limits.FILES_PER_TRANSFER)]
    heads: Heads | None = None
    link: LinkOffer | None = None


class TransferHeads(Body, frozen=True, kw_only=True):
    """The heads of sealed files, in the order of the transfer's files."""

    heads: Heads


class TransferFile(Body, frozen=True, kw_only=True):
    """`size_bytes` is that of the ciphertext."""

    id: WireFileId
    size_bytes: int


class SentTransfer(Body, frozen=True, kw_only=True):
    """One's own; `user` is who gets it: of an address, who has accepted it.

    `is_sealed` says whether the heads for that person are there. `downloads` counts devices and
    downloads by link; `downloaded_ms` is when the recipient's device first said that all is there.
    """

    id: WireTransferId
    kind: Literal["person", "address", "link"]
    state: Literal["draft", "open"]
    user: WireUserId | None
    email: str | None
    has_passphrase: bool
    is_sealed: bool
    created_ms: Millis
    expires_ms: Millis
    files: list[TransferFile]
    downloads: int
    max_downloads: int | None
    downloaded_ms: Millis | None


class SentTransfers(Body, frozen=True, kw_only=True):
    """Newest first; those that have ended are not here."""

    transfers: list[SentTransfer]


class ReceivedTransfer(Body, frozen=True, kw_only=True):
    """`offered` waits for `accept`, `accepted` for the sender's device, `sealed` can be opened.

    `downloads_left` is null without a limit.
    """

    id: WireTransferId
    state: Literal["offered", "accepted", "sealed"]
    sender: Person
    created_ms: Millis
    expires_ms: Millis
    files: list[TransferFile]
    downloads_left: int | None
    downloaded_ms: Millis | None


class ReceivedTransfers(Body, frozen=True, kw_only=True):
    """Newest first; those that have ended are not here."""

    transfers: list[ReceivedTransfer]


class LinkInfo(Body, frozen=True, kw_only=True):
    """What a link says before its secret is shown."""

    has_passphrase: bool
    expires_ms: Millis


class LinkContents(Body, frozen=True, kw_only=True):
    """What a link leads to; `downloads_left` is null without a limit."""

    manifest: LinkManifest
    files: list[TransferFile]
    expires_ms: Millis
    downloads_left: int | None


class DownloadRequest(Body, frozen=True, kw_only=True):
    """`id` is drawn by whoever downloads: the same again is the same download."""

    id: WireDownloadId


class LinkGrant(Body, frozen=True, kw_only=True):
    """One download: `token` goes into X-File-Grant until `expires_ms`, for every file of it.

    `direct` is as in Grant.
    """

    token: str
    expires_ms: Millis
    direct: bool = False


class ReportRequest(Body, frozen=True, kw_only=True):
    """What somebody tells the operator about a link; `text` may be empty."""

    reason: Literal["malware", "illegal", "harassment", "other"]
    text: Annotated[str, Meta(max_length=limits.REPORT_CHARS)] = ""


# ── operations ───────────────────────────────────────────────────────────────────────────────────


HealthStatus = Literal["healthy", "degraded", "unhealthy", "draining"]


class Health(Body, frozen=True, kw_only=True):
    """S0-26; 503 when a part is down (unhealthy) or the server is about to stop (draining).

    A balancer waits for more than one `unhealthy`, which may pass, and for no second `draining`.
    """

    status: HealthStatus
    timestamp: str
    services: dict[str, Literal["up", "down"]]

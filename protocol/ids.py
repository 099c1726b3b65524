"""Identifiers as they stand on the wire and in every layer below it.

An id is the canonical unpadded base64url text of its bytes (22 characters for 16 bytes, 43 for 32).
Canonical means the unused low bits of the last character are zero, so that one id has one spelling
and text comparison equals byte comparison.
"""

from typing import Annotated, NewType

from msgspec import Meta

UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)
LoginId = NewType("LoginId", str)
RoomId = NewType("RoomId", str)
MsgId = NewType("MsgId", str)
ClaimId = NewType("ClaimId", str)
SessionId = NewType("SessionId", str)
FileId = NewType("FileId", str)
TransferId = NewType("TransferId", str)
DownloadId = NewType("DownloadId", str)

ID16_PATTERN = r"^[A-Za-z0-9_-]{21}[AQgw]$"
ID32_PATTERN = r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"

WireUserId = Annotated[UserId, Meta(pattern=ID16_PATTERN)]
WireDeviceId = Annotated[DeviceId, Meta(pattern=ID16_PATTERN)]
WireLoginId = Annotated[LoginId, Meta(pattern=ID16_PATTERN)]
WireRoomId = Annotated[RoomId, Meta(pattern=ID32_PATTERN)]
WireMsgId = Annotated[MsgId, Meta(pattern=ID16_PATTERN)]
WireClaimId = Annotated[ClaimId, Meta(pattern=ID16_PATTERN)]
WireSessionId = Annotated[SessionId, Meta(pattern=ID16_PATTERN)]
WireFileId = Annotated[FileId, Meta(pattern=ID16_PATTERN)]
WireTransferId = Annotated[TransferId, Meta(pattern=ID16_PATTERN)]
WireDownloadId = Annotated[DownloadId, Meta(pattern=ID16_PATTERN)]

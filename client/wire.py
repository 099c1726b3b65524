"""Between the records of SEAL1 (bytes) and the bodies and frames of the wire (base64url)."""

from msgspec import UNSET

from client.seal.device_list import DeviceList, SignedDeviceList
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.identity import SignedCertificate
from client.seal.password import PasswordParameters
from client.seal.payload import PayloadContext
from client.seal.prekeys import Bundle, OneTimePrekey, SignedPrekey
from client.seal.ratchet import Message
from client.seal.x3dh import InitialHeader
from protocol import bodies, frames
from protocol.ids import DeviceId, RoomId, SessionId, UserId


def user_id(value: bytes) -> UserId:
    """A user id as it stands on the wire."""
    return UserId(b64url_encode(value))


def device_id(value: bytes) -> DeviceId:
    """A device id as it stands on the wire."""
    return DeviceId(b64url_encode(value))


def room_id(value: bytes) -> RoomId:
    """A room id as it stands on the wire."""
    return RoomId(b64url_encode(value))


def dump_certificate(device: bytes, certificate: SignedCertificate) -> bodies.Certificate:
    """A certificate for `EnrolRequest`."""
    return bodies.Certificate(
        device_id=device_id(device),
        cert=frames.Sealed(b64url_encode(certificate.body)),
        sig_a=b64url_encode(certificate.account_signature),
        sig_p=b64url_encode(certificate.possession_signature),
    )


def parse_certificate(certificate: bodies.Certificate) -> SignedCertificate:
    """Undo `dump_certificate`.

    Raises: MalformedError
    """
    parts = (certificate.cert, certificate.sig_a, certificate.sig_p)
    return SignedCertificate(*(b64url_decode(part) for part in parts))


def dump_list(signed: SignedDeviceList) -> bodies.SignedList:
    """A device list with the version that stands inside it."""
    return bodies.SignedList(
        version=DeviceList.parse(signed.body).version,
        devlist=frames.Sealed(b64url_encode(signed.body)),
        sig=b64url_encode(signed.signature),
    )


def parse_list(signed: bodies.SignedList) -> SignedDeviceList:
    """Undo `dump_list`; the version beside the bytes is ignored, the one inside is signed.

    Raises: MalformedError
    """
    return SignedDeviceList(b64url_decode(signed.devlist), b64url_decode(signed.sig))


def dump_signed_prekey(prekey: SignedPrekey) -> bodies.SignedPrekey:
    """A signed prekey for an upload."""
    return bodies.SignedPrekey(
        id=prekey.id,
        pub=b64url_encode(prekey.public),
        created_ms=prekey.created_at_ms,
        expires_ms=prekey.expires_at_ms,
        sig=b64url_encode(prekey.signature),
    )


def dump_one_time_prekey(prekey: OneTimePrekey) -> bodies.OneTimePrekey:
    """A one-time prekey for an upload."""
    return bodies.OneTimePrekey(
        id=prekey.id, pub=b64url_encode(prekey.public), sig=b64url_encode(prekey.signature)
    )


def parse_bundle(bundle: bodies.Bundle) -> Bundle:
    """What a claim gave for one device.

    Raises: MalformedError
    """
    signed, one_time = bundle.spk, bundle.opk
    return Bundle(
        SignedPrekey(
            signed.id,
            b64url_decode(signed.pub),
            signed.created_ms,
            signed.expires_ms,
            b64url_decode(signed.sig),
        ),
        None
        if one_time is None
        else OneTimePrekey(one_time.id, b64url_decode(one_time.pub), b64url_decode(one_time.sig)),
    )


def dump_initial_header(header: InitialHeader) -> frames.Pre:
    """`pre` of a capsule."""
    return frames.Pre(
        suite=header.suite,
        ek=b64url_encode(header.ephemeral_key),
        spk_id=header.signed_prekey_id,
        opk_id=header.one_time_prekey_id,
        cert_hash=b64url_encode(header.certificate_hash),
    )


def parse_initial_header(pre: frames.Pre) -> InitialHeader:
    """Undo `dump_initial_header`.

    Raises: MalformedError
    """
    return InitialHeader(
        pre.suite, b64url_decode(pre.ek), pre.spk_id, pre.opk_id, b64url_decode(pre.cert_hash)
    )


def dump_capsule(
    user: bytes, device: bytes, session: bytes, initial: InitialHeader | None, message: Message
) -> frames.AddressedCapsule:
    """A ratchet message addressed to one device."""
    capsule = frames.AddressedCapsule(
        user=user_id(user),
        device=device_id(device),
        sid=SessionId(b64url_encode(session)),
        header=frames.Sealed(b64url_encode(message.header)),
        ciphertext=frames.Sealed(b64url_encode(message.ciphertext)),
        pre=UNSET if initial is None else dump_initial_header(initial),
    )
    return capsule


def parse_ratchet_message(capsule: frames.Capsule) -> Message:
    """The ratchet message inside a capsule.

    Raises: MalformedError
    """
    return Message(b64url_decode(capsule.header), b64url_decode(capsule.ciphertext))


def payload_context(room: bytes, message: frames.Message) -> PayloadContext:
    """Where a message of the log claims to belong; the session must confirm the sender.

    Epoch and roster hash are those of a room for two, whatever the envelope says.
    """
    return PayloadContext(
        room_id=room,
        epoch=0,
        roster_hash=room,
        message_id=b64url_decode(message.msg_id),
        sender_user=b64url_decode(message.sender),
        sender_device=b64url_decode(message.sender_device),
    )


def dump_kdf(parameters: PasswordParameters) -> bodies.Kdf:
    """Password parameters for a registration or wrap."""
    return bodies.Kdf(
        alg="argon2id", m_kib=parameters.memory_kib, t=parameters.time_cost, p=parameters.lanes
    )


def parse_kdf(kdf: bodies.Kdf) -> PasswordParameters:
    """What a server offers; `PasswordParameters.require_strong` decides whether it is used."""
    return PasswordParameters(kdf.alg, kdf.m_kib, kdf.t, kdf.p)

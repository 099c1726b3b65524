"""Capsules in and out through the sessions of the state.

Nothing here touches the network; the caller saves the state before anything made here is sent, and
after anything received has been handled.
Spec: SEAL1 §4.4–4.6.
"""

from dataclasses import dataclass, replace

from client import wire
from client.seal import ratchet, sessions
from client.seal.encoding import b64url_decode
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.identity import DeviceIdentity
from client.seal.payload import Capsule
from client.seal.prekeys import Bundle
from client.seal.sessions import Session, SessionStatus
from client.seal.x3dh import (
    InitialHeader,
    PrekeyPair,
    agree_as_initiator,
    agree_as_responder,
)
from client.state import State
from protocol import frames


def can_send(state: State, peer: DeviceIdentity) -> bool:
    """Whether a session with that device is there to send on."""
    return sessions.sending_session(_sessions(state, peer)) is not None


def begin_session(state: State, peer: DeviceIdentity, bundle: Bundle, now_ms: int) -> None:
    """Begin a session with claimed prekeys; it sends from now on.

    Raises: TrustError, MalformedError
    """
    agreement, initial = agree_as_initiator(state.device, peer, bundle, now_ms)
    first = ratchet.start_as_initiator(
        agreement.shared_secret, agreement.transcript_hash, bundle.signed_prekey.public
    )
    session = Session(
        agreement.session_id, SessionStatus.PENDING, initial.ephemeral_key, first, initial
    )
    _store(state, peer, sessions.begin(_sessions(state, peer), session, now_ms))


def seal_capsule(state: State, peer: DeviceIdentity, capsule: Capsule) -> frames.AddressedCapsule:
    """Encrypt a capsule to one device.

    Raises: ValueError without a session to send on
    """
    known = _sessions(state, peer)
    session = sessions.sending_session(known)
    if session is None:
        raise ValueError("no session with this device")
    following, message = ratchet.encrypt(session.ratchet, capsule.encode())
    _store(state, peer, sessions.replace_session(known, replace(session, ratchet=following)))
    return wire.dump_capsule(peer.user_id, peer.device_id, session.id, session.initial, message)


@dataclass(frozen=True, slots=True)
class Opened:
    """A capsule, and whether the peer waits for a sign of life.

    It does after 50 messages without an answer, and when it began without a one-time prekey: an
    answer turns the ratchet away from keys that have been in use for long.
    """

    capsule: Capsule
    needs_answer: bool


def open_capsule(state: State, peer: DeviceIdentity, sealed: frames.Capsule, now_ms: int) -> Opened:
    """Decrypt a capsule of the device that the server says it is from.

    A session belongs to one device of one person, so a false sender finds no session.

    Raises: DecryptError; the state is then unchanged
    """
    try:
        session_id, message = b64url_decode(sealed.sid), wire.parse_ratchet_message(sealed)
        session = sessions.find_session(_sessions(state, peer), session_id)
        if session is not None:
            return _open_on(state, peer, session, message, now_ms)
        if not isinstance(sealed.pre, frames.Pre):
            raise DecryptError(DecryptReason.NO_SESSION)
        initial = wire.parse_initial_header(sealed.pre)
        return _open_first(state, peer, session_id, initial, message, now_ms)
    except MalformedError as error:
        raise DecryptError(DecryptReason.AUTH_FAILED) from error


def _open_on(
    state: State, peer: DeviceIdentity, session: Session, message: ratchet.Message, now_ms: int
) -> Opened:
    following, plaintext = ratchet.decrypt(session.ratchet, message, now_ms)
    capsule = Capsule.parse(plaintext)
    opened = replace(session, ratchet=following)
    known = sessions.received(_sessions(state, peer), opened, capsule.sent_at_ms, now_ms)
    _store(state, peer, known)
    return Opened(capsule, following.needs_heartbeat)


def _open_first(
    state: State,
    peer: DeviceIdentity,
    session_id: bytes,
    initial: InitialHeader,
    message: ratchet.Message,
    now_ms: int,
) -> Opened:
    """Follow a session that the peer has begun.

    Order: the one-time prekey goes only after the first message has opened.
    """
    if session_id in state.seen_sessions:
        raise DecryptError(DecryptReason.DUPLICATE)
    signed, one_time = _own_prekeys(state, initial)
    agreement = agree_as_responder(state.device, peer, initial, signed, one_time)
    if agreement.session_id != session_id:
        raise DecryptError(DecryptReason.AUTH_FAILED)
    first = ratchet.start_as_responder(
        agreement.shared_secret, agreement.transcript_hash, signed.key
    )
    following, plaintext = ratchet.decrypt(first, message, now_ms)
    capsule = Capsule.parse(plaintext)
    session = Session(
        session_id,
        SessionStatus.ACTIVE,
        initial.ephemeral_key,
        following,
        last_peer_sent_at_ms=capsule.sent_at_ms,
    )
    _store(state, peer, sessions.accept(_sessions(state, peer), session, now_ms))
    state.seen_sessions[session_id] = signed.id
    if one_time is not None:
        del state.one_time_prekeys[one_time.id]
    return Opened(capsule, needs_answer=one_time is None)


def _own_prekeys(state: State, initial: InitialHeader) -> tuple[PrekeyPair, PrekeyPair | None]:
    """Raises: DecryptError `no-session` when a named prekey is gone."""
    signed = next(
        (each for each in state.signed_prekeys if each.id == initial.signed_prekey_id), None
    )
    one_time_id = initial.one_time_prekey_id
    if signed is None or (one_time_id is not None and one_time_id not in state.one_time_prekeys):
        raise DecryptError(DecryptReason.NO_SESSION)
    one_time = (
        None
        if one_time_id is None
        else PrekeyPair(one_time_id, state.one_time_prekeys[one_time_id])
    )
    return PrekeyPair(signed.id, signed.key), one_time


def _sessions(state: State, peer: DeviceIdentity) -> sessions.Sessions:
    return state.sessions.get(peer.user_id + peer.device_id, ())


def _store(state: State, peer: DeviceIdentity, known: sessions.Sessions) -> None:
    state.sessions[peer.user_id + peer.device_id] = known

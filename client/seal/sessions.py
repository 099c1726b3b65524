"""The sessions with one peer device: which one sends, which ones still receive.

    PENDING ──anything decrypted──▶ ACTIVE ──a newer session took over──▶ STALE ──8 days──▶ gone
       └────────lost the race to the peer's session────────────────────────▲

At most one session is PENDING or ACTIVE and so sends; at most four are STALE.
When both devices begin at once, the session with the smaller ephemeral public key wins on both
sides, and the loser is never promoted.
Spec: SEAL1 §4.6.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from client.seal.prekeys import DAY_MS
from client.seal.ratchet import RatchetState
from client.seal.x3dh import InitialHeader

MAX_STALE = 4
STALE_TTL_MS = 8 * DAY_MS
"""One day more than the server keeps a message."""


class SessionStatus(StrEnum):
    """Where a session is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Session:
    """One session with one peer device.

    `initial` is sent along until the peer has answered; it is None for a responder.
    `is_final` marks the loser of a race: it receives but is never promoted.
    """

    id: bytes
    status: SessionStatus
    ephemeral_key: bytes
    ratchet: RatchetState
    initial: InitialHeader | None = None
    is_final: bool = False
    last_peer_sent_at_ms: int = 0
    stale_since_ms: int = 0


Sessions = tuple[Session, ...]
"""All sessions with one peer device, in the order they began."""


def sending_session(sessions: Sessions) -> Session | None:
    """The one to send on: ACTIVE, else PENDING, else None (claim prekeys and begin)."""
    for status in (SessionStatus.ACTIVE, SessionStatus.PENDING):
        for session in sessions:
            if session.status is status:
                return session
    return None


def find_session(sessions: Sessions, session_id: bytes) -> Session | None:
    """The session with this id, or None."""
    return next((session for session in sessions if session.id == session_id), None)


def replace_session(sessions: Sessions, changed: Session) -> Sessions:
    """The same sessions with one of them advanced."""
    return tuple(changed if session.id == changed.id else session for session in sessions)


def begin(sessions: Sessions, session: Session, now_ms: int) -> Sessions:
    """Add a session that this device initiated; whatever sent before only receives now."""
    return prune((*_retire(sessions, now_ms), session), now_ms)


def accept(sessions: Sessions, session: Session, now_ms: int) -> Sessions:
    """Add a session that the peer initiated and whose first message has opened."""
    pending = next((own for own in sessions if own.status is SessionStatus.PENDING), None)
    if pending is not None and pending.ephemeral_key < session.ephemeral_key:
        lost = _stale(session, now_ms, is_final=True)
        return prune((*sessions, lost), now_ms)
    retired = _retire(sessions, now_ms, is_final=pending is not None)
    return prune((*retired, replace(session, status=SessionStatus.ACTIVE)), now_ms)


def received(sessions: Sessions, opened: Session, sent_at_ms: int, now_ms: int) -> Sessions:
    """Commit a session after it has opened a capsule that was sent at `sent_at_ms`.

    A PENDING session becomes ACTIVE; a STALE one takes over when the peer used it more recently
    than the ACTIVE one.
    """
    latest_ms = max(opened.last_peer_sent_at_ms, sent_at_ms)
    opened = replace(opened, initial=None, last_peer_sent_at_ms=latest_ms)
    sending = sending_session(sessions)
    if opened.status is SessionStatus.PENDING:
        opened = replace(opened, status=SessionStatus.ACTIVE)
    elif opened.status is SessionStatus.STALE and not opened.is_final:
        is_newer = sending is None or (
            sending.status is SessionStatus.ACTIVE and sent_at_ms > sending.last_peer_sent_at_ms
        )
        if is_newer:
            sessions = _retire(sessions, now_ms)
            opened = replace(opened, status=SessionStatus.ACTIVE, stale_since_ms=0)
    return prune(replace_session(sessions, opened), now_ms)


def prune(sessions: Iterable[Session], now_ms: int) -> Sessions:
    """Drop stale sessions that are too old, then the oldest beyond the limit."""
    kept = [
        session
        for session in sessions
        if session.status is not SessionStatus.STALE
        or now_ms - session.stale_since_ms < STALE_TTL_MS
    ]
    stale = [session for session in kept if session.status is SessionStatus.STALE]
    stale.sort(key=lambda session: session.stale_since_ms)
    excess = {session.id for session in stale[: max(0, len(stale) - MAX_STALE)]}
    return tuple(session for session in kept if session.id not in excess)


def _retire(sessions: Sessions, now_ms: int, *, is_final: bool = False) -> Sessions:
    return tuple(
        session
        if session.status is SessionStatus.STALE
        else _stale(session, now_ms, is_final=is_final)
        for session in sessions
    )


def _stale(session: Session, now_ms: int, *, is_final: bool) -> Session:
    return replace(session, status=SessionStatus.STALE, stale_since_ms=now_ms, is_final=is_final)

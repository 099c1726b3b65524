/**
 * The sessions with one peer device: which one sends, which ones still receive (SEAL1 §4.6).
 *
 *     PENDING ──anything decrypted──▶ ACTIVE ──a newer session took over──▶ STALE ──8 days──▶ gone
 *        └────────lost the race to the peer's session────────────────────────▲
 *
 * At most one session is PENDING or ACTIVE and so sends; at most four are STALE. When both devices begin
 * at once, the session with the smaller ephemeral public key wins on both sides; the loser is never
 * promoted. Lists are in the order in which the sessions began, and never changed in place.
 */

import { compare } from "../lib/bytes.js";
import { SKIPPED_TTL_MS } from "../crypto/constants.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { PreHeader, PublicKey, RatchetState } from "../crypto/types.js" */

const MAX_STALE = 4;
const STALE_TTL_MS = SKIPPED_TTL_MS; // one day more than the server keeps a message

/**
 * @typedef {object} Session
 * @property {Bytes} id sid, 16 bytes
 * @property {"pending" | "active" | "stale"} status
 * @property {PublicKey} ephemeralKey EK of whoever began it
 * @property {PreHeader | null} pre sent along until the peer has answered; null for the responder
 * @property {boolean} isFinal loser of a race: receives, is never promoted
 * @property {number} lastPeerSentAtMs
 * @property {number} staleSinceMs
 * @property {RatchetState} ratchet
 * @property {number} version of the stored row; 0 while it is not stored
 */

/**
 * @param {readonly Session[]} sessions
 * @returns {Session | undefined} undefined: claim prekeys and begin
 */
export function sendingSession(sessions) {
  return (
    sessions.find(({ status }) => status === "active") ??
    sessions.find(({ status }) => status === "pending")
  );
}

/**
 * Put the next state of a session in place of its last.
 * @param {readonly Session[]} sessions
 * @param {Session} changed
 * @returns {readonly Session[]}
 */
export function replaceSession(sessions, changed) {
  return sessions.map((session) => (compare(session.id, changed.id) === 0 ? changed : session));
}

/**
 * Add a session that this device initiated; whatever sent before only receives now.
 * @param {readonly Session[]} sessions
 * @param {Session} session PENDING
 * @param {number} nowMs
 * @returns {readonly Session[]}
 */
export function beginSession(sessions, session, nowMs) {
  return prune([...retire(sessions, nowMs, false), session], nowMs);
}

/**
 * Add a session that the peer initiated and whose first message has opened.
 * @param {readonly Session[]} sessions
 * @param {Session} session
 * @param {number} nowMs
 * @returns {readonly Session[]}
 */
export function acceptSession(sessions, session, nowMs) {
  const pending = sessions.find(({ status }) => status === "pending");
  if (pending !== undefined && compare(pending.ephemeralKey, session.ephemeralKey) < 0) {
    return prune([...sessions, stale(session, nowMs, true)], nowMs);
  }
  const retired = retire(sessions, nowMs, pending !== undefined);
  return prune([...retired, { ...session, status: "active" }], nowMs);
}

/**
 * Add a session by which the peer says that its others are lost: there is no race to be won with a
 * session that is gone.
 * @param {readonly Session[]} sessions
 * @param {Session} session
 * @param {number} nowMs
 * @returns {readonly Session[]}
 */
export function acceptReset(sessions, session, nowMs) {
  return prune([...retire(sessions, nowMs, false), { ...session, status: "active" }], nowMs);
}

/**
 * Take over a session that has opened a capsule sent at `sentAtMs`: a PENDING one becomes ACTIVE, a
 * STALE one takes over when the peer used it more recently than the ACTIVE one.
 * @param {readonly Session[]} sessions
 * @param {Session} opened
 * @param {number} sentAtMs
 * @param {number} nowMs
 * @returns {readonly Session[]}
 */
export function afterReceipt(sessions, opened, sentAtMs, nowMs) {
  const lastPeerSentAtMs = Math.max(opened.lastPeerSentAtMs, sentAtMs);
  /** @type {Session} */
  const heard = { ...opened, pre: null, lastPeerSentAtMs };
  if (heard.status === "pending") {
    return prune(replaceSession(sessions, { ...heard, status: "active" }), nowMs);
  }
  const sending = sendingSession(sessions);
  const isNewer =
    sending === undefined || (sending.status === "active" && sentAtMs > sending.lastPeerSentAtMs);
  if (heard.status !== "stale" || heard.isFinal || !isNewer) {
    return prune(replaceSession(sessions, heard), nowMs);
  }
  const retired = retire(sessions, nowMs, false);
  return prune(replaceSession(retired, { ...heard, status: "active", staleSinceMs: 0 }), nowMs);
}

/**
 * @param {readonly Session[]} sessions
 * @param {number} nowMs
 * @returns {readonly Session[]} without stale ones that are too old or too many
 */
export function prune(sessions, nowMs) {
  const kept = sessions.filter(
    ({ status, staleSinceMs }) => status !== "stale" || nowMs - staleSinceMs < STALE_TTL_MS,
  );
  const staleOnes = kept
    .filter(({ status }) => status === "stale")
    .sort((a, b) => a.staleSinceMs - b.staleSinceMs);
  const excess = new Set(staleOnes.slice(0, Math.max(0, staleOnes.length - MAX_STALE)));
  return kept.filter((session) => !excess.has(session));
}

/**
 * @param {readonly Session[]} sessions
 * @param {number} nowMs
 * @param {boolean} isFinal
 */
function retire(sessions, nowMs, isFinal) {
  return sessions.map((session) =>
    session.status === "stale" ? session : stale(session, nowMs, isFinal),
  );
}

/**
 * @param {Session} session
 * @param {number} nowMs
 * @param {boolean} isFinal
 * @returns {Session}
 */
function stale(session, nowMs, isFinal) {
  return { ...session, status: "stale", staleSinceMs: nowMs, isFinal };
}

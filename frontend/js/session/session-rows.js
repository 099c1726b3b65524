/**
 * Sessions between two visits: what a row of the store holds, and how a `pre` looks on the wire.
 *
 *     sealed = AEAD(VK, LP(head as JSON) ‖ LP(ratchet state), place and version of the row)
 */

import { concat, fromBase64url, fromUtf8, toBase64url, utf8, wipe } from "../lib/bytes.js";
import { lengthPrefixed, parseLengthPrefixed } from "../crypto/encoding.js";
import { dumpRatchet, parseRatchet } from "../crypto/ratchet-store.js";
import { openSession, sealSession } from "../crypto/storage-key.js";
import { putSession } from "../storage/sessions.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { PreHeader } from "../crypto/types.js" */
/** @import { Pre } from "../protocol/frames.js" */
/** @import { Change } from "../storage/db.js" */
/** @import { SessionRow } from "../storage/sessions.js" */
/** @import { Core } from "./model.js" */
/** @import { Session } from "./session-rules.js" */

/**
 * @param {PreHeader} pre
 * @returns {Pre}
 */
export function dumpPre({ suite, ephemeralKey, signedPreKeyId, oneTimePreKeyId, certHash }) {
  return {
    suite,
    ek: toBase64url(ephemeralKey),
    spk_id: signedPreKeyId,
    opk_id: oneTimePreKeyId,
    cert_hash: toBase64url(certHash),
  };
}

/**
 * @param {Pre} pre
 * @returns {PreHeader}
 */
export function parsePre({
  suite,
  ek,
  spk_id: signedPreKeyId,
  opk_id: oneTimePreKeyId,
  cert_hash: hash,
}) {
  const ephemeralKey = fromBase64url(ek);
  return { suite, ephemeralKey, signedPreKeyId, oneTimePreKeyId, certHash: fromBase64url(hash) };
}

/**
 * @param {string} peer
 * @param {string} sid
 */
export function rowId(peer, sid) {
  return `${peer}/${sid}`;
}

/**
 * @param {string} peer
 * @param {string} sid
 * @param {number} stateVersion
 */
function placeOf(peer, sid, stateVersion) {
  const [user = "", device = ""] = peer.split("/");
  return {
    peerUser: fromBase64url(user, 16),
    peerDevice: fromBase64url(device, 16),
    sessionId: fromBase64url(sid, 16),
    stateVersion,
  };
}

/**
 * @param {Core} core
 * @param {string} peer
 * @param {Session} session
 * @param {readonly Session[]} before
 * @returns {Promise<{ session: Session, change: Change | null }>} no change when nothing moved
 */
export async function storeSession({ vault }, peer, session, before) {
  if (before.includes(session)) return { session, change: null };
  const sid = toBase64url(session.id);
  const version = session.version + 1;
  const { keys, blob } = dumpRatchet(session.ratchet);
  const { status, isFinal, lastPeerSentAtMs, staleSinceMs, pre } = session;
  const head = utf8(
    JSON.stringify({
      status,
      isFinal,
      lastPeerSentAtMs,
      staleSinceMs,
      ephemeralKey: toBase64url(session.ephemeralKey),
      pre: pre && dumpPre(pre),
    }),
  );
  const bytes = concat(lengthPrefixed(head), lengthPrefixed(blob));
  const sealed = await sealSession(vault.key, vault.owner, placeOf(peer, sid, version), bytes);
  wipe(blob, bytes);
  const row = { id: rowId(peer, sid), peer, sid, version, ratchetKey: keys.ownRatchet, sealed };
  return { session: { ...session, version }, change: putSession(row) };
}

/**
 * @param {Core} core
 * @param {SessionRow} row
 * @returns {Promise<Session | null>} null for what cannot be read any more: a new session heals it
 */
export async function openSessionRow({ vault }, { peer, sid, version, ratchetKey, sealed }) {
  try {
    const bytes = await openSession(vault.key, vault.owner, placeOf(peer, sid, version), sealed);
    const [head, blob] = /** @type {[Bytes, Bytes]} */ (parseLengthPrefixed(bytes));
    const meta = JSON.parse(fromUtf8(head));
    const ratchet = parseRatchet({ keys: { ownRatchet: ratchetKey }, blob });
    wipe(bytes, blob);
    return {
      ...meta,
      id: fromBase64url(sid, 16),
      ephemeralKey: fromBase64url(meta.ephemeralKey),
      pre: meta.pre && parsePre(meta.pre),
      ratchet,
      version,
    };
  } catch {
    return null;
  }
}

/** Ratchet sessions, one row each, and the session ids that were ever answered. */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/**
 * @typedef {object} SessionRow
 * @property {string} id peer and session id
 * @property {string} peer user id / device id
 * @property {string} sid 22 characters
 * @property {number} version counts the writes; a write names the one it replaces
 * @property {CryptoKey} ratchetKey the private key of the current DH step
 * @property {Bytes} sealed
 */

/**
 * @param {Database} db
 * @param {string} peer
 * @returns {Promise<SessionRow[]>}
 */
export async function readSessions(db, peer) {
  const rows = await db.query({ store: "sessions", index: "by_peer", range: peer });
  return /** @type {SessionRow[]} */ (rows);
}

/**
 * @param {Database} db
 * @returns {Promise<SessionRow[]>}
 */
export async function readAllSessions(db) {
  return /** @type {SessionRow[]} */ (await db.getAll("sessions"));
}

/**
 * Write a session if nobody else has since it was read.
 * @param {SessionRow} row
 * @returns {Change}
 */
export function putSession(row) {
  const version = row.version === 1 ? null : row.version - 1;
  return { store: "sessions", put: row, expect: { key: row.id, version } };
}

/**
 * @param {string} id
 * @returns {Change}
 */
export function removeSession(id) {
  return { store: "sessions", remove: id };
}

/**
 * @param {Database} db
 * @param {string} sid
 * @returns {Promise<boolean>} whether this session was answered before
 */
export async function isSessionSeen(db, sid) {
  return (await db.get("seen_sessions", sid)) !== undefined;
}

/**
 * @param {string} sid
 * @param {number} prekey id of the signed prekey it used; forgotten together with it
 * @returns {Change}
 */
export function putSeenSession(sid, prekey) {
  return { store: "seen_sessions", put: { sid, prekey } };
}

/**
 * @param {Database} db
 * @param {number} prekey
 * @returns {Promise<Change[]>} the removal of all that used this signed prekey
 */
export async function forgetSeenSessions(db, prekey) {
  const rows = await db.query({ store: "seen_sessions", index: "by_prekey", range: prekey });
  return /** @type {{ sid: string }[]} */ (rows).map(({ sid }) => ({
    store: "seen_sessions",
    remove: sid,
  }));
}

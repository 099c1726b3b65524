/**
 * VK: what a device keeps is sealed under one key that never leaves it (SEAL1 §4.2, mode N).
 *
 *     session = AEAD(VK, blob, T("SEAL1/store/session", userId, deviceId, peerUser, peerDevice, sid, u64 stateVer))
 *     record  = AEAD(VK, bytes, T("SEAL1/store/key", userId, deviceId, kind, recordId))
 *
 * The additional data nails each blob to its place: one row cannot be put in place of another, nor an
 * old state of a session in place of a newer one, without the next opening failing.
 * `kind` names the object store of a record ("message", "outbox" …), or the kind of a wrapped key.
 */

import { u64, utf8 } from "../lib/bytes.js";
import { LABEL } from "./constants.js";
import { tuple } from "./encoding.js";
import { aeadOpen, aeadSeal } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */

/** @typedef {{ userId: Bytes, deviceId: Bytes }} Owner 16 bytes each */

/**
 * @typedef {object} SessionPlace
 * @property {Bytes} peerUser 16 bytes
 * @property {Bytes} peerDevice 16 bytes
 * @property {Bytes} sessionId 16 bytes
 * @property {number} stateVersion counts the writes of the session
 */

/** @typedef {{ kind: string, recordId: Bytes }} RecordPlace */

/**
 * VK of a new device, non-extractable.
 * @returns {Promise<CryptoKey>}
 */
export function generateStorageKey() {
  const algorithm = { name: "AES-GCM", length: 256 };
  return globalThis.crypto.subtle.generateKey(algorithm, false, ["encrypt", "decrypt"]);
}

/**
 * @param {CryptoKey} storageKey VK
 * @param {Owner} owner
 * @param {SessionPlace} place
 * @param {Bytes} blob from `dumpRatchet`
 * @returns {Promise<Bytes>}
 */
export function sealSession(storageKey, owner, place, blob) {
  return aeadSeal(storageKey, blob, sessionContext(owner, place));
}

/**
 * Throws: DecryptError("auth-failed"): not the blob that was stored at this place and version.
 * @param {CryptoKey} storageKey VK
 * @param {Owner} owner
 * @param {SessionPlace} place
 * @param {Bytes} sealed
 * @returns {Promise<Bytes>} to be wiped after `parseRatchet`
 */
export function openSession(storageKey, owner, place, sealed) {
  return aeadOpen(storageKey, sealed, sessionContext(owner, place));
}

/**
 * @param {CryptoKey} storageKey VK
 * @param {Owner} owner
 * @param {RecordPlace} place
 * @param {Bytes} bytes
 * @returns {Promise<Bytes>}
 */
export function sealRecord(storageKey, owner, place, bytes) {
  return aeadSeal(storageKey, bytes, recordContext(owner, place));
}

/**
 * Throws: DecryptError("auth-failed"): not what was stored at this place.
 * @param {CryptoKey} storageKey VK
 * @param {Owner} owner
 * @param {RecordPlace} place
 * @param {Bytes} sealed
 * @returns {Promise<Bytes>}
 */
export function openRecord(storageKey, owner, place, sealed) {
  return aeadOpen(storageKey, sealed, recordContext(owner, place));
}

/**
 * @param {Owner} owner
 * @param {SessionPlace} place
 */
function sessionContext({ userId, deviceId }, { peerUser, peerDevice, sessionId, stateVersion }) {
  const peer = [peerUser, peerDevice, sessionId];
  return tuple(LABEL.storedSession, userId, deviceId, ...peer, u64(stateVersion));
}

/**
 * @param {Owner} owner
 * @param {RecordPlace} place
 */
function recordContext({ userId, deviceId }, { kind, recordId }) {
  return tuple(LABEL.storedKey, userId, deviceId, utf8(kind), recordId);
}

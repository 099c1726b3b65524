/**
 * The account identity, kept at a server that can neither read nor make it (SEAL1 §4.11).
 *
 *     BRK  = 32 random bytes under a random 16-byte brkId
 *     wrap = AEAD(KEK, BRK, T("SEAL1/backup/wrap", userId, u8 method, kdfParamsBytes, brkId))
 *     K_id = HKDF(brkId, BRK, "SEAL1/backup/identity", 32)
 *     blob = AEAD(K_id, identity, T("SEAL1/backup/identity", userId, brkId))
 *
 * method: 1 password (kdfParamsBytes of password.js), 2 recovery code, 3 passkey (both: no bytes).
 * All of it is symmetric: a backup that opens was written by someone who had the key.
 */

import { u8, utf8 } from "../lib/bytes.js";
import { DecryptError } from "../lib/errors.js";
import { BACKUP_METHOD, ID_BYTES, KEY_BYTES, LABEL } from "./constants.js";
import { ABSENT, tuple } from "./encoding.js";
import { dumpKdfParams, requireKdfParams } from "./password.js";
import { aeadOpen, aeadSeal, hkdfAeadKey, randomBytes } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { BackupKey, KdfParams, KeyEncryptionKey } from "./types.js" */

/** @typedef {{ brkId: Bytes, brk: BackupKey }} Backup brkId: 16 bytes */

/**
 * What opens a wrap; `params` for the password only.
 * @typedef {{ method: "password", params: KdfParams } | { method: "recovery" | "passkey" }} WrapMethod
 */

/**
 * @returns {Backup}
 */
export function makeBackupKey() {
  return { brkId: randomBytes(ID_BYTES), brk: /** @type {BackupKey} */ (randomBytes(KEY_BYTES)) };
}

/**
 * Wrap BRK for one way of opening it.
 *
 * Throws: AppError("weak_kdf").
 * @param {Backup} backup
 * @param {Bytes} userId 16 bytes
 * @param {WrapMethod} method
 * @param {KeyEncryptionKey} wrappingKey
 * @returns {Promise<Bytes>} 60 bytes
 */
export function wrapBackupKey({ brkId, brk }, userId, method, wrappingKey) {
  return aeadSeal(wrappingKey, brk, wrapContext(userId, method, brkId));
}

/**
 * Throws: DecryptError("auth-failed"), which is also the answer to a wrong password or code;
 * AppError("weak_kdf").
 * @param {Bytes} wrap
 * @param {Bytes} brkId 16 bytes, as the server names it: a false one does not open
 * @param {Bytes} userId 16 bytes
 * @param {WrapMethod} method
 * @param {KeyEncryptionKey} wrappingKey
 * @returns {Promise<Backup>}
 */
export async function unwrapBackupKey(wrap, brkId, userId, method, wrappingKey) {
  const brk = await aeadOpen(wrappingKey, wrap, wrapContext(userId, method, brkId));
  if (brk.length !== KEY_BYTES) throw new DecryptError("auth-failed");
  return { brkId, brk: /** @type {BackupKey} */ (brk) };
}

/**
 * @param {Backup} backup
 * @param {Bytes} userId 16 bytes
 * @param {Bytes} identity what a new device of the account needs, as JSON
 * @returns {Promise<Bytes>}
 */
export async function sealIdentity(backup, userId, identity) {
  return aeadSeal(await identityKey(backup), identity, identityContext(backup, userId));
}

/**
 * Throws: DecryptError("auth-failed").
 * @param {Backup} backup
 * @param {Bytes} userId 16 bytes
 * @param {Bytes} sealed
 * @returns {Promise<Bytes>}
 */
export async function openIdentity(backup, userId, sealed) {
  return aeadOpen(await identityKey(backup), sealed, identityContext(backup, userId));
}

/** @param {Backup} backup */
function identityKey({ brkId, brk }) {
  return hkdfAeadKey(brkId, brk, utf8(LABEL.backupIdentity));
}

/**
 * @param {Backup} backup
 * @param {Bytes} userId
 */
function identityContext({ brkId }, userId) {
  return tuple(LABEL.backupIdentity, userId, brkId);
}

/**
 * @param {Bytes} userId
 * @param {WrapMethod} method
 * @param {Bytes} brkId
 */
function wrapContext(userId, method, brkId) {
  return tuple(LABEL.backupWrap, userId, u8(BACKUP_METHOD[method.method]), kdfBytes(method), brkId);
}

/** @param {WrapMethod} method */
function kdfBytes(method) {
  if (method.method !== "password") return ABSENT;
  requireKdfParams(method.params);
  return dumpKdfParams(method.params);
}

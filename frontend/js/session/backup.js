/**
 * The identity backup: the account key and the trust records, behind the password and the recovery code
 * (SEAL1 §4.11).
 *
 *     identity = {"v": 1, "aik": PKCS #8, "trust": [{"user", "account_key", "verified"}]}
 *
 * The backup root key is in memory only while one of the calls here runs; devices do not keep it.
 */

import { fromBase64url, fromUtf8, toBase64url, utf8, wipe } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import {
  makeBackupKey,
  openIdentity,
  sealIdentity,
  unwrapBackupKey,
  wrapBackupKey,
} from "../crypto/backup.js";
import { importAccountKey } from "../crypto/identity.js";
import { recoveryKey } from "../crypto/recovery-code.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Backup as BackupRoot } from "../crypto/backup.js" */
/** @import { KdfParams, KeyEncryptionKey, KeyPair } from "../crypto/types.js" */
/** @import { Backup, Kdf, Wrap } from "../protocol/bodies.js" */
/** @import { TrustStatement } from "./trust.js" */

/** @typedef {{ wrappingKey: KeyEncryptionKey, salt: string, params: KdfParams }} PasswordSecret */
/**
 * An opened backup. `pkcs8` is the account key as bytes: wipe it.
 * @typedef {object} OpenBackup
 * @property {BackupRoot} root
 * @property {KeyPair} account AIK, non-extractable
 * @property {Bytes} pkcs8
 * @property {TrustStatement[]} trust
 */

/**
 * @param {Bytes} pkcs8 of a new account key
 * @returns {Promise<OpenBackup>}
 */
export async function newBackup(pkcs8) {
  return { root: makeBackupKey(), account: await importAccountKey(pkcs8), pkcs8, trust: [] };
}

/**
 * Open a backup with the password.
 *
 * Throws: AppError "wrong_password", also when the backup was wrapped under another one, "weak_kdf".
 * @param {Backup} backup
 * @param {string} user
 * @param {PasswordSecret} secret
 * @returns {Promise<OpenBackup>}
 */
export async function openWithPassword(backup, user, { wrappingKey, salt, params }) {
  const wrap = passwordWrap(backup);
  if (wrap === null || wrap.salt !== salt) throw new AppError("wrong_password");
  return openWith(
    backup,
    user,
    wrap,
    { method: "password", params },
    wrappingKey,
    "wrong_password",
  );
}

/**
 * Open a backup with the recovery code.
 *
 * Throws: AppError("bad_recovery_code").
 * @param {Backup} backup
 * @param {string} user
 * @param {Bytes} secret 16 bytes
 * @returns {Promise<OpenBackup>}
 */
export async function openWithRecovery(backup, user, secret) {
  const wrap = backup.wraps.find(({ method }) => method === "recovery");
  if (wrap === undefined) throw new AppError("bad_recovery_code");
  const key = await recoveryKey(fromBase64url(user, 16), secret);
  return openWith(backup, user, wrap, { method: "recovery" }, key, "bad_recovery_code");
}

/**
 * @param {Backup} backup
 * @returns {(Wrap & { salt: string, kdf: Kdf }) | null}
 */
export function passwordWrap({ wraps }) {
  const wrap = wraps.find(({ method }) => method === "password");
  if (wrap === undefined || wrap.salt === null || wrap.kdf === null) return null;
  return { ...wrap, salt: wrap.salt, kdf: wrap.kdf };
}

/**
 * @param {OpenBackup} open
 * @param {string} user
 * @param {PasswordSecret} secret
 * @returns {Promise<Wrap>}
 */
export async function wrapForPassword({ root }, user, { wrappingKey, salt, params }) {
  const userId = fromBase64url(user, 16);
  const wrap = await wrapBackupKey(root, userId, { method: "password", params }, wrappingKey);
  return { method: "password", kdf: dumpKdf(params), salt, wrap: toBase64url(wrap) };
}

/**
 * @param {OpenBackup} open
 * @param {string} user
 * @param {Bytes} secret 16 bytes
 * @returns {Promise<Wrap>}
 */
export async function wrapForRecovery({ root }, user, secret) {
  const userId = fromBase64url(user, 16);
  const key = await recoveryKey(userId, secret);
  const wrap = await wrapBackupKey(root, userId, { method: "recovery" }, key);
  return { method: "recovery", kdf: null, salt: null, wrap: toBase64url(wrap) };
}

/**
 * @param {OpenBackup} open
 * @param {string} user
 * @param {{ version: number, wraps: Wrap[], trust: readonly TrustStatement[] }} content `version` of the
 *   backup that this one replaces, 0 for the first
 * @returns {Promise<Backup>}
 */
export async function sealBackup({ root, pkcs8 }, user, { version, wraps, trust }) {
  const statements = trust.map(({ user: person, accountKey, verified }) => {
    return { user: person, account_key: accountKey, verified };
  });
  const json = JSON.stringify({ v: 1, aik: toBase64url(pkcs8), trust: statements });
  const identity = await sealIdentity(root, fromBase64url(user, 16), utf8(json));
  const sealed = { brk_id: toBase64url(root.brkId), identity: toBase64url(identity) };
  return { version: version + 1, wraps, ...sealed };
}

/**
 * Forget what opens everything.
 * @param {OpenBackup} open
 */
export function closeBackup({ root, pkcs8 }) {
  wipe(root.brk, pkcs8);
}

/**
 * @param {KdfParams} params
 * @returns {Kdf}
 */
export function dumpKdf({ alg, mKib, t, p }) {
  return { alg, m_kib: mKib, t, p };
}

/**
 * @param {Kdf} kdf
 * @returns {KdfParams}
 */
export function parseKdf({ alg, m_kib: mKib, t, p }) {
  return { alg, mKib, t, p };
}

/**
 * @param {Backup} backup
 * @param {string} user
 * @param {Wrap} wrap
 * @param {import("../crypto/backup.js").WrapMethod} method
 * @param {KeyEncryptionKey} key
 * @param {string} refusal code when it does not open
 * @returns {Promise<OpenBackup>}
 */
async function openWith(backup, user, wrap, method, key, refusal) {
  const userId = fromBase64url(user, 16);
  const brkId = fromBase64url(backup.brk_id, 16);
  try {
    const root = await unwrapBackupKey(fromBase64url(wrap.wrap), brkId, userId, method, key);
    const json = await openIdentity(root, userId, fromBase64url(backup.identity));
    const { aik, trust } = parseIdentityJson(json);
    const pkcs8 = fromBase64url(aik);
    return { root, account: await importAccountKey(pkcs8), pkcs8, trust };
  } catch (error) {
    if (error instanceof DecryptError) throw new AppError(refusal);
    throw error;
  }
}

/**
 * @param {Bytes} json authentic: written by a device of this account
 * @returns {{ aik: string, trust: TrustStatement[] }}
 */
function parseIdentityJson(json) {
  const { v, aik, trust } = JSON.parse(fromUtf8(json));
  if (v !== 1) throw new AppError("unsupported", "backup");
  const records = /** @type {{ user: string, account_key: string, verified: boolean }[]} */ (trust);
  const statements = records.map(({ user, account_key: accountKey, verified }) => {
    return { user, accountKey, verified };
  });
  return { aik, trust: statements };
}

/**
 * From a password to the key that logs in and the key that never leaves (SEAL1 §4.11).
 *
 *     salt    = H(T("SEAL1/pw-salt", email, salt16))          email trimmed and lower-cased
 *     MK      = Argon2id(NFC(password), salt, m = 64 MiB, t = 3, p = 1, 32)
 *     authKey = HKDF(Z32, MK, "SEAL1/auth", 32)               sent instead of the password
 *     KEK_pw  = HKDF(Z32, MK, "SEAL1/backup/kek-pw", 32)      stays
 *
 *     kdfParamsBytes = T("", alg, u32 m_kib, u32 t, u32 p)    bound into the wrap of the backup key
 *
 * The floors are constants of this client: a server that offers less is refused, because it would be
 * asking for a password that is cheap to guess (SEAL1 §6, rows 11 and 21).
 */

import { fromUtf8, readU32, u32, utf8, wipe } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import {
  ID_BYTES,
  KDF_DEFAULT,
  KDF_MAX_M_KIB,
  KDF_MAX_P,
  KDF_MAX_T,
  KDF_MIN_M_KIB,
  KDF_MIN_T,
  KEY_BYTES,
  LABEL,
} from "./constants.js";
import { parseTuple, tuple } from "./encoding.js";
import { hkdf, randomBytes, sha256, ZERO_SALT } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Argon2id, AuthKey, KdfParams, KeyEncryptionKey } from "./types.js" */

const ALGORITHM_CHARS = KDF_DEFAULT.alg.length;

/** @typedef {{ authKey: AuthKey, wrappingKey: KeyEncryptionKey }} PasswordKeys */

/**
 * @typedef {object} PasswordInput
 * @property {string} password as typed
 * @property {string} email as typed
 * @property {Bytes} salt16 16 random bytes, chosen at registration
 * @property {KdfParams} [params]
 */

/**
 * salt16 of a new password.
 * @returns {Bytes} 16 bytes
 */
export function makePasswordSalt() {
  return randomBytes(ID_BYTES);
}

/**
 * The one form of an address that names an account, here and at the server.
 * @param {string} email
 * @returns {string}
 */
export function normaliseEmail(email) {
  return email.trim().toLowerCase();
}

/**
 * Refuse parameters that this client must not compute with, whoever offers them.
 *
 * Throws: AppError("weak_kdf") below a floor, above a ceiling or for another algorithm.
 * @param {KdfParams} params
 */
export function requireKdfParams({ alg, mKib, t, p }) {
  const isAcceptable =
    alg === "argon2id" &&
    [mKib, t, p].every(Number.isInteger) &&
    KDF_MIN_M_KIB <= mKib &&
    mKib <= KDF_MAX_M_KIB &&
    KDF_MIN_T <= t &&
    t <= KDF_MAX_T &&
    1 <= p &&
    p <= KDF_MAX_P;
  if (!isAcceptable) throw new AppError("weak_kdf");
}

/**
 * @param {KdfParams} params
 * @returns {Bytes} kdfParamsBytes
 */
export function dumpKdfParams({ alg, mKib, t, p }) {
  return tuple("", utf8(alg), u32(mKib), u32(t), u32(p));
}

/**
 * Undo `dumpKdfParams`, without judging the parameters.
 *
 * Throws: AppError("malformed").
 * @param {Bytes} bytes
 * @returns {KdfParams}
 */
export function parseKdfParams(bytes) {
  const { fields, rest } = parseTuple(bytes, "", [ALGORITHM_CHARS, 4, 4, 4]);
  if (rest.length > 0) throw new AppError("malformed", "kdf parameters");
  const [alg, mKib, t, p] = /** @type {[Bytes, Bytes, Bytes, Bytes]} */ (fields);
  return { alg: fromUtf8(alg), mKib: readU32(mKib), t: readU32(t), p: readU32(p) };
}

/**
 * @param {string} email
 * @param {Bytes} salt16
 * @returns {Promise<Bytes>} 32 bytes
 */
export function passwordSalt(email, salt16) {
  if (salt16.length !== ID_BYTES) throw new AppError("malformed", "password salt");
  return sha256(tuple(LABEL.passwordSalt, utf8(normaliseEmail(email)), salt16));
}

/**
 * Stretch a password and split the result; takes a fraction of a second and at least 64 MiB.
 *
 * Throws: AppError("weak_kdf") before anything is computed.
 * @param {PasswordInput} input
 * @param {Argon2id} argon2id
 * @returns {Promise<PasswordKeys>}
 */
export async function derivePasswordKeys(input, argon2id) {
  const { password, email, salt16, params = KDF_DEFAULT } = input;
  requireKdfParams(params);
  const { mKib, t, p } = params;
  const salt = await passwordSalt(email, salt16);
  const masterKey = await argon2id({ password: utf8(password.normalize("NFC")), salt, mKib, t, p });
  const keys = await splitMasterKey(masterKey);
  wipe(masterKey);
  return keys;
}

/**
 * Two keys of which neither says anything about the other.
 * @param {Bytes} masterKey MK, 32 bytes
 * @returns {Promise<PasswordKeys>}
 */
export async function splitMasterKey(masterKey) {
  const [authKey, wrappingKey] = await Promise.all([
    hkdf(ZERO_SALT, masterKey, utf8(LABEL.auth), KEY_BYTES),
    hkdf(ZERO_SALT, masterKey, utf8(LABEL.backupPasswordKey), KEY_BYTES),
  ]);
  return {
    authKey: /** @type {AuthKey} */ (authKey),
    wrappingKey: /** @type {KeyEncryptionKey} */ (wrappingKey),
  };
}

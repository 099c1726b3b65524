/**
 * The recovery code: 128 random bits as a person can copy them (SEAL1 §4.11).
 *
 *     code   = Crockford base32(E ‖ top 12 bits of H("SEAL1/rc" ‖ E))   28 characters, groups of four
 *     KEK_rc = HKDF(userId, E, "SEAL1/backup/kek-rc", 32)
 *
 * Read generously: lower case, O for 0, I and L for 1, hyphens and spaces anywhere. The checksum tells a
 * typing error from a wrong code before anything is tried with it.
 */

import { concat, equal, utf8 } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { KEY_BYTES, LABEL, RECOVERY_BYTES, RECOVERY_CHARS } from "./constants.js";
import { hkdf, randomBytes, sha256 } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { KeyEncryptionKey } from "./types.js" */

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTER_BITS = 5n;
const CHECK_BITS = 12n;
const GROUP_CHARS = 4;

/**
 * E of a new recovery code.
 * @returns {Bytes} 16 bytes
 */
export function makeRecoverySecret() {
  return randomBytes(RECOVERY_BYTES);
}

/**
 * @param {Bytes} secret 16 bytes
 * @returns {Promise<string>} seven groups of four characters
 */
export async function dumpRecoveryCode(secret) {
  if (secret.length !== RECOVERY_BYTES) throw new AppError("malformed", "recovery secret");
  let bits = (toBigInt(secret) << CHECK_BITS) | (await checksum(secret));
  let characters = "";
  for (let i = 0; i < RECOVERY_CHARS; i += 1) {
    characters = ALPHABET.charAt(Number(bits & 31n)) + characters;
    bits >>= CHARACTER_BITS;
  }
  return characters.replaceAll(new RegExp(`.{${GROUP_CHARS}}(?!$)`, "g"), "$&-");
}

/**
 * Throws: AppError("bad_recovery_code") for a wrong length, character or checksum.
 * @param {string} text as typed
 * @returns {Promise<Bytes>} 16 bytes
 */
export async function parseRecoveryCode(text) {
  const characters = text.replaceAll(/[\s-]/g, "").toUpperCase();
  const values = Array.from(characters, (c) => {
    return ALPHABET.indexOf(c.replace("O", "0").replace(/[IL]/, "1"));
  });
  if (values.length !== RECOVERY_CHARS || values.includes(-1)) {
    throw new AppError("bad_recovery_code");
  }
  const bits = values.reduce((sum, value) => (sum << CHARACTER_BITS) | BigInt(value), 0n);
  const secret = fromBigInt(bits >> CHECK_BITS, RECOVERY_BYTES);
  const found = fromBigInt(bits & ((1n << CHECK_BITS) - 1n), 2);
  if (!equal(found, fromBigInt(await checksum(secret), 2))) throw new AppError("bad_recovery_code");
  return secret;
}

/**
 * KEK_rc.
 * @param {Bytes} userId 16 bytes
 * @param {Bytes} secret E, 16 bytes
 * @returns {Promise<KeyEncryptionKey>}
 */
export async function recoveryKey(userId, secret) {
  const key = await hkdf(userId, secret, utf8(LABEL.backupRecoveryKey), KEY_BYTES);
  return /** @type {KeyEncryptionKey} */ (key);
}

/**
 * @param {Bytes} secret
 * @returns {Promise<bigint>} 12 bits
 */
async function checksum(secret) {
  const digest = await sha256(concat(utf8(LABEL.recoveryCode), secret));
  return toBigInt(digest.subarray(0, 2)) >> (16n - CHECK_BITS);
}

/** @param {Uint8Array} bytes */
function toBigInt(bytes) {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/**
 * @param {bigint} value
 * @param {number} length
 * @returns {Bytes}
 */
function fromBigInt(value, length) {
  return Uint8Array.from({ length }, (_, i) => {
    return Number((value >> BigInt(8 * (length - 1 - i))) & 255n);
  });
}

/**
 * Symmetric primitives over WebCrypto: SHA-256, HMAC, HKDF, AES-256-GCM, randomness.
 *
 * Every ciphertext made here is iv12 ‖ ciphertext ‖ tag16 with a random IV, also under keys that are
 * used once: a cloned or rolled-back profile uses a "single-use" key twice, and a counter IV would then
 * give away the plaintexts and the authentication key.
 */

import { concat } from "../lib/bytes.js";
import { DecryptError } from "../lib/errors.js";
import { HASH_BYTES, IV_BYTES, TAG_BYTES } from "./constants.js";

/** @import { Bytes } from "../lib/bytes.js" */

const { subtle } = globalThis.crypto;
const HMAC = Object.freeze({ name: "HMAC", hash: "SHA-256" });

/** The salt where a spec formula has none: 32 zero bytes. */
export const ZERO_SALT = new Uint8Array(HASH_BYTES);

/**
 * @param {number} length in bytes
 * @returns {Bytes}
 */
export function randomBytes(length) {
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}

/**
 * @param {Bytes} bytes
 * @returns {Promise<Bytes>} 32 bytes
 */
export async function sha256(bytes) {
  return new Uint8Array(await subtle.digest("SHA-256", bytes));
}

/**
 * MAC several inputs under one key, importing it once.
 * @param {Bytes} key
 * @param {...Bytes} inputs
 * @returns {Promise<Bytes[]>} 32 bytes for each input
 */
export async function hmacAll(key, ...inputs) {
  const imported = await subtle.importKey("raw", key, HMAC, false, ["sign"]);
  const tags = await Promise.all(inputs.map((input) => subtle.sign("HMAC", imported, input)));
  return tags.map((tag) => new Uint8Array(tag));
}

/**
 * HMAC-SHA256; compare results with `equal`, which takes constant time.
 * @param {Bytes} key
 * @param {Bytes} input
 * @returns {Promise<Bytes>} 32 bytes
 */
export async function hmac(key, input) {
  const [tag] = await hmacAll(key, input);
  return /** @type {Bytes} */ (tag);
}

/**
 * HKDF-SHA256 of RFC 5869.
 * @param {Bytes} salt
 * @param {Bytes} secret input keying material
 * @param {Bytes} info
 * @param {number} length in bytes, at most 8160
 * @returns {Promise<Bytes>}
 */
export async function hkdf(salt, secret, info, length) {
  const key = await subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const algorithm = { name: "HKDF", hash: "SHA-256", salt, info };
  return new Uint8Array(await subtle.deriveBits(algorithm, key, length * 8));
}

/**
 * HKDF straight into an AES-256-GCM key, whose bytes never reach JavaScript.
 * @param {Bytes} salt
 * @param {Bytes} secret
 * @param {Bytes} info
 * @returns {Promise<CryptoKey>}
 */
export async function hkdfAeadKey(salt, secret, info) {
  const key = await subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const algorithm = { name: "HKDF", hash: "SHA-256", salt, info };
  const usage = { name: "AES-GCM", length: 256 };
  return subtle.deriveKey(algorithm, key, usage, false, ["encrypt", "decrypt"]);
}

/**
 * @param {Bytes} key 32 bytes
 * @returns {Promise<CryptoKey>} non-extractable
 */
export function importAeadKey(key) {
  return subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/**
 * @param {CryptoKey | Bytes} key
 * @param {Bytes} plaintext
 * @param {Bytes} additionalData
 * @returns {Promise<Bytes>} iv12 ‖ ciphertext ‖ tag16
 */
export async function aeadSeal(key, plaintext, additionalData) {
  const iv = randomBytes(IV_BYTES);
  const imported = key instanceof Uint8Array ? await importAeadKey(key) : key;
  const algorithm = { name: "AES-GCM", iv, additionalData };
  return concat(iv, new Uint8Array(await subtle.encrypt(algorithm, imported, plaintext)));
}

/**
 * Throws: DecryptError("auth-failed") for a wrong key, a changed byte or other additional data alike.
 * @param {CryptoKey | Bytes} key
 * @param {Bytes} sealed iv12 ‖ ciphertext ‖ tag16
 * @param {Bytes} additionalData
 * @returns {Promise<Bytes>}
 */
export async function aeadOpen(key, sealed, additionalData) {
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new DecryptError("auth-failed");
  const imported = key instanceof Uint8Array ? await importAeadKey(key) : key;
  const algorithm = { name: "AES-GCM", iv: sealed.subarray(0, IV_BYTES), additionalData };
  try {
    return new Uint8Array(await subtle.decrypt(algorithm, imported, sealed.subarray(IV_BYTES)));
  } catch {
    throw new DecryptError("auth-failed");
  }
}

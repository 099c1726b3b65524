/**
 * The number two people compare to know that nobody sits between them (SEAL1 §4.10).
 *
 *     fp(u)   = PBKDF2-HMAC-SHA-512(T("SEAL1/fp", userId, AIK), "SEAL1/fp", 100 000, 30 bytes)
 *     digits  = six times five bytes, big-endian, modulo 100 000, as five digits
 *     display = both fingerprints, the smaller first: twelve groups, the same on both sides
 */

import { utf8 } from "../lib/bytes.js";
import { FINGERPRINT_BYTES, FINGERPRINT_ITERATIONS, LABEL } from "./constants.js";
import { tuple } from "./encoding.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { PublicKey } from "./types.js" */

/** @typedef {{ userId: Bytes, accountKey: PublicKey }} Account */

const { subtle } = globalThis.crypto;
const GROUP_BYTES = 5;
const GROUP_DIGITS = 5;

/**
 * @param {Account} own
 * @param {Account} peer
 * @returns {Promise<string[]>} twelve groups of five digits; the order of the two does not matter
 */
export async function safetyNumber(own, peer) {
  const fingerprints = await Promise.all([fingerprint(own), fingerprint(peer)]);
  return fingerprints.sort().flatMap((groups) => groups.split(" "));
}

/**
 * @param {Account} account
 * @returns {Promise<string>} six groups of five digits with spaces between
 */
export async function fingerprint({ userId, accountKey }) {
  const secret = tuple(LABEL.fingerprint, userId, accountKey);
  const key = await subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  const salt = utf8(LABEL.fingerprint);
  const algorithm = { name: "PBKDF2", hash: "SHA-512", salt, iterations: FINGERPRINT_ITERATIONS };
  const digest = new Uint8Array(await subtle.deriveBits(algorithm, key, FINGERPRINT_BYTES * 8));
  const groups = Array.from({ length: FINGERPRINT_BYTES / GROUP_BYTES }, (_, i) => {
    const group = digest.subarray(i * GROUP_BYTES, (i + 1) * GROUP_BYTES);
    const value = group.reduce((sum, byte) => sum * 256 + byte, 0);
    return String(value % 10 ** GROUP_DIGITS).padStart(GROUP_DIGITS, "0");
  });
  return groups.join(" ");
}

/**
 * The JSON inside a payload: the fields that every type shares (SEAL1 §4.7).
 *
 *     t     type; the fields of the body depend on it
 *     sseq  1, 2, 3 … per sender device and room; a gap shows that messages are missing
 *     prev  base64url of PH of the sender device's previous message in the room; absent in its first
 *     exp   when every device deletes it, in milliseconds since epoch
 *     dl    {own: [version, hash], peers: H(sorted userId ‖ u64 version ‖ hash)}, hashes as base64url
 *
 * Unknown fields are kept: an older client shows what it can of a newer message.
 */

import { compare, concat, fromBase64url, u64 } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { HASH_BYTES } from "./constants.js";
import { sha256 } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Content } from "./types.js" */

/**
 * Return the value as content when its shared fields have their documented form.
 *
 * Throws: AppError("malformed").
 * @param {unknown} value
 * @returns {Content}
 */
export function checkContent(value) {
  if (!isObject(value)) throw new AppError("malformed", "content");
  const { t, sseq, prev, exp, dl } = value;
  if (typeof t !== "string" || t === "") throw new AppError("malformed", "t");
  if (sseq !== undefined) requireCount(sseq, "sseq");
  if (exp !== undefined) requireCount(exp, "exp");
  if (prev !== undefined) requireHash(prev, "prev");
  if (dl !== undefined) requireDeviceLists(dl);
  return /** @type {Content} */ (value);
}

/**
 * The digest of what a sender believes about the device lists of the others in the room.
 * @param {readonly { userId: Bytes, version: number, hash: Bytes }[]} lists in any order
 * @returns {Promise<Bytes>} 32 bytes, `dl.peers`
 */
export function digestDeviceLists(lists) {
  const sorted = [...lists].sort((a, b) => compare(a.userId, b.userId));
  return sha256(
    concat(...sorted.flatMap(({ userId, version, hash }) => [userId, u64(version), hash])),
  );
}

/** @param {unknown} value */
function requireDeviceLists(value) {
  if (!isObject(value) || !Array.isArray(value["own"]) || value["own"].length !== 2) {
    throw new AppError("malformed", "dl");
  }
  requireCount(value["own"][0], "dl");
  requireHash(value["own"][1], "dl");
  requireHash(value["peers"], "dl");
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} value
 * @param {string} field
 */
function requireCount(value, field) {
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw new AppError("malformed", field);
}

/**
 * @param {unknown} value
 * @param {string} field
 */
function requireHash(value, field) {
  if (typeof value !== "string") throw new AppError("malformed", field);
  fromBase64url(value, HASH_BYTES);
}

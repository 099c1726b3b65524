/**
 * What stands in clear before each ratchet message, and is authenticated with it:
 *
 *     header (75 B) = u8 version 1 ‖ u8 type 1 ‖ DHs.pub 65 ‖ u32 PN ‖ u32 N
 */

import { concat, readU32, u32, u8 } from "../lib/bytes.js";
import { DecryptError } from "../lib/errors.js";
import {
  COUNTER_LIMIT,
  HEADER_BYTES,
  HEADER_TYPE,
  HEADER_VERSION,
  POINT_BYTES,
} from "./constants.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { RatchetHeader } from "./types.js" */

/**
 * Throws: DecryptError "unsupported" (version, type, length) or "too-far" (a counter of 2^31 or more).
 * @param {Bytes} header
 * @returns {RatchetHeader}
 */
export function parseHeader(header) {
  const isKnown =
    header.length === HEADER_BYTES && header[0] === HEADER_VERSION && header[1] === HEADER_TYPE;
  if (!isKnown) throw new DecryptError("unsupported");
  const ratchetKey = header.slice(2, 2 + POINT_BYTES);
  const previousCount = readU32(header, 2 + POINT_BYTES);
  const number = readU32(header, 6 + POINT_BYTES);
  if (Math.max(previousCount, number) >= COUNTER_LIMIT) throw new DecryptError("too-far");
  return { ratchetKey, previousCount, number };
}

/**
 * @param {RatchetHeader} header
 * @returns {Bytes} 75 bytes
 */
export function dumpHeader({ ratchetKey, previousCount, number }) {
  return concat(u8(HEADER_VERSION), u8(HEADER_TYPE), ratchetKey, u32(previousCount), u32(number));
}

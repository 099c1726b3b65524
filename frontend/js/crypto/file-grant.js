/**
 * How a device asks to move a file's bytes: signed, because a log-in alone moves none (SEAL1 §4.12, S2-6).
 *
 *     sig = SIGN(DSK, "file-grant", T("", fileId, purpose, userId, deviceId, u64 issuedAtMs))
 */

import { u64, utf8 } from "../lib/bytes.js";
import { sign } from "./curve.js";
import { tuple } from "./encoding.js";

/** @import { Bytes } from "../lib/bytes.js" */

/**
 * @param {{ userId: Bytes, deviceId: Bytes, signingKey: CryptoKey }} device that asks
 * @param {{ fileId: Bytes, use: "put" | "get", issuedMs: number }} what `issuedMs`: the server's time,
 *   milliseconds UTC
 * @returns {Promise<Bytes>} 64 bytes
 */
export function signFileGrant({ userId, deviceId, signingKey }, { fileId, use, issuedMs }) {
  const body = tuple("", fileId, utf8(use), userId, deviceId, u64(issuedMs));
  return sign(signingKey, "file-grant", body);
}

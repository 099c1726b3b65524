/**
 * What one device gets through its ratchet for a message (SEAL1 §4.7).
 *
 *     capsule (96 B) = u8 1 ‖ u8 kind ‖ CK32 ‖ PH32 ‖ msgId16 ‖ u64 sentAtMs ‖ 6 zero bytes
 *     kind           = 1 message, 2 reset, 3 retry, 4 heartbeat, 5 key-share
 *
 * The kind is inside the encryption and a capsule comes through a ratchet only, so no message of one
 * protocol passes for one of another. CK and PH open the payload of message msgId; a capsule that brings
 * nothing to read (a heartbeat, always) has zeros there.
 */

import { concat, readU64, u64, u8 } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { CAPSULE_BYTES, CAPSULE_VERSION, HASH_BYTES, ID_BYTES, KEY_BYTES } from "./constants.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Capsule, CapsuleKind, ContentKey } from "./types.js" */

/** @type {readonly (CapsuleKind | undefined)[]} */
const KINDS = Object.freeze([undefined, "message", "reset", "retry", "heartbeat", "key-share"]);
const FIELDS_BYTES = 2 + KEY_BYTES + HASH_BYTES + ID_BYTES + 8;

/**
 * @param {Capsule} capsule
 * @returns {Bytes} 96 bytes, to be wiped after encryption
 */
export function dumpCapsule({ kind, contentKey, payloadHash, msgId, sentAtMs }) {
  const fields = [u8(CAPSULE_VERSION), u8(KINDS.indexOf(kind)), contentKey, payloadHash, msgId];
  const capsule = concat(...fields, u64(sentAtMs), new Uint8Array(CAPSULE_BYTES - FIELDS_BYTES));
  if (capsule.length !== CAPSULE_BYTES) throw new AppError("malformed", "capsule field length");
  return capsule;
}

/**
 * A capsule that carries no payload.
 * @param {"reset" | "retry" | "heartbeat"} kind
 * @param {Bytes} msgId 16 bytes
 * @param {number} sentAtMs
 * @returns {Capsule}
 */
export function emptyCapsule(kind, msgId, sentAtMs) {
  const contentKey = /** @type {ContentKey} */ (new Uint8Array(KEY_BYTES));
  return { kind, contentKey, payloadHash: new Uint8Array(HASH_BYTES), msgId, sentAtMs };
}

/**
 * Throws: DecryptError("unsupported") for an unknown version or kind, or bytes where zeros must be.
 * @param {Bytes} bytes as they came out of the ratchet
 * @returns {Capsule}
 */
export function parseCapsule(bytes) {
  const kind = KINDS[bytes[1] ?? 0];
  const isKnown =
    bytes.length === CAPSULE_BYTES && bytes[0] === CAPSULE_VERSION && kind !== undefined;
  if (!isKnown || bytes.subarray(FIELDS_BYTES).some((byte) => byte !== 0)) {
    throw new DecryptError("unsupported");
  }
  return {
    kind,
    contentKey: /** @type {ContentKey} */ (bytes.slice(2, 34)),
    payloadHash: bytes.slice(34, 66),
    msgId: bytes.slice(66, 82),
    sentAtMs: readSentAt(bytes),
  };
}

/** @param {Bytes} bytes */
function readSentAt(bytes) {
  try {
    return readU64(bytes, 82);
  } catch {
    throw new DecryptError("unsupported");
  }
}

/**
 * A ratchet state between two visits: its private key stays a CryptoKey, the rest becomes one blob that
 * the caller seals under the device key (`sealSession` of storage-key.js) and stores beside it.
 *
 *     blob = LP(u8 version 1) ‖ LP(TH) ‖ LP(RK) ‖ LP(DHs.pub) ‖ LP(DHr|"") ‖ LP(CKs|"") ‖ LP(CKr|"")
 *            ‖ LP(u32 Ns ‖ u32 Nr ‖ u32 PN ‖ u32 ratchetStep) ‖ LP(skipped) …
 *     skipped = DHs.pub 65 ‖ u32 N ‖ MK 32 ‖ u64 storedAtMs
 */

import { concat, readU32, readU64, u32, u64, u8 } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { HASH_BYTES, KEY_BYTES, POINT_BYTES, STATE_VERSION } from "./constants.js";
import { ABSENT, lengthPrefixedAll, parseLengthPrefixed } from "./encoding.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { ChainKey, MessageKey, PublicKey, RatchetState, RootKey, SkippedKey } from "./types.js" */

const FIELD_BYTES = [1, HASH_BYTES, KEY_BYTES, POINT_BYTES];
const COUNTERS_BYTES = 16;
const SKIPPED_BYTES = POINT_BYTES + 4 + KEY_BYTES + 8;

/**
 * @typedef {object} StoredRatchet
 * @property {{ ownRatchet: CryptoKey }} keys to be stored as they are: structured clone keeps them closed
 * @property {Bytes} blob plain symmetric secrets: seal it, then wipe it
 */

/**
 * @param {RatchetState} state
 * @returns {StoredRatchet}
 */
export function dumpRatchet(state) {
  const counters = [
    state.sendCount,
    state.receiveCount,
    state.previousSendCount,
    state.ratchetStep,
  ];
  const blob = lengthPrefixedAll([
    u8(STATE_VERSION),
    state.transcriptHash,
    state.rootKey,
    state.ownRatchet.publicKey,
    state.peerRatchetKey ?? ABSENT,
    state.sendingChainKey ?? ABSENT,
    state.receivingChainKey ?? ABSENT,
    concat(...counters.map(u32)),
    ...state.skipped.map(dumpSkipped),
  ]);
  return { keys: { ownRatchet: state.ownRatchet.privateKey }, blob };
}

/**
 * Throws: AppError("malformed"): not a state of this version; start a new session.
 * @param {StoredRatchet} stored
 * @returns {RatchetState}
 */
export function parseRatchet({ keys, blob }) {
  const [
    version,
    transcriptHash,
    rootKey,
    ownKey,
    peerKey,
    sending,
    receiving,
    counters,
    ...skipped
  ] = parseLengthPrefixed(blob);
  const fixed = [version, transcriptHash, rootKey, ownKey];
  const isWhole =
    version?.[0] === STATE_VERSION &&
    fixed.every((field, i) => field?.length === FIELD_BYTES[i]) &&
    counters?.length === COUNTERS_BYTES;
  if (!isWhole) throw new AppError("malformed", "ratchet state");
  return Object.freeze({
    transcriptHash: /** @type {Bytes} */ (transcriptHash),
    rootKey: /** @type {RootKey} */ (rootKey),
    ownRatchet: Object.freeze({
      privateKey: keys.ownRatchet,
      publicKey: /** @type {PublicKey} */ (ownKey),
    }),
    peerRatchetKey: optional(peerKey, POINT_BYTES),
    sendingChainKey: /** @type {ChainKey | null} */ (optional(sending, KEY_BYTES)),
    receivingChainKey: /** @type {ChainKey | null} */ (optional(receiving, KEY_BYTES)),
    sendCount: readU32(counters, 0),
    receiveCount: readU32(counters, 4),
    previousSendCount: readU32(counters, 8),
    ratchetStep: readU32(counters, 12),
    skipped: Object.freeze(skipped.map(parseSkipped)),
  });
}

/** @param {SkippedKey} key */
function dumpSkipped({ ratchetKey, number, messageKey, storedAtMs }) {
  return concat(ratchetKey, u32(number), messageKey, u64(storedAtMs));
}

/**
 * @param {Bytes} bytes
 * @returns {SkippedKey}
 */
function parseSkipped(bytes) {
  if (bytes.length !== SKIPPED_BYTES) throw new AppError("malformed", "skipped key");
  const keyAt = POINT_BYTES + 4;
  return Object.freeze({
    ratchetKey: bytes.slice(0, POINT_BYTES),
    number: readU32(bytes, POINT_BYTES),
    messageKey: /** @type {MessageKey} */ (bytes.slice(keyAt, keyAt + KEY_BYTES)),
    storedAtMs: readU64(bytes, keyAt + KEY_BYTES),
  });
}

/**
 * @param {Bytes | undefined} field
 * @param {number} length
 */
function optional(field, length) {
  if (field === undefined || (field.length !== 0 && field.length !== length)) {
    throw new AppError("malformed", "ratchet state");
  }
  return field.length === 0 ? null : field;
}

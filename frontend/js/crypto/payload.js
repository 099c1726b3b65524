/**
 * A message, sealed once for all devices (SEAL1 §4.7).
 *
 *     CK      = 32 random bytes, sent to each device in a capsule
 *     PK      = HKDF(Z32, CK, "SEAL1/payload", 32)
 *     hdrP    = T("SEAL1/payload/ad", roomId32, u64 epoch, rosterHash32, msgId16, senderUser, senderDevice, C2)
 *     content = LP(fk32) ‖ LP(json)            ctP = iv12 ‖ GCM(PK, iv, pad(content), aad = hdrP)
 *     C2      = HMAC-SHA256(fk, T("SEAL1/frank", roomId, msgId, senderUser, senderDevice, json))
 *     PH      = H(LP(hdrP) ‖ ctP)
 *
 * GCM does not commit to its key: the hash PH, which travels through each device's ratchet, keeps a
 * member of the room from giving one device another payload, and C2 keeps a message that could not be
 * reported from being shown.
 */

import { concat, equal, fromUtf8, u64, utf8, wipe } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import {
  HASH_BYTES,
  ID_BYTES,
  KEY_BYTES,
  LABEL,
  MAX_PAYLOAD_BYTES,
  ROOM_ID_BYTES,
} from "./constants.js";
import { checkContent } from "./content.js";
import { lengthPrefixed, lengthPrefixedAll, parseLengthPrefixed, tuple } from "./encoding.js";
import { pad, unpad } from "./padding.js";
import {
  aeadOpen,
  aeadSeal,
  hkdfAeadKey,
  hmac,
  randomBytes,
  sha256,
  ZERO_SALT,
} from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Capsule, Content, ContentKey, FrankingKey, PayloadContext } from "./types.js" */

/**
 * @typedef {object} SealedPayload
 * @property {ContentKey} contentKey CK, for the capsules
 * @property {Bytes} payload ctP
 * @property {Bytes} payloadHash PH, for the capsules and for `prev` of the next message
 * @property {Bytes} commitment C2
 */

/**
 * @typedef {object} OpenedPayload
 * @property {Content} content
 * @property {Bytes} json the exact bytes of the content: what a report shows
 * @property {FrankingKey} frankingKey fk: what a report proves it with
 */

/**
 * Seal a message once, for any number of devices.
 *
 * Throws: AppError "malformed" (content or ids) or "too_large" (more than 256 KiB).
 * @param {PayloadContext} context
 * @param {Content} content
 * @returns {Promise<SealedPayload>}
 */
export async function sealPayload(context, content) {
  const json = utf8(JSON.stringify(checkContent(content)));
  const frankingKey = /** @type {FrankingKey} */ (randomBytes(KEY_BYTES));
  const contentKey = /** @type {ContentKey} */ (randomBytes(KEY_BYTES));
  const commitment = await commitTo(context, frankingKey, json);
  const header = payloadHeader(context, commitment);
  const padded = pad(lengthPrefixedAll([frankingKey, json]));
  const payload = await aeadSeal(await derivePayloadKey(contentKey), padded, header);
  wipe(padded);
  if (payload.length > MAX_PAYLOAD_BYTES) throw new AppError("too_large", "payload");
  return { contentKey, payload, payloadHash: await hashPayload(header, payload), commitment };
}

/**
 * Open a payload with what a capsule said about it.
 *
 * Throws: DecryptError "auth-failed" (another payload than the capsule's, another context, a changed
 * byte, a false commitment) or "unsupported" (authentic, but no content of this version).
 * @param {PayloadContext} context from the receiver's own view of the room and the session's owner
 * @param {Pick<Capsule, "contentKey" | "payloadHash">} capsule
 * @param {Bytes} payload ctP as received
 * @param {Bytes} commitment C2 as received
 * @returns {Promise<OpenedPayload>}
 */
export async function openPayload(context, { contentKey, payloadHash }, payload, commitment) {
  const header = orRefuse("auth-failed", () => payloadHeader(context, commitment));
  if (!equal(payloadHash, await hashPayload(header, payload)))
    throw new DecryptError("auth-failed");
  const padded = await aeadOpen(await derivePayloadKey(contentKey), payload, header);
  const { frankingKey, json } = splitContent(padded);
  if (!equal(await commitTo(context, frankingKey, json), commitment)) {
    throw new DecryptError("auth-failed");
  }
  return { content: readContent(json), json, frankingKey };
}

/**
 * PK: HKDF(Z32, CK, "SEAL1/payload", 32).
 * @param {ContentKey} contentKey
 * @returns {Promise<CryptoKey>}
 */
export function derivePayloadKey(contentKey) {
  return hkdfAeadKey(ZERO_SALT, contentKey, utf8(LABEL.payload));
}

/**
 * C2: what the server stamps, and a report is checked against.
 * @param {Pick<PayloadContext, "roomId" | "msgId" | "senderUser" | "senderDevice">} context
 * @param {FrankingKey} frankingKey
 * @param {Bytes} json
 * @returns {Promise<Bytes>} 32 bytes
 */
export function commitTo({ roomId, msgId, senderUser, senderDevice }, frankingKey, json) {
  return hmac(frankingKey, tuple(LABEL.franking, roomId, msgId, senderUser, senderDevice, json));
}

/**
 * hdrP.
 * @param {PayloadContext} context
 * @param {Bytes} commitment
 */
function payloadHeader(context, commitment) {
  const { roomId, epoch, rosterHash, msgId, senderUser, senderDevice } = context;
  const hasLengths =
    roomId.length === ROOM_ID_BYTES &&
    [rosterHash, commitment].every((hash) => hash.length === HASH_BYTES) &&
    [msgId, senderUser, senderDevice].every((id) => id.length === ID_BYTES);
  if (!hasLengths) throw new AppError("malformed", "payload context");
  const place = [roomId, u64(epoch), rosterHash, msgId];
  return tuple(LABEL.payloadContext, ...place, senderUser, senderDevice, commitment);
}

/**
 * PH.
 * @param {Bytes} header
 * @param {Bytes} payload
 */
function hashPayload(header, payload) {
  return sha256(concat(lengthPrefixed(header), payload));
}

/**
 * Only the sender can have made these fields wrong, and C2 would not hold for them: not authentic.
 * @param {Bytes} padded
 */
function splitContent(padded) {
  const [frankingKey, json, ...rest] = orRefuse("auth-failed", () => {
    return parseLengthPrefixed(unpad(padded));
  });
  if (frankingKey?.length !== KEY_BYTES || json === undefined || rest.length > 0) {
    throw new DecryptError("auth-failed");
  }
  return { frankingKey: /** @type {FrankingKey} */ (frankingKey), json };
}

/**
 * What is authentic but cannot be read was written by a version that is not ours.
 * @param {Bytes} json
 */
function readContent(json) {
  return orRefuse("unsupported", () => checkContent(JSON.parse(fromUtf8(json))));
}

/**
 * @template T
 * @param {"auth-failed" | "unsupported"} reason
 * @param {() => T} read
 * @returns {T}
 */
function orRefuse(reason, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof AppError || error instanceof SyntaxError) throw new DecryptError(reason);
    throw error;
  }
}

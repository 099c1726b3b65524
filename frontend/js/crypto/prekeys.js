/**
 * Prekeys: what lets a sender start a session while the receiver is away.
 *
 *     SPK signature = SIGN(DSK, "spk", T("", userId, deviceId, u32 id, pub, u64 createdAtMs, u64 expiresAtMs))
 *     OPK signature = SIGN(DSK, "opk", T("", userId, deviceId, u32 id, pub))
 *
 * One-time prekeys are signed too: plain X3DH leaves them bare, and the server could then hand out its
 * own. Ids start at a random number below 2^30, only grow, stay below 2^31 and are never reused.
 */

import { readU32, u32, u64 } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import {
  FIRST_PREKEY_ID_LIMIT,
  SIGNED_PREKEY_GRACE_MS,
  SIGNED_PREKEY_KEEP_MS,
  SIGNED_PREKEY_ROTATE_MS,
  SIGNED_PREKEY_TTL_MS,
} from "./constants.js";
import { generateAgreementKeyPair, importAgreementKey, sign, verify } from "./curve.js";
import { tuple } from "./encoding.js";
import { randomBytes } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { DeviceIdentity, OneTimePreKey, PublicKey, SignedPreKey } from "./types.js" */

/**
 * @typedef {object} PreKeyOwner
 * @property {Bytes} userId 16 bytes
 * @property {Bytes} deviceId 16 bytes
 * @property {CryptoKey} signingPrivateKey DSK
 */

/**
 * Draw the first prekey id of a device; the next one is always one more.
 * @returns {number} 0 … 2^30-1
 */
export function firstPreKeyId() {
  return readU32(randomBytes(4)) % FIRST_PREKEY_ID_LIMIT;
}

/**
 * @param {PreKeyOwner} owner
 * @param {number} id
 * @param {number} createdAtMs
 * @returns {Promise<SignedPreKey & { privateKey: CryptoKey }>} the private key is non-extractable
 */
export async function makeSignedPreKey(owner, id, createdAtMs) {
  const { privateKey, publicKey } = await generateAgreementKeyPair();
  const bare = { id, publicKey, createdAtMs, expiresAtMs: createdAtMs + SIGNED_PREKEY_TTL_MS };
  const signature = await sign(owner.signingPrivateKey, "spk", signedPreKeyBody(owner, bare));
  return { ...bare, signature, privateKey };
}

/**
 * @param {PreKeyOwner} owner
 * @param {number} firstId the keys get this id and the ones after it
 * @param {number} count at most 100 go into one upload
 * @returns {Promise<(OneTimePreKey & { privateKey: CryptoKey })[]>}
 */
export function makeOneTimePreKeys(owner, firstId, count) {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const id = firstId + i;
      const { privateKey, publicKey } = await generateAgreementKeyPair();
      const body = oneTimePreKeyBody(owner, { id, publicKey });
      return {
        id,
        publicKey,
        signature: await sign(owner.signingPrivateKey, "opk", body),
        privateKey,
      };
    }),
  );
}

/**
 * Check what the server handed out for a device before a session is started with it.
 *
 * Throws: AppError "bad_key", "bad_signature", or "device_inactive" when the signed prekey expired more
 * than 31 days ago (skip the device with a visible note).
 * @param {Pick<DeviceIdentity, "userId" | "deviceId" | "signingKey">} device from its verified certificate
 * @param {{ signedPreKey: SignedPreKey, oneTimePreKey: OneTimePreKey | null }} bundle
 * @param {number} nowMs
 */
export async function verifyBundle(device, { signedPreKey, oneTimePreKey }, nowMs) {
  await importAgreementKey(signedPreKey.publicKey);
  const body = signedPreKeyBody(device, signedPreKey);
  await verify(device.signingKey, "spk", body, signedPreKey.signature);
  if (nowMs >= signedPreKey.expiresAtMs + SIGNED_PREKEY_GRACE_MS)
    throw new AppError("device_inactive");
  if (oneTimePreKey === null) return;
  await importAgreementKey(oneTimePreKey.publicKey);
  const oneTimeBody = oneTimePreKeyBody(device, oneTimePreKey);
  await verify(device.signingKey, "opk", oneTimeBody, oneTimePreKey.signature);
}

/**
 * @param {Pick<SignedPreKey, "createdAtMs">} signedPreKey the newest own one
 * @param {number} nowMs
 * @returns {boolean} whether a new one is due (every 7 days)
 */
export function isRotationDue({ createdAtMs }, nowMs) {
  return nowMs >= createdAtMs + SIGNED_PREKEY_ROTATE_MS;
}

/**
 * @param {Pick<SignedPreKey, "createdAtMs">} signedPreKey an own one
 * @param {number} nowMs
 * @returns {boolean} whether its private key must be deleted (after 21 days)
 */
export function isPrivateKeyExpired({ createdAtMs }, nowMs) {
  return nowMs >= createdAtMs + SIGNED_PREKEY_KEEP_MS;
}

/**
 * @param {{ userId: Bytes, deviceId: Bytes }} device
 * @param {Omit<SignedPreKey, "signature">} signedPreKey
 */
function signedPreKeyBody({ userId, deviceId }, { id, publicKey, createdAtMs, expiresAtMs }) {
  return tuple("", userId, deviceId, u32(id), publicKey, u64(createdAtMs), u64(expiresAtMs));
}

/**
 * @param {{ userId: Bytes, deviceId: Bytes }} device
 * @param {{ id: number, publicKey: PublicKey }} oneTimePreKey
 */
function oneTimePreKeyBody({ userId, deviceId }, { id, publicKey }) {
  return tuple("", userId, deviceId, u32(id), publicKey);
}

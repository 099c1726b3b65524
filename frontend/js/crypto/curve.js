/**
 * P-256: key pairs, agreement, signatures that say what they are for.
 *
 * A public key is 65 bytes beginning with 4, checked before the engine sees it: Chromium and Firefox
 * also accept a compressed point, which would be a second encoding of one key in every transcript.
 * That the point lies on the curve is checked by the engine's import.
 */

import { AppError } from "../lib/errors.js";
import { POINT_BYTES, SIGNATURE_BYTES, SIGNATURE_PREFIX } from "./constants.js";
import { tuple } from "./encoding.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Purpose } from "./constants.js" */
/** @import { KeyPair, PublicKey, Signature } from "./types.js" */

const { subtle } = globalThis.crypto;
const AGREEMENT = Object.freeze({ name: "ECDH", namedCurve: "P-256" });
const SIGNING = Object.freeze({ name: "ECDSA", namedCurve: "P-256" });
const ECDSA_SHA256 = Object.freeze({ name: "ECDSA", hash: "SHA-256" });

/**
 * @param {boolean} [extractable] true only to wrap the key at once (app lock, SEAL1 §4.2)
 * @returns {Promise<KeyPair>}
 */
export async function generateAgreementKeyPair(extractable = false) {
  return exposePublic(await subtle.generateKey(AGREEMENT, extractable, ["deriveBits"]));
}

/**
 * @param {boolean} [extractable] true only for the account key, which goes into the backup
 * @returns {Promise<KeyPair>}
 */
export async function generateSigningKeyPair(extractable = false) {
  return exposePublic(await subtle.generateKey(SIGNING, extractable, ["sign", "verify"]));
}

/**
 * Throws: AppError("bad_key") for whatever is not an uncompressed point on the curve.
 * @param {Bytes} publicKey
 * @returns {Promise<CryptoKey>}
 */
export function importAgreementKey(publicKey) {
  return importPoint(publicKey, AGREEMENT, []);
}

/**
 * Throws: AppError("bad_key").
 * @param {Bytes} publicKey
 * @returns {Promise<CryptoKey>}
 */
export function importVerifyingKey(publicKey) {
  return importPoint(publicKey, SIGNING, ["verify"]);
}

/**
 * ECDH. A point and its negative give the same secret, so the encodings of both public keys must be
 * bound elsewhere (they are: in TH and in every header).
 *
 * Throws: AppError("bad_key").
 * @param {CryptoKey} privateKey
 * @param {PublicKey} publicKey
 * @returns {Promise<Bytes>} 32 bytes, to be wiped after use
 */
export async function agree(privateKey, publicKey) {
  const algorithm = { name: "ECDH", public: await importAgreementKey(publicKey) };
  return new Uint8Array(await subtle.deriveBits(algorithm, privateKey, 256));
}

/**
 * SIGN(K, purpose, body). The signature of one purpose verifies for no other.
 * @param {CryptoKey} privateKey
 * @param {Purpose} purpose
 * @param {Bytes} body
 * @returns {Promise<Signature>} malleable: never an id, never an input of a hash chain
 */
export async function sign(privateKey, purpose, body) {
  const message = tuple(`${SIGNATURE_PREFIX}${purpose}`, body);
  return new Uint8Array(await subtle.sign(ECDSA_SHA256, privateKey, message));
}

/**
 * Throws: AppError("bad_key") when the key is no key, AppError("bad_signature") when it did not sign.
 * @param {PublicKey} publicKey
 * @param {Purpose} purpose
 * @param {Bytes} body
 * @param {Bytes} signature
 */
export async function verify(publicKey, purpose, body, signature) {
  const key = await importVerifyingKey(publicKey);
  const message = tuple(`${SIGNATURE_PREFIX}${purpose}`, body);
  const valid =
    signature.length === SIGNATURE_BYTES &&
    (await subtle.verify(ECDSA_SHA256, key, signature, message));
  if (!valid) throw new AppError("bad_signature", purpose);
}

/**
 * @param {CryptoKeyPair} pair
 * @returns {Promise<KeyPair>}
 */
async function exposePublic({ privateKey, publicKey }) {
  return { privateKey, publicKey: new Uint8Array(await subtle.exportKey("raw", publicKey)) };
}

/**
 * @param {Bytes} point
 * @param {EcKeyImportParams} algorithm
 * @param {KeyUsage[]} usages
 */
async function importPoint(point, algorithm, usages) {
  if (point.length !== POINT_BYTES || point[0] !== 4)
    throw new AppError("bad_key", "not uncompressed");
  try {
    return await subtle.importKey("raw", point, algorithm, true, usages);
  } catch {
    throw new AppError("bad_key", "not on the curve");
  }
}

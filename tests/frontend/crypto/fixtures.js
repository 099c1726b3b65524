/** People of the golden vectors (SEAL1 §4.18) and short cuts that several tests need. */

import { concat, fromHex, toBase64url, utf8 } from "../../../frontend/js/lib/bytes.js";
import { AppError } from "../../../frontend/js/lib/errors.js";
import { sha256 } from "../../../frontend/js/crypto/primitives.js";
import { initiateRatchet, respondRatchet } from "../../../frontend/js/crypto/ratchet.js";
import { initiateAgreement, respondAgreement } from "../../../frontend/js/crypto/x3dh.js";
import {
  generateAgreementKeyPair,
  generateSigningKeyPair,
} from "../../../frontend/js/crypto/curve.js";

export const KEYS_NAME = 'keys (priv = (SHA-256("SEAL1 test key "+name) mod 2^255)+1)';
export const SIGNED_PREKEY_ID = 7;
export const ONE_TIME_PREKEY_ID = 9;
export const NOW_MS = 1_790_000_000_000;

/**
 * A byte repeated, as the spec writes its test ids: `repeat("aa", 16)`.
 * @param {string} byte
 * @param {number} count
 */
export function repeat(byte, count) {
  return fromHex(byte.repeat(count));
}

/**
 * The key pair a name stands for; the public half comes from the vector file.
 * @param {Record<string, any>} vectors
 * @param {string} name
 * @param {"ECDH" | "ECDSA"} algorithm
 */
export async function goldenPair(vectors, name, algorithm) {
  const scalar = await goldenScalar(name);
  const publicKey = fromHex(vectors[KEYS_NAME][name]);
  const jwk = {
    kty: "EC",
    crv: "P-256",
    d: toBase64url(scalar),
    x: toBase64url(publicKey.subarray(1, 33)),
    y: toBase64url(publicKey.subarray(33)),
  };
  const usages = algorithm === "ECDH" ? ["deriveBits"] : ["sign"];
  const parameters = { name: algorithm, namedCurve: "P-256" };
  const privateKey = await crypto.subtle.importKey("jwk", jwk, parameters, false, usages);
  return { privateKey, publicKey };
}

/**
 * (SHA-256("SEAL1 test key " + name) mod 2^255) + 1.
 * @param {string} name
 */
export async function goldenScalar(name) {
  const scalar = await sha256(utf8(`SEAL1 test key ${name}`));
  scalar[0] &= 0x7f;
  for (let i = 31; i >= 0; i -= 1) {
    scalar[i] += 1;
    if (scalar[i] !== 0) break;
  }
  return scalar;
}

/**
 * @param {Record<string, any>} vectors
 * @param {"A" | "B"} letter
 */
export function goldenIdentity(vectors, letter) {
  const key = (name) => fromHex(vectors[KEYS_NAME][`${letter}.${name}`]);
  return {
    userId: repeat(letter === "A" ? "aa" : "bb", 16),
    deviceId: repeat(letter === "A" ? "a1" : "b1", 16),
    accountKey: key("AIK"),
    signingKey: key("DSK"),
    agreementKey: key("DIK"),
    certHash: repeat("00", 32),
  };
}

/** A device with fresh keys; the certificate hash is random, for tests that need no certificate. */
export async function makeDevice() {
  const [account, signing, agreement] = await Promise.all([
    generateSigningKeyPair(true),
    generateSigningKeyPair(),
    generateAgreementKeyPair(),
  ]);
  const random = (length) => crypto.getRandomValues(new Uint8Array(length));
  const identity = {
    userId: random(16),
    deviceId: random(16),
    accountKey: account.publicKey,
    signingKey: signing.publicKey,
    agreementKey: agreement.publicKey,
    certHash: random(32),
  };
  return { identity, account, signing, agreement };
}

/** Both sides of an agreement between two fresh devices. */
export async function agreeFresh({ withOneTimePreKey = true } = {}) {
  const [alice, bob] = await Promise.all([makeDevice(), makeDevice()]);
  const signedPreKey = { id: SIGNED_PREKEY_ID, ...(await generateAgreementKeyPair()) };
  const oneTimePreKey = withOneTimePreKey
    ? { id: ONE_TIME_PREKEY_ID, ...(await generateAgreementKeyPair()) }
    : null;
  const initiated = await initiateAgreement({
    own: alice.identity,
    ownAgreementPrivateKey: alice.agreement.privateKey,
    peer: bob.identity,
    signedPreKey,
    oneTimePreKey,
  });
  const responderInput = {
    own: bob.identity,
    ownAgreementPrivateKey: bob.agreement.privateKey,
    peer: alice.identity,
    pre: initiated.pre,
    signedPreKey,
    oneTimePreKey,
  };
  return { alice, bob, initiated, responderInput, signedPreKey, oneTimePreKey };
}

/** Two ratchet states that belong together: the initiator's and the responder's. */
export async function makeRatchets(options) {
  const { initiated, responderInput, signedPreKey } = await agreeFresh(options);
  const responded = await respondAgreement(responderInput);
  return {
    initiator: await initiateRatchet(initiated, signedPreKey.publicKey),
    responder: respondRatchet(responded, signedPreKey),
  };
}

/**
 * A copy with one bit of one byte turned.
 * @param {Uint8Array} bytes
 * @param {number} index
 * @param {number} [bit]
 */
export function flip(bytes, index, bit = 0) {
  const flipped = concat(bytes);
  flipped[index] ^= 1 << bit;
  return flipped;
}

/**
 * Run and return the reason of the DecryptError, or the code of the AppError, that it ends with.
 * @param {() => Promise<unknown> | unknown} action
 * @returns {Promise<string>} "accepted" when it does not fail; any other error is thrown on
 */
export async function refusalOf(action) {
  try {
    await action();
  } catch (error) {
    if (error instanceof AppError) return error.reason ?? error.code;
    throw error;
  }
  return "accepted";
}

/** Short cuts of the tests of files. */

import { concat } from "../../../frontend/js/lib/bytes.js";
import { certifyDevice, verifyCertificate } from "../../../frontend/js/crypto/identity.js";
import {
  generateAgreementKeyPair,
  generateSigningKeyPair,
} from "../../../frontend/js/crypto/curve.js";
import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import { NOW_MS } from "./fixtures.js";

/**
 * Bytes as a stream, in pieces of one size.
 * @param {Uint8Array} bytes
 * @param {number} [size]
 */
export async function* inPieces(bytes, size = bytes.length || 1) {
  for (let start = 0; start < bytes.length; start += size) {
    yield bytes.slice(start, start + size);
  }
}

/** @param {AsyncIterable<Uint8Array>} pieces */
export async function collect(pieces) {
  const collected = [];
  for await (const piece of pieces) collected.push(piece.slice());
  return concat(...collected);
}

/**
 * Byte i is i mod 251, so that no two chunks are alike.
 * @param {number} length
 */
export function pattern(length) {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

/** A device of an account, with a certificate that both have signed. */
export async function makeCertifiedDevice(account) {
  const owner = account ?? { ...(await generateSigningKeyPair()), userId: randomBytes(16) };
  const [signing, agreement] = await Promise.all([
    generateSigningKeyPair(),
    generateAgreementKeyPair(),
  ]);
  const certificate = await certifyDevice({
    userId: owner.userId,
    deviceId: randomBytes(16),
    account: owner,
    signing,
    agreementKey: agreement.publicKey,
    createdAtMs: NOW_MS,
  });
  const identity = await verifyCertificate(certificate, owner.publicKey);
  const sender = { accountKey: owner.publicKey, certificate, signingKey: signing.privateKey };
  return { account: owner, identity, sender, signing, agreement };
}

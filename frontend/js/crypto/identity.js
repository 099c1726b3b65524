/**
 * Who a device is: account key, device keys, device certificates.
 *
 *     DevCertBody = T("SEAL1/devcert", userId, deviceId, DSK, DIK, u64 createdAtMs, u8 suites)
 *     sigA        = SIGN(AIK, "devcert", body)                    the account vouches for the device
 *     sigP        = SIGN(DSK, "devcert-pop", T("", H(body), AIK)) the device consents to the account
 *     certHash    = H(body)
 */

import { AppError } from "../lib/errors.js";
import { u64, u8, readU64 } from "../lib/bytes.js";
import { ID_BYTES, LABEL, POINT_BYTES, SUITES_BITMAP } from "./constants.js";
import {
  generateAgreementKeyPair,
  generateSigningKeyPair,
  importAgreementKey,
  sign,
  verify,
} from "./curve.js";
import { parseTuple, tuple } from "./encoding.js";
import { sha256 } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { DeviceCertificate, KeyPair, PublicKey, SignedCertificate } from "./types.js" */

const { subtle } = globalThis.crypto;
const SIGNING = Object.freeze({ name: "ECDSA", namedCurve: "P-256" });
const PKCS8_BYTES = 138; // P-256 with its public key last, as every engine and OpenSSL writes it

/**
 * AIK, extractable this once, so that it can be put into the backup.
 * @returns {Promise<KeyPair>}
 */
export function generateAccountKey() {
  return generateSigningKeyPair(true);
}

/**
 * @param {CryptoKey} privateKey from `generateAccountKey`
 * @returns {Promise<Bytes>} PKCS #8; seal it and wipe it
 */
export async function exportAccountKey(privateKey) {
  return new Uint8Array(await subtle.exportKey("pkcs8", privateKey));
}

/**
 * Bring AIK back from the backup, non-extractable, for as long as it is needed.
 *
 * The public half is taken from the blob and proved to belong to the private one, so that a key the
 * server names is never trusted.
 *
 * Throws: AppError("bad_key").
 * @param {Bytes} pkcs8
 * @returns {Promise<KeyPair>}
 */
export async function importAccountKey(pkcs8) {
  if (pkcs8.length !== PKCS8_BYTES) throw new AppError("bad_key", "PKCS #8 length");
  const publicKey = pkcs8.slice(-POINT_BYTES);
  const privateKey = await importPkcs8(pkcs8);
  // Of this purpose, because nobody accepts it from an account key: what is signed here proves nothing.
  const probe = tuple("", publicKey);
  try {
    await verify(publicKey, "devauth", probe, await sign(privateKey, "devauth", probe));
  } catch {
    throw new AppError("bad_key", "halves do not match");
  }
  return { privateKey, publicKey };
}

/**
 * DSK and DIK of a new device, non-extractable.
 * @returns {Promise<{ signing: KeyPair, agreement: KeyPair }>}
 */
export async function generateDeviceKeys() {
  const [signing, agreement] = await Promise.all([
    generateSigningKeyPair(),
    generateAgreementKeyPair(),
  ]);
  return { signing, agreement };
}

/**
 * Make and sign the certificate of an own device.
 * @param {object} device
 * @param {Bytes} device.userId 16 bytes
 * @param {Bytes} device.deviceId 16 bytes
 * @param {KeyPair} device.account AIK
 * @param {KeyPair} device.signing DSK
 * @param {PublicKey} device.agreementKey DIK
 * @param {number} device.createdAtMs
 * @param {number} [device.suites] bitmap
 * @returns {Promise<SignedCertificate>}
 */
export async function certifyDevice(device) {
  const { userId, deviceId, account, signing, agreementKey, createdAtMs } = device;
  const suites = u8(device.suites ?? SUITES_BITMAP);
  const fields = [userId, deviceId, signing.publicKey, agreementKey, u64(createdAtMs), suites];
  const body = tuple(LABEL.deviceCertificate, ...fields);
  const possession = tuple("", await sha256(body), account.publicKey);
  const [accountSignature, possessionSignature] = await Promise.all([
    sign(account.privateKey, "devcert", body),
    sign(signing.privateKey, "devcert-pop", possession),
  ]);
  return { body, accountSignature, possessionSignature };
}

/**
 * Verify both signatures of a certificate and read it.
 *
 * Throws: AppError "malformed", "bad_key" or "bad_signature".
 * @param {SignedCertificate} certificate
 * @param {PublicKey} accountKey the pinned AIK of the user the device claims to belong to
 * @returns {Promise<DeviceCertificate>}
 */
export async function verifyCertificate(certificate, accountKey) {
  const { body, accountSignature, possessionSignature } = certificate;
  const parsed = parseCertificateBody(body);
  const certHash = await sha256(body);
  await verify(accountKey, "devcert", body, accountSignature);
  const possession = tuple("", certHash, accountKey);
  await verify(parsed.signingKey, "devcert-pop", possession, possessionSignature);
  await importAgreementKey(parsed.agreementKey);
  return Object.freeze({ ...parsed, accountKey, certHash });
}

/**
 * Verify a certificate that came with what its device signed, and with the account it names.
 *
 * Throws: AppError "bad_key" or "bad_signature"; one that cannot be read is one that nobody signed.
 * @param {SignedCertificate} certificate
 * @param {PublicKey} accountKey
 * @returns {Promise<DeviceCertificate>}
 */
export async function verifyEnclosedCertificate(certificate, accountKey) {
  try {
    return await verifyCertificate(certificate, accountKey);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "malformed") throw error;
    throw new AppError("bad_signature", "certificate");
  }
}

/**
 * Read a certificate without believing it.
 *
 * Throws: AppError("malformed").
 * @param {Bytes} body
 */
export function parseCertificateBody(body) {
  const lengths = [ID_BYTES, ID_BYTES, POINT_BYTES, POINT_BYTES, 8, 1];
  const { fields, rest } = parseTuple(body, LABEL.deviceCertificate, lengths);
  if (rest.length > 0) throw new AppError("malformed", "certificate");
  const [userId, deviceId, signingKey, agreementKey, createdAt, suites] =
    /** @type {[Bytes, Bytes, PublicKey, PublicKey, Bytes, Bytes]} */ (fields);
  const createdAtMs = readU64(createdAt);
  return { userId, deviceId, signingKey, agreementKey, createdAtMs, suites: suites[0] ?? 0 };
}

/** @param {Bytes} pkcs8 */
async function importPkcs8(pkcs8) {
  try {
    return await subtle.importKey("pkcs8", pkcs8, SIGNING, false, ["sign"]);
  } catch {
    throw new AppError("bad_key", "not PKCS #8");
  }
}

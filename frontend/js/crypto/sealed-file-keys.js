/**
 * Who can open a sealed file: K for every device of the recipients, or K from a passphrase
 * (docs/crypto.md §11).
 *
 *     K    = 32 random bytes                                                           people
 *     WK   = HKDF(Z32, ECDH(EK, DIK), T("SEAL1/sealed-file/slot", fileId, EK, idR), 32)
 *     slot = AEAD(WK, K, preamble)
 *
 *     K    = HKDF(Z32, Argon2id(NFC(passphrase), H(T("SEAL1/sealed-file/pw-salt", fileId)), params),
 *                 "SEAL1/sealed-file/pw", 32)                                          passphrase
 *
 * EK is an ephemeral key of which the private half is forgotten at once, so the sender cannot open the
 * file again, not even under duress. idR is the whole certified identity of the receiving device: a slot
 * cannot be passed off as made for another account or device that shows the same key.
 */

import { utf8, wipe } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { KDF_DEFAULT, KEY_BYTES, LABEL, MAX_SLOTS } from "./constants.js";
import { agree, generateAgreementKeyPair } from "./curve.js";
import { tuple } from "./encoding.js";
import { dumpKdfParams, requireKdfParams } from "./password.js";
import { aeadOpen, aeadSeal, hkdf, randomBytes, sha256, ZERO_SALT } from "./primitives.js";
import { dumpHeader, preambleOf } from "./sealed-file-head.js";
import { identityBytes } from "./x3dh.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { PassphraseHeader, PeopleHeader } from "./sealed-file-head.js" */
/** @import { Argon2id, DeviceIdentity, KdfParams, PublicKey, SealingKey } from "./types.js" */

/** @typedef {{ key: SealingKey, prefix: Bytes }} NewHeader K, and preamble ‖ LP(header) */

/**
 * K for these devices.
 *
 * Throws: AppError("malformed") for none or more than 1,024.
 * @param {Bytes} fileId 16 bytes
 * @param {readonly DeviceIdentity[]} recipients verified
 * @returns {Promise<NewHeader>}
 */
export async function sealForDevices(fileId, recipients) {
  if (recipients.length === 0 || recipients.length > MAX_SLOTS) {
    throw new AppError("malformed", "recipients");
  }
  const key = /** @type {SealingKey} */ (randomBytes(KEY_BYTES));
  const { privateKey, publicKey } = await generateAgreementKeyPair();
  const slots = recipients.map(async (recipient) => {
    const secret = await agree(privateKey, recipient.agreementKey);
    const wrappingKey = await slotKey(secret, fileId, publicKey, recipient);
    return aeadSeal(wrappingKey, key, preambleOf("people"));
  });
  const fields = [publicKey, ...(await Promise.all(slots))];
  return { key, prefix: dumpHeader("people", fileId, fields) };
}

/**
 * K of a file that was sealed for this device.
 *
 * Throws: DecryptError("no-session") when no slot opens.
 * @param {PeopleHeader} header
 * @param {DeviceIdentity} own
 * @param {CryptoKey} agreementPrivateKey DIK
 * @returns {Promise<SealingKey>}
 */
export async function openForDevice({ fileId, ephemeralKey, slots }, own, agreementPrivateKey) {
  const secret = await agree(agreementPrivateKey, ephemeralKey).catch(() => null);
  if (secret === null) throw new DecryptError("no-session");
  const wrappingKey = await slotKey(secret, fileId, ephemeralKey, own);
  for (const slot of slots) {
    const key = await aeadOpen(wrappingKey, slot, preambleOf("people")).catch(() => null);
    if (key !== null) return /** @type {SealingKey} */ (key);
  }
  throw new DecryptError("no-session");
}

/**
 * K for whoever knows a passphrase; takes a fraction of a second and 64 MiB.
 * @param {Bytes} fileId 16 bytes
 * @param {string} passphrase
 * @param {Argon2id} argon2id
 * @returns {Promise<NewHeader>}
 */
export async function sealForPassphrase(fileId, passphrase, argon2id) {
  const key = await passphraseKey({ fileId, params: KDF_DEFAULT }, passphrase, argon2id);
  return { key, prefix: dumpHeader("passphrase", fileId, [dumpKdfParams(KDF_DEFAULT)]) };
}

/**
 * K of a file under a passphrase. Whether it is the right one, the manifest says.
 *
 * Throws: AppError("weak_kdf") for parameters this client does not compute with.
 * @param {Pick<PassphraseHeader, "fileId" | "params">} header
 * @param {string} passphrase
 * @param {Argon2id} argon2id
 * @returns {Promise<SealingKey>}
 */
export async function passphraseKey({ fileId, params }, passphrase, argon2id) {
  requireKdfParams(params);
  const { mKib, t, p } = params;
  const salt = await sha256(tuple(LABEL.sealedFilePasswordSalt, fileId));
  const password = utf8(passphrase.normalize("NFC"));
  const stretched = await argon2id({ password, salt, mKib, t, p });
  const key = await hkdf(ZERO_SALT, stretched, utf8(LABEL.sealedFilePassword), KEY_BYTES);
  wipe(stretched);
  return /** @type {SealingKey} */ (key);
}

/**
 * @param {Bytes} secret of the agreement, overwritten here
 * @param {Bytes} fileId
 * @param {PublicKey} ephemeralKey EK
 * @param {DeviceIdentity} recipient
 */
export async function slotKey(secret, fileId, ephemeralKey, recipient) {
  const info = tuple(LABEL.sealedFileSlot, fileId, ephemeralKey, identityBytes(recipient));
  const key = await hkdf(ZERO_SALT, secret, info, KEY_BYTES);
  wipe(secret);
  return key;
}

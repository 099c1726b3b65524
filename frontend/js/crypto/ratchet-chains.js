/**
 * The key derivations of the Double Ratchet:
 *
 *     KDF_RK(RK, dh) = HKDF(salt RK, ikm dh, "SEAL1/root", 64) → RK' ‖ CK
 *     KDF_CK(CK)     = CK' = HMAC(CK, 0x02), MK = HMAC(CK, 0x01)
 *     encKey         = HKDF(Z32, MK, "SEAL1/msg", 32)
 */

import { u8, utf8, wipe } from "../lib/bytes.js";
import { KEY_BYTES, LABEL } from "./constants.js";
import { agree } from "./curve.js";
import { hkdf, hkdfAeadKey, hmacAll, ZERO_SALT } from "./primitives.js";

/** @import { ChainKey, MessageKey, PublicKey, RootKey } from "./types.js" */

const ROOT_INFO = utf8(LABEL.root);
const MESSAGE_INFO = utf8(LABEL.message);
const MESSAGE_CONSTANT = u8(1);
const CHAIN_CONSTANT = u8(2);

/**
 * KDF_CK.
 * @param {ChainKey} chainKey
 * @returns {Promise<{ chainKey: ChainKey, messageKey: MessageKey }>}
 */
export async function stepChain(chainKey) {
  const [message, next] = await hmacAll(chainKey, MESSAGE_CONSTANT, CHAIN_CONSTANT);
  return {
    chainKey: /** @type {ChainKey} */ (next),
    messageKey: /** @type {MessageKey} */ (message),
  };
}

/**
 * KDF_RK over a Diffie-Hellman of the ratchet keys.
 * @param {RootKey} rootKey
 * @param {CryptoKey} privateKey
 * @param {PublicKey} publicKey
 * @returns {Promise<{ rootKey: RootKey, chainKey: ChainKey }>}
 */
export async function deriveRoot(rootKey, privateKey, publicKey) {
  const secret = await agree(privateKey, publicKey);
  const output = await hkdf(rootKey, secret, ROOT_INFO, 2 * KEY_BYTES);
  wipe(secret);
  return {
    rootKey: /** @type {RootKey} */ (output.slice(0, KEY_BYTES)),
    chainKey: /** @type {ChainKey} */ (output.slice(KEY_BYTES)),
  };
}

/**
 * The encryption key of one message.
 * @param {MessageKey} messageKey
 * @returns {Promise<CryptoKey>}
 */
export function deriveMessageKey(messageKey) {
  return hkdfAeadKey(ZERO_SALT, messageKey, MESSAGE_INFO);
}

/**
 * Files for whoever has a link (SEAL1 §4.13).
 *
 *     fragment = "1." ‖ base64url(LS32)                          behind the "#", which browsers never send
 *     LS'      = HKDF(Argon2id(passphrase, H(T("SEAL1/link/pw", transferId))), LS, "SEAL1/link/pw", 32)
 *                LS itself without a passphrase
 *     auth     = HKDF(Z32, LS', "SEAL1/link/auth", 32)           shown to the server, which keeps H(auth)
 *     K        = HKDF(Z32, LS', "SEAL1/link/manifest", 32)
 *     manifest = AEAD(K, json, T("SEAL1/link", transferId))
 *
 * The server can neither open the manifest nor try passphrases: it never sees LS.
 */

import { fromBase64url, toBase64url, utf8 } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { KDF_DEFAULT, KEY_BYTES, LABEL, LINK_VERSION } from "./constants.js";
import { tuple } from "./encoding.js";
import { aeadOpen, aeadSeal, hkdf, randomBytes, sha256, ZERO_SALT } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Argon2id, LinkSecret } from "./types.js" */

/** @typedef {{ auth: Bytes, manifestKey: Bytes }} LinkKeys 32 bytes each */

/** LS of a new link. */
export function makeLinkSecret() {
  return /** @type {LinkSecret} */ (randomBytes(KEY_BYTES));
}

/**
 * @param {LinkSecret} secret LS
 * @returns {string} the fragment, without "#"
 */
export function dumpFragment(secret) {
  return `${LINK_VERSION}.${toBase64url(secret)}`;
}

/**
 * Throws: AppError "unsupported" for another version, "malformed" for what is no fragment of ours.
 * @param {string} fragment without "#"
 * @returns {LinkSecret}
 */
export function parseFragment(fragment) {
  const [version, secret, ...more] = fragment.split(".");
  if (secret === undefined || more.length > 0) throw new AppError("malformed", "link");
  if (version !== String(LINK_VERSION)) throw new AppError("unsupported", "link version");
  return /** @type {LinkSecret} */ (fromBase64url(secret, KEY_BYTES));
}

/**
 * Mix a passphrase into the secret of a link; takes a fraction of a second and 64 MiB.
 * @param {LinkSecret} secret LS
 * @param {string} passphrase
 * @param {Bytes} transferId 16 bytes
 * @param {Argon2id} argon2id
 * @returns {Promise<LinkSecret>} LS'
 */
export async function protectSecret(secret, passphrase, transferId, argon2id) {
  const salt = await sha256(tuple(LABEL.linkPassword, transferId));
  const password = utf8(passphrase.normalize("NFC"));
  const { mKib, t, p } = KDF_DEFAULT;
  const stretched = await argon2id({ password, salt, mKib, t, p });
  const info = utf8(LABEL.linkPassword);
  return /** @type {LinkSecret} */ (await hkdf(stretched, secret, info, KEY_BYTES));
}

/**
 * @param {LinkSecret} secret LS, or LS' of a link with a passphrase
 * @returns {Promise<LinkKeys>}
 */
export async function deriveLinkKeys(secret) {
  const [auth, manifestKey] = await Promise.all([
    hkdf(ZERO_SALT, secret, utf8(LABEL.linkAuth), KEY_BYTES),
    hkdf(ZERO_SALT, secret, utf8(LABEL.linkManifest), KEY_BYTES),
  ]);
  return { auth, manifestKey };
}

/**
 * @param {Bytes} manifestKey K
 * @param {Bytes} transferId 16 bytes
 * @param {Bytes} json UTF-8
 * @returns {Promise<Bytes>}
 */
export function sealLinkManifest(manifestKey, transferId, json) {
  return aeadSeal(manifestKey, json, tuple(LABEL.link, transferId));
}

/**
 * Throws: DecryptError("auth-failed") for another secret, passphrase or transfer, and for any change.
 * @param {Bytes} manifestKey K
 * @param {Bytes} transferId 16 bytes
 * @param {Bytes} sealed
 * @returns {Promise<Bytes>} json, UTF-8
 */
export function openLinkManifest(manifestKey, transferId, sealed) {
  return aeadOpen(manifestKey, sealed, tuple(LABEL.link, transferId));
}

/**
 * From a typed password to what logs in and what opens the backup, in a worker that ends with the work.
 *
 * The password itself is nowhere kept: it comes as an argument, becomes bytes once, and those are
 * overwritten. What is kept between two screens is the wrapping key.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { KDF_DEFAULT } from "../crypto/constants.js";
import { derivePasswordKeys, makePasswordSalt } from "../crypto/password.js";
import { estimateStrength } from "../crypto/passphrase.js";
import { dumpKdf } from "./backup.js";

/** @import { Argon2id, KdfParams } from "../crypto/types.js" */
/** @import { PasswordSecret } from "./backup.js" */

const PASSWORD_MAX_CHARS = 1_024;

/** @typedef {() => { argon2id: Argon2id, end: () => void }} StartArgon2 */
/** @typedef {{ authKey: string, secret: PasswordSecret }} TypedPassword */

/**
 * Stretch a password with the salt and the parameters of an account.
 *
 * Throws: AppError "weak_kdf" (the server offers less than the floor), "too_long", "kdf_failed".
 * @param {StartArgon2} startArgon2
 * @param {{ email: string, password: string, salt: string, params: KdfParams }} input
 * @returns {Promise<TypedPassword>}
 */
export async function stretchPassword(startArgon2, { email, password, salt, params }) {
  if (password.length > PASSWORD_MAX_CHARS) throw new AppError("too_long");
  const worker = startArgon2();
  try {
    const input = { password, email, salt16: fromBase64url(salt, 16), params };
    const { authKey, wrappingKey } = await derivePasswordKeys(input, worker.argon2id);
    return { authKey: toBase64url(authKey), secret: { wrappingKey, salt, params } };
  } finally {
    worker.end();
  }
}

/**
 * The same for a new password, with a salt of its own.
 *
 * Throws: AppError "weak_password" for one that is among the first guesses of anyone.
 * @param {StartArgon2} startArgon2
 * @param {{ email: string, password: string, displayName: string }} input
 * @returns {Promise<TypedPassword>}
 */
export async function chooseSecret(startArgon2, { email, password, displayName }) {
  if (estimateStrength(password, [email, displayName]).level === 0) {
    throw new AppError("weak_password");
  }
  const salt = toBase64url(makePasswordSalt());
  return stretchPassword(startArgon2, { email, password, salt, params: KDF_DEFAULT });
}

/**
 * What a password is at the server.
 * @param {TypedPassword} typed
 */
export function verifierOf({ authKey, secret: { salt, params } }) {
  return { salt, kdf: dumpKdf(params), auth_key: authKey };
}

/** What a passphrase of files must be. Forms ask before they send anything, the engine before it stretches anything. */

import { AppError } from "../lib/errors.js";
import { PASSWORD_MIN_CHARS } from "../crypto/constants.js";

/**
 * Throws: AppError("weak_password") for a passphrase that no file is put under: anybody's first guesses are enough.
 * @param {string} passphrase
 */
export function requirePassphrase(passphrase) {
  if ([...passphrase].length < PASSWORD_MIN_CHARS) throw new AppError("weak_password");
}

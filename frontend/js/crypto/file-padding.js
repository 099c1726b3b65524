/**
 * Hiding how long a file is: zeros behind it, up to the sizes messages are padded to (SEAL1 §4.12).
 *
 * The true size stands in the manifest, and a receiver takes exactly the padding that a sender adds.
 */

import { equal } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { encryptedSize } from "./cobblestone.js";
import { paddedLength } from "./padding.js";

/** @import { Bytes } from "../lib/bytes.js" */

const ZEROS = new Uint8Array(65_536);

/**
 * Size of the ciphertext of a padded file.
 * @param {number} sizeBytes of the file itself
 * @returns {number} in bytes
 */
export function sealedSize(sizeBytes) {
  return encryptedSize(paddedLength(sizeBytes));
}

/**
 * Throws (the generator): AppError("file_changed") when the file is not as long as it was said to be.
 * @param {AsyncIterable<Uint8Array>} pieces of the file
 * @param {number} sizeBytes of the file
 * @returns {AsyncGenerator<Uint8Array, void>} the same, and zeros behind them
 */
export async function* padFile(pieces, sizeBytes) {
  let left = sizeBytes;
  for await (const piece of pieces) {
    left -= piece.length;
    if (left < 0) break;
    yield piece;
  }
  if (left !== 0) throw new AppError("file_changed", "another length");
  let padding = paddedLength(sizeBytes) - sizeBytes;
  for (; padding > 0; padding -= ZEROS.length) yield ZEROS.subarray(0, padding);
}

/**
 * Throws (the generator): DecryptError("auth-failed") when anything but zeros follows the file, or the
 * whole has another length.
 * @param {AsyncIterable<Bytes>} pieces of the padded file
 * @param {number} sizeBytes of the file
 * @returns {AsyncGenerator<Bytes, void>} the file alone
 */
export async function* unpadFile(pieces, sizeBytes) {
  let left = sizeBytes;
  let padding = paddedLength(sizeBytes) - sizeBytes;
  for await (const piece of pieces) {
    const content = piece.subarray(0, left);
    const zeros = piece.subarray(content.length);
    if (content.length > 0) yield content;
    left -= content.length;
    padding -= zeros.length;
    if (!equal(zeros, new Uint8Array(zeros.length))) throw new DecryptError("auth-failed");
  }
  if (left !== 0 || padding !== 0) throw new DecryptError("auth-failed");
}

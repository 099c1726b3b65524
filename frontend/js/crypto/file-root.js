/**
 * What stands for a whole ciphertext in a signature: the root over the hashes of its parts (SEAL1 §4.12).
 *
 *     root = H(T("SEAL1/file/root", fileId, u64 size, u32 4194304, H(part 0) ‖ … ‖ H(part n)))
 *
 * Parts are 4 MiB of ciphertext, the last one shorter. WebCrypto hashes nothing piecewise, so there is a
 * list of hashes where one hash would do; it also lets each part be checked as it comes.
 */

import { concat, equal, u32, u64 } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { FILE_PART_BYTES, HASH_BYTES, LABEL } from "./constants.js";
import { tuple } from "./encoding.js";
import { sha256 } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */

/** @typedef {{ sizeBytes: number, hashes: Bytes }} PartList of a ciphertext; hashes: 32 bytes for each part */

/**
 * Throws: AppError("malformed") when there is not one hash for each part.
 * @param {Bytes} fileId 16 bytes
 * @param {PartList} parts
 * @returns {Promise<Bytes>} 32 bytes
 */
export function fileRoot(fileId, { sizeBytes, hashes }) {
  if (hashes.length !== Math.ceil(sizeBytes / FILE_PART_BYTES) * HASH_BYTES) {
    throw new AppError("malformed", "hash list");
  }
  return sha256(tuple(LABEL.fileRoot, fileId, u64(sizeBytes), u32(FILE_PART_BYTES), hashes));
}

/**
 * Check a list that somebody serves beside the parts, before any of them is used.
 *
 * Throws: DecryptError("auth-failed") when it is not the list of this root.
 * @param {Bytes} root 32 bytes, signed
 * @param {Bytes} fileId 16 bytes
 * @param {PartList} parts
 */
export async function verifyPartList(root, fileId, parts) {
  if (!equal(await fileRoot(fileId, parts), root)) throw new DecryptError("auth-failed");
}

/**
 * Check one part as it comes.
 *
 * Throws: DecryptError("auth-failed") for anything but the part the list names.
 * @param {PartList} parts verified
 * @param {number} index from 0
 * @param {Bytes} part
 */
export async function verifyPart({ hashes }, index, part) {
  const expected = hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  if (!equal(await sha256(part), expected)) throw new DecryptError("auth-failed");
}

/** Hashes a ciphertext part by part while it passes; holds one part. */
export class PartHasher {
  #held = new Uint8Array(FILE_PART_BYTES);
  #heldBytes = 0;
  #sizeBytes = 0;
  /** @type {Bytes[]} */
  #hashes = [];

  /** @param {Uint8Array} piece the next bytes, however many; nobody needs them when this has resolved */
  async update(piece) {
    let rest = piece;
    this.#sizeBytes += piece.length;
    while (this.#heldBytes + rest.length >= FILE_PART_BYTES) {
      const end = FILE_PART_BYTES - this.#heldBytes;
      this.#hold(rest.subarray(0, end));
      await this.#close();
      rest = rest.subarray(end);
    }
    this.#hold(rest);
  }

  /** @returns {Promise<PartList>} */
  async finish() {
    if (this.#heldBytes > 0) await this.#close();
    return { sizeBytes: this.#sizeBytes, hashes: concat(...this.#hashes) };
  }

  /** @param {Uint8Array} piece */
  #hold(piece) {
    this.#held.set(piece, this.#heldBytes);
    this.#heldBytes += piece.length;
  }

  async #close() {
    this.#hashes.push(await sha256(this.#held.subarray(0, this.#heldBytes)));
    this.#heldBytes = 0;
  }
}

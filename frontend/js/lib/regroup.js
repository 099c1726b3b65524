/**
 * Cut a stream of byte strings into blocks of one size, whatever the pieces were.
 *
 * Yields blocks of exactly `size` bytes and, at the end, always one that is shorter: the rest, which may
 * be empty. Holds one block and one piece at a time.
 */

import { concat } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */

/**
 * @param {AsyncIterable<Uint8Array>} pieces
 * @param {number} size of a block, in bytes
 * @param {number} [first] size of the first block, when it differs
 * @returns {AsyncGenerator<Bytes, void>}
 */
export async function* regroup(pieces, size, first = size) {
  /** @type {Uint8Array[]} */
  let held = [];
  let length = 0;
  let wanted = first;
  for await (const piece of pieces) {
    held.push(piece);
    length += piece.length;
    if (length < wanted) continue;
    const joined = concat(...held);
    let start = 0;
    while (length - start >= wanted) {
      yield joined.subarray(start, start + wanted);
      start += wanted;
      wanted = size;
    }
    held = [joined.subarray(start)];
    length -= start;
  }
  yield concat(...held);
}
